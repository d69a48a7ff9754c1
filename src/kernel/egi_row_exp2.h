/* 2^y of a vector row, written once over its primitives (v_set1, v_sub, v_fma, v_ge, v_round,
 * v_keep, v_pow2): y = n + r, n the nearest integer, 2^r a polynomial of degree 6 made by the Remez
 * exchange for the relative error on [-1/2, 1/2], 1.9e-9: within 2 ulp. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EGI_ROW_EXP2_H
#define EGI_ROW_EXP2_H

/* 2^y where y >= floor, else exactly 0. floor >= -125, y <= 127. */
ROW V exp2_above(V y, V floor)
{
    const M keep = v_ge(y, floor);
    const V n = v_round(y), r = v_sub(y, n);
    V p = v_set1(0x1.41db4cp-13f);
    p = v_fma(p, r, v_set1(0x1.5f46eap-10f));
    p = v_fma(p, r, v_set1(0x1.3b2db2p-7f));
    p = v_fma(p, r, v_set1(0x1.c6aed0p-5f));
    p = v_fma(p, r, v_set1(0x1.ebfbdap-3f));
    p = v_fma(p, r, v_set1(0x1.62e430p-1f));
    p = v_fma(p, r, v_set1(1.0f)); /* 2^0 is exactly 1: one memory is recalled exactly */
    return v_keep(keep, v_pow2(p, n));
}

#endif
