/* Learned connections: what each row of src/nn/connections.c makes of what is learned, and the
 * gradient that its formula states, against plain loops; activations that pass it straight
 * through; eg_top against counting. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "layer_bench.h"

#include <stdio.h>

enum { B = 4, UNITS = 3, D = 5, N = UNITS * D };

static double s(double x)
{
    return x >= 0 ? 1 : -1;
}

static double inside(double x)
{
    return fabs(x) <= 1;
}

/* [x_i among the k largest], by counting how many stand before it. */
static void among(const double *x, size_t n, size_t k, double *out)
{
    for (size_t i = 0; i < n; i++) {
        size_t before = 0;
        for (size_t j = 0; j < n; j++) before += x[j] > x[i] || (x[j] == x[i] && j < i);
        out[i] = before < k;
    }
}

/* A layer as the formulae see it: w (N) learned or fixed, a second array, numbers a and b; g is
 * dL/dW; W and the gradients by w (or the scores), a and b come out. */
struct formula {
    const double *w, *score, *count;
    double a, b, g[N], W[N], dw[N], da, db;
};

static void real_row(struct formula *f)
{
    memcpy(f->W, f->w, sizeof f->W);
    memcpy(f->dw, f->g, sizeof f->dw);
}

static void sign_row(struct formula *f)
{
    for (size_t i = 0; i < N; i++) {
        f->W[i] = s(f->w[i]);
        f->dw[i] = f->g[i] * inside(f->w[i]);
    }
}

static void scaled_sign_row(struct formula *f)
{
    for (size_t o = 0; o < UNITS; o++) {
        double mean = 0, along = 0;
        for (size_t i = o * D; i < o * D + D; i++) {
            mean += fabs(f->w[i]) / D;
            along += f->g[i] * s(f->w[i]);
        }
        for (size_t i = o * D; i < o * D + D; i++) {
            f->W[i] = mean * s(f->w[i]);
            f->dw[i] =
                along * ((f->w[i] > 0) - (f->w[i] < 0)) / D + mean * f->g[i] * inside(f->w[i]);
        }
    }
}

enum { SIX_OF_15 = 6 };

static void binary_row(struct formula *f)
{
    double m[N];
    among(f->w, N, SIX_OF_15, m);
    for (size_t i = 0; i < N; i++) {
        f->W[i] = f->a * m[i] + f->b;
        f->dw[i] = f->a * f->g[i];
        f->da += f->g[i] * m[i];
        f->db += f->g[i];
    }
}

static void popup_row(struct formula *f)
{
    double size[N], m[N];
    for (size_t i = 0; i < N; i++) size[i] = fabs(f->score[i]);
    among(size, N, SIX_OF_15, m);
    for (size_t i = 0; i < N; i++) {
        f->W[i] = f->w[i] * m[i];
        f->dw[i] = f->g[i] * f->w[i] * s(f->score[i]);
    }
}

static void pruned_row(struct formula *f)
{
    double size[N], m[N];
    for (size_t i = 0; i < N; i++) size[i] = fabs(f->w[i]);
    among(size, N, SIX_OF_15, m);
    for (size_t i = 0; i < N; i++) {
        f->W[i] = f->w[i] * m[i];
        f->dw[i] = f->g[i];
    }
}

static void stored_row(struct formula *f)
{
    for (size_t i = 0; i < N; i++) {
        f->W[i] = f->w[i] * (f->count[i] > 0);
        f->dw[i] = f->g[i] * (f->count[i] > 0);
    }
}

static const struct {
    const char *word, *learned; /* the array its gradient goes to */
    void (*row)(struct formula *f);
} rows[] = {
    { "real", "weight", real_row },
    { "sign", "weight", sign_row },
    { "scaled_sign", "weight", scaled_sign_row },
    { "binary:0.4", "weight", binary_row },
    { "popup:0.4", "score", popup_row },
    { "pruned:0.4", "weight", pruned_row },
    { "stored", "weight", stored_row },
};

static double *array(struct bench *b, const char *name)
{
    char full[40];
    snprintf(full, sizeof full, "0.%s", name);
    const eg_param *p = eg_params_find(b->s.params, full);
    if (p == NULL) p = eg_params_find(b->s.state, full);
    return p != NULL ? p->value : NULL;
}

static eg_var leaf_of(const struct bench *b, const char *name)
{
    for (size_t i = 0; i < eg_params_count(b->s.params); i++)
        if (strcmp(eg_params_at(b->s.params, i)->name + 2, name) == 0) return b->leaf[i];
    return EG_NONE;
}

static void check_numbers(const char *what, const char *word, const double *got, const double *want,
                          size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!(fabs(got[i] - want[i]) <= 1e-12 * (1 + fabs(want[i]))))
            fail_msg("%s: %s[%zu] is %.15g, by its formula %.15g", word, what, i, got[i], want[i]);
}

/* The layer's arrays where the formulae look for them; a connection in two is counted. */
static struct formula formula_of(struct bench *b)
{
    struct formula f = { .w = array(b, "fixed"), .score = array(b, "score") };
    if (f.w == NULL) f.w = array(b, "weight");
    double *count = array(b, "count");
    for (size_t i = 0; count != NULL && i < N; i++) count[i] = (double)(i % 2 * (1 + i % 3));
    f.count = count;
    if (array(b, "scale") != NULL) {
        f.a = *array(b, "scale");
        f.b = *array(b, "shift");
    }
    for (size_t o = 0; o < UNITS; o++)
        for (size_t d = 0; d < D; d++)
            for (size_t k = 0; k < B; k++) f.g[o * D + d] += b->v[k * UNITS + o] * b->x[k * D + d];
    return f;
}

/* layer: of N weights, no bias, y = x W^T of x (B, D), however its axes are called. */
static void check_row(size_t row, const char *layer, const eg_shape *in)
{
    char text[200];
    eg_var x, dx[3], wrt[3];
    struct bench *b = malloc(sizeof *b);
    snprintf(text, sizeof text, "[{%s, \"bias\": false, \"connections\": \"%s\"}]", layer,
             rows[row].word);
    build(b, &(struct layer_case){ text, *in });
    double *w = array(b, "weight");
    if (w != NULL) w[0] = w[7] = 0, w[3] = -w[9]; /* zeros and a tie */
    struct formula f = formula_of(b);
    rows[row].row(&f);
    double want = 0;
    for (size_t i = 0; i < N; i++) want += f.W[i] * f.g[i];
    const eg_var y = run(b, &x);
    CHECK_OK(eg_tape_status(b->s.t));
    CHECK_NEAR(eg_tape_number(b->s.t, y), want, 1e-12 * (1 + fabs(want)));
    wrt[0] = leaf_of(b, rows[row].learned);
    wrt[1] = leaf_of(b, "scale");
    wrt[2] = leaf_of(b, "shift");
    const size_t count = wrt[1].id != 0 ? 3 : 1;
    CHECK_OK(eg_tape_gradient(b->s.t, y, EG_NONE, wrt, count, 0, dx));
    check_numbers("gradient", rows[row].word, eg_tape_value(b->s.t, dx[0]), f.dw, N);
    if (count == 3) check_numbers("scale", "binary", eg_tape_value(b->s.t, dx[1]), &f.da, 1);
    if (count == 3) check_numbers("shift", "binary", eg_tape_value(b->s.t, dx[2]), &f.db, 1);
    tear(b);
    free(b);
}

static void every_row_is_its_formula(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        check_row(i, "\"kind\": \"linear\", \"units\": 3", &(eg_shape){ 2, { B, D } });
        if (strncmp(rows[i].word, "stored", 6) == 0) continue; /* of linear layers alone */
        check_row(i, "\"kind\": \"conv1d\", \"channels\": 3, \"kernel\": 1",
                  &(eg_shape){ 3, { B, D, 1 } });
        check_row(i, "\"kind\": \"conv2d\", \"channels\": 3, \"kernel\": [1, 5]",
                  &(eg_shape){ 4, { B, 1, 1, D } });
    }
}

/* Mean 0 and the variance of He et al. at the beginning, for any share. */
static void binary_weights_begin_with_the_variance_of_he(void **state)
{
    (void)state;
    for (int tenths = 1; tenths < 10; tenths += 4) {
        char text[120];
        struct bench *b = malloc(sizeof *b);
        snprintf(text, sizeof text,
                 "[{\"kind\": \"linear\", \"units\": 50, \"connections\": \"binary:0.%d\"}]",
                 tenths);
        memset(b, 0, sizeof *b);
        build(b, &(struct layer_case){ text, { 2, { 1, 40 } } });
        eg_params *fresh;
        CHECK_OK(eg_params_create(NULL, &fresh));
        eg_params_destroy(b->s.params);
        b->s.params = fresh; /* as it is created, not as the bench fills it */
        b->s.leaf = NULL;
        b->s.mode = EGI_CREATE;
        eg_tape_reset(b->s.t);
        egi_graph_apply(&b->s, b->graph, eg_input(b->s.t, EG_F64, &b->in, b->x));
        CHECK_OK(eg_tape_status(b->s.t));
        const double d = tenths / 10.0, a = *array(b, "scale"), c = *array(b, "shift");
        CHECK_NEAR(a * d + c, 0, 1e-12);
        CHECK_NEAR(a * a * d * (1 - d), 2.0 / 40, 1e-12);
        tear(b);
        free(b);
    }
}

/* y and dx of a function of one value, g = v. */
static void check_activation(const char *function, double (*f)(double x), double (*slope)(double x))
{
    char text[100];
    eg_var in, dx;
    struct bench *b = malloc(sizeof *b);
    snprintf(text, sizeof text, "[{\"kind\": \"activation\", \"function\": \"%s\"}]", function);
    build(b, &(struct layer_case){ text, { 2, { 6, 7 } } });
    b->x[3] = 0;
    b->x[4] = 1;
    double want = 0;
    for (size_t i = 0; i < 42; i++) want += b->v[i] * f(b->x[i]);
    const eg_var y = run(b, &in);
    CHECK_NEAR(eg_tape_number(b->s.t, y), want, 1e-12 * (1 + fabs(want)));
    CHECK_OK(eg_tape_gradient(b->s.t, y, EG_NONE, &in, 1, 0, &dx));
    for (size_t i = 0; i < 42; i++)
        CHECK_NEAR(((const double *)eg_tape_value(b->s.t, dx))[i], b->v[i] * slope(b->x[i]), 1e-12);
    tear(b);
    free(b);
}

static double above(double x)
{
    return x > 0;
}

static void binary_activations_pass_the_gradient_within_one(void **state)
{
    (void)state;
    check_activation("sign", s, inside);
    check_activation("step", above, inside);
}

/* Of each example, whatever its axes. */
static void winners_are_the_largest_of_an_example(void **state)
{
    (void)state;
    eg_var in, dx;
    struct bench *b = malloc(sizeof *b);
    build(b, &(struct layer_case){ "[{\"kind\": \"activation\", \"function\": \"winners:0.25\"}]",
                                   { 3, { 3, 4, 5 } } });
    double m[60], want = 0;
    for (size_t i = 0; i < 3; i++) among(b->x + 20 * i, 20, 5, m + 20 * i);
    for (size_t i = 0; i < 60; i++) want += b->v[i] * m[i] * b->x[i];
    const eg_var y = run(b, &in);
    CHECK_NEAR(eg_tape_number(b->s.t, y), want, 1e-12 * (1 + fabs(want)));
    CHECK_OK(eg_tape_gradient(b->s.t, y, EG_NONE, &in, 1, 0, &dx));
    for (size_t i = 0; i < 60; i++)
        CHECK(((const double *)eg_tape_value(b->s.t, dx))[i] == b->v[i] * m[i]);
    tear(b);
    free(b);
}

static void top_is_what_counting_finds(void **state)
{
    (void)state;
    enum { LINE = 37, LINES = 5 };
    double x[LINES * LINE], want[LINE];
    float narrow[LINES * LINE];
    eg_tape *t;
    CHECK_OK(eg_tape_create(1, NULL, &t));
    draw(x, LINES * LINE, 9);
    for (size_t i = 0; i < LINE; i++) x[i] = (double)((int)i % 4) - 2; /* many equals */
    for (size_t i = 0; i < LINE; i++) x[LINE + i] *= i % 2 ? 1e-300 : 1e300;
    x[2 * LINE] = -0.0, x[2 * LINE + 1] = 0, x[2 * LINE + 2] = (double)INFINITY;
    x[2 * LINE + 3] = -(double)INFINITY;
    for (size_t i = 0; i < LINES * LINE; i++) narrow[i] = (float)x[i];
    for (size_t k = 0; k <= LINE; k++) {
        eg_tape_reset(t);
        const eg_shape shape = eg_shape_of(LINES, LINE);
        const double *y = eg_tape_value(t, eg_top(t, eg_input(t, EG_F64, &shape, x), k));
        for (size_t i = 0; i < LINES; i++) {
            among(x + i * LINE, LINE, k, want);
            CHECK_SAME_BITS(y + i * LINE, want, sizeof want);
        }
        const float *z = eg_tape_value(t, eg_top(t, eg_input(t, EG_F32, &shape, narrow), k));
        for (size_t i = 0; i < LINES; i++) {
            double wide[LINE];
            for (size_t c = 0; c < LINE; c++) wide[c] = (double)narrow[i * LINE + c];
            among(wide, LINE, k, want);
            for (size_t c = 0; c < LINE; c++) CHECK((double)z[i * LINE + c] == want[c]);
        }
    }
    eg_top(t, eg_input(t, EG_F64, &eg_shape_of(1, LINE), x), LINE + 1);
    CHECK_STATUS(eg_tape_status(t), EG_ERR_INVALID);
    eg_tape_reset(t);
    eg_straight_through(t, eg_input(t, EG_F64, &eg_shape_of(2, 3), x),
                        eg_input(t, EG_F64, &eg_shape_of(3, 2), x));
    CHECK_STATUS(eg_tape_status(t), EG_ERR_SHAPE);
    eg_tape_destroy(t);
}

/* ---- networks ---- */

#define NETWORK                                                                                   \
    "{\"kind\": \"network\", \"layers\": [{\"kind\": \"conv2d\", \"channels\": 8, "               \
    "\"connections\": "                                                                           \
    "\"popup:0.4\", \"initialiser\": \"he_signed\"}, \"batch_norm\", {\"kind\": \"activation\", " \
    "\"function\": \"sign\"}, \"flatten\", {\"kind\": \"linear\", \"units\": 12, "                \
    "\"connections\": "                                                                           \
    "\"binary:0.3\"}, \"batch_norm\", {\"kind\": \"linear\", \"connections\": \"pruned:0.5\"}], " \
    "\"optimiser\": {\"kind\": \"adam\", \"rate\": 0.03}}"
enum { IMAGES = 24, PIXELS = 2 * 6 * 6, CLASSES = 3 };

static eg_learner *taught(const float *x, const int32_t *y, int threads, double *loss)
{
    const eg_task task = {
        .inputs = PIXELS, .height = 6, .width = 6, .channels = 2, .classes = CLASSES, .epochs = 60
    };
    eg_learner *l;
    CHECK_OK(eg_learner_create(NETWORK, &task, 4, threads, NULL, &l));
    for (int i = 0; i < 60; i++) CHECK_OK(eg_learner_step(l, i, x, y, IMAGES, loss));
    return l;
}

/* Of every kind at once: learns what is drawn, the same for any number of threads; what never
 * changes has not changed; and a file holds all that scores depend on, running statistics too. */
static void a_network_of_them_learns_and_is_saved(void **state)
{
    (void)state;
    float x[IMAGES * PIXELS], a[IMAGES * CLASSES], b[IMAGES * CLASSES];
    int32_t y[IMAGES];
    char path[300];
    double loss;
    const char *folder = getenv("EG_TEST_TMP");
    eg_random_normal(3, 1, 0, IMAGES * PIXELS, x);
    for (size_t i = 0; i < IMAGES; i++) y[i] = (int32_t)(i % CLASSES);
    eg_learner *one = taught(x, y, 1, &loss), *two = taught(x, y, 2, &loss), *opened;
    CHECK(loss < 0.1);
    CHECK(eg_params_hash(eg_learner_params(one)) == eg_params_hash(eg_learner_params(two)));
    const eg_param *fixed = eg_params_find(eg_learner_params(one), "0.fixed");
    for (size_t i = 0; i < eg_shape_size(&fixed->shape); i++)
        CHECK(fabsf(fabsf(((const float *)fixed->value)[i]) - sqrtf(2.0f / 18)) < 1e-6f);
    snprintf(path, sizeof path, "%s/connections.safetensors", folder != NULL ? folder : ".");
    CHECK_OK(eg_learner_save(one, path));
    CHECK_OK(eg_learner_open(path, 1, NULL, &opened));
    CHECK_OK(eg_learner_scores(one, x, IMAGES, a));
    CHECK_OK(eg_learner_scores(opened, x, IMAGES, b));
    CHECK_SAME_BITS(a, b, sizeof a);
    eg_learner_destroy(one);
    eg_learner_destroy(two);
    eg_learner_destroy(opened);
    remove(path);
}

/* Of a network whose weights leap, the norm's statistics after an epoch are those of its last
 * weights over all batches, here computed again; of one with real weights they lag behind. */
static double lag(const char *links, size_t epochs)
{
    enum { ALL = 64, BATCHED = 16, IN = 12 };
    static float x[ALL * IN];
    static int32_t y[ALL];
    char spec[300];
    eg_learner *l = NULL;
    eg_dataset set = { .n = ALL, .d = IN, .x = x, .labels = y, .classes = 2 };
    const eg_part part = { &set, NULL, ALL };
    eg_train_options o = EG_TRAIN_OPTIONS_INIT;
    const eg_task task = { .inputs = IN, .classes = 2, .epochs = epochs };
    eg_random_normal(3, 1, 0, ALL * IN, x);
    for (size_t i = 0; i < ALL; i++) y[i] = x[i * IN] * x[i * IN + 1] > 0;
    snprintf(spec, sizeof spec,
             "{\"kind\": \"network\", \"layers\": [{\"kind\": \"linear\", \"units\": 2, \"bias\": "
             "false, \"connections\": \"%s\"}, \"batch_norm\"], \"optimiser\": {\"kind\": "
             "\"adam\", \"rate\": 0.1}}",
             links);
    CHECK_OK(eg_learner_create(spec, &task, 1, 1, NULL, &l));
    o.batch = BATCHED;
    CHECK_OK(eg_train(l, &part, NULL, &o, NULL));
    const float *w = eg_params_find(eg_learner_params(l), "0.weight")->value;
    const float *mean = eg_params_find(eg_learner_params(l), "1.running_mean")->value;
    const float *variance = eg_params_find(eg_learner_params(l), "1.running_var")->value;
    double most = 0;
    for (size_t u = 0; u < 2; u++) {
        double m = 0;
        for (size_t i = 0; i < ALL; i++)
            for (size_t k = 0; k < IN; k++) {
                const double weight =
                    strcmp(links, "sign") == 0 ? s((double)w[u * IN + k]) : (double)w[u * IN + k];
                m += weight * (double)x[i * IN + k] / ALL;
            }
        most = fmax(most, fabs(m - (double)mean[u]) / sqrt((double)variance[u]));
    }
    eg_learner_destroy(l);
    return most;
}

static void norms_of_weights_that_leap_are_those_of_the_last_weights(void **state)
{
    (void)state;
    for (size_t epochs = 1; epochs < 4; epochs++) CHECK(lag("sign", epochs) < 1e-5);
    CHECK(lag("real", 1) > 1e-3);
}

static void words_that_are_none_are_refused_with_their_place(void **state)
{
    (void)state;
    static const char *const bad[][2] = {
        { "\"ternary\"", "layers[0].connections: expected one of real" },
        { "\"popup:0\"", "layers[0].connections" },
        { "\"binary:1\"", "layers[0].connections" },
        { "\"sign:2\"", "layers[0].connections" },
        { "3", "layers[0].connections" },
    };
    const eg_task task = { .inputs = 4, .classes = 2, .epochs = 1 };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char spec[200];
        eg_learner *l = NULL;
        snprintf(
            spec, sizeof spec,
            "{\"kind\": \"network\", \"layers\": [{\"kind\": \"linear\", \"connections\": %s}]}",
            bad[i][0]);
        CHECK_STATUS(eg_learner_create(spec, &task, 0, 1, NULL, &l), EG_ERR_INVALID);
        if (strstr(eg_error_detail(), bad[i][1]) == NULL)
            fail_msg("%s: %s", bad[i][0], eg_error_detail());
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_is_its_formula),
        cmocka_unit_test(binary_weights_begin_with_the_variance_of_he),
        cmocka_unit_test(binary_activations_pass_the_gradient_within_one),
        cmocka_unit_test(winners_are_the_largest_of_an_example),
        cmocka_unit_test(top_is_what_counting_finds),
        cmocka_unit_test(a_network_of_them_learns_and_is_saved),
        cmocka_unit_test(norms_of_weights_that_leap_are_those_of_the_last_weights),
        cmocka_unit_test(words_that_are_none_are_refused_with_their_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
