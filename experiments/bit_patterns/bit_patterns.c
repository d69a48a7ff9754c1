/* Bit patterns, as the demonstration of the public package hflayers has them: 2048 bags of 16
 * patterns of 8 bits; half of the bags hold one of 8 patterns that the others never hold. 1536 bags
 * to train on, 512 to test.
 *
 * The plots of that demonstration (ml-jku/hopfield-layers, examples/bit_pattern/resources, read off
 * their paths) end after 250 epochs at these accuracies of the part kept for validation:
 * association 84.6 %, pooling 83.6 %, each of 8 heads of 8 components, beta .25, 3 further updates
 * and dropout .5 of the association; lookup 84.8 % with a table that begins with every pattern
 * there is and values that are not learned; with defaults 56.4, 57.8 and 52.1 %.
 *
 * Here, as there: those settings, a linear layer behind, AdamW at a rate of .001 and decay .01,
 * batches of 32, gradients cut at norm 1. A forest and logistic regression of the 128 bits as they
 * lie stand beside, and a perceptron that sees each pattern by itself before the bag takes the
 * maximum, which is what the problem asks for.
 *
 * How hard the problem is hangs on which eight patterns are drawn. hflayers itself, by PyTorch 1.13
 * and with its demonstration's settings of pooling, ends at 79.5 % on the published draw and at
 * 74.2, 83.2 and 68.6 % on three others: the tolerance is 12 points, twice the deviation of these.
 *
 * Quick and full: one draw, as published. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engram/random.h"
#include "experiments/trial.h"

enum { N = 2048, TRAIN = 1536, ROWS = 16, BITS = 8, SIGNALS = 8, PATTERNS = 256 };
enum { EPOCHS = 250, BATCH = 32, STREAM = 4110 };

#define TRAINED                                                                                 \
    "{\"kind\": \"network\", \"clip_norm\": 1, \"optimiser\": {\"kind\": \"adamw\", \"rate\": " \
    "0.001, \"decay\": 0.01}, \"layers\": [{\"kind\": \"reshape\", \"shape\": [16, 8]}, "
#define NETWORK(layers) TRAINED layers ", \"flatten\", \"linear\"]}"
#define ADAPTED                                                                          \
    "\"num_heads\": 8, \"hidden_size\": 8, \"update_steps_max\": 3, \"scaling\": 0.25, " \
    "\"dropout\": 0.5}"

/* The table begins with all patterns that a bag may hold. */
static void begin_with_patterns(eg_params *learned)
{
    for (size_t i = 0; eg_params_at(learned, i) != NULL; i++) {
        const eg_param *p = eg_params_at(learned, i);
        float *x = p->value;
        if (strstr(p->name, "lookup_weights") == NULL) continue;
        for (size_t k = 0; k + 1 < PATTERNS; k++)
            for (size_t b = 0; b < BITS; b++) x[k * BITS + b] = (float)((k + 1) >> b & 1);
    }
}

static const struct trial_learner learners[] = {
    { "association", NETWORK("{\"kind\": \"hopfield\", " ADAPTED), 84.6, NULL },
    { "pooling", NETWORK("{\"kind\": \"hopfield_pooling\", " ADAPTED), 83.6, NULL },
    { "lookup",
      NETWORK("{\"kind\": \"hopfield_layer\", \"quantity\": 255, \"lookup_weights_as_separated\": "
              "true, \"lookup_targets_as_trainable\": false}"),
      84.8, begin_with_patterns },
    { "association, defaults", NETWORK("\"hopfield\""), NAN, NULL },
    { "pooling, defaults", NETWORK("\"hopfield_pooling\""), NAN, NULL },
    { "perceptron and maximum",
      TRAINED "{\"kind\": \"linear\", \"units\": 64}, \"activation\", {\"kind\": \"linear\", "
              "\"units\": 64}, \"activation\", {\"kind\": \"hopfield_pooling\", \"num_heads\": 8, "
              "\"scaling\": 4, \"initialiser\": \"xavier_uniform\"}, \"linear\"]}",
      NAN, NULL },
    { "forest", "{\"kind\": \"forest\"}", NAN, NULL },
    { "logistic regression",
      "{\"kind\": \"network\", \"hidden\": [], \"optimiser\": {\"kind\": \"adamw\", \"rate\": "
      "0.01}}",
      NAN, NULL },
};

/* Eight patterns with a meaning, and those without, in one random order: none is 0. */
static void deal(uint64_t seed, size_t order[PATTERNS - 1])
{
    eg_random_permutation(seed, STREAM, PATTERNS - 1, order);
    for (size_t k = 0; k + 1 < PATTERNS; k++) order[k]++;
}

static eg_status draw(uint64_t seed, eg_dataset *out, void *user)
{
    (void)user;
    size_t pattern[PATTERNS - 1];
    float *x = calloc((size_t)N * ROWS * BITS, sizeof *x);
    int32_t *labels = calloc(N, sizeof *labels);
    if (x == NULL || labels == NULL) {
        free(x);
        free(labels);
        return lab_no_memory();
    }
    deal(seed, pattern);
    for (size_t i = 0; i < N; i++) {
        const size_t place = (size_t)eg_random_below(seed, STREAM + 1, i, ROWS);
        labels[i] = (int32_t)(i % 2);
        for (size_t r = 0; r < ROWS; r++) {
            const uint64_t at = i * ROWS + r, others = PATTERNS - 1 - SIGNALS;
            const int signal = labels[i] == 1 && r == place;
            const size_t p =
                pattern[signal ? eg_random_below(seed, STREAM + 2, at, SIGNALS)
                               : SIGNALS + eg_random_below(seed, STREAM + 2, at, others)];
            for (size_t b = 0; b < BITS; b++) x[at * BITS + b] = (float)(p >> b & 1);
        }
    }
    *out = (eg_dataset){ .n = N, .d = (size_t)ROWS * BITS, .x = x, .labels = labels, .classes = 2 };
    return EG_OK;
}

static eg_status measure(const struct experiment_context *run)
{
    const struct trial_plan plan = {
        .title = "bit patterns",
        .learner = learners,
        .learners = sizeof learners / sizeof *learners,
        .draws = 1,
        .table = { .train = TRAIN, .epochs = EPOCHS, .batch = BATCH },
        .tolerance = 12,
        .draw = draw,
    };
    return trial_plan_run(run, &plan);
}

const struct experiment experiment_bit_patterns = {
    .name = "bit-patterns",
    .title = "one of eight patterns of bits among sixteen, by association, pooling and lookup",
    .source = "plots of hflayers, examples/bit_pattern",
    .setting = "one draw of 2048 bags, quick and full",
    .run = measure,
};
