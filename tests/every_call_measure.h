/* Every public call that can fail, continued: instruments. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_EVERY_CALL_MEASURE_H
#define TESTS_EVERY_CALL_MEASURE_H

#include "every_call.h"

static inline eg_status call_measures(const char *path)
{
    static const char *const names[] = { "twonn" };
    const eg_task task = { .inputs = CALL_D, .classes = CALL_K, .epochs = 1 };
    const eg_dataset set = {
        .n = CALL_N, .d = CALL_D, .x = call_x, .labels = call_y, .classes = CALL_K
    };
    const eg_part all = { &set, NULL, CALL_N };
    eg_dimension_options d = EG_DIMENSION_OPTIONS_INIT;
    eg_memorised_options m = EG_MEMORISED_OPTIONS_INIT;
    eg_dimension dimension;
    double square[CALL_N * 2], memorised[CALL_N], error[CALL_N], y[CALL_N];
    double a[CALL_D], b[CALL_N], w[CALL_N];
    eg_fitting_net net = { .n = CALL_N, .d = CALL_D, .a = a, .b = b, .w = w };
    const float codes[6] = { 1, 2, 0, 1, 2, 3 };
    const uint8_t chosen[2] = { 1, 1 };
    const uint32_t group[4] = { 0, 0, 1, 2 };
    uint32_t half[4];
    eg_word word[2];
    eg_word_list list = { word, 2, 0 };
    eg_status s = EG_OK;
    (void)path;
    d.resample = 2;
    d.threads = m.threads = 1;
    m.models = 3;
    for (size_t i = 0; i < CALL_N; i++) y[i] = (double)call_y[i];
    CALL(eg_neighbours(call_x, CALL_N, CALL_D, 2, &(eg_search_options){ .threads = 1 }, square,
                       NULL));
    CALL(eg_dimension_estimate(call_x, CALL_N, CALL_D, names, 1, &d, &dimension));
    CALL(eg_memorised("{\"kind\": \"knn\"}", &task, &all, NULL, &m, memorised, error, NULL));
    CALL(eg_fitting_net_make(call_x, y, 1, NULL, &net));
    CALL(fabs(eg_fitting_net_value(&net, call_x) - y[0]) < 1e-6 ? EG_OK : EG_ERR_CORRUPT);
    CALL(eg_words_enriched(codes, 2, 3, chosen, 2, NULL, &list));
    CALL(eg_split_share_groups(group, 4, .5, 1, half));
    return s;
}

static inline eg_status call_symmetries(const char *path)
{
    enum { Q = 2 };
    const eg_task task = { .inputs = CALL_D, .classes = CALL_K, .epochs = 1 };
    eg_symmetry_options o = EG_SYMMETRY_OPTIONS_INIT;
    eg_learner *l = NULL;
    eg_kept kept;
    float basis[Q * CALL_D] = { 0 }, moved[CALL_N * CALL_D];
    double spectrum[Q * Q], generator[Q * Q * Q * Q];
    eg_status s = EG_OK;
    (void)path;
    basis[0] = basis[CALL_D + 1] = 1;
    o.basis = basis;
    o.q = Q;
    CALL(eg_learner_create("{\"kind\": \"network\", \"layers\": [\"linear\"]}", &task, 1, 1, NULL,
                           &l));
    if (s == EG_OK) {
        const eg_function f = eg_learner_function(l);
        CALL(eg_symmetry_find(&f, call_x, CALL_N, &o, spectrum, generator));
        CALL(eg_symmetry_check(&f, call_x, CALL_N, &o, generator, .1, &kept));
        CALL(eg_symmetry_move(&f, call_x, CALL_N, &o, generator, .1, moved));
    }
    eg_learner_destroy(l);
    return s;
}

#endif
