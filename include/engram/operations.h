/* engram/operations.h - what can be computed on a tape.
 *
 * Every function returns a value of the tape, or EG_NONE after a failure (engram/tape.h). Types
 * must agree; two shapes broadcast by NumPy's rule. Axes are counted from 0, the slowest. The
 * formula of each is the one in the table of operations (eg_operation()); all are differentiable
 * any number of times unless it says otherwise. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGRAM_OPERATIONS_H
#define ENGRAM_OPERATIONS_H

#include "engram/tape.h"

#ifdef __cplusplus
extern "C" {
#endif

/* x and y of one shape, or broadcast. Where maximum and minimum tie, the gradient goes to x. */
EG_API eg_var eg_add(eg_tape *t, eg_var x, eg_var y);
EG_API eg_var eg_sub(eg_tape *t, eg_var x, eg_var y);
EG_API eg_var eg_mul(eg_tape *t, eg_var x, eg_var y);
EG_API eg_var eg_div(eg_tape *t, eg_var x, eg_var y);
EG_API eg_var eg_maximum(eg_tape *t, eg_var x, eg_var y);
EG_API eg_var eg_minimum(eg_tape *t, eg_var x, eg_var y);
EG_API eg_var eg_at_least(eg_tape *t, eg_var x, eg_var y); /* 1 where x >= y, else 0; constant */
EG_API eg_var eg_gate(eg_tape *t, eg_var x, eg_var y); /* x where y > 0, else 0; constant in y */
EG_API eg_var eg_pow(eg_tape *t, eg_var x, eg_var y);  /* x^y; the gradient by y is of x > 0 */

EG_API eg_var eg_affine(eg_tape *t, eg_var x, double a, double b); /* a x + b */
EG_API eg_var eg_neg(eg_tape *t, eg_var x);
EG_API eg_var eg_abs(eg_tape *t, eg_var x);
EG_API eg_var eg_sign(eg_tape *t, eg_var x);  /* -1, 0, 1; constant */
EG_API eg_var eg_step(eg_tape *t, eg_var x);  /* 1 where x > 0, else 0; constant */
EG_API eg_var eg_floor(eg_tape *t, eg_var x); /* and ceil, and round (half to even): constant */
EG_API eg_var eg_ceil(eg_tape *t, eg_var x);
EG_API eg_var eg_round(eg_tape *t, eg_var x);
/* 1 where x is among the k largest of its line along the last axis (of equals the first), else 0;
 * constant. */
EG_API eg_var eg_top(eg_tape *t, eg_var x, size_t k);
/* y, whose gradient goes to x as it is: x stands for y where y has no derivative of use. Both of
 * one shape; constant in y. */
EG_API eg_var eg_straight_through(eg_tape *t, eg_var y, eg_var x);
EG_API eg_var eg_reciprocal(eg_tape *t, eg_var x);
EG_API eg_var eg_sqrt(eg_tape *t, eg_var x);
EG_API eg_var eg_exp(eg_tape *t, eg_var x);
EG_API eg_var eg_log(eg_tape *t, eg_var x);
EG_API eg_var eg_sin(eg_tape *t, eg_var x);
EG_API eg_var eg_cos(eg_tape *t, eg_var x);
EG_API eg_var eg_erf(eg_tape *t, eg_var x);
EG_API eg_var eg_power(eg_tape *t, eg_var x, double a); /* x^a */

EG_API eg_var eg_relu(eg_tape *t, eg_var x);
EG_API eg_var eg_leaky_relu(eg_tape *t, eg_var x, double a); /* x > 0: x, else a x */
EG_API eg_var eg_elu(eg_tape *t, eg_var x, double a);        /* x > 0: x, else a (e^x - 1) */
EG_API eg_var eg_selu(eg_tape *t, eg_var x);                 /* Klambauer et al. 2017, eq. 2 */
EG_API eg_var eg_gelu(eg_tape *t, eg_var x);                 /* x Phi(x), by erf */
EG_API eg_var eg_silu(eg_tape *t, eg_var x);                 /* x sigmoid(x) */
EG_API eg_var eg_sigmoid(eg_tape *t, eg_var x);
EG_API eg_var eg_tanh(eg_tape *t, eg_var x);
EG_API eg_var eg_softplus(eg_tape *t, eg_var x);                       /* log(1 + e^x) */
EG_API eg_var eg_clamp(eg_tape *t, eg_var x, double low, double high); /* low <= high */
EG_API eg_var eg_rep(eg_tape *t, eg_var x, double n); /* max(x, 0)^n; Krotov and Hopfield 2016 */

/* Over the axes whose bits are set; EG_ALL_AXES for all. keep: they stay with size 1. Where
 * several elements are the maximum they share its gradient. */
#define EG_AXIS(i) (1u << (i))
#define EG_ALL_AXES (~0u)
EG_API eg_var eg_sum(eg_tape *t, eg_var x, unsigned axes, int keep);
EG_API eg_var eg_mean(eg_tape *t, eg_var x, unsigned axes, int keep);
EG_API eg_var eg_max(eg_tape *t, eg_var x, unsigned axes, int keep);
EG_API eg_var eg_logsumexp(eg_tape *t, eg_var x, size_t axis, int keep);
EG_API eg_var eg_softmax(eg_tape *t, eg_var x, size_t axis);
EG_API eg_var eg_log_softmax(eg_tape *t, eg_var x, size_t axis);
EG_API eg_var eg_argmax(eg_tape *t, eg_var x, size_t axis); /* i32, axis gone; constant */

/* (..., M, K) times (..., K, N): leading axes broadcast; transposed views cost nothing. */
EG_API eg_var eg_matmul(eg_tape *t, eg_var x, eg_var y);

/* exp(a) x of a (.., D, D), x (.., D, N), leading axes broadcast, without exp(a): m Taylor series
 * of a / m one after the other, m = ceil(2 |a|), |.| the largest absolute sum of a row in all of
 * a. What a series leaves out is below 2^-9 / 9! = 6e-9 (f32, 8 terms) or 2^-15 / 15! = 3e-17
 * (f64, 14) of |x| a step. |a| above 1000 is refused. Higham and Al-Mohy 2011, algorithm 3.2. */
EG_API eg_var eg_expm_times(eg_tape *t, eg_var a, eg_var x);

EG_API eg_var eg_copy(eg_tape *t, eg_var x);     /* row-major, of its own */
EG_API eg_var eg_constant(eg_tape *t, eg_var x); /* x, and nothing flows back through it */
EG_API eg_var eg_reshape(eg_tape *t, eg_var x, const eg_shape *shape);
EG_API eg_var eg_permute(eg_tape *t, eg_var x, const size_t *order); /* axis i was order[i] */
EG_API eg_var eg_swap_axes(eg_tape *t, eg_var x, size_t i, size_t j);
EG_API eg_var eg_broadcast_to(eg_tape *t, eg_var x, const eg_shape *shape);
/* count elements of an axis from begin on, step apart; step may be negative, not 0. */
EG_API eg_var eg_slice(eg_tape *t, eg_var x, size_t axis, size_t begin, size_t count,
                       ptrdiff_t step);
/* Zeros of size `size` along the axis, with x where a slice of the same numbers would look. */
EG_API eg_var eg_embed(eg_tape *t, eg_var x, size_t axis, size_t size, size_t begin,
                       ptrdiff_t step);
EG_API eg_var eg_pad(eg_tape *t, eg_var x, size_t axis, size_t before, size_t after);
EG_API eg_var eg_concat(eg_tape *t, const eg_var *x, size_t n, size_t axis);
EG_API eg_var eg_cast(eg_tape *t, eg_var x, eg_dtype dtype); /* to i32: towards 0, constant, and
   INT32_MIN for what it cannot hold */

/* Rows of x (N, ...) by index i32 of any shape (I...): (I..., ...); embedding look-up. An index
 * outside 0..N-1 fails. Its adjoint adds the rows of x (I..., ...) into N rows of zeros. */
EG_API eg_var eg_gather(eg_tape *t, eg_var x, eg_var index);
EG_API eg_var eg_scatter_add(eg_tape *t, eg_var x, eg_var index, size_t n);
/* index i32 of x's shape but for the axis: y[.., i, ..] = x[.., index[.., i, ..], ..]; and its
 * adjoint into `size` places along the axis. */
EG_API eg_var eg_take_along(eg_tape *t, eg_var x, eg_var index, size_t axis);
EG_API eg_var eg_put_along(eg_tape *t, eg_var x, eg_var index, size_t axis, size_t size);
/* (...) i32 to (..., classes); a class outside fails. */
EG_API eg_var eg_one_hot(eg_tape *t, eg_var index, size_t classes, eg_dtype dtype);

/* y = softmax(q k^T) v of q (.., Q, D), k (.., N, D), v (.., N, DV), leading axes broadcast, and
 * no (Q, N) matrix forward or back: O(Q (D + DV) + N (D + DV)) memory a thread. *log_sum (may be
 * NULL) is logsumexp(q k^T), (.., Q). Masks are EG_NONE or broadcast to (.., Q, N), of q's type:
 * where one is not 0 the query does not see the key; they are constants. `padding` is the same for
 * all queries, and its keys cost nothing. A query that sees no key has y = 0, log_sum = -infinity
 * and no gradient. Has one derivative; made of eg_matmul and eg_softmax it has more. */
EG_API eg_var eg_associate(eg_tape *t, eg_var q, eg_var k, eg_var v, eg_var hidden, eg_var padding,
                           eg_var *log_sum);

/* Each element kept with probability 1 - p and divided by it, else 0; element i depends on draw i
 * of the stream alone (Srivastava et al. 2014). */
EG_API eg_var eg_dropout(eg_tape *t, eg_var x, double p, uint64_t seed, uint64_t stream);

/* Along the last axis, a = dA/ds of a row of the table of separations (engram/association.h) at
 * scores s: softmax, entmax, normmax, k-subsets, .... Unscaled; the similarity and the projection
 * of the rule are not read. Has one derivative; softmax has more through eg_softmax(). */
struct eg_rule;
EG_API eg_var eg_separate(eg_tape *t, eg_var s, const struct eg_rule *rule);

/* How a window slides over (N, C, L) or (N, C, H, W): [0] is L or H, [1] is W. A 0 stands for the
 * default: stride 1 for convolutions and the kernel for pools, dilation 1, one group. */
typedef struct eg_window {
    size_t size;      /* of this struct */
    size_t kernel[2]; /* of pools; convolutions have that of their weights */
    size_t stride[2], padding[2];
    size_t dilation[2], groups; /* of convolutions */
    size_t extra[2];            /* of conv_transpose: makes the output longer; < stride */
} eg_window;
#define EG_WINDOW_INIT                                                \
    {                                                                 \
        sizeof(eg_window), { 0, 0 }, { 0, 0 }, { 0, 0 }, { 0, 0 }, 0, \
        {                                                             \
            0, 0                                                      \
        }                                                             \
    }

/* x (N, C, H, W) with w (O, C / groups, K, K'): (N, O, H', W') where
 * H' = (H + 2 padding - dilation (K - 1) - 1) / stride + 1. Of (N, C, L) and (O, C / groups, K)
 * alike. Its transpose takes x (N, O, H', W') to (N, C, H, W), H as above solved for H' plus
 * extra. Sums in f32 are oneDNN's, in f64 those of the matrix product. Padding is by zeros. */
EG_API eg_var eg_conv(eg_tape *t, eg_var x, eg_var w, const eg_window *window);
EG_API eg_var eg_conv_transpose(eg_tape *t, eg_var x, eg_var w, const eg_window *window);

/* Of each window, over the last one or two axes; padding at most half the kernel. Where several
 * elements are the maximum the first has its gradient; NaN is a maximum. Padding is no maximum and
 * counts as zeros in an average. Adaptive: size[0] (and [1]) windows, window i from
 * floor(i H / size) to ceil((i + 1) H / size). */
EG_API eg_var eg_max_pool(eg_tape *t, eg_var x, const eg_window *window);
EG_API eg_var eg_average_pool(eg_tape *t, eg_var x, const eg_window *window);
EG_API eg_var eg_adaptive_average_pool(eg_tape *t, eg_var x, const size_t *size);

/* (x - mean) / sqrt(variance + epsilon) scale + shift, with the biased variance; scale and shift
 * may be EG_NONE. Layer norm: over the last `axes` axes, whose shape scale and shift have. Group
 * and batch norm of x (N, C, ..), scale and shift (C): over C / groups channels and all places of
 * one example; over all but C. Batch norm hands out the (C) mean and variance it took, which may
 * be NULL; _fixed takes them. Ba, Kiros and Hinton 2016; Wu and He 2018; Ioffe and Szegedy 2015. */
EG_API eg_var eg_layer_norm(eg_tape *t, eg_var x, size_t axes, eg_var scale, eg_var shift,
                            double epsilon);
EG_API eg_var eg_group_norm(eg_tape *t, eg_var x, size_t groups, eg_var scale, eg_var shift,
                            double epsilon);
EG_API eg_var eg_batch_norm(eg_tape *t, eg_var x, eg_var scale, eg_var shift, double epsilon,
                            eg_var *mean, eg_var *variance);
EG_API eg_var eg_batch_norm_fixed(eg_tape *t, eg_var x, eg_var mean, eg_var variance, eg_var scale,
                                  eg_var shift, double epsilon);

/* What a recurrent layer learns: w_ih (G H, D), w_hh (G H, H), biases (G H) or EG_NONE, where the G
 * gates lie one after the other: i f g o of the LSTM, r z n of the GRU (PyTorch's order). */
typedef struct eg_recurrent {
    eg_var w_ih, w_hh, b_ih, b_hh;
} eg_recurrent;

/* One step of x (B, D) from h (B, H); sigma is the logistic function, a = x w_ih^T + b_ih and
 * b = h w_hh^T + b_hh cut into gates.
 * LSTM:  i f o = sigma(a + b), g = tanh(a + b);  c' = f c + i g;  h' = o tanh c'
 * GRU:   r z = sigma(a + b), n = tanh(a_n + r b_n);  h' = (1 - z) n + z h
 * Hochreiter and Schmidhuber 1997, Gers et al. 2000; Cho et al. 2014. */
EG_API eg_var eg_lstm_cell(eg_tape *t, eg_var x, eg_var h, eg_var c, const eg_recurrent *p,
                           eg_var *c_out);
EG_API eg_var eg_gru_cell(eg_tape *t, eg_var x, eg_var h, const eg_recurrent *p);

/* The cell over x (T, B, D): all h' as (T, B, H), and the last c' (B, H) where last_c is not NULL.
 * Differentiable once; the cells, step by step, any number of times. */
EG_API eg_var eg_lstm(eg_tape *t, eg_var x, eg_var h, eg_var c, const eg_recurrent *p,
                      eg_var *last_c);
EG_API eg_var eg_gru(eg_tape *t, eg_var x, eg_var h, const eg_recurrent *p);

/* Bilinear samples of x (N, C, H, W) at grid (N, H', W', 2) of (column, row) in [-1, 1], the outer
 * edges of the first and last pixel (align_corners = False of PyTorch); 0 outside. The grid of the
 * affine map theta (N, 2, 3): theta (column, row, 1) at the centres of H' x W' pixels. Jaderberg et
 * al. 2015. */
EG_API eg_var eg_grid_sample(eg_tape *t, eg_var x, eg_var grid);
EG_API eg_var eg_affine_grid(eg_tape *t, eg_var theta, size_t height, size_t width);

#ifdef __cplusplus
}
#endif
#endif
