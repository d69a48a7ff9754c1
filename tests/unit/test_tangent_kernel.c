/* Tangent kernels against closed forms, and noise of gradients against those of single examples. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <sys/stat.h>
#include <unistd.h>

#include "engram/gradient_noise.h"
#include "engram/random.h"
#include "engram/tangent_kernel.h"
#include "train_check.h"

enum { N = 11, D = 6, H = 9, K = 3 };

static const char spec[] =
    "{\"kind\": \"network\", \"layers\": [{\"kind\": \"linear\", \"units\": 9, "
    "\"name\": \"a\"}, \"activation\", {\"kind\": \"linear\", \"name\": \"b\"}]}";

static eg_dataset some_data(void)
{
    static float x[N * D];
    static int32_t y[N];
    eg_random_normal(5, 1, 0, N * D, x);
    for (int i = 0; i < N; i++) y[i] = i % K;
    return (eg_dataset){ .n = N, .d = D, .x = x, .labels = y, .classes = K };
}

static eg_learner *network(const char *text, size_t inputs, size_t classes, uint64_t seed)
{
    const eg_task task = { .inputs = inputs, .classes = classes, .epochs = 1 };
    eg_learner *l = NULL;
    CHECK_OK(eg_learner_create(text, &task, seed, 1, NULL, &l));
    return l;
}

/* Golden values: sigma and theta by rho and hidden layers; of rho = 1 they are 1 and layers + 1. */
static void wide_networks_have_their_kernels(void **state)
{
    static const double golden[2][3][2] = {
        { { .318310, .318310 }, { .493731, .685709 }, { .604826, 1.060388 } },
        { { .608998, .942331 }, { .683906, 1.351480 }, { .738128, 1.737845 } },
    };
    double sigma, theta;
    (void)state;
    for (size_t r = 0; r < 2; r++)
        for (size_t h = 0; h < 3; h++) {
            eg_tangent_relu(.5 * (double)r, h + 1, &sigma, &theta);
            CHECK_NEAR(sigma, golden[r][h][0], 1e-6);
            CHECK_NEAR(theta, golden[r][h][1], 1e-6);
        }
    for (size_t h = 0; h < 9; h++) {
        eg_tangent_relu(1, h, &sigma, &theta);
        CHECK_NEAR(sigma, 1, 1e-12);
        CHECK_NEAR(theta, (double)h + 1, 1e-12);
    }
    eg_tangent_relu(1.1, 1, &sigma, NULL);
    CHECK(isnan(sigma));
}

static const float *array(eg_learner *l, const char *name)
{
    const eg_param *p = eg_params_find(eg_learner_params(l), name);
    CHECK(p != NULL);
    return p->value;
}

static double dot(const float *a, const float *b, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += (double)a[i] * (double)b[i];
    return sum;
}

/* Of b relu(a x): sum over hidden units of b_kj^2 (both on) (1 + x x') + h h' + 1. */
static double by_hand(eg_learner *l, const float *x, const float *other, size_t first, size_t last,
                      int normalised)
{
    const float *a = array(l, "a.weight"), *ab = array(l, "a.bias"), *b = array(l, "b.weight");
    double sum = 0;
    for (size_t k = first; k < last; k++) {
        double hidden = 0, in = 0, on = 0;
        for (size_t j = 0; j < H; j++) {
            const double u = dot(a + j * D, x, D) + (double)ab[j];
            const double v = dot(a + j * D, other, D) + (double)ab[j];
            const double w = (double)b[k * H + j];
            hidden += fmax(u, 0) * fmax(v, 0);
            in += u > 0 && v > 0 ? w * w * dot(x, other, D) : 0;
            on += u > 0 && v > 0 ? w * w : 0;
        }
        sum += normalised ? 2.0 / H * hidden + 2.0 / D * in + on + 1 : hidden + in + on + 1;
    }
    return sum / (double)(last - first);
}

static void kernels_are_those_of_gradients(void **state)
{
    const eg_dataset data = some_data();
    const eg_part all = { &data, NULL, N };
    float kernel[N * N];
    (void)state;
    eg_learner *l = network(spec, D, K, 3);
    const size_t one = (H * D + H + K * H + K) * sizeof(float);
    static const size_t blocks[] = { 1, 2, 4, 5, 50 };
    for (size_t c = 0; c < 4 * EGI_COUNT(blocks); c++) {
        eg_tangent_options o = EG_TANGENT_OPTIONS_INIT;
        o.bytes = 2 * blocks[c / 4] * one;
        o.normalised = c % 2 == 1;
        o.output = c / 2 % 2 == 0 ? SIZE_MAX : 1;
        CHECK_OK(eg_tangent_kernel(l, &all, &o, kernel));
        for (size_t i = 0; i < N * N; i++) {
            const size_t first = o.output == 1 ? 1 : 0, last = o.output == 1 ? 2 : K;
            const double want =
                by_hand(l, data.x + i / N * D, data.x + i % N * D, first, last, o.normalised);
            CHECK_NEAR((double)kernel[i], want, 2e-5 * (1 + fabs(want)));
        }
    }
    eg_learner_destroy(l);
}

/* Of all pairs of scores: of one score its own kernel, the mean over equal scores the mean. */
static void pairs_of_scores_are_apart(void **state)
{
    enum { M = N * K };
    const eg_dataset data = some_data();
    const eg_part all = { &data, NULL, N };
    float whole[M * M], mean[N * N], one[N * N];
    (void)state;
    eg_learner *l = network(spec, D, K, 3);
    const float *a = array(l, "a.weight"), *ab = array(l, "a.bias"), *b = array(l, "b.weight");
    eg_tangent_options o = EG_TANGENT_OPTIONS_INIT;
    CHECK_OK(eg_tangent_kernel(l, &all, &o, mean));
    o.output = 1;
    CHECK_OK(eg_tangent_kernel(l, &all, &o, one));
    o.apart = 1;
    CHECK_OK(eg_tangent_kernel(l, &all, &o, whole)); /* of one score: the same */
    CHECK(memcmp(whole, one, sizeof one) == 0);
    o.output = SIZE_MAX;
    o.bytes = 2 * 4 * (H * D + H + K * H + K) * sizeof(float);
    CHECK_OK(eg_tangent_kernel(l, &all, &o, whole));
    for (size_t r = 0; r < M * M; r++) {
        const size_t i = r / M / K, k = r / M % K, j = r % M / K, m = r % K;
        const float *x = data.x + i * D, *other = data.x + j * D;
        double want = k == m, sum = 0; /* k != m: weights of the first layer alone are shared */
        for (size_t h = 0; h < H; h++) {
            const double u = dot(a + h * D, x, D) + (double)ab[h];
            const double v = dot(a + h * D, other, D) + (double)ab[h];
            want += k == m ? fmax(u, 0) * fmax(v, 0) : 0;
            want += u > 0 && v > 0
                        ? (double)b[k * H + h] * (double)b[m * H + h] * (dot(x, other, D) + 1)
                        : 0;
        }
        CHECK_NEAR((double)whole[r], want, 2e-5 * (1 + fabs(want)));
        for (size_t c = 0; c < K && k == 0 && m == 0; c++)
            sum += (double)whole[(i * K + c) * M + j * K + c] / K;
        if (k == 0 && m == 0) CHECK_NEAR(sum, (double)mean[i * N + j], 1e-5 * (1 + fabs(sum)));
    }
    CHECK(eg_tangent_change(whole, whole, EGI_COUNT(whole)) == 0);
    for (size_t r = 0; r < M * M; r++) whole[r] = 1.25f;
    for (size_t r = 0; r < N * N; r++) one[r] = 1;
    CHECK_NEAR(eg_tangent_change(one, whole, EGI_COUNT(one)), .25, 1e-12);
    eg_learner_destroy(l);
}

/* The deviation from the limit falls as 1 / sqrt(width). */
static void widths_approach_the_limit(void **state)
{
    enum { SEEDS = 60, WIDTHS = 3, AT = 8 };
    float x[2 * AT] = {
        1, 1, 1, 1, 0, 0, 0, 0, 1, 1, 0, 0, 1, 1, 0, 0
    }; /* cosine .5, |x|^2 = D/2 */
    int32_t y[2] = { 0, 1 };
    const eg_dataset data = { .n = 2, .d = AT, .x = x, .labels = y, .classes = 2 };
    const eg_part all = { &data, NULL, 2 };
    eg_tangent_options o = EG_TANGENT_OPTIONS_INIT;
    double apart[WIDTHS], theta, mean = 0;
    (void)state;
    o.normalised = 1;
    o.output = 0;
    eg_tangent_relu(.5, 2, NULL, &theta);
    for (size_t w = 0; w < WIDTHS; w++) {
        char text[600];
        const size_t width = (size_t)32 << (2 * w);
        double sum = 0;
        snprintf(
            text, sizeof text,
            "{\"kind\": \"network\", \"layers\": [{\"kind\": "
            "\"linear\", \"units\": %zu, \"bias\": false, \"initialiser\": \"he_normal\"}, "
            "\"activation\", {\"kind\": \"linear\", "
            "\"units\": %zu, \"bias\": false, \"initialiser\": \"he_normal\"}, \"activation\", "
            "{\"kind\": \"linear\", \"bias\": "
            "false, \"initialiser\": \"he_normal\"}]}",
            width, width);
        mean = 0;
        for (size_t seed = 0; seed < SEEDS; seed++) {
            float kernel[4];
            eg_learner *l = network(text, AT, 2, seed);
            CHECK_OK(eg_tangent_kernel(l, &all, &o, kernel));
            sum += pow((double)kernel[1] - theta, 2) / SEEDS;
            mean += (double)kernel[1] / SEEDS;
            eg_learner_destroy(l);
        }
        apart[w] = sqrt(sum);
    }
    CHECK_NEAR(mean, theta, 4 * apart[2] / sqrt(SEEDS));
    CHECK_NEAR(log(apart[2] / apart[0]) / log(16), -.5, .15);
}

/* Ends the work at the call at which the count comes to 0. */
static int stop_after(void *user, const char *stage, uint64_t done, uint64_t total)
{
    int *left = user;
    CHECK(strcmp(stage, "kernel") == 0 && done <= total);
    return --*left <= 0;
}

static void files_hold_the_same(void **state)
{
    const eg_dataset data = some_data();
    const eg_part all = { &data, NULL, N };
    float kernel[N * N], read[N * N];
    char path[500], part[520];
    struct stat st;
    (void)state;
    snprintf(path, sizeof path, "%s.npy", train_folder("kernel"));
    snprintf(part, sizeof part, "%s.part", path);
    eg_learner *l = network(spec, D, K, 3);
    eg_tangent_options o = EG_TANGENT_OPTIONS_INIT;
    o.bytes = 2 * 4 * (H * D + H + K * H + K) * sizeof(float);
    CHECK_OK(eg_tangent_kernel(l, &all, &o, kernel));
    int left = 1; /* calls of progress before it is stopped, more each time */
    for (eg_status s = EG_ERR_INTERRUPTED; s != EG_OK; left++) {
        int calls = left;
        const eg_progress stop = { stop_after, &calls };
        o.progress = &stop;
        s = eg_tangent_kernel_file(l, &all, &o, path);
        CHECK(s == EG_OK || s == EG_ERR_INTERRUPTED);
        CHECK(stat(part, &st) != 0 || s != EG_OK);
    }
    CHECK(left > 3);
    FILE *f = fopen(path, "rb");
    CHECK(f != NULL && fseek(f, 128, SEEK_SET) == 0 && fread(read, sizeof read, 1, f) == 1);
    CHECK(fgetc(f) == EOF && fclose(f) == 0);
    CHECK(memcmp(read, kernel, sizeof read) == 0);
    eg_learner_destroy(l);
    unlink(path);
}

static eg_status noise_of(eg_learner *l, const eg_part *part, size_t batch, size_t batches,
                          eg_gradient_noise *out, eg_gradient_noise *each)
{
    const eg_gradient_noise_options o = { sizeof o, batch, batches, 8, 1, NULL };
    return eg_gradient_noise_of(l, part, &o, out, each);
}

/* Batches of one example, all of them: their gradients are those of the tangent kernel's way. */
static void noise_is_the_variance_of_gradients(void **state)
{
    const eg_dataset data = some_data();
    const eg_part all = { &data, NULL, N };
    static const char flat[] =
        "{\"kind\": \"network\", \"layers\": [{\"kind\": \"linear\", \"name\": "
        "\"a\"}]}";
    double g[N][K * D + K], mean[K * D + K] = { 0 }, drift = 0, noise = 0, bias = 0, loss = 0;
    eg_gradient_noise out, each[2];
    (void)state;
    eg_learner *l = network(flat, D, K, 3);
    const float *w = array(l, "a.weight"), *b = array(l, "a.bias");
    for (size_t i = 0; i < N; i++) {
        const float *x = data.x + i * D;
        double p[K], all_of = 0;
        for (size_t k = 0; k < K; k++) all_of += p[k] = exp(dot(w + k * D, x, D) + (double)b[k]);
        loss -= log(p[data.labels[i]] / all_of) / N;
        for (size_t k = 0; k < K; k++) {
            const double e = p[k] / all_of - (data.labels[i] == (int32_t)k);
            for (size_t j = 0; j < D; j++) g[i][k * D + j] = e * (double)x[j];
            g[i][K * D + k] = e;
        }
        for (size_t j = 0; j < K * D + K; j++) mean[j] += g[i][j] / N;
    }
    for (size_t j = 0; j < K * D + K; j++) {
        drift += mean[j] * mean[j];
        for (size_t i = 0; i < N; i++) {
            noise += pow(g[i][j] - mean[j], 2) / (N - 1);
            bias += j < K * D ? 0 : pow(g[i][j] - mean[j], 2) / (N - 1);
        }
    }
    CHECK_OK(noise_of(l, &all, 1, N, &out, NULL));
    CHECK(out.weights == K * D + K && out.batches == N);
    CHECK_NEAR(out.drift, drift, 1e-12);
    CHECK_NEAR(out.noise, noise, 1e-12);
    CHECK_NEAR(out.signal, drift - noise / N, 1e-12);
    CHECK_NEAR(out.loss, loss, 1e-12);
    CHECK_OK(noise_of(l, &all, 1, 4 * N, &out, each));
    CHECK(each[0].weights == K * D && each[1].weights == K && each[0].batches == 4 * N);
    CHECK_NEAR(each[0].noise + each[1].noise, out.noise, 1e-12);
    CHECK_NEAR(each[1].signal, each[1].drift - each[1].noise / (4 * N), 1e-12);
    CHECK_NEAR(each[1].noise * (4 * N - 1) / (4 * (N - 1)), bias, 1e-12); /* four passes */
    CHECK_OK(noise_of(l, &all, N, 3, &out, NULL));                        /* all examples: none */
    CHECK_NEAR(out.noise, 0, 1e-20);
    CHECK_STATUS(noise_of(l, &all, 1, 1, &out, NULL), EG_ERR_INVALID);
    CHECK_STATUS(noise_of(l, &all, N + 1, 2, &out, NULL), EG_ERR_INVALID);
    eg_learner_destroy(l);
}

static void what_cannot_be_is_refused(void **state)
{
    const eg_dataset data = some_data();
    const eg_part all = { &data, NULL, N };
    float kernel[N * N];
    eg_tangent_options o = EG_TANGENT_OPTIONS_INIT;
    (void)state;
    eg_learner *l = network(spec, D, K, 3), *other = network("{\"kind\": \"dam\"}", D, K, 3);
    o.output = K;
    CHECK_STATUS(eg_tangent_kernel(l, &all, &o, kernel), EG_ERR_INVALID);
    o.output = 0;
    o.bytes = 100;
    CHECK_STATUS(eg_tangent_kernel(l, &all, &o, kernel), EG_ERR_INVALID);
    o.size = 1;
    CHECK_STATUS(eg_tangent_kernel(l, &all, &o, kernel), EG_ERR_INVALID);
    CHECK_STATUS(eg_tangent_kernel(NULL, &all, NULL, kernel), EG_ERR_INVALID);
    CHECK_STATUS(eg_tangent_kernel(other, &all, NULL, kernel), EG_ERR_UNSUPPORTED);
    CHECK_STATUS(eg_tangent_kernel_file(l, &all, NULL, "no/such/folder.npy"), EG_ERR_IO);
    eg_learner_destroy(l);
    eg_learner_destroy(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wide_networks_have_their_kernels),
        cmocka_unit_test(kernels_are_those_of_gradients),
        cmocka_unit_test(pairs_of_scores_are_apart),
        cmocka_unit_test(widths_approach_the_limit),
        cmocka_unit_test(files_hold_the_same),
        cmocka_unit_test(noise_is_the_variance_of_gradients),
        cmocka_unit_test(what_cannot_be_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
