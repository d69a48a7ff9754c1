/* Memory is short in every public call: the k-th allocation fails, once and from there on for good,
 * for every k of every episode of every_call.h. A call says EG_ERR_NOMEM or does without; nothing
 * leaks (LeakSanitizer looks at the end), and the next time all goes well. What is allocated here
 * by jansson and by SQLite fails as well. EG_CAMPAIGN=1: every k, and one that was stopped goes on
 * with the episode it was in; else some 12 of them. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <jansson.h>
#include <pthread.h>
#include <sqlite3.h>

#include "campaign_notes.h"
#include "every_call_table.h"

/* Whose allocations: the library's and SQLite's, or jansson's, which does not always say that it
 * was for want of memory. */
enum whose { NOBODY, OURS, JSON };

static struct {
    size_t at, calls;
    int for_good;
    enum whose whose;
} fault;

static int falls(enum whose whose)
{
    if (__atomic_load_n(&fault.whose, __ATOMIC_RELAXED) != whose) return 0;
    const size_t call = __atomic_fetch_add(&fault.calls, 1, __ATOMIC_RELAXED);
    return call == fault.at || (fault.for_good && call > fault.at);
}

/* In the place of the C library's: all that the library allocates is allocated by it. */
void *aligned_alloc(size_t align, size_t size)
{
    void *p = NULL;
    return falls(OURS) || posix_memalign(&p, align, size) != 0 ? NULL : p;
}

static void *json_falls(size_t size)
{
    return falls(JSON) ? NULL : malloc(size);
}

static sqlite3_mem_methods sql_real;

static void *sql_malloc(int n)
{
    return falls(OURS) ? NULL : sql_real.xMalloc(n);
}

static void *sql_realloc(void *p, int n)
{
    return falls(OURS) ? NULL : sql_real.xRealloc(p, n);
}

static int set_up(void **state)
{
    sqlite3_mem_methods mine;
    const char *tmp = getenv("EG_TEST_TMP");
    (void)state;
    json_set_alloc_funcs(json_falls, free);
    if (sqlite3_config(SQLITE_CONFIG_GETMALLOC, &sql_real) != SQLITE_OK) return -1;
    mine = sql_real;
    mine.xMalloc = sql_malloc;
    mine.xRealloc = sql_realloc;
    if (sqlite3_config(SQLITE_CONFIG_MALLOC, &mine) != SQLITE_OK) return -1;
    return call_folder_begin(tmp, "allocations");
}

/* How many allocations there are. */
static size_t act(const struct episode *e, enum whose whose, size_t at, int for_good)
{
    char path[400];
    snprintf(path, sizeof path, "%s/file", call_folder);
    fault.at = at;
    fault.for_good = for_good;
    fault.calls = 0;
    __atomic_store_n(&fault.whose, whose, __ATOMIC_RELAXED);
    const eg_status s = e->act(path);
    __atomic_store_n(&fault.whose, NOBODY, __ATOMIC_RELAXED);
    const int fell = fault.calls > at;
    if (s < EG_OK && (whose == OURS || !fell) && s != EG_ERR_NOMEM)
        fail_msg("%s, allocation %zu %s: %s: %s", e->name, at, for_good ? "for good" : "once",
                 eg_status_name(s), eg_error_detail());
    CHECK(fell || s >= EG_OK);
    if (call_left_behind() != 0) fail_msg("%s, allocation %zu: files are left behind", e->name, at);
    return fault.calls;
}

static size_t fail_every(const struct episode *e, enum whose whose)
{
    const size_t calls = act(e, whose, SIZE_MAX, 0);
    const size_t step = campaign(1 + calls / 12, 1 + calls / 10000);
    size_t failures = 0;
    for (int for_good = 0; for_good < 2; for_good++)
        for (size_t k = (size_t)for_good; k < calls; k += step, failures++) {
            (void)act(e, whose, k, for_good);
            campaign_at(e->name, k, calls);
        }
    (void)act(e, whose, SIZE_MAX, 0);
    print_message("%s: %zu allocations%s, every %zu. fails\n", e->name, calls,
                  whose == JSON ? " of JSON" : "", step);
    return failures;
}

/* Of an episode that takes a table row by row each by itself, or what comes first would be done
 * again for every allocation of what comes later. */
static size_t fail_episode(const struct episode *e)
{
    size_t failures = 0;
    for (size_t row = 0; row == 0 || (e->has != NULL && e->has(row)); row++) {
        call_only = e->has != NULL ? row : SIZE_MAX;
        failures += fail_every(e, OURS) + fail_every(e, JSON);
    }
    call_only = SIZE_MAX;
    return failures;
}

static void every_call_survives(void **state)
{
    static const char note[] = "allocations";
    size_t failures = 0;
    (void)state;
    for (size_t i = campaign_done(note); i < EGI_COUNT(episodes); i++) {
        failures += fail_episode(&episodes[i]);
        campaign_note(note, i + 1);
    }
    campaign_forget(note);
    print_message("%zu failures\n", failures);
}

/* One call of `name` or its address, among `text`. */
static int is_called(const char *text, const char *name)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz_0123456789";
    const size_t n = strlen(name);
    for (const char *p = text; (p = strstr(p, name)) != NULL; p += n)
        if (strspn(p + n, letters) == 0 && (p == text || strchr(letters, p[-1]) == NULL)) return 1;
    return 0;
}

/* What lies in a file of the source, of that many bytes at most. */
static size_t read_source(const char *folder_of, const char *name, char *out, size_t room)
{
    char path[800];
    snprintf(path, sizeof path, "%s/../%s/%s", getenv("EG_TEST_DOCS"), folder_of, name);
    FILE *f = fopen(path, "rb");
    CHECK(f != NULL);
    const size_t n = fread(out, 1, room - 1, f);
    CHECK(n < room - 1);
    fclose(f);
    out[n] = '\0';
    return n;
}

/* The table is whole: what a header offers is called by an episode. */
static void no_call_is_left_out(void **state)
{
    static char text[200000], header[60000];
    size_t calls = 0, n = 0;
    char path[600];
    (void)state;
    if (getenv("EG_TEST_DOCS") == NULL) skip();
    snprintf(path, sizeof path, "%s/../tests", getenv("EG_TEST_DOCS"));
    DIR *d = opendir(path);
    CHECK(d != NULL);
    for (struct dirent *e; (e = readdir(d)) != NULL;)
        if (strncmp(e->d_name, "every_call", 10) == 0)
            n += read_source("tests", e->d_name, text + n, sizeof text - n);
    closedir(d);
    snprintf(path, sizeof path, "%s/../include/engram", getenv("EG_TEST_DOCS"));
    d = opendir(path);
    CHECK(d != NULL);
    for (struct dirent *e; (e = readdir(d)) != NULL;) {
        if (strstr(e->d_name, ".h") == NULL) continue;
        (void)read_source("include/engram", e->d_name, header, sizeof header);
        for (const char *p = header; (p = strstr(p, "\nEG_API ")) != NULL; calls++) {
            char name[80];
            const char *end = strchr(p += 8, '('), *begin = end;
            CHECK(end != NULL);
            while (strchr(" *", begin[-1]) == NULL) begin--;
            snprintf(name, sizeof name, "%.*s", (int)(end - begin), begin);
            if (!is_called(text, name)) fail_msg("%s: no episode calls it", name);
        }
    }
    closedir(d);
    print_message("%zu calls\n", calls);
    CHECK(calls > 400);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_call_is_left_out),
        cmocka_unit_test(every_call_survives),
    };
    return cmocka_run_group_tests(tests, set_up, call_folder_end);
}
