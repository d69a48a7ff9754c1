/* The self-organising map. Formulas stand in engram/som.h; symbols: w place, b nearest unit, g
 * distance on the grid, h neighbourhood, eta rate, sigma radius.
 *
 * Nearest units are found in parallel, item by item; what an epoch adds up is added by one thread
 * in the order of the items, in double, so that places do not depend on the number of threads. A
 * batch epoch sums items by their nearest unit first and lets the neighbourhood act on those U
 * sums: N D + U^2 D instead of N U D. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "engram/som.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/egi_base.h"
#include "engram/random.h"

enum { STREAM_PLACES = 0x50, STREAM_ORDER = 0x1000, LANES = 4, RUN = 64 };

struct eg_som {
    const eg_allocator *alloc;
    eg_som_options options;
    size_t d, units;
    float *w; /* (U, D) */
};

/* ---- the grid ---- */

/* Squared distance of two units. */
static double grid2(const eg_som *s, size_t a, size_t b)
{
    const size_t columns = s->options.columns;
    const int hexagonal = s->options.grid == EG_SOM_HEXAGONAL;
    const double ra = (double)(a / columns), rb = (double)(b / columns);
    double dx = (double)(a % columns) - (double)(b % columns), dy = ra - rb;
    if (hexagonal) {
        dx += 0.5 * (fmod(ra, 2) - fmod(rb, 2));
        dy *= sqrt(0.75);
    }
    return dx * dx + dy * dy;
}

static int neighbours(const eg_som *s, size_t a, size_t b)
{
    return a != b && grid2(s, a, b) < 1.1;
}

static double neighbourhood(const eg_som *s, size_t a, size_t b, double sigma)
{
    if (a == b) return 1;
    return sigma > 0 ? exp(-grid2(s, a, b) / (2 * sigma * sigma)) : 0;
}

/* ---- nearest units ---- */

static double distance2(const float *a, const float *b, size_t d)
{
    double lane[LANES] = { 0 };
    size_t k = 0;
    for (; k + LANES <= d; k += LANES)
        for (size_t l = 0; l < LANES; l++) {
            const double apart = (double)a[k + l] - (double)b[k + l];
            lane[l] += apart * apart;
        }
    for (; k < d; k++) lane[0] += ((double)a[k] - (double)b[k]) * ((double)a[k] - (double)b[k]);
    return (lane[0] + lane[1]) + (lane[2] + lane[3]);
}

struct nearest {
    uint32_t first, second; /* second: first where there is but one unit */
    double distance2;       /* of the first */
};

static struct nearest nearest_of(const eg_som *s, const float *x)
{
    struct nearest n = { 0, 0, INFINITY };
    double after = INFINITY;
    for (size_t u = 0; u < s->units; u++) {
        const double d2 = distance2(s->w + u * s->d, x, s->d);
        if (d2 < n.distance2) {
            after = n.distance2;
            n = (struct nearest){ (uint32_t)u, n.first, d2 };
        } else if (d2 < after) {
            after = d2;
            n.second = (uint32_t)u;
        }
    }
    return n;
}

struct search {
    const eg_som *s;
    const float *x; /* (N, D) */
    size_t n;
    struct nearest *found; /* (N) */
};

static void search_run(void *arg, size_t run)
{
    const struct search *j = arg;
    const size_t end = (run + 1) * RUN < j->n ? (run + 1) * RUN : j->n;
    for (size_t i = run * RUN; i < end; i++) j->found[i] = nearest_of(j->s, j->x + i * j->s->d);
}

static void search_all(const eg_som *s, const float *x, size_t n, int threads,
                       struct nearest *found)
{
    struct search j = { s, x, n, found };
    egi_parallel_for((n + RUN - 1) / RUN, threads, search_run, &j);
}

/* ---- arguments ---- */

static eg_status check_items(const char *who, const eg_som *s, const float *x, size_t n,
                             const void *out)
{
    if (s == NULL || out == NULL || (x == NULL && n > 0))
        return egi_fail(EG_ERR_INVALID, "%s: %s is NULL", who,
                        s == NULL   ? "map"
                        : x == NULL ? "x"
                                    : "out");
    for (size_t i = 0; i < n * s->d; i++)
        if (!isfinite(x[i]))
            return egi_fail(EG_ERR_INVALID, "%s: item %zu: number %zu is not finite", who, i / s->d,
                            i % s->d);
    return EG_OK;
}

static eg_status check_fit(const eg_som_fit_options *o, size_t n)
{
    if (o->size != sizeof *o)
        return egi_fail(EG_ERR_INVALID, "eg_som_fit_options: size %zu, expected %zu", o->size,
                        sizeof *o);
    if (n == 0 || o->epochs == 0)
        return egi_fail(EG_ERR_INVALID, "eg_som_fit: %zu items, %zu epochs, expected >= 1", n,
                        o->epochs);
    if (!(o->rate_first > 0 && o->rate_first <= 1 && o->rate_last > 0 && o->rate_last <= 1))
        return egi_fail(EG_ERR_INVALID, "eg_som_fit: rates %g and %g, expected in (0, 1]",
                        o->rate_first, o->rate_last);
    if (!(o->radius_first >= 0 && o->radius_last >= 0 && isfinite(o->radius_first)
          && isfinite(o->radius_last)))
        return egi_fail(EG_ERR_INVALID, "eg_som_fit: radii %g and %g, expected >= 0",
                        o->radius_first, o->radius_last);
    return EG_OK;
}

/* ---- fitting ---- */

struct fit {
    eg_som *s;
    const float *x;
    size_t n;
    const eg_som_fit_options *o;
    double radius; /* the first */
    size_t *order; /* (N) */
    struct nearest *found;
    double *sum;   /* (U, D) of the items nearest to each unit */
    double *count; /* (U) */
    double *next;  /* (D) */
};

/* first at t = 0 to last at t = 1, geometrically; to 0 straight. */
static double falling(double first, double last, double t)
{
    if (!(first > 0) || !(last > 0)) return first + (last - first) * t;
    return first * pow(last / first, t);
}

static void start_from_items(const struct fit *f)
{
    for (size_t u = 0; u < f->s->units; u++) {
        /* different items as long as there are enough */
        if (u % f->n == 0)
            eg_random_permutation(f->o->seed, STREAM_PLACES + u / f->n, f->n, f->order);
        memcpy(f->s->w + u * f->s->d, f->x + f->order[u % f->n] * f->s->d, f->s->d * sizeof *f->x);
    }
}

static void batch_epoch(const struct fit *f, double sigma)
{
    eg_som *s = f->s;
    search_all(s, f->x, f->n, f->o->threads, f->found);
    memset(f->sum, 0, s->units * s->d * sizeof *f->sum);
    memset(f->count, 0, s->units * sizeof *f->count);
    for (size_t i = 0; i < f->n; i++) {
        double *sum = f->sum + f->found[i].first * s->d;
        for (size_t k = 0; k < s->d; k++) sum[k] += (double)f->x[i * s->d + k];
        f->count[f->found[i].first] += 1;
    }
    for (size_t u = 0; u < s->units; u++) {
        double mass = 0;
        memset(f->next, 0, s->d * sizeof *f->next);
        for (size_t b = 0; b < s->units; b++) {
            const double h = f->count[b] > 0 ? neighbourhood(s, b, u, sigma) : 0;
            if (!(h > DBL_MIN)) continue;
            mass += h * f->count[b];
            for (size_t k = 0; k < s->d; k++) f->next[k] += h * f->sum[b * s->d + k];
        }
        for (size_t k = 0; mass > 0 && k < s->d; k++)
            s->w[u * s->d + k] = (float)(f->next[k] / mass);
    }
}

static void learn_item(const struct fit *f, const float *x, double eta, double sigma)
{
    eg_som *s = f->s;
    const size_t b = nearest_of(s, x).first;
    for (size_t u = 0; u < s->units; u++) {
        const double by = eta * neighbourhood(s, b, u, sigma);
        float *w = s->w + u * s->d;
        if (!(by > DBL_MIN)) continue;
        for (size_t k = 0; k < s->d; k++)
            w[k] = (float)((double)w[k] + by * ((double)x[k] - (double)w[k]));
    }
}

static void online_epoch(const struct fit *f, size_t epoch)
{
    const eg_som_fit_options *o = f->o;
    const double steps = (double)o->epochs * (double)f->n - 1;
    eg_random_permutation(o->seed, STREAM_ORDER + epoch, f->n, f->order);
    for (size_t i = 0; i < f->n; i++) {
        const double at = (double)epoch * (double)f->n + (double)i, t = steps > 0 ? at / steps : 0;
        learn_item(f, f->x + f->order[i] * f->s->d, falling(o->rate_first, o->rate_last, t),
                   falling(f->radius, o->radius_last, t));
    }
}

static eg_status fit_all(struct fit *f)
{
    const eg_som_fit_options *o = f->o;
    if (!o->keep) start_from_items(f);
    for (size_t e = 0; e < o->epochs; e++) {
        EGI_TRY(egi_report(o->progress, "map", e, o->epochs));
        const double t = o->epochs > 1 ? (double)e / (double)(o->epochs - 1) : 1;
        if (o->batch)
            batch_epoch(f, falling(f->radius, o->radius_last, t));
        else
            online_epoch(f, e);
    }
    return egi_report(o->progress, "map", o->epochs, o->epochs);
}

eg_status eg_som_fit(eg_som *s, const float *x, size_t n, const eg_som_fit_options *options)
{
    const eg_som_fit_options usual = EG_SOM_FIT_OPTIONS_INIT;
    const eg_som_fit_options *o = options != NULL ? options : &usual;
    EGI_TRY(check_fit(o, n));
    EGI_TRY(check_items("eg_som_fit", s, x, n, s));
    struct fit f = { .s = s, .x = x, .n = n, .o = o, .radius = o->radius_first };
    const size_t side = s->options.rows > s->options.columns ? s->options.rows : s->options.columns;
    if (!(f.radius > 0)) f.radius = fmax((double)side / 2, o->radius_last);
    const struct egi_need needs[] = {
        { n, sizeof *f.order },        { n, sizeof *f.found },   { s->units * s->d, sizeof *f.sum },
        { s->units, sizeof *f.count }, { s->d, sizeof *f.next },
    };
    struct egi_arena arena;
    EGI_TRY(egi_arena_create(s->alloc, needs, EGI_COUNT(needs), "eg_som_fit", &arena));
    f.order = arena.part[0];
    f.found = arena.part[1];
    f.sum = arena.part[2];
    f.count = arena.part[3];
    f.next = arena.part[4];
    const eg_status status = fit_all(&f);
    egi_arena_destroy(&arena);
    return status;
}

/* ---- a map and what it says ---- */

eg_status eg_som_create(size_t d, const eg_som_options *options, eg_som **out)
{
    const eg_som_options usual = EG_SOM_OPTIONS_INIT;
    const eg_som_options *o = options != NULL ? options : &usual;
    if (out == NULL) return egi_fail(EG_ERR_INVALID, "eg_som_create: out is NULL");
    if (o->size != sizeof *o)
        return egi_fail(EG_ERR_INVALID, "eg_som_options: size %zu, expected %zu", o->size,
                        sizeof *o);
    if (d == 0 || o->rows == 0 || o->columns == 0 || (unsigned)o->grid >= EG_SOM_GRIDS)
        return egi_fail(EG_ERR_INVALID,
                        "eg_som_create: %zu x %zu units on grid %d in %zu dimensions", o->rows,
                        o->columns, (int)o->grid, d);
    const eg_allocator *alloc = o->alloc != NULL ? o->alloc : eg_allocator_default();
    size_t units, cells;
    EGI_TRY(egi_mul_size(o->rows, o->columns, &units));
    EGI_TRY(egi_mul_size(units, d, &cells));
    if (units > UINT32_MAX)
        return egi_fail(EG_ERR_OVERFLOW, "eg_som_create: %zu units, at most 2^32 - 1", units);
    void *places;
    EGI_TRY(egi_alloc_array(alloc, cells, sizeof(float), "eg_som_create: places", &places));
    eg_som *s = egi_alloc(alloc, sizeof *s);
    if (s == NULL) {
        egi_free(alloc, places, cells * sizeof(float));
        return egi_fail(EG_ERR_NOMEM, "eg_som_create: %zu bytes", sizeof *s);
    }
    memset(places, 0, cells * sizeof(float));
    *s = (eg_som){ alloc, *o, d, units, places };
    s->options.alloc = alloc;
    *out = s;
    return EG_OK;
}

void eg_som_destroy(eg_som *s)
{
    if (s == NULL) return;
    egi_free(s->alloc, s->w, s->units * s->d * sizeof *s->w);
    egi_free(s->alloc, s, sizeof *s);
}

const eg_som_options *eg_som_options_view(const eg_som *s)
{
    return &s->options;
}

size_t eg_som_units(const eg_som *s)
{
    return s->units;
}

size_t eg_som_dim(const eg_som *s)
{
    return s->d;
}

const float *eg_som_places(const eg_som *s)
{
    return s->w;
}

eg_status eg_som_set(eg_som *s, const float *places)
{
    if (s == NULL) return egi_fail(EG_ERR_INVALID, "eg_som_set: map is NULL");
    EGI_TRY(check_items("eg_som_set", s, places, s->units, s));
    memmove(s->w, places, s->units * s->d * sizeof *s->w);
    return EG_OK;
}

/* Nearest units of all items, in scratch that the caller frees. */
static eg_status find_all(const char *who, const eg_som *s, const float *x, size_t n, int threads,
                          void **found)
{
    EGI_TRY(egi_alloc_array(s->alloc, n + 1, sizeof(struct nearest), who, found));
    search_all(s, x, n, threads, *found);
    return EG_OK;
}

eg_status eg_som_map(const eg_som *s, const float *x, size_t n, int threads, uint32_t *unit,
                     float *distance)
{
    void *block;
    EGI_TRY(check_items("eg_som_map", s, x, n, unit));
    EGI_TRY(find_all("eg_som_map", s, x, n, threads, &block));
    const struct nearest *found = block;
    for (size_t i = 0; i < n; i++) {
        unit[i] = found[i].first;
        if (distance != NULL) distance[i] = (float)sqrt(found[i].distance2);
    }
    egi_free(s->alloc, block, (n + 1) * sizeof *found);
    return EG_OK;
}

static int by_unit(const void *a, const void *b)
{
    const uint32_t x = ((const struct nearest *)a)->first, y = ((const struct nearest *)b)->first;
    return (x > y) - (x < y);
}

eg_status eg_som_measure(const eg_som *s, const float *x, size_t n, int threads,
                         eg_som_quality *quality)
{
    void *block;
    EGI_TRY(check_items("eg_som_measure", s, x, n, quality));
    if (n == 0) return egi_fail(EG_ERR_INVALID, "eg_som_measure: no items");
    EGI_TRY(find_all("eg_som_measure", s, x, n, threads, &block));
    struct nearest *found = block;
    double sum = 0;
    size_t torn = 0, used = 0;
    for (size_t i = 0; i < n; i++) {
        sum += sqrt(found[i].distance2);
        torn += s->units > 1 && !neighbours(s, found[i].first, found[i].second);
    }
    qsort(found, n, sizeof *found, by_unit);
    for (size_t i = 0; i < n; i++) used += i == 0 || found[i].first != found[i - 1].first;
    *quality = (eg_som_quality){ sum / (double)n, (double)torn / (double)n,
                                 (double)used / (double)s->units };
    egi_free(s->alloc, block, (n + 1) * sizeof *found);
    return EG_OK;
}

eg_status eg_som_walls(const eg_som *s, float *out)
{
    if (s == NULL || out == NULL)
        return egi_fail(EG_ERR_INVALID, "eg_som_walls: %s is NULL", s == NULL ? "map" : "out");
    for (size_t u = 0; u < s->units; u++) {
        double sum = 0;
        size_t near = 0;
        const size_t row = u / s->options.columns, c = s->options.columns;
        const size_t first = row > 0 ? (row - 1) * c : 0;
        for (size_t v = first; v < s->units && v < (row + 2) * c; v++) {
            if (!neighbours(s, u, v)) continue;
            sum += sqrt(distance2(s->w + u * s->d, s->w + v * s->d, s->d));
            near++;
        }
        out[u] = near > 0 ? (float)(sum / (double)near) : 0;
    }
    return EG_OK;
}
