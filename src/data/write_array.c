/* Writers of arrays. Both formats are little-endian, as are the machines this builds for.
 *
 * NPY 1.0: see read_npy.c; the header is padded so that the elements begin at 64 k.
 * safetensors: 8 bytes, length of the header; the header, JSON
 *   {"__metadata__": {"key": "value"}, "name": {"dtype": "F32", "shape": [2, 3],
 *   "data_offsets": [begin, end]}}, padded with spaces so that the data begin at 8 k; then the
 *   data, without gaps. Wide types come first, so that every array stays aligned to its own
 *   type. Source: safetensors, format section of its README. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/egi_data.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the writers copy elements as they are");

static eg_status finish(struct egi_writer *w, eg_status s)
{
    if (s == EG_OK) return egi_writer_commit(w);
    egi_writer_abort(w);
    return s;
}

void egi_npy_header(const char *descr, size_t n, size_t d, char out[EGI_NPY_HEADER])
{
    char text[EGI_NPY_HEADER + 1];
    memcpy(text, "\x93NUMPY\x01\x00\x76\x00", 10); /* 0x76 = 128 - 10 */
    snprintf(text + 10, sizeof text - 10, "%-117s\n", "");
    const int used =
        snprintf(text + 10, 117, "{'descr': '%s', 'fortran_order': False, 'shape': (%zu, %zu), }",
                 descr, n, d);
    text[10 + used] = ' ';
    memcpy(out, text, EGI_NPY_HEADER);
}

static eg_status npy_write(const char *path, const char *descr, const void *x, size_t item,
                           size_t n, size_t d)
{
    size_t cells, bytes;
    if (x == NULL || n == 0 || d == 0)
        return egi_fail(EG_ERR_INVALID, "eg_npy_write: %zu x %zu values", n, d);
    EGI_TRY(egi_mul_size(n, d, &cells));
    EGI_TRY(egi_mul_size(cells, item, &bytes));
    char header[EGI_NPY_HEADER];
    egi_npy_header(descr, n, d, header);
    struct egi_writer w;
    EGI_TRY(egi_writer_open(&w, path));
    eg_status s = egi_writer_put(&w, header, EGI_NPY_HEADER);
    if (s == EG_OK) s = egi_writer_put(&w, x, bytes);
    return finish(&w, s);
}

eg_status eg_npy_write(const char *path, const float *x, size_t n, size_t d)
{
    return npy_write(path, "<f4", x, sizeof *x, n, d);
}

eg_status eg_npy_write_f64(const char *path, const double *x, size_t n, size_t d)
{
    return npy_write(path, "<f8", x, sizeof *x, n, d);
}

static const struct {
    const char *name;
    size_t size;
} dtypes[] = { { "F64", 8 }, { "I64", 8 }, { "F32", 4 }, { "I32", 4 }, { "U8", 1 } };

static size_t dtype_size(const char *name)
{
    for (size_t t = 0; name != NULL && t < EGI_COUNT(dtypes); t++)
        if (strcmp(dtypes[t].name, name) == 0) return dtypes[t].size;
    return 0;
}

static eg_status entry_bytes(const eg_tensor_entry *e, size_t *out)
{
    size_t bytes = dtype_size(e->dtype);
    if (bytes == 0 || e->ndim > EGI_COUNT(e->shape))
        return egi_fail(EG_ERR_INVALID,
                        "tensor %s: dtype %s of %zu axes, expected F32, F64, I32, "
                        "I64 or U8 of up to %d",
                        e->name, e->dtype != NULL ? e->dtype : "NULL", e->ndim, EG_MAX_RANK);
    for (size_t k = 0; k < e->ndim; k++) EGI_TRY(egi_mul_size(bytes, e->shape[k], &bytes));
    if (bytes > 0 && e->data == NULL)
        return egi_fail(EG_ERR_INVALID, "tensor %s: no data", e->name);
    *out = bytes;
    return EG_OK;
}

/* Adds one description; json_object_set_new releases what it is given, also when it fails. */
static eg_status describe(json_t *root, const eg_tensor_entry *e, size_t *at)
{
    size_t bytes, end;
    if (e->name == NULL || strcmp(e->name, "__metadata__") == 0
        || json_object_get(root, e->name) != NULL)
        return egi_fail(EG_ERR_INVALID, "tensor name %s: NULL, reserved or used twice",
                        e->name != NULL ? e->name : "NULL");
    EGI_TRY(entry_bytes(e, &bytes));
    EGI_TRY(egi_add_size(*at, bytes, &end));
    json_t *shape = json_array();
    for (size_t k = 0; k < e->ndim; k++)
        json_array_append_new(shape, json_integer((json_int_t)e->shape[k]));
    json_t *o = json_pack("{s:s, s:o, s:[I, I]}", "dtype", e->dtype, "shape", shape, "data_offsets",
                          (json_int_t)*at, (json_int_t)end);
    if (o == NULL) return egi_fail(EG_ERR_NOMEM, "tensor %s: JSON", e->name);
    if (json_object_set_new(root, e->name, o) != 0)
        return egi_fail(EG_ERR_INVALID, "tensor name is not UTF-8, or there is no memory");
    *at = end;
    return EG_OK;
}

static eg_status add_meta(json_t *root, const char *const *meta, size_t pairs)
{
    if (pairs == 0) return EG_OK;
    json_t *o = json_object();
    int bad = 0;
    for (size_t i = 0; i < pairs; i++)
        bad |= meta[2 * i] == NULL || json_object_get(o, meta[2 * i]) != NULL
               || json_object_set_new(o, meta[2 * i], json_string(meta[2 * i + 1])) != 0;
    bad |= json_object_set_new(root, "__metadata__", o) != 0;
    return bad ? egi_fail(EG_ERR_INVALID, "metadata: NULL, used twice or not UTF-8") : EG_OK;
}

static eg_status put_header(struct egi_writer *w, const json_t *root)
{
    char *text = json_dumps(root, JSON_COMPACT);
    if (text == NULL) return egi_fail(EG_ERR_NOMEM, "safetensors header");
    const size_t size = strlen(text), padded = (size + 7) / 8 * 8;
    uint8_t length[8];
    egi_store_le64(length, padded);
    eg_status s = egi_writer_put(w, length, sizeof length);
    if (s == EG_OK) s = egi_writer_put(w, text, size);
    if (s == EG_OK) s = egi_writer_put(w, "       ", padded - size);
    free(text);
    return s;
}

/* Calls for the entries of each size of type, the widest first. */
static eg_status describe_all(json_t *root, const eg_tensor_entry *entry, size_t entries)
{
    size_t at = 0;
    for (size_t i = 0; i < entries; i++)
        if (dtype_size(entry[i].dtype) == 0) EGI_TRY(entry_bytes(&entry[i], &at));
    for (size_t size = 8; size > 0; size /= 2)
        for (size_t i = 0; i < entries; i++)
            if (dtype_size(entry[i].dtype) == size) EGI_TRY(describe(root, &entry[i], &at));
    return EG_OK;
}

static eg_status put_data(struct egi_writer *w, const eg_tensor_entry *entry, size_t entries)
{
    for (size_t size = 8; size > 0; size /= 2)
        for (size_t i = 0; i < entries; i++) {
            size_t bytes;
            if (dtype_size(entry[i].dtype) != size) continue;
            EGI_TRY(entry_bytes(&entry[i], &bytes));
            EGI_TRY(egi_writer_put(w, entry[i].data, bytes));
        }
    return EG_OK;
}

eg_status eg_safetensors_write(const char *path, const eg_tensor_entry *entry, size_t entries,
                               const char *const *meta, size_t pairs)
{
    if ((entry == NULL && entries > 0) || (meta == NULL && pairs > 0))
        return egi_fail(EG_ERR_INVALID, "eg_safetensors_write: NULL");
    json_t *root = json_object();
    if (root == NULL) return egi_fail(EG_ERR_NOMEM, "safetensors header");
    struct egi_writer w;
    eg_status s = add_meta(root, meta, pairs);
    if (s == EG_OK) s = describe_all(root, entry, entries);
    if (s == EG_OK) s = egi_writer_open(&w, path);
    if (s == EG_OK) {
        s = put_header(&w, root);
        if (s == EG_OK) s = put_data(&w, entry, entries);
        s = finish(&w, s);
    }
    json_decref(root);
    return s;
}
