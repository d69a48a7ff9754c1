/* What a file beside the data says of their items: labels as numbers (IDX, NPY), or a table with a
 * label, a group and folds of each. Of a table with many tasks any one can be read; an item without
 * a label in its column, one that was not measured, is left out. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "data/egi_data.h"

static eg_status labels_from_numbers(const eg_dataset *file, eg_dataset *set)
{
    void *v;
    EGI_TRY(egi_alloc_array(set->alloc, set->n, sizeof(double), "labels", &v));
    for (size_t i = 0; i < set->n; i++) ((double *)v)[i] = (double)file->x[i];
    const eg_status s = egi_labels_from_values(set, v, 1);
    egi_free(set->alloc, v, set->n * sizeof(double));
    return s;
}

/* ---- a table ---- */

static eg_status leave_out_unlabelled(const struct egi_input *in, eg_dataset *set, size_t keep)
{
    void *room;
    eg_dataset left;
    if (set->offset != NULL)
        return egi_fail(EG_ERR_UNSUPPORTED, "%s: %zu bags without a label in %s", in->name,
                        set->n - keep, in->o.labels);
    EGI_TRY(egi_alloc_array(set->alloc, keep, sizeof(size_t), "items that have a label", &room));
    size_t *index = room, at = 0;
    for (size_t i = 0; i < set->n; i++)
        if (set->labels[i] != EGI_NO_LABEL) index[at++] = i;
    const eg_status s = eg_dataset_select(set, index, keep, &left);
    egi_free(set->alloc, room, keep * sizeof(size_t));
    if (s != EG_OK) return s;
    left.left_out = set->n - keep;
    eg_dataset_clear(set);
    *set = left;
    return EG_OK;
}

static void drop_labels(eg_dataset *set)
{
    eg_dataset old = { .alloc = set->alloc, .n = set->n };
    old.labels = set->labels;
    old.class_names = set->class_names;
    old.classes = set->classes;
    set->labels = NULL;
    set->class_names = NULL;
    set->classes = 0;
    eg_dataset_clear(&old);
}

/* What the table has goes over to the set, in the place of what this had. */
static eg_status take_items(const struct egi_input *in, eg_dataset *file, eg_dataset *set)
{
    size_t keep = 0;
    if (file->labels != NULL) {
        drop_labels(set);
        set->labels = file->labels;
        set->class_names = file->class_names;
        set->classes = file->classes;
        file->labels = NULL;
        file->class_names = NULL;
    }
    if (set->group == NULL && file->group != NULL) {
        set->group = file->group;
        set->groups = file->groups;
        file->group = NULL;
    }
    if (set->fold_count == 0 && file->fold_count > 0) {
        set->folds = file->folds;
        set->fold_count = file->fold_count;
        file->folds = NULL;
        file->fold_count = 0;
    }
    for (size_t i = 0; i < set->n && set->labels != NULL; i++)
        keep += set->labels[i] != EGI_NO_LABEL;
    return set->labels == NULL || keep == set->n ? EG_OK : leave_out_unlabelled(in, set, keep);
}

eg_status egi_labels_from_file(const struct egi_input *in, eg_dataset *set)
{
    if (in->o.labels == NULL) return EG_OK;
    eg_read_options o = in->o;
    o.format = NULL;
    o.labels = NULL;
    eg_dataset file = { .alloc = set->alloc };
    egi_budget_raise(in->budget, SIZE_MAX); /* another file, with a budget of its own */
    EGI_TRY(egi_read_items(in->o.labels, &o, set, &file));
    eg_status s = EG_OK;
    if (file.d > 1 || file.n != set->n)
        s = egi_fail(EG_ERR_CORRUPT, "%s: %zu x %zu labels, expected %zu x 1, as items in %s",
                     in->o.labels, file.n, file.d > 0 ? file.d : 1, set->n, in->name);
    if (s == EG_OK) s = file.d == 0 ? take_items(in, &file, set) : labels_from_numbers(&file, set);
    eg_dataset_clear(&file);
    return s;
}
