/* The note of an incomplete store. Patterns and the note are two transactions, so that a crash
 * between them leaves more patterns than the note says: those are of the same store, as nothing
 * else appends to such a file and delete writes the note anew. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/unfinished.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli_text.h"
#include "cli/console.h"

static const char key[] = "unfinished";

/* FNV-1a over words of 32 bits. */
static uint64_t add_words(uint64_t sum, const void *words, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t word;
        memcpy(&word, (const char *)words + i * sizeof word, sizeof word);
        sum = (sum ^ word) * 0x100000001b3u;
    }
    return sum;
}

struct unfinished unfinished_of(const eg_dataset *set, const char *name)
{
    uint64_t sum = add_words(0xcbf29ce484222325u, set->x, set->n * set->d);
    if (set->labels != NULL) sum = add_words(sum, set->labels, set->n);
    return (struct unfinished){ 0, set->n, set->d, sum, 0, name };
}

int unfinished_same(const struct unfinished *a, const struct unfinished *b)
{
    return a->total == b->total && a->size == b->size && a->sum == b->sum;
}

int unfinished_read(eg_memory_file *f, struct unfinished *u)
{
    const char *text = NULL;
    eg_file_info info;
    *u = (struct unfinished){ .name = "" };
    if (eg_memory_file_note(f, key, &text) != EG_OK || text == NULL) return 0;
    uint64_t *const numbers[] = { &u->done, &u->total, &u->size, &u->sum, &u->count };
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        if (!take_whole(&text, UINT64_MAX, numbers[i])) return 0;
        while (*text == ' ') text++;
    }
    if (u->done > u->total) return 0;
    u->name = harmless(keep_format("%.4096s", text));
    if (eg_memory_file_info(f, &info) != EG_OK) return 0;
    if (info.count > u->count) u->done += info.count - u->count;
    if (u->done > u->total) u->done = u->total;
    u->count = info.count;
    return 1;
}

eg_note unfinished_note(const struct unfinished *u)
{
    const eg_note note = {
        key, keep_format("%" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %.4000s",
                         u->done, u->total, u->size, u->sum, u->count, u->name)
    };
    return note;
}

eg_status unfinished_write(eg_memory_file *f, struct unfinished *u)
{
    eg_file_info info;
    const eg_status s = eg_memory_file_info(f, &info);
    if (s != EG_OK) return s;
    u->count = info.count;
    return eg_memory_file_set_note(f, key, unfinished_note(u).value);
}

eg_status unfinished_clear(eg_memory_file *f)
{
    return eg_memory_file_set_note(f, key, NULL);
}
