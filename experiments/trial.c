/* SPDX-License-Identifier: Apache-2.0 */
#include "experiments/trial.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { LEARNERS = 16, STARTS = 3, STARTS_APART = 1000 };

static eg_status one_start(const struct experiment_context *run, const struct trial *t,
                           const struct trial_learner *l, const eg_part *train, uint64_t seed,
                           eg_learner **learner)
{
    const eg_task task = { .inputs = t->set->d,
                           .classes = t->set->classes,
                           .epochs = t->epochs,
                           .bags = t->set->offset != NULL };
    eg_train_options o = EG_TRAIN_OPTIONS_INIT;
    o.batch = t->batch;
    o.seed = seed;
    o.progress = run->progress;
    LAB_TRY(eg_learner_create(l->spec, &task, seed, run->threads, NULL, learner));
    if (l->begin != NULL) l->begin(eg_learner_params(*learner));
    return eg_train(*learner, train, NULL, &o, NULL);
}

/* A learner that has learned what it was shown, or the last of STARTS that had not. */
static eg_status start(const struct experiment_context *run, const struct trial *t,
                       const struct trial_learner *l, const eg_part *train, eg_learner **learner)
{
    for (size_t r = 0; r < STARTS; r++) {
        eg_scored scored = { .n = 0 };
        eg_learner_destroy(*learner);
        *learner = NULL;
        LAB_TRY(one_start(run, t, l, train, t->seed + STARTS_APART * r, learner));
        if (t->learned <= 0 || eg_learner_fits(*learner)) break;
        LAB_TRY(eg_evaluate(*learner, train, t->batch, NULL, &scored));
        if (scored.accuracy >= t->learned) break;
    }
    return EG_OK;
}

eg_status trial_run(const struct experiment_context *run, const struct trial *t,
                    const struct trial_learner *l, eg_scored *out)
{
    const size_t n = t->set->n;
    size_t *index = calloc(n, sizeof *index);
    if (index == NULL) return lab_no_memory();
    for (size_t i = 0; i < n; i++) index[i] = i;
    const eg_part train = { t->set, index, t->train },
                  test = { t->set, index + t->train, n - t->train };
    eg_learner *learner = NULL;
    *out = (eg_scored){ .n = 0 };
    eg_status s = start(run, t, l, &train, &learner);
    if (s == EG_OK) s = eg_evaluate(learner, &test, t->batch, NULL, out);
    eg_learner_destroy(learner);
    free(index);
    return s;
}

/* One draw; means of accuracy and area over all so far. */
static eg_status one_draw(const struct experiment_context *run, const struct trial_plan *plan,
                          size_t draw, double *accuracy, double *auc)
{
    eg_dataset set;
    struct trial t = plan->table;
    t.seed = run->seed + draw;
    LAB_TRY(plan->draw(t.seed, &set, plan->user));
    t.set = &set;
    eg_status s = EG_OK;
    for (size_t i = 0; i < plan->learners && s == EG_OK; i++) {
        eg_scored scored;
        char text[200];
        s = trial_run(run, &t, &plan->learner[i], &scored);
        if (s != EG_OK) break;
        accuracy[i] += 100 * scored.accuracy / (double)plan->draws;
        auc[i] += 100 * scored.auc / (double)plan->draws;
        snprintf(text, sizeof text, "%s, draw %zu, %s: %.2f %% right, area %.2f", plan->title,
                 draw + 1, plan->learner[i].name, 100 * scored.accuracy, 100 * scored.auc);
        run->note(run->user, text);
    }
    eg_dataset_clear(&set);
    return s;
}

eg_status trial_plan_run(const struct experiment_context *run, const struct trial_plan *plan)
{
    double accuracy[LEARNERS] = { 0 }, auc[LEARNERS] = { 0 };
    for (size_t k = 0; k < plan->draws; k++) LAB_TRY(one_draw(run, plan, k, accuracy, auc));
    for (size_t i = 0; i < plan->learners; i++) {
        const struct trial_learner *l = &plan->learner[i];
        if (isnan(l->published))
            lab_beside(run, accuracy[i], "%s, %s: per cent right", plan->title, l->name);
        else
            lab_reaches(run, l->published, accuracy[i], plan->tolerance, "%s, %s: per cent right",
                        plan->title, l->name);
        lab_beside(run, auc[i], "%s, %s: area, per cent", plan->title, l->name);
    }
    return EG_OK;
}
