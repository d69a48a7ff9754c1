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

/* What one window, of place `at`, gives to out: places of one plane. */
static void NAME(one_window)(const struct egi_pooling *g, enum egi_pooling_kind kind,
                             const struct span *s, size_t at, const REAL *x, const REAL *y,
                             void *out)
{
    const size_t columns = g->in[1];
    REAL *to = out;
    if (kind == EGI_POOLING_INDEX)
        ((int32_t *)out)[at] = (int32_t)NAME(largest)(x, s, columns);
    else if (kind == EGI_POOLING_MAX)
        to[at] = x[NAME(largest)(x, s, columns)];
    else if (kind == EGI_POOLING_MAX_BACK)
        to[NAME(largest)(x, s, columns)] += y[at];
    else if (kind == EGI_POOLING_MEAN)
        to[at] = NAME(total)(x, s, columns) / (REAL)elements(g, s);
    else
        CALL(add_share, to, s, columns, y[at] / (REAL)elements(g, s));
}

static void NAME(planes)(const struct egi_pooling *g, enum egi_pooling_kind kind, size_t n,
                         const struct egi_pooling_data *d)
{
    const size_t big = g->in[0] * g->in[1], small = g->out[0] * g->out[1];
    const struct shape *is = &shapes[kind];
    const size_t step =
        is->to_x ? big * sizeof(REAL) : small * (is->integer ? sizeof(int32_t) : sizeof(REAL));
    struct span s;
    if (is->to_x) memset(d->out, 0, n * step);
    for (size_t p = 0; p < n; p++) {
        const REAL *x = d->x != NULL ? (const REAL *)(const void *)d->x + p * big : NULL;
        const REAL *y = d->y != NULL ? (const REAL *)(const void *)d->y + p * small : NULL;
        for (size_t i = 0; i < g->out[0]; i++) {
            cut(g, 0, i, &s);
            for (size_t k = 0; k < g->out[1]; k++) {
                cut(g, 1, k, &s);
                CALL(one_window, g, kind, &s, i * g->out[1] + k, x, y, d->out + p * step);
            }
        }
    }
}
