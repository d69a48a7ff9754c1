/* engram features: what a pretrained network makes of pictures, as an array of numbers.
 *
 * Pictures are read one after the other, fitted to the network's input, and run in batches as they
 * come, so that a folder of any size needs the memory of one batch. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "cli/cli_text.h"
#include "cli/console.h"
#include "cli/reader_options.h"

struct features {
    struct common common;
    struct reader_options reader;
    const char *layer, *mean, *deviation, *labels;
    size_t batch;
    double crop;
    int stretch;
};

static const struct features defaults = { .reader = READER_OPTIONS_INIT, .batch = 16, .crop = 1 };

#define AT(field) offsetof(struct features, field)

static const struct opt options[] = {
    { "layer", 0, OPT_TEXT, AT(layer), "NAME",
      "the value to take: an output, or any other name of the network", NULL, 0, 0 },
    { "batch", 0, OPT_SIZE, AT(batch), "N", "pictures at once", NULL, 1, 65536 },
    { "crop", 0, OPT_NUMBER, AT(crop), "PART", "of the shorter side, from the middle", NULL, 0.01,
      1 },
    { "stretch", 0, OPT_FLAG, AT(stretch), NULL, "the whole picture, whatever its shape", NULL, 0,
      0 },
    { "mean", 0, OPT_TEXT, AT(mean), "R,G,B",
      "scale pixels, of 0..1, by this, where the network's file does not say", NULL, 0, 0 },
    { "std", 0, OPT_TEXT, AT(deviation), "R,G,B", "and this standard deviation", NULL, 0, 0 },
    { "labels-to", 0, OPT_TEXT, AT(labels), "FILE", "write the classes of the pictures too", NULL,
      0, 0 },
    READER_OPTION_ROWS(struct features),
    { NULL, 0, OPT_FLAG, 0, NULL, NULL, NULL, 0, 0 },
};

/* Work under way. */
struct work {
    const struct call *call;
    const struct features *o;
    eg_onnx *m;
    eg_onnx_pixels pixels;
    const char *layer;
    size_t item, waiting; /* numbers of a picture; pictures in x */
    float *x;             /* (batch, item) */
    float *out;           /* (room, d) */
    size_t n, room, d, seen;
    eg_progress progress;
    size_t total; /* 0: not known */
};

/* "0.485,0.456,0.406", or one for all; 0: neither. */
static int channels_of(const char *text, double out[3])
{
    const size_t n = parse_numbers(text, out, 3);
    if (n == 1) out[1] = out[2] = out[0];
    return n == 1 || n == 3;
}

static int find_scaling(const struct call *call, struct work *w)
{
    double mean[3] = { 0, 0, 0 }, deviation[3] = { 1, 1, 1 };
    const eg_status s = eg_onnx_pixels_of(w->m, &w->pixels);
    if (s < 0) return fail(s, NULL);
    if (s == EG_NOT_FOUND && w->o->mean == NULL && w->o->deviation == NULL)
        return fail_usage(call,
                          "%s does not say how its pixels are scaled: give --mean and --std, as "
                          "--mean 0.485,0.456,0.406 --std 0.229,0.224,0.225",
                          call->args[0]);
    if (w->o->mean == NULL && w->o->deviation == NULL) return EXIT_DONE;
    if ((w->o->mean != NULL && !channels_of(w->o->mean, mean))
        || (w->o->deviation != NULL && !channels_of(w->o->deviation, deviation)))
        return fail_usage(call, "--mean, --std: expected one number or three, as 0.5,0.5,0.5");
    for (size_t c = 0; c < 3; c++) {
        if (!(deviation[c] > 0)) return fail_usage(call, "--std: expected numbers above 0");
        w->pixels.shift[c] = (float)(255 * mean[c]);
        w->pixels.scale[c] = (float)(1 / (255 * deviation[c]));
    }
    return EXIT_DONE;
}

/* The output called "features", else the first. */
static const char *chosen_layer(const struct work *w)
{
    if (w->o->layer != NULL) return w->o->layer;
    for (size_t i = 0; eg_onnx_output(w->m, i) != NULL; i++)
        if (strcmp(eg_onnx_output(w->m, i)->name, "features") == 0) return "features";
    return eg_onnx_output(w->m, 0)->name;
}

static void make_room(struct work *w, size_t rows)
{
    if (rows <= w->room) return;
    const size_t room = rows > 2 * w->room ? rows : 2 * w->room;
    float *grown = need_floats(room, w->d);
    if (w->n > 0) memcpy(grown, w->out, w->n * w->d * sizeof *grown);
    free(w->out);
    w->out = grown;
    w->room = room;
}

/* The values of b pictures, whose first axis counts them. */
static eg_status keep_values(struct work *w, const eg_onnx_array *y, size_t b)
{
    const size_t all = eg_shape_size(&y->shape);
    if (y->shape.rank == 0 || y->shape.dim[0] != b || all % b != 0 || all == 0) {
        fprintf(stderr, "engram: %s: not one row a picture\n", w->layer);
        return EG_ERR_SHAPE;
    }
    if (w->d == 0) w->d = all / b;
    make_room(w, w->n + b);
    for (size_t i = 0; i < all; i++)
        w->out[w->n * w->d + i] =
            y->dtype == EG_F32 ? ((const float *)y->data)[i] : (float)((const double *)y->data)[i];
    w->n += b;
    return EG_OK;
}

static eg_status run_batch(struct work *w)
{
    eg_onnx_array y;
    if (w->waiting == 0) return EG_OK;
    const eg_onnx_array x = {
        NULL, EG_F32,
        eg_shape_of(w->waiting, w->pixels.channels, w->pixels.height, w->pixels.width), w->x
    };
    eg_status s = eg_onnx_run(w->m, &x, 1, &w->layer, 1, &y);
    if (s == EG_OK) s = keep_values(w, &y, w->waiting);
    w->waiting = 0;
    if (s == EG_OK && w->progress.report(w->progress.user, "features", w->n, w->total) != 0)
        s = EG_ERR_INTERRUPTED;
    return s;
}

/* A part of the middle, of the proportions of the input; its top and left in pixels. */
static void middle_of(const struct work *w, const eg_image *in, size_t *height, size_t *width)
{
    const double h = (double)w->pixels.height, v = (double)w->pixels.width;
    const double across = (double)in->width / v, down = (double)in->height / h;
    const double scale = (across < down ? across : down) * w->o->crop;
    *height = (size_t)(scale * h + 0.5);
    *width = (size_t)(scale * v + 0.5);
    if (*height < 1) *height = 1;
    if (*width < 1) *width = 1;
    if (*height > in->height) *height = in->height;
    if (*width > in->width) *width = in->width;
}

static eg_status fitted(const struct work *w, const eg_image *in, eg_image *out)
{
    eg_image part = { 0 };
    size_t height = in->height, width = in->width;
    if (!w->o->stretch) middle_of(w, in, &height, &width);
    eg_status s =
        eg_image_cut(in, (in->height - height) / 2, (in->width - width) / 2, height, width, &part);
    if (s == EG_OK) s = eg_image_resize_smooth(&part, w->pixels.height, w->pixels.width, out);
    eg_image_clear(&part);
    return s;
}

static eg_status add_picture(struct work *w, const eg_image *image)
{
    eg_image fit = { 0 };
    eg_status s = EG_OK;
    if (w->pixels.height == 0) w->pixels.height = image->height;
    if (w->pixels.width == 0) w->pixels.width = image->width;
    if (w->x == NULL) {
        w->item = w->pixels.channels * w->pixels.height * w->pixels.width;
        w->x = need_floats(w->o->batch, w->item);
    }
    const int same = image->height == w->pixels.height && image->width == w->pixels.width
                     && (w->o->crop == 1 || w->o->stretch);
    if (!same) s = fitted(w, image, &fit);
    if (s == EG_OK)
        s = eg_onnx_picture(&w->pixels, same ? image : &fit, w->x + w->waiting * w->item);
    eg_image_clear(&fit);
    if (s == EG_OK) w->seen++;
    if (s == EG_OK && ++w->waiting == w->o->batch) s = run_batch(w);
    return s;
}

/* Each picture as it is decoded; one pixel of it stays, for the set that is read keeps all. */
static eg_status on_picture(void *user, eg_image *image)
{
    eg_image one;
    eg_status s = add_picture(user, image);
    if (s == EG_OK) s = eg_image_create(1, 1, 1, image->alloc, &one);
    if (s != EG_OK) return s;
    eg_image_clear(image);
    *image = one;
    return EG_OK;
}

/* Rows of a set that is no folder of pictures. */
static eg_status add_rows(struct work *w, const eg_dataset *set)
{
    const size_t plane = set->height * set->width;
    eg_image image;
    eg_status s = EG_OK;
    w->total = set->n;
    for (size_t i = 0; i < set->n && s == EG_OK; i++) {
        s = eg_image_create(set->height, set->width, set->channels, NULL, &image);
        if (s != EG_OK) return s;
        for (size_t k = 0; k < set->d; k++) {
            const float v = set->x[i * set->d + k];
            image.pixels[k % plane * set->channels + k / plane] = (uint8_t)(v >= 255 ? 255
                                                                            : v > 0  ? v + 0.5f
                                                                                     : 0);
        }
        s = add_picture(w, &image);
        eg_image_clear(&image);
    }
    return s;
}

static int read_all(struct work *w, const char *name, eg_dataset *set)
{
    struct bar bar;
    eg_read_options read = read_options_of(&w->o->reader);
    read.picture = on_picture;
    read.picture_user = w;
    w->progress = bar_begin(&bar, w->call);
    eg_status s = eg_dataset_read(name, &read, set);
    if (s == EG_OK && w->seen == 0) {
        if (set->height == 0) {
            bar_end(&bar);
            return fail_usage(w->call, "%s: rows of %zu numbers, expected pictures", name, set->d);
        }
        s = add_rows(w, set);
    }
    if (s == EG_OK) s = run_batch(w);
    bar_end(&bar);
    return s == EG_OK ? EXIT_DONE : fail(s, NULL);
}

static int write_labels(const struct work *w, const eg_dataset *set)
{
    if (w->o->labels == NULL) return EXIT_DONE;
    if (set->labels == NULL)
        return fail_usage(w->call, "%s has no classes to write to %s", w->call->args[1],
                          w->o->labels);
    float *y = need_floats(set->n, 1);
    for (size_t i = 0; i < set->n; i++) y[i] = (float)set->labels[i];
    const eg_status s = eg_npy_write(w->o->labels, y, set->n, 1);
    free(y);
    return s == EG_OK ? EXIT_DONE : fail(s, NULL);
}

static int write_all(const struct work *w, const eg_dataset *set)
{
    const char *to = w->call->common->output;
    const eg_status s = eg_npy_write(to, w->out, w->n, w->d);
    int code = s == EG_OK ? write_labels(w, set) : fail(s, NULL);
    if (code != EXIT_DONE) return code;
    json_t *r = json_pack("{s:s,s:s,s:I,s:I}", "file", to, "layer", w->layer, "pictures",
                          (json_int_t)w->n, "numbers", (json_int_t)w->d);
    print_record(w->call, r);
    json_decref(r);
    if (w->o->labels != NULL)
        say_next(w->call, "engram train %s --labels %s --kind knn", to, w->o->labels);
    return EXIT_DONE;
}

static int run(const struct call *call)
{
    struct work w = { .call = call, .o = call->options };
    eg_dataset set = { 0 };
    eg_onnx_options o = EG_ONNX_OPTIONS_INIT;
    if (call->common->output == NULL)
        return fail_usage(call, "-o FILE.npy says where the features go");
    o.threads = call->common->threads;
    const eg_status s = eg_onnx_open(call->args[0], &o, &w.m);
    if (s != EG_OK) return fail(s, NULL);
    int code = find_scaling(call, &w);
    if (code == EXIT_DONE) {
        w.layer = chosen_layer(&w);
        code = read_all(&w, call->args[1], &set);
    }
    if (code == EXIT_DONE) code = write_all(&w, &set);
    eg_dataset_clear(&set);
    free(w.x);
    free(w.out);
    eg_onnx_destroy(w.m);
    return code;
}

const struct command cmd_features = {
    .name = "features",
    .summary = "what a pretrained network (ONNX) makes of pictures, as NPY",
    .arguments = "MODEL.onnx IMAGES ",
    .examples = "engram features mobilenet_v2.onnx photos/ -o features.npy\n"
                "engram features mobilenet_v2.onnx photos/ -o features.npy --labels-to labels.npy\n"
                "engram features resnet.onnx cifar10 -o logits.npy --layer logits "
                "--mean 0.485,0.456,0.406\n    --std 0.229,0.224,0.225",
    .notes = "A picture is cut to the proportions of the network's input from its middle, and "
             "scaled smoothly.\nPixels are scaled as the file's metadata say (docs/onnx.md); "
             "--mean and --std say it instead.",
    .options = options,
    .defaults = &defaults,
    .size = sizeof defaults,
    .min_args = 2,
    .max_args = 2,
    .own_output = 1,
    .run = run,
};
