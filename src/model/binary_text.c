/* The description of a binary memory as text: docs/file-format.md, "Meta rows". It is version 2 of
 * the description, so that a library without binary memories says what it lacks. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "model/egi_binary_file.h"

#define TITLE "engram memory 2\n"

size_t egi_binary_text(const eg_binary_options *o, char out[EGI_TEXT_MAX])
{
    const int n =
        snprintf(out, EGI_TEXT_MAX,
                 TITLE "binary %s\nclusters %zu\nunits %zu\nout_clusters %zu\n"
                       "out_units %zu\norder %zu\nlocations %zu\nradius %zu\n"
                       "counted %d\nseed %" PRIu64 "\n",
                 eg_binary_kind_at((size_t)o->kind)->name, o->clusters, o->units, o->out_clusters,
                 o->out_units, o->order, o->locations, o->radius, o->counted != 0, o->seed);
    return (size_t)n;
}

static eg_status fail_line(const char *name)
{
    return egi_fail(EG_ERR_CORRUPT,
                    "memory file: the description's line \"%s\" is missing or wrong", name);
}

static eg_status parse_kind(char **at, eg_binary_options *o)
{
    const char *name = egi_text_line(at, "binary");
    const eg_binary_kind_info *info;
    for (size_t i = 0; name != NULL && (info = eg_binary_kind_at(i)) != NULL; i++)
        if (strcmp(info->name, name) == 0) {
            o->kind = (eg_binary_kind)i;
            return EG_OK;
        }
    return fail_line("binary");
}

static eg_status parse_lines(char **at, eg_binary_options *o)
{
    uint64_t counted = 0;
    uint64_t size[7] = { 0 };
    const struct {
        const char *name;
        uint64_t limit, *out;
    } row[] = { { "clusters", SIZE_MAX, &size[0] },     { "units", SIZE_MAX, &size[1] },
                { "out_clusters", SIZE_MAX, &size[2] }, { "out_units", SIZE_MAX, &size[3] },
                { "order", SIZE_MAX, &size[4] },        { "locations", SIZE_MAX, &size[5] },
                { "radius", SIZE_MAX, &size[6] },       { "counted", 1, &counted },
                { "seed", UINT64_MAX, &o->seed } };
    for (size_t i = 0; i < EGI_COUNT(row); i++) {
        const char *text = egi_text_line(at, row[i].name);
        if (text == NULL || !egi_text_u64(text, 10, row[i].out) || *row[i].out > row[i].limit)
            return fail_line(row[i].name);
    }
    o->clusters = (size_t)size[0];
    o->units = (size_t)size[1];
    o->out_clusters = (size_t)size[2];
    o->out_units = (size_t)size[3];
    o->order = (size_t)size[4];
    o->locations = (size_t)size[5];
    o->radius = (size_t)size[6];
    o->counted = (int)counted;
    return EG_OK;
}

eg_status egi_binary_parse(const char *text, size_t size, eg_binary_options *options)
{
    const eg_binary_options defaults = EG_BINARY_OPTIONS_INIT;
    eg_binary_options o = defaults;
    char copy[EGI_TEXT_MAX], *at = copy + strlen(TITLE);
    if (size < strlen(TITLE) || memcmp(text, TITLE, strlen(TITLE)) != 0) return EG_NOT_FOUND;
    if (size >= EGI_TEXT_MAX || memchr(text, '\0', size) != NULL) return fail_line("engram memory");
    memcpy(copy, text, size);
    copy[size] = '\0';
    EGI_TRY(parse_kind(&at, &o));
    EGI_TRY(parse_lines(&at, &o));
    if (*at != '\0') return egi_fail(EG_ERR_CORRUPT, "memory file: the description goes on");
    if (egi_binary_check(&o) != EG_OK) return fail_line("binary");
    *options = o;
    return EG_OK;
}
