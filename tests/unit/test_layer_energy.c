/* The block of the Energy Transformer: its energy, its steps, and that they go down. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "layer_bench.h"

#include <stdio.h>

/* One step of rate 1 goes from x to x - dE/dg, so the energy's derivative by x, which the tape
 * finds, is that step carried back through the layer norm. */
static void energy_steps_against_its_derivative(void **state)
{
    (void)state;
    static const char *const text =
        "[{\"kind\": \"energy\", \"heads\": 2, \"memories\": 5, \"n\": %d, \"updates\": %d, "
        "\"rate\": 1, \"see_self\": %s, \"output\": \"%s\"}]";
    for (int n = 2; n < 5; n++) {
        struct bench *b = malloc(sizeof *b);
        char stepping[200], energy[200];
        eg_var in, dx, dg;
        snprintf(stepping, sizeof stepping, text, n, 1, n % 2 ? "true" : "false", "state");
        snprintf(energy, sizeof energy, text, n, 0, n % 2 ? "true" : "false", "energy");
        build(b, &(struct layer_case){ stepping, { 3, { 2, 4, 6 } } });
        double step[48], gain = *(double *)eg_params_find(b->s.params, "0.norm.weight")->value;
        b->s.mode = EGI_EVALUATE;
        eg_tape_reset(b->s.t);
        const eg_var x = eg_input(b->s.t, EG_F64, &b->in, b->x);
        const double *to = eg_tape_value(b->s.t, egi_graph_apply(&b->s, b->graph, x));
        for (size_t i = 0; i < 48; i++) step[i] = gain * (b->x[i] - to[i]);
        tear(b);

        build(b, &(struct layer_case){ energy, { 3, { 2, 4, 6 } } }); /* the same parameters */
        for (size_t i = 0; i < NUMBERS; i++) b->v[i] = 1;
        const eg_var e = run(b, &in);
        CHECK_OK(eg_tape_gradient(b->s.t, e, EG_NONE, &in, 1, 0, &dx));
        const eg_var level = eg_layer_norm(b->s.t, in, 1, EG_NONE, EG_NONE, 1e-5);
        const eg_var force = eg_input(b->s.t, EG_F64, &b->in, step);
        CHECK_OK(eg_tape_gradient(b->s.t, level, force, &in, 1, 0, &dg));
        const double *got = eg_tape_value(b->s.t, dg), *want = eg_tape_value(b->s.t, dx);
        for (size_t i = 0; i < 48; i++) CHECK_NEAR(got[i], want[i], 1e-9 * (1 + fabs(want[i])));
        tear(b);
        free(b);
    }
}

/* E written out for two tokens: each attends to the other alone, so log sum exp is the score. */
static void energy_of_two_tokens_is_its_closed_form(void **state)
{
    (void)state;
    struct bench *b = malloc(sizeof *b);
    build(b, &(struct layer_case){ "[{\"kind\": \"energy\", \"heads\": 1, \"hidden_size\": 1, "
                                   "\"memories\": 1, \"updates\": 0, \"output\": \"energy\", "
                                   "\"beta\": 0.3, \"epsilon\": 0}]",
                                   { 3, { 1, 2, 2 } } });
    const double gain = *(double *)eg_params_find(b->s.params, "0.norm.weight")->value;
    const double *delta = eg_params_find(b->s.params, "0.norm.bias")->value;
    const double *k = eg_params_find(b->s.params, "0.key.weight")->value;
    const double *q = eg_params_find(b->s.params, "0.query.weight")->value;
    const double *xi = eg_params_find(b->s.params, "0.memories")->value;
    double g[2][2], want = 0;
    for (size_t c = 0; c < 2; c++) {
        const double up = b->x[2 * c] > b->x[2 * c + 1] ? 1 : -1; /* two components: 1 and -1 */
        g[c][0] = gain * up + delta[0];
        g[c][1] = -gain * up + delta[1];
    }
    for (size_t c = 0; c < 2; c++) {
        const double kept = g[c][0] * xi[0] + g[c][1] * xi[1];
        want -= (g[c][0] * q[0] + g[c][1] * q[1]) * (g[1 - c][0] * k[0] + g[1 - c][1] * k[1]);
        want -= kept > 0 ? kept * kept / 2 : 0;
    }
    b->v[0] = 1;
    CHECK_NEAR(value(b), want, 1e-12 * (1 + fabs(want)));
    tear(b);
    free(b);
}

static void energy_falls_with_every_step(void **state)
{
    (void)state;
    enum { STEPS = 40 };
    struct bench *b = malloc(sizeof *b);
    build(b, &(struct layer_case){ "[{\"kind\": \"energy\", \"heads\": 2, \"memories\": 7, "
                                   "\"updates\": 40, \"rate\": 0.005, \"output\": \"energy\"}]",
                                   { 3, { 3, 5, 6 } } });
    *(double *)eg_params_find(b->s.params, "0.norm.weight")->value = 0.8; /* above 0: see the row */
    eg_tape_reset(b->s.t);
    b->s.mode = EGI_EVALUATE;
    const eg_var x = eg_input(b->s.t, EG_F64, &b->in, b->x);
    const eg_var y = egi_graph_apply(&b->s, b->graph, x);
    const double *e = eg_tape_value(b->s.t, y);
    CHECK_OK(eg_tape_status(b->s.t));
    CHECK(eg_tape_shape(b->s.t, y).dim[1] == STEPS + 1);
    for (size_t i = 0; i < 3; i++)
        for (size_t k = 0; k < STEPS; k++)
            CHECK(e[i * (STEPS + 1) + k + 1] < e[i * (STEPS + 1) + k]);
    tear(b);
    free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(energy_steps_against_its_derivative),
        cmocka_unit_test(energy_of_two_tokens_is_its_closed_form),
        cmocka_unit_test(energy_falls_with_every_step),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
