/* Molecules as fingerprints: inhibitors of BACE-1 and of HIV, passage of the blood-brain barrier,
 * side effects (MoleculeNet, Wu et al. 2018).
 *
 * Ramsauer et al. 2021, table 4: areas under the ROC curve over 50 random splits of 8 : 1 : 1 by a
 * Hopfield layer whose stored patterns are the training set and whose values are its labels: BACE
 * 90.2 +- 2.3, BBBP 91.0 +- 2.6, SIDER 67.2 +- 1.9 (mean of 27 tasks), HIV 81.5 +- 2.3; beside it,
 * from Jiang et al. 2020 on descriptors and fingerprints, support vector machines 89.3, 91.9, 63.0,
 * 82.2, forests 89.0, 92.7, 64.6, 82.0, XGBoost 88.9, 92.6, 64.2, 81.6.
 *
 * Here every learner sees the same 1024 bits (ECFP of radius 2, tools/make_fingerprints.py) and the
 * same splits; in the full run of BACE and BBBP settings are chosen on the part for validation;
 * then both parts are trained on. It differs from the paper in: splits are stratified; the layer is
 * the learner `lookup` (unit length, heads that vote); some four settings instead of hundreds; 10
 * splits in the full run, 3 of SIDER.
 *
 * Its beta in the quick run, 8, was chosen on another partition of BACE, whose area is a little
 * flattered so.
 *
 * The tolerance is one-sided: 1.5 points, two standard errors of 10 splits whose deviation is the
 * published 2.3. Beside: folds of whole scaffolds (Bemis and Murcko 1996) of BACE, a
 * harder question; they are not MoleculeNet's scaffold split, so nothing published stands beside
 * them.
 *
 * Quick: BACE, BBBP and two tasks of SIDER, 3 splits, nothing chosen: 3.5 points; of two tasks
 * no published mean is. Full: also all tasks and HIV, of which the support vector machine is left
 * out, for its time grows with the square of 37 000 molecules; lookup learns on it among 1024
 * molecules that each step draws anew, and answers from all. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "engram/catalogue.h"
#include "experiments/judge.h"

enum { LEARNERS = 6, PARTS = 10, EPOCHS = 4, BATCH = 32, TASK_STEP = 20, QUICK_SPLITS = 3 };

#define LOOKUP(more) "{\"kind\": \"lookup\", \"scaling\": 8" more "}"

static const struct judge_learner learners[LEARNERS] = {
    { "lookup", LOOKUP(""), "{\"scaling\": [8, 16], \"hidden_size\": [0, 32]}" },
    { "knn", "{\"kind\": \"knn\", \"similarity\": \"cosine\", \"k\": 9}", "{\"k\": [3, 9, 27]}" },
    { "svm", "{\"kind\": \"svm\", \"c\": 3}", "{\"c\": [1, 3, 10], \"gamma\": [0, 0.01]}" },
    { "forest", "{\"kind\": \"forest\"}", "{\"least\": [1, 3], \"columns\": [0, 100]}" },
    { "boosting", "{\"kind\": \"boosting\", \"rate\": 0.1}",
      "{\"depth\": [4, 8], \"sample\": [0.7, 1]}" },
    { "mlp",
      "{\"kind\": \"network\", \"hidden\": [128], \"dropout\": 0.5, \"schedule\": \"cosine\", "
      "\"optimiser\": {\"kind\": \"adamw\", \"rate\": 0.001, \"decay\": 0.01}}",
      "{\"hidden\": [[128], [512]], \"dropout\": [0.3, 0.6]}" },
};

static const struct set {
    const char *name;
    double published;
    size_t splits;      /* of the full run */
    int full;           /* in the full run alone */
    int chosen;         /* settings are chosen in the full run */
    int scaffolds;      /* judged on folds of whole scaffolds, too */
    const char *column; /* the label; NULL: each column of its table is a task */
    const char *large;  /* of a large set: how it is looked up, and no support vectors */
} sets[] = {
    { "BACE", 90.2, 10, 0, 1, 1, "Class", NULL },
    { "BBBP", 91.0, 10, 0, 1, 0, "BBBP", NULL },
    { "SIDER", 67.2, 3, 0, 0, 0, NULL, NULL },
    { "HIV", 81.5, 3, 1, 0, 0, "HIV_active", LOOKUP(", \"sample\": 1024") },
};

/* ---- splits ---- */

/* Folds (splits, n) of 8 : 1 : 1: items dealt into ten parts, of which one is tested and one is to
 * validate on. Random: dealt anew for each; else whole scaffolds are dealt once, and each part is
 * tested in turn. */
static eg_status deal(const struct experiment_context *run, eg_dataset *set, size_t splits,
                      int scaffolds, uint8_t **folds)
{
    uint32_t *part = malloc(set->n * sizeof *part);
    uint8_t *role = malloc(splits * set->n);
    eg_status s = part != NULL && role != NULL ? EG_OK : lab_no_memory();
    for (size_t f = 0; f < splits && s == EG_OK; f++) {
        if (scaffolds && f == 0)
            s = eg_split_groups(set->group, set->n, PARTS, run->seed, part);
        else if (!scaffolds)
            s = eg_split_folds(set->labels, set->n, set->classes, PARTS, run->seed + f, part);
        const size_t test = scaffolds ? f : 0, valid = (test + 1) % PARTS;
        for (size_t i = 0; i < set->n && s == EG_OK; i++)
            role[f * set->n + i] = part[i] == test    ? EG_ROLE_TEST
                                   : part[i] == valid ? EG_ROLE_VALID
                                                      : EG_ROLE_TRAIN;
    }
    free(part);
    if (s != EG_OK)
        free(role);
    else
        *folds = role;
    return s;
}

/* Areas of each learner over splits of one task. */
static eg_status judge_task(const struct experiment_context *run, const struct set *of,
                            eg_dataset *set, size_t splits, int scaffolds, const char *record,
                            struct judged out[LEARNERS])
{
    const struct judge_protocol protocol = {
        .repeats = 1, .inner = 2, .epochs = EPOCHS, .batch = BATCH, .by_auc = 1
    };
    uint8_t *folds = NULL;
    LAB_TRY(deal(run, set, splits, scaffolds, &folds));
    eg_dataset dealt = *set;
    dealt.folds = folds;
    dealt.fold_count = splits;
    eg_status s = EG_OK;
    for (size_t m = 0; m < LEARNERS && s == EG_OK; m++) {
        struct judge_learner l = learners[m];
        out[m] = (struct judged){ .auc = (double)NAN };
        if (of->large != NULL && m == 2) continue;
        if (of->large != NULL && m == 0) l.base = of->large;
        if (!run->full || !of->chosen) l.grid = NULL;
        s = judge(run, &dealt, &l, &protocol, run->full ? record : NULL, &out[m]);
    }
    free(folds);
    return s;
}

/* ---- sets ---- */

static eg_status read_task(const struct set *of, const char *column, eg_dataset *out)
{
    char name[40];
    eg_read_options o = EG_READ_OPTIONS_INIT;
    snprintf(name, sizeof name, "fingerprints/%s", of->name);
    o.label_column = column;
    o.group_column = "scaffold";
    return eg_catalogue_read(name, &o, out);
}

/* Columns of the table beside the fingerprints. */
static eg_status read_table(const struct set *of, eg_dataset *out)
{
    char folder[1000], path[1100];
    eg_read_options o = EG_READ_OPTIONS_INIT;
    LAB_TRY(eg_catalogue_find("fingerprints", folder, sizeof folder));
    snprintf(path, sizeof path, "%s/%s-items.csv", folder, of->name);
    o.skip_columns = "name,scaffold";
    return eg_dataset_read(path, &o, out);
}

static void add(struct judged sum[LEARNERS], const struct judged one[LEARNERS], size_t tasks)
{
    for (size_t m = 0; m < LEARNERS; m++) {
        sum[m].auc += (one[m].auc - sum[m].auc) / (double)tasks;
        sum[m].seconds += one[m].seconds;
    }
}

/* Mean over the tasks of a set; *tasks counts them. */
static eg_status judge_set(const struct experiment_context *run, const struct set *of,
                           int scaffolds, struct judged sum[LEARNERS], size_t *tasks)
{
    const size_t splits = run->full ? of->splits : QUICK_SPLITS;
    eg_dataset table = { 0 };
    eg_status s = of->column == NULL ? read_table(of, &table) : EG_OK;
    const size_t all = of->column == NULL ? table.d : 1;
    for (size_t k = 0; k < all && s == EG_OK; k += run->full || all == 1 ? 1 : TASK_STEP) {
        struct judged one[LEARNERS];
        char record[60];
        eg_dataset set;
        snprintf(record, sizeof record, "molecules-%s-%zu%s", of->name, k,
                 scaffolds ? "-scaffolds" : "");
        s = read_task(of, of->column != NULL ? of->column : table.column_names[k], &set);
        if (s != EG_OK) break;
        s = judge_task(run, of, &set, splits, scaffolds, record, one);
        eg_dataset_clear(&set);
        if (s == EG_OK) add(sum, one, ++*tasks);
    }
    eg_dataset_clear(&table);
    return s;
}

static void tell(const struct experiment_context *run, const struct set *of, int scaffolds,
                 size_t tasks, const struct judged r[LEARNERS])
{
    const char *how = scaffolds ? "scaffolds" : "random";
    const int whole = run->full || of->column != NULL;
    for (size_t m = 0; m < LEARNERS; m++) {
        char text[120];
        snprintf(text, sizeof text, "%s, %s, %s: AUC %.2f over %zu task%s, %.0f s", of->name, how,
                 learners[m].name, r[m].auc, tasks, tasks > 1 ? "s" : "", r[m].seconds);
        run->note(run->user, text);
        if (isnan(r[m].auc)) continue;
        if (m == 0 && !scaffolds && whole)
            lab_reaches(run, of->published, r[m].auc, run->full ? 1.5 : 3.5,
                        "%s, random splits, %s: AUC, per cent", of->name, learners[m].name);
        else
            lab_beside(run, r[m].auc, "%s, %s, %s: AUC, per cent", of->name, how, learners[m].name);
    }
}

static eg_status measure(const struct experiment_context *run)
{
    char folder[1000];
    if (eg_catalogue_find("fingerprints", folder, sizeof folder) != EG_OK) {
        run->note(run->user, "skipped: no fingerprints here. tools/make_fingerprints.py --all "
                             "TABLES ~/.local/share/engram/fingerprints makes them of the tables "
                             "of MoleculeNet (docs/molecules.md)");
        return EG_OK;
    }
    for (size_t k = 0; k < sizeof sets / sizeof *sets; k++) {
        if (sets[k].full && !run->full) continue;
        for (int scaffolds = 0; scaffolds <= sets[k].scaffolds; scaffolds++) {
            struct judged sum[LEARNERS] = { { 0 } };
            size_t tasks = 0;
            LAB_TRY(judge_set(run, &sets[k], scaffolds, sum, &tasks));
            tell(run, &sets[k], scaffolds, tasks, sum);
        }
    }
    return EG_OK;
}

const struct experiment experiment_molecules = {
    .name = "molecules",
    .title = "molecules by fingerprints: a memory of the training set among five other methods",
    .source = "Ramsauer et al. 2021, table 4; Jiang et al. 2020",
    .setting = "quick: BACE, BBBP, 2 tasks of SIDER, 3 splits, no choice of settings; full: also "
               "all tasks and HIV; BACE, BBBP by 10 splits, settings chosen",
    .run = measure,
};
