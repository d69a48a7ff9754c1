/* A memory's life: creation, its patterns' items, and the questions that need no recall.
 * How patterns themselves are kept is the back end's business. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "memory/egi_memory.h"

const struct egi_backend *const egi_backends[EG_STORE_COUNT] = {
    [EG_STORE_DENSE] = &egi_backend_dense,
    [EG_STORE_BITS] = &egi_backend_bits,
    [EG_STORE_HEBB] = &egi_backend_hebb,
    [EG_STORE_STORKEY] = &egi_backend_storkey,
    [EG_STORE_PSEUDOINVERSE] = &egi_backend_pseudoinverse,
    [EG_STORE_FEATURES] = &egi_backend_features,
};

static eg_status check_options(size_t d, const eg_memory_options *o)
{
    if (o->size != sizeof *o)
        return egi_fail(EG_ERR_INVALID, "eg_memory_options: size %zu, expected %zu", o->size,
                        sizeof *o);
    size_t bytes;
    if (d == 0) return egi_fail(EG_ERR_INVALID, "eg_memory_create: d = 0, expected >= 1");
    EGI_TRY(egi_mul_size(d, sizeof(double), &bytes));
    if ((unsigned)o->storage >= EG_STORE_COUNT)
        return egi_fail(EG_ERR_INVALID, "eg_memory_options: storage %d, expected 0..%d",
                        (int)o->storage, EG_STORE_COUNT - 1);
    EGI_TRY(eg_rule_check(&o->rule));
    const struct egi_backend *b = egi_backends[o->storage];
    if (o->value_size > 0 && !b->keeps_patterns)
        return egi_fail(EG_ERR_UNSUPPORTED,
                        "eg_memory_options: value_size %zu: a memory kept as %s has no values",
                        o->value_size, b->name);
    return b->accepts(o);
}

eg_status eg_memory_create(size_t d, const eg_memory_options *options, eg_memory **out)
{
    const eg_memory_options defaults = EG_MEMORY_OPTIONS_INIT;
    const eg_memory_options *o = options != NULL ? options : &defaults;
    if (out == NULL) return egi_fail(EG_ERR_INVALID, "eg_memory_create: out is NULL");
    EGI_TRY(check_options(d, o));
    const eg_allocator *alloc = o->alloc != NULL ? o->alloc : eg_allocator_default();
    eg_memory *m = egi_alloc(alloc, sizeof *m);
    if (m == NULL) return egi_fail(EG_ERR_NOMEM, "eg_memory_create: %zu bytes", sizeof *m);
    *m = (eg_memory){ .alloc = alloc, .options = *o, .d = d, .next_id = 1 };
    m->options.alloc = alloc;
    m->backend = egi_backends[o->storage];
    const eg_status s = m->backend->create(m);
    if (s != EG_OK) {
        eg_memory_destroy(m);
        return s;
    }
    *out = m;
    return EG_OK;
}

void eg_memory_destroy(eg_memory *m)
{
    if (m == NULL) return;
    m->backend->destroy(m);
    egi_free(m->alloc, m->id, m->capacity * sizeof *m->id);
    egi_free(m->alloc, m->label, m->capacity * sizeof *m->label);
    egi_free(m->alloc, m->weight, m->capacity * sizeof *m->weight);
    egi_free(m->alloc, m->value, m->capacity * m->options.value_size * sizeof *m->value);
    egi_free(m->alloc, m, sizeof *m);
}

eg_status eg_memory_set_rule(eg_memory *m, const eg_rule *rule)
{
    if (m == NULL || rule == NULL) return egi_fail(EG_ERR_INVALID, "eg_memory_set_rule: NULL");
    eg_memory_options changed = m->options;
    changed.rule = *rule;
    EGI_TRY(check_options(m->d, &changed));
    const eg_rule before = m->options.rule;
    m->options.rule = *rule;
    if (m->backend->rule_changed == NULL) return EG_OK;
    const eg_status s = m->backend->rule_changed(m);
    if (s != EG_OK) m->options.rule = before;
    return s;
}

/* ---- items ---- */

/* Room for n more items; what is there stays as it is on failure. */
static eg_status reserve(eg_memory *m, size_t n)
{
    size_t need, bytes;
    EGI_TRY(egi_add_size(m->n, n, &need));
    if (need <= m->capacity) return EG_OK;
    size_t grown = m->capacity < 16 ? 16 : m->capacity;
    while (grown < need) {
        if (grown > SIZE_MAX / 2) return egi_fail(EG_ERR_OVERFLOW, "%zu patterns", need);
        grown *= 2;
    }
    const size_t item = sizeof(uint64_t) + sizeof(int32_t) + sizeof(float);
    size_t value_item;
    EGI_TRY(egi_mul_size(m->options.value_size, sizeof(float), &value_item));
    EGI_TRY(egi_mul_size(grown, item + value_item, &bytes));

    const size_t sizes[4] = { sizeof *m->id, sizeof *m->label, sizeof *m->weight, value_item };
    void **const arrays[4] = { (void **)&m->id, (void **)&m->label, (void **)&m->weight,
                               (void **)&m->value };
    void *fresh[4] = { NULL };
    for (int k = 0; k < 4; k++) {
        fresh[k] = sizes[k] > 0 ? egi_alloc(m->alloc, grown * sizes[k]) : NULL;
        if (sizes[k] == 0 || fresh[k] != NULL) continue;
        while (k-- > 0) egi_free(m->alloc, fresh[k], grown * sizes[k]);
        return egi_fail(EG_ERR_NOMEM, "eg_memory_add: out of memory: %zu bytes of items", bytes);
    }
    for (int k = 0; k < 4; k++) {
        if (sizes[k] == 0) continue;
        if (m->n > 0) memcpy(fresh[k], *arrays[k], m->n * sizes[k]);
        egi_free(m->alloc, *arrays[k], m->capacity * sizes[k]);
        *arrays[k] = fresh[k];
    }
    m->capacity = grown;
    return EG_OK;
}

eg_status egi_memory_reserve(eg_memory *m, size_t n)
{
    EGI_TRY(reserve(m, n));
    return m->backend->reserve != NULL ? m->backend->reserve(m, n) : EG_OK;
}

static int has_id(const eg_memory *m, uint64_t id)
{
    size_t i;
    return eg_memory_find(m, id, &i) == EG_OK;
}

static int compare_ids(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* Ids must be new, positive and different from each other. Ascending runs above every id
 * in use, as files hold them, need no search. */
static eg_status check_ids(const eg_memory *m, const uint64_t *ids, size_t n)
{
    int ascending = ids[0] >= m->next_id;
    for (size_t i = 0; i < n; i++) {
        if (ids[i] == 0 || ids[i] == UINT64_MAX)
            return egi_fail(EG_ERR_INVALID, "eg_memory_add: id %llu of item %zu",
                            (unsigned long long)ids[i], i);
        ascending = ascending && (i == 0 || ids[i] > ids[i - 1]);
    }
    if (ascending) return EG_OK;
    void *block;
    EGI_TRY(egi_alloc_array(m->alloc, n, sizeof *ids, "eg_memory_add: ids", &block));
    uint64_t *sorted = block;
    memcpy(sorted, ids, n * sizeof *ids);
    qsort(sorted, n, sizeof *sorted, compare_ids);
    eg_status s = EG_OK;
    for (size_t i = 0; i < n && s == EG_OK; i++)
        if ((i > 0 && sorted[i] == sorted[i - 1])
            || (sorted[i] < m->next_id && has_id(m, sorted[i])))
            s = egi_fail(EG_ERR_INVALID, "eg_memory_add: id %llu is in use",
                         (unsigned long long)sorted[i]);
    egi_free(m->alloc, block, n * sizeof *ids);
    return s;
}

static eg_status check_items(const eg_memory *m, const float *patterns, size_t n,
                             const eg_items *items)
{
    size_t bytes;
    EGI_TRY(egi_mul_size(n, m->d, &bytes));
    EGI_TRY(egi_mul_size(bytes, sizeof *patterns, &bytes)); /* before any of them is read */
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < m->d; j++)
            if (!isfinite(patterns[i * m->d + j]))
                return egi_fail(EG_ERR_INVALID, "eg_memory_add: pattern %zu, component %zu: %g", i,
                                j, (double)patterns[i * m->d + j]);
    const size_t dv = m->options.value_size;
    if (dv > 0 && items->values == NULL)
        return egi_fail(EG_ERR_INVALID, "eg_memory_add: values are missing, expected (%zu, %zu)", n,
                        dv);
    if (dv == 0 && items->values != NULL)
        return egi_fail(EG_ERR_SHAPE, "eg_memory_add: values given, but value_size is 0");
    for (size_t i = 0; i < n * dv; i++)
        if (!isfinite(items->values[i]))
            return egi_fail(EG_ERR_INVALID, "eg_memory_add: value %zu is not finite", i / dv);
    for (size_t i = 0; items->weights != NULL && i < n; i++)
        if (!(items->weights[i] > 0) || !isfinite(items->weights[i]))
            return egi_fail(EG_ERR_INVALID, "eg_memory_add: weight %zu = %g, expected > 0", i,
                            (double)items->weights[i]);
    return items->ids != NULL ? check_ids(m, items->ids, n) : EG_OK;
}

static void count_weights(eg_memory *m)
{
    m->weighted = 0;
    m->weight_sum = 0;
    for (size_t i = 0; i < m->n; i++) {
        m->weighted |= m->weight[i] != 1.0f;
        m->weight_sum += (double)m->weight[i];
    }
}

static void append_items(eg_memory *m, size_t n, const eg_items *items)
{
    const size_t dv = m->options.value_size;
    for (size_t i = 0; i < n; i++) {
        const size_t at = m->n + i;
        m->id[at] = items->ids != NULL ? items->ids[i] : m->next_id;
        if (m->id[at] >= m->next_id) m->next_id = m->id[at] + 1;
        m->label[at] = items->labels != NULL ? items->labels[i] : -1;
        m->weight[at] = items->weights != NULL ? items->weights[i] : 1.0f;
        m->weighted |= m->weight[at] != 1.0f;
        m->weight_sum += (double)m->weight[at];
    }
    if (items->values != NULL) /* exactly where dv > 0: check_items() */
        memcpy(m->value + m->n * dv, items->values, n * dv * sizeof *m->value);
    m->n += n;
    m->changes++;
}

eg_status eg_memory_add(eg_memory *m, const float *patterns, size_t n, const eg_items *items)
{
    static const eg_items none = { NULL, NULL, NULL, NULL };
    if (m == NULL || (patterns == NULL && n > 0))
        return egi_fail(EG_ERR_INVALID, "eg_memory_add: %s is NULL",
                        m == NULL ? "memory" : "patterns");
    if (n == 0) return EG_OK;
    const eg_items *it = items != NULL ? items : &none;
    size_t cells;
    EGI_TRY(egi_mul_size(n, m->d, &cells));
    EGI_TRY(check_items(m, patterns, n, it));
    if (it->ids == NULL && n >= UINT64_MAX - m->next_id)
        return egi_fail(EG_ERR_LIMIT, "eg_memory_add: %zu new ids above %llu", n,
                        (unsigned long long)m->next_id);
    EGI_TRY(reserve(m, n));
    EGI_TRY(m->backend->append(m, patterns, it->weights, n));
    append_items(m, n, it);
    return EG_OK;
}

eg_status egi_memory_add_items(eg_memory *m, size_t n, const eg_items *items)
{
    EGI_TRY(check_ids(m, items->ids, n));
    EGI_TRY(reserve(m, n));
    append_items(m, n, items);
    return EG_OK;
}

/* Items that stay move to the front, in their order. */
static void keep_items(eg_memory *m, const uint8_t *keep)
{
    const size_t dv = m->options.value_size;
    size_t to = 0;
    for (size_t i = 0; i < m->n; i++) {
        if (!keep[i]) continue;
        m->id[to] = m->id[i];
        m->label[to] = m->label[i];
        m->weight[to] = m->weight[i];
        if (dv > 0) memmove(m->value + to * dv, m->value + i * dv, dv * sizeof *m->value);
        to++;
    }
    m->n = to;
    m->changes++;
    count_weights(m);
}

eg_status eg_memory_remove(eg_memory *m, const uint64_t *ids, size_t n)
{
    if (m == NULL || (ids == NULL && n > 0))
        return egi_fail(EG_ERR_INVALID, "eg_memory_remove: NULL");
    if (m->backend->keep == NULL)
        return egi_fail(EG_ERR_UNSUPPORTED, "eg_memory_remove: %s keeps no patterns",
                        m->backend->name);
    if (n == 0) return EG_OK;
    void *block;
    EGI_TRY(egi_alloc_array(m->alloc, m->n, 1, "eg_memory_remove", &block));
    uint8_t *keep = block;
    memset(keep, 1, m->n);
    eg_status s = EG_OK;
    for (size_t k = 0; k < n && s == EG_OK; k++) {
        size_t i;
        s = eg_memory_find(m, ids[k], &i);
        if (s == EG_OK) keep[i] = 0;
    }
    if (s == EG_OK) {
        m->backend->keep(m, keep);
        const size_t before = m->n;
        keep_items(m, keep);
        egi_free(m->alloc, block, before);
        return EG_OK;
    }
    egi_free(m->alloc, block, m->n);
    return s;
}

static eg_status check_pattern(const eg_memory *m, const float *pattern, const char *who)
{
    if (m == NULL || pattern == NULL) return egi_fail(EG_ERR_INVALID, "%s: NULL", who);
    for (size_t j = 0; j < m->d; j++)
        if (!isfinite(pattern[j]))
            return egi_fail(EG_ERR_INVALID, "%s: component %zu: %g", who, j, (double)pattern[j]);
    return EG_OK;
}

eg_status eg_memory_replace(eg_memory *m, uint64_t id, const float *pattern)
{
    EGI_TRY(check_pattern(m, pattern, "eg_memory_replace"));
    if (m->backend->replace == NULL)
        return egi_fail(EG_ERR_UNSUPPORTED, "eg_memory_replace: %s keeps no patterns",
                        m->backend->name);
    size_t i;
    const eg_status s = eg_memory_find(m, id, &i);
    if (s != EG_OK) return s;
    m->backend->replace(m, i, pattern);
    m->changes++;
    return EG_OK;
}

/* One copy fewer. No pattern is linked to an item: it comes off the last ones. */
static void drop_copy(eg_memory *m)
{
    float left = 1;
    while (m->n > 0 && m->weight[m->n - 1] <= left) left -= m->weight[--m->n];
    if (m->n > 0) m->weight[m->n - 1] -= left;
    count_weights(m);
}

eg_status eg_memory_forget(eg_memory *m, const float *pattern)
{
    EGI_TRY(check_pattern(m, pattern, "eg_memory_forget"));
    if (m->backend->forget == NULL)
        return egi_fail(EG_ERR_UNSUPPORTED, "eg_memory_forget: %s is not linear in its patterns%s",
                        m->backend->name,
                        m->backend->keeps_patterns ? "; use eg_memory_remove" : "");
    EGI_TRY(m->backend->forget(m, pattern));
    drop_copy(m);
    return EG_OK;
}

/* ---- questions ---- */

size_t eg_memory_count(const eg_memory *m)
{
    return m->n;
}

size_t eg_memory_size(const eg_memory *m)
{
    return m->d;
}

size_t eg_memory_value_size(const eg_memory *m)
{
    return m->options.value_size;
}

size_t eg_memory_bytes(const eg_memory *m)
{
    const size_t item = sizeof *m->id + sizeof *m->label + sizeof *m->weight
                        + m->options.value_size * sizeof *m->value;
    return sizeof *m + m->capacity * item + m->backend->bytes(m);
}

const eg_memory_options *eg_memory_options_view(const eg_memory *m)
{
    return &m->options;
}

static eg_status check_index(const eg_memory *m, size_t i, const void *out, const char *who)
{
    if (m == NULL || out == NULL) return egi_fail(EG_ERR_INVALID, "%s: NULL", who);
    if (i >= m->n) return egi_fail(EG_ERR_INVALID, "%s: index %zu of %zu", who, i, m->n);
    if (!m->backend->keeps_patterns)
        return egi_fail(EG_ERR_UNSUPPORTED, "%s: %s keeps no patterns", who, m->backend->name);
    return EG_OK;
}

eg_status eg_memory_pattern(const eg_memory *m, size_t i, float *pattern)
{
    EGI_TRY(check_index(m, i, pattern, "eg_memory_pattern"));
    m->backend->get(m, i, pattern);
    return EG_OK;
}

eg_status eg_memory_value(const eg_memory *m, size_t i, float *value)
{
    EGI_TRY(check_index(m, i, value, "eg_memory_value"));
    const size_t dv = m->options.value_size;
    if (dv == 0) return egi_fail(EG_ERR_UNSUPPORTED, "eg_memory_value: value_size is 0");
    memcpy(value, m->value + i * dv, dv * sizeof *value);
    return EG_OK;
}

uint64_t eg_memory_id(const eg_memory *m, size_t i)
{
    return i < m->n ? m->id[i] : 0;
}

int32_t eg_memory_label(const eg_memory *m, size_t i)
{
    return i < m->n ? m->label[i] : -1;
}

float eg_memory_weight(const eg_memory *m, size_t i)
{
    return i < m->n ? m->weight[i] : 0;
}

/* Ids mostly ascend, and then a binary search finds them; else every one is looked at. */
eg_status eg_memory_find(const eg_memory *m, uint64_t id, size_t *index)
{
    if (m == NULL || index == NULL) return egi_fail(EG_ERR_INVALID, "eg_memory_find: NULL");
    size_t low = 0, high = m->n;
    while (low < high) {
        const size_t mid = low + (high - low) / 2;
        if (m->id[mid] < id)
            low = mid + 1;
        else
            high = mid;
    }
    if (low == m->n || m->id[low] != id)
        for (low = 0; low < m->n && m->id[low] != id;) low++;
    if (low == m->n) {
        (void)egi_fail(EG_NOT_FOUND, "id %llu is not stored", (unsigned long long)id);
        return EG_NOT_FOUND;
    }
    *index = low;
    return EG_OK;
}

size_t eg_memory_state_size(const eg_memory *m)
{
    return m->backend->state_size != NULL ? m->backend->state_size(m) : 0;
}

eg_status eg_memory_state(const eg_memory *m, double *state)
{
    if (m == NULL || state == NULL) return egi_fail(EG_ERR_INVALID, "eg_memory_state: NULL");
    if (m->backend->state == NULL)
        return egi_fail(EG_ERR_UNSUPPORTED, "eg_memory_state: %s has none", m->backend->name);
    m->backend->state(m, state);
    return EG_OK;
}

eg_status eg_memory_set_state(eg_memory *m, const double *state, size_t count)
{
    if (m == NULL || state == NULL) return egi_fail(EG_ERR_INVALID, "eg_memory_set_state: NULL");
    if (m->backend->set_state == NULL)
        return egi_fail(EG_ERR_UNSUPPORTED, "eg_memory_set_state: %s has none", m->backend->name);
    if (count != eg_memory_state_size(m))
        return egi_fail(EG_ERR_SHAPE, "eg_memory_set_state: %zu numbers, expected %zu", count,
                        eg_memory_state_size(m));
    for (size_t i = 0; i < count; i++)
        if (!isfinite(state[i]))
            return egi_fail(EG_ERR_INVALID, "eg_memory_set_state: number %zu is not finite", i);
    m->backend->set_state(m, state);
    return EG_OK;
}
