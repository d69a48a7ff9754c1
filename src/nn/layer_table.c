/* The table of layers. A new one is a row in a file layer_NAME.c and one name here. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "nn/egi_layer.h"

/* clang-format off */
#define EGI_LAYERS(ROW)                                                                          \
    ROW(linear) ROW(activation) ROW(dropout) ROW(alpha_dropout) ROW(flatten) ROW(reshape)        \
    ROW(swap_axes) ROW(embedding) ROW(conv1d) ROW(conv2d) ROW(max_pool1d) ROW(max_pool2d)        \
    ROW(average_pool1d) ROW(average_pool2d) ROW(adaptive_pool1d) ROW(adaptive_pool2d)            \
    ROW(batch_norm) ROW(layer_norm) ROW(group_norm) ROW(lstm) ROW(gru) ROW(attention)            \
    ROW(hopfield) ROW(hopfield_pooling) ROW(hopfield_layer) ROW(recall) ROW(energy)              \
    ROW(bag_pool) ROW(bag_attention) ROW(residues) ROW(place_max) ROW(scattering) ROW(patches)   \
    ROW(sparse_code)                                                                             \
    ROW(residual) ROW(sequential) ROW(add) ROW(concat) ROW(slice)
/* clang-format on */

#define DECLARE(id) extern const struct egi_layer_row egi_layer_##id;
#define ADDRESS(id) &egi_layer_##id.kind,
EGI_LAYERS(DECLARE)

const struct egi_kind *const egi_layer_kinds[] = { EGI_LAYERS(ADDRESS) NULL };
