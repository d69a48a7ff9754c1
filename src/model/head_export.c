/* The fields of a head's file as arrays that other programs read. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "engram/dataset.h"
#include "engram/version.h"
#include "model/egi_head_file.h"

/* Of safetensors; 16 bits without a sign are written as I32, which all readers know. */
static const char *const types[EGI_CELLS] = { "U8", "I32", "I32", "I32", "I64", "F32", "I64" };

static size_t bytes_of(const char *type)
{
    return type[0] == 'U' ? 1 : type[1] == '6' ? 8 : 4;
}

static void widen(enum egi_cell cell, const void *from, size_t n, void *to)
{
    for (size_t i = 0; i < n; i++) switch (cell) {
        case EGI_I16:
            ((int32_t *)to)[i] = ((const int16_t *)from)[i];
            break;
        case EGI_U16:
            ((int32_t *)to)[i] = ((const uint16_t *)from)[i];
            break;
        default:
            ((int64_t *)to)[i] = ((const uint32_t *)from)[i];
            break;
        }
}

static eg_status entry_of(const eg_head *h, size_t i, struct egi_arena *a, eg_tensor_entry *out)
{
    const struct egi_field *f = &h->field[i];
    const size_t rows = egi_head_rows_of(h, f), n = rows * f->columns;
    const size_t each = bytes_of(types[f->cell]);
    *out = (eg_tensor_entry){ f->name, types[f->cell], h->at[i], 2, { rows, f->columns } };
    if (each == egi_cell_bytes[f->cell]) return EG_OK;
    const struct egi_need need = { n, each };
    EGI_TRY(egi_arena_create(h->alloc, &need, 1, "export", a));
    widen(f->cell, h->at[i], n, a->part[0]);
    out->data = a->part[0];
    return EG_OK;
}

static eg_status write_all(const eg_head *h, const char *to)
{
    char text[EGI_TEXT_MAX];
    size_t n = 0;
    eg_tensor_entry entry[EGI_FIELDS];
    struct egi_arena wide[EGI_FIELDS];
    memset(wide, 0, sizeof wide);
    egi_head_text(h, text);
    const char *const meta[] = { "memory", text, "library", EG_VERSION };
    eg_status s = EG_OK;
    for (size_t i = 0; i < h->fields && s == EG_OK; i++) {
        if (egi_head_rows_of(h, &h->field[i]) == 0) continue; /* of no class yet */
        s = entry_of(h, i, &wide[i], &entry[n]);
        n += s == EG_OK;
    }
    if (s == EG_OK) s = eg_safetensors_write(to, entry, n, meta, 2);
    for (size_t i = 0; i < EGI_FIELDS; i++)
        if (wide[i].block != NULL) egi_arena_destroy(&wide[i]);
    return s;
}

eg_status egi_head_export(eg_memory_file *f, const char *to, int tensors)
{
    eg_head *h = NULL;
    if (!tensors)
        return egi_fail(EG_ERR_UNSUPPORTED,
                        "%s: a head has several arrays, npy takes one: safetensors",
                        egi_store_path(f->store));
    EGI_TRY(eg_memory_file_load_head(f, &h));
    const eg_status s = write_all(h, to);
    eg_head_destroy(h);
    return s;
}
