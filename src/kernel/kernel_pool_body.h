/* The body of kernel_pool.c for one element type: REAL and NAME(x) are defined around it. */
/* SPDX-License-Identifier: Apache-2.0 */

static size_t NAME(largest)(const REAL *x, const struct span *s, size_t columns)
{
    size_t best = s->first[0] * columns + s->first[1];
    for (size_t i = s->first[0]; i < s->end[0]; i++)
        for (size_t k = s->first[1]; k < s->end[1]; k++) {
            const REAL here = x[i * columns + k];
            if (x[best] == x[best] && !(here <= x[best])) best = i * columns + k;
        }
    return best;
}

static REAL NAME(total)(const REAL *x, const struct span *s, size_t columns)
{
    REAL sum = 0;
    for (size_t i = s->first[0]; i < s->end[0]; i++)
        for (size_t k = s->first[1]; k < s->end[1]; k++) sum += x[i * columns + k];
    return sum;
}

static void NAME(add_share)(REAL *x, const struct span *s, size_t columns, REAL share)
{
    for (size_t i = s->first[0]; i < s->end[0]; i++)
        for (size_t k = s->first[1]; k < s->end[1]; k++) x[i * columns + k] += share;
}

/* What window s of plane p, of place `at` in it, gives to `to`: the plane of what is written. */
static void NAME(one_window)(const struct egi_pooling *g, enum egi_pooling_kind kind,
                             const struct egi_pooling_data *d, size_t p, const struct span *s,
                             size_t at, void *to)
{
    const size_t columns = g->in[1], big = p * g->in[0] * columns;
    const size_t small = p * g->out[0] * g->out[1] + at;
    const REAL *x = (const REAL *)(const void *)d->x, *y = (const REAL *)(const void *)d->y;
    REAL *out = to;
    if (kind == EGI_POOLING_INDEX)
        ((int32_t *)to)[at] = (int32_t)NAME(largest)(x + big, s, columns);
    else if (kind == EGI_POOLING_MAX)
        out[at] = x[big + NAME(largest)(x + big, s, columns)];
    else if (kind == EGI_POOLING_MAX_BACK)
        out[NAME(largest)(x + big, s, columns)] += y[small];
    else if (kind == EGI_POOLING_MEAN)
        out[at] = NAME(total)(x + big, s, columns) / (REAL)elements(g, s);
    else
        CALL(add_share, out, s, columns, y[small] / (REAL)elements(g, s));
}

static void NAME(planes)(const struct egi_pooling *g, enum egi_pooling_kind kind, size_t n,
                         const struct egi_pooling_data *d)
{
    const struct shape *is = &shapes[kind];
    const size_t step =
        is->to_x ? g->in[0] * g->in[1] * sizeof(REAL)
                 : g->out[0] * g->out[1] * (is->integer ? sizeof(int32_t) : sizeof(REAL));
    struct span s;
    if (is->to_x) memset(d->out, 0, n * step);
    for (size_t p = 0; p < n; p++)
        for (size_t i = 0; i < g->out[0]; i++) {
            cut(g, 0, i, &s);
            for (size_t k = 0; k < g->out[1]; k++) {
                cut(g, 1, k, &s);
                CALL(one_window, g, kind, d, p, &s, i * g->out[1] + k, d->out + p * step);
            }
        }
}
