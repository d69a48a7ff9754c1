/* Recall: iterate each state until it rests. Queries that have come to rest leave the batch;
 * what a query gets depends on it alone, because field and projection do (R1).
 *
 * Synchronous family (one field of the whole batch an update): sync, damped, concave-convex.
 * Per-query family (a relaxation of its own): asynchronous sweeps, gradient flows. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <float.h>
#include <math.h>
#include <string.h>

#include "memory/egi_recall.h"
#include "memory/egi_relax.h"

/* ---- checks ---- */

static eg_status check_options(const eg_recall_options *o)
{
    if (o->size != sizeof *o)
        return egi_fail(EG_ERR_INVALID, "eg_recall_options: size %zu, expected %zu", o->size,
                        sizeof *o);
    if ((unsigned)o->dynamics >= EG_DYN_COUNT)
        return egi_fail(EG_ERR_INVALID, "eg_recall_options: dynamics %d, expected 0..%d",
                        (int)o->dynamics, EG_DYN_COUNT - 1);
    if ((unsigned)o->order > EG_ORDER_STEEPEST)
        return egi_fail(EG_ERR_INVALID, "eg_recall_options: order %d, expected 0..2",
                        (int)o->order);
    if (o->max_steps == 0 || o->max_steps > UINT32_MAX)
        return egi_fail(EG_ERR_INVALID, "eg_recall_options: max_steps = %zu, expected 1..2^32-1",
                        o->max_steps);
    if (!(o->tolerance >= 0) || !isfinite(o->tolerance))
        return egi_fail(EG_ERR_INVALID, "eg_recall_options: tolerance = %g, expected >= 0",
                        o->tolerance);
    if (o->dynamics == EG_DYN_DAMPED && !(o->damping > 0 && o->damping <= 1))
        return egi_fail(EG_ERR_INVALID, "eg_recall_options: damping = %g, expected in (0, 1]",
                        o->damping);
    return EG_OK;
}

static eg_status check_route(const eg_recall_options *o)
{
    if (o->routed == NULL) return EG_OK;
    if (o->dynamics != EG_DYN_SYNC && o->dynamics != EG_DYN_DAMPED)
        return egi_fail(EG_ERR_UNSUPPORTED,
                        "eg_recall_options: routed, with dynamics %d, expected sync or damped",
                        (int)o->dynamics);
    if (!(o->routed_error >= 0) || !isfinite(o->routed_error))
        return egi_fail(EG_ERR_INVALID, "eg_recall_options: routed_error = %g, expected >= 0",
                        o->routed_error);
    return EG_OK;
}

static eg_status check_dynamics(const eg_memory *m, const eg_recall_options *o)
{
    float low, high;
    EGI_TRY(check_route(o));
    if (o->dynamics != EG_DYN_ASYNC) return EG_OK;
    if (m->backend->relax == NULL)
        return egi_fail(EG_ERR_UNSUPPORTED, "asynchronous recall is not defined for %s",
                        m->backend->name);
    return egi_binary_values(&m->options.rule, &low, &high);
}

eg_status egi_check_states(const eg_memory *m, const float *x, size_t q, const void *out,
                           const char *who)
{
    if (m == NULL || (q > 0 && (x == NULL || out == NULL)))
        return egi_fail(EG_ERR_INVALID, "%s: an argument is NULL", who);
    if (m->n == 0 && m->backend->keeps_patterns)
        return egi_fail(EG_ERR_INVALID, "%s: the memory is empty", who);
    size_t cells, bytes;
    EGI_TRY(egi_mul_size(q, m->d, &cells));
    EGI_TRY(egi_mul_size(cells, sizeof *x, &bytes)); /* before any of them is read */
    for (size_t i = 0; i < cells; i++)
        if (!isfinite(x[i]))
            return egi_fail(EG_ERR_INVALID, "%s: state %zu, component %zu: %g", who, i / m->d,
                            i % m->d, (double)x[i]);
    return EG_OK;
}

/* ---- one batch of synchronous updates ---- */

struct batch {
    const eg_memory *m;
    const eg_recall_options *o;
    size_t q;
    float *x;            /* (Q, D) states */
    struct egi_run *run; /* (Q) */
    size_t *active;      /* (Q) queries still moving; the first `moving` of them */
    size_t moving;
    float *from, *pull_to; /* (moving, D) states, and where they are pulled */
    struct egi_pull *pull; /* (moving) */
    double *work;          /* (workers, 2 D) */
    eg_status *status;     /* (moving) */
    struct egi_reading own;
    double constant;
};

/* A state the energy's proof speaks of. Damping moves between states, over their convex hull;
 * so does any update of a dot product. Elsewhere a state is what the projection returns. */
static int in_domain(const eg_memory *m, const eg_recall_options *o, const float *x)
{
    const eg_rule *rule = &m->options.rule;
    const int hull = o->dynamics == EG_DYN_DAMPED || rule->similarity == EG_SIM_DOT;
    /* Into a hull a state may come little by little; what lies on its border is off by f32. */
    const double slack = hull ? 2 * (double)FLT_EPSILON : 1e-5, n = (double)m->d;
    double norm2 = 0, sum = 0, least = INFINITY, most = -INFINITY;
    int binary = 1;
    for (size_t j = 0; j < m->d; j++) {
        const double v = (double)x[j];
        norm2 += v * v;
        sum += v;
        least = fmin(least, v);
        most = fmax(most, v);
        binary &= v == 1 || v == (rule->projection == EG_PROJ_SIGN ? -1 : 0);
    }
    const double size = sqrt(norm2) / rule->gain, rms = sqrt(norm2 / n) / rule->gain;
    switch (rule->projection) {
    case EG_PROJ_SIGN:
        return hull ? least >= -1 && most <= 1 : binary;
    case EG_PROJ_THRESHOLD:
        return hull ? least >= 0 && most <= 1 : binary;
    case EG_PROJ_TANH:
        return least >= -1 && most <= 1;
    case EG_PROJ_BALL:
        return size <= 1 + slack && (hull || size >= 1 - slack);
    case EG_PROJ_LAYERNORM:
        return fabs(sum / n) <= slack * rule->gain && rms <= 1 + slack
               && (hull || rms >= 1 - slack);
    default:
        return 1;
    }
}

/* The energy of x, and what of it may be rounding: that of its attraction and of sums in f64. */
static double energy_of(const eg_memory *m, const float *x, const struct egi_pull *pull,
                        double constant, double *rounding)
{
    const double energy = egi_state_energy(m, x, pull->attraction, constant);
    *rounding =
        pull->rounding + (double)m->d * (DBL_EPSILON / 2) * (fabs(energy) + fabs(pull->attraction));
    return energy;
}

static void note_energy(const eg_memory *m, const eg_recall_options *o, struct egi_run *run,
                        const float *x, const struct egi_pull *pull, double constant)
{
    const size_t t = run->steps;
    double rounding;
    const double energy = energy_of(m, x, pull, constant, &rounding);
    if (run->trace != NULL) run->trace[t] = energy;
    if (run->path != NULL) memcpy(run->path + t * m->d, x, m->d * sizeof *x);
    if (t == 0) {
        run->before = energy;
        run->most_rounding = rounding;
    }
    if (run->in_domain && energy > run->last + rounding + run->rounding) run->descended = 0;
    run->in_domain = in_domain(m, o, x);
    run->last = energy;
    run->rounding = rounding;
}

static void damp(const struct batch *b, const float *x, const uint8_t *clamp, float *next)
{
    const double by = b->o->damping;
    for (size_t j = 0; j < b->m->d; j++)
        if (clamp == NULL || !clamp[j])
            next[j] = (float)((1 - by) * (double)x[j] + by * (double)next[j]);
}

static eg_status update_query(struct batch *b, size_t a, double *work)
{
    const eg_memory *m = b->m;
    const size_t q = b->active[a], d = m->d;
    struct egi_run *run = &b->run[q];
    const float *x = b->from + a * d;
    float *next = b->x + q * d;
    const uint8_t *clamp = b->o->clamp != NULL ? b->o->clamp + q * d : NULL;
    note_energy(m, b->o, run, x, &b->pull[a], b->constant);
    EGI_TRY(egi_next_state(m, x, b->pull_to + a * d, &b->pull[a], clamp, work, next));
    if (b->o->dynamics == EG_DYN_DAMPED) damp(b, x, clamp, next);
    run->rests = memcmp(next, x, d * sizeof *x) == 0;
    run->pull = b->pull[a];
    double change = 0, size = 0;
    for (size_t j = 0; j < d; j++) {
        change += ((double)next[j] - (double)x[j]) * ((double)next[j] - (double)x[j]);
        size += (double)x[j] * (double)x[j];
    }
    const double most = b->o->tolerance * (size > 1 ? sqrt(size) : 1);
    run->converged = sqrt(change) <= most;
    if (change > 0) run->steps++;
    run->empty = b->pull[a].empty;
    return EG_OK;
}

static void update_body(void *arg, size_t a, size_t worker)
{
    struct batch *b = arg;
    b->status[a] = update_query(b, a, b->work + worker * 2 * b->m->d);
}

/* The pull at each of q states x; y may be NULL. */
static eg_status pull_of(const struct batch *b, const float *x, size_t q, float *y)
{
    const eg_recall_options *o = b->o;
    if (o->routed == NULL) return b->m->backend->field(b->m, x, q, o->threads, &b->own, y, b->pull);
    const struct egi_router *router = (const struct egi_router *)(const void *)o->routed;
    return router->field(router, b->m, o, x, q, &b->own, y, b->pull);
}

static int pulled_by_median(const struct batch *b)
{
    const enum egi_update update = egi_rule_update(&b->m->options.rule, b->o->dynamics);
    return update == EGI_UPDATE_MEDIAN && b->m->backend->rows != NULL;
}

static eg_status update_all(struct batch *b)
{
    const eg_memory *m = b->m;
    for (size_t a = 0; a < b->moving; a++)
        memcpy(b->from + a * m->d, b->x + b->active[a] * m->d, m->d * sizeof *b->x);
    if (pulled_by_median(b))
        EGI_TRY(egi_median_field(m, b->from, b->moving, b->o->threads, b->pull_to, b->pull));
    else
        EGI_TRY(pull_of(b, b->from, b->moving, b->pull_to));
    egi_parallel_workers(b->moving, egi_crew(b->o->threads, 16.0 * (double)(b->moving * m->d)),
                         update_body, b);
    size_t still = 0;
    for (size_t a = 0; a < b->moving; a++) {
        EGI_TRY(b->status[a]);
        if (!b->run[b->active[a]].converged) b->active[still++] = b->active[a];
    }
    b->moving = still;
    return EG_OK;
}

static eg_status iterate(struct batch *b)
{
    for (size_t t = 0; t < b->o->max_steps && b->moving > 0; t++) {
        EGI_TRY(egi_report(b->o->progress, "recall", b->q - b->moving, b->q));
        EGI_TRY(update_all(b));
    }
    return egi_report(b->o->progress, "recall", b->q, b->q);
}

/* The energy of where each query has come to rest: over one more field of those that their last
 * update moved, or by the pull that this was by. A median's pull is another than the field's. */
static eg_status settle(struct batch *b)
{
    const eg_memory *m = b->m;
    const int is_field = !pulled_by_median(b);
    size_t moved = 0;
    for (size_t q = 0; q < b->q; q++) {
        if (is_field && b->run[q].rests) continue;
        memcpy(b->from + moved * m->d, b->x + q * m->d, m->d * sizeof *b->x);
        b->active[moved++] = q;
    }
    if (moved > 0) EGI_TRY(pull_of(b, b->from, moved, NULL));
    for (size_t a = 0; a < moved; a++) b->run[b->active[a]].pull = b->pull[a];
    for (size_t q = 0; q < b->q; q++) {
        struct egi_run *run = &b->run[q];
        note_energy(m, b->o, run, b->x + q * m->d, &run->pull, b->constant);
        run->empty = run->pull.empty;
    }
    return EG_OK;
}

static eg_status run_synchronous(const eg_memory *m, const eg_recall_options *o, size_t q, float *x,
                                 struct egi_run *run)
{
    const size_t workers = (size_t)egi_thread_count(o->threads);
    size_t states, work;
    EGI_TRY(egi_mul_size(q, m->d, &states));
    EGI_TRY(egi_mul_size(workers, 2 * m->d, &work));
    const struct egi_need needs[] = {
        { states, sizeof(float) },      { states, sizeof(float) }, { q, sizeof(size_t) },
        { q, sizeof(struct egi_pull) }, { work, sizeof(double) },  { q, sizeof(eg_status) },
    };
    struct egi_arena arena;
    EGI_TRY(egi_arena_create(m->alloc, needs, EGI_COUNT(needs), "recall", &arena));
    struct batch b = { .m = m,
                       .o = o,
                       .q = q,
                       .x = x,
                       .run = run,
                       .moving = q,
                       .from = arena.part[0],
                       .pull_to = arena.part[1],
                       .active = arena.part[2],
                       .pull = arena.part[3],
                       .work = arena.part[4],
                       .status = arena.part[5],
                       .own = egi_own(m),
                       .constant = egi_energy_constant(m) };
    b.own.signs = egi_needs_signs(m);
    b.own.scores = run->scores;
    for (size_t i = 0; i < q; i++) b.active[i] = i;
    eg_status s = iterate(&b);
    if (s == EG_OK) s = settle(&b);
    egi_arena_destroy(&arena);
    return s;
}

/* ---- a relaxation for each query ---- */

struct relaxations {
    const eg_memory *m;
    const eg_recall_options *o;
    float *x;
    struct egi_run *run;
    eg_status *status;
    eg_status (*relax)(const eg_memory *m, const struct egi_relax *relax, float *x,
                       struct egi_relaxed *result);
};

static void relax_body(void *arg, size_t q)
{
    const struct relaxations *r = arg;
    const size_t d = r->m->d;
    struct egi_run *run = &r->run[q];
    const struct egi_relax one = { .options = r->o,
                                   .clamp = r->o->clamp != NULL ? r->o->clamp + q * d : NULL,
                                   .trace = run->trace,
                                   .path = run->path };
    struct egi_relaxed result = { 0 };
    r->status[q] = r->relax(r->m, &one, r->x + q * d, &result);
    run->steps = result.steps;
    run->converged = result.converged;
    run->descended = result.descended;
    if (result.moved) run->before = result.before;
}

/* Energies before and after, where the relaxation does not give them through its trace. */
static eg_status ends(const eg_memory *m, const eg_recall_options *o, const float *x, size_t q,
                      struct egi_run *run, int after)
{
    void *block;
    EGI_TRY(egi_alloc_array(m->alloc, q, sizeof(struct egi_pull), "recall: energies", &block));
    struct egi_pull *pull = block;
    const double constant = egi_energy_constant(m);
    struct egi_reading own = egi_own(m);
    own.scores = run->scores;
    const eg_status s = m->backend->field(m, x, q, o->threads, &own, NULL, pull);
    for (size_t i = 0; i < q && s == EG_OK; i++) {
        const double e = energy_of(m, x + i * m->d, &pull[i], constant, &run[i].rounding);
        *(after ? &run[i].last : &run[i].before) = e;
        if (!after) run[i].most_rounding = run[i].rounding;
        run[i].empty = pull[i].empty;
        run[i].pull = pull[i];
    }
    egi_free(m->alloc, block, q * sizeof(struct egi_pull));
    return s;
}

static eg_status run_relaxations(const eg_memory *m, const eg_recall_options *o, size_t q, float *x,
                                 struct egi_run *run)
{
    const int flow = o->dynamics >= EG_DYN_FLOW_A;
    EGI_TRY(ends(m, o, x, q, run, 0));
    void *block;
    EGI_TRY(egi_alloc_array(m->alloc, q, sizeof(eg_status), "recall: statuses", &block));
    struct relaxations r = { .m = m,
                             .o = o,
                             .x = x,
                             .run = run,
                             .status = block,
                             .relax = flow ? egi_flow : m->backend->relax };
    enum { GROUP = 64 };                                        /* queries between two reports */
    const double work = GROUP * (double)(m->d * (m->n + m->d)); /* of one sweep */
    eg_status s = EG_OK;
    for (size_t from = 0; from < q && s == EG_OK; from += GROUP) {
        const size_t n = q - from < GROUP ? q - from : GROUP;
        struct relaxations part = r;
        part.x += from * m->d;
        part.run += from;
        part.status += from;
        eg_recall_options shifted = *o;
        if (o->clamp != NULL) shifted.clamp = o->clamp + from * m->d;
        part.o = &shifted;
        egi_parallel_for(n, egi_crew(o->threads, work), relax_body, &part);
        for (size_t i = from; i < from + n && s == EG_OK; i++) s = r.status[i];
        if (s == EG_OK) s = egi_report(o->progress, "recall", from + n, q);
    }
    egi_free(m->alloc, block, q * sizeof(eg_status));
    return s == EG_OK ? ends(m, o, x, q, run, 1) : s;
}

/* ---- the call ---- */

static void clear_outputs(const eg_memory *m, const eg_recall_options *o, size_t q,
                          struct egi_run *run)
{
    const size_t rows = o->max_steps + 1;
    for (size_t i = 0; i < q; i++)
        run[i] = (struct egi_run){ .descended = 1,
                                   .trace = o->trace != NULL ? o->trace + i * rows : NULL,
                                   .path = o->path != NULL ? o->path + i * rows * m->d : NULL };
    for (size_t i = 0; o->trace != NULL && i < q * rows; i++) o->trace[i] = NAN;
    for (size_t i = 0; o->path != NULL && i < q * rows * m->d; i++) o->path[i] = NAN;
}

eg_status egi_take_signs(const eg_memory *m, const uint8_t *clamp, float *x)
{
    const size_t d = m->d;
    struct egi_reading own = egi_own(m);
    struct egi_pull pull;
    void *block;
    int unknown = 0;
    own.signs = 1;
    for (size_t j = 0; j < d; j++) {
        if (clamp != NULL && clamp[j]) continue;
        unknown |= x[j] == 0;
        if (x[j] != 0) x[j] = x[j] < 0 ? -1.0f : 1.0f;
    }
    if (!unknown) return EG_OK;
    EGI_TRY(egi_alloc_array(m->alloc, d, sizeof(float), "recall: a pull", &block));
    const float *y = block;
    const eg_status s = m->backend->field(m, x, 1, 1, &own, block, &pull);
    for (size_t j = 0; j < d && s == EG_OK; j++)
        if (x[j] == 0 && (clamp == NULL || !clamp[j])) x[j] = y[j] < 0 ? -1.0f : 1.0f;
    egi_free(m->alloc, block, d * sizeof(float));
    return s;
}

/* Bits keep no other value than +1 and -1. */
static eg_status check_clamps(const eg_memory *m, const eg_recall_options *o, const float *cues,
                              size_t q)
{
    if (o->clamp == NULL || m->options.storage != EG_STORE_BITS) return EG_OK;
    for (size_t i = 0; i < q * m->d; i++)
        if (o->clamp[i] && fabsf(cues[i]) != 1)
            return egi_fail(
                EG_ERR_INVALID,
                "eg_memory_recall: component %zu of cue %zu is %g and clamped, expected "
                "+1 or -1: that is what bits can keep",
                i % m->d, i / m->d, (double)cues[i]);
    return EG_OK;
}

eg_status eg_memory_recall(const eg_memory *m, const float *cues, size_t q,
                           const eg_recall_options *options, float *states,
                           eg_certificate *certificates)
{
    const eg_recall_options defaults = EG_RECALL_OPTIONS_INIT;
    const eg_recall_options *o = options != NULL ? options : &defaults;
    EGI_TRY(check_options(o));
    EGI_TRY(egi_check_states(m, cues, q, states, "eg_memory_recall"));
    EGI_TRY(check_dynamics(m, o));
    EGI_TRY(check_clamps(m, o, cues, q));
    size_t cells, rows;
    EGI_TRY(egi_mul_size(q, m->d, &cells));
    EGI_TRY(egi_mul_size(cells, o->max_steps + 1, &rows));
    const int scores = certificates != NULL && q == 1 && o->routed == NULL; /* each is used twice */
    const struct egi_need needs[] = { { cells, sizeof(float) },
                                      { q, sizeof(struct egi_run) },
                                      { certificates != NULL ? q : 0, sizeof *certificates },
                                      { scores ? m->n : 0, sizeof(float) } };
    struct egi_arena arena;
    EGI_TRY(egi_arena_create(m->alloc, needs, EGI_COUNT(needs), "recall", &arena));
    float *x = arena.part[0];
    struct egi_run *run = arena.part[1];
    if (cells > 0) memcpy(x, cues, cells * sizeof *x);
    clear_outputs(m, o, q, run);
    if (scores) run->scores = arena.part[3];
    const int own = o->dynamics == EG_DYN_ASYNC || o->dynamics >= EG_DYN_FLOW_A;
    eg_status s = q == 0 ? EG_OK
                  : own  ? run_relaxations(m, o, q, x, run)
                         : run_synchronous(m, o, q, x, run);
    if (s == EG_OK && certificates != NULL) s = egi_certify(m, o, x, q, run, arena.part[2]);
    if (s == EG_OK && cells > 0) {
        memcpy(states, x, cells * sizeof *x);
        if (certificates != NULL) memcpy(certificates, arena.part[2], q * sizeof *certificates);
    }
    egi_arena_destroy(&arena);
    return s;
}
