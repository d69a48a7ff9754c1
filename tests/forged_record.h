/* Records of a memory file as others may have made them: one field of the head or some bytes are
 * changed, and every checksum of the store is right. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_FORGED_RECORD_H
#define TESTS_FORGED_RECORD_H

#include <sqlite3.h>

#include "memory_file_check.h"
#include "model/egi_memory_file.h"

/* Where a change is made: a byte of the record, or one of these. */
enum { OF_ID = -1, OF_KIND = -2, OF_LO = -3, OF_HI = -4, OF_COUNT = -5, OF_SIZE = -6 };
enum { CHANGES = 4, FORGED_ROOM = 300000 };

/* The number that is put there, `bytes` of it, low byte first; of a head's field all. */
struct change {
    int at, bytes;
    uint64_t value;
};

struct forged {
    const char *file; /* what is changed: the caller's */
    uint64_t record;
    struct change change[CHANGES]; /* up to one of 0 bytes */
    const char *words;             /* of the refusal; NULL: nothing is wrong */
};

static inline void change_at(const struct change *c, egi_record *head, uint8_t *bytes)
{
    uint64_t *const field[] = { &head->id, &head->kind,  &head->lo,
                                &head->hi, &head->count, &head->size };
    if (c->at < 0)
        *field[-c->at - 1] = c->value;
    else
        for (int i = 0; i < c->bytes; i++) bytes[c->at + i] = (uint8_t)(c->value >> 8 * i);
}

/* The file of a path with the changes made. */
static inline void forge(const char *path, const struct forged *f)
{
    static uint8_t bytes[FORGED_ROOM];
    eg_memory_file *m = NULL;
    egi_record head;
    const uint8_t *there;
    CHECK_OK(eg_memory_file_open(path, &quick, &m));
    CHECK_OK(egi_store_begin(m->store, 1));
    CHECK_OK(egi_store_get(m->store, f->record, &head, &there));
    memset(bytes, 0, sizeof bytes);
    memcpy(bytes, there, (size_t)head.size);
    for (size_t i = 0; i < CHANGES && f->change[i].bytes > 0; i++)
        change_at(&f->change[i], &head, bytes);
    CHECK_OK(egi_store_put(m->store, &head, bytes));
    CHECK_OK(egi_store_commit(m->store));
    eg_memory_file_close(m);
}

/* As SQL has it, without any checksum put right. */
static inline void break_file(const char *path, const char *sql)
{
    sqlite3 *db;
    CHECK(sqlite3_open(path, &db) == SQLITE_OK);
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    sqlite3_close(db);
}

static inline void count_report(void *user, const char *text)
{
    (void)text;
    ++*(int *)user;
}

/* What loading it and verifying it say: both that it is corrupt, with these words, or neither. */
static inline void judge_forged(const char *path, const struct forged *f,
                                eg_status (*load)(eg_memory_file *file))
{
    eg_memory_file *m = NULL;
    int told = 0;
    CHECK_OK(eg_memory_file_open(path, &reading, &m));
    for (int verify = 0; verify < 3; verify++) {
        const eg_status s = verify == 0   ? load(m)
                            : verify == 1 ? eg_memory_file_verify(m, NULL, NULL)
                                          : eg_memory_file_verify(m, count_report, &told);
        if (s != (f->words != NULL ? EG_ERR_CORRUPT : EG_OK)
            || (f->words != NULL && strstr(eg_error_detail(), f->words) == NULL))
            fail_msg("%s, %s: expected \"%s\", %s: %s", f->file, verify ? "verify" : "load",
                     f->words, eg_status_name(s), eg_error_detail());
    }
    CHECK((told > 0) == (f->words != NULL));
    eg_memory_file_close(m);
}

#endif
