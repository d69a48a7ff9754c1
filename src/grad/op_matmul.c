/* The matrix product over any leading axes. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "grad/egi_tape.h"
#include "kernel/egi_kernel_gemm.h"

/* The public function has given both the same leading axes. */
static eg_status shape(struct egi_call *c)
{
    const eg_shape *x = &c->in[0].shape, *y = &c->in[1].shape;
    const size_t r = x->rank;
    char tx[EGI_SHAPE_TEXT], ty[EGI_SHAPE_TEXT];
    if (x->dim[r - 1] != y->dim[r - 2])
        return egi_fail(EG_ERR_SHAPE, "matmul: %s times %s", egi_shape_text(x, tx),
                        egi_shape_text(y, ty));
    if (c->out.dtype == EG_I32) return egi_fail(EG_ERR_UNSUPPORTED, "matmul: of i32; cast first");
    c->out.shape.dim[r - 1] = y->dim[r - 1];
    return EG_OK;
}

/* How BLAS sees the last two axes: stored so, or transposed; 0 where it cannot. */
static int layout(const struct egi_tensor *x, int *transposed, size_t *ld)
{
    const size_t r = x->shape.rank, rows = x->shape.dim[r - 2], cols = x->shape.dim[r - 1];
    const ptrdiff_t down = x->stride[r - 2], along = x->stride[r - 1];
    *transposed = 0;
    *ld = cols > 0 ? cols : 1;
    if (rows <= 1 && (along == 1 || cols <= 1)) return 1;
    if ((along == 1 || cols <= 1) && down >= (ptrdiff_t)cols && down > 0) {
        *ld = (size_t)down;
        return 1;
    }
    *transposed = 1;
    *ld = rows > 0 ? rows : 1;
    if (cols <= 1 && down == 1) return 1;
    if ((down == 1 || rows <= 1) && along >= (ptrdiff_t)rows && along > 0) {
        *ld = (size_t)along;
        return 1;
    }
    return 0;
}

struct products {
    struct egi_gemm g;
    const struct egi_tensor *x, *y, *z;
    int threads; /* of one product */
};

/* The first element of matrix `index` in the order of the leading axes. */
static char *matrix(const struct egi_tensor *x, size_t index)
{
    ptrdiff_t at = 0;
    for (size_t i = x->shape.rank - 2; i-- > 0;) {
        at += (ptrdiff_t)(index % x->shape.dim[i]) * x->stride[i];
        index /= x->shape.dim[i];
    }
    return x->data + at * (ptrdiff_t)eg_dtype_size(x->dtype);
}

static void one_product(void *arg, size_t index)
{
    const struct products *p = arg;
    const void *x = matrix(p->x, index), *y = matrix(p->y, index);
    void *z = matrix(p->z, index);
    if (p->x->dtype == EG_F32)
        egi_gemm_f32(&p->g, x, y, z, p->threads);
    else
        egi_gemm_f64(&p->g, x, y, z, p->threads);
}

static eg_status forward(struct egi_call *c)
{
    struct egi_tensor x = c->in[0], y = c->in[1];
    const size_t r = x.shape.rank;
    struct products p = { .x = &x, .y = &y, .z = &c->out, .threads = c->threads };
    p.g = (struct egi_gemm){ .m = x.shape.dim[r - 2],
                             .n = y.shape.dim[r - 1],
                             .k = x.shape.dim[r - 1],
                             .ldc = y.shape.dim[r - 1],
                             .alpha = 1 };
    if (!layout(&x, &p.g.a_is_transposed, &p.g.lda)) {
        EGI_TRY(egi_contiguous(c, &c->in[0], &x));
        (void)layout(&x, &p.g.a_is_transposed, &p.g.lda);
    }
    if (!layout(&y, &p.g.b_is_transposed, &p.g.ldb)) {
        EGI_TRY(egi_contiguous(c, &c->in[1], &y));
        (void)layout(&y, &p.g.b_is_transposed, &p.g.ldb);
    }
    size_t count = 1;
    for (size_t i = 0; i + 2 < r; i++) count *= x.shape.dim[i];
    if (eg_shape_size(&c->out.shape) == 0) return EG_OK;
    const double work = (double)p.g.m * (double)p.g.n * (double)p.g.k * (double)count;
    const int shared = count > 1;
    if (shared) p.threads = 1;
    egi_parallel_for(count, shared ? egi_crew(c->threads, work) : 1, one_product, &p);
    return EG_OK;
}

static eg_var transposed(eg_tape *t, eg_var x)
{
    const size_t r = eg_tape_shape(t, x).rank;
    return eg_swap_axes(t, x, r - 2, r - 1);
}

/* x y, in memory as `like` lies: the derivative of a transposed weight comes out row-major. */
static eg_var product_like(eg_tape *t, eg_var like, eg_var x, eg_var y)
{
    if (eg_tape_status(t) != EG_OK) return EG_NONE;
    const struct egi_tensor *l = egi_tape_tensor(t, like);
    const size_t r = l->shape.rank;
    if (l->stride[r - 2] != 1 || l->stride[r - 1] <= 1) return eg_matmul(t, x, y);
    return transposed(t, eg_matmul(t, transposed(t, y), transposed(t, x)));
}

static void back(struct egi_back *b)
{
    eg_tape *t = b->t;
    if (b->wanted[0]) b->dx[0] = product_like(t, b->x[0], b->g, transposed(t, b->x[1]));
    if (b->wanted[1]) b->dx[1] = product_like(t, b->x[1], transposed(t, b->x[0]), b->g);
}

const struct egi_op egi_op_matmul = { .info = { "matmul", "z_mn = sum_k x_mk y_kn", "" },
                                      .shape = shape,
                                      .forward = forward,
                                      .backward = back };

/* x (A.., M, K) by one matrix y (K, N) is one product of (A.. M, K). */
static eg_var by_one_matrix(eg_tape *t, eg_var x, eg_var y)
{
    const eg_shape s = eg_tape_shape(t, x);
    const size_t last = s.dim[s.rank - 1], rows = last > 0 ? eg_shape_size(&s) / last : 0;
    const eg_var flat = eg_reshape(t, x, &eg_shape_of(rows, last));
    eg_shape out = s;
    const eg_var z = eg_matmul(t, flat, y);
    out.dim[s.rank - 1] = eg_tape_shape(t, y).dim[1];
    return eg_reshape(t, z, &out);
}

eg_var eg_matmul(eg_tape *t, eg_var x, eg_var y)
{
    const eg_shape sx = eg_tape_shape(t, x), sy = eg_tape_shape(t, y);
    if (eg_tape_status(t) != EG_OK) return EG_NONE;
    char tx[EGI_SHAPE_TEXT], ty[EGI_SHAPE_TEXT];
    if (sx.rank < 2 || sy.rank < 2)
        return egi_tape_fail(t, egi_fail(EG_ERR_SHAPE, "matmul: %s times %s; both need two axes",
                                         egi_shape_text(&sx, tx), egi_shape_text(&sy, ty)));
    if (sx.rank > 2 && sy.rank == 2 && sx.dim[sx.rank - 1] == sy.dim[0] && sy.dim[0] > 0)
        return by_one_matrix(t, x, y);
    eg_shape lx = sx, ly = sy, lead;
    lx.rank -= 2;
    ly.rank -= 2;
    const eg_status s = egi_shape_broadcast(&lx, &ly, "matmul", &lead);
    if (s != EG_OK) return egi_tape_fail(t, s);
    eg_shape full = lead;
    full.rank += 2;
    eg_var pair[2];
    memcpy(full.dim + lead.rank, sx.dim + sx.rank - 2, 2 * sizeof *full.dim);
    pair[0] = eg_broadcast_to(t, x, &full);
    memcpy(full.dim + lead.rank, sy.dim + sy.rank - 2, 2 * sizeof *full.dim);
    pair[1] = eg_broadcast_to(t, y, &full);
    return egi_apply(t, &egi_op_matmul, pair, 2, NULL);
}
