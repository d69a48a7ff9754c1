/* The association by strips: all N scores of one query, then the separation in double, then
 * the weighted sum. O(N) scratch a thread. What the fused kernel does not stream (entmax,
 * normmax, k-subsets, top-k, max; Manhattan and Hamming; packed bits) takes this way. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "memory/egi_memory.h"

struct strip_job {
    const eg_memory *m;
    const float *x;       /* (Q, D) */
    const double *weight; /* (N) or NULL */
    struct egi_reading reading;
    int threads;
    float *y;              /* (Q, DV) or NULL */
    struct egi_pull *pull; /* (Q) */
    double *scratch;       /* (workers, 2 N + DV) */
    eg_status *status;     /* (Q) */
};

static void sum_values(const struct strip_job *j, const double *a, double *sum, float *y)
{
    const size_t dv = j->reading.dv;
    for (size_t c = 0; c < dv; c++) sum[c] = -0.0; /* -0 + v is v, to the bit */
    for (size_t i = 0; i < j->m->n; i++) {
        if (a[i] == 0) continue;
        const float *v = j->reading.values + i * dv;
        for (size_t c = 0; c < dv; c++) sum[c] += a[i] * (double)v[c];
    }
    for (size_t c = 0; c < dv; c++) y[c] = (float)sum[c];
}

/* The attraction of scores s with weights a, and the bound on its rounding. */
static eg_status attract(const struct strip_job *j, const float *x, const double *s,
                         const double *a, struct egi_pull *p)
{
    const eg_memory *m = j->m;
    const eg_status energy =
        eg_separation_energy(&m->options.rule, s, j->weight, m->n, &p->attraction);
    if (energy == EG_ERR_OVERFLOW)
        p->attraction = INFINITY;
    else
        EGI_TRY(energy);
    double magnitude = 0;
    for (size_t i = 0; i < m->n; i++) magnitude += fabs(a[i]);
    p->rounding = magnitude * exp(p->log_scale) * m->backend->score_error(m, x)
                  + 8 * 0x1p-53 * (double)m->n * fabs(p->attraction);
    return EG_OK;
}

/* a becomes shares of their sum: the weight of one memory alone is then exactly 1. */
static void normalise(double *a, size_t n, struct egi_pull *p)
{
    double mass = 0;
    for (size_t i = 0; i < n; i++) mass += a[i];
    p->empty = !(fabs(mass) > 0);
    if (p->empty) return;
    for (size_t i = 0; i < n; i++) a[i] /= mass;
    p->log_scale = 0;
}

static eg_status strip_query(const struct strip_job *j, size_t q, double *scratch)
{
    const eg_memory *m = j->m;
    const float *x = j->x + q * m->d;
    double *s = scratch, *a = s + m->n, *sum = a + m->n;
    struct egi_pull p = { 0 };
    EGI_TRY(m->backend->scores(m, x, j->threads, s));
    EGI_TRY(eg_separation_weights(&m->options.rule, s, j->weight, m->n, a, &p.log_scale));
    if (j->reading.energy) EGI_TRY(attract(j, x, s, a, &p));
    if (j->reading.mean) normalise(a, m->n, &p);
    j->pull[q] = p;
    if (j->y == NULL) return EG_OK;
    float *y = j->y + q * j->reading.dv;
    if (j->reading.values == NULL)
        return m->backend->weighted_sum(m, a, j->reading.signs, j->threads, y);
    sum_values(j, a, sum, y);
    return EG_OK;
}

static void strip_body(void *arg, size_t q, size_t worker)
{
    const struct strip_job *j = arg;
    j->status[q] = strip_query(j, q, j->scratch + worker * (2 * j->m->n + j->reading.dv));
}

static eg_status strip_run(struct strip_job *j, size_t q, int threads)
{
    const eg_memory *m = j->m;
    const eg_allocator *alloc = m->alloc;
    /* Many queries share the threads; a single one gets them all for its own sums. */
    const int outer = q > 1 ? egi_crew(threads, (double)q * (double)(m->n * m->d)) : 1;
    j->threads = q > 1 ? 1 : threads;
    const size_t workers = (size_t)egi_thread_count(outer);
    size_t strip, cells;
    EGI_TRY(egi_mul_size(m->n, 2, &strip));
    EGI_TRY(egi_add_size(strip, j->reading.dv, &strip));
    EGI_TRY(egi_mul_size(strip, workers, &cells));
    void *scratch = NULL, *status = NULL;
    EGI_TRY(egi_alloc_array(alloc, cells, sizeof(double), "association: strip", &scratch));
    eg_status s = egi_alloc_array(alloc, q, sizeof *j->status, "association: statuses", &status);
    if (s == EG_OK) {
        j->scratch = scratch;
        j->status = status;
        egi_parallel_workers(q, outer, strip_body, j);
        for (size_t i = 0; i < q && s == EG_OK; i++) s = j->status[i];
    }
    egi_free(alloc, status, q * sizeof *j->status);
    egi_free(alloc, scratch, cells * sizeof(double));
    return s;
}

eg_status egi_strip_field(const eg_memory *m, const float *x, size_t q, int threads,
                          const struct egi_reading *reading, float *y, struct egi_pull *pull)
{
    struct strip_job j = { .m = m, .x = x, .reading = *reading, .y = y, .pull = pull };
    if (!m->weighted) return strip_run(&j, q, threads);
    void *block;
    EGI_TRY(egi_alloc_array(m->alloc, m->n, sizeof(double), "association: weights", &block));
    double *weight = block;
    for (size_t i = 0; i < m->n; i++) weight[i] = (double)m->weight[i];
    j.weight = weight;
    const eg_status s = strip_run(&j, q, threads);
    egi_free(m->alloc, block, m->n * sizeof(double));
    return s;
}
