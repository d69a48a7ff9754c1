/* LSTM and GRU of a block of rows by oneDNN 2.6 (its vanilla LSTM and its GRU with linear before
 * reset).
 *
 * Its gates lie i f c o, which is our order, and z r n. It wants weights (D, G, H) forward, ours
 * turned, and (G, H, D) back, ours; the gradients by them come turned, added to what is there. A
 * block is a part of the batch, its steps as far apart as they are in the whole. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifdef EG_DNNL

#include <math.h>
#include <string.h>

#include "base/egi_base.h"
#include "kernel/egi_kernel_dnnl.h"
#include "kernel/egi_kernel_recurrent.h"

enum {
    X = EGI_RECURRENT_X,
    H = EGI_RECURRENT_H,
    C = EGI_RECURRENT_C,
    W_IH = EGI_RECURRENT_W_IH,
    W_HH = EGI_RECURRENT_W_HH,
    BIAS = EGI_RECURRENT_BIAS,
    Y = EGI_RECURRENT_Y,
    LAST = EGI_RECURRENT_LAST,
    ARRAYS = EGI_RECURRENT_ARRAYS,
    FORWARD = EGI_RECURRENT_FORWARD,
    BACK = EGI_RECURRENT_BACK,
    WAYS = EGI_RECURRENT_WAYS
};

/* Primitives for blocks of n rows. What lies in md[FORWARD] is also how gradients lie. */
struct primitives {
    size_t n;
    dnnl_memory_desc_t md[WAYS][ARRAYS], kept, pad[WAYS];
    dnnl_primitive_t way[WAYS];
};

struct own {
    dnnl_engine_t engine;
    struct primitives of[2]; /* a full block; the last one where it has fewer rows */
};

static const int values[ARRAYS] = {
    [X] = DNNL_ARG_SRC_LAYER,        [H] = DNNL_ARG_SRC_ITER,        [C] = DNNL_ARG_SRC_ITER_C,
    [W_IH] = DNNL_ARG_WEIGHTS_LAYER, [W_HH] = DNNL_ARG_WEIGHTS_ITER, [BIAS] = DNNL_ARG_BIAS,
    [Y] = DNNL_ARG_DST_LAYER,        [LAST] = DNNL_ARG_DST_ITER_C,
};
static const int gradients[ARRAYS] = {
    [X] = DNNL_ARG_DIFF_SRC_LAYER,       [H] = DNNL_ARG_DIFF_SRC_ITER,
    [C] = DNNL_ARG_DIFF_SRC_ITER_C,      [W_IH] = DNNL_ARG_DIFF_WEIGHTS_LAYER,
    [W_HH] = DNNL_ARG_DIFF_WEIGHTS_ITER, [BIAS] = DNNL_ARG_DIFF_BIAS,
    [Y] = DNNL_ARG_DIFF_DST_LAYER,       [LAST] = DNNL_ARG_DIFF_DST_ITER_C,
};

/* Gate k of oneDNN is this one of ours; the bias has four of them. */
static const size_t order[2][4] = { [EGI_LSTM] = { 0, 1, 2, 3 }, [EGI_GRU] = { 1, 0, 2, 3 } };

static dnnl_status_t describe(const struct egi_recurrent *g, struct primitives *q)
{
    const dnnl_dim_t t = (dnnl_dim_t)g->steps, b = (dnnl_dim_t)g->batch, n = (dnnl_dim_t)q->n;
    const dnnl_dim_t d = (dnnl_dim_t)g->inputs, h = (dnnl_dim_t)g->hidden;
    const dnnl_dim_t gates = (dnnl_dim_t)egi_recurrent_gates(g->kind);
    const dnnl_dims_t x = { t, n, d }, apart_x = { b * d, d, 1 };
    const dnnl_dims_t y = { t, n, h }, apart_y = { b * h, h, 1 };
    const dnnl_dims_t w_ih = { 1, 1, d, gates, h }, w_hh = { 1, 1, h, gates, h };
    const dnnl_dims_t bias = { 1, 1, 4, h }, state = { 1, 1, n, h };
    for (size_t way = 0; way < WAYS; way++) {
        dnnl_memory_desc_t *md = q->md[way];
        const dnnl_format_tag_t weights = way == FORWARD ? dnnl_ldigo : dnnl_ldgoi;
        EGI_DNNL_TRY(dnnl_memory_desc_init_by_strides(&md[X], 3, x, dnnl_f32, apart_x));
        EGI_DNNL_TRY(dnnl_memory_desc_init_by_strides(&md[Y], 3, y, dnnl_f32, apart_y));
        EGI_DNNL_TRY(dnnl_memory_desc_init_by_tag(&md[W_IH], 5, w_ih, dnnl_f32, weights));
        EGI_DNNL_TRY(dnnl_memory_desc_init_by_tag(&md[W_HH], 5, w_hh, dnnl_f32, weights));
        EGI_DNNL_TRY(dnnl_memory_desc_init_by_tag(&md[BIAS], 4, bias, dnnl_f32, dnnl_ldgo));
        EGI_DNNL_TRY(dnnl_memory_desc_init_by_tag(&md[H], 4, state, dnnl_f32, dnnl_ldnc));
        md[C] = md[LAST] = md[H];
    }
    return dnnl_success;
}

static dnnl_status_t operation(const struct egi_recurrent *g, const struct primitives *q,
                               size_t way, dnnl_rnn_desc_t *out)
{
    const dnnl_rnn_direction_t onwards = dnnl_unidirectional_left2right;
    const dnnl_memory_desc_t *v = q->md[way], *d = q->md[FORWARD];
    if (g->kind == EGI_LSTM && way == FORWARD)
        return dnnl_lstm_forward_desc_init(out, dnnl_forward_training, onwards, &v[X], &v[H], &v[C],
                                           &v[W_IH], &v[W_HH], &v[BIAS], &v[Y], &v[H], &v[LAST], 0);
    if (g->kind == EGI_LSTM)
        return dnnl_lstm_backward_desc_init(out, dnnl_backward, onwards, &v[X], &v[H], &v[C],
                                            &v[W_IH], &v[W_HH], &v[BIAS], &v[Y], &v[H], &v[LAST],
                                            &d[X], &d[H], &d[C], &d[W_IH], &d[W_HH], &d[BIAS],
                                            &d[Y], &d[H], &d[LAST], 0);
    if (way == FORWARD)
        return dnnl_lbr_gru_forward_desc_init(out, dnnl_forward_training, onwards, &v[X], &v[H],
                                              &v[W_IH], &v[W_HH], &v[BIAS], &v[Y], &v[H], 0);
    return dnnl_lbr_gru_backward_desc_init(out, dnnl_backward, onwards, &v[X], &v[H], &v[W_IH],
                                           &v[W_HH], &v[BIAS], &v[Y], &v[H], &d[X], &d[H], &d[W_IH],
                                           &d[W_HH], &d[BIAS], &d[Y], &d[H], 0);
}

static dnnl_status_t make_primitives(const struct egi_recurrent *g, const struct own *own,
                                     struct primitives *q)
{
    dnnl_primitive_desc_t pd[WAYS] = { NULL, NULL };
    dnnl_status_t s = describe(g, q);
    for (size_t way = 0; way < WAYS && s == dnnl_success; way++) {
        dnnl_rnn_desc_t op;
        s = operation(g, q, way, &op);
        if (s == dnnl_success)
            s = egi_dnnl_describe(&op, own->engine, way == BACK ? pd[FORWARD] : NULL, &pd[way]);
        if (s != dnnl_success) break;
        q->pad[way] = *dnnl_primitive_desc_query_md(pd[way], dnnl_query_scratchpad_md, 0);
        s = dnnl_primitive_create(&q->way[way], pd[way]);
    }
    if (s == dnnl_success)
        q->kept = *dnnl_primitive_desc_query_md(pd[FORWARD], dnnl_query_workspace_md, 0);
    for (size_t way = 0; way < WAYS; way++) dnnl_primitive_desc_destroy(pd[way]);
    return s;
}

/* to (columns, rows) <- from (rows, columns), in squares that stay in a cache. */
static void turn(const float *from, size_t from_ld, size_t rows, size_t columns, float *to,
                 size_t to_ld)
{
    enum { SIDE = 16 };
    for (size_t i = 0; i < rows; i += SIDE)
        for (size_t j = 0; j < columns; j += SIDE) {
            const size_t i_end = i + SIDE < rows ? i + SIDE : rows;
            const size_t j_end = j + SIDE < columns ? j + SIDE : columns;
            for (size_t r = i; r < i_end; r++)
                for (size_t c = j; c < j_end; c++) to[c * to_ld + r] = from[r * from_ld + c];
        }
}

/* What lies behind each row of a gate; gates of it. */
static size_t width_of(const struct egi_recurrent *g, size_t array)
{
    return array == BIAS ? 1 : array == W_IH ? g->inputs : g->hidden;
}

static size_t gates_of(const struct egi_recurrent *g, size_t array)
{
    return array == BIAS ? 4 : egi_recurrent_gates(g->kind);
}

/* Weights and bias as oneDNN wants them. */
static void ready(const struct egi_recurrent_plan *p, enum egi_recurrent_way way,
                  struct egi_recurrent_data *d, char *shared)
{
    const struct egi_recurrent *g = &p->g;
    const struct own *own = p->own;
    for (size_t a = W_IH; a <= BIAS; a++) {
        const size_t width = width_of(g, a), gates = gates_of(g, a), size = g->hidden;
        const float *from = (const float *)(const void *)d->value[a];
        float *to = (float *)(void *)shared;
        for (size_t k = 0; k < gates; k++) {
            const float *gate = from + order[g->kind][k] * size * width;
            if (way == EGI_RECURRENT_FORWARD)
                turn(gate, width, size, width, to + k * size, gates * size);
            else
                memcpy(to + k * size * width, gate, size * width * sizeof *to);
        }
        d->value[a] = shared;
        shared += egi_dnnl_room(&own->of[0].md[way][a]);
    }
}

static void finish(const struct egi_recurrent_plan *p, char *const *from, char *const *to)
{
    const struct egi_recurrent *g = &p->g;
    for (size_t a = W_IH; a <= BIAS; a++) {
        const size_t width = width_of(g, a), gates = gates_of(g, a), size = g->hidden;
        for (size_t k = 0; k < gates; k++)
            turn((const float *)(const void *)from[a] + k * size, gates * size, width, size,
                 (float *)(void *)to[a] + order[g->kind][k] * size * width, width);
    }
}

/* All arrays that the kind has, under their names. */
static size_t name_arrays(const struct egi_recurrent *g, const dnnl_memory_desc_t *md,
                          const int *names, char *const *data, struct egi_dnnl_arg *out)
{
    size_t count = 0;
    for (size_t a = 0; a < ARRAYS; a++)
        if (g->kind == EGI_LSTM || (a != C && a != LAST))
            out[count++] = (struct egi_dnnl_arg){ names[a], &md[a], data[a] };
    return count;
}

/* What cannot be computed must not look as if it were: no memory. */
static void spoil(const struct egi_recurrent *g, const dnnl_memory_desc_t *md, char *const *data,
                  size_t first, size_t end)
{
    for (size_t a = first; a < end; a++) {
        if (g->kind == EGI_GRU && (a == C || a == LAST)) continue;
        const int steps = md[a].ndims == 3;
        size_t count = 1;
        for (int i = steps; i < md[a].ndims; i++) count *= (size_t)md[a].dims[i];
        for (size_t t = 0; t < (steps ? g->steps : 1); t++) {
            const size_t apart = (size_t)md[a].format_desc.blocking.strides[0];
            float *at = (float *)(void *)data[a] + t * apart;
            for (size_t i = 0; i < count; i++) at[i] = NAN;
        }
    }
}

static const struct primitives *primitives_of(const struct egi_recurrent_plan *p, size_t n)
{
    const struct own *own = p->own;
    return &own->of[n != own->of[0].n];
}

/* scratch: h of the last step once more, which oneDNN gives by itself; its own. */
static void forward(const struct egi_recurrent_plan *p, size_t n,
                    const struct egi_recurrent_data *d, char *scratch)
{
    const struct own *own = p->own;
    const struct primitives *q = primitives_of(p, n);
    const dnnl_memory_desc_t *md = q->md[FORWARD];
    struct egi_dnnl_arg args[EGI_DNNL_ARGS_MAX];
    size_t count = name_arrays(&p->g, md, values, d->value, args);
    args[count++] = (struct egi_dnnl_arg){ DNNL_ARG_DST_ITER, &md[H], scratch };
    args[count++] = (struct egi_dnnl_arg){ DNNL_ARG_WORKSPACE, &q->kept, d->kept };
    args[count++] = (struct egi_dnnl_arg){ DNNL_ARG_SCRATCHPAD, &q->pad[FORWARD],
                                           scratch + egi_dnnl_room(&md[H]) };
    if (egi_dnnl_run(own->engine, q->way[FORWARD], count, args) != dnnl_success)
        spoil(&p->g, md, d->value, Y, ARRAYS);
}

/* scratch: zeros, as nothing comes back to h of the last step by itself; oneDNN's own. */
static void back(const struct egi_recurrent_plan *p, size_t n, const struct egi_recurrent_data *d,
                 char *scratch)
{
    const struct egi_recurrent *g = &p->g;
    const struct own *own = p->own;
    const struct primitives *q = primitives_of(p, n);
    const dnnl_memory_desc_t *md = q->md[FORWARD];
    struct egi_dnnl_arg args[EGI_DNNL_ARGS_MAX];
    char *gradient[ARRAYS];
    memcpy(gradient, d->gradient, sizeof gradient);
    if (gradient[LAST] == NULL) gradient[LAST] = scratch;
    memset(scratch, 0, dnnl_memory_desc_get_size(&md[H]));
    size_t count = name_arrays(g, q->md[BACK], values, d->value, args);
    count += name_arrays(g, md, gradients, gradient, args + count);
    char *last = d->value[Y] + (g->steps - 1) * g->batch * g->hidden * sizeof(float);
    args[count++] = (struct egi_dnnl_arg){ DNNL_ARG_DST_ITER, &md[H], last };
    args[count++] = (struct egi_dnnl_arg){ DNNL_ARG_DIFF_DST_ITER, &md[H], scratch };
    args[count++] = (struct egi_dnnl_arg){ DNNL_ARG_WORKSPACE, &q->kept, d->kept };
    args[count++] = (struct egi_dnnl_arg){ DNNL_ARG_SCRATCHPAD, &q->pad[BACK],
                                           scratch + egi_dnnl_room(&md[H]) };
    if (egi_dnnl_run(own->engine, q->way[BACK], count, args) != dnnl_success)
        spoil(g, md, gradient, X, Y);
}

static const struct egi_recurrent_code code = { ready, { forward, back }, finish };

static dnnl_status_t make(void *plan, size_t i)
{
    const struct egi_recurrent_plan *p = plan;
    struct own *own = p->own;
    return make_primitives(&p->g, own, &own->of[i]);
}

static void at_least(size_t *bytes, size_t least)
{
    if (*bytes < least) *bytes = least;
}

static void set_plan(struct egi_recurrent_plan *p, struct own *own)
{
    p->code = &code;
    p->block_kept = 0;
    for (size_t way = 0; way < WAYS; way++) p->block_scratch[way] = 0;
    for (size_t i = 0; i < 2 && own->of[i].n > 0; i++) {
        const struct primitives *q = &own->of[i];
        at_least(&p->block_kept, dnnl_memory_desc_get_size(&q->kept));
        for (size_t way = 0; way < WAYS; way++)
            at_least(&p->block_scratch[way],
                     egi_dnnl_room(&q->md[FORWARD][H]) + egi_dnnl_room(&q->pad[way]));
    }
    for (size_t a = W_IH; a <= BIAS; a++) p->shared += egi_dnnl_room(&own->of[0].md[FORWARD][a]);
}

eg_status egi_recurrent_dnnl_plan(struct egi_recurrent_plan *p)
{
    struct own *own = egi_alloc(eg_allocator_default(), sizeof *own);
    if (own == NULL) return egi_fail(EG_ERR_NOMEM, "recurrent: %zu bytes", sizeof *own);
    memset(own, 0, sizeof *own);
    own->of[0].n = p->each;
    own->of[1].n = p->g.batch % p->each;
    p->own = own;
    const size_t n[2] = { own->of[0].n, own->of[1].n };
    const eg_status s = egi_dnnl_prepare("recurrent", &own->engine, n, make, p);
    if (s != EG_OK) {
        egi_recurrent_dnnl_clear(own);
        p->own = NULL;
        return s == EG_ERR_UNSUPPORTED ? EG_OK : s; /* what it does not do is the reference's */
    }
    set_plan(p, own);
    return EG_OK;
}

void egi_recurrent_dnnl_clear(void *own)
{
    struct own *o = own;
    if (o == NULL) return;
    for (size_t i = 0; i < 2; i++)
        for (size_t way = 0; way < WAYS; way++) dnnl_primitive_destroy(o->of[i].way[way]);
    dnnl_engine_destroy(o->engine);
    egi_free(eg_allocator_default(), o, sizeof *o);
}

#else
typedef int egi_no_dnnl; /* a translation unit is not empty */
#endif
