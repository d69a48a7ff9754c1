/* Which ids have been seen: open addressing, at most half full. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "model/egi_memory_file.h"

static size_t find_slot(const uint64_t *slot, size_t capacity, uint64_t id)
{
    uint8_t bytes[8];
    egi_store_le64(bytes, id);
    size_t at = (size_t)egi_hash(bytes, sizeof bytes) & (capacity - 1);
    while (slot[at] != 0 && slot[at] != id) at = (at + 1) & (capacity - 1);
    return at;
}

static eg_status grow(egi_id_set *set)
{
    const size_t capacity = set->capacity > 0 ? 2 * set->capacity : 64;
    void *block;
    EGI_TRY(egi_alloc_array(set->alloc, capacity, sizeof *set->slot, "memory file: ids", &block));
    uint64_t *slot = block;
    memset(slot, 0, capacity * sizeof *slot);
    for (size_t i = 0; i < set->capacity; i++)
        if (set->slot[i] != 0) slot[find_slot(slot, capacity, set->slot[i])] = set->slot[i];
    egi_free(set->alloc, set->slot, set->capacity * sizeof *set->slot);
    set->slot = slot;
    set->capacity = capacity;
    return EG_OK;
}

eg_status egi_id_set_add(egi_id_set *set, uint64_t id)
{
    if (2 * (set->used + 1) > set->capacity) EGI_TRY(grow(set));
    const size_t at = find_slot(set->slot, set->capacity, id);
    if (set->slot[at] == id) return EG_NOT_FOUND;
    set->slot[at] = id;
    set->used++;
    return EG_OK;
}

int egi_id_set_has(const egi_id_set *set, uint64_t id)
{
    return set->slot[find_slot(set->slot, set->capacity, id)] == id;
}

void egi_id_set_clear(egi_id_set *set)
{
    egi_free(set->alloc, set->slot, set->capacity * sizeof *set->slot);
    set->slot = NULL;
    set->capacity = set->used = 0;
}
