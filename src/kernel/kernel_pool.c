/* Pooling: planes are independent, and a plane is gone over window by window. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/egi_kernel_pool.h"

#include <string.h>

#include "base/egi_base.h"

/* The part of a window that lies inside: rows [0], columns [1]. */
struct span {
    size_t first[2], end[2];
};

static void cut(const struct egi_pooling *g, size_t axis, size_t i, struct span *s)
{
    const size_t in = g->in[axis], out = g->out[axis], begin = i * g->stride[axis];
    if (g->kernel[axis] == 0) {
        s->first[axis] = i * in / out;
        s->end[axis] = ((i + 1) * in + out - 1) / out;
        return;
    }
    const size_t padding = g->padding[axis], end = begin + g->kernel[axis] - padding;
    s->first[axis] = begin > padding ? begin - padding : 0;
    s->end[axis] = end < in ? end : in;
}

/* Elements a mean is over: padding counts. */
static double elements(const struct egi_pooling *g, const struct span *s)
{
    double n = 1;
    for (size_t i = 0; i < 2; i++)
        n *= (double)(g->kernel[i] > 0 ? g->kernel[i] : s->end[i] - s->first[i]);
    return n;
}

/* NAME(f)(..) as a statement */
#define CALL(f, ...) NAME(f)(__VA_ARGS__)

#define REAL float
#define NAME(x) x##_f32
#include "kernel/kernel_pool_body.h"
#undef REAL
#undef NAME

#define REAL double
#define NAME(x) x##_f64
#include "kernel/kernel_pool_body.h"
#undef REAL
#undef NAME

enum { PLANES = 16 }; /* one thread takes at a time */

struct job {
    const struct egi_pooling *g;
    enum egi_pooling_kind kind;
    eg_dtype dtype;
    const char *x;
    char *y;
};

static void some_planes(void *arg, size_t block)
{
    const struct job *j = arg;
    const size_t rest = j->g->planes - block * PLANES, n = rest < PLANES ? rest : PLANES;
    (j->dtype == EG_F32 ? planes_f32 : planes_f64)(j->g, j->kind, j->x, j->y, block * PLANES, n);
}

void egi_pooling_run(const struct egi_pooling *g, enum egi_pooling_kind kind, eg_dtype dtype,
                     const char *x, char *y, int threads)
{
    struct job j = { g, kind, dtype, x, y };
    const double work = (double)g->planes * (double)g->in[0] * (double)g->in[1];
    egi_parallel_for((g->planes + PLANES - 1) / PLANES, egi_crew(threads, 4 * work), some_planes,
                     &j);
}
