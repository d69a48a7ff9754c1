/* The capacity laboratory of binary memories: draw a memory's patterns, store them, spoil cues of
 * them, recall, compare.
 *
 * Draw r of a cell has the seed that stream STREAM_SETS gives for r, so that a cell does not change
 * when another is added to a table. What is lost and what is wrong is so many units exactly, as
 * theory has it, not each with a probability. Cues of one memory share its connections and are not
 * independent: the standard error is that of the mean over memories, or of independent cues where
 * there is one memory. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "binary/egi_binary.h"
#include "engram/binary_lab.h"
#include "engram/random.h"

enum { STREAM_SETS = 0x424c4142, STREAM_PATTERNS = 1, STREAM_CUES = 2 };

/* Random numbers one after the other. */
struct source {
    uint64_t seed, stream, at;
};

static size_t below(struct source *r, size_t bound)
{
    return (size_t)eg_random_below(r->seed, r->stream, r->at++, bound);
}

struct lab {
    const eg_binary_lab_options *o;
    eg_binary_recall_options one, rest;
    size_t most;                         /* trials of a memory, at most */
    uint64_t *addresses, *contents;      /* (M, words), (M, out words); contents NULL: one */
    uint64_t *cues, *answers;            /* (most, words), (most, out words) */
    eg_binary_certificate *certificates; /* (most) */
    size_t *place;                       /* (units of an address) active ones, by bit */
    double *error;                       /* (draws) */
    eg_binary_lab_result sum;
};

static void turn_on(uint64_t *state, size_t bit)
{
    state[bit / 64] |= UINT64_C(1) << bit % 64;
}

static int is_on(const uint64_t *state, size_t bit)
{
    return (int)(state[bit / 64] >> bit % 64 & 1);
}

static int has_bits(const eg_binary *m)
{
    return m->options.kind == EG_BINARY_SDM || m->options.kind == EG_BINARY_BAM;
}

static int cluster_used(const struct egi_side *side, const uint64_t *x, size_t c)
{
    for (size_t w = 0; w < side->group; w++)
        if (x[c * side->group + w] != 0) return 1;
    return 0;
}

/* ---- patterns ---- */

/* A symbol in `used` clusters, all or random ones. */
static void draw_message(const struct egi_side *side, size_t used, struct source *r, uint64_t *x)
{
    for (size_t k = 0; k < used; k++) {
        size_t c = k;
        if (used < side->clusters) do
                c = below(r, side->clusters);
            while (cluster_used(side, x, c));
        turn_on(x, egi_bit_of(side, c * side->units + below(r, side->units)));
    }
}

static void draw_units(const struct egi_side *side, size_t active, struct source *r, uint64_t *x)
{
    for (size_t k = 0; k < active;) {
        const size_t bit = egi_bit_of(side, below(r, side->total));
        k += (size_t)!is_on(x, bit);
        turn_on(x, bit);
    }
}

static void draw_bits(const struct egi_side *side, struct source *r, uint64_t *x)
{
    for (size_t u = 0; u < side->total; u++)
        if (below(r, 2) == 1) turn_on(x, egi_bit_of(side, u));
}

/* Active units of a cue as it was stored; 0: as many as it happens to be. */
static size_t active_units(const eg_binary_lab_options *o, const eg_binary *m)
{
    if (m->kind->symbols) return m->options.order > 0 ? m->options.order : m->in.clusters;
    return has_bits(m) ? 0 : o->active;
}

static void draw_pattern(const eg_binary *m, const struct egi_side *side, size_t active,
                         struct source *r, uint64_t *x)
{
    memset(x, 0, side->words * sizeof *x);
    if (m->kind->symbols)
        draw_message(side, active, r, x);
    else if (active > 0)
        draw_units(side, active, r, x);
    else
        draw_bits(side, r, x);
}

static void draw_patterns(struct lab *l, const eg_binary *m, uint64_t seed)
{
    const size_t in = active_units(l->o, m);
    const size_t out = m->kind->symbols       ? m->out.clusters
                       : l->o->out_active > 0 ? l->o->out_active
                                              : in;
    struct source r = { seed, STREAM_PATTERNS, 0 };
    for (size_t i = 0; i < l->o->n; i++) {
        draw_pattern(m, &m->in, in, &r, l->addresses + i * m->in.words);
        if (!m->own) draw_pattern(m, &m->out, out, &r, l->contents + i * m->out.words);
    }
}

/* ---- cues ---- */

static void turn_bits(const struct egi_side *side, size_t wrong, struct source *r, uint64_t *cue,
                      const uint64_t *pattern)
{
    for (size_t k = 0; k < wrong;) {
        const size_t bit = egi_bit_of(side, below(r, side->total));
        if (is_on(cue, bit) != is_on(pattern, bit)) continue; /* turned before */
        cue[bit / 64] ^= UINT64_C(1) << bit % 64;
        k++;
    }
}

/* Another unit, of the same cluster, that is on neither in the pattern nor in the cue. */
static void move_unit(const struct egi_side *side, size_t bit, struct source *r, uint64_t *cue,
                      const uint64_t *pattern)
{
    const size_t first = egi_row_of(side, bit) / side->units * side->units;
    size_t other;
    do other = egi_bit_of(side, first + below(r, side->units));
    while (is_on(pattern, other) || is_on(cue, other));
    turn_on(cue, other);
}

static void spoil(struct lab *l, const eg_binary *m, struct source *r, uint64_t *cue,
                  const uint64_t *pattern)
{
    const eg_binary_lab_options *o = l->o;
    size_t n = 0;
    memcpy(cue, pattern, m->in.words * sizeof *cue);
    if (has_bits(m)) {
        turn_bits(&m->in, o->wrong, r, cue, pattern);
        return;
    }
    for (size_t b = egi_next_bit(pattern, m->in.words, 0); b != SIZE_MAX;
         b = egi_next_bit(pattern, m->in.words, b + 1))
        l->place[n++] = b;
    for (size_t k = 0; k < o->erased + o->wrong; k++) { /* Fisher and Yates, the first so many */
        const size_t with = k + below(r, n - k), bit = l->place[with];
        l->place[with] = l->place[k];
        cue[bit / 64] &= ~(UINT64_C(1) << bit % 64);
        if (k >= o->erased) move_unit(&m->in, bit, r, cue, pattern);
    }
}

/* ---- comparison ---- */

static size_t units_apart(const uint64_t *a, const uint64_t *b, size_t words)
{
    size_t n = 0;
    for (size_t w = 0; w < words; w++) n += (size_t)__builtin_popcountll(a[w] ^ b[w]);
    return n;
}

/* Each cluster of a message is the first of the answer's. */
static int chosen_right(const struct egi_side *side, const uint64_t *answer,
                        const uint64_t *pattern)
{
    for (size_t c = 0; c < side->clusters; c++) {
        const size_t at = c * side->group;
        if (cluster_used(side, answer, c) != cluster_used(side, pattern, c)) return 0;
        if (egi_next_bit(answer + at, side->group, 0) != egi_next_bit(pattern + at, side->group, 0))
            return 0;
    }
    return 1;
}

static const uint64_t *target_of(const struct lab *l, const eg_binary *m, size_t trial)
{
    const uint64_t *from = m->own ? l->addresses : l->contents;
    return from + trial % l->o->n * m->out.words;
}

static void count_one(struct lab *l, const eg_binary *m, size_t trials)
{
    for (size_t t = 0; t < trials; t++) {
        const uint64_t *answer = l->answers + t * m->out.words;
        const size_t apart = units_apart(answer, target_of(l, m, t), m->out.words);
        l->sum.error_one += apart > 0;
        l->sum.units_one += (double)apart;
    }
}

/* Returns the share of errors. */
static double count_rest(struct lab *l, const eg_binary *m, size_t trials)
{
    size_t wrong = 0;
    for (size_t t = 0; t < trials; t++) {
        const uint64_t *answer = l->answers + t * m->out.words, *target = target_of(l, m, t);
        const size_t apart = units_apart(answer, target, m->out.words);
        wrong += apart > 0;
        l->sum.error_chosen +=
            m->kind->symbols ? !chosen_right(&m->out, answer, target) : apart > 0;
        l->sum.units += (double)apart;
        l->sum.steps += (double)l->certificates[t].steps;
        l->sum.converged += l->certificates[t].converged;
    }
    l->sum.error += (double)wrong;
    return (double)wrong / (double)trials;
}

/* ---- a memory, all memories ---- */

static eg_status measure_memory(struct lab *l, eg_binary *m, size_t draw, size_t trials)
{
    const eg_binary_lab_options *o = l->o;
    uint32_t w[4];
    egi_philox(o->seed, STREAM_SETS, 4 * draw, w);
    const uint64_t seed = (uint64_t)w[1] << 32 | w[0];
    struct source r = { seed, STREAM_CUES, 0 };
    eg_binary_health health;
    draw_patterns(l, m, seed);
    EGI_TRY(eg_binary_add(m, l->addresses, m->own ? NULL : l->contents, o->n));
    EGI_TRY(eg_binary_measure(m, &health));
    l->sum.fill += health.fill / (double)o->draws;
    for (size_t t = 0; t < trials; t++)
        spoil(l, m, &r, l->cues + t * m->in.words, l->addresses + t % o->n * m->in.words);
    EGI_TRY(eg_binary_recall(m, l->cues, trials, &l->one, l->answers, NULL));
    count_one(l, m, trials);
    EGI_TRY(eg_binary_recall(m, l->cues, trials, &l->rest, l->answers, l->certificates));
    l->error[draw] = count_rest(l, m, trials);
    return EG_OK;
}

static eg_status check_cell(const eg_binary_lab_options *o, const eg_binary *m)
{
    const size_t active = active_units(o, m), out = o->out_active > 0 ? o->out_active : active;
    if (m->kind->sequence)
        return egi_fail(EG_ERR_UNSUPPORTED, "eg_binary_lab: a chain stores sequences");
    if (has_bits(m) ? o->erased > 0 || o->wrong > m->in.total : o->erased + o->wrong > active)
        return egi_fail(EG_ERR_INVALID,
                        "eg_binary_lab: erased %zu, wrong %zu of %zu active units (sdm, bam: none "
                        "is erased)",
                        o->erased, o->wrong, has_bits(m) ? m->in.total : active);
    if (!has_bits(m) && !m->kind->symbols
        && (active == 0 || active + o->wrong > m->in.total || out > m->out.total))
        return egi_fail(EG_ERR_INVALID, "eg_binary_lab: %zu and %zu active units of %zu and %zu",
                        active, out, m->in.total, m->out.total);
    if (m->kind->symbols && o->wrong > 0 && m->in.units < 2)
        return egi_fail(EG_ERR_INVALID, "eg_binary_lab: wrong symbols, and clusters of 1 unit");
    return EG_OK;
}

static eg_status measure_all(struct lab *l)
{
    const eg_binary_lab_options *o = l->o;
    for (size_t r = 0; r < o->draws; r++) {
        EGI_TRY(egi_report(o->progress, "capacity", r, o->draws));
        eg_binary *m = NULL;
        eg_binary_options of = o->memory;
        of.seed = o->memory.seed + r; /* other locations of an sdm */
        EGI_TRY(eg_binary_create(&of, &m));
        const size_t trials = o->trials / o->draws + (r < o->trials % o->draws);
        const eg_status s = measure_memory(l, m, r, trials);
        eg_binary_destroy(m);
        EGI_TRY(s);
    }
    return egi_report(o->progress, "capacity", o->draws, o->draws);
}

static eg_binary_lab_result result_of(const struct lab *l)
{
    const double n = (double)l->o->trials, draws = (double)l->o->draws;
    eg_binary_lab_result r = l->sum;
    double square = 0;
    r.error_one /= n, r.error /= n, r.error_chosen /= n;
    r.units_one /= n, r.units /= n, r.steps /= n, r.converged /= n;
    for (size_t i = 0; i < l->o->draws; i++)
        square += (l->error[i] - r.error) * (l->error[i] - r.error);
    r.error_spread =
        draws > 1 ? sqrt(square / (draws - 1) / draws) : sqrt(r.error * (1 - r.error) / n);
    return r;
}

/* What a memory of these options would need, from one that is empty. */
static eg_status prepare(struct lab *l, const eg_binary *m, struct egi_arena *arena)
{
    const eg_binary_lab_options *o = l->o;
    EGI_TRY(check_cell(o, m));
    l->rest = o->recall != NULL ? *o->recall : eg_binary_recall_usual(m);
    l->rest.threads = o->threads;
    l->rest.progress = NULL; /* progress is by memories */
    l->one = l->rest;
    l->one.max_steps = 1;
    l->most = (o->trials + o->draws - 1) / o->draws;
    size_t stored, contents, cues, answers;
    EGI_TRY(egi_mul_size(o->n, m->in.words, &stored));
    EGI_TRY(egi_mul_size(o->n, m->own ? 0 : m->out.words, &contents));
    EGI_TRY(egi_mul_size(l->most, m->in.words, &cues));
    EGI_TRY(egi_mul_size(l->most, m->out.words, &answers));
    const struct egi_need needs[] = {
        { stored, sizeof(uint64_t) },    { contents, sizeof(uint64_t) },
        { cues, sizeof(uint64_t) },      { answers, sizeof(uint64_t) },
        { m->in.total, sizeof(size_t) }, { l->most, sizeof(eg_binary_certificate) },
        { o->draws, sizeof(double) },
    };
    EGI_TRY(egi_arena_create(m->alloc, needs, EGI_COUNT(needs), "eg_binary_lab", arena));
    l->addresses = arena->part[0];
    l->contents = arena->part[1];
    l->cues = arena->part[2];
    l->answers = arena->part[3];
    l->place = arena->part[4];
    l->certificates = arena->part[5];
    l->error = arena->part[6];
    return EG_OK;
}

eg_status eg_binary_lab(const eg_binary_lab_options *options, eg_binary_lab_result *result)
{
    struct lab l = { .o = options };
    struct egi_arena arena = { .alloc = eg_allocator_default() };
    eg_binary *empty = NULL;
    if (options == NULL || result == NULL)
        return egi_fail(EG_ERR_INVALID, "eg_binary_lab: %s is NULL",
                        options == NULL ? "options" : "result");
    if (options->size != sizeof *options)
        return egi_fail(EG_ERR_INVALID, "eg_binary_lab_options: size %zu, expected %zu",
                        options->size, sizeof *options);
    if (options->n == 0 || options->draws == 0 || options->trials < options->draws)
        return egi_fail(EG_ERR_INVALID,
                        "eg_binary_lab_options: n = %zu, draws = %zu, trials = %zu, expected >= 1 "
                        "and a trial a draw",
                        options->n, options->draws, options->trials);
    EGI_TRY(eg_binary_create(&options->memory, &empty));
    eg_status s = prepare(&l, empty, &arena);
    eg_binary_destroy(empty);
    if (s == EG_OK) s = measure_all(&l);
    if (s == EG_OK) *result = result_of(&l);
    egi_arena_destroy(&arena);
    return s;
}
