/* Tables whose rows are chosen by a word of a JSON file: layers, losses, optimisers, schedules.
 * A row is named either by its word alone ("adam") or by an object ({"kind": "adam", "rate": 1e-3})
 * that sets what its settings list. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EGI_KIND_H
#define EGI_KIND_H

#include "nn/egi_setting.h"

/* First member of a row of such a table; a table is an array of pointers that ends with NULL. */
struct egi_kind {
    const char *name, *formula, *source;
    const struct egi_setting *settings; /* fills a struct of at most EGI_SETTINGS_BYTES */
};

enum { EGI_SETTINGS_BYTES = 384, EGI_PLACE_TEXT = 160 };

/* The struct a row's settings fill: aligned for any of them. */
union egi_settings {
    double align;
    char bytes[EGI_SETTINGS_BYTES];
};

/* v as an object, a word as {"kind": word}: a new reference, NULL without memory. */
json_t *egi_kind_object(json_t *v);

/* The row that object["kind"] names, and its settings; keys in `known` are somebody else's. */
eg_status egi_kind_read(json_t *object, const struct egi_kind *const *rows, const char *place,
                        const char *const *known, const struct egi_kind **row,
                        union egi_settings *settings);

/* object[key] made an object in its place and read as above. */
eg_status egi_kind_read_key(json_t *object, const char *key, const struct egi_kind *const *rows,
                            const struct egi_kind **row, union egi_settings *settings);

/* A word that takes at most one number, "rep:2": first member of a row of such a table, an array
 * of structs of `stride` bytes that ends with a NULL name. lo > hi: it takes none. */
struct egi_choice {
    const char *name, *synonym; /* synonym may be NULL */
    double fallback, lo, hi;
};
eg_status egi_choice_read(const json_t *v, const char *place, const void *rows, size_t stride,
                          size_t *row, double *number);

/* Rows of a list of settings: S is the struct, the rest as in struct egi_setting. */
#define EGI_SET_COUNT(S, field, fallback, lo, hi, text)                                          \
    {                                                                                            \
        { #field, "count", fallback, text }, EGI_SETTING_COUNT, offsetof(S, field), lo, hi, NULL \
    }
#define EGI_SET_PAIR(S, field, fallback, lo, hi, text)                                             \
    {                                                                                              \
        { #field, "one or two counts", fallback, text }, EGI_SETTING_PAIR, offsetof(S, field), lo, \
            hi, NULL                                                                               \
    }
#define EGI_SET_NUMBER(S, field, fallback, lo, hi, text)                                           \
    {                                                                                              \
        { #field, "number", fallback, text }, EGI_SETTING_NUMBER, offsetof(S, field), lo, hi, NULL \
    }
#define EGI_SET_WORD(S, field, fallback, list, text)                                         \
    {                                                                                        \
        { #field, "word", fallback, text }, EGI_SETTING_WORD, offsetof(S, field), 0, 0, list \
    }
#define EGI_SET_FLAG(S, field, fallback, text)                                               \
    {                                                                                        \
        { #field, "flag", fallback, text }, EGI_SETTING_FLAG, offsetof(S, field), 0, 0, NULL \
    }
#define EGI_SET_JSON(S, field, type, fallback, text)                                       \
    {                                                                                      \
        { #field, type, fallback, text }, EGI_SETTING_JSON, offsetof(S, field), 0, 0, NULL \
    }
#define EGI_SET_END                                                  \
    {                                                                \
        { NULL, NULL, NULL, NULL }, EGI_SETTING_COUNT, 0, 0, 0, NULL \
    }

#endif
