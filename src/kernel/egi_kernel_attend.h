/* The association with a way back: softmax over keys, weighted values, and their gradients, for one
 * head of one example; no (Q, N) matrix is stored either way.
 *
 *     s_ij = <q_i, k_j>,   p_ij = e^(s_ij - l_i),  l_i = log sum_j e^s_ij,   y_i = sum_j p_ij v_j
 *
 * With g the gradient by (y, l), the way back makes s and p again tile by tile (Rabe and Staats
 * 2021; Dao et al. 2022, algorithm 4):
 *
 *     ds_ij = p_ij (<g_i, v_j> - delta_i),   delta_i = <g_i, y_i> - g_l,i
 *     dq_i = sum_j ds_ij k_j,   dk_j = sum_i ds_ij q_i,   dv_j = sum_i p_ij g_i
 *
 * Hidden keys cost nothing where they are hidden from every query of a block; a query that sees
 * none gives 0, l = -infinity, and no gradient. Numbers that are not finite in q, k or v give NaN.
 *
 * Determinism: y and dq of a query depend on it and the keys alone, dk and dv are sums over blocks
 * of queries in their order. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EGI_KERNEL_ATTEND_H
#define EGI_KERNEL_ATTEND_H

#include <stddef.h>
#include <stdint.h>

#include "kernel/egi_kernel.h"

enum {
    EGI_ATTEND_QUERIES = 32, /* of a block: a tile of scores takes a quarter of the first cache */
    EGI_ATTEND_KEYS = 64     /* of a tile */
};

struct egi_attend {
    size_t queries, keys, d, dv;
    size_t ldq, ldk, ldv; /* elements from one row to the next */
    const void *q;        /* (Q, d) */
    const void *k;        /* (N, d) */
    const void *v;        /* (N, dv) */
    /* hidden[i hidden_q + j hidden_k] != 0: query i does not see key j. NULL: it sees all. */
    const void *hidden;
    ptrdiff_t hidden_q, hidden_k;
    const uint32_t
        *seen;         /* (keys) rows of k and v that there are for anybody; NULL: all in order */
    void *y;           /* (Q, dv + 1): y and l; written forward, read on the way back */
    const void *g;     /* (Q, dv + 1) */
    void *dq;          /* (Q, d), or NULL as the next two: not wanted */
    void *dk, *dvalue; /* (N, d), (N, dv), rows of keys that nobody sees are left as they are */
    void *scratch;     /* egi_attend_scratch() elements */
};

struct egi_attend_kernels {
    size_t step; /* elements of a vector */
    void (*forward)(const struct egi_attend *a);
    void (*back)(const struct egi_attend *a);
};

/* Elements of scratch: of the way back where there is a g. */
size_t egi_attend_scratch(const struct egi_attend *a);

/* f32 by the row; f64 by the reference alone. */
extern const struct egi_attend_kernels egi_attend_ref, egi_attend_f64;
#if EGI_X86
extern const struct egi_attend_kernels egi_attend_avx2;
extern const struct egi_attend_kernels egi_attend_avx512;
#endif
const struct egi_attend_kernels *egi_attend_kernels_of(enum egi_isa isa);
const struct egi_attend_kernels *egi_attend_kernels(void);

#endif
