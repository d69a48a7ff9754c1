/* engram/learner.h - whatever learns from labelled examples, behind one interface.
 *
 * A deep network with its optimiser, a dense associative memory trained by gradient, nearest
 * neighbours, a forest of trees: each is a row of one table. The training loop, the attacks, the
 * comparison and the program know only this header, so a new kind of learner has all of them.
 *
 * Some learn by steps on batches (eg_learner_step), others from all examples at once
 * (eg_learner_fit); eg_train does what the kind needs. An example is a vector, or a bag of them. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGRAM_LEARNER_H
#define ENGRAM_LEARNER_H

#include "engram/alloc.h"
#include "engram/params.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct eg_learner eg_learner;

/* A row of the table of kinds, and one of a kind's settings; NULL past the end. */
typedef struct eg_learner_kind {
    const char *name;    /* "network", "dam", "local" */
    const char *summary; /* one line */
    const char *source;  /* paper and equation */
} eg_learner_kind;
typedef struct eg_setting {
    const char *name;     /* "hidden" */
    const char *type;     /* "count", "number", "word", "flag", "list", "object" */
    const char *fallback; /* its default as JSON text */
    const char *summary;  /* meaning, unit, domain */
} eg_setting;
EG_API const eg_learner_kind *eg_learner_kind_at(size_t row);
EG_API const eg_setting *eg_learner_setting_at(const char *kind, size_t row);

/* The tables that the specification of a network chooses from, "layer", "loss", "optimiser",
 * "schedule" (NULL past the end), and their rows: 1, and name, formula and source in *out; 0 past
 * the end. The settings of a row are those of the kind "optimiser.adam". */
EG_API const char *eg_network_table_at(size_t table);
EG_API int eg_network_row_at(const char *table, size_t row, eg_learner_kind *out);

/* What a learner is shown: N examples of D inputs. */
typedef struct eg_task {
    size_t inputs;                  /* D */
    size_t height, width, channels; /* of an image, D = C H W, channel-major; else 0 */
    size_t classes;                 /* K >= 2 */
    size_t epochs;                  /* what schedules are stretched over */
    size_t bags; /* 1: an example is a bag of any number of such inputs; a kind that takes vectors
                    alone sees mean, least and largest of each of them, docs/baselines.md */
} eg_task;

/* N examples: vectors, or bags of them. */
typedef struct eg_examples {
    const float *x;       /* (rows, D) finite; rows: N of vectors, offset[N] of bags */
    const size_t *offset; /* (N + 1) rising from 0: bag i has the rows offset[i] to offset[i + 1],
                             one or more; NULL: vectors */
    const int32_t *y;     /* (N) classes in 0..K-1; NULL where none are asked for */
    size_t n;
} eg_examples;

/**
 * @param spec  JSON object: {"kind": "dam", "n": 3, ...}; what it leaves out has its default.
 *              An unknown key, a value outside its domain or of another type is refused with its
 *              place ("layers[2].units: expected a count in 1..1e9, got "ten"").
 * @param seed  of the first parameters and of every random choice later
 * @param threads  0: all; changes no bit of any result
 * @return EG_OK; EG_ERR_INVALID; EG_ERR_SHAPE (layers that do not fit: both shapes);
 *         EG_ERR_UNSUPPORTED (a kind whose library was not there when Engram was built);
 *         EG_ERR_NOMEM
 */
EG_API EG_MUST_CHECK eg_status eg_learner_create(const char *spec, const eg_task *task,
                                                 uint64_t seed, int threads,
                                                 const eg_allocator *alloc, eg_learner **out);
EG_API void eg_learner_destroy(eg_learner *l);

/* The specification with every default written out; valid until the learner is destroyed. */
EG_API const char *eg_learner_spec(const eg_learner *l);
EG_API const eg_task *eg_learner_task(const eg_learner *l);

/* What was learned, with all that scores depend on (running means too; saved as
 * model.safetensors), and everything else that the next step depends on (momenta, counters): a
 * learner made from the same spec and given both goes on with the same bits. Values may be
 * written to. */
EG_API eg_params *eg_learner_params(eg_learner *l);
EG_API eg_params *eg_learner_state(eg_learner *l);

/**
 * One step on a batch.
 * @param epoch  from 0, fractional within an epoch: schedules read it
 * @param x      (B, D) finite inputs
 * @param y      (B) classes in 0..K-1
 * @param loss   mean loss of the batch before the step
 * @return EG_OK; EG_ERR_DIVERGED (names the parameter; parameters are no longer of use);
 *         EG_ERR_UNSUPPORTED (a kind that is fitted); EG_ERR_INVALID; EG_ERR_NOMEM
 */
EG_API EG_MUST_CHECK eg_status eg_learner_step(eg_learner *l, double epoch, const float *x,
                                               const int32_t *y, size_t b, double *loss);

/* Whether the kind is fitted to all examples at once, and has no steps. */
EG_API int eg_learner_fits(const eg_learner *l);

/**
 * Learn from all examples at once; what was fitted before is forgotten. Only then there are
 * parameters, whose number and shapes may depend on the examples: what eg_learner_params gave
 * before is no longer valid. On failure all is as it was.
 * @return EG_OK; EG_ERR_UNSUPPORTED (a kind that learns by steps); EG_ERR_INVALID;
 *         EG_ERR_DIVERGED; EG_ERR_NOMEM
 */
EG_API EG_MUST_CHECK eg_status eg_learner_fit(eg_learner *l, const eg_examples *e);

/* One step, and scores, of bags: as eg_learner_step and eg_learner_scores of vectors. */
EG_API EG_MUST_CHECK eg_status eg_learner_step_bags(eg_learner *l, double epoch,
                                                    const eg_examples *e, double *loss);
EG_API EG_MUST_CHECK eg_status eg_learner_scores_bags(eg_learner *l, const eg_examples *e,
                                                      float *scores);

/* scores (B, K) of inputs x (B, D): the larger, the likelier; the class is the argmax. The same
 * bits for any split into batches and any number of threads. EG_ERR_INVALID where it is yet to be
 * fitted. */
EG_API EG_MUST_CHECK eg_status eg_learner_scores(eg_learner *l, const float *x, size_t b,
                                                 float *scores);

/**
 * dx (B, D) = sum_k cotangent_k d scores_k / d x, for attacks and instruments.
 * @param cotangent  (B, K)
 * @param scores     (B, K) of the same pass, or NULL
 */
EG_API EG_MUST_CHECK eg_status eg_learner_pullback(eg_learner *l, const float *x,
                                                   const float *cotangent, size_t b, float *scores,
                                                   float *dx);

/* ---- files ---- */

/**
 * A note: what else the file of a learner shall say, such as how its inputs were scaled. It is a
 * word of __metadata__, saved with the learner and there again when it is opened.
 * @param value  UTF-8; NULL: no note of this key
 * @return EG_OK; EG_ERR_INVALID (key empty, or "learner", "task", "seed" or "hash"; not UTF-8);
 *         EG_ERR_NOMEM
 */
EG_API EG_MUST_CHECK eg_status eg_learner_set_note(eg_learner *l, const char *key,
                                                   const char *value);
/* NULL: there is none. Valid until it is set again, or the learner destroyed. */
EG_API const char *eg_learner_note(const eg_learner *l, const char *key);

/**
 * Write the parameters as safetensors, with specification, task, seed and a hash of all of it in
 * its __metadata__: beside, synced, renamed.
 * @return EG_OK; EG_ERR_IO; EG_ERR_NOMEM
 */
EG_API EG_MUST_CHECK eg_status eg_learner_save(eg_learner *l, const char *path);

/**
 * A learner as it was saved; its state is that of the beginning.
 * @param path  a file of eg_learner_save, or a run folder that has one as model.safetensors
 * @return EG_OK; EG_ERR_IO; EG_ERR_CORRUPT (also where the parameters are not those of the
 *         specification: both shapes; or where there is a hash, and it is another);
 *         EG_ERR_LIMIT; EG_ERR_UNSUPPORTED; EG_ERR_NOMEM
 */
EG_API EG_MUST_CHECK eg_status eg_learner_open(const char *path, int threads,
                                               const eg_allocator *alloc, eg_learner **out);

#ifdef __cplusplus
}
#endif
#endif
