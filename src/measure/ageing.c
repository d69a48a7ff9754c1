/* Laws of two-time displacements: slopes, diffusion, collapse of curves of several waiting times.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "base/egi_base.h"
#include "engram/two_time.h"

enum { STEPS = 100, POINTS = 40, MOST_WAITS = 256 };

/* One waiting time: n rows from `row` on. */
struct curve {
    const eg_two_time_row *row;
    size_t n;
};

static double log_time(const struct curve *c, size_t i)
{
    return log((double)c->row[i].time);
}

/* d ln Delta / d ln t of rows from `from` on, least squares. */
static double slope(const struct curve *c, size_t from, size_t to)
{
    double n = 0, x = 0, y = 0, xx = 0, xy = 0;
    for (size_t i = from; i < to; i++) {
        const double u = log_time(c, i), v = log(c->row[i].delta);
        n++;
        x += u;
        y += v;
        xx += u * u;
        xy += u * v;
    }
    return n > 1 ? (n * xy - x * y) / (n * xx - x * x) : (double)NAN;
}

/* ln Delta at ln t = x, piecewise linear; NaN outside. */
static double value(const struct curve *c, double x)
{
    for (size_t i = 0; i + 1 < c->n; i++) {
        const double a = log_time(c, i), b = log_time(c, i + 1);
        if (x < a || x > b) continue;
        const double u = log(c->row[i].delta), v = log(c->row[i + 1].delta);
        return u + (v - u) * (x - a) / (b - a);
    }
    return (double)NAN;
}

/* Mean variance of ln Delta between curves at the same t / t_w^mu; NaN where none overlap. */
static double spread(const struct curve *c, size_t curves, double mu)
{
    double low = INFINITY, high = -INFINITY, total = 0;
    size_t counted = 0;
    for (size_t k = 0; k < curves; k++) {
        const double shift = mu * log((double)c[k].row->wait);
        low = fmin(low, log_time(&c[k], 0) - shift);
        high = fmax(high, log_time(&c[k], c[k].n - 1) - shift);
    }
    for (size_t i = 0; i < POINTS; i++) {
        const double x = low + (high - low) * ((double)i + .5) / POINTS;
        double n = 0, y = 0, yy = 0;
        for (size_t k = 0; k < curves; k++) {
            const double v = value(&c[k], x + mu * log((double)c[k].row->wait));
            if (isnan(v)) continue;
            n++;
            y += v;
            yy += v * v;
        }
        if (n < 2) continue;
        total += fmax(yy / n - y / n * (y / n), 0);
        counted++;
    }
    return counted > 0 ? total / (double)counted : (double)NAN;
}

/* Rows of one t_w after the other; those that did not move have no logarithm. */
static eg_status part(const eg_two_time_row *row, size_t n, struct curve *c, size_t *curves)
{
    *curves = 0;
    for (size_t i = 0; i < n; i++) {
        const int same = i > 0 && row[i].wait == row[i - 1].wait;
        if (i > 0 && (same ? row[i].time <= row[i - 1].time : row[i].wait < row[i - 1].wait))
            return egi_fail(EG_ERR_INVALID, "eg_two_time_ageing: row %zu is not sorted", i);
        if (!(row[i].delta > 0) || !isfinite(row[i].delta))
            return egi_fail(EG_ERR_INVALID, "eg_two_time_ageing: row %zu: displacement %g", i,
                            row[i].delta);
        if (!same && *curves == MOST_WAITS)
            return egi_fail(EG_ERR_LIMIT, "eg_two_time_ageing: over %d waiting times", MOST_WAITS);
        if (!same) c[(*curves)++] = (struct curve){ row + i, 0 };
        c[*curves - 1].n++;
    }
    return EG_OK;
}

static void laws(const struct curve *first, const struct curve *last, eg_ageing *out)
{
    size_t n = 0, from = 0;
    while (n < first->n && first->row[n].time <= 10) n++;
    out->ballistic = first->row->wait == 0 ? slope(first, 0, n) : (double)NAN;
    while (from + 2 < last->n
           && (double)last->row[from].time * 10 < (double)last->row[last->n - 1].time)
        from++;
    out->diffusive = slope(last, from, last->n);
    for (size_t i = from; i < last->n; i++)
        out->diffusion += last->row[i].delta / (double)last->row[i].time / 2;
    out->diffusion /= (double)(last->n - from);
}

eg_status eg_two_time_ageing(const eg_two_time_row *row, size_t n, eg_ageing *out)
{
    struct curve c[MOST_WAITS];
    size_t curves, usable = 0;
    EGI_TRY(part(row, n, c, &curves));
    *out = (eg_ageing){ 0 };
    if (curves > 0) laws(&c[0], &c[curves - 1], out);
    for (size_t k = 0; k < curves; k++)
        if (c[k].row->wait > 0 && c[k].n > 1) c[usable++] = c[k];
    const double still = usable > 1 ? spread(c, usable, 0) : (double)NAN;
    if (isnan(still))
        return egi_fail(EG_ERR_INVALID,
                        "eg_two_time_ageing: %zu waiting times above 0 have two rows or more, and "
                        "two are needed that overlap",
                        usable);
    double best = still;
    for (int i = 1; i <= STEPS; i++) {
        const double now = spread(c, usable, (double)i / STEPS);
        if (!(now < best)) continue;
        best = now;
        out->exponent = (double)i / STEPS;
    }
    out->spread = still > 0 ? best / still : 1;
    return EG_OK;
}
