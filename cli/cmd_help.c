/* engram help: of the program, of a command, the man page, the completion. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "cli/cli_table.h"
#include "cli/console.h"
#include "cli/file_limits.h"
#include "cli/learner_options.h"
#include "cli/rule_options.h"

struct help {
    struct common common;
    int man, completion;
};

static const struct help defaults = { .man = 0 };

static const struct opt options[] = {
    { "man", 0, OPT_FLAG, offsetof(struct help, man), NULL, "the man page (troff)", NULL, 0, 0 },
    { "completion", 0, OPT_FLAG, offsetof(struct help, completion), NULL, "completion for bash",
      NULL, 0, 0 },
    { NULL, 0, OPT_FLAG, 0, NULL, NULL, NULL, 0, 0 },
};

static const char *topic_name(const void *user, size_t i)
{
    (void)user;
    size_t n = 0;
    while (commands[n] != NULL) n++;
    return i < n        ? commands[i]->name
           : i == n     ? "memories"
           : i == n + 1 ? "limits"
                        : learner_kind_name(i - n - 2);
}

/* The rows of one of the library's three tables. */
static void add_rows(struct table *t, const char *what, const eg_row_info *(*info)(size_t))
{
    for (size_t i = 0; info(i) != NULL; i++) {
        table_word(t, "%s", what);
        table_word(t, "%s", info(i)->name);
        table_word(t, "%s", info(i)->params);
        table_word(t, "%s", info(i)->formula);
    }
}

static const eg_row_info *similarity(size_t i)
{
    return i < EG_SIM_COUNT ? eg_similarity_info((eg_similarity)i) : NULL;
}

static const eg_row_info *separation(size_t i)
{
    return i < EG_SEP_COUNT ? eg_separation_info((eg_separation)i) : NULL;
}

static const eg_row_info *projection(size_t i)
{
    return i < EG_PROJ_COUNT ? eg_projection_info((eg_projection)i) : NULL;
}

static void help_memories(FILE *out)
{
    static const struct column columns[] = {
        { "choice", NULL }, { "name", NULL }, { "reads", NULL }, { "formula", NULL }
    };
    struct table t;
    fputs("A memory is three choices and one loop: x <- projection(sum separation(similarity) "
          "xi).\n\n"
          "By short name (--memory):\n",
          out);
    presets_table(&t);
    table_print(&t, out);
    table_clear(&t);
    fputs("\nEach choice (--similarity, --separation, --projection):\n", out);
    table_begin(&t, "choices", columns, 4);
    add_rows(&t, "similarity", similarity);
    add_rows(&t, "separation", separation);
    add_rows(&t, "projection", projection);
    table_print(&t, out);
    table_clear(&t);
}

static json_t *options_json(const struct opt *o)
{
    json_t *list = json_array();
    for (; o != NULL && o->name != NULL; o++) {
        json_t *row = json_object();
        json_object_set_new(row, "name", json_sprintf("--%s", o->name));
        if (o->letter) json_object_set_new(row, "letter", json_sprintf("-%c", o->letter));
        if (o->arg) json_object_set_new(row, "argument", json_string(o->arg));
        json_object_set_new(row, "summary", json_string(o->summary));
        if (o->kind == OPT_CHOICE) {
            json_t *names = json_array();
            for (size_t i = 0; o->choice(i) != NULL; i++)
                json_array_append_new(names, json_string(o->choice(i)));
            json_object_set_new(row, "choices", names);
        }
        json_array_append_new(list, row);
    }
    return list;
}

static json_t *command_json(const struct command *c)
{
    json_t *j = json_object();
    json_object_set_new(j, "name", json_string(c->name));
    json_object_set_new(j, "summary", json_string(c->summary));
    json_object_set_new(j, "arguments", json_string(c->arguments));
    json_object_set_new(j, "examples", json_string(c->examples));
    json_object_set_new(j, "notes", c->notes ? json_string(c->notes) : json_null());
    json_object_set_new(j, "options", options_json(c->options));
    return j;
}

/* Of one command, or of all of them. */
static void help_json(const struct call *call, const struct command *only)
{
    json_t *j = only ? command_json(only) : json_object(), *list = json_array();
    for (size_t i = 0; only == NULL && commands[i] != NULL; i++)
        json_array_append_new(list, command_json(commands[i]));
    if (only == NULL) json_object_set(j, "commands", list);
    json_object_set_new(j, "common_options", options_json(common_options));
    print_record(call, j);
    json_decref(list);
    json_decref(j);
}

/* A table as lines of JSON; clears it. */
static void table_lines(FILE *out, struct table *t)
{
    json_t *rows = table_json(t), *line;
    size_t i;
    json_array_foreach(rows, i, line) print_json_line(out, line);
    json_decref(rows);
    table_clear(t);
}

static int is_kind(const char *name)
{
    size_t row = 0;
    while (learner_kind_name(row) != NULL && strcmp(learner_kind_name(row), name) != 0) row++;
    return learner_kind_name(row) != NULL;
}

/* "optimiser.adam" of it, or of "adam" alone; NULL: no network has such a row. */
static const char *row_of_network(const char *topic, eg_learner_kind *row)
{
    const char *table;
    for (size_t i = 0; (table = eg_network_table_at(i)) != NULL; i++)
        for (size_t k = 0; eg_network_row_at(table, k, row); k++) {
            const char *whole = keep_format("%s.%s", table, row->name);
            if (strcmp(whole, topic) == 0 || strcmp(row->name, topic) == 0) return whole;
        }
    return NULL;
}

/* 1: the topic is a table of networks, or a row of one, and was told. */
static int help_network(const struct call *call, const char *topic)
{
    static const struct column columns[] = { { "name", NULL },
                                             { "formula", NULL },
                                             { "source", NULL } };
    struct table t;
    eg_learner_kind row;
    size_t i = 0;
    const char *whole = row_of_network(topic, &row);
    while (eg_network_table_at(i) != NULL && strcmp(eg_network_table_at(i), topic) != 0) i++;
    if (whole == NULL && eg_network_table_at(i) == NULL) return 0;
    if (whole != NULL) {
        learner_settings_table(whole, &t);
    } else {
        table_begin(&t, topic, columns, sizeof columns / sizeof *columns);
        for (size_t k = 0; eg_network_row_at(topic, k, &row); k++) {
            table_word(&t, "%s", row.name);
            table_word(&t, "%s", row.summary);
            table_word(&t, "%s", row.source);
        }
    }
    if (call->common->json) {
        table_lines(call->out, &t);
        return 1;
    }
    if (whole != NULL)
        fprintf(call->out, "%s: %s%s%s%s\n\n  {\"kind\": \"%s\", ...}\n\n", whole, row.summary,
                *row.source ? " (" : "", row.source, *row.source ? ")" : "", row.name);
    table_print(&t, call->out);
    table_clear(&t);
    return 1;
}

/* Memories, or the settings of a kind of learner. */
static void help_topic(const struct call *call, const char *topic)
{
    const int memories = strcmp(topic, "memories") == 0;
    struct table t;
    if (call->common->json) {
        if (memories)
            presets_table(&t);
        else
            learner_settings_table(topic, &t);
        table_lines(call->out, &t);
    } else if (memories) {
        help_memories(call->out);
    } else {
        learner_help(call->out, topic);
    }
}

static void help_limits(const struct call *call)
{
    struct table t;
    limits_table(&t);
    if (call->common->json) {
        table_lines(call->out, &t);
        return;
    }
    fputs(
        "What a file may ask for, so that a small one of an enemy costs little. More is refused "
        "(exit 5)\nwith the file's name; --max-bytes N says what files of a command may have.\n\n",
        call->out);
    table_print(&t, call->out);
    table_clear(&t);
}

static int run(const struct call *call)
{
    const struct help *o = call->options;
    if (o->man) {
        help_man(call->out);
    } else if (o->completion) {
        help_completion(call->out);
    } else if (call->nargs == 0 && call->common->json) {
        help_json(call, NULL);
    } else if (call->nargs == 0) {
        help_all(call->out);
    } else if (strcmp(call->args[0], "limits") == 0) {
        help_limits(call);
    } else if (strcmp(call->args[0], "memories") == 0 || is_kind(call->args[0])) {
        help_topic(call, call->args[0]);
    } else {
        const struct command *c = command_find(call->args[0]);
        const char *near = c ? NULL : nearest_name(call->args[0], topic_name, NULL);
        if (c == NULL && help_network(call, call->args[0])) return EXIT_DONE;
        if (c == NULL)
            return fail_usage(call, "no command \"%s\"%s%s%s", call->args[0],
                              near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
        if (call->common->json)
            help_json(call, c);
        else
            help_command(call->out, c);
    }
    return EXIT_DONE;
}

const struct command cmd_help = {
    .name = "help",
    .summary = "of the program, of a command, the man page, completion",
    .arguments = "[COMMAND|memories|KIND|optimiser|layer.lstm|...] ",
    .examples = "engram help recall\nengram help memories\nengram help dam\n"
                "engram help layer\nengram help optimiser.adam\nengram help --man | man -l -\n"
                "source <(engram help --completion)",
    .options = options,
    .defaults = &defaults,
    .size = sizeof defaults,
    .first = topic_name,
    .min_args = 0,
    .max_args = 1,
    .run = run,
};
