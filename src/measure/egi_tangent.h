/* Rows of a tangent kernel, block by block. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EGI_TANGENT_H
#define EGI_TANGENT_H

#include "engram/tangent_kernel.h"
#include "measure/egi_traced.h"

struct egi_tangent {
    struct egi_traced r;
    eg_tangent_options o;
    size_t n, block;      /* rows; those of a block, the last may have fewer */
    size_t each, turns;   /* rows of an example; outputs whose products are summed */
    size_t first;         /* output */
    float *scale;         /* (arrays) of the gradient by each */
    float *rows, *others; /* (block, weights) gradients each */
    float *seed;          /* (K) */
    struct egi_arena arena;
};

eg_status egi_tangent_create(eg_learner *l, const eg_part *part, const eg_tangent_options *options,
                             struct egi_tangent *out);
void egi_tangent_clear(struct egi_tangent *t);
/* Rows of the block that begins at `from`, against rows 0 .. the block's own last:
 * (block, N), of which what lies right of that is left as it is. */
eg_status egi_tangent_rows(struct egi_tangent *t, size_t from, float *kernel);
size_t egi_tangent_count(const struct egi_tangent *t, size_t from); /* rows of that block */
/* What a gradient by this array is multiplied by (eg_tangent_options, normalised). */
double egi_tangent_scale(const eg_param *p, int normalised);

#endif
