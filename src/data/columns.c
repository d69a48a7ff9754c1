/* Columns brought to one scale. Means and deviations: Welford 1962. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "data/egi_data.h"

struct moments {
    double *mean, *squares; /* (D) */
    size_t rows;
};

static void add_row(struct moments *m, const float *x, size_t d)
{
    m->rows++;
    for (size_t j = 0; j < d; j++) {
        const double from = (double)x[j] - m->mean[j];
        m->mean[j] += from / (double)m->rows;
        m->squares[j] += from * ((double)x[j] - m->mean[j]);
    }
}

eg_status eg_dataset_columns(const eg_dataset *set, const size_t *index, size_t n, float *shift,
                             float *scale)
{
    if (set == NULL || set->x == NULL || shift == NULL || scale == NULL || n == 0)
        return egi_fail(EG_ERR_INVALID, "eg_dataset_columns: NULL, or no items");
    const struct egi_need needs[] = { { set->d, sizeof(double) }, { set->d, sizeof(double) } };
    struct egi_arena a;
    EGI_TRY(egi_arena_create(eg_allocator_default(), needs, EGI_COUNT(needs), "columns", &a));
    struct moments m = { a.part[0], a.part[1], 0 };
    for (size_t j = 0; j < set->d; j++) m.mean[j] = m.squares[j] = 0;
    for (size_t i = 0; i < n; i++) {
        const size_t item = index != NULL ? index[i] : i;
        const size_t from = set->offset != NULL ? set->offset[item] : item;
        const size_t to = set->offset != NULL ? set->offset[item + 1] : item + 1;
        for (size_t row = from; row < to; row++) add_row(&m, set->x + row * set->d, set->d);
    }
    for (size_t j = 0; j < set->d; j++) {
        const double deviation = sqrt(m.squares[j] / (double)m.rows);
        shift[j] = (float)m.mean[j];
        scale[j] = deviation > 1e-30 ? (float)(1 / deviation) : 1;
    }
    egi_arena_destroy(&a);
    return EG_OK;
}

void eg_dataset_scale_columns(eg_dataset *set, const float *shift, const float *scale)
{
    const size_t rows = eg_dataset_rows(set), d = set->d;
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < d; j++)
            set->x[i * d + j] = (set->x[i * d + j] - shift[j]) * scale[j];
}
