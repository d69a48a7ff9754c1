/* Sparse codes by homotopy against closed forms, the theorem of convergence at every step, and the
 * conditions of Karush, Kuhn and Tucker; each by a table of instances. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "check.h"

enum { C_MAX = 400, K_MAX = 40, ROUNDS = 5 };

/* ROUNDS vectors, each of its own draw; in f64. */
struct scene {
    size_t c, k, s; /* numbers of x, atoms, atoms of the code that made x */
    double x[C_MAX], d[K_MAX * C_MAX], w[K_MAX * C_MAX], a[K_MAX], e[C_MAX], z[K_MAX];
};

static struct scene scene;

static double inner(const double *x, const double *y, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += x[i] * y[i];
    return sum;
}

static void normal(uint64_t seed, uint64_t stream, size_t n, double *out)
{
    for (size_t i = 0; i < n; i++) {
        float v;
        eg_random_normal(seed, stream, i, 1, &v);
        out[i] = (double)v;
    }
}

/* Rows of length 1; orthogonal to those before where `orthogonal`. */
static void make_atoms(struct scene *p, uint64_t seed, int orthogonal)
{
    normal(seed, 1, p->k * p->c, p->d);
    for (size_t i = 0; i < p->k; i++) {
        double *row = p->d + i * p->c;
        for (size_t twice = 0; twice < 2 && orthogonal; twice++)
            for (size_t j = 0; j < i; j++) {
                const double by = inner(row, p->d + j * p->c, p->c);
                for (size_t l = 0; l < p->c; l++) row[l] -= by * p->d[j * p->c + l];
            }
        const double length = sqrt(inner(row, row, p->c));
        for (size_t l = 0; l < p->c; l++) row[l] /= length;
    }
}

/* W: D, or D + V with <w_k, d_k> = 1. */
static void make_analysis(struct scene *p, uint64_t seed, double spread)
{
    normal(seed, 2, p->k * p->c, p->w);
    for (size_t i = 0; i < p->k; i++) {
        double *w = p->w + i * p->c;
        const double *d = p->d + i * p->c;
        for (size_t l = 0; l < p->c; l++) w[l] = d[l] + spread * w[l] / sqrt((double)p->c);
        const double by = inner(w, d, p->c);
        for (size_t l = 0; l < p->c; l++) w[l] /= by;
    }
}

/* x = D a + e, a >= 0 of s atoms. */
static void make_signal(struct scene *p, uint64_t seed, double noise)
{
    normal(seed, 3, p->c, p->e);
    memset(p->a, 0, sizeof p->a);
    for (size_t i = 0; i < p->s; i++) {
        float u;
        eg_random_uniform(seed, 4, i, 1, &u);
        p->a[(size_t)eg_random_below(seed, 5, i, p->k / p->s) * p->s + i] = 0.5 + (double)u;
    }
    for (size_t l = 0; l < p->c; l++) {
        p->x[l] = p->e[l] *= noise;
        for (size_t k = 0; k < p->k; k++) p->x[l] += p->a[k] * p->d[k * p->c + l];
    }
}

/* |W^T v|_inf */
static double largest(const struct scene *p, const double *v)
{
    double most = 0;
    for (size_t k = 0; k < p->k; k++) most = fmax(most, fabs(inner(p->w + k * p->c, v, p->c)));
    return most;
}

/* z of p->x; first 0: |W^T x|_inf. */
static void encode(struct scene *p, double first, double last, size_t steps, size_t extra)
{
    const eg_sparse_options o = { sizeof o, steps, extra };
    const eg_shape one = eg_shape_of(1, 1), atoms = eg_shape_of(p->k, p->c);
    eg_tape *t;
    CHECK_OK(eg_tape_create(1, NULL, &t));
    const eg_var z = eg_sparse_code(
        t, eg_input(t, EG_F64, &eg_shape_of(1, p->c), p->x), eg_input(t, EG_F64, &atoms, p->d),
        eg_input(t, EG_F64, &atoms, p->w), first > 0 ? eg_input(t, EG_F64, &one, &first) : EG_NONE,
        eg_input(t, EG_F64, &one, &last), &o);
    const double *v = eg_tape_value(t, z);
    CHECK_OK(eg_tape_status(t));
    memcpy(p->z, v, p->k * sizeof *v);
    eg_tape_destroy(t);
}

/* Orthogonal D: max(0, D^T x - last), whatever came before. */
static void orthogonal_dictionaries_have_a_closed_form(void **state)
{
    (void)state;
    static const struct {
        size_t c, k, steps, extra;
        double first, last;
    } cases[] = { { 8, 8, 12, 0, 0, 0.05 },
                  { 8, 8, 1, 0, 0, 0.3 },
                  { 20, 12, 5, 3, 2, 0.1 },
                  { 30, 30, 12, 0, 1e3, 1e-3 },
                  { 5, 1, 3, 0, 0, 0.5 } };
    struct scene *p = &scene;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (uint64_t seed = 0; seed < ROUNDS; seed++) {
            *p = (struct scene){ .c = cases[i].c, .k = cases[i].k };
            make_atoms(p, seed, 1);
            memcpy(p->w, p->d, sizeof p->w);
            normal(seed, 6, p->c, p->x);
            encode(p, cases[i].first, cases[i].last, cases[i].steps, cases[i].extra);
            for (size_t k = 0; k < p->k; k++) {
                const double by = inner(p->d + k * p->c, p->x, p->c);
                CHECK_NEAR(p->z[k], fmax(0, by - cases[i].last), 1e-12);
            }
        }
}

/* At each step: no atom that a has not, and no number further than 2 l_i from a's. */
static void codes_converge_as_the_theorem_says(void **state)
{
    (void)state;
    static const struct {
        size_t c, k, s;
        double noise, spread;
    } cases[] = { { 400, 24, 1, 0, 0 },      { 400, 24, 2, 0, 0 },   { 400, 24, 2, 0.005, 0 },
                  { 400, 40, 1, 0.01, 0 },   { 400, 24, 1, 0, 0.3 }, { 400, 24, 2, 0, 0.2 },
                  { 400, 12, 2, 0.005, 0.2 } };
    struct scene *p = &scene;
    size_t steps = 0, right = 0;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (uint64_t seed = 0; seed < ROUNDS; seed++) {
            double mu = 0;
            *p = (struct scene){ .c = cases[i].c, .k = cases[i].k, .s = cases[i].s };
            make_atoms(p, seed, 0);
            make_analysis(p, seed, cases[i].spread);
            make_signal(p, seed, cases[i].noise);
            for (size_t k = 0; k < p->k; k++)
                for (size_t l = 0; l < p->k; l++)
                    if (k != l) mu = fmax(mu, fabs(inner(p->w + k * p->c, p->d + l * p->c, p->c)));
            const double room = 2 * mu * (double)p->s; /* below 1, and 1 / room above gamma */
            CHECK(room < 1);
            const double gamma = sqrt(1 / room), first = largest(p, p->x);
            const double least = largest(p, p->e) / (1 - gamma * room);
            double last = first / gamma;
            for (size_t n = 1; n <= 30 && last >= least && last > 1e-6; n++, last /= gamma) {
                encode(p, n % 2 ? first : 0, last, n, 0);
                for (size_t k = 0; k < p->k; k++) {
                    CHECK(p->a[k] > 0 || p->z[k] == 0);
                    CHECK(fabs(p->z[k] - p->a[k]) <= 2 * last * (1 + 1e-12));
                    right += p->z[k] > 0;
                }
                steps++;
            }
        }
    CHECK(steps > 200 && right > 200); /* it is not of zeros that this is true */
}

/* W = D, at rest: <d_k, x - D z> is the threshold where z_k > 0, and not above it elsewhere. */
static void rest_is_the_lasso(void **state)
{
    (void)state;
    static const struct {
        size_t c, k, s; /* s 0: a vector of no code */
        double noise, last;
        size_t extra;
    } cases[] = { { 400, 24, 2, 0.005, 0.05, 400 },
                  { 400, 40, 4, 0.02, 0.02, 2000 },
                  { 100, 12, 0, 1, 0.3, 2000 },
                  { 60, 6, 0, 1, 0.01, 2000 },
                  { 400, 40, 10, 0.05, 0.1, 2000 } };
    struct scene *p = &scene;
    size_t positive = 0, zero = 0;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (uint64_t seed = 0; seed < ROUNDS; seed++) {
            double worst = 0;
            *p = (struct scene){ .c = cases[i].c, .k = cases[i].k, .s = cases[i].s };
            make_atoms(p, seed, 0);
            memcpy(p->w, p->d, sizeof p->w);
            make_signal(p, seed, cases[i].noise);
            encode(p, 0, cases[i].last, 12, cases[i].extra);
            for (size_t k = 0; k < p->k; k++)
                for (size_t l = 0; l < p->c; l++) p->x[l] -= p->z[k] * p->d[k * p->c + l];
            for (size_t k = 0; k < p->k; k++) {
                const double over = inner(p->d + k * p->c, p->x, p->c) - cases[i].last;
                worst = fmax(worst, p->z[k] > 0 ? fabs(over) : over);
                positive += p->z[k] > 0;
                zero += p->z[k] == 0;
            }
            CHECK(worst < 1e-8);
        }
    CHECK(positive > 50 && zero > 50);
}

/* The layer by its parameters: its own normalising, pictures, reconstruction. */
static void layers_code_every_place(void **state)
{
    (void)state;
    enum { H = 2, W = 3, K = 4 };
    static const char *const specs[] = {
        "{\"kind\": \"network\", \"layers\": [{\"kind\": \"sparse_code\", \"atoms\": 4, "
        "\"threshold\": 0.2, \"name\": \"z\"}, \"flatten\"]}",
        "{\"kind\": \"network\", \"layers\": [{\"kind\": \"sparse_code\", \"atoms\": 4, "
        "\"threshold\": 0.2, \"name\": \"z\", \"unit\": false, \"first\": 3, \"tied\": false, "
        "\"output\": \"reconstruction\", \"learned\": true}, \"flatten\"]}",
    };
    const eg_task task = { .inputs = K * H * W,
                           .height = H,
                           .width = W,
                           .channels = K,
                           .classes = K * H * W,
                           .epochs = 1 };
    struct scene *p = &scene;
    float x[K * H * W], scores[K * H * W];
    *p = (struct scene){ .c = K, .k = K };
    make_atoms(p, 3, 1);
    eg_random_normal(3, 7, 0, K * H * W, x);
    for (size_t i = 0; i < 2; i++) {
        eg_learner *l;
        CHECK_OK(eg_learner_create(specs[i], &task, 1, 1, NULL, &l));
        float *d = eg_params_find(eg_learner_params(l), "z.dictionary")->value;
        for (size_t k = 0; k < K * K; k++) d[k] = (float)(1.5 * p->d[k]); /* atoms of length 1.5 */
        CHECK_OK(eg_learner_scores(l, x, 1, scores));
        for (size_t place = 0; place < H * W; place++) {
            double v[K], z[K], length = 0;
            for (size_t c = 0; c < K; c++) v[c] = (double)x[c * H * W + place];
            for (size_t c = 0; c < K; c++) length += v[c] * v[c];
            for (size_t k = 0; k < K; k++)
                z[k] = fmax(0, inner(p->d + k * K, v, K) / (i == 0 ? sqrt(length) : 1) - 0.2);
            for (size_t c = 0; c < K; c++) {
                double want = z[c];
                if (i == 1) {
                    want = 0;
                    for (size_t k = 0; k < K; k++) want += z[k] * p->d[k * K + c];
                }
                CHECK_NEAR(scores[c * H * W + place], want, 2e-6);
            }
        }
        eg_learner_destroy(l);
    }
}

static void misuse_is_refused(void **state)
{
    (void)state;
    const float x[12] = { 1 };
    eg_tape *t;
    CHECK_OK(eg_tape_create(1, NULL, &t));
    for (size_t i = 0; i < 4; i++) {
        static const eg_sparse_options none = { sizeof none, 0, 0 };
        eg_tape_reset(t);
        const eg_var in = eg_input(t, EG_F32, &eg_shape_of(3, 4), x);
        const eg_var d = eg_input(t, EG_F32, &eg_shape_of(2, i == 0 ? 3 : 4), x);
        const eg_var last = eg_input(t, EG_F32, &eg_shape_of(1, i == 1 ? 2 : 1), x);
        const eg_var first = i == 2 ? eg_input(t, EG_F32, &eg_shape_of(2, 1), x) : EG_NONE;
        eg_sparse_code(t, in, d, d, first, last, i == 3 ? &none : NULL);
        CHECK_STATUS(eg_tape_status(t), i == 3 ? EG_ERR_INVALID : EG_ERR_SHAPE);
    }
    eg_tape_destroy(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(orthogonal_dictionaries_have_a_closed_form),
        cmocka_unit_test(codes_converge_as_the_theorem_says),
        cmocka_unit_test(rest_is_the_lasso),
        cmocka_unit_test(layers_code_every_place),
        cmocka_unit_test(misuse_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
