/* Settings in JSON, read by table: one row says name, type, default, domain and meaning, and
 * serves parsing, the echo of defaults, help and documentation. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EGI_SETTING_H
#define EGI_SETTING_H

#include "base/egi_json.h"
#include "engram/learner.h"

enum egi_setting_type {
    EGI_SETTING_COUNT,  /* size_t, lo..hi */
    EGI_SETTING_PAIR,   /* size_t[2]: a count for both, or a list of two */
    EGI_SETTING_NUMBER, /* double, lo..hi, finite */
    EGI_SETTING_WORD,   /* int: index into words, which ends with NULL */
    EGI_SETTING_FLAG,   /* int: false or true */
    EGI_SETTING_JSON    /* json_t *, borrowed from the document: lists and objects */
};

struct egi_setting {
    eg_setting shown; /* name, type, fallback (JSON text), summary */
    enum egi_setting_type type;
    size_t at; /* offsetof the field */
    double lo, hi;
    const char *const *words;
};

/**
 * Fill the struct `out` from the JSON object by rows (which end with a NULL name), and write into
 * the object what it leaves out. `where` is the place named in errors ("layers[2]", "" at the
 * top); keys in `known` (NULL-ended, or NULL) are somebody else's.
 */
eg_status egi_settings_read(json_t *object, const struct egi_setting *rows, const char *where,
                            const char *const *known, void *out);

/* A JSON text into a document; refuses duplicate keys; the detail has line and column. */
eg_status egi_json_parse(const char *text, const char *what, json_t **out);
/* What came, short enough for a detail: its JSON, control bytes escaped; "nothing" of NULL. */
enum { EGI_JSON_TEXT = 200 };
const char *egi_json_shown(const json_t *v, char text[EGI_JSON_TEXT]);
/* One line that reads back as the same document, with no more digits than that takes; from
 * malloc, NULL without memory. */
char *egi_json_text(const json_t *document);

#endif
