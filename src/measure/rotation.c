/* Weights on the channels of a scattering transform along orbits of rotations, by frequency.
 *
 * The order of channels (engram/scattering.h): S0; S1 by scale and angle; S2 by scale and angle of
 * the first wavelet, then of the second. With angles as the last coordinate an orbit of S1 is a
 * row; one of S2 has first angle l and second angle l + r, r fixed. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/egi_base.h"
#include "engram/scattering.h"

/* The channel of place l on an orbit: first of `orbits`, S1, then S2 by both scales and r. */
static size_t channel_of(const eg_scattering_options *o, size_t orbit, size_t l)
{
    const size_t n = o->angles;
    if (orbit < o->scales) return 1 + orbit * n + l;
    size_t at = (orbit - o->scales) / n, before = 1 + o->scales * n, j = 0;
    const size_t r = (orbit - o->scales) % n;
    for (; at >= o->scales - 1 - j; j++) {
        at -= o->scales - 1 - j;
        before += n * (o->scales - 1 - j) * n;
    }
    return before + (l * (o->scales - 1 - j) + at) * n + (l + r) % n;
}

static size_t count_orbits(const eg_scattering_options *o)
{
    return o->scales + (o->order > 1 ? o->scales * (o->scales - 1) / 2 * o->angles : 0);
}

/* energy (L / 2 + 1) of the weights v (L) by frequency; their sum is that of the squares. */
static void spectrum(const double *v, size_t n, double *energy)
{
    const double turn = 2 * acos(-1) / (double)n;
    for (size_t f = 0; f <= n / 2; f++) {
        double re = 0, im = 0;
        for (size_t l = 0; l < n; l++) {
            re += v[l] * cos(turn * (double)(f * l % n));
            im += v[l] * sin(turn * (double)(f * l % n));
        }
        energy[f] = (re * re + im * im) * (f == 0 || 2 * f == n ? 1 : 2) / (double)n;
    }
}

static int falling(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x < y) - (x > y);
}

static eg_status check(const float *w, size_t outputs, size_t planes,
                       const eg_scattering_options *o, size_t *size)
{
    const size_t channels = eg_scattering_channels(o);
    if (channels == 0 || o->order < 1 || outputs == 0 || planes == 0)
        return egi_fail(EG_ERR_INVALID,
                        "rotation: %zu outputs of %zu planes, %zu scales, %zu angles, order %zu; "
                        "expected 1 or more of all, and a transform",
                        outputs, planes, o->scales, o->angles, o->order);
    EGI_TRY(egi_mul_size(outputs, planes, size));
    EGI_TRY(egi_mul_size(*size, channels, size));
    for (size_t i = 0; i < *size; i++)
        if (!isfinite(w[i]))
            return egi_fail(EG_ERR_INVALID, "rotation: weight %zu is %g, expected finite numbers",
                            i, (double)w[i]);
    return EG_OK;
}

static void sum_up(double *energy, size_t orbits, size_t each, eg_rotation *out)
{
    double held = 0;
    size_t needed = 0;
    for (size_t i = 0; i < orbits; i++) {
        double most = 0;
        for (size_t f = 0; f < each; f++) {
            out->share[f] += energy[i * each + f];
            out->energy += energy[i * each + f];
            most = fmax(most, energy[i * each + f]);
        }
        out->concentration += most;
    }
    for (size_t f = 0; f < each; f++) out->share[f] /= out->energy;
    out->concentration /= out->energy;
    qsort(energy, orbits * each, sizeof *energy, falling);
    while (held < 0.9 * out->energy) held += energy[needed++];
    out->coefficients = (double)needed / (double)(orbits * each);
    out->orbits = orbits;
}

eg_status eg_rotation_spectrum(const float *w, size_t outputs, size_t planes,
                               const eg_scattering_options *options, eg_rotation *out)
{
    const eg_scattering_options usual = EG_SCATTERING_OPTIONS_INIT;
    const eg_scattering_options *o = options != NULL ? options : &usual;
    const size_t channels = eg_scattering_channels(o), each = o->angles / 2 + 1;
    double line[64];
    eg_rotation r = { .orbits = 0 };
    size_t size;
    void *room;
    EGI_TRY(check(w, outputs, planes, o, &size));
    const size_t of_plane = count_orbits(o), orbits = outputs * planes * of_plane;
    EGI_TRY(
        egi_alloc_array(eg_allocator_default(), orbits * each, sizeof(double), "rotation", &room));
    double *energy = room;
    for (size_t i = 0; i < orbits; i++) {
        for (size_t l = 0; l < o->angles; l++)
            line[l] = (double)w[i / of_plane * channels + channel_of(o, i % of_plane, l)];
        spectrum(line, o->angles, energy + i * each);
        for (size_t f = 0; f < each; f++) r.energy += energy[i * each + f];
    }
    const int none = !(r.energy > 0);
    r.energy = 0;
    if (!none) sum_up(energy, orbits, each, &r);
    egi_free(eg_allocator_default(), room, orbits * each * sizeof(double));
    if (none) return egi_fail(EG_ERR_INVALID, "rotation: all weights on orbits are 0");
    *out = r;
    return EG_OK;
}
