/* engram measure noise, engram measure tangent: gradients of a trained network on data. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdlib.h>

#include "cli/cli_text.h"
#include "cli/console.h"
#include "cli/measure.h"

static void noise_row(struct table *t, const char *name, const eg_gradient_noise *n)
{
    table_word(t, "%s", name);
    table_number(t, (double)n->weights);
    table_number(t, n->drift);
    table_number(t, n->signal);
    table_number(t, n->noise);
    table_number(t, n->noise / 2 / (double)n->weights);
}

/* Of all that is learned, and of each array. */
static eg_status take_noise(const struct call *call, eg_learner *l, const eg_part *part,
                            struct table *t)
{
    const struct measure *o = call->options;
    const size_t batch = o->loop.batch < part->n / 2 ? o->loop.batch : part->n / 2;
    const eg_params *p = eg_learner_params(l);
    struct bar bar;
    const eg_progress progress = bar_begin(&bar, call);
    const eg_gradient_noise_options how = {
        sizeof how, batch, o->draws, call->common->seed, call->common->threads, &progress
    };
    eg_gradient_noise all, *each = need(eg_params_count(p), sizeof *each);
    const eg_status s = eg_gradient_noise_of(l, part, &how, &all, each);
    bar_end(&bar);
    if (s == EG_OK) noise_row(t, "all", &all);
    for (size_t k = 0; k < eg_params_count(p) && s == EG_OK; k++)
        if (each[k].weights > 0) noise_row(t, eg_params_at(p, k)->name, &each[k]);
    free(each);
    return s;
}

int measure_noise(const struct call *call, const char *unused)
{
    static const struct column columns[] = {
        { "array", NULL },    { "weights", "%.0f" }, { "drift", "%.6g" },
        { "signal", "%.6g" }, { "noise", "%.6g" },   { "temperature_at_rate_1", "%.4g" },
    };
    struct model m;
    struct table t;
    eg_dataset set = { 0 };
    (void)unused;
    int code = measure_model(call, &m, &set);
    if (code != EXIT_DONE) return code;
    const eg_part part = { &set, NULL, set.n };
    table_begin(&t, "noise of gradients", columns, 6);
    const eg_status s = take_noise(call, m.learner, &part, &t);
    if (s != EG_OK) code = fail(s, NULL);
    if (s == EG_OK && call->common->json) {
        json_t *j = table_json(&t);
        print_json_line(call->out, j);
        json_decref(j);
    } else if (s == EG_OK) {
        table_print(&t, call->out);
    }
    table_clear(&t);
    eg_dataset_clear(&set);
    model_close(&m);
    return code;
}

int measure_tangent(const struct call *call, const char *unused)
{
    const struct measure *o = call->options;
    const char *to = call->common->output;
    eg_tangent_options how = EG_TANGENT_OPTIONS_INIT;
    struct model m;
    struct bar bar;
    eg_dataset set = { 0 };
    (void)unused;
    if (to == NULL) return fail_usage(call, "-o FILE.npy says where the kernel goes");
    int code = measure_model(call, &m, &set);
    if (code != EXIT_DONE) return code;
    const eg_part part = { &set, NULL, set.n };
    const eg_progress progress = bar_begin(&bar, call);
    how.threads = call->common->threads;
    how.normalised = o->normalised;
    how.progress = &progress;
    const eg_status s = eg_tangent_kernel_file(m.learner, &part, &how, to);
    bar_end(&bar);
    if (s == EG_OK) {
        json_t *r = json_pack("{s:s,s:I}", "file", to, "examples", (json_int_t)set.n);
        print_record(call, r);
        json_decref(r);
    } else {
        code = fail(s, NULL);
    }
    if (s == EG_ERR_INTERRUPTED)
        fprintf(stderr, "  what is done is in %s.part; the same command goes on from it\n", to);
    eg_dataset_clear(&set);
    model_close(&m);
    return code;
}
