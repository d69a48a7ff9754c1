/* exp, the logistic function and tanh without branches, so that loops over them become vectors.
 *
 * f32: Cephes' expf and tanhf (Moshier 1989); choices are made on the bits, which compilers turn
 * into masks where they would branch on a comparison of floats. Measured over a 97th of all f32:
 * exp within 1 ulp of the true value, the logistic function 2.5, tanh 1.5; beyond |x| = 87 (for
 * tanh 43.5), where the results are 0, 1 or near the ends of the range, they stay as they are
 * there. NaN stays NaN. f64: the C library's. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EGI_KERNEL_EXP_H
#define EGI_KERNEL_EXP_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#define EGI_SIGN_BIT 0x80000000u
#define EGI_INF_BITS 0x7f800000u

static inline uint32_t egi_bits_of(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static inline float egi_float_of(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static inline float egi_exp_f32(float x)
{
    const uint32_t bits = egi_bits_of(x), size = bits & ~EGI_SIGN_BIT;
    const uint32_t largest = 0x42ae0000u; /* 87: 2^-126 < e^-87 */
    const uint32_t held = size > largest ? largest : size;
    const uint32_t nan = size > EGI_INF_BITS ? 0x7fc00000u : 0;
    const float rounder = 12582912.0f; /* 1.5 2^23: adding it rounds to a whole number */
    float r = egi_float_of(held | (bits & EGI_SIGN_BIT));
    const float shifted = r * 1.44269504088896341f + rounder, whole = shifted - rounder;
    r -= whole * 0.693359375f; /* log 2 in two parts */
    r -= whole * -2.12194440e-4f;
    float p = 1.9875691500e-4f;
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * (r * r) + r + 1;
    /* 2^whole: the rounder's own bits are 0x4b400000 */
    const uint32_t scale = (egi_bits_of(shifted) - 0x4b400000u + 127) << 23;
    return egi_float_of(egi_bits_of(p * egi_float_of(scale)) | nan);
}

static inline float egi_sigmoid_f32(float x)
{
    return 1 / (1 + egi_exp_f32(-x));
}

static inline float egi_tanh_f32(float x)
{
    const uint32_t bits = egi_bits_of(x), size = bits & ~EGI_SIGN_BIT;
    const uint32_t is_near = 0u - (uint32_t)(size < 0x3f200000u); /* |x| < 0.625 */
    const float z = x * x, far = 1 - 2 / (egi_exp_f32(2 * egi_float_of(size)) + 1);
    float p = -5.70498872745e-3f;
    p = p * z + 2.06390887954e-2f;
    p = p * z - 5.37397155531e-2f;
    p = p * z + 1.33314422036e-1f;
    p = p * z - 3.33332819422e-1f;
    const uint32_t near = egi_bits_of(p * z * x + x);
    return egi_float_of((near & is_near) | (egi_bits_of(far) & ~is_near) | (bits & EGI_SIGN_BIT));
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
