/* The way back: derivatives of one value by others, made of operations.
 *
 * Values are numbered in the order in which they were made, so walking the numbers down visits
 * every value after all that use it. A value takes part if it depends on one of wrt. Each holds
 * its gradient so far as a value of its own (aliases where a rule hands its g on), so that in the
 * plain mode what a rule made and nobody holds goes back to the pool at once. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "grad/egi_tape_impl.h"

struct walk {
    eg_tape *t;
    eg_var *g;              /* (N + 1) gradient by each value so far */
    unsigned char *depends; /* (N + 1) on one of wrt; 2: is one of wrt */
    uint32_t y;
    unsigned flags;
};

static int keeps(const struct walk *w)
{
    return (w->flags & EG_GRADIENT_KEEP) != 0;
}

static void release(struct walk *w, eg_var v)
{
    if (!keeps(w) && v.id != 0) egi_node_release(w->t, v.id - 1);
}

static int mark_dependent(struct walk *w)
{
    const eg_tape *t = w->t;
    for (uint32_t id = 1; id <= w->y; id++) {
        const struct egi_node *n = &t->node[id - 1];
        for (uint32_t k = 0; n->op != NULL && k < n->count && w->depends[id] == 0; k++)
            w->depends[id] = w->depends[t->link[n->first + k].id] != 0;
    }
    return w->depends[w->y] != 0;
}

/* dx, a value of its own from here on, is added to the gradient by `to`. */
static void accumulate(struct walk *w, eg_var to, eg_var dx)
{
    eg_var *sum = &w->g[to.id];
    if (sum->id == 0) {
        *sum = dx;
        return;
    }
    const eg_var before = *sum;
    *sum = eg_add(w->t, before, dx);
    release(w, before);
    release(w, dx);
}

static int is_held(const struct walk *w, const eg_var *x, size_t count, uint32_t id)
{
    for (size_t k = 0; k < count; k++)
        if (w->g[x[k].id].id == id) return 1;
    return 0;
}

/* One rule: its results into the gradients of the inputs, all else it made back to the pool. */
static eg_status step_back(struct walk *w, uint32_t id)
{
    eg_tape *t = w->t;
    const struct egi_node n = t->node[id - 1]; /* a copy: the array grows */
    if (n.op->backward == NULL)
        return egi_fail(EG_ERR_UNSUPPORTED,
                        "%s: a fused derivative cannot be differentiated again; use %s",
                        n.op->info.name, n.op->unfused);
    eg_var x[EGI_INPUTS_MAX], dx[EGI_INPUTS_MAX] = { { 0 } };
    unsigned char wanted[EGI_INPUTS_MAX];
    memcpy(x, t->link + n.first, n.count * sizeof *x);
    for (uint32_t k = 0; k < n.count; k++) wanted[k] = w->depends[x[k].id] != 0;
    const uint32_t mark = (uint32_t)t->count;
    struct egi_back b = { t, x, n.count, { id }, w->g[id], &n.attr, wanted, dx };
    n.op->backward(&b);
    for (uint32_t k = 0; k < n.count && t->status == EG_OK; k++) {
        if (!wanted[k] || dx[k].id == 0) continue;
        int shared = dx[k].id <= mark;
        for (uint32_t other = 0; other < k; other++) shared |= dx[other].id == dx[k].id;
        accumulate(w, x[k], shared && !keeps(w) ? egi_alias(t, dx[k]) : dx[k]);
    }
    EGI_TRY(eg_tape_status(t));
    for (uint32_t made = mark + 1; made <= t->count; made++)
        if (!is_held(w, x, n.count, made)) release(w, (eg_var){ made });
    return EG_OK;
}

static eg_status walk_back(struct walk *w)
{
    eg_tape *t = w->t;
    for (uint32_t id = w->y; id > 0; id--) {
        if (w->depends[id] == 0 || w->g[id].id == 0 || t->node[id - 1].op == NULL) continue;
        EGI_TRY(step_back(w, id));
        if (w->depends[id] == 2) continue;
        release(w, w->g[id]);
        if ((w->flags & EG_GRADIENT_RELEASE) != 0 && id != w->y) egi_node_release(t, id - 1);
    }
    return EG_OK;
}

static eg_status prepare(struct walk *w, eg_var seed, const eg_var *wrt, size_t n)
{
    eg_tape *t = w->t;
    for (size_t k = 0; k < n; k++) {
        if (egi_node_of(t, wrt[k]) == NULL)
            return egi_fail(EG_ERR_INVALID, "gradient: wrt[%zu] is no value of this tape", k);
        if (wrt[k].id <= w->y) w->depends[wrt[k].id] = 2;
    }
    if (!mark_dependent(w)) return EG_OK;
    const struct egi_tensor *y = egi_tape_tensor(t, (eg_var){ w->y });
    if (seed.id == 0) {
        const eg_var one = eg_number(t, y->dtype, 1);
        const eg_shape shape = egi_tape_tensor(t, (eg_var){ w->y })->shape;
        w->g[w->y] = eg_broadcast_to(t, one, &shape);
    } else {
        const struct egi_node *s = egi_node_of(t, seed);
        char ts[EGI_SHAPE_TEXT], ty[EGI_SHAPE_TEXT];
        if (s == NULL || !egi_shape_equal(&s->x.shape, &y->shape))
            return egi_fail(EG_ERR_SHAPE, "gradient: seed %s, y %s",
                            s == NULL ? "is no value" : egi_shape_text(&s->x.shape, ts),
                            egi_shape_text(&y->shape, ty));
        w->g[w->y] = keeps(w) ? seed : egi_alias(t, seed);
    }
    return eg_tape_status(t);
}

static eg_status gradient(struct walk *w, eg_var seed, const eg_var *wrt, size_t n, eg_var *out)
{
    eg_tape *t = w->t;
    const size_t mark = t->count;
    EGI_TRY(prepare(w, seed, wrt, n));
    if (w->depends[w->y] != 0) EGI_TRY(walk_back(w));
    for (size_t k = 0; k < n; k++) {
        out[k] = wrt[k].id <= w->y ? w->g[wrt[k].id] : EG_NONE;
        for (size_t other = 0; other < k && !keeps(w); other++) /* asked for twice */
            if (out[k].id != 0 && out[k].id == out[other].id) out[k] = egi_alias(t, out[k]);
    }
    EGI_TRY(eg_tape_status(t));
    if (!keeps(w)) egi_tape_keep(t, mark, out, n);
    return EG_OK;
}

eg_status eg_tape_gradient(eg_tape *t, eg_var y, eg_var seed, const eg_var *wrt, size_t n,
                           unsigned flags, eg_var *out)
{
    EGI_TRY(eg_tape_status(t));
    if (egi_node_of(t, y) == NULL || (n > 0 && (wrt == NULL || out == NULL)))
        return egi_fail(EG_ERR_INVALID, "gradient: y = %u of %zu values, wrt = %p, out = %p", y.id,
                        t->count, (const void *)wrt, (void *)out);
    struct walk w = { .t = t, .y = y.id, .flags = flags };
    const size_t size = (size_t)y.id + 1;
    uint32_t space;
    eg_status s = egi_pool_take(&t->pool, size * (sizeof *w.g + 1), &space);
    if (s != EG_OK) {
        egi_tape_fail(t, s);
        return s;
    }
    w.g = egi_pool_data(&t->pool, space);
    w.depends = (unsigned char *)(w.g + size);
    memset(w.g, 0, size * (sizeof *w.g + 1));
    const int recording = t->recording;
    t->recording = keeps(&w);
    s = gradient(&w, seed, wrt, n, out);
    t->recording = recording;
    egi_pool_give(&t->pool, space);
    if (s != EG_OK) egi_tape_fail(t, s);
    return s;
}

/* The segment of a checkpoint: inputs under names of their own, so that the walk ends at them. */
static eg_var run_segment(eg_tape *t, const struct egi_attr *a, const eg_var *x, size_t count,
                          int wants, eg_var *own)
{
    for (size_t k = 0; k < count && t->status == EG_OK; k++) {
        own[k] = egi_alias(t, x[k]);
        if (own[k].id != 0) t->node[own[k].id - 1].wants = (unsigned char)wants;
    }
    return t->status == EG_OK ? a->f(t, own, a->user) : EG_NONE;
}

static void back_checkpoint(struct egi_back *b)
{
    eg_tape *t = b->t;
    if (t->recording) {
        egi_tape_fail(t, egi_fail(EG_ERR_UNSUPPORTED,
                                  "checkpoint: runs once on the way back and cannot be "
                                  "differentiated again; call the segment itself"));
        return;
    }
    eg_var own[EGI_INPUTS_MAX];
    t->recording = 1;
    const eg_var y = run_segment(t, b->attr, b->x, b->count, 1, own);
    t->recording = 0;
    if (y.id != 0) (void)!eg_tape_gradient(t, y, b->g, own, b->count, EG_GRADIENT_RELEASE, b->dx);
}

static const struct egi_op op_checkpoint = {
    .info = { "checkpoint", "y = f(x), run again on the way back", "Chen et al. 2016" },
    .backward = back_checkpoint,
};

eg_var eg_checkpoint(eg_tape *t, eg_var (*f)(eg_tape *t, const eg_var *x, void *user), void *user,
                     const eg_var *x, size_t n)
{
    if (t->status != EG_OK) return EG_NONE;
    int wants = 0;
    for (size_t k = 0; k < n && n <= EGI_INPUTS_MAX; k++) {
        wants |= egi_tape_wants(t, x[k]);
        if (egi_node_of(t, x[k]) == NULL) n = 0;
    }
    if (n == 0 || n > EGI_INPUTS_MAX || f == NULL)
        return egi_tape_fail(t, egi_fail(EG_ERR_INVALID,
                                         "checkpoint: 1 to %d values of this tape, got %zu",
                                         EGI_INPUTS_MAX, n));
    const struct egi_attr attr = { .f = f, .user = user };
    const size_t mark = t->count;
    const int recording = t->recording;
    eg_var own[EGI_INPUTS_MAX];
    t->recording = 0;
    eg_var y = run_segment(t, &attr, x, n, 0, own);
    t->recording = recording;
    if (y.id == 0) return EG_NONE;
    if (y.id <= mark) y = egi_alias(t, y);
    egi_tape_keep(t, mark, &y, 1);
    return wants && recording ? egi_record(t, &op_checkpoint, x, n, &attr, y) : y;
}
