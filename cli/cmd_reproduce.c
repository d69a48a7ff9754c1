/* engram reproduce: published results, run again. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "cli/cli_table.h"
#include "cli/console.h"
#include "cli/experiment.h"

struct reproduce {
    struct common common;
    int all, full;
};

static const struct reproduce defaults = { .full = 0 };

static const struct opt options[] = {
    { "all", 0, OPT_FLAG, offsetof(struct reproduce, all), NULL, "run every one", NULL, 0, 0 },
    { "full", 0, OPT_FLAG, offsetof(struct reproduce, full), NULL, "at the size of the paper", NULL, 0,
      0 },
    { NULL, 0, OPT_FLAG, 0, NULL, NULL, NULL, 0, 0 },
};

static const struct column columns[] = {
    { "experiment", NULL },  { "quantity", NULL },     { "published", "%.6g" },
    { "measured", "%.6g" },  { "tolerance", "%.3g" },  { "verdict", NULL },
};

struct rows {
    const struct experiment *experiment;
    struct table table;
    size_t outside;
};

static int is_inside(enum experiment_relation relation, double published, double measured,
                     double tolerance)
{
    if (!isfinite(measured)) return 0;
    switch (relation) {
    case EXPERIMENT_AT_MOST: return measured <= published + tolerance;
    case EXPERIMENT_AT_LEAST: return measured >= published - tolerance;
    default: return fabs(measured - published) <= tolerance;
    }
}

void experiment_row(struct experiment_run *run, const char *quantity,
                    enum experiment_relation relation, double published, double measured,
                    double tolerance)
{
    struct rows *rows = run->rows;
    const int inside = is_inside(relation, published, measured, tolerance);
    table_word(&rows->table, "%s", rows->experiment->name);
    table_word(&rows->table, "%s", quantity);
    table_number(&rows->table, published);
    table_number(&rows->table, measured);
    table_number(&rows->table, tolerance);
    table_word(&rows->table, "%s", inside ? "inside" : "OUTSIDE");
    rows->outside += !inside;
}

static const char *experiment_name(const void *user, size_t i)
{
    (void)user;
    return experiments[i] ? experiments[i]->name : NULL;
}

static void print_rows(const struct call *call, const struct table *t)
{
    if (!call->common->json) {
        table_print(t, call->out);
        return;
    }
    json_t *rows = table_json(t), *row;
    size_t i;
    json_array_foreach(rows, i, row) print_json_line(call->out, row);
    json_decref(rows);
}

static int list_all(const struct call *call)
{
    static const struct column listed[] = {
        { "name", NULL }, { "takes", NULL }, { "what", NULL }, { "source", NULL }
    };
    struct table t;
    table_begin(&t, "experiments", listed, 4);
    for (size_t i = 0; experiments[i] != NULL; i++) {
        table_word(&t, "%s", experiments[i]->name);
        table_word(&t, "%s", experiments[i]->seconds ? experiments[i]->seconds : "");
        table_word(&t, "%s", experiments[i]->title);
        table_word(&t, "%s", experiments[i]->source);
    }
    print_rows(call, &t);
    table_clear(&t);
    say_next(call, "engram reproduce --all");
    return EXIT_DONE;
}

static int run_one(const struct call *call, const struct experiment *e, struct table *all,
                   size_t *outside)
{
    const struct reproduce *o = call->options;
    struct bar bar;
    struct rows rows = { .experiment = e };
    const eg_progress progress = bar_begin(&bar, call);
    struct experiment_run run = { call->common->seed, call->common->threads, &progress, &rows };
    const size_t before = table_rows(all);
    rows.table = *all;
    say(call, "%s%s%s  %s\n  %s", style(stderr, "bold"), e->name, style(stderr, "plain"), e->title,
        e->source);
    const eg_status s = o->full && e->full ? e->full(&run) : e->quick(&run);
    bar_end(&bar);
    *all = rows.table;
    *outside += rows.outside;
    if (s != EG_OK) return fail(s, e->name);
    if (table_rows(all) == before) {
        fprintf(stderr, "engram: %s: measured nothing\n", e->name);
        return EXIT_NO;
    }
    say(call, "  %zu quantities, %zu outside, %.1f s", table_rows(all) - before, rows.outside,
        seconds_now() - bar.started);
    return EXIT_DONE;
}

static int run(const struct call *call)
{
    const struct reproduce *o = call->options;
    struct table t;
    size_t outside = 0, ran = 0;
    int code = EXIT_DONE;
    if (call->nargs == 0 && !o->all) return list_all(call);
    table_begin(&t, "reproduce", columns, sizeof columns / sizeof *columns);
    for (size_t i = 0; experiments[i] != NULL && code == EXIT_DONE; i++) {
        if (call->nargs == 1 && strcmp(experiments[i]->name, call->args[0]) != 0) continue;
        code = run_one(call, experiments[i], &t, &outside);
        ran++;
    }
    print_rows(call, &t);
    table_clear(&t);
    if (code == EXIT_DONE && ran == 0) {
        const char *name = call->nargs ? call->args[0] : "--all";
        const char *near = nearest_name(name, experiment_name, NULL);
        return fail_usage(call, "no experiment \"%s\"%s%s%s; engram reproduce lists them", name,
                          near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
    }
    if (code != EXIT_DONE) return code;
    say(call, "%s", outside ? "OUTSIDE the tolerance" : "all inside their tolerance");
    return outside ? EXIT_NO : EXIT_DONE;
}

const struct command cmd_reproduce = {
    .name = "reproduce",
    .summary = "published results, run again: value, tolerance, verdict",
    .arguments = "[NAME] ",
    .examples = "engram reproduce\nengram reproduce --all\nengram reproduce --all --full --json",
    .notes = "Exit 1: a measured value lies outside its tolerance.",
    .options = options,
    .defaults = &defaults,
    .size = sizeof defaults,
    .min_args = 0,
    .max_args = 1,
    .run = run,
};
