/* Memories that are loaded whole, changed, and written back: one writer at a time, told by the
 * generation of the file. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "model/egi_binary_file.h"

static const char *const loaders[] = {
    [EGI_OF_PATTERNS] = "eg_memory_file_load",
    [EGI_OF_BINARY] = "eg_memory_file_load_binary",
    [EGI_OF_HEAD] = "eg_memory_file_load_head",
};

eg_status egi_file_wants(const eg_memory_file *f, const char *who, enum egi_contents contents)
{
    const char *kind = f->contents == EGI_OF_BINARY ? eg_binary_kind_at((size_t)f->made.kind)->name
                       : f->contents == EGI_OF_HEAD ? "taught"
                                                    : "dense";
    if (f->contents == contents) return EG_OK;
    return egi_fail(EG_ERR_UNSUPPORTED, "%s: %s holds a %s memory: %s", who,
                    egi_store_path(f->store), kind, loaders[f->contents]);
}

eg_status egi_file_rewrite(eg_memory_file *f, eg_status (*put)(void *user, egi_store *s),
                           void *user)
{
    EGI_TRY(egi_file_begin(f, 1));
    const uint64_t before = egi_store_root_view(f->store)->generation;
    const eg_status s =
        before == f->loaded
            ? put(user, f->store)
            : egi_fail(EG_ERR_IO,
                       "%s: written by another since it was loaded (generation %llu, now %llu); "
                       "load it again",
                       egi_store_path(f->store), (unsigned long long)f->loaded,
                       (unsigned long long)before);
    EGI_TRY(egi_file_finish(f->store, s));
    f->loaded = egi_store_root_view(f->store)->generation;
    return EG_OK;
}
