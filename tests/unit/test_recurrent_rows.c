/* Recurrent kernels: oneDNN against the reference on sizes drawn at random, bits for any number of
 * threads and for rows in any batch of whole groups, and what is not finite. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "base/egi_base.h"
#include "check.h"
#include "kernel/egi_kernel_recurrent.h"

enum { X = EGI_RECURRENT_X, Y = EGI_RECURRENT_Y, LAST = EGI_RECURRENT_LAST };
enum { ARRAYS = EGI_RECURRENT_ARRAYS, WAYS = EGI_RECURRENT_WAYS };

#ifdef EG_DNNL
enum { FAST = 1 };
#else
enum { FAST = 0 };
#endif

static const char *const names[ARRAYS] = { "x", "h", "c", "w_ih", "w_hh", "bias", "y", "last c" };

static size_t pick(uint64_t seed, uint64_t *at, size_t low, size_t high)
{
    return low + (size_t)eg_random_below(seed, 1, (*at)++, high - low + 1);
}

static struct egi_recurrent sizes_of(size_t kind, size_t t, size_t b, size_t d, size_t h)
{
    return (struct egi_recurrent){
        .kind = kind, .dtype = EG_F32, .steps = t, .batch = b, .inputs = d, .hidden = h
    };
}

/* First the edges, then anything: often more than one block, with a rest. */
static struct egi_recurrent any_sizes(uint64_t seed, size_t kind)
{
    static const size_t edges[][4] = { { 1, 1, 1, 1 },   { 1, 5, 3, 4 },   { 4, 1, 3, 20 },
                                       { 3, 73, 2, 1 },  { 2, 72, 4, 90 }, { 2, 145, 17, 16 },
                                       { 9, 24, 40, 3 }, { 2, 0, 3, 4 },   { 2, 3, 0, 4 },
                                       { 1, 1200, 2, 3 } };
    uint64_t at = 0;
    if (seed < EGI_COUNT(edges)) {
        const size_t *e = edges[seed];
        return sizes_of(kind, e[0], e[1], e[2], e[3]);
    }
    const size_t t = pick(seed, &at, 1, 8), b = pick(seed, &at, 1, 200);
    const size_t d = pick(seed, &at, 1, 60);
    return sizes_of(kind, t, b, d, pick(seed, &at, 1, 70));
}

static size_t count_of(const struct egi_recurrent *g, size_t array)
{
    const eg_shape s = egi_recurrent_shape(g, array);
    return eg_shape_size(&s);
}

static float *numbers(uint64_t seed, uint64_t stream, size_t n, float scale)
{
    float *x = malloc((n + 1) * sizeof *x);
    assert_non_null(x);
    eg_random_uniform(seed, stream, 0, n, x);
    for (size_t i = 0; i < n; i++) x[i] = scale * (x[i] - 0.5f);
    return x;
}

/* Everything that is given and, after run(), made. */
struct trial {
    float *value[ARRAYS], *gradient[ARRAYS];
};

static struct trial trial_of(const struct egi_recurrent *g, uint64_t seed)
{
    struct trial r;
    for (size_t a = 0; a < ARRAYS; a++) {
        const float weight = 4 / sqrtf((float)(g->hidden + g->inputs));
        const int given = a < Y, weights = a >= EGI_RECURRENT_W_IH && given;
        r.value[a] = numbers(seed, a, count_of(g, a), weights ? weight : 4);
        r.gradient[a] = numbers(seed, ARRAYS + a, count_of(g, a), 2);
    }
    return r;
}

static void clear(struct trial *r)
{
    for (size_t a = 0; a < ARRAYS; a++) {
        free(r->value[a]);
        free(r->gradient[a]);
    }
}

/* Bytes that no result may depend on. */
static char *dirty(size_t bytes)
{
    char *p = egi_alloc(eg_allocator_default(), bytes + 1);
    assert_non_null(p);
    memset(p, 0xff, bytes);
    return p;
}

/* Both ways; without the gradient by the last c where that is not asked for. */
static void run(const struct egi_recurrent *g, struct trial *r, int reference, int threads,
                int with_last)
{
    struct egi_recurrent_plan plan;
    struct egi_recurrent_data d;
    CHECK_OK(egi_recurrent_plan(g, reference, &plan));
    CHECK((plan.own != NULL) == (FAST && !reference && g->batch > 0 && g->inputs > 0));
    for (size_t a = 0; a < ARRAYS; a++) {
        d.value[a] = (char *)r->value[a];
        d.gradient[a] = (char *)r->gradient[a];
    }
    if (!with_last) d.gradient[LAST] = NULL;
    d.kept = dirty(plan.kept);
    for (size_t way = 0; way < WAYS; way++) {
        char *scratch = dirty(plan.scratch[way]);
        egi_recurrent_run(&plan, (enum egi_recurrent_way)way, &d, scratch, threads);
        egi_free(eg_allocator_default(), scratch, plan.scratch[way] + 1);
    }
    egi_free(eg_allocator_default(), d.kept, plan.kept + 1);
    egi_recurrent_plan_clear(&plan);
}

static void near(const struct egi_recurrent *g, size_t a, const char *what, const float *fast,
                 const float *slow, double bound)
{
    double largest = 1e-3;
    for (size_t i = 0; i < count_of(g, a); i++) largest = fmax(largest, fabs((double)slow[i]));
    for (size_t i = 0; i < count_of(g, a); i++)
        if (!(fabs((double)fast[i] - (double)slow[i]) <= bound * largest))
            fail_msg("kind %zu, T %zu, B %zu, D %zu, H %zu, %s of %s [%zu]: %g, expected %g",
                     g->kind, g->steps, g->batch, g->inputs, g->hidden, what, names[a], i,
                     (double)fast[i], (double)slow[i]);
}

/* Sums of up to T B terms in other orders, through functions within some units of the last place:
 * 1e-5 of the largest is 80 of them. */
static void rows_agree(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 40; seed++)
        for (size_t kind = EGI_LSTM; kind <= EGI_GRU; kind++) {
            const struct egi_recurrent g = any_sizes(seed, kind);
            struct trial fast = trial_of(&g, seed), slow = trial_of(&g, seed);
            run(&g, &fast, 0, 1, seed % 2 == 0);
            run(&g, &slow, 1, 1, seed % 2 == 0);
            for (size_t a = Y; a < ARRAYS; a++)
                near(&g, a, "value", fast.value[a], slow.value[a], 1e-5);
            for (size_t a = X; a < Y; a++)
                near(&g, a, "gradient", fast.gradient[a], slow.gradient[a], 1e-5);
            clear(&fast);
            clear(&slow);
        }
}

static void same_bits(const struct egi_recurrent *g, const struct trial *p, const struct trial *q)
{
    for (size_t a = 0; a < ARRAYS; a++) {
        CHECK_SAME_BITS(p->value[a], q->value[a], count_of(g, a) * sizeof(float));
        CHECK_SAME_BITS(p->gradient[a], q->gradient[a], count_of(g, a) * sizeof(float));
    }
}

static void threads_change_nothing(void **state)
{
    (void)state;
    for (size_t kind = EGI_LSTM; kind <= EGI_GRU; kind++)
        for (int reference = 0; reference < 2; reference++) {
            const struct egi_recurrent g = sizes_of(kind, 6, 300, 20, 50);
            struct trial one = trial_of(&g, 3), two = trial_of(&g, 3);
            run(&g, &one, reference, 1, 1);
            run(&g, &two, reference, 2, 1);
            same_bits(&g, &one, &two);
            clear(&one);
            clear(&two);
        }
}

/* The rows [first, first + part.batch) of every step. */
static float *rows_of(const struct egi_recurrent *whole, const struct egi_recurrent *part,
                      size_t first, size_t a, const float *x)
{
    const size_t n = count_of(part, a), all = count_of(whole, a);
    float *out = malloc((n + 1) * sizeof *out);
    assert_non_null(out);
    const int with_rows = n > 0 && n != all;
    const size_t width = a == X ? whole->inputs : whole->hidden;
    const size_t steps = a == X || a == Y ? whole->steps : 1;
    for (size_t t = 0; t < steps && with_rows; t++)
        memcpy(out + t * part->batch * width, x + (t * whole->batch + first) * width,
               part->batch * width * sizeof *out);
    if (!with_rows) memcpy(out, x, n * sizeof *out);
    return out;
}

/* The rows from `first` on by themselves give what all of them give: all is what run() made. */
static void part_is_alike(const struct egi_recurrent *whole, const struct egi_recurrent *part,
                          size_t first, const struct trial *all, int reference)
{
    struct trial some, want;
    for (size_t a = 0; a < ARRAYS; a++) {
        some.value[a] = rows_of(whole, part, first, a, all->value[a]);
        some.gradient[a] = rows_of(whole, part, first, a, all->gradient[a]);
        want.value[a] = rows_of(whole, part, first, a, all->value[a]);
        want.gradient[a] = rows_of(whole, part, first, a, all->gradient[a]);
    }
    run(part, &some, reference, 1, 1);
    for (size_t a = EGI_RECURRENT_W_IH; a <= EGI_RECURRENT_BIAS; a++) /* sums over rows */
        memcpy(want.gradient[a], some.gradient[a], count_of(part, a) * sizeof(float));
    same_bits(part, &some, &want);
    clear(&some);
    clear(&want);
}

/* What comes of a row, but for sums over rows, is the same in any batch of whole groups of 24. The
 * products of OpenBLAS do not have it (kernel_gemm.c). */
static void rows_are_alike(void **state)
{
    (void)state;
    if (!FAST) {
        print_message("a build without oneDNN: products may depend on the number of rows\n");
        skip();
    }
    for (size_t kind = EGI_LSTM; kind <= EGI_GRU; kind++)
        for (int reference = 0; reference < 2; reference++) {
            const struct egi_recurrent whole = sizes_of(kind, 3, 240, 90, 70);
            const struct egi_recurrent part = sizes_of(kind, 3, 48, 90, 70);
            struct trial all = trial_of(&whole, 5);
            run(&whole, &all, reference, 1, 1);
            for (size_t first = 0; first < whole.batch; first += part.batch)
                part_is_alike(&whole, &part, first, &all, reference);
            clear(&all);
        }
}

/* NaN in one row reaches all of it from that step on, the weights, and no other row; what
 * saturates gates does not become NaN. */
static void what_is_not_finite(void **state)
{
    (void)state;
    for (size_t kind = EGI_LSTM; kind <= EGI_GRU; kind++)
        for (int reference = 0; reference < 2; reference++) {
            const struct egi_recurrent g = sizes_of(kind, 3, 4, 2, 5);
            struct trial r = trial_of(&g, 8);
            r.value[X][(1 * g.batch + 2) * g.inputs] = NAN;      /* step 1, row 2 */
            r.value[X][(0 * g.batch + 1) * g.inputs] = INFINITY; /* step 0, row 1 */
            run(&g, &r, reference, 1, 1);
            for (size_t t = 0; t < g.steps; t++)
                for (size_t row = 0; row < g.batch; row++)
                    for (size_t k = 0; k < g.hidden; k++) {
                        const float h = r.value[Y][(t * g.batch + row) * g.hidden + k];
                        CHECK(isnan(h) == (row == 2 && t >= 1));
                    }
            CHECK(isnan(r.gradient[EGI_RECURRENT_W_HH][0]));
            CHECK(isnan(r.gradient[X][2 * g.inputs]) && !isnan(r.gradient[X][0]));
            clear(&r);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_agree),
        cmocka_unit_test(threads_change_nothing),
        cmocka_unit_test(rows_are_alike),
        cmocka_unit_test(what_is_not_finite),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
