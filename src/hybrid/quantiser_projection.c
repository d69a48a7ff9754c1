/* Random projection: bit m is whether <r_m, x> >= 0 for r_m of normal numbers (Charikar 2002).
 *
 * Back: E[sign(<r, x>) r] = sqrt(2 / pi) x / |x| for normal r, so that the mean over bits of
 * sign r, times sqrt(pi / 2), is an unbiased direction of length about 1. Bits have no length. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "engram/random.h"
#include "hybrid/egi_quantiser.h"

enum { STREAM_PROJECTION = 0x50524f4a }; /* "PROJ" */

struct settings {
    size_t parts;
};

static const struct egi_setting settings[] = {
    EGI_SET_COUNT(struct settings, parts, "256", 1, 1000000, "P: bits of a vector"),
    EGI_SET_END,
};

static eg_status plan(eg_quantiser *q)
{
    q->parts = ((const struct settings *)&q->settings)->parts;
    q->symbols = 2;
    q->part = q->d;
    q->stored = 0;
    return egi_mul_size(q->d, q->parts, &q->size);
}

static void begin(eg_quantiser *q)
{
    eg_random_normal(q->seed, STREAM_PROJECTION, 0, q->size, q->table);
}

static void encode(const eg_quantiser *q, const float *x, uint16_t *code)
{
    for (size_t m = 0; m < q->parts; m++)
        code[m] = egi_vectors_dot(q->table + m * q->d, x, q->d) >= 0;
}

static void decode(const eg_quantiser *q, const uint16_t *code, float *x)
{
    const float by = 1.2533141F / (float)q->parts; /* sqrt(pi / 2) */
    memset(x, 0, q->d * sizeof *x);
    for (size_t m = 0; m < q->parts; m++) {
        const float *r = q->table + m * q->d, a = code[m] ? by : -by;
        for (size_t j = 0; j < q->d; j++) x[j] += a * r[j];
    }
}

const struct egi_quantiser_row egi_quantiser_projection = {
    { "projection", "signs of random projections", "Charikar 2002, section 3" },
    settings,
    plan,
    begin,
    NULL,
    encode,
    decode
};
