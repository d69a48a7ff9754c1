/* Codes: one sign a component of what a pattern differs from its centre by, e = key - centre, and
 * what the signs do not say. With b the signs, a = |e|_1 / D (the a of least |e - a b|),
 *
 *     <v, e> <= a <v, b> + |v| |e - a b|                       (Cauchy and Schwarz)
 *
 * and <v, b> by popcounts: v is rounded to sixteen levels, v' = step sum_k 2^k p_k with four planes
 * of signs p_k, so that <v', b> = step sum_k 2^k overlap(p_k, b), an exact integer times step, and
 * <v, b> <= <v', b> + |v - v'|_1. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <float.h>
#include <math.h>
#include <string.h>

#include "bits/egi_bits.h"
#include "hybrid/egi_routed.h"

#define UP (1 + 1e-9) /* more than sums of D terms in f64 err by, D <= 2^22 */

enum { LEVELS = (1 << EGI_PLANES) - 1 };

static float up(double x)
{
    return nextafterf((float)(x * UP), INFINITY);
}

static float down(double x)
{
    return nextafterf((float)(x < 0 ? x * UP : x / UP), -INFINITY);
}

static void set_bit(uint64_t *words, size_t j, int bit)
{
    words[j / 64] |= (uint64_t)bit << j % 64;
}

void egi_code(const eg_routed *r, struct egi_cells *cells, size_t c, const float *x,
              struct egi_slots *slots, size_t slot, double *key)
{
    const size_t d = r->m->d;
    const float *centre = cells->centre + c * d;
    uint64_t *code = slots->code + slot * r->words;
    double sum = 0, square = 0, rest = 0;
    egi_routed_key(r, cells->origin, x, key);
    cells->norm[c] = fmax(cells->norm[c], egi_routed_norm(key, d) * UP);
    memset(code, 0, r->words * sizeof *code);
    for (size_t j = 0; j < d; j++) {
        key[j] -= (double)centre[j];
        sum += fabs(key[j]);
        square += key[j] * key[j];
        set_bit(code, j, key[j] >= 0);
    }
    const float scale = (float)(sum / (double)d);
    for (size_t j = 0; j < d; j++) {
        const double left = fabs(key[j]) - (double)scale;
        rest += left * left;
    }
    cells->radius[c] = fmax(cells->radius[c], sqrt(square) * UP);
    slots->scale[slot] = scale;
    slots->rest[slot] = up(sqrt(rest));
    slots->half[slot] = down(square / 2);
}

void egi_planes_of(const double *v, size_t d, struct egi_planes *p)
{
    const size_t words = egi_bits_words(d);
    double most = 0, off = 0;
    for (size_t j = 0; j < d; j++) most = fmax(most, fabs(v[j]));
    const double step = most / LEVELS;
    memset(p->plane, 0, EGI_PLANES * words * sizeof *p->plane);
    for (size_t j = 0; j < d; j++) {
        const double at = step > 0 ? rint((v[j] / step + LEVELS) / 2) : 0;
        const unsigned level = (unsigned)fmin(fmax(at, 0), LEVELS);
        for (size_t k = 0; k < EGI_PLANES; k++)
            set_bit(p->plane + k * words, j, (int)(level >> k & 1));
        off += fabs(v[j] - step * (2 * (double)level - LEVELS));
    }
    p->step = step;
    p->off = off * UP + (double)d * most * 1e-15;
    p->norm = egi_routed_norm(v, d) * UP;
}

void egi_code_bounds(const eg_routed *r, const struct egi_planes *p, size_t slot, size_t n,
                     float *bound)
{
    int32_t overlap[EGI_PLANES][EGI_CODE_BLOCK];
    const float step = (float)p->step, off = up(p->off * (1 + 1e-6)), norm = up(p->norm);
    const float by = egi_routed_form(r->similarity)->centred ? 1 : 0;
    const float *scale = r->slots.scale + slot, *rest = r->slots.rest + slot;
    const float *half = r->slots.half + slot;
    const uint64_t *code = r->slots.code + slot * r->words;
    for (size_t k = 0; k < EGI_PLANES; k++)
        egi_bits_overlaps_of(code, n, r->m->d, p->plane + k * r->words, overlap[k]);
    for (size_t i = 0; i < n; i++) {
        const int32_t levels =
            overlap[0][i] + 2 * overlap[1][i] + 4 * overlap[2][i] + 8 * overlap[3][i];
        bound[i] = scale[i] * (step * (float)levels + off) + norm * rest[i] - by * half[i];
    }
}

/* 2^y <= 1 + f times 2^i, y = i + f: the number whose exponent and fraction these are. y is brought
 * into -126 .. 126 first, and y + 127 is off by 2^-17. */
static inline float power_above(float y)
{
    const float at = y > -126 ? y : -126;
    const int32_t bits = (int32_t)(((at < 126 ? at : 126) + 127) * 8388608.0F);
    float out;
    memcpy(&out, &bits, sizeof out);
    return out;
}

enum { LANES = 8 };

/* No less than the sum of 2^(y - by (limit - bound)) over those below limit, where y is that of the
 * limit: a difference errs by 2^-24 of itself, so exponents that count by less than 2^-16. */
static double sum_above(const float *bound, size_t n, float limit, float by, float y)
{
    float sum[LANES] = { 0 }, all = 0;
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (size_t k = 0; k < LANES; k++) {
            const float power = power_above(y - by * (limit - bound[i + k]));
            sum[k] += bound[i + k] < limit ? power : 0;
        }
    for (; i < n; i++) all += bound[i] < limit ? power_above(y - by * (limit - bound[i])) : 0;
    for (size_t k = 0; k < LANES; k++) all += sum[k];
    return (double)all * (1 + 1e-4);
}

size_t egi_code_pick(const float *bound, size_t n, double least, double rate, double shift,
                     size_t *at, double *top, double *sum)
{
    const double log2e = 1.4426950408889634;
    const float limit = down(least);
    float most = -INFINITY;
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) most = bound[i] < limit && bound[i] > most ? bound[i] : most;
    for (size_t i = 0; i < n; i++) {
        at[kept] = i;
        kept += !(bound[i] < limit); /* written so that NaN is kept */
    }
    *top = (double)most;
    *sum = kept == n ? 0
                     : sum_above(bound, n, limit, (float)(rate * log2e),
                                 (float)((rate * (double)limit + shift) * log2e));
    return kept;
}
