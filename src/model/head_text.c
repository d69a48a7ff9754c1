/* The description of a head as text: docs/file-format.md, "Meta rows". It is version 3 of the
 * description. What it asks for is limited before it is allocated: a head is made under an
 * allocator that gives no more than the limit. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/egi_bounded.h"
#include "binary/egi_binary.h"
#include "model/egi_head_file.h"

#define TITLE "engram memory 3\n"

/* A specification with every default is names and numbers of known fields, a few hundred bytes. */
size_t egi_head_text(const eg_head *h, char out[EGI_TEXT_MAX])
{
    const int n = snprintf(out, EGI_TEXT_MAX, TITLE "head %s\nfeatures %zu\nseed %" PRIu64 "\n",
                           h->spec, h->d, h->seed);
    return (size_t)n;
}

static eg_status fail_line(const char *name)
{
    return egi_fail(EG_ERR_CORRUPT,
                    "memory file: the description's line \"%s\" is missing or wrong", name);
}

eg_status egi_head_parse(const char *text, size_t size, struct egi_head_made *out)
{
    char copy[EGI_TEXT_MAX], *at = copy + strlen(TITLE);
    uint64_t d = 0;
    if (size < strlen(TITLE) || memcmp(text, TITLE, strlen(TITLE)) != 0) return EG_NOT_FOUND;
    if (size >= EGI_TEXT_MAX || memchr(text, '\0', size) != NULL) return fail_line("engram memory");
    memcpy(copy, text, size);
    copy[size] = '\0';
    const char *spec = egi_text_line(&at, "head");
    if (spec == NULL) return fail_line("head");
    const char *features = egi_text_line(&at, "features");
    if (features == NULL || !egi_text_u64(features, 10, &d) || d == 0 || d > INT32_MAX)
        return fail_line("features");
    const char *seed = egi_text_line(&at, "seed");
    if (seed == NULL || !egi_text_u64(seed, 10, &out->seed)) return fail_line("seed");
    if (*at != '\0') return egi_fail(EG_ERR_CORRUPT, "memory file: the description goes on");
    snprintf(out->spec, sizeof out->spec, "%s", spec);
    out->d = (size_t)d;
    return EG_OK;
}

eg_status egi_head_describe(eg_memory_file *f, const char *text, size_t size)
{
    struct egi_head_made made;
    const eg_status s = egi_head_parse(text, size, &made);
    if (s != EG_OK) return s;
    f->head = egi_alloc(f->options.alloc, sizeof *f->head);
    if (f->head == NULL) return egi_fail(EG_ERR_NOMEM, "memory file: a description");
    *f->head = made;
    f->d = made.d;
    return EG_OK;
}

/* ---- a head of no more than so many bytes ---- */

/* From here on all that it owns is the real allocator's, which gave it. */
static void rehouse(eg_head *h, const eg_allocator *alloc)
{
    h->alloc = alloc;
    if (h->quantiser != NULL) h->quantiser->alloc = alloc;
    if (h->clique != NULL) h->clique->alloc = h->clique->options.alloc = alloc;
}

eg_status egi_head_of(const egi_store_options *settings, const struct egi_head_made *made,
                      eg_head **out)
{
    struct egi_bounded l = { settings->alloc, settings->max_bytes, 0 };
    const eg_allocator alloc = egi_bounded_allocator(&l);
    eg_head *h = NULL;
    const eg_status s = eg_head_create(made->spec, made->d, made->seed, &alloc, &h);
    if (s == EG_OK) {
        rehouse(h, settings->alloc);
        *out = h;
        return EG_OK;
    }
    if (l.over || s == EG_ERR_OVERFLOW)
        return egi_fail(EG_ERR_LIMIT,
                        "a head of %zu features takes more than the limit of %zu "
                        "bytes (max_bytes, --max-bytes): %s",
                        made->d, settings->max_bytes, made->spec);
    if (s == EG_ERR_NOMEM) return s;
    char why[300];
    snprintf(why, sizeof why, "%s", eg_error_detail());
    return egi_fail(EG_ERR_CORRUPT, "memory file: the description's line \"head\": %s", why);
}

eg_status egi_head_grow(eg_head *h, size_t most, uint64_t classes, uint64_t items)
{
    size_t all = 0;
    for (size_t i = 0; i < h->fields; i++) {
        const struct egi_field *f = &h->field[i];
        size_t bytes = SIZE_MAX;
        const uint64_t rows = f->axis == EGI_CLASS  ? classes
                              : f->axis == EGI_ITEM ? items
                                                    : f->rows;
        if (rows > SIZE_MAX || egi_mul_size((size_t)rows, egi_head_row_bytes(f), &bytes) != EG_OK
            || egi_add_size(all, bytes, &all) != EG_OK || all > most)
            return egi_fail(EG_ERR_LIMIT,
                            "%llu classes and %llu examples of a head take more than the limit of "
                            "%zu bytes",
                            (unsigned long long)classes, (unsigned long long)items, most);
    }
    return egi_head_room(h, (size_t)classes, (size_t)items);
}
