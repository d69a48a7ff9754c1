/* Exact nearest neighbours of all points among all.
 *
 * In tiles: products of ROWS points with COLUMNS points in single precision, from which
 *     s_ij = <m_i, m_j> - |m_j|^2 / 2,    |m_i - m_j|^2 = |m_i|^2 - 2 s_ij
 * is a proposal; of each point the `kept` largest are kept, k and some more. Their distances are
 * then summed in double from differences (assoc/egi_listed.h), which decides. m is x moved to the
 * middle of its box, because errors grow with lengths.
 *
 * Proof that nothing was missed: a point that was not kept has s_ij <= s, the least that was, and
 * with L the longest |m_j|, u = 2^-24, g = (D + 2) u / (1 - (D + 2) u) (Higham 2002, section 3.1:
 * whatever the order of a sum) its squared distance lies below |m_i|^2 - 2 s by at most
 *     e_i = 2 g |m_i| L                    the product
 *         + 4 u (|m_i| + L)^2              halves and their subtraction; rounding of m itself
 * and a hundredth of it for terms of second order. Where that does not lie above the k-th exact
 * distance, the point is compared with all in double. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "assoc/egi_listed.h"
#include "base/egi_base.h"
#include "kernel/egi_kernel_gemm.h"
#include "measure/egi_dimension.h"

enum { ROWS = 256, COLUMNS = 2048, SPARE = 24, GROUP = 16 };

struct search {
    const float *x; /* (N, D) as it is */
    size_t n, d, k, kept;
    float *moved;                /* (N, D) */
    float *half;                 /* (N) |m|^2 / 2 */
    float *product;              /* (ROWS, COLUMNS) */
    float *score;                /* (ROWS, kept) falling */
    uint32_t *index;             /* (ROWS, kept) */
    size_t *have;                /* (ROWS) */
    double *point;               /* (workers, D + N) one point; distances from it */
    size_t *list;                /* (workers, N) */
    double longest;              /* L */
    double *square;              /* (N, k) */
    uint32_t *at;                /* (N, k) */
    size_t begin, end, from, to; /* the tile */
};

/* ---- proposals ---- */

static void keep(float *score, uint32_t *index, size_t *have, size_t room, float s, uint32_t j)
{
    size_t at = *have < room ? (*have)++ : room - 1;
    for (; at > 0 && score[at - 1] < s; at--) {
        score[at] = score[at - 1];
        index[at] = index[at - 1];
    }
    score[at] = s;
    index[at] = j;
}

/* The products of a row of the tile, GROUP at a time: most groups hold nothing to keep. */
static void look(void *arg, size_t r, size_t worker)
{
    (void)worker;
    struct search *s = arg;
    const size_t i = s->begin + r, width = s->to - s->from;
    const float *p = s->product + r * COLUMNS, *half = s->half + s->from;
    float *score = s->score + r * s->kept;
    uint32_t *index = s->index + r * s->kept;
    for (size_t j = 0; j < width; j += GROUP) {
        const size_t end = j + GROUP < width ? j + GROUP : width;
        const float least = s->have[r] < s->kept ? -INFINITY : score[s->kept - 1];
        int any = 0;
        for (size_t l = j; l < end; l++) any |= p[l] - half[l] > least;
        if (!any) continue;
        for (size_t l = j; l < end; l++) {
            const float v = p[l] - half[l];
            if (s->from + l == i || (s->have[r] == s->kept && !(v > score[s->kept - 1]))) continue;
            keep(score, index, &s->have[r], s->kept, v, (uint32_t)(s->from + l));
        }
    }
}

/* ---- decisions ---- */

static int nearer(double a, size_t i, double b, size_t j)
{
    return a < b || (a == b && i < j);
}

/* The k nearest of n listed points but i itself, by insertion. */
static void decide(const struct search *s, size_t i, const size_t *list, size_t n,
                   const double *square)
{
    double *out = s->square + i * s->k;
    uint32_t *at = s->at + i * s->k;
    size_t have = 0;
    for (size_t l = 0; l < n; l++) {
        if (list[l] == i) continue;
        if (have == s->k && !nearer(square[l], list[l], out[s->k - 1], at[s->k - 1])) continue;
        size_t to = have < s->k ? have++ : s->k - 1;
        for (; to > 0 && nearer(square[l], list[l], out[to - 1], at[to - 1]); to--) {
            out[to] = out[to - 1];
            at[to] = at[to - 1];
        }
        out[to] = square[l];
        at[to] = (uint32_t)list[l];
    }
}

/* 1.01 e_i */
static double error_of(const struct search *s, size_t i)
{
    const double u = 0x1p-24, terms = (double)s->d + 2, length = sqrt(2 * (double)s->half[i]);
    const double both = length + s->longest;
    return 1.01 * (2 * terms * u / (1 - terms * u) * length * s->longest + 4 * u * both * both);
}

/* Whether the k-th distance of row r of the tile is proved. */
static int is_proved(const struct search *s, size_t r)
{
    const size_t i = s->begin + r;
    if (s->have[r] < s->kept) return 1; /* all were kept */
    const double worst = (double)s->score[r * s->kept + s->kept - 1];
    return s->square[i * s->k + s->k - 1] < 2 * (double)s->half[i] - 2 * worst - error_of(s, i);
}

static void settle(void *arg, size_t r, size_t worker)
{
    const struct search *s = arg;
    const size_t i = s->begin + r;
    double *point = s->point + worker * (s->d + s->n), *square = point + s->d;
    size_t *list = s->list + worker * s->n;
    for (size_t j = 0; j < s->d; j++) point[j] = (double)s->x[i * s->d + j];
    for (size_t l = 0; l < s->have[r]; l++) list[l] = s->index[r * s->kept + l];
    egi_listed_squares(s->x, s->d, list, s->have[r], point, square);
    decide(s, i, list, s->have[r], square);
    if (is_proved(s, r)) return;
    for (size_t l = 0; l < s->n; l++) list[l] = l;
    egi_listed_squares(s->x, s->d, list, s->n, point, square);
    decide(s, i, list, s->n, square);
}

/* ---- the search ---- */

eg_status egi_check_points(const float *x, size_t n, size_t d)
{
    for (size_t i = 0; i < n * d; i++)
        if (!isfinite(x[i]))
            return egi_fail(EG_ERR_INVALID, "point %zu, column %zu is %g, expected a finite number",
                            i / d, i % d, (double)x[i]);
    return EG_OK;
}

static eg_status check(const float *x, size_t n, size_t d, size_t k)
{
    if (k == 0 || k >= n)
        return egi_fail(EG_ERR_INVALID, "k = %zu neighbours of %zu points, expected 1 to %zu", k, n,
                        n > 0 ? n - 1 : 0);
    if (n > INT32_MAX) return egi_fail(EG_ERR_LIMIT, "%zu points, expected up to %d", n, INT32_MAX);
    return egi_check_points(x, n, d);
}

static void move(struct search *s)
{
    for (size_t j = 0; j < s->d; j++) {
        float low = s->x[j], high = s->x[j];
        for (size_t i = 1; i < s->n; i++) {
            low = fminf(low, s->x[i * s->d + j]);
            high = fmaxf(high, s->x[i * s->d + j]);
        }
        const float middle = low / 2 + high / 2;
        for (size_t i = 0; i < s->n; i++) s->moved[i * s->d + j] = s->x[i * s->d + j] - middle;
    }
    for (size_t i = 0; i < s->n; i++) {
        double sum = 0;
        for (size_t j = 0; j < s->d; j++) {
            const double m = (double)s->moved[i * s->d + j];
            sum += m * m;
        }
        s->half[i] = (float)(sum / 2);
        s->longest = fmax(s->longest, sqrt(sum));
    }
}

static void tile_products(struct search *s, int threads)
{
    const struct egi_gemm g = { .m = s->end - s->begin,
                                .n = s->to - s->from,
                                .k = s->d,
                                .b_is_transposed = 1,
                                .lda = s->d,
                                .ldb = s->d,
                                .ldc = COLUMNS,
                                .alpha = 1 };
    egi_gemm_f32(&g, s->moved + s->begin * s->d, s->moved + s->from * s->d, s->product, threads);
}

/* Through all tiles: each(s, r, worker) at a row of each, then(s, r, worker) once a row has seen
 * all. */
static eg_status run(struct search *s, void (*each)(void *, size_t, size_t),
                     void (*then)(void *, size_t, size_t), int threads, const eg_progress *progress)
{
    for (s->begin = 0; s->begin < s->n; s->begin = s->end) {
        EGI_TRY(egi_report(progress, "neighbours", s->begin, s->n));
        s->end = s->begin + ROWS < s->n ? s->begin + ROWS : s->n;
        memset(s->have, 0, ROWS * sizeof *s->have);
        for (s->from = 0; s->from < s->n; s->from = s->to) {
            s->to = s->from + COLUMNS < s->n ? s->from + COLUMNS : s->n;
            tile_products(s, threads);
            egi_parallel_workers(s->end - s->begin, threads, each, s);
        }
        if (then != NULL) egi_parallel_workers(s->end - s->begin, threads, then, s);
    }
    return egi_report(progress, "neighbours", s->n, s->n);
}

/* Room that every search needs; list of `listed` points a worker. */
static eg_status make_room(struct search *s, size_t listed, int threads, const eg_allocator *alloc,
                           struct egi_arena *arena)
{
    const size_t workers = (size_t)egi_thread_count(threads);
    size_t cells, point, list, tile;
    EGI_TRY(egi_mul_size(s->n, s->d, &cells));
    EGI_TRY(egi_mul_size(workers, s->d + listed, &point));
    EGI_TRY(egi_mul_size(workers, listed, &list));
    EGI_TRY(egi_mul_size(ROWS, s->kept, &tile));
    const struct egi_need needs[] = { { cells, sizeof(float) },
                                      { s->n, sizeof(float) },
                                      { (size_t)ROWS * COLUMNS, sizeof(float) },
                                      { tile, sizeof(float) },
                                      { tile, sizeof(uint32_t) },
                                      { ROWS, sizeof(size_t) },
                                      { point, sizeof(double) },
                                      { list, sizeof(size_t) } };
    EGI_TRY(egi_arena_create(alloc, needs, EGI_COUNT(needs), "neighbours", arena));
    s->moved = arena->part[0];
    s->half = arena->part[1];
    s->product = arena->part[2];
    s->score = arena->part[3];
    s->index = arena->part[4];
    s->have = arena->part[5];
    s->point = arena->part[6];
    s->list = arena->part[7];
    move(s);
    return EG_OK;
}

eg_status eg_neighbours(const float *x, size_t n, size_t d, size_t k, const eg_search_options *how,
                        double *square, uint32_t *at)
{
    const eg_search_options usual = { 0, NULL, NULL };
    const eg_search_options *o = how != NULL ? how : &usual;
    const eg_allocator *alloc = o->alloc != NULL ? o->alloc : eg_allocator_default();
    const size_t spare = k / 2 > SPARE ? k / 2 : SPARE;
    struct search s = { .x = x, .n = n, .d = d, .k = k, .square = square, .at = at };
    size_t nearest;
    struct egi_arena arena;
    void *own = NULL;
    EGI_TRY(check(x, n, d, k));
    s.kept = k + spare < n - 1 ? k + spare : n; /* n: room that is never filled */
    EGI_TRY(egi_mul_size(n, k, &nearest));
    EGI_TRY(make_room(&s, n, o->threads, alloc, &arena));
    eg_status status = EG_OK;
    if (at == NULL) status = egi_alloc_array(alloc, nearest, sizeof *at, "neighbours", &own);
    if (at == NULL) s.at = own;
    if (status == EG_OK) status = run(&s, look, settle, o->threads, o->progress);
    if (own != NULL) egi_free(alloc, own, nearest * sizeof *at);
    egi_arena_destroy(&arena);
    return status;
}

/* ---- how many within a radius ---- */

struct counting {
    struct search search;
    const double *square; /* (EGI_RADII) */
    double *count;        /* (N, EGI_RADII) */
};

static double exact(const struct search *s, size_t i, size_t j, double *point)
{
    double square;
    for (size_t c = 0; c < s->d; c++) point[c] = (double)s->x[i * s->d + c];
    egi_listed_squares(s->x, s->d, &j, 1, point, &square);
    return square;
}

static void count_row(void *arg, size_t r, size_t worker)
{
    struct search *s = arg;
    const struct counting *c = arg; /* the search is its first member */
    const size_t i = s->begin + r, width = s->to - s->from;
    const float *p = s->product + r * COLUMNS, *half = s->half + s->from;
    const double e = error_of(s, i);
    for (size_t a = 0; a < EGI_RADII; a++) {
        const double middle = (double)s->half[i] - c->square[a] / 2;
        size_t inside = 0;
        for (size_t j = 0; j < width; j++) {
            const double v = (double)p[j] - (double)half[j];
            if (s->from + j == i || v < middle - e) continue;
            inside += v > middle + e
                      || exact(s, i, s->from + j, s->point + worker * (s->d + 1)) <= c->square[a];
        }
        c->count[i * EGI_RADII + a] += (double)inside;
    }
}

eg_status egi_count_within(const float *x, size_t n, size_t d, const double square[EGI_RADII],
                           int threads, const eg_progress *progress, const eg_allocator *alloc,
                           double *count)
{
    struct egi_arena arena;
    struct counting c = { .search = { .x = x, .n = n, .d = d, .k = 1, .kept = 1 },
                          .square = square,
                          .count = count };
    memset(count, 0, n * EGI_RADII * sizeof *count);
    EGI_TRY(make_room(&c.search, 1, threads, alloc, &arena));
    const eg_status s = run(&c.search, count_row, NULL, threads, progress);
    egi_arena_destroy(&arena);
    return s;
}
