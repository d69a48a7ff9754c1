/* Asynchronous updates over the scores of all patterns: component j takes the value of lower
 * energy, by the exact difference
 *
 *     E(x_j = high) - E(x_j = low) = A(s low) - A(s high) + Psi(high) - Psi(low)
 *
 * and not by the induced field dE/dx_j; the two differ by the self-coupling terms (Krotov and
 * Hopfield 2016, eq. 3). No update raises E, for every A, convex or not. A tie keeps the
 * component. Each similarity is a sum over components, of <xi,x>, |x - xi|^2, |x - xi|_1 or
 * agreeing signs; r (N) holds these sums in double, and a component's change is added to them. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "engram/random.h"
#include "memory/egi_relax.h"
#include "memory/egi_rule.h"

enum { STREAM_SWEEP = 0x53574550 }; /* "SWEP": sweep t draws from stream STREAM_SWEEP + t */

eg_status egi_binary_values(const eg_rule *rule, float *low, float *high)
{
    if (rule->projection != EG_PROJ_SIGN && rule->projection != EG_PROJ_THRESHOLD)
        return egi_fail(EG_ERR_UNSUPPORTED,
                        "asynchronous recall moves binary states: projection %s, expected sign or "
                        "threshold",
                        eg_projection_info(rule->projection)->name);
    *low = rule->projection == EG_PROJ_SIGN ? -1.0f : 0.0f;
    *high = 1.0f;
    return EG_OK;
}

void egi_sweep_order(const eg_recall_options *options, size_t d, size_t t, size_t *order)
{
    if (options->order == EG_ORDER_RANDOM) {
        eg_random_permutation(options->seed, STREAM_SWEEP + t, d, order);
        return;
    }
    for (size_t j = 0; j < d; j++) order[j] = j;
}

/* One component's term of the sum behind a similarity. */
static double term(eg_similarity sim, double xi, double x)
{
    switch (sim) {
    case EG_SIM_EUCLIDEAN:
        return -(x - xi) * (x - xi) / 2;
    case EG_SIM_MANHATTAN:
        return -fabs(x - xi);
    case EG_SIM_HAMMING:
        return (xi < 0) == (x < 0) ? 1 : -1;
    default:
        return xi * x; /* dot, and cosine before its norms */
    }
}

struct relaxing {
    const eg_memory *m;
    const struct egi_relax *relax;
    const double *weight; /* (N) or NULL */
    const float *xi;      /* (N, D) */
    float *x;             /* (D) */
    double *r;            /* (N) sums */
    double *s;            /* (N) scores of a trial */
    double *norm;         /* (N) |xi| */
    double x_norm2;
    float low, high;
    int threshold; /* Psi = gain sum x counts */
    double last;   /* energy at the last sweep's end */
};

/* Energy with component j at value v instead of x[j]; j = D: the state as it is. */
static eg_status trial_energy(struct relaxing *k, size_t j, float v, double *energy)
{
    const eg_memory *m = k->m;
    const eg_rule *rule = &m->options.rule;
    const eg_similarity sim = rule->similarity;
    const double from = j < m->d ? (double)k->x[j] : 0, to = (double)v;
    const double norm2 = j < m->d ? k->x_norm2 + to * to - from * from : k->x_norm2;
    for (size_t i = 0; i < m->n; i++) {
        double s = k->r[i];
        if (j < m->d) {
            const double xi = (double)k->xi[i * m->d + j];
            s += term(sim, xi, to) - term(sim, xi, from);
        }
        const double norms = k->norm[i] * sqrt(norm2 > 0 ? norm2 : 0);
        k->s[i] = sim != EG_SIM_COSINE ? s : norms > 0 ? s / norms : 0;
    }
    double attraction;
    EGI_TRY(eg_separation_energy(rule, k->s, k->weight, m->n, &attraction));
    *energy = -attraction;
    if (k->threshold && j < m->d) *energy += rule->gain * to;
    return EG_OK;
}

static void set_component(struct relaxing *k, size_t j, float v)
{
    const eg_memory *m = k->m;
    const eg_similarity sim = m->options.rule.similarity;
    const double from = (double)k->x[j], to = (double)v;
    for (size_t i = 0; i < m->n; i++) {
        const double xi = (double)k->xi[i * m->d + j];
        k->r[i] += term(sim, xi, to) - term(sim, xi, from);
    }
    k->x_norm2 += to * to - from * from;
    k->x[j] = v;
}

/* What component j gains by its better value; *best is that value. */
static eg_status consider(struct relaxing *k, size_t j, float *best, double *gain)
{
    double low, high;
    EGI_TRY(trial_energy(k, j, k->low, &low));
    EGI_TRY(trial_energy(k, j, k->high, &high));
    const float now = k->x[j];
    if (now != k->low && now != k->high) { /* a cue outside the states: it must choose */
        *best = low < high ? k->low : k->high;
        *gain = INFINITY;
        return EG_OK;
    }
    const double here = now == k->low ? low : high, there = now == k->low ? high : low;
    *best = there < here ? (now == k->low ? k->high : k->low) : now;
    *gain = there < here ? here - there : 0;
    return EG_OK;
}

static int clamped(const struct relaxing *k, size_t j)
{
    return k->relax->clamp != NULL && k->relax->clamp[j] != 0;
}

static eg_status sweep(struct relaxing *k, const size_t *order, int *changed)
{
    for (size_t t = 0; t < k->m->d; t++) {
        const size_t j = order[t];
        if (clamped(k, j)) continue;
        float best;
        double gain;
        EGI_TRY(consider(k, j, &best, &gain));
        if (best == k->x[j]) continue;
        set_component(k, j, best);
        *changed = 1;
    }
    return EG_OK;
}

/* D times the component that gains most, or fewer when none gains. */
static eg_status steepest_sweep(struct relaxing *k, int *changed)
{
    for (size_t t = 0; t < k->m->d; t++) {
        size_t where = k->m->d;
        float value = 0;
        double most = 0;
        for (size_t j = 0; j < k->m->d; j++) {
            float best;
            double gain;
            if (clamped(k, j)) continue;
            EGI_TRY(consider(k, j, &best, &gain));
            if (!(gain > most)) continue;
            where = j;
            value = best;
            most = gain;
        }
        if (where == k->m->d) return EG_OK;
        set_component(k, where, value);
        *changed = 1;
    }
    return EG_OK;
}

static eg_status record(struct relaxing *k, size_t t, struct egi_relaxed *result)
{
    double energy;
    EGI_TRY(trial_energy(k, k->m->d, 0, &energy));
    if (k->threshold)
        for (size_t j = 0; j < k->m->d; j++) energy += k->m->options.rule.gain * (double)k->x[j];
    if (t > 1 && energy > k->last + 1e-12 * fabs(k->last)) result->descended = 0;
    k->last = energy;
    if (k->relax->trace != NULL) k->relax->trace[t] = energy;
    if (k->relax->path != NULL) memcpy(k->relax->path + t * k->m->d, k->x, k->m->d * sizeof *k->x);
    return EG_OK;
}

static eg_status run(struct relaxing *k, size_t *order, struct egi_relaxed *result)
{
    const eg_recall_options *o = k->relax->options;
    EGI_TRY(record(k, 0, result));
    for (size_t t = 0; t < o->max_steps; t++) {
        int changed = 0;
        if (o->order == EG_ORDER_STEEPEST) {
            EGI_TRY(steepest_sweep(k, &changed));
        } else {
            egi_sweep_order(o, k->m->d, t, order);
            EGI_TRY(sweep(k, order, &changed));
        }
        if (!changed) {
            result->converged = 1;
            return EG_OK;
        }
        result->steps = t + 1;
        EGI_TRY(record(k, t + 1, result));
    }
    return EG_OK;
}

static void prepare(struct relaxing *k, double *weight)
{
    const eg_memory *m = k->m;
    for (size_t i = 0; i < m->n; i++) {
        const float *xi = k->xi + i * m->d;
        double sum = 0, norm2 = 0;
        for (size_t j = 0; j < m->d; j++) {
            sum += term(m->options.rule.similarity, (double)xi[j], (double)k->x[j]);
            norm2 += (double)xi[j] * (double)xi[j];
        }
        k->r[i] = sum;
        k->norm[i] = sqrt(norm2);
        weight[i] = (double)m->weight[i];
    }
    for (size_t j = 0; j < m->d; j++) k->x_norm2 += (double)k->x[j] * (double)k->x[j];
}

eg_status egi_relax_scores(const eg_memory *m, const struct egi_relax *relax, float *x,
                           struct egi_relaxed *result)
{
    struct relaxing k = { .m = m, .relax = relax, .x = x, .xi = relax->rows };
    if (k.xi == NULL) k.xi = m->backend->rows(m);
    EGI_TRY(egi_binary_values(&m->options.rule, &k.low, &k.high));
    k.threshold =
        m->options.rule.projection == EG_PROJ_THRESHOLD && egi_rule_has_psi(&m->options.rule);
    const struct egi_need needs[] = { { m->n, sizeof(double) },
                                      { m->n, sizeof(double) },
                                      { m->n, sizeof(double) },
                                      { m->n, sizeof(double) },
                                      { m->d, sizeof(size_t) } };
    struct egi_arena arena;
    EGI_TRY(egi_arena_create(m->alloc, needs, EGI_COUNT(needs), "asynchronous recall", &arena));
    k.r = arena.part[0];
    k.s = arena.part[1];
    k.norm = arena.part[2];
    k.weight = m->weighted ? arena.part[3] : NULL;
    prepare(&k, arena.part[3]);
    *result = (struct egi_relaxed){ .descended = 1 };
    const eg_status s = run(&k, arena.part[4], result);
    egi_arena_destroy(&arena);
    return s;
}
