/* Correlation and integrated response on a grid of two times whose step doubles. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EGI_DOUBLING_H
#define EGI_DOUBLING_H

#include "dynamics/egi_dynamics.h"
#include "kernel/egi_kernel_line.h"

enum egi_doubling_square {
    EGI_D_C,     /* C(t_i, t_j) */
    EGI_D_F,     /* F(t_i, t_j), R integrated from t_j to t_i */
    EGI_D_STEP,  /* R over cell k of row i */
    EGI_D_ROW_C, /* means over cell k of row i: C; Q'(C) */
    EGI_D_ROW_Q1,
    EGI_D_ROW_F,
    EGI_D_R_Q2, /* the same weighted by R: Q''(C); Q'(C); Q''(C) C */
    EGI_D_R_Q1,
    EGI_D_R_Q2C,
    EGI_D_R_Q2S,  /* Q''(C) (s - middle)/h */
    EGI_D_LEAN,   /* the first moment of R */
    EGI_D_DOWN_C, /* means over cell k of column j: C, F */
    EGI_D_DOWN_F,
    EGI_D_SQUARES
};

enum egi_doubling_line {
    EGI_D_M,
    EGI_D_MU,
    EGI_D_E,
    EGI_D_MEAN_M, /* of m over cell k */
    EGI_D_W,      /* R Q''(C) over the cells of the row at hand */
    EGI_D_W1,     /* its first moment */
    EGI_D_Q1,     /* differences of Q'(C) */
    EGI_D_SUM_C,
    EGI_D_SUM_F,
    EGI_D_OFF, /* of the row n/2: what its equations leave, and what its means have beside */
    EGI_D_LINES = EGI_D_OFF + 11
};

struct egi_doubling {
    struct egi_glass glass;
    size_t n, row; /* points of a block, even; the last row that is known */
    double h, tolerance;
    size_t iterations;             /* all so far */
    double *square[EGI_D_SQUARES]; /* (n + 1, wide) */
    double *line[EGI_D_LINES];     /* (wide) */
    size_t wide;
    const struct egi_kernels_line *kernels;
    struct egi_arena arena;
};

eg_status egi_doubling_create(const struct egi_glass *g, size_t n, size_t max_bytes,
                              const eg_allocator *alloc, struct egi_doubling *out);
void egi_doubling_destroy(struct egi_doubling *w);
/* The next row; where the block is full, its step doubles before. */
eg_status egi_doubling_step(struct egi_doubling *w);

/* long_times.c - rows at times that grow as powers. */
eg_status egi_long_times(struct egi_dynamics *run);

#endif
