/* The Cholesky factor, by blocks of columns, so that nearly all of the work is matrix products. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "hybrid/egi_head.h"
#include "kernel/egi_kernel_gemm.h"

enum { BLOCK = 64 };

/* Columns from .. from + width of a whose earlier columns were subtracted already. */
static int factor_panel(double *a, size_t n, size_t from, size_t width)
{
    for (size_t j = from; j < from + width; j++) {
        for (size_t i = j; i < n; i++) {
            double sum = a[i * n + j];
            for (size_t k = from; k < j; k++) sum -= a[i * n + k] * a[j * n + k];
            if (i == j && !(sum > 0)) return 0;
            a[i * n + j] = i == j ? sqrt(sum) : sum / a[j * n + j];
        }
    }
    return 1;
}

int egi_factor(double *a, size_t n)
{
    for (size_t from = 0; from < n; from += BLOCK) {
        const size_t width = n - from < BLOCK ? n - from : BLOCK, rest = from + width;
        if (!factor_panel(a, n, from, width)) return 0;
        if (rest == n) break;
        const struct egi_gemm g = { .m = n - rest,
                                    .n = n - rest,
                                    .k = width,
                                    .b_is_transposed = 1,
                                    .lda = n,
                                    .ldb = n,
                                    .ldc = n,
                                    .alpha = -1,
                                    .beta = 1 };
        const double *panel = a + rest * n + from;
        egi_gemm_f64(&g, panel, panel, a + rest * n + rest, 1);
    }
    return 1;
}

static void solve_one(const double *l, size_t n, double *x)
{
    for (size_t i = 0; i < n; i++) {
        double sum = x[i];
        for (size_t k = 0; k < i; k++) sum -= l[i * n + k] * x[k];
        x[i] = sum / l[i * n + i];
    }
    for (size_t i = n; i-- > 0;) { /* by columns of L^T, which are rows of L */
        x[i] /= l[i * n + i];
        for (size_t k = 0; k < i; k++) x[k] -= l[i * n + k] * x[i];
    }
}

void egi_factor_solve(const double *l, size_t n, double *b, size_t rows)
{
    for (size_t r = 0; r < rows; r++) solve_one(l, n, b + r * n);
}
