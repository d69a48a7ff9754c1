/* The certificate of a recall: what the state that came to rest is, and what is proved of it.
 *
 * kind       Ramsauer et al. 2021, section 2: one memory, a metastable mixture, the average of
 *            all; by the mass of the association, whose entries are |a_i| / sum |a|. Of powers
 *            (classical too) the mass says little: one memory is then a cosine of at least 0.9
 *            with it, and of at most -0.9 its mirror image where the energy has those.
 * exact      The margin condition: beta (s_i - max s_j) >= m at the state, beyond the rounding
 *            of the scores, returns memory i to the bit in one step (Santos et al. 2024, prop. 2;
 *            a memory of multiplicity above 1 needs less, below 1 it is not claimed). Compact
 *            support: memory i alone within sqrt(2/beta) (Hoover et al. 2025, thm. 1), whatever its
 *            multiplicity.
 * bound      Theorem 5 of Ramsauer et al.: |f(x) - xi_i| <= 2 (N-1) M exp(-beta (Delta_i - 2 M
 *            max(|x - xi_i|, |x* - xi_i|))), at a state that has come to rest, x = x*. With
 *            multiplicities N - 1 becomes sum_{j != i} w_j / w_i: a multiplicity is a number of
 *            copies, and those of memory i itself pull to it.
 *
 * Where recall went by way of an index, so does its certificate: what it looks at is what carries
 * mass. The number of memories that do, and the gap, are then the worst that the rest allows. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "assoc/egi_assoc.h"
#include "memory/egi_recall.h"

#define NEAR_OVERLAP 0.9 /* "is the memory", where the mass says little */

struct certifying {
    const eg_memory *m;
    const float *x;                  /* (Q, D) */
    const struct egi_run *run;       /* (Q) */
    const struct egi_router *router; /* NULL: all memories are looked at */
    double error;                    /* of routed recall */
    const double *weight;            /* (N) or NULL */
    double *scratch;                 /* (workers, 2 N) */
    float *pattern;                  /* (workers, D) */
    eg_certificate *out;             /* (Q) */
    eg_status *status;               /* (Q) */
    int lyapunov, threads;           /* threads: for one query */
};

static int descending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x < y) - (x > y);
}

/* Smallest number of entries of p (N) that carry EGI_CARRIED; where they do not, of all that are
 * not 0. Reorders p. */
static size_t mass_size(double *p, size_t n)
{
    size_t positive = 0;
    double carried = 0;
    for (size_t i = 0; i < n; i++) {
        if (p[i] >= EGI_CARRIED) return 1;
        if (p[i] > 0) p[positive++] = p[i];
    }
    qsort(p, positive, sizeof *p, descending);
    for (size_t k = 0; k < positive; k++) {
        carried += p[k];
        if (carried >= EGI_CARRIED * (1 - 1e-12)) return k + 1;
    }
    return positive;
}

/* Powers of the scores: the mass of many small ones says little of the few that decide. */
static int is_polynomial(const eg_rule *r)
{
    const int transform = egi_separation_row(r->separation)->transform;
    return transform == EGI_TRANSFORM_POWER || transform == EGI_TRANSFORM_RECTIFIED;
}

/* Energies that x and -x share: even in scores that change sign with x. */
static int is_mirrored(const eg_rule *r)
{
    const int odd = r->similarity == EG_SIM_DOT || r->similarity == EG_SIM_COSINE
                    || r->similarity == EG_SIM_HAMMING;
    return odd
           && (r->separation == EG_SEP_IDENTITY
               || (r->separation == EG_SEP_POWER && fmod(r->order, 2) == 0));
}

/* First index of the largest score but that of `but` (N: of all). N where none is left. */
static size_t largest(const double *s, size_t n, size_t but)
{
    size_t best = n;
    for (size_t i = 0; i < n; i++)
        if (i != but && (best == n || s[i] > s[best])) best = i;
    return best;
}

/* s_i minus the largest of the others; +inf for a single memory. */
static double lead(const double *s, size_t n, size_t i)
{
    const size_t other = largest(s, n, i);
    return other < n ? s[i] - s[other] : INFINITY;
}

/* Whether every memory has its equal share of the mass p (N), within a factor of two. */
static int is_even(const eg_memory *m, const double *p)
{
    for (size_t i = 0; i < m->n; i++) {
        const double share = p[i] * m->weight_sum / (double)m->weight[i];
        if (!(share >= 0.5 && share <= 2)) return 0;
    }
    return 1;
}

static int same_state(const float *a, const float *b, size_t d)
{
    for (size_t j = 0; j < d; j++)
        if (a[j] != b[j]) return 0;
    return 1;
}

static double distance(const float *a, const float *b, size_t d)
{
    double sum = 0;
    for (size_t j = 0; j < d; j++)
        sum += ((double)a[j] - (double)b[j]) * ((double)a[j] - (double)b[j]);
    return sqrt(sum);
}

/* Whether one step from this state gives memory i to the bit, whatever else is stored. */
static int one_step_exact(const eg_memory *m, const float *x, double weight, double best,
                          double ahead)
{
    const eg_rule *r = &m->options.rule;
    const double slack = 2 * m->backend->score_error(m, x);
    if (r->projection != EG_PROJ_IDENTITY) return 0;
    if (r->separation == EG_SEP_LSR || r->separation == EG_SEP_EPANECHNIKOV)
        return r->similarity == EG_SIM_EUCLIDEAN && 1 + r->beta * (best - slack) > 0
               && 1 + r->beta * (best - ahead + slack) < 0;
    if (weight < 1 && r->separation != EG_SEP_MAX) return 0;
    if ((r->separation == EG_SEP_TOPK || r->separation == EG_SEP_KSUBSETS) && r->k != 1) return 0;
    return ahead > slack && r->beta * (ahead - slack) >= eg_separation_margin(r);
}

static double theorem5(const eg_memory *m, const float *x, const float *pattern, double weight,
                       double gap)
{
    const eg_rule *r = &m->options.rule;
    if (r->separation != EG_SEP_SOFTMAX || r->similarity != EG_SIM_DOT
        || r->projection != EG_PROJ_IDENTITY)
        return NAN;
    const double M = m->backend->max_norm(m), others = (m->weight_sum - weight) / weight;
    if (m->n == 1) return 0;
    const double room = gap - 2 * M * distance(x, pattern, m->d);
    return room > 0 ? 2 * others * M * exp(-r->beta * room) : INFINITY;
}

static eg_fixed_point kind_of(const struct certifying *k, const eg_certificate *c,
                              const struct egi_run *run, int even)
{
    const eg_memory *m = k->m;
    if (!run->converged || run->empty) return EG_FIXED_NONE;
    if (c->exact) return EG_FIXED_MEMORY;
    if (is_mirrored(&m->options.rule) && c->overlap <= -NEAR_OVERLAP) return EG_FIXED_MIRROR;
    if (is_polynomial(&m->options.rule))
        return c->overlap >= NEAR_OVERLAP ? EG_FIXED_MEMORY : EG_FIXED_METASTABLE;
    if (c->mass_size == 1) return EG_FIXED_MEMORY;
    return even ? EG_FIXED_GLOBAL : EG_FIXED_METASTABLE;
}

/* How x stands to all memories, whose similarities may be known (N). s: (N) scratch. */
static eg_status stand_among_all(const struct certifying *k, const float *x, size_t of,
                                 const float *known, double *s, struct egi_standing *t)
{
    const eg_memory *m = k->m;
    const size_t n = m->n;
    double *p = t->mass, mass = 0;
    const int mirrored = of == n && is_mirrored(&m->options.rule);
    if (known == NULL) EGI_TRY(m->backend->scores(m, x, k->threads, s));
    for (size_t i = 0; known != NULL && i < n; i++) s[i] = (double)known[i];
    if (of == n) EGI_TRY(eg_separation_weights(&m->options.rule, s, k->weight, n, p, NULL));
    for (size_t i = 0; i < n && of == n; i++) mass += fabs(p[i]);
    for (size_t i = 0; i < n && of == n; i++) p[i] = mass > 0 ? fabs(p[i]) / mass : 0;
    for (size_t i = 0; mirrored && i < n; i++) s[i] = fabs(s[i]);
    t->nearest = of == n ? largest(s, n, n) : of;
    t->best = s[t->nearest];
    t->lead = lead(s, n, t->nearest);
    t->even = of == n && is_even(m, p);
    t->known = n;
    return EG_OK;
}

/* The same by way of the index, where there is one and it can tell. */
static eg_status stand(const struct certifying *k, const float *x, size_t of, const float *known,
                       double *s, struct egi_standing *t)
{
    const eg_status found =
        k->router != NULL ? k->router->stand(k->router, k->m, k->error, x, of, t) : EG_NOT_FOUND;
    return found == EG_NOT_FOUND ? stand_among_all(k, x, of, known, s, t) : found;
}

static eg_status certify_patterns(const struct certifying *k, const float *x,
                                  const struct egi_run *run, double *scratch, float *pattern,
                                  eg_certificate *c)
{
    const eg_memory *m = k->m;
    struct egi_standing t = { .mass = scratch + m->n };
    const float *known = run->pull.scored ? run->scores : NULL;
    EGI_TRY(stand(k, x, m->n, known, scratch, &t));
    const int even = t.even;
    c->nearest = t.nearest;
    c->nearest_id = m->id[c->nearest];
    const double weight = (double)m->weight[c->nearest];
    m->backend->get(m, c->nearest, pattern);
    c->overlap = eg_similarity_value(EG_SIM_COSINE, x, pattern, m->d);
    c->mass_size = mass_size(t.mass, t.known);
    c->exact = same_state(x, pattern, m->d);
    c->exact_proved = c->exact && one_step_exact(m, x, weight, t.best, t.lead);
    EGI_TRY(stand(k, pattern, c->nearest, c->exact ? known : NULL, scratch, &t));
    c->gap = t.lead;
    c->error_bound = run->converged ? theorem5(m, x, pattern, weight, c->gap) : NAN;
    c->kind = kind_of(k, c, run, even);
    return EG_OK;
}

static eg_status certify(const struct certifying *k, size_t q, double *scratch, float *pattern)
{
    const eg_memory *m = k->m;
    const struct egi_run *run = &k->run[q];
    eg_certificate c = { .converged = run->converged,
                         .lyapunov = k->lyapunov,
                         .descended = run->descended,
                         .steps = run->steps,
                         .energy_before = run->before,
                         .energy_after = run->last,
                         .energy_error = fmax(run->rounding, run->most_rounding),
                         .kind = run->converged ? EG_FIXED_SPURIOUS : EG_FIXED_NONE,
                         .nearest = m->n,
                         .overlap = NAN,
                         .gap = NAN,
                         .error_bound = NAN };
    if (m->backend->scores != NULL)
        EGI_TRY(certify_patterns(k, k->x + q * m->d, run, scratch, pattern, &c));
    k->out[q] = c;
    return EG_OK;
}

static void certify_body(void *arg, size_t q, size_t worker)
{
    const struct certifying *k = arg;
    k->status[q] = certify(k, q, k->scratch + worker * 2 * k->m->n, k->pattern + worker * k->m->d);
}

eg_status egi_certify(const eg_memory *m, const eg_recall_options *options, const float *x,
                      size_t q, const struct egi_run *run, eg_certificate *certificates)
{
    const size_t workers = (size_t)egi_thread_count(options->threads);
    size_t strips, patterns;
    EGI_TRY(egi_mul_size(2 * workers, m->n, &strips));
    EGI_TRY(egi_mul_size(workers, m->d, &patterns));
    const struct egi_need needs[] = { { strips, sizeof(double) },
                                      { patterns, sizeof(float) },
                                      { m->n, sizeof(double) },
                                      { q, sizeof(eg_status) } };
    struct egi_arena arena;
    EGI_TRY(egi_arena_create(m->alloc, needs, EGI_COUNT(needs), "certificates", &arena));
    double *weight = arena.part[2];
    for (size_t i = 0; m->weighted && i < m->n; i++) weight[i] = (double)m->weight[i];
    struct certifying k = { .m = m,
                            .router = (const struct egi_router *)(const void *)options->routed,
                            .error = fmin(options->routed_error, 1 - EGI_CARRIED),
                            .x = x,
                            .run = run,
                            .weight = m->weighted ? weight : NULL,
                            .scratch = arena.part[0],
                            .pattern = arena.part[1],
                            .out = certificates,
                            .status = arena.part[3],
                            .lyapunov = eg_memory_lyapunov(m, options, NULL),
                            .threads = q == 1 ? options->threads : 1 };
    const double work = 2 * (double)q * (double)(m->n * m->d);
    egi_parallel_workers(q, egi_crew(options->threads, work), certify_body, &k);
    eg_status s = EG_OK;
    for (size_t i = 0; i < q && s == EG_OK; i++) s = k.status[i];
    egi_arena_destroy(&arena);
    return s;
}
