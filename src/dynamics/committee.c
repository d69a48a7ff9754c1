/* Online learning of a soft committee machine, in the limit of many inputs (Saad and Solla 1995;
 * second layer and noise: Goldt, Advani, Saxe, Krzakala and Zdeborova 2019).
 *
 * Student sum_i v_i g(w_i.x/sqrt N), teacher sum_n g(b_n.x/sqrt N) + sigma zeta, g(x) = erf(x /
 * sqrt 2). Q = w.w/N, R = w.b/N, and T = b.b/N = 1 are the covariance C of the local fields; time
 * is examples / N. With a, b, c, d any fields,
 *
 *     I2 = <g(a) g(b)> = (2/pi) asin(C_ab / sqrt((1 + C_aa)(1 + C_bb)))
 *     I3 = <g'(a) b g(c)> = (2/pi) (C_bc (1 + C_aa) - C_ab C_ac) / ((1 + C_aa) sqrt(L3))
 *     I4 = <g'(a) g'(b) g(c) g(d)> = (4/pi^2) asin(L0 / sqrt(L1 L2)) / sqrt(L4)
 *     J2 = <g'(a) g'(b)> = (2/pi) / sqrt(L4)
 *
 * and an error unit is s_u fields, s = v of a student's, -1 of a teacher's. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "dynamics/egi_network.h"

#include <string.h>

static const double PI = 3.14159265358979323846;
enum { FIELDS = 2 * EGI_UNITS };

struct fields {
    size_t n, k;
    double c[FIELDS][FIELDS], sign[FIELDS];
};

static struct fields fields_of(const struct egi_committee *o, const double *state)
{
    const double *q = state, *r = state + o->k * o->k, *v = r + o->k * o->m;
    struct fields f = { .n = o->k + o->m, .k = o->k };
    for (size_t i = 0; i < o->k; i++) {
        f.sign[i] = v[i];
        for (size_t j = 0; j < o->k; j++) f.c[i][j] = (q[i * o->k + j] + q[j * o->k + i]) / 2;
        for (size_t n = 0; n < o->m; n++) f.c[i][o->k + n] = f.c[o->k + n][i] = r[i * o->m + n];
    }
    for (size_t n = 0; n < o->m; n++) {
        f.sign[o->k + n] = -1;
        f.c[o->k + n][o->k + n] = 1;
    }
    return f;
}

static double i2(const struct fields *f, size_t a, size_t b)
{
    return 2 / PI * asin(f->c[a][b] / sqrt((1 + f->c[a][a]) * (1 + f->c[b][b])));
}

static double l4(const struct fields *f, size_t a, size_t b)
{
    return (1 + f->c[a][a]) * (1 + f->c[b][b]) - f->c[a][b] * f->c[a][b];
}

static double i3(const struct fields *f, size_t a, size_t b, size_t c)
{
    const double one = 1 + f->c[a][a];
    return 2 / PI * (f->c[b][c] * one - f->c[a][b] * f->c[a][c]) / (one * sqrt(l4(f, a, c)));
}

static double i4(const struct fields *f, size_t a, size_t b, size_t c, size_t d)
{
    const double(*k)[FIELDS] = f->c;
    const double aa = 1 + k[a][a], bb = 1 + k[b][b], l = l4(f, a, b);
    const double l0 = l * k[c][d] - k[b][c] * k[b][d] * aa - k[a][c] * k[a][d] * bb
                      + k[a][b] * k[a][c] * k[b][d] + k[a][b] * k[a][d] * k[b][c];
    const double l1 = l * (1 + k[c][c]) - k[b][c] * k[b][c] * aa - k[a][c] * k[a][c] * bb
                      + 2 * k[a][b] * k[a][c] * k[b][c];
    const double l2 = l * (1 + k[d][d]) - k[b][d] * k[b][d] * aa - k[a][d] * k[a][d] * bb
                      + 2 * k[a][b] * k[a][d] * k[b][d];
    return 4 / (PI * PI) * asin(l0 / sqrt(l1 * l2)) / sqrt(l);
}

double egi_committee_error(const struct egi_committee *o, const double *state)
{
    const struct fields f = fields_of(o, state);
    double sum = 0;
    for (size_t a = 0; a < f.n; a++)
        for (size_t b = 0; b < f.n; b++) sum += f.sign[a] * f.sign[b] * i2(&f, a, b);
    return sum / 2;
}

int egi_committee_across(const struct egi_committee *o, const double *state, double *across)
{
    const size_t k = o->k, m = o->m;
    const double *q = state, *r = state + k * k;
    memset(across, 0, k * k * sizeof *across);
    for (size_t i = 0; i < k; i++)
        for (size_t j = 0; j <= i; j++) {
            double left = q[i * k + j];
            for (size_t n = 0; n < m; n++) left -= r[i * m + n] * r[j * m + n];
            for (size_t n = 0; n < j; n++) left -= across[i * k + n] * across[j * k + n];
            if (j < i)
                across[i * k + j] = across[j * k + j] > 0 ? left / across[j * k + j] : 0;
            else if (left >= 0)
                across[i * k + i] = sqrt(left);
            else
                return 0;
        }
    return 1;
}

/* -<error g'(a) b> */
static double pull(const struct fields *f, size_t a, size_t b)
{
    double sum = 0;
    for (size_t u = 0; u < f->n; u++) sum -= f->sign[u] * i3(f, a, b, u);
    return sum;
}

/* <error^2 g'(a) g'(b)>, with the noise of the labels */
static double spread(const struct egi_committee *o, const struct fields *f, size_t a, size_t b)
{
    double sum = o->noise * o->noise * 2 / PI / sqrt(l4(f, a, b));
    for (size_t u = 0; u < f->n; u++)
        for (size_t w = 0; w < f->n; w++) sum += f->sign[u] * f->sign[w] * i4(f, a, b, u, w);
    return sum;
}

void egi_committee_rates(const struct egi_committee *o, const double *state, double *rate)
{
    const struct fields f = fields_of(o, state);
    double *dq = rate, *dr = rate + o->k * o->k, *dv = dr + o->k * o->m;
    for (size_t i = 0; i < o->k; i++) {
        const double v = f.sign[i];
        for (size_t j = 0; j < o->k; j++)
            dq[i * o->k + j] = o->rate * (v * pull(&f, i, j) + f.sign[j] * pull(&f, j, i))
                               + o->rate * o->rate * v * f.sign[j] * spread(o, &f, i, j);
        for (size_t n = 0; n < o->m; n++) dr[i * o->m + n] = o->rate * v * pull(&f, i, o->k + n);
        dv[i] = 0;
        for (size_t u = 0; u < f.n; u++) dv[i] -= o->rate_v * f.sign[u] * i2(&f, i, u);
    }
}

static void runge_kutta(const struct egi_committee *o, double h, const double *from, double *to)
{
    static const double at[4] = { 0, .5, .5, 1 }, weight[4] = { 1, 2, 2, 1 };
    const size_t n = egi_committee_size(o);
    double rate[EGI_COMMITTEE] = { 0 }, state[EGI_COMMITTEE] = { 0 }, sum[EGI_COMMITTEE] = { 0 };
    for (int stage = 0; stage < 4; stage++) {
        for (size_t i = 0; i < n; i++) state[i] = from[i] + h * at[stage] * rate[i];
        egi_committee_rates(o, state, rate);
        for (size_t i = 0; i < n; i++) sum[i] += weight[stage] * rate[i];
    }
    for (size_t i = 0; i < n; i++) to[i] = from[i] + h / 6 * sum[i];
}

eg_status egi_committee_advance(const struct egi_committee *o, double t, double to,
                                double tolerance, double *state)
{
    const size_t n = egi_committee_size(o);
    double whole[EGI_COMMITTEE], half[EGI_COMMITTEE], two[EGI_COMMITTEE];
    for (double h = fmin(0.05, to - t); t < to;) {
        if (!(h > 1e-9))
            return egi_fail(EG_ERR_DIVERGED,
                            "the committee diverges at t = %g: error %g at learning rate %g", t,
                            egi_committee_error(o, state), o->rate);
        h = fmin(h, to - t);
        runge_kutta(o, h, state, whole);
        runge_kutta(o, h / 2, state, half);
        runge_kutta(o, h / 2, half, two);
        double apart = 0;
        for (size_t i = 0; i < n; i++) {
            const double by = fabs(two[i] - whole[i]) / 15;
            apart = by <= apart ? apart : by; /* NaN stays */
        }
        if (!(apart <= tolerance)) {
            h /= 2;
            continue;
        }
        memcpy(state, two, n * sizeof *state);
        t = to - t > h ? t + h : to;
        if (apart < tolerance / 64) h *= 2;
    }
    return EG_OK;
}

/* Unit i: w.w/N = q0 (1 + i q-step), w.b/N = r0 (1 + i r-step) with its own of the teacher. */
static eg_status start_of(const struct egi_dynamics *run, const struct egi_committee *o,
                          double *start)
{
    const double q0 = egi_param(run, "q0"), r0 = egi_param(run, "r0");
    double across[EGI_UNITS * EGI_UNITS];
    for (size_t i = 0; i < o->k; i++) {
        double *q = start + i * o->k, *r = start + o->k * o->k + i * o->m;
        for (size_t j = 0; j < o->k; j++) q[j] = egi_param(run, "q-across");
        q[i] = q0 * (1 + (double)i * egi_param(run, "q-step"));
        if (i < o->m) r[i] = r0 * (1 + (double)i * egi_param(run, "r-step"));
        if (i + 1 < o->m) r[i + 1] = egi_param(run, "r-next");
        start[o->k * (o->k + o->m) + i] = 1;
    }
    if (egi_committee_across(o, start, across)) return EG_OK;
    return egi_fail(EG_ERR_INVALID,
                    "%s: no vectors have overlaps r0 = %g with the teacher and squares q0 = %g; "
                    "choose r0^2 of at most q0",
                    run->model->name, r0, q0);
}

eg_status egi_committee_run(struct egi_dynamics *run)
{
    const struct egi_committee o = { egi_param_size(run, "K"), egi_param_size(run, "M"),
                                     egi_param(run, "eta"), egi_param(run, "eta-v"),
                                     egi_param(run, "sigma") };
    const double last = egi_param(run, "t");
    const size_t rows = egi_param_size(run, "points") + 1;
    double start[EGI_COMMITTEE] = { 0 }, state[EGI_COMMITTEE];
    EGI_TRY(start_of(run, &o, start));
    EGI_TRY(egi_rows(run, rows));
    memcpy(state, start, sizeof state);
    double t = 0;
    for (size_t k = 0; k < rows; k++) {
        const double share = (double)k / (double)(rows - 1), to = last * share * share;
        EGI_TRY(egi_committee_advance(&o, t, to, 1e-10, state));
        double *row = egi_row_at(run, k);
        row[0] = t = to;
        row[1] = egi_committee_error(&o, state);
        row[4] = state[0];
        row[5] = state[o.k * o.k];
        EGI_TRY(egi_report(run->options->progress, "times", k + 1, rows));
    }
    if (o.k >= o.m)
        egi_fact(run, "floor to first order in eta",
                 o.rate * o.noise * o.noise / (2 * PI)
                     * ((double)(o.k - o.m) + (double)o.m / sqrt(3)));
    return egi_param_size(run, "samples") > 0 ? egi_committee_simulate(run, &o, start) : EG_OK;
}
