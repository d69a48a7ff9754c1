/* What reading one file may take in all. Readers check what a file declares against its limit, one
 * array at a time; a budget bounds the sum, with strings and tables that grow beside: a CSV of 23
 * KiB in gzip that unpacks to six million labels took 700 MiB. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "data/egi_data.h"

void egi_budget_begin(struct egi_budget *b, struct egi_input *in)
{
    *b = (struct egi_budget){ .bound = { .inner = in->o.alloc } };
    b->own = egi_bounded_allocator(&b->bound);
    egi_budget_raise(b, in->given > 0 ? SIZE_MAX : in->o.max_bytes);
    in->o.alloc = &b->own;
    in->budget = b;
}

void egi_budget_raise(struct egi_budget *b, size_t limit)
{
    const size_t most = limit > SIZE_MAX / 5 ? SIZE_MAX : limit / 2 * 5;
    if (b == NULL || most <= b->most) return;
    b->bound.left += most - b->most;
    b->most = most;
}

eg_status egi_budget_end(const struct egi_budget *b, eg_status s, const char *name)
{
    if (s != EG_ERR_NOMEM || !b->bound.over) return s;
    return egi_fail(EG_ERR_LIMIT,
                    "%s: needs more than the limit of %zu bytes of memory for a file of its size "
                    "(--max-bytes)",
                    name, b->most);
}
