/* The table of projections: each is grad Psi* of a convex Psi, that is, the x that minimises
 * Psi(x) - <y, x>. Norms are taken of y divided by its largest magnitude, so that nothing
 * overflows. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "assoc/egi_assoc.h"

struct projection {
    eg_row_info info;
    unsigned flags;
    void (*apply)(double gain, const double *y, size_t d, double *x);
    double (*energy)(double gain, const double *x, size_t d); /* inf outside the domain */
    void (*derivative)(double gain, const double *y, const double *v, size_t d, double *out);
};

static double mean_of(const double *y, size_t d)
{
    double mean = 0;
    for (size_t i = 0; i < d; i++) mean += y[i] / (double)d;
    return mean;
}

/* |y - shift| as most * root: the largest magnitude, and the norm relative to it. */
static double norm_of(const double *y, size_t d, double shift, double *most)
{
    double sum = 0;
    *most = 0;
    for (size_t i = 0; i < d; i++) *most = fmax(*most, fabs(y[i] - shift));
    if (*most == 0) return 0;
    for (size_t i = 0; i < d; i++) sum += (y[i] - shift) / *most * ((y[i] - shift) / *most);
    return sqrt(sum);
}

static void identity_apply(double gain, const double *y, size_t d, double *x)
{
    (void)gain;
    memcpy(x, y, d * sizeof *x);
}

static double identity_energy(double gain, const double *x, size_t d)
{
    (void)gain;
    double sum = 0;
    for (size_t i = 0; i < d; i++) sum += x[i] * x[i];
    return sum / 2;
}

static void identity_derivative(double gain, const double *y, const double *v, size_t d,
                                double *out)
{
    (void)y;
    identity_apply(gain, v, d, out);
}

static void sign_apply(double gain, const double *y, size_t d, double *x)
{
    (void)gain;
    for (size_t i = 0; i < d; i++)
        if (y[i] != 0) x[i] = y[i] > 0 ? 1 : -1;
}

static double sign_energy(double gain, const double *x, size_t d)
{
    (void)gain;
    for (size_t i = 0; i < d; i++)
        if (fabs(x[i]) > 1) return INFINITY;
    return 0;
}

static void flat_derivative(double gain, const double *y, const double *v, size_t d, double *out)
{
    (void)gain;
    (void)y;
    (void)v;
    memset(out, 0, d * sizeof *out);
}

static void tanh_apply(double gain, const double *y, size_t d, double *x)
{
    for (size_t i = 0; i < d; i++) x[i] = tanh(gain * y[i]);
}

static double half_entropy(double p)
{
    return p > 0 ? p * log(p) : 0;
}

static double tanh_energy(double gain, const double *x, size_t d)
{
    double sum = 0;
    for (size_t i = 0; i < d; i++) {
        if (fabs(x[i]) > 1) return INFINITY;
        /* p log p + (1-p) log(1-p) + log 2, p = (1+x)/2: 0 at x = 0, slope atanh x */
        sum += half_entropy((1 + x[i]) / 2) + half_entropy((1 - x[i]) / 2) + log(2);
    }
    return sum / gain;
}

static void tanh_derivative(double gain, const double *y, const double *v, size_t d, double *out)
{
    for (size_t i = 0; i < d; i++) {
        const double c = cosh(gain * y[i]);
        out[i] = gain / c / c * v[i];
    }
}

/* x = radius (y - shift) / |y - shift|, and its derivative. */
static void sphere_apply(double radius, const double *y, size_t d, double shift, double *x)
{
    double most;
    const double root = norm_of(y, d, shift, &most);
    if (root == 0) return;
    for (size_t i = 0; i < d; i++) x[i] = radius * ((y[i] - shift) / most / root);
}

static void sphere_derivative(double radius, const double *y, const double *v, size_t d,
                              const double shift[2], double *out)
{
    double most, along = 0;
    const double root = norm_of(y, d, shift[0], &most);
    memset(out, 0, d * sizeof *out);
    if (root == 0) return; /* x is kept there */
    for (size_t i = 0; i < d; i++) along += (y[i] - shift[0]) / most / root * (v[i] - shift[1]);
    for (size_t i = 0; i < d; i++) {
        const double direction = (y[i] - shift[0]) / most / root;
        out[i] = radius * ((v[i] - shift[1] - direction * along) / most / root);
    }
}

static void ball_apply(double gain, const double *y, size_t d, double *x)
{
    sphere_apply(gain, y, d, 0, x);
}

static double ball_energy(double gain, const double *x, size_t d)
{
    double most;
    const double root = norm_of(x, d, 0, &most);
    return most * root <= gain * (1 + EGI_DOMAIN_SLACK) ? 0 : INFINITY;
}

static void ball_derivative(double gain, const double *y, const double *v, size_t d, double *out)
{
    sphere_derivative(gain, y, v, d, (const double[2]){ 0, 0 }, out);
}

static void layernorm_apply(double gain, const double *y, size_t d, double *x)
{
    sphere_apply(gain * sqrt((double)d), y, d, mean_of(y, d), x);
}

static double layernorm_energy(double gain, const double *x, size_t d)
{
    if (!(fabs(mean_of(x, d)) <= gain * EGI_DOMAIN_SLACK)) return INFINITY;
    return ball_energy(gain * sqrt((double)d), x, d);
}

static void layernorm_derivative(double gain, const double *y, const double *v, size_t d,
                                 double *out)
{
    const double shift[2] = { mean_of(y, d), mean_of(v, d) };
    sphere_derivative(gain * sqrt((double)d), y, v, d, shift, out);
}

static void threshold_apply(double gain, const double *y, size_t d, double *x)
{
    for (size_t i = 0; i < d; i++) x[i] = y[i] > gain;
}

static double threshold_energy(double gain, const double *x, size_t d)
{
    double sum = 0;
    for (size_t i = 0; i < d; i++) {
        if (!(x[i] >= 0 && x[i] <= 1)) return INFINITY;
        sum += x[i];
    }
    return gain * sum;
}

static const struct projection rows[EG_PROJ_COUNT] = {
    [EG_PROJ_IDENTITY] = { { "identity", "x = y;  Psi = |x|^2/2", "",
                             "Ramsauer et al. 2021, eqs. 2, 3", "" },
                           0,
                           identity_apply,
                           identity_energy,
                           identity_derivative },
    [EG_PROJ_SIGN] = { { "sign", "x = sign y, 0 keeps x;  Psi = 0 on [-1,1]^D", "",
                         "Hopfield 1982; Krotov and Hopfield 2021, model A", "" },
                       EGI_PROJ_INDICATOR | EGI_PROJ_BINARY | EGI_PROJ_SPHERE,
                       sign_apply,
                       sign_energy,
                       flat_derivative },
    [EG_PROJ_TANH] = { { "tanh",
                         "x = tanh(gain y);  Psi = sum (log 2 - H((1+x)/2))/gain, H in nats", "",
                         "Hopfield 1984, eq. 7", "gain" },
                       0,
                       tanh_apply,
                       tanh_energy,
                       tanh_derivative },
    [EG_PROJ_BALL] = { { "ball", "x = gain y/|y|;  Psi = 0 on |x| <= gain", "",
                         "Santos et al. 2024, l2 normalisation; Krotov and Hopfield 2021, model C",
                         "gain" },
                       EGI_PROJ_INDICATOR | EGI_PROJ_SPHERE,
                       ball_apply,
                       ball_energy,
                       ball_derivative },
    [EG_PROJ_LAYERNORM] = { { "layernorm",
                              "x = gain (y - mean)/sqrt(var);  Psi = 0 on mean x = 0, |x| <= "
                              "gain sqrt D",
                              "", "Santos et al. 2024, layer normalisation", "gain" },
                            EGI_PROJ_INDICATOR | EGI_PROJ_SPHERE,
                            layernorm_apply,
                            layernorm_energy,
                            layernorm_derivative },
    [EG_PROJ_THRESHOLD] = { { "threshold", "x = 1 if y > gain else 0;  Psi = gain sum x on [0,1]^D",
                              "", "Hopfield 1982, eq. 1; Willshaw et al. 1969", "gain" },
                            EGI_PROJ_BINARY | EGI_PROJ_GAIN_ANY,
                            threshold_apply,
                            threshold_energy,
                            flat_derivative },
};

unsigned egi_projection_flags(eg_projection row)
{
    return rows[row].flags;
}

static const eg_row_info *info_at(int row)
{
    return row >= 0 && row < EG_PROJ_COUNT ? &rows[row].info : NULL;
}

const eg_row_info *eg_projection_info(eg_projection row)
{
    return info_at((int)row);
}

int eg_projection_find(const char *name)
{
    static const struct egi_synonym synonyms[] = {
        { "none", EG_PROJ_IDENTITY },    { "l2", EG_PROJ_BALL },
        { "sphere", EG_PROJ_BALL },      { "layer-norm", EG_PROJ_LAYERNORM },
        { "binary", EG_PROJ_THRESHOLD }, { NULL, -1 },
    };
    return egi_table_find(name, info_at, EG_PROJ_COUNT, synonyms);
}

static eg_status check(const eg_rule *rule, const double *in, size_t d, const void *out)
{
    EGI_TRY(eg_rule_check(rule));
    if (in == NULL || out == NULL || d == 0)
        return egi_fail(EG_ERR_INVALID, "projection: NULL argument, or no components");
    for (size_t i = 0; i < d; i++)
        if (!isfinite(in[i]))
            return egi_fail(EG_ERR_INVALID, "projection: component %zu = %g", i, in[i]);
    return EG_OK;
}

eg_status eg_projection_apply(const eg_rule *rule, const double *y, size_t d, double *x)
{
    EGI_TRY(check(rule, y, d, x));
    rows[rule->projection].apply(rule->gain, y, d, x);
    return EG_OK;
}

eg_status eg_projection_energy(const eg_rule *rule, const double *x, size_t d, double *energy)
{
    EGI_TRY(check(rule, x, d, energy));
    *energy = rows[rule->projection].energy(rule->gain, x, d);
    return EG_OK;
}

eg_status eg_projection_derivative(const eg_rule *rule, const double *y, const double *v, size_t d,
                                   double *out)
{
    EGI_TRY(check(rule, y, d, out));
    if (v == NULL) return egi_fail(EG_ERR_INVALID, "eg_projection_derivative: v: NULL");
    rows[rule->projection].derivative(rule->gain, y, v, d, out);
    return EG_OK;
}
