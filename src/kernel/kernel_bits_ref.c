/* The reference row of the packed kernels, which is also the row for other machines; its
 * inner loops have fixed lengths, so that compilers vectorise them. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "kernel/egi_kernel_bits.h"

static void overlaps(const uint64_t *rows, size_t n, size_t words, const uint64_t *x, int32_t pad,
                     int32_t *overlap)
{
    for (size_t i = 0; i < n; i++) {
        const uint64_t *row = rows + i * words;
        int64_t differ = 0;
        for (size_t w = 0; w < words; w++) differ += __builtin_popcountll(row[w] ^ x[w]);
        overlap[i] = (int32_t)(64 * (int64_t)words - 2 * differ - pad);
    }
}

static void sum_tables(const float *a, size_t groups, float *tables)
{
    for (size_t t = 0; t < 8 * groups; t++, a += 4, tables += 16)
        for (int e = 0; e < 16; e++)
            tables[e] = ((e & 1 ? a[0] : -a[0]) + (e & 2 ? a[1] : -a[1]))
                        + ((e & 4 ? a[2] : -a[2]) + (e & 8 ? a[3] : -a[3]));
}

static void signed_sum(const uint32_t *bits, size_t groups, const float *tables, float *y)
{
    float sum[EGI_BITS_LANES] = { 0 };
    for (size_t g = 0; g < groups; g++, bits += EGI_BITS_LANES, tables += EGI_BITS_TABLE)
        for (int c = 0; c < EGI_BITS_LANES; c++) {
            float part = tables[bits[c] & 15];
            for (int t = 1; t < 8; t++) part += tables[16 * t + (bits[c] >> 4 * t & 15)];
            sum[c] += part;
        }
    for (int c = 0; c < EGI_BITS_LANES; c++) y[c] += sum[c];
}

static void signed_sums(const uint32_t *bits, size_t stride, size_t blocks, size_t groups,
                        const float *tables, float *y)
{
    for (size_t b = 0; b < blocks; b++)
        signed_sum(bits + b * stride, groups, tables, y + b * EGI_BITS_LANES);
}

static void whole_sums(const uint32_t *bits, size_t stride, size_t blocks, size_t groups,
                       const int16_t *w, int32_t *y)
{
    for (size_t b = 0; b < blocks; b++, bits += stride, y += EGI_BITS_LANES)
        for (size_t g = 0; g < groups; g++)
            for (int i = 0; i < EGI_BITS_GROUP; i++) {
                const int32_t plus = w[g * EGI_BITS_GROUP + (size_t)i];
                for (size_t c = 0; c < EGI_BITS_LANES; c++)
                    y[c] += bits[g * EGI_BITS_LANES + c] >> i & 1 ? plus : -plus;
            }
}

static double masked_sum(const double *h, size_t groups, const uint32_t *column, uint32_t invert)
{
    double sum[EGI_BITS_GROUP] = { 0 };
    for (size_t g = 0; g < groups; g++, h += EGI_BITS_GROUP) {
        const uint32_t word = column[g * EGI_BITS_LANES] ^ invert;
        for (int i = 0; i < EGI_BITS_GROUP; i++) sum[i] += word >> i & 1 ? h[i] : 0.0;
    }
    for (int half = EGI_BITS_GROUP / 2; half > 0; half /= 2)
        for (int i = 0; i < half; i++) sum[i] += sum[i + half];
    return sum[0];
}

static void masked_sums(const double *h, size_t groups, const uint32_t *const *column,
                        const uint32_t *invert, size_t m, double *out)
{
    for (size_t c = 0; c < m; c++) out[c] = masked_sum(h, groups, column[c], invert[c]);
}

static float halved(float *sum)
{
    for (int half = EGI_BITS_GROUP / 2; half > 0; half /= 2)
        for (int i = 0; i < half; i++) sum[i] += sum[i + half];
    return sum[0];
}

static void masked_sums_f32(const float *h, size_t groups, const uint32_t *const *column,
                            const uint32_t *invert, size_t m, float *out)
{
    for (size_t c = 0; c < m; c++) {
        float sum[EGI_BITS_GROUP] = { 0 };
        for (size_t g = 0; g < groups; g++) {
            const uint32_t word = column[c][g * EGI_BITS_LANES] ^ invert[c];
            for (int i = 0; i < EGI_BITS_GROUP; i++)
                sum[i] += word >> i & 1 ? h[g * EGI_BITS_GROUP + (size_t)i] : 0.0f;
        }
        out[c] = halved(sum);
    }
}

static void quadratics(const int32_t *s, size_t n, const float *c, float *h, float *sums)
{
    float sum[EGI_BITS_GROUP] = { 0 }, square[EGI_BITS_GROUP] = { 0 };
    for (size_t i = 0; i < n; i++) {
        const float x = (float)s[i];
        h[i] = fmaf(fmaf(c[2], x, c[1]), x, c[0]);
        sum[i % EGI_BITS_GROUP] += x;
        square[i % EGI_BITS_GROUP] = fmaf(x, x, square[i % EGI_BITS_GROUP]);
    }
    for (size_t i = n; i % EGI_BITS_GROUP != 0; i++) h[i] = 0;
    sums[0] = halved(sum);
    sums[1] = halved(square);
}

static void look_up(const int32_t *s, size_t n, const double *table, const double *weight,
                    double *h)
{
    for (size_t i = 0; i < n; i++) h[i] = table[s[i] >> 1];
    if (weight != NULL)
        for (size_t i = 0; i < n; i++) h[i] *= weight[i];
}

static void shift(const uint32_t *column, uint32_t invert, size_t n, int32_t *s)
{
    for (size_t i = 0; i < n; i++) {
        const uint32_t word = column[i / EGI_BITS_GROUP * EGI_BITS_LANES] ^ invert;
        s[i] += 2 - 4 * (int32_t)(word >> i % EGI_BITS_GROUP & 1);
    }
}

const struct egi_kernels_bits egi_kernels_bits_ref = {
    .name = "ref",
    .isa = EGI_ISA_REF,
    .overlaps = overlaps,
    .sum_tables = sum_tables,
    .signed_sums = signed_sums,
    .whole_sums = whole_sums,
    .masked_sums = masked_sums,
    .masked_sums_f32 = masked_sums_f32,
    .quadratics = quadratics,
    .look_up = look_up,
    .shift = shift,
};

const struct egi_kernels_bits *const egi_kernel_bits_rows[] = {
    &egi_kernels_bits_ref,
#if EGI_X86
    &egi_kernels_bits_avx2,
    &egi_kernels_bits_avx512,
    &egi_kernels_bits_popcnt,
#endif
    NULL,
};

int egi_kernels_bits_can_run(const struct egi_kernels_bits *row)
{
    return egi_isa_supported(row->isa) && (row->also == NULL || row->also());
}

#define LAY_OVER(slot) \
    if (row->slot != NULL) k.slot = row->slot

struct egi_kernels_bits egi_kernels_bits(enum egi_isa level)
{
    struct egi_kernels_bits k = egi_kernels_bits_ref;
    for (const struct egi_kernels_bits *const *p = egi_kernel_bits_rows + 1; *p != NULL; p++) {
        const struct egi_kernels_bits *row = *p;
        if (row->isa > level || !egi_kernels_bits_can_run(row)) continue;
        k.name = row->name;
        LAY_OVER(overlaps);
        LAY_OVER(sum_tables);
        LAY_OVER(signed_sums);
        LAY_OVER(whole_sums);
        LAY_OVER(masked_sums);
        LAY_OVER(masked_sums_f32);
        LAY_OVER(quadratics);
        LAY_OVER(look_up);
        LAY_OVER(shift);
    }
    return k;
}
