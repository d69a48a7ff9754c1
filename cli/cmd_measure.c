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
                                         .filters = 16,
                                         .eigenvalues = 5,
                                         .draws = 10,
                                         .delta = 0.05,
                                         .basis = 16,
                                         .steps = 2000,
                                         .along = 1,
                                         .least = 0.1,
                                         .prior = 0.2,
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
    { "smoothing", 'j', OPT_SIZE, AT(j), "J", "scatter, interferometric: means over 2^J pixels",
      NULL, 1, 12 },
    { "angles", 0, OPT_SIZE, AT(angles), "L", "of its wavelets", NULL, 1, 64 },
    { "order", 0, OPT_SIZE, AT(order), "N", "moduli that follow each other at most", NULL, 0, 2 },
    { "rounded-pi", 0, OPT_FLAG, AT(rounded_pi), NULL, "its filters by 3.1415, as kymatio's", NULL,
      0, 0 },
    { "filters", 0, OPT_SIZE, AT(filters), "K", "interferometric: of each layer", NULL, 1, 1e4 },
    { "graph", 0, OPT_TEXT, AT(graph), "FILE",
      "its weights between nodes, as many rows as columns [a grid of pixels]", NULL, 0, 0 },
    { "eigenvalues", 0, OPT_SIZE, AT(eigenvalues), "K", "hessian: of both ends", NULL, 1, 100 },
    { "draws", 0, OPT_SIZE, AT(draws), "N",
      "random vectors of its trace and density; bounds: 100 N networks; noise: N batches", NULL, 1,
      1e6 },
    { "normalised", 0, OPT_FLAG, AT(normalised), NULL,
      "tangent: by weights of variance 1 before sqrt(2 / fan-in)", NULL, 0, 0 },
    { "delta", 0, OPT_NUMBER, AT(delta), "P", "bounds: each may fail with this probability", NULL,
      1e-12, 0.999 },
    { "gibbs", 0, OPT_FLAG, AT(gibbs), NULL,
      "bounds: also of the posteriors exp(-beta loss), by chains of 100 N steps", NULL, 0, 0 },
    { "prior", 0, OPT_NUMBER, AT(prior), "S",
      "deviation of their prior around where training began", NULL, 1e-6, 1e3 },
    { "gauss-newton", 0, OPT_FLAG, AT(gauss_newton), NULL, "the Gauss-Newton part of it", NULL, 0,
      0 },
    { "density", 0, OPT_TEXT, AT(density), "FILE.csv", "write eigenvalues with their weights", NULL,
      0, 0 },
    { "basis", 0, OPT_SIZE, AT(basis), "Q", "symmetry: changes within Q principal components", NULL,
      1, 1e5 },
    { "tangent", 0, OPT_SIZE, AT(tangent), "Q",
      "against what moves along the Q directions of the nearest -k examples", NULL, 1, 1e5 },
    { "along", 0, OPT_NUMBER, AT(along), "T", "how far along an orbit", NULL, 1e-9, 1e3 },
    { "learn", 0, OPT_TEXT, AT(learn), "FAMILY",
      "a map that is learned: linear, warp, residual, involution", family_name, 0, 0 },
    { "steps", 0, OPT_SIZE, AT(steps), "N", "of learning it, or each layer of filters", NULL, 1,
      1e9 },
    { "least", 0, OPT_NUMBER, AT(least), "SHARE", "of its length that it moves an example at least",
      NULL, 0, 1e3 },
    { "generators", 0, OPT_TEXT, AT(generators), "FILE.npy", "write all generators", NULL, 0, 0 },
    { "moved", 0, OPT_TEXT, AT(moved), "FILE.npy", "write what a learned map makes of DATA", NULL,
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
    { "table", 0, OPT_TEXT, AT(table), "FILE.csv", "layers: write the table", NULL, 0, 0 },
    { "report", 0, OPT_TEXT, AT(report), "FILE.html", "layers, symmetry: tables and pictures", NULL,
      0, 0 },
    { "easy", 0, OPT_SIZE, AT(easy), "N",
      "memorisation: of T models of N epochs on all examples, which all get right, which none",
      NULL, 1, 1e6 },
    { "course", 0, OPT_FLAG, AT(course), NULL,
      "memorisation: of one learner after each epoch, how uneven sensitivities are, critical "
      "samples",
      NULL, 0, 0 },
    TRAINING_OPTION_ROWS(struct measure),
    { NULL, 0, OPT_FLAG, 0, NULL, NULL, NULL, 0, 0 },
};

static const struct instrument {
    const char *name;
    int (*run)(const struct call *call, const char *data);
    enum takes { OF_DATA, OF_MODEL_AND_DATA, OF_MODEL } takes;
    const char *summary;
} instruments[] = {
    { "dimension", measure_dimension, OF_DATA,
      "coordinates that DATA needs; low and high hold 95 % of bootstrap samples" },
    { "memorisation", measure_memorisation, OF_DATA,
      "of each example, how often learners that saw it are right on it, less others" },
    { "scatter", measure_scatter, OF_DATA,
      "means of moduli of wavelets, (C K, H / 2^J, W / 2^J) of each picture" },
    { "interferometric", measure_interferometric, OF_DATA,
      "the same of filters learned from DATA without labels, on pictures or a --graph" },
    { "hessian", measure_hessian, OF_MODEL_AND_DATA,
      "eigenvalues of both ends, trace and density of curvature" },
    { "bounds", measure_bounds, OF_MODEL_AND_DATA,
      "what the error on all data is at most; DATA it was trained on" },
    { "symmetry", measure_symmetry, OF_MODEL_AND_DATA,
      "changes of inputs that MODEL does not see, or a learned map" },
    { "layers", measure_layers, OF_MODEL_AND_DATA,
      "what each layer gives out: dimension, read-out, nearest neighbour; MODEL or ONNX" },
    { "noise", measure_noise, OF_MODEL_AND_DATA,
      "of the gradients of batches, of --batch examples" },
    { "tangent", measure_tangent, OF_MODEL_AND_DATA,
      "products of gradients of scores, of all pairs, into -o" },
    { "rotation", measure_rotation, OF_MODEL,
      "frequencies along rotations of the operator behind a scattering layer" },
};

static const char *instrument_name(const void *user, size_t i)
{
    (void)user;
    return i < sizeof instruments / sizeof *instruments ? instruments[i].name : NULL;
}

static int run(const struct call *call)
{
    static const char *const what[] = { "DATA alone", "MODEL and DATA", "MODEL alone" };
    char known[256] = "";
    size_t at = 0;
    for (size_t i = 0; instrument_name(NULL, i) != NULL; i++) {
        const struct instrument *row = &instruments[i];
        at += (size_t)snprintf(known + at, sizeof known - at, "%s%s", i > 0 ? ", " : "", row->name);
        if (strcmp(call->args[0], row->name) != 0) continue;
        if (call->nargs != (row->takes == OF_MODEL_AND_DATA ? 3U : 2U))
            return fail_usage(call, "measure %s takes %s", row->name, what[row->takes]);
        return row->run(call, call->args[1]);
    }
    const char *near = nearest_name(call->args[0], instrument_name, NULL);
    return fail_usage(call, "no instrument \"%s\"%s%s%s; expected %s", call->args[0],
                      near ? "; did you mean " : "", near ? near : "", near ? "?" : "", known);
}

static void more_help(FILE *out, const void *typed)
{
    (void)typed;
    static const char *const goes[] = { "", "MODEL DATA: ", "MODEL: " };
    fputs("\nInstruments:\n", out);
    for (size_t i = 0; instrument_name(NULL, i) != NULL; i++)
        fprintf(out, "  %-15s %s%s\n", instruments[i].name, goes[instruments[i].takes],
                instruments[i].summary);
    measure_dimension_help(out);
}

const struct command cmd_measure = {
    .name = "measure",
    .summary = "instruments: what a data set or a trained network holds",
    .arguments = "INSTRUMENT [MODEL] DATA ",
    .examples =
        "engram measure dimension semeion\n"
        "engram measure dimension features.npy --estimator twonn --estimator mle -k 20\n"
        "engram measure dimension semeion --scales -k 64\n"
        "engram measure memorisation iris --kind knn --set k=1 --models 200 --scores scores.csv\n"
        "engram measure memorisation semeion --hidden 64 --epochs 10 --models 40 --shuffle 0.1\n"
        "engram measure memorisation semeion --hidden 64 --models 100 --easy 1 --batch 20\n"
        "engram measure memorisation semeion --hidden 64 --epochs 10 --course --shuffle 1\n"
        "engram measure scatter cifar10 -o scattered.npy\n"
        "engram measure interferometric mnist/test --limit 1000 --steps 100 -o learned.npy\n"
        "engram measure hessian runs/digits semeion --sample 500 --density density.csv\n"
        "engram measure bounds runs/digits mnist/train\n"
        "engram measure noise runs/digits semeion --batch 50 --draws 100\n"
        "engram measure tangent runs/digits semeion --sample 500 -o kernel.npy\n"
        "engram measure symmetry runs/digits semeion --basis 12 --report symmetry.html\n"
        "engram measure symmetry runs/digits semeion --learn involution --moved moved.npy\n"
        "engram measure bounds net semeion --gibbs --draws 20\n"
        "engram measure layers net semeion --report layers.html\n"
        "engram measure layers resnet20_cifar10.onnx cifar10/test --sample 1000\n"
        "engram measure rotation runs/encoder",
    .options = options,
    .defaults = &defaults,
    .size = sizeof defaults,
    .first = instrument_name,
    .min_args = 2,
    .max_args = 3,
    .own_output_words = "scatter|interferometric|tangent",
    .run = run,
    .more_help = more_help,
};
