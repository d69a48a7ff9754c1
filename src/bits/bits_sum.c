/* Overlaps and weighted sums: one state against all patterns.
 *
 * A weighted sum is cut into panels of 1024 components and at most 16 parts of the memories; a
 * part goes through chunks of 2048 memories, whose 512 tables of 4 memories (32 KiB) stay in
 * the first cache for the whole panel. The parts of a panel are the parallel tasks and are added
 * in their order. What a sum adds to what therefore depends on N alone. Depth of the additions:
 * 2 in a table, 8 in a group, 64 in a chunk, ceil(N / 32768) in a part, 16 parts; the error of
 * y_j is at most that many times 2^-24 sum |a_i| (Higham 2002, sec. 4.2). */
/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "bits/egi_bits_layout.h"

enum {
    PANEL_BLOCKS = 64,
    PANEL = PANEL_BLOCKS * EGI_BITS_LANES,
    CHUNK_GROUPS = 64,
    CHUNK = CHUNK_GROUPS * EGI_BITS_GROUP,
    PARTS = 16,
    TASK_WORDS = 1 << 14 /* of overlaps: 128 KiB of rows */
};

struct overlap_job {
    const struct egi_bits *b;
    const uint64_t *x; /* (W) */
    size_t rows;       /* of a task */
    int32_t *overlap;  /* (N) */
};

static void overlap_rows(void *arg, size_t task)
{
    const struct overlap_job *job = arg;
    const struct egi_bits *b = job->b;
    const size_t first = task * job->rows, left = b->n - first;
    b->kernel.overlaps(b->rows + first * b->words, left < job->rows ? left : job->rows, b->words,
                       job->x, (int32_t)(64 * b->words - b->d), job->overlap + first);
}

void egi_bits_overlaps(const struct egi_bits *b, const uint64_t *x, int threads, int32_t *overlap)
{
    struct overlap_job job = { b, x, 1 + TASK_WORDS / b->words, overlap };
    egi_parallel_for((b->n + job.rows - 1) / job.rows, threads, overlap_rows, &job);
}

struct sum_job {
    const struct egi_bits *b;
    const float *a;       /* (N) */
    size_t block, blocks; /* of this panel */
    size_t part;          /* memories of a part: a multiple of CHUNK */
    float *partial;       /* (PARTS, PANEL) */
};

/* Tables of n <= CHUNK weights; a group that is not full is filled with weights 0. */
static void chunk_tables(const struct egi_bits *b, const float *a, size_t n, float *tables)
{
    const size_t whole = n / EGI_BITS_GROUP, rest = n % EGI_BITS_GROUP;
    b->kernel.sum_tables(a, whole, tables);
    if (rest == 0) return;
    float last[EGI_BITS_GROUP] = { 0 };
    memcpy(last, a + whole * EGI_BITS_GROUP, rest * sizeof *a);
    b->kernel.sum_tables(last, 1, tables + whole * EGI_BITS_TABLE);
}

static void sum_part(void *arg, size_t part)
{
    const struct sum_job *job = arg;
    const struct egi_bits *b = job->b;
    _Alignas(EGI_ALIGN) float tables[CHUNK_GROUPS * EGI_BITS_TABLE];
    float *y = job->partial + part * PANEL;
    const size_t begin = part * job->part;
    const size_t end = b->n - begin < job->part ? b->n : begin + job->part;
    memset(y, 0, PANEL * sizeof *y);
    for (size_t first = begin; first < end; first += CHUNK) {
        const size_t n = end - first < CHUNK ? end - first : CHUNK;
        chunk_tables(b, job->a + first, n, tables);
        const uint32_t *bits =
            b->bits + job->block * egi_bits_stride(b) + first / EGI_BITS_GROUP * EGI_BITS_LANES;
        b->kernel.signed_sums(bits, egi_bits_stride(b), job->blocks, egi_bits_groups(n), tables, y);
    }
}

void egi_bits_weighted_sum(const struct egi_bits *b, const float *a, int threads, float *y)
{
    _Alignas(EGI_ALIGN) float partial[PARTS * PANEL];
    const size_t chunks = (b->n + CHUNK - 1) / CHUNK;
    struct sum_job job = { .b = b, .a = a, .partial = partial };
    job.part = (chunks + PARTS - 1) / PARTS * CHUNK;
    const size_t parts = b->n == 0 ? 0 : (b->n + job.part - 1) / job.part;
    for (; job.block < b->blocks; job.block += PANEL_BLOCKS) {
        const size_t blocks = b->blocks - job.block, first = job.block * EGI_BITS_LANES;
        job.blocks = blocks < PANEL_BLOCKS ? blocks : PANEL_BLOCKS;
        egi_parallel_for(parts, threads, sum_part, &job);
        const size_t width = b->d - first < PANEL ? b->d - first : PANEL;
        for (size_t c = 0; c < width; c++) {
            float sum = 0;
            for (size_t p = 0; p < parts; p++) sum += partial[p * PANEL + c];
            y[first + c] = sum;
        }
    }
}
