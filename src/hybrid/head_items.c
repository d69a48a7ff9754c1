/* Examples that a head keeps: a vector of whole numbers, its class, and a number that rises with
 * each one taught and is not used twice. Rows stay in the order of teaching. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "hybrid/egi_head.h"

void egi_items_plan(eg_head *h)
{
    egi_head_field(h, &(struct egi_field){ "vector", EGI_I16, EGI_ITEM, EGI_SUM, 0, h->e, NULL });
    egi_head_field(h, &(struct egi_field){ "class", EGI_I32, EGI_ITEM, EGI_SUM, 0, 1, NULL });
    egi_head_field(h, &(struct egi_field){ "number", EGI_I64, EGI_ITEM, EGI_SUM, 0, 1, NULL });
}

void egi_items_add(eg_head *h, const int16_t *z, size_t label)
{
    const size_t i = h->items++;
    memcpy((int16_t *)h->at[EGI_ITEM_VECTOR] + i * h->e, z, h->e * sizeof *z);
    ((int32_t *)h->at[EGI_ITEM_CLASS])[i] = (int32_t)label;
    ((int64_t *)h->at[EGI_ITEM_NUMBER])[i] = (int64_t)++h->numbered;
}

void egi_items_move(eg_head *h, size_t from, size_t to)
{
    for (size_t f = EGI_ITEM_VECTOR; f <= EGI_ITEM_NUMBER && to < from; f++) {
        const size_t each = egi_head_row_bytes(&h->field[f]);
        memcpy((char *)h->at[f] + to * each, (const char *)h->at[f] + from * each, each);
    }
}

size_t egi_items_bytes(const eg_head *h)
{
    size_t bytes = 0;
    for (size_t f = EGI_ITEM_VECTOR; h->row->items && f <= EGI_ITEM_NUMBER; f++)
        bytes += h->items * egi_head_row_bytes(&h->field[f]);
    return bytes;
}

void egi_items_copy(eg_head *h, char *copy, int back)
{
    for (size_t f = EGI_ITEM_VECTOR; h->row->items && f <= EGI_ITEM_NUMBER; f++) {
        const size_t bytes = h->items * egi_head_row_bytes(&h->field[f]);
        memcpy(back ? h->at[f] : copy, back ? copy : h->at[f], bytes);
        copy += bytes;
    }
    if (back) h->ready = 0;
}

/* The last item that is this one and is still there: SIZE_MAX if none. */
static size_t find(const eg_head *h, const uint8_t *gone, int32_t label)
{
    const int16_t *vector = h->at[EGI_ITEM_VECTOR];
    const int32_t *labels = h->at[EGI_ITEM_CLASS];
    for (size_t i = h->items; i-- > 0;)
        if (!gone[i] && labels[i] == label
            && memcmp(vector + i * h->e, h->z, h->e * sizeof *vector) == 0)
            return i;
    return SIZE_MAX;
}

eg_status egi_items_forget(eg_head *h, const float *x, const int32_t *y, size_t n)
{
    const size_t had = h->items;
    void *block;
    EGI_TRY(egi_alloc_array(h->alloc, had, 1, "head: items to forget", &block));
    uint8_t *gone = block;
    eg_status s = EG_OK;
    memset(gone, 0, had);
    for (size_t i = 0; i < n && s == EG_OK; i++) {
        egi_head_front(h, x + i * h->d);
        const size_t at = find(h, gone, y[i]);
        if (at == SIZE_MAX)
            s = egi_fail(EG_NOT_FOUND, "eg_head_forget: example %zu of class %d was never taught",
                         i, (int)y[i]);
        else
            gone[at] = 1;
    }
    if (s == EG_OK) {
        for (size_t i = 0; i < n; i++) egi_head_counts(h)[y[i]]--;
        h->taught -= n;
        h->items = 0;
        for (size_t i = 0; i < had; i++)
            if (!gone[i]) egi_items_move(h, i, h->items++);
    }
    egi_free(h->alloc, block, had);
    return s;
}

void egi_items_drop(eg_head *h, size_t label)
{
    const int32_t *labels = h->at[EGI_ITEM_CLASS];
    const size_t had = h->items;
    h->items = 0;
    for (size_t i = 0; i < had; i++)
        if ((size_t)labels[i] != label) egi_items_move(h, i, h->items++);
}
