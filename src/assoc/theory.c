/* Closed forms by name: families of rows read as one table, domains checked in one place. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "assoc/egi_theory.h"

#include <string.h>

static const eg_theory *const families[] = { egi_theory_classical, egi_theory_dense,
                                             egi_theory_modern,    egi_theory_limits,
                                             egi_theory_binary,    egi_theory_physics };

const eg_theory *eg_theory_row(size_t row)
{
    for (size_t f = 0; f < EGI_COUNT(families); f++)
        for (const eg_theory *t = families[f]; t->name != NULL; t++)
            if (row-- == 0) return t;
    return NULL;
}

const eg_theory *eg_theory_find(const char *name)
{
    const eg_theory *t = NULL;
    for (size_t row = 0; name != NULL && (t = eg_theory_row(row)) != NULL; row++)
        if (strcmp(t->name, name) == 0) break;
    return t;
}

eg_status eg_theory_evaluate(const eg_theory *row, const double *values, double *results)
{
    double in[EG_THEORY_PARAMS] = { 0 }, out[EG_THEORY_RESULTS] = { 0 };
    if (row == NULL || results == NULL)
        return egi_fail(EG_ERR_INVALID, "eg_theory_evaluate: row or results: NULL");
    for (size_t i = 0; i < EG_THEORY_PARAMS && row->params[i].name != NULL; i++) {
        const eg_theory_param *p = &row->params[i];
        in[i] = values != NULL ? values[i] : p->value;
        if (!(in[i] >= p->low && in[i] <= p->high))
            return egi_fail(EG_ERR_INVALID, "%s: %s = %g, not in [%g, %g]", row->name, p->name,
                            in[i], p->low, p->high);
    }
    EGI_TRY(row->evaluate(in, out));
    for (size_t i = 0; i < EG_THEORY_RESULTS && row->results[i] != NULL; i++) results[i] = out[i];
    return EG_OK;
}

double egi_theory_root(double (*f)(double x, const double *arg), const double *arg, double low,
                       double high)
{
    for (int step = 0; step < 2000; step++) {
        const double mid = low / 2 + high / 2;
        if (mid <= low || mid >= high) break;
        if (f(mid, arg) < 0)
            low = mid;
        else
            high = mid;
    }
    return low / 2 + high / 2;
}
