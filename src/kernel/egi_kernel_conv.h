/* Convolution of pictures and its two adjoints: the three derivatives of one trilinear form
 *
 *   s = sum y[n][o][i] w[o][c][k] x[n][c + C/G (o / (O/G))][i stride - padding + k dilation]
 *
 * over pictures n, outputs o, channels c of a group, places i and taps k (each a row and a column;
 * x is 0 outside). ds/dy is the convolution, ds/dx the transposed one, ds/dw the gradient by the
 * weights. x (N, C, H, W), w (O, C/G, K, K'), y (N, O, H', W'), row-major.
 *
 * Pictures are taken in blocks whose size depends on the sizes alone (the outputs of one picture,
 * alone in its batch, in two), and the gradients by the
 * weights of blocks are added in their order: the same bits for any number of threads. f32 is
 * oneDNN's where it is built in; else, and for f64, windows unfolded into a matrix and one matrix
 * product a picture and group (Chellapilla et al. 2006). */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EGI_KERNEL_CONV_H
#define EGI_KERNEL_CONV_H

#include <stddef.h>

#include "engram/status.h"
#include "engram/tensor.h"

enum egi_conv_kind { EGI_CONV_OUTPUT, EGI_CONV_INPUT, EGI_CONV_WEIGHT };

/* All sizes at least 1, but n; out = (in + 2 padding - dilation (kernel - 1) - 1) / stride + 1. */
struct egi_conv {
    size_t n, c, o, groups;
    size_t in[2], kernel[2], out[2];
    size_t stride[2], padding[2], dilation[2];
};

/* One of the three is written, as the kind says. */
struct egi_conv_data {
    char *x, *w, *y;
};

struct egi_conv_plan {
    struct egi_conv g; /* of a part */
    enum egi_conv_kind kind;
    eg_dtype dtype;
    size_t blocks, each; /* of pictures; the last block may have fewer */
    size_t parts;        /* 2: the outputs of one picture are cut, and a block is a part */
    size_t channels;     /* of the whole: C */
    size_t scratch;      /* bytes of all blocks */
    /* One block of n pictures with scratch of its own. */
    void (*block)(const struct egi_conv_plan *p, size_t n, const struct egi_conv_data *d,
                  char *scratch);
    void *own; /* of oneDNN */
};

/* EG_F32 or EG_F64. reference: not oneDNN. The plan is to be cleared in any case of EG_OK. */
eg_status egi_conv_plan(const struct egi_conv *g, enum egi_conv_kind kind, eg_dtype dtype,
                        int reference, struct egi_conv_plan *out);
void egi_conv_run(const struct egi_conv_plan *p, const struct egi_conv_data *d, char *scratch,
                  int threads);
void egi_conv_plan_clear(struct egi_conv_plan *p);

/* kernel_conv_dnnl.c - sets block, own and scratch (then bytes of one block), for f32. */
eg_status egi_conv_dnnl_plan(struct egi_conv_plan *p);
void egi_conv_dnnl_clear(void *own);

#endif
