/* Lists of layers: from JSON, and one after the other over the tape. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "nn/egi_layer.h"

#include <stdio.h>
#include <string.h>

enum { LAYERS_MAX = 10000 };

void egi_graph_destroy(struct egi_graph *g)
{
    if (g == NULL) return;
    for (size_t i = 0; g->layer != NULL && i < g->count; i++) egi_graph_destroy(g->layer[i].inner);
    egi_free(g->alloc, g->layer, g->count * sizeof *g->layer);
    egi_free(g->alloc, g->value, (g->count + 1) * sizeof *g->value);
    egi_free(g->alloc, g, sizeof *g);
}

/* A dot parts the names of nested layers; control bytes would reach terminals. */
static int has_odd_bytes(const char *name)
{
    for (const unsigned char *c = (const unsigned char *)name; *c != '\0'; c++)
        if (*c < 0x20 || *c == 0x7f || *c == '.') return 1;
    return 0;
}

static eg_status read_name(struct egi_graph *g, size_t at, const json_t *v)
{
    struct egi_layer *l = &g->layer[at];
    if (v == NULL) {
        snprintf(l->name, sizeof l->name, "%zu", at);
        return EG_OK;
    }
    char got[EGI_JSON_TEXT];
    const char *name = json_is_string(v) ? json_string_value(v) : "";
    const size_t n = strlen(name);
    if (n == 0 || n >= sizeof l->name || has_odd_bytes(name) || strcmp(name, "input") == 0)
        return egi_fail(EG_ERR_INVALID,
                        "%s.name: expected a word of 1..%zu bytes without dots and control "
                        "characters that is not \"input\", got %s",
                        l->place, sizeof l->name - 1, egi_json_shown(v, got));
    snprintf(l->name, sizeof l->name, "%s", name);
    for (size_t i = 0; i < at; i++)
        if (strcmp(g->layer[i].name, name) == 0)
            return egi_fail(EG_ERR_INVALID, "%s.name: \"%s\" is the name of %s too", l->place, name,
                            g->layer[i].place);
    return EG_OK;
}

static eg_status find_value(const struct egi_graph *g, size_t at, const json_t *v, size_t *out)
{
    char got[EGI_JSON_TEXT];
    const char *name = json_is_string(v) ? json_string_value(v) : "";
    *out = 0;
    if (strcmp(name, "input") == 0) return EG_OK;
    for (size_t i = 0; i < at; i++)
        if (strcmp(g->layer[i].name, name) == 0) {
            *out = i + 1;
            return EG_OK;
        }
    return egi_fail(EG_ERR_INVALID,
                    "%s.from: expected \"input\" or the name of a layer before it, got %s",
                    g->layer[at].place, egi_json_shown(v, got));
}

/* "from": a name, or a list of them; without it, what the layer before gave. */
static eg_status read_from(struct egi_graph *g, size_t at, const json_t *v)
{
    struct egi_layer *l = &g->layer[at];
    const size_t most = l->row->most > 0 ? l->row->most : 1;
    const size_t least = l->row->least > 0 ? l->row->least : 1;
    l->count = json_is_array(v) ? json_array_size(v) : 1;
    if (l->count < least || l->count > most)
        return egi_fail(EG_ERR_INVALID, "%s.from: %zu names, and %s takes %zu to %zu values",
                        l->place, l->count, l->row->kind.name, least, most);
    l->from[0] = at;
    for (size_t i = 0; v != NULL && i < l->count; i++)
        EGI_TRY(find_value(g, at, json_is_array(v) ? json_array_get(v, i) : v, &l->from[i]));
    return EG_OK;
}

static eg_status read_layer(struct egi_graph *g, size_t at, json_t *list, size_t depth)
{
    static const char *const ours[] = { "kind", "name", "from", NULL };
    struct egi_layer *l = &g->layer[at];
    const struct egi_kind *kind = NULL;
    json_t *object = egi_kind_object(json_array_get(list, at));
    if (object == NULL || json_array_set_new(list, at, object) != 0)
        return egi_fail(EG_ERR_NOMEM, "%s", l->place);
    EGI_TRY(egi_kind_read(object, egi_layer_kinds, l->place, ours, &kind, &l->settings));
    l->row = (const struct egi_layer_row *)(const void *)kind;
    EGI_TRY(read_name(g, at, json_object_get(object, "name")));
    EGI_TRY(read_from(g, at, json_object_get(object, "from")));
    if (l->row->inner)
        EGI_TRY(egi_graph_create(object, l->row->kind.settings[0].shown.name, l->place, depth + 1,
                                 g->alloc, &l->inner));
    return l->row->check != NULL ? l->row->check(l) : EG_OK;
}

static eg_status read_layers(struct egi_graph *g, json_t *list, const char *at, size_t depth)
{
    void *layer, *value;
    EGI_TRY(egi_alloc_array(g->alloc, g->count, sizeof *g->layer, "layers", &layer));
    g->layer = layer;
    memset(layer, 0, g->count * sizeof *g->layer);
    EGI_TRY(egi_alloc_array(g->alloc, g->count + 1, sizeof *g->value, "layers", &value));
    g->value = value;
    for (size_t i = 0; i < g->count; i++) {
        snprintf(g->layer[i].place, EGI_PLACE_TEXT, "%.120s[%zu]", at, i);
        EGI_TRY(read_layer(g, i, list, depth));
    }
    return EG_OK;
}

eg_status egi_graph_create(json_t *owner, const char *key, const char *place, size_t depth,
                           const eg_allocator *alloc, struct egi_graph **out)
{
    json_t *list = json_object_get(owner, key);
    const size_t count = json_array_size(list);
    char at[EGI_PLACE_TEXT];
    snprintf(at, sizeof at, "%.100s%s%.40s", place, place[0] != '\0' ? "." : "", key);
    if (count == 0 || count > LAYERS_MAX)
        return egi_fail(EG_ERR_INVALID, "%s: expected a list of 1..%d layers", at, LAYERS_MAX);
    if (depth > EGI_DEPTH_MAX)
        return egi_fail(EG_ERR_LIMIT, "%s: lists of layers more than %d deep", at, EGI_DEPTH_MAX);
    void *block;
    EGI_TRY(egi_alloc_array(alloc, 1, sizeof(struct egi_graph), "layers", &block));
    struct egi_graph *g = block;
    *g = (struct egi_graph){ .alloc = alloc, .count = count };
    const eg_status s = read_layers(g, list, at, depth);
    if (s == EG_OK)
        *out = g;
    else
        egi_graph_destroy(g);
    return s;
}

eg_var egi_graph_apply(struct egi_scope *s, const struct egi_graph *g, eg_var x)
{
    const size_t base = strlen(s->path);
    g->value[0] = x;
    for (size_t i = 0; i < g->count && eg_tape_status(s->t) == EG_OK; i++) {
        const struct egi_layer *l = &g->layer[i];
        eg_var in[EGI_JOIN_MAX];
        for (size_t k = 0; k < l->count; k++) in[k] = g->value[l->from[k]];
        const int n = snprintf(s->path + base, EGI_PATH_TEXT - base, "%s.", l->name);
        if (n < 0 || (size_t)n >= EGI_PATH_TEXT - base)
            egi_layer_fail(s, EG_ERR_LIMIT, "names of layers of more than %d bytes in all",
                           EGI_PATH_TEXT);
        g->value[i + 1] = l->row->apply(s, l, in);
        s->path[base] = '\0';
        if (eg_tape_status(s->t) == EG_OK || s->placed) continue;
        char place[EGI_PLACE_TEXT + 32];
        snprintf(place, sizeof place, "%s %s", l->place, l->row->kind.name);
        egi_tape_failed_at(s->t, place);
        s->placed = 1; /* by the innermost layer */
    }
    return eg_tape_status(s->t) == EG_OK ? g->value[g->count] : EG_NONE;
}
