/* Sequences of letters as numbers that a convolution reads: one-hot letters, and where in its
 * sequence each stands. A row is L codes, 1 to `letters`, and 0 from its end on. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "nn/egi_layer.h"

enum { PLACES = 3 };

struct residues {
    size_t letters;
};

static const struct egi_setting settings[] = {
    EGI_SET_COUNT(struct residues, letters, "20", 1, 1000, "codes are 1 to this; 0: no letter"),
    EGI_SET_END,
};

static double code_at(const void *x, eg_dtype dtype, size_t i)
{
    return dtype == EG_F32 ? (double)((const float *)x)[i] : ((const double *)x)[i];
}

static void put(void *x, eg_dtype dtype, size_t i, double v)
{
    if (dtype == EG_F32)
        ((float *)x)[i] = (float)v;
    else
        ((double *)x)[i] = v;
}

/* How near place i of n is to the beginning, the middle and the end: 1 there, 0 half the sequence
 * away (Widrich et al. 2020, section A2). */
static void places(size_t i, size_t n, double near[PLACES])
{
    const double u = n > 1 ? (double)i / (double)(n - 1) : 0.5;
    near[0] = fmax(0, 1 - 2 * u);
    near[1] = 1 - fabs(2 * u - 1);
    near[2] = fmax(0, 2 * u - 1);
}

/* Row r of codes (L) into channels (letters + 3, L), which are zero; its length, or SIZE_MAX where
 * place *bad is no code, or a letter after the end. */
static size_t spell(const struct residues *o, const void *x, eg_dtype dtype, size_t length,
                    size_t r, void *to, size_t *bad)
{
    const size_t channels = o->letters + PLACES;
    size_t n = 0;
    for (size_t i = 0; i < length; i++) {
        const double v = code_at(x, dtype, r * length + i);
        const int code = v >= 0 && v <= (double)o->letters && v == floor(v);
        *bad = i;
        if (!code || (v > 0 && n < i)) return SIZE_MAX;
        if (v == 0) continue;
        put(to, dtype, (r * channels + (size_t)v - 1) * length + i, 1);
        n = i + 1;
    }
    for (size_t i = 0; i < n; i++) {
        double near[PLACES];
        places(i, n, near);
        for (size_t k = 0; k < PLACES; k++)
            put(to, dtype, (r * channels + o->letters + k) * length + i, near[k]);
    }
    return n;
}

static eg_var apply(struct egi_scope *s, const struct egi_layer *l, const eg_var *x)
{
    const struct residues *o = (const struct residues *)(const void *)l->settings.bytes;
    eg_shape in;
    size_t bad = 0;
    if (!egi_layer_rank(s, x[0], 2, 2, "codes (B, L)", &in)) return EG_NONE;
    if (egi_tape_is_ghost(s->t, x[0]))
        return egi_layer_fail(s, EG_ERR_UNSUPPORTED, "codes of letters have no like in ONNX");
    const eg_dtype dtype = eg_tape_dtype(s->t, x[0]);
    const void *from = eg_tape_value(s->t, x[0]);
    const eg_shape shape = eg_shape_of(in.dim[0], o->letters + PLACES, in.dim[1]);
    const eg_var y = egi_tape_new(s->t, dtype, &shape);
    if (from == NULL || y.id == 0) return EG_NONE;
    void *to = egi_tape_tensor(s->t, y)->data;
    for (size_t i = 0; i < eg_shape_size(&shape); i++) put(to, dtype, i, 0);
    for (size_t r = 0; r < in.dim[0]; r++)
        if (spell(o, from, dtype, in.dim[1], r, to, &bad) == SIZE_MAX)
            return egi_layer_fail(s, EG_ERR_INVALID,
                                  "row %zu, place %zu: %g, expected a code in 1..%zu, and 0 from "
                                  "the end of the sequence on",
                                  r, bad, code_at(from, dtype, r * in.dim[1] + bad), o->letters);
    return y;
}

const struct egi_layer_row egi_layer_residues = {
    .kind = { "residues", "(B, L) codes to (B, letters + 3, L): one-hot, and nearness to both ends",
              "Widrich et al. 2020, section A2", settings },
    .apply = apply,
};

/* ---- the largest number of each channel, wherever it is ---- */

static const struct egi_setting none[] = { EGI_SET_END };

static eg_var apply_max(struct egi_scope *s, const struct egi_layer *l, const eg_var *x)
{
    eg_shape in;
    (void)l;
    if (!egi_layer_rank(s, x[0], 3, 3, "(B, C, L)", &in)) return EG_NONE;
    return eg_max(s->t, x[0], EG_AXIS(2), 0);
}

const struct egi_layer_row egi_layer_place_max = {
    .kind = { "place_max", "(B, C, L) to (B, C), the maximum over places", "", none },
    .apply = apply_max,
};
