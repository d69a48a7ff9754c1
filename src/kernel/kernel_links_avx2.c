/* Kernels of connections on 256-bit registers. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/egi_kernel_links.h"

#if defined(__x86_64__)

#include <immintrin.h>

#define WIDE __attribute__((target("avx2,popcnt")))
#define WIDE_INLINE static inline __attribute__((always_inline)) WIDE

WIDE_INLINE __m256i load(const uint64_t *p)
{
    return _mm256_loadu_si256((const __m256i *)(const void *)p);
}

WIDE_INLINE void store(uint64_t *p, __m256i v)
{
    _mm256_storeu_si256((__m256i *)(void *)p, v);
}

WIDE_INLINE __m256i joined(const uint64_t *const *row, size_t k, size_t w)
{
    __m256i any = load(row[0] + w);
    for (size_t r = 1; r < k; r++) any = _mm256_or_si256(any, load(row[r] + w));
    return any;
}

WIDE_INLINE uint64_t joined_word(const uint64_t *const *row, size_t k, size_t w)
{
    uint64_t any = row[0][w];
    for (size_t r = 1; r < k; r++) any |= row[r][w];
    return any;
}

WIDE static void join(const uint64_t *const *row, size_t k, size_t words, uint64_t *out)
{
    size_t w = 0;
    if (k == 0)
        for (; w < words; w++) out[w] = 0;
    for (; w + 4 <= words; w += 4) store(out + w, joined(row, k, w));
    for (; w < words; w++) out[w] = joined_word(row, k, w);
}

WIDE_INLINE uint32_t count_bits(__m256i v)
{
    return (uint32_t)(__builtin_popcountll((uint64_t)_mm256_extract_epi64(v, 0))
                      + __builtin_popcountll((uint64_t)_mm256_extract_epi64(v, 1))
                      + __builtin_popcountll((uint64_t)_mm256_extract_epi64(v, 2))
                      + __builtin_popcountll((uint64_t)_mm256_extract_epi64(v, 3)));
}

WIDE_INLINE uint32_t agree_word(const uint64_t *const *row, const uint32_t *cluster, size_t k,
                                size_t c, size_t w, uint64_t *state)
{
    for (size_t r = 0; r < k; r++) state[w] &= row[r][w] | -(uint64_t)(cluster[r] == c);
    return (uint32_t)__builtin_popcountll(state[w]);
}

WIDE static void agree(const uint64_t *const *row, const uint32_t *cluster, size_t k,
                       size_t clusters, size_t group, uint64_t *state, uint32_t *count)
{
    for (size_t c = 0; c < clusters; c++) {
        size_t w = c * group;
        const size_t end = w + group;
        uint32_t left = 0;
        for (; w + 4 <= end; w += 4) {
            __m256i all = load(state + w);
            for (size_t r = 0; r < k; r++) {
                const __m256i own = _mm256_set1_epi64x(-(int64_t)(cluster[r] == c));
                all = _mm256_and_si256(all, _mm256_or_si256(load(row[r] + w), own));
            }
            store(state + w, all);
            left += count_bits(all);
        }
        for (; w < end; w++) left += agree_word(row, cluster, k, c, w, state);
        count[c] = left;
    }
}

/* Sixteen connections of one row: the lane of bit b is -1 where it is set. */
WIDE_INLINE __m256i spread(const uint64_t *word, int part)
{
    const __m256i bit = _mm256_setr_epi16(1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096,
                                          8192, 16384, INT16_MIN);
    const __m256i all = _mm256_set1_epi16((short)(*word >> 16 * part & 0xffff));
    return _mm256_cmpeq_epi16(_mm256_and_si256(all, bit), bit);
}

WIDE static void tally(const uint64_t *const *row, size_t k, size_t words, uint16_t *score)
{
    for (size_t w = 0; w < words; w++)
        for (int part = 0; part < 4; part++, score += 16) {
            __m256i sum = _mm256_loadu_si256((const __m256i *)(const void *)score);
            for (size_t r = 0; r < k; r++) sum = _mm256_sub_epi16(sum, spread(row[r] + w, part));
            _mm256_storeu_si256((__m256i *)(void *)score, sum);
        }
}

WIDE static void ones(const uint64_t *bits, size_t n, size_t words, uint32_t *count)
{
    for (size_t g = 0; g < n; g++) {
        uint64_t sum = 0;
        for (size_t w = 0; w < words; w++) sum += (uint64_t)__builtin_popcountll(*bits++);
        count[g] = (uint32_t)sum;
    }
}

const struct egi_kernels_links egi_kernels_links_avx2 = {
    .name = "avx2",
    .isa = EGI_ISA_AVX2,
    .join = join,
    .agree = agree,
    .tally = tally,
    .ones = ones,
};

#endif
