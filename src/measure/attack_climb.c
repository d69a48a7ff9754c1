/* One batch under attack. The images still on their way lie in front, so that the learner sees
 * them as one array: an image that has arrived changes places with the last of them. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "measure/egi_attack.h"

enum { HALVINGS = 24 }; /* of the update that crossed: below the rounding of f32 */

/* Scores of rows 0..active-1 of x, the classes between which the margin is, and the margin. */
static eg_status look(struct egi_attack *a)
{
    EGI_TRY(eg_learner_scores(a->l, a->x, a->active, a->scores));
    for (size_t i = 0; i < a->active; i++) {
        struct egi_victim *v = &a->victim[i];
        const float *s = a->scores + i * a->k;
        for (size_t c = 0; c < a->k; c++)
            if (!isfinite(s[c]))
                return egi_fail(EG_ERR_DIVERGED,
                                "attack %s: image %zu after %zu updates: score of class %zu = %g",
                                a->row->info.name, a->base + v->at, a->update, c, (double)s[c]);
        v->from = v->target < 0 ? v->label : egi_top_class(s, a->k, v->target);
        v->to = v->candidate = v->target < 0 ? egi_top_class(s, a->k, v->label) : v->target;
        v->margin = (double)s[v->to] - (double)s[v->from];
    }
    return EG_OK;
}

static void note_classes(const struct egi_attack *a, size_t i, int32_t classes[2], float scores[2])
{
    const float *s = a->scores + i * a->k;
    classes[0] = egi_top_class(s, a->k, -1);
    classes[1] = egi_top_class(s, a->k, classes[0]);
    for (size_t c = 0; c < 2; c++) scores[c] = s[classes[c]];
}

/* Logarithms of the shares of v->from and v->to. */
static void note_shares(const struct egi_attack *a, size_t i, float out[2])
{
    const float *s = a->scores + i * a->k;
    const double most = (double)s[egi_top_class(s, a->k, -1)];
    double sum = 0;
    for (size_t c = 0; c < a->k; c++) sum += exp((double)s[c] - most);
    out[0] = (float)((double)s[a->victim[i].from] - most - log(sum));
    out[1] = (float)((double)s[a->victim[i].to] - most - log(sum));
}

static void distances(const float *x, const float *y, size_t d, double *l2, double *linf)
{
    double square = 0, most = 0;
    for (size_t j = 0; j < d; j++) {
        const double apart = (double)x[j] - (double)y[j];
        square += apart * apart;
        most = fmax(most, fabs(apart));
    }
    *l2 = sqrt(square);
    *linf = most;
}

/* What the scores of image i say after a->update updates; 1: its attack has ended. */
static int settle(struct egi_attack *a, size_t i)
{
    const struct egi_victim *v = &a->victim[i];
    eg_attack_record *r = &a->out.records[a->base + v->at];
    if (a->update == 0) note_classes(a, i, r->before, r->score_before);
    if (a->out.trace != NULL) {
        float *at = a->out.trace + ((a->base + v->at) * (a->o.steps + 1) + a->update) * 2;
        note_shares(a, i, at);
    }
    if (a->update > 0 && v->margin > 0 && r->crossed == 0 && !r->success) {
        r->crossed = a->update;
        memcpy(a->last + v->at * a->d, a->before + i * a->d, a->d * sizeof *a->x);
        memcpy(a->first + v->at * a->d, a->x + i * a->d, a->d * sizeof *a->x);
    }
    r->steps = a->update - (v->stuck ? 1 : 0);
    r->success = v->margin > 0;
    return v->margin > a->o.confidence || a->update == a->o.steps || v->stuck;
}

/* The end of image i; the last one on its way takes its place. */
static void retire(struct egi_attack *a, size_t i)
{
    const struct egi_victim *v = &a->victim[i];
    const size_t d = a->d, last = --a->active;
    const float *x = a->x + i * d;
    eg_attack_record *r = &a->out.records[a->base + v->at];
    r->stuck = v->stuck;
    note_classes(a, i, r->after, r->score_after);
    distances(x, a->origin + v->at * d, d, &r->l2, &r->linf);
    if (a->out.adversarial != NULL)
        memcpy(a->out.adversarial + (a->base + v->at) * d, x, d * sizeof *x);
    if (r->crossed == 0 && a->out.boundary != NULL)
        memcpy(a->out.boundary + (a->base + v->at) * d, x, d * sizeof *x);
    if (i == last) return;
    const struct egi_victim ended = *v;
    a->victim[i] = a->victim[last];
    a->victim[last] = ended;
    memcpy(a->x + i * d, a->x + last * d, d * sizeof *x);
    memcpy(a->before + i * d, a->before + last * d, d * sizeof *x);
    memcpy(a->scores + i * a->k, a->scores + last * a->k, a->k * sizeof *x);
}

/* Back into the ball, then into the box: the second does not leave the first, whose centre lies
 * in the box. */
static void keep_inside(const struct egi_attack *a, size_t i)
{
    float *x = a->x + i * a->d;
    const float *origin = a->origin + a->victim[i].at * a->d;
    const float lo = (float)a->o.lo, hi = (float)a->o.hi, eps = (float)a->o.eps;
    double l2 = 0, linf = 0;
    if (eps > 0) distances(x, origin, a->d, &l2, &linf);
    const double by = a->row->l2 && l2 > a->o.eps ? a->o.eps / l2 : 1;
    for (size_t j = 0; j < a->d; j++) {
        if (by < 1) x[j] = (float)((double)origin[j] + by * ((double)x[j] - (double)origin[j]));
        if (eps > 0 && !a->row->l2) x[j] = fminf(fmaxf(x[j], origin[j] - eps), origin[j] + eps);
        x[j] = fminf(fmaxf(x[j], lo), hi);
    }
}

static eg_status update(struct egi_attack *a)
{
    memcpy(a->before, a->x, a->active * a->d * sizeof *a->x);
    EGI_TRY(a->update == 0 && a->row->start != NULL ? a->row->start(a) : a->row->move(a));
    for (size_t i = 0; i < a->active; i++) keep_inside(a, i);
    a->update++;
    return EG_OK;
}

/* x <- the point a share t of the way from the near to the far side of the boundary. */
static void between(const struct egi_attack *a, size_t at, double t, float *x)
{
    const float *p = a->last + at * a->d, *q = a->first + at * a->d;
    for (size_t j = 0; j < a->d; j++)
        x[j] = (float)((double)p[j] + t * ((double)q[j] - (double)p[j]));
}

/* The victims whose attack crossed come to the front. */
static void gather_crossed(struct egi_attack *a, size_t b)
{
    a->active = 0;
    for (size_t i = 0; i < b; i++) {
        const struct egi_victim v = a->victim[i];
        if (a->out.records[a->base + v.at].crossed == 0) continue;
        a->victim[i] = a->victim[a->active];
        a->victim[a->active++] = v;
    }
}

/* Bisection on the margin between a->last and a->first, at the shares `near` and `far` of the
 * way. */
static eg_status find_boundary(struct egi_attack *a)
{
    for (size_t i = 0; i < a->active; i++) {
        a->victim[i].near = 0;
        a->victim[i].far = 1;
    }
    for (size_t h = 0; h < HALVINGS && a->active > 0; h++) {
        for (size_t i = 0; i < a->active; i++) {
            struct egi_victim *v = &a->victim[i];
            between(a, v->at, (v->near + v->far) / 2, a->x + i * a->d);
        }
        EGI_TRY(look(a));
        for (size_t i = 0; i < a->active; i++) {
            struct egi_victim *v = &a->victim[i];
            *(v->margin > 0 ? &v->far : &v->near) = (v->near + v->far) / 2;
        }
    }
    for (size_t i = 0; i < a->active; i++) {
        const size_t at = a->victim[i].at;
        float *x = a->x + i * a->d;
        eg_attack_record *r = &a->out.records[a->base + at];
        between(a, at, a->victim[i].far, x);
        distances(x, a->origin + at * a->d, a->d, &r->boundary_l2, &r->boundary_linf);
        if (a->out.boundary != NULL)
            memcpy(a->out.boundary + (a->base + at) * a->d, x, a->d * sizeof *x);
    }
    return EG_OK;
}

eg_status egi_attack_climb(struct egi_attack *a, size_t b)
{
    a->active = b;
    a->update = 0;
    memcpy(a->x, a->origin, b * a->d * sizeof *a->x);
    for (;;) {
        EGI_TRY(look(a));
        for (size_t i = 0; i < a->active;) {
            if (settle(a, i))
                retire(a, i);
            else
                i++;
        }
        if (a->active == 0) break;
        EGI_TRY(egi_report(a->o.progress, a->row->info.name, a->base + b - a->active, a->total));
        EGI_TRY(update(a));
    }
    gather_crossed(a, b);
    return find_boundary(a);
}
