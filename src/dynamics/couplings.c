/* Couplings of p-spin models, dense.
 *
 * Of the N^p products each set of indices is kept once, i1 >= .. >= ip: N^p / p! numbers, drawn
 * with the variance of the sum over its distinct orders, so that <H(x) H(y)> = N g (x.y/N)^p with
 * scale = sqrt(g) N^((1-p)/2). For fixed i1..i(p-2), with u the product of their x, the last two
 * indices are a triangle J by rows j >= k, which one pass reads once (egi_kernel_line.h):
 *
 *     d_j = <J_j, x>,   gradient_k += sum_j u x_j J_jk,   gradient_j += u d_j,
 *     s = sum_j x_j d_j,   H += u s,   gradient_ia += s u / x_ia  (the product without x_ia) */
/* SPDX-License-Identifier: Apache-2.0 */
#include "dynamics/egi_couplings.h"

#include <string.h>

#include "dynamics/egi_two_time.h"
#include "engram/random.h"

enum { MOST_UPPER = 8, BLOCK = 256 };

/* The first p - 2 indices; of p = 2 none, and top is N - 1. */
struct upper {
    size_t count, n, at[MOST_UPPER];
};

static struct upper upper_first(int power, size_t n)
{
    return (struct upper){ .count = (size_t)power - 2, .n = n };
}

static size_t top_of(const struct upper *u)
{
    return u->count > 0 ? u->at[u->count - 1] : u->n - 1;
}

/* The next in order, at[0] slowest; 0: that was the last. */
static int upper_next(struct upper *u)
{
    for (size_t k = u->count; k-- > 0;) {
        const size_t most = k > 0 ? u->at[k - 1] : u->n - 1;
        if (u->at[k] < most) {
            u->at[k]++;
            for (size_t l = k + 1; l < u->count; l++) u->at[l] = 0;
            return 1;
        }
    }
    return 0;
}

static size_t rows_of(size_t top)
{
    return (top / EGI_LINE_LANES + 1) * EGI_LINE_LANES;
}

eg_status egi_couplings_shape(const struct egi_glass *g, size_t n, size_t most_bytes,
                              struct egi_couplings *out)
{
    struct egi_couplings c = { .n = n, .padded = rows_of(n), .terms = g->terms };
    double bytes = 0;
    for (size_t k = 0; k < g->terms; k++) {
        const int p = g->term[k].power;
        double about = 8; /* N^p / p!, before prefixes are counted one by one */
        for (int i = 1; i <= p; i++) about *= ((double)n + (i < p ? 0 : 8)) / i;
        bytes += about;
        if (p - 2 > MOST_UPPER || bytes > (double)most_bytes)
            return egi_fail(EG_ERR_LIMIT,
                            "couplings of N = %zu components and order %d need %.3g bytes, at most "
                            "%zu; choose a smaller N",
                            n, p, bytes, most_bytes);
        struct upper u = upper_first(p, n);
        c.term[k].power = p;
        c.term[k].scale = sqrt(g->term[k].g) * pow((double)n, (1 - p) / 2.0);
        do c.term[k].cells += egi_row_from(rows_of(top_of(&u)));
        while (upper_next(&u));
    }
    c.kernels = egi_kernels_line(egi_isa_level());
    *out = c;
    return EG_OK;
}

/* In how many orders the p indices can stand: p! over the factorials of how often each occurs. */
static double orders(const struct upper *u, size_t j, size_t k)
{
    size_t at[MOST_UPPER + 2];
    double count = 1;
    memcpy(at, u->at, u->count * sizeof *at);
    at[u->count] = j;
    at[u->count + 1] = k;
    for (size_t i = 0, same = 0; i < u->count + 2; i++) {
        same = i > 0 && at[i] == at[i - 1] ? same + 1 : 1;
        count *= (double)(i + 1) / (double)same;
    }
    return count;
}

static void draw_line(const struct upper *u, size_t j, uint64_t seed, uint64_t stream, uint64_t at,
                      double *line)
{
    float z[BLOCK];
    for (size_t from = 0; from <= j; from += BLOCK) {
        const size_t n = j + 1 - from < BLOCK ? j + 1 - from : BLOCK;
        eg_random_normal(seed, stream, at + from, n, z);
        for (size_t k = from; k < from + n; k++)
            line[k] = sqrt(orders(u, j, k)) * (double)z[k - from];
    }
}

void egi_couplings_draw(struct egi_couplings *c, uint64_t seed, uint64_t stream)
{
    for (size_t t = 0; t < c->terms; t++) {
        struct upper u = upper_first(c->term[t].power, c->n);
        double *j = c->term[t].j;
        uint64_t at = 0;
        memset(j, 0, c->term[t].cells * sizeof *j);
        do {
            for (size_t row = 0; row <= top_of(&u); at += ++row)
                draw_line(&u, row, seed, stream + t, at, j + egi_row_from(row));
            j += egi_row_from(rows_of(top_of(&u)));
        } while (upper_next(&u));
    }
}

/* The triangle of one prefix: u s. */
static double triangle(const struct egi_couplings *c, const struct upper *up, const double *j,
                       const double *x, double scale, double *gradient, double *by)
{
    double u = scale, s = 0, *dot = by + c->padded;
    for (size_t a = 0; a < up->count; a++) u *= x[up->at[a]];
    const size_t rows = rows_of(top_of(up));
    for (size_t i = 0; i < rows; i++) by[i] = u * x[i];
    for (size_t i = 0; i < rows; i += EGI_LINES)
        c->kernels->both(j + egi_row_from(i), rows_of(i), x, by + i, gradient, dot + i);
    for (size_t i = 0; i <= top_of(up); i++) {
        gradient[i] += u * dot[i];
        s += x[i] * dot[i];
    }
    for (size_t a = 0; a < up->count; a++) {
        double without = scale * s;
        for (size_t b = 0; b < up->count; b++) without *= b != a ? x[up->at[b]] : 1;
        gradient[up->at[a]] += without;
    }
    return u * s;
}

double egi_couplings_gradient(const struct egi_couplings *c, const double *x, double *gradient,
                              double *scratch)
{
    double energy = 0;
    memset(gradient, 0, c->padded * sizeof *gradient);
    for (size_t t = 0; t < c->terms; t++) {
        struct upper u = upper_first(c->term[t].power, c->n);
        const double *j = c->term[t].j;
        do {
            energy += triangle(c, &u, j, x, c->term[t].scale, gradient, scratch);
            j += egi_row_from(rows_of(top_of(&u)));
        } while (upper_next(&u));
    }
    return energy;
}
