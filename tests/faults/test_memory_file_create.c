/* A new file is there whole, with its notes, or not at all: whatever write a kill comes before. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>
#include <sqlite3.h>
#include <sys/wait.h>

#include "memory_file_check.h"

static const eg_note notes[] = { { "title", "forty patterns" }, { "scaling", "none" } };

static int set_up(void **state)
{
    (void)state;
    return make_folder();
}

/* SQLite's writes, in the child that is to die at one of them. */
static long writes_left;

static ssize_t dying_write(int fd, const void *bytes, size_t n, off_t at)
{
    if (writes_left-- == 0) kill(getpid(), SIGKILL);
    return pwrite(fd, bytes, n, at);
}

/* pwrite and pwrite64 are one on this system; SQLite uses the one it was built with. */
static void die_before_write(long number)
{
    static const char *const names[] = { "pwrite", "pwrite64" };
    sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);
    writes_left = number;
    for (size_t i = 0; i < EGI_COUNT(names); i++)
        (void)vfs->xSetSystemCall(vfs, names[i], (sqlite3_syscall_ptr)dying_write);
}

static void check_notes(const char *path)
{
    eg_memory_file *f = NULL;
    CHECK_OK(eg_memory_file_open(path, &reading, &f));
    CHECK_OK(eg_memory_file_verify(f, NULL, NULL));
    for (size_t i = 0; i < EGI_COUNT(notes); i++) {
        const char *value = "";
        CHECK_OK(eg_memory_file_note(f, notes[i].key, &value));
        assert_string_equal(value, notes[i].value);
    }
    eg_memory_file_close(f);
}

static eg_status create(const char *path)
{
    eg_file_options o = EG_FILE_OPTIONS_INIT;
    eg_memory_file *f = NULL;
    o.notes = notes;
    o.note_count = EGI_COUNT(notes);
    const eg_status s = eg_memory_file_create(path, D, NULL, &o, &f);
    eg_memory_file_close(f);
    return s;
}

static void kills_leave_all_or_nothing(void **state)
{
    const char *path = path_of("new.egm");
    size_t absent = 0;
    int done = 0;
    (void)state;
    for (long k = 0; !done && k < 1000; k++) {
        int status;
        discard(path);
        const pid_t child = fork();
        CHECK(child >= 0);
        if (child == 0) {
            die_before_write(k);
            _exit(create(path) == EG_OK ? 0 : 1);
        }
        CHECK(waitpid(child, &status, 0) == child);
        done = WIFEXITED(status);
        CHECK(!done || WEXITSTATUS(status) == 0);
        if (access(path, F_OK) != 0) {
            absent++;
            CHECK(!done);
            CHECK_OK(create(path)); /* what is left behind is in nobody's way */
        }
        check_notes(path);
    }
    CHECK(done && absent > 4);
}

static void notes_are_checked(void **state)
{
    static const eg_note bad[] = { { "", "v" }, { NULL, "v" }, { "k", "\xff" }, { "\xff", "v" } };
    const char *path = path_of("bad.egm");
    eg_memory *m = NULL;
    (void)state;
    CHECK_OK(eg_memory_create(D, NULL, &m));
    for (size_t i = 0; i < EGI_COUNT(bad); i++) {
        eg_file_options o = EG_FILE_OPTIONS_INIT;
        eg_memory_file *f = NULL;
        o.notes = bad + i;
        o.note_count = 1;
        CHECK_STATUS(eg_memory_file_create(path, D, NULL, &o, &f), EG_ERR_INVALID);
        CHECK_STATUS(eg_memory_file_save(path, m, &o), EG_ERR_INVALID);
        CHECK(f == NULL && access(path, F_OK) != 0);
    }
    eg_file_options o = EG_FILE_OPTIONS_INIT;
    o.notes = notes;
    o.note_count = EGI_COUNT(notes);
    CHECK_OK(eg_memory_file_save(path, m, &o));
    check_notes(path);
    eg_memory_destroy(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kills_leave_all_or_nothing),
        cmocka_unit_test(notes_are_checked),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
