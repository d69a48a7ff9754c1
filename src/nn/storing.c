/* Layers with stored connections: examples written by adding connections, taken back by removing
 * them. Arrays of such a layer are NAME.weight and NAME.count, (K, D) both; a connection exists
 * where its count is above 0, and counts how many stored examples need it, so that one of them can
 * be taken back exactly. Its weight is 0 where it does not exist. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "nn/egi_storing.h"

#include <stdio.h>
#include <string.h>

#include "engram/connections.h"
#include "nn/egi_learner.h"

#define COUNT ".count"
#define WEIGHT ".weight"

static const eg_param *find(const struct egi_scope *s, const char *name)
{
    char text[EGI_PATH_TEXT + 8];
    snprintf(text, sizeof text, "%s%s", s->path, name);
    return eg_params_find(s->params, text);
}

void egi_storing_note(struct egi_scope *s, const struct egi_connections *c, eg_var code,
                      size_t units)
{
    struct egi_storing *w = s->storing;
    if (eg_tape_status(s->t) != EG_OK) return;
    if (units != s->classes)
        egi_layer_fail(s, EG_ERR_UNSUPPORTED,
                       "stored connections to %zu units, expected one for each of %zu classes",
                       units, s->classes);
    else if (eg_tape_shape(s->t, code).rank != 2 || w->count == EGI_STORING_MAX)
        egi_layer_fail(s, EG_ERR_UNSUPPORTED, "stored connections: of (B, D), in at most %d layers",
                       EGI_STORING_MAX);
    else
        w->layer[w->count++] =
            (struct egi_stored){ code, find(s, "weight"), find(s, "count"), c->number };
}

/* One example's code (D), and its class's connections. */
static size_t write_row(const float *code, size_t d, float *weight, float *count, float begin,
                        int by)
{
    size_t changed = 0;
    for (size_t i = 0; i < d; i++) {
        const int was = count[i] > 0;
        if (!(code[i] > 0) || (by < 0 && !was)) continue;
        count[i] += (float)by;
        if ((count[i] > 0) == was) continue;
        weight[i] = was ? 0 : begin;
        changed++;
    }
    return changed;
}

void egi_storing_write(const struct egi_storing *w, const eg_tape *t, const int32_t *y,
                       const unsigned char *chosen, size_t b, int by, size_t *changed)
{
    for (size_t k = 0; k < w->count; k++) {
        const struct egi_stored *l = &w->layer[k];
        const size_t d = l->weight->shape.dim[1];
        const float *code = eg_tape_value((eg_tape *)(uintptr_t)t, l->code);
        for (size_t i = 0; i < b && code != NULL; i++) {
            if (chosen != NULL && !chosen[i]) continue;
            const size_t row = (size_t)y[i] * d;
            *changed += write_row(code + i * d, d, (float *)l->weight->value + row,
                                  (float *)l->counts->value + row, (float)l->begin, by);
        }
    }
}

/* The counts that go with an array of weights; NULL: none. */
static const eg_param *counts_of(const eg_params *params, const eg_param *weight)
{
    char text[EGI_PATH_TEXT + 8];
    const size_t n = strlen(weight->name), end = strlen(WEIGHT);
    if (n < end || n >= EGI_PATH_TEXT || strcmp(weight->name + n - end, WEIGHT) != 0) return NULL;
    snprintf(text, sizeof text, "%.*s" COUNT, (int)(n - end), weight->name);
    return eg_params_find(params, text);
}

static int is_count(const eg_param *p)
{
    const size_t n = strlen(p->name), end = strlen(COUNT);
    return n >= end && strcmp(p->name + n - end, COUNT) == 0;
}

void egi_storing_restore(const eg_params *params, const eg_params *held)
{
    const eg_param *p;
    for (size_t i = 0; (p = eg_params_at(params, i)) != NULL; i++) {
        const eg_param *old = eg_params_at(held, i), *count = counts_of(held, p);
        const eg_param *now = counts_of(params, p);
        const size_t n = eg_shape_size(&p->shape);
        if (is_count(p)) continue;
        if (count == NULL) memcpy(p->value, old->value, n * sizeof(float));
        for (size_t k = 0; k < n && count != NULL; k++)
            if (((const float *)count->value)[k] > 0 && ((const float *)now->value)[k] > 0)
                ((float *)p->value)[k] = ((const float *)old->value)[k];
    }
}

/* ---- of a learner ---- */

static eg_status stores(const eg_learner *l, const char *call)
{
    eg_connection_count first;
    if (l == NULL) return egi_fail(EG_ERR_INVALID, "%s: NULL", call);
    if (l->row->store != NULL && eg_connections_at(l, 0, &first)) return EG_OK;
    return egi_fail(EG_ERR_UNSUPPORTED, "%s: learner %s has no stored connections", call,
                    l->row->kind.name);
}

static eg_status write(eg_learner *l, const char *call, const eg_examples *e, int which, int by,
                       size_t *changed)
{
    size_t count = 0;
    EGI_TRY(stores(l, call));
    if (e->x == NULL || e->y == NULL || which < EG_STORE_ALL || which > EG_STORE_WRONG)
        return egi_fail(EG_ERR_INVALID, "%s: NULL, or which = %d", call, which);
    if (l->task.bags) return egi_fail(EG_ERR_UNSUPPORTED, "%s: of bags", call);
    EGI_TRY(egi_learner_check_inputs(l, e->x, e->n));
    EGI_TRY(egi_learner_check_classes(l, e->y, e->n));
    EGI_TRY(l->row->store(l, e->x, e->y, e->n, which == EG_STORE_WRONG, by, &count));
    if (changed != NULL) *changed = count;
    return EG_OK;
}

eg_status eg_connections_store(eg_learner *l, const float *x, const int32_t *y, size_t b,
                               eg_storing which, size_t *added)
{
    return write(l, "eg_connections_store", &(eg_examples){ x, NULL, y, b }, (int)which, 1, added);
}

eg_status eg_connections_forget(eg_learner *l, const float *x, const int32_t *y, size_t b,
                                size_t *removed)
{
    return write(l, "eg_connections_forget", &(eg_examples){ x, NULL, y, b }, EG_STORE_ALL, -1,
                 removed);
}

eg_status eg_connections_forget_class(eg_learner *l, size_t class_index, size_t *removed)
{
    const eg_param *p;
    size_t gone = 0;
    EGI_TRY(stores(l, "eg_connections_forget_class"));
    if (class_index >= l->task.classes)
        return egi_fail(EG_ERR_INVALID, "eg_connections_forget_class: class %zu, expected 0..%zu",
                        class_index, l->task.classes - 1);
    for (size_t i = 0; (p = eg_params_at(l->params, i)) != NULL; i++) {
        const eg_param *counts = counts_of(l->params, p);
        if (counts == NULL || p->shape.dim[0] != l->task.classes) continue;
        const size_t d = p->shape.dim[1], at = class_index * d;
        float *weight = (float *)p->value + at, *count = (float *)counts->value + at;
        for (size_t k = 0; k < d; k++) gone += count[k] > 0;
        memset(weight, 0, d * sizeof *weight);
        memset(count, 0, d * sizeof *count);
    }
    if (removed != NULL) *removed = gone;
    return EG_OK;
}

eg_status eg_connections_hold(eg_learner *l, int hold)
{
    EGI_TRY(stores(l, "eg_connections_hold"));
    return l->row->hold(l, hold);
}

int eg_connections_at(const eg_learner *l, size_t index, eg_connection_count *out)
{
    const eg_param *p;
    for (size_t i = 0; (p = eg_params_at(l->params, i)) != NULL; i++) {
        const eg_param *counts = counts_of(l->params, p);
        if (counts == NULL || index-- > 0) continue;
        const size_t n = eg_shape_size(&p->shape);
        *out = (eg_connection_count){ .possible = n };
        snprintf(out->layer, sizeof out->layer, "%.*s", (int)(strlen(p->name) - strlen(WEIGHT)),
                 p->name);
        for (size_t k = 0; k < n; k++) out->existing += ((const float *)counts->value)[k] > 0;
        return 1;
    }
    return 0;
}
