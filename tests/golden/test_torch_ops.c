/* Values and gradients against those of PyTorch 1.13 in f64 (tools/golden_torch.py says how the
 * file is made and what its lines are). */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "check.h"

enum { MAX_ARRAYS = 24, NAME = 32 };

struct array {
    char name[NAME];
    eg_shape shape;
    double *value;
    int32_t *index; /* the same as whole numbers */
};

struct a_case {
    char name[NAME];
    struct array array[MAX_ARRAYS];
    size_t count;
};

static const struct array *find(const struct a_case *c, const char *name)
{
    for (size_t i = 0; i < c->count; i++)
        if (strcmp(c->array[i].name, name) == 0) return &c->array[i];
    return NULL;
}

static eg_var conv(eg_tape *t, const eg_var *x, eg_window w)
{
    w.size = sizeof w;
    return eg_conv(t, x[0], x[1], &w);
}

static eg_var transpose(eg_tape *t, const eg_var *x, eg_window w)
{
    w.size = sizeof w;
    return eg_conv_transpose(t, x[0], x[1], &w);
}

static eg_var conv1d(eg_tape *t, const eg_var *x)
{
    return conv(t, x, (eg_window){ .stride = { 2 }, .padding = { 1 } });
}

static eg_var conv1d_dilated(eg_tape *t, const eg_var *x)
{
    return conv(t, x, (eg_window){ .dilation = { 2 }, .groups = 2 });
}

static eg_var conv2d(eg_tape *t, const eg_var *x)
{
    return conv(t, x, (eg_window){ .padding = { 1, 1 } });
}

static eg_var conv2d_all(eg_tape *t, const eg_var *x)
{
    return conv(
        t, x,
        (eg_window){ .stride = { 2, 1 }, .padding = { 1, 2 }, .dilation = { 1, 2 }, .groups = 2 });
}

static eg_var conv_transpose1d(eg_tape *t, const eg_var *x)
{
    return transpose(t, x, (eg_window){ .stride = { 2 }, .padding = { 1 }, .extra = { 1 } });
}

static eg_var conv_transpose2d(eg_tape *t, const eg_var *x)
{
    return transpose(t, x,
                     (eg_window){ .stride = { 2, 3 },
                                  .padding = { 1, 0 },
                                  .extra = { 1, 2 },
                                  .dilation = { 2, 1 },
                                  .groups = 2 });
}

static eg_var max_pool1d(eg_tape *t, const eg_var *x)
{
    return eg_max_pool(
        t, x[0],
        &(eg_window){
            .size = sizeof(eg_window), .kernel = { 3 }, .stride = { 2 }, .padding = { 1 } });
}

static eg_var max_pool2d(eg_tape *t, const eg_var *x)
{
    return eg_max_pool(t, x[0],
                       &(eg_window){ .size = sizeof(eg_window),
                                     .kernel = { 2, 3 },
                                     .stride = { 2, 1 },
                                     .padding = { 1, 1 } });
}

static eg_var avg_pool1d(eg_tape *t, const eg_var *x)
{
    return eg_average_pool(t, x[0], &(eg_window){ .size = sizeof(eg_window), .kernel = { 2 } });
}

static eg_var avg_pool2d(eg_tape *t, const eg_var *x)
{
    return eg_average_pool(t, x[0],
                           &(eg_window){ .size = sizeof(eg_window),
                                         .kernel = { 3, 2 },
                                         .stride = { 1, 2 },
                                         .padding = { 1, 1 } });
}

static eg_var adaptive1d(eg_tape *t, const eg_var *x)
{
    return eg_adaptive_average_pool(t, x[0], (size_t[]){ 3 });
}

static eg_var adaptive2d(eg_tape *t, const eg_var *x)
{
    return eg_adaptive_average_pool(t, x[0], (size_t[]){ 2, 4 });
}

static eg_var in_line(eg_tape *t, eg_var x)
{
    const eg_shape s = eg_tape_shape(t, x);
    return eg_reshape(t, x, &eg_shape_of(eg_shape_size(&s)));
}

/* All h, the last h, the last c (EG_NONE: none). */
static eg_var states(eg_tape *t, eg_var h, eg_var c)
{
    const eg_shape s = eg_tape_shape(t, h);
    const eg_var all[3] = { in_line(t, h), in_line(t, eg_slice(t, h, 0, s.dim[0] - 1, 1, 1)),
                            c.id != 0 ? in_line(t, c) : EG_NONE };
    return eg_concat(t, all, c.id != 0 ? 3 : 2, 0);
}

static eg_var lstm(eg_tape *t, const eg_var *x)
{
    eg_var c;
    const eg_var h = eg_lstm(t, x[0], x[1], x[2], &(eg_recurrent){ x[3], x[4], x[5], x[6] }, &c);
    return states(t, h, c);
}

static eg_var gru(eg_tape *t, const eg_var *x)
{
    return states(t, eg_gru(t, x[0], x[1], &(eg_recurrent){ x[2], x[3], x[4], x[5] }), EG_NONE);
}

/* The same step by step. */
static eg_var step_by_step(eg_tape *t, const eg_var *x, const eg_recurrent *p, eg_var c)
{
    const eg_shape s = eg_tape_shape(t, x[0]);
    const int is_lstm = c.id != 0;
    eg_var h = x[1], all[8];
    for (size_t i = 0; i < s.dim[0]; i++) {
        const eg_var now =
            eg_reshape(t, eg_slice(t, x[0], 0, i, 1, 1), &eg_shape_of(s.dim[1], s.dim[2]));
        h = is_lstm ? eg_lstm_cell(t, now, h, c, p, &c) : eg_gru_cell(t, now, h, p);
        all[i] = eg_reshape(t, h, &eg_shape_of(1, s.dim[1], eg_tape_shape(t, h).dim[1]));
    }
    return states(t, eg_concat(t, all, s.dim[0], 0), c);
}

static eg_var lstm_cell(eg_tape *t, const eg_var *x)
{
    return step_by_step(t, x, &(eg_recurrent){ x[3], x[4], x[5], x[6] }, x[2]);
}

static eg_var gru_cell(eg_tape *t, const eg_var *x)
{
    return step_by_step(t, x, &(eg_recurrent){ x[2], x[3], x[4], x[5] }, EG_NONE);
}

static eg_var batch_norm(eg_tape *t, const eg_var *x)
{
    return eg_batch_norm(t, x[0], x[1], x[2], 1e-5, NULL, NULL);
}

/* With the statistics of the batch itself, which flow into the gradient just so. */
static eg_var batch_norm_fixed(eg_tape *t, const eg_var *x)
{
    eg_var mean, variance;
    eg_batch_norm(t, x[0], EG_NONE, EG_NONE, 1e-5, &mean, &variance);
    return eg_batch_norm_fixed(t, x[0], mean, variance, x[1], x[2], 1e-5);
}

static eg_var layer_norm(eg_tape *t, const eg_var *x)
{
    return eg_layer_norm(t, x[0], 2, x[1], x[2], 1e-5);
}

static eg_var group_norm(eg_tape *t, const eg_var *x)
{
    return eg_group_norm(t, x[0], 2, x[1], x[2], 1e-5);
}

static eg_var cross_entropy(eg_tape *t, const eg_var *x)
{
    const eg_shape s = eg_tape_shape(t, x[0]);
    const eg_var own = eg_mul(t, eg_log_softmax(t, x[0], 1), eg_one_hot(t, x[1], s.dim[1], EG_F64));
    return eg_neg(t, eg_sum(t, own, EG_AXIS(1), 0));
}

static eg_var gelu(eg_tape *t, const eg_var *x)
{
    return eg_gelu(t, x[0]);
}

static eg_var selu(eg_tape *t, const eg_var *x)
{
    return eg_selu(t, x[0]);
}

static eg_var elu(eg_tape *t, const eg_var *x)
{
    return eg_elu(t, x[0], 0.7);
}

static eg_var silu(eg_tape *t, const eg_var *x)
{
    return eg_silu(t, x[0]);
}

static eg_var grid_sample(eg_tape *t, const eg_var *x)
{
    return eg_grid_sample(t, x[0], eg_affine_grid(t, x[1], 3, 4));
}

#define OWN(id)      \
    {                \
#id, #id, id \
    }
static const struct {
    const char *name, *of; /* which numbers of the file */
    eg_var (*f)(eg_tape *t, const eg_var *x);
} operations[] = {
    OWN(conv1d),
    OWN(conv1d_dilated),
    OWN(conv2d),
    OWN(conv2d_all),
    OWN(conv_transpose1d),
    OWN(conv_transpose2d),
    OWN(max_pool1d),
    OWN(max_pool2d),
    OWN(avg_pool1d),
    OWN(avg_pool2d),
    OWN(adaptive1d),
    OWN(adaptive2d),
    OWN(lstm),
    OWN(gru),
    OWN(batch_norm),
    OWN(layer_norm),
    OWN(group_norm),
    OWN(cross_entropy),
    OWN(gelu),
    OWN(selu),
    OWN(elu),
    OWN(silu),
    OWN(grid_sample),
    { "lstm_cell", "lstm", lstm_cell },
    { "gru_cell", "gru", gru_cell },
    { "batch_norm_fixed", "batch_norm", batch_norm_fixed },
};

static void near(const char *name, const char *what, const double *got, const struct array *want)
{
    assert_non_null(want);
    assert_non_null(got);
    for (size_t i = 0; i < eg_shape_size(&want->shape); i++)
        if (!(fabs(got[i] - want->value[i]) <= 1e-9 * fmax(1, fabs(want->value[i]))))
            fail_msg("%s: %s[%zu] = %.17g, PyTorch %.17g", name, what, i, got[i], want->value[i]);
}

static void compare(size_t row, const struct a_case *c)
{
    eg_tape *t;
    CHECK_OK(eg_tape_create(1, NULL, &t));
    eg_var x[MAX_ARRAYS], dx[MAX_ARRAYS];
    size_t n = 0, leaves = 0;
    for (; c->array[n].name[0] == 'x'; n++)
        x[n] = eg_leaf(t, EG_F64, &c->array[n].shape, c->array[n].value);
    leaves = n;
    for (; c->array[n].name[0] == 'i'; n++)
        x[n] = eg_input(t, EG_I32, &c->array[n].shape, c->array[n].index);
    const eg_var y = operations[row].f(t, x);
    const eg_shape shape = eg_tape_shape(t, y);
    CHECK_OK(eg_tape_status(t));
    const struct array *v = find(c, "v");
    CHECK(v != NULL && shape.rank == v->shape.rank
          && eg_shape_size(&shape) == eg_shape_size(&v->shape));
    near(operations[row].name, "y", eg_tape_value(t, y), find(c, "y"));
    CHECK_OK(eg_tape_gradient(t, y, eg_input(t, EG_F64, &v->shape, v->value), x, leaves, 0, dx));
    for (size_t k = 0; k < leaves; k++) {
        char name[NAME];
        snprintf(name, sizeof name, "g%zu", k);
        near(operations[row].name, name, eg_tape_value(t, dx[k]), find(c, name));
    }
    eg_tape_destroy(t);
}

/* One array of a line that has been read as far as its name. */
static void read_array(FILE *f, struct array *a)
{
    assert_int_equal(fscanf(f, "%zu", &a->shape.rank), 1);
    CHECK(a->shape.rank <= EG_MAX_RANK);
    for (size_t i = 0; i < a->shape.rank; i++)
        assert_int_equal(fscanf(f, "%zu", &a->shape.dim[i]), 1);
    const size_t n = eg_shape_size(&a->shape);
    a->value = calloc(n, sizeof *a->value);
    a->index = calloc(n, sizeof *a->index);
    CHECK(a->value != NULL && a->index != NULL);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(fscanf(f, "%lf", &a->value[i]), 1);
        a->index[i] = (int32_t)a->value[i];
    }
}

/* The next case of the file; `word` holds the first word after it. */
static int read_case(FILE *f, struct a_case *c, char word[NAME])
{
    c->count = 0;
    if (strcmp(word, "case") != 0 || fscanf(f, "%31s", c->name) != 1) return 0;
    while (fscanf(f, "%31s", word) == 1 && strcmp(word, "case") != 0) {
        CHECK(c->count + 1 < MAX_ARRAYS);
        struct array *a = &c->array[c->count++];
        memcpy(a->name, word, NAME);
        read_array(f, a);
    }
    return c->count > 0;
}

static void as_pytorch(void **state)
{
    (void)state;
    const char *data = getenv("EG_TEST_DATA");
    char path[4096], word[NAME];
    size_t done = 0;
    snprintf(path, sizeof path, "%s/../tests/golden/torch_ops.txt", data != NULL ? data : "data");
    FILE *f = fopen(path, "r");
    if (f == NULL) fail_msg("%s: cannot be read", path);
    assert_int_equal(fscanf(f, "%31s", word), 1);
    for (struct a_case c; read_case(f, &c, word);) {
        for (size_t row = 0; row < sizeof operations / sizeof *operations; row++) {
            if (strcmp(operations[row].of, c.name) != 0) continue;
            compare(row, &c);
            done++;
        }
        for (size_t i = 0; i < c.count; i++) {
            free(c.array[i].value);
            free(c.array[i].index);
        }
    }
    fclose(f);
    assert_int_equal(done, sizeof operations / sizeof *operations);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(as_pytorch) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
