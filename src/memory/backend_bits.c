/* Patterns of +1 and -1 as bits. States are binary, so every similarity is a function of the
 * overlap o = <xi, x>, an exact integer: scores carry no rounding. Asynchronous sweeps take
 * separable energies, by the table of their differences (bits/egi_bits.h).
 *
 * Components of a cue that are 0 are unknown and count as 0. Bits have no 0: o is the mean of the
 * overlaps with all of them +1 and all of them -1. Before a sweep they take the signs of the pull.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "assoc/egi_assoc.h"
#include "bits/egi_bits.h"
#include "memory/egi_recall.h"
#include "memory/egi_relax.h"

static struct egi_bits *bits_of(const eg_memory *m)
{
    return m->store;
}

static eg_status bits_create(eg_memory *m)
{
    struct egi_bits *b = NULL;
    EGI_TRY(egi_bits_create(m->d, m->alloc, &b));
    m->store = b;
    return EG_OK;
}

static void bits_destroy(eg_memory *m)
{
    egi_bits_destroy(m->store);
}

static size_t bits_bytes(const eg_memory *m)
{
    return egi_bits_bytes(bits_of(m));
}

static eg_status bits_accepts(const eg_memory_options *options)
{
    const eg_projection p = options->rule.projection;
    if (p != EG_PROJ_SIGN)
        return egi_fail(EG_ERR_UNSUPPORTED,
                        "bits keep +-1 states: projection %s, expected sign (or dense storage)",
                        eg_projection_info(p)->name);
    return EG_OK;
}

static eg_status bits_reserve(eg_memory *m, size_t n)
{
    return egi_bits_reserve(bits_of(m), m->n + n);
}

static eg_status bits_append(eg_memory *m, const float *patterns, const float *weights, size_t n)
{
    (void)weights;
    return egi_bits_append(bits_of(m), patterns, n);
}

static void bits_keep(eg_memory *m, const uint8_t *keep)
{
    egi_bits_keep(bits_of(m), keep);
}

static void bits_replace(eg_memory *m, size_t i, const float *pattern)
{
    egi_bits_replace(bits_of(m), i, pattern);
}

static void bits_get(const eg_memory *m, size_t i, float *pattern)
{
    egi_bits_get(bits_of(m), i, pattern);
}

static double bits_max_norm(const eg_memory *m)
{
    return sqrt((double)m->d);
}

/* Similarity of a state with `known` components of +-1, the others 0, and a pattern of +-1. */
static double of_overlap(eg_similarity sim, double overlap, double known, double d)
{
    switch (sim) {
    case EG_SIM_COSINE:
        return known > 0 ? overlap / sqrt(known * d) : 0;
    case EG_SIM_EUCLIDEAN:
        return overlap - (known + d) / 2; /* |x - xi|^2 = known + D - 2 o */
    case EG_SIM_MANHATTAN:
        return overlap - d; /* |x - xi|_1 = D - o */
    default:
        return overlap;
    }
}

struct packed {
    uint64_t *x;      /* (W) */
    int32_t *overlap; /* (N) */
    void *block;
    size_t bytes;
};

static eg_status pack_state(const eg_memory *m, const float *x, int threads, struct packed *p)
{
    const size_t words = egi_bits_words(m->d) * sizeof(uint64_t);
    p->bytes = words + m->n * sizeof(int32_t);
    p->block = egi_alloc(m->alloc, p->bytes);
    if (p->block == NULL) return egi_fail(EG_ERR_NOMEM, "scores: %zu bytes", p->bytes);
    p->x = p->block;
    p->overlap = (int32_t *)(void *)((char *)p->block + words);
    egi_bits_pack(x, m->d, p->x);
    egi_bits_overlaps(bits_of(m), p->x, threads, p->overlap);
    return EG_OK;
}

static size_t count_unknown(const float *x, size_t d)
{
    size_t n = 0;
    for (size_t j = 0; j < d; j++) n += x[j] == 0;
    return n;
}

static eg_status bits_scores(const eg_memory *m, const float *x, int threads, double *s)
{
    struct packed p;
    const size_t d = m->d, unknown = count_unknown(x, d);
    EGI_TRY(pack_state(m, x, threads, &p)); /* what is unknown as +1 */
    for (size_t i = 0; i < m->n; i++) s[i] = (double)p.overlap[i];
    if (unknown > 0) {
        for (size_t j = 0; j < d; j++)
            if (x[j] == 0) p.x[j / 64] ^= (uint64_t)1 << (j % 64);
        egi_bits_overlaps(bits_of(m), p.x, threads, p.overlap);
        for (size_t i = 0; i < m->n; i++) s[i] = (s[i] + (double)p.overlap[i]) / 2;
    }
    for (size_t i = 0; i < m->n; i++)
        s[i] = of_overlap(m->options.rule.similarity, s[i], (double)(d - unknown), (double)d);
    egi_free(m->alloc, p.block, p.bytes);
    return EG_OK;
}

static double bits_score_error(const eg_memory *m, const float *x)
{
    (void)m;
    (void)x;
    return 0;
}

/* The kernels sum in f32: a relative error is harmless where signs are made of the sum, and below
 * the tolerance of a flow, which needs its size. */
static eg_status bits_weighted_sum(const eg_memory *m, const double *a, int signs, int threads,
                                   float *y)
{
    const struct egi_need needs[] = { { m->n, sizeof(float) },
                                      { egi_bits_signs_work(bits_of(m)), sizeof(double) } };
    struct egi_arena arena;
    EGI_TRY(egi_arena_create(m->alloc, needs, EGI_COUNT(needs), "association", &arena));
    float *w = arena.part[0];
    for (size_t i = 0; i < m->n; i++) w[i] = (float)a[i];
    if (signs)
        egi_bits_signs(bits_of(m), w, threads, arena.part[1], y);
    else
        egi_bits_weighted_sum(bits_of(m), w, threads, y);
    egi_arena_destroy(&arena);
    return EG_OK;
}

/* ---- asynchronous sweeps ---- */

/* Separable energies, and sums under a logarithm, which orders states as the sum does. */
static int is_separable(const eg_rule *r)
{
    return (egi_separation_flags(r) & (EGI_SEP_SEPARABLE | EGI_SEP_LOG_SUM)) != 0;
}

/* The rule with a beta at which F fits a double: a power of D or of 1 in place of beta s
 * changes energies by a factor. Low orders keep integers, which are exact. */
static eg_rule scaled_rule(const eg_rule *r, double d)
{
    eg_rule scaled = *r;
    const int transform = egi_separation_row(r->separation)->transform;
    if (transform == EGI_TRANSFORM_POWER || transform == EGI_TRANSFORM_RECTIFIED)
        scaled.beta = r->order < 8 ? 1 : 1 / d;
    return scaled;
}

/* difference[s + D] = F(s) - F(s - 2). Far above the largest overlap an exponential is held
 * at e^600 times what it was: the order of two states is kept, and the next sweep, with
 * another largest overlap, sees the exact values. */
static void fill_differences(const eg_memory *m, double largest, double *difference)
{
    const double d = (double)m->d;
    const eg_rule r = scaled_rule(&m->options.rule, d);
    const struct egi_separation *row = egi_separation_row(r.separation);
    const double unit = r.similarity == EG_SIM_COSINE ? 1 / d : 1;
    const double top = of_overlap(r.similarity, largest, d, d);
    for (size_t k = 0; k < 2 * m->d + 3; k++) {
        const double s = of_overlap(r.similarity, (double)k - d, d, d);
        if (row->transform == EGI_TRANSFORM_EXP) {
            const double z = r.beta * (s - top);
            difference[k] = exp(z < 600 ? z : 600) * -expm1(-2 * r.beta * unit);
        } else {
            difference[k] = row->f(&r, s) - row->f(&r, s - 2 * unit);
        }
    }
}

struct bits_relax {
    const eg_memory *m;
    const struct egi_relax *relax;
    struct packed p;
    double *scores;     /* (N) */
    double *weight;     /* (N) */
    double *difference; /* (2 D + 3) */
    double *work;       /* of the sweep */
    uint32_t *order;    /* (D) */
    size_t *wide_order; /* (D) */
    double last;
};

static void unpack_state(const uint64_t *words, size_t d, float *x)
{
    for (size_t j = 0; j < d; j++) x[j] = (words[j / 64] >> (j % 64) & 1) != 0 ? 1.0f : -1.0f;
}

static eg_status record(struct bits_relax *k, size_t t, float *x, struct egi_relaxed *result)
{
    const eg_memory *m = k->m;
    const eg_rule *r = &m->options.rule;
    for (size_t i = 0; i < m->n; i++)
        k->scores[i] =
            of_overlap(r->similarity, (double)k->p.overlap[i], (double)m->d, (double)m->d);
    double attraction;
    EGI_TRY(eg_separation_energy(r, k->scores, m->weighted ? k->weight : NULL, m->n, &attraction));
    const double energy = -attraction;
    if (t > 0 && energy > k->last + 1e-12 * fabs(k->last)) result->descended = 0;
    k->last = energy;
    if (k->relax->trace != NULL) k->relax->trace[t] = energy;
    if (k->relax->path == NULL && t > 0) return EG_OK;
    unpack_state(k->p.x, m->d, x);
    if (k->relax->path != NULL) memcpy(k->relax->path + t * m->d, x, m->d * sizeof *x);
    return EG_OK;
}

static size_t bits_sweep(struct bits_relax *k, size_t t)
{
    const eg_memory *m = k->m;
    const eg_recall_options *o = k->relax->options;
    int32_t largest = INT32_MIN;
    for (size_t i = 0; i < m->n; i++)
        if (k->p.overlap[i] > largest) largest = k->p.overlap[i];
    fill_differences(m, (double)largest, k->difference);
    if (o->order == EG_ORDER_RANDOM) {
        egi_sweep_order(o, m->d, t, k->wide_order);
        for (size_t j = 0; j < m->d; j++) k->order[j] = (uint32_t)k->wide_order[j];
    }
    const struct egi_bits_sweep sweep = {
        .difference = k->difference,
        .weight = m->weighted ? k->weight : NULL,
        .order = o->order == EG_ORDER_RANDOM ? k->order : NULL,
        .clamp = k->relax->clamp,
        .steepest = o->order == EG_ORDER_STEEPEST,
        .work = k->work,
    };
    return egi_bits_sweep(bits_of(m), &sweep, k->p.x, k->p.overlap, o->threads);
}

static eg_status bits_run(struct bits_relax *k, float *x, struct egi_relaxed *result)
{
    EGI_TRY(record(k, 0, x, result));
    for (size_t t = 0; t < k->relax->options->max_steps && !result->converged; t++) {
        if (bits_sweep(k, t) == 0) {
            result->converged = 1;
        } else {
            result->steps = t + 1;
            EGI_TRY(record(k, t + 1, x, result));
        }
    }
    unpack_state(k->p.x, k->m->d, x);
    return EG_OK;
}

/* What no table of differences expresses goes by the scores, over rows unpacked for it. */
static eg_status relax_unpacked(const eg_memory *m, const struct egi_relax *relax, float *x,
                                struct egi_relaxed *result)
{
    size_t cells;
    void *block;
    EGI_TRY(egi_mul_size(m->n, m->d, &cells));
    EGI_TRY(egi_alloc_array(m->alloc, cells, sizeof(float), "asynchronous recall: rows", &block));
    float *rows = block;
    for (size_t i = 0; i < m->n; i++) egi_bits_get(bits_of(m), i, rows + i * m->d);
    struct egi_relax over_rows = *relax;
    over_rows.rows = rows;
    const eg_status s = egi_relax_scores(m, &over_rows, x, result);
    egi_free(m->alloc, block, cells * sizeof(float));
    return s;
}

static eg_status bits_relax_state(const eg_memory *m, const struct egi_relax *relax, float *x,
                                  struct egi_relaxed *result)
{
    EGI_TRY(egi_take_signs(m, relax->clamp, x));
    if (!is_separable(&m->options.rule)) return relax_unpacked(m, relax, x, result);
    const struct egi_need needs[] = {
        { m->n, sizeof(double) },         { m->n, sizeof(double) },
        { 2 * m->d + 3, sizeof(double) }, { egi_bits_sweep_work(bits_of(m)), sizeof(double) },
        { m->d, sizeof(uint32_t) },       { m->d, sizeof(size_t) },
    };
    struct egi_arena arena;
    EGI_TRY(egi_arena_create(m->alloc, needs, EGI_COUNT(needs), "asynchronous recall", &arena));
    struct bits_relax k = { .m = m,
                            .relax = relax,
                            .scores = arena.part[0],
                            .weight = arena.part[1],
                            .difference = arena.part[2],
                            .work = arena.part[3],
                            .order = arena.part[4],
                            .wide_order = arena.part[5] };
    for (size_t i = 0; i < m->n; i++) k.weight[i] = (double)m->weight[i];
    *result = (struct egi_relaxed){ .descended = 1 };
    eg_status s = pack_state(m, x, 1, &k.p);
    if (s == EG_OK) {
        s = bits_run(&k, x, result);
        egi_free(m->alloc, k.p.block, k.p.bytes);
    }
    egi_arena_destroy(&arena);
    return s;
}

const struct egi_backend egi_backend_bits = {
    .name = "bits",
    .keeps_patterns = 1,
    .create = bits_create,
    .destroy = bits_destroy,
    .bytes = bits_bytes,
    .accepts = bits_accepts,
    .reserve = bits_reserve,
    .append = bits_append,
    .keep = bits_keep,
    .replace = bits_replace,
    .get = bits_get,
    .weighted_sum = bits_weighted_sum,
    .max_norm = bits_max_norm,
    .scores = bits_scores,
    .score_error = bits_score_error,
    .field = egi_strip_field,
    .relax = bits_relax_state,
};
