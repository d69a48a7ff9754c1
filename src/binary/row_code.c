/* A row of connections as bytes, by its own density (Knoblauch 2003: what a sparse or nearly full
 * matrix costs is its entropy, not its size).
 *
 * Format: u8 form. Form 0: the bits, 8 a byte, low bit first. Form 1 the ones, form 2 the zeros, as
 * gaps: u8 k; their number as LEB128; then for each the gap to the one before (bits between, from
 * the row's beginning) in a Rice code of parameter k: gap >> k ones, a zero, the k low bits of gap,
 * lowest first; padded with zeros to a byte. A writer takes the shortest of all forms and k, the
 * lowest of equals; a reader takes any that parses, gives every gap a place in the row and leaves
 * no padding bit set.
 *
 * For independent connections of density p < 1/2 the best k is within 4 % of the entropy
 * H(p) for p below 0.1 (Golomb 1966); at p = 1/2 the bitmap is the entropy. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "binary/egi_binary.h"

enum { FORM_BITMAP, FORM_ONES, FORM_ZEROS, FORMS, MOST_K = 31 };

size_t egi_row_code_most(size_t bits)
{
    return 1 + bits / 8 + 1; /* the bitmap is always there to be chosen */
}

/* Bytes of n as LEB128. */
static size_t length_of(size_t n)
{
    size_t bytes = 1;
    for (; n >= 128; n >>= 7) bytes++;
    return bytes;
}

struct plan {
    size_t n, bytes; /* gaps; of the whole row */
    int k;
};

/* Gaps of ones in row ^ flip. visit for each. */
static size_t next_gap(const uint64_t *row, uint64_t flip, size_t bits, size_t *at)
{
    const size_t from = *at;
    size_t i = from;
    while (i < bits) {
        const uint64_t rest = (row[i / 64] ^ flip) >> i % 64;
        if (rest != 0) {
            i += (size_t)__builtin_ctzll(rest);
            break;
        }
        i = (i / 64 + 1) * 64;
    }
    if (i >= bits) return SIZE_MAX;
    *at = i + 1;
    return i - from;
}

static struct plan plan_gaps(const uint64_t *row, uint64_t flip, size_t bits)
{
    size_t cost[MOST_K + 1] = { 0 }, n = 0;
    struct plan best = { 0, SIZE_MAX, 0 };
    for (size_t at = 0, gap; (gap = next_gap(row, flip, bits, &at)) != SIZE_MAX; n++)
        for (int k = 0; k <= MOST_K; k++) cost[k] += (gap >> k) + 1 + (size_t)k;
    for (int k = 0; k <= MOST_K; k++) {
        const size_t bytes = 2 + length_of(n) + (cost[k] + 7) / 8;
        if (bytes < best.bytes) best = (struct plan){ n, bytes, k };
    }
    return best;
}

static void put_bits(uint8_t *out, size_t *at, uint64_t value, size_t n)
{
    for (size_t b = 0; b < n; b++, ++*at)
        out[*at / 8] = (uint8_t)(out[*at / 8] | (value >> b & 1) << *at % 8);
}

static size_t write_gaps(const uint64_t *row, uint64_t flip, size_t bits, const struct plan *p,
                         uint8_t *out)
{
    size_t at = 2, stream = 0, n = p->n;
    memset(out, 0, p->bytes);
    out[0] = flip == 0 ? FORM_ONES : FORM_ZEROS;
    out[1] = (uint8_t)p->k;
    for (; n >= 128; n >>= 7) out[at++] = (uint8_t)(n | 128);
    out[at++] = (uint8_t)n;
    for (size_t i = 0, gap; (gap = next_gap(row, flip, bits, &i)) != SIZE_MAX;) {
        for (size_t q = gap >> p->k; q > 0; q--) put_bits(out + at, &stream, 1, 1);
        put_bits(out + at, &stream, 0, 1);
        put_bits(out + at, &stream, gap, (size_t)p->k);
    }
    return p->bytes;
}

size_t egi_row_encode(const uint64_t *row, size_t bits, uint8_t *out)
{
    const struct plan ones = plan_gaps(row, 0, bits), zeros = plan_gaps(row, ~UINT64_C(0), bits);
    const size_t bitmap = 1 + (bits + 7) / 8;
    if (ones.bytes < bitmap && ones.bytes <= zeros.bytes)
        return write_gaps(row, 0, bits, &ones, out);
    if (zeros.bytes < bitmap) return write_gaps(row, ~UINT64_C(0), bits, &zeros, out);
    out[0] = FORM_BITMAP;
    for (size_t i = 0; i + 1 < bitmap; i++) out[1 + i] = (uint8_t)(row[i / 8] >> 8 * (i % 8));
    return bitmap;
}

static eg_status corrupt(const char *what)
{
    return egi_fail(EG_ERR_CORRUPT, "a row of connections: %s", what);
}

static eg_status read_bitmap(const uint8_t *at, size_t size, size_t bits, uint64_t *row,
                             size_t *took)
{
    const size_t bytes = (bits + 7) / 8;
    if (size < 1 + bytes) return corrupt("its bitmap is cut short");
    for (size_t i = 0; i < bytes; i++) row[i / 8] |= (uint64_t)at[1 + i] << 8 * (i % 8);
    if (bits % 64 != 0 && row[bits / 64] >> bits % 64 != 0) return corrupt("bits past its end");
    *took = 1 + bytes;
    return EG_OK;
}

/* Bits of a stream, one after the other; -1 past its end. */
struct stream {
    const uint8_t *at;
    size_t bits, next;
};

static int take_bit(struct stream *s)
{
    if (s->next >= s->bits) return -1;
    const int bit = s->at[s->next / 8] >> s->next % 8 & 1;
    s->next++;
    return bit;
}

/* SIZE_MAX where the stream ends, or the gap leads past `room` bits. */
static size_t take_gap(struct stream *s, int k, size_t room)
{
    size_t gap = 0;
    int bit;
    while ((bit = take_bit(s)) == 1)
        if (++gap > room >> k) return SIZE_MAX;
    if (bit < 0) return SIZE_MAX;
    gap <<= k;
    for (int b = 0; b < k; b++) {
        bit = take_bit(s);
        if (bit < 0) return SIZE_MAX;
        gap |= (size_t)bit << b;
    }
    return gap < room ? gap : SIZE_MAX;
}

static void flip_row(size_t bits, uint64_t *row)
{
    for (size_t w = 0; w < (bits + 63) / 64; w++) row[w] = ~row[w];
    if (bits % 64 != 0) row[bits / 64] &= (UINT64_C(1) << bits % 64) - 1;
}

static eg_status read_gaps(const uint8_t *at, size_t size, size_t bits, uint64_t *row, size_t *took)
{
    size_t head = 2, n = 0;
    int shift = 0, more = 1;
    if (size < 3 || at[1] > MOST_K) return corrupt("no gaps");
    for (; more && head < size && shift < 49; shift += 7) {
        n |= (size_t)(at[head] & 127) << shift;
        more = at[head++] >= 128;
    }
    if (more || n > bits) return corrupt("a number of gaps that it has no room for");
    struct stream s = { at + head, 8 * (size - head), 0 };
    for (size_t i = 0, place = 0; i < n; i++) {
        const size_t gap = take_gap(&s, at[1], bits - place);
        if (gap == SIZE_MAX) return corrupt("a gap that leads past its end");
        place += gap;
        row[place / 64] |= UINT64_C(1) << place % 64;
        place++;
    }
    for (; s.next % 8 != 0; s.next++)
        if (s.at[s.next / 8] >> s.next % 8 & 1) return corrupt("padding that is not 0");
    if (at[0] == FORM_ZEROS) flip_row(bits, row);
    *took = head + s.next / 8;
    return EG_OK;
}

eg_status egi_row_decode(const uint8_t *at, size_t size, size_t bits, uint64_t *row, size_t *took)
{
    if (size == 0 || at[0] >= FORMS) return corrupt("no such form");
    memset(row, 0, (bits + 63) / 64 * sizeof *row);
    return at[0] == FORM_BITMAP ? read_bitmap(at, size, bits, row, took)
                                : read_gaps(at, size, bits, row, took);
}
