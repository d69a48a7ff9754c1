/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "grad/egi_window.h"

/* Option `given` for both axes; the only one of rank 3 is the second of two. */
static void complete(size_t *to, const size_t *given, size_t rank, const size_t *missing)
{
    for (size_t i = 0; i < 2; i++) {
        const size_t value = rank == 4 ? given[i] : i == 1 ? given[0] : 0;
        to[i] = value > 0 ? value : missing[i];
    }
}

eg_status egi_window_of(const char *name, const eg_window *options, size_t rank, size_t stride,
                        struct egi_window *out)
{
    static const size_t zeros[2] = { 0, 0 }, ones[2] = { 1, 1 };
    eg_window o = EG_WINDOW_INIT;
    if (options != NULL) memcpy(&o, options, options->size < sizeof o ? options->size : sizeof o);
    const size_t strides[2] = { stride, stride };
    struct egi_window v = { .groups = o.groups > 0 ? o.groups : 1 };
    if (rank != 3 && rank != 4)
        return egi_fail(EG_ERR_SHAPE, "%s: rank %zu, expected (N, C, L) or (N, C, H, W)", name,
                        rank);
    complete(v.kernel, o.kernel, rank, ones);
    complete(v.stride, o.stride, rank, stride > 0 ? strides : v.kernel);
    complete(v.padding, o.padding, rank, zeros);
    complete(v.dilation, o.dilation, rank, ones);
    complete(v.extra, o.extra, rank, zeros);
    size_t all = v.groups;
    for (size_t i = 0; i < 2; i++)
        all |= v.kernel[i] | v.stride[i] | v.padding[i] | v.dilation[i] | v.extra[i];
    if (all >> 30 != 0) return egi_fail(EG_ERR_INVALID, "%s: a window of 2^30 or more", name);
    for (size_t i = 0; i < 2; i++)
        if (v.extra[i] >= v.stride[i] && v.extra[i] > 0)
            return egi_fail(EG_ERR_INVALID, "%s: extra %zu, not below the stride %zu", name,
                            v.extra[i], v.stride[i]);
    *out = v;
    return EG_OK;
}

size_t egi_window_count(size_t in, size_t kernel, size_t stride, size_t padding, size_t dilation)
{
    if (kernel == 0) return 0;
    const size_t room = in + 2 * padding, reach = dilation * (kernel - 1) + 1;
    return in > 0 && room >= reach ? (room - reach) / stride + 1 : 0;
}

eg_var egi_window_planes(eg_tape *t, eg_var x)
{
    const eg_shape s = eg_tape_shape(t, x);
    return s.rank == 4 ? x : eg_reshape(t, x, &eg_shape_of(s.dim[0], s.dim[1], 1, s.dim[2]));
}

eg_var egi_window_lines(eg_tape *t, eg_var y, size_t rank)
{
    const eg_shape s = eg_tape_shape(t, y);
    return rank == 4 ? y : eg_reshape(t, y, &eg_shape_of(s.dim[0], s.dim[1], s.dim[3]));
}
