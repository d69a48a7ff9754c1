/* The capacity laboratory: draw patterns, store them, corrupt some of them, recall, compare.
 *
 * Trial t of a set of patterns is a cue made from pattern t mod N: patterns are independent, so
 * which one is asked for is no matter, and each is asked for before one is asked for twice.
 * Trials of one set share its patterns and are not independent; standard errors are therefore
 * those of the mean over the sets, or of independent trials when there is a single set.
 *
 * Set r takes the seed of draw r of stream STREAM_SETS, so a cell of a table does not change
 * when another is added. "Unstable" counts the components of the exact pattern whose sign one
 * synchronous step changes: what the closed forms of theory call the error of one step. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "base/egi_base.h"
#include "engram/capacity.h"
#include "engram/random.h"

enum { STREAM_SETS = 0x53455453 }; /* "SETS" */

/* Sums over cues of what the result reports as means. */
struct tally {
    double cues, recovered, overlap, overlap2, nearest, wrong, unstable, steps, converged, exact;
};

struct lab {
    const eg_capacity_options *o;
    eg_recall_options recall;
    size_t most;                  /* trials of a set, at most */
    float *patterns;              /* (N, D) */
    float *target, *state;        /* (most, D) */
    eg_certificate *certificates; /* (most) */
    double *recovered, *overlap;  /* (draws) means of each set */
    struct tally all;
};

static size_t signs_that_differ(const float *a, const float *b, size_t d)
{
    size_t n = 0;
    for (size_t j = 0; j < d; j++) n += (a[j] < 0) != (b[j] < 0);
    return n;
}

static double nearest_overlap(const struct lab *l, const eg_certificate *c, const float *state)
{
    if (c->nearest < l->o->n) return c->overlap;
    double best = -1; /* the memory keeps no patterns, but the laboratory does */
    for (size_t i = 0; i < l->o->n; i++)
        best = fmax(best,
                    eg_similarity_value(EG_SIM_COSINE, l->patterns + i * l->o->d, state, l->o->d));
    return best;
}

static void count_trial(const struct lab *l, size_t t, struct tally *sum)
{
    const size_t d = l->o->d;
    const float *target = l->target + t * d, *state = l->state + t * d;
    const eg_certificate *c = &l->certificates[t];
    const double overlap = eg_similarity_value(EG_SIM_COSINE, target, state, d);
    sum->cues += 1;
    sum->recovered += overlap >= l->o->threshold;
    sum->overlap += overlap;
    sum->overlap2 += overlap * overlap;
    sum->nearest += nearest_overlap(l, c, state);
    sum->wrong += (double)signs_that_differ(target, state, d) / (double)d;
    sum->steps += (double)c->steps;
    sum->converged += c->converged;
    sum->exact += memcmp(target, state, d * sizeof *target) == 0;
}

/* One set of patterns, in memory m, which is empty. */
static eg_status measure_set(struct lab *l, eg_memory *m, size_t r, size_t trials)
{
    const eg_capacity_options *o = l->o;
    uint32_t w[4];
    egi_philox(o->seed, STREAM_SETS, r, w);
    const uint64_t seed = (uint64_t)w[1] << 32 | w[0];
    EGI_TRY(eg_patterns_draw(o->patterns, o->radius, seed, o->n, o->d, l->patterns));
    EGI_TRY(eg_memory_add(m, l->patterns, o->n, NULL));
    for (size_t t = 0; t < trials; t++)
        memcpy(l->target + t * o->d, l->patterns + t % o->n * o->d, o->d * sizeof *l->target);
    struct tally sum = { 0 };
    EGI_TRY(eg_memory_step(m, l->target, trials, l->recall.threads, l->state));
    sum.unstable = (double)signs_that_differ(l->target, l->state, trials * o->d) / (double)o->d;
    EGI_TRY(eg_patterns_corrupt(o->corruption, o->amount, seed, l->target, trials, o->d, l->state));
    EGI_TRY(eg_memory_recall(m, l->state, trials, &l->recall, l->state, l->certificates));
    for (size_t t = 0; t < trials; t++) count_trial(l, t, &sum);
    l->recovered[r] = sum.recovered / sum.cues;
    l->overlap[r] = sum.overlap / sum.cues;
    double *const to = (double *)&l->all;
    const double *const from = (const double *)&sum;
    for (size_t k = 0; k < sizeof sum / sizeof(double); k++) to[k] += from[k];
    return EG_OK;
}

/* Of the mean of n numbers. */
static double standard_error(const double *x, size_t n)
{
    double mean = 0, square = 0;
    for (size_t i = 0; i < n; i++) mean += x[i];
    mean /= (double)n;
    for (size_t i = 0; i < n; i++) square += (x[i] - mean) * (x[i] - mean);
    return sqrt(square / (double)(n - 1) / (double)n);
}

static eg_capacity_result result_of(const struct lab *l, size_t draws)
{
    const struct tally *a = &l->all;
    const double n = a->cues, p = a->recovered / n, mean = a->overlap / n;
    const double spread = fmax(0, a->overlap2 / n - mean * mean); /* of a trial */
    return (eg_capacity_result){
        .recovered = p,
        .recovered_error = draws > 1 ? standard_error(l->recovered, draws) : sqrt(p * (1 - p) / n),
        .overlap = mean,
        .overlap_error = draws > 1 ? standard_error(l->overlap, draws) : sqrt(spread / n),
        .nearest = a->nearest / n,
        .bit_error = a->wrong / n,
        .unstable = a->unstable / n,
        .steps = a->steps / n,
        .converged = a->converged / n,
        .exact = a->exact / n,
    };
}

static eg_status measure(struct lab *l, size_t draws)
{
    const eg_capacity_options *o = l->o;
    for (size_t r = 0; r < draws; r++) {
        EGI_TRY(egi_report(o->recall.progress, "capacity", r, draws));
        eg_memory *m = NULL;
        EGI_TRY(eg_memory_create(o->d, &o->memory, &m));
        const size_t trials = o->trials / draws + (r < o->trials % draws);
        const eg_status s = measure_set(l, m, r, trials);
        eg_memory_destroy(m);
        EGI_TRY(s);
    }
    return egi_report(o->recall.progress, "capacity", draws, draws);
}

static eg_status check(const eg_capacity_options *o, const eg_capacity_result *result)
{
    if (o == NULL || result == NULL)
        return egi_fail(EG_ERR_INVALID, "eg_capacity_measure: %s is NULL",
                        o == NULL ? "options" : "result");
    if (o->size != sizeof *o)
        return egi_fail(EG_ERR_INVALID, "eg_capacity_options: size %zu, expected %zu", o->size,
                        sizeof *o);
    if (o->d == 0 || o->n == 0 || o->trials == 0 || o->draws == 0)
        return egi_fail(
            EG_ERR_INVALID,
            "eg_capacity_options: d = %zu, n = %zu, trials = %zu, draws = %zu, expected "
            ">= 1",
            o->d, o->n, o->trials, o->draws);
    if (!(o->threshold >= -1 && o->threshold <= 1))
        return egi_fail(EG_ERR_INVALID,
                        "eg_capacity_options: threshold = %g, expected an overlap in [-1, 1]",
                        o->threshold);
    if (o->memory.value_size != 0)
        return egi_fail(EG_ERR_UNSUPPORTED, "eg_capacity_options: memories with values");
    if (o->recall.clamp != NULL || o->recall.trace != NULL || o->recall.path != NULL)
        return egi_fail(EG_ERR_INVALID,
                        "eg_capacity_options: clamp, trace and path belong to cues; give NULL");
    return EG_OK;
}

eg_status eg_capacity_measure(const eg_capacity_options *options, eg_capacity_result *result)
{
    EGI_TRY(check(options, result));
    const eg_capacity_options *o = options;
    const size_t draws = o->draws < o->trials ? o->draws : o->trials;
    struct lab l = { .o = o, .recall = o->recall, .most = (o->trials + draws - 1) / draws };
    l.recall.progress = NULL; /* progress is by sets */
    size_t stored, cues;
    EGI_TRY(egi_mul_size(o->n, o->d, &stored));
    EGI_TRY(egi_mul_size(l.most, o->d, &cues));
    const struct egi_need needs[] = {
        { stored, sizeof(float) },          { cues, sizeof(float) },   { cues, sizeof(float) },
        { l.most, sizeof(eg_certificate) }, { draws, sizeof(double) }, { draws, sizeof(double) },
    };
    struct egi_arena arena;
    const eg_allocator *alloc = o->memory.alloc != NULL ? o->memory.alloc : eg_allocator_default();
    EGI_TRY(egi_arena_create(alloc, needs, EGI_COUNT(needs), "capacity", &arena));
    l.patterns = arena.part[0];
    l.target = arena.part[1];
    l.state = arena.part[2];
    l.certificates = arena.part[3];
    l.recovered = arena.part[4];
    l.overlap = arena.part[5];
    const eg_status s = measure(&l, draws);
    if (s == EG_OK) *result = result_of(&l, draws);
    egi_arena_destroy(&arena);
    return s;
}
