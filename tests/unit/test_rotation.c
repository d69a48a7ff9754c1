/* Frequencies along orbits of rotations: operators that turn with the picture have one, for every
 * number of scales and angles; energies add up; noise has its share at each. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "check.h"

enum {
    OUTPUTS = 3,
    PLANES = 2,
    MOST = OUTPUTS * PLANES * 500,
    FREQUENCIES = EG_ROTATION_FREQUENCIES
};

static float w[MOST];

static double phase(uint64_t a, uint64_t b)
{
    float u;
    eg_random_uniform(5, a, b, 1, &u);
    return 6.283185307179586 * (double)u;
}

/* Weights that turn with frequency f, channels in the order that they are computed in. */
static size_t make_turning(const eg_scattering_options *o, size_t f)
{
    const double turn = 6.283185307179586 * (double)f / (double)o->angles;
    size_t at = 0;
    for (size_t i = 0; i < OUTPUTS * PLANES; i++) {
        w[at++] = 7; /* S0 is on no orbit */
        for (size_t j = 0; j < o->scales; j++)
            for (size_t l = 0; l < o->angles; l++)
                w[at++] = (float)cos(turn * (double)l + phase(i, j));
        for (size_t j = 0; j < o->scales && o->order > 1; j++)
            for (size_t l = 0; l < o->angles; l++)
                for (size_t k = j + 1; k < o->scales; k++)
                    for (size_t m = 0; m < o->angles; m++) {
                        const size_t r = (m + o->angles - l) % o->angles;
                        w[at++] = (float)cos(turn * (double)l + phase(i, 100 + 99 * j + 9 * k + r));
                    }
    }
    return at;
}

static const eg_scattering_options cases[] = {
    { sizeof *cases, 2, 8, 2, 0 }, { sizeof *cases, 3, 8, 2, 0 }, { sizeof *cases, 4, 4, 2, 0 },
    { sizeof *cases, 3, 7, 2, 0 }, { sizeof *cases, 1, 8, 2, 0 }, { sizeof *cases, 4, 8, 1, 0 },
    { sizeof *cases, 2, 1, 2, 0 }, { sizeof *cases, 2, 2, 2, 0 }
};

static void what_turns_has_one_frequency(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (size_t f = 0; f <= cases[i].angles / 2; f++) {
            const eg_scattering_options *o = &cases[i];
            eg_rotation r;
            const size_t n = make_turning(o, f), channels = eg_scattering_channels(o);
            CHECK(n == OUTPUTS * PLANES * channels && n <= MOST);
            CHECK_OK(eg_rotation_spectrum(w, OUTPUTS, PLANES, o, &r));
            CHECK_NEAR(r.concentration, 1, 1e-12);
            for (size_t g = 0; g < FREQUENCIES; g++) CHECK_NEAR(r.share[g], g == f, 1e-12);
            assert_int_equal(r.orbits * o->angles, OUTPUTS * PLANES * (channels - 1));
            CHECK(r.coefficients <= 1 / (double)(o->angles / 2 + 1));
            /* one weight off its orbit is seen */
            w[1] += 3;
            CHECK_OK(eg_rotation_spectrum(w, OUTPUTS, PLANES, o, &r));
            CHECK(o->angles == 1 || r.share[f] < 1 - 1e-4);
        }
}

/* Parseval; 2 / L at each frequency, 1 / L at both ends. */
static void noise_has_its_share(void **state)
{
    (void)state;
    const eg_scattering_options o = { sizeof o, 3, 8, 2, 0 };
    const size_t channels = eg_scattering_channels(&o);
    eg_rotation r;
    double sum = 0, square = 0;
    eg_random_normal(1, 1, 0, OUTPUTS * PLANES * channels, w);
    CHECK_OK(eg_rotation_spectrum(w, OUTPUTS, PLANES, &o, &r));
    for (size_t i = 0; i < OUTPUTS * PLANES * channels; i++)
        square += i % channels > 0 ? (double)w[i] * (double)w[i] : 0;
    for (size_t f = 0; f < FREQUENCIES; f++) sum += r.share[f];
    CHECK_NEAR(sum, 1, 1e-12);
    CHECK_NEAR(r.energy, square, 1e-9 * square);
    for (size_t f = 0; f <= 4; f++) CHECK_NEAR(r.share[f], f % 4 == 0 ? 0.125 : 0.25, 0.05);
    CHECK(r.concentration > 0.4 && r.concentration < 0.65 && r.coefficients > 0.5);
}

static void misuse_is_refused(void **state)
{
    (void)state;
    eg_scattering_options o = { sizeof o, 2, 8, 2, 0 };
    eg_rotation r;
    memset(w, 0, sizeof w);
    CHECK_STATUS(eg_rotation_spectrum(w, 1, 1, &o, &r), EG_ERR_INVALID);
    w[0] = 1; /* on S0 alone */
    CHECK_STATUS(eg_rotation_spectrum(w, 1, 1, &o, &r), EG_ERR_INVALID);
    w[2] = NAN;
    CHECK_STATUS(eg_rotation_spectrum(w, 1, 1, NULL, &r), EG_ERR_INVALID);
    w[2] = 1;
    CHECK_STATUS(eg_rotation_spectrum(w, 0, 1, &o, &r), EG_ERR_INVALID);
    o.order = 0;
    CHECK_STATUS(eg_rotation_spectrum(w, 1, 1, &o, &r), EG_ERR_INVALID);
    o.scales = 0;
    CHECK_STATUS(eg_rotation_spectrum(w, 1, 1, &o, &r), EG_ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_turns_has_one_frequency),
        cmocka_unit_test(noise_has_its_share),
        cmocka_unit_test(misuse_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
