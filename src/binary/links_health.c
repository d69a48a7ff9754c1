/* How full connections are, and what that implies.
 *
 * A law says of a kind what the closed forms of `engram theory` need: how likely a random pattern
 * makes a given connection (per), how many voices a unit needs after half of an address is lost,
 * how many wrong units could hear them all, how many connections a message has. Then, with density
 * d, d = 1 - (1 - per)^M,   error = 1 - (1 - d^voices)^wrong,   false accept = d^connections. The
 * gauge takes the density there is, not the one expected: what it says of error holds for stored
 * patterns that are not uniform as far as their connections are spread evenly. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "base/egi_gamma.h"
#include "binary/egi_binary.h"

struct law {
    double pairs;    /* M that made connections */
    double possible; /* connections; own: both directions */
    double per, voices, wrong, connections;
    double bits; /* information of a pattern */
};

static double log2_choose(double n, double k)
{
    return (egi_log_gamma(n + 1) - egi_log_gamma(k + 1) - egi_log_gamma(n - k + 1)) / log(2);
}

static double mean(uint64_t sum, uint64_t n)
{
    return n > 0 ? (double)sum / (double)n : (double)NAN;
}

/* Of k of X clusters; k = X where messages use all of them. */
static struct law clique_law(const eg_binary *m)
{
    const double x = (double)m->in.clusters, l = (double)m->in.units;
    const double k = m->options.order == 0 ? x
                     : m->n == 0           ? (double)m->options.order
                                           : mean(m->on_in, m->n);
    const double lost = floor(k / 2);
    return (struct law){ .pairs = (double)m->n,
                         .possible = x * (x - 1) * l * l,
                         .per = k * (k - 1) / (x * (x - 1) * l * l),
                         .voices = k - lost,
                         .wrong = lost * (l - 1) + (x - k) * l,
                         .connections = k * (k - 1) / 2,
                         .bits = log2_choose(x, k) + k * log2(l) };
}

static struct law hetero_law(const eg_binary *m)
{
    const double c = (double)m->in.clusters, l = (double)m->in.units;
    const double k = (double)m->out.clusters, n = (double)m->out.units;
    return (struct law){ (double)m->n, c * l * k * n, 1 / (l * n), c - floor(c / 2),
                         k * (n - 1),  c * k,         k * log2(n) };
}

static struct law willshaw_law(const eg_binary *m)
{
    const double size = (double)m->in.total, n = (double)m->out.total;
    const double k = mean(m->on_in, m->n), l = mean(m->on_out, m->n);
    return (struct law){ (double)m->n,     size * n, k * l / (size * n),
                         k - floor(k / 2), n - l,    m->own ? k * (k + 1) / 2 : k * l,
                         log2_choose(n, l) };
}

static struct law chain_law(const eg_binary *m)
{
    const double n = (double)m->in.total, order = (double)m->options.order;
    const double k = mean(m->on_in, m->on_out), voices = order * k;
    return (struct law){ (double)(m->on_out - m->n) * order,   n * n, k * k / (n * n),
                         voices - floor(voices / 2),           n - k, voices * k,
                         k * log2((double)m->in.units) / order };
}

static struct law law_of(const eg_binary *m)
{
    switch (m->options.kind) {
    case EG_BINARY_CLIQUE:
        return m->own ? clique_law(m) : hetero_law(m);
    case EG_BINARY_CHAIN:
        return chain_law(m);
    default:
        return willshaw_law(m);
    }
}

double egi_links_fill(const eg_binary *m)
{
    const double all = (double)m->in.total * (double)m->out.total;
    const double apart = m->own && m->options.kind == EG_BINARY_CLIQUE
                             ? all * (1 - 1 / (double)m->in.clusters)
                             : all;
    return (double)m->links.existing / apart;
}

/* Patterns from this density on until `error` is 0.01: the M of d less the M of now. */
static double room(const struct law *l, double fill)
{
    const double d = pow(-expm1(log1p(-0.01) / l->wrong), 1 / l->voices);
    return fill >= d ? 0 : (log1p(-d) - log1p(-fill)) / log1p(-l->per);
}

void egi_links_measure(const eg_binary *m, eg_binary_health *h)
{
    const struct law l = law_of(m);
    h->possible = l.possible;
    h->existing = (double)m->links.existing;
    h->fill = egi_links_fill(m);
    h->fill_expected = -expm1(l.pairs * log1p(-l.per));
    h->bits_stored = l.pairs * l.bits;
    h->efficiency = h->bits_stored / (m->own && !m->kind->sequence ? l.possible / 2 : l.possible);
    h->error = -expm1(l.wrong * log1p(-pow(h->fill, l.voices)));
    h->false_accept = pow(h->fill, l.connections);
    h->room = room(&l, h->fill);
}
