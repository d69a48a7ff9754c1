/* Blocks of pictures, and the reference of what is done to one. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/egi_base.h"
#include "kernel/egi_kernel_conv.h"
#include "kernel/egi_kernel_gemm.h"

static size_t weights_of(const struct egi_conv *g)
{
    return g->o * (g->c / g->groups) * g->kernel[0] * g->kernel[1];
}

/* The places 0 <= i < out whose tap lies inside: i stride + offset in 0..in-1. */
static void inside(const struct egi_conv *g, size_t axis, ptrdiff_t offset, size_t *first,
                   size_t *end)
{
    const ptrdiff_t stride = (ptrdiff_t)g->stride[axis], room = (ptrdiff_t)g->in[axis] - offset;
    *first = offset >= 0 ? 0 : (size_t)((-offset + stride - 1) / stride);
    *end = room <= 0 ? 0 : (size_t)((room + stride - 1) / stride);
    if (*end > g->out[axis]) *end = g->out[axis];
    if (*first > *end) *first = *end;
}

/* Where a tap looks at place 0. */
static ptrdiff_t offset_of(const struct egi_conv *g, size_t axis, size_t tap)
{
    return (ptrdiff_t)(tap * g->dilation[axis]) - (ptrdiff_t)g->padding[axis];
}

/* NAME(f)(..) as a statement */
#define CALL(f, ...) NAME(f)(__VA_ARGS__)

#define REAL float
#define NAME(x) x##_f32
#include "kernel/kernel_conv_body.h"
#undef REAL
#undef NAME

#define REAL double
#define NAME(x) x##_f64
#include "kernel/kernel_conv_body.h"
#undef REAL
#undef NAME

/* A block pays for waking a thread, and partial gradients stay few. */
#define BLOCK_WORK 4e6
enum { BLOCKS_MAX = 16 };

/* Multiply-adds of one picture. */
static double work_of(const struct egi_conv *g)
{
    return (double)weights_of(g) * (double)g->out[0] * (double)g->out[1];
}

/* The outputs of one picture in two parts, where each pays for a thread and fills whole vectors: a
 * batch of one is shared too. By sizes alone, so the bits are those of any number of threads. */
static size_t parts_of(const struct egi_conv *g, enum egi_conv_kind kind)
{
    const size_t cut = g->groups > 1 ? g->groups : g->o;
    return kind == EGI_CONV_OUTPUT && g->n == 1 && cut % 32 == 0 && work_of(g) >= BLOCK_WORK ? 2
                                                                                             : 1;
}

/* A part as a convolution of its own: fewer outputs of all channels, or fewer groups. */
static struct egi_conv part_of(const struct egi_conv *g, size_t parts)
{
    struct egi_conv part = *g;
    part.o /= parts;
    if (g->groups == 1) return part;
    part.c /= parts;
    part.groups /= parts;
    return part;
}

static size_t aligned(size_t bytes)
{
    return (bytes + EGI_ALIGN - 1) / EGI_ALIGN * EGI_ALIGN;
}

/* Bytes of the unfolded windows of one group of one picture. */
static eg_status plan_reference(struct egi_conv_plan *p)
{
    const struct egi_conv *g = &p->g;
    p->block = p->dtype == EG_F32 ? block_f32 : block_f64;
    size_t bytes = eg_dtype_size(p->dtype);
    const size_t factor[] = { g->c / g->groups, g->kernel[0], g->kernel[1], g->out[0], g->out[1] };
    for (size_t i = 0; i < EGI_COUNT(factor); i++) EGI_TRY(egi_mul_size(bytes, factor[i], &bytes));
    p->scratch = bytes;
    return EG_OK;
}

static size_t partial_bytes(const struct egi_conv_plan *p)
{
    return p->kind == EGI_CONV_WEIGHT ? weights_of(&p->g) * eg_dtype_size(p->dtype) : 0;
}

eg_status egi_conv_plan(const struct egi_conv *g, enum egi_conv_kind kind, eg_dtype dtype,
                        int reference, struct egi_conv_plan *out)
{
    const size_t parts = parts_of(g, kind);
    struct egi_conv_plan p = {
        .g = part_of(g, parts), .kind = kind, .dtype = dtype, .parts = parts, .channels = g->c
    };
    const size_t least = (g->n + BLOCKS_MAX - 1) / BLOCKS_MAX;
    p.each = (size_t)(BLOCK_WORK / work_of(g)) + 1;
    if (p.each < least) p.each = least;
    if (p.each > g->n) p.each = g->n > 0 ? g->n : 1;
    p.blocks = (g->n + p.each - 1) / p.each * parts;
#ifdef EG_DNNL
    if (dtype == EG_F32 && !reference && g->n > 0)
        EGI_TRY(egi_conv_dnnl_plan(&p));
    else
#else
    (void)reference;
#endif
        EGI_TRY(plan_reference(&p));
    const eg_status s =
        egi_mul_size(p.blocks, aligned(p.scratch) + aligned(partial_bytes(&p)), &p.scratch);
    if (s == EG_OK)
        *out = p;
    else
        egi_conv_plan_clear(&p);
    return s;
}

void egi_conv_plan_clear(struct egi_conv_plan *p)
{
#ifdef EG_DNNL
    egi_conv_dnnl_clear(p->own);
#endif
    p->own = NULL;
}

struct job {
    const struct egi_conv_plan *p;
    struct egi_conv_data d;
    char *scratch; /* of each block: its partial weights, then what it works in */
    size_t partial, each_scratch;
};

/* Part i of the outputs of the only picture. */
static void one_part(const struct egi_conv_plan *p, size_t i, struct egi_conv_data *d, char *own)
{
    const struct egi_conv *g = &p->g;
    const size_t item = eg_dtype_size(p->dtype);
    if (g->c != p->channels) d->x += i * g->c * g->in[0] * g->in[1] * item;
    d->w += i * weights_of(g) * item;
    d->y += i * g->o * g->out[0] * g->out[1] * item;
    p->block(p, 1, d, own);
}

static void one_block(void *arg, size_t i)
{
    const struct job *j = arg;
    const struct egi_conv_plan *p = j->p;
    const struct egi_conv *g = &p->g;
    const size_t first = i * p->each, item = eg_dtype_size(p->dtype);
    char *own = j->scratch + i * j->each_scratch;
    struct egi_conv_data d = j->d;
    if (p->parts > 1) {
        one_part(p, i, &d, own);
        return;
    }
    d.x += first * g->c * g->in[0] * g->in[1] * item;
    d.y += first * g->o * g->out[0] * g->out[1] * item;
    if (p->kind == EGI_CONV_WEIGHT) d.w = own;
    p->block(p, g->n - first < p->each ? g->n - first : p->each, &d, own + j->partial);
}

void egi_conv_run(const struct egi_conv_plan *p, const struct egi_conv_data *d, char *scratch,
                  int threads)
{
    const size_t count = weights_of(&p->g), item = eg_dtype_size(p->dtype);
    struct job j = { .p = p, .d = *d, .scratch = scratch, .partial = aligned(partial_bytes(p)) };
    if (p->blocks > 0) j.each_scratch = p->scratch / p->blocks;
    egi_parallel_for(p->blocks, egi_crew(threads, work_of(&p->g) * (double)(p->g.n * p->parts)),
                     one_block, &j);
    if (p->kind != EGI_CONV_WEIGHT) return;
    memset(d->w, 0, count * item);
    for (size_t i = 0; i < p->blocks; i++) {
        if (p->dtype == EG_F32)
            add_f32(d->w, scratch + i * j.each_scratch, count);
        else
            add_f64(d->w, scratch + i * j.each_scratch, count);
    }
}
