/* Recall from connections: two scores, five activations, one loop.
 *
 *   sum-of-sum  s(j) = sum over active i of W_ij          (Willshaw 1969; Gripon and Berrou 2011)
 *   sum-of-max  s(j) = sum over clusters of max_i W_ij    (Gripon and Berrou 2012)
 *
 * Either is a tally of rows: those of the active units, or the OR of a cluster's. An activation
 * turns scores into the next state. Cliques with a unit in every cluster under sum-of-max and full
 * support take the short way of links_settle.c, which ends in the same state. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "binary/egi_binary.h"

enum { MOST_PERSIST = 1000 };

/* A worker's room, cut from one block. */
struct room {
    const uint64_t **rows;          /* (units of an address), then (clusters) */
    uint64_t *joined;               /* (clusters, out words) ORs of sum-of-max; a cluster's words */
    uint64_t *next, *cue;           /* (out words), (in words) */
    uint16_t *score;                /* (64 out words) */
    uint32_t *count, *seen, *voice; /* (clusters) each, of the larger side */
    uint32_t *histogram;            /* (65536) */
};

struct layout {
    size_t rows, joined, next, cue, score, count, histogram;
};

static struct layout layout_of(const eg_binary *m)
{
    const size_t clusters = m->in.clusters > m->out.clusters ? m->in.clusters : m->out.clusters;
    return (struct layout){ (m->in.total + m->in.clusters) * 8,
                            m->in.clusters * m->out.words * 8,
                            m->out.words * 8,
                            m->in.words * 8,
                            m->out.words * 128,
                            clusters * 12,
                            65536 * 4 };
}

static struct room room_in(const eg_binary *m, void *block)
{
    const struct layout l = layout_of(m);
    uint8_t *at = block;
    const size_t clusters = l.count / 12;
    struct room r = { .rows = (void *)at };
    r.joined = (void *)(at += l.rows);
    r.next = (void *)(at += l.joined);
    r.cue = (void *)(at += l.next);
    r.score = (void *)(at += l.cue);
    r.histogram = (void *)(at + l.score);
    r.count = r.histogram + l.histogram / 4;
    r.seen = r.count + clusters;
    r.voice = r.seen + clusters;
    return r;
}

/* Fits a size_t wherever the connections do: each part is at most 16 words a unit of either side,
 * but for the last, which is constant. */
eg_status egi_links_scratch(const eg_binary *m, const eg_binary_recall_options *o, size_t *bytes)
{
    const struct layout l = layout_of(m);
    (void)o;
    *bytes = l.rows + l.joined + l.next + l.cue + l.score + l.count + l.histogram;
    return EG_OK;
}

/* Cliques with a unit in every cluster, of which nothing is left out. */
static int is_full(const eg_binary *m)
{
    return m->own && m->options.kind == EG_BINARY_CLIQUE && m->options.order == 0;
}

static int apart(const eg_binary *m)
{
    return m->own && m->options.kind == EG_BINARY_CLIQUE;
}

/* What a combination needs. */
eg_status egi_links_accepts(const eg_binary *m, const eg_binary_recall_options *o)
{
    const size_t voices = o->score == EG_SCORE_MAX ? m->in.clusters : m->in.total;
    if (voices > EGI_MOST_VOICES && (m->own || o->score == EG_SCORE_MAX))
        return egi_fail(EG_ERR_LIMIT, "eg_binary_recall: %zu voices, scores hold %d", voices,
                        EGI_MOST_VOICES);
    if (o->activation == EG_ACTIVE_LOSERS && !m->own)
        return egi_fail(EG_ERR_UNSUPPORTED,
                        "eg_binary_recall: losers are kicked out of a state, and this content is "
                        "not the cue");
    if (o->activation == EG_ACTIVE_SUPPORT && o->score == EG_SCORE_SUM && is_full(m))
        return egi_fail(EG_ERR_UNSUPPORTED,
                        "eg_binary_recall: full support of cliques is of sum-of-max: no unit is "
                        "connected to several of a cluster");
    if (o->activation == EG_ACTIVE_GLOBAL && o->winners == 0 && m->options.order == 0
        && m->out.clusters == 1)
        return egi_fail(EG_ERR_INVALID, "eg_binary_recall: winners 0, expected how many units");
    if (o->persist > MOST_PERSIST)
        return egi_fail(EG_ERR_INVALID, "eg_binary_recall: persist %zu, expected up to %d",
                        o->persist, MOST_PERSIST);
    if (o->activation == EG_ACTIVE_THRESHOLD && o->threshold == 0)
        return egi_fail(EG_ERR_INVALID, "eg_binary_recall: threshold 0, expected >= 1");
    return EG_OK;
}

/* Rows that speak for state x, into r->rows; r->voice: voices of each cluster. */
static size_t gather(const eg_binary *m, const uint64_t *x, eg_binary_score score, struct room *r)
{
    size_t k = 0, begun = 0;
    for (size_t c = 0; c < m->in.clusters; c++) {
        const size_t first = c * m->in.group;
        for (size_t w = 0; w < m->in.group; w++)
            for (uint64_t on = x[first + w]; on != 0; on &= on - 1)
                r->rows[k++] = egi_links_row(&m->links, c * m->in.units + 64 * w
                                                            + (size_t)__builtin_ctzll(on));
        r->voice[c] = (uint32_t)(k - begun);
        if (score == EG_SCORE_MAX && k > begun) {
            uint64_t *any = r->joined + c * m->out.words;
            m->kernel.join(r->rows + begun, k - begun, m->out.words, any);
            r->rows[begun] = any;
            k = begun + 1;
            r->voice[c] = 1;
        }
        begun = k;
    }
    return k;
}

static void set(uint64_t *state, size_t bit)
{
    state[bit / 64] |= UINT64_C(1) << bit % 64;
}

static int is_on(const uint64_t *state, size_t bit)
{
    return (int)(state[bit / 64] >> bit % 64 & 1);
}

/* A step: what activations read. Bits of cluster c are c width .. c width + units - 1. */
struct step {
    const eg_binary *m;
    const eg_binary_recall_options *o;
    const uint64_t *x; /* the state that spoke; of the same side only where own */
    struct room *r;
    size_t voices, width, winners;
    int first;
};

static void support(const struct step *s)
{
    const struct egi_side *side = &s->m->out;
    for (size_t c = 0; c < side->clusters; c++) {
        const size_t need = is_full(s->m) ? side->clusters - 1
                            : apart(s->m) ? s->voices - s->r->voice[c]
                                          : s->voices;
        for (size_t u = c * s->width; need > 0 && u < c * s->width + side->units; u++)
            if (s->r->score[u] >= need && (!is_full(s->m) || is_on(s->x, u))) set(s->r->next, u);
    }
}

static void winners(const struct step *s)
{
    const struct egi_side *side = &s->m->out;
    for (size_t c = 0; c < side->clusters; c++) {
        const uint16_t *score = s->r->score + c * s->width;
        uint16_t best = 0;
        for (size_t u = 0; u < side->units; u++) best = score[u] > best ? score[u] : best;
        for (size_t u = 0; best > 0 && u < side->units; u++)
            if (score[u] == best) set(s->r->next, c * s->width + u);
    }
}

static void at_least(const struct step *s, size_t threshold)
{
    const struct egi_side *side = &s->m->out;
    for (size_t c = 0; c < side->clusters; c++)
        for (size_t u = c * s->width; u < c * s->width + side->units; u++)
            if (s->r->score[u] >= threshold) set(s->r->next, u);
}

static void by_threshold(const struct step *s)
{
    at_least(s, s->o->threshold);
}

/* The score of the k-th best unit of the network, at least 1. */
static void global(const struct step *s)
{
    const struct egi_side *side = &s->m->out;
    uint32_t *histogram = s->r->histogram;
    size_t top = 0, above = 0;
    memset(histogram, 0, 65536 * sizeof *histogram);
    for (size_t c = 0; c < side->clusters; c++)
        for (size_t u = c * s->width; u < c * s->width + side->units; u++) {
            histogram[s->r->score[u]]++;
            if (s->r->score[u] > top) top = s->r->score[u];
        }
    for (; top > 1 && (above += histogram[top]) < s->winners; top--) continue;
    if (top > 0) at_least(s, top);
}

/* Of the active units between two bits the worst go, unless all are equal. */
static void kick_out(const struct step *s, size_t first, size_t last)
{
    uint16_t low = UINT16_MAX, high = 0;
    const uint16_t *score = s->r->score;
    for (size_t u = first; u < last; u++) {
        if (!is_on(s->x, u)) continue;
        low = score[u] < low ? score[u] : low;
        high = score[u] > high ? score[u] : high;
    }
    for (size_t u = first; u < last; u++)
        if (is_on(s->x, u) && (low == high || score[u] > low)) set(s->r->next, u);
}

static void losers(const struct step *s)
{
    const struct egi_side *side = &s->m->out;
    uint32_t active;
    if (is_full(s->m)) {
        for (size_t c = 0; c < side->clusters; c++)
            kick_out(s, c * s->width, c * s->width + side->units);
        return;
    }
    s->m->kernel.ones(s->x, 1, side->words, &active);
    if (s->first)
        global(s);
    else if (active > s->winners)
        kick_out(s, 0, side->clusters * s->width);
    else
        memcpy(s->r->next, s->x, side->words * sizeof *s->x);
}

static void (*const activate[EG_ACTIVE_COUNT])(const struct step *) = {
    [EG_ACTIVE_SUPPORT] = support,        [EG_ACTIVE_WINNERS] = winners,
    [EG_ACTIVE_LOSERS] = losers,          [EG_ACTIVE_GLOBAL] = global,
    [EG_ACTIVE_THRESHOLD] = by_threshold,
};

/* From x to r->next. */
static size_t take_step(const eg_binary *m, const eg_binary_recall_options *o, const uint64_t *x,
                        struct room *r, int first)
{
    struct step s = { m, o, x, r, gather(m, x, o->score, r), 64 * m->out.group, o->winners, first };
    if (s.winners == 0) s.winners = m->options.order > 0 ? m->options.order : m->out.clusters;
    memset(r->score, 0, 64 * m->out.words * sizeof *r->score);
    memset(r->next, 0, m->out.words * sizeof *r->next);
    m->kernel.tally(r->rows, s.voices, m->out.words, r->score);
    if (m->own && o->activation != EG_ACTIVE_SUPPORT)
        for (size_t u = egi_next_bit(x, m->in.words, 0); u != SIZE_MAX;
             u = egi_next_bit(x, m->in.words, u + 1))
            r->score[u] = (uint16_t)(r->score[u] + o->persist);
    activate[o->activation](&s);
    return s.voices;
}

/* An erased cluster of a full clique may be any symbol. */
static void fill_erased(const eg_binary *m, uint64_t *x, struct room *r)
{
    m->kernel.ones(x, m->in.clusters, m->in.group, r->count);
    for (size_t c = 0; c < m->in.clusters; c++) {
        uint64_t *group = x + c * m->in.group;
        if (r->count[c] > 0) continue;
        r->count[c] = (uint32_t)m->in.units;
        memset(group, 0xff, m->in.group * sizeof *x);
        if (m->in.units % 64 != 0) group[m->in.group - 1] = (UINT64_C(1) << m->in.units % 64) - 1;
    }
}

static void iterate(const eg_binary *m, const struct egi_query *q, struct room *r)
{
    const size_t bytes = m->out.words * sizeof *q->state;
    eg_binary_certificate *c = q->certificate;
    const uint64_t *x = r->cue;
    for (c->steps = 0; c->steps < q->options->max_steps;) {
        c->voices = take_step(m, q->options, x, r, c->steps == 0);
        c->converged = m->own && memcmp(r->next, x, bytes) == 0;
        memcpy(q->state, r->next, bytes);
        if (c->converged) break;
        c->steps++;
        if (!m->own) {
            c->converged = 1;
            break;
        }
        memcpy(r->cue, r->next, bytes);
    }
}

static int is_whole(const eg_binary *m, const uint64_t *cue, const uint64_t *state, uint64_t *made)
{
    const int whole = egi_links_hold(m, m->own ? state : cue, state, apart(m), made);
    if (m->own) *made /= apart(m) ? 2 : 1;
    return whole && *made > 0;
}

static void certify(const eg_binary *m, const struct egi_query *q, struct room *r)
{
    eg_binary_certificate *c = q->certificate;
    uint64_t made;
    m->kernel.ones(q->state, m->out.clusters, m->out.group, r->count);
    c->active = c->ambiguous = c->empty = 0;
    for (size_t i = 0; i < m->out.clusters; i++) {
        c->active += r->count[i];
        c->ambiguous += m->out.clusters > 1 && r->count[i] > 1;
        c->empty += r->count[i] == 0;
    }
    c->whole = is_whole(m, q->cue, q->state, &made) && c->ambiguous == 0;
    c->false_accept = pow(egi_links_fill(m), (double)made);
    const int energy = m->own && m->kind->energy != NULL;
    c->energy_before = energy ? m->kind->energy(m, q->cue, q->cue) : (double)NAN;
    c->energy_after = energy ? m->kind->energy(m, q->state, q->state) : (double)NAN;
}

void egi_links_recall(const eg_binary *m, const struct egi_query *q)
{
    const eg_binary_recall_options *o = q->options;
    struct room r = room_in(m, q->scratch);
    eg_binary_certificate *c = q->certificate;
    const int falls =
        is_full(m) && (o->activation == EG_ACTIVE_SUPPORT || o->activation == EG_ACTIVE_LOSERS);
    memcpy(r.cue, q->cue, m->in.words * sizeof *r.cue);
    if (falls) fill_erased(m, r.cue, &r);
    if (falls && o->activation == EG_ACTIVE_SUPPORT && o->score == EG_SCORE_MAX) {
        memcpy(q->state, r.cue, m->in.words * sizeof *q->state);
        const struct egi_settling settling = { r.rows,   r.rows + m->in.total,
                                               r.joined, r.count,
                                               r.seen,   r.voice };
        c->steps = egi_links_settle(m, q->state, &settling, o->max_steps, &c->converged);
        c->voices = m->in.clusters;
    } else {
        iterate(m, q, &r);
    }
    c->monotone = falls;
    if (q->certify) certify(m, q, &r);
}
