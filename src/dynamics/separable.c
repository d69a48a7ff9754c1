/* Random points that a plane through the origin parts as random labels say: Cover's count beside
 * samples. Labels turn points round, so that all have to lie on one side: where they do, the point
 * of their convex hull next to the origin is a normal of such a plane, and where they do not it is
 * the origin. Wolfe's method finds it in finitely many steps (Wolfe 1976, Mathematical Programming
 * 11, 128): points of a corral, which has no more than N + 1, are kept while their affine hull's
 * nearest point lies inside. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "dynamics/egi_network.h"
#include "kernel/egi_kernel_line.h"

enum { STEPS = 100 }; /* for each point, at most: it takes a few */

#define ORIGIN 1e-14 /* a square of a length that is the origin, of points of length 1 */

struct hull {
    const struct egi_kernels_line *kernels;
    size_t d, n; /* points so far */
    double *z;   /* (most, d) of length 1 */
    size_t corral, *at;
    double *weight, *next; /* (d + 2) of the corral's points */
    double *gram;          /* (d + 2, d + 2) */
    double *x;             /* (d) the nearest point */
};

static const double *point(const struct hull *h, size_t k)
{
    return h->z + h->at[k] * h->d;
}

static void place(struct hull *h)
{
    memset(h->x, 0, h->d * sizeof *h->x);
    for (size_t k = 0; k < h->corral; k++)
        for (size_t j = 0; j < h->d; j++) h->x[j] += h->weight[k] * point(h, k)[j];
}

/* Weights of sum 1 of the nearest point of the affine hull: 1 1^T + Z Z^T times them is constant.
 */
static int affine(struct hull *h)
{
    const size_t c = h->corral;
    double sum = 0;
    for (size_t i = 0; i < c; i++) {
        for (size_t j = 0; j <= i; j++)
            h->gram[i * c + j] = 1 + h->kernels->dot(point(h, i), point(h, j), h->d);
        h->next[i] = 1;
    }
    if (!egi_solve(h->kernels, c, h->gram, h->next)) return 0;
    for (size_t i = 0; i < c; i++) sum += h->next[i];
    for (size_t i = 0; i < c; i++) h->next[i] /= sum;
    return 1;
}

/* Towards next as far as weights stay at 0 or more; points that come to 0 go. Whether all went. */
static int walk(struct hull *h)
{
    double share = 1;
    size_t first = h->corral, kept = 0;
    for (size_t k = 0; k < h->corral; k++) {
        if (h->next[k] > 0) continue;
        const double here = h->weight[k] / (h->weight[k] - h->next[k]);
        if (first < h->corral && here >= share) continue;
        share = here;
        first = k;
    }
    for (size_t k = 0; k < h->corral; k++) {
        const double w = h->weight[k] + share * (h->next[k] - h->weight[k]);
        if (k == first || !(w > 0)) continue;
        h->at[kept] = h->at[k];
        h->weight[kept++] = w;
    }
    const int whole = first == h->corral;
    h->corral = kept;
    return whole;
}

/* 1: all n points lie on the side of x; 0: on no side; -1: it did not end. */
static int on_one_side(struct hull *h)
{
    for (size_t step = 0; step < STEPS * h->n; step++) {
        double least = INFINITY;
        size_t worst = 0;
        for (size_t i = 0; i < h->n; i++) {
            const double side = h->kernels->dot(h->x, h->z + i * h->d, h->d);
            if (side < least) least = side, worst = i;
        }
        if (least > 0) return 1;
        if (h->kernels->dot(h->x, h->x, h->d) < ORIGIN) return 0;
        h->at[h->corral] = worst;
        h->weight[h->corral++] = 0;
        do {
            if (!affine(h)) return 0; /* the origin is a mean of d + 1 of them */
        } while (!walk(h));
        place(h);
    }
    return -1;
}

/* The first number of points, up to `most`, that lie on no side; most + 1: none. 0: no end. */
static size_t parted(struct hull *h, size_t most, uint64_t seed, uint64_t stream)
{
    h->corral = 1;
    h->at[0] = 0;
    h->weight[0] = 1;
    for (h->n = 1; h->n <= most; h->n++) {
        double *z = h->z + (h->n - 1) * h->d;
        egi_normals(seed, stream, (h->n - 1) * h->d, h->d, z);
        const double by = 1 / sqrt(h->kernels->dot(z, z, h->d));
        for (size_t j = 0; j < h->d; j++) z[j] *= by;
        if (h->n == 1) place(h);
        const int side = on_one_side(h);
        if (side != 1) return side == 0 ? h->n : 0;
    }
    return most + 1;
}

static eg_status separable_samples(struct egi_dynamics *run)
{
    const eg_dynamics_options *o = run->options;
    const size_t d = egi_param_size(run, "N"), samples = egi_param_size(run, "samples");
    const size_t rows = run->out->rows, side = d + 2;
    const size_t most = (size_t)rint(*egi_row_at(run, rows - 1) * (double)d);
    const struct egi_need needs[] = { { most * d, sizeof(double) },
                                      { side, sizeof(size_t) },
                                      { 2 * side + d, sizeof(double) },
                                      { side * side, sizeof(double) },
                                      { samples * rows, sizeof(double) } };
    struct egi_arena arena;
    EGI_TRY(egi_arena_create(o->alloc, needs, EGI_COUNT(needs), "points", &arena));
    struct hull h = { .kernels = egi_kernels_line(egi_isa_level()),
                      .d = d,
                      .z = arena.part[0],
                      .at = arena.part[1],
                      .weight = arena.part[2],
                      .gram = arena.part[3] };
    double *shown = arena.part[4];
    h.next = h.weight + side;
    h.x = h.next + side;
    eg_status s = EG_OK;
    for (size_t i = 0; i < samples && s == EG_OK; i++) {
        const size_t end = parted(&h, most, o->seed, i);
        for (size_t k = 0; k < rows; k++)
            shown[i * rows + k] = rint(*egi_row_at(run, k) * (double)d) < (double)end;
        s = end > 0
                ? egi_report(o->progress, "samples", i + 1, samples)
                : egi_fail(EG_ERR_DIVERGED, "separable: sample %zu, %zu points: no end", i, h.n);
    }
    if (s == EG_OK) egi_mean_rows(run, shown, 1, samples, 2);
    egi_arena_destroy(&arena);
    return s;
}

eg_status egi_separable(struct egi_dynamics *run)
{
    const size_t rows = egi_param_size(run, "points");
    const double d = egi_param(run, "N");
    double low, high;
    EGI_TRY(egi_range(run, &low, &high));
    EGI_TRY(egi_rows(run, rows));
    for (size_t k = 0; k < rows; k++) {
        double *row = egi_row_at(run, k);
        row[0] = fmax(rint(egi_between(low, high, k, rows) * d), 1) / d; /* whole points */
        EGI_TRY(eg_theory_evaluate(eg_theory_find("separable"), (double[]){ rint(row[0] * d), d },
                                   &row[1]));
    }
    return egi_param_size(run, "samples") > 0 ? separable_samples(run) : EG_OK;
}
