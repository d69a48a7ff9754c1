/* Pooling of planes (H, W): the largest of a window, where it is, what comes back to there; the
 * mean of a window, and its adjoint.
 *
 * Planes are independent and are taken in blocks: the same bits for any number of threads. f32 is
 * oneDNN's where it is built in, but for INDEX and windows that slide unevenly; oneDNN drops NaN,
 * so a block that holds one is done by the reference. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EGI_KERNEL_POOL_H
#define EGI_KERNEL_POOL_H

#include <stddef.h>
#include <stdint.h>

#include "engram/status.h"
#include "engram/tensor.h"

/* x (planes, H, W), y (planes, H', W'); dtype is that of x.
 * INDEX: of x, to i32 like y: the place in 0..HW-1 of the first of the largest inside; NaN wins.
 * MAX: of x, to what lies there.  MAX_BACK: of x and y, to x: at each place the sum of y over
 * windows whose largest lies there.  MEAN: of x, to y; padding counts as zeros.  SPREAD: its
 * adjoint, of y to x. */
enum egi_pooling_kind {
    EGI_POOLING_INDEX,
    EGI_POOLING_MAX,
    EGI_POOLING_MAX_BACK,
    EGI_POOLING_MEAN,
    EGI_POOLING_SPREAD
};

/* Window i of an axis begins at i stride - padding; where kernel is 0, it goes from
 * floor(i in / out) to ceil((i + 1) in / out), and windows may overlap. Every window has a place
 * inside. */
struct egi_pooling {
    size_t planes, in[2], out[2];
    size_t kernel[2], stride[2], padding[2];
};

struct egi_pooling_data {
    const char *x, *y; /* NULL where the kind does not read it */
    char *out;
};

struct egi_pooling_plan {
    struct egi_pooling g;
    enum egi_pooling_kind kind;
    eg_dtype dtype;
    size_t blocks, each; /* of planes; the last block may have fewer */
    size_t scratch;      /* bytes of all blocks */
    /* One block of n planes with scratch of its own. */
    void (*block)(const struct egi_pooling_plan *p, size_t n, const struct egi_pooling_data *d,
                  char *scratch);
    void *own; /* of oneDNN */
};

/* EG_F32 or EG_F64. reference: not oneDNN. The plan is to be cleared in any case of EG_OK. */
eg_status egi_pooling_plan(const struct egi_pooling *g, enum egi_pooling_kind kind, eg_dtype dtype,
                           int reference, struct egi_pooling_plan *out);
void egi_pooling_run(const struct egi_pooling_plan *p, const struct egi_pooling_data *d,
                     char *scratch, int threads);
void egi_pooling_plan_clear(struct egi_pooling_plan *p);
void egi_pooling_reference(const struct egi_pooling_plan *p, size_t n,
                           const struct egi_pooling_data *d, char *scratch);

/* kernel_pool_dnnl.c - sets block, own and scratch (then bytes of one block), for f32; leaves them
 * where oneDNN does not do such windows. */
eg_status egi_pooling_dnnl_plan(struct egi_pooling_plan *p);
void egi_pooling_dnnl_clear(void *own);

#endif
