/* The body of kernel_norm.c for one element type: REAL and NAME(x) are defined around it. */
/* SPDX-License-Identifier: Apache-2.0 */

/* sum_i (x_i - a) (y_i - b) */
static REAL NAME(products)(const REAL *x, REAL a, const REAL *y, REAL b, size_t n)
{
    REAL part[PARTS] = { 0 }, sum = 0;
    size_t i = 0;
    for (; i + PARTS <= n; i += PARTS)
        for (size_t k = 0; k < PARTS; k++) part[k] += (x[i + k] - a) * (y[i + k] - b);
    for (; i < n; i++) part[0] += (x[i] - a) * (y[i] - b);
    for (size_t k = 0; k < PARTS; k++) sum += part[k];
    return sum;
}

static REAL NAME(mean)(const REAL *x, size_t n)
{
    REAL part[PARTS] = { 0 }, sum = 0;
    size_t i = 0;
    for (; i + PARTS <= n; i += PARTS)
        for (size_t k = 0; k < PARTS; k++) part[k] += x[i + k];
    for (; i < n; i++) part[0] += x[i];
    for (size_t k = 0; k < PARTS; k++) sum += part[k];
    return sum / (REAL)n;
}

static void NAME(line)(const struct egi_norm *o, size_t line)
{
    const size_t n = o->length, at = line * n;
    const REAL *x = (const REAL *)o->x + at;
    REAL *out = (REAL *)o->out + at;
    const REAL mean = NAME(mean)(x, n);
    const REAL variance = NAME(products)(x, mean, x, mean, n) / (REAL)n;
    const REAL scale = 1 / (REAL)sqrt((double)(variance + (REAL)o->epsilon));
    if (o->g == NULL) {
        for (size_t i = 0; i < n; i++) out[i] = (x[i] - mean) * scale;
        return;
    }
    const REAL *y = (const REAL *)o->y + at, *g = (const REAL *)o->g + at;
    const REAL mean_g = NAME(mean)(g, n), along = NAME(products)(g, 0, y, 0, n) / (REAL)n;
    for (size_t i = 0; i < n; i++) out[i] = (g[i] - mean_g - y[i] * along) * scale;
}
