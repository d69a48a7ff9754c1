/* FPS, the text format of packed fingerprints (Dalke 2019, version 1):
 *
 *     #FPS1                          first line
 *     #num_bits=1024                 and other lines "#key=value", of which only this one is read
 *     0f02...  TAB  name [TAB ..]    one item a line: two hexadecimal digits a byte, bit j of byte
 *                                    k is number 8 k + j; bits past num_bits are 0
 *
 * Without num_bits the first item says how many there are, a multiple of 8. Values are 0 and 1,
 * names those of items; labels come from a file of their own. The first pass checks everything and
 * finds N and D, the second fills x, which is dense. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "data/egi_data.h"

static const char magic[] = "#FPS1";
static const char bits_key[] = "#num_bits=";

struct fps {
    const struct egi_input *in;
    size_t at, line;
    size_t n;        /* items so far */
    size_t bits;     /* 0: not known yet */
    eg_dataset *set; /* NULL in the first pass */
    struct egi_problems problems;
};

static int looks_fps(const uint8_t *bytes, size_t size)
{
    const size_t n = sizeof magic - 1;
    return size > n && memcmp(bytes, magic, n) == 0 && (bytes[n] == '\n' || bytes[n] == '\r');
}

/* Without its end. */
static struct egi_text next_line(struct fps *f)
{
    const char *b = (const char *)f->in->bytes + f->at;
    const size_t left = f->in->size - f->at;
    const char *end = memchr(b, '\n', left);
    size_t n = end != NULL ? (size_t)(end - b) : left;
    f->at += n + (end != NULL);
    f->line++;
    if (n > 0 && b[n - 1] == '\r') n--;
    return (struct egi_text){ b, n };
}

static int digit_of(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static void take_header(struct fps *f, struct egi_text line)
{
    const size_t n = sizeof bits_key - 1;
    char got[40];
    double bits;
    if (line.size < n || memcmp(line.p, bits_key, n) != 0) return;
    const struct egi_text number = { line.p + n, line.size - n };
    const int whole = egi_parse_number(number.p, number.size, &bits) == 0 && bits >= 1
                      && bits <= 1e6 && bits == (double)(size_t)bits;
    if (!whole)
        egi_problem(&f->problems, f->line, n + 1, "num_bits: expected a count in 1..1e6, got %s",
                    egi_quote(got, number));
    else if (f->n > 0 || (f->bits > 0 && f->bits != (size_t)bits))
        egi_problem(&f->problems, f->line, 1, "num_bits: expected once, before the first item");
    else
        f->bits = (size_t)bits;
}

/* Bits of a cell that is checked. */
static void put_bits(const struct fps *f, struct egi_text hex)
{
    float *x = f->set->x + f->n * f->bits;
    for (size_t k = 0; k < f->bits; k++) {
        const int high = digit_of(hex.p[k / 8 * 2]), low = digit_of(hex.p[k / 8 * 2 + 1]);
        x[k] = (float)((high * 16 + low) >> k % 8 & 1);
    }
}

/* 1 when the cell is a fingerprint of as many bits as the others. */
static int check_bits(struct fps *f, struct egi_text hex)
{
    char got[40];
    const size_t bytes = (f->bits + 7) / 8, spare = 8 * bytes - f->bits;
    for (size_t i = 0; i < hex.size; i++) {
        if (digit_of(hex.p[i]) >= 0) continue;
        egi_problem(&f->problems, f->line, i + 1, "expected a hexadecimal digit, got %s",
                    egi_quote(got, (struct egi_text){ hex.p + i, 1 }));
        return 0;
    }
    if (hex.size != 2 * bytes || bytes == 0) {
        egi_problem(&f->problems, f->line, 1, "expected %zu digits (%zu bits), got %zu", 2 * bytes,
                    f->bits, hex.size);
        return 0;
    }
    const int last = digit_of(hex.p[2 * bytes - 2]) * 16 + digit_of(hex.p[2 * bytes - 1]);
    if (last >> (8 - spare) == 0) return 1;
    egi_problem(&f->problems, f->line, 2 * bytes - 1, "expected bits from %zu on to be 0, got %s",
                f->bits, egi_quote(got, (struct egi_text){ hex.p + 2 * bytes - 2, 2 }));
    return 0;
}

static eg_status take_item(struct fps *f, struct egi_text line)
{
    const struct egi_text hex = egi_cell(line, 0), name = egi_cell(line, 1);
    if (f->bits == 0) f->bits = hex.size / 2 * 8;
    if (check_bits(f, hex) && name.size == 0)
        egi_problem(&f->problems, f->line, hex.size + 1, "expected a tab and a name, got none");
    if (f->set != NULL) {
        put_bits(f, hex);
        EGI_TRY(egi_name_set(f->set->alloc, name, &f->set->item_names[f->n]));
    }
    f->n++;
    return EG_OK;
}

static eg_status pass(struct fps *f)
{
    const size_t max = f->in->o.max_items;
    f->at = f->line = f->n = 0;
    while (f->at < f->in->size && (max == 0 || f->n < max)) {
        const struct egi_text line = next_line(f);
        if (line.size > 0 && line.p[0] == '#') {
            if (f->set == NULL) take_header(f, line);
        } else if (line.size > 0) {
            EGI_TRY(take_item(f, line));
        }
    }
    return egi_problems_end(&f->problems);
}

static eg_status parse_fps(const struct egi_input *in, eg_dataset *set)
{
    struct fps f = { .in = in, .problems = { .in = in } };
    EGI_TRY(pass(&f));
    EGI_TRY(egi_set_size(in, set, f.n, f.bits));
    EGI_TRY(egi_names_alloc(set->alloc, set->n, &set->item_names));
    f.set = set;
    EGI_TRY(pass(&f));
    return egi_labels_from_file(in, set);
}

const struct egi_reader egi_reader_fps = {
    { "fps", "packed fingerprints in hexadecimal, a name each; gz or plain",
      "Dalke, The chemfp project, J. Cheminformatics 11, 2019" },
    "FPS",
    looks_fps,
    { ".fps" },
    parse_fps
};
