/* The description of a memory as text: docs/file-format.md, "Meta rows". Rows of the three tables
 * by name, so that their numbers may change; doubles as their bits, so that neither rounding
 * nor the host program's locale touches them. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/egi_json.h"
#include "model/egi_memory_file.h"

#define TITLE "engram memory "
enum { VERSION = 1 };

static const char *const storages[EG_STORE_COUNT] = {
    [EG_STORE_DENSE] = "dense",
    [EG_STORE_BITS] = "bits",
    [EG_STORE_HEBB] = "hebb",
    [EG_STORE_STORKEY] = "storkey",
    [EG_STORE_PSEUDOINVERSE] = "pseudoinverse",
    [EG_STORE_FEATURES] = "features",
};

static uint64_t bits_of(double v)
{
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    return bits;
}

size_t egi_memory_text(size_t d, const eg_memory_options *o, char out[EGI_TEXT_MAX])
{
    const eg_rule *r = &o->rule;
    const int n =
        snprintf(out, EGI_TEXT_MAX,
                 TITLE "%d\nd %zu\nstorage %s\nsimilarity %s\nseparation %s\nprojection %s\n"
                       "beta %016" PRIx64 "\norder %016" PRIx64 "\nk %zu\ngain %016" PRIx64 "\n"
                       "self_coupling %d\nfeatures %zu\nvalue_size %zu\nseed %" PRIu64 "\n",
                 VERSION, d, storages[o->storage], eg_similarity_info(r->similarity)->name,
                 eg_separation_info(r->separation)->name, eg_projection_info(r->projection)->name,
                 bits_of(r->beta), bits_of(r->order), r->k, bits_of(r->gain), o->self_coupling != 0,
                 o->features, o->value_size, o->seed);
    return (size_t)n;
}

char *egi_text_line(char **at, const char *name)
{
    const size_t n = strlen(name);
    char *line = *at, *end = strchr(line, '\n');
    if (end == NULL || strncmp(line, name, n) != 0 || line[n] != ' ') return NULL;
    *end = '\0';
    *at = end + 1;
    return line + n + 1;
}

int egi_text_u64(const char *text, int base, uint64_t *out)
{
    char *end;
    const char first = text[0];
    if (!((first >= '0' && first <= '9') || (base == 16 && first >= 'a' && first <= 'f'))) return 0;
    errno = 0;
    const unsigned long long v = strtoull(text, &end, base);
    *out = v;
    return errno == 0 && *end == '\0';
}

static int find_storage(const char *name)
{
    for (int i = 0; i < EG_STORE_COUNT; i++)
        if (strcmp(storages[i], name) == 0) return i;
    return -1;
}

static eg_status fail_line(const char *name)
{
    return egi_fail(EG_ERR_CORRUPT,
                    "memory file: the description's line \"%s\" is missing or wrong", name);
}

static eg_status parse_names(char **at, eg_memory_options *o)
{
    const struct {
        const char *name;
        int (*find)(const char *);
        int value;
    } row[] = { { "storage", find_storage, 0 },
                { "similarity", eg_similarity_find, 0 },
                { "separation", eg_separation_find, 0 },
                { "projection", eg_projection_find, 0 } };
    int value[EGI_COUNT(row)];
    for (size_t i = 0; i < EGI_COUNT(row); i++) {
        const char *text = egi_text_line(at, row[i].name);
        value[i] = text != NULL ? row[i].find(text) : -1;
        if (value[i] < 0) return fail_line(row[i].name);
    }
    o->storage = (eg_storage)value[0];
    o->rule.similarity = (eg_similarity)value[1];
    o->rule.separation = (eg_separation)value[2];
    o->rule.projection = (eg_projection)value[3];
    return EG_OK;
}

static eg_status parse_numbers(char **at, eg_memory_options *o)
{
    uint64_t beta, order, gain, k, self, features, value_size;
    const struct {
        const char *name;
        int base;
        uint64_t limit, *out;
    } row[] = { { "beta", 16, UINT64_MAX, &beta },
                { "order", 16, UINT64_MAX, &order },
                { "k", 10, SIZE_MAX, &k },
                { "gain", 16, UINT64_MAX, &gain },
                { "self_coupling", 10, 1, &self },
                { "features", 10, SIZE_MAX, &features },
                { "value_size", 10, EGI_RECORD_MAX / 4, &value_size },
                { "seed", 10, UINT64_MAX, &o->seed } };
    for (size_t i = 0; i < EGI_COUNT(row); i++) {
        const char *text = egi_text_line(at, row[i].name);
        if (text == NULL || !egi_text_u64(text, row[i].base, row[i].out)
            || *row[i].out > row[i].limit)
            return fail_line(row[i].name);
    }
    memcpy(&o->rule.beta, &beta, sizeof beta);
    memcpy(&o->rule.order, &order, sizeof order);
    memcpy(&o->rule.gain, &gain, sizeof gain);
    o->rule.k = (size_t)k;
    o->self_coupling = (int)self;
    o->features = (size_t)features;
    o->value_size = (size_t)value_size;
    return EG_OK;
}

eg_status egi_memory_parse(const char *text, size_t size, size_t *d, eg_memory_options *options)
{
    char copy[EGI_TEXT_MAX], *at = copy;
    const eg_memory_options defaults = EG_MEMORY_OPTIONS_INIT;
    eg_memory_options o = defaults;
    uint64_t version = 0, own_d = 0;
    if (size >= EGI_TEXT_MAX || memchr(text, '\0', size) != NULL) return fail_line("engram memory");
    memcpy(copy, text, size);
    copy[size] = '\0';
    const char *line = egi_text_line(&at, "engram memory");
    if (line == NULL || !egi_text_u64(line, 10, &version) || version == 0)
        return fail_line("engram memory");
    if (version > VERSION)
        return egi_fail(EG_ERR_VERSION,
                        "memory file: description %llu, this library reads up to %d",
                        (unsigned long long)version, VERSION);
    line = egi_text_line(&at, "d");
    if (line == NULL || !egi_text_u64(line, 10, &own_d) || own_d == 0 || own_d > EGI_RECORD_MAX / 4)
        return fail_line("d");
    EGI_TRY(parse_names(&at, &o));
    EGI_TRY(parse_numbers(&at, &o));
    if (*at != '\0') return egi_fail(EG_ERR_CORRUPT, "memory file: the description goes on");
    if (eg_rule_check(&o.rule) != EG_OK) return fail_line("rule");
    *d = (size_t)own_d;
    *options = o;
    return EG_OK;
}

eg_status egi_utf8_check(const char *what, const char *text, size_t limit)
{
    const char *p = text;
    const size_t size = strlen(text);
    if (size > limit)
        return egi_fail(EG_ERR_LIMIT, "%s of %zu bytes, the limit is %zu", what, size, limit);
    while (*p != '\0') {
        const size_t n = egi_utf8_length(p);
        if (n == 0)
            return egi_fail(EG_ERR_INVALID, "%s: byte %zu is not UTF-8", what, (size_t)(p - text));
        p += n;
    }
    return EG_OK;
}
