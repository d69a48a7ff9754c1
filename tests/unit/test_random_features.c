/* Random features in place of softmax: what they read comes to it as their number grows. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "layer_bench.h"

#include <stdio.h>

enum { OUT = 24 };

/* What a state reads by `features` of them; 0: by softmax itself. */
static void recall(int features, double out[OUT])
{
    char text[300];
    struct bench *b = malloc(sizeof *b);
    snprintf(text, sizeof text,
             "[{\"kind\": \"recall\", \"scaling\": 0.1, "
             "\"update_steps_max\": 1, \"update_steps_eps\": 0, \"random_features\": %d}]",
             features);
    build(b, &(struct layer_case){ text, { 3, { 1, 4, 6 } } });
    b->s.mode = EGI_EVALUATE;
    eg_tape_reset(b->s.t);
    const eg_var y = egi_graph_apply(&b->s, b->graph, eg_input(b->s.t, EG_F64, &b->in, b->x));
    const double *got = eg_tape_value(b->s.t, y);
    CHECK_OK(eg_tape_status(b->s.t));
    memcpy(out, got, OUT * sizeof *out);
    CHECK(eg_params_count(b->s.params) == 0); /* features are drawn, not learned */
    tear(b);
    free(b);
}

/* A mean of M independent terms: its error falls as 1 / sqrt(M), so by 64 from the first to the
 * last; a third of that is asked of one draw. */
static void error_falls_as_the_root_of_their_number(void **state)
{
    (void)state;
    double want[OUT], got[OUT], error[2] = { 0 };
    recall(0, want);
    for (int k = 0; k < 2; k++) {
        recall(k == 0 ? 64 : 262144, got);
        for (size_t i = 0; i < OUT; i++) error[k] += (got[i] - want[i]) * (got[i] - want[i]) / OUT;
        error[k] = sqrt(error[k]);
    }
    if (!(error[1] < 0.005 && error[1] < error[0] / 20))
        fail_msg("root mean square error %g of 64 features, %g of 262144", error[0], error[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(error_falls_as_the_root_of_their_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
