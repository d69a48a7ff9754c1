/* Every public call, continued: networks of others. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_EVERY_CALL_ONNX_H
#define TESTS_EVERY_CALL_ONNX_H

#include "every_call_learn.h"

/* A learner saved as ONNX, and that network opened, run, and on a tape. */
static inline eg_status call_onnx(const char *path)
{
    char name[600];
    const eg_task task = call_task();
    eg_learner *l = NULL;
    eg_onnx *m = NULL, *again = NULL;
    eg_onnx_cost cost;
    eg_onnx_layout layout;
    eg_onnx_pixels pixels = { 2, 2, 3, { 0 }, { 1, 1, 1 }, 0 };
    eg_image image = { .pixels = NULL };
    eg_tape *t = NULL;
    float x[12];
    eg_status s = EG_OK;
    call_path(path, ".onnx", name);
    CALL(eg_learner_create(call_network, &task, 1, 1, NULL, &l));
    CALL(eg_onnx_save(l, name, NULL, 0));
    CALL(eg_onnx_open(name, NULL, &m));
    const eg_shape shape = eg_shape_of(2, CALL_D);
    const eg_onnx_array in = { NULL, EG_F32, shape, call_x };
    eg_onnx_array out;
    CALL(eg_onnx_infer(m, &shape, 1, NULL, NULL, &cost));
    CALL(eg_onnx_run(m, &in, 1, NULL, 1, &out));
    CALL(eg_onnx_planned(m, &layout));
    CALL(eg_tape_create(1, NULL, &t));
    if (s == EG_OK) {
        const eg_var v = eg_input(t, EG_F32, &shape, call_x);
        eg_var y;
        s = eg_tape_status(t);
        CALL(eg_onnx_apply(m, t, &v, 1, NULL, 1, NULL, &y));
    }
    CALL(eg_onnx_pixels_of(m, &pixels) == EG_ERR_NOMEM ? EG_ERR_NOMEM : EG_OK);
    pixels = (eg_onnx_pixels){ 2, 2, 3, { 0 }, { 1, 1, 1 }, 0 };
    CALL(eg_image_create(2, 2, 3, NULL, &image));
    if (s == EG_OK) memset(image.pixels, 9, 12);
    CALL(eg_onnx_picture(&pixels, &image, x));
    eg_image_clear(&image);
    eg_tape_destroy(t);
    eg_onnx_destroy(m);
    FILE *f = fopen(name, "rb");
    static __thread char bytes[1 << 16];
    const size_t n = f != NULL ? fread(bytes, 1, sizeof bytes, f) : 0;
    if (f != NULL) fclose(f);
    CALL(eg_onnx_read("bytes", bytes, n, NULL, &again));
    eg_onnx_destroy(again);
    eg_learner_destroy(l);
    unlink(name);
    return s;
}

/* A network of pictures, what it tells of itself, and a read-out of its scores. */
static inline eg_status call_coupled(const char *path)
{
    enum { SIDE = 4, INPUTS = 3 * SIDE * SIDE };
    static const char layers[] = "{\"kind\": \"network\", \"layers\": [{\"kind\": \"conv2d\", "
                                 "\"channels\": 2, \"kernel\": 3}, \"flatten\", \"linear\"]}";
    const eg_task pictures = {
        .inputs = INPUTS, .height = SIDE, .width = SIDE, .channels = 3, .classes = 5, .epochs = 1
    };
    const eg_task scores = { .inputs = 5, .classes = CALL_K, .epochs = 1 };
    const eg_onnx_pixels pixels = { SIDE, SIDE, 3, { 0 }, { 1, 1, 1 }, 0 };
    const char *const meta[2] = { "key", "value" };
    char name[600];
    eg_learner *l = NULL, *readout = NULL, *both = NULL;
    eg_onnx *m = NULL;
    float z[2 * 5], dx[2 * INPUTS];
    eg_status s = EG_OK;
    call_path(path, ".picture.onnx", name);
    CALL(eg_learner_create(layers, &pictures, 1, 1, NULL, &l));
    CALL(eg_onnx_save(l, name, meta, 1));
    CALL(eg_onnx_open(name, NULL, &m));
    if (s == EG_OK) {
        const int told = strcmp(eg_onnx_meta(m, "key"), "value") == 0 && eg_onnx_nodes(m) > 0
                         && eg_onnx_opset(m) == 13 && eg_onnx_input(m, 0)->shape.rank == 4
                         && strcmp(eg_onnx_output(m, 0)->name, "scores") == 0;
        if (!told) s = EG_ERR_CORRUPT;
    }
    CALL(eg_learner_create("{\"kind\": \"network\", \"layers\": [\"linear\"]}", &scores, 1, 1, NULL,
                           &readout));
    CALL(eg_onnx_couple(m, "scores", &pixels, readout, &both));
    CALL(eg_learner_scores(both, call_many, 2, z));
    CALL(eg_learner_pullback(both, call_many, call_x, 2, z, dx));
    if (s == EG_OK && eg_onnx_params(m) == NULL) s = EG_ERR_NOMEM;
    eg_learner_destroy(both);
    eg_learner_destroy(readout);
    eg_onnx_destroy(m);
    eg_learner_destroy(l);
    unlink(name);
    return s;
}

#endif
