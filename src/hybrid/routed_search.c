/* The search of routed recall, steps 1 to 3 of routed_recall.c: bounds of cells, the order in which
 * they are opened, and patterns looked at. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "assoc/egi_associate.h"
#include "assoc/egi_listed.h"
#include "hybrid/egi_routed_search.h"

#define SLOP EGI_SLOP
#define NOTHING                                                                       \
    40.0 /* e^-40 of the share allowed, times any count, is nothing: not worth an exp \
          */

/* fmax and fmin are calls, for the sake of NaN; these are not. NaN in b is passed over. */
static double greater(double a, double b)
{
    return b > a ? b : a;
}

static double lesser(double a, double b)
{
    return b < a ? b : a;
}

/* ---- bounds of cells ---- */

/* No z of a pattern in a cell is larger. s: <key, centre> as summed in f32, off by at most u of
 * what it may reach. */
static double dot_bound(const struct search *q, const struct egi_cells *cells, size_t c, double s,
                        double u)
{
    const double norm = cells->norm[c], radius = cells->radius[c];
    const double error = u * (norm + radius) + (double)FLT_MIN; /* |centre| <= norm + radius */
    const double by = lesser(s + q->size * (radius + error), q->size * norm);
    return q->job->beta * (by + SLOP * q->size * norm);
}

/* The same of s: -|key - centre|^2 / 2. */
static double distance_bound(const struct search *q, const struct egi_cells *cells, size_t c,
                             double s, double u)
{
    const double reach = cells->norm[c] + cells->radius[c] + q->size;
    const double near = -2 * (s + u * reach * reach + (double)FLT_MIN);
    const double apart = near > 0 ? sqrt(near) * (1 - SLOP) - cells->radius[c] : 0;
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
    const double u = ((double)d + 8) * (double)FLT_EPSILON / 2;
    size_t best = 0;
    double most = -INFINITY;
    egi_scores(&keys, q->centred, centred ? (float)(-q->size * q->size / 2) : 0, 1, q->score);
    for (size_t c = 0; c < cells->count; c++) {
        const double s = (double)q->score[c];
        const double z = centred ? distance_bound(q, cells, c, s, u) : dot_bound(q, cells, c, s, u);
        const double bound = cells->log_weight[c] + z;
        q->bound[c] = bound == bound ? bound : INFINITY; /* beyond f32: it is looked at */
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
    q->coded *= by;
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
        if (at[i] != q->job->of) q->other_z = greater(q->other_z, z[i]);
        q->least_z = lesser(q->least_z, z[i]);
        if (m->weighted) z[i] += log((double)m->weight[at[i]]);
        top = greater(top, z[i]);
    }
    if (q->job->standing != NULL) memcpy(q->job->standing->mass + q->patterns, z, n * sizeof *z);
    if (top > q->m) raise_reference(q, top);
    for (size_t i = 0; i < n; i++) take(q, at[i], exp(z[i] - q->m));
    q->patterns += n;
}

/* ---- opening a cell ---- */

/* A code stands for z <= beta (base + its bound + *slop). */
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
    *slop = 1e-6 * reach * reach; /* bounds of codes are f32 */
    return centred ? -size / 2 : s;
}

/* How codes stand for scores in the cell that is open: z <= beta (base + bound + slop). */
struct opened {
    double base, slop;
};

/* What n patterns may leave out, relative to e^m: their part of what is left of 3/4 of the share.
 */
static double fair(const struct search *q, size_t n)
{
    const double spare = 0.75 * q->job->share * q->mass - q->coded;
    return spare > 0 ? spare * (double)n / (double)q->waiting : 0;
}

/* Of n slots from `slot` on those to look at. The others' bounds come to no more than their part,
 * `fair`: first all that are below EAGER times an even share of it are left, which is right if
 * their sum says so, for most are far lighter; else those below an even share, which cannot be too
 * much. */
static size_t pick(struct search *q, const struct opened *cell, size_t slot, size_t n, size_t *at)
{
    enum { EAGER = 64 };
    const double beta = q->job->beta, heavy = q->job->r->log_heaviest, part = fair(q, n);
    const double shift = beta * (cell->base + cell->slop) + heavy - q->m;
    float bound[EGI_CODE_BLOCK];
    double top, sum;
    egi_code_bounds(q->job->r, &q->planes, slot, n, bound);
    double even = log(part / (double)n) + q->m - heavy;
    size_t kept = egi_code_pick(bound, n, (even + log(EAGER)) / beta - cell->base - cell->slop,
                                beta, shift, at, &top, &sum);
    if (!(sum <= part)) {
        kept = egi_code_pick(bound, n, even / beta - cell->base - cell->slop, beta, shift, at, &top,
                             &sum);
        sum = lesser(part, sum);
    }
    if (kept < n) {
        q->rest_top = greater(q->rest_top, beta * (cell->base + top + cell->slop));
        q->left += sum * (1 + SLOP);
        q->coded += sum * (1 + SLOP);
    }
    q->waiting -= n;
    return kept;
}

/* Steps 2 and 3 of one cell. whole: every pattern is looked at, which sets a scale for the others.
 */
static void open_cell(struct search *q, size_t c, int whole)
{
    const eg_routed *r = q->job->r;
    struct opened cell = { 0, 0 };
    if (!whole) cell.base = begin_codes(q, c, &cell.slop);
    const size_t end = r->slots.begin[c + 1];
    for (size_t slot = r->slots.begin[c]; slot < end; slot += EGI_CODE_BLOCK) {
        const size_t n = end - slot < EGI_CODE_BLOCK ? end - slot : EGI_CODE_BLOCK;
        size_t at[EGI_CODE_BLOCK];
        const size_t kept = whole ? n : pick(q, &cell, slot, n, at);
        for (size_t i = 0; i < kept; i++) at[i] = r->slots.item[slot + (whole ? i : at[i])];
        if (kept > 0) look_at(q, at, kept);
    }
    q->codes += whole ? 0 : end - r->slots.begin[c];
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
    size_t k = 0;
    for (size_t i = 0; i < n; i++) {
        const size_t c = q->candidate[i].cell;
        q->waiting += r->slots.begin[c + 1] - r->slots.begin[c];
    }
    double reference = q->m;
    sum_tails(q, n);
    for (; k < n; k++) {
        if (q->m > reference) sum_tails(q, n);
        reference = q->m;
        if (q->left + q->candidate[k].tail <= share * q->mass) break;
        open_cell(q, q->candidate[k].cell, 0);
    }
    if (q->m > reference) sum_tails(q, n);
    if (k == n) return;
    q->left += q->candidate[k].tail;
    for (; k < n; k++)
        q->rest_top =
            fmax(q->rest_top, q->candidate[k].u - r->cells.log_weight[q->candidate[k].cell]);
}

double egi_search_score(const struct search *q, size_t item)
{
    double z;
    scores_of(q, &item, 1, &z);
    return z;
}

void egi_search(struct search *q)
{
    const size_t first = bound_cells(q);
    open_cell(q, first, 1);
    if (isfinite(q->m)) search_cells(q, first);
}
