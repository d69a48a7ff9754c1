/* How many coordinates handwritten digits need: figures of the 10 000 test images of MNIST by an
 * implementation of NumPy in double precision, raw pixels over 255, exact neighbours, to four
 * decimals, which is the tolerance (squares of distances are whole numbers over 255^2, so that
 * nothing but logarithms is rounded); and Pope, Zhu, Abdelkader, Goldblum and Goldstein 2021, table
 * 1: 7, 11, 12 and 13 of the 60 000 training images with 3, 5, 10 and 20 neighbours, rounded to
 * whole numbers there, which is the tolerance again. Their script averages inverses with k - 2 in
 * the place of k - 1 and so reports (k - 2) / (k - 1) of what the estimator is (row `mle-pope`).
 *
 * Quick: the test images. Full: the training images too. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "experiments/lab.h"

enum { ROWS = 14, KS = 4 };

static const struct {
    const char *name;
    double value;
} of_test[ROWS] = {
    { "twonn", 13.5582 },   { "twonn-fit", 13.5573 },    { "mle-pope:3", 6.5241 },
    { "mle:3", 13.0481 },   { "mle-mean:3", 13.1857 },   { "mle-pope:5", 9.5094 },
    { "mle:5", 12.6792 },   { "mle-mean:5", 13.4951 },   { "mle-pope:20", 11.2259 },
    { "mle:20", 11.8496 },  { "mle-mean:20", 13.0591 },  { "mle-pope:100", 10.7182 },
    { "mle:100", 10.8276 }, { "mle-mean:100", 12.4984 },
};

static const struct {
    const char *name;
    double k, value;
} of_train[KS] = { { "mle-pope:3", 3, 7 },
                   { "mle-pope:5", 5, 11 },
                   { "mle-pope:10", 10, 12 },
                   { "mle-pope:20", 20, 13 } };

static eg_status measure_set(const struct experiment_context *run, const char *data,
                             const char *const *names, size_t count, eg_dimension *out)
{
    eg_dimension_options o = EG_DIMENSION_OPTIONS_INIT;
    eg_dataset set = { 0 };
    o.resample = 0;
    o.threads = run->threads;
    o.progress = run->progress;
    eg_status s = lab_images(data, 0, &set);
    if (s == EG_OK) s = eg_dimension_estimate(set.x, set.n, set.d, names, count, &o, out);
    eg_dataset_clear(&set);
    return s;
}

static eg_status training_images(const struct experiment_context *run)
{
    const char *names[KS];
    eg_dimension out[KS];
    double k[KS], value[KS], published[KS];
    for (size_t i = 0; i < KS; i++) names[i] = of_train[i].name;
    LAB_TRY(measure_set(run, "mnist/train", names, KS, out));
    for (size_t i = 0; i < KS; i++) {
        k[i] = of_train[i].k;
        value[i] = out[i].value;
        published[i] = of_train[i].value;
        lab_near(run, published[i], value[i], 0.5, "60 000 training images: %s", names[i]);
    }
    lab_curve(run, "Dimension of MNIST|neighbours|dimension", KS, k, value, published, "mle-pope");
    return EG_OK;
}

static eg_status measure(const struct experiment_context *run)
{
    const char *names[ROWS];
    eg_dimension out[ROWS];
    for (size_t i = 0; i < ROWS; i++) names[i] = of_test[i].name;
    LAB_TRY(measure_set(run, "mnist/test", names, ROWS, out));
    for (size_t i = 0; i < ROWS; i++)
        lab_near(run, of_test[i].value, out[i].value, 6e-5, "10 000 test images: %s", names[i]);
    return run->full ? training_images(run) : EG_OK;
}

const struct experiment experiment_dimension_mnist = {
    .name = "dimension-mnist",
    .title = "intrinsic dimension of handwritten digits",
    .source = "Pope et al. 2021, table 1; NumPy in double precision",
    .setting = "quick: the 10 000 test images; full: the 60 000 training images too",
    .run = measure,
};
