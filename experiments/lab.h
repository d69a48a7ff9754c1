/* What experiments share: rows in one line, scratch that is released at the end, recalls of
 * many random starts. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EXPERIMENTS_LAB_H
#define EXPERIMENTS_LAB_H

#include "engram/train.h"
#include "experiments/experiment.h"

/* Return from the caller if an expression yields a failure. */
#define LAB_TRY(expr)                          \
    do {                                       \
        const eg_status lab_status = (expr);   \
        if (lab_status < 0) return lab_status; \
    } while (0)

/* Rows: measured within published +- tolerance; at most, at least a bound. */
void lab_near(const struct experiment_context *run, double published, double measured,
              double tolerance, const char *quantity, ...) EG_PRINTF(5, 6);
void lab_at_most(const struct experiment_context *run, double bound, double measured,
                 double tolerance, const char *quantity, ...) EG_PRINTF(5, 6);
void lab_at_least(const struct experiment_context *run, double bound, double measured,
                  double tolerance, const char *quantity, ...) EG_PRINTF(5, 6);

/* At least what is published; the bounds of the two above are ours. */
void lab_reaches(const struct experiment_context *run, double published, double measured,
                 double tolerance, const char *quantity, ...) EG_PRINTF(5, 6);

/* A figure that stands beside the others, without a bound. */
void lab_beside(const struct experiment_context *run, double measured, const char *quantity, ...)
    EG_PRINTF(3, 4);

/* A curve; text is "title|x label|y label", theory (n) or NULL, then the name of the series. */
void lab_curve(const struct experiment_context *run, const char *text, size_t n, const double *x,
               const double *y, const double *theory, const char *series, ...) EG_PRINTF(7, 8);

/* The standard error of a share p of n trials, never 0: that of (n p + 1) / (n + 2). */
double lab_share_error(double p, size_t n);

/* What many recalls from random starts came to. */
enum { LAB_BINS = 21 };
struct lab_starts {
    double recovered; /* share that is a memory or, for even energies, its mirror image */
    double overlap;   /* mean |overlap| with the nearest memory */
    double bin[LAB_BINS], histogram[LAB_BINS]; /* share by |overlap| 0, .05, .. 1 */
};

/**
 * K random +-1 memories of N neurons, asynchronous recall in random order from random starts.
 * @param rule  separation, order and beta; similarity dot and projection sign are set here
 */
eg_status lab_random_starts(const struct experiment_context *run, eg_rule rule, size_t n, size_t k,
                            size_t starts, uint64_t seed, struct lab_starts *out);

/* A memory of (n, d) patterns under a rule; release with eg_memory_destroy. */
eg_status lab_memory(eg_storage storage, const eg_rule *rule, const float *patterns, size_t n,
                     size_t d, eg_memory **out);

/* A set of images by its name in the catalogue, pixels from 0..255 to [0, 1]; at most `most` of
 * them, 0: all. */
eg_status lab_images(const char *name, size_t most, eg_dataset *out);

/* eg_train of a learner on all of a set, which is told as one that was trained; rest: what is
 * measured as it goes, or NULL. */
eg_status lab_train(const struct experiment_context *run, const char *name, const char *data,
                    eg_learner *l, const eg_dataset *set, const eg_dataset *rest,
                    const eg_train_options *o);

/* eg_train on all of a set, of which nothing is told: its seconds. */
eg_status lab_timed_train(eg_learner *l, const eg_dataset *set, const eg_train_options *o,
                          double *seconds);

/* What f makes of the pictures of a set, (n, channels, ..) of (n, C, H, W), in their place. */
eg_status lab_on_tape(const struct experiment_context *run, eg_dataset *set,
                      eg_var (*f)(eg_tape *t, eg_var x, const void *user), const void *user);

/* malloc of count floats, checked; NULL only on failure. */
float *lab_floats(size_t count);

/* EG_ERR_NOMEM as a return value of an experiment. */
eg_status lab_no_memory(void);

#endif
