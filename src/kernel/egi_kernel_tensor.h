/* Elementwise work along one line of memory, in f32 and f64.
 *
 * A kernel sees n elements of up to four arrays; p[0] is written, p[k] advances by stride[k]
 * elements. What an entry computes stands beside its name below, once: the list makes the
 * enumerators, the functions of both types and the table. x and y are the inputs, a and b the
 * numbers of its argument (const double[2]); ONE is 1 of the type, M(f) the type's f(). */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EGI_KERNEL_TENSOR_H
#define EGI_KERNEL_TENSOR_H

#include <stddef.h>
#include <stdint.h>

typedef void egi_inner(char *const *p, const ptrdiff_t *stride, size_t n, const void *arg);

#define EGI_UNARY_LIST(ROW)                                      \
    ROW(COPY, x)                                                 \
    ROW(NEG, -x)                                                 \
    ROW(ABS, M(fabs)(x))                                         \
    ROW(SIGN, (REAL)((x > 0) - (x < 0)))                         \
    ROW(STEP, (REAL)(x > 0))                                     \
    ROW(INSIDE, (REAL)(x >= a && x <= b))                        \
    ROW(SCALE, a *x + b)                                         \
    ROW(RECIPROCAL, ONE / x)                                     \
    ROW(SQRT, M(sqrt)(x))                                        \
    ROW(EXP, M(exp)(x))                                          \
    ROW(LOG, M(log)(x))                                          \
    ROW(SIN, M(sin)(x))                                          \
    ROW(COS, M(cos)(x))                                          \
    ROW(TANH, M(tanh)(x))                                        \
    ROW(ERF, M(erf)(x))                                          \
    ROW(SIGMOID, ONE / (ONE + M(exp)(-x)))                       \
    ROW(SOFTPLUS, M(fmax)(x, 0) + M(log1p)(M(exp)(-M(fabs)(x)))) \
    ROW(POWER, M(pow)(x, a))                                     \
    ROW(RELU, x > 0 || x != x ? x : 0)                           \
    ROW(LEAKY, x > 0 ? x : a * x)                                \
    ROW(ELU, x > 0 ? x : a * M(expm1)(x))                        \
    ROW(REP, x > 0 || x != x ? M(pow)(x, a) : 0)                 \
    ROW(CLAMP, x<a ? a : x> b ? b : x)                           \
    ROW(FLOOR, M(floor)(x))                                      \
    ROW(CEIL, M(ceil)(x))                                        \
    ROW(ROUND, M(rint)(x))

#define EGI_BINARY_LIST(ROW)               \
    ROW(ADD, x + y)                        \
    ROW(SUB, x - y)                        \
    ROW(MUL, x *y)                         \
    ROW(DIV, x / y)                        \
    ROW(MAXIMUM, x >= y || x != x ? x : y) \
    ROW(MINIMUM, x <= y || x != x ? x : y) \
    ROW(AT_LEAST, (REAL)(x >= y))          \
    ROW(GATE, y > 0 ? x : 0)               \
    ROW(POW, M(pow)(x, y))

/* p[0] <- p[0] combined with the n elements of p[1]: one number where stride[0] is 0. */
#define EGI_FOLD_LIST(ROW) \
    ROW(SUM, acc + x)      \
    ROW(MAX, acc >= x || acc != acc ? acc : x)

#define EGI_ENUM(name, formula) EGI_K_##name,
enum egi_unary_kind { EGI_UNARY_LIST(EGI_ENUM) EGI_UNARY_COUNT };
enum egi_binary_kind { EGI_BINARY_LIST(EGI_ENUM) EGI_BINARY_COUNT };
enum egi_fold_kind { EGI_FOLD_LIST(EGI_ENUM) EGI_FOLD_COUNT };
#undef EGI_ENUM

/* One line (n) of a row operation: out and in are contiguous. */
typedef void egi_line(void *out, const void *in, size_t n, double a);

/* out_i <- in[at_i], or out[at_i] <- out[at_i] + in_i, for i < m in order. */
typedef void egi_places(void *out, const void *in, const int32_t *at, size_t m);

struct egi_tensor_kernels {
    egi_inner *unary[EGI_UNARY_COUNT];
    egi_inner *binary[EGI_BINARY_COUNT];
    egi_inner *fold[EGI_FOLD_COUNT];
    egi_inner *fill;                           /* p[0] <- a */
    egi_inner *from_f32, *from_f64, *from_i32; /* p[0] <- the number p[1] */
    egi_line *softmax;                         /* e^(x - lse(x)) */
    egi_line *logsumexp;                       /* out[0] <- log sum e^x, shifted by the maximum */
    egi_line *argmax; /* ((int32_t *)out)[0]: the first of the largest; NaN wins */
    egi_places *take, *put;
};

extern const struct egi_tensor_kernels egi_tensor_kernels_f32, egi_tensor_kernels_f64;
/* Indices are copied, filled and made of numbers, not computed with: the other entries are NULL. */
extern const struct egi_tensor_kernels egi_tensor_kernels_i32;

#endif
