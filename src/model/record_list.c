/* The ids of a file's records, listed before any of them is changed; records that may not need to
 * be. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "model/egi_memory_file.h"

struct listing {
    struct egi_record_list *list;
    int (*wants)(uint64_t kind);
};

static eg_status list_record(void *user, const egi_record *head)
{
    const struct listing *l = user;
    if (l->wants == NULL || l->wants(head->kind)) l->list->id[l->list->n++] = head->id;
    return EG_OK;
}

eg_status egi_records_list(egi_store *s, int (*wants)(uint64_t kind), const eg_allocator *alloc,
                           const char *what, struct egi_record_list *out)
{
    struct listing l = { out, wants };
    void *block;
    *out = (struct egi_record_list){ .room = (size_t)egi_store_root_view(s)->records };
    EGI_TRY(egi_alloc_array(alloc, out->room, sizeof *out->id, what, &block));
    out->id = block;
    const eg_status status = egi_store_heads(s, list_record, &l);
    if (status != EG_OK) egi_records_free(alloc, out);
    return status;
}

void egi_records_free(const eg_allocator *alloc, struct egi_record_list *list)
{
    egi_free(alloc, list->id, list->room * sizeof *list->id);
    list->id = NULL;
}

eg_status egi_record_put(egi_store *s, egi_record *head, const uint8_t *bytes)
{
    egi_record old;
    const uint8_t *there;
    const eg_status found = egi_store_get(s, head->id, &old, &there);
    EGI_TRY(found);
    if (found == EG_OK && old.size == head->size && old.kind == head->kind
        && old.count == head->count && memcmp(there, bytes, (size_t)old.size) == 0)
        return EG_OK;
    return egi_store_put(s, head, bytes);
}
