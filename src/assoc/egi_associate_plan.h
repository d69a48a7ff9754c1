/* What a fused association works with: its cuts, its workers and their memory. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EGI_ASSOCIATE_PLAN_H
#define EGI_ASSOCIATE_PLAN_H

#include "assoc/egi_associate.h"
#include "kernel/egi_kernel_assoc.h"

enum {
    LANES = EGI_TILE_LANES,
    ROWS = EGI_TILE_ROWS,
};

/* Factor of the weights when the scale of their scores rises from `from` to `to`. */
typedef double shrink_fn(const struct egi_transform *t, double from, double to);

struct transform_row {
    enum egi_weighing_kind kind;
    int scaled;      /* scores are relative to m */
    int magnitude;   /* m is the largest magnitude */
    int homogeneous; /* the sum is of degree one more than the weights */
    float least;     /* m before any score */
    shrink_fn *shrink;
};

/* Result of a block of queries over a segment of memories, or over several. */
struct partial {
    float m[LANES], best_score[LANES];
    double sum[LANES], mass[LANES];
    size_t best[LANES];
    float *total; /* (lanes, ld) */
};

struct worker {
    float s[ROWS * LANES];
    float max[LANES], magnitude[LANES], threshold[LANES], tile_sum[LANES], tile_mass[LANES];
    float query_bias[LANES];
    struct egi_lane_scale scale;
    struct egi_picks picks;
    struct partial own;
    float *xt;  /* (D, LANES) queries of the block in columns */
    float *acc; /* (lanes, ld) weighted sum of the current chunk */
    size_t patience, wait;
};

struct plan {
    const struct egi_assoc_kernels *k;
    const struct egi_keys *keys;
    const struct egi_transform *transform;
    const struct transform_row *row;
    struct egi_weighing weighing;
    const float *values, *x, *query_bias;
    float *scores;                           /* (N) or NULL */
    size_t dv, ld, q, lanes;                 /* lanes: queries of a block, rounded up */
    size_t segment, segments, blocks, whole; /* the first `whole` blocks are one unit each */
    size_t workers, splits;                  /* splits: units of the other blocks */
    struct worker **worker;                  /* (workers) */
    struct partial *split;                   /* (splits) */
    void *memory;
    size_t bytes;
    float *out;
    struct egi_assoc_stat *stat;
};

static inline size_t least_of(size_t a, size_t b)
{
    return a < b ? a : b;
}

static inline size_t round_up(size_t n, size_t step)
{
    return (n + step - 1) / step * step;
}

/* Cuts the queries and the memories of a plan, from what is set in it, and makes its workspace.
 * EG_ERR_OVERFLOW, EG_ERR_NOMEM. */
eg_status egi_plan_begin(struct plan *p, int threads, const eg_allocator *alloc);
void egi_plan_end(struct plan *p, const eg_allocator *alloc);

#endif
