/* LSTM and GRU over all steps, fused: one matrix product for all inputs, one or two a step, and one
 * pass over the gates. The formulae are those of engram/operations.h.
 *
 * Forward packs what its derivative needs into (T, B, S H): four planes of gates (i f g o; r z n
 * and b_n = h w_hn^T + b_hn), c for the LSTM, h last. The bias (4 H) goes to the gates in that
 * order. Rows of the batch are independent and taken in blocks of fixed size: the same bits for any
 * number of threads. In f32 the gates go through egi_kernel_exp.h. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EGI_KERNEL_RECURRENT_H
#define EGI_KERNEL_RECURRENT_H

#include <stddef.h>

#include "engram/tensor.h"

enum egi_recurrent_kind { EGI_LSTM, EGI_GRU };

struct egi_recurrent {
    enum egi_recurrent_kind kind;
    eg_dtype dtype; /* EG_F32 or EG_F64 */
    size_t steps, batch, inputs, hidden;
};

/* Rows are row-major and without gaps. c is NULL for the GRU. */
struct egi_recurrent_data {
    const char *x;           /* (T, B, D); not read on the way back */
    const char *h, *c;       /* (B, H) before the first step */
    const char *w_ih, *w_hh; /* (G H, D), (G H, H); w_ih not read on the way back */
    const char *bias;        /* (4 H); not read on the way back */
    char *packed;            /* (T, B, S H) */
    const char *g;           /* (T, B, S H) gradient by what is packed: of c and h alone */
    char *scratch;           /* (B, H) of the way back */
    char *d;                 /* (T, B, 5 H): by the sums inside the four gates; then by all of c of
                                this step (LSTM), of h (GRU) */
};

size_t egi_recurrent_gates(enum egi_recurrent_kind kind);  /* G: 4, 3 */
size_t egi_recurrent_planes(enum egi_recurrent_kind kind); /* S: 6, 5 */
void egi_recurrent_forward(const struct egi_recurrent *g, const struct egi_recurrent_data *d,
                           int threads);
void egi_recurrent_back(const struct egi_recurrent *g, const struct egi_recurrent_data *d,
                        int threads);

#endif
