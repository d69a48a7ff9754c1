/* One look at a memory: a step, an energy, a read-out, an association. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "memory/egi_recall.h"

struct looking {
    const eg_memory *m;
    const float *x;
    float *y; /* (Q, D) pulls, then the next states */
    const struct egi_pull *pull;
    double *work; /* (workers, 2 D) */
    eg_status *status;
};

static void step_body(void *arg, size_t q, size_t worker)
{
    const struct looking *l = arg;
    const size_t d = l->m->d;
    l->status[q] = egi_next_state(l->m, l->x + q * d, l->y + q * d, &l->pull[q], NULL,
                                  l->work + worker * 2 * d, l->y + q * d);
}

eg_status eg_memory_step(const eg_memory *m, const float *x, size_t q, int threads, float *next)
{
    EGI_TRY(egi_check_states(m, x, q, next, "eg_memory_step"));
    if (q == 0) return EG_OK;
    size_t cells, work;
    EGI_TRY(egi_mul_size(q, m->d, &cells));
    EGI_TRY(egi_mul_size((size_t)egi_thread_count(threads), 2 * m->d, &work));
    const struct egi_need needs[] = { { cells, sizeof(float) },
                                      { q, sizeof(struct egi_pull) },
                                      { work, sizeof(double) },
                                      { q, sizeof(eg_status) } };
    struct egi_arena arena;
    EGI_TRY(egi_arena_create(m->alloc, needs, EGI_COUNT(needs), "eg_memory_step", &arena));
    struct looking l = { m, x, arena.part[0], arena.part[1], arena.part[2], arena.part[3] };
    const struct egi_reading own = { NULL, m->d, egi_is_mean(m), 0, egi_needs_signs(m), NULL };
    eg_status s = m->backend->field(m, x, q, threads, &own, l.y, arena.part[1]);
    const int crew = egi_crew(threads, 16.0 * (double)cells);
    if (s == EG_OK) egi_parallel_workers(q, crew, step_body, &l);
    for (size_t i = 0; i < q && s == EG_OK; i++) s = l.status[i];
    if (s == EG_OK) memcpy(next, l.y, cells * sizeof *next);
    egi_arena_destroy(&arena);
    return s;
}

eg_status eg_memory_energy(const eg_memory *m, const float *x, size_t q, int threads,
                           double *energy)
{
    EGI_TRY(egi_check_states(m, x, q, energy, "eg_memory_energy"));
    if (q == 0) return EG_OK;
    void *block;
    EGI_TRY(egi_alloc_array(m->alloc, q, sizeof(struct egi_pull), "eg_memory_energy", &block));
    struct egi_pull *pull = block;
    const struct egi_reading own = egi_own(m);
    eg_status s = m->backend->field(m, x, q, threads, &own, NULL, pull);
    for (size_t i = 0; i < q && s == EG_OK; i++)
        if (!isfinite(pull[i].attraction))
            s = egi_fail(EG_ERR_OVERFLOW,
                         "eg_memory_energy: state %zu: the energy exceeds a double; a smaller beta "
                         "(1/D for powers) scales it",
                         i);
    const double constant = egi_energy_constant(m);
    for (size_t i = 0; i < q && s == EG_OK; i++)
        energy[i] = egi_state_energy(m, x + i * m->d, pull[i].attraction, constant);
    egi_free(m->alloc, block, q * sizeof(struct egi_pull));
    return s;
}

eg_status eg_memory_read(const eg_memory *m, const float *x, size_t q, int threads, float *values)
{
    EGI_TRY(egi_check_states(m, x, q, values, "eg_memory_read"));
    const size_t dv = m->options.value_size;
    if (dv == 0) return egi_fail(EG_ERR_UNSUPPORTED, "eg_memory_read: the memory has no values");
    if (q == 0) return EG_OK;
    size_t cells;
    EGI_TRY(egi_mul_size(q, dv, &cells));
    const struct egi_need needs[] = { { cells, sizeof(float) }, { q, sizeof(struct egi_pull) } };
    struct egi_arena arena;
    EGI_TRY(egi_arena_create(m->alloc, needs, EGI_COUNT(needs), "eg_memory_read", &arena));
    float *y = arena.part[0];
    const struct egi_pull *pull = arena.part[1];
    const struct egi_reading values_of = { m->value, dv, 1, 0, 0, NULL };
    const eg_status s = m->backend->field(m, x, q, threads, &values_of, y, arena.part[1]);
    for (size_t i = 0; i < q && s == EG_OK; i++)
        if (pull[i].empty) memset(y + i * dv, 0, dv * sizeof *y);
    if (s == EG_OK) memcpy(values, y, cells * sizeof *values);
    egi_arena_destroy(&arena);
    return s;
}

eg_status eg_memory_associate(const eg_memory *m, const float *x, double *s, double *p)
{
    EGI_TRY(egi_check_states(m, x, 1, x, "eg_memory_associate"));
    if (m->backend->scores == NULL)
        return egi_fail(EG_ERR_UNSUPPORTED, "eg_memory_associate: %s keeps no patterns",
                        m->backend->name);
    const struct egi_need needs[] = { { m->n, sizeof(double) },
                                      { m->n, sizeof(double) },
                                      { m->n, sizeof(double) } };
    struct egi_arena arena;
    EGI_TRY(egi_arena_create(m->alloc, needs, EGI_COUNT(needs), "eg_memory_associate", &arena));
    double *score = arena.part[0], *a = arena.part[1], *weight = arena.part[2], mass = 0;
    for (size_t i = 0; i < m->n; i++) weight[i] = (double)m->weight[i];
    eg_status status = m->backend->scores(m, x, 0, score);
    if (status == EG_OK)
        status = eg_separation_weights(&m->options.rule, score, m->weighted ? weight : NULL, m->n,
                                       a, NULL);
    for (size_t i = 0; status == EG_OK && i < m->n; i++) mass += fabs(a[i]);
    for (size_t i = 0; status == EG_OK && i < m->n; i++) {
        if (s != NULL) s[i] = score[i];
        if (p != NULL) p[i] = mass > 0 ? a[i] / mass : 0;
    }
    egi_arena_destroy(&arena);
    return status;
}
