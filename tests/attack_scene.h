/* Images and a learner known in closed form, for the tests of attacks. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_ATTACK_SCENE_H
#define TESTS_ATTACK_SCENE_H

#include "quadratic_learner.h"

enum { N = 40, D = 24, K = 5 };

struct scene {
    struct quadratic m;
    eg_learner l;
    float x[N * D], adversarial[N * D], boundary[N * D];
    int32_t label[N];
    eg_attack_record r[N];
    eg_attack_output out;
};

static inline int32_t true_class(const struct quadratic *m, const float *x)
{
    size_t best = 0;
    for (size_t c = 1; c < m->k; c++)
        if (quadratic_score(m, x, c) > quadratic_score(m, x, best)) best = c;
    return (int32_t)best;
}

/* Images in [0.4, 0.6], labelled by the learner itself. */
static inline void set_scene(struct scene *s, struct quadratic m)
{
    s->m = m;
    s->l = quadratic_learner(&s->m);
    eg_random_uniform(7, 0, 0, N * D, s->x);
    for (size_t i = 0; i < N * D; i++) s->x[i] = 0.4f + 0.2f * s->x[i];
    for (size_t i = 0; i < N; i++) s->label[i] = true_class(&s->m, s->x + i * m.d);
    memset(s->r, 0, sizeof s->r);
    s->out = (eg_attack_output){ s->r, s->adversarial, s->boundary, NULL };
}

static inline eg_attack_options attack(const char *name)
{
    eg_attack_options o = EG_ATTACK_OPTIONS_INIT;
    CHECK(eg_attack_find(name) >= 0);
    o.row = (size_t)eg_attack_find(name);
    return o;
}

static inline void run(struct scene *s, const eg_attack_options *o)
{
    CHECK_OK(eg_attack_run(&s->l, s->x, s->label, N, o, &s->out));
}

#endif
