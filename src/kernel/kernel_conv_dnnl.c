/* Convolution of a block of pictures by oneDNN 2.6: direct, in the layout it likes best, with a
 * reorder before and after where that is not ours. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifdef EG_DNNL

#include <math.h>
#include <string.h>

#include "base/egi_base.h"
#include "kernel/egi_kernel_conv.h"
#include "kernel/egi_kernel_dnnl.h"

enum { X, W, Y, ARRAYS };

/* Primitives for blocks of n pictures. */
struct primitives {
    size_t n;
    dnnl_memory_desc_t plain[ARRAYS], fast[ARRAYS], pad;
    dnnl_primitive_t conv, reorder[ARRAYS]; /* NULL: plain is fast */
};

struct own {
    dnnl_engine_t engine;
    struct primitives of[2]; /* a full block; the last one where it has fewer pictures */
};

/* What each kind calls its arrays, and which of them it writes. */
static const struct role {
    int arg[ARRAYS];
    dnnl_query_t query[ARRAYS];
    int written;
} roles[] = {
    [EGI_CONV_OUTPUT] = { { DNNL_ARG_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DST },
                          { dnnl_query_src_md, dnnl_query_weights_md, dnnl_query_dst_md },
                          Y },
    [EGI_CONV_INPUT] = { { DNNL_ARG_DIFF_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DIFF_DST },
                         { dnnl_query_diff_src_md, dnnl_query_weights_md, dnnl_query_diff_dst_md },
                         X },
    [EGI_CONV_WEIGHT] = { { DNNL_ARG_SRC, DNNL_ARG_DIFF_WEIGHTS, DNNL_ARG_DIFF_DST },
                          { dnnl_query_src_md, dnnl_query_diff_weights_md, dnnl_query_diff_dst_md },
                          W },
};

static dnnl_status_t describe(const struct egi_conv *g, size_t n, dnnl_format_tag_t tag[ARRAYS],
                              dnnl_memory_desc_t *out)
{
    const dnnl_dim_t groups = (dnnl_dim_t)g->groups, o = (dnnl_dim_t)g->o, c = (dnnl_dim_t)g->c;
    const dnnl_dims_t x = { (dnnl_dim_t)n, c, (dnnl_dim_t)g->in[0], (dnnl_dim_t)g->in[1] };
    const dnnl_dims_t y = { (dnnl_dim_t)n, o, (dnnl_dim_t)g->out[0], (dnnl_dim_t)g->out[1] };
    const dnnl_dims_t w = { groups, o / groups, c / groups, (dnnl_dim_t)g->kernel[0],
                            (dnnl_dim_t)g->kernel[1] };
    const int grouped = groups > 1;
    EGI_DNNL_TRY(dnnl_memory_desc_init_by_tag(&out[X], 4, x, dnnl_f32, tag[X]));
    EGI_DNNL_TRY(
        dnnl_memory_desc_init_by_tag(&out[W], 4 + grouped, w + !grouped, dnnl_f32, tag[W]));
    return dnnl_memory_desc_init_by_tag(&out[Y], 4, y, dnnl_f32, tag[Y]);
}

static dnnl_status_t operation(const struct egi_conv_plan *p, const dnnl_memory_desc_t *md,
                               dnnl_convolution_desc_t *out)
{
    const struct egi_conv *g = &p->g;
    dnnl_dims_t stride, dilation, padding;
    for (size_t i = 0; i < 2; i++) {
        stride[i] = (dnnl_dim_t)g->stride[i];
        dilation[i] = (dnnl_dim_t)g->dilation[i] - 1;
        padding[i] = (dnnl_dim_t)g->padding[i];
    }
    if (p->kind == EGI_CONV_INPUT)
        return dnnl_dilated_convolution_backward_data_desc_init(out, dnnl_convolution_direct,
                                                                &md[X], &md[W], &md[Y], stride,
                                                                dilation, padding, padding);
    if (p->kind == EGI_CONV_WEIGHT)
        return dnnl_dilated_convolution_backward_weights_desc_init(
            out, dnnl_convolution_direct, &md[X], &md[W], NULL, &md[Y], stride, dilation, padding,
            padding);
    return dnnl_dilated_convolution_forward_desc_init(out, dnnl_forward_training,
                                                      dnnl_convolution_direct, &md[X], &md[W], NULL,
                                                      &md[Y], stride, dilation, padding, padding);
}

static dnnl_status_t make_conv(const struct egi_conv_plan *p, const struct own *own,
                               const dnnl_memory_desc_t *any, struct primitives *out)
{
    dnnl_convolution_desc_t op;
    dnnl_primitive_desc_t pd;
    EGI_DNNL_TRY(operation(p, any, &op));
    EGI_DNNL_TRY(egi_dnnl_describe(&op, own->engine, NULL, &pd));
    for (size_t k = 0; k < ARRAYS; k++)
        out->fast[k] = *dnnl_primitive_desc_query_md(pd, roles[p->kind].query[k], 0);
    out->pad = *dnnl_primitive_desc_query_md(pd, dnnl_query_scratchpad_md, 0);
    const dnnl_status_t s = dnnl_primitive_create(&out->conv, pd);
    dnnl_primitive_desc_destroy(pd);
    return s;
}

static dnnl_status_t make_reorder(const struct own *own, const dnnl_memory_desc_t *from,
                                  const dnnl_memory_desc_t *to, dnnl_primitive_t *out)
{
    dnnl_primitive_desc_t pd;
    EGI_DNNL_TRY(dnnl_reorder_primitive_desc_create(&pd, from, own->engine, to, own->engine, NULL));
    const dnnl_status_t s = dnnl_primitive_create(out, pd);
    dnnl_primitive_desc_destroy(pd);
    return s;
}

static dnnl_status_t make_primitives(const struct egi_conv_plan *p, const struct own *own,
                                     struct primitives *out)
{
    dnnl_memory_desc_t any[ARRAYS];
    dnnl_format_tag_t ours[ARRAYS] = { dnnl_nchw, p->g.groups > 1 ? dnnl_goihw : dnnl_oihw,
                                       dnnl_nchw };
    dnnl_format_tag_t free_choice[ARRAYS] = { dnnl_format_tag_any, dnnl_format_tag_any,
                                              dnnl_format_tag_any };
    EGI_DNNL_TRY(describe(&p->g, out->n, ours, out->plain));
    EGI_DNNL_TRY(describe(&p->g, out->n, free_choice, any));
    EGI_DNNL_TRY(make_conv(p, own, any, out));
    for (int k = 0; k < ARRAYS; k++) {
        const dnnl_memory_desc_t *plain = &out->plain[k], *fast = &out->fast[k];
        if (dnnl_memory_desc_equal(plain, fast)) continue;
        const int back = k == roles[p->kind].written;
        EGI_DNNL_TRY(make_reorder(own, back ? fast : plain, back ? plain : fast, &out->reorder[k]));
    }
    return dnnl_success;
}

static size_t scratch_of(const struct primitives *q)
{
    size_t bytes = egi_dnnl_room(&q->pad);
    for (size_t k = 0; k < ARRAYS; k++)
        if (q->reorder[k] != NULL) bytes += egi_dnnl_room(&q->fast[k]);
    return bytes;
}

static dnnl_status_t reorder(const struct own *own, const struct primitives *q, size_t k,
                             const struct egi_dnnl_arg *from, const struct egi_dnnl_arg *to)
{
    const struct egi_dnnl_arg args[] = { { DNNL_ARG_FROM, from->md, from->data },
                                         { DNNL_ARG_TO, to->md, to->data } };
    return egi_dnnl_run(own->engine, q->reorder[k], EGI_COUNT(args), args);
}

/* Arrays as they lie, and as the convolution takes them. */
static dnnl_status_t convolve(const struct own *own, const struct primitives *q,
                              const struct role *role, void *const *data, char *scratch)
{
    struct egi_dnnl_arg plain[ARRAYS], args[ARRAYS + 1];
    const size_t written = (size_t)role->written;
    for (size_t k = 0; k < ARRAYS; k++) {
        plain[k] = args[k] = (struct egi_dnnl_arg){ role->arg[k], &q->plain[k], data[k] };
        if (q->reorder[k] == NULL) continue;
        args[k].md = &q->fast[k];
        args[k].data = scratch;
        scratch += egi_dnnl_room(&q->fast[k]);
        if (k != written) EGI_DNNL_TRY(reorder(own, q, k, &plain[k], &args[k]));
    }
    args[ARRAYS] = (struct egi_dnnl_arg){ DNNL_ARG_SCRATCHPAD, &q->pad, scratch };
    EGI_DNNL_TRY(egi_dnnl_run(own->engine, q->conv, ARRAYS + 1, args));
    if (q->reorder[written] == NULL) return dnnl_success;
    return reorder(own, q, written, &args[written], &plain[written]);
}

static void block(const struct egi_conv_plan *p, size_t n, const struct egi_conv_data *d,
                  char *scratch)
{
    const struct own *own = p->own;
    const struct primitives *q = &own->of[n != own->of[0].n];
    const struct role *role = &roles[p->kind];
    void *const data[ARRAYS] = { d->x, d->w, d->y };
    if (convolve(own, q, role, data, scratch) == dnnl_success) return;
    /* No memory: what cannot be computed must not look as if it were. */
    float *out = data[role->written];
    const size_t count = dnnl_memory_desc_get_size(&q->plain[role->written]) / sizeof *out;
    for (size_t i = 0; i < count; i++) out[i] = NAN;
}

static dnnl_status_t make(void *plan, size_t i)
{
    const struct egi_conv_plan *p = plan;
    struct own *own = p->own;
    return make_primitives(p, own, &own->of[i]);
}

eg_status egi_conv_dnnl_plan(struct egi_conv_plan *p)
{
    struct own *own = egi_alloc(eg_allocator_default(), sizeof *own);
    if (own == NULL) return egi_fail(EG_ERR_NOMEM, "convolution: %zu bytes", sizeof *own);
    memset(own, 0, sizeof *own);
    own->of[0].n = p->each;
    own->of[1].n = p->g.n % p->each;
    p->own = own;
    const size_t n[2] = { own->of[0].n, own->of[1].n };
    const eg_status s = egi_dnnl_prepare("convolution", &own->engine, n, make, p);
    if (s != EG_OK) {
        egi_conv_dnnl_clear(own);
        p->own = NULL;
        return s;
    }
    p->block = block;
    const size_t last = own->of[1].n > 0 ? scratch_of(&own->of[1]) : 0;
    p->scratch = scratch_of(&own->of[0]);
    if (p->scratch < last) p->scratch = last;
    return EG_OK;
}

void egi_conv_dnnl_clear(void *own)
{
    struct own *o = own;
    if (o == NULL) return;
    for (size_t i = 0; i < 2; i++) {
        dnnl_primitive_destroy(o->of[i].conv);
        for (size_t k = 0; k < ARRAYS; k++) dnnl_primitive_destroy(o->of[i].reorder[k]);
    }
    dnnl_engine_destroy(o->engine);
    egi_free(eg_allocator_default(), o, sizeof *o);
}

#else
typedef int egi_no_dnnl; /* a translation unit is not empty */
#endif
