/* How a network wants its pictures. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/egi_onnx.h"

/* One number, or three, separated by blanks or commas; 0: it is neither. */
static int numbers_of(const char *text, double out[3])
{
    size_t n = 0;
    while (n < 3) {
        char *end;
        text += strspn(text, " ,[]()");
        if (*text == '\0') break;
        out[n] = strtod(text, &end);
        if (end == text || !isfinite(out[n])) return 0;
        text = end;
        n++;
    }
    text += strspn(text, " ,[]()");
    if (*text != '\0' || (n != 1 && n != 3)) return 0;
    for (; n < 3; n++) out[n] = out[0];
    return 1;
}

static eg_status words(const eg_onnx *m, const char *key, double out[3], int *found)
{
    const char *text = eg_onnx_meta(m, key);
    if (text == NULL) return EG_OK;
    *found = 1;
    if (numbers_of(text, out)) return EG_OK;
    return egi_fail(EG_ERR_CORRUPT, "%s: metadata \"%s\": expected one number or three", m->file,
                    key);
}

/* Ranges of the standard: pixel / 255 - `from` times `times`. */
static const struct {
    const char *name;
    double shift, scale; /* of pixels */
} ranges[] = {
    { "NominalRange_0_255", 0, 1 },
    { "Normalized_0_1", 0, 1.0 / 255 },
    { "Normalized_1_1", 127.5, 1 / 127.5 },
};

static eg_status nominal_range(const eg_onnx *m, eg_onnx_pixels *p, int *found)
{
    const char *range = eg_onnx_meta(m, "Image.NominalPixelRange");
    const char *format = eg_onnx_meta(m, "Image.BitmapPixelFormat");
    p->bgr = format != NULL && strncmp(format, "Bgr", 3) == 0;
    if (range == NULL) return EG_OK;
    for (size_t i = 0; i < EGI_COUNT(ranges); i++) {
        if (strcmp(range, ranges[i].name) != 0) continue;
        for (size_t c = 0; c < 3; c++) {
            p->shift[c] = (float)ranges[i].shift;
            p->scale[c] = (float)ranges[i].scale;
        }
        *found = 1;
        return EG_OK;
    }
    return egi_fail(EG_ERR_UNSUPPORTED, "%s: Image.NominalPixelRange \"%.40s\"", m->file, range);
}

static eg_status scaling(const eg_onnx *m, eg_onnx_pixels *p, int *found)
{
    double zero[3] = { 0, 0, 0 }, scale[3] = { 1, 1, 1 }, mean[3] = { 0, 0, 0 };
    double deviation[3] = { 1, 1, 1 };
    int normal = 0;
    EGI_TRY(nominal_range(m, p, found));
    if (*found) return EG_OK;
    EGI_TRY(words(m, "input_zero", zero, found));
    EGI_TRY(words(m, "input_scale", scale, found));
    EGI_TRY(words(m, "input_mean", mean, &normal));
    EGI_TRY(words(m, "input_std", deviation, &normal));
    *found |= normal;
    for (size_t c = 0; c < 3; c++) {
        p->shift[c] = (float)(normal ? 255 * mean[c] : zero[c]);
        p->scale[c] = (float)(normal ? 1 / (255 * deviation[c]) : scale[c]);
        if (!isfinite(p->scale[c]))
            return egi_fail(EG_ERR_CORRUPT, "%s: metadata: a standard deviation of 0", m->file);
    }
    return EG_OK;
}

eg_status eg_onnx_pixels_of(const eg_onnx *m, eg_onnx_pixels *out)
{
    if (m == NULL || out == NULL) return egi_fail(EG_ERR_INVALID, "eg_onnx_pixels_of: NULL");
    const eg_onnx_port *in = eg_onnx_input(m, 0);
    char text[EGI_SHAPE_TEXT];
    const int fits = in != NULL && in->has_shape && in->shape.rank == 4
                     && (in->shape.dim[1] == 1 || in->shape.dim[1] == 3) && m->in.count == 1;
    if (!fits)
        return egi_fail(EG_ERR_UNSUPPORTED,
                        "%s: %zu inputs, the first \"%s\" %s: expected one, (N, 3, H, W) or "
                        "(N, 1, H, W)",
                        m->file, m->in.count, in != NULL ? in->name : "",
                        in != NULL ? egi_shape_text(&in->shape, text) : "");
    eg_onnx_pixels p = { in->shape.dim[2], in->shape.dim[3], in->shape.dim[1],
                         { 0, 0, 0 },      { 1, 1, 1 },      0 };
    int found = 0;
    EGI_TRY(scaling(m, &p, &found));
    *out = p;
    return found ? EG_OK : EG_NOT_FOUND;
}

eg_status eg_onnx_picture(const eg_onnx_pixels *p, const eg_image *image, float *x)
{
    if (p == NULL || image == NULL || x == NULL)
        return egi_fail(EG_ERR_INVALID, "eg_onnx_picture: NULL");
    if ((p->height != 0 && p->height != image->height)
        || (p->width != 0 && p->width != image->width))
        return egi_fail(EG_ERR_SHAPE, "a picture of %zu x %zu, expected %zu x %zu", image->width,
                        image->height, p->width, p->height);
    const size_t plane = image->height * image->width, c = image->channels;
    for (size_t i = 0; i < plane; i++) {
        const uint8_t *pixel = image->pixels + i * c;
        const float first = (float)pixel[0];
        const float grey =
            c == 1 ? first : 0.299f * first + 0.587f * (float)pixel[1] + 0.114f * (float)pixel[2];
        for (size_t k = 0; k < p->channels; k++) {
            const size_t from = p->bgr ? 2 - k : k;
            const float v = p->channels == 1 || c == 1 ? grey : (float)pixel[from];
            x[k * plane + i] = (v - p->shift[k]) * p->scale[k];
        }
    }
    return EG_OK;
}
