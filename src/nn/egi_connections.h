/* Which connections of a layer exist, and what they weigh: one mechanism for every layer that has a
 * matrix or a kernel of weights. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EGI_CONNECTIONS_H
#define EGI_CONNECTIONS_H

#include "nn/egi_layer.h"

struct egi_connections {
    size_t row;
    double number;
};

/* The setting `connections` of a layer, a json_t * of its struct S. */
#define EGI_SET_CONNECTIONS(S)                                                                    \
    EGI_SET_JSON(S, connections, "word", "\"real\"",                                              \
                 "real, sign, scaled_sign, binary:d, popup:d, pruned:d (d: share of connections " \
                 "that exist), stored:v (v: value of a new one)")

eg_status egi_connections_read(const json_t *v, const char *place, struct egi_connections *out);

/* The weights of the layer that runs, as its connections make them of what is learned. */
eg_var egi_connections_weight(struct egi_scope *s, const struct egi_connections *c,
                              const eg_shape *shape, const struct egi_initialiser *init);

/* Whether the weights are what is learned, as they are. */
int egi_connections_plain(const struct egi_connections *c);
/* Whether they are written by storing. */
int egi_connections_stored(const struct egi_connections *c);

/* s(x), +1 where x >= 0 else -1, with the gradient g [|x| <= 1] (Hubara et al. 2016, eq. 4). */
eg_var egi_straight_sign(eg_tape *t, eg_var x);

/* share of n, at least one */
size_t egi_connections_kept(double share, size_t n);

#endif
