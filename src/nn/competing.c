/* The learning rule of competing hidden units (Krotov and Hopfield 2019, "Unsupervised learning
 * by competing hidden units", eqs. 3 and 10, in the form of the authors' fast implementation).
 *
 * With <X, Y> = sum_i |W_i|^(p-2) X_i Y_i of a unit, I = <W, v>. Units are ranked by I for each
 * example; g = 1 for the first, -delta for the k-th, 0 else:
 *     dW = sum over the batch of g (v - I W),     W <- W + eps dW / max |dW|
 * with the maximum over all units. A unit that learns comes to |W|_p = 1. Nothing but v, I and W
 * of the unit itself enters, and its rank among the others.
 *
 * All but 2 B of the H B numbers g are 0: dW is a sum over those, not a matrix product. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "kernel/egi_kernel_gemm.h"
#include "nn/egi_local.h"

enum { UNITS = 16, EXAMPLES = 8 }; /* of a unit of work */

static const float guard = 1e-30f; /* `prec` of the authors' code */

struct rule {
    const struct egi_local_settings *o;
    struct egi_local *s;
    size_t b;
    float by;
};

static size_t end_of(size_t block, size_t size, size_t n)
{
    return block * size + size < n ? block * size + size : n;
}

static void make_slopes(void *arg, size_t block)
{
    const struct rule *r = arg;
    struct egi_local *s = r->s;
    const size_t from = block * UNITS * s->d, to = end_of(block, UNITS, s->h) * s->d;
    for (size_t i = from; i < to; i++) {
        float w = s->units[i];
        const float size = fabsf(w);
        for (size_t e = 2; e < r->o->p; e++) w *= size;
        s->slope[i] = w;
    }
}

/* The first and the k-th of the overlaps of an example, by a list of the k largest so far: almost
 * every unit is compared with the last of the list alone. Of equals the earlier unit is first. */
static void rank(const float *u, size_t h, size_t k, int32_t *winner)
{
    int32_t list[EGI_LOCAL_RANKS_MAX] = { 0 };
    size_t have = 0;
    for (size_t i = 0; i < h; i++) {
        if (have == k && !(u[i] > u[list[k - 1]])) continue;
        size_t at = have < k ? have++ : k - 1;
        for (; at > 0 && u[i] > u[list[at - 1]]; at--) list[at] = list[at - 1];
        list[at] = (int32_t)i;
    }
    winner[0] = list[0];
    winner[1] = list[k - 1];
}

/* sum_i |W_i|^p of the unit that wins, for the energy. */
static double mass(const struct rule *r, size_t unit)
{
    const float *w = r->s->units + unit * r->s->d, *slope = r->s->slope + unit * r->s->d;
    double sum = 0;
    for (size_t i = 0; i < r->s->d; i++) sum += (double)w[i] * (double)slope[i];
    return sum;
}

static void rank_examples(void *arg, size_t block)
{
    const struct rule *r = arg;
    struct egi_local *s = r->s;
    const double p = (double)r->o->p;
    for (size_t i = block * EXAMPLES; i < end_of(block, EXAMPLES, r->b); i++) {
        const float *u = s->u + i * s->h;
        int32_t *winner = s->winners + 2 * i;
        rank(u, s->h, r->o->k, winner);
        s->err[i] = 0;
        for (int which = 0; which < 2; which++) {
            const size_t unit = (size_t)winner[which];
            const double size = pow(mass(r, unit), (p - 1) / p);
            const double g = which == 0 ? 1 : -r->o->delta;
            s->err[i] -= size > 0 ? g * (double)u[unit] / size : 0;
        }
    }
}

/* dW of a unit into its row of slopes, examples in order; whether anything happened to it. */
static int change_unit(const struct rule *r, size_t unit)
{
    const struct egi_local *s = r->s;
    float *dw = s->slope + unit * s->d;
    const float *w = s->units + unit * s->d;
    double pull = 0; /* sum g I */
    int touched = 0;
    for (size_t i = 0; i < r->b; i++)
        for (int which = 0; which < 2; which++) {
            if ((size_t)s->winners[2 * i + (size_t)which] != unit) continue;
            const float g = which == 0 ? 1 : -(float)r->o->delta;
            const float *x = s->x + i * s->d;
            for (size_t j = 0; j < s->d; j++) dw[j] = (touched ? dw[j] : 0) + g * x[j];
            pull += (double)g * (double)s->u[i * s->h + unit];
            touched = 1;
        }
    if (!touched) return 0;
    for (size_t j = 0; j < s->d; j++) dw[j] -= (float)pull * w[j];
    return 1;
}

static void change_units(void *arg, size_t block)
{
    const struct rule *r = arg;
    struct egi_local *s = r->s;
    for (size_t unit = block * UNITS; unit < end_of(block, UNITS, s->h); unit++) {
        s->most[unit] = -1;
        if (!change_unit(r, unit)) continue;
        float most = 0;
        for (size_t j = 0; j < s->d; j++) {
            const float size = fabsf(s->slope[unit * s->d + j]);
            if (!(size <= most)) most = isnan(most) ? most : size;
        }
        s->most[unit] = most;
    }
}

static void apply(void *arg, size_t block)
{
    const struct rule *r = arg;
    struct egi_local *s = r->s;
    for (size_t unit = block * UNITS; unit < end_of(block, UNITS, s->h); unit++) {
        if (s->most[unit] < 0) continue;
        float *w = s->units + unit * s->d;
        const float *dw = s->slope + unit * s->d;
        for (size_t j = 0; j < s->d; j++) w[j] += r->by * dw[j];
    }
}

eg_status egi_local_rule(struct eg_learner *l, size_t b, double rate, double *energy)
{
    struct egi_local *s = l->own;
    struct rule r = { l->settings, s, b, 0 };
    const size_t blocks = (s->h + UNITS - 1) / UNITS;
    const int crew = egi_crew(l->threads, (double)s->h * (double)s->d);
    egi_parallel_for(blocks, crew, make_slopes, &r);
    const struct egi_gemm g = { .m = b,
                                .n = s->h,
                                .k = s->d,
                                .b_is_transposed = 1,
                                .lda = s->d,
                                .ldb = s->d,
                                .ldc = s->h,
                                .alpha = 1 };
    egi_gemm_f32(&g, s->x, s->slope, s->u, l->threads);
    egi_parallel_for((b + EXAMPLES - 1) / EXAMPLES, crew, rank_examples, &r);
    egi_parallel_for(blocks, crew, change_units, &r);
    float most = 0;
    for (size_t unit = 0; unit < s->h; unit++) {
        if (!isfinite(s->most[unit]))
            return egi_fail(EG_ERR_DIVERGED, "local: units[%zu]: its change is %g, not a number",
                            unit, (double)s->most[unit]);
        if (s->most[unit] > most) most = s->most[unit];
    }
    r.by = (float)rate / (most < guard ? guard : most);
    egi_parallel_for(blocks, crew, apply, &r);
    *energy = 0;
    for (size_t i = 0; i < b; i++) *energy += s->err[i] / (double)b;
    return EG_OK;
}
