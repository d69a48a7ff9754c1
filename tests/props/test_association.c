/* Every row of the separation table against what must hold of it: slopes, optimality,
 * copies, order, margins, limits, range. The loops are over the table: a new row is tested
 * the moment it exists. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "assoc/egi_assoc.h"
#include "check.h"

enum { MAX_N = 64 };

static double uniform(uint64_t stream, uint64_t at, double low, double high)
{
    float u;
    eg_random_uniform(7, stream, at, 1, &u);
    return low + (high - low) * (double)u;
}

/* Trial t of a row: a rule with numbers at random, and a strip of scores and weights. */
struct trial {
    eg_rule rule;
    size_t n;
    double s[MAX_N], w[MAX_N], v[MAX_N];
    const double *weights; /* w or NULL */
};

static struct trial draw(eg_separation row, uint64_t t)
{
    const uint64_t stream = 1000 * (uint64_t)row + t;
    struct trial r = { .rule = EG_RULE_INIT };
    const double orders[] = { 1.001, 1.1, 1.5, 2, 2.5, 3, 8, 50 };
    r.rule.separation = row;
    r.rule.beta = exp(uniform(stream, 0, -2, 2));
    r.n = 1 + (size_t)uniform(stream, 1, 0, 24);
    r.rule.k = 1 + (size_t)uniform(stream, 2, 0, (double)r.n);
    r.rule.order = orders[t % 8];
    if (egi_separation_row(row)->order == EGI_ORDER_INTEGER_2) r.rule.order = (double)(2 + t % 5);
    if (egi_separation_row(row)->order == EGI_ORDER_REAL_2)
        r.rule.order = t % 3 == 0 ? 2 : 2 + uniform(stream, 3, 0, 4);
    for (size_t i = 0; i < r.n; i++) {
        r.s[i] = uniform(stream, 10 + i, -2, 2);
        r.w[i] = uniform(stream, 100 + i, 0.3, 3);
        r.v[i] = uniform(stream, 200 + i, -1, 1);
    }
    return r;
}

/* True weights: the scale taken back. */
static void weights_of(const struct trial *r, const double *s, double *a)
{
    double scale = NAN;
    CHECK_OK(eg_separation_weights(&r->rule, s, r->weights, r->n, a, &scale));
    for (size_t i = 0; i < r->n; i++) a[i] *= exp(scale);
}

static double energy_of(const struct trial *r, const double *s)
{
    double e = NAN;
    CHECK_OK(eg_separation_energy(&r->rule, s, r->weights, r->n, &e));
    return e;
}

/* The largest central difference error allowed: step^2 times a third derivative that may be
 * unbounded at the edge of a support, so a trial on an edge is recognised by its two
 * one-sided differences disagreeing, and counted. */
static void slopes_agree(void **state)
{
    (void)state;
    const double h = 1.0 / (1 << 20);
    for (int row = 0; row < EG_SEP_COUNT; row++) {
        size_t edges = 0, checked = 0;
        for (uint64_t t = 0; t < 200; t++) {
            struct trial r = draw((eg_separation)row, t);
            r.weights = t % 2 ? r.w : NULL;
            double a[MAX_N], lo[MAX_N], hi[MAX_N], av[MAX_N], slo[MAX_N], shi[MAX_N];
            weights_of(&r, r.s, a);
            double along = 0, size = 1;
            for (size_t i = 0; i < r.n; i++) {
                slo[i] = r.s[i] - h * r.v[i];
                shi[i] = r.s[i] + h * r.v[i];
                along += a[i] * r.v[i];
                size += fabs(a[i]);
            }
            weights_of(&r, slo, lo);
            weights_of(&r, shi, hi);
            CHECK_OK(eg_separation_derivative(&r.rule, r.s, r.weights, r.v, r.n, av));
            const double numeric = (energy_of(&r, shi) - energy_of(&r, slo)) / (2 * h);
            const double scale = size + fabs(energy_of(&r, r.s));
            double kink = 0;
            for (size_t i = 0; i < r.n; i++) kink = fmax(kink, fabs(hi[i] - 2 * a[i] + lo[i]) / h);
            CHECK_NEAR(along, numeric, 1e-8 * scale + 2 * h * kink);
            if (kink > 1e-3 * size) { /* an edge of the support lies within h */
                edges++;
                continue;
            }
            for (size_t i = 0; i < r.n; i++) {
                const double slope = (hi[i] - lo[i]) / (2 * h);
                CHECK_NEAR(av[i], slope, 1e-6 * (size + fabs(slope)) + 10 * kink);
                checked++;
            }
        }
        CHECK(edges <= 20);
        CHECK(checked > 500);
    }
}

/* Omega of the rows that maximise <p, s> - Omega(p)/beta; p counts one copy. */
static double omega(const struct trial *r, const double *p)
{
    const double g = r->rule.order;
    double sum = 0;
    for (size_t i = 0; i < r->n; i++) {
        const double w = r->weights ? r->weights[i] : 1;
        switch (r->rule.separation) {
        case EG_SEP_SOFTMAX:
            sum += p[i] > 0 ? w * p[i] * log(p[i]) : 0;
            break;
        case EG_SEP_ENTMAX:
            sum += w * (pow(p[i], g) - p[i]) / (g * (g - 1));
            break;
        case EG_SEP_NORMMAX:
            sum += w * pow(p[i], g);
            break;
        default:
            sum += w * p[i] * p[i] / 2;
            break;
        }
    }
    return r->rule.separation == EG_SEP_NORMMAX ? pow(sum, 1 / g) - 1 : sum;
}

static double objective(const struct trial *r, const double *p)
{
    double along = 0;
    for (size_t i = 0; i < r->n; i++) along += (r->weights ? r->weights[i] : 1) * p[i] * r->s[i];
    return along - omega(r, p) / r->rule.beta;
}

/* Fenchel and Young: A is the objective at the p returned, and no other p reaches it. */
static void weights_maximise(void **state)
{
    (void)state;
    const eg_separation rows[] = { EG_SEP_SOFTMAX, EG_SEP_ENTMAX, EG_SEP_NORMMAX, EG_SEP_KSUBSETS };
    for (uint64_t t = 0; t < 800; t++) {
        struct trial r = draw(rows[t % 4], t / 4);
        r.weights = t % 3 ? r.w : NULL;
        double p[MAX_N], other[MAX_N], total = 0, mass = 0, room = 0;
        weights_of(&r, r.s, p);
        for (size_t i = 0; i < r.n; i++) {
            const double w = r.weights ? r.weights[i] : 1;
            total += p[i];
            room += w;
            p[i] /= w;
            other[i] = -log(uniform(t, 900 + i, 1e-6, 1)) * (uniform(t, 800 + i, 0, 1) < 0.5);
            mass += w * other[i];
        }
        const int subsets = r.rule.separation == EG_SEP_KSUBSETS;
        CHECK_NEAR(total, subsets ? fmin((double)r.rule.k, room) : 1, 1e-13 * (double)r.n);
        const double best = energy_of(&r, r.s);
        CHECK_NEAR(best, objective(&r, p), 1e-11 * (1 + fabs(best)) / r.rule.beta);
        if (mass == 0 || subsets) continue;
        for (double mix = 1; mix > 1e-4; mix /= 4) { /* far and near */
            double q[MAX_N];
            for (size_t i = 0; i < r.n; i++) q[i] = (1 - mix) * p[i] + mix * other[i] / mass;
            CHECK(objective(&r, q) <= best + 1e-11 * (1 + fabs(best)) / r.rule.beta);
        }
    }
}

static void weight_two_is_twice(void **state)
{
    (void)state;
    for (int row = 0; row < EG_SEP_COUNT; row++)
        for (uint64_t t = 0; t < 60; t++) {
            struct trial one = draw((eg_separation)row, t), two = one;
            one.weights = one.w;
            two.n = 0;
            for (size_t i = 0; i < one.n; i++) {
                one.w[i] = (double)(1 + (t + i) % 2);
                for (int c = 0; c < (int)one.w[i]; c++) two.s[two.n++] = one.s[i];
            }
            double a[MAX_N], b[MAX_N], scale = 0;
            weights_of(&one, one.s, a);
            weights_of(&two, two.s, b);
            scale = fabs(energy_of(&two, two.s));
            CHECK_NEAR(energy_of(&one, one.s), energy_of(&two, two.s), 1e-12 * (1 + scale));
            for (size_t i = 0, j = 0; i < one.n; i++) {
                double sum = b[j++];
                if (one.w[i] == 2 && row != EG_SEP_MAX) sum += b[j];
                if (one.w[i] == 2) j++;
                CHECK_NEAR(a[i], sum, 1e-11 * (1 + fabs(sum)));
            }
        }
}

static void order_does_not_matter(void **state)
{
    (void)state;
    for (int row = 0; row < EG_SEP_COUNT; row++)
        for (uint64_t t = 0; t < 40; t++) {
            struct trial r = draw((eg_separation)row, t), turned = r;
            size_t order[MAX_N];
            eg_random_permutation(5, t, r.n, order);
            for (size_t i = 0; i < r.n; i++) {
                turned.s[i] = r.s[order[i]];
                turned.w[i] = r.w[order[i]];
            }
            r.weights = r.w;
            turned.weights = turned.w;
            double a[MAX_N], b[MAX_N];
            weights_of(&r, r.s, a);
            weights_of(&turned, turned.s, b);
            for (size_t i = 0; i < r.n; i++)
                CHECK_NEAR(b[i], a[order[i]], 1e-12 * (1 + fabs(b[i])));
        }
}

/* A(s + c) = A(s) + c and the same weights where they sum to 1; and beta scales: with
 * beta' = 2 beta, s' = s/2, A' = A/2 for the rows of the form max <p,s> - Omega/beta. */
static void shifts_and_scales(void **state)
{
    (void)state;
    for (int row = 0; row < EG_SEP_COUNT; row++)
        for (uint64_t t = 0; t < 60; t++) {
            struct trial r = draw((eg_separation)row, t);
            r.weights = r.w;
            if (!(egi_separation_flags(&r.rule) & EGI_SEP_NORMALISED)) continue;
            double s[MAX_N], a[MAX_N], b[MAX_N];
            weights_of(&r, r.s, a);
            const double e = energy_of(&r, r.s);
            for (size_t i = 0; i < r.n; i++) s[i] = r.s[i] + 4;
            weights_of(&r, s, b);
            CHECK_NEAR(energy_of(&r, s), e + 4, 1e-13 * (10 + fabs(e)));
            /* scores shifted by 4 are rounded: entmax with a large order magnifies that */
            if (r.rule.order <= 3 || row == EG_SEP_SOFTMAX)
                for (size_t i = 0; i < r.n; i++) CHECK_NEAR(a[i], b[i], 1e-7);
            for (size_t i = 0; i < r.n; i++) s[i] = r.s[i] / 2;
            r.rule.beta *= 2;
            weights_of(&r, s, b);
            CHECK_NEAR(energy_of(&r, s), e / 2, 1e-13 * (10 + fabs(e)));
            for (size_t i = 0; i < r.n; i++) CHECK_NEAR(a[i], b[i], 1e-14);
        }
}

/* What the flags say of each row: sign of the weights, their sum, and convexity of A, or of
 * exp(beta A), at the middle of two points; a row that claims less must show why. */
static void flags_hold(void **state)
{
    (void)state;
    for (int row = 0; row < EG_SEP_COUNT; row++) {
        int bent[2] = { 0, 0 }, negative[2] = { 0, 0 }, odd_seen[2] = { 0, 0 };
        for (uint64_t t = 0; t < 400; t++) {
            struct trial r = draw((eg_separation)row, t);
            r.weights = r.w;
            const unsigned flags = egi_separation_flags(&r.rule);
            const int odd = (flags & EGI_SEP_ODD) && fmod(r.rule.order, 2) != 0;
            odd_seen[odd] = 1;
            double a[MAX_N], mid[MAX_N], far[MAX_N], sum = 0;
            weights_of(&r, r.s, a);
            for (size_t i = 0; i < r.n; i++) {
                far[i] = r.s[i] + r.v[i] * (t % 2 ? 1 : 0.1);
                mid[i] = (r.s[i] + far[i]) / 2;
                sum += a[i];
                negative[odd] |= a[i] < 0;
            }
            if (flags & EGI_SEP_NORMALISED) CHECK_NEAR(sum, 1, 1e-13);
            const double x = energy_of(&r, r.s), y = energy_of(&r, far), z = energy_of(&r, mid);
            const double slack = 1e-12 * (1 + fabs(x) + fabs(y));
            bent[odd] |= z > (x + y) / 2 + slack;
            if (!(flags & EGI_SEP_EXP_CONVEX)) continue;
            const double top = fmax(fmax(x, y), z), b = r.rule.beta;
            CHECK(exp(b * (z - top)) <= (exp(b * (x - top)) + exp(b * (y - top))) / 2 + 1e-9);
        }
        for (int odd = 0; odd < 2; odd++) {
            eg_rule rule = draw((eg_separation)row, 0).rule;
            if (egi_separation_row((eg_separation)row)->flags & EGI_SEP_ODD) rule.order = 2 + odd;
            const unsigned flags = egi_separation_flags(&rule);
            if (!odd_seen[odd]) continue;
            CHECK(bent[odd] == !(flags & EGI_SEP_CONVEX));
            CHECK(negative[odd] == !(flags & EGI_SEP_NONDECREASING));
        }
    }
}

/* SEPARABLE and LOG_SUM rows: A from f. */
static void terms_sum_up(void **state)
{
    (void)state;
    for (int row = 0; row < EG_SEP_COUNT; row++)
        for (uint64_t t = 0; t < 20; t++) {
            struct trial r = draw((eg_separation)row, t);
            r.weights = r.w;
            const unsigned flags = egi_separation_flags(&r.rule);
            const int separable = (flags & EGI_SEP_SEPARABLE) != 0;
            const int log_sum = (flags & EGI_SEP_LOG_SUM) != 0;
            CHECK((egi_separation_row((eg_separation)row)->f != NULL) == (separable || log_sum));
            if (!separable && !log_sum) continue;
            double sum = row == EG_SEP_LSR ? EGI_LSR_EPSILON : 0;
            for (size_t i = 0; i < r.n; i++)
                sum += r.w[i] * egi_separation_row((eg_separation)row)->f(&r.rule, r.s[i]);
            if (log_sum) sum = log(sum) / r.rule.beta;
            CHECK_NEAR(energy_of(&r, r.s), sum, 1e-12 * (1 + fabs(sum)));
        }
}

/* Exactly one memory if and only if the gap reaches the margin, from both sides. */
static void margins_are_exact(void **state)
{
    (void)state;
    const struct {
        eg_separation row;
        double order;
    } rows[] = { { EG_SEP_ENTMAX, 2 },  { EG_SEP_ENTMAX, 1.5 },  { EG_SEP_ENTMAX, 3 },
                 { EG_SEP_ENTMAX, 9 },  { EG_SEP_ENTMAX, 1.25 }, { EG_SEP_NORMMAX, 2 },
                 { EG_SEP_NORMMAX, 5 }, { EG_SEP_NORMMAX, 1.2 }, { EG_SEP_KSUBSETS, 2 } };
    for (size_t c = 0; c < sizeof rows / sizeof rows[0]; c++) {
        eg_rule rule = EG_RULE_INIT;
        rule.separation = rows[c].row;
        rule.order = rows[c].order;
        rule.beta = 2;
        const double gap = eg_separation_margin(&rule) / rule.beta;
        double s[5] = { 0.25 - 3 * gap, 0.25 - gap, 0.25, 0.25 - gap, -1e300 }, a[5];
        CHECK_OK(eg_separation_weights(&rule, s, NULL, 5, a, NULL));
        const double one[5] = { 0, 0, 1, 0, 0 };
        CHECK_SAME_BITS(a, one, sizeof a);
        s[1] += gap / 1024; /* a little inside */
        CHECK_OK(eg_separation_weights(&rule, s, NULL, 5, a, NULL));
        CHECK(a[2] < 1 && a[1] > 0 && a[3] <= a[1] && a[0] == 0 && a[4] == 0);
        CHECK_NEAR(a[1] + a[2] + a[3], 1, 1e-15);
    }
    eg_rule rule = EG_RULE_INIT;
    rule.separation = EG_SEP_KSUBSETS;
    rule.k = 3;
    const double s[6] = { 5, -1, 2, 1, 1.25, 0 }, three[6] = { 1, 0, 1, 0, 1, 0 };
    double a[6];
    rule.beta = 4; /* 1.25 - 1 = 1/beta */
    CHECK_OK(eg_separation_weights(&rule, s, NULL, 6, a, NULL));
    CHECK_SAME_BITS(a, three, sizeof a);
    rule.beta = 3.999;
    CHECK_OK(eg_separation_weights(&rule, s, NULL, 6, a, NULL));
    CHECK(a[4] < 1 && a[3] > 0 && a[0] == 1 && a[2] == 1 && a[5] == 0);
    for (int row = 0; row < EG_SEP_COUNT; row++) {
        rule.separation = (eg_separation)row;
        rule.k = 1;
        rule.order = 2;
        const double m = eg_separation_margin(&rule);
        CHECK((row == EG_SEP_TOPK || row == EG_SEP_MAX) == (m == 0));
        if (egi_separation_row(rule.separation)->margin == NULL) CHECK(isnan(m));
    }
}

static int descending(const void *x, const void *y)
{
    const double a = *(const double *)x, b = *(const double *)y;
    return (a < b) - (a > b);
}

/* Sparsemax and 1.5-entmax by sorting: Martins and Astudillo 2016, alg. 1; Peters et al. 2019,
 * alg. 2. The longest prefix whose threshold stays below its last score. */
static void sorted_entmax(double alpha, const double *z, size_t n, double *p)
{
    double x[MAX_N], tau = 0, sum = 0;
    for (size_t i = 0; i < n; i++) x[i] = (alpha - 1) * z[i];
    qsort(x, n, sizeof *x, descending);
    for (size_t k = 1; k <= n; k++) {
        double spread = 0, t;
        sum += x[k - 1];
        const double mean = sum / (double)k;
        for (size_t j = 0; j < k; j++) spread += (x[j] - mean) * (x[j] - mean);
        if (alpha == 2)
            t = mean - 1 / (double)k;
        else
            t = mean - sqrt(fmax(1 - spread, 0) / (double)k);
        if (t <= x[k - 1]) tau = t;
    }
    for (size_t i = 0; i < n; i++) p[i] = pow(fmax((alpha - 1) * z[i] - tau, 0), 1 / (alpha - 1));
}

static void entmax_by_sorting(void **state)
{
    (void)state;
    for (uint64_t t = 0; t < 400; t++) {
        struct trial r = draw(EG_SEP_ENTMAX, t);
        double p[MAX_N], z[MAX_N], a[MAX_N];
        r.rule.order = t % 2 ? 2 : 1.5;
        for (size_t i = 0; i < r.n; i++) z[i] = r.rule.beta * r.s[i];
        sorted_entmax(r.rule.order, z, r.n, p);
        weights_of(&r, r.s, a);
        for (size_t i = 0; i < r.n; i++) CHECK_NEAR(a[i], p[i], 2e-14 * (1 + r.rule.beta));
    }
}

/* Neighbouring rows agree where one becomes the other. */
static void limits_agree(void **state)
{
    (void)state;
    for (uint64_t t = 0; t < 100; t++) {
        struct trial r = draw(EG_SEP_SOFTMAX, t);
        double soft[MAX_N], a[MAX_N], b[MAX_N];
        r.weights = r.w;
        weights_of(&r, r.s, soft);
        r.rule.separation = EG_SEP_EXPONENTIAL;
        weights_of(&r, r.s, a);
        for (size_t i = 0; i < r.n; i++) CHECK_NEAR(a[i], soft[i], 1e-13);
        r.rule.separation = EG_SEP_ENTMAX;
        double last = INFINITY;
        for (double a1 = 1e-1; a1 > 1e-9; a1 /= 100) { /* first order in alpha - 1 */
            double apart = 0;
            r.rule.order = 1 + a1;
            weights_of(&r, r.s, a);
            for (size_t i = 0; i < r.n; i++) apart = fmax(apart, fabs(a[i] - soft[i]));
            CHECK(apart <= 400 * a1 && apart <= fmax(last, 1e-12));
            last = apart;
        }
        r.rule.separation = EG_SEP_TOPK;
        r.rule.k = 10000; /* more than there are: all, each as often as it counts */
        double mean = 0, total = 0;
        for (size_t i = 0; i < r.n; i++) {
            mean += r.w[i] * r.s[i];
            total += r.w[i];
        }
        CHECK_NEAR(energy_of(&r, r.s), mean / total, 1e-13);
        r.rule.separation = EG_SEP_KSUBSETS;
        weights_of(&r, r.s, a);
        for (size_t i = 0; i < r.n; i++) CHECK_NEAR(a[i], r.w[i], 0);
        r.weights = NULL;
        r.rule.k = 1;
        weights_of(&r, r.s, a); /* 1-subsets are sparsemax */
        r.rule.separation = EG_SEP_ENTMAX;
        r.rule.order = 2;
        weights_of(&r, r.s, b);
        for (size_t i = 0; i < r.n; i++) CHECK_NEAR(a[i], b[i], 1e-14 * (1 + r.rule.beta));
        r.rule.separation = EG_SEP_MAX;
        weights_of(&r, r.s, a);
        const eg_separation same[] = { EG_SEP_TOPK, EG_SEP_SOFTMAX, EG_SEP_NORMMAX };
        r.rule.beta = 1e12;
        for (size_t c = 0; c < 3; c++) {
            r.rule.separation = same[c];
            weights_of(&r, r.s, b);
            CHECK_SAME_BITS(a, b, r.n * sizeof *a);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slopes_agree),        cmocka_unit_test(weights_maximise),
        cmocka_unit_test(weight_two_is_twice), cmocka_unit_test(order_does_not_matter),
        cmocka_unit_test(shifts_and_scales),   cmocka_unit_test(flags_hold),
        cmocka_unit_test(terms_sum_up),        cmocka_unit_test(margins_are_exact),
        cmocka_unit_test(entmax_by_sorting),   cmocka_unit_test(limits_agree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
