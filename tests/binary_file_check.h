/* Binary memories of every kind for the tests of their files, and whether two are the same. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_BINARY_FILE_CHECK_H
#define TESTS_BINARY_FILE_CHECK_H

#include "binary_check.h"
#include "memory_file_check.h"
#include "model/egi_binary_file.h"

enum { PAIRS = 60 };

/* Every kind, with and without counters, contents of their own, silent clusters. */
static const struct row {
    eg_binary_kind kind;
    size_t clusters, units, out, order, locations, radius;
    int counted;
} rows[] = {
    { EG_BINARY_WILLSHAW, 1, 90, 0, 0, 0, 0, 0 }, { EG_BINARY_WILLSHAW, 1, 90, 130, 0, 0, 0, 1 },
    { EG_BINARY_CLIQUE, 6, 70, 0, 0, 0, 0, 0 },   { EG_BINARY_CLIQUE, 6, 70, 0, 0, 0, 0, 1 },
    { EG_BINARY_CLIQUE, 12, 20, 0, 4, 0, 0, 0 },  { EG_BINARY_CHAIN, 5, 40, 0, 2, 0, 0, 1 },
    { EG_BINARY_SDM, 1, 100, 0, 0, 200, 44, 0 },  { EG_BINARY_SDM, 1, 100, 60, 0, 200, 44, 0 },
    { EG_BINARY_BAM, 1, 80, 50, 0, 0, 0, 0 },
};

static inline eg_binary *empty_of(const struct row *r)
{
    eg_binary_options o = EG_BINARY_OPTIONS_INIT;
    o.kind = r->kind;
    o.clusters = r->clusters;
    o.units = r->units;
    o.out_clusters = r->out > 0;
    o.out_units = r->out;
    o.order = r->order;
    o.locations = r->locations;
    o.radius = r->radius;
    o.counted = r->counted;
    o.seed = 5;
    return binary_of(o);
}

struct pairs {
    uint64_t *a, *b; /* addresses; contents, or NULL */
};

static inline struct pairs draw(const eg_binary *m, const struct row *r, size_t n)
{
    struct pairs p = { NULL, NULL };
    const size_t in = eg_binary_numbers(m, 0), out = eg_binary_numbers(m, 1);
    const int symbols = r->kind == EG_BINARY_CLIQUE || r->kind == EG_BINARY_CHAIN;
    float *a = symbols ? malloc(n * in * sizeof *a) : draw_sparse(n, in, in / 9, 3);
    if (symbols) draw_messages(n, in, r->units, r->kind == EG_BINARY_CLIQUE ? r->order : 0, 3, a);
    p.a = states_of(m, 0, a, n);
    free(a);
    if (r->out == 0) return p;
    float *b = draw_sparse(n, out, 7, 4);
    p.b = states_of(m, 1, b, n);
    free(b);
    return p;
}

static inline void release(struct pairs *p)
{
    free(p->a);
    free(p->b);
}

static inline void store(eg_binary *m, const struct row *r, const struct pairs *p, size_t from,
                         size_t n)
{
    const uint64_t *a = p->a + from * eg_binary_words(m);
    if (r->kind == EG_BINARY_CHAIN)
        CHECK_OK(eg_binary_add_sequence(m, a, n));
    else
        CHECK_OK(eg_binary_add(m, a, p->b ? p->b + from * eg_binary_out_words(m) : NULL, n));
}

/* Every connection, every count of what was stored. */
static inline int is_same(const eg_binary *p, const eg_binary *q)
{
    const size_t columns = p->out.total, n = p->kind->keeping->rows(p);
    int32_t *a = malloc(2 * columns * sizeof *a);
    int same = egi_binary_same(&p->options, &q->options) && p->n == q->n && p->on_in == q->on_in
               && p->on_out == q->on_out && p->links.existing == q->links.existing;
    for (size_t i = 0; same && i < n; i++) {
        p->kind->keeping->row_numbers(p, i, a);
        q->kind->keeping->row_numbers(q, i, a + columns);
        same = memcmp(a, a + columns, columns * sizeof *a) == 0;
    }
    free(a);
    return same;
}

static inline eg_binary *load_of(const char *path)
{
    eg_memory_file *f = NULL;
    eg_binary *m = NULL;
    CHECK_OK(eg_memory_file_open(path, &reading, &f));
    CHECK_OK(eg_memory_file_verify(f, NULL, NULL));
    CHECK_OK(eg_memory_file_load_binary(f, &m));
    eg_memory_file_close(f);
    return m;
}

static inline eg_binary *filled_of(const struct row *r)
{
    eg_binary *m = empty_of(r);
    struct pairs p = draw(m, r, PAIRS);
    store(m, r, &p, 0, PAIRS);
    release(&p);
    return m;
}

#endif
