/* Every row of the table of closed forms: domains, published constants, and a second way. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "assoc/egi_theory.h"
#include "check.h"
#include "engram/theory.h"

/* Result number `which` of a row at up to 8 parameters. */
static double value(const char *name, size_t which, const double *in)
{
    double out[EG_THEORY_RESULTS];
    const eg_theory *row = eg_theory_find(name);
    if (row == NULL) fail_msg("no row %s", name);
    CHECK_OK(eg_theory_evaluate(row, in, out));
    return out[which];
}
#define AT(name, which, ...) value(name, which, (const double[]){ __VA_ARGS__ })

static void rows_are_whole_and_guarded(void **state)
{
    (void)state;
    const eg_theory *row;
    size_t rows = 0;
    for (; (row = eg_theory_row(rows)) != NULL; rows++) {
        double in[EG_THEORY_PARAMS], out[EG_THEORY_RESULTS];
        size_t params = 0, results = 0;
        CHECK(eg_theory_find(row->name) == row);
        CHECK(row->summary[0] && row->formula[0] && row->source[0]);
        while (params < EG_THEORY_PARAMS && row->params[params].name != NULL) {
            in[params] = row->params[params].value;
            CHECK(row->params[params++].summary[0]);
        }
        while (results < EG_THEORY_RESULTS && row->results[results] != NULL) results++;
        CHECK(params > 0 && results > 0);
        CHECK_OK(eg_theory_evaluate(row, NULL, out));
        for (size_t i = 0; i < results; i++) CHECK(isfinite(out[i]));
        for (size_t i = 0; i < params; i++) {
            const double bad[] = { NAN, -INFINITY, INFINITY,
                                   nextafter(row->params[i].low, -INFINITY),
                                   nextafter(row->params[i].high, INFINITY) };
            for (size_t b = 0; b < sizeof bad / sizeof bad[0]; b++) {
                in[i] = bad[b];
                out[0] = 42;
                CHECK_STATUS(eg_theory_evaluate(row, in, out), EG_ERR_INVALID);
                CHECK(out[0] == 42 && strstr(eg_error_detail(), row->params[i].name) != NULL);
            }
            in[i] = row->params[i].value;
        }
    }
    CHECK(rows >= 15);
    CHECK(eg_theory_find("no such") == NULL && eg_theory_find(NULL) == NULL);
    double out[EG_THEORY_RESULTS];
    CHECK_STATUS(eg_theory_evaluate(NULL, NULL, out), EG_ERR_INVALID);
}

/* The saddle-point equations in their published form, satisfied by the curve; alpha_c. */
static void classical_curve(void **state)
{
    (void)state;
    CHECK_NEAR(AT("classical-curve", 2, 0.1), 0.1379, 5e-5);
    CHECK_NEAR(AT("classical-curve", 3, 0.1), 0.016, 1e-3); /* 1.6 % at alpha_c */
    for (double alpha = 0.01; alpha < 0.137; alpha += 0.01) {
        const double m = AT("classical-curve", 0, alpha);
        double r = 1; /* iterate m and r of the mean-field theory from the pattern */
        double x = 1;
        for (int step = 0; step < 20000; step++) {
            const double c = sqrt(2 / (M_PI * alpha * r)) * exp(-x * x / (2 * alpha * r));
            r = 1 / ((1 - c) * (1 - c));
            x = erf(x / sqrt(2 * alpha * r));
        }
        CHECK_NEAR(m, x, 1e-9);
        CHECK_NEAR(AT("classical-curve", 1, alpha), (1 - m) / 2, 1e-15);
    }
    /* alpha = 0.01: erf(x)/x = sqrt(2 alpha) to 1e-22, x = 5 sqrt 2, erfc(5 sqrt 2)/2 = 7.62e-24 */
    CHECK_NEAR(AT("classical-curve", 1, 0.01) / 7.62e-24, 1, 1e-3);
    CHECK(AT("classical-curve", 0, 0.01) == 1);
    CHECK(AT("pseudoinverse-capacity", 0, 70) == 70);
    CHECK(AT("classical-curve", 0, 0.138) == 0);
    CHECK(AT("classical-curve", 1, 0.138) == 0.5);
}

static double gaussian_tail(double from)
{
    double sum = 0; /* Simpson */
    const int n = 20000;
    const double h = 12.0 / n;
    for (int i = 0; i <= n; i++) {
        const double x = from + h * i;
        sum += exp(-x * x / 2) * (i == 0 || i == n ? 1 : i % 2 ? 4 : 2);
    }
    return sum * h / 3 / sqrt(2 * M_PI);
}

static void classical_and_dense(void **state)
{
    (void)state;
    CHECK_NEAR(AT("classical-one-step", 0, 100, 14), gaussian_tail(sqrt(100.0 / 14)), 1e-12);
    CHECK_NEAR(AT("classical-one-step", 0, 1000, 138), 0.0036, 1e-4);
    CHECK_NEAR(AT("classical-error-free", 0, 100), 10.857, 1e-3);
    CHECK_NEAR(AT("classical-error-free", 1, 100), 10.857 / 2, 1e-3);
    const double leading[] = { .1463, .04876, .009752 }, exact[] = { .1507, .05024, .01005 };
    const double no_error[2][3] = { { 10.86, 361.9, 7238 }, { 58.8, 15372, 2.41e6 } };
    for (int i = 0; i < 3; i++) {
        const double n = i + 2;
        CHECK_NEAR(AT("dam-capacity", 0, n, 100, .005) / leading[i], 1, 5e-4);
        CHECK_NEAR(AT("dam-capacity", 1, n, 100, .005) / exact[i], 1, 5e-4);
        CHECK_NEAR(AT("dam-capacity", 4, n, 100, .005) / no_error[0][i], 1, 5e-4);
        CHECK_NEAR(AT("dam-capacity", 4, n, 784, .005) / no_error[1][i], 1, 2e-3);
        /* capacity and error are inverses */
        CHECK_NEAR(AT("dam-error", 0, n, 100, AT("dam-capacity", 2, n, 100, .005)), .005, 1e-12);
        CHECK_NEAR(AT("dam-error", 1, n, 100, AT("dam-capacity", 3, n, 100, .005)), .005, 1e-12);
    }
    /* N = 30: not monotone in n */
    CHECK_NEAR(AT("dam-capacity", 4, 20, 30, .005) / 2.08e5, 1, 5e-3);
    CHECK_NEAR(AT("dam-capacity", 4, 30, 30, .005) / 2.0e3, 1, 3e-2);
    CHECK_NEAR(AT("dam-error", 1, 3, 100, 500), gaussian_tail(1 / AT("dam-error", 2, 3, 100, 500)),
               1e-12);
    /* n = 2 is Hebb's rule: K random patterns, v = K/N */
    CHECK_NEAR(AT("dam-error", 1, 2, 100, 14), AT("classical-one-step", 0, 100, 14), 1e-15);
}

static void exponential_memory(void **state)
{
    (void)state;
    CHECK_NEAR(AT("exponential-capacity", 0, 50, 0), .34657, 5e-6);
    CHECK_NEAR(AT("exponential-capacity", 0, 50, .1), .18403, 5e-6);
    CHECK_NEAR(AT("exponential-capacity", 2, 50, 0) / 3.36e7, 1, 2e-3);
    CHECK_NEAR(AT("exponential-capacity", 2, 50, .1) / 9913, 1, 1e-4);
    CHECK_NEAR(AT("exponential-capacity", 2, 50, 0), 0x1p25, 1);
    for (double rho = .05; rho < .5; rho += .05) { /* Legendre transform of ln cosh */
        double best = 0;
        const double a = 1 - 2 * rho;
        for (double t = 0; t < 4; t += 1e-4) best = fmax(best, t * a - log(cosh(t)));
        CHECK_NEAR(AT("exponential-capacity", 0, 50, rho), best / 2, 1e-7);
    }
    double out[EG_THEORY_RESULTS];
    CHECK_STATUS(
        eg_theory_evaluate(eg_theory_find("exponential-capacity"), (const double[]){ 1e6, 0 }, out),
        EG_ERR_OVERFLOW);
}

static void softmax_theorems(void **state)
{
    (void)state;
    CHECK_NEAR(AT("softmax-storage", 0, 1, 3, 20, .001), -0.00768, 5e-6);
    CHECK_NEAR(AT("softmax-storage", 1, 1, 3, 20, .001), 3.6, 1e-12);
    CHECK_NEAR(AT("softmax-storage", 2, 1, 3, 20, .001), 3.15461, 5e-6);
    CHECK(AT("softmax-storage", 2, 1, 3, 20, .001) >= 3.1546);
    CHECK_NEAR(AT("softmax-storage", 3, 1, 3, 20, .001), 2.39422, 5e-6);
    CHECK_NEAR(pow(10, AT("softmax-storage", 5, 1, 3, 20, .001)), 7.413, 5e-4);
    CHECK_NEAR(AT("softmax-storage", 0, 1, 1, 75, .001), -0.02461, 5e-6);
    CHECK_NEAR(AT("softmax-storage", 2, 1, 1, 75, .001), 1.37188, 5e-6);
    CHECK_NEAR(AT("softmax-storage", 3, 1, 1, 75, .001), 1.25128, 5e-6);
    CHECK_NEAR(pow(10, AT("softmax-storage", 5, 1, 1, 75, .001)), 10.973, 5e-4);
    CHECK(AT("softmax-storage", 4, 1, 1, 75, .001) == 1);
    CHECK(AT("softmax-storage", 4, 1e-3, 1, 75, .001) == 0);
    for (double x = -300; x < 700; x += 7) { /* w e^w = e^x */
        const double w = egi_lambert_w0_exp(x);
        CHECK_NEAR(w + log(w), x, 1e-12 * (1 + fabs(x)));
    }
    CHECK_NEAR(egi_lambert_w0_exp(1), 1, 1e-15);
    /* theorem 5 at the cue itself: 2 (N-1) M exp(-beta gap) */
    CHECK_NEAR(AT("softmax-error", 1, 2, 5, 3, 4, 0), 2 * 4 * 3 * exp(-8), 1e-15);
    CHECK_NEAR(AT("softmax-error", 2, 2, 5, 3, 4, 0), M_E * 2 * 4 * 3 * exp(-8), 1e-14);
    CHECK_NEAR(AT("softmax-error", 0, 2, 5, 3, 4, .1), 2 * 2 * 5 * 9 * 4 * exp(-2 * (4 - .6)),
               1e-12);
    CHECK_NEAR(AT("softmax-error", 3, 2, 5, 3, 4, 0), 1.0 / 12, 1e-15);
    CHECK_NEAR(AT("softmax-energy", 0, 2, 5, 3), log(5) / 2 + 4.5, 1e-15);
    CHECK_NEAR(AT("softmax-energy", 2, 2, 5, 3), 18, 0);
}

/* Theorem 5 and the energy's range against a memory of two patterns on the sphere. */
static void softmax_bounds_hold(void **state)
{
    (void)state;
    const double m = 3;
    for (double angle = 0.3; angle < 3.1; angle += 0.1)
        for (double off = 0; off < 0.2; off += 0.05) {
            const double other[2] = { m * cos(angle), m * sin(angle) };
            const double x[2] = { m * cos(off), m * sin(off) };
            const double s0 = m * x[0], s1 = other[0] * x[0] + other[1] * x[1];
            const double p1 = 1 / (1 + exp(s0 - s1));
            const double error = p1 * hypot(other[0] - m, other[1]);
            /* the fixed point is no farther from the pattern than the farthest iterate */
            double fix[2] = { m, 0 };
            for (int step = 0; step < 500; step++) {
                const double d = m * fix[0] - other[0] * fix[0] - other[1] * fix[1];
                const double q = 1 / (1 + exp(d));
                fix[0] = (1 - q) * m + q * other[0];
                fix[1] = q * other[1];
            }
            const double eps = fmax(hypot(x[0] - m, x[1]), hypot(fix[0] - m, fix[1]));
            const double gap = m * m - m * other[0];
            CHECK(error <= AT("softmax-error", 1, 1, 2, m, gap, eps));
            const double e =
                -(s0 + log1p(exp(s1 - s0))) + m * m / 2 + AT("softmax-energy", 0, 1, 2, m);
            CHECK(e >= 0 && e <= AT("softmax-energy", 2, 1, 2, m));
        }
}

static void sparse_and_compact(void **state)
{
    (void)state;
    CHECK(AT("entmax-margin", 0, 2, 1, 1, .1) == 1);
    CHECK(AT("entmax-margin", 0, 1.5, 1, 1, .1) == 2);
    CHECK_NEAR(AT("entmax-margin", 2, 1.5, 1, 1, .1), 2 / .8, 1e-14);
    CHECK(AT("entmax-margin", 2, 1.5, 1, 1, .5) == INFINITY);
    CHECK_NEAR(AT("normmax-margin", 1, 4, 1, .1), .25, 0);
    for (double alpha = 1.2; alpha < 4; alpha += .4) { /* the separation agrees at beta_basin */
        eg_rule rule = EG_RULE_INIT;
        rule.separation = EG_SEP_ENTMAX;
        rule.order = alpha;
        const double gap = 1.7, m = 1.1, eps = .2, s[2] = { gap - 2 * m * eps, 0 };
        double a[2];
        for (int side = -1; side <= 1; side += 2) {
            rule.beta = AT("entmax-margin", 2, alpha, gap, m, eps) * (1 + side * 1e-6);
            CHECK_OK(eg_separation_weights(&rule, s, NULL, 2, a, NULL));
            CHECK((a[1] == 0) == (side > 0));
        }
    }
    const double beta = AT("lsr-retrieval", 0, 2, .6);
    CHECK_NEAR(AT("lsr-retrieval", 1, 2, .6), sqrt(2 / beta), 1e-15);
    double out[EG_THEORY_RESULTS];
    CHECK_STATUS(eg_theory_evaluate(eg_theory_find("lsr-retrieval"), (const double[]){ 1, 1 }, out),
                 EG_ERR_INVALID);
}

/* Random features drawn, beside the error foretold. */
static void features_by_drawing(void **state)
{
    (void)state;
    enum { Y = 64, TRIES = 4000 };
    const double beta = 1.3, r = .8, k = AT("features-error", 0, Y, beta, r);
    double mean = 0, square = 0;
    for (int t = 0; t < TRIES; t++) {
        float w[Y];
        double sum = 0;
        eg_random_normal(3, (uint64_t)t, 0, Y, w);
        for (int y = 0; y < Y; y++) sum += cos(sqrt(beta) * r * (double)w[y]) / Y;
        mean += sum / TRIES;
        square += (sum - k) * (sum - k) / TRIES;
    }
    const double error = AT("features-error", 1, Y, beta, r);
    CHECK_NEAR(mean, k, 5 * error / sqrt(TRIES));
    CHECK_NEAR(sqrt(square) / error, 1, .05);
    CHECK_NEAR(AT("features-error", 1, 100, 1, 1) / AT("features-error", 1, 400, 1, 1), 2, 1e-12);
}

static void transitions_and_circle(void **state)
{
    (void)state;
    const double lambdas[] = { .5, 1, 2 }, alphas[] = { .3870, .6226, .9088 };
    for (int i = 0; i < 3; i++) {
        const double lambda = lambdas[i];
        CHECK_NEAR(AT("exponential-transition", 0, lambda), alphas[i], 5e-5);
        double zeta = 0; /* sup by search */
        for (double e = 0; e < 1; e += 1e-5) zeta = fmax(zeta, lambda * e + log(1 - e * e) / 2);
        CHECK_NEAR(AT("exponential-transition", 2, lambda), zeta, 1e-8);
    }
    CHECK_NEAR(AT("exponential-transition", 3, .5), .375, 1e-15);
    CHECK_NEAR(AT("exponential-transition", 3, 1), .5, 1e-15);
    CHECK_NEAR(AT("exponential-transition", 3, 7), .5, 0);
    CHECK_NEAR(AT("sequence-capacity", 0, 100), 1.96403, 5e-6);
    /* one component of the crosstalk's second moment, over x = +1 and -1 */
    CHECK_NEAR(1 / AT("sequence-capacity", 0, 100), (1 + exp(-4)) / 2, 1e-15);
    CHECK_NEAR(AT("sequence-capacity", 1, 10), log10(pow(1.964027580, 9) / (2 * log(10))), 1e-8);
    CHECK_NEAR(AT("circle-energy", 0, 2), .83146, 5e-6);
    CHECK(AT("circle-energy", 0, 1) == 0 && AT("circle-energy", 0, .5) == 0);
    CHECK(AT("circle-energy", 0, 1.0001) > 0);
    for (double beta = .6; beta < 40; beta *= 1.7) { /* no radius has less, I0 by its series */
        const double best = AT("circle-energy", 1, beta);
        for (double radius = 0; radius <= 1.2; radius += .01) {
            double term = 1, sum = 1;
            for (int k = 1; k < 400; k++) {
                term *= beta * radius / k * (beta * radius / k);
                sum += term;
            }
            CHECK(radius * radius + 1 - log(sum) / beta >= best - 1e-12);
        }
    }
}

/* A wrong unit connected to k others, by inclusion and exclusion over the connections that no
 * message made: sum_s C(k, s)(-1)^s (1 - (1 - (1 - 1/l)^s)/l)^M. One cluster erased: all rivals
 * are of one symbol, so that this is the whole error at rest. */
static void wrong_units(void)
{
    for (double l = 4; l <= 64; l *= 4)
        for (double c = 3; c <= 6; c++) {
            const double m = floor(l * l / 3), k = c - 1;
            double p = 0, choose = 1;
            for (double s = 0; s <= k; s++) {
                const double untouched = 1 - (1 - pow(1 - 1 / l, s)) / l;
                p += choose * (fmod(s, 2) > 0 ? -1 : 1) * pow(untouched, m);
                choose *= (k - s) / (s + 1);
            }
            CHECK_NEAR(AT("clique-error", 4, c, l, m, 1), -expm1(-(l - 1) * p), 1e-9);
            CHECK_NEAR(AT("clique-error", 3, c, l, m, 1), 1 - pow(1 - p, l - 1), 1e-9);
            CHECK(AT("clique-error", 3, c, l, m, 1) > AT("clique-error", 1, c, l, m, 1));
        }
}

/* The canonical clique network of 2011, the errors by drawing, and the optimum of Willshaw's. */
static void connections(void **state)
{
    (void)state;
    CHECK_NEAR(AT("clique-density", 0, 8, 256, 15000, 0), 0.2046, 1e-4);
    CHECK_NEAR(AT("clique-density", 1, 8, 256, 15000, 0), 960000, 1e-6);
    CHECK_NEAR(AT("clique-density", 2, 8, 256, 15000, 0), 0.523, 5e-4);
    CHECK_NEAR(AT("clique-density", 3, 8, 256, 15000, 0), 7 * 65536.0 / 16, 1e-6);
    CHECK_NEAR(log2(AT("clique-density", 4, 8, 256, 15000, 0)), 28 * log2(0.20457887), 1e-4);
    CHECK_NEAR(AT("clique-density", 0, 8, 256, 15000, 8), AT("clique-density", 0, 8, 256, 15000, 0),
               1e-15);
    CHECK_NEAR(AT("clique-error", 1, 8, 256, 15000, 4), 0.833, 1e-3);
    CHECK_NEAR(AT("clique-error", 1, 4, 512, 5000, 1), 0.0034, 5e-5);
    CHECK_NEAR(AT("clique-error", 2, 4, 512, 5000, 1), 0.0034, 5e-5); /* one symbol: no more */
    /* three erased of four, l = 2: 7 rivals of 1, 2, 3 other symbols, by hand */
    const double d = 0.75; /* M = 1/log2(4/3) patterns of l^2 = 4 */
    const double m = log(0.25) / log(0.75);
    CHECK_NEAR(AT("clique-error", 2, 4, 2, m, 3),
               -expm1(-(3 * pow(d, 3) + 3 * pow(d, 5) + pow(d, 6))), 1e-12);
    CHECK_NEAR(AT("clique-error", 4, 8, 256, 15000, 4), 0.0202, 1e-4);
    wrong_units();
    const double capacity = AT("clique-capacity", 0, 8, 256, 4, 0.01);
    CHECK_NEAR(AT("clique-error", 1, 8, 256, capacity, 4), 0.01, 1e-9);
    CHECK_NEAR(AT("sparse-clique-error", 1, 8, 256, 15000, 4, 8),
               AT("clique-error", 1, 8, 256, 15000, 4), 1e-12);
    /* every cluster is used: the same unit, the same voices */
    CHECK_NEAR(AT("sparse-clique-error", 2, 8, 256, 15000, 4, 8),
               AT("clique-error", 3, 8, 256, 15000, 4), 1e-12);
    CHECK_NEAR(AT("willshaw", 0, 100, 50, 4, 5, 100, 0), 1 - pow(1 - 20.0 / 5000, 100), 1e-12);
    CHECK_NEAR(AT("willshaw", 1, 100, 50, 4, 5, 100, 2), pow(1 - pow(0.996, 100), 2), 1e-12);
    CHECK_NEAR(AT("willshaw", 3, 100, 50, 4, 5, 100, 2),
               1 - pow(1 - pow(1 - pow(0.996, 100), 2), 45), 1e-12);
    /* one unit of each side is on: connected by the pairs that have both, exactly */
    CHECK_NEAR(AT("willshaw", 5, 20, 30, 1, 1, 50, 0), 29 * (1 - pow(1 - 1.0 / 600, 50)), 1e-9);
    CHECK(AT("willshaw", 5, 1024, 1024, 10, 10, 7268, 5)
          > AT("willshaw", 2, 1024, 1024, 10, 10, 7268, 5));
    CHECK_NEAR(AT("willshaw-optimum", 3, 1e6), 0.6931, 1e-4);
    CHECK_NEAR(AT("willshaw-optimum", 4, 1e6), 0.4587, 1e-4);
    double before = 0; /* the bits a connection rise to the limit */
    for (double n = 1024; n < 1e14; n *= 64) {
        const double bits = AT("willshaw-optimum", 2, n);
        CHECK(bits > before && bits < log(2));
        before = bits;
    }
    CHECK_STATUS(
        eg_theory_evaluate(eg_theory_find("clique-error"), (double[]){ 4, 8, 10, 5 }, &before),
        EG_ERR_INVALID);
}

/* Shared locations by drawing them: D = 20, all 2^20 addresses as locations. */
static void locations(void **state)
{
    enum { D = 20, R = 6, ALL = 1 << D };
    (void)state;
    size_t near = 0;
    for (unsigned a = 0; a < ALL; a++) near += __builtin_popcount(a) <= R;
    CHECK_NEAR(AT("sdm", 0, D, ALL, R, 10, 0), (double)near, 1e-6 * (double)near);
    /* the signal over the noise: shared locations of a pattern at each distance, counted */
    double variance = 0, binomial = 1;
    for (int g = 0; g <= D; g++) {
        double both = 0;
        for (unsigned a = 0; a < ALL; a++)
            both += __builtin_popcount(a) <= R && __builtin_popcount(a ^ ((1u << g) - 1)) <= R;
        variance += 10 * binomial / ALL * (both + both * both);
        binomial = binomial * (D - g) / (g + 1);
    }
    CHECK_NEAR(AT("sdm", 4, D, ALL, R, 10, 0), (double)near / sqrt(variance), 1e-6);
    CHECK(AT("sdm", 2, 256, 1e5, 103, 1000, 0) > AT("sdm", 2, 256, 1e5, 103, 2000, 0));
    CHECK_NEAR(AT("bam", 0, 400, 300, 100), erfc(sqrt(2)) / 2, 1e-12);
    CHECK_NEAR(AT("bam", 2, 400, 300, 100), 300 / (2 * log(400)), 1e-12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_whole_and_guarded),
        cmocka_unit_test(classical_curve),
        cmocka_unit_test(classical_and_dense),
        cmocka_unit_test(exponential_memory),
        cmocka_unit_test(softmax_theorems),
        cmocka_unit_test(softmax_bounds_hold),
        cmocka_unit_test(sparse_and_compact),
        cmocka_unit_test(features_by_drawing),
        cmocka_unit_test(transitions_and_circle),
        cmocka_unit_test(connections),
        cmocka_unit_test(locations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
