/* cli/attack_study.h - what engram attack measures, between its command and its report. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_ATTACK_STUDY_H
#define CLI_ATTACK_STUDY_H

#include "cli/cli_table.h"
#include "cli/console.h"
#include "cli/model.h"

struct attack_options {
    struct common common;
    const char *against, *data, *amounts;
    int row, corrupt, target;
    size_t images, steps, pictures, batch;
    double eps, step, overshoot, confidence;
};

struct attack_study {
    const struct call *call;
    const struct attack_options *o;
    size_t m; /* models; the first is the one asked for */
    struct model *model;
    eg_learner **learner; /* (M) of the models */
    const char **name;
    size_t n, d;
    eg_dataset set; /* inputs of the models, in the box */
    double lo, hi;
    eg_attack_options attack;
    eg_transfer *matrix, *clean; /* (M + 1, M); its last row */
    eg_attack_output *made;      /* (M) records of all, pictures of the first */
    double *amount;              /* (amounts) of the corruption asked for */
    size_t amounts;
    eg_transfer *corrupted; /* (amounts, M) */
    struct table transfer, distance, corruption;
};

/* The sets of columns are kept until the program ends. */
void attack_tables(struct attack_study *t);
json_t *attack_json(const struct attack_study *t);
/* Strips of pictures, report and run folder at -o. */
int attack_folder(struct attack_study *t);

/* The share of transfers with their standard error in per cent: "98.9 +- 0.3". */
const char *share_text(const eg_transfer *t);

#endif
