/* Teaching, forgetting and merging, over the fields.
 *
 * What is written is whole numbers, so that writing by -1 undoes writing by 1 to the bit: a batch
 * of which one example is refused is undone example by example, and nothing was done. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "hybrid/egi_head.h"

/* ---- what becomes of a vector ---- */

/* No square of what turn leaves overflows or vanishes: the greatest is 1. */
static void to_length_one(float *x, size_t n)
{
    const float length = sqrtf(egi_vectors_dot(x, x, n)), by = length > 0 ? 1 / length : 0;
    for (size_t i = 0; i < n; i++) x[i] *= by;
}

static float greatest(const float *x, size_t n)
{
    float most = 0;
    for (size_t j = 0; j < n; j++) most = fabsf(x[j]) > most ? fabsf(x[j]) : most;
    return most;
}

static void turn(const eg_head *h, const float *x)
{
    const float power = (float)((const struct egi_front *)&h->settings)->power;
    const float most = greatest(x, h->d), by = 1 / most;
    /* of the least numbers 1 / most is none */
    for (size_t j = 0; j < h->d; j++) h->turned[j] = isfinite(by) ? x[j] * by : x[j] / most;
    for (size_t j = 0; j < h->d && (power < 1 || power > 1); j++)
        h->turned[j] = copysignf(powf(fabsf(h->turned[j]), power), h->turned[j]);
}

static void project(const eg_head *h)
{
    for (size_t k = 0; k < h->e; k++) {
        const float v = egi_vectors_dot(h->projection + k * h->d, h->turned, h->d);
        h->u[k] = h->row->relu ? fminf(v > 0 ? v / 8 : 0, 1) : v; /* normal: 8 is never met */
    }
}

eg_status egi_head_check(const char *who, const eg_head *h, const float *x, size_t n)
{
    EGI_TRY(egi_vectors_check(who, x, n, h->d));
    for (size_t i = 0; i < n; i++) {
        size_t j = 0;
        while (j < h->d && x[i * h->d + j] <= 0 && x[i * h->d + j] >= 0) j++;
        if (j == h->d)
            return egi_fail(EG_ERR_INVALID, "%s: vector %zu is all 0: it has no direction", who, i);
    }
    return EG_OK;
}

void egi_head_front(eg_head *h, const float *x)
{
    turn(h, x);
    to_length_one(h->turned, h->d);
    if (h->projection == NULL)
        memcpy(h->u, h->turned, h->d * sizeof *h->u);
    else
        project(h);
    if (h->projection != NULL && !h->row->relu) to_length_one(h->u, h->e);
    for (size_t k = 0; k < h->e; k++) {
        const float one = h->u[k] * EGI_HEAD_ONE, most = EGI_HEAD_ONE - 1;
        h->z[k] = (int16_t)lrintf(one < most ? one : most);
        h->u[k] = (float)h->z[k] * (1.0F / EGI_HEAD_ONE);
    }
}

/* ---- teaching ---- */

static eg_status check_examples(const char *who, const eg_head *h, const float *x, const int32_t *y,
                                size_t n)
{
    if (h == NULL || ((x == NULL || y == NULL) && n > 0))
        return egi_fail(EG_ERR_INVALID, "%s: %s is NULL", who,
                        h == NULL   ? "head"
                        : x == NULL ? "x"
                                    : "y");
    for (size_t i = 0; i < n; i++)
        if (y[i] < 0 || y[i] == INT32_MAX)
            return egi_fail(EG_ERR_INVALID, "%s: example %zu: class %d, expected 0 .. 2^31 - 2",
                            who, i, (int)y[i]);
    return egi_head_check(who, h, x, n);
}

void egi_head_trim(eg_head *h)
{
    while (h->classes > 0 && egi_head_counts(h)[h->classes - 1] == 0) h->classes--;
    h->ready = 0;
}

/* Of a class without examples nothing is left; else one was taken out that was never taught. */
static int is_blank(const eg_head *h, size_t label)
{
    for (size_t i = 0; i < h->fields; i++) {
        const struct egi_field *f = &h->field[i];
        const size_t each = egi_head_row_bytes(f);
        const char *row = (const char *)h->at[i] + label * each;
        if (f->axis != EGI_CLASS) continue;
        for (size_t b = 0; b < each; b++)
            if (row[b] != 0) return 0;
    }
    return 1;
}

/* One example by +1 or -1; h->z is of it. A kind that keeps no sums has no full class. */
static eg_status write_one(eg_head *h, size_t label, int by)
{
    uint32_t *count = egi_head_counts(h) + label;
    const int full = *count == EGI_HEAD_FULL;
    if (by > 0 && full && (h->row->kind.can & EG_HEAD_FORGETS))
        return egi_fail(EG_ERR_OVERFLOW, "eg_head_teach: class %zu has %d examples: it is full",
                        label, EGI_HEAD_FULL);
    if (by < 0 && *count == 0)
        return egi_fail(EG_NOT_FOUND, "eg_head_forget: no example of class %zu is known", label);
    const eg_status s = h->row->write(h, h->z, label, by);
    if (s != EG_OK || (by > 0 && full)) return s;
    *count += (uint32_t)by;
    h->taught += (uint64_t)(int64_t)by;
    return EG_OK;
}

/* Undo the first n, which were written by `by`: what was done can be undone. */
static void undo(eg_head *h, const float *x, const int32_t *y, size_t n, int by)
{
    while (n-- > 0) {
        egi_head_front(h, x + n * h->d);
        (void)write_one(h, (size_t)y[n], -by);
    }
}

/* In the order given: what a full class refuses depends on it, the sums do not. */
static eg_status write_all(eg_head *h, const float *x, const int32_t *y, size_t n, int by)
{
    eg_status s = EG_OK;
    size_t i = 0;
    for (; i < n && s == EG_OK; i++) {
        egi_head_front(h, x + i * h->d);
        s = write_one(h, (size_t)y[i], by);
    }
    if (s != EG_OK) i--;
    for (size_t k = 0; k < n && by < 0 && s == EG_OK; k++)
        if (egi_head_counts(h)[y[k]] == 0 && !is_blank(h, (size_t)y[k]))
            s = egi_fail(EG_NOT_FOUND,
                         "eg_head_forget: something is left of class %d: an example was never "
                         "taught",
                         (int)y[k]);
    if (s != EG_OK) undo(h, x, y, i, by);
    return s;
}

static size_t classes_with(const eg_head *h, const int32_t *y, size_t n)
{
    size_t classes = h->classes;
    for (size_t i = 0; i < n; i++)
        if ((size_t)y[i] + 1 > classes) classes = (size_t)y[i] + 1;
    return classes;
}

/* Every class below the greatest has a row: no number far above those that there can be. */
static eg_status check_classes(const char *who, const eg_head *h, size_t classes, size_t more)
{
    const size_t most = h->classes + more + EG_HEAD_GAP;
    if (classes <= most || classes <= h->room_classes) return EG_OK;
    return egi_fail(EG_ERR_LIMIT,
                    "%s: class %zu, expected below %zu: classes are numbered from 0, and each "
                    "number has a row (eg_head_reserve makes room for more)",
                    who, classes - 1, most > h->room_classes ? most : h->room_classes);
}

static size_t doubled(size_t has, size_t wanted)
{
    return wanted <= has ? has : wanted < 2 * has ? 2 * has : wanted;
}

static void add_items(eg_head *h, const float *x, const int32_t *y, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        egi_head_front(h, x + i * h->d);
        egi_items_add(h, h->z, (size_t)y[i]);
        egi_head_counts(h)[y[i]]++;
        h->taught++;
    }
}

eg_status eg_head_teach(eg_head *h, const float *x, const int32_t *y, size_t n)
{
    EGI_TRY(check_examples("eg_head_teach", h, x, y, n));
    const size_t had = h->classes, classes = classes_with(h, y, n);
    EGI_TRY(check_classes("eg_head_teach", h, classes, n));
    EGI_TRY(egi_head_room(h, doubled(h->room_classes, classes),
                          h->row->items ? doubled(h->room_items, h->items + n) : 0));
    h->classes = classes;
    eg_status s = EG_OK;
    if (h->row->items)
        add_items(h, x, y, n);
    else
        s = write_all(h, x, y, n, 1);
    if (s != EG_OK)
        h->classes = had;
    else if (n > 0)
        h->ready = 0;
    return s;
}

/* ---- forgetting ---- */

eg_status eg_head_forget(eg_head *h, const float *x, const int32_t *y, size_t n)
{
    char can[EGI_HEAD_NAMES];
    EGI_TRY(check_examples("eg_head_forget", h, x, y, n));
    if (!(h->row->kind.can & EG_HEAD_FORGETS))
        return egi_fail(EG_ERR_UNSUPPORTED,
                        "eg_head_forget: a head of kind %s cannot take single examples out; "
                        "these can: %s",
                        h->row->kind.name, egi_head_kinds(EG_HEAD_FORGETS, can));
    for (size_t i = 0; i < n; i++)
        if ((size_t)y[i] >= h->classes)
            return egi_fail(EG_NOT_FOUND, "eg_head_forget: no example of class %d is known",
                            (int)y[i]);
    const eg_status s = h->row->items ? egi_items_forget(h, x, y, n) : write_all(h, x, y, n, -1);
    if (s == EG_OK) egi_head_trim(h);
    return s;
}

eg_status eg_head_forget_class(eg_head *h, size_t label)
{
    if (h == NULL) return egi_fail(EG_ERR_INVALID, "eg_head_forget_class: head is NULL");
    if (eg_head_class_count(h, label) == 0)
        return egi_fail(EG_NOT_FOUND, "eg_head_forget_class: no example of class %zu is known",
                        label);
    if (!(h->row->kind.can & EG_HEAD_FORGETS_CLASS))
        return egi_fail(EG_ERR_UNSUPPORTED,
                        "eg_head_forget_class: a head of kind %s keeps sums of all classes "
                        "together: forget the examples themselves",
                        h->row->kind.name);
    if (h->row->items) egi_items_drop(h, label);
    if (h->row->drop != NULL) h->row->drop(h, label);
    h->taught -= egi_head_counts(h)[label];
    for (size_t i = 0; i < h->fields; i++) {
        const size_t each = egi_head_row_bytes(&h->field[i]);
        if (h->field[i].axis == EGI_CLASS) memset((char *)h->at[i] + label * each, 0, each);
    }
    egi_head_trim(h);
    return EG_OK;
}

/* ---- merging ---- */

static eg_status same_heads(const eg_head *a, const eg_head *b)
{
    if (a->d != b->d || a->seed != b->seed || strcmp(a->spec, b->spec) != 0)
        return egi_fail(
            EG_ERR_SHAPE, "eg_head_merge: %s of %zu features, seed %llu, and %s of %zu, seed %llu",
            a->spec, a->d, (unsigned long long)a->seed, b->spec, b->d, (unsigned long long)b->seed);
    for (size_t i = 0; i < a->fields; i++) {
        const struct egi_field *f = &a->field[i];
        if (f->join == EGI_SAME && memcmp(a->at[i], b->at[i], f->rows * egi_head_row_bytes(f)) != 0)
            return egi_fail(EG_ERR_SHAPE, "eg_head_merge: their %s differ", f->name);
    }
    return EG_OK;
}

/* into += from, n numbers; try: only whether that fits. */
static int add_cells(enum egi_cell cell, void *into, const void *from, size_t n, int try)
{
#define ADD(type)                                                                               \
    for (size_t i = 0; i < n; i++) {                                                            \
        type sum;                                                                               \
        if (__builtin_add_overflow(((type *)into)[i], ((const type *)from)[i], &sum)) return 0; \
        if (!try) ((type *)into)[i] = sum;                                                      \
    }                                                                                           \
    return 1
    switch (cell) {
    case EGI_U16:
        ADD(uint16_t);
    case EGI_U32:
        ADD(uint32_t);
    case EGI_I32:
        ADD(int32_t);
    case EGI_I64:
        ADD(int64_t);
    default:
        return 1; /* no kind sums others */
    }
#undef ADD
}

static size_t called(const int32_t *label, size_t c)
{
    return label != NULL ? (size_t)label[c] : c;
}

/* All sums, or whether they fit. */
static eg_status add_sums(eg_head *into, const eg_head *from, const int32_t *label, int try)
{
    for (size_t i = 0; i < into->fields; i++) {
        const struct egi_field *f = &into->field[i];
        const size_t each = egi_head_row_bytes(f);
        if (f->join != EGI_SUM || f->axis == EGI_ITEM) continue;
        for (size_t r = 0; r < egi_head_rows_of(from, f); r++) {
            if (f->axis == EGI_CLASS && egi_head_counts(from)[r] == 0) continue;
            const size_t to = f->axis == EGI_CLASS ? called(label, r) : r;
            if (!add_cells(f->cell, (char *)into->at[i] + to * each,
                           (const char *)from->at[i] + r * each, f->columns, try))
                return egi_fail(EG_ERR_OVERFLOW, "eg_head_merge: %s: a sum is full", f->name);
        }
    }
    return EG_OK;
}

static void add_their_items(eg_head *into, const eg_head *from, const int32_t *label)
{
    const int32_t *theirs = from->at[EGI_ITEM_CLASS];
    const int16_t *z = from->at[EGI_ITEM_VECTOR];
    for (size_t i = 0; i < from->items; i++)
        egi_items_add(into, z + i * from->e, called(label, (size_t)theirs[i]));
}

/* What becomes of each class of from: no two become one. */
static eg_status check_labels(const eg_head *from, const int32_t *label)
{
    for (size_t c = 0; c < from->classes; c++) {
        if (egi_head_counts(from)[c] == 0) continue;
        if (label[c] < 0 || label[c] == INT32_MAX)
            return egi_fail(EG_ERR_INVALID, "eg_head_merge: class %zu becomes %d", c,
                            (int)label[c]);
        for (size_t b = 0; b < c; b++)
            if (label[b] == label[c] && egi_head_counts(from)[b] > 0)
                return egi_fail(EG_ERR_INVALID, "eg_head_merge: classes %zu and %zu both become %d",
                                b, c, (int)label[c]);
    }
    return EG_OK;
}

static eg_status check_merge(const eg_head *into, const eg_head *from, const int32_t *label,
                             size_t *classes)
{
    char can[EGI_HEAD_NAMES];
    if (into == NULL || from == NULL || into == from)
        return egi_fail(EG_ERR_INVALID, "eg_head_merge: %s",
                        into == from && into != NULL ? "a head with itself" : "NULL");
    if (!(into->row->kind.can & EG_HEAD_MERGES))
        return egi_fail(EG_ERR_UNSUPPORTED,
                        "eg_head_merge: a head of kind %s cannot be merged; these can: %s",
                        into->row->kind.name, egi_head_kinds(EG_HEAD_MERGES, can));
    EGI_TRY(same_heads(into, from));
    if (label != NULL) EGI_TRY(check_labels(from, label));
    *classes = into->classes;
    for (size_t c = 0; c < from->classes; c++) {
        if (egi_head_counts(from)[c] == 0) continue;
        if (called(label, c) + 1 > *classes) *classes = called(label, c) + 1;
        const uint64_t all = egi_head_counts(from)[c] + eg_head_class_count(into, called(label, c));
        if (all > EGI_HEAD_FULL && !into->row->items)
            return egi_fail(EG_ERR_OVERFLOW, "eg_head_merge: class %zu would have %llu examples",
                            called(label, c), (unsigned long long)all);
    }
    return EG_OK;
}

eg_status eg_head_merge(eg_head *into, eg_head *from, const int32_t *label)
{
    size_t classes;
    EGI_TRY(check_merge(into, from, label, &classes));
    EGI_TRY(check_classes("eg_head_merge", into, classes, from->classes));
    egi_head_settle(into);
    egi_head_settle(from);
    EGI_TRY(egi_head_room(into, classes, into->row->items ? into->items + from->items : 0));
    EGI_TRY(add_sums(into, from, label, 1));
    EGI_TRY(add_sums(into, from, label, 0));
    into->classes = classes;
    into->taught += from->taught;
    if (into->row->items) add_their_items(into, from, label);
    into->ready = 0;
    return into->row->loaded != NULL ? into->row->loaded(into) : EG_OK;
}

eg_status eg_head_fit(eg_head *h, const float *x, size_t n)
{
    void *block;
    if (h == NULL || x == NULL || n == 0)
        return egi_fail(EG_ERR_INVALID, "eg_head_fit: %s",
                        h == NULL   ? "head is NULL"
                        : x == NULL ? "x is NULL"
                                    : "n = 0");
    if (h->quantiser == NULL)
        return egi_fail(EG_ERR_UNSUPPORTED, "eg_head_fit: a head of kind %s has no quantiser",
                        h->row->kind.name);
    if (h->taught > 0)
        return egi_fail(EG_ERR_INVALID, "eg_head_fit: %llu examples are known: fit before teaching",
                        (unsigned long long)h->taught);
    EGI_TRY(egi_head_check("eg_head_fit", h, x, n));
    EGI_TRY(egi_alloc_array(h->alloc, n * h->e, sizeof(float), "head: fit", &block));
    for (size_t i = 0; i < n; i++) {
        egi_head_front(h, x + i * h->d);
        memcpy((float *)block + i * h->e, h->u, h->e * sizeof(float));
    }
    const eg_status s = eg_quantiser_fit(h->quantiser, block, n);
    egi_free(h->alloc, block, n * h->e * sizeof(float));
    return s;
}
