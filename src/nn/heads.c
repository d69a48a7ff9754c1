/* Heads of sep(beta q k^T) v, once or until a query rests.
 *
 * Softmax without dropout runs as one operation that stores no matrix of queries by keys
 * (eg_associate); every other row makes scores, weights and sums apart. A hidden pair has a score
 * far below all others and its weight is set to 0, so that a query which sees nothing reads 0
 * whatever the row.
 *
 * Convergence is a matter of each query alone: one that an update moves by no more than eps (its
 * Euclidean norm in its head) keeps that state, whatever the others of its batch do. The usual
 * implementation stops heads by the largest change in the whole batch, so that a result depends on
 * its neighbours. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "nn/egi_heads.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "assoc/egi_assoc.h"

#define FAR_BELOW (-1e9)

eg_status egi_separation_read(const char *place, const json_t *word, double order, size_t k,
                              eg_rule *rule)
{
    char all[200] = "", got[EGI_JSON_TEXT];
    const int row = eg_separation_find(json_is_string(word) ? json_string_value(word) : "");
    const eg_row_info *info;
    for (int i = 0; row < 0 && (info = eg_separation_info((eg_separation)i)) != NULL; i++) {
        const size_t used = strlen(all);
        snprintf(all + used, sizeof all - used, "%s%s", i > 0 ? ", " : "", info->name);
    }
    if (row < 0)
        return egi_fail(EG_ERR_INVALID, "%s.separation: expected one of %s, got %s", place, all,
                        egi_json_shown(word, got));
    *rule = (eg_rule)EG_RULE_INIT;
    rule->separation = (eg_separation)row;
    rule->order = order;
    rule->k = k;
    return eg_rule_check(rule);
}

static void set(const struct egi_tensor *x, size_t i, double value)
{
    if (x->dtype == EG_F32)
        ((float *)(void *)x->data)[i] = (float)value;
    else
        ((double *)(void *)x->data)[i] = value;
}

static double number_at(const void *x, eg_dtype dtype, size_t i)
{
    return dtype == EG_F32 ? (double)((const float *)x)[i] : ((const double *)x)[i];
}

eg_var egi_causal_mask(struct egi_scope *s, eg_dtype dtype, size_t steps, size_t seen)
{
    const eg_var v = egi_tape_new(s->t, dtype, &eg_shape_of(1, 1, steps, seen));
    if (v.id == 0) return v;
    for (size_t i = 0; i < steps * seen; i++) set(egi_tape_tensor(s->t, v), i, i % seen > i / seen);
    return v;
}

eg_var egi_heads_split(eg_tape *t, eg_var x, size_t heads)
{
    const eg_shape s = eg_tape_shape(t, x);
    const eg_shape each = eg_shape_of(s.dim[0], s.dim[1], heads, s.dim[2] / heads);
    return eg_swap_axes(t, eg_reshape(t, x, &each), 1, 2);
}

eg_var egi_heads_join(eg_tape *t, eg_var x)
{
    const eg_shape s = eg_tape_shape(t, x);
    return eg_reshape(t, eg_swap_axes(t, x, 1, 2),
                      &eg_shape_of(s.dim[0], s.dim[2], s.dim[1] * s.dim[3]));
}

eg_var egi_heads_times_beta(struct egi_scope *s, const struct egi_heads *h, eg_var x, double power)
{
    if (h->betas == 1) return h->beta[0] == 1 ? x : eg_affine(s->t, x, pow(h->beta[0], power), 0);
    const eg_var b = egi_tape_new(s->t, eg_tape_dtype(s->t, x), &eg_shape_of(1, h->betas, 1, 1));
    for (size_t i = 0; b.id != 0 && i < h->betas; i++)
        set(egi_tape_tensor(s->t, b), i, pow(h->beta[i], power));
    return eg_mul(s->t, x, b);
}

eg_var egi_heads_compared(struct egi_scope *s, const struct egi_heads *h, eg_var x)
{
    if (h->kernel.id == 0) return x;
    return eg_matmul(s->t, x, eg_swap_axes(s->t, h->kernel, 0, 1));
}

eg_var egi_heads_visible(struct egi_scope *s, const struct egi_heads *h)
{
    const eg_var masks[2] = { h->hidden, h->padding };
    eg_var all = EG_NONE;
    for (size_t i = 0; i < 2; i++) {
        if (masks[i].id == 0) continue;
        const eg_var m = eg_affine(s->t, masks[i], -1, 1);
        all = all.id == 0 ? m : eg_mul(s->t, all, m);
    }
    return all;
}

/* Head by head, where beta or the order differ. */
static eg_var separate(struct egi_scope *s, const struct egi_heads *h, eg_var z)
{
    eg_tape *t = s->t;
    const size_t heads = eg_tape_shape(t, z).dim[1];
    const size_t parts = h->alpha.id != 0 ? heads : h->betas;
    const void *alpha = h->alpha.id != 0 ? eg_tape_value(t, h->alpha) : NULL;
    eg_var all = EG_NONE;
    for (size_t i = 0; i < parts && eg_tape_status(t) == EG_OK; i++) {
        eg_rule rule = *h->rule;
        rule.beta = h->beta[h->betas > 1 ? i : 0];
        if (alpha != NULL) rule.order = number_at(alpha, eg_tape_dtype(t, h->alpha), i);
        const eg_var part = parts > 1 ? eg_slice(t, z, 1, i, 1, 1) : z;
        const eg_var a = eg_separate(t, part, &rule);
        all = i == 0 ? a : eg_concat(t, (eg_var[]){ all, a }, 2, 1);
    }
    return alpha != NULL ? egi_entmax_learned(s, all, h->alpha) : all;
}

eg_var egi_heads_weights(struct egi_scope *s, const struct egi_heads *h, eg_var q)
{
    eg_tape *t = s->t;
    if (h->features.id != 0) {
        const struct egi_featured f = egi_heads_featured(s, h, q);
        return eg_matmul(t, f.q, eg_swap_axes(t, f.k, 2, 3));
    }
    const int softmax = h->rule->separation == EG_SEP_SOFTMAX;
    const int shares = (egi_separation_flags(h->rule) & EGI_SEP_NORMALISED) != 0;
    const eg_var keys = eg_swap_axes(t, egi_heads_compared(s, h, h->k), 2, 3),
                 seen = egi_heads_visible(s, h);
    eg_var z = egi_heads_compared(s, h, q);
    z = eg_matmul(t, softmax ? egi_heads_times_beta(s, h, z, 1) : z, keys);
    if (seen.id != 0) z = eg_mul(t, z, seen);
    if (seen.id != 0 && shares) z = eg_add(t, z, eg_affine(t, seen, -FAR_BELOW, FAR_BELOW));
    const eg_var a = softmax ? eg_softmax(t, z, 3) : separate(s, h, z);
    return seen.id != 0 ? eg_mul(t, a, seen) : a;
}

int egi_watched(const struct egi_scope *s)
{
    return s->watch != NULL && strcmp(s->watch->path, s->path) == 0;
}

eg_var egi_heads_read(struct egi_scope *s, const struct egi_heads *h, eg_var q, eg_var x, int last)
{
    const int drops = last && h->dropout > 0 && s->mode == EGI_TRAIN;
    if (h->fused && !drops && !egi_watched(s) && h->features.id == 0
        && h->rule->separation == EG_SEP_SOFTMAX)
        return eg_associate(s->t, egi_heads_times_beta(s, h, egi_heads_compared(s, h, q), 1),
                            egi_heads_compared(s, h, h->k), x, h->hidden, h->padding, NULL);
    if (h->features.id != 0 && !egi_watched(s)) {
        const struct egi_featured f = egi_heads_featured(s, h, q);
        return eg_matmul(s->t, f.q, eg_matmul(s->t, eg_swap_axes(s->t, f.k, 2, 3), x));
    }
    eg_var a = egi_heads_weights(s, h, q);
    if (egi_watched(s) && last) s->watch->a = a;
    if (drops) a = eg_dropout(s->t, a, h->dropout, s->seed, egi_scope_stream(s));
    return eg_matmul(s->t, a, x);
}

static eg_var updated(struct egi_scope *s, const struct egi_heads *h, eg_var q)
{
    const eg_var y = egi_heads_read(s, h, q, h->k, 0);
    return h->norm_eps > 0 ? eg_layer_norm(s->t, y, 1, EG_NONE, EG_NONE, h->norm_eps) : y;
}

/* active (B, H, Q, 1) becomes 0 where from -> to is no further than eps, and updates counts the
 * others; returns how many stay active. */
static size_t rest(struct egi_scope *s, const struct egi_heads *h, eg_var from, eg_var to,
                   eg_var active, eg_var updates)
{
    eg_tape *t = s->t;
    const void *x = eg_tape_value(t, from), *y = eg_tape_value(t, to);
    const eg_shape shape = eg_tape_shape(t, to);
    const eg_dtype dtype = eg_tape_dtype(t, to);
    const size_t d = shape.dim[3];
    size_t count = 0;
    if (eg_tape_status(t) == EG_OK && (x == NULL || y == NULL))
        egi_layer_fail(s, EG_ERR_UNSUPPORTED, "updates that stop by themselves, of no values");
    if (eg_tape_status(t) != EG_OK || x == NULL || y == NULL) return 0;
    const struct egi_tensor *live = egi_tape_tensor(t, active), *n = egi_tape_tensor(t, updates);
    for (size_t i = 0; i < eg_shape_size(&live->shape); i++) {
        if (number_at(live->data, dtype, i) == 0) continue;
        double sum = 0;
        for (size_t c = 0; c < d; c++) {
            const double by = number_at(y, dtype, i * d + c) - number_at(x, dtype, i * d + c);
            sum += by * by;
        }
        set(n, i, number_at(n->data, dtype, i) + 1);
        if (sqrt(sum) <= h->eps)
            set(live, i, 0);
        else
            count++;
    }
    return count;
}

static eg_var numbers(struct egi_scope *s, eg_var like, double value)
{
    eg_shape shape = eg_tape_shape(s->t, like);
    shape.dim[3] = 1;
    const eg_var v = egi_tape_new(s->t, eg_tape_dtype(s->t, like), &shape);
    for (size_t i = 0; v.id != 0 && i < eg_shape_size(&shape); i++)
        set(egi_tape_tensor(s->t, v), i, value);
    return v;
}

/* Up to h->updates of them. A query rests after the update that has moved it by eps or less. */
static eg_var iterate(struct egi_scope *s, const struct egi_heads *h, eg_var q)
{
    eg_tape *t = s->t;
    const eg_var counts = numbers(s, q, 0);
    eg_var active = numbers(s, q, 1);
    const eg_shape live = eg_tape_shape(t, active);
    size_t left = eg_shape_size(&live);
    for (size_t i = 0; i < h->updates && left > 0 && eg_tape_status(t) == EG_OK; i++) {
        const eg_var next = updated(s, h, q), mask = active;
        const size_t all = eg_shape_size(&live), before = left;
        active = eg_copy(t, mask);
        left = rest(s, h, q, next, active, counts);
        if (before == all)
            q = next;
        else
            q = eg_add(t, eg_gate(t, next, mask), eg_gate(t, q, eg_affine(t, mask, -1, 1)));
    }
    if (egi_watched(s)) s->watch->updates = counts;
    return q;
}

/* The fixed point as a constant, and one more update that the gradient goes through. */
static eg_var solved(struct egi_scope *s, const struct egi_heads *h)
{
    struct egi_heads fixed = *h;
    fixed.k = eg_constant(s->t, h->k);
    if (h->kernel.id != 0) fixed.kernel = eg_constant(s->t, h->kernel);
    const eg_var z = iterate(s, &fixed, eg_constant(s->t, h->q));
    return egi_heads_fixed(s, h, updated(s, h, z), z);
}

static eg_var numbers_of(struct egi_scope *s, const double *x, size_t n)
{
    const eg_var v = egi_tape_new(s->t, EG_F64, &eg_shape_of(n));
    for (size_t i = 0; v.id != 0 && i < n; i++) set(egi_tape_tensor(s->t, v), i, x[i]);
    return v;
}

static void show(struct egi_scope *s, const struct egi_heads *h, eg_var q)
{
    struct egi_watch *w = s->watch;
    w->found = 1;
    w->q = q;
    w->k = h->k;
    w->v = h->v;
    w->compared_q = egi_heads_compared(s, h, q);
    w->compared_k = egi_heads_compared(s, h, h->k);
    w->seen = egi_heads_visible(s, h);
    w->rule = *h->rule;
    w->kernel = h->kernel.id != 0;
    w->beta = numbers_of(s, h->beta, h->betas);
    w->batch = h->batch;
}

eg_var egi_heads_apply(struct egi_scope *s, const struct egi_heads *h)
{
    eg_var q = h->q;
    if (h->implicit)
        q = solved(s, h);
    else if (h->updates > 0)
        q = iterate(s, h, q);
    if (egi_watched(s)) show(s, h, q);
    return egi_heads_read(s, h, q, h->v, 1);
}
