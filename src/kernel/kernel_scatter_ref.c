/* Scattering a plane at a time, in plain C. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "kernel/egi_kernel_scatter.h"
#include "kernel/egi_row_macros.h"

#define ROW static
#define ROW_ALWAYS static inline

typedef float V;

enum { LANES = 1, ABREAST = 2 };

ROW_ALWAYS V v_set1(float x)
{
    return x;
}

ROW_ALWAYS V v_load(const float *p)
{
    return *p;
}

ROW_ALWAYS void v_store(float *p, V a)
{
    *p = a;
}

ROW_ALWAYS V v_add(V a, V b)
{
    return a + b;
}

ROW_ALWAYS V v_sub(V a, V b)
{
    return a - b;
}

ROW_ALWAYS V v_mul(V a, V b)
{
    return a * b;
}

ROW_ALWAYS V v_fma(V a, V b, V c)
{
    return a * b + c;
}

ROW_ALWAYS V v_sqrt(V a)
{
    return sqrtf(a);
}

#include "kernel/egi_scatter_row.h"

const struct egi_scatter_kernels egi_scatter_ref = { LANES, run };
