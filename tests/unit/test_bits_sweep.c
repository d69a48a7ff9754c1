/* Asynchronous sweeps of packed patterns against energies computed from scratch. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "bits/egi_bits.h"
#include "check.h"

static void *aligned(size_t bytes)
{
    void *p = aligned_alloc(64, (bytes + 63) / 64 * 64 + 64);
    CHECK(p != NULL);
    memset(p, 0, (bytes + 63) / 64 * 64);
    return p;
}

struct model { /* what is stored, as plain numbers */
    size_t n, d;
    float *rows; /* (n, d) */
};

static float dot(const float *a, const float *b, size_t d)
{
    float sum = 0; /* exact: a whole number of at most 24 bits */
    for (size_t c = 0; c < d; c++) sum += a[c] * b[c];
    return sum;
}

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
    memset(t->sweep.work, 0xff, egi_bits_sweep_work(t->b) * sizeof *t->sweep.work); /* NaN */
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
            for (unsigned how = 0; how < (shape[k][1] < 50 ? 16 : 8); how++) {
                struct task t;
                begin(&t, shape[k][0], shape[k][1], e, 100 + how);
                if (how & 1) t.sweep.order = t.order;
                if (how & 2) t.sweep.clamp = t.clamp;
                if (how & 4) t.sweep.weight = t.weight;
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

/* Where F is a constant every change is a tie, and where memories pull alike. */
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

/* Memories in pairs that differ in component 0 alone: it is pulled by neither side, but sums of
 * thirds and of exponentials say so only up to rounding. */
static void rounded_ties_keep(void **state)
{
    (void)state;
    enum { N = 60, D = 40 };
    for (uint64_t seed = 0; seed < 40; seed++) {
        struct task t;
        begin(&t, N, D, seed % 2 == 0 ? 0 : 4, 600 + seed);
        uint8_t keep[N] = { 0 };
        egi_bits_keep(t.b, keep);
        for (size_t i = 1; i < N; i += 2) {
            memcpy(t.m.rows + i * D, t.m.rows + (i - 1) * D, D * sizeof(float));
            t.m.rows[i * D] = -t.m.rows[i * D];
        }
        CHECK_OK(egi_bits_append(t.b, t.m.rows, N));
        egi_bits_overlaps(t.b, t.packed, 1, t.s);
        for (size_t k = 2; k <= 2 * D && seed % 2 == 0; k += 2) t.difference[k] /= 3;
        memset(t.clamp, 1, D);
        t.clamp[0] = 0;
        t.sweep.clamp = t.clamp;
        CHECK(egi_bits_sweep(t.b, &t.sweep, t.packed, t.s, 1) == 0);
        end(&t);
    }
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
        memcpy(work, t.sweep.work, N / 2 * sizeof *work);
        CHECK(egi_bits_sweep(t.b, &t.sweep, &x, s, 2) == flips);
        CHECK(x == t.packed[0]);
        CHECK_SAME_BITS(s, t.s, N * sizeof *s);
        CHECK_SAME_BITS(work, t.sweep.work, N / 2 * sizeof *work); /* h */
        free(s), free(work);
        end(&t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sweeps_follow_the_energy),
        cmocka_unit_test(large_sweeps_follow_the_energy),
        cmocka_unit_test(ends_of_the_table),
        cmocka_unit_test(ties_keep),
        cmocka_unit_test(rounded_ties_keep),
        cmocka_unit_test(threads_change_no_bit_of_a_sweep),
    };
    return cmocka_run_group_tests_name("bits_sweep", tests, NULL, NULL);
}
