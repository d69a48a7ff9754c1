/* The packed store. The same bits are kept twice (see egi_kernel_bits.h): as rows, which are
 * the truth, and as blocks, which are derived from them by transposing 32 x 32 bits. Together
 * 2 bits a component, a sixteenth of the patterns as f32. Room grows by half, so that adding
 * patterns one by one costs O(1) copies each. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "bits/egi_bits_layout.h"

#define MOST_COMPONENTS ((size_t)1 << 30) /* overlaps and their table indices fit an int32_t */

eg_status egi_bits_create(size_t d, const eg_allocator *alloc, struct egi_bits **out)
{
    if (d == 0 || d > MOST_COMPONENTS)
        return egi_fail(EG_ERR_INVALID, "packed patterns: D = %zu, not in 1 .. %zu", d,
                        MOST_COMPONENTS);
    if (alloc == NULL) alloc = eg_allocator_default();
    struct egi_bits *b = egi_alloc(alloc, sizeof *b);
    if (b == NULL) return egi_fail(EG_ERR_NOMEM, "packed patterns: %zu bytes", sizeof *b);
    *b = (struct egi_bits){
        .alloc = *alloc,
        .kernel = egi_kernels_bits(egi_isa_level()),
        .d = d,
        .words = egi_bits_words(d),
        .blocks = (d + EGI_BITS_LANES - 1) / EGI_BITS_LANES,
    };
    *out = b;
    return EG_OK;
}

static size_t rows_size(const struct egi_bits *b)
{
    return b->room * b->words * sizeof *b->rows;
}

static size_t blocks_size(const struct egi_bits *b)
{
    return b->blocks * egi_bits_stride(b) * sizeof *b->bits;
}

void egi_bits_destroy(struct egi_bits *b)
{
    if (b == NULL) return;
    const eg_allocator alloc = b->alloc;
    egi_free(&alloc, b->rows, rows_size(b));
    egi_free(&alloc, b->bits, blocks_size(b));
    egi_free(&alloc, b, sizeof *b);
}

size_t egi_bits_count(const struct egi_bits *b)
{
    return b->n;
}

size_t egi_bits_bytes(const struct egi_bits *b)
{
    return sizeof *b + rows_size(b) + blocks_size(b);
}

size_t egi_bits_words(size_t d)
{
    return (d + 63) / 64;
}

void egi_bits_pack(const float *x, size_t d, uint64_t *words)
{
    for (size_t first = 0; first < d; first += 64, words++) {
        const size_t n = d - first < 64 ? d - first : 64;
        uint64_t word = 0;
        for (size_t c = 0; c < n; c++) word |= (uint64_t)(x[first + c] >= 0) << c;
        *words = word;
    }
}

/* a[c] bit i <- a[i] bit c, by exchanging halves, quarters, ... of the matrix. */
static void transpose(uint32_t a[EGI_BITS_GROUP])
{
    uint32_t low = 0x0000ffff;
    for (size_t half = 16; half > 0; half /= 2, low ^= low << half)
        for (size_t at = 0; at < EGI_BITS_GROUP; at += 2 * half)
            for (size_t i = at; i < at + half; i++) {
                const uint32_t change = (a[i] >> half ^ a[i + half]) & low;
                a[i] ^= change << half;
                a[i + half] ^= change;
            }
}

/* Write group g of every block out of the rows; absent memories have bits 0. */
static void derive_group(struct egi_bits *b, size_t g)
{
    const size_t first = g * EGI_BITS_GROUP;
    const size_t n = b->n - first < EGI_BITS_GROUP ? b->n - first : EGI_BITS_GROUP;
    for (size_t pair = 0; pair < b->blocks; pair += 2) { /* two blocks: 32 components */
        uint32_t square[EGI_BITS_GROUP] = { 0 };
        for (size_t i = 0; i < n; i++) {
            const uint64_t word = b->rows[(first + i) * b->words + pair / 4];
            square[i] = (uint32_t)(word >> (pair % 4 * EGI_BITS_LANES));
        }
        transpose(square);
        uint32_t *line = b->bits + pair * egi_bits_stride(b) + g * EGI_BITS_LANES;
        const size_t bytes = EGI_BITS_LANES * sizeof *line;
        memcpy(line, square, bytes);
        if (pair + 1 < b->blocks) memcpy(line + egi_bits_stride(b), square + EGI_BITS_LANES, bytes);
    }
}

/* The blocks follow the rows from memory `first` on. */
static void derive(struct egi_bits *b, size_t first)
{
    for (size_t g = first / EGI_BITS_GROUP; g < egi_bits_groups(b->n); g++) derive_group(b, g);
}

/* On failure nothing has changed. */
eg_status egi_bits_reserve(struct egi_bits *b, size_t n)
{
    if (n <= b->room) return EG_OK;
    struct egi_bits grown = *b;
    const size_t half_more = b->room + b->room / 2;
    size_t words, lines;
    EGI_TRY(egi_add_size(n > half_more ? n : half_more, EGI_BITS_GROUP - 1, &grown.room));
    grown.room -= grown.room % EGI_BITS_GROUP;
    EGI_TRY(egi_mul_size(grown.room, b->words, &words));
    EGI_TRY(egi_mul_size(egi_bits_stride(&grown), b->blocks, &lines));
    EGI_TRY(
        egi_alloc_array(&b->alloc, words, sizeof *b->rows, "packed rows", (void **)&grown.rows));
    const eg_status s =
        egi_alloc_array(&b->alloc, lines, sizeof *b->bits, "packed blocks", (void **)&grown.bits);
    if (s != EG_OK) {
        egi_free(&b->alloc, grown.rows, rows_size(&grown));
        return s;
    }
    if (b->n > 0) memcpy(grown.rows, b->rows, b->n * b->words * sizeof *b->rows);
    const size_t used = egi_bits_groups(b->n) * EGI_BITS_LANES * sizeof *b->bits;
    for (size_t block = 0; block < b->blocks && used > 0; block++)
        memcpy(grown.bits + block * egi_bits_stride(&grown), b->bits + block * egi_bits_stride(b),
               used);
    egi_free(&b->alloc, b->rows, rows_size(b));
    egi_free(&b->alloc, b->bits, blocks_size(b));
    *b = grown;
    return EG_OK;
}

eg_status egi_bits_append(struct egi_bits *b, const float *patterns, size_t n)
{
    const size_t before = b->n;
    size_t after;
    EGI_TRY(egi_add_size(before, n, &after));
    EGI_TRY(egi_bits_reserve(b, after));
    for (size_t i = 0; i < n; i++)
        egi_bits_pack(patterns + i * b->d, b->d, b->rows + (before + i) * b->words);
    b->n = after;
    derive(b, before);
    return EG_OK;
}

void egi_bits_keep(struct egi_bits *b, const uint8_t *keep)
{
    size_t first = 0;
    while (first < b->n && keep[first]) first++;
    size_t kept = first;
    for (size_t i = first; i < b->n; i++) {
        if (!keep[i]) continue;
        memcpy(b->rows + kept * b->words, b->rows + i * b->words, b->words * sizeof *b->rows);
        kept++;
    }
    b->n = kept;
    derive(b, first);
}

void egi_bits_replace(struct egi_bits *b, size_t i, const float *pattern)
{
    egi_bits_pack(pattern, b->d, b->rows + i * b->words);
    derive_group(b, i / EGI_BITS_GROUP);
}

void egi_bits_get(const struct egi_bits *b, size_t i, float *pattern)
{
    const uint64_t *row = b->rows + i * b->words;
    for (size_t c = 0; c < b->d; c++) pattern[c] = row[c / 64] >> c % 64 & 1 ? 1.0f : -1.0f;
}
