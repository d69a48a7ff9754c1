/* engram train: a learner from data, in a run folder that can be resumed and repeated. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <string.h>

#include "cli/run_folder.h"
#include "cli/training.h"

/* What the folder was begun with may be typed again, and nothing else. */
static int same_options(const struct call *call, const struct trained *t)
{
    const struct train_options *o = call->options;
    json_t *now = options_to_json(train_option_rows, o);
    json_t *usual = options_to_json(train_option_rows, &train_defaults);
    json_t *then = options_to_json(train_option_rows, &t->options), *value;
    const char *key;
    int code = EXIT_DONE;
    json_object_del(now, "resume");
    json_object_foreach(now, key, value)
    {
        json_t *begun = json_object_get(then, key);
        const int usually = json_equal(value, json_object_get(usual, key));
        const int typed = !usually || strstr(call->line, keep_format(" --%s", key)) != NULL;
        if (code != EXIT_DONE || !typed || json_equal(value, begun)) continue;
        char *a = json_dumps(begun, JSON_ENCODE_ANY | JSON_REAL_PRECISION(6));
        char *b = json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(6));
        code = fail_usage(call, "--resume: %s was begun with --%s %s, not %s", t->folder, key,
                          keep(a), keep(b));
    }
    const uint64_t seed = call->common->seed, begun = t->options.common.seed;
    if (code == EXIT_DONE && seed != begun && strstr(call->line, " --seed") != NULL)
        code = fail_usage(call, "--resume: %s was begun with --seed %" PRIu64 ", not %" PRIu64,
                          t->folder, begun, seed);
    if (code == EXIT_DONE && call->nargs > 0 && strcmp(call->args[0], t->data) != 0)
        code = fail_usage(call, "--resume: %s was begun with %s, not %s", t->folder, t->data,
                          call->args[0]);
    json_decref(now);
    json_decref(usual);
    json_decref(then);
    return code;
}

static int of_options(const struct call *call, struct trained *t)
{
    const struct train_options *o = call->options;
    const char *spec;
    if (call->nargs == 0) return fail_usage(call, "which data? engram data list");
    *t = (struct trained){ .options = *o, .data = call->args[0], .command = call->line };
    const char *given = call->common->output;
    if (given != NULL && path_exists(given) && !o->resume) {
        fprintf(stderr, "engram: %s: already there; --resume goes on in it\n", given);
        return EXIT_IO;
    }
    t->folder = given != NULL ? given : run_folder_name("train");
    if (o->grid != NULL && o->folds == 0) t->options.folds = 5;
    const int code = learner_spec(call, &o->learner, &spec);
    if (code == EXIT_DONE) t->spec = json_loads(spec, 0, NULL);
    return code;
}

static int begin(const struct call *call, struct trained *t, int *resume)
{
    const struct train_options *o = call->options;
    const char *folder = call->common->output;
    if (o->resume && folder == NULL) return fail_usage(call, "--resume: which folder? -o FOLDER");
    *resume = o->resume && path_exists(keep_format("%s/config.json", folder));
    if (o->resume && !*resume && call->nargs == 0)
        return fail_usage(call, "--resume: %s holds no run; name the data to begin it", folder);
    if (!*resume) return of_options(call, t);
    const int code = trained_of_folder(call, folder, t);
    return code == EXIT_DONE ? same_options(call, t) : code;
}

static const char *accuracy_words(const eg_scored *s)
{
    return keep_format("%.2f %% (%zu errors of %zu)", 100 * s->accuracy, s->errors, s->n);
}

static void show(const struct call *call, const struct trained *t)
{
    const char *report = keep_format("%s/report.html", t->folder);
    json_t *j = trained_json(t);
    if (call->common->json) {
        json_object_set_new(j, "report", json_string(report));
    } else {
        json_decref(j);
        j = json_object();
        for (size_t p = 0; p < PARTS; p++)
            if (t->scored[p].n > 0)
                json_object_set_new(j, part_name(p), json_string(accuracy_words(&t->scored[p])));
        if (t->result.stopped_early)
            json_object_set_new(j, "stopped",
                                json_sprintf("early; kept is epoch %zu", t->result.best_epoch));
        json_object_set_new(j, "learned",
                            json_sprintf("%s, %zu epochs, %.1f s%s", hash_text(t->result.hash),
                                         t->result.epochs, t->seconds,
                                         t->result.resumed ? " since it was resumed" : ""));
        json_object_set_new(j, "folder", json_string(t->folder));
        json_object_set_new(j, "report", json_string(report));
    }
    print_record(call, j);
    json_decref(j);
    if (t->scored[PART_TEST].n > 0)
        say_next(call, "engram eval %s --part test", shell_word(t->folder));
    else
        say_next(call, "engram predict %s PICTURE|DATA", shell_word(t->folder));
}

static int run(const struct call *call)
{
    struct trained t = { 0 };
    int resume = 0;
    int code = begin(call, &t, &resume);
    if (code == EXIT_DONE) code = trained_run(call, &t, resume);
    if (code == EXIT_DONE) show(call, &t);
    trained_clear(&t);
    return code;
}

static void settings(FILE *out, const void *options)
{
    const struct train_options *o = options;
    if (o->learner.kind >= 0) {
        fputc('\n', out);
        learner_help(out, learner_kind_name((size_t)o->learner.kind));
    }
}

const struct command cmd_train = {
    .name = "train",
    .summary = "train a network, a dense associative memory, a local learner",
    .arguments = "DATA ",
    .examples = "engram train semeion --test 0.2\n"
                "engram train mnist/train --test test --kind dam --set n=20 --epochs 50 -o dam-20\n"
                "engram train mnist/train --hidden 300,100 --activation rep:2 --valid 0.1 "
                "--patience 5\n"
                "engram train semeion --model net.json --grid grid.json --folds 10\n"
                "engram train -o dam-20 --resume\n"
                "engram train --kind dam --help",
    .notes =
        "DATA is a set's name, a file or a folder of pictures in folders of their class. The run\n"
        "folder (-o, else under runs/) has config.json, metrics.jsonl, checkpoint/, events for\n"
        "TensorBoard, model.safetensors, result.json and report.html. Ctrl-C writes a checkpoint;\n"
        "--resume goes on from it to the same bits. How inputs are scaled is kept in the model.",
    .options = train_option_rows,
    .defaults = &train_defaults,
    .size = sizeof train_defaults,
    .min_args = 0,
    .max_args = 1,
    .own_output = 2,
    .run = run,
    .more_help = settings,
};
