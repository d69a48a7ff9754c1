/* Packed kernels on 256-bit registers. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/egi_kernel_bits.h"

#include <string.h>

#if defined(__x86_64__)

#include <immintrin.h>

#define WIDE __attribute__((target("avx2,fma,popcnt")))
#define WIDE_INLINE static inline __attribute__((always_inline)) WIDE

/* Bits of each byte by two look-ups of half a byte (Mula, Kurz and Lemire 2018, sec. 2.2). */
WIDE static __m256i count_bits(__m256i v)
{
    const __m256i table = _mm256_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4, 0, 1, 1,
                                           2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4);
    const __m256i low = _mm256_set1_epi8(15);
    const __m256i lo = _mm256_shuffle_epi8(table, _mm256_and_si256(v, low));
    const __m256i hi = _mm256_shuffle_epi8(table, _mm256_and_si256(_mm256_srli_epi16(v, 4), low));
    return _mm256_sad_epu8(_mm256_add_epi8(lo, hi), _mm256_setzero_si256());
}

enum { AHEAD = 4096 }; /* bytes */

WIDE static void overlaps(const uint64_t *rows, size_t n, size_t words, const uint64_t *x,
                          int32_t pad, int32_t *overlap)
{
    for (size_t i = 0; i < n; i++, rows += words) {
        __m256i sum = _mm256_setzero_si256();
        size_t w = 0;
        for (; w + 4 <= words; w += 4) {
            _mm_prefetch((const char *)((uintptr_t)(rows + w) + AHEAD), _MM_HINT_T0);
            const __m256i a = _mm256_loadu_si256((const __m256i *)(const void *)(rows + w));
            const __m256i b = _mm256_loadu_si256((const __m256i *)(const void *)(x + w));
            sum = _mm256_add_epi64(sum, count_bits(_mm256_xor_si256(a, b)));
        }
        int64_t differ = _mm256_extract_epi64(sum, 0) + _mm256_extract_epi64(sum, 1)
                         + _mm256_extract_epi64(sum, 2) + _mm256_extract_epi64(sum, 3);
        for (; w < words; w++) differ += __builtin_popcountll(rows[w] ^ x[w]);
        overlap[i] = (int32_t)(64 * (int64_t)words - 2 * differ - pad);
    }
}

/* A permutation has 8 entries here, and the two halves of a table are negatives of each other:
 * entry e with bit 3 set is looked up, without it it is minus entry ~e. This turns all 8 numbers
 * of a word into places in the upper half, and bit 3 into "negative". */
WIDE_INLINE __m256i places(__m256i word)
{
    const __m256i eights = _mm256_set1_epi32((int)0x88888888);
    const __m256i negative = _mm256_andnot_si256(word, eights);
    const __m256i sevens = _mm256_sub_epi32(negative, _mm256_srli_epi32(negative, 3));
    return _mm256_xor_si256(_mm256_xor_si256(word, eights), sevens);
}

WIDE_INLINE __m256 pick(__m256 upper, __m256i place)
{
    const __m256i minus = _mm256_set1_epi32(INT32_MIN);
    const __m256i sign = _mm256_and_si256(_mm256_slli_epi32(place, 28), minus);
    const __m256 v = _mm256_permutevar8x32_ps(upper, place);
    return _mm256_xor_ps(v, _mm256_castsi256_ps(sign));
}

/* Halves of blocks: a table is read from the first cache once for all of them. What is read next
 * lies a block away, too far for the hardware to guess. */
WIDE_INLINE void signed_sums_together(const uint32_t *bits, size_t stride, size_t groups,
                                      const float *tables, float *y, const int halves)
{
    __m256 sum[4], part[4];
    __m256i place[4];
    for (int h = 0; h < halves; h++) sum[h] = _mm256_setzero_ps();
    for (size_t g = 0; g < groups; g++, bits += EGI_BITS_LANES, tables += EGI_BITS_TABLE) {
        for (int h = 0; h < halves; h++) {
            const uint32_t *at = bits + (size_t)(h / 2) * stride + h % 2 * 8;
            place[h] = places(_mm256_load_si256((const __m256i *)(const void *)at));
            part[h] = pick(_mm256_load_ps(tables + 8), place[h]);
            if (h % 2 == 0) _mm_prefetch((const char *)(at + halves / 2 * stride), _MM_HINT_T1);
        }
#pragma GCC unroll 8
        for (int t = 1; t < 8; t++) {
            const __m256 upper = _mm256_load_ps(tables + 16 * t + 8);
            for (int h = 0; h < halves; h++) {
                place[h] = _mm256_srli_epi32(place[h], 4);
                part[h] = _mm256_add_ps(part[h], pick(upper, place[h]));
            }
        }
        for (int h = 0; h < halves; h++) sum[h] = _mm256_add_ps(sum[h], part[h]);
    }
    for (int h = 0; h < halves; h++, y += 8)
        _mm256_storeu_ps(y, _mm256_add_ps(_mm256_loadu_ps(y), sum[h]));
}

WIDE static void signed_sums(const uint32_t *bits, size_t stride, size_t blocks, size_t groups,
                             const float *tables, float *y)
{
    size_t b = 0;
    for (; b + 2 <= blocks; b += 2)
        signed_sums_together(bits + b * stride, stride, groups, tables, y + 16 * b, 4);
    if (b < blocks) signed_sums_together(bits + b * stride, stride, groups, tables, y + 16 * b, 2);
}

/* ---- whole weights ----
 *
 * A byte of a component holds the bits of 8 memories, and a look-up of half bytes (vpshufb) makes
 * of 32 components at once one of the 16 sums that 4 memories can have. Those are numbers of 16
 * bits, T_e = 2^15 - (sum of w) / 2 + sum of the w_k of the bits k in e, in two tables of bytes;
 * sums of low and of high bytes are kept apart for even and odd components, in words of 16 bits
 * that 256 look-ups cannot overflow. */

enum { FLUSH = 32 }; /* groups */

/* Both tables of 4 weights; returns what is missing in 2 T_e to +-w0 +-w1 +-w2 +-w3. */
WIDE_INLINE int32_t byte_tables(const int16_t *w, __m256i *tables)
{
    const __m256i entry = _mm256_setr_epi16(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    const int32_t sum = w[0] + w[1] + w[2] + w[3];
    __m256i t = _mm256_set1_epi16((int16_t)(uint16_t)(32768 - (sum >> 1)));
    for (int k = 0; k < 4; k++) {
        const __m256i bit = _mm256_set1_epi16((int16_t)(1 << k));
        const __m256i in = _mm256_cmpeq_epi16(_mm256_and_si256(entry, bit), bit);
        t = _mm256_add_epi16(t, _mm256_and_si256(in, _mm256_set1_epi16(w[k])));
    }
    const __m256i low = _mm256_and_si256(t, _mm256_set1_epi16(255));
    const __m256i bytes = _mm256_packus_epi16(low, _mm256_srli_epi16(t, 8));
    _mm256_store_si256(tables, _mm256_permute4x64_epi64(bytes, 0xd8));
    return -65536 - (sum & 1);
}

/* 32 components of a group, a byte of 8 memories each, 4 times: places 8 r + 0 .. 3 come before
 * all places 8 r + 4 .. 7. */
WIDE_INLINE void bytes_of(const uint32_t *first, const uint32_t *second, __m256i *byte)
{
    const __m256i gather = _mm256_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15, 0,
                                            4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    __m256i a[4], b[4];
    for (int r = 0; r < 4; r++) {
        const uint32_t *at = (r < 2 ? first : second) + r % 2 * 8;
        a[r] = _mm256_load_si256((const __m256i *)(const void *)at);
        a[r] = _mm256_shuffle_epi8(a[r], gather);
    }
    b[0] = _mm256_unpacklo_epi32(a[0], a[1]);
    b[1] = _mm256_unpackhi_epi32(a[0], a[1]);
    b[2] = _mm256_unpacklo_epi32(a[2], a[3]);
    b[3] = _mm256_unpackhi_epi32(a[2], a[3]);
    byte[0] = _mm256_unpacklo_epi64(b[0], b[2]);
    byte[1] = _mm256_unpackhi_epi64(b[0], b[2]);
    byte[2] = _mm256_unpacklo_epi64(b[1], b[3]);
    byte[3] = _mm256_unpackhi_epi64(b[1], b[3]);
}

struct byte_sums {
    __m256i both, odd; /* words: even + 256 odd; odd */
};

WIDE_INLINE void add_bytes(struct byte_sums *s, __m256i v)
{
    s->both = _mm256_add_epi16(s->both, v);
    s->odd = _mm256_add_epi16(s->odd, _mm256_maddubs_epi16(v, _mm256_set1_epi16(256)));
    __asm__("" : "+x"(s->both), "+x"(s->odd));
}

/* y (32) += 2 low + 512 high + missing, from words to numbers in their order. */
WIDE_INLINE void add_whole(const struct byte_sums *low, const struct byte_sums *high,
                           __m256i missing, size_t width, int32_t *y)
{
    const __m256i zero = _mm256_setzero_si256();
    const __m256i even[2] = { _mm256_sub_epi16(low->both, _mm256_slli_epi16(low->odd, 8)),
                              _mm256_sub_epi16(high->both, _mm256_slli_epi16(high->odd, 8)) };
    for (size_t r = 0; 8 * r < width; r++) {
        __m256i part[2];
        for (int k = 0; k < 2; k++) {
            const __m256i odd = k ? high->odd : low->odd;
            const __m256i word =
                r < 2 ? _mm256_unpacklo_epi16(even[k], odd) : _mm256_unpackhi_epi16(even[k], odd);
            part[k] = r % 2 ? _mm256_unpackhi_epi16(word, zero) : _mm256_unpacklo_epi16(word, zero);
        }
        const __m256i sum = _mm256_add_epi32(part[0], _mm256_slli_epi32(part[1], 8));
        __m256i *at = (__m256i *)(void *)(y + 8 * r);
        const __m256i to = _mm256_add_epi32(_mm256_loadu_si256(at), missing);
        _mm256_storeu_si256(at, _mm256_add_epi32(to, _mm256_slli_epi32(sum, 1)));
    }
}

/* 16 bytes, in both halves. */
WIDE_INLINE __m256i twice(const __m128i *bytes)
{
    return _mm256_broadcastsi128_si256(_mm_load_si128(bytes));
}

/* A pair of blocks, of which the second may be the first once more: y has width 32 or 16. What is
 * read next lies `ahead` words on. */
WIDE_INLINE void whole_pair(const uint32_t *first, const uint32_t *second, size_t ahead,
                            size_t groups, const __m256i *tables, __m256i missing, size_t width,
                            int32_t *y)
{
    const __m256i nibble = _mm256_set1_epi8(15);
    struct byte_sums low = { 0 }, high = { 0 };
    for (size_t g = 0; g < groups; g++) {
        __m256i byte[4];
        bytes_of(first, second, byte);
        _mm_prefetch((const char *)(first + ahead), _MM_HINT_T0);
        _mm_prefetch((const char *)(second + ahead), _MM_HINT_T0);
        first += EGI_BITS_LANES;
        second += EGI_BITS_LANES;
#pragma GCC unroll 8
        for (int t = 0; t < 8; t++, tables++) {
            const __m128i *table = (const __m128i *)(const void *)tables;
            const __m256i v = t % 2 ? _mm256_srli_epi16(byte[t / 2], 4) : byte[t / 2];
            const __m256i entry = _mm256_and_si256(v, nibble);
            add_bytes(&low, _mm256_shuffle_epi8(twice(table), entry));
            add_bytes(&high, _mm256_shuffle_epi8(twice(table + 1), entry));
        }
    }
    add_whole(&low, &high, missing, width, y);
}

WIDE static void whole_sums(const uint32_t *bits, size_t stride, size_t blocks, size_t groups,
                            const int16_t *w, int32_t *y)
{
    __m256i tables[8 * FLUSH];
    for (size_t first = 0; first < groups; first += FLUSH, bits += FLUSH * EGI_BITS_LANES) {
        const size_t n = groups - first < FLUSH ? groups - first : FLUSH;
        int32_t missing = 0;
        for (size_t t = 0; t < 8 * n; t++, w += 4) missing += byte_tables(w, tables + t);
        for (size_t b = 0; b < blocks; b += 2) {
            const int both = b + 1 < blocks;
            const uint32_t *at = bits + b * stride;
            whole_pair(at, both ? at + stride : at, 2 * stride, n, tables,
                       _mm256_set1_epi32(missing), both ? 32 : 16, y + b * EGI_BITS_LANES);
        }
    }
}

WIDE static double masked_sum(const double *h, size_t groups, const uint32_t *column,
                              uint32_t invert)
{
    const __m256i top = _mm256_setr_epi64x(3, 2, 1, 0); /* of the word's upper copy */
    const __m256i flip = _mm256_set1_epi32((int)invert);
    __m256d s[8];
    for (int q = 0; q < 8; q++) s[q] = _mm256_setzero_pd();
    for (size_t g = 0; g < groups; g++, h += EGI_BITS_GROUP) {
        const __m256i word = _mm256_set1_epi32((int)column[g * EGI_BITS_LANES]);
        __m256i in = _mm256_sllv_epi64(_mm256_xor_si256(word, flip), top);
#pragma GCC unroll 8
        for (int q = 7; q >= 0; q--, in = _mm256_slli_epi64(in, 4))
            s[q] = _mm256_add_pd(s[q], _mm256_maskload_pd(h + 4 * q, in));
    }
    for (int half = 4; half > 0; half /= 2)
        for (int q = 0; q < half; q++) s[q] = _mm256_add_pd(s[q], s[q + half]);
    const __m128d p = _mm_add_pd(_mm256_castpd256_pd128(s[0]), _mm256_extractf128_pd(s[0], 1));
    return _mm_cvtsd_f64(_mm_add_sd(p, _mm_unpackhi_pd(p, p)));
}

WIDE static void masked_sums(const double *h, size_t groups, const uint32_t *const *column,
                             const uint32_t *invert, size_t m, double *out)
{
    for (size_t c = 0; c < m; c++) out[c] = masked_sum(h, groups, column[c], invert[c]);
}

/* 32 running sums: 16, 8, 4, 2, 1. */
WIDE_INLINE float halved(const __m256 *s)
{
    const __m256 a = _mm256_add_ps(_mm256_add_ps(s[0], s[2]), _mm256_add_ps(s[1], s[3]));
    const __m128 b = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    const __m128 c = _mm_add_ps(b, _mm_movehl_ps(b, b));
    return _mm_cvtss_f32(_mm_add_ss(c, _mm_movehdup_ps(c)));
}

/* By how much a word is shifted so that bit 8 q + lane is the sign of that lane of vector q. */
WIDE_INLINE __m256i to_sign(int q)
{
    const __m256i lane = _mm256_setr_epi32(31, 30, 29, 28, 27, 26, 25, 24);
    return _mm256_sub_epi32(lane, _mm256_set1_epi32(8 * q));
}

WIDE_INLINE void masked_sums_f32_together(const float *h, size_t groups,
                                          const uint32_t *const *column, const uint32_t *invert,
                                          float *out, const int together)
{
    const __m256i by[4] = { to_sign(0), to_sign(1), to_sign(2), to_sign(3) };
    __m256 s[2][4];
    for (int c = 0; c < together; c++)
        for (int q = 0; q < 4; q++) s[c][q] = _mm256_setzero_ps();
    for (size_t g = 0; g < groups; g++, h += EGI_BITS_GROUP)
        for (int c = 0; c < together; c++) {
            const uint32_t word = column[c][g * EGI_BITS_LANES] ^ invert[c];
            const __m256i all = _mm256_set1_epi32((int)word);
#pragma GCC unroll 4
            for (int q = 0; q < 4; q++)
                s[c][q] = _mm256_add_ps(
                    s[c][q], _mm256_maskload_ps(h + 8 * q, _mm256_sllv_epi32(all, by[q])));
        }
    for (int c = 0; c < together; c++) out[c] = halved(s[c]);
}

WIDE static void masked_sums_f32(const float *h, size_t groups, const uint32_t *const *column,
                                 const uint32_t *invert, size_t m, float *out)
{
    size_t c = 0;
    for (; c + 2 <= m; c += 2)
        masked_sums_f32_together(h, groups, column + c, invert + c, out + c, 2);
    if (c < m) masked_sums_f32_together(h, groups, column + c, invert + c, out + c, 1);
}

/* A whole group of 32: h, and what it adds to the sums. */
WIDE_INLINE void quadratics_of_group(const int32_t *s, const __m256 *c, float *h, __m256 *sum,
                                     __m256 *square)
{
#pragma GCC unroll 4
    for (int q = 0; q < 4; q++, s += 8) {
        const __m256 x = _mm256_cvtepi32_ps(_mm256_loadu_si256((const __m256i_u *)s));
        const __m256 slope = _mm256_fmadd_ps(c[2], x, c[1]);
        _mm256_storeu_ps(h + 8 * q, _mm256_fmadd_ps(slope, x, c[0]));
        sum[q] = _mm256_add_ps(sum[q], x);
        square[q] = _mm256_fmadd_ps(x, x, square[q]);
    }
}

WIDE static void quadratics(const int32_t *s, size_t n, const float *c, float *h, float *sums)
{
    const __m256 of[3] = { _mm256_set1_ps(c[0]), _mm256_set1_ps(c[1]), _mm256_set1_ps(c[2]) };
    __m256 sum[4], square[4];
    for (int q = 0; q < 4; q++) sum[q] = square[q] = _mm256_setzero_ps();
    size_t i = 0;
    for (; i + EGI_BITS_GROUP <= n; i += EGI_BITS_GROUP)
        quadratics_of_group(s + i, of, h + i, sum, square);
    if (i < n) {
        int32_t last[EGI_BITS_GROUP] = { 0 };
        memcpy(last, s + i, (n - i) * sizeof *s);
        quadratics_of_group(last, of, h + i, sum, square);
    }
    for (i = n; i % EGI_BITS_GROUP != 0; i++) h[i] = 0;
    sums[0] = halved(sum);
    sums[1] = halved(square);
}

WIDE static void shift(const uint32_t *column, uint32_t invert, size_t n, int32_t *s)
{
    const __m256 up = _mm256_castsi256_ps(_mm256_set1_epi32(2));
    const __m256 down = _mm256_castsi256_ps(_mm256_set1_epi32(-2));
    size_t i = 0;
    for (; i + EGI_BITS_GROUP <= n; i += EGI_BITS_GROUP, column += EGI_BITS_LANES) {
        const __m256i all = _mm256_set1_epi32((int)(*column ^ invert));
#pragma GCC unroll 4
        for (int q = 0; q < 4; q++) {
            const __m256 in = _mm256_castsi256_ps(_mm256_sllv_epi32(all, to_sign(q)));
            const __m256i step = _mm256_castps_si256(_mm256_blendv_ps(up, down, in));
            __m256i_u *at = (__m256i_u *)(s + i + 8 * q);
            _mm256_storeu_si256(at, _mm256_add_epi32(_mm256_loadu_si256(at), step));
        }
    }
    for (; i < n; i++) s[i] += 2 - 4 * (int32_t)((*column ^ invert) >> i % EGI_BITS_GROUP & 1);
}

const struct egi_kernels_bits egi_kernels_bits_avx2 = {
    .name = "avx2",
    .isa = EGI_ISA_AVX2,
    .overlaps = overlaps,
    .signed_sums = signed_sums,
    .whole_sums = whole_sums,
    .masked_sums = masked_sums,
    .masked_sums_f32 = masked_sums_f32,
    .quadratics = quadratics,
    .shift = shift,
};

#endif
