/* Answers: scores to a class, how sure that is, what counts as unknown, and who voted.
 *
 * Unknown: of n examples of known classes the scores of their own answers are kept, sorted (or 64
 * order statistics of them). The p-value of a vector with score s is (1 + #{kept <= s}) / (n + 1):
 * for an example exchangeable with those it is at most a with probability at most a (Vovk,
 * Gammerman and Shafer 2005, prop. 2.2), where the examples were not taught. Where they were, and
 * are left out while they are scored, that is no theorem: the head that scores them lacks a few
 * that the head which answers has. Between two order statistics that are kept the greater count is
 * taken, so that no more are called unknown. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "hybrid/egi_head.h"

static eg_status check(const char *who, const eg_head *h, const float *x, size_t n)
{
    if (h == NULL || (x == NULL && n > 0))
        return egi_fail(EG_ERR_INVALID, "%s: %s is NULL", who, h == NULL ? "head" : "x");
    if (h->taught == 0) return egi_fail(EG_ERR_INVALID, "%s: no class is known yet", who);
    return egi_head_check(who, h, x, n);
}

static eg_status make_ready(eg_head *h)
{
    if (h->ready) return EG_OK;
    egi_head_settle(h);
    EGI_TRY(h->row->prepare(h));
    h->ready = 1;
    return EG_OK;
}

/* score (K) of h->u. */
static eg_status score_all(eg_head *h, float *score)
{
    EGI_TRY(h->row->scores != NULL ? h->row->scores(h, h->u, score)
                                   : egi_linear_scores(h, h->u, score));
    for (size_t c = 0; c < h->classes; c++)
        if (egi_head_counts(h)[c] == 0) score[c] = -INFINITY;
    return EG_OK;
}

static size_t best_of(const float *score, size_t k, size_t but)
{
    size_t best = SIZE_MAX;
    for (size_t c = 0; c < k; c++)
        if (c != but && score[c] > -INFINITY && (best == SIZE_MAX || score[c] > score[best]))
            best = c;
    return best;
}

/* ---- how sure ---- */

/* log sum_c exp(t (score_c - top)) */
static double log_sum(const float *score, size_t k, double top, double t)
{
    double sum = 0;
    for (size_t c = 0; c < k; c++)
        if (score[c] > -INFINITY) sum += exp(t * ((double)score[c] - top));
    return log(sum);
}

static size_t kept(const struct egi_calibration *c)
{
    return c->examples < EGI_HEAD_GRID ? (size_t)c->examples : EGI_HEAD_GRID;
}

/* Rank among n, from 1, of the order statistic that is kept as number i from 0. */
static size_t rank_of(const struct egi_calibration *c, size_t i)
{
    return (size_t)((double)(i + 1) * (double)c->examples / (double)kept(c));
}

static double typical(const struct egi_calibration *c, float score)
{
    const size_t n = (size_t)c->examples, grid = kept(c);
    size_t below = 0;
    while (below < grid && c->score[below] <= score) below++;
    const size_t most = below < grid ? rank_of(c, below) - 1 : n;
    return n > 0 ? (1 + (double)most) / ((double)n + 1) : 1;
}

static double temperature_of(const eg_head *h)
{
    const struct egi_calibration *c = egi_head_calibration(h);
    return c->examples > 0 ? (double)c->temperature : (double)h->row->temperature;
}

static eg_head_answer answer_of(const eg_head *h, const float *score)
{
    const struct egi_calibration *c = egi_head_calibration(h);
    const size_t best = best_of(score, h->classes, SIZE_MAX);
    const size_t next = best_of(score, h->classes, best);
    const double p = typical(c, score[best]);
    return (eg_head_answer){
        .label = (int32_t)best,
        .second = next == SIZE_MAX ? -1 : (int32_t)next,
        .score = score[best],
        .confidence =
            (float)exp(-log_sum(score, h->classes, (double)score[best], temperature_of(h))),
        .typical = (float)p,
        .known = !(p <= (double)c->share),
    };
}

static eg_status answer_one(eg_head *h, const float *x, float *score, eg_head_answer *out)
{
    egi_head_front(h, x);
    EGI_TRY(score_all(h, score));
    if (best_of(score, h->classes, SIZE_MAX) == SIZE_MAX)
        return egi_fail(EG_ERR_DIVERGED, "eg_head_predict: no score is a number");
    *out = answer_of(h, score);
    return EG_OK;
}

eg_status eg_head_predict(eg_head *h, const float *x, size_t n, eg_head_answer *answer,
                          float *scores)
{
    void *block;
    EGI_TRY(check("eg_head_predict", h, x, n));
    if (answer == NULL && n > 0) return egi_fail(EG_ERR_INVALID, "eg_head_predict: answer is NULL");
    EGI_TRY(make_ready(h));
    EGI_TRY(egi_alloc_array(h->alloc, h->classes, sizeof(float), "head: scores", &block));
    eg_status s = EG_OK;
    for (size_t i = 0; i < n && s == EG_OK; i++) {
        s = answer_one(h, x + i * h->d, block, answer + i);
        if (s == EG_OK && scores != NULL)
            memcpy(scores + i * h->classes, block, h->classes * sizeof *scores);
    }
    egi_free(h->alloc, block, h->classes * sizeof(float));
    return s;
}

/* ---- calibration ---- */

struct trial {
    float *scores; /* (N, K) */
    float *own;    /* (N) of the answers */
    const int32_t *y;
    size_t n, k;
};

/* Of the right class, and with the weight that is left of the best other one. */
static double loss_at(const struct trial *t, double temperature)
{
    const double sure = ((double)t->n + 1) / ((double)t->n + 2);
    double loss = 0;
    for (size_t i = 0; i < t->n; i++) {
        const float *score = t->scores + i * t->k;
        const size_t right = (size_t)t->y[i], other = best_of(score, t->k, right);
        const double top = (double)t->own[i];
        /* an only example that was forgotten has left its class without a score */
        if (!(score[right] > -INFINITY) || other == SIZE_MAX) continue;
        loss +=
            log_sum(score, t->k, top, temperature)
            - temperature * (sure * (double)score[right] + (1 - sure) * (double)score[other] - top);
    }
    return loss;
}

/* Log loss is convex in the temperature: golden section in its logarithm. */
static double best_temperature(const struct trial *t)
{
    const double golden = (sqrt(5) - 1) / 2;
    double lo = log(1e-3), hi = log(1e5);
    for (int i = 0; i < 60; i++) {
        const double a = hi - golden * (hi - lo), b = lo + golden * (hi - lo);
        if (loss_at(t, exp(a)) <= loss_at(t, exp(b)))
            hi = b;
        else
            lo = a;
    }
    return exp((lo + hi) / 2);
}

static void set_calibration(eg_head *h, const struct trial *t, double share)
{
    struct egi_calibration c = { (float)t->n, (float)share, (float)best_temperature(t), { 0 } };
    egi_vectors_sort(t->own, t->n);
    for (size_t i = 0; i < kept(&c); i++) c.score[i] = t->own[rank_of(&c, i) - 1];
    *egi_head_calibration(h) = c;
}

/* Examples that are left out together, gathered. */
struct fold {
    float *x;    /* (room, D) */
    int32_t *y;  /* (room) */
    size_t *who; /* (room) which they are */
    size_t n, room;
};

/* The examples of one turn from number `from` on; where the next may be. */
static size_t gather(const eg_head *h, const float *x, const struct trial *t, const size_t *turn,
                     size_t wanted, size_t from, struct fold *f)
{
    f->n = 0;
    for (; from < t->n && f->n < f->room; from++) {
        if (turn[from] != wanted) continue;
        memcpy(f->x + f->n * h->d, x + from * h->d, h->d * sizeof *x);
        f->y[f->n] = t->y[from];
        f->who[f->n++] = from;
    }
    return from;
}

static eg_status score_one(eg_head *h, const float *x, size_t i, struct trial *t)
{
    eg_head_answer answer;
    float *score = t->scores + i * t->k;
    EGI_TRY(eg_head_predict(h, x, 1, &answer, score));
    for (size_t c = h->classes; c < t->k; c++) score[c] = -INFINITY;
    t->own[i] = answer.score;
    return EG_OK;
}

/* They are not among what the head knows while they are scored. */
static eg_status score_left_out(eg_head *h, const struct fold *f, struct trial *t)
{
    EGI_TRY(eg_head_forget(h, f->x, f->y, f->n));
    eg_status s =
        h->taught > 0 ? EG_OK : egi_fail(EG_ERR_INVALID, "eg_head_calibrate: one example alone");
    for (size_t i = 0; i < f->n && s == EG_OK; i++) s = score_one(h, f->x + i * h->d, f->who[i], t);
    const eg_status back = eg_head_teach(h, f->x, f->y, f->n);
    return s == EG_OK ? back : s;
}

/* Of each class its first example, then its second .. : left out together they leave the shares of
 * the classes what they are, and so the mean of all, which one alone would move away from itself.
 * Never more than half of what is known at a time. */
static eg_status leave_out(eg_head *h, const float *x, struct trial *t)
{
    struct egi_arena a;
    const size_t half = h->taught > 1 ? (size_t)h->taught / 2 : 1;
    const size_t room = half < t->k ? half : t->k;
    size_t cells, turns = 0;
    EGI_TRY(egi_mul_size(room, h->d, &cells));
    const struct egi_need needs[] = { { cells, sizeof(float) }, { room, sizeof(int32_t) },
                                      { room, sizeof(size_t) }, { t->n, sizeof(size_t) },
                                      { t->k, sizeof(size_t) }, { egi_items_bytes(h), 1 } };
    EGI_TRY(egi_arena_create(h->alloc, needs, EGI_COUNT(needs), "head: left out", &a));
    struct fold f = { a.part[0], a.part[1], a.part[2], 0, room };
    size_t *turn = a.part[3], *met = a.part[4];
    const uint64_t numbered = h->numbered;
    eg_status s = EG_OK;
    memset(met, 0, t->k * sizeof *met);
    for (size_t i = 0; i < t->n; i++) {
        turn[i] = met[t->y[i]]++;
        if (turn[i] >= turns) turns = turn[i] + 1;
    }
    egi_items_copy(h, a.part[5], 0);
    for (size_t k = 0; k < turns && s == EG_OK; k++)
        for (size_t next = 0; next < t->n && s == EG_OK;) {
            next = gather(h, x, t, turn, k, next, &f);
            if (f.n > 0) s = score_left_out(h, &f, t);
        }
    egi_items_copy(h, a.part[5], 1); /* in their order, with their numbers */
    h->numbered = numbered;
    egi_arena_destroy(&a);
    return s;
}

static eg_status run_trial(eg_head *h, const float *x, int held, struct trial *t)
{
    if (!held) return leave_out(h, x, t);
    for (size_t i = 0; i < t->n; i++) EGI_TRY(score_one(h, x + i * h->d, i, t));
    return EG_OK;
}

eg_status eg_head_calibrate(eg_head *h, const float *x, const int32_t *y, size_t n, int held,
                            double share)
{
    struct egi_arena a;
    char can[EGI_HEAD_NAMES];
    EGI_TRY(check("eg_head_calibrate", h, x, n));
    if (y == NULL || n == 0 || n > 1 << 24 || !(share >= 0 && share < 1))
        return egi_fail(EG_ERR_INVALID,
                        "eg_head_calibrate: %zu examples, share %g: expected 1 .. 2^24, 0 .. 1", n,
                        share);
    for (size_t i = 0; i < n; i++)
        if (y[i] < 0 || eg_head_class_count(h, (size_t)y[i]) == 0)
            return egi_fail(EG_ERR_INVALID, "eg_head_calibrate: example %zu: class %d is not known",
                            i, (int)y[i]);
    if (!held && !(h->row->kind.can & EG_HEAD_FORGETS))
        return egi_fail(EG_ERR_UNSUPPORTED,
                        "eg_head_calibrate: a head of kind %s needs examples that it was not "
                        "taught (held = 1); these leave out what they are asked: %s",
                        h->row->kind.name, egi_head_kinds(EG_HEAD_FORGETS, can));
    size_t cells;
    EGI_TRY(egi_mul_size(n, h->classes, &cells));
    const struct egi_need needs[] = { { cells, sizeof(float) }, { n, sizeof(float) } };
    EGI_TRY(egi_arena_create(h->alloc, needs, EGI_COUNT(needs), "head: calibration", &a));
    struct trial t = { a.part[0], a.part[1], y, n, h->classes };
    const eg_status s = run_trial(h, x, held, &t);
    if (s == EG_OK) set_calibration(h, &t, share);
    egi_arena_destroy(&a);
    return s;
}

/* ---- who voted ---- */

static int stronger(const void *a, const void *b)
{
    const eg_head_vote *x = a, *y = b;
    if (x->weight < y->weight || x->weight > y->weight) return x->weight < y->weight ? 1 : -1;
    return (x->voter > y->voter) - (x->voter < y->voter);
}

static void rank(const eg_head *h, const float *weight, size_t n, eg_head_vote *all)
{
    const int64_t *number = h->row->items ? h->at[EGI_ITEM_NUMBER] : NULL;
    for (size_t i = 0; i < n; i++)
        all[i] = (eg_head_vote){ number != NULL ? (uint64_t)number[i] : i, weight[i] };
    qsort(all, n, sizeof *all, stronger);
}

eg_status eg_head_votes(eg_head *h, const float *x, size_t label, eg_head_vote *vote, size_t room,
                        size_t *found)
{
    struct egi_arena a;
    EGI_TRY(check("eg_head_votes", h, x, 1));
    if ((vote == NULL && room > 0) || found == NULL)
        return egi_fail(EG_ERR_INVALID, "eg_head_votes: NULL");
    if (eg_head_class_count(h, label) == 0)
        return egi_fail(EG_ERR_INVALID, "eg_head_votes: class %zu is not known", label);
    EGI_TRY(make_ready(h));
    const size_t n = h->row->voters != NULL ? h->row->voters(h) : h->e;
    const struct egi_need needs[] = { { n, sizeof(float) }, { n, sizeof(eg_head_vote) } };
    EGI_TRY(egi_arena_create(h->alloc, needs, EGI_COUNT(needs), "head: votes", &a));
    egi_head_front(h, x);
    const eg_status s = h->row->votes != NULL ? h->row->votes(h, h->u, label, a.part[0])
                                              : egi_linear_votes(h, h->u, label, a.part[0]);
    if (s == EG_OK) {
        rank(h, a.part[0], n, a.part[1]);
        const eg_head_vote *all = a.part[1];
        *found = 0;
        while (*found < room && *found < n && all[*found].weight > 0) {
            vote[*found] = all[*found];
            ++*found;
        }
    }
    egi_arena_destroy(&a);
    return s;
}
