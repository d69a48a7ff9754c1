/* A computation read off a tape and written as nodes of ONNX. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EGI_ONNX_TRACE_H
#define EGI_ONNX_TRACE_H

#include "engram/params.h"
#include "grad/egi_tape_impl.h"
#include "model/egi_onnx_maker.h"

enum { EGI_TRACE_NAME = 280 };

/* Values are numbered as on the tape. A size that `batch` divides goes with the batch: it is a
 * prime that divides no size of the network's own. */
struct egi_trace {
    eg_tape *t;
    struct egi_maker *k;
    const eg_params *params;
    size_t batch;
    char (*name)[EGI_TRACE_NAME]; /* (count) of each value; "": not written yet */
    size_t count;
    uint32_t self; /* the value that is being written */
    unsigned made; /* constants and values of its own */
    int batch_known;
};

/* What a row of the table of operations becomes; a failure is the tape's. */
typedef void egi_trace_writer(struct egi_trace *w, const struct egi_node *n);

struct egi_trace_row {
    const struct egi_op *op;
    egi_trace_writer *write;
    const char *onnx; /* of writers that rows share */
};
/* onnx_trace_recurrent.c - an LSTM or GRU over all steps; and a part of it, which must be its h
 * (else a failure). */
egi_trace_writer egi_trace_recurrent, egi_trace_part;
int egi_trace_is_recurrent(const struct egi_op *op);
/* Inputs that its node reads; weights are written by it. */
enum { EGI_TRACE_RECURRENT_INPUTS = 3 };
/* onnx_trace_ops.c - NULL: the standard has no such operation. */
const struct egi_trace_row *egi_trace_row_of(const struct egi_op *op);

/* onnx_trace.c */
const char *egi_trace_in(struct egi_trace *w, const struct egi_node *n, size_t k);
eg_shape egi_trace_shape(const struct egi_trace *w, const struct egi_node *n, size_t k);
/* The value that is being written, and another of its own. */
const char *egi_trace_out(struct egi_trace *w);
void egi_trace_temp(struct egi_trace *w, char name[EGI_TRACE_NAME]);
void egi_trace_node(struct egi_trace *w, const char *op, const char *out,
                    const struct egi_made_attr *attrs, size_t inputs, ...);
void egi_trace_number(struct egi_trace *w, double value, char name[EGI_TRACE_NAME]);
void egi_trace_ints(struct egi_trace *w, const int64_t *v, size_t n, char name[EGI_TRACE_NAME]);
/* A shape for Reshape: the size that goes with the batch is -1. For Expand: computed from it. */
void egi_trace_reshape_to(struct egi_trace *w, const eg_shape *s, char name[EGI_TRACE_NAME]);
void egi_trace_expand_to(struct egi_trace *w, const eg_shape *s, char name[EGI_TRACE_NAME]);
/* The elements of a value that does not depend on the input, as a constant. */
void egi_trace_constant(struct egi_trace *w, const struct egi_node *n);
int egi_trace_goes_with_batch(const struct egi_trace *w, size_t size);

#endif
