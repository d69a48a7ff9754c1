/* Words above chance against counting, and the motif that was put in. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"
#include "engram/repertoire.h"

enum { MOST = 8 };

static void the_motif_is_the_first_word(void **state)
{
    (void)state;
    eg_implant_options o = EG_IMPLANT_OPTIONS_INIT;
    eg_dataset set;
    eg_word word[MOST];
    eg_word_list list = { word, MOST, 0 };
    size_t all = 0, put = 0;
    o.repertoires = 10;
    o.sequences = 800;
    static uint8_t holds[8000];
    assert_int_equal(eg_repertoires_implant(&o, holds, &set), EG_OK);
    assert_int_equal(eg_words_enriched(set.x, 8000, set.d, holds, 4, NULL, &list), EG_OK);
    assert_true(list.found > 0);
    assert_string_equal(word[0].letters, "SFEN");
    for (size_t i = 0; i < 8000; i++) {
        int here = 0;
        put += holds[i];
        for (size_t j = 0; j + 4 <= set.d; j++) {
            const float *x = set.x + i * set.d + j;
            here |= x[0] == (float)eg_residue_code('S') && x[1] == (float)eg_residue_code('F')
                    && x[2] == (float)eg_residue_code('E') && x[3] == (float)eg_residue_code('N');
        }
        all += (size_t)here;
    }
    assert_int_equal(word[0].chosen, put);
    assert_int_equal(word[0].all, all);
    const double p = (double)all / 8000, n = (double)put;
    assert_true(fabs(word[0].z - (n - n * p) / sqrt(n * p * (1 - p))) < 1e-9);
    for (size_t i = 1; i < list.found; i++) assert_true(word[i].z <= word[i - 1].z);
    eg_dataset_clear(&set);
}

static void a_sequence_counts_once(void **state)
{
    (void)state;
    const float x[4 * 6] = { 1, 2, 1, 2, 1, 2, /* ACACAC */
                             1, 2, 0, 0, 0, 0, 3, 3, 3, 0, 0, 0, 4, 0, 0, 0, 0, 0 };
    const uint8_t chosen[4] = { 1, 1, 0, 0 };
    eg_word word[MOST];
    eg_word_list list = { word, MOST, 0 };
    assert_int_equal(eg_words_enriched(x, 4, 6, chosen, 2, NULL, &list), EG_OK);
    assert_int_equal(list.found, 1); /* CA stands in one chosen sequence alone */
    assert_string_equal(word[0].letters, "AC");
    assert_int_equal(word[0].chosen, 2);
    assert_int_equal(word[0].all, 2);
}

static void bad_input_is_refused(void **state)
{
    (void)state;
    const float x[2] = { 1, 21 }, good[2] = { 1, 2 };
    const uint8_t none[1] = { 0 }, one[1] = { 1 };
    eg_word word[MOST];
    eg_word_list list = { word, MOST, 0 };
    assert_int_equal(eg_words_enriched(x, 1, 2, one, 1, NULL, &list), EG_ERR_INVALID);
    assert_non_null(strstr(eg_error_detail(), "sequence 0, place 1 is 21"));
    assert_int_equal(eg_words_enriched(good, 1, 2, none, 1, NULL, &list), EG_ERR_INVALID);
    assert_int_equal(eg_words_enriched(good, 1, 2, one, 5, NULL, &list), EG_ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_motif_is_the_first_word),
        cmocka_unit_test(a_sequence_counts_once),
        cmocka_unit_test(bad_input_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
