/* Packed +1/-1 patterns: kernels against the reference row, the store against a plain array,
 * sums against double, sweeps against energies computed from scratch. */
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
    for (size_t i = 0; i < EGI_COUNT(in.h); i++) in.h[i] = (double)normal[i] / 3;
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

static void same_masked_sums(const struct egi_kernels_bits *k)
{
    const uint32_t *column[COLUMNS];
    uint32_t invert[COLUMNS];
    for (size_t c = 0; c < COLUMNS; c++) {
        column[c] = in.bits + c % BLOCKS * GROUPS * EGI_BITS_LANES + 5 * c % EGI_BITS_LANES;
        invert[c] = c % 3 == 1 ? UINT32_MAX : 0;
    }
    for (size_t m = 0; m <= COLUMNS; m++)
        for (size_t groups = 0; groups <= GROUPS; groups++) {
            double want[COLUMNS + 1] = { 0 }, got[COLUMNS + 1] = { 0 };
            egi_kernels_bits_ref.masked_sums(in.h, groups, column, invert, m, want);
            k->masked_sums(in.h, groups, column, invert, m, got);
            CHECK_SAME_BITS(want, got, sizeof want);
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
        if ((*p)->masked_sums != NULL) same_masked_sums(*p);
        if ((*p)->look_up != NULL) same_look_up(*p);
        if ((*p)->shift != NULL) same_shift(*p);
    }
    for (int isa = 0; isa < EGI_ISA_COUNT; isa++) {
        const struct egi_kernels_bits k = egi_kernels_bits((enum egi_isa)isa);
        CHECK(k.overlaps && k.sum_tables && k.signed_sums && k.masked_sums && k.look_up && k.shift);
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

/* ---- sweeps ---- */

typedef long double real;

static real power2(real s)
{
    return s * s;
}
static real power3(real s)
{
    return s * s * s;
}
static real power5(real s)
{
    return s * s * s * s * s;
}
static real rectified3(real s)
{
    return s > 0 ? s * s * s : 0;
}
static real exponential(real s)
{
    return expl(0.3L * s);
}

/* Sums of the last row round, in ours and here: differences below this share are ties. */
static const struct {
    real (*f)(real s);
    real tie;
} energies[] = {
    { power2, 0 }, { power3, 0 }, { power5, 0 }, { rectified3, 0 }, { exponential, 1e-15L },
};

struct task {
    struct model m;
    size_t energy;
    struct egi_bits *b;
    struct egi_bits_sweep sweep;
    double *difference, *weight;
    uint32_t *order;
    uint8_t *clamp;
    float *x;         /* (d) the state, as the plain algorithm has it */
    uint64_t *packed; /* and as the engine has it */
    int32_t *s;
};

static void begin(struct task *t, size_t n, size_t d, size_t energy, uint64_t seed)
{
    *t = (struct task){ .m = { n, d, aligned(n * d * sizeof(float)) }, .energy = energy };
    eg_random_sign(seed, 0, 0, n * d, t->m.rows);
    CHECK_OK(egi_bits_create(d, NULL, &t->b));
    CHECK_OK(egi_bits_append(t->b, t->m.rows, n));
    t->difference = aligned((2 * d + 3) * sizeof *t->difference);
    for (size_t k = 0; k < 2 * d + 3; k++) /* entries that must not be read: NaN */
        t->difference[k] = k % 2 != 0 || k < 2 || k > 2 * d
                               ? (double)NAN
                               : (double)(energies[energy].f((real)k - (real)d)
                                          - energies[energy].f((real)k - (real)d - 2));
    t->sweep.difference = t->difference;
    t->sweep.work = aligned(egi_bits_sweep_work(t->b) * sizeof *t->sweep.work);
    t->weight = aligned(n * sizeof *t->weight);
    for (size_t i = 0; i < n; i++) t->weight[i] = 0.5 + (double)eg_random_below(seed, 5, i, 4);
    t->order = aligned(d * sizeof *t->order);
    t->clamp = aligned(d);
    size_t *order = aligned(d * sizeof *order);
    eg_random_permutation(seed, 1, d, order);
    for (size_t j = 0; j < d; j++) {
        t->order[j] = (uint32_t)order[j];
        t->clamp[j] = eg_random_below(seed, 2, j, 4) == 0;
    }
    free(order);
    t->x = aligned(d * sizeof *t->x);
    t->packed = aligned(egi_bits_words(d) * sizeof *t->packed);
    t->s = aligned(n * sizeof *t->s);
    eg_random_sign(seed, 3, 0, d, t->x);
    egi_bits_pack(t->x, d, t->packed);
    egi_bits_overlaps(t->b, t->packed, 1, t->s);
}

static void end(struct task *t)
{
    egi_bits_destroy(t->b);
    void *const owned[] = { t->m.rows, t->difference, t->sweep.work, t->weight, t->order,
                            t->clamp,  t->x,          t->packed,     t->s };
    for (size_t i = 0; i < EGI_COUNT(owned); i++) free(owned[i]);
}

/* E of the plain state, from nothing but the patterns; *mass is the sum of magnitudes. */
static real energy(const struct task *t, real *mass)
{
    real sum = 0;
    *mass = 0;
    for (size_t i = 0; i < t->m.n; i++) {
        const real s = (real)dot(t->m.rows + i * t->m.d, t->x, t->m.d);
        const real w = t->sweep.weight == NULL ? 1 : (real)t->sweep.weight[i];
        sum -= w * energies[t->energy].f(s);
        *mass += fabsl(w * energies[t->energy].f(s));
    }
    return sum;
}

/* How much E falls when component j changes; 0 for a tie. */
static real fall(struct task *t, size_t j)
{
    real mass, other;
    const real before = energy(t, &mass);
    t->x[j] = -t->x[j];
    const real after = energy(t, &other);
    t->x[j] = -t->x[j];
    return before - after > energies[t->energy].tie * (mass + other) ? before - after : 0;
}

static int is_clamped(const struct task *t, size_t j)
{
    return t->sweep.clamp != NULL && t->sweep.clamp[j];
}

static size_t plain_sweep(struct task *t)
{
    size_t flips = 0;
    for (size_t k = 0; k < t->m.d; k++) {
        const size_t j = t->sweep.order == NULL ? k : t->sweep.order[k];
        if (is_clamped(t, j) || !(fall(t, j) > 0)) continue;
        t->x[j] = -t->x[j];
        flips++;
    }
    return flips;
}

static size_t plain_steepest(struct task *t)
{
    for (size_t flips = 0; flips < t->m.d; flips++) {
        size_t best = t->m.d;
        real most = 0;
        for (size_t j = 0; j < t->m.d; j++) {
            const real by = is_clamped(t, j) ? 0 : fall(t, j);
            if (!(by > most * (1 + 8 * energies[t->energy].tie))) continue;
            most = by;
            best = j;
        }
        if (best == t->m.d) return flips;
        t->x[best] = -t->x[best];
    }
    return t->m.d;
}

/* The same flips, state and overlaps, sweep after sweep, and E falls with each until rest. */
static void compare(struct task *t, size_t most_sweeps, int must_rest)
{
    uint64_t *want = aligned(egi_bits_words(t->m.d) * sizeof *want);
    real mass, before = energy(t, &mass);
    size_t flips = 1;
    for (size_t k = 0; k < most_sweeps && flips > 0; k++) {
        flips = t->sweep.steepest ? plain_steepest(t) : plain_sweep(t);
        CHECK(egi_bits_sweep(t->b, &t->sweep, t->packed, t->s, 1) == flips);
        egi_bits_pack(t->x, t->m.d, want);
        CHECK_SAME_BITS(want, t->packed, egi_bits_words(t->m.d) * sizeof *want);
        for (size_t i = 0; i < t->m.n; i++)
            CHECK((float)t->s[i] == dot(t->m.rows + i * t->m.d, t->x, t->m.d));
        const real after = energy(t, &mass);
        CHECK(flips == 0 ? after == before : after < before);
        before = after;
    }
    CHECK(!must_rest || flips == 0);
    free(want);
}

static void sweeps_follow_the_energy(void **state)
{
    (void)state;
    const size_t shape[][2] = { { 1, 5 }, { 2, 16 }, { 7, 17 }, { 33, 40 }, { 64, 65 }, { 3, 70 } };
    for (size_t e = 0; e < EGI_COUNT(energies); e++)
        for (size_t k = 0; k < EGI_COUNT(shape); k++)
            for (unsigned how = 0; how < 16; how++) {
                struct task t;
                begin(&t, shape[k][0], shape[k][1], e, 100 + how);
                if (how & 1) t.sweep.order = t.order;
                if (how & 2) t.sweep.clamp = t.clamp;
                if (how & 4) t.sweep.weight = t.weight;
                if (how & 8 && t.m.d > 40) how = 16; /* the plain one is slow */
                t.sweep.steepest = (how & 8) != 0;
                compare(&t, 20, 1);
                end(&t);
            }
}

/* Several blocks of memories, and components changed by few or by many. */
static void large_sweeps_follow_the_energy(void **state)
{
    (void)state;
    for (size_t e = 0; e < EGI_COUNT(energies); e++) {
        struct task t;
        begin(&t, 4200, 21, e, 200 + e);
        compare(&t, 2, 0);
        end(&t);
    }
}

/* Not enough memories to change anything: s = D and s = -D, at the ends of the table. */
static void ends_of_the_table(void **state)
{
    (void)state;
    for (size_t e = 0; e < EGI_COUNT(energies); e++)
        for (int sign = -1; sign <= 1; sign += 2) {
            struct task t;
            begin(&t, 1, 9, e, 300);
            for (size_t j = 0; j < t.m.d; j++) t.x[j] = (float)sign * t.m.rows[j];
            egi_bits_pack(t.x, t.m.d, t.packed);
            egi_bits_overlaps(t.b, t.packed, 1, t.s);
            CHECK(t.s[0] == sign * 9);
            compare(&t, 20, 1);
            end(&t);
        }
}

/* Where F is a constant every change is a tie, also when its sums are not exact. */
static void ties_keep(void **state)
{
    (void)state;
    struct task t;
    begin(&t, 40, 30, 1, 400);
    for (size_t k = 0; k < 2 * t.m.d + 3; k++) t.difference[k] = 0;
    CHECK(egi_bits_sweep(t.b, &t.sweep, t.packed, t.s, 1) == 0);
    end(&t);
    const float pair[2][4] = { { 1, 1, 1, 1 }, { -1, -1, -1, -1 } };
    begin(&t, 0, 4, 4, 401);
    CHECK(egi_bits_sweep(t.b, &t.sweep, t.packed, t.s, 1) == 0); /* no memory: no force */
    CHECK_OK(egi_bits_append(t.b, pair[0], 2));
    free(t.sweep.work);
    t.sweep.work = aligned(egi_bits_sweep_work(t.b) * sizeof *t.sweep.work);
    free(t.s);
    t.s = aligned(2 * sizeof *t.s);
    t.packed[0] = 1; /* one of 4 is +1: x_0 is pulled by both alike, x_1.. by symmetry too */
    egi_bits_overlaps(t.b, t.packed, 1, t.s);
    CHECK(t.s[0] == -2 && t.s[1] == 2);
    CHECK(egi_bits_sweep(t.b, &t.sweep, t.packed, t.s, 1) == 1 && t.packed[0] == 0);
    end(&t);
}

static void threads_change_no_bit_of_a_sweep(void **state)
{
    (void)state;
    enum { N = 300000, D = 12 }; /* enough for a pass to go parallel */
    for (size_t e = 1; e < EGI_COUNT(energies); e += 3) {
        struct task t;
        begin(&t, N, D, e, 500);
        t.sweep.weight = t.weight;
        int32_t *s = aligned(N * sizeof *s);
        memcpy(s, t.s, N * sizeof *s);
        uint64_t x = t.packed[0];
        const size_t flips = egi_bits_sweep(t.b, &t.sweep, t.packed, t.s, 1);
        CHECK(flips > 0);
        double *work = aligned(egi_bits_sweep_work(t.b) * sizeof *work);
        memcpy(work, t.sweep.work, N * sizeof *work);
        CHECK(egi_bits_sweep(t.b, &t.sweep, &x, s, 2) == flips);
        CHECK(x == t.packed[0]);
        CHECK_SAME_BITS(s, t.s, N * sizeof *s);
        CHECK_SAME_BITS(work, t.sweep.work, N * sizeof *work);
        free(s), free(work);
        end(&t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_agree_with_the_reference),
        cmocka_unit_test(store_follows_the_model),
        cmocka_unit_test(zero_counts_as_plus),
        cmocka_unit_test(appending_copies_little),
        cmocka_unit_test(large_sums_and_threads),
        cmocka_unit_test(every_allocation_failing),
        cmocka_unit_test(sweeps_follow_the_energy),
        cmocka_unit_test(large_sweeps_follow_the_energy),
        cmocka_unit_test(ends_of_the_table),
        cmocka_unit_test(ties_keep),
        cmocka_unit_test(threads_change_no_bit_of_a_sweep),
    };
    return cmocka_run_group_tests_name("bits", tests, NULL, NULL);
}
