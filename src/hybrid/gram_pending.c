/* Products of components of many examples at once.
 *
 * S += sum_i z_i z_i^T of one example moves E (E + 1) / 2 numbers of 8 bytes for as many products,
 * so it waits for memory. n examples together are a matrix product, strip by strip of EGI_STRIP
 * rows, that moves S once. It is made in f64 and is exact: |z| <= 2^15, so every partial sum of up
 * to 2^23 products is a whole number below 2^53, in whatever order and with or without FMA. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "hybrid/egi_gram.h"
#include "kernel/egi_kernel_gemm.h"

void egi_gram_add(const int16_t *z, size_t e, int by, int64_t *row)
{
    for (size_t i = 0; i < e; row += ++i) {
        const int32_t zi = by * z[i];
        if (zi == 0) continue;
        for (size_t j = 0; j <= i; j++) row[j] += zi * z[j];
    }
}

eg_status egi_gram_make_pending(eg_head *h)
{
    size_t cells;
    void *block;
    EGI_TRY(egi_mul_size(h->e, EGI_PENDING + EGI_STRIP, &cells));
    EGI_TRY(egi_alloc_array(h->alloc, cells, sizeof(double), "head: examples put aside", &block));
    h->pending.z = block;
    h->pending.strip = h->pending.z + EGI_PENDING * h->e;
    return EG_OK;
}

void egi_gram_put_aside(eg_head *h, const int16_t *z)
{
    double *to = h->pending.z + h->pending.n++ * h->e;
    for (size_t j = 0; j < h->e; j++) to[j] = z[j];
}

/* Rows from .. from + rows - 1 of the lower half, which begin at `row`. */
static void add_strip(eg_head *h, size_t from, size_t rows, int64_t *row)
{
    const struct egi_gemm g = { .m = rows,
                                .n = from + rows,
                                .k = h->pending.n,
                                .a_is_transposed = 1,
                                .lda = h->e,
                                .ldb = h->e,
                                .ldc = h->e,
                                .alpha = 1 };
    egi_gemm_f64(&g, h->pending.z + from, h->pending.z, h->pending.strip, 1);
    for (size_t i = from; i < from + rows; row += ++i) {
        const double *sum = h->pending.strip + (i - from) * h->e;
        for (size_t j = 0; j <= i; j++) row[j] += (int64_t)sum[j];
    }
}

void egi_gram_settle(eg_head *h, int64_t *row)
{
    for (size_t from = 0; from < h->e && h->pending.n > 0; from += EGI_STRIP) {
        const size_t rows = h->e - from < EGI_STRIP ? h->e - from : EGI_STRIP;
        add_strip(h, from, rows, row + from * (from + 1) / 2);
    }
    h->pending.n = 0;
}
