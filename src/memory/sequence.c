/* Sequences: the association of each pattern points to the pattern stored after it,
 *
 *     S(t+1) = projection( sum_mu a_mu(S(t)) xi^(mu+1) )
 *
 * Chaudhry, Zavatone-Veth, Krotov and Pehlevan 2023, "Long sequence Hopfield memory", eqs. 3
 * to 5. The sum is the back end's own, with the weights moved one place on, so no second copy
 * of the patterns is made. Differs from the paper in: a = dA/ds, so their polynomial of degree d
 * is the separation power of order d + 1, the linear network is identity, and their exponential
 * one is exponential or softmax; the sum over components includes the one being updated. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "memory/egi_recall.h"

struct sequence {
    const eg_memory *m;
    int cyclic, threads;
    double *s, *a; /* (N) similarities, weights */
    double *w;     /* (N) multiplicities */
    double *work;  /* (2 D) */
    float *y;      /* (D) */
};

/* a_mu moves to mu + 1; what leaves at the end comes back at the front, or stays. */
static void point_onward(double *a, size_t n, int cyclic)
{
    const double last = a[n - 1];
    memmove(a + 1, a, (n - 1) * sizeof *a);
    a[0] = 0;
    a[cyclic ? 0 : n - 1] += last;
}

static size_t most_similar(const double *s, size_t n)
{
    size_t best = 0;
    for (size_t i = 1; i < n; i++)
        if (s[i] > s[best]) best = i;
    return best;
}

/* next (D) from the similarities of x (D), which are in k->s. */
static eg_status go_on(const struct sequence *k, const float *x, float *next)
{
    const eg_memory *m = k->m;
    struct egi_pull pull = { 0 };
    EGI_TRY(eg_separation_weights(&m->options.rule, k->s, m->weighted ? k->w : NULL, m->n, k->a,
                                  &pull.log_scale));
    double mass = 0;
    int any = 0;
    for (size_t i = 0; i < m->n; i++) {
        mass += k->a[i];
        any = any || k->a[i] != 0;
    }
    const int mean = egi_is_mean(m);
    pull.empty = mean ? !(mass > 0) : !any;
    if (mean && !pull.empty) {
        for (size_t i = 0; i < m->n; i++) k->a[i] /= mass;
        pull.log_scale = 0;
    }
    point_onward(k->a, m->n, k->cyclic);
    EGI_TRY(m->backend->weighted_sum(m, k->a, egi_needs_signs(m), k->threads, k->y));
    return egi_next_state(m, x, k->y, &pull, NULL, k->work, next);
}

static eg_status follow(const struct sequence *k, const float *cue, size_t steps, float *states,
                        size_t *nearest)
{
    const eg_memory *m = k->m;
    EGI_TRY(m->backend->scores(m, cue, k->threads, k->s));
    for (size_t t = 0; t < steps; t++) {
        float *next = states + t * m->d;
        EGI_TRY(go_on(k, t > 0 ? next - m->d : cue, next));
        EGI_TRY(m->backend->scores(m, next, k->threads, k->s));
        nearest[t] = most_similar(k->s, m->n);
    }
    return EG_OK;
}

eg_status eg_memory_sequence(const eg_memory *m, const float *cue, int cyclic, size_t steps,
                             int threads, float *states, size_t *nearest)
{
    EGI_TRY(egi_check_states(m, cue, 1, steps > 0 ? (const void *)states : (const void *)cue,
                             "eg_memory_sequence"));
    if (m->backend->scores == NULL)
        return egi_fail(EG_ERR_UNSUPPORTED, "eg_memory_sequence: %s keeps no patterns",
                        m->backend->name);
    if (steps == 0) return EG_OK;
    size_t cells;
    EGI_TRY(egi_mul_size(steps, m->d, &cells));
    const struct egi_need needs[] = {
        { m->n, sizeof(double) },     { m->n, sizeof(double) }, { m->n, sizeof(double) },
        { m->d, 2 * sizeof(double) }, { m->d, sizeof(float) },  { cells, sizeof(float) },
        { steps, sizeof(size_t) },
    };
    struct egi_arena arena;
    EGI_TRY(egi_arena_create(m->alloc, needs, EGI_COUNT(needs), "eg_memory_sequence", &arena));
    const struct sequence k = { m,
                                cyclic,
                                threads,
                                arena.part[0],
                                arena.part[1],
                                arena.part[2],
                                arena.part[3],
                                arena.part[4] };
    for (size_t i = 0; i < m->n; i++) k.w[i] = (double)m->weight[i];
    const eg_status s = follow(&k, cue, steps, arena.part[5], arena.part[6]);
    if (s == EG_OK) memcpy(states, arena.part[5], cells * sizeof *states);
    if (s == EG_OK && nearest != NULL) memcpy(nearest, arena.part[6], steps * sizeof *nearest);
    egi_arena_destroy(&arena);
    return s;
}
