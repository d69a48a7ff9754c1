/* The interferometric transform of a graph: what averages, and eigenvectors in pairs.
 *
 * The kernel of I - D^-1/2 E D^-1/2 has one vector for each connected part, sqrt(d_v) on it, which
 * is known without eigenvectors; 3 v v^T is added for each, so that they come last of all, and what
 * comes before is the rest in rising order. Rows of F: the pairs (a - i b) / sqrt 2 (the conjugate:
 * coefficients are <atom, x>) at a's frequency and (a + i b) / sqrt 2 at b's; then the kernel. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <lapacke.h>
#include <math.h>
#include <string.h>

#include "measure/egi_interferometric.h"

enum { V_MAX = 4096 };

struct graph {
    const double *edge; /* (v, v) */
    size_t v, parts;
    size_t *part;   /* (v) of each node */
    size_t *stack;  /* (v) */
    double *degree; /* (v) */
    double *root;   /* (v) sqrt of degrees, of a node without edges 1; over the norm of its part */
    double *vector; /* (v, v) the Laplacian, then rows: eigenvectors */
    double *value;  /* (v) */
};

static eg_status check(const double *edge, size_t v)
{
    int between = 0;
    if (v < 2) return egi_fail(EG_ERR_INVALID, "graph: %zu nodes, expected 2 or more", v);
    if (v > V_MAX) return egi_fail(EG_ERR_LIMIT, "graph: %zu nodes, expected up to %d", v, V_MAX);
    for (size_t i = 0; i < v; i++)
        for (size_t j = 0; j < v; j++) {
            const double w = edge[i * v + j];
            if (!(w >= 0 && isfinite(w)) || w != edge[j * v + i])
                return egi_fail(EG_ERR_INVALID,
                                "graph: from node %zu to %zu %g, back %g; expected the same, 0 or "
                                "more",
                                i, j, w, edge[j * v + i]);
            between |= i != j && w > 0;
        }
    return between ? EG_OK : egi_fail(EG_ERR_INVALID, "graph: no edge between two nodes");
}

/* Connected parts, numbered by their first node. */
static void find_parts(struct graph *g)
{
    for (size_t i = 0; i < g->v; i++) g->part[i] = g->v;
    for (size_t i = 0; i < g->v; i++) {
        if (g->part[i] < g->v) continue;
        size_t have = 0;
        g->part[i] = g->parts;
        g->stack[have++] = i;
        while (have > 0) {
            const size_t from = g->stack[--have];
            for (size_t j = 0; j < g->v; j++) {
                if (!(g->edge[from * g->v + j] > 0) || g->part[j] < g->v) continue;
                g->part[j] = g->parts;
                g->stack[have++] = j;
            }
        }
        g->parts++;
    }
}

/* The Laplacian with its kernel moved to 3; roots. g->value holds norms of parts meanwhile. */
static void fill_laplacian(struct graph *g)
{
    const size_t v = g->v;
    for (size_t p = 0; p < g->parts; p++) g->value[p] = 0;
    for (size_t i = 0; i < v; i++) {
        g->degree[i] = 0;
        for (size_t j = 0; j < v; j++) g->degree[i] += g->edge[i * v + j];
        g->root[i] = g->degree[i] > 0 ? sqrt(g->degree[i]) : 1;
        g->value[g->part[i]] += g->root[i] * g->root[i];
    }
    for (size_t i = 0; i < v; i++)
        for (size_t j = 0; j < v; j++) {
            const double same = g->part[i] == g->part[j] ? 3 / g->value[g->part[i]] : 0;
            const double over = g->root[i] * g->root[j];
            const double one = i == j && g->degree[i] > 0 ? 1 : 0;
            g->vector[i * v + j] = one - g->edge[i * v + j] / over + same * over;
        }
    for (size_t i = 0; i < v; i++) g->root[i] /= sqrt(g->value[g->part[i]]);
}

static eg_status make(struct graph *g, eg_interferometric *s)
{
    const size_t v = g->v, rest = v - g->parts;
    double *re = s->axis[0].atom, *im = re + v * v;
    const lapack_int n = (lapack_int)v;
    if (LAPACKE_dsyevd(LAPACK_COL_MAJOR, 'V', 'U', n, g->vector, n, g->value) != 0)
        return egi_fail(EG_ERR_DIVERGED, "graph: its eigenvalues did not converge");
    EGI_TRY(egi_interferometric_pair(g->vector, rest, v, s->alloc, s->partner));
    memset(re, 0, 2 * v * v * sizeof *re);
    for (size_t f = 0; f < rest; f++) {
        const size_t with = s->partner[f], a = f < with ? f : with, b = f < with ? with : f;
        for (size_t i = 0; i < v; i++) {
            if (a == b) {
                re[f * v + i] = g->vector[f * v + i];
                continue;
            }
            re[f * v + i] = g->vector[a * v + i] / sqrt(2);
            im[f * v + i] = (f == a ? -1 : 1) * g->vector[b * v + i] / sqrt(2);
        }
    }
    memset(s->axis[0].average, 0, g->parts * v * sizeof(double));
    for (size_t i = 0; i < v; i++) {
        re[(rest + g->part[i]) * v + i] = g->root[i];
        s->axis[0].average[g->part[i] * v + i] = g->root[i];
    }
    for (size_t f = 0; f < v; f++) {
        s->low[f] = f < rest ? 0 : 1;
        if (f >= rest) s->partner[f] = f;
    }
    s->axis[1].atom[0] = s->axis[1].average[0] = 1;
    s->axis[1].atom[1] = 0;
    return egi_interferometric_begin(s);
}

eg_status eg_interferometric_graph(size_t channels, const double *edge, size_t v,
                                   const eg_interferometric_options *options,
                                   eg_interferometric **out)
{
    const eg_interferometric_options usual = EG_INTERFEROMETRIC_OPTIONS_INIT;
    const eg_interferometric_options *o = options != NULL ? options : &usual;
    const eg_allocator *alloc = o->alloc != NULL ? o->alloc : eg_allocator_default();
    struct graph g = { .edge = edge, .v = v };
    struct egi_arena arena;
    eg_interferometric *s = NULL;
    EGI_TRY(check(edge, v));
    const struct egi_need needs[] = { { v, sizeof(size_t) },     { v, sizeof(size_t) },
                                      { v, sizeof(double) },     { v, sizeof(double) },
                                      { v * v, sizeof(double) }, { v, sizeof(double) } };
    EGI_TRY(egi_arena_create(alloc, needs, EGI_COUNT(needs), "graph", &arena));
    g.part = arena.part[0];
    g.stack = arena.part[1];
    g.degree = arena.part[2];
    g.root = arena.part[3];
    g.vector = arena.part[4];
    g.value = arena.part[5];
    find_parts(&g);
    const size_t n[2] = { v, 1 }, mean[2] = { g.parts, 1 };
    fill_laplacian(&g);
    eg_status status = egi_interferometric_create(channels, n, mean, o, &s);
    if (status == EG_OK) status = make(&g, s);
    egi_arena_destroy(&arena);
    if (status != EG_OK) {
        eg_interferometric_destroy(s);
        return status;
    }
    *out = s;
    return EG_OK;
}
