/* Norms of layers, and what is made of them. Singular values by LAPACK in double. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "engram/norms.h"

#include <lapacke.h>
#include <math.h>
#include <string.h>

#include "base/egi_base.h"
#include "engram/random.h"

static double entry(const eg_layer_matrix *a, size_t i, int moved)
{
    return (double)a->a[i] - (moved && a->m != NULL ? (double)a->m[i] : 0);
}

eg_status eg_matrix_spectral(const eg_layer_matrix *a, double *norm)
{
    const size_t m = a->rows, n = a->columns, least = m < n ? m : n;
    const struct egi_need needs[2] = { { m * n, sizeof(double) }, { least, sizeof(double) } };
    struct egi_arena arena;
    if (least == 0) return egi_fail(EG_ERR_INVALID, "a matrix of %zu x %zu", m, n);
    EGI_TRY(egi_arena_create(eg_allocator_default(), needs, 2, "norm", &arena));
    double *copy = arena.part[0], *value = arena.part[1];
    for (size_t i = 0; i < m * n; i++) copy[i] = entry(a, i, 0);
    const int failed = LAPACKE_dgesdd(LAPACK_COL_MAJOR, 'N', (lapack_int)n, (lapack_int)m, copy,
                                      (lapack_int)n, value, NULL, 1, NULL, 1);
    if (!failed) *norm = value[0] * sqrt(a->spread > 0 ? a->spread : 1);
    egi_arena_destroy(&arena);
    return failed ? egi_fail(EG_ERR_DIVERGED, "singular values of %zu x %zu", m, n) : EG_OK;
}

double eg_matrix_frobenius(const eg_layer_matrix *a, int moved)
{
    double sum = 0;
    for (size_t i = 0; i < a->rows * a->columns; i++)
        sum += entry(a, i, moved) * entry(a, i, moved);
    return sqrt(sum);
}

double eg_matrix_rows(const eg_layer_matrix *a)
{
    double sum = 0;
    for (size_t r = 0; r < a->rows; r++) {
        double square = 0;
        for (size_t c = 0; c < a->columns; c++)
            square += entry(a, r * a->columns + c, 1) * entry(a, r * a->columns + c, 1);
        sum += sqrt(square);
    }
    return sum;
}

double eg_matrix_largest_row(const eg_layer_matrix *a)
{
    double most = 0;
    for (size_t r = 0; r < a->rows; r++) {
        double sum = 0;
        for (size_t c = 0; c < a->columns; c++) sum += fabs(entry(a, r * a->columns + c, 0));
        most = fmax(most, sum);
    }
    return most;
}

eg_status eg_spectral_complexity(const eg_layer_matrix *a, size_t layers, double *out)
{
    double product = 1, sum = 0;
    for (size_t i = 0; i < layers; i++) {
        double norm;
        EGI_TRY(eg_matrix_spectral(&a[i], &norm));
        product *= norm;
        sum += norm > 0 ? pow(eg_matrix_rows(&a[i]) / norm, 2.0 / 3) : 0;
    }
    *out = product * pow(sum, 1.5);
    return EG_OK;
}

/* ---- convolutions ---- */

/* The (O, I) matrix at a frequency, complex, column by column as LAPACK has it: (I, O) by rows. */
static void at_frequency(const float *w, const size_t s[4], double down, double along,
                         lapack_complex_double *to)
{
    for (size_t oi = 0; oi < s[0] * s[1]; oi++) {
        double re = 0, im = 0;
        for (size_t i = 0; i < s[2]; i++)
            for (size_t j = 0; j < s[3]; j++) {
                const double turn = down * (double)i + along * (double)j;
                const double v = (double)w[(oi * s[2] + i) * s[3] + j];
                re += v * cos(turn);
                im += v * sin(turn);
            }
        to[oi] = lapack_make_complex_double(re, im);
    }
}

eg_status eg_conv_spectral(const float *w, const size_t shape[4], size_t height, size_t width,
                           double *norm)
{
    const size_t o = shape[0], n = shape[1], least = o < n ? o : n;
    const struct egi_need needs[2] = { { o * n, sizeof(lapack_complex_double) },
                                       { least, sizeof(double) } };
    struct egi_arena a;
    if (least == 0 || shape[2] > height || shape[3] > width || shape[2] * shape[3] == 0)
        return egi_fail(EG_ERR_INVALID, "kernels of %zu x %zu over %zu x %zu places", shape[2],
                        shape[3], height, width);
    EGI_TRY(egi_arena_create(eg_allocator_default(), needs, 2, "norm", &a));
    double *value = a.part[1], most = 0;
    const double turn = 2 * acos(-1);
    int failed = 0;
    for (size_t f = 0; f < height * width && !failed; f++) {
        at_frequency(w, shape, turn * (double)(f / width) / (double)height,
                     turn * (double)(f % width) / (double)width, a.part[0]);
        failed = LAPACKE_zgesdd(LAPACK_COL_MAJOR, 'N', (lapack_int)n, (lapack_int)o, a.part[0],
                                (lapack_int)n, value, NULL, 1, NULL, 1)
                 != 0;
        most = fmax(most, value[0]);
    }
    egi_arena_destroy(&a);
    if (failed) return egi_fail(EG_ERR_DIVERGED, "singular values of a convolution");
    *norm = most;
    return EG_OK;
}

/* ---- series, signs ---- */

double eg_kendall(const double *a, const double *b, size_t n)
{
    double agree = 0, of_a = 0, of_b = 0;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < i; j++) {
            const int x = (a[i] > a[j]) - (a[i] < a[j]), y = (b[i] > b[j]) - (b[i] < b[j]);
            agree += x * y;
            of_a += x != 0;
            of_b += y != 0;
        }
    return agree / sqrt(of_a * of_b); /* 0 / 0 where one is constant */
}

eg_status eg_rademacher_signs(const float *x, size_t n, size_t d, double b, size_t draws,
                              uint64_t seed, double *value, double *error)
{
    const struct egi_need needs[2] = { { n, sizeof(float) }, { d, sizeof(double) } };
    struct egi_arena a;
    if (n == 0 || d == 0 || draws == 0 || !(b >= 0))
        return egi_fail(EG_ERR_INVALID, "rademacher: %zu examples of %zu, %zu draws, |w| <= %g", n,
                        d, draws, b);
    EGI_TRY(egi_arena_create(eg_allocator_default(), needs, 2, "signs", &a));
    float *sign = a.part[0];
    double *sum = a.part[1], mean = 0, squares = 0;
    for (size_t k = 0; k < draws; k++) {
        double length = 0;
        eg_random_sign(seed, k, 0, n, sign);
        memset(sum, 0, d * sizeof *sum);
        for (size_t i = 0; i < n; i++)
            for (size_t j = 0; j < d; j++) sum[j] += (double)sign[i] * (double)x[i * d + j];
        for (size_t j = 0; j < d; j++) length += sum[j] * sum[j];
        const double by = b * sqrt(length) / (double)n - mean;
        mean += by / (double)(k + 1);
        squares += by * (b * sqrt(length) / (double)n - mean);
    }
    egi_arena_destroy(&a);
    *value = mean;
    if (error != NULL)
        *error = draws > 1 ? sqrt(squares / (double)(draws - 1) / (double)draws) : NAN;
    return EG_OK;
}
