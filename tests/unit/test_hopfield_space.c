/* The norm of the Hopfield space, which the public package hflayers gets wrong (B5 and B7 of the
 * list in docs/hopfield-layers.md): its settings can be read and take the size of a head; it is
 * applied again after every update, without scale and shift, so that states stay on the sphere on
 * which the energy falls; connected values are made of keys that went through it. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "hopfield_net.h"

#include "engram/learner.h"

enum { T = 5, D = 8, H = 2, S = D / H, ROW = H * S }; /* S components of a head */

#define EPS 1e-9
#define SPACE(more)                                                                    \
    "{\"kind\": \"hopfield\", \"num_heads\": 2, \"scaling\": 1.3, \"normalize_eps\": " \
    "1e-9, \"update_steps_eps\": 0" more "}"
#define NORMED ", \"normalize_hopfield_space\": true"
#define AFFINE NORMED ", \"normalize_hopfield_space_affine\": true"

/* Norms of inputs without scale and shift, so that those of keys and of values are one. */
#define PLAIN                                                                                 \
    ", \"normalize_stored_pattern_affine\": false, \"normalize_pattern_projection_affine\": " \
    "false"

/* What a layer made of the same input: keys, queries and values (H, T, S), and its output. */
struct seen {
    double q[H * T * S], k[H * T * S], v[H * T * S], y[T * ROW];
    double scale[S], shift[S]; /* of an affine norm */
    double w[ROW * ROW], b[3 * ROW];
};

static void copy_param(const struct net *n, const char *name, double *to, size_t count)
{
    for (size_t i = 0; i < eg_params_count(n->s.params); i++) {
        const eg_param *p = eg_params_at(n->s.params, i);
        const size_t own = strlen(p->name), size = strlen(name);
        if (own < size || strcmp(p->name + own - size, name) != 0) continue;
        CHECK(eg_shape_size(&p->shape) == count);
        memcpy(to, p->value, count * sizeof *to);
    }
}

/* watched: keys and the like are handed out, which takes the way that is not fused. */
static void look(const char *layer, int watched, struct seen *out)
{
    const struct value x = drawn(eg_shape_of(1, T, D), 5);
    struct net n;
    memset(out, 0, sizeof *out);
    CHECK_OK(open_net(&n, layer));
    n.watch.path = "";
    if (watched) n.s.watch = &n.watch;
    const eg_var y = apply(&n, (const struct value *[]){ &x }, 1, 0.7);
    const double *value = eg_tape_value(n.s.t, y);
    CHECK_OK(eg_tape_status(n.s.t));
    memcpy(out->y, value, sizeof out->y);
    if (watched) {
        memcpy(out->q, eg_tape_value(n.s.t, n.watch.q), sizeof out->q);
        memcpy(out->k, eg_tape_value(n.s.t, n.watch.k), sizeof out->k);
        memcpy(out->v, eg_tape_value(n.s.t, n.watch.v), sizeof out->v);
    }
    copy_param(&n, "p_norm_weight", out->scale, S);
    copy_param(&n, "p_norm_bias", out->shift, S);
    copy_param(&n, "v_proj_weight", out->w, sizeof out->w / sizeof *out->w);
    copy_param(&n, "in_proj_bias", out->b, sizeof out->b / sizeof *out->b);
    close_net(&n);
}

/* A row of a head to mean 0 and variance 1. */
static void norm_row(double *x)
{
    double mean = 0, square = 0;
    for (size_t c = 0; c < S; c++) mean += x[c] / S;
    for (size_t c = 0; c < S; c++) square += (x[c] - mean) * (x[c] - mean) / S;
    for (size_t c = 0; c < S; c++) x[c] = (x[c] - mean) / sqrt(square + EPS);
}

/* out = sum_j softmax_j(1.3 <q, k_j>) x_j */
static void read_row(const double *q, const double *k, const double *x, double *out)
{
    double a[T], sum = 0;
    for (size_t j = 0; j < T; j++) {
        a[j] = 0;
        for (size_t c = 0; c < S; c++) a[j] += 1.3 * q[c] * k[j * S + c];
        sum += a[j] = exp(a[j]);
    }
    memset(out, 0, S * sizeof *out);
    for (size_t j = 0; j < T; j++)
        for (size_t c = 0; c < S; c++) out[c] += a[j] / sum * x[j * S + c];
}

/* B5: both settings are there to read, also where they are off; and without a hidden_size scale and
 * shift are those of a head, 1 and 0 at first. */
static void its_settings_are_read_and_sized(void **state)
{
    (void)state;
    static const char spec[] = "{\"kind\": \"network\", \"layers\": [{\"kind\": \"reshape\", "
                               "\"shape\": [5, 8]}, {\"name\": \"a\", \"kind\": \"hopfield\", "
                               "\"num_heads\": 2" AFFINE "}, {\"name\": \"b\", \"kind\": "
                               "\"hopfield\"}, \"flatten\", \"linear\"]}";
    const eg_task task = { .inputs = (size_t)T * D, .classes = 2, .epochs = 1 };
    eg_learner *l;
    CHECK_OK(eg_learner_create(spec, &task, 1, 1, NULL, &l));
    json_t *read = json_loads(eg_learner_spec(l), 0, NULL);
    const json_t *layers = json_object_get(read, "layers");
    for (size_t i = 1; i <= 2; i++) {
        const json_t *layer = json_array_get(layers, i);
        const json_t *const flags[2] = { json_object_get(layer, "normalize_hopfield_space"),
                                         json_object_get(layer,
                                                         "normalize_hopfield_space_affine") };
        for (size_t k = 0; k < 2; k++)
            CHECK(i == 1 ? json_is_true(flags[k]) : json_is_false(flags[k]));
        const eg_param *p =
            eg_params_find(eg_learner_params(l), i == 1 ? "a.association_core.p_norm_weight"
                                                        : "b.association_core.p_norm_weight");
        CHECK((p != NULL) == (i == 1));
    }
    const char *const names[2] = { "a.association_core.p_norm_weight",
                                   "a.association_core.p_norm_bias" };
    for (size_t k = 0; k < 2; k++) {
        const eg_param *p = eg_params_find(eg_learner_params(l), names[k]);
        CHECK(p != NULL && p->shape.rank == 1 && p->shape.dim[0] == S);
        for (size_t c = 0; c < S; c++) CHECK(((const float *)p->value)[c] == (k == 0 ? 1 : 0));
    }
    json_decref(read);
    eg_learner_destroy(l);
}

/* B5 and B7: queries and keys alike are normalised by heads, then scaled and shifted. */
static void queries_and_keys_share_one_norm(void **state)
{
    (void)state;
    struct seen raw, normed, affine;
    look(SPACE(""), 1, &raw);
    look(SPACE(NORMED), 1, &normed);
    look(SPACE(AFFINE), 1, &affine);
    for (size_t r = 0; r < H * T; r++) {
        norm_row(raw.q + r * S);
        norm_row(raw.k + r * S);
        same(normed.q + r * S, raw.q + r * S, S, 1e-12);
        same(normed.k + r * S, raw.k + r * S, S, 1e-12);
        for (size_t c = 0; c < S; c++) {
            const size_t i = r * S + c;
            CHECK_NEAR(affine.q[i], affine.scale[c] * normed.q[i] + affine.shift[c], 1e-12);
            CHECK_NEAR(affine.k[i], affine.scale[c] * normed.k[i] + affine.shift[c], 1e-12);
        }
    }
}

/* Energy -lse(1.3, K q) / 1.3 of states whose length does not change. */
static double energy_of(const double *q, const double *k)
{
    double sum = 0;
    for (size_t j = 0; j < T; j++) {
        double dot = 0;
        for (size_t c = 0; c < S; c++) dot += q[c] * k[j * S + c];
        sum += exp(1.3 * dot);
    }
    return -log(sum) / 1.3;
}

/* One update of q in place; its energy, which is no more than `before` where that says something.
 */
static double update_row(double *q, const double *k, int falls, double before)
{
    double next[S], square = 0;
    read_row(q, k, k, next);
    norm_row(next);
    memcpy(q, next, sizeof next);
    for (size_t c = 0; c < S; c++) square += next[c] * next[c];
    CHECK_NEAR(square, S, 1e-6);
    const double energy = energy_of(next, k);
    CHECK(!falls || energy <= before + 1e-12);
    return energy;
}

/* B7: states after `steps` updates against a loop of its own, and what is read with them, fused
 * and not; from the first update on they lie on the sphere of radius sqrt(S), on which the energy
 * of the keys as they are never rises. Fails where a norm is left out, or scaled, in the loop. */
static void every_update_is_normalised(void **state)
{
    (void)state;
    static const char *const kinds[2] = { NORMED, AFFINE };
    for (size_t kind = 0; kind < 2; kind++) {
        char text[400];
        struct seen first, now, fused;
        double q[H * T * S], before[H * T] = { 0 };
        snprintf(text, sizeof text, SPACE("%s"), kinds[kind]);
        look(text, 1, &first);
        memcpy(q, first.q, sizeof q);
        for (int steps = 0; steps <= 6; steps++) {
            double y[T * ROW];
            for (size_t r = 0; r < H * T; r++) {
                const double *k = first.k + r / T * T * S, *v = first.v + r / T * T * S;
                if (steps > 0) before[r] = update_row(q + r * S, k, steps > 1, before[r]);
                read_row(q + r * S, k, v, y + r % T * ROW + r / T * S);
            }
            snprintf(text, sizeof text,
                     SPACE("%s, \"disable_out_projection\": true, \"update_steps_max\": %d"),
                     kinds[kind], steps);
            look(text, 1, &now);
            look(text, 0, &fused);
            same(now.q, q, H * T * S, 1e-11);
            same(now.y, y, T * ROW, 1e-11);
            same(fused.y, y, T * ROW, 1e-11);
        }
    }
}

/* B7: connected values, and what is read of them where nothing is watched, are W_V of the keys that
 * the states are compared with, not of those before the norm. */
static void connected_values_are_normalised_keys(void **state)
{
    (void)state;
    static const char *const kinds[3] = { "", NORMED, AFFINE };
    for (size_t kind = 0; kind < 3; kind++) {
        char text[400];
        struct seen s, read;
        snprintf(text, sizeof text, SPACE("%s, \"pattern_projection_as_connected\": true" PLAIN),
                 kinds[kind]);
        look(text, 1, &s);
        for (size_t t = 0; t < T; t++)
            for (size_t i = 0; i < ROW; i++) {
                double v = s.b[2 * ROW + i];
                for (size_t j = 0; j < ROW; j++)
                    v += s.w[i * ROW + j] * s.k[(j / S * T + t) * S + j % S];
                CHECK_NEAR(s.v[(i / S * T + t) * S + i % S], v, 1e-11);
            }
        snprintf(text, sizeof text,
                 SPACE("%s, \"pattern_projection_as_connected\": true, "
                       "\"disable_out_projection\": true" PLAIN),
                 kinds[kind]);
        look(text, 0, &read);
        for (size_t r = 0; r < H * T; r++) {
            double y[S];
            read_row(s.q + r * S, s.k + r / T * T * S, s.v + r / T * T * S, y);
            same(read.y + r % T * ROW + r / T * S, y, S, 1e-11);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(its_settings_are_read_and_sized),
        cmocka_unit_test(queries_and_keys_share_one_norm),
        cmocka_unit_test(every_update_is_normalised),
        cmocka_unit_test(connected_values_are_normalised_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
