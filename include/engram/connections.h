/* engram/connections.h - networks that memorise: connections added, removed and refined.
 *
 * A layer {"kind": "linear", "connections": "stored:v"} reads a code: a connection from component
 * i to a class exists once an example of the class was stored whose code is above 0 at i. Storing
 * adds connections of value v and counts; forgetting counts down, and takes away those that no
 * stored example needs any more; gradient steps refine the values of those that exist, and learn
 * the layers below through them. docs/layer-connections.md. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGRAM_CONNECTIONS_H
#define ENGRAM_CONNECTIONS_H

#include "engram/learner.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Which examples are stored: all of them, or those whose class does not lead by itself. */
typedef enum eg_storing { EG_STORE_ALL, EG_STORE_WRONG } eg_storing;

/**
 * Store examples: connections from what is active in their codes to their classes. Nothing else
 * changes: layers below do not move, and no connection of another class does. Examples are told
 * right or wrong 24 at a time, then stored.
 * @param l      a network with stored connections
 * @param x      (B, D) finite
 * @param y      (B) classes in 0..K-1
 * @param added  connections that did not exist before, or NULL
 * @return EG_OK; EG_ERR_UNSUPPORTED (no layer of the learner stores, or one does that does not
 *         have one output for each class); EG_ERR_INVALID; EG_ERR_DIVERGED; EG_ERR_NOMEM
 */
EG_API EG_MUST_CHECK eg_status eg_connections_store(eg_learner *l, const float *x, const int32_t *y,
                                                    size_t b, eg_storing which, size_t *added);

/**
 * Take stored examples back, exactly: as long as the layers below are those it was stored with, a
 * network that stores an example and forgets it is the same to the bit.
 * @param removed  connections that are gone, or NULL
 */
EG_API EG_MUST_CHECK eg_status eg_connections_forget(eg_learner *l, const float *x,
                                                     const int32_t *y, size_t b, size_t *removed);
/* Every connection to a class. */
EG_API EG_MUST_CHECK eg_status eg_connections_forget_class(eg_learner *l, size_t class_index,
                                                           size_t *removed);

/**
 * From now on all that exists stays as it is, bit for bit, whatever is stored, forgotten or
 * learned: gradient steps refine only connections that are added later, and norms read their
 * running statistics. So a new task leaves the scores of old classes alone. Only a forgotten
 * connection goes. It holds as long as the learner is not destroyed; it is not saved.
 * @param hold  0: everything learns again
 */
EG_API EG_MUST_CHECK eg_status eg_connections_hold(eg_learner *l, int hold);

/* Connections of a layer of a network. */
typedef struct eg_connection_count {
    char layer[256];           /* "block.fc1" */
    size_t possible, existing; /* that can exist; that do */
} eg_connection_count;
/* Of stored layers, in order; 0 past the end. */
EG_API int eg_connections_at(const eg_learner *l, size_t index, eg_connection_count *out);

#ifdef __cplusplus
}
#endif
#endif
