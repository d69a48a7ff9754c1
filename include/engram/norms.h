/* engram/norms.h - what is said of a network's error on all data by the size of what it learned:
 * one report of bounds, and of measures that are no bounds but may follow the gap. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGRAM_NORMS_H
#define ENGRAM_NORMS_H

#include "engram/train.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- of matrices ---- */

/* One layer: A (rows, columns), M of the same size, where it began; NULL: zeros. */
typedef struct eg_layer_matrix {
    const float *a, *m;
    size_t rows, columns;
    double spread; /* how often an input meets the matrix at most: 1; of a kernel, its places */
} eg_layer_matrix;

/* Of A alone, in double. Spectral: by singular values, times sqrt(spread). */
EG_API EG_MUST_CHECK eg_status eg_matrix_spectral(const eg_layer_matrix *a, double *norm);
EG_API double eg_matrix_frobenius(const eg_layer_matrix *a, int moved); /* moved: of A - M */
/* sum over rows of |row of A - M|: the (2, 1) norm of the transpose. */
EG_API double eg_matrix_rows(const eg_layer_matrix *a);
/* The largest sum of |entries| of a row of A. */
EG_API double eg_matrix_largest_row(const eg_layer_matrix *a);

/* R_A = prod |A_i| (sum (|A_i^T - M_i^T|_{2,1} / |A_i|)^(2/3))^(3/2); Bartlett, Foster and
 * Telgarsky 2017, eq. 1.2. 0 where nothing moved. */
EG_API EG_MUST_CHECK eg_status eg_spectral_complexity(const eg_layer_matrix *a, size_t layers,
                                                      double *out);

/* Largest singular value of the circular convolution of (O, I, K, L) kernels over (height, width)
 * places: the largest over frequencies of its (O, I) matrix there. Sedghi, Gupta and Long 2019. */
EG_API EG_MUST_CHECK eg_status eg_conv_spectral(const float *w, const size_t shape[4],
                                                size_t height, size_t width, double *norm);

/* Kendall's tau-b of two series: 1 where they rise together, -1 where one falls; NaN where one is
 * constant. Kendall 1945. */
EG_API double eg_kendall(const double *a, const double *b, size_t n);

/* Empirical Rademacher complexity of {x -> <w, x>: |w| <= B} by random signs: B / N times the mean
 * of |sum s_i x_i|, and its standard error. */
EG_API EG_MUST_CHECK eg_status eg_rademacher_signs(const float *x, size_t n, size_t d, double b,
                                                   size_t draws, uint64_t seed, double *value,
                                                   double *error);

/* ---- of a network ---- */

typedef struct eg_network_options {
    size_t size;   /* of this struct */
    double delta;  /* each bound holds with probability 1 - delta */
    double margin; /* quantile of margins that gamma is, 0.1 */
    size_t draws;  /* networks drawn for the PAC-Bayes rows, twice */
    uint64_t seed;
    const eg_progress *progress; /* "draws" */
} eg_network_options;

#define EG_NETWORK_OPTIONS_INIT                              \
    {                                                        \
        sizeof(eg_network_options), 0.05, 0.1, 1000, 0, NULL \
    }

typedef enum eg_row_kind {
    EG_ROW_BOUND,   /* the error on all data is at most the value, with probability 1 - delta */
    EG_ROW_ORDER,   /* a bound but for a constant that its source does not give */
    EG_ROW_MEASURE, /* no bound: to be compared between networks */
} eg_row_kind;

typedef struct eg_network_row {
    const char *name, *formula, *source;
    eg_row_kind kind;
} eg_network_row;

/* Row i of the report; NULL past its end. */
EG_API const eg_network_row *eg_network_rows(size_t i);

typedef struct eg_network_report {
    double error;        /* of the network itself on the examples */
    double gamma;        /* the margin at that quantile; may be below 0 */
    double share_below;  /* of examples whose margin is at most gamma */
    double sigma, drawn; /* of the PAC-Bayes row: deviation of weights, error of what is drawn */
    double kl;           /* its divergence */
    size_t n, layers;    /* numbers that were learned, matrices among them */
} eg_network_report;

/**
 * All rows for one network on the examples it was trained on. Where it began is made again from its
 * specification and seed. What is above 1 says nothing, and is given as it is.
 * @param value  (rows) NaN where a row does not apply
 * @return EG_OK; EG_ERR_UNSUPPORTED (no network of layers); EG_ERR_INVALID; EG_ERR_NOMEM
 */
EG_API EG_MUST_CHECK eg_status eg_network_bounds(eg_learner *l, const eg_part *part,
                                                 const eg_network_options *options, double *value,
                                                 eg_network_report *report);

#ifdef __cplusplus
}
#endif
#endif
