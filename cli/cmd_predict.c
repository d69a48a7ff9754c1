/* engram predict: the class of each item, and the scores of all classes. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "cli/attended.h"
#include "cli/drawn.h"
#include "cli/model.h"
#include "cli/reader_options.h"
#include "engram/train.h"

enum { BATCH = 256 };

struct predict {
    struct common common;
    struct reader_options reader;
    struct cue_options cue;
    size_t attended, motifs;
    const char *layer;
};

static const struct predict defaults = { .reader = READER_OPTIONS_INIT, .layer = "pool" };

#define AT(field) offsetof(struct predict, field)

static const struct opt options[] = {
    { "invert", 0, OPT_CHOICE, AT(cue.invert), "WHEN", "black for white in a picture", invert_name,
      0, 0 },
    { "crop", 0, OPT_FLAG, AT(cue.crop), NULL, "cut a picture to what is drawn on it", NULL, 0, 0 },
    { "no-crop", 0, OPT_FLAG, AT(cue.whole), NULL, "never, not even wide empty margins", NULL, 0,
      0 },
    { "attended", 0, OPT_SIZE, AT(attended), "N",
      "of bags: in the place of classes the N rows that the model looks at most", NULL, 1, 1e9 },
    { "motifs", 0, OPT_SIZE, AT(motifs), "N",
      "of repertoires, with --attended: the N words that those rows hold above chance", NULL, 1,
      1e6 },
    { "layer", 0, OPT_TEXT, AT(layer), "NAME", "with --attended: which layer's weights", NULL, 0,
      0 },
    READER_OPTION_ROWS(struct predict),
    BAG_OPTION_ROW(struct predict),
    { NULL, 0, OPT_FLAG, 0, NULL, NULL, NULL, 0, 0 },
};

static const char *item_name(const struct call *call, const eg_dataset *set, size_t i)
{
    return set->item_names ? keep_format("%s", set->item_names[i])
           : set->n == 1   ? call->args[1]
                           : keep_format("%zu", i);
}

static void print_json(const struct call *call, const struct model *m, const eg_dataset *set,
                       const float *scores)
{
    const size_t k = m->task->classes;
    for (size_t i = 0; i < set->n; i++) {
        json_t *all = json_object();
        for (size_t c = 0; c < k; c++)
            json_object_set_new(all, model_class(m, c), json_number((double)scores[i * k + c]));
        json_t *j = json_pack("{s:s,s:s,s:o}", "item", item_name(call, set, i), "class",
                              model_class(m, best_class(scores + i * k, k)), "scores", all);
        print_json_line(call->out, j);
        json_decref(j);
    }
}

static void print_csv(const struct call *call, const struct model *m, const eg_dataset *set,
                      const float *scores)
{
    const size_t k = m->task->classes;
    struct column *columns = need(k + 2, sizeof *columns);
    struct table table;
    struct text csv = { 0 };
    columns[0] = (struct column){ "item", NULL };
    columns[1] = (struct column){ "class", NULL };
    for (size_t c = 0; c < k; c++)
        columns[c + 2] = (struct column){ keep_format("score_%s", model_class(m, c)), "%.6g" };
    table_begin(&table, "classes", columns, k + 2);
    for (size_t i = 0; i < set->n; i++) {
        table_word(&table, "%s", item_name(call, set, i));
        table_word(&table, "%s", model_class(m, best_class(scores + i * k, k)));
        for (size_t c = 0; c < k; c++) table_number(&table, (double)scores[i * k + c]);
    }
    table_csv(&table, &csv);
    if (csv.size > 0) fwrite(csv.s, 1, csv.size, call->out);
    text_clear(&csv);
    table_clear(&table);
    free(columns);
}

static eg_status score_all(const struct call *call, const struct model *m, const eg_dataset *set,
                           float *scores)
{
    struct bar bar;
    const eg_progress progress = bar_begin(&bar, call);
    eg_status s = EG_OK;
    for (size_t i = 0; i < set->n && s == EG_OK; i += BATCH) {
        const size_t b = set->n - i < BATCH ? set->n - i : BATCH, k = m->task->classes;
        const eg_part part = { set, NULL, set->n };
        s = eg_part_scores(m->learner, &part, i, b, scores + i * k);
        if (progress.report(progress.user, "predict", i + b, set->n) != 0) s = EG_ERR_INTERRUPTED;
    }
    bar_end(&bar);
    return s;
}

static int run(const struct call *call)
{
    const struct predict *o = call->options;
    const eg_read_options read = example_options_of(&o->reader);
    struct model m;
    eg_dataset set = { 0 };
    int code = model_open(call, call->args[0], &m);
    if (code == EXIT_DONE) code = model_read(call, &m, call->args[1], &o->cue, &read, &set);
    if (code == EXIT_DONE && o->motifs > 0) {
        code =
            attended_words(call, &m, &set, o->layer, o->attended > 0 ? o->attended : 20, o->motifs);
    } else if (code == EXIT_DONE && o->attended > 0) {
        code = attended_print(call, &m, &set, o->layer, o->attended);
    } else if (code == EXIT_DONE) {
        float *scores = need_floats(set.n, m.task->classes);
        const eg_status s = score_all(call, &m, &set, scores);
        if (s != EG_OK)
            code = fail(s, NULL);
        else if (call->common->json)
            print_json(call, &m, &set, scores);
        else
            print_csv(call, &m, &set, scores);
        free(scores);
        if (s == EG_OK && set.labels != NULL)
            say_next(call, "engram eval %s %s", shell_word(call->args[0]),
                     shell_word(call->args[1]));
    }
    eg_dataset_clear(&set);
    model_close(&m);
    return code;
}

const struct command cmd_predict = {
    .name = "predict",
    .summary = "the class of each item, and the scores of all classes",
    .arguments = "MODEL DATA|PICTURE ",
    .examples = "engram predict runs/dam-20 digit.png\n"
                "engram predict runs/dam-20 mnist/test --limit 10 --json\n"
                "engram predict model.safetensors folder/ -o classes.csv\n"
                "engram predict net bags --attended 3",
    .notes = "CSV (item, class, a score for each class), or with --json an object a line. "
             "A picture of any\nsize is cropped, inverted and scaled as the pictures the model was "
             "trained on were.",
    .options = options,
    .defaults = &defaults,
    .size = sizeof defaults,
    .min_args = 2,
    .max_args = 2,
    .run = run,
};
