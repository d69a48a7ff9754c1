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
#include <stdlib.h>
#include <string.h>

#include "assoc/egi_associate.h"
#include "assoc/egi_listed.h"
#include "hybrid/egi_routed.h"
#include "memory/egi_recall.h"

#define SLOP 1e-9 /* relative, more than sums of D terms in f64 err by for D < 2^22 */
#define NOTHING                                                                       \
    40.0 /* e^-40 of the share allowed, times any count, is nothing: not worth an exp \
          */

struct candidate {
    double u, tail; /* log of the cell's mass at most; what it and those behind it add to U */
    size_t cell;
};

/* What is asked of every query. */
struct routing {
    const eg_routed *r;
    const eg_memory *m;
    const float *values; /* (N, DV) */
    size_t dv;
    double most, share; /* M; the share of mass that may be left out */
    double beta;
    const float *x;                     /* (Q, D) */
    float *out;                         /* (Q, DV) or NULL */
    eg_routed_certificate *certificate; /* (Q) or NULL */
    struct egi_pull *pull;              /* (Q) or NULL */
    eg_status *status;                  /* (Q) */
    struct search *worker;
};

/* One query on its way. */
struct search {
    const struct routing *job;
    double *x, *y, *v, *key;     /* (D) the state; (DV) sum; (D) vector of the codes; (D) its key */
    float *centred;              /* (D) the key in f32 */
    float *score;                /* (K) of the centres */
    double *bound;               /* (K) log of the mass of each cell, at most */
    struct candidate *candidate; /* (K) */
    struct egi_planes planes;
    double size, inverse; /* |key|; of the state, where keys are directed */
    double m, mass, left; /* of what was looked at, and left out, relative to e^m */
    double rest_top;      /* largest z that may have been left out */
    size_t best, cells, codes, patterns;
    double best_z;
};

/* ---- bounds of cells ---- */

/* No z of a pattern in cell c is larger. s: <key, centre> or -|key - centre|^2 / 2 in f32, off by
 * at most `error`. */
static double cell_bound(const struct search *q, size_t c, double s, double error)
{
    const struct egi_cells *cells = &q->job->r->cells;
    if (!egi_routed_form(q->job->r->similarity)->centred)
        return q->job->beta
               * (fmin(s + error + q->size * cells->radius[c], q->size * cells->norm[c])
                  + SLOP * q->size * cells->norm[c]);
    const double apart = sqrt(fmax(0, -2 * (s + error))) * (1 - SLOP) - cells->radius[c];
    return apart > 0 ? -q->job->beta / 2 * apart * apart * (1 - SLOP) : 0;
}

/* Step 1. Returns the cell whose centre promises most. */
static size_t bound_cells(struct search *q)
{
    const eg_routed *r = q->job->r;
    const struct egi_cells *cells = &r->cells;
    const size_t d = q->job->m->d;
    const int centred = egi_routed_form(r->similarity)->centred;
    const struct egi_keys keys = { cells->centre, cells->count, d, centred ? cells->bias : NULL,
                                   NULL };
    const double u = (double)FLT_EPSILON / 2, n = (double)d + 8;
    size_t best = 0;
    double most = -INFINITY;
    egi_scores(&keys, q->centred, centred ? (float)(-q->size * q->size / 2) : 0, 1, q->score);
    for (size_t c = 0; c < cells->count; c++) {
        const double norm = cells->norm[c] + cells->radius[c]; /* no less than |centre| */
        const double reach = centred ? (norm + q->size) * (norm + q->size) : norm * q->size;
        const double s = (double)q->score[c];
        q->bound[c] = cells->log_weight[c] + cell_bound(q, c, s, n * u * reach + FLT_MIN * n);
        if (isnan(q->bound[c])) q->bound[c] = INFINITY; /* beyond f32: it is looked at */
        const double promise = s * q->job->beta + cells->log_weight[c];
        if (promise > most) {
            most = promise;
            best = c;
        }
    }
    return best;
}

/* ---- looking at patterns ---- */

/* z of n listed patterns: beta times the similarity, to a few f64 roundings. */
static void scores_of(const struct search *q, const size_t *at, size_t n, double *z)
{
    const eg_memory *m = q->job->m;
    const float *rows = m->backend->rows(m);
    const struct egi_routed_form *form = egi_routed_form(q->job->r->similarity);
    const double beta = q->job->beta;
    if (form->centred) {
        egi_listed_squares(rows, m->d, at, n, q->x, z);
        for (size_t i = 0; i < n; i++) z[i] *= -beta / 2;
        return;
    }
    egi_listed_dots(rows, m->d, at, n, q->x, z);
    if (!form->directed) {
        for (size_t i = 0; i < n; i++) z[i] *= beta;
        return;
    }
    double norm[EGI_CODE_BLOCK];
    for (size_t i = 0; i < n; i++) {
        double sum = 0;
        const float *row = rows + at[i] * m->d;
        for (size_t j = 0; j < m->d; j++) sum += (double)row[j] * (double)row[j];
        norm[i] = sqrt(sum);
    }
    for (size_t i = 0; i < n; i++) z[i] = norm[i] > 0 ? beta * z[i] * q->inverse / norm[i] : 0;
}

/* The reference rises to m: all sums shrink. */
static void raise_reference(struct search *q, double m)
{
    const double by = exp(q->m - m); /* 0 from -inf on */
    q->mass *= by;
    q->left *= by;
    for (size_t j = 0; j < q->job->dv && q->job->out != NULL; j++) q->y[j] *= by;
    q->m = m;
}

static void take(struct search *q, size_t item, double a)
{
    const float *v = q->job->values + item * q->job->dv;
    q->mass += a;
    for (size_t j = 0; j < q->job->dv && q->job->out != NULL; j++) q->y[j] += a * (double)v[j];
}

/* Patterns at (n) join the sums. */
static void look_at(struct search *q, const size_t *at, size_t n)
{
    const eg_memory *m = q->job->m;
    double z[EGI_CODE_BLOCK], top = -INFINITY;
    scores_of(q, at, n, z);
    for (size_t i = 0; i < n; i++) {
        if (z[i] > q->best_z || (z[i] == q->best_z && at[i] < q->best)) {
            q->best_z = z[i];
            q->best = at[i];
        }
        if (m->weighted) z[i] += log((double)m->weight[at[i]]);
        top = fmax(top, z[i]);
    }
    if (top > q->m) raise_reference(q, top);
    for (size_t i = 0; i < n; i++) take(q, at[i], exp(z[i] - q->m));
    q->patterns += n;
}

/* ---- opening a cell ---- */

/* A code stands for z <= base + beta (bound of egi_code_bounds). */
static double begin_codes(struct search *q, size_t c, double *slop)
{
    const eg_routed *r = q->job->r;
    const size_t d = q->job->m->d;
    const float *centre = r->cells.centre + c * d;
    double s = 0, size = 0;
    for (size_t j = 0; j < d; j++) {
        const double at = (double)centre[j], by = q->key[j] - at;
        s += q->key[j] * at;
        size += by * by;
        q->v[j] = by;
    }
    const int centred = egi_routed_form(r->similarity)->centred;
    if (centred) egi_planes_of(q->v, d, &q->planes); /* dot: the key's own, made once */
    const double reach = q->size + r->cells.norm[c] + r->cells.radius[c];
    *slop = SLOP * reach * reach;
    return centred ? -size / 2 : s;
}

/* Steps 2 and 3 of one cell: cut is the log of a mass that may be left out. */
static void open_cell(struct search *q, size_t c, double cut)
{
    const eg_routed *r = q->job->r;
    const double beta = q->job->beta, lightest = cut - r->log_heaviest;
    const int coded = cut > -INFINITY, centred = egi_routed_form(r->similarity)->centred;
    double slop = 0;
    const double base = coded ? begin_codes(q, c, &slop) : 0;
    const size_t end = r->slots.begin[c + 1];
    for (size_t slot = r->slots.begin[c]; slot < end; slot += EGI_CODE_BLOCK) {
        const size_t n = end - slot < EGI_CODE_BLOCK ? end - slot : EGI_CODE_BLOCK;
        double bound[EGI_CODE_BLOCK];
        size_t at[EGI_CODE_BLOCK], kept = 0, light = 0;
        if (coded) egi_code_bounds(r, &q->planes, centred, slot, n, bound);
        for (size_t i = 0; i < n; i++) {
            const double z = coded ? beta * (base + bound[i] + slop) : INFINITY;
            if (z < lightest) { /* written so that NaN is looked at */
                q->rest_top = fmax(q->rest_top, z);
                light++;
            } else {
                at[kept++] = r->slots.item[slot + i];
            }
        }
        if (kept > 0) look_at(q, at, kept);
        q->left += (double)light * exp(cut - q->m) * (1 + SLOP);
        q->codes += coded ? n : 0;
    }
    q->cells++;
}

/* ---- the order of cells ---- */

static int descending(const void *a, const void *b)
{
    const struct candidate *x = a, *y = b;
    if (x->u != y->u) return x->u < y->u ? 1 : -1;
    return (x->cell > y->cell) - (x->cell < y->cell);
}

/* tail: of each, what it and those behind it are worth, relative to e^m. */
static void sum_tails(const struct search *q, size_t n)
{
    double tail = 0;
    for (size_t k = n; k-- > 0;) {
        tail += exp(q->candidate[k].u - q->m);
        q->candidate[k].tail = tail * (1 + SLOP);
    }
}

/* Step 3: the cells that may matter besides `first`, by bound; the others are left out. */
static size_t choose_cells(struct search *q, size_t first)
{
    const struct egi_cells *cells = &q->job->r->cells;
    const double allowed = log(q->mass * q->job->share / 4 / (double)cells->count) + q->m;
    size_t n = 0, nothing = 0;
    for (size_t c = 0; c < cells->count; c++) {
        const double u = q->bound[c];
        if (c == first) continue;
        if (!(u < allowed)) {
            q->candidate[n++] = (struct candidate){ u, 0, c };
            continue;
        }
        q->rest_top = fmax(q->rest_top, u - cells->log_weight[c]);
        if (u < allowed - NOTHING)
            nothing++;
        else
            q->left += exp(u - q->m) * (1 + SLOP);
    }
    if (nothing > 0) q->left += (double)nothing * exp(allowed - NOTHING - q->m) * (1 + SLOP);
    qsort(q->candidate, n, sizeof *q->candidate, descending);
    return n;
}

static void search_cells(struct search *q, size_t first)
{
    const eg_routed *r = q->job->r;
    const double share = q->job->share;
    const size_t n = choose_cells(q, first);
    size_t waiting = 0, k = 0;
    for (size_t i = 0; i < n; i++) {
        const size_t c = q->candidate[i].cell;
        waiting += r->slots.begin[c + 1] - r->slots.begin[c];
    }
    double reference = q->m;
    sum_tails(q, n);
    for (; k < n; k++) {
        if (q->m > reference) sum_tails(q, n);
        reference = q->m;
        if (q->left + q->candidate[k].tail <= share * q->mass) break;
        const double cut = q->m + log(q->mass * share / 4 / (double)waiting);
        open_cell(q, q->candidate[k].cell, cut);
    }
    if (q->m > reference) sum_tails(q, n);
    if (k == n) return;
    q->left += q->candidate[k].tail;
    for (; k < n; k++)
        q->rest_top =
            fmax(q->rest_top, q->candidate[k].u - r->cells.log_weight[q->candidate[k].cell]);
}

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
    q->m = q->rest_top = q->best_z = -INFINITY;
    q->mass = q->left = 0;
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

static void run_query(void *arg, size_t i, size_t worker)
{
    const struct routing *job = arg;
    struct search *q = &job->worker[worker];
    q->job = job;
    begin_query(q, job->x + i * job->m->d);
    const size_t first = bound_cells(q);
    open_cell(q, first, -INFINITY);
    if (isfinite(q->m)) search_cells(q, first);
    job->status[i] = isfinite(q->m) && isfinite(q->left) && q->mass > 0 ? EG_OK : EG_ERR_OVERFLOW;
    if (job->status[i] == EG_OK) finish(q, i);
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
        if (job->status[i] != EG_OK)
            s = egi_fail(EG_ERR_OVERFLOW, "routed recall: similarities of state %zu exceed f64", i);
    egi_arena_destroy(&arena);
    return s;
}

static double largest_norm(const eg_routed *r, int values)
{
    return values ? r->most_value : r->m->backend->max_norm(r->m) * (1 + SLOP);
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

static eg_status routed_field(const struct egi_router *self, const eg_memory *m, const float *x,
                              size_t q, double error, int threads,
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
    return q == 0 ? EG_OK : route(&job, q, error, threads);
}

const struct egi_router egi_routed_router = { routed_field };
