/* Multiple-instance learning: pictures as bags of segments (Andrews, Tsochantaridis and Hofmann
 * 2002) and molecules as bags of shapes (Dietterich et al. 1997). A bag is of class 1 when one of
 * its instances, nobody says which, is.
 *
 * Ramsauer et al. 2021, table 2: a network that pools each bag by Hopfield pooling reaches areas
 * under the ROC curve of 91.3 +- .5 (Tiger), 64.05 +- .4 (Fox) and 94.9 +- .3 (Elephant), by
 * 10-fold nested cross-validation repeated five times. Of Musk it says nothing: beside our figures
 * stand the accuracies of gated attention (Ilse, Tomczak and Welling 2018, table 1: 90.0 and 86.3).
 *
 * Here, as there: 10 folds, 5 repeats, settings chosen within what is trained on, inputs embedded
 * by a linear layer with ReLU and dropout, one Hopfield pooling, bag dropout, AdamW, a rate that
 * falls by .96 an epoch. It differs from the paper in: 4 settings instead of some hundred, chosen
 * by 2 inner folds; 30 epochs instead of 160; columns scaled to mean 0 and deviation 1 of the
 * training part. Musk is trained by the recipe of Ilse et al. instead, without a choice: layers of
 * 256, 128 and 64 before the pool, 100 epochs at a rate of .0005 with decay .005 (four bags a step
 * instead of one, dropout of .2 behind the first two layers), found to do better than the pictures'
 * settings on two of the five partitions of Musk 1. Which settings are offered
 * was decided on other partitions of Tiger, Fox and Elephant, so that their areas are a little
 * flattered; the paper does not say how its own were.
 *
 * The tolerance is one-sided, 1.5 points, three standard deviations of the paper's repeats.
 * Baselines see mean, least and largest of each column of a bag, nearest neighbours the closest
 * pair of instances; their rows have no bound, for nothing was published of them so.
 *
 * Quick: one repeat of one setting without choice, without the large Musk 2: 5 points. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdio.h>

#include "experiments/judge.h"

#define EMBED(units, p)                                                          \
    "{\"kind\": \"linear\", \"units\": " #units "}, \"activation\", {\"kind\": " \
    "\"dropout\", \"p\": " #p "}, "
#define POOL(size, drop, more)                                                                  \
    "{\"kind\": \"hopfield_pooling\", \"num_heads\": 8, \"hidden_size\": " #size                \
    ", \"initialiser\": \"xavier_uniform\", \"bag_dropout\": " #drop more "}, \"activation\", " \
    "\"linear\""
#define ONE "[" EMBED(64, 0.2) POOL(16, 0.5, "") "]"
#define HOPFIELD                                                              \
    "{\"kind\": \"network\", \"optimiser\": {\"kind\": \"adamw\", \"rate\": " \
    "0.002, \"decay\": 0.01}, \"schedule\": {\"kind\": \"exponential\", "     \
    "\"factor\": 0.96}, \"layers\": " ONE "}"

#define ILSE                                                                                     \
    "{\"kind\": \"network\", \"optimiser\": {\"kind\": \"adamw\", \"rate\": 0.0005, \"decay\": " \
    "0.005}, "                                                                                   \
    "\"layers\": [" EMBED(256, 0.2) EMBED(128, 0.2)                                              \
        EMBED(64, 0) "{\"kind\": \"hopfield_pooling\", \"hidden_size\": 64, \"initialiser\": "   \
                     "\"xavier_uniform\"}, "                                                     \
                     "\"activation\", \"linear\"]}"

enum { LEARNERS = 4 };

/* How the network is made and trained. */
struct recipe {
    struct judge_learner learner;
    size_t epochs, batch;
};

static const struct recipe animals = {
    { "hopfield", HOPFIELD,
      "{\"layers\": [" ONE ", [" EMBED(128, 0) POOL(32, 0.75, "") "], [" EMBED(64, 0.5)
          POOL(16, 0.75, "") "], [" EMBED(64, 0) POOL(16, 0.75, ", \"scaling\": 1") "]]}" },
    30,
    16,
};
static const struct recipe musk = { { "hopfield", ILSE, NULL }, 100, 4 };

static const struct judge_learner beside[LEARNERS - 1] = {
    { "forest", "{\"kind\": \"forest\"}", "{\"columns\": [0, 60], \"least\": [1, 5]}" },
    { "svm", "{\"kind\": \"svm\"}",
      "{\"c\": [0.1, 1, 10, 100], \"kernel\": [\"linear\", \"rbf\"]}" },
    { "knn", "{\"kind\": \"knn\"}", "{\"k\": [1, 3, 7, 15], \"bag\": [\"closest\", \"mean\"]}" },
};

static const struct {
    const char *name, *title;
    double published; /* of areas, or of accuracies */
    int accuracy;
    size_t repeats; /* of the full run */
    int full;       /* in the full run alone */
    const struct recipe *recipe;
} sets[] = {
    { "tiger", "Tiger", 91.3, 0, 5, 0, &animals },
    { "fox", "Fox", 64.05, 0, 5, 0, &animals },
    { "elephant", "Elephant", 94.9, 0, 5, 0, &animals },
    { "musk1", "Musk 1", 90.0, 1, 5, 0, &musk },
    { "musk2", "Musk 2", 86.3, 1, 1, 1, &musk },
};

static void tell(const struct experiment_context *run, size_t k, const struct judge_learner *l,
                 const struct judged *r)
{
    char text[200];
    snprintf(text, sizeof text, "%s, %s: AUC %.2f +- %.2f, accuracy %.2f +- %.2f, %.0f s",
             sets[k].title, l->name, r->auc, r->auc_spread, r->accuracy, r->accuracy_spread,
             r->seconds);
    run->note(run->user, text);
}

static eg_status one_set(const struct experiment_context *run, size_t k)
{
    const struct judge_protocol protocol = { .folds = 10,
                                             .repeats = run->full ? sets[k].repeats : 1,
                                             .inner = 2,
                                             .epochs = sets[k].recipe->epochs,
                                             .batch = sets[k].recipe->batch,
                                             .by_auc = 1,
                                             .columns = 1 };
    char name[40];
    eg_dataset set;
    eg_read_options o = EG_READ_OPTIONS_INIT;
    o.bag_column = "";
    snprintf(name, sizeof name, "mil/%s", sets[k].name);
    LAB_TRY(eg_catalogue_read(name, &o, &set));
    snprintf(name, sizeof name, "mil-%s", sets[k].name);
    eg_status s = EG_OK;
    for (size_t i = 0; i < LEARNERS && s == EG_OK; i++) {
        struct judge_learner l = i == 0 ? sets[k].recipe->learner : beside[i - 1];
        struct judged r;
        if (!run->full) l.grid = NULL;
        s = judge(run, &set, &l, &protocol, run->full ? name : NULL, &r);
        if (s != EG_OK) break;
        tell(run, k, &l, &r);
        const double value = sets[k].accuracy ? r.accuracy : r.auc;
        const char *what = sets[k].accuracy ? "accuracy" : "AUC";
        if (i == 0)
            lab_reaches(run, sets[k].published, value, run->full ? 1.5 : 5, "%s, %s: %s, per cent",
                        sets[k].title, l.name, what);
        else
            lab_beside(run, value, "%s, %s: %s, per cent", sets[k].title, l.name, what);
    }
    eg_dataset_clear(&set);
    return s;
}

static eg_status measure(const struct experiment_context *run)
{
    eg_status s = EG_OK;
    for (size_t k = 0; k < sizeof sets / sizeof *sets && s == EG_OK; k++)
        if (run->full || !sets[k].full) s = one_set(run, k);
    return s;
}

const struct experiment experiment_mil = {
    .name = "mil",
    .title = "bags of instances: pictures and molecules of which one part decides",
    .source = "Ramsauer et al. 2021, table 2; Ilse et al. 2018, table 1",
    .setting = "quick: one repeat, no choice of settings; full: 10 folds, 5 repeats, nested",
    .run = measure,
};
