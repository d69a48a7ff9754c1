/* SPDX-License-Identifier: Apache-2.0 */
#include "nn/egi_kind.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ALL = 400, WORD = 64 };

static void join(char *all, const char *word)
{
    const size_t used = strlen(all);
    snprintf(all + used, ALL - used, "%s%s", used > 0 ? ", " : "", word);
}

json_t *egi_kind_object(json_t *v)
{
    if (!json_is_string(v)) return json_incref(v);
    json_t *object = json_object();
    if (object == NULL || json_object_set(object, "kind", v) == 0) return object;
    json_decref(object);
    return NULL;
}

eg_status egi_kind_read(json_t *object, const struct egi_kind *const *rows, const char *place,
                        const char *const *known, const struct egi_kind **row,
                        union egi_settings *settings)
{
    const char *word = json_string_value(json_object_get(object, "kind"));
    for (size_t i = 0; word != NULL && rows[i] != NULL; i++) {
        if (strcmp(rows[i]->name, word) != 0) continue;
        static const char *const own[] = { "kind", NULL };
        memset(settings, 0, sizeof *settings);
        EGI_TRY(egi_settings_read(object, rows[i]->settings, place, known != NULL ? known : own,
                                  settings->bytes));
        *row = rows[i];
        return EG_OK;
    }
    char all[ALL] = "", got[EGI_JSON_TEXT];
    for (size_t i = 0; rows[i] != NULL; i++) join(all, rows[i]->name);
    if (word != NULL)
        return egi_fail(EG_ERR_INVALID, "%s: expected one of %s, got %s", place, all,
                        egi_json_shown(json_object_get(object, "kind"), got));
    return egi_fail(EG_ERR_INVALID,
                    "%s: expected a word or an object with \"kind\", one of %s, got %s", place, all,
                    egi_json_shown(object, got));
}

eg_status egi_kind_read_key(json_t *object, const char *key, const struct egi_kind *const *rows,
                            const struct egi_kind **row, union egi_settings *settings)
{
    json_t *own = egi_kind_object(json_object_get(object, key));
    if (own == NULL || json_object_set_new(object, key, own) != 0)
        return egi_fail(EG_ERR_NOMEM, "%s", key);
    return egi_kind_read(own, rows, key, NULL, row, settings);
}

static const struct egi_choice *choice_at(const void *rows, size_t stride, size_t i)
{
    const struct egi_choice *c = (const void *)((const char *)rows + i * stride);
    return c->name != NULL ? c : NULL;
}

static int is_named(const struct egi_choice *c, const char *word)
{
    return strcmp(c->name, word) == 0 || (c->synonym != NULL && strcmp(c->synonym, word) == 0);
}

static eg_status read_number(const struct egi_choice *c, const char *place, const char *text,
                             double *number)
{
    char *end;
    *number = c->fallback;
    if (text == NULL) return EG_OK;
    if (c->lo > c->hi)
        return egi_fail(EG_ERR_INVALID, "%s: %s takes no number, got :%.40s", place, c->name, text);
    errno = 0;
    *number = strtod(text, &end);
    if (end == text || *end != '\0' || !(*number >= c->lo && *number <= c->hi))
        return egi_fail(EG_ERR_INVALID, "%s: %s: expected a number in %g..%g, got :%.40s", place,
                        c->name, c->lo, c->hi, text);
    return EG_OK;
}

eg_status egi_choice_read(const json_t *v, const char *place, const void *rows, size_t stride,
                          size_t *row, double *number)
{
    char word[WORD], all[ALL] = "";
    const struct egi_choice *c;
    const char *text = json_is_string(v) ? json_string_value(v) : "";
    const char *colon = strchr(text, ':');
    snprintf(word, sizeof word, "%.*s", colon != NULL ? (int)(colon - text) : WORD, text);
    for (size_t i = 0; (c = choice_at(rows, stride, i)) != NULL; i++) {
        if (!is_named(c, word)) {
            join(all, c->name);
            continue;
        }
        *row = i;
        return read_number(c, place, colon != NULL ? colon + 1 : NULL, number);
    }
    char got[EGI_JSON_TEXT];
    return egi_fail(EG_ERR_INVALID, "%s: expected one of %s, got %s", place, all,
                    egi_json_shown(v, got));
}
