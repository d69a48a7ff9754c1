/* Cuts and workspace of a fused association. Cuts of the memories depend on N alone. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "assoc/egi_associate_plan.h"

enum { SEGMENT_TILES_MIN = 8, SEGMENTS_MAX = 2 };

static void cut(struct plan *p, int threads)
{
    const size_t n = p->keys->n;
    const size_t least = SEGMENT_TILES_MIN * ROWS;
    p->segment = round_up((n + SEGMENTS_MAX - 1) / SEGMENTS_MAX, ROWS);
    if (p->segment < least) p->segment = least;
    p->segments = (n + p->segment - 1) / p->segment;
    p->blocks = (p->q + LANES - 1) / LANES;
    p->lanes = round_up((p->q + p->blocks - 1) / p->blocks, EGI_LANE_STEP);
    const double work = (double)p->q * (double)n * (double)(p->keys->d + p->dv);
    const size_t crew = (size_t)egi_thread_count(egi_crew(threads, work));
    p->whole = p->blocks - (crew > 1 ? p->blocks % crew : 0);
    p->splits = (p->blocks - p->whole) * p->segments;
    p->workers = least_of(crew, p->whole + p->splits);
}

/* One block of memory: pointers to workers, workers, partials, then their floats. */
struct layout {
    size_t total, xt; /* floats of one */
    size_t at_worker, at_split, at_float, bytes;
};

static eg_status lay_out(const struct plan *p, struct layout *l)
{
    size_t a, b, floats;
    EGI_TRY(egi_mul_size(p->lanes, p->ld, &l->total));
    EGI_TRY(egi_mul_size(p->keys->d, LANES, &l->xt));
    EGI_TRY(egi_mul_size(l->total, 2 * p->workers + p->splits, &a));
    EGI_TRY(egi_mul_size(l->xt, p->workers, &b));
    EGI_TRY(egi_add_size(a, b, &floats));
    EGI_TRY(egi_mul_size(floats, sizeof(float), &floats));
    l->at_worker = round_up(p->workers * sizeof(struct worker *), EGI_ALIGN);
    l->at_split = l->at_worker + p->workers * round_up(sizeof(struct worker), EGI_ALIGN);
    l->at_float = l->at_split + round_up(p->splits * sizeof(struct partial), EGI_ALIGN);
    return egi_add_size(floats, l->at_float, &l->bytes);
}

static void place(struct plan *p, const struct layout *l, char *memory)
{
    p->worker = (struct worker **)(void *)memory;
    p->split = (struct partial *)(void *)(memory + l->at_split);
    float *next = (float *)(void *)(memory + l->at_float);
    for (size_t i = 0; i < p->workers; i++) {
        char *at = memory + l->at_worker + i * round_up(sizeof(struct worker), EGI_ALIGN);
        struct worker *w = p->worker[i] = (struct worker *)(void *)at;
        memset(w, 0, sizeof *w);
        w->own.total = next;
        w->acc = next + l->total;
        w->xt = next + 2 * l->total;
        next += 2 * l->total + l->xt;
    }
    for (size_t i = 0; i < p->splits; i++, next += l->total) p->split[i].total = next;
}

eg_status egi_plan_begin(struct plan *p, int threads, const eg_allocator *alloc)
{
    struct layout l;
    cut(p, threads);
    EGI_TRY(lay_out(p, &l));
    EGI_TRY(egi_alloc_array(alloc, l.bytes, 1, "association workspace", &p->memory));
    p->bytes = l.bytes;
    place(p, &l, p->memory);
    return EG_OK;
}

void egi_plan_end(struct plan *p, const eg_allocator *alloc)
{
    egi_free(alloc, p->memory, p->bytes);
}
