/* Gaussian couplings of a system of N components. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EGI_COUPLINGS_H
#define EGI_COUPLINGS_H

#include "dynamics/egi_dynamics.h"
#include "kernel/egi_kernel_line.h"

/* H_k(x) = scale sum over i1 >= i2 >= .. >= ip of J_(i1..ip) x_i1 .. x_ip, for each term of Q. */
struct egi_couplings {
    size_t n, padded; /* N; to a multiple of 8, and one group more */
    size_t terms;
    struct {
        int power;
        double scale;
        size_t cells;
        double *j; /* (cells) triangles, one for each i1 >= .. >= i(p-2) */
    } term[EGI_GLASS_TERMS];
    const struct egi_kernels_line *kernels;
};

/* Shapes, and the numbers of each term; j is the caller's. EG_ERR_LIMIT above most_bytes. */
eg_status egi_couplings_shape(const struct egi_glass *g, size_t n, size_t most_bytes,
                              struct egi_couplings *out);
/* Drawn from streams stream.. of the seed. */
void egi_couplings_draw(struct egi_couplings *c, uint64_t seed, uint64_t stream);
/* H and its gradient (padded) at x (padded, zeros from N on); scratch (2, padded). */
double egi_couplings_gradient(const struct egi_couplings *c, const double *x, double *gradient,
                              double *scratch);

#endif
