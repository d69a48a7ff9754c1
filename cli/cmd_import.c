/* engram import: a network of an ONNX file checked, told, and its weights taken out. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "cli/cli_table.h"
#include "cli/cli_text.h"
#include "cli/console.h"
#include "cli/file_limits.h"

struct import {
    struct common common;
    size_t batch, runs;
    int shapes;
};

static const struct import defaults = { .batch = 1 };

static const struct opt options[] = {
    { "batch", 0, OPT_SIZE, offsetof(struct import, batch), "N",
      "what a dimension of any size is taken for", NULL, 1, 1e9 },
    { "shapes", 0, OPT_FLAG, offsetof(struct import, shapes), NULL,
      "a line a node: operator, value, shape, bytes alive", NULL, 0, 0 },
    { "time", 0, OPT_SIZE, offsetof(struct import, runs), "N",
      "run it N times on zeros and tell the median, in milliseconds; one thread unless --threads",
      NULL, 1, 100000 },
    { NULL, 0, OPT_FLAG, 0, NULL, NULL, NULL, 0, 0 },
};

static const char *shape_words(const eg_shape *s, int known)
{
    struct text t = { 0 };
    text_add(&t, known ? "(" : "any");
    for (size_t i = 0; i < s->rank && known; i++)
        text_add(&t, s->dim[i] > 0 ? "%s%zu" : "%sany", i > 0 ? ", " : "", s->dim[i]);
    if (known) text_add(&t, ")");
    const char *words = keep_format("%s", t.s);
    text_clear(&t);
    return words;
}

static json_t *ports(const eg_onnx *m, const eg_onnx_port *(*at)(const eg_onnx *, size_t))
{
    json_t *list = json_array();
    const eg_onnx_port *p;
    for (size_t i = 0; (p = at(m, i)) != NULL; i++)
        json_array_append_new(list, json_string(keep_format("%s %s %s", p->name, p->type,
                                                            shape_words(&p->shape, p->has_shape))));
    return list;
}

static void on_step(void *user, const eg_onnx_step *s)
{
    struct table *t = user;
    table_word(t, "%s", s->op);
    table_word(t, "%s", s->output);
    table_word(t, "%s", shape_words(&s->shape, s->has_shape));
    table_number(t, (double)s->live_bytes);
}

enum { INPUTS = 64 };

/* Shapes of the inputs, with `batch` for any size; how many. */
static size_t shapes_of(const eg_onnx *m, size_t batch, eg_shape shape[INPUTS])
{
    size_t n = 0;
    const eg_onnx_port *p;
    for (; n < INPUTS && (p = eg_onnx_input(m, n)) != NULL; n++) {
        shape[n] = p->shape;
        for (size_t i = 0; i < p->shape.rank; i++)
            if (shape[n].dim[i] == 0) shape[n].dim[i] = batch;
    }
    return n;
}

static int by_size(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Median of the times of runs on zeros, in milliseconds. */
static eg_status time_of(eg_onnx *m, size_t batch, size_t runs, double *out)
{
    eg_shape shape[INPUTS];
    eg_onnx_array in[INPUTS], y;
    float *zeros[INPUTS];
    const size_t n = shapes_of(m, batch, shape);
    for (size_t k = 0; k < n; k++) {
        zeros[k] = need_floats(eg_shape_size(&shape[k]), 1);
        memset(zeros[k], 0, eg_shape_size(&shape[k]) * sizeof(float));
        in[k] = (eg_onnx_array){ NULL, EG_F32, shape[k], zeros[k] };
    }
    double *t = need(runs, sizeof *t);
    eg_status s = eg_onnx_run(m, in, n, NULL, 1, &y); /* makes its plans */
    for (size_t i = 0; i < runs && s == EG_OK; i++) {
        const double start = seconds_now();
        s = eg_onnx_run(m, in, n, NULL, 1, &y);
        t[i] = 1e3 * (seconds_now() - start);
    }
    qsort(t, runs, sizeof *t, by_size);
    *out = t[runs / 2];
    free(t);
    for (size_t k = 0; k < n; k++) free(zeros[k]);
    return s;
}

static eg_status infer(eg_onnx *m, size_t batch, struct table *table, eg_onnx_cost *cost)
{
    eg_shape shape[INPUTS];
    const size_t n = shapes_of(m, batch, shape);
    return eg_onnx_infer(m, shape, n, table != NULL ? on_step : NULL, table, cost);
}

static json_t *record_of(const struct call *call, eg_onnx *m, const eg_onnx_cost *cost)
{
    eg_params *params = eg_onnx_params(m);
    eg_onnx_pixels pixels;
    json_t *r = json_object();
    json_object_set_new(r, "file", json_string(call->args[0]));
    json_object_set_new(r, "opset", json_integer(eg_onnx_opset(m)));
    json_object_set_new(r, "inputs", ports(m, eg_onnx_input));
    json_object_set_new(r, "outputs", ports(m, eg_onnx_output));
    json_object_set_new(r, "nodes", json_integer((json_int_t)cost->nodes));
    json_object_set_new(r, "unknown_shapes", json_integer((json_int_t)cost->unknown));
    json_object_set_new(r, "weights", json_integer((json_int_t)eg_params_count(params)));
    json_object_set_new(r, "weight_bytes", json_integer((json_int_t)eg_params_bytes(params)));
    json_object_set_new(r, "constant_bytes", json_integer((json_int_t)cost->parameter_bytes));
    json_object_set_new(r, "peak_bytes", json_integer((json_int_t)cost->peak_bytes));
    const int told = eg_onnx_pixels_of(m, &pixels) == EG_OK;
    json_object_set_new(r, "pixels",
                        told ? json_sprintf("(pixel - %g) x %g%s", (double)pixels.shift[0],
                                            (double)pixels.scale[0], pixels.bgr ? ", BGR" : "")
                             : json_null());
    return r;
}

/* How the runs were laid out; before the parameters are asked for, which lets go of it. */
static void add_runs(json_t *r, double ms, const eg_onnx_layout *l)
{
    json_object_set_new(r, "run_ms", json_number(ms));
    json_object_set_new(r, "frozen_nodes", json_integer((json_int_t)l->nodes));
    json_object_set_new(r, "frozen_steps", json_integer((json_int_t)l->steps));
    json_object_set_new(r, "frozen_weight_bytes", json_integer((json_int_t)l->weight_bytes));
    json_object_set_new(r, "frozen_value_bytes", json_integer((json_int_t)l->value_bytes));
    json_object_set_new(r, "frozen_shared_bytes", json_integer((json_int_t)l->shared_bytes));
}

static int show(const struct call *call, eg_onnx *m)
{
    static const struct column columns[] = {
        { "operator", NULL }, { "value", NULL }, { "shape", NULL }, { "alive_bytes", "%.0f" }
    };
    const struct import *o = call->options;
    struct table table;
    struct text csv = { 0 };
    eg_onnx_cost cost;
    table_begin(&table, "nodes", columns, 4);
    eg_onnx_layout layout = { 0 };
    double ms = 0;
    eg_status s = infer(m, o->batch, o->shapes ? &table : NULL, &cost);
    if (s == EG_OK && o->runs > 0) s = time_of(m, o->batch, o->runs, &ms);
    if (s == EG_OK) s = eg_onnx_planned(m, &layout);
    if (s == EG_OK && o->shapes) {
        table_csv(&table, &csv);
        if (csv.size > 0) fwrite(csv.s, 1, csv.size, call->out);
    } else if (s == EG_OK) {
        json_t *r = record_of(call, m, &cost);
        if (o->runs > 0) add_runs(r, ms, &layout);
        print_record(call, r);
        json_decref(r);
    }
    text_clear(&csv);
    table_clear(&table);
    return s == EG_OK ? EXIT_DONE : fail(s, NULL);
}

static int run(const struct call *call)
{
    eg_onnx *m;
    eg_onnx_options o = EG_ONNX_OPTIONS_INIT;
    o.max_bytes = limits_given();
    o.threads = call->common->threads > 0 ? call->common->threads : 1;
    const char *to = call->common->output;
    const eg_status s = eg_onnx_open(call->args[0], &o, &m);
    if (s != EG_OK) return fail(s, NULL);
    int code = show(call, m);
    if (code == EXIT_DONE && to != NULL) {
        const eg_status saved = eg_params_save(eg_onnx_params(m), to, NULL, 0);
        code = saved == EG_OK ? EXIT_DONE : fail(saved, NULL);
        if (code == EXIT_DONE) say(call, "wrote   %s", to);
    }
    if (code == EXIT_DONE)
        say_next(call, "engram features %s IMAGES -o features.npy", shell_word(call->args[0]));
    eg_onnx_destroy(m);
    return code;
}

const struct command cmd_import = {
    .name = "import",
    .summary = "a pretrained network (ONNX): checked, told, its weights as safetensors",
    .arguments = "MODEL.onnx ",
    .examples = "engram import mobilenet_v2.onnx\n"
                "engram import mobilenet_v2.onnx --shapes --batch 8\n"
                "engram import mobilenet_v2.onnx --time 20 --threads 2\n"
                "engram import mobilenet_v2.onnx -o weights.safetensors",
    .notes = "A network with an operator that is missing here is refused by its name, opset and "
             "node. What is\nconstant is computed, and norms are part of the convolutions before "
             "them; peak_bytes is what\nvalues take at once. With --time also how much of it runs "
             "frozen: "
             "frozen_value_bytes of one\npicture lie in frozen_shared_bytes.",
    .options = options,
    .defaults = &defaults,
    .size = sizeof defaults,
    .min_args = 1,
    .max_args = 1,
    .own_output = 1,
    .run = run,
};
