/* Free recall: what comes to mind without a cue. Random starts, each recalled to rest; a
 * recall brings a memory when it converged and its certificate says "one memory". Starts have the
 * scale of the patterns: random signs under the sign projection, random zeros and ones with the
 * patterns' share of ones under the threshold, otherwise Gaussian with the patterns' root mean
 * square norm.
 *
 * Start number t is a function of (seed, t). Starts are recalled a batch at a time, so that
 * threads have work, and then looked at in their order: the batch changes nothing. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "engram/random.h"
#include "memory/egi_recall.h"

enum { STREAM_STARTS = 0x46524545 /* "FREE" */, BATCH = 32 };

struct starts {
    eg_projection projection;
    double ones; /* share of components above 1/2 */
    double rms;  /* of a component */
};

static struct starts starts_of(const eg_memory *m, float *pattern)
{
    size_t ones = 0;
    double square = 0;
    for (size_t i = 0; i < m->n; i++) {
        m->backend->get(m, i, pattern);
        for (size_t j = 0; j < m->d; j++) {
            ones += pattern[j] > 0.5f;
            square += (double)pattern[j] * (double)pattern[j];
        }
    }
    const double cells = (double)m->n * (double)m->d;
    return (struct starts){ m->options.rule.projection, (double)ones / cells,
                            sqrt(square / cells) };
}

static void draw_start(const struct starts *s, uint64_t seed, size_t t, size_t d, float *x)
{
    const uint64_t first = (uint64_t)t * d;
    switch (s->projection) {
    case EG_PROJ_SIGN:
        eg_random_sign(seed, STREAM_STARTS, first, d, x);
        break;
    case EG_PROJ_THRESHOLD:
        eg_random_uniform(seed, STREAM_STARTS, first, d, x);
        for (size_t j = 0; j < d; j++) x[j] = (double)x[j] < s->ones ? 1.0f : 0.0f;
        break;
    default:
        eg_random_normal(seed, STREAM_STARTS, first, d, x);
        for (size_t j = 0; j < d; j++) x[j] = (float)((double)x[j] * s->rms);
        break;
    }
}

struct recalls {
    const eg_memory *m;
    eg_recall_options options;
    struct starts starts;
    size_t patience, limit;
    float *x;                     /* (BATCH, D) */
    eg_certificate *certificates; /* (BATCH) */
    uint8_t *seen;                /* (N) */
    uint64_t *ids;                /* (limit) */
    size_t found, tries, in_vain;
};

static int brings_memory(const eg_certificate *c, size_t n)
{
    return c->converged && c->nearest < n && c->kind == EG_FIXED_MEMORY;
}

static int is_over(const struct recalls *r)
{
    return r->found == r->limit || r->found == r->m->n || r->in_vain == r->patience;
}

static eg_status recall_batch(struct recalls *r)
{
    const size_t d = r->m->d;
    for (size_t i = 0; i < BATCH; i++)
        draw_start(&r->starts, r->options.seed, r->tries + i, d, r->x + i * d);
    EGI_TRY(eg_memory_recall(r->m, r->x, BATCH, &r->options, r->x, r->certificates));
    for (size_t i = 0; i < BATCH && !is_over(r); i++) {
        const eg_certificate *c = &r->certificates[i];
        const int fresh = brings_memory(c, r->m->n) && !r->seen[c->nearest];
        r->tries++;
        r->in_vain = fresh ? 0 : r->in_vain + 1;
        if (!fresh) continue;
        r->seen[c->nearest] = 1;
        r->ids[r->found++] = c->nearest_id;
    }
    return EG_OK;
}

static eg_status check(const eg_memory *m, const eg_recall_options *o, size_t patience,
                       const uint64_t *ids, const size_t *found)
{
    if (m == NULL || ids == NULL || found == NULL)
        return egi_fail(EG_ERR_INVALID, "eg_memory_free_recall: %s is NULL",
                        m == NULL     ? "memory"
                        : ids == NULL ? "ids"
                                      : "found");
    if (!m->backend->keeps_patterns)
        return egi_fail(EG_ERR_UNSUPPORTED, "eg_memory_free_recall: %s keeps no patterns",
                        m->backend->name);
    if (m->n == 0) return egi_fail(EG_ERR_INVALID, "eg_memory_free_recall: the memory is empty");
    if (patience == 0)
        return egi_fail(EG_ERR_INVALID, "eg_memory_free_recall: patience = 0, expected >= 1");
    if (o->clamp != NULL || o->trace != NULL || o->path != NULL)
        return egi_fail(EG_ERR_INVALID,
                        "eg_memory_free_recall: clamp, trace and path belong to cues; give NULL");
    return EG_OK;
}

eg_status eg_memory_free_recall(const eg_memory *m, const eg_recall_options *options,
                                size_t patience, size_t limit, uint64_t *ids, size_t *found,
                                size_t *tries)
{
    const eg_recall_options defaults = EG_RECALL_OPTIONS_INIT;
    const eg_recall_options *o = options != NULL ? options : &defaults;
    EGI_TRY(check(m, o, patience, ids, found));
    size_t cells;
    EGI_TRY(egi_mul_size(m->d, BATCH, &cells));
    const size_t most = limit < m->n ? limit : m->n;
    const struct egi_need needs[] = { { cells, sizeof(float) },
                                      { BATCH, sizeof(eg_certificate) },
                                      { m->n, sizeof(uint8_t) },
                                      { most, sizeof(uint64_t) } };
    struct egi_arena arena;
    EGI_TRY(egi_arena_create(m->alloc, needs, EGI_COUNT(needs), "free recall", &arena));
    struct recalls r = { .m = m,
                         .options = *o,
                         .patience = patience,
                         .limit = limit,
                         .x = arena.part[0],
                         .certificates = arena.part[1],
                         .seen = arena.part[2],
                         .ids = arena.part[3] };
    r.starts = starts_of(m, r.x);
    memset(r.seen, 0, m->n);
    eg_status s = EG_OK;
    while (s == EG_OK && !is_over(&r)) s = recall_batch(&r);
    if (s == EG_OK) {
        if (r.found > 0) memcpy(ids, r.ids, r.found * sizeof *ids);
        *found = r.found;
        if (tries != NULL) *tries = r.tries;
    }
    egi_arena_destroy(&arena);
    return s;
}
