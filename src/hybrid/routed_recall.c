/* Routed recall of a state x: the softmax mean over the patterns that can matter, and a bound on
 * the rest. docs/routed-recall.md has the proof; the steps, with z_i = beta s_i:
 *
 * 1. A bound of z over each cell c from its centre (egi_cells): u_c + log(weight of the cell) is
 *    no less than the log of its mass.
 * 2. The cell whose centre is nearest is opened: every pattern's score in f64, running maximum m,
 *    mass Z and weighted sum, relative to e^m.
 * 3. Cells that are too light even together go to what is left out; the others are opened in the
 *    order of their bounds until what is not yet opened is light enough. In an opened cell, a
 *    pattern is looked at only where the bound of its code is not light enough.
 * 4. With U no less than the mass left out, Z the mass looked at, delta = U / (U + Z):
 *        |y' - y| <= delta (M + |y'|)
 *    and what rounding may add (finish). */
/* SPDX-License-Identifier: Apache-2.0 */
#include <float.h>
#include <math.h>
#include <string.h>

#include "hybrid/egi_routed_search.h"
#include "memory/egi_recall.h"

/* ---- a query ---- */

/* Bound on what rounding does to a z: sums of D terms in f64, and the few operations after. */
static double rounding_of(const struct search *q)
{
    const struct routing *job = q->job;
    const double n = ((double)job->m->d + 16) * DBL_EPSILON;
    const double norm = job->r->most_key, size = q->size;
    double reach = norm * size;
    if (egi_routed_form(job->r->similarity)->centred) {
        /* of the patterns that carry mass: what lies further than this has e^-64 of it in all */
        reach = (fabs(q->best_z) + 64 + log((double)job->m->n)) / job->beta;
    }
    return n * job->beta * reach + 4 * DBL_EPSILON * (fabs(q->m) + 1);
}

static void begin_query(struct search *q, const float *x)
{
    const eg_routed *r = q->job->r;
    const size_t d = q->job->m->d;
    egi_routed_key(r, r->cells.origin, x, q->key);
    for (size_t j = 0; j < d; j++) {
        q->x[j] = (double)x[j];
        q->centred[j] = (float)q->key[j];
    }
    const double norm = egi_routed_norm(q->x, d);
    q->size = egi_routed_norm(q->key, d);
    q->inverse = norm > 0 ? 1 / norm : 0;
    memset(q->y, 0, q->job->dv * sizeof *q->y);
    q->m = q->rest_top = q->best_z = q->other_z = -INFINITY;
    q->least_z = INFINITY;
    q->mass = q->left = q->coded = 0;
    q->waiting = 0;
    q->best = q->cells = q->codes = q->patterns = 0;
    if (!egi_routed_form(r->similarity)->centred) egi_planes_of(q->key, d, &q->planes);
}

/* Step 4. */
static void finish(const struct search *q, size_t i)
{
    const struct routing *job = q->job;
    const double z_error = rounding_of(q), moved = expm1(2 * z_error);
    const double delta = q->left / (q->left + q->mass) * (1 + moved) + DBL_MIN; /* underflow */
    double size = 0;
    for (size_t j = 0; j < job->dv && job->out != NULL; j++) {
        const double y = q->y[j] / q->mass;
        job->out[i * job->dv + j] = (float)y;
        size += y * y;
    }
    size = sqrt(size);
    if (job->pull != NULL)
        job->pull[i] = (struct egi_pull){
            .attraction = (q->m + log(q->mass)) / job->beta,
            .rounding = (log1p(q->left / q->mass) * (1 + moved) + z_error) / job->beta
                        + 4 * DBL_EPSILON * fabs(q->m) / job->beta,
        };
    if (job->certificate == NULL) return;
    const double sums = (double)q->patterns * DBL_EPSILON;
    job->certificate[i] = (eg_routed_certificate){
        .left_out = fmin(delta, 1),
        .error = fmin(delta, 1) * (job->most + size) + 2 * (moved + sums) * job->most
                 + (double)FLT_EPSILON / 2 * size + (double)job->dv * (double)FLT_TRUE_MIN,
        .cells = q->cells,
        .codes = q->codes,
        .patterns = q->patterns,
        .nearest = q->best,
        .nearest_proved = q->best_z - z_error > q->rest_top,
    };
}

/* What the state's standing is, as far as what was looked at shows it. */
static eg_status tell_standing(const struct search *q, struct egi_standing *t)
{
    const struct routing *job = q->job;
    const double z_error = rounding_of(q), whole = q->mass + q->left, beta = job->beta;
    const double share = job->m->weight_sum / whole; /* times e^(z - m): of an equal share */
    const int all = q->patterns == job->m->n, asked = job->of < job->m->n;
    const double z = asked ? egi_search_score(q, job->of) : q->best_z;
    const double rest = q->rest_top + z_error, next = q->other_z;
    const int uneven = exp(q->best_z - q->m) * share > 2
                       || exp(q->least_z - q->m) * share * (whole / q->mass) < 0.5;
    double carried = 0;
    t->nearest = asked ? job->of : q->best;
    t->best = z / beta;
    t->lead = (z - (rest > next ? rest : next)) / beta;
    t->even = !uneven;
    t->known = q->patterns;
    for (size_t i = 0; i < q->patterns; i++) {
        t->mass[i] = exp(t->mass[i] - q->m) / whole;
        carried += t->mass[i];
    }
    const int told =
        asked || all || (uneven && carried >= EGI_CARRIED && q->best_z - z_error > q->rest_top);
    return told ? EG_OK : EG_NOT_FOUND;
}

static void run_query(void *arg, size_t i, size_t worker)
{
    const struct routing *job = arg;
    struct search *q = &job->worker[worker];
    q->job = job;
    begin_query(q, job->x + i * job->m->d);
    egi_search(q);
    job->status[i] = isfinite(q->m) && isfinite(q->left) && q->mass > 0 ? EG_OK : EG_ERR_OVERFLOW;
    if (job->status[i] == EG_OK) finish(q, i);
    if (job->status[i] == EG_OK && job->standing != NULL)
        job->status[i] = tell_standing(q, job->standing);
}

/* ---- the call ---- */

/* Scratch of each worker in one block. */
static eg_status create_workers(struct routing *job, size_t q, size_t workers,
                                struct egi_arena *arena)
{
    const size_t d = job->m->d, cells = job->r->cells.count, words = job->r->words;
    size_t doubles, floats, candidates, planes;
    EGI_TRY(egi_add_size(3 * d + cells, job->dv, &doubles));
    EGI_TRY(egi_mul_size(doubles, workers, &doubles));
    EGI_TRY(egi_mul_size(d + cells, workers, &floats));
    EGI_TRY(egi_mul_size(cells, workers, &candidates));
    EGI_TRY(egi_mul_size(EGI_PLANES * words, workers, &planes));
    const struct egi_need needs[] = { { doubles, sizeof(double) },
                                      { floats, sizeof(float) },
                                      { candidates, sizeof(struct candidate) },
                                      { planes, sizeof(uint64_t) },
                                      { workers, sizeof(struct search) },
                                      { q, sizeof(eg_status) } };
    EGI_TRY(egi_arena_create(job->r->alloc, needs, EGI_COUNT(needs), "routed recall", arena));
    job->worker = arena->part[4];
    job->status = arena->part[5];
    for (size_t w = 0; w < workers; w++) {
        double *f64 = (double *)arena->part[0] + w * (3 * d + cells + job->dv);
        float *f32 = (float *)arena->part[1] + w * (d + cells);
        job->worker[w] =
            (struct search){ .x = f64,
                             .key = f64 + d,
                             .v = f64 + 2 * d,
                             .bound = f64 + 3 * d,
                             .y = f64 + 3 * d + cells,
                             .centred = f32,
                             .score = f32 + d,
                             .candidate = (struct candidate *)arena->part[2] + w * cells };
        job->worker[w].planes.plane = (uint64_t *)arena->part[3] + w * EGI_PLANES * words;
    }
    return EG_OK;
}

static eg_status check_index(const eg_routed *r, const eg_memory *m)
{
    EGI_TRY(egi_routed_accepts(m));
    if (m != r->m) return egi_fail(EG_ERR_INVALID, "routed recall: the index is of another memory");
    if (r->changes != m->changes || r->similarity != m->options.rule.similarity)
        return egi_fail(EG_ERR_INVALID,
                        "routed recall: the memory has changed since the index was made; "
                        "eg_routed_update makes it right");
    return EG_OK;
}

static eg_status route(struct routing *job, size_t q, double error, int threads)
{
    const size_t all = (size_t)egi_thread_count(threads), workers = all < q ? all : q;
    struct egi_arena arena;
    job->beta = job->m->options.rule.beta;
    job->share = fmin(fmax(error - (double)FLT_EPSILON, 0) / 2, 0.5);
    EGI_TRY(create_workers(job, q, workers, &arena));
    egi_parallel_workers(q, (int)workers, run_query, job);
    eg_status s = EG_OK;
    for (size_t i = 0; i < q && s == EG_OK; i++)
        s = job->status[i] >= 0
                ? job->status[i]
                : egi_fail(EG_ERR_OVERFLOW, "routed recall: similarities of state %zu exceed f64",
                           i);
    egi_arena_destroy(&arena);
    return s;
}

static double largest_norm(const eg_routed *r, int values)
{
    return values ? r->most_value : r->m->backend->max_norm(r->m) * (1 + EGI_SLOP);
}

eg_status eg_routed_read(const eg_routed *r, const float *x, size_t q, double error, int values,
                         int threads, float *out, eg_routed_certificate *certificates)
{
    if (r == NULL) return egi_fail(EG_ERR_INVALID, "eg_routed_read: NULL");
    EGI_TRY(check_index(r, r->m));
    EGI_TRY(egi_check_states(r->m, x, q, out, "eg_routed_read"));
    if (!(error >= 0) || !isfinite(error))
        return egi_fail(EG_ERR_INVALID, "eg_routed_read: error = %g, expected >= 0", error);
    const size_t dv = r->m->options.value_size;
    if (values && dv == 0)
        return egi_fail(EG_ERR_UNSUPPORTED, "eg_routed_read: the memory holds no values");
    struct routing job = { .r = r,
                           .m = r->m,
                           .values = values ? r->m->value : r->m->backend->rows(r->m),
                           .dv = values ? dv : r->m->d,
                           .most = largest_norm(r, values),
                           .x = x,
                           .out = out,
                           .certificate = certificates };
    return q == 0 ? EG_OK : route(&job, q, error, threads);
}

static eg_status routed_field(const struct egi_router *self, const eg_memory *m,
                              const eg_recall_options *o, const float *x, size_t q,
                              const struct egi_reading *reading, float *y, struct egi_pull *pull)
{
    const eg_routed *r = (const eg_routed *)(const void *)self;
    EGI_TRY(check_index(r, m));
    struct routing job = { .r = r,
                           .m = m,
                           .values =
                               reading->values != NULL ? reading->values : m->backend->rows(m),
                           .dv = reading->dv,
                           .most = largest_norm(r, reading->values != NULL),
                           .x = x,
                           .out = y,
                           .pull = pull };
    return q == 0 ? EG_OK : route(&job, q, o->routed_error, o->threads);
}

static eg_status routed_stand(const struct egi_router *self, const eg_memory *m, double error,
                              const float *x, size_t of, struct egi_standing *out)
{
    const eg_routed *r = (const eg_routed *)(const void *)self;
    EGI_TRY(check_index(r, m));
    struct routing job = {
        .r = r, .m = m, .values = m->backend->rows(m), .dv = m->d, .x = x, .standing = out, .of = of
    };
    return route(&job, 1, error, 1);
}

const struct egi_router egi_routed_router = { routed_field, routed_stand };
