/* Thiry, Arbel, Belilovsky and Oyallon 2021: patches of 6 x 6 drawn at random from CIFAR-10 and
 * whitened, codes of which of them are the nearest .4, means over 5 x 5, and a linear classifier
 * (batch norm, 128 mixed channels, a kernel of 6 x 6, mean over places): 82.3 to 82.7 % of test
 * images with 2048 patches; hardly whitened (epsilon = 10 in its denominator) 66.95 %.
 *
 * Full: the recipe of the source, twice: 2048 patches, all 50 000 images, shifts of 4 pixels and
 * flips, 80 epochs of SGD in batches of 128, the rate of .003 a tenth from epoch 50 and a hundredth
 * from 75. It takes a day of one core (docs/reproduction.md) and is kept in runs/patches-..: a
 * later call goes on from there. Quick: 256 patches, 2000 images whose codes are made once, no
 * shifts, a rate that falls by a cosine; the bounds are those of three other seeds. What the quick
 * run shows is the order: whitened above not whitened, and a map of evidence that sums to the
 * score.
 *
 * Differs from the source: borders that shifts bring in are black in both; ties are all near there
 * none; statistics are taken over a million patches of 36 million. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "experiments/lab.h"

enum { QUICK = 2000, QUICK_TEST = 1000, QUICK_PATCHES = 256 };

#define CLASSIFIER                                                               \
    "\"batch_norm\", {\"kind\": \"conv2d\", \"channels\": 128, \"kernel\": 1}, " \
    "{\"kind\": \"conv2d\", \"channels\": 10, \"kernel\": 6}, \"adaptive_pool2d\", \"flatten\"]"

static const char on_codes[] =
    "{\"kind\": \"network\", \"layers\": [" CLASSIFIER
    ", \"optimiser\": {\"kind\": \"sgd\", \"rate\": 0.003, \"momentum\": 0.9}, "
    "\"schedule\": \"cosine\"}";
static const char on_pictures[] =
    "{\"kind\": \"network\", \"layers\": [{\"kind\": \"patches\", \"name\": \"codes\"}, " CLASSIFIER
    ", \"optimiser\": {\"kind\": \"sgd\", \"rate\": 0.003, \"momentum\": 0.9}, "
    "\"schedule\": {\"kind\": \"step\", \"every\": 50, \"then\": 25}}";

struct dictionary {
    size_t n, side;
    float *kernel, *offset;
};

static eg_var encode(eg_tape *t, eg_var x, const void *user)
{
    const struct dictionary *k = user;
    const eg_shape kernel = eg_shape_of(k->n, 3, k->side, k->side);
    return eg_patch_near(t, x, eg_input(t, EG_F32, &kernel, k->kernel),
                         eg_input(t, EG_F32, &eg_shape_of(2, k->n), k->offset), NULL);
}

static eg_task task_of(const eg_dataset *set, size_t epochs)
{
    return (eg_task){ .inputs = set->d,
                      .height = set->height,
                      .width = set->width,
                      .channels = set->channels,
                      .classes = set->classes,
                      .epochs = epochs };
}

/* The largest difference between a map's sum and the score, of the first images and all classes. */
static eg_status evidence(const struct experiment_context *run, eg_learner *l,
                          const eg_dataset *test)
{
    double map[4096], rest, worst = 0;
    for (size_t i = 0; i < 20 && i < test->n; i++)
        for (size_t k = 0; k < test->classes; k++) {
            LAB_TRY(eg_evidence(l, test->x + i * test->d, test->channels, k, map, &rest));
            worst = fmax(worst, fabs(rest));
        }
    lab_at_most(run, 1e-3, worst, 0, "a score less the sum of its places' evidence");
    return EG_OK;
}

static eg_status quick(const struct experiment_context *run, double epsilon, const char *name,
                       double *percent)
{
    static float kernel[QUICK_PATCHES * 108], offset[2 * QUICK_PATCHES];
    const struct dictionary k = { QUICK_PATCHES, 6, kernel, offset };
    eg_patch_options o = EG_PATCH_OPTIONS_INIT;
    eg_train_options how = EG_TRAIN_OPTIONS_INIT;
    eg_dataset train = { 0 }, test = { 0 };
    eg_scored scored = { .confusion = NULL };
    eg_learner *l = NULL;
    o.patches = QUICK_PATCHES;
    o.epsilon = epsilon;
    o.mirror_at_zero = getenv("MZ") != NULL;
    o.sample = 200000;
    o.seed = how.seed = run->seed;
    how.progress = run->progress;
    how.batch = 128;
    eg_status s = lab_images("cifar10/train", QUICK, &train);
    if (s == EG_OK) s = lab_images("cifar10/test", QUICK_TEST, &test);
    if (s == EG_OK) s = eg_patch_dictionary(&train, &o, kernel, offset, NULL);
    if (s == EG_OK) s = lab_on_tape(run, &train, encode, &k);
    if (s == EG_OK) s = lab_on_tape(run, &test, encode, &k);
    const eg_task task = task_of(&train, 10);
    const eg_part rest = { &test, NULL, test.n };
    if (s == EG_OK) s = eg_learner_create(on_codes, &task, run->seed, run->threads, NULL, &l);
    if (s == EG_OK) s = lab_train(run, name, "cifar10/train", l, &train, NULL, &how);
    if (s == EG_OK) s = eg_evaluate(l, &rest, 240, NULL, &scored);
    *percent = 100 * scored.accuracy;
    if (s == EG_OK && epsilon < 1) s = evidence(run, l, &test);
    eg_learner_destroy(l);
    eg_dataset_clear(&train);
    eg_dataset_clear(&test);
    return s;
}

static eg_status full(const struct experiment_context *run, double epsilon, const char *name,
                      double *percent)
{
    char folder[80];
    eg_train_options how = EG_TRAIN_OPTIONS_INIT;
    eg_dataset train = { 0 }, test = { 0 };
    eg_scored scored = { .confusion = NULL };
    eg_patch_options o = EG_PATCH_OPTIONS_INIT;
    eg_learner *l = NULL;
    if (mkdir("runs", 0777) != 0 && errno != EEXIST) return EG_ERR_IO;
    snprintf(folder, sizeof folder, "runs/patches-epsilon%g-seed%llu", epsilon,
             (unsigned long long)run->seed);
    how.batch = 128;
    how.folder = folder;
    how.resume = 1;
    how.checkpoint_seconds = 300;
    o.epsilon = epsilon;
    o.mirror_at_zero = 1;
    o.seed = how.seed = run->seed;
    how.progress = run->progress;
    how.augment = (eg_augment){ 4, 0, 0.5 };
    eg_status s = lab_images("cifar10/train", 0, &train);
    if (s == EG_OK) s = lab_images("cifar10/test", 0, &test);
    const eg_task task = task_of(&train, 80);
    const eg_part rest = { &test, NULL, test.n };
    if (s == EG_OK && train.n < 50000)
        run->note(run->user, "cifar10/train has fewer than 50 000 images here: "
                             "tools/cifar10_from_npm.py makes all of them");
    if (s == EG_OK) s = eg_learner_create(on_pictures, &task, run->seed, run->threads, NULL, &l);
    if (s == EG_OK) s = eg_patch_learner(l, &train, &o);
    if (s == EG_OK) s = lab_train(run, name, "cifar10/train", l, &train, NULL, &how);
    if (s == EG_OK) s = eg_evaluate(l, &rest, 240, NULL, &scored);
    *percent = 100 * scored.accuracy;
    eg_learner_destroy(l);
    eg_dataset_clear(&train);
    eg_dataset_clear(&test);
    return s;
}

static eg_status measure(const struct experiment_context *run)
{
    double white, raw;
    if (run->full) {
        LAB_TRY(full(run, 1e-3, "2048 patches, whitened", &white));
        lab_reaches(run, 82.3, white, 0.5, "2048 patches: test accuracy, per cent");
        LAB_TRY(full(run, 10, "2048 patches, epsilon = 10", &raw));
        lab_near(run, 66.95, raw, 2, "the same, epsilon = 10: test accuracy, per cent");
        return EG_OK;
    }
    LAB_TRY(quick(run, 1e-3, "256 patches, whitened", &white));
    LAB_TRY(quick(run, 10, "256 patches, epsilon = 10", &raw));
    lab_at_least(run, 50, white, 2, "256 patches, 2000 images: test accuracy, per cent");
    lab_at_least(run, raw + 4, white, 0, "above that of patches that are not whitened, by 4");
    lab_beside(run, white - raw, "points that whitening adds (15.7 with 2048 patches, all images)");
    return EG_OK;
}

const struct experiment experiment_patches = {
    .name = "patches",
    .title = "random patches, whitened, and a linear classifier on CIFAR-10",
    .source = "Thiry, Arbel, Belilovsky and Oyallon 2021",
    .setting = "quick: 256 patches, 2000 images; full: 2048, all 50 000, 80 epochs, a day",
    .run = measure,
};
