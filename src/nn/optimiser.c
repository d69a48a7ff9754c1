/* One step of any first-order rule: gradients once, clipped in the same pass in which they are
 * used, arrays cut into blocks that do not depend on the number of threads. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "kernel/egi_kernel_tensor.h"
#include "nn/egi_optimiser.h"

enum { BLOCK = 16384, NAME = 300 };

double egi_dot(const float *x, const float *y, size_t n)
{
    enum { LANES = 8 };
    double sum = 0;
    for (size_t i = 0; i < n; i += BLOCK) {
        const size_t end = n - i < BLOCK ? n : i + BLOCK;
        double lane[LANES] = { 0 };
        size_t k = i;
        for (; k + LANES <= end; k += LANES)
            for (size_t j = 0; j < LANES; j++) lane[j] += (double)x[k + j] * (double)y[k + j];
        for (; k < end; k++) lane[0] += (double)x[k] * (double)y[k];
        for (size_t j = 0; j < LANES; j++) sum += lane[j];
    }
    return sum;
}

static eg_status add_slot(struct egi_optimiser *o, eg_params *state, size_t slot)
{
    const eg_param *p;
    for (size_t i = 0; (p = eg_params_at(o->params, i)) != NULL; i++) {
        char name[NAME];
        size_t at;
        snprintf(name, sizeof name, "%.250s.%s", p->name, o->row->slot[slot]);
        EGI_TRY(eg_params_add(state, name, EG_F32, &p->shape, &at));
        o->slot[slot][i] = eg_params_at(state, at)->value;
    }
    return EG_OK;
}

eg_status egi_optimiser_create(struct egi_optimiser *o, eg_params *state)
{
    const size_t n = eg_params_count(o->params);
    const eg_param *p;
    size_t at;
    for (size_t i = 0; (p = eg_params_at(o->params, i)) != NULL; i++)
        if (p->dtype != EG_F32)
            return egi_fail(EG_ERR_UNSUPPORTED, "optimiser: %s is %s, expected f32", p->name,
                            eg_dtype_name(p->dtype));
    EGI_TRY(egi_mul_size(n, 3 * sizeof(float *), &o->bytes));
    void *block;
    EGI_TRY(egi_alloc_array(o->alloc, 1, o->bytes, "optimiser", &block));
    o->g = block;
    memset(block, 0, o->bytes);
    o->slot[0] = (float **)block + n;
    o->slot[1] = o->slot[0] + n;
    EGI_TRY(eg_params_add(state, "optimiser.step", EG_I32, &eg_shape_of(1), &at));
    o->step = eg_params_at(state, at)->value;
    const size_t slots = o->row->slots != NULL ? o->row->slots(&o->settings) : 0;
    for (size_t k = 0; k < slots; k++) EGI_TRY(add_slot(o, state, k));
    return o->row->create != NULL ? o->row->create(o, state) : EG_OK;
}

void egi_optimiser_destroy(struct egi_optimiser *o)
{
    egi_free(o->alloc, (void *)o->g, o->bytes);
    egi_free(o->alloc, o->own, o->own_bytes);
}

float egi_clip_scale(const struct egi_optimiser *o, const float *const *g)
{
    const eg_param *p;
    double sum = 0;
    if (o->clip_norm == 0) return 1;
    for (size_t i = 0; (p = eg_params_at(o->params, i)) != NULL; i++)
        if (g[i] != NULL) sum += egi_dot(g[i], g[i], eg_shape_size(&p->shape));
    const double norm = sqrt(sum);
    return norm > o->clip_norm ? (float)(o->clip_norm / norm) : 1;
}

struct job {
    const struct egi_optimiser_row *row;
    struct egi_update u;
    size_t n, each;
    unsigned char diverged;
};

/* 0 x is 0 for every finite x, else NaN; in lanes, so that the loop is one of vectors. */
static int all_finite(const float *x, size_t n)
{
    enum { LANES = 16 };
    float lane[LANES] = { 0 }, sum = 0;
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (size_t k = 0; k < LANES; k++) lane[k] += 0 * x[i + k];
    for (; i < n; i++) sum += 0 * x[i];
    for (size_t k = 0; k < LANES; k++) sum += lane[k];
    return sum == 0;
}

static void update_block(void *arg, size_t block)
{
    struct job *j = arg;
    const size_t begin = block * j->each, end = j->n - begin < j->each ? j->n : begin + j->each;
    j->row->update(&j->u, begin, end);
    if (!all_finite(j->u.p + begin, end - begin))
        __atomic_store_n(&j->diverged, 1, __ATOMIC_RELAXED);
}

static eg_status name_divergence(const eg_param *p)
{
    const float *x = p->value;
    size_t i = 0;
    while (isfinite(x[i])) i++;
    return egi_fail(EG_ERR_DIVERGED, "%s[%zu] is %g, expected a finite number", p->name, i,
                    (double)x[i]);
}

static size_t row_length(const eg_param *p, size_t n)
{
    return p->shape.rank > 1 && n > 0 ? n / p->shape.dim[0] : n;
}

static eg_status update_array(const struct egi_optimiser *o, size_t k, double rate, float scale)
{
    const eg_param *p = eg_params_at(o->params, k);
    struct job j = { .row = o->row, .n = eg_shape_size(&p->shape), .each = BLOCK };
    if (j.n == 0 || o->g[k] == NULL) return EG_OK;
    j.u = (struct egi_update){ .p = p->value,
                               .slot = { o->slot[0][k], o->slot[1][k] },
                               .g = o->g[k],
                               .row = row_length(p, j.n),
                               .rate = rate,
                               .scale = scale,
                               .limit = o->clip_value > 0 ? (float)o->clip_value : INFINITY,
                               .step = *o->step,
                               .settings = &o->settings };
    if (o->row->by_row) j.each = (BLOCK + j.u.row - 1) / j.u.row * j.u.row;
    egi_parallel_for((j.n + j.each - 1) / j.each, egi_crew(o->threads, 8.0 * (double)j.n),
                     update_block, &j);
    return j.diverged ? name_divergence(p) : EG_OK;
}

eg_status egi_optimiser_growth(const eg_params *params, const char *what, double value)
{
    const eg_param *p, *worst = eg_params_at(params, 0); /* there is one */
    double most = -1;
    size_t at = 0;
    for (size_t i = 0; (p = eg_params_at(params, i)) != NULL; i++)
        for (size_t k = 0; k < eg_shape_size(&p->shape); k++) {
            const double size = fabs((double)((const float *)p->value)[k]);
            if (!isnan(size) && !(size > most)) continue;
            worst = p;
            at = k;
            most = isnan(size) ? INFINITY : size;
        }
    return egi_fail(EG_ERR_DIVERGED, "%s is %g; the largest number is %s[%zu] = %g", what, value,
                    worst->name, at, (double)((const float *)worst->value)[at]);
}

eg_status egi_optimiser_step(struct egi_optimiser *o, double rate, double *loss)
{
    if (*o->step < INT32_MAX) ++*o->step;
    if (o->row->minimise != NULL)
        EGI_TRY(o->row->minimise(o, rate, loss));
    else
        EGI_TRY(o->objective.evaluate(o->objective.user, loss, o->g));
    if (!isfinite(*loss)) return egi_optimiser_growth(o->params, "the loss", *loss);
    if (o->row->minimise != NULL) return EG_OK;
    const float scale = egi_clip_scale(o, o->g);
    for (size_t k = 0; k < eg_params_count(o->params); k++)
        EGI_TRY(update_array(o, k, rate, scale));
    return EG_OK;
}
