/* Pooling of a block of planes by oneDNN 2.6, as the channels of one picture.
 *
 * Its maximum drops NaN and begins at the lowest finite number: a block that holds NaN, or whose
 * maximum is that number, is done by the reference. The way back of a maximum goes forward once
 * more, for oneDNN's own note of where each lies. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifdef EG_DNNL

#include <float.h>
#include <math.h>
#include <string.h>

#include "base/egi_base.h"
#include "kernel/egi_kernel_dnnl.h"
#include "kernel/egi_kernel_pool.h"

/* Primitives for blocks of n planes. */
struct primitives {
    size_t n;
    dnnl_memory_desc_t x, y, pad[2], note;
    dnnl_primitive_t way[2]; /* forward; back, NULL where the kind has none */
};

struct own {
    dnnl_engine_t engine;
    struct primitives of[2]; /* a full block; the last one where it has fewer planes */
};

static const struct role {
    dnnl_alg_kind_t algorithm;
    dnnl_prop_kind_t forward;
    int back, largest;
} roles[] = {
    [EGI_POOLING_MAX] = { dnnl_pooling_max, dnnl_forward_inference, 0, 1 },
    [EGI_POOLING_MAX_BACK] = { dnnl_pooling_max, dnnl_forward_training, 1, 1 },
    [EGI_POOLING_MEAN] = { dnnl_pooling_avg_include_padding, dnnl_forward_inference, 0, 0 },
    [EGI_POOLING_SPREAD] = { dnnl_pooling_avg_include_padding, dnnl_forward_training, 1, 0 },
};

static dnnl_status_t describe(const size_t *size, size_t planes, dnnl_memory_desc_t *out)
{
    const dnnl_dims_t dims = { 1, (dnnl_dim_t)planes, (dnnl_dim_t)size[0], (dnnl_dim_t)size[1] };
    return dnnl_memory_desc_init_by_tag(out, 4, dims, dnnl_f32, dnnl_nchw);
}

static dnnl_status_t operation(const struct egi_pooling_plan *p, const struct primitives *q,
                               int back, dnnl_pooling_desc_t *out)
{
    const struct role *role = &roles[p->kind];
    dnnl_dims_t stride, kernel, padding;
    for (size_t i = 0; i < 2; i++) {
        stride[i] = (dnnl_dim_t)p->g.stride[i];
        kernel[i] = (dnnl_dim_t)p->g.kernel[i];
        padding[i] = (dnnl_dim_t)p->g.padding[i];
    }
    if (back)
        return dnnl_pooling_backward_desc_init(out, role->algorithm, &q->x, &q->y, stride, kernel,
                                               padding, padding);
    return dnnl_pooling_forward_desc_init(out, role->forward, role->algorithm, &q->x, &q->y, stride,
                                          kernel, padding, padding);
}

/* hint: of the way forward where this is the way back. */
static dnnl_status_t make_way(const struct egi_pooling_plan *p, const struct own *own, int back,
                              const_dnnl_primitive_desc_t hint, struct primitives *q,
                              dnnl_primitive_desc_t *pd)
{
    dnnl_pooling_desc_t op;
    EGI_DNNL_TRY(operation(p, q, back, &op));
    EGI_DNNL_TRY(egi_dnnl_describe(&op, own->engine, hint, pd));
    q->pad[back] = *dnnl_primitive_desc_query_md(*pd, dnnl_query_scratchpad_md, 0);
    return dnnl_primitive_create(&q->way[back], *pd);
}

static dnnl_status_t make_primitives(const struct egi_pooling_plan *p, const struct own *own,
                                     struct primitives *q)
{
    dnnl_primitive_desc_t pd[2] = { NULL, NULL };
    EGI_DNNL_TRY(describe(p->g.in, q->n, &q->x));
    EGI_DNNL_TRY(describe(p->g.out, q->n, &q->y));
    dnnl_status_t s = make_way(p, own, 0, NULL, q, &pd[0]);
    if (s == dnnl_success && p->kind == EGI_POOLING_MAX_BACK)
        q->note = *dnnl_primitive_desc_query_md(pd[0], dnnl_query_workspace_md, 0);
    if (s == dnnl_success && roles[p->kind].back) s = make_way(p, own, 1, pd[0], q, &pd[1]);
    for (size_t i = 0; i < 2; i++) dnnl_primitive_desc_destroy(pd[i]);
    return s;
}

/* The pads, then a maximum and oneDNN's note of where it lies, of the way back. */
static size_t scratch_of(const struct primitives *q, enum egi_pooling_kind kind)
{
    const size_t pads = egi_dnnl_room(&q->pad[0]) + egi_dnnl_room(&q->pad[1]);
    const int both = kind == EGI_POOLING_MAX_BACK;
    return pads + (both ? egi_dnnl_room(&q->y) + egi_dnnl_room(&q->note) : 0);
}

static int any_nan(const float *x, size_t count)
{
    int found = 0;
    for (size_t i = 0; i < count; i++) found |= x[i] != x[i];
    return found;
}

static int any_lowest(const float *y, size_t count)
{
    int found = 0;
    for (size_t i = 0; i < count; i++) found |= y[i] == -FLT_MAX;
    return found;
}

static size_t count_of(const dnnl_memory_desc_t *md)
{
    return dnnl_memory_desc_get_size(md) / sizeof(float);
}

static void *unconst(const char *data)
{
    return (void *)(uintptr_t)data; /* oneDNN reads it only */
}

/* y of x, with the note where there is one. */
static dnnl_status_t forward(const struct own *own, const struct primitives *q, const char *x,
                             char *y, char *note, char *pad)
{
    const struct egi_dnnl_arg args[] = { { DNNL_ARG_SRC, &q->x, unconst(x) },
                                         { DNNL_ARG_DST, &q->y, y },
                                         { DNNL_ARG_SCRATCHPAD, &q->pad[0], pad },
                                         { DNNL_ARG_WORKSPACE, &q->note, note } };
    return egi_dnnl_run(own->engine, q->way[0], EGI_COUNT(args) - (note == NULL), args);
}

static dnnl_status_t back(const struct own *own, const struct primitives *q, const char *y,
                          char *out, char *note, char *pad)
{
    const struct egi_dnnl_arg args[] = { { DNNL_ARG_DIFF_DST, &q->y, unconst(y) },
                                         { DNNL_ARG_DIFF_SRC, &q->x, out },
                                         { DNNL_ARG_SCRATCHPAD, &q->pad[1], pad },
                                         { DNNL_ARG_WORKSPACE, &q->note, note } };
    return egi_dnnl_run(own->engine, q->way[1], EGI_COUNT(args) - (note == NULL), args);
}

/* *lowest: a maximum is the lowest number, so oneDNN may have found none. */
static dnnl_status_t pool(const struct egi_pooling_plan *p, const struct primitives *q,
                          const struct egi_pooling_data *d, char *scratch, int *lowest)
{
    const struct own *own = p->own;
    const struct role *role = &roles[p->kind];
    char *pad[2] = { scratch, scratch + egi_dnnl_room(&q->pad[0]) };
    char *y = d->out, *note = NULL;
    if (role->back && !role->largest) return back(own, q, d->y, d->out, NULL, pad[1]);
    if (role->back) {
        y = pad[1] + egi_dnnl_room(&q->pad[1]);
        note = y + egi_dnnl_room(&q->y);
    }
    EGI_DNNL_TRY(forward(own, q, d->x, y, note, pad[0]));
    *lowest = role->largest && any_lowest((const float *)(const void *)y, count_of(&q->y));
    return role->back ? back(own, q, d->y, d->out, note, pad[1]) : dnnl_success;
}

static void block(const struct egi_pooling_plan *p, size_t n, const struct egi_pooling_data *d,
                  char *scratch)
{
    const struct own *own = p->own;
    const struct primitives *q = &own->of[n != own->of[0].n];
    const struct role *role = &roles[p->kind];
    int apart = role->largest && any_nan((const float *)(const void *)d->x, count_of(&q->x));
    if (!apart && pool(p, q, d, scratch, &apart) != dnnl_success) apart = 1;
    if (apart) egi_pooling_reference(p, n, d, scratch);
}

static dnnl_status_t make(void *plan, size_t i)
{
    const struct egi_pooling_plan *p = plan;
    struct own *own = p->own;
    return make_primitives(p, own, &own->of[i]);
}

eg_status egi_pooling_dnnl_plan(struct egi_pooling_plan *p)
{
    struct own *own = egi_alloc(eg_allocator_default(), sizeof *own);
    if (own == NULL) return egi_fail(EG_ERR_NOMEM, "pooling: %zu bytes", sizeof *own);
    memset(own, 0, sizeof *own);
    own->of[0].n = p->each;
    own->of[1].n = p->g.planes % p->each;
    p->own = own;
    const size_t n[2] = { own->of[0].n, own->of[1].n };
    const eg_status s = egi_dnnl_prepare("pooling", &own->engine, n, make, p);
    if (s != EG_OK) {
        egi_pooling_dnnl_clear(own);
        p->own = NULL;
        return s == EG_ERR_UNSUPPORTED ? EG_OK : s; /* what it does not do is the reference's */
    }
    p->block = block;
    const size_t last = own->of[1].n > 0 ? scratch_of(&own->of[1], p->kind) : 0;
    p->scratch = scratch_of(&own->of[0], p->kind);
    if (p->scratch < last) p->scratch = last;
    return EG_OK;
}

void egi_pooling_dnnl_clear(void *own)
{
    struct own *o = own;
    if (o == NULL) return;
    for (size_t i = 0; i < 2; i++)
        for (size_t k = 0; k < 2; k++) dnnl_primitive_destroy(o->of[i].way[k]);
    dnnl_engine_destroy(o->engine);
    egi_free(eg_allocator_default(), o, sizeof *o);
}

#else
typedef int egi_no_dnnl; /* a translation unit is not empty */
#endif
