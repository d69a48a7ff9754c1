/* engram/memory_file.h - the memory file (.egm): a memory that outlives its program.
 *
 * One SQLite file; each record carries an XXH3-64 and a root hash covers them all; WAL with
 * full synchronisation. docs/file-format.md has the layout. One writer and many readers, in
 * threads and processes; a handle belongs to one thread at a time. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGRAM_MEMORY_FILE_H
#define ENGRAM_MEMORY_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "engram/binary.h"
#include "engram/hybrid.h"
#include "engram/memory.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct eg_memory_file eg_memory_file;

/* Text that belongs to a memory, by a key: "title", "class/3", "shape" ("16x16x1"), "units" ... */
typedef struct eg_note {
    const char *key, *value;
} eg_note;

typedef struct eg_file_options {
    size_t size;      /* sizeof(eg_file_options) */
    int read_only;    /* 1: many readers may be open beside one writer */
    int durability;   /* 2: WAL, full (default); 1: WAL, normal; 0: off (bulk loading) */
    size_t max_bytes; /* no more is allocated for what the file declares; 0: by its
                         size, engram/limits.h */
    const eg_allocator *alloc;
    const eg_progress *progress;
    int wait_ms; /* for another writer to finish, then EG_ERR_IO; 0: 5000; < 0: not at all */
    const eg_note *notes; /* (note_count) that a new file has from its first moment on */
    size_t note_count;
} eg_file_options;

#define EG_FILE_OPTIONS_INIT                            \
    {                                                   \
        sizeof(eg_file_options), 0, 2, 0, 0, 0, 0, 0, 0 \
    }

/* A new file for memories of d components; EG_ERR_IO if it exists. memory: the options it
 * is to be loaded with (rule, storage, value size, seed); alloc is not stored. After a kill the
 * file is there with its notes, or not at all. */
EG_API EG_MUST_CHECK eg_status eg_memory_file_create(const char *path, size_t d,
                                                     const eg_memory_options *memory,
                                                     const eg_file_options *options,
                                                     eg_memory_file **out);
/* EG_ERR_IO (absent), EG_ERR_CORRUPT (damaged, or no memory file), EG_ERR_VERSION, EG_ERR_LIMIT. */
EG_API EG_MUST_CHECK eg_status eg_memory_file_open(const char *path, const eg_file_options *options,
                                                   eg_memory_file **out);
EG_API void eg_memory_file_close(eg_memory_file *f);

/* Append n patterns with their items in one transaction: when it returns EG_OK they are on
 * disk. ids (n) out, may be NULL. Weights and features keep patterns too, so that nothing is
 * lost and any of them can be removed. */
EG_API EG_MUST_CHECK eg_status eg_memory_file_append(eg_memory_file *f, const float *patterns,
                                                     size_t n, const eg_items *items,
                                                     uint64_t *ids);
/* EG_NOT_FOUND, and nothing done, if one id is not there; EG_ERR_UNSUPPORTED if one was saved as
 * weights or features, without its pattern. Ids are not used twice. */
EG_API EG_MUST_CHECK eg_status eg_memory_file_remove(eg_memory_file *f, const uint64_t *ids,
                                                     size_t n);

/* Everything verified, into a memory. The file may be closed afterwards. */
EG_API EG_MUST_CHECK eg_status eg_memory_file_load(eg_memory_file *f, eg_memory **out);
/* A whole memory into a new file: patterns or, where none are kept, weights or features; ids,
 * labels, weights and values; and which ids were used. What is loaded recalls as what was saved. */
EG_API EG_MUST_CHECK eg_status eg_memory_file_save(const char *path, const eg_memory *m,
                                                   const eg_file_options *options);

/* 1: the file holds a binary memory. f must not be NULL. */
EG_API int eg_memory_file_is_binary(const eg_memory_file *f);
/* A binary memory into a new file, and back. The same file, and every call here but append, remove,
 * load and save, is for either; those name the other call (EG_ERR_UNSUPPORTED). */
EG_API EG_MUST_CHECK eg_status eg_memory_file_save_binary(const char *path, const eg_binary *m,
                                                          const eg_file_options *options);
EG_API EG_MUST_CHECK eg_status eg_memory_file_load_binary(eg_memory_file *f, eg_binary **out);
/* What was loaded and then changed, back in one transaction: when it returns EG_OK it is on disk.
 * Only records that differ are written. EG_ERR_IO, and nothing done, where another has written
 * since; EG_ERR_SHAPE where m is of other options than the file. */
EG_API EG_MUST_CHECK eg_status eg_memory_file_write_binary(eg_memory_file *f, const eg_binary *m);

/* 1: the file holds a head (engram/hybrid.h). f must not be NULL. */
EG_API int eg_memory_file_is_head(const eg_memory_file *f);
/* A head into a new file, back, and what changed of it written, as for a binary memory. What
 * teaching put aside (eg_head_teach) is summed before it is written. */
EG_API EG_MUST_CHECK eg_status eg_memory_file_save_head(const char *path, eg_head *h,
                                                        const eg_file_options *options);
EG_API EG_MUST_CHECK eg_status eg_memory_file_load_head(eg_memory_file *f, eg_head **out);
EG_API EG_MUST_CHECK eg_status eg_memory_file_write_head(eg_memory_file *f, eg_head *h);

/* A NULL value removes the note. value is borrowed until the next call on f. */
EG_API EG_MUST_CHECK eg_status eg_memory_file_set_note(eg_memory_file *f, const char *key,
                                                       const char *value);
EG_API EG_MUST_CHECK eg_status eg_memory_file_note(eg_memory_file *f, const char *key,
                                                   const char **value);
/* All notes, by key. visit must not call f; other than EG_OK ends the walk and is returned. */
EG_API EG_MUST_CHECK eg_status eg_memory_file_notes(eg_memory_file *f,
                                                    eg_status (*visit)(void *user, const char *key,
                                                                       const char *value),
                                                    void *user);

typedef struct eg_file_info {
    uint64_t count;      /* patterns; of a binary memory the pairs, messages, sequences stored */
    uint64_t size;       /* D; numbers of an address */
    uint64_t value_size; /* DV; numbers of a content, 0 where it is the address */
    uint64_t file_bytes;
    uint64_t free_bytes; /* that vacuum would give back */
    uint32_t format_version;
    char library_version[32];
    char root_hash[17]; /* hex */
    eg_storage storage;
    eg_rule rule;
    int is_binary;            /* then storage and rule say nothing, and: */
    eg_binary_options binary; /* alloc NULL */
    int is_head;              /* then count is of examples, size of features */
} eg_file_info;
EG_API EG_MUST_CHECK eg_status eg_memory_file_info(eg_memory_file *f, eg_file_info *info);
/* eg_memory_lyapunov of the memory that the file holds. */
EG_API int eg_memory_file_lyapunov(const eg_memory_file *f, eg_dynamics dynamics, const char **why);

/* Check every record, the root hash and SQLite's own structure. EG_ERR_CORRUPT names the
 * first damage; report(user, text) hears of each (at most 20), may be NULL. */
EG_API EG_MUST_CHECK eg_status eg_memory_file_verify(eg_memory_file *f,
                                                     void (*report)(void *user, const char *text),
                                                     void *user);
/* A consistent copy of a file that may be in use; EG_ERR_IO if `to` exists. */
EG_API EG_MUST_CHECK eg_status eg_memory_file_backup(eg_memory_file *f, const char *to);
/* Give freed space back; deleted patterns leave the file's bytes. */
EG_API EG_MUST_CHECK eg_status eg_memory_file_vacuum(eg_memory_file *f);
/* What can be saved of a damaged file, also of one cut short, into a new one: every memory that
 * matches its own digest. *kept and *lost (may be NULL) count memories; a lost note, and a
 * page of which nobody knows what it had, count as one. options (may be NULL): of both files.
 * EG_ERR_CORRUPT when nothing can be saved; EG_ERR_INTERRUPTED, and no new file. */
EG_API EG_MUST_CHECK eg_status eg_memory_file_repair(const char *path, const char *to,
                                                     const eg_file_options *options, uint64_t *kept,
                                                     uint64_t *lost);
/* "safetensors" (patterns, values, weights, labels, ids, rule as metadata) or "npy" (patterns). Of
 * a binary memory: "connections", a row a unit of the address or a location, a number a unit of the
 * content (0 or 1, how often it was made, or the sum); in safetensors with its options. Of a head:
 * its fields by name, safetensors alone. */
EG_API EG_MUST_CHECK eg_status eg_memory_file_export(eg_memory_file *f, const char *to,
                                                     const char *format);

#ifdef __cplusplus
}
#endif
#endif
