/* Filters of the scattering transform, in both types. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EGI_SCATTERING_H
#define EGI_SCATTERING_H

#include "base/egi_base.h"
#include "engram/scattering.h"
#include "kernel/egi_kernel_scatter.h"

/* What a bank depends on. */
struct egi_scattering_key {
    size_t in[2], scales, angles, order, rounded_pi;
};

/* What arrays a bank has: row, column and level by what they are of. */
enum egi_scattering_what {
    EGI_SCATTERING_PSI,    /* (angles, n0 / 2^r, n1 / 2^r) transforms of wavelets of scale j, over
                              the number of their pixels; a = j, r */
    EGI_SCATTERING_NARROW, /* (out, n / 2^r) mean and sampling along axis a */
    EGI_SCATTERING_COS,    /* (n / 2^r)^2 of axis a: cos 2 pi k l / n, and sin */
    EGI_SCATTERING_SIN,
    EGI_SCATTERING_PAD /* (n, in) reflection along axis a */
};

struct egi_scattering_bank {
    struct egi_scatter k;
    double *value;  /* psi of all scales and levels, then narrow of both axes and all levels */
    float *rounded; /* the same in f32, then tables of Fourier transforms */
    const float **psi;
    unsigned *from[2];
    size_t psi_at[EGI_SCATTER_SCALES][EGI_SCATTER_SCALES], narrow_at[2][EGI_SCATTER_SCALES];
    size_t values, floats, filters;
    struct egi_arena arena;
};

eg_status egi_scattering_bank_make(const struct egi_scattering_key *key,
                                   struct egi_scattering_bank *out);
void egi_scattering_bank_clear(struct egi_scattering_bank *b);

/* Sides padded and sides of what comes out. */
void egi_scattering_sides(const struct egi_scattering_key *key, size_t n[2], size_t out[2]);

#endif
