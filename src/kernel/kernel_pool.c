/* Blocks of planes, and the reference of what is done to one: window by window. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/egi_kernel_pool.h"

#include <string.h>

#include "base/egi_base.h"

/* What each kind writes: like x or like y, indices or numbers. */
static const struct shape {
    int to_x, integer;
} shapes[] = {
    [EGI_POOLING_INDEX] = { 0, 1 },    [EGI_POOLING_MAX] = { 0, 0 },
    [EGI_POOLING_MAX_BACK] = { 1, 0 }, [EGI_POOLING_MEAN] = { 0, 0 },
    [EGI_POOLING_SPREAD] = { 1, 0 },
};

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

void egi_pooling_reference(const struct egi_pooling_plan *p, size_t n,
                           const struct egi_pooling_data *d, char *scratch)
{
    (void)scratch;
    (p->dtype == EG_F32 ? planes_f32 : planes_f64)(&p->g, p->kind, n, d);
}

/* A block pays for a call of oneDNN, which takes 16 planes at a time, and stays in a cache. */
enum { GROUP = 16, BLOCK_PLACES = 1 << 16 };

static size_t block_planes(const struct egi_pooling *g)
{
    const size_t places = g->in[0] * g->in[1];
    size_t groups = (size_t)BLOCK_PLACES / (GROUP * (places > 0 ? places : 1));
    return GROUP * (groups > 0 ? groups : 1);
}

eg_status egi_pooling_plan(const struct egi_pooling *g, enum egi_pooling_kind kind, eg_dtype dtype,
                           int reference, struct egi_pooling_plan *out)
{
    struct egi_pooling_plan p = { .g = *g, .kind = kind, .dtype = dtype };
    p.each = block_planes(g);
    if (p.each > g->planes) p.each = g->planes > 0 ? g->planes : 1;
    p.blocks = (g->planes + p.each - 1) / p.each;
    p.block = egi_pooling_reference;
#ifdef EG_DNNL
    const int even = g->kernel[0] > 0 && g->kernel[1] > 0;
    if (dtype == EG_F32 && kind != EGI_POOLING_INDEX && even && g->planes > 0 && !reference)
        EGI_TRY(egi_pooling_dnnl_plan(&p));
#else
    (void)reference;
#endif
    const eg_status s = egi_mul_size(p.blocks, p.scratch, &p.scratch);
    if (s == EG_OK)
        *out = p;
    else
        egi_pooling_plan_clear(&p);
    return s;
}

void egi_pooling_plan_clear(struct egi_pooling_plan *p)
{
#ifdef EG_DNNL
    egi_pooling_dnnl_clear(p->own);
#endif
    p->own = NULL;
}

struct job {
    const struct egi_pooling_plan *p;
    struct egi_pooling_data d;
    char *scratch;
};

static void one_block(void *arg, size_t i)
{
    const struct job *j = arg;
    const struct egi_pooling_plan *p = j->p;
    const struct egi_pooling *g = &p->g;
    const struct shape *is = &shapes[p->kind];
    const size_t item = eg_dtype_size(p->dtype), first = i * p->each;
    const size_t big = first * g->in[0] * g->in[1], small = first * g->out[0] * g->out[1];
    struct egi_pooling_data d = j->d;
    if (d.x != NULL) d.x += big * item;
    if (d.y != NULL) d.y += small * item;
    d.out += is->to_x ? big * item : small * (is->integer ? sizeof(int32_t) : item);
    p->block(p, g->planes - first < p->each ? g->planes - first : p->each, &d,
             j->scratch + i * (p->scratch / p->blocks));
}

void egi_pooling_run(const struct egi_pooling_plan *p, const struct egi_pooling_data *d,
                     char *scratch, int threads)
{
    struct job j = { p, *d, scratch };
    const struct egi_pooling *g = &p->g;
    const double work = (double)g->planes * (double)g->in[0] * (double)g->in[1];
    egi_parallel_for(p->blocks, egi_crew(threads, 4 * work), one_block, &j);
}
