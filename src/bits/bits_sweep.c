/* Asynchronous descent of E(x) = -sum_i w_i F(s_i), one component at a time.
 *
 * With d(s) = F(s) - F(s - 2), changing component j of x adds to E
 *
 *     sum over i that agree with x_j of w_i d(s_i) - sum over the others of w_i d(s_i + 2)
 *         = A_j - T,    A_j = sum over agreeing i of h_i,   h_i = w_i (d(s_i) + d(s_i + 2)),
 *                       T   = sum over all i of w_i d(s_i + 2),
 *
 * one masked sum of N numbers; j changes if and only if A_j < T. After a change every s_i moves
 * by 2 and every h_i is made again.
 *
 * Screening. Sums of f32 decide where |T - A_j| exceeds what they may err by, which is nearly
 * always; elsewhere the same sums are made again in f64, from tables over s (exact_falls). What
 * a sweep does is therefore what f64 alone would do, to the bit. Where d is a quadratic, which
 * orders n = 2 and 3 are, h_i costs two multiply-adds instead of a look-up.
 *
 * The error of T - A_j in f32 is below SCREEN 2^-24 times the mass, sum of |h_i| + |d(s_i + 2)|:
 * 16 for the terms (a quadratic is tried at every s), 69 for 32 running sums of a block and their
 * halving (Higham 2002, sec. 4.2), the rest for the mass and for the f64 sums, whose ties
 * are then excluded too.
 *
 * Going through the memory of h is what costs, so a pass applies one change and then sums for
 * the next few components; those after the first that changes are summed in vain. How many go
 * together follows how often components change, and has no influence on any sum: each has a
 * fixed order over blocks of 2048 memories and at most 64 parts of blocks.
 *
 * Exactness of f64: where every table entry times every weight is a multiple of 2^unit, sums
 * whose terms' magnitudes add up to less than 2^(53 + unit) are exact. Elsewhere the two sums
 * are wrong by less than DEPTH 2^-53 times their mass, and differences below that count as
 * ties. */
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
    AFTER_CHANGE = 2, /* components summed right after a change */
    PARALLEL_FROM = 1 << 18, /* memories: below, starting threads costs more than a pass */
    SCREEN = 96
};

/* What the memories sum to. */
struct sums {
    double agree[TOGETHER]; /* A of each column */
    double total, mass;     /* T; sum of |h| and of |d(s + 2)| */
};

struct run {
    const struct egi_bits *b;
    const struct egi_bits_sweep *sweep;
    uint64_t *x;        /* (W) */
    int32_t *s;         /* (N) overlaps */
    float *h;           /* (N, filled up to whole groups with 0) of the screen, times scale */
    const double *both; /* d(s) + d(s + 2) at s >> 1 */
    const double *up;   /* d(s + 2) at s >> 1 */
    double *falls;      /* (D) of steepest descent */
    int threads;
    int is_quadratic; /* of s: both and up as follow, scale 1 */
    float both_of[3], up_of[3];
    double scale;        /* a power of two */
    double exact_below;  /* mass up to which sums in f64 are exact */
    double total, error; /* T of the screen; what T - A may err by */
    /* The pass: perhaps apply a change, then sum for some columns. */
    size_t part;            /* memories of a part: a multiple of BLOCK */
    int refresh;            /* make h: at the start and after a change */
    const uint32_t *change; /* column of the component that changes, or NULL */
    uint32_t change_invert;
    size_t m;
    const uint32_t *column[TOGETHER];
    uint32_t invert[TOGETHER];
    struct sums of_part[PARTS];
};

/* h as floats, two tables, D falls. */
size_t egi_bits_sweep_work(const struct egi_bits *b)
{
    return egi_bits_groups(b->n) * EGI_BITS_GROUP / 2 + 3 * (b->d + 1);
}

/* 0 or ~0: what turns a column's bits into "agrees with x_j". */
static uint32_t invert_of(const struct run *r, size_t j)
{
    return r->x[j / 64] >> j % 64 & 1 ? 0 : UINT32_MAX;
}

/* ---- one pass through the memories ---- */

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

/* h (BLOCK) of n memories in f64, filled up with 0, and what they add to T and the mass. */
static void look_up_block(const struct run *r, size_t first, size_t n, double *h, struct sums *out)
{
    const struct egi_kernels_bits *k = &r->b->kernel;
    const double *weight = r->sweep->weight == NULL ? NULL : r->sweep->weight + first;
    double unused = 0;
    k->look_up(r->s + first, n, r->up, weight, h);
    add_totals(h, n, &out->total, &out->mass);
    k->look_up(r->s + first, n, r->both, weight, h);
    add_totals(h, n, &unused, &out->mass);
    for (size_t i = n; i % EGI_BITS_GROUP != 0; i++) h[i] = 0;
}

/* T and a bound on the mass from the sums of s and s^2: sum |s| <= sqrt(n sum s^2). */
static void add_quadratics(const struct run *r, double n, double sum, double square,
                           struct sums *out)
{
    const double moment[] = { n, sum, square }, size[] = { n, sqrt(n * square), square };
    for (int k = 0; k < 3; k++) {
        const double up = (double)r->up_of[k];
        out->total += up * moment[k];
        out->mass += (fabs(up) + fabs((double)r->both_of[k])) * size[k];
    }
}

static void refresh_block(const struct run *r, size_t first, size_t n, struct sums *out)
{
    const struct egi_kernels_bits *k = &r->b->kernel;
    float *h = r->h + first, sums[2];
    if (r->change != NULL) k->shift(r->change + first / 2, r->change_invert, n, r->s + first);
    if (r->is_quadratic) {
        k->quadratics(r->s + first, n, r->both_of, h, sums);
        add_quadratics(r, (double)n, (double)sums[0], (double)sums[1], out);
        return;
    }
    _Alignas(EGI_ALIGN) double wide[BLOCK];
    struct sums block = { .total = 0 };
    look_up_block(r, first, n, wide, &block);
    for (size_t i = 0; i < egi_bits_groups(n) * EGI_BITS_GROUP; i++)
        h[i] = (float)(wide[i] * r->scale);
    out->total += block.total * r->scale;
    out->mass += block.mass * r->scale;
}

static void screen_block(const struct run *r, size_t first, size_t n, struct sums *out)
{
    const uint32_t *column[TOGETHER];
    float agree[TOGETHER];
    if (r->refresh) refresh_block(r, first, n, out);
    for (size_t c = 0; c < r->m; c++) column[c] = r->column[c] + first / 2;
    r->b->kernel.masked_sums_f32(r->h + first, egi_bits_groups(n), column, r->invert, r->m, agree);
    for (size_t c = 0; c < r->m; c++) out->agree[c] += (double)agree[c];
}

static void exact_block(const struct run *r, size_t first, size_t n, struct sums *out)
{
    _Alignas(EGI_ALIGN) double h[BLOCK];
    const uint32_t *column[TOGETHER];
    double agree[TOGETHER];
    look_up_block(r, first, n, h, out);
    for (size_t c = 0; c < r->m; c++) column[c] = r->column[c] + first / 2;
    r->b->kernel.masked_sums(h, egi_bits_groups(n), column, r->invert, r->m, agree);
    for (size_t c = 0; c < r->m; c++) out->agree[c] += agree[c];
}

typedef void block_fn(const struct run *r, size_t first, size_t n, struct sums *out);

static void part_of(struct run *r, size_t part, block_fn *block)
{
    struct sums *out = &r->of_part[part];
    const size_t begin = part * r->part, left = r->b->n - begin;
    const size_t end = begin + (left < r->part ? left : r->part);
    *out = (struct sums){ .total = 0 };
    for (size_t first = begin; first < end; first += BLOCK)
        block(r, first, end - first < BLOCK ? end - first : BLOCK, out);
}

static void screen_part(void *arg, size_t part)
{
    part_of(arg, part, screen_block);
}

static void exact_part(void *arg, size_t part)
{
    part_of(arg, part, exact_block);
}

/* The sums for the components j (m <= TOGETHER). */
static void pass(struct run *r, const size_t *j, size_t m, void (*part)(void *, size_t),
                 struct sums *out)
{
    const size_t n = r->b->n, parts = (n + r->part - 1) / r->part;
    r->m = m;
    for (size_t c = 0; c < m; c++) {
        r->column[c] = egi_bits_column(r->b, j[c]);
        r->invert[c] = invert_of(r, j[c]);
    }
    egi_parallel_for(parts, n < PARALLEL_FROM ? 1 : r->threads, part, r);
    *out = (struct sums){ .total = 0 };
    for (size_t p = 0; p < parts; p++) {
        for (size_t c = 0; c < m; c++) out->agree[c] += r->of_part[p].agree[c];
        out->total += r->of_part[p].total;
        out->mass += r->of_part[p].mass;
    }
}

/* How much E falls by changing each of the components j, within r->error of it and times scale;
 * `change`, if not SIZE_MAX, has just changed in x. */
static void screen(struct run *r, size_t change, int first_pass, const size_t *j, size_t m,
                   double *fall)
{
    struct sums out;
    const int changed = change != SIZE_MAX;
    r->refresh = first_pass || changed;
    r->change = changed ? egi_bits_column(r->b, change) : NULL;
    r->change_invert = changed ? ~invert_of(r, change) : 0;
    pass(r, j, m, screen_part, &out);
    if (r->refresh) {
        r->total = out.total;
        r->error = SCREEN * 0x1p-24 * out.mass + (double)r->b->n * 0x1p-148; /* subnormal h */
    }
    for (size_t c = 0; c < m; c++) fall[c] = r->total - out.agree[c];
}

/* The same in f64; 0 for a tie. */
static void exact_falls(struct run *r, const size_t *j, size_t m, double *fall)
{
    struct sums out;
    pass(r, j, m, exact_part, &out);
    const double depth = BLOCK / EGI_BITS_GROUP + 5 + (double)(r->part / BLOCK) + PARTS + 4;
    const double slack = out.mass <= r->exact_below ? 0 : depth * DBL_EPSILON * out.mass;
    for (size_t c = 0; c < m; c++) {
        const double by = out.total - out.agree[c];
        fall[c] = by > slack ? by : 0;
    }
}

/* ---- sweeps ---- */

static int is_lowered_by(struct run *r, size_t j, double screened)
{
    double fall = screened;
    if (!(fabs(screened) > r->error)) exact_falls(r, &j, 1, &fall); /* or NaN */
    return fall > 0;
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
    for (int first_pass = 1;; first_pass = 0) {
        size_t j[TOGETHER], after[TOGETHER], c = 0;
        double fall[TOGETHER];
        const size_t m = take(r, at, together, j, after);
        if (m == 0 && change == SIZE_MAX) return flips;
        screen(r, change, first_pass, j, m, fall);
        while (c < m && !is_lowered_by(r, j[c], fall[c])) c++;
        change = SIZE_MAX;
        together = 2 * together < TOGETHER ? 2 * together : TOGETHER;
        if (m > 0) at = after[c < m ? c : m - 1];
        if (c == m) continue;
        change = j[c];
        change_bit(r, change);
        flips++;
        together = AFTER_CHANGE;
    }
}

/* The screened falls of all components, and the largest; `change` as in screen(). */
static double screen_all(struct run *r, size_t change, int first_pass)
{
    size_t j[TOGETHER], after[TOGETHER], at = 0, m;
    double most = -INFINITY;
    for (; (m = take(r, at, TOGETHER, j, after)) > 0; at = after[m - 1]) {
        double fall[TOGETHER];
        screen(r, change, first_pass, j, m, fall);
        change = SIZE_MAX;
        first_pass = 0;
        for (size_t c = 0; c < m; c++) {
            r->falls[j[c]] = fall[c];
            most = fall[c] > most ? fall[c] : most;
        }
    }
    if (change != SIZE_MAX) screen(r, change, first_pass, NULL, 0, NULL);
    return most;
}

/* The component whose change lowers E most, the first of equals; SIZE_MAX if none does. Those
 * whose screened fall may be the largest, and above 0, are summed in f64. */
static size_t steepest(struct run *r, double most)
{
    const double least = fmax(most - 2 * r->error, -r->error);
    size_t best = SIZE_MAX, j[TOGETHER], after[TOGETHER], at = 0, m;
    double best_fall = 0;
    do {
        size_t kept = 0;
        m = take(r, at, TOGETHER, j, after);
        if (m > 0) at = after[m - 1];
        for (size_t c = 0; c < m; c++)
            if (!(r->falls[j[c]] < least)) j[kept++] = j[c];
        double fall[TOGETHER];
        if (kept > 0) exact_falls(r, j, kept, fall);
        for (size_t c = 0; c < kept; c++) {
            if (!(fall[c] > best_fall)) continue;
            best_fall = fall[c];
            best = j[c];
        }
    } while (m > 0);
    return best;
}

static size_t sweep_steepest(struct run *r)
{
    size_t change = SIZE_MAX;
    for (size_t flips = 0;; flips++) {
        const double most = screen_all(r, change, flips == 0);
        change = flips < r->b->d ? steepest(r, most) : SIZE_MAX;
        if (change == SIZE_MAX) return flips;
        change_bit(r, change);
    }
}

/* ---- tables ---- */

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
    r->both = both + (d + 1) / 2;
    r->up = up + (d + 1) / 2;
}

static double value_at(const double *c, double x)
{
    return c[0] + x * (c[1] + x * c[2]);
}

/* Whether both and up with coefficients in f32 are within 2^-20 (|both| + |up|) of the tables, or
 * of the quadratic p of d at the ends: there what lies outside the differences is the same in T
 * and in every A. */
static int is_near(const struct run *r, const double *p)
{
    const size_t d = r->b->d;
    const double *difference = r->sweep->difference;
    for (size_t k = 0; k <= d; k++) {
        const int32_t s = (int32_t)(2 * (ptrdiff_t)k - (ptrdiff_t)d);
        const double x = (double)s;
        float both[EGI_BITS_GROUP], up[EGI_BITS_GROUP], sums[2];
        r->b->kernel.quadratics(&s, 1, r->both_of, both, sums);
        r->b->kernel.quadratics(&s, 1, r->up_of, up, sums);
        const double right = k < d ? difference[2 * k + 2] : value_at(p, x + 2);
        const double sum = right + (k > 0 ? difference[2 * k] : value_at(p, x));
        const double error = fabs((double)both[0] - sum) + fabs((double)up[0] - right);
        if (!(error <= 0x1p-20 * (fabs(sum) + fabs(right)))) return 0;
    }
    return 1;
}

/* d as the quadratic through its first three values, if all others are on it. */
static int fit_quadratic(struct run *r)
{
    if (r->b->d < 3 || r->sweep->weight != NULL) return 0;
    const double *e = r->sweep->difference + 2, s = 2 - (double)r->b->d;
    double p[3] = { 0, 0, (e[4] - 2 * e[2] + e[0]) / 8 };
    p[1] = (e[2] - e[0]) / 2 - p[2] * (2 * s + 2);
    p[0] = e[0] - s * (p[1] + s * p[2]);
    const double up[3] = { value_at(p, 2), p[1] + 4 * p[2], p[2] };
    for (int k = 0; k < 3; k++) {
        r->up_of[k] = (float)up[k];
        r->both_of[k] = (float)(p[k] + up[k]);
    }
    return is_near(r, p);
}

/* Scaled so that the largest |h_i| of now is about 1. */
static double scale_of(const struct run *r)
{
    double most = 0;
    for (size_t first = 0; first < r->b->n; first += BLOCK) {
        const size_t n = r->b->n - first < BLOCK ? r->b->n - first : BLOCK;
        _Alignas(EGI_ALIGN) double h[BLOCK];
        struct sums unused = { .total = 0 };
        look_up_block(r, first, n, h, &unused);
        for (size_t i = 0; i < n; i++) most = fmax(most, fabs(h[i]));
    }
    int exponent;
    (void)frexp(most, &exponent);
    return isfinite(most) ? ldexp(1, -exponent) : 1;
}

size_t egi_bits_sweep(const struct egi_bits *b, const struct egi_bits_sweep *sweep, uint64_t *x,
                      int32_t *overlap, int threads)
{
    if (b->n == 0) return 0;
    const size_t blocks = (b->n + BLOCK - 1) / BLOCK;
    struct run r = { .b = b, .sweep = sweep, .x = x, .s = overlap, .threads = threads };
    double *tables = sweep->work + egi_bits_groups(b->n) * EGI_BITS_GROUP / 2;
    r.h = (float *)(void *)sweep->work;
    r.part = (blocks + PARTS - 1) / PARTS * BLOCK;
    r.falls = tables + 2 * (b->d + 1);
    fill_tables(&r, tables, tables + b->d + 1);
    r.is_quadratic = fit_quadratic(&r);
    r.scale = r.is_quadratic ? 1 : scale_of(&r);
    return sweep->steepest ? sweep_steepest(&r) : sweep_in_order(&r);
}
