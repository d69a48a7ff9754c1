/* cli/model.h - a trained model opened by the program: the learner, and what its notes say of the
 * data it was trained on, so that data read a year later is treated as those were. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_MODEL_H
#define CLI_MODEL_H

#include "cli/cue_picture.h"

enum input_kind {
    INPUT_NONE,    /* as in the file */
    INPUT_UNIT,    /* low..high to 0..1 */
    INPUT_COLUMNS, /* each column to mean 0 and standard deviation 1 */
    INPUT_COUNT
};
const char *input_name(size_t kind); /* NULL past the end */

/* How the values of a file become the inputs of a learner: note "input", JSON. */
struct input {
    enum input_kind kind;
    double low, high; /* of the file: 0 and 255 of 8-bit pictures */
    size_t d;
    float *shift, *scale; /* (D) of INPUT_COLUMNS: x <- (x - shift) scale; else NULL */
};

/* Fitted to rows index (n) of a set (NULL: all). */
struct input input_fit(const eg_dataset *set, const size_t *index, size_t n, enum input_kind kind);
void input_apply(const struct input *input, eg_dataset *set);
/* "0..255 -> 0..1" */
const char *input_words(const struct input *input);
/* "1391 rows, 2 to 13 a bag"; NULL where the items are no bags. */
const char *bag_sizes(const eg_dataset *set);
void input_clear(struct input *input);

struct model {
    eg_learner *learner;
    const eg_task *task;
    const char *path;
    struct input input;
    struct shape shape;     /* of its images, else 0 */
    struct scaling drawing; /* its inputs as grey */
    struct look look;
    json_t *classes; /* array of names, or NULL */
    json_t *columns; /* array of D names of the columns it was trained on, or NULL */
    int has_look;
};

/* The notes of a learner that is to be trained on a set whose values are inputs already. */
eg_status model_note(eg_learner *l, const struct input *input, const eg_dataset *set,
                     const char *data);
/* EXIT_DONE, or the message printed. */
int model_open(const struct call *call, const char *path, struct model *m);
void model_of_learner(eg_learner *l, const char *path, struct model *m); /* borrows l */
void model_close(struct model *m);
void model_clear(struct model *m);                        /* all but the learner */
const char *model_class(const struct model *m, size_t k); /* kept */

/* Names of the columns of a set: an array, or NULL where it has none, or they are no UTF-8. */
json_t *column_names_json(const eg_dataset *set);
/* Whether a set fits: its D, its columns, which are put in the model's order where both have names,
 * and each of its class names, which become the model's numbers. EXIT_DONE, or EXIT_USAGE with both
 * shapes, or the column or class, named. */
int model_fit(const struct call *call, const struct model *m, const char *name, eg_dataset *set);
/* How many sequences a reader has left out for their length, where it has. */
void say_too_long(const struct call *call, const char *name, const eg_dataset *set);
/* Data, a folder or a picture as inputs of the model: of formats whose files do not say how wide
 * items are, as wide as it takes. */
int model_read(const struct call *call, const struct model *m, const char *name,
               const struct cue_options *o, const eg_read_options *read, eg_dataset *out);

#endif
