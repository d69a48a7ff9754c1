/* LSTM and GRU over all steps, fused, and their derivatives by everything. The formulae are those
 * of engram/operations.h; gates lie in PyTorch's order, i f g o and r z n.
 *
 * Rows of the batch are independent and are taken in blocks whose size depends on the sizes alone;
 * the gradients by weights and bias of blocks are added in their order: the same bits for any
 * number of threads. f32 is oneDNN's where it is built in; else, and for f64, matrix products of a
 * block and one pass over its gates a step, in f32 by egi_kernel_exp.h. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EGI_KERNEL_RECURRENT_H
#define EGI_KERNEL_RECURRENT_H

#include <stddef.h>

#include "engram/status.h"
#include "engram/tensor.h"

enum egi_recurrent_kind { EGI_LSTM, EGI_GRU };

/* All sizes at least 1, but batch and inputs. No bytes between: plans are found by it. */
struct egi_recurrent {
    size_t kind, dtype; /* egi_recurrent_kind; EG_F32 or EG_F64 */
    size_t steps, batch, inputs, hidden;
};

/* Arrays, row-major and without gaps, first those that are given. The GRU has no C and no LAST. */
enum egi_recurrent_array {
    EGI_RECURRENT_X,    /* (T, B, D) */
    EGI_RECURRENT_H,    /* (B, H) before the first step */
    EGI_RECURRENT_C,    /* (B, H) alike */
    EGI_RECURRENT_W_IH, /* (G H, D) */
    EGI_RECURRENT_W_HH, /* (G H, H) */
    EGI_RECURRENT_BIAS, /* (4 H): of the gates; of the GRU, b_hn is the last */
    EGI_RECURRENT_Y,    /* (T, B, H) h of each step */
    EGI_RECURRENT_LAST, /* (B, H) c of the last step */
    EGI_RECURRENT_ARRAYS
};

/* Forward reads and writes values, and writes what is kept. Back reads all of them, and makes all
 * gradients from those by Y and LAST, of which the latter may be NULL: zeros. */
struct egi_recurrent_data {
    char *value[EGI_RECURRENT_ARRAYS], *gradient[EGI_RECURRENT_ARRAYS];
    char *kept;
};

enum egi_recurrent_way { EGI_RECURRENT_FORWARD, EGI_RECURRENT_BACK, EGI_RECURRENT_WAYS };

struct egi_recurrent_plan {
    struct egi_recurrent g;
    size_t blocks, each; /* of rows; the last block may have fewer */
    size_t kept;         /* bytes of all blocks */
    size_t scratch[EGI_RECURRENT_WAYS];
    /* Bytes of one block; of scratch, but for its gradients by weights and bias. */
    size_t block_kept, block_scratch[EGI_RECURRENT_WAYS];
    size_t shared; /* bytes of scratch that blocks share */
    const struct egi_recurrent_code *code;
    void *own; /* of oneDNN */
};

/* What is done to blocks. */
struct egi_recurrent_code {
    /* Once before them: values that blocks share, in the shape they want. NULL: as they are. */
    void (*ready)(const struct egi_recurrent_plan *p, enum egi_recurrent_way way,
                  struct egi_recurrent_data *d, char *shared);
    /* One block of n rows, whose step is as far from the next as in the whole batch. Back adds to
     * the gradients by weights and bias. */
    void (*block[EGI_RECURRENT_WAYS])(const struct egi_recurrent_plan *p, size_t n,
                                      const struct egi_recurrent_data *d, char *scratch);
    /* Gradients by weights and bias as blocks have them, into ours. */
    void (*finish)(const struct egi_recurrent_plan *p, char *const *from, char *const *to);
};

size_t egi_recurrent_gates(size_t kind); /* G: 4, 3 */
eg_shape egi_recurrent_shape(const struct egi_recurrent *g, size_t array);
/* reference: not oneDNN. The plan is to be cleared in any case of EG_OK. */
eg_status egi_recurrent_plan(const struct egi_recurrent *g, int reference,
                             struct egi_recurrent_plan *out);
void egi_recurrent_run(const struct egi_recurrent_plan *p, enum egi_recurrent_way way,
                       const struct egi_recurrent_data *d, char *scratch, int threads);
void egi_recurrent_plan_clear(struct egi_recurrent_plan *p);

/* kernel_recurrent_dnnl.c - sets code, own and the bytes of one block and shared, for f32; leaves
 * them where oneDNN does not do it. */
eg_status egi_recurrent_dnnl_plan(struct egi_recurrent_plan *p);
void egi_recurrent_dnnl_clear(void *own);

#endif
