/* engram eval: how good a trained model is on labelled data. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/drawn.h"
#include "cli/training.h"

enum { BATCH = 256, SHOWN_CLASSES = 20 };

struct eval {
    struct common common;
    struct reader_options reader;
    struct cue_options cue;
    const char *part;
};

static const struct eval defaults = { .reader = READER_OPTIONS_INIT };

#define AT(field) offsetof(struct eval, field)

static const struct opt options[] = {
    { "part", 0, OPT_TEXT, AT(part), "PART",
      "of DATA (mnist --part test); without DATA train, valid or test of the run", NULL, 0, 0 },
    READER_OPTION_ROWS(struct eval),
    BAG_OPTION_ROW(struct eval),
    { "labels", 0, OPT_TEXT, READER_OPT(struct eval, labels), "FILE",
      "labels in a file of their own", NULL, 0, 0 },
    { "invert", 0, OPT_CHOICE, AT(cue.invert), "WHEN", "black for white in a picture", invert_name,
      0, 0 },
    { NULL, 0, OPT_FLAG, 0, NULL, NULL, NULL, 0, 0 },
};

static void show(const struct call *call, const struct model *m, const char *data,
                 const eg_scored *s)
{
    const double p = s->accuracy;
    json_t *j =
        json_pack("{s:s,s:s,s:I,s:I,s:f,s:f,s:o}", "model", m->path, "data", data, "examples",
                  (json_int_t)s->n, "errors", (json_int_t)s->errors, "accuracy", p,
                  "standard_error", sqrt(p * (1 - p) / (double)s->n), "auc", json_number(s->auc));
    struct table table;
    confusion_table(m, s, &table);
    if (call->common->json) {
        json_t *names = json_array(), *rows = json_array();
        for (size_t c = 0; c < s->classes; c++) {
            json_t *row = json_array();
            for (size_t a = 0; a < s->classes; a++)
                json_array_append_new(row,
                                      json_integer((json_int_t)s->confusion[c * s->classes + a]));
            json_array_append_new(rows, row);
            json_array_append_new(names, json_string(model_class(m, c)));
        }
        json_object_set_new(j, "classes", names);
        json_object_set_new(j, "confusion", rows);
    }
    print_record(call, j);
    if (!call->common->json && s->classes <= SHOWN_CLASSES) {
        fprintf(call->out, "\nconfusions: a row for each class, a column for each answer\n");
        table_print(&table, call->out);
    }
    table_clear(&table);
    json_decref(j);
}

static int measure(const struct call *call, const struct model *m, const char *data,
                   const eg_part *part)
{
    const size_t k = m->task->classes;
    eg_scored scored = { .confusion = need(k * k, sizeof(size_t)) };
    const eg_status s = eg_evaluate(m->learner, part, BATCH, NULL, &scored);
    if (s == EG_OK) show(call, m, data, &scored);
    free(scored.confusion);
    return s == EG_OK ? EXIT_DONE : fail(s, data);
}

static int of_data(const struct call *call, const struct model *m)
{
    const struct eval *o = call->options;
    const char *data = o->part != NULL ? sibling_part(call->args[1], o->part) : call->args[1];
    const eg_read_options read = example_options_of(&o->reader);
    eg_dataset set = { 0 };
    int code = model_read(call, m, data, &o->cue, &read, &set);
    if (code == EXIT_DONE && set.labels == NULL)
        code = fail_usage(call, "%s has no labels; engram predict needs none", data);
    const eg_part part = { &set, NULL, set.n };
    if (code == EXIT_DONE) code = measure(call, m, data, &part);
    eg_dataset_clear(&set);
    return code;
}

/* A part of the data that the run itself was given. */
static int of_run(const struct call *call, const struct model *m)
{
    const struct eval *o = call->options;
    struct trained t;
    size_t p = 0;
    int code = trained_of_folder(call, call->args[0], &t);
    if (code != EXIT_DONE) return code;
    const struct call as_then = { call->command, &t.options.common, call->options, call->args,
                                  call->nargs,   call->line,        call->out };
    code = training_data_read(&as_then, t.data, &t.options.reader, &t.options.data, &t.parts);
    if (code == EXIT_DONE && o->part == NULL)
        p = t.parts.part[PART_TEST].n > 0    ? PART_TEST
            : t.parts.part[PART_VALID].n > 0 ? PART_VALID
                                             : PART_TRAIN;
    while (code == EXIT_DONE && o->part != NULL && p < PARTS && strcmp(part_name(p), o->part) != 0)
        p++;
    if (code == EXIT_DONE && (p == PARTS || t.parts.part[p].n == 0))
        code = fail_usage(call, "%s was trained without a part \"%s\"", call->args[0], o->part);
    if (code == EXIT_DONE) code = measure(call, m, t.parts.name[p], &t.parts.part[p]);
    trained_clear(&t);
    return code;
}

static int run(const struct call *call)
{
    struct model m;
    int code = model_open(call, call->args[0], &m);
    if (code != EXIT_DONE) return code;
    code = call->nargs == 2 ? of_data(call, &m) : of_run(call, &m);
    if (code == EXIT_DONE)
        say_next(call, "engram predict %s PICTURE|DATA", shell_word(call->args[0]));
    model_close(&m);
    return code;
}

const struct command cmd_eval = {
    .name = "eval",
    .summary = "how good a trained model is on labelled data",
    .arguments = "MODEL [DATA] ",
    .examples = "engram eval runs/dam-20 mnist --part test\n"
                "engram eval runs/dam-20 --part valid\n"
                "engram eval model.safetensors digits.csv --json",
    .notes = "MODEL is a run folder or its model.safetensors. Without DATA: what the run itself "
             "held\nback. Accuracy, area under the ROC curve, confusions. Data are scaled as the "
             "model's were.",
    .options = options,
    .defaults = &defaults,
    .size = sizeof defaults,
    .min_args = 1,
    .max_args = 2,
    .run = run,
};
