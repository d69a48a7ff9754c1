/* What Hopfield layers mean: heads and examples apart, queries that rest by themselves, fixed
 * points, extra patterns, masks, learned orders, labels as values; and the defects of the public
 * package that are not repeated (B1 to B9 of its list in docs/hopfield-layers.md). */
/* SPDX-License-Identifier: Apache-2.0 */
#include "hopfield_net.h"

#define FROM2 "\"from\": [\"input\", \"input\"]"
#define STATIC                                                                   \
    "\"stored_pattern_as_static\": true, \"state_pattern_as_static\": true, "    \
    "\"pattern_projection_as_static\": true, \"disable_out_projection\": true, " \
    "\"normalize_stored_pattern\": false, \"normalize_state_pattern\": false, "  \
    "\"normalize_pattern_projection\": false"

/* B1 and B2: a list of scalings is one a head, and static patterns with heads keep examples
 * apart: head h of example b is the recall of example b alone at scaling h. */
static void heads_and_examples_are_apart(void **state)
{
    (void)state;
    enum { B = 3, T = 4, N = 5, D = 4 };
    const struct value stored = drawn(eg_shape_of(B, N, D), 1),
                       query = drawn(eg_shape_of(B, T, D), 2);
    double all[NUMBERS], one[NUMBERS];
    const char *const steps[] = { "0", "2" };
    for (int k = 0; k < 2; k++) {
        char text[600];
        snprintf(text, sizeof text,
                 "{\"kind\": \"hopfield\", " FROM2 ", " STATIC ", \"num_heads\": 2, "
                 "\"scaling\": [0.4, 1.7], \"update_steps_max\": %s}",
                 steps[k]);
        CHECK(run(text, (const struct value *[]){ &stored, &query }, 2, all) == B * T * 2 * D);
        for (size_t b = 0; b < B; b++)
            for (size_t h = 0; h < 2; h++) {
                struct value s = { .shape = eg_shape_of(1, N, D) };
                struct value q = { .shape = eg_shape_of(1, T, D) };
                memcpy(s.x, stored.x + b * N * D, N * D * sizeof *s.x);
                memcpy(q.x, query.x + b * T * D, T * D * sizeof *q.x);
                snprintf(text, sizeof text,
                         "{\"kind\": \"recall\", " FROM2 ", \"scaling\": %g, "
                         "\"update_steps_max\": %s}",
                         h == 0 ? 0.4 : 1.7, steps[k]);
                CHECK(run(text, (const struct value *[]){ &s, &q }, 2, one) == T * D);
                for (size_t t = 0; t < T; t++)
                    same(all + ((b * T + t) * 2 + h) * D, one + t * D, D, 1e-13);
            }
    }
}

/* B6: a query has the same bits whatever else is in its batch, and rests by the movement of its
 * state, here counted by a loop of its own. */
static void queries_rest_by_themselves(void **state)
{
    (void)state;
    enum { N = 6, D = 5, Q = 4 };
    const struct value stored = drawn(eg_shape_of(1, N, D), 3);
    struct value query = drawn(eg_shape_of(1, Q, D), 4), alone = { .shape = eg_shape_of(1, 1, D) };
    memcpy(query.x + D, stored.x, D * sizeof *query.x); /* one that rests at once, nearly */
    const char layer[] = "{\"kind\": \"recall\", " FROM2 ", \"scaling\": 3, \"fused\": false, "
                         "\"update_steps_max\": null, \"update_steps_eps\": 1e-3}";
    struct net n;
    CHECK_OK(open_net(&n, layer));
    n.watch.path = "";
    n.s.watch = &n.watch;
    const eg_var y = apply(&n, (const struct value *[]){ &stored, &query }, 2, 1);
    const double *updates = eg_tape_value(n.s.t, n.watch.updates), *all = eg_tape_value(n.s.t, y);
    CHECK_OK(eg_tape_status(n.s.t));
    int differ = 0;
    for (size_t q = 0; q < Q; q++) {
        double x[D], one[NUMBERS], moved;
        int count = 0;
        memcpy(x, query.x + q * D, sizeof x);
        do {
            double s[N], sum = 0, next[D] = { 0 };
            for (size_t j = 0; j < N; j++) {
                s[j] = 0;
                for (size_t c = 0; c < D; c++) s[j] += 3 * stored.x[j * D + c] * x[c];
                sum += s[j] = exp(s[j]);
            }
            for (size_t j = 0; j < N; j++)
                for (size_t c = 0; c < D; c++) next[c] += s[j] / sum * stored.x[j * D + c];
            moved = 0;
            for (size_t c = 0; c < D; c++) moved += (next[c] - x[c]) * (next[c] - x[c]);
            memcpy(x, next, sizeof x);
            count++;
        } while (sqrt(moved) > 1e-3);
        CHECK(updates[q] == count);
        differ |= q > 0 && updates[q] != updates[0];
        memcpy(alone.x, query.x + q * D, sizeof x);
        CHECK(run(layer, (const struct value *[]){ &stored, &alone }, 2, one) == D);
        CHECK_SAME_BITS(all + q * D, one, sizeof x);
    }
    CHECK(differ);
    close_net(&n);
}

/* Energy of the states a layer leaves, -lse(beta, K q) + |q|^2 / 2, by hand. */
static double energy_of(struct net *n, double beta)
{
    const eg_shape q = eg_tape_shape(n->s.t, n->watch.q), k = eg_tape_shape(n->s.t, n->watch.k);
    const double *x = eg_tape_value(n->s.t, n->watch.q), *key = eg_tape_value(n->s.t, n->watch.k);
    double total = 0;
    for (size_t i = 0; i < q.dim[1] * q.dim[2]; i++) { /* one example */
        double sum = 0, square = 0;
        for (size_t j = 0; j < k.dim[2]; j++) {
            double dot = 0;
            for (size_t c = 0; c < k.dim[3]; c++)
                dot += x[i * k.dim[3] + c] * key[(i / q.dim[2] * k.dim[2] + j) * k.dim[3] + c];
            sum += exp(beta * dot);
        }
        for (size_t c = 0; c < k.dim[3]; c++) square += x[i * k.dim[3] + c] * x[i * k.dim[3] + c];
        total += square / 2 - log(sum) / beta;
    }
    return total;
}

/* B7: with or without the norm of the Hopfield space the map that is iterated is that of the
 * energy: it falls, and with the norm states stay on their sphere. */
static void energy_falls_with_updates(void **state)
{
    (void)state;
    const struct value x = drawn(eg_shape_of(1, 6, 8), 5);
    for (int norm = 0; norm < 2; norm++) {
        double before = INFINITY;
        for (int steps = 0; steps < 8; steps++) {
            char text[300];
            struct net n;
            snprintf(text, sizeof text,
                     "{\"kind\": \"hopfield\", \"num_heads\": 2, \"scaling\": 1.3, "
                     "\"normalize_hopfield_space\": %s, \"update_steps_max\": %d, "
                     "\"update_steps_eps\": 0, \"normalize_eps\": 1e-12}",
                     norm ? "true" : "false", steps);
            CHECK_OK(open_net(&n, text));
            n.watch.path = "";
            n.s.watch = &n.watch;
            apply(&n, (const struct value *[]){ &x }, 1, 0.7);
            const double energy = energy_of(&n, 1.3);
            CHECK(energy <= before + 1e-12 && (steps > 1 || energy < before));
            before = energy;
            const double *q = eg_tape_value(n.s.t, n.watch.q);
            double square = 0;
            for (size_t c = 0; c < 4; c++) square += q[c] * q[c];
            if (norm) CHECK_NEAR(square, 4, 1e-9);
            close_net(&n);
        }
    }
}

/* B3: a bias pattern is one more column of the association, and is learned; a zero one takes its
 * share of softmax and adds nothing: softmax with an added zero. */
static void extra_patterns(void **state)
{
    (void)state;
    enum { N = 4, D = 3 };
    const struct value x = drawn(eg_shape_of(1, N, D), 6);
    struct net n;
    CHECK_OK(open_net(&n, "{\"kind\": \"hopfield\", \"concat_bias_pattern\": true, "
                          "\"add_zero_association\": true}"));
    n.watch.path = "";
    n.s.watch = &n.watch;
    eg_var y = apply(&n, (const struct value *[]){ &x }, 1, 0.5), dx;
    eg_shape a = eg_tape_shape(n.s.t, n.watch.a);
    CHECK(a.dim[3] == N + 2);
    for (size_t i = 0; i < eg_params_count(n.s.params); i++) {
        const eg_param *p = eg_params_at(n.s.params, i);
        if (strstr(p->name, "pattern_k") == NULL) continue;
        CHECK_OK(eg_tape_gradient(n.s.t, y, EG_NONE, &n.leaf[i], 1, 0, &dx));
        CHECK(dx.id != 0 && *(const double *)eg_tape_value(n.s.t, dx) != 0);
    }
    close_net(&n);
    double got[NUMBERS];
    run("{\"kind\": \"recall\", \"scaling\": 0.8, \"add_zero_association\": true}",
        (const struct value *[]){ &x }, 1, got);
    for (size_t i = 0; i < N; i++) {
        double sum = 1, want[D] = { 0 };
        for (size_t j = 0; j < N; j++) {
            double dot = 0;
            for (size_t c = 0; c < D; c++) dot += x.x[i * D + c] * x.x[j * D + c];
            sum += dot = exp(0.8 * dot);
            for (size_t c = 0; c < D; c++) want[c] += dot * x.x[j * D + c];
        }
        for (size_t c = 0; c < D; c++) CHECK_NEAR(got[i * D + c], want[c] / sum, 1e-13);
    }
}

/* B4 and masks in general: whatever is not 0 hides; a hidden pattern can be anything; fused and
 * unfused, softmax and sparse rows agree with the patterns taken away. */
static void masks_hide(void **state)
{
    (void)state;
    enum { T = 3, N = 5, D = 4, SEEN = 3 };
    const struct value query = drawn(eg_shape_of(1, T, D), 8);
    struct value stored = drawn(eg_shape_of(1, N, D), 7),
                 few = { .shape = eg_shape_of(1, SEEN, D) };
    const struct value padding = { eg_shape_of(1, N), { 0, 0, 0, 1, -2 } };
    struct value pairs = { .shape = eg_shape_of(T, N) };
    for (size_t i = 0; i < T * N; i++) pairs.x[i] = i % N >= SEEN ? 255 : 0;
    memcpy(few.x, stored.x, sizeof few.x);
    for (size_t i = SEEN * D; i < N * D; i++) stored.x[i] = 1e3;
    static const struct {
        const char *separation;
        int features, masks; /* masks that it takes, of three */
    } rows[] = {
        { "softmax", 0, 3 }, { "entmax", 0, 3 },   { "rectified", 0, 3 },
        { "topk", 0, 3 },    { "softmax", 40, 1 },
    };
    for (size_t k = 0; k < 2 * sizeof rows / sizeof *rows; k++) {
        char text[300], masked[500];
        double want[NUMBERS], got[NUMBERS];
        snprintf(text, sizeof text,
                 "\"kind\": \"recall\", \"separation\": \"%s\", \"update_steps_max\": 1, "
                 "\"fused\": %s, \"order\": 2, \"scaling\": 0.3, \"random_features\": %d",
                 rows[k / 2].separation, k % 2 ? "true" : "false", rows[k / 2].features);
        snprintf(masked, sizeof masked, "{%s, " FROM2 "}", text);
        const size_t size = run(masked, (const struct value *[]){ &few, &query }, 2, want);
        for (int both = 0; both < rows[k / 2].masks; both++) {
            const char *const word[] = { "padding", "association", "both" };
            snprintf(masked, sizeof masked,
                     "{%s, \"masks\": \"%s\", \"from\": [\"input\", \"input\", \"input\"%s]}", text,
                     word[both], both == 2 ? ", \"input\"" : "");
            const struct value *x[] = { &stored, &query, both == 1 ? &pairs : &padding, &pairs };
            CHECK(run(masked, x, both == 2 ? 4 : 3, got) == size);
            same(got, want, size, 1e-10);
        }
    }
}

/* B8: one input three times and three equal inputs are the same. */
static void roles_do_not_hang_on_identity(void **state)
{
    (void)state;
    const struct value x = drawn(eg_shape_of(2, 4, 6), 9), y = x, z = x;
    double once[NUMBERS], thrice[NUMBERS];
    const size_t n = run("{\"kind\": \"hopfield\", \"num_heads\": 2, \"update_steps_max\": 1}",
                         (const struct value *[]){ &x }, 1, once);
    CHECK(run("{\"kind\": \"hopfield\", \"num_heads\": 2, \"update_steps_max\": 1, "
              "\"from\": [\"input\", \"input\", \"input\"]}",
              (const struct value *[]){ &x, &y, &z }, 3, thrice)
          == n);
    same(once, thrice, n, 1e-13);
}

/* The gradient through the fixed point is that of many unrolled updates, and nothing of it reaches
 * the state that the updates began with. */
static void implicit_and_unrolled_gradients_agree(void **state)
{
    (void)state;
    enum { N = 5, D = 4, T = 3 };
    const struct value stored = drawn(eg_shape_of(2, N, D), 11),
                       query = drawn(eg_shape_of(2, T, D), 12);
    const struct value values = drawn(eg_shape_of(2, N, 2), 13);
    const struct value padding = { eg_shape_of(2, N), { 0, 0, 1, 0, 0, 0, 0, 0, 0, 0 } };
    double g[2][3][NUMBERS];
    for (int implicit = 0; implicit < 2; implicit++) {
        char text[400];
        struct net n;
        eg_var dx[3];
        snprintf(text, sizeof text,
                 "{\"kind\": \"recall\", \"scaling\": 0.6, \"update_steps_max\": 400, "
                 "\"update_steps_eps\": 1e-14, \"implicit\": %s, \"masks\": \"padding\", "
                 "\"from\": [\"input\", \"input\", \"input\", \"input\"]}",
                 implicit ? "true" : "false");
        CHECK_OK(open_net(&n, text));
        const struct value *x[] = { &stored, &query, &values, &padding };
        const eg_var y = apply(&n, x, 4, 1);
        const eg_shape shape = eg_tape_shape(n.s.t, y);
        const struct value seed = drawn(shape, 14);
        const eg_var v = eg_input(n.s.t, EG_F64, &shape, seed.x);
        CHECK_OK(eg_tape_gradient(n.s.t, y, v, n.in, 3, EG_GRADIENT_KEEP, dx));
        for (size_t k = 0; k < 3; k++) {
            memset(g[implicit][k], 0, sizeof g[implicit][k]);
            if (dx[k].id != 0)
                memcpy(g[implicit][k], eg_tape_value(n.s.t, dx[k]),
                       eg_shape_size(&x[k]->shape) * sizeof(double));
        }
        if (implicit) {
            eg_var ddx;
            CHECK(dx[1].id == 0);
            CHECK_STATUS(eg_tape_gradient(n.s.t, dx[0], EG_NONE, n.in, 1, 0, &ddx),
                         EG_ERR_UNSUPPORTED);
        }
        close_net(&n);
    }
    for (size_t k = 0; k < 3; k++) same(g[0][k], g[1][k], 2 * N * D, 1e-9);
    CHECK(fabs(g[0][0][0]) > 1e-3);
}

/* alpha = 1 + sigmoid(a): at a = 0 the heads are entmax of order 1.5. */
static void a_learned_order_begins_at_the_middle(void **state)
{
    (void)state;
    const struct value x = drawn(eg_shape_of(2, 4, 6), 15);
    struct net n;
    double got[NUMBERS], want[NUMBERS];
    CHECK_OK(open_net(&n, "{\"kind\": \"hopfield\", \"num_heads\": 2, \"separation\": \"entmax\", "
                          "\"learned_order\": true}"));
    apply(&n, (const struct value *[]){ &x }, 1, 0.5);
    for (size_t i = 0; i < eg_params_count(n.s.params); i++) {
        const eg_param *p = eg_params_at(n.s.params, i);
        if (strstr(p->name, "order") != NULL) memset(p->value, 0, 2 * sizeof(double));
    }
    const eg_var y = apply(&n, (const struct value *[]){ &x }, 1, 0.5);
    memcpy(got, eg_tape_value(n.s.t, y), 48 * sizeof *got);
    close_net(&n);
    run("{\"kind\": \"hopfield\", \"num_heads\": 2, \"separation\": \"entmax\", \"order\": 1.5}",
        (const struct value *[]){ &x }, 1, want);
    same(got, want, 48, 1e-12);
}

/* Keys are training inputs and values their labels: scores of a class are the softmax mass of its
 * examples. */
static void values_may_be_labels(void **state)
{
    (void)state;
    enum { N = 6, D = 3, K = 2 };
    const struct value keys = drawn(eg_shape_of(1, N, D), 16), x = drawn(eg_shape_of(2, D), 17);
    struct net n;
    CHECK_OK(open_net(&n, "{\"kind\": \"hopfield_layer\", " STATIC ", \"quantity\": 6, "
                          "\"scaling\": 2, \"trainable\": false, "
                          "\"lookup_weights_as_separated\": true, \"target_size\": 2, "
                          "\"lookup_targets_as_trainable\": false}"));
    apply(&n, (const struct value *[]){ &x }, 1, 1);
    const eg_param *table = eg_params_find(n.s.state, "lookup_weights");
    const eg_param *labels = eg_params_find(n.s.state, "target_weights");
    memcpy(table->value, keys.x, N * D * sizeof(double));
    for (size_t i = 0; i < N * K; i++) ((double *)labels->value)[i] = i % K == i / K % K;
    const eg_var y = apply(&n, (const struct value *[]){ &x }, 1, 1);
    const double *got = eg_tape_value(n.s.t, y);
    for (size_t b = 0; b < 2; b++) {
        double mass[K] = { 0 };
        for (size_t j = 0; j < N; j++) {
            double dot = 0;
            for (size_t c = 0; c < D; c++) dot += keys.x[j * D + c] * x.x[b * D + c];
            mass[j % K] += exp(2 * dot);
        }
        CHECK_NEAR(got[b * K], mass[0] / (mass[0] + mass[1]), 1e-13);
    }
    CHECK(eg_params_count(n.s.params) == 0); /* neither table is learned */
    close_net(&n);
}

/* B5 and B9, and what else does not fit: refused by name, where it is said. */
static void wrong_words_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *layer, *said;
        eg_status status;
    } bad[] = {
        { "{\"kind\": \"hopfield\", \"association_activation\": \"rellu\"}", "rellu",
          EG_ERR_INVALID },
        { "{\"kind\": \"hopfield\", \"separation\": \"softmaxx\"}", "softmaxx", EG_ERR_INVALID },
        { "{\"kind\": \"hopfield\", \"num_heads\": 2, \"scaling\": [1, 2, 3]}", "2 heads",
          EG_ERR_INVALID },
        { "{\"kind\": \"hopfield\", \"scaling\": -1}", "scaling", EG_ERR_INVALID },
        { "{\"kind\": \"hopfield\", \"update_steps_max\": 2.5}", "update_steps_max",
          EG_ERR_INVALID },
        { "{\"kind\": \"hopfield\", \"masks\": \"both\"}", "2 masks", EG_ERR_INVALID },
        { "{\"kind\": \"hopfield\", \"learned_order\": true}", "entmax", EG_ERR_INVALID },
        { "{\"kind\": \"hopfield\", \"implicit\": true}", "update_steps_max", EG_ERR_INVALID },
        { "{\"kind\": \"recall\", \"implicit\": true, \"update_steps_max\": 9, "
          "\"separation\": \"entmax\"}",
          "unrolled", EG_ERR_UNSUPPORTED },
        { "{\"kind\": \"hopfield\", \"random_features\": 8, \"causal\": true}", "random_features",
          EG_ERR_UNSUPPORTED },
        { "{\"kind\": \"hopfield\", \"random_features\": 8, \"separation\": \"entmax\"}",
          "random_features", EG_ERR_UNSUPPORTED },
        { "{\"kind\": \"hopfield_layer\", \"hidden\": 3}", "hidden_size", EG_ERR_INVALID },
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct net n;
        CHECK_STATUS(open_net(&n, bad[i].layer), bad[i].status);
        if (strstr(eg_error_detail(), bad[i].said) == NULL)
            fail_msg("%s: %s", bad[i].layer, eg_error_detail());
        close_net(&n);
    }
    struct net n; /* the defaults of the norm in the Hopfield space are there to read */
    CHECK_OK(open_net(&n, "{\"kind\": \"hopfield\", \"normalize_hopfield_space_affine\": true}"));
    const json_t *l = json_array_get(json_object_get(n.document, "layers"), 0);
    CHECK(json_is_false(json_object_get(l, "normalize_hopfield_space")));
    close_net(&n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(heads_and_examples_are_apart),
        cmocka_unit_test(queries_rest_by_themselves),
        cmocka_unit_test(energy_falls_with_updates),
        cmocka_unit_test(extra_patterns),
        cmocka_unit_test(masks_hide),
        cmocka_unit_test(roles_do_not_hang_on_identity),
        cmocka_unit_test(implicit_and_unrolled_gradients_agree),
        cmocka_unit_test(a_learned_order_begins_at_the_middle),
        cmocka_unit_test(values_may_be_labels),
        cmocka_unit_test(wrong_words_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
