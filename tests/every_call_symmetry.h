/* Every public call that can fail, continued: symmetries that are learned. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_EVERY_CALL_SYMMETRY_H
#define TESTS_EVERY_CALL_SYMMETRY_H

#include "every_call_ask.h"

static inline int call_family_row(size_t row)
{
    return eg_symmetry_family_at(row) != NULL;
}

static inline eg_status call_family(size_t row, eg_learner *l)
{
    eg_learn_symmetry_options o = EG_LEARN_SYMMETRY_OPTIONS_INIT;
    const eg_tape_function phi = eg_learner_tape_function(l);
    eg_learned_symmetry_result result;
    eg_learned_symmetry *map = NULL;
    float y[CALL_N * CALL_D], orbit[3 * CALL_D];
    eg_status s = EG_OK;
    o.family = eg_symmetry_family_at(row)->name;
    o.height = o.channels = 1;
    o.width = CALL_D;
    o.units = o.critic_units = o.layers = 2;
    o.steps = 1;
    o.batch = 2;
    o.threads = 1;
    CALL(eg_learned_symmetry_create(CALL_D, &o, &map));
    if (s == EG_OK) {
        CHECK(eg_params_count(eg_learned_symmetry_params(map)) > 0);
        CALL(eg_learned_symmetry_train(map, &phi, call_x, CALL_N));
        CALL(eg_learned_symmetry_apply(map, call_x, CALL_N, NULL, y));
        CALL(eg_learned_symmetry_orbit(map, call_x, 1, .1, 2, orbit));
        CALL(eg_learned_symmetry_check(map, &phi, call_x, CALL_N, &result));
    }
    eg_learned_symmetry_destroy(map);
    return s;
}

static inline eg_status call_learned_symmetry(const char *path)
{
    const eg_task task = { .inputs = CALL_D, .classes = CALL_K, .epochs = 1 };
    eg_learner *l = NULL;
    eg_status s = EG_OK;
    (void)path;
    CALL(eg_learner_create("{\"kind\": \"network\", \"layers\": [\"linear\"]}", &task, 1, 1, NULL,
                           &l));
    for (size_t row = 0; call_family_row(row) && s == EG_OK; row++)
        if (call_takes(row)) s = call_family(row, l);
    eg_learner_destroy(l);
    return s;
}

#endif
