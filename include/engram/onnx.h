/* engram/onnx.h - pretrained networks in ONNX files: run as they are, or trained further.
 *
 * A file of opset 1 to 17 becomes a graph whose nodes are operations of a tape
 * (engram/operations.h), by one table of operators; docs/onnx.md lists them. What is constant is
 * computed once at opening. Bytes are not trusted: nothing is allocated for what a file merely
 * declares, no other file is ever opened, and the memory of all that a network does stays under
 * one limit.
 *
 * Elements of float and float16 are f32, of double f64; 8 and 16 bit integers and booleans are
 * whole numbers in f32, wider integers whole numbers in f64 (exact up to 2^53; what lies beyond
 * is refused, but for the ends of int64, which stand for "as far as there is"). */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGRAM_ONNX_H
#define ENGRAM_ONNX_H

#include "engram/alloc.h"
#include "engram/image.h"
#include "engram/params.h"
#include "engram/tape.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct eg_onnx eg_onnx;

typedef struct eg_onnx_options {
    size_t size;      /* sizeof(eg_onnx_options) */
    int threads;      /* 0: all; changes no bit of any result */
    size_t max_bytes; /* of file, constants and values together; 0: by
                         the size of the file, engram/limits.h */
    int keep_norms;   /* 1: a batch norm behind a convolution stays a node of its own */
    const eg_allocator *alloc;
    int node_by_node; /* 1: eg_onnx_run() fuses and lays out nothing */
} eg_onnx_options;
#define EG_ONNX_OPTIONS_INIT                   \
    {                                          \
        sizeof(eg_onnx_options), 0, 0, 0, 0, 0 \
    }

/**
 * @param options  NULL: the defaults
 * @return EG_OK; EG_ERR_IO; EG_ERR_CORRUPT ("file: byte N: ..", or "file: node 3 "conv1" (Conv,
 *         opset 13): .."); EG_ERR_UNSUPPORTED (an operator, its opset, an element type, data in
 *         another file: named, with the node); EG_ERR_SHAPE and EG_ERR_INVALID (a node whose
 *         constants do not fit it); EG_ERR_LIMIT; EG_ERR_NOMEM
 */
EG_API EG_MUST_CHECK eg_status eg_onnx_open(const char *path, const eg_onnx_options *options,
                                            eg_onnx **out);
/* The same of bytes, which are copied; name stands for the file in messages. */
EG_API EG_MUST_CHECK eg_status eg_onnx_read(const char *name, const void *bytes, size_t size,
                                            const eg_onnx_options *options, eg_onnx **out);
EG_API void eg_onnx_destroy(eg_onnx *m);

/* What comes in or goes out; texts are the network's. */
typedef struct eg_onnx_port {
    const char *name;
    const char *type; /* "float", "int64", .. */
    int has_shape;    /* 0: any shape */
    eg_shape shape;   /* a dimension of 0: any size */
} eg_onnx_port;
/* NULL past the end. Inputs are those that no constant of the file fills. */
EG_API const eg_onnx_port *eg_onnx_input(const eg_onnx *m, size_t index);
EG_API const eg_onnx_port *eg_onnx_output(const eg_onnx *m, size_t index);

EG_API int64_t eg_onnx_opset(const eg_onnx *m);
EG_API size_t eg_onnx_nodes(const eg_onnx *m); /* that are left to run */
/* A word of metadata_props; NULL: there is none. */
EG_API const char *eg_onnx_meta(const eg_onnx *m, const char *key);

/* Weights that can be trained, by the names the file gives them. Values may be written to; so once
 * they were asked for, each run lays them out anew, which costs some of its time. */
EG_API eg_params *eg_onnx_params(eg_onnx *m);

/* An array that goes in or comes out. */
typedef struct eg_onnx_array {
    const char *name; /* going in, NULL: the input at this place */
    eg_dtype dtype;   /* in: any that holds the input's numbers; out: see above */
    eg_shape shape;
    const void *data; /* row-major */
} eg_onnx_array;

/**
 * Run the network. Values that no later node needs are let go on the way and their memory is
 * taken again; a run that repeats the shapes of the last allocates nothing.
 * @param in     (n) one for each input
 * @param names  (outs) values to hand out, any of the graph; NULL: its first `outs` outputs
 * @param out    (outs) valid until the next call on m
 * @return EG_OK; EG_ERR_INVALID (no such input, value, or one missing); EG_ERR_SHAPE (what was
 *         expected, what came; a failure inside names the node); EG_ERR_LIMIT;
 *         EG_ERR_UNSUPPORTED; EG_ERR_NOMEM
 */
EG_API EG_MUST_CHECK eg_status eg_onnx_run(eg_onnx *m, const eg_onnx_array *in, size_t n,
                                           const char *const *names, size_t outs,
                                           eg_onnx_array *out);

/* How the last run was laid out. Of floats, stretches of nodes between convolutions and what can go
 * with them (activations, sums of two, pools, concatenation, products at the end) run as one:
 * fused, in the layout that the kernels like, picture by picture, in memory that is planned once
 * for the shapes of the run. Sums then come in another order than one by one (node_by_node), within
 * some 1e-6 of the largest; the bits are those of any batch and number of threads. */
typedef struct eg_onnx_layout {
    size_t nodes, stretches;          /* of the network that run so; what they make up */
    size_t steps;                     /* what is left to do of them */
    size_t weight_bytes, value_bytes; /* as laid out: weights; values of one picture, one by one */
    size_t shared_bytes; /* memory that values share, no two alive at once in one place */
    size_t work_bytes;   /* of all pictures at once, with what steps work in */
} eg_onnx_layout;
EG_API EG_MUST_CHECK eg_status eg_onnx_planned(const eg_onnx *m, eg_onnx_layout *out);

/**
 * The network as operations on a tape of the caller's, to be differentiated: nothing is let go.
 * A failure is also the tape's.
 * @param in     (n) values of t, one for each input in order
 * @param leaf   (eg_params_count of eg_onnx_params) what parameters are on the tape; NULL where
 *               nothing is differentiated by them
 * @param names, outs  as of eg_onnx_run
 */
EG_API EG_MUST_CHECK eg_status eg_onnx_apply(eg_onnx *m, eg_tape *t, const eg_var *in, size_t n,
                                             const char *const *names, size_t outs, eg_var *leaf,
                                             eg_var *out);

/* A node, as inference of shapes sees it. */
typedef struct eg_onnx_step {
    const char *op, *output, *type; /* the node's operator; its first output */
    eg_shape shape;                 /* of the first output */
    int has_shape;                  /* 0: it depends on values */
    size_t live_bytes;              /* of all values alive beside and after it */
} eg_onnx_step;
typedef struct eg_onnx_cost {
    size_t nodes, unknown;  /* nodes; those of them whose shapes depend on values */
    size_t parameter_bytes; /* all that is constant */
    size_t peak_bytes;      /* of values alive at once, from known shapes */
} eg_onnx_cost;
/**
 * Shapes of all values for inputs of these shapes, without computing or allocating any.
 * @param shape  (n) of each input in order
 * @param each   called for each node in order, or NULL
 */
EG_API EG_MUST_CHECK eg_status eg_onnx_infer(eg_onnx *m, const eg_shape *shape, size_t n,
                                             void (*each)(void *user, const eg_onnx_step *step),
                                             void *user, eg_onnx_cost *out);

/* How pictures become an input (N, C, H, W): x = (pixel - shift) scale of each channel, 0..255. */
typedef struct eg_onnx_pixels {
    size_t height, width, channels; /* 0: any size; channels 1 or 3 */
    float shift[3], scale[3];
    int bgr; /* 1: blue first */
} eg_onnx_pixels;
/**
 * What the file says of its first input: the words input_zero and input_scale (of pixels), or
 * input_mean and input_std (of pixels / 255, three numbers or one), or Image.NominalPixelRange and
 * Image.BitmapPixelFormat of the ONNX standard.
 * @return EG_OK; EG_NOT_FOUND (nothing of scaling: shift 0 and scale 1, sizes are set);
 *         EG_ERR_UNSUPPORTED (the input is no picture); EG_ERR_CORRUPT (words that are no numbers)
 */
EG_API EG_MUST_CHECK eg_status eg_onnx_pixels_of(const eg_onnx *m, eg_onnx_pixels *out);
/* A picture of the size of p (its own where that is 0) as x (C, H, W); grey and colour become each
 * other. EG_ERR_SHAPE where the sizes differ. */
EG_API EG_MUST_CHECK eg_status eg_onnx_picture(const eg_onnx_pixels *p, const eg_image *image,
                                               float *x);

/**
 * Write a learner as a network of ONNX, opset 13: its scores "scores" (batch, K) of "input", which
 * is (batch, C, H, W) where its task has images, else (batch, D). Weights keep their names.
 * @param meta  (2 x pairs) words of metadata_props, or NULL
 * @return EG_OK; EG_ERR_UNSUPPORTED (a kind that is no network of layers, or an operation that the
 *         standard cannot say: named); EG_ERR_IO; EG_ERR_NOMEM
 */
struct eg_learner;
EG_API EG_MUST_CHECK eg_status eg_onnx_save(struct eg_learner *l, const char *path,
                                            const char *const *meta, size_t pairs);

/**
 * A pretrained network with a read-out of one of its values, as a learner of pictures (C, H, W) in
 * [0, 1]: its scores are those of the read-out, and its derivative goes through both to the pixels.
 * It does not learn and is not saved; the read-out does and is.
 * @param m        borrowed, as is the read-out, until the learner is destroyed; both are used by
 *                 it, so that no other call on them may run beside
 * @param value    what the read-out sees of one picture: "features"
 * @param pixels   as of eg_onnx_pixels_of; sizes and channels are set
 * @return EG_OK; EG_ERR_INVALID (no such value); EG_ERR_SHAPE (the value has another number of
 *         elements than the read-out takes: both are told); EG_ERR_UNSUPPORTED; EG_ERR_LIMIT;
 *         EG_ERR_NOMEM
 */
EG_API EG_MUST_CHECK eg_status eg_onnx_couple(eg_onnx *m, const char *value,
                                              const eg_onnx_pixels *pixels,
                                              struct eg_learner *readout, struct eg_learner **out);

/* A row of the table of operators; NULL past its end. */
typedef struct eg_onnx_operator {
    const char *name;
    int first, last; /* opsets of a file */
} eg_onnx_operator;
EG_API const eg_onnx_operator *eg_onnx_operator_at(size_t row);

#ifdef __cplusplus
}
#endif
#endif
