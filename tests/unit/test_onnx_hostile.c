/* Files of ONNX that were made to hurt: each ends in one error that says where, before memory is
 * taken for what it merely declares. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include <stdio.h>

#include "onnx_bytes.h"

enum { LIMIT = 1 << 22, BESIDE = 1 << 17 };

static float picture[3 * 8 * 8];

/* What comes of a file: opened, then run on a picture where `run` says so; a message that has all
 * of `parts`, and never more memory than the limit. */
static void refused(struct egi_bytes *bytes, int run, eg_status want, const char *const *parts)
{
    struct failing f = { (size_t)-1, 0, 0, 0, 0, 0 };
    const eg_allocator alloc = failing_allocator(&f);
    eg_onnx_options o = EG_ONNX_OPTIONS_INIT;
    eg_onnx *m = NULL;
    eg_onnx_array out;
    o.max_bytes = LIMIT;
    o.threads = 1;
    o.alloc = &alloc;
    eg_status s = eg_onnx_read("evil.onnx", bytes->p, bytes->n, &o, &m);
    CHECK(!run || s == EG_OK);
    const eg_onnx_array in = { NULL, EG_F32, eg_shape_of(1, 3, 8, 8), picture };
    if (s == EG_OK) s = eg_onnx_run(m, &in, 1, NULL, 1, &out);
    CHECK_STATUS(s, want);
    for (; *parts != NULL; parts++)
        if (strstr(eg_error_detail(), *parts) == NULL)
            fail_msg("\"%s\" lacks \"%s\"", eg_error_detail(), *parts);
    CHECK(f.peak_bytes < LIMIT + BESIDE);
    eg_onnx_destroy(m);
    CHECK(f.live == 0);
    egi_bytes_clear(bytes);
}
#define REFUSED(bytes, run, want, ...) \
    refused(bytes, run, want, (const char *const[]){ __VA_ARGS__, NULL })

/* A network of one input x (1, 3, 8, 8) and one output y; nodes come between. */
static void begin(struct egi_maker *k)
{
    egi_maker_begin(k, eg_allocator_default(), 13);
    egi_maker_port(k, EGI_MAKER_INPUT, "x", EGI_ONNX_FLOAT, &eg_shape_of(1, 3, 8, 8), 0);
}

static struct egi_bytes end(struct egi_maker *k)
{
    struct egi_bytes bytes = { .alloc = eg_allocator_default() };
    egi_maker_port(k, EGI_MAKER_OUTPUT, "y", EGI_ONNX_FLOAT, &eg_shape_of(1), 0);
    CHECK_OK(egi_maker_finish(k, &bytes));
    return bytes;
}

/* A tensor of dims, with a number or two, or in another file, as the initialiser "t". */
static struct egi_bytes with_tensor(const int64_t *dims, size_t n, const char *elsewhere)
{
    struct egi_maker k;
    struct egi_bytes tensor = { .alloc = eg_allocator_default() };
    begin(&k);
    egi_put_text(&tensor, EGI_TENSOR_NAME, "t");
    egi_put_int(&tensor, EGI_TENSOR_TYPE, EGI_ONNX_FLOAT);
    for (size_t i = 0; i < n; i++) egi_put_int(&tensor, EGI_TENSOR_DIMS, dims[i]);
    if (elsewhere == NULL) {
        egi_put_float(&tensor, EGI_TENSOR_FLOATS, 1);
    } else {
        const char *const words[][2] = { { "location", elsewhere },
                                         { "offset", "0" },
                                         { "length", "2147483648" } };
        for (size_t i = 0; i < 3; i++) {
            struct egi_bytes entry = { .alloc = eg_allocator_default() };
            egi_put_text(&entry, EGI_META_KEY, words[i][0]);
            egi_put_text(&entry, EGI_META_VALUE, words[i][1]);
            egi_put_message(&tensor, EGI_TENSOR_EXTERNAL, &entry);
        }
        egi_put_int(&tensor, EGI_TENSOR_LOCATION, 1);
    }
    egi_put_message(&k.graph, EGI_GRAPH_INITIALIZER, &tensor);
    egi_maker_node(&k, "Add", "x t", "y", NULL);
    return end(&k);
}

static void dimensions(void **state)
{
    (void)state;
    const int64_t huge[4] = { 1, (int64_t)1 << 40, 1, 1 }, wraps[2] = { INT64_MAX, INT64_MAX };
    const int64_t negative[1] = { -4 };
    const int64_t least[2] = { INT64_MIN, INT64_MIN };
    struct egi_bytes b = with_tensor(huge, 4, NULL);
    REFUSED(&b, 0, EG_ERR_CORRUPT, "evil.onnx", "\"t\"",
            "1 elements of float, its dimensions say 1099511627776");
    b = with_tensor(wraps, 2, NULL);
    REFUSED(&b, 0, EG_ERR_CORRUPT, "\"t\"");
    b = with_tensor(negative, 1, NULL);
    REFUSED(&b, 0, EG_ERR_CORRUPT, "\"t\"", "-4");
    b = with_tensor(least, 2, NULL);
    REFUSED(&b, 0, EG_ERR_CORRUPT, "\"t\"");
}

/* A tensor of its own bytes, as the initialiser of a network. */
static eg_status with_elements(void (*fill)(struct egi_bytes *tensor))
{
    struct egi_maker k;
    eg_onnx *m = NULL;
    struct egi_bytes bytes = { .alloc = eg_allocator_default() };
    struct egi_bytes tensor = { .alloc = eg_allocator_default() };
    egi_maker_begin(&k, eg_allocator_default(), 13);
    egi_put_text(&tensor, EGI_TENSOR_NAME, "t");
    fill(&tensor);
    egi_put_message(&k.graph, EGI_GRAPH_INITIALIZER, &tensor);
    egi_maker_node(&k, "Relu", "t", "y", NULL);
    egi_maker_port(&k, EGI_MAKER_OUTPUT, "y", EGI_ONNX_FLOAT, &eg_shape_of(2), 0);
    CHECK_OK(egi_maker_finish(&k, &bytes));
    const eg_status s = eg_onnx_read("net.onnx", bytes.p, bytes.n, NULL, &m);
    egi_bytes_clear(&bytes);
    eg_onnx_destroy(m);
    return s;
}

static void tensor_of_texts(struct egi_bytes *t)
{
    egi_put_int(t, EGI_TENSOR_TYPE, EGI_ONNX_STRING);
    egi_put_text(t, EGI_TENSOR_STRINGS, "a");
}

static void tensor_of_large_numbers(struct egi_bytes *t)
{
    egi_put_int(t, EGI_TENSOR_DIMS, 1);
    egi_put_int(t, EGI_TENSOR_TYPE, EGI_ONNX_INT64);
    egi_put_int(t, EGI_TENSOR_INT64, ((int64_t)1 << 53) + 1);
}

static void elements(void **state)
{
    (void)state;
    CHECK_STATUS(with_elements(tensor_of_texts), EG_ERR_UNSUPPORTED);
    CHECK(strstr(eg_error_detail(), "elements of string") != NULL);
    CHECK_STATUS(with_elements(tensor_of_large_numbers), EG_ERR_UNSUPPORTED);
    CHECK(strstr(eg_error_detail(), "up to 2^53") != NULL);
}

/* Neither a path of somewhere else nor two GiB of it are looked for. */
static void other_files(void **state)
{
    (void)state;
    const int64_t dims[1] = { (int64_t)1 << 29 };
    const char *const paths[] = { "weights.bin", "/etc/passwd", "../../secret", "" };
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        struct egi_bytes b = with_tensor(dims, 1, paths[i]);
        REFUSED(&b, 0, EG_ERR_UNSUPPORTED, "\"t\"", "another file, which is not opened");
    }
}

static void circles(void **state)
{
    (void)state;
    struct egi_maker k;
    begin(&k);
    egi_maker_node(&k, "Add", "x b", "a", NULL);
    egi_maker_node(&k, "Relu", "a", "b", NULL);
    egi_maker_node(&k, "Relu", "b", "y", NULL);
    struct egi_bytes b = end(&k);
    REFUSED(&b, 0, EG_ERR_CORRUPT, "node 0", "reads \"b\", which nothing before it gives");
    begin(&k);
    egi_maker_node(&k, "Relu", "y", "y", NULL);
    b = end(&k);
    REFUSED(&b, 0, EG_ERR_CORRUPT, "node 0", "reads \"y\"");
    begin(&k);
    egi_maker_node(&k, "Relu", "x", "x", NULL);
    b = end(&k);
    REFUSED(&b, 0, EG_ERR_CORRUPT, "gives \"x\", which is there already");
}

/* If in If in If ..: graphs of attributes are never entered. */
static void graphs_in_graphs(void **state)
{
    (void)state;
    enum { DEPTH = 3000, ATTR_G = 6 };
    struct egi_bytes graph = { .alloc = eg_allocator_default() };
    egi_put_text(&graph, EGI_GRAPH_NAME, "innermost");
    for (size_t i = 0; i < DEPTH; i++) {
        struct egi_bytes attr = { .alloc = graph.alloc }, node = { .alloc = graph.alloc };
        egi_put_text(&attr, EGI_ATTR_NAME, "then_branch");
        egi_put_message(&attr, ATTR_G, &graph);
        egi_put_text(&node, EGI_NODE_INPUT, "x");
        egi_put_text(&node, EGI_NODE_OUTPUT, "y");
        egi_put_text(&node, EGI_NODE_OP, "If");
        egi_put_message(&node, EGI_NODE_ATTRIBUTE, &attr);
        egi_put_message(&graph, EGI_GRAPH_NODE, &node);
    }
    struct egi_maker k;
    begin(&k);
    struct egi_field f;
    struct egi_span rest = { graph.p, graph.n };
    while (egi_wire_next(&rest, &f)) egi_put_bytes(&k.graph, f.number, f.bytes.p, f.bytes.n);
    egi_bytes_clear(&graph);
    struct egi_bytes b = end(&k);
    REFUSED(&b, 0, EG_ERR_UNSUPPORTED, "(If, opset 13)", "not an operator");
}

/* A convolution of x with attributes of four numbers. */
static struct egi_bytes with_conv(const char *name, int64_t each, size_t n, int64_t group)
{
    struct egi_maker k;
    const int64_t numbers[4] = { each, each, each, each };
    const struct egi_made_attr attrs[] = { EGI_ATTR_OF_INTS(name, numbers, n),
                                           EGI_ATTR_OF_INT("group", group), EGI_ATTR_END };
    begin(&k);
    onnx_weight(&k, "w", &eg_shape_of(3, 3, 3, 3), 0.1);
    egi_maker_node(&k, "Conv", "x w", "y", attrs);
    return end(&k);
}

static void windows(void **state)
{
    (void)state;
    struct egi_bytes b = with_conv("pads", (int64_t)1 << 29, 4, 1);
    REFUSED(&b, 1, EG_ERR_OVERFLOW, "node 0 \"y\" (Conv, opset 13)");
    b = with_conv("pads", (int64_t)1 << 13, 4, 1); /* 2^28 places */
    REFUSED(&b, 1, EG_ERR_LIMIT, "(Conv, opset 13)");
    b = with_conv("pads", -1, 4, 1);
    REFUSED(&b, 1, EG_ERR_INVALID, "pads: -1");
    b = with_conv("pads", INT64_MAX, 4, 1);
    REFUSED(&b, 1, EG_ERR_INVALID, "pads: 9223372036854775807");
    b = with_conv("strides", 0, 2, 1);
    REFUSED(&b, 1, EG_ERR_INVALID, "strides: 0");
    b = with_conv("dilations", (int64_t)1 << 29, 2, 1);
    REFUSED(&b, 1, EG_ERR_SHAPE, "(Conv, opset 13)");
    for (int64_t group = -1; group < 4; group += 1)
        if (group != 1 && group != 3) {
            b = with_conv("strides", 1, 2, group);
            struct failing f = { (size_t)-1, 0, 0, 0, 0, 0 };
            const eg_allocator alloc = failing_allocator(&f);
            eg_onnx_options o = EG_ONNX_OPTIONS_INIT;
            eg_onnx *m;
            eg_onnx_array out;
            o.alloc = &alloc;
            const eg_onnx_array in = { NULL, EG_F32, eg_shape_of(1, 3, 8, 8), picture };
            CHECK_OK(eg_onnx_read("evil.onnx", b.p, b.n, &o, &m));
            const eg_status s = eg_onnx_run(m, &in, 1, NULL, 1, &out);
            CHECK(s == EG_ERR_SHAPE || s == EG_ERR_INVALID);
            CHECK(strstr(eg_error_detail(), "(Conv, opset 13)") != NULL);
            eg_onnx_destroy(m);
            CHECK(f.live == 0);
            egi_bytes_clear(&b);
        }
}

/* Shapes made of numbers that ask for more than there is. */
static void made_to_be_large(void **state)
{
    (void)state;
    static const struct {
        const char *op;
        int64_t shape[4];
    } cases[] = {
        { "Expand", { 1 << 20, 3, 8, 8 } },
        { "Tile", { 1 << 20, 1, 1 << 10, 1 } },
        { "Tile", { (int64_t)1 << 50, 1, 1, 1 } },
        { "Reshape", { 1 << 20, 1 << 20, 1 << 20, 1 << 20 } },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct egi_maker k;
        begin(&k);
        onnx_ints(&k, "s", 4, cases[i].shape);
        egi_maker_node(&k, cases[i].op, "x s", "y", NULL);
        struct egi_bytes b = end(&k);
        struct failing f = { (size_t)-1, 0, 0, 0, 0, 0 };
        const eg_allocator alloc = failing_allocator(&f);
        eg_onnx_options o = EG_ONNX_OPTIONS_INIT;
        eg_onnx *m = NULL;
        eg_onnx_array out;
        o.max_bytes = LIMIT;
        o.alloc = &alloc;
        const eg_onnx_array in = { NULL, EG_F32, eg_shape_of(1, 3, 8, 8), picture };
        CHECK_OK(eg_onnx_read("evil.onnx", b.p, b.n, &o, &m));
        const eg_status s = eg_onnx_run(m, &in, 1, NULL, 1, &out);
        CHECK(s == EG_ERR_LIMIT || s == EG_ERR_OVERFLOW || s == EG_ERR_SHAPE);
        CHECK(strstr(eg_error_detail(), cases[i].op) != NULL && f.peak_bytes < LIMIT + BESIDE);
        eg_onnx_destroy(m);
        CHECK(f.live == 0);
        egi_bytes_clear(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dimensions),       cmocka_unit_test(elements),
        cmocka_unit_test(other_files),      cmocka_unit_test(circles),
        cmocka_unit_test(graphs_in_graphs), cmocka_unit_test(windows),
        cmocka_unit_test(made_to_be_large),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
