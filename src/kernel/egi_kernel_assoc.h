/* Kernels of the fused association: what src/assoc/associate.c does to one tile.
 *
 * A tile is up to EGI_TILE_ROWS memories against up to EGI_TILE_LANES queries. Its scores lie
 * as s[row * EGI_TILE_LANES + lane] and become weights in place. `lanes` is always a multiple
 * of EGI_LANE_STEP; lanes past the last query hold finite rubbish that nobody reads.
 *
 * Determinism: a score is one fused multiply-add a component in the order of components (the
 * reference: in double, rounded once), a weighted sum one a memory in the order of memories, a sum
 * of weights one addition a memory in that order; everything else is done to each element on its
 * own. So no result depends on the shape of the tile or on which of two slots made it, and
 * memories of weight exactly 0 may be left out. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EGI_KERNEL_ASSOC_H
#define EGI_KERNEL_ASSOC_H

#include "kernel/egi_kernel.h"

enum {
    EGI_TILE_ROWS = 96,  /* a tile of scores takes half of the first cache */
    EGI_TILE_LANES = 64, /* one bit a lane in a uint64_t */
    EGI_LANE_STEP = 16,
    EGI_FEW_QUERIES = 4, /* up to here lanes run along memories in product 1 */
    EGI_PICKS_MAX = EGI_TILE_ROWS * EGI_TILE_LANES / 8,
    EGI_PICKS_SPACE = EGI_PICKS_MAX + EGI_TILE_LANES + EGI_LANE_STEP /* one row too many */
};
#define EGI_PICKS_FULL SIZE_MAX

/* s = (dot + bias) * scale + query_bias, as an addition and a fused multiply-add; nothing
 * is done when all three are NULL. */
struct egi_score_terms {
    const float *bias, *scale; /* (rows) or NULL: zeros, ones */
    const float *query_bias;   /* (lanes) or NULL: zeros */
};

enum egi_weighing_kind {
    EGI_WEIGH_EXP,       /* a = w 2^y, y = (s - m) rate, 0 where y < floor; sum of a in both */
    EGI_WEIGH_POWER,     /* u = (s up) down; a = w u^power; sum of a u, mass of a */
    EGI_WEIGH_RECTIFIED, /* the same of max(u, 0); power 0: the real exponent */
    EGI_WEIGH_SUPPORT,   /* z = 1 + rate s; a = w [z > 0]; sum of w max(z, 0), mass of a */
    EGI_WEIGH_COUNT
};

struct egi_weighing {
    float rate;
    float floor;         /* EXP: of y; POWER, RECTIFIED: of |u|, u = 0 below it */
    float exponent;      /* RECTIFIED, where it is no integer */
    uint32_t power;      /* the exponent where it is an integer, else 0 */
    const float *weight; /* (rows) or NULL: ones */
};

/* The scale of each query: m, or 1/m as two factors of which neither over- nor underflows. */
struct egi_lane_scale {
    float m[EGI_TILE_LANES], up[EGI_TILE_LANES], down[EGI_TILE_LANES];
};

/* Entries of a tile that carry weight, in the order of rows. */
struct egi_picks {
    int32_t at[EGI_PICKS_SPACE]; /* row * EGI_TILE_LANES + lane */
    float a[EGI_PICKS_SPACE];
};

struct egi_assoc_kernels {
    /* s of rows memories xi (rows, d) against xt (d, EGI_TILE_LANES), queries in columns. */
    void (*scores)(const float *xi, size_t rows, size_t d, const float *xt, size_t lanes,
                   const struct egi_score_terms *terms, float *s);

    /* The same bits for q <= EGI_FEW_QUERIES queries x (q, d): s[query * stride + row]. */
    void (*scores_few)(const float *xi, size_t rows, size_t d, const float *x, size_t q,
                       const struct egi_score_terms *terms, size_t stride, float *s);

    /* max over rows of s (magnitude: of |s|); the lanes where it exceeds floor, as bits. */
    uint64_t (*maxima)(const float *s, size_t rows, size_t lanes, int magnitude, const float *floor,
                       float *max);

    /* The lanes where a >= b, as bits. */
    uint64_t (*at_least)(const float *a, const float *b, size_t lanes);

    /* Scores to weights in place; sum and mass (lanes) are set, to 0 where a lane is not
     * live and its scores may be left as they are. */
    void (*weigh[EGI_WEIGH_COUNT])(const struct egi_weighing *w, const struct egi_lane_scale *l,
                                   uint64_t live, size_t rows, float *s, float *sum, float *mass);

    /* EGI_WEIGH_EXP of the entries s >= threshold of live lanes alone. Returns their number,
     * or EGI_PICKS_FULL when it exceeds limit <= EGI_PICKS_MAX. */
    size_t (*pick_exp)(const struct egi_weighing *w, const struct egi_lane_scale *l,
                       const float *threshold, uint64_t live, size_t rows, size_t limit,
                       const float *s, struct egi_picks *picks);

    /* acc (queries, ld) += weights (rows, EGI_TILE_LANES) of each query times values (rows,
     * dv), for the live queries at least. dv <= ld, a multiple of 16; acc is aligned and has
     * rows up to the next multiple of EGI_LANE_STEP; queries that are not live have weight 0
     * or are not touched. */
    void (*weighted_sum)(const float *a, size_t rows, size_t queries, uint64_t live,
                         const float *values, size_t dv, float *acc, size_t ld);

    /* maxima, weigh and weighted_sum for q <= EGI_FEW_QUERIES queries whose scores lie as
     * s[query * EGI_TILE_ROWS + row]: the same bits. Weights past the last row are rubbish. */
    uint64_t (*maxima_few)(const float *s, size_t rows, size_t q, int magnitude, const float *floor,
                           float *max);
    void (*weigh_few[EGI_WEIGH_COUNT])(const struct egi_weighing *w, const struct egi_lane_scale *l,
                                       size_t q, size_t rows, float *s, float *sum, float *mass);
    void (*weighted_sum_few)(const float *a, size_t rows, size_t q, uint64_t live,
                             const float *values, size_t dv, float *acc, size_t ld);

    /* weighted_sum of n picks. */
    void (*picked_sum)(const struct egi_picks *picks, size_t n, const float *values, size_t dv,
                       float *acc, size_t ld);
};

extern const struct egi_assoc_kernels egi_assoc_ref;
#if EGI_X86
extern const struct egi_assoc_kernels egi_assoc_avx2;
extern const struct egi_assoc_kernels egi_assoc_avx512;
#endif

/* The kernels of one row that is supported, and of egi_isa_level(). */
const struct egi_assoc_kernels *egi_assoc_kernels_of(enum egi_isa isa);
const struct egi_assoc_kernels *egi_assoc_kernels(void);

#endif
