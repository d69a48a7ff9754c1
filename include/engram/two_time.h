/* engram/two_time.h - how far weights move between two times of training.
 *
 * With w(s) the M weights after s steps, t_w a waiting time and t the time after it,
 *
 *   Delta(t_w, t_w + t) = 1/M sum_i (w_i(t_w + t) - w_i(t_w))^2
 *
 * A system at rest in itself depends on t alone; one that ages on t_w too, as a glass does
 * (Baity-Jesi et al. 2018, eq. 2; Cugliandolo and Kurchan 1993). */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGRAM_TWO_TIME_H
#define ENGRAM_TWO_TIME_H

#include "engram/params.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct eg_two_time eg_two_time;

/**
 * An observer of the arrays of w that are f32, which reads them at times that are even in
 * logarithm: t_w is 0 and then 1 .. last/2, t is 1 .. last. It keeps the weights of each t_w, and
 * nothing else grows: `waits` M floats. A few pairs are read at a step, most steps read none.
 * @param w      as they will be given to eg_two_time_see; running statistics of norms are left out
 * @param last   the last step there will be; 2 or more
 * @param waits  waiting times, 1 or more; fewer where whole numbers do not suffice, as with `times`
 * @param times  times after each, 2 or more
 * @return EG_OK; EG_ERR_INVALID (also: no f32 array); EG_ERR_OVERFLOW; EG_ERR_NOMEM
 */
EG_API EG_MUST_CHECK eg_status eg_two_time_create(const eg_params *w, uint64_t last, size_t waits,
                                                  size_t times, const eg_allocator *alloc,
                                                  eg_two_time **out);
EG_API void eg_two_time_destroy(eg_two_time *m);

/* The weights after `step` steps, of any step that has not been seen; EG_ERR_SHAPE: they are not
 * those it was made for. What is due at a step that is left out is never known. */
EG_API EG_MUST_CHECK eg_status eg_two_time_see(eg_two_time *m, const eg_params *w, uint64_t step);

/* All that it knows, as arrays: what a checkpoint keeps of it. Borrowed. */
EG_API eg_params *eg_two_time_state(eg_two_time *m);

typedef struct eg_two_time_row {
    uint64_t wait, time; /* t_w, t: steps */
    double delta;        /* Delta */
    double kurtosis;     /* (1/M sum dw_i^4) / Delta^2: 3 for Gaussian displacements */
    double overlap;      /* cosine of w(t_w) and w(t_w + t); NaN where one is zero */
} eg_two_time_row;

/**
 * What was seen, by t_w and then t.
 * @param array  the name of one array, or NULL: of all that have moved at all
 * @param row    receives at most room rows
 * @return how many there are; 0 for a name that is not known
 */
EG_API size_t eg_two_time_rows(const eg_two_time *m, const char *array, eg_two_time_row *row,
                               size_t room);

typedef struct eg_ageing {
    double ballistic; /* d ln Delta / d ln t of t_w = 0 at the shortest times: 2 along a slope, 1
                         for noise; NaN without rows */
    double diffusive; /* of the last t_w that has them, over its last decade: 1 for diffusion */
    double diffusion; /* D of Delta = 2 D t there: half the mean of Delta / t */
    double exponent;  /* mu in 0..1 for which Delta is most nearly a function of t / t_w^mu: 0 is a
                         system at rest, 1 full ageing */
    double spread; /* what then remains: the mean variance of ln Delta between waiting times, over
                      that at mu = 0; 1 where nothing is gained */
} eg_ageing;

/**
 * Laws of two-time displacements. Curves of ln Delta against ln t - mu ln t_w, piecewise linear,
 * are compared where they overlap, mu in steps of .01 (waiting times above 0 with two rows or
 * more).
 * @return EG_OK; EG_ERR_INVALID (fewer than two waiting times that can be compared, or rows that
 * are not sorted as eg_two_time_rows gives them)
 */
EG_API EG_MUST_CHECK eg_status eg_two_time_ageing(const eg_two_time_row *row, size_t n,
                                                  eg_ageing *out);

#ifdef __cplusplus
}
#endif
#endif
