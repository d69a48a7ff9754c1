/* A PNG or JPEG as a set of one item, and what the reader of folders shares with it: decode
 * by content, show to the caller, make grey and scale as the options say, store channel after
 * channel. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "data/egi_data.h"

static const struct {
    int (*looks)(const uint8_t *bytes, size_t size);
    eg_status (*decode)(const struct egi_input *in, eg_image *out);
} kinds[] = { { egi_looks_png, egi_png_decode }, { egi_looks_jpeg, egi_jpeg_decode } };

eg_status egi_picture_decode(const struct egi_input *in, eg_image *out)
{
    struct egi_input mine = *in;
    struct egi_budget b;
    for (size_t k = 0; k < EGI_COUNT(kinds); k++) {
        if (!kinds[k].looks(in->bytes, in->size)) continue;
        egi_budget_begin(&b, &mine);
        const eg_status s = kinds[k].decode(&mine, out);
        if (s == EG_OK) out->alloc = b.bound.inner;
        return egi_budget_end(&b, s, in->name);
    }
    return egi_fail(EG_ERR_CORRUPT, "%s: byte 0: looks like %s, expected PNG or JPEG", in->name,
                    egi_looks_like(in->bytes, in->size));
}

static eg_status replace(eg_status s, eg_image *image, const eg_image *with)
{
    if (s != EG_OK) return s;
    eg_image_clear(image);
    *image = *with;
    return EG_OK;
}

eg_status egi_picture_prepare(const struct egi_input *in, eg_image *out)
{
    eg_image image, other;
    EGI_TRY(egi_picture_decode(in, &image));
    eg_status s = in->o.picture != NULL ? in->o.picture(in->o.picture_user, &image) : EG_OK;
    if (s == EG_OK && in->o.grey && image.channels != 1)
        s = replace(eg_image_grey(&image, &other), &image, &other);
    if (s == EG_OK && in->o.height > 0)
        s = replace(eg_image_resize(&image, in->o.height, in->o.width, &other), &image, &other);
    if (s != EG_OK) {
        eg_image_clear(&image);
        return s;
    }
    *out = image;
    return EG_OK;
}

void egi_picture_store(const eg_image *image, float *x)
{
    const size_t cells = image->height * image->width;
    for (size_t i = 0; i < cells; i++)
        for (size_t c = 0; c < image->channels; c++)
            x[c * cells + i] = image->pixels[i * image->channels + c];
}

static eg_status parse_picture(const struct egi_input *in, eg_dataset *set)
{
    eg_image image;
    EGI_TRY(egi_picture_prepare(in, &image));
    const eg_status s = egi_set_size(in, set, 1, image.height * image.width * image.channels);
    if (s == EG_OK) {
        set->height = image.height;
        set->width = image.width;
        set->channels = image.channels;
        egi_picture_store(&image, set->x);
    }
    eg_image_clear(&image);
    return s;
}

const struct egi_reader egi_reader_png = { { "png", "one PNG picture, one item",
                                             "PNG specification, W3C 2003" },
                                           "PNG",
                                           egi_looks_png,
                                           { ".png" },
                                           parse_picture };
const struct egi_reader egi_reader_jpeg = { { "jpeg", "one JPEG picture, one item", "ITU-T T.81" },
                                            "JPEG",
                                            egi_looks_jpeg,
                                            { ".jpg", ".jpeg" },
                                            parse_picture };
