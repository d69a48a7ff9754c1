/* Notes of a memory file: texts by key, beside the description. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "model/egi_memory_file.h"

enum { NOTE_KEY_MAX = 200 };

static eg_status note_key(const char *who, const char *key, char out[EGI_META_KEY_MAX + 1])
{
    if (key == NULL || key[0] == '\0') return egi_fail(EG_ERR_INVALID, "%s: no key", who);
    EGI_TRY(egi_utf8_check("key of a note", key, NOTE_KEY_MAX));
    snprintf(out, EGI_META_KEY_MAX + 1, EGI_NOTE_PREFIX "%s", key);
    return EG_OK;
}

eg_status egi_note_put(egi_store *s, const char *who, const eg_note *note)
{
    char full[EGI_META_KEY_MAX + 1];
    EGI_TRY(note_key(who, note->key, full));
    if (note->value != NULL) EGI_TRY(egi_utf8_check("note", note->value, EGI_META_MAX));
    return egi_store_set_meta(s, full, note->value, note->value != NULL ? strlen(note->value) : 0);
}

eg_status eg_memory_file_set_note(eg_memory_file *f, const char *key, const char *value)
{
    const eg_note note = { key, value };
    if (f == NULL) return egi_fail(EG_ERR_INVALID, "eg_memory_file_set_note: file is NULL");
    EGI_TRY(egi_file_begin(f, 1));
    const int current = egi_store_root_view(f->store)->generation == f->loaded;
    EGI_TRY(egi_file_finish(f->store, egi_note_put(f->store, "eg_memory_file_set_note", &note)));
    /* a note of this handle's own is no other writer */
    if (current) f->loaded = egi_store_root_view(f->store)->generation;
    return EG_OK;
}

/* The text, ended by a NUL, in the handle's own buffer. */
static eg_status keep_note(eg_memory_file *f, const uint8_t *value, size_t size)
{
    char *text = egi_alloc(f->options.alloc, size + 1);
    if (text == NULL) return egi_fail(EG_ERR_NOMEM, "memory file: a note of %zu bytes", size);
    memcpy(text, value, size);
    text[size] = '\0';
    egi_free(f->options.alloc, f->note, f->note_size);
    f->note = text;
    f->note_size = size + 1;
    if (strlen(text) != size || egi_utf8_check("note", text, EGI_META_MAX) != EG_OK)
        return egi_file_blame(f, egi_fail(EG_ERR_CORRUPT, "a note is no text"));
    return EG_OK;
}

eg_status eg_memory_file_note(eg_memory_file *f, const char *key, const char **value)
{
    char full[EGI_META_KEY_MAX + 1];
    const uint8_t *bytes;
    size_t size;
    if (f == NULL || value == NULL)
        return egi_fail(EG_ERR_INVALID, "eg_memory_file_note: %s is NULL",
                        f == NULL ? "file" : "value");
    EGI_TRY(note_key("eg_memory_file_note", key, full));
    EGI_TRY(egi_file_begin(f, 0));
    eg_status status = egi_store_meta(f->store, full, &bytes, &size);
    if (status == EG_OK) status = keep_note(f, bytes, size);
    status = egi_file_finish(f->store, status);
    if (status == EG_OK) *value = f->note;
    return status;
}

struct note_walk {
    eg_memory_file *f;
    eg_status (*visit)(void *user, const char *key, const char *value);
    void *user;
};

static eg_status visit_note(void *user, const char *key, const uint8_t *value, size_t size)
{
    const struct note_walk *w = user;
    const size_t prefix = strlen(EGI_NOTE_PREFIX);
    if (strncmp(key, EGI_NOTE_PREFIX, prefix) != 0) return EG_OK;
    EGI_TRY(keep_note(w->f, value, size));
    return w->visit(w->user, key + prefix, w->f->note);
}

eg_status eg_memory_file_notes(eg_memory_file *f,
                               eg_status (*visit)(void *user, const char *key, const char *value),
                               void *user)
{
    struct note_walk w = { f, visit, user };
    if (f == NULL || visit == NULL)
        return egi_fail(EG_ERR_INVALID, "eg_memory_file_notes: %s is NULL",
                        f == NULL ? "file" : "visit");
    EGI_TRY(egi_file_begin(f, 0));
    return egi_file_finish(f->store, egi_store_metas(f->store, visit_note, &w));
}
