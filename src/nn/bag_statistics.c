/* Bags for a learner of vectors: the mean, the least and the largest number of each column over
 * the rows of the bag, (3 D), in the place of the bag. The last two are the statistics whose
 * kernel separates bags by one instance (Gartner, Flach, Kowalczyk and Smola 2002, section 4). */
/* SPDX-License-Identifier: Apache-2.0 */
#include "nn/egi_learner.h"

enum { STATISTICS = 3 };

const eg_task *egi_learner_asked(const eg_learner *l)
{
    return l->asked.inputs > 0 ? &l->asked : &l->task;
}

eg_status egi_bag_statistics_task(eg_learner *l)
{
    l->asked = l->task;
    l->task.bags = l->task.height = l->task.width = l->task.channels = 0;
    return egi_mul_size(STATISTICS, l->task.inputs, &l->task.inputs);
}

/* One column of rows (n, D). */
static void measure(const float *x, size_t n, size_t d, float *mean, float *least, float *largest)
{
    double sum = 0;
    *least = *largest = x[0];
    for (size_t i = 0; i < n; i++) {
        const float v = x[i * d];
        sum += (double)v;
        *least = v < *least ? v : *least;
        *largest = v > *largest ? v : *largest;
    }
    *mean = (float)(sum / (double)n);
}

eg_status egi_bag_statistics(const eg_learner *l, const eg_examples *e, struct egi_arena *arena,
                             eg_examples *out)
{
    const size_t d = l->asked.inputs;
    size_t cells;
    EGI_TRY(egi_mul_size(e->n, STATISTICS * d, &cells));
    const struct egi_need needs[] = { { cells, sizeof(float) } };
    EGI_TRY(egi_arena_create(l->alloc, needs, EGI_COUNT(needs), "statistics of bags", arena));
    float *to = arena->part[0];
    for (size_t i = 0; i < e->n; i++, to += STATISTICS * d)
        for (size_t j = 0; j < d; j++)
            measure(e->x + e->offset[i] * d + j, e->offset[i + 1] - e->offset[i], d, to + j,
                    to + d + j, to + 2 * d + j);
    *out = (eg_examples){ arena->part[0], NULL, e->y, e->n };
    return EG_OK;
}
