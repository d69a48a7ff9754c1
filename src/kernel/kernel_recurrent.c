/* Blocks of rows, each of which goes through time on its own, and the reference of what is done to
 * one: of each step, and row of the block, it keeps planes of H numbers, i f g o c (LSTM) or r z n
 * and h w_hn^T + b_hn (GRU). */
/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/egi_kernel_recurrent.h"

#include <string.h>

#include "base/egi_base.h"
#include "kernel/egi_kernel_exp.h"
#include "kernel/egi_kernel_gemm.h"

/* Rows of one block: a matrix product of them is worth its while. Blocks are of whole groups, in
 * which products compute every row alike (EGI_LEARNER_GROUP), oneDNN's own with them; and partial
 * gradients stay few. */
enum { BLOCK = 72, GROUP = 24, BLOCKS_MAX = 16 };

/* Rows of w_hh that meet columns of the planes, in units of H. */
struct product {
    size_t rows, row, column;
    int adds; /* to what the inputs gave */
};

static const struct kind {
    size_t gates, planes, products;
    struct product product[2];
} kinds[] = {
    [EGI_LSTM] = { 4, 5, 1, { { 4, 0, 0, 1 } } },
    [EGI_GRU] = { 3, 4, 2, { { 2, 0, 0, 1 }, { 1, 2, 3, 0 } } },
};

enum { BACK_PLANES = 6 }; /* of what the way back works in */

size_t egi_recurrent_gates(size_t kind)
{
    return kinds[kind].gates;
}

eg_shape egi_recurrent_shape(const struct egi_recurrent *g, size_t array)
{
    const size_t rows = kinds[g->kind].gates * g->hidden;
    switch ((enum egi_recurrent_array)array) {
    case EGI_RECURRENT_X:
        return eg_shape_of(g->steps, g->batch, g->inputs);
    case EGI_RECURRENT_Y:
        return eg_shape_of(g->steps, g->batch, g->hidden);
    case EGI_RECURRENT_W_IH:
        return eg_shape_of(rows, g->inputs);
    case EGI_RECURRENT_W_HH:
        return eg_shape_of(rows, g->hidden);
    case EGI_RECURRENT_BIAS:
        return eg_shape_of(4 * g->hidden);
    case EGI_RECURRENT_C:
    case EGI_RECURRENT_LAST:
        return eg_shape_of(g->kind == EGI_LSTM ? g->batch : 0, g->hidden);
    default:
        return eg_shape_of(g->batch, g->hidden);
    }
}

/* NAME(f)(..) as a statement */
#define CALL(f, ...) NAME(f)(__VA_ARGS__)

#define REAL float
#define NAME(x) x##_f32
#include "kernel/kernel_recurrent_body.h"
#undef REAL
#undef NAME

#define REAL double
#define NAME(x) x##_f64
#include "kernel/kernel_recurrent_body.h"
#undef REAL
#undef NAME

static size_t aligned(size_t bytes)
{
    return (bytes + EGI_ALIGN - 1) / EGI_ALIGN * EGI_ALIGN;
}

static size_t bytes_of(const struct egi_recurrent *g, size_t array)
{
    const eg_shape s = egi_recurrent_shape(g, array);
    return eg_shape_size(&s) * eg_dtype_size((eg_dtype)g->dtype);
}

/* Of gradients by weights and bias, of one block. */
static size_t partial_bytes(const struct egi_recurrent *g)
{
    size_t bytes = 0;
    for (size_t a = EGI_RECURRENT_W_IH; a <= EGI_RECURRENT_BIAS; a++)
        bytes += aligned(bytes_of(g, a));
    return bytes;
}

static void partial_arrays(const struct egi_recurrent *g, char *at, char **out)
{
    for (size_t a = EGI_RECURRENT_W_IH; a <= EGI_RECURRENT_BIAS; a++) {
        out[a] = at;
        at += aligned(bytes_of(g, a));
    }
}

static void copy_gradients(const struct egi_recurrent_plan *p, char *const *from, char *const *to)
{
    for (size_t a = EGI_RECURRENT_W_IH; a <= EGI_RECURRENT_BIAS; a++)
        if (bytes_of(&p->g, a) > 0) memcpy(to[a], from[a], bytes_of(&p->g, a));
}

static const struct egi_recurrent_code code_f32 = { NULL,
                                                    { forward_f32, back_f32 },
                                                    copy_gradients },
                                       code_f64 = { NULL,
                                                    { forward_f64, back_f64 },
                                                    copy_gradients };

static eg_status plan_reference(struct egi_recurrent_plan *p)
{
    const struct egi_recurrent *g = &p->g;
    const size_t item = eg_dtype_size((eg_dtype)g->dtype);
    size_t state, kept;
    p->code = g->dtype == EG_F32 ? &code_f32 : &code_f64;
    EGI_TRY(egi_mul_size(p->each, g->hidden * item, &state));
    EGI_TRY(egi_mul_size(state, kinds[g->kind].planes, &kept));
    EGI_TRY(egi_mul_size(kept, g->steps, &p->block_kept));
    return egi_mul_size(state, BACK_PLANES, &p->block_scratch[EGI_RECURRENT_BACK]);
}

static eg_status add_up(struct egi_recurrent_plan *p)
{
    p->block_kept = aligned(p->block_kept);
    EGI_TRY(egi_mul_size(p->blocks, p->block_kept, &p->kept));
    for (size_t way = 0; way < EGI_RECURRENT_WAYS; way++) {
        p->block_scratch[way] = aligned(p->block_scratch[way]);
        const size_t partial = way == EGI_RECURRENT_BACK ? partial_bytes(&p->g) : 0;
        EGI_TRY(egi_mul_size(p->blocks, p->block_scratch[way] + partial, &p->scratch[way]));
        p->scratch[way] += p->shared;
    }
    return EG_OK;
}

eg_status egi_recurrent_plan(const struct egi_recurrent *g, int reference,
                             struct egi_recurrent_plan *out)
{
    struct egi_recurrent_plan p = { .g = *g };
    size_t blocks = (g->batch + BLOCK - 1) / BLOCK;
    if (blocks > BLOCKS_MAX) blocks = BLOCKS_MAX;
    const size_t even = blocks > 0 ? (g->batch + blocks - 1) / blocks : 1;
    p.each = (even + GROUP - 1) / GROUP * GROUP;
    if (p.each > g->batch) p.each = g->batch > 0 ? g->batch : 1;
    p.blocks = (g->batch + p.each - 1) / p.each;
    EGI_TRY(plan_reference(&p));
#ifdef EG_DNNL
    if (g->dtype == EG_F32 && g->batch > 0 && g->inputs > 0 && !reference)
        EGI_TRY(egi_recurrent_dnnl_plan(&p));
#else
    (void)reference;
#endif
    const eg_status s = add_up(&p);
    if (s == EG_OK)
        *out = p;
    else
        egi_recurrent_plan_clear(&p);
    return s;
}

void egi_recurrent_plan_clear(struct egi_recurrent_plan *p)
{
#ifdef EG_DNNL
    egi_recurrent_dnnl_clear(p->own);
#endif
    p->own = NULL;
}

struct job {
    const struct egi_recurrent_plan *p;
    enum egi_recurrent_way way;
    struct egi_recurrent_data d;
    char *scratch; /* of each block: its gradients, then what it works in */
    size_t partial;
};

/* Bytes from a row of the batch to the next; 0: not of rows. */
static size_t row_bytes(const struct egi_recurrent *g, size_t array)
{
    if (array >= EGI_RECURRENT_W_IH && array <= EGI_RECURRENT_BIAS) return 0;
    return (array == EGI_RECURRENT_X ? g->inputs : g->hidden) * eg_dtype_size((eg_dtype)g->dtype);
}

static char *scratch_of(const struct job *j, size_t i)
{
    return j->scratch + i * (j->partial + j->p->block_scratch[j->way]);
}

static void one_block(void *arg, size_t i)
{
    const struct job *j = arg;
    const struct egi_recurrent_plan *p = j->p;
    const size_t first = i * p->each, left = p->g.batch - first;
    struct egi_recurrent_data d = j->d;
    for (size_t a = 0; a < EGI_RECURRENT_ARRAYS; a++) {
        const size_t skip = first * row_bytes(&p->g, a);
        if (d.value[a] != NULL) d.value[a] += skip;
        if (d.gradient[a] != NULL) d.gradient[a] += skip;
    }
    d.kept += i * p->block_kept;
    if (j->way == EGI_RECURRENT_BACK) {
        memset(scratch_of(j, i), 0, j->partial);
        partial_arrays(&p->g, scratch_of(j, i), d.gradient);
    }
    p->code->block[j->way](p, left < p->each ? left : p->each, &d, scratch_of(j, i) + j->partial);
}

/* Gradients by weights and bias of all blocks, in order, and to where they belong. */
static void gather(const struct job *j, char *const *to)
{
    const struct egi_recurrent_plan *p = j->p;
    char *sum[EGI_RECURRENT_ARRAYS];
    if (p->blocks == 0) {
        for (size_t a = EGI_RECURRENT_W_IH; a <= EGI_RECURRENT_BIAS; a++)
            memset(to[a], 0, bytes_of(&p->g, a));
        return;
    }
    for (size_t i = 1; i < p->blocks; i++) {
        const size_t n = j->partial / eg_dtype_size((eg_dtype)p->g.dtype);
        if (p->g.dtype == EG_F32)
            add_f32(scratch_of(j, 0), scratch_of(j, i), n);
        else
            add_f64(scratch_of(j, 0), scratch_of(j, i), n);
    }
    partial_arrays(&p->g, scratch_of(j, 0), sum);
    p->code->finish(p, sum, to);
}

void egi_recurrent_run(const struct egi_recurrent_plan *p, enum egi_recurrent_way way,
                       const struct egi_recurrent_data *d, char *scratch, int threads)
{
    const struct egi_recurrent *g = &p->g;
    struct job j = { p, way, *d, scratch + p->shared, 0 };
    if (way == EGI_RECURRENT_BACK) j.partial = partial_bytes(g);
    if (p->code->ready != NULL && p->blocks > 0) p->code->ready(p, way, &j.d, scratch);
    const double work = 4 * (double)g->steps * (double)g->batch * (double)g->hidden
                        * (double)(g->hidden + g->inputs + 32);
    egi_parallel_for(p->blocks, egi_crew(threads, work), one_block, &j);
    if (way == EGI_RECURRENT_BACK) gather(&j, d->gradient);
}
