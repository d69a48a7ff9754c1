/* What a part of a step is to oneDNN 2.6: descriptors, attributes, and whether it pays. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifdef EG_DNNL

#include <string.h>

#include "base/egi_base.h"
#include "kernel/egi_kernel_frozen_dnnl.h"

static dnnl_status_t value_md(const struct egi_frozen_size *size, size_t channels, int blocked,
                              size_t block, dnnl_memory_desc_t *out)
{
    const dnnl_dims_t dims = { 1, (dnnl_dim_t)channels, (dnnl_dim_t)size->h, (dnnl_dim_t)size->w };
    const dnnl_format_tag_t tag = !blocked ? dnnl_nchw : block == 16 ? dnnl_nChw16c : dnnl_nChw8c;
    return dnnl_memory_desc_init_by_tag(out, 4, dims, dnnl_f32, tag);
}

/* ---- attributes ---- */

static const dnnl_alg_kind_t activations[] = {
    [EGI_FROZEN_RELU] = dnnl_eltwise_relu,
    [EGI_FROZEN_CLAMP] = dnnl_eltwise_clip,
    [EGI_FROZEN_LEAKY] = dnnl_eltwise_relu,
    [EGI_FROZEN_ELU] = dnnl_eltwise_elu,
    [EGI_FROZEN_SIGMOID] = dnnl_eltwise_logistic,
    [EGI_FROZEN_TANH] = dnnl_eltwise_tanh,
    [EGI_FROZEN_HARD_SWISH] = dnnl_eltwise_hardswish,
};

static dnnl_status_t append(const struct egi_frozen_step *s, dnnl_post_ops_t ops)
{
    if (s->onto) EGI_DNNL_TRY(dnnl_post_ops_append_sum(ops, 1));
    if (s->act == EGI_FROZEN_AS_IT_IS || s->kind == EGI_FROZEN_ACT) return dnnl_success;
    return dnnl_post_ops_append_eltwise(ops, 1, activations[s->act], s->a, s->b);
}

static dnnl_status_t attributes(const struct egi_frozen_step *s, dnnl_primitive_attr_t attr)
{
    dnnl_post_ops_t ops;
    EGI_DNNL_TRY(dnnl_primitive_attr_set_scratchpad_mode(attr, dnnl_scratchpad_mode_user));
    EGI_DNNL_TRY(dnnl_post_ops_create(&ops));
    dnnl_status_t status = append(s, ops);
    if (status == dnnl_success) status = dnnl_primitive_attr_set_post_ops(attr, ops);
    dnnl_post_ops_destroy(ops);
    return status;
}

/* ---- what a part is ---- */

/* Whole of x for a convolution that is not by channels, else the same range as of y. */
static int takes_all(const struct egi_frozen_step *s)
{
    return s->kind == EGI_FROZEN_CONV && (s->groups == 1 || s->groups != s->y.c);
}

dnnl_status_t egi_frozen_weights(const struct egi_frozen_step *s, size_t count,
                                 dnnl_format_tag_t plain, dnnl_memory_desc_t *out)
{
    const int grouped = s->groups > 1;
    const size_t groups = grouped && !takes_all(s) ? count : s->groups;
    const dnnl_dims_t w = { (dnnl_dim_t)groups, (dnnl_dim_t)(count / groups),
                            (dnnl_dim_t)(s->x.c / s->groups), (dnnl_dim_t)s->kernel[0],
                            (dnnl_dim_t)s->kernel[1] };
    return dnnl_memory_desc_init_by_tag(out, 4 + grouped, w + !grouped, dnnl_f32, plain);
}

static dnnl_status_t describe_conv(const struct egi_frozen_step *s, const struct egi_frozen_part *p,
                                   dnnl_convolution_desc_t *out)
{
    dnnl_dims_t stride, dilation, before, after;
    dnnl_memory_desc_t any, bias;
    const dnnl_dims_t channels = { (dnnl_dim_t)p->count };
    for (size_t i = 0; i < 2; i++) {
        stride[i] = (dnnl_dim_t)s->stride[i];
        dilation[i] = (dnnl_dim_t)s->dilation[i] - 1;
        before[i] = (dnnl_dim_t)s->before[i];
        after[i] = (dnnl_dim_t)s->after[i];
    }
    EGI_DNNL_TRY(egi_frozen_weights(s, p->count, dnnl_format_tag_any, &any));
    EGI_DNNL_TRY(dnnl_memory_desc_init_by_tag(&bias, 1, channels, dnnl_f32, dnnl_a));
    return dnnl_dilated_convolution_forward_desc_init(
        out, dnnl_forward_inference,
        s->winograd ? dnnl_convolution_winograd : dnnl_convolution_direct, &p->x, &any,
        s->bias != NULL ? &bias : NULL, &p->y, stride, dilation, before, after);
}

static dnnl_status_t describe_pool(const struct egi_frozen_step *s, const struct egi_frozen_part *p,
                                   dnnl_pooling_desc_t *out)
{
    dnnl_dims_t stride, kernel, before, after;
    for (size_t i = 0; i < 2; i++) {
        stride[i] = (dnnl_dim_t)s->stride[i];
        kernel[i] = (dnnl_dim_t)s->kernel[i];
        before[i] = (dnnl_dim_t)s->before[i];
        after[i] = (dnnl_dim_t)s->after[i];
    }
    const dnnl_alg_kind_t kind = s->kind == EGI_FROZEN_MAX_POOL ? dnnl_pooling_max
                                 : s->counts                    ? dnnl_pooling_avg_include_padding
                                                                : dnnl_pooling_avg_exclude_padding;
    return dnnl_pooling_forward_desc_init(out, dnnl_forward_inference, kind, &p->x, &p->y, stride,
                                          kernel, before, after);
}

/* The primitive's description: of what a step of this kind is to oneDNN. */
static dnnl_status_t describe(const struct egi_frozen_host *h, const struct egi_frozen_step *s,
                              const struct egi_frozen_part *p, const_dnnl_primitive_attr_t attr,
                              dnnl_primitive_desc_t *out)
{
    union {
        dnnl_convolution_desc_t conv;
        dnnl_pooling_desc_t pool;
        dnnl_eltwise_desc_t act;
        dnnl_binary_desc_t add;
    } op;
    switch (s->kind) {
    case EGI_FROZEN_COPY:
        return dnnl_reorder_primitive_desc_create(out, &p->x, h->engine, &p->y, h->engine, attr);
    case EGI_FROZEN_CONV:
        EGI_DNNL_TRY(describe_conv(s, p, &op.conv));
        break;
    case EGI_FROZEN_ACT:
        EGI_DNNL_TRY(dnnl_eltwise_forward_desc_init(&op.act, dnnl_forward_inference,
                                                    activations[s->act], &p->x, s->a, s->b));
        break;
    case EGI_FROZEN_ADD:
        EGI_DNNL_TRY(dnnl_binary_desc_init(&op.add, dnnl_binary_add, &p->x, &p->x, &p->y));
        break;
    default:
        EGI_DNNL_TRY(describe_pool(s, p, &op.pool));
    }
    return dnnl_primitive_desc_create(out, &op, attr, h->engine, NULL);
}

dnnl_status_t egi_frozen_part_of(const struct egi_frozen_host *h, const struct egi_frozen_step *s,
                                 size_t parts, size_t i, struct egi_frozen_part *p)
{
    const size_t end = egi_frozen_first(s, h->block, parts, i + 1);
    const int all = takes_all(s);
    p->first = egi_frozen_first(s, h->block, parts, i);
    p->count = end - p->first;
    EGI_DNNL_TRY(value_md(&s->x, all ? s->x.c : p->count, s->x_blocked, h->block, &p->x));
    EGI_DNNL_TRY(value_md(&s->y, p->count, s->y_blocked, h->block, &p->y));
    const size_t places = s->x.h * s->x.w * sizeof(float);
    p->at[EGI_FROZEN_X] = p->at[EGI_FROZEN_Z] = all ? 0 : p->first * places;
    p->at[EGI_FROZEN_Y] = p->first * s->y.h * s->y.w * sizeof(float);
    return dnnl_success;
}

dnnl_status_t egi_frozen_describe(const struct egi_frozen_host *h, const struct egi_frozen_step *s,
                                  const struct egi_frozen_part *p, dnnl_primitive_desc_t *out)
{
    dnnl_primitive_attr_t attr;
    EGI_DNNL_TRY(dnnl_primitive_attr_create(&attr));
    dnnl_status_t status = attributes(s, attr);
    if (status == dnnl_success) status = describe(h, s, p, attr, out);
    dnnl_primitive_attr_destroy(attr);
    return status;
}

int egi_frozen_pays(const struct egi_frozen_step *s, const_dnnl_primitive_desc_t pd)
{
    const char *name = "";
    if (s->kind == EGI_FROZEN_COPY) return 1;
    if (dnnl_primitive_desc_query(pd, dnnl_query_impl_info_str, 0, (void *)&name) != dnnl_success)
        return 0;
    return strncmp(name, "jit", 3) == 0 || strncmp(name, "brg", 3) == 0;
}

#else
typedef int egi_no_dnnl; /* a translation unit is not empty */
#endif
