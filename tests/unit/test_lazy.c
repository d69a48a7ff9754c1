/* Training as alpha (f - f_0) against closed forms, and against the kernel that it began with. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "engram/lazy.h"
#include "engram/random.h"
#include "engram/tangent_kernel.h"
#include "train_check.h"

enum { N = 9, LEARNED = 6, D = 4, K = 3, M = N * K, TIMES = 3 };

static const double times[TIMES] = { 0, .4, 3 };

#define NETWORK "{\"kind\": \"network\", "
static const char flat[] = NETWORK "\"loss\": \"mse\", \"layers\": [{\"kind\": \"linear\"}]}";
static const char deep[] = NETWORK "\"hidden\": [30], \"activation\": \"tanh\"}";
static const char kinked[] =
    NETWORK "\"loss\": \"mse\", \"hidden\": [3, 3], \"activation\": \"relu\"}";

static eg_dataset some_data(void)
{
    static float x[N * D];
    static int32_t y[N];
    eg_random_normal(5, 1, 0, N * D, x);
    for (int i = 0; i < N; i++) y[i] = (i * i + 1) % K;
    return (eg_dataset){ .n = N, .d = D, .x = x, .labels = y, .classes = K };
}

static eg_learner *network(const char *text)
{
    const eg_task task = { .inputs = D, .classes = K, .epochs = 1 };
    eg_learner *l = NULL;
    CHECK_OK(eg_learner_create(text, &task, 7, 1, NULL, &l));
    return l;
}

static void kernel_of(eg_learner *l, const eg_part *part, int normalised, float *kernel)
{
    eg_tangent_options o = EG_TANGENT_OPTIONS_INIT;
    o.apart = 1;
    o.normalised = normalised;
    CHECK_OK(eg_tangent_kernel(l, part, &o, kernel));
}

/* F of a linear network for l = mse: e = F - y of what is learned decays by exp(-A t), A_ij =
 * 2 (c x_i x_j + 1) / (n K); de/dt = - A e for all rows. Of one class; exp by its
 * Taylor series at t / 2^10, squared. */
static void linear_flow(const eg_dataset *data, double by, double t, int32_t class, double *f)
{
    enum { TERMS = 30, HALVINGS = 10 };
    double power[N * N], sum[N * N], next[N * N], a[N * N];
    for (size_t i = 0; i < N * N; i++) {
        const float *u = data->x + i / N * D, *v = data->x + i % N * D;
        double dot = 0;
        for (size_t k = 0; k < D; k++) dot += (double)u[k] * (double)v[k];
        a[i] = i % N < LEARNED ? -2 * (by * dot + 1) / (LEARNED * K) * t / (1 << HALVINGS) : 0;
        power[i] = sum[i] = i / N == i % N;
    }
    for (size_t term = 1; term < TERMS + HALVINGS; term++) { /* Taylor, then squares */
        const int squared = term >= TERMS;
        memset(next, 0, sizeof next);
        for (size_t i = 0; i < N; i++)
            for (size_t j = 0; j < N; j++)
                for (size_t k = 0; k < N; k++)
                    next[i * N + j] += squared ? sum[i * N + k] * sum[k * N + j]
                                               : power[i * N + k] * a[k * N + j] / (double)term;
        memcpy(squared ? sum : power, next, sizeof next);
        for (size_t i = 0; i < N * N && !squared; i++) sum[i] += next[i];
    }
    for (size_t i = 0; i < N; i++) {
        f[i] = data->labels[i] == class;
        for (size_t j = 0; j < N; j++) f[i] -= sum[i * N + j] * (data->labels[j] == class);
    }
}

static void linear_networks_decay_as_exponentials(void **state)
{
    static const double alpha[] = { .01, 1, 300 };
    const eg_dataset data = some_data();
    const eg_part all = { &data, NULL, N };
    double f[TIMES * M], g[TIMES * M], want[N];
    float kernel[M * M];
    eg_lazy_end end;
    (void)state;
    for (size_t c = 0; c < 2 * EGI_COUNT(alpha); c++) {
        eg_lazy_options o = EG_LAZY_OPTIONS_INIT;
        eg_learner *l = network(flat);
        o.alpha = alpha[c / 2];
        o.normalised = c % 2 == 1;
        o.learned = LEARNED;
        kernel_of(l, &all, o.normalised, kernel);
        CHECK_OK(eg_lazy_kernel_flow(l, &all, kernel, times, TIMES, &o, g, &end));
        CHECK_OK(eg_lazy_train(l, &all, times, TIMES, &o, f, &end));
        CHECK(end.steps > 100 && end.loss > 0);
        for (size_t i = 0; i < TIMES * K; i++) {
            linear_flow(&data, o.normalised ? 2.0 / D : 1, times[i / K], (int32_t)(i % K), want);
            for (size_t j = 0; j < N; j++) {
                CHECK_NEAR(f[i / K * M + j * K + i % K], want[j], 2e-4);
                CHECK_NEAR(g[i / K * M + j * K + i % K], want[j], 2e-4);
            }
        }
        eg_learner_destroy(l);
    }
}

/* sqrt of the mean square of a - b, or of a. */
static double size_of(const double *a, const double *b)
{
    double sum = 0;
    for (size_t i = 0; i < M; i++) sum += pow(a[i] - (b != NULL ? b[i] : 0), 2) / M;
    return sqrt(sum);
}

/* The formula is of order two: a quarter of `turn`, half a step, a quarter of the error. */
static void errors_fall_as_the_bound(void **state)
{
    const eg_dataset data = some_data();
    const eg_part all = { &data, NULL, N };
    double f[4][M];
    eg_lazy_end end;
    (void)state;
    for (size_t i = 0; i < 4; i++) {
        eg_lazy_options o = EG_LAZY_OPTIONS_INIT;
        eg_learner *l = network(deep);
        o.turn = i == 0 ? 1e-9 : 1e-3 / pow(16, (double)i - 1);
        CHECK_OK(eg_lazy_train(l, &all, times + 2, 1, &o, f[i], &end));
        eg_learner_destroy(l);
    }
    for (size_t i = 1; i < 3; i++)
        CHECK_NEAR(log(size_of(f[i], f[0]) / size_of(f[i + 1], f[0])) / log(16), 1, .35);
}

/* dF/dt at the beginning is - 1/N Theta (p - y) for cross-entropy, p = 1/K; Theta by its own way.
 */
static void the_first_velocity_is_the_kernels(void **state)
{
    static const double soon[] = { 1e-4 };
    const eg_dataset data = some_data();
    const eg_part all = { &data, NULL, N };
    double f[M];
    float kernel[M * M];
    eg_lazy_end end;
    (void)state;
    for (int normalised = 0; normalised < 2; normalised++) {
        eg_lazy_options o = EG_LAZY_OPTIONS_INIT;
        eg_learner *l = network(deep);
        o.alpha = 10;
        o.normalised = normalised;
        kernel_of(l, &all, normalised, kernel);
        CHECK_OK(eg_lazy_train(l, &all, soon, 1, &o, f, &end));
        for (size_t i = 0; i < M; i++) {
            double v = 0;
            for (size_t j = 0; j < M; j++)
                v -= (double)kernel[i * M + j] * (1.0 / K - (data.labels[j / K] == (int)(j % K)))
                     / N;
            CHECK_NEAR(f[i] / soon[0], v, 2e-3);
        }
        eg_learner_destroy(l);
    }
}

/* Far from the kernel for small alpha, and for large alpha as near as 1 / alpha. */
static void large_factors_are_lazy(void **state)
{
    static const double alpha[] = { .1, 30, 300 };
    const eg_dataset data = some_data();
    const eg_part all = { &data, NULL, N };
    double f[M], g[M], apart[3], change[3];
    float before[M * M], after[M * M];
    eg_lazy_end end;
    (void)state;
    for (size_t c = 0; c < 3; c++) {
        eg_lazy_options o = EG_LAZY_OPTIONS_INIT;
        eg_learner *l = network(deep);
        o.alpha = alpha[c];
        o.turn = 1e-6;
        kernel_of(l, &all, 0, before);
        CHECK_OK(eg_lazy_kernel_flow(l, &all, before, times + 2, 1, &o, g, &end));
        const double loss = end.loss;
        CHECK_OK(eg_lazy_train(l, &all, times + 2, 1, &o, f, &end));
        kernel_of(l, &all, 0, after);
        apart[c] = size_of(f, g) / size_of(g, NULL);
        change[c] = eg_tangent_change(before, after, M * M);
        CHECK(c > 0 ? fabs(loss - end.loss) < .01 : fabs(loss - end.loss) > .05);
        eg_learner_destroy(l);
    }
    CHECK(apart[0] > .1 && change[0] > .3 && apart[2] < 2e-3 && change[2] < .01);
    CHECK_NEAR(log(apart[2] / apart[1]) / log(10), -1, .05);
    CHECK_NEAR(log(change[2] / change[1]) / log(10), -1, .05);
}

/* Few examples and units: one kink is much of the gradient. */
static void kinks_do_not_stop_the_flow(void **state)
{
    static const double late[] = { 20 };
    const eg_dataset data = some_data();
    const eg_part all = { &data, NULL, N };
    double coarse[M], fine[M];
    eg_lazy_end end;
    (void)state;
    eg_lazy_options o = EG_LAZY_OPTIONS_INIT;
    eg_learner *l = network(kinked), *other = network(kinked);
    o.alpha = .5;
    o.still = 1e-3;
    CHECK_OK(eg_lazy_train(l, &all, late, 1, &o, coarse, &end));
    CHECK(end.refused > 0 && end.steps < 20000 && end.loss < .2);
    o.still = 2e-4;
    CHECK_OK(eg_lazy_train(other, &all, late, 1, &o, fine, &end));
    CHECK(size_of(coarse, fine) < .03 * size_of(fine, NULL));
    eg_learner_destroy(l);
    eg_learner_destroy(other);
}

static int stop(void *user, const char *stage, uint64_t done, uint64_t total)
{
    (void)user;
    CHECK(strcmp(stage, "flow") == 0 && done == 0 && total == 0);
    return 1;
}

static void what_cannot_be_is_refused(void **state)
{
    static const double falling[] = { 1, .5 };
    const eg_progress at_once = { stop, NULL };
    const eg_dataset data = some_data();
    const eg_part all = { &data, NULL, N };
    float kernel[M * M];
    double f[M];
    eg_lazy_end end = { .steps = 77 };
    (void)state;
    eg_lazy_options o = EG_LAZY_OPTIONS_INIT;
    eg_learner *l = network(flat), *other = train_learner("{}", 1);
    const uint64_t hash = eg_params_hash(eg_learner_params(l));
    kernel_of(l, &all, 0, kernel);
#define REFUSED(field, value, status)                                                             \
    do {                                                                                          \
        const eg_lazy_options usual = EG_LAZY_OPTIONS_INIT;                                       \
        o.field = value;                                                                          \
        CHECK_STATUS(eg_lazy_train(l, &all, times, TIMES, &o, NULL, &end), status);               \
        CHECK_STATUS(eg_lazy_kernel_flow(l, &all, kernel, times, TIMES, &o, NULL, &end), status); \
        o = usual;                                                                                \
    } while (0)
    REFUSED(size, 1, EG_ERR_INVALID);
    REFUSED(alpha, 0, EG_ERR_INVALID);
    REFUSED(alpha, 1e-300, EG_ERR_INVALID);
    REFUSED(turn, (double)NAN, EG_ERR_INVALID);
    REFUSED(moved, 0, EG_ERR_INVALID);
    REFUSED(still, -1, EG_ERR_INVALID);
    REFUSED(learned, N + 1, EG_ERR_INVALID);
    REFUSED(steps, 5, EG_ERR_LIMIT);
    REFUSED(progress, &at_once, EG_ERR_INTERRUPTED);
    CHECK_STATUS(eg_lazy_train(l, &all, falling, 2, NULL, f, &end), EG_ERR_INVALID);
    CHECK_STATUS(eg_lazy_train(l, &all, times, 0, NULL, f, &end), EG_ERR_INVALID);
    CHECK_STATUS(eg_lazy_train(NULL, &all, times, 1, NULL, f, &end), EG_ERR_INVALID);
    CHECK_STATUS(eg_lazy_train(other, &all, times, 1, NULL, f, &end), EG_ERR_UNSUPPORTED);
    CHECK_STATUS(eg_lazy_kernel_flow(l, &all, NULL, times, 1, NULL, f, &end), EG_ERR_INVALID);
    CHECK(end.steps == 77 && hash == eg_params_hash(eg_learner_params(l)));
    CHECK_OK(eg_lazy_train(l, &all, times, 1, NULL, f, &end)); /* time 0: nothing moves */
    CHECK(end.steps == 0 && size_of(f, NULL) == 0);
    CHECK(hash == eg_params_hash(eg_learner_params(l)));
    kernel[0] = INFINITY;
    CHECK_STATUS(eg_lazy_kernel_flow(l, &all, kernel, times + 1, 1, NULL, f, &end),
                 EG_ERR_DIVERGED);
    eg_learner_destroy(l);
    eg_learner_destroy(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(linear_networks_decay_as_exponentials),
        cmocka_unit_test(errors_fall_as_the_bound),
        cmocka_unit_test(the_first_velocity_is_the_kernels),
        cmocka_unit_test(large_factors_are_lazy),
        cmocka_unit_test(kinks_do_not_stop_the_flow),
        cmocka_unit_test(what_cannot_be_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
