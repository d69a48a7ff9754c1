/* Attacks on N images: checks, defaults, batches. What an attack does to a batch is in
 * attack_climb.c, what a row does to an image in attack_rows.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "engram/random.h"
#include "measure/egi_attack.h"

enum { STREAM_NOISE = 0x41545430 }; /* "ATT0" */

const eg_attack_info *eg_attack_row(size_t row)
{
    for (size_t i = 0; egi_attack_rows[i] != NULL; i++)
        if (i == row) return &egi_attack_rows[i]->info;
    return NULL;
}

int eg_attack_find(const char *name)
{
    for (int i = 0; name != NULL && egi_attack_rows[i] != NULL; i++)
        if (strcmp(egi_attack_rows[i]->info.name, name) == 0) return i;
    return -1;
}

static eg_status check_numbers(const eg_attack_options *o, const eg_attack_info *row)
{
    if (!((float)o->lo < (float)o->hi) || !isfinite((float)o->lo) || !isfinite((float)o->hi))
        return egi_fail(EG_ERR_INVALID, "eg_attack_options: box [%g, %g], expected lo < hi", o->lo,
                        o->hi);
    if (!(o->eps >= 0) || !isfinite(o->eps) || (o->eps > 0 && !(row->eps > 0)))
        return egi_fail(EG_ERR_INVALID, "eg_attack_options: eps = %g, expected %s", o->eps,
                        row->eps > 0 ? "a radius >= 0" : "0: this attack has no ball");
    if (!(o->step >= 0) || !isfinite(o->step) || (o->step > 0 && !(row->step > 0)))
        return egi_fail(EG_ERR_INVALID, "eg_attack_options: step = %g, expected %s", o->step,
                        row->step > 0 ? "a length >= 0" : "0: this attack finds its own");
    if (!(o->overshoot >= 0 && o->overshoot <= 1))
        return egi_fail(EG_ERR_INVALID, "eg_attack_options: overshoot = %g, expected 0..1",
                        o->overshoot);
    if (!(o->confidence >= 0) || (isinf(o->confidence) && !(row->step > 0)))
        return egi_fail(EG_ERR_INVALID, "eg_attack_options: confidence = %g, expected >= 0%s",
                        o->confidence, row->step > 0 ? "" : " and finite");
    return EG_OK;
}

static eg_status check_options(const eg_attack_options *o, const eg_task *task)
{
    if (o->size != sizeof *o)
        return egi_fail(EG_ERR_INVALID, "eg_attack_options: size %zu, expected %zu", o->size,
                        sizeof *o);
    const eg_attack_info *row = eg_attack_row(o->row);
    if (row == NULL)
        return egi_fail(EG_ERR_INVALID, "eg_attack_options: row %zu, past the end of the table",
                        o->row);
    EGI_TRY(check_numbers(o, row));
    if (o->target < -1 || o->target >= (int64_t)task->classes)
        return egi_fail(EG_ERR_INVALID, "eg_attack_options: target %d, expected -1..%zu",
                        (int)o->target, task->classes - 1);
    if (o->batch < 1 || o->batch > 1u << 20 || o->steps > 1u << 30)
        return egi_fail(EG_ERR_INVALID,
                        "eg_attack_options: batch %zu, steps %zu, expected 1..2^20, 0..2^30",
                        o->batch, o->steps);
    return EG_OK;
}

static eg_status check_labels(const int32_t *labels, size_t n, size_t classes)
{
    for (size_t i = 0; i < n; i++)
        if (labels[i] < 0 || (size_t)labels[i] >= classes)
            return egi_fail(EG_ERR_INVALID, "image %zu: label %d, expected 0..%zu", i,
                            (int)labels[i], classes - 1);
    return EG_OK;
}

static eg_status check_pixels(const eg_attack_options *o, const float *x, size_t n, size_t d)
{
    for (size_t i = 0; i < n * d; i++)
        if (!(x[i] >= (float)o->lo && x[i] <= (float)o->hi))
            return egi_fail(EG_ERR_INVALID,
                            "image %zu, component %zu: %g, expected a value in the box [%g, %g]",
                            i / d, i % d, (double)x[i], o->lo, o->hi);
    return EG_OK;
}

/* The row's own numbers where the caller gave none. */
static eg_attack_options filled(const eg_attack_options *o, const eg_attack_info *row, double width)
{
    eg_attack_options f = *o;
    if (f.steps == 0) f.steps = row->steps;
    if (f.eps == 0) f.eps = row->eps * width;
    if (f.step == 0) f.step = row->eps > 0 ? f.eps * (row->step / row->eps) : row->step * width;
    return f;
}

static void meet(struct egi_attack *a, const float *x, const int32_t *labels, size_t b)
{
    for (size_t i = 0; i < b; i++) {
        const size_t at = a->base + i;
        struct egi_victim *v = &a->victim[i];
        *v = (struct egi_victim){ .at = i,
                                  .draw = a->o.index != NULL ? a->o.index[at] : at,
                                  .label = labels[at],
                                  .target = a->o.target };
        a->out.records[at] = (eg_attack_record){ .boundary_l2 = NAN, .boundary_linf = NAN };
        float *origin = a->origin + i * a->d;
        if (a->row->info.noise) {
            const float lo = (float)a->o.lo, side = (float)(a->o.hi - a->o.lo);
            if (v->target < 0) v->target = v->label;
            eg_random_uniform(a->o.seed, STREAM_NOISE, v->draw * a->d, a->d, origin);
            for (size_t j = 0; j < a->d; j++)
                origin[j] = fminf(lo + side * origin[j], (float)a->o.hi);
        } else {
            memcpy(origin, x + at * a->d, a->d * sizeof *origin);
        }
    }
}

static eg_status run_batches(struct egi_attack *a, const float *x, const int32_t *labels, size_t n)
{
    if (a->out.trace != NULL)
        for (size_t i = 0; i < n * (a->o.steps + 1) * 2; i++) a->out.trace[i] = NAN;
    for (a->base = 0; a->base < n; a->base += a->o.batch) {
        const size_t b = n - a->base < a->o.batch ? n - a->base : a->o.batch;
        meet(a, x, labels, b);
        EGI_TRY(egi_attack_climb(a, b));
    }
    return egi_report(a->o.progress, a->row->info.name, n, n);
}

/* The arrays of a batch of `most` images. */
static eg_status make_room(struct egi_attack *a, size_t most, size_t n, struct egi_arena *arena)
{
    enum { ARRAYS = 7 };
    float **const array[ARRAYS] = { &a->x,      &a->before, &a->grad, &a->near,
                                    &a->origin, &a->last,   &a->first };
    size_t pixels, all;
    EGI_TRY(egi_mul_size(most, a->d, &pixels));
    EGI_TRY(egi_mul_size(pixels, ARRAYS, &all));
    const struct egi_need needs[] = { { all, sizeof(float) },
                                      { most * a->k, sizeof(float) },
                                      { most * a->k, sizeof(float) },
                                      { most, sizeof(struct egi_victim) },
                                      { a->out.records != NULL ? 1 : n,
                                        sizeof(eg_attack_record) } };
    EGI_TRY(egi_arena_create(a->o.alloc, needs, EGI_COUNT(needs), "attack", arena));
    for (size_t i = 0; i < ARRAYS; i++) *array[i] = (float *)arena->part[0] + i * pixels;
    a->scores = arena->part[1];
    a->cotangent = arena->part[2];
    a->victim = arena->part[3];
    if (a->out.records == NULL) a->out.records = arena->part[4];
    return EG_OK;
}

eg_status eg_attack_run(eg_learner *l, const float *x, const int32_t *labels, size_t n,
                        const eg_attack_options *options, const eg_attack_output *out)
{
    if (l == NULL || x == NULL || labels == NULL || n == 0 || options == NULL || out == NULL)
        return egi_fail(EG_ERR_INVALID, "eg_attack_run: learner, x, labels, options, out: NULL, or "
                                        "no image");
    const eg_task *task = eg_learner_task(l);
    EGI_TRY(check_options(options, task));
    EGI_TRY(check_labels(labels, n, task->classes));
    EGI_TRY(check_pixels(options, x, n, task->inputs));
    struct egi_attack a = { .l = l,
                            .row = egi_attack_rows[options->row],
                            .d = task->inputs,
                            .k = task->classes,
                            .total = n,
                            .out = *out };
    a.width = (options->hi - options->lo) * (a.row->l2 ? sqrt((double)a.d) : 1);
    a.o = filled(options, &a.row->info, a.width);
    if (a.o.alloc == NULL) a.o.alloc = eg_allocator_default();
    struct egi_arena arena;
    EGI_TRY(make_room(&a, n < a.o.batch ? n : a.o.batch, n, &arena));
    const eg_status s = run_batches(&a, x, labels, n);
    egi_arena_destroy(&arena);
    return s;
}
