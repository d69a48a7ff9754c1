/* A set of some items of another. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "data/egi_data.h"

/* Items (n) of `size` bytes each, those of index, into an array of their own; NULL stays NULL. */
static eg_status copy_items(const eg_allocator *a, const void *from, const size_t *index, size_t n,
                            size_t size, void *out)
{
    void *to = NULL;
    if (from != NULL) EGI_TRY(egi_alloc_array(a, n, size, "some items", &to));
    for (size_t i = 0; i < n && from != NULL; i++)
        memcpy((char *)to + i * size, (const char *)from + index[i] * size, size);
    memcpy(out, &to, sizeof to);
    return EG_OK;
}

static eg_status copy_names(const eg_allocator *a, char *const *from, const size_t *index, size_t n,
                            char ***out)
{
    if (from == NULL) return EG_OK;
    EGI_TRY(egi_names_alloc(a, n, out));
    for (size_t i = 0; i < n; i++) {
        const char *name = from[index != NULL ? index[i] : i];
        EGI_TRY(egi_name_set(a, (struct egi_text){ name, strlen(name) }, &(*out)[i]));
    }
    return EG_OK;
}

/* What is in out when it fails is its caller's. */
static eg_status select_items(const eg_dataset *set, const size_t *index, size_t n, eg_dataset *out)
{
    const eg_allocator *a = out->alloc;
    out->n = n;
    out->d = set->d;
    EGI_TRY(copy_items(a, set->x, index, n, set->d * sizeof *set->x, &out->x));
    EGI_TRY(copy_items(a, set->labels, index, n, sizeof *set->labels, &out->labels));
    EGI_TRY(copy_items(a, set->group, index, n, sizeof *set->group, &out->group));
    EGI_TRY(copy_names(a, set->item_names, index, n, &out->item_names));
    out->classes = set->classes;
    EGI_TRY(copy_names(a, set->class_names, NULL, set->classes, &out->class_names));
    EGI_TRY(copy_names(a, set->column_names, NULL, set->d, &out->column_names));
    out->height = set->height, out->width = set->width, out->channels = set->channels;
    out->groups = set->groups;
    if (set->fold_count == 0) return EG_OK;
    void *folds;
    EGI_TRY(egi_alloc_array(a, set->fold_count, n, "folds", &folds));
    out->folds = folds;
    out->fold_count = set->fold_count;
    for (size_t i = 0; i < set->fold_count * n; i++)
        out->folds[i] = set->folds[i / n * set->n + index[i % n]];
    return EG_OK;
}

eg_status eg_dataset_select(const eg_dataset *set, const size_t *index, size_t n, eg_dataset *out)
{
    if (set == NULL || set->x == NULL || index == NULL || out == NULL || n == 0)
        return egi_fail(EG_ERR_INVALID, "eg_dataset_select: NULL, or no items");
    if (set->offset != NULL)
        return egi_fail(EG_ERR_UNSUPPORTED, "eg_dataset_select: bags, expected rows");
    for (size_t i = 0; i < n; i++)
        if (index[i] >= set->n)
            return egi_fail(EG_ERR_INVALID, "eg_dataset_select: index[%zu] = %zu of %zu items", i,
                            index[i], set->n);
    eg_dataset some = { .alloc = set->alloc != NULL ? set->alloc : eg_allocator_default() };
    const eg_status s = select_items(set, index, n, &some);
    if (s != EG_OK) {
        eg_dataset_clear(&some);
        return s;
    }
    *out = some;
    return EG_OK;
}
