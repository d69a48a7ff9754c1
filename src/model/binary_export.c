/* The connections of a binary memory file as an array that other programs read. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "engram/dataset.h"
#include "engram/version.h"
#include "model/egi_binary_file.h"

/* (rows, columns), each row by its keeping. */
static void fill(const eg_binary *m, size_t columns, int32_t *out)
{
    for (size_t i = 0; i < m->kind->keeping->rows(m); i++)
        m->kind->keeping->row_numbers(m, i, out + i * columns);
}

static eg_status write_tensors(const eg_binary *m, const char *to, const int32_t *at,
                               const size_t shape[2])
{
    char text[EGI_TEXT_MAX];
    const eg_tensor_entry entry = { "connections", "I32", at, 2, { shape[0], shape[1] } };
    const char *const meta[] = { "memory", text, "library", EG_VERSION };
    egi_binary_text(&m->options, text);
    return eg_safetensors_write(to, &entry, 1, meta, 2);
}

/* Sums of more than 2^24 round to the nearest f32. */
static eg_status write_npy(const char *to, int32_t *at, const size_t shape[2])
{
    float *x = (float *)at; /* the same room: a number is read before it is written over */
    for (size_t i = 0; i < shape[0] * shape[1]; i++) {
        const float v = (float)at[i];
        memcpy(&x[i], &v, sizeof v);
    }
    return eg_npy_write(to, x, shape[0], shape[1]);
}

eg_status egi_binary_export(eg_memory_file *f, const char *to, int tensors)
{
    eg_binary *m = NULL;
    void *block;
    size_t cells;
    EGI_TRY(eg_memory_file_load_binary(f, &m));
    const size_t shape[2] = { m->kind->keeping->rows(m), m->out.total };
    eg_status status = egi_mul_size(shape[0], shape[1], &cells);
    if (status == EG_OK && cells > f->options.max_bytes / 4)
        status = egi_fail(EG_ERR_LIMIT, "%s: %zu x %zu connections, the limit is %zu bytes",
                          egi_store_path(f->store), shape[0], shape[1], f->options.max_bytes);
    if (status == EG_OK) status = egi_alloc_array(f->options.alloc, cells, 4, "export", &block);
    if (status == EG_OK) {
        fill(m, shape[1], block);
        status = tensors ? write_tensors(m, to, block, shape) : write_npy(to, block, shape);
        egi_free(f->options.alloc, block, cells * 4);
    }
    eg_binary_destroy(m);
    return status;
}
