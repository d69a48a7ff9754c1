/* Competing hidden units with a read-out (Krotov and Hopfield 2019): a layer learned without
 * labels by competing.c, then a layer of class neurons upon it. No gradient crosses a layer.
 *
 * Read-out: each input is brought to Euclidean norm 1, so that an overlap depends on its direction
 * alone (without it, which one can have by "norm": "none", dark and bright images differ by large
 * powers of their brightness; the authors' answer to issue 4 of their code). Then
 *     h = max(W v, 0)^n,   z = beta S h,   c = tanh z,   C = mean of sum_a |c_a - t_a|^m
 * and Adam (Kingma and Ba 2015, algorithm 1) on S alone, its rate falling linearly to 0. As in
 * learner_dam.c scores are z, and e = |c - t| = 2 / (1 + exp(2 t z)).
 *
 * Differs from the paper: S begins at 0 (one layer has no symmetry to break). */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "engram/random.h"
#include "kernel/egi_kernel_gemm.h"
#include "nn/egi_kind.h"
#include "nn/egi_local.h"

enum { STREAM_UNITS = 0x4c4f4357 }; /* "LOCW" */
enum { BLOCK = 8 };                 /* examples of a unit of work */

static const char *const norms[] = { "unit", "none", NULL };

#define COUNT(...) EGI_SET_COUNT(struct egi_local_settings, __VA_ARGS__)
#define NUMBER(...) EGI_SET_NUMBER(struct egi_local_settings, __VA_ARGS__)
#define WORD(...) EGI_SET_WORD(struct egi_local_settings, __VA_ARGS__)

static const struct egi_setting settings[] = {
    COUNT(hidden, "2000", 2, 1e7, "number of hidden units"),
    COUNT(p, "3", 2, 16, "norm |W|_p that units come to have 1 of"),
    COUNT(k, "7", 2, EGI_LOCAL_RANKS_MAX, "the unit of this rank unlearns"),
    NUMBER(delta, "0.4", 0, 10, "how much it unlearns"),
    NUMBER(eps0, "0.04", 0, 10, "largest change of a weight in one step, falling to 0"),
    NUMBER(share, "0.8", 0, 1, "of the epochs that is spent without labels"),
    NUMBER(power, "4.5", 1, 60, "n of h = max(W v, 0)^n"),
    NUMBER(beta, "0.1", 0, 1e6, "of c = tanh(beta S h)"),
    NUMBER(loss, "6", 1, 100, "m of the loss |c - t|^m"),
    NUMBER(rate, "0.01", 0, 10, "of Adam on the read-out, falling to 0"),
    WORD(norm, "\"unit\"", norms, "of the inputs of the read-out: 1, or as they are"),
    NUMBER(scale, "1", -1e6, 1e6, "the units see v = scale x + offset"),
    NUMBER(offset, "0", -1e6, 1e6, "the defaults leave pixels in [0, 1] as they are"),
    EGI_SET_END,
};

static eg_status add(eg_params *p, const char *name, size_t rows, size_t columns, float **out)
{
    size_t at;
    EGI_TRY(eg_params_add(p, name, EG_F32, &eg_shape_of(rows, columns), &at));
    *out = eg_params_at(p, at)->value;
    return EG_OK;
}

static eg_status create(struct eg_learner *l)
{
    struct egi_local *s = l->own;
    const struct egi_local_settings *o = l->settings;
    s->h = o->hidden;
    s->d = l->task.inputs;
    s->c = l->task.classes;
    if (o->k > s->h)
        return egi_fail(EG_ERR_INVALID, "local: k: expected a rank among %zu hidden units, got %zu",
                        s->h, o->k);
    size_t weights, at;
    EGI_TRY(egi_mul_size(s->h, s->d, &weights));
    const struct egi_need needs[] = { { weights, sizeof(float) },
                                      { s->h, sizeof(float) },
                                      { s->h, s->c * sizeof(float) } };
    struct egi_arena fixed;
    EGI_TRY(egi_arena_create(l->alloc, needs, EGI_COUNT(needs), "local: its scratch", &fixed));
    s->fixed = fixed;
    s->slope = fixed.part[0];
    s->most = fixed.part[1];
    s->gradient = fixed.part[2];
    EGI_TRY(add(l->params, "units", s->h, s->d, &s->units));
    EGI_TRY(add(l->params, "readout", s->c, s->h, &s->readout));
    EGI_TRY(add(l->state, "readout.moment1", s->c, s->h, &s->moment1));
    EGI_TRY(add(l->state, "readout.moment2", s->c, s->h, &s->moment2));
    EGI_TRY(eg_params_add(l->state, "readout.steps", EG_I32, &eg_shape_of(1), &at));
    s->steps = eg_params_at(l->state, at)->value;
    eg_random_normal(l->seed, STREAM_UNITS, 0, weights, s->units);
    return EG_OK;
}

static void destroy(struct eg_learner *l)
{
    struct egi_local *s = l->own;
    if (s->fixed.block != NULL) egi_arena_destroy(&s->fixed);
    if (s->work.block != NULL) egi_arena_destroy(&s->work);
}

static eg_status reserve(struct eg_learner *l, size_t b)
{
    struct egi_local *s = l->own;
    if (b <= s->room) return EG_OK;
    size_t x, u, z;
    EGI_TRY(egi_mul_size(b, s->d, &x));
    EGI_TRY(egi_mul_size(b, s->h, &u));
    EGI_TRY(egi_mul_size(b, s->c, &z));
    const struct egi_need needs[] = { { x, sizeof(float) },      { b, sizeof(float) },
                                      { u, sizeof(float) },      { u, sizeof(float) },
                                      { z, sizeof(float) },      { b, sizeof(double) },
                                      { b, 2 * sizeof(int32_t) } };
    struct egi_arena work;
    EGI_TRY(egi_arena_create(l->alloc, needs, EGI_COUNT(needs), "local: a batch", &work));
    if (s->room > 0) egi_arena_destroy(&s->work);
    s->work = work;
    s->room = b;
    s->x = work.part[0];
    s->norm = work.part[1];
    s->u = work.part[2];
    s->hid = work.part[3];
    s->z = work.part[4];
    s->err = work.part[5];
    s->winners = work.part[6];
    return EG_OK;
}

struct pass {
    const struct egi_local_settings *o;
    struct egi_local *s;
    const float *x;
    const int32_t *y;
    size_t b;
    struct egi_seen seen;
};

static size_t end_of(const struct pass *p, size_t block)
{
    return block * BLOCK + BLOCK < p->b ? block * BLOCK + BLOCK : p->b;
}

static void in_blocks(const struct eg_learner *l, const struct pass *p,
                      void (*body)(void *arg, size_t block))
{
    struct pass own = *p;
    const int crew = egi_crew(l->threads, (double)p->b * (double)p->s->h * 16);
    egi_parallel_for((p->b + BLOCK - 1) / BLOCK, crew, body, &own);
}

/* The rule learns from inputs as they are, the read-out from those of the norm. */
static struct egi_seen seen(const struct egi_local_settings *o, int readout)
{
    return (struct egi_seen){ o->scale, o->offset, readout && o->norm == 0 ? 1 : 0 };
}

static void map_inputs(void *arg, size_t block)
{
    const struct pass *p = arg;
    const size_t d = p->s->d;
    for (size_t i = block * BLOCK; i < end_of(p, block); i++)
        p->s->norm[i] = egi_see(&p->seen, p->x + i * d, d, p->s->x + i * d);
}

static void activate(void *arg, size_t block)
{
    const struct pass *p = arg;
    const size_t h = p->s->h;
    for (size_t i = block * BLOCK * h; i < end_of(p, block) * h; i++)
        p->s->hid[i] = p->s->u[i] > 0 ? powf(p->s->u[i], (float)p->o->power) : 0;
}

/* x, u, hid and z of b examples. */
static void forward(struct eg_learner *l, const float *x, size_t b)
{
    struct egi_local *s = l->own;
    const struct egi_local_settings *o = l->settings;
    const struct pass p = { o, s, x, NULL, b, seen(o, 1) };
    in_blocks(l, &p, map_inputs);
    const struct egi_gemm overlaps = { .m = b,
                                       .n = s->h,
                                       .k = s->d,
                                       .b_is_transposed = 1,
                                       .lda = s->d,
                                       .ldb = s->d,
                                       .ldc = s->h,
                                       .alpha = 1 };
    egi_gemm_f32(&overlaps, s->x, s->units, s->u, l->threads);
    in_blocks(l, &p, activate);
    const struct egi_gemm readout = { .m = b,
                                      .n = s->c,
                                      .k = s->h,
                                      .b_is_transposed = 1,
                                      .lda = s->h,
                                      .ldb = s->h,
                                      .ldc = s->c,
                                      .alpha = o->beta };
    egi_gemm_f32(&readout, s->hid, s->readout, s->z, l->threads);
}

/* ---- training ---- */

static void lose(void *arg, size_t block)
{
    const struct pass *p = arg;
    const size_t c = p->s->c;
    for (size_t i = block * BLOCK; i < end_of(p, block); i++) {
        float *z = p->s->z + i * c;
        p->s->err[i] = 0;
        for (size_t a = 0; a < c; a++) {
            const double t = (size_t)p->y[i] == a ? 1 : -1;
            const double e = 2 / (1 + exp(2 * t * (double)z[a])), power = pow(e, p->o->loss);
            p->s->err[i] += power;
            z[a] = (float)(-t * p->o->loss * power * (2 - e) / (double)p->b);
        }
    }
}

/* dC/dS, then Adam with its usual constants. */
static eg_status adapt(struct eg_learner *l, size_t b, double rate)
{
    struct egi_local *s = l->own;
    const struct egi_local_settings *o = l->settings;
    const struct egi_gemm g = { .m = s->c,
                                .n = s->h,
                                .k = b,
                                .a_is_transposed = 1,
                                .lda = s->c,
                                .ldb = s->h,
                                .ldc = s->h,
                                .alpha = o->beta };
    egi_gemm_f32(&g, s->z, s->hid, s->gradient, l->threads);
    const double t = (double)++*s->steps;
    const double one = 1 - pow(0.9, t), two = 1 - pow(0.999, t);
    for (size_t i = 0; i < s->c * s->h; i++) {
        const double grad = (double)s->gradient[i];
        if (!isfinite(grad))
            return egi_fail(EG_ERR_DIVERGED,
                            "local: readout[%zu]: its gradient is %g, not a number", i, grad);
        s->moment1[i] = (float)(0.9 * (double)s->moment1[i] + 0.1 * grad);
        s->moment2[i] = (float)(0.999 * (double)s->moment2[i] + 0.001 * grad * grad);
        s->readout[i] -= (float)(rate * ((double)s->moment1[i] / one)
                                 / (sqrt((double)s->moment2[i] / two) + 1e-8));
    }
    return EG_OK;
}

static eg_status step(struct eg_learner *l, double epoch, const float *x, const int32_t *y,
                      size_t b, double *loss)
{
    struct egi_local *s = l->own;
    const struct egi_local_settings *o = l->settings;
    EGI_TRY(reserve(l, b));
    const double all = (double)l->task.epochs, first = floor(o->share * all);
    struct pass p = { o, s, x, y, b, seen(o, 0) };
    if (epoch < first) {
        in_blocks(l, &p, map_inputs);
        return egi_local_rule(l, b, o->eps0 * (1 - floor(epoch) / first), loss);
    }
    forward(l, x, b);
    in_blocks(l, &p, lose);
    double sum = 0;
    for (size_t i = 0; i < b; i++) sum += s->err[i];
    if (!isfinite(sum)) return egi_fail(EG_ERR_DIVERGED, "local: the loss is %g", sum);
    const double left = epoch < all ? 1 - (epoch - first) / (all - first) : 0;
    EGI_TRY(adapt(l, b, o->rate * left));
    *loss = sum / (double)b;
    return EG_OK;
}

/* ---- evaluation ---- */

static eg_status scores(struct eg_learner *l, const float *x, size_t b, float *out)
{
    const struct egi_local *s = l->own;
    EGI_TRY(reserve(l, b));
    forward(l, x, b);
    memcpy(out, s->z, b * s->c * sizeof *out);
    return EG_OK;
}

/* dz/dh to dz/du in hid. */
static void slope_of_hidden(void *arg, size_t block)
{
    const struct pass *p = arg;
    const size_t h = p->s->h;
    const float n = (float)p->o->power;
    for (size_t i = block * BLOCK * h; i < end_of(p, block) * h; i++)
        p->s->hid[i] *= p->s->u[i] > 0 ? n * powf(p->s->u[i], n - 1) : 0;
}

static eg_status pullback(struct eg_learner *l, const float *x, const float *cotangent, size_t b,
                          float *out, float *dx)
{
    struct egi_local *s = l->own;
    const struct egi_local_settings *o = l->settings;
    EGI_TRY(reserve(l, b));
    forward(l, x, b);
    if (out != NULL) memcpy(out, s->z, b * s->c * sizeof *out);
    const struct pass p = { o, s, NULL, NULL, b, seen(o, 1) };
    const struct egi_gemm hidden = {
        .m = b, .n = s->h, .k = s->c, .lda = s->c, .ldb = s->h, .ldc = s->h, .alpha = o->beta
    };
    egi_gemm_f32(&hidden, cotangent, s->readout, s->hid, l->threads);
    in_blocks(l, &p, slope_of_hidden);
    const struct egi_gemm inputs = {
        .m = b, .n = s->d, .k = s->h, .lda = s->h, .ldb = s->d, .ldc = s->d, .alpha = 1
    };
    egi_gemm_f32(&inputs, s->hid, s->units, dx, l->threads);
    for (size_t i = 0; i < b; i++)
        egi_see_back(&p.seen, s->x + i * s->d, s->norm[i], s->d, dx + i * s->d);
    return EG_OK;
}

const struct egi_learner_row egi_learner_local = {
    .kind = { "local", "competing hidden units, then a read-out: no gradient crosses a layer",
              "Krotov and Hopfield 2019, eqs. 1, 3 and 10" },
    .settings = settings,
    .settings_bytes = sizeof(struct egi_local_settings),
    .own_bytes = sizeof(struct egi_local),
    .create = create,
    .destroy = destroy,
    .step = step,
    .scores = scores,
    .pullback = pullback,
};
