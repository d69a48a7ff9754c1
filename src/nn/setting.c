/* SPDX-License-Identifier: Apache-2.0 */
#include "nn/egi_setting.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT = EGI_JSON_TEXT };

eg_status egi_json_parse(const char *text, const char *what, json_t **out)
{
    struct egi_json_error e;
    json_t *root = egi_json_read(text, strlen(text), &e);
    if (root == NULL && e.status == EG_ERR_NOMEM) return egi_fail(EG_ERR_NOMEM, "%s: JSON", what);
    if (root == NULL)
        return egi_fail(EG_ERR_INVALID, "%s:%d:%d: JSON: %s", what, e.line, e.column, e.text);
    if (!json_is_object(root) && !json_is_array(root)) {
        json_decref(root);
        return egi_fail(EG_ERR_INVALID, "%s:1:1: JSON: expected an object or a list", what);
    }
    *out = root;
    return EG_OK;
}

const char *egi_json_shown(const json_t *v, char text[TEXT])
{
    char *s = json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(6));
    snprintf(text, TEXT, "%.60s%s", s != NULL ? s : "nothing",
             s != NULL && strlen(s) > 60 ? "..." : "");
    free(s);
    return text;
}

/* "layers[2].units", or "units" at the top. */
static const char *place(const char *where, const char *name, char text[TEXT])
{
    snprintf(text, TEXT, "%.120s%s%.60s", where, where[0] != '\0' ? "." : "", name);
    return text;
}

static eg_status refuse(const struct egi_setting *row, const char *where, const json_t *v,
                        const char *expected)
{
    char at[TEXT], got[TEXT];
    return egi_fail(EG_ERR_INVALID, "%s: expected %s, got %s", place(where, row->shown.name, at),
                    expected, egi_json_shown(v, got));
}

static void join(char *text, size_t room, size_t *used, const char *word)
{
    const int n = snprintf(text + *used, room - *used, "%s%s", *used > 0 ? ", " : "", word);
    *used = *used + (size_t)n < room ? *used + (size_t)n : room - 1;
}

static eg_status read_number(const struct egi_setting *row, const json_t *v, const char *where,
                             void *field)
{
    char range[TEXT];
    const double x = json_number_value(v);
    const int pair = row->type == EGI_SETTING_PAIR, whole = pair || row->type == EGI_SETTING_COUNT;
    snprintf(range, sizeof range, "a %s in %g..%g%s", whole ? "count" : "number", row->lo, row->hi,
             pair ? ", or a list of two" : "");
    if (!json_is_number(v) || !(x >= row->lo && x <= row->hi) || (whole && x != floor(x)))
        return refuse(row, where, v, range);
    if (whole)
        *(size_t *)field = json_is_integer(v) ? (size_t)json_integer_value(v) : (size_t)x;
    else
        *(double *)field = x;
    return EG_OK;
}

static eg_status read_pair(const struct egi_setting *row, const json_t *v, const char *where,
                           size_t *field)
{
    const int two = json_array_size(v) == 2;
    for (size_t i = 0; i < 2; i++)
        EGI_TRY(read_number(row, two ? json_array_get(v, i) : v, where, &field[i]));
    return EG_OK;
}

static eg_status read_word(const struct egi_setting *row, const json_t *v, const char *where,
                           int *field)
{
    const char *word = json_string_value(v);
    char all[TEXT] = "";
    size_t used = 0;
    for (int i = 0; row->words[i] != NULL; i++) {
        if (word != NULL && strcmp(row->words[i], word) == 0) {
            *field = i;
            return EG_OK;
        }
        join(all, sizeof all, &used, row->words[i]);
    }
    char expected[TEXT + 8];
    snprintf(expected, sizeof expected, "one of %s", all);
    return refuse(row, where, v, expected);
}

static eg_status read_one(json_t *object, const struct egi_setting *row, const char *where,
                          char *out)
{
    json_t *v = json_object_get(object, row->shown.name);
    if (v == NULL) {
        v = egi_json_of(row->shown.fallback);
        if (v == NULL || json_object_set_new(object, row->shown.name, v) != 0)
            return egi_fail(EG_ERR_NOMEM, "%s: its default", row->shown.name);
    }
    switch (row->type) {
    case EGI_SETTING_WORD:
        return read_word(row, v, where, (int *)(void *)(out + row->at));
    case EGI_SETTING_FLAG:
        if (!json_is_boolean(v)) return refuse(row, where, v, "true or false");
        *(int *)(void *)(out + row->at) = json_is_true(v);
        return EG_OK;
    case EGI_SETTING_PAIR:
        return read_pair(row, v, where, (size_t *)(void *)(out + row->at));
    case EGI_SETTING_JSON:
        *(json_t **)(void *)(out + row->at) = v;
        return EG_OK;
    default:
        return read_number(row, v, where, out + row->at);
    }
}

static int is_known(const char *key, const struct egi_setting *rows, const char *const *known)
{
    for (; rows->shown.name != NULL; rows++)
        if (strcmp(rows->shown.name, key) == 0) return 1;
    for (; known != NULL && *known != NULL; known++)
        if (strcmp(*known, key) == 0) return 1;
    return 0;
}

static eg_status refuse_key(const char *key, const struct egi_setting *rows, const char *where)
{
    char all[400] = "", at[TEXT];
    size_t used = 0;
    for (; rows->shown.name != NULL; rows++) join(all, sizeof all, &used, rows->shown.name);
    return egi_fail(EG_ERR_INVALID, "%s: no such setting, expected one of %s",
                    place(where, key, at), all);
}

eg_status egi_settings_read(json_t *object, const struct egi_setting *rows, const char *where,
                            const char *const *known, void *out)
{
    const char *key;
    json_t *value;
    char got[TEXT];
    if (!json_is_object(object))
        return egi_fail(EG_ERR_INVALID, "%s: expected an object, got %s",
                        where[0] != '\0' ? where : "settings", egi_json_shown(object, got));
    json_object_foreach(object, key,
                        value) if (!is_known(key, rows, known)) return refuse_key(key, rows, where);
    for (; rows->shown.name != NULL; rows++) EGI_TRY(read_one(object, rows, where, out));
    return EG_OK;
}

char *egi_json_text(const json_t *document)
{
    struct egi_json_error e = { .status = EG_ERR_NOMEM };
    char *text = json_dumps(document, JSON_REAL_PRECISION(15));
    json_t *back = text != NULL ? egi_json_read(text, strlen(text), &e) : NULL;
    if (back == NULL && e.status == EG_ERR_NOMEM) {
        free(text);
        return NULL;
    }
    if (back == NULL || !json_equal(back, (json_t *)(uintptr_t)document)) {
        free(text);
        text = json_dumps(document, JSON_REAL_PRECISION(17));
    }
    json_decref(back);
    return text;
}
