/* Nearest neighbours (Cover and Hart 1967) under any row of the table of similarities, and the
 * nearest class mean.
 *
 * The k examples most alike vote with weights exp(beta (s - s_1)), s_1 the largest similarity:
 * beta = 0 counts votes, and with k = N it is one step of a modern Hopfield network whose keys are
 * the examples and whose values are their labels (Ramsauer et al. 2021, section 3). Of equal
 * similarities the first example is the nearer.
 *
 * Two bags are as alike as their instances: `closest`, the pair most alike (minimal Hausdorff,
 * Wang and Zucker 2000), or `mean`, over the instances asked about, of the one most alike. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "assoc/egi_associate.h"
#include "engram/association.h"
#include "nn/egi_kind.h"
#include "nn/egi_learner.h"

static const char *const similarities[] = { "dot",       "cosine",  "euclidean",
                                            "manhattan", "hamming", NULL };
static const char *const bags[] = { "closest", "mean", NULL };

struct settings {
    size_t k;
    int similarity, bag;
    double beta;
};

static const struct egi_setting knn_settings[] = {
    EGI_SET_COUNT(struct settings, k, "5", 1, 1e9, "neighbours that vote, at most all"),
    EGI_SET_WORD(struct settings, similarity, "\"euclidean\"", similarities,
                 "a row of the table of similarities"),
    EGI_SET_NUMBER(struct settings, beta, "0", 0, 1e9, "votes weigh exp(beta s); 0: alike"),
    EGI_SET_WORD(struct settings, bag, "\"closest\"", bags, "of bags: which instances count"),
    EGI_SET_END,
};

struct knn {
    const float *x;        /* (R, D) */
    const int32_t *y;      /* (N) */
    const int32_t *offset; /* (N + 1) of bags, else NULL */
    size_t n, rows;
    struct egi_keys keys; /* of dot, cosine, euclidean */
    struct egi_arena arena;
};

/* ---- what is kept ---- */

static eg_status fit_knn(struct eg_learner *l, const eg_examples *e)
{
    const size_t rows = e->offset != NULL ? e->offset[e->n] : e->n;
    if (rows > INT32_MAX)
        return egi_fail(EG_ERR_LIMIT, "knn: %zu rows, expected up to %d", rows, INT32_MAX);
    EGI_TRY(egi_fitted_keep(l, "examples", EG_F32, &eg_shape_of(rows, l->task.inputs), e->x));
    EGI_TRY(egi_fitted_keep(l, "classes", EG_I32, &eg_shape_of(e->n), e->y));
    if (e->offset == NULL) return EG_OK;
    size_t at;
    EGI_TRY(eg_params_add(l->params, "offset", EG_I32, &eg_shape_of(e->n + 1), &at));
    int32_t *to = eg_params_at(l->params, at)->value;
    for (size_t i = 0; i <= e->n; i++) to[i] = (int32_t)e->offset[i];
    return EG_OK;
}

static eg_status check_offset(const struct knn *s)
{
    for (size_t i = 0; i < s->n; i++)
        if (s->offset[0] != 0 || s->offset[i + 1] <= s->offset[i])
            return egi_fail(EG_ERR_CORRUPT, "offset[%zu]: %d after %d", i + 1, s->offset[i + 1],
                            s->offset[i]);
    if ((size_t)s->offset[s->n] != s->rows)
        return egi_fail(EG_ERR_CORRUPT, "offset: ends with %d, expected %zu", s->offset[s->n],
                        s->rows);
    return EG_OK;
}

/* What a score by dot product needs besides: -|xi|^2 / 2, or 1 / |xi|. */
static eg_status make_keys(const struct eg_learner *l, struct knn *s)
{
    const struct settings *o = l->settings;
    const struct egi_need need = { s->rows, sizeof(float) };
    const size_t d = l->task.inputs;
    EGI_TRY(egi_arena_create(l->alloc, &need, 1, "knn", &s->arena));
    float *v = s->arena.part[0];
    for (size_t i = 0; i < s->rows; i++) {
        const double square = eg_similarity_value(EG_SIM_DOT, s->x + i * d, s->x + i * d, d);
        v[i] = (float)(o->similarity == EG_SIM_COSINE ? square > 0 ? 1 / sqrt(square) : 0
                                                      : -square / 2);
    }
    s->keys = (struct egi_keys){ s->x, s->rows, d, o->similarity == EG_SIM_EUCLIDEAN ? v : NULL,
                                 o->similarity == EG_SIM_COSINE ? v : NULL };
    return EG_OK;
}

static eg_status adopt_knn(struct eg_learner *l)
{
    struct knn *own = l->own, s = { .n = 0 };
    size_t d = l->task.inputs;
    const eg_param *x = egi_fitted_array(l, "examples", EG_F32, &s.rows, &d);
    const eg_param *y = egi_fitted_array(l, "classes", EG_I32, &s.n, NULL);
    if (x == NULL || y == NULL) return EG_ERR_CORRUPT;
    s.x = x->value;
    s.y = y->value;
    EGI_TRY(egi_learner_check_classes(l, s.y, s.n));
    if (l->task.bags) {
        size_t ends = s.n + 1;
        const eg_param *offset = egi_fitted_array(l, "offset", EG_I32, &ends, NULL);
        if (offset == NULL) return EG_ERR_CORRUPT;
        s.offset = offset->value;
        EGI_TRY(check_offset(&s));
    } else if (s.rows != s.n) {
        return egi_fail(EG_ERR_CORRUPT, "examples: %zu rows for %zu classes", s.rows, s.n);
    }
    EGI_TRY(make_keys(l, &s));
    if (own->arena.block != NULL) egi_arena_destroy(&own->arena);
    *own = s;
    return EG_OK;
}

static void destroy_knn(struct eg_learner *l)
{
    struct knn *s = l->own;
    if (s->arena.block != NULL) egi_arena_destroy(&s->arena);
}

/* ---- voting ---- */

struct asking {
    const struct eg_learner *l;
    const float *x;       /* (b, D), or the instances of one bag */
    size_t b, k, queries; /* queries: rows of x */
    float *s;             /* (workers, R) similarities with a row of x */
    float *alike;         /* (workers, N) of a bag */
    size_t *nearest;      /* (workers, k) */
    float *out;
};

static void compare(const struct asking *a, const float *x, float *s)
{
    const struct knn *own = a->l->own;
    const struct settings *o = a->l->settings;
    const eg_similarity row = (eg_similarity)o->similarity;
    const size_t d = a->l->task.inputs;
    if (row == EG_SIM_MANHATTAN || row == EG_SIM_HAMMING) {
        for (size_t i = 0; i < own->rows; i++)
            s[i] = (float)eg_similarity_value(row, own->x + i * d, x, d);
        return;
    }
    const double square = eg_similarity_value(EG_SIM_DOT, x, x, d);
    egi_scores(&own->keys, x, row == EG_SIM_EUCLIDEAN ? (float)(-square / 2) : 0, 1, s);
    if (row != EG_SIM_COSINE) return;
    const float by = square > 0 ? (float)(1 / sqrt(square)) : 0;
    for (size_t i = 0; i < own->rows; i++) s[i] *= by;
}

/* The k largest of s (n), the largest first, of equals the first. */
static void choose(const float *s, size_t n, size_t k, size_t *nearest)
{
    size_t have = 0;
    for (size_t i = 0; i < n; i++) {
        if (have == k && !(s[i] > s[nearest[k - 1]])) continue;
        size_t at = have < k ? have++ : k - 1;
        for (; at > 0 && s[i] > s[nearest[at - 1]]; at--) nearest[at] = nearest[at - 1];
        nearest[at] = i;
    }
}

static void vote(const struct asking *a, const float *s, size_t *nearest, float *out)
{
    const struct knn *own = a->l->own;
    const struct settings *o = a->l->settings;
    const size_t classes = a->l->task.classes;
    double sum = 0;
    choose(s, own->n, a->k, nearest);
    memset(out, 0, classes * sizeof *out);
    for (size_t r = 0; r < a->k; r++)
        sum += exp(o->beta * ((double)s[nearest[r]] - (double)s[nearest[0]]));
    for (size_t r = 0; r < a->k; r++) {
        const double w = exp(o->beta * ((double)s[nearest[r]] - (double)s[nearest[0]]));
        out[own->y[nearest[r]]] += (float)(w / sum);
    }
}

static void ask_vector(void *arg, size_t i, size_t worker)
{
    const struct asking *a = arg;
    const struct knn *own = a->l->own;
    float *s = a->s + worker * own->rows;
    compare(a, a->x + i * a->l->task.inputs, s);
    vote(a, s, a->nearest + worker * a->k, a->out + i * a->l->task.classes);
}

static void ask_bag(const struct asking *a)
{
    const struct knn *own = a->l->own;
    const struct settings *o = a->l->settings;
    for (size_t q = 0; q < a->queries; q++) {
        compare(a, a->x + q * a->l->task.inputs, a->s);
        for (size_t i = 0; i < own->n; i++) {
            float most = a->s[own->offset[i]];
            for (int32_t r = own->offset[i]; r < own->offset[i + 1]; r++)
                most = a->s[r] > most ? a->s[r] : most;
            const float mean = most / (float)a->queries;
            if (q == 0)
                a->alike[i] = o->bag == 0 ? most : mean;
            else if (o->bag == 1)
                a->alike[i] += mean;
            else
                a->alike[i] = most > a->alike[i] ? most : a->alike[i];
        }
    }
    vote(a, a->alike, a->nearest, a->out);
}

static eg_status scores_knn(struct eg_learner *l, const float *x, size_t b, float *out)
{
    const struct knn *own = l->own;
    const struct settings *o = l->settings;
    const size_t workers = l->offset != NULL ? 1 : (size_t)egi_thread_count(l->threads);
    const size_t k = o->k < own->n ? o->k : own->n;
    size_t rows, nearest;
    struct egi_arena arena;
    EGI_TRY(egi_mul_size(workers, own->rows, &rows));
    EGI_TRY(egi_mul_size(workers, k, &nearest));
    const struct egi_need needs[] = { { rows, sizeof(float) },
                                      { own->n, sizeof(float) },
                                      { nearest, sizeof(size_t) } };
    EGI_TRY(egi_arena_create(l->alloc, needs, EGI_COUNT(needs), "knn", &arena));
    struct asking a = { l,
                        x,
                        b,
                        k,
                        l->offset != NULL ? l->offset[1] : b,
                        arena.part[0],
                        arena.part[1],
                        arena.part[2],
                        out };
    const double work = (double)b * (double)own->rows * (double)l->task.inputs;
    if (l->offset != NULL)
        ask_bag(&a);
    else
        egi_parallel_workers(b, egi_crew(l->threads, work), ask_vector, &a);
    egi_arena_destroy(&arena);
    return EG_OK;
}

const struct egi_learner_row egi_learner_knn = {
    .kind = { "knn", "nearest neighbours: the examples most alike vote", "Cover and Hart 1967" },
    .settings = knn_settings,
    .settings_bytes = sizeof(struct settings),
    .own_bytes = sizeof(struct knn),
    .bags = 1,
    .destroy = destroy_knn,
    .fit = fit_knn,
    .adopt = adopt_knn,
    .scores = scores_knn,
};
