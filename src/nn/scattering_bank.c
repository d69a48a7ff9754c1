/* Filters of the scattering transform, made where they are used: by frequency.
 *
 * A Morlet wavelet of scale j and angle theta is g(u) (e^(i xi u_theta) - beta) with the Gaussian
 *     g(u) = slant / (2 pi sigma^2) exp(-(u_theta^2 + slant^2 u_perp^2) / (2 sigma^2)),
 * sigma = .8 2^j, xi = 3 pi / 4 / 2^j, slant = 4 / L, beta such that the sum is 0. Its transform is
 * the Gaussian's, shifted to xi, less beta times the one at 0, added up over multiples of 2 pi (a
 * filter is sampled). The mean is taken by the same Gaussian, round, with sigma = .8 2^(J - 1): as
 * that is a product of two of one dimension, the mean and its sampling are one small matrix for
 * each axis. A map at level r has every 2^r th pixel, and filters there are the low band of the
 * full ones, as in kymatio (periodize_filter_fft).
 *
 * kymatio writes pi as 3.1415 in the factor before the exponential (rounded_pi). */
/* SPDX-License-Identifier: Apache-2.0 */
#include "nn/egi_scattering.h"

#include <math.h>

static double pi(void)
{
    return acos(-1);
}

void egi_scattering_sides(const struct egi_scattering_key *key, size_t n[2], size_t out[2])
{
    const size_t step = (size_t)1 << key->scales;
    for (size_t i = 0; i < 2; i++) {
        n[i] = (key->in[i] / step + 2) * step;
        out[i] = n[i] / step - 2;
    }
}

/* ---- Gaussians by frequency ---- */

struct wave {
    double sigma, slant, xi, along[2]; /* the direction */
};

/* Transform of the sampled Gaussian at w, moved by xi along the direction: 1 at its top. */
static double bell(const struct wave *g, const double w[2], double xi)
{
    /* multiples of 2 pi on both sides: what is left out is below 1e-16 */
    const int turns = g->slant > 1 ? 2 + (int)ceil(2 * g->slant) : 2;
    double sum = 0;
    for (int i = -turns; i <= turns; i++)
        for (int j = -turns; j <= turns; j++) {
            const double a = w[0] + 2 * pi() * i, b = w[1] + 2 * pi() * j;
            const double u = a * g->along[0] + b * g->along[1] - xi;
            const double v = (b * g->along[0] - a * g->along[1]) / g->slant;
            const double power = g->sigma * g->sigma * (u * u + v * v) / 2;
            if (power < 60) sum += exp(-power);
        }
    return sum;
}

static struct wave wave_of(const struct egi_scatter *k, size_t j, size_t angle)
{
    const double l = (double)k->angles, scale = ldexp(1, (int)j);
    const double theta = (floor(l - l / 2 - 1) - (double)angle) * pi() / l;
    return (struct wave){ 0.8 * scale, 4 / l, 0.75 * pi() / scale, { cos(theta), sin(theta) } };
}

/* The place in n of place k of the low band of n / 2^r. */
static size_t low(size_t k, size_t n, size_t r)
{
    const size_t band = n >> r;
    return 2 * k < band ? k : n - band + k;
}

static void fill_psi(const struct egi_scattering_bank *b, const struct egi_scattering_key *key,
                     size_t j, size_t angle)
{
    const struct egi_scatter *k = &b->k;
    const struct wave g = wave_of(k, j, angle);
    const double factor = key->rounded_pi ? pi() / 3.1415 : 1, zero[2] = { 0, 0 };
    const double beta = bell(&g, zero, g.xi) / bell(&g, zero, 0);
    const size_t pixels = k->n[0] * k->n[1];
    double *full = b->value + b->psi_at[j][0] + angle * pixels;
    for (size_t i = 0; i < pixels; i++) {
        const double w[2] = { 2 * pi() * (double)(i / k->n[1]) / (double)k->n[0],
                              2 * pi() * (double)(i % k->n[1]) / (double)k->n[1] };
        full[i] = factor * (bell(&g, w, g.xi) - beta * bell(&g, w, 0)) / (double)pixels;
    }
    for (size_t r = 1; r <= j; r++) {
        const size_t h = k->n[0] >> r, width = k->n[1] >> r;
        double *own = b->value + b->psi_at[j][r] + angle * h * width;
        for (size_t i = 0; i < h * width; i++)
            own[i] = ldexp(full[low(i / width, k->n[0], r) * k->n[1] + low(i % width, k->n[1], r)],
                           2 * (int)r);
    }
}

/* Row m of the mean along an axis at level r: around pixel (m + 1) 2^J of the padded plane. */
static void fill_narrow(const struct egi_scattering_bank *b, const struct egi_scattering_key *key,
                        size_t axis, size_t r)
{
    const size_t whole = b->k.n[axis], n = whole >> r, step = (size_t)1 << (key->scales - r);
    const struct wave g = { 0.8 * ldexp(1, (int)key->scales - 1), 1, 0, { 1, 0 } };
    const double factor = key->rounded_pi ? sqrt(pi() / 3.1415) : 1, zero[2] = { 0, 0 };
    const double across = bell(&g, zero, 0); /* of the other axis, at 0 */
    double *to = b->value + b->narrow_at[axis][r];
    for (size_t m = 0; m < b->k.out[axis]; m++)
        for (size_t i = 0; i < n; i++) to[m * n + i] = 0;
    for (size_t f = 0; f < n; f++) {
        const double w[2] = { 2 * pi() * (double)low(f, whole, r) / (double)whole, 0 };
        const double size = factor * bell(&g, w, 0) / sqrt(across) / (double)n;
        for (size_t m = 0; m < b->k.out[axis]; m++)
            for (size_t i = 0; i < n; i++) {
                const size_t turn = f * ((m + 1) * step + n - i) % n;
                to[m * n + i] += size * cos(2 * pi() * (double)turn / (double)n);
            }
    }
}

/* ---- tables of Fourier transforms ---- */

static size_t dense_length(size_t n)
{
    while (n % 2 == 0 && n > EGI_DFT_DENSE) n /= 2;
    return n;
}

static size_t dft_floats(size_t n)
{
    const size_t m = dense_length(n);
    return 2 * n + 2 * (m / 2 + 1) * ((m - 1) / 2);
}

static float *fill_dft(struct egi_dft *d, size_t n, float *at)
{
    const size_t m = dense_length(n), h = (m - 1) / 2;
    d->n = n;
    d->m = m;
    d->root = at;
    for (size_t k = 0; k < n; k++) {
        *at++ = (float)cos(2 * pi() * (double)k / (double)n);
        *at++ = (float)sin(2 * pi() * (double)k / (double)n);
    }
    d->table = at;
    for (size_t k = 0; k <= m / 2; k++)
        for (size_t j = 1; j <= h; j++) {
            *at++ = (float)cos(2 * pi() * (double)(j * k % m) / (double)m);
            *at++ = (float)sin(2 * pi() * (double)(j * k % m) / (double)m);
        }
    return at;
}

/* ---- the whole ---- */

/* Reflection at the middle of the first and the last pixel. */
static unsigned reflected(size_t place, size_t before, size_t n)
{
    const size_t period = n > 1 ? 2 * (n - 1) : 1;
    const size_t at = (place + period * (before / period + 1) - before) % period;
    return (unsigned)(at < n ? at : period - at);
}

static void lay_out(const struct egi_scattering_key *key, struct egi_scattering_bank *b)
{
    struct egi_scatter *k = &b->k;
    *k = (struct egi_scatter){ .in = { key->in[0], key->in[1] },
                               .scales = key->scales,
                               .angles = key->angles,
                               .order = key->order };
    egi_scattering_sides(key, k->n, k->out);
    const eg_scattering_options o = { sizeof o, key->scales, key->angles, key->order, 0 };
    k->channels = eg_scattering_channels(&o);
    b->filters = k->scales * k->scales * k->angles;
    for (size_t j = 0; j < k->scales; j++)
        for (size_t r = 0; r <= j; r++) {
            b->psi_at[j][r] = b->values;
            b->values += k->angles * (k->n[0] >> r) * (k->n[1] >> r);
        }
    for (size_t i = 0; i < 2; i++)
        for (size_t r = 0; r < k->scales; r++) {
            b->narrow_at[i][r] = b->values;
            b->values += k->out[i] * (k->n[i] >> r);
            b->floats += dft_floats(k->n[i] >> r);
        }
    b->floats += b->values;
}

void egi_scattering_bank_clear(struct egi_scattering_bank *b)
{
    egi_arena_destroy(&b->arena);
}

static void point(struct egi_scattering_bank *b)
{
    struct egi_scatter *k = &b->k;
    float *tables = b->rounded + b->values;
    for (size_t i = 0; i < b->filters; i++) b->psi[i] = NULL; /* of levels above a scale */
    for (size_t i = 0; i < b->values; i++) b->rounded[i] = (float)b->value[i];
    for (size_t j = 0; j < k->scales; j++)
        for (size_t r = 0; r <= j; r++)
            for (size_t a = 0; a < k->angles; a++)
                b->psi[(j * k->scales + r) * k->angles + a] =
                    b->rounded + b->psi_at[j][r] + a * (k->n[0] >> r) * (k->n[1] >> r);
    k->psi = b->psi;
    for (size_t i = 0; i < 2; i++) {
        for (size_t r = 0; r < k->scales; r++) {
            k->narrow[i][r] = b->rounded + b->narrow_at[i][r];
            tables = fill_dft(&k->dft[i][r], k->n[i] >> r, tables);
        }
        for (size_t p = 0; p < k->n[i]; p++)
            b->from[i][p] = reflected(p, (k->n[i] - k->in[i]) / 2, k->in[i]);
        k->from[i] = b->from[i];
    }
}

eg_status egi_scattering_bank_make(const struct egi_scattering_key *key,
                                   struct egi_scattering_bank *out)
{
    struct egi_scattering_bank b = { .value = NULL };
    lay_out(key, &b);
    const struct egi_need needs[5] = { { b.values, sizeof *b.value },
                                       { b.floats, sizeof *b.rounded },
                                       { b.filters, sizeof *b.psi },
                                       { b.k.n[0], sizeof **b.from },
                                       { b.k.n[1], sizeof **b.from } };
    EGI_TRY(egi_arena_create(eg_allocator_default(), needs, 5, "scattering", &b.arena));
    b.value = b.arena.part[0];
    b.rounded = b.arena.part[1];
    b.psi = b.arena.part[2];
    b.from[0] = b.arena.part[3];
    b.from[1] = b.arena.part[4];
    for (size_t j = 0; j < key->scales; j++)
        for (size_t a = 0; a < key->angles; a++) fill_psi(&b, key, j, a);
    for (size_t i = 0; i < 2; i++)
        for (size_t r = 0; r < key->scales; r++) fill_narrow(&b, key, i, r);
    point(&b);
    *out = b;
    return EG_OK;
}
