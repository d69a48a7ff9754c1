/* The chapter of the tour that learns by storing: a network trained on eight digits is frozen and
 * kept as ONNX; the two digits that it has never seen are taught from one picture each, recognised
 * at once, and forgotten again. That is done with LESSONS pairs of pictures, for one picture may be
 * a bad one. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "cli/tour.h"

enum { SEEN = 8, CLASSES = 10, EPOCHS = 4, LESSONS = 20, MORE = 10, DRAWN = 6, BATCH = 128 };

static const char network[] =
    "{\"kind\": \"network\", \"hidden\": [256], \"optimiser\": {\"kind\": \"adamw\", \"rate\": "
    "0.001}}";

/* Shares of digits held back that are named rightly. */
struct named {
    double old, fresh; /* of the digits 0 to 7, of 8 and 9 */
    double pair;       /* of 8 and 9, where only these two are asked for */
    size_t of_old, of_fresh;
};

struct lesson {
    struct tour *t;
    float *x; /* (N, D) features of all digits */
    size_t d;
    eg_head *head;
    struct named before, one, more, after;
    double microseconds; /* to teach one */
};

static int held_back(size_t i)
{
    return i % 4 == 3;
}

/* A network of the digits 0 to 7, written as ONNX. */
static eg_status train(struct tour *t, const char *path)
{
    const eg_task task = { .inputs = t->d, .classes = SEEN, .epochs = EPOCHS };
    struct bar bar;
    const eg_progress progress = bar_begin(&bar, t->call);
    eg_train_options o = EG_TRAIN_OPTIONS_INIT;
    eg_learner *l = NULL;
    eg_part part = { &t->set, NULL, 0 };
    size_t *index = need(t->set.n, sizeof *index);
    for (size_t i = 0; i < t->set.n; i++)
        if (t->set.labels[i] < SEEN && !held_back(i)) index[part.n++] = i;
    part.index = index;
    o.seed = t->seed;
    o.progress = &progress;
    eg_status s = eg_learner_create(network, &task, t->seed, t->call->common->threads, NULL, &l);
    if (s == EG_OK) s = eg_train(l, &part, NULL, &o, NULL);
    bar_end(&bar);
    if (s == EG_OK) s = eg_onnx_save(l, path, NULL, 0);
    eg_learner_destroy(l);
    free(index);
    return s;
}

/* The last value behind a ReLU: what the network knows of a digit before it names one. */
static void find_layer(void *user, const eg_onnx_step *step)
{
    const char **name = user;
    if (strcmp(step->op, "Relu") == 0) *name = step->output;
}

static eg_status features_by(struct lesson *l, eg_onnx *m)
{
    const struct tour *t = l->t;
    const eg_shape one = eg_shape_of(BATCH, t->d);
    const char *name = NULL;
    eg_onnx_cost cost;
    eg_status s = eg_onnx_infer(m, &one, 1, find_layer, &name, &cost);
    for (size_t i = 0; i < t->set.n && s == EG_OK; i += BATCH) {
        const size_t b = t->set.n - i < BATCH ? t->set.n - i : BATCH;
        const eg_onnx_array in = { NULL, EG_F32, eg_shape_of(b, t->d), t->set.x + i * t->d };
        eg_onnx_array out;
        s = eg_onnx_run(m, &in, 1, &name, 1, &out);
        if (s != EG_OK) break;
        l->d = eg_shape_size(&out.shape) / b;
        if (l->x == NULL) l->x = need_floats(t->set.n, l->d);
        memcpy(l->x + i * l->d, out.data, b * l->d * sizeof *l->x);
    }
    return s;
}

static eg_status freeze(struct lesson *l)
{
    const char *path = run_folder_file(&l->t->run, "frozen.onnx");
    eg_onnx_options o = EG_ONNX_OPTIONS_INIT;
    eg_onnx *m = NULL;
    eg_status s = train(l->t, path);
    o.threads = l->t->call->common->threads;
    if (s == EG_OK) s = eg_onnx_open(path, &o, &m);
    if (s == EG_OK) s = features_by(l, m);
    eg_onnx_destroy(m);
    return s;
}

/* The digits of a class that are not held back, from number `from` on, at most `most`. */
static eg_status teach(struct lesson *l, int32_t digit, size_t from, size_t most)
{
    const eg_dataset *set = &l->t->set;
    eg_status s = EG_OK;
    size_t number = 0;
    for (size_t i = 0; i < set->n && s == EG_OK && number < from + most; i++) {
        if (held_back(i) || set->labels[i] != digit || number++ < from) continue;
        const double begun = seconds_now();
        s = eg_head_teach(l->head, l->x + i * l->d, &digit, 1);
        l->microseconds = 1e6 * (seconds_now() - begun);
    }
    return s;
}

static eg_status measure(struct lesson *l, struct named *out)
{
    const eg_dataset *set = &l->t->set;
    float score[CLASSES] = { 0 };
    struct named n = { 0, 0, 0, 0, 0 };
    for (size_t i = 0; i < set->n; i++) {
        const int fresh = set->labels[i] >= SEEN;
        eg_head_answer a;
        if (!held_back(i)) continue;
        const eg_status s = eg_head_predict(l->head, l->x + i * l->d, 1, &a, score);
        if (s != EG_OK) return s;
        *(fresh ? &n.fresh : &n.old) += a.label == set->labels[i];
        ++*(fresh ? &n.of_fresh : &n.of_old);
        if (fresh) n.pair += (score[SEEN + 1] > score[SEEN]) == (set->labels[i] == SEEN + 1);
    }
    out->old += n.old / (double)n.of_old;
    out->fresh += n.fresh / (double)n.of_fresh;
    out->pair += n.pair / (double)n.of_fresh;
    out->of_old = n.of_old;
    out->of_fresh = n.of_fresh;
    return EG_OK;
}

/* Both new digits from `most` pictures, from number `from` on; asked; forgotten again. */
static eg_status lesson_of(struct lesson *l, size_t from, size_t most, struct named *out)
{
    eg_status s = EG_OK;
    for (int32_t digit = SEEN; digit < CLASSES && s == EG_OK; digit++)
        s = teach(l, digit, from, most);
    if (s == EG_OK) s = measure(l, out);
    for (size_t digit = SEEN; digit < CLASSES && s == EG_OK; digit++)
        s = eg_head_forget_class(l->head, digit);
    return s;
}

static void mean_of(struct named *n)
{
    n->old /= LESSONS;
    n->fresh /= LESSONS;
    n->pair /= LESSONS;
}

static eg_status run_lessons(struct lesson *l)
{
    eg_status s =
        eg_head_create("{\"kind\": \"mean\", \"power\": 0.5}", l->d, l->t->seed, NULL, &l->head);
    for (int32_t digit = 0; digit < SEEN && s == EG_OK; digit++)
        s = teach(l, digit, 0, SIZE_MAX / 2);
    if (s == EG_OK) s = measure(l, &l->before);
    for (size_t k = 0; k < LESSONS && s == EG_OK; k++) s = lesson_of(l, 5 * k, 1, &l->one);
    for (size_t k = 0; k < LESSONS && s == EG_OK; k++) s = lesson_of(l, 5 * k, MORE, &l->more);
    mean_of(&l->one);
    mean_of(&l->more);
    return s == EG_OK ? measure(l, &l->after) : s;
}

/* The one picture of an eight that was taught, and eights and nines never seen, with their names
 * after it. */
static eg_status draw(struct lesson *l)
{
    struct tour *t = l->t;
    eg_image images[DRAWN + 1] = { { 0 } };
    const char *captions[DRAWN + 1];
    size_t n = 0;
    eg_status s = EG_OK;
    for (int32_t digit = SEEN; digit < CLASSES && s == EG_OK; digit++) s = teach(l, digit, 0, 1);
    for (size_t i = 0; i < t->set.n && n == 0 && s == EG_OK; i++) {
        if (held_back(i) || t->set.labels[i] != SEEN) continue;
        captions[n] = "taught: 8";
        s = tour_picture(t, t->set.x + i * t->d, &images[n++]);
    }
    for (size_t i = 0; i < t->set.n && n <= DRAWN && s == EG_OK; i++) {
        eg_head_answer a;
        if (!held_back(i) || t->set.labels[i] < SEEN || i % 5 != 0) continue;
        s = eg_head_predict(l->head, l->x + i * l->d, 1, &a, NULL);
        captions[n] = keep_format("named %d", (int)a.label);
        if (s == EG_OK) s = tour_picture(t, t->set.x + i * t->d, &images[n++]);
    }
    if (s == EG_OK)
        report_pictures(&t->report, images, captions, n, 88,
                        "The one eight that was taught, and eights and nines never seen before");
    for (size_t k = 0; k < n; k++) eg_image_clear(&images[k]);
    return s;
}

static void tell(struct lesson *l)
{
    struct tour *t = l->t;
    tour_say(t,
             "      teach     8 and 9, which a frozen network never saw, from one picture each in "
             "%.1f us: told apart in %.0f %%, among all ten %.0f %%, from %d each %.0f %%; 0 to 7 "
             "%.1f %%, before %.1f %%",
             l->microseconds, 100 * l->one.pair, 100 * l->one.fresh, MORE, 100 * l->more.fresh,
             100 * l->more.old, 100 * l->before.old);
    run_folder_metric(&t->run,
                      json_pack("{s:s,s:f,s:f,s:f,s:f,s:f,s:f,s:f}", "chapter", "teach", "before",
                                l->before.old, "pair", l->one.pair, "one", l->one.fresh, "ten",
                                l->more.fresh, "old_then", l->more.old, "old_after", l->after.old,
                                "microseconds", l->microseconds));
    report_section(
        &t->report, "A class from one picture",
        keep_format(
            "A network is trained on the digits 0 to 7 and frozen; the run folder has it as "
            "frozen.onnx. A head on its %zu features names %.1f %% of %zu digits never seen. The "
            "digits 8 and 9, of which the network knows nothing, are taught from one picture "
            "each, in microseconds: of %zu never seen %.0f %% are told apart at once, and "
            "named rightly among all ten digits %.0f %% (chance is 10), from %d pictures each "
            "%.0f %%. Nothing is trained again: of 0 to 7 %.1f %% are still named rightly. All of "
            "it is the mean of %d pairs of pictures. Forgotten, 8 and 9 leave the head as it was, "
            "to the bit (%.1f %%).",
            l->d, 100 * l->before.old, l->before.of_old, l->one.of_fresh, 100 * l->one.pair,
            100 * l->one.fresh, MORE, 100 * l->more.fresh, 100 * l->more.old, LESSONS,
            100 * l->after.old));
}

int tour_chapter_teach(struct tour *t)
{
    struct lesson l = { .t = t };
    eg_status s = freeze(&l);
    if (s == EG_OK) s = run_lessons(&l);
    if (s == EG_OK) {
        tell(&l);
        s = draw(&l);
    }
    eg_head_destroy(l.head);
    free(l.x);
    return s == EG_OK ? EXIT_DONE : fail(s, NULL);
}
