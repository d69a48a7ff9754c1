/* Codes of patches by the nearest of a dictionary (engram/patches.h), as an operation and a layer.
 *
 * One picture at a time, and of it one row of places: its patches as rows, their products with the
 * dictionary, from which both signs' codes come (kernel/egi_kernel_patches.h), a byte each. Codes
 * are added along the row for each window, then those sums to every window the row lies in, as
 * whole numbers. No array of (N, H, W) codes exists. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "engram/patches.h"
#include "grad/egi_tape.h"
#include "kernel/egi_kernel_gemm.h"
#include "kernel/egi_kernel_patches.h"
#include "nn/egi_layer.h"

enum { SHARE_AT, WINDOW_AT = 0, STRIDE_AT, PARTIAL_AT };

struct codes {
    const struct egi_kernels_patches *kernels;
    const float *x, *kernel, *offset; /* (B, C, H, W), (N, C S S), (2, N) */
    float *out;
    unsigned char *room;
    size_t c, h, w, side, n, near, window, stride;
    size_t rows, columns, down, along; /* places of patches, and of windows */
    size_t each;                       /* bytes of room a worker */
};

/* What a worker needs, one after the other in its room. */
struct desk {
    float *patch, *product; /* (columns, C S S), (columns, N) of a row of places */
    uint32_t *sum, *across; /* codes of windows (down, along, 2 N), of a row of one (2 N) */
    int32_t *key;           /* (N) */
    uint8_t *near;          /* (columns, 2 N) */
};

static struct desk desk_of(const struct codes *c, unsigned char *room)
{
    struct desk d;
    void *at = room;
    d.patch = at;
    d.product = d.patch + c->columns * c->c * c->side * c->side;
    at = d.product + c->columns * c->n;
    d.sum = at;
    d.across = d.sum + c->down * c->along * 2 * c->n;
    at = d.across + 2 * c->n;
    d.key = at;
    at = d.key + c->n;
    d.near = at;
    return d;
}

/* Bytes of the above. */
static size_t desk_size(const struct codes *c)
{
    const size_t words =
        c->columns * (c->c * c->side * c->side + c->n) + (c->down * c->along + 1) * 2 * c->n + c->n;
    return words * 4 + c->columns * 2 * c->n;
}

/* Products of the patches of a row of places, and their codes. */
static void code_row(const struct codes *c, size_t b, size_t row, const struct desk *desk)
{
    const size_t d = c->c * c->side * c->side;
    const struct egi_gemm g = { .m = c->columns,
                                .n = c->n,
                                .k = d,
                                .b_is_transposed = 1,
                                .lda = d,
                                .ldb = d,
                                .ldc = c->n,
                                .alpha = 1 };
    for (size_t column = 0; column < c->columns; column++)
        for (size_t k = 0; k < c->c * c->side; k++)
            memcpy(desk->patch + column * d + k * c->side,
                   c->x + ((b * c->c + k / c->side) * c->h + row + k % c->side) * c->w + column,
                   c->side * sizeof *desk->patch);
    egi_gemm_f32(&g, desk->patch, c->kernel, desk->product, 1);
    for (size_t column = 0; column < c->columns; column++)
        c->kernels->near(desk->product + column * c->n, c->offset, c->n, c->near, desk->key,
                         desk->near + column * 2 * c->n);
}

/* Places that window i has of `places`. */
static size_t within(const struct codes *c, size_t i, size_t places)
{
    const size_t left = places - i * c->stride;
    return left < c->window ? left : c->window;
}

/* sum += what is near in a row of places, for each window that it lies in. */
static void add_row(const struct codes *c, size_t row, const struct desk *desk)
{
    const size_t channels = 2 * c->n;
    const size_t top = row >= c->window ? (row - c->window) / c->stride + 1 : 0;
    const size_t bottom = row / c->stride < c->down ? row / c->stride : c->down - 1;
    for (size_t x = 0; x < c->along && top <= bottom; x++) {
        const uint8_t *near = desk->near + x * c->stride * channels;
        memset(desk->across, 0, channels * sizeof *desk->across);
        for (size_t j = 0; j < within(c, x, c->columns); j++)
            for (size_t i = 0; i < channels; i++) desk->across[i] += near[j * channels + i];
        for (size_t y = top; y <= bottom; y++) {
            uint32_t *sum = desk->sum + (y * c->along + x) * channels;
            for (size_t i = 0; i < channels; i++) sum[i] += desk->across[i];
        }
    }
}

static void one_picture(void *arg, size_t b, size_t worker)
{
    enum { AT_ONCE = 16 }; /* a line of cache of sums */
    const struct codes *c = arg;
    const size_t windows = c->down * c->along, channels = 2 * c->n;
    const struct desk desk = desk_of(c, c->room + worker * c->each);
    memset(desk.sum, 0, windows * channels * sizeof *desk.sum);
    for (size_t row = 0; row < c->rows; row++) {
        code_row(c, b, row, &desk);
        add_row(c, row, &desk);
    }
    for (size_t from = 0; from < channels; from += AT_ONCE)
        for (size_t p = 0; p < windows && c->along > 0; p++) {
            const float places =
                (float)(within(c, p / c->along, c->rows) * within(c, p % c->along, c->columns));
            for (size_t k = from; k < from + AT_ONCE && k < channels; k++)
                c->out[(b * channels + k) * windows + p] =
                    (float)desk.sum[p * channels + k] / places;
        }
}

/* Windows along so many places; of partial ones each has a place. */
static size_t count_windows(const struct codes *c, size_t places, int partial)
{
    if (places < c->window) return 0;
    const size_t whole = (places - c->window) / c->stride + 1;
    const size_t next = whole * c->stride; /* where one more begins */
    return whole + (partial && (places - c->window) % c->stride > 0 && next < places);
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
    c->down = count_windows(c, c->rows, call->attr->n[PARTIAL_AT] != 0);
    c->along = count_windows(c, c->columns, call->attr->n[PARTIAL_AT] != 0);
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
    c.each = (desk_size(&c) + 63) / 64 * 64;
    const int crew = egi_crew(call->threads, (double)(b * c.rows * c.columns) * (double)(d * c.n));
    EGI_TRY(egi_mul_size((size_t)egi_thread_count(crew), c.each, &bytes));
    EGI_TRY(egi_scratch(call, bytes, &room));
    c.x = (const float *)(const void *)in[0].data;
    c.kernel = (const float *)(const void *)in[1].data;
    c.offset = (const float *)(const void *)in[2].data;
    c.out = (float *)(void *)call->out.data;
    c.room = room;
    c.kernels = egi_kernels_patches(egi_isa_level());
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
    const struct egi_attr attr = { .n = { (ptrdiff_t)o->window, (ptrdiff_t)o->stride, o->partial },
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
    int partial;
};

static const struct egi_setting settings[] = {
    EGI_SET_COUNT(struct patches, patches, "2048", 1, 1e6, "of the dictionary"),
    EGI_SET_COUNT(struct patches, side, "6", 1, 1000, "of a patch"),
    EGI_SET_NUMBER(struct patches, share, "0.4", 1e-6, 1, "of the dictionary that is near"),
    EGI_SET_COUNT(struct patches, window, "5", 1, 1000, "side of the means of codes"),
    EGI_SET_COUNT(struct patches, stride, "3", 1, 1000, "from one of them to the next"),
    EGI_SET_FLAG(struct patches, partial, "true", "windows over the border, of what lies within"),
    EGI_SET_END,
};

static eg_var apply(struct egi_scope *s, const struct egi_layer *l, const eg_var *x)
{
    const struct patches *o = (const struct patches *)(const void *)l->settings.bytes;
    const eg_patch_codes codes = { sizeof codes, o->share, o->window, o->stride, o->partial };
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
