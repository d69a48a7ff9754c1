/* Matrix product C = alpha op(A) op(B) + beta C, row-major.
 *
 * C is cut into blocks whose size does not depend on the number of threads, and no sum over K is
 * cut: the same bits for any number of threads. The f32 row is oneDNN's where it is built in
 * (OpenBLAS falls back to code from 2004 on CPUs younger than itself), else CBLAS. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EGI_KERNEL_GEMM_H
#define EGI_KERNEL_GEMM_H

#include <stddef.h>

/* op(A) is (M, K): A itself, or the transpose of A (K, M) where a_is_transposed; B alike. */
struct egi_gemm {
    size_t m, n, k;
    int a_is_transposed, b_is_transposed;
    size_t lda, ldb, ldc; /* elements from one row as it lies in memory to the next */
    double alpha, beta;   /* beta = 0: C is not read */
};

void egi_gemm_f32(const struct egi_gemm *g, const float *a, const float *b, float *c, int threads);
void egi_gemm_f64(const struct egi_gemm *g, const double *a, const double *b, double *c,
                  int threads);

#endif
