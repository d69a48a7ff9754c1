/* The latch problem (Hochreiter and Mozer 2001), as the demonstration of the public package
 * hflayers has it: 4096 sequences of 32 characters out of 20; the first is 0 or 1 and is the class,
 * the others are drawn evenly from the rest. 3072 to train on, 1024 to test.
 *
 * The plots of that demonstration (ml-jku/hopfield-layers, examples/latch_sequence/resources, read
 * off their paths) end after 20 epochs at an accuracy of 100 % for association, pooling and lookup,
 * and at 48.9 % for an LSTM of 4 units, which has to carry one bit over 31 steps.
 *
 * Here, as there: the layers with their defaults, a linear layer behind, AdamW at a rate of .001
 * and decay .01, batches of 32, gradients cut at norm 1, 20 epochs. Logistic regression of all
 * characters beside it: what is always at one place needs no attention at all, and the task says
 * only that attention can look 31 steps back. Tolerance: half a point, five of 1024 sequences.
 *
 * Quick: one draw. Full: five. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdlib.h>

#include "engram/random.h"
#include "experiments/trial.h"

enum { N = 4096, TRAIN = 3072, T = 32, C = 20, EPOCHS = 20, BATCH = 32, STREAM = 4100 };

#define NETWORK(layers)                                                                           \
    "{\"kind\": \"network\", \"clip_norm\": 1, \"optimiser\": {\"kind\": \"adamw\", \"rate\": "   \
    "0.001, \"decay\": 0.01}, \"layers\": [{\"kind\": \"reshape\", \"shape\": [32, 20]}, " layers \
    ", \"flatten\", \"linear\"]}"

static const struct trial_learner learners[] = {
    { "association", NETWORK("\"hopfield\""), 100, NULL },
    { "pooling", NETWORK("\"hopfield_pooling\""), 100, NULL },
    { "lookup", NETWORK("{\"kind\": \"hopfield_layer\", \"quantity\": 20}"), 100, NULL },
    { "lstm of 4 units", NETWORK("{\"kind\": \"lstm\", \"units\": 4}"), NAN, NULL },
    { "logistic regression",
      "{\"kind\": \"network\", \"hidden\": [], \"optimiser\": {\"kind\": \"adamw\", \"rate\": "
      "0.01}}",
      NAN, NULL },
};

static eg_status draw(uint64_t seed, eg_dataset *out, void *user)
{
    (void)user;
    float *x = calloc((size_t)N * T * C, sizeof *x);
    int32_t *labels = calloc(N, sizeof *labels);
    if (x == NULL || labels == NULL) {
        free(x);
        free(labels);
        return lab_no_memory();
    }
    for (size_t i = 0; i < N; i++)
        for (size_t t = 0; t < T; t++) {
            const uint64_t at = i * T + t;
            const size_t c = (size_t)(t == 0 ? eg_random_below(seed, STREAM, at, 2)
                                             : 2 + eg_random_below(seed, STREAM, at, C - 2));
            x[at * C + c] = 1;
            if (t == 0) labels[i] = (int32_t)c;
        }
    *out = (eg_dataset){ .n = N, .d = (size_t)T * C, .x = x, .labels = labels, .classes = 2 };
    return EG_OK;
}

static eg_status measure(const struct experiment_context *run)
{
    const struct trial_plan plan = {
        .title = "latch",
        .learner = learners,
        .learners = sizeof learners / sizeof *learners,
        .draws = run->full ? 5 : 1,
        .table = { .train = TRAIN, .epochs = EPOCHS, .batch = BATCH },
        .tolerance = 0.5,
        .draw = draw,
    };
    return trial_plan_run(run, &plan);
}

const struct experiment experiment_latch = {
    .name = "latch",
    .title = "a class that stands 31 steps back, by association, pooling and lookup",
    .source = "Hochreiter and Mozer 2001; plots of hflayers, examples/latch_sequence",
    .setting = "quick: one draw of 4096 sequences; full: five",
    .run = measure,
};
