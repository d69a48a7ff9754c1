/* The block of the Energy Transformer (Hoover et al. 2023): tokens move down one energy, which says
 * how well they agree with each other and with memories.
 *
 *     g = gamma (x - mean) / sqrt(variance + eps) + delta,   k = W_K g,  q = W_Q g  (by heads)
 *     E = -1/beta sum_h sum_C log sum_{B != C} exp(beta <k_hB, q_hC>)
 *         -1/n sum_B sum_mu max(<xi_mu, g_B>, 0)^n
 *     x <- x - rate dE/dg,   repeated
 *
 * A token is a key of others as well as a query of them, and dE/dg has a term of each; there are no
 * values. While gamma > 0, g is the gradient of a convex function of x, and E falls where the rate
 * is small.
 * dE/dg is written out of operations, and the block is trained like any layer. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "nn/egi_heads.h"

#define FAR_BELOW (-1e9)

struct energy {
    size_t heads, hidden_size, memories, updates;
    double rate, beta, n, epsilon;
    int see_self, output;
    json_t *initialiser;
    struct egi_initialiser init;
};

enum { OUT_STATE, OUT_ENERGY };
static const char *const outputs[] = { "state", "energy", NULL };

#define S struct energy
static const struct egi_setting settings[] = {
    EGI_SET_COUNT(S, heads, "4", 1, EGI_HEADS_MAX, "heads of the attention energy"),
    EGI_SET_COUNT(S, hidden_size, "0", 0, 1e6, "components of a head; 0: those of a token / heads"),
    EGI_SET_COUNT(S, memories, "64", 1, 1e9, "memories xi of the Hopfield energy"),
    EGI_SET_COUNT(S, updates, "12", 0, EGI_UPDATES_MAX, "steps down the energy"),
    EGI_SET_NUMBER(S, rate, "0.1", 0, 1e6, "of a step"),
    EGI_SET_NUMBER(S, beta, "0", 0, 1e6, "0: 1 / sqrt(hidden_size)"),
    EGI_SET_NUMBER(S, n, "2", 2, 60, "power of the Hopfield energy"),
    EGI_SET_FLAG(S, see_self, "false", "a token attends to itself too"),
    EGI_SET_NUMBER(S, epsilon, "1e-5", 0, 1, "added to the variance"),
    EGI_SET_WORD(S, output, "\"state\"", outputs,
                 "state (B, T, D), or energy (B, updates + 1) before each step and after the last"),
    EGI_SET_JSON(S, initialiser, "word", "\"normal:0.02\"", "how everything learned begins"),
    EGI_SET_END,
};
#undef S

static eg_status check(struct egi_layer *l)
{
    struct energy *o = (struct energy *)(void *)l->settings.bytes;
    return egi_initialiser_read(o->initialiser, l->place, "initialiser", &o->init);
}

/* What a pass has learned. */
struct block {
    const struct energy *o;
    double beta;
    eg_var gamma, delta; /* (1), (D) */
    eg_var w_k, w_q, xi; /* (H Y, D) twice, (M, D) */
    eg_var far;          /* (1, 1, T, T) added to scores, or EG_NONE */
};

static eg_var far_from_self(struct egi_scope *s, eg_dtype dtype, size_t steps)
{
    const eg_var later = egi_causal_mask(s, dtype, steps, steps);
    const eg_var others = eg_add(s->t, later, eg_swap_axes(s->t, later, 2, 3));
    return eg_affine(s->t, others, -FAR_BELOW, FAR_BELOW);
}

static int learn(struct egi_scope *s, const struct energy *o, const eg_shape *in, eg_dtype dtype,
                 struct block *b)
{
    const size_t d = in->dim[2], y = o->hidden_size > 0 ? o->hidden_size : d / o->heads;
    const struct egi_initialiser ones = { EGI_INIT_ONES, 1 };
    const eg_shape one = eg_shape_of(1), token = eg_shape_of(d),
                   projection = eg_shape_of(o->heads * y, d),
                   memories = eg_shape_of(o->memories, d);
    if (o->hidden_size == 0 && d % o->heads != 0) {
        egi_layer_fail(s, EG_ERR_SHAPE, "%zu components for %zu heads", d, o->heads);
        return 0;
    }
    if (!o->see_self && in->dim[1] < 2) {
        egi_layer_fail(s, EG_ERR_SHAPE, "one token has no other to attend to: set see_self");
        return 0;
    }
    *b = (struct block){ .o = o, .beta = o->beta > 0 ? o->beta : 1 / sqrt((double)y) };
    b->gamma = egi_scope_param(s, "norm.weight", &one, &ones);
    b->delta = egi_scope_param(s, "norm.bias", &token, NULL);
    b->w_k = egi_scope_param(s, "key.weight", &projection, &o->init);
    b->w_q = egi_scope_param(s, "query.weight", &projection, &o->init);
    b->xi = egi_scope_param(s, "memories", &memories, &o->init);
    if (!o->see_self) b->far = far_from_self(s, dtype, in->dim[1]);
    return eg_tape_status(s->t) == EG_OK;
}

/* Tokens as the energies see them. */
struct seen {
    eg_var k, q;    /* (B, H, T, Y) */
    eg_var scores;  /* (B, H, T, T) beta <q_C, k_B>, row C */
    eg_var overlap; /* (B, T, M) */
};

static struct seen look(eg_tape *t, const struct block *b, eg_var x)
{
    const eg_var level = eg_layer_norm(t, x, 1, EG_NONE, EG_NONE, b->o->epsilon);
    const eg_var g = eg_add(t, eg_mul(t, level, b->gamma), b->delta);
    struct seen e = {
        .k = egi_heads_split(t, eg_matmul(t, g, eg_swap_axes(t, b->w_k, 0, 1)), b->o->heads),
        .q = egi_heads_split(t, eg_matmul(t, g, eg_swap_axes(t, b->w_q, 0, 1)), b->o->heads),
        .overlap = eg_matmul(t, g, eg_swap_axes(t, b->xi, 0, 1))
    };
    e.scores = eg_matmul(t, eg_affine(t, e.q, b->beta, 0), eg_swap_axes(t, e.k, 2, 3));
    if (b->far.id != 0) e.scores = eg_add(t, e.scores, b->far);
    return e;
}

/* (B, 1) */
static eg_var energy_of(eg_tape *t, const struct block *b, const struct seen *e)
{
    const double n = b->o->n;
    const unsigned tokens = EG_AXIS(1) | EG_AXIS(2); /* (B, H, T) and (B, T, M) to (B) */
    const eg_var agree = eg_sum(t, eg_logsumexp(t, e->scores, 3, 0), tokens, 0);
    const eg_var remember = eg_sum(t, eg_rep(t, e->overlap, n), tokens, 0);
    const eg_var both =
        eg_add(t, eg_affine(t, agree, -1 / b->beta, 0), eg_affine(t, remember, -1 / n, 0));
    return eg_reshape(t, both, &eg_shape_of(eg_tape_shape(t, both).dim[0], 1));
}

/* -dE/dg (B, T, D) */
static eg_var force(eg_tape *t, const struct block *b, const struct seen *e)
{
    const eg_var a = eg_softmax(t, e->scores, 3);
    const eg_var as_query = egi_heads_join(t, eg_matmul(t, a, e->k));
    const eg_var as_key = egi_heads_join(t, eg_matmul(t, eg_swap_axes(t, a, 2, 3), e->q));
    const eg_var agree = eg_add(t, eg_matmul(t, as_query, b->w_q), eg_matmul(t, as_key, b->w_k));
    return eg_add(t, agree, eg_matmul(t, eg_rep(t, e->overlap, b->o->n - 1), b->xi));
}

static eg_var apply(struct egi_scope *s, const struct egi_layer *l, const eg_var *x)
{
    const struct energy *o = (const struct energy *)(const void *)l->settings.bytes;
    eg_tape *t = s->t;
    struct block b;
    eg_shape in;
    eg_var state = x[0], energies = EG_NONE;
    if (!egi_layer_rank(s, state, 3, 3, "(B, T, D)", &in)) return EG_NONE;
    if (!learn(s, o, &in, eg_tape_dtype(t, state), &b)) return EG_NONE;
    for (size_t i = 0; i <= o->updates && eg_tape_status(t) == EG_OK; i++) {
        if (i == o->updates && o->output == OUT_STATE) break;
        const struct seen e = look(t, &b, state);
        if (o->output == OUT_ENERGY) {
            const eg_var now = energy_of(t, &b, &e);
            energies = i == 0 ? now : eg_concat(t, (eg_var[]){ energies, now }, 2, 1);
        }
        if (i < o->updates) state = eg_add(t, state, eg_affine(t, force(t, &b, &e), o->rate, 0));
    }
    return o->output == OUT_ENERGY ? energies : state;
}

const struct egi_layer_row egi_layer_energy = {
    .kind = { "energy", "x <- x - rate dE/dg of attention and memories, repeated",
              "Hoover et al. 2023", settings },
    .check = check,
    .apply = apply,
};
