/* engram/catalogue.h - data sets by name: where they are, what they are, how to get them. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGRAM_CATALOGUE_H
#define ENGRAM_CATALOGUE_H

#include <stddef.h>

#include "engram/dataset.h"

#ifdef __cplusplus
extern "C" {
#endif

/* One file of a set, under the name with which its address ends. */
typedef struct eg_catalogue_file {
    const char *url;
    const char *sha256; /* 64 hex digits */
} eg_catalogue_file;

/* A row of the catalogue. Sets are looked for, in this order, in: each folder of
 * $ENGRAM_DATA (separated by ':'), the data shipped with the program ($ENGRAM_SHARE, the
 * source tree's data/, the installed share/engram/data), folders that Debian packages use,
 * and $XDG_DATA_HOME/engram (where `get` puts them). */
typedef struct eg_catalogue_entry {
    const char *name;  /* "semeion" */
    const char *title; /* "1593 handwritten digits, 16 x 16, binary" */
    const char *licence;
    const char *citation;
    const char *hint;               /* how to get it: "apt-get install dataset-fashion-mnist" */
    const eg_catalogue_file *files; /* what `get` downloads; ends with url NULL. NULL: nothing */
} eg_catalogue_entry;

/* Known sets by number, NULL past the end. Folders found under $ENGRAM_DATA that no row
 * names are listed too (by eg_catalogue_find_all). */
EG_API const eg_catalogue_entry *eg_catalogue_row(size_t row);

/* Where a set is on this machine: its folder in path (size bytes). EG_NOT_FOUND with the
 * hint in the detail. */
EG_API EG_MUST_CHECK eg_status eg_catalogue_find(const char *name, char *path, size_t size);

/* Calls found(user, name, folder) for every set present on this machine. */
EG_API EG_MUST_CHECK eg_status eg_catalogue_find_all(void (*found)(void *user, const char *name,
                                                                   const char *folder),
                                                     void *user);

/* Calls found(user, part) for every part of a set, by name; none where the set has no parts.
 * Errors as eg_catalogue_read. */
EG_API EG_MUST_CHECK eg_status eg_catalogue_parts(const char *name,
                                                  void (*found)(void *user, const char *part),
                                                  void *user);

/* Read a set by name, "name" or "name/part" ("mnist/train", "mnist/test", "uci121/iris",
 * "omniglot/background-small1"), with its labels. EG_ERR_IO: not on this machine; what has a '/',
 * a '.' or a space and is neither a set nor a path that exists is reported as a missing file.
 * EG_ERR_INVALID: not a name, or no such part; else as eg_dataset_read. */
EG_API EG_MUST_CHECK eg_status eg_catalogue_read(const char *name, const eg_read_options *options,
                                                 eg_dataset *out);

/* Download url into folder/file, check its sha256 (64 hex digits), then rename it into
 * place. EG_ERR_IO (no connection, HTTP status), EG_ERR_CORRUPT (another checksum: nothing
 * is kept), EG_ERR_INTERRUPTED. */
EG_API EG_MUST_CHECK eg_status eg_download(const char *url, const char *sha256, const char *path,
                                           const eg_progress *progress);

/* sha256 of a file as 64 hex digits and a NUL. */
EG_API EG_MUST_CHECK eg_status eg_sha256_file(const char *path, char hex[65]);

#ifdef __cplusplus
}
#endif
#endif
