/* A head whose fields were filled from outside: everything else follows from them, and what could
 * not have been taught is refused. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "hybrid/egi_head.h"

/* The most that a sum can have come to, so that no teaching or forgetting overflows it. */
static double most_of(const eg_head *h, const struct egi_field *f, size_t row)
{
    const double n = f->axis == EGI_CLASS ? egi_head_counts(h)[row] : (double)h->taught;
    return f->cell == EGI_I64   ? n * EGI_HEAD_ONE * EGI_HEAD_ONE
           : f->cell == EGI_I32 ? n * EGI_HEAD_ONE
                                : n;
}

static double number_at(const eg_head *h, size_t field, size_t i)
{
    const void *at = h->at[field];
    switch (h->field[field].cell) {
    case EGI_U16:
        return ((const uint16_t *)at)[i];
    case EGI_I32:
        return ((const int32_t *)at)[i];
    case EGI_U32:
        return ((const uint32_t *)at)[i];
    case EGI_F32:
        return (double)((const float *)at)[i];
    case EGI_I64:
        return (double)((const int64_t *)at)[i];
    default:
        return 0;
    }
}

static eg_status check_numbers(const eg_head *h)
{
    for (size_t i = 0; i < h->fields; i++) {
        const struct egi_field *f = &h->field[i];
        const size_t n = egi_head_rows_of(h, f) * f->columns;
        const int sums = f->join == EGI_SUM && f->axis != EGI_ITEM;
        for (size_t k = 0; k < n && (sums || f->cell == EGI_F32); k++) {
            const double v = number_at(h, i, k);
            if (!isfinite(v) || (sums && fabs(v) > most_of(h, f, k / f->columns)))
                return egi_fail(EG_ERR_CORRUPT, "%s: number %zu is %g, which no examples come to",
                                f->name, k, v);
        }
    }
    return EG_OK;
}

static eg_status check_calibration(const eg_head *h)
{
    const struct egi_calibration *c = egi_head_calibration(h);
    int right = c->examples >= 0 && c->examples <= 1 << 24 && floorf(c->examples) >= c->examples
                && c->share >= 0 && c->share < 1 && (c->examples <= 0 || c->temperature > 0);
    for (size_t i = 1; right && i < EGI_HEAD_GRID && i < (size_t)c->examples; i++)
        right = c->score[i] >= c->score[i - 1];
    return right ? EG_OK : egi_fail(EG_ERR_CORRUPT, "a calibration that is none");
}

static eg_status check_counts(eg_head *h)
{
    const uint32_t *count = egi_head_counts(h);
    h->taught = 0;
    for (size_t c = 0; c < h->classes; c++) {
        if (count[c] > EGI_HEAD_FULL && !h->row->items)
            return egi_fail(EG_ERR_CORRUPT, "class %zu: %u examples, a class has %d at most", c,
                            count[c], EGI_HEAD_FULL);
        h->taught += count[c];
    }
    if (h->classes > 0 && count[h->classes - 1] == 0)
        return egi_fail(EG_ERR_CORRUPT, "class %zu: the last one has no example", h->classes - 1);
    return EG_OK;
}

/* Items are of classes that count them, and their numbers rise. */
static eg_status check_items(eg_head *h)
{
    const int32_t *labels = h->at[EGI_ITEM_CLASS];
    const int64_t *number = h->at[EGI_ITEM_NUMBER];
    void *block;
    eg_status s = EG_OK;
    EGI_TRY(egi_alloc_array(h->alloc, h->classes, sizeof(uint32_t), "head: items", &block));
    uint32_t *left = block;
    memcpy(left, egi_head_counts(h), h->classes * sizeof *left);
    for (size_t i = 0; i < h->items && s == EG_OK; i++) {
        if (labels[i] < 0 || (size_t)labels[i] >= h->classes || left[labels[i]]-- == 0)
            s = egi_fail(EG_ERR_CORRUPT, "item %zu: of class %d, which has no room for it", i,
                         (int)labels[i]);
        else if (number[i] <= (i > 0 ? number[i - 1] : 0) || (uint64_t)number[i] > h->numbered)
            s = egi_fail(EG_ERR_CORRUPT, "item %zu: number %lld is out of order", i,
                         (long long)number[i]);
    }
    if (s == EG_OK && h->items != h->taught)
        s = egi_fail(EG_ERR_CORRUPT, "%zu items, and %llu examples", h->items,
                     (unsigned long long)h->taught);
    egi_free(h->alloc, block, h->classes * sizeof(uint32_t));
    return s;
}

eg_status egi_head_adopt(eg_head *h)
{
    h->ready = 0;
    EGI_TRY(check_counts(h));
    EGI_TRY(check_numbers(h));
    EGI_TRY(check_calibration(h));
    if (h->row->items)
        EGI_TRY(check_items(h));
    else if (h->items > 0)
        return egi_fail(EG_ERR_CORRUPT, "%zu items, and this kind keeps none", h->items);
    return h->row->loaded != NULL ? h->row->loaded(h) : EG_OK;
}
