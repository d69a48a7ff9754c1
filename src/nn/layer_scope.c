/* One pass of layers over their parameters. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "nn/egi_layer.h"

static eg_status full_name(const struct egi_scope *s, const char *name, char text[EGI_PATH_TEXT])
{
    const int n = snprintf(text, EGI_PATH_TEXT, "%s%s", s->path, name);
    return n > 0 && n < EGI_PATH_TEXT
               ? EG_OK
               : egi_fail(EG_ERR_LIMIT, "%s%s: a name of %d bytes, expected up to %d", s->path,
                          name, n, EGI_PATH_TEXT - 1);
}

static eg_status same_shape(const eg_param *p, const eg_shape *shape)
{
    char has[EGI_SHAPE_TEXT], wants[EGI_SHAPE_TEXT];
    if (egi_shape_equal(&p->shape, shape)) return EG_OK;
    return egi_fail(EG_ERR_SHAPE, "%s is %s, expected %s", p->name, egi_shape_text(&p->shape, has),
                    egi_shape_text(shape, wants));
}

/* Bytes of one parameter: what is larger is a slip (quantity 1e9), and to fill it would take all
 * the memory of the machine, which then ends the process without a word. */
#define PARAM_MOST ((size_t)1 << 31)

static eg_status check_bytes(const char *name, const eg_shape *shape, eg_dtype dtype)
{
    char text[EGI_SHAPE_TEXT];
    size_t bytes = SIZE_MAX;
    const int fits = egi_shape_fits(shape)
                     && egi_mul_size(eg_shape_size(shape), eg_dtype_size(dtype), &bytes) == EG_OK;
    if (fits && bytes <= PARAM_MOST) return EG_OK;
    return egi_fail(EG_ERR_LIMIT, "%s would be %s, more than %zu bytes", name,
                    egi_shape_text(shape, text), PARAM_MOST);
}

static eg_status create(struct egi_scope *s, eg_params *into, const char *name,
                        const eg_shape *shape, const struct egi_initialiser *init, size_t *at)
{
    const struct egi_initialiser zeros = { EGI_INIT_ZEROS, 0 };
    EGI_TRY(check_bytes(name, shape, s->dtype));
    EGI_TRY(eg_params_add(into, name, s->dtype, shape, at));
    return egi_initialise(init != NULL ? init : &zeros, eg_params_at(into, *at), s->seed, s->alloc);
}

/* The place of a parameter: as a rule they are asked for in the order in which they were made. */
static eg_status find(struct egi_scope *s, const char *name, const eg_shape *shape,
                      const struct egi_initialiser *init, size_t *at)
{
    const size_t count = eg_params_count(s->params);
    for (size_t i = 0; i < count; i++) {
        *at = (s->next + i) % count;
        if (strcmp(eg_params_at(s->params, *at)->name, name) != 0) continue;
        s->next = *at + 1;
        return same_shape(eg_params_at(s->params, *at), shape);
    }
    if (s->mode == EGI_CREATE) {
        s->learned++;
        return create(s, s->params, name, shape, init, at);
    }
    return egi_fail(EG_ERR_INVALID, "%s: no such parameter", name);
}

eg_var egi_scope_param(struct egi_scope *s, const char *name, const eg_shape *shape,
                       const struct egi_initialiser *init)
{
    char text[EGI_PATH_TEXT];
    size_t at = 0;
    if (eg_tape_status(s->t) != EG_OK) return EG_NONE;
    eg_status status = full_name(s, name, text);
    if (status == EG_OK) status = find(s, text, shape, init, &at);
    if (status == EG_OK && s->drawn != NULL && !s->drawn->open)
        status = egi_fail(EG_ERR_UNSUPPORTED,
                          "%s: weights of this layer are not drawn for each example alone", text);
    if (status != EG_OK) return egi_tape_fail(s->t, status);
    if (s->leaf != NULL && s->leaf[at].id != 0) return s->leaf[at];
    const eg_param *p = eg_params_at(s->params, at);
    const eg_var v = s->mode == EGI_TRAIN ? eg_leaf(s->t, p->dtype, &p->shape, p->value)
                                          : eg_input(s->t, p->dtype, &p->shape, p->value);
    if (s->leaf != NULL) s->leaf[at] = v;
    return v;
}

eg_var egi_scope_variance(const struct egi_scope *s)
{
    return s->drawn->variance[s->next - 1]; /* find() left `next` behind it */
}

const eg_param *egi_scope_state(struct egi_scope *s, const char *name, const eg_shape *shape,
                                const struct egi_initialiser *init)
{
    char text[EGI_PATH_TEXT];
    size_t at;
    if (eg_tape_status(s->t) != EG_OK) return NULL;
    eg_status status = full_name(s, name, text);
    const eg_param *p = status == EG_OK ? eg_params_find(s->state, text) : NULL;
    if (p == NULL && status == EG_OK) {
        status = create(s, s->state, text, shape, init, &at);
        p = status == EG_OK ? eg_params_at(s->state, at) : NULL;
    }
    if (status == EG_OK) status = same_shape(p, shape);
    if (status == EG_OK) return p;
    egi_tape_fail(s->t, status);
    return NULL;
}

eg_var egi_scope_fixed(struct egi_scope *s, const char *name, const eg_shape *shape,
                       const struct egi_initialiser *init)
{
    const eg_param *p = egi_scope_state(s, name, shape, init);
    if (p == NULL) return EG_NONE;
    const eg_var v = eg_input(s->t, p->dtype, shape, p->value);
    return p->dtype == s->dtype ? v : eg_cast(s->t, v, s->dtype);
}

uint64_t egi_scope_stream(const struct egi_scope *s)
{
    const uint64_t of[2] = { egi_hash(s->path, strlen(s->path)), s->step };
    return egi_hash(of, sizeof of);
}

int egi_layer_rank(struct egi_scope *s, eg_var x, size_t least, size_t most, const char *expected,
                   eg_shape *shape)
{
    char got[EGI_SHAPE_TEXT];
    if (eg_tape_status(s->t) != EG_OK) return 0;
    *shape = eg_tape_shape(s->t, x);
    if (shape->rank >= least && shape->rank <= most) return 1;
    egi_layer_fail(s, EG_ERR_SHAPE, "expected %s, got %s (flatten and reshape change it)", expected,
                   egi_shape_text(shape, got));
    return 0;
}
