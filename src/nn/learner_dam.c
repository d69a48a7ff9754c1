/* Dense associative memory trained by gradient (Krotov and Hopfield 2016, "Dense associative
 * memory for pattern recognition", eqs. 9 to 13 and appendix A).
 *
 * Loss C = mean over examples of sum_a |c_a - t_a|^(2m), c = tanh(z), t = +-1. With e = |c - t| =
 * 2 / (1 + exp(2 t z)), which never cancels, dC/dz = -t 2m e^(2m) (2 - e) / B. Step, per memory mu:
 *     V <- p V - dC/dxi,   xi <- cut(xi + eps V / max_J |V_J|),   eps = rate decay^epoch
 * where J runs over visible and class components alike.
 *
 * Differs from the paper: C is a mean, not a sum, which the normalised step does not see but for
 * the guard 1e-30 below it. Scores are z, not c = tanh z, so that they still differ, and have a
 * gradient, where c is 1 to all digits. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "engram/operations.h"
#include "engram/random.h"
#include "kernel/egi_kernel_gemm.h"
#include "nn/egi_dam.h"
#include "nn/egi_kind.h"

enum { STREAM_MEMORIES = 0x44414d4d, STREAM_CLASSES = 0x44414d43 }; /* "DAMM", "DAMC" */
enum { BLOCK = 32 };                                                /* memories of a step */

static const float guard = 1e-30f; /* `prec` of the authors' code */

static const char *const energies[] = { "power", "rectified", NULL };
static const char *const forms[] = { "full", "dual", NULL };
static const char *const norms[] = { "none", "sphere", NULL };

#define COUNT(...) EGI_SET_COUNT(struct egi_dam_settings, __VA_ARGS__)
#define NUMBER(...) EGI_SET_NUMBER(struct egi_dam_settings, __VA_ARGS__)
#define WORD(...) EGI_SET_WORD(struct egi_dam_settings, __VA_ARGS__)

static const struct egi_setting settings[] = {
    COUNT(hidden, "2000", 1, 1e7, "number of memories"),
    COUNT(n, "3", 2, EGI_DAM_ORDER_MAX, "power of the energy"),
    WORD(energy, "\"rectified\"", energies, "F(x) = x^n, or max(x, 0)^n"),
    WORD(form, "\"full\"", forms, "energy difference of class neurons, or one layer, f = F'"),
    COUNT(loss, "4", 1, 50, "m of the loss |c - t|^(2m)"),
    NUMBER(t_initial, "350", 1e-3, 1e6, "temperature T at epoch 0; beta = 1/T^n"),
    NUMBER(t_final, "80", 1e-3, 1e6, "temperature from epoch t_epochs on"),
    NUMBER(t_epochs, "200", 0, 1e9, "epochs over which T moves, linearly"),
    NUMBER(momentum, "0.6", 0, 0.999999, "p of V <- p V - dC/dxi"),
    NUMBER(rate, "0.02", 0, 2, "largest change of a component in one step, at epoch 0"),
    NUMBER(decay, "0.998", 0, 1, "factor of the rate after each epoch"),
    NUMBER(mean, "-0.3", -1, 1, "of the normal numbers that memories begin with"),
    NUMBER(deviation, "0.3", 0, 1, "their standard deviation"),
    NUMBER(scale, "2", -1e6, 1e6, "the memories see v = scale x + offset"),
    NUMBER(offset, "-1", -1e6, 1e6, "the defaults take pixels in [0, 1] to [-1, 1]"),
    WORD(norm, "\"none\"", norms, "v as it is, or brought to |v| = sqrt(D)"),
    EGI_SET_END,
};

static eg_status add(eg_params *p, const char *name, size_t rows, size_t columns, float **out)
{
    size_t at;
    EGI_TRY(eg_params_add(p, name, EG_F32, &eg_shape_of(rows, columns), &at));
    *out = eg_params_at(p, at)->value;
    return EG_OK;
}

static void draw(const struct eg_learner *l, uint64_t stream, size_t n, float *out)
{
    const struct egi_dam_settings *o = l->settings;
    eg_random_normal(l->seed, stream, 0, n, out);
    for (size_t i = 0; i < n; i++) out[i] = (float)(o->mean + o->deviation * (double)out[i]);
}

static eg_status make_parameters(struct eg_learner *l)
{
    struct egi_dam *d = l->own;
    const size_t c = d->rule.classes;
    const struct egi_dam_settings *o = l->settings;
    size_t at;
    EGI_TRY(add(l->params, "memories", d->h, d->d, &d->memories));
    EGI_TRY(add(l->params, "classes", d->h, c, &d->classes));
    EGI_TRY(eg_params_add(l->params, "temperature", EG_F64, &eg_shape_of(1), &at));
    d->temperature = eg_params_at(l->params, at)->value;
    EGI_TRY(add(l->state, "memories.velocity", d->h, d->d, &d->v_memories));
    EGI_TRY(add(l->state, "classes.velocity", d->h, c, &d->v_classes));
    *d->temperature = o->t_initial;
    draw(l, STREAM_MEMORIES, d->h * d->d, d->memories);
    draw(l, STREAM_CLASSES, d->h * c, d->classes);
    return EG_OK;
}

static eg_status create(struct eg_learner *l)
{
    struct egi_dam *d = l->own;
    const struct egi_dam_settings *o = l->settings;
    d->h = o->hidden;
    d->d = l->task.inputs;
    d->m = (o->hidden + EGI_DAM_STEP - 1) / EGI_DAM_STEP * EGI_DAM_STEP;
    d->rule = (struct egi_dam_rule){ o->n, o->energy, o->form, l->task.classes, d->m };
    d->k = egi_dam_kernels();
    size_t classes;
    EGI_TRY(egi_mul_size(d->m, l->task.classes + 1, &classes));
    const struct egi_need needs[] = { { classes, sizeof(float) },
                                      { d->m, sizeof(float) },
                                      { classes, sizeof(float) },
                                      { d->h, sizeof(float) } };
    struct egi_arena fixed;
    EGI_TRY(egi_arena_create(l->alloc, needs, EGI_COUNT(needs), "dam: its scratch", &fixed));
    d->fixed = fixed;
    d->w = fixed.part[0];
    d->bias = fixed.part[1];
    d->sums = fixed.part[2];
    d->most = fixed.part[3];
    memset(fixed.block, 0, fixed.bytes);
    return make_parameters(l);
}

static void destroy(struct eg_learner *l)
{
    struct egi_dam *d = l->own;
    if (d->fixed.block != NULL) egi_arena_destroy(&d->fixed);
    if (d->work.block != NULL) egi_arena_destroy(&d->work);
}

/* ---- loss ---- */

struct losing {
    const struct egi_dam_settings *o;
    struct egi_dam *d;
    const int32_t *y;
    size_t b;
};

static void lose(void *arg, size_t i)
{
    const struct losing *j = arg;
    const size_t c = j->d->rule.classes;
    const double twice = 2 * (double)j->o->loss;
    double *z = j->d->z + i * c, sum = 0;
    for (size_t a = 0; a < c; a++) {
        const double t = (size_t)j->y[i] == a ? 1 : -1;
        const double e = 2 / (1 + exp(2 * t * z[a])), power = pow(e, twice);
        sum += power;
        z[a] = -t * twice * power * (2 - e) / (double)j->b;
    }
    j->d->err[i] = sum;
}

/* Mean loss of the batch; z becomes dC/dz. */
static double take_loss(struct eg_learner *l, const int32_t *y, size_t b)
{
    struct egi_dam *d = l->own;
    struct losing j = { l->settings, d, y, b };
    egi_parallel_for(b, egi_crew(l->threads, (double)b * 1e3), lose, &j);
    double sum = 0;
    for (size_t i = 0; i < b; i++) sum += d->err[i];
    return sum / (double)b;
}

/* ---- step ---- */

struct climbing {
    const struct egi_dam_settings *o;
    struct egi_dam *d;
    float eps;
};

/* dC/dxi_a: class neurons enter a full overlap twice, in what is off for all classes and in what a
 * turns on. */
static float class_slope(const struct egi_dam *d, size_t i, size_t a)
{
    const double sum = (double)d->sums[a * d->m + i];
    if (d->rule.dual) return (float)sum;
    return (float)((2 * sum - (double)d->sums[d->rule.classes * d->m + i]) / *d->temperature);
}

static void climb(void *arg, size_t block)
{
    const struct climbing *j = arg;
    struct egi_dam *d = j->d;
    const size_t c = d->rule.classes,
                 end = block * BLOCK + BLOCK < d->h ? block * BLOCK + BLOCK : d->h;
    const float p = (float)j->o->momentum;
    for (size_t i = block * BLOCK; i < end; i++) {
        float *v = d->v_memories + i * d->d, *vc = d->v_classes + i * c;
        for (size_t a = 0; a < c; a++) vc[a] = p * vc[a] - class_slope(d, i, a);
        const float most = d->k->largest(v, d->d), most_c = d->k->largest(vc, c);
        d->most[i] = most_c > most || isnan(most_c) ? most_c : most;
        if (!isfinite(d->most[i])) continue;
        const float by = j->eps / (d->most[i] < guard ? guard : d->most[i]);
        d->k->climb(d->memories + i * d->d, v, by, d->d);
        d->k->climb(d->classes + i * c, vc, by, c);
    }
}

/* V <- p V - (1/T) G^T x for the visible part, then what needs a memory's whole velocity. */
static void take_step(struct eg_learner *l, double epoch, size_t b)
{
    struct egi_dam *d = l->own;
    const struct egi_dam_settings *o = l->settings;
    const struct egi_gemm g = { .m = d->h,
                                .n = d->d,
                                .k = b,
                                .a_is_transposed = 1,
                                .lda = d->m,
                                .ldb = d->d,
                                .ldc = d->d,
                                .alpha = -1 / *d->temperature,
                                .beta = o->momentum };
    egi_gemm_f32(&g, d->q, d->x, d->v_memories, l->threads);
    struct climbing j = { o, d, (float)(o->rate * pow(o->decay, floor(epoch))) };
    egi_parallel_for((d->h + BLOCK - 1) / BLOCK, egi_crew(l->threads, (double)(d->h * d->d)), climb,
                     &j);
}

static double temperature_at(const struct egi_dam_settings *o, double epoch)
{
    if (!(floor(epoch) < o->t_epochs)) return o->t_final;
    return o->t_initial + (o->t_final - o->t_initial) * floor(epoch) / o->t_epochs;
}

static eg_status step(struct eg_learner *l, double epoch, const float *x, const int32_t *y,
                      size_t b, double *loss)
{
    struct egi_dam *d = l->own;
    EGI_TRY(egi_dam_reserve(l, b));
    *d->temperature = temperature_at(l->settings, epoch);
    egi_dam_forward(l, x, b);
    const double mean = take_loss(l, y, b);
    if (!isfinite(mean)) return egi_fail(EG_ERR_DIVERGED, "dam: the loss is %g", mean);
    egi_dam_backward(l, b);
    take_step(l, epoch, b);
    for (size_t i = 0; i < d->h; i++)
        if (!isfinite(d->most[i]))
            return egi_fail(EG_ERR_DIVERGED,
                            "dam: memories[%zu]: its velocity is %g, expected a number", i,
                            (double)d->most[i]);
    *loss = mean;
    return EG_OK;
}

/* ---- evaluation ---- */

static eg_status take_scores(const struct egi_dam *d, size_t b, float *scores)
{
    for (size_t i = 0; i < b * d->rule.classes; i++) {
        if (!(fabs(d->z[i]) <= (double)3.4e38f))
            return egi_fail(EG_ERR_DIVERGED, "dam: a score is %g, not a number of f32", d->z[i]);
        scores[i] = (float)d->z[i];
    }
    return EG_OK;
}

static eg_status scores(struct eg_learner *l, const float *x, size_t b, float *out)
{
    EGI_TRY(egi_dam_reserve(l, b));
    egi_dam_forward(l, x, b);
    return take_scores(l->own, b, out);
}

static eg_status pullback(struct eg_learner *l, const float *x, const float *cotangent, size_t b,
                          float *out, float *dx)
{
    struct egi_dam *d = l->own;
    const struct egi_dam_settings *o = l->settings;
    EGI_TRY(egi_dam_reserve(l, b));
    egi_dam_forward(l, x, b);
    if (out != NULL) EGI_TRY(take_scores(d, b, out));
    for (size_t k = 0; k < b * d->rule.classes; k++) d->z[k] = (double)cotangent[k];
    egi_dam_backward(l, b);
    const struct egi_gemm g = { .m = b,
                                .n = d->d,
                                .k = d->h,
                                .lda = d->m,
                                .ldb = d->d,
                                .ldc = d->d,
                                .alpha = 1 / *d->temperature };
    egi_gemm_f32(&g, d->q, d->memories, dx, l->threads);
    const struct egi_seen as = egi_dam_seen(o, d->d);
    for (size_t i = 0; i < b; i++)
        egi_see_back(&as, d->x + i * d->d, d->divisor[i], d->d, dx + i * d->d);
    return EG_OK;
}

/* ---- as operations of a tape ---- */

static eg_var seen(const struct egi_seen *s, eg_tape *t, eg_var x)
{
    const eg_var v = eg_affine(t, x, s->scale, s->offset);
    if (!(s->radius > 0)) return v;
    const eg_var square = eg_sum(t, eg_mul(t, v, v), EG_AXIS(1), 1);
    /* an input of zeros stays what it is */
    const eg_var length = eg_maximum(t, eg_sqrt(t, square), eg_number(t, EG_F32, 1e-30));
    return eg_div(t, eg_affine(t, v, s->radius, 0), length);
}

static eg_var powered(const struct egi_dam_settings *o, eg_tape *t, eg_var x, size_t n)
{
    return o->energy == 1 ? eg_rep(t, x, (double)n) : eg_power(t, x, (double)n);
}

/* The scores of dam_pass.c in f32: z_a = sum_mu [ F((s + 2 xi_a) / T) - F(s / T) ], or of the dual
 * form n / T sum_mu xi_a f(q / T). */
static eg_var trace(struct eg_learner *l, eg_tape *t, eg_var x, eg_var *leaf,
                    struct egi_drawn *drawn)
{
    (void)drawn; /* it has no cost there, and is asked for scores alone */
    (void)leaf;  /* its own arrays: what is learned is these, but for the order of their axes */
    const struct egi_dam *d = l->own;
    const struct egi_dam_settings *o = l->settings;
    const double by = 1 / *d->temperature;
    const size_t c = d->rule.classes, b = eg_tape_shape(t, x).dim[0];
    const struct egi_seen as = egi_dam_seen(o, d->d);
    const eg_var memories = eg_input(t, EG_F32, &eg_shape_of(d->h, d->d), d->memories);
    const eg_var classes = eg_input(t, EG_F32, &eg_shape_of(d->h, c), d->classes);
    const eg_var overlap = eg_matmul(t, seen(&as, t, x), eg_swap_axes(t, memories, 0, 1));
    const eg_var q = eg_affine(t, overlap, by, 0);
    if (d->rule.dual)
        return eg_affine(t, eg_matmul(t, powered(o, t, q, o->n - 1), classes), (double)o->n * by,
                         0);
    const eg_var off = eg_affine(t, eg_sum(t, classes, EG_AXIS(1), 0), by, 0);
    const eg_var s = eg_reshape(t, eg_sub(t, q, off), &eg_shape_of(b, d->h, 1));
    const eg_var on = eg_add(t, s, eg_affine(t, classes, 2 * by, 0));
    const eg_var gain = eg_sub(t, powered(o, t, on, o->n), powered(o, t, s, o->n));
    return eg_sum(t, gain, EG_AXIS(1), 0);
}

const struct egi_learner_row egi_learner_dam = {
    .kind = { "dam", "dense associative memory: memories learned by gradient",
              "Krotov and Hopfield 2016, eqs. 9 to 13" },
    .settings = settings,
    .settings_bytes = sizeof(struct egi_dam_settings),
    .own_bytes = sizeof(struct egi_dam),
    .create = create,
    .destroy = destroy,
    .step = step,
    .scores = scores,
    .pullback = pullback,
    .trace = trace,
};
