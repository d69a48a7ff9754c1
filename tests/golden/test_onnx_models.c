/* Real networks against outputs of another executor, and frozen against node by node: the folder
 * that ENGRAM_MODELS names has NAME.onnx and golden/NAME/{input,features,logits}.npy. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include <stdio.h>

enum { PATH = 600 };

static const char *folder(void)
{
    const char *models = getenv("ENGRAM_MODELS"), *data = getenv("ENGRAM_DATA");
    static char path[PATH];
    snprintf(path, sizeof path, "%s%s",
             models != NULL ? models
             : data != NULL ? data
                            : "",
             models != NULL ? "" : "/../models");
    return path;
}

static eg_onnx *network(const char *name, int node_by_node)
{
    char path[2 * PATH];
    eg_onnx *m;
    eg_onnx_options o = EG_ONNX_OPTIONS_INIT;
    o.node_by_node = node_by_node;
    snprintf(path, sizeof path, "%s/%s.onnx", folder(), name);
    FILE *f = fopen(path, "rb");
    if (f == NULL) {
        printf("skipped: no %s (ENGRAM_MODELS)\n", path);
        skip();
    }
    fclose(f);
    CHECK_OK(eg_onnx_open(path, &o, &m));
    return m;
}

static void read_golden(const char *name, const char *what, eg_dataset *out)
{
    char path[2 * PATH];
    const eg_read_options o = EG_READ_OPTIONS_INIT;
    snprintf(path, sizeof path, "%s/golden/%s/%s.npy", folder(), name, what);
    CHECK_OK(eg_dataset_read(path, &o, out));
}

static void check_output(const eg_onnx_array *out, const char *name, double tolerance)
{
    eg_dataset want;
    read_golden(name, out->name, &want);
    CHECK(out->dtype == EG_F32 && eg_shape_size(&out->shape) == want.n * want.d);
    double worst = 0;
    const float *x = out->data;
    for (size_t i = 0; i < want.n * want.d; i++)
        worst = fmax(worst, fabs((double)x[i] - (double)want.x[i]));
    printf("%s: %s: largest difference %.2g\n", name, out->name, worst);
    CHECK_NEAR(worst, 0, tolerance);
    eg_dataset_clear(&want);
}

/* Every node frozen, outputs within 1e-5 of the largest there, values of one picture in `shared`
 * bytes (a block of 16 channels; where blocks are of 8, it is less). */
static void check_frozen(eg_onnx *m, const char *name, const eg_onnx_array *x, size_t shared)
{
    eg_onnx *plain = network(name, 1);
    eg_onnx_array want[2], got[2];
    eg_onnx_layout l;
    CHECK_OK(eg_onnx_run(plain, x, 1, NULL, 2, want));
    CHECK_OK(eg_onnx_run(m, x, 1, NULL, 2, got));
    CHECK_OK(eg_onnx_planned(m, &l));
    for (size_t k = 0; k < 2; k++) {
        const float *a = got[k].data, *b = want[k].data;
        double worst = 0, most = 0;
        for (size_t i = 0; i < eg_shape_size(&want[k].shape); i++) {
            worst = fmax(worst, fabs((double)a[i] - (double)b[i]));
            most = fmax(most, fabs((double)b[i]));
        }
        printf("%s: %s: frozen and node by node %.2g of the largest\n", name, want[k].name,
               worst / most);
        CHECK_NEAR(worst, 0, 1e-5 * most);
    }
    printf("%s: %zu steps, values of %zu bytes in %zu, weights %zu\n", name, l.steps, l.value_bytes,
           l.shared_bytes, l.weight_bytes);
    if (l.nodes > 0) {
        /* but for the product at the end, where no code for it pays */
        CHECK(l.nodes + 1 >= eg_onnx_nodes(m) && l.stretches == 1 && l.steps < l.nodes);
        CHECK(l.shared_bytes <= shared && l.value_bytes > 2 * l.shared_bytes);
    }
    eg_onnx_destroy(plain);
}

/* side: of the picture. Peaks of memory beside what inference of shapes says. */
static void check_network(const char *name, size_t side, size_t shared)
{
    eg_onnx *m = network(name, 0);
    eg_dataset in;
    eg_onnx_array out[2], x = { .dtype = EG_F32 };
    eg_onnx_cost cost;
    read_golden(name, "input", &in);
    x.shape = eg_shape_of(in.n, 3, side, side);
    x.data = in.x;
    CHECK(eg_shape_size(&x.shape) == in.n * in.d);
    CHECK_OK(eg_onnx_infer(m, &x.shape, 1, NULL, NULL, &cost));
    CHECK(cost.unknown == 0 && cost.nodes == eg_onnx_nodes(m));
    printf("%s: %zu nodes, %.1f MB constant, %.1f MB at once\n", name, cost.nodes,
           (double)cost.parameter_bytes / 1e6, (double)cost.peak_bytes / 1e6);
    for (int i = 0; i < 2; i++) { /* the second finds its buffers where the first had them */
        CHECK_OK(eg_onnx_run(m, &x, 1, NULL, 2, out));
        check_output(&out[0], name, 1e-4);
        check_output(&out[1], name, 1e-4);
    }
    check_frozen(m, name, &x, shared);
    eg_dataset_clear(&in);
    eg_onnx_destroy(m);
}

static void resnet20(void **state)
{
    (void)state;
    check_network("resnet20_cifar10", 32, 131072);
}

static void mobilenet_v1(void **state)
{
    (void)state;
    check_network("mobilenet_v1_025_128", 128, 524288);
}

static void mobilenet_v2(void **state)
{
    (void)state;
    check_network("mobilenet_v2", 224, 6021120);
}

static void inception_v3(void **state)
{
    (void)state;
    check_network("inception_v3", 299, 8297856);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(resnet20),
        cmocka_unit_test(mobilenet_v1),
        cmocka_unit_test(mobilenet_v2),
        cmocka_unit_test(inception_v3),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
