/* The interferometric transform: what both kinds share, and the grid (engram/interferometric.h).
 *
 * F_j[f][t] = exp(-2 pi i f t / n) / sqrt n, and the Gaussian of an axis is sampled, added up over
 * multiples of n, and divided by its sum: its transform is real, 1 at frequency 0, below elsewhere.
 * Products are matrix products on a tape, axis by axis; a plane costs n_0 n_1 (n_0 + n_1) K complex
 * multiply-adds, which for sides of 32 is what a fast transform takes within a small factor. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "engram/random.h"
#include "measure/egi_interferometric.h"

enum { STREAM_GAIN = 1, AT_ONCE = 16 };

/* Below the root's slope grows without bound; what a modulus of 0 is taken for. */
static const double least = 1e-7;

/* ---- making one ---- */

static eg_status check(size_t channels, const size_t n[2], const eg_interferometric_options *o)
{
    if (o->size != sizeof *o)
        return egi_fail(EG_ERR_INVALID, "interferometric: options of %zu bytes, expected %zu",
                        o->size, sizeof *o);
    if (channels == 0 || n[0] == 0 || n[1] == 0)
        return egi_fail(EG_ERR_INVALID, "interferometric: %zu x %zu x %zu numbers, expected some",
                        channels, n[0], n[1]);
    if (o->filters == 0 || o->order == 0 || o->order > 4 || o->scales > 12 || o->batch == 0
        || !(o->rate > 0))
        return egi_fail(EG_ERR_INVALID,
                        "interferometric: %zu filters, order %zu, %zu scales, batch %zu, rate %g; "
                        "expected 1 or more, 1 to 4, up to 12, 1 or more, above 0",
                        o->filters, o->order, o->scales, o->batch, o->rate);
    return EG_OK;
}

static void lay_out(eg_interferometric *s, double *doubles, float *floats)
{
    for (size_t i = 0; i < 2; i++) {
        struct egi_axis *a = &s->axis[i];
        const size_t square = 2 * a->n * a->n, mean = a->mean * a->n;
        a->atom = doubles;
        a->average = doubles + square;
        a->single = floats;
        doubles += square + mean;
        floats += square + mean;
    }
    s->low = doubles;
    s->gain = doubles + s->f;
    s->single = floats;
}

eg_status egi_interferometric_create(size_t channels, const size_t n[2], const size_t mean[2],
                                     const eg_interferometric_options *o, eg_interferometric **out)
{
    EGI_TRY(check(channels, n, o));
    const eg_allocator *alloc = o->alloc != NULL ? o->alloc : eg_allocator_default();
    size_t f, gains, doubles = 0;
    EGI_TRY(egi_mul_size(n[0], n[1], &f));
    EGI_TRY(egi_mul_size(2 * f, o->filters, &gains));
    for (size_t i = 0; i < 2; i++) {
        size_t square;
        EGI_TRY(egi_mul_size(n[i], 2 * n[i] + mean[i], &square));
        doubles += square;
    }
    const struct egi_need needs[] = { { 1, sizeof(eg_interferometric) },
                                      { doubles + f + o->order * gains, sizeof(double) },
                                      { doubles + gains, sizeof(float) },
                                      { f, sizeof(size_t) } };
    struct egi_arena arena;
    EGI_TRY(egi_arena_create(alloc, needs, EGI_COUNT(needs), "interferometric", &arena));
    eg_interferometric *s = arena.part[0];
    *s = (eg_interferometric){ .o = *o, .alloc = alloc, .channels = channels, .f = f };
    for (size_t i = 0; i < 2; i++)
        s->axis[i] = (struct egi_axis){ .n = n[i], .mean = mean[i], .out = mean[i] };
    lay_out(s, arena.part[1], arena.part[2]);
    s->partner = arena.part[3];
    s->arena = arena;
    const eg_status status = eg_tape_create(o->threads, alloc, &s->t);
    if (status != EG_OK) {
        eg_interferometric_destroy(s);
        return status;
    }
    *out = s;
    return EG_OK;
}

void eg_interferometric_destroy(eg_interferometric *s)
{
    if (s == NULL) return;
    struct egi_arena arena = s->arena; /* which holds it */
    eg_tape_destroy(s->t);
    egi_arena_destroy(&arena);
}

/* Half of the gains are 0, the others normal (Oyallon's code); then within (1). */
eg_status egi_interferometric_begin(eg_interferometric *s)
{
    const size_t layer = 2 * s->o.filters * s->f;
    for (size_t i = 0; i < 2; i++) {
        const struct egi_axis *a = &s->axis[i];
        const size_t numbers = 2 * a->n * a->n + a->mean * a->n;
        for (size_t j = 0; j < numbers; j++) a->single[j] = (float)a->atom[j];
    }
    for (size_t m = 0; m < s->o.order; m++) {
        eg_random_normal(s->o.seed, STREAM_GAIN + 2 * m, 0, layer, s->single);
        for (size_t i = 0; i < layer; i++) {
            const int on = eg_random_below(s->o.seed, STREAM_GAIN + 2 * m + 1, i, 2) != 0;
            s->gain[m * layer + i] = on ? (double)s->single[i] : 0;
        }
        egi_interferometric_project(s, m);
    }
    return EG_OK;
}

/* ---- the grid ---- */

static double pi(void)
{
    return acos(-1);
}

/* Atoms and averages of an axis; low (n) the Gaussian's transform. */
static void fill_axis(struct egi_axis *a, size_t scales, size_t every, double *low)
{
    const size_t n = a->n;
    const double sigma = 0.8 * ldexp(1, (int)scales - 1), size = (double)n;
    const int turns = 1 + (int)ceil(10 * sigma / size);
    double *bell = a->average; /* (n): the first row */
    double sum = 0;
    for (size_t t = 0; t < n; t++) {
        bell[t] = 0;
        for (int i = -turns; i <= turns; i++) {
            const double far = ((double)t + i * size) / sigma;
            bell[t] += exp(-far * far / 2);
        }
        sum += bell[t];
    }
    for (size_t t = 0; t < n; t++) bell[t] /= sum;
    for (size_t f = 0; f < n; f++) {
        low[f] = 0;
        for (size_t t = 0; t < n; t++) {
            const double turn = 2 * pi() * (double)(f * t % n) / size;
            a->atom[f * n + t] = cos(turn) / sqrt(size);
            a->atom[(n + f) * n + t] = -sin(turn) / sqrt(size);
            low[f] += bell[t] * cos(turn);
        }
    }
    low[0] = 1; /* and both of a pair the same, to the last bit */
    for (size_t f = 1; 2 * f < n; f++) low[n - f] = low[f];
    size_t row = 1;
    for (int rest = 0; rest < 2; rest++) /* those that are given first; row 0 is there */
        for (size_t at = 1; at < n; at++) {
            if ((at % every != 0) != rest) continue;
            for (size_t t = 0; t < n; t++) a->average[row * n + t] = bell[(t + n - at) % n];
            row++;
        }
    a->out = (n + every - 1) / every;
}

static eg_status fill_grid(eg_interferometric *s)
{
    const size_t height = s->axis[0].n, width = s->axis[1].n;
    const size_t every = s->o.every > 0 ? s->o.every : (size_t)1 << s->o.scales;
    double *const low[2] = { s->gain, s->gain + height }; /* not yet drawn; room for 2 f */
    for (size_t i = 0; i < 2; i++) fill_axis(&s->axis[i], s->o.scales, every, low[i]);
    for (size_t f = 0; f < s->f; f++) {
        const size_t y = f / width, z = f % width;
        s->low[f] = low[0][y] * low[1][z];
        s->partner[f] = (height - y) % height * width + (width - z) % width;
    }
    return egi_interferometric_begin(s);
}

eg_status eg_interferometric_grid(size_t channels, size_t height, size_t width,
                                  const eg_interferometric_options *options,
                                  eg_interferometric **out)
{
    const eg_interferometric_options usual = EG_INTERFEROMETRIC_OPTIONS_INIT;
    const size_t n[2] = { height, width };
    eg_interferometric *s = NULL;
    eg_status status =
        egi_interferometric_create(channels, n, n, options != NULL ? options : &usual, &s);
    if (status == EG_OK) status = fill_grid(s);
    if (status != EG_OK) {
        eg_interferometric_destroy(s);
        return status;
    }
    *out = s;
    return EG_OK;
}

/* ---- passes ---- */

struct complex {
    eg_var re, im;
};

/* A real matrix of an axis that begins `from` floats into its numbers. */
static eg_var matrix(const eg_interferometric *s, size_t axis, size_t from, size_t rows)
{
    const struct egi_axis *a = &s->axis[axis];
    return eg_input(s->t, EG_F32, &eg_shape_of(rows, a->n), a->single + from);
}

static struct complex atoms(const eg_interferometric *s, size_t axis)
{
    const size_t n = s->axis[axis].n;
    return (struct complex){ matrix(s, axis, 0, n), matrix(s, axis, n * n, n) };
}

static eg_var turned(eg_tape *t, eg_var m)
{
    return eg_swap_axes(t, m, 0, 1);
}

/* a + sign b */
static eg_var sum_of(eg_tape *t, eg_var a, eg_var b, double sign)
{
    return sign > 0 ? eg_add(t, a, b) : eg_sub(t, a, b);
}

static struct complex times(eg_tape *t, struct complex a, struct complex b, double sign,
                            eg_var (*product)(eg_tape *t, eg_var x, eg_var y))
{
    return (struct complex){
        sum_of(t, product(t, a.re, b.re), product(t, a.im, b.im), -sign),
        sum_of(t, product(t, a.im, b.re), product(t, a.re, b.im), sign),
    };
}

/* F u of real u (P, n, n) */
static struct complex spectrum(const eg_interferometric *s, eg_var u)
{
    eg_tape *t = s->t;
    const struct complex rows = atoms(s, 0), columns = atoms(s, 1);
    const struct complex along = { eg_matmul(t, u, turned(t, columns.re)),
                                   eg_matmul(t, u, turned(t, columns.im)) };
    return times(t, rows, along, 1, eg_matmul);
}

/* F* z = F_0* z conj(F_1) of z (P, K, n, n) */
static struct complex back(const eg_interferometric *s, struct complex z)
{
    eg_tape *t = s->t;
    const struct complex rows = atoms(s, 0), columns = atoms(s, 1);
    const struct complex across = { turned(t, rows.re), eg_neg(t, turned(t, rows.im)) };
    return times(t, across, times(t, z, columns, -1, eg_matmul), 1, eg_matmul);
}

eg_var egi_interferometric_modulus(const eg_interferometric *s, eg_var u, eg_var re, eg_var im)
{
    eg_tape *t = s->t;
    const size_t n0 = s->axis[0].n, n1 = s->axis[1].n, k = s->o.filters;
    const size_t planes = eg_tape_shape(t, u).dim[0];
    const eg_shape one = eg_shape_of(planes, 1, n0, n1), all = eg_shape_of(planes * k, n0, n1);
    const eg_shape filters = eg_shape_of(1, k, n0, n1);
    const struct complex from = spectrum(s, u);
    const struct complex z = { eg_reshape(t, from.re, &one), eg_reshape(t, from.im, &one) };
    const struct complex w = { eg_reshape(t, re, &filters), eg_reshape(t, im, &filters) };
    const struct complex y = back(s, times(t, z, w, 1, eg_mul));
    const eg_var square = eg_add(t, eg_mul(t, y.re, y.re), eg_mul(t, y.im, y.im));
    return eg_reshape(t, eg_sqrt(t, eg_affine(t, square, 1, least * least)), &all);
}

eg_var egi_interferometric_average(const eg_interferometric *s, eg_var u, int all)
{
    const struct egi_axis *a = s->axis;
    const eg_var rows = matrix(s, 0, 2 * a[0].n * a[0].n, all ? a[0].mean : a[0].out);
    const eg_var columns = matrix(s, 1, 2 * a[1].n * a[1].n, all ? a[1].mean : a[1].out);
    return eg_matmul(s->t, rows, eg_matmul(s->t, u, turned(s->t, columns)));
}

void egi_interferometric_filters(const eg_interferometric *s, size_t layer, eg_var out[2])
{
    const size_t half = s->o.filters * s->f;
    for (size_t i = 0; i < 2 * half; i++) s->single[i] = (float)s->gain[layer * 2 * half + i];
    for (size_t i = 0; i < 2; i++)
        out[i] = eg_input(s->t, EG_F32, &eg_shape_of(s->o.filters, s->f), s->single + i * half);
}

/* ---- what comes out ---- */

eg_interferometric_view eg_interferometric_look(const eg_interferometric *s)
{
    return (eg_interferometric_view){ s->f,         { s->axis[0].out, s->axis[1].out },
                                      s->o.filters, s->o.order,
                                      s->partner,   s->low,
                                      s->gain,      { s->axis[0].atom, s->axis[1].atom } };
}

static size_t places_of(const eg_interferometric *s)
{
    return s->axis[0].out * s->axis[1].out;
}

size_t eg_interferometric_features(const eg_interferometric *s)
{
    size_t sum = 1, paths = 1;
    for (size_t m = 0; m < s->o.order; m++) sum += paths *= s->o.filters;
    return sum * places_of(s);
}

/* y (planes, features) of x (planes, n, n) */
static eg_status some(eg_interferometric *s, const float *x, size_t planes, float *y)
{
    const size_t places = places_of(s), features = eg_interferometric_features(s);
    size_t paths = 1, at = 0;
    eg_tape_reset(s->t);
    eg_var u = eg_input(s->t, EG_F32, &eg_shape_of(planes, s->axis[0].n, s->axis[1].n), x);
    for (size_t m = 0; m <= s->o.order; m++) {
        const float *v = eg_tape_value(s->t, egi_interferometric_average(s, u, 0));
        if (v == NULL) return eg_tape_status(s->t);
        for (size_t p = 0; p < planes; p++)
            memcpy(y + p * features + at, v + p * paths * places, paths * places * sizeof *y);
        at += paths * places;
        paths *= s->o.filters;
        if (m == s->o.order) break;
        eg_var w[2];
        egi_interferometric_filters(s, m, w);
        u = egi_interferometric_modulus(s, u, w[0], w[1]);
    }
    return EG_OK;
}

eg_status eg_interferometric_apply(eg_interferometric *s, const float *x, size_t n, float *y)
{
    const size_t planes = n * s->channels, features = eg_interferometric_features(s);
    for (size_t i = 0; i < planes * s->f; i++)
        if (!isfinite(x[i]))
            return egi_fail(EG_ERR_INVALID, "interferometric: number %zu is %g", i, (double)x[i]);
    for (size_t i = 0, b; i < planes; i += b) {
        b = planes - i < AT_ONCE ? planes - i : AT_ONCE;
        EGI_TRY(egi_report(s->o.progress, "signals", i, planes));
        EGI_TRY(some(s, x + i * s->f, b, y + i * features));
    }
    return egi_report(s->o.progress, "signals", planes, planes);
}
