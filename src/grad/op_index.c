/* Operations whose places are data: rows by index, elements along an axis by index, one-hot,
 * dropout. Indices are i32 and checked before anything is written. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "engram/random.h"
#include "grad/egi_tape.h"

static eg_status check_index(const struct egi_call *c, const struct egi_tensor *index, size_t size)
{
    const int32_t *at = (const int32_t *)(const void *)index->data;
    const size_t n = eg_shape_size(&index->shape);
    for (size_t i = 0; i < n; i++)
        if (at[i] < 0 || (size_t)at[i] >= size)
            return egi_fail(EG_ERR_INVALID, "%s: index[%zu] = %d, not in 0..%zd", c->op->info.name,
                            i, at[i], (ptrdiff_t)size - 1);
    return EG_OK;
}

static eg_status wants_index(const struct egi_call *c, size_t k)
{
    return c->in[k].dtype == EG_I32 ? EG_OK
                                    : egi_fail(EG_ERR_SHAPE, "%s: an index of %s, expected i32",
                                               c->op->info.name, eg_dtype_name(c->in[k].dtype));
}

/* x (N, R..) by index (I..) */
static eg_status shape_gather(struct egi_call *c)
{
    EGI_TRY(wants_index(c, 1));
    const eg_shape *x = &c->in[0].shape, *index = &c->in[1].shape;
    if (x->rank == 0 || index->rank + x->rank - 1 > EG_MAX_RANK)
        return egi_fail(EG_ERR_SHAPE, "gather: rank %zu by an index of rank %zu", x->rank,
                        index->rank);
    c->out.shape = *index;
    for (size_t i = 1; i < x->rank; i++) c->out.shape.dim[c->out.shape.rank++] = x->dim[i];
    return EG_OK;
}

static size_t row_bytes(const struct egi_tensor *x, size_t first_axis)
{
    size_t bytes = eg_dtype_size(x->dtype);
    for (size_t i = first_axis; i < x->shape.rank; i++) bytes *= x->shape.dim[i];
    return bytes;
}

static eg_status forward_gather(struct egi_call *c)
{
    struct egi_tensor x, index;
    EGI_TRY(egi_contiguous(c, &c->in[0], &x));
    EGI_TRY(egi_contiguous(c, &c->in[1], &index));
    EGI_TRY(check_index(c, &index, x.shape.dim[0]));
    const int32_t *at = (const int32_t *)(const void *)index.data;
    const size_t n = eg_shape_size(&index.shape), bytes = row_bytes(&x, 1);
    for (size_t i = 0; i < n; i++)
        memcpy(c->out.data + i * bytes, x.data + (size_t)at[i] * bytes, bytes);
    return EG_OK;
}

static void back_gather(struct egi_back *b)
{
    const eg_shape x = eg_tape_shape(b->t, b->x[0]);
    b->dx[0] = eg_scatter_add(b->t, b->g, b->x[1], x.dim[0]);
}

/* x (I.., R..) by index (I..) into (n, R..) */
static eg_status shape_scatter(struct egi_call *c)
{
    EGI_TRY(wants_index(c, 1));
    const eg_shape *x = &c->in[0].shape, *index = &c->in[1].shape;
    eg_shape lead = *x;
    lead.rank = index->rank;
    char tx[EGI_SHAPE_TEXT], ti[EGI_SHAPE_TEXT];
    if (x->rank < index->rank || !egi_shape_equal(&lead, index) || c->in[0].dtype == EG_I32)
        return egi_fail(EG_ERR_SHAPE, "scatter_add: %s %s by an index %s",
                        eg_dtype_name(c->in[0].dtype), egi_shape_text(x, tx),
                        egi_shape_text(index, ti));
    eg_shape out = { .rank = 1, .dim = { (size_t)c->attr->n[0] } };
    if (x->rank - index->rank + 1 > EG_MAX_RANK)
        return egi_fail(EG_ERR_SHAPE, "scatter_add: rank %zu", x->rank + 1);
    for (size_t i = index->rank; i < x->rank; i++) out.dim[out.rank++] = x->dim[i];
    c->out.shape = out;
    return EG_OK;
}

static void add_row(eg_dtype dtype, char *to, const char *from, size_t bytes)
{
    const ptrdiff_t step[3] = { 1, 1, 1 };
    char *p[3] = { to, to, (char *)(uintptr_t)from };
    egi_kernels_of(dtype)->binary[EGI_K_ADD](p, step, bytes / eg_dtype_size(dtype), NULL);
}

/* One after the other, so that rows of the same index add up in their order. */
static eg_status forward_scatter(struct egi_call *c)
{
    struct egi_tensor x, index;
    EGI_TRY(egi_contiguous(c, &c->in[0], &x));
    EGI_TRY(egi_contiguous(c, &c->in[1], &index));
    EGI_TRY(check_index(c, &index, c->out.shape.dim[0]));
    const int32_t *at = (const int32_t *)(const void *)index.data;
    const size_t n = eg_shape_size(&index.shape), bytes = row_bytes(&c->out, 1);
    memset(c->out.data, 0, row_bytes(&c->out, 0));
    for (size_t i = 0; i < n; i++)
        add_row(x.dtype, c->out.data + (size_t)at[i] * bytes, x.data + i * bytes, bytes);
    return EG_OK;
}

static void back_scatter(struct egi_back *b)
{
    b->dx[0] = eg_gather(b->t, b->g, b->x[1]);
}

/* Along the last axis: x (.., N), index (.., M). */
static eg_status shape_along(struct egi_call *c)
{
    EGI_TRY(wants_index(c, 1));
    eg_shape like = c->in[1].shape;
    const size_t last = c->in[0].shape.rank - 1;
    char tx[EGI_SHAPE_TEXT], ti[EGI_SHAPE_TEXT];
    if (like.rank == last + 1) like.dim[last] = c->in[0].shape.dim[last];
    const int put = c->op->kernel;
    if (!egi_shape_equal(&like, &c->in[0].shape)
        || (put && c->in[1].shape.dim[last] != c->in[0].shape.dim[last])
        || (put && c->in[0].dtype == EG_I32))
        return egi_fail(EG_ERR_SHAPE, "%s: %s %s by an index %s", c->op->info.name,
                        eg_dtype_name(c->in[0].dtype), egi_shape_text(&c->in[0].shape, tx),
                        egi_shape_text(&c->in[1].shape, ti));
    c->out.shape.dim[last] = put ? (size_t)c->attr->n[0] : c->in[1].shape.dim[last];
    return EG_OK;
}

struct places {
    egi_places *f;
    const int32_t *at; /* (lines, m) */
    const char *in;
    char *out;
    size_t m, in_bytes, out_bytes; /* of a line */
    size_t lines, each;
};

static void some_lines(void *arg, size_t block)
{
    const struct places *p = arg;
    const size_t end = (block + 1) * p->each < p->lines ? (block + 1) * p->each : p->lines;
    for (size_t i = block * p->each; i < end; i++)
        p->f(p->out + i * p->out_bytes, p->in + i * p->in_bytes, p->at + i * p->m, p->m);
}

static eg_status forward_along(struct egi_call *c)
{
    struct egi_tensor x, index;
    const int put = c->op->kernel;
    EGI_TRY(egi_contiguous(c, &c->in[0], &x));
    EGI_TRY(egi_contiguous(c, &c->in[1], &index));
    const size_t last = x.shape.rank - 1, m = index.shape.dim[last];
    EGI_TRY(check_index(c, &index, put ? c->out.shape.dim[last] : x.shape.dim[last]));
    if (put) memset(c->out.data, 0, row_bytes(&c->out, 0));
    if (m == 0) return EG_OK;
    const struct egi_tensor_kernels *k = egi_kernels_of(x.dtype);
    struct places p = { put ? k->put : k->take,
                        (const int32_t *)(const void *)index.data,
                        x.data,
                        c->out.data,
                        m,
                        row_bytes(&x, last),
                        row_bytes(&c->out, last),
                        eg_shape_size(&index.shape) / m,
                        1 + 4096 / m };
    egi_parallel_for((p.lines + p.each - 1) / p.each,
                     egi_crew(c->threads, 2.0 * (double)p.lines * (double)m), some_lines, &p);
    return EG_OK;
}

static void back_take(struct egi_back *b)
{
    const eg_shape x = eg_tape_shape(b->t, b->x[0]);
    b->dx[0] = eg_put_along(b->t, b->g, b->x[1], x.rank - 1, x.dim[x.rank - 1]);
}

static void back_put(struct egi_back *b)
{
    b->dx[0] = eg_take_along(b->t, b->g, b->x[1], eg_tape_shape(b->t, b->g).rank - 1);
}

static eg_status shape_one_hot(struct egi_call *c)
{
    EGI_TRY(wants_index(c, 0));
    c->out.dtype = (eg_dtype)c->attr->n[1];
    if (c->out.shape.rank == EG_MAX_RANK || c->attr->n[0] < 1 || c->out.dtype == EG_I32)
        return egi_fail(EG_ERR_INVALID, "one_hot: rank %zu, %td classes, of %s", c->out.shape.rank,
                        c->attr->n[0], eg_dtype_name(c->out.dtype));
    c->out.shape.dim[c->out.shape.rank++] = (size_t)c->attr->n[0];
    return EG_OK;
}

static eg_status forward_one_hot(struct egi_call *c)
{
    struct egi_tensor index;
    EGI_TRY(egi_contiguous(c, &c->in[0], &index));
    const size_t classes = (size_t)c->attr->n[0], n = eg_shape_size(&index.shape);
    EGI_TRY(check_index(c, &index, classes));
    const int32_t *at = (const int32_t *)(const void *)index.data;
    memset(c->out.data, 0, row_bytes(&c->out, 0));
    for (size_t i = 0; i < n; i++) {
        const size_t there = i * classes + (size_t)at[i];
        if (c->out.dtype == EG_F32)
            ((float *)(void *)c->out.data)[there] = 1;
        else
            ((double *)(void *)c->out.data)[there] = 1;
    }
    return EG_OK;
}

enum { DRAWS = 4096 };

static eg_status forward_dropout(struct egi_call *c)
{
    struct egi_tensor x;
    EGI_TRY(egi_contiguous(c, &c->in[0], &x));
    const size_t n = eg_shape_size(&x.shape);
    const double p = c->attr->a[0], gain = 1 / (1 - p);
    float u[DRAWS];
    for (size_t i = 0; i < n; i++) {
        if (i % DRAWS == 0)
            eg_random_uniform(c->attr->seed, c->attr->stream, i, n - i < DRAWS ? n - i : DRAWS, u);
        const double keep = (double)u[i % DRAWS] >= p ? gain : 0;
        if (x.dtype == EG_F32)
            ((float *)(void *)c->out.data)[i] = ((const float *)(void *)x.data)[i] * (float)keep;
        else
            ((double *)(void *)c->out.data)[i] = ((const double *)(void *)x.data)[i] * keep;
    }
    return EG_OK;
}

static eg_status shape_dropout(struct egi_call *c)
{
    return c->in[0].dtype != EG_I32 ? EG_OK : egi_fail(EG_ERR_UNSUPPORTED, "dropout: of i32");
}

/* Linear in x: the same places are kept again. */
static void back_dropout(struct egi_back *b)
{
    b->dx[0] = eg_dropout(b->t, b->g, b->attr->a[0], b->attr->seed, b->attr->stream);
}

#define ROW(id, formula, source, shape_, forward_, back, put)             \
    const struct egi_op egi_op_##id = { .info = { #id, formula, source }, \
                                        .shape = shape_,                  \
                                        .forward = forward_,              \
                                        .backward = back,                 \
                                        .kernel = put,                    \
                                        .flags = EGI_ANY_DTYPE };
ROW(gather, "y_i = x[index_i]", "", shape_gather, forward_gather, back_gather, 0)
ROW(scatter_add, "y_j = sum_(index_i = j) x_i", "", shape_scatter, forward_scatter, back_scatter, 0)
ROW(take_along, "y_i = x[index_i] along an axis", "", shape_along, forward_along, back_take, 0)
ROW(put_along, "y_j = sum_(index_i = j) x_i along an axis", "", shape_along, forward_along,
    back_put, 1)
ROW(one_hot, "y_ij = [index_i = j]", "", shape_one_hot, forward_one_hot, NULL, 0)
ROW(dropout, "y = x [u >= p] / (1 - p)", "Srivastava et al. 2014", shape_dropout, forward_dropout,
    back_dropout, 0)

eg_var eg_gather(eg_tape *t, eg_var x, eg_var index)
{
    const eg_var in[2] = { x, index };
    return egi_apply(t, &egi_op_gather, in, 2, NULL);
}

eg_var eg_scatter_add(eg_tape *t, eg_var x, eg_var index, size_t n)
{
    const eg_var in[2] = { x, index };
    const struct egi_attr attr = { .n = { (ptrdiff_t)n } };
    return egi_apply(t, &egi_op_scatter_add, in, 2, &attr);
}

static eg_var along(eg_tape *t, const struct egi_op *op, eg_var x, eg_var index, size_t axis,
                    size_t size)
{
    const size_t rank = eg_tape_shape(t, x).rank;
    if (eg_tape_status(t) != EG_OK) return EG_NONE;
    if (axis >= rank || eg_tape_shape(t, index).rank != rank)
        return egi_tape_fail(t, egi_fail(EG_ERR_SHAPE,
                                         "%s: axis %zu, x of rank %zu, index of rank %zu",
                                         op->info.name, axis, rank, eg_tape_shape(t, index).rank));
    const eg_var in[2] = { eg_swap_axes(t, x, axis, rank - 1),
                           eg_swap_axes(t, index, axis, rank - 1) };
    const struct egi_attr attr = { .n = { (ptrdiff_t)size } };
    return eg_swap_axes(t, egi_apply(t, op, in, 2, &attr), axis, rank - 1);
}

eg_var eg_take_along(eg_tape *t, eg_var x, eg_var index, size_t axis)
{
    return along(t, &egi_op_take_along, x, index, axis, 0);
}

eg_var eg_put_along(eg_tape *t, eg_var x, eg_var index, size_t axis, size_t size)
{
    return along(t, &egi_op_put_along, x, index, axis, size);
}

eg_var eg_one_hot(eg_tape *t, eg_var index, size_t classes, eg_dtype dtype)
{
    const struct egi_attr attr = { .n = { (ptrdiff_t)classes, (ptrdiff_t)dtype } };
    return egi_apply(t, &egi_op_one_hot, &index, 1, &attr);
}

eg_var eg_dropout(eg_tape *t, eg_var x, double p, uint64_t seed, uint64_t stream)
{
    if (!(p >= 0 && p < 1))
        return egi_tape_fail(t, egi_fail(EG_ERR_INVALID, "dropout: p = %g, not in [0, 1)", p));
    const struct egi_attr attr = { .a = { p, 0 }, .seed = seed, .stream = stream };
    return egi_apply(t, &egi_op_dropout, &x, 1, &attr);
}
