/* Memories of connections that exist: densities, errors, and what can be stored in a bit.
 *
 * Clique networks (Gripon and Berrou 2011, eqs. 5, 8 and 12): after M messages of c symbols out of
 * l a connection exists with d = 1 - (1 - 1/l^2)^M. With e symbols erased one iteration leaves
 * no wrong unit with (1 - d^(c - e))^(e (l - 1)). What several iterations leave is what no
 * iteration can tell apart: another choice of j of the erased symbols that is a clique with the
 * rest, of which C(e, j)(l - 1)^j exist, each with d^(j (c - j) + j (j - 1)/2); their expected
 * number gives 1 - exp(-number). Connections are taken as independent; those of one message are
 * not, so both are optimistic where l is small.
 *
 * A wrong unit alone can be had without that assumption. Of M messages n have it, binomially with
 * 1/l, and each of these connects it to a given unit of another cluster with 1/l, independently of
 * the clusters. So it is connected to k given units with
 *   p(k) = E (1 - (1 - 1/l)^n)^k,   n ~ Bin(M, 1/l),   p(1) = d,   p(k) >= d^k,
 * in place of d^k ("shared" below; rivals of one symbol, k = c - 1, are nearly all there are).
 * A wrong unit of a Willshaw memory likewise, n ~ Bin(M, l/n), each with k/m.
 *
 * Sparse messages (Aliabadi et al. 2014): c of X clusters, d = 1 - (1 - c (c - 1)/(X (X - 1)
 * l^2))^M, wrong units are also those of all silent clusters.
 *
 * Willshaw: k of m units meet l of n, p1 = 1 - (1 - k l/(m n))^M; a wrong unit hears all k voices
 * with p1^k. Bits stored: M log2 C(n, l); with k = log2 n, p1 = 1/2 it tends to ln 2 a connection.
 *
 * Sparse distributed memory: N' locations, of which a share p is within the radius r of an address
 * (a binomial tail) and p2(h) within r of two addresses h apart: of the h bits in which they differ
 * a location differs from the first in i and from the second in h - i, and in j of the others,
 *   p2(h) = sum_i C(h, i) 2^-h P(Bin(D - h, 1/2) <= r - max(i, h - i)).
 * A cue h from a stored pattern reads each bit with signal N' p2(h) and, from M others at distances
 * g with binomial weights, noise of variance M sum_g C(D, g) 2^-D (N' p2 + N'^2 p2^2)(g): the bit
 * errs with Q(signal / deviation), so that D Q is the next distance. The critical distance is the
 * largest h from which it is less. Taking what the
 * locations hold as independent of each other leaves out (N'^2 p2^2): that a pattern near several
 * of them is read several times; and that those of the others which share most locations with a
 * cue are like it. Where content and address are one they speak for the cue's own bits, with
 *   pull = M sum_g C(D, g) 2^-D N' p2(g) (1 - 2 g/D),
 * for D - h bits to their good and for h to their bad. Measured with D = 256, N' = 20000, r = 108,
 * M = 300: from h = 30 wrong bits 8.1 are left, 7.2 by this and 11.4 without the pull. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "assoc/egi_theory.h"
#include "base/egi_gamma.h"

/* ln C(n, k) */
static double log_choose(double n, double k)
{
    return egi_log_gamma(n + 1) - egi_log_gamma(k + 1) - egi_log_gamma(n - k + 1);
}

/* 1 - (1 - p)^n without losing small p. */
static double any_of(double p, double n)
{
    return p >= 1 ? 1 : -expm1(n * log1p(-p));
}

static eg_status clique_density(const double *in, double *out)
{
    const double c = in[0], l = in[1], m = in[2], x = in[3] > 0 ? in[3] : c;
    if (x < c) return egi_fail(EG_ERR_INVALID, "clique-density: X = %g, below c = %g", x, c);
    const double message = log_choose(x, c) / log(2) + c * log2(l);
    const double resource = x * (x - 1) * l * l / 2, per = c * (c - 1) / (2 * resource);
    out[0] = any_of(per, m);
    out[1] = m * message;
    out[2] = out[1] / resource;
    out[3] = resource / message;
    out[4] = pow(out[0], c * (c - 1) / 2);
    return EG_OK;
}

/* Density after M messages of c of X clusters (X = 0: of c). */
static double density(double c, double l, double m, double x)
{
    return any_of(x > 0 ? c * (c - 1) / (x * (x - 1) * l * l) : 1 / (l * l), m);
}

/* Expected number of other cliques that agree with all known symbols. */
static double rivals(double c, double l, double e, double d)
{
    double sum = 0;
    for (int k = 1; k <= (int)e; k++) {
        const double j = k;
        sum += exp(log_choose(e, j) + j * log(l - 1) + (j * (c - j) + j * (j - 1) / 2) * log(d));
    }
    return sum;
}

/* A unit that a pattern has with q, connected to k given others, which one that has it has with r
 * each: connections of one pattern together. */
static double connected(double q, double r, double m, double k)
{
    const double mean = m * q, spread = sqrt(mean * (1 - q));
    double sum = 0;
    if (mean > 1e6) return pow(-expm1(mean * log1p(-r)), k); /* n is as good as its mean */
    const uint64_t low = (uint64_t)fmax(1, floor(mean - 10 * spread));
    const uint64_t high = (uint64_t)fmin(m, mean + 10 * spread + 40);
    for (uint64_t i = low; i <= high; i++) {
        const double n = (double)i;
        sum += exp(log_choose(m, n) + n * log(q) + (m - n) * log1p(-q)
                   + k * log(-expm1(n * log1p(-r))));
    }
    return sum;
}

static eg_status clique_error(const double *in, double *out)
{
    const double c = in[0], l = in[1], m = in[2], e = in[3], d = density(c, l, m, 0);
    if (e > c) return egi_fail(EG_ERR_INVALID, "clique-error: e = %g, above c = %g", e, c);
    out[0] = d;
    out[1] = any_of(pow(d, c - e), e * (l - 1));
    const double others = m > 0 ? rivals(c, l, e, d) : 0, single = e * (l - 1);
    const double all = connected(1 / l, 1 / l, m, c - 1);
    out[2] = -expm1(-others);
    out[3] = c > e ? any_of(connected(1 / l, 1 / l, m, c - e), single) : out[1];
    out[4] = m > 0 ? -expm1(-(others + single * (all - pow(d, c - 1)))) : 0;
    return EG_OK;
}

static eg_status sparse_error(const double *in, double *out)
{
    const double c = in[0], l = in[1], m = in[2], e = in[3], x = in[4], d = density(c, l, m, x);
    if (e >= c || x < c)
        return egi_fail(EG_ERR_INVALID,
                        "sparse-clique-error: e = %g, c = %g, X = %g, expected "
                        "e < c <= X",
                        e, c, x);
    out[0] = d;
    const double wrong = e * (l - 1) + (x - c) * l;
    const double unit = connected(c / (x * l), (c - 1) / ((x - 1) * l), m, c - e);
    out[1] = any_of(pow(d, c - e), wrong);
    out[2] = any_of(fmin(1, unit), wrong);
    return EG_OK;
}

/* Largest M with a one-iteration error of at most P. */
static eg_status clique_capacity(const double *in, double *out)
{
    const double c = in[0], l = in[1], e = in[2], p = in[3];
    if (e >= c || e * (l - 1) < 1)
        return egi_fail(EG_ERR_INVALID, "clique-capacity: e = %g, expected 1 <= e < c = %g", e, c);
    const double d = pow(-expm1(log1p(-p) / (e * (l - 1))), 1 / (c - e));
    out[0] = log1p(-d) / log1p(-1 / (l * l));
    out[1] = d;
    out[2] = 2 * out[0] * log2(l) / ((c - 1) * l * l);
    return EG_OK;
}

static eg_status willshaw(const double *in, double *out)
{
    const double m = in[0], n = in[1], k = in[2], l = in[3], pairs = in[4], heard = in[5];
    if (k > m || l > n || heard > k)
        return egi_fail(EG_ERR_INVALID, "willshaw: k = %g of m = %g, l = %g of n = %g, z = %g", k,
                        m, l, n, heard);
    const double p1 = any_of(k * l / (m * n), pairs);
    out[0] = p1;
    out[1] = pow(p1, heard > 0 ? heard : k);
    out[2] = (n - l) * out[1];
    out[3] = any_of(out[1], n - l);
    out[4] = pairs * log_choose(n, l) / log(2) / (m * n);
    out[5] = (n - l) * (l < n && k < m ? connected(l / n, k / m, pairs, heard > 0 ? heard : k) : 1);
    return EG_OK;
}

/* k = log2 n, half of the connections: pairs, bits a connection of what is stored at that size,
 * and in the limit; the load up to which a stored pattern of log n units is left alone. */
static eg_status willshaw_optimum(const double *in, double *out)
{
    const double n = in[0], k = round(log2(n));
    out[0] = k;
    out[1] = log(0.5) / log1p(-k * k / (n * n));
    out[2] = out[1] * log_choose(n, k) / log(2) / (n * n);
    out[3] = log(2);
    out[4] = -log1p(-exp(-1));
    return EG_OK;
}

enum { MOST_BITS = 4096 };

/* table[t] = P(Bin(n, 1/2) <= t - 1), t = 0 .. n + 1 */
static void half_tail(double n, double *table)
{
    double sum = 0;
    table[0] = 0;
    for (int t = 0; t <= (int)n; t++) {
        sum += exp(log_choose(n, t) - n * log(2));
        table[t + 1] = sum < 1 ? sum : 1;
    }
}

static double shared(double d, double r, double h)
{
    double tail[MOST_BITS + 2], sum = 0;
    half_tail(d - h, tail);
    for (int k = 0; k <= (int)h; k++) {
        const double i = k, left = r - fmax(i, h - i);
        if (left >= 0) sum += exp(log_choose(h, i) - h * log(2)) * tail[1 + (int)fmin(left, d - h)];
    }
    return sum;
}

static double normal_tail(double z)
{
    return erfc(z / sqrt(2)) / 2;
}

/* What the M others add up to: deviation of the noise, and pull, its mean towards the cue's own
 * bit. Within 8 deviations of D/2 lie all others. */
struct others {
    double sigma, pull;
};

static struct others others_of(double d, double r, double places, double m, int together)
{
    double square = 0, mean = 0;
    const int low = (int)fmax(0, floor(d / 2 - 4 * sqrt(d)));
    for (int k = low; k <= (int)d - low; k++) {
        const double g = k, both = places * shared(d, r, g);
        const double weight = exp(log_choose(d, g) - d * log(2));
        square += weight * (both + together * both * both);
        mean += weight * both * (1 - 2 * g / d);
    }
    return (struct others){ sqrt(m * square), together * m * mean };
}

/* Share of wrong bits after one reading from h of them. */
static double read_error(double d, double r, double places, double h, const struct others *o)
{
    const double signal = places * shared(d, r, h);
    return ((d - h) * normal_tail((signal + o->pull) / o->sigma)
            + h * normal_tail((signal - o->pull) / o->sigma))
           / d;
}

/* The distance that stays as it is. */
static double critical(double d, double r, double places, const struct others *o)
{
    double low = 0, high = d / 2;
    while (high - low > 1) {
        const double h = floor((low + high) / 2);
        if (d * read_error(d, r, places, h, o) < h)
            low = h;
        else
            high = h;
    }
    return low;
}

static eg_status sdm(const double *in, double *out)
{
    const double d = floor(in[0]), places = in[1], r = floor(in[2]), m = in[3], h = floor(in[4]);
    if (r > d || h > d)
        return egi_fail(EG_ERR_INVALID, "sdm: r = %g, h = %g, above D = %g", r, h, d);
    const struct others together = others_of(d, r, places, m, 1);
    const struct others apart = others_of(d, r, places, m, 0);
    out[0] = places * shared(d, r, 0);
    out[1] = read_error(d, r, places, h, &together);
    out[2] = critical(d, r, places, &together);
    out[3] = critical(d, r, places, &apart);
    out[4] = out[0] / together.sigma;
    return EG_OK;
}

static eg_status bam(const double *in, double *out)
{
    const double m = in[0], n = in[1], pairs = in[2];
    out[0] = normal_tail(sqrt(m / pairs));
    out[1] = normal_tail(sqrt(n / pairs));
    out[2] = fmin(m, n) / (2 * log(fmax(m, n)));
    return EG_OK;
}

const eg_theory egi_theory_binary[] = {
    { "clique-density",
      "connections, information and efficiency of a clique network",
      "d = 1 - (1 - 1/l^2)^M; X > c: 1 - (1 - c (c - 1)/(X (X - 1) l^2))^M; "
      "bits M (log2 C(X, c) + c log2 l) of X (X - 1) l^2/2; false accept d^(c (c - 1)/2)",
      "Gripon and Berrou 2011, eqs. 5 to 9; Aliabadi et al. 2014",
      { { "c", "symbols of a message", 8, 2, 1e4 },
        { "l", "units of a cluster", 256, 2, 1e9 },
        { "M", "messages", 15000, 0, 1e15 },
        { "X", "clusters; 0: c", 0, 0, 1e6 } },
      { "density", "bits", "efficiency", "diversity_1", "false_accept" },
      clique_density },
    { "clique-error",
      "a message with e of c symbols erased: error after one iteration and at rest",
      "one: 1 - (1 - d^(c - e))^(e (l - 1)); "
      "rest: 1 - exp(-sum_j C(e, j)(l - 1)^j d^(j (c - j) + j (j - 1)/2)); "
      "shared: E (1 - (1 - 1/l)^n)^k, n ~ Bin(M, 1/l), for d^k of one wrong symbol",
      "Gripon and Berrou 2011, eq. 12; at rest: expected rival cliques; shared: derived here",
      { { "c", "symbols of a message", 8, 2, 1e4 },
        { "l", "units of a cluster", 256, 2, 1e9 },
        { "M", "messages", 15000, 0, 1e15 },
        { "e", "erased symbols", 4, 0, 1e4 } },
      { "density", "error_1", "error_rest", "error_1_shared", "error_rest_shared" },
      clique_error },
    { "clique-capacity",
      "messages of a clique network at a given error of one iteration",
      "d = (1 - (1 - P)^(1/(e (l - 1))))^(1/(c - e)), M = ln(1 - d)/ln(1 - 1/l^2)",
      "Gripon and Berrou 2011, eq. 12 solved for M",
      { { "c", "symbols of a message", 8, 2, 1e4 },
        { "l", "units of a cluster", 256, 2, 1e9 },
        { "e", "erased symbols", 4, 1, 1e4 },
        { "P", "error", 0.01, 1e-12, 0.999 } },
      { "messages", "density", "efficiency" },
      clique_capacity },
    { "sparse-clique-error",
      "messages of c of X clusters, e symbols erased: error after one iteration",
      "1 - (1 - d^(c - e))^(e (l - 1) + (X - c) l); shared: E (1 - (1 - (c - 1)/((X - 1) l))^n)^"
      "(c - e), n ~ Bin(M, c/(X l)), for d^(c - e)",
      "Aliabadi, Berrou, Gripon and Jiang 2014",
      { { "c", "symbols of a message", 12, 2, 1e4 },
        { "l", "units of a cluster", 64, 2, 1e9 },
        { "M", "messages", 10000, 0, 1e15 },
        { "e", "erased symbols", 3, 0, 1e4 },
        { "X", "clusters", 100, 2, 1e6 } },
      { "density", "error_1", "error_1_shared" },
      sparse_error },
    { "willshaw",
      "connections and wrong units of a Willshaw memory",
      "p1 = 1 - (1 - k l/(m n))^M, p01 = p1^z, wrong (n - l) p01; "
      "shared: E (1 - (1 - k/m)^i)^z, i ~ Bin(M, l/n), for p1^z",
      "Willshaw, Buneman and Longuet-Higgins 1969; Palm 1980",
      { { "m", "units of an address", 1024, 1, 1e9 },
        { "n", "units of a content", 1024, 1, 1e9 },
        { "k", "active in an address", 10, 1, 1e9 },
        { "l", "active in a content", 10, 1, 1e9 },
        { "M", "pairs", 7268, 0, 1e15 },
        { "z", "active in the cue; 0: k", 0, 0, 1e9 } },
      { "density", "p01", "wrong", "error", "bits_a_connection", "wrong_shared" },
      willshaw },
    { "willshaw-optimum",
      "a Willshaw memory at its optimum, k = log2 n and half of the connections",
      "M = ln 2 (n/k)^2, bits a connection -> ln 2; "
      "patterns of log n units rest while alpha < -ln(1 - 1/e)",
      "Palm 1980; Knoblauch and Palm 2020",
      { { "n", "units of each side", 1e6, 4, 1e15 } },
      { "active", "pairs", "bits_a_connection", "limit", "alpha" },
      willshaw_optimum },
    { "sdm",
      "sparse distributed memory: locations near an address, error of a bit, critical distance",
      "(D - h) Q((N' p2(h) + pull)/sigma) + h Q((N' p2(h) - pull)/sigma) = h, "
      "sigma^2 = M sum_g C(D, g) 2^-D (N' p2 + N'^2 p2^2)(g), "
      "pull = M sum_g C(D, g) 2^-D N' p2(g)(1 - 2 g/D)",
      "Kanerva 1988, ch. 7: signal and noise of the shared locations; pull: derived here",
      { { "D", "bits of an address", 256, 2, MOST_BITS },
        { "N", "locations N'", 1e5, 1, 1e12 },
        { "r", "radius", 103, 0, MOST_BITS },
        { "M", "patterns", 1000, 1, 1e12 },
        { "h", "bits of the cue that are wrong", 0, 0, MOST_BITS } },
      { "near", "bit_error", "critical", "critical_independent", "signal" },
      sdm },
    { "bam",
      "bidirectional memory: error of a bit of either side in one half step, pairs without one",
      "Q(sqrt(m/M)), Q(sqrt(n/M)); min(m, n)/(2 ln max(m, n))",
      "Kosko 1988; McEliece et al. 1987 for one side",
      { { "m", "units of one side", 256, 2, 1e12 },
        { "n", "units of the other", 256, 2, 1e12 },
        { "M", "pairs", 20, 1, 1e12 } },
      { "error_content", "error_address", "pairs" },
      bam },
    { .name = NULL },
};
