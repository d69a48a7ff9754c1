/* Checkpoints of a grid of two times.
 *
 *   "EGTWOT01"; u64 XXH3-64 of all that follows; u64 n, done, terms, planted; f64 h, temperature,
 *   m0; for each of 2 terms f64 g, u64 power; rows 0..done of C, then of R, as they lie, up to the
 *   end of their group of 8; m, mu, e (done + 1 each). All little-endian, as are the machines this
 *   builds for.
 *
 * Write order: beside, synced; the file that is there becomes PATH.before; renamed into place. A
 * file that is short or damaged is known by its hash, and the one before it is taken. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "base/egi_file.h"
#include "dynamics/egi_two_time.h"

static const char MAGIC[8] = { 'E', 'G', 'T', 'W', 'O', 'T', '0', '1' };
enum { HEAD = 16, FIELDS = 4 + 3 + 2 * EGI_GLASS_TERMS, NAME = EGI_PATH_MAX + 16 };

struct layout {
    size_t triangle, line, bytes; /* doubles of one triangle, of one of m, mu, e; bytes in all */
};

static struct layout layout_of(size_t done)
{
    struct layout l = { .line = done + 1 };
    l.triangle = egi_row_from((done / EGI_LINE_LANES + 1) * EGI_LINE_LANES);
    l.bytes = HEAD + sizeof(double) * (FIELDS + 2 * l.triangle + 3 * l.line);
    return l;
}

static void fields_of(const struct egi_two_time *w, size_t done, uint64_t field[FIELDS])
{
    const struct egi_glass *g = &w->glass;
    const double number[] = { w->h, g->temperature, g->m0 };
    size_t at = 0;
    field[at++] = w->n;
    field[at++] = done;
    field[at++] = g->terms;
    field[at++] = (uint64_t)g->planted;
    memcpy(field + at, number, sizeof number);
    at += EGI_COUNT(number);
    for (size_t k = 0; k < EGI_GLASS_TERMS; k++) {
        memcpy(field + at++, &g->term[k].g, sizeof *field);
        field[at++] = (uint64_t)g->term[k].power;
    }
}

eg_status egi_two_time_save(const struct egi_two_time *w, const char *path)
{
    const struct layout l = layout_of(w->done);
    const eg_allocator *alloc = w->arena.alloc;
    struct egi_writer out;
    char before[NAME];
    uint64_t field[FIELDS], hash;
    void *block;
    EGI_TRY(egi_alloc_array(alloc, l.bytes, 1, "checkpoint", &block));
    uint8_t *at = (uint8_t *)block + HEAD;
    fields_of(w, w->done, field);
    const struct {
        const void *from;
        size_t bytes;
    } part[] = { { field, sizeof field },
                 { w->c, l.triangle * sizeof(double) },
                 { w->r, l.triangle * sizeof(double) },
                 { w->m, l.line * sizeof(double) },
                 { w->mu, l.line * sizeof(double) },
                 { w->e, l.line * sizeof(double) } };
    for (size_t i = 0; i < EGI_COUNT(part); at += part[i++].bytes)
        memcpy(at, part[i].from, part[i].bytes);
    memcpy(block, MAGIC, sizeof MAGIC);
    hash = egi_hash((uint8_t *)block + HEAD, l.bytes - HEAD);
    memcpy((uint8_t *)block + 8, &hash, sizeof hash);
    snprintf(before, sizeof before, "%s.before", path);
    eg_status s = egi_writer_open(&out, path);
    if (s == EG_OK) {
        s = egi_writer_put(&out, block, l.bytes);
        if (s == EG_OK) (void)rename(path, before); /* at the first there is none */
        if (s == EG_OK)
            s = egi_writer_commit(&out);
        else
            egi_writer_abort(&out);
    }
    egi_free(alloc, block, l.bytes);
    return s;
}

static eg_status take(struct egi_two_time *w, const char *path, const uint8_t *bytes, size_t size)
{
    uint64_t hash, field[FIELDS], ours[FIELDS];
    if (size < HEAD + sizeof field || memcmp(bytes, MAGIC, sizeof MAGIC) != 0) return EG_NOT_FOUND;
    memcpy(&hash, bytes + 8, sizeof hash);
    memcpy(field, bytes + HEAD, sizeof field);
    if (egi_hash(bytes + HEAD, size - HEAD) != hash) return EG_NOT_FOUND;
    fields_of(w, field[1], ours);
    if (memcmp(field, ours, sizeof field) != 0 || field[1] > w->n)
        return egi_fail(EG_ERR_INVALID, "%s: a checkpoint of another model or grid", path);
    const struct layout l = layout_of(field[1]);
    if (size != l.bytes) return EG_NOT_FOUND;
    const double *at = (const double *)(const void *)(bytes + HEAD + sizeof field);
    memcpy(w->c, at, l.triangle * sizeof *at);
    memcpy(w->r, at + l.triangle, l.triangle * sizeof *at);
    at += 2 * l.triangle;
    memcpy(w->m, at, l.line * sizeof *at);
    memcpy(w->mu, at + l.line, l.line * sizeof *at);
    memcpy(w->e, at + 2 * l.line, l.line * sizeof *at);
    w->done = field[1];
    return EG_OK;
}

eg_status egi_two_time_load(struct egi_two_time *w, const char *path)
{
    char before[NAME];
    snprintf(before, sizeof before, "%s.before", path);
    const char *const names[] = { path, before };
    eg_status s = EG_NOT_FOUND;
    for (size_t i = 0; i < EGI_COUNT(names) && s == EG_NOT_FOUND; i++) {
        uint8_t *bytes;
        size_t size;
        s = egi_file_read(names[i], layout_of(w->n).bytes, w->arena.alloc, &bytes, &size);
        if (s == EG_ERR_NOMEM) return s;
        if (s == EG_OK) {
            s = take(w, names[i], bytes, size);
            egi_free(w->arena.alloc, bytes, size);
        } else {
            s = EG_NOT_FOUND;
        }
    }
    return s;
}
