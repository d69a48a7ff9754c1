/* TILDA (Hacene, Gripon, Farrugia, Arzel and Jezequel 2018): in each part of the vector a class has
 * up to k anchors with the number of examples each stands for. An example takes a free anchor, else
 * moves the nearest: y <- (n y + x) / (n + 1). Each part votes for the class whose anchor is
 * nearest; the most votes win. k = 1 and one part is the nearest mean.
 *
 * It differs from the paper in: augmented views of an image are the caller's to teach and to ask;
 * the vector has length 1. Where the nearest anchor lies depends on the order of examples, so none
 * can be taken out. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "hybrid/egi_head.h"

enum { ANCHOR = EGI_OWN_FIELDS, WEIGHT };

struct settings {
    struct egi_front front; /* first */
    size_t parts, anchors;
};

static const struct egi_setting settings[] = {
    EGI_FRONT_SETTINGS(struct settings, "1", "0"),
    EGI_SET_COUNT(struct settings, parts, "16", 1, 65536, "P: parts that a vector is cut into"),
    EGI_SET_COUNT(struct settings, anchors, "5", 1, 65535, "of a class, in each part"),
    EGI_SET_END,
};

static const struct settings *settings_of(const eg_head *h)
{
    return (const struct settings *)&h->settings;
}

static eg_status plan(eg_head *h)
{
    const struct settings *o = settings_of(h);
    size_t cells;
    if (o->parts > h->e)
        return egi_fail(EG_ERR_SHAPE, "head: %zu parts of %zu components", o->parts, h->e);
    EGI_TRY(egi_mul_size(o->anchors, h->e, &cells));
    egi_head_field(h, &(struct egi_field){ "anchor", EGI_F32, EGI_CLASS, EGI_OWN, 0, cells, NULL });
    egi_head_field(h, &(struct egi_field){ "weight", EGI_U32, EGI_CLASS, EGI_OWN, 0,
                                           o->anchors * o->parts, NULL });
    return EG_OK;
}

/* Where part p begins; the first e mod P are one longer. */
static size_t start_of(const eg_head *h, size_t p)
{
    const size_t parts = settings_of(h)->parts, longer = h->e % parts;
    return p * (h->e / parts) + (p < longer ? p : longer);
}

/* The anchor of a class that is nearest in part p, and how far: the first free one only where
 * `free` asks for it. */
static size_t nearest(const eg_head *h, size_t c, size_t p, const float *u, int free, float *far)
{
    const struct settings *o = settings_of(h);
    const size_t from = start_of(h, p), length = start_of(h, p + 1) - from;
    const float *anchor = (const float *)h->at[ANCHOR] + c * o->anchors * h->e;
    const uint32_t *weight = (const uint32_t *)h->at[WEIGHT] + c * o->anchors * o->parts;
    size_t best = SIZE_MAX;
    *far = INFINITY;
    for (size_t k = 0; k < o->anchors; k++) {
        if (weight[k * o->parts + p] == 0) {
            if (free) return k;
            break; /* anchors are taken in order */
        }
        const float d = egi_vectors_apart(anchor + k * h->e + from, u + from, length);
        if (d < *far) {
            *far = d;
            best = k;
        }
    }
    return best;
}

static eg_status write(eg_head *h, const int16_t *z, size_t label, int by)
{
    const struct settings *o = settings_of(h);
    (void)z, (void)by;
    for (size_t p = 0; p < o->parts; p++) {
        float far;
        const size_t k = nearest(h, label, p, h->u, 1, &far);
        float *anchor = (float *)h->at[ANCHOR] + (label * o->anchors + k) * h->e;
        uint32_t *n = (uint32_t *)h->at[WEIGHT] + (label * o->anchors + k) * o->parts + p;
        if (*n < UINT32_MAX) ++*n;
        for (size_t j = start_of(h, p); j < start_of(h, p + 1); j++)
            anchor[j] += (h->u[j] - anchor[j]) / (float)*n;
    }
    return EG_OK;
}

static eg_status prepare(eg_head *h)
{
    (void)h; /* what is kept is what answers need */
    return EG_OK;
}

/* The class that part p votes for. */
static size_t vote_of(const eg_head *h, size_t p, const float *u)
{
    size_t best = 0;
    float least = INFINITY;
    for (size_t c = 0; c < h->classes; c++) {
        float far = INFINITY;
        if (egi_head_counts(h)[c] > 0) (void)nearest(h, c, p, u, 0, &far);
        if (far < least) {
            least = far;
            best = c;
        }
    }
    return best;
}

static eg_status scores(eg_head *h, const float *u, float *score)
{
    const size_t parts = settings_of(h)->parts;
    memset(score, 0, h->classes * sizeof *score);
    for (size_t p = 0; p < parts; p++) score[vote_of(h, p, u)] += 1 / (float)parts;
    return EG_OK;
}

static size_t voters(const eg_head *h)
{
    return settings_of(h)->parts;
}

static eg_status votes(eg_head *h, const float *u, size_t label, float *weight)
{
    const size_t parts = settings_of(h)->parts;
    for (size_t p = 0; p < parts; p++) weight[p] = vote_of(h, p, u) == label ? 1 / (float)parts : 0;
    return EG_OK;
}

static size_t working(const eg_head *h, size_t classes)
{
    (void)h, (void)classes;
    return 0;
}

const struct egi_head_row egi_head_tilda = {
    .kind = { "tilda", "anchors of each class in each part, voting",
              "Hacene, Gripon, Farrugia, Arzel and Jezequel 2018", EG_HEAD_FORGETS_CLASS, "part" },
    .teach = { .e = 3 },
    .answer = { .e = 2, .ke = 1.7 },
    .settings = settings,
    .temperature = 10,
    .plan = plan,
    .write = write,
    .prepare = prepare,
    .scores = scores,
    .voters = voters,
    .votes = votes,
    .working = working,
};
