/* How a camera was held: the orientation in a JPEG's EXIF data, and pictures turned by it.
 *
 * Format (CIPA DC-008, 4.5 and 4.6): segments FF marker length, big-endian, up to the first scan;
 * in APP1 (FF E1) "Exif\0\0", then TIFF: "II*\0" little-endian or "MM\0*" big-endian, where the
 * first directory lies, there a count of entries of 12 bytes: tag, type, count, value. Tag 274 of
 * type 3 says where row 0 and column 0 of what is stored are seen: 1 top left, 2 top right, 3
 * bottom right, 4 bottom left, 5 left top, 6 right top, 7 right bottom, 8 left bottom. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "data/egi_data.h"

enum { APP1 = 0xe1, SOS = 0xda, EOI = 0xd9, ORIENTATION = 274, SHORT = 3 };

struct tiff {
    const uint8_t *p;
    size_t size;
    int little;
};

/* `bytes` of them at `at`; 0 past the end. */
static uint32_t number(const struct tiff *t, size_t at, size_t bytes)
{
    uint32_t v = 0;
    if (at > t->size || bytes > t->size - at) return 0;
    for (size_t i = 0; i < bytes; i++)
        v |= (uint32_t)t->p[at + i] << 8 * (t->little ? i : bytes - 1 - i);
    return v;
}

static unsigned of_tiff(const uint8_t *p, size_t size)
{
    struct tiff t = { p, size, size > 0 && p[0] == 'I' };
    if (size < 8 || p[0] != p[1] || (p[0] != 'I' && p[0] != 'M') || number(&t, 2, 2) != 42)
        return 1;
    const size_t directory = number(&t, 4, 4), entries = number(&t, directory, 2);
    for (size_t i = 0; i < entries; i++) {
        const size_t at = directory + 2 + 12 * i;
        if (number(&t, at, 2) != ORIENTATION || number(&t, at + 2, 2) != SHORT) continue;
        const unsigned v = number(&t, at + 8, 2);
        return v >= 1 && v <= 8 ? v : 1;
    }
    return 1;
}

unsigned egi_jpeg_orientation(const uint8_t *bytes, size_t size)
{
    const struct tiff jpeg = { bytes, size, 0 };
    for (size_t at = 2; at + 4 <= size && bytes[at] == 0xff;) {
        const unsigned marker = bytes[at + 1];
        const size_t length = number(&jpeg, at + 2, 2);
        if (marker == 0xff) { /* filling */
            at++;
            continue;
        }
        if (marker == SOS || marker == EOI || length < 2 || length > size - at - 2) return 1;
        const uint8_t *body = bytes + at + 4;
        if (marker == APP1 && length >= 8 && memcmp(body, "Exif\0", 6) == 0)
            return of_tiff(body + 6, length - 8);
        at += 2 + length;
    }
    return 1;
}

eg_status egi_image_turn(const char *name, eg_image *image, unsigned orientation)
{
    const int across = orientation >= 5; /* rows are columns */
    const int up = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
    const int left = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
    const size_t height = image->height, width = image->width, n = image->channels;
    eg_image out;
    if (orientation <= 1) return EG_OK;
    EGI_TRY(egi_image_create(name, across ? width : height, across ? height : width, n,
                             image->alloc, &out));
    for (size_t y = 0; y < out.height; y++)
        for (size_t x = 0; x < out.width; x++) {
            const size_t row = across ? x : y, column = across ? y : x;
            const size_t i = up ? height - 1 - row : row, j = left ? width - 1 - column : column;
            memcpy(out.pixels + (y * out.width + x) * n, image->pixels + (i * width + j) * n, n);
        }
    eg_image_clear(image);
    *image = out;
    return EG_OK;
}
