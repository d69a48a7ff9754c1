/* Vectors of 8 numbers, as the rows with AVX2 write them. ROW_ALWAYS is the includer's. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EGI_ROW_AVX2_H
#define EGI_ROW_AVX2_H

#include <immintrin.h>

typedef __m256 V;

ROW_ALWAYS V v_set1(float x)
{
    return _mm256_set1_ps(x);
}

ROW_ALWAYS V v_load(const float *p)
{
    return _mm256_loadu_ps(p);
}

ROW_ALWAYS void v_store(float *p, V a)
{
    _mm256_storeu_ps(p, a);
}

ROW_ALWAYS V v_add(V a, V b)
{
    return _mm256_add_ps(a, b);
}

ROW_ALWAYS V v_sub(V a, V b)
{
    return _mm256_sub_ps(a, b);
}

ROW_ALWAYS V v_mul(V a, V b)
{
    return _mm256_mul_ps(a, b);
}

ROW_ALWAYS V v_fma(V a, V b, V c)
{
    return _mm256_fmadd_ps(a, b, c);
}

ROW_ALWAYS V v_max(V a, V b)
{
    return _mm256_max_ps(a, b);
}

#endif
