/* The chapter of the tour on bags: some digits lie together, a label says whether a seven is among
 * them and nobody says which it is. A network that pools each bag learns to look at it. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/tour.h"
#include "engram/inspect.h"

enum { TRAINED = 600, TESTED = 300, BAGS = TRAINED + TESTED, ROWS = 6, SOUGHT = 7, DRAWN = 3 };
enum { STREAM_BAGS = 240 };

static const char network[] =
    "{\"kind\": \"network\", \"layers\": [{\"kind\": \"linear\", \"units\": 64}, \"activation\", "
    "{\"kind\": \"hopfield_pooling\", \"name\": \"pool\", \"num_heads\": 1, \"bag_dropout\": 0.2, "
    "\"initialiser\": \"xavier_uniform\"}, \"linear\"], \"optimiser\": {\"kind\": \"adamw\", "
    "\"rate\": 0.003, \"decay\": 0.01}}";

struct bags {
    struct tour *t;
    eg_dataset set; /* the first TRAINED bags are of digits that are trained on */
    int32_t digit[BAGS * ROWS];
    eg_learner *l;
    float weight[BAGS * ROWS];
    eg_scored scored;
    double at_it; /* of bags tested that hold one: it has the largest weight */
    double on_it; /* mean weight of those sought, together in their bag */
    size_t holding;
};

/* A digit of those that are trained on, or of every fourth, which are held back; one that is
 * sought, or another. */
static size_t draw_digit(const struct bags *b, size_t row, int held, int sought)
{
    const eg_dataset *set = &b->t->set;
    for (uint64_t k = row;; k += (uint64_t)BAGS * ROWS) {
        const size_t i = (size_t)eg_random_below(b->t->seed, STREAM_BAGS, k, set->n);
        if ((i % 4 == 3) == held && (set->labels[i] == SOUGHT) == sought) return i;
    }
}

/* Bags of odd number hold one seven, in a place that is drawn. */
static void fill(struct bags *b)
{
    const size_t d = b->t->d;
    b->set = (eg_dataset){ .n = BAGS,
                           .d = d,
                           .x = need_floats((size_t)BAGS * ROWS, d),
                           .labels = need(BAGS, sizeof(int32_t)),
                           .classes = 2,
                           .offset = need(BAGS + 1, sizeof(size_t)) };
    for (size_t i = 0; i < BAGS; i++) {
        const size_t place = (size_t)eg_random_below(b->t->seed, STREAM_BAGS + 1, i, ROWS);
        b->set.labels[i] = (int32_t)(i % 2);
        b->set.offset[i + 1] = (i + 1) * ROWS;
        for (size_t r = 0; r < ROWS; r++) {
            const size_t row = i * ROWS + r;
            const size_t from = draw_digit(b, row, i >= TRAINED, i % 2 == 1 && r == place);
            memcpy(b->set.x + row * d, b->t->set.x + from * d, d * sizeof *b->set.x);
            b->digit[row] = b->t->set.labels[from];
        }
    }
}

static eg_status learn(struct bags *b)
{
    const struct tour *t = b->t;
    const eg_task task = { .inputs = t->d, .classes = 2, .epochs = 15, .bags = 1 };
    struct bar bar;
    const eg_progress progress = bar_begin(&bar, t->call);
    eg_train_options o = EG_TRAIN_OPTIONS_INIT;
    size_t *index = need(BAGS, sizeof *index);
    for (size_t i = 0; i < BAGS; i++) index[i] = i;
    const eg_part train = { &b->set, index, TRAINED }, test = { &b->set, index + TRAINED, TESTED };
    o.batch = 20;
    o.seed = t->seed;
    o.progress = &progress;
    eg_status s = eg_learner_create(network, &task, t->seed, t->call->common->threads, NULL, &b->l);
    if (s == EG_OK) s = eg_train(b->l, &train, NULL, &o, NULL);
    bar_end(&bar);
    if (s == EG_OK) s = eg_evaluate(b->l, &test, TESTED, NULL, &b->scored);
    free(index);
    return s;
}

/* The weight of every digit of the bags that are tested. */
static eg_status attend(struct bags *b)
{
    for (size_t i = TRAINED; i < BAGS; i++) {
        const size_t first = i * ROWS;
        size_t most = first;
        double on_it = 0;
        const eg_status s =
            eg_learner_attention(b->l, "pool", b->set.x + first * b->t->d, ROWS, b->weight + first);
        if (s != EG_OK) return s;
        if (b->set.labels[i] == 0) continue;
        for (size_t r = first; r < first + ROWS; r++) {
            if (b->weight[r] > b->weight[most]) most = r;
            if (b->digit[r] == SOUGHT) on_it += (double)b->weight[r];
        }
        b->holding++;
        b->at_it += b->digit[most] == SOUGHT;
        b->on_it += on_it;
    }
    b->at_it /= (double)b->holding;
    b->on_it /= (double)b->holding;
    return EG_OK;
}

static const char *weights_of(const struct bags *b, size_t bag)
{
    const char *text = "";
    for (size_t r = bag * ROWS; r < (bag + 1) * ROWS; r++)
        text = keep_format("%s%s%d %.2f", text, text[0] != '\0' ? "   " : "", (int)b->digit[r],
                           (double)b->weight[r]);
    return text;
}

/* The digits of one bag, how much each is looked at below it. */
static eg_status draw_bag(const struct bags *b, size_t bag)
{
    eg_image images[ROWS] = { { 0 } };
    const char *captions[ROWS];
    eg_status s = EG_OK;
    for (size_t r = 0; r < ROWS && s == EG_OK; r++) {
        const size_t row = bag * ROWS + r;
        s = tour_picture(b->t, b->set.x + row * b->t->d, &images[r]);
        captions[r] = keep_format("weight %.2f", (double)b->weight[row]);
    }
    if (s == EG_OK)
        report_pictures(&b->t->report, images, captions, ROWS, 96,
                        keep_format("A bag of digits, %s a seven, and how much each is looked at",
                                    b->set.labels[bag] == 1 ? "one of them" : "none of them"));
    for (size_t r = 0; r < ROWS; r++) eg_image_clear(&images[r]);
    return s;
}

static eg_status tell(struct bags *b)
{
    const double p = b->scored.accuracy, error = sqrt(p * (1 - p) / TESTED);
    tour_say(b->t,
             "      bags      is a seven among six digits: %.1f %% (+-%.1f) of %d bags never seen; "
             "it is what is looked at most in %.0f %%",
             100 * p, 100 * error, TESTED, 100 * b->at_it);
    tour_say(b->t, "        digit, weight:  %s", weights_of(b, TRAINED + 1));
    run_folder_metric(&b->t->run, json_pack("{s:s,s:f,s:f,s:f}", "chapter", "bags", "accuracy", p,
                                            "looked_at_most", b->at_it, "weight", b->on_it));
    report_section(
        &b->t->report, "A bag of digits",
        keep_format("Six digits lie together, and a label says whether a seven is among them; "
                    "nobody says which it is. A network that pools the bag by a learned query "
                    "(Hopfield pooling) is right on %.1f %% (+-%.1f) of %d bags of digits it never "
                    "saw. Where there is a seven it has the largest weight in %.0f %% of bags, and "
                    "%.0f %% of the weight on average: it was found without a label of its own.",
                    100 * p, 100 * error, TESTED, 100 * b->at_it, 100 * b->on_it));
    eg_status s = EG_OK;
    for (size_t k = 1; k <= DRAWN && s == EG_OK; k++) s = draw_bag(b, TRAINED + k);
    return s;
}

int tour_chapter_bags(struct tour *t)
{
    struct bags b = { .t = t };
    fill(&b);
    eg_status s = learn(&b);
    if (s == EG_OK) s = attend(&b);
    if (s == EG_OK) s = tell(&b);
    eg_learner_destroy(b.l);
    free(b.set.x);
    free(b.set.labels);
    free(b.set.offset);
    return s == EG_OK ? EXIT_DONE : fail(s, NULL);
}
