/* Operators that read and write at places of several axes at once. Places of the first k axes
 * become one number, so that one look-up of rows, or one sum into rows, does the rest. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "model/egi_onnx_build.h"

/* x (P R, I) seen as rows: P of a batch, R places of k axes each, I elements a place. */
struct rows {
    size_t p, r, i, k, q; /* q: look-ups of each of p */
};

/* 0: a failure. data is input 0, indices (.., k) input 1, `batch` leading axes go together. */
static int rows_of(struct egi_onnx_call *c, size_t batch, struct rows *w)
{
    const eg_shape x = egi_shape_in(c, 0), at = egi_shape_in(c, 1);
    *w = (struct rows){ 1, 1, 1, at.rank > 0 ? at.dim[at.rank - 1] : 0, 1 };
    int fits = at.rank > batch && w->k > 0 && batch + w->k <= x.rank;
    for (size_t i = 0; i < batch && fits; i++) fits = x.dim[i] == at.dim[i];
    if (!fits || eg_tape_status(c->t) != EG_OK) {
        egi_call_fail(c, EG_ERR_SHAPE, "indices of rank %zu, %zu axes each, into rank %zu", at.rank,
                      w->k, x.rank);
        return 0;
    }
    for (size_t i = 0; i < x.rank; i++) {
        size_t *of = i < batch ? &w->p : i < batch + w->k ? &w->r : &w->i;
        *of *= x.dim[i];
    }
    for (size_t i = batch; i + 1 < at.rank; i++) w->q *= at.dim[i];
    return 1;
}

/* The number of each place, i32 (P Q): sum of index times stride, -1 where one is outside. */
static eg_var places(struct egi_onnx_call *c, size_t batch, const struct rows *w)
{
    eg_tape *t = c->t;
    const eg_shape x = egi_shape_in(c, 0), line = eg_shape_of(w->p, w->q);
    eg_var index = egi_in(c, 1), at = EG_NONE, inside = EG_NONE;
    if (eg_tape_dtype(t, index) != EG_F64) index = eg_cast(t, index, EG_F64);
    index = eg_reshape(t, index, &eg_shape_of(w->p, w->q, w->k));
    for (size_t j = 0, stride = w->r; j < w->k && egi_call_ok(c); j++) {
        const double size = (double)x.dim[batch + j];
        stride = x.dim[batch + j] > 0 ? stride / x.dim[batch + j] : 0;
        eg_var v = eg_reshape(t, eg_slice(t, index, 2, j, 1, 1), &line);
        v = eg_add(t, v, eg_affine(t, eg_step(t, eg_neg(t, v)), size, 0));
        const eg_var low = eg_at_least(t, v, eg_number(t, EG_F64, 0));
        const eg_var in = eg_mul(t, low, eg_at_least(t, eg_number(t, EG_F64, size - 1), v));
        v = eg_affine(t, v, (double)stride, 0);
        at = j == 0 ? v : eg_add(t, at, v);
        inside = j == 0 ? in : eg_mul(t, inside, in);
    }
    const eg_var first = egi_tape_new(t, EG_F64, &eg_shape_of(w->p, 1));
    if (first.id == 0 || !egi_call_ok(c)) return EG_NONE;
    double *begin = (double *)(void *)egi_tape_tensor(t, first)->data;
    for (size_t i = 0; i < w->p; i++) begin[i] = (double)i * (double)w->r;
    at = eg_mul(t, eg_affine(t, eg_add(t, at, first), 1, 1), inside);
    at = eg_affine(t, at, 1, -1);
    return eg_cast(t, eg_reshape(t, at, &eg_shape_of(w->p * w->q)), EG_I32);
}

/* The axes of indices but the last, then those of data behind the places. */
static int result_of(struct egi_onnx_call *c, size_t batch, size_t k, eg_shape *out)
{
    const eg_shape x = egi_shape_in(c, 0), at = egi_shape_in(c, 1);
    *out = at;
    out->rank--;
    if (out->rank + x.rank - batch - k > EG_MAX_RANK) {
        egi_call_fail(c, EG_ERR_UNSUPPORTED, "to rank %zu", out->rank + x.rank - batch - k);
        return 0;
    }
    for (size_t i = batch + k; i < x.rank; i++) out->dim[out->rank++] = x.dim[i];
    return 1;
}

void egi_build_gather_nd(struct egi_onnx_call *c)
{
    struct rows w;
    eg_shape out;
    const int64_t given = egi_node_int(c->node, "batch_dims", 0);
    const size_t batch = given >= 0 && given < EG_MAX_RANK ? (size_t)given : EG_MAX_RANK;
    if (!rows_of(c, batch, &w) || !result_of(c, batch, w.k, &out)) return;
    const eg_var x = eg_reshape(c->t, egi_in(c, 0), &eg_shape_of(w.p * w.r, w.i));
    const eg_var y = eg_gather(c->t, x, places(c, batch, &w));
    egi_give(c, 0, c->in[0].type, eg_reshape(c->t, y, &out));
}

/* Whether what is there goes (0), or is added to (1); -1: a failure. */
static int reduction_of(struct egi_onnx_call *c)
{
    const struct egi_span word = egi_node_text(c->node, "reduction");
    char text[EGI_SPAN_TEXT];
    if (word.n == 0 || egi_span_is(word, "none")) return 0;
    if (egi_span_is(word, "add")) return 1;
    egi_call_fail(c, EG_ERR_UNSUPPORTED, "reduction \"%s\"", egi_span_text(word, text));
    return -1;
}

/* x with `sum` added, in the place of what is there where `hit` is above 0. */
static eg_var written(struct egi_onnx_call *c, int adds, eg_var x, eg_var sum, eg_var hit)
{
    const eg_var kept = adds ? x : eg_gate(c->t, x, egi_not(c, hit));
    return eg_add(c->t, kept, sum);
}

void egi_build_scatter_nd(struct egi_onnx_call *c)
{
    eg_tape *t = c->t;
    struct rows w;
    const int adds = reduction_of(c), type = c->in[0].type;
    const eg_shape own = egi_shape_in(c, 0);
    if (adds < 0 || !rows_of(c, 0, &w)) return;
    const eg_var at = places(c, 0, &w);
    const eg_var x = eg_reshape(t, egi_in(c, 0), &eg_shape_of(w.r, w.i));
    const eg_var by = eg_reshape(t, egi_in(c, 2), &eg_shape_of(w.q, w.i));
    const eg_var ones = eg_copy(t, egi_filled(c, type, &eg_shape_of(w.q, 1), 1));
    const eg_var y =
        written(c, adds, x, eg_scatter_add(t, by, at, w.r), eg_scatter_add(t, ones, at, w.r));
    egi_give(c, 0, type, eg_reshape(t, y, &own));
}

/* put_along, and zeros behind along axes where the index is shorter. */
static eg_var put(struct egi_onnx_call *c, eg_var x, eg_var index, size_t axis)
{
    const eg_shape own = egi_shape_in(c, 0), is = egi_shape_in(c, 1);
    eg_var y = eg_put_along(c->t, x, index, axis, own.dim[axis]);
    for (size_t i = 0; i < own.rank; i++)
        if (i != axis && is.dim[i] < own.dim[i]) y = eg_pad(c->t, y, i, 0, own.dim[i] - is.dim[i]);
    return y;
}

void egi_build_scatter_elements(struct egi_onnx_call *c)
{
    const eg_shape own = egi_shape_in(c, 0), is = egi_shape_in(c, 1);
    const size_t axis = egi_axis_of(c, egi_node_int(c->node, "axis", 0), own.rank);
    const int adds = reduction_of(c), type = c->in[0].type;
    if (egi_call_ok(c) && is.rank != own.rank)
        egi_call_fail(c, EG_ERR_SHAPE, "index of rank %zu into rank %zu", is.rank, own.rank);
    if (!egi_call_ok(c)) return;
    const eg_var index = egi_index_of(c, 1, own.dim[axis]);
    const eg_var ones = eg_copy(c->t, egi_filled(c, type, &is, 1));
    egi_give(c, 0, type,
             written(c, adds, egi_in(c, 0), put(c, egi_in(c, 2), index, axis),
                     put(c, ones, index, axis)));
}
