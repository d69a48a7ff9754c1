/* The body of kernel_pool.c for one element type: REAL and NAME(x) are defined around it. */
/* SPDX-License-Identifier: Apache-2.0 */

static int32_t NAME(largest)(const REAL *x, const struct span *s, size_t columns)
{
    size_t best = s->first[0] * columns + s->first[1];
    for (size_t i = s->first[0]; i < s->end[0]; i++)
        for (size_t k = s->first[1]; k < s->end[1]; k++) {
            const REAL here = x[i * columns + k];
            if (x[best] == x[best] && !(here <= x[best])) best = i * columns + k;
        }
    return (int32_t)best;
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

/* big (H, W), small (H', W'), at (H', W'): the kind says which are read and written. */
static void NAME(one_plane)(const struct egi_pooling *g, enum egi_pooling_kind kind, REAL *big,
                            REAL *small, int32_t *at)
{
    struct span s;
    for (size_t i = 0; i < g->out[0]; i++) {
        cut(g, 0, i, &s);
        for (size_t k = 0; k < g->out[1]; k++) {
            const size_t place = i * g->out[1] + k;
            cut(g, 1, k, &s);
            if (kind == EGI_POOLING_INDEX)
                at[place] = NAME(largest)(big, &s, g->in[1]);
            else if (kind == EGI_POOLING_MEAN)
                small[place] = NAME(total)(big, &s, g->in[1]) / (REAL)elements(g, &s);
            else
                CALL(add_share, big, &s, g->in[1], small[place] / (REAL)elements(g, &s));
        }
    }
}

static void NAME(planes)(const struct egi_pooling *g, enum egi_pooling_kind kind, const char *x,
                         char *y, size_t first, size_t n)
{
    const size_t big = g->in[0] * g->in[1], small = g->out[0] * g->out[1];
    const int back = kind == EGI_POOLING_SPREAD;
    char *from = (char *)(uintptr_t)x; /* read only */
    REAL *b = (REAL *)(void *)(back ? y : from) + first * big;
    REAL *s = (REAL *)(void *)(back ? from : y) + first * small;
    int32_t *at = (int32_t *)(void *)y + first * small;
    if (back) memset(b, 0, n * big * sizeof *b);
    for (size_t i = 0; i < n; i++)
        CALL(one_plane, g, kind, b + i * big, s + i * small, at + i * small);
}
