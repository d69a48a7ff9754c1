/* Matrix products by the libraries below, in blocks that threads share.
 *
 * The order of the additions along K is theirs. It depends on the sizes of the product (oneDNN 2.6
 * takes other paths up to 336 rows, and in the rows that are left of its tiles), so a row of C may
 * differ in its last bits when there are more or fewer others. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/egi_kernel_gemm.h"

#include <math.h>
#ifndef EG_SMALL
#include <cblas.h>
#endif
#ifdef EG_DNNL
#include <dnnl.h>
#endif

#include "base/egi_base.h"
#include "base/egi_signals.h"

/* A block of C that one thread computes: large enough for the library's own blocking, small
 * enough that the layers of ordinary networks have several. Rows are a multiple of 24: where they
 * do not fill the library's own blocks (6, 8 or 12 rows) it adds in another order. */
enum { BLOCK_M = 504, BLOCK_N = 1024 };

#ifdef EG_SMALL

/* The small build's: one row of C at a time, rows of B added to it; K in order. */
#define PRODUCT(name, real)                                                                \
    static void name(const struct egi_gemm *g, const real *a, const real *b, real *c)      \
    {                                                                                      \
        const size_t a_row = g->a_is_transposed ? 1 : g->lda;                              \
        const size_t a_col = g->a_is_transposed ? g->lda : 1;                              \
        const size_t b_row = g->b_is_transposed ? 1 : g->ldb;                              \
        const size_t b_col = g->b_is_transposed ? g->ldb : 1;                              \
        for (size_t i = 0; i < g->m; i++) {                                                \
            real *row = c + i * g->ldc;                                                    \
            for (size_t j = 0; j < g->n; j++)                                              \
                row[j] = g->beta == 0 ? (real)0 : (real)g->beta * row[j];                  \
            for (size_t k = 0; k < g->k; k++) {                                            \
                const real by = (real)g->alpha * a[i * a_row + k * a_col];                 \
                for (size_t j = 0; j < g->n; j++) row[j] += by * b[k * b_row + j * b_col]; \
            }                                                                              \
        }                                                                                  \
    }

PRODUCT(sgemm, float)
PRODUCT(dgemm, double)

#elif defined(EG_DNNL)

static void sgemm(const struct egi_gemm *g, const float *a, const float *b, float *c)
{
    sigset_t had;
    egi_signals_hold(&had);
    const dnnl_status_t s =
        dnnl_sgemm(g->a_is_transposed ? 'T' : 'N', g->b_is_transposed ? 'T' : 'N', (dnnl_dim_t)g->m,
                   (dnnl_dim_t)g->n, (dnnl_dim_t)g->k, (float)g->alpha, a, (dnnl_dim_t)g->lda, b,
                   (dnnl_dim_t)g->ldb, (float)g->beta, c, (dnnl_dim_t)g->ldc);
    egi_signals_let(&had);
    if (s == dnnl_success) return;
    /* No memory to pack into: what cannot be computed must not look as if it were. */
    for (size_t i = 0; i < g->m; i++)
        for (size_t j = 0; j < g->n; j++) c[i * g->ldc + j] = NAN;
}

#else

static void sgemm(const struct egi_gemm *g, const float *a, const float *b, float *c)
{
    cblas_sgemm(CblasRowMajor, g->a_is_transposed ? CblasTrans : CblasNoTrans,
                g->b_is_transposed ? CblasTrans : CblasNoTrans, (int)g->m, (int)g->n, (int)g->k,
                (float)g->alpha, a, (int)g->lda, b, (int)g->ldb, (float)g->beta, c, (int)g->ldc);
}

#endif

#ifndef EG_SMALL

static void dgemm(const struct egi_gemm *g, const double *a, const double *b, double *c)
{
    cblas_dgemm(CblasRowMajor, g->a_is_transposed ? CblasTrans : CblasNoTrans,
                g->b_is_transposed ? CblasTrans : CblasNoTrans, (int)g->m, (int)g->n, (int)g->k,
                g->alpha, a, (int)g->lda, b, (int)g->ldb, g->beta, c, (int)g->ldc);
}

#endif

struct product {
    struct egi_gemm g;
    size_t across; /* blocks side by side */
    size_t item;   /* bytes of an element */
    const char *a, *b;
    char *c;
};

/* Rows and columns of C that block i covers, and where its operands begin. */
static struct product block_of(const struct product *p, size_t i)
{
    const struct egi_gemm *g = &p->g;
    const size_t row = i / p->across * BLOCK_M, col = i % p->across * BLOCK_N;
    struct product q = *p;
    q.g.m = g->m - row < BLOCK_M ? g->m - row : BLOCK_M;
    q.g.n = g->n - col < BLOCK_N ? g->n - col : BLOCK_N;
    q.a += row * (g->a_is_transposed ? 1 : g->lda) * p->item;
    q.b += col * (g->b_is_transposed ? g->ldb : 1) * p->item;
    q.c += (row * g->ldc + col) * p->item;
    return q;
}

static void block_f32(void *arg, size_t i)
{
    const struct product q = block_of(arg, i);
    sgemm(&q.g, (const float *)(const void *)q.a, (const float *)(const void *)q.b,
          (float *)(void *)q.c);
}

static void block_f64(void *arg, size_t i)
{
    const struct product q = block_of(arg, i);
    dgemm(&q.g, (const double *)(const void *)q.a, (const double *)(const void *)q.b,
          (double *)(void *)q.c);
}

static void run(const struct product *p, void (*block)(void *, size_t), int threads)
{
    const struct egi_gemm *g = &p->g;
    struct product job = *p;
    job.across = (g->n + BLOCK_N - 1) / BLOCK_N;
    const size_t down = (g->m + BLOCK_M - 1) / BLOCK_M;
    egi_parallel_for(down * job.across,
                     egi_crew(threads, (double)g->m * (double)g->n * (double)g->k), block, &job);
}

/* C = beta C, where there is nothing to add; the libraries differ in what they do then. */
void egi_gemm_f32(const struct egi_gemm *g, const float *a, const float *b, float *c, int threads)
{
    const struct product p = { *g, 0, sizeof *c, (const char *)a, (const char *)b, (char *)c };
    if (g->k > 0) {
        run(&p, block_f32, threads);
        return;
    }
    for (size_t i = 0; i < g->m; i++)
        for (size_t j = 0; j < g->n; j++)
            c[i * g->ldc + j] = g->beta == 0 ? 0 : (float)g->beta * c[i * g->ldc + j];
}

void egi_gemm_f64(const struct egi_gemm *g, const double *a, const double *b, double *c,
                  int threads)
{
    const struct product p = { *g, 0, sizeof *c, (const char *)a, (const char *)b, (char *)c };
    if (g->k > 0) {
        run(&p, block_f64, threads);
        return;
    }
    for (size_t i = 0; i < g->m; i++)
        for (size_t j = 0; j < g->n; j++)
            c[i * g->ldc + j] = g->beta == 0 ? 0 : g->beta * c[i * g->ldc + j];
}
