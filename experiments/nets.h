/* experiments/nets.h - the networks of Krotov and Hopfield 2016 and the perceptron beside them,
 * which several experiments train, and their recipes.
 *
 * The paper takes 3000 epochs of batches of 1000. Batches of 200 take as many steps, and are as
 * far along every schedule (T reaches its end at step 12 000, the rate falls by .998 every 60
 * steps), in 600 epochs. At n = 20, 30 a memory wins one image in 2000: in a batch of 200 most have
 * no image of their own, and the step, which is normalised for each memory, follows images of
 * others as far. In 300 epochs that undoes the prototypes that 8 epochs make
 * (docs/reproduction.md), so batches have 1000 there, and the rate falls faster. For clothes, at
 * large n, T and m are smaller and images lie on a sphere: chosen by the errors of 250 memories on
 * 6000 images kept from training, m among 1, 2, 5, 30 at four T each, on a sphere and not, then T
 * for m = 2 over three more seeds. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EXPERIMENTS_NETS_H
#define EXPERIMENTS_NETS_H

#include "experiments/lab.h"

enum { NET_N3, NET_N20, NET_N30, NET_N2, NET_RELU, NETS };

/* What they learn from; net_sets names it. */
enum net_set { NET_DIGITS, NET_CLOTHES, NET_SETS };
extern const char *const net_sets[NET_SETS];

struct recipe {
    size_t epochs, batch; /* full; quick: 15 epochs of batches of 200 */
    const char *full, *quick;
};

struct net {
    const char *name, *folder;
    double published;  /* test error on MNIST, per cent */
    double quick_most; /* bound on it at the quick setting */
    struct recipe recipe[NET_SETS];
};

extern const struct net nets[NETS];

/* Where a full training is kept: "runs/dam-mnist-n3-seed0". */
eg_status net_folder(const struct experiment_context *run, const struct net *net, enum net_set set,
                     char *path, size_t room);

/**
 * Train a network; what is full goes on from its folder, where it was trained before.
 */
eg_status net_train(const struct experiment_context *run, const struct net *net, enum net_set set,
                    const eg_dataset *train, const eg_dataset *test, eg_learner **out);

#endif
