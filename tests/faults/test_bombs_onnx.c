/* Networks of some hundred bytes that ask for far more, when opened or when run. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "bomb_check.h"
#include "onnx_bytes.h"

enum { OUTPUTS = 11 };

/* Constants are made of shapes when the network is opened. */
static void onnx_fills(void)
{
    struct egi_maker k;
    struct egi_bytes out = { .alloc = eg_allocator_default() };
    const int64_t dims[2] = { 100000, 100000 };
    egi_maker_begin(&k, eg_allocator_default(), 13);
    egi_maker_port(&k, EGI_MAKER_INPUT, "x", EGI_ONNX_FLOAT, &eg_shape_of(1), 1);
    onnx_ints(&k, "dims", 2, dims);
    egi_maker_node(&k, "ConstantOfShape", "dims", "big", NULL);
    egi_maker_node(&k, "Add", "x big", "y", NULL);
    egi_maker_port(&k, EGI_MAKER_OUTPUT, "y", EGI_ONNX_FLOAT, &eg_shape_of(1), 1);
    CHECK_OK(egi_maker_finish(&k, &out));
    add(out.p, out.n);
    egi_bytes_clear(&out);
}

/* Products of what was made of shapes, one after the other. */
static void onnx_multiplies(void)
{
    struct egi_maker k;
    struct egi_bytes out = { .alloc = eg_allocator_default() };
    const int64_t dims[2] = { 1100, 1100 };
    char in[40], made[20] = "big";
    egi_maker_begin(&k, eg_allocator_default(), 13);
    egi_maker_port(&k, EGI_MAKER_INPUT, "x", EGI_ONNX_FLOAT, &eg_shape_of(1), 1);
    onnx_ints(&k, "dims", 2, dims);
    egi_maker_node(&k, "ConstantOfShape", "dims", "big", NULL);
    for (int i = 0; i < 2000; i++) {
        snprintf(in, sizeof in, "%s big", made);
        snprintf(made, sizeof made, "m%d", i);
        egi_maker_node(&k, "MatMul", in, made, NULL);
    }
    snprintf(in, sizeof in, "x %s", made);
    egi_maker_node(&k, "Add", in, "y", NULL);
    egi_maker_port(&k, EGI_MAKER_OUTPUT, "y", EGI_ONNX_FLOAT, &eg_shape_of(1), 1);
    CHECK_OK(egi_maker_finish(&k, &out));
    add(out.p, out.n);
    egi_bytes_clear(&out);
}

/* Several values of which none is too large, all of them handed out at the end. `grow`: made of the
 * input, as the network runs; else when it is opened. */
static void onnx_holds(int grow)
{
    struct egi_maker k;
    struct egi_bytes out = { .alloc = eg_allocator_default() };
    const int64_t dims[2] = { 1500, 1500 };
    egi_maker_begin(&k, eg_allocator_default(), 13);
    egi_maker_port(&k, EGI_MAKER_INPUT, "x", EGI_ONNX_FLOAT, &eg_shape_of(1), 1);
    onnx_ints(&k, "dims", 2, dims);
    egi_maker_node(&k, "ConstantOfShape", "dims", "big", NULL);
    for (int i = 0; i < OUTPUTS; i++) {
        char name[20];
        snprintf(name, sizeof name, "v%d", i);
        egi_maker_node(&k, grow ? "Add" : "ConstantOfShape", grow ? "x big" : "dims", name, NULL);
        egi_maker_port(&k, EGI_MAKER_OUTPUT, name, EGI_ONNX_FLOAT, &eg_shape_of(1500, 1500), 1);
    }
    CHECK_OK(egi_maker_finish(&k, &out));
    add(out.p, out.n);
    egi_bytes_clear(&out);
}

static void onnx_holds_constants(void)
{
    onnx_holds(0);
}

static void onnx_holds_values(void)
{
    onnx_holds(1);
}

static void read_onnx(const char *format, const char *path, const eg_allocator *a)
{
    static const float x[1] = { 1 };
    const eg_onnx_array in = { NULL, EG_F32, eg_shape_of(1), x };
    eg_onnx_options o = EG_ONNX_OPTIONS_INIT;
    eg_onnx_array out[OUTPUTS];
    eg_onnx *m = NULL;
    (void)format;
    o.alloc = a;
    o.threads = 1;
    size_t outs = 0;
    if (eg_onnx_open(path, &o, &m) == EG_OK) {
        while (outs < OUTPUTS && eg_onnx_output(m, outs) != NULL) outs++;
        CHECK(eg_onnx_run(m, &in, 1, NULL, outs, out) <= EG_OK);
    }
    eg_onnx_destroy(m);
}

static const struct bomb bombs[] = {
    { "a network that fills", onnx_fills, read_onnx, NULL },
    { "a network that holds constants", onnx_holds_constants, read_onnx, NULL },
    { "a network that holds values", onnx_holds_values, read_onnx, NULL },
    { "a network that multiplies", onnx_multiplies, read_onnx, NULL },
};

int main(void)
{
    return bombs_run("bombs_onnx", bombs, EGI_COUNT(bombs));
}
