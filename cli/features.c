/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/features.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli_text.h"
#include "cli/file_limits.h"
#include "cli/stored.h"

/* "0.485,0.456,0.406", or one for all; 0: neither. */
static int channels_of(const char *text, double out[3])
{
    const size_t n = parse_numbers(text, out, 3);
    if (n == 1) out[1] = out[2] = out[0];
    return n == 1 || n == 3;
}

static int find_scaling(struct features *f)
{
    double mean[3] = { 0, 0, 0 }, deviation[3] = { 1, 1, 1 };
    const char *given = f->how->mean, *spread = f->how->deviation;
    const eg_status s = eg_onnx_pixels_of(f->m, &f->pixels);
    if (s < 0) return fail(s, NULL);
    if (s == EG_NOT_FOUND && given == NULL && spread == NULL)
        return fail_usage(f->call,
                          "%s does not say how its pixels are scaled: give --mean and --std, as "
                          "--mean 0.485,0.456,0.406 --std 0.229,0.224,0.225",
                          f->network);
    if (given == NULL && spread == NULL) return EXIT_DONE;
    if ((given != NULL && !channels_of(given, mean))
        || (spread != NULL && !channels_of(spread, deviation)))
        return fail_usage(f->call, "--mean, --std: expected one number or three, as 0.5,0.5,0.5");
    for (size_t c = 0; c < 3; c++) {
        if (!(deviation[c] > 0)) return fail_usage(f->call, "--std: expected numbers above 0");
        f->pixels.shift[c] = (float)(255 * mean[c]);
        f->pixels.scale[c] = (float)(1 / (255 * deviation[c]));
    }
    return EXIT_DONE;
}

/* The output called "features", else the first. */
static const char *chosen_layer(const struct features *f)
{
    if (f->how->layer != NULL) return f->how->layer;
    for (size_t i = 0; eg_onnx_output(f->m, i) != NULL; i++)
        if (strcmp(eg_onnx_output(f->m, i)->name, "features") == 0) return "features";
    return eg_onnx_output(f->m, 0)->name;
}

int features_begin(const struct call *call, const char *network, const struct feature_options *how,
                   size_t wanted, struct features *f)
{
    eg_onnx_options o = EG_ONNX_OPTIONS_INIT;
    o.max_bytes = limits_given();
    *f = (struct features){ .call = call, .how = how, .network = network, .wanted = wanted };
    f->progress = bar_begin(&f->bar, call);
    if (network == NULL) return EXIT_DONE;
    o.threads = call->common->threads;
    const eg_status s = eg_onnx_open(network, &o, &f->m);
    if (s != EG_OK) return fail(s, NULL);
    f->layer = chosen_layer(f);
    return EXIT_DONE;
}

static void make_room(struct features *f, size_t rows)
{
    if (rows <= f->room) return;
    const size_t room = rows > 2 * f->room ? rows : 2 * f->room;
    float *grown = need_floats(room, f->d);
    if (f->n > 0) memcpy(grown, f->x, f->n * f->d * sizeof *grown);
    free(f->x);
    f->x = grown;
    f->room = room;
}

/* The values of b pictures, whose first axis counts them. */
static eg_status keep_values(struct features *f, const eg_onnx_array *y, size_t b)
{
    const size_t all = eg_shape_size(&y->shape);
    if (y->shape.rank == 0 || y->shape.dim[0] != b || all % b != 0 || all == 0) {
        fprintf(stderr, "engram: %s: not one row a picture\n", f->layer);
        return EG_ERR_SHAPE;
    }
    if (f->d == 0) f->d = all / b;
    if (f->d != all / b) {
        fprintf(stderr, "engram: %s: %zu numbers a picture, and rows of %zu before\n", f->layer,
                all / b, f->d);
        return EG_ERR_SHAPE;
    }
    make_room(f, f->n + b);
    for (size_t i = 0; i < all; i++)
        f->x[f->n * f->d + i] =
            y->dtype == EG_F32 ? ((const float *)y->data)[i] : (float)((const double *)y->data)[i];
    f->n += b;
    return EG_OK;
}

static eg_status run_batch(struct features *f)
{
    eg_onnx_array y;
    if (f->waiting == 0) return EG_OK;
    const eg_onnx_array x = {
        NULL, EG_F32,
        eg_shape_of(f->waiting, f->pixels.channels, f->pixels.height, f->pixels.width), f->pending
    };
    eg_status s = eg_onnx_run(f->m, &x, 1, &f->layer, 1, &y);
    if (s == EG_OK) s = keep_values(f, &y, f->waiting);
    f->waiting = 0;
    if (s == EG_OK && f->progress.report(f->progress.user, "features", f->n, f->total) != 0)
        s = EG_ERR_INTERRUPTED;
    return s;
}

/* A part of the middle, of the proportions of the input; its top and left in pixels. */
static void middle_of(const struct features *f, const eg_image *in, size_t *height, size_t *width)
{
    const double h = (double)f->pixels.height, v = (double)f->pixels.width;
    const double across = (double)in->width / v, down = (double)in->height / h;
    const double scale = (across < down ? across : down) * f->how->crop;
    *height = (size_t)(scale * h + 0.5);
    *width = (size_t)(scale * v + 0.5);
    if (*height < 1) *height = 1;
    if (*width < 1) *width = 1;
    if (*height > in->height) *height = in->height;
    if (*width > in->width) *width = in->width;
}

static eg_status fitted(const struct features *f, const eg_image *in, eg_image *out)
{
    eg_image part = { 0 };
    size_t height = in->height, width = in->width;
    if (!f->how->stretch) middle_of(f, in, &height, &width);
    eg_status s =
        eg_image_cut(in, (in->height - height) / 2, (in->width - width) / 2, height, width, &part);
    if (s == EG_OK) s = eg_image_resize_smooth(&part, f->pixels.height, f->pixels.width, out);
    eg_image_clear(&part);
    return s;
}

static eg_status add_picture(struct features *f, const eg_image *image)
{
    eg_image fit = { 0 };
    eg_status s = EG_OK;
    if (f->pixels.height == 0) f->pixels.height = image->height;
    if (f->pixels.width == 0) f->pixels.width = image->width;
    if (f->pending == NULL) {
        f->item = f->pixels.channels * f->pixels.height * f->pixels.width;
        f->pending = need_floats(f->how->batch, f->item);
    }
    const int same = image->height == f->pixels.height && image->width == f->pixels.width
                     && (f->how->crop == 1 || f->how->stretch);
    if (!same) s = fitted(f, image, &fit);
    if (s == EG_OK)
        s = eg_onnx_picture(&f->pixels, same ? image : &fit, f->pending + f->waiting * f->item);
    eg_image_clear(&fit);
    if (s == EG_OK) f->seen++;
    if (s == EG_OK && ++f->waiting == f->how->batch) s = run_batch(f);
    return s;
}

eg_status keep_one_pixel(eg_image *image)
{
    eg_image one;
    const eg_status s = eg_image_create(1, 1, 1, image->alloc, &one);
    if (s != EG_OK) return s;
    eg_image_clear(image);
    *image = one;
    return EG_OK;
}

/* Each picture as it is decoded. */
static eg_status on_picture(void *user, eg_image *image)
{
    const eg_status s = add_picture(user, image);
    return s == EG_OK ? keep_one_pixel(image) : s;
}

/* Rows of a set that is no folder of pictures. */
static eg_status add_rows(struct features *f, const eg_dataset *set)
{
    const size_t plane = set->height * set->width;
    eg_image image;
    eg_status s = EG_OK;
    f->total += set->n;
    for (size_t i = 0; i < set->n && s == EG_OK; i++) {
        s = eg_image_create(set->height, set->width, set->channels, NULL, &image);
        if (s != EG_OK) return s;
        for (size_t k = 0; k < set->d; k++) {
            const float v = set->x[i * set->d + k];
            image.pixels[k % plane * set->channels + k / plane] = (uint8_t)(v >= 255 ? 255
                                                                            : v > 0  ? v + 0.5f
                                                                                     : 0);
        }
        s = add_picture(f, &image);
        eg_image_clear(&image);
    }
    return s;
}

/* Rows that are features already. */
static int take_rows(struct features *f, const char *name, const eg_dataset *set)
{
    const eg_status s = run_batch(f); /* in their order */
    if (s != EG_OK) return fail(s, NULL);
    if (f->d == 0) f->d = set->d;
    if (set->d != f->d || set->offset != NULL)
        return fail_usage(f->call, "%s: rows of %zu numbers, expected %zu features", name, set->d,
                          f->d);
    make_room(f, f->n + set->n);
    memcpy(f->x + f->n * f->d, set->x, set->n * set->d * sizeof *f->x);
    f->n += set->n;
    f->seen += set->n;
    return EXIT_DONE;
}

/* A set that no picture came of: rows. */
static int take_set(struct features *f, const char *name, const eg_dataset *set)
{
    if (f->m == NULL || (f->wanted > 0 && set->d == f->wanted && set->height == 0)) {
        if (f->d == 0) f->d = f->wanted;
        return take_rows(f, name, set);
    }
    if (set->height == 0 && f->wanted > 0)
        return fail_usage(f->call, "%s: rows of %zu numbers, expected pictures or %zu features",
                          name, set->d, f->wanted);
    if (set->height == 0)
        return fail_usage(f->call, "%s: rows of %zu numbers, expected pictures", name, set->d);
    const eg_status s = add_rows(f, set);
    return s == EG_OK ? EXIT_DONE : fail(s, NULL);
}

int features_add(struct features *f, const char *name, const eg_read_options *read, eg_dataset *set)
{
    eg_read_options o = *read;
    const size_t before = f->seen;
    if (f->m != NULL) {
        const int code = f->pixels.channels == 0 ? find_scaling(f) : EXIT_DONE;
        if (code != EXIT_DONE) return code;
        o.picture = on_picture;
        o.picture_user = f;
    }
    const int code = data_read(f->call, name, &o, set);
    if (code != EXIT_DONE || f->seen > before) return code;
    return take_set(f, name, set);
}

int features_end(struct features *f)
{
    const eg_status s = run_batch(f);
    bar_end(&f->bar);
    return s == EG_OK ? EXIT_DONE : fail(s, NULL);
}

size_t features_finite(const struct features *f)
{
    for (size_t i = 0; i < f->n * f->d; i++)
        if (!isfinite(f->x[i])) return i / f->d;
    return f->n;
}

const char *features_name(const char *arg, const eg_dataset *set, size_t i)
{
    const char *between = arg[strlen(arg) - 1] == '/' ? "" : "/";
    return set->item_names != NULL ? keep_format("%s%s%s", arg, between, set->item_names[i])
           : set->n == 1           ? arg
                                   : keep_format("%s:%zu", arg, i + 1);
}

int features_refuse(const struct features *f, size_t i, const char *name)
{
    size_t j = 0;
    while (isfinite(f->x[i * f->d + j])) j++;
    fprintf(stderr, "engram: %s: feature %zu is %g, which is no finite number: %s of %s\n", name, j,
            (double)f->x[i * f->d + j], f->layer != NULL ? f->layer : "rows",
            f->network != NULL ? f->network : "the data");
    return exit_of(EG_ERR_DIVERGED);
}

void features_clear(struct features *f)
{
    bar_end(&f->bar);
    free(f->pending);
    free(f->x);
    eg_onnx_destroy(f->m);
    *f = (struct features){ 0 };
}
