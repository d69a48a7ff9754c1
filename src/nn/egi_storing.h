/* Connections written by storing: what a pass notes of the layers that store, and what is done
 * with it. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EGI_STORING_H
#define EGI_STORING_H

#include "nn/egi_connections.h"

enum { EGI_STORING_MAX = 8 };

/* Layers that store, with the codes (B, D) they read in the pass that ran. */
struct egi_storing {
    size_t count;
    struct egi_stored {
        eg_var code;
        const eg_param *weight, *counts; /* (K, D) */
        double begin;                    /* the weight of a new connection */
    } layer[EGI_STORING_MAX];
};

/* Of a layer of a pass with s->storing: its connections and what it reads. */
void egi_storing_note(struct egi_scope *s, const struct egi_connections *c, eg_var code,
                      size_t units);

/* Examples i < b that are chosen (all where NULL) are stored (by 1) or forgotten (by -1); adds to
 * *changed how many connections came or went. */
void egi_storing_write(const struct egi_storing *w, const eg_tape *t, const int32_t *y,
                       const unsigned char *chosen, size_t b, int by, size_t *changed);

/* storing.c - arrays of `params` become those of `held`, but for weights of connections that were
 * not there, and counts. */
void egi_storing_restore(const eg_params *params, const eg_params *held);

#endif
