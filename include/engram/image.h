/* engram/image.h - pictures in and out: 8 bits a channel, rows from the top. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGRAM_IMAGE_H
#define ENGRAM_IMAGE_H

#include <stddef.h>
#include <stdint.h>

#include "engram/alloc.h"
#include "engram/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct eg_image {
    size_t height, width, channels; /* channels 1 (grey) or 3 (RGB) */
    uint8_t *pixels;                /* (H, W, C) */
    const eg_allocator *alloc;
} eg_image;

/* PNG or JPEG by content; alpha is blended on white, 16 bits are rounded to 8, palettes
 * expanded, CMYK converted to RGB without a profile. Limits: 64 Mi pixels, and bytes by the size
 * of the file (engram/limits.h): a JPEG of more is decoded at 1/2, 1/4 or 1/8 of its size. A JPEG
 * is turned as its EXIF orientation says.
 * EG_ERR_IO, EG_ERR_CORRUPT, EG_ERR_LIMIT, EG_ERR_NOMEM. */
EG_API EG_MUST_CHECK eg_status eg_image_read(const char *path, const eg_allocator *alloc,
                                             eg_image *out);
EG_API EG_MUST_CHECK eg_status eg_image_create(size_t height, size_t width, size_t channels,
                                               const eg_allocator *alloc, eg_image *out);
EG_API void eg_image_clear(eg_image *image);

/* Another size, by area averaging when smaller and nearest pixel when larger. */
EG_API EG_MUST_CHECK eg_status eg_image_resize(const eg_image *in, size_t height, size_t width,
                                               eg_image *out);
/* Another size by a triangle as wide as a pixel of the coarser grid: bilinear when larger, and
 * without aliasing when smaller; pixels of both are seen at their centres. */
EG_API EG_MUST_CHECK eg_status eg_image_resize_smooth(const eg_image *in, size_t height,
                                                      size_t width, eg_image *out);
/* The part of height x width pixels that begins at (top, left) and lies inside. */
EG_API EG_MUST_CHECK eg_status eg_image_cut(const eg_image *in, size_t top, size_t left,
                                            size_t height, size_t width, eg_image *out);
/* One channel: 0.299 R + 0.587 G + 0.114 B. */
EG_API EG_MUST_CHECK eg_status eg_image_grey(const eg_image *in, eg_image *out);

EG_API EG_MUST_CHECK eg_status eg_image_write_png(const char *path, const eg_image *image);
/* The same into memory: *bytes (allocated with image->alloc, release with eg_image_free). */
EG_API EG_MUST_CHECK eg_status eg_image_encode_png(const eg_image *image, uint8_t **bytes,
                                                   size_t *size);
EG_API void eg_image_free(const eg_image *image, uint8_t *bytes, size_t size);

#ifdef __cplusplus
}
#endif
#endif
