/* The ids of a file's records, listed before any of them is changed. */
/* SPDX-License-Identifier: Apache-2.0 */
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
