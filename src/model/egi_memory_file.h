/* Inside a memory file: blocks of patterns as bytes, and the file's description as text. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EGI_MEMORY_FILE_H
#define EGI_MEMORY_FILE_H

#include "base/egi_base.h"
#include "engram/memory_file.h"
#include "store/egi_store.h"

/* Items: ids, weights and labels of the patterns that a state stands for. */
enum {
    EGI_KIND_F32 = 1,
    EGI_KIND_BITS = 2,
    EGI_KIND_STATE = 3,
    EGI_KIND_ITEMS = 4,
    EGI_KIND_TALLY = 5, /* of a binary memory: how much was stored; rows of connections */
    EGI_KIND_ROWS = 6,
    EGI_KIND_HEAD = 7, /* of a head: how much it knows; rows of its fields */
    EGI_KIND_FIELD = 8
};

/* What a memory file holds. */
enum egi_contents { EGI_OF_PATTERNS, EGI_OF_BINARY, EGI_OF_HEAD };

static inline int egi_holds_patterns(uint64_t kind)
{
    return kind == EGI_KIND_F32 || kind == EGI_KIND_BITS;
}

static inline int egi_is_block(uint64_t kind)
{
    return egi_holds_patterns(kind) || kind == EGI_KIND_ITEMS;
}

/* What a bulk append fills a block to: docs/file-format.md has what other sizes cost. */
#define EGI_BLOCK_BYTES ((size_t)64 << 10)
#define EGI_STATE_CHUNK 32768 /* numbers in a record of state */
#define EGI_MEMORY_KEY "memory"
#define EGI_LIBRARY_KEY "library"
#define EGI_NOTE_PREFIX "note/"

struct eg_memory_file {
    egi_store *store;
    egi_store_options options;
    enum egi_contents contents;
    size_t d;                   /* of patterns, or features of a head */
    eg_memory_options memory;   /* as described in the file; alloc is the handle's */
    eg_binary_options made;     /* of a binary memory */
    struct egi_head_made *head; /* of a head; or NULL */
    uint64_t loaded; /* generation of the file that a binary memory or head was loaded from */
    char *note;      /* lent to the caller by eg_memory_file_note() */
    size_t note_size;
};

/* record_list.c - records of the kinds that are wanted (NULL: all); inside a transaction. */
struct egi_record_list {
    uint64_t *id;
    size_t n, room;
};
eg_status egi_records_list(egi_store *s, int (*wants)(uint64_t kind), const eg_allocator *alloc,
                           const char *what, struct egi_record_list *out);
/* A record that is written only where it differs from what is there. */
eg_status egi_record_put(egi_store *s, egi_record *head, const uint8_t *bytes);
void egi_records_free(const eg_allocator *alloc, struct egi_record_list *list);

/* pattern_block.c - a block looked at where it lies; valid as long as its bytes. */
typedef struct egi_block {
    uint64_t kind, lo;
    uint32_t flags;
    size_t n, d, dv, row;                                            /* row: bytes of a pattern */
    const uint8_t *rows;                                             /* (n, stride) */
    size_t stride, at_id, at_weight, at_label, at_value, at_pattern; /* places in a row */
    int ascending;                                                   /* ids rise strictly */
} egi_block;

/* Checks everything; EG_ERR_CORRUPT says what does not fit. */
eg_status egi_block_parse(const egi_record *head, const uint8_t *bytes, size_t d, size_t dv,
                          egi_block *out);
uint64_t egi_block_id(const egi_block *b, size_t i);
/* 1: row i matches its own digest, and may be in a memory. */
int egi_block_row_holds(const egi_block *b, size_t i);
/* A damaged block as far as it can be told how its rows lie: how many of them hold; 0, and no
 * block, if none. head->size bytes are there; the rest of the head counts if head_holds. d = 0: D
 * and DV are as the header says. */
size_t egi_block_rescue(const egi_record *head, int head_holds, const uint8_t *bytes, size_t d,
                        size_t dv, egi_block *out);

/* Rows from .. from + n - 1 of a block as numbers; every array has room for n rows. */
typedef struct egi_rows {
    float *x;        /* (n, D) */
    float *values;   /* (n, DV) */
    float *weights;  /* (n) */
    int32_t *labels; /* (n) */
    uint64_t *ids;   /* (n) */
    size_t n;        /* capacity */
    struct egi_arena arena;
} egi_rows;

eg_status egi_rows_create(const eg_allocator *alloc, size_t n, size_t d, size_t dv, egi_rows *out);
void egi_rows_destroy(egi_rows *rows);
void egi_rows_read(const egi_block *b, size_t from, size_t n, const egi_rows *rows, size_t at);

/* Rows on their way into a block. */
typedef struct egi_builder {
    uint64_t kind;
    size_t d, dv, capacity, n;
    struct egi_arena arena;
    uint8_t *rows, *encoded;
    uint64_t lo, hi;
    int has_weights, has_labels, consecutive;
} egi_builder;

/* capacity 0: as many rows as a bulk block has. */
eg_status egi_builder_create(const eg_allocator *alloc, uint64_t kind, size_t d, size_t dv,
                             size_t capacity, egi_builder *out);
void egi_builder_destroy(egi_builder *b);
/* One row as numbers, or row i of a block; there must be room. value may be NULL if DV is 0. */
void egi_builder_add(egi_builder *b, uint64_t id, float weight, int32_t label, const float *value,
                     const float *x);
void egi_builder_copy(egi_builder *b, const egi_block *from, size_t i);
/* Write what was gathered as record id (0: a new one) and begin anew; nothing if empty. */
eg_status egi_builder_flush(egi_builder *b, egi_store *store, uint64_t id);

uint64_t egi_pattern_kind(eg_storage storage);

/* id_set.c - which ids have been seen. */
typedef struct egi_id_set {
    const eg_allocator *alloc;
    uint64_t *slot; /* (capacity), a power of two; 0 is free */
    size_t capacity, used;
} egi_id_set;

/* EG_OK if new, EG_NOT_FOUND if it was there. id > 0. */
eg_status egi_id_set_add(egi_id_set *set, uint64_t id);
/* Of a set that has some. */
int egi_id_set_has(const egi_id_set *set, uint64_t id);
void egi_id_set_clear(egi_id_set *set);

/* memory_text.c - the description. */
#define EGI_TEXT_MAX 1024
size_t egi_memory_text(size_t d, const eg_memory_options *options, char out[EGI_TEXT_MAX]);
eg_status egi_memory_parse(const char *text, size_t size, size_t *d, eg_memory_options *options);
/* The rest of the next line, which must begin with name and a space, ended by a NUL; *at moves
 * behind it. NULL if it does not. */
char *egi_text_line(char **at, const char *name);
int egi_text_u64(const char *text, int base, uint64_t *out);
eg_status egi_utf8_check(const char *what, const char *text, size_t limit);

/* memory_file.c */
eg_status egi_file_settings(const eg_file_options *options, egi_store_options *out);
/* Writes description, library version and the options' notes into a store that has none. */
eg_status egi_file_describe(egi_store *store, const char *text, size_t size,
                            const eg_file_options *options);
/* A transaction, and what may be allocated for what the file holds now: f->options.max_bytes. */
eg_status egi_file_begin(eg_memory_file *f, int write);
/* Ends the transaction: with a commit if all went well. */
eg_status egi_file_finish(egi_store *s, eg_status status);
/* EG_ERR_UNSUPPORTED, with who, unless the file holds this. */
eg_status egi_file_wants(const eg_memory_file *f, const char *who, enum egi_contents contents);
/* A write of all that was loaded and changed: EG_ERR_IO, and nothing done, where another has
 * written since it was loaded; else put, in one transaction. */
eg_status egi_file_rewrite(eg_memory_file *f, eg_status (*put)(void *user, egi_store *s),
                           void *user);

/* memory_file_notes.c - who: begins the detail of a refusal. */
eg_status egi_note_put(egi_store *s, const char *who, const eg_note *note);

/* A failure of the block or text readers, with the file's name before it. */
eg_status egi_file_blame(const eg_memory_file *f, eg_status status);

/* memory_file_read.c - all pattern rows in the order of storing; inside a transaction. */
eg_status egi_file_gather(eg_memory_file *f, egi_rows *out);
/* Numbers of state that a file of this description has, if any. */
uint64_t egi_state_numbers(size_t d, const eg_memory_options *options);
/* Judges the bytes of records that verify, one after the other. */
typedef struct egi_judge {
    size_t d, dv;
    uint64_t state_next; /* number that the next record of state must begin with */
    int rank;            /* of the last record: state, items, patterns */
    egi_id_set seen;
} egi_judge;
eg_status egi_judge_record(void *user, const egi_record *head, const uint8_t *bytes);
/* Whether a record of this kind may come here: then it has. */
eg_status egi_judge_order(egi_judge *j, const egi_record *head);

#endif
