/* The association as one operation with one derivative: kernel/egi_kernel_attend.h for every head
 * of every example. Its value is packed (.., Q, DV + 1): y, and the logarithm of the sum that the
 * way back needs and energies are made of. The derivative packs what is wanted of dq, dk and dv
 * into one line.
 *
 * A mask that is the same for all queries (padding) makes a list of the keys that are seen: the
 * others are not touched at all. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/egi_kernel_attend.h"

#include <string.h>

#include "grad/egi_ops.h"

enum { Q, K, V, MASKS, INPUTS_MAX = MASKS + 2 };
enum { N_MASKS, N_WANTED }; /* places of attr.n */

struct heads {
    struct egi_tensor in[INPUTS_MAX], y, g; /* rows in lines */
    size_t masks, count;                    /* count: of heads over all examples */
    struct egi_attend shape;
    const struct egi_attend_kernels *kernels;
    size_t item, room;             /* bytes of an element; of a worker */
    char *scratch;                 /* (workers, room) */
    char *out[3];                  /* dq, dk, dv, or NULL */
    size_t rows[3], columns[3];    /* of one head */
    const struct egi_tensor *list; /* the mask that is the same for all queries, or NULL */
};

/* The first element of matrix `index` in the order of the leading axes. */
static char *matrix(const struct egi_tensor *x, size_t index)
{
    ptrdiff_t at = 0;
    for (size_t i = x->shape.rank - 2; i-- > 0;) {
        at += (ptrdiff_t)(index % x->shape.dim[i]) * x->stride[i];
        index /= x->shape.dim[i];
    }
    return x->data + at * (ptrdiff_t)eg_dtype_size(x->dtype);
}

static int is_hidden(const struct egi_tensor *mask, const char *at, size_t key)
{
    const ptrdiff_t i = (ptrdiff_t)key * mask->stride[mask->shape.rank - 1];
    return mask->dtype == EG_F32 ? ((const float *)(const void *)at)[i] != 0
                                 : ((const double *)(const void *)at)[i] != 0;
}

static size_t list_seen(const struct heads *h, size_t index, uint32_t *seen)
{
    const char *at = matrix(h->list, index);
    size_t count = 0;
    for (size_t j = 0; j < h->shape.keys; j++)
        if (!is_hidden(h->list, at, j)) seen[count++] = (uint32_t)j;
    return count;
}

/* Head `index`, with the memory of a worker. */
static struct egi_attend head_of(const struct heads *h, size_t index, size_t worker)
{
    struct egi_attend a = h->shape;
    char *room = h->scratch + worker * h->room;
    const size_t y_bytes = a.queries * (a.dv + 1) * h->item;
    a.q = matrix(&h->in[Q], index);
    a.k = matrix(&h->in[K], index);
    a.v = matrix(&h->in[V], index);
    a.y = h->y.data + index * y_bytes;
    if (h->g.data != NULL) a.g = h->g.data + index * y_bytes;
    void **const to[3] = { &a.dq, &a.dk, &a.dvalue };
    for (size_t i = 0; i < 3; i++)
        if (h->out[i] != NULL) *to[i] = h->out[i] + index * h->rows[i] * h->columns[i] * h->item;
    for (size_t i = MASKS; i < MASKS + h->masks; i++) {
        if (&h->in[i] == h->list) continue;
        a.hidden = matrix(&h->in[i], index);
        a.hidden_q = h->in[i].stride[h->in[i].shape.rank - 2];
        a.hidden_k = h->in[i].stride[h->in[i].shape.rank - 1];
    }
    a.scratch = room;
    if (h->list == NULL) return a;
    uint32_t *seen = (uint32_t *)(void *)(room + h->room - a.keys * sizeof *seen);
    a.keys = list_seen(h, index, seen);
    a.seen = seen;
    return a;
}

static void one_head(void *arg, size_t index, size_t worker)
{
    const struct heads *h = arg;
    const struct egi_attend a = head_of(h, index, worker);
    if (h->g.data != NULL)
        h->kernels->back(&a);
    else
        h->kernels->forward(&a);
}

/* Components of a row must lie side by side. */
static eg_status in_lines(struct egi_call *c, size_t k, struct egi_tensor *out)
{
    const struct egi_tensor *x = &c->in[k];
    const size_t last = x->shape.rank - 1;
    *out = *x;
    return x->stride[last] == 1 || x->shape.dim[last] == 1 ? EG_OK : egi_contiguous(c, x, out);
}

/* One of two masks that say something of each query is joined with the other. */
static eg_status take_masks(struct egi_call *c, struct heads *h)
{
    h->masks = (size_t)c->attr->n[N_MASKS];
    size_t by_query = 0;
    for (size_t i = 0; i < h->masks; i++) {
        struct egi_tensor *m = &h->in[MASKS + i];
        *m = c->in[MASKS + i];
        const size_t r = m->shape.rank;
        if (m->stride[r - 2] == 0 || m->shape.dim[r - 2] == 1)
            h->list = m;
        else
            by_query++;
    }
    if (h->masks < 2 || (h->list != NULL && by_query == 1)) return EG_OK;
    return egi_fail(EG_ERR_UNSUPPORTED, "%s: two masks of which %zu tell queries apart, expected 1",
                    c->op->info.name, by_query);
}

static eg_status prepare(struct egi_call *c, struct heads *h)
{
    for (size_t i = 0; i < MASKS; i++) EGI_TRY(in_lines(c, i, &h->in[i]));
    EGI_TRY(take_masks(c, h));
    const struct egi_tensor *q = &h->in[Q], *k = &h->in[K], *v = &h->in[V];
    const size_t r = q->shape.rank;
    h->shape = (struct egi_attend){ .queries = q->shape.dim[r - 2],
                                    .keys = k->shape.dim[r - 2],
                                    .d = q->shape.dim[r - 1],
                                    .dv = v->shape.dim[r - 1],
                                    .ldq = (size_t)q->stride[r - 2],
                                    .ldk = (size_t)k->stride[r - 2],
                                    .ldv = (size_t)v->stride[r - 2],
                                    .g = h->g.data };
    h->count = 1;
    for (size_t i = 0; i + 2 < r; i++) h->count *= q->shape.dim[i];
    h->kernels = q->dtype == EG_F32 ? egi_attend_kernels() : &egi_attend_f64;
    h->item = eg_dtype_size(q->dtype);
    if (h->shape.keys > UINT32_MAX)
        return egi_fail(EG_ERR_LIMIT, "%s: %zu keys, expected up to 2^32 - 1", c->op->info.name,
                        h->shape.keys);
    return EG_OK;
}

static eg_status run(struct egi_call *c, struct heads *h)
{
    const double work = (double)h->count * (double)h->shape.queries * (double)h->shape.keys
                        * (double)(h->shape.d + h->shape.dv + 8);
    const int crew = egi_crew(c->threads, work);
    const size_t seen = (h->shape.keys * sizeof(uint32_t) + EGI_ALIGN) / EGI_ALIGN * EGI_ALIGN;
    void *scratch;
    h->room = egi_attend_scratch(&h->shape) * h->item / EGI_ALIGN * EGI_ALIGN + EGI_ALIGN + seen;
    EGI_TRY(egi_scratch(c, h->room * (size_t)egi_thread_count(crew), &scratch));
    h->scratch = scratch;
    egi_parallel_workers(h->count, crew, one_head, h);
    return EG_OK;
}

static eg_status forward(struct egi_call *c)
{
    struct heads h = { .y = c->out };
    EGI_TRY(prepare(c, &h));
    return run(c, &h);
}

static eg_status fits(const struct egi_call *c)
{
    char text[3][EGI_SHAPE_TEXT];
    const eg_shape *q = &c->in[Q].shape, *k = &c->in[K].shape, *v = &c->in[V].shape;
    const size_t r = q->rank;
    if (r >= 2 && k->rank == r && v->rank == r && q->dim[r - 1] == k->dim[r - 1]
        && k->dim[r - 2] == v->dim[r - 2] && c->out.dtype != EG_I32)
        return EG_OK;
    return egi_fail(EG_ERR_SHAPE,
                    "%s: queries %s, keys %s and values %s, expected (.., Q, D), (.., N, D) and "
                    "(.., N, DV)",
                    c->op->info.name, egi_shape_text(q, text[0]), egi_shape_text(k, text[1]),
                    egi_shape_text(v, text[2]));
}

static eg_status shape(struct egi_call *c)
{
    EGI_TRY(fits(c));
    const size_t r = c->in[Q].shape.rank;
    c->out.shape.dim[r - 1] = c->in[V].shape.dim[r - 1] + 1;
    return EG_OK;
}

static int wants(const struct egi_call *c, size_t k)
{
    return ((size_t)c->attr->n[N_WANTED] >> k & 1) != 0;
}

static eg_status shape_back(struct egi_call *c)
{
    size_t total = 0;
    for (size_t k = 0; k < MASKS; k++)
        if (wants(c, k)) total += eg_shape_size(&c->in[k].shape);
    c->out.shape = eg_shape_of(total);
    return EG_OK;
}

static eg_status forward_back(struct egi_call *c)
{
    const size_t masks = (size_t)c->attr->n[N_MASKS];
    struct heads h = { .masks = 0 };
    EGI_TRY(egi_contiguous(c, &c->in[MASKS + masks], &h.y));
    EGI_TRY(egi_contiguous(c, &c->in[MASKS + masks + 1], &h.g));
    EGI_TRY(prepare(c, &h));
    char *at = c->out.data;
    for (size_t k = 0; k < MASKS; k++) {
        const eg_shape *s = &c->in[k].shape;
        if (!wants(c, k)) continue;
        h.out[k] = at;
        h.rows[k] = s->dim[s->rank - 2];
        h.columns[k] = s->dim[s->rank - 1];
        at += eg_shape_size(s) * h.item;
    }
    if (h.list != NULL) memset(c->out.data, 0, (size_t)(at - c->out.data));
    return run(c, &h);
}

static void backward(struct egi_back *b)
{
    eg_tape *t = b->t;
    struct egi_attr attr = *b->attr;
    eg_var in[INPUTS_MAX + 2];
    memcpy(in, b->x, b->count * sizeof *in);
    in[b->count] = b->y;
    in[b->count + 1] = b->g;
    for (size_t k = 0; k < MASKS; k++) attr.n[N_WANTED] |= (ptrdiff_t)b->wanted[k] << k;
    const eg_var all = egi_apply(t, &egi_op_associate_back, in, b->count + 2, &attr);
    size_t at = 0;
    for (size_t k = 0; k < MASKS; k++) {
        const eg_shape s = eg_tape_shape(t, b->x[k]);
        const size_t size = eg_shape_size(&s);
        if (!b->wanted[k]) continue;
        b->dx[k] = eg_reshape(t, eg_slice(t, all, 0, at, size, 1), &s);
        at += size;
    }
}

const struct egi_op egi_op_associate = {
    .info = { "associate", "y = softmax(q k^T) v, l = logsumexp(q k^T)",
              "Ramsauer et al. 2021, eq. 10; Rabe and Staats 2021" },
    .shape = shape,
    .forward = forward,
    .backward = backward,
};
const struct egi_op egi_op_associate_back = {
    .info = { "associate_back", "the gradient of associate by q, k and v",
              "Dao et al. 2022, algorithm 4" },
    .shape = shape_back,
    .forward = forward_back,
    .unfused = "eg_matmul, eg_softmax and eg_matmul (\"fused\": false of a layer)",
};

/* Two axes of a value, and the leading ones that all of them share. */
static eg_var with_lead(eg_tape *t, eg_var x, const eg_shape *lead, size_t rows, size_t columns)
{
    eg_shape full = *lead;
    full.dim[full.rank++] = rows;
    full.dim[full.rank++] = columns;
    return eg_broadcast_to(t, x, &full);
}

static eg_status leading(eg_tape *t, const eg_var *x, eg_shape *lead)
{
    *lead = (eg_shape){ .rank = 0 };
    for (size_t k = 0; k < MASKS; k++) {
        eg_shape s = eg_tape_shape(t, x[k]);
        if (s.rank < 2)
            return egi_fail(EG_ERR_SHAPE, "associate: input %zu of rank %zu, expected 2 or more", k,
                            s.rank);
        s.rank -= 2;
        EGI_TRY(egi_shape_broadcast(lead, &s, "associate", lead));
    }
    return lead->rank + 2 <= EG_MAX_RANK ? EG_OK : egi_fail(EG_ERR_SHAPE, "associate: rank");
}

eg_var eg_associate(eg_tape *t, eg_var q, eg_var k, eg_var v, eg_var hidden, eg_var padding,
                    eg_var *log_sum)
{
    eg_var in[INPUTS_MAX] = { q, k, v };
    const eg_var masks[2] = { hidden, padding };
    struct egi_attr attr = { .n = { 0 } };
    eg_shape lead;
    if (log_sum != NULL) *log_sum = EG_NONE;
    if (eg_tape_status(t) != EG_OK) return EG_NONE;
    const eg_status s = leading(t, in, &lead);
    if (s != EG_OK) return egi_tape_fail(t, s);
    const size_t queries = eg_tape_shape(t, q).dim[eg_tape_shape(t, q).rank - 2];
    const size_t keys = eg_tape_shape(t, k).dim[eg_tape_shape(t, k).rank - 2];
    for (size_t i = 0; i < MASKS; i++) {
        const eg_shape own = eg_tape_shape(t, in[i]);
        in[i] = with_lead(t, in[i], &lead, own.dim[own.rank - 2], own.dim[own.rank - 1]);
    }
    for (size_t i = 0; i < 2; i++)
        if (masks[i].id != 0)
            in[MASKS + attr.n[N_MASKS]++] = with_lead(t, masks[i], &lead, queries, keys);
    const eg_var packed = egi_apply(t, &egi_op_associate, in, MASKS + (size_t)attr.n[0], &attr);
    const eg_shape full = eg_tape_shape(t, packed);
    if (packed.id == 0) return EG_NONE;
    const size_t last = full.rank - 1, dv = full.dim[last] - 1;
    eg_shape without = full;
    without.rank--;
    if (log_sum != NULL) *log_sum = eg_reshape(t, eg_slice(t, packed, last, dv, 1, 1), &without);
    return eg_slice(t, packed, last, 0, dv, 1);
}
