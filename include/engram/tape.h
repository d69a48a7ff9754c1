/* engram/tape.h - reverse-mode differentiation, defined by running.
 *
 * A tape holds the values of one computation in the order in which they were made. Operations
 * (engram/operations.h) compute at once and append; eg_tape_gradient() walks back and appends the
 * derivatives, which are made of the same operations and can be differentiated again.
 *
 * Errors stick: after the first failure every operation returns EG_NONE and does nothing, so that
 * formulae read as formulae; eg_tape_status() tells what failed first, and where. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGRAM_TAPE_H
#define ENGRAM_TAPE_H

#include "engram/alloc.h"
#include "engram/tensor.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct eg_tape eg_tape;

/* A value on a tape; valid until the tape is reset. id 0 is no value. */
typedef struct eg_var {
    uint32_t id;
} eg_var;
#define EG_NONE ((eg_var){ 0 })

/* threads 0: all; changes no bit of any result. */
EG_API EG_MUST_CHECK eg_status eg_tape_create(int threads, const eg_allocator *alloc,
                                              eg_tape **out);
EG_API void eg_tape_destroy(eg_tape *t);

/* Forget every value and the failure. Memory is kept for the next computation: one that repeats
 * the shapes of the last allocates nothing. */
EG_API void eg_tape_reset(eg_tape *t);

/* EG_OK, or the first failure since the last reset, with its detail. */
EG_API EG_MUST_CHECK eg_status eg_tape_status(const eg_tape *t);

/* Bytes of all values that are alive; the most there were since the last call of _reset_peak. */
EG_API size_t eg_tape_bytes(const eg_tape *t);
EG_API size_t eg_tape_peak_bytes(const eg_tape *t);
EG_API void eg_tape_reset_peak(eg_tape *t);

/* An array of the caller's, row-major, borrowed until the tape is reset: what is learned or
 * differentiated by (eg_leaf), and what is not (eg_input). */
EG_API eg_var eg_leaf(eg_tape *t, eg_dtype dtype, const eg_shape *shape, const void *data);
EG_API eg_var eg_input(eg_tape *t, eg_dtype dtype, const eg_shape *shape, const void *data);
/* One number, rank 0: what broadcasts against anything. */
EG_API eg_var eg_number(eg_tape *t, eg_dtype dtype, double value);

EG_API eg_shape eg_tape_shape(const eg_tape *t, eg_var v); /* of EG_NONE: rank 0 */
EG_API eg_dtype eg_tape_dtype(const eg_tape *t, eg_var v);
/* The elements in row-major order, valid until the tape is reset; NULL after a failure. A view
 * is copied. */
EG_API const void *eg_tape_value(eg_tape *t, eg_var v);
/* The first element as a double; NaN after a failure. */
EG_API double eg_tape_number(eg_tape *t, eg_var v);

enum {
    EG_GRADIENT_KEEP = 1,   /* the derivatives can be differentiated again */
    EG_GRADIENT_RELEASE = 2 /* values between the leaves and y are let go on the way: halves
                               memory, and they can be read no more */
};

/**
 * out_k = sum_i seed_i d y_i / d wrt_k, of the shape of wrt_k.
 * @param seed  of y's shape, or EG_NONE: ones
 * @param out   (n); EG_NONE where y does not depend on wrt_k
 * @return EG_OK; what an operation failed with; EG_ERR_UNSUPPORTED where a fused operation would
 *         have to be differentiated twice (the detail names the way that can be)
 *
 * Source: Griewank and Walther 2008, Evaluating Derivatives, table 3.5 (reverse mode).
 */
EG_API EG_MUST_CHECK eg_status eg_tape_gradient(eg_tape *t, eg_var y, eg_var seed,
                                                const eg_var *wrt, size_t n, unsigned flags,
                                                eg_var *out);

/**
 * y = f(x): only x and y are kept, and f runs again on the way back (Chen et al. 2016, "Training
 * deep nets with sublinear memory cost"). f must be a pure function of x and of what user holds;
 * parameters that are to be learned must be among x.
 */
EG_API eg_var eg_checkpoint(eg_tape *t, eg_var (*f)(eg_tape *t, const eg_var *x, void *user),
                            void *user, const eg_var *x, size_t n);

/* A row of the table of operations; NULL past its end. */
typedef struct eg_operation_info {
    const char *name;    /* "softmax" */
    const char *formula; /* "y_i = e^x_i / sum_j e^x_j" */
    const char *source;  /* or "" */
} eg_operation_info;
EG_API const eg_operation_info *eg_operation(size_t row);

#ifdef __cplusplus
}
#endif
#endif
