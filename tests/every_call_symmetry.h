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

static inline eg_status call_tangents(const char *path)
{
    const eg_task task = { .inputs = CALL_D, .classes = CALL_K, .epochs = 1 };
    eg_symmetry_options o = EG_SYMMETRY_OPTIONS_INIT;
    eg_learner *l = NULL;
    eg_tangent *t = NULL;
    float basis[CALL_D] = { 1 };
    double spectrum[1], generator[1];
    size_t invariant[CALL_N];
    eg_status s = EG_OK;
    (void)path;
    o.basis = basis;
    o.q = 1;
    CALL(eg_learner_create("{\"kind\": \"network\", \"layers\": [\"linear\"]}", &task, 1, 1, NULL,
                           &l));
    CALL(eg_tangent_create(call_x, CALL_N, CALL_D, 3, 2, NULL, &t));
    if (s == EG_OK) {
        const eg_function f = eg_learner_function(l), along = eg_tangent_function(t),
                          restricted = eg_tangent_restrict(t, &f);
        o.against = &along;
        CALL(eg_level_dimension(&f, t, call_x, CALL_N, .1, invariant, NULL));
        CALL(eg_symmetry_find(&restricted, call_x, CALL_N, &o, spectrum, generator));
    }
    eg_tangent_destroy(t);
    eg_learner_destroy(l);
    return s;
}

static inline eg_status call_faces(const char *path)
{
    eg_faces_options o = EG_FACES_OPTIONS_INIT;
    eg_face face[2];
    eg_dataset set = { 0 };
    float x[64];
    eg_status s = EG_OK;
    (void)path;
    o.n = 2;
    o.side = 8;
    CALL(eg_faces_draw(&o, face, &set));
    if (s == EG_OK) eg_face_draw(&o, face, x);
    eg_dataset_clear(&set);
    return s;
}

#endif
