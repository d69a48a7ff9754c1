/* Recall and sequences of every kind: arguments, scratch, threads. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "binary/egi_binary.h"

eg_binary_recall_options eg_binary_recall_usual(const eg_binary *m)
{
    const eg_binary_recall_options none = { .size = sizeof none };
    return m != NULL ? m->kind->usual(m) : none;
}

static eg_status check_options(const eg_binary *m, const eg_binary_recall_options *o)
{
    if (o->size != sizeof *o)
        return egi_fail(EG_ERR_INVALID, "eg_binary_recall_options: size %zu, expected %zu", o->size,
                        sizeof *o);
    if ((unsigned)o->score >= EG_SCORE_COUNT || (unsigned)o->activation >= EG_ACTIVE_COUNT)
        return egi_fail(EG_ERR_INVALID, "eg_binary_recall_options: score %d, activation %d",
                        (int)o->score, (int)o->activation);
    if (o->max_steps == 0)
        return egi_fail(EG_ERR_INVALID, "eg_binary_recall_options: max_steps 0, expected >= 1");
    return m->kind->accepts(m, o);
}

static eg_status check_cues(const eg_binary *m, const char *who, const uint64_t *cues, size_t q)
{
    for (size_t i = 0; i < q; i++) {
        const uint64_t *x = cues + i * m->in.words;
        if (!egi_state_clean(&m->in, x))
            return egi_fail(EG_ERR_INVALID, "%s: cue %zu has bits past the last unit of a cluster",
                            who, i);
        if (m->in.total > EGI_MOST_VOICES && egi_state_active(&m->in, x) > EGI_MOST_VOICES)
            return egi_fail(EG_ERR_LIMIT, "%s: cue %zu has more than %d active units", who, i,
                            EGI_MOST_VOICES);
    }
    return EG_OK;
}

enum { RUN = 64 }; /* queries between two looks at the clock and the user */

struct job {
    const eg_binary *m;
    const eg_binary_recall_options *o;
    const uint64_t *cues;
    uint64_t *states;
    eg_binary_certificate *certificates;
    size_t q, scratch;
    uint8_t *block;
};

static void recall_run(void *arg, size_t run, size_t worker)
{
    const struct job *j = arg;
    const size_t end = (run + 1) * RUN < j->q ? (run + 1) * RUN : j->q;
    for (size_t i = run * RUN; i < end; i++) {
        eg_binary_certificate unread;
        const struct egi_query q = {
            j->o,
            j->cues + i * j->m->in.words,
            j->states + i * j->m->out.words,
            j->certificates != NULL ? &j->certificates[i] : &unread,
            j->block + worker * j->scratch,
            j->certificates != NULL,
        };
        j->m->kind->recall(j->m, &q);
    }
}

/* Runs of queries, a crew's worth at a time, so that the user can end it. */
static eg_status recall_all(struct job *j, int threads)
{
    const size_t runs = (j->q + RUN - 1) / RUN, step = 64 * (size_t)threads;
    const struct job whole = *j;
    eg_status s = EG_OK;
    for (size_t at = 0; at < runs && s == EG_OK; at += step) {
        struct job part = whole;
        const size_t first = at * RUN;
        part.cues += first * j->m->in.words;
        part.states += first * j->m->out.words;
        if (part.certificates != NULL) part.certificates += first;
        part.q = whole.q - first < step * RUN ? whole.q - first : step * RUN;
        egi_parallel_workers((part.q + RUN - 1) / RUN, threads, recall_run, &part);
        s = egi_report(j->o->progress, "recall", first + part.q, whole.q);
    }
    return s;
}

eg_status eg_binary_recall(const eg_binary *m, const uint64_t *cues, size_t q,
                           const eg_binary_recall_options *options, uint64_t *states,
                           eg_binary_certificate *certificates)
{
    if (m == NULL || ((cues == NULL || states == NULL) && q > 0))
        return egi_fail(EG_ERR_INVALID, "eg_binary_recall: %s is NULL",
                        m == NULL      ? "memory"
                        : cues == NULL ? "cues"
                                       : "states");
    const eg_binary_recall_options o = options != NULL ? *options : m->kind->usual(m);
    EGI_TRY(check_options(m, &o));
    EGI_TRY(check_cues(m, "eg_binary_recall", cues, q));
    if (q == 0) return EG_OK;
    struct job j = { m, &o, cues, states, certificates, q, 0, NULL };
    int threads = egi_thread_count(o.threads);
    if ((size_t)threads > (q + RUN - 1) / RUN) threads = (int)((q + RUN - 1) / RUN);
    EGI_TRY(m->kind->scratch(m, &o, &j.scratch));
    j.scratch = (j.scratch + EGI_ALIGN - 1) / EGI_ALIGN * EGI_ALIGN;
    void *block;
    EGI_TRY(
        egi_alloc_array(m->alloc, (size_t)threads, j.scratch, "eg_binary_recall: scratch", &block));
    j.block = block;
    const eg_status s = recall_all(&j, threads);
    egi_free(m->alloc, block, (size_t)threads * j.scratch);
    return s;
}

/* ---- chains ---- */

/* Rows of the active units of the last states, newest first. */
static size_t window_rows(const eg_binary *m, const uint64_t *const *window, const uint64_t **rows,
                          size_t most)
{
    size_t k = 0;
    for (size_t i = 0; i < m->options.order; i++)
        for (size_t u = egi_next_bit(window[i], m->in.words, 0); u != SIZE_MAX && k < most;
             u = egi_next_bit(window[i], m->in.words, u + 1))
            rows[k++] = egi_links_row(&m->links, egi_row_of(&m->in, u));
    return k;
}

/* The units that hear most voices; which share of them they hear. */
static double follow(const eg_binary *m, const uint64_t *const *rows, size_t k, uint16_t *score,
                     uint64_t *next)
{
    const size_t bits = 64 * m->in.words;
    uint16_t best = 0;
    memset(score, 0, bits * sizeof *score);
    memset(next, 0, m->in.words * sizeof *next);
    m->kernel.tally(rows, k, m->in.words, score);
    for (size_t u = 0; u < bits; u++) best = score[u] > best ? score[u] : best;
    for (size_t u = 0; best > 0 && u < bits; u++)
        if (score[u] == best) next[u / 64] |= UINT64_C(1) << u % 64;
    return k > 0 ? (double)best / (double)k : 0;
}

static eg_status check_sequence(const eg_binary *m, const uint64_t *cue, size_t r,
                                const uint64_t *states)
{
    if (m == NULL || cue == NULL || states == NULL)
        return egi_fail(EG_ERR_INVALID, "eg_binary_sequence: %s is NULL",
                        m == NULL     ? "memory"
                        : cue == NULL ? "cue"
                                      : "states");
    if (!m->kind->sequence)
        return egi_fail(EG_ERR_UNSUPPORTED, "eg_binary_sequence: %s holds no sequences",
                        m->kind->info.name);
    if (r < m->options.order)
        return egi_fail(EG_ERR_INVALID, "eg_binary_sequence: %zu states, expected at least %zu", r,
                        m->options.order);
    return check_cues(m, "eg_binary_sequence", cue, r);
}

eg_status eg_binary_sequence(const eg_binary *m, const uint64_t *cue, size_t r, size_t steps,
                             uint64_t *states, double *sure)
{
    EGI_TRY(check_sequence(m, cue, r, states));
    const size_t words = m->in.words, order = m->options.order;
    struct egi_arena a;
    const struct egi_need needs[] = { { EGI_MOST_VOICES, sizeof(uint64_t *) },
                                      { order, sizeof(uint64_t *) },
                                      { 64 * words, sizeof(uint16_t) } };
    EGI_TRY(egi_arena_create(m->alloc, needs, EGI_COUNT(needs), "eg_binary_sequence", &a));
    const uint64_t **rows = a.part[0], **window = a.part[1];
    for (size_t i = 0; i < order; i++) window[i] = cue + (r - 1 - i) * words;
    for (size_t t = 0; t < steps; t++) {
        const size_t k = window_rows(m, window, rows, EGI_MOST_VOICES);
        const double share = follow(m, rows, k, a.part[2], states + t * words);
        if (sure != NULL) sure[t] = share;
        memmove(window + 1, window, (order - 1) * sizeof *window);
        window[0] = states + t * words;
    }
    egi_arena_destroy(&a);
    return EG_OK;
}
