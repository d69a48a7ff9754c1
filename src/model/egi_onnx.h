/* A network of an ONNX file from inside: values by number, nodes, and what a row of the table of
 * operators does. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EGI_ONNX_H
#define EGI_ONNX_H

#include "engram/onnx.h"
#include "grad/egi_tape.h"
#include "model/egi_onnx_wire.h"

/* Element types as the format numbers them. */
enum egi_onnx_type {
    EGI_ONNX_NONE = 0,
    EGI_ONNX_FLOAT = 1,
    EGI_ONNX_UINT8 = 2,
    EGI_ONNX_INT8 = 3,
    EGI_ONNX_UINT16 = 4,
    EGI_ONNX_INT16 = 5,
    EGI_ONNX_INT32 = 6,
    EGI_ONNX_INT64 = 7,
    EGI_ONNX_STRING = 8,
    EGI_ONNX_BOOL = 9,
    EGI_ONNX_FLOAT16 = 10,
    EGI_ONNX_DOUBLE = 11,
    EGI_ONNX_UINT32 = 12,
    EGI_ONNX_UINT64 = 13
};

struct egi_onnx_type_row {
    const char *name;   /* NULL: none of ours */
    eg_dtype dtype;     /* what its elements are on a tape */
    int whole;          /* integers and booleans */
    double least, most; /* of whole numbers */
    size_t bytes;       /* in raw data */
    enum egi_wire item; /* of its list of numbers, */
    uint32_t field;     /* which is this field */
};
/* NULL: not a type of ours. */
const struct egi_onnx_type_row *egi_onnx_type(int64_t type);
const char *egi_onnx_type_name(int64_t type);

/* A constant. data is of the tape's type, row-major. */
struct egi_onnx_data {
    int type;
    eg_shape shape;
    void *data; /* NULL: none */
    size_t bytes;
    int borrowed; /* of the parameters */
};

/* onnx_tensor.c - a message of a tensor as a constant. `room` bounds its bytes. */
eg_status egi_onnx_decode(const char *place, struct egi_span tensor, size_t room,
                          const eg_allocator *alloc, struct egi_onnx_data *out);

struct egi_onnx_row;
struct egi_frozen;

struct egi_onnx_node {
    struct egi_span message, name, op;
    size_t place;       /* in the file */
    uint32_t *in, *out; /* numbers of values; 0: left out */
    uint32_t count, outs;
    const struct egi_onnx_row *row;
    int live;
};

struct egi_onnx_value {
    char *name;                  /* ended by 0 */
    struct egi_span tensor;      /* an initialiser yet to be decoded */
    struct egi_onnx_data data;   /* what is constant */
    uint32_t producer, uses;     /* node + 1; nodes and outputs that read it */
    uint32_t last;               /* node + 1 that reads it last */
    uint32_t param;              /* parameter + 1 */
    unsigned char output, input; /* of the graph */
    unsigned char wanted;        /* handed out by this run */
};

/* A value in a run. type EGI_ONNX_NONE: not (yet) there. */
struct egi_onnx_slot {
    eg_var v;
    int type;
};

struct egi_onnx_ports {
    eg_onnx_port *port; /* (count) */
    uint32_t *value;    /* (count) */
    int *type;          /* (count) */
    size_t count;
};

/* Memory that lives as long as the network. */
struct egi_onnx_block {
    void *p;
    size_t bytes;
};

/* Nodes first..end - 1 as one frozen network (tensor/egi_frozen.h) on the pictures of a batch. */
struct egi_onnx_stretch {
    size_t first, end, pictures;
    struct egi_frozen *frozen;
    uint32_t *in, *out; /* (ins), (outs): numbers of values; out lies behind in */
    eg_shape *shape;    /* (outs) */
    float **data;       /* (ins + outs) where they lie in a run */
    size_t ins, outs, room;
};

/* What runs on inputs of these shapes are made of. */
struct egi_onnx_plan {
    eg_shape *shape; /* (inputs of the network); NULL: none yet */
    uint32_t *value; /* (outs) handed out */
    size_t outs;
    struct egi_onnx_stretch *stretch; /* (count, of room) in the order of nodes */
    size_t count, room, nodes;        /* nodes: in all stretches */
    size_t held;
};

enum { EGI_ONNX_BLOCKS = 16 };

struct eg_onnx {
    const eg_allocator *alloc;
    int threads, keep_norms, node_by_node;
    int params_out;          /* they were handed out, so values may change between runs */
    size_t given, max_bytes; /* a limit that was given, or 0; the one that holds */
    size_t held;             /* by file, graph and constants */
    double made, made_most;  /* bytes of all that nodes gave, held or not: work has a limit too */
    char *file;
    uint8_t *bytes;
    size_t size;
    int64_t opset;
    struct egi_span graph;
    struct egi_onnx_node *node; /* (nodes) in the order of the file */
    size_t nodes;
    uint32_t *link; /* (links) of all nodes */
    size_t links;
    struct egi_onnx_value *value; /* (values); number 0 is none */
    size_t values, values_room;
    uint32_t *table; /* (table_size), a power of two: numbers by hash of name */
    size_t table_size;
    char *names; /* (names_size) of all values, and of metadata */
    size_t names_size, names_used;
    struct egi_onnx_ports in, out;
    char **meta; /* (2 x metas) */
    size_t metas;
    struct egi_onnx_block block[EGI_ONNX_BLOCKS];
    size_t blocks;
    eg_params *params;
    struct egi_onnx_slot *slot; /* (values) of the run */
    eg_tape *tape;              /* of eg_onnx_run */
    int unknown;                /* a row asked for values of a ghost */
    struct egi_onnx_plan plan;
};

/* onnx.c - what may be held from now on: by the size of the file and of what goes in, unless a
 * limit was given. */
void egi_onnx_limit(struct eg_onnx *m, size_t inputs);

/* onnx_graph.c */
eg_status egi_onnx_graph(struct eg_onnx *m);
/* Number of the value of this name; 0: there is none. */
uint32_t egi_onnx_find(const struct eg_onnx *m, struct egi_span name);
/* Count bytes that m holds: EG_ERR_LIMIT where they are too many. */
eg_status egi_onnx_hold(struct eg_onnx *m, size_t bytes);
/* "file: node 3 "conv1" (Conv, opset 13)" */
enum { EGI_ONNX_PLACE = 400 };
const char *egi_onnx_place(const struct eg_onnx *m, const struct egi_onnx_node *n,
                           char text[EGI_ONNX_PLACE]);
void egi_onnx_drop(struct eg_onnx *m, struct egi_onnx_data *d);

/* onnx_fold.c - what is constant is computed, norms go into convolutions, weights become
 * parameters, and the order of letting go is fixed. */
eg_status egi_onnx_prepare(struct eg_onnx *m);

/* onnx_run.c - one node on a tape, from and to m->slot. The tape's failure names the node. */
eg_status egi_onnx_step(struct eg_onnx *m, eg_tape *t, const struct egi_onnx_node *n);
/* The same with values that are not there: EG_NOT_FOUND where the shapes depend on values. */
eg_status egi_onnx_ghost_step(struct eg_onnx *m, eg_tape *t, const struct egi_onnx_node *n);
/* The value of a constant on the tape. */
eg_var egi_onnx_constant(eg_tape *t, const struct egi_onnx_data *d);

void egi_onnx_clear_slots(struct eg_onnx *m);
/* v as the type of input i of the network, into its slot. */
eg_status egi_onnx_put_input(struct eg_onnx *m, eg_tape *t, size_t i, eg_var v);

/* A call of a row of the table of operators. */
struct egi_onnx_call {
    struct eg_onnx *m;
    eg_tape *t;
    const struct egi_onnx_node *node;
    const struct egi_onnx_row *row;
    int opset;
    const struct egi_onnx_slot *in; /* (count) */
    size_t count;
    struct egi_onnx_slot *out; /* (outs), filled by the row */
    size_t outs;
};

typedef eg_var egi_onnx_unary(eg_tape *t, eg_var x);
typedef eg_var egi_onnx_binary(eg_tape *t, eg_var x, eg_var y);

#ifndef EG_SMALL
/* onnx_plan.c - the plan of the inputs that are in their slots (which it clears) and of what is
 * wanted, of nodes before `end`. Where nothing can be frozen, or memory for it is over the limit,
 * it has no stretches. */
int egi_onnx_is_planned(const struct eg_onnx *m, const uint32_t *value, size_t outs);
eg_status egi_onnx_plan(struct eg_onnx *m, const uint32_t *value, size_t outs, size_t end);
void egi_onnx_drop_plan(struct eg_onnx *m);
/* The stretch that begins with node i; NULL: none. */
struct egi_onnx_stretch *egi_onnx_stretch_at(const struct eg_onnx *m, size_t i);
#else /* nodes one by one */
static inline int egi_onnx_is_planned(const struct eg_onnx *m, const uint32_t *value, size_t outs)
{
    (void)m, (void)value, (void)outs;
    return 1;
}
static inline eg_status egi_onnx_plan(struct eg_onnx *m, const uint32_t *value, size_t outs,
                                      size_t end)
{
    (void)m, (void)value, (void)outs, (void)end;
    return EG_OK;
}
static inline void egi_onnx_drop_plan(struct eg_onnx *m)
{
    (void)m;
}
static inline struct egi_onnx_stretch *egi_onnx_stretch_at(const struct eg_onnx *m, size_t i)
{
    (void)m, (void)i;
    return NULL;
}
#endif

/* A stretch on its way. */
struct egi_onnx_freezing {
    struct egi_frozen *frozen;
    uint32_t *known; /* (values) their numbers in it; 0: not in it */
    size_t pictures;
};
typedef eg_status egi_onnx_freezer(struct egi_onnx_freezing *z, struct egi_onnx_call *c);

struct egi_onnx_row {
    eg_onnx_operator info;
    size_t least, most; /* inputs */
    size_t outs;        /* outputs it can give */
    unsigned learned;   /* inputs that are weights, by bits */
    int kind;           /* for rows that share a build */
    /* Made of operations of the tape; a failure is the tape's. */
    void (*build)(struct egi_onnx_call *c);
    egi_onnx_unary *unary; /* what a shared build applies */
    egi_onnx_binary *binary;
    egi_onnx_freezer *freeze; /* NULL: it is never a step of a frozen network */
};

/* onnx_table.c */
const struct egi_onnx_row *egi_onnx_row_at(size_t row); /* NULL past the end */
/* The row of an operator in an opset; NULL, with *known set where other opsets have one. */
const struct egi_onnx_row *egi_onnx_row_of(struct egi_span op, int64_t opset,
                                           const struct egi_onnx_row **known);

#endif
