/* engram/association.h - a memory is three choices and one loop.
 *
 *     state <- projection( sum_i a_i xi_i ),   a = separation( similarity(xi_i, state) )
 *
 * The three tables: similarity, separation, projection. Every row has its value, its
 * energy term, its derivative, its margin where one is proved, and its source. With
 * s_i the similarity of memory i and w_i its multiplicity (1 unless stated; a memory
 * of multiplicity 2 acts exactly like the same pattern stored twice), the energy of a
 * state x is
 *
 *     E(x) = -A(s(x)) + Psi(x) + constant,   a = dA/ds,   projection = grad Psi*
 *
 * A is the separation's energy term and Psi the projection's. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGRAM_ASSOCIATION_H
#define ENGRAM_ASSOCIATION_H

#include <stddef.h>

#include "engram/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* How alike a state and a memory are. Larger is more alike. */
typedef enum eg_similarity {
    EG_SIM_DOT,       /* <xi, x> */
    EG_SIM_COSINE,    /* <xi, x> / (|xi| |x|); 0 where a norm is 0 */
    EG_SIM_EUCLIDEAN, /* -|x - xi|^2 / 2 */
    EG_SIM_MANHATTAN, /* -|x - xi|_1 */
    EG_SIM_HAMMING,   /* <sign xi, sign x> = D - 2 (signs that differ); sign 0 = +1 */
    EG_SIM_COUNT
} eg_similarity;

/* How the memory that is most alike is separated from the others; z = beta s. */
typedef enum eg_separation {
    EG_SEP_IDENTITY,     /* A = beta/2 sum s^2             classical Hopfield */
    EG_SEP_POWER,        /* A = sum z^n                    Krotov and Hopfield 2016 */
    EG_SEP_RECTIFIED,    /* A = sum max(z, 0)^n            Krotov and Hopfield 2016 */
    EG_SEP_EXPONENTIAL,  /* A = log(sum e^z) / beta: the logarithm of Demircigil's energy,
                            same order of states; a is scaled so that the largest is 1 */
    EG_SEP_SOFTMAX,      /* A = log(sum e^z) / beta        Ramsauer et al. 2021 */
    EG_SEP_ENTMAX,       /* A = max_p <p,s> - Omega(p)/beta, Tsallis entropy of order alpha > 1;
                            alpha = 2 is sparsemax         Santos et al. 2024 */
    EG_SEP_NORMMAX,      /* the same with Omega = |p|_gamma - 1, gamma > 1 */
    EG_SEP_KSUBSETS,     /* the same over 0 <= p <= 1, sum p = k, Omega = |p|^2 / 2 */
    EG_SEP_LSR,          /* A = log(eps + sum max(1 + z, 0)) / beta, eps = 1e-12; Hoover 2025 */
    EG_SEP_EPANECHNIKOV, /* A = sum max(1 + z, 0) / beta: the same support, no logarithm */
    EG_SEP_TOPK,         /* A = mean of the k largest s; a = 1/k on them */
    EG_SEP_MAX,          /* A = max s; a = 1 on the first that reaches it: nearest neighbour */
    EG_SEP_COUNT
} eg_separation;

/* What the weighted sum y becomes. */
typedef enum eg_projection {
    EG_PROJ_IDENTITY,  /* x = y                                     Psi = |x|^2 / 2 */
    EG_PROJ_SIGN,      /* x = sign y, 0 keeps the old component     Psi = 0 on [-1,1]^D */
    EG_PROJ_TANH,      /* x = tanh(gain y)                          Psi = entropy / gain */
    EG_PROJ_BALL,      /* x = gain y / |y|; y = 0 keeps the old x   Psi = 0 on |x| <= gain */
    EG_PROJ_LAYERNORM, /* x = gain (y - mean) / sqrt(var), var over D; constant y keeps the
                          old x         Psi = 0 on mean x = 0, |x| <= gain sqrt D */
    EG_PROJ_THRESHOLD, /* x = 1 if y > gain else 0                  Psi = gain sum x on [0,1]^D */
    EG_PROJ_COUNT
} eg_projection;

/* The three choices with their numbers. A plain struct: begin with EG_RULE_INIT. */
typedef struct eg_rule {
    size_t size; /* sizeof(eg_rule) */
    eg_similarity similarity;
    eg_separation separation;
    eg_projection projection;
    double beta;  /* inverse temperature, > 0; multiplies every similarity */
    double order; /* n >= 2 of power and rectified, alpha > 1 of entmax, gamma > 1 of normmax */
    size_t k;     /* of k-subsets and top-k, >= 1; beyond the sum of the multiplicities: that sum,
                     so k-subsets returns all and top-k the mean of all */
    double gain;  /* of tanh (> 0), ball (radius > 0), layer norm (> 0); threshold (any) */
} eg_rule;

/* Softmax retrieval at beta = 1: the modern continuous Hopfield network. */
#define EG_RULE_INIT                                                               \
    {                                                                              \
        sizeof(eg_rule), EG_SIM_DOT, EG_SEP_SOFTMAX, EG_PROJ_IDENTITY, 1, 2, 1, 1, \
    }

/* A row of a table as text: what a program prints and parses. */
typedef struct eg_row_info {
    const char *name;    /* "softmax": what users type */
    const char *formula; /* "A = log(sum exp(beta s)) / beta" */
    const char *margin;  /* proved margin as text, "" where none is */
    const char *source;  /* paper and equation numbers */
    const char *params;  /* the fields of eg_rule it reads, e.g. "beta order" */
} eg_row_info;

/* Rows by number; NULL outside the table. */
EG_API const eg_row_info *eg_similarity_info(eg_similarity row);
EG_API const eg_row_info *eg_separation_info(eg_separation row);
EG_API const eg_row_info *eg_projection_info(eg_projection row);

/* Row numbers by name; -1 where no row has it. "sparsemax" and "classical" are known too. */
EG_API int eg_similarity_find(const char *name);
EG_API int eg_separation_find(const char *name);
EG_API int eg_projection_find(const char *name);

/* EG_OK where every number the three rows read is in its domain, else EG_ERR_INVALID with
 * the field named. */
EG_API EG_MUST_CHECK eg_status eg_rule_check(const eg_rule *rule);

/* The separation on the scores of one query: a = dA/ds, computed in double.
 *
 * @param s  (N) similarities, finite
 * @param w  (N) multiplicities > 0, or NULL for ones; any real: copies consume slots of top-k,
 *           the memory at the edge what is left of k, the first among equals first
 * @param a  (N) out: derivative of A with respect to s_i, which counts the multiplicity;
 *           for unnormalised rows (identity, power, rectified, exponential) divided by
 *           their largest magnitude so that nothing overflows; may not overlap s
 * @param log_scale  out, may be NULL: a must be multiplied by exp(*log_scale)
 * @return EG_OK, EG_ERR_INVALID, EG_ERR_OVERFLOW (sum of w above 1e290)
 */
EG_API EG_MUST_CHECK eg_status eg_separation_weights(const eg_rule *rule, const double *s,
                                                     const double *w, size_t n, double *a,
                                                     double *log_scale);

/* The energy term A(s) of one query. EG_ERR_OVERFLOW where it exceeds a double. */
EG_API EG_MUST_CHECK eg_status eg_separation_energy(const eg_rule *rule, const double *s,
                                                    const double *w, size_t n, double *energy);

/* Jacobian-vector product: out = (d a / d s) v, a symmetric matrix (the Hessian of A).
 * Unscaled: EG_ERR_OVERFLOW where an entry exceeds a double. For entmax and normmax the
 * derivative within the support; on a kink, one of its two sides. */
EG_API EG_MUST_CHECK eg_status eg_separation_derivative(const eg_rule *rule, const double *s,
                                                        const double *w, const double *v, size_t n,
                                                        double *out);

/* The margin m: memory i alone is returned, exactly, if and only if
 * beta (s_i - max_{j != i} s_j) >= m (k-subsets: the k-th against the next). Returns NaN
 * for rows that have none. Santos et al. 2024, prop. 2; Hoover et al. 2025, thm. 1 has
 * another form (see eg_certificate). */
EG_API double eg_separation_margin(const eg_rule *rule);

/* x = projection(y); x holds the old state on entry (kept where the row says so) and may
 * not overlap y. Psi(x) in *energy, +infinity outside its domain. out = (dx/dy) v. */
EG_API EG_MUST_CHECK eg_status eg_projection_apply(const eg_rule *rule, const double *y, size_t d,
                                                   double *x);
EG_API EG_MUST_CHECK eg_status eg_projection_energy(const eg_rule *rule, const double *x, size_t d,
                                                    double *energy);
EG_API EG_MUST_CHECK eg_status eg_projection_derivative(const eg_rule *rule, const double *y,
                                                        const double *v, size_t d, double *out);

/* One similarity, computed in double: the yardstick for the fast paths. */
EG_API double eg_similarity_value(eg_similarity row, const float *xi, const float *x, size_t d);

#ifdef __cplusplus
}
#endif
#endif
