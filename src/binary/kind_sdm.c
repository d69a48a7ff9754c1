/* Sparse distributed memory (Kanerva 1988): `locations` random addresses of the space {0,1}^D,
 * fixed by the seed. A pair adds +1 or -1 for each bit of its content to the counters of every
 * location within Hamming distance `radius` of the address; a cue is answered by the signs of the
 * sums over the locations near it, a sum of 0 keeping the cue's bit where content and address are
 * one. The answer is the next cue until nothing changes: Kanerva's iterated reading.
 *
 * Distances are XOR and popcount over the packed locations: (D - overlap) / 2. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "binary/egi_binary.h"
#include "engram/random.h"

enum { STREAM_PLACES = 0x5d3 };

static eg_status check(const eg_binary_options *o)
{
    if (o->clusters != 1 || o->out_clusters > 1 || o->order != 0)
        return egi_fail(EG_ERR_INVALID, "eg_binary_options: sdm has 1 cluster and no order");
    if (o->locations == 0 || o->locations > (size_t)1 << 30 || o->radius > o->units)
        return egi_fail(EG_ERR_INVALID,
                        "eg_binary_options: sdm of %zu locations and radius %zu, expected 1..2^30 "
                        "and up to %zu",
                        o->locations, o->radius, o->units);
    return EG_OK;
}

static size_t places_bytes(const eg_binary *m)
{
    return m->options.locations * m->in.words * sizeof *m->places;
}

/* Word w of location i is draws (i W + w) 2, + 1 of the stream. */
static eg_status create(eg_binary *m)
{
    const size_t words = m->options.locations * m->in.words, past = m->in.units % 64;
    m->places = egi_alloc(m->alloc, places_bytes(m));
    if (m->places == NULL)
        return egi_fail(EG_ERR_NOMEM, "eg_binary_create: %zu bytes of locations", places_bytes(m));
    for (size_t i = 0; i < words; i++) {
        uint32_t draw[4];
        egi_philox(m->options.seed, STREAM_PLACES, 4 * i, draw);
        m->places[i] = (uint64_t)draw[1] << 32 | draw[0];
        if (past != 0 && (i + 1) % m->in.words == 0) m->places[i] &= (UINT64_C(1) << past) - 1;
    }
    return EG_OK;
}

static void destroy(eg_binary *m)
{
    egi_free(m->alloc, m->places, places_bytes(m));
}

static eg_status storable(const eg_binary *m, const char *who, size_t item, const uint64_t *a,
                          const uint64_t *b)
{
    (void)a, (void)b;
    if (m->n > INT32_MAX - item - 1)
        return egi_fail(EG_ERR_OVERFLOW, "%s: more than %d pairs", who, INT32_MAX);
    return EG_OK;
}

enum { BATCH = 64 }; /* locations looked at together */

/* The locations near a, one after the other, from *at on; SIZE_MAX past the last. */
struct near {
    int32_t overlap[BATCH];
    size_t first, filled, next;
};

static size_t next_near(const eg_binary *m, const uint64_t *a, struct near *n)
{
    const int32_t least = (int32_t)m->in.units - 2 * (int32_t)m->options.radius;
    for (;;) {
        for (; n->next < n->filled; n->next++)
            if (n->overlap[n->next] >= least) return n->first + n->next++;
        n->first += n->filled;
        n->next = 0;
        const size_t left = m->options.locations - n->first;
        n->filled = left < BATCH ? left : BATCH;
        if (n->filled == 0) return SIZE_MAX;
        m->packed.overlaps(m->places + n->first * m->in.words, n->filled, m->in.words, a,
                           (int32_t)(64 * m->in.words - m->in.units), n->overlap);
    }
}

static eg_status write(eg_binary *m, const uint64_t *a, const uint64_t *b, int sign)
{
    struct near near = { .first = 0 };
    for (size_t i; (i = next_near(m, a, &near)) != SIZE_MAX;) {
        int32_t *sum = m->sums.at + i * m->sums.columns;
        for (size_t c = 0; c < m->sums.columns; c++)
            sum[c] += b[c / 64] >> c % 64 & 1 ? sign : -sign;
    }
    return EG_OK;
}

static eg_binary_recall_options usual(const eg_binary *m)
{
    return (eg_binary_recall_options){ .size = sizeof(eg_binary_recall_options),
                                       .max_steps = m->own ? 20 : 1 };
}

static eg_status accepts(const eg_binary *m, const eg_binary_recall_options *o)
{
    (void)m, (void)o;
    return EG_OK;
}

/* Sums, then a cue and an answer. */
static eg_status scratch(const eg_binary *m, const eg_binary_recall_options *o, size_t *bytes)
{
    (void)o;
    *bytes = 8 * m->sums.columns + 8 * (m->in.words + m->out.words);
    return EG_OK;
}

static size_t read_at(const eg_binary *m, const uint64_t *cue, int64_t *sum, uint64_t *answer)
{
    struct near near = { .first = 0 };
    size_t voices = 0;
    memset(sum, 0, m->sums.columns * sizeof *sum);
    memset(answer, 0, m->out.words * sizeof *answer);
    for (size_t i; (i = next_near(m, cue, &near)) != SIZE_MAX; voices++) {
        const int32_t *row = m->sums.at + i * m->sums.columns;
        for (size_t c = 0; c < m->sums.columns; c++) sum[c] += row[c];
    }
    for (size_t c = 0; c < m->sums.columns; c++) {
        const int keeps = m->own && (cue[c / 64] >> c % 64 & 1);
        if (sum[c] > 0 || (sum[c] == 0 && keeps)) answer[c / 64] |= UINT64_C(1) << c % 64;
    }
    return voices;
}

/* Storing an answer leaves V in each of its D sums over V locations, V D in all, and what others
 * left there is noise about 0: whether more than half of V D is there. That an answer gives itself
 * back says little: where no sum is, a cue keeps its bits. */
static int held(const eg_binary *m, const int64_t *sum, const uint64_t *answer, size_t voices)
{
    double there = 0;
    for (size_t c = 0; c < m->sums.columns; c++)
        there += answer[c / 64] >> c % 64 & 1 ? (double)sum[c] : -(double)sum[c];
    return there > 0.5 * (double)voices * (double)m->sums.columns;
}

static void recall(const eg_binary *m, const struct egi_query *q)
{
    int64_t *sum = q->scratch;
    uint64_t *cue = (uint64_t *)(sum + m->sums.columns), *answer = cue + m->in.words;
    eg_binary_certificate *c = q->certificate;
    const size_t bytes = m->out.words * sizeof *answer;
    *c = (eg_binary_certificate){ .false_accept = (double)NAN,
                                  .energy_before = (double)NAN,
                                  .energy_after = (double)NAN };
    memcpy(cue, q->cue, m->in.words * sizeof *cue);
    while (c->steps < q->options->max_steps) {
        c->voices = read_at(m, cue, sum, answer);
        c->converged = !m->own || memcmp(cue, answer, bytes) == 0;
        if (m->own && c->converged) break;
        c->steps++;
        if (!m->own) break;
        memcpy(cue, answer, bytes);
    }
    memcpy(q->state, answer, bytes);
    c->active = egi_state_active(&m->out, answer);
    c->whole = c->converged && held(m, sum, answer, c->voices);
}

/* Signal and noise, `engram theory sdm`: at M = 0.1 locations a bit of what is read errs with
 * probability 0.013 where every location is near a thousandth of the patterns. */
static void measure(const eg_binary *m, eg_binary_health *h)
{
    const size_t cells = m->sums.rows * m->sums.columns, used = egi_sums_used(&m->sums);
    const double nan = (double)NAN, room = 0.1 * (double)m->options.locations - (double)m->n;
    *h = (eg_binary_health){ (double)cells,
                             (double)used,
                             (double)used / (double)cells,
                             nan,
                             (double)m->n * (double)m->out.units,
                             nan,
                             nan,
                             nan,
                             room > 0 ? room : 0 };
}

const struct egi_binary_kind egi_binary_sdm = {
    .info = { "sdm", "counters at the random locations near an address", "Kanerva 1988",
              "with most of what storing the answer leaves near it" },
    .keeping = &egi_keeping_sums,
    .check = check,
    .create = create,
    .destroy = destroy,
    .storable = storable,
    .write = write,
    .usual = usual,
    .accepts = accepts,
    .scratch = scratch,
    .recall = recall,
    .measure = measure,
    .off = -1,
};
