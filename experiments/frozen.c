/* SPDX-License-Identifier: Apache-2.0 */
#include "experiments/frozen.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { BATCH = 16, PATH = FROZEN_PATH };

static int there(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0;
}

int frozen_find(const char *name, char path[FROZEN_PATH])
{
    const char *models = getenv("ENGRAM_MODELS"), *data = getenv("ENGRAM_DATA");
    if (models != NULL) {
        snprintf(path, PATH, "%s/%s.onnx", models, name);
        if (there(path)) return 1;
    }
    for (; data != NULL && *data != '\0'; data += *data == ':') {
        const int n = (int)strcspn(data, ":");
        snprintf(path, PATH, "%.*s/../models/%s.onnx", n, data, name);
        if (n > 0 && there(path)) return 1;
        data += n;
    }
    return 0;
}

struct work {
    const struct experiment_context *run;
    eg_onnx *m;
    eg_onnx_pixels pixels;
    float *pending; /* (BATCH, item) */
    size_t waiting, item;
    struct frozen *out;
    size_t room;
    int view;
};

static eg_status run_batch(struct work *w)
{
    static const char *const name[] = { "features" };
    struct frozen *out = w->out;
    eg_onnx_array y;
    if (w->waiting == 0) return EG_OK;
    const eg_onnx_array x = {
        NULL, EG_F32,
        eg_shape_of(w->waiting, w->pixels.channels, w->pixels.height, w->pixels.width), w->pending
    };
    LAB_TRY(eg_onnx_run(w->m, &x, 1, name, 1, &y));
    out->d = eg_shape_size(&y.shape) / w->waiting;
    if (out->n + w->waiting > w->room) {
        w->room = 2 * (out->n + w->waiting);
        float *grown = realloc(out->x, w->room * out->d * sizeof *grown);
        if (grown == NULL) return lab_no_memory();
        out->x = grown;
    }
    memcpy(out->x + out->n * out->d, y.data, w->waiting * out->d * sizeof *out->x);
    out->n += w->waiting;
    w->waiting = 0;
    if (w->run->progress != NULL
        && w->run->progress->report(w->run->progress->user, "features", out->n, 0) != 0)
        return EG_ERR_INTERRUPTED;
    return EG_OK;
}

static void mirror(eg_image *image)
{
    const size_t c = image->channels, w = image->width;
    for (size_t y = 0; y < image->height; y++) {
        uint8_t *row = image->pixels + y * w * c;
        for (size_t x = 0; x < w / 2; x++)
            for (size_t k = 0; k < c; k++) {
                const uint8_t held = row[x * c + k];
                row[x * c + k] = row[(w - 1 - x) * c + k];
                row[(w - 1 - x) * c + k] = held;
            }
    }
}

static eg_status add(struct work *w, const eg_image *image)
{
    eg_image part = { 0 }, fit = { 0 };
    const size_t side = image->height < image->width ? image->height : image->width;
    eg_status s = eg_image_cut(image, (image->height - side) / 2, (image->width - side) / 2, side,
                               side, &part);
    if (s == EG_OK) s = eg_image_resize_smooth(&part, w->pixels.height, w->pixels.width, &fit);
    if (s == EG_OK && w->view == 1) mirror(&fit);
    if (s == EG_OK) s = eg_onnx_picture(&w->pixels, &fit, w->pending + w->waiting * w->item);
    eg_image_clear(&part);
    eg_image_clear(&fit);
    if (s == EG_OK && ++w->waiting == BATCH) s = run_batch(w);
    return s;
}

/* One pixel of each picture stays, for the set that is read keeps all. */
static eg_status shrink(void *user, eg_image *image)
{
    eg_image one;
    (void)user;
    LAB_TRY(eg_image_create(1, 1, 1, image->alloc, &one));
    eg_image_clear(image);
    *image = one;
    return EG_OK;
}

static eg_status on_picture(void *user, eg_image *image)
{
    LAB_TRY(add(user, image));
    return shrink(user, image);
}

/* A set that is rows of pixels. */
static eg_status add_rows(struct work *w, const eg_dataset *set)
{
    const size_t plane = set->height * set->width;
    eg_image image;
    LAB_TRY(eg_image_create(set->height, set->width, set->channels, NULL, &image));
    eg_status s = EG_OK;
    for (size_t i = 0; i < set->n && s == EG_OK; i++) {
        for (size_t k = 0; k < set->d; k++)
            image.pixels[k % plane * set->channels + k / plane] = (uint8_t)set->x[i * set->d + k];
        s = add(w, &image);
    }
    eg_image_clear(&image);
    return s;
}

static eg_status compute(struct work *w, const char *path, const struct frozen_network *network,
                         const char *name, eg_dataset *set)
{
    eg_onnx_options options = EG_ONNX_OPTIONS_INIT;
    eg_read_options read = EG_READ_OPTIONS_INIT;
    options.threads = w->run->threads;
    LAB_TRY(eg_onnx_open(path, &options, &w->m));
    LAB_TRY(eg_onnx_pixels_of(w->m, &w->pixels));
    for (size_t c = 0; c < 3 && network->std[0] > 0; c++) {
        w->pixels.shift[c] = 255 * network->mean[c];
        w->pixels.scale[c] = 1 / (255 * network->std[c]);
    }
    w->item = w->pixels.channels * w->pixels.height * w->pixels.width;
    w->pending = lab_floats(BATCH * w->item);
    if (w->pending == NULL) return lab_no_memory();
    read.picture = on_picture;
    read.picture_user = w;
    LAB_TRY(eg_catalogue_read(name, &read, set));
    if (w->out->n + w->waiting == 0) LAB_TRY(add_rows(w, set));
    return run_batch(w);
}

static eg_status take_labels(const eg_dataset *set, struct frozen *out)
{
    if (set->labels == NULL || set->n != out->n) return EG_ERR_CORRUPT;
    out->classes = set->classes;
    out->y = malloc(out->n * sizeof *out->y);
    if (out->y == NULL) return lab_no_memory();
    memcpy(out->y, set->labels, out->n * sizeof *out->y);
    return EG_OK;
}

static void file_of(const struct frozen_network *network, const char *hash, const char *set,
                    int view, char path[PATH])
{
    char of[16] = "";
    if (view > 0) snprintf(of, sizeof of, "-view%d", view);
    snprintf(path, PATH, "runs/features-%s-%.8s-%s%s.npy", network->name, hash, set, of);
    for (char *p = path + strlen("runs/"); *p != '\0'; p++)
        if (*p == '/') *p = '-';
}

static eg_status load(const char *path, const char *name, struct frozen *out)
{
    eg_read_options read = EG_READ_OPTIONS_INIT;
    eg_dataset kept = { 0 }, set = { 0 };
    eg_status s = eg_dataset_read(path, NULL, &kept);
    if (s != EG_OK) return s;
    *out = (struct frozen){ kept.n, kept.d, 0, kept.x, NULL };
    kept.x = NULL;
    eg_dataset_clear(&kept);
    read.picture = shrink; /* labels alone are wanted: only decoding is done again */
    s = eg_catalogue_read(name, &read, &set);
    if (s == EG_OK) s = take_labels(&set, out);
    eg_dataset_clear(&set);
    return s;
}

static eg_status note_absent(const struct experiment_context *run, const char *what)
{
    char text[200];
    snprintf(text, sizeof text, "%s is not here: this part is left out", what);
    run->note(run->user, text);
    return EG_NOT_FOUND;
}

eg_status frozen_view(const struct experiment_context *run, const struct frozen_network *network,
                      const char *name, int view, struct frozen *out)
{
    char path[PATH], file[PATH], hash[65];
    struct work w = { .run = run, .out = out, .view = view };
    eg_dataset set = { 0 };
    *out = (struct frozen){ 0, 0, 0, NULL, NULL };
    if (!frozen_find(network->name, path)) return note_absent(run, network->name);
    LAB_TRY(eg_sha256_file(path, hash));
    file_of(network, hash, name, view, file);
    eg_status s = there(file) ? load(file, name, out) : compute(&w, path, network, name, &set);
    if (s == EG_OK && out->y == NULL) s = take_labels(&set, out);
    if (s == EG_OK && !there(file)) {
        mkdir("runs", 0777); /* may be there */
        s = eg_npy_write(file, out->x, out->n, out->d);
    }
    eg_onnx_destroy(w.m);
    free(w.pending);
    eg_dataset_clear(&set);
    if (s == EG_OK) return EG_OK;
    frozen_clear(out);
    return s == EG_NOT_FOUND || s == EG_ERR_IO ? note_absent(run, name) : s;
}

eg_status frozen_features(const struct experiment_context *run,
                          const struct frozen_network *network, const char *name,
                          struct frozen *out)
{
    return frozen_view(run, network, name, 0, out);
}

void frozen_clear(struct frozen *f)
{
    free(f->x);
    free(f->y);
    *f = (struct frozen){ 0, 0, 0, NULL, NULL };
}
