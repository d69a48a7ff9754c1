/* Two sets as one: files of one part, or what is trained on and what is tested. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "data/egi_data.h"

/* Class k of one is class k of the other. */
static eg_status check_classes(const eg_dataset *a, const eg_dataset *b, const char *name)
{
    static const char none[] = "a number";
    for (size_t k = 0; k < a->classes; k++) {
        const char *x = a->class_names != NULL ? a->class_names[k] : none;
        const char *y = b->class_names != NULL ? b->class_names[k] : none;
        if (strcmp(x, y) != 0)
            return egi_fail(EG_ERR_CORRUPT,
                            "%s: class %zu is %.40s, expected %.40s as in the files before", name,
                            k, y, x);
    }
    return EG_OK;
}

eg_status egi_set_append(eg_dataset *a, const eg_dataset *b, const char *name)
{
    const eg_dataset *each[] = { a, b };
    for (size_t i = 0; i < 2; i++)
        if (each[i]->offset != NULL || each[i]->folds != NULL || each[i]->group != NULL
            || each[i]->item_names != NULL || each[i]->labels == NULL)
            return egi_fail(EG_ERR_UNSUPPORTED,
                            "%s: a part of two files, expected rows with labels, without bags, "
                            "folds, groups and names",
                            name);
    if (a->d != b->d || a->classes != b->classes)
        return egi_fail(EG_ERR_CORRUPT,
                        "%s: %zu values, %zu classes, expected %zu and %zu as in "
                        "the files before",
                        name, b->d, b->classes, a->d, a->classes);
    EGI_TRY(check_classes(a, b, name));
    const size_t n = a->n + b->n;
    void *x, *labels;
    EGI_TRY(egi_alloc_array(a->alloc, n, a->d * sizeof(float), name, &x));
    const eg_status s = egi_alloc_array(a->alloc, n, sizeof(int32_t), name, &labels);
    if (s != EG_OK) {
        egi_free(a->alloc, x, n * a->d * sizeof(float));
        return s;
    }
    memcpy(x, a->x, a->n * a->d * sizeof(float));
    memcpy((float *)x + a->n * a->d, b->x, b->n * b->d * sizeof(float));
    memcpy(labels, a->labels, a->n * sizeof(int32_t));
    memcpy((int32_t *)labels + a->n, b->labels, b->n * sizeof(int32_t));
    egi_free(a->alloc, a->x, a->n * a->d * sizeof(float));
    egi_free(a->alloc, a->labels, a->n * sizeof(int32_t));
    a->x = x;
    a->labels = labels;
    a->n = n;
    a->left_out += b->left_out;
    a->too_long += b->too_long;
    return EG_OK;
}

eg_status egi_set_one_fold(eg_dataset *set, size_t train)
{
    void *folds;
    EGI_TRY(egi_alloc_array(set->alloc, 1, set->n, "folds", &folds));
    set->folds = folds;
    set->fold_count = 1;
    for (size_t i = 0; i < set->n; i++) set->folds[i] = i < train ? EG_ROLE_TRAIN : EG_ROLE_TEST;
    return EG_OK;
}
