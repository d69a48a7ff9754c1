/* engram/scattering.h - the scattering transform of pictures: averages of moduli of wavelets, which
 * change little where a picture is moved or bent a little, and keep what tells pictures apart. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGRAM_SCATTERING_H
#define ENGRAM_SCATTERING_H

#include "engram/status.h"
#include "engram/tape.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct eg_scattering_options {
    size_t size;    /* of this struct */
    size_t scales;  /* J, 1 to 12: means are taken over 2^J pixels */
    size_t angles;  /* L, 1 to 64 */
    size_t order;   /* 0, 1 or 2 */
    int rounded_pi; /* filters as the package kymatio makes them, by 3.1415 in place of pi */
} eg_scattering_options;

#define EG_SCATTERING_OPTIONS_INIT                \
    {                                             \
        sizeof(eg_scattering_options), 2, 8, 2, 0 \
    }

/* Channels for each of a picture: 1 + J L + L^2 J (J - 1) / 2 up to order 2. 0: an option is out of
 * range. */
EG_API size_t eg_scattering_channels(const eg_scattering_options *options);

/**
 * S x = (x * phi, |x * psi_a| * phi, ||x * psi_a| * psi_b| * phi), every 2^J pixels:
 *     (B, C, H, W) to (B, C K, H / 2^J, W / 2^J), sides rounded down, K channels for each.
 * psi are Morlet wavelets of J scales and L angles, b of a larger scale than a; phi is a Gaussian;
 * borders are reflected. Channels of a channel: S0, then S1 by scale and angle, then S2 by those of
 * a, then of b. Differentiable any number of times; where nothing flows back, and in f32, one fused
 * kernel computes it.
 * @param options  NULL: the defaults
 * @return EG_NONE after a failure: EG_ERR_INVALID (options), EG_ERR_SHAPE (no pictures, a side
 * below 2^J), EG_ERR_NOMEM Accuracy: f32 within 2e-6 of the largest coefficient. Determinism: R1.
 * Source: Bruna and Mallat 2013; Andreux et al. 2020, Kymatio (filters, padding, order of
 * channels).
 */
EG_API eg_var eg_scattering(eg_tape *t, eg_var x, const eg_scattering_options *options);

/* ---- operators on its channels, and rotations ---- */

enum { EG_ROTATION_FREQUENCIES = 33 };

typedef struct eg_rotation {
    double share[EG_ROTATION_FREQUENCIES]; /* of the energy, by frequency 0 to L / 2 */
    double concentration; /* share of its largest frequency in an orbit, mean weighed by energy */
    double coefficients;  /* the smallest share of all coefficients that holds .9 of the energy */
    double energy;        /* sum of squares of the weights on orbits: all but those on S0 */
    size_t orbits;
} eg_rotation;

/**
 * How an operator on the channels of a scattering transform turns with the picture. A picture that
 * turns by one of the L angles moves the channels along orbits: S1 (j, l) to (j, l + 1), S2
 * (j, l, j', l') to (j, l + 1, j', l' + 1). The weights on each orbit are taken to Fourier
 * coefficients; an operator that turns with the picture by one representation has one frequency,
 * one that does not see rotations frequency 0. Of weights that know nothing of angles frequency f
 * has 2 / L of the energy, 0 and L / 2 half of that.
 * @param w         (outputs, planes, K): a 1 x 1 convolution behind the transform of `planes`
 * @param options   of the transform; order 1 or more
 * @return EG_OK; EG_ERR_INVALID (options, no weights, a number that is not finite, all zeros);
 *         EG_ERR_NOMEM
 * Source: Oyallon, Belilovsky and Zagoruyko 2017, section 4.1.
 */
EG_API EG_MUST_CHECK eg_status eg_rotation_spectrum(const float *w, size_t outputs, size_t planes,
                                                    const eg_scattering_options *options,
                                                    eg_rotation *out);

#ifdef __cplusplus
}
#endif
#endif
