/* The table of layers. A new one is a row in a file layer_NAME.c and one line here. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "nn/egi_layer.h"

#define EGI_LAYERS(ROW)                                                                         \
    ROW(linear) ROW(activation) ROW(dropout) ROW(flatten) ROW(reshape) ROW(embedding)           \
    ROW(attention) ROW(residual) ROW(sequential) ROW(add) ROW(concat)

#define DECLARE(id) extern const struct egi_layer_row egi_layer_##id;
#define ADDRESS(id) &egi_layer_##id.kind,
EGI_LAYERS(DECLARE)

const struct egi_kind *const egi_layer_kinds[] = { EGI_LAYERS(ADDRESS) NULL };
