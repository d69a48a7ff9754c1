/* Quantisers of parts of a vector: D components in P consecutive parts, the first D mod P one
 * longer; the symbol of a part is its nearest anchor (Jegou, Douze and Schmid 2011, eq. 5).
 *
 *   anchors  random vectors of the data, cut into parts (product random sampling of Hacene,
 *            Gripon, Farrugia, Arzel and Jezequel 2017): no fit to speak of
 *   pq       then moved by Lloyd's algorithm; an anchor that nothing is nearest to stays
 *
 * Before any data an anchor is a random direction: normal, deviation 1 / sqrt(D). */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "engram/random.h"
#include "hybrid/egi_quantiser.h"
#include "kernel/egi_kernel_near.h"

enum { STREAM_ANCHORS = 0x50415254, STREAM_DRAWN = 0x50524f44 }; /* "PART", "PROD" */

struct settings {
    size_t parts, anchors, rounds;
};

#define SHARED                                                                                   \
    EGI_SET_COUNT(struct settings, parts, "64", 1, 65536, "P: parts that a vector is cut into"), \
        EGI_SET_COUNT(struct settings, anchors, "64", 2, 65536, "K: symbols of a part")

static const struct egi_setting anchor_settings[] = { SHARED, EGI_SET_END };
static const struct egi_setting pq_settings[] = {
    SHARED,
    EGI_SET_COUNT(struct settings, rounds, "8", 0, 1000, "of Lloyd's algorithm, at most"),
    EGI_SET_END,
};

static eg_status plan(eg_quantiser *q)
{
    const struct settings *o = (const struct settings *)&q->settings;
    if (o->parts > q->d)
        return egi_fail(EG_ERR_SHAPE, "quantiser: %zu parts of %zu components", o->parts, q->d);
    q->parts = o->parts;
    q->symbols = o->anchors;
    q->part = (q->d + q->parts - 1) / q->parts;
    return egi_mul_size(q->d, q->symbols, &q->size);
}

/* Components of part p: where they begin, and how many there are. */
static size_t start_of(const eg_quantiser *q, size_t p)
{
    const size_t longer = q->d % q->parts;
    return p * (q->d / q->parts) + (p < longer ? p : longer);
}

static size_t length_of(const eg_quantiser *q, size_t p)
{
    return start_of(q, p + 1) - start_of(q, p);
}

/* (length, K) of part p: a component of all its anchors lies together. */
static float *anchors_of(const eg_quantiser *q, float *table, size_t p)
{
    return table + start_of(q, p) * q->symbols;
}

static void begin(eg_quantiser *q)
{
    eg_random_normal(q->seed, STREAM_ANCHORS, 0, q->size, q->table);
    for (size_t i = 0; i < q->size; i++) q->table[i] /= sqrtf((float)q->d);
}

enum { TOGETHER = EGI_NEAR_ANCHORS }; /* anchors whose distances are summed side by side */

/* Fewer of them, each summed as the kernel does. */
static void few(const float *anchor, size_t k, size_t n, const float *x, size_t d, float *far)
{
    for (size_t i = 0; i < n; i++) far[i] = 0;
    for (size_t j = 0; j < d; j++)
        for (size_t i = 0; i < n; i++)
            far[i] += (anchor[j * k + i] - x[j]) * (anchor[j * k + i] - x[j]);
}

static size_t nearest(const float *anchor, size_t k, const float *x, size_t d)
{
    size_t best = 0;
    float least = INFINITY;
    const struct egi_kernels_near *kernel = egi_kernels_near(egi_isa_level());
    for (size_t from = 0; from < k; from += TOGETHER) {
        const size_t n = k - from < TOGETHER ? k - from : TOGETHER;
        float far[TOGETHER];
        if (n == TOGETHER)
            kernel->anchors(anchor + from, k, x, d, far);
        else
            few(anchor + from, k, n, x, d, far);
        for (size_t i = 0; i < n; i++)
            if (far[i] < least) {
                least = far[i];
                best = from + i;
            }
    }
    return best;
}

static void encode(const eg_quantiser *q, const float *x, uint16_t *code)
{
    for (size_t p = 0; p < q->parts; p++)
        code[p] = (uint16_t)nearest(anchors_of(q, q->table, p), q->symbols, x + start_of(q, p),
                                    length_of(q, p));
}

static void decode(const eg_quantiser *q, const uint16_t *code, float *x)
{
    for (size_t p = 0; p < q->parts; p++)
        for (size_t j = 0; j < length_of(q, p); j++)
            x[start_of(q, p) + j] = anchors_of(q, q->table, p)[j * q->symbols + code[p]];
}

/* The same K vectors for every part. */
static void draw(const eg_quantiser *q, const float *x, size_t n, const size_t *order, float *table)
{
    for (size_t k = 0; k < q->symbols && k < n; k++)
        for (size_t p = 0; p < q->parts; p++)
            for (size_t j = 0; j < length_of(q, p); j++)
                anchors_of(q, table, p)[j * q->symbols + k] =
                    x[order[k] * q->d + start_of(q, p) + j];
}

struct moving {
    const float *x; /* (N, D) */
    size_t n;
    double *sum;     /* (K, part) */
    uint32_t *count; /* (K) */
};

/* One round of Lloyd's algorithm on part p. */
static void move(const eg_quantiser *q, const struct moving *m, size_t p, float *table)
{
    const size_t d = length_of(q, p), from = start_of(q, p), k = q->symbols;
    float *anchor = anchors_of(q, table, p);
    memset(m->sum, 0, k * d * sizeof *m->sum);
    memset(m->count, 0, k * sizeof *m->count);
    for (size_t i = 0; i < m->n; i++) {
        const float *x = m->x + i * q->d + from;
        const size_t own = nearest(anchor, k, x, d);
        m->count[own]++;
        for (size_t j = 0; j < d; j++) m->sum[own * d + j] += (double)x[j];
    }
    for (size_t a = 0; a < k; a++)
        for (size_t j = 0; j < d && m->count[a] > 0; j++)
            anchor[j * k + a] = (float)(m->sum[a * d + j] / m->count[a]);
}

static eg_status fit_rounds(eg_quantiser *q, const float *x, size_t n, size_t rounds)
{
    struct egi_arena a;
    size_t sums;
    EGI_TRY(egi_mul_size(q->symbols, q->part, &sums));
    const struct egi_need needs[] = { { n, sizeof(size_t) },
                                      { sums, sizeof(double) },
                                      { q->symbols, sizeof(uint32_t) } };
    EGI_TRY(egi_arena_create(q->alloc, needs, EGI_COUNT(needs), "quantiser: fit", &a));
    const struct moving m = { x, n, a.part[1], a.part[2] };
    eg_random_permutation(q->seed, STREAM_DRAWN, n, a.part[0]);
    draw(q, x, n, a.part[0], q->table);
    for (size_t r = 0; r < rounds; r++)
        for (size_t p = 0; p < q->parts; p++) move(q, &m, p, q->table);
    egi_arena_destroy(&a);
    return EG_OK;
}

static eg_status fit_anchors(eg_quantiser *q, const float *x, size_t n)
{
    return fit_rounds(q, x, n, 0);
}

static eg_status fit_pq(eg_quantiser *q, const float *x, size_t n)
{
    return fit_rounds(q, x, n, ((const struct settings *)&q->settings)->rounds);
}

const struct egi_quantiser_row egi_quantiser_pq = {
    { "pq", "nearest of k-means anchors in each part", "Jegou, Douze and Schmid 2011, eq. 5" },
    pq_settings,
    plan,
    begin,
    fit_pq,
    encode,
    decode
};

const struct egi_quantiser_row egi_quantiser_anchors = {
    { "anchors", "nearest of random examples in each part", "Hacene, Gripon et al. 2017" },
    anchor_settings,
    plan,
    begin,
    fit_anchors,
    encode,
    decode
};
