/* Kernels of the dense associative memory as a classifier: what src/nn/dam_pass.c does to the
 * overlaps of one image with M memories, for all C classes at once.
 *
 * With q the overlap (temperature folded in, class neurons off) and w_a what class neuron a adds
 * to it when it turns on, p_a = q + w_a:
 *     full   z_a = sum_mu F(p_a) - F(q),   F(x) = x^n or max(x, 0)^n
 *     dual   z_a = sum_mu w_a q^(n-1)      (or max(q, 0)^(n-1))
 * The kernel sees r q and r w_a, where the power of two r brings the largest |p| of the image
 * into [1/4, 1]: no power overflows, and what underflows is below 2^-126 of the largest term.
 * The caller undoes r exactly. F(p) - F(q) is w D_n(p, q), where D_1 = 1, D_2k = D_k (p^k + q^k),
 * D_(k+1) = p D_k + q^k: for p and q of one sign nothing cancels, however small w is. Powers are
 * repeated products.
 *
 * Arrays over memories have M entries, a multiple of EGI_DAM_STEP; past the last memory q and w
 * are 0, which adds nothing. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EGI_KERNEL_DAM_H
#define EGI_KERNEL_DAM_H

#include "kernel/egi_kernel.h"

enum {
    EGI_DAM_STEP = 64,   /* of M */
    EGI_DAM_CHUNK = 256, /* memories whose powers of q are at hand together */
    EGI_DAM_ORDER_MAX = 60
};

struct egi_dam_rule {
    size_t order; /* n, 2..EGI_DAM_ORDER_MAX */
    int rectified, dual;
    size_t classes;
    size_t stride; /* from one class to the next in w and sums */
};

struct egi_dam_kernels {
    /* q_i <- q_i scale - bias_i: (m); the largest |q_i|, NaN where one is not a number. */
    float (*overlaps)(float *q, const float *bias, float scale, size_t m);

    /* z (C) = the sums above of r q and r w (dual: w), of w (C, M). Error: within 8 n eps of
     * sum n |w| max(|p|, |q|)^(n-1), eps = 2^-24. */
    void (*forward)(const struct egi_dam_rule *rule, const float *q, const float *w, size_t m,
                    float r, double *z);

    /* Of q (m), in place, in numbers scaled by r; a_a is dC/dz_a with what the caller undoes:
     *     full   q <- sum_a a_a (p_a^(n-1) - q^(n-1)),      sums_a += a_a p_a^(n-1)
     *     dual   q <- sum_a a_a w_a (n-1) r q^(n-2),        sums_a += a_a q^(n-1)
     * and sums_C += the new q; sums (C + 1, M). */
    void (*backward)(const struct egi_dam_rule *rule, float *q, const float *w, size_t m, float r,
                     const float *a, float *sums);

    /* The largest |v_i|, NaN where one is not a number; x_i <- x_i + by v_i cut to [-1, 1]: (n). */
    float (*largest)(const float *v, size_t n);
    void (*climb)(float *x, const float *v, float by, size_t n);
};

extern const struct egi_dam_kernels egi_dam_ref;
#if EGI_X86
extern const struct egi_dam_kernels egi_dam_avx2;
extern const struct egi_dam_kernels egi_dam_avx512;
#endif

/* The kernels of one row that is supported, and of egi_isa_level(). */
const struct egi_dam_kernels *egi_dam_kernels_of(enum egi_isa isa);
const struct egi_dam_kernels *egi_dam_kernels(void);

#endif
