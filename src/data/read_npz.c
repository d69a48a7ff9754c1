/* NPZ: a zip archive of NPY files. The items are the array named x, X, data, images or
 * features, or the only array; the labels are y, Y, label, labels or target. Entries are
 * unpacked as they come, up to the limit, whatever size the archive declares. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>
#include <zip.h>

#include "data/egi_data.h"

#define CHUNK ((size_t)1 << 16)
#define MAX_ENTRIES 4096

static const char *const item_names[] = { "x", "X", "data", "images", "features" };
static const char *const label_names[] = { "y", "Y", "label", "labels", "target" };

static int looks_zip(const uint8_t *b, size_t size)
{
    return size >= 4 && (memcmp(b, "PK\3\4", 4) == 0 || memcmp(b, "PK\5\6", 4) == 0);
}

static zip_int64_t find(zip_t *zip, const char *const *names, size_t count)
{
    for (size_t k = 0; k < count; k++) {
        char file[32];
        snprintf(file, sizeof file, "%s.npy", names[k]);
        const zip_int64_t at = zip_name_locate(zip, file, 0);
        if (at >= 0) return at;
    }
    return -1;
}

static eg_status unpack(zip_file_t *file, const struct egi_input *in, struct egi_grow *g)
{
    for (;;) {
        EGI_TRY(egi_grow_room(g, CHUNK, in->name));
        const zip_int64_t n = zip_fread(file, (char *)g->p + g->count, CHUNK);
        if (n < 0)
            return egi_fail(EG_ERR_CORRUPT, "%s: NPZ entry is damaged (%s)", in->name,
                            zip_file_strerror(file));
        if (n == 0) return EG_OK;
        g->count += (size_t)n;
        if (g->count > in->o.max_bytes)
            return egi_fail(EG_ERR_LIMIT,
                            "%s: an entry unpacks to more than the limit of %zu bytes", in->name,
                            in->o.max_bytes);
    }
}

/* One entry as a set of its own. */
static eg_status read_entry(zip_t *zip, zip_int64_t at, const struct egi_input *in, eg_dataset *set)
{
    zip_file_t *file = zip_fopen_index(zip, (zip_uint64_t)at, 0);
    if (file == NULL)
        return egi_fail(EG_ERR_CORRUPT, "%s: NPZ entry %lld cannot be opened (%s)", in->name,
                        (long long)at, zip_strerror(zip));
    struct egi_grow g = { .a = in->o.alloc, .item = 1 };
    eg_status s = unpack(file, in, &g);
    zip_fclose(file);
    struct egi_input entry = *in;
    entry.bytes = g.p;
    entry.size = g.count;
    if (s == EG_OK && !egi_reader_npy.looks(entry.bytes, entry.size))
        s = egi_fail(EG_ERR_CORRUPT, "%s: NPZ entry looks like %s, expected NPY", in->name,
                     egi_looks_like(entry.bytes, entry.size));
    if (s == EG_OK) s = egi_reader_npy.parse(&entry, set);
    egi_grow_clear(&g);
    return s;
}

static eg_status add_labels(zip_t *zip, const struct egi_input *in, eg_dataset *set)
{
    const zip_int64_t at = find(zip, label_names, EGI_COUNT(label_names));
    if (at < 0 || set->labels != NULL) return EG_OK;
    eg_dataset y = { .alloc = set->alloc };
    eg_status s = read_entry(zip, at, in, &y);
    if (s == EG_OK && (y.d != 1 || y.n != set->n))
        s = egi_fail(EG_ERR_CORRUPT, "%s: %zu x %zu labels, expected %zu x 1", in->name, y.n, y.d,
                     set->n);
    void *v = NULL;
    if (s == EG_OK) s = egi_alloc_array(set->alloc, set->n, sizeof(double), "labels", &v);
    if (s == EG_OK) {
        for (size_t i = 0; i < set->n; i++) ((double *)v)[i] = (double)y.x[i];
        s = egi_labels_from_values(set, v, 1);
        egi_free(set->alloc, v, set->n * sizeof(double));
    }
    eg_dataset_clear(&y);
    return s;
}

static eg_status read_arrays(zip_t *zip, const struct egi_input *in, eg_dataset *set)
{
    const zip_int64_t entries = zip_get_num_entries(zip, 0);
    if (entries < 1 || entries > MAX_ENTRIES)
        return egi_fail(EG_ERR_CORRUPT, "%s: NPZ of %lld entries", in->name, (long long)entries);
    zip_int64_t at = find(zip, item_names, EGI_COUNT(item_names));
    if (at < 0 && entries == 1) at = 0;
    if (at < 0)
        return egi_fail(EG_ERR_CORRUPT,
                        "%s: NPZ of %lld arrays, none of them x, X, data, images "
                        "or features; save it with numpy.savez(file, x=..., y=...)",
                        in->name, (long long)entries);
    EGI_TRY(read_entry(zip, at, in, set));
    return add_labels(zip, in, set);
}

static eg_status parse_npz(const struct egi_input *in, eg_dataset *set)
{
    zip_error_t error;
    zip_error_init(&error);
    zip_source_t *source = zip_source_buffer_create(in->bytes, in->size, 0, &error);
    if (source == NULL) return egi_fail(EG_ERR_NOMEM, "%s: zip", in->name);
    zip_t *zip = zip_open_from_source(source, ZIP_RDONLY, &error);
    if (zip == NULL) {
        const eg_status s = egi_fail(EG_ERR_CORRUPT, "%s: NPZ is damaged (%s)", in->name,
                                     zip_error_strerror(&error));
        zip_error_fini(&error);
        zip_source_free(source);
        return s;
    }
    const eg_status s = read_arrays(zip, in, set);
    zip_discard(zip);
    zip_error_fini(&error);
    return s;
}

const struct egi_reader egi_reader_npz = { { "npz", "NumPy archive with x and, if it has labels, y",
                                             "NumPy, numpy.savez; PKWARE APPNOTE" },
                                           "NPZ (zip)",
                                           looks_zip,
                                           { ".npz" },
                                           parse_npz };
