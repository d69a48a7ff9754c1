/* engram compare: several learners on the same folds of the same data, of one set or of many. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "cli/compare.h"

static const struct compare defaults = {
    .reader = READER_OPTIONS_INIT,
    .data = { .scale = -1 },
    .loop = LOOP_OPTIONS_INIT,
    .folds = 5,
    .repeats = 1,
    .inner = 3,
};

#define AT(field) offsetof(struct compare, field)

static const struct opt options[] = {
    { "model", 'm', OPT_TEXTS, AT(models), "FILE.json|KIND", "what is compared; may be repeated",
      NULL, 0, 0 },
    { "folds", 0, OPT_SIZE, AT(folds), "K", "of cross-validation", NULL, 2, 1e6 },
    { "own-folds", 0, OPT_FLAG, AT(own_folds), NULL,
      "the folds that the set brings: columns test1, test2, .., and val1, ..", NULL, 0, 0 },
    { "repeats", 0, OPT_SIZE, AT(repeats), "R", "of the whole, with other folds", NULL, 1, 1e6 },
    { "inner", 0, OPT_SIZE, AT(inner), "K",
      "folds of the choice within what is trained on, of a model with settings to choose", NULL, 2,
      1e6 },
    { "by", 0, OPT_CHOICE, AT(loop.by), "WHAT", "settings are chosen by this", better_name, 0, 0 },
    { "below", 0, OPT_SIZE, AT(below), "N", "leave out sets of N examples or more", NULL, 1, 1e15 },
    TRAINING_OPTION_ROWS(struct compare),
    { NULL, 0, OPT_FLAG, 0, NULL, NULL, NULL, 0, 0 },
};

/* ---- which sets ---- */

struct names {
    const char **name;
    size_t n, room;
    const char *set; /* whose parts are added */
};

static void add_name(struct names *all, const char *name)
{
    if (all->n == all->room) {
        const size_t room = 2 * all->room + 8;
        const char **more = need(room, sizeof *more);
        if (all->n > 0) memcpy(more, all->name, all->n * sizeof *more);
        free(all->name);
        all->name = more;
        all->room = room;
    }
    all->name[all->n++] = name;
}

static void add_part(void *user, const char *part)
{
    struct names *all = user;
    add_name(all, keep_format("%s/%s", all->set, part));
}

/* "uci121/": all parts of that set. */
static int list_sets(const struct call *call, struct names *all)
{
    for (size_t i = 0; i < call->nargs; i++) {
        const char *name = call->args[i];
        const size_t n = strlen(name), before = all->n;
        if (n < 2 || name[n - 1] != '/' || path_exists(name)) {
            add_name(all, name);
            continue;
        }
        all->set = keep_format("%.*s", (int)n - 1, name);
        const eg_status s = eg_catalogue_parts(all->set, add_part, all);
        if (s != EG_OK) return fail(s, name);
        if (all->n == before) add_name(all, all->set);
    }
    return EXIT_DONE;
}

/* ---- the whole ---- */

static int begin(const struct comparison *c, struct run_folder *run)
{
    json_t *specs = json_object(), *all = options_to_json(options, c->o), *sets = json_array();
    for (size_t i = 0; i < c->count; i++)
        json_object_set_new(specs, c->entry[i].name, json_loads(c->entry[i].spec, 0, NULL));
    for (size_t i = 0; i < c->call->nargs; i++)
        json_array_append_new(sets, json_string(c->call->args[i]));
    json_object_set_new(all, "seed", json_integer((json_int_t)c->call->common->seed));
    json_t *config =
        json_pack("{s:s,s:s,s:o,s:o,s:o}", "command", c->call->line, "argument", c->call->args[0],
                  "arguments", sets, "options", all, "learners", specs);
    const int code = run_folder_begin(c->call, "compare", config, run);
    json_decref(config);
    return code;
}

/* One more set; *used says whether it is among those compared. */
static int one_set(struct comparison *c, size_t sets, int *used)
{
    int code = comparison_begin(c);
    *used = code == EXIT_DONE && (c->o->below == 0 || c->examples < c->o->below);
    if (!*used) return code;
    if (sets > 1) say(c->call, "set     %s: %zu examples", c->data, c->examples);
    if (c->run->run == NULL) code = begin(c, c->run);
    return code == EXIT_DONE ? comparison_run(c) : code;
}

/* Every set is read, and every learner made for it, before one is trained: the tenth of them is not
 * found to be bad after the work on nine. */
static int check_all(const struct call *call, const struct names *all)
{
    int code = EXIT_DONE;
    for (size_t i = 0; i < all->n && code == EXIT_DONE; i++) {
        struct comparison c = { .call = call, .o = call->options, .data = all->name[i] };
        code = comparison_begin(&c);
        comparison_end(&c);
    }
    return code;
}

static int compare_all(const struct call *call, const struct names *all)
{
    struct run_folder run = { 0 };
    struct comparison *c = need(all->n, sizeof *c);
    size_t count = 0;
    int code = all->n > 1 ? check_all(call, all) : EXIT_DONE, used = 0;
    for (size_t i = 0; i < all->n && code == EXIT_DONE; i++) {
        c[count] = (struct comparison){
            .call = call, .o = call->options, .data = all->name[i], .run = &run
        };
        code = one_set(&c[count], all->n, &used);
        if (used && code == EXIT_DONE) {
            eg_dataset_clear(&c[count].set); /* what is left to tell needs no values */
            count++;
        } else {
            comparison_end(&c[count]);
        }
    }
    if (code == EXIT_DONE && count == 0)
        code = fail_usage(call, "--below: none of %zu sets has fewer examples", all->n);
    if (code == EXIT_DONE) code = count > 1 ? comparisons_show(c, count) : comparison_show(c);
    const int closed = run.run != NULL ? run_folder_end(&run) : EXIT_DONE;
    for (size_t i = 0; i < count; i++) comparison_end(&c[i]);
    free(c);
    return code == EXIT_DONE ? closed : code;
}

static int run(const struct call *call)
{
    const struct compare *o = call->options;
    struct names all = { 0 };
    if (o->models.n < 2)
        return fail_usage(call, "give 2 or more: --model A.json --model B.json (%zu were given)",
                          o->models.n);
    int code = list_sets(call, &all);
    if (code == EXIT_DONE) code = compare_all(call, &all);
    free(all.name);
    return code;
}

const struct command cmd_compare = {
    .name = "compare",
    .summary = "several learners on the same folds of the same data, of one set or many",
    .arguments = "DATA...",
    .examples = "engram compare semeion --model knn --model network\n"
                "engram compare semeion --model a.json --model b.json --folds 10 --epochs 50\n"
                "engram compare mil/tiger mil/fox --model network --model svm --by auc\n"
                "engram compare uci121/ --below 1000 --own-folds --model network --model forest",
    .notes = "Each learner is trained on all folds but one and measured on that one, K times. "
             "The table has\nmean and spread over folds, the paired test against the best, and "
             "the same corrected for the\nexamples that folds share. A model that diverges is told "
             "and comes last. The run folder\n(-o, else under runs/) has report.html.\n\n"
             "A model file {\"learner\": {..}, \"grid\": {\"k\": [1, 3]}} has settings to choose: "
             "the best row of\nthe grid, by cross-validation within what is trained on, anew in "
             "each fold.\n\n"
             "Of several sets (uci121/ stands for all parts of uci121), the table has the mean "
             "rank of each "
             "learner over\nthem, Wilcoxon's signed-rank test against the lowest, Friedman's test "
             "and Nemenyi's difference.",
    .options = options,
    .defaults = &defaults,
    .size = sizeof defaults,
    .min_args = 1,
    .max_args = 1000,
    .own_output = 2,
    .run = run,
};
