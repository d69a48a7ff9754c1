/* Normalised lines, a block of them at a time. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/egi_kernel_norm.h"

#include <math.h>

#include "base/egi_base.h"

enum { PARTS = 16, BLOCK = 256 };

#define REAL float
#define NAME(x) x##_f32
#include "kernel/kernel_norm_body.h"
#undef REAL
#undef NAME

#define REAL double
#define NAME(x) x##_f64
#include "kernel/kernel_norm_body.h"
#undef REAL
#undef NAME

struct job {
    const struct egi_norm *n;
    void (*line)(const struct egi_norm *n, size_t line);
};

static void some(void *arg, size_t block)
{
    const struct job *j = arg;
    const size_t end = (block + 1) * BLOCK < j->n->lines ? (block + 1) * BLOCK : j->n->lines;
    for (size_t i = block * BLOCK; i < end; i++) j->line(j->n, i);
}

void egi_norm_run(const struct egi_norm *n, eg_dtype dtype, int threads)
{
    struct job j = { n, dtype == EG_F32 ? line_f32 : line_f64 };
    const double work = 8.0 * (double)n->lines * (double)n->length;
    egi_parallel_for((n->lines + BLOCK - 1) / BLOCK, egi_crew(threads, work), some, &j);
}
