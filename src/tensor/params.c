/* Named arrays. Each lies in a block of its own, so that none moves when another is added. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "tensor/egi_params.h"
#include "tensor/egi_tensor.h"

struct entry {
    eg_param p;
    size_t bytes, name_bytes;
};

struct eg_params {
    const eg_allocator *alloc;
    struct entry **entry; /* (room), count in use */
    size_t count, room;
};

eg_status eg_params_create(const eg_allocator *alloc, eg_params **out)
{
    const eg_allocator *a = alloc != NULL ? alloc : eg_allocator_default();
    if (out == NULL) return egi_fail(EG_ERR_INVALID, "eg_params_create: out is NULL");
    void *p;
    EGI_TRY(egi_alloc_array(a, 1, sizeof(eg_params), "parameters", &p));
    *(eg_params *)p = (eg_params){ .alloc = a };
    *out = p;
    return EG_OK;
}

enum { POINTER = sizeof(void *) }; /* one place of p->entry */

static void entry_free(const eg_allocator *a, struct entry *e)
{
    egi_free(a, e->p.value, e->bytes);
    egi_free(a, (void *)(uintptr_t)e->p.name, e->name_bytes); /* ours, shown as const */
    egi_free(a, e, sizeof *e);
}

void eg_params_destroy(eg_params *p)
{
    if (p == NULL) return;
    for (size_t i = 0; i < p->count; i++) entry_free(p->alloc, p->entry[i]);
    egi_free(p->alloc, p->entry, p->room * POINTER);
    egi_free(p->alloc, p, sizeof *p);
}

const eg_allocator *egi_params_alloc(const eg_params *p)
{
    return p->alloc;
}

static eg_status make_room(eg_params *p)
{
    if (p->count < p->room) return EG_OK;
    const size_t room = p->room > 0 ? 2 * p->room : 16;
    struct entry **grown = egi_realloc(p->alloc, p->entry, p->room * POINTER, room * POINTER);
    if (grown == NULL) return egi_fail(EG_ERR_NOMEM, "parameters: %zu bytes", room * POINTER);
    p->entry = grown;
    p->room = room;
    return EG_OK;
}

static eg_status entry_create(const eg_allocator *a, const char *name, eg_dtype dtype,
                              const eg_shape *shape, size_t bytes, struct entry **out)
{
    void *block;
    EGI_TRY(egi_alloc_array(a, 1, sizeof(struct entry), name, &block));
    struct entry *e = block;
    *e = (struct entry){ { NULL, dtype, *shape, egi_alloc(a, bytes) }, bytes, strlen(name) + 1 };
    char *copy = egi_alloc(a, e->name_bytes);
    e->p.name = copy;
    if (copy == NULL || e->p.value == NULL) {
        entry_free(a, e);
        return egi_fail(EG_ERR_NOMEM, "%s: %zu bytes", name, bytes);
    }
    memcpy(copy, name, e->name_bytes);
    memset(e->p.value, 0, bytes);
    *out = e;
    return EG_OK;
}

eg_status egi_params_append(eg_params *p, const char *name, eg_dtype dtype, const eg_shape *shape,
                            size_t *index)
{
    size_t bytes;
    struct entry *e;
    EGI_TRY(egi_mul_size(eg_shape_size(shape), eg_dtype_size(dtype), &bytes));
    EGI_TRY(make_room(p));
    EGI_TRY(entry_create(p->alloc, name, dtype, shape, bytes, &e));
    p->entry[p->count] = e;
    if (index != NULL) *index = p->count;
    p->count++;
    return EG_OK;
}

eg_status eg_params_add(eg_params *p, const char *name, eg_dtype dtype, const eg_shape *shape,
                        size_t *index)
{
    if (p == NULL || name == NULL || shape == NULL)
        return egi_fail(EG_ERR_INVALID, "eg_params_add: NULL");
    if (name[0] == '\0' || strcmp(name, "__metadata__") == 0)
        return egi_fail(EG_ERR_INVALID, "eg_params_add: name \"%s\", empty or reserved", name);
    if ((int)dtype < 0 || dtype >= EG_DTYPE_COUNT || shape->rank > EG_MAX_RANK)
        return egi_fail(EG_ERR_INVALID, "eg_params_add: %s: type %d of %zu axes, expected up to %d",
                        name, (int)dtype, shape->rank, EG_MAX_RANK);
    if (eg_params_find(p, name) != NULL)
        return egi_fail(EG_ERR_INVALID, "eg_params_add: name \"%s\" is there already", name);
    return egi_params_append(p, name, dtype, shape, index);
}

size_t eg_params_count(const eg_params *p)
{
    return p->count;
}

const eg_param *eg_params_at(const eg_params *p, size_t index)
{
    return index < p->count ? &p->entry[index]->p : NULL;
}

const eg_param *eg_params_find(const eg_params *p, const char *name)
{
    for (size_t i = 0; i < p->count; i++)
        if (strcmp(p->entry[i]->p.name, name) == 0) return &p->entry[i]->p;
    return NULL;
}

size_t eg_params_bytes(const eg_params *p)
{
    size_t bytes = 0;
    for (size_t i = 0; i < p->count; i++) bytes += p->entry[i]->bytes;
    return bytes;
}

/* Of the hash before, then of what describes an array, and of its values. */
static uint64_t hash_link(uint64_t before, const struct entry *e)
{
    uint64_t link[5 + EG_MAX_RANK] = { before };
    link[1] = egi_hash(e->p.name, e->name_bytes);
    link[2] = (uint64_t)e->p.dtype;
    link[3] = e->p.shape.rank;
    link[4] = egi_hash(e->p.value, e->bytes);
    for (size_t k = 0; k < e->p.shape.rank; k++) link[5 + k] = e->p.shape.dim[k];
    return egi_hash(link, sizeof link);
}

/* A chain. */
uint64_t eg_params_hash(const eg_params *p)
{
    uint64_t hash = 0;
    for (size_t i = 0; i < p->count; i++) hash = hash_link(hash, p->entry[i]);
    return hash;
}

uint64_t egi_params_sum(const eg_params *p)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < p->count; i++) sum += hash_link(0, p->entry[i]);
    return sum;
}

/* Every array of `from` has one like it in `to`. */
static eg_status check_alike(const eg_params *to, const eg_params *from, const char *missing)
{
    for (size_t i = 0; i < from->count; i++) {
        const eg_param *x = &from->entry[i]->p, *y = eg_params_find(to, x->name);
        char tx[EGI_SHAPE_TEXT], ty[EGI_SHAPE_TEXT];
        if (y == NULL)
            return egi_fail(EG_ERR_SHAPE, "%s: %s %s is not in %s", x->name,
                            eg_dtype_name(x->dtype), egi_shape_text(&x->shape, tx), missing);
        if (x->dtype != y->dtype || !egi_shape_equal(&x->shape, &y->shape))
            return egi_fail(EG_ERR_SHAPE, "%s: %s %s and %s %s", x->name, eg_dtype_name(x->dtype),
                            egi_shape_text(&x->shape, tx), eg_dtype_name(y->dtype),
                            egi_shape_text(&y->shape, ty));
    }
    return EG_OK;
}

eg_status eg_params_copy(eg_params *to, const eg_params *from)
{
    if (to == NULL || from == NULL) return egi_fail(EG_ERR_INVALID, "eg_params_copy: NULL");
    EGI_TRY(check_alike(to, from, "what it is copied to"));
    EGI_TRY(check_alike(from, to, "what is copied"));
    for (size_t i = 0; to != from && i < from->count; i++) {
        const struct entry *e = from->entry[i];
        memcpy(eg_params_find(to, e->p.name)->value, e->p.value, e->bytes);
    }
    return EG_OK;
}
