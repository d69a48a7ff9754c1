/* What a layer does with its input, copied out of one watched pass (egi_heads.h). */
/* SPDX-License-Identifier: Apache-2.0 */
#include "engram/inspect.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "assoc/egi_assoc.h"
#include "nn/egi_heads.h"
#include "nn/egi_learner.h"

struct inspection {
    eg_inspection shown; /* first: the public struct is the head of this one */
    const eg_allocator *alloc;
    char *block;
    size_t bytes;
};

/* Arrays of an inspection, in the order in which they lie. */
static size_t lay_out(eg_inspection *i, char *block)
{
    const size_t lines = i->batch * i->heads * i->queries, keys = i->batch * i->heads * i->keys;
    const struct {
        void *to;
        size_t bytes;
    } rows[] = {
        { &i->energy, lines * sizeof *i->energy },
        { &i->nearest, lines * sizeof *i->nearest },
        { &i->metastable, lines * sizeof *i->metastable },
        { &i->updates, lines * sizeof *i->updates },
        { &i->median, i->heads * sizeof *i->median },
        { &i->query, lines * i->d * sizeof(float) },
        { &i->key, keys * i->d * sizeof(float) },
        { &i->value, keys * i->value_size * sizeof(float) },
        { &i->association, lines * i->keys * sizeof(float) },
        { &i->kind, i->heads * sizeof *i->kind },
    };
    size_t at = 0;
    for (size_t k = 0; k < EGI_COUNT(rows); k++) {
        void *place = block != NULL ? block + at : NULL;
        memcpy(rows[k].to, &place, sizeof place);
        at += (rows[k].bytes + 7) / 8 * 8;
    }
    return at;
}

/* x as (B, H, rows, columns), whatever of B and H it shares, and with examples that lie along its
 * third axis (egi_heads.batch) in their own. */
static eg_var spread(eg_tape *t, eg_var x, const struct egi_watch *w, size_t rows, size_t columns,
                     int along)
{
    eg_shape s = eg_tape_shape(t, x);
    if (w->batch > 0 && along) {
        const eg_shape split = eg_shape_of(s.dim[1], w->batch, s.dim[2] / w->batch, s.dim[3]);
        x = eg_swap_axes(t, eg_reshape(t, x, &split), 0, 1);
    }
    const eg_shape q = eg_tape_shape(t, w->q);
    const size_t b = w->batch > 0 ? w->batch : q.dim[0];
    return eg_broadcast_to(t, x, &eg_shape_of(b, q.dim[1], rows, columns));
}

static eg_status copy(eg_tape *t, eg_var x, float *to)
{
    const eg_shape s = eg_tape_shape(t, x);
    const void *from = eg_tape_value(t, x);
    EGI_TRY(eg_tape_status(t));
    memcpy(to, from, eg_shape_size(&s) * sizeof *to);
    return EG_OK;
}

static int falling(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x < y) - (x > y);
}

/* The least number of weights that sum to 0.9 of all; room (N). */
static size_t metastable_size(const float *a, size_t n, double *room)
{
    double total = 0, sum = 0;
    for (size_t i = 0; i < n; i++) total += room[i] = fabs((double)a[i]);
    qsort(room, n, sizeof *room, falling);
    size_t k = 0;
    while (k < n && sum < 0.9 * total) sum += room[k++];
    return k;
}

/* Scores of a query against the keys it sees, in s; which those are, in of. */
static size_t scores_of(const float *q, const float *keys, const float *seen, size_t n, size_t d,
                        double *s, size_t *of)
{
    size_t count = 0;
    for (size_t j = 0; j < n; j++) {
        if (seen != NULL && seen[j] == 0) continue;
        double dot = 0;
        for (size_t c = 0; c < d; c++) dot += (double)q[c] * (double)keys[j * d + c];
        of[count] = j;
        s[count++] = dot;
    }
    return count;
}

struct reader {
    eg_inspection *i;
    const struct egi_watch *w;
    const float *seen, *compared_q, *compared_k; /* as (B, H, Q, N) or NULL; as query and key */
    const double *beta;
    size_t betas;
    double *s, *room; /* (N) */
    size_t *of;       /* (N) */
};

static eg_status read_line(const struct reader *r, size_t line)
{
    eg_inspection *i = r->i;
    const size_t n = i->keys, d = i->d, head = line / i->queries;
    const float *seen = r->seen != NULL ? r->seen + line * n : NULL;
    const float *q = i->query + line * d, *a = i->association + line * n;
    const size_t count =
        scores_of(r->compared_q + line * d, r->compared_k + head * n * d, seen, n, d, r->s, r->of);
    size_t best = 0;
    for (size_t j = 1; j < count; j++)
        if (r->s[j] > r->s[best]) best = j;
    i->nearest[line] = count > 0 ? r->of[best] : n;
    i->metastable[line] = metastable_size(a, n, r->room);
    i->energy[line] = NAN;
    if (count == 0 || r->w->kernel) return EG_OK;
    eg_rule rule = r->w->rule;
    rule.beta = r->beta[r->betas > 1 ? head % i->heads : 0];
    double energy, square = 0;
    EGI_TRY(eg_separation_energy(&rule, r->s, NULL, count, &energy));
    for (size_t c = 0; c < d; c++) square += (double)q[c] * (double)q[c];
    i->energy[line] = square / 2 - energy;
    return EG_OK;
}

/* Median size of each head, and its kind (Ramsauer et al. 2021). room (B Q). */
static void classify(eg_inspection *i, double *room)
{
    for (size_t h = 0; h < i->heads; h++) {
        size_t count = 0;
        for (size_t b = 0; b < i->batch; b++)
            for (size_t q = 0; q < i->queries; q++)
                room[count++] = (double)i->metastable[(b * i->heads + h) * i->queries + q];
        qsort(room, count, sizeof *room, falling);
        const double median = (room[(count - 1) / 2] + room[count / 2]) / 2, n = (double)i->keys;
        i->median[h] = median;
        i->kind[h] = median > n / 2 ? 1 : median > n / 8 ? 2 : median > n / 32 ? 3 : 4;
    }
}

static eg_status read_lines(const eg_allocator *alloc, struct reader *r)
{
    eg_inspection *i = r->i;
    const size_t lines = i->batch * i->heads * i->queries;
    const size_t most = i->keys > i->batch * i->queries ? i->keys : i->batch * i->queries;
    void *room;
    size_t bytes;
    EGI_TRY(egi_mul_size(most, 2 * sizeof(double) + sizeof(size_t), &bytes));
    EGI_TRY(egi_alloc_array(alloc, 1, bytes, "inspection", &room));
    r->s = room;
    r->room = r->s + most;
    r->of = (size_t *)(void *)(r->room + most);
    eg_status s = EG_OK;
    for (size_t line = 0; line < lines && s == EG_OK; line++) s = read_line(r, line);
    if (s == EG_OK) classify(i, r->room);
    egi_free(alloc, room, bytes);
    return s;
}

static eg_status fill(eg_tape *t, const eg_allocator *alloc, const struct egi_watch *w,
                      eg_inspection *i)
{
    const eg_var seen = w->seen;
    const eg_shape betas = eg_tape_shape(t, w->beta);
    EGI_TRY(copy(t, spread(t, w->q, w, i->queries, i->d, 1), i->query));
    EGI_TRY(copy(t, spread(t, w->k, w, i->keys, i->d, 0), i->key));
    EGI_TRY(copy(t, spread(t, w->v, w, i->keys, i->value_size, 0), i->value));
    EGI_TRY(copy(t, spread(t, w->a, w, i->queries, i->keys, 1), i->association));
    struct reader r = {
        .i = i, .w = w, .beta = eg_tape_value(t, w->beta), .betas = eg_shape_size(&betas)
    };
    r.compared_q = eg_tape_value(t, spread(t, w->compared_q, w, i->queries, i->d, 1));
    r.compared_k = eg_tape_value(t, spread(t, w->compared_k, w, i->keys, i->d, 0));
    if (seen.id != 0) r.seen = eg_tape_value(t, spread(t, seen, w, i->queries, i->keys, 0));
    const size_t lines = i->batch * i->heads * i->queries;
    memset(i->updates, 0, lines * sizeof *i->updates);
    if (w->updates.id != 0) {
        const float *count = eg_tape_value(t, spread(t, w->updates, w, i->queries, 1, 1));
        for (size_t k = 0; count != NULL && k < lines; k++) i->updates[k] = (size_t)count[k];
    }
    EGI_TRY(eg_tape_status(t));
    return read_lines(alloc, &r);
}

static eg_status make(eg_tape *t, const eg_allocator *alloc, const struct egi_watch *w,
                      eg_inspection **out)
{
    const eg_shape q = eg_tape_shape(t, w->q), k = eg_tape_shape(t, w->k);
    const size_t batch = w->batch > 0 ? w->batch : 1;
    void *own, *block;
    EGI_TRY(egi_alloc_array(alloc, 1, sizeof(struct inspection), "inspection", &own));
    struct inspection *n = own;
    *n = (struct inspection){ .alloc = alloc,
                              .shown = { .batch = q.dim[0] * batch,
                                         .heads = q.dim[1],
                                         .queries = q.dim[2] / batch,
                                         .keys = k.dim[2],
                                         .d = k.dim[3],
                                         .value_size = eg_tape_shape(t, w->v).dim[3] } };
    n->bytes = lay_out(&n->shown, NULL);
    eg_status s = egi_alloc_array(alloc, 1, n->bytes, "inspection", &block);
    if (s == EG_OK) {
        n->block = block;
        lay_out(&n->shown, block);
        s = fill(t, alloc, w, &n->shown);
    }
    if (s == EG_OK)
        *out = &n->shown;
    else
        eg_inspection_destroy(&n->shown);
    return s;
}

void eg_inspection_destroy(eg_inspection *i)
{
    if (i == NULL) return;
    struct inspection *n = (struct inspection *)(void *)i;
    egi_free(n->alloc, n->block, n->bytes);
    egi_free(n->alloc, n, sizeof *n);
}

/* One pass of B examples, or of one bag of B rows, seen at a layer. */
static eg_status watch(eg_learner *l, const char *layer, const float *x, size_t b,
                       struct egi_watch *w, eg_tape **t)
{
    const size_t offset[2] = { 0, b };
    char path[EGI_PATH_TEXT];
    snprintf(path, sizeof path, "%s.", layer);
    *w = (struct egi_watch){ .path = path };
    if (l->task.bags) l->offset = offset;
    const eg_status s = l->row->watch(l, x, l->task.bags ? 1 : b, w, t);
    l->offset = NULL;
    w->path = NULL;
    return s;
}

eg_status eg_learner_inspect(eg_learner *l, const char *layer, const float *x, size_t b,
                             eg_inspection **out)
{
    struct egi_watch w;
    eg_tape *t = NULL;
    if (l == NULL || layer == NULL || x == NULL || out == NULL || b == 0)
        return egi_fail(EG_ERR_INVALID, "eg_learner_inspect: NULL, or no example");
    if (l->row->watch == NULL)
        return egi_fail(EG_ERR_UNSUPPORTED, "learner %s has no layers", l->row->kind.name);
    if (l->task.bags) EGI_TRY(egi_learner_check_inputs(l, x, b));
    EGI_TRY(watch(l, layer, x, b, &w, &t));
    if (!w.found || w.q.id == 0)
        return egi_fail(EG_ERR_INVALID, "%.100s: expected a layer that has an association", layer);
    return make(t, l->alloc, &w, out);
}

/* ---- rows of a bag ---- */

/* Mean over heads and queries of a (1, H, Q, N); N may have patterns that the layer adds. */
static void mean_weights(const float *a, const eg_shape *s, size_t rows, float *weights)
{
    const size_t lines = s->dim[0] * s->dim[1] * s->dim[2], n = s->dim[3];
    for (size_t i = 0; i < rows; i++) {
        double sum = 0;
        for (size_t k = 0; k < lines; k++) sum += (double)a[k * n + i];
        weights[i] = (float)(sum / (double)lines);
    }
}

eg_status eg_learner_attention(eg_learner *l, const char *layer, const float *x, size_t rows,
                               float *weights)
{
    struct egi_watch w;
    eg_tape *t = NULL;
    if (l == NULL || layer == NULL || x == NULL || weights == NULL || rows == 0)
        return egi_fail(EG_ERR_INVALID, "eg_learner_attention: NULL, or no rows");
    if (!l->task.bags || l->row->watch == NULL)
        return egi_fail(EG_ERR_UNSUPPORTED, "learner %s has no layers that see bags",
                        l->row->kind.name);
    EGI_TRY(egi_learner_check_inputs(l, x, rows));
    EGI_TRY(watch(l, layer, x, rows, &w, &t));
    const eg_var v = w.weights.id != 0 ? w.weights : w.a;
    const float *value = v.id != 0 ? eg_tape_value(t, v) : NULL;
    const eg_shape shape = eg_tape_shape(t, v);
    if (value == NULL || shape.rank != 4 || shape.dim[3] < rows)
        return egi_fail(EG_ERR_INVALID, "%.100s: expected a layer that weighs the rows of a bag",
                        layer);
    mean_weights(value, &shape, rows, weights);
    return EG_OK;
}
