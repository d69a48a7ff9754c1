/* Internal to the data floor: inputs, the table of readers, files, and sets being built. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EGI_DATA_H
#define EGI_DATA_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/egi_base.h"
#include "base/egi_bounded.h"
#include "base/egi_file.h"
#include "engram/catalogue.h"
#include "engram/dataset.h"
#include "engram/image.h"

/* budget.c - what reading a file may take in all: five halves of the limit of each array, without
 * end where the caller set a limit. What outlives it is the inner allocator's. */
struct egi_budget {
    struct egi_bounded bound;
    eg_allocator own;
    size_t most;
};

/* What a reader parses: one file in memory, already unpacked. */
struct egi_input {
    const char *name; /* for details, and for choosing by name */
    const uint8_t *bytes;
    size_t size;
    eg_read_options o;    /* complete: alloc and max_bytes are set */
    size_t given;         /* max_bytes as the caller gave it; 0: by the size of the file */
    const eg_dataset *of; /* of a table that says of items label, group, folds: the set they are
                              of, whose names those of the table have to be; NULL: of values */
    struct egi_budget *budget; /* behind o.alloc; NULL: none */
};

/* From now on in->o.alloc is the budget's. end: EG_ERR_LIMIT where it was the budget that was at
 * its end and not the memory. */
void egi_budget_begin(struct egi_budget *b, struct egi_input *in);
void egi_budget_raise(struct egi_budget *b, size_t limit);
eg_status egi_budget_end(const struct egi_budget *b, eg_status s, const char *name);

/* A row of the table of readers. parse fills a set that is all zero but for its allocator;
 * whatever it has put there when it fails is released by the caller. */
struct egi_reader {
    eg_reader_info info;
    const char *what;                                /* its name in a detail: "IDX" */
    int (*looks)(const uint8_t *bytes, size_t size); /* by content; NULL: never */
    const char *endings[4];                          /* by name, after .gz is cut */
    eg_status (*parse)(const struct egi_input *in, eg_dataset *set);
};
extern const struct egi_reader egi_reader_idx, egi_reader_cifar, egi_reader_npy, egi_reader_npz,
    egi_reader_csv, egi_reader_ucr, egi_reader_svmlight, egi_reader_fps, egi_reader_png,
    egi_reader_jpeg, egi_reader_repertoires;

/* dataset.c - the one way into every reader of a file; also what the fuzz targets call.
 * format NULL: by content, then by name. bytes may be gzip. */
eg_status egi_read_bytes(const char *format, const char *name, const uint8_t *bytes, size_t size,
                         const eg_read_options *options, eg_dataset *out);
/* What the bytes seem to be: "PNG", "PDF", "text", "unknown binary data". */
const char *egi_looks_like(const uint8_t *bytes, size_t size);
/* Complete, checked options. */
eg_status egi_read_options(const eg_read_options *in, eg_read_options *out);
/* The most that any file may ask for, whatever its size. */
size_t egi_read_most(const eg_read_options *o);
/* As eg_dataset_read, for options that are complete. */
eg_status egi_read_path(const char *path, const eg_read_options *o, eg_dataset *out);
/* A file of labels: numbers as a set of D = 1, or of a table what it says of the items of a set,
 * D = 0; of these labels may be EGI_NO_LABEL. */
eg_status egi_read_items(const char *path, const eg_read_options *o, const eg_dataset *of,
                         eg_dataset *out);
enum { EGI_NO_LABEL = -1 };

/* read_folder.c */
extern const eg_reader_info egi_folder_info;
eg_status egi_read_folder(const char *path, const eg_read_options *o, eg_dataset *set);
/* read_picture.c - one picture as item i of a set, or the set's sizes from the first one. */
eg_status egi_picture_prepare(const struct egi_input *in, eg_image *out);
void egi_picture_store(const eg_image *image, float *x);
eg_status egi_picture_decode(const struct egi_input *in, eg_image *out);

/* png.c, jpeg.c - decode from memory; the name is for the detail. */
eg_status egi_png_decode(const struct egi_input *in, eg_image *out);
eg_status egi_jpeg_decode(const struct egi_input *in, eg_image *out);
/* exif.c - 1 .. 8, 1 where nothing is said; the picture turned so that it is 1. */
unsigned egi_jpeg_orientation(const uint8_t *bytes, size_t size);
eg_status egi_image_turn(const char *name, eg_image *image, unsigned orientation);
int egi_looks_png(const uint8_t *bytes, size_t size);
int egi_looks_jpeg(const uint8_t *bytes, size_t size);
int egi_looks_gzip(const uint8_t *bytes, size_t size);
#define EGI_MOST_PIXELS ((size_t)64 << 20)
/* Checked creation with a name for the detail; pixels are zero. */
eg_status egi_image_create(const char *name, size_t height, size_t width, size_t channels,
                           const eg_allocator *a, eg_image *out);

/* gunzip.c - unpack up to limit bytes; *out has exactly *out_size. */
eg_status egi_gunzip(const struct egi_input *in, uint8_t **out, size_t *out_size);
/* malloc and free for zlib and libpng, over an allocator (opaque). */
void *egi_c_alloc(void *opaque, size_t size);
void egi_c_free(void *opaque, void *ptr);

/* data_build.c - growing arrays. What finish hands over has exactly count items. */
struct egi_grow {
    const eg_allocator *a;
    size_t item, count, room;
    void *p;
};
eg_status egi_grow_room(struct egi_grow *g, size_t more, const char *what);
eg_status egi_grow_push(struct egi_grow *g, const void *item, const char *what);
eg_status egi_grow_finish(struct egi_grow *g, const char *what, void *out, size_t *count);
void egi_grow_clear(struct egi_grow *g);

/* data_build.c - sets. A text is a slice of the input. */
struct egi_text {
    const char *p;
    size_t size;
};
static inline int egi_text_same(struct egi_text a, struct egi_text b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.p, b.p, a.size) == 0);
}
/* Field k, from 0, of a line cut at its tabs; p NULL past the last. */
struct egi_text egi_cell(struct egi_text line, size_t k);
/* Without blanks and ends of lines around it. */
struct egi_text egi_trim(struct egi_text s);
/* A cell that stands for nothing: empty, "?", or what R, Python and spreadsheets write there. */
int egi_is_missing(struct egi_text cell);
/* EG_ERR_CORRUPT where two columns of a header have one name, for it says of neither which it is;
 * columns without a name are passed over. */
eg_status egi_names_apart(const char *file, const struct egi_text *name, size_t n,
                          const eg_allocator *a);
/* The same of a header that is cut at its tabs; *columns counts them. */
eg_status egi_header_apart(const char *file, struct egi_text header, const eg_allocator *a,
                           size_t *columns);
/* Checks n and d against the limits, cuts n to max_items, allocates x. */
eg_status egi_set_size(const struct egi_input *in, eg_dataset *set, size_t n, size_t d);
/* (count) NULL strings. */
eg_status egi_names_alloc(const eg_allocator *a, size_t count, char ***out);
eg_status egi_name_set(const eg_allocator *a, struct egi_text text, char **out);
/* v (N): kept when they are integers from 0 without gaps (gaps: also with), else mapped. */
eg_status egi_labels_from_values(eg_dataset *set, const double *v, int gaps);
eg_status egi_labels_from_texts(eg_dataset *set, const struct egi_text *texts);
/* Printable start of hostile text, for a detail. */
const char *egi_quote(char out[40], struct egi_text text);

/* join.c - rows of b after those of a; both labelled, of the same shape and classes. */
eg_status egi_set_append(eg_dataset *a, const eg_dataset *b, const char *name);
/* One fold: the first `train` items are trained on, the others tested. */
eg_status egi_set_one_fold(eg_dataset *set, size_t train);

/* problems.c - what is wrong with a text: the first 20 go to eg_read_options.problem, the first
 * is kept for the detail, all are counted. line and column from 1. */
struct egi_problems {
    const struct egi_input *in;
    size_t count;
    char first[400];
};
void egi_problem(struct egi_problems *p, size_t line, size_t column, const char *fmt, ...)
    EG_PRINTF(4, 5);
/* EG_OK when there were none, else EG_ERR_CORRUPT with the first and the count. */
eg_status egi_problems_end(const struct egi_problems *p);

/* rows_of_csv.c - what a row of a table says of the item it belongs to. */
struct egi_row {
    size_t line;
    struct egi_text bag, label, group, item; /* p NULL: there is no such column */
};
/* Rows (n) of one bag follow each other and have one label: else problems. Then set->n, offset,
 * item_names, and of row and marks (n, columns) what the first row of each bag has. */
eg_status egi_rows_to_bags(struct egi_problems *p, struct egi_row *row, uint8_t *marks,
                           size_t columns, size_t n, eg_dataset *set);
/* marks (n, columns) of items: 1 where column c says so; name[c] is "test3" or "val3". They become
 * set->folds; EG_ERR_CORRUPT where columns or marks are no folds. */
eg_status egi_marks_to_folds(const struct egi_input *in, const struct egi_text *name,
                             size_t columns, const struct egi_row *row, const uint8_t *marks,
                             eg_dataset *set);
/* Labels of items from their texts: numbers where all are. In a table of items alone those that are
 * missing are EGI_NO_LABEL. */
eg_status egi_rows_to_labels(const struct egi_input *in, const struct egi_row *row,
                             eg_dataset *set);
/* Groups of items, numbered in the order of their texts. */
eg_status egi_rows_to_groups(const struct egi_row *row, eg_dataset *set);
/* Which fold, from 1, a column is a mark of: 0, none; *valid: of validation. */
size_t egi_fold_of_column(struct egi_text name, int *valid);

/* data_build.c - elements of binary formats. */
enum egi_element {
    EGI_U8,
    EGI_I8,
    EGI_U16,
    EGI_I16,
    EGI_U32,
    EGI_I32,
    EGI_U64,
    EGI_I64,
    EGI_F32,
    EGI_F64
};
size_t egi_element_size(enum egi_element kind);
double egi_element_at(const uint8_t *p, enum egi_element kind, int big_endian);
/* count elements to floats; EG_ERR_CORRUPT naming the byte of the first that is not finite. */
eg_status egi_elements(const struct egi_input *in, size_t at, enum egi_element kind, int big_endian,
                       size_t count, float *out);
/* Sizes of an array of ndim axes: n items of d, and their picture's sizes. */
eg_status egi_axes(const struct egi_input *in, const size_t *axis, size_t ndim, eg_dataset *set,
                   size_t *n, size_t *d);
/* item_labels.c - labels from options.labels, when it names a file, and what else a table says of
 * items. */
eg_status egi_labels_from_file(const struct egi_input *in, eg_dataset *set);

/* number.c - a whole decimal number and nothing else, in any locale: 0, else -1 (no number)
 * or -2 (outside the range of a float). */
int egi_parse_number(const char *text, size_t size, double *out);

/* list_folder.c - a folder's entries, sorted. */
struct egi_entry {
    char name[256];
    int is_folder;
};
struct egi_listing {
    const eg_allocator *a;
    struct egi_entry *entry;
    size_t count, room, links; /* links: symbolic links left out */
};
/* Regular files and folders that do not begin with '.'; follow: links as what they name. */
eg_status egi_list_folder(int folder, const char *path, int follow, const eg_allocator *a,
                          struct egi_listing *out);
void egi_listing_clear(struct egi_listing *l);

/* sha256.c - FIPS 180-4. */
struct egi_sha256 {
    uint32_t state[8];
    uint64_t bytes;
    uint8_t block[64];
};
void egi_sha256_init(struct egi_sha256 *s);
void egi_sha256_add(struct egi_sha256 *s, const void *bytes, size_t size);
void egi_sha256_hex(struct egi_sha256 *s, char hex[65]);

/* catalogue_rows.c - what is known of a set that its files do not say. */
struct egi_catalogue_row {
    eg_catalogue_entry entry;
    const char *skip_columns, *label_column; /* for read options, or NULL */
};
extern const struct egi_catalogue_row egi_catalogue_rows[];
extern const size_t egi_catalogue_row_count;

/* parts.c - the parts of a folder of data. */
struct egi_part {
    char name[128];              /* "" when the folder is one set */
    char file[300], labels[300]; /* inside the folder; labels may be "" */
    const char *format;
};
struct egi_parts {
    const eg_allocator *a;
    struct egi_part *part;
    size_t count, room;
};
eg_status egi_parts_list(const char *folder, const eg_allocator *a, struct egi_parts *out);
void egi_parts_clear(struct egi_parts *p);

/* write_array.c - the first bytes of an NPY file (n, d) of "<f4", "<f8". */
enum { EGI_NPY_HEADER = 128 };
void egi_npy_header(const char *descr, size_t n, size_t d, char out[EGI_NPY_HEADER]);

#endif
