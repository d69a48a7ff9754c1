/* Inside an index for routed recall. Keys are what patterns are compared by:
 *
 *     key(x) = (x - origin) inverse
 *
 * dot: x itself; cosine: its direction (0 of the zero pattern); Euclidean: what it is away from
 * the mean of all. Patterns lie in cells; a slot is a pattern's place in the order of cells. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EGI_ROUTED_H
#define EGI_ROUTED_H

#include "engram/routed.h"
#include "memory/egi_memory.h"

/* Patterns of like keys. Bounds are rounded up: they hold for the numbers as stored. */
struct egi_cells {
    struct egi_arena arena;
    size_t count;          /* K */
    float *origin;         /* (D) */
    float *centre;         /* (K, D) */
    float *bias;           /* (K) -|centre|^2 / 2 */
    double *radius, *norm; /* (K) of the patterns of each: max |key - centre|, max |key| */
    double *log_weight;    /* (K) log of the sum of multiplicities; -inf where none is left */
};

/* Of each pattern, in the order of cells: key - centre = scale * signs + a rest. */
struct egi_slots {
    struct egi_arena arena;
    size_t *begin;  /* (K + 1) slots of each cell */
    size_t *item;   /* (N) index in the memory */
    uint64_t *code; /* (N, W) signs, 1 where >= 0 */
    float *scale;   /* (N) >= 0 */
    float *rest;    /* (N) |rest|, rounded up */
    float *half;    /* (N) |key - centre|^2 / 2, rounded down */
};

/* What was indexed, by index in the memory. */
struct egi_marks {
    struct egi_arena arena;
    size_t n;
    uint64_t *id, *hash; /* (N) of the pattern's bytes */
    uint32_t *cell;      /* (N) */
};

struct eg_routed {
    struct egi_router router; /* first: the memory's recall sees this alone */
    const eg_memory *m;
    const eg_allocator *alloc;
    eg_routed_options options;
    eg_similarity similarity; /* that the keys are of */
    uint64_t changes;         /* of the memory, when this was made right */
    size_t built;             /* N when the cells were cut */
    size_t words;             /* W */
    struct egi_cells cells;
    struct egi_slots slots;
    struct egi_marks marks;
    double log_heaviest; /* log of the largest multiplicity */
    double most_value;   /* largest norm of a value */
    double most_key;     /* largest norm of a key */
};

/* routed_keys.c - what a similarity makes of patterns. */
struct egi_routed_form {
    int known;    /* routed recall is defined */
    int centred;  /* keys are differences from the mean, scores are of distances */
    int directed; /* keys are of length 1 */
};
const struct egi_routed_form *egi_routed_form(eg_similarity similarity);
void egi_routed_key(const eg_routed *r, const float *origin, const float *x, double *key);
double egi_routed_norm(const double *x, size_t d);

/* routed.c - whether a memory is one that can be routed. */
eg_status egi_routed_accepts(const eg_memory *m);

/* routed_cells.c - cuts what the memory holds into cells: cell (N) of each; centres alone. */
eg_status egi_cells_cut(const eg_routed *r, struct egi_cells *cells, uint32_t *cell);
/* The nearest cell of n items: at (n) are indices in the memory. */
eg_status egi_cells_assign(const eg_routed *r, const struct egi_cells *cells, const size_t *at,
                           size_t n, uint32_t *cell);
eg_status egi_cells_create(const eg_routed *r, size_t count, struct egi_cells *cells);

/* routed_codes.c - a pattern x in its cell c, into a slot; the cell widens to hold it. key: (D)
 * scratch. */
void egi_code(const eg_routed *r, struct egi_cells *cells, size_t c, const float *x,
              struct egi_slots *slots, size_t slot, double *key);

/* A vector v (D) as far as codes go: v = step sum_k 2^k plane_k + what is `off` in |.|_1. */
enum { EGI_PLANES = 4, EGI_CODE_BLOCK = 256 };
struct egi_planes {
    uint64_t *plane;        /* (PLANES, W) signs */
    double step, off, norm; /* norm = |v|, rounded up */
};
void egi_planes_of(const double *v, size_t d, struct egi_planes *p);

/* Of n <= EGI_CODE_BLOCK slots the bounds of <v, key - centre> (and less |key - centre|^2 / 2 where
 * scores are of distances). They are f32: off by at most 1e-6 of (|v| + |key - centre|)^2. */
void egi_code_bounds(const eg_routed *r, const struct egi_planes *p, size_t slot, size_t n,
                     float *bound);

/* Those of n <= EGI_CODE_BLOCK bounds that are not below `least`: at. Returns their number. Of the
 * others *top is the largest, *sum no less than the sum of e^(rate bound + shift). */
size_t egi_code_pick(const float *bound, size_t n, double least, double rate, double shift,
                     size_t *at, double *top, double *sum);

/* routed_recall.c - the memory's field by way of the index. */
extern const struct egi_router egi_routed_router;

#endif
