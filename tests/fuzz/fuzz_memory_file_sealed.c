/* A memory file whose checksums are right and whose content is not: mutations know the file's
 * pages, rows and columns (memory_file_seal.h) and seal it again, so that what lies behind the
 * checksums is reached: blocks, rows, descriptions, fields of heads, SQLite's own structure. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "engram/random.h"
#include "fuzz_memory_file_open.h"
#include "memory_file_seal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed);
size_t LLVMFuzzerCustomCrossOver(const uint8_t *a, size_t a_size, const uint8_t *b, size_t b_size,
                                 uint8_t *out, size_t most, unsigned seed);

/* libFuzzer's own mutations, of so many bytes; there is none where a corpus is replayed. */
extern size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t most) __attribute__((weak));

struct draws {
    uint64_t seed, at;
};

static size_t draw(struct draws *d, size_t n)
{
    return n > 0 ? (size_t)eg_random_below(d->seed, 9, d->at++, n) : 0;
}

/* Bytes that keep their number. */
static void mutate_bytes(uint8_t *at, size_t n)
{
    uint8_t copy[PAGE];
    const size_t part = n < sizeof copy ? n : sizeof copy;
    if (part == 0 || LLVMFuzzerMutate == NULL) return;
    memcpy(copy, at, part);
    const size_t got = LLVMFuzzerMutate(copy, part, part);
    memcpy(at, copy, got < part ? got : part);
}

static const struct seal_row *any_row(const struct sealed *s, struct draws *d, int note)
{
    if ((note ? s->notes : s->records) == 0) return NULL;
    return &s->rows[note ? s->records + draw(d, s->notes) : draw(d, s->records)];
}

/* A number of a head: near what it is, a limit, or anything. */
static void mutate_number(struct sealed *s, struct draws *d)
{
    static const uint64_t limits[] = {
        0,       1,          2,          0x7f,       0xff,
        0x7fff,  0xffff,     0x7fffffff, 0xffffffff, (uint64_t)1 << 32,
        1 << 16, UINT64_MAX, INT64_MAX
    };
    const struct seal_row *row = any_row(s, d, 0);
    if (row == NULL) return;
    const struct seal_field *f = &row->field[1 + draw(d, 4)];
    const size_t how = draw(d, 3);
    seal_set(f, how == 0   ? seal_number(f) + draw(d, 5) - 2
                : how == 1 ? limits[draw(d, EGI_COUNT(limits))]
                           : draw(d, SIZE_MAX));
}

/* Bytes of a record: of its header most often, else anywhere. */
static void mutate_blob(struct sealed *s, struct draws *d)
{
    static uint8_t blob[SEAL_BLOB_MOST];
    const struct seal_row *row = any_row(s, d, 0);
    const size_t size = row != NULL ? seal_blob(s, row, blob, 0) : 0;
    const size_t at = draw(d, 2) ? draw(d, size < 48 ? size : 48) : draw(d, size);
    if (size == 0) return;
    mutate_bytes(blob + at, 1 + draw(d, size - at < 64 ? size - at : 64));
    (void)seal_blob(s, row, blob, 1);
}

/* A description or another note. */
static void mutate_note(struct sealed *s, struct draws *d)
{
    const struct seal_row *row = any_row(s, d, 1);
    const struct seal_field *f = row != NULL ? &row->field[draw(d, 8) != 0] : NULL;
    if (f == NULL || f->at == NULL || f->size == 0) return;
    const size_t at = draw(d, f->size);
    if (draw(d, 2) && f->at[at] >= '0' && f->at[at] <= '9')
        f->at[at] = (uint8_t)('0' + draw(d, 10));
    else
        mutate_bytes(f->at + at, 1 + draw(d, f->size - at < 16 ? f->size - at : 16));
}

/* One column's type more or less: a value shortens, lengthens, or becomes something else. */
static void mutate_shape(struct sealed *s, struct draws *d)
{
    const struct seal_row *row = any_row(s, d, draw(d, 4) == 0);
    uint64_t header;
    if (row == NULL) return;
    const size_t n = seal_varint(row->payload, row->payload + row->local, &header);
    if (header > n) mutate_bytes(row->payload + n + draw(d, (size_t)header - n), 1);
}

static void mutate_page(struct sealed *s, struct draws *d)
{
    uint8_t *page = s->p + draw(d, s->pages) * PAGE;
    const size_t at = draw(d, 2) ? draw(d, 120) : draw(d, USABLE);
    mutate_bytes(page + at, 1 + draw(d, USABLE - at < 16 ? USABLE - at : 16));
}

static void copy_page(struct sealed *s, struct draws *d)
{
    const size_t to = draw(d, s->pages), from = draw(d, s->pages);
    if (to != from) memcpy(s->p + to * PAGE, s->p + from * PAGE, PAGE);
}

/* Two cells of a page change their places, or one is there twice. */
static void swap_cells(struct sealed *s, struct draws *d)
{
    uint8_t *page = s->p + (1 + draw(d, s->pages - 1)) * PAGE;
    const size_t cells = (size_t)page[3] << 8 | page[4];
    if (cells < 2 || cells > 400) return;
    uint8_t *a = page + 8 + 2 * draw(d, cells), *b = page + 8 + 2 * draw(d, cells), kept[2];
    memcpy(kept, a, 2);
    memcpy(a, b, 2);
    if (draw(d, 2)) memcpy(b, kept, 2);
}

typedef void mutation(struct sealed *s, struct draws *d);
static mutation *const mutations[] = { mutate_blob, mutate_number, mutate_blob, mutate_note,
                                       mutate_page, mutate_shape,  copy_page,   swap_cells };

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed)
{
    static struct sealed s;
    struct draws d = { seed, 0 };
    size = size / PAGE * PAGE;
    if (size < 4 * PAGE) return LLVMFuzzerMutate(data, size, most);
    for (size_t times = 1 + draw(&d, 3); times > 0; times--) {
        if (!seal_walk(&s, data, size)) return size;
        mutations[draw(&d, EGI_COUNT(mutations))](&s, &d);
    }
    if (draw(&d, 16) != 0) seal(data, size);
    return size;
}

/* Pages of one file in the place of the other's. */
size_t LLVMFuzzerCustomCrossOver(const uint8_t *a, size_t a_size, const uint8_t *b, size_t b_size,
                                 uint8_t *out, size_t most, unsigned seed)
{
    struct draws d = { seed, 0 };
    const size_t size = (a_size < most ? a_size : most) / PAGE * PAGE;
    memcpy(out, a, size);
    for (size_t at = 0; at + PAGE <= size && at + PAGE <= b_size; at += PAGE)
        if (draw(&d, 4) == 0) memcpy(out + at, b + at, PAGE);
    seal(out, size);
    return size;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_memory_file_open(data, size);
    return 0;
}
