/* Correlation and response on a grid of two times. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EGI_TWO_TIME_H
#define EGI_TWO_TIME_H

#include "dynamics/egi_dynamics.h"
#include "kernel/egi_kernel_line.h"

/* Row i of a triangle: groups of 8 rows, each padded to a length of 8 (i / 8 + 1), zeros after its
 * diagonal, so that four of them are one block of a matrix. */
static inline size_t egi_row_from(size_t i)
{
    const size_t q = i / EGI_LINE_LANES;
    return 32 * q * (q + 1) + EGI_LINE_LANES * (i % EGI_LINE_LANES) * (q + 1);
}

enum { EGI_PARTS = 16 }; /* the sums are cut into, whatever the number of threads */

struct egi_two_time {
    struct egi_glass glass;
    size_t n, done; /* steps; rows 0..done are known */
    double h;
    int threads;
    double *c, *r;        /* triangles: C(t_i, t_j), R(t_i, t_j), j <= i */
    double *m, *mu, *e;   /* (n + 1) */
    double *a, *b;        /* (wide) weights times R Q''(C), and Q'(C), of the row at hand */
    double *dc, *dr;      /* (2, wide) rates of rows i and i + 1 */
    double *left, *right; /* (wide) the sums over s below, by dot products */
    double *sum;          /* (EGI_PARTS, 2, wide) and above, by parts */
    double *up, *down;    /* (wide) of all parts, within sum */
    double dm[2];
    size_t wide, cells;
    const struct egi_kernels_line *kernels;
    struct egi_arena arena;
};

/* n steps of h from t = 0; EG_ERR_LIMIT above max_bytes. */
eg_status egi_two_time_create(const struct egi_glass *g, double h, size_t n, size_t max_bytes,
                              int threads, const eg_allocator *alloc, struct egi_two_time *out);
void egi_two_time_destroy(struct egi_two_time *w);
/* One step of Heun's method; EG_ERR_DIVERGED where h is too large. */
eg_status egi_two_time_step(struct egi_two_time *w);

/* two_time_file.c - a file of what is known, or the one before it (PATH.before) where that is
 * damaged; EG_NOT_FOUND: there is neither; EG_ERR_INVALID: whole, and of another model or grid. */
eg_status egi_two_time_load(struct egi_two_time *w, const char *path);
eg_status egi_two_time_save(const struct egi_two_time *w, const char *path);

static inline double egi_c(const struct egi_two_time *w, size_t i, size_t j)
{
    return w->c[egi_row_from(i) + j];
}

static inline double egi_r(const struct egi_two_time *w, size_t i, size_t j)
{
    return w->r[egi_row_from(i) + j];
}

#endif
