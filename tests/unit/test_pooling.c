/* A few state patterns read stored ones without projecting them: the same numbers as with the
 * projected keys and values that a layer makes while somebody looks into it. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "hopfield_net.h"

enum { B = 2, N = 7, D = 6 };

/* y, and dy/dx (B, N, D), in training. */
static size_t pool(const char *settings, int looks, const struct value *const *x, size_t count,
                   double *y, double *dx)
{
    struct net n;
    char layer[500];
    eg_var g;
    snprintf(layer, sizeof layer, "{\"kind\": \"hopfield_pooling\", %s}", settings);
    CHECK_OK(open_net(&n, layer));
    apply(&n, x, count, 0.5);
    n.watch.path = "";
    if (looks) n.s.watch = &n.watch;
    const eg_var out = apply(&n, x, count, 0.5);
    CHECK_OK(eg_tape_gradient(n.s.t, out, eg_sin(n.s.t, out), n.in, 1, 0, &g));
    const eg_shape shape = eg_tape_shape(n.s.t, out);
    const double *value = eg_tape_value(n.s.t, out), *slope = eg_tape_value(n.s.t, g);
    memcpy(y, value, eg_shape_size(&shape) * sizeof *y);
    memcpy(dx, slope, (size_t)B * N * D * sizeof *dx);
    CHECK(n.watch.found == looks);
    close_net(&n);
    return eg_shape_size(&shape);
}

static void patterns_need_not_be_projected(void **state)
{
    (void)state;
    static const char *const settings[] = {
        "\"num_heads\": 1",
        "\"num_heads\": 2, \"quantity\": 2, \"scaling\": [0.5, 2]",
        "\"num_heads\": 3, \"input_bias\": false, \"normalize_stored_pattern\": false",
        "\"num_heads\": 2, \"hidden_size\": 5, \"pattern_size\": 4, \"output_size\": 3, "
        "\"pattern_projection_as_static\": false, \"normalize_pattern_projection_affine\": false",
        "\"num_heads\": 1, \"pattern_projection_as_static\": true",
        "\"num_heads\": 1, \"stored_pattern_as_static\": true",
        "\"num_heads\": 2, \"dropout\": 0.5", /* weights do not sum to 1 */
    };
    const struct value x = drawn(eg_shape_of(B, N, D), 3);
    const struct value padding = { eg_shape_of(B, N), /* the second bag has nothing */
                                   { 0, 1, 0, 0, 0, 1, 0, 1, 1, 1, 1, 1, 1, 1 } };
    const struct value *const in[2] = { &x, &padding };
    for (size_t i = 0; i < 2 * sizeof settings / sizeof *settings; i++) {
        char text[400];
        double y[2][NUMBERS], dx[2][NUMBERS];
        snprintf(text, sizeof text, "%s%s", settings[i / 2],
                 i % 2 ? ", \"masks\": \"padding\", \"from\": [\"input\", \"input\"]" : "");
        const size_t size = pool(text, 0, in, 1 + i % 2, y[0], dx[0]);
        CHECK(pool(text, 1, in, 1 + i % 2, y[1], dx[1]) == size);
        same(y[0], y[1], size, 1e-12);
        same(dx[0], dx[1], (size_t)B * N * D, 1e-12);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(patterns_need_not_be_projected) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
