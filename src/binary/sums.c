/* Signed sums at crossings: what a sparse distributed memory has at its locations and a
 * bidirectional memory between its sides. Exact integers, so whatever was added can be taken away.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "binary/egi_binary.h"

static eg_status shape(const eg_binary_options *o, size_t *rows, size_t *columns, size_t *bytes)
{
    size_t cells;
    *rows = o->kind == EG_BINARY_SDM ? o->locations : o->units;
    *columns = o->out_clusters == 0 ? o->units : o->out_units;
    EGI_TRY(egi_mul_size(*rows, *columns, &cells));
    return egi_mul_size(cells, sizeof(int32_t), bytes);
}

static eg_status bytes(const eg_binary_options *o, size_t *out)
{
    size_t rows, columns, places = 0;
    EGI_TRY(shape(o, &rows, &columns, out));
    if (o->kind == EG_BINARY_SDM) EGI_TRY(egi_mul_size(rows, (o->units + 63) / 64 * 8, &places));
    return egi_add_size(*out, places, out);
}

static eg_status create(eg_binary *m)
{
    size_t size;
    EGI_TRY(shape(&m->options, &m->sums.rows, &m->sums.columns, &size));
    m->sums.at = egi_alloc(m->alloc, size);
    if (m->sums.at == NULL)
        return egi_fail(EG_ERR_NOMEM, "eg_binary_create: %zu bytes of sums", size);
    memset(m->sums.at, 0, size);
    return EG_OK;
}

static void destroy(eg_binary *m)
{
    egi_free(m->alloc, m->sums.at, m->sums.rows * m->sums.columns * sizeof *m->sums.at);
}

/* No sum exceeds the number of pairs: each adds 1 or takes it, or is far from the row. */
static int within(int64_t sum, uint64_t n)
{
    return (uint64_t)(sum < 0 ? -sum : sum) <= n;
}

static int can_be(const eg_binary *m, uint64_t n)
{
    int fits = 1;
    for (size_t i = 0; i < m->sums.rows * m->sums.columns; i++) fits &= within(m->sums.at[i], n);
    return fits;
}

/* The number of pairs is what must fit, and what is left must be sums of as many as are left. */
static eg_status may_join(const eg_binary *into, const eg_binary *from, int sign)
{
    if (sign > 0 && into->n + from->n > INT32_MAX)
        return egi_fail(EG_ERR_OVERFLOW, "eg_binary_merge: %llu + %llu pairs, sums hold %d",
                        (unsigned long long)into->n, (unsigned long long)from->n, INT32_MAX);
    if (sign < 0 && into->n < from->n)
        return egi_fail(EG_NOT_FOUND, "eg_binary_subtract: %llu - %llu pairs",
                        (unsigned long long)into->n, (unsigned long long)from->n);
    for (size_t i = 0; sign < 0 && i < into->sums.rows * into->sums.columns; i++)
        if (!within((int64_t)into->sums.at[i] - from->sums.at[i], into->n - from->n))
            return egi_fail(EG_NOT_FOUND,
                            "eg_binary_subtract: a sum of %d - %d is none of %llu "
                            "pairs: not all of them were stored",
                            into->sums.at[i], from->sums.at[i],
                            (unsigned long long)(into->n - from->n));
    return EG_OK;
}

static void join(eg_binary *into, const eg_binary *from, int sign)
{
    for (size_t i = 0; i < into->sums.rows * into->sums.columns; i++)
        into->sums.at[i] = (int32_t)(into->sums.at[i] + (int64_t)sign * from->sums.at[i]);
}

static void restrict_to(eg_binary *m, const uint64_t *outputs)
{
    for (size_t i = 0; i < m->sums.rows * m->sums.columns; i++) {
        const size_t c = i % m->sums.columns;
        if (!(outputs[c / 64] >> c % 64 & 1)) m->sums.at[i] = 0;
    }
}

/* ---- rows as bytes: each sum as LEB128 of 2 |s| - (s < 0) ---- */

static size_t rows(const eg_binary *m)
{
    return m->sums.rows;
}

static size_t row_most(const eg_binary *m)
{
    return 5 * m->sums.columns;
}

static size_t row_write(const eg_binary *m, size_t row, uint8_t *out)
{
    uint8_t *at = out;
    for (size_t c = 0; c < m->sums.columns; c++) {
        const int64_t s = m->sums.at[row * m->sums.columns + c];
        uint64_t rest = s < 0 ? (uint64_t)(-2 * s - 1) : (uint64_t)(2 * s);
        for (; rest >= 128; rest >>= 7) *at++ = (uint8_t)(rest | 128);
        *at++ = (uint8_t)rest;
    }
    return (size_t)(at - out);
}

static eg_status row_read(eg_binary *m, size_t row, const uint8_t *at, size_t size, size_t *took)
{
    *took = 0;
    for (size_t c = 0; c < m->sums.columns; c++) {
        uint64_t value = 0;
        int shift = 0, more = 1;
        for (; more && *took < size && shift < 35; shift += 7) {
            value |= (uint64_t)(at[*took] & 127) << shift;
            more = at[(*took)++] >= 128;
        }
        const int64_t s = value % 2 != 0 ? -(int64_t)(value / 2) - 1 : (int64_t)(value / 2);
        if (more || !within(s, m->n))
            return egi_fail(EG_ERR_CORRUPT, "sums: number %zu of row %zu is none of %llu pairs", c,
                            row, (unsigned long long)m->n);
        m->sums.at[row * m->sums.columns + c] = (int32_t)s;
    }
    return EG_OK;
}

static int row_used(const eg_binary *m, size_t row)
{
    const int32_t *at = m->sums.at + row * m->sums.columns;
    for (size_t c = 0; c < m->sums.columns; c++)
        if (at[c] != 0) return 1;
    return 0;
}

static void row_numbers(const eg_binary *m, size_t row, int32_t *out)
{
    memcpy(out, m->sums.at + row * m->sums.columns, m->sums.columns * sizeof *out);
}

size_t egi_sums_used(const struct egi_sums *s)
{
    size_t used = 0;
    for (size_t i = 0; i < s->rows * s->columns; i++) used += s->at[i] != 0;
    return used;
}

const struct egi_keeping egi_keeping_sums = { create, destroy,     bytes,      may_join,  join,
                                              can_be, restrict_to, row_most,   row_write, row_read,
                                              rows,   row_used,    row_numbers };
