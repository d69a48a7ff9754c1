/* Calls of a memory file that lack something, and descriptions with one value that cannot be. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "memory_file_check.h"
#include "model/egi_memory_file.h"

#define INVALID(call) CHECK_STATUS(call, EG_ERR_INVALID)

static int set_up(void **state)
{
    (void)state;
    return make_folder();
}

static eg_status note(void *user, const char *key, const char *value)
{
    (void)user;
    (void)key;
    (void)value;
    return EG_OK;
}

static void calls_that_lack_something_are_refused(void **state)
{
    const char *text = NULL;
    char path[320];
    const eg_file_options wrong = { .size = sizeof wrong, .durability = 3 };
    eg_binary_options small = EG_BINARY_OPTIONS_INIT;
    eg_memory_file *f = NULL, *other = NULL;
    eg_memory *m = NULL;
    eg_binary *b = NULL, *b2 = NULL;
    eg_head *h = NULL, *h2 = NULL;
    eg_file_info info;
    uint64_t kept, lost;
    (void)state;
    snprintf(path, sizeof path, "%s", path_of("whole.egm"));
    small.clusters = small.units = 4;
    write_file(path, N);
    CHECK_OK(eg_memory_file_open(path, NULL, &f));
    CHECK_OK(eg_memory_file_load(f, &m));
    CHECK_OK(eg_binary_create(&small, &b));
    CHECK_OK(eg_head_create("{\"kind\": \"mean\"}", D, 1, NULL, &h));
    INVALID(eg_memory_file_open(NULL, NULL, &other));
    INVALID(eg_memory_file_open(path, NULL, NULL));
    INVALID(eg_memory_file_open(path, &wrong, &other));
    INVALID(eg_memory_file_create(path_of("new.egm"), D, NULL, NULL, NULL));
    INVALID(eg_memory_file_append(NULL, x, 1, NULL, NULL));
    INVALID(eg_memory_file_append(f, NULL, 1, NULL, NULL));
    INVALID(eg_memory_file_remove(NULL, &kept, 1));
    INVALID(eg_memory_file_remove(f, NULL, 1));
    INVALID(eg_memory_file_load(NULL, &m));
    INVALID(eg_memory_file_load(f, NULL));
    INVALID(eg_memory_file_save(NULL, m, NULL));
    INVALID(eg_memory_file_save(path_of("new.egm"), NULL, NULL));
    INVALID(eg_memory_file_save(path_of("new.egm"), m, &wrong));
    INVALID(eg_memory_file_save_binary(NULL, b, NULL));
    INVALID(eg_memory_file_save_binary(path_of("new.egm"), NULL, NULL));
    INVALID(eg_memory_file_save_binary(path_of("new.egm"), b, &wrong));
    INVALID(eg_memory_file_load_binary(NULL, &b2));
    INVALID(eg_memory_file_load_binary(f, NULL));
    INVALID(eg_memory_file_write_binary(NULL, b));
    INVALID(eg_memory_file_write_binary(f, NULL));
    INVALID(eg_memory_file_save_head(NULL, h, NULL));
    INVALID(eg_memory_file_save_head(path_of("new.egm"), NULL, NULL));
    INVALID(eg_memory_file_save_head(path_of("new.egm"), h, &wrong));
    INVALID(eg_memory_file_load_head(NULL, &h2));
    INVALID(eg_memory_file_load_head(f, NULL));
    INVALID(eg_memory_file_write_head(NULL, h));
    INVALID(eg_memory_file_write_head(f, NULL));
    INVALID(eg_memory_file_set_note(NULL, "a", "b"));
    INVALID(eg_memory_file_set_note(f, NULL, "b"));
    INVALID(eg_memory_file_note(NULL, "a", &text));
    INVALID(eg_memory_file_note(f, "a", NULL));
    INVALID(eg_memory_file_note(f, NULL, &text));
    INVALID(eg_memory_file_note(f, "", &text));
    INVALID(eg_memory_file_notes(NULL, note, NULL));
    INVALID(eg_memory_file_notes(f, NULL, NULL));
    INVALID(eg_memory_file_info(NULL, &info));
    INVALID(eg_memory_file_info(f, NULL));
    INVALID(eg_memory_file_verify(NULL, NULL, NULL));
    INVALID(eg_memory_file_backup(NULL, "a"));
    INVALID(eg_memory_file_backup(f, NULL));
    INVALID(eg_memory_file_vacuum(NULL));
    INVALID(eg_memory_file_export(NULL, "a", "npy"));
    INVALID(eg_memory_file_export(f, NULL, "npy"));
    INVALID(eg_memory_file_export(f, "a", NULL));
    INVALID(eg_memory_file_repair(NULL, "a", NULL, &kept, &lost));
    INVALID(eg_memory_file_repair(path, NULL, NULL, &kept, &lost));
    INVALID(eg_memory_file_repair(path, path_of("mended.egm"), &wrong, &kept, &lost));
    CHECK(access(path_of("new.egm"), F_OK) != 0 && access(path_of("mended.egm"), F_OK) != 0);
    CHECK_OK(eg_memory_file_repair(path, path_of("mended.egm"), NULL, NULL, NULL));
    eg_memory_file_close(NULL);
    CHECK_OK(eg_memory_file_verify(f, NULL, NULL)); /* none of it did anything */
    eg_head_destroy(h);
    eg_binary_destroy(b);
    eg_memory_destroy(m);
    eg_memory_file_close(f);
}

/* One value of a description that cannot be, in the place of the one that is there. */
static void descriptions_with_an_impossible_value_are_refused(void **state)
{
    static const struct {
        const char *name, *value;
    } rows[] = {
        { "engram memory", "0" },
        { "engram memory", "x" },
        { "d", "0" },
        { "d", "99999999999" },
        { "d", "-1" },
        { "d", "7x" },
        { "storage", "nothing" },
        { "beta", "g000000000000000" },
        { "beta", "" },
        { "beta", "Aff0000000000000" },
        { "beta", ":ff0000000000000" },
        { "beta", "fffffffffffffffffff" },
        { "beta", "7ff0000000000000" }, /* infinite */
        { "k", "18446744073709551616" },
        { "self_coupling", "2" },
        { "value_size", "99999999999" },
        { "seed", "1 " },
    };
    eg_memory_options o = EG_MEMORY_OPTIONS_INIT, back;
    char text[EGI_TEXT_MAX];
    size_t d = 0;
    (void)state;
    const size_t n = egi_memory_text(7, &o, text);
    CHECK_OK(egi_memory_parse(text, n, &d, &back));
    CHECK_STATUS(egi_memory_parse(text, EGI_TEXT_MAX, &d, &back), EG_ERR_CORRUPT);
    CHECK_STATUS(egi_memory_parse(text, n + 1, &d, &back), EG_ERR_CORRUPT); /* a NUL */
    for (size_t i = 0; i < EGI_COUNT(rows); i++) {
        char line[80], other[2 * EGI_TEXT_MAX];
        snprintf(line, sizeof line, i > 1 ? "\n%s " : "%s ", rows[i].name);
        const char *at = strstr(text, line);
        CHECK(at != NULL);
        const char *from = at + strlen(line), *rest = strchr(from, '\n');
        CHECK(rest != NULL);
        snprintf(other, sizeof other, "%.*s%s%s", (int)(from - text), text, rows[i].value, rest);
        const eg_status s = egi_memory_parse(other, strlen(other), &d, &back);
        if (s != EG_ERR_CORRUPT)
            fail_msg("%s %s: %s", rows[i].name, rows[i].value, eg_status_name(s));
    }
    CHECK(d == 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calls_that_lack_something_are_refused),
        cmocka_unit_test(descriptions_with_an_impossible_value_are_refused),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
