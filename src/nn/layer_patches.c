/* Codes of patches by the nearest of a dictionary (engram/patches.h), as an operation and a layer.
 *
 * One picture at a time: its patches as rows, their products with the dictionary, and for each
 * patch and both signs the K-th largest by selection in a copy (Hoare 1961); what is near adds 1 /
 * window^2 to every window it lies in. No array of (N, H, W) codes exists. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "engram/patches.h"
#include "grad/egi_tape.h"
#include "kernel/egi_kernel_gemm.h"
#include "nn/egi_layer.h"

enum { SHARE_AT, WINDOW_AT = 0, STRIDE_AT };

struct codes {
    const float *x, *kernel, *offset; /* (B, C, H, W), (N, C S S), (2, N) */
    float *out, *room;
    size_t c, h, w, side, n, near, window, stride;
    size_t rows, columns, down, along; /* places of patches, and of windows */
    size_t each;                       /* floats of room a worker */
};

/* The k-th largest of v (n), which is mixed up; 1 <= k <= n. */
static float select_largest(float *v, size_t n, size_t k)
{
    size_t low = 0, high = n - 1, want = k - 1;
    while (low < high) {
        const float pivot = v[low + (high - low) / 2];
        size_t i = low, j = high;
        while (i <= j) {
            while (v[i] > pivot) i++;
            while (v[j] < pivot) j--;
            if (i <= j) {
                const float kept = v[i];
                v[i++] = v[j];
                v[j] = kept;
                if (j == 0) break;
                j--;
            }
        }
        if (want <= j)
            high = j;
        else if (want >= i)
            low = i;
        else
            break;
    }
    return v[want];
}

/* Windows that place p lies in: first to last; first > last where none. */
static void windows_of(const struct codes *c, size_t p, size_t count, size_t *first, size_t *last)
{
    *first = p >= c->window ? (p - c->window) / c->stride + 1 : 0;
    *last = p / c->stride < count ? p / c->stride : count - 1;
}

/* sum (down, along, 2 N) += what is near of the patch at (row, column). */
static void add_place(const struct codes *c, const float *product, size_t row, size_t column,
                      float *score, float *sorted, float *sum)
{
    size_t top, bottom, left, right;
    const float one = 1 / (float)(c->window * c->window);
    windows_of(c, row, c->down, &top, &bottom);
    windows_of(c, column, c->along, &left, &right);
    for (size_t sign = 0; sign < 2; sign++) {
        const float *offset = c->offset + sign * c->n, by = sign ? -1 : 1;
        for (size_t i = 0; i < c->n; i++) score[i] = by * product[i] + offset[i];
        memcpy(sorted, score, c->n * sizeof *sorted);
        const float least = select_largest(sorted, c->n, c->near);
        for (size_t i = 0; i < c->n; i++) score[i] = score[i] >= least ? one : 0;
        for (size_t y = top; y <= bottom; y++)
            for (size_t x = left; x <= right; x++) {
                float *to = sum + ((y * c->along + x) * 2 + sign) * c->n;
                for (size_t i = 0; i < c->n; i++) to[i] += score[i];
            }
    }
}

static void one_picture(void *arg, size_t b, size_t worker)
{
    const struct codes *c = arg;
    const size_t d = c->c * c->side * c->side, windows = c->down * c->along;
    float *patch = c->room + worker * c->each, *product = patch + c->columns * d;
    float *score = product + c->columns * c->n, *sorted = score + c->n, *sum = sorted + c->n;
    const struct egi_gemm g = { .m = c->columns,
                                .n = c->n,
                                .k = d,
                                .b_is_transposed = 1,
                                .lda = d,
                                .ldb = d,
                                .ldc = c->n,
                                .alpha = 1 };
    memset(sum, 0, windows * 2 * c->n * sizeof *sum);
    for (size_t row = 0; row < c->rows; row++) {
        for (size_t column = 0; column < c->columns; column++)
            for (size_t k = 0; k < c->c * c->side; k++)
                memcpy(patch + column * d + k * c->side,
                       c->x + ((b * c->c + k / c->side) * c->h + row + k % c->side) * c->w + column,
                       c->side * sizeof *patch);
        egi_gemm_f32(&g, patch, c->kernel, product, 1);
        for (size_t column = 0; column < c->columns; column++)
            add_place(c, product + column * c->n, row, column, score, sorted, sum);
    }
    for (size_t k = 0; k < 2 * c->n; k++)
        for (size_t p = 0; p < windows; p++)
            c->out[(b * 2 * c->n + k) * windows + p] = sum[p * 2 * c->n + k];
}

static void geometry(const struct egi_call *call, struct codes *c)
{
    const size_t *x = call->in[0].shape.dim, *k = call->in[1].shape.dim;
    *c = (struct codes){ .c = x[1],
                         .h = x[2],
                         .w = x[3],
                         .n = k[0],
                         .side = k[2],
                         .window = (size_t)call->attr->n[WINDOW_AT],
                         .stride = (size_t)call->attr->n[STRIDE_AT] };
    c->near = (size_t)fmax(1, rint(call->attr->a[SHARE_AT] * (double)c->n));
    c->rows = c->h - c->side + 1;
    c->columns = c->w - c->side + 1;
    c->down = c->rows < c->window ? 0 : (c->rows - c->window) / c->stride + 1;
    c->along = c->columns < c->window ? 0 : (c->columns - c->window) / c->stride + 1;
}

static eg_status shape(struct egi_call *call)
{
    const eg_shape *x = &call->in[0].shape, *k = &call->in[1].shape;
    char tx[EGI_SHAPE_TEXT], tk[EGI_SHAPE_TEXT];
    struct codes c = { .down = 0 };
    const int fits = x->rank == 4 && k->rank == 4 && k->dim[1] == x->dim[1]
                     && k->dim[2] == k->dim[3] && k->dim[2] > 0 && x->dim[2] >= k->dim[2]
                     && x->dim[3] >= k->dim[3] && k->dim[0] > 0 && call->in[0].dtype == EG_F32
                     && eg_shape_size(&call->in[2].shape) == 2 * k->dim[0];
    if (fits) geometry(call, &c);
    if (c.down == 0 || c.along == 0)
        return egi_fail(EG_ERR_SHAPE,
                        "patch_near: %s by %s: expected pictures (B, C, H, W) in f32, patches "
                        "(N, C, S, S) within them, and places for a window",
                        egi_shape_text(x, tx), egi_shape_text(k, tk));
    call->out.shape = eg_shape_of(x->dim[0], 2 * c.n, c.down, c.along);
    return EG_OK;
}

static eg_status forward(struct egi_call *call)
{
    struct egi_tensor in[3];
    struct codes c;
    size_t bytes;
    void *room;
    for (size_t i = 0; i < 3; i++) EGI_TRY(egi_contiguous(call, &call->in[i], &in[i]));
    geometry(call, &c);
    const size_t d = c.c * c.side * c.side, b = call->out.shape.dim[0];
    c.each = c.columns * (d + c.n) + 2 * c.n * (1 + c.down * c.along);
    const int crew = egi_crew(call->threads, (double)(b * c.rows * c.columns) * (double)(d * c.n));
    EGI_TRY(egi_mul_size((size_t)egi_thread_count(crew) * sizeof(float), c.each, &bytes));
    EGI_TRY(egi_scratch(call, bytes, &room));
    c.x = (const float *)(const void *)in[0].data;
    c.kernel = (const float *)(const void *)in[1].data;
    c.offset = (const float *)(const void *)in[2].data;
    c.out = (float *)(void *)call->out.data;
    c.room = room;
    egi_parallel_workers(b, crew, one_picture, &c);
    return EG_OK;
}

static const struct egi_op op_near = { .info = { "patch_near", "codes of the nearest patches",
                                                 "Thiry et al. 2021" },
                                       .shape = shape,
                                       .forward = forward };

eg_var eg_patch_near(eg_tape *t, eg_var x, eg_var kernel, eg_var offset,
                     const eg_patch_codes *options)
{
    const eg_patch_codes usual = EG_PATCH_CODES_INIT, *o = options != NULL ? options : &usual;
    if (eg_tape_status(t) != EG_OK) return EG_NONE;
    if (!(o->share > 0 && o->share <= 1) || o->window < 1 || o->stride < 1)
        return egi_tape_fail(t, egi_fail(EG_ERR_INVALID,
                                         "patch_near: share %g, window %zu, stride %zu; expected "
                                         "(0, 1], 1 or more, 1 or more",
                                         o->share, o->window, o->stride));
    const struct egi_attr attr = { .n = { (ptrdiff_t)o->window, (ptrdiff_t)o->stride },
                                   .a = { o->share } };
    const eg_dtype dtype = eg_tape_dtype(t, x);
    const eg_var given[3] = { x, kernel, offset };
    eg_var in[3];
    for (size_t i = 0; i < 3; i++)
        in[i] = dtype == EG_F32 ? given[i] : eg_cast(t, given[i], EG_F32);
    const eg_var y = egi_apply(t, &op_near, in, 3, &attr);
    return dtype == EG_F32 ? y : eg_cast(t, y, dtype);
}

/* ---- the layer ---- */

struct patches {
    size_t patches, side, window, stride;
    double share;
};

static const struct egi_setting settings[] = {
    EGI_SET_COUNT(struct patches, patches, "2048", 1, 1e6, "of the dictionary"),
    EGI_SET_COUNT(struct patches, side, "6", 1, 1000, "of a patch"),
    EGI_SET_NUMBER(struct patches, share, "0.4", 1e-6, 1, "of the dictionary that is near"),
    EGI_SET_COUNT(struct patches, window, "5", 1, 1000, "side of the means of codes"),
    EGI_SET_COUNT(struct patches, stride, "3", 1, 1000, "from one of them to the next"),
    EGI_SET_END,
};

static eg_var apply(struct egi_scope *s, const struct egi_layer *l, const eg_var *x)
{
    const struct patches *o = (const struct patches *)(const void *)l->settings.bytes;
    const eg_patch_codes codes = { sizeof codes, o->share, o->window, o->stride };
    static const struct egi_initialiser normal = { EGI_INIT_NORMAL, 1 };
    eg_shape in;
    if (!egi_layer_rank(s, x[0], 4, 4, "(B, C, H, W)", &in)) return EG_NONE;
    const eg_shape shape = eg_shape_of(o->patches, in.dim[1], o->side, o->side);
    const eg_var kernel = egi_scope_fixed(s, "kernel", &shape, &normal);
    const eg_var offset = egi_scope_fixed(s, "offset", &eg_shape_of(2, o->patches), NULL);
    return eg_patch_near(s->t, x[0], kernel, offset, &codes);
}

const struct egi_layer_row egi_layer_patches = {
    .kind = { "patches", "means of [p among the nearest patches of a dictionary]",
              "Thiry et al. 2021", settings },
    .apply = apply,
};
