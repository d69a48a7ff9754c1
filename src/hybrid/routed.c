/* An index for routed recall: its life. The memory knows nothing of it; it knows by the number of
 * the memory's changes that it is due, and by id and digest which patterns are still the same. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "bits/egi_bits.h"
#include "hybrid/egi_routed.h"

#define MOST_COMPONENTS ((size_t)1 << 22) /* for which the bounds on rounding are made */

static eg_status check_options(const eg_routed_options *o)
{
    if (o->size != sizeof *o)
        return egi_fail(EG_ERR_INVALID, "eg_routed_options: size %zu, expected %zu", o->size,
                        sizeof *o);
    return EG_OK;
}

eg_status egi_routed_accepts(const eg_memory *m)
{
    const eg_rule *rule = &m->options.rule;
    if (m->backend->rows == NULL || m->options.storage != EG_STORE_DENSE)
        return egi_fail(EG_ERR_UNSUPPORTED, "routed recall: a memory kept as %s, expected dense",
                        m->backend->name);
    if (rule->separation != EG_SEP_SOFTMAX && rule->separation != EG_SEP_EXPONENTIAL)
        return egi_fail(EG_ERR_UNSUPPORTED,
                        "routed recall: separation %s, expected softmax or exponential",
                        eg_separation_info(rule->separation)->name);
    if (!egi_routed_form(rule->similarity)->known)
        return egi_fail(EG_ERR_UNSUPPORTED,
                        "routed recall: similarity %s, expected dot, cosine or euclidean",
                        eg_similarity_info(rule->similarity)->name);
    if (m->d > MOST_COMPONENTS)
        return egi_fail(EG_ERR_UNSUPPORTED, "routed recall: D = %zu, expected at most %zu", m->d,
                        MOST_COMPONENTS);
    if (m->n == 0) return egi_fail(EG_ERR_INVALID, "routed recall: the memory is empty");
    if (m->n > UINT32_MAX) return egi_fail(EG_ERR_OVERFLOW, "routed recall: %zu patterns", m->n);
    return EG_OK;
}

/* ---- what belongs to the patterns ---- */

static eg_status marks_create(const eg_routed *r, struct egi_marks *k)
{
    const size_t n = r->m->n;
    const struct egi_need needs[] = { { n, sizeof *k->id },
                                      { n, sizeof *k->hash },
                                      { n, sizeof *k->cell } };
    *k = (struct egi_marks){ .n = n };
    EGI_TRY(egi_arena_create(r->alloc, needs, EGI_COUNT(needs), "routed: marks", &k->arena));
    k->id = k->arena.part[0];
    k->hash = k->arena.part[1];
    k->cell = k->arena.part[2];
    const float *rows = r->m->backend->rows(r->m);
    for (size_t i = 0; i < n; i++) {
        k->id[i] = r->m->id[i];
        k->hash[i] = egi_hash(rows + i * r->m->d, r->m->d * sizeof *rows);
    }
    return EG_OK;
}

static eg_status slots_create(const eg_routed *r, size_t cells, struct egi_slots *s)
{
    const size_t n = r->m->n;
    size_t words;
    EGI_TRY(egi_mul_size(n, r->words, &words));
    const struct egi_need needs[] = {
        { cells + 1, sizeof(size_t) }, { n, sizeof(size_t) }, { words, sizeof(uint64_t) },
        { n, sizeof(float) },          { n, sizeof(float) },  { n, sizeof(float) },
    };
    EGI_TRY(egi_arena_create(r->alloc, needs, EGI_COUNT(needs), "routed: codes", &s->arena));
    s->begin = s->arena.part[0];
    s->item = s->arena.part[1];
    s->code = s->arena.part[2];
    s->scale = s->arena.part[3];
    s->rest = s->arena.part[4];
    s->half = s->arena.part[5];
    return EG_OK;
}

/* ---- filling: codes of every pattern in its cell ---- */

struct filling {
    const eg_routed *r;
    struct egi_cells *cells;
    struct egi_slots *slots;
    double *key; /* (workers, D) */
};

static void fill_cell(void *arg, size_t c, size_t worker)
{
    const struct filling *f = arg;
    const eg_memory *m = f->r->m;
    const float *rows = m->backend->rows(m);
    double weight = 0;
    f->cells->radius[c] = f->cells->norm[c] = 0;
    for (size_t slot = f->slots->begin[c]; slot < f->slots->begin[c + 1]; slot++) {
        const size_t item = f->slots->item[slot];
        egi_code(f->r, f->cells, c, rows + item * m->d, f->slots, slot, f->key + worker * m->d);
        weight += (double)m->weight[item];
    }
    f->cells->log_weight[c] = log(weight) + 1e-9; /* a sum of N terms: rounded up */
}

static eg_status fill(const eg_routed *r, struct egi_cells *cells, const uint32_t *cell,
                      struct egi_slots *slots)
{
    const size_t n = r->m->n, workers = (size_t)egi_thread_count(r->options.threads);
    void *key;
    size_t doubles;
    EGI_TRY(egi_mul_size(workers, r->m->d, &doubles));
    EGI_TRY(egi_alloc_array(r->alloc, doubles, sizeof(double), "routed: codes", &key));
    memset(slots->begin, 0, (cells->count + 1) * sizeof *slots->begin);
    for (size_t i = 0; i < n; i++) slots->begin[cell[i] + 1]++;
    for (size_t c = 0; c < cells->count; c++) slots->begin[c + 1] += slots->begin[c];
    for (size_t i = 0; i < n; i++) slots->item[slots->begin[cell[i]]++] = i;
    memmove(slots->begin + 1, slots->begin, cells->count * sizeof *slots->begin);
    slots->begin[0] = 0;
    struct filling f = { r, cells, slots, key };
    egi_parallel_workers(cells->count, (int)workers, fill_cell, &f);
    egi_free(r->alloc, key, doubles * sizeof(double));
    return EG_OK;
}

/* ---- creation and update ---- */

/* The cell of each pattern that was indexed before; the others, in at (N), are *fresh. Patterns
 * keep their order while some go and others come behind them. */
static void follow(const struct egi_marks *old, struct egi_marks *new, size_t *at, size_t *fresh)
{
    size_t j = 0;
    *fresh = 0;
    for (size_t i = 0; i < new->n; i++) {
        size_t k = j;
        while (k < old->n && old->id[k] != new->id[i]) k++;
        const int known = k < old->n;
        j = known ? k + 1 : k; /* behind one that is new, all are */
        if (known && old->hash[k] == new->hash[i])
            new->cell[i] = old->cell[k];
        else
            at[(*fresh)++] = i;
    }
}

static eg_status keep_cells(const eg_routed *r, struct egi_cells *cells, struct egi_marks *marks)
{
    const struct egi_cells *old = &r->cells;
    const size_t d = r->m->d;
    size_t fresh;
    void *block;
    EGI_TRY(egi_cells_create(r, old->count, cells));
    memcpy(cells->origin, old->origin, d * sizeof(float));
    memcpy(cells->centre, old->centre, old->count * d * sizeof(float));
    memcpy(cells->bias, old->bias, old->count * sizeof(float));
    EGI_TRY(egi_alloc_array(r->alloc, marks->n, sizeof(size_t), "routed: patterns", &block));
    follow(&r->marks, marks, block, &fresh);
    const eg_status s = egi_cells_assign(r, cells, block, fresh, marks->cell);
    egi_free(r->alloc, block, marks->n * sizeof(size_t));
    return s;
}

static void measure(eg_routed *r)
{
    const eg_memory *m = r->m;
    const size_t dv = m->options.value_size;
    float heaviest = 0;
    r->most_value = r->most_key = 0;
    for (size_t i = 0; i < m->n; i++) {
        double square = 0;
        for (size_t j = 0; j < dv; j++) {
            const double v = (double)m->value[i * dv + j];
            square += v * v;
        }
        r->most_value = fmax(r->most_value, sqrt(square));
        heaviest = fmaxf(heaviest, m->weight[i]);
    }
    for (size_t c = 0; c < r->cells.count; c++) r->most_key = fmax(r->most_key, r->cells.norm[c]);
    r->log_heaviest = log((double)heaviest);
}

/* Everything made beside what is there, then put in its place. */
static eg_status make(eg_routed *r)
{
    const eg_memory *m = r->m;
    const eg_similarity similarity = m->options.rule.similarity, was = r->similarity;
    const int anew = r->built == 0 || similarity != was || m->n > 2 * r->built;
    struct egi_cells cells = { 0 };
    struct egi_slots slots = { 0 };
    struct egi_marks marks = { 0 };
    r->similarity = similarity;
    eg_status s = marks_create(r, &marks);
    if (s == EG_OK) s = anew ? egi_cells_cut(r, &cells, marks.cell) : keep_cells(r, &cells, &marks);
    if (s == EG_OK) s = slots_create(r, cells.count, &slots);
    if (s == EG_OK) s = fill(r, &cells, marks.cell, &slots);
    if (s != EG_OK) {
        egi_arena_destroy(&cells.arena);
        egi_arena_destroy(&slots.arena);
        egi_arena_destroy(&marks.arena);
        r->similarity = was;
        return s;
    }
    egi_arena_destroy(&r->cells.arena);
    egi_arena_destroy(&r->slots.arena);
    egi_arena_destroy(&r->marks.arena);
    r->cells = cells;
    r->slots = slots;
    r->marks = marks;
    if (anew) r->built = m->n;
    r->changes = m->changes;
    measure(r);
    return EG_OK;
}

eg_status eg_routed_create(const eg_memory *m, const eg_routed_options *options, eg_routed **out)
{
    const eg_routed_options defaults = EG_ROUTED_OPTIONS_INIT;
    const eg_routed_options *o = options != NULL ? options : &defaults;
    if (m == NULL || out == NULL) return egi_fail(EG_ERR_INVALID, "eg_routed_create: NULL");
    EGI_TRY(check_options(o));
    EGI_TRY(egi_routed_accepts(m));
    eg_routed *r = egi_alloc(m->alloc, sizeof *r);
    if (r == NULL) return egi_fail(EG_ERR_NOMEM, "eg_routed_create: %zu bytes", sizeof *r);
    *r = (eg_routed){ .router = egi_routed_router,
                      .m = m,
                      .alloc = m->alloc,
                      .options = *o,
                      .words = egi_bits_words(m->d) };
    const eg_status s = make(r);
    r->options.progress = NULL; /* of the creation alone */
    if (s != EG_OK) {
        eg_routed_destroy(r);
        return s;
    }
    *out = r;
    return EG_OK;
}

void eg_routed_destroy(eg_routed *r)
{
    if (r == NULL) return;
    egi_arena_destroy(&r->cells.arena);
    egi_arena_destroy(&r->slots.arena);
    egi_arena_destroy(&r->marks.arena);
    egi_free(r->alloc, r, sizeof *r);
}

eg_status eg_routed_update(eg_routed *r)
{
    if (r == NULL) return egi_fail(EG_ERR_INVALID, "eg_routed_update: NULL");
    EGI_TRY(egi_routed_accepts(r->m));
    if (r->changes == r->m->changes && r->similarity == r->m->options.rule.similarity) return EG_OK;
    return make(r);
}

size_t eg_routed_size(const eg_routed *r)
{
    return r->m->d;
}

size_t eg_routed_cells(const eg_routed *r)
{
    return r->cells.count;
}

size_t eg_routed_bytes(const eg_routed *r)
{
    return sizeof *r + r->cells.arena.bytes + r->slots.arena.bytes + r->marks.arena.bytes;
}
