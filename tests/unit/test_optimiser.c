/* Optimisers against their formulae in double and on a convex problem; clips; schedules. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include <stdio.h>

#include "nn/egi_optimiser.h"

enum { M = 3, N = 5, SIZE = M * N + N, LARGE = 40000 };

/* L = 1/2 sum_i c_i (p_i - q_i)^2 over a matrix and a vector. */
struct quadratic {
    struct egi_optimiser o;
    eg_params *params, *state;
    json_t *document;
    float *p[2], g[2][LARGE];
    double c[SIZE], q[SIZE];
    size_t n[2];
    double bound; /* 0, or what the gradient is cut to */
    int calls;
};

static eg_status evaluate(void *user, double *loss, const float **g)
{
    struct quadratic *t = user;
    *loss = 0;
    for (size_t k = 0; k < 2; k++) {
        for (size_t i = 0; i < t->n[k]; i++) {
            const size_t j = (k * M * N + i) % SIZE;
            const double apart = (double)t->p[k][i] - t->q[j];
            *loss += t->c[j] * apart * apart / 2;
            const double slope = t->c[j] * apart, bound = t->bound > 0 ? t->bound : INFINITY;
            t->g[k][i] = (float)fmin(bound, fmax(-bound, slope));
        }
        g[k] = t->g[k];
    }
    t->calls++;
    return EG_OK;
}

static eg_status build_with(struct quadratic *t, const char *spec, const eg_allocator *alloc,
                            int threads, size_t columns)
{
    const struct egi_kind *row = NULL;
    memset(t, 0, sizeof *t);
    for (size_t i = 0; i < SIZE; i++) {
        t->c[i] = 0.2 + 0.15 * (double)i;
        t->q[i] = sin((double)i);
    }
    t->o.alloc = alloc != NULL ? alloc : eg_allocator_default();
    eg_status s = eg_params_create(alloc, &t->params);
    if (s == EG_OK) s = eg_params_create(alloc, &t->state);
    if (s == EG_OK) s = eg_params_add(t->params, "w", EG_F32, &eg_shape_of(M, columns), NULL);
    if (s == EG_OK) s = eg_params_add(t->params, "b", EG_F32, &eg_shape_of(N), NULL);
    if (s != EG_OK) return s;
    for (size_t k = 0; k < 2; k++) {
        const eg_param *p = eg_params_at(t->params, k);
        t->p[k] = p->value;
        t->n[k] = eg_shape_size(&p->shape);
        for (size_t i = 0; i < t->n[k]; i++) t->p[k][i] = (float)cos(1.0 + (double)i);
    }
    t->document = json_pack("{s:o}", "o", json_loads(spec, JSON_DECODE_ANY, NULL));
    CHECK_OK(egi_kind_read_key(t->document, "o", egi_optimiser_kinds, &row, &t->o.settings));
    t->o.row = (const struct egi_optimiser_row *)(const void *)row;
    t->o.threads = threads;
    t->o.params = t->params;
    t->o.objective = (struct egi_objective){ evaluate, t };
    return egi_optimiser_create(&t->o, t->state);
}

static struct quadratic *build(const char *spec)
{
    struct quadratic *t = malloc(sizeof *t);
    CHECK_OK(build_with(t, spec, NULL, 1, N));
    return t;
}

static void tear(struct quadratic *t)
{
    egi_optimiser_destroy(&t->o);
    json_decref(t->document);
    eg_params_destroy(t->params);
    eg_params_destroy(t->state);
    free(t);
}

/* One step of a rule on all numbers, in double: x parameter, g gradient, a and b what it keeps; a
 * schedule has the rate multiplied by `slower`. */
static double slower;
typedef void rule(double *x, const double *g, double *a, double *b, int step);

static void one_sgd(double *x, const double *g, double *a, double *b, int step)
{
    (void)b, (void)step;
    for (size_t i = 0; i < SIZE; i++) {
        a[i] = 0.8 * a[i] + g[i] + 0.01 * x[i];
        x[i] -= slower * 0.1 * a[i];
    }
}

static void one_plain(double *x, const double *g, double *a, double *b, int step)
{
    (void)a, (void)b, (void)step;
    for (size_t i = 0; i < SIZE; i++) x[i] -= slower * 0.1 * (g[i] + 0.01 * x[i]);
}

static void one_nesterov(double *x, const double *g, double *a, double *b, int step)
{
    (void)b, (void)step;
    for (size_t i = 0; i < SIZE; i++) {
        a[i] = 0.8 * a[i] + g[i];
        x[i] -= slower * 0.1 * (g[i] + 0.8 * a[i]);
    }
}

static void moments(double *x, double g, double *a, double *b, int step)
{
    *a = 0.9 * *a + 0.1 * g;
    *b = 0.95 * *b + 0.05 * g * g;
    *x -= slower * 0.02 * (*a / (1 - pow(0.9, step))) / (sqrt(*b / (1 - pow(0.95, step))) + 1e-6);
}

static void one_adam(double *x, const double *g, double *a, double *b, int step)
{
    for (size_t i = 0; i < SIZE; i++) moments(&x[i], g[i] + 0.3 * x[i], &a[i], &b[i], step);
}

static void one_adamw(double *x, const double *g, double *a, double *b, int step)
{
    for (size_t i = 0; i < SIZE; i++) {
        x[i] *= 1 - slower * 0.02 * 0.3;
        moments(&x[i], g[i], &a[i], &b[i], step);
    }
}

static void one_rmsprop(double *x, const double *g, double *a, double *b, int step)
{
    (void)step;
    for (size_t i = 0; i < SIZE; i++) {
        b[i] = 0.9 * b[i] + 0.1 * g[i] * g[i];
        a[i] = 0.5 * a[i] + g[i] / (sqrt(b[i]) + 1e-6);
        x[i] -= slower * 0.02 * a[i];
    }
}

static void one_normalised(double *x, const double *g, double *a, double *b, int step)
{
    (void)b, (void)step;
    for (size_t r = 0; r <= M; r++) { /* three rows and the vector */
        double most = 0;
        for (size_t i = r * N; i < (r + 1) * N; i++) {
            a[i] = 0.6 * a[i] - g[i];
            most = fmax(most, fabs(a[i]));
        }
        for (size_t i = r * N; i < (r + 1) * N; i++)
            x[i] = fmin(0.9, fmax(-0.9, x[i] + slower * 0.05 * a[i] / most));
    }
}

static const struct {
    const char *spec;
    rule *one;
} formulae[] = {
    { "{\"kind\": \"sgd\", \"momentum\": 0.8, \"decay\": 0.01}", one_sgd },
    { "{\"kind\": \"sgd\", \"momentum\": 0, \"decay\": 0.01}", one_plain },
    { "{\"kind\": \"sgd\", \"momentum\": 0.8, \"nesterov\": true}", one_nesterov },
    { "{\"kind\": \"adam\", \"rate\": 0.02, \"beta2\": 0.95, \"eps\": 1e-6, \"decay\": 0.3}",
      one_adam },
    { "{\"kind\": \"adamw\", \"rate\": 0.02, \"beta2\": 0.95, \"eps\": 1e-6, \"decay\": 0.3}",
      one_adamw },
    { "{\"kind\": \"rmsprop\", \"rate\": 0.02, \"beta2\": 0.9, \"eps\": 1e-6, \"momentum\": 0.5}",
      one_rmsprop },
    { "{\"kind\": \"normalised\", \"rate\": 0.05, \"limit\": 0.9}", one_normalised },
};

static double rate_of(const struct quadratic *t)
{
    double rate;
    memcpy(&rate, t->o.settings.bytes, sizeof rate);
    return rate;
}

static void every_step_is_its_formula(void **state)
{
    (void)state;
    for (size_t k = 0; k < sizeof formulae / sizeof *formulae; k++) {
        struct quadratic *t = build(formulae[k].spec);
        double x[SIZE], g[SIZE], a[SIZE] = { 0 }, b[SIZE] = { 0 }, loss;
        for (size_t i = 0; i < SIZE; i++)
            x[i] = (double)t->p[i >= (size_t)M * N][i % ((size_t)M * N)];
        for (int step = 1; step <= 20; step++) {
            for (size_t i = 0; i < SIZE; i++) g[i] = t->c[i] * (x[i] - t->q[i]);
            slower = 1 / (1 + 0.1 * step);
            formulae[k].one(x, g, a, b, step);
            CHECK_OK(egi_optimiser_step(&t->o, slower * rate_of(t), &loss));
        }
        for (size_t i = 0; i < SIZE; i++) {
            const double got = (double)t->p[i >= (size_t)M * N][i % ((size_t)M * N)];
            if (!(fabs(got - x[i]) < 2e-5))
                fail_msg("%s: number %zu is %.9g, expected %.9g", formulae[k].spec, i, got, x[i]);
        }
        tear(t);
    }
}

static void every_rule_finds_the_minimum(void **state)
{
    (void)state;
    const struct {
        const char *spec;
        int steps;
    } runs[] = {
        { "{\"kind\": \"sgd\"}", 600 },
        { "{\"kind\": \"sgd\", \"nesterov\": true}", 600 },
        { "{\"kind\": \"adam\", \"rate\": 0.05}", 1500 },
        { "{\"kind\": \"adamw\", \"rate\": 0.05, \"decay\": 0}", 1500 },
        { "{\"kind\": \"rmsprop\", \"rate\": 0.01}", 1500 },
        { "{\"kind\": \"normalised\"}", 1500 },
        { "{\"kind\": \"lbfgs\", \"iterations\": 5}", 6 },
    };
    for (size_t k = 0; k < sizeof runs / sizeof *runs; k++) {
        struct quadratic *t = build(runs[k].spec);
        double loss = 1;
        for (int i = 0; i < runs[k].steps; i++) /* the rate falls, for those whose steps do not */
            CHECK_OK(egi_optimiser_step(&t->o,
                                        t->o.row->minimise != NULL
                                            ? rate_of(t)
                                            : rate_of(t) * (1 - i / (double)runs[k].steps),
                                        &loss));
        if (!(loss < 1e-6)) fail_msg("%s: loss %g", runs[k].spec, loss);
        tear(t);
    }
}

/* On n numbers of a quadratic L-BFGS with exact enough steps needs about n iterations. */
static void lbfgs_is_fast_and_falls(void **state)
{
    (void)state;
    struct quadratic *t = build("{\"kind\": \"lbfgs\", \"iterations\": 1, \"history\": 20}");
    double loss, before = INFINITY;
    for (int i = 0; i < 30; i++) {
        CHECK_OK(egi_optimiser_step(&t->o, 1, &loss));
        CHECK(loss <= before);
        before = loss;
    }
    CHECK(loss < 1e-9);
    CHECK(t->calls < 100);
    tear(t);
}

static void gradients_are_clipped(void **state)
{
    (void)state;
    struct quadratic *t = build("{\"kind\": \"sgd\", \"momentum\": 0, \"rate\": 1}");
    double loss, norm = 0, most = 0;
    float before[SIZE], after[SIZE];
    memcpy(before, t->p[0], sizeof(float) * M * N);
    memcpy(before + M * N, t->p[1], sizeof(float) * N);
    t->o.clip_norm = 0.01;
    CHECK_OK(egi_optimiser_step(&t->o, 1, &loss));
    for (size_t i = 0; i < SIZE; i++) {
        const double by =
            (double)(i < (size_t)M * N ? t->p[0][i] : t->p[1][i - M * N]) - (double)before[i];
        norm += by * by;
    }
    CHECK_NEAR(sqrt(norm), 0.01, 1e-6);
    t->o.clip_norm = 0;
    t->o.clip_value = 0.003;
    memcpy(before, t->p[0], sizeof(float) * M * N);
    CHECK_OK(egi_optimiser_step(&t->o, 1, &loss));
    memcpy(after, t->p[0], sizeof(float) * M * N);
    for (size_t i = 0; i < (size_t)M * N; i++)
        most = fmax(most, fabs((double)after[i] - (double)before[i]));
    CHECK_NEAR(most, 0.003, 1e-6);
    tear(t);
}

/* A rule that clips is the rule without clip on gradients that were cut before. */
static void every_rule_clips(void **state)
{
    (void)state;
    static const char *const specs[] = { "\"sgd\"",     "\"adam\"",       "\"adamw\"",
                                         "\"rmsprop\"", "\"normalised\"", "\"lbfgs\"" };
    for (size_t k = 0; k < sizeof specs / sizeof *specs; k++) {
        struct quadratic *clipped = build(specs[k]), *field = build(specs[k]),
                         *free_ = build(specs[k]);
        double loss;
        clipped->o.clip_value = field->bound = (double)0.25f;
        for (int i = 0; i < 3; i++) {
            CHECK_OK(egi_optimiser_step(&clipped->o, 0.1, &loss));
            CHECK_OK(egi_optimiser_step(&field->o, 0.1, &loss));
            CHECK_OK(egi_optimiser_step(&free_->o, 0.1, &loss));
        }
        CHECK(eg_params_hash(clipped->params) == eg_params_hash(field->params));
        CHECK(eg_params_hash(clipped->params) != eg_params_hash(free_->params));
        tear(clipped);
        tear(field);
        tear(free_);
    }
}

static void same_bits_for_any_number_of_threads(void **state)
{
    (void)state;
    static const char *const specs[] = { "\"sgd\"", "\"adam\"", "\"rmsprop\"", "\"normalised\"",
                                         "\"lbfgs\"" };
    for (size_t k = 0; k < sizeof specs / sizeof *specs; k++) {
        struct quadratic *one = malloc(sizeof *one), *two = malloc(sizeof *two);
        CHECK_OK(build_with(one, specs[k], NULL, 1, LARGE / M));
        CHECK_OK(build_with(two, specs[k], NULL, 2, LARGE / M));
        one->o.clip_norm = two->o.clip_norm = 1;
        for (int i = 0; i < 3; i++) {
            double a, b;
            CHECK_OK(egi_optimiser_step(&one->o, 0.01, &a));
            CHECK_OK(egi_optimiser_step(&two->o, 0.01, &b));
            CHECK(a == b);
        }
        CHECK(eg_params_hash(one->params) == eg_params_hash(two->params));
        CHECK(eg_params_hash(one->state) == eg_params_hash(two->state));
        tear(one);
        tear(two);
    }
}

static void failed_allocations_leave_nothing(void **state)
{
    (void)state;
    static const char *const specs[] = { "\"adam\"", "\"lbfgs\"" };
    for (size_t k = 0; k < 2; k++) {
        size_t n = 0;
        for (eg_status s = EG_ERR_NOMEM; s != EG_OK; n++) {
            struct failing f = { .fail_at = n };
            const eg_allocator a = failing_allocator(&f);
            struct quadratic *t = malloc(sizeof *t);
            s = build_with(t, specs[k], &a, 1, N);
            CHECK(s == EG_OK || s == EG_ERR_NOMEM);
            tear(t);
            CHECK(f.live == 0 && n < 200);
        }
    }
}

static double factor(const char *spec, double e, double epochs)
{
    const struct egi_kind *row = NULL;
    union egi_settings settings;
    json_t *document = json_pack("{s:o}", "s", json_loads(spec, JSON_DECODE_ANY, NULL));
    CHECK_OK(egi_kind_read_key(document, "s", egi_schedule_kinds, &row, &settings));
    const double f =
        ((const struct egi_schedule_row *)(const void *)row)->factor(&settings, e, epochs);
    json_decref(document);
    return f;
}

static void schedules_are_their_formulae(void **state)
{
    (void)state;
    const char *warm = "{\"kind\": \"constant\", \"warm_up\": 4, \"start\": 0.2}";
    CHECK_NEAR(factor("\"constant\"", 7, 10), 1, 0);
    CHECK_NEAR(factor(warm, 0, 10), 0.2, 1e-15);
    CHECK_NEAR(factor(warm, 3, 10), 0.8, 1e-15);
    CHECK_NEAR(factor(warm, 4, 10), 1, 0);
    CHECK_NEAR(factor("{\"kind\": \"step\", \"every\": 3, \"factor\": 0.5}", 2.99, 10), 1, 0);
    CHECK_NEAR(factor("{\"kind\": \"step\", \"every\": 3, \"factor\": 0.5}", 6, 10), 0.25, 0);
    const char *falls = "{\"kind\": \"step\", \"every\": 5, \"then\": 2.5, \"factor\": 0.5}";
    CHECK_NEAR(factor(falls, 4.99, 10), 1, 0);
    CHECK_NEAR(factor(falls, 5, 10), 0.5, 0);
    CHECK_NEAR(factor(falls, 7.49, 10), 0.5, 0);
    CHECK_NEAR(factor(falls, 7.5, 10), 0.25, 0);
    CHECK_NEAR(factor("{\"kind\": \"exponential\", \"factor\": 0.9}", 2.5, 10), pow(0.9, 2.5),
               1e-15);
    CHECK_NEAR(factor("\"cosine\"", 0, 10), 1, 0);
    CHECK_NEAR(factor("{\"kind\": \"cosine\", \"floor\": 0.2}", 5, 10), 0.6, 1e-15);
    CHECK_NEAR(factor("{\"kind\": \"cosine\", \"floor\": 0.2}", 12, 10), 0.2, 1e-15);
    CHECK_NEAR(factor("{\"kind\": \"cosine\", \"warm_up\": 2}", 6, 10), 0.5, 1e-15);
    CHECK_NEAR(factor("\"one_cycle\"", 0, 10), 0.04, 1e-15);
    CHECK_NEAR(factor("\"one_cycle\"", 1.5, 10), 0.52, 1e-15);
    CHECK_NEAR(factor("\"one_cycle\"", 3, 10), 1, 1e-15);
    CHECK_NEAR(factor("\"one_cycle\"", 10, 10), 4e-6, 1e-15);
}

/* Losses in double by their definitions. */
static void losses_are_their_formulae(void **state)
{
    (void)state;
    enum { B = 3, K = 4 };
    const double z[B * K] = { 0.3, -1.2, 2.1, 0.4, -0.5, 1.7, -2.2, 0.1, 1.1, 0.9, -0.3, -0.8 };
    const int32_t y[B] = { 2, 0, 3 };
    double want[6] = { 0 };
    for (size_t i = 0; i < B; i++) {
        double sum = 0, q = 0;
        for (size_t k = 0; k < K; k++) {
            const double v = z[i * K + k], t = (size_t)y[i] == k ? 1 : 0, s = 2 * t - 1;
            sum += exp(v);
            q += (0.9 * t + 0.1 / K) * v;
            want[1] += (v - t) * (v - t) / (B * K);
            want[2] -=
                (t * log(1 / (1 + exp(-v))) + (1 - t) * log(1 - 1 / (1 + exp(-v)))) / (B * K);
            want[3] += fmax(0, 1 - s * v) / B;
            want[4] += pow(fmax(0, 1 - s * v), 2) / B;
            want[5] += pow(fabs(tanh(v) - s), 6) / B;
        }
        want[0] += (log(sum) - q) / B;
    }
    static const char *const specs[6] = { "{\"kind\": \"cross_entropy\", \"smoothing\": 0.1}",
                                          "\"mse\"",
                                          "\"binary_cross_entropy\"",
                                          "\"hinge\"",
                                          "\"quadratic_hinge\"",
                                          "\"power\"" };
    eg_tape *t;
    CHECK_OK(eg_tape_create(1, NULL, &t));
    for (size_t k = 0; k < 6; k++) {
        const struct egi_kind *row = NULL;
        union egi_settings settings;
        json_t *document = json_pack("{s:o}", "l", json_loads(specs[k], JSON_DECODE_ANY, NULL));
        CHECK_OK(egi_kind_read_key(document, "l", egi_loss_kinds, &row, &settings));
        eg_tape_reset(t);
        const eg_var loss = ((const struct egi_loss_row *)(const void *)row)
                                ->apply(t, eg_leaf(t, EG_F64, &eg_shape_of(B, K), z),
                                        eg_input(t, EG_I32, &eg_shape_of(B), y), &settings);
        CHECK_OK(eg_tape_status(t));
        CHECK_NEAR(eg_tape_number(t, loss), want[k], 1e-12 * (1 + want[k]));
        json_decref(document);
    }
    eg_tape_destroy(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_step_is_its_formula),
        cmocka_unit_test(every_rule_finds_the_minimum),
        cmocka_unit_test(lbfgs_is_fast_and_falls),
        cmocka_unit_test(gradients_are_clipped),
        cmocka_unit_test(every_rule_clips),
        cmocka_unit_test(same_bits_for_any_number_of_threads),
        cmocka_unit_test(failed_allocations_leave_nothing),
        cmocka_unit_test(schedules_are_their_formulae),
        cmocka_unit_test(losses_are_their_formulae),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
