/* The layers of Ramsauer et al. 2021: Hopfield (stored patterns and state patterns given),
 * HopfieldPooling (state patterns learned) and HopfieldLayer (stored patterns learned); and recall,
 * which has no parameter at all. Words and parameter names are those of the public package
 * hflayers, so that its weights can be taken over; docs/hopfield-layers.md tells where meanings
 * differ and why.
 *
 * With Y stored patterns, R state patterns, P pattern projections (Y where none are given):
 *
 *     k = norm(Y) W_K^T + b_K,  q = norm(R) W_Q^T + b_Q,  v = norm(P) W_V^T + b_V,  by heads
 *     y = heads of egi_heads.h,   output = activation(y W_O^T + b_O)
 *
 * Scale and shift of a norm are taken into the projection that follows, W (scale x + shift) =
 * (W scale) x + W shift, so that an input of several roles is normalised once. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "nn/egi_bags.h"
#include "nn/egi_hopfield.h"

#define H struct hopfield
static const char *const mask_words[] = { "none", "padding", "association", "both", NULL };

#define SET_RECALL                                                                                 \
    EGI_SET_JSON(H, scaling, "number", "null",                                                     \
                 "beta, or a list of one for each head; null: 1 / sqrt(hidden_size), and 1 where " \
                 "nothing is projected or normalised"),                                            \
        EGI_SET_JSON(H, update_steps_max, "count", "0",                                            \
                     "updates of the state before it is read; null: until it rests"),              \
        EGI_SET_NUMBER(H, update_steps_eps, "1e-4", 0, 1e6,                                        \
                       "a state pattern rests once an update moves it by no more"),                \
        EGI_SET_JSON(H, separation, "word", "\"softmax\"",                                         \
                     "a row of the table of separations: softmax, entmax, normmax, ksubsets, .."), \
        EGI_SET_NUMBER(H, order, "2", 1, 1e6, "of separations that have one"),                     \
        EGI_SET_COUNT(H, k, "1", 1, 1e9, "of k-subsets and top-k"),                                \
        EGI_SET_COUNT(H, random_features, "0", 0, 1e6,                                             \
                      "that stand for softmax (FAVOR+), so that cost grows as N + Q; 0: none"),    \
        EGI_SET_FLAG(H, implicit, "false", "the gradient is that of the fixed point"),             \
        EGI_SET_FLAG(H, fused, "true",                                                             \
                     "false: second derivatives, and (Q, N) numbers are stored"),                  \
        EGI_SET_FLAG(H, add_zero_association, "false", "one more stored pattern, of zeros")

#define SET_MASKS                                             \
    EGI_SET_WORD(H, masks, "\"none\"", mask_words,            \
                 "what the last inputs are: padding (B, N), " \
                 "association (Q, N), or both in that order")

#define SET_COMMON                                                                                 \
    EGI_SET_COUNT(H, num_heads, "1", 1, EGI_HEADS_MAX, "heads"),                                   \
        EGI_SET_COUNT(H, hidden_size, "0", 0, 1e6,                                                 \
                      "components of a head; 0: those of a state pattern / num_heads"),            \
        EGI_SET_COUNT(H, pattern_size, "0", 0, 1e6, "of a value of a head; 0: hidden_size"),       \
        EGI_SET_COUNT(H, output_size, "0", 0, 1e6, "of the output; 0: as a state pattern"),        \
        EGI_SET_FLAG(H, normalize_stored_pattern, "true", "layer norm before the projection"),     \
        EGI_SET_FLAG(H, normalize_stored_pattern_affine, "true", "with scale and shift"),          \
        EGI_SET_FLAG(H, normalize_state_pattern, "true", "likewise"),                              \
        EGI_SET_FLAG(H, normalize_state_pattern_affine, "true", "likewise"),                       \
        EGI_SET_FLAG(H, normalize_pattern_projection, "true", "likewise"),                         \
        EGI_SET_FLAG(H, normalize_pattern_projection_affine, "true", "likewise"),                  \
        EGI_SET_FLAG(H, normalize_hopfield_space, "false",                                         \
                     "layer norm of projected patterns, and of the state after each update"),      \
        EGI_SET_FLAG(H, normalize_hopfield_space_affine, "false", "with scale and shift"),         \
        EGI_SET_NUMBER(H, normalize_eps, "1e-5", 1e-12, 1, "added to every variance"),             \
        EGI_SET_FLAG(H, stored_pattern_as_static, "false", "no projection of stored patterns"),    \
        EGI_SET_FLAG(H, state_pattern_as_static, "false", "no projection of state patterns"),      \
        EGI_SET_FLAG(H, pattern_projection_as_static, "false", "no projection of values"),         \
        EGI_SET_FLAG(H, pattern_projection_as_connected, "false",                                  \
                     "values are projected stored patterns (eq. 10)"),                             \
        EGI_SET_FLAG(H, input_bias, "true", "projections have biases"),                            \
        EGI_SET_FLAG(H, concat_bias_pattern, "false", "one more stored pattern that is learned"),  \
        EGI_SET_FLAG(H, disable_out_projection, "false", "the output is what the heads read"),     \
        EGI_SET_FLAG(H, kernel, "false", "similarity <Phi q, Phi k>, Phi learned (U-Hop)"),        \
        EGI_SET_FLAG(H, learned_order, "false",                                                    \
                     "of entmax: alpha = 1 + sigmoid(a) for each head (STanHop)"),                 \
        EGI_SET_NUMBER(H, dropout, "0", 0, 0.999, "of the association when it is read"),           \
        EGI_SET_JSON(H, association_activation, "word", "\"identity\"", "of the output: as relu"), \
        EGI_SET_JSON(H, initialiser, "word", "\"normal:0.02\"", "how everything learned begins"),  \
        SET_RECALL

static const struct egi_setting hopfield_settings[] = {
    SET_COMMON, EGI_SET_FLAG(H, causal, "false", "a step sees no later one"), SET_MASKS, EGI_SET_END
};
static const struct egi_setting pooling_settings[] = {
    SET_COMMON,
    EGI_SET_COUNT(H, quantity, "1", 1, 1e6, "state patterns"),
    EGI_SET_FLAG(H, trainable, "true", "state patterns are learned"),
    EGI_SET_NUMBER(H, bag_dropout, "0", 0, 0.999,
                   "of bags: probability that a row is not seen in training"),
    SET_MASKS,
    EGI_SET_END
};
static const struct egi_setting layer_settings[] = {
    SET_COMMON,
    EGI_SET_COUNT(H, quantity, "1", 1, 1e9, "stored patterns"),
    EGI_SET_FLAG(H, trainable, "true", "stored patterns are learned"),
    EGI_SET_FLAG(H, lookup_weights_as_separated, "false", "values have a table of their own"),
    EGI_SET_FLAG(H, lookup_targets_as_trainable, "true", "which is learned"),
    EGI_SET_COUNT(H, target_size, "0", 0, 1e6,
                  "components of a value of that table, as classes of labels; 0: as the input"),
    EGI_SET_END,
};
static const struct egi_setting recall_settings[] = {
    SET_RECALL, EGI_SET_FLAG(H, causal, "false", "a step sees no later one"), SET_MASKS, EGI_SET_END
};

/* ---- settings ---- */

static eg_status read_scaling(struct hopfield *o, const char *place)
{
    const size_t count = json_array_size(o->scaling);
    o->betas = count > 0 ? count : 1;
    if (json_is_null(o->scaling)) return EG_OK;
    if (json_is_array(o->scaling) && count != 1 && count != o->num_heads)
        return egi_fail(EG_ERR_INVALID,
                        "%s.scaling: %zu numbers, expected one for each of %zu heads", place, count,
                        o->num_heads);
    for (size_t i = 0; i < o->betas; i++) {
        const json_t *v = json_is_array(o->scaling) ? json_array_get(o->scaling, i) : o->scaling;
        const double beta = json_number_value(v);
        if (!(json_is_number(v) && beta > 0 && beta <= 1e6))
            return egi_fail(EG_ERR_INVALID, "%s.scaling: expected numbers in (0, 1e6]", place);
    }
    return EG_OK;
}

static eg_status read_updates(struct hopfield *o, const char *place)
{
    const json_int_t n = json_integer_value(o->update_steps_max);
    o->updates = json_is_null(o->update_steps_max) ? EGI_UPDATES_MAX : (size_t)n;
    if (json_is_null(o->update_steps_max)
        || (json_is_integer(o->update_steps_max) && n >= 0 && n <= EGI_UPDATES_MAX))
        return EG_OK;
    return egi_fail(EG_ERR_INVALID, "%s.update_steps_max: expected a count in 0..%d, or null",
                    place, EGI_UPDATES_MAX);
}

static eg_status check_fits(const struct hopfield *o, const struct egi_layer *l)
{
    const size_t least = egi_hopfield_masks(o) + 1;
    if (l->count < least)
        return egi_fail(EG_ERR_INVALID, "%s.from: %zu values, expected patterns and %zu masks",
                        l->place, l->count, least - 1);
    if (o->learned_order && o->rule.separation != EG_SEP_ENTMAX)
        return egi_fail(EG_ERR_INVALID, "%s.learned_order: expected the separation entmax",
                        l->place);
    if (o->random_features > 0
        && (o->rule.separation != EG_SEP_SOFTMAX || o->implicit || o->causal || o->dropout > 0
            || o->masks >= MASK_ASSOCIATION))
        return egi_fail(EG_ERR_UNSUPPORTED,
                        "%s.random_features: of softmax without implicit, dropout and masks of "
                        "pairs, for no pair is looked at by itself",
                        l->place);
    if (!o->implicit) return EG_OK;
    if (o->updates == 0)
        return egi_fail(EG_ERR_INVALID, "%s.implicit: expected update_steps_max above 0", l->place);
    if (o->rule.separation != EG_SEP_SOFTMAX || o->kernel || o->normalize_hopfield_space)
        return egi_fail(EG_ERR_UNSUPPORTED,
                        "%s.implicit: of softmax without kernel and normalize_hopfield_space; "
                        "unrolled updates have a gradient whatever the row",
                        l->place);
    return EG_OK;
}

static eg_status check(struct egi_layer *l)
{
    struct hopfield *o = (struct hopfield *)(void *)l->settings.bytes;
    EGI_TRY(egi_separation_read(l->place, o->separation, o->order, o->k, &o->rule));
    EGI_TRY(egi_initialiser_read(o->initialiser, l->place, "initialiser", &o->init));
    EGI_TRY(egi_activation_read(o->association_activation, l->place, &o->activation));
    EGI_TRY(read_scaling(o, l->place));
    EGI_TRY(read_updates(o, l->place));
    return check_fits(o, l);
}

/* Everything given as it is: nothing projected, normalised or added. */
static eg_status check_recall(struct egi_layer *l)
{
    struct hopfield *o = (struct hopfield *)(void *)l->settings.bytes;
    o->num_heads = 1;
    o->stored_pattern_as_static = o->state_pattern_as_static = o->pattern_projection_as_static = 1;
    o->disable_out_projection = 1;
    EGI_TRY(egi_separation_read(l->place, o->separation, o->order, o->k, &o->rule));
    EGI_TRY(read_scaling(o, l->place));
    EGI_TRY(read_updates(o, l->place));
    return check_fits(o, l);
}

/* ---- rows ---- */

/* A mask as (B, H, Q, N): padding (B, N); association (Q, N), (B, Q, N) or (B H, Q, N). */
static eg_var mask_of(struct egi_scope *s, const struct hopfield *o, eg_var x, int padding,
                      eg_var state)
{
    eg_shape shape;
    const eg_dtype dtype = eg_tape_dtype(s->t, state);
    const size_t batch = eg_tape_shape(s->t, state).dim[0];
    const size_t most = padding ? 2 : 3;
    if (!egi_layer_rank(s, x, 2, most, padding ? "padding (B, N)" : "association (Q, N)", &shape))
        return EG_NONE;
    const size_t q = shape.dim[shape.rank - 2], n = shape.dim[shape.rank - 1], h = o->num_heads;
    eg_shape full = eg_shape_of(1, 1, q, n);
    if (padding) full = eg_shape_of(q, 1, 1, n);
    if (shape.rank == 3) full = eg_shape_of(shape.dim[0], 1, q, n);
    if (shape.rank == 3 && h > 1 && shape.dim[0] == batch * h)
        full = eg_shape_of(shape.dim[0] / h, h, q, n);
    if (eg_tape_dtype(s->t, x) != dtype) x = eg_cast(s->t, x, dtype);
    return eg_reshape(s->t, eg_step(s->t, eg_abs(s->t, x)), &full);
}

/* Masks from the last inputs of the layer. */
static void take_masks(struct egi_scope *s, const struct egi_layer *l, const eg_var *x,
                       struct egi_hopfield_input *in)
{
    const struct hopfield *o = (const struct hopfield *)(const void *)l->settings.bytes;
    const size_t first = l->count - egi_hopfield_masks(o);
    if (o->masks == MASK_PADDING || o->masks == MASK_BOTH)
        in->padding = mask_of(s, o, x[first], 1, in->x[STATE]);
    if (o->masks == MASK_ASSOCIATION || o->masks == MASK_BOTH)
        in->hidden = mask_of(s, o, x[l->count - 1], 0, in->x[STATE]);
}

static int are_sequences(struct egi_scope *s, const eg_var *x, size_t count)
{
    eg_shape shape;
    for (size_t i = count; i-- > 0;)
        if (!egi_layer_rank(s, x[i], 3, 3, "(B, T, D)", &shape)) return 0;
    return 1;
}

/* Rows of bags, each of which sees those of its own bag. */
static eg_var among_rows(struct egi_scope *s, const struct hopfield *o, eg_var rows)
{
    struct egi_hopfield_input in = { .prefix = "" };
    const eg_var x = egi_bags_pad(s, rows);
    if (eg_tape_status(s->t) != EG_OK) return EG_NONE;
    in.padding = egi_bags_padding(s, 0);
    for (size_t r = 0; r < ROLES; r++) in.x[r] = x;
    return egi_bags_rows(s, egi_hopfield_pass(s, o, &in));
}

static eg_var apply_hopfield(struct egi_scope *s, const struct egi_layer *l, const eg_var *x)
{
    const struct hopfield *o = (const struct hopfield *)(const void *)l->settings.bytes;
    const size_t n = l->count - egi_hopfield_masks(o);
    if (l->count == 1 && egi_bags_are(s, x[0])) return among_rows(s, o, x[0]);
    if (!are_sequences(s, x, n)) return EG_NONE;
    struct egi_hopfield_input in = { .x = { x[0], x[n > 1], x[n > 2 ? 2 : 0] }, .prefix = "" };
    take_masks(s, l, x, &in);
    if (o->causal && o->masks < MASK_ASSOCIATION)
        in.hidden =
            egi_causal_mask(s, eg_tape_dtype(s->t, x[0]), eg_tape_shape(s->t, in.x[STATE]).dim[1],
                            eg_tape_shape(s->t, in.x[STORED]).dim[1]);
    return egi_hopfield_pass(s, o, &in);
}

/* A table (1, quantity, D). */
static eg_var table(struct egi_scope *s, const struct hopfield *o, const char *name, size_t d,
                    int is_learned)
{
    return (is_learned ? egi_scope_param
                       : egi_scope_fixed)(s, name, &eg_shape_of(1, o->quantity, d), &o->init);
}

static eg_var apply_pooling(struct egi_scope *s, const struct egi_layer *l, const eg_var *x)
{
    const struct hopfield *o = (const struct hopfield *)(const void *)l->settings.bytes;
    eg_tape *t = s->t;
    const int bags = l->count == 1 && egi_bags_are(s, x[0]);
    if (!bags && !are_sequences(s, x, l->count - egi_hopfield_masks(o))) return EG_NONE;
    eg_shape shape = eg_tape_shape(t, x[0]);
    if (bags) shape = eg_shape_of(1, shape.dim[0], shape.dim[1]);
    const eg_var stored = bags ? eg_reshape(t, x[0], &shape) : x[0];
    const eg_var own = table(s, o, "pooling_weights", shape.dim[2], o->trainable);
    const eg_shape all = eg_shape_of(bags ? s->bags : shape.dim[0], o->quantity, shape.dim[2]);
    struct egi_hopfield_input in = { .x = { stored, eg_broadcast_to(t, own, &all), stored },
                                     .padding =
                                         bags ? egi_bags_padding(s, o->bag_dropout) : EG_NONE,
                                     .bags = bags,
                                     .prefix = "hopfield." };
    take_masks(s, l, x, &in);
    const eg_var y = egi_hopfield_pass(s, o, &in);
    const eg_shape each = eg_tape_shape(t, y);
    return eg_reshape(t, y, &eg_shape_of(all.dim[0], o->quantity * each.dim[2]));
}

/* All states of the batch lie along one axis: stored patterns are projected once for all. */
static eg_var apply_layer(struct egi_scope *s, const struct egi_layer *l, const eg_var *x)
{
    const struct hopfield *o = (const struct hopfield *)(const void *)l->settings.bytes;
    eg_tape *t = s->t;
    eg_shape shape;
    if (!egi_layer_rank(s, x[0], 2, 3, "(B, D) or (B, T, D)", &shape)) return EG_NONE;
    const size_t d = shape.dim[shape.rank - 1], all = shape.rank == 3 ? shape.dim[1] : 1;
    const size_t target = o->target_size > 0 ? o->target_size : d;
    const eg_var keys = table(s, o, "lookup_weights", d, o->trainable);
    const eg_var values = o->lookup_weights_as_separated ? table(s, o, "target_weights", target,
                                                                 o->lookup_targets_as_trainable)
                                                         : keys;
    const struct egi_hopfield_input in = {
        .x = { keys, eg_reshape(t, x[0], &eg_shape_of(1, shape.dim[0] * all, d)), values },
        .batch = shape.dim[0],
        .prefix = "hopfield.",
    };
    const eg_var y = egi_hopfield_pass(s, o, &in);
    shape.dim[shape.rank - 1] = eg_tape_shape(t, y).dim[2];
    return eg_reshape(t, y, &shape);
}

static const char source[] = "Ramsauer et al. 2021, eq. 10";

const struct egi_layer_row egi_layer_hopfield = {
    .kind = { "hopfield", "heads of sep(beta q k^T) v, after updates of q", source,
              hopfield_settings },
    .most = ROLES + 2,
    .check = check,
    .apply = apply_hopfield,
};
const struct egi_layer_row egi_layer_hopfield_pooling = {
    .kind = { "hopfield_pooling", "as hopfield, q learned", source, pooling_settings },
    .most = 2,
    .check = check,
    .apply = apply_pooling,
};
const struct egi_layer_row egi_layer_hopfield_layer = {
    .kind = { "hopfield_layer", "as hopfield, k and v learned", source, layer_settings },
    .check = check,
    .apply = apply_layer,
};
const struct egi_layer_row egi_layer_recall = {
    .kind = { "recall", "q <- sep(beta q Y^T) Y; y = sep(beta q Y^T) P",
              "Ramsauer et al. 2021, eq. 3", recall_settings },
    .most = ROLES + 2,
    .check = check_recall,
    .apply = apply_hopfield,
};
