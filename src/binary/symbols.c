/* Numbers and states: symbols of clusters, or a number a unit. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "binary/egi_binary.h"

static const struct egi_side *side_of(const eg_binary *m, int side)
{
    return side == 0 ? &m->in : &m->out;
}

size_t eg_binary_numbers(const eg_binary *m, int side)
{
    const struct egi_side *s = side_of(m, side);
    return m->kind->symbols ? s->clusters : s->total;
}

static eg_status check(const eg_binary *m, const char *who, int side, int given, size_t n)
{
    if (m == NULL || (!given && n > 0))
        return egi_fail(EG_ERR_INVALID, "%s: %s is NULL", who, m == NULL ? "memory" : "an array");
    if (side != 0 && side != 1)
        return egi_fail(EG_ERR_INVALID, "%s: side %d, expected 0 or 1", who, side);
    return EG_OK;
}

static eg_status check_numbers(const eg_binary *m, const struct egi_side *s, const float *x,
                               size_t n, size_t each)
{
    for (size_t i = 0; i < n * each; i++) {
        const float v = x[i];
        const int symbol = v >= -1 && v < (float)s->units && v == floorf(v);
        if (!m->kind->symbols && isfinite(v)) continue;
        if (m->kind->symbols && symbol) continue;
        return egi_fail(EG_ERR_INVALID,
                        "eg_binary_encode: item %zu, number %zu: %g, expected %s%zu", i / each,
                        i % each, (double)v,
                        m->kind->symbols ? "-1 or a symbol below " : "a finite number; size ",
                        m->kind->symbols ? s->units : each);
    }
    return EG_OK;
}

eg_status eg_binary_encode(const eg_binary *m, int side, const float *x, size_t n, uint64_t *bits)
{
    EGI_TRY(check(m, "eg_binary_encode", side, x != NULL && bits != NULL, n));
    const struct egi_side *s = side_of(m, side);
    const size_t each = eg_binary_numbers(m, side);
    if (n == 0) return EG_OK;
    EGI_TRY(check_numbers(m, s, x, n, each));
    memset(bits, 0, n * s->words * sizeof *bits);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < each; j++) {
            const float v = x[i * each + j];
            if (m->kind->symbols ? v < 0 : !(v > 0)) continue;
            const size_t bit = m->kind->symbols ? j * 64 * s->group + (size_t)v
                                                : j / s->units * 64 * s->group + j % s->units;
            bits[i * s->words + bit / 64] |= UINT64_C(1) << bit % 64;
        }
    return EG_OK;
}

/* The only unit of a cluster, or -1. */
static float symbol_of(const uint64_t *group, size_t words)
{
    const size_t first = egi_next_bit(group, words, 0);
    return first == SIZE_MAX || egi_next_bit(group, words, first + 1) != SIZE_MAX ? -1
                                                                                  : (float)first;
}

eg_status eg_binary_decode(const eg_binary *m, int side, const uint64_t *bits, size_t n, float *x)
{
    EGI_TRY(check(m, "eg_binary_decode", side, x != NULL && bits != NULL, n));
    const struct egi_side *s = side_of(m, side);
    const size_t each = eg_binary_numbers(m, side);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < each; j++) {
            const uint64_t *state = bits + i * s->words;
            const size_t bit = j / s->units * 64 * s->group + j % s->units;
            x[i * each + j] = m->kind->symbols ? symbol_of(state + j * s->group, s->group)
                              : state[bit / 64] >> bit % 64 & 1 ? 1
                                                                : (float)m->kind->off;
        }
    return EG_OK;
}
