/* The weighted median: component j of the new state minimises sum_i a_i |x_j - xi_ij|, whose
 * negative is the linearised attraction of Manhattan similarity. With a_i >= 0 the energy
 * -A(s(x)) of a convex A cannot rise (docs/associations.md). Of an interval of minimisers the
 * lower end is taken. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdlib.h>

#include "memory/egi_recall.h"

struct weighted {
    float value;
    double weight;
};

static int compare_values(const void *a, const void *b)
{
    const float x = ((const struct weighted *)a)->value, y = ((const struct weighted *)b)->value;
    return (x > y) - (x < y);
}

/* Items with weight 0 are left out before. */
static float median_of(struct weighted *item, size_t n, double total)
{
    double below = 0;
    qsort(item, n, sizeof *item, compare_values);
    for (size_t i = 0; i < n; i++) {
        below += item[i].weight;
        if (below >= total / 2) return item[i].value;
    }
    return item[n - 1].value;
}

struct scratch {
    double *s;              /* (N) scores */
    double *a;              /* (N) weights of the pull */
    double *weight;         /* (N) multiplicities */
    struct weighted *items; /* (N) */
};

static eg_status median_query(const eg_memory *m, const struct scratch *at, const float *x,
                              int threads, float *y, struct egi_pull *pull)
{
    const eg_rule *rule = &m->options.rule;
    const double *weight = m->weighted ? at->weight : NULL, *a = at->a;
    EGI_TRY(m->backend->scores(m, x, threads, at->s));
    EGI_TRY(eg_separation_energy(rule, at->s, weight, m->n, &pull->attraction));
    EGI_TRY(eg_separation_weights(rule, at->s, weight, m->n, at->a, NULL));
    const float *xi = m->backend->rows(m);
    double total = 0;
    for (size_t i = 0; i < m->n; i++) total += a[i];
    pull->empty = !(total > 0);
    pull->rounding = 16 * 0x1p-53 * (double)m->n * fabs(pull->attraction);
    for (size_t j = 0; j < m->d && !pull->empty; j++) {
        size_t n = 0;
        for (size_t i = 0; i < m->n; i++)
            if (a[i] > 0) at->items[n++] = (struct weighted){ xi[i * m->d + j], a[i] };
        y[j] = median_of(at->items, n, total);
    }
    return EG_OK;
}

eg_status egi_median_field(const eg_memory *m, const float *x, size_t q, int threads, float *y,
                           struct egi_pull *pull)
{
    const struct egi_need needs[] = { { m->n, sizeof(double) },
                                      { m->n, sizeof(double) },
                                      { m->n, sizeof(double) },
                                      { m->n, sizeof(struct weighted) } };
    struct egi_arena arena;
    EGI_TRY(egi_arena_create(m->alloc, needs, EGI_COUNT(needs), "median", &arena));
    const struct scratch at = { arena.part[0], arena.part[1], arena.part[2], arena.part[3] };
    for (size_t i = 0; i < m->n; i++) at.weight[i] = (double)m->weight[i];
    eg_status s = EG_OK;
    for (size_t i = 0; i < q && s == EG_OK; i++) {
        pull[i] = (struct egi_pull){ 0 };
        s = median_query(m, &at, x + i * m->d, threads, y + i * m->d, &pull[i]);
    }
    egi_arena_destroy(&arena);
    return s;
}
