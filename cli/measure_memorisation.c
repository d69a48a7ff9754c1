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

/* ---- the whole ---- */

static int train_all(struct measured *m)
{
    const struct measure *o = m->call->options;
    const eg_task task = task_of_set(&m->data.set, o->loop.epochs);
    eg_memorised_options how = EG_MEMORISED_OPTIONS_INIT;
    eg_train_options train = EG_TRAIN_OPTIONS_INIT;
    const char *spec = NULL;
    struct bar bar;
    const int code = learner_spec(m->call, &o->learner, &spec);
    if (code != EXIT_DONE) return code;
    const eg_progress progress = bar_begin(&bar, m->call);
    train.batch = o->loop.batch;
    how.models = o->models;
    how.share = o->share;
    how.seed = m->call->common->seed;
    how.threads = m->call->common->threads;
    how.train = &train;
    how.progress = &progress;
    const eg_status s =
        eg_memorised(spec, &task, &m->data.part[PART_TRAIN], NULL, &how, m->score, m->error, NULL);
    bar_end(&bar);
    return s == EG_OK ? EXIT_DONE : fail(s, NULL);
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
        code = train_all(&m);
    }
    for (size_t i = 0; i < m.n; i++) m.order[i] = (struct item){ m.score[i], i };
    if (code == EXIT_DONE) qsort(m.order, m.n, sizeof *m.order, falling);
    if (code == EXIT_DONE) code = print_all(&m);
    free(m.score);
    free(m.error);
    free(m.order);
    training_data_clear(&m.data);
    return code;
}
