/* What experiments on frozen networks share: features of a data set, computed once by the program
 * and kept beside the runs. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EXPERIMENTS_FROZEN_H
#define EXPERIMENTS_FROZEN_H

#include "experiments/lab.h"

struct frozen {
    size_t n, d, classes;
    float *x;   /* (N, D) */
    int32_t *y; /* (N) */
};

/* A network, found in $ENGRAM_MODELS or in ../models of a folder of $ENGRAM_DATA, and how pictures
 * are scaled where its file does not say (of 0 .. 1; std 0: it says). */
struct frozen_network {
    const char *name; /* "mobilenet_v2" */
    float mean[3], std[3];
};

/* The file of a network; 0: it is not here. */
enum { FROZEN_PATH = 1024 };
int frozen_find(const char *name, char path[FROZEN_PATH]);

/**
 * The pooled features of a set of the catalogue, of the middle of each picture. They are kept in
 * runs/features-NETWORK-SET.npy, where the network's SHA-256 is part of the name.
 * @return EG_OK; EG_NOT_FOUND (network or data are not here: a note says which)
 */
eg_status frozen_features(const struct experiment_context *run,
                          const struct frozen_network *network, const char *set,
                          struct frozen *out);
/**
 * The same of another view of each picture: 0 the middle, 1 its mirror image.
 */
enum { FROZEN_VIEWS = 2 };
eg_status frozen_view(const struct experiment_context *run, const struct frozen_network *network,
                      const char *set, int view, struct frozen *out);
void frozen_clear(struct frozen *f);

#endif
