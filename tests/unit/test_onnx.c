/* Networks of ONNX files: what is told of them, runs, training, and every way they can be wrong. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include <stdio.h>

#include "grad/egi_tape_impl.h"
#include "onnx_bytes.h"

enum { B = 3, PIXELS = 3 * 8 * 8, CLASSES = 5, FEATURES = 64 };

static eg_onnx *small_network(int keep_norms, const eg_allocator *alloc)
{
    struct egi_bytes bytes;
    eg_onnx *m = NULL;
    eg_onnx_options o = EG_ONNX_OPTIONS_INIT;
    o.keep_norms = keep_norms;
    o.alloc = alloc;
    o.threads = 1;
    onnx_small_network(&bytes);
    CHECK_OK(eg_onnx_read("small", bytes.p, bytes.n, &o, &m));
    egi_bytes_clear(&bytes);
    return m;
}

static void pictures(float *x)
{
    for (size_t i = 0; i < B * PIXELS; i++) x[i] = (float)sin(0.7 * (double)i);
}

static void run_small(eg_onnx *m, const float *x, size_t b, eg_onnx_array out[2])
{
    const eg_onnx_array in = { "picture", EG_F32, eg_shape_of(b, 3, 8, 8), x };
    CHECK_OK(eg_onnx_run(m, &in, 1, NULL, 2, out));
}

static void told(void **state)
{
    (void)state;
    eg_onnx *m = small_network(0, NULL);
    const eg_onnx_port *in = eg_onnx_input(m, 0), *out = eg_onnx_output(m, 1);
    CHECK(strcmp(in->name, "picture") == 0 && strcmp(in->type, "float") == 0);
    CHECK(in->has_shape && in->shape.rank == 4 && in->shape.dim[0] == 0 && in->shape.dim[1] == 3);
    CHECK(strcmp(out->name, "logits") == 0 && out->shape.dim[1] == CLASSES);
    CHECK(eg_onnx_input(m, 1) == NULL && eg_onnx_output(m, 2) == NULL);
    CHECK(strcmp(eg_onnx_meta(m, "input_zero"), "128") == 0);
    CHECK(eg_onnx_meta(m, "input") == NULL && eg_onnx_opset(m) == 13);
    CHECK(eg_onnx_nodes(m) == 8); /* the norm is gone */
    CHECK(eg_params_count(eg_onnx_params(m)) == 4);
    CHECK(eg_params_find(eg_onnx_params(m), "fc.weight")->shape.dim[1] == FEATURES);
    eg_onnx_destroy(m);
    eg_onnx_destroy(NULL);
}

/* By loops over the definition. */
static void by_hand(const float *x, double *features, double *logits)
{
    float w[4 * 27], bias[4], scale[4], shift[4], mean[4], fc[CLASSES * FEATURES], fb[CLASSES];
    const double variance[4] = { 1, 2, 0.5, 4 };
    onnx_numbers(w, 4 * 27, 0.03);
    onnx_numbers(bias, 4, 0.1);
    onnx_numbers(scale, 4, 0.2);
    onnx_numbers(shift, 4, 0.05);
    onnx_numbers(mean, 4, 0.01);
    onnx_numbers(fc, CLASSES * FEATURES, 0.02);
    onnx_numbers(fb, CLASSES, 0.1);
    for (size_t i = 0; i < FEATURES; i++) features[i] = 0; /* behind a relu */
    for (size_t o = 0; o < 4; o++)
        for (size_t r = 0; r < 8; r++)
            for (size_t q = 0; q < 8; q++) {
                double sum = (double)bias[o];
                for (size_t c = 0; c < 3; c++)
                    for (size_t k = 0; k < 9; k++) {
                        const size_t i = r + k / 3 - 1, j = q + k % 3 - 1; /* wraps outside */
                        if (i < 8 && j < 8)
                            sum += (double)w[(o * 3 + c) * 9 + k] * (double)x[(c * 8 + i) * 8 + j];
                    }
                const double y =
                    (sum - (double)mean[o]) / sqrt(variance[o] + 1e-3) * (double)scale[o]
                    + (double)shift[o];
                double *best = &features[(o * 4 + r / 2) * 4 + q / 2];
                if (y > *best) *best = y;
            }
    for (size_t k = 0; k < CLASSES; k++) {
        logits[k] = (double)fb[k];
        for (size_t i = 0; i < FEATURES; i++)
            logits[k] += (double)fc[k * FEATURES + i] * features[i];
    }
}

static void runs(void **state)
{
    (void)state;
    static float x[B * PIXELS];
    pictures(x);
    for (int keep = 0; keep < 2; keep++) {
        eg_onnx *m = small_network(keep, NULL);
        eg_onnx_array out[2];
        CHECK(eg_onnx_nodes(m) == (keep ? 9 : 8));
        run_small(m, x, B, out);
        CHECK(out[0].shape.dim[0] == B && out[0].shape.dim[1] == FEATURES);
        for (size_t b = 0; b < B; b++) {
            double features[FEATURES], logits[CLASSES];
            by_hand(x + b * PIXELS, features, logits);
            for (size_t i = 0; i < FEATURES; i++)
                CHECK_NEAR(((const float *)out[0].data)[b * FEATURES + i], features[i], 1e-5);
            for (size_t i = 0; i < CLASSES; i++)
                CHECK_NEAR(((const float *)out[1].data)[b * CLASSES + i], logits[i], 1e-5);
        }
        eg_onnx_destroy(m);
    }
}

static void double_weights(eg_params *p)
{
    for (size_t k = 0; k < eg_params_count(p); k++) {
        float *w = eg_params_at(p, k)->value;
        for (size_t i = 0; i < eg_shape_size(&eg_params_at(p, k)->shape); i++) w[i] *= 2;
    }
}

/* Weights that were written to count from the next run on, though they are laid out. Features are
 * linear in them. */
static void weights_change(void **state)
{
    (void)state;
    static float x[B * PIXELS];
    pictures(x);
    eg_onnx *m = small_network(0, NULL), *same = small_network(0, NULL);
    eg_onnx_array out[2], want[2];
    run_small(m, x, B, out);
    run_small(same, x, B, want);
    eg_params *p = eg_onnx_params(m);
    for (int times = 2; times <= 4; times *= 2) {
        double_weights(p);
        run_small(m, x, B, out);
        for (size_t i = 0; i < B * FEATURES; i++)
            CHECK_NEAR(((const float *)out[0].data)[i],
                       (double)times * (double)((const float *)want[0].data)[i], 1e-5);
    }
    eg_onnx_destroy(m);
    eg_onnx_destroy(same);
}

/* NaN in a picture is NaN in its numbers, not 0 behind a relu; other pictures are what they were.
 */
static void nan_goes_through(void **state)
{
    (void)state;
    static float x[B * PIXELS];
    static double want[B * CLASSES];
    pictures(x);
    eg_onnx *m = small_network(0, NULL);
    eg_onnx_array out[2];
    run_small(m, x, B, out);
    for (size_t i = 0; i < B * CLASSES; i++) want[i] = (double)((const float *)out[1].data)[i];
    for (size_t i = 0; i < PIXELS; i++) x[PIXELS + i] = NAN;
    run_small(m, x, B, out);
    for (size_t i = 0; i < B * CLASSES; i++) {
        const float y = ((const float *)out[1].data)[i];
        if (i / CLASSES == 1)
            CHECK(isnan(y));
        else
            CHECK_NEAR(y, want[i], 1e-5);
    }
    eg_onnx_destroy(m);
}

static void any_value(void **state)
{
    (void)state;
    static float x[B * PIXELS];
    pictures(x);
    eg_onnx *m = small_network(1, NULL);
    const char *names[3] = { "c", "picture", "fc.bias" }, *none = "nothing";
    const eg_onnx_array in = { NULL, EG_F32, eg_shape_of(2, 3, 8, 8), x };
    eg_onnx_array out[3];
    CHECK_OK(eg_onnx_run(m, &in, 1, names, 3, out));
    CHECK(out[0].shape.rank == 4 && out[0].shape.dim[1] == 4);
    CHECK_SAME_BITS(out[1].data, x, 2 * PIXELS * sizeof *x);
    CHECK(out[2].shape.dim[0] == CLASSES);
    CHECK_STATUS(eg_onnx_run(m, &in, 1, &none, 1, out), EG_ERR_INVALID);
    CHECK(strstr(eg_error_detail(), "\"nothing\"") != NULL);
    eg_onnx_destroy(m);
}

struct seen {
    size_t nodes, last_live;
    eg_shape shape;
};

static void see(void *user, const eg_onnx_step *step)
{
    struct seen *s = user;
    s->nodes++;
    CHECK(step->has_shape && step->type[0] != '\0');
    if (strcmp(step->output, "d") == 0) s->shape = step->shape;
    s->last_live = step->live_bytes;
}

static void shapes_and_memory(void **state)
{
    (void)state;
    static float x[B * PIXELS];
    struct failing f = { (size_t)-1, 0, 0, 0, 0, 0 };
    const eg_allocator alloc = failing_allocator(&f);
    eg_onnx *m = small_network(0, &alloc);
    eg_onnx_cost cost;
    struct seen s = { 0 };
    eg_onnx_array out[2];
    pictures(x);
    CHECK_OK(eg_onnx_infer(m, &eg_shape_of(B, 3, 8, 8), 1, see, &s, &cost));
    CHECK(s.nodes == 8 && cost.nodes == 8 && cost.unknown == 0);
    CHECK(s.shape.rank == 4 && s.shape.dim[0] == B && s.shape.dim[2] == 4);
    /* a and c at once, b in the place of a: two of (B, 4, 8, 8) */
    CHECK(cost.peak_bytes == 2 * B * 4 * 64 * sizeof(float));
    CHECK(s.last_live == (FEATURES + CLASSES) * B * sizeof(float) + 3 * sizeof(double)
          || s.last_live > 0);
    run_small(m, x, B, out);
    const size_t calls = f.calls;
    eg_tape_reset_peak(m->tape);
    run_small(m, x, B, out);
    CHECK(f.calls <= calls + 1); /* the list of what is asked for */
    eg_onnx_destroy(m);
    CHECK(f.live == 0);
}

static void one_operation_after_another_goes(void **state)
{
    (void)state;
    struct egi_maker k;
    struct egi_bytes bytes = { .alloc = eg_allocator_default() };
    static float x[1 << 16];
    eg_onnx *m;
    eg_onnx_array out;
    egi_maker_begin(&k, eg_allocator_default(), 13);
    egi_maker_port(&k, EGI_MAKER_INPUT, "v0", EGI_ONNX_FLOAT, &eg_shape_of(1 << 16), 0);
    for (int i = 0; i < 50; i++) {
        char in[16], made[16];
        snprintf(in, sizeof in, "v%d", i);
        snprintf(made, sizeof made, "v%d", i + 1);
        egi_maker_node(&k, i % 2 == 0 ? "Sigmoid" : "Neg", in, made, NULL);
    }
    egi_maker_port(&k, EGI_MAKER_OUTPUT, "v50", EGI_ONNX_FLOAT, &eg_shape_of(1 << 16), 0);
    CHECK_OK(egi_maker_finish(&k, &bytes));
    CHECK_OK(eg_onnx_read("chain", bytes.p, bytes.n, NULL, &m));
    const eg_onnx_array in = { NULL, EG_F32, eg_shape_of(1 << 16), x };
    CHECK_OK(eg_onnx_run(m, &in, 1, NULL, 1, &out));
    CHECK(eg_tape_peak_bytes(m->tape) <= 2 * sizeof x); /* not 50 */
    egi_bytes_clear(&bytes);
    eg_onnx_destroy(m);
}

/* ---- training ---- */

static double loss_of(eg_onnx *m, eg_tape *t, const float *x, eg_var *leaf, eg_var *loss)
{
    static const int32_t y[B] = { 2, 0, 4 };
    const char *name = "logits";
    eg_var logits;
    eg_tape_reset(t);
    const eg_var in = eg_input(t, EG_F32, &eg_shape_of(B, 3, 8, 8), x);
    CHECK_OK(eg_onnx_apply(m, t, &in, 1, &name, 1, leaf, &logits));
    const eg_var hot = eg_one_hot(t, eg_input(t, EG_I32, &eg_shape_of(B), y), CLASSES, EG_F32);
    const eg_var right = eg_mul(t, hot, eg_log_softmax(t, logits, 1));
    *loss = eg_neg(t, eg_sum(t, right, EG_ALL_AXES, 0));
    return eg_tape_number(t, *loss);
}

static void learns(void **state)
{
    (void)state;
    static float x[B * PIXELS];
    eg_onnx *m = small_network(1, NULL);
    eg_params *p = eg_onnx_params(m);
    eg_tape *t;
    eg_var leaf[6], grad[6], loss;
    pictures(x);
    CHECK_OK(eg_tape_create(1, NULL, &t));
    CHECK(eg_params_count(p) == 6); /* mean and variance of the norm are none */
    const double before = loss_of(m, t, x, leaf, &loss);
    CHECK_OK(eg_tape_gradient(t, loss, EG_NONE, leaf, 6, 0, grad));
    for (size_t i = 0; i < 6; i++) { /* against differences, and one step down */
        float *w = eg_params_at(p, i)->value;
        const eg_shape *shape = &eg_params_at(p, i)->shape;
        const size_t n = eg_shape_size(shape), at = n / 2;
        loss_of(m, t, x, leaf, &loss);
        CHECK_OK(eg_tape_gradient(t, loss, EG_NONE, leaf, 6, 0, grad));
        const double g = (double)((const float *)eg_tape_value(t, grad[i]))[at];
        const float own = w[at];
        eg_var unused;
        w[at] = own + 1.0f / 256;
        const double high = loss_of(m, t, x, leaf, &unused);
        w[at] = own - 1.0f / 256;
        const double low = loss_of(m, t, x, leaf, &unused);
        w[at] = own;
        CHECK_NEAR(g, (high - low) * 128, 2e-3 + 0.02 * fabs(g));
    }
    for (int step = 0; step < 20; step++) {
        loss_of(m, t, x, leaf, &loss);
        CHECK_OK(eg_tape_gradient(t, loss, EG_NONE, leaf, 6, 0, grad));
        for (size_t i = 0; i < 6; i++) {
            const eg_param *w = eg_params_at(p, i);
            const float *g = eg_tape_value(t, grad[i]);
            for (size_t e = 0; e < eg_shape_size(&w->shape); e++)
                ((float *)w->value)[e] -= 0.05f * g[e];
        }
    }
    CHECK(loss_of(m, t, x, leaf, &loss) < 0.5 * before);
    eg_tape_destroy(t);
    eg_onnx_destroy(m);
}

/* ---- what is wrong ---- */

/* x (2, 3) through one node. */
static eg_status one_node(const char *op, int64_t opset, const char *inputs,
                          const struct egi_made_attr *attrs, eg_onnx **out)
{
    struct egi_maker k;
    struct egi_bytes bytes = { .alloc = eg_allocator_default() };
    const int64_t big[1] = { (int64_t)1 << 40 }, bad[2] = { 4, 5 };
    eg_onnx_options o = EG_ONNX_OPTIONS_INIT;
    o.max_bytes = (size_t)1 << 24;
    egi_maker_begin(&k, eg_allocator_default(), opset);
    egi_maker_port(&k, EGI_MAKER_INPUT, "x", EGI_ONNX_FLOAT, &eg_shape_of(2, 3), 0);
    onnx_weight(&k, "w", &eg_shape_of(2, 4), 1);
    onnx_ints(&k, "big", 1, big);
    onnx_ints(&k, "bad", 2, bad);
    egi_maker_node(&k, op, inputs, "y", attrs);
    egi_maker_port(&k, EGI_MAKER_OUTPUT, "y", EGI_ONNX_FLOAT, &eg_shape_of(2, 3), 0);
    CHECK_OK(egi_maker_finish(&k, &bytes));
    const eg_status s = eg_onnx_read("net.onnx", bytes.p, bytes.n, &o, out);
    egi_bytes_clear(&bytes);
    return s;
}

static void check_detail(const char *const *parts)
{
    for (; *parts != NULL; parts++)
        if (strstr(eg_error_detail(), *parts) == NULL)
            fail_msg("\"%s\" lacks \"%s\"", eg_error_detail(), *parts);
}
#define CHECK_DETAIL(...) check_detail((const char *const[]){ __VA_ARGS__, NULL })

static void says_what_is_wrong(void **state)
{
    (void)state;
    static float x[6];
    eg_onnx *m = NULL;
    eg_onnx_array out;
    CHECK_STATUS(one_node("Loop", 13, "x", NULL, &m), EG_ERR_UNSUPPORTED);
    CHECK_DETAIL("net.onnx: node 0 \"y\" (Loop, opset 13)", "not an operator");
    CHECK_STATUS(one_node("HardSwish", 13, "x", NULL, &m), EG_ERR_UNSUPPORTED);
    CHECK_DETAIL("(HardSwish, opset 13)", "of opset 14 to 17");
    CHECK_STATUS(one_node("Relu", 18, "x", NULL, &m), EG_ERR_UNSUPPORTED);
    CHECK_DETAIL("net.onnx: opset 18, expected 1 to 17");
    CHECK_STATUS(one_node("Relu", 13, "x x", NULL, &m), EG_ERR_CORRUPT);
    CHECK_DETAIL("node 0 \"y\" (Relu, opset 13): 2 inputs, expected 1 to 1");
    CHECK_STATUS(one_node("Add", 13, "x -", NULL, &m), EG_ERR_CORRUPT);
    CHECK_DETAIL("input 1 is left out");
    CHECK_STATUS(one_node("Relu", 13, "z", NULL, &m), EG_ERR_CORRUPT);
    CHECK_DETAIL("reads \"z\", which nothing before it gives");
    CHECK_STATUS(one_node("ConstantOfShape", 13, "big", NULL, &m), EG_ERR_LIMIT);
    CHECK_DETAIL("(ConstantOfShape, opset 13)");
    CHECK_STATUS(one_node("Reshape", 13, "w bad", NULL, &m), EG_ERR_SHAPE);
    CHECK_DETAIL("node 0 \"y\" (Reshape, opset 13)", "(2, 4)", "(4, 5)");
    CHECK_OK(one_node("MatMul", 13, "x w", NULL, &m)); /* known when x is */
    const eg_onnx_array in = { NULL, EG_F32, eg_shape_of(2, 3), x };
    CHECK_STATUS(eg_onnx_run(m, &in, 1, NULL, 1, &out), EG_ERR_SHAPE);
    CHECK_DETAIL("node 0 \"y\" (MatMul, opset 13)", "(2, 3)", "(2, 4)");
    const eg_onnx_array other = { NULL, EG_F32, eg_shape_of(3, 2), x };
    CHECK_STATUS(eg_onnx_run(m, &other, 1, NULL, 1, &out), EG_ERR_SHAPE);
    CHECK_DETAIL("input \"x\"", "expected (2, 3)", "got (3, 2)");
    CHECK_STATUS(eg_onnx_run(m, NULL, 0, NULL, 1, &out), EG_ERR_INVALID);
    CHECK_DETAIL("input \"x\" (1 of 1) is missing");
    CHECK_STATUS(eg_onnx_run(m, &in, 1, NULL, 2, &out), EG_ERR_INVALID);
    eg_onnx_destroy(m);
    CHECK_STATUS(eg_onnx_open("/nonexistent.onnx", NULL, &m), EG_ERR_IO);
}

/* Of what the limit counts nothing: tapes, their lists of values, names. */
enum { BESIDE = 1 << 17 };

/* What opens is run. Returns whether it did. */
static int survives(const uint8_t *bytes, size_t n)
{
    static float x[B * PIXELS];
    eg_onnx *m = NULL;
    eg_onnx_array out[2];
    eg_onnx_options o = EG_ONNX_OPTIONS_INIT;
    struct failing f = { (size_t)-1, 0, 0, 0, 0, 0 };
    const eg_allocator alloc = failing_allocator(&f);
    o.max_bytes = (size_t)1 << 22;
    o.threads = 1;
    o.alloc = &alloc;
    const eg_status s = eg_onnx_read("hostile", bytes, n, &o, &m);
    CHECK(s == EG_OK || (s < 0 && eg_error_detail()[0] != '\0'));
    CHECK(f.peak_bytes < o.max_bytes + BESIDE && (s == EG_OK || f.live == 0));
    if (s != EG_OK) return 0;
    const eg_onnx_array in = { NULL, EG_F32, eg_shape_of(1, 3, 8, 8), x };
    const eg_status r = eg_onnx_run(m, &in, 1, NULL, 1, out);
    CHECK(r <= 0 && f.peak_bytes < o.max_bytes + BESIDE);
    eg_onnx_destroy(m);
    CHECK(f.live == 0);
    return r == EG_OK;
}

static void hostile_bytes(void **state)
{
    (void)state;
    struct egi_bytes bytes;
    size_t survived = 0;
    onnx_small_network(&bytes);
    CHECK(survives(bytes.p, bytes.n));
    for (size_t n = 0; n < bytes.n; n++) { /* exactly that long, so that a byte past it is seen */
        uint8_t *cut = malloc(n > 0 ? n : 1);
        memcpy(cut, bytes.p, n);
        survived += (size_t)survives(cut, n);
        free(cut);
    }
    CHECK(survived < 40); /* metadata and the opset lie at the end */
    for (size_t i = 0; i < bytes.n; i++)
        for (int bit = 0; bit < 8; bit++) {
            if (i > 700 && (i % 37 != 0 || bit != 6)) continue; /* weights: a few */
            bytes.p[i] ^= (uint8_t)(1 << bit);
            (void)survives(bytes.p, bytes.n);
            bytes.p[i] ^= (uint8_t)(1 << bit);
        }
    egi_bytes_clear(&bytes);
}

static void memory_runs_out(void **state)
{
    (void)state;
    struct egi_bytes bytes;
    static float x[PIXELS];
    onnx_small_network(&bytes);
    eg_status s = EG_ERR_NOMEM;
    for (size_t k = 0; s != EG_OK; k++) {
        struct failing f = { k, 0, 0, 0, 0, 0 };
        const eg_allocator alloc = failing_allocator(&f);
        eg_onnx *m = NULL;
        eg_onnx_array out[2];
        eg_onnx_options o = EG_ONNX_OPTIONS_INIT;
        o.alloc = &alloc;
        o.threads = 1;
        s = eg_onnx_read("small", bytes.p, bytes.n, &o, &m);
        const eg_onnx_array in = { NULL, EG_F32, eg_shape_of(1, 3, 8, 8), x };
        if (s == EG_OK) s = eg_onnx_run(m, &in, 1, NULL, 2, out);
        CHECK(s == EG_OK || s == EG_ERR_NOMEM);
        eg_onnx_destroy(m);
        CHECK(f.live == 0);
    }
    egi_bytes_clear(&bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(told),
        cmocka_unit_test(runs),
        cmocka_unit_test(weights_change),
        cmocka_unit_test(nan_goes_through),
        cmocka_unit_test(any_value),
        cmocka_unit_test(shapes_and_memory),
        cmocka_unit_test(one_operation_after_another_goes),
        cmocka_unit_test(learns),
        cmocka_unit_test(says_what_is_wrong),
        cmocka_unit_test(hostile_bytes),
        cmocka_unit_test(memory_runs_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
