/* The table of models read as one, parameters checked in one place. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "dynamics/egi_dynamics.h"

static const eg_dynamics_model *const families[] = { egi_models_glass, egi_models_plane,
                                                     egi_models_network, egi_models_memory };

const eg_dynamics_model *eg_dynamics_row(size_t row)
{
    for (size_t f = 0; f < EGI_COUNT(families); f++)
        for (const eg_dynamics_model *m = families[f]; m->name != NULL; m++)
            if (row-- == 0) return m;
    return NULL;
}

const eg_dynamics_model *eg_dynamics_find(const char *name)
{
    const eg_dynamics_model *m = NULL;
    for (size_t row = 0; name != NULL && (m = eg_dynamics_row(row)) != NULL; row++)
        if (strcmp(m->name, name) == 0) break;
    return m;
}

double egi_param(const struct egi_dynamics *run, const char *name)
{
    for (size_t i = 0; i < EG_DYNAMICS_PARAMS && run->model->params[i].name != NULL; i++)
        if (strcmp(run->model->params[i].name, name) == 0) return run->value[i];
    return 0;
}

size_t egi_param_size(const struct egi_dynamics *run, const char *name)
{
    const double v = egi_param(run, name);
    return v > 0 ? (size_t)rint(v) : 0;
}

eg_status egi_rows(struct egi_dynamics *run, size_t rows)
{
    eg_dynamics_result *r = run->out;
    size_t cells;
    void *value;
    EGI_TRY(egi_mul_size(rows, r->columns, &cells));
    EGI_TRY(egi_alloc_array(r->alloc, cells, sizeof(double), "rows of the result", &value));
    r->value = value;
    r->rows = rows;
    for (size_t i = 0; i < cells; i++) r->value[i] = (double)NAN;
    return EG_OK;
}

double *egi_row_at(const struct egi_dynamics *run, size_t row)
{
    return run->out->value + row * run->out->columns;
}

void egi_fact(struct egi_dynamics *run, const char *name, double value)
{
    eg_dynamics_result *r = run->out;
    if (r->facts < EG_DYNAMICS_FACTS) r->fact[r->facts++] = (eg_dynamics_fact){ name, value };
}

size_t egi_spread(size_t n, size_t points, size_t *step)
{
    size_t count = 0;
    for (size_t k = 0; k <= points; k++) {
        const double share = (double)k / (double)points;
        const size_t at = (size_t)rint((double)n * share * share);
        if (count == 0 || at != step[count - 1]) step[count++] = at;
    }
    return count;
}

eg_status egi_range(const struct egi_dynamics *run, double *low, double *high)
{
    *low = egi_param(run, "from");
    *high = egi_param(run, "to");
    if (*low < *high) return EG_OK;
    return egi_fail(EG_ERR_INVALID, "%s: from = %g, not below to = %g", run->model->name, *low,
                    *high);
}

double egi_between(double low, double high, size_t k, size_t rows)
{
    return low * pow(high / low, rows > 1 ? (double)k / (double)(rows - 1) : 0);
}

static eg_status check(const eg_dynamics_model *m, const double *given, double *value)
{
    for (size_t i = 0; i < EG_DYNAMICS_PARAMS && m->params[i].name != NULL; i++) {
        const eg_theory_param *p = &m->params[i];
        value[i] = given != NULL ? given[i] : p->value;
        if (!(value[i] >= p->low && value[i] <= p->high))
            return egi_fail(EG_ERR_INVALID, "%s: %s = %g, not in [%g, %g]", m->name, p->name,
                            value[i], p->low, p->high);
    }
    return EG_OK;
}

eg_status eg_dynamics_run(const eg_dynamics_model *model, const double *values,
                          const eg_dynamics_options *options, eg_dynamics_result *out)
{
    static const eg_dynamics_options usual = EG_DYNAMICS_OPTIONS_INIT;
    double value[EG_DYNAMICS_PARAMS] = { 0 };
    if (model == NULL || out == NULL)
        return egi_fail(EG_ERR_INVALID, "eg_dynamics_run: model or result: NULL");
    if (options == NULL) options = &usual;
    if (options->size != sizeof *options)
        return egi_fail(EG_ERR_INVALID, "eg_dynamics_run: options of %zu bytes, expected %zu",
                        options->size, sizeof *options);
    EGI_TRY(check(model, values, value));
    eg_dynamics_options o = *options;
    if (o.alloc == NULL) o.alloc = eg_allocator_default();
    eg_dynamics_result r = { .error = (double)NAN, .alloc = o.alloc };
    while (r.columns < EG_DYNAMICS_COLUMNS && model->columns[r.columns].name != NULL) r.columns++;
    struct egi_dynamics run = { model, value, &o, &r };
    const eg_status s = model->run(&run);
    if (s == EG_OK)
        *out = r;
    else
        eg_dynamics_result_clear(&r);
    return s;
}

void eg_dynamics_result_clear(eg_dynamics_result *result)
{
    if (result == NULL) return;
    if (result->value != NULL)
        egi_free(result->alloc, result->value, result->rows * result->columns * sizeof(double));
    *result = (eg_dynamics_result){ 0 };
}
