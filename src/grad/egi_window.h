/* Windows that slide, as convolutions and pools share them: options made complete, and one axis
 * of places seen as two. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EGI_WINDOW_H
#define EGI_WINDOW_H

#include "grad/egi_tape.h"

struct egi_window {
    size_t kernel[2], stride[2], padding[2], dilation[2], extra[2], groups;
};

/* Defaults for zeros (stride: `stride` where not 0, else the kernel); for one axis of places, of
 * rank 3, another of size 1 in front. Fails on a rank that is not 3 or 4, and on numbers from
 * 2^30 on. */
eg_status egi_window_of(const char *name, const eg_window *options, size_t rank, size_t stride,
                        struct egi_window *out);

/* Places of a window along an axis; 0: it does not fit. */
size_t egi_window_count(size_t in, size_t kernel, size_t stride, size_t padding, size_t dilation);

/* (N, C, L) as (N, C, 1, L), and back to the rank that was. Rank 4 stays. */
eg_var egi_window_planes(eg_tape *t, eg_var x);
eg_var egi_window_lines(eg_tape *t, eg_var y, size_t rank);

#endif
