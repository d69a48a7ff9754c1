/* The fused association.
 *
 * Queries are cut into blocks of up to 64, memories into segments, segments into chunks of 16
 * tiles of 96 rows. A tile goes through five steps: scores (product 1); the largest of each
 * query, and where it rises the old sums shrink to the new scale; which queries this tile can
 * still matter to; weights; weighted sum (product 2). Nothing is packed but the queries of a
 * block, and a tile of scores never leaves the second cache.
 *
 * Same bits for any batch and any threads. Cuts of the memories depend on N alone. What
 * happens to a query within a tile depends on its own scores alone (kernel/egi_kernel_assoc.h),
 * and segments are combined in their order, whoever computed them.
 *
 * Left out. A weight is made exactly 0 where 2^y < 2^-cut relative to the largest weight so far
 * (y <= 0 the binary logarithm), cut = 25 + log2(sum of w / least w). The largest so far is at
 * most the largest of all, so all weights left out together are below
 *     sum w 2^-cut = 2^-25 least w <= 2^-25 (sum of weights),
 * for the largest score carries weight 1 times its own w. The result moves by less than 2^-25
 * of the largest value: less than half an ulp of it. Adding 0 times a value changes no bit
 * (a sum of -0 alone is made +0 when a chunk is added to its total, which begins at +0), so
 * memories of weight 0 may be skipped or not: a tile none of whose scores reach the threshold
 * costs product 1 only; one with few that do goes through a list of them; another through the
 * dense product. That choice may look at the whole block, for it cannot be seen in the result.
 *
 * Numerical hazards. Running sums of f32 are kept short: a chunk has 1536 memories, chunk and
 * segment totals are added in turn; sums of weights are added in f64 a tile. A factor that
 * shrinks sums is rounded to f32 first, the same for sum, mass and output, so that their ratio
 * stays. s/m of POWER is two products by normal numbers: m may be as large or small as f32. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "assoc/egi_associate_plan.h"

#include <float.h>
#include <math.h>
#include <string.h>

enum {
    CHUNK_TILES = 16,
    PATIENCE_MAX = 31,      /* tiles between two trials of the list where it never fits */
    SCORE_ROWS = 64 * ROWS, /* unit of egi_scores() */
};

/* ---- transforms ---- */

static double shrink_exp(const struct egi_transform *t, double from, double to)
{
    return exp((double)t->beta * (from - to));
}

static double shrink_power(const struct egi_transform *t, double from, double to)
{
    return pow(from / to, (double)t->order - 1.0);
}

static const struct transform_row transforms[EGI_TRANSFORM_COUNT] = {
    [EGI_TRANSFORM_EXP] = { EGI_WEIGH_EXP, 1, 0, 0, -INFINITY, shrink_exp },
    [EGI_TRANSFORM_POWER] = { EGI_WEIGH_POWER, 1, 1, 1, 0.0f, shrink_power },
    [EGI_TRANSFORM_RECTIFIED] = { EGI_WEIGH_RECTIFIED, 1, 0, 1, 0.0f, shrink_power },
    [EGI_TRANSFORM_SUPPORT] = { EGI_WEIGH_SUPPORT, 0, 0, 0, 0.0f, NULL },
};

/* log2(sum w / least w) */
static double spread_of(const float *weight, size_t n)
{
    if (weight == NULL) return log2((double)n);
    double sum = 0.0, least = (double)weight[0];
    for (size_t i = 0; i < n; i++) {
        sum += (double)weight[i];
        least = fmin(least, (double)weight[i]);
    }
    return least > 0.0 ? log2(sum / least) : INFINITY;
}

static struct egi_weighing weighing_of(const struct egi_transform *t, size_t n)
{
    struct egi_weighing w = { .rate = t->beta, .weight = t->weight };
    const double power = (double)t->order - 1.0;
    switch (t->kind) {
    case EGI_TRANSFORM_EXP:
        w.rate = (float)fmin((double)t->beta * 1.4426950408889634, (double)FLT_MAX);
        w.floor = (float)-fmin(25.0 + spread_of(t->weight, n), 120.0);
        break;
    case EGI_TRANSFORM_POWER:
    case EGI_TRANSFORM_RECTIFIED:
        w.floor = (float)exp2(-120.0 / power);
        w.exponent = (float)power;
        w.power = power == floor(power) && power < 4e9 ? (uint32_t)power : 0;
        break;
    default:
        break;
    }
    return w;
}

/* Tiles whose largest score (or magnitude) is below this have weights that are exactly 0. */
static float threshold_of(const struct egi_weighing *w, const struct transform_row *row, float m)
{
    if (row->kind == EGI_WEIGH_EXP) { /* wider by more than (s - m) rate is rounded */
        const double reach = (double)w->floor / (double)w->rate * (1.0 + 0x1p-20);
        const double t = (double)m + reach - (fabs((double)m) + fabs(reach)) * 0x1p-22;
        return (float)fmax(t, -(double)FLT_MAX);
    }
    if (row->kind == EGI_WEIGH_SUPPORT)
        return (float)fmax(-1.0 / (double)w->rate * (1.0 + 0x1p-20), -(double)FLT_MAX);
    return FLT_TRUE_MIN;
}

/* Queries first .. first + n - 1. */
struct block {
    size_t first, n, lanes;
    uint64_t active;
};

static struct block block_of(const struct plan *p, size_t b)
{
    const size_t first = least_of(b * p->lanes, p->q), n = least_of(p->q - first, p->lanes);
    return (struct block){ first, n, round_up(n, EGI_LANE_STEP),
                           n == LANES ? UINT64_MAX : ((uint64_t)1 << n) - 1 };
}

static int is_few(const struct block *b)
{
    return b->n <= EGI_FEW_QUERIES;
}

static void set_scale(const struct plan *p, struct worker *w, size_t l, float m)
{
    w->own.m[l] = w->scale.m[l] = m;
    w->threshold[l] = threshold_of(&p->weighing, p->row, m);
    if (!p->row->homogeneous) return;
    int e;
    const double f = frexp((double)m, &e); /* m = f 2^e */
    w->scale.up[l] = ldexpf(1.0f, -(e / 2));
    w->scale.down[l] = m > 0.0f ? (float)(ldexp(1.0, -(e - e / 2)) / f) : 0.0f;
}

static void begin_segment(const struct plan *p, struct worker *w, const struct block *b)
{
    struct partial *own = &w->own;
    memset(own->sum, 0, sizeof own->sum);
    memset(own->mass, 0, sizeof own->mass);
    memset(own->best, 0, sizeof own->best);
    for (size_t l = 0; l < LANES; l++) {
        set_scale(p, w, l, p->row->least);
        own->best_score[l] = -INFINITY;
        if (l < b->n) continue;
        w->threshold[l] = INFINITY;
        w->scale.m[l] = 0.0f;
    }
    memset(own->total, 0, b->lanes * p->ld * sizeof(float));
    memset(w->acc, 0, b->lanes * p->ld * sizeof(float));
}

static void begin_block(const struct plan *p, struct worker *w, const struct block *b)
{
    const size_t d = p->keys->d;
    const float *x = p->x + b->first * d;
    for (size_t k = 0; k < d && !is_few(b); k++)
        for (size_t l = 0; l < b->lanes; l++) w->xt[k * LANES + l] = l < b->n ? x[l * d + k] : 0;
    for (size_t l = 0; l < b->lanes && p->query_bias != NULL; l++)
        w->query_bias[l] = l < b->n ? p->query_bias[b->first + l] : 0;
}

/* ---- one tile ---- */

static void scale_floats(float *a, size_t n, float factor)
{
    for (size_t i = 0; i < n; i++) a[i] *= factor;
}

/* The scale of query l rises to m: what was summed shrinks. */
static void raise_scale(const struct plan *p, struct worker *w, size_t l, float m)
{
    struct partial *own = &w->own;
    const float from = own->m[l];
    set_scale(p, w, l, m);
    if (from == p->row->least) return; /* nothing was summed */
    const float factor = (float)p->row->shrink(p->transform, (double)from, (double)m);
    own->mass[l] *= (double)factor;
    own->sum[l] *= (double)factor * (p->row->homogeneous ? (double)from / (double)m : 1.0);
    scale_floats(own->total + l * p->ld, p->ld, factor);
    scale_floats(w->acc + l * p->ld, p->ld, factor);
}

static void tile_scores(const struct plan *p, struct worker *w, const struct block *b, size_t row,
                        size_t rows)
{
    const struct egi_keys *keys = p->keys;
    const struct egi_score_terms terms = {
        .bias = keys->bias ? keys->bias + row : NULL,
        .scale = keys->scale ? keys->scale + row : NULL,
        .query_bias = p->query_bias ? w->query_bias : NULL,
    };
    const float *xi = keys->xi + row * keys->d;
    if (is_few(b))
        p->k->scores_few(xi, rows, keys->d, p->x + b->first * keys->d, b->n, &terms, ROWS, w->s);
    else
        p->k->scores(xi, rows, keys->d, w->xt, b->lanes, &terms, w->s);
}

static uint64_t maxima(const struct plan *p, struct worker *w, const struct block *b, size_t rows,
                       int magnitude, const float *floor, float *max)
{
    const uint64_t up = is_few(b) ? p->k->maxima_few(w->s, rows, b->n, magnitude, floor, max)
                                  : p->k->maxima(w->s, rows, b->lanes, magnitude, floor, max);
    return up & b->active;
}

/* The first row that holds the largest score of query l. */
static size_t place_of(const struct worker *w, const struct block *b, size_t l, size_t rows)
{
    const size_t step = is_few(b) ? 1 : LANES;
    const float *s = w->s + l * (is_few(b) ? ROWS : 1);
    size_t t = 0;
    while (t + 1 < rows && s[t * step] != w->max[l]) t++;
    return t;
}

/* Follows the largest score of each query and its place; returns the queries to which this
 * tile still matters. */
static uint64_t tile_scales(const struct plan *p, struct worker *w, const struct block *b,
                            size_t row, size_t rows)
{
    struct partial *own = &w->own;
    uint64_t up = maxima(p, w, b, rows, 0, own->best_score, w->max);
    for (uint64_t left = up; left != 0; left &= left - 1) {
        const size_t l = (size_t)__builtin_ctzll(left);
        own->best_score[l] = w->max[l];
        own->best[l] = row + place_of(w, b, l, rows);
    }
    const float *max = w->max;
    if (p->row->magnitude || p->row->kind == EGI_WEIGH_RECTIFIED) {
        max = w->magnitude;
        up = maxima(p, w, b, rows, p->row->magnitude, own->m, w->magnitude);
    }
    if (!p->row->scaled) up = 0;
    for (uint64_t left = up; left != 0; left &= left - 1) {
        const size_t l = (size_t)__builtin_ctzll(left);
        raise_scale(p, w, l, max[l] + 0.0f); /* no -0 */
    }
    return p->k->at_least(max, w->threshold, b->lanes) & b->active;
}

/* Lists what carries weight where that is little; EGI_PICKS_FULL where it is not, and for a
 * while after. */
static size_t tile_picks(const struct plan *p, struct worker *w, const struct block *b,
                         const struct egi_weighing *weighing, uint64_t live, size_t rows)
{
    if (p->row->kind != EGI_WEIGH_EXP || is_few(b) || w->wait-- != 0) return EGI_PICKS_FULL;
    const size_t n = p->k->pick_exp(weighing, &w->scale, w->threshold, live, rows, rows * b->n / 8,
                                    w->s, &w->picks);
    w->patience = n != EGI_PICKS_FULL ? 0 : least_of(2 * w->patience + 1, PATIENCE_MAX);
    w->wait = w->patience;
    return n;
}

static void tile_sums(const struct plan *p, struct worker *w, const struct block *b, uint64_t live,
                      size_t row, size_t rows)
{
    struct egi_weighing weighing = p->weighing;
    if (weighing.weight != NULL) weighing.weight += row;
    const float *values = p->out != NULL ? p->values + row * p->dv : NULL;
    const float *mass = w->tile_mass;
    const size_t n = tile_picks(p, w, b, &weighing, live, rows);
    if (n != EGI_PICKS_FULL) {
        memset(w->tile_sum, 0, sizeof w->tile_sum);
        for (size_t i = 0; i < n; i++) w->tile_sum[(size_t)w->picks.at[i] % LANES] += w->picks.a[i];
        mass = w->tile_sum;
        if (p->out != NULL) p->k->picked_sum(&w->picks, n, values, p->dv, w->acc, p->ld);
    } else if (is_few(b)) {
        p->k->weigh_few[p->row->kind](&weighing, &w->scale, b->n, rows, w->s, w->tile_sum,
                                      w->tile_mass);
        if (p->out != NULL)
            p->k->weighted_sum_few(w->s, rows, b->n, live, values, p->dv, w->acc, p->ld);
    } else {
        p->k->weigh[p->row->kind](&weighing, &w->scale, live, rows, w->s, w->tile_sum,
                                  w->tile_mass);
        if (p->out != NULL)
            p->k->weighted_sum(w->s, rows, b->n, live, values, p->dv, w->acc, p->ld);
    }
    for (size_t l = 0; l < b->n; l++) {
        w->own.sum[l] += (double)w->tile_sum[l];
        w->own.mass[l] += (double)mass[l];
    }
}

/* ---- chunks, segments, units ---- */

static void end_chunk(const struct plan *p, struct worker *w, const struct block *b)
{
    const size_t n = p->out != NULL ? b->n * p->ld : 0;
    for (size_t i = 0; i < n; i++) w->own.total[i] += w->acc[i];
    memset(w->acc, 0, n * sizeof(float));
}

static void run_segment(const struct plan *p, struct worker *w, const struct block *b, size_t seg)
{
    begin_segment(p, w, b);
    const size_t end = least_of((seg + 1) * p->segment, p->keys->n);
    size_t tiles = 0;
    for (size_t row = seg * p->segment; row < end; row += ROWS) {
        const size_t rows = least_of(ROWS, end - row);
        tile_scores(p, w, b, row, rows);
        if (p->scores != NULL) memcpy(p->scores + row, w->s, rows * sizeof *w->s);
        const uint64_t live = tile_scales(p, w, b, row, rows);
        if (live != 0) tile_sums(p, w, b, live, row, rows);
        if (++tiles % CHUNK_TILES == 0) end_chunk(p, w, b);
    }
    end_chunk(p, w, b);
}

/* Adds a partial to the results of its queries; seg 0 begins them. */
static void fold(const struct plan *p, const struct partial *part, const struct block *b,
                 size_t seg)
{
    for (size_t l = 0; l < b->n; l++) {
        struct egi_assoc_stat *stat = &p->stat[b->first + l];
        float *out = p->out ? p->out + (b->first + l) * p->dv : NULL;
        if (seg == 0) {
            *stat = (struct egi_assoc_stat){ (double)p->row->least, 0.0, 0.0, 0, -INFINITY };
            for (size_t k = 0; out != NULL && k < p->dv; k++) out[k] = 0.0f;
        }
        if (part->best_score[l] > stat->best_score) {
            stat->best_score = part->best_score[l] + 0.0f; /* no -0 */
            stat->best = part->best[l];
        }
        const double m = fmax(stat->m, (double)part->m[l]);
        double old = 1.0, new = 1.0, old_sum = 1.0, new_sum = 1.0; /* factors */
        if (m > stat->m && stat->m > (double)p->row->least) {
            old = (double)(float)p->row->shrink(p->transform, stat->m, m);
            old_sum = p->row->homogeneous ? stat->m / m : 1.0;
        }
        if (m > (double)part->m[l] && part->m[l] > p->row->least) {
            new = (double)(float)p->row->shrink(p->transform, (double)part->m[l], m);
            new_sum = p->row->homogeneous ? (double)part->m[l] / m : 1.0;
        }
        stat->m = m;
        stat->sum = stat->sum * old * old_sum + part->sum[l] * new *new_sum;
        stat->mass = stat->mass * old + part->mass[l] * new;
        for (size_t k = 0; out != NULL && k < p->dv; k++)
            out[k] = out[k] * (float)old + part->total[l * p->ld + k] * (float)new;
    }
}

/* Units: first the blocks that are one each, then block by segment of the others. */
static void run_unit(void *arg, size_t unit, size_t worker)
{
    const struct plan *p = arg;
    struct worker *w = p->worker[worker];
    const int alone = unit < p->whole;
    const size_t rest = alone ? 0 : unit - p->whole;
    const struct block b = block_of(p, alone ? unit : p->whole + rest / p->segments);
    begin_block(p, w, &b);
    if (!alone) {
        struct partial *part = &p->split[rest];
        float *total = w->own.total;
        w->own.total = part->total;
        run_segment(p, w, &b, rest % p->segments);
        *part = w->own;
        w->own.total = total;
        return;
    }
    for (size_t seg = 0; seg < p->segments; seg++) {
        run_segment(p, w, &b, seg);
        fold(p, &w->own, &b, seg);
    }
}

static void fold_split(const struct plan *p)
{
    for (size_t i = 0; i < p->splits; i++) {
        const struct block b = block_of(p, p->whole + i / p->segments);
        fold(p, &p->split[i], &b, i % p->segments);
    }
}

/* ---- entry ---- */

eg_status egi_associate(const struct egi_association *a, int threads, const eg_allocator *alloc,
                        float *out, struct egi_assoc_stat *stat)
{
    if (a->q == 0) return EG_OK;
    struct plan p = {
        .k = egi_assoc_kernels(),
        .keys = a->keys,
        .transform = a->transform,
        .row = &transforms[a->transform->kind],
        .weighing = weighing_of(a->transform, a->keys->n),
        .values = a->values,
        .x = a->x,
        .query_bias = a->query_bias,
        .scores = a->scores,
        .dv = out != NULL ? a->dv : 0,
        .ld = out != NULL ? round_up(a->dv, EGI_LANE_STEP) : 0,
        .q = a->q,
        .out = out,
        .stat = stat,
    };
    EGI_TRY(egi_plan_begin(&p, threads, alloc));
    egi_parallel_workers(p.whole + p.splits, (int)p.workers, run_unit, &p);
    fold_split(&p);
    egi_plan_end(&p, alloc);
    return EG_OK;
}

/* ---- scores alone ---- */

struct score_job {
    const struct egi_assoc_kernels *k;
    const struct egi_keys *keys;
    const float *x;
    float query_bias;
    float *scores; /* (N) */
};

static void score_unit(void *arg, size_t unit)
{
    const struct score_job *job = arg;
    const struct egi_keys *keys = job->keys;
    const size_t row = unit * SCORE_ROWS, rows = least_of(keys->n - row, SCORE_ROWS);
    const struct egi_score_terms terms = {
        .bias = keys->bias ? keys->bias + row : NULL,
        .scale = keys->scale ? keys->scale + row : NULL,
        .query_bias = &job->query_bias,
    };
    job->k->scores_few(keys->xi + row * keys->d, rows, keys->d, job->x, 1, &terms, 1,
                       job->scores + row);
}

void egi_scores(const struct egi_keys *keys, const float *x, float query_bias, int threads,
                float *scores)
{
    struct score_job job = { egi_assoc_kernels(), keys, x, query_bias, scores };
    const double work = (double)keys->n * (double)keys->d;
    egi_parallel_for((keys->n + SCORE_ROWS - 1) / SCORE_ROWS, egi_crew(threads, work), score_unit,
                     &job);
}
