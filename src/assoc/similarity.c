/* The table of similarities: the yardstick, one pair at a time, in double. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "assoc/egi_assoc.h"

struct similarity {
    eg_row_info info;
    double (*value)(const float *xi, const float *x, size_t d);
};

static double dot(const float *xi, const float *x, size_t d)
{
    double sum = 0;
    for (size_t i = 0; i < d; i++) sum += (double)xi[i] * (double)x[i];
    return sum;
}

static double cosine(const float *xi, const float *x, size_t d)
{
    const double norms = sqrt(dot(xi, xi, d) * dot(x, x, d)); /* exactly 1 for x = xi */
    return norms > 0 ? dot(xi, x, d) / norms : 0;
}

static double euclidean(const float *xi, const float *x, size_t d)
{
    double sum = 0;
    for (size_t i = 0; i < d; i++) {
        const double apart = (double)x[i] - (double)xi[i];
        sum += apart * apart;
    }
    return -sum / 2;
}

static double manhattan(const float *xi, const float *x, size_t d)
{
    double sum = 0;
    for (size_t i = 0; i < d; i++) sum += fabs((double)x[i] - (double)xi[i]);
    return -sum;
}

static double hamming(const float *xi, const float *x, size_t d)
{
    size_t apart = 0;
    for (size_t i = 0; i < d; i++) apart += (xi[i] < 0) != (x[i] < 0);
    return (double)d - 2 * (double)apart;
}

static const struct similarity rows[EG_SIM_COUNT] = {
    [EG_SIM_DOT] = { { "dot", "s = <xi, x>", "", "Krotov and Hopfield 2016", "" }, dot },
    [EG_SIM_COSINE] = { { "cosine", "s = <xi, x>/(|xi| |x|), 0 where a norm is 0", "",
                          "Millidge et al. 2022", "" },
                        cosine },
    [EG_SIM_EUCLIDEAN] = { { "euclidean", "s = -|x - xi|^2/2", "",
                             "Hoover et al. 2025; Millidge et al. 2022", "" },
                           euclidean },
    [EG_SIM_MANHATTAN] = { { "manhattan", "s = -sum |x - xi|", "", "Millidge et al. 2022", "" },
                           manhattan },
    [EG_SIM_HAMMING] = { { "hamming", "s = D - 2 (signs that differ), sign 0 = +1", "",
                           "Kanerva 1988; Krotov and Hopfield 2016 on +-1 states", "" },
                         hamming },
};

static const eg_row_info *info_at(int row)
{
    return row >= 0 && row < EG_SIM_COUNT ? &rows[row].info : NULL;
}

const eg_row_info *eg_similarity_info(eg_similarity row)
{
    return info_at((int)row);
}

int eg_similarity_find(const char *name)
{
    static const struct egi_synonym synonyms[] = {
        { "l2", EG_SIM_EUCLIDEAN },
        { "l1", EG_SIM_MANHATTAN },
        { "overlap", EG_SIM_HAMMING },
        { NULL, -1 },
    };
    return egi_table_find(name, info_at, EG_SIM_COUNT, synonyms);
}

double eg_similarity_value(eg_similarity row, const float *xi, const float *x, size_t d)
{
    if (info_at((int)row) == NULL || (d > 0 && (xi == NULL || x == NULL))) return NAN;
    return rows[row].value(xi, x, d);
}
