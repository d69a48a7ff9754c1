/* engram measure memorisation: which examples a learner gets right only because it has seen them.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/console.h"
#include "cli/measure.h"

enum { STREAM_WHICH = 1, STREAM_CLASS = 2 };

struct item {
    double score;
    size_t at;
};

struct measured {
    const struct call *call;
    struct training_data data;
    double *score, *error; /* (N) */
    struct item *order;    /* (N) the most memorised first */
    size_t n;
};

/* Classes drawn anew for a share of the examples: what is learned of them is learned by heart. */
static size_t shuffle_labels(const struct call *call, eg_dataset *set, double share)
{
    size_t changed = 0;
    for (size_t i = 0; i < set->n; i++) {
        float u;
        eg_random_uniform(call->common->seed, STREAM_WHICH, i, 1, &u);
        if ((double)u >= share) continue;
        set->labels[i] =
            (int32_t)eg_random_below(call->common->seed, STREAM_CLASS, i, set->classes);
        changed++;
    }
    return changed;
}

static int falling(const void *a, const void *b)
{
    const struct item *i = a, *j = b;
    if (isnan(i->score) || isnan(j->score)) return isnan(i->score) - isnan(j->score);
    if (i->score != j->score) return (i->score < j->score) - (i->score > j->score);
    return (i->at > j->at) - (i->at < j->at);
}

/* ---- what is printed ---- */

struct summary {
    size_t known, quarter; /* scored; of them above .25, what Feldman and Zhang count */
    double mean, error;    /* of the mean of errors */
};

static struct summary sum_up(const struct measured *m)
{
    struct summary s = { 0 };
    for (size_t i = 0; i < m->n; i++) {
        if (isnan(m->score[i])) continue;
        s.known++;
        s.quarter += m->score[i] > 0.25;
        s.mean += m->score[i];
        s.error += m->error[i];
    }
    if (s.known > 0) s.mean /= (double)s.known;
    if (s.known > 0) s.error /= (double)s.known;
    return s;
}

static const struct column columns[] = {
    { "item", "%.0f" }, { "label", NULL }, { "memorised", "%.2f" }, { "error_at_most", "%.2f" }
};

static void list_items(const struct measured *m, size_t count, struct table *t)
{
    const eg_dataset *set = &m->data.set;
    table_begin(t, "memorised", columns, 4);
    for (size_t k = 0; k < count && k < m->n; k++) {
        const size_t i = m->order[k].at;
        table_number(t, (double)i);
        if (set->class_names != NULL)
            table_word(t, "%s", harmless(set->class_names[set->labels[i]]));
        else
            table_word(t, "%d", set->labels[i]);
        table_number(t, m->score[i]);
        table_number(t, m->error[i]);
    }
}

static int write_scores(const struct measured *m, const char *path)
{
    struct table t;
    struct text csv = { 0 };
    list_items(m, m->n, &t);
    table_csv(&t, &csv);
    const int code = write_file(path, csv.s, csv.size);
    text_clear(&csv);
    table_clear(&t);
    return code;
}

static int print_all(const struct measured *m)
{
    const struct measure *o = m->call->options;
    const struct summary s = sum_up(m);
    struct table t;
    list_items(m, o->top, &t);
    if (m->call->common->json) {
        json_t *r = json_pack("{s:I,s:I,s:f,s:I,s:f,s:f,s:o}", "examples", (json_int_t)m->n,
                              "models", (json_int_t)o->models, "mean", s.mean, "above_quarter",
                              (json_int_t)s.quarter, "share", o->share, "error_at_most", s.error,
                              "most_memorised", table_json(&t));
        print_json_line(m->call->out, r);
        json_decref(r);
    } else {
        fprintf(m->call->out,
                "%zu examples, %zu models on %g of them each\n"
                "memorised: %.3f on average, %zu examples (%.1f %%) above .25; each known to +- "
                "%.2f\n\n",
                m->n, o->models, o->share, s.mean, s.quarter,
                100 * (double)s.quarter / (double)(s.known > 0 ? s.known : 1), s.error);
        table_print(&t, m->call->out);
    }
    table_clear(&t);
    return o->scores != NULL ? write_scores(m, o->scores) : EXIT_DONE;
}

/* ---- other ways ---- */

static eg_memorised_options models_of(const struct call *call, const eg_train_options *train,
                                      const eg_progress *progress)
{
    const struct measure *o = call->options;
    eg_memorised_options how = EG_MEMORISED_OPTIONS_INIT;
    how.models = o->models;
    how.share = o->share;
    how.seed = call->common->seed;
    how.threads = call->common->threads;
    how.train = train;
    how.progress = progress;
    return how;
}

static const struct column ease_columns[] = { { "of_examples", NULL },
                                              { "measured", "%.4f" },
                                              { "if_all_were_equal", "%.4f" } };

static int print_ease(const struct measured *m, const eg_ease *e)
{
    const struct measure *o = m->call->options;
    struct table t;
    table_begin(&t, "ease", ease_columns, 3);
    table_word(&t, "all models right");
    table_number(&t, e->always);
    table_number(&t, e->null_always);
    table_word(&t, "no model right");
    table_number(&t, e->never);
    table_number(&t, e->null_never);
    table_word(&t, "deviation of right models");
    table_number(&t, e->deviation);
    table_number(&t, e->null_deviation);
    if (m->call->common->json) {
        json_t *r = json_pack("{s:I,s:I,s:I,s:f,s:o}", "examples", (json_int_t)m->n, "models",
                              (json_int_t)o->models, "epochs", (json_int_t)o->easy, "accuracy",
                              e->accuracy, "ease", table_json(&t));
        print_json_line(m->call->out, r);
        json_decref(r);
    } else {
        fprintf(m->call->out,
                "%zu examples, %zu models of %zu epoch%s on all of them, %.1f %% right\n\n", m->n,
                o->models, o->easy, o->easy == 1 ? "" : "s", 100 * e->accuracy);
        table_print(&t, m->call->out);
    }
    table_clear(&t);
    return EXIT_DONE;
}

static int easy(struct measured *m, const char *spec, const eg_task *task)
{
    const struct measure *o = m->call->options;
    eg_train_options train = EG_TRAIN_OPTIONS_INIT;
    eg_ease e;
    struct bar bar;
    const eg_progress progress = bar_begin(&bar, m->call);
    const eg_memorised_options how = models_of(m->call, &train, &progress);
    uint32_t *right = need(m->n, sizeof *right);
    train.batch = o->loop.batch;
    train.epochs = o->easy;
    const eg_status s = eg_easy_examples(spec, task, &m->data.part[PART_TRAIN], &how, right, &e);
    bar_end(&bar);
    free(right);
    return s == EG_OK ? print_ease(m, &e) : fail(s, NULL);
}

static const struct column course_columns[] = { { "epoch", "%.0f" },
                                                { "gini_of_sensitivity", "%.4f" },
                                                { "critical_samples", "%.4f" } };

static int print_course(const struct measured *m, const double *gini, const double *critical,
                        size_t epochs)
{
    struct table t;
    table_begin(&t, "course", course_columns, 3);
    for (size_t e = 0; e < epochs; e++) {
        table_number(&t, (double)e + 1);
        table_number(&t, gini[e]);
        table_number(&t, critical[e]);
    }
    if (m->call->common->json) {
        json_t *r = json_pack("{s:I,s:o}", "examples", (json_int_t)m->n, "course", table_json(&t));
        print_json_line(m->call->out, r);
        json_decref(r);
    } else {
        fprintf(m->call->out,
                "%zu examples; critical: another answer within 30/255 of the inputs' range\n\n",
                m->n);
        table_print(&t, m->call->out);
    }
    table_clear(&t);
    return EXIT_DONE;
}

/* One learner on all of the examples, looked at after each epoch. */
static int course(struct measured *m, const char *spec, const eg_task *task)
{
    const struct measure *o = m->call->options;
    const eg_part *part = &m->data.part[PART_TRAIN];
    eg_train_options train = EG_TRAIN_OPTIONS_INIT;
    eg_attack_options search = EG_ATTACK_OPTIONS_INIT;
    eg_learner *l = NULL;
    struct bar bar;
    const eg_progress progress = bar_begin(&bar, m->call);
    double *gini = need(2 * task->epochs, sizeof *gini);
    search.lo = search.hi = (double)part->set->x[0];
    for (size_t i = 0; i < part->set->n * part->set->d; i++) {
        search.lo = fmin(search.lo, (double)part->set->x[i]);
        search.hi = fmax(search.hi, (double)part->set->x[i]);
    }
    search.seed = train.seed = m->call->common->seed;
    train.batch = o->loop.batch;
    train.progress = &progress;
    eg_status s = eg_learner_create(spec, task, train.seed, m->call->common->threads, NULL, &l);
    if (s == EG_OK)
        s = eg_sensitivity_course(l, part, &train, &search, m->score, gini, gini + task->epochs);
    bar_end(&bar);
    const int code =
        s == EG_OK ? print_course(m, gini, gini + task->epochs, task->epochs) : fail(s, NULL);
    eg_learner_destroy(l);
    free(gini);
    return code;
}

/* ---- the whole ---- */

static int scores(struct measured *m, const char *spec, const eg_task *task)
{
    const struct measure *o = m->call->options;
    eg_train_options train = EG_TRAIN_OPTIONS_INIT;
    struct bar bar;
    const eg_progress progress = bar_begin(&bar, m->call);
    const eg_memorised_options how = models_of(m->call, &train, &progress);
    train.batch = o->loop.batch;
    const eg_status s =
        eg_memorised(spec, task, &m->data.part[PART_TRAIN], NULL, &how, m->score, m->error, NULL);
    bar_end(&bar);
    if (s != EG_OK) return fail(s, NULL);
    for (size_t i = 0; i < m->n; i++) m->order[i] = (struct item){ m->score[i], i };
    qsort(m->order, m->n, sizeof *m->order, falling);
    return print_all(m);
}

static int look(struct measured *m)
{
    const struct measure *o = m->call->options;
    const eg_task task = task_of_set(&m->data.set, o->loop.epochs);
    const char *spec = NULL;
    const int code = learner_spec(m->call, &o->learner, &spec);
    if (code != EXIT_DONE) return code;
    return o->easy > 0 ? easy(m, spec, &task)
           : o->course ? course(m, spec, &task)
                       : scores(m, spec, &task);
}

int measure_memorisation(const struct call *call, const char *data)
{
    const struct measure *o = call->options;
    struct measured m = { .call = call };
    int code = training_data_read(call, data, &o->reader, &o->data, &m.data);
    if (code == EXIT_DONE) {
        m.n = m.data.part[PART_TRAIN].n;
        m.score = need(m.n, sizeof *m.score);
        m.error = need(m.n, sizeof *m.error);
        m.order = need(m.n, sizeof *m.order);
        if (o->shuffle > 0)
            say(call, "labels  of %zu examples drawn anew",
                shuffle_labels(call, &m.data.set, o->shuffle));
        code = look(&m);
    }
    free(m.score);
    free(m.error);
    free(m.order);
    training_data_clear(&m.data);
    return code;
}
