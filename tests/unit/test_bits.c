/* Packed +1/-1 patterns: kernels against the reference row, the store against a plain array,
 * sums against double. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "bits/egi_bits.h"
#include "check.h"
#include "kernel/egi_kernel_bits.h"

static void *aligned(size_t bytes)
{
    void *p = aligned_alloc(64, (bytes + 63) / 64 * 64 + 64);
    CHECK(p != NULL);
    memset(p, 0, (bytes + 63) / 64 * 64);
    return p;
}

/* ---- kernels ---- */

enum { WORDS = 21, COUNT = 21, GROUPS = 5, BLOCKS = 9, COLUMNS = 9, LOOKS = 70, SPAN = 40 };

static struct {
    uint64_t rows[COUNT * WORDS], x[WORDS];
    _Alignas(64) uint32_t bits[BLOCKS * GROUPS * EGI_BITS_LANES];
    _Alignas(64) float a[GROUPS * EGI_BITS_GROUP];
    _Alignas(64) double h[GROUPS * EGI_BITS_GROUP];
    _Alignas(64) float h_f32[GROUPS * EGI_BITS_GROUP];
    double table[2 * SPAN + 1], weight[LOOKS];
    int32_t s[LOOKS];
} in;

static void fill_input(void)
{
    float normal[GROUPS * EGI_BITS_GROUP];
    for (size_t i = 0; i < COUNT * WORDS; i++) in.rows[i] = eg_random_below(1, 0, i, UINT64_MAX);
    for (size_t i = 0; i < WORDS; i++) in.x[i] = eg_random_below(1, 1, i, UINT64_MAX);
    for (size_t i = 0; i < EGI_COUNT(in.bits); i++)
        in.bits[i] = (uint32_t)eg_random_below(1, 2, i, UINT32_MAX);
    eg_random_normal(1, 3, 0, EGI_COUNT(in.a), in.a);
    eg_random_normal(1, 4, 0, EGI_COUNT(normal), normal);
    for (size_t i = 0; i < EGI_COUNT(in.h); i++) {
        in.h[i] = (double)normal[i] / 3;
        in.h_f32[i] = (float)in.h[i];
    }
    for (size_t i = 0; i < EGI_COUNT(in.table); i++) in.table[i] = (double)(i * i) / 7;
    for (size_t i = 0; i < LOOKS; i++) {
        in.weight[i] = (double)normal[i] / 5;
        in.s[i] = (int32_t)eg_random_below(1, 5, i, 4 * SPAN) - 2 * SPAN;
    }
}

static void same_overlaps(const struct egi_kernels_bits *k)
{
    for (size_t words = 1; words <= WORDS; words++)
        for (size_t n = 0; n <= COUNT; n++) {
            int32_t want[COUNT + 1] = { 0 }, got[COUNT + 1] = { 0 };
            egi_kernels_bits_ref.overlaps(in.rows, n, words, in.x, 3, want);
            k->overlaps(in.rows, n, words, in.x, 3, got);
            CHECK_SAME_BITS(want, got, sizeof want); /* also: nothing written beyond n */
        }
}

static void same_signed_sums(const struct egi_kernels_bits *k)
{
    _Alignas(64) float want_table[GROUPS * EGI_BITS_TABLE], table[GROUPS * EGI_BITS_TABLE];
    egi_kernels_bits_ref.sum_tables(in.a, GROUPS, want_table);
    if (k->sum_tables != NULL) {
        k->sum_tables(in.a, GROUPS, table);
        CHECK_SAME_BITS(want_table, table, sizeof table);
    }
    if (k->signed_sums == NULL) return;
    for (size_t blocks = 0; blocks <= BLOCKS; blocks++)
        for (size_t groups = 0; groups <= GROUPS; groups++) {
            float want[(BLOCKS + 1) * EGI_BITS_LANES], got[(BLOCKS + 1) * EGI_BITS_LANES];
            for (size_t c = 0; c < EGI_COUNT(want); c++) want[c] = got[c] = (float)c / 3;
            const size_t stride = GROUPS * EGI_BITS_LANES;
            egi_kernels_bits_ref.signed_sums(in.bits, stride, blocks, groups, want_table, want);
            k->signed_sums(in.bits, stride, blocks, groups, want_table, got);
            CHECK_SAME_BITS(want, got, sizeof want);
        }
}

/* Weights up to the largest, all of one sign too: no word of the sums may overflow. */
static void same_whole_sums(const struct egi_kernels_bits *k)
{
    enum { MOST = EGI_BITS_CHUNK, WHOLE = EGI_BITS_WHOLE };
    static _Alignas(64) uint32_t bits[BLOCKS * MOST * EGI_BITS_LANES];
    static int16_t w[MOST * EGI_BITS_GROUP];
    const size_t stride = (size_t)MOST * EGI_BITS_LANES, lengths[] = { 0, 1, 31, 32, 33, 64 };
    for (int kind = 0; kind < 3; kind++) {
        for (size_t i = 0; i < EGI_COUNT(bits); i++)
            bits[i] = kind > 0 ? UINT32_MAX : (uint32_t)eg_random_below(3, 0, i, UINT32_MAX);
        for (size_t i = 0; i < EGI_COUNT(w); i++) {
            const int32_t any = (int32_t)eg_random_below(3, 1, i, 2 * WHOLE + 1) - WHOLE;
            const int32_t of[] = { any, WHOLE, -WHOLE };
            w[i] = (int16_t)of[kind];
        }
        for (size_t blocks = 0; blocks <= BLOCKS; blocks++)
            for (size_t g = 0; g < EGI_COUNT(lengths); g++) {
                int32_t want[(BLOCKS + 1) * EGI_BITS_LANES], got[(BLOCKS + 1) * EGI_BITS_LANES];
                for (size_t c = 0; c < EGI_COUNT(want); c++) want[c] = got[c] = (int32_t)c - 9;
                egi_kernels_bits_ref.whole_sums(bits, stride, blocks, lengths[g], w, want);
                k->whole_sums(bits, stride, blocks, lengths[g], w, got);
                CHECK_SAME_BITS(want, got, sizeof want);
            }
    }
}

struct columns {
    const uint32_t *word[COLUMNS];
    uint32_t invert[COLUMNS];
};

static struct columns some_columns(void)
{
    struct columns some;
    for (size_t c = 0; c < COLUMNS; c++) {
        some.word[c] = in.bits + c % BLOCKS * GROUPS * EGI_BITS_LANES + 5 * c % EGI_BITS_LANES;
        some.invert[c] = c % 3 == 1 ? UINT32_MAX : 0;
    }
    return some;
}

static void same_masked_sums(const struct egi_kernels_bits *k)
{
    const struct columns some = some_columns();
    for (size_t m = 0; m <= COLUMNS; m++)
        for (size_t groups = 0; groups <= GROUPS; groups++) {
            double want[COLUMNS + 1] = { 0 }, got[COLUMNS + 1] = { 0 };
            egi_kernels_bits_ref.masked_sums(in.h, groups, some.word, some.invert, m, want);
            k->masked_sums(in.h, groups, some.word, some.invert, m, got);
            CHECK_SAME_BITS(want, got, sizeof want);
        }
}

/* Against the reference to the bit, and against the sums in f64. */
static void same_masked_sums_f32(const struct egi_kernels_bits *k)
{
    const struct columns some = some_columns();
    for (size_t m = 0; m <= COLUMNS; m++)
        for (size_t groups = 0; groups <= GROUPS; groups++) {
            float want[COLUMNS + 1] = { 0 }, got[COLUMNS + 1] = { 0 };
            double wide[COLUMNS], mass = 0;
            egi_kernels_bits_ref.masked_sums_f32(in.h_f32, groups, some.word, some.invert, m, want);
            k->masked_sums_f32(in.h_f32, groups, some.word, some.invert, m, got);
            CHECK_SAME_BITS(want, got, sizeof want);
            egi_kernels_bits_ref.masked_sums(in.h, groups, some.word, some.invert, m, wide);
            for (size_t i = 0; i < groups * EGI_BITS_GROUP; i++) mass += fabs(in.h[i]);
            for (size_t c = 0; c < m; c++)
                CHECK_NEAR(got[c], wide[c], (double)(groups + 6) * 0x1p-24 * mass);
        }
}

/* Nothing is written beyond the group, and h is 0 from n on. */
static void same_quadratics(const struct egi_kernels_bits *k)
{
    const float c[3] = { 28, 47.5f, 12 };
    for (size_t n = 0; n <= LOOKS; n++) {
        const size_t filled = (n + EGI_BITS_GROUP - 1) / EGI_BITS_GROUP * EGI_BITS_GROUP;
        float want[LOOKS + EGI_BITS_GROUP], got[LOOKS + EGI_BITS_GROUP], sums[2], got_sums[2];
        double sum = 0, size = 0, square = 0;
        memset(want, 0x7f, sizeof want);
        memset(got, 0x7f, sizeof got);
        egi_kernels_bits_ref.quadratics(in.s, n, c, want, sums);
        k->quadratics(in.s, n, c, got, got_sums);
        CHECK_SAME_BITS(want, got, sizeof want);
        CHECK_SAME_BITS(sums, got_sums, sizeof sums);
        for (size_t i = n; i < filled; i++) CHECK(got[i] == 0);
        for (size_t i = 0; i < n; i++) {
            const double x = in.s[i], h = 28 + 47.5 * x + 12 * x * x;
            CHECK_NEAR(got[i], h, 4 * 0x1p-24 * (28 + 47.5 * fabs(x) + 12 * x * x));
            sum += x;
            size += fabs(x);
            square += x * x;
        }
        CHECK_NEAR(got_sums[0], sum, 8 * 0x1p-24 * size);
        CHECK_NEAR(got_sums[1], square, 8 * 0x1p-24 * square);
    }
}

static void same_look_up(const struct egi_kernels_bits *k)
{
    for (size_t n = 0; n <= LOOKS; n++)
        for (int weighted = 0; weighted < 2; weighted++) {
            double want[LOOKS + 1] = { 0 }, got[LOOKS + 1] = { 0 };
            const double *weight = weighted ? in.weight : NULL;
            egi_kernels_bits_ref.look_up(in.s, n, in.table + SPAN, weight, want);
            k->look_up(in.s, n, in.table + SPAN, weight, got);
            CHECK_SAME_BITS(want, got, sizeof want);
        }
}

static void same_shift(const struct egi_kernels_bits *k)
{
    for (size_t n = 0; n <= LOOKS; n++) {
        int32_t want[LOOKS], got[LOOKS];
        memcpy(want, in.s, sizeof want);
        memcpy(got, in.s, sizeof got);
        const uint32_t invert = n % 2 ? UINT32_MAX : 0;
        egi_kernels_bits_ref.shift(in.bits + 3, invert, n, want);
        k->shift(in.bits + 3, invert, n, got);
        CHECK_SAME_BITS(want, got, sizeof want);
    }
}

static void rows_agree_with_the_reference(void **state)
{
    (void)state;
    fill_input();
    for (const struct egi_kernels_bits *const *p = egi_kernel_bits_rows; *p != NULL; p++) {
        if (!egi_kernels_bits_can_run(*p)) continue;
        if ((*p)->overlaps != NULL) same_overlaps(*p);
        same_signed_sums(*p);
        if ((*p)->whole_sums != NULL) same_whole_sums(*p);
        if ((*p)->masked_sums != NULL) same_masked_sums(*p);
        if ((*p)->masked_sums_f32 != NULL) same_masked_sums_f32(*p);
        if ((*p)->quadratics != NULL) same_quadratics(*p);
        if ((*p)->look_up != NULL) same_look_up(*p);
        if ((*p)->shift != NULL) same_shift(*p);
    }
    for (int isa = 0; isa < EGI_ISA_COUNT; isa++) {
        const struct egi_kernels_bits k = egi_kernels_bits((enum egi_isa)isa);
        CHECK(k.overlaps && k.sum_tables && k.signed_sums && k.whole_sums && k.masked_sums
              && k.masked_sums_f32 && k.quadratics && k.look_up && k.shift);
    }
}

/* ---- the store ---- */

struct model { /* what the store must hold, as plain numbers */
    size_t n, d;
    float *rows; /* (n, d) */
};

static float dot(const float *a, const float *b, size_t d)
{
    float sum = 0; /* exact: a whole number of at most 24 bits */
    for (size_t c = 0; c < d; c++) sum += a[c] * b[c];
    return sum;
}

/* Rows, overlaps (the rows' layout) and weighted sums (the blocks' layout) against the model. */
static void check_store(const struct egi_bits *b, const struct model *m, int threads)
{
    CHECK(egi_bits_count(b) == m->n);
    float *x = aligned(m->d * sizeof *x), *y = aligned(m->d * sizeof *y);
    float *a = aligned(m->n * sizeof *a);
    int32_t *s = aligned(m->n * sizeof *s);
    uint64_t *packed = aligned(egi_bits_words(m->d) * sizeof *packed);
    eg_random_sign(7, m->n, 0, m->d, x);
    eg_random_normal(7, m->d, 0, m->n, a);
    egi_bits_pack(x, m->d, packed);
    egi_bits_overlaps(b, packed, threads, s);
    egi_bits_weighted_sum(b, a, threads, y);
    double mass = 0;
    for (size_t i = 0; i < m->n; i++) {
        CHECK((float)s[i] == dot(m->rows + i * m->d, x, m->d));
        egi_bits_get(b, i, x);
        CHECK_SAME_BITS(x, m->rows + i * m->d, m->d * sizeof *x);
        eg_random_sign(7, m->n, 0, m->d, x);
        mass += fabs((double)a[i]);
    }
    const double depth = 2 + 8 + 64 + (double)(m->n / 32768 + 1) + 16;
    for (size_t c = 0; c < m->d; c++) {
        double want = 0;
        for (size_t i = 0; i < m->n; i++) want += (double)a[i] * (double)m->rows[i * m->d + c];
        CHECK_NEAR(y[c], want, depth * 0x1p-24 * mass);
    }
    free(x), free(y), free(a), free(s), free(packed);
}

/* Some are decided by each of the steps behind a sign, some are ties. */
static void check_signs(const struct egi_bits *b, size_t d, const float *a)
{
    float *y = aligned(d * sizeof *y), *got = aligned(2 * d * sizeof *got);
    double *work = aligned(egi_bits_signs_work(b) * sizeof *work);
    egi_bits_weighted_sum(b, a, 1, y);
    egi_bits_signs(b, a, 1, work, got);
    egi_bits_signs(b, a, 2, work, got + d);
    for (size_t c = 0; c < d; c++) CHECK(got[c] == (float)((y[c] > 0) - (y[c] < 0)));
    CHECK_SAME_BITS(got, got + d, d * sizeof *got);
    free(y), free(got), free(work);
}

static void signs_are_those_of_the_sums(void **state)
{
    (void)state;
    const size_t shape[][2] = { { 1, 7 },     { 2, 40 },      { 2, 300 },   { 33, 17 },
                                { 500, 130 }, { 2100, 1100 }, { 40000, 33 } };
    for (size_t k = 0; k < EGI_COUNT(shape); k++) {
        const size_t n = shape[k][0], d = shape[k][1];
        float *rows = aligned(n * d * sizeof *rows), *a = aligned(n * sizeof *a);
        struct egi_bits *b = NULL;
        eg_random_sign(41, k, 0, n * d, rows);
        CHECK_OK(egi_bits_create(d, NULL, &b));
        CHECK_OK(egi_bits_append(b, rows, n));
        for (int kind = 0; kind < 7; kind++) {
            eg_random_normal(42, k, 0, n, a);
            for (size_t i = 0; i < n; i++) {
                const float v = a[i], of[] = { v, v * v, 1, 0, v * 1e-36f, v * 1e-5f, v * 1e-8f };
                a[i] = of[kind];
            }
            if (kind >= 5) a[0] = a[n - 1] = 1; /* where these two differ the rest decides */
            if (kind == 2 && n % 2 == 0)        /* all are ties */
                for (size_t i = 0; i < n * d; i++) rows[i] = i / d % 2 ? -rows[i - d] : rows[i];
            if (kind == 2)
                for (size_t i = 0; i < n; i++) egi_bits_replace(b, i, rows + i * d);
            check_signs(b, d, a);
        }
        egi_bits_destroy(b);
        free(rows), free(a);
    }
}

static void store_follows_the_model(void **state)
{
    (void)state;
    enum { MOST = 400 };
    const size_t sizes[] = { 1, 15, 16, 17, 63, 64, 65, 130 };
    for (size_t k = 0; k < EGI_COUNT(sizes); k++) {
        struct model m = { 0, sizes[k], aligned(MOST * sizes[k] * sizeof *m.rows) };
        struct egi_bits *b = NULL;
        CHECK_OK(egi_bits_create(m.d, NULL, &b));
        for (size_t step = 0; step < 40; step++) {
            const size_t n = eg_random_below(11, k, step, 40),
                         act = eg_random_below(12, k, step, 4);
            if (act < 2 && m.n + n <= MOST) {
                eg_random_sign(13, step, 0, n * m.d, m.rows + m.n * m.d);
                CHECK_OK(egi_bits_append(b, m.rows + m.n * m.d, n));
                m.n += n;
            } else if (act == 2 && m.n > 0) {
                const size_t i = n % m.n;
                eg_random_sign(14, step, 0, m.d, m.rows + i * m.d);
                egi_bits_replace(b, i, m.rows + i * m.d);
            } else {
                uint8_t keep[MOST];
                size_t kept = 0;
                for (size_t i = 0; i < m.n; i++) {
                    keep[i] = eg_random_below(15, step, i, 8) != 0;
                    if (keep[i])
                        memmove(m.rows + kept++ * m.d, m.rows + i * m.d, m.d * sizeof *m.rows);
                }
                egi_bits_keep(b, keep);
                m.n = kept;
            }
            check_store(b, &m, 1);
        }
        egi_bits_destroy(b);
        free(m.rows);
    }
}

static void zero_counts_as_plus(void **state)
{
    (void)state;
    const float x[3] = { 0.0f, -0.0f, -1e-30f };
    uint64_t word = UINT64_MAX;
    egi_bits_pack(x, 3, &word);
    CHECK(word == 3);
}

static void appending_copies_little(void **state)
{
    (void)state;
    struct failing f = { .fail_at = SIZE_MAX };
    const eg_allocator alloc = failing_allocator(&f);
    struct egi_bits *b = NULL;
    CHECK_OK(egi_bits_create(3, &alloc, &b));
    const float x[3] = { 1, -1, 1 };
    for (size_t i = 0; i < 20000; i++) CHECK_OK(egi_bits_append(b, x, 1));
    CHECK(f.calls < 50); /* two each time room grows by half */
    CHECK(egi_bits_bytes(b) == f.live_bytes);
    egi_bits_destroy(b);
    egi_bits_destroy(NULL);
    CHECK(f.live == 0);
    CHECK_STATUS(egi_bits_create(0, NULL, &b), EG_ERR_INVALID);
    CHECK_STATUS(egi_bits_create((size_t)1 << 31, NULL, &b), EG_ERR_INVALID);
    CHECK_OK(egi_bits_create(1 << 20, &alloc, &b));
    CHECK_STATUS(egi_bits_append(b, x, SIZE_MAX / 2), EG_ERR_OVERFLOW);
    egi_bits_destroy(b);
}

/* More than one chunk, part and panel; the same bits from two threads. */
static void large_sums_and_threads(void **state)
{
    (void)state;
    const size_t shape[][2] = { { 40000, 33 }, { 2100, 1100 }, { 2048, 16 } };
    for (size_t k = 0; k < EGI_COUNT(shape); k++) {
        struct model m = { shape[k][0], shape[k][1], NULL };
        m.rows = aligned(m.n * m.d * sizeof *m.rows);
        eg_random_sign(21, k, 0, m.n * m.d, m.rows);
        struct egi_bits *b = NULL;
        CHECK_OK(egi_bits_create(m.d, NULL, &b));
        CHECK_OK(egi_bits_append(b, m.rows, m.n));
        check_store(b, &m, 2);
        float *a = aligned(m.n * sizeof *a), *one = aligned(2 * m.d * sizeof *one);
        eg_random_normal(22, k, 0, m.n, a);
        egi_bits_weighted_sum(b, a, 1, one);
        for (int threads = 2; threads <= 5; threads++) {
            egi_bits_weighted_sum(b, a, threads, one + m.d);
            CHECK_SAME_BITS(one, one + m.d, m.d * sizeof *one);
        }
        free(a), free(one), free(m.rows);
        egi_bits_destroy(b);
    }
}

static void every_allocation_failing(void **state)
{
    (void)state;
    enum { N = 50, D = 70 };
    static float rows[3 * N * D];
    eg_random_sign(31, 0, 0, 3 * N * D, rows);
    struct model m = { 0, D, rows };
    for (int for_good = 0; for_good < 2; for_good++)
        for (size_t k = 0; k < 7; k++) {
            struct failing f = { .fail_at = k, .for_good = for_good };
            const eg_allocator alloc = failing_allocator(&f);
            struct egi_bits *b = NULL;
            const eg_status created = egi_bits_create(D, &alloc, &b);
            CHECK(created == (k == 0 ? EG_ERR_NOMEM : EG_OK) && (b == NULL) == (k == 0));
            for (m.n = 0; b != NULL && m.n < 3 * N;) {
                const eg_status s = egi_bits_append(b, rows + m.n * D, N);
                CHECK(s == EG_OK || s == EG_ERR_NOMEM);
                CHECK((s == EG_OK) == (f.calls <= k || (!for_good && f.calls > k + 1)));
                if (s == EG_OK) m.n += N;
                check_store(b, &m, 1);
                if (s != EG_OK && for_good) break;
            }
            egi_bits_destroy(b);
            CHECK(f.live == 0 && f.live_bytes == 0);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_agree_with_the_reference),
        cmocka_unit_test(signs_are_those_of_the_sums),
        cmocka_unit_test(store_follows_the_model),
        cmocka_unit_test(zero_counts_as_plus),
        cmocka_unit_test(appending_copies_little),
        cmocka_unit_test(large_sums_and_threads),
        cmocka_unit_test(every_allocation_failing),
    };
    return cmocka_run_group_tests_name("bits", tests, NULL, NULL);
}
