/* The table of learners: what a row of it does. src/nn/learner.c checks arguments, parses the
 * settings by the row's own list and owns params and state; a row trusts what it is given. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EGI_LEARNER_H
#define EGI_LEARNER_H

#include "base/egi_base.h"
#include "engram/learner.h"
#include "engram/tape.h"
#include "nn/egi_setting.h"

enum { EGI_LEARNER_GROUP = 24, EGI_LEARNER_TILE = 10 * EGI_LEARNER_GROUP };

struct egi_drawn; /* egi_layer.h */
struct egi_watch; /* egi_heads.h */

struct egi_learner_row {
    eg_learner_kind kind;
    const struct egi_setting *settings; /* ends with a row whose name is NULL */
    size_t settings_bytes;              /* of the struct the settings fill */
    size_t own_bytes;                   /* of l->own, zeroed before create */
    int bags; /* sees bags itself, step and scores read l->offset; else their statistics */

    /* Add arrays to l->params and l->state, and fill them. What it had is released by destroy,
     * which is called after a failed create too. Both may be NULL. */
    eg_status (*create)(struct eg_learner *l);
    void (*destroy)(struct eg_learner *l);

    /* Of a kind that learns from all examples at once; it has no step. fit adds to l->params, which
     * is empty, all that scores depend on; adopt checks names, shapes and values of l->params,
     * which may come from a file, and only then points to them: EG_ERR_CORRUPT. Where it fails it
     * changes nothing. */
    eg_status (*fit)(struct eg_learner *l, const eg_examples *e);
    eg_status (*adopt)(struct eg_learner *l);
    eg_status (*step)(struct eg_learner *l, double epoch, const float *x, const int32_t *y,
                      size_t b, double *loss);
    /* Running statistics become those of batches 1 .. k, of which this is the k-th; nothing else
     * changes. NULL: there are none. */
    eg_status (*settle)(struct eg_learner *l, const float *x, size_t b, size_t k);
    /* Of EGI_LEARNER_GROUP vectors or a multiple of them, at most EGI_LEARNER_TILE; of one bag. */
    eg_status (*scores)(struct eg_learner *l, const float *x, size_t b, float *scores);
    eg_status (*pullback)(struct eg_learner *l, const float *x, const float *cotangent, size_t b,
                          float *scores, float *dx);
    /* A pass in evaluation that hands out what w asks for; its values are those of *tape. NULL: it
     * has no layers. */
    eg_status (*watch)(struct eg_learner *l, const float *x, size_t b, struct egi_watch *w,
                       eg_tape **tape);
    /* Store (by 1) or forget (by -1) examples that are checked, those that are wrong alone or all;
     * adds to *changed. hold: what exists stays. NULL: it has no connections to write. */
    eg_status (*store)(struct eg_learner *l, const float *x, const int32_t *y, size_t b, int wrong,
                       int by, size_t *changed);
    eg_status (*hold)(struct eg_learner *l, int hold);
    /* Scores as operations on a tape of the caller's, of x (B, D) there, in its type; leaf
     * (parameters): what stands for each, NULL: inputs. drawn: NULL, or weights are drawn for each
     * example (egi_layer.h). NULL: it computes otherwise. */
    eg_var (*trace)(struct eg_learner *l, eg_tape *t, eg_var x, eg_var *leaf,
                    struct egi_drawn *drawn);
    /* The loss of scores (B, K) and classes y (B), likewise; NULL: it has none there. */
    eg_var (*cost)(struct eg_learner *l, eg_tape *t, eg_var scores, eg_var y);
};

struct eg_learner {
    const struct egi_learner_row *row;
    eg_task task;  /* of what the row sees */
    eg_task asked; /* what it was made for: bags, where the row sees their statistics; inputs 0:
                      the same as task */
    uint64_t seed;
    int threads;
    const eg_allocator *alloc;
    eg_params *params, *state;
    void *settings;   /* the row's struct, filled by egi_settings_read */
    json_t *document; /* what EGI_SETTING_JSON borrows from; becomes spec after create */
    void *own;        /* the row's own */
    char *spec;
    json_t *notes; /* object of words, or NULL: none yet */
    float *pad;    /* (GROUP, 2 (D + K)) of learner.c: the last examples of an evaluation */
    int fitted;
    int settles; /* running statistics may be far from what the last steps made of the weights */
    const size_t *offset; /* (b + 1) of the bags of the call that runs; NULL: vectors */
};

/* What eg_learner_create does once the row is known. Takes the reference to document. */
eg_status egi_learner_make(const struct egi_learner_row *row, json_t *document, const eg_task *task,
                           uint64_t seed, int threads, const eg_allocator *alloc, eg_learner **out);

/* bag_statistics.c - what the learner was made for. */
const eg_task *egi_learner_asked(const eg_learner *l);
/* From now on the row sees vectors in the place of bags. */
eg_status egi_bag_statistics_task(eg_learner *l);
/* These vectors; to be released with the arena. */
eg_status egi_bag_statistics(const eg_learner *l, const eg_examples *e, struct egi_arena *arena,
                             eg_examples *out);

/* learner.c - x (rows, D) finite, as it was asked for; y (n) classes. */
eg_status egi_learner_check_inputs(const eg_learner *l, const float *x, size_t rows);
eg_status egi_learner_check_classes(const eg_learner *l, const int32_t *y, size_t n);
/* Scores of vectors as the row sees them. */
eg_status egi_learner_score_vectors(eg_learner *l, const float *x, size_t b, float *scores);
/* One step on examples that are checked. */
eg_status egi_learner_step(eg_learner *l, double epoch, const eg_examples *e, double *loss);

/* learner_examples.c - *p becomes the parameters of a kind that is fitted; what there was is in
 * *p. EG_ERR_CORRUPT: they are none of this kind, and nothing has changed. */
eg_status egi_learner_adopt(eg_learner *l, eg_params **p);
/* A copy of an array into l->params. */
eg_status egi_fitted_keep(eg_learner *l, const char *name, eg_dtype dtype, const eg_shape *shape,
                          const void *from);
/* An array of a learner that is fitted, (rows, columns) or (rows): NULL on failure; 0: any size,
 * which is set. */
const eg_param *egi_fitted_array(const eg_learner *l, const char *name, eg_dtype dtype,
                                 size_t *rows, size_t *columns);

/* network_rows.c - of a row of a network's tables, "optimiser.adam"; NULL: there is none. */
const struct egi_setting *egi_network_settings(const char *name);

/* EG_ERR_DIVERGED, naming the first parameter or state that is not finite and where. */
eg_status egi_learner_finite(eg_learner *l);

/* learner_examples.c - l->settles: the row's settle, of examples that were steps before. */
eg_status egi_learner_settle(eg_learner *l, const eg_examples *e, size_t k);

extern const struct egi_learner_row egi_learner_network, egi_learner_knn, egi_learner_class_mean,
    egi_learner_svm, egi_learner_forest, egi_learner_boosting, egi_learner_kmeans,
    egi_learner_lookup;
extern const struct egi_learner_row *const egi_learner_rows[]; /* learner.c; ends with NULL */

#endif
