/* The reference row of the kernels of connections, a word at a time, and the table of rows. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/egi_kernel_links.h"

static void join(const uint64_t *const *row, size_t k, size_t words, uint64_t *out)
{
    for (size_t w = 0; w < words; w++) {
        out[w] = 0;
        for (size_t r = 0; r < k; r++) out[w] |= row[r][w];
    }
}

static void agree(const uint64_t *const *row, const uint32_t *cluster, size_t k, size_t clusters,
                  size_t group, uint64_t *state, uint32_t *count)
{
    for (size_t c = 0; c < clusters; c++) {
        count[c] = 0;
        for (size_t w = c * group; w < (c + 1) * group; w++) {
            for (size_t r = 0; r < k; r++)
                if (cluster[r] != c) state[w] &= row[r][w];
            count[c] += (uint32_t)__builtin_popcountll(state[w]);
        }
    }
}

static void tally(const uint64_t *const *row, size_t k, size_t words, uint16_t *score)
{
    for (size_t w = 0; w < words; w++, score += 64)
        for (size_t r = 0; r < k; r++)
            for (int b = 0; b < 64; b++) score[b] = (uint16_t)(score[b] + (row[r][w] >> b & 1));
}

static void ones(const uint64_t *bits, size_t n, size_t words, uint32_t *count)
{
    for (size_t g = 0; g < n; g++) {
        count[g] = 0;
        for (size_t w = 0; w < words; w++) count[g] += (uint32_t)__builtin_popcountll(*bits++);
    }
}

const struct egi_kernels_links egi_kernels_links_ref = {
    .name = "ref",
    .isa = EGI_ISA_REF,
    .join = join,
    .agree = agree,
    .tally = tally,
    .ones = ones,
};

const struct egi_kernels_links *const egi_kernel_links_rows[] = {
    &egi_kernels_links_ref,
#if EGI_X86
    &egi_kernels_links_avx2,
#endif
    NULL,
};

#define LAY_OVER(slot) \
    if (row->slot != NULL) k.slot = row->slot

struct egi_kernels_links egi_kernels_links(enum egi_isa level)
{
    struct egi_kernels_links k = egi_kernels_links_ref;
    for (const struct egi_kernels_links *const *p = egi_kernel_links_rows + 1; *p != NULL; p++) {
        const struct egi_kernels_links *row = *p;
        if (row->isa > level || !egi_isa_supported(row->isa)) continue;
        k.name = row->name;
        LAY_OVER(join);
        LAY_OVER(agree);
        LAY_OVER(tally);
        LAY_OVER(ones);
    }
    return k;
}
