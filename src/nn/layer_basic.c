/* Layers without a state: linear, dropout, embedding, and those that move or join values. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "engram/random.h"
#include "nn/egi_storing.h"

/* ---- linear: y = x W^T + b over the last axis; W (units, D) as PyTorch stores it ---- */

struct linear {
    size_t units;
    int bias;
    json_t *initialiser, *connections;
    struct egi_initialiser init;
    struct egi_connections links;
};

static const struct egi_setting linear_settings[] = {
    EGI_SET_COUNT(struct linear, units, "0", 0, 1e9, "outputs; 0: the number of classes"),
    EGI_SET_FLAG(struct linear, bias, "true", "add a bias, which begins at 0"),
    EGI_SET_JSON(struct linear, initialiser, "word", "\"he_normal\"", "how the weights begin"),
    EGI_SET_CONNECTIONS(struct linear),
    EGI_SET_END,
};

static eg_status check_linear(struct egi_layer *l)
{
    struct linear *o = (struct linear *)(void *)l->settings.bytes;
    EGI_TRY(egi_connections_read(o->connections, l->place, &o->links));
    return egi_initialiser_read(o->initialiser, l->place, "initialiser", &o->init);
}

static void fill_normal(const struct egi_scope *s, size_t n, float *out)
{
    const struct egi_drawn *r = s->drawn;
    const uint64_t stream = egi_scope_stream(s);
    if (r->strip == NULL) eg_random_normal(r->seed, stream, 0, n, out);
    for (size_t i = 0, some; i < n && r->strip != NULL; i += some) {
        some = n - i < r->places / 2 ? n - i : r->places / 2;
        const uint64_t at = eg_random_below(r->seed, stream, i, r->places - some + 1);
        memcpy(out + i, r->strip + at, some * sizeof *out);
    }
}

/* Of weights that are drawn for each example: N(x W^T + b, x^2 V^T + v_b), unit by unit. */
static eg_var draw_linear(struct egi_scope *s, const struct linear *o, eg_var x,
                          const eg_shape *shape)
{
    eg_tape *t = s->t;
    const size_t b = eg_tape_shape(t, x).dim[0], units = shape->dim[0];
    if (eg_tape_shape(t, x).rank != 2 || !egi_connections_plain(&o->links))
        return egi_layer_fail(
            s, EG_ERR_UNSUPPORTED,
            "weights that places share, or that are made of others, are not drawn "
            "for each example alone");
    s->drawn->open = 1;
    const eg_var w = egi_scope_param(s, "weight", shape, &o->init);
    const eg_var v = w.id != 0 ? egi_scope_variance(s) : EG_NONE;
    const eg_var c = o->bias ? egi_scope_param(s, "bias", &eg_shape_of(units), NULL) : EG_NONE;
    const eg_var v_c = c.id != 0 ? egi_scope_variance(s) : EG_NONE;
    s->drawn->open = 0;
    eg_var mean = eg_matmul(t, x, eg_swap_axes(t, w, 0, 1));
    eg_var square = eg_matmul(t, eg_mul(t, x, x), eg_swap_axes(t, v, 0, 1));
    if (o->bias) {
        mean = eg_add(t, mean, c);
        square = eg_add(t, square, v_c);
    }
    const eg_var noise = egi_tape_new(t, EG_F32, &eg_shape_of(b, units));
    if (eg_tape_status(t) != EG_OK) return EG_NONE;
    fill_normal(s, b * units, (float *)(void *)egi_tape_tensor(t, noise)->data);
    return eg_add(t, mean, eg_mul(t, eg_sqrt(t, square), noise));
}

static eg_var apply_linear(struct egi_scope *s, const struct egi_layer *l, const eg_var *x)
{
    const struct linear *o = (const struct linear *)(const void *)l->settings.bytes;
    eg_shape in;
    if (!egi_layer_rank(s, x[0], 2, 3, "(B, D) or (B, T, D)", &in)) return EG_NONE;
    const size_t units = o->units > 0 ? o->units : s->classes;
    const eg_shape shape = eg_shape_of(units, in.dim[in.rank - 1]);
    if (s->drawn != NULL) return draw_linear(s, o, x[0], &shape);
    const eg_var w = egi_connections_weight(s, &o->links, &shape, &o->init);
    if (s->storing != NULL && egi_connections_stored(&o->links))
        egi_storing_note(s, &o->links, x[0], units);
    const eg_var y = eg_matmul(s->t, x[0], eg_swap_axes(s->t, w, 0, 1));
    if (!o->bias) return y;
    return eg_add(s->t, y, egi_scope_param(s, "bias", &eg_shape_of(units), NULL));
}

const struct egi_layer_row egi_layer_linear = {
    .kind = { "linear", "y = x W^T + b", "", linear_settings },
    .check = check_linear,
    .apply = apply_linear,
};

/* ---- dropout ---- */

struct dropout {
    double p;
};

static const struct egi_setting dropout_settings[] = {
    EGI_SET_NUMBER(struct dropout, p, "0.5", 0, 0.999, "probability that a value is dropped"),
    EGI_SET_END,
};

static eg_var apply_dropout(struct egi_scope *s, const struct egi_layer *l, const eg_var *x)
{
    const struct dropout *o = (const struct dropout *)(const void *)l->settings.bytes;
    if (s->mode != EGI_TRAIN || o->p == 0) return x[0];
    return eg_dropout(s->t, x[0], o->p, s->seed, egi_scope_stream(s));
}

const struct egi_layer_row egi_layer_dropout = {
    .kind = { "dropout", "y = x [u >= p] / (1 - p) in training, else x", "Srivastava et al. 2014",
              dropout_settings },
    .apply = apply_dropout,
};

/* ---- alpha dropout: what is dropped becomes the limit of selu at -inf, then the whole is moved
 * and scaled so that mean 0 and variance 1 stay ---- */

static eg_var apply_alpha_dropout(struct egi_scope *s, const struct egi_layer *l, const eg_var *x)
{
    const struct dropout *o = (const struct dropout *)(const void *)l->settings.bytes;
    const double limit = -1.0507009873554805 * 1.6732632423543772, q = 1 - o->p;
    const double a = 1 / sqrt(q + limit * limit * q * o->p), b = -a * o->p * limit;
    if (s->mode != EGI_TRAIN || o->p == 0) return x[0];
    const uint64_t stream = egi_scope_stream(s);
    const eg_var ones = eg_affine(s->t, x[0], 0, 1);
    const eg_var kept = eg_dropout(s->t, x[0], o->p, s->seed, stream),
                 mask = eg_dropout(s->t, ones, o->p, s->seed, stream); /* both over q */
    return eg_add(s->t, eg_affine(s->t, kept, a * q, a * limit + b),
                  eg_affine(s->t, mask, -a * limit * q, 0));
}

const struct egi_layer_row egi_layer_alpha_dropout = {
    .kind = { "alpha_dropout", "y = a (x [u >= p] + c [u < p]) + b in training, else x",
              "Klambauer et al. 2017, section 2", dropout_settings },
    .apply = apply_alpha_dropout,
};

/* ---- flatten, reshape ---- */

static const struct egi_setting no_settings[] = { EGI_SET_END };

static eg_var apply_flatten(struct egi_scope *s, const struct egi_layer *l, const eg_var *x)
{
    eg_shape in;
    (void)l;
    if (!egi_layer_rank(s, x[0], 1, EG_MAX_RANK, "(B, ...)", &in)) return EG_NONE;
    size_t size = 1;
    for (size_t i = 1; i < in.rank; i++) size *= in.dim[i];
    return eg_reshape(s->t, x[0], &eg_shape_of(in.dim[0], size));
}

const struct egi_layer_row egi_layer_flatten = {
    .kind = { "flatten", "(B, ...) to (B, D)", "", no_settings },
    .apply = apply_flatten,
};

static eg_var apply_swap_axes(struct egi_scope *s, const struct egi_layer *l, const eg_var *x)
{
    eg_shape shape;
    (void)l;
    if (!egi_layer_rank(s, x[0], 3, 3, "(B, C, L)", &shape)) return EG_NONE;
    return eg_copy(s->t, eg_swap_axes(s->t, x[0], 1, 2));
}

/* What a convolution gives, as what a recurrence or a Hopfield layer takes. */
const struct egi_layer_row egi_layer_swap_axes = {
    .kind = { "swap_axes", "(B, C, L) to (B, L, C)", "", no_settings },
    .apply = apply_swap_axes,
};

struct reshape {
    json_t *shape;
    eg_shape each; /* of one example */
    size_t rest;   /* the axis that takes what is left, its size 1 here; rank: none */
};

static const struct egi_setting reshape_settings[] = {
    EGI_SET_JSON(struct reshape, shape, "list", "[]",
                 "sizes of one example, as [28, 28]; one may be 0: what is left"),
    EGI_SET_END,
};

static eg_status check_reshape(struct egi_layer *l)
{
    struct reshape *o = (struct reshape *)(void *)l->settings.bytes;
    const size_t rank = json_array_size(o->shape);
    if (!json_is_array(o->shape) || rank >= EG_MAX_RANK)
        return egi_fail(EG_ERR_INVALID, "%s.shape: expected a list of up to %d sizes", l->place,
                        EG_MAX_RANK - 1);
    o->each.rank = o->rest = rank;
    for (size_t i = 0; i < rank; i++) {
        const json_int_t size = json_integer_value(json_array_get(o->shape, i));
        if (size < 0 || size > 1000000000 || (size == 0 && o->rest < rank)
            || !json_is_integer(json_array_get(o->shape, i)))
            return egi_fail(EG_ERR_INVALID,
                            "%s.shape[%zu]: expected a count in 1..1e9, or for one of them 0",
                            l->place, i);
        o->each.dim[i] = size > 0 ? (size_t)size : 1;
        if (size == 0) o->rest = i;
    }
    return EG_OK;
}

static eg_var apply_reshape(struct egi_scope *s, const struct egi_layer *l, const eg_var *x)
{
    const struct reshape *o = (const struct reshape *)(const void *)l->settings.bytes;
    eg_shape in;
    if (!egi_layer_rank(s, x[0], 1, EG_MAX_RANK, "(B, ...)", &in)) return EG_NONE;
    eg_shape out = { .rank = o->each.rank + 1, .dim = { in.dim[0] } };
    size_t size = 1, known = 1;
    for (size_t i = 1; i < in.rank; i++) size *= in.dim[i];
    for (size_t i = 0; i < o->each.rank; i++) {
        out.dim[i + 1] = o->each.dim[i];
        if (egi_mul_size(known, o->each.dim[i], &known) != EG_OK) known = SIZE_MAX;
    }
    if (o->rest < o->each.rank) out.dim[o->rest + 1] = size / known; /* else too many fail below */
    return eg_reshape(s->t, x[0], &out);
}

const struct egi_layer_row egi_layer_reshape = {
    .kind = { "reshape", "(B, ...) to (B, shape)", "", reshape_settings },
    .check = check_reshape,
    .apply = apply_reshape,
};

/* ---- embedding: inputs are whole numbers that name rows of a table ---- */

struct embedding {
    size_t rows, units;
    json_t *initialiser;
    struct egi_initialiser init;
};

static const struct egi_setting embedding_settings[] = {
    EGI_SET_COUNT(struct embedding, rows, "256", 1, 1e9, "inputs are whole numbers below it"),
    EGI_SET_COUNT(struct embedding, units, "64", 1, 1e6, "components of a row"),
    EGI_SET_JSON(struct embedding, initialiser, "word", "\"normal\"", "how the rows begin"),
    EGI_SET_END,
};

static eg_status check_embedding(struct egi_layer *l)
{
    struct embedding *o = (struct embedding *)(void *)l->settings.bytes;
    return egi_initialiser_read(o->initialiser, l->place, "initialiser", &o->init);
}

static double number_at(const void *x, eg_dtype dtype, size_t i)
{
    return dtype == EG_F32 ? (double)((const float *)x)[i] : ((const double *)x)[i];
}

static eg_var indices(struct egi_scope *s, eg_var x, size_t rows)
{
    const eg_shape shape = eg_tape_shape(s->t, x);
    const eg_dtype dtype = eg_tape_dtype(s->t, x);
    if (egi_tape_is_ghost(s->t, x)) return eg_cast(s->t, x, EG_I32);
    const void *from = eg_tape_value(s->t, x);
    const eg_var index = egi_tape_new(s->t, EG_I32, &shape);
    if (from == NULL || index.id == 0 || dtype == EG_I32) return dtype == EG_I32 ? x : EG_NONE;
    int32_t *to = (int32_t *)(void *)egi_tape_tensor(s->t, index)->data;
    for (size_t i = 0; i < eg_shape_size(&shape); i++) {
        const double v = number_at(from, dtype, i);
        if (!(v >= 0 && v < (double)rows && v == floor(v)))
            return egi_layer_fail(s, EG_ERR_INVALID,
                                  "input %zu is %g, expected a whole number in 0..%zu", i, v,
                                  rows - 1);
        to[i] = (int32_t)v;
    }
    return index;
}

static eg_var apply_embedding(struct egi_scope *s, const struct egi_layer *l, const eg_var *x)
{
    const struct embedding *o = (const struct embedding *)(const void *)l->settings.bytes;
    eg_shape in;
    if (!egi_layer_rank(s, x[0], 1, EG_MAX_RANK - 1, "(B, T)", &in)) return EG_NONE;
    const eg_shape shape = eg_shape_of(o->rows, o->units);
    const eg_var table = egi_scope_param(s, "weight", &shape, &o->init);
    return eg_gather(s->t, table, indices(s, x[0], o->rows));
}

const struct egi_layer_row egi_layer_embedding = {
    .kind = { "embedding", "y_t = W[x_t]", "", embedding_settings },
    .check = check_embedding,
    .apply = apply_embedding,
};

/* ---- lists inside lists ---- */

struct list {
    json_t *layers;
};

static const struct egi_setting list_settings[] = {
    EGI_SET_JSON(struct list, layers, "list", "[]", "the layers inside"),
    EGI_SET_END,
};

static eg_var apply_sequential(struct egi_scope *s, const struct egi_layer *l, const eg_var *x)
{
    return egi_graph_apply(s, l->inner, x[0]);
}

const struct egi_layer_row egi_layer_sequential = {
    .kind = { "sequential", "y = f_n(... f_1(x))", "", list_settings },
    .inner = 1,
    .apply = apply_sequential,
};

/* Adding does not broadcast here: shapes that differ are a mistake in the list. */
static eg_var add_alike(struct egi_scope *s, eg_var x, eg_var y)
{
    const eg_shape sx = eg_tape_shape(s->t, x), sy = eg_tape_shape(s->t, y);
    char tx[EGI_SHAPE_TEXT], ty[EGI_SHAPE_TEXT];
    if (eg_tape_status(s->t) != EG_OK || egi_shape_equal(&sx, &sy)) return eg_add(s->t, x, y);
    return egi_layer_fail(s, EG_ERR_SHAPE, "%s and %s do not add", egi_shape_text(&sx, tx),
                          egi_shape_text(&sy, ty));
}

static eg_var apply_residual(struct egi_scope *s, const struct egi_layer *l, const eg_var *x)
{
    return add_alike(s, x[0], egi_graph_apply(s, l->inner, x[0]));
}

const struct egi_layer_row egi_layer_residual = {
    .kind = { "residual", "y = x + f(x)", "He et al. 2016, eq. 1", list_settings },
    .inner = 1,
    .apply = apply_residual,
};

static eg_var apply_add(struct egi_scope *s, const struct egi_layer *l, const eg_var *x)
{
    eg_var sum = x[0];
    for (size_t i = 1; i < l->count; i++) sum = add_alike(s, sum, x[i]);
    return sum;
}

const struct egi_layer_row egi_layer_add = {
    .kind = { "add", "y = x_1 + x_2 + ..", "", no_settings },
    .least = 2,
    .most = EGI_JOIN_MAX,
    .apply = apply_add,
};

struct concat {
    size_t axis;
};

static const struct egi_setting concat_settings[] = {
    EGI_SET_COUNT(struct concat, axis, "1", 1, EG_MAX_RANK - 1, "axis of the batch's array"),
    EGI_SET_END,
};

static eg_var apply_concat(struct egi_scope *s, const struct egi_layer *l, const eg_var *x)
{
    const struct concat *o = (const struct concat *)(const void *)l->settings.bytes;
    return eg_concat(s->t, x, l->count, o->axis);
}

const struct egi_layer_row egi_layer_concat = {
    .kind = { "concat", "y = x_1, x_2, .. in one line", "", concat_settings },
    .least = 2,
    .most = EGI_JOIN_MAX,
    .apply = apply_concat,
};

struct slice {
    size_t axis, begin, count;
};

static const struct egi_setting slice_settings[] = {
    EGI_SET_COUNT(struct slice, axis, "1", 1, EG_MAX_RANK - 1, "axis of the batch's array"),
    EGI_SET_COUNT(struct slice, begin, "0", 0, 1e9, "the first that is taken, from 0"),
    EGI_SET_COUNT(struct slice, count, "0", 0, 1e9, "how many; 0: all that follow"),
    EGI_SET_END,
};

static eg_var apply_slice(struct egi_scope *s, const struct egi_layer *l, const eg_var *x)
{
    const struct slice *o = (const struct slice *)(const void *)l->settings.bytes;
    eg_shape in;
    if (!egi_layer_rank(s, x[0], o->axis + 1, EG_MAX_RANK, "an array with this axis", &in))
        return EG_NONE;
    const size_t all = in.dim[o->axis];
    if (o->begin >= all || o->count > all - o->begin)
        return egi_layer_fail(s, EG_ERR_SHAPE, "%zu from %zu on, of an axis of %zu", o->count,
                              o->begin, all);
    return eg_slice(s->t, x[0], o->axis, o->begin, o->count > 0 ? o->count : all - o->begin, 1);
}

const struct egi_layer_row egi_layer_slice = {
    .kind = { "slice", "some of the places of an axis", "", slice_settings },
    .apply = apply_slice,
};
