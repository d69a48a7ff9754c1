/* Bidirectional memory (Kosko 1988): W = sum x y^T over +-1, an off bit being -1.
 *
 * Recall alternates y <- sign(W^T x), x <- sign(W y), a field of 0 keeping what is there; the
 * energy -x^T W y never rises, because each half step maximises its term (Kosko 1988, theorem). It
 * ends when neither side changes. Whatever was added can be taken away exactly: W is a sum. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "binary/egi_binary.h"

static eg_status check(const eg_binary_options *o)
{
    if (o->clusters != 1 || o->out_clusters != 1 || o->order != 0)
        return egi_fail(EG_ERR_INVALID,
                        "eg_binary_options: bam has 1 cluster on each side and no order; one side "
                        "alone is the classical network of eg_memory");
    return EG_OK;
}

static eg_status storable(const eg_binary *m, const char *who, size_t item, const uint64_t *a,
                          const uint64_t *b)
{
    (void)a, (void)b;
    if (m->n > INT32_MAX - item - 1)
        return egi_fail(EG_ERR_OVERFLOW, "%s: more than %d pairs", who, INT32_MAX);
    return EG_OK;
}

static int sign_of(const uint64_t *x, size_t bit)
{
    return x[bit / 64] >> bit % 64 & 1 ? 1 : -1;
}

static eg_status write(eg_binary *m, const uint64_t *a, const uint64_t *b, int sign)
{
    for (size_t i = 0; i < m->sums.rows; i++) {
        int32_t *row = m->sums.at + i * m->sums.columns;
        const int x = sign * sign_of(a, i);
        for (size_t c = 0; c < m->sums.columns; c++) row[c] += x * sign_of(b, c);
    }
    return EG_OK;
}

static eg_binary_recall_options usual(const eg_binary *m)
{
    (void)m;
    return (eg_binary_recall_options){ .size = sizeof(eg_binary_recall_options), .max_steps = 100 };
}

static eg_status accepts(const eg_binary *m, const eg_binary_recall_options *o)
{
    (void)m, (void)o;
    return EG_OK;
}

/* Fields of the content, then both sides before and after. */
static eg_status scratch(const eg_binary *m, const eg_binary_recall_options *o, size_t *bytes)
{
    (void)o;
    *bytes = 8 * m->sums.columns + 8 * (m->in.words + 2 * m->out.words);
    return EG_OK;
}

/* A field of 0 keeps the bit. Returns whether a bit changed. */
static int decide(uint64_t *state, size_t bit, int64_t field)
{
    const uint64_t mask = UINT64_C(1) << bit % 64, before = state[bit / 64];
    if (field > 0) state[bit / 64] |= mask;
    if (field < 0) state[bit / 64] &= ~mask;
    return state[bit / 64] != before;
}

static int forward(const eg_binary *m, const uint64_t *x, int64_t *field, uint64_t *y)
{
    int changed = 0;
    memset(field, 0, m->sums.columns * sizeof *field);
    for (size_t i = 0; i < m->sums.rows; i++) {
        const int32_t *row = m->sums.at + i * m->sums.columns;
        const int s = sign_of(x, i);
        for (size_t c = 0; c < m->sums.columns; c++) field[c] += (int64_t)s * row[c];
    }
    for (size_t c = 0; c < m->sums.columns; c++) changed |= decide(y, c, field[c]);
    return changed;
}

static int backward(const eg_binary *m, const uint64_t *y, uint64_t *x)
{
    int changed = 0;
    for (size_t i = 0; i < m->sums.rows; i++) {
        const int32_t *row = m->sums.at + i * m->sums.columns;
        int64_t field = 0;
        for (size_t c = 0; c < m->sums.columns; c++) field += (int64_t)sign_of(y, c) * row[c];
        changed |= decide(x, i, field);
    }
    return changed;
}

static double energy(const eg_binary *m, const uint64_t *a, const uint64_t *b)
{
    int64_t sum = 0;
    for (size_t i = 0; i < m->sums.rows; i++) {
        const int32_t *row = m->sums.at + i * m->sums.columns;
        int64_t field = 0;
        for (size_t c = 0; c < m->sums.columns; c++) field += (int64_t)sign_of(b, c) * row[c];
        sum += sign_of(a, i) * field;
    }
    return -(double)sum;
}

/* A step is both sides. energy_before is that of the cue and the first answer. */
static void recall(const eg_binary *m, const struct egi_query *q)
{
    int64_t *field = q->scratch;
    uint64_t *x = (uint64_t *)(field + m->sums.columns), *y = x + m->in.words;
    eg_binary_certificate *c = q->certificate;
    *c = (eg_binary_certificate){ .monotone = 0,
                                  .voices = m->in.total,
                                  .false_accept = (double)NAN };
    memcpy(x, q->cue, m->in.words * sizeof *x);
    memset(y, 0, m->out.words * sizeof *y);
    (void)!forward(m, x, field, y);
    c->energy_before = q->certify ? energy(m, x, y) : 0;
    for (c->steps = 1; c->steps <= q->options->max_steps; c->steps++) {
        c->converged = !backward(m, y, x);
        if (c->converged) break;
        (void)!forward(m, x, field, y);
    }
    if (!c->converged) c->steps = q->options->max_steps;
    memcpy(q->state, y, m->out.words * sizeof *y);
    c->active = egi_state_active(&m->out, y);
    c->whole = c->converged;
    c->energy_after = q->certify ? energy(m, x, y) : 0;
}

/* Of n random pairs a bit of the content sees signal m and noise sqrt(m M): all are right for
 * M up to about m / (2 ln n), the smaller side deciding (McEliece et al. 1987, for one side). */
static void measure(const eg_binary *m, eg_binary_health *h)
{
    const size_t cells = m->sums.rows * m->sums.columns, used = egi_sums_used(&m->sums);
    const double a = (double)m->in.units, b = (double)m->out.units, nan = (double)NAN;
    const double most = fmin(a, b) / (2 * log(fmax(fmax(a, b), 2)));
    *h = (eg_binary_health){
        (double)cells, (double)used, (double)used / (double)cells, nan, (double)m->n * b, nan,
        nan,           nan,          fmax(most - (double)m->n, 0)
    };
}

const struct egi_binary_kind egi_binary_bam = {
    .info = { "bam", "pairs of +-1 states, recalled from either side to both", "Kosko 1988",
              "both sides giving each other, stored or not" },
    .keeping = &egi_keeping_sums,
    .check = check,
    .storable = storable,
    .write = write,
    .usual = usual,
    .accepts = accepts,
    .scratch = scratch,
    .recall = recall,
    .energy = energy,
    .measure = measure,
    .off = -1,
};
