/* Krotov and Hopfield 2016, section 4: 2000 memories learned from MNIST by gradient, with energies
 * of power n = 2, 3, 20, 30. Test errors of figure 2: 1.51, 1.44, 1.61, 1.80 %; 1.6 % for 2000
 * rectified linear units trained by backpropagation, which are trained here beside them. Section 5:
 * at n = 30 more than 40 % of the memories vote for one class only, and more than 8000 of the
 * 10 000 test images have no second memory that contributes over .9 of the largest. A vote is a
 * class component above .99, at the cut; the threshold is ours.
 *
 * Full: hours. Each network trains in a folder runs/dam-mnist-..., and a later call goes on from
 * there; the tolerance is the .2 points of what one network differs from another. Quick: 250
 * memories, 15 epochs; its bounds are what one seed gave, and a third more. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engram/dam.h"
#include "engram/train.h"
#include "experiments/nets.h"

enum { SIDE = 28, ACROSS = 10, DOWN = 5 };

struct data {
    eg_dataset train, test;
};

/* The number after "key": in a line of JSON; NaN where there is none. */
static double number_of(const char *line, const char *key)
{
    char quoted[40];
    snprintf(quoted, sizeof quoted, "\"%s\":", key);
    const char *at = strstr(line, quoted);
    return at != NULL ? strtod(at + strlen(quoted), NULL) : (double)NAN;
}

/* The whole error curve, from the metrics of the run folder. */
static eg_status take_curve(const struct experiment_context *run, const struct net *net)
{
    char folder[120], path[140], line[1024];
    LAB_TRY(net_folder(run, net, NET_DIGITS, folder, sizeof folder));
    snprintf(path, sizeof path, "%s/metrics.jsonl", folder);
    const size_t epochs = net->recipe[NET_DIGITS].epochs;
    double *x = malloc(2 * epochs * sizeof *x), *y = x + epochs;
    FILE *f = x != NULL ? fopen(path, "r") : NULL;
    size_t n = 0;
    while (f != NULL && n < epochs && fgets(line, sizeof line, f) != NULL) {
        x[n] = number_of(line, "epoch");
        y[n] = 100 * number_of(line, "errors") / number_of(line, "examples");
        n += isfinite(x[n]) && isfinite(y[n]);
    }
    if (f != NULL) fclose(f);
    if (n > 0)
        lab_curve(run, "test error of a dense associative memory on MNIST|epoch|per cent", n, x, y,
                  NULL, "%s", net->name);
    free(x);
    return EG_OK;
}

/* ---- what it learned ---- */

/* Visible parts of the first memories, -1 black, 1 white. */
static eg_status take_picture(const struct experiment_context *run, const struct net *net,
                              eg_learner *l)
{
    eg_image sheet;
    char title[80];
    const float *xi = eg_params_find(eg_learner_params(l), "memories")->value;
    LAB_TRY(eg_image_create((size_t)DOWN * SIDE, (size_t)ACROSS * SIDE, 1, NULL, &sheet));
    for (size_t m = 0; m < (size_t)ACROSS * DOWN; m++)
        for (size_t p = 0; p < (size_t)SIDE * SIDE; p++) {
            const size_t row = m / ACROSS * SIDE + p / SIDE, column = m % ACROSS * SIDE + p % SIDE;
            sheet.pixels[row * sheet.width + column] =
                (uint8_t)(127.5f * (xi[m * SIDE * SIDE + p] + 1));
        }
    snprintf(title, sizeof title, "memories of %s", net->name);
    run->picture(run->user, title, &sheet);
    eg_image_clear(&sheet);
    return EG_OK;
}

struct nature {
    double single;  /* share of memories that vote for one class only */
    double alone;   /* share of test images that one memory decides alone */
    double nearest; /* mean cosine of memories with their nearest training image */
};

static eg_status find_nature(eg_learner *l, const struct data *data, struct nature *out)
{
    const size_t h = eg_dam_count(l), n = data->test.n;
    eg_dam_memory *m = malloc(h * sizeof *m);
    size_t *deciding = malloc(n * sizeof *deciding);
    eg_dam_options o = EG_DAM_OPTIONS_INIT;
    o.threshold = 0.99;
    eg_status s = m != NULL && deciding != NULL ? EG_OK : lab_no_memory();
    if (s == EG_OK) s = eg_dam_prototypes(l, data->train.x, data->train.n, &o, m, NULL);
    if (s == EG_OK) s = eg_dam_prototypes(l, data->test.x, n, NULL, NULL, deciding);
    *out = (struct nature){ 0, 0, 0 };
    for (size_t i = 0; i < h && s == EG_OK; i++) {
        out->single += m[i].votes == 1 ? 1 / (double)h : 0;
        out->nearest += m[i].cosine / (double)h;
    }
    for (size_t i = 0; i < n && s == EG_OK; i++) out->alone += deciding[i] == 1 ? 1 / (double)n : 0;
    free(m);
    free(deciding);
    return s;
}

static void say_nature(const struct experiment_context *run, const struct net *net,
                       const struct nature *is)
{
    char text[200];
    snprintf(text, sizeof text,
             "%s: memories that vote for one class only %.3f, images that one memory decides "
             "%.3f, cosine of a memory with its nearest image %.3f",
             net->name, is->single, is->alone, is->nearest);
    run->note(run->user, text);
}

/* ---- rows ---- */

static eg_status measure_net(const struct experiment_context *run, const struct net *net,
                             const struct data *data, struct nature *nature)
{
    eg_learner *l = NULL;
    eg_scored scored = { .confusion = NULL };
    const eg_part test = { &data->test, NULL, data->test.n };
    LAB_TRY(net_train(run, net, NET_DIGITS, &data->train, &data->test, &l));
    eg_status s = eg_evaluate(l, &test, 500, NULL, &scored);
    if (s == EG_OK) {
        const double error = 100 * (double)scored.errors / (double)scored.n;
        char text[80];
        snprintf(text, sizeof text, "%s: test error, per cent", net->name);
        run->row(run->user, &(struct experiment_row){
                                text, net->published, error, run->full ? net->published - 0.2 : 0,
                                run->full ? net->published + 0.2 : net->quick_most });
    }
    if (s == EG_OK && run->full) s = take_curve(run, net);
    if (s == EG_OK && eg_dam_count(l) > 0) {
        s = find_nature(l, data, nature);
        if (s == EG_OK) say_nature(run, net, nature);
        if (s == EG_OK) s = take_picture(run, net, l);
    }
    eg_learner_destroy(l);
    return s;
}

static void compare(const struct experiment_context *run, const struct nature *n2,
                    const struct nature *n30)
{
    lab_reaches(run, 0.4, n30->single, run->full ? 0 : 0.15,
                "n = 30: share of memories that vote for one class");
    lab_reaches(run, 0.8, n30->alone, run->full ? 0 : 0.1,
                "n = 30: share of images that one memory decides");
    lab_at_most(run, n30->alone, n2->alone, 0, "n = 2: the same, below it");
    lab_at_least(run, n2->nearest, n30->nearest, 0,
                 "n = 30: cosine of memories with nearest images, above that of n = 2");
}

static eg_status measure(const struct experiment_context *run)
{
    struct data data = { .train = { .n = 0 } };
    struct nature nature[NETS];
    LAB_TRY(lab_images("mnist/train", 0, &data.train));
    eg_status s = lab_images("mnist/test", 0, &data.test);
    for (size_t i = 0; i < NETS && s == EG_OK; i++)
        s = measure_net(run, &nets[i], &data, &nature[i]);
    if (s == EG_OK) compare(run, &nature[NET_N2], &nature[NET_N30]);
    eg_dataset_clear(&data.train);
    if (data.test.n > 0) eg_dataset_clear(&data.test);
    return s;
}

const struct experiment experiment_dam_mnist = {
    .name = "dam-mnist",
    .title = "memories learned by gradient classify MNIST, from features to prototypes",
    .source = "Krotov and Hopfield 2016, figure 2 and section 5",
    .setting = "quick: K = 250, 15 epochs; full: K = 2000, 60 to 300 epochs",
    .run = measure,
};
