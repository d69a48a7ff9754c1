/* Every slot of every row of the association kernels against the reference row. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/egi_base.h"
#include "check.h"
#include "engram/version.h"
#include "kernel/egi_kernel_assoc.h"

enum { L = EGI_TILE_LANES, ROWS = EGI_TILE_ROWS, D_MAX = 230, LD = 240 };

static struct {
    float xi[ROWS * D_MAX], x[L * D_MAX], xt[L * D_MAX], values[ROWS * LD], terms[3 * ROWS];
    float s[3][ROWS * L], acc[2][L * LD], sum[2][L], mass[2][L], max[2][L], floor[L];
    struct egi_lane_scale scale;
    struct egi_picks picks[2];
} t;

static const struct egi_assoc_kernels *const ref = &egi_assoc_ref;
static const size_t row_counts[] = { 1, 5, 12, 17, 95, 96 };

static void fill(uint64_t stream, size_t n, float *x)
{
    eg_random_normal(5, stream, 0, n, x);
}

static void transpose_queries(size_t d)
{
    for (size_t l = 0; l < L; l++)
        for (size_t k = 0; k < d; k++) t.xt[k * L + l] = t.x[l * d + k];
}

/* Both products of scores give the same bits, and the reference's value within the bound of
 * D additions. */
static void scores_agree(const struct egi_assoc_kernels *k)
{
    static const size_t dims[] = { 1, 3, 8, 15, 16, 17, 31, 96, 97, 230 };
    fill(1, ROWS * D_MAX, t.xi);
    fill(2, L * D_MAX, t.x);
    fill(3, 3 * ROWS, t.terms);
    for (size_t i = 0; i < EGI_COUNT(dims) * EGI_COUNT(row_counts); i++) {
        const size_t d = dims[i % EGI_COUNT(dims)], rows = row_counts[i / EGI_COUNT(dims)];
        const size_t lanes = 16 + 16 * (i % 4), few = 1 + i % EGI_FEW_QUERIES;
        const struct egi_score_terms terms = { i % 3 ? t.terms : NULL,
                                               i % 5 ? t.terms + ROWS : NULL,
                                               i % 2 ? t.terms + 2 * (size_t)ROWS : NULL };
        transpose_queries(d);
        k->scores(t.xi, rows, d, t.xt, lanes, &terms, t.s[0]);
        k->scores_few(t.xi, rows, d, t.x, few, &terms, ROWS, t.s[1]);
        ref->scores(t.xi, rows, d, t.xt, lanes, &terms, t.s[2]);
        for (size_t r = 0; r < rows; r++)
            for (size_t l = 0; l < lanes; l++) {
                const size_t at = r * L + l;
                const double scale = terms.scale ? 1 + fabs((double)terms.scale[r]) : 1;
                CHECK_NEAR(t.s[0][at], t.s[2][at], 6e-8 * 4 * (double)(d + 4) * scale);
                if (l < few) CHECK_SAME_BITS(&t.s[0][at], &t.s[1][l * ROWS + r], sizeof(float));
            }
    }
}

static void set_scale(size_t rows, int magnitude)
{
    ref->maxima(t.s[0], rows, L, magnitude, t.floor, t.scale.m);
    for (size_t l = 0; l < L; l++) {
        t.scale.m[l] = fmaxf(t.scale.m[l], 0.5f); /* a scale is positive */
        t.scale.up[l] = 1;
        t.scale.down[l] = 1 / t.scale.m[l];
    }
}

static void weights_agree(const struct egi_assoc_kernels *k)
{
    static const struct egi_weighing kinds[] = {
        { .rate = 3, .floor = -40 },           { .rate = 1, .floor = -120 },
        { .rate = 90, .floor = -46 },          { .power = 1 },
        { .power = 7, .floor = 1e-5f },        { .power = 29, .floor = 0.05f },
        { .exponent = 1.5f, .floor = 1e-18f }, { .rate = 0.8f },
    };
    static const enum egi_weighing_kind of[] = {
        EGI_WEIGH_EXP,   EGI_WEIGH_EXP,   EGI_WEIGH_EXP,       EGI_WEIGH_POWER,
        EGI_WEIGH_POWER, EGI_WEIGH_POWER, EGI_WEIGH_RECTIFIED, EGI_WEIGH_SUPPORT,
    };
    for (size_t i = 0; i < EGI_COUNT(kinds) * EGI_COUNT(row_counts); i++) {
        const size_t which = i % EGI_COUNT(kinds), rows = row_counts[i / EGI_COUNT(kinds)];
        struct egi_weighing w = kinds[which];
        w.weight = i % 2 ? t.terms : NULL;
        eg_random_uniform(5, i, 0, ROWS, t.terms);
        fill(100 + i, ROWS * L, t.s[0]);
        set_scale(rows, of[which] == EGI_WEIGH_POWER);
        memcpy(t.s[1], t.s[0], sizeof t.s[0]);
        const uint64_t live = i % 3 ? UINT64_MAX : 0xffff0000ffff0000u;
        k->weigh[of[which]](&w, &t.scale, live, rows, t.s[0], t.sum[0], t.mass[0]);
        ref->weigh[of[which]](&w, &t.scale, live, rows, t.s[1], t.sum[1], t.mass[1]);
        for (size_t l = 0; l < L; l++) {
            for (size_t r = 0; r < rows && (live >> l & 1); r++) {
                const double want = (double)t.s[1][r * L + l];
                CHECK_NEAR(t.s[0][r * L + l], want, 3e-6 * fabs(want) + 1e-30);
            }
            CHECK_NEAR(t.sum[0][l], t.sum[1][l], 1e-5 * (1 + (double)rows));
            CHECK_NEAR(t.mass[0][l], t.mass[1][l], 1e-5 * (1 + (double)rows));
        }
    }
}

/* 2^y within 2 ulp, exactly 1 at 0 and exactly 0 below the floor. */
static void exponential_is_within_two_ulp(const struct egi_assoc_kernels *k)
{
    const struct egi_weighing w = { .rate = 1, .floor = -100 };
    memset(&t.scale, 0, sizeof t.scale);
    for (size_t pass = 0; pass < 40; pass++) {
        eg_random_uniform(9, pass, 0, ROWS * L, t.s[0]);
        for (size_t i = 0; i < ROWS * L; i++) t.s[0][i] *= pass == 0 ? -1.0f : -110.0f;
        t.s[0][0] = 0.0f;
        memcpy(t.s[1], t.s[0], sizeof t.s[0]);
        k->weigh[EGI_WEIGH_EXP](&w, &t.scale, UINT64_MAX, ROWS, t.s[0], t.sum[0], t.mass[0]);
        CHECK(t.s[0][0] == 1.0f);
        for (size_t i = 0; i < ROWS * L; i++) {
            const double want = t.s[1][i] < -100 ? 0 : exp2((double)t.s[1][i]);
            CHECK_NEAR(t.s[0][i], want, want * 0x1p-22);
        }
    }
}

static void maxima_agree(const struct egi_assoc_kernels *k)
{
    for (size_t i = 0; i < 2 * EGI_COUNT(row_counts); i++) {
        const size_t rows = row_counts[i / 2], lanes = 16 + 16 * (i % 4);
        fill(200 + i, ROWS * L, t.s[0]);
        fill(300 + i, L, t.floor);
        const uint64_t bits = k->maxima(t.s[0], rows, lanes, (int)(i % 2), t.floor, t.max[0]);
        CHECK(bits == ref->maxima(t.s[0], rows, lanes, (int)(i % 2), t.floor, t.max[1]));
        CHECK_SAME_BITS(t.max[0], t.max[1], lanes * sizeof(float));
        CHECK(k->at_least(t.max[0], t.floor, lanes) == ref->at_least(t.max[0], t.floor, lanes));
    }
}

/* Lists and dense weights are the same bits; so are the two sums. */
static void lists_equal_the_dense_way(const struct egi_assoc_kernels *k)
{
    static const size_t components[] = { 1, 7, 16, 33, 48, 64, 65, 100, 129, 240 };
    fill(7, ROWS * LD, t.values);
    fill(8, L * LD, t.acc[0]);
    memset(t.floor, 0, sizeof t.floor);
    for (size_t i = 0; i < 2 * EGI_COUNT(components) * EGI_COUNT(row_counts); i++) {
        const size_t dv = components[i % EGI_COUNT(components)];
        const size_t rows = row_counts[i % EGI_COUNT(row_counts)], ld = (dv + 15) / 16 * 16;
        const size_t queries = i % 4 == 0 ? 1 + i % 3 : 1 + i * 7 % L;
        const struct egi_weighing w = { .rate = 8, .floor = -12, .weight = i % 2 ? t.terms : NULL };
        fill(400 + i, ROWS * L, t.s[0]);
        eg_random_uniform(5, i, 0, ROWS, t.terms);
        set_scale(rows, 0);
        float least[L];
        for (size_t l = 0; l < L; l++) least[l] = l < queries ? t.scale.m[l] - 1.6f : INFINITY;
        const uint64_t live = queries == L ? UINT64_MAX : ((uint64_t)1 << queries) - 1;
        const size_t n =
            k->pick_exp(&w, &t.scale, least, live, rows, EGI_PICKS_MAX, t.s[0], &t.picks[0]);
        if (n == EGI_PICKS_FULL) continue;
        if (n > 0)
            CHECK(k->pick_exp(&w, &t.scale, least, live, rows, n - 1, t.s[0], &t.picks[1])
                  == EGI_PICKS_FULL);
        k->weigh[EGI_WEIGH_EXP](&w, &t.scale, live, rows, t.s[0], t.sum[0], t.mass[0]);
        memset(t.acc, 0, sizeof t.acc);
        k->weighted_sum(t.s[0], rows, queries, live, t.values, dv, t.acc[0], ld);
        k->picked_sum(&t.picks[0], n, t.values, dv, t.acc[1], ld);
        for (size_t q = 0; q < queries; q++)
            CHECK_SAME_BITS(t.acc[0] + q * ld, t.acc[1] + q * ld, dv * sizeof(float));
        memset(t.acc[1], 0, sizeof t.acc[1]);
        ref->weighted_sum(t.s[0], rows, queries, live, t.values, dv, t.acc[1], ld);
        for (size_t q = 0; q < queries; q++)
            CHECK_SAME_BITS(t.acc[0] + q * ld, t.acc[1] + q * ld, dv * sizeof(float));
    }
}

/* The slots for few queries give the bits of those for many. */
static void few_are_as_many(const struct egi_assoc_kernels *k)
{
    static const struct egi_weighing kinds[EGI_WEIGH_COUNT] = {
        { .rate = 3, .floor = -40 },
        { .power = 7, .floor = 1e-5f },
        { .exponent = 1.5f, .floor = 1e-18f },
        { .rate = 0.8f },
    };
    static const size_t components[] = { 1, 16, 33, 64, 129, 240 };
    fill(7, ROWS * LD, t.values);
    for (size_t i = 0; i < 2 * EGI_WEIGH_COUNT * EGI_COUNT(row_counts); i++) {
        const size_t kind = i % EGI_WEIGH_COUNT, rows = row_counts[i % EGI_COUNT(row_counts)];
        const size_t q = 1 + i / 3 % EGI_FEW_QUERIES, dv = components[i % EGI_COUNT(components)];
        const uint64_t live = ((uint64_t)1 << q) - 1;
        struct egi_weighing w = kinds[kind];
        w.weight = i % 5 ? t.terms : NULL;
        eg_random_uniform(5, i, 0, ROWS, t.terms);
        fill(600 + i, ROWS * L, t.s[0]);
        fill(700 + i, L, t.floor);
        set_scale(rows, kind == EGI_WEIGH_POWER);
        for (size_t r = 0; r < rows; r++)
            for (size_t l = 0; l < q; l++) t.s[1][l * ROWS + r] = t.s[0][r * L + l];
        const int magnitude = (int)(i % 2);
        CHECK(k->maxima_few(t.s[1], rows, q, magnitude, t.floor, t.max[1])
              == (k->maxima(t.s[0], rows, L, magnitude, t.floor, t.max[0]) & live));
        CHECK_SAME_BITS(t.max[0], t.max[1], q * sizeof(float));
        k->weigh[kind](&w, &t.scale, live, rows, t.s[0], t.sum[0], t.mass[0]);
        k->weigh_few[kind](&w, &t.scale, q, rows, t.s[1], t.sum[1], t.mass[1]);
        CHECK_SAME_BITS(t.sum[0], t.sum[1], q * sizeof(float));
        CHECK_SAME_BITS(t.mass[0], t.mass[1], q * sizeof(float));
        memset(t.acc, 0, sizeof t.acc);
        k->weighted_sum(t.s[0], rows, q, live, t.values, dv, t.acc[0], LD);
        k->weighted_sum_few(t.s[1], rows, q, live, t.values, dv, t.acc[1], LD);
        for (size_t l = 0; l < q; l++)
            CHECK_SAME_BITS(t.acc[0] + l * LD, t.acc[1] + l * LD, dv * sizeof(float));
    }
}

static void (*const checks[])(const struct egi_assoc_kernels *k) = {
    scores_agree,
    weights_agree,
    exponential_is_within_two_ulp,
    maxima_agree,
    lists_equal_the_dense_way,
    few_are_as_many,
};

static void every_row_follows_the_reference(void **state)
{
    (void)state;
    for (int isa = 0; isa < EGI_ISA_COUNT; isa++)
        for (size_t i = 0; i < EGI_COUNT(checks) && egi_isa_supported((enum egi_isa)isa); i++)
            checks[i](egi_assoc_kernels_of((enum egi_isa)isa));
}

static void the_row_in_use_is_a_supported_one(void **state)
{
    (void)state;
    CHECK(egi_isa_supported(EGI_ISA_REF));
    CHECK(egi_isa_supported(egi_isa_level()));
    assert_string_equal(eg_isa(), egi_isa_name(egi_isa_level()));
    CHECK(egi_assoc_kernels() == egi_assoc_kernels_of(egi_isa_level()));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_row_in_use_is_a_supported_one),
        cmocka_unit_test(every_row_follows_the_reference),
    };
    return cmocka_run_group_tests_name("kernel", tests, NULL, NULL);
}
