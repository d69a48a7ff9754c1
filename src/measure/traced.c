/* SPDX-License-Identifier: Apache-2.0 */
#include "measure/egi_traced.h"
#include "nn/egi_layer.h"

#include <string.h>

static size_t size_of(const struct egi_traced *r, size_t k)
{
    const eg_param *p = eg_params_at(r->l->params, k);
    return eg_shape_size(&p->shape);
}

static double number(const eg_param *p, size_t i)
{
    switch (p->dtype) {
    case EG_F32:
        return (double)((const float *)p->value)[i];
    case EG_F64:
        return ((const double *)p->value)[i];
    default:
        return ((const int32_t *)p->value)[i];
    }
}

static void put(const struct egi_traced *r, void *to, size_t i, double v)
{
    if (r->dtype == EG_F32)
        ((float *)to)[i] = (float)v;
    else
        ((double *)to)[i] = v;
}

/* Values of all arrays, those that are learned first, and where each lies. */
static void lay_out(struct egi_traced *r, const unsigned char *learned)
{
    size_t next = 0;
    for (int rest = 0; rest < 2; rest++) {
        for (size_t k = 0; k < r->arrays; k++) {
            const eg_param *p = eg_params_at(r->l->params, k);
            if (learned[k] == rest) continue;
            r->at[k] = next;
            for (size_t i = 0; i < size_of(r, k); i++, next++) {
                r->w[next] = number(p, i);
                put(r, r->still, next, r->w[next]);
            }
        }
        if (rest == 0) r->n = next;
    }
}

void egi_traced_load_one(struct egi_traced *r, size_t i, size_t of)
{
    const eg_dataset *set = r->part->set;
    const size_t at = r->part->index != NULL ? r->part->index[of] : of;
    for (size_t k = 0; k < set->d; k++)
        put(r, r->x, i * set->d + k, (double)set->x[at * set->d + k]);
    r->y[i] = set->labels[at];
}

size_t egi_traced_load(struct egi_traced *r, size_t from)
{
    const size_t left = r->part->n - from, b = left < r->batch ? left : r->batch;
    for (size_t i = 0; i < b; i++) egi_traced_load_one(r, i, from + i);
    return b;
}

static size_t leaves(const struct egi_traced *r)
{
    return r->drawn ? 2 * r->arrays : r->arrays;
}

eg_var egi_traced_scores(struct egi_traced *r, const void *w, size_t b)
{
    const size_t item = eg_dtype_size(r->dtype);
    const eg_shape shape = eg_shape_of(b, r->part->set->d);
    struct egi_drawn drawn = { r->leaf + r->arrays, r->seed, r->step, r->strip, r->places, 0 };
    for (size_t i = 0; i < leaves(r); i++) {
        const size_t k = i < r->arrays ? i : i - r->arrays,
                     at = r->at[k] + (i < r->arrays ? 0 : r->n);
        const eg_param *p = eg_params_at(r->l->params, k);
        r->leaf[i] =
            r->at[k] < r->n
                ? eg_leaf(r->t, r->dtype, &p->shape, (const char *)w + at * item)
                : eg_input(r->t, r->dtype, &p->shape, (const char *)r->still + r->at[k] * item);
    }
    return r->l->row->trace(r->l, r->t, eg_input(r->t, r->dtype, &shape, r->x), r->leaf,
                            r->drawn ? &drawn : NULL);
}

eg_var egi_traced_cost(struct egi_traced *r, eg_var scores, size_t b)
{
    return r->l->row->cost(r->l, r->t, scores, eg_input(r->t, EG_I32, &eg_shape_of(b), r->y));
}

eg_status egi_traced_gradient(struct egi_traced *r, eg_var y, eg_var seed, unsigned flags)
{
    for (size_t k = 0; k < leaves(r); k++) r->derived[k] = EG_NONE;
    return eg_tape_gradient(r->t, y, seed, r->leaf, leaves(r), flags, r->derived);
}

eg_var egi_traced_along(struct egi_traced *r, const double *v)
{
    eg_var sum = EG_NONE;
    for (size_t k = 0; k < r->arrays; k++) {
        if (r->derived[k].id == 0 || r->at[k] >= r->n) continue;
        const eg_param *p = eg_params_at(r->l->params, k);
        const eg_var by = eg_input(r->t, EG_F64, &p->shape, v + r->at[k]);
        const eg_var one = eg_sum(r->t, eg_mul(r->t, r->derived[k], by), EG_ALL_AXES, 0);
        sum = sum.id == 0 ? one : eg_add(r->t, sum, one);
    }
    return sum;
}

eg_status egi_traced_add(struct egi_traced *r, double by, double *g)
{
    for (size_t k = 0; k < r->arrays; k++) {
        if (r->derived[k].id == 0 || r->at[k] >= r->n) continue;
        const double *d = eg_tape_value(r->t, r->derived[k]);
        if (d == NULL) return eg_tape_status(r->t);
        for (size_t i = 0; i < size_of(r, k); i++) g[r->at[k] + i] += by * d[i];
    }
    return EG_OK;
}

const void *egi_traced_derived(struct egi_traced *r, size_t *k, size_t *at, size_t *size)
{
    while (*k < leaves(r) && (r->derived[*k].id == 0 || r->at[*k % r->arrays] >= r->n)) (*k)++;
    if (*k == leaves(r)) return NULL;
    *at = r->at[*k % r->arrays] + (*k < r->arrays ? 0 : r->n);
    *size = size_of(r, *k % r->arrays);
    return eg_tape_value(r->t, r->derived[(*k)++]);
}

/* Which arrays the loss depends on: all are leaves, once. */
static eg_status find_learned(struct egi_traced *r)
{
    void *learned;
    EGI_TRY(egi_alloc_array(r->alloc, r->arrays, 1, "network", &learned));
    unsigned char *which = learned;
    memset(which, 1, r->arrays);
    lay_out(r, which);
    const size_t b = egi_traced_load(r, 0);
    const eg_var loss = egi_traced_cost(r, egi_traced_scores(r, r->still, b), b);
    eg_status s = eg_tape_status(r->t);
    if (s == EG_OK) s = egi_traced_gradient(r, loss, EG_NONE, 0);
    for (size_t k = 0; k < r->arrays && s == EG_OK; k++) which[k] = r->derived[k].id != 0;
    if (s == EG_OK) lay_out(r, which);
    if (s == EG_OK && r->n == 0)
        s = egi_fail(EG_ERR_INVALID, "the loss depends on nothing that was learned");
    egi_free(r->alloc, which, r->arrays);
    eg_tape_reset(r->t);
    return s;
}

static eg_status check(const eg_learner *l, const eg_part *part, size_t batch)
{
    if (l->row->trace == NULL || l->row->cost == NULL || l->task.bags)
        return egi_fail(EG_ERR_UNSUPPORTED, "a learner of kind %s%s, expected a network of layers",
                        l->row->kind.name, l->task.bags ? " of bags" : "");
    if (part->n == 0 || batch == 0 || part->set->labels == NULL)
        return egi_fail(EG_ERR_INVALID, "%zu examples, batch %zu, %s labels: expected some",
                        part->n, batch, part->set->labels == NULL ? "no" : "with");
    if (part->set->d != l->task.inputs || part->set->classes > l->task.classes)
        return egi_fail(EG_ERR_SHAPE,
                        "examples of %zu inputs, %zu classes; the learner has %zu, "
                        "%zu",
                        part->set->d, part->set->classes, l->task.inputs, l->task.classes);
    return EG_OK;
}

eg_status egi_traced_create(eg_learner *l, const eg_part *part, size_t batch, int threads,
                            eg_dtype dtype, const eg_allocator *alloc, struct egi_traced *out)
{
    struct egi_traced r = { .l = l, .part = part, .batch = batch, .dtype = dtype };
    struct egi_arena a;
    EGI_TRY(check(l, part, batch));
    r.alloc = alloc != NULL ? alloc : eg_allocator_default();
    r.arrays = eg_params_count(l->params);
    size_t total = 0;
    for (size_t k = 0; k < r.arrays; k++) total += size_of(&r, k);
    if (r.batch > part->n) r.batch = part->n;
    const struct egi_need needs[7] = { { r.arrays, sizeof *r.at },
                                       { total, sizeof *r.w },
                                       { r.batch * part->set->d, eg_dtype_size(dtype) },
                                       { r.batch, sizeof *r.y },
                                       { 2 * r.arrays, sizeof *r.leaf },
                                       { 2 * r.arrays, sizeof *r.derived },
                                       { total, eg_dtype_size(dtype) } };
    EGI_TRY(egi_arena_create(r.alloc, needs, 7, "network", &a));
    r.arena = a;
    r.at = a.part[0];
    r.w = a.part[1];
    r.x = a.part[2];
    r.y = a.part[3];
    r.leaf = a.part[4];
    r.derived = a.part[5];
    r.still = a.part[6];
    eg_status s = eg_tape_create(threads, r.alloc, &r.t);
    if (s == EG_OK) s = find_learned(&r);
    if (s == EG_OK)
        *out = r;
    else
        egi_traced_clear(&r);
    return s;
}

void egi_traced_clear(struct egi_traced *r)
{
    eg_tape_destroy(r->t);
    egi_arena_destroy(&r->arena);
}

void egi_traced_read(const struct egi_traced *r, const eg_params *from, double *out)
{
    for (size_t k = 0; k < r->arrays; k++)
        for (size_t i = 0; r->at[k] < r->n && i < size_of(r, k); i++)
            out[r->at[k] + i] = number(eg_params_at(from, k), i);
}

void egi_traced_keep(const struct egi_traced *r, const double *w)
{
    for (size_t k = 0; k < r->arrays; k++) {
        float *value = eg_params_at(r->l->params, k)->value;
        for (size_t i = 0; r->at[k] < r->n && i < size_of(r, k); i++)
            value[i] = (float)w[r->at[k] + i];
    }
}
