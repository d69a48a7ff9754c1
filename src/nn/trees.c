/* Growing a tree. A node's examples are ordered by the bins of a column, by counting where there
 * are many of them, and one pass over that order sums G and H on the left and tries a cut wherever
 * the bin changes. |G|^2 is kept up to date: moving an example of component c and weight g changes
 * it by 2 g G_c + g^2.
 *
 * The best cut of a node is the first of the largest gains in the order of its columns, sums run in
 * the order of the examples: the same tree for any number of threads. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "engram/random.h"
#include "nn/egi_trees.h"

enum { FEW = 48 }; /* up to which insertion is faster than counting */

struct grown {
    uint32_t node, begin, end, depth;
};

/* A cut of one node; gain 0: none. */
struct cut {
    double gain;
    uint32_t column, bin; /* the first bin of the right side */
};

/* ---- workspace ---- */

struct scratch {
    uint32_t *order; /* (N) */
    double *left;    /* (M) */
    struct cut best;
    char pad[40];
};

eg_status egi_grower_create(const struct egi_bins *b, size_t outputs, size_t workers,
                            const eg_allocator *alloc, struct egi_grower *out)
{
    const size_t n = b->n, nodes = 2 * n;
    size_t order, left;
    struct egi_grower g = { .room = nodes, .workers = workers };
    if (n > INT32_MAX / 2)
        return egi_fail(EG_ERR_LIMIT, "trees: %zu examples, expected up to %d", n, INT32_MAX / 2);
    EGI_TRY(egi_mul_size(workers, n, &order));
    EGI_TRY(egi_mul_size(workers + 1, outputs, &left));
    const struct egi_need needs[] = {
        { nodes, 3 * sizeof(int32_t) },
        { nodes, outputs * sizeof(float) },
        { n, sizeof(uint32_t) },
        { order, sizeof(uint32_t) },
        { left, sizeof(double) },
        { nodes, sizeof(struct grown) },
        { workers, sizeof(struct scratch) },
        { b->d, sizeof(struct cut) + sizeof(uint32_t) },
    };
    struct egi_arena a;
    EGI_TRY(egi_arena_create(alloc, needs, EGI_COUNT(needs), "a tree", &a));
    g.block = a.block;
    g.bytes = a.bytes;
    g.tree = (struct egi_forest){ .feature = a.part[0],
                                  .child = (int32_t *)a.part[0] + nodes,
                                  .threshold = (float *)a.part[0] + 2 * nodes,
                                  .value = a.part[1],
                                  .trees = 1,
                                  .outputs = outputs };
    g.rows = a.part[2];
    g.open = a.part[5];
    g.scratch = a.part[6];
    g.cuts = a.part[7];
    g.drawn = (uint32_t *)(void *)((struct cut *)g.cuts + b->d);
    for (size_t w = 0; w < workers; w++) {
        struct scratch *s = (struct scratch *)g.scratch + w;
        s->order = (uint32_t *)a.part[3] + w * n;
        s->left = (double *)a.part[4] + (w + 1) * outputs; /* the first is the node's own */
    }
    *out = g;
    return EG_OK;
}

void egi_grower_destroy(struct egi_grower *g, const eg_allocator *alloc)
{
    if (g->block != NULL) egi_free(alloc, g->block, g->bytes);
    *g = (struct egi_grower){ .block = NULL };
}

/* ---- one node ---- */

struct splitting {
    const struct egi_bins *b;
    const struct egi_targets *t;
    const struct egi_tree_rule *rule;
    struct egi_grower *g;
    const struct grown *node;
    const double *total; /* (M) G of the node */
    double square, mass; /* |G|^2, H */
    struct cut *cut;     /* (columns) */
};

static int32_t component(const struct egi_targets *t, uint32_t i)
{
    return t->c != NULL ? t->c[i] : 0;
}

/* A sum that runs: G into `sum`, and |G|^2. */
static void move(const struct egi_targets *t, uint32_t i, double *sum, double *square, double *mass)
{
    const double g = (double)t->g[i];
    double *own = &sum[component(t, i)];
    *square += g * (2 * *own + g);
    *own += g;
    *mass += (double)t->h[i];
}

static void by_insertion(const uint8_t *bin, const uint32_t *rows, size_t n, uint32_t *order)
{
    for (size_t i = 0; i < n; i++) {
        size_t k = i;
        for (; k > 0 && bin[order[k - 1]] > bin[rows[i]]; k--) order[k] = order[k - 1];
        order[k] = rows[i];
    }
}

static void by_counting(const uint8_t *bin, const uint32_t *rows, size_t n, uint32_t *order)
{
    uint32_t at[EGI_BINS + 1] = { 0 };
    for (size_t i = 0; i < n; i++) at[bin[rows[i]] + 1]++;
    for (size_t k = 0; k < EGI_BINS; k++) at[k + 1] += at[k];
    for (size_t i = 0; i < n; i++) order[at[bin[rows[i]]]++] = rows[i];
}

static double worth(double square, double mass, double lambda)
{
    return mass + lambda > 0 ? square / (mass + lambda) : 0;
}

static void try_column(void *arg, size_t k, size_t worker)
{
    const struct splitting *s = arg;
    struct scratch *w = (struct scratch *)s->g->scratch + worker;
    const struct egi_targets *t = s->t;
    const uint32_t column = s->g->drawn[k];
    const uint8_t *bin = s->b->bin + column * s->b->n;
    const size_t n = s->node->end - s->node->begin, m = t->outputs;
    const double lambda = s->rule->lambda, whole = worth(s->square, s->mass, lambda);
    double square = 0, right = s->square, mass = 0;
    struct cut best = { 0, column, 0 };
    s->cut[k] = best;
    if (s->b->of[column] < 2) return;
    (n <= FEW ? by_insertion : by_counting)(bin, s->g->rows + s->node->begin, n, w->order);
    memset(w->left, 0, m * sizeof *w->left);
    for (size_t i = 0; i + 1 < n; i++) {
        const uint32_t row = w->order[i];
        const double g = (double)t->g[row];
        const size_t c = (size_t)component(t, row);
        right -= g * (2 * (s->total[c] - w->left[c]) - g);
        move(t, row, w->left, &square, &mass);
        if (bin[row] == bin[w->order[i + 1]]) continue;
        if (mass < s->rule->least || s->mass - mass < s->rule->least) continue;
        const double gain =
            worth(square, mass, lambda) + worth(right, s->mass - mass, lambda) - whole;
        if (gain > best.gain) best = (struct cut){ gain, column, bin[w->order[i + 1]] };
    }
    s->cut[k] = best;
}

/* The columns that node is split by are the first of g->drawn. */
static void draw_columns(struct egi_grower *g, const struct egi_bins *b,
                         const struct egi_tree_rule *rule, uint32_t node)
{
    if (rule->columns >= b->d) return;
    for (size_t k = 0; k < rule->columns; k++) {
        const uint64_t at = (uint64_t)node * rule->columns + k;
        const size_t other = k + eg_random_below(rule->seed, rule->stream, at, b->d - k);
        const uint32_t keep = g->drawn[k];
        g->drawn[k] = g->drawn[other];
        g->drawn[other] = keep;
    }
}

static struct cut best_cut(struct splitting *s, int threads)
{
    const size_t columns = s->rule->columns < s->b->d ? s->rule->columns : s->b->d;
    const double work = (double)columns * (double)(s->node->end - s->node->begin) * 8;
    struct cut best = { 0, 0, 0 };
    const int crew = s->g->workers > 1 ? egi_crew(threads, work) : 1;
    draw_columns(s->g, s->b, s->rule, s->node->node);
    egi_parallel_workers(columns, crew, try_column, s);
    for (size_t k = 0; k < columns; k++)
        if (s->cut[k].gain > best.gain) best = s->cut[k];
    return best.gain > s->rule->gain ? best : (struct cut){ 0, 0, 0 };
}

/* The examples of the left side first, both sides in the order they were in. */
static uint32_t part(struct egi_grower *g, const struct egi_bins *b, const struct grown *node,
                     const struct cut *cut)
{
    const uint8_t *bin = b->bin + cut->column * b->n;
    uint32_t *order = ((struct scratch *)g->scratch)->order, *rows = g->rows;
    uint32_t left = node->begin, right = 0;
    for (uint32_t i = node->begin; i < node->end; i++) {
        if (bin[rows[i]] < cut->bin)
            rows[left++] = rows[i];
        else
            order[right++] = rows[i];
    }
    memcpy(rows + left, order, right * sizeof *rows);
    return left;
}

void egi_tree_grow(struct egi_grower *g, const struct egi_bins *b, const struct egi_targets *t,
                   size_t count, const struct egi_tree_rule *rule, int threads)
{
    struct egi_forest *f = &g->tree;
    double *total = ((struct scratch *)g->scratch)->left - t->outputs;
    size_t waiting = 1;
    for (size_t j = 0; j < b->d; j++) g->drawn[j] = (uint32_t)j;
    g->open[0] = (struct grown){ 0, 0, (uint32_t)count, 0 };
    f->nodes = 1;
    while (waiting > 0) {
        const struct grown node = g->open[--waiting];
        struct splitting s = { b, t, rule, g, &node, total, 0, 0, g->cuts };
        struct cut cut = { 0, 0, 0 };
        memset(total, 0, t->outputs * sizeof *total);
        for (uint32_t i = node.begin; i < node.end; i++)
            move(t, g->rows[i], total, &s.square, &s.mass);
        for (size_t m = 0; m < t->outputs; m++) {
            const double mass = s.mass + rule->lambda;
            f->value[node.node * t->outputs + m] = (float)(mass > 0 ? total[m] / mass : 0);
        }
        f->feature[node.node] = -1;
        f->child[node.node] = 0;
        f->threshold[node.node] = 0;
        if (node.depth < rule->depth && node.end - node.begin > 1) cut = best_cut(&s, threads);
        if (!(cut.gain > 0)) continue;
        const uint32_t middle = part(g, b, &node, &cut), child = (uint32_t)f->nodes;
        f->feature[node.node] = (int32_t)cut.column;
        f->threshold[node.node] = b->cut[cut.column * EGI_BINS + cut.bin - 1];
        f->child[node.node] = (int32_t)child;
        f->nodes += 2;
        g->open[waiting++] = (struct grown){ child + 1, middle, node.end, node.depth + 1 };
        g->open[waiting++] = (struct grown){ child, node.begin, middle, node.depth + 1 };
    }
}
