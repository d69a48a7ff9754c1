/* The body of kernel_tensor.c for one element type: REAL, NAME(x), ONE and M(f) are defined
 * around it. Loops are plain, so that the compiler makes vectors of them. */
/* SPDX-License-Identifier: Apache-2.0 */

#define LINE(k, type) ((type *)(void *)p[k])

#define UNARY(name, formula)                                                               \
    static void NAME(unary_##name)(char *const *p, const ptrdiff_t *stride, size_t n,      \
                                   const void *arg)                                        \
    {                                                                                      \
        const REAL a = (REAL)((const double *)arg)[0], b = (REAL)((const double *)arg)[1]; \
        REAL *o = LINE(0, REAL);                                                           \
        const REAL *u = LINE(1, const REAL);                                               \
        (void)a, (void)b;                                                                  \
        if (stride[0] == 1 && stride[1] == 1) {                                            \
            for (size_t i = 0; i < n; i++) {                                               \
                const REAL x = u[i];                                                       \
                o[i] = formula;                                                            \
            }                                                                              \
            return;                                                                        \
        }                                                                                  \
        for (size_t i = 0; i < n; i++) {                                                   \
            const REAL x = u[(ptrdiff_t)i * stride[1]];                                    \
            o[(ptrdiff_t)i * stride[0]] = formula;                                         \
        }                                                                                  \
    }

#define BINARY(name, formula)                                                            \
    static void NAME(binary_##name)(char *const *p, const ptrdiff_t *stride, size_t n,   \
                                    const void *arg)                                     \
    {                                                                                    \
        (void)arg;                                                                       \
        REAL *o = LINE(0, REAL);                                                         \
        const REAL *u = LINE(1, const REAL), *v = LINE(2, const REAL);                   \
        if (stride[0] == 1 && stride[1] == 1 && stride[2] == 1) {                        \
            for (size_t i = 0; i < n; i++) {                                             \
                const REAL x = u[i], y = v[i];                                           \
                o[i] = formula;                                                          \
            }                                                                            \
            return;                                                                      \
        }                                                                                \
        if (stride[0] == 1 && stride[1] == 1 && stride[2] == 0) {                        \
            const REAL y = v[0];                                                         \
            for (size_t i = 0; i < n; i++) {                                             \
                const REAL x = u[i];                                                     \
                o[i] = formula;                                                          \
            }                                                                            \
            return;                                                                      \
        }                                                                                \
        for (size_t i = 0; i < n; i++) {                                                 \
            const REAL x = u[(ptrdiff_t)i * stride[1]], y = v[(ptrdiff_t)i * stride[2]]; \
            o[(ptrdiff_t)i * stride[0]] = formula;                                       \
        }                                                                                \
    }

/* One number from a line: halves of halves down to FOLD_BLOCK elements, there LANES partial
 * results folded in their order; so a sum is as exact as adding pairwise (Higham 2002, 4.2). */
#define FOLD(name, formula)                                                                \
    static REAL NAME(fold_block_##name)(const REAL *u, ptrdiff_t step, size_t n)           \
    {                                                                                      \
        REAL lane[LANES] = { 0 };                                                          \
        const size_t lanes = n < LANES ? n : LANES;                                        \
        for (size_t i = 0; i < lanes; i++) lane[i] = u[(ptrdiff_t)i * step];               \
        size_t i = lanes;                                                                  \
        for (; step == 1 && i + LANES <= n; i += LANES)                                    \
            for (size_t k = 0; k < LANES; k++) {                                           \
                const REAL acc = lane[k], x = u[i + k];                                    \
                lane[k] = formula;                                                         \
            }                                                                              \
        for (; i < n; i++) {                                                               \
            const REAL acc = lane[i % LANES], x = u[(ptrdiff_t)i * step];                  \
            lane[i % LANES] = formula;                                                     \
        }                                                                                  \
        REAL acc = lane[0];                                                                \
        for (size_t k = 1; k < lanes; k++) {                                               \
            const REAL x = lane[k];                                                        \
            acc = formula;                                                                 \
        }                                                                                  \
        return acc;                                                                        \
    }                                                                                      \
    static REAL NAME(fold_line_##name)(const REAL *u, ptrdiff_t step, size_t n)            \
    {                                                                                      \
        if (n <= FOLD_BLOCK) return NAME(fold_block_##name)(u, step, n);                   \
        const size_t half = (n / 2 + FOLD_BLOCK - 1) / FOLD_BLOCK * FOLD_BLOCK;            \
        const REAL acc = NAME(fold_line_##name)(u, step, half);                            \
        const REAL x = NAME(fold_line_##name)(u + (ptrdiff_t)half * step, step, n - half); \
        return formula;                                                                    \
    }                                                                                      \
    static void NAME(fold_##name)(char *const *p, const ptrdiff_t *stride, size_t n,       \
                                  const void *arg)                                         \
    {                                                                                      \
        (void)arg;                                                                         \
        REAL *o = LINE(0, REAL);                                                           \
        const REAL *u = LINE(1, const REAL);                                               \
        if (stride[0] == 0) {                                                              \
            const REAL acc = o[0], x = NAME(fold_line_##name)(u, stride[1], n);            \
            o[0] = formula;                                                                \
            return;                                                                        \
        }                                                                                  \
        for (size_t i = 0; i < n; i++) {                                                   \
            const REAL acc = o[(ptrdiff_t)i * stride[0]], x = u[(ptrdiff_t)i * stride[1]]; \
            o[(ptrdiff_t)i * stride[0]] = formula;                                         \
        }                                                                                  \
    }

EGI_UNARY_LIST(UNARY)
EGI_BINARY_LIST(BINARY)
EGI_FOLD_LIST(FOLD)

static void NAME(fill)(char *const *p, const ptrdiff_t *stride, size_t n, const void *arg)
{
    const REAL a = (REAL)((const double *)arg)[0];
    for (size_t i = 0; i < n; i++) LINE(0, REAL)[(ptrdiff_t)i * stride[0]] = a;
}

#define FROM(name, type)                                                                  \
    static void NAME(from_##name)(char *const *p, const ptrdiff_t *stride, size_t n,      \
                                  const void *arg)                                        \
    {                                                                                     \
        (void)arg;                                                                        \
        for (size_t i = 0; i < n; i++) LINE(0, REAL)                                      \
        [(ptrdiff_t)i * stride[0]] = (REAL)LINE(1, const type)[(ptrdiff_t)i * stride[1]]; \
    }
FROM(f32, float)
FROM(f64, double)
FROM(i32, int32_t)

static REAL NAME(largest)(const REAL *x, size_t n)
{
    return n == 0 ? -(REAL)INFINITY : NAME(fold_line_MAX)(x, 1, n);
}

/* sum of e^(x - top) in out where it is not NULL; a line of -inf alone has top 0. */
static REAL NAME(exponentials)(REAL *out, const REAL *x, size_t n, REAL *top)
{
    REAL sum = 0;
    *top = NAME(largest)(x, n);
    if (*top == -(REAL)INFINITY) *top = 0;
    for (size_t i = 0; i < n; i++) {
        const REAL e = M(exp)(x[i] - *top);
        if (out != NULL) out[i] = e;
        sum += e;
    }
    return sum;
}

static void NAME(softmax)(void *out, const void *in, size_t n, double unused)
{
    (void)unused;
    REAL top, *o = out;
    const REAL sum = NAME(exponentials)(o, in, n, &top), share = ONE / sum;
    for (size_t i = 0; i < n; i++) o[i] *= share;
}

static void NAME(logsumexp)(void *out, const void *in, size_t n, double unused)
{
    (void)unused;
    REAL top;
    const REAL sum = NAME(exponentials)(NULL, in, n, &top);
    *(REAL *)out = top + M(log)(sum);
}

static void NAME(argmax)(void *out, const void *in, size_t n, double unused)
{
    (void)unused;
    const REAL *x = in;
    size_t best = 0;
    for (size_t i = 1; i < n; i++)
        if (x[best] == x[best] && !(x[i] <= x[best])) best = i;
    *(int32_t *)out = (int32_t)best;
}

static void NAME(take)(void *out, const void *in, const int32_t *at, size_t m)
{
    REAL *o = out;
    const REAL *x = in;
    for (size_t i = 0; i < m; i++) o[i] = x[at[i]];
}

static void NAME(put)(void *out, const void *in, const int32_t *at, size_t m)
{
    REAL *o = out;
    const REAL *x = in;
    for (size_t i = 0; i < m; i++) o[at[i]] += x[i];
}

#define UNARY_SLOT(name, formula) [EGI_K_##name] = NAME(unary_##name),
#define BINARY_SLOT(name, formula) [EGI_K_##name] = NAME(binary_##name),
#define FOLD_SLOT(name, formula) [EGI_K_##name] = NAME(fold_##name),

const struct egi_tensor_kernels NAME(egi_tensor_kernels) = {
    .unary = { EGI_UNARY_LIST(UNARY_SLOT) },
    .binary = { EGI_BINARY_LIST(BINARY_SLOT) },
    .fold = { EGI_FOLD_LIST(FOLD_SLOT) },
    .fill = NAME(fill),
    .from_f32 = NAME(from_f32),
    .from_f64 = NAME(from_f64),
    .from_i32 = NAME(from_i32),
    .softmax = NAME(softmax),
    .logsumexp = NAME(logsumexp),
    .argmax = NAME(argmax),
    .take = NAME(take),
    .put = NAME(put),
};

#undef LINE
#undef UNARY
#undef BINARY
#undef FOLD
#undef FROM
#undef UNARY_SLOT
#undef BINARY_SLOT
#undef FOLD_SLOT
