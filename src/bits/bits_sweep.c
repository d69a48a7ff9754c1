/* Asynchronous descent of E(x) = -sum_i w_i F(s_i), one component at a time.
 *
 * With d(s) = F(s) - F(s - 2), changing component j of x adds to E
 *
 *     sum over i that agree with x_j of w_i d(s_i) - sum over the others of w_i d(s_i + 2)
 *         = A_j - T,    A_j = sum over agreeing i of h_i,   h_i = w_i (d(s_i) + d(s_i + 2)),
 *                       T   = sum over all i of w_i d(s_i + 2),
 *
 * one masked sum of N numbers; j changes if and only if A_j < T. After a change every s_i moves
 * by 2 and every h_i is looked up again in a table over s. With A'_j the sum for the new x_j
 * after the change, E - E' = A'_j - T' gives T' = A'_j + A_j - T without another look-up; this
 * is used where all sums are exact, else T is summed afresh.
 *
 * Going through the memory of h is what costs, so a pass applies one change and then sums for
 * the next few components; those after the first that changes are summed in vain. How many go
 * together follows how often components change, and has no influence on any sum: each has a
 * fixed order over blocks of 2048 memories and at most 64 parts of blocks.
 *
 * Exactness: where every table entry times every weight is a multiple of 2^unit, sums whose
 * terms' magnitudes add up to less than 2^(53 + unit) are exact. Elsewhere the two sums are
 * wrong by less than DEPTH 2^-53 times their mass (Higham 2002, sec. 4.2), and differences below
 * that count as ties. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <float.h>
#include <limits.h>
#include <math.h>
#include <string.h>

#include "bits/egi_bits_layout.h"

enum {
    BLOCK = 2048,     /* memories: h, s and the bits of a few columns stay in the first cache */
    PARTS = 64,       /* of the memories; the parallel tasks of a pass */
    TOGETHER = 8,     /* components summed in one pass, at most */
    AFTER_CHANGE = 3, /* components summed right after a change: with its own, four at once */
    PARALLEL_FROM = 1 << 18 /* memories: below, starting threads costs more than a pass */
};

/* What the memories sum to. */
struct sums {
    double agree[TOGETHER + 1]; /* A of each column */
    double total, mass;         /* T; sum of |h| and of |d(s + 2)| */
};

struct run {
    const struct egi_bits *b;
    const struct egi_bits_sweep *sweep;
    uint64_t *x;        /* (W) */
    int32_t *s;         /* (N) overlaps */
    double *h;          /* (N, filled up to whole groups with 0) */
    const double *both; /* d(s) + d(s + 2) at s >> 1 */
    const double *up;   /* d(s + 2) at s >> 1 */
    int threads;
    int exact;           /* proved beforehand: T needs no look-up */
    double exact_below;  /* mass up to which sums are exact */
    double total, slack; /* T; what counts as a tie */
    /* The pass: perhaps apply a change, then sum for some columns. */
    size_t part;            /* memories of a part: a multiple of BLOCK */
    int refresh;            /* look h up: at the start and after a change */
    const uint32_t *change; /* column of the component that changes, or NULL */
    uint32_t change_invert;
    size_t m;
    const uint32_t *column[TOGETHER + 1];
    uint32_t invert[TOGETHER + 1];
    struct sums of_part[PARTS];
};

size_t egi_bits_sweep_work(const struct egi_bits *b)
{
    return egi_bits_groups(b->n) * EGI_BITS_GROUP + 2 * (b->d + 1);
}

/* 0 or ~0: what turns a column's bits into "agrees with x_j". */
static uint32_t invert_of(const struct run *r, size_t j)
{
    return r->x[j / 64] >> j % 64 & 1 ? 0 : UINT32_MAX;
}

/* Sum and mass of v, added to what is there; 8 running sums. */
static void add_totals(const double *v, size_t n, double *sum, double *mass)
{
    double part[8] = { 0 }, magnitude[8] = { 0 };
    for (size_t i = 0; i < n; i++) {
        part[i % 8] += v[i];
        magnitude[i % 8] += fabs(v[i]);
    }
    for (int k = 0; k < 8; k++) {
        *sum += part[k];
        *mass += magnitude[k];
    }
}

static void refresh_block(const struct run *r, size_t first, size_t n, struct sums *out)
{
    const struct egi_kernels_bits *k = &r->b->kernel;
    const double *weight = r->sweep->weight == NULL ? NULL : r->sweep->weight + first;
    if (r->change != NULL) k->shift(r->change + first / 2, r->change_invert, n, r->s + first);
    k->look_up(r->s + first, n, r->both, weight, r->h + first);
    if (r->exact && r->change != NULL) return;
    _Alignas(EGI_ALIGN) double up[BLOCK];
    double unused = 0;
    k->look_up(r->s + first, n, r->up, weight, up);
    add_totals(up, n, &out->total, &out->mass);
    add_totals(r->h + first, n, &unused, &out->mass);
}

static void pass_part(void *arg, size_t part)
{
    struct run *r = arg;
    struct sums *out = &r->of_part[part];
    const size_t begin = part * r->part, left = r->b->n - begin;
    const size_t end = begin + (left < r->part ? left : r->part);
    *out = (struct sums){ .total = 0 };
    for (size_t first = begin; first < end; first += BLOCK) {
        const size_t n = end - first < BLOCK ? end - first : BLOCK;
        const uint32_t *column[TOGETHER + 1];
        double agree[TOGETHER + 1];
        if (r->refresh) refresh_block(r, first, n, out);
        for (size_t c = 0; c < r->m; c++) column[c] = r->column[c] + first / 2;
        r->b->kernel.masked_sums(r->h + first, egi_bits_groups(n), column, r->invert, r->m, agree);
        for (size_t c = 0; c < r->m; c++) out->agree[c] += agree[c];
    }
}

/* The sums of r->column[0 .. m-1]; T, its mass and the slack too where they were summed. */
static void pass(struct run *r, struct sums *out)
{
    const size_t n = r->b->n, parts = n == 0 ? 0 : (n + r->part - 1) / r->part;
    egi_parallel_for(parts, n < PARALLEL_FROM ? 1 : r->threads, pass_part, r);
    *out = (struct sums){ .total = 0 };
    for (size_t p = 0; p < parts; p++) {
        for (size_t c = 0; c < r->m; c++) out->agree[c] += r->of_part[p].agree[c];
        out->total += r->of_part[p].total;
        out->mass += r->of_part[p].mass;
    }
    if (!r->refresh || (r->exact && r->change != NULL)) return;
    const double depth = BLOCK / EGI_BITS_GROUP + 5 + (double)(r->part / BLOCK) + PARTS + 4;
    r->total = out->total;
    r->slack = out->mass <= r->exact_below ? 0 : depth * DBL_EPSILON * out->mass;
}

/* One pass for the components j (m); `change`, if not SIZE_MAX, has just changed in x. */
static void sum_for(struct run *r, size_t change, const size_t *j, size_t m, int first_pass,
                    double *agree)
{
    struct sums out;
    const int changed = change != SIZE_MAX, identity = changed && r->exact;
    const double before = agree[0]; /* A of the component that changed */
    r->refresh = first_pass || changed;
    r->change = changed ? egi_bits_column(r->b, change) : NULL;
    r->change_invert = changed ? ~invert_of(r, change) : 0;
    r->m = m + (size_t)identity;
    for (size_t c = 0; c < m; c++) {
        r->column[c] = egi_bits_column(r->b, j[c]);
        r->invert[c] = invert_of(r, j[c]);
    }
    if (identity) {
        r->column[m] = r->change;
        r->invert[m] = ~r->change_invert;
    }
    pass(r, &out);
    if (identity) r->total = out.agree[m] + before - r->total;
    memcpy(agree, out.agree, m * sizeof *agree);
}

/* How much E falls by changing a component whose agreeing sum is A; 0 for a tie. */
static double fall(const struct run *r, double agree)
{
    const double by = r->total - agree;
    return by > r->slack ? by : 0;
}

static void change_bit(struct run *r, size_t j)
{
    r->x[j / 64] ^= (uint64_t)1 << j % 64;
}

/* The next components that may change, from position *at of the order on: their numbers, and
 * the position after each. */
static size_t take(const struct run *r, size_t at, size_t most, size_t *j, size_t *after)
{
    const struct egi_bits_sweep *sweep = r->sweep;
    size_t m = 0;
    for (; at < r->b->d && m < most; at++) {
        const size_t next = sweep->order == NULL || sweep->steepest ? at : sweep->order[at];
        if (sweep->clamp != NULL && sweep->clamp[next]) continue;
        j[m] = next;
        after[m++] = at + 1;
    }
    return m;
}

static size_t sweep_in_order(struct run *r)
{
    size_t flips = 0, at = 0, change = SIZE_MAX, together = TOGETHER;
    double agree[TOGETHER + 1] = { 0 };
    for (int first_pass = 1;; first_pass = 0) {
        size_t j[TOGETHER], after[TOGETHER], c = 0;
        const size_t m = take(r, at, together, j, after);
        if (m == 0 && change == SIZE_MAX) return flips;
        sum_for(r, change, j, m, first_pass, agree);
        while (c < m && fall(r, agree[c]) == 0) c++;
        change = SIZE_MAX;
        together = 2 * together < TOGETHER ? 2 * together : TOGETHER;
        if (m > 0) at = after[c < m ? c : m - 1];
        if (c == m) continue;
        change = j[c];
        agree[0] = agree[c];
        change_bit(r, change);
        flips++;
        together = AFTER_CHANGE;
    }
}

/* Of falls that are equal the first component's, whatever the order. */
static size_t sweep_steepest(struct run *r)
{
    size_t change = SIZE_MAX;
    double chosen = 0;
    for (size_t flips = 0; flips <= r->b->d; flips++) {
        size_t at = 0, m, best = SIZE_MAX, just = change;
        double most = 0, agree[TOGETHER + 1] = { chosen };
        int first_pass = flips == 0;
        do {
            size_t j[TOGETHER], after[TOGETHER];
            m = take(r, at, flips < r->b->d ? TOGETHER : 0, j, after);
            sum_for(r, just, j, m, first_pass, agree);
            just = SIZE_MAX;
            first_pass = 0;
            for (size_t c = 0; c < m; c++) {
                if (!(fall(r, agree[c]) > most)) continue;
                most = fall(r, agree[c]);
                best = j[c];
                chosen = agree[c];
            }
            if (m > 0) at = after[m - 1];
        } while (m > 0);
        if (best == SIZE_MAX) return flips;
        change = best;
        change_bit(r, change);
    }
    return r->b->d;
}

/* The power of two of the lowest bit of a number, INT_MAX for 0. */
static int lowest_bit(double v)
{
    int exponent;
    const double fraction = frexp(fabs(v), &exponent); /* in [1/2, 1) */
    if (v == 0 || !isfinite(v)) return INT_MAX;
    return exponent - 53 + __builtin_ctzll((unsigned long long)ldexp(fraction, 53));
}

struct extent {
    int unit; /* every number is a multiple of 2^unit */
    double most, mass;
};

static struct extent extent_of(const double *v, size_t n, size_t step)
{
    struct extent e = { INT_MAX, 0, 0 };
    for (size_t i = 0; i < n; i++) {
        const int unit = lowest_bit(v[i * step]);
        if (unit < e.unit) e.unit = unit;
        e.most = fmax(e.most, fabs(v[i * step]));
        e.mass += fabs(v[i * step]);
    }
    return e;
}

/* Fill both and up (D + 1 each, for s = -D, -D + 2, .. D); memories at s = D cannot come
 * closer and those at -D never agree, so what lies outside the differences counts as 0. */
static void fill_tables(struct run *r, double *both, double *up)
{
    const size_t d = r->b->d, n = r->b->n;
    const double *difference = r->sweep->difference; /* entry 2 k belongs to s = 2 k - D */
    for (size_t k = 0; k <= d; k++) {
        up[k] = k < d ? difference[2 * k + 2] : 0;
        both[k] = (k > 0 ? difference[2 * k] : 0) + up[k];
    }
    const struct extent table = extent_of(difference + 2, d, 2);
    const struct extent one = { 0, 1, (double)n };
    const struct extent weight = r->sweep->weight == NULL ? one : extent_of(r->sweep->weight, n, 1);
    const int idle = table.unit == INT_MAX || weight.unit == INT_MAX;
    r->exact_below = idle ? INFINITY : ldexp(1, 53 + table.unit + weight.unit);
    r->exact = 3 * table.most * weight.mass <= r->exact_below;
    r->both = both + (d + 1) / 2;
    r->up = up + (d + 1) / 2;
}

size_t egi_bits_sweep(const struct egi_bits *b, const struct egi_bits_sweep *sweep, uint64_t *x,
                      int32_t *overlap, int threads)
{
    const size_t filled = egi_bits_groups(b->n) * EGI_BITS_GROUP;
    const size_t blocks = (b->n + BLOCK - 1) / BLOCK;
    struct run r = { .b = b, .sweep = sweep, .x = x, .s = overlap, .threads = threads };
    r.h = sweep->work;
    r.part = (blocks + PARTS - 1) / PARTS * BLOCK;
    fill_tables(&r, sweep->work + filled, sweep->work + filled + b->d + 1);
    for (size_t i = b->n; i < filled; i++) r.h[i] = 0;
    return b->n == 0 ? 0 : sweep->steepest ? sweep_steepest(&r) : sweep_in_order(&r);
}
