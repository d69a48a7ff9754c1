/* Means that are learned in few bits: of each class only `bits` a component are ever kept.
 *
 * A component of the mean m after n examples is a level q = 0 .. 2^bits - 1, which stands for
 * low + q step; an example u moves it by
 *
 *     q <- floor(q + ((u - low) / step - q) / (n + 1) + r),   r uniform in [0, 1)
 *
 * the running mean (Welford 1962) with the rounding left to chance, so that its expectation is the
 * mean itself; rounding to the nearest level would stand still once |u - m| < (n + 1) step / 2. r
 * follows from the seed, the class, n and the component. Levels reach to `reach` / sqrt(D), for the
 * components of a vector of length 1 have the mean square 1 / D. Scores are those of "mean". */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "engram/random.h"
#include "hybrid/egi_head.h"

enum { LEVELS = EGI_OWN_FIELDS, STREAM_ROUNDING = 0x524f554e }; /* "ROUN" */

struct settings {
    struct egi_front front; /* first */
    size_t bits;
    double reach;
    int below;
};

static const struct egi_setting settings[] = {
    EGI_FRONT_SETTINGS(struct settings, "1", "0"),
    EGI_SET_COUNT(struct settings, bits, "4", 1, 8, "of a component"),
    EGI_SET_NUMBER(struct settings, reach, "2", 0.1, 100,
                   "the highest level, in units of 1 / sqrt(D)"),
    EGI_SET_FLAG(struct settings, below, "false", "features may be below 0: levels on either side"),
    EGI_SET_END,
};

static const struct settings *settings_of(const eg_head *h)
{
    return (const struct settings *)&h->settings;
}

static size_t bytes_of(const eg_head *h)
{
    return (h->e * settings_of(h)->bits + 7) / 8;
}

static eg_status plan(eg_head *h)
{
    egi_head_field(
        h, &(struct egi_field){ "level", EGI_U8, EGI_CLASS, EGI_OWN, 0, bytes_of(h), NULL });
    return EG_OK;
}

/* Levels lie one after the other in bits, low bit first. */
static void read_levels(const uint8_t *row, size_t n, size_t bits, int16_t *level)
{
    const unsigned mask = (1U << bits) - 1;
    unsigned held = 0, has = 0;
    for (size_t j = 0; j < n; j++, held >>= bits, has -= (unsigned)bits) {
        if (has < bits) {
            held |= (unsigned)*row++ << has;
            has += 8;
        }
        level[j] = (int16_t)(held & mask);
    }
}

static void write_levels(uint8_t *row, size_t n, size_t bits, const int16_t *level)
{
    unsigned held = 0, has = 0;
    for (size_t j = 0; j < n; j++) {
        held |= (unsigned)level[j] << has;
        for (has += (unsigned)bits; has >= 8; has -= 8, held >>= 8) *row++ = (uint8_t)held;
    }
    if (has > 0) *row = (uint8_t)held;
}

static void scale_of(const eg_head *h, float *low, float *step)
{
    const struct settings *o = settings_of(h);
    const float reach = (float)o->reach / sqrtf((float)h->e);
    *low = o->below ? -reach : 0;
    *step = (reach - *low) / (float)((1 << o->bits) - 1);
}

static eg_status write(eg_head *h, const int16_t *z, size_t label, int by)
{
    const struct settings *o = settings_of(h);
    const uint32_t n = egi_head_counts(h)[label];
    const float top = (float)((1 << o->bits) - 1), rate = 1 / ((float)n + 1);
    uint8_t *row = (uint8_t *)h->at[LEVELS] + label * bytes_of(h);
    float low, step, *chance = h->turned;
    int16_t *level = h->z; /* z is in u too */
    (void)by;              /* 1: what is left to chance cannot be taken back */
    for (size_t j = 0; j < h->e && !o->below; j++)
        if (z[j] < 0)
            return egi_fail(EG_ERR_INVALID,
                            "eg_head_teach: component %zu is below 0: a prototype takes that with "
                            "\"below\": true",
                            j);
    scale_of(h, &low, &step);
    const float each = 1 / step;
    eg_random_uniform(h->seed, STREAM_ROUNDING + ((uint64_t)label << 32), (uint64_t)n * h->e, h->e,
                      chance);
    read_levels(row, h->e, o->bits, level);
    for (size_t j = 0; j < h->e; j++) {
        const float q = (float)level[j], v = (h->u[j] - low) * each;
        const float aim = v < 0 ? 0 : v > top ? top : v;
        const float next = q + (aim - q) * rate + chance[j]; /* none is below 0 */
        level[j] = (int16_t)(next < top ? next : top);
    }
    write_levels(row, h->e, o->bits, level);
    return EG_OK;
}

static void read_mean(eg_head *h, size_t c, float *mean)
{
    float low, step;
    scale_of(h, &low, &step);
    read_levels((const uint8_t *)h->at[LEVELS] + c * bytes_of(h), h->e, settings_of(h)->bits, h->z);
    for (size_t j = 0; j < h->e; j++) mean[j] = low + step * (float)h->z[j];
}

static eg_status prepare(eg_head *h)
{
    EGI_TRY(egi_linear_work(h));
    for (size_t c = 0; c < h->classes; c++)
        if (egi_head_counts(h)[c] > 0) read_mean(h, c, h->work + c * h->e);
    return egi_linear_cosines(h, 1, 32);
}

static size_t frozen(const eg_head *h, size_t classes, size_t items)
{
    (void)items;
    return classes * bytes_of(h);
}

const struct egi_head_row egi_head_prototype = {
    .kind = { "prototype", "means learned in few bits, rounded by chance",
              "Welford 1962, with stochastic rounding", EG_HEAD_FORGETS_CLASS, "component" },
    .teach = { .e = 8 },
    .answer = { .e = 2, .ke = 0.065 },
    .settings = settings,
    .temperature = 20,
    .plan = plan,
    .write = write,
    .prepare = prepare,
    .frozen = frozen,
};
