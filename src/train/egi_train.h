/* Training from inside: batches, event records, checkpoints. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EGI_TRAIN_H
#define EGI_TRAIN_H

#include <jansson.h>

#include "base/egi_base.h"
#include "engram/run.h"
#include "engram/train.h"

/* Streams of random numbers; the epoch is added. */
#define EGI_STREAM_SHUFFLE ((uint64_t)0x53485546 << 32) /* "SHUF" */
#define EGI_STREAM_AUGMENT ((uint64_t)0x4155474d << 32) /* "AUGM" */
#define EGI_STREAM_SPLIT ((uint64_t)0x53504c54 << 32)   /* "SPLT" */

/* loader.c - batches of a part, in an order of each epoch's own. */
struct egi_loader {
    eg_part part;
    size_t batch, batches; /* of an epoch */
    uint64_t seed;
    eg_augment augment;
    struct egi_arena arena;
    size_t *order; /* (n) of epoch `epoch` */
    size_t epoch;
    float *x;       /* (batch, D), or the rows of as many bags */
    int32_t *y;     /* (batch) */
    size_t *offset; /* (batch + 1) of bags, else NULL */
};
/* EG_ERR_INVALID where the part has no labels or no examples. */
eg_status egi_loader_create(const eg_part *part, size_t batch, uint64_t seed,
                            const eg_augment *augment, const eg_allocator *alloc,
                            struct egi_loader *out);
void egi_loader_clear(struct egi_loader *l);
/* Batch number `at` of an epoch; borrowed until the next one. */
eg_examples egi_loader_batch(struct egi_loader *l, size_t epoch, size_t at);
/* The examples of a part, one after the other: copies, to be released with the arena. */
eg_status egi_part_gather(const eg_part *p, const eg_allocator *alloc, struct egi_arena *arena,
                          eg_examples *out);

/* Example i of a part, as it lies in the set. */
size_t egi_part_at(const eg_part *p, size_t i);
/* Labelled examples of a task; EG_ERR_SHAPE where they are others'. */
eg_status egi_part_check(const eg_part *p, const char *what, const eg_task *task);
/* How many of the classes occur in a part. */
size_t egi_part_classes(const eg_part *p, size_t classes);

/* split.c - folds of some examples of a set, index NULL: of all. Whole groups where it has any,
 * else each class evenly. */
eg_status egi_split_part(const eg_part *part, size_t classes, size_t k, uint64_t seed,
                         uint32_t *fold);

/* events.c - records of a TensorBoard event file. */
enum { EGI_EVENT_MAX = 256 };
uint32_t egi_crc32c(const uint8_t *p, size_t n);
size_t egi_event_version(double seconds, uint8_t out[EGI_EVENT_MAX]);
size_t egi_event_scalar(double seconds, uint64_t step, const char *tag, float value,
                        uint8_t out[EGI_EVENT_MAX]);

/* run.c - where the two files that grow end now (synced), and cutting them there. */
eg_status egi_run_sync(eg_run *run, size_t *metrics_end, size_t *events_end);
eg_status egi_run_cut(eg_run *run, size_t metrics_end, size_t events_end);
/* Remove what a kill has left in a folder of files that were being written. */
void egi_sweep(const char *folder);

/* How far training has come: with the learner, all that the next step depends on. */
struct egi_progress {
    size_t step;      /* steps done */
    size_t epoch, at; /* the next batch */
    size_t shown;     /* examples of this epoch so far, */
    double loss_sum;  /* and the sum of their losses */
    double loss;      /* mean of the last whole epoch */
    size_t best_epoch, since_best;
    double best;
    size_t stopped;                 /* by patience */
    size_t metrics_end, events_end; /* of the files that grow */
};

/* What a checkpoint is of. best (or NULL) are the parameters of the best evaluation. */
struct egi_checkpoint {
    const char *folder;
    eg_learner *learner; /* whose parameters and state are kept */
    eg_params *best;     /* or NULL */
    eg_params *seen;     /* of an observer, or NULL */
    const char *config;  /* what must agree for a run to go on */
};
/* checkpoint.c - the last two lie in FOLDER/checkpoint/. */
eg_status egi_checkpoint_write(const struct egi_checkpoint *c, const struct egi_progress *p);
/* The newest that is whole and can be read. EG_NOT_FOUND: there is none at all; EG_ERR_CORRUPT:
 * none is whole; EG_ERR_IO: none is, and one at least or their folder could not be read;
 * EG_ERR_INVALID: it was begun with another config. told names those that were passed over, and
 * is "" where none was. */
enum { EGI_TOLD_MAX = 600 };
eg_status egi_checkpoint_read(const struct egi_checkpoint *c, const eg_allocator *alloc,
                              struct egi_progress *p, char told[EGI_TOLD_MAX]);
/* Remove that of a step. */
eg_status egi_checkpoint_drop(const struct egi_checkpoint *c, size_t step);

/* train_config.c - config.json, and the part of it that decides every bit of the result; texts
 * from malloc. */
eg_status egi_train_config(const eg_learner *l, const eg_part *train, const eg_part *valid,
                           const eg_train_options *o, char **decisive, char **all);
/* EG_ERR_INVALID naming the first setting in which two decisive parts differ, with both values. A
 * setting that the version which began did not have is as it is by default. */
eg_status egi_train_same(const eg_learner *l, const char *begun, const char *now);

/* search_record.c - what a search has measured, in a file that outlives it. path NULL: in none, so
 * that nothing is found and nothing kept. */
struct egi_search_record {
    int fd;
    const char *path;
    uint8_t *text; /* the file as it was opened */
    size_t size;
};
eg_status egi_search_record_open(struct egi_search_record *r, const char *path);
/* 1 and *value where the file had a line with this hash. */
int egi_search_record_find(const struct egi_search_record *r, uint64_t decides, double *value);
/* Append a line and sync it; NaN is not kept. */
eg_status egi_search_record_add(struct egi_search_record *r, uint64_t decides, double value);
void egi_search_record_close(struct egi_search_record *r);

/* grid.c - one specification trained on one part and measured on another: accuracy or area. What
 * the record holds is not trained again, and nothing is where no area is defined: NaN. */
struct egi_trial {
    eg_part train, rest;
    const eg_task *task;
    uint64_t seed;
    int threads;
    const eg_train_options *o;
    struct egi_search_record *record;
};
eg_status egi_trial_measure(const struct egi_trial *t, const char *spec, double *value);
/* None of `folds` had a value: says so. */
eg_status egi_trial_none(size_t folds);

#endif
