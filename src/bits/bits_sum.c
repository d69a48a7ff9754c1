/* Overlaps and weighted sums: one state against all patterns.
 *
 * A weighted sum is cut into panels of 1024 components and at most 16 parts of the memories; a
 * part goes through chunks of 2048 memories, whose 512 tables of 4 memories (32 KiB) stay in
 * the first cache for the whole panel. The parts of a panel are the parallel tasks and are added
 * in their order. What a sum adds to what therefore depends on N alone. Depth of the additions:
 * 2 in a table, 8 in a group, 64 in a chunk, ceil(N / 32768) in a part, 16 parts; the error of
 * y_j is at most that many times 2^-24 sum |a_i| (Higham 2002, sec. 4.2).
 *
 * Signs of a weighted sum, which is all that +-1 states need, are those of the sum above, found in
 * three steps, each for what the one before leaves open (an overlap is a random number, so of a
 * random state's components some 2 % and then some 0.1 %):
 *   1. weights rounded to whole multiples of 1/16383 of the largest of a chunk, summed exactly;
 *      the sum is wrong by what rounding the weights moves, which is added up with them;
 *   2. 32 running sums in f32 of the weights whose bit is 1: wrong by 69 2^-24 of the mass, twice;
 *   3. the sum itself.
 * ERROR covers step 2 and the depth of step 3. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "bits/egi_bits_layout.h"

enum {
    PANEL_BLOCKS = 64,
    PANEL = PANEL_BLOCKS * EGI_BITS_LANES,
    CHUNK_GROUPS = EGI_BITS_CHUNK,
    CHUNK = CHUNK_GROUPS * EGI_BITS_GROUP,
    PARTS = 16,
    TOGETHER = 8,        /* columns summed in one pass */
    FEW = 16,            /* blocks by themselves that cost about what a panel does */
    ERROR = 256,         /* and ceil(N / 32768): units of 2^-24 sum |a_i| */
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

void egi_bits_overlaps_of(const uint64_t *rows, size_t n, size_t d, const uint64_t *x,
                          int32_t *overlap)
{
    const size_t words = egi_bits_words(d);
    const struct egi_kernels_bits kernel = egi_kernels_bits(egi_isa_level());
    kernel.overlaps(rows, n, words, x, (int32_t)(64 * words - d), overlap);
}

struct sum_job {
    const struct egi_bits *b;
    const float *a;       /* (N) */
    size_t block, blocks; /* of this panel */
    size_t part, parts;   /* memories of a part: a multiple of CHUNK; how many */
    float *partial;       /* (PARTS, PANEL) */
    double *whole;        /* (PARTS, PANEL) of step 1 */
    double *unit;         /* (chunks) */
    int16_t *w;           /* (N, filled up to whole groups with 0) whole weights */
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

static void cut(struct sum_job *job)
{
    const size_t n = job->b->n, chunks = (n + CHUNK - 1) / CHUNK;
    job->part = (chunks + PARTS - 1) / PARTS * CHUNK;
    job->parts = n == 0 ? 0 : (n + job->part - 1) / job->part;
}

/* y (blocks, 16), as far as there are components, of the blocks that job names. */
static void sum_blocks(struct sum_job *job, int threads, float *y)
{
    const size_t first = job->block * EGI_BITS_LANES, most = job->blocks * EGI_BITS_LANES;
    const size_t width = job->b->d - first < most ? job->b->d - first : most;
    egi_parallel_for(job->parts, threads, sum_part, job);
    for (size_t c = 0; c < width; c++) {
        float sum = 0;
        for (size_t p = 0; p < job->parts; p++) sum += job->partial[p * PANEL + c];
        y[c] = sum;
    }
}

void egi_bits_weighted_sum(const struct egi_bits *b, const float *a, int threads, float *y)
{
    _Alignas(EGI_ALIGN) float partial[PARTS * PANEL];
    struct sum_job job = { .b = b, .a = a, .partial = partial };
    cut(&job);
    for (; job.block < b->blocks; job.block += PANEL_BLOCKS) {
        const size_t blocks = b->blocks - job.block;
        job.blocks = blocks < PANEL_BLOCKS ? blocks : PANEL_BLOCKS;
        sum_blocks(&job, threads, y + job.block * EGI_BITS_LANES);
    }
}

/* ---- signs ---- */

/* w (n, filled up to whole groups with 0) = a / unit rounded; returns unit, 0 with all w where
 * there is nothing to divide by. */
static double whole_weights(const float *a, size_t n, int16_t *w)
{
    const float rounder = 12582912.0f; /* 1.5 2^23: adding it rounds to a whole number */
    float most = 0;
    for (size_t i = 0; i < n; i++) most = fabsf(a[i]) > most ? fabsf(a[i]) : most;
    const int some = most > 1e-30f;
    const float by = some ? EGI_BITS_WHOLE / most : 0;
    for (size_t i = 0; i < n; i++) w[i] = (int16_t)(a[i] * by + rounder - rounder);
    for (size_t i = n; i % EGI_BITS_GROUP != 0; i++) w[i] = 0;
    return some ? (double)most / EGI_BITS_WHOLE : 0;
}

static void whole_part(void *arg, size_t part)
{
    const struct sum_job *job = arg;
    const struct egi_bits *b = job->b;
    int32_t sum[PANEL];
    double *y = job->whole + part * PANEL;
    const size_t begin = part * job->part;
    const size_t end = b->n - begin < job->part ? b->n : begin + job->part;
    memset(y, 0, PANEL * sizeof *y);
    for (size_t first = begin; first < end; first += CHUNK) {
        const size_t n = end - first < CHUNK ? end - first : CHUNK;
        const double unit = job->unit[first / CHUNK];
        const uint32_t *bits =
            b->bits + job->block * egi_bits_stride(b) + first / EGI_BITS_GROUP * EGI_BITS_LANES;
        memset(sum, 0, sizeof sum);
        b->kernel.whole_sums(bits, egi_bits_stride(b), job->blocks, egi_bits_groups(n),
                             job->w + first, sum);
        for (size_t c = 0; c < PANEL; c++) y[c] += unit * (double)sum[c];
    }
}

/* Of all weights: what they sum to, their magnitudes, and what rounding them moves. */
struct weight_sums {
    double sum, mass, moved;
};

static struct weight_sums weigh(const struct sum_job *job)
{
    const size_t n = job->b->n;
    struct weight_sums s = { 0, 0, 0 };
    for (size_t first = 0; first < n; first += CHUNK) {
        const size_t most = n - first < CHUNK ? n - first : CHUNK;
        const float *a = job->a + first;
        const int16_t *w = job->w + first;
        const double unit = whole_weights(a, most, job->w + first);
        job->unit[first / CHUNK] = unit;
        for (size_t i = 0; i < most; i++) {
            s.sum += (double)a[i];
            s.mass += fabs((double)a[i]);
            s.moved += fabs((double)a[i] - unit * (double)w[i]);
        }
    }
    return s;
}

/* Step 2: the sums for components j (m <= TOGETHER). */
static void running_sums(const struct sum_job *job, const size_t *j, size_t m, double sum,
                         double *y)
{
    const struct egi_bits *b = job->b;
    const uint32_t *column[TOGETHER], invert[TOGETHER] = { 0 };
    for (size_t c = 0; c < m; c++) y[c] = -sum;
    for (size_t first = 0; first < b->n; first += CHUNK) {
        const size_t n = b->n - first < CHUNK ? b->n - first : CHUNK;
        float a[CHUNK], in[TOGETHER];
        memcpy(a, job->a + first, n * sizeof *a);
        for (size_t i = n; i % EGI_BITS_GROUP != 0; i++) a[i] = 0;
        for (size_t c = 0; c < m; c++)
            column[c] = egi_bits_column(b, j[c]) + first / EGI_BITS_GROUP * EGI_BITS_LANES;
        b->kernel.masked_sums_f32(a, egi_bits_groups(n), column, invert, m, in);
        for (size_t c = 0; c < m; c++) y[c] += 2 * (double)in[c];
    }
}

static float sign_of(double y)
{
    return y > 0 ? 1.0f : y < 0 ? -1.0f : 0.0f;
}

/* Step 2 for components open (m): those that stay open are returned in front, and their number. */
static size_t narrow(const struct sum_job *job, size_t *open, size_t m, double sum, double error,
                     float *y)
{
    size_t left = 0;
    for (size_t first = 0; first < m; first += TOGETHER) {
        const size_t n = m - first < TOGETHER ? m - first : TOGETHER;
        double of[TOGETHER];
        running_sums(job, open + first, n, sum, of);
        for (size_t c = 0; c < n; c++) {
            const size_t j = open[first + c];
            y[j] = sign_of(of[c]);
            if (!(fabs(of[c]) > error)) open[left++] = j;
        }
    }
    return left;
}

/* Step 3, of the blocks of a few components or of the whole panel. */
static void settle(const struct sum_job *job, int threads, const size_t *open, size_t m, float *y)
{
    float sum[PANEL];
    struct sum_job some = *job;
    const int few = m <= FEW;
    if (!few) sum_blocks(&some, threads, sum);
    for (size_t k = 0; k < m; k++) {
        if (few) {
            some.block = open[k] / EGI_BITS_LANES;
            some.blocks = 1;
            sum_blocks(&some, threads, sum);
        }
        y[open[k]] = sign_of((double)sum[open[k] - some.block * EGI_BITS_LANES]);
    }
}

static void panel_signs(struct sum_job *job, int threads, const struct weight_sums *s, float *y)
{
    const struct egi_bits *b = job->b;
    const size_t first = job->block * EGI_BITS_LANES;
    const size_t width = b->d - first < PANEL ? b->d - first : PANEL;
    const double depth = ERROR + (double)(b->n / (PARTS * CHUNK));
    const double error = depth * 0x1p-24 * s->mass;
    size_t open[PANEL], m = 0;
    egi_parallel_for(job->parts, threads, whole_part, job);
    for (size_t c = 0; c < width; c++) {
        double sum = 0;
        for (size_t p = 0; p < job->parts; p++) sum += job->whole[p * PANEL + c];
        y[first + c] = sign_of(sum);
        if (!(fabs(sum) > s->moved + error)) open[m++] = first + c;
    }
    m = narrow(job, open, m, s->sum, error, y);
    settle(job, threads, open, m, y);
}

size_t egi_bits_signs_work(const struct egi_bits *b)
{
    return (b->n + CHUNK - 1) / CHUNK + egi_bits_groups(b->n) * EGI_BITS_GROUP / 4;
}

void egi_bits_signs(const struct egi_bits *b, const float *a, int threads, double *work, float *y)
{
    _Alignas(EGI_ALIGN) float partial[PARTS * PANEL];
    double whole[PARTS * PANEL];
    struct sum_job job = { .b = b, .a = a, .partial = partial, .whole = whole, .unit = work };
    job.w = (int16_t *)(void *)(work + (b->n + CHUNK - 1) / CHUNK);
    const struct weight_sums s = weigh(&job);
    cut(&job);
    for (; job.block < b->blocks; job.block += PANEL_BLOCKS) {
        const size_t blocks = b->blocks - job.block;
        job.blocks = blocks < PANEL_BLOCKS ? blocks : PANEL_BLOCKS;
        panel_signs(&job, threads, &s, y);
    }
}
