/* The chapter of the tour that learns: two dense associative memories trained by gradient on the
 * same digits, of a low and of a high power; what they keep, and what misleads them. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/drawn.h"
#include "cli/tour.h"

enum { NETS = 2, EPOCHS = 40, ATTACKED = 100, DRAWN = 40, PAIR = 4 };

/* Temperatures for 256 pixels of +-1: those of the paper are for 784. */
static const struct {
    int n;
    const char *spec;
} nets[NETS] = {
    { 2, "{\"kind\":\"dam\",\"hidden\":64,\"n\":2,\"t_initial\":60,\"t_final\":60,\"loss\":2,"
         "\"rate\":0.05,\"scale\":1,\"offset\":0}" },
    { 20, "{\"kind\":\"dam\",\"hidden\":64,\"n\":20,\"t_initial\":90,\"t_final\":90,\"loss\":2,"
          "\"rate\":0.05,\"scale\":1,\"offset\":0}" },
};

struct study {
    struct tour *t;
    size_t *index;   /* (n) trained on, then held back */
    eg_part part[2]; /* trained on, held back */
    eg_learner *l[NETS];
    double accuracy[NETS], one_class[NETS], alone[NETS]; /* shares */
    float *x;                                            /* (attacked, D) of those held back */
    int32_t *labels;
    size_t attacked;
};

/* Every fourth digit is held back. */
static void split(struct study *s)
{
    const size_t n = s->t->set.n;
    size_t count[2] = { 0, 0 };
    s->index = need(n, sizeof *s->index);
    for (size_t i = 0; i < n; i++)
        if (i % 4 != 3) s->index[count[0]++] = i;
    for (size_t i = 3; i < n; i += 4) s->index[count[0] + count[1]++] = i;
    s->part[0] = (eg_part){ &s->t->set, s->index, count[0] };
    s->part[1] = (eg_part){ &s->t->set, s->index + count[0], count[1] };
    s->attacked = count[1] < ATTACKED ? count[1] : ATTACKED;
    s->x = need_floats(s->attacked, s->t->d);
    s->labels = need(s->attacked, sizeof *s->labels);
    for (size_t i = 0; i < s->attacked; i++) {
        memcpy(s->x + i * s->t->d, s->t->set.x + s->part[1].index[i] * s->t->d,
               s->t->d * sizeof *s->x);
        s->labels[i] = s->t->set.labels[s->part[1].index[i]];
    }
}

static eg_status look(struct study *s, size_t net)
{
    const size_t h = eg_dam_count(s->l[net]), b = s->attacked;
    eg_dam_memory *memory = need(h, sizeof *memory);
    size_t *deciding = need(b, sizeof *deciding);
    const eg_status status = eg_dam_prototypes(s->l[net], s->x, b, NULL, memory, deciding);
    for (size_t i = 0; i < h && status == EG_OK; i++)
        s->one_class[net] += (memory[i].votes == 1) / (double)h;
    for (size_t i = 0; i < b && status == EG_OK; i++)
        s->alone[net] += (deciding[i] == 1) / (double)b;
    free(memory);
    free(deciding);
    return status;
}

static eg_status learn(struct study *s, size_t net)
{
    const struct tour *t = s->t;
    const eg_task task = { .inputs = t->d,
                           .height = t->shape.height,
                           .width = t->shape.width,
                           .channels = t->shape.channels,
                           .classes = t->set.classes,
                           .epochs = EPOCHS };
    struct bar bar;
    const eg_progress progress = bar_begin(&bar, t->call);
    eg_train_options o = EG_TRAIN_OPTIONS_INIT;
    eg_scored scored = { 0 };
    o.seed = t->seed;
    o.progress = &progress;
    eg_status status = eg_learner_create(nets[net].spec, &task, t->seed, t->call->common->threads,
                                         NULL, &s->l[net]);
    if (status == EG_OK) status = eg_train(s->l[net], &s->part[0], NULL, &o, NULL);
    bar_end(&bar);
    if (status == EG_OK) status = eg_evaluate(s->l[net], &s->part[1], 256, NULL, &scored);
    if (status == EG_OK) status = look(s, net);
    s->accuracy[net] = scored.accuracy;
    return status;
}

static eg_status draw_memories(struct study *s)
{
    eg_image sheets[NETS] = { { 0 } };
    const char *captions[NETS];
    eg_status status = EG_OK;
    size_t n = 0;
    for (size_t i = 0; i < NETS && status == EG_OK; i++) {
        struct model m;
        model_of_learner(s->l[i], "", &m);
        status = drawn_sheet(drawn_param(s->l[i]), &m, DRAWN, &sheets[i], &n);
        model_clear(&m);
        captions[i] = keep_format("n = %d", nets[i].n);
    }
    if (status == EG_OK)
        report_pictures(&s->t->report, sheets, captions, NETS, 340,
                        "What memories of a low power look like, and those of a high one");
    for (size_t i = 0; i < NETS; i++) eg_image_clear(&sheets[i]);
    return status;
}

static size_t answer(struct study *s, size_t net, const float *x)
{
    float *scores = need_floats(s->t->set.classes, 1);
    const eg_status status = eg_learner_scores(s->l[net], x, 1, scores);
    const size_t k = status == EG_OK ? best_class(scores, s->t->set.classes) : 0;
    free(scores);
    return k;
}

/* The first digit that both name rightly, and that the low power alone errs on once changed. */
static size_t choose_pair(struct study *s, const eg_attack_record *records, const float *changed)
{
    const size_t d = s->t->d;
    for (size_t i = 0; i < s->attacked; i++)
        if (records[i].success && answer(s, 0, s->x + i * d) == (size_t)s->labels[i]
            && answer(s, 1, s->x + i * d) == (size_t)s->labels[i]
            && answer(s, 1, changed + i * d) == (size_t)s->labels[i])
            return i;
    return SIZE_MAX;
}

static eg_status draw_pair(struct study *s, size_t i, const float *changed)
{
    const size_t d = s->t->d;
    const float *from = s->x + i * d, *to = changed + i * d;
    eg_image images[PAIR - 1] = { { 0 } };
    const struct scaling grey = { SCALING_NONE, -1, 1, 0 };
    float *apart = need_floats(1, d), most = 0;
    for (size_t j = 0; j < d; j++) most = fmaxf(most, fabsf(apart[j] = to[j] - from[j]));
    const struct scaling wide = { SCALING_NONE, -(double)most, (double)most, 0 };
    const char *captions[PAIR - 1] = {
        keep_format("a %d", (int)s->labels[i]),
        keep_format("what is added, at most %.2f of 2", (double)most),
        keep_format("n = 2: %zu, n = 20: %zu", answer(s, 0, to), answer(s, 1, to)),
    };
    eg_status status = picture_of_state(&s->t->shape, &grey, from, &images[0]);
    if (status == EG_OK) status = picture_of_state(&s->t->shape, &wide, apart, &images[1]);
    if (status == EG_OK) status = picture_of_state(&s->t->shape, &grey, to, &images[2]);
    if (status == EG_OK)
        report_pictures(&s->t->report, images, captions, PAIR - 1, 112,
                        "A digit, what is added to it, and the sum, which misleads one of the two");
    for (size_t k = 0; k < PAIR - 1; k++) eg_image_clear(&images[k]);
    free(apart);
    return status;
}

/* Digits changed until one of the two errs, shown to the other. */
static eg_status mislead(struct study *s)
{
    const size_t n = s->attacked;
    eg_attack_options o = EG_ATTACK_OPTIONS_INIT;
    eg_transfer matrix[(NETS + 1) * NETS];
    eg_attack_record *records = need(NETS * n, sizeof *records);
    float *changed = need_floats(n, s->t->d);
    const eg_attack_output made[NETS] = { { .records = records, .adversarial = changed },
                                          { .records = records + n } };
    o.row = (size_t)eg_attack_find("boundary");
    o.lo = -1;
    o.seed = s->t->seed;
    eg_status status = eg_attack_transfer(s->l, NETS, s->x, s->labels, n, &o, matrix, made);
    if (status == EG_OK) {
        report_section(
            &s->t->report, "What misleads them",
            keep_format("Digits are moved up the slope of one memory's scores until it errs. Of "
                        "%zu made with n = 2, n = 20 errs on %.0f %%; of %zu made with n = 20, "
                        "n = 2 errs on %.0f %% (Krotov and Hopfield 2018).",
                        matrix[1].images, 100 * matrix[1].share, matrix[2].images,
                        100 * matrix[2].share));
        tour_say(
            s->t,
            "      misled    digits made to mislead n = 2 mislead n = 20 in %.0f %%, the other "
            "way round %.0f %%",
            100 * matrix[1].share, 100 * matrix[2].share);
        run_folder_metric(&s->t->run, json_pack("{s:s,s:o,s:o}", "chapter", "misled", "low_to_high",
                                                json_number(matrix[1].share), "high_to_low",
                                                json_number(matrix[2].share)));
        const size_t pair = choose_pair(s, records, changed);
        if (pair != SIZE_MAX) status = draw_pair(s, pair, changed);
    }
    free(records);
    free(changed);
    return status;
}

static eg_status tell(struct study *s)
{
    const size_t trained = s->part[0].n, held = s->part[1].n;
    tour_say(s->t,
             "      learn     64 memories by gradient: n = 2 names %.1f %%, n = 20 %.1f %% of %zu "
             "digits never seen",
             100 * s->accuracy[0], 100 * s->accuracy[1], held);
    for (size_t i = 0; i < NETS; i++)
        run_folder_metric(&s->t->run, json_pack("{s:s,s:i,s:f,s:f,s:f}", "chapter", "learn", "n",
                                                nets[i].n, "accuracy", s->accuracy[i], "one_class",
                                                s->one_class[i], "alone", s->alone[i]));
    report_section(
        &s->t->report, "Memories that are learned",
        keep_format("Instead of storing %zu digits, 64 memories are learned by gradient so that "
                    "they name digits: at n = 2 %.1f %%, at n = 20 %.1f %% of %zu digits never "
                    "seen. At n = 2 the memories are features, %.0f %% of which vote for one class "
                    "only, and one memory alone decides %.0f %% of the digits; at n = 20 they are "
                    "prototypes, %.0f %% and %.0f %%: the feature-to-prototype transition of "
                    "Krotov and Hopfield 2016.",
                    trained, 100 * s->accuracy[0], 100 * s->accuracy[1], held,
                    100 * s->one_class[0], 100 * s->alone[0], 100 * s->one_class[1],
                    100 * s->alone[1]));
    return draw_memories(s);
}

int tour_chapter_learn(struct tour *t)
{
    struct study s = { .t = t };
    eg_status status = EG_OK;
    split(&s);
    for (size_t i = 0; i < NETS && status == EG_OK; i++) status = learn(&s, i);
    if (status == EG_OK) status = tell(&s);
    if (status == EG_OK) status = mislead(&s);
    for (size_t i = 0; i < NETS; i++) eg_learner_destroy(s.l[i]);
    free(s.index);
    free(s.x);
    free(s.labels);
    return status == EG_OK ? EXIT_DONE : fail(status, NULL);
}
