/* Competing hidden units: one step against the formula in double, weights that come to norm 1,
 * the read-out's gradient, the unit-norm read-out, and that labels stay out of the first phase. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include <stdio.h>

enum { D = 6, H = 9, K = 3, B = 8 };

static eg_learner *make_with(const char *spec, size_t inputs, size_t classes, size_t epochs,
                             int threads, const eg_allocator *alloc)
{
    const eg_task task = { .inputs = inputs, .classes = classes, .epochs = epochs };
    eg_learner *l = NULL;
    CHECK_OK(eg_learner_create(spec, &task, 2, threads, alloc, &l));
    return l;
}

static eg_learner *make(const char *spec)
{
    return make_with(spec, D, K, 10, 1, NULL);
}

static float *values(eg_params *p, const char *name)
{
    const eg_param *found = eg_params_find(p, name);
    CHECK(found != NULL);
    return found->value;
}

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

/* ---- the rule ---- */

/* g of each unit for one example: 1 for the first, -delta for the k-th by I. */
static void grade(const double *overlap, size_t k, double delta, double *g)
{
    for (size_t u = 0; u < H; u++) {
        size_t above = 0;
        for (size_t v = 0; v < H; v++) above += overlap[v] > overlap[u];
        g[u] = above == 0 ? 1 : above == k - 1 ? -delta : 0;
    }
}

/* W after one step, as the authors' code has it. */
static void exact_step(double *w, const float *x, double p, size_t k, double delta, double eps)
{
    double dw[H * D] = { 0 }, most = 1e-30;
    for (size_t b = 0; b < B; b++) {
        double overlap[H], g[H];
        for (size_t u = 0; u < H; u++) {
            overlap[u] = 0;
            for (size_t i = 0; i < D; i++)
                overlap[u] +=
                    copysign(pow(fabs(w[u * D + i]), p - 1), w[u * D + i]) * (double)x[b * D + i];
        }
        grade(overlap, k, delta, g);
        for (size_t u = 0; u < H; u++)
            for (size_t i = 0; i < D; i++)
                dw[u * D + i] += g[u] * ((double)x[b * D + i] - overlap[u] * w[u * D + i]);
    }
    for (size_t i = 0; i < (size_t)H * D; i++) most = fmax(most, fabs(dw[i]));
    for (size_t i = 0; i < (size_t)H * D; i++) w[i] += eps * dw[i] / most;
}

static void test_rule_is_the_formula(void **state)
{
    (void)state;
    const struct inputs in = draw_inputs();
    for (int p = 2; p <= 5; p++)
        for (int k = 2; k <= H; k++) {
            char spec[160];
            snprintf(spec, sizeof spec,
                     "{\"kind\": \"local\", \"hidden\": %d, \"p\": %d, \"k\": %d, \"delta\": 0.3, "
                     "\"eps0\": 0.25}",
                     H, p, k);
            eg_learner *l = make(spec);
            const float *w = values(eg_learner_params(l), "units");
            double want[H * D], loss;
            for (size_t i = 0; i < (size_t)H * D; i++) want[i] = (double)w[i];
            for (int e = 0; e < 3; e++) {
                CHECK_OK(eg_learner_step(l, e + 0.5, in.x, in.y, B, &loss));
                exact_step(want, in.x, p, (size_t)k, 0.3, 0.25 * (1 - e / 8.0));
                for (size_t i = 0; i < (size_t)H * D; i++) CHECK_NEAR(w[i], want[i], 1e-5);
            }
            eg_learner_destroy(l);
        }
}

static int all_zero(const float *readout)
{
    for (size_t i = 0; i < (size_t)K * H; i++)
        if (readout[i] != 0) return 0;
    return 1;
}

/* Labels enter neither the units nor when they end; after them the units stay as they are. */
static void test_phases(void **state)
{
    (void)state;
    const char *spec = "{\"kind\": \"local\", \"hidden\": 9, \"share\": 0.5}";
    struct inputs in = draw_inputs();
    eg_learner *a = make(spec), *b = make(spec);
    double loss;
    for (int e = 0; e < 5; e++) {
        CHECK_OK(eg_learner_step(a, e, in.x, in.y, B, &loss));
        for (int i = 0; i < B; i++) in.y[i] = (in.y[i] + 1) % K;
        CHECK_OK(eg_learner_step(b, e, in.x, in.y, B, &loss));
    }
    float units[H * D];
    memcpy(units, values(eg_learner_params(a), "units"), sizeof units);
    CHECK_SAME_BITS(units, values(eg_learner_params(b), "units"), sizeof units);
    CHECK(all_zero(values(eg_learner_params(a), "readout")));
    CHECK_OK(eg_learner_step(a, 5, in.x, in.y, B, &loss));
    CHECK_SAME_BITS(units, values(eg_learner_params(a), "units"), sizeof units);
    CHECK(!all_zero(values(eg_learner_params(a), "readout")));
    float readout[K * H]; /* at the end its rate is 0 */
    memcpy(readout, values(eg_learner_params(a), "readout"), sizeof readout);
    CHECK_OK(eg_learner_step(a, 10, in.x, in.y, B, &loss));
    CHECK_SAME_BITS(readout, values(eg_learner_params(a), "readout"), sizeof readout);
    eg_learner_destroy(a);
    eg_learner_destroy(b);
}

/* ---- the read-out ---- */

static const char readout_spec[] =
    "{\"kind\": \"local\", \"hidden\": 9, \"share\": 0, \"beta\": 0.3,"
    " \"power\": 3.5, \"loss\": 4, \"norm\": \"%s\"}";

static double exact_score(int unit, const float *w, const double *s, const double *x, size_t a)
{
    double square = 0, z = 0;
    for (size_t i = 0; i < D; i++) square += x[i] * x[i];
    for (size_t u = 0; u < H; u++) {
        double o = 0;
        for (size_t i = 0; i < D; i++) o += (double)w[u * D + i] * x[i];
        if (unit) o /= sqrt(square);
        z += o > 0 ? 0.3 * s[a * H + u] * pow(o, 3.5) : 0;
    }
    return z;
}

static double exact_loss(int unit, const float *w, const double *s, const struct inputs *in)
{
    double loss = 0;
    for (size_t b = 0; b < B; b++) {
        double x[D];
        for (size_t i = 0; i < D; i++) x[i] = (double)in->x[b * D + i];
        for (size_t a = 0; a < K; a++) {
            const double t = in->y[b] == (int32_t)a ? 1 : -1;
            loss += pow(fabs(tanh(exact_score(unit, w, s, x, a)) - t), 4) / B;
        }
    }
    return loss;
}

/* A read-out that is not 0, in the learner and as doubles. */
static void set_readout(eg_learner *l, double *s)
{
    float *readout = values(eg_learner_params(l), "readout");
    eg_random_normal(7, 7, 0, (size_t)K * H, readout);
    for (size_t i = 0; i < (size_t)K * H; i++) s[i] = (double)readout[i];
}

/* Adam's first moment after one step is a tenth of the gradient. */
static void test_readout_gradient(void **state)
{
    (void)state;
    const struct inputs in = draw_inputs();
    for (int unit = 0; unit < 2; unit++) {
        char spec[160];
        snprintf(spec, sizeof spec, readout_spec, unit ? "unit" : "none");
        eg_learner *l = make(spec);
        const float *w = values(eg_learner_params(l), "units");
        double s[K * H], loss;
        set_readout(l, s);
        CHECK_OK(eg_learner_step(l, 0, in.x, in.y, B, &loss));
        CHECK_NEAR(loss, exact_loss(unit, w, s, &in), 1e-4 * loss);
        const float *moment = values(eg_learner_state(l), "readout.moment1");
        for (size_t i = 0; i < (size_t)K * H; i++) {
            const double at = s[i], h = 1e-5;
            s[i] = at + h;
            const double up = exact_loss(unit, w, s, &in);
            s[i] = at - h;
            const double slope = (up - exact_loss(unit, w, s, &in)) / (2 * h);
            s[i] = at;
            CHECK_NEAR(10 * moment[i], slope, 1e-4 * fabs(slope) + 1e-5);
        }
        eg_learner_destroy(l);
    }
}

static void test_pullback(void **state)
{
    (void)state;
    const struct inputs in = draw_inputs();
    float cotangent[B * K], scores[B * K], dx[B * D];
    eg_random_uniform(6, 6, 0, (size_t)B * K, cotangent);
    for (int unit = 0; unit < 2; unit++) {
        char spec[160];
        snprintf(spec, sizeof spec, readout_spec, unit ? "unit" : "none");
        eg_learner *l = make(spec);
        const float *w = values(eg_learner_params(l), "units");
        double s[K * H];
        set_readout(l, s);
        CHECK_OK(eg_learner_pullback(l, in.x, cotangent, B, scores, dx));
        for (size_t i = 0; i < (size_t)B * D; i++) {
            double x[D], slope = 0;
            for (size_t j = 0; j < D; j++) x[j] = (double)in.x[i / D * D + j];
            for (size_t a = 0; a < K; a++) {
                const double at = x[i % D], h = 1e-5, z = exact_score(unit, w, s, x, a);
                CHECK_NEAR(scores[i / D * K + a], z, 1e-4 * fabs(z) + 1e-5);
                x[i % D] = at + h;
                const double up = exact_score(unit, w, s, x, a);
                x[i % D] = at - h;
                slope += (double)cotangent[i / D * K + a] * (up - exact_score(unit, w, s, x, a))
                         / (2 * h);
                x[i % D] = at;
            }
            CHECK_NEAR(dx[i], slope, 1e-3 * fabs(slope) + 1e-4);
        }
        eg_learner_destroy(l);
    }
}

/* ---- digits ---- */

struct digits {
    eg_dataset set;
    size_t order[2000], learn; /* every fifth item is tested on, the rest is learned */
};

static void load(struct digits *g)
{
    const eg_read_options o = EG_READ_OPTIONS_INIT;
    if (eg_catalogue_read("semeion", &o, &g->set) != EG_OK) {
        print_message("semeion is not at hand: %s\n", eg_error_detail());
        skip();
    }
    g->learn = 0;
    for (size_t i = 0; i < g->set.n; i++)
        if (i % 5 != 0) g->order[g->learn++] = i;
    for (size_t i = 0; i < g->set.n * g->set.d; i++) g->set.x[i] = g->set.x[i] > 0;
}

enum { PART = 20 };

static eg_learner *learn(struct digits *g, const char *spec, size_t epochs)
{
    const size_t d = g->set.d;
    eg_learner *l = make_with(spec, d, g->set.classes, epochs, 1, NULL);
    float *x = malloc(PART * d * sizeof *x);
    CHECK(x != NULL);
    int32_t y[PART];
    double loss;
    for (size_t e = 0; e < epochs; e++) {
        size_t at[2000];
        eg_random_permutation(9, e, g->learn, at);
        for (size_t from = 0; from + PART <= g->learn; from += PART) {
            for (size_t i = 0; i < PART; i++) {
                const size_t item = g->order[at[from + i]];
                memcpy(x + i * d, g->set.x + item * d, d * sizeof *x);
                y[i] = g->set.labels[item];
            }
            CHECK_OK(eg_learner_step(l, (double)e, x, y, PART, &loss));
        }
    }
    free(x);
    return l;
}

static double test_error(const struct digits *g, eg_learner *l)
{
    size_t bad = 0, n = 0;
    float z[10];
    for (size_t i = 0; i < g->set.n; i += 5, n++) {
        CHECK_OK(eg_learner_scores(l, g->set.x + i * g->set.d, 1, z));
        int32_t best = 0;
        for (int32_t a = 1; a < 10; a++)
            if (z[a] > z[best]) best = a;
        bad += best != g->set.labels[i];
    }
    return (double)bad / (double)n;
}

/* Units began with |W|_3 near 7. A few win so seldom that they are not there yet. */
static void check_norms(eg_learner *l, double p)
{
    const float *w = values(eg_learner_params(l), "units");
    size_t there = 0;
    for (size_t u = 0; u < 200; u++) {
        double sum = 0;
        for (size_t i = 0; i < 256; i++) sum += pow(fabs((double)w[u * 256 + i]), p);
        there += fabs(pow(sum, 1 / p) - 1) < 0.05;
    }
    print_message("units whose norm is 1 within 5 %%: %zu of 200\n", there);
    CHECK(there >= 150);
}

/* Without the unit norm the powers of bright and dark images lie orders of magnitude apart: the
 * 92.68 % of a user of the authors' code, who left it out. */
static void test_digits(void **state)
{
    (void)state;
    struct digits g;
    load(&g);
    static const char *const norm[] = { "unit", "none" };
    double error[2];
    for (int k = 0; k < 2; k++) {
        char spec[200];
        snprintf(spec, sizeof spec,
                 "{\"kind\": \"local\", \"hidden\": 200, \"k\": 5, \"eps0\": 0.2, \"beta\": 0.1, "
                 "\"rate\": 0.02, \"norm\": \"%s\"}",
                 norm[k]);
        eg_learner *l = learn(&g, spec, 60);
        error[k] = test_error(&g, l);
        print_message("read-out with norm %s: test error %.2f %%\n", norm[k], 100 * error[k]);
        check_norms(l, 3);
        eg_learner_destroy(l);
    }
    eg_dataset_clear(&g.set);
    CHECK(error[0] < 0.1);
    CHECK(error[1] > error[0] + 0.05);
}

/* ---- as every learner ---- */

static uint64_t hash_after(const char *spec, const float *x, const int32_t *y, size_t b,
                           int threads)
{
    eg_learner *l = make_with(spec, 1000, 3, 4, threads, NULL);
    double loss;
    for (int e = 0; e < 4; e++) CHECK_OK(eg_learner_step(l, e, x, y, b, &loss));
    const uint64_t hash =
        eg_params_hash(eg_learner_params(l)) ^ eg_params_hash(eg_learner_state(l));
    eg_learner_destroy(l);
    return hash;
}

static void test_threads_change_no_bit(void **state)
{
    (void)state;
    enum { MANY = 64 };
    float *x = malloc((size_t)MANY * 1000 * sizeof *x);
    int32_t y[MANY];
    CHECK(x != NULL);
    eg_random_uniform(1, 1, 0, (size_t)MANY * 1000, x);
    for (int i = 0; i < MANY; i++) y[i] = i % 3;
    const char *spec = "{\"kind\": \"local\", \"hidden\": 5000, \"share\": 0.5}";
    CHECK(hash_after(spec, x, y, MANY, 1) == hash_after(spec, x, y, MANY, 2));
    free(x);
}

static void test_steady_state_allocates_nothing(void **state)
{
    (void)state;
    struct failing f = { .fail_at = SIZE_MAX };
    const eg_allocator a = failing_allocator(&f);
    struct inputs in = draw_inputs();
    eg_learner *l =
        make_with("{\"kind\": \"local\", \"hidden\": 9, \"share\": 0.5}", D, K, 10, 1, &a);
    double loss;
    float scores[B * K], dx[B * D];
    CHECK_OK(eg_learner_step(l, 0, in.x, in.y, B, &loss));
    CHECK_OK(eg_learner_scores(l, in.x, B, scores));
    const size_t calls = f.calls;
    for (int e = 1; e < 10; e++) CHECK_OK(eg_learner_step(l, e, in.x, in.y, B, &loss));
    CHECK_OK(eg_learner_pullback(l, in.x, in.x, B, scores, dx));
    CHECK(f.calls == calls);
    eg_learner_destroy(l);
    CHECK(f.live == 0);
}

static void test_refusals(void **state)
{
    (void)state;
    const eg_task task = { .inputs = D, .classes = K, .epochs = 1 };
    eg_learner *l = NULL;
    CHECK_STATUS(
        eg_learner_create("{\"kind\": \"local\", \"hidden\": 4, \"k\": 5}", &task, 1, 1, NULL, &l),
        EG_ERR_INVALID);
    CHECK(strstr(eg_error_detail(), "k") != NULL);
    eg_status s = EG_ERR_NOMEM;
    for (size_t k = 0; s != EG_OK; k++) {
        struct failing f = { .fail_at = k };
        const eg_allocator a = failing_allocator(&f);
        struct inputs in = draw_inputs();
        double loss;
        l = NULL;
        s = eg_learner_create("{\"kind\": \"local\", \"hidden\": 9}", &task, 1, 1, &a, &l);
        if (s == EG_OK) s = eg_learner_step(l, 0, in.x, in.y, B, &loss);
        CHECK(s == EG_OK || s == EG_ERR_NOMEM);
        eg_learner_destroy(l);
        CHECK(f.live == 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rule_is_the_formula),
        cmocka_unit_test(test_phases),
        cmocka_unit_test(test_readout_gradient),
        cmocka_unit_test(test_pullback),
        cmocka_unit_test(test_digits),
        cmocka_unit_test(test_threads_change_no_bit),
        cmocka_unit_test(test_steady_state_allocates_nothing),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
