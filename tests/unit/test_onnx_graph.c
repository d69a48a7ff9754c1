/* From bytes to a graph: fields one by one, names that clash, weights that are shared. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include "onnx_bytes.h"

static void fields(void **state)
{
    (void)state;
    static const struct {
        eg_status status;
        size_t n;
        uint8_t p[16];
        const char *why;
    } cases[] = {
        { EG_OK, 0, { 0 }, "" },
        { EG_OK, 2, { 0x10, 1 }, "" },                   /* data_type 1 */
        { EG_OK, 5, { 0x42, 3, 'a', 'b', 'c' }, "" },    /* name */
        { EG_OK, 4, { 0x0a, 2, 3, 4 }, "" },             /* dims, packed */
        { EG_OK, 4, { 0x08, 3, 0x08, 4 }, "" },          /* dims, one by one */
        { EG_OK, 6, { 0x22, 4, 0, 0, 128, 63 }, "" },    /* a float, packed */
        { EG_OK, 7, { 0xfa, 0x01, 4, 1, 2, 3, 4 }, "" }, /* a field that is not known */
        { EG_ERR_CORRUPT, 1, { 0x10 }, "byte 0: tensor: a field that goes on" },
        { EG_ERR_CORRUPT, 2, { 0x10, 0x80 }, "a field that goes on" },
        { EG_ERR_CORRUPT, 1, { 0x80 }, "a number that does not end" },
        { EG_ERR_CORRUPT, 2, { 0x02, 0 }, "field number 0" },
        { EG_ERR_CORRUPT, 2, { 0x13, 0 }, "an unknown kind" },
        { EG_ERR_CORRUPT, 4, { 0x42, 3, 'a', 'b' }, "a field that goes on past its message" },
        { EG_ERR_CORRUPT, 4, { 0x10, 1, 0x42, 1 }, "byte 2: tensor: a field that goes on" },
        { EG_ERR_CORRUPT, 5, { 0x22, 3, 0, 0, 0 }, "in the middle of one" },
        { EG_ERR_CORRUPT, 4, { 0x0a, 2, 3, 0x80 }, "in the middle of one" },
        { EG_ERR_CORRUPT, 5, { 0x15, 0, 0, 0, 0 }, "of another kind than the format says" },
        { EG_ERR_CORRUPT,
          12,
          { 0x42, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1, 0 },
          "a field that goes on past its message" },
        { EG_ERR_CORRUPT,
          12,
          { 0x10, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1 },
          "a field that goes on" },
    };
    for (size_t i = 0; i < EGI_COUNT(cases); i++) {
        const struct egi_span s = { cases[i].p, cases[i].n };
        const eg_status got = egi_wire_check_tensor("net", s);
        if (got != cases[i].status
            || (got != EG_OK && strstr(eg_error_detail(), cases[i].why) == NULL))
            fail_msg("case %zu: %s: %s", i, eg_status_name(got), eg_error_detail());
    }
}

static void lists_packed_or_not(void **state)
{
    (void)state;
    static const uint8_t mixed[] = { 0x08, 3, 0x0a, 2, 4, 5, 0x10, 9, 0x0a, 0, 0x08, 6 };
    struct egi_list l = { .message = { mixed, sizeof mixed },
                          .number = EGI_TENSOR_DIMS,
                          .item = EGI_WIRE_VARINT };
    uint64_t v;
    for (uint64_t want = 3; want <= 6; want++) CHECK(egi_list_next(&l, &v) && v == want);
    CHECK(!egi_list_next(&l, &v));
}

/* A network x -> y of what `fill` puts into it. */
static eg_status network(void (*fill)(struct egi_maker *k), eg_onnx **out)
{
    struct egi_maker k;
    struct egi_bytes bytes = { .alloc = eg_allocator_default() };
    egi_maker_begin(&k, eg_allocator_default(), 13);
    egi_maker_port(&k, EGI_MAKER_INPUT, "x", EGI_ONNX_FLOAT, &eg_shape_of(1, 2, 4, 4), 0);
    fill(&k);
    egi_maker_port(&k, EGI_MAKER_OUTPUT, "y", EGI_ONNX_FLOAT, &eg_shape_of(1, 2, 4, 4), 0);
    CHECK_OK(egi_maker_finish(&k, &bytes));
    const eg_status s = eg_onnx_read("net", bytes.p, bytes.n, NULL, out);
    egi_bytes_clear(&bytes);
    return s;
}

static void given_twice(struct egi_maker *k)
{
    egi_maker_node(k, "Relu", "x", "y", NULL);
    egi_maker_node(k, "Neg", "x", "y", NULL);
}

static void gives_its_input(struct egi_maker *k)
{
    egi_maker_node(k, "Relu", "x", "x", NULL);
    egi_maker_node(k, "Relu", "x", "y", NULL);
}

static void two_constants(struct egi_maker *k)
{
    onnx_weight(k, "w", &eg_shape_of(2), 1);
    onnx_weight(k, "w", &eg_shape_of(2), 1);
    egi_maker_node(k, "Add", "x w", "y", NULL);
}

static void later_reads(struct egi_maker *k)
{
    egi_maker_node(k, "Relu", "z", "y", NULL);
    egi_maker_node(k, "Relu", "x", "z", NULL);
}

static void no_output(struct egi_maker *k)
{
    egi_maker_node(k, "Relu", "x", "z", NULL);
}

static void names_that_clash(void **state)
{
    (void)state;
    static const struct {
        void (*fill)(struct egi_maker *k);
        const char *why;
    } cases[] = {
        { given_twice, "gives \"y\", which is there already" },
        { gives_its_input, "gives \"x\", which is there already" },
        { two_constants, "two initializers \"w\"" },
        { later_reads, "reads \"z\", which nothing before it gives" },
        { no_output, "output \"y\", which no node gives" },
    };
    for (size_t i = 0; i < EGI_COUNT(cases); i++) {
        eg_onnx *m = NULL;
        CHECK_STATUS(network(cases[i].fill, &m), EG_ERR_CORRUPT);
        if (strstr(eg_error_detail(), cases[i].why) == NULL)
            fail_msg("\"%s\" lacks \"%s\"", eg_error_detail(), cases[i].why);
    }
}

static eg_shape square(void)
{
    return eg_shape_of(1, 2, 4, 4);
}

static void node_input(struct egi_maker *k)
{
    egi_maker_node(k, "Relu", "x~", "y", NULL);
}

static void node_output(struct egi_maker *k)
{
    egi_maker_node(k, "Relu", "x", "z~", NULL);
    egi_maker_node(k, "Relu", "x", "y", NULL);
}

static void constant(struct egi_maker *k)
{
    onnx_weight(k, "w~", &eg_shape_of(2), 1);
    egi_maker_node(k, "Relu", "x", "y", NULL);
}

static void no_name(struct egi_maker *k)
{
    onnx_weight(k, "", &eg_shape_of(2), 1);
    egi_maker_node(k, "Relu", "x", "y", NULL);
}

static void input_name(struct egi_maker *k)
{
    egi_maker_port(k, EGI_MAKER_INPUT, "a~", EGI_ONNX_FLOAT, &eg_shape_of(1), 0);
    egi_maker_node(k, "Relu", "x", "y", NULL);
}

static void output_name(struct egi_maker *k)
{
    egi_maker_node(k, "Relu", "x", "y", NULL);
    egi_maker_port(k, EGI_MAKER_OUTPUT, "a~", EGI_ONNX_FLOAT, &eg_shape_of(1), 0);
}

static void port_without_name(struct egi_maker *k)
{
    egi_maker_node(k, "Relu", "x", "y", NULL);
    egi_maker_port(k, EGI_MAKER_OUTPUT, "", EGI_ONNX_FLOAT, &eg_shape_of(1), 0);
}

static void key_of_meta(struct egi_maker *k)
{
    egi_maker_meta(k, "a~", "b");
    egi_maker_node(k, "Relu", "x", "y", NULL);
}

static void value_of_meta(struct egi_maker *k)
{
    egi_maker_meta(k, "a", "b~");
    egi_maker_node(k, "Relu", "x", "y", NULL);
}

static void two_inputs(struct egi_maker *k)
{
    const eg_shape shape = square();
    egi_maker_port(k, EGI_MAKER_INPUT, "x", EGI_ONNX_FLOAT, &shape, 0);
    egi_maker_node(k, "Relu", "x", "y", NULL);
}

static void deep_input(struct egi_maker *k)
{
    /* a rank that eg_shape has no room for: its dimensions are put one by one */
    struct egi_bytes dims = { .alloc = k->graph.alloc }, tensor = dims, kind = dims, value = dims;
    for (size_t i = 0; i <= EG_MAX_RANK; i++) {
        struct egi_bytes dim = { .alloc = k->graph.alloc };
        egi_put_int(&dim, EGI_DIM_VALUE, 1);
        egi_put_message(&dims, EGI_SHAPE_DIM, &dim);
    }
    egi_put_int(&tensor, EGI_TENSOR_TYPE_ELEM, EGI_ONNX_FLOAT);
    egi_put_message(&tensor, EGI_TENSOR_TYPE_SHAPE, &dims);
    egi_put_message(&kind, EGI_TYPE_TENSOR, &tensor);
    egi_put_text(&value, EGI_VALUE_NAME, "deep");
    egi_put_message(&value, EGI_VALUE_TYPE, &kind);
    egi_put_message(&k->graph, EGI_GRAPH_INPUT, &value);
    egi_maker_node(k, "Relu", "x", "y", NULL);
}

static void gives_a_constant(struct egi_maker *k)
{
    onnx_weight(k, "w", &eg_shape_of(2), 1);
    egi_maker_node(k, "Relu", "x", "w", NULL);
    egi_maker_node(k, "Relu", "x", "y", NULL);
}

static void relu(struct egi_maker *k)
{
    egi_maker_node(k, "Relu", "x", "y", NULL);
}

/* A network of `fill` whose names have a byte 0 where there is a ~, under this opset and limit. */
static eg_status forged(void (*fill)(struct egi_maker *k), int64_t opset, size_t most)
{
    struct egi_maker k;
    struct egi_bytes bytes = { .alloc = eg_allocator_default() };
    const eg_shape shape = square();
    eg_onnx_options o = EG_ONNX_OPTIONS_INIT;
    eg_onnx *m = NULL;
    o.max_bytes = most;
    egi_maker_begin(&k, eg_allocator_default(), opset);
    egi_maker_port(&k, EGI_MAKER_INPUT, "x", EGI_ONNX_FLOAT, &shape, 0);
    fill(&k);
    egi_maker_port(&k, EGI_MAKER_OUTPUT, "y", EGI_ONNX_FLOAT, &shape, 0);
    CHECK_OK(egi_maker_finish(&k, &bytes));
    for (size_t i = 0; i < bytes.n; i++)
        if (bytes.p[i] == '~') bytes.p[i] = 0;
    const eg_status s = eg_onnx_read("net", bytes.p, bytes.n, &o, &m);
    eg_onnx_destroy(m);
    egi_bytes_clear(&bytes);
    return s;
}

static void graphs_that_cannot_be(void **state)
{
    (void)state;
    static const struct {
        void (*fill)(struct egi_maker *k);
        int64_t opset;
        size_t most;
        eg_status want;
        const char *why;
    } cases[] = {
        { relu, 13, 0, EG_OK, "" },
        { relu, 13, 1 << 20, EG_OK, "" },
        { relu, 13, 1000, EG_ERR_LIMIT, "expected up to 1000 in all" },
        { relu, 0, 0, EG_ERR_UNSUPPORTED, "opset 0" },
        { relu, 18, 0, EG_ERR_UNSUPPORTED, "opset 18" },
        { node_input, 13, 0, EG_ERR_CORRUPT, "a name with a byte 0" },
        { node_output, 13, 0, EG_ERR_CORRUPT, "a name with a byte 0" },
        { constant, 13, 0, EG_ERR_CORRUPT, "a name with a byte 0" },
        { input_name, 13, 0, EG_ERR_CORRUPT, "a name with a byte 0" },
        { output_name, 13, 0, EG_ERR_CORRUPT, "a name with a byte 0" },
        { key_of_meta, 13, 0, EG_ERR_CORRUPT, "a name with a byte 0" },
        { value_of_meta, 13, 0, EG_ERR_CORRUPT, "a name with a byte 0" },
        { no_name, 13, 0, EG_ERR_CORRUPT, "an initializer without a name" },
        { port_without_name, 13, 0, EG_ERR_CORRUPT, "an input or output without a name" },
        { two_inputs, 13, 0, EG_ERR_CORRUPT, "two inputs \"x\"" },
        { deep_input, 13, 0, EG_ERR_UNSUPPORTED, "\"deep\": more than" },
        { gives_a_constant, 13, 0, EG_ERR_CORRUPT, "gives \"w\", which is there already" },
    };
    for (size_t i = 0; i < EGI_COUNT(cases); i++) {
        const eg_status s = forged(cases[i].fill, cases[i].opset, cases[i].most);
        if (s != cases[i].want || strstr(s == EG_OK ? "" : eg_error_detail(), cases[i].why) == NULL)
            fail_msg("case %zu: %s: %s", i, eg_status_name(s), eg_error_detail());
    }
}

/* A weight that is also an input has a default; an output may be one, or the input itself; outputs
 * of nodes may be left out; a domain has two names, and others are none of ours. */
static void unusual_graphs(void **state)
{
    (void)state;
    struct egi_maker k;
    struct egi_bytes bytes = { .alloc = eg_allocator_default() }, other = bytes, same = bytes;
    const eg_shape shape = square(), pair = eg_shape_of(2);
    const float x[32] = { 1, -2 };
    const eg_onnx_array in = { NULL, EG_F32, shape, x };
    eg_onnx *m = NULL;
    eg_onnx_array out[3];
    egi_maker_begin(&k, eg_allocator_default(), 13);
    egi_maker_port(&k, EGI_MAKER_INPUT, "x", EGI_ONNX_FLOAT, &shape, 0);
    egi_maker_port(&k, EGI_MAKER_INPUT, "w", EGI_ONNX_FLOAT, &pair, 0);
    onnx_weight(&k, "w", &pair, 1);
    egi_maker_node(&k, "Dropout", "x", "y -", NULL);
    egi_maker_port(&k, EGI_MAKER_OUTPUT, "y", EGI_ONNX_FLOAT, &shape, 0);
    egi_maker_port(&k, EGI_MAKER_OUTPUT, "w", EGI_ONNX_FLOAT, &pair, 0);
    egi_maker_port(&k, EGI_MAKER_OUTPUT, "x", EGI_ONNX_FLOAT, &shape, 0);
    CHECK_OK(egi_maker_finish(&k, &bytes));
    egi_put_text(&other, EGI_OPSET_DOMAIN, "com.example");
    egi_put_int(&other, EGI_OPSET_VERSION, 99);
    egi_put_message(&bytes, EGI_MODEL_OPSET, &other);
    egi_put_text(&same, EGI_OPSET_DOMAIN, "ai.onnx");
    egi_put_int(&same, EGI_OPSET_VERSION, 12);
    egi_put_message(&bytes, EGI_MODEL_OPSET, &same);
    CHECK_OK(eg_onnx_read("net", bytes.p, bytes.n, NULL, &m));
    CHECK(eg_onnx_opset(m) == 12 && eg_onnx_input(m, 1) == NULL);
    CHECK_OK(eg_onnx_run(m, &in, 1, NULL, 3, out));
    CHECK(((const float *)out[0].data)[1] == -2 && ((const float *)out[2].data)[1] == -2);
    float w[2];
    onnx_numbers(w, 2, 1);
    CHECK(memcmp(out[1].data, w, sizeof w) == 0);
    const char *const none[] = { "" };
    CHECK(eg_onnx_run(m, &in, 1, none, 1, out) < 0);
    eg_onnx_destroy(m);
    egi_bytes_clear(&bytes);
}

static void conv_and_norm(struct egi_maker *k, const char *out)
{
    const float variance[2] = { 4, 9 };
    onnx_weight(k, "w", &eg_shape_of(2, 2, 1, 1), 0.1);
    onnx_weight(k, "scale", &eg_shape_of(2), 0.3);
    onnx_weight(k, "shift", &eg_shape_of(2), 0.2);
    onnx_weight(k, "mean", &eg_shape_of(2), 0.1);
    egi_maker_constant(k, "variance", EGI_ONNX_FLOAT, &eg_shape_of(2), variance);
    egi_maker_node(k, "Conv", "x w", "a", NULL);
    egi_maker_node(k, "BatchNormalization", "a scale shift mean variance", out, NULL);
}

/* Both convolutions have the weights w; only one of them has a norm behind it. */
static void shared_weights(struct egi_maker *k)
{
    conv_and_norm(k, "b");
    egi_maker_node(k, "Conv", "x w", "c", NULL);
    egi_maker_node(k, "Sub", "b c", "y", NULL);
}

static void alone(struct egi_maker *k)
{
    conv_and_norm(k, "y");
}

static void conv_alone(struct egi_maker *k)
{
    onnx_weight(k, "w", &eg_shape_of(2, 2, 1, 1), 0.1);
    egi_maker_node(k, "Conv", "x w", "y", NULL);
}

static void outputs_of(void (*fill)(struct egi_maker *k), const float *x, size_t nodes, float *y)
{
    eg_onnx *m;
    eg_onnx_array out;
    const eg_onnx_array in = { NULL, EG_F32, eg_shape_of(1, 2, 4, 4), x };
    CHECK_OK(network(fill, &m));
    CHECK(eg_onnx_nodes(m) == nodes);
    CHECK_OK(eg_onnx_run(m, &in, 1, NULL, 1, &out));
    memcpy(y, out.data, 32 * sizeof *y);
    eg_onnx_destroy(m);
}

/* A norm goes into weights that only its convolution reads, with a bias that was not there. */
static void norms_and_shared_weights(void **state)
{
    (void)state;
    float x[32], normed[32], plain[32], both[32];
    for (size_t i = 0; i < 32; i++) x[i] = (float)cos(1.3 * (double)i);
    outputs_of(alone, x, 1, normed);
    outputs_of(conv_alone, x, 1, plain);
    outputs_of(shared_weights, x, 4, both);
    for (size_t i = 0; i < 32; i++) CHECK_NEAR(both[i], normed[i] - plain[i], 1e-5);
}

static void squares(struct egi_maker *k)
{
    egi_maker_node(k, "Relu", "x", "a", NULL);
    egi_maker_node(k, "Mul", "a a", "b", NULL);
    egi_maker_node(k, "Neg", "b", "y", NULL);
}

static void see(void *user, const eg_onnx_step *step)
{
    size_t *live = user;
    live[1 + live[0]++] = step->live_bytes;
}

/* A value that a node reads twice goes once. */
static void bytes_alive(void **state)
{
    (void)state;
    enum { ONE = 32 * sizeof(float) };
    size_t live[4] = { 0 };
    eg_onnx *m;
    eg_onnx_cost cost;
    CHECK_OK(network(squares, &m));
    CHECK_OK(eg_onnx_infer(m, &eg_shape_of(1, 2, 4, 4), 1, see, live, &cost));
    CHECK(live[0] == 3 && live[1] == ONE && live[2] == ONE && live[3] == ONE);
    CHECK(cost.peak_bytes == 2 * ONE && cost.unknown == 0);
    CHECK_STATUS(eg_onnx_infer(m, &eg_shape_of(1, 3, 4, 4), 1, NULL, NULL, &cost), EG_ERR_SHAPE);
    eg_onnx_destroy(m);
}

static int64_t row, column;

static void looks_up(struct egi_maker *k)
{
    const int64_t at[4] = { 0, 0, row, column };
    onnx_ints(k, "at", 4, at);
    egi_maker_node(k, "GatherND", "x at", "y", NULL);
}

/* One axis past its end is not the next row of another. */
static void places_outside(void **state)
{
    (void)state;
    static const float x[32] = { [11] = 5 };
    const eg_onnx_array in = { NULL, EG_F32, eg_shape_of(1, 2, 4, 4), x };
    static const struct {
        int64_t row, column;
        eg_status status;
    } cases[] = { { 2, 3, EG_OK },           { -2, -1, EG_OK },        { 1, 7, EG_ERR_INVALID },
                  { 3, -5, EG_ERR_INVALID }, { 4, 0, EG_ERR_INVALID }, { -5, 3, EG_ERR_INVALID } };
    for (size_t i = 0; i < EGI_COUNT(cases); i++) {
        eg_onnx *m;
        eg_onnx_array out;
        row = cases[i].row;
        column = cases[i].column;
        CHECK_OK(network(looks_up, &m));
        CHECK_STATUS(eg_onnx_run(m, &in, 1, NULL, 1, &out), cases[i].status);
        CHECK(cases[i].status != EG_OK || *(const float *)out.data == 5);
        eg_onnx_destroy(m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields),           cmocka_unit_test(lists_packed_or_not),
        cmocka_unit_test(names_that_clash), cmocka_unit_test(graphs_that_cannot_be),
        cmocka_unit_test(unusual_graphs),   cmocka_unit_test(norms_and_shared_weights),
        cmocka_unit_test(bytes_alive),      cmocka_unit_test(places_outside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
