/* Views of arrays: how shape and strides change while the memory stays. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "tensor/egi_tensor.h"

struct egi_tensor egi_tensor_of(eg_dtype dtype, const eg_shape *shape, void *data)
{
    struct egi_tensor x = { .dtype = dtype, .shape = *shape, .data = data };
    ptrdiff_t step = 1;
    for (size_t i = shape->rank; i-- > 0;) {
        x.stride[i] = step;
        step *= (ptrdiff_t)shape->dim[i];
    }
    return x;
}

int egi_tensor_contiguous(const struct egi_tensor *x)
{
    ptrdiff_t step = 1;
    for (size_t i = x->shape.rank; i-- > 0;) {
        if (x->shape.dim[i] != 1 && x->stride[i] != step) return 0;
        step *= (ptrdiff_t)x->shape.dim[i];
    }
    return 1;
}

struct egi_tensor egi_tensor_permute(const struct egi_tensor *x, const size_t *order)
{
    struct egi_tensor y = *x;
    for (size_t i = 0; i < x->shape.rank; i++) {
        y.shape.dim[i] = x->shape.dim[order[i]];
        y.stride[i] = x->stride[order[i]];
    }
    return y;
}

struct egi_tensor egi_tensor_broadcast(const struct egi_tensor *x, const eg_shape *shape)
{
    struct egi_tensor y = { .dtype = x->dtype, .shape = *shape, .data = x->data };
    const size_t lead = shape->rank - x->shape.rank;
    for (size_t i = lead; i < shape->rank; i++)
        y.stride[i] = x->shape.dim[i - lead] == 1 ? 0 : x->stride[i - lead];
    return y;
}

struct egi_tensor egi_tensor_slice(const struct egi_tensor *x, size_t axis, size_t begin,
                                   size_t count, ptrdiff_t step)
{
    struct egi_tensor y = *x;
    const ptrdiff_t bytes = (ptrdiff_t)eg_dtype_size(x->dtype);
    y.data += (ptrdiff_t)begin * x->stride[axis] * bytes;
    y.shape.dim[axis] = count;
    y.stride[axis] *= step;
    return y;
}

/* Each run of old axes that lie in one line may be cut anew; sizes of 1 fit anywhere. */
int egi_tensor_reshape(const struct egi_tensor *x, const eg_shape *shape, struct egi_tensor *out)
{
    struct egi_tensor y = egi_tensor_of(x->dtype, shape, x->data);
    size_t i = x->shape.rank, j = shape->rank; /* axes of x and of y still to be placed */
    while (eg_shape_size(shape) > 0 && i > 0) {
        if (x->shape.dim[i - 1] == 1) {
            i--;
            continue;
        }
        size_t run = x->shape.dim[i - 1]; /* elements from axis i - 1 on in one line */
        const ptrdiff_t step = x->stride[i - 1];
        i--;
        while (i > 0 && (x->shape.dim[i - 1] == 1 || x->stride[i - 1] == step * (ptrdiff_t)run)) {
            run *= x->shape.dim[i - 1];
            i--;
        }
        ptrdiff_t at = step;
        while (j > 0 && run > 1) {
            const size_t dim = shape->dim[j - 1];
            if (run % dim != 0) return 0;
            y.stride[j - 1] = at;
            at *= (ptrdiff_t)dim;
            run /= dim;
            j--;
        }
        if (run > 1) return 0;
    }
    *out = y;
    return 1;
}

int egi_shape_fits(const eg_shape *shape)
{
    size_t size = 1;
    for (size_t i = 0; i < shape->rank; i++) {
        const size_t dim = shape->dim[i] > 0 ? shape->dim[i] : 1;
        if (size > ((size_t)1 << 60) / dim) return 0;
        size *= dim;
    }
    return 1;
}

int egi_shape_equal(const eg_shape *a, const eg_shape *b)
{
    if (a->rank != b->rank) return 0;
    for (size_t i = 0; i < a->rank; i++)
        if (a->dim[i] != b->dim[i]) return 0;
    return 1;
}

const char *egi_shape_text(const eg_shape *shape, char text[EGI_SHAPE_TEXT])
{
    size_t at = 0;
    text[at++] = '(';
    for (size_t i = 0; i < shape->rank; i++)
        at += (size_t)snprintf(text + at, EGI_SHAPE_TEXT - at, i > 0 ? ", %zu" : "%zu",
                               shape->dim[i]);
    snprintf(text + at, EGI_SHAPE_TEXT - at, ")");
    return text;
}

eg_status egi_shape_broadcast(const eg_shape *a, const eg_shape *b, const char *what, eg_shape *out)
{
    const eg_shape *longer = a->rank >= b->rank ? a : b;
    const eg_shape *shorter = longer == a ? b : a;
    const size_t lead = longer->rank - shorter->rank;
    eg_shape both = *longer;
    for (size_t i = 0; i < shorter->rank; i++) {
        const size_t p = longer->dim[lead + i], q = shorter->dim[i];
        if (p == q || q == 1) continue;
        if (p != 1) {
            char ta[EGI_SHAPE_TEXT], tb[EGI_SHAPE_TEXT];
            return egi_fail(EG_ERR_SHAPE, "%s: shapes %s and %s do not broadcast", what,
                            egi_shape_text(a, ta), egi_shape_text(b, tb));
        }
        both.dim[lead + i] = q;
    }
    *out = both;
    return EG_OK;
}
