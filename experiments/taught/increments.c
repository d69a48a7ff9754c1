/* Classes that arrive ten by ten: what is known of the first ones afterwards.
 *
 * A head is taught the classes of Caltech-101 in the order of their names, ten at a time, and asked
 * about all classes it knows by then (class-incremental learning, as iCaRL of Rebuffi et al. 2017
 * is measured). Beside it stands the same head taught all of these classes at once, in a random
 * order: the bound of batch training. Heads whose sums are whole numbers are the same, to the bit,
 * so that nothing can be lost; of the others the order of examples moves what few bits or anchors
 * keep.
 *
 * Forgetting is what batch training would know more of the first ten classes at the end. A
 * network's read-out trained by gradient, ten classes after ten, is the example of it: of 20
 * classes and more it knows the last ten.
 *
 * Features of MobileNet v2. Quick: four heads and the read-out; full: all of them. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "experiments/frozen.h"

enum { STEP = 10, STEPS = 10, STREAM = 0x494e4352 };

static const struct frozen_network network = { "mobilenet_v2", { 0 }, { 0 } };

static const struct head {
    const char *name, *spec;
    int exact; /* no order of examples leaves a trace */
    int quick;
} heads[] = {
    { "mean", "{\"kind\": \"mean\"}", 1, 1 },
    { "prototype, 4 bits", "{\"kind\": \"prototype\"}", 0, 1 },
    { "lda", "{\"kind\": \"lda\"}", 1, 1 },
    { "binary, OR",
      "{\"kind\": \"binary\", \"read\": \"or\", \"quantiser\": {\"kind\": \"anchors\", \"parts\": "
      "64, \"anchors\": 64}}",
      1, 1 },
    { "fecam", "{\"kind\": \"fecam\", \"between\": 0}", 1, 0 },
    { "ridge", "{\"kind\": \"ridge\"}", 1, 0 },
    { "cache", "{\"kind\": \"cache\"}", 0, 0 },
    { "tilda", "{\"kind\": \"tilda\"}", 0, 0 },
};
enum { HEADS = sizeof heads / sizeof *heads };

static eg_status teach(eg_head *h, const struct frozen *f, const size_t *order, int32_t from,
                       int32_t to)
{
    for (size_t k = 0; k < f->n; k++) {
        const size_t i = order != NULL ? order[k] : k;
        if (f->y[i] < from || f->y[i] >= to) continue;
        LAB_TRY(eg_head_teach(h, f->x + i * f->d, f->y + i, 1));
    }
    return EG_OK;
}

/* Of the classes from .. to - 1, per cent. */
static eg_status ask(eg_head *h, const struct frozen *f, int32_t from, int32_t to, double *out)
{
    size_t right = 0, n = 0;
    for (size_t i = 0; i < f->n; i++) {
        eg_head_answer a;
        if (f->y[i] < from || f->y[i] >= to) continue;
        LAB_TRY(eg_head_predict(h, f->x + i * f->d, 1, &a, NULL));
        right += a.label == f->y[i];
        n++;
    }
    *out = 100 * (double)right / (double)n;
    return EG_OK;
}

static eg_status begin(const struct experiment_context *run, const struct head *kind,
                       const struct frozen *f, eg_head **h)
{
    LAB_TRY(eg_head_create(kind->spec, f->d, run->seed, NULL, h));
    /* anchors of the first ten classes alone: nothing of what comes later is known */
    return eg_head_kind_of(*h)->can & EG_HEAD_FITS ? eg_head_fit(*h, f->x, (size_t)STEP * STEP)
                                                   : EG_OK;
}

static eg_status at_once(const struct experiment_context *run, const struct head *kind,
                         const struct frozen *train, const struct frozen *test, const size_t *order,
                         int32_t classes, double *accuracy, double *first)
{
    eg_head *h = NULL;
    eg_status s = begin(run, kind, train, &h);
    if (s == EG_OK) s = teach(h, train, order, 0, classes);
    if (s == EG_OK) s = ask(h, test, 0, classes, accuracy);
    if (s == EG_OK) s = ask(h, test, 0, STEP, first);
    eg_head_destroy(h);
    return s;
}

static eg_status one_head(const struct experiment_context *run, const struct head *kind,
                          const struct frozen *train, const struct frozen *test,
                          const size_t *order)
{
    double x[STEPS], y[STEPS], batch[STEPS], first = 0, first_batch = 0, mean = 0;
    eg_head *h = NULL;
    eg_status s = begin(run, kind, train, &h);
    for (int k = 0; k < STEPS && s == EG_OK; k++) {
        const int32_t classes = (k + 1) * STEP;
        x[k] = classes;
        s = teach(h, train, NULL, classes - STEP, classes);
        if (s == EG_OK) s = ask(h, test, 0, classes, &y[k]);
        if (s == EG_OK) s = ask(h, test, 0, STEP, &first);
        if (s == EG_OK)
            s = at_once(run, kind, train, test, order, classes, &batch[k], &first_batch);
        if (s == EG_OK) mean += y[k] / STEPS;
    }
    eg_head_destroy(h);
    if (s != EG_OK) return s;
    const double slack = kind->exact ? 0 : 300 * lab_share_error(batch[STEPS - 1] / 100, test->n);
    for (int k = 0; k < STEPS; k++)
        lab_at_least(run, batch[k], y[k], slack, "%s: after %d classes, against all at once",
                     kind->name, (k + 1) * STEP);
    lab_beside(run, mean, "%s: mean over the steps", kind->name);
    lab_at_most(run, 0, first_batch - first, kind->exact ? 0 : 8,
                "%s: forgotten of the first ten classes, points", kind->name);
    lab_curve(run, "Classes ten by ten|classes|accuracy, per cent", STEPS, x, y, batch, "%s",
              kind->name);
    return EG_OK;
}

/* The read-out of a network, trained on each ten classes in turn. */
static eg_status by_gradient(const struct experiment_context *run, const struct frozen *train,
                             const struct frozen *test)
{
    const eg_task task = { .inputs = train->d, .classes = train->classes, .epochs = 30 };
    eg_train_options o = EG_TRAIN_OPTIONS_INIT;
    eg_dataset set = {
        .n = train->n, .d = train->d, .x = train->x, .labels = train->y, .classes = train->classes
    };
    const size_t each = train->n / STEPS;
    eg_learner *l = NULL;
    size_t right[2] = { 0, 0 }, n[2] = { 0, 0 };
    float *scores = lab_floats(train->classes);
    eg_status s = scores != NULL ? EG_OK : lab_no_memory();
    o.seed = run->seed;
    o.progress = run->progress;
    if (s == EG_OK)
        s = eg_learner_create("{\"kind\": \"network\", \"hidden\": [], \"optimiser\": {\"kind\": "
                              "\"adamw\", \"rate\": 0.003}}",
                              &task, run->seed, run->threads, NULL, &l);
    for (size_t k = 0; k < STEPS && s == EG_OK; k++) {
        set.x = train->x + k * each * train->d;
        set.labels = train->y + k * each;
        set.n = each;
        const eg_part part = { &set, NULL, each };
        s = eg_train(l, &part, NULL, &o, NULL);
    }
    for (size_t i = 0; i < test->n && s == EG_OK; i++) {
        const int early = test->y[i] < STEP, late = test->y[i] >= (STEPS - 1) * STEP;
        size_t best = 0;
        if (!early && !late) continue;
        s = eg_learner_scores(l, test->x + i * test->d, 1, scores);
        for (size_t c = 1; c < train->classes; c++)
            if (scores[c] > scores[best]) best = c;
        right[late] += (int32_t)best == test->y[i];
        n[late]++;
    }
    if (s == EG_OK) {
        lab_at_most(run, 10, 100 * (double)right[0] / (double)n[0], 10,
                    "a read-out by gradient: of the first ten classes at the end");
        lab_at_least(run, 80, 100 * (double)right[1] / (double)n[1], 0,
                     "a read-out by gradient: of the last ten");
    }
    free(scores);
    eg_learner_destroy(l);
    return s;
}

static eg_status measure(const struct experiment_context *run)
{
    struct frozen train, test = { 0 };
    eg_status s = frozen_features(run, &network, "caltech101/train", &train);
    if (s != EG_OK) return s == EG_NOT_FOUND ? EG_OK : s;
    s = frozen_features(run, &network, "caltech101/test", &test);
    size_t *order = malloc((train.n + 1) * sizeof *order);
    if (order == NULL) s = lab_no_memory();
    if (s == EG_OK) eg_random_permutation(run->seed, STREAM, train.n, order);
    for (size_t k = 0; k < HEADS && s == EG_OK; k++)
        if (run->full || heads[k].quick) s = one_head(run, &heads[k], &train, &test, order);
    if (s == EG_OK) s = by_gradient(run, &train, &test);
    free(order);
    frozen_clear(&train);
    frozen_clear(&test);
    return s == EG_NOT_FOUND ? EG_OK : s;
}

const struct experiment experiment_increments = {
    .name = "increments",
    .title = "classes that arrive ten by ten are not forgotten",
    .source = "Rebuffi et al. 2017, figure 2 (protocol); Hacene et al. 2017",
    .setting = "quick: four heads; full: eight",
    .run = measure,
};
