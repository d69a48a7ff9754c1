/* Networks written as ONNX and read again: the same scores as the learner's, at any batch. Every
 * row of the table of layers is in a case, or says why it cannot be written. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include <stdio.h>
#include <unistd.h>

#include "nn/egi_layer.h"

enum { B = 5, INPUTS_MAX = 192, CLASSES = 4 };

struct network {
    const char *layers;
    size_t channels, height, width, inputs; /* inputs: where there are no images */
    const char *refused;                    /* part of the message, or NULL */
};

#define TO_SEQUENCE "{\"kind\": \"reshape\", \"shape\": [6, 4]}"
static const struct network networks[] = {
    { "[\"flatten\", {\"kind\": \"linear\", \"units\": 7}, {\"kind\": \"activation\", "
      "\"function\": \"gelu\"}, {\"kind\": \"dropout\", \"p\": 0.5}, {\"kind\": \"alpha_dropout\", "
      "\"p\": 0.5}, \"linear\"]",
      .inputs = 12 },
    { "[{\"kind\": \"linear\", \"units\": 9, \"name\": \"a b\"}, {\"kind\": \"activation\", "
      "\"function\": \"rep:2\"}, {\"kind\": \"residual\", \"layers\": [{\"kind\": \"sequential\", "
      "\"layers\": [{\"kind\": \"linear\", \"units\": 9}]}], \"name\": \"r\"}, \"linear\"]",
      .inputs = 12 },
    { "[{\"kind\": \"conv2d\", \"channels\": 6, \"padding\": 1, \"stride\": 2, \"groups\": 3}, "
      "\"batch_norm\", {\"kind\": \"activation\", \"function\": \"relu\"}, {\"kind\": "
      "\"conv2d\", \"channels\": 4, \"kernel\": 2, \"dilation\": 2}, {\"kind\": \"activation\", "
      "\"function\": \"selu\"}, {\"kind\": \"adaptive_pool2d\", \"size\": 1}, \"flatten\", "
      "\"linear\"]",
      .channels = 3, .height = 8, .width = 8 },
    { "[{\"kind\": \"max_pool2d\", \"kernel\": 3, \"stride\": 2, \"padding\": 1}, {\"kind\": "
      "\"average_pool2d\", \"kernel\": 3, \"stride\": 1, \"padding\": 1}, {\"kind\": "
      "\"group_norm\", \"groups\": 3}, \"flatten\", {\"kind\": \"layer_norm\"}, \"linear\"]",
      .channels = 3, .height = 8, .width = 8 },
    { "[{\"kind\": \"adaptive_pool2d\", \"size\": 3}, \"flatten\", \"linear\"]", .channels = 3,
      .height = 8, .width = 8, .refused = "3 windows on 8 places" },
    { "[{\"kind\": \"reshape\", \"shape\": [3, 8]}, {\"kind\": \"conv1d\", \"channels\": 4, "
      "\"padding\": 1}, \"max_pool1d\", \"average_pool1d\", {\"kind\": \"adaptive_pool1d\", "
      "\"size\": 1}, \"flatten\", \"linear\"]",
      .inputs = 24 },
    { "[" TO_SEQUENCE ", {\"kind\": \"lstm\", \"units\": 5, \"last\": false}, {\"kind\": \"gru\", "
      "\"units\": 3}, \"linear\"]",
      .inputs = 24 },
    { "[" TO_SEQUENCE ", \"swap_axes\", {\"kind\": \"lstm\", \"units\": 3}, \"linear\"]",
      .inputs = 24 },
    { "[" TO_SEQUENCE ", {\"kind\": \"attention\", \"heads\": 2, \"causal\": true}, \"flatten\", "
      "\"linear\"]",
      .inputs = 24 },
    { "[" TO_SEQUENCE ", {\"kind\": \"attention\", \"heads\": 2, \"fused\": false}, \"flatten\", "
      "\"linear\"]",
      .inputs = 24 },
    { "[" TO_SEQUENCE ", {\"kind\": \"hopfield\", \"num_heads\": 2, \"scaling\": [0.5, 1.5]}, "
      "\"flatten\", \"linear\"]",
      .inputs = 24 },
    { "[" TO_SEQUENCE ", {\"kind\": \"hopfield\", \"separation\": \"entmax\"}, \"flatten\", "
      "\"linear\"]",
      .inputs = 24, .refused = "the operation separation has no like in ONNX" },
    { "[" TO_SEQUENCE ", {\"kind\": \"hopfield_pooling\", \"quantity\": 2}, \"flatten\", "
      "\"linear\"]",
      .inputs = 24 },
    { "[{\"kind\": \"hopfield_layer\", \"quantity\": 5}, \"linear\"]", .inputs = 24 },
    { "[" TO_SEQUENCE ", \"recall\", \"flatten\", \"linear\"]", .inputs = 24 },
    { "[" TO_SEQUENCE ", {\"kind\": \"energy\", \"heads\": 2, \"memories\": 5, \"updates\": 2}, "
      "\"flatten\", \"linear\"]",
      .inputs = 24 },
    { "[{\"kind\": \"linear\", \"units\": 6, \"name\": \"a\"}, {\"kind\": \"linear\", \"units\": "
      "6, \"name\": \"b\"}, {\"kind\": \"add\", \"from\": [\"a\", \"b\"], \"name\": \"s\"}, "
      "{\"kind\": \"concat\", \"from\": [\"s\", \"b\", \"input\"]}, \"linear\"]",
      .inputs = 12 },
    { "[{\"kind\": \"reshape\", \"shape\": [4, 6]}, \"place_max\", \"linear\"]", .inputs = 24 },
    { "[{\"kind\": \"reshape\", \"shape\": [4, 6]}, \"swap_axes\", {\"kind\": \"linear\", "
      "\"units\": "
      "5}, \"flatten\", \"linear\"]",
      .inputs = 24 },
    { "[{\"kind\": \"conv2d\", \"channels\": 6, \"connections\": \"popup:0.4\"}, "
      "{\"kind\": \"activation\", \"function\": \"sign\"}, {\"kind\": \"conv2d\", \"channels\": 3, "
      "\"connections\": \"scaled_sign\"}, \"flatten\", {\"kind\": \"linear\", \"units\": 9, "
      "\"connections\": \"binary:0.3\"}, {\"kind\": \"linear\", \"units\": 9, \"connections\": "
      "\"pruned:0.5\"}, {\"kind\": \"activation\", \"function\": \"step\"}, "
      "{\"kind\": \"linear\", \"connections\": \"stored\"}]",
      .channels = 2, .height = 6, .width = 6 },
    { "[{\"kind\": \"slice\", \"begin\": 2, \"count\": 5}, \"linear\"]", .inputs = 12 },
    { "[{\"kind\": \"activation\", \"function\": \"winners:0.5\"}, \"linear\"]", .inputs = 6,
      .refused = "top of what comes of the input" },
    { "[{\"kind\": \"scattering\", \"angles\": 3}, \"flatten\", \"linear\"]", .channels = 2,
      .height = 8, .width = 9, .refused = "scattering_part" },
    { "[{\"kind\": \"patches\", \"patches\": 4, \"side\": 2, \"window\": 2}, \"flatten\", "
      "\"linear\"]",
      .channels = 2, .height = 6, .width = 6, .refused = "patch_near" },
    { "[{\"kind\": \"sparse_code\", \"atoms\": 5}, \"linear\"]", .inputs = 6,
      .refused = "sparse_code" },
    { "[\"residues\", \"place_max\", \"linear\"]", .inputs = 6, .refused = "codes of letters" },
    { "[{\"kind\": \"embedding\", \"rows\": 9, \"units\": 3}, \"flatten\", \"linear\"]",
      .inputs = 6 },
};

static eg_learner *make(const struct network *n)
{
    char spec[4000];
    eg_learner *l = NULL;
    eg_task task = { .classes = CLASSES, .epochs = 1, .inputs = n->inputs };
    if (n->height > 0) {
        task.inputs = n->channels * n->height * n->width;
        task.height = n->height;
        task.width = n->width;
        task.channels = n->channels;
    }
    snprintf(spec, sizeof spec, "{\"kind\": \"network\", \"layers\": %s}", n->layers);
    CHECK_OK(eg_learner_create(spec, &task, 3, 1, NULL, &l));
    eg_params *sets[2] = { eg_learner_params(l), eg_learner_state(l) };
    for (size_t k = 0; k < 2; k++) /* biases too, and running statistics that are none of theirs */
        for (size_t i = 0; i < eg_params_count(sets[k]); i++) {
            const eg_param *p = eg_params_at(sets[k], i);
            for (size_t e = 0; e < eg_shape_size(&p->shape) && p->dtype == EG_F32; e++)
                ((float *)p->value)[e] += 0.2f + 0.1f * (float)((e * 7 + i) % 5);
        }
    return l;
}

static const char *file(void)
{
    static char path[300];
    const char *folder = getenv("EG_TEST_TMP");
    snprintf(path, sizeof path, "%s/export-%d.onnx", folder != NULL ? folder : ".", (int)getpid());
    return path;
}

/* With EG_ONNX_KEEP=FOLDER: network, inputs and scores as files, for tools/onnx_runtime.mjs. */
static void keep(eg_learner *l, size_t index, const char *ending, const float *x, size_t n)
{
    char path[400];
    const char *folder = getenv("EG_ONNX_KEEP");
    if (folder == NULL) return;
    snprintf(path, sizeof path, "%s/%zu.onnx", folder, index);
    CHECK_OK(eg_onnx_save(l, path, NULL, 0));
    snprintf(path, sizeof path, "%s/%zu.%s", folder, index, ending);
    FILE *f = fopen(path, "wb");
    CHECK(f != NULL && fwrite(x, sizeof *x, n, f) == n && fclose(f) == 0);
}

static void compare(eg_learner *l, const struct network *n, size_t index)
{
    static float x[B * INPUTS_MAX], want[B * CLASSES];
    const eg_task *task = eg_learner_task(l);
    eg_onnx *m;
    eg_onnx_array out;
    for (size_t i = 0; i < B * task->inputs; i++)
        x[i] =
            strstr(n->layers, "embedding") != NULL ? (float)(i % 9) : (float)cos(0.9 * (double)i);
    CHECK_OK(eg_onnx_open(file(), NULL, &m));
    CHECK(eg_onnx_opset(m) == 13);
    for (size_t b = 1; b <= B; b += B - 1) {
        const eg_onnx_array in = { "input", EG_F32,
                                   n->height > 0 ? eg_shape_of(b, n->channels, n->height, n->width)
                                                 : eg_shape_of(b, task->inputs),
                                   x };
        CHECK_OK(eg_learner_scores(l, x, b, want));
        CHECK_OK(eg_onnx_run(m, &in, 1, NULL, 1, &out));
        CHECK(out.shape.rank == 2 && out.shape.dim[0] == b && out.shape.dim[1] == CLASSES);
        for (size_t i = 0; i < b * CLASSES; i++)
            CHECK_NEAR(((const float *)out.data)[i], want[i], 2e-5 * (1 + fabs((double)want[i])));
    }
    keep(l, index, "in", x, B * task->inputs);
    keep(l, index, "want", want, B * CLASSES);
    eg_onnx_destroy(m);
}

static void networks_come_back(void **state)
{
    (void)state;
    static const char *const meta[] = { "input_zero", "0", "input_scale", "0.5" };
    for (size_t i = 0; i < EGI_COUNT(networks); i++) {
        const struct network *n = &networks[i];
        eg_learner *l = make(n);
        const eg_status s = eg_onnx_save(l, file(), meta, 2);
        printf("%s\n    %s\n", n->layers, s == EG_OK ? "written" : eg_error_detail());
        if (n->refused != NULL && s != EG_OK) {
            CHECK(s == EG_ERR_UNSUPPORTED && strstr(eg_error_detail(), n->refused) != NULL);
        } else {
            CHECK_OK(s);
            compare(l, n, i);
        }
        eg_learner_destroy(l);
    }
    unlink(file());
}

static void bags_are_refused(void **state)
{
    (void)state;
    const eg_task task = { .classes = 2, .epochs = 1, .inputs = 4, .bags = 1 };
    eg_learner *l;
    CHECK_OK(eg_learner_create("{\"kind\": \"network\", \"layers\": [\"bag_pool\", \"linear\"]}",
                               &task, 1, 1, NULL, &l));
    CHECK_STATUS(eg_onnx_save(l, file(), NULL, 0), EG_ERR_UNSUPPORTED);
    CHECK(strstr(eg_error_detail(), "bags have no like in ONNX") != NULL);
    eg_learner_destroy(l);
}

static void every_layer_is_tried(void **state)
{
    (void)state;
    for (size_t i = 0; egi_layer_kinds[i] != NULL; i++) {
        char quoted[80];
        int found = strncmp(egi_layer_kinds[i]->name, "bag_", 4) == 0; /* of bags */
        snprintf(quoted, sizeof quoted, "\"%s\"", egi_layer_kinds[i]->name);
        for (size_t k = 0; k < EGI_COUNT(networks); k++)
            found |= strstr(networks[k].layers, quoted) != NULL;
        if (!found) fail_msg("no case has %s", quoted);
    }
}

static void weights_keep_their_names(void **state)
{
    (void)state;
    eg_learner *l = make(&networks[2]);
    eg_onnx *m;
    CHECK_OK(eg_onnx_save(l, file(), NULL, 0));
    CHECK_OK(eg_onnx_open(file(), NULL, &m));
    const eg_params *own = eg_learner_params(l);
    const eg_param *first = eg_params_at(own, 0);
    const eg_param *same = eg_params_find(eg_onnx_params(m), first->name);
    CHECK(same != NULL && eg_shape_size(&same->shape) == eg_shape_size(&first->shape));
    CHECK_SAME_BITS(same->value, first->value, eg_shape_size(&first->shape) * sizeof(float));
    eg_onnx_destroy(m);
    eg_learner_destroy(l);
    unlink(file());
}

/* Memories trained by gradient, in all their forms: f32 differences of powers beside f64. */
static void memories_come_back(void **state)
{
    (void)state;
    static const char *const specs[] = {
        "{\"kind\": \"dam\", \"hidden\": 20, \"n\": 3, \"t_initial\": 3}",
        "{\"kind\": \"dam\", \"hidden\": 20, \"n\": 4, \"energy\": \"power\", "
        "\"t_initial\": 4, \"norm\": \"sphere\"}",
        "{\"kind\": \"dam\", \"hidden\": 20, \"n\": 3, \"form\": \"dual\", \"t_initial\": 2}",
    };
    const struct network n = { .layers = "", .inputs = 12 };
    for (size_t i = 0; i < EGI_COUNT(specs); i++) {
        const eg_task task = { .classes = CLASSES, .epochs = 1, .inputs = n.inputs };
        eg_learner *l;
        CHECK_OK(eg_learner_create(specs[i], &task, 5, 1, NULL, &l));
        CHECK_OK(eg_onnx_save(l, file(), NULL, 0));
        compare(l, &n, EGI_COUNT(networks) + i);
        eg_learner_destroy(l);
    }
    unlink(file());
}

static void others_are_refused(void **state)
{
    (void)state;
    const eg_task task = { .classes = 2, .epochs = 1, .inputs = 4 };
    eg_learner *l;
    CHECK_OK(eg_learner_create("{\"kind\": \"knn\"}", &task, 1, 1, NULL, &l));
    CHECK_STATUS(eg_onnx_save(l, file(), NULL, 0), EG_ERR_UNSUPPORTED);
    CHECK(strstr(eg_error_detail(), "kind knn is no network of layers") != NULL);
    eg_learner_destroy(l);
    CHECK_STATUS(eg_onnx_save(NULL, file(), NULL, 0), EG_ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(networks_come_back),       cmocka_unit_test(every_layer_is_tried),
        cmocka_unit_test(weights_keep_their_names), cmocka_unit_test(memories_come_back),
        cmocka_unit_test(bags_are_refused),         cmocka_unit_test(others_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
