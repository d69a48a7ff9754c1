/* Every row of the table of operations, once: the list declares them and makes the table. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EGI_OPS_H
#define EGI_OPS_H

#include "grad/egi_tape.h"

/* clang-format off */
/* Of layers. */
#define EGI_OPS_LAYERS(ROW)                                                                       \
    ROW(conv) ROW(conv_transpose) ROW(conv_weight) ROW(pool_index) ROW(pool_max)                  \
    ROW(pool_max_back) ROW(pool_mean) ROW(pool_spread) ROW(lstm) ROW(lstm_back) ROW(gru)          \
    ROW(gru_back) ROW(part) ROW(grid_corner)                                                      \
    ROW(grid_index) ROW(associate) ROW(associate_back) ROW(normalise)                         \
    ROW(normalise_back)

#define EGI_OPS_PLAIN(ROW)                                                                        \
    ROW(copy) ROW(neg) ROW(abs) ROW(sign) ROW(step) ROW(inside) ROW(affine) ROW(reciprocal)       \
    ROW(sqrt) ROW(exp) ROW(log) ROW(sin) ROW(cos) ROW(erf) ROW(power) ROW(relu) ROW(leaky_relu)   \
    ROW(elu) ROW(sigmoid) ROW(tanh) ROW(softplus) ROW(clamp) ROW(rep) ROW(add) ROW(sub) ROW(mul)  \
    ROW(div) ROW(maximum) ROW(minimum) ROW(at_least) ROW(gate) ROW(sum) ROW(max)                  \
    ROW(broadcast_to) ROW(reshape) ROW(permute) ROW(slice) ROW(embed) ROW(concat) ROW(cast)       \
    ROW(matmul) ROW(softmax) ROW(logsumexp) ROW(argmax) ROW(gather) ROW(scatter_add)              \
    ROW(take_along) ROW(put_along) ROW(one_hot) ROW(dropout) ROW(floor) ROW(ceil) ROW(round)      \
    ROW(pow) ROW(top) ROW(straight)

/* clang-format on */
#define EGI_OPS(ROW) EGI_OPS_PLAIN(ROW) EGI_OPS_LAYERS(ROW)

#define EGI_OP_DECLARE(id) extern const struct egi_op egi_op_##id;
EGI_OPS(EGI_OP_DECLARE)
#undef EGI_OP_DECLARE

#endif
