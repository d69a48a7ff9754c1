/* The rows of the association with a way back, written once over a few vector primitives. Included
 * by kernel_attend_<row>.c only, which defines before: ROW, ROW_ALWAYS and ROW_SLOT (attributes of
 * a function of this row), REAL, V, LANES, v_set1, v_load, v_store, v_add, v_sub, v_mul, v_fma,
 * v_max and v_exp2, which is exactly 0 at -infinity and far below 0.
 *
 * Scores lie as s[key * QUERIES + query], so that vectors run along queries. All five products are
 * one small product of a tile that stays in the first cache: c (m, n) from a (m, k), read an
 * element at a time in any order, and b (k, n), read in vectors. Scores are in units of log 2: q
 * comes multiplied by log2(e). */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EGI_ATTEND_ROW_H
#define EGI_ATTEND_ROW_H

#include <math.h>
#include <string.h>

enum { QUERIES = EGI_ATTEND_QUERIES, KEYS = EGI_ATTEND_KEYS };
#define HIDDEN ((REAL)-1e30) /* finite, so that 0 s tells a number that is not */
#define LOG2_E ((REAL)1.4426950408889634)
#define LOG_2 ((REAL)0.6931471805599453)

/* ---- products of tiles ---- */

struct grid {
    const REAL *at; /* element (m, k) is at[m row + k column] */
    size_t row, column;
};

struct lines {
    REAL *at; /* line i begins at at + i ld */
    size_t ld;
};

ROW_ALWAYS void block(struct grid a, size_t k, struct lines b, struct lines c, int adds,
                      const size_t nm, const size_t nv)
{
    V acc[8][2];
    UNROLL for (size_t i = 0; i < nm; i++)
    {
        UNROLL for (size_t j = 0; j < nv; j++) acc[i][j] = v_set1(0);
    }
    for (size_t l = 0; l < k; l++) {
        V x[2];
        UNROLL for (size_t j = 0; j < nv; j++) x[j] = v_load(b.at + l * b.ld + j * LANES);
        UNROLL for (size_t i = 0; i < nm; i++)
        {
            const V w = v_set1(a.at[i * a.row + l * a.column]);
            UNROLL for (size_t j = 0; j < nv; j++) acc[i][j] = v_fma(w, x[j], acc[i][j]);
        }
    }
    UNROLL for (size_t i = 0; i < nm; i++)
    {
        UNROLL for (size_t j = 0; j < nv; j++)
        {
            REAL *to = c.at + i * c.ld + j * LANES;
            v_store(to, adds ? v_add(v_load(to), acc[i][j]) : acc[i][j]);
        }
    }
}

/* nv vectors of columns: rows in blocks of nm, and the rest in smaller ones. */
/* NOLINTNEXTLINE(readability-function-size) */
ROW_ALWAYS void column(struct grid a, size_t m, size_t k, struct lines b, struct lines c, int adds,
                       const size_t nm, const size_t nv)
{
    while (m > 0) {
        size_t done = nm;
        if (m >= nm)
            block(a, k, b, c, adds, nm, nv);
        else if (m >= 2)
            block(a, k, b, c, adds, done = 2, nv);
        else
            block(a, k, b, c, adds, done = 1, nv);
        a.at += done * a.row;
        c.at += done * c.ld;
        m -= done;
    }
}

struct sizes {
    size_t m, n, k; /* n a multiple of LANES */
    int adds;
};

/* c = a b, or c += a b. */
ROW void product(const struct sizes *s, struct grid a, struct lines b, struct lines c)
{
    size_t j = 0;
    for (; j + 2 * LANES <= s->n; j += 2 * LANES)
        column(a, s->m, s->k, (struct lines){ b.at + j, b.ld }, (struct lines){ c.at + j, c.ld },
               s->adds, 4, 2);
    if (j < s->n)
        column(a, s->m, s->k, (struct lines){ b.at + j, b.ld }, (struct lines){ c.at + j, c.ld },
               s->adds, 8, 1);
}

/* ---- what a block of queries and a tile of keys are ---- */

static inline size_t to_lanes(size_t n)
{
    return (n + LANES - 1) / LANES * LANES;
}

struct work {
    const struct egi_attend *a;
    REAL s[KEYS * QUERIES], dp[KEYS * QUERIES];
    REAL shift[QUERIES], delta[QUERIES], sum[QUERIES];
    size_t first, n, lanes; /* queries of the block; n rounded up to vectors */
    REAL *xt, *x;           /* (d, QUERIES) times log2(e); (QUERIES, round d) */
    REAL *gt, *g;           /* (dv, QUERIES), (QUERIES, round dv) */
    REAL *total, *part;     /* (max(d, dv), QUERIES) */
    REAL *k, *v;            /* (KEYS, d), (KEYS, dv) gathered */
    REAL *dk, *dvalue;      /* (keys, round d), (keys, round dv) */
};

/* Gradients by keys are summed where they belong, if their rows are whole vectors. */
static int is_direct(const struct egi_attend *a, const void *out, size_t d)
{
    return out != NULL && a->seen == NULL && to_lanes(d) == d;
}

/* Arrays of a scratch, one after the other. The way forward uses those before g alone. */
static void begin(struct work *w, const struct egi_attend *a)
{
    REAL *at = a->scratch;
    const size_t d = to_lanes(a->d), dv = to_lanes(a->dv), most = d > dv ? d : dv;
    w->a = a;
    w->xt = at, at += d * QUERIES;
    w->total = at, at += most * QUERIES;
    w->part = at, at += most * QUERIES;
    w->k = at, at += d * KEYS;
    w->v = at, at += dv * KEYS;
    w->x = at, at += d * QUERIES;
    w->gt = at, at += dv * QUERIES;
    w->g = at, at += dv * QUERIES;
    w->dk = at, at += d * a->keys;
    w->dvalue = at;
    if (is_direct(a, a->dk, a->d)) w->dk = a->dk;
    if (is_direct(a, a->dvalue, a->dv)) w->dvalue = a->dvalue;
}

/* Columns (n, QUERIES) of rows x (queries, n), times a factor; lanes past the last are 0. */
static void turn(const struct work *w, const REAL *x, size_t ld, size_t n, REAL factor, REAL *to)
{
    for (size_t c = 0; c < n; c++)
        for (size_t i = 0; i < w->lanes; i++)
            to[c * QUERIES + i] = i < w->n ? x[i * ld + c] * factor : 0;
}

/* The queries from `first` on. */
static void begin_block(struct work *w, size_t first)
{
    const struct egi_attend *a = w->a;
    w->first = first;
    w->n = a->queries - first < QUERIES ? a->queries - first : QUERIES;
    w->lanes = to_lanes(w->n);
    turn(w, (const REAL *)a->q + first * a->ldq, a->ldq, a->d, LOG2_E, w->xt);
}

/* Rows first .. of x, where they lie or gathered in `room`. */
static struct grid tile_of(const struct egi_attend *a, const void *x, size_t ld, size_t d,
                           size_t first, size_t rows, REAL *room)
{
    const REAL *from = x;
    if (a->seen == NULL) return (struct grid){ from + first * ld, ld, 1 };
    for (size_t j = 0; j < rows; j++)
        memcpy(room + j * d, from + a->seen[first + j] * ld, d * sizeof *room);
    return (struct grid){ room, d, 1 };
}

/* How many pairs of the tile are hidden. */
static size_t hidden_pairs(const struct work *w, size_t first, size_t rows)
{
    const struct egi_attend *a = w->a;
    const REAL *hidden = a->hidden;
    size_t count = 0;
    for (size_t i = 0; hidden != NULL && i < w->n; i++)
        for (size_t j = 0; j < rows; j++) {
            const size_t key = a->seen != NULL ? a->seen[first + j] : first + j;
            count +=
                hidden[(ptrdiff_t)(w->first + i) * a->hidden_q + (ptrdiff_t)key * a->hidden_k] != 0;
        }
    return count;
}

static void hide(struct work *w, size_t first, size_t rows)
{
    const struct egi_attend *a = w->a;
    const REAL *hidden = a->hidden;
    for (size_t i = 0; i < w->n; i++)
        for (size_t j = 0; j < rows; j++) {
            const size_t key = a->seen != NULL ? a->seen[first + j] : first + j;
            if (hidden[(ptrdiff_t)(w->first + i) * a->hidden_q + (ptrdiff_t)key * a->hidden_k] != 0)
                w->s[j * QUERIES + i] = HIDDEN;
        }
}

/* Scores of the tile that begins at key `first`; 0 where no query sees any of them. */
static int scores(struct work *w, size_t first, size_t rows, struct grid k)
{
    const size_t count = hidden_pairs(w, first, rows);
    if (count == rows * w->n) return 0;
    const struct sizes size = { rows, w->lanes, w->a->d, 0 };
    product(&size, k, (struct lines){ w->xt, QUERIES }, (struct lines){ w->s, QUERIES });
    if (count > 0) hide(w, first, rows);
    return 1;
}

/* s <- 2^(s - shift); their sums by query, in order. */
ROW void weigh(struct work *w, size_t rows)
{
    for (size_t l = 0; l < w->lanes; l += LANES) {
        const V shift = v_load(w->shift + l);
        V sum = v_set1(0);
        for (size_t j = 0; j < rows; j++) {
            REAL *at = w->s + j * QUERIES + l;
            const V p = v_exp2(v_sub(v_load(at), shift));
            sum = v_add(sum, p);
            v_store(at, p);
        }
        v_store(w->sum + l, sum);
    }
}

/* ---- forward ---- */

/* What a query has gathered so far. */
struct state {
    REAL most[QUERIES], sum[QUERIES]; /* largest score; sum of 2^(s - most) */
    REAL flaw[QUERIES];               /* 0, or NaN after a score that is not finite */
};

ROW void maxima(const struct work *w, size_t rows, struct state *state)
{
    for (size_t l = 0; l < w->lanes; l += LANES) {
        V m = v_load(state->most + l), flaw = v_load(state->flaw + l);
        for (size_t j = 0; j < rows; j++) {
            const V s = v_load(w->s + j * QUERIES + l);
            m = v_max(s, m);
            flaw = v_fma(s, v_set1(0), flaw);
        }
        v_store(state->most + l, m);
        v_store(state->flaw + l, flaw);
    }
}

/* total <- total factor + what the tile adds. */
ROW void add_tile(struct work *w, size_t rows, struct grid v, const REAL *factor)
{
    const size_t dv = w->a->dv;
    const struct sizes size = { dv, w->lanes, rows, 0 };
    product(&size, (struct grid){ v.at, v.column, v.row }, (struct lines){ w->s, QUERIES },
            (struct lines){ w->part, QUERIES });
    for (size_t c = 0; c < dv; c++)
        for (size_t l = 0; l < w->lanes; l += LANES) {
            REAL *at = w->total + c * QUERIES + l;
            v_store(at, v_fma(v_load(at), v_load(factor + l), v_load(w->part + c * QUERIES + l)));
        }
}

static void forward_tile(struct work *w, size_t first, struct state *state)
{
    const struct egi_attend *a = w->a;
    const size_t rows = a->keys - first < KEYS ? a->keys - first : KEYS;
    REAL factor[QUERIES];
    const struct grid k = tile_of(a, a->k, a->ldk, a->d, first, rows, w->k);
    if (!scores(w, first, rows, k)) return;
    memcpy(factor, state->most, sizeof factor);
    maxima(w, rows, state);
    for (size_t i = 0; i < w->lanes; i++) {
        const REAL most = state->most[i];
        w->shift[i] = most <= HIDDEN ? 0 : most;
        factor[i] = factor[i] == most ? 1 : (REAL)exp2((double)(factor[i] - most));
    }
    weigh(w, rows);
    add_tile(w, rows, tile_of(a, a->v, a->ldv, a->dv, first, rows, w->v), factor);
    for (size_t i = 0; i < w->lanes; i++) state->sum[i] = state->sum[i] * factor[i] + w->sum[i];
}

ROW_SLOT void forward(const struct egi_attend *a)
{
    struct work w;
    begin(&w, a);
    for (size_t first = 0; first < a->queries; first += QUERIES) {
        struct state state = { .sum = { 0 } };
        begin_block(&w, first);
        for (size_t i = 0; i < QUERIES; i++) state.most[i] = HIDDEN;
        memset(w.total, 0, a->dv * QUERIES * sizeof *w.total);
        for (size_t key = 0; key < a->keys; key += KEYS) forward_tile(&w, key, &state);
        for (size_t i = 0; i < w.n; i++) {
            REAL *y = (REAL *)a->y + (first + i) * (a->dv + 1);
            const int none = state.most[i] <= HIDDEN;
            const REAL scale = none ? 0 : 1 / state.sum[i], flaw = state.flaw[i];
            for (size_t c = 0; c < a->dv; c++) y[c] = w.total[c * QUERIES + i] * scale + flaw;
            const REAL log_sum = state.most[i] + (REAL)log2((double)state.sum[i]);
            y[a->dv] = (none ? -INFINITY : log_sum * LOG_2) + flaw;
        }
    }
}

/* ---- the way back ---- */

/* Rows of g or q with zeros up to whole vectors. */
static void widen(const struct work *w, const REAL *x, size_t ld, size_t n, REAL *to)
{
    const size_t wide = to_lanes(n);
    for (size_t i = 0; i < w->n; i++)
        for (size_t c = 0; c < wide; c++) to[i * wide + c] = c < n ? x[i * ld + c] : 0;
}

static void begin_back(struct work *w)
{
    const struct egi_attend *a = w->a;
    const size_t ld = a->dv + 1;
    const REAL *g = (const REAL *)a->g + w->first * ld, *y = (const REAL *)a->y + w->first * ld;
    widen(w, (const REAL *)a->q + w->first * a->ldq, a->ldq, a->d, w->x);
    widen(w, g, ld, a->dv, w->g);
    turn(w, g, ld, a->dv, 1, w->gt);
    for (size_t i = 0; i < w->lanes; i++) {
        w->shift[i] = w->delta[i] = 0;
        if (i >= w->n || y[i * ld + a->dv] == -INFINITY) continue;
        REAL sum = 0;
        for (size_t c = 0; c < a->dv; c++) sum += g[i * ld + c] * y[i * ld + c];
        w->delta[i] = sum - g[i * ld + a->dv];
        w->shift[i] = y[i * ld + a->dv] * LOG2_E;
    }
    memset(w->total, 0, a->d * QUERIES * sizeof *w->total);
}

/* dp <- p (dp - delta) */
ROW void differentiate(struct work *w, size_t rows)
{
    for (size_t l = 0; l < w->lanes; l += LANES) {
        const V delta = v_load(w->delta + l);
        for (size_t j = 0; j < rows; j++) {
            REAL *at = w->dp + j * QUERIES + l;
            v_store(at, v_mul(v_load(w->s + j * QUERIES + l), v_sub(v_load(at), delta)));
        }
    }
}

ROW void back_tile(struct work *w, size_t first)
{
    const struct egi_attend *a = w->a;
    const size_t rows = a->keys - first < KEYS ? a->keys - first : KEYS;
    const size_t d = to_lanes(a->d), dv = to_lanes(a->dv);
    const struct grid k = tile_of(a, a->k, a->ldk, a->d, first, rows, w->k);
    if (!scores(w, first, rows, k)) return;
    weigh(w, rows);
    struct sizes size = { rows, dv, w->n, 1 };
    if (a->dvalue != NULL)
        product(&size, (struct grid){ w->s, QUERIES, 1 }, (struct lines){ w->g, dv },
                (struct lines){ w->dvalue + first * dv, dv });
    if (a->dq == NULL && a->dk == NULL) return;
    size = (struct sizes){ rows, w->lanes, a->dv, 0 };
    product(&size, tile_of(a, a->v, a->ldv, a->dv, first, rows, w->v),
            (struct lines){ w->gt, QUERIES }, (struct lines){ w->dp, QUERIES });
    differentiate(w, rows);
    size = (struct sizes){ rows, d, w->n, 1 };
    if (a->dk != NULL)
        product(&size, (struct grid){ w->dp, QUERIES, 1 }, (struct lines){ w->x, d },
                (struct lines){ w->dk + first * d, d });
    size = (struct sizes){ a->d, w->lanes, rows, 1 };
    if (a->dq != NULL)
        product(&size, (struct grid){ k.at, 1, k.row }, (struct lines){ w->dp, QUERIES },
                (struct lines){ w->total, QUERIES });
}

static void give_keys(const struct egi_attend *a, const REAL *from, size_t d, void *out)
{
    const size_t wide = to_lanes(d);
    for (size_t j = 0; out != NULL && from != out && j < a->keys; j++)
        memcpy((REAL *)out + (a->seen != NULL ? a->seen[j] : j) * d, from + j * wide,
               d * sizeof *from);
}

ROW_SLOT void back(const struct egi_attend *a)
{
    struct work w;
    begin(&w, a);
    if (a->dk != NULL) memset(w.dk, 0, a->keys * to_lanes(a->d) * sizeof *w.dk);
    if (a->dvalue != NULL) memset(w.dvalue, 0, a->keys * to_lanes(a->dv) * sizeof *w.dk);
    for (size_t first = 0; first < a->queries; first += QUERIES) {
        begin_block(&w, first);
        begin_back(&w);
        for (size_t key = 0; key < a->keys; key += KEYS) back_tile(&w, key);
        for (size_t i = 0; a->dq != NULL && i < w.n; i++)
            for (size_t c = 0; c < a->d; c++)
                ((REAL *)a->dq)[(first + i) * a->d + c] = w.total[c * QUERIES + i];
    }
    give_keys(a, w.dk, a->d, a->dk);
    give_keys(a, w.dvalue, a->dv, a->dvalue);
}

#define EGI_ATTEND_SLOTS LANES, forward, back

#endif
