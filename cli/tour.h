/* cli/tour.h - what the chapters of the tour share. A chapter is a function that measures,
 * prints a line or two, and adds its section to the report; it is a row of tour_chapters. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_TOUR_H
#define CLI_TOUR_H

#include "cli/console.h"
#include "cli/report.h"
#include "cli/rule_options.h"
#include "cli/run_folder.h"
#include "cli/scaling.h"

enum { TOUR_CUES = 200 };

struct tour {
    const struct call *call;
    struct run_folder run;
    struct report report;
    eg_dataset set; /* +-1 */
    struct shape shape;
    struct scaling scaling;
    eg_memory *memory;   /* all of the set in TOUR_MEMORY */
    const char *file;    /* where it is kept */
    size_t q, d;         /* cues: the first q items in a random order */
    float *truth, *cues; /* (Q, D) */
    uint64_t seed;
    double started;
};

#define TOUR_MEMORY "rectified:20"
#define TOUR_HIDE "0.3"

struct tour_chapter {
    const char *name;
    int (*run)(struct tour *t); /* an exit code, message printed */
};
extern const struct tour_chapter tour_chapters[]; /* ends with name NULL */
int tour_chapter_learn(struct tour *t);           /* tour_learn.c */
int tour_chapter_bags(struct tour *t);            /* tour_bags.c */
int tour_chapter_teach(struct tour *t);           /* tour_teach.c */
int tour_chapter_known(struct tour *t);           /* tour_known.c */
int tour_chapter_glass(struct tour *t);           /* tour_glass.c */

/* How q recalls went. Recovered: cosine with the truth above 0.999, which for +-1 of fewer
 * than 2000 components is equality. */
struct outcome {
    double recovered, error; /* share and standard error */
    double overlap, steps, seconds;
    double memory, mixture, average; /* shares of kinds of fixed points */
};
eg_status tour_measure(const struct tour *t, const eg_memory *m, const float *cues,
                       const float *truth, size_t q, struct outcome *o);

/* The first n items of the set in a memory of the short name. */
eg_status tour_memory(const struct tour *t, const char *name, size_t n, eg_memory **out);
/* A recall with its whole path: states (*length, D) to be freed, and certificate. */
eg_status tour_path(const struct tour *t, const eg_memory *m, const float *cue, float **states,
                    double **energy, size_t *length, eg_certificate *c);

/* The first q true items (q, D), nine tenths of each hidden. */
void tour_hard_cues(const struct tour *t, float *cues, size_t q);

/* A line of the terminal and of the log. */
void tour_say(struct tour *t, const char *format, ...) EG_PRINTF(2, 3);
eg_status tour_picture(const struct tour *t, const float *x, eg_image *out);

#endif
