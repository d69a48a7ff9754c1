/* engram/dataset.h - data sets in memory, their readers and writers.
 *
 * Every reader treats its input as hostile: declared sizes are checked against the bytes
 * that are there and against eg_read_options.max_bytes before anything is allocated. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGRAM_DATASET_H
#define ENGRAM_DATASET_H

#include <stddef.h>
#include <stdint.h>

#include "engram/alloc.h"
#include "engram/image.h"
#include "engram/progress.h"
#include "engram/status.h"
#include "engram/tensor.h"

#ifdef __cplusplus
extern "C" {
#endif

/* N items of D numbers, or N bags of such. Plain, so that a program can build one; release what a
 * reader made with eg_dataset_clear(). */
typedef struct eg_dataset {
    size_t n, d;
    size_t height, width, channels; /* of an image item: D = C H W, channel-major; else 0 */
    float *x;                       /* (N, D) values as in the file: pixels 0..255 */
    int32_t *labels;                /* (N) in 0..classes-1, or NULL: none */
    size_t classes;                 /* 0 without labels */
    char **class_names;             /* (classes) or NULL */
    char **column_names;            /* (D) or NULL */
    char **item_names;              /* (N) file names of a folder, names of bags, or NULL */
    const eg_allocator *alloc;
    size_t *offset; /* (N + 1) of bags: item i is the rows offset[i] to offset[i + 1] of x, one or
                       more, and x has offset[N] rows; NULL: every item is one row */
    uint8_t *folds; /* (F, N) which part of each fold that the set brings an item is: eg_role */
    size_t fold_count; /* F; 0: it brings none */
    uint32_t *group;   /* (N) in 0..groups-1: items of one group are never parted by folds that are
                          dealt (a scaffold of molecules, a patient); NULL: each is by itself */
    size_t groups;     /* 0 without group */
    size_t left_out;   /* items of the file that are not here, for want of a label */
    size_t too_long;   /* repertoires: sequences left out, longer than was asked for (inputs) */
} eg_dataset;

/* What an item is for in one fold. */
typedef enum eg_role { EG_ROLE_TRAIN, EG_ROLE_VALID, EG_ROLE_TEST } eg_role;

/* Rows of x: N, or of bags offset[N]. */
EG_API size_t eg_dataset_rows(const eg_dataset *set);

typedef struct eg_read_options {
    size_t size;        /* sizeof(eg_read_options) */
    const char *format; /* row of the table of readers; NULL: by content and name */
    /* Path of a separate label file, or NULL: IDX or NPY of one number an item; CSV of one row an
     * item, in their order, of which the columns that label_column, group_column and folds name
     * are taken, and items whose label is missing (empty, ?, NA, NaN: docs/data.md) are left out.
     * Its column `name`, where it has one, has to name the items as the data do. */
    const char *labels;
    const char *label_column; /* CSV: its name; NULL: "label" or "class" if there is one */
    int index_base;           /* svmlight: 0 or 1, must be said; -1 (default): not said, an error */
    size_t width, height;     /* image folders: scale to this; 0: all must agree */
    int grey;                 /* image folders: 1 converts to one channel */
    size_t max_items;         /* stop after this many; 0: all */
    size_t max_bytes;         /* limit on the bytes of x, and on those of a file unpacked; 0: by its
                                 size, engram/limits.h */
    const eg_allocator *alloc;
    const eg_progress *progress;
    const char *skip_columns; /* CSV: names to leave out, separated by ','; or NULL. One that no
                                 column has is an error */
    /* Hears of the first 20 problems of a text format (csv, ucr, svmlight, fps; also of a label
     * file that is one), each as "file:line:column: what, expected, got, how to mend it". Then the
     * read fails with EG_ERR_CORRUPT, its detail the first of them and how many there are in
     * all. The text is borrowed for the call. NULL: only the detail. */
    void (*problem)(void *user, const char *text);
    void *problem_user;
    /* Sees each picture (png, jpeg, folder) as decoded, before it is made grey and scaled, and
     * may change it: what it puts in place is created with image->alloc, what was there cleared.
     * A status other than EG_OK ends the read with it. NULL: none. */
    eg_status (*picture)(void *user, eg_image *image);
    void *picture_user;
    /* CSV: rows that have the same value in this column, one after the other, are one bag, which
     * has one label; the value is its name. "": the column called "bag", if there is one.
     * NULL: no bags. */
    const char *bag_column;
    int folds; /* CSV: 1: columns test1, test2, .. of 0 and 1, and val1, .. where there are any, are
                  folds of the set; 0: columns like others */
    /* CSV: items that have the same value in this column are one group. NULL: there are none. */
    const char *group_column;
    const char *skip_present; /* CSV: as skip_columns, but names that no column need have: what the
                                 catalogue knows of a set */
    /* svmlight and repertoires, whose files do not say it: numbers of an item, as a model takes
     * them. Zeros follow where a file has fewer; an index beyond is an error, and a sequence of
     * more letters is left out and counted (too_long). 0: as many as the file has. */
    size_t inputs;
} eg_read_options;

#define EG_READ_OPTIONS_INIT                                                                    \
    {                                                                                           \
        sizeof(eg_read_options), 0, 0, 0, -1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 \
    }

/**
 * Read a file or folder: idx, cifar, npy, npz, csv, ucr, svmlight, fps (each plain or gzip), png,
 * jpeg, folder (of PNG and JPEG; sub-folders are classes). docs/data.md has the rules of each.
 * Labels that are integers from 0 (in a label file also with gaps) are kept; any others become
 * 0..classes-1 in their order, and class_names holds what they were.
 * @return EG_OK; EG_ERR_IO (absent, unreadable); EG_ERR_CORRUPT (short, of another type, bad
 *         values: the detail is "file:line:column: what, expected, got" or "file: byte N: ...");
 *         EG_ERR_LIMIT; EG_ERR_NOMEM; EG_ERR_INVALID; EG_ERR_INTERRUPTED
 */
EG_API EG_MUST_CHECK eg_status eg_dataset_read(const char *path, const eg_read_options *options,
                                               eg_dataset *out);
EG_API void eg_dataset_clear(eg_dataset *set);

/**
 * Some items of a set, copied, with all that is known of them; not of bags.
 * @param index  (n) below set->n; any of them may occur more than once
 * @return EG_OK; EG_ERR_INVALID; EG_ERR_UNSUPPORTED (bags); EG_ERR_NOMEM
 */
EG_API EG_MUST_CHECK eg_status eg_dataset_select(const eg_dataset *set, const size_t *index,
                                                 size_t n, eg_dataset *out);

/* The table of readers: name, what it reads, source of the format; NULL past its end. */
typedef struct eg_reader_info {
    const char *name;    /* "idx" */
    const char *summary; /* "IDX of MNIST, gz or plain" */
    const char *source;
} eg_reader_info;
EG_API const eg_reader_info *eg_dataset_reader(size_t row);

/* Writers. NPY version 1.0, little-endian f4 or f8, (n, d). EG_ERR_IO on failure, the old file
 * kept: written beside, synced, renamed. */
EG_API EG_MUST_CHECK eg_status eg_npy_write(const char *path, const float *x, size_t n, size_t d);
EG_API EG_MUST_CHECK eg_status eg_npy_write_f64(const char *path, const double *x, size_t n,
                                                size_t d);

/* One named array of a safetensors file. */
typedef struct eg_tensor_entry {
    const char *name;
    const char *dtype; /* "F32", "F64", "I32", "I64", "U8" */
    const void *data;
    size_t ndim;
    size_t shape[EG_MAX_RANK];
} eg_tensor_entry;

/* meta: pairs of key and value, (2 x pairs) strings, or NULL. */
EG_API EG_MUST_CHECK eg_status eg_safetensors_write(const char *path, const eg_tensor_entry *entry,
                                                    size_t entries, const char *const *meta,
                                                    size_t pairs);

/* Values to +1 / -1: at or above the threshold is +1. In place. */
EG_API void eg_dataset_binarise(eg_dataset *set, float threshold);
/* x <- (x - shift) * scale. In place. */
EG_API void eg_dataset_scale(eg_dataset *set, float shift, float scale);

/**
 * What brings each column to mean 0 and standard deviation 1 (that of all, not of a sample): one
 * that does not vary is only shifted.
 * @param index  (n) items that are measured, of bags all their rows; NULL: the first n
 * @param shift, scale  (D): x <- (x - shift) scale, done by eg_dataset_scale_columns
 * @return EG_OK; EG_ERR_INVALID; EG_ERR_NOMEM
 */
EG_API EG_MUST_CHECK eg_status eg_dataset_columns(const eg_dataset *set, const size_t *index,
                                                  size_t n, float *shift, float *scale);
EG_API void eg_dataset_scale_columns(eg_dataset *set, const float *shift, const float *scale);

#ifdef __cplusplus
}
#endif
#endif
