/* One pass of a Hopfield layer: norms, projections, extra patterns, heads, output. See
 * layer_hopfield.c.
 *
 * Where few state patterns read many stored ones, no stored one is projected: softmax does not see
 * what is added to all scores of a query and its weights sum to 1, so that
 *
 *     <q, W_K x_j + b_K> ~ <W_K^T q, x_j>,      sum_j a_j (W_V x_j + b_V) = W_V sum_j a_j x_j + b_V
 *
 * and both projections are of the states: D operations a pair instead of D (D + 1) a pattern. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "nn/egi_bags.h"
#include "nn/egi_hopfield.h"

struct pass {
    struct egi_scope *s;
    const struct hopfield *o;
    const char *prefix;
    eg_var x[ROLES];                 /* (B, T, D) */
    size_t d[ROLES];                 /* components of each */
    size_t rows[ROLES], from[ROLES]; /* of in_proj: of each projection */
    size_t hidden, value;            /* of a head */
    eg_var normal[ROLES];            /* x after its norm, without scale and shift */
    int bags;                        /* stored patterns and values are rows of bags */
    eg_var packed, bias;             /* in_proj_weight, or EG_NONE; in_proj_bias, or EG_NONE */
};

static eg_var param(const struct pass *p, const char *name, const eg_shape *shape, int ones)
{
    static const struct egi_initialiser one = { EGI_INIT_ONES, 1 };
    char text[EGI_PATH_TEXT];
    snprintf(text, sizeof text, "%s%s", p->prefix, name);
    const struct egi_initialiser *init = ones                           ? &one
                                         : strstr(name, "bias") == NULL ? &p->o->init
                                                                        : NULL;
    return egi_scope_param(p->s, text, shape, init);
}

static int is_static(const struct hopfield *o, enum role r)
{
    const int of[ROLES] = { o->stored_pattern_as_static, o->state_pattern_as_static,
                            o->pattern_projection_as_static };
    return of[r];
}

static int normalises(const struct hopfield *o, enum role r)
{
    const int of[ROLES] = { o->normalize_stored_pattern, o->normalize_state_pattern,
                            o->normalize_pattern_projection };
    return of[r];
}

/* Scale and shift of role r, (D); EG_NONE where there are none. */
static void affine_of(const struct pass *p, enum role r, eg_var of[2])
{
    static const char *const names[ROLES][2] = {
        { "norm_stored_pattern.weight", "norm_stored_pattern.bias" },
        { "norm_state_pattern.weight", "norm_state_pattern.bias" },
        { "norm_pattern_projection.weight", "norm_pattern_projection.bias" },
    };
    const struct hopfield *o = p->o;
    const int has[ROLES] = { o->normalize_stored_pattern_affine, o->normalize_state_pattern_affine,
                             o->normalize_pattern_projection_affine };
    of[0] = of[1] = EG_NONE;
    if (!normalises(o, r) || !has[r]) return;
    of[0] = param(p, names[r][0], &eg_shape_of(p->d[r]), 1);
    of[1] = param(p, names[r][1], &eg_shape_of(p->d[r]), 0);
}

/* x of role r normalised, once for roles of one input. */
static eg_var normal_of(struct pass *p, enum role r)
{
    if (!normalises(p->o, r)) return p->x[r];
    for (size_t i = 0; i < ROLES; i++)
        if (p->normal[i].id != 0 && p->x[i].id == p->x[r].id) return p->normal[i];
    p->normal[r] = eg_layer_norm(p->s->t, p->x[r], 1, EG_NONE, EG_NONE, p->o->normalize_eps);
    return p->normal[r];
}

/* Weights of role r, (rows, columns). */
static eg_var weights_of(const struct pass *p, enum role r, size_t columns)
{
    static const char *const names[ROLES] = { "association_core.k_proj_weight",
                                              "association_core.q_proj_weight",
                                              "association_core.v_proj_weight" };
    if (p->packed.id != 0) return eg_slice(p->s->t, p->packed, 0, p->from[r], p->rows[r], 1);
    return param(p, names[r], &eg_shape_of(p->rows[r], columns), 0);
}

struct projection {
    eg_var w, b; /* (rows, columns); (rows) or EG_NONE */
};

/* W (scale x + shift) + b as (W scale) x + (W shift + b) */
static struct projection folded(struct pass *p, enum role r, size_t columns, const eg_var affine[2])
{
    eg_tape *t = p->s->t;
    struct projection to = { weights_of(p, r, columns), EG_NONE };
    if (p->bias.id != 0) to.b = eg_slice(t, p->bias, 0, p->from[r], p->rows[r], 1);
    if (affine[1].id != 0) {
        const eg_var column = eg_reshape(t, affine[1], &eg_shape_of(columns, 1));
        const eg_var by = eg_reshape(t, eg_matmul(t, to.w, column), &eg_shape_of(p->rows[r]));
        to.b = to.b.id != 0 ? eg_add(t, to.b, by) : by;
    }
    if (affine[0].id != 0) to.w = eg_mul(t, to.w, affine[0]);
    return to;
}

static eg_var project(struct pass *p, enum role r, eg_var x, const eg_var affine[2])
{
    eg_tape *t = p->s->t;
    const struct projection to = folded(p, r, eg_tape_shape(t, x).dim[2], affine);
    const eg_var y = eg_matmul(t, x, eg_swap_axes(t, to.w, 0, 1));
    return to.b.id != 0 ? eg_add(t, y, to.b) : y;
}

/* What comes of rows of bags, (1, R, ..), bag by bag: only now, for projections of rows that are
 * not there would cost as much as those of rows that are. */
static eg_var by_bag(const struct pass *p, enum role r, eg_var y)
{
    if (!p->bags || r == STATE || eg_tape_status(p->s->t) != EG_OK) return y;
    const eg_shape in = eg_tape_shape(p->s->t, y);
    return egi_bags_pad(p->s, eg_reshape(p->s->t, y, &eg_shape_of(in.dim[1], in.dim[2])));
}

/* Role r by heads: (B, H, T, ..); a static one is the same for all of them. */
static eg_var pattern(struct pass *p, enum role r)
{
    eg_tape *t = p->s->t;
    eg_var affine[2], x = normal_of(p, r);
    affine_of(p, r, affine);
    if (!is_static(p->o, r))
        return egi_heads_split(t, by_bag(p, r, project(p, r, x, affine)), p->o->num_heads);
    if (affine[0].id != 0) x = eg_mul(t, x, affine[0]);
    if (affine[1].id != 0) x = eg_add(t, x, affine[1]);
    x = by_bag(p, r, x);
    const eg_shape s = eg_tape_shape(t, x);
    return eg_reshape(t, x, &eg_shape_of(s.dim[0], 1, s.dim[1], s.dim[2]));
}

/* Sizes of heads, and the parameters that projections share. */
static int begin(struct pass *p)
{
    const struct hopfield *o = p->o;
    struct egi_scope *s = p->s;
    const size_t heads = o->num_heads;
    for (size_t r = 0; r < ROLES; r++) p->d[r] = eg_tape_shape(s->t, p->x[r]).dim[2];
    p->hidden = o->hidden_size > 0 ? o->hidden_size : p->d[STATE] / heads;
    if (o->state_pattern_as_static) p->hidden = p->d[STATE];
    if (o->stored_pattern_as_static) p->hidden = p->d[STORED];
    p->value = o->pattern_size > 0 ? o->pattern_size : p->hidden;
    if (p->hidden == 0 || (o->state_pattern_as_static && p->hidden != p->d[STATE])) {
        egi_layer_fail(s, EG_ERR_SHAPE,
                       "stored patterns of %zu and state patterns of %zu components for %zu heads",
                       p->d[STORED], p->d[STATE], heads);
        return 0;
    }
    const size_t rows[ROLES] = { heads * p->hidden, heads * p->hidden, heads * p->value };
    memcpy(p->rows, rows, sizeof rows);
    p->from[STATE] = 0; /* queries, keys, values, as PyTorch has them */
    p->from[STORED] = rows[STATE];
    p->from[PROJECTION] = rows[STATE] + rows[STORED];
    const size_t all = rows[STATE] + rows[STORED] + rows[PROJECTION];
    const int still = is_static(o, STORED) && is_static(o, STATE) && is_static(o, PROJECTION);
    const int some = is_static(o, STORED) || is_static(o, STATE) || is_static(o, PROJECTION);
    if (!some && !o->pattern_projection_as_connected && p->d[STORED] == p->d[STATE]
        && p->d[PROJECTION] == p->d[STATE])
        p->packed = param(p, "association_core.in_proj_weight", &eg_shape_of(all, p->d[STATE]), 0);
    if (o->input_bias && !still)
        p->bias = param(p, "association_core.in_proj_bias", &eg_shape_of(all), 0);
    return eg_tape_status(s->t) == EG_OK;
}

/* Layer norm in the space of heads; its scale and shift are those of keys and queries alike. */
static eg_var in_space(struct pass *p, eg_var x)
{
    const struct hopfield *o = p->o;
    if (!o->normalize_hopfield_space) return x;
    const eg_shape of = eg_shape_of(p->hidden);
    eg_var scale = EG_NONE, shift = EG_NONE;
    if (o->normalize_hopfield_space_affine) {
        scale = param(p, "association_core.p_norm_weight", &of, 1);
        shift = param(p, "association_core.p_norm_bias", &of, 0);
    }
    return eg_layer_norm(p->s->t, x, 1, scale, shift, o->normalize_eps);
}

/* x (B, H, N, D) and one more row, the parameter `name` (H D), or zeros where it is NULL. */
static eg_var one_more(struct pass *p, eg_var x, const char *name, size_t row)
{
    eg_tape *t = p->s->t;
    eg_shape s = eg_tape_shape(t, x);
    if (name == NULL) return eg_pad(t, x, 2, 0, 1);
    const size_t heads = p->o->num_heads;
    const eg_var own = param(p, name, &eg_shape_of(heads * row), 0);
    s.dim[1] = heads;
    const eg_var all = eg_broadcast_to(t, x, &s);
    s.dim[2] = 1;
    const eg_var last = eg_reshape(t, own, &eg_shape_of(1, heads, 1, row));
    return eg_concat(t, (eg_var[]){ all, eg_broadcast_to(t, last, &s) }, 2, 2);
}

static void extend(struct pass *p, struct egi_heads *h)
{
    const struct hopfield *o = p->o;
    const size_t value = eg_tape_shape(p->s->t, h->v).dim[3];
    const struct {
        int on;
        const char *key, *value;
    } rows[] = {
        { o->concat_bias_pattern, "association_core.pattern_k", "association_core.pattern_v" },
        { o->add_zero_association, NULL, NULL },
    };
    for (size_t i = 0; i < EGI_COUNT(rows); i++) {
        if (!rows[i].on) continue;
        h->k = one_more(p, h->k, rows[i].key, p->hidden);
        h->v = one_more(p, h->v, rows[i].value, value);
        if (h->hidden.id != 0) h->hidden = eg_pad(p->s->t, h->hidden, 3, 0, 1);
        if (h->padding.id != 0) h->padding = eg_pad(p->s->t, h->padding, 3, 0, 1);
    }
}

/* Values; connected ones go through the projection of stored patterns, and their norm, first. */
static eg_var values(struct pass *p)
{
    eg_var affine[2];
    if (!p->o->pattern_projection_as_connected || is_static(p->o, PROJECTION))
        return pattern(p, PROJECTION);
    const size_t heads = p->o->num_heads;
    const eg_var none[2] = { EG_NONE, EG_NONE }, x = normal_of(p, PROJECTION);
    affine_of(p, PROJECTION, affine);
    const eg_var k = in_space(p, egi_heads_split(p->s->t, project(p, STORED, x, affine), heads));
    const eg_var v = project(p, PROJECTION, egi_heads_join(p->s->t, k), none);
    return egi_heads_split(p->s->t, by_bag(p, PROJECTION, v), heads);
}

/* Whether role r, stored patterns or values, is read as it is (see above). */
static int reads_plain(const struct pass *p, const struct egi_heads *h, enum role r, size_t row)
{
    const struct hopfield *o = p->o;
    const size_t states = eg_tape_shape(p->s->t, h->q).dim[2], d = p->d[r];
    return !is_static(o, r) && o->rule.separation == EG_SEP_SOFTMAX && o->updates == 0
           && o->dropout == 0 && o->random_features == 0 && !o->kernel
           && !o->normalize_hopfield_space && !o->pattern_projection_as_connected
           && !o->concat_bias_pattern && !o->add_zero_association && !egi_watched(p->s)
           && states * d < row * (d + states);
}

/* Patterns of role r before their projection, (B, 1, N, D), and the latter by heads: (H, row, D)
 * and (H, 1, row). */
static eg_var plain(struct pass *p, enum role r, size_t row, struct projection *later)
{
    eg_tape *t = p->s->t;
    eg_var affine[2];
    const eg_var x = by_bag(p, r, normal_of(p, r));
    const eg_shape s = eg_tape_shape(t, x);
    affine_of(p, r, affine);
    *later = folded(p, r, s.dim[2], affine);
    later->w = eg_reshape(t, later->w, &eg_shape_of(p->o->num_heads, row, s.dim[2]));
    if (later->b.id != 0) later->b = eg_reshape(t, later->b, &eg_shape_of(p->o->num_heads, 1, row));
    return eg_reshape(t, x, &eg_shape_of(s.dim[0], 1, s.dim[1], s.dim[2]));
}

/* What the heads read, projected; a query that sees nothing reads 0. */
static eg_var projected(struct pass *p, const struct egi_heads *h, eg_var y,
                        const struct projection *by)
{
    eg_tape *t = p->s->t;
    const eg_var seen = egi_heads_visible(p->s, h);
    eg_var b = by->b;
    y = eg_matmul(t, y, eg_swap_axes(t, by->w, 1, 2));
    if (b.id == 0) return y;
    if (seen.id != 0) b = eg_mul(t, eg_max(t, seen, EG_AXIS(3), 1), b);
    return eg_add(t, y, b);
}

/* (betas) numbers that live as long as the pass. */
static const double *betas_of(const struct pass *p)
{
    const struct hopfield *o = p->o;
    const eg_var v = egi_tape_new(p->s->t, EG_F64, &eg_shape_of(o->betas));
    if (v.id == 0) return NULL;
    double *beta = (double *)(void *)egi_tape_tensor(p->s->t, v)->data;
    const int plain = is_static(o, STORED) && is_static(o, STATE) && is_static(o, PROJECTION)
                      && !o->normalize_hopfield_space && o->disable_out_projection;
    for (size_t i = 0; i < o->betas; i++)
        beta[i] = json_is_array(o->scaling)  ? json_number_value(json_array_get(o->scaling, i))
                  : json_is_null(o->scaling) ? (plain ? 1 : 1 / sqrt((double)p->hidden))
                                             : json_number_value(o->scaling);
    return beta;
}

static eg_var output(struct pass *p, eg_var y)
{
    const struct hopfield *o = p->o;
    eg_tape *t = p->s->t;
    if (!o->disable_out_projection) {
        const eg_shape in = eg_tape_shape(t, y);
        const size_t units = o->output_size > 0 ? o->output_size : p->d[STATE];
        const eg_var w =
            param(p, "association_core.out_proj.weight", &eg_shape_of(units, in.dim[2]), 0);
        y = eg_matmul(t, y, eg_swap_axes(t, w, 0, 1));
        if (o->input_bias)
            y = eg_add(t, y, param(p, "association_core.out_proj.bias", &eg_shape_of(units), 0));
    }
    return egi_activate(t, &o->activation, y);
}

/* What is learned of the heads themselves. */
static void learned(struct pass *p, struct egi_heads *h)
{
    static const struct egi_initialiser rotation = { EGI_INIT_ORTHOGONAL, 1 };
    static const struct egi_initialiser normal = { EGI_INIT_NORMAL, 1 };
    const struct hopfield *o = p->o;
    char text[EGI_PATH_TEXT];
    snprintf(text, sizeof text, "%sassociation_core.kernel_weight", p->prefix);
    if (o->kernel)
        h->kernel = egi_scope_param(p->s, text, &eg_shape_of(p->hidden, p->hidden), &rotation);
    snprintf(text, sizeof text, "%sassociation_core.random_features", p->prefix);
    if (o->random_features > 0)
        h->features =
            egi_scope_fixed(p->s, text, &eg_shape_of(o->random_features, p->hidden), &normal);
    if (!o->learned_order) return;
    snprintf(text, sizeof text, "%sassociation_core.order", p->prefix);
    const eg_var a = egi_scope_param(p->s, text, &eg_shape_of(o->num_heads), NULL);
    h->alpha = eg_affine(p->s->t, eg_sigmoid(p->s->t, a), 1, 1);
}

eg_var egi_hopfield_pass(struct egi_scope *s, const struct hopfield *o,
                         const struct egi_hopfield_input *in)
{
    struct pass p = { .s = s, .o = o, .prefix = in->prefix, .bags = in->bags };
    memcpy(p.x, in->x, sizeof p.x);
    if (!begin(&p)) return EG_NONE;
    struct egi_heads h = { .hidden = in->hidden,
                           .padding = in->padding,
                           .rule = &o->rule,
                           .beta = betas_of(&p),
                           .betas = o->betas,
                           .updates = o->updates,
                           .eps = o->update_steps_eps,
                           .dropout = o->dropout,
                           .norm_eps = o->normalize_hopfield_space ? o->normalize_eps : 0,
                           .fused = o->fused,
                           .implicit = o->implicit,
                           .batch = in->batch };
    struct projection of_keys, of_values = { EG_NONE, EG_NONE };
    h.q = in_space(&p, pattern(&p, STATE));
    if (reads_plain(&p, &h, STORED, p.hidden)) {
        h.k = plain(&p, STORED, p.hidden, &of_keys);
        h.q = eg_matmul(s->t, h.q, of_keys.w);
    } else
        h.k = in_space(&p, pattern(&p, STORED));
    h.v = reads_plain(&p, &h, PROJECTION, p.value) ? plain(&p, PROJECTION, p.value, &of_values)
                                                   : values(&p);
    if (eg_tape_status(s->t) != EG_OK) return EG_NONE;
    if (eg_tape_shape(s->t, h.q).dim[1] < o->num_heads) {
        eg_shape all = eg_tape_shape(s->t, h.q);
        all.dim[1] = o->num_heads;
        h.q = eg_broadcast_to(s->t, h.q, &all);
    }
    extend(&p, &h);
    learned(&p, &h);
    eg_var y = egi_heads_apply(s, &h);
    if (of_values.w.id != 0) y = projected(&p, &h, y, &of_values);
    return output(&p, egi_heads_join(s->t, y));
}
