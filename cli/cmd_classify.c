/* engram classify: which of the taught classes, how sure, and who voted. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli_table.h"
#include "cli/cli_text.h"
#include "cli/taught.h"

enum { VOTES_MOST = 100 };

struct classify {
    struct common common;
    struct reader_options reader;
    const char *network;
    size_t votes;
};

static const struct classify defaults = { .reader = READER_OPTIONS_INIT };

#define AT(field) offsetof(struct classify, field)

static const struct opt options[] = {
    { "network", 0, OPT_TEXT, AT(network), "FILE.onnx", "where the network is now", NULL, 0, 0 },
    { "votes", 0, OPT_SIZE, AT(votes), "N", "the N that spoke most for the class", NULL, 1,
      VOTES_MOST },
    READER_OPTION_ROWS(struct classify),
    SET_OPTION_ROWS(struct classify),
    { NULL, 0, OPT_FLAG, 0, NULL, NULL, NULL, 0, 0 },
};

/* "item 7 (0.93), item 2 (0.90)" */
static eg_status votes_of(struct taught *t, const float *x, int32_t label, size_t n, json_t *list,
                          struct text *words)
{
    eg_head_vote vote[VOTES_MOST];
    size_t found = 0;
    const char *who = eg_head_kind_of(t->head)->voters;
    const eg_status s = eg_head_votes(t->head, x, (size_t)label, vote, n, &found);
    for (size_t i = 0; i < found && s == EG_OK; i++) {
        json_array_append_new(list, json_pack("{s:I,s:f}", who, (json_int_t)vote[i].voter, "weight",
                                              (double)vote[i].weight));
        text_add(words, "%s%s %llu (%.3g)", i > 0 ? ", " : "", who,
                 (unsigned long long)vote[i].voter, (double)vote[i].weight);
    }
    return s;
}

static void print_one(const struct call *call, struct taught *t, const char *item,
                      const eg_head_answer *a, json_t *list, const char *words)
{
    const char *label = taught_name(t, a->label), *second = taught_name(t, a->second);
    if (call->common->json) {
        json_t *j = json_pack("{s:s,s:s,s:b,s:f,s:f,s:f,s:s}", "item", item, "class", label,
                              "known", a->known, "confidence", (double)a->confidence, "typical",
                              (double)a->typical, "score", (double)a->score, "second", second);
        if (list != NULL) json_object_set(j, "votes", list);
        print_json_line(call->out, j);
        json_decref(j);
        return;
    }
    fprintf(call->out, "%-32s %-20s %5.1f %%", harmless(item),
            a->known ? label : keep_format("unknown (%s)", label), 100 * (double)a->confidence);
    if (a->typical < 1) fprintf(call->out, "   typical %.3f", (double)a->typical);
    if (words != NULL) fprintf(call->out, "   %s", words);
    fprintf(call->out, "\n");
}

struct tally {
    size_t right, of, known;
};

static int classify_all(const struct call *call, struct taught *t, const struct items *items,
                        struct tally *tally)
{
    const struct classify *o = call->options;
    for (size_t i = 0; i < items->n; i++) {
        const float *x = items->f.x + i * items->f.d;
        eg_head_answer a;
        struct text words = { 0 };
        json_t *list = o->votes > 0 ? json_array() : NULL;
        eg_status s = eg_head_predict(t->head, x, 1, &a, NULL);
        if (s == EG_OK && o->votes > 0) s = votes_of(t, x, a.label, o->votes, list, &words);
        if (s == EG_OK) print_one(call, t, items->name[i], &a, list, words.s);
        json_decref(list);
        text_clear(&words);
        if (s != EG_OK) return fail(s, items->name[i]);
        tally->known += (size_t)a.known;
        if (items->label[i] == NULL) continue;
        tally->of++;
        tally->right += strcmp(items->label[i], taught_name(t, a.label)) == 0;
    }
    return EXIT_DONE;
}

static int run(const struct call *call)
{
    const struct classify *o = call->options;
    struct taught t;
    struct items items = { .n = 0 };
    struct tally tally = { 0, 0, 0 };
    int code = taught_open(call, call->args[0], 1, &t);
    if (code == EXIT_DONE) code = taught_find_network(call, o->network, &t);
    if (code == EXIT_DONE)
        code = items_read(call, t.network, &t.how, eg_head_features(t.head), &o->reader, 1, &items);
    if (code == EXIT_DONE && items.n > 0 && items.f.d != eg_head_features(t.head))
        code = fail_usage(call, "%s: %zu features, %s learned from %zu", call->args[1], items.f.d,
                          call->args[0], eg_head_features(t.head));
    if (code == EXIT_DONE) code = classify_all(call, &t, &items, &tally);
    if (code == EXIT_DONE && tally.of > 0) {
        const double share = (double)tally.right / (double)tally.of;
        say(call, "right   %zu of %zu, %.1f %% +-%.1f", tally.right, tally.of, 100 * share,
            100 * sqrt(share * (1 - share) / (double)tally.of));
    }
    if (code == EXIT_DONE && tally.known == 0) code = EXIT_NO;
    items_clear(&items);
    taught_close(&t);
    return code;
}

const struct command cmd_classify = {
    .name = "classify",
    .summary = "which taught class, how sure, and who voted",
    .arguments = "FILE.egm DATA... ",
    .examples = "engram classify birds.egm photo.jpg\n"
                "engram classify birds.egm photos/ --votes 3\n"
                "engram classify birds.egm features.npy --json",
    .notes =
        "Of each item the class, how sure (a softmax over the classes known) and, where the file\n"
        "was calibrated (teach --unknown), how typical it is of what is known: the share of known\n"
        "examples that fit as badly. Less typical than the share set: unknown. Exit 1 when all\n"
        "are. Items whose own class the data tell are counted right or wrong.",
    .options = options,
    .defaults = &defaults,
    .size = sizeof defaults,
    .min_args = 2,
    .max_args = 1u << 20,
    .run = run,
};
