/* The tape: values in the order in which they were made, and the one way to make them. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "grad/egi_tape_impl.h"

enum { EGI_CALL_SCRATCH = 8 };

/* A call with what it borrowed from the pool. */
struct call {
    struct egi_call shown; /* first: egi_scratch() gets back from it */
    uint32_t scratch[EGI_CALL_SCRATCH];
    size_t scratches;
};

eg_status eg_tape_create(int threads, const eg_allocator *alloc, eg_tape **out)
{
    if (out == NULL || threads < 0)
        return egi_fail(EG_ERR_INVALID, "eg_tape_create: out = %p, threads = %d", (void *)out,
                        threads);
    if (alloc == NULL) alloc = eg_allocator_default();
    eg_tape *t = egi_alloc(alloc, sizeof *t);
    if (t == NULL) return egi_fail(EG_ERR_NOMEM, "eg_tape_create: %zu bytes", sizeof *t);
    memset(t, 0, sizeof *t);
    t->alloc = t->pool.alloc = alloc;
    t->threads = threads;
    t->recording = 1;
    *out = t;
    return EG_OK;
}

void eg_tape_destroy(eg_tape *t)
{
    if (t == NULL) return;
    egi_kept_destroy(t);
    egi_pool_destroy(&t->pool);
    egi_free(t->alloc, t->node, t->capacity * sizeof *t->node);
    egi_free(t->alloc, t->link, t->links_capacity * sizeof *t->link);
    egi_free(t->alloc, t, sizeof *t);
}

void egi_node_release(eg_tape *t, size_t index)
{
    struct egi_node *n = &t->node[index];
    if (n->released) return;
    n->released = 1;
    egi_pool_give(&t->pool, n->buffer);
}

void eg_tape_reset(eg_tape *t)
{
    for (size_t i = 0; i < t->count; i++) egi_node_release(t, i);
    t->count = t->links = 0;
    t->tracing = 0;
    t->status = EG_OK;
    t->recording = 1;
}

eg_status eg_tape_status(const eg_tape *t)
{
    return t->status == EG_OK ? EG_OK : egi_fail(t->status, "%s", t->detail);
}

eg_var egi_tape_fail(eg_tape *t, eg_status s)
{
    if (t->status == EG_OK) {
        t->status = s;
        snprintf(t->detail, sizeof t->detail, "%s", eg_error_detail());
    }
    return EG_NONE;
}

void egi_tape_failed_at(eg_tape *t, const char *place)
{
    char detail[EGI_DETAIL_MAX];
    memcpy(detail, t->detail, sizeof detail);
    snprintf(t->detail, sizeof t->detail, "%.150s: %.350s", place, detail);
}

size_t eg_tape_bytes(const eg_tape *t)
{
    return t->pool.live;
}

size_t eg_tape_peak_bytes(const eg_tape *t)
{
    return t->pool.peak;
}

void eg_tape_reset_peak(eg_tape *t)
{
    t->pool.peak = t->pool.live;
}

struct egi_node *egi_node_of(const eg_tape *t, eg_var v)
{
    return v.id == 0 || v.id > t->count ? NULL : &t->node[v.id - 1];
}

const struct egi_tensor *egi_tape_tensor(const eg_tape *t, eg_var v)
{
    return &t->node[v.id - 1].x;
}

int egi_tape_wants(const eg_tape *t, eg_var v)
{
    const struct egi_node *n = egi_node_of(t, v);
    return n != NULL && n->wants;
}

/* Room for one more value and its inputs; items grow by doubling. */
static eg_status reserve(eg_tape *t, size_t inputs)
{
    if (t->count == t->capacity) {
        const size_t more = t->capacity > 0 ? 2 * t->capacity : 64;
        void *grown =
            egi_realloc(t->alloc, t->node, t->capacity * sizeof *t->node, more * sizeof *t->node);
        if (grown == NULL) return egi_fail(EG_ERR_NOMEM, "tape: %zu values", more);
        t->node = grown;
        t->capacity = more;
    }
    if (t->links + inputs > t->links_capacity) {
        const size_t more = 2 * (t->links + inputs) + 64;
        void *grown = egi_realloc(t->alloc, t->link, t->links_capacity * sizeof *t->link,
                                  more * sizeof *t->link);
        if (grown == NULL) return egi_fail(EG_ERR_NOMEM, "tape: %zu inputs", more);
        t->link = grown;
        t->links_capacity = more;
    }
    return EG_OK;
}

static eg_var append(eg_tape *t, const struct egi_node *n)
{
    t->node[t->count] = *n;
    return (eg_var){ (uint32_t)++t->count };
}

static eg_var add_leaf(eg_tape *t, eg_dtype dtype, const eg_shape *shape, const void *data,
                       int wants)
{
    if (t->status != EG_OK) return EG_NONE;
    if (shape == NULL) return egi_tape_fail(t, egi_fail(EG_ERR_INVALID, "leaf: shape = NULL"));
    if (data == NULL || shape->rank > EG_MAX_RANK || (unsigned)dtype >= EG_DTYPE_COUNT
        || !egi_shape_fits(shape))
        return egi_tape_fail(t, egi_fail(EG_ERR_INVALID,
                                         "leaf: data = %p, rank %zu, type %d, or a size that "
                                         "does not fit",
                                         data, shape->rank, (int)dtype));
    const eg_status s = reserve(t, 0);
    if (s != EG_OK) return egi_tape_fail(t, s);
    char *own = (char *)(uintptr_t)data; /* a leaf is never written to */
    const struct egi_node n = { .x = egi_tensor_of(dtype, shape, own),
                                .wants = (unsigned char)(wants && dtype != EG_I32) };
    return append(t, &n);
}

eg_var eg_leaf(eg_tape *t, eg_dtype dtype, const eg_shape *shape, const void *data)
{
    return add_leaf(t, dtype, shape, data, 1);
}

eg_var eg_input(eg_tape *t, eg_dtype dtype, const eg_shape *shape, const void *data)
{
    return add_leaf(t, dtype, shape, data, 0);
}

eg_var egi_tape_new(eg_tape *t, eg_dtype dtype, const eg_shape *shape)
{
    if (t->status != EG_OK) return EG_NONE;
    struct egi_node n = { .buffer = 0 };
    size_t bytes;
    eg_status s = egi_mul_size(eg_shape_size(shape), eg_dtype_size(dtype), &bytes);
    if (s == EG_OK) s = reserve(t, 0);
    if (s == EG_OK) s = egi_pool_take(&t->pool, bytes, &n.buffer);
    if (s != EG_OK) return egi_tape_fail(t, s);
    n.x = egi_tensor_of(dtype, shape, egi_pool_data(&t->pool, n.buffer));
    return append(t, &n);
}

/* Where the elements of a ghost would lie: offsets of views need something to count from. */
static char *nowhere(eg_tape *t)
{
    return (char *)t;
}

eg_var egi_tape_ghost(eg_tape *t, eg_dtype dtype, const eg_shape *shape)
{
    const eg_var v = add_leaf(t, dtype, shape, nowhere(t), 0);
    if (v.id != 0) t->node[v.id - 1].ghost = 1;
    return v;
}

int egi_tape_is_ghost(const eg_tape *t, eg_var v)
{
    const struct egi_node *n = egi_node_of(t, v);
    return n != NULL && n->ghost;
}

void egi_tape_trace(eg_tape *t)
{
    t->tracing = 1;
}

void egi_tape_limit(eg_tape *t, size_t bytes)
{
    t->pool.limit = bytes;
}

eg_var egi_alias(eg_tape *t, eg_var v)
{
    const eg_status s = reserve(t, 0);
    if (s != EG_OK) return egi_tape_fail(t, s);
    const struct egi_node *from = egi_node_of(t, v);
    const struct egi_node n = { .x = from->x, .buffer = from->buffer, .ghost = from->ghost };
    egi_pool_hold(&t->pool, n.buffer);
    return append(t, &n);
}

eg_var eg_constant(eg_tape *t, eg_var x)
{
    if (eg_tape_status(t) != EG_OK) return EG_NONE;
    if (egi_node_of(t, x) != NULL && t->tracing) return eg_copy(t, x);
    if (egi_node_of(t, x) != NULL) return egi_alias(t, x);
    return egi_tape_fail(t, egi_fail(EG_ERR_INVALID, "constant: x is no value of this tape"));
}

eg_status egi_scratch(struct egi_call *c, size_t bytes, void **out)
{
    struct call *call = (struct call *)(void *)c;
    uint32_t *k = &call->scratch[call->scratches];
    EGI_TRY(egi_pool_take(&c->t->pool, bytes, k));
    call->scratches++;
    *out = egi_pool_data(&c->t->pool, *k);
    return EG_OK;
}

eg_status egi_contiguous(struct egi_call *c, const struct egi_tensor *x, struct egi_tensor *out)
{
    if (egi_tensor_contiguous(x)) {
        *out = egi_tensor_of(x->dtype, &x->shape, x->data);
        return EG_OK;
    }
    void *data;
    EGI_TRY(egi_scratch(c, eg_shape_size(&x->shape) * eg_dtype_size(x->dtype), &data));
    const double none[2] = { 0, 0 };
    struct egi_tensor both[2] = { egi_tensor_of(x->dtype, &x->shape, data), *x };
    egi_loop(both, 2, egi_kernels_of(x->dtype)->unary[EGI_K_COPY], none, c->threads);
    *out = both[0];
    return EG_OK;
}

/* Copies the inputs as the row sees them; the types must agree. */
static eg_status gather_inputs(eg_tape *t, const struct egi_op *op, const eg_var *x, size_t count,
                               struct egi_tensor *in, struct egi_node *out)
{
    for (size_t k = 0; k < count; k++) {
        const struct egi_node *n = egi_node_of(t, x[k]);
        if (n == NULL || n->released)
            return egi_fail(EG_ERR_INVALID, "%s: input %zu is %s", op->info.name, k,
                            n == NULL ? "no value of this tape" : "a value that was released");
        in[k] = n->x;
        out->wants |= n->wants;
        out->ghost |= n->ghost;
        if (in[k].dtype != in[0].dtype && (op->flags & EGI_ANY_DTYPE) == 0)
            return egi_fail(EG_ERR_SHAPE, "%s: input %zu is %s, the first is %s", op->info.name, k,
                            eg_dtype_name(in[k].dtype), eg_dtype_name(in[0].dtype));
    }
    return EG_OK;
}

static eg_status run(struct call *call, int ghost, uint32_t first_buffer, uint32_t *buffer)
{
    struct egi_call *c = &call->shown;
    if (c->op->shape != NULL) EGI_TRY(c->op->shape(c));
    if (!egi_shape_fits(&c->out.shape))
        return egi_fail(EG_ERR_OVERFLOW, "%s: a value whose size does not fit", c->op->info.name);
    if (ghost) {
        if (c->op->forward != NULL)
            c->out = egi_tensor_of(c->out.dtype, &c->out.shape, nowhere(c->t));
        return EG_OK;
    }
    if (c->op->forward == NULL) {
        egi_pool_hold(&c->t->pool, first_buffer);
        *buffer = first_buffer;
        return EG_OK;
    }
    size_t bytes;
    EGI_TRY(egi_mul_size(eg_shape_size(&c->out.shape), eg_dtype_size(c->out.dtype), &bytes));
    EGI_TRY(egi_pool_take(&c->t->pool, bytes, buffer));
    c->out = egi_tensor_of(c->out.dtype, &c->out.shape, egi_pool_data(&c->t->pool, *buffer));
    const eg_status s = c->op->forward(c);
    for (size_t k = 0; k < call->scratches; k++) egi_pool_give(&c->t->pool, call->scratch[k]);
    if (s != EG_OK) egi_pool_give(&c->t->pool, *buffer);
    return s;
}

eg_var egi_record(eg_tape *t, const struct egi_op *op, const eg_var *x, size_t count,
                  const struct egi_attr *attr, eg_var y)
{
    const eg_status s = reserve(t, count);
    if (s != EG_OK) return egi_tape_fail(t, s);
    struct egi_node *n = &t->node[y.id - 1];
    n->wants = 1;
    n->op = op;
    if (attr != NULL) n->attr = *attr;
    n->first = (uint32_t)t->links;
    n->count = (uint32_t)count;
    memcpy(t->link + t->links, x, count * sizeof *x);
    t->links += count;
    return y;
}

eg_var egi_apply(eg_tape *t, const struct egi_op *op, const eg_var *x, size_t count,
                 const struct egi_attr *attr)
{
    if (t->status != EG_OK) return EG_NONE;
    struct egi_tensor in[EGI_INPUTS_MAX];
    const struct egi_attr none = { .f = NULL };
    struct egi_node n = { .buffer = 0 };
    eg_status s = gather_inputs(t, op, x, count, in, &n);
    if (s == EG_OK) s = reserve(t, 0);
    if (s != EG_OK) return egi_tape_fail(t, s);
    struct call call = { .shown = { .t = t,
                                    .op = op,
                                    .in = in,
                                    .count = count,
                                    .attr = attr != NULL ? attr : &none,
                                    .threads = t->threads } };
    if (count > 0) call.shown.out = in[0];
    s = run(&call, n.ghost, count > 0 ? t->node[x[0].id - 1].buffer : 0, &n.buffer);
    if (s != EG_OK) return egi_tape_fail(t, s);
    n.x = call.shown.out;
    const int wants = n.wants;
    n.wants = 0; /* until it is recorded */
    const eg_var y = append(t, &n);
    const int flows = wants && (op->backward != NULL || op->unfused != NULL);
    if (!t->recording || (!flows && !t->tracing)) return y;
    const eg_var recorded = egi_record(t, op, x, count, attr, y);
    if (recorded.id != 0) t->node[y.id - 1].wants = (unsigned char)(flows != 0);
    return recorded;
}

void egi_tape_keep(eg_tape *t, size_t mark, eg_var *v, size_t n)
{
    for (size_t k = 0; k < n; k++) {
        if (v[k].id == 0) continue;
        const struct egi_node kept = t->node[v[k].id - 1];
        t->node[v[k].id - 1] = t->node[mark];
        t->node[mark] = kept;
        for (size_t later = k + 1; later < n; later++) /* what lay in its place has moved */
            if (v[later].id == mark + 1) v[later].id = v[k].id;
        v[k].id = (uint32_t)++mark;
    }
    while (t->count > mark) egi_node_release(t, --t->count);
}

eg_shape eg_tape_shape(const eg_tape *t, eg_var v)
{
    const struct egi_node *n = egi_node_of(t, v);
    return n != NULL ? n->x.shape : (eg_shape){ .rank = 0 };
}

eg_dtype eg_tape_dtype(const eg_tape *t, eg_var v)
{
    const struct egi_node *n = egi_node_of(t, v);
    return n != NULL ? n->x.dtype : EG_F32;
}

int egi_tape_threads(const eg_tape *t)
{
    return t->threads;
}

const void *eg_tape_value(eg_tape *t, eg_var v)
{
    const struct egi_node *n = egi_node_of(t, v);
    if (t->status != EG_OK || n == NULL || n->released || n->ghost) return NULL;
    if (egi_tensor_contiguous(&n->x)) return n->x.data;
    const eg_var copy = eg_copy(t, v);
    return copy.id != 0 ? egi_tape_tensor(t, copy)->data : NULL;
}

double eg_tape_number(eg_tape *t, eg_var v)
{
    const void *p = eg_tape_value(t, v);
    if (p == NULL || eg_shape_size(&t->node[v.id - 1].x.shape) == 0) return NAN;
    switch (eg_tape_dtype(t, v)) {
    case EG_F32:
        return (double)*(const float *)p;
    case EG_F64:
        return *(const double *)p;
    default:
        return (double)*(const int32_t *)p;
    }
}
