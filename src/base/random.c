/* Random numbers as pure functions of (seed, stream, index): Philox4x32-10 of Random123,
 * key = seed, counter = (block, stream). One block gives draws 4 block .. 4 block + 3. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "engram/random.h"

#include <Random123/philox.h>
#include <math.h>

#include "base/egi_base.h"

void egi_philox(uint64_t seed, uint64_t stream, uint64_t at, uint32_t out[4])
{
    const philox4x32_ctr_t c = { { (uint32_t)at, (uint32_t)(at >> 32), (uint32_t)stream,
                                   (uint32_t)(stream >> 32) } };
    const philox4x32_key_t k = { { (uint32_t)seed, (uint32_t)(seed >> 32) } };
    const philox4x32_ctr_t r = philox4x32(c, k);
    for (int i = 0; i < 4; i++) out[i] = r.v[i];
}

/* Calls of one stream mostly run forward, so a block serves four draws. */
struct draws {
    uint64_t seed, stream, block;
    uint32_t word[4];
};

static struct draws draws_at(uint64_t seed, uint64_t stream, uint64_t at)
{
    struct draws d = { seed, stream, at >> 2, { 0 } };
    egi_philox(seed, stream, d.block, d.word);
    return d;
}

static uint32_t draw(struct draws *d, uint64_t at)
{
    if (at >> 2 != d->block) *d = draws_at(d->seed, d->stream, at);
    return d->word[at & 3];
}

void eg_random_uniform(uint64_t seed, uint64_t stream, uint64_t first, size_t n, float *out)
{
    struct draws d = draws_at(seed, stream, first);
    /* 24 bits fill a float's mantissa exactly: the result is k / 2^24, in [0, 1). */
    for (size_t i = 0; i < n; i++) out[i] = (float)(draw(&d, first + i) >> 8) * 0x1p-24f;
}

void eg_random_normal(uint64_t seed, uint64_t stream, uint64_t first, size_t n, float *out)
{
    const double two_pi = 6.283185307179586476925;
    struct draws d = draws_at(seed, stream, first);
    double v = 0, r = 0; /* of a pair of numbers */
    for (size_t i = 0; i < n; i++) {
        const uint64_t at = first + i, pair = at & ~(uint64_t)1;
        if (i == 0 || at == pair) {
            const double u = ((double)draw(&d, pair) + 0.5) * 0x1p-32; /* in (0, 1) */
            v = (double)draw(&d, pair + 1) * 0x1p-32;
            r = sqrt(-2 * log(u));
        }
        out[i] = (float)(r * ((at & 1) != 0 ? sin(two_pi * v) : cos(two_pi * v)));
    }
}

void eg_random_sign(uint64_t seed, uint64_t stream, uint64_t first, size_t n, float *out)
{
    struct draws d = draws_at(seed, stream, first >> 5);
    for (size_t i = 0; i < n; i++) {
        const uint64_t at = first + i; /* 32 signs a word */
        out[i] = (draw(&d, at >> 5) >> (at & 31) & 1) != 0 ? 1.0f : -1.0f;
    }
}

uint64_t eg_random_below(uint64_t seed, uint64_t stream, uint64_t at, uint64_t bound)
{
    uint32_t w[4];
    egi_philox(seed, stream, at, w);
    const uint64_t x = (uint64_t)w[1] << 32 | w[0];
    return (uint64_t)((unsigned __int128)x * bound >> 64); /* Lemire 2019, without rejection */
}

void eg_random_permutation(uint64_t seed, uint64_t stream, size_t n, size_t *out)
{
    for (size_t i = 0; i < n; i++) {
        const size_t j = (size_t)eg_random_below(seed, stream, i, i + 1);
        if (j != i) out[i] = out[j];
        out[j] = i;
    }
}
