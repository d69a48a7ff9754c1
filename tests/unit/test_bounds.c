/* Bounds against closed forms, numerical integration, published networks; and that rounding never
 * goes the wrong way. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"
#include "engram/bounds.h"
#include "engram/random.h"

/* kl in long double: 11 more bits, so that a double's error shows. */
static long double exact_kl(double q, double p)
{
    const long double a = q, b = p;
    return (q > 0 ? a * logl(a / b) : 0) + (q < 1 ? (1 - a) * logl((1 - a) / (1 - b)) : 0);
}

static void inverse_is_the_closed_form(void **state)
{
    (void)state;
    static const double golden[][3] = { { 0, 0.1, 0.09516258196404048 },
                                        { 0.1, 0.1, 0.28237914 },
                                        { 0.028, 0.0937, 0.16064697 } };
    for (size_t i = 0; i < 3; i++)
        assert_true(fabs(eg_kl_inverse(golden[i][0], golden[i][1]) - golden[i][2]) < 1e-8);
    for (double c = 1e-12; c < 50; c *= 3) { /* q = 0: 1 - e^-c */
        const double p = eg_kl_inverse(0, c);
        assert_true(p >= -expm1(-c) * (1 - 1e-15));
        assert_true(p <= -expm1(-c) + 1e-14);
    }
    assert_true(eg_kl_inverse(1, 0.3) == 1);
    assert_true(eg_kl_inverse(0.3, 1e9) == 1);
    assert_true(isnan(eg_kl_inverse(-0.1, 1)) && isnan(eg_kl_inverse(0.5, -1)));
    assert_true(isnan(eg_kl_inverse(0.5, (double)NAN)));
}

static double draw(uint64_t stream, uint64_t at)
{
    float u;
    eg_random_uniform(31, stream, at, 1, &u);
    return (double)u;
}

/* The certificate is on the safe side of the supremum, and next to it. */
static void inverse_is_rounded_up(void **state)
{
    (void)state;
    size_t tight = 0;
    enum { CASES = 20000 };
    for (uint64_t i = 0; i < CASES; i++) {
        const double q = i % 4 == 0 ? draw(1, i) * 1e-6 : draw(1, i);
        const double c = exp(-30 * draw(2, i)) * 2, p = eg_kl_inverse(q, c);
        if (p == 1) continue;
        assert_true(p >= q);
        assert_true(exact_kl(q, p) >= (long double)c);
        tight += exact_kl(q, p) <= (long double)c * (1 + 1e-9L) + 1e-14L;
    }
    assert_true(tight > CASES * 9 / 10);
}

static void slopes_are_differences(void **state)
{
    (void)state;
    static const double golden[][4] = { { 0.1, 0.1, 1.405021, 1.111098 },
                                        { 0.028, 0.0937, 1.925031, 1.016529 } };
    for (size_t i = 0; i < 2; i++) {
        const double q = golden[i][0], c = golden[i][1], h = 1e-6;
        double by_q, by_c;
        eg_kl_inverse_slope(q, c, &by_q, &by_c);
        assert_true(fabs(by_q - golden[i][2]) < 1e-6 && fabs(by_c - golden[i][3]) < 1e-6);
        assert_true(fabs(by_q - (eg_kl_inverse(q + h, c) - eg_kl_inverse(q - h, c)) / (2 * h))
                    < 1e-6);
        assert_true(fabs(by_c - (eg_kl_inverse(q, c + h) - eg_kl_inverse(q, c - h)) / (2 * h))
                    < 1e-6);
    }
}

/* ---- divergences of weights ---- */

static double laplace(double x, double mu, double b)
{
    return exp(-fabs(x - mu) / b) / (2 * b);
}

static void divergences_are_integrals(void **state)
{
    (void)state;
    const float w[2] = { 1, 0 }, one = 1, two = 2;
    assert_true(fabs(eg_kl_gauss(w, &one, NULL, 1, 1) - 0.5) < 1e-12);
    assert_true(fabs(eg_kl_gauss(w + 1, &two, NULL, 1, 1) - 0.1534264097200273) < 1e-12);
    assert_true(fabs(eg_kl_gauss(w, &two, w, 1, 1) - 0.1534264097200273) < 1e-12);
    assert_true(isnan(eg_kl_gauss(w, w + 1, NULL, 1, 1)));
    double sum = 0;
    const double h = 1e-4;
    for (double x = -30; x < 30; x += h) {
        const double p = laplace(x + h / 2, 0.3, 0.5);
        if (p > 0) sum += h * p * log(p / laplace(x + h / 2, 1, 0.8));
    }
    assert_true(fabs(eg_kl_laplace(0.3, 0.5, 1, 0.8) - 0.4991267) < 1e-6);
    assert_true(fabs(eg_kl_laplace(0.3, 0.5, 1, 0.8) - sum) < 1e-6);
}

/* ---- bounds ---- */

/* Dziugaite and Roy 2017, table 1: train error of the stochastic network and KL give the bound,
 * within what three digits leave open. */
static void published_networks_have_their_bounds(void **state)
{
    (void)state;
    static const double network[][3] = {
        { 0.028, 5144, 0.161 }, { 0.027, 5977, 0.179 }, { 0.027, 5791, 0.170 },
        { 0.028, 6534, 0.186 }, { 0.029, 8558, 0.223 }, { 0.027, 7861, 0.201 },
    };
    for (size_t i = 0; i < 6; i++) {
        const eg_pac_bayes of = { network[i][0], network[i][1], 55000, 0.025 };
        const double bound = eg_pac_bayes_bound(0, &of);
        print_message("KL %g: %.4f, published %.3f\n", of.kl, bound, network[i][2]);
        assert_true(fabs(bound - network[i][2]) < 0.01);
    }
    const eg_pac_bayes random = { 0.112, 201131, 55000, 0.025 };
    assert_true(eg_pac_bayes_bound(3, &random) > 1);
    assert_true(fabs(sqrt(random.kl / (2 * random.n)) - 1.352) < 1e-3);
}

/* No row is below kl's, which all others relax; lambda at its best is not above quadratic. */
static void rows_are_ordered(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 2000; i++) {
        const eg_pac_bayes of = { draw(3, i), exp(12 * draw(4, i)), 100 + 1e5 * draw(5, i), 0.05 };
        const double kl = eg_pac_bayes_bound(0, &of);
        for (size_t r = 1; eg_pac_bayes_rows(r) != NULL; r++) {
            const double other = eg_pac_bayes_bound(r, &of);
            if (other < 1) assert_true(other >= kl);
        }
    }
    const eg_pac_bayes none = { 0.5, -1, 10, 0.05 }, early = { 0.5, 1, 0, 0.05 };
    assert_true(isnan(eg_pac_bayes_bound(0, &none)) && isnan(eg_pac_bayes_bound(0, &early)));
    assert_true(isnan(eg_pac_bayes_bound(99, &none)));
}

/* Over many data sets a coin's risk exceeds its bound at most in a share delta of them. */
static void bounds_hold_as_often_as_they_say(void **state)
{
    (void)state;
    enum { SETS = 4000, N = 50 };
    size_t broken = 0;
    for (uint64_t s = 0; s < SETS; s++) {
        double seen = 0;
        for (uint64_t i = 0; i < N; i++) seen += draw(6, s * N + i) < 0.2;
        broken += eg_drawn_risk(seen / N, N, 0.1) < 0.2;
    }
    print_message("%zu of %d\n", broken, SETS);
    assert_true(broken < SETS / 10);
    assert_true(broken > 0);
}

static void classical_bounds(void **state)
{
    (void)state;
    static float x[64 * 64];
    for (size_t i = 0; i < 64; i++) x[i * 64 + i] = 1;
    assert_true(fabs(eg_rademacher_linear(x, 64, 64, 3) - 3 / 8.0) < 1e-12);
    assert_true(eg_rademacher_linear(x, 64, 64, 3) >= 3 / 8.0);
    assert_true(eg_vc_gap(1e6, 1e6, 0.05) > 1);
    assert_true(fabs(eg_vc_gap(10, 1e6, 0.05) - sqrt(8e-6 * (10 * log(2 * exp(1) * 1e5) + log(80))))
                < 1e-12);
    assert_true(isnan(eg_vc_gap(10, 5, 0.05)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(inverse_is_the_closed_form),
        cmocka_unit_test(inverse_is_rounded_up),
        cmocka_unit_test(slopes_are_differences),
        cmocka_unit_test(divergences_are_integrals),
        cmocka_unit_test(published_networks_have_their_bounds),
        cmocka_unit_test(rows_are_ordered),
        cmocka_unit_test(bounds_hold_as_often_as_they_say),
        cmocka_unit_test(classical_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
