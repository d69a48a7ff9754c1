/* Quantisers of single components: L - 1 thresholds, rising, and L values. They differ in where
 * the thresholds lie; after fitting, a value is the mean of what fell into its cell (the centroid
 * condition of Lloyd 1982), or where none did, the middle of the cell.
 *
 *   sign      L = 2: at 0, or (about = mean) at the mean of the component
 *   ternary   L = 3: m +- 0.7 E|x - m|, m as above (Li, Zhang and Liu 2016, eq. 6)
 *   coarse    L = 2^bits cells of one width between least and greatest
 *   quantile  L = 2^bits cells with as many vectors in each
 *
 * Before any data a component is taken as normal with mean 0 and deviation 1 / sqrt(D). */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "hybrid/egi_quantiser.h"

static const char *const about_words[] = { "zero", "mean", NULL };

struct middle {
    int about;
};
struct fine {
    size_t bits;
};

static const struct egi_setting middle_settings[] = {
    EGI_SET_WORD(struct middle, about, "\"mean\"", about_words, "what the cells lie around"),
    EGI_SET_END,
};
static const struct egi_setting fine_settings[] = {
    EGI_SET_COUNT(struct fine, bits, "4", 1, 8, "a component"),
    EGI_SET_END,
};

/* Of component j: (L - 1) thresholds, then (L) values. */
static float *cells(const eg_quantiser *q, size_t j)
{
    return q->table + j * (2 * q->symbols - 1);
}

static eg_status plan_of(eg_quantiser *q, size_t symbols)
{
    q->parts = q->d;
    q->part = 1;
    q->symbols = symbols;
    return egi_mul_size(q->d, 2 * symbols - 1, &q->size);
}

static eg_status plan_sign(eg_quantiser *q)
{
    return plan_of(q, 2);
}

static eg_status plan_ternary(eg_quantiser *q)
{
    return plan_of(q, 3);
}

static eg_status plan_fine(eg_quantiser *q)
{
    return plan_of(q, (size_t)1 << ((const struct fine *)&q->settings)->bits);
}

static size_t cell_of(const float *threshold, size_t symbols, float x)
{
    size_t lo = 0, hi = symbols - 1; /* thresholds at or below x */
    while (lo < hi) {
        const size_t mid = (lo + hi) / 2;
        if (threshold[mid] <= x)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static void encode(const eg_quantiser *q, const float *x, uint16_t *code)
{
    for (size_t j = 0; j < q->d; j++) code[j] = (uint16_t)cell_of(cells(q, j), q->symbols, x[j]);
}

static void decode(const eg_quantiser *q, const uint16_t *code, float *x)
{
    for (size_t j = 0; j < q->d; j++) x[j] = cells(q, j)[q->symbols - 1 + code[j]];
}

/* Values in the middle of their cells; the outermost as far out as their neighbours are wide. */
static void middle_values(float *cell, size_t symbols, float lo, float hi)
{
    float *value = cell + symbols - 1;
    for (size_t v = 0; v < symbols; v++) {
        const float from = v > 0 ? cell[v - 1] : lo, to = v + 1 < symbols ? cell[v] : hi;
        value[v] = from / 2 + to / 2;
    }
}

static void begin(eg_quantiser *q)
{
    const double width = 1 / sqrt((double)q->d), reach = q->symbols == 2 ? 1.6 : 3;
    const size_t l = q->symbols;
    for (size_t j = 0; j < q->d; j++) {
        float *cell = cells(q, j);
        for (size_t v = 0; v + 1 < l; v++)
            cell[v] = (float)(width * reach * (2 * ((double)v + 1) / (double)l - 1));
        middle_values(cell, l, (float)(-width * reach), (float)(width * reach));
    }
}

/* ---- where the thresholds lie: column (N) sorted ---- */

static double mean_of(const float *column, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += (double)column[i];
    return sum / (double)n;
}

static double centre_of(const eg_quantiser *q, const float *column, size_t n)
{
    return ((const struct middle *)&q->settings)->about ? mean_of(column, n) : 0;
}

static void place_sign(const eg_quantiser *q, const float *column, size_t n, float *threshold)
{
    threshold[0] = (float)centre_of(q, column, n);
}

static void place_ternary(const eg_quantiser *q, const float *column, size_t n, float *threshold)
{
    const double centre = centre_of(q, column, n);
    double apart = 0;
    for (size_t i = 0; i < n; i++) apart += fabs((double)column[i] - centre);
    threshold[0] = (float)(centre - 0.7 * apart / (double)n);
    threshold[1] = (float)(centre + 0.7 * apart / (double)n);
}

static void place_coarse(const eg_quantiser *q, const float *column, size_t n, float *threshold)
{
    const double lo = (double)column[0], width = (double)column[n - 1] - lo;
    for (size_t v = 1; v < q->symbols; v++)
        threshold[v - 1] = (float)(lo + width * (double)v / (double)q->symbols);
}

static void place_quantile(const eg_quantiser *q, const float *column, size_t n, float *threshold)
{
    for (size_t v = 1; v < q->symbols; v++) threshold[v - 1] = column[v * n / q->symbols];
}

typedef void place(const eg_quantiser *q, const float *column, size_t n, float *threshold);

/* Means of the cells; the column is sorted, so each cell is a run of it. */
static void mean_values(float *cell, size_t symbols, const float *column, size_t n)
{
    middle_values(cell, symbols, column[0], column[n - 1]);
    for (size_t i = 0; i < n;) {
        const size_t from = i, v = cell_of(cell, symbols, column[i]);
        while (i < n && cell_of(cell, symbols, column[i]) == v) i++;
        cell[symbols - 1 + v] = (float)mean_of(column + from, i - from);
    }
}

static eg_status fit(eg_quantiser *q, const float *x, size_t n, place *where)
{
    void *block;
    EGI_TRY(egi_alloc_array(q->alloc, n, sizeof(float), "quantiser: a component", &block));
    float *column = block;
    for (size_t j = 0; j < q->d; j++) {
        for (size_t i = 0; i < n; i++) column[i] = x[i * q->d + j];
        egi_vectors_sort(column, n);
        where(q, column, n, cells(q, j));
        mean_values(cells(q, j), q->symbols, column, n);
    }
    egi_free(q->alloc, block, n * sizeof(float));
    return EG_OK;
}

static eg_status fit_sign(eg_quantiser *q, const float *x, size_t n)
{
    return fit(q, x, n, place_sign);
}

static eg_status fit_ternary(eg_quantiser *q, const float *x, size_t n)
{
    return fit(q, x, n, place_ternary);
}

static eg_status fit_coarse(eg_quantiser *q, const float *x, size_t n)
{
    return fit(q, x, n, place_coarse);
}

static eg_status fit_quantile(eg_quantiser *q, const float *x, size_t n)
{
    return fit(q, x, n, place_quantile);
}

/* A row a line, not a brace a level: */
/* clang-format off */
#define ROW(row, text, source, list, planned)                                   \
    const struct egi_quantiser_row egi_quantiser_##row = {                      \
        { #row, text, source }, list, planned, begin, fit_##row, encode, decode \
    }
/* clang-format on */
ROW(sign, "one bit a component", "", middle_settings, plan_sign);
ROW(ternary, "below, about or above", "Li, Zhang and Liu 2016, eq. 6", middle_settings,
    plan_ternary);
ROW(coarse, "cells of one width", "", fine_settings, plan_fine);
ROW(quantile, "learned thresholds: cells of one weight", "", fine_settings, plan_fine);
