/* Named arrays as a safetensors file; data/write_array.c has the format.
 *
 * Reading trusts nothing: the header is bounded, its arrays must lie one after the other from the
 * first byte of data to the last of the file, and each must have the bytes of its shape, before
 * any of them is allocated. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/egi_file.h"
#include "base/egi_json.h"
#include "engram/dataset.h"
#include "tensor/egi_params.h"

#define FILE_LIMIT ((size_t)16 << 30)
#define HEADER_LIMIT ((size_t)16 << 20)
/* Braces in a header: each opens an array's description, which costs some 1000 bytes here. */
#define BRACE_LIMIT ((size_t)1 << 17)

static const char *const file_dtype[EG_DTYPE_COUNT] = {
    [EG_F32] = "F32", [EG_F64] = "F64", [EG_I32] = "I32"
};

eg_status eg_params_save(const eg_params *p, const char *path, const char *const *meta,
                         size_t pairs)
{
    if (p == NULL || path == NULL) return egi_fail(EG_ERR_INVALID, "eg_params_save: NULL");
    const size_t count = eg_params_count(p);
    void *block;
    EGI_TRY(egi_alloc_array(egi_params_alloc(p), count, sizeof(eg_tensor_entry), path, &block));
    eg_tensor_entry *entry = block;
    for (size_t i = 0; i < count; i++) {
        const eg_param *x = eg_params_at(p, i);
        entry[i] =
            (eg_tensor_entry){ x->name, file_dtype[x->dtype], x->value, x->shape.rank, { 0 } };
        memcpy(entry[i].shape, x->shape.dim, sizeof entry[i].shape);
    }
    const eg_status s = eg_safetensors_write(path, entry, count, meta, pairs);
    egi_free(egi_params_alloc(p), block, count * sizeof *entry);
    return s;
}

/* A file on its way in. */
struct load {
    const char *path;
    int fd;
    size_t size, data; /* of the file; where its data begin */
    const eg_allocator *alloc;
    json_t *root;
    struct span {
        size_t begin, end, index; /* bytes from `data` on; which array of params */
    } * span;                     /* (arrays) in the order of the header, then of the file */
    eg_param *array;              /* (arrays) in the order of the header */
    size_t arrays;
    eg_params *params;
};

static eg_status read_header(struct load *l)
{
    uint8_t head[8];
    if (l->size > FILE_LIMIT)
        return egi_fail(EG_ERR_LIMIT, "%s: %zu bytes, expected up to %zu", l->path, l->size,
                        FILE_LIMIT);
    if (l->size < sizeof head)
        return egi_fail(EG_ERR_CORRUPT, "%s: byte 0: expected 8 bytes of length, got %zu", l->path,
                        l->size);
    EGI_TRY(egi_file_fill(l->fd, l->path, head, sizeof head));
    const uint64_t length = egi_load_le64(head);
    if (length > l->size - sizeof head)
        return egi_fail(EG_ERR_CORRUPT,
                        "%s: byte 0: header of %llu bytes, expected up to the %zu that follow",
                        l->path, (unsigned long long)length, l->size - sizeof head);
    if (length > HEADER_LIMIT)
        return egi_fail(EG_ERR_LIMIT, "%s: byte 0: header of %llu bytes, expected up to %zu",
                        l->path, (unsigned long long)length, HEADER_LIMIT);
    l->data = sizeof head + (size_t)length;
    return EG_OK;
}

static eg_status parse_header(struct load *l, const char *text, size_t size)
{
    size_t braces = 0;
    struct egi_json_error e;
    for (size_t i = 0; i < size; i++) braces += text[i] == '{' || text[i] == '[';
    if (braces > BRACE_LIMIT)
        return egi_fail(EG_ERR_LIMIT, "%s: header: %zu objects and lists, expected up to %zu",
                        l->path, braces, BRACE_LIMIT);
    l->root = egi_json_read(text, size, &e);
    if (l->root == NULL)
        return egi_fail(e.status == EG_ERR_NOMEM ? EG_ERR_NOMEM : EG_ERR_CORRUPT,
                        "%s: byte %zu: header: %s", l->path, 8 + e.at, e.text);
    if (!json_is_object(l->root))
        return egi_fail(EG_ERR_CORRUPT, "%s: byte 8: header: expected an object", l->path);
    return EG_OK;
}

static eg_status load_header(struct load *l)
{
    void *text;
    EGI_TRY(read_header(l));
    const size_t size = l->data - 8;
    EGI_TRY(egi_alloc_array(l->alloc, size, 1, l->path, &text));
    eg_status s = egi_file_fill(l->fd, l->path, text, size);
    if (s == EG_OK) s = parse_header(l, text, size);
    egi_free(l->alloc, text, size);
    return s;
}

static eg_status bad_array(const struct load *l, const char *name, const char *what)
{
    return egi_fail(EG_ERR_CORRUPT, "%s: byte 8: header: array \"%.80s\": %s", l->path, name, what);
}

/* Numbers of a list; -1 where it is no list of up to `most` counts. */
static int counts(const json_t *list, size_t most, size_t *out)
{
    const size_t n = json_array_size(list);
    if (!json_is_array(list) || n > most) return -1;
    for (size_t i = 0; i < n; i++) {
        const json_t *v = json_array_get(list, i);
        if (!json_is_integer(v) || json_integer_value(v) < 0) return -1;
        out[i] = (size_t)json_integer_value(v);
    }
    return (int)n;
}

static eg_status read_dtype(const struct load *l, const char *name, const json_t *o,
                            eg_dtype *dtype)
{
    const char *text = json_string_value(json_object_get(o, "dtype"));
    if (text == NULL) return bad_array(l, name, "expected a dtype");
    for (int k = 0; k < EG_DTYPE_COUNT; k++)
        if (strcmp(text, file_dtype[k]) == 0) {
            *dtype = (eg_dtype)k;
            return EG_OK;
        }
    return egi_fail(EG_ERR_UNSUPPORTED,
                    "%s: array \"%.80s\": dtype \"%.20s\", expected F32, F64 or I32", l->path, name,
                    text);
}

/* One description. */
static eg_status read_entry(struct load *l, const char *name, const json_t *o)
{
    eg_param *p = &l->array[l->arrays];
    struct span *span = &l->span[l->arrays];
    size_t offset[2], bytes;
    *p = (eg_param){ .name = name };
    if (!json_is_object(o) || json_object_size(o) != 3 || name[0] == '\0')
        return bad_array(l, name, "expected a name, and dtype, shape and data_offsets alone");
    EGI_TRY(read_dtype(l, name, o, &p->dtype));
    const json_t *shape = json_object_get(o, "shape");
    if (json_array_size(shape) > EG_MAX_RANK)
        return egi_fail(EG_ERR_UNSUPPORTED, "%s: array \"%.80s\": %zu axes, expected up to %d",
                        l->path, name, json_array_size(shape), EG_MAX_RANK);
    const int rank = counts(shape, EG_MAX_RANK, p->shape.dim);
    if (rank < 0) return bad_array(l, name, "shape: expected a list of counts");
    p->shape.rank = (size_t)rank;
    if (counts(json_object_get(o, "data_offsets"), 2, offset) != 2)
        return bad_array(l, name, "data_offsets: expected two counts");
    *span = (struct span){ offset[0], offset[1], l->arrays };
    if (span->begin > span->end || span->end > l->size - l->data)
        return egi_fail(EG_ERR_CORRUPT,
                        "%s: byte 8: header: array \"%.80s\": data_offsets [%zu, %zu], expected "
                        "within the %zu bytes of data",
                        l->path, name, span->begin, span->end, l->size - l->data);
    if (egi_mul_size(eg_shape_size(&p->shape), eg_dtype_size(p->dtype), &bytes) != EG_OK
        || bytes != span->end - span->begin)
        return egi_fail(EG_ERR_CORRUPT,
                        "%s: byte %zu: array \"%.80s\": %zu bytes, expected those of its shape",
                        l->path, l->data + span->begin, name, span->end - span->begin);
    l->arrays++;
    return EG_OK;
}

static int by_place(const void *a, const void *b)
{
    const struct span *x = a, *y = b;
    if (x->begin != y->begin) return x->begin < y->begin ? -1 : 1;
    return (x->end > y->end) - (x->end < y->end); /* empty ones first */
}

/* One after the other, from the first byte of data to the last of the file. */
static eg_status check_places(struct load *l)
{
    size_t at = 0;
    qsort(l->span, l->arrays, sizeof *l->span, by_place);
    for (size_t i = 0; i <= l->arrays; i++) {
        const size_t begin = i < l->arrays ? l->span[i].begin : l->size - l->data;
        if (begin != at)
            return egi_fail(EG_ERR_CORRUPT, "%s: byte %zu: %s, expected arrays one after the other",
                            l->path, l->data + (begin < at ? begin : at),
                            begin < at ? "two arrays overlap" : "bytes of no array");
        if (i < l->arrays) at = l->span[i].end;
    }
    return EG_OK;
}

static eg_status load_entries(struct load *l)
{
    const char *name;
    json_t *o;
    json_object_foreach(l->root, name, o) if (strcmp(name, "__metadata__") != 0)
        EGI_TRY(read_entry(l, name, o));
    EGI_TRY(check_places(l)); /* before any of them is allocated */
    for (size_t i = 0; i < l->arrays; i++) {
        const eg_param *p = &l->array[i];
        EGI_TRY(egi_params_append(l->params, p->name, p->dtype, &p->shape, NULL));
    }
    for (size_t i = 0; i < l->arrays; i++)
        EGI_TRY(egi_file_fill(l->fd, l->path, eg_params_at(l->params, l->span[i].index)->value,
                              l->span[i].end - l->span[i].begin));
    return EG_OK;
}

static eg_status check_meta(const struct load *l, const json_t *meta)
{
    const char *key;
    json_t *value;
    if (meta != NULL && !json_is_object(meta))
        return egi_fail(EG_ERR_CORRUPT, "%s: byte 8: __metadata__: expected an object", l->path);
    json_object_foreach((json_t *)(uintptr_t)meta, key, value) if (
        !json_is_string(value)) return egi_fail(EG_ERR_CORRUPT,
                                                "%s: byte 8: __metadata__.%.80s: expected a string",
                                                l->path, key);
    return EG_OK;
}

static eg_status load_file(struct load *l)
{
    struct egi_arena arena;
    EGI_TRY(load_header(l));
    EGI_TRY(check_meta(l, json_object_get(l->root, "__metadata__")));
    const size_t room = json_object_size(l->root);
    const struct egi_need needs[] = { { room, sizeof *l->span }, { room, sizeof *l->array } };
    EGI_TRY(egi_arena_create(l->alloc, needs, 2, l->path, &arena));
    l->span = arena.part[0];
    l->array = arena.part[1];
    eg_status s = eg_params_create(l->alloc, &l->params);
    if (s == EG_OK) s = load_entries(l);
    egi_arena_destroy(&arena);
    return s;
}

eg_status eg_params_load(const char *path, const eg_allocator *alloc,
                         void (*meta)(void *user, const char *key, const char *value), void *user,
                         eg_params **out)
{
    if (path == NULL || out == NULL) return egi_fail(EG_ERR_INVALID, "eg_params_load: NULL");
    struct load l = { .path = path, .alloc = alloc != NULL ? alloc : eg_allocator_default() };
    EGI_TRY(egi_file_open_at(AT_FDCWD, path, path, &l.fd, &l.size));
    const eg_status s = load_file(&l);
    close(l.fd);
    if (s == EG_OK) {
        const char *key;
        json_t *value, *all = json_object_get(l.root, "__metadata__");
        json_object_foreach(all, key, value) if (meta != NULL)
            meta(user, key, json_string_value(value));
        *out = l.params;
    } else {
        eg_params_destroy(l.params);
    }
    json_decref(l.root);
    return s;
}
