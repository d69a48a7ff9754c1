/* SPDX-License-Identifier: Apache-2.0 */
#include "experiments/domains/domain.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engram/catalogue.h"

enum { LEARNERS = 8, FOLDS = 5, EPOCHS = 30, BATCH = 32, SETS_MAX = 8 };

#define ADAMW(rate) "{\"kind\": \"adamw\", \"rate\": " #rate ", \"decay\": 0.01}"
#define SELU(units)                                                                      \
    "{\"kind\": \"linear\", \"units\": " #units ", \"initialiser\": \"lecun_normal\"}, " \
    "{\"kind\": \"activation\", \"function\": \"selu\"}, "
#define LOOK_UP                                                                               \
    "{\"kind\": \"residual\", \"layers\": [{\"kind\": \"hopfield_layer\", \"quantity\": 64, " \
    "\"num_heads\": 4, \"hidden_size\": 16, \"initialiser\": \"xavier_uniform\", "            \
    "\"scaling\": 0.25}]}, \"linear\""

static const struct judge_learner learners[LEARNERS] = {
    { "lookup", "{\"kind\": \"lookup\"}", "{\"scaling\": [4, 16], \"hidden_size\": [0, 32]}" },
    { "hopfield",
      "{\"kind\": \"network\", \"layers\": [" SELU(64) LOOK_UP
      "], \"schedule\": \"cosine\", \"optimiser\": " ADAMW(0.003) "}",
      "{\"optimiser\": [" ADAMW(0.003) ", " ADAMW(0.0005) "]}" },
    { "snn",
      "{\"kind\": \"network\", \"hidden\": [64, 64], \"activation\": \"selu\", \"initialiser\": "
      "\"lecun_normal\", \"alpha_dropout\": 0.05, \"schedule\": \"cosine\", \"optimiser\": " ADAMW(
          0.003) "}",
      "{\"hidden\": [[64, 64], [128, 128, 128]]}" },
    { "logistic",
      "{\"kind\": \"network\", \"hidden\": [], \"initialiser\": \"zeros\", \"schedule\": "
      "\"cosine\", \"optimiser\": " ADAMW(0.01) "}",
      "{\"optimiser\": [" ADAMW(0.01) ", " ADAMW(0.001) "]}" },
    { "knn", "{\"kind\": \"knn\", \"k\": 15}", "{\"k\": [5, 15, 45]}" },
    { "svm", "{\"kind\": \"svm\"}", "{\"c\": [0.3, 3, 30]}" },
    { "forest", "{\"kind\": \"forest\"}", "{\"least\": [1, 5]}" },
    { "boosting", "{\"kind\": \"boosting\", \"rate\": 0.1}", "{\"depth\": [3, 6]}" },
};

/* Some items, each class as often as in all. */
static eg_status draw(const struct experiment_context *run, size_t most, eg_dataset *set)
{
    const size_t n = set->n;
    if (most == 0 || most >= n) return EG_OK;
    uint32_t *chosen = malloc(n * sizeof *chosen);
    size_t *index = malloc(n * sizeof *index);
    eg_dataset some;
    eg_status s = chosen != NULL && index != NULL ? EG_OK : lab_no_memory();
    if (s == EG_OK)
        s = eg_split_share(set->labels, n, set->classes, (double)most / (double)n, run->seed,
                           chosen);
    if (s == EG_OK)
        s = eg_dataset_select(set, index, eg_split_select(chosen, n, 1, 0, index), &some);
    free(chosen);
    free(index);
    if (s != EG_OK) return s;
    eg_dataset_clear(set);
    *set = some;
    return EG_OK;
}

static eg_status read_items(const struct experiment_context *run, const struct domain_set *of,
                            eg_dataset *out)
{
    eg_read_options o = EG_READ_OPTIONS_INIT;
    eg_dataset set, made;
    o.label_column = of->label_column;
    o.group_column = of->group_column;
    LAB_TRY(eg_catalogue_read(of->name, &o, &set));
    eg_status s = EG_OK;
    if (of->make != NULL) {
        s = of->make(&set, &made);
        eg_dataset_clear(&set);
        if (s != EG_OK) return s;
        set = made;
    }
    s = draw(run, of->most[run->full], &set);
    if (s != EG_OK) {
        eg_dataset_clear(&set);
        return s;
    }
    *out = set;
    return EG_OK;
}

static void tell(const struct experiment_context *run, const struct domain_set *of,
                 const struct judge_learner *l, const struct judged *r)
{
    const double least = of->least[run->full];
    if (of->learner == NULL || strcmp(of->learner, l->name) != 0)
        lab_beside(run, r->auc, "%s, %s: AUC, per cent", of->title, l->name);
    else if (isnan(of->published))
        lab_at_least(run, least, r->auc, 0, "%s, %s: AUC, per cent", of->title, l->name);
    else
        lab_reaches(run, of->published, r->auc, of->published - least, "%s, %s: AUC, per cent",
                    of->title, l->name);
}

/* auc (LEARNERS) */
static eg_status one_set(const struct experiment_context *run, const struct domain_set *of,
                         double *auc, double *seconds)
{
    char text[300], record[80];
    eg_dataset set;
    LAB_TRY(read_items(run, of, &set));
    const struct judge_protocol protocol = { .folds = set.fold_count > 0 ? 0 : FOLDS,
                                             .repeats = 1,
                                             .inner = 2,
                                             .epochs = of->epochs > 0 ? of->epochs : EPOCHS,
                                             .batch = BATCH,
                                             .by_auc = 1,
                                             .columns = !of->fixed_scale };
    eg_status s = EG_OK;
    snprintf(record, sizeof record, "domain-%s",
             strrchr(of->name, '/') != NULL ? strrchr(of->name, '/') + 1 : of->name);
    size_t used = (size_t)snprintf(text, sizeof text, "%s, %zu items, AUC:", of->title, set.n);
    for (size_t m = 0; m < LEARNERS && s == EG_OK; m++) {
        struct judge_learner l = learners[m];
        struct judged r;
        if (!run->full) l.grid = NULL;
        s = judge(run, &set, &l, &protocol, run->full ? record : NULL, &r);
        if (s != EG_OK) break;
        auc[m] = r.auc;
        seconds[m] += r.seconds;
        tell(run, of, &l, &r);
        if (used < sizeof text)
            used += (size_t)snprintf(text + used, sizeof text - used, " %s %.1f (%.0f s)", l.name,
                                     r.auc, r.seconds);
    }
    if (s == EG_OK) run->note(run->user, text);
    if (s == EG_OK && of->beside != NULL) s = of->beside(run, of, &set, auc[0]);
    eg_dataset_clear(&set);
    return s;
}

/* Whether the folder of a set is here. */
static int is_here(const struct domain_set *of)
{
    char folder[1000], name[64];
    snprintf(name, sizeof name, "%.*s", (int)strcspn(of->name, "/"), of->name);
    return eg_catalogue_find(name, folder, sizeof folder) == EG_OK;
}

eg_status domain_run(const struct experiment_context *run, const struct domain_set *sets,
                     size_t count)
{
    double auc[SETS_MAX * LEARNERS], seconds[LEARNERS] = { 0 };
    size_t done = 0;
    for (size_t k = 0; k < count && done < SETS_MAX; k++) {
        if (!is_here(&sets[k])) {
            char text[400];
            snprintf(text, sizeof text, "%s skipped: %.300s", sets[k].title, eg_error_detail());
            run->note(run->user, text);
            continue;
        }
        LAB_TRY(one_set(run, &sets[k], auc + done * LEARNERS, seconds));
        done++;
    }
    if (done < 2) return EG_OK;
    return judge_ranks(run, learners, LEARNERS, auc, done, seconds, "AUC, per cent", NULL, NULL);
}
