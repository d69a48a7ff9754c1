/* Every operation against central differences in f64, first and second derivatives, with shapes
 * and values drawn at random. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_GRADIENT_CHECK_H
#define TESTS_GRADIENT_CHECK_H

#include "check.h"
#include "grad/egi_ops.h"
#include "grad/egi_tape_impl.h"

enum { MAX_INPUTS = 8, MAX_SIZE = 512, ROUNDS = 6 };

/* Draws of one round: a pure function of (case, round, how many came before). */
struct draw {
    uint64_t seed, at;
};

static inline size_t pick(struct draw *d, size_t low, size_t high)
{
    return low + (size_t)eg_random_below(d->seed, 1, d->at++, high - low + 1);
}

static inline double number(struct draw *d, double low, double high)
{
    float u;
    eg_random_uniform(d->seed, 2, d->at++, 1, &u);
    return low + (high - low) * (double)u;
}

static inline eg_shape any_shape(struct draw *d, size_t min_rank, size_t max_rank)
{
    eg_shape s = { .rank = pick(d, min_rank, max_rank) };
    for (size_t i = 0; i < s.rank; i++) s.dim[i] = pick(d, 1, 4);
    return s;
}

/* One case: inputs of the shapes that `shapes` chooses, values in [low, high] at least `gap`
 * from 0 (kinks), and what is computed of them. */
struct trial {
    struct draw d;
    size_t count;
    eg_shape shape[MAX_INPUTS];
    double n[4]; /* what the case has drawn for itself */
};

struct a_case {
    const char *name;
    void (*draw)(struct trial *c);
    eg_var (*f)(eg_tape *t, const eg_var *x, const struct trial *c);
    double low, high, gap;
};

static unsigned char reached[128]; /* rows of the table that some tape held */

static inline void note_rows(const eg_tape *t)
{
    for (size_t i = 0; i < t->count; i++)
        for (size_t row = 0; row < egi_ops_count; row++)
            if (t->node[i].op == egi_ops[row]) reached[row] = 1;
}

/* values[k] (shape k), and weights of the outputs and of the first derivatives. */
struct point {
    double x[MAX_INPUTS][MAX_SIZE], weight[MAX_SIZE], second[MAX_INPUTS][MAX_SIZE];
};

static inline void draw_point(const struct a_case *a, struct trial *c, struct point *p)
{
    for (size_t k = 0; k < c->count; k++)
        for (size_t i = 0; i < eg_shape_size(&c->shape[k]); i++) {
            do p->x[k][i] = number(&c->d, a->low, a->high);
            while (fabs(p->x[k][i]) < a->gap);
            p->second[k][i] = number(&c->d, -1, 1);
        }
    for (size_t i = 0; i < MAX_SIZE; i++) p->weight[i] = number(&c->d, -1, 1);
}

/* order 1: s = sum weight f(x). order 2: s = sum second ds/dx. Returns s, and ds/dx in g, by the
 * rules of a gradient that is kept or released. */
static inline double value_and_gradient(const struct a_case *a, const struct trial *c,
                                        const struct point *p, int order, int flags,
                                        double g[][MAX_SIZE])
{
    eg_tape *t;
    CHECK_OK(eg_tape_create(1, NULL, &t));
    eg_var x[MAX_INPUTS], dx[MAX_INPUTS];
    for (size_t k = 0; k < c->count; k++) x[k] = eg_leaf(t, EG_F64, &c->shape[k], p->x[k]);
    const eg_var y = a->f(t, x, c);
    const eg_shape out = eg_tape_shape(t, y);
    CHECK(eg_shape_size(&out) <= MAX_SIZE);
    const eg_var weight = eg_input(t, EG_F64, &out, p->weight);
    eg_var s = eg_sum(t, eg_mul(t, y, weight), EG_ALL_AXES, 0);
    CHECK_OK(eg_tape_status(t));
    if (order == 2) {
        CHECK_OK(eg_tape_gradient(t, s, EG_NONE, x, c->count, EG_GRADIENT_KEEP, dx));
        s = eg_number(t, EG_F64, 0);
        for (size_t k = 0; k < c->count; k++) {
            const eg_var w = eg_input(t, EG_F64, &c->shape[k], p->second[k]);
            if (dx[k].id == 0) continue;
            s = eg_add(t, s, eg_sum(t, eg_mul(t, dx[k], w), EG_ALL_AXES, 0));
        }
        CHECK_OK(eg_tape_status(t));
    }
    const double value = eg_tape_number(t, s);
    note_rows(t);
    if (g != NULL) {
        CHECK_OK(eg_tape_gradient(t, s, EG_NONE, x, c->count, flags, dx));
        for (size_t k = 0; k < c->count; k++) {
            const size_t n = eg_shape_size(&c->shape[k]);
            memset(g[k], 0, n * sizeof **g);
            if (dx[k].id == 0) continue;
            const eg_shape shape = eg_tape_shape(t, dx[k]);
            CHECK(egi_shape_equal(&shape, &c->shape[k]));
            memcpy(g[k], eg_tape_value(t, dx[k]), n * sizeof **g);
        }
    }
    eg_tape_destroy(t);
    return value;
}

/* The first derivative of what can be differentiated twice comes of other rules (composed of
 * operations) than a fused one: second differences of it alone would not see it wrong. */
static inline void check_kept(const struct a_case *a, const struct trial *c, const struct point *p)
{
    static double g[MAX_INPUTS][MAX_SIZE], kept[MAX_INPUTS][MAX_SIZE];
    value_and_gradient(a, c, p, 1, EG_GRADIENT_RELEASE, g);
    value_and_gradient(a, c, p, 1, EG_GRADIENT_KEEP, kept);
    for (size_t k = 0; k < c->count; k++)
        for (size_t i = 0; i < eg_shape_size(&c->shape[k]); i++)
            if (!(fabs(kept[k][i] - g[k][i]) <= 1e-9 * fmax(1, fabs(g[k][i]))))
                fail_msg("%s, input %zu[%zu]: kept %.12g, released %.12g", a->name, k, i,
                         kept[k][i], g[k][i]);
}

static inline void check_case(const struct a_case *a, uint64_t place, uint64_t round, int order)
{
    static struct point p;
    static double g[MAX_INPUTS][MAX_SIZE];
    struct trial c = { .d = { 1000 * place + round, 0 } };
    a->draw(&c);
    draw_point(a, &c, &p);
    value_and_gradient(a, &c, &p, order, EG_GRADIENT_RELEASE, g);
    if (order == 2) check_kept(a, &c, &p);
    const double h = 0x1p-17;
    double scale = 1; /* relative to the largest component of this case */
    for (size_t k = 0; k < c.count; k++)
        for (size_t i = 0; i < eg_shape_size(&c.shape[k]); i++) scale = fmax(scale, fabs(g[k][i]));
    for (size_t k = 0; k < c.count; k++)
        for (size_t i = 0; i < eg_shape_size(&c.shape[k]); i++) {
            const double at = p.x[k][i];
            p.x[k][i] = at + h;
            const double above = value_and_gradient(a, &c, &p, order, EG_GRADIENT_RELEASE, NULL);
            p.x[k][i] = at - h;
            const double below = value_and_gradient(a, &c, &p, order, EG_GRADIENT_RELEASE, NULL);
            p.x[k][i] = at;
            const double numeric = (above - below) / (2 * h);
            if (!(fabs(numeric - g[k][i]) <= 1e-6 * scale))
                fail_msg("%s, round %d, order %d, input %zu[%zu]: %.12g, by differences %.12g",
                         a->name, (int)round, order, k, i, g[k][i], numeric);
        }
}

static inline void check_cases(const struct a_case *cases, size_t count, int order)
{
    for (size_t k = 0; k < count; k++)
        for (uint64_t round = 0; round < ROUNDS; round++) check_case(&cases[k], k, round, order);
}

/* After check_cases(): a row that no case has reached fails. */
static inline void check_all_reached(const struct egi_op *const *rows, size_t count)
{
    for (size_t k = 0; k < count; k++)
        for (size_t row = 0; row < egi_ops_count; row++)
            if (egi_ops[row] == rows[k] && rows[k]->backward != NULL && !reached[row])
                fail_msg("no case reaches the operation %s", rows[k]->info.name);
}

#endif
