/* engram measure: what a data set or a learner holds, by instruments. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "cli/console.h"
#include "cli/measure.h"

static const struct measure defaults = { .reader = READER_OPTIONS_INIT,
                                         .k = 20,
                                         .scale = 1,
                                         .resample = 200,
                                         .discard = 0.1,
                                         .j = 2,
                                         .angles = 8,
                                         .order = 2,
                                         .eigenvalues = 5,
                                         .draws = 10,
                                         .delta = 0.05,
                                         .learner = LEARNER_OPTIONS_INIT,
                                         .data = { .scale = -1 },
                                         .loop = LOOP_OPTIONS_INIT,
                                         .models = 100,
                                         .top = 10,
                                         .share = 0.7 };

#define AT(field) offsetof(struct measure, field)

static const struct opt options[] = {
    { "sample", 0, OPT_SIZE, AT(sample), "N", "dimension: look at N items drawn by the seed", NULL,
      1, 1e9 },
    { "estimator", 0, OPT_TEXTS, AT(estimators), "NAME",
      "dimension: one of the table; may be repeated [all]", estimator_name, 0, 0 },
    { "neighbours", 'k', OPT_SIZE, AT(k), "K", "of the likelihoods of k neighbours and of pca",
      NULL, 3, 1e6 },
    { "scale-at", 0, OPT_SIZE, AT(scale), "N", "of gride, n and 2 n; the inner of correlation",
      NULL, 1, 1e6 },
    { "scales", 0, OPT_FLAG, AT(scales), NULL,
      "gride alone, at n = 1, 2, 4, .. up to half of the neighbours", NULL, 0, 0 },
    { "discard", 0, OPT_NUMBER, AT(discard), "SHARE", "of ratios that twonn-fit leaves out", NULL,
      0, 0.99 },
    { "resample", 0, OPT_SIZE, AT(resample), "N", "bootstrap samples for the interval", NULL, 0,
      1e6 },
    { "smoothing", 'j', OPT_SIZE, AT(j), "J", "scatter: means over 2^J pixels", NULL, 1, 12 },
    { "angles", 0, OPT_SIZE, AT(angles), "L", "of its wavelets", NULL, 1, 64 },
    { "order", 0, OPT_SIZE, AT(order), "N", "moduli that follow each other at most", NULL, 0, 2 },
    { "rounded-pi", 0, OPT_FLAG, AT(rounded_pi), NULL, "its filters by 3.1415, as kymatio's", NULL,
      0, 0 },
    { "eigenvalues", 0, OPT_SIZE, AT(eigenvalues), "K", "hessian: of both ends", NULL, 1, 100 },
    { "draws", 0, OPT_SIZE, AT(draws), "N",
      "random vectors of its trace and density; bounds: 100 N networks", NULL, 1, 1e6 },
    { "delta", 0, OPT_NUMBER, AT(delta), "P", "bounds: each may fail with this probability", NULL,
      1e-12, 0.999 },
    { "gauss-newton", 0, OPT_FLAG, AT(gauss_newton), NULL, "the Gauss-Newton part of it", NULL, 0,
      0 },
    { "density", 0, OPT_TEXT, AT(density), "FILE.csv", "write eigenvalues with their weights", NULL,
      0, 0 },
    LEARNER_OPTION_ROWS(struct measure),
    { "models", 0, OPT_SIZE, AT(models), "T", "memorisation: so many are trained", NULL, 2, 1e7 },
    { "share", 0, OPT_NUMBER, AT(share), "SHARE", "of the examples that each is trained on", NULL,
      0.001, 0.999 },
    { "shuffle", 0, OPT_NUMBER, AT(shuffle), "SHARE", "of the examples get a label drawn anew",
      NULL, 0, 1 },
    { "top", 0, OPT_SIZE, AT(top), "N", "list the N most memorised", NULL, 0, 1e9 },
    { "scores", 0, OPT_TEXT, AT(scores), "FILE.csv", "write the scores of all examples", NULL, 0,
      0 },
    TRAINING_OPTION_ROWS(struct measure),
    { NULL, 0, OPT_FLAG, 0, NULL, NULL, NULL, 0, 0 },
};

static const struct instrument {
    const char *name;
    int (*run)(const struct call *call, const char *data);
    size_t count; /* of what goes behind the name */
    const char *takes;
} instruments[] = {
    { "dimension", measure_dimension, 1, "DATA alone" },
    { "memorisation", measure_memorisation, 1, "DATA alone" },
    { "scatter", measure_scatter, 1, "DATA alone" },
    { "hessian", measure_hessian, 2, "MODEL and DATA" },
    { "bounds", measure_bounds, 2, "MODEL and DATA" },
    { "rotation", measure_rotation, 1, "MODEL alone" },
};

static const char *instrument_name(const void *user, size_t i)
{
    (void)user;
    return i < sizeof instruments / sizeof *instruments ? instruments[i].name : NULL;
}

static int run(const struct call *call)
{
    char known[256] = "";
    size_t at = 0;
    for (size_t i = 0; instrument_name(NULL, i) != NULL; i++) {
        const struct instrument *row = &instruments[i];
        at += (size_t)snprintf(known + at, sizeof known - at, "%s%s", i > 0 ? ", " : "", row->name);
        if (strcmp(call->args[0], row->name) != 0) continue;
        if (call->nargs != 1 + row->count)
            return fail_usage(call, "measure %s takes %s", row->name, row->takes);
        return row->run(call, call->args[1]);
    }
    const char *near = nearest_name(call->args[0], instrument_name, NULL);
    return fail_usage(call, "no instrument \"%s\"%s%s%s; expected %s", call->args[0],
                      near ? "; did you mean " : "", near ? near : "", near ? "?" : "", known);
}

static void more_help(FILE *out, const void *typed)
{
    (void)typed;
    measure_dimension_help(out);
}

const struct command cmd_measure = {
    .name = "measure",
    .summary = "instruments: what a data set or a trained network holds",
    .arguments = "dimension|memorisation|scatter|hessian|bounds|rotation [MODEL] [DATA] ",
    .examples =
        "engram measure dimension semeion\n"
        "engram measure dimension features.npy --estimator twonn --estimator mle -k 20\n"
        "engram measure dimension semeion --scales -k 64\n"
        "engram measure memorisation iris --kind knn --set k=1 --models 200 --scores scores.csv\n"
        "engram measure memorisation semeion --hidden 64 --epochs 10 --models 40 --shuffle 0.1\n"
        "engram measure scatter cifar10 -o scattered.npy\n"
        "engram measure hessian runs/digits semeion --sample 500 --density density.csv\n"
        "engram measure bounds runs/digits mnist/train\n"
        "engram measure rotation runs/encoder",
    .notes =
        "dimension: low and high hold 95 % of bootstrap samples over points; radius is the mean "
        "distance\nto the outermost neighbour looked at. Equal items are one point.\n"
        "memorisation: of each example, how often learners that saw it are right on it, less how "
        "often\nothers are (docs/measure.md).\n"
        "scatter: means of moduli of wavelets, (C K, H / 2^J, W / 2^J) of each picture.\n"
        "hessian MODEL DATA: eigenvalues of both ends, trace and density of the curvature of the "
        "loss.\nbounds MODEL DATA: what the error on all data is at most, DATA what MODEL was "
        "trained on.\nrotation MODEL: frequencies, along the "
        "angles of a scattering layer, of the 1 x 1 convolution behind it.",
    .options = options,
    .defaults = &defaults,
    .size = sizeof defaults,
    .first = instrument_name,
    .min_args = 2,
    .max_args = 3,
    .own_output_word = "scatter",
    .run = run,
    .more_help = more_help,
};
