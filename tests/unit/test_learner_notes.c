/* Notes of a learner: words that are saved with it. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "engram/learner.h"

static eg_learner *make(void)
{
    const eg_task task = { .inputs = 4, .classes = 2, .epochs = 1 };
    eg_learner *l = NULL;
    CHECK_OK(eg_learner_create("{\"kind\": \"dam\", \"hidden\": 3}", &task, 5, 1, NULL, &l));
    return l;
}

static void test_kept(void **state)
{
    (void)state;
    char path[64] = "/tmp/engram-notes-XXXXXX";
    const int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    eg_learner *l = make(), *again = NULL;
    assert_null(eg_learner_note(l, "input"));
    CHECK_OK(eg_learner_set_note(l, "input", "first"));
    CHECK_OK(eg_learner_set_note(l, "input", "0..255 \"\\ \xc3\xa4"));
    CHECK_OK(eg_learner_set_note(l, "gone", "x"));
    CHECK_OK(eg_learner_set_note(l, "gone", NULL));
    CHECK_OK(eg_learner_set_note(l, "never", NULL));
    CHECK_OK(eg_learner_save(l, path));
    CHECK_OK(eg_learner_open(path, 1, NULL, &again));
    assert_string_equal(eg_learner_note(again, "input"), "0..255 \"\\ \xc3\xa4");
    assert_null(eg_learner_note(again, "gone"));
    assert_null(eg_learner_note(again, "learner"));
    assert_string_equal(eg_learner_spec(again), eg_learner_spec(l));
    /* and they are saved again */
    CHECK_OK(eg_learner_save(again, path));
    eg_learner_destroy(again);
    CHECK_OK(eg_learner_open(path, 1, NULL, &again));
    assert_string_equal(eg_learner_note(again, "input"), "0..255 \"\\ \xc3\xa4");
    eg_learner_destroy(again);
    eg_learner_destroy(l);
    unlink(path);
}

static void test_refused(void **state)
{
    static const char *const keys[] = { "learner", "task", "seed", "hash", "" };
    (void)state;
    eg_learner *l = make();
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        assert_int_equal(eg_learner_set_note(l, keys[i], "x"), EG_ERR_INVALID);
    assert_int_equal(eg_learner_set_note(l, NULL, "x"), EG_ERR_INVALID);
    assert_int_equal(eg_learner_set_note(NULL, "a", "x"), EG_ERR_INVALID);
    CHECK_OK(eg_learner_set_note(l, "a", "kept"));
    assert_int_equal(eg_learner_set_note(l, "a", "\xff"), EG_ERR_INVALID);
    assert_string_equal(eg_learner_note(l, "a"), "kept");
    eg_learner_destroy(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_kept),
                                        cmocka_unit_test(test_refused) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
