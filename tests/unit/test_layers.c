/* Layers: derivatives of every row of the table, what normalising keeps, separations as
 * operations. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "layer_bench.h"

#include <stdio.h>

static const struct layer_case cases[] = {
    { "[{\"kind\": \"linear\", \"units\": 3}, {\"kind\": \"activation\", \"function\": \"gelu\"}]",
      { 2, { 4, 5 } } },
    { "[{\"kind\": \"linear\", \"units\": 3, \"bias\": false}, {\"kind\": \"dropout\", \"p\": "
      "0.4}]",
      { 3, { 2, 4, 5 } } },
    { "[{\"kind\": \"alpha_dropout\", \"p\": 0.4}]", { 2, { 4, 5 } } },
    { "[{\"kind\": \"reshape\", \"shape\": [3, 4]}, \"flatten\", \"linear\"]", { 2, { 2, 12 } } },
    { "[{\"kind\": \"reshape\", \"shape\": [3, 0]}, \"swap_axes\"]", { 2, { 2, 12 } } },
    { "[{\"kind\": \"slice\", \"begin\": 1, \"count\": 3}, {\"kind\": \"slice\", \"axis\": 2, "
      "\"begin\": 2}]",
      { 3, { 2, 5, 4 } } },
    { "[{\"kind\": \"embedding\", \"rows\": 4, \"units\": 3}]", { 2, { 3, 2 } } },
    { "[{\"kind\": \"conv1d\", \"channels\": 4, \"padding\": 1, \"stride\": 2}, "
      "{\"kind\": \"max_pool1d\"}]",
      { 3, { 2, 2, 9 } } },
    { "[{\"kind\": \"conv2d\", \"channels\": 4, \"groups\": 2, \"dilation\": 2, \"padding\": 1}, "
      "{\"kind\": \"max_pool2d\", \"kernel\": 3, \"stride\": 1}, \"average_pool2d\"]",
      { 4, { 2, 2, 8, 7 } } },
    { "[{\"kind\": \"conv2d\", \"channels\": 3, \"kernel\": [2, 3], \"stride\": [2, 1], "
      "\"padding\": [0, 2]}, {\"kind\": \"max_pool2d\", \"kernel\": [1, 2]}, "
      "{\"kind\": \"adaptive_pool2d\", \"size\": [2, 3]}]",
      { 4, { 2, 2, 8, 7 } } },
    { "[\"average_pool1d\", {\"kind\": \"adaptive_pool1d\", \"size\": 2}]", { 3, { 2, 3, 8 } } },
    { "[{\"kind\": \"adaptive_pool2d\", \"size\": 3}]", { 4, { 2, 2, 7, 8 } } },
    { "[\"batch_norm\"]", { 2, { 6, 3 } } },
    { "[\"batch_norm\"]", { 4, { 3, 2, 3, 2 } } },
    { "[{\"kind\": \"layer_norm\", \"axes\": 2}]", { 3, { 3, 2, 4 } } },
    { "[{\"kind\": \"group_norm\", \"groups\": 2}]", { 3, { 3, 4, 3 } } },
    { "[{\"kind\": \"lstm\", \"units\": 3}]", { 3, { 2, 4, 3 } } },
    { "[{\"kind\": \"gru\", \"units\": 3, \"last\": false}]", { 3, { 2, 4, 3 } } },
    { "[{\"kind\": \"attention\", \"heads\": 2, \"causal\": true}]", { 3, { 2, 4, 6 } } },
    { "[{\"kind\": \"attention\", \"heads\": 2, \"separation\": \"entmax\", \"order\": 1.5}]",
      { 3, { 2, 4, 6 } } },
    { "[{\"kind\": \"hopfield\", \"num_heads\": 2, \"scaling\": [0.5, 1.5], \"causal\": true, "
      "\"update_steps_max\": 2, \"update_steps_eps\": 0, \"kernel\": true}]",
      { 3, { 2, 4, 6 } } },
    { "[{\"kind\": \"hopfield\", \"num_heads\": 2, \"separation\": \"entmax\", "
      "\"learned_order\": true, \"pattern_projection_as_connected\": true, "
      "\"association_activation\": \"tanh\", \"dropout\": 0.3, \"add_zero_association\": true}]",
      { 3, { 2, 3, 6 } } },
    { "[{\"kind\": \"hopfield\", \"num_heads\": 2, \"scaling\": [0.5, 1.5], "
      "\"random_features\": 7, \"update_steps_max\": 1, \"update_steps_eps\": 0, "
      "\"normalize_hopfield_space\": true}]",
      { 3, { 2, 4, 6 } } },
    { "[{\"kind\": \"hopfield\", \"normalize_hopfield_space\": true, \"update_steps_max\": 2, "
      "\"normalize_hopfield_space_affine\": true, \"normalize_eps\": 0.1, "
      "\"update_steps_eps\": 0, \"concat_bias_pattern\": true, \"output_size\": 3}]",
      { 3, { 2, 4, 5 } } },
    { "[{\"kind\": \"hopfield_pooling\", \"num_heads\": 2, \"quantity\": 3, "
      "\"normalize_state_pattern\": false}]",
      { 3, { 2, 4, 6 } } },
    { "[{\"kind\": \"hopfield_layer\", \"num_heads\": 2, \"quantity\": 5, "
      "\"lookup_weights_as_separated\": true, \"target_size\": 3, \"fused\": false}]",
      { 2, { 3, 6 } } },
    { "[{\"kind\": \"recall\", \"update_steps_max\": 3, \"update_steps_eps\": 0, "
      "\"scaling\": 0.7}]",
      { 3, { 2, 4, 3 } } },
    { "[{\"kind\": \"energy\", \"heads\": 2, \"memories\": 5, \"updates\": 2, \"epsilon\": 0.1}]",
      { 3, { 2, 4, 6 } } },
    { "[{\"kind\": \"energy\", \"heads\": 2, \"hidden_size\": 2, \"memories\": 5, \"n\": 3, "
      "\"updates\": 1, \"see_self\": true, \"output\": \"energy\", \"epsilon\": 0.1}]",
      { 3, { 2, 3, 5 } } },
    { "[\"bag_pool\"]", { 2, { 6, 3 } } },
    { "[{\"kind\": \"bag_pool\", \"how\": \"max\"}]", { 2, { 6, 3 } } },
    { "[{\"kind\": \"bag_attention\", \"hidden\": 3, \"share\": 0.5, \"layers\": [{\"kind\": "
      "\"linear\", \"units\": 4}, {\"kind\": \"activation\", \"function\": \"tanh\"}]}]",
      { 2, { 6, 5 } } },
    { "[\"residues\", {\"kind\": \"conv1d\", \"channels\": 3}, \"place_max\"]", { 2, { 2, 5 } } },
    { "[\"place_max\"]", { 3, { 2, 3, 4 } } },
    { "[{\"kind\": \"scattering\", \"angles\": 2}]", { 4, { 2, 1, 5, 6 } } },
    { "[{\"kind\": \"patches\", \"patches\": 5, \"side\": 2, \"window\": 2, \"stride\": 1}, "
      "{\"kind\": \"conv2d\", \"channels\": 2, \"kernel\": 2}]",
      { 4, { 2, 2, 5, 4 } } },
    { "[{\"kind\": \"sparse_code\", \"atoms\": 7, \"steps\": 3, \"threshold\": 0.1}]",
      { 2, { 4, 5 } } },
    { "[{\"kind\": \"sparse_code\", \"atoms\": 5, \"steps\": 3, \"extra\": 1, \"tied\": false, "
      "\"first\": 0.6, \"threshold\": 0.1, \"learned\": true, \"output\": \"reconstruction\"}]",
      { 4, { 2, 3, 2, 2 } } },
    { "[{\"kind\": \"linear\", \"units\": 4, \"name\": \"a\"}, "
      "{\"kind\": \"residual\", \"layers\": [{\"kind\": \"sequential\", \"layers\": [\"linear\"]}, "
      "{\"kind\": \"activation\", \"function\": \"tanh\"}], \"name\": \"r\"}, "
      "{\"kind\": \"add\", \"from\": [\"a\", \"r\"], \"name\": \"s\"}, "
      "{\"kind\": \"concat\", \"from\": [\"s\", \"r\", \"input\"]}]",
      { 2, { 3, 5 } } },
};

static void compare(struct bench *b, const char *name, double *x, const double *g, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const double h = 1e-5, at = x[i];
        x[i] = at + h;
        const double above = value(b);
        x[i] = at - h;
        const double below = value(b);
        x[i] = at;
        const double numeric = (above - below) / (2 * h);
        if (!(fabs(g[i] - numeric) <= 1e-6 * (1 + fabs(numeric))))
            fail_msg("%s[%zu]: %.12g, by differences %.12g", name, i, g[i], numeric);
    }
}

static void check_case(const struct layer_case *c)
{
    static double g[16][NUMBERS];
    struct bench *b = malloc(sizeof *b);
    eg_var wrt[33], dx[33], in;
    build(b, c);
    const eg_var y = run(b, &in);
    const size_t count = eg_params_count(b->s.params);
    for (size_t i = 0; i < count; i++) wrt[i] = b->leaf[i];
    wrt[count] = in;
    CHECK_OK(eg_tape_gradient(b->s.t, y, EG_NONE, wrt, count + 1, 0, dx));
    for (size_t i = 0; i <= count; i++) {
        const eg_shape shape = i < count ? eg_params_at(b->s.params, i)->shape : b->in;
        memset(g[i], 0, sizeof g[i]);
        if (dx[i].id != 0)
            memcpy(g[i], eg_tape_value(b->s.t, dx[i]), eg_shape_size(&shape) * sizeof(double));
    }
    for (size_t i = 0; i < count; i++) {
        const eg_param *p = eg_params_at(b->s.params, i);
        compare(b, p->name, p->value, g[i], eg_shape_size(&p->shape));
    }
    if (strstr(c->layers, "embedding") == NULL && strstr(c->layers, "residues") == NULL)
        compare(b, c->layers, b->x, g[count], eg_shape_size(&b->in));
    tear(b);
    free(b);
}

static void every_layer_has_the_derivative_of_its_differences(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) check_case(&cases[i]);
    /* of bags: test_bags.c, test_repertoire_layers.c */
    static const char elsewhere[] = "bag_pool bag_attention";
    for (size_t k = 0; egi_layer_kinds[k] != NULL; k++) {
        char quoted[64];
        int found = strstr(elsewhere, egi_layer_kinds[k]->name) != NULL;
        snprintf(quoted, sizeof quoted, "\"%s\"", egi_layer_kinds[k]->name);
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
            found |= strstr(cases[i].layers, quoted) != NULL;
        if (!found) fail_msg("no case for the layer %s", quoted);
    }
}

static void every_activation_has_the_derivative_of_its_differences(void **state)
{
    (void)state;
    static const char *const functions[] = {
        "identity",    "relu",       "leaky_relu:0.2", "elu:0.7",  "selu",  "gelu",
        "silu",        "sigmoid",    "tanh",           "softplus", "rep:3", "softmax",
        "log_softmax", "entmax:1.4", "swish",          "rep"
    };
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
        char text[200];
        snprintf(text, sizeof text, "[{\"kind\": \"activation\", \"function\": \"%s\"}]",
                 functions[i]);
        check_case(&(struct layer_case){ text, { 2, { 3, 5 } } });
    }
}

static void batch_norm_keeps_running_statistics(void **state)
{
    (void)state;
    struct bench *b = malloc(sizeof *b);
    build(b, &(struct layer_case){ "[{\"kind\": \"batch_norm\", \"momentum\": 0.25}]",
                                   { 2, { 5, 1 } } });
    double mean = 0, square = 0;
    for (size_t i = 0; i < 5; i++) mean += b->x[i] / 5;
    for (size_t i = 0; i < 5; i++) square += (b->x[i] - mean) * (b->x[i] - mean);
    const double *m = eg_params_find(b->s.state, "0.running_mean")->value;
    const double *v = eg_params_find(b->s.state, "0.running_var")->value;
    (void)value(b);
    CHECK(*m == 0 && *v == 1); /* not asked to move */
    b->s.update = 1;
    (void)value(b);
    CHECK_NEAR(*m, 0.25 * mean, 1e-12);
    CHECK_NEAR(*v, 0.75 + 0.25 * square / 4, 1e-12);
    tear(b);
    free(b);
}

static void dropout_changes_with_the_step_and_rests_in_evaluation(void **state)
{
    (void)state;
    struct bench *b = malloc(sizeof *b);
    build(b, &(struct layer_case){ "[{\"kind\": \"dropout\", \"p\": 0.5}]", { 2, { 10, 10 } } });
    double plain = 0;
    for (size_t i = 0; i < 100; i++) plain += b->x[i] * b->v[i];
    const double first = value(b);
    CHECK(first != plain && first == value(b));
    b->s.step = 1;
    CHECK(value(b) != first);
    eg_tape_reset(b->s.t);
    b->s.mode = EGI_EVALUATE;
    const eg_var y = egi_graph_apply(&b->s, b->graph, eg_input(b->s.t, EG_F64, &b->in, b->x));
    CHECK_SAME_BITS(eg_tape_value(b->s.t, y), b->x, 100 * sizeof(double));
    tear(b);
    free(b);
}

/* What is kept is a x + b, what is dropped a c + b, with c the limit of selu: of normal inputs mean
 * and variance stay. */
static void alpha_dropout_keeps_mean_and_variance(void **state)
{
    (void)state;
    struct bench *b = malloc(sizeof *b);
    const double c = -1.7580993408473766, a = 1 / sqrt(0.7 + c * c * 0.7 * 0.3), to = -a * 0.3 * c;
    double mean = 0, square = 0;
    size_t dropped = 0;
    build(b,
          &(struct layer_case){ "[{\"kind\": \"alpha_dropout\", \"p\": 0.3}]", { 2, { 64, 64 } } });
    draw(b->x, NUMBERS, 6);
    eg_tape_reset(b->s.t);
    b->s.mode = EGI_TRAIN;
    const eg_var y = egi_graph_apply(&b->s, b->graph, eg_input(b->s.t, EG_F64, &b->in, b->x));
    const double *out = eg_tape_value(b->s.t, y);
    for (size_t i = 0; i < NUMBERS; i++) {
        const int gone = fabs(out[i] - (a * c + to)) < 1e-9;
        dropped += (size_t)gone;
        if (!gone) CHECK_NEAR(out[i], a * b->x[i] + to, 1e-9);
        mean += out[i] / NUMBERS;
        square += out[i] * out[i] / NUMBERS;
    }
    CHECK_NEAR((double)dropped / NUMBERS, 0.3, 0.03); /* four standard errors */
    CHECK_NEAR(mean, 0, 0.07);
    CHECK_NEAR(square, 1, 0.1);
    tear(b);
    free(b);
}

/* Of a sum of the first two of four steps, nothing flows to the last two. */
static void causal_attention_sees_no_later_step(void **state)
{
    (void)state;
    for (int entmax = 0; entmax < 2; entmax++) {
        struct bench *b = malloc(sizeof *b);
        char text[200];
        eg_var in, dx;
        snprintf(
            text, sizeof text,
            "[{\"kind\": \"attention\", \"heads\": 1, \"causal\": true, \"separation\": \"%s\"}]",
            entmax ? "entmax" : "softmax");
        build(b, &(struct layer_case){ text, { 3, { 1, 4, 3 } } });
        memset(b->v + 6, 0, 6 * sizeof *b->v);
        const eg_var y = run(b, &in);
        CHECK_OK(eg_tape_gradient(b->s.t, y, EG_NONE, &in, 1, 0, &dx));
        const double *g = eg_tape_value(b->s.t, dx);
        for (size_t i = 6; i < 12; i++) CHECK(g[i] == 0);
        CHECK(g[0] != 0);
        tear(b);
        free(b);
    }
}

/* The operation against the table's own functions, and its derivative against differences. */
static void separations_are_operations(void **state)
{
    (void)state;
    const double s[] = { 0.31, 0.9, -0.4, 0.55, 0.1, 0.72, 0.2, -0.7, 1.1, 0.05 };
    const double v[] = { 1, -0.5, 0.3, 0.8, -1.2, 0.4, 0.6, -0.9, 0.2, 0.7 };
    eg_tape *t;
    CHECK_OK(eg_tape_create(1, NULL, &t));
    for (int row = 0; row < EG_SEP_COUNT; row++) {
        eg_rule rule = EG_RULE_INIT;
        rule.separation = (eg_separation)row;
        rule.beta = 0.8;
        rule.order = row == EG_SEP_ENTMAX ? 1.5 : 3;
        rule.k = 2;
        eg_tape_reset(t);
        const eg_var x = eg_leaf(t, EG_F64, &eg_shape_of(2, 5), s);
        const eg_var a = eg_separate(t, x, &rule);
        const eg_var seed = eg_input(t, EG_F64, &eg_shape_of(2, 5), v);
        eg_var dx;
        CHECK_OK(eg_tape_status(t));
        for (size_t line = 0; line < 2; line++) {
            double want[5], scale;
            const double *got = (const double *)eg_tape_value(t, a) + 5 * line;
            CHECK_OK(eg_separation_weights(&rule, s + 5 * line, NULL, 5, want, &scale));
            for (size_t i = 0; i < 5; i++)
                CHECK_NEAR(got[i], want[i] * exp(scale), 1e-12 * (1 + fabs(got[i])));
        }
        CHECK_OK(eg_tape_gradient(t, a, seed, &x, 1, 0, &dx));
        const double *g = eg_tape_value(t, dx);
        for (size_t line = 0; line < 2; line++) {
            double want[5];
            CHECK_OK(eg_separation_derivative(&rule, s + 5 * line, NULL, v + 5 * line, 5, want));
            for (size_t i = 0; i < 5; i++) CHECK_NEAR(g[5 * line + i], want[i], 1e-12);
        }
    }
    eg_tape_destroy(t);
}

/* The gradient of a norm that can be differentiated again is that of the kernel. */
static void both_gradients_of_a_norm_agree(void **state)
{
    (void)state;
    const double x_data[] = { 0.3, 0.9, -0.4, 2, 1, -3 }, weight[] = { 1, -2, 0.5, 0.7, 3, -1 };
    const eg_shape s = eg_shape_of(2, 3);
    eg_tape *t;
    CHECK_OK(eg_tape_create(1, NULL, &t));
    const eg_var x = eg_leaf(t, EG_F64, &s, x_data);
    const eg_var y = eg_layer_norm(t, x, 1, EG_NONE, EG_NONE, 0.1);
    const eg_var v = eg_input(t, EG_F64, &s, weight);
    eg_var kept, plain;
    CHECK_OK(eg_tape_gradient(t, y, v, &x, 1, EG_GRADIENT_KEEP, &kept));
    CHECK_OK(eg_tape_gradient(t, y, v, &x, 1, 0, &plain));
    const double *a = eg_tape_value(t, kept), *b = eg_tape_value(t, plain);
    for (size_t i = 0; i < 6; i++) CHECK_NEAR(a[i], b[i], 1e-14);
    eg_tape_destroy(t);
}

static void a_separation_is_not_differentiated_twice(void **state)
{
    (void)state;
    const double s[] = { 0.3, 0.9, -0.4 };
    eg_rule rule = EG_RULE_INIT;
    rule.separation = EG_SEP_ENTMAX;
    eg_tape *t;
    CHECK_OK(eg_tape_create(1, NULL, &t));
    const eg_var x = eg_leaf(t, EG_F64, &eg_shape_of(3), s);
    const eg_var y = eg_sum(t, eg_mul(t, x, eg_separate(t, x, &rule)), EG_ALL_AXES, 0);
    eg_var dx, ddx;
    CHECK_OK(eg_tape_gradient(t, y, EG_NONE, &x, 1, EG_GRADIENT_KEEP, &dx));
    CHECK_STATUS(eg_tape_gradient(t, dx, EG_NONE, &x, 1, 0, &ddx), EG_ERR_UNSUPPORTED);
    CHECK(strstr(eg_error_detail(), "eg_softmax") != NULL);
    eg_tape_reset(t);
    const double bad[] = { 0, NAN, 1 };
    eg_separate(t, eg_leaf(t, EG_F64, &eg_shape_of(3), bad), &rule);
    CHECK_STATUS(eg_tape_status(t), EG_ERR_DIVERGED);
    eg_tape_reset(t);
    rule.order = 1;
    eg_separate(t, eg_leaf(t, EG_F64, &eg_shape_of(3), s), &rule);
    CHECK_STATUS(eg_tape_status(t), EG_ERR_INVALID);
    eg_tape_destroy(t);
}

/* H v as the gradient of <gradient, v>, against differences of gradients. */
static void the_gradient_of_a_gradient_is_a_hessian_product(void **state)
{
    (void)state;
    struct bench *b = malloc(sizeof *b);
    eg_var in, g[8], h[8], dot = EG_NONE;
    double v[8][64], product[8][64], *at[8];
    build(b,
          &(struct layer_case){ "[{\"kind\": \"linear\", \"units\": 6}, {\"kind\": \"activation\", "
                                "\"function\": \"tanh\"}, {\"kind\": \"linear\", \"units\": 1}, "
                                "{\"kind\": \"activation\", \"function\": \"softplus\"}]",
                                { 2, { 5, 4 } } });
    const size_t count = eg_params_count(b->s.params);
    eg_var y = run(b, &in);
    CHECK_OK(eg_tape_gradient(b->s.t, y, EG_NONE, b->leaf, count, EG_GRADIENT_KEEP, g));
    for (size_t i = 0; i < count; i++) {
        const eg_param *p = eg_params_at(b->s.params, i);
        at[i] = p->value;
        draw(v[i], eg_shape_size(&p->shape), 50 + i);
        const eg_var each = eg_mul(b->s.t, g[i], eg_input(b->s.t, EG_F64, &p->shape, v[i]));
        const eg_var sum = eg_sum(b->s.t, each, EG_ALL_AXES, 0);
        dot = i == 0 ? sum : eg_add(b->s.t, dot, sum);
    }
    CHECK_OK(eg_tape_gradient(b->s.t, dot, EG_NONE, b->leaf, count, 0, h));
    for (size_t i = 0; i < count; i++) {
        const eg_shape shape = eg_params_at(b->s.params, i)->shape;
        memcpy(product[i], eg_tape_value(b->s.t, h[i]), eg_shape_size(&shape) * sizeof(double));
    }
    const double step = 1e-5;
    double side[2][8][64];
    for (int k = 0; k < 2; k++) {
        const double by = (k == 0 ? 1 : -2) * step;
        for (size_t i = 0; i < count; i++)
            for (size_t j = 0; j < eg_shape_size(&eg_params_at(b->s.params, i)->shape); j++)
                at[i][j] += by * v[i][j];
        y = run(b, &in);
        CHECK_OK(eg_tape_gradient(b->s.t, y, EG_NONE, b->leaf, count, 0, g));
        for (size_t i = 0; i < count; i++)
            memcpy(side[k][i], eg_tape_value(b->s.t, g[i]),
                   eg_shape_size(&eg_params_at(b->s.params, i)->shape) * sizeof(double));
    }
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < eg_shape_size(&eg_params_at(b->s.params, i)->shape); j++)
            CHECK_NEAR(product[i][j], (side[0][i][j] - side[1][i][j]) / (2 * step),
                       1e-6 * (1 + fabs(product[i][j])));
    tear(b);
    free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_layer_has_the_derivative_of_its_differences),
        cmocka_unit_test(every_activation_has_the_derivative_of_its_differences),
        cmocka_unit_test(batch_norm_keeps_running_statistics),
        cmocka_unit_test(alpha_dropout_keeps_mean_and_variance),
        cmocka_unit_test(dropout_changes_with_the_step_and_rests_in_evaluation),
        cmocka_unit_test(causal_attention_sees_no_later_step),
        cmocka_unit_test(separations_are_operations),
        cmocka_unit_test(both_gradients_of_a_norm_agree),
        cmocka_unit_test(a_separation_is_not_differentiated_twice),
        cmocka_unit_test(the_gradient_of_a_gradient_is_a_hessian_product),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
