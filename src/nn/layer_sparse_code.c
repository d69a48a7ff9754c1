/* Sparse codes by homotopy (engram/sparse.h), and a layer of them whose dictionary is learned.
 *
 * Atoms are the rows of a parameter, each over its length. W != D is D + V, V a parameter that
 * begins at 0, each column over its product with the atom, so that <w_k, d_k> = 1 whatever is
 * learned. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "engram/sparse.h"

#include <math.h>

#include "nn/egi_layer.h"

enum { STEPS_MAX = 100000 };

static int fits(eg_tape *t, eg_var x, eg_var dictionary, eg_var analysis, eg_var first, eg_var last)
{
    const eg_shape in = eg_tape_shape(t, x), d = eg_tape_shape(t, dictionary);
    const eg_shape w = eg_tape_shape(t, analysis), f = eg_tape_shape(t, first);
    const eg_shape l = eg_tape_shape(t, last);
    char tx[EGI_SHAPE_TEXT], td[EGI_SHAPE_TEXT], tw[EGI_SHAPE_TEXT], tf[EGI_SHAPE_TEXT];
    if (in.rank == 2 && d.rank == 2 && d.dim[1] == in.dim[1] && d.dim[0] > 0 && w.rank == 2
        && w.dim[0] == d.dim[0] && w.dim[1] == d.dim[1] && eg_shape_size(&l) == 1 && l.rank == 2
        && (first.id == 0
            || (f.rank == 2 && f.dim[1] == 1 && (f.dim[0] == 1 || f.dim[0] == in.dim[0]))))
        return 1;
    (void)egi_tape_fail(
        t, egi_fail(EG_ERR_SHAPE,
                    "sparse_code: x %s, dictionary %s, analysis %s, first %s; expected (M, C), "
                    "(K, C), (K, C), (M, 1) or (1, 1), and (1, 1) as last",
                    egi_shape_text(&in, tx), egi_shape_text(&d, td), egi_shape_text(&w, tw),
                    egi_shape_text(&f, tf)));
    return 0;
}

eg_var eg_sparse_code(eg_tape *t, eg_var x, eg_var dictionary, eg_var analysis, eg_var first,
                      eg_var last, const eg_sparse_options *options)
{
    const eg_sparse_options usual = EG_SPARSE_OPTIONS_INIT, *o = options ? options : &usual;
    if (eg_tape_status(t) != EG_OK) return EG_NONE;
    if (o->steps < 1 || o->steps > STEPS_MAX || o->extra > STEPS_MAX)
        return egi_tape_fail(t,
                             egi_fail(EG_ERR_INVALID,
                                      "sparse_code: %zu steps and %zu more, expected 1 to %d and "
                                      "0 to %d",
                                      o->steps, o->extra, STEPS_MAX, STEPS_MAX));
    if (!fits(t, x, dictionary, analysis, first, last)) return EG_NONE;
    const eg_var back = eg_swap_axes(t, analysis, 0, 1);
    eg_var y = eg_matmul(t, x, back), z = EG_NONE;
    if (first.id == 0) first = eg_maximum(t, eg_max(t, eg_abs(t, y), EG_AXIS(1), 1), last);
    const eg_var top = eg_log(t, first), fall = eg_sub(t, eg_log(t, last), top);
    for (size_t i = 1; i <= o->steps + o->extra; i++) {
        const double at = i < o->steps ? (double)i / (double)o->steps : 1;
        const eg_var threshold =
            i < o->steps ? eg_exp(t, eg_add(t, top, eg_affine(t, fall, at, 0))) : last;
        if (i > 1) {
            const eg_var rest = eg_sub(t, x, eg_matmul(t, z, dictionary));
            y = eg_add(t, z, eg_matmul(t, rest, back));
        }
        z = eg_relu(t, eg_sub(t, y, threshold));
    }
    return z;
}

/* ---- the layer ---- */

struct sparse {
    size_t atoms, steps, extra;
    double threshold, first;
    int learned, tied, unit, output;
};

static const char *const outputs[] = { "code", "reconstruction", NULL };

static const struct egi_setting settings[] = {
    EGI_SET_COUNT(struct sparse, atoms, "0", 0, 1e6, "of the dictionary; 0: the number of classes"),
    EGI_SET_COUNT(struct sparse, steps, "12", 1, 1e4, "until the threshold is the last"),
    EGI_SET_COUNT(struct sparse, extra, "0", 0, 1e4, "steps more at the last threshold"),
    EGI_SET_NUMBER(struct sparse, threshold, "0.05", 1e-12, 1e9, "the last"),
    EGI_SET_NUMBER(struct sparse, first, "0", 0, 1e9, "threshold; 0: of each x, |W^T x|_inf"),
    EGI_SET_FLAG(struct sparse, learned, "false", "thresholds are learned"),
    EGI_SET_FLAG(struct sparse, tied, "true", "W = D; else both are learned"),
    EGI_SET_FLAG(struct sparse, unit, "true", "of x over its length"),
    EGI_SET_WORD(struct sparse, output, "\"code\"", outputs, "z, or D z"),
    EGI_SET_END,
};

/* A threshold (1, 1); its logarithm is what is learned. */
static eg_var threshold_of(struct egi_scope *s, const char *name, double value, int learned)
{
    const eg_shape one = eg_shape_of(1, 1);
    const struct egi_initialiser init = { EGI_INIT_CONSTANT, log(value) };
    const eg_var v = learned ? egi_scope_param(s, name, &one, &init)
                             : eg_reshape(s->t, eg_number(s->t, s->dtype, log(value)), &one);
    return eg_exp(s->t, v);
}

/* Rows over their lengths; `least` is added to the square. */
static eg_var unit_rows(eg_tape *t, eg_var x, double least)
{
    const eg_var square = eg_sum(t, eg_mul(t, x, x), EG_AXIS(1), 1);
    return eg_div(t, x, eg_sqrt(t, eg_affine(t, square, 1, least)));
}

/* (M, C) to (M, K) or (M, C). */
static eg_var code_rows(struct egi_scope *s, const struct sparse *o, eg_var x, size_t c)
{
    static const struct egi_initialiser normal = { EGI_INIT_NORMAL, 1 };
    const eg_sparse_options how = { sizeof how, o->steps, o->extra };
    eg_tape *t = s->t;
    const eg_shape shape = eg_shape_of(o->atoms > 0 ? o->atoms : s->classes, c);
    const eg_var d = unit_rows(t, egi_scope_param(s, "dictionary", &shape, &normal), 1e-30);
    eg_var w = d;
    if (!o->tied) {
        w = eg_add(t, d, egi_scope_param(s, "difference", &shape, NULL));
        w = eg_div(t, w, eg_sum(t, eg_mul(t, w, d), EG_AXIS(1), 1));
    }
    const eg_var last = threshold_of(s, "log_threshold", o->threshold, o->learned);
    const eg_var first =
        o->first > 0 ? threshold_of(s, "log_first", o->first, o->learned) : EG_NONE;
    const eg_var z =
        eg_sparse_code(t, o->unit ? unit_rows(t, x, 1e-12) : x, d, w, first, last, &how);
    return o->output == 0 ? z : eg_matmul(t, z, d);
}

static eg_var apply(struct egi_scope *s, const struct egi_layer *l, const eg_var *x)
{
    static const size_t last[4] = { 0, 2, 3, 1 }, second[4] = { 0, 3, 1, 2 };
    const struct sparse *o = (const struct sparse *)(const void *)l->settings.bytes;
    eg_tape *t = s->t;
    eg_shape in;
    if (!egi_layer_rank(s, x[0], 2, 4, "(B, C), (B, T, C) or (B, C, H, W)", &in)) return EG_NONE;
    const int picture = in.rank == 4;
    const eg_var rows = picture ? eg_copy(t, eg_permute(t, x[0], last)) : x[0];
    eg_shape each = eg_tape_shape(t, rows);
    const size_t c = in.dim[picture ? 1 : in.rank - 1];
    const eg_shape flat = eg_shape_of(c > 0 ? eg_shape_size(&each) / c : 0, c);
    const eg_var y = code_rows(s, o, eg_reshape(t, rows, &flat), c);
    each.dim[each.rank - 1] = eg_tape_shape(t, y).dim[1];
    const eg_var z = eg_reshape(t, y, &each);
    return picture ? eg_copy(t, eg_permute(t, z, second)) : z;
}

const struct egi_layer_row egi_layer_sparse_code = {
    .kind = { "sparse_code", "z <- max(0, z + W^T (x - D z) - l), l falling geometrically",
              "Zarka et al. 2020, algorithm 1", settings },
    .apply = apply,
};
