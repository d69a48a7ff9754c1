/* Convolutions written out. Arrays of both networks come in the order of their layers, so that
 * number k of one is number k of the other; a walk over the layers says which are convolutions, and
 * of what geometry. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "engram/embedded.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "nn/egi_learner.h"

enum { MOST = 64 };

/* One convolution: from (in, height, width) to (out, rows, columns). */
struct conv {
    size_t in, height, width, out, rows, columns;
    size_t kernel[2], stride[2], padding[2], dilation[2];
    int bias;
};

struct walk {
    struct conv conv[MOST];
    size_t count;
    json_t *spec; /* of the network that is fully connected */
};

/* A number for both axes, or two. */
static void pair(const json_t *layer, const char *key, size_t out[2])
{
    const json_t *v = json_object_get(layer, key);
    for (size_t a = 0; a < 2; a++)
        out[a] = (size_t)json_integer_value(json_is_array(v) ? json_array_get(v, a) : v);
}

static eg_status refuse(size_t at, const char *what)
{
    return egi_fail(EG_ERR_UNSUPPORTED, "layers[%zu]: %s cannot be written out as a linear layer",
                    at, what);
}

static size_t places(size_t side, const struct conv *c, size_t axis)
{
    const size_t span = c->dilation[axis] * (c->kernel[axis] - 1) + 1;
    return (side + 2 * c->padding[axis] - span) / c->stride[axis] + 1;
}

/* One conv2d: its geometry, and the layer that takes its place. */
static eg_status add_conv(struct walk *w, json_t *layers, size_t at, size_t shape[3])
{
    const json_t *layer = json_array_get(layers, at);
    const char *links = json_string_value(json_object_get(layer, "connections"));
    struct conv *c = &w->conv[w->count];
    if (w->count == MOST) return refuse(at, "a 65th convolution");
    if (json_integer_value(json_object_get(layer, "groups")) != 1) return refuse(at, "a group");
    if (links == NULL || strcmp(links, "real") != 0) return refuse(at, "a learned connection");
    *c = (struct conv){ .in = shape[0], .height = shape[1], .width = shape[2] };
    pair(layer, "kernel", c->kernel);
    pair(layer, "stride", c->stride);
    pair(layer, "padding", c->padding);
    pair(layer, "dilation", c->dilation);
    c->bias = json_is_true(json_object_get(layer, "bias"));
    c->out = shape[0] = (size_t)json_integer_value(json_object_get(layer, "channels"));
    c->rows = shape[1] = places(c->height, c, 0);
    c->columns = shape[2] = places(c->width, c, 1);
    json_t *linear = json_pack("{s:s,s:I,s:b}", "kind", "linear", "units",
                               (json_int_t)c->out * (json_int_t)c->rows * (json_int_t)c->columns,
                               "bias", c->bias);
    w->count++;
    return json_array_set_new(layers, at, linear) == 0 ? EG_OK : egi_fail(EG_ERR_NOMEM, "a layer");
}

static eg_status walk_layers(const eg_learner *l, struct walk *w)
{
    json_t *layers = json_object_get(w->spec, "layers");
    size_t shape[3] = { l->task.channels, l->task.height, l->task.width };
    for (size_t i = 0; i < json_array_size(layers); i++) {
        const char *kind = json_string_value(json_object_get(json_array_get(layers, i), "kind"));
        if (kind == NULL || strcmp(kind, "linear") == 0) break;
        if (strcmp(kind, "conv2d") == 0)
            EGI_TRY(add_conv(w, layers, i, shape));
        else if (strcmp(kind, "activation") != 0 && strcmp(kind, "dropout") != 0
                 && strcmp(kind, "flatten") != 0)
            return refuse(i, kind);
    }
    if (w->count == 0)
        return egi_fail(EG_ERR_UNSUPPORTED, "a network without a conv2d layer before its first "
                                            "linear one");
    return json_array_insert_new(layers, 0, json_pack("{s:s}", "kind", "flatten")) == 0
               ? EG_OK
               : egi_fail(EG_ERR_NOMEM, "a layer");
}

static eg_status begin(const eg_learner *l, struct walk *w)
{
    if (l == NULL || l->task.height == 0 || l->row->trace == NULL)
        return egi_fail(EG_ERR_UNSUPPORTED, "%s, expected a network of images",
                        l == NULL ? "no learner" : l->row->kind.name);
    *w = (struct walk){ .spec = egi_json_of(l->spec) };
    if (w->spec == NULL) return egi_fail(EG_ERR_NOMEM, "a specification");
    return walk_layers(l, w);
}

/* For each place of a convolution's weights in the matrix, act(user, number in w, number in W). */
static void each(const struct conv *c, void (*act)(void *user, size_t from, size_t to), void *user)
{
    const size_t inputs = c->in * c->height * c->width, all = c->in * c->kernel[0] * c->kernel[1];
    for (size_t row = 0; row < c->out * c->rows * c->columns; row++) {
        const size_t o = row / (c->rows * c->columns);
        const size_t top = row / c->columns % c->rows * c->stride[0];
        const size_t left = row % c->columns * c->stride[1];
        for (size_t k = 0; k < all; k++) {
            const size_t i = k / (c->kernel[0] * c->kernel[1]);
            const size_t y = top + k / c->kernel[1] % c->kernel[0] * c->dilation[0];
            const size_t x = left + k % c->kernel[1] * c->dilation[1];
            if (y < c->padding[0] || y - c->padding[0] >= c->height || x < c->padding[1]
                || x - c->padding[1] >= c->width)
                continue;
            act(user, o * all + k,
                row * inputs + (i * c->height + y - c->padding[0]) * c->width + x - c->padding[1]);
        }
    }
}

struct arrays {
    const float *from;
    float *to;
};

static void copy_one(void *user, size_t from, size_t to)
{
    const struct arrays *a = user;
    a->to[to] = a->from[from];
}

static void clear_one(void *user, size_t from, size_t to)
{
    const struct arrays *a = user;
    (void)from;
    a->to[to] = 0;
}

static double square(const float *v, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += (double)v[i] * (double)v[i];
    return sum;
}

/* Arrays of both: those of convolutions by their geometry, the others as they are. */
static eg_status write_out(const struct walk *w, const eg_params *from, const eg_params *to)
{
    size_t k = 0;
    for (size_t i = 0; i < w->count; i++) {
        const struct conv *c = &w->conv[i];
        struct arrays a = { eg_params_at(from, k)->value, eg_params_at(to, k)->value };
        memset(a.to, 0, eg_shape_size(&eg_params_at(to, k)->shape) * sizeof *a.to);
        each(c, copy_one, &a);
        k++;
        if (!c->bias) continue;
        const float *b = eg_params_at(from, k)->value;
        float *out = eg_params_at(to, k)->value;
        for (size_t o = 0; o < c->out * c->rows * c->columns; o++)
            out[o] = b[o / (c->rows * c->columns)];
        k++;
    }
    for (const eg_param *p; (p = eg_params_at(from, k)) != NULL; k++) {
        const eg_param *q = eg_params_at(to, k);
        const size_t bytes = eg_shape_size(&p->shape) * eg_dtype_size(p->dtype);
        if (q == NULL || q->dtype != p->dtype
            || eg_shape_size(&q->shape) * eg_dtype_size(q->dtype) != bytes)
            return egi_fail(EG_ERR_SHAPE, "array %s has no place in the other network", p->name);
        memcpy(q->value, p->value, bytes);
    }
    return EG_OK;
}

eg_status eg_embed_convolutions(eg_learner *l, eg_learner **out)
{
    struct walk w = { .spec = NULL };
    char *text = NULL;
    eg_status s = out != NULL ? begin(l, &w) : egi_fail(EG_ERR_INVALID, "embedded: out is NULL");
    if (s == EG_OK && (text = egi_json_text(w.spec)) == NULL)
        s = egi_fail(EG_ERR_NOMEM, "a specification");
    if (s == EG_OK) s = eg_learner_create(text, &l->task, l->seed, l->threads, l->alloc, out);
    if (s == EG_OK) {
        s = write_out(&w, l->params, (*out)->params);
        if (s != EG_OK) {
            eg_learner_destroy(*out);
            *out = NULL;
        }
    }
    free(text);
    json_decref(w.spec);
    return s;
}

/* Squares of array k of fc, of all and of what is left without the places of the convolution. */
static eg_status add_squares(const struct conv *c, const eg_param *p, const eg_allocator *alloc,
                             double *all, double *off)
{
    const size_t rows = c->out * c->rows * c->columns, columns = c->in * c->height * c->width;
    void *copy;
    if (p == NULL || p->shape.rank != 2 || p->shape.dim[0] != rows || p->shape.dim[1] != columns)
        return egi_fail(EG_ERR_SHAPE, "array %s of the embedded network, expected (%zu, %zu)",
                        p != NULL ? p->name : "missing", rows, columns);
    EGI_TRY(egi_alloc_array(alloc, rows * columns, sizeof(float), "embedded", &copy));
    struct arrays a = { NULL, copy };
    memcpy(copy, p->value, rows * columns * sizeof(float));
    *all += square(copy, rows * columns);
    each(c, clear_one, &a);
    *off += square(copy, rows * columns);
    egi_free(alloc, copy, rows * columns * sizeof(float));
    return EG_OK;
}

static eg_status measure(const struct walk *w, const eg_learner *fc, double *deviation)
{
    double all = 0, off = 0;
    size_t k = 0;
    for (size_t i = 0; i < w->count; i++) {
        EGI_TRY(add_squares(&w->conv[i], eg_params_at(fc->params, k), fc->alloc, &all, &off));
        k += 1 + (size_t)w->conv[i].bias;
    }
    *deviation = all > 0 ? sqrt(off / all) : 0;
    return EG_OK;
}

eg_status eg_embedded_deviation(eg_learner *l, eg_learner *fc, double *deviation)
{
    struct walk w = { .spec = NULL };
    eg_status s = fc != NULL && deviation != NULL
                      ? begin(l, &w)
                      : egi_fail(EG_ERR_INVALID, "embedded: an argument is NULL");
    if (s == EG_OK) s = measure(&w, fc, deviation);
    json_decref(w.spec);
    return s;
}
