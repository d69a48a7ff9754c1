/* The scattering transform as operations on the tape, in two ways that agree.
 *
 * Composed: Fourier transforms are products with matrices of cosines and sines, so that it can be
 * differentiated like anything else, in both types. Fused (kernel/egi_kernel_scatter.h): where
 * nothing flows back, in f32. The root's slope is infinite where a modulus is 0: there, below
 * FLOOR, it counts as 0. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "engram/scattering.h"

#include <math.h>

#include "grad/egi_tape.h"
#include "nn/egi_scattering.h"

#define FLOOR 1e-30 /* of a squared modulus */

size_t eg_scattering_channels(const eg_scattering_options *o)
{
    const size_t j = o->scales, l = o->angles;
    if (j < 1 || j > EGI_SCATTER_SCALES || l < 1 || l > 64 || o->order > 2) return 0;
    if (o->order == 0) return 1;
    return 1 + j * l + (o->order == 2 ? l * l * (j * (j - 1) / 2) : 0);
}

/* ---- constants: rows of what a bank holds ---- */

/* n of the attributes. */
enum { HEIGHT, WIDTH, SCALES, ANGLES, ORDER, ROUNDED, WHAT, A, LEVEL };

static struct egi_scattering_key key_of(const struct egi_attr *a)
{
    return (struct egi_scattering_key){ .in = { (size_t)a->n[HEIGHT], (size_t)a->n[WIDTH] },
                                        .scales = (size_t)a->n[SCALES],
                                        .angles = (size_t)a->n[ANGLES],
                                        .order = (size_t)a->n[ORDER],
                                        .rounded_pi = (size_t)a->n[ROUNDED] };
}

static eg_status make(const void *key, void *thing)
{
    return egi_scattering_bank_make(key, thing);
}

static void clear(void *thing)
{
    egi_scattering_bank_clear(thing);
}

static eg_status bank_of(struct egi_call *c, struct egi_scattering_bank **out)
{
    static const struct egi_keeping how = { sizeof(struct egi_scattering_key),
                                            sizeof(struct egi_scattering_bank), make, clear };
    const struct egi_scattering_key key = key_of(c->attr);
    void *bank;
    EGI_TRY(egi_keep(c, &how, &key, &bank));
    *out = bank;
    return EG_OK;
}

static eg_status shape_of_part(struct egi_call *c)
{
    const struct egi_scattering_key key = key_of(c->attr);
    const size_t a = (size_t)c->attr->n[A], r = (size_t)c->attr->n[LEVEL];
    size_t n[2], out[2];
    egi_scattering_sides(&key, n, out);
    switch ((enum egi_scattering_what)c->attr->n[WHAT]) {
    case EGI_SCATTERING_PSI:
        c->out.shape = eg_shape_of(key.angles, n[0] >> r, n[1] >> r);
        break;
    case EGI_SCATTERING_NARROW:
        c->out.shape = eg_shape_of(out[a], n[a] >> r);
        break;
    case EGI_SCATTERING_PAD:
        c->out.shape = eg_shape_of(n[a], key.in[a]);
        break;
    default:
        c->out.shape = eg_shape_of(n[a] >> r, n[a] >> r);
    }
    return EG_OK;
}

static void set(const struct egi_tensor *x, size_t i, double v)
{
    if (x->dtype == EG_F32)
        ((float *)(void *)x->data)[i] = (float)v;
    else
        ((double *)(void *)x->data)[i] = v;
}

static double element(const struct egi_scattering_bank *b, const struct egi_attr *at, size_t i)
{
    const size_t a = (size_t)at->n[A], r = (size_t)at->n[LEVEL], n = b->k.n[a < 2 ? a : 0] >> r;
    const double turn = 2 * acos(-1) / (double)n;
    switch ((enum egi_scattering_what)at->n[WHAT]) {
    case EGI_SCATTERING_PSI:
        return b->value[b->psi_at[a][r] + i];
    case EGI_SCATTERING_NARROW:
        return b->value[b->narrow_at[a][r] + i];
    case EGI_SCATTERING_PAD:
        return b->from[a][i / b->k.in[a]] == i % b->k.in[a];
    case EGI_SCATTERING_COS:
        return cos(turn * (double)(i / n * (i % n) % n));
    default:
        return sin(turn * (double)(i / n * (i % n) % n));
    }
}

static eg_status forward_part(struct egi_call *c)
{
    struct egi_scattering_bank *b;
    EGI_TRY(bank_of(c, &b));
    const size_t n = eg_shape_size(&c->out.shape);
    for (size_t i = 0; i < n; i++) set(&c->out, i, element(b, c->attr, i));
    return EG_OK;
}

static const struct egi_op op_part = { .info = { "scattering_part", "filters", "" },
                                       .shape = shape_of_part,
                                       .forward = forward_part };

/* ---- composed ---- */

struct made {
    eg_tape *t;
    eg_dtype dtype;
    struct egi_attr attr;
    size_t planes, n[2], out[2];
};

/* A complex array. */
struct pair {
    eg_var re, im;
};

static eg_var part(const struct made *m, enum egi_scattering_what what, size_t a, size_t level)
{
    struct egi_attr attr = m->attr;
    const eg_var like = eg_number(m->t, m->dtype, 0);
    attr.n[WHAT] = (ptrdiff_t)what;
    attr.n[A] = (ptrdiff_t)a;
    attr.n[LEVEL] = (ptrdiff_t)level;
    return egi_apply(m->t, &op_part, &like, 1, &attr);
}

/* a x b^T of each matrix of x (N, h, w). */
static eg_var both_sides(const struct made *m, eg_var a, eg_var x, eg_var b)
{
    return eg_matmul(m->t, a, eg_matmul(m->t, x, eg_swap_axes(m->t, b, 0, 1)));
}

static eg_var narrowed(const struct made *m, eg_var u, size_t level)
{
    return both_sides(m, part(m, EGI_SCATTERING_NARROW, 0, level), u,
                      part(m, EGI_SCATTERING_NARROW, 1, level));
}

/* sum z e^(-+ i ..) along both axes of (N, h, w); sign -1 is the inverse, without its factor. */
static struct pair transform(const struct made *m, struct pair z, size_t level, double sign)
{
    eg_tape *t = m->t;
    const eg_var c0 = part(m, EGI_SCATTERING_COS, 0, level);
    const eg_var c1 = part(m, EGI_SCATTERING_COS, 1, level);
    const eg_var s0 = eg_affine(t, part(m, EGI_SCATTERING_SIN, 0, level), sign, 0);
    const eg_var s1 = eg_affine(t, part(m, EGI_SCATTERING_SIN, 1, level), sign, 0);
    const struct pair y = {
        eg_add(t, eg_matmul(t, z.re, c1), eg_matmul(t, z.im, s1)),
        eg_sub(t, eg_matmul(t, z.im, c1), eg_matmul(t, z.re, s1)),
    };
    return (struct pair){
        eg_add(t, eg_matmul(t, c0, y.re), eg_matmul(t, s0, y.im)),
        eg_sub(t, eg_matmul(t, c0, y.im), eg_matmul(t, s0, y.re)),
    };
}

/* x (N, h, w) times each of psi (L, h, w), every 2^fold th pixel of it: (N L, h', w'). */
static eg_var weighed(const struct made *m, eg_var x, eg_var psi, size_t fold)
{
    eg_tape *t = m->t;
    const eg_shape s = eg_tape_shape(t, x), l = eg_tape_shape(t, psi);
    const size_t f = (size_t)1 << fold, h = s.dim[1] / f, w = s.dim[2] / f;
    const eg_var one = eg_reshape(t, x, &eg_shape_of(s.dim[0], 1, s.dim[1], s.dim[2]));
    const eg_var y =
        eg_reshape(t, eg_mul(t, one, psi), &eg_shape_of(s.dim[0] * l.dim[0], f, h, f, w));
    return eg_sum(t, y, EG_AXIS(1) | EG_AXIS(3), 0);
}

/* |u * psi| for all angles of scale j, from the transform of u at level r: at level j. */
static eg_var moduli(const struct made *m, struct pair u, size_t j, size_t r)
{
    eg_tape *t = m->t;
    const eg_var psi = part(m, EGI_SCATTERING_PSI, j, r);
    const struct pair z = { weighed(m, u.re, psi, j - r), weighed(m, u.im, psi, j - r) };
    const struct pair y = transform(m, z, j, -1);
    const eg_var square = eg_add(t, eg_mul(t, y.re, y.re), eg_mul(t, y.im, y.im));
    return eg_sqrt(t, eg_maximum(t, square, eg_number(t, m->dtype, FLOOR)));
}

/* (P .., out, out) as (P, channels, out, out), each of the P with `first` rows of the last. */
static eg_var as_channels(const struct made *m, eg_var s)
{
    const eg_shape shape = eg_tape_shape(m->t, s);
    const size_t all = eg_shape_size(&shape), pixels = m->out[0] * m->out[1];
    return eg_reshape(m->t, s,
                      &eg_shape_of(m->planes, all / m->planes / pixels, m->out[0], m->out[1]));
}

/* S2 of all paths that begin with scale j, u (P L, h, w) at its level. */
static eg_var second(const struct made *m, eg_var u, size_t j, size_t scales, size_t angles)
{
    eg_var at[EGI_SCATTER_SCALES];
    const struct pair real = { u, eg_affine(m->t, u, 0, 0) };
    const struct pair f = transform(m, real, j, 1);
    for (size_t k = j + 1; k < scales; k++) {
        const eg_var s = narrowed(m, moduli(m, f, k, j), k);
        at[k - j - 1] =
            eg_reshape(m->t, s, &eg_shape_of(m->planes * angles, angles, m->out[0], m->out[1]));
    }
    return as_channels(m, eg_concat(m->t, at, scales - j - 1, 1));
}

static eg_var composed(const struct made *m, eg_var x, const struct egi_scattering_key *key)
{
    eg_var out[2 * EGI_SCATTER_SCALES + 1];
    size_t n = 0;
    const eg_var padded =
        both_sides(m, part(m, EGI_SCATTERING_PAD, 0, 0), x, part(m, EGI_SCATTERING_PAD, 1, 0));
    const struct pair real = { padded, eg_affine(m->t, padded, 0, 0) };
    out[n++] = as_channels(m, narrowed(m, padded, 0));
    if (key->order > 0) {
        const struct pair f = transform(m, real, 0, 1);
        eg_var u[EGI_SCATTER_SCALES];
        for (size_t j = 0; j < key->scales; j++) {
            u[j] = moduli(m, f, j, 0);
            out[n++] = as_channels(m, narrowed(m, u[j], j));
        }
        for (size_t j = 0; j + 1 < key->scales && key->order > 1; j++)
            out[n++] = second(m, u[j], j, key->scales, key->angles);
    }
    return eg_concat(m->t, out, n, 1);
}

/* ---- fused ---- */

static eg_status shape_fused(struct egi_call *c)
{
    const struct egi_scattering_key key = key_of(c->attr);
    const eg_scattering_options o = { sizeof o, key.scales, key.angles, key.order, 0 };
    size_t n[2], out[2];
    egi_scattering_sides(&key, n, out);
    c->out.shape = eg_shape_of(c->in[0].shape.dim[0], eg_scattering_channels(&o), out[0], out[1]);
    return EG_OK;
}

struct job {
    const struct egi_scatter *s;
    const struct egi_scatter_kernels *kernels;
    const float *x;
    float *out, *room;
    size_t planes, each;
};

static void one_block(void *arg, size_t block, size_t worker)
{
    const struct job *j = arg;
    const size_t from = block * j->kernels->lanes, left = j->planes - from;
    const size_t in = j->s->in[0] * j->s->in[1];
    const size_t out = j->s->channels * j->s->out[0] * j->s->out[1];
    j->kernels->run(j->s, j->x + from * in, left < j->kernels->lanes ? left : j->kernels->lanes,
                    j->out + from * out, j->room + worker * j->each);
}

static eg_status forward_fused(struct egi_call *c)
{
    struct egi_scattering_bank *b;
    struct egi_tensor x;
    void *room;
    size_t bytes;
    EGI_TRY(bank_of(c, &b));
    EGI_TRY(egi_contiguous(c, &c->in[0], &x));
    const struct egi_scatter_kernels *k = egi_scatter_kernels();
    const int threads = egi_crew(c->threads, 1e9);
    struct job j = { &b->k,
                     k,
                     (const float *)(const void *)x.data,
                     (float *)(void *)c->out.data,
                     NULL,
                     x.shape.dim[0],
                     (egi_scatter_room(&b->k, k->lanes) + 15) / 16 * 16 };
    EGI_TRY(egi_mul_size((size_t)egi_thread_count(threads) * sizeof(float), j.each, &bytes));
    EGI_TRY(egi_scratch(c, bytes, &room));
    j.room = room;
    egi_parallel_workers((j.planes + k->lanes - 1) / k->lanes, threads, one_block, &j);
    return EG_OK;
}

static const struct egi_op op_fused = { .info = { "scattering", "S x", "Bruna and Mallat 2013" },
                                        .shape = shape_fused,
                                        .forward = forward_fused };

/* ---- public ---- */

static eg_status check(const eg_scattering_options *o, const eg_shape *s, eg_dtype dtype)
{
    char text[EGI_SHAPE_TEXT];
    if (eg_scattering_channels(o) == 0)
        return egi_fail(EG_ERR_INVALID,
                        "scattering: %zu scales, %zu angles, order %zu; expected 1..%d, 1..64, "
                        "0..2",
                        o->scales, o->angles, o->order, EGI_SCATTER_SCALES);
    const size_t least = (size_t)1 << o->scales;
    if (s->rank != 4 || dtype == EG_I32 || s->dim[2] < least || s->dim[3] < least
        || s->dim[2] > 4096 || s->dim[3] > 4096)
        return egi_fail(EG_ERR_SHAPE,
                        "scattering: %s, expected (B, C, H, W) of sides from 2^%zu to 4096",
                        egi_shape_text(s, text), o->scales);
    return EG_OK;
}

eg_var eg_scattering(eg_tape *t, eg_var x, const eg_scattering_options *options)
{
    const eg_scattering_options usual = EG_SCATTERING_OPTIONS_INIT,
                                *o = options != NULL ? options : &usual;
    const eg_shape s = eg_tape_shape(t, x);
    struct made m = { .t = t, .dtype = eg_tape_dtype(t, x) };
    if (eg_tape_status(t) != EG_OK) return EG_NONE;
    const eg_status status = check(o, &s, m.dtype);
    if (status != EG_OK) return egi_tape_fail(t, status);
    m.planes = s.dim[0] * s.dim[1];
    m.attr =
        (struct egi_attr){ .n = { (ptrdiff_t)s.dim[2], (ptrdiff_t)s.dim[3], (ptrdiff_t)o->scales,
                                  (ptrdiff_t)o->angles, (ptrdiff_t)o->order, o->rounded_pi != 0 } };
    const struct egi_scattering_key key = key_of(&m.attr);
    egi_scattering_sides(&key, m.n, m.out);
    const eg_var planes = eg_reshape(t, x, &eg_shape_of(m.planes, s.dim[2], s.dim[3]));
    const int fused = m.dtype == EG_F32 && !egi_tape_wants(t, x) && !egi_tape_is_ghost(t, x);
    const eg_var y =
        fused ? egi_apply(t, &op_fused, &planes, 1, &m.attr) : composed(&m, planes, &key);
    const size_t channels = s.dim[1] * eg_scattering_channels(o);
    return eg_reshape(t, y, &eg_shape_of(s.dim[0], channels, m.out[0], m.out[1]));
}
