/* A pretrained network and a read-out of one of its values, as one learner of pictures: whatever
 * asks a learner for scores and their derivative by its inputs, such as an attack, then sees
 * pixels.
 *
 *     f = value(network((255 x - shift) scale)),   scores = readout(f)
 *     dx = 255 scale (df/dinput)^T dreadout/df
 *
 * Pictures run one at a time, so that scores have the same bits however they come; one that is
 * like the one before it (those that fill up a group are) is not computed again, and one whose
 * cotangent is 0 has no derivative. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "engram/onnx.h"
#include "engram/operations.h"
#include "nn/egi_learner.h"

struct coupled {
    eg_onnx *m;
    eg_learner *readout;
    eg_onnx_pixels pixels;
    eg_tape *t;
    float *x; /* (D) of one picture, as the network takes it; then features (F) */
    size_t features;
    char value[128];
};

struct none {
    int nothing;
};

static size_t plane(const struct coupled *c)
{
    return c->pixels.height * c->pixels.width;
}

static float *features_of(const struct eg_learner *l)
{
    return ((struct coupled *)l->own)->x + l->task.inputs;
}

/* Which plane of x is channel k of the input. */
static size_t from(const struct coupled *c, size_t k)
{
    return c->pixels.bgr ? c->pixels.channels - 1 - k : k;
}

/* x (D) to the input of the network. */
static void see(const struct coupled *c, const float *x)
{
    const size_t n = plane(c);
    for (size_t k = 0; k < c->pixels.channels; k++)
        for (size_t i = 0; i < n; i++)
            c->x[k * n + i] =
                (255 * x[from(c, k) * n + i] - c->pixels.shift[k]) * c->pixels.scale[k];
}

static eg_shape shape_of(const struct coupled *c)
{
    return eg_shape_of(1, c->pixels.channels, c->pixels.height, c->pixels.width);
}

/* Features of one picture behind its input. */
static eg_status run(struct eg_learner *l, const float *x)
{
    struct coupled *c = l->own;
    const char *name = c->value;
    eg_onnx_array y;
    see(c, x);
    const eg_onnx_array in = { NULL, EG_F32, shape_of(c), c->x };
    EGI_TRY(eg_onnx_run(c->m, &in, 1, &name, 1, &y));
    memcpy(features_of(l), y.data, c->features * sizeof(float));
    return EG_OK;
}

static eg_status scores(struct eg_learner *l, const float *x, size_t b, float *out)
{
    struct coupled *c = l->own;
    const size_t d = l->task.inputs, k = l->task.classes;
    for (size_t i = 0; i < b; i++) {
        if (i > 0 && memcmp(x + i * d, x + (i - 1) * d, d * sizeof *x) == 0) {
            memcpy(out + i * k, out + (i - 1) * k, k * sizeof *out);
            continue;
        }
        EGI_TRY(run(l, x + i * d));
        EGI_TRY(eg_learner_scores(c->readout, features_of(l), 1, out + i * k));
    }
    return EG_OK;
}

static int is_zero(const float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (x[i] != 0) return 0;
    return 1;
}

/* One picture: the network on a tape, then back from what the read-out says of its features. */
static eg_status pull(struct eg_learner *l, const float *x, const float *cotangent, float *out,
                      float *dx)
{
    struct coupled *c = l->own;
    const char *name = c->value;
    const eg_shape shape = shape_of(c), row = eg_shape_of(1, c->features);
    float *features = features_of(l), *slope = features + c->features;
    eg_var f, g;
    see(c, x);
    eg_tape_reset(c->t);
    const eg_var in = eg_leaf(c->t, EG_F32, &shape, c->x);
    EGI_TRY(eg_onnx_apply(c->m, c->t, &in, 1, &name, 1, NULL, &f));
    f = eg_reshape(c->t, f, &row);
    const float *value = eg_tape_value(c->t, f);
    EGI_TRY(eg_tape_status(c->t));
    memcpy(features, value, c->features * sizeof *features);
    EGI_TRY(eg_learner_pullback(c->readout, features, cotangent, 1, out, slope));
    const eg_var seed = eg_input(c->t, EG_F32, &row, slope);
    EGI_TRY(eg_tape_gradient(c->t, f, seed, &in, 1, EG_GRADIENT_RELEASE, &g));
    const float *derived = g.id != 0 ? eg_tape_value(c->t, g) : NULL;
    EGI_TRY(eg_tape_status(c->t));
    const size_t n = plane(c);
    for (size_t k = 0; k < c->pixels.channels; k++)
        for (size_t i = 0; i < n; i++)
            dx[from(c, k) * n + i] =
                derived != NULL ? 255 * c->pixels.scale[k] * derived[k * n + i] : 0;
    return EG_OK;
}

static eg_status pullback(struct eg_learner *l, const float *x, const float *cotangent, size_t b,
                          float *out, float *dx)
{
    const size_t d = l->task.inputs, k = l->task.classes;
    for (size_t i = 0; i < b; i++) {
        float *z = out != NULL ? out + i * k : NULL;
        if (!is_zero(cotangent + i * k, k)) {
            EGI_TRY(pull(l, x + i * d, cotangent + i * k, z, dx + i * d));
            continue;
        }
        memset(dx + i * d, 0, d * sizeof *dx);
        if (z == NULL) continue;
        if (i > 0 && memcmp(x + i * d, x + (i - 1) * d, d * sizeof *x) == 0)
            memcpy(z, z - k, k * sizeof *z);
        else
            EGI_TRY(scores(l, x + i * d, 1, z));
    }
    return EG_OK;
}

static void destroy(struct eg_learner *l)
{
    struct coupled *c = l->own;
    eg_tape_destroy(c->t);
    egi_free(l->alloc, c->x, (l->task.inputs + 2 * c->features) * sizeof *c->x);
}

static const struct egi_setting no_settings[] = {
    { { NULL, NULL, NULL, NULL }, EGI_SETTING_COUNT, 0, 0, 0, NULL }
};

static const struct egi_learner_row row = {
    .kind = { "coupled", "a pretrained network and a read-out of one of its values", "" },
    .settings = no_settings,
    .settings_bytes = sizeof(struct none),
    .own_bytes = sizeof(struct coupled),
    .destroy = destroy,
    .scores = scores,
    .pullback = pullback,
};

static eg_status check(const eg_onnx *m, const char *value, const eg_onnx_pixels *p,
                       const eg_learner *readout)
{
    if (m == NULL || value == NULL || p == NULL || readout == NULL)
        return egi_fail(EG_ERR_INVALID, "eg_onnx_couple: NULL");
    if (strlen(value) >= sizeof((struct coupled *)0)->value)
        return egi_fail(EG_ERR_LIMIT, "eg_onnx_couple: a name of %zu bytes", strlen(value));
    if (p->height == 0 || p->width == 0 || (p->channels != 1 && p->channels != 3))
        return egi_fail(EG_ERR_SHAPE,
                        "eg_onnx_couple: pictures of %zu x %zu with %zu channels, expected sizes "
                        "and 1 or 3",
                        p->height, p->width, p->channels);
    if (eg_learner_task(readout)->bags)
        return egi_fail(EG_ERR_UNSUPPORTED, "eg_onnx_couple: a read-out of bags");
    return EG_OK;
}

/* Memory, and one picture of zeros: whether the value is there and fits the read-out. */
static eg_status try_out(struct eg_learner *l)
{
    struct coupled *c = l->own;
    const char *name = c->value;
    eg_onnx_array y;
    void *block;
    EGI_TRY(eg_tape_create(l->threads, l->alloc, &c->t));
    EGI_TRY(egi_alloc_array(l->alloc, l->task.inputs + 2 * c->features, sizeof *c->x, "coupled",
                            &block));
    c->x = block;
    memset(c->x, 0, l->task.inputs * sizeof *c->x);
    const eg_onnx_array in = { NULL, EG_F32, shape_of(c), c->x };
    EGI_TRY(eg_onnx_run(c->m, &in, 1, &name, 1, &y));
    if (y.dtype == EG_F32 && eg_shape_size(&y.shape) == c->features) return EG_OK;
    return egi_fail(EG_ERR_SHAPE,
                    "eg_onnx_couple: %s has %zu numbers of %s, the read-out takes %zu", name,
                    eg_shape_size(&y.shape), eg_dtype_name(y.dtype), c->features);
}

eg_status eg_onnx_couple(eg_onnx *m, const char *value, const eg_onnx_pixels *pixels,
                         eg_learner *readout, eg_learner **out)
{
    eg_learner *l = NULL;
    EGI_TRY(check(m, value, pixels, readout));
    if (out == NULL) return egi_fail(EG_ERR_INVALID, "eg_onnx_couple: NULL");
    const eg_task *of = eg_learner_task(readout);
    eg_task task = { .height = pixels->height,
                     .width = pixels->width,
                     .channels = pixels->channels,
                     .classes = of->classes,
                     .epochs = of->epochs };
    EGI_TRY(egi_mul_size(pixels->height, pixels->width, &task.inputs));
    EGI_TRY(egi_mul_size(task.inputs, pixels->channels, &task.inputs));
    json_t *document = json_pack("{s:s}", "kind", "coupled");
    if (document == NULL) return egi_fail(EG_ERR_NOMEM, "eg_onnx_couple");
    EGI_TRY(egi_learner_make(&row, document, &task, 0, readout->threads, readout->alloc, &l));
    struct coupled *c = l->own;
    c->m = m;
    c->readout = readout;
    c->pixels = *pixels;
    c->features = of->inputs;
    snprintf(c->value, sizeof c->value, "%s", value);
    const eg_status s = try_out(l);
    if (s == EG_OK)
        *out = l;
    else
        eg_learner_destroy(l);
    return s;
}
