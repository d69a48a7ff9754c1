/* Pictures in the terminal: two rows of pixels a line, by the upper half block with its own
 * colour above and the background's below. What the terminal can do is read from the
 * environment: COLORTERM, TERM, NO_COLOR, and the character set of LC_ALL, LC_CTYPE, LANG. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "cli/cli_text.h"
#include "cli/console.h"
#include "cli/picture.h"

struct rgb {
    uint8_t r, g, b;
};

typedef void (*cell_printer)(FILE *out, struct rgb top, struct rgb bottom);

static int grey_of(struct rgb c)
{
    return (299 * c.r + 587 * c.g + 114 * c.b) / 1000;
}

static void cell_true(FILE *out, struct rgb t, struct rgb b)
{
    fprintf(out, "\033[38;2;%u;%u;%um\033[48;2;%u;%u;%um\xe2\x96\x80", t.r, t.g, t.b, b.r, b.g,
            b.b);
}

/* xterm's 256: a ramp of 24 greys from 232, a 6 x 6 x 6 cube from 16. */
static int colour_256(struct rgb c)
{
    if (c.r == c.g && c.g == c.b) {
        if (c.r < 4) return 16;
        return c.r > 246 ? 231 : 232 + (c.r - 4) * 23 / 242;
    }
    return 16 + 36 * (c.r * 5 / 255) + 6 * (c.g * 5 / 255) + c.b * 5 / 255;
}

static void cell_256(FILE *out, struct rgb t, struct rgb b)
{
    fprintf(out, "\033[38;5;%dm\033[48;5;%dm\xe2\x96\x80", colour_256(t), colour_256(b));
}

/* Without colour: off, grey or on above and below. */
static void cell_blocks(FILE *out, struct rgb t, struct rgb b)
{
    static const char *const block[3][3] = { { " ", "\xe2\x96\x91", "\xe2\x96\x84" },
                                             { "\xe2\x96\x91", "\xe2\x96\x92", "\xe2\x96\x93" },
                                             { "\xe2\x96\x80", "\xe2\x96\x93", "\xe2\x96\x88" } };
    const int above = grey_of(t) / 86, below = grey_of(b) / 86;
    fputs(block[above][below], out);
}

static void cell_ascii(FILE *out, struct rgb t, struct rgb b)
{
    static const char ramp[] = " .:-=+*#%@";
    fputc(ramp[(grey_of(t) + grey_of(b)) / 2 * 9 / 255], out);
}

static int is_utf8(void)
{
    static const char *const names[] = { "LC_ALL", "LC_CTYPE", "LANG" };
    for (size_t i = 0; i < 3; i++) {
        const char *v = getenv(names[i]);
        if (v == NULL || *v == '\0') continue;
        return strcasestr(v, "utf-8") != NULL || strcasestr(v, "utf8") != NULL;
    }
    return 0;
}

static cell_printer best_printer(FILE *out)
{
    const char *depth = getenv("COLORTERM"), *term = getenv("TERM");
    if (!is_utf8()) return cell_ascii;
    if (!wants_colour(out)) return cell_blocks;
    if (depth != NULL && (strstr(depth, "truecolor") || strstr(depth, "24bit"))) return cell_true;
    return term != NULL && strstr(term, "256color") ? cell_256 : cell_blocks;
}

static struct rgb pixel_at(const eg_image *image, size_t y, size_t x)
{
    if (y >= image->height) return (struct rgb){ 0, 0, 0 };
    const uint8_t *p = image->pixels + (y * image->width + x) * image->channels;
    return image->channels == 3 ? (struct rgb){ p[0], p[1], p[2] } : (struct rgb){ *p, *p, *p };
}

/* As wide as `columns` allows, never enlarged. */
static eg_status fit(const eg_image *image, size_t columns, eg_image *out)
{
    const size_t w = image->width < columns ? image->width : columns;
    const size_t h = image->height * w / image->width;
    return eg_image_resize(image, h ? h : 1, w, out);
}

void picture_print(FILE *out, const eg_image *images, const char *const *captions, size_t n)
{
    enum { COLUMNS = 96, GAP = 2 };
    const cell_printer cell = best_printer(out);
    const int colour = cell == cell_true || cell == cell_256;
    eg_image *small = need(n, sizeof *small);
    size_t lines = 0, ready = 0;
    while (ready < n && fit(&images[ready], COLUMNS / n - GAP, &small[ready]) == EG_OK) {
        if ((small[ready].height + 1) / 2 > lines) lines = (small[ready].height + 1) / 2;
        ready++;
    }
    for (size_t y = 0; y < lines; y++) {
        for (size_t i = 0; i < ready; i++) {
            fprintf(out, "%*s", GAP, "");
            for (size_t x = 0; x < small[i].width; x++)
                cell(out, pixel_at(&small[i], 2 * y, x), pixel_at(&small[i], 2 * y + 1, x));
            if (colour) fputs("\033[0m", out);
        }
        fputc('\n', out);
    }
    for (size_t i = 0; captions != NULL && i < ready; i++)
        fprintf(out, "%*s%-*.*s", GAP, "", (int)small[i].width, (int)small[i].width, captions[i]);
    if (captions != NULL) fputc('\n', out);
    for (size_t i = 0; i < ready; i++) eg_image_clear(&small[i]);
    free(small);
}
