/* What reading one file may take in all. Readers check what a file declares against its limit, one
 * array at a time; a budget bounds the sum, with strings and tables that grow beside: a CSV of 23
 * KiB in gzip that unpacks to six million labels took 700 MiB. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "data/egi_data.h"

/* A block as malloc has it: whole lines of the cache, and what lies between two of them. */
static size_t cost(size_t size)
{
    return size > SIZE_MAX - 2 * EGI_ALIGN
               ? SIZE_MAX
               : (size + EGI_ALIGN - 1) / EGI_ALIGN * EGI_ALIGN + EGI_ALIGN;
}

static void *take(void *user, size_t size, size_t align)
{
    struct egi_budget *b = user;
    if (cost(size) > b->most - b->live) {
        b->refused = 1;
        return NULL;
    }
    void *p = b->of->alloc(b->of->user, size, align);
    if (p != NULL) b->live += cost(size);
    return p;
}

static void give(void *user, void *p, size_t size)
{
    struct egi_budget *b = user;
    b->live -= cost(size);
    b->of->free(b->of->user, p, size);
}

void egi_budget_begin(struct egi_budget *b, struct egi_input *in)
{
    *b = (struct egi_budget){ { take, give, b }, in->o.alloc, 0, 0, 0 };
    egi_budget_raise(b, in->given > 0 ? SIZE_MAX : in->o.max_bytes);
    in->o.alloc = &b->own;
    in->budget = b;
}

void egi_budget_raise(struct egi_budget *b, size_t limit)
{
    const size_t most = limit > SIZE_MAX / 5 ? SIZE_MAX : limit / 2 * 5;
    if (b != NULL && most > b->most) b->most = most;
}

eg_status egi_budget_end(const struct egi_budget *b, eg_status s, const char *name)
{
    if (s != EG_ERR_NOMEM || !b->refused) return s;
    return egi_fail(EG_ERR_LIMIT,
                    "%s: needs more than the limit of %zu bytes of memory for a file of its size",
                    name, b->most);
}
