/* From options to the JSON that eg_learner_create takes. The library's table of settings says of
 * what type each is; so a list may be typed 300,100 and a word needs no quotes. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/learner_options.h"

#include <string.h>
#include <sys/stat.h>

#include "cli/console.h"

const char *learner_kind_name(size_t row)
{
    const eg_learner_kind *kind = eg_learner_kind_at(row);
    return kind != NULL ? kind->name : NULL;
}

static const char *setting_name(const void *kind, size_t row)
{
    const eg_setting *setting = eg_learner_setting_at(kind, row);
    return setting != NULL ? setting->name : NULL;
}

static const eg_setting *setting_of(const char *kind, const char *key)
{
    const eg_setting *s;
    for (size_t i = 0; (s = eg_learner_setting_at(kind, i)) != NULL; i++)
        if (strcmp(s->name, key) == 0) return s;
    return NULL;
}

/* JSON where it is any, else a word; for a list also its elements with commas between. */
static json_t *value_of(const eg_setting *setting, const char *text)
{
    json_t *v = json_loads(text, JSON_DECODE_ANY, NULL);
    if (setting != NULL && strcmp(setting->type, "list") == 0 && !json_is_array(v)
        && !json_is_null(v)) {
        json_decref(v);
        v = json_loads(keep_format("[%s]", text), 0, NULL);
    }
    return v != NULL ? v : json_string(text);
}

/* "optimiser.rate": the object `optimiser` of spec, its word ("adam") made one. */
static json_t *inner_object(json_t *spec, const char *kind, const char *key)
{
    const eg_setting *setting = setting_of(kind, key);
    json_t *v = json_incref(json_object_get(spec, key));
    if (v == NULL && setting != NULL) v = json_loads(setting->fallback, JSON_DECODE_ANY, NULL);
    if (json_is_string(v)) {
        json_t *object = json_pack("{s:O}", "kind", v);
        json_decref(v);
        v = object;
    }
    if (!json_is_object(v)) {
        json_decref(v);
        return NULL;
    }
    json_object_set_new(spec, key, v);
    return v;
}

static int no_setting(const struct call *call, const char *kind, const char *key)
{
    const char *near = nearest_name(key, setting_name, kind);
    return fail_usage(call, "%s has no setting \"%s\"%s%s%s\n  engram help %s", kind, key,
                      near ? "; did you mean " : "", near ? near : "", near ? "?" : "", kind);
}

static int set_one(const struct call *call, json_t *spec, const char *key, const char *text)
{
    const char *kind = json_string_value(json_object_get(spec, "kind"));
    const size_t n = strcspn(key, ".");
    const char *outer = keep_format("%.*s", (int)n, key);
    const eg_setting *setting = setting_of(kind, outer);
    json_t *object = spec;
    if (setting == NULL) return no_setting(call, kind, outer);
    if (key[n] == '.') object = inner_object(spec, kind, outer);
    if (object == NULL) return fail_usage(call, "%s: %s is no object", key, outer);
    json_t *v = value_of(key[n] == '.' ? NULL : setting, text);
    if (json_object_set_new(object, key[n] == '.' ? key + n + 1 : key, v) != 0)
        return fail_usage(call, "%s: expected UTF-8", key);
    return EXIT_DONE;
}

static int set_all(const struct call *call, const struct learner_options *given, json_t *spec)
{
    int code = EXIT_DONE;
    if (given->hidden != NULL) code = set_one(call, spec, "hidden", given->hidden);
    if (code == EXIT_DONE && given->activation != NULL)
        code = set_one(call, spec, "activation", given->activation);
    for (size_t i = 0; i < given->set.n && code == EXIT_DONE; i++) {
        const char *item = given->set.item[i], *equals = strchr(item, '=');
        if (equals == NULL || equals == item)
            return fail_usage(call, "--set: expected KEY=VALUE, got \"%s\"", item);
        code = set_one(call, spec, keep_format("%.*s", (int)(equals - item), item), equals + 1);
    }
    return code;
}

int learner_spec_read(const char *path, json_t **out)
{
    json_error_t e;
    struct stat st;
    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
        fprintf(stderr, "engram: %s: is a folder, expected a JSON file {\"kind\": ...}\n", path);
        return EXIT_USAGE;
    }
    json_t *v = json_load_file(path, JSON_REJECT_DUPLICATES, &e);
    const int absent = v == NULL && json_error_code(&e) == json_error_cannot_open_file;
    if (json_is_object(v)) {
        *out = v;
        return EXIT_DONE;
    }
    if (v != NULL)
        fprintf(stderr, "engram: %s: expected a JSON object {\"kind\": ...}\n", path);
    else if (absent)
        fprintf(stderr, "engram: %s: no such file\n", path);
    else
        fprintf(stderr, "engram: %s:%d:%d: JSON: %s\n", path, e.line, e.column, e.text);
    json_decref(v);
    return absent ? EXIT_IO : EXIT_USAGE;
}

int learner_spec(const struct call *call, const struct learner_options *given, const char **spec)
{
    json_t *j = json_object();
    int code = EXIT_DONE;
    if (given->model != NULL) {
        json_decref(j);
        code = learner_spec_read(given->model, &j);
        if (code != EXIT_DONE) return code;
    }
    if (given->kind >= 0)
        json_object_set_new(j, "kind", json_string(learner_kind_name((size_t)given->kind)));
    if (json_object_get(j, "kind") == NULL)
        json_object_set_new(j, "kind", json_string(LEARNER_USUAL));
    if (!json_is_string(json_object_get(j, "kind")))
        code = fail_usage(call, "%s: kind: expected a word", given->model);
    if (code == EXIT_DONE) code = set_all(call, given, j);
    if (code == EXIT_DONE) *spec = keep(json_dumps(j, JSON_COMPACT));
    json_decref(j);
    return code;
}

void learner_settings_table(const char *kind, struct table *t)
{
    static const struct column columns[] = {
        { "setting", NULL }, { "type", NULL }, { "default", NULL }, { "meaning", NULL }
    };
    const eg_setting *s;
    table_begin(t, keep_format("settings of %s", kind), columns, 4);
    for (size_t i = 0; (s = eg_learner_setting_at(kind, i)) != NULL; i++) {
        table_word(t, "%s", s->name);
        table_word(t, "%s", s->type);
        table_word(t, "%s", s->fallback);
        table_word(t, "%s", s->summary);
    }
}

void learner_help(FILE *out, const char *kind)
{
    struct table t;
    size_t row = 0;
    while (strcmp(learner_kind_name(row), kind) != 0) row++;
    const eg_learner_kind *k = eg_learner_kind_at(row);
    fprintf(out, "%s: %s%s%s%s\n\n  engram train DATA --kind %s --set KEY=VALUE\n\n", k->name,
            k->summary, *k->source ? " (" : "", k->source, *k->source ? ")" : "", k->name);
    learner_settings_table(kind, &t);
    table_print(&t, out);
    table_clear(&t);
}
