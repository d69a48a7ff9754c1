/* The patterns and cues of the laboratory. Pattern number i of a seed is the same whatever n
 * is; so is the cue of query i. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "base/egi_base.h"
#include "engram/capacity.h"
#include "engram/random.h"

enum { STREAM_PATTERNS = 0x50415454 /* "PATT" */, STREAM_CORRUPT = 0x434f5252 /* "CORR" */ };

/* x (D) to length norm; the zero vector stays. */
static void set_norm(float *x, size_t d, double norm)
{
    double square = 0;
    for (size_t j = 0; j < d; j++) square += (double)x[j] * (double)x[j];
    const double by = square > 0 ? norm / sqrt(square) : 0;
    for (size_t j = 0; j < d; j++) x[j] = (float)((double)x[j] * by);
}

eg_status eg_patterns_draw(eg_patterns kind, double radius, uint64_t seed, size_t n, size_t d,
                           float *patterns)
{
    size_t cells;
    EGI_TRY(egi_mul_size(n, d, &cells));
    if ((unsigned)kind >= EG_PATTERNS_COUNT)
        return egi_fail(EG_ERR_INVALID, "eg_patterns_draw: kind %d, expected 0..%d", (int)kind,
                        EG_PATTERNS_COUNT - 1);
    if (patterns == NULL && cells > 0)
        return egi_fail(EG_ERR_INVALID, "eg_patterns_draw: patterns is NULL");
    if (kind == EG_PATTERNS_SPHERE && (!(radius > 0) || !isfinite(radius) || d < 2))
        return egi_fail(EG_ERR_INVALID,
                        "eg_patterns_draw: radius %g in %zu dimensions, expected > 0 and d >= 2",
                        radius, d);
    if (kind == EG_PATTERNS_SIGNS)
        eg_random_sign(seed, STREAM_PATTERNS, 0, cells, patterns);
    else
        eg_random_normal(seed, STREAM_PATTERNS, 0, cells, patterns);
    for (size_t i = 0; kind == EG_PATTERNS_SPHERE && i < n; i++)
        set_norm(patterns + i * d, d, radius * sqrt((double)d - 1));
    return EG_OK;
}

/* ---- corruption: x (D) is query number i ---- */

struct corrupting {
    double amount;
    uint64_t seed, stream;
    size_t d;
    float *draw;   /* (D) */
    size_t *order; /* (D) */
};

static void flip(const struct corrupting *c, size_t i, float *x)
{
    eg_random_uniform(c->seed, c->stream, (uint64_t)i * c->d, c->d, c->draw);
    for (size_t j = 0; j < c->d; j++)
        if ((double)c->draw[j] < c->amount) x[j] = -x[j];
}

static void add_noise(const struct corrupting *c, size_t i, float *x)
{
    eg_random_normal(c->seed, c->stream, (uint64_t)i * c->d, c->d, c->draw);
    for (size_t j = 0; j < c->d; j++) x[j] = (float)((double)x[j] + c->amount * (double)c->draw[j]);
}

/* Exactly round(amount D) components. */
static void mask(const struct corrupting *c, size_t i, float *x)
{
    const size_t hidden = (size_t)llround(c->amount * (double)c->d);
    eg_random_permutation(c->seed, c->stream + i, c->d, c->order);
    for (size_t k = 0; k < hidden; k++) x[c->order[k]] = 0;
}

/* Of the pattern's kind: random signs where all components have one magnitude, otherwise a
 * random direction at the pattern's norm. */
static void replace(const struct corrupting *c, size_t i, float *x)
{
    const double size = fabs((double)x[0]);
    double square = 0;
    int flat = 1;
    for (size_t j = 0; j < c->d; j++) {
        flat = flat && fabs((double)x[j]) == size;
        square += (double)x[j] * (double)x[j];
    }
    if (flat) {
        eg_random_sign(c->seed, c->stream, (uint64_t)i * c->d, c->d, x);
        for (size_t j = 0; j < c->d; j++) x[j] = (float)((double)x[j] * size);
        return;
    }
    eg_random_normal(c->seed, c->stream, (uint64_t)i * c->d, c->d, x);
    set_norm(x, c->d, sqrt(square));
}

static const struct corruption {
    void (*apply)(const struct corrupting *c, size_t i, float *x);
    double most; /* the largest amount */
} corruptions[EG_CORRUPT_COUNT] = {
    [EG_CORRUPT_FLIP] = { flip, 1 },
    [EG_CORRUPT_NOISE] = { add_noise, 1e30 },
    [EG_CORRUPT_MASK] = { mask, 1 },
    [EG_CORRUPT_RANDOM] = { replace, INFINITY },
};

eg_status eg_patterns_corrupt(eg_corruption kind, double amount, uint64_t seed,
                              const float *patterns, size_t q, size_t d, float *cues)
{
    size_t cells;
    EGI_TRY(egi_mul_size(q, d, &cells));
    if ((unsigned)kind >= EG_CORRUPT_COUNT)
        return egi_fail(EG_ERR_INVALID, "eg_patterns_corrupt: kind %d, expected 0..%d", (int)kind,
                        EG_CORRUPT_COUNT - 1);
    const struct corruption *row = &corruptions[kind];
    if (kind != EG_CORRUPT_RANDOM && !(amount >= 0 && amount <= row->most))
        return egi_fail(EG_ERR_INVALID, "eg_patterns_corrupt: amount = %g, expected in [0, %g]",
                        amount, row->most);
    if (cells == 0) return EG_OK;
    if (patterns == NULL || cues == NULL)
        return egi_fail(EG_ERR_INVALID, "eg_patterns_corrupt: %s is NULL",
                        patterns == NULL ? "patterns" : "cues");
    const struct egi_need needs[] = { { d, sizeof(float) }, { d, sizeof(size_t) } };
    struct egi_arena arena;
    EGI_TRY(egi_arena_create(eg_allocator_default(), needs, EGI_COUNT(needs), "eg_patterns_corrupt",
                             &arena));
    const struct corrupting c = { amount, seed,          (uint64_t)STREAM_CORRUPT << 32,
                                  d,      arena.part[0], arena.part[1] };
    if (cues != patterns) memmove(cues, patterns, cells * sizeof *cues);
    for (size_t i = 0; i < q; i++) row->apply(&c, i, cues + i * d);
    egi_arena_destroy(&arena);
    return EG_OK;
}
