/* SPDX-License-Identifier: Apache-2.0 */
#include "experiments/lab.h"

#include <math.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void emit(const struct experiment_context *run, struct experiment_row row,
                 const char *format, va_list ap)
{
    char text[160];
    vsnprintf(text, sizeof text, format, ap);
    row.quantity = text;
    run->row(run->user, &row);
}

void lab_near(const struct experiment_context *run, double published, double measured,
              double tolerance, const char *quantity, ...)
{
    va_list ap;
    va_start(ap, quantity);
    emit(run,
         (struct experiment_row){ NULL, published, measured, published - tolerance,
                                  published + tolerance },
         quantity, ap);
    va_end(ap);
}

void lab_at_most(const struct experiment_context *run, double bound, double measured,
                 double tolerance, const char *quantity, ...)
{
    va_list ap;
    va_start(ap, quantity);
    emit(run, (struct experiment_row){ NULL, (double)NAN, measured, -INFINITY, bound + tolerance },
         quantity, ap);
    va_end(ap);
}

void lab_at_least(const struct experiment_context *run, double bound, double measured,
                  double tolerance, const char *quantity, ...)
{
    va_list ap;
    va_start(ap, quantity);
    emit(run, (struct experiment_row){ NULL, (double)NAN, measured, bound - tolerance, INFINITY },
         quantity, ap);
    va_end(ap);
}

void lab_reaches(const struct experiment_context *run, double published, double measured,
                 double tolerance, const char *quantity, ...)
{
    va_list ap;
    va_start(ap, quantity);
    emit(run, (struct experiment_row){ NULL, published, measured, published - tolerance, INFINITY },
         quantity, ap);
    va_end(ap);
}

void lab_beside(const struct experiment_context *run, double measured, const char *quantity, ...)
{
    va_list ap;
    va_start(ap, quantity);
    emit(run, (struct experiment_row){ NULL, (double)NAN, measured, -INFINITY, INFINITY }, quantity,
         ap);
    va_end(ap);
}

void lab_curve(const struct experiment_context *run, const char *text, size_t n, const double *x,
               const double *y, const double *theory, const char *series, ...)
{
    char words[240], name[80];
    va_list ap;
    va_start(ap, series);
    vsnprintf(name, sizeof name, series, ap);
    va_end(ap);
    snprintf(words, sizeof words, "%s", text);
    char *x_label = strchr(words, '|'),
         *y_label = x_label != NULL ? strchr(x_label + 1, '|') : NULL;
    if (y_label == NULL) return;
    *x_label++ = *y_label++ = '\0';
    const struct experiment_curve curve = { words, x_label, y_label, name, n, x, y, theory };
    run->curve(run->user, &curve);
}

double lab_share_error(double p, size_t n)
{
    const double shrunk = (p * (double)n + 1) / ((double)n + 2);
    return sqrt(shrunk * (1 - shrunk) / (double)n);
}

eg_status lab_images(const char *name, size_t most, eg_dataset *out)
{
    eg_read_options o = EG_READ_OPTIONS_INIT;
    o.max_items = most;
    LAB_TRY(eg_catalogue_read(name, &o, out));
    eg_dataset_scale(out, 0, 1.0f / 255);
    return EG_OK;
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

eg_status lab_train(const struct experiment_context *run, const char *name, const char *data,
                    eg_learner *l, const eg_dataset *set, const eg_dataset *rest,
                    const eg_train_options *o)
{
    const eg_part all = { set, NULL, set->n }, unseen = { rest, NULL, rest != NULL ? rest->n : 0 };
    const double begun = now();
    eg_train_result r;
    LAB_TRY(eg_train(l, &all, rest != NULL ? &unseen : NULL, o, &r));
    const struct experiment_learner told = { .name = name,
                                             .data = data,
                                             .spec = eg_learner_spec(l),
                                             .examples = set->n,
                                             .epochs = r.epochs,
                                             .batch = o->batch,
                                             .steps = r.steps,
                                             .loss = r.loss,
                                             .seconds = now() - begun,
                                             .resumed = r.resumed,
                                             .hash = r.hash };
    run->learned(run->user, &told);
    return EG_OK;
}

eg_status lab_timed_train(eg_learner *l, const eg_dataset *set, const eg_train_options *o,
                          double *seconds)
{
    const eg_part all = { set, NULL, set->n };
    const double begun = now();
    eg_train_result r;
    LAB_TRY(eg_train(l, &all, NULL, o, &r));
    *seconds = now() - begun;
    return EG_OK;
}

enum { AT_ONCE = 64 };

/* Pictures from i on; *out, NULL before, is for all of them. */
static eg_status some_on_tape(const eg_dataset *set, size_t i, eg_tape *t,
                              eg_var (*f)(eg_tape *t, eg_var x, const void *user), const void *user,
                              eg_shape *shape, float **out)
{
    const size_t n = set->n - i < AT_ONCE ? set->n - i : AT_ONCE;
    const eg_shape in = eg_shape_of(n, set->channels, set->height, set->width);
    eg_tape_reset(t);
    const eg_var y = f(t, eg_input(t, EG_F32, &in, set->x + i * set->d), user);
    const float *v = eg_tape_value(t, y);
    if (v == NULL) return eg_tape_status(t);
    *shape = eg_tape_shape(t, y);
    const size_t each = eg_shape_size(shape) / n;
    if (*out == NULL) *out = lab_floats(set->n * each);
    if (*out == NULL) return lab_no_memory();
    memcpy(*out + i * each, v, n * each * sizeof *v);
    return EG_OK;
}

eg_status lab_on_tape(const struct experiment_context *run, eg_dataset *set,
                      eg_var (*f)(eg_tape *t, eg_var x, const void *user), const void *user)
{
    eg_shape shape = { .rank = 0 };
    eg_tape *t = NULL;
    float *out = NULL;
    eg_status s = eg_tape_create(run->threads, NULL, &t);
    for (size_t i = 0; i < set->n && s == EG_OK; i += AT_ONCE)
        s = some_on_tape(set, i, t, f, user, &shape, &out);
    eg_tape_destroy(t);
    if (s != EG_OK || out == NULL) {
        free(out);
        return s;
    }
    free(set->x);
    set->x = out;
    set->channels = shape.dim[1];
    set->height = shape.dim[2];
    set->width = shape.dim[3];
    set->d = set->channels * set->height * set->width;
    return EG_OK;
}

float *lab_floats(size_t count)
{
    return count <= SIZE_MAX / sizeof(float) ? malloc(count > 0 ? count * sizeof(float) : 1) : NULL;
}

eg_status lab_no_memory(void)
{
    return EG_ERR_NOMEM;
}

eg_status lab_memory(eg_storage storage, const eg_rule *rule, const float *patterns, size_t n,
                     size_t d, eg_memory **out)
{
    eg_memory_options o = EG_MEMORY_OPTIONS_INIT;
    o.storage = storage;
    o.rule = *rule;
    eg_memory *m = NULL;
    LAB_TRY(eg_memory_create(d, &o, &m));
    const eg_status s = eg_memory_add(m, patterns, n, NULL);
    if (s != EG_OK) {
        eg_memory_destroy(m);
        return s;
    }
    *out = m;
    return EG_OK;
}

static void tally(const float *states, const float *patterns, const eg_certificate *certificate,
                  size_t n, size_t k, size_t starts, struct lab_starts *out)
{
    *out = (struct lab_starts){ 0 };
    for (size_t b = 0; b < LAB_BINS; b++) out->bin[b] = (double)b / (LAB_BINS - 1);
    for (size_t t = 0; t < starts; t++) {
        double best = 0; /* |overlap|: a mirror image is a minimum of even energies too */
        for (size_t i = 0; i < k && best < 1; i++) {
            double dot = 0;
            for (size_t j = 0; j < n; j++) dot += (double)(states[t * n + j] * patterns[i * n + j]);
            best = fmax(best, fabs(dot) / (double)n);
            if (certificate[t].exact) best = 1;
        }
        out->recovered += best >= 1 ? 1 : 0;
        out->overlap += best;
        out->histogram[(size_t)(best * (LAB_BINS - 1) + 0.5)] += 1 / (double)starts;
    }
    out->recovered /= (double)starts;
    out->overlap /= (double)starts;
}

eg_status lab_random_starts(const struct experiment_context *run, eg_rule rule, size_t n, size_t k,
                            size_t starts, uint64_t seed, struct lab_starts *out)
{
    float *patterns = lab_floats(k * n), *states = lab_floats(starts * n);
    eg_certificate *certificate = calloc(starts, sizeof *certificate);
    eg_memory *m = NULL;
    rule.similarity = EG_SIM_DOT;
    rule.projection = EG_PROJ_SIGN;
    eg_status s =
        patterns != NULL && states != NULL && certificate != NULL ? EG_OK : lab_no_memory();
    if (s == EG_OK) {
        eg_random_sign(seed, 0, 0, k * n, patterns);
        eg_random_sign(seed, 1, 0, starts * n, states);
        s = lab_memory(EG_STORE_BITS, &rule, patterns, k, n, &m);
    }
    if (s == EG_OK) {
        eg_recall_options o = EG_RECALL_OPTIONS_INIT;
        o.dynamics = EG_DYN_ASYNC;
        o.order = EG_ORDER_RANDOM;
        o.seed = seed;
        o.threads = run->threads;
        o.progress = run->progress;
        s = eg_memory_recall(m, states, starts, &o, states, certificate);
    }
    if (s == EG_OK) tally(states, patterns, certificate, n, k, starts, out);
    eg_memory_destroy(m);
    free(certificate);
    free(states);
    free(patterns);
    return s;
}
