/* Matrix products against the definition, for every transpose, odd sizes and views. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <float.h>

#include "check.h"
#include "kernel/egi_kernel_gemm.h"

enum { PAD = 3, ROOM = 1 << 21 };

static float af[ROOM], bf[ROOM], cf[ROOM], before_f[ROOM], other_f[ROOM];
static double ad[ROOM], bd[ROOM], cd[ROOM], before_d[ROOM];

/* Rows are PAD elements longer than they need to be. */
static struct egi_gemm gemm_of(size_t m, size_t n, size_t k, unsigned transposed)
{
    struct egi_gemm g = { m, n, k, transposed & 1, transposed >> 1 & 1, 0, 0, n + PAD, 1.5, -0.5 };
    g.lda = (g.a_is_transposed ? m : k) + PAD;
    g.ldb = (g.b_is_transposed ? k : n) + PAD;
    return g;
}

static void fill(void)
{
    eg_random_normal(3, 0, 0, ROOM, af);
    eg_random_normal(3, 1, 0, ROOM, bf);
    eg_random_normal(3, 2, 0, ROOM, before_f);
    for (size_t i = 0; i < ROOM; i++) ad[i] = af[i], bd[i] = bf[i], before_d[i] = before_f[i];
}

/* Element (i, j) in f64, and the sum of what was added. */
static double exact(const struct egi_gemm *g, size_t i, size_t j, double *mass)
{
    double sum = 0, all = 0;
    for (size_t l = 0; l < g->k; l++) {
        const double x = ad[g->a_is_transposed ? l * g->lda + i : i * g->lda + l];
        const double y = bd[g->b_is_transposed ? j * g->ldb + l : l * g->ldb + j];
        sum += x * y;
        all += fabs(x * y);
    }
    const double old = g->beta == 0 ? 0 : g->beta * before_d[i * g->ldc + j];
    *mass = fabs(g->alpha) * all + fabs(old);
    return g->alpha * sum + old;
}

/* All of a small C, a sample of a large one; and nothing beside it. */
static void compare(const struct egi_gemm *g)
{
    const size_t step = g->m * g->n > 20000 ? 97 : 1;
    memcpy(cf, before_f, sizeof cf);
    memcpy(cd, before_d, sizeof cd);
    egi_gemm_f32(g, af, bf, cf, 2);
    egi_gemm_f64(g, ad, bd, cd, 2);
    for (size_t e = 0; e < g->m * g->n; e += step) {
        double mass;
        const size_t at = e / g->n * g->ldc + e % g->n;
        const double want = exact(g, e / g->n, e % g->n, &mass);
        const double sums = (double)(g->k + 4);
        CHECK_NEAR(cf[at], want, sums * (double)FLT_EPSILON * mass);
        CHECK_NEAR(cd[at], want, sums * DBL_EPSILON * mass);
    }
    for (size_t i = 0; i < g->m; i++) {
        CHECK_SAME_BITS(cf + i * g->ldc + g->n, before_f + i * g->ldc + g->n, PAD * sizeof(float));
        CHECK_SAME_BITS(cd + i * g->ldc + g->n, before_d + i * g->ldc + g->n, PAD * sizeof(double));
    }
}

static void equals_the_definition(void **state)
{
    (void)state;
    static const size_t size[][3] = { { 1, 1, 1 },  { 2, 3, 5 },     { 17, 1, 9 },   { 1, 33, 4 },
                                      { 65, 7, 1 }, { 31, 64, 127 }, { 100, 50, 10 } };
    for (unsigned t = 0; t < 4; t++)
        for (size_t s = 0; s < sizeof size / sizeof size[0]; s++) {
            const struct egi_gemm g = gemm_of(size[s][0], size[s][1], size[s][2], t);
            compare(&g);
        }
}

/* Over the edges of the blocks that threads share: 512 rows, 1024 columns. */
static void blocks_meet(void **state)
{
    (void)state;
    for (unsigned t = 0; t < 4; t++) {
        const struct egi_gemm g = gemm_of(513, 1027, 30, t);
        compare(&g);
    }
}

static void same_bits_for_any_number_of_threads(void **state)
{
    (void)state;
    for (unsigned t = 0; t < 4; t++) {
        const struct egi_gemm g = gemm_of(700, 1500, 211, t);
        memcpy(cf, before_f, sizeof cf);
        egi_gemm_f32(&g, af, bf, cf, 1);
        memcpy(other_f, cf, sizeof cf);
        for (int threads = 0; threads < 4; threads++) {
            memcpy(cf, before_f, sizeof cf);
            egi_gemm_f32(&g, af, bf, cf, threads);
            CHECK_SAME_BITS(cf, other_f, sizeof cf);
        }
        memcpy(cd, before_d, sizeof cd);
        egi_gemm_f64(&g, ad, bd, cd, 1);
        static double other_d[ROOM];
        memcpy(other_d, cd, sizeof cd);
        memcpy(cd, before_d, sizeof cd);
        egi_gemm_f64(&g, ad, bd, cd, 2);
        CHECK_SAME_BITS(cd, other_d, sizeof cd);
    }
}

static void nothing_to_add_and_nothing_to_write(void **state)
{
    (void)state;
    struct egi_gemm g = gemm_of(5, 7, 0, 0);
    compare(&g);
    g.beta = 0;
    memset(before_f, 0xff, sizeof before_f); /* NaN: C is not read */
    memset(before_d, 0xff, sizeof before_d);
    compare(&g);
    CHECK(cf[0] == 0 && cd[0] == 0);
    g = gemm_of(5, 7, 3, 0);
    g.beta = 0;
    compare(&g);
    g.m = 0;
    compare(&g);
    g = gemm_of(5, 0, 3, 3);
    egi_gemm_f32(&g, af, bf, NULL, 2);
    egi_gemm_f64(&g, ad, bd, NULL, 2);
    fill();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals_the_definition),
        cmocka_unit_test(blocks_meet),
        cmocka_unit_test(same_bits_for_any_number_of_threads),
        cmocka_unit_test(nothing_to_add_and_nothing_to_write),
    };
    fill();
    return cmocka_run_group_tests_name("gemm", tests, NULL, NULL);
}
