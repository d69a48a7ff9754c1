/* What a device does, linked with the small build: a network from bytes, features of pictures, a
 * class taught to two memories by one call each, recognised, and forgotten. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engram/binary.h"
#include "engram/memory.h"
#include "engram/onnx.h"
#include "onnx_bytes.h"

enum { PIXELS = 3 * 8 * 8, FEATURES = 64, CLASSES = 3 };

static void need(int ok, const char *what)
{
    if (ok) return;
    printf("small_device: %s: %s\n", what, eg_error_detail());
    exit(1);
}

/* A picture of a class: stripes of its own width, and of its own shade. */
static void draw(size_t class, float shade, float *x)
{
    for (size_t i = 0; i < PIXELS; i++) x[i] = (i / (class + 1)) % 2 ? shade : -1;
}

static void features_of(eg_onnx *net, const float *x, float *out)
{
    const eg_onnx_array in = { "picture", EG_F32, eg_shape_of(1, 3, 8, 8), x };
    eg_onnx_array features;
    need(eg_onnx_run(net, &in, 1, NULL, 1, &features) == EG_OK, "run");
    memcpy(out, features.data, FEATURES * sizeof *out);
}

static uint64_t code_of(const float *features)
{
    uint64_t code = 0;
    for (size_t j = 0; j < FEATURES; j++) code |= (uint64_t)(features[j] > 0.1f) << j;
    return code;
}

int main(void)
{
    struct egi_bytes bytes;
    eg_onnx *net = NULL;
    eg_memory *dense = NULL;
    eg_binary *pairs = NULL;
    eg_memory_options how = EG_MEMORY_OPTIONS_INIT;
    eg_binary_options what = EG_BINARY_OPTIONS_INIT;
    how.rule.similarity = EG_SIM_COSINE;
    how.rule.beta = 20;
    how.value_size = CLASSES;
    what.kind = EG_BINARY_WILLSHAW;
    what.clusters = what.out_clusters = 1;
    what.units = FEATURES;
    what.out_units = CLASSES;
    onnx_small_network(&bytes);
    need(eg_onnx_read("small", bytes.p, bytes.n, NULL, &net) == EG_OK, "network");
    egi_bytes_clear(&bytes);
    need(eg_memory_create(FEATURES, &how, &dense) == EG_OK, "dense memory");
    need(eg_binary_create(&what, &pairs) == EG_OK, "binary memory");
    for (size_t k = 0; k < CLASSES; k++) {
        float x[PIXELS], f[FEATURES], class[CLASSES] = { 0 };
        const uint64_t label = (uint64_t)1 << k;
        draw(k, 1, x);
        features_of(net, x, f);
        class[k] = 1;
        const uint64_t code = code_of(f);
        need(eg_memory_add(dense, f, 1, &(eg_items){ .values = class }) == EG_OK, "teach");
        need(eg_binary_add(pairs, &code, &label, 1) == EG_OK, "teach bits");
    }
    for (size_t k = 0; k < CLASSES; k++) {
        float x[PIXELS], f[FEATURES], class[CLASSES];
        draw(k, 0.8f, x);
        features_of(net, x, f);
        need(eg_memory_read(dense, f, 1, 1, class) == EG_OK, "recognise");
        for (size_t j = 0; j < CLASSES; j++) need(class[j] <= class[k], "another class is nearer");
    }
    for (size_t k = 0; k < CLASSES; k++) {
        float x[PIXELS], f[FEATURES];
        uint64_t label;
        draw(k, 1, x);
        features_of(net, x, f);
        const uint64_t code = code_of(f);
        need(eg_binary_recall(pairs, &code, 1, NULL, &label, NULL) == EG_OK, "recall bits");
        need(label >> k & 1, "a pair is not recalled");
    }
    const uint64_t first = eg_memory_id(dense, 0);
    need(eg_memory_remove(dense, &first, 1) == EG_OK, "forget");
    need(eg_memory_count(dense) == CLASSES - 1, "one is left too many");
    eg_binary_destroy(pairs);
    eg_memory_destroy(dense);
    eg_onnx_destroy(net);
    puts("small_device: taught, recognised, forgotten");
    return 0;
}
