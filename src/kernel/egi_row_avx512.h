/* Vectors of 16 numbers, as the rows with AVX-512 write them. ROW_ALWAYS is the includer's. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EGI_ROW_AVX512_H
#define EGI_ROW_AVX512_H

#include <immintrin.h>

typedef __m512 V;

ROW_ALWAYS V v_set1(float x)
{
    return _mm512_set1_ps(x);
}

ROW_ALWAYS V v_load(const float *p)
{
    return _mm512_loadu_ps(p);
}

ROW_ALWAYS void v_store(float *p, V a)
{
    _mm512_storeu_ps(p, a);
}

ROW_ALWAYS V v_add(V a, V b)
{
    return _mm512_add_ps(a, b);
}

ROW_ALWAYS V v_sub(V a, V b)
{
    return _mm512_sub_ps(a, b);
}

ROW_ALWAYS V v_mul(V a, V b)
{
    return _mm512_mul_ps(a, b);
}

ROW_ALWAYS V v_fma(V a, V b, V c)
{
    return _mm512_fmadd_ps(a, b, c);
}

ROW_ALWAYS V v_max(V a, V b)
{
    return _mm512_max_ps(a, b);
}

#endif
