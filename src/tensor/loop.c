/* Loops over all elements of several arrays of one shape.
 *
 * Axes of size 1 go, and two axes merge where every array lies on through the seam; what is left
 * has one inner axis, for which the kernel is called, and outer ones, which are counted like an
 * odometer. A block of work is a fixed number of elements (EGI_LOOP_BLOCK or one inner line), so
 * that neither results nor their order depend on threads. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "tensor/egi_tensor.h"

enum { EGI_LOOP_BLOCK = 16384 };

struct nest {
    size_t rank, dim[EG_MAX_RANK], count;
    ptrdiff_t stride[EGI_LOOP_MAX][EG_MAX_RANK]; /* in elements */
    char *data[EGI_LOOP_MAX];
    size_t item[EGI_LOOP_MAX];
    egi_inner *f;
    const void *arg;
    size_t outer;  /* lines: product of all axes but the last */
    size_t lines;  /* lines a block */
    size_t pieces; /* blocks a line, where a line is longer than a block */
};

static int merges(const struct nest *s, const struct egi_tensor *x, size_t axis)
{
    for (size_t k = 0; k < s->count; k++)
        if (s->stride[k][s->rank - 1] != x[k].stride[axis] * (ptrdiff_t)x[k].shape.dim[axis])
            return 0;
    return 1;
}

static struct nest nest_of(const struct egi_tensor *x, size_t count, egi_inner *f, const void *arg)
{
    struct nest s = { .count = count, .f = f, .arg = arg };
    for (size_t k = 0; k < count; k++) {
        s.data[k] = x[k].data;
        s.item[k] = eg_dtype_size(x[k].dtype);
    }
    for (size_t i = 0; i < x[0].shape.rank; i++) {
        const size_t dim = x[0].shape.dim[i];
        if (dim == 1) continue;
        if (s.rank > 0 && merges(&s, x, i)) {
            s.dim[s.rank - 1] *= dim;
        } else {
            s.dim[s.rank++] = dim;
        }
        for (size_t k = 0; k < count; k++) s.stride[k][s.rank - 1] = x[k].stride[i];
    }
    if (s.rank == 0) s.dim[s.rank++] = 1;
    return s;
}

/* Pointers to the first element of line `line`: its digits in the outer axes. */
static void seek(const struct nest *s, size_t line, char **p)
{
    for (size_t k = 0; k < s->count; k++) p[k] = s->data[k];
    for (size_t i = s->rank - 1; i-- > 0;) {
        const ptrdiff_t digit = (ptrdiff_t)(line % s->dim[i]);
        line /= s->dim[i];
        for (size_t k = 0; k < s->count; k++)
            p[k] += digit * s->stride[k][i] * (ptrdiff_t)s->item[k];
    }
}

static void run_block(void *arg, size_t block)
{
    const struct nest *s = arg;
    const size_t last = s->rank - 1, length = s->dim[last];
    ptrdiff_t stride[EGI_LOOP_MAX];
    char *p[EGI_LOOP_MAX];
    for (size_t k = 0; k < s->count; k++) stride[k] = s->stride[k][last];
    if (s->pieces > 1) {
        const size_t from = block % s->pieces * EGI_LOOP_BLOCK;
        const size_t left = length - from;
        seek(s, block / s->pieces, p);
        for (size_t k = 0; k < s->count; k++)
            p[k] += (ptrdiff_t)from * stride[k] * (ptrdiff_t)s->item[k];
        s->f(p, stride, left < EGI_LOOP_BLOCK ? left : EGI_LOOP_BLOCK, s->arg);
        return;
    }
    const size_t begin = block * s->lines;
    const size_t end = begin + s->lines < s->outer ? begin + s->lines : s->outer;
    for (size_t line = begin; line < end; line++) {
        seek(s, line, p);
        s->f(p, stride, length, s->arg);
    }
}

static void run_nest(struct nest *s, int threads)
{
    s->outer = 1;
    for (size_t i = 0; i + 1 < s->rank; i++) s->outer *= s->dim[i];
    const size_t length = s->dim[s->rank - 1];
    if (s->outer == 0 || length == 0) return;
    s->pieces = (length + EGI_LOOP_BLOCK - 1) / EGI_LOOP_BLOCK;
    s->lines = length >= EGI_LOOP_BLOCK ? 1 : EGI_LOOP_BLOCK / length;
    const size_t blocks =
        s->pieces > 1 ? s->outer * s->pieces : (s->outer + s->lines - 1) / s->lines;
    egi_parallel_for(blocks, egi_crew(threads, 4.0 * (double)s->outer * (double)length), run_block,
                     s);
}

void egi_loop(const struct egi_tensor *x, size_t count, egi_inner *f, const void *arg, int threads)
{
    struct nest s = nest_of(x, count, f, arg);
    run_nest(&s, threads);
}

/* A reduction runs as a nest of its own for each element of the kept axes but the last, so that
 * what threads share is never written by two. */
struct reduction {
    const struct egi_tensor *x;
    size_t count;
    egi_inner *f;
    const void *arg;
    size_t kept[EG_MAX_RANK], kept_rank; /* axes shared by threads */
};

static void reduce_one(void *arg, size_t index)
{
    const struct reduction *r = arg;
    struct egi_tensor part[EGI_LOOP_MAX];
    for (size_t k = 0; k < r->count; k++) part[k] = r->x[k];
    for (size_t i = r->kept_rank; i-- > 0;) {
        const size_t axis = r->kept[i], dim = r->x[0].shape.dim[axis];
        for (size_t k = 0; k < r->count; k++)
            part[k] = egi_tensor_slice(&part[k], axis, index % dim, 1, 1);
        index /= dim;
    }
    struct nest s = nest_of(part, r->count, r->f, r->arg);
    s.outer = 1;
    for (size_t i = 0; i + 1 < s.rank; i++) s.outer *= s.dim[i];
    if (s.outer == 0 || s.dim[s.rank - 1] == 0) return;
    s.pieces = 1;
    s.lines = s.outer;
    run_block(&s, 0);
}

void egi_loop_reduce(const struct egi_tensor *x, size_t count, egi_inner *f, const void *arg,
                     int threads)
{
    struct reduction r = { .x = x, .count = count, .f = f, .arg = arg };
    const size_t rank = x[0].shape.rank;
    size_t units = 1, total = eg_shape_size(&x[0].shape);
    if (total == 0) return;
    /* The innermost kept axis stays whole where it is the last one: its lines are long. */
    for (size_t i = 0; i < rank; i++) {
        if (x[0].stride[i] == 0 || x[0].shape.dim[i] == 1 || i + 1 == rank) continue;
        r.kept[r.kept_rank++] = i;
        units *= x[0].shape.dim[i];
    }
    egi_parallel_for(units, egi_crew(threads, 4.0 * (double)total), reduce_one, &r);
}
