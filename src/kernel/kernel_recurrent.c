/* Steps of the batch in blocks of rows; each block goes through time on its own. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/egi_kernel_recurrent.h"

#include <string.h>

#include "base/egi_base.h"
#include "kernel/egi_kernel_exp.h"
#include "kernel/egi_kernel_gemm.h"

/* Rows of one block: a matrix product of them is worth its while. Blocks are of whole groups, in
 * which the product computes every row alike (EGI_LEARNER_GROUP). */
enum { BLOCK = 72, GROUP = 24 };

/* Rows of w_hh that meet columns of the packed gates, in units of H. */
struct product {
    size_t rows, row, column;
    int adds; /* to what the inputs gave */
};

static const struct kind {
    size_t gates, planes, products;
    struct product product[2];
} kinds[] = {
    [EGI_LSTM] = { 4, 6, 1, { { 4, 0, 0, 1 } } },
    [EGI_GRU] = { 3, 5, 2, { { 2, 0, 0, 1 }, { 1, 2, 3, 0 } } },
};

size_t egi_recurrent_gates(enum egi_recurrent_kind kind)
{
    return kinds[kind].gates;
}

size_t egi_recurrent_planes(enum egi_recurrent_kind kind)
{
    return kinds[kind].planes;
}

enum { BACK_PLANES = 5 }; /* of what the way back writes */

struct job {
    const struct egi_recurrent *g;
    const struct egi_recurrent_data *d;
    size_t each; /* rows of a block */
};

static size_t rows_of(const struct job *j, size_t first)
{
    return j->g->batch - first < j->each ? j->g->batch - first : j->each;
}

/* NAME(f)(..) as a statement */
#define CALL(f, ...) NAME(f)(__VA_ARGS__)

#define REAL float
#define NAME(x) x##_f32
#include "kernel/kernel_recurrent_body.h"
#undef REAL
#undef NAME

#define REAL double
#define NAME(x) x##_f64
#include "kernel/kernel_recurrent_body.h"
#undef REAL
#undef NAME

static void run(const struct egi_recurrent *g, const struct egi_recurrent_data *d,
                void (*block)(void *arg, size_t i), int threads)
{
    const size_t blocks = (g->batch + BLOCK - 1) / BLOCK;
    const size_t even = blocks > 0 ? (g->batch + blocks - 1) / blocks : 1;
    struct job j = { g, d, (even + GROUP - 1) / GROUP * GROUP };
    const double work =
        4 * (double)g->steps * (double)g->batch * (double)g->hidden * (double)(g->hidden + 32);
    egi_parallel_for(blocks, egi_crew(threads, work), block, &j);
}

void egi_recurrent_forward(const struct egi_recurrent *g, const struct egi_recurrent_data *d,
                           int threads)
{
    if (g->dtype == EG_F32) {
        inputs_f32(g, d, threads);
        run(g, d, forward_f32, threads);
    } else {
        inputs_f64(g, d, threads);
        run(g, d, forward_f64, threads);
    }
}

void egi_recurrent_back(const struct egi_recurrent *g, const struct egi_recurrent_data *d,
                        int threads)
{
    run(g, d, g->dtype == EG_F32 ? back_f32 : back_f64, threads);
}
