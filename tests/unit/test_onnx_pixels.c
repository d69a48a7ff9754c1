/* Pictures as a network's file wants them. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include "onnx_bytes.h"

/* A network of one node with words of metadata. */
static eg_onnx *with_words(const char *const *pair, size_t pairs)
{
    struct egi_maker k;
    eg_onnx *m = NULL;
    struct egi_bytes bytes = { .alloc = eg_allocator_default() };
    egi_maker_begin(&k, eg_allocator_default(), 13);
    egi_maker_port(&k, EGI_MAKER_INPUT, "x", EGI_ONNX_FLOAT, &eg_shape_of(9, 3, 2, 9), 9);
    egi_maker_node(&k, "Relu", "x", "y", NULL);
    egi_maker_port(&k, EGI_MAKER_OUTPUT, "y", EGI_ONNX_FLOAT, &eg_shape_of(9, 3, 2, 9), 9);
    for (size_t i = 0; i < pairs; i++) egi_maker_meta(&k, pair[2 * i], pair[2 * i + 1]);
    CHECK_OK(egi_maker_finish(&k, &bytes));
    CHECK_OK(eg_onnx_read("net.onnx", bytes.p, bytes.n, NULL, &m));
    egi_bytes_clear(&bytes);
    return m;
}

static void pictures_as_the_file_says(void **state)
{
    (void)state;
    static const char *const normal[] = { "input_mean", "0.5 0.25, 0", "input_std", "0.5" };
    static const char *const standard[] = { "Image.NominalPixelRange", "Normalized_1_1",
                                            "Image.BitmapPixelFormat", "Bgr8" };
    static const char *const bad[] = { "input_mean", "half" };
    uint8_t pixels[2 * 1 * 3] = { 255, 51, 102, 0, 0, 0 };
    const eg_image image = { 2, 1, 3, pixels, NULL };
    float x[6];
    eg_onnx_pixels p;
    eg_onnx *m = with_words(normal, 2);
    CHECK_OK(eg_onnx_pixels_of(m, &p));
    CHECK(p.height == 2 && p.width == 0 && p.channels == 3 && !p.bgr); /* width: the free size */
    CHECK_OK(eg_onnx_picture(&p, &image, x));
    CHECK_NEAR(x[0], 1, 1e-6);
    CHECK_NEAR(x[2], (0.2 - 0.25) / 0.5, 1e-6);
    CHECK_NEAR(x[4], 0.4 / 0.5, 1e-6);
    CHECK_NEAR(x[1], -1, 1e-6);
    p.height = 3;
    CHECK_STATUS(eg_onnx_picture(&p, &image, x), EG_ERR_SHAPE);
    eg_onnx_destroy(m);
    m = with_words(standard, 2);
    CHECK_OK(eg_onnx_pixels_of(m, &p));
    CHECK_OK(eg_onnx_picture(&p, &image, x));
    CHECK_NEAR(x[0], 102 / 127.5 - 1, 1e-6); /* blue first */
    CHECK_NEAR(x[4], 1, 1e-6);
    eg_onnx_destroy(m);
    m = with_words(NULL, 0);
    CHECK(eg_onnx_pixels_of(m, &p) == EG_NOT_FOUND && p.scale[0] == 1);
    eg_onnx_destroy(m);
    m = with_words(bad, 1);
    CHECK_STATUS(eg_onnx_pixels_of(m, &p), EG_ERR_CORRUPT);
    eg_onnx_destroy(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(pictures_as_the_file_says) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
