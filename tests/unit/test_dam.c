/* The dense associative memory as a learner: its kernels against long double, its gradient against
 * central differences of the loss in double, its step against the formula, what it learns. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include <float.h>
#include <stdio.h>

#include "kernel/egi_kernel_dam.h"

/* ---- kernels ---- */

enum { M = 320, C = 3 };

struct case_of_kernel {
    struct egi_dam_rule rule;
    float q[M], w[C * M], a[C], sums[(C + 1) * M];
};

static const size_t orders[] = { 2, 3, 4, 5, 8, 20, 30, 31, 48, 60 };

static long double power_of(const struct egi_dam_rule *rule, long double x, size_t n)
{
    return rule->rectified && x <= 0 ? 0 : powl(x, (long double)n);
}

static struct case_of_kernel draw_case(size_t n, int rectified, int dual)
{
    struct case_of_kernel k = { .rule = { n, rectified, dual, C, M }, .a = { .5f, -1.5f, 1 } };
    eg_random_uniform(1, n, 0, M, k.q);
    eg_random_uniform(2, n, 0, (size_t)C * M, k.w);
    for (size_t i = 0; i < M; i++) k.q[i] = 1.8f * k.q[i] - 0.9f;
    for (size_t i = 0; i < (size_t)C * M; i++) k.w[i] = 0.1f * (k.w[i] - 0.5f);
    return k;
}

/* z in long double, and what its rounding is counted in: n |w| max(|p|, |q|)^(n-1), summed. */
static long double exact_z(const struct case_of_kernel *k, size_t a, long double *mass)
{
    long double z = 0;
    const size_t n = k->rule.order;
    *mass = 0;
    for (size_t i = 0; i < M; i++) {
        const long double q = k->q[i], w = k->w[a * M + i], p = q + w;
        const long double most = fmaxl(fabsl(p), fabsl(q));
        z += k->rule.dual ? w * power_of(&k->rule, q, n - 1)
                          : power_of(&k->rule, p, n) - power_of(&k->rule, q, n);
        *mass += (long double)n * fabsl(w) * powl(most, (long double)(n - 1));
    }
    return z;
}

static void check_forward(const struct egi_dam_kernels *row, const struct case_of_kernel *k)
{
    double z[C];
    row->forward(&k->rule, k->q, k->w, M, 1, z);
    for (size_t a = 0; a < C; a++) {
        long double mass;
        const long double want = exact_z(k, a, &mass);
        CHECK_NEAR(z[a], want, 4 * (double)k->rule.order * (double)FLT_EPSILON * (double)mass);
    }
}

static void check_backward(const struct egi_dam_kernels *row, const struct case_of_kernel *k)
{
    struct case_of_kernel got = *k, want = *k;
    row->backward(&k->rule, got.q, k->w, M, 1, k->a, got.sums);
    egi_dam_ref.backward(&k->rule, want.q, k->w, M, 1, k->a, want.sums);
    const double n = (double)k->rule.order, by = 8 * n * (double)FLT_EPSILON;
    for (size_t i = 0; i < M; i++) {
        const double most = fabs((double)k->q[i]) + 0.05, p = pow(most, n - 2);
        CHECK_NEAR(got.q[i], want.q[i], 3 * by * n * 0.05 * p + 1e-44);
        CHECK_NEAR(got.sums[C * M + i], got.q[i], 0);
        for (size_t a = 0; a < C; a++)
            CHECK_NEAR(got.sums[a * M + i], want.sums[a * M + i], 2 * by * p * most + 1e-44);
    }
}

static void test_rows_are_exact_to_rounding(void **state)
{
    (void)state;
    for (int isa = 0; isa < EGI_ISA_COUNT; isa++) {
        if (!egi_isa_supported((enum egi_isa)isa)) continue;
        for (size_t i = 0; i < sizeof orders / sizeof *orders; i++)
            for (int form = 0; form < 4; form++) {
                const struct case_of_kernel k = draw_case(orders[i], form & 1, form / 2);
                check_forward(egi_dam_kernels_of((enum egi_isa)isa), &k);
                check_backward(egi_dam_kernels_of((enum egi_isa)isa), &k);
            }
    }
}

/* Overlaps of 1000 at n = 60: 10^180, far beyond f32, with r it is exact; so is what underflows
 * without r. */
static void test_no_power_leaves_f32(void **state)
{
    (void)state;
    const int e[2] = { 10, -9 };
    for (int k = 0; k < 2; k++) {
        struct case_of_kernel c = draw_case(60, 0, 0);
        double z[C], scaled[C];
        egi_dam_kernels()->forward(&c.rule, c.q, c.w, M, 1, z);
        for (size_t i = 0; i < M; i++) c.q[i] = ldexpf(c.q[i], e[k]);
        for (size_t i = 0; i < (size_t)C * M; i++) c.w[i] = ldexpf(c.w[i], e[k]);
        egi_dam_kernels()->forward(&c.rule, c.q, c.w, M, ldexpf(1, -e[k]), scaled);
        for (size_t a = 0; a < C; a++) CHECK(z[a] == scaled[a] && z[a] != 0);
    }
}

static void test_largest_and_climb(void **state)
{
    (void)state;
    for (int isa = 0; isa < EGI_ISA_COUNT; isa++) {
        if (!egi_isa_supported((enum egi_isa)isa)) continue;
        const struct egi_dam_kernels *row = egi_dam_kernels_of((enum egi_isa)isa);
        for (size_t n = 1; n < 40; n++) {
            float v[40], x[40];
            for (size_t i = 0; i < n; i++) v[i] = (i % 2 ? -1.0f : 1.0f) * (float)(i + 1);
            memset(x, 0, sizeof x);
            CHECK(row->largest(v, n) == (float)n);
            row->climb(x, v, 0.5f, n);
            for (size_t i = 0; i < 40; i++)
                CHECK(x[i] == (i >= n ? 0 : i == 0 ? 0.5f : i % 2 ? -1.0f : 1.0f));
            v[n - 1] = NAN;
            CHECK(isnan(row->largest(v, n)));
        }
    }
}

/* ---- the learner against its formulae ---- */

enum { D = 5, H = 7, K = 3, B = 6 };

struct small {
    int rectified, dual;
    size_t n, loss;
    double t;
};

static const struct small smalls[] = {
    { 0, 0, 2, 2, 3 }, { 1, 0, 2, 3, 3 }, { 0, 0, 3, 3, 3 },  { 1, 0, 3, 2, 2.5 },
    { 0, 0, 4, 1, 4 }, { 1, 0, 7, 3, 4 }, { 1, 0, 30, 2, 5 }, { 0, 1, 2, 2, 3 },
    { 1, 1, 2, 2, 3 }, { 0, 1, 3, 3, 3 }, { 1, 1, 5, 2, 3 },  { 1, 1, 30, 2, 4 },
};

struct inputs {
    float x[B * D];
    int32_t y[B];
};

static struct inputs draw_inputs(void)
{
    struct inputs in;
    eg_random_uniform(5, 5, 0, (size_t)B * D, in.x);
    for (int i = 0; i < B; i++) in.y[i] = i % K;
    return in;
}

static eg_learner *small_learner(const struct small *s, int threads)
{
    char spec[400];
    snprintf(spec, sizeof spec,
             "{\"kind\": \"dam\", \"hidden\": %d, \"n\": %zu, \"energy\": \"%s\", \"form\": \"%s\","
             " \"loss\": %zu, \"t_initial\": %g, \"t_final\": %g, \"rate\": 0.125, \"mean\": 0.1}",
             H, s->n, s->rectified ? "rectified" : "power", s->dual ? "dual" : "full", s->loss,
             s->t, s->t);
    const eg_task task = { .inputs = D, .classes = K, .epochs = 10 };
    eg_learner *l = NULL;
    CHECK_OK(eg_learner_create(spec, &task, 3, threads, NULL, &l));
    return l;
}

static float *param(eg_params *p, const char *name)
{
    const eg_param *found = eg_params_find(p, name);
    CHECK(found != NULL);
    return found->value;
}

/* The parameters as doubles: visible (H, D), then class components (H, K). */
struct weights {
    double xi[H * D], class_of[H * K];
};

static struct weights weights_of(eg_params *p, const char *visible, const char *classes)
{
    struct weights w;
    const float *a = param(p, visible), *b = param(p, classes);
    for (size_t i = 0; i < (size_t)H * D; i++) w.xi[i] = (double)a[i];
    for (size_t i = 0; i < (size_t)H * K; i++) w.class_of[i] = (double)b[i];
    return w;
}

static double f_of(const struct small *s, double x, size_t n)
{
    return s->rectified && x <= 0 ? 0 : pow(x, (double)n);
}

/* z_a of one image, literally: the energy difference with beta outside, or the dual form. */
static double exact_score(const struct small *s, const struct weights *w, const float *x, size_t a)
{
    double sum = 0;
    for (size_t m = 0; m < H; m++) {
        const double *c = w->class_of + m * K;
        double o = 0;
        for (size_t i = 0; i < D; i++) o += w->xi[m * D + i] * (2 * (double)x[i] - 1);
        if (s->dual) {
            sum += c[a] * (double)s->n * f_of(s, o, s->n - 1);
            continue;
        }
        for (size_t g = 0; g < K; g++) o -= g == a ? 0 : c[g];
        sum += f_of(s, o + c[a], s->n) - f_of(s, o - c[a], s->n);
    }
    return sum / pow(s->t, (double)s->n);
}

static double exact_loss(const struct small *s, const struct weights *w, const struct inputs *in)
{
    double loss = 0;
    for (size_t b = 0; b < B; b++)
        for (size_t a = 0; a < K; a++) {
            const double t = in->y[b] == (int32_t)a ? 1 : -1;
            const double c = tanh(exact_score(s, w, in->x + b * D, a));
            loss += pow(fabs(c - t), 2 * (double)s->loss);
        }
    return loss / B;
}

/* dC/d of the parameter at p by central differences; kinks of n = 2 rectified are not near. */
static double slope_of_loss(const struct small *s, struct weights *w, double *p,
                            const struct inputs *in)
{
    const double h = 1e-5, at = *p;
    *p = at + h;
    const double up = exact_loss(s, w, in);
    *p = at - h;
    const double down = exact_loss(s, w, in);
    *p = at;
    return (up - down) / (2 * h);
}

/* After the first step V = -dC/dxi; after the second V = p V - dC/dxi. Each component to 1e-5 of
 * the largest of its memory, sign included. */
static void check_velocity(const struct small *s, struct weights *at, const struct weights *before,
                           const struct weights *v, const struct inputs *in)
{
    for (size_t m = 0; m < H; m++) {
        double most = 1e-30;
        for (size_t i = 0; i < D; i++) most = fmax(most, fabs(v->xi[m * D + i]));
        for (size_t a = 0; a < K; a++) most = fmax(most, fabs(v->class_of[m * K + a]));
        const double tolerance = 1e-5 * most + 1e-9;
        for (size_t i = m * D; i < (m + 1) * D; i++)
            CHECK_NEAR(v->xi[i], 0.6 * before->xi[i] - slope_of_loss(s, at, &at->xi[i], in),
                       tolerance);
        for (size_t i = m * K; i < (m + 1) * K; i++)
            CHECK_NEAR(v->class_of[i],
                       0.6 * before->class_of[i] - slope_of_loss(s, at, &at->class_of[i], in),
                       tolerance);
    }
}

static double cut(double x)
{
    return x > 1 ? 1 : x < -1 ? -1 : x;
}

/* xi + eps V / max_J |V_J|, J over visible and class components of the memory, cut to [-1, 1]. */
static void check_climb(const struct weights *before, const struct weights *v,
                        const struct weights *after, double eps)
{
    for (size_t m = 0; m < H; m++) {
        double most = 1e-30;
        for (size_t i = 0; i < D; i++) most = fmax(most, fabs(v->xi[m * D + i]));
        for (size_t a = 0; a < K; a++) most = fmax(most, fabs(v->class_of[m * K + a]));
        for (size_t i = m * D; i < (m + 1) * D; i++)
            CHECK_NEAR(after->xi[i], cut(before->xi[i] + eps * v->xi[i] / most), 1e-6);
        for (size_t i = m * K; i < (m + 1) * K; i++)
            CHECK_NEAR(after->class_of[i], cut(before->class_of[i] + eps * v->class_of[i] / most),
                       1e-6);
    }
}

static void test_gradient_and_step(void **state)
{
    (void)state;
    const struct inputs in = draw_inputs();
    for (size_t k = 0; k < sizeof smalls / sizeof *smalls; k++) {
        const struct small *s = &smalls[k];
        eg_learner *l = small_learner(s, 1);
        struct weights v = { .xi = { 0 } };
        for (int step = 0; step < 2; step++) {
            struct weights at = weights_of(eg_learner_params(l), "memories", "classes");
            const struct weights before = v, from = at;
            double loss;
            CHECK_OK(eg_learner_step(l, step, in.x, in.y, B, &loss));
            const double want = exact_loss(s, &at, &in);
            CHECK_NEAR(loss, want, 1e-5 * want);
            v = weights_of(eg_learner_state(l), "memories.velocity", "classes.velocity");
            check_velocity(s, &at, &before, &v, &in);
            const struct weights now = weights_of(eg_learner_params(l), "memories", "classes");
            check_climb(&from, &v, &now, 0.125 * pow(0.998, step));
        }
        eg_learner_destroy(l);
    }
}

/* T goes linearly, constant within an epoch, and stays; it is saved with the memories. */
static void test_temperature(void **state)
{
    (void)state;
    const struct inputs in = draw_inputs();
    const eg_task task = { .inputs = D, .classes = K, .epochs = 10 };
    static const double at[][2] = { { 0, 5 }, { 2.75, 4 }, { 4, 3 }, { 7.5, 3 } };
    eg_learner *l = NULL;
    double loss;
    CHECK_OK(eg_learner_create("{\"kind\": \"dam\", \"hidden\": 7, \"t_initial\": 5, "
                               "\"t_final\": 3, \"t_epochs\": 4}",
                               &task, 1, 1, NULL, &l));
    const double *t = eg_params_find(eg_learner_params(l), "temperature")->value;
    for (size_t i = 0; i < sizeof at / sizeof *at; i++) {
        CHECK_OK(eg_learner_step(l, at[i][0], in.x, in.y, B, &loss));
        CHECK_NEAR(*t, at[i][1], 1e-12);
    }
    eg_learner_destroy(l);
}

/* dx = sum_a cotangent_a d z_a / d x by central differences of z in double; scores too. */
static void test_scores_and_pullback(void **state)
{
    (void)state;
    struct inputs in = draw_inputs();
    float cotangent[B * K], scores[B * K], same[B * K], dx[B * D];
    eg_random_uniform(6, 6, 0, (size_t)B * K, cotangent);
    for (size_t k = 0; k < sizeof smalls / sizeof *smalls; k++) {
        const struct small *s = &smalls[k];
        eg_learner *l = small_learner(s, 1);
        const struct weights w = weights_of(eg_learner_params(l), "memories", "classes");
        CHECK_OK(eg_learner_pullback(l, in.x, cotangent, B, scores, dx));
        CHECK_OK(eg_learner_scores(l, in.x, B, same));
        CHECK_SAME_BITS(scores, same, sizeof scores);
        for (size_t i = 0; i < (size_t)B * D; i++) {
            const float *at = in.x + i / D * D;
            float image[D];
            double slope = 0, size = 0;
            for (size_t a = 0; a < K; a++) {
                const double z = exact_score(s, &w, at, a);
                CHECK_NEAR(scores[i / D * K + a], z, 1e-5 * fabs(z) + 1e-6);
                for (int side = -1; side <= 1; side += 2) {
                    memcpy(image, at, sizeof image);
                    image[i % D] += (float)side / 4096; /* a power of two; inputs are 24 bits */
                    const double h = ((double)image[i % D] - (double)at[i % D]);
                    const double part = exact_score(s, &w, image, a) / (2 * h);
                    slope += (double)cotangent[i / D * K + a] * part;
                    size += fabs(part);
                }
            }
            CHECK_NEAR(dx[i], slope, 1e-4 * fabs(slope) + 1e-6 * size + 1e-6);
        }
        eg_learner_destroy(l);
    }
}

/* On the sphere: what a learner without a norm says of inputs that lie there, for any length of
 * the inputs; the derivative is across them, and that of the scores by central differences. */
static void test_sphere(void **state)
{
    (void)state;
    const struct inputs in = draw_inputs();
    const eg_task task = { .inputs = D, .classes = K, .epochs = 10 };
    static const char spec[] = "{\"kind\": \"dam\", \"hidden\": 7, \"n\": 5, \"scale\": %g, "
                               "\"offset\": %g, \"norm\": \"%s\", \"t_initial\": 3, "
                               "\"t_final\": 3}";
    char text[2][300];
    float on[B * D], a[B * K], b[B * K], cotangent[B * K], dx[B * D];
    eg_learner *l[2];
    snprintf(text[0], sizeof text[0], spec, 2.0, -0.5, "sphere");
    snprintf(text[1], sizeof text[1], spec, 1.0, 0.0, "none");
    for (int k = 0; k < 2; k++) CHECK_OK(eg_learner_create(text[k], &task, 3, 1, NULL, &l[k]));
    for (size_t i = 0; i < B; i++) {
        double square = 0;
        for (size_t j = 0; j < D; j++) square += pow(2 * (double)in.x[i * D + j] - 0.5, 2);
        for (size_t j = 0; j < D; j++)
            on[i * D + j] = (float)((2 * (double)in.x[i * D + j] - 0.5) * sqrt((double)D / square));
    }
    eg_random_uniform(6, 6, 0, (size_t)B * K, cotangent);
    CHECK_OK(eg_learner_pullback(l[0], in.x, cotangent, B, a, dx));
    CHECK_OK(eg_learner_scores(l[1], on, B, b));
    for (size_t i = 0; i < (size_t)B * K; i++)
        CHECK_NEAR(a[i], b[i], 1e-5 * fabs((double)b[i]) + 1e-7);
    for (size_t i = 0; i < B; i++) {
        double along = 0, size = 0;
        for (size_t j = 0; j < D; j++) {
            along += (2 * (double)in.x[i * D + j] - 0.5) * (double)dx[i * D + j];
            size += fabs((double)dx[i * D + j]);
        }
        CHECK_NEAR(along, 0, 1e-5 * size);
        CHECK(size > 0);
    }
    for (size_t i = 0; i < (size_t)B * D; i++) {
        struct inputs moved = in;
        double slope = 0;
        for (int side = -1; side <= 1; side += 2) {
            moved.x[i] = in.x[i] + (float)side / 256;
            const double h = (double)moved.x[i] - (double)in.x[i];
            CHECK_OK(eg_learner_scores(l[0], moved.x, B, b));
            for (size_t c = 0; c < K; c++)
                slope += (double)cotangent[i / D * K + c] * (double)b[i / D * K + c] / (2 * h);
        }
        CHECK_NEAR(dx[i], slope, 2e-3 * fabs(slope) + 2e-4);
    }
    const float zeros[D] = { 0 };
    CHECK_OK(eg_learner_pullback(l[0], zeros, cotangent, 1, a, dx)); /* no direction is no NaN */
    for (size_t j = 0; j < D; j++) CHECK(isfinite(dx[j]));
    for (int k = 0; k < 2; k++) eg_learner_destroy(l[k]);
}

/* Twice the dual form is the full one to first order in the class components, f = F' (section 4
 * of the paper): with components of 1e-4 they agree to 1e-3. */
static void test_duality(void **state)
{
    (void)state;
    const struct inputs in = draw_inputs();
    const struct small pair[2] = { { 0, 0, 3, 2, 2 }, { 0, 1, 3, 2, 2 } };
    float scores[2][B * K];
    for (int k = 0; k < 2; k++) {
        eg_learner *l = small_learner(&pair[k], 1);
        float *classes = param(eg_learner_params(l), "classes");
        for (size_t i = 0; i < (size_t)H * K; i++) classes[i] *= 1e-4f;
        CHECK_OK(eg_learner_scores(l, in.x, B, scores[k]));
        eg_learner_destroy(l);
    }
    for (size_t i = 0; i < (size_t)B * K; i++)
        CHECK_NEAR(scores[0][i], 2 * scores[1][i], 1e-3 * fabs((double)scores[0][i]) + 1e-8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_are_exact_to_rounding),
        cmocka_unit_test(test_no_power_leaves_f32),
        cmocka_unit_test(test_largest_and_climb),
        cmocka_unit_test(test_gradient_and_step),
        cmocka_unit_test(test_temperature),
        cmocka_unit_test(test_scores_and_pullback),
        cmocka_unit_test(test_sphere),
        cmocka_unit_test(test_duality),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
