/* cli/training.h - a training run as the program sees it: what was asked, the data in their parts,
 * what came out. Shared by train, rerun, compare, eval. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_TRAINING_H
#define CLI_TRAINING_H

#include "cli/learner_options.h"
#include "cli/model.h"
#include "cli/reader_options.h"

/* What is read and how it is shown: the same options for train and compare. */
struct data_options {
    int scale;                /* enum input_kind, or -1: what fits the data */
    const char *valid, *test; /* shares or parts, or NULL */
};

struct loop_options {
    size_t epochs, batch, patience, evaluate_every;
    const char *augment;
    int by; /* 0 accuracy, 1 auc */
};

struct train_options {
    struct common common;
    struct learner_options learner;
    struct reader_options reader;
    struct data_options data;
    struct loop_options loop;
    const char *grid;
    size_t folds;
    double checkpoint;
    int resume;
    size_t two_time; /* waiting times; 0: displacements are not measured */
};

#define LOOP_OPTIONS_INIT                               \
    {                                                   \
        .epochs = 20, .batch = 100, .evaluate_every = 1 \
    }

const char *better_name(size_t row);

/* Rows of the option table of a struct `type` with the fields `reader`, `data` and `loop`. A row a
 * line: */
/* clang-format off */
#define TRAINING_OPTION_ROWS(type)                                                           \
    { "epochs", 'e', OPT_SIZE, offsetof(type, loop.epochs), "N",                             \
      "times that each example is shown", NULL, 1, 1e9 },                                    \
    { "batch", 'b', OPT_SIZE, offsetof(type, loop.batch), "N", "examples a step", NULL,      \
      1, 1e9 },                                                                              \
    { "augment", 0, OPT_TEXT, offsetof(type, loop.augment), "HOW",                           \
      "of images: shift:2,flip:0.5", NULL, 0, 0 },                                           \
    { "scale", 0, OPT_CHOICE, offsetof(type, data.scale), "HOW",                             \
      "inputs; images: unit, else columns", input_name, 0, 0 },                              \
    READER_OPTION_ROWS(type),                                                                \
    BAG_OPTION_ROW(type),                                                                    \
    SET_OPTION_ROWS(type)
/* clang-format on */

extern const struct opt train_option_rows[]; /* of struct train_options */
extern const struct train_options train_defaults;

/* The parts of the data, as inputs. Borrowed from `set` and, where a part is a set of its own,
 * from `other`. */
enum { PART_TRAIN, PART_VALID, PART_TEST, PARTS };
struct training_data {
    eg_dataset set, other[PARTS];
    size_t *index[PARTS];
    eg_part part[PARTS]; /* n 0: there is none */
    struct input input;
    const char *name[PARTS]; /* "semeion, a share of 0.2" */
};
const char *part_name(size_t part); /* "train", "valid", "test"; NULL past the end */

int training_data_read(const struct call *call, const char *data, const struct reader_options *how,
                       const struct data_options *o, struct training_data *t);
/* Real numbers of which most occur once are no names of classes: fails with usage. */
int labels_are_classes(const struct call *call, const char *name, const eg_dataset *set);
void training_data_clear(struct training_data *t);
eg_task task_of_set(const eg_dataset *set, size_t epochs);
/* "test" of mnist/train is mnist/test. Kept. */
const char *sibling_part(const char *data, const char *part);

/* Options of the loop for eg_train, images filled at the edges with `paper`. */
int training_loop(const struct call *call, const struct loop_options *o, double paper,
                  eg_train_options *out);

/* ---- a run in a folder ---- */

struct trained {
    const char *folder;
    struct train_options options;
    const char *data, *command; /* as it was first typed */
    json_t *spec;               /* of the learner */
    json_t *search;             /* rows of a search, or NULL */
    struct training_data parts;
    eg_learner *learner;
    eg_train_result result;
    eg_two_time *two_time;   /* or NULL */
    eg_scored scored[PARTS]; /* n 0: not measured */
    double seconds;
};

/* What FOLDER/config.json says of the run, into folder, options, data, command, spec, search. */
int trained_of_folder(const struct call *call, const char *folder, struct trained *t);
/* Train, measure, write result.json and report.html. The folder must be new, or `resume`. */
int trained_run(const struct call *call, struct trained *t, int resume);
void trained_clear(struct trained *t);
json_t *trained_json(const struct trained *t);

/* What FOLDER/result.json says was learned; NULL where the run has not ended. Kept. */
const char *trained_hash(const char *folder);
const char *hash_text(uint64_t hash);

#endif
