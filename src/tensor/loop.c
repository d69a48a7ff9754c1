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
    s.outer = 1;
    for (size_t i = 0; i + 1 < s.rank; i++) s.outer *= s.dim[i];
    return s;
}

/* Moves pointers from the first element to that of which `index` has the digits in the first `axes`
 * axes. */
static void seek(const struct nest *s, size_t axes, size_t index, char **p)
{
    for (size_t i = axes; i-- > 0;) {
        const ptrdiff_t digit = (ptrdiff_t)(index % s->dim[i]);
        index /= s->dim[i];
        for (size_t k = 0; k < s->count; k++)
            p[k] += digit * s->stride[k][i] * (ptrdiff_t)s->item[k];
    }
}

/* Lines from begin to before end of a nest whose first elements are at base. */
static void run_lines(const struct nest *s, char *const *base, size_t begin, size_t end)
{
    const size_t last = s->rank - 1;
    ptrdiff_t stride[EGI_LOOP_MAX];
    char *p[EGI_LOOP_MAX];
    for (size_t k = 0; k < s->count; k++) stride[k] = s->stride[k][last];
    for (size_t line = begin; line < end; line++) {
        for (size_t k = 0; k < s->count; k++) p[k] = base[k];
        seek(s, last, line, p);
        s->f(p, stride, s->dim[last], s->arg);
    }
}

static void run_block(void *arg, size_t block)
{
    const struct nest *s = arg;
    const size_t last = s->rank - 1;
    if (s->pieces > 1) {
        const size_t from = block % s->pieces * EGI_LOOP_BLOCK;
        const size_t left = s->dim[last] - from;
        ptrdiff_t stride[EGI_LOOP_MAX];
        char *p[EGI_LOOP_MAX];
        for (size_t k = 0; k < s->count; k++) {
            stride[k] = s->stride[k][last];
            p[k] = s->data[k] + (ptrdiff_t)from * stride[k] * (ptrdiff_t)s->item[k];
        }
        seek(s, last, block / s->pieces, p);
        s->f(p, stride, left < EGI_LOOP_BLOCK ? left : EGI_LOOP_BLOCK, s->arg);
        return;
    }
    const size_t begin = block * s->lines;
    const size_t end = begin + s->lines < s->outer ? begin + s->lines : s->outer;
    run_lines(s, s->data, begin, end);
}

static void run_nest(struct nest *s, int threads)
{
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
    struct nest kept, folded;
};

static void reduce_one(void *arg, size_t index)
{
    const struct reduction *r = arg;
    char *base[EGI_LOOP_MAX];
    for (size_t k = 0; k < r->folded.count; k++) base[k] = r->folded.data[k];
    seek(&r->kept, r->kept.rank, index, base);
    run_lines(&r->folded, base, 0, r->folded.outer);
}

void egi_loop_reduce(const struct egi_tensor *x, size_t count, egi_inner *f, const void *arg,
                     int threads)
{
    struct egi_tensor kept[EGI_LOOP_MAX], folded[EGI_LOOP_MAX];
    const size_t rank = x[0].shape.rank, total = eg_shape_size(&x[0].shape);
    if (total == 0) return;
    for (size_t k = 0; k < count; k++) kept[k] = folded[k] = x[k];
    /* The innermost kept axis stays whole where it is the last one: its lines are long. */
    for (size_t i = 0; i < rank; i++) {
        struct egi_tensor *without = x[0].stride[i] == 0 || i + 1 == rank ? kept : folded;
        for (size_t k = 0; k < count; k++) without[k] = egi_tensor_slice(&without[k], i, 0, 1, 1);
    }
    struct reduction r = { .kept = nest_of(kept, count, f, arg),
                           .folded = nest_of(folded, count, f, arg) };
    const size_t units = r.kept.outer * r.kept.dim[r.kept.rank - 1];
    egi_parallel_for(units, egi_crew(threads, 4.0 * (double)total), reduce_one, &r);
}
