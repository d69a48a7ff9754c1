/* Frozen networks from inside: what is fused and what must not be, where values lie, and that the
 * numbers are those of the definition. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include <stdio.h>

#include "tensor/egi_frozen.h"

enum { C = 16, SIDE = 5, PLACES = SIDE * SIDE, COUNT = C * PLACES };

static const struct egi_frozen_size size = { C, SIDE, SIDE };
static float weights[C * C * 9], bias[C];

static struct egi_frozen *begin(void)
{
    struct egi_frozen *f;
    const eg_status s = egi_frozen_create(eg_allocator_default(), 1, &f);
    if (s == EG_ERR_UNSUPPORTED) skip();
    CHECK_OK(s);
    for (size_t i = 0; i < C * C * 9; i++) weights[i] = (float)((i * 37 % 23) - 11.0) / 64;
    for (size_t i = 0; i < C; i++) bias[i] = (float)i / 8;
    return f;
}

static uint32_t value(struct egi_frozen *f)
{
    uint32_t v;
    CHECK_OK(egi_frozen_value(f, size, &v));
    return v;
}

static uint32_t input(struct egi_frozen *f)
{
    const uint32_t v = value(f);
    egi_frozen_input(f, v);
    return v;
}

static uint32_t step(struct egi_frozen *f, const struct egi_frozen_step *s, uint32_t x, uint32_t z)
{
    const uint32_t in[2] = { x, z }, y = value(f);
    CHECK_OK(egi_frozen_add(f, s, in, z != 0 ? 2 : 1, y));
    return y;
}

static uint32_t conv(struct egi_frozen *f, uint32_t x)
{
    const struct egi_frozen_step s = { .kind = EGI_FROZEN_CONV,
                                       .groups = 1,
                                       .kernel = { 3, 3 },
                                       .stride = { 1, 1 },
                                       .dilation = { 1, 1 },
                                       .before = { 1, 1 },
                                       .after = { 1, 1 },
                                       .w = weights,
                                       .bias = bias };
    return step(f, &s, x, 0);
}

static uint32_t relu(struct egi_frozen *f, uint32_t x)
{
    const struct egi_frozen_step s = { .kind = EGI_FROZEN_ACT,
                                       .act = EGI_FROZEN_RELU,
                                       .groups = 1 };
    return step(f, &s, x, 0);
}

static uint32_t sum(struct egi_frozen *f, uint32_t x, uint32_t z)
{
    const struct egi_frozen_step s = { .kind = EGI_FROZEN_ADD, .groups = 1 };
    return step(f, &s, x, z);
}

static uint32_t concat(struct egi_frozen *f, uint32_t x, uint32_t z)
{
    const struct egi_frozen_step s = { .kind = EGI_FROZEN_CONCAT, .groups = 1 };
    const uint32_t in[2] = { x, z };
    uint32_t y;
    CHECK_OK(egi_frozen_value(f, (struct egi_frozen_size){ 2 * C, SIDE, SIDE }, &y));
    CHECK_OK(egi_frozen_add(f, &s, in, 2, y));
    return y;
}

/* Steps of a kind. */
static size_t count(const struct egi_frozen *f, enum egi_frozen_kind kind)
{
    size_t n = 0;
    for (size_t i = 0; i < f->ops.count; i++) n += egi_frozen_op(f, i)->s.kind == kind;
    return n;
}

/* By the definition. */
static void conv_by_hand(const float *x, float *y)
{
    for (size_t o = 0; o < C; o++)
        for (size_t i = 0; i < SIDE; i++)
            for (size_t j = 0; j < SIDE; j++) {
                double s = (double)bias[o];
                for (size_t c = 0; c < C; c++)
                    for (size_t k = 0; k < 9; k++) {
                        const size_t r = i + k / 3 - 1, q = j + k % 3 - 1; /* wraps outside */
                        if (r < SIDE && q < SIDE)
                            s += (double)weights[(o * C + c) * 9 + k]
                                 * (double)x[c * PLACES + r * SIDE + q];
                    }
                y[o * PLACES + i * SIDE + j] = (float)s;
            }
}

static void relu_by_hand(float *x)
{
    for (size_t i = 0; i < COUNT; i++) x[i] = x[i] > 0 ? x[i] : 0;
}

static void numbers(float *x, double turn)
{
    for (size_t i = 0; i < COUNT; i++) x[i] = (float)sin(turn * (double)(i + 1));
}

/* Output y of input x, and the frozen network goes. */
static void run(struct egi_frozen *f, const float *x, float *const *y)
{
    CHECK_OK(egi_frozen_run(f, 1, &x, y, 1));
    egi_frozen_destroy(f);
}

static void near(const float *a, const float *b, size_t n)
{
    for (size_t i = 0; i < n; i++) CHECK_NEAR(a[i], b[i], 2e-5);
}

static void activation_and_sum_are_fused(void **state)
{
    (void)state;
    static float x[COUNT], a[COUNT], b[COUNT], y[COUNT];
    float *out[] = { y };
    struct egi_frozen *f = begin();
    const uint32_t in = input(f), z = relu(f, conv(f, in)), s = relu(f, sum(f, z, conv(f, z)));
    egi_frozen_output(f, s);
    CHECK_OK(egi_frozen_finish(f, 1, SIZE_MAX));
    CHECK(count(f, EGI_FROZEN_CONV) == 3 - 1 && count(f, EGI_FROZEN_ACT) == 0);
    /* z + conv(z) must not be done onto z */
    CHECK(count(f, EGI_FROZEN_ADD) == 1 && f->ops.count <= 5);
    numbers(x, 0.7);
    run(f, x, out);
    conv_by_hand(x, a);
    relu_by_hand(a);
    conv_by_hand(a, b);
    for (size_t i = 0; i < COUNT; i++) b[i] += a[i];
    relu_by_hand(b);
    near(y, b, COUNT);
}

/* relu(a + conv(conv(a))): one more step than convolutions only for layouts. */
static void residual_block(void **state)
{
    (void)state;
    static float x[COUNT], a[COUNT], b[COUNT], c[COUNT], y[COUNT];
    float *out[] = { y };
    struct egi_frozen *f = begin();
    const uint32_t a0 = relu(f, conv(f, input(f)));
    egi_frozen_output(f, relu(f, sum(f, conv(f, relu(f, conv(f, a0))), a0)));
    CHECK_OK(egi_frozen_finish(f, 1, SIZE_MAX));
    CHECK(count(f, EGI_FROZEN_CONV) == 3 && count(f, EGI_FROZEN_ADD) == 0);
    CHECK(count(f, EGI_FROZEN_ACT) == 0 && count(f, EGI_FROZEN_COPY) <= 2);
    numbers(x, 0.9);
    run(f, x, out);
    conv_by_hand(x, a);
    relu_by_hand(a);
    conv_by_hand(a, b);
    relu_by_hand(b);
    conv_by_hand(b, c);
    for (size_t i = 0; i < COUNT; i++) c[i] += a[i];
    relu_by_hand(c);
    near(y, c, COUNT);
}

/* q = conv(z) reads z, which s = conv(..) + z would be done onto, and would itself be done later,
 * at t = q + w: one of the two must stay where it is. */
static void what_was_overwritten_is_not_read(void **state)
{
    (void)state;
    static float x[COUNT], z[COUNT], q[COUNT], s[COUNT], y[2][COUNT];
    float *out[] = { y[0], y[1] };
    struct egi_frozen *f = begin();
    const uint32_t in = input(f), z0 = conv(f, in), q0 = conv(f, z0), w0 = relu(f, in);
    const uint32_t s0 = sum(f, conv(f, in), z0), t0 = sum(f, q0, w0);
    egi_frozen_output(f, s0);
    egi_frozen_output(f, t0);
    CHECK_OK(egi_frozen_finish(f, 1, SIZE_MAX));
    CHECK(count(f, EGI_FROZEN_ADD) == 1); /* of two */
    numbers(x, 0.3);
    run(f, x, out);
    conv_by_hand(x, z);
    conv_by_hand(z, q);
    for (size_t i = 0; i < COUNT; i++) {
        s[i] = 2 * z[i];
        q[i] += x[i] > 0 ? x[i] : 0;
    }
    near(y[0], s, COUNT);
    near(y[1], q, COUNT);
}

static void concatenation_is_written_in_place(void **state)
{
    (void)state;
    static float x[COUNT], a[COUNT], y[2 * COUNT];
    float *out[] = { y };
    struct egi_frozen *f = begin();
    const uint32_t in = input(f), a0 = conv(f, in), b0 = relu(f, conv(f, in));
    egi_frozen_output(f, concat(f, a0, b0));
    CHECK_OK(egi_frozen_finish(f, 1, SIZE_MAX));
    CHECK(count(f, EGI_FROZEN_COPY) <= 2 && count(f, EGI_FROZEN_CONV) == 2); /* in and out */
    numbers(x, 0.4);
    run(f, x, out);
    conv_by_hand(x, a);
    near(y, a, COUNT);
    relu_by_hand(a);
    near(y + COUNT, a, COUNT);
}

/* A value twice in one, and in another: it lies in the first place, the rest are copies; a sum is
 * not done onto it while one of them is needed. */
static void concatenation_twice(void **state)
{
    (void)state;
    static float x[COUNT], a[COUNT], y[3][2 * COUNT];
    float *out[] = { y[0], y[1], y[2] };
    struct egi_frozen *f = begin();
    const uint32_t in = input(f), a0 = conv(f, in), twice = concat(f, a0, a0);
    const uint32_t other = concat(f, in, a0);
    egi_frozen_output(f, sum(f, conv(f, in), a0));
    egi_frozen_output(f, twice);
    egi_frozen_output(f, other);
    CHECK_OK(egi_frozen_finish(f, 1, SIZE_MAX));
    numbers(x, 0.5);
    run(f, x, out);
    conv_by_hand(x, a);
    near(y[1], a, COUNT);
    near(y[1] + COUNT, a, COUNT);
    near(y[2], x, COUNT);
    near(y[2] + COUNT, a, COUNT);
    for (size_t i = 0; i < COUNT; i++) a[i] *= 2;
    near(y[0], a, COUNT);
}

/* Each value of a chain lives beside the one before: memory of two, however long it is. */
static void memory_of_a_chain(void **state)
{
    (void)state;
    struct egi_frozen *f = begin();
    uint32_t v = input(f);
    for (size_t i = 0; i < 20; i++) v = conv(f, v);
    egi_frozen_output(f, v);
    CHECK_OK(egi_frozen_finish(f, 1, SIZE_MAX));
    const size_t each = egi_frozen_bytes(&size, 1, f->block);
    CHECK(f->arena_bytes <= 2 * (each + EGI_ALIGN) && f->arena_bytes >= 2 * each);
    CHECK(f->value_bytes >= 20 * each);
    CHECK(egi_frozen_held(f) > f->packed_bytes + f->arena_bytes);
    egi_frozen_destroy(f);
}

static void limit_and_layouts(void **state)
{
    (void)state;
    struct egi_frozen *f = begin();
    uint32_t few;
    egi_frozen_output(f, conv(f, input(f)));
    CHECK_STATUS(egi_frozen_finish(f, 1, 1000), EG_ERR_LIMIT);
    egi_frozen_destroy(f);
    f = begin();
    CHECK_OK(egi_frozen_value(f, (struct egi_frozen_size){ 3, SIDE, SIDE }, &few));
    egi_frozen_input(f, few);
    egi_frozen_output(f, conv(f, few)); /* takes plain pictures: no copy but that of the output */
    CHECK_OK(egi_frozen_finish(f, 1, SIZE_MAX));
    CHECK(count(f, EGI_FROZEN_COPY) == 1 && !egi_frozen_op(f, 0)->s.x_blocked);
    egi_frozen_destroy(f);
    egi_frozen_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(activation_and_sum_are_fused),
        cmocka_unit_test(residual_block),
        cmocka_unit_test(what_was_overwritten_is_not_read),
        cmocka_unit_test(concatenation_is_written_in_place),
        cmocka_unit_test(concatenation_twice),
        cmocka_unit_test(memory_of_a_chain),
        cmocka_unit_test(limit_and_layouts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
