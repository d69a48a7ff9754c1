/* The table of attacks: how each moves an image once. Written for the margin m = s_to - s_from of
 * engram/attack.h, whose gradient takes the place of the loss's in the papers: a margin keeps its
 * gradient where a softmax or a cross-entropy is saturated.
 *
 * Differs from the papers in: (1) every image stays in its box; (2) an update of "boundary" has a
 * fixed length, theirs is proportional to the gradient, which all but vanishes at large n;
 * (3) attacks stop at the first success, or at the confidence asked for. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "engram/random.h"
#include "measure/egi_attack.h"

enum {
    STREAM_UNIFORM = 0x41545455,
    STREAM_NORMAL,
    STREAM_RADIUS,
    STREAM_SIGN,
    STREAM_LASS
}; /* "ATTU" .. */

#define LASS_NOISE 0.8 /* deviation of its noise over its step: .2 / 255 and .25 / 255 there */

enum { DEEPFOOL_CLASSES = 10 }; /* the likeliest others, as in the authors' program */

int32_t egi_top_class(const float *scores, size_t k, int32_t but)
{
    int32_t best = but == 0 ? 1 : 0;
    for (int32_t c = best + 1; (size_t)c < k; c++)
        if (c != but && scores[c] > scores[best]) best = c;
    return best;
}

/* a->grad <- the gradients of s_candidate - s_from. */
static eg_status gradient(struct egi_attack *a)
{
    memset(a->cotangent, 0, a->active * a->k * sizeof *a->cotangent);
    for (size_t i = 0; i < a->active; i++) {
        a->cotangent[i * a->k + (size_t)a->victim[i].from] = -1;
        a->cotangent[i * a->k + (size_t)a->victim[i].candidate] = 1;
    }
    return eg_learner_pullback(a->l, a->x, a->cotangent, a->active, NULL, a->grad);
}

/* Length of a gradient. */
static eg_status length(const struct egi_attack *a, size_t i, const float *g, double *out)
{
    double square = 0;
    for (size_t j = 0; j < a->d; j++) square += (double)g[j] * (double)g[j];
    if (!isfinite(square))
        return egi_fail(EG_ERR_DIVERGED, "attack %s: image %zu, update %zu: gradient not finite",
                        a->row->info.name, a->base + a->victim[i].at, a->update + 1);
    *out = sqrt(square);
    return EG_OK;
}

/* The position in a stream of draws that belong to this image and update alone. */
static uint64_t draws_of(const struct egi_attack *a, size_t i)
{
    return (a->victim[i].draw * (a->o.steps + 1) + a->update) * a->d;
}

static eg_status move_sign(struct egi_attack *a)
{
    const float step = (float)a->o.step;
    EGI_TRY(gradient(a));
    for (size_t i = 0; i < a->active; i++) {
        float *x = a->x + i * a->d;
        const float *g = a->grad + i * a->d;
        double norm = 0;
        EGI_TRY(length(a, i, g, &norm));
        a->victim[i].stuck = !(norm > 0);
        for (size_t j = 0; j < a->d; j++) x[j] += g[j] > 0 ? step : g[j] < 0 ? -step : 0;
    }
    return EG_OK;
}

/* Ascent with noise in every component: what a sign alone cannot leave, noise does. */
static eg_status move_noisily(struct egi_attack *a)
{
    const float by = (float)(LASS_NOISE * a->o.step);
    EGI_TRY(move_sign(a));
    for (size_t i = 0; i < a->active; i++) {
        float *x = a->x + i * a->d, *noise = a->grad + i * a->d;
        eg_random_normal(a->o.seed, STREAM_LASS, draws_of(a, i), a->d, noise);
        for (size_t j = 0; j < a->d; j++) x[j] += by * noise[j];
        a->victim[i].stuck = 0;
    }
    return EG_OK;
}

static eg_status move_along(struct egi_attack *a)
{
    EGI_TRY(gradient(a));
    for (size_t i = 0; i < a->active; i++) {
        float *x = a->x + i * a->d;
        const float *g = a->grad + i * a->d;
        double norm = 0;
        EGI_TRY(length(a, i, g, &norm));
        a->victim[i].stuck = !(norm > 0);
        const double by = norm > 0 ? a->o.step / norm : 0;
        for (size_t j = 0; j < a->d; j++) x[j] = (float)((double)x[j] + by * (double)g[j]);
    }
    return EG_OK;
}

/* The class of rank `rank` among those that are not `from`, or -1. */
static int32_t ranked(const float *scores, size_t k, int32_t from, size_t rank)
{
    for (int32_t c = 0; (size_t)c < k; c++) {
        size_t above = 0;
        for (int32_t b = 0; c != from && (size_t)b < k; b++)
            above += b != from && (scores[b] > scores[c] || (scores[b] == scores[c] && b < c));
        if (c != from && above == rank) return c;
    }
    return -1;
}

/* Keep the candidate's gradient where its plane is nearer than the nearest so far. */
static eg_status keep_nearer(struct egi_attack *a)
{
    for (size_t i = 0; i < a->active; i++) {
        struct egi_victim *v = &a->victim[i];
        const float *s = a->scores + i * a->k, *g = a->grad + i * a->d;
        const double gap = (double)s[v->from] - (double)s[v->candidate] + a->o.confidence;
        double norm = 0;
        EGI_TRY(length(a, i, g, &norm));
        if (!(norm > 0) || !(gap / norm < v->distance)) continue;
        /* A step shorter than the rounding of x would never arrive. */
        v->distance = fmax(gap / norm, 1e-6 * a->width);
        v->by = v->distance / norm;
        memcpy(a->near + i * a->d, g, a->d * sizeof *g);
    }
    return EG_OK;
}

/* To the nearest of the planes s_c = s_from of the linearised scores, and a little beyond. */
static eg_status move_to_plane(struct egi_attack *a)
{
    const int targeted = a->o.target >= 0;
    for (size_t i = 0; i < a->active; i++) a->victim[i].distance = INFINITY;
    for (size_t c = 0; c < DEEPFOOL_CLASSES && c < (targeted ? 1 : a->k - 1); c++) {
        for (size_t i = 0; i < a->active && !targeted; i++)
            a->victim[i].candidate = ranked(a->scores + i * a->k, a->k, a->victim[i].from, c);
        EGI_TRY(gradient(a));
        EGI_TRY(keep_nearer(a));
    }
    for (size_t i = 0; i < a->active; i++) {
        struct egi_victim *v = &a->victim[i];
        float *x = a->x + i * a->d;
        v->stuck = v->distance == INFINITY;
        const double by = (1 + a->o.overshoot) * v->by;
        for (size_t j = 0; j < a->d && !v->stuck; j++)
            x[j] = (float)((double)x[j] + by * (double)a->near[i * a->d + j]);
    }
    return EG_OK;
}

/* Uniform in the ball, in its norm. */
static eg_status start_in_ball(struct egi_attack *a)
{
    for (size_t i = 0; i < a->active; i++) {
        float *x = a->x + i * a->d, *u = a->grad + i * a->d;
        double by = a->o.eps;
        if (a->row->l2) {
            float radius;
            double norm = 0;
            eg_random_normal(a->o.seed, STREAM_NORMAL, draws_of(a, i), a->d, u);
            eg_random_uniform(a->o.seed, STREAM_RADIUS, draws_of(a, i), 1, &radius);
            EGI_TRY(length(a, i, u, &norm));
            by *= pow((double)radius, 1 / (double)a->d) / norm;
        } else {
            eg_random_uniform(a->o.seed, STREAM_UNIFORM, draws_of(a, i), a->d, u);
            for (size_t j = 0; j < a->d; j++) u[j] = 2 * u[j] - 1;
        }
        for (size_t j = 0; j < a->d; j++) x[j] = (float)((double)x[j] + by * (double)u[j]);
    }
    return EG_OK;
}

/* A corner of the ball, drawn anew: what a perturbation of this size does that knows nothing. */
static eg_status move_to_corner(struct egi_attack *a)
{
    for (size_t i = 0; i < a->active; i++) {
        float *x = a->x + i * a->d, *sign = a->grad + i * a->d;
        const float *origin = a->origin + a->victim[i].at * a->d;
        eg_random_sign(a->o.seed, STREAM_SIGN, draws_of(a, i), a->d, sign);
        for (size_t j = 0; j < a->d; j++) x[j] = origin[j] + (float)a->o.eps * sign[j];
    }
    return EG_OK;
}

static const struct egi_attack_row boundary = {
    .info = { "boundary", "l2", "x + step grad m / |grad m|",
              "Krotov and Hopfield 2018: ascent on c_b - c_a to the boundary and beyond", 500, 0,
              0.002, 0 },
    .l2 = 1,
    .move = move_along,
};

static const struct egi_attack_row fgsm = {
    .info = { "fgsm", "linf", "x + eps sign(grad m)", "Goodfellow et al. 2015, section 4", 1, 0.1,
              0.1, 0 },
    .move = move_sign,
};

static const struct egi_attack_row pgd_linf = {
    .info = { "pgd-linf", "linf", "random start; P(x + step sign(grad m))",
              "Madry et al. 2018, section 2.1", 40, 0.1, 0.00625, 0 },
    .start = start_in_ball,
    .move = move_sign,
};

static const struct egi_attack_row pgd_l2 = {
    .info = { "pgd-l2", "l2", "random start; P(x + step grad m / |grad m|)",
              "Madry et al. 2018, section 2.1", 40, 0.05, 0.003125, 0 },
    .l2 = 1,
    .start = start_in_ball,
    .move = move_along,
};

static const struct egi_attack_row deepfool = {
    .info = { "deepfool", "l2",
              "x + (1 + overshoot) (s_a - s_c) w / |w|^2, w = grad(s_c - s_a), c the nearest",
              "Moosavi-Dezfooli et al. 2016, algorithm 2", 50, 0, 0, 0 },
    .l2 = 1,
    .move = move_to_plane,
};

static const struct egi_attack_row random_corner = {
    .info = { "random", "linf", "image + eps (random signs): a control that knows no learner",
              "Goodfellow et al. 2015, section 4", 10, 0.1, 0, 0 },
    .move = move_to_corner,
};

static const struct egi_attack_row lass = {
    .info = { "lass", "linf", "P(x + step sign(grad m) + .8 step N(0, 1))",
              "Arpit et al. 2017, algorithm 1: adversarial search by Langevin steps", 200,
              30 / 255.0, 0.25 / 255, 0 },
    .move = move_noisily,
};

static const struct egi_attack_row rubbish = {
    .info = { "rubbish", "l2", "x_0 uniform in the box; x + step grad m / |grad m|",
              "Nguyen et al. 2015; Krotov and Hopfield 2018", 500, 0, 0.002, 1 },
    .l2 = 1,
    .move = move_along,
};

const struct egi_attack_row *const egi_attack_rows[] = {
    &boundary, &fgsm, &pgd_linf, &pgd_l2, &deepfool, &random_corner, &rubbish, &lass, NULL,
};
