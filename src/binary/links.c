/* Connections that exist or do not, and how often each was made.
 *
 * A row is a unit of the address and holds one bit for each unit of the content, so that storing
 * a pair is OR of the content's words into k rows and a recall reads the rows of active units
 * alone. Counters, where asked for, are 16 bits beside each bit; the bit is "count > 0" always. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "binary/egi_binary.h"

static eg_status sizes(const eg_binary_options *o, size_t *bits, size_t *counts)
{
    const struct egi_side in = egi_side_of(o->clusters, o->units);
    const struct egi_side out =
        o->out_clusters == 0 ? in : egi_side_of(o->out_clusters, o->out_units);
    size_t words;
    EGI_TRY(egi_mul_size(in.total, out.words, &words));
    EGI_TRY(egi_mul_size(words, 64 * sizeof(uint16_t), counts));
    *bits = words * sizeof(uint64_t);
    if (!o->counted) *counts = 0;
    return EG_OK;
}

static eg_status bytes(const eg_binary_options *o, size_t *out)
{
    size_t bits, counts;
    EGI_TRY(sizes(o, &bits, &counts));
    return egi_add_size(bits, counts, out);
}

static void destroy(eg_binary *m)
{
    size_t bits = 0, counts = 0;
    if (sizes(&m->options, &bits, &counts) != EG_OK) return;
    egi_free(m->alloc, m->links.bits, bits);
    egi_free(m->alloc, m->links.count, counts);
}

static eg_status create(eg_binary *m)
{
    size_t bits, counts;
    EGI_TRY(sizes(&m->options, &bits, &counts));
    m->links = (struct egi_links){ .rows = m->in.total, .words = m->out.words };
    m->links.bits = egi_alloc(m->alloc, bits);
    if (counts > 0) m->links.count = egi_alloc(m->alloc, counts);
    if (m->links.bits == NULL || (counts > 0 && m->links.count == NULL))
        return egi_fail(EG_ERR_NOMEM, "eg_binary_create: %zu bytes of connections", bits + counts);
    memset(m->links.bits, 0, bits);
    if (counts > 0) memset(m->links.count, 0, counts);
    return EG_OK;
}

/* The word of b that a row may be connected to: 0 within the row's own cluster if apart. */
static uint64_t reach(const eg_binary *m, const uint64_t *b, size_t w, size_t cluster, int apart)
{
    return apart && w / m->out.group == cluster ? 0 : b[w];
}

/* Connections that are not counted: words of the content into each row. */
static void connect(struct egi_links *l, const eg_binary *m, const uint64_t *a, const uint64_t *b,
                    int apart)
{
    for (size_t i = egi_next_bit(a, m->in.words, 0); i != SIZE_MAX;
         i = egi_next_bit(a, m->in.words, i + 1)) {
        uint64_t *bits = l->bits + egi_row_of(&m->in, i) * l->words;
        for (size_t w = 0; w < l->words; w++) {
            const uint64_t before = bits[w];
            bits[w] |= reach(m, b, w, i / (64 * m->in.group), apart);
            l->existing +=
                (uint64_t)__builtin_popcountll(bits[w]) - (uint64_t)__builtin_popcountll(before);
        }
    }
}

/* Units of the content, some at a time. */
enum { TOGETHER = 64 };
struct units {
    size_t n, at[TOGETHER];
};

/* The next ones from bit `from` on; returns where those after them begin, or SIZE_MAX. */
static size_t next_units(const uint64_t *b, size_t words, size_t from, struct units *u)
{
    for (u->n = 0; u->n < TOGETHER && from != SIZE_MAX; from = egi_next_bit(b, words, from + 1))
        u->at[u->n++] = from;
    return from;
}

/* The counters of a row, for these units, on their way into the cache: they are a line each, of a
 * matrix that no cache holds, and the walk over them would wait for one after the other. */
static void fetch(const struct egi_links *l, size_t row, const struct units *u)
{
    const uint16_t *count = l->count + 64 * l->words * row;
    for (size_t k = 0; k < u->n; k++) __builtin_prefetch(count + u->at[k], 1);
    for (size_t w = 0; w < l->words; w += 8) __builtin_prefetch(l->bits + row * l->words + w, 1);
}

/* One row's counters move until one cannot, or `most` did: how many did. The bits that exist
 * follow. own: the cluster whose units are passed over; SIZE_MAX: none. */
static size_t move_row(const eg_binary *m, struct egi_links *l, size_t row, size_t own,
                       const struct units *u, int sign, size_t most)
{
    const uint16_t stuck = sign > 0 ? UINT16_MAX : 0, turns = sign > 0 ? 1 : 0;
    uint16_t *count = l->count + 64 * l->words * row;
    uint64_t *bits = l->bits + row * l->words;
    size_t moved = 0;
    for (size_t k = 0; k < u->n && moved < most; k++) {
        const size_t at = u->at[k];
        if (at / (64 * m->out.group) == own) continue;
        if (count[at] == stuck) break;
        count[at] = (uint16_t)(count[at] + sign);
        moved++;
        const uint64_t turned = count[at] == turns; /* as often as not: no branch */
        bits[at / 64] ^= turned << at % 64;
        l->existing += turned * (uint64_t)(int64_t)sign;
    }
    return moved;
}

/* Connections that a row has to these units. */
static size_t connections(const eg_binary *m, size_t own, const struct units *u)
{
    size_t n = 0;
    for (size_t k = 0; k < u->n; k++) n += u->at[k] / (64 * m->out.group) != own;
    return n;
}

/* Counted connections of a pair, made (1) or taken out (-1), the first `most` of them, until a
 * counter cannot move: how many were; SIZE_MAX: all. One walk, for to look first costs as much. */
static size_t move(eg_binary *m, const uint64_t *a, const uint64_t *b, int apart, int sign,
                   size_t most)
{
    struct egi_links *l = &m->links;
    struct units u;
    size_t moved = 0;
    for (size_t from = egi_next_bit(b, m->out.words, 0); from != SIZE_MAX;) {
        from = next_units(b, m->out.words, from, &u);
        size_t i = egi_next_bit(a, m->in.words, 0);
        if (i != SIZE_MAX) fetch(l, egi_row_of(&m->in, i), &u);
        while (i != SIZE_MAX) {
            const size_t row = egi_row_of(&m->in, i);
            const size_t own = apart ? i / (64 * m->in.group) : SIZE_MAX;
            i = egi_next_bit(a, m->in.words, i + 1);
            if (i != SIZE_MAX) fetch(l, egi_row_of(&m->in, i), &u);
            const size_t here = move_row(m, l, row, own, &u, sign, most - moved);
            moved += here;
            if (here < connections(m, own, &u)) return moved;
        }
    }
    return SIZE_MAX;
}

eg_status egi_links_write(eg_binary *m, const uint64_t *a, const uint64_t *b, int apart, int sign)
{
    if (m->links.count == NULL) {
        connect(&m->links, m, a, b, apart);
        return EG_OK;
    }
    const size_t moved = move(m, a, b, apart, sign, SIZE_MAX);
    if (moved == SIZE_MAX) return EG_OK;
    (void)move(m, a, b, apart, -sign, moved);
    return sign > 0
               ? egi_fail(EG_ERR_OVERFLOW, "eg_binary_add: a connection was made %d times",
                          UINT16_MAX)
               : egi_fail(EG_NOT_FOUND, "eg_binary_forget: a connection of the pair is not there: "
                                        "it was never stored");
}

int egi_links_hold(const eg_binary *m, const uint64_t *a, const uint64_t *b, int apart,
                   uint64_t *made)
{
    uint64_t missing = 0;
    *made = 0;
    for (size_t i = egi_next_bit(a, m->in.words, 0); i != SIZE_MAX;
         i = egi_next_bit(a, m->in.words, i + 1)) {
        const uint64_t *row = egi_links_row(&m->links, egi_row_of(&m->in, i));
        for (size_t w = 0; w < m->links.words; w++) {
            const uint64_t on = reach(m, b, w, i / (64 * m->in.group), apart);
            missing |= on & ~row[w];
            *made += (uint64_t)__builtin_popcountll(on);
        }
    }
    return missing == 0;
}

/* ---- two memories ---- */

/* A part of a sequence may be taken out: the rest stays. */
static int can_be(const eg_binary *m, uint64_t n)
{
    return n > 0 || m->links.existing == 0 || m->kind->sequence;
}

static eg_status may_join(const eg_binary *into, const eg_binary *from, int sign)
{
    const uint16_t *x = into->links.count, *y = from->links.count;
    if (x == NULL) return EG_OK;
    for (size_t i = 0; i < 64 * into->links.rows * into->links.words; i++) {
        if (sign > 0 && x[i] > UINT16_MAX - y[i])
            return egi_fail(EG_ERR_OVERFLOW, "eg_binary_merge: a connection made %u + %u times",
                            (unsigned)x[i], (unsigned)y[i]);
        if (sign < 0 && x[i] < y[i])
            return egi_fail(EG_NOT_FOUND, "eg_binary_subtract: a connection made %u - %u times",
                            (unsigned)x[i], (unsigned)y[i]);
    }
    return EG_OK;
}

/* The bits of a word and their number, from its counters. */
static uint64_t bits_of_counts(const uint16_t *count)
{
    uint64_t bits = 0;
    for (int b = 0; b < 64; b++) bits |= (uint64_t)(count[b] > 0) << b;
    return bits;
}

static void recount(struct egi_links *l)
{
    l->existing = 0;
    for (size_t i = 0; i < l->rows * l->words; i++) {
        if (l->count != NULL) l->bits[i] = bits_of_counts(l->count + 64 * i);
        l->existing += (uint64_t)__builtin_popcountll(l->bits[i]);
    }
}

static void join(eg_binary *into, const eg_binary *from, int sign)
{
    struct egi_links *l = &into->links;
    const size_t n = l->rows * l->words;
    for (size_t i = 0; l->count != NULL && i < 64 * n; i++)
        l->count[i] = (uint16_t)(l->count[i] + sign * from->links.count[i]);
    for (size_t i = 0; l->count == NULL && i < n; i++)
        l->bits[i] =
            sign > 0 ? l->bits[i] | from->links.bits[i] : l->bits[i] & ~from->links.bits[i];
    recount(l);
}

static void restrict_to(eg_binary *m, const uint64_t *outputs)
{
    struct egi_links *l = &m->links;
    for (size_t i = 0; i < l->rows * l->words; i++) {
        const uint64_t keep = outputs[i % l->words];
        l->bits[i] &= keep;
        for (int b = 0; l->count != NULL && b < 64; b++)
            if (!(keep >> b & 1)) l->count[64 * i + (size_t)b] = 0;
    }
    recount(l);
}

/* ---- rows as bytes: the bits by row_code.c, then count - 1 of each one as LEB128 ---- */

static size_t rows(const eg_binary *m)
{
    return m->links.rows;
}

static size_t row_most(const eg_binary *m)
{
    const size_t bits = 64 * m->links.words;
    return egi_row_code_most(bits) + (m->links.count != NULL ? 3 * bits : 0);
}

static size_t row_write(const eg_binary *m, size_t row, uint8_t *out)
{
    const struct egi_links *l = &m->links;
    const uint64_t *bits = egi_links_row(l, row);
    uint8_t *at = out + egi_row_encode(bits, 64 * l->words, out);
    if (l->count == NULL) return (size_t)(at - out);
    for (size_t i = egi_next_bit(bits, l->words, 0); i != SIZE_MAX;
         i = egi_next_bit(bits, l->words, i + 1)) {
        unsigned rest = (unsigned)l->count[64 * row * l->words + i] - 1;
        for (; rest >= 128; rest >>= 7) *at++ = (uint8_t)(rest | 128);
        *at++ = (uint8_t)rest;
    }
    return (size_t)(at - out);
}

static eg_status read_count(const uint8_t *at, size_t size, size_t *took, uint16_t *out)
{
    uint32_t value = 0;
    for (int shift = 0; shift < 21 && *took < size; shift += 7) {
        const uint8_t byte = at[(*took)++];
        value |= (uint32_t)(byte & 127) << shift;
        if (byte >= 128) continue;
        if (value >= UINT16_MAX || (shift > 0 && byte == 0)) break;
        *out = (uint16_t)(value + 1);
        return EG_OK;
    }
    return egi_fail(EG_ERR_CORRUPT, "connections: a counter does not parse");
}

/* The bits past the units of a cluster, and those of a clique's own cluster, are not there. */
static eg_status check_row(const eg_binary *m, size_t row)
{
    const uint64_t *bits = egi_links_row(&m->links, row);
    const size_t cluster = row / m->in.units;
    int clean = egi_state_clean(&m->out, bits);
    if (m->own && m->options.kind == EG_BINARY_CLIQUE)
        for (size_t w = 0; w < m->out.group; w++) clean &= bits[cluster * m->out.group + w] == 0;
    return clean ? EG_OK
                 : egi_fail(EG_ERR_CORRUPT, "connections: row %zu has one that cannot be", row);
}

static eg_status row_read(eg_binary *m, size_t row, const uint8_t *at, size_t size, size_t *took)
{
    struct egi_links *l = &m->links;
    uint64_t *bits = l->bits + row * l->words;
    uint16_t *count = l->count != NULL ? l->count + 64 * row * l->words : NULL;
    EGI_TRY(egi_row_decode(at, size, 64 * l->words, bits, took));
    EGI_TRY(check_row(m, row));
    for (size_t i = egi_next_bit(bits, l->words, 0); i != SIZE_MAX;
         i = egi_next_bit(bits, l->words, i + 1)) {
        l->existing++;
        if (count != NULL) EGI_TRY(read_count(at, size, took, &count[i]));
    }
    return EG_OK;
}

static int row_used(const eg_binary *m, size_t row)
{
    return egi_next_bit(egi_links_row(&m->links, row), m->links.words, 0) != SIZE_MAX;
}

static void row_numbers(const eg_binary *m, size_t row, int32_t *out)
{
    const struct egi_links *l = &m->links;
    const uint64_t *bits = egi_links_row(l, row);
    for (size_t u = 0; u < m->out.total; u++) {
        const size_t bit = egi_bit_of(&m->out, u);
        const int there = bits[bit / 64] >> bit % 64 & 1;
        out[u] = l->count == NULL ? there : l->count[64 * row * l->words + bit];
    }
}

int egi_binary_complete(eg_binary *m)
{
    struct egi_links *l = &m->links;
    if (m->kind->keeping != &egi_keeping_links || !m->own || m->kind->sequence) return 0;
    for (size_t row = 0; row < l->rows; row++) {
        const size_t back = egi_bit_of(&m->in, row);
        const uint64_t *bits = egi_links_row(l, row);
        for (size_t i = egi_next_bit(bits, l->words, 0); i != SIZE_MAX;
             i = egi_next_bit(bits, l->words, i + 1)) {
            const size_t other = egi_row_of(&m->in, i);
            l->bits[other * l->words + back / 64] |= UINT64_C(1) << back % 64;
            if (l->count == NULL) continue;
            uint16_t *twin = &l->count[64 * other * l->words + back];
            const uint16_t here = l->count[64 * row * l->words + i];
            if (here > *twin) *twin = here;
        }
    }
    recount(l);
    return 1;
}

const struct egi_keeping egi_keeping_links = { create, destroy,     bytes,      may_join,  join,
                                               can_be, restrict_to, row_most,   row_write, row_read,
                                               rows,   row_used,    row_numbers };
