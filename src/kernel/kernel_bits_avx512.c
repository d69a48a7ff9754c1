/* Packed kernels on 512-bit registers.
 *
 * A weighted sum costs one shift, one permutation in registers and one addition for 4 memories
 * x 16 components; four blocks of components go together, so that a table is read from the
 * first cache once for 256 signs. A masked sum costs one mask move and one masked addition for
 * 8 memories; here the mask moves bind (one a cycle), and four columns share each load of h. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/egi_kernel_bits.h"

#if defined(__x86_64__)

#include <immintrin.h>

#define WIDE __attribute__((target("avx512f,avx512dq,avx512bw,avx512vl")))
#define WIDE_INLINE static inline __attribute__((always_inline)) WIDE
#define POPCNT __attribute__((target("avx512f,avx512dq,avx512bw,avx512vl,avx512vpopcntdq")))

/* Memories 0..31 of a group: table t of a 4-bit number e is at 16 t + e. */
WIDE static void sum_tables(const float *a, size_t groups, float *tables)
{
    for (size_t t = 0; t < 8 * groups; t++, a += 4, tables += 16) {
        const __m512 a0 = _mm512_set1_ps(a[0]), a1 = _mm512_set1_ps(a[1]);
        const __m512 a2 = _mm512_set1_ps(a[2]), a3 = _mm512_set1_ps(a[3]);
        const __m512 zero = _mm512_set1_ps(-0.0f); /* x ^ -0 changes the sign of x */
        const __m512 s0 = _mm512_mask_xor_ps(a0, 0x5555, a0, zero);
        const __m512 s1 = _mm512_mask_xor_ps(a1, 0x3333, a1, zero);
        const __m512 s2 = _mm512_mask_xor_ps(a2, 0x0f0f, a2, zero);
        const __m512 s3 = _mm512_mask_xor_ps(a3, 0x00ff, a3, zero);
        _mm512_store_ps(tables, _mm512_add_ps(_mm512_add_ps(s0, s1), _mm512_add_ps(s2, s3)));
    }
}

/* What is read next lies one step of `together` blocks away, too far for the hardware to guess. */
WIDE_INLINE void signed_sums_together(const uint32_t *bits, size_t stride, size_t groups,
                                      const float *tables, float *y, const int together)
{
    __m512 sum[4], part[4];
    for (int b = 0; b < together; b++) sum[b] = _mm512_setzero_ps();
    for (size_t g = 0; g < groups; g++, bits += EGI_BITS_LANES, tables += EGI_BITS_TABLE) {
        __m512i word[4];
        const __m512 first = _mm512_load_ps(tables);
        for (int b = 0; b < together; b++) {
            word[b] = _mm512_load_si512(bits + (size_t)b * stride);
            _mm_prefetch((const char *)(bits + (size_t)(b + together) * stride), _MM_HINT_T1);
            part[b] = _mm512_permutexvar_ps(word[b], first);
        }
#pragma GCC unroll 8
        for (int t = 1; t < 8; t++) {
            const __m512 table = _mm512_load_ps(tables + 16 * t);
            for (int b = 0; b < together; b++) {
                word[b] = _mm512_srli_epi32(word[b], 4);
                part[b] = _mm512_add_ps(part[b], _mm512_permutexvar_ps(word[b], table));
            }
        }
        for (int b = 0; b < together; b++) sum[b] = _mm512_add_ps(sum[b], part[b]);
    }
    for (int b = 0; b < together; b++, y += 16)
        _mm512_storeu_ps(y, _mm512_add_ps(_mm512_loadu_ps(y), sum[b]));
}

WIDE static void signed_sums(const uint32_t *bits, size_t stride, size_t blocks, size_t groups,
                             const float *tables, float *y)
{
    size_t b = 0;
    for (; b + 4 <= blocks; b += 4)
        signed_sums_together(bits + b * stride, stride, groups, tables, y + 16 * b, 4);
    for (; b < blocks; b++)
        signed_sums_together(bits + b * stride, stride, groups, tables, y + 16 * b, 1);
}

WIDE_INLINE double halve(__m512d s0, __m512d s1, __m512d s2, __m512d s3)
{
    const __m512d s = _mm512_add_pd(_mm512_add_pd(s0, s2), _mm512_add_pd(s1, s3));
    const __m256d q = _mm256_add_pd(_mm512_castpd512_pd256(s), _mm512_extractf64x4_pd(s, 1));
    const __m128d p = _mm_add_pd(_mm256_castpd256_pd128(q), _mm256_extractf128_pd(q, 1));
    return _mm_cvtsd_f64(_mm_add_sd(p, _mm_unpackhi_pd(p, p)));
}

WIDE_INLINE void masked_sums_together(const double *h, size_t groups, const uint32_t *const *column,
                                      const uint32_t *invert, double *out, const int together)
{
    __m512d s[4][4];
    for (int c = 0; c < together; c++)
        for (int q = 0; q < 4; q++) s[c][q] = _mm512_setzero_pd();
    for (size_t g = 0; g < groups; g++, h += EGI_BITS_GROUP) {
        const __m512d h0 = _mm512_load_pd(h), h1 = _mm512_load_pd(h + 8);
        const __m512d h2 = _mm512_load_pd(h + 16), h3 = _mm512_load_pd(h + 24);
        for (int c = 0; c < together; c++) {
            const uint32_t word = column[c][g * EGI_BITS_LANES] ^ invert[c];
            s[c][0] = _mm512_mask_add_pd(s[c][0], (__mmask8)word, s[c][0], h0);
            s[c][1] = _mm512_mask_add_pd(s[c][1], (__mmask8)(word >> 8), s[c][1], h1);
            s[c][2] = _mm512_mask_add_pd(s[c][2], (__mmask8)(word >> 16), s[c][2], h2);
            s[c][3] = _mm512_mask_add_pd(s[c][3], (__mmask8)(word >> 24), s[c][3], h3);
        }
    }
    for (int c = 0; c < together; c++) out[c] = halve(s[c][0], s[c][1], s[c][2], s[c][3]);
}

WIDE static void masked_sums(const double *h, size_t groups, const uint32_t *const *column,
                             const uint32_t *invert, size_t m, double *out)
{
    size_t c = 0;
    for (; c + 4 <= m; c += 4) masked_sums_together(h, groups, column + c, invert + c, out + c, 4);
    for (; c + 2 <= m; c += 2) masked_sums_together(h, groups, column + c, invert + c, out + c, 2);
    if (c < m) masked_sums_together(h, groups, column + c, invert + c, out + c, 1);
}

WIDE static void look_up(const int32_t *s, size_t n, const double *table, const double *weight,
                         double *h)
{
    for (size_t i = 0; i < n; i += 8) {
        const __mmask8 in = (__mmask8)(n - i >= 8 ? 0xff : (1u << (n - i)) - 1);
        const __m256i at = _mm256_srai_epi32(_mm256_maskz_loadu_epi32(in, s + i), 1);
        __m512d v = _mm512_mask_i32gather_pd(_mm512_setzero_pd(), in, at, table, 8);
        if (weight != NULL) v = _mm512_mul_pd(v, _mm512_maskz_loadu_pd(in, weight + i));
        _mm512_mask_storeu_pd(h + i, in, v);
    }
}

WIDE static void shift(const uint32_t *column, uint32_t invert, size_t n, int32_t *s)
{
    const __m512i two = _mm512_set1_epi32(2), four = _mm512_set1_epi32(4);
    for (size_t i = 0; i < n; i += 16) {
        const uint32_t word = column[i / EGI_BITS_GROUP * EGI_BITS_LANES] ^ invert;
        const __mmask16 down = (__mmask16)(word >> i % EGI_BITS_GROUP);
        const __mmask16 in = (__mmask16)(n - i >= 16 ? 0xffff : (1u << (n - i)) - 1);
        const __m512i up = _mm512_add_epi32(_mm512_maskz_loadu_epi32(in, s + i), two);
        _mm512_mask_storeu_epi32(s + i, in, _mm512_mask_sub_epi32(up, down, up, four));
    }
}

const struct egi_kernels_bits egi_kernels_bits_avx512 = {
    .name = "avx512",
    .isa = EGI_ISA_AVX512,
    .sum_tables = sum_tables,
    .signed_sums = signed_sums,
    .masked_sums = masked_sums,
    .look_up = look_up,
    .shift = shift,
};

static int has_popcnt(void)
{
    return __builtin_cpu_supports("avx512vpopcntdq");
}

/* One word a pattern: eight patterns a register. */
POPCNT static void overlaps_of_words(const uint64_t *rows, size_t n, uint64_t x, int32_t pad,
                                     int32_t *overlap)
{
    const __m512i cue = _mm512_set1_epi64((long long)x);
    const __m256i most = _mm256_set1_epi32(64 - pad);
    for (size_t i = 0; i < n; i += 8) {
        const __mmask8 in = (__mmask8)(n - i >= 8 ? 0xff : (1u << (n - i)) - 1);
        const __m512i word = _mm512_maskz_loadu_epi64(in, rows + i);
        const __m512i differ = _mm512_popcnt_epi64(_mm512_xor_si512(word, cue));
        const __m256i twice = _mm512_cvtepi64_epi32(_mm512_slli_epi64(differ, 1));
        _mm256_mask_storeu_epi32(overlap + i, in, _mm256_sub_epi32(most, twice));
    }
}

POPCNT static void overlaps(const uint64_t *rows, size_t n, size_t words, const uint64_t *x,
                            int32_t pad, int32_t *overlap)
{
    if (words == 1) {
        overlaps_of_words(rows, n, x[0], pad, overlap);
        return;
    }
    const size_t whole = words / 8 * 8;
    const __mmask8 rest = (__mmask8)((1u << words % 8) - 1);
    for (size_t i = 0; i < n; i++, rows += words) {
        __m512i sum = _mm512_setzero_si512();
        for (size_t w = 0; w < whole; w += 8) {
            const __m512i differ =
                _mm512_xor_si512(_mm512_loadu_si512(rows + w), _mm512_loadu_si512(x + w));
            sum = _mm512_add_epi64(sum, _mm512_popcnt_epi64(differ));
        }
        const __m512i differ = _mm512_xor_si512(_mm512_maskz_loadu_epi64(rest, rows + whole),
                                                _mm512_maskz_loadu_epi64(rest, x + whole));
        sum = _mm512_add_epi64(sum, _mm512_popcnt_epi64(differ));
        overlap[i] = (int32_t)(64 * (int64_t)words - 2 * _mm512_reduce_add_epi64(sum) - pad);
    }
}

const struct egi_kernels_bits egi_kernels_bits_popcnt = {
    .name = "avx512+vpopcntdq",
    .isa = EGI_ISA_AVX512,
    .also = has_popcnt,
    .overlaps = overlaps,
};

#endif
