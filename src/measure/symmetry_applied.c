/* A learned symmetry on data: what it gives, and how good it is. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "engram/random.h"
#include "measure/egi_learned_symmetry.h"

enum { STREAM_CHECK = 1 << 21 };

/* Outputs (n, C) of phi, in batches. */
eg_status egi_symmetry_outputs(struct eg_learned_symmetry *s, const eg_tape_function *phi,
                               const float *x, size_t n, float *y)
{
    for (size_t i = 0, b; i < n; i += b) {
        b = n - i < s->o.batch ? n - i : s->o.batch;
        eg_tape_reset(s->t);
        const eg_var in = eg_input(s->t, EG_F32, &eg_shape_of(b, s->d), x + i * s->d);
        const float *v = eg_tape_value(s->t, phi->apply(phi->user, s->t, in));
        if (v == NULL) return eg_tape_status(s->t);
        memcpy(y + i * phi->outputs, v, b * phi->outputs * sizeof *y);
    }
    return EG_OK;
}

/* Sum over outputs of their variance over y (n, c). */
double egi_symmetry_variance(const float *y, size_t n, size_t c)
{
    double sum = 0;
    for (size_t k = 0; k < c; k++) {
        double mean = 0;
        for (size_t i = 0; i < n; i++) mean += (double)y[i * c + k] / (double)n;
        for (size_t i = 0; i < n; i++) {
            const double off = (double)y[i * c + k] - mean;
            sum += off * off / (double)n;
        }
    }
    return sum;
}

eg_status egi_symmetry_check(const struct eg_learned_symmetry *s, const eg_tape_function *phi,
                             size_t n)
{
    if (phi->apply == NULL)
        return egi_fail(EG_ERR_UNSUPPORTED, "a function that is not one of a tape, expected a "
                                            "network of layers");
    if (phi->inputs != s->d || phi->outputs == 0)
        return egi_fail(EG_ERR_SHAPE, "a function of %zu inputs, %zu outputs; the map has %zu",
                        phi->inputs, phi->outputs, s->d);
    return n > 0 ? EG_OK : egi_fail(EG_ERR_INVALID, "no examples");
}

/* ---- apply ---- */

static eg_status check_x(const struct eg_learned_symmetry *s, const float *x, size_t n)
{
    for (size_t i = 0; i < n * s->d; i++)
        if (!isfinite(x[i]))
            return egi_fail(EG_ERR_INVALID, "example %zu, input %zu is %g", i / s->d, i % s->d,
                            (double)x[i]);
    return EG_OK;
}

/* L of x (b, D) on a tape that is reset, b up to the batch; z (b, K). */
static eg_var pass(struct eg_learned_symmetry *s, const float *x, size_t b, const float *z,
                   eg_var *in, eg_var *by)
{
    eg_tape_reset(s->t);
    egi_symmetry_leaves(s->t, &s->map, 0);
    *in = eg_input(s->t, EG_F32, &eg_shape_of(b, s->d), x);
    *by = eg_input(s->t, EG_F32, &eg_shape_of(b, s->o.generators), z);
    return egi_symmetry_moved(s, *in, *by);
}

static eg_status apply(struct eg_learned_symmetry *s, const float *x, size_t n, const float *z,
                       double first, float *y)
{
    const size_t k = s->o.generators;
    eg_var in, by;
    for (size_t i = 0, b; i < n; i += b) {
        b = n - i < s->o.batch ? n - i : s->o.batch;
        for (size_t j = 0; j < b * k; j++)
            s->z[j] = z != NULL ? z[i * k + j] : j % k == 0 ? (float)first : 0;
        const float *v = eg_tape_value(s->t, pass(s, x + i * s->d, b, s->z, &in, &by));
        if (v == NULL) return eg_tape_status(s->t);
        memcpy(y + i * s->d, v, b * s->d * sizeof *y);
    }
    return EG_OK;
}

eg_status eg_learned_symmetry_apply(eg_learned_symmetry *s, const float *x, size_t n,
                                    const float *z, float *y)
{
    EGI_TRY(check_x(s, x, n));
    return apply(s, x, n, z, 1, y);
}

eg_status eg_learned_symmetry_orbit(eg_learned_symmetry *s, const float *x, size_t n, double t,
                                    size_t steps, float *orbit)
{
    EGI_TRY(check_x(s, x, n));
    for (size_t i = 0; i < n; i++) {
        float *at = orbit + i * (steps + 1) * s->d;
        memcpy(at, x + i * s->d, s->d * sizeof *at);
        for (size_t k = 1; k <= steps; k++) {
            const float *from = s->row->draws ? at : at + (k - 1) * s->d;
            EGI_TRY(apply(s, from, 1, NULL, t * (double)k, at + k * s->d));
        }
    }
    return EG_OK;
}

/* ---- check ---- */

struct sums {
    double change, same, far, right, value, back, moved;
};

static double softplus(double v)
{
    return v > 0 ? v + log1p(exp(-v)) : log1p(exp(v));
}

static size_t largest(const float *v, size_t n)
{
    size_t at = 0;
    for (size_t i = 1; i < n; i++)
        if (v[i] > v[at]) at = i;
    return at;
}

static double apart(const float *a, const float *b, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        const double by = (double)a[i] - (b != NULL ? (double)b[i] : 0);
        sum += by * by;
    }
    return sum;
}

/* The critic's score (b) of x and of what is moved, into the sums. */
static void judge(const float *of_data, const float *of_moved, size_t b, struct sums *out)
{
    for (size_t i = 0; i < b; i++) {
        const double f = (double)of_data[i], g = (double)of_moved[i];
        out->right += 0.25 * ((f > 0) + (f >= 0) + (g < 0) + (g <= 0));
        out->value -= softplus(-f) + softplus(g);
    }
}

static eg_status check_batch(struct eg_learned_symmetry *s, const eg_tape_function *phi,
                             const float *x, size_t b, struct sums *out)
{
    eg_tape *t = s->t;
    const size_t d = s->d, c = phi->outputs;
    eg_var in, by;
    const eg_var y = pass(s, x, b, s->z, &in, &by), back = egi_symmetry_moved(s, y, by);
    egi_symmetry_leaves(t, &s->critic, 0);
    const eg_var was = phi->apply(phi->user, t, in), is = phi->apply(phi->user, t, y);
    const eg_var f = egi_symmetry_judged(s, in), g = egi_symmetry_judged(s, y);
    const float *v[6] = { eg_tape_value(t, y),  eg_tape_value(t, back), eg_tape_value(t, was),
                          eg_tape_value(t, is), eg_tape_value(t, f),    eg_tape_value(t, g) };
    EGI_TRY(eg_tape_status(t));
    for (size_t i = 0; i < b; i++) {
        const double length = apart(x + i * d, NULL, d), far = apart(v[0] + i * d, x + i * d, d);
        out->change += apart(v[3] + i * c, v[2] + i * c, c);
        out->same += largest(v[3] + i * c, c) == largest(v[2] + i * c, c);
        out->far += length > 0 ? sqrt(far / length) : 0;
        out->moved += far;
        out->back += apart(v[1] + i * d, x + i * d, d);
    }
    judge(v[4], v[5], b, out);
    return EG_OK;
}

eg_status eg_learned_symmetry_check(eg_learned_symmetry *s, const eg_tape_function *phi,
                                    const float *x, size_t n, eg_learned_symmetry_result *out)
{
    struct sums sum = { 0 };
    const size_t k = s->o.generators;
    const double all = (double)n;
    void *block;
    EGI_TRY(egi_symmetry_check(s, phi, n));
    EGI_TRY(check_x(s, x, n));
    EGI_TRY(egi_alloc_array(s->alloc, n, phi->outputs * sizeof(float), "symmetry", &block));
    float *y = block;
    eg_status status = egi_symmetry_outputs(s, phi, x, n, y);
    const double variance = status == EG_OK ? egi_symmetry_variance(y, n, phi->outputs) : 0;
    egi_free(s->alloc, y, n * phi->outputs * sizeof(float));
    for (size_t i = 0, b; i < n && status == EG_OK; i += b) {
        b = n - i < s->o.batch ? n - i : s->o.batch;
        eg_random_normal(s->o.seed, STREAM_CHECK, i * k, b * k, s->z);
        for (size_t j = 0; j < b * k; j++) s->z[j] *= (float)s->o.range;
        status = check_batch(s, phi, x + i * s->d, b, &sum);
    }
    if (status != EG_OK) return status;
    *out = (eg_learned_symmetry_result){ .invariance = sum.change / all / variance,
                                         .agreement = sum.same / all,
                                         .moved = sum.far / all,
                                         .accuracy = sum.right / all,
                                         .value = sum.value / all,
                                         .involution = sum.back / sum.moved };
    return EG_OK;
}
