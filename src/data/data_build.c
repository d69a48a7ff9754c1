/* Sets being built: growing arrays, names, labels, and elements of binary formats. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/egi_data.h"

#define MAX_KEPT_LABEL 65535 /* above it a kept label would only make empty classes */

eg_status egi_grow_room(struct egi_grow *g, size_t more, const char *what)
{
    size_t need, bytes;
    EGI_TRY(egi_add_size(g->count, more, &need));
    if (need <= g->room) return EG_OK;
    if (need < g->room + g->room / 2) need = g->room + g->room / 2;
    if (need < 16) need = 16;
    EGI_TRY(egi_mul_size(need, g->item, &bytes));
    void *p = egi_realloc(g->a, g->p, g->room * g->item, bytes);
    if (p == NULL) return egi_fail(EG_ERR_NOMEM, "%s: %zu bytes", what, bytes);
    g->p = p;
    g->room = need;
    return EG_OK;
}

eg_status egi_grow_push(struct egi_grow *g, const void *item, const char *what)
{
    EGI_TRY(egi_grow_room(g, 1, what));
    memcpy((char *)g->p + g->count++ * g->item, item, g->item);
    return EG_OK;
}

eg_status egi_grow_finish(struct egi_grow *g, const char *what, void *out, size_t *count)
{
    void *p = g->p;
    if (g->room != g->count || p == NULL) {
        p = egi_realloc(g->a, g->p, g->room * g->item, g->count * g->item);
        if (p == NULL) return egi_fail(EG_ERR_NOMEM, "%s: %zu items", what, g->count);
    }
    memcpy(out, &p, sizeof p);
    *count = g->count;
    *g = (struct egi_grow){ .a = g->a, .item = g->item };
    return EG_OK;
}

void egi_grow_clear(struct egi_grow *g)
{
    egi_free(g->a, g->p, g->room * g->item);
    *g = (struct egi_grow){ .a = g->a, .item = g->item };
}

eg_status egi_set_size(const struct egi_input *in, eg_dataset *set, size_t n, size_t d)
{
    if (n == 0 || d == 0)
        return egi_fail(EG_ERR_CORRUPT, "%s: holds %zu items of %zu values, expected at least 1",
                        in->name, n, d);
    if (in->o.max_items > 0 && n > in->o.max_items) n = in->o.max_items;
    size_t cells, bytes;
    EGI_TRY(egi_mul_size(n, d, &cells));
    EGI_TRY(egi_mul_size(cells, sizeof(float), &bytes));
    if (bytes > in->o.max_bytes)
        return egi_fail(EG_ERR_LIMIT, "%s: %zu x %zu values take %zu bytes, more than %zu",
                        in->name, n, d, bytes, in->o.max_bytes);
    void *x;
    EGI_TRY(egi_alloc_array(set->alloc, cells, sizeof(float), in->name, &x));
    set->x = x;
    set->n = n;
    set->d = d;
    return EG_OK;
}

eg_status egi_names_alloc(const eg_allocator *a, size_t count, char ***out)
{
    void *p;
    EGI_TRY(egi_alloc_array(a, count, sizeof(char *), "names", &p));
    memset(p, 0, count * sizeof(char *));
    *out = p;
    return EG_OK;
}

/* A NUL in hostile text ends the name: its size must be what strlen finds. */
eg_status egi_name_set(const eg_allocator *a, struct egi_text text, char **out)
{
    const size_t n = text.size > 0 ? strnlen(text.p, text.size) : 0;
    void *p;
    EGI_TRY(egi_alloc_array(a, n + 1, 1, "name", &p));
    if (n > 0) memcpy(p, text.p, n);
    ((char *)p)[n] = '\0';
    *out = p;
    return EG_OK;
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Sorted and unique in place; returns how many are left. */
static size_t unique_values(double *v, size_t n)
{
    size_t k = 0;
    qsort(v, n, sizeof *v, by_value);
    for (size_t i = 0; i < n; i++)
        if (k == 0 || v[i] > v[k - 1]) v[k++] = v[i];
    return k;
}

static int keeps(const double *sorted, size_t k, int gaps)
{
    const double last = sorted[k - 1];
    if (sorted[0] < 0 || last > MAX_KEPT_LABEL) return 0;
    for (size_t i = 0; i < k; i++)
        if (sorted[i] != floor(sorted[i])) return 0;
    return gaps || last == (double)(k - 1);
}

static eg_status name_values(eg_dataset *set, const double *sorted, size_t k)
{
    EGI_TRY(egi_names_alloc(set->alloc, k, &set->class_names));
    set->classes = k;
    for (size_t i = 0; i < k; i++) {
        char text[32];
        const int size = snprintf(text, sizeof text, "%.9g", sorted[i]);
        for (char *c = text; *c != '\0'; c++)
            if (*c == ',') *c = '.'; /* the point of some locales */
        EGI_TRY(egi_name_set(set->alloc, (struct egi_text){ text, (size_t)size },
                             &set->class_names[i]));
    }
    return EG_OK;
}

eg_status egi_labels_from_values(eg_dataset *set, const double *v, int gaps)
{
    void *labels, *sorted;
    EGI_TRY(egi_alloc_array(set->alloc, set->n, sizeof(int32_t), "labels", &labels));
    set->labels = labels;
    EGI_TRY(egi_alloc_array(set->alloc, set->n, sizeof(double), "labels", &sorted));
    memcpy(sorted, v, set->n * sizeof(double));
    double *s = sorted;
    const size_t k = unique_values(s, set->n);
    eg_status status = EG_OK;
    if (keeps(s, k, gaps)) {
        set->classes = (size_t)s[k - 1] + 1;
        for (size_t i = 0; i < set->n; i++) set->labels[i] = (int32_t)v[i];
    } else {
        status = k > INT32_MAX ? egi_fail(EG_ERR_LIMIT, "%zu classes", k) : name_values(set, s, k);
        for (size_t i = 0; status == EG_OK && i < set->n; i++) {
            const double *at = bsearch(&v[i], s, k, sizeof *s, by_value);
            set->labels[i] = (int32_t)(at - s);
        }
    }
    egi_free(set->alloc, sorted, set->n * sizeof(double));
    return status;
}

struct placed {
    struct egi_text text;
    size_t item;
};

static int by_text(const void *a, const void *b)
{
    const struct placed *x = a, *y = b;
    const size_t n = x->text.size < y->text.size ? x->text.size : y->text.size;
    const int order = n > 0 ? memcmp(x->text.p, y->text.p, n) : 0;
    return order != 0 ? order : (x->text.size > y->text.size) - (x->text.size < y->text.size);
}

static eg_status place_texts(eg_dataset *set, struct placed *p, size_t n)
{
    size_t k = 0;
    qsort(p, n, sizeof *p, by_text);
    for (size_t i = 0; i < n; i++) {
        k += i == 0 || by_text(&p[i - 1], &p[i]) != 0;
        set->labels[p[i].item] = (int32_t)(k - 1);
    }
    if (k > INT32_MAX) return egi_fail(EG_ERR_LIMIT, "%zu classes", k);
    EGI_TRY(egi_names_alloc(set->alloc, k, &set->class_names));
    set->classes = k;
    for (size_t i = 0; i < n; i++) {
        char **name = &set->class_names[set->labels[p[i].item]];
        if (*name == NULL) EGI_TRY(egi_name_set(set->alloc, p[i].text, name));
    }
    return EG_OK;
}

eg_status egi_labels_from_texts(eg_dataset *set, const struct egi_text *texts)
{
    void *labels, *placed;
    EGI_TRY(egi_alloc_array(set->alloc, set->n, sizeof(int32_t), "labels", &labels));
    set->labels = labels;
    EGI_TRY(egi_alloc_array(set->alloc, set->n, sizeof(struct placed), "labels", &placed));
    struct placed *p = placed;
    for (size_t i = 0; i < set->n; i++) p[i] = (struct placed){ texts[i], i };
    const eg_status s = place_texts(set, p, set->n);
    egi_free(set->alloc, placed, set->n * sizeof *p);
    return s;
}

struct egi_text egi_cell(struct egi_text line, size_t k)
{
    size_t at = 0;
    for (;; k--) {
        const char *tab = memchr(line.p + at, '\t', line.size - at);
        const size_t end = tab != NULL ? (size_t)(tab - line.p) : line.size;
        if (k == 0) return (struct egi_text){ line.p + at, end - at };
        if (tab == NULL) return (struct egi_text){ NULL, 0 };
        at = end + 1;
    }
}

struct egi_text egi_trim(struct egi_text s)
{
    while (s.size > 0 && (s.p[0] == ' ' || s.p[0] == '\t')) s.p++, s.size--;
    while (s.size > 0 && strchr(" \t\r", s.p[s.size - 1]) != NULL && s.p[s.size - 1] != '\0')
        s.size--;
    return s;
}

/* As written: "na" and "Na" may be names, "null" and "none" those of a class. */
int egi_is_missing(struct egi_text cell)
{
    static const char *const words[] = {
        "", "?", "NA", "N/A", "#N/A", "<NA>", "NaN", "nan", "NAN"
    };
    for (size_t i = 0; i < EGI_COUNT(words); i++)
        if (egi_text_same(cell, (struct egi_text){ words[i], strlen(words[i]) })) return 1;
    return 0;
}

eg_status egi_names_apart(const char *file, const struct egi_text *name, size_t n,
                          const eg_allocator *a)
{
    char quoted[40];
    void *block;
    EGI_TRY(egi_alloc_array(a, n, sizeof(struct placed), "names of columns", &block));
    struct placed *p = block;
    for (size_t k = 0; k < n; k++) p[k] = (struct placed){ name[k], k };
    qsort(p, n, sizeof *p, by_text);
    size_t k = 1;
    while (k < n && (p[k].text.size == 0 || by_text(&p[k - 1], &p[k]) != 0)) k++;
    const size_t at[2] = { k < n ? p[k - 1].item : 0, k < n ? p[k].item : 0 };
    egi_free(a, block, n * sizeof *p);
    if (at[0] == at[1]) return EG_OK;
    const size_t swap = at[0] > at[1];
    return egi_fail(EG_ERR_CORRUPT, "%s:1:1: columns %zu and %zu are both named %s; rename one",
                    file, at[swap] + 1, at[!swap] + 1, egi_quote(quoted, name[at[0]]));
}

eg_status egi_header_apart(const char *file, struct egi_text header, const eg_allocator *a,
                           size_t *columns)
{
    size_t n = 1;
    void *block;
    for (size_t i = 0; i < header.size; i++) n += header.p[i] == '\t';
    EGI_TRY(egi_alloc_array(a, n, sizeof(struct egi_text), "names of columns", &block));
    struct egi_text *name = block;
    const char *from = header.p, *end = header.p + header.size;
    for (size_t k = 0; k < n; k++) {
        const char *tab = k + 1 < n ? memchr(from, '\t', (size_t)(end - from)) : end;
        name[k] = (struct egi_text){ from, (size_t)(tab - from) };
        from = tab + 1;
    }
    const eg_status s = egi_names_apart(file, name, n, a);
    egi_free(a, block, n * sizeof *name);
    *columns = n;
    return s;
}

const char *egi_quote(char out[40], struct egi_text text)
{
    const size_t n = text.size < 32 ? text.size : 32;
    size_t k = 0;
    out[k++] = '"';
    for (size_t i = 0; i < n; i++) out[k++] = text.p[i] >= ' ' && text.p[i] < 127 ? text.p[i] : '?';
    if (n < text.size) {
        memcpy(out + k, "...", 3);
        k += 3;
    }
    out[k++] = '"';
    out[k] = '\0';
    return out;
}

size_t egi_element_size(enum egi_element kind)
{
    static const uint8_t size[] = { 1, 1, 2, 2, 4, 4, 8, 8, 4, 8 };
    return size[kind];
}

double egi_element_at(const uint8_t *p, enum egi_element kind, int big_endian)
{
    const size_t size = egi_element_size(kind);
    uint64_t bits = 0;
    for (size_t i = 0; i < size; i++) bits |= (uint64_t)p[big_endian ? size - 1 - i : i] << (8 * i);
    const uint32_t low = (uint32_t)bits;
    float f;
    double d;
    memcpy(&f, &low, sizeof f);
    memcpy(&d, &bits, sizeof d);
    switch (kind) {
    case EGI_I8:
        return (int8_t)bits;
    case EGI_I16:
        return (int16_t)bits;
    case EGI_I32:
        return (int32_t)bits;
    case EGI_I64:
        return (double)(int64_t)bits;
    case EGI_F32:
        return (double)f;
    case EGI_F64:
        return d;
    default:
        return (double)bits;
    }
}

eg_status egi_elements(const struct egi_input *in, size_t at, enum egi_element kind, int big_endian,
                       size_t count, float *out)
{
    const size_t size = egi_element_size(kind);
    const uint8_t *p = in->bytes + at;
    if (kind == EGI_U8) {
        for (size_t i = 0; i < count; i++) out[i] = p[i];
        return EG_OK;
    }
    for (size_t i = 0; i < count; i++) {
        const double v = egi_element_at(p + i * size, kind, big_endian);
        if (!(fabs(v) <= (double)FLT_MAX))
            return egi_fail(EG_ERR_CORRUPT, "%s: byte %zu: %g, expected a finite float", in->name,
                            at + i * size, v);
        out[i] = (float)v;
    }
    return EG_OK;
}

eg_status egi_axes(const struct egi_input *in, const size_t *axis, size_t ndim, eg_dataset *set,
                   size_t *n, size_t *d)
{
    size_t values = 1;
    for (size_t k = 1; k < ndim; k++)
        if (egi_mul_size(values, axis[k], &values) != EG_OK)
            return egi_fail(EG_ERR_CORRUPT, "%s: the sizes of its axes overflow", in->name);
    if (ndim >= 3) {
        set->channels = ndim == 4 ? axis[1] : 1;
        set->height = axis[ndim - 2];
        set->width = axis[ndim - 1];
    }
    *n = axis[0];
    *d = values;
    return EG_OK;
}
