/* Cells: k-means of the keys in two stages, so that N patterns are compared with about 2 sqrt(K)
 * centres each and not with K. First sqrt(K) groups, then each group is cut into cells in
 * proportion to its size. Either stage: k-means++ (Arthur and Vassilvitskii 2007) and Lloyd's
 * rounds on a sample, then every pattern goes to its nearest centre; in the end a centre is the
 * mean of its cell.
 *
 * Then what lies far from its centre is compared with all centres.
 *
 * Nothing here decides what is right: any centres and any assignment give bounds that hold. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "assoc/egi_associate.h"
#include "engram/random.h"
#include "hybrid/egi_routed.h"

enum {
    STREAM = 0x524f5554, /* "ROUT" */
    SAMPLE = 64,         /* patterns a centre in a sample */
    BLOCK = 1024,        /* patterns compared with centres at a time */
    MOST_CELLS = 1 << 24
};

#define STRAY 1.5 /* square distances beyond this times the median cell's are looked into */

/* Some centres. */
struct centres {
    float *at;   /* (k, D) */
    float *bias; /* (k) -|centre|^2 / 2 */
    size_t k;
};

/* The workspace of every run of k-means. */
struct cutter {
    const eg_routed *r;
    const float *origin;
    struct egi_arena arena;
    uint64_t stream;
    float *key;                  /* (sample, D) */
    float *bias, *score, *near;  /* (sample) */
    double *sum;                 /* (k, D) */
    size_t *size;                /* (k) */
    uint32_t *label;             /* (sample) */
    struct egi_assoc_stat *stat; /* (BLOCK) */
    double *one;                 /* (D) */
};

static size_t most(size_t a, size_t b)
{
    return a > b ? a : b;
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* For runs of up to k centres. */
static eg_status cutter_create(const eg_routed *r, const float *origin, size_t k, struct cutter *c)
{
    const size_t d = r->m->d, sample = most(least(SAMPLE * k, r->m->n), BLOCK);
    size_t keys, sums;
    EGI_TRY(egi_mul_size(sample, d, &keys));
    EGI_TRY(egi_mul_size(k, d, &sums));
    const struct egi_need needs[] = {
        { keys, sizeof(float) }, { 3 * sample, sizeof(float) }, { sums, sizeof(double) },
        { k, sizeof(size_t) },   { sample, sizeof(uint32_t) },  { BLOCK, sizeof *c->stat },
        { d, sizeof(double) },
    };
    *c = (struct cutter){ .r = r, .origin = origin, .stream = STREAM };
    EGI_TRY(egi_arena_create(r->alloc, needs, EGI_COUNT(needs), "routed: cells", &c->arena));
    c->key = c->arena.part[0];
    c->bias = c->arena.part[1];
    c->score = c->bias + sample;
    c->near = c->score + sample;
    c->sum = c->arena.part[2];
    c->size = c->arena.part[3];
    c->label = c->arena.part[4];
    c->stat = c->arena.part[5];
    c->one = c->arena.part[6];
    return EG_OK;
}

static void take_key(struct cutter *c, size_t item, float *key)
{
    const eg_memory *m = c->r->m;
    egi_routed_key(c->r, c->origin, m->backend->rows(m) + item * m->d, c->one);
    for (size_t j = 0; j < m->d; j++) key[j] = (float)c->one[j];
}

static void set_bias(const float *key, size_t n, size_t d, float *bias)
{
    for (size_t i = 0; i < n; i++) {
        double sum = 0;
        for (size_t j = 0; j < d; j++) sum += (double)key[i * d + j] * (double)key[i * d + j];
        bias[i] = (float)(-sum / 2);
    }
}

/* The nearest centre to each of n <= BLOCK keys, by <key, centre> - |centre|^2 / 2. */
static eg_status label_keys(struct cutter *c, const struct centres *to, const float *key, size_t n,
                            uint32_t *label)
{
    const struct egi_keys keys = { to->at, to->k, c->r->m->d, to->bias, NULL };
    const struct egi_transform pick = { EGI_TRANSFORM_EXP, 1, 1, NULL };
    const struct egi_association a = { &keys, NULL, 0, &pick, key, NULL, n, NULL };
    EGI_TRY(egi_associate(&a, c->r->options.threads, c->r->alloc, NULL, c->stat));
    for (size_t i = 0; i < n; i++) label[i] = (uint32_t)c->stat[i].best;
    return EG_OK;
}

/* k-means++ on n keys: the next centre is a key with probability as its square distance from
 * those before. Fewer than k where nothing is left apart. */
static void begin_centres(struct cutter *c, size_t n, size_t k, struct centres *to)
{
    const size_t d = c->r->m->d;
    const double unit = 0x1p-53;
    const uint64_t seed = c->r->options.seed, bound = (uint64_t)1 << 53;
    const struct egi_keys keys = { c->key, n, d, c->bias, NULL };
    size_t chosen = (size_t)eg_random_below(seed, c->stream, 0, n);
    set_bias(c->key, n, d, c->bias);
    for (size_t i = 0; i < n; i++) c->near[i] = INFINITY;
    for (to->k = 0; to->k < k; to->k++) {
        float *centre = to->at + to->k * d, *bias = to->bias + to->k;
        double all = 0;
        memcpy(centre, c->key + chosen * d, d * sizeof *centre);
        *bias = c->bias[chosen];
        egi_scores(&keys, centre, *bias, c->r->options.threads, c->score);
        for (size_t i = 0; i < n; i++) {
            c->near[i] = fminf(c->near[i], fmaxf(-c->score[i], 0));
            all += (double)c->near[i];
        }
        const double at = all * unit * (double)eg_random_below(seed, c->stream, to->k + 1, bound);
        double sum = (double)c->near[0];
        for (chosen = 0; sum <= at && chosen + 1 < n;) sum += (double)c->near[++chosen];
        if (!(c->near[chosen] > 0) || !isfinite(all)) {
            to->k++;
            return;
        }
    }
}

/* Centres become the means of the keys that carry their labels; one without any stays. */
static void move_centres(struct cutter *c, size_t n, const struct centres *to)
{
    const size_t d = c->r->m->d;
    memset(c->sum, 0, to->k * d * sizeof *c->sum);
    memset(c->size, 0, to->k * sizeof *c->size);
    for (size_t i = 0; i < n; i++) {
        const size_t t = c->label[i];
        c->size[t]++;
        for (size_t j = 0; j < d; j++) c->sum[t * d + j] += (double)c->key[i * d + j];
    }
    for (size_t t = 0; t < to->k; t++)
        for (size_t j = 0; j < d && c->size[t] > 0; j++)
            to->at[t * d + j] = (float)(c->sum[t * d + j] / (double)c->size[t]);
    set_bias(to->at, to->k, d, to->bias);
}

/* k centres, or fewer, of n > 0 items. */
static eg_status find_centres(struct cutter *c, const size_t *item, size_t n, size_t k,
                              struct centres *to)
{
    const size_t sample = least(n, SAMPLE * k), d = c->r->m->d;
    for (size_t i = 0; i < sample; i++)
        take_key(c, item[i * (n / sample) + i * (n % sample) / sample], c->key + i * d);
    c->stream++;
    begin_centres(c, sample, k, to);
    for (size_t t = 0; t < c->r->options.rounds && to->k > 1; t++) {
        for (size_t from = 0; from < sample; from += BLOCK)
            EGI_TRY(
                label_keys(c, to, c->key + from * d, least(BLOCK, sample - from), c->label + from));
        move_centres(c, sample, to);
    }
    return EG_OK;
}

/* label[item] = first + nearest centre, for n items. */
static eg_status label_items(struct cutter *c, const struct centres *to, const size_t *item,
                             size_t n, size_t first, uint32_t *label)
{
    const size_t d = c->r->m->d;
    for (size_t from = 0; from < n; from += BLOCK) {
        const size_t q = least(BLOCK, n - from);
        for (size_t i = 0; i < q; i++) take_key(c, item[from + i], c->key + i * d);
        EGI_TRY(label_keys(c, to, c->key, q, c->label));
        for (size_t i = 0; i < q; i++) label[item[from + i]] = (uint32_t)first + c->label[i];
    }
    return EG_OK;
}

/* Items in the order of their labels: order (n), begin (k + 1). */
static void sort_labels(const uint32_t *label, size_t n, size_t k, size_t *order, size_t *begin)
{
    memset(begin, 0, (k + 1) * sizeof *begin);
    for (size_t i = 0; i < n; i++) begin[label[i] + 1]++;
    for (size_t t = 0; t < k; t++) begin[t + 1] += begin[t];
    for (size_t i = 0; i < n; i++) order[begin[label[i]]++] = i;
    for (size_t t = k; t > 0; t--) begin[t] = begin[t - 1];
    begin[0] = 0;
}

eg_status egi_cells_create(const eg_routed *r, size_t count, struct egi_cells *cells)
{
    const size_t d = r->m->d;
    size_t floats;
    EGI_TRY(egi_mul_size(count, d, &floats));
    const struct egi_need needs[] = {
        { d, sizeof(float) },      { floats, sizeof(float) }, { count, sizeof(float) },
        { count, sizeof(double) }, { count, sizeof(double) }, { count, sizeof(double) },
    };
    *cells = (struct egi_cells){ .count = count };
    EGI_TRY(egi_arena_create(r->alloc, needs, EGI_COUNT(needs), "routed: cells", &cells->arena));
    cells->origin = cells->arena.part[0];
    cells->centre = cells->arena.part[1];
    cells->bias = cells->arena.part[2];
    cells->radius = cells->arena.part[3];
    cells->norm = cells->arena.part[4];
    cells->log_weight = cells->arena.part[5];
    return EG_OK;
}

/* The mean of all where keys are differences from it, else 0. */
static void set_origin(const eg_routed *r, double *sum, float *origin)
{
    const eg_memory *m = r->m;
    const float *rows = m->backend->rows(m);
    const int centred = egi_routed_form(r->similarity)->centred;
    memset(sum, 0, m->d * sizeof *sum);
    for (size_t i = 0; i < m->n && centred; i++)
        for (size_t j = 0; j < m->d; j++) sum[j] += (double)rows[i * m->d + j];
    for (size_t j = 0; j < m->d; j++) origin[j] = (float)(sum[j] / (double)m->n);
}

/* Stage 1: items by group, item (n) and begin (groups + 1). */
static eg_status group_items(const eg_routed *r, const float *origin, struct centres *groups,
                             size_t k, uint32_t *label, size_t *item, size_t *begin)
{
    struct cutter c;
    EGI_TRY(cutter_create(r, origin, k, &c));
    for (size_t i = 0; i < r->m->n; i++) item[i] = i;
    eg_status s = find_centres(&c, item, r->m->n, k, groups);
    if (s == EG_OK) s = label_items(&c, groups, item, r->m->n, 0, label);
    if (s == EG_OK) sort_labels(label, r->m->n, groups->k, item, begin);
    egi_arena_destroy(&c.arena);
    return s;
}

/* The cells that a group of some size gets. */
static size_t share(const eg_routed *r, size_t k, size_t size)
{
    const double own = (double)k * (double)size / (double)r->m->n;
    return least(size, most(1, (size_t)own));
}

/* Stage 2, of a group: more cells from cells->count on. */
static eg_status cut_group(struct cutter *c, const size_t *item, size_t n, size_t k,
                           struct egi_cells *cells, uint32_t *cell)
{
    const size_t first = cells->count, d = c->r->m->d;
    struct centres to = { cells->centre + first * d, cells->bias + first, 0 };
    EGI_TRY(find_centres(c, item, n, k, &to));
    EGI_TRY(label_items(c, &to, item, n, first, cell));
    cells->count += to.k;
    return EG_OK;
}

static eg_status cut_groups(const eg_routed *r, const size_t *item, const size_t *begin,
                            size_t groups, size_t k, struct egi_cells *cells, uint32_t *cell)
{
    const eg_progress *progress = r->options.progress;
    size_t largest = 0;
    for (size_t g = 0; g < groups; g++) largest = most(largest, begin[g + 1] - begin[g]);
    struct cutter c;
    EGI_TRY(cutter_create(r, cells->origin, share(r, k, largest), &c));
    eg_status s = EG_OK;
    cells->count = 0;
    for (size_t g = 0; g < groups && s == EG_OK; g++) {
        const size_t size = begin[g + 1] - begin[g];
        s = egi_report(progress, "routed: cells", g, groups);
        if (s == EG_OK && size > 0)
            s = cut_group(&c, item + begin[g], size, share(r, k, size), cells, cell);
    }
    egi_arena_destroy(&c.arena);
    return s == EG_OK ? egi_report(progress, "routed: cells", groups, groups) : s;
}

/* Centres to the means of their cells, cells without a pattern gone. sum: (K, D + 1) scratch. */
static void settle(const eg_routed *r, struct egi_cells *cells, double *sum, size_t *size,
                   uint32_t *cell)
{
    const eg_memory *m = r->m;
    const size_t d = m->d;
    double *key = sum + cells->count * d;
    memset(sum, 0, cells->count * d * sizeof *sum);
    memset(size, 0, cells->count * sizeof *size);
    for (size_t i = 0; i < m->n; i++) {
        egi_routed_key(r, cells->origin, m->backend->rows(m) + i * d, key);
        size[cell[i]]++;
        for (size_t j = 0; j < d; j++) sum[cell[i] * d + j] += key[j];
    }
    size_t kept = 0;
    for (size_t t = 0; t < cells->count; t++) {
        const double by = (double)size[t];
        for (size_t j = 0; j < d && size[t] > 0; j++)
            cells->centre[kept * d + j] = (float)(sum[t * d + j] / by);
        const size_t place = kept;
        kept += size[t] > 0;
        size[t] = place;
    }
    for (size_t i = 0; i < m->n; i++) cell[i] = (uint32_t)size[cell[i]];
    cells->count = kept;
    set_bias(cells->centre, kept, d, cells->bias);
}

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Patterns far from their centre, by the usual distance in a cell: groups cut clusters in two, and
 * what is alone in its group lies in a cell of others, which it makes wide. Listed in item; their
 * number. spread: (K + D) scratch. */
static size_t find_strays(const eg_routed *r, const struct egi_cells *cells, const uint32_t *cell,
                          double *spread, size_t *size, float *far, size_t *item)
{
    const eg_memory *m = r->m;
    const size_t d = m->d, k = cells->count;
    double *key = spread + k;
    size_t strays = 0;
    memset(spread, 0, k * sizeof *spread);
    memset(size, 0, k * sizeof *size);
    for (size_t i = 0; i < m->n; i++) {
        double square = 0;
        egi_routed_key(r, cells->origin, m->backend->rows(m) + i * d, key);
        for (size_t j = 0; j < d; j++) {
            const double by = key[j] - (double)cells->centre[cell[i] * d + j];
            square += by * by;
        }
        far[i] = (float)square;
        spread[cell[i]] += square;
        size[cell[i]]++;
    }
    for (size_t c = 0; c < k; c++) spread[c] /= (double)size[c];
    qsort(spread, k, sizeof *spread, ascending);
    for (size_t i = 0; i < m->n; i++)
        if ((double)far[i] > STRAY * spread[k / 2]) item[strays++] = i;
    return strays;
}

/* The cells asked for, or about as many as a query then looks at patterns of the nearest ones. */
static size_t cells_wanted(const eg_routed *r)
{
    const size_t n = r->m->n, usual = (size_t)(4 * sqrt((double)n));
    return least(most(1, r->options.cells > 0 ? r->options.cells : usual), least(n, MOST_CELLS));
}

eg_status egi_cells_cut(const eg_routed *r, struct egi_cells *cells, uint32_t *cell)
{
    const size_t n = r->m->n, d = r->m->d, k = cells_wanted(r);
    const size_t groups = (size_t)ceil(sqrt((double)k)), room = k + groups;
    EGI_TRY(egi_cells_create(r, room, cells));
    const struct egi_need needs[] = {
        { groups * d, sizeof(float) },  { groups, sizeof(float) },        { n, sizeof(size_t) },
        { groups + 1, sizeof(size_t) }, { room * d + d, sizeof(double) }, { room, sizeof(size_t) },
        { n, sizeof(float) },
    };
    struct egi_arena arena;
    EGI_TRY(egi_arena_create(r->alloc, needs, EGI_COUNT(needs), "routed: cells", &arena));
    struct centres to = { arena.part[0], arena.part[1], 0 };
    size_t *item = arena.part[2], *begin = arena.part[3];
    set_origin(r, arena.part[4], cells->origin);
    eg_status s = group_items(r, cells->origin, &to, groups, cell, item, begin);
    if (s == EG_OK) s = cut_groups(r, item, begin, to.k, k, cells, cell);
    if (s == EG_OK) {
        settle(r, cells, arena.part[4], arena.part[5], cell);
        const size_t strays =
            find_strays(r, cells, cell, arena.part[4], arena.part[5], arena.part[6], item);
        s = egi_cells_assign(r, cells, item, strays, cell);
    }
    if (s == EG_OK) settle(r, cells, arena.part[4], arena.part[5], cell);
    egi_arena_destroy(&arena);
    return s;
}

eg_status egi_cells_assign(const eg_routed *r, const struct egi_cells *cells, const size_t *at,
                           size_t n, uint32_t *cell)
{
    struct cutter c;
    const struct centres to = { cells->centre, cells->bias, cells->count };
    EGI_TRY(cutter_create(r, cells->origin, 1, &c));
    const eg_status s = label_items(&c, &to, at, n, 0, cell);
    egi_arena_destroy(&c.arena);
    return s;
}
