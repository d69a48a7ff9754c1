/* States to pictures and back. Drawing maps the memory's own range to black..white; a value
 * that is not known (0 between -1 and +1) is mid grey. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/picture.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli_text.h"

int shape_drawable(const struct shape *s, size_t d)
{
    return (s->channels == 1 || s->channels == 3) && s->height * s->width * s->channels == d;
}

/* The values drawn black and white. */
static void drawn_range(const struct scaling *s, const float *x, size_t d, double range[2])
{
    range[0] = s->kind == SCALING_NONE ? s->black : -1;
    range[1] = s->kind == SCALING_NONE ? s->white : 1;
    if (s->kind != SCALING_UNIT) return;
    double largest = 0;
    for (size_t i = 0; i < d; i++)
        if (fabs((double)x[i]) > largest) largest = fabs((double)x[i]);
    range[1] = largest > 0 ? largest : 1;
    range[0] = -range[1];
}

eg_status picture_of_state(const struct shape *shape, const struct scaling *scaling, const float *x,
                           eg_image *out)
{
    const size_t plane = shape->height * shape->width, c = shape->channels;
    double range[2];
    const eg_status s = eg_image_create(shape->height, shape->width, c, NULL, out);
    if (s != EG_OK) return s;
    drawn_range(scaling, x, plane * c, range);
    for (size_t i = 0; i < plane * c; i++) {
        const double v = ((double)x[i] - range[0]) / (range[1] - range[0]) * 255;
        out->pixels[i % plane * c + i / plane] = (uint8_t)(v >= 255 ? 255 : v > 0 ? lrint(v) : 0);
    }
    return EG_OK;
}

void picture_border(const eg_image *image, size_t count[256])
{
    for (size_t y = 0; y < image->height; y++) {
        for (size_t x = 0; x < image->width; x++) {
            if (y != 0 && x != 0 && y + 1 != image->height && x + 1 != image->width) continue;
            for (size_t c = 0; c < image->channels; c++)
                count[image->pixels[(y * image->width + x) * image->channels + c]]++;
        }
    }
}

double border_median(const size_t count[256])
{
    size_t all = 0, below = 0, v = 0;
    for (size_t i = 0; i < 256; i++) all += count[i];
    if (all == 0) return 0.5;
    while (2 * (below + count[v]) < all) below += count[v++];
    return (double)v / 255;
}

void picture_invert(eg_image *image)
{
    const size_t n = image->height * image->width * image->channels;
    for (size_t i = 0; i < n; i++) image->pixels[i] = (uint8_t)(255 - image->pixels[i]);
}

int picture_ink(const eg_image *in, double paper, struct box *ink)
{
    struct box b = { in->height, 0, in->width, 0 };
    for (size_t i = 0; i < in->height * in->width * in->channels; i++) {
        if (fabs(in->pixels[i] - paper * 255) <= 64) continue;
        const size_t y = i / in->channels / in->width, x = i / in->channels % in->width;
        if (y < b.top) b.top = y;
        if (y + 1 > b.bottom) b.bottom = y + 1;
        if (x < b.left) b.left = x;
        if (x + 1 > b.right) b.right = x + 1;
    }
    if (b.bottom <= b.top) return 0;
    *ink = b;
    return 1;
}

eg_status picture_cut(eg_image *image, const struct box *b)
{
    const size_t row = (b->right - b->left) * image->channels;
    eg_image out;
    const eg_status s = eg_image_create(b->bottom - b->top, b->right - b->left, image->channels,
                                        image->alloc, &out);
    if (s != EG_OK) return s;
    for (size_t y = 0; y < out.height; y++)
        memcpy(out.pixels + y * row,
               image->pixels + ((b->top + y) * image->width + b->left) * image->channels, row);
    eg_image_clear(image);
    *image = out;
    return EG_OK;
}

eg_status picture_colour(eg_image *image)
{
    const size_t plane = image->height * image->width;
    eg_image out;
    if (image->channels == 3) return EG_OK;
    const eg_status s = eg_image_create(image->height, image->width, 3, image->alloc, &out);
    if (s != EG_OK) return s;
    for (size_t i = 0; i < 3 * plane; i++) out.pixels[i] = image->pixels[i / 3];
    eg_image_clear(image);
    *image = out;
    return EG_OK;
}

static void paste(const eg_image *tile, size_t top, size_t left, eg_image *out)
{
    const size_t c = out->channels;
    for (size_t y = 0; y < tile->height; y++)
        memcpy(out->pixels + ((top + y) * out->width + left) * c,
               tile->pixels + y * tile->width * c, tile->width * c);
}

eg_status picture_sheet(const eg_image *images, size_t count, size_t columns, size_t height,
                        eg_image *out)
{
    enum { GAP = 8, PAPER = 160 };
    const size_t by = images->height >= height ? 1 : (height + images->height - 1) / images->height;
    const size_t h = images->height * by, w = images->width * by;
    const size_t rows = (count + columns - 1) / columns;
    eg_image sheet = { 0 };
    eg_status s = eg_image_create(rows * (h + GAP) + GAP, columns * (w + GAP) + GAP,
                                  images->channels, NULL, &sheet);
    if (s != EG_OK) return s;
    memset(sheet.pixels, PAPER, sheet.height * sheet.width * sheet.channels);
    for (size_t i = 0; i < count && s == EG_OK; i++) {
        eg_image tile = { 0 };
        s = eg_image_resize(&images[i], h, w, &tile);
        if (s == EG_OK)
            paste(&tile, GAP + i / columns * (h + GAP), GAP + i % columns * (w + GAP), &sheet);
        eg_image_clear(&tile);
    }
    if (s == EG_OK)
        *out = sheet;
    else
        eg_image_clear(&sheet);
    return s;
}

eg_status picture_strip(const eg_image *images, size_t n, size_t height, eg_image *out)
{
    return picture_sheet(images, n, n, height, out);
}
