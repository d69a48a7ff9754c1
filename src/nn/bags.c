/* Examples that are bags, inside a network.
 *
 * The rows of all bags of a batch enter one after the other, (R, D): a layer that takes each row by
 * itself pays for no row that is not there. A layer in which the rows of a bag meet sees them as
 * (B, N, D), N those of the largest bag; where a bag has fewer its last row stands again, and is
 * hidden by the padding. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "nn/egi_bags.h"

#include "engram/random.h"

size_t egi_bags_largest(const struct egi_scope *s)
{
    size_t most = 0;
    for (size_t b = 0; b < s->bags; b++) {
        const size_t rows = s->offset[b + 1] - s->offset[b];
        most = rows > most ? rows : most;
    }
    return most;
}

/* (of) whole numbers of the pass; NULL after a failure. */
static int32_t *index_of(struct egi_scope *s, const eg_shape *of, eg_var *v)
{
    *v = egi_tape_new(s->t, EG_I32, of);
    return v->id != 0 ? (int32_t *)(void *)egi_tape_tensor(s->t, *v)->data : NULL;
}

/* Row offset[0] is row 0: offsets of a batch begin there. */
static eg_var spread_index(struct egi_scope *s, size_t most)
{
    eg_var v;
    int32_t *to = index_of(s, &eg_shape_of(s->bags, most), &v);
    for (size_t b = 0; b < s->bags && to != NULL; b++)
        for (size_t i = 0; i < most; i++) {
            const size_t rows = s->offset[b + 1] - s->offset[b];
            to[b * most + i] = (int32_t)(s->offset[b] + (i < rows ? i : rows - 1));
        }
    return v;
}

/* A share p of the rows of a bag is hidden too, never all: the one whose draw is largest stays. */
static void drop_rows(const struct egi_scope *s, size_t bag, double p, float *hidden)
{
    const size_t from = s->offset[bag], rows = s->offset[bag + 1] - from;
    const uint64_t stream = egi_scope_stream(s);
    float last = -1;
    size_t stays = 0;
    for (size_t i = 0; i < rows; i++) {
        float u;
        eg_random_uniform(s->seed, stream, from + i, 1, &u);
        if (u > last) last = u, stays = i;
        hidden[i] = (double)u < p ? 1 : 0;
    }
    hidden[stays] = 0;
}

static eg_var padding_of(struct egi_scope *s, size_t most, double drop)
{
    const eg_var v = egi_tape_new(s->t, s->dtype, &eg_shape_of(s->bags, 1, 1, most));
    void *place;
    if (v.id == 0) return EG_NONE;
    const eg_status e = egi_alloc_array(s->alloc, most, sizeof(float), "bags", &place);
    if (e != EG_OK) return egi_tape_fail(s->t, e);
    float *hidden = place;
    void *to = egi_tape_tensor(s->t, v)->data;
    for (size_t b = 0; b < s->bags; b++) {
        const size_t rows = s->offset[b + 1] - s->offset[b];
        for (size_t i = 0; i < most; i++) hidden[i] = i >= rows ? 1 : 0;
        if (drop > 0) drop_rows(s, b, drop, hidden);
        for (size_t i = 0; i < most; i++)
            if (s->dtype == EG_F32)
                ((float *)to)[b * most + i] = hidden[i];
            else
                ((double *)to)[b * most + i] = (double)hidden[i];
    }
    egi_free(s->alloc, hidden, most * sizeof(float));
    return v;
}

int egi_bags_are(const struct egi_scope *s, eg_var x)
{
    return s->offset != NULL && eg_tape_status(s->t) == EG_OK && eg_tape_shape(s->t, x).rank == 2;
}

eg_var egi_bags_padding(struct egi_scope *s, double drop)
{
    const size_t most = egi_bags_largest(s);
    const double p = s->mode == EGI_TRAIN ? drop : 0;
    if (most * s->bags == s->offset[s->bags] && p == 0) return EG_NONE;
    return padding_of(s, most, p);
}

eg_var egi_bags_pad(struct egi_scope *s, eg_var x)
{
    eg_shape in;
    if (!egi_layer_rank(s, x, 2, 2, "rows of bags (R, D)", &in)) return EG_NONE;
    const size_t most = egi_bags_largest(s), rows = s->offset[s->bags];
    if (in.dim[0] != rows)
        return egi_layer_fail(s, EG_ERR_SHAPE, "expected the %zu rows of the bags, got %zu", rows,
                              in.dim[0]);
    if (most * s->bags == rows) return eg_reshape(s->t, x, &eg_shape_of(s->bags, most, in.dim[1]));
    return eg_gather(s->t, x, spread_index(s, most));
}

eg_var egi_bags_rows(struct egi_scope *s, eg_var x)
{
    eg_shape in;
    eg_var v;
    if (!egi_layer_rank(s, x, 3, 3, "(B, N, D)", &in)) return EG_NONE;
    const eg_var all = eg_reshape(s->t, x, &eg_shape_of(in.dim[0] * in.dim[1], in.dim[2]));
    const size_t rows = s->offset[s->bags];
    if (in.dim[0] * in.dim[1] == rows) return all;
    int32_t *to = index_of(s, &eg_shape_of(rows), &v);
    for (size_t b = 0; b < s->bags && to != NULL; b++)
        for (size_t i = s->offset[b]; i < s->offset[b + 1]; i++)
            to[i] = (int32_t)(b * in.dim[1] + i - s->offset[b]);
    return eg_gather(s->t, all, v);
}
