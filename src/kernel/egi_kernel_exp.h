/* exp, the logistic function and tanh without branches, so that loops over them become vectors.
 *
 * f32: Cephes' expf and tanhf (Moshier 1989), relative errors at most 2 ulp, 3 ulp, 3 ulp over all
 * finite arguments (exp: where the result is normal; below it is 0). NaN stays. f64: the C
 * library's. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EGI_KERNEL_EXP_H
#define EGI_KERNEL_EXP_H

#include <math.h>
#include <stdint.h>
#include <string.h>

static inline float egi_exp_f32(float x)
{
    /* 2^128 overflows to inf by the scale below, in two halves; less than 2^-126 is 0 */
    float r = x < -88.0f ? -88.0f : x;
    r = r > 89.0f ? 89.0f : r;
    const float rounder = 12582912.0f; /* 1.5 2^23: adding it rounds to a whole number */
    const float shifted = r * 1.44269504088896341f + rounder, whole = shifted - rounder;
    int32_t n;
    memcpy(&n, &shifted, sizeof n);
    n -= 0x4b400000;
    r -= whole * 0.693359375f;
    r -= whole * -2.12194440e-4f;
    float p = 1.9875691500e-4f;
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * r * r + r + 1;
    const int32_t half = n >> 1;
    const uint32_t low = (uint32_t)(half + 127) << 23, high = (uint32_t)(n - half + 127) << 23;
    float a, b;
    memcpy(&a, &low, sizeof a);
    memcpy(&b, &high, sizeof b);
    return x < -87.3f ? 0 : p * a * b;
}

static inline float egi_sigmoid_f32(float x)
{
    return 1 / (1 + egi_exp_f32(-x));
}

static inline float egi_tanh_f32(float x)
{
    const float z = x * x, far = 1 - 2 / (egi_exp_f32(2 * fabsf(x)) + 1);
    float p = -5.70498872745e-3f;
    p = p * z + 2.06390887954e-2f;
    p = p * z - 5.37397155531e-2f;
    p = p * z + 1.33314422036e-1f;
    p = p * z - 3.33332819422e-1f;
    const float near = p * z * x + x;
    return fabsf(x) < 0.625f ? near : copysignf(far, x);
}

static inline double egi_sigmoid_f64(double x)
{
    return 1 / (1 + exp(-x));
}

static inline double egi_tanh_f64(double x)
{
    return tanh(x);
}

#endif
