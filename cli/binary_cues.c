/* Cues of a binary memory, its answers with their certificates; of a chain what follows. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/binary_cues.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli_table.h"
#include "cli/cli_text.h"
#include "cli/cues.h"

enum { STREAM_TURN = 0x7c1 };

const char *score_name(size_t row)
{
    static const char *const names[EG_SCORE_COUNT] = { "sum", "max" };
    return row < EG_SCORE_COUNT ? names[row] : NULL;
}

const char *activation_name(size_t row)
{
    static const char *const names[EG_ACTIVE_COUNT] = { "support", "winners", "losers", "global",
                                                        "threshold" };
    return row < EG_ACTIVE_COUNT ? names[row] : NULL;
}

/* Cues and answers as numbers, and as states. */
struct answers {
    size_t q, in, out; /* cues; numbers of each */
    float *truth;      /* (Q, in) before corruption */
    float *x;          /* (Q, out) answers */
    uint64_t *cues, *states;
    eg_binary_certificate *certificates; /* (Q); of a chain NULL */
    double *sure;                        /* of a chain: (Q) */
    int corrupted, one_step;             /* nothing is asked to rest that makes one step alone */
    double seconds;
};

static void answers_clear(struct answers *a)
{
    free(a->truth);
    free(a->x);
    free(a->cues);
    free(a->states);
    free(a->certificates);
    free(a->sure);
}

/* Symbols become others, units turn, each with probability p. */
static void turn(const eg_binary_options *o, uint64_t seed, double p, float *x, size_t n)
{
    for (size_t i = 0; p > 0 && i < n; i++) {
        float draw;
        eg_random_uniform(seed, STREAM_TURN, i, 1, &draw);
        if ((double)draw >= p) continue;
        if (!binary_of_symbols(o))
            x[i] = x[i] > 0 ? -1 : 1;
        else if (x[i] >= 0 && o->units > 1) /* never itself */
            x[i] = (float)(((size_t)x[i] + 1
                            + (size_t)eg_random_below(seed, STREAM_TURN + 1, i, o->units - 1))
                           % o->units);
    }
}

static int read_cues(const struct call *call, const struct binary_recalling *o,
                     const struct stored *s, const eg_binary *m, struct answers *a)
{
    const eg_binary_options *of = eg_binary_options_view(m);
    const eg_read_options read = read_options_of(o->reader);
    eg_dataset set = { 0 };
    int code = data_read(call, call->args[1], &read, &set);
    if (code != EXIT_DONE) return code;
    a->in = eg_binary_numbers(m, 0);
    a->out = eg_binary_numbers(m, 1);
    a->q = set.n;
    if (set.offset != NULL || set.d != a->in) {
        code = fail_usage(call, "%s: cues of %zu numbers, %s has items of %zu (%s)", call->args[1],
                          set.d, call->args[0], a->in, binary_words(of));
    } else {
        if (!o->as_is) binary_scale(of, &s->scaling, set.x, set.n, set.d);
        a->truth = need_floats(a->q, a->in);
        memcpy(a->truth, set.x, a->q * a->in * sizeof *set.x);
        const float unknown = binary_of_symbols(of) ? -1 : 0;
        a->corrupted = o->hide != NULL || o->flip > 0;
        if (o->hide != NULL
            && !hide_apply(o->hide, &s->shape, call->common->seed, unknown, set.x, NULL, a->q,
                           a->in))
            code = fail_usage(call, "--hide: expected a share 0..1%s, got \"%s\"",
                              s->shape.height ? ", top, bottom, left, right, centre" : "", o->hide);
        turn(of, call->common->seed, o->flip, set.x, a->q * a->in);
        a->cues = need(a->q * eg_binary_words(m) + 1, sizeof *a->cues);
        const eg_status status = eg_binary_encode(m, 0, set.x, a->q, a->cues);
        if (code == EXIT_DONE && status != EG_OK) code = fail(status, call->args[1]);
    }
    eg_dataset_clear(&set);
    return code;
}

eg_binary_recall_options binary_rule(const eg_binary *m, const struct binary_recalling *o)
{
    eg_binary_recall_options how = eg_binary_recall_usual(m);
    if (o->score >= 0) how.score = (eg_binary_score)o->score;
    if (o->activation >= 0) how.activation = (eg_binary_activation)o->activation;
    how.winners = how.threshold = o->winners;
    if (o->steps > 0) how.max_steps = o->steps;
    return how;
}

static int answer_cues(const struct call *call, const struct binary_recalling *o,
                       const eg_binary *m, struct answers *a)
{
    struct bar bar;
    const eg_progress progress = bar_begin(&bar, call);
    eg_binary_recall_options how = binary_rule(m, o);
    a->one_step = how.max_steps == 1;
    how.threads = call->common->threads;
    how.progress = &progress;
    a->states = need(a->q * eg_binary_out_words(m) + 1, sizeof *a->states);
    a->certificates = need(a->q, sizeof *a->certificates);
    const double started = seconds_now();
    const eg_status s = eg_binary_recall(m, a->cues, a->q, &how, a->states, a->certificates);
    bar_end(&bar);
    a->seconds = seconds_now() - started;
    return s == EG_OK ? EXIT_DONE : fail(s, NULL);
}

/* The cues are the last states of a sequence; the answers what follows. */
static int follow_chain(const struct binary_recalling *o, const eg_binary *m, struct answers *a)
{
    const size_t steps = o->steps > 0 ? o->steps : 1;
    const size_t words = eg_binary_words(m);
    a->states = need(steps * words + 1, sizeof *a->states);
    a->sure = need(steps, sizeof *a->sure);
    const double started = seconds_now();
    const eg_status s = eg_binary_sequence(m, a->cues, a->q, steps, a->states, a->sure);
    a->seconds = seconds_now() - started;
    a->q = steps;
    return s == EG_OK ? EXIT_DONE : fail(s, NULL);
}

/* ---- what is shown ---- */

static const char *numbers_text(const float *x, size_t n)
{
    struct text t = { 0 };
    text_add(&t, "%s", "");
    for (size_t i = 0; i < n && i < 16; i++) text_add(&t, "%s%g", i ? " " : "", (double)x[i]);
    if (n > 16) text_add(&t, " ...");
    const char *kept = keep_format("%s", t.s);
    text_clear(&t);
    return kept;
}

/* One answer, at rest, that the memory vouches for as its kind can. */
static int is_whole(const struct answers *a, size_t i)
{
    if (a->certificates == NULL) return 0;
    const eg_binary_certificate *c = &a->certificates[i];
    return (c->converged || a->one_step) && c->whole && c->ambiguous == 0 && c->empty == 0
           && c->active > 0;
}

static int recovered(const struct answers *a, size_t i)
{
    return memcmp(a->x + i * a->out, a->truth + i * a->in, a->in * sizeof *a->x) == 0;
}

static json_t *cue_json(const struct call *call, const struct answers *a, int own, size_t i)
{
    json_t *j = json_object(), *x = json_array();
    json_object_set_new(j, "cue", json_string(keep_format("%s:%zu", call->args[1], i + 1)));
    for (size_t k = 0; k < a->out; k++)
        json_array_append_new(x, json_number((double)a->x[i * a->out + k]));
    json_object_set_new(j, "answer", x);
    if (a->sure != NULL) json_object_set_new(j, "sure", json_number(a->sure[i]));
    if (a->certificates == NULL) return j;
    const eg_binary_certificate *c = &a->certificates[i];
    json_object_set_new(j, "recalled", json_boolean(is_whole(a, i)));
    json_object_set_new(j, "converged", json_boolean(c->converged));
    json_object_set_new(j, "must_rest", json_boolean(c->monotone));
    json_object_set_new(j, "steps", json_integer((json_int_t)c->steps));
    json_object_set_new(j, "active", json_integer((json_int_t)c->active));
    json_object_set_new(j, "ambiguous", json_integer((json_int_t)c->ambiguous));
    json_object_set_new(j, "empty", json_integer((json_int_t)c->empty));
    json_object_set_new(j, "whole", json_boolean(c->whole));
    json_object_set_new(j, "false_accept", json_number(c->false_accept));
    json_object_set_new(j, "energy_before", json_number(c->energy_before));
    json_object_set_new(j, "energy_after", json_number(c->energy_after));
    json_object_set_new(j, "voices", json_integer((json_int_t)c->voices));
    if (a->corrupted && own) json_object_set_new(j, "recovered", json_boolean(recovered(a, i)));
    return j;
}

static void print_table(const struct call *call, const struct answers *a)
{
    static const struct column columns[] = {
        { "cue", NULL },
        { "recalled", NULL },
        { "steps", "%.0f" },
        { "active", "%.0f" },
        { "ambiguous", "%.0f" },
        { "empty", "%.0f" },
        { "whole", NULL },
        { "false_accept", "%.2g" },
        { "energy_before", "%.5g" },
        { "energy_after", "%.5g" },
        { "answer", NULL },
    };
    static const struct column next[] = { { "step", "%.0f" },
                                          { "sure", "%.3f" },
                                          { "answer", NULL } };
    struct table t;
    const int chain = a->sure != NULL;
    table_begin(&t, "recall", chain ? next : columns, chain ? 3 : sizeof columns / sizeof *columns);
    for (size_t i = 0; i < a->q; i++) {
        if (chain) {
            table_number(&t, (double)i + 1);
            table_number(&t, a->sure[i]);
        } else if (a->certificates != NULL) {
            const eg_binary_certificate *c = &a->certificates[i];
            table_word(&t, "%s:%zu", call->args[1], i + 1);
            table_word(&t, "%s",
                       is_whole(a, i)                ? "yes"
                       : c->converged || a->one_step ? "no"
                                                     : "moving");
            table_number(&t, (double)c->steps);
            table_number(&t, (double)c->active);
            table_number(&t, (double)c->ambiguous);
            table_number(&t, (double)c->empty);
            table_word(&t, "%s", c->whole ? "yes" : "no");
            table_number(&t, c->false_accept);
            table_number(&t, c->energy_before);
            table_number(&t, c->energy_after);
        }
        table_word(&t, "%s", numbers_text(a->x + i * a->out, a->out));
    }
    table_print(&t, call->out);
    table_clear(&t);
}

static int write_answers(const struct call *call, const struct answers *a)
{
    const char *path = call->common->output;
    const size_t n = strlen(path);
    if (n > 4 && strcmp(path + n - 4, ".npy") == 0) {
        const eg_status s = eg_npy_write(path, a->x, a->q, a->out);
        if (s != EG_OK) return fail(s, path);
    } else if (n > 4 && strcmp(path + n - 4, ".csv") == 0) {
        struct text t = { 0 };
        for (size_t j = 0; j < a->out; j++)
            text_add(&t, "x%zu%s", j + 1, j + 1 == a->out ? "\n" : ",");
        for (size_t i = 0; i < a->q * a->out; i++)
            text_add(&t, "%.9g%s", (double)a->x[i], (i + 1) % a->out == 0 ? "\n" : ",");
        const int code = write_file(path, t.s, t.size);
        text_clear(&t);
        if (code != EXIT_DONE) return code;
    } else {
        return fail_usage(call, "-o %s: expected .npy or .csv", path);
    }
    say(call, "wrote   %s", path);
    return EXIT_DONE;
}

static int show(const struct call *call, const eg_binary *m, struct answers *a)
{
    const int own = eg_binary_options_view(m)->out_clusters == 0;
    size_t whole = 0, back = 0;
    a->x = need_floats(a->q, a->out);
    const eg_status s = eg_binary_decode(m, 1, a->states, a->q, a->x);
    if (s != EG_OK) return fail(s, NULL);
    for (size_t i = 0; call->common->json && i < a->q; i++) {
        json_t *j = cue_json(call, a, own, i);
        print_json_line(call->out, j);
        json_decref(j);
    }
    if (!call->common->json) print_table(call, a);
    if (call->common->output != NULL && strcmp(call->common->output, "-") != 0) {
        const int code = write_answers(call, a);
        if (code != EXIT_DONE) return code;
    }
    if (a->sure != NULL) {
        for (size_t i = 0; i < a->q; i++) whole += a->sure[i] > 0;
        return whole > 0 ? EXIT_DONE : EXIT_NO;
    }
    for (size_t i = 0; i < a->q; i++) {
        whole += (size_t)is_whole(a, i);
        back += own && a->corrupted && recovered(a, i);
    }
    say(call, "recalled %zu of %zu, each at rest, %s; %.3f s", whole, a->q,
        eg_binary_kind_at(eg_binary_options_view(m)->kind)->whole, a->seconds);
    if (a->corrupted && own)
        say(call, "recovered %.2f %% of %zu as they were before --hide and --flip",
            100 * (double)back / (double)a->q, a->q);
    return whole > 0 ? EXIT_DONE : EXIT_NO;
}

int binary_recall(const struct call *call, const struct binary_recalling *o)
{
    struct stored s = { 0 };
    struct answers a = { 0 };
    eg_binary *m = NULL;
    if (call->nargs != 2)
        return fail_usage(call, "a binary memory keeps no items to start from: give a file of "
                                "cues");
    int code = binary_open(call, call->args[0], 1, &s, &m);
    if (code == EXIT_DONE && eg_binary_count(m) == 0) {
        fprintf(stderr, "engram: %s: nothing is stored\n", call->args[0]);
        code = EXIT_NO;
    }
    if (code == EXIT_DONE) code = read_cues(call, o, &s, m, &a);
    if (code == EXIT_DONE)
        code = eg_binary_options_view(m)->kind == EG_BINARY_CHAIN ? follow_chain(o, m, &a)
                                                                  : answer_cues(call, o, m, &a);
    if (code == EXIT_DONE) code = show(call, m, &a);
    answers_clear(&a);
    eg_binary_destroy(m);
    stored_close(&s);
    return code;
}
