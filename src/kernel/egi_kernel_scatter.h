/* Two-dimensional scattering of several planes side by side: a vector holds one pixel of `lanes`
 * planes, so that every step is the same for all of them and nothing is shuffled.
 *
 * Fourier transforms are sums over even and odd parts, whose cosines and sines need a quarter of
 * the products, of lengths up to EGI_DFT_DENSE; a longer one is halves of halves by radix 2. At
 * these lengths that is about as few products as a fast transform has. Of 1000 pictures of
 * 3 x 32 x 32 (J = 2) all of this takes .2 s on one thread; the same number of transforms alone
 * takes 1.1 s by kissfft, which is scalar.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EGI_KERNEL_SCATTER_H
#define EGI_KERNEL_SCATTER_H

#include "kernel/egi_kernel.h"

enum { EGI_DFT_DENSE = 24, EGI_SCATTER_SCALES = 12, EGI_SCATTER_LANES = 16 };

/* Tables of one length: n = m 2^q. */
struct egi_dft {
    size_t n, m;
    const float *root;  /* (n, 2) cos and sin of 2 pi k / n */
    const float *table; /* (m/2 + 1, h, 2) cos and sin of 2 pi j k / m, j from 1 to h = (m - 1)/2 */
};

/* What is computed (docs/measure.md). A level r has sides n / 2^r. */
struct egi_scatter {
    size_t in[2], n[2], out[2]; /* sides of a plane, padded, of what comes out */
    size_t scales, angles, order, channels;
    struct egi_dft dft[2][EGI_SCATTER_SCALES];
    const float *narrow[2][EGI_SCATTER_SCALES]; /* (out, n / 2^r) low-pass and sampling */
    const float *const *psi; /* row (j scales + r) angles + angle: (n0 / 2^r, n1 / 2^r), j >= r */
    const unsigned *from[2]; /* (n) the pixel that a place of the padded plane shows */
};

struct egi_scatter_kernels {
    size_t lanes;
    /* out (planes, channels, out0, out1) of x (planes, in0, in1), planes <= lanes; room: of
     * egi_scatter_room() floats, aligned to 64 bytes. */
    void (*run)(const struct egi_scatter *s, const float *x, size_t planes, float *out,
                float *room);
};

static inline size_t egi_scatter_room(const struct egi_scatter *s, size_t lanes)
{
    const size_t side = s->n[0] > s->n[1] ? s->n[0] : s->n[1];
    return lanes * (12 * s->n[0] * s->n[1] + 5 * side + s->out[0] * s->n[1]);
}

extern const struct egi_scatter_kernels egi_scatter_ref;
#if EGI_X86
extern const struct egi_scatter_kernels egi_scatter_avx2;
extern const struct egi_scatter_kernels egi_scatter_avx512;
#endif

const struct egi_scatter_kernels *egi_scatter_kernels_of(enum egi_isa isa);
const struct egi_scatter_kernels *egi_scatter_kernels(void);

#endif
