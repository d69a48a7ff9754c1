/* engram/train.h - the training of any learner: parts of a data set, batches, measures, runs that
 * can be killed and go on with the same bits, and searches over settings. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGRAM_TRAIN_H
#define ENGRAM_TRAIN_H

#include "engram/dataset.h"
#include "engram/learner.h"
#include "engram/progress.h"
#include "engram/two_time.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- parts of a data set ---- */

/* Some examples of a labelled set, borrowed; index NULL: all of them, in order. */
typedef struct eg_part {
    const eg_dataset *set;
    const size_t *index; /* (n) */
    size_t n;
} eg_part;

/**
 * Deal examples into k folds, each class evenly (stratified): sizes of folds, and shares of a
 * class, differ by at most one.
 * @param labels  (n), in 0..classes-1
 * @param fold    (n) which fold each is in
 * @return EG_OK; EG_ERR_INVALID (k outside 2..n, a label outside its range); EG_ERR_NOMEM
 */
EG_API EG_MUST_CHECK eg_status eg_split_folds(const int32_t *labels, size_t n, size_t classes,
                                              size_t k, uint64_t seed, uint32_t *fold);

/**
 * Deal whole groups into k folds, so that what is tested has no relative among what is trained on:
 * the largest group first, each to the fold that is smallest so far, groups of one size in an order
 * drawn from seed. Classes are not balanced.
 * @param group  (n) any numbers; examples of one number are one group
 * @param fold   (n) which fold each is in
 * @return EG_OK; EG_ERR_INVALID (k below 2, or fewer groups than k); EG_ERR_NOMEM
 */
EG_API EG_MUST_CHECK eg_status eg_split_groups(const uint32_t *group, size_t n, size_t k,
                                               uint64_t seed, uint32_t *fold);

/**
 * Choose a share of the examples, the same of each class to within one.
 * @param share   in 0..1
 * @param chosen  (n) 1 where it is chosen; round(share n) are
 */
EG_API EG_MUST_CHECK eg_status eg_split_share(const int32_t *labels, size_t n, size_t classes,
                                              double share, uint64_t seed, uint32_t *chosen);

/**
 * Choose whole groups, so that what is chosen has no relative among the rest: in an order drawn
 * from seed, each that brings the examples chosen nearer to share n. Classes are not balanced.
 * @param group   (n) any numbers; examples of one number are one group
 * @param share   in 0..1
 * @param chosen  (n) 1 where it is chosen; none, or all, where no group comes near the share
 * @return EG_OK; EG_ERR_INVALID (a share outside 0..1); EG_ERR_NOMEM
 */
EG_API EG_MUST_CHECK eg_status eg_split_share_groups(const uint32_t *group, size_t n, double share,
                                                     uint64_t seed, uint32_t *chosen);

/* The examples with which[i] == value, and where `others` those with another, into index (n);
 * returns how many. */
EG_API size_t eg_split_select(const uint32_t *which, size_t n, uint32_t value, int others,
                              size_t *index);

/* ---- measures ---- */

typedef struct eg_scored {
    size_t n, classes;
    size_t errors;     /* the argmax, the first of equals, is not the label */
    double accuracy;   /* 1 - errors / n */
    double auc;        /* area under the ROC curve: of class 1 for two classes, else the mean over
                          classes that occur of one against the rest; NaN where none is defined */
    size_t *confusion; /* (K, K) by label, then by answer; the caller's, or NULL */
} eg_scored;

/**
 * Measures of scores against labels. out->confusion is read: where to write the table.
 * @param scores  (N, K) finite
 * Source of the area: Mann and Whitney 1947, ties count one half.
 */
EG_API EG_MUST_CHECK eg_status eg_score(const float *scores, const int32_t *labels, size_t n,
                                        size_t classes, eg_scored *out);

/* What a learner says of examples first to first + b of a part, which needs no labels: scores
 * (b, K). EG_ERR_SHAPE where they are not the learner's: both. */
EG_API EG_MUST_CHECK eg_status eg_part_scores(eg_learner *l, const eg_part *part, size_t first,
                                              size_t b, float *scores);

/* The same for what a learner says of a part; also its scores (n, K), or NULL. */
EG_API EG_MUST_CHECK eg_status eg_evaluate(eg_learner *l, const eg_part *part, size_t batch,
                                           float *scores, eg_scored *out);

/* ---- training ---- */

/* What is done to an image each time it is shown. Draws depend on (seed, epoch, example) alone. */
typedef struct eg_augment {
    size_t shift; /* up to so many pixels each way: the same as padding and cropping */
    float fill;   /* what comes in at the edges */
    double flip;  /* probability of left and right exchanged */
} eg_augment;

typedef struct eg_train_options {
    size_t size;   /* sizeof(eg_train_options) */
    size_t epochs; /* 0: those of the learner's task */
    size_t batch;  /* examples a step; the last of an epoch may have fewer */
    uint64_t seed; /* of the order of examples and of augmentation */
    eg_augment augment;
    size_t evaluate_every; /* epochs */
    size_t patience; /* stop after so many evaluations without a better one; 0: never. Then what is
                        kept is the best, not the last */
    int by_auc;      /* better: by area, not by accuracy */
    const char *folder;        /* run folder, or NULL: nothing is written */
    const char *about;         /* JSON object of what else config.json should tell, or NULL */
    int resume;                /* go on from the folder's last good checkpoint, if there is one */
    double checkpoint_seconds; /* at least between two checkpoints; 0: one after each step */
    size_t metric_steps;       /* also a line of metrics every so many steps; 0: each epoch */
    size_t stop_after;         /* end as if interrupted after so many steps of this call; 0: none */
    eg_two_time *two_time;     /* sees the weights before the first and after each step, or NULL:
                                  made for this learner and as many steps. Checkpoints keep what it
                                  has seen, so that a run that goes on needs one just made */
    const eg_progress *progress; /* "train", steps done, of all */
    const eg_allocator *alloc;
} eg_train_options;

#define EG_TRAIN_OPTIONS_INIT                                                                 \
    {                                                                                         \
        sizeof(eg_train_options), 0, 100, 0, { 0, 0, 0 }, 1, 0, 0, 0, 0, 0, 30, 0, 0, 0, 0, 0 \
    }

typedef struct eg_train_result {
    uint64_t steps;    /* of all calls that led here */
    size_t epochs;     /* begun and ended */
    double loss;       /* mean over the last whole epoch */
    size_t best_epoch; /* from 1; 0: never evaluated */
    double best;       /* accuracy or area then */
    int stopped_early, resumed;
    uint64_t hash; /* eg_params_hash of what was learned */
} eg_train_result;

/**
 * Train to the end; a kind that is fitted (eg_learner_fits) is fitted once, one epoch of one step
 * whose loss is NaN, and has no checkpoints. With a folder (engram/run.h), steps are recorded,
 * checkpoints written and model.safetensors kept; a later call with `resume` goes on from the last
 * checkpoint whose hash is right, and ends with the same bits as a call that was never stopped.
 * @param valid  evaluated as training goes; NULL: nothing is
 * @return EG_OK; EG_ERR_SHAPE (data that is not the learner's: both); EG_ERR_INVALID (among others
 *         patience by area, and `valid` of one class);
 *         EG_ERR_DIVERGED (the step that failed and its epoch, from 1, and the parameter; kept is
 *         the newest checkpoint with finite scores for every example, which the learner then
 *         holds);
 *         EG_ERR_INTERRUPTED (a checkpoint is written); EG_ERR_IO; EG_ERR_CORRUPT (no checkpoint
 *         is whole); EG_ERR_NOMEM
 */
EG_API EG_MUST_CHECK eg_status eg_train(eg_learner *l, const eg_part *train, const eg_part *valid,
                                        const eg_train_options *options, eg_train_result *out);

/* ---- searches ---- */

/**
 * Row i of the product of settings given as lists: base with one value of each.
 * @param base  JSON object: a learner's specification
 * @param grid  JSON object of lists: {"n": [2, 3], "rate": [0.1, 0.01]}; the last varies fastest;
 *              "optimiser.rate" reaches into the object `optimiser`
 * @param text  receives the specification, zero-terminated, of up to room bytes
 * @return EG_OK; EG_END (i is past the last row); EG_ERR_INVALID; EG_ERR_LIMIT (room); EG_ERR_NOMEM
 */
EG_API EG_MUST_CHECK eg_status eg_grid_spec(const char *base, const char *grid, size_t i,
                                            char *text, size_t room);

/* What is searched. */
typedef struct eg_grid {
    const char *base, *grid; /* as above */
    eg_task task;
    const eg_dataset *data;
    size_t folds;  /* 2 or more: each row is trained so often, on all folds but one; of whole
                      groups where the set has any */
    uint64_t seed; /* of the folds, and of every learner */
    int threads;
    /* Hears of each row as it is done: its specification (borrowed), and mean and standard
     * deviation (measured - 1) over folds of accuracy or area, and on how many of them it was
     * measured: an area is of two classes, and a fold that tests one class alone has none. Where a
     * fold diverged the mean is -INFINITY, the deviation NaN, and eg_error_detail() says how. Other
     * than 0 ends the search. */
    int (*row)(void *user, size_t i, const char *spec, double mean, double deviation,
               size_t measured);
    void *user;
    /* A file that keeps what each fold came to, or NULL. A search that was ended and is begun again
     * trains only those that it does not hold; what decides a value is part of its line. */
    const char *record;
} eg_grid;

/**
 * Train and measure every row of a grid by cross-validation. All rows are checked before one is
 * trained or the record is made; an error names its row, from 1. A row that diverges is the worst,
 * and the search goes on.
 * @param options  folder, resume, patience and two_time do not apply
 * @param best     the row with the largest mean, the first of equals
 * @return EG_OK; EG_ERR_INTERRUPTED; EG_ERR_DIVERGED (every row); EG_ERR_IO (the record);
 *         EG_ERR_INVALID (by area, and no fold tests two classes); what eg_grid_spec,
 * eg_split_folds, eg_learner_create and eg_train return
 */
EG_API EG_MUST_CHECK eg_status eg_grid_search(const eg_grid *g, const eg_train_options *options,
                                              size_t *best);

/* ---- cross-validation ---- */

/* What one fold came to. */
typedef struct eg_validated {
    size_t repeat, fold; /* from 0 */
    eg_scored scored;    /* on what is tested; confusion NULL */
    size_t classes;      /* that occur among what was trained on: the others are never answered */
    double choice;       /* accuracy or area that the row had when it was chosen; NaN: none was */
    double seconds;      /* choosing, training and testing */
} eg_validated;

/* How one learner is judged: trained on a part of each fold and tested on another. Where it has
 * settings to choose they are chosen within what is trained on, anew in each fold (nested). */
typedef struct eg_validation {
    const eg_dataset *data;  /* labelled */
    eg_task task;            /* as the data */
    const char *base, *grid; /* as of a search; grid NULL: base as it is */
    size_t folds;            /* 2 or more, stratified, or of whole groups where the set has any;
                                0: those that the set brings */
    size_t repeats;          /* with folds of their own each, 1 or more; of folds that the set
                                brings, with other seeds */
    size_t inner;            /* folds of each choice, 2 or more; where the set brings what to
                                validate on, that takes their place, and is trained on in the end */
    int columns; /* 1: each column to mean 0 and deviation 1 over all but what is tested */
    uint64_t seed;
    int threads;
    /* Hears of each fold, and of the specification it was tested with (borrowed). Other than 0
     * ends with EG_ERR_INTERRUPTED. */
    int (*fold)(void *user, const eg_validated *v, const char *spec);
    void *user;
    const char *record; /* as of a search: what choices have measured */
} eg_validation;

/* How many folds a validation has, of all repeats. */
EG_API size_t eg_validation_count(const eg_validation *v);

/**
 * Judge a learner.
 * @param options  folder, resume, patience and two_time do not apply; by_auc: what is chosen by
 * @param out      (eg_validation_count(v)) repeat by repeat, or NULL
 * @return EG_OK; EG_ERR_INVALID (folds or repeats outside their ranges, no folds in the set, a
 *         choice by area where no inner fold tests two classes);
 *         EG_ERR_INTERRUPTED; what eg_grid_spec, eg_split_folds, eg_learner_create, eg_train and
 *         eg_evaluate return
 *
 * A row of the grid has the mean over the inner folds on which it can be measured, as in a search.
 * A row of the grid that diverges is the worst; where the one chosen does, EG_ERR_DIVERGED.
 *
 * Source: nested cross-validation, Varma and Simon 2006.
 */
EG_API EG_MUST_CHECK eg_status eg_cross_validate(const eg_validation *v,
                                                 const eg_train_options *options,
                                                 eg_validated *out);

#ifdef __cplusplus
}
#endif
#endif
