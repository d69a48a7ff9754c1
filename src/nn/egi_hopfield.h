/* What the files of the Hopfield layers share: their settings, and one pass. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EGI_HOPFIELD_H
#define EGI_HOPFIELD_H

#include "nn/egi_heads.h"

enum role { STORED, STATE, PROJECTION, ROLES };
enum masks { MASK_NONE, MASK_PADDING, MASK_ASSOCIATION, MASK_BOTH };

struct hopfield {
    size_t num_heads, hidden_size, pattern_size, output_size, quantity, k;
    json_t *scaling, *update_steps_max, *separation, *initialiser, *association_activation;
    double update_steps_eps, order, dropout, normalize_eps, bag_dropout;
    int normalize_stored_pattern, normalize_stored_pattern_affine;
    int normalize_state_pattern, normalize_state_pattern_affine;
    int normalize_pattern_projection, normalize_pattern_projection_affine;
    int normalize_hopfield_space, normalize_hopfield_space_affine;
    int stored_pattern_as_static, state_pattern_as_static, pattern_projection_as_static;
    int pattern_projection_as_connected, input_bias, concat_bias_pattern, add_zero_association;
    int disable_out_projection, masks, causal, kernel, learned_order, fused, implicit;
    int trainable, lookup_weights_as_separated, lookup_targets_as_trainable;
    size_t target_size, updates, betas, random_features;
    double one_beta;
    eg_rule rule;
    struct egi_initialiser init;
    struct egi_activation activation;
};

_Static_assert(sizeof(struct hopfield) <= EGI_SETTINGS_BYTES, "settings of a layer");

/* How many masks are the last inputs of a layer. */
static inline size_t egi_hopfield_masks(const struct hopfield *o)
{
    return o->masks == MASK_NONE ? 0 : o->masks == MASK_BOTH ? 2 : 1;
}

/* hopfield_pass.c - what a layer has gathered: patterns (B, T, D), and masks or EG_NONE; `batch`
 * as in struct egi_heads. The output is (B, Q, output_size). */
struct egi_hopfield_input {
    eg_var x[ROLES], hidden, padding;
    size_t batch;
    int bags;           /* stored patterns and values are rows of bags, (1, R, D) */
    const char *prefix; /* of parameters: "" or "hopfield." */
};
eg_var egi_hopfield_pass(struct egi_scope *s, const struct hopfield *o,
                         const struct egi_hopfield_input *in);

#endif
