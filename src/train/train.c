/* The loop: batches in the order of the loader, a record of each epoch, checkpoints by the clock.
 *
 * What the next step depends on is the learner (parameters and state), struct egi_progress and
 * the data: a checkpoint holds the first two and the hash of the third. The clock decides when
 * one is written, and nothing else. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/egi_file.h"
#include "nn/egi_learner.h"
#include "tensor/egi_params.h"
#include "train/egi_train.h"

struct session {
    eg_learner *l;
    const eg_part *valid;
    eg_train_options o;
    struct egi_loader loader;
    struct egi_checkpoint files;
    struct egi_progress p;
    eg_run *run;
    eg_params *best;
    char *decisive, *config;
    double begun, saved; /* seconds of the clock */
    size_t first_step;
    int resumed;
};

static double clock_now(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void note(struct session *s, const char *text)
{
    if (s->run != NULL) eg_run_log(s->run, text);
}

/* A failure in or after a step (from 1), with its place in front of its detail. */
static eg_status place(struct session *s, eg_status failure, size_t step)
{
    char why[400], line[512];
    const size_t epoch = step > 0 ? (step - 1) / s->loader.batches + 1 : 1;
    snprintf(why, sizeof why, "%s", eg_error_detail());
    snprintf(line, sizeof line, "step %zu, epoch %zu: %s", step, epoch, why);
    note(s, line);
    return egi_fail(failure, "%s", line);
}

/* ---- records ---- */

static eg_status save_model(struct session *s)
{
    char model[EGI_PATH_MAX];
    snprintf(model, sizeof model, "%s/model.safetensors", s->o.folder);
    return eg_learner_save(s->l, model);
}

/* EG_ERR_DIVERGED where a number that was learned is not finite, or a score of the examples that
 * come next: finite numbers may overflow on their way to scores. */
static eg_status good(struct session *s)
{
    void *scores;
    EGI_TRY(egi_learner_finite(s->l));
    const int ended = s->p.at == s->loader.batches;
    const eg_examples b =
        egi_loader_batch(&s->loader, s->p.epoch + (size_t)ended, ended ? 0 : s->p.at);
    const size_t k = s->l->task.classes;
    EGI_TRY(egi_alloc_array(s->o.alloc, b.n, k * sizeof(float), "scores", &scores));
    eg_status e = b.offset != NULL ? eg_learner_scores_bags(s->l, &b, scores)
                                   : eg_learner_scores(s->l, b.x, b.n, scores);
    const float *z = scores;
    for (size_t i = 0; i < b.n * k && e == EG_OK; i++)
        if (!isfinite(z[i])) e = egi_fail(EG_ERR_DIVERGED, "a score is %g", (double)z[i]);
    egi_free(s->o.alloc, scores, b.n * k * sizeof(float));
    return e;
}

static eg_status checkpoint(struct session *s)
{
    const eg_status e = good(s);
    if (e != EG_OK) return place(s, e, s->p.step);
    if (s->o.folder == NULL) return EG_OK;
    EGI_TRY(egi_run_sync(s->run, &s->p.metrics_end, &s->p.events_end));
    EGI_TRY(egi_checkpoint_write(&s->files, &s->p));
    s->saved = clock_now(CLOCK_MONOTONIC);
    return s->best == NULL ? save_model(s) : EG_OK;
}

static eg_status checkpoint_if_due(struct session *s)
{
    if (s->o.folder == NULL || clock_now(CLOCK_MONOTONIC) - s->saved < s->o.checkpoint_seconds)
        return EG_OK;
    return checkpoint(s);
}

/* After training diverged: the newest checkpoint that has a finite score for every example is
 * what is kept, as checkpoint and as model; newer ones go. Those were good for the examples that
 * came next, and need not be for all. */
static void keep_good(struct session *s)
{
    char told[EGI_TOLD_MAX], line[100], model[EGI_PATH_MAX];
    eg_scored scored = { .n = 0 };
    struct egi_progress p;
    eg_status found;
    while ((found = egi_checkpoint_read(&s->files, s->o.alloc, &p, told)) == EG_OK) {
        eg_status e = egi_learner_finite(s->l);
        if (e == EG_OK) e = eg_evaluate(s->l, &s->loader.part, s->o.batch, NULL, &scored);
        if (e == EG_OK && s->best == NULL) e = save_model(s);
        snprintf(line, sizeof line, "kept is the checkpoint of step %zu", p.step);
        if (e == EG_OK) note(s, line);
        if (e != EG_ERR_DIVERGED || egi_checkpoint_drop(&s->files, p.step) != EG_OK) return;
    }
    if (found != EG_NOT_FOUND && found != EG_ERR_CORRUPT) { /* who cannot read does not judge */
        note(s, eg_error_detail());
        return;
    }
    note(s, "no checkpoint is good; none is kept");
    snprintf(model, sizeof model, "%s/model.safetensors", s->o.folder);
    if (s->best == NULL) unlink(model);
}

static void measure(struct session *s, json_t *line, const char *name, double value)
{
    char tag[64];
    json_object_set_new(line, name, isfinite(value) ? json_real(value) : json_null());
    snprintf(tag, sizeof tag, "train/%s", name);
    eg_run_scalar(s->run, tag, s->p.step, clock_now(CLOCK_REALTIME), (float)value);
}

/* One line of metrics. scored: NULL where nothing was evaluated. */
static void record(struct session *s, size_t epoch, double loss, const eg_scored *scored)
{
    if (s->run == NULL) return;
    json_t *line =
        json_pack("{s:I, s:I}", "step", (json_int_t)s->p.step, "epoch", (json_int_t)epoch);
    measure(s, line, "loss", loss);
    if (scored != NULL) {
        measure(s, line, "accuracy", scored->accuracy);
        measure(s, line, "auc", scored->auc);
        json_object_set_new(line, "errors", json_integer((json_int_t)scored->errors));
        json_object_set_new(line, "examples", json_integer((json_int_t)scored->n));
    }
    json_object_set_new(line, "seconds", json_real(clock_now(CLOCK_MONOTONIC) - s->begun));
    char *text = json_dumps(line, JSON_REAL_PRECISION(10));
    if (text != NULL) eg_run_metric(s->run, text);
    free(text);
    json_decref(line);
}

/* ---- one epoch ---- */

static eg_status keep_best(struct session *s)
{
    if (s->best == NULL) return EG_OK;
    EGI_TRY(eg_params_copy(s->best, eg_learner_params(s->l)));
    return s->o.folder != NULL ? save_model(s) : EG_OK;
}

static eg_status evaluate(struct session *s, eg_scored *scored)
{
    const size_t epoch = s->p.epoch + 1;
    const eg_status e = eg_evaluate(s->l, s->valid, s->o.batch, NULL, scored);
    if (e != EG_OK) return place(s, e, s->p.step);
    const double value = s->o.by_auc ? scored->auc : scored->accuracy;
    s->p.since_best++;
    if (s->p.best_epoch == 0 || value > s->p.best) { /* a NaN is not better */
        s->p.best_epoch = epoch;
        s->p.since_best = 0;
        s->p.best = isfinite(value) ? value : -1;
        EGI_TRY(keep_best(s));
    }
    s->p.stopped = s->o.patience > 0 && s->p.since_best >= s->o.patience;
    return EG_OK;
}

/* Where weights leap, the running statistics of norms follow too late: a connection of a first
 * layer that came in the last steps moves the input of the next by its own deviation, and a network
 * that errs on 44 % of examples by its batches' statistics errs on 63 % by those. They are taken
 * anew of the epoch's first batches before anything is evaluated. */
static eg_status settle(struct session *s)
{
    enum { BATCHES = 16 };
    const size_t most = s->loader.batches < BATCHES ? s->loader.batches : BATCHES;
    for (size_t k = 0; s->l->settles && k < most; k++) {
        const eg_examples b = egi_loader_batch(&s->loader, s->p.epoch, k);
        const eg_status e = egi_learner_settle(s->l, &b, k + 1);
        if (e != EG_OK) return place(s, e, s->p.step);
    }
    return EG_OK;
}

static eg_status end_epoch(struct session *s)
{
    eg_scored scored = { .n = 0 };
    const size_t epoch = s->p.epoch + 1;
    EGI_TRY(settle(s));
    const int last = epoch == s->o.epochs;
    const int due = s->valid != NULL && (epoch % s->o.evaluate_every == 0 || last);
    if (due) EGI_TRY(evaluate(s, &scored));
    s->p.loss = s->p.loss_sum / (double)s->p.shown;
    record(s, epoch, s->p.loss, due ? &scored : NULL);
    s->p.loss_sum = 0;
    s->p.shown = s->p.at = 0;
    s->p.epoch++;
    return EG_OK;
}

/* What the weights are now, for who observes them. */
static eg_status observe(struct session *s)
{
    if (s->o.two_time == NULL) return EG_OK;
    return eg_two_time_see(s->o.two_time, eg_learner_params(s->l), s->p.step);
}

static eg_status one_step(struct session *s)
{
    struct egi_loader *d = &s->loader;
    double loss = 0;
    const double epoch = (double)s->p.epoch + (double)s->p.at / (double)d->batches;
    const eg_examples b = egi_loader_batch(d, s->p.epoch, s->p.at);
    const eg_status e = b.offset != NULL ? eg_learner_step_bags(s->l, epoch, &b, &loss)
                                         : eg_learner_step(s->l, epoch, b.x, b.y, b.n, &loss);
    if (e != EG_OK) return place(s, e, s->p.step + 1);
    s->p.loss_sum += loss * (double)b.n;
    s->p.shown += b.n;
    s->p.at++;
    s->p.step++;
    if (s->o.metric_steps > 0 && s->p.step % s->o.metric_steps == 0)
        record(s, s->p.epoch, loss, NULL);
    return observe(s);
}

static eg_status interrupted(struct session *s)
{
    char line[EGI_PATH_MAX + 100];
    EGI_TRY(checkpoint(s));
    snprintf(line, sizeof line, "interrupted after step %zu%s%s", s->p.step,
             s->o.folder != NULL ? "; a checkpoint lies in " : "",
             s->o.folder != NULL ? s->o.folder : "");
    note(s, line);
    return egi_fail(EG_ERR_INTERRUPTED, "%s", line);
}

static eg_status loop(struct session *s)
{
    const uint64_t total = (uint64_t)s->o.epochs * s->loader.batches;
    while (s->p.epoch < s->o.epochs && !s->p.stopped) {
        if (s->p.at == s->loader.batches) {
            EGI_TRY(end_epoch(s));
            continue;
        }
        EGI_TRY(one_step(s));
        EGI_TRY(checkpoint_if_due(s));
        if (egi_report(s->o.progress, "train", s->p.step, total) != EG_OK
            || (s->o.stop_after > 0 && s->p.step - s->first_step >= s->o.stop_after))
            return interrupted(s);
    }
    EGI_TRY(checkpoint(s));
    return s->best != NULL && s->p.best_epoch > 0 ? eg_params_copy(eg_learner_params(s->l), s->best)
                                                  : EG_OK;
}

/* Of a kind that is fitted: one epoch of one step, whose loss is not defined. It has no
 * checkpoints: a run that goes on fits again, to the same bits. */
static eg_status fit(struct session *s, const eg_part *train)
{
    eg_examples all;
    struct egi_arena arena;
    EGI_TRY(egi_report(s->o.progress, "train", 0, 1));
    EGI_TRY(egi_part_gather(train, s->o.alloc, &arena, &all));
    const eg_status e = eg_learner_fit(s->l, &all);
    egi_arena_destroy(&arena);
    if (e != EG_OK) return place(s, e, 1);
    s->p.step = s->p.shown = 1;
    s->p.loss_sum = (double)NAN;
    EGI_TRY(end_epoch(s));
    (void)egi_report(s->o.progress, "train", 1, 1); /* there is nothing left to end */
    return s->o.folder != NULL ? save_model(s) : EG_OK;
}

/* ---- the whole ---- */

static eg_status check_options(const eg_learner *l, const eg_train_options *in, eg_train_options *o)
{
    *o = (eg_train_options)EG_TRAIN_OPTIONS_INIT;
    if (in != NULL && in->size != sizeof *o)
        return egi_fail(EG_ERR_INVALID, "eg_train_options.size is %zu, expected %zu", in->size,
                        sizeof *o);
    if (in != NULL) *o = *in;
    if (o->epochs == 0) o->epochs = l->task.epochs;
    if (eg_learner_fits(l)) {
        o->epochs = 1;
        o->patience = 0;
        if (o->two_time != NULL)
            return egi_fail(EG_ERR_INVALID, "eg_train: learner %s has no steps to observe",
                            l->row->kind.name);
        if (o->augment.shift > 0 || o->augment.flip > 0)
            return egi_fail(EG_ERR_INVALID, "eg_train: learner %s sees each example once, as it is",
                            l->row->kind.name);
    }
    if (o->alloc == NULL) o->alloc = eg_allocator_default();
    if (o->batch == 0 || o->evaluate_every == 0 || o->epochs > UINT32_MAX)
        return egi_fail(EG_ERR_INVALID,
                        "eg_train: batch %zu, evaluate_every %zu, expected 1 or more", o->batch,
                        o->evaluate_every);
    if (!(o->augment.flip >= 0 && o->augment.flip <= 1) || !isfinite(o->augment.fill))
        return egi_fail(EG_ERR_INVALID, "eg_train: flip %g, fill %g, expected 0..1 and a number",
                        o->augment.flip, (double)o->augment.fill);
    if (!(o->checkpoint_seconds >= 0))
        return egi_fail(EG_ERR_INVALID, "eg_train: checkpoint_seconds %g, expected 0 or more",
                        o->checkpoint_seconds);
    if (o->folder != NULL && strlen(o->folder) + 100 > EGI_PATH_MAX)
        return egi_fail(EG_ERR_INVALID, "folder name of %zu bytes is too long", strlen(o->folder));
    return EG_OK;
}

/* The folder, and what it holds of an earlier call. */
static eg_status open_folder(struct session *s)
{
    char told[EGI_TOLD_MAX], line[EGI_TOLD_MAX + 64];
    eg_params *seen = s->o.two_time != NULL ? eg_two_time_state(s->o.two_time) : NULL;
    if (s->o.folder == NULL) return EG_OK;
    s->files = (struct egi_checkpoint){ s->o.folder, s->l, s->best, seen, s->decisive };
    EGI_TRY(eg_run_open(s->o.folder, s->config, s->l->threads, s->o.resume, s->o.alloc, &s->run));
    if (eg_learner_fits(s->l)) return egi_run_cut(s->run, 0, SIZE_MAX);
    const eg_status e =
        s->o.resume ? egi_checkpoint_read(&s->files, s->o.alloc, &s->p, told) : EG_NOT_FOUND;
    if (e < 0) return e;
    if (e == EG_NOT_FOUND) {
        EGI_TRY(egi_run_cut(s->run, 0, SIZE_MAX));
        note(s, "begun");
        return checkpoint(s);
    }
    if (told[0] != '\0') note(s, told);
    EGI_TRY(egi_run_cut(s->run, s->p.metrics_end, s->p.events_end));
    snprintf(line, sizeof line, "goes on after step %zu", s->p.step);
    note(s, line);
    s->resumed = 1;
    return EG_OK;
}

static eg_status clone(const eg_params *p, const eg_allocator *alloc, eg_params **out)
{
    const eg_param *x;
    EGI_TRY(eg_params_create(alloc, out));
    for (size_t i = 0; (x = eg_params_at(p, i)) != NULL; i++)
        EGI_TRY(egi_params_append(*out, x->name, x->dtype, &x->shape, NULL));
    return EG_OK;
}

static eg_status run_session(struct session *s, const eg_part *train)
{
    EGI_TRY(egi_loader_create(train, s->o.batch, s->o.seed, &s->o.augment, s->o.alloc, &s->loader));
    EGI_TRY(egi_train_config(s->l, train, s->valid, &s->o, &s->decisive, &s->config));
    if (s->o.patience > 0) EGI_TRY(clone(eg_learner_params(s->l), s->o.alloc, &s->best));
    s->begun = s->saved = clock_now(CLOCK_MONOTONIC);
    EGI_TRY(observe(s));
    EGI_TRY(open_folder(s));
    s->first_step = s->p.step;
    return eg_learner_fits(s->l) ? fit(s, train) : loop(s);
}

static void describe(const struct session *s, eg_train_result *out)
{
    *out = (eg_train_result){ .steps = s->p.step,
                              .epochs = s->p.epoch,
                              .loss = s->p.loss,
                              .best_epoch = s->p.best_epoch,
                              .best = s->p.best,
                              .stopped_early = s->p.stopped != 0,
                              .resumed = s->resumed,
                              .hash = eg_params_hash(eg_learner_params(s->l)) };
}

eg_status eg_train(eg_learner *l, const eg_part *train, const eg_part *valid,
                   const eg_train_options *options, eg_train_result *out)
{
    struct session s = { .l = l, .valid = valid };
    char why[512], line[64];
    if (l == NULL) return egi_fail(EG_ERR_INVALID, "eg_train: no learner");
    EGI_TRY(check_options(l, options, &s.o));
    EGI_TRY(egi_part_check(train, "eg_train", eg_learner_task(l)));
    if (valid != NULL) EGI_TRY(egi_part_check(valid, "evaluation", eg_learner_task(l)));
    if (s.o.patience > 0 && valid == NULL)
        return egi_fail(EG_ERR_INVALID, "eg_train: patience needs examples to evaluate on");
    if (s.o.patience > 0 && s.o.by_auc && egi_part_classes(valid, l->task.classes) < 2)
        return egi_fail(EG_ERR_INVALID,
                        "eg_train: patience by area under the ROC curve needs examples of two "
                        "classes or more to evaluate on; the %zu are of one",
                        valid->n);
    eg_status e = run_session(&s, train);
    if (e == EG_OK) {
        snprintf(line, sizeof line, "ended after step %zu", s.p.step);
        note(&s, line);
        if (out != NULL) describe(&s, out);
    }
    snprintf(why, sizeof why, "%s", eg_error_detail());
    if (e == EG_ERR_DIVERGED && s.run != NULL && !eg_learner_fits(l)) keep_good(&s);
    const eg_status closed = eg_run_close(s.run);
    if (e != EG_OK)
        e = egi_fail(e, "%s", why); /* closing may have said something else */
    else
        e = closed;
    egi_loader_clear(&s.loader);
    eg_params_destroy(s.best);
    free(s.decisive);
    free(s.config);
    return e;
}
