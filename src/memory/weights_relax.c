/* Asynchronous updates under weights: component j takes the value of lower energy, by
 *
 *     E(x_j = high) - E(x_j = low) = -h_j (high - low) - W_jj (high^2 - low^2) / 2
 *                                    + Psi(high) - Psi(low),   h_j = sum_{k != j} W_jk x_k
 *
 * For +-1 the diagonal drops out; for 0 and 1 it does not. A difference within the bound on its
 * rounding error is a tie, and a tie keeps the component. h (D) is computed at the start of a
 * sweep, and a change of one component is then added to it: D work an update. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <float.h>
#include <string.h>

#include "memory/egi_relax.h"
#include "memory/egi_weights.h"

struct relaxing {
    const eg_memory *m;
    const struct egi_weights *k;
    const struct egi_relax *relax;
    float *x;      /* (D) */
    double *h;     /* (D) fields of the others, before the scale */
    double *bound; /* (D) on the rounding error of h during this sweep */
    float low, high;
    double gain;        /* Psi(high) - Psi(low), in the units of h */
    double last, slack; /* energy at the end of the last sweep, and the bound on its error */
};

static void begin_sweep(struct relaxing *r)
{
    const size_t d = r->m->d;
    for (size_t i = 0; i < d; i++) {
        const double *row = r->k->sum + i * d;
        double mass = 0;
        for (size_t j = 0; j < d; j++)
            mass += (fabs(row[j]) + r->k->noise) * fmax(1, fabs((double)r->x[j]));
        r->h[i] = egi_weights_others(row, r->x, d, i).sum;
        r->bound[i] = 2 * (double)d * DBL_EPSILON * mass; /* D terms and at most D changes */
    }
}

/* What component j gains by its better value *best; 0 when it keeps its own. */
static double consider(const struct relaxing *r, size_t j, float *best)
{
    const float now = r->x[j];
    const double low = (double)r->low, high = (double)r->high;
    const double own = r->m->options.self_coupling ? r->k->sum[j * r->m->d + j] : 0;
    const double rise = -r->h[j] * (high - low) - own * (high * high - low * low) / 2 + r->gain;
    *best = rise > 0 ? r->low : r->high;
    if (now != r->low && now != r->high) return INFINITY; /* a cue outside the states chooses */
    if (*best != now && fabs(rise) > r->bound[j] * (high - low)) return fabs(rise);
    *best = now;
    return 0;
}

static void set_component(struct relaxing *r, size_t j, float value)
{
    const double change = (double)value - (double)r->x[j];
    const double *row = r->k->sum + j * r->m->d; /* the column, by symmetry */
    const double own = r->h[j];
    for (size_t i = 0; i < r->m->d; i++) r->h[i] += row[i] * change;
    r->h[j] = own;
    r->x[j] = value;
}

static int clamped(const struct relaxing *r, size_t j)
{
    return r->relax->clamp != NULL && r->relax->clamp[j] != 0;
}

static int sweep(struct relaxing *r, const size_t *order)
{
    int changed = 0;
    begin_sweep(r);
    for (size_t t = 0; t < r->m->d; t++) {
        float best;
        if (clamped(r, order[t]) || consider(r, order[t], &best) == 0) continue;
        set_component(r, order[t], best);
        changed = 1;
    }
    return changed;
}

/* D times the component that gains most, or fewer when none gains. */
static int steepest_sweep(struct relaxing *r)
{
    begin_sweep(r);
    for (size_t t = 0; t < r->m->d; t++) {
        size_t where = 0;
        float best, value = 0;
        double most = 0;
        for (size_t j = 0; j < r->m->d; j++) {
            const double gain = clamped(r, j) ? 0 : consider(r, j, &best);
            if (!(gain > most)) continue;
            where = j;
            value = best;
            most = gain;
        }
        if (most == 0) return t > 0;
        set_component(r, where, value);
    }
    return 1;
}

static eg_status record(struct relaxing *r, size_t t, struct egi_relaxed *result)
{
    const size_t d = r->m->d;
    struct egi_pull pull;
    const struct egi_reading own = { NULL, d, 0, 1, 0, NULL };
    EGI_TRY(r->m->backend->field(r->m, r->x, 1, 1, &own, NULL, &pull));
    const double energy = egi_state_energy(r->m, r->x, pull.attraction, 0);
    if (t > 1 && energy > r->last + pull.rounding + r->slack) result->descended = 0;
    r->last = energy;
    r->slack = pull.rounding;
    if (r->relax->trace != NULL) r->relax->trace[t] = energy;
    if (r->relax->path != NULL) memcpy(r->relax->path + t * d, r->x, d * sizeof *r->x);
    return EG_OK;
}

static eg_status run(struct relaxing *r, size_t *order, struct egi_relaxed *result)
{
    const eg_recall_options *o = r->relax->options;
    EGI_TRY(record(r, 0, result));
    for (size_t t = 0; t < o->max_steps; t++) {
        int changed;
        if (o->order == EG_ORDER_STEEPEST) {
            changed = steepest_sweep(r);
        } else {
            egi_sweep_order(o, r->m->d, t, order);
            changed = sweep(r, order);
        }
        if (!changed) {
            result->converged = 1;
            return EG_OK;
        }
        result->steps = t + 1;
        EGI_TRY(record(r, t + 1, result));
    }
    return EG_OK;
}

eg_status egi_relax_weights(const eg_memory *m, const struct egi_relax *relax, float *x,
                            struct egi_relaxed *result)
{
    const eg_rule *rule = &m->options.rule;
    struct relaxing r = { .m = m, .k = m->store, .relax = relax, .x = x };
    EGI_TRY(egi_binary_values(rule, &r.low, &r.high));
    r.gain = rule->projection == EG_PROJ_THRESHOLD ? rule->gain / r.k->scale : 0;
    void *block, *order;
    EGI_TRY(egi_alloc_array(m->alloc, 2 * m->d, sizeof(double), "asynchronous recall", &block));
    const eg_status got =
        egi_alloc_array(m->alloc, m->d, sizeof(size_t), "asynchronous recall", &order);
    r.h = block;
    r.bound = r.h + m->d;
    *result = (struct egi_relaxed){ .descended = 1 };
    const eg_status s = got == EG_OK ? run(&r, order, result) : got;
    if (got == EG_OK) egi_free(m->alloc, order, m->d * sizeof(size_t));
    egi_free(m->alloc, block, 2 * m->d * sizeof(double));
    return s;
}
