/* The table of readers and the one way in: bytes (unpacked when gzip) are given to the row
 * that is named, else to the first whose content they have, else to the first whose ending
 * the name has, else to what a text looks like. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/egi_file.h"
#include "data/egi_data.h"

static const struct egi_reader *const rows[] = {
    &egi_reader_repertoires, &egi_reader_idx, &egi_reader_cifar, &egi_reader_npy,
    &egi_reader_npz,         &egi_reader_fps, &egi_reader_csv,   &egi_reader_ucr,
    &egi_reader_svmlight,    &egi_reader_png, &egi_reader_jpeg,
};

const eg_reader_info *eg_dataset_reader(size_t row)
{
    if (row < EGI_COUNT(rows)) return &rows[row]->info;
    return row == EGI_COUNT(rows) ? &egi_folder_info : NULL;
}

eg_status egi_read_options(const eg_read_options *in, eg_read_options *out)
{
    eg_read_options o = EG_READ_OPTIONS_INIT;
    if (in != NULL) {
        if (in->size < sizeof o.size || in->size > sizeof o)
            return egi_fail(EG_ERR_INVALID, "eg_read_options.size = %zu, expected up to %zu",
                            in->size, sizeof o);
        memcpy(&o, in, in->size);
        o.size = sizeof o;
    }
    if (o.index_base < -1 || o.index_base > 1)
        return egi_fail(EG_ERR_INVALID, "index_base (--index-base) = %d, expected 0 or 1",
                        o.index_base);
    if ((o.width == 0) != (o.height == 0))
        return egi_fail(EG_ERR_INVALID,
                        "width (--width) = %zu, height (--height) = %zu, expected both or none",
                        o.width, o.height);
    if (o.alloc == NULL) o.alloc = eg_allocator_default();
    if (o.max_bytes > SIZE_MAX / 4) o.max_bytes = SIZE_MAX / 4; /* room to add to it */
    *out = o;
    return EG_OK;
}

static void free_names(const eg_allocator *a, char **names, size_t count)
{
    for (size_t i = 0; names != NULL && i < count; i++)
        if (names[i] != NULL) egi_free(a, names[i], strlen(names[i]) + 1);
    egi_free(a, names, count * sizeof(char *));
}

size_t eg_dataset_rows(const eg_dataset *set)
{
    return set->offset != NULL ? set->offset[set->n] : set->n;
}

void eg_dataset_clear(eg_dataset *set)
{
    if (set == NULL) return;
    const eg_allocator *a = set->alloc != NULL ? set->alloc : eg_allocator_default();
    egi_free(a, set->x, eg_dataset_rows(set) * set->d * sizeof(float));
    if (set->offset != NULL) egi_free(a, set->offset, (set->n + 1) * sizeof *set->offset);
    egi_free(a, set->folds, set->fold_count * set->n);
    if (set->group != NULL) egi_free(a, set->group, set->n * sizeof *set->group);
    egi_free(a, set->labels, set->n * sizeof(int32_t));
    free_names(a, set->class_names, set->classes);
    free_names(a, set->column_names, set->d);
    free_names(a, set->item_names, set->n);
    *set = (eg_dataset){ .alloc = set->alloc };
}

static int is_text(const uint8_t *bytes, size_t size)
{
    const size_t n = size < 512 ? size : 512;
    for (size_t i = 0; i < n; i++)
        if (bytes[i] < ' ' && strchr("\t\n\r\f", bytes[i]) == NULL) return 0;
    return memchr(bytes, '\0', n) == NULL;
}

const char *egi_looks_like(const uint8_t *bytes, size_t size)
{
    static const struct {
        const char *what;
        size_t size;
        const char *magic;
    } others[] = {
        { "gzip", 2, "\x1f\x8b" },
        { "PDF", 4, "%PDF" },
        { "GIF", 4, "GIF8" },
        { "SQLite (a memory file?)", 15, "SQLite format 3" },
        { "HDF5", 4, "\x89HDF" },
        { "TIFF", 4, "II*\0" },
        { "TIFF", 4, "MM\0*" },
        { "a program", 4,
          "\x7f"
          "ELF" },
        { "xz", 5,
          "\xfd"
          "7zXZ" },
        { "zstd", 4, "\x28\xb5\x2f\xfd" },
        { "BMP", 2, "BM" },
        { "a Parquet file", 4, "PAR1" },
        { "bzip2", 3, "BZh" },
        { "a web page", 9, "<!DOCTYPE" },
        { "a web page", 5, "<html" },
        { "JSON", 1, "{" },
    };
    for (size_t r = 0; r < EGI_COUNT(rows); r++)
        if (rows[r]->looks != NULL && rows[r]->looks(bytes, size)) return rows[r]->what;
    for (size_t i = 0; i < EGI_COUNT(others); i++)
        if (size >= others[i].size && memcmp(bytes, others[i].magic, others[i].size) == 0)
            return others[i].what;
    return is_text(bytes, size) ? "text" : "unknown binary data";
}

static int ends_with(const char *name, size_t size, const char *ending)
{
    const size_t n = strlen(ending);
    return size >= n && strncasecmp(name + size - n, ending, n) == 0;
}

static const struct egi_reader *row_by_ending(const char *name)
{
    size_t n = strlen(name);
    if (ends_with(name, n, ".gz")) n -= 3;
    for (size_t r = 0; r < EGI_COUNT(rows); r++)
        for (size_t e = 0; e < EGI_COUNT(rows[r]->endings); e++)
            if (rows[r]->endings[e] != NULL && ends_with(name, n, rows[r]->endings[e]))
                return rows[r];
    return NULL;
}

/* A text without a known ending: CSV when its first line has a comma. */
static const struct egi_reader *row_by_text(const uint8_t *bytes, size_t size)
{
    const uint8_t *end = size > 0 ? memchr(bytes, '\n', size) : NULL;
    const size_t line = end != NULL ? (size_t)(end - bytes) : size;
    if (!is_text(bytes, size) || memchr(bytes, ',', line) == NULL) return NULL;
    return &egi_reader_csv;
}

static eg_status choose(const char *format, const struct egi_input *in,
                        const struct egi_reader **out)
{
    const struct egi_reader *row = NULL;
    for (size_t r = 0; row == NULL && r < EGI_COUNT(rows); r++) {
        const int named = format != NULL && strcmp(format, rows[r]->info.name) == 0;
        const int alike =
            format == NULL && rows[r]->looks != NULL && rows[r]->looks(in->bytes, in->size);
        if (named || alike) row = rows[r];
    }
    if (row == NULL && format != NULL)
        return egi_fail(EG_ERR_INVALID,
                        "format (--format) %s: expected idx, cifar, npy, npz, csv, ucr, "
                        "svmlight, fps, png, jpeg or repertoires",
                        format);
    if (row == NULL) row = row_by_ending(in->name);
    if (row == NULL) row = row_by_text(in->bytes, in->size);
    if (row == NULL)
        return egi_fail(EG_ERR_CORRUPT,
                        "%s: looks like %s, expected IDX, CIFAR, NPY, NPZ, CSV, "
                        "svmlight, FPS, PNG, JPEG or a table of repertoires",
                        in->name, egi_looks_like(in->bytes, in->size));
    *out = row;
    return EG_OK;
}

static eg_status parse(const char *format, const struct egi_input *in, eg_dataset *out)
{
    const struct egi_reader *row;
    if (in->size == 0) return egi_fail(EG_ERR_CORRUPT, "%s: byte 0: empty", in->name);
    EGI_TRY(choose(format, in, &row));
    if (row->looks != NULL && !row->looks(in->bytes, in->size))
        return egi_fail(EG_ERR_CORRUPT, "%s: byte 0: looks like %s, expected %s", in->name,
                        egi_looks_like(in->bytes, in->size), row->what);
    eg_dataset set = { .alloc = in->o.alloc };
    const eg_status s = row->parse(in, &set);
    if (s != EG_OK) {
        eg_dataset_clear(&set);
        return s;
    }
    *out = set;
    return EG_OK;
}

static eg_status unpack(const char *format, struct egi_input *in, eg_dataset *out)
{
    if (!egi_looks_gzip(in->bytes, in->size)) return parse(format, in, out);
    uint8_t *unpacked;
    size_t unpacked_size;
    EGI_TRY(egi_gunzip(in, &unpacked, &unpacked_size));
    in->bytes = unpacked;
    in->size = unpacked_size;
    const eg_status s = parse(format, in, out);
    egi_free(in->o.alloc, unpacked, unpacked_size);
    return s;
}

static eg_status parse_unpacked(const char *format, struct egi_input *in, eg_dataset *out)
{
    struct egi_budget b;
    in->given = in->o.max_bytes;
    in->o.max_bytes = egi_limit_of(in->given, in->size, (size_t)EG_LIMIT_DATA);
    egi_budget_begin(&b, in);
    const eg_status s = unpack(format, in, out);
    if (s == EG_OK) out->alloc = b.bound.inner;
    return egi_budget_end(&b, s, in->name);
}

size_t egi_read_most(const eg_read_options *o)
{
    return o->max_bytes > 0 ? o->max_bytes : (size_t)EG_LIMIT_DATA;
}

eg_status egi_read_bytes(const char *format, const char *name, const uint8_t *bytes, size_t size,
                         const eg_read_options *options, eg_dataset *out)
{
    struct egi_input in = { .name = name, .bytes = bytes, .size = size };
    EGI_TRY(egi_read_options(options, &in.o));
    return parse_unpacked(format, &in, out);
}

eg_status egi_read_items(const char *path, const eg_read_options *o, const eg_dataset *of,
                         eg_dataset *out)
{
    uint8_t *bytes;
    size_t size;
    EGI_TRY(egi_file_read(path, egi_read_most(o), o->alloc, &bytes, &size));
    struct egi_input in = { .name = path, .bytes = bytes, .size = size, .o = *o, .of = of };
    const eg_status s = parse_unpacked(o->format, &in, out);
    egi_free(o->alloc, bytes, size);
    return s;
}

static eg_status read_file(const char *path, const eg_read_options *o, eg_dataset *out)
{
    uint8_t *bytes;
    size_t size;
    EGI_TRY(egi_file_read(path, egi_read_most(o), o->alloc, &bytes, &size));
    const eg_status s = egi_read_bytes(o->format, path, bytes, size, o, out);
    egi_free(o->alloc, bytes, size);
    return s;
}

static eg_status read_folder(const char *path, const eg_read_options *o, eg_dataset *out)
{
    if (o->format != NULL && strcmp(o->format, egi_folder_info.name) != 0)
        return egi_fail(EG_ERR_CORRUPT, "%s: a folder, expected %s", path, o->format);
    eg_dataset set = { .alloc = o->alloc };
    const eg_status s = egi_read_folder(path, o, &set);
    if (s != EG_OK) {
        eg_dataset_clear(&set);
        return s;
    }
    *out = set;
    return EG_OK;
}

eg_status egi_read_path(const char *path, const eg_read_options *o, eg_dataset *out)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return egi_fail(EG_ERR_IO, "%s: cannot be read: %s", path, strerror(errno));
    if (S_ISDIR(st.st_mode)) return read_folder(path, o, out);
    if (o->format != NULL && strcmp(o->format, egi_folder_info.name) == 0)
        return egi_fail(EG_ERR_CORRUPT, "%s: a file, expected a folder", path);
    return read_file(path, o, out);
}

eg_status eg_dataset_read(const char *path, const eg_read_options *options, eg_dataset *out)
{
    if (path == NULL || out == NULL) return egi_fail(EG_ERR_INVALID, "eg_dataset_read: NULL");
    eg_read_options o;
    EGI_TRY(egi_read_options(options, &o));
    return egi_read_path(path, &o, out);
}

void eg_dataset_binarise(eg_dataset *set, float threshold)
{
    const size_t cells = eg_dataset_rows(set) * set->d;
    for (size_t i = 0; i < cells; i++) set->x[i] = set->x[i] >= threshold ? 1.0f : -1.0f;
}

void eg_dataset_scale(eg_dataset *set, float shift, float scale)
{
    const size_t cells = eg_dataset_rows(set) * set->d;
    for (size_t i = 0; i < cells; i++) set->x[i] = (set->x[i] - shift) * scale;
}
