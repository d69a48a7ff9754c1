/* Intrinsic dimension: equal points are left out, neighbours are searched once for all estimators,
 * and each gives a statistic of every point, which the bootstrap weighs anew. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engram/random.h"
#include "measure/egi_dimension.h"

#define STREAM_DRAW ((uint64_t)0x444d4253 << 32) /* "DMBS", the sample is added */

enum { NAMES_MAX = 64 };

/* ---- points that differ ---- */

struct hashed {
    uint64_t hash;
    uint32_t at;
};

static int by_hash(const void *a, const void *b)
{
    const struct hashed *p = a, *q = b;
    if (p->hash != q->hash) return p->hash < q->hash ? -1 : 1;
    return p->at < q->at ? -1 : p->at > q->at;
}

/* Moves to the front of x (N, D) the first of each group of equal rows, in order; returns how many.
 * key (N), drop (N) are scratch. */
static size_t keep_different(float *x, size_t n, size_t d, struct hashed *key, uint8_t *drop)
{
    size_t kept = 0;
    for (size_t i = 0; i < n * d; i++) x[i] += 0.0F; /* -0 is 0 */
    for (size_t i = 0; i < n; i++)
        key[i] = (struct hashed){ egi_hash(x + i * d, d * sizeof *x), (uint32_t)i };
    memset(drop, 0, n);
    qsort(key, n, sizeof *key, by_hash);
    for (size_t i = 1; i < n; i++)
        for (size_t j = i; j-- > 0 && key[j].hash == key[i].hash && !drop[key[i].at];)
            drop[key[i].at] = memcmp(x + key[i].at * d, x + key[j].at * d, d * sizeof *x) == 0;
    for (size_t i = 0; i < n; i++)
        if (!drop[i]) memmove(x + kept++ * d, x + i * d, d * sizeof *x);
    return kept;
}

static eg_status different(const float *x, size_t n, size_t d, const eg_allocator *alloc,
                           float *out, size_t *kept)
{
    struct egi_arena arena;
    const struct egi_need needs[] = { { n, sizeof(struct hashed) }, { n, 1 } };
    EGI_TRY(egi_arena_create(alloc, needs, EGI_COUNT(needs), "points", &arena));
    memcpy(out, x, n * d * sizeof *x);
    *kept = keep_different(out, n, d, arena.part[0], arena.part[1]);
    egi_arena_destroy(&arena);
    return EG_OK;
}

/* ---- what was asked for ---- */

struct asked {
    const struct egi_estimator *row;
    eg_dimension_options options;
};

/* "gride", or "gride:4" with a scale of its own, "mle:5" with its own number of neighbours. */
static eg_status find_row(const char *name, const eg_dimension_options *o, struct asked *out)
{
    const size_t n = strcspn(name, ":");
    char *end = NULL;
    out->options = *o;
    for (size_t i = 0; (out->row = egi_estimator_row(i)) != NULL; i++) {
        const struct egi_estimator *row = out->row;
        if (strlen(row->row.name) != n || strncmp(row->row.name, name, n) != 0) continue;
        if (name[n] == '\0') return EG_OK;
        const size_t own = row->own != EGI_OWN_NONE ? strtoul(name + n + 1, &end, 10) : 0;
        const size_t least = row->own == EGI_OWN_K ? 3 : 1;
        *(row->own == EGI_OWN_K ? &out->options.k : &out->options.scale) = own;
        if (end != NULL && *end == '\0' && own >= least && own <= INT32_MAX) return EG_OK;
        if (row->own == EGI_OWN_NONE)
            return egi_fail(EG_ERR_INVALID, "\"%s\": expected %.*s", name, (int)n, name);
        return egi_fail(EG_ERR_INVALID,
                        "\"%s\": expected %.*s or a number of %zu or more behind a "
                        "colon: %s",
                        name, (int)n, name, least,
                        row->own == EGI_OWN_K ? "neighbours" : "its scale");
    }
    return egi_fail(EG_ERR_INVALID, "no estimator of dimension is named \"%s\"", name);
}

static eg_status check_options(const eg_dimension_options *o)
{
    if (o->k < 3) return egi_fail(EG_ERR_INVALID, "k is %zu, expected 3 or more", o->k);
    if (o->scale < 1) return egi_fail(EG_ERR_INVALID, "scale is 0, expected 1 or more");
    if (o->scale >= o->k)
        return egi_fail(EG_ERR_INVALID, "scale is %zu, expected less than k = %zu", o->scale, o->k);
    if (!(o->discard >= 0 && o->discard < 1))
        return egi_fail(EG_ERR_INVALID, "discard is %g, expected 0 to below 1", o->discard);
    return EG_OK;
}

/* ---- the statistic of each point ---- */

struct measuring {
    const struct egi_cloud *cloud;
    const struct egi_estimator *row;
    double *statistic; /* (N, EGI_STATISTICS) */
    double *work;      /* (workers, room) */
    size_t room;       /* whole lines: LAPACK's last bits depend on where its matrix begins */
};

static void one_statistic(void *arg, size_t i, size_t worker)
{
    const struct measuring *m = arg;
    m->row->statistic(m->cloud, i, m->work + worker * m->room, m->statistic + i * EGI_STATISTICS);
}

static int rising(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median_square(const struct egi_cloud *c, size_t k, double *scratch)
{
    for (size_t i = 0; i < c->n; i++) scratch[i] = c->square[i * c->k + k - 1];
    qsort(scratch, c->n, sizeof *scratch, rising);
    return c->n % 2 == 1 ? scratch[c->n / 2] : (scratch[c->n / 2 - 1] + scratch[c->n / 2]) / 2;
}

static double mean_distance(const struct egi_cloud *c, size_t k)
{
    double sum = 0;
    for (size_t i = 0; i < c->n; i++) sum += sqrt(c->square[i * c->k + k - 1]) / (double)c->n;
    return sum;
}

/* ---- the bootstrap ---- */

static void draw(const eg_dimension_options *o, size_t sample, size_t n, uint32_t *weight)
{
    memset(weight, 0, n * sizeof *weight);
    for (size_t i = 0; i < n; i++) weight[eg_random_below(o->seed, STREAM_DRAW + sample, i, n)]++;
}

static double quantile(const double *sorted, size_t n, double p)
{
    const double at = p * (double)(n - 1);
    const size_t low = (size_t)at;
    return low + 1 < n ? sorted[low] + (at - (double)low) * (sorted[low + 1] - sorted[low])
                       : sorted[low];
}

static eg_status resample(const struct egi_cloud *c, const struct egi_estimator *row,
                          const double *statistic, uint32_t *weight, double *value,
                          eg_dimension *out)
{
    const size_t samples = c->options->resample;
    double mean = 0, square = 0;
    for (size_t s = 0; s < samples; s++) {
        EGI_TRY(egi_report(c->options->progress, "bootstrap", s, samples));
        draw(c->options, s, c->n, weight);
        value[s] = row->combine(c, statistic, weight, c->n);
        mean += value[s] / (double)samples;
    }
    for (size_t s = 0; s < samples; s++) square += (value[s] - mean) * (value[s] - mean);
    qsort(value, samples, sizeof *value, rising);
    out->error = samples > 1 ? sqrt(square / (double)(samples - 1)) : (double)NAN;
    out->low = samples > 1 ? quantile(value, samples, 0.025) : (double)NAN;
    out->high = samples > 1 ? quantile(value, samples, 0.975) : (double)NAN;
    return EG_OK;
}

static eg_status estimate(const struct egi_cloud *c, const struct egi_estimator *row,
                          eg_dimension *out)
{
    const size_t workers = (size_t)egi_thread_count(c->options->threads);
    const size_t line = EGI_ALIGN / sizeof(double), room = row->work != NULL ? row->work(c) : 0;
    struct measuring m = { .cloud = c, .row = row, .room = (room + line - 1) / line * line };
    struct egi_arena arena;
    size_t statistics, work;
    EGI_TRY(egi_mul_size(c->n, EGI_STATISTICS, &statistics));
    EGI_TRY(egi_mul_size(workers, m.room, &work));
    const struct egi_need needs[] = { { statistics, sizeof(double) },
                                      { work, sizeof(double) },
                                      { c->n, sizeof(uint32_t) },
                                      { c->options->resample, sizeof(double) } };
    EGI_TRY(egi_arena_create(c->options->alloc, needs, EGI_COUNT(needs), "dimension", &arena));
    m.statistic = arena.part[0];
    m.work = arena.part[1];
    uint32_t *weight = arena.part[2];
    egi_parallel_workers(c->n, c->options->threads, one_statistic, &m);
    if (row->sorted) qsort(m.statistic, c->n, EGI_STATISTICS * sizeof(double), rising);
    for (size_t i = 0; i < c->n; i++) weight[i] = 1;
    out->value = row->combine(c, m.statistic, weight, c->n);
    out->points = c->n;
    out->radius = mean_distance(c, row->neighbours(c->options));
    eg_status s = EG_OK;
    if (!isfinite(out->value))
        s = egi_fail(EG_ERR_INVALID,
                     "%s: distances to neighbours do not differ, so that no "
                     "dimension can be read off them",
                     row->row.name);
    if (s == EG_OK) s = resample(c, row, m.statistic, weight, arena.part[3], out);
    egi_arena_destroy(&arena);
    return s;
}

/* ---- all together ---- */

static eg_status count_pairs(struct egi_cloud *c, double *scratch, double *within)
{
    c->radius[0] = median_square(c, c->options->scale, scratch);
    c->radius[1] = median_square(c, c->options->k, scratch);
    EGI_TRY(egi_count_within(c->x, c->n, c->d, c->radius, c->options->threads, c->options->progress,
                             c->options->alloc, within));
    c->within = within;
    return EG_OK;
}

static eg_status measure(const struct egi_cloud *points, const struct asked *asked, size_t count,
                         int counts, eg_dimension *out)
{
    struct egi_cloud c = *points;
    const eg_dimension_options *o = c.options;
    struct egi_arena arena;
    size_t pairs, within;
    EGI_TRY(egi_mul_size(c.n, c.k, &pairs));
    EGI_TRY(egi_mul_size(c.n, EGI_RADII, &within));
    const struct egi_need needs[] = { { pairs, sizeof(double) },
                                      { pairs, sizeof(uint32_t) },
                                      { counts ? within : 0, sizeof(double) },
                                      { counts ? c.n : 0, sizeof(double) } };
    EGI_TRY(egi_arena_create(o->alloc, needs, EGI_COUNT(needs), "dimension", &arena));
    double *square = arena.part[0];
    uint32_t *at = arena.part[1];
    const eg_search_options how = { o->threads, o->progress, o->alloc };
    eg_status s = eg_neighbours(c.x, c.n, c.d, c.k, &how, square, at);
    c.square = square;
    c.at = at;
    if (s == EG_OK && counts) s = count_pairs(&c, arena.part[3], arena.part[2]);
    for (size_t i = 0; i < count && s == EG_OK; i++) {
        c.options = &asked[i].options;
        s = estimate(&c, asked[i].row, &out[i]);
    }
    egi_arena_destroy(&arena);
    return s;
}

eg_status eg_dimension_estimate(const float *x, size_t n, size_t d, const char *const *names,
                                size_t count, const eg_dimension_options *options,
                                eg_dimension *out)
{
    const eg_dimension_options usual = EG_DIMENSION_OPTIONS_INIT;
    eg_dimension_options given = options != NULL ? *options : usual;
    const eg_dimension_options *o = &given;
    struct asked asked[NAMES_MAX];
    struct egi_cloud c = { .d = d, .k = 1, .options = o };
    int counts = 0;
    size_t cells;
    void *own;
    if (given.alloc == NULL) given.alloc = eg_allocator_default();
    if (count > NAMES_MAX)
        return egi_fail(EG_ERR_LIMIT, "%zu estimators, expected up to %d", count, NAMES_MAX);
    EGI_TRY(check_options(o));
    for (size_t i = 0; i < count; i++) {
        EGI_TRY(find_row(names[i], o, &asked[i]));
        const size_t k = asked[i].row->neighbours(&asked[i].options);
        c.k = k > c.k ? k : c.k;
        counts |= asked[i].row->counts;
    }
    EGI_TRY(egi_mul_size(n, d, &cells));
    EGI_TRY(egi_check_points(x, n, d));
    EGI_TRY(egi_alloc_array(o->alloc, cells, sizeof(float), "points", &own));
    eg_status s = different(x, n, d, o->alloc, own, &c.n);
    c.x = own;
    if (s == EG_OK && c.n < c.k + 1)
        s = egi_fail(EG_ERR_INVALID,
                     "%zu points, of which %zu differ: expected %zu or more for %zu neighbours", n,
                     c.n, c.k + 1, c.k);
    for (size_t i = 0; i < count && s == EG_OK; i++) out[i] = (eg_dimension){ .equal = n - c.n };
    if (s == EG_OK) s = measure(&c, asked, count, counts, out);
    egi_free(o->alloc, own, cells * sizeof(float));
    return s;
}
