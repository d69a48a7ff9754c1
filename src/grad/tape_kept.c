/* What calls leave on the tape for later ones. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "grad/egi_tape_impl.h"

/* One thing kept: it lies behind this, and its key behind it. */
struct egi_kept {
    const struct egi_keeping *how;
};

enum { HEAD = (sizeof(struct egi_kept) + EGI_ALIGN - 1) / EGI_ALIGN * EGI_ALIGN };

static void *thing_of(struct egi_kept *k)
{
    return (char *)k + HEAD;
}

static void *key_of(struct egi_kept *k)
{
    return (char *)k + HEAD + k->how->thing;
}

static size_t bytes_of(const struct egi_keeping *how)
{
    return HEAD + how->thing + how->key;
}

static void drop(eg_tape *t, struct egi_kept *k)
{
    if (k == NULL) return;
    k->how->clear(thing_of(k));
    egi_free(t->alloc, k, bytes_of(k->how));
}

void egi_kept_destroy(eg_tape *t)
{
    for (size_t i = 0; i < EGI_KEPT_MAX; i++) drop(t, t->kept[i]);
}

static struct egi_kept *find(const eg_tape *t, const struct egi_keeping *how, const void *key)
{
    for (size_t i = 0; i < EGI_KEPT_MAX && t->kept[i] != NULL; i++)
        if (t->kept[i]->how == how && memcmp(key_of(t->kept[i]), key, how->key) == 0)
            return t->kept[i];
    return NULL;
}

/* NULL: *status says why. */
static struct egi_kept *make(eg_tape *t, const struct egi_keeping *how, const void *key,
                             eg_status *status)
{
    struct egi_kept *k = egi_alloc(t->alloc, bytes_of(how));
    if (k == NULL) {
        *status = egi_fail(EG_ERR_NOMEM, "tape: a plan of %zu bytes", bytes_of(how));
        return NULL;
    }
    k->how = how;
    memcpy(key_of(k), key, how->key);
    *status = how->make(key, thing_of(k));
    if (*status == EG_OK) return k;
    egi_free(t->alloc, k, bytes_of(how));
    return NULL;
}

eg_status egi_keep(struct egi_call *c, const struct egi_keeping *how, const void *key, void **out)
{
    eg_tape *t = c->t;
    struct egi_kept *k = find(t, how, key);
    if (k == NULL) {
        eg_status s;
        k = make(t, how, key, &s);
        if (k == NULL) return s;
        drop(t, t->kept[t->kept_next]);
        t->kept[t->kept_next] = k;
        t->kept_next = (t->kept_next + 1) % EGI_KEPT_MAX;
    }
    *out = thing_of(k);
    return EG_OK;
}
