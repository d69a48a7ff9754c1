/* Steps of a frozen network, one picture at a time: weights stay as they are, sizes are known.
 *
 * A value is C channels of H x W places of f32. It lies plain (row-major), or blocked: channels in
 * blocks, those of a block beside each other at each place, the last block filled up with zeros,
 *
 *   blocked[c / block][h][w][c % block] = plain[c][h][w],
 *
 * as the kernels like it. Both ways a range of whole blocks is one piece of memory, so a step is
 * cut into parts by the channels that it writes; into how many, its sizes alone say: the same bits
 * for any number of threads.
 *
 * Differs from the same steps one by one (engram/operations.h): sums in another order, and an
 * activation or a maximum may drop NaN, so the caller looks whether the picture has any. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EGI_KERNEL_FROZEN_H
#define EGI_KERNEL_FROZEN_H

#include <stddef.h>

#include "engram/status.h"

enum egi_frozen_kind {
    EGI_FROZEN_CONV,         /* y = act(w * x + bias), or act(y + w * x + bias) */
    EGI_FROZEN_MAX_POOL,     /* y = max over a window of x */
    EGI_FROZEN_AVERAGE_POOL, /* y = mean over a window of x */
    EGI_FROZEN_ACT,          /* y = act(x) */
    EGI_FROZEN_ADD,          /* y = act(x + z) */
    EGI_FROZEN_COPY,         /* y = x, maybe in the other layout */
    EGI_FROZEN_CONCAT        /* one behind the other by channels: no kernel's, but the plan's */
};

enum egi_frozen_act {
    EGI_FROZEN_AS_IT_IS,
    EGI_FROZEN_RELU,
    EGI_FROZEN_CLAMP, /* to a..b */
    EGI_FROZEN_LEAKY, /* a x below 0 */
    EGI_FROZEN_ELU,   /* a (e^x - 1) below 0 */
    EGI_FROZEN_SIGMOID,
    EGI_FROZEN_TANH,
    EGI_FROZEN_HARD_SWISH /* x min(max(x + 3, 0), 6) / 6 */
};

struct egi_frozen_size {
    size_t c, h, w;
};

struct egi_frozen_step {
    enum egi_frozen_kind kind;
    enum egi_frozen_act act;
    float a, b;                     /* of act */
    struct egi_frozen_size x, y;    /* z is as x */
    int x_blocked, y_blocked, onto; /* onto: to what y has */
    int counts;                     /* of a mean: places outside x do */
    int winograd;                   /* of a convolution: by fewer products (Lavin & Gray 2016) */
    size_t groups, kernel[2], stride[2], dilation[2], before[2], after[2]; /* of a window */
    const float *w, *bias; /* (O, C/groups, K, K'), (O) or NULL, as long as the code is used */
};

enum egi_frozen_arg { EGI_FROZEN_X, EGI_FROZEN_Z, EGI_FROZEN_Y, EGI_FROZEN_ARGS };

/* A step ready to run. */
struct egi_frozen_code {
    size_t parts;
    size_t packed;  /* bytes of its weights as they are read */
    size_t scratch; /* bytes of each part */
    void *own;
};

/* What runs such steps. make and bind: EG_ERR_NOMEM; EG_ERR_UNSUPPORTED, which `can` tells before.
 */
struct egi_frozen_kernels {
    /* block: of channels. EG_ERR_UNSUPPORTED: this machine has no layout that pays. */
    eg_status (*open)(void **host, size_t *block);
    void (*close)(void *host);
    int (*can)(void *host, const struct egi_frozen_step *s);
    eg_status (*make)(void *host, const struct egi_frozen_step *s, struct egi_frozen_code *out);
    void (*clear)(struct egi_frozen_code *code);
    eg_status (*pack)(const struct egi_frozen_code *code, char *packed);
    /* A part with memory of its own to work in. */
    eg_status (*bind)(const struct egi_frozen_code *code, size_t part, char *packed, char *scratch,
                      void **bound);
    void (*unbind)(void *bound);
    /* Where the whole of an argument lies. */
    eg_status (*point)(void *bound, enum egi_frozen_arg arg, char *data);
    eg_status (*call)(void *bound);
};
/* NULL: this build has none. */
const struct egi_frozen_kernels *egi_frozen_kernels(void);
extern const struct egi_frozen_kernels egi_frozen_dnnl;

/* Bytes of a value, which has at most 2^30 numbers with those that fill it up. */
size_t egi_frozen_bytes(const struct egi_frozen_size *size, int blocked, size_t block);
/* Into how many parts a step is cut, and the channels of y before part i. */
size_t egi_frozen_parts(const struct egi_frozen_step *s, size_t block);
size_t egi_frozen_first(const struct egi_frozen_step *s, size_t block, size_t parts, size_t i);

#endif
