/* Convolution: oneDNN against the reference, bits for any number of threads, pools, bad shapes,
 * plans kept. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/egi_base.h"
#include "check.h"
#include "grad/egi_tape_impl.h"
#include "kernel/egi_kernel_conv.h"

static size_t pick(uint64_t seed, uint64_t *at, size_t low, size_t high)
{
    return low + (size_t)eg_random_below(seed, 1, (*at)++, high - low + 1);
}

static float *numbers(uint64_t seed, size_t n)
{
    float *x = malloc((n + 1) * sizeof *x);
    assert_non_null(x);
    eg_random_uniform(seed, 2, 0, n, x);
    for (size_t i = 0; i < n; i++) x[i] -= 0.5f;
    return x;
}

static struct egi_conv any_geometry(uint64_t seed)
{
    uint64_t at = 0;
    struct egi_conv g = { .n = pick(seed, &at, 0, 20), .groups = pick(seed, &at, 1, 3) };
    g.c = g.groups * pick(seed, &at, 1, 9);
    g.o = g.groups * pick(seed, &at, 1, 9);
    for (size_t i = 0; i < 2; i++) {
        g.kernel[i] = pick(seed, &at, 1, 5);
        g.stride[i] = pick(seed, &at, 1, 3);
        g.padding[i] = pick(seed, &at, 0, 3);
        g.dilation[i] = pick(seed, &at, 1, 2);
        g.in[i] = g.dilation[i] * (g.kernel[i] - 1) + pick(seed, &at, 1, 12);
        const size_t room = g.in[i] + 2 * g.padding[i] - g.dilation[i] * (g.kernel[i] - 1) - 1;
        g.out[i] = room / g.stride[i] + 1;
    }
    return g;
}

/* Numbers in x, w and y. */
static void sizes(const struct egi_conv *g, size_t size[3])
{
    size[0] = g->n * g->c * g->in[0] * g->in[1];
    size[1] = g->o * (g->c / g->groups) * g->kernel[0] * g->kernel[1];
    size[2] = g->n * g->o * g->out[0] * g->out[1];
}

/* What a kind writes, among x, w, y; data is of f32. */
static float *run(const struct egi_conv *g, enum egi_conv_kind kind, float *const data[3],
                  int reference, int threads)
{
    static const size_t written[3] = {
        [EGI_CONV_OUTPUT] = 2, [EGI_CONV_INPUT] = 0, [EGI_CONV_WEIGHT] = 1
    };
    size_t size[3];
    sizes(g, size);
    float *out = numbers(99, size[written[kind]]); /* to be overwritten */
    char *p[3] = { (char *)data[0], (char *)data[1], (char *)data[2] };
    p[written[kind]] = (char *)out;
    struct egi_conv_plan plan;
    CHECK_OK(egi_conv_plan(g, kind, EG_F32, reference, &plan));
    void *scratch = egi_alloc(eg_allocator_default(), plan.scratch + 1);
    assert_non_null(scratch);
    egi_conv_run(&plan, &(struct egi_conv_data){ p[0], p[1], p[2] }, scratch, threads);
    egi_free(eg_allocator_default(), scratch, plan.scratch + 1);
    egi_conv_plan_clear(&plan);
    return out;
}

/* Sums of at most `terms` products of numbers up to 1/2: twice the bound of Higham 2002, 3.1, which
 * is n^2 u / 4. */
static void rows_agree(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 40; seed++) {
        const struct egi_conv g = any_geometry(seed);
        size_t size[3];
        sizes(&g, size);
        float *data[3];
        for (size_t k = 0; k < 3; k++) data[k] = numbers(10 + k, size[k]);
        const size_t taps = g.kernel[0] * g.kernel[1];
        const size_t terms[3] = { g.c / g.groups * taps, g.o / g.groups * taps,
                                  g.n * g.out[0] * g.out[1] };
        for (int kind = 0; kind < 3; kind++) {
            const size_t count = size[(int[]){ 2, 0, 1 }[kind]];
            float *fast = run(&g, (enum egi_conv_kind)kind, data, 0, 1);
            float *slow = run(&g, (enum egi_conv_kind)kind, data, 1, 1);
            float *two = run(&g, (enum egi_conv_kind)kind, data, 0, 2);
            const double bound = (double)(terms[kind] * terms[kind]) * 0x1p-25;
            for (size_t i = 0; i < count; i++) CHECK_NEAR(fast[i], slow[i], bound);
            CHECK_SAME_BITS(fast, two, count * sizeof *fast);
            free(fast);
            free(slow);
            free(two);
        }
        for (size_t k = 0; k < 3; k++) free(data[k]);
    }
}

/* Of the OpenMP runtime; absent from builds without it. */
extern void omp_set_num_threads(int n) __attribute__((weak));

static void runtime_threads(int n)
{
    if (omp_set_num_threads != NULL) omp_set_num_threads(n);
}

/* Large enough for several blocks of pictures, so that two threads do share them. */
static void threads_change_nothing(void **state)
{
    (void)state;
    const struct egi_conv g = { .n = 37,
                                .c = 6,
                                .o = 16,
                                .groups = 1,
                                .in = { 14, 14 },
                                .kernel = { 5, 5 },
                                .out = { 10, 10 },
                                .stride = { 1, 1 },
                                .dilation = { 1, 1 } };
    size_t size[3];
    sizes(&g, size);
    float *data[3];
    for (size_t k = 0; k < 3; k++) data[k] = numbers(20 + k, size[k]);
    for (int kind = 0; kind < 3; kind++)
        for (int reference = 0; reference < 2; reference++) {
            const size_t count = size[(int[]){ 2, 0, 1 }[kind]];
            runtime_threads(1);
            float *one = run(&g, (enum egi_conv_kind)kind, data, reference, 1);
            runtime_threads(4); /* what oneDNN would cut its sums by */
            float *two = run(&g, (enum egi_conv_kind)kind, data, reference, 2);
            CHECK_SAME_BITS(one, two, count * sizeof *one);
            free(one);
            free(two);
        }
    for (size_t k = 0; k < 3; k++) free(data[k]);
}

/* One picture alone is shared by its outputs: dense, and in groups. */
static void a_picture_is_shared(void **state)
{
    (void)state;
    static const struct {
        size_t c, o, groups, kernel, stride;
    } cases[] = {
        { 24, 64, 1, 3, 1 }, { 64, 96, 1, 1, 1 }, { 64, 64, 64, 3, 1 }, { 64, 128, 32, 3, 1 }
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const size_t side = cases[i].groups > 1 ? 96 : 40, k = cases[i].kernel;
        struct egi_conv g = { .n = 1, .c = cases[i].c, .o = cases[i].o, .groups = cases[i].groups };
        for (size_t axis = 0; axis < 2; axis++) {
            g.in[axis] = side + axis;
            g.kernel[axis] = k;
            g.stride[axis] = cases[i].stride;
            g.dilation[axis] = 1;
            g.padding[axis] = k / 2;
            g.out[axis] = (g.in[axis] + 2 * (k / 2) - k) / g.stride[axis] + 1;
        }
        size_t size[3];
        struct egi_conv_plan plan;
        float *data[3];
        sizes(&g, size);
        for (size_t m = 0; m < 3; m++) data[m] = numbers(30 + m, size[m]);
        CHECK_OK(egi_conv_plan(&g, EGI_CONV_OUTPUT, EG_F32, 0, &plan));
        CHECK(plan.blocks == 2);
        egi_conv_plan_clear(&plan);
        float *one = run(&g, EGI_CONV_OUTPUT, data, 0, 1),
              *two = run(&g, EGI_CONV_OUTPUT, data, 0, 2);
        float *slow = run(&g, EGI_CONV_OUTPUT, data, 1, 2);
        /* two pictures are not cut: another way to the same numbers */
        struct egi_conv pair = g;
        pair.n = 2;
        float *twice = malloc(2 * size[0] * sizeof *twice);
        for (size_t m = 0; m < 2 * size[0]; m++) twice[m] = data[0][m % size[0]];
        float *whole = run(&pair, EGI_CONV_OUTPUT, (float *[]){ twice, data[1], NULL }, 0, 1);
        const size_t terms = g.c / g.groups * k * k;
        const double bound = (double)(terms * terms) * 0x1p-25;
        CHECK_SAME_BITS(one, two, size[2] * sizeof *one);
        for (size_t m = 0; m < size[2]; m++) {
            CHECK_NEAR(one[m], slow[m], bound);
            CHECK_NEAR(one[m], whole[m], bound);
        }
        free(one), free(two), free(slow), free(twice), free(whole);
        for (size_t m = 0; m < 3; m++) free(data[m]);
    }
}

/* y and the gradient by x of f in both types: those of f32 are within `bound`. */
static void both_types(eg_var (*f)(eg_tape *t, eg_var x, eg_var w), const eg_shape *sx,
                       const eg_shape *sw, double bound)
{
    const size_t n = eg_shape_size(sx), m = eg_shape_size(sw);
    float *x = numbers(1, n), *w = numbers(2, m);
    eg_tape *t;
    CHECK_OK(eg_tape_create(1, NULL, &t));
    const eg_var x32 = eg_leaf(t, EG_F32, sx, x), w32 = eg_leaf(t, EG_F32, sw, w);
    const eg_var x64 = eg_cast(t, x32, EG_F64), w64 = eg_cast(t, w32, EG_F64);
    const eg_var low = f(t, x32, w32), high = f(t, x64, w64);
    eg_var d32[2], d64[2];
    CHECK_OK(eg_tape_gradient(t, low, EG_NONE, (eg_var[]){ x32, w32 }, 2, EG_GRADIENT_KEEP, d32));
    CHECK_OK(eg_tape_gradient(t, high, EG_NONE, (eg_var[]){ x64, w64 }, 2, EG_GRADIENT_KEEP, d64));
    const eg_var pairs[3][2] = { { low, high }, { d32[0], d64[0] }, { d32[1], d64[1] } };
    for (size_t k = 0; k < 3; k++) {
        if (pairs[k][0].id == 0) continue;
        const eg_shape s = eg_tape_shape(t, pairs[k][0]);
        const float *a = eg_tape_value(t, pairs[k][0]);
        const double *b = eg_tape_value(t, pairs[k][1]);
        for (size_t i = 0; i < eg_shape_size(&s); i++) CHECK_NEAR(a[i], b[i], bound);
    }
    eg_tape_destroy(t);
    free(x);
    free(w);
}

static eg_var through_conv(eg_tape *t, eg_var x, eg_var w)
{
    const eg_window window = { .size = sizeof window, .stride = { 2, 1 }, .padding = { 1, 2 } };
    const eg_var y = eg_conv(t, x, w, &window);
    return eg_mul(t, y, y);
}

static eg_var through_transpose(eg_tape *t, eg_var x, eg_var w)
{
    const eg_window window = { .size = sizeof window, .stride = { 2, 3 }, .extra = { 1, 0 } };
    return eg_sin(t, eg_conv_transpose(t, x, eg_swap_axes(t, w, 0, 1), &window));
}

static eg_var through_pools(eg_tape *t, eg_var x, eg_var w)
{
    (void)w;
    const eg_window window = { .size = sizeof window, .kernel = { 3, 2 }, .padding = { 1, 1 } };
    const eg_var y = eg_max_pool(t, eg_average_pool(t, x, &window), &window);
    return eg_adaptive_average_pool(t, eg_mul(t, y, y), (size_t[]){ 3, 1 });
}

static void f32_is_f64(void **state)
{
    (void)state;
    const eg_shape x = eg_shape_of(5, 3, 13, 11), w = eg_shape_of(4, 3, 3, 4);
    both_types(through_conv, &x, &w, 2e-4);
    both_types(through_transpose, &x, &w, 2e-4);
    both_types(through_pools, &x, &w, 1e-6);
}

static void pools_by_hand(void **state)
{
    (void)state;
    static const double line[5] = { 1, NAN, 2, 2, -1 };
    eg_tape *t;
    CHECK_OK(eg_tape_create(1, NULL, &t));
    const eg_var x = eg_leaf(t, EG_F64, &eg_shape_of(1, 1, 5), line);
    const eg_window two = { .size = sizeof two, .kernel = { 2 }, .stride = { 1 } };
    const eg_var y = eg_max_pool(t, x, &two);
    const double *v = eg_tape_value(t, y);
    CHECK(isnan(v[0]) && isnan(v[1]) && v[2] == 2 && v[3] == 2);
    eg_var dx;
    CHECK_OK(eg_tape_gradient(t, y, EG_NONE, &x, 1, 0, &dx));
    const double *g = eg_tape_value(t, dx);
    const double expected[5] = { 0, 2, 1, 1, 0 }; /* the first of two that tie */
    for (size_t i = 0; i < 5; i++) CHECK_NEAR(g[i], expected[i], 0);
    const double *mean =
        eg_tape_value(t, eg_adaptive_average_pool(t, eg_slice(t, x, 2, 2, 3, 1), (size_t[]){ 2 }));
    CHECK(mean[0] == 2 && mean[1] == 0.5); /* windows 0..1 and 1..2 */
    eg_tape_destroy(t);
}

typedef eg_var operation(eg_tape *t, eg_var x, eg_var w, const eg_window *window);

static eg_var max_pool(eg_tape *t, eg_var x, eg_var w, const eg_window *window)
{
    (void)w;
    return eg_max_pool(t, x, window);
}

static void wrong_shapes(void **state)
{
    (void)state;
    const struct {
        operation *f;
        eg_shape x, w;
        eg_window window;
        eg_status want;
        const char *says;
    } bad[] = {
        { eg_conv,
          eg_shape_of(2, 3, 8, 8),
          eg_shape_of(4, 2, 3, 3),
          { .size = 0 },
          EG_ERR_SHAPE,
          "(4, 2, 3, 3)" },
        { eg_conv,
          eg_shape_of(2, 3, 8, 8),
          eg_shape_of(4, 3, 3),
          { .size = 0 },
          EG_ERR_SHAPE,
          "(4, 3, 3)" },
        { eg_conv, eg_shape_of(3, 8), eg_shape_of(4, 3), { .size = 0 }, EG_ERR_SHAPE, "rank 2" },
        { eg_conv,
          eg_shape_of(2, 3, 2, 8),
          eg_shape_of(4, 3, 3, 3),
          { .size = 0 },
          EG_ERR_SHAPE,
          "(2, 3, 2, 8)" },
        { eg_conv,
          eg_shape_of(2, 3, 8, 8),
          eg_shape_of(4, 1, 3, 3),
          { .groups = 3 },
          EG_ERR_SHAPE,
          "groups 3" },
        { eg_conv,
          eg_shape_of(2, 0, 8, 8),
          eg_shape_of(4, 0, 3, 3),
          { .size = 0 },
          EG_ERR_SHAPE,
          "(2, 0, 8, 8)" },
        { eg_conv,
          eg_shape_of(2, 1, 8, 8),
          eg_shape_of(4, 1, 3, 3),
          { .padding = { (size_t)1 << 40 } },
          EG_ERR_INVALID,
          "2^30" },
        { eg_conv_transpose,
          eg_shape_of(2, 3, 8, 8),
          eg_shape_of(4, 3, 3, 3),
          { .size = 0 },
          EG_ERR_SHAPE,
          "(4, 3, 3, 3)" },
        { eg_conv_transpose,
          eg_shape_of(2, 3, 8, 8),
          eg_shape_of(3, 4, 3, 3),
          { .extra = { 0, 1 } },
          EG_ERR_INVALID,
          "extra 1" },
        { max_pool,
          eg_shape_of(2, 3, 8, 8),
          eg_shape_of(1),
          { .kernel = { 9, 1 } },
          EG_ERR_SHAPE,
          "(2, 3, 8, 8)" },
        { max_pool,
          eg_shape_of(2, 3, 8),
          eg_shape_of(1),
          { .kernel = { 3 }, .padding = { 2 } },
          EG_ERR_SHAPE,
          "half" },
        { max_pool,
          eg_shape_of(2, 3, 8),
          eg_shape_of(1),
          { .dilation = { 2 } },
          EG_ERR_UNSUPPORTED,
          "dilation" },
    };
    static const float zeros[2 * 3 * 8 * 8] = { 0 };
    eg_tape *t;
    CHECK_OK(eg_tape_create(1, NULL, &t));
    for (size_t i = 0; i < EGI_COUNT(bad); i++) {
        const eg_var x = eg_leaf(t, EG_F32, &bad[i].x, zeros);
        const eg_var w = eg_leaf(t, EG_F32, &bad[i].w, zeros);
        eg_window window = bad[i].window;
        window.size = sizeof window;
        bad[i].f(t, x, w, &window);
        CHECK_STATUS(eg_tape_status(t), bad[i].want);
        if (strstr(eg_error_detail(), bad[i].says) == NULL)
            fail_msg("case %zu: \"%s\" does not say %s", i, eg_error_detail(), bad[i].says);
        eg_tape_reset(t);
    }
    eg_tape_destroy(t);
}

/* No pictures: no places, and gradients of 0. */
static void empty_batch(void **state)
{
    (void)state;
    static const float w[4 * 3 * 3 * 3] = { 1 };
    eg_tape *t;
    CHECK_OK(eg_tape_create(0, NULL, &t));
    const eg_var x = eg_leaf(t, EG_F32, &eg_shape_of(0, 3, 8, 8), w);
    const eg_var kernel = eg_leaf(t, EG_F32, &eg_shape_of(4, 3, 3, 3), w);
    const eg_var y = eg_max_pool(t, eg_conv(t, x, kernel, NULL), NULL);
    eg_var dw;
    CHECK_OK(eg_tape_gradient(t, y, EG_NONE, &kernel, 1, 0, &dw));
    const float *g = eg_tape_value(t, dw);
    for (size_t i = 0; i < EGI_COUNT(w); i++) CHECK_NEAR(g[i], 0, 0);
    eg_tape_destroy(t);
}

/* x (1, 1, 2 + i) with (2, -1): more lengths than a tape keeps plans, each asked again. */
static void slide(eg_tape *t, size_t i)
{
    static const float w[2] = { 2, -1 };
    float x[2 * EGI_KEPT_MAX];
    for (size_t k = 0; k < EGI_COUNT(x); k++) x[k] = (float)((k * k + i) % 17);
    const eg_var y = eg_conv(t, eg_leaf(t, EG_F32, &eg_shape_of(1, 1, 2 + i), x),
                             eg_leaf(t, EG_F32, &eg_shape_of(1, 1, 2), w), NULL);
    CHECK_OK(eg_tape_status(t));
    const float *got = eg_tape_value(t, y);
    for (size_t k = 0; k < 1 + i; k++) CHECK_NEAR(got[k], 2 * x[k] - x[k + 1], 0);
    eg_tape_reset(t);
}

static void plans_are_kept_and_the_oldest_go(void **state)
{
    (void)state;
    struct failing f = { .fail_at = SIZE_MAX };
    const eg_allocator alloc = failing_allocator(&f);
    eg_tape *t;
    CHECK_OK(eg_tape_create(1, &alloc, &t));
    for (size_t i = 0; i < EGI_KEPT_MAX + 20; i++) slide(t, i);
    size_t calls = f.calls;
    for (size_t i = 20; i < EGI_KEPT_MAX + 20; i++) slide(t, i);
    CHECK(f.calls == calls);
    for (size_t i = 0; i < 20; i++) slide(t, i); /* these had gone */
    CHECK(f.calls > calls);
    calls = f.calls;
    for (size_t i = 0; i < 20; i++) slide(t, i);
    CHECK(f.calls == calls);
    eg_tape_destroy(t);
    CHECK(f.live == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_agree),          cmocka_unit_test(threads_change_nothing),
        cmocka_unit_test(a_picture_is_shared), cmocka_unit_test(f32_is_f64),
        cmocka_unit_test(pools_by_hand),       cmocka_unit_test(wrong_shapes),
        cmocka_unit_test(empty_batch),         cmocka_unit_test(plans_are_kept_and_the_oldest_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
