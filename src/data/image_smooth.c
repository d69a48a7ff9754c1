/* Pictures in another size without steps or aliasing, axis by axis.
 *
 * Pixel i of the output lies at (i + 1/2) in / out - 1/2 of the input; a pixel of the input at
 * distance d from there weighs max(0, 1 - d / r), r = max(1, in / out), weights brought to sum 1.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "data/egi_data.h"

/* The pixels [first, end) that weigh on pixel i, and where they are weighed from. */
static void reach(size_t i, size_t in, size_t out, double *centre, double *radius, size_t *first,
                  size_t *end)
{
    const double step = (double)in / (double)out;
    *radius = step > 1 ? step : 1;
    *centre = ((double)i + 0.5) * step - 0.5;
    const double low = ceil(*centre - *radius), high = floor(*centre + *radius);
    *first = low > 0 ? (size_t)low : 0;
    *end = high < (double)in - 1 ? (size_t)high + 1 : in;
}

/* One line of n values, `stride` apart, to m values. */
static void resize_line(const float *x, size_t n, size_t stride, size_t m, float *y, size_t apart)
{
    for (size_t i = 0; i < m; i++) {
        double centre, radius, sum = 0, all = 0;
        size_t first, end;
        reach(i, n, m, &centre, &radius, &first, &end);
        for (size_t k = first; k < end; k++) {
            const double w = fmax(0, 1 - fabs((double)k - centre) / radius);
            sum += w * (double)x[k * stride];
            all += w;
        }
        y[i * apart] = (float)(sum / all);
    }
}

eg_status eg_image_resize_smooth(const eg_image *in, size_t height, size_t width, eg_image *out)
{
    if (in == NULL || in->pixels == NULL || out == NULL)
        return egi_fail(EG_ERR_INVALID, "eg_image_resize_smooth: NULL");
    eg_image r;
    struct egi_arena arena;
    EGI_TRY(eg_image_create(height, width, in->channels, in->alloc, &r));
    const size_t c = in->channels, row = width * c;
    const struct egi_need needs[] = { { in->width * c, sizeof(float) },
                                      { in->height * row, sizeof(float) },
                                      { height * row, sizeof(float) } };
    const eg_status s = egi_arena_create(r.alloc, needs, EGI_COUNT(needs), "picture", &arena);
    if (s != EG_OK) {
        eg_image_clear(&r);
        return s;
    }
    float *from = arena.part[0], *wide = arena.part[1], *to = arena.part[2];
    for (size_t y = 0; y < in->height; y++) {
        const uint8_t *line = in->pixels + y * in->width * c;
        for (size_t i = 0; i < in->width * c; i++) from[i] = line[i];
        for (size_t k = 0; k < c; k++)
            resize_line(from + k, in->width, c, width, wide + y * row + k, c);
    }
    for (size_t k = 0; k < row; k++) resize_line(wide + k, in->height, row, height, to + k, row);
    for (size_t i = 0; i < height * row; i++) r.pixels[i] = (uint8_t)(to[i] + 0.5f);
    egi_arena_destroy(&arena);
    *out = r;
    return EG_OK;
}

eg_status eg_image_cut(const eg_image *in, size_t top, size_t left, size_t height, size_t width,
                       eg_image *out)
{
    if (in == NULL || in->pixels == NULL || out == NULL)
        return egi_fail(EG_ERR_INVALID, "eg_image_cut: NULL");
    if (height > in->height || top > in->height - height || width > in->width
        || left > in->width - width)
        return egi_fail(EG_ERR_SHAPE, "eg_image_cut: %zu x %zu from (%zu, %zu) of %zu x %zu",
                        height, width, top, left, in->height, in->width);
    eg_image r;
    EGI_TRY(eg_image_create(height, width, in->channels, in->alloc, &r));
    const size_t row = width * in->channels;
    for (size_t y = 0; y < height; y++)
        memcpy(r.pixels + y * row, in->pixels + ((top + y) * in->width + left) * in->channels, row);
    *out = r;
    return EG_OK;
}
