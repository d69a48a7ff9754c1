/* engram attack: images that mislead a model, and which other models they mislead. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/attack_study.h"
#include "cli/file_limits.h"

enum { MOST_MODELS = 16, MOST_AMOUNTS = 64 };

static const char *attack_name(size_t row)
{
    const eg_attack_info *info = eg_attack_row(row);
    return info != NULL ? info->name : NULL;
}

static const char *corrupt_name(size_t row)
{
    const eg_corrupt_info *info = eg_corrupt_row(row);
    return info != NULL ? info->name : NULL;
}

static const struct attack_options defaults = {
    .corrupt = -1, .target = -1, .images = 1000, .pictures = 10, .batch = 256, .overshoot = 0.02
};

#define AT(field) offsetof(struct attack_options, field)

static const struct opt options[] = {
    { "against", 0, OPT_TEXT, AT(against), "OTHER", "models to show the images to; more may follow",
      NULL, 0, 0 },
    { "data", 0, OPT_TEXT, AT(data), "NAME|PATH", "labelled images: mnist/test", NULL, 0, 0 },
    { "attack", 0, OPT_CHOICE, AT(row), "ROW", "how images are made", attack_name, 0, 0 },
    { "eps", 0, OPT_NUMBER, AT(eps), "R", "radius of the ball, in inputs of the model (row's own)",
      NULL, 0, 1e6 },
    { "step", 0, OPT_NUMBER, AT(step), "L", "length of an update (row's own)", NULL, 0, 1e6 },
    { "steps", 0, OPT_SIZE, AT(steps), "N", "at most so many updates (row's own)", NULL, 0, 1e6 },
    { "overshoot", 0, OPT_NUMBER, AT(overshoot), "X", "of deepfool", NULL, 0, 1 },
    { "confidence", 0, OPT_NUMBER, AT(confidence), "M",
      "go on until the wrong class leads by this much", NULL, 0, 1e30 },
    { "target", 0, OPT_INT, AT(target), "CLASS", "the class to reach; else any other", NULL, 0,
      1e9 },
    { "images", 0, OPT_SIZE, AT(images), "N", "the first N of the data; 0: all", NULL, 0, 1e12 },
    { "batch", 0, OPT_SIZE, AT(batch), "N", "moved together; changes no result", NULL, 1, 1e6 },
    { "corrupt", 0, OPT_CHOICE, AT(corrupt), "ROW", "also: errors on corrupted images",
      corrupt_name, 0, 0 },
    { "amounts", 0, OPT_TEXT, AT(amounts), "LIST", "of corruption: 0.1,0.2 or 0:0.5:0.1", NULL, 0,
      0 },
    { "pictures", 0, OPT_SIZE, AT(pictures), "P", "pictured images of the first model", NULL, 0,
      100 },
    { NULL, 0, OPT_FLAG, 0, NULL, NULL, NULL, 0, 0 },
};

/* What tells paths apart: their last part without its ending, or the whole where two agree. */
static void name_models(struct attack_study *t, const char *const *path)
{
    for (size_t i = 0; i < t->m; i++) {
        size_t n = strlen(path[i]);
        while (n > 1 && path[i][n - 1] == '/') n--;
        const char *whole = keep_format("%.*s", (int)n, path[i]);
        const char *slash = strrchr(whole, '/'), *dot = strstr(whole, ".safetensors");
        const char *last = slash != NULL && slash[1] != '\0' ? slash + 1 : whole;
        t->name[i] = dot > last ? keep_format("%.*s", (int)(dot - last), last) : last;
    }
    for (size_t i = 1; i < t->m; i++)
        for (size_t j = 0; j < i; j++)
            if (strcmp(t->name[i], t->name[j]) == 0) t->name[i] = path[i];
}

/* One set of images serves all models: what is 0.5 to one is 0.5 to the others. */
static int same_inputs(const struct attack_study *t)
{
    const struct input *a = &t->model[0].input;
    for (size_t i = 1; i < t->m; i++) {
        const struct input *b = &t->model[i].input;
        const size_t columns = a->d * sizeof *a->shift;
        if (a->kind != b->kind || a->low != b->low || a->high != b->high || a->d != b->d
            || (a->kind == INPUT_COLUMNS
                && (memcmp(a->shift, b->shift, columns) != 0
                    || memcmp(a->scale, b->scale, columns) != 0)))
            return fail_usage(t->call,
                              "%s and %s see their data differently: %zu inputs, %s; %zu "
                              "inputs, %s",
                              t->name[0], t->name[i], a->d, input_words(a), b->d, input_words(b));
    }
    return EXIT_DONE;
}

/* MODEL, those of --against (commas between), and what follows it. */
static int open_models(struct attack_study *t)
{
    const struct call *call = t->call;
    const char *path[MOST_MODELS + 1];
    size_t n = 0;
    path[n++] = call->args[0];
    for (const char *p = t->o->against; p != NULL && *p != '\0' && n <= MOST_MODELS;) {
        const size_t length = strcspn(p, ",");
        path[n++] = keep_format("%.*s", (int)length, p);
        p += length + (p[length] == ',');
    }
    for (size_t i = 1; i < call->nargs && n <= MOST_MODELS; i++) path[n++] = call->args[i];
    if (n > MOST_MODELS) return fail_usage(call, "at most %d models", MOST_MODELS);
    t->model = need(n, sizeof *t->model);
    t->learner = need(n, sizeof(eg_learner *));
    t->name = need(n, sizeof *t->name);
    for (; t->m < n; t->m++) {
        const int code = model_open(call, path[t->m], &t->model[t->m]);
        if (code != EXIT_DONE) return code;
        t->learner[t->m] = t->model[t->m].learner;
    }
    name_models(t, path);
    return same_inputs(t);
}

/* The box of valid inputs: black to white of pictures, else what the data span. */
static void find_box(struct attack_study *t)
{
    const struct model *m = &t->model[0];
    t->lo = m->drawing.black;
    t->hi = m->drawing.white;
    for (size_t i = 0; m->input.kind == INPUT_COLUMNS && i < t->n * t->d; i++) {
        t->lo = i > 0 ? fmin(t->lo, (double)t->set.x[i]) : (double)t->set.x[i];
        t->hi = i > 0 ? fmax(t->hi, (double)t->set.x[i]) : (double)t->set.x[i];
    }
    for (size_t i = 0; i < t->n * t->d; i++) /* a scale may round past its end */
        t->set.x[i] = fminf(fmaxf(t->set.x[i], (float)t->lo), (float)t->hi);
}

static int read_images(struct attack_study *t)
{
    const struct call *call = t->call;
    const struct cue_options look = { 0 };
    eg_read_options read = EG_READ_OPTIONS_INIT;
    read.max_bytes = limits_given();
    if (t->o->data == NULL) return fail_usage(call, "--data NAME|PATH: which images?");
    read.max_items = t->o->images;
    const int code = model_read(call, &t->model[0], t->o->data, &look, &read, &t->set);
    if (code != EXIT_DONE) return code;
    t->n = t->set.n;
    t->d = t->set.d;
    if (t->set.labels == NULL)
        return fail_usage(call, "%s has no labels: an attack needs to know what is right",
                          t->o->data);
    find_box(t);
    return EXIT_DONE;
}

/* A model that scores what is shown with no number is named before all are attacked. */
static int check_models(const struct attack_study *t)
{
    eg_transfer clean;
    for (size_t i = 0; i < t->m; i++) {
        const eg_status s =
            eg_attack_errors(t->learner[i], t->set.x, t->set.labels, t->n, t->o->batch, &clean);
        if (s != EG_OK) return fail(s, t->name[i]);
    }
    return EXIT_DONE;
}

static int measure_transfer(struct attack_study *t, const eg_progress *progress)
{
    const struct attack_options *o = t->o;
    const eg_attack_options given = EG_ATTACK_OPTIONS_INIT;
    t->attack = given;
    t->attack.lo = t->lo;
    t->attack.hi = t->hi;
    t->attack.row = (size_t)o->row;
    t->attack.eps = o->eps;
    t->attack.step = o->step;
    t->attack.steps = o->steps;
    t->attack.overshoot = o->overshoot;
    t->attack.confidence = o->confidence;
    t->attack.target = o->target;
    t->attack.batch = o->batch;
    t->attack.seed = t->call->common->seed;
    t->attack.progress = progress;
    t->matrix = need((t->m + 1) * t->m, sizeof *t->matrix);
    t->clean = t->matrix + t->m * t->m;
    t->made = need(t->m, sizeof *t->made);
    for (size_t i = 0; i < t->m; i++) t->made[i].records = need(t->n, sizeof(eg_attack_record));
    t->made[0].adversarial = need_floats(t->n, t->d);
    t->made[0].boundary = need_floats(t->n, t->d);
    const eg_status s = eg_attack_transfer(t->learner, t->m, t->set.x, t->set.labels, t->n,
                                           &t->attack, t->matrix, t->made);
    t->attack.progress = NULL;
    return s == EG_OK ? EXIT_DONE : fail(s, NULL);
}

static int measure_corruption(struct attack_study *t)
{
    eg_corrupt_options c = EG_CORRUPT_OPTIONS_INIT;
    double amount[MOST_AMOUNTS];
    if (t->o->corrupt < 0) return EXIT_DONE;
    const size_t many = t->o->amounts ? parse_numbers(t->o->amounts, amount, MOST_AMOUNTS) : 0;
    if (many == 0)
        return fail_usage(t->call, "--amounts: expected a list 0.1,0.2 or a range 0:0.5:0.1 of %s",
                          eg_corrupt_row((size_t)t->o->corrupt)->amount);
    t->amount = need(many, sizeof *t->amount);
    memcpy(t->amount, amount, many * sizeof *amount);
    t->corrupted = need(many * t->m, sizeof *t->corrupted);
    float *x = need_floats(t->n, t->d);
    c.row = (size_t)t->o->corrupt;
    c.height = t->set.height;
    c.width = t->set.width;
    c.channels = t->set.channels;
    c.lo = t->lo;
    c.hi = t->hi;
    c.seed = t->call->common->seed;
    eg_status s = EG_OK;
    for (; t->amounts < many && s == EG_OK; t->amounts++) {
        c.amount = amount[t->amounts];
        s = eg_corrupt_apply(t->set.x, t->n, t->d, &c, x);
        for (size_t i = 0; i < t->m && s == EG_OK; i++)
            s = eg_attack_errors(t->learner[i], x, t->set.labels, t->n, t->o->batch,
                                 &t->corrupted[t->amounts * t->m + i]);
    }
    free(x);
    return s == EG_OK ? EXIT_DONE : fail(s, NULL);
}

static void show(struct attack_study *t)
{
    if (t->call->common->json) {
        json_t *j = attack_json(t);
        print_json_line(t->call->out, j);
        json_decref(j);
        return;
    }
    table_print(&t->transfer, t->call->out);
    fputc('\n', t->call->out);
    table_print(&t->distance, t->call->out);
    if (t->amounts == 0) return;
    fputc('\n', t->call->out);
    table_print(&t->corruption, t->call->out);
}

static void release(struct attack_study *t)
{
    for (size_t i = 0; i < t->m; i++) model_close(&t->model[i]);
    for (size_t i = 0; t->made != NULL && i < t->m; i++) {
        free(t->made[i].records);
        free(t->made[i].adversarial);
        free(t->made[i].boundary);
    }
    free(t->model);
    free(t->learner);
    free(t->name);
    free(t->matrix);
    free(t->made);
    free(t->amount);
    free(t->corrupted);
    table_clear(&t->transfer);
    table_clear(&t->distance);
    table_clear(&t->corruption);
    eg_dataset_clear(&t->set);
}

static int run(const struct call *call)
{
    struct attack_study t = { .call = call, .o = call->options };
    struct bar bar;
    const char *folder = call->common->output;
    if (folder != NULL && path_exists(folder)) { /* before the work that would be in vain */
        fprintf(stderr, "engram: %s: already there; -o makes a new folder\n", folder);
        return EXIT_IO;
    }
    int code = open_models(&t);
    if (code == EXIT_DONE) code = read_images(&t);
    if (code == EXIT_DONE) code = check_models(&t);
    if (code == EXIT_DONE) {
        const eg_attack_info *row = eg_attack_row((size_t)t.o->row);
        say(call, "attack  %s, %s: %s\nimages  %zu of %s", row->name, row->norm, row->formula, t.n,
            t.o->data);
        const eg_progress progress = bar_begin(&bar, call);
        code = measure_transfer(&t, &progress);
        bar_end(&bar);
    }
    if (code == EXIT_DONE) code = measure_corruption(&t);
    if (code == EXIT_DONE) {
        attack_tables(&t);
        show(&t);
        if (folder != NULL)
            code = attack_folder(&t);
        else
            say_next(call, "the same with -o FOLDER for pictures and a report");
    }
    release(&t);
    return code;
}

const struct command cmd_attack = {
    .name = "attack",
    .summary = "images that mislead a model, and which other models they mislead",
    .arguments = "MODEL [--against OTHER...] --data NAME|PATH ",
    .examples =
        "engram attack runs/mlp --data mnist/test\n"
        "engram attack runs/dam-2 --against runs/dam-3 runs/dam-20 runs/dam-30 --data mnist/test "
        "-o study\n"
        "engram attack runs/mlp --data mnist/test --attack pgd-linf --eps 0.1 --json\n"
        "engram attack runs/mlp --against runs/dam-20 --data mnist/test --corrupt noise "
        "--amounts 0:0.5:0.1",
    .notes =
        "Each model makes images from those it classes rightly (row of the matrix), and each is\n"
        "shown them (column): the share it gets wrong, with its standard error. Pixels stay\n"
        "between black and white. -o FOLDER: strips of clean picture, difference, adversarial "
        "picture\n"
        "and the picture on the boundary, where both classes score the same; report.html.",
    .options = options,
    .defaults = &defaults,
    .size = sizeof defaults,
    .min_args = 1,
    .max_args = MOST_MODELS,
    .own_output = 2,
    .run = run,
};
