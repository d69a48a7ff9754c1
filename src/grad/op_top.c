/* Learned existence on a tape: which elements are among the largest of their line, and a gradient
 * that passes straight through what has none.
 *
 * The smallest number that is among the largest is found digit by digit of an order of the bits
 * that is that of the numbers, so the time does not depend on what they are. Of equal numbers the
 * first are taken. -0 is 0; NaN lies beyond the infinity of its sign. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "grad/egi_tape.h"

enum { DIGIT = 8, DIGITS = 1 << DIGIT };

struct lines {
    const void *x;
    void *out;
    eg_dtype dtype;
    size_t length, k;
};

static uint64_t key_of(const struct lines *l, size_t i)
{
    if (l->dtype == EG_F32) {
        const float v = ((const float *)l->x)[i] + 0.0f;
        uint32_t bits;
        memcpy(&bits, &v, sizeof bits);
        return bits >> 31 ? ~bits : bits | (uint32_t)1 << 31;
    }
    const double v = ((const double *)l->x)[i] + 0.0;
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    return bits >> 63 ? ~bits : bits | (uint64_t)1 << 63;
}

static void put(const struct lines *l, size_t i, int there)
{
    if (l->dtype == EG_F32)
        ((float *)l->out)[i] = (float)there;
    else
        ((double *)l->out)[i] = (double)there;
}

/* The key of the k-th largest of a line from `begin` on; *ties: how many of its equals are taken.
 */
static uint64_t threshold(const struct lines *l, size_t begin, size_t *ties)
{
    uint64_t prefix = 0;
    size_t left = l->k;
    for (int shift = (int)(DIGIT * eg_dtype_size(l->dtype)) - DIGIT; shift >= 0; shift -= DIGIT) {
        size_t count[DIGITS] = { 0 };
        for (size_t i = begin; i < begin + l->length; i++) {
            const uint64_t from_here = key_of(l, i) >> shift;
            if (from_here >> DIGIT == prefix) count[from_here % DIGITS]++;
        }
        uint64_t digit = DIGITS - 1;
        for (; digit > 0 && count[digit] < left; digit--) left -= count[digit];
        prefix = prefix << DIGIT | digit;
    }
    *ties = left;
    return prefix;
}

static void one_line(void *arg, size_t line)
{
    const struct lines *l = arg;
    const size_t begin = line * l->length;
    size_t ties = 0;
    const uint64_t least = l->k > 0 ? threshold(l, begin, &ties) : UINT64_MAX;
    for (size_t i = begin; i < begin + l->length; i++) {
        const uint64_t key = key_of(l, i);
        const int tied = l->k > 0 && key == least && ties > 0;
        if (tied) ties--;
        put(l, i, (l->k > 0 && key > least) || tied);
    }
}

static eg_status shape_top(struct egi_call *c)
{
    const eg_shape *s = &c->in[0].shape;
    const size_t k = (size_t)c->attr->n[0];
    if (s->rank == 0 || c->in[0].dtype == EG_I32)
        return egi_fail(EG_ERR_UNSUPPORTED, "top: of %s of rank %zu", eg_dtype_name(c->in[0].dtype),
                        s->rank);
    if (k > s->dim[s->rank - 1])
        return egi_fail(EG_ERR_INVALID, "top: %zu largest of a line of %zu", k,
                        s->dim[s->rank - 1]);
    return EG_OK;
}

static eg_status forward_top(struct egi_call *c)
{
    struct egi_tensor x;
    EGI_TRY(egi_contiguous(c, &c->in[0], &x));
    struct lines l = { x.data, c->out.data, x.dtype, x.shape.dim[x.shape.rank - 1],
                       (size_t)c->attr->n[0] };
    const size_t size = eg_shape_size(&x.shape);
    if (size > 0)
        egi_parallel_for(size / l.length, egi_crew(c->threads, 20.0 * (double)size), one_line, &l);
    return EG_OK;
}

const struct egi_op egi_op_top = { .info = { "top", "y_i = [x_i is among the k largest]", "" },
                                   .shape = shape_top,
                                   .forward = forward_top };

static eg_status shape_straight(struct egi_call *c)
{
    char y[EGI_SHAPE_TEXT], x[EGI_SHAPE_TEXT];
    if (egi_shape_equal(&c->in[0].shape, &c->in[1].shape)) return EG_OK;
    return egi_fail(EG_ERR_SHAPE, "straight_through: %s for the gradient of %s",
                    egi_shape_text(&c->in[0].shape, y), egi_shape_text(&c->in[1].shape, x));
}

static void back_straight(struct egi_back *b)
{
    if (b->wanted[1]) b->dx[1] = b->g;
}

const struct egi_op egi_op_straight = { .info = { "straight_through", "z = y; dz/dx = 1",
                                                  "Bengio et al. 2013, section 4" },
                                        .shape = shape_straight,
                                        .backward = back_straight };

eg_var eg_top(eg_tape *t, eg_var x, size_t k)
{
    const struct egi_attr attr = { .n = { k <= PTRDIFF_MAX ? (ptrdiff_t)k : PTRDIFF_MAX } };
    return egi_apply(t, &egi_op_top, &x, 1, &attr);
}

eg_var eg_straight_through(eg_tape *t, eg_var y, eg_var x)
{
    return egi_apply(t, &egi_op_straight, (eg_var[]){ y, x }, 2, NULL);
}
