/* Pictures in memory: creation, size, grey. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "base/egi_file.h"
#include "data/egi_data.h"

eg_status egi_image_create(const char *name, size_t height, size_t width, size_t channels,
                           const eg_allocator *a, eg_image *out)
{
    size_t pixels, bytes;
    EGI_TRY(egi_mul_size(height, width, &pixels));
    if (pixels > EGI_MOST_PIXELS)
        return egi_fail(EG_ERR_LIMIT, "%s: %zu x %zu pixels, more than %zu", name, width, height,
                        EGI_MOST_PIXELS);
    EGI_TRY(egi_mul_size(pixels, channels, &bytes));
    void *p;
    EGI_TRY(egi_alloc_array(a, bytes, 1, name, &p));
    memset(p, 0, bytes);
    *out = (eg_image){ height, width, channels, p, a };
    return EG_OK;
}

eg_status eg_image_create(size_t height, size_t width, size_t channels, const eg_allocator *alloc,
                          eg_image *out)
{
    if (out == NULL || height == 0 || width == 0 || (channels != 1 && channels != 3))
        return egi_fail(EG_ERR_INVALID,
                        "eg_image_create: %zu x %zu x %zu, expected at least 1 x 1 "
                        "and 1 or 3 channels",
                        height, width, channels);
    if (alloc == NULL) alloc = eg_allocator_default();
    return egi_image_create("picture", height, width, channels, alloc, out);
}

void eg_image_clear(eg_image *image)
{
    if (image == NULL) return;
    const eg_allocator *a = image->alloc != NULL ? image->alloc : eg_allocator_default();
    egi_free(a, image->pixels, image->height * image->width * image->channels);
    *image = (eg_image){ .alloc = image->alloc };
}

/* The part [lo, hi) of a source axis that falls on pixel i of an axis of another length. */
static void span(size_t i, size_t in, size_t out, double *lo, double *hi)
{
    const double step = (double)in / (double)out;
    if (out < in) {
        *lo = (double)i * step;
        *hi = fmin((double)(i + 1) * step, (double)in);
    } else { /* the nearest pixel */
        *lo = floor(((double)i + 0.5) * step);
        *hi = *lo + 1;
    }
}

static double overlap(size_t i, double lo, double hi)
{
    return fmin((double)(i + 1), hi) - fmax((double)i, lo);
}

static uint8_t mean_of_box(const eg_image *in, const double y[2], const double x[2], size_t c)
{
    double sum = 0, area = 0;
    for (size_t i = (size_t)y[0]; i < in->height && (double)i < y[1]; i++)
        for (size_t j = (size_t)x[0]; j < in->width && (double)j < x[1]; j++) {
            const double w = overlap(i, y[0], y[1]) * overlap(j, x[0], x[1]);
            sum += w * in->pixels[(i * in->width + j) * in->channels + c];
            area += w;
        }
    return (uint8_t)(sum / area + 0.5);
}

eg_status eg_image_resize(const eg_image *in, size_t height, size_t width, eg_image *out)
{
    if (in == NULL || in->pixels == NULL) return egi_fail(EG_ERR_INVALID, "eg_image_resize: NULL");
    eg_image r;
    EGI_TRY(eg_image_create(height, width, in->channels, in->alloc, &r));
    for (size_t i = 0; i < height; i++)
        for (size_t j = 0; j < width; j++) {
            double y[2], x[2];
            span(i, in->height, height, &y[0], &y[1]);
            span(j, in->width, width, &x[0], &x[1]);
            for (size_t c = 0; c < in->channels; c++)
                r.pixels[(i * width + j) * in->channels + c] = mean_of_box(in, y, x, c);
        }
    *out = r;
    return EG_OK;
}

eg_status eg_image_grey(const eg_image *in, eg_image *out)
{
    if (in == NULL || in->pixels == NULL) return egi_fail(EG_ERR_INVALID, "eg_image_grey: NULL");
    eg_image r;
    EGI_TRY(eg_image_create(in->height, in->width, 1, in->alloc, &r));
    for (size_t i = 0; i < in->height * in->width; i++) {
        const uint8_t *p = in->pixels + i * in->channels;
        r.pixels[i] = in->channels == 1
                          ? p[0]
                          : (uint8_t)((299u * p[0] + 587u * p[1] + 114u * p[2] + 500u) / 1000u);
    }
    *out = r;
    return EG_OK;
}

eg_status eg_image_read(const char *path, const eg_allocator *alloc, eg_image *out)
{
    if (path == NULL || out == NULL) return egi_fail(EG_ERR_INVALID, "eg_image_read: NULL");
    struct egi_input in = { .name = path, .o = EG_READ_OPTIONS_INIT };
    in.o.alloc = alloc;
    EGI_TRY(egi_read_options(&in.o, &in.o));
    uint8_t *bytes;
    EGI_TRY(egi_file_read(path, egi_read_most(&in.o), in.o.alloc, &bytes, &in.size));
    in.o.max_bytes = egi_limit_of(0, in.size, (size_t)EG_LIMIT_DATA);
    in.bytes = bytes;
    const eg_status s = egi_picture_decode(&in, out);
    egi_free(in.o.alloc, bytes, in.size);
    return s;
}
