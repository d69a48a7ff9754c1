/* Pools of windows: oneDNN against the reference, NaN and infinities with them, and bits for any
 * number of threads. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <float.h>
#include <math.h>

#include "base/egi_base.h"
#include "check.h"
#include "kernel/egi_kernel_pool.h"

/* Kinds that oneDNN does; what they read and write, of x (0) and y (1). */
static const struct {
    enum egi_pooling_kind kind;
    int reads_x, reads_y, writes;
} kinds[] = {
    { EGI_POOLING_MAX, 1, 0, 1 },
    { EGI_POOLING_MAX_BACK, 1, 1, 0 },
    { EGI_POOLING_MEAN, 1, 0, 1 },
    { EGI_POOLING_SPREAD, 0, 1, 0 },
};

static size_t pick(uint64_t seed, uint64_t *at, size_t low, size_t high)
{
    return low + (size_t)eg_random_below(seed, 1, (*at)++, high - low + 1);
}

/* Often of more planes than one block, with a rest. */
static struct egi_pooling any_geometry(uint64_t seed)
{
    uint64_t at = 0;
    struct egi_pooling g = { .planes = pick(seed, &at, 0, 700) };
    for (size_t i = 0; i < 2; i++) {
        g.kernel[i] = pick(seed, &at, 1, 5);
        g.stride[i] = pick(seed, &at, 1, 4);
        g.padding[i] = pick(seed, &at, 0, g.kernel[i] / 2);
        g.in[i] = g.kernel[i] + pick(seed, &at, 0, 14);
        g.out[i] = (g.in[i] + 2 * g.padding[i] - g.kernel[i]) / g.stride[i] + 1;
    }
    return g;
}

/* Small whole numbers, so that maxima tie and sums are exact; with some that oneDNN's maximum does
 * not see, where asked. */
static float *numbers(uint64_t seed, size_t n, int odd)
{
    static const float unseen[] = { NAN, -INFINITY, INFINITY, -INFINITY };
    float *x = malloc((n + 1) * sizeof *x);
    assert_non_null(x);
    for (size_t i = 0; i < n; i++) {
        x[i] = (float)eg_random_below(seed, 2, i, 9) - 4;
        if (odd && eg_random_below(seed, 3, i, 50) == 0)
            x[i] = unseen[eg_random_below(seed, 4, i, EGI_COUNT(unseen))];
    }
    return x;
}

static void sizes(const struct egi_pooling *g, size_t size[2])
{
    size[0] = g->planes * g->in[0] * g->in[1];
    size[1] = g->planes * g->out[0] * g->out[1];
}

static float *run(const struct egi_pooling *g, size_t k, float *const data[2], int reference,
                  int threads)
{
    size_t size[2];
    sizes(g, size);
    float *out = numbers(99, size[kinds[k].writes], 0); /* to be overwritten */
    struct egi_pooling_plan plan;
    CHECK_OK(egi_pooling_plan(g, kinds[k].kind, EG_F32, reference, &plan));
    char *scratch = egi_alloc(eg_allocator_default(), plan.scratch + 1);
    assert_non_null(scratch);
    const struct egi_pooling_data d = { kinds[k].reads_x ? (const char *)data[0] : NULL,
                                        kinds[k].reads_y ? (const char *)data[1] : NULL,
                                        (char *)out };
    egi_pooling_run(&plan, &d, scratch, threads);
    egi_free(eg_allocator_default(), scratch, plan.scratch + 1);
    egi_pooling_plan_clear(&plan);
    return out;
}

static int same(float a, float b, double bound)
{
    if (isnan(a) || isnan(b)) return isnan(a) && isnan(b);
    return a == b || fabs((double)a - (double)b) <= bound;
}

static void compare(const struct egi_pooling *g, size_t k, float *const data[2], double bound)
{
    size_t size[2];
    sizes(g, size);
    float *fast = run(g, k, data, 0, 1), *slow = run(g, k, data, 1, 1);
    float *two = run(g, k, data, 0, 2);
    for (size_t i = 0; i < size[kinds[k].writes]; i++)
        if (!same(fast[i], slow[i], bound))
            fail_msg("kind %zu, %zu planes of %zu x %zu, at %zu: %g, expected %g", k, g->planes,
                     g->in[0], g->in[1], i, (double)fast[i], (double)slow[i]);
    CHECK_SAME_BITS(fast, two, size[kinds[k].writes] * sizeof *fast);
    free(fast);
    free(slow);
    free(two);
}

/* Maxima and what comes back to them are sums of whole numbers: exact. Means divide, and spreads
 * add up to 25 quotients of size 4: some units of their last place. */
static void rows_agree(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 60; seed++) {
        const struct egi_pooling g = any_geometry(seed);
        size_t size[2];
        sizes(&g, size);
        float *data[2] = { numbers(seed + 100, size[0], seed % 3 == 0),
                           numbers(seed + 200, size[1], 0) };
        for (size_t k = 0; k < EGI_COUNT(kinds); k++) {
            const int whole = k < 2;
            if (whole || seed % 3 != 0) compare(&g, k, data, whole ? 0 : 25 * 4 * 0x1p-22);
        }
        free(data[0]);
        free(data[1]);
    }
}

/* Windows of nothing but -infinity, and of the lowest finite number. */
static void the_lowest_is_found(void **state)
{
    (void)state;
    static const float lines[2][4] = { { -INFINITY, -INFINITY, -FLT_MAX, -INFINITY },
                                       { -FLT_MAX, -FLT_MAX, -INFINITY, -FLT_MAX } };
    const struct egi_pooling g = {
        .planes = 2, .in = { 1, 4 }, .out = { 1, 2 }, .kernel = { 1, 2 }, .stride = { 1, 2 }
    };
    float x[8], ones[4] = { 1, 1, 1, 1 };
    memcpy(x, lines, sizeof x);
    float *data[2] = { x, ones };
    float *y = run(&g, 0, data, 0, 1), *back = run(&g, 1, data, 0, 1);
    static const float largest[4] = { -INFINITY, -FLT_MAX, -FLT_MAX, -FLT_MAX };
    static const float places[8] = { 1, 0, 1, 0, 1, 0, 0, 1 };
    for (size_t i = 0; i < 4; i++) CHECK(y[i] == largest[i]);
    for (size_t i = 0; i < 8; i++) CHECK(back[i] == places[i]);
    free(y);
    free(back);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(rows_agree),
                                        cmocka_unit_test(the_lowest_is_found) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
