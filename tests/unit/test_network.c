/* The learner "network": what it is given, what it learns, and the bits it leaves. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include <stdio.h>

enum { SPIRAL = 194 };

static eg_learner *make(const char *spec, size_t inputs, size_t classes, int threads)
{
    const eg_task task = { .inputs = inputs, .classes = classes, .epochs = 100 };
    eg_learner *l = NULL;
    CHECK_OK(eg_learner_create(spec, &task, 7, threads, NULL, &l));
    return l;
}

static size_t errors(eg_learner *l, const float *x, const int32_t *y, size_t b)
{
    const size_t d = eg_learner_task(l)->inputs, k = eg_learner_task(l)->classes;
    size_t wrong = 0;
    float z[16];
    for (size_t i = 0; i < b; i++) {
        size_t best = 0;
        CHECK_OK(eg_learner_scores(l, x + i * d, 1, z));
        for (size_t c = 1; c < k; c++)
            if (z[c] > z[best]) best = c;
        wrong += best != (size_t)y[i];
    }
    return wrong;
}

static const float xor_x[] = { 0, 0, 0, 1, 1, 0, 1, 1 };
static const int32_t xor_y[] = { 0, 1, 1, 0 };

static void xor_is_learned_by_every_optimiser_and_loss(void **state)
{
    (void)state;
    static const char *const optimisers[] = {
        "{\"kind\": \"sgd\", \"rate\": 0.1}",
        "{\"kind\": \"sgd\", \"rate\": 0.1, \"nesterov\": true}",
        "{\"kind\": \"adam\", \"rate\": 0.02}",
        "{\"kind\": \"adamw\", \"rate\": 0.02}",
        "{\"kind\": \"rmsprop\", \"rate\": 0.005}",
        "{\"kind\": \"normalised\", \"rate\": 0.01}",
        "{\"kind\": \"lbfgs\"}",
    };
    static const char *const losses[] = {
        "{\"kind\": \"cross_entropy\", \"smoothing\": 0.1}",
        "\"mse\"",
        "\"binary_cross_entropy\"",
        "\"hinge\"",
        "\"quadratic_hinge\"",
        "{\"kind\": \"power\", \"m\": 1}",
    };
    for (size_t o = 0; o < sizeof optimisers / sizeof *optimisers; o++)
        for (size_t k = 0; k < sizeof losses / sizeof *losses; k++) {
            char spec[400];
            snprintf(spec, sizeof spec,
                     "{\"kind\": \"network\", \"hidden\": [16], \"activation\": \"tanh\", "
                     "\"loss\": %s, \"optimiser\": %s}",
                     losses[k], optimisers[o]);
            eg_learner *l = make(spec, 2, 2, 1);
            double loss = 0;
            for (size_t i = 0; i < 400; i++)
                CHECK_OK(eg_learner_step(l, (double)i, xor_x, xor_y, 4, &loss));
            const size_t wrong = errors(l, xor_x, xor_y, 4);
            if (wrong != 0) fail_msg("%s: %zu wrong, loss %g", spec, wrong, loss);
            eg_learner_destroy(l);
        }
}

/* Lang and Witbrock 1988: two spirals of 97 points, three turns. */
static void draw_spirals(float *x, int32_t *y)
{
    for (int i = 0; i < SPIRAL / 2; i++) {
        const double angle = i * acos(-1) / 16, radius = (104 - i) / 104.0;
        for (int arm = 0; arm < 2; arm++) {
            const double sign = arm == 0 ? 1 : -1;
            x[(2 * i + arm) * 2] = (float)(sign * radius * sin(angle));
            x[(2 * i + arm) * 2 + 1] = (float)(sign * radius * cos(angle));
            y[2 * i + arm] = arm;
        }
    }
}

static void two_spirals_are_told_apart(void **state)
{
    (void)state;
    float x[2 * SPIRAL];
    int32_t y[SPIRAL];
    draw_spirals(x, y);
    eg_learner *l = make("{\"kind\": \"network\", \"hidden\": [40, 40], \"activation\": \"tanh\", "
                         "\"optimiser\": {\"kind\": \"adam\", \"rate\": 0.01}}",
                         2, 2, 1);
    double loss = 1;
    size_t i = 0;
    for (; i < 4000 && !(loss < 0.01); i++) CHECK_OK(eg_learner_step(l, 0, x, y, SPIRAL, &loss));
    CHECK(i < 4000);
    CHECK(errors(l, x, y, SPIRAL) == 0);
    eg_learner_destroy(l);
}

static const char *const whole =
    "{\"kind\": \"network\", \"layers\": [{\"kind\": \"linear\", \"units\": 300, \"name\": \"a\"}, "
    "\"activation\", {\"kind\": \"dropout\", \"p\": 0.3}, "
    "{\"kind\": \"residual\", \"layers\": [{\"kind\": \"linear\", \"units\": 300}, "
    "{\"kind\": \"activation\", \"function\": \"rep:2\"}]}, {\"kind\": \"linear\"}], "
    "\"optimiser\": \"adam\", \"clip_norm\": 1, \"schedule\": {\"kind\": \"cosine\", \"warm_up\": "
    "2}}";

enum { D = 200, K = 10, B = 120 };

static void draw_batch(float *x, int32_t *y, uint64_t stream)
{
    eg_random_normal(3, stream, 0, (size_t)B * D, x);
    for (size_t i = 0; i < B; i++) y[i] = (int32_t)eg_random_below(4, stream, i, K);
}

static void train(eg_learner *l, size_t from, size_t to)
{
    float *x = malloc((size_t)B * D * sizeof *x);
    int32_t y[B];
    for (size_t i = from; i < to; i++) {
        double loss;
        draw_batch(x, y, i);
        CHECK_OK(eg_learner_step(l, (double)i / 10, x, y, B, &loss));
    }
    free(x);
}

static void same_bits_for_one_and_two_threads_and_after_a_pause(void **state)
{
    (void)state;
    eg_learner *one = make(whole, D, K, 1), *two = make(whole, D, K, 2);
    train(one, 0, 12);
    train(two, 0, 12);
    CHECK(eg_params_hash(eg_learner_params(one)) == eg_params_hash(eg_learner_params(two)));
    CHECK(eg_params_hash(eg_learner_state(one)) == eg_params_hash(eg_learner_state(two)));
    eg_learner *later = make(eg_learner_spec(one), D, K, 1);
    assert_string_equal(eg_learner_spec(later), eg_learner_spec(one));
    CHECK_OK(eg_params_copy(eg_learner_params(later), eg_learner_params(one)));
    CHECK_OK(eg_params_copy(eg_learner_state(later), eg_learner_state(one)));
    train(one, 12, 20);
    train(later, 12, 20);
    CHECK(eg_params_hash(eg_learner_params(one)) == eg_params_hash(eg_learner_params(later)));
    eg_learner_destroy(one);
    eg_learner_destroy(two);
    eg_learner_destroy(later);
}

static void scores_do_not_depend_on_the_split(void **state)
{
    (void)state;
    eg_learner *l = make(whole, D, K, 1);
    float *x = malloc((size_t)B * D * sizeof *x), all[B * K], some[B * K];
    int32_t y[B];
    draw_batch(x, y, 0);
    train(l, 0, 3);
    CHECK_OK(eg_learner_scores(l, x, B, all));
    for (size_t each = 1; each < B; each = 3 * each + 2) {
        for (size_t i = 0; i < B; i += each)
            CHECK_OK(eg_learner_scores(l, x + i * D, B - i < each ? B - i : each, some + i * K));
        CHECK_SAME_BITS(all, some, sizeof all);
    }
    free(x);
    eg_learner_destroy(l);
}

static void pullback_is_the_derivative_of_the_scores(void **state)
{
    (void)state;
    eg_learner *l =
        make("{\"kind\": \"network\", \"hidden\": [30, 20], \"activation\": \"gelu\"}", 6, 3, 1);
    float x[12], v[6], z[6], dx[12];
    eg_random_normal(5, 1, 0, 12, x);
    eg_random_normal(5, 2, 0, 6, v);
    CHECK_OK(eg_learner_pullback(l, x, v, 2, z, dx));
    float plain[6];
    CHECK_OK(eg_learner_scores(l, x, 2, plain));
    CHECK_SAME_BITS(z, plain, sizeof z);
    for (size_t i = 0; i < 12; i++) {
        const float at = x[i], h = 1.0f / 128;
        double sum[2] = { 0, 0 };
        for (int side = 0; side < 2; side++) {
            x[i] = side ? at + h : at - h;
            CHECK_OK(eg_learner_scores(l, x, 2, z));
            for (size_t k = 0; k < 6; k++) sum[side] += (double)v[k] * (double)z[k];
        }
        x[i] = at;
        CHECK_NEAR(dx[i], (sum[1] - sum[0]) / (2 * (double)h), 2e-3);
    }
    eg_learner_destroy(l);
}

static void a_steady_state_allocates_nothing(void **state)
{
    (void)state;
    static const char *const specs[] = {
        NULL,
        "{\"kind\": \"network\", \"hidden\": [50], \"optimiser\": {\"kind\": \"lbfgs\", "
        "\"iterations\": 2, \"evaluations\": 3}}",
    };
    for (size_t s = 0; s < 2; s++) {
        struct failing f = { .fail_at = SIZE_MAX };
        const eg_allocator a = failing_allocator(&f);
        const eg_task task = { .inputs = D, .classes = K, .epochs = 10 };
        eg_learner *l;
        CHECK_OK(eg_learner_create(specs[s] != NULL ? specs[s] : whole, &task, 1, 1, &a, &l));
        train(l, 0, 3);
        const size_t calls = f.calls;
        train(l, 3, 10);
        CHECK(f.calls == calls);
        eg_learner_destroy(l);
        CHECK(f.live == 0);
    }
}

static void every_failed_allocation_leaves_nothing(void **state)
{
    (void)state;
    const eg_task task = { .inputs = 2, .classes = 2, .epochs = 10 };
    size_t n = 0;
    for (eg_status s = EG_ERR_NOMEM; s != EG_OK; n++) {
        struct failing f = { .fail_at = n };
        const eg_allocator a = failing_allocator(&f);
        eg_learner *l = NULL;
        double loss;
        float z[8];
        s = eg_learner_create("{\"kind\": \"network\", \"hidden\": [3], "
                              "\"optimiser\": {\"kind\": \"adam\"}}",
                              &task, 1, 1, &a, &l);
        if (s == EG_OK) s = eg_learner_step(l, 0, xor_x, xor_y, 4, &loss);
        if (s == EG_OK) s = eg_learner_scores(l, xor_x, 4, z);
        CHECK(s == EG_OK || s == EG_ERR_NOMEM);
        eg_learner_destroy(l);
        CHECK(f.live == 0);
        CHECK(n < 1000);
    }
}

static void refused(const char *spec, const eg_task *task, eg_status want, const char *text)
{
    eg_learner *l = NULL;
    CHECK_STATUS(eg_learner_create(spec, task, 1, 1, NULL, &l), want);
    if (strstr(eg_error_detail(), text) == NULL)
        fail_msg("%s: \"%s\" does not say \"%s\"", spec, eg_error_detail(), text);
    CHECK(l == NULL);
}

static void what_does_not_fit_is_refused_with_its_place(void **state)
{
    (void)state;
    const eg_task flat = { .inputs = 12, .classes = 3, .epochs = 1 };
    const eg_task image = { 12, 3, 4, 1, 3, 1, 0 };
    refused("{\"kind\": \"network\", \"layers\": [\"linear\"]}", &image, EG_ERR_SHAPE,
            "layers[0] linear: expected (B, D) or (B, T, D), got (1, 1, 3, 4)");
    refused("{\"kind\": \"network\", \"layers\": [{\"kind\": \"linear\", \"units\": 5}]}", &flat,
            EG_ERR_SHAPE, "gives (1, 5), expected scores (1, 3)");
    refused("{\"kind\": \"network\", \"layers\": [{\"kind\": \"reshape\", \"shape\": [5, 2]}]}",
            &flat, EG_ERR_SHAPE, "layers[0] reshape: reshape: (1, 12) does not become (1, 5, 2)");
    refused("{\"kind\": \"network\", \"layers\": [{\"kind\": \"reshape\", \"shape\": [5, 0]}]}",
            &flat, EG_ERR_SHAPE, "layers[0] reshape: reshape: (1, 12) does not become (1, 5, 2)");
    refused("{\"kind\": \"network\", \"layers\": [{\"kind\": \"reshape\", \"shape\": [0, 0]}]}",
            &flat, EG_ERR_INVALID, "layers[0].shape[1]: expected a count in 1..1e9, or for one");
    refused("{\"kind\": \"network\", \"layers\": [{\"kind\": \"reshape\", \"shape\": [24, 0]}]}",
            &flat, EG_ERR_SHAPE, "layers[0] reshape: ");
    refused("{\"kind\": \"network\", \"layers\": [{\"kind\": \"reshape\", \"shape\": [0, "
            "1000000000, 1000000000, 1000000000]}]}",
            &flat, EG_ERR_SHAPE, "layers[0] reshape: ");
    refused("{\"kind\": \"network\", \"layers\": [\"swap_axes\"]}", &flat, EG_ERR_SHAPE,
            "layers[0] swap_axes: expected (B, C, L), got (1, 12)");
    refused("{\"kind\": \"network\", \"layers\": [{\"kind\": \"residual\", \"layers\": "
            "[{\"kind\": \"linear\", \"units\": 4}]}]}",
            &flat, EG_ERR_SHAPE, "layers[0] residual: (1, 12) and (1, 4) do not add");
    refused("{\"kind\": \"network\", \"layers\": [{\"kind\": \"sequential\", \"layers\": "
            "[\"flatten\", {\"kind\": \"reshape\", \"shape\": [7]}]}]}",
            &flat, EG_ERR_SHAPE, "layers[0].layers[1] reshape: ");
    refused("{\"kind\": \"network\", \"layers\": [\"flat\"]}", &flat, EG_ERR_INVALID,
            "layers[0]: expected one of linear");
    refused("{\"kind\": \"network\", \"layers\": [{\"kind\": \"linear\", \"unit\": 5}]}", &flat,
            EG_ERR_INVALID, "layers[0].unit");
    refused("{\"kind\": \"network\", \"layers\": [{\"kind\": \"linear\", \"units\": \"ten\"}]}",
            &flat, EG_ERR_INVALID, "layers[0].units: expected a count");
    refused("{\"kind\": \"network\", \"layers\": [\"linear\", {\"kind\": \"add\", \"from\": "
            "[\"input\", \"b\"]}]}",
            &flat, EG_ERR_INVALID, "layers[1].from: expected \"input\" or the name of a layer");
    refused("{\"kind\": \"network\", \"layers\": [\"linear\"], \"hidden\": [3]}", &flat,
            EG_ERR_INVALID, "both");
    refused("{\"kind\": \"network\", \"activation\": \"rep:x\"}", &flat, EG_ERR_INVALID,
            "activation: rep: expected a number in 1..100");
    refused("{\"kind\": \"network\", \"activation\": \"relu:2\"}", &flat, EG_ERR_INVALID,
            "takes no number");
    refused("{\"kind\": \"network\", \"optimiser\": \"adm\"}", &flat, EG_ERR_INVALID,
            "optimiser: expected one of sgd, adam");
    refused("{\"kind\": \"network\", \"optimiser\": 3}", &flat, EG_ERR_INVALID,
            "optimiser: expected a word or an object");
    refused("{\"kind\": \"network\", \"optimiser\": {\"kind\": \"adam\", \"eps\": 0}}", &flat,
            EG_ERR_INVALID, "eps: expected a number in 1e-30..1, got 0");
    refused("{\"kind\": \"network\", \"hidden\": [0]}", &flat, EG_ERR_INVALID,
            "hidden[0]: expected a count in 1..1e9, got 0");
    refused("{\"kind\": \"network\", \"hidden\": 7}", &flat, EG_ERR_INVALID, "[2000], got 7");
    refused("{\"kind\": \"network\", \"initialiser\": \"x\"}", &flat, EG_ERR_INVALID,
            "initialiser: expected one of zeros");
    CHECK(strncmp(eg_error_detail(), "initialiser: ", 13) == 0);
    refused("{\"kind\": \"network\", \"layers\": [{\"kind\": \"lstm\", "
            "\"recurrent_initialiser\": \"x\"}]}",
            &flat, EG_ERR_INVALID, "layers[0].recurrent_initialiser: expected one of zeros");
    refused("{\"kind\": \"network\", \"layers\": [{\"kind\": \"linear\", \"from\": 0}]}", &flat,
            EG_ERR_INVALID, "before it, got 0");
    refused("{\"kind\": \"network\", \"layers\": [{\"kind\": \"linear\", \"name\": "
            "\"a\\u001b[31m\\n\"}]}",
            &flat, EG_ERR_INVALID, "is not \"input\", got \"a\\u001B[31m\\n\"");
    refused("{\"kind\": \"network\", \"layers\": [{\"kind\": \"attention\", \"separation\": "
            "\"entmax:1.5\"}]}",
            &flat, EG_ERR_INVALID, "entmax, ");
    refused("{\"kind\": \"network\", \"layers\": [{\"kind\": \"conv2d\", \"channels\": 4, "
            "\"kernel\": 99, \"padding\": 2}, \"flatten\", \"linear\"]}",
            &image, EG_ERR_SHAPE, "expected a kernel of up to 7, 8");
    refused("{\"kind\": \"network\", \"layers\": [{\"kind\": \"conv2d\", \"channels\": 4, "
            "\"kernel\": [3, 99], \"stride\": [2, 1]}, \"flatten\", \"linear\"]}",
            &image, EG_ERR_SHAPE, "(4, 1, 3, 99), f32; stride 2, 1");
    refused("{\"kind\": \"network\", \"layers\": [{\"kind\": \"max_pool2d\", \"kernel\": "
            "[2, 0]}]}",
            &image, EG_ERR_INVALID,
            "kernel: expected a count in 1..1e+06, or a list of two, got 0");
    refused("{\"kind\": \"network\", \"layers\": [{\"kind\": \"conv1d\", \"kernel\": [2, 3]}]}",
            &image, EG_ERR_INVALID, "kernel: expected a count in 1..1e+06, got [2,3]");
    refused(
        "{\"kind\": \"network\", \"layers\": [\"activation\", {\"kind\": \"reshape\", \"shape\": "
        "[3]}]}",
        &(eg_task){ .inputs = 3, .classes = 3, .epochs = 1 }, EG_ERR_INVALID,
        "none of them learns");
}

static void divergence_names_the_parameter(void **state)
{
    (void)state;
    static const char *const specs[] = {
        "{\"kind\": \"network\", \"hidden\": [8], \"optimiser\": {\"kind\": \"sgd\", \"rate\": "
        "1e6}, "
        "\"loss\": \"mse\"}", /* the loss is too large first */
        "{\"kind\": \"network\", \"hidden\": [], \"optimiser\": {\"kind\": \"sgd\", \"rate\": "
        "1e6, "
        "\"decay\": 1e6}}", /* a parameter is */
    };
    for (size_t k = 0; k < 2; k++) {
        eg_learner *l = make(specs[k], 2, 2, 1);
        double loss;
        eg_status s = EG_OK;
        for (int i = 0; i < 100 && s == EG_OK; i++)
            s = eg_learner_step(l, 0, xor_x, xor_y, 4, &loss);
        CHECK(s == EG_ERR_DIVERGED);
        CHECK(strstr(eg_error_detail(), "weight[") != NULL
              || strstr(eg_error_detail(), "bias[") != NULL);
        CHECK((strstr(eg_error_detail(), "the loss is") != NULL) == (k == 0));
        eg_learner_destroy(l);
    }
}

static void the_schedule_moves_the_rate(void **state)
{
    (void)state;
    eg_learner *l =
        make("{\"kind\": \"network\", \"hidden\": [4], \"schedule\": \"cosine\"}", 2, 2, 1);
    double loss;
    const uint64_t before = eg_params_hash(eg_learner_params(l));
    CHECK_OK(eg_learner_step(l, 100, xor_x, xor_y, 4, &loss)); /* the last epoch: rate 0 */
    CHECK(eg_params_hash(eg_learner_params(l)) == before);
    CHECK_OK(eg_learner_step(l, 50, xor_x, xor_y, 4, &loss));
    CHECK(eg_params_hash(eg_learner_params(l)) != before);
    eg_learner_destroy(l);
}

/* Convolutional, recurrent and attending networks on the same images. */
static void images_go_through_every_kind_of_network(void **state)
{
    (void)state;
    enum { SIDE = 12, MANY = 100 };
    static const char *const specs[] = {
        "{\"kind\": \"network\", \"layers\": [{\"kind\": \"conv2d\", \"channels\": 6}, "
        "\"batch_norm\", \"activation\", \"max_pool2d\", \"flatten\", \"linear\"], "
        "\"optimiser\": \"adam\"}",
        "{\"kind\": \"network\", \"layers\": [{\"kind\": \"reshape\", \"shape\": [12, 12]}, "
        "{\"kind\": \"lstm\", \"units\": 16}, \"linear\"], \"optimiser\": {\"kind\": \"adam\", "
        "\"rate\": 0.01}}",
        "{\"kind\": \"network\", \"layers\": [{\"kind\": \"reshape\", \"shape\": [12, 12]}, "
        "{\"kind\": \"residual\", \"layers\": [\"layer_norm\", \"attention\"]}, \"flatten\", "
        "\"linear\"], \"optimiser\": \"adam\"}",
    };
    static float x[MANY * SIDE * SIDE], dx[MANY * SIDE * SIDE];
    static int32_t y[MANY];
    float all[MANY * 3], some[MANY * 3];
    eg_random_uniform(2, 1, 0, sizeof x / sizeof *x, x);
    for (size_t i = 0; i < MANY; i++) { /* a bright row says the class */
        y[i] = (int32_t)(i % 3);
        for (size_t k = 0; k < SIDE; k++) x[(i * SIDE + 4 * (i % 3) + 1) * SIDE + k] += 1;
    }
    const eg_task task = { SIDE * SIDE, SIDE, SIDE, 1, 3, 10, 0 };
    for (size_t k = 0; k < sizeof specs / sizeof *specs; k++) {
        eg_learner *l[2];
        double loss = 1;
        for (int threads = 1; threads <= 2; threads++) {
            CHECK_OK(eg_learner_create(specs[k], &task, 1, threads, NULL, &l[threads - 1]));
            for (int i = 0; i < 60; i++)
                CHECK_OK(eg_learner_step(l[threads - 1], 0, x, y, MANY, &loss));
        }
        if (!(loss < 0.3)) fail_msg("%s: loss %g", specs[k], loss);
        CHECK(eg_params_hash(eg_learner_params(l[0])) == eg_params_hash(eg_learner_params(l[1])));
        CHECK(eg_params_hash(eg_learner_state(l[0])) == eg_params_hash(eg_learner_state(l[1])));
        CHECK_OK(eg_learner_scores(l[0], x, MANY, all));
        for (size_t i = 0; i < MANY; i += 7)
            CHECK_OK(eg_learner_scores(l[0], x + i * SIDE * SIDE, MANY - i < 7 ? MANY - i : 7,
                                       some + i * 3));
        CHECK_SAME_BITS(all, some, sizeof all);
        CHECK_OK(eg_learner_pullback(l[0], x, all, MANY, some, dx));
        CHECK_SAME_BITS(all, some, sizeof all);
        eg_learner_destroy(l[0]);
        eg_learner_destroy(l[1]);
    }
}

static void every_step_drops_other_values(void **state)
{
    (void)state;
    eg_learner *l = make("{\"kind\": \"network\", \"hidden\": [64], \"dropout\": 0.5, "
                         "\"optimiser\": {\"kind\": \"sgd\", \"rate\": 0}}",
                         2, 2, 1);
    double first, second;
    CHECK_OK(eg_learner_step(l, 0, xor_x, xor_y, 4, &first));
    CHECK_OK(eg_learner_step(l, 0, xor_x, xor_y, 4, &second));
    CHECK(first != second);
    eg_learner_destroy(l);
}

static void a_graph_joins_earlier_values(void **state)
{
    (void)state;
    eg_learner *l = make("{\"kind\": \"network\", \"layers\": ["
                         "{\"kind\": \"linear\", \"units\": 3, \"name\": \"a\", \"bias\": false}, "
                         "{\"kind\": \"linear\", \"units\": 3, \"name\": \"b\", \"from\": "
                         "\"input\", \"bias\": false}, "
                         "{\"kind\": \"add\", \"name\": \"sum\", \"from\": [\"a\", \"b\"]}, "
                         "{\"kind\": \"concat\", \"from\": [\"sum\", \"a\"]}]}",
                         2, 6, 1);
    const float *a = eg_params_find(eg_learner_params(l), "a.weight")->value;
    const float *b = eg_params_find(eg_learner_params(l), "b.weight")->value;
    const float x[2] = { 0.5f, -2 };
    float z[6];
    CHECK_OK(eg_learner_scores(l, x, 1, z));
    for (size_t i = 0; i < 3; i++) {
        const double za = (double)a[2 * i] * 0.5 - (double)a[2 * i + 1] * 2;
        const double zb = (double)b[2 * i] * 0.5 - (double)b[2 * i + 1] * 2;
        CHECK_NEAR(z[i], za + zb, 1e-6);
        CHECK_NEAR(z[3 + i], za, 1e-6);
    }
    eg_learner_destroy(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(xor_is_learned_by_every_optimiser_and_loss),
        cmocka_unit_test(two_spirals_are_told_apart),
        cmocka_unit_test(same_bits_for_one_and_two_threads_and_after_a_pause),
        cmocka_unit_test(scores_do_not_depend_on_the_split),
        cmocka_unit_test(pullback_is_the_derivative_of_the_scores),
        cmocka_unit_test(a_steady_state_allocates_nothing),
        cmocka_unit_test(every_failed_allocation_leaves_nothing),
        cmocka_unit_test(what_does_not_fit_is_refused_with_its_place),
        cmocka_unit_test(divergence_names_the_parameter),
        cmocka_unit_test(the_schedule_moves_the_rate),
        cmocka_unit_test(images_go_through_every_kind_of_network),
        cmocka_unit_test(every_step_drops_other_values),
        cmocka_unit_test(a_graph_joins_earlier_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
