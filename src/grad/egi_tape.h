/* The tape from inside: values, buffers, and what a row of the table of operations does. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EGI_TAPE_H
#define EGI_TAPE_H

#include "engram/operations.h"
#include "engram/tape.h"
#include "tensor/egi_tensor.h"

enum { EGI_INPUTS_MAX = 16 };

/* What an operation is given beside its inputs; each row says what it reads. */
struct egi_attr {
    ptrdiff_t n[2 * EG_MAX_RANK];
    double a[2];
    eg_shape shape;
    uint64_t seed, stream;
    eg_var (*f)(eg_tape *t, const eg_var *x, void *user); /* checkpoint */
    void *user;
};

/* A call of a row on its way forward. */
struct egi_call {
    eg_tape *t;
    const struct egi_op *op;
    const struct egi_tensor *in; /* (count) */
    size_t count;
    const struct egi_attr *attr;
    struct egi_tensor out;
    int threads;
};

/* A row on its way back: y = op(x), g the gradient by y. dx comes as EG_NONE and may stay so. */
struct egi_back {
    eg_tape *t;
    const eg_var *x; /* (count) */
    size_t count;
    eg_var y, g;
    const struct egi_attr *attr;
    const unsigned char *wanted; /* (count) */
    eg_var *dx;                  /* (count) */
};

struct egi_op {
    eg_operation_info info;
    /* Sets out.dtype and out.shape; they come as those of the first input. NULL: they stay. A view
     * also sets out.data and out.stride. Failures name the operation and both shapes. */
    eg_status (*shape)(struct egi_call *c);
    /* NULL: the output is a view of the first input. */
    eg_status (*forward)(struct egi_call *c);
    /* Made of operations. NULL: nothing flows back (steps, indices). */
    void (*backward)(struct egi_back *b);
    int kernel;          /* for rows that share functions: which entry of the kernel's table */
    const char *unfused; /* of a row that is a derivative itself: what to use to have its own */
    enum { EGI_ANY_DTYPE = 1 } flags; /* inputs may have different types */
};

/* op_table.c */
extern const struct egi_op *const egi_ops[];
extern const size_t egi_ops_count;

/* tape.c - run one operation: every public function ends here. */
eg_var egi_apply(eg_tape *t, const struct egi_op *op, const eg_var *x, size_t count,
                 const struct egi_attr *attr);
/* y, just made, is op(x): what a gradient walks back along. */
eg_var egi_record(eg_tape *t, const struct egi_op *op, const eg_var *x, size_t count,
                  const struct egi_attr *attr, eg_var y);
/* Make the tape fail; returns EG_NONE. The detail is what egi_fail has stored. */
eg_var egi_tape_fail(eg_tape *t, eg_status s);
/* The detail of the failure becomes "place: detail". */
void egi_tape_failed_at(eg_tape *t, const char *place);
const struct egi_tensor *egi_tape_tensor(const eg_tape *t, eg_var v);
int egi_tape_threads(const eg_tape *t);         /* as it was created with */
int egi_tape_wants(const eg_tape *t, eg_var v); /* a gradient flows through it */
/* A value of the tape's own memory, not set. */
eg_var egi_tape_new(eg_tape *t, eg_dtype dtype, const eg_shape *shape);

/* A value that is not there: operations on it check and tell shapes, and compute nothing; what they
 * give out is a ghost too. It has no elements to be read (eg_tape_value is NULL). */
eg_var egi_tape_ghost(eg_tape *t, eg_dtype dtype, const eg_shape *shape);
int egi_tape_is_ghost(const eg_tape *t, eg_var v);
/* From now on every operation is recorded, also where no gradient flows: for what reads a
 * computation off the tape. Until the tape is reset. */
void egi_tape_trace(eg_tape *t);
/* Bytes the tape may hold at most; what needs more fails with EG_ERR_LIMIT. 0: any number. */
void egi_tape_limit(eg_tape *t, size_t bytes);

/* Memory for the length of one call of forward, from the tape's own pool. */
eg_status egi_scratch(struct egi_call *c, size_t bytes, void **out);
/* x as it is when it is row-major, else a copy of it for the length of the call. */
eg_status egi_contiguous(struct egi_call *c, const struct egi_tensor *x, struct egi_tensor *out);

/* A thing that is dear to make and the same whenever its key is, such as a plan. */
struct egi_keeping {
    size_t key, thing; /* bytes; keys are compared as bytes */
    eg_status (*make)(const void *key, void *thing);
    void (*clear)(void *thing);
};
/* tape_kept.c - the thing of this key, made at the first call and kept by the tape for the next:
 * the newest EGI_KEPT_MAX of them. It stays where it is until the call ends. */
eg_status egi_keep(struct egi_call *c, const struct egi_keeping *how, const void *key, void **out);

const struct egi_tensor_kernels *egi_kernels_of(eg_dtype dtype);

/* Gradient g of a broadcast, summed to the shape of x. */
eg_var egi_sum_to(eg_tape *t, eg_var g, const eg_shape *shape);

#endif
