/* What circular shifts leave as it was: convolutions on a torus with a mean at the end, and what
 * breaks that; shifts by indices and by phases. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <complex.h>

#include "check.h"
#include "engram/operations.h"
#include "engram/random.h"

enum { SIDE = 8, PIXELS = SIDE * SIDE, FILTERS = 3, K = 3 };

static void shift(const double *x, size_t down, size_t across, double *y)
{
    for (size_t r = 0; r < SIDE; r++)
        for (size_t c = 0; c < SIDE; c++)
            y[(r + down) % SIDE * SIDE + (c + across) % SIDE] = x[r * SIDE + c];
}

/* (1, 1, H, W) with its other side before and behind each axis */
static eg_var around(eg_tape *t, eg_var x)
{
    for (size_t axis = 2; axis < 4; axis++) {
        const eg_var part[3] = { eg_slice(t, x, axis, SIDE - 1, 1, 1), x,
                                 eg_slice(t, x, axis, 0, 1, 1) };
        x = eg_concat(t, part, 3, axis);
    }
    return x;
}

/* Two convolutions with rectification, then the mean over places. */
static void network(eg_tape *t, const double *pixels, const double *w, int torus, double *out)
{
    eg_window by = EG_WINDOW_INIT;
    by.padding[0] = by.padding[1] = torus ? 0 : 1;
    eg_tape_reset(t);
    eg_var x = eg_input(t, EG_F64, &eg_shape_of(1, 1, SIDE, SIDE), pixels);
    for (size_t layer = 0; layer < 2; layer++) {
        const eg_shape shape = eg_shape_of(FILTERS, layer == 0 ? 1 : FILTERS, K, K);
        const eg_var kernel = eg_input(t, EG_F64, &shape, w + layer * FILTERS * K * K);
        x = eg_relu(t, eg_conv(t, torus ? around(t, x) : x, kernel, &by));
    }
    const double *v = eg_tape_value(t, eg_mean(t, x, EG_AXIS(2) | EG_AXIS(3), 0));
    assert_non_null(v);
    memcpy(out, v, FILTERS * sizeof *out);
}

static void draw(uint64_t stream, size_t n, double *x)
{
    float v[4 * PIXELS];
    assert_true(n <= 4 * PIXELS);
    eg_random_normal(11, stream, 0, n, v);
    for (size_t i = 0; i < n; i++) x[i] = (double)v[i];
}

static void a_torus_is_invariant_and_a_frame_is_not(void **state)
{
    (void)state;
    double x[PIXELS], y[PIXELS], w[4 * PIXELS], was[FILTERS], is[FILTERS], most = 0;
    eg_tape *t = NULL;
    draw(0, PIXELS, x);
    draw(1, FILTERS * K * K * (1 + FILTERS), w);
    assert_int_equal(eg_tape_create(1, NULL, &t), EG_OK);
    for (int torus = 0; torus < 2; torus++) {
        network(t, x, w, torus, was);
        for (size_t s = 1; s < PIXELS; s++) {
            shift(x, s / SIDE, s % SIDE, y);
            network(t, y, w, torus, is);
            for (size_t k = 0; k < FILTERS; k++) {
                const double by = fabs(is[k] - was[k]);
                if (torus) assert_true(by < 1e-13 * (1 + fabs(was[k])));
                if (!torus) most = fmax(most, by);
            }
        }
    }
    assert_true(most > 1e-2); /* padding by zeros tells where the frame is */
    eg_tape_destroy(t);
}

/* The phase of frequency k by a shift of s: what a shift by indices is on a torus. */
static void phases_are_shifts(void **state)
{
    (void)state;
    double x[PIXELS], y[PIXELS];
    draw(2, PIXELS, x);
    const double turn = 2 * acos(-1) / SIDE;
    for (size_t s = 0; s < PIXELS; s++) {
        const size_t down = s / SIDE, across = s % SIDE;
        shift(x, down, across, y);
        for (size_t i = 0; i < PIXELS; i++) {
            double complex sum = 0;
            for (size_t f = 0; f < PIXELS; f++) {
                const size_t u = f / SIDE, v = f % SIDE;
                double complex hat = 0;
                for (size_t p = 0; p < PIXELS; p++)
                    hat += x[p] * cexp(-I * turn * (double)(u * (p / SIDE) + v * (p % SIDE)));
                sum += hat
                       * cexp(I * turn
                              * ((double)u * ((double)(i / SIDE) - (double)down)
                                 + (double)v * ((double)(i % SIDE) - (double)across)))
                       / PIXELS;
            }
            assert_true(fabs(creal(sum) - y[i]) < 1e-12 && fabs(cimag(sum)) < 1e-12);
            if (s > 0) break; /* every place of the first, one of each other */
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_torus_is_invariant_and_a_frame_is_not),
        cmocka_unit_test(phases_are_shifts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
