/* SPDX-License-Identifier: Apache-2.0 */
#include "base/egi_base.h"

eg_status egi_arena_create(const eg_allocator *alloc, const struct egi_need *needs, size_t parts,
                           const char *what, struct egi_arena *out)
{
    size_t offset[EGI_ARENA_PARTS], total = 0;
    for (size_t k = 0; k < parts; k++) {
        size_t bytes;
        EGI_TRY(egi_mul_size(needs[k].count, needs[k].item, &bytes));
        EGI_TRY(egi_add_size(bytes, EGI_ALIGN - 1, &bytes));
        offset[k] = total;
        EGI_TRY(egi_add_size(total, bytes / EGI_ALIGN * EGI_ALIGN, &total));
    }
    char *block = egi_alloc(alloc, total);
    if (block == NULL) return egi_fail(EG_ERR_NOMEM, "%s: %zu bytes", what, total);
    *out = (struct egi_arena){ .alloc = alloc, .block = block, .bytes = total };
    for (size_t k = 0; k < parts; k++) out->part[k] = block + offset[k];
    return EG_OK;
}

void egi_arena_destroy(struct egi_arena *arena)
{
    egi_free(arena->alloc, arena->block, arena->bytes);
}
