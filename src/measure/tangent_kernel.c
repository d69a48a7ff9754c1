/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "kernel/egi_kernel_gemm.h"
#include "measure/egi_tangent.h"

void eg_tangent_relu(double rho, size_t hidden, double *sigma, double *theta)
{
    const double pi = acos(-1);
    double s = rho >= -1 && rho <= 1 ? rho : (double)NAN, t = s;
    for (size_t i = 0; i < hidden; i++) {
        const double turned = pi - acos(s), before = s;
        s = (before * turned + sqrt(1 - before * before)) / pi;
        if (s > 1) s = 1; /* by rounding */
        t = t * turned / pi + s;
    }
    if (sigma != NULL) *sigma = s;
    if (theta != NULL) *theta = t;
}

double eg_tangent_change(const float *before, const float *after, size_t n)
{
    double apart = 0, all = 0;
    for (size_t i = 0; i < n; i++) {
        const double b = (double)before[i], d = (double)after[i] - b;
        apart += d * d;
        all += b * b;
    }
    return sqrt(apart / all);
}

double egi_tangent_scale(const eg_param *p, int normalised)
{
    const size_t rows = p->shape.rank > 1 ? p->shape.dim[0] : 0;
    const size_t fan_in = rows > 0 ? eg_shape_size(&p->shape) / rows : 0;
    return normalised && fan_in > 0 ? sqrt(2.0 / (double)fan_in) : 1;
}

static eg_status check(struct egi_tangent *t, size_t classes)
{
    const size_t outputs = t->o.output == SIZE_MAX ? classes : 1;
    t->each = t->o.apart ? outputs : 1;
    t->turns = outputs / t->each;
    t->first = t->o.output == SIZE_MAX ? 0 : t->o.output;
    EGI_TRY(egi_mul_size(t->r.part->n, t->each, &t->n));
    const size_t one = t->r.n * sizeof(float);
    t->block = t->o.bytes / 2 / one;
    if (t->block > t->n) t->block = t->n;
    if (t->block == 0)
        return egi_fail(EG_ERR_INVALID,
                        "eg_tangent_kernel: %zu bytes, expected %zu or more: two gradients by %zu "
                        "numbers",
                        t->o.bytes, 2 * one, t->r.n);
    if (t->o.output != SIZE_MAX && t->o.output >= classes)
        return egi_fail(EG_ERR_INVALID, "eg_tangent_kernel: output %zu, expected 0 to %zu",
                        t->o.output, classes - 1);
    return EG_OK;
}

static eg_status fill(struct egi_tangent *t, size_t classes)
{
    EGI_TRY(check(t, classes));
    const struct egi_need needs[] = { { t->r.arrays, sizeof(float) },
                                      { t->block * t->r.n, sizeof(float) },
                                      { t->block * t->r.n, sizeof(float) },
                                      { classes, sizeof(float) } };
    EGI_TRY(egi_arena_create(t->r.alloc, needs, 4, "tangent kernel", &t->arena));
    t->scale = t->arena.part[0];
    t->rows = t->arena.part[1];
    t->others = t->arena.part[2];
    t->seed = t->arena.part[3];
    for (size_t k = 0; k < t->r.arrays; k++)
        t->scale[k] = (float)egi_tangent_scale(eg_params_at(t->r.l->params, k), t->o.normalised);
    return EG_OK;
}

eg_status egi_tangent_create(eg_learner *l, const eg_part *part, const eg_tangent_options *options,
                             struct egi_tangent *out)
{
    struct egi_tangent t = { .o = EG_TANGENT_OPTIONS_INIT };
    if (l == NULL || part == NULL)
        return egi_fail(EG_ERR_INVALID, "eg_tangent_kernel: an argument is NULL");
    if (options != NULL && options->size != sizeof t.o)
        return egi_fail(EG_ERR_INVALID, "eg_tangent_options.size is %zu, expected %zu",
                        options->size, sizeof t.o);
    if (options != NULL) t.o = *options;
    EGI_TRY(egi_traced_create(l, part, 1, t.o.threads, EG_F32, t.o.alloc, &t.r));
    const eg_status s = fill(&t, l->task.classes);
    if (s == EG_OK)
        *out = t;
    else
        egi_tangent_clear(&t);
    return s;
}

void egi_tangent_clear(struct egi_tangent *t)
{
    egi_arena_destroy(&t->arena);
    egi_traced_clear(&t->r);
}

size_t egi_tangent_count(const struct egi_tangent *t, size_t from)
{
    return t->n - from < t->block ? t->n - from : t->block;
}

/* The gradient of one score of one example, scaled. */
static eg_status gradient(struct egi_tangent *t, size_t example, size_t output, float *g)
{
    struct egi_traced *r = &t->r;
    const size_t classes = r->l->task.classes;
    eg_tape_reset(r->t);
    egi_traced_load_one(r, 0, example);
    memset(t->seed, 0, classes * sizeof *t->seed);
    t->seed[output] = 1;
    const eg_var z = egi_traced_scores(r, r->still, 1);
    const eg_var seed = eg_input(r->t, EG_F32, &eg_shape_of(1, classes), t->seed);
    EGI_TRY(eg_tape_status(r->t));
    EGI_TRY(egi_traced_gradient(r, z, seed, 0));
    memset(g, 0, r->n * sizeof *g);
    const float *d;
    for (size_t k = 0, at, size; (d = egi_traced_derived(r, &k, &at, &size)) != NULL;)
        for (size_t i = 0; i < size; i++) g[at + i] = t->scale[k - 1] * d[i];
    return eg_tape_status(r->t);
}

static eg_status gradients(struct egi_tangent *t, size_t from, size_t turn, float *g)
{
    for (size_t i = 0; i < egi_tangent_count(t, from); i++) {
        const size_t row = from + i, output = t->first + turn + row % t->each;
        EGI_TRY(gradient(t, row / t->each, output, g + i * t->r.n));
    }
    return EG_OK;
}

eg_status egi_tangent_rows(struct egi_tangent *t, size_t from, float *kernel)
{
    const size_t b = egi_tangent_count(t, from);
    for (size_t turn = 0; turn < t->turns; turn++) {
        EGI_TRY(gradients(t, from, turn, t->rows));
        for (size_t at = 0; at <= from; at += t->block) {
            const float *others = at < from ? t->others : t->rows;
            if (at < from) EGI_TRY(gradients(t, at, turn, t->others));
            const struct egi_gemm g = {
                b,    egi_tangent_count(t, at), t->r.n,  0, 1, t->r.n, t->r.n,
                t->n, 1 / (double)t->turns,     turn > 0
            };
            egi_gemm_f32(&g, t->rows, others, kernel + at, t->o.threads);
            EGI_TRY(egi_report(t->o.progress, "kernel", from, t->n));
        }
    }
    for (size_t i = 0; i < b; i++) /* of what was made twice, one */
        for (size_t j = 0; j < i; j++) kernel[j * t->n + from + i] = kernel[i * t->n + from + j];
    return EG_OK;
}

eg_status eg_tangent_kernel(eg_learner *l, const eg_part *part, const eg_tangent_options *options,
                            float *kernel)
{
    struct egi_tangent t;
    EGI_TRY(egi_tangent_create(l, part, options, &t));
    eg_status s = EG_OK;
    for (size_t from = 0; from < t.n && s == EG_OK; from += t.block)
        s = egi_tangent_rows(&t, from, kernel + from * t.n);
    for (size_t i = 0; i < t.n && s == EG_OK; i++)
        for (size_t j = 0; j < i; j++) kernel[j * t.n + i] = kernel[i * t.n + j];
    if (s == EG_OK) s = egi_report(t.o.progress, "kernel", t.n, t.n);
    egi_tangent_clear(&t);
    return s;
}
