/* A network of layers, trained by gradient: a graph, a loss, an optimiser and a schedule, each a
 * row that the specification names.
 *
 *     {"kind": "network", "layers": ["flatten", {"kind": "linear", "units": 300}, ..],
 *      "loss": "cross_entropy", "optimiser": {"kind": "adam", "rate": 1e-3}, "schedule": "cosine"}
 * or, for a multilayer perceptron, {"kind": "network", "hidden": [300, 100], "activation": "relu"}.
 *
 * Examples enter as (B, C, H, W) where the task has images, else as (B, D); scores are what the
 * last layer gives, (B, K). Of bags, the rows of all of them enter in the place of examples
 * (bags.c), and a layer among them makes one row of each bag. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "nn/egi_layer.h"
#include "nn/egi_learner.h"
#include "nn/egi_optimiser.h"
#include "nn/egi_storing.h"

struct settings {
    json_t *layers, *hidden, *pooling, *activation, *initialiser, *loss, *optimiser, *schedule;
    double dropout, alpha_dropout, clip_norm, clip_value;
    size_t storing;
};

static const struct egi_setting list[] = {
    EGI_SET_JSON(struct settings, layers, "list", "null", "the layers, from input to scores"),
    EGI_SET_JSON(struct settings, hidden, "list", "null",
                 "in the place of layers: units of each hidden layer of a perceptron"),
    EGI_SET_JSON(struct settings, pooling, "object", "null",
                 "with hidden, of bags: the layer that makes one row of a bag"),
    EGI_SET_JSON(struct settings, activation, "word", "\"relu\"", "with hidden: as rep:3"),
    EGI_SET_JSON(struct settings, initialiser, "word", "\"he_normal\"",
                 "with hidden: how weights begin"),
    EGI_SET_NUMBER(struct settings, dropout, "0", 0, 0.999, "with hidden: after each activation"),
    EGI_SET_NUMBER(struct settings, alpha_dropout, "0", 0, 0.999, "with hidden: the same for selu"),
    EGI_SET_JSON(struct settings, loss, "object", "\"cross_entropy\"",
                 "cross_entropy, mse, binary_cross_entropy, hinge, quadratic_hinge, power"),
    EGI_SET_JSON(struct settings, optimiser, "object", "\"sgd\"",
                 "sgd, adam, adamw, rmsprop, normalised, lbfgs"),
    EGI_SET_JSON(struct settings, schedule, "object", "\"constant\"",
                 "constant, step, exponential, cosine, one_cycle"),
    EGI_SET_NUMBER(struct settings, clip_norm, "0", 0, 1e9,
                   "largest norm of a gradient; 0: any, of bags without pooling 1"),
    EGI_SET_NUMBER(struct settings, clip_value, "0", 0, 1e9, "largest |component|; 0: any"),
    EGI_SET_COUNT(struct settings, storing, "0", 0, 1e6,
                  "with stored connections: every how many epochs, from the first, examples that "
                  "are wrong are stored in the place of gradient steps; 0: never"),
    EGI_SET_END,
};

struct network {
    struct egi_graph *graph;
    json_t *own_layers; /* of the short form, which are not in the specification */
    const struct egi_loss_row *loss;
    union egi_settings loss_settings;
    const struct egi_schedule_row *schedule;
    union egi_settings schedule_settings;
    struct egi_optimiser optimiser;
    double rate;
    eg_tape *t;
    size_t count;           /* of parameters */
    eg_var *leaf, *derived; /* (count) */
    const float *x;         /* the batch of this step */
    const int32_t *y;
    size_t b;
    int evaluations; /* in this step */
    eg_params *held; /* what stays, or NULL */
};

/* ---- making one ---- */

/* Of vectors there is none; of bags the default is attention by a few queries that are learned,
 * with gradients of norm 1 at most: at the default rate of sgd those of its norms else grow without
 * bound. */
static eg_status choose_pooling(struct eg_learner *l, struct settings *o)
{
    if (!l->task.bags && !json_is_null(o->pooling))
        return egi_fail(EG_ERR_INVALID, "pooling: of examples that are bags, got vectors");
    if (!l->task.bags) {
        (void)json_object_del(l->document, "pooling");
        o->pooling = json_null();
        return EG_OK;
    }
    if (!json_is_null(o->pooling)) return EG_OK;
    o->pooling = json_pack("{s:s, s:s, s:i, s:i, s:s}", "kind", "hopfield_pooling", "name", "pool",
                           "num_heads", 4, "hidden_size", 16, "initialiser", "xavier_uniform");
    if (o->pooling == NULL || json_object_set_new(l->document, "pooling", o->pooling) != 0)
        return egi_fail(EG_ERR_NOMEM, "pooling: its default");
    if (o->clip_norm > 0) return EG_OK;
    ((struct network *)l->own)->optimiser.clip_norm = o->clip_norm = 1;
    return json_object_set_new(l->document, "clip_norm", json_real(1)) == 0
               ? EG_OK
               : egi_fail(EG_ERR_NOMEM, "clip_norm: its default");
}

static eg_status make_graph(struct eg_learner *l)
{
    struct network *n = l->own;
    struct settings *o = l->settings;
    if (!json_is_null(o->layers)) {
        if (!json_is_null(o->hidden))
            return egi_fail(EG_ERR_INVALID, "hidden: expected either layers or hidden, got both");
        for (const char *const *key =
                 (const char *const[]){ "hidden", "pooling", "activation", "initialiser", "dropout",
                                        "alpha_dropout", NULL };
             *key != NULL; key++)
            (void)json_object_del(l->document, *key); /* they say nothing here */
        return egi_graph_create(l->document, "layers", "", 0, l->alloc, &n->graph);
    }
    (void)json_object_del(l->document, "layers");
    if (json_is_null(o->hidden)) {
        o->hidden = json_pack("[i]", 256);
        if (o->hidden == NULL || json_object_set_new(l->document, "hidden", o->hidden) != 0)
            return egi_fail(EG_ERR_NOMEM, "hidden: its default");
    }
    EGI_TRY(egi_perceptron_check(o->hidden));
    EGI_TRY(choose_pooling(l, o));
    struct egi_activation activation;
    struct egi_initialiser initialiser;
    EGI_TRY(egi_activation_read(o->activation, "activation", &activation));
    EGI_TRY(egi_initialiser_read(o->initialiser, "", "initialiser", &initialiser));
    json_t *layers = egi_perceptron(o->hidden, o->activation, o->initialiser, o->dropout,
                                    o->alpha_dropout, o->pooling);
    n->own_layers = layers != NULL ? json_pack("{s:o}", "layers", layers) : NULL;
    if (n->own_layers == NULL) return egi_fail(EG_ERR_NOMEM, "layers of a perceptron");
    return egi_graph_create(n->own_layers, "layers", "", 0, l->alloc, &n->graph);
}

static struct egi_scope scope_of(struct eg_learner *l, enum egi_mode mode, size_t b)
{
    struct network *n = l->own;
    eg_tape_reset(n->t);
    for (size_t i = 0; i < n->count; i++) n->leaf[i] = EG_NONE;
    return (struct egi_scope){ .t = n->t,
                               .mode = mode,
                               .alloc = l->alloc,
                               .params = l->params,
                               .state = l->params, /* scores depend on it, so that it is saved */
                               .leaf = n->leaf,
                               .dtype = EG_F32,
                               .seed = l->seed,
                               .held = n->held != NULL,
                               .offset = l->offset,
                               .bags = l->offset != NULL ? b : 0,
                               .classes = l->task.classes };
}

/* x (B, D) or its images, of bags their rows; recorded: what comes of it can be differentiated by
 * it. */
static eg_var input(struct eg_learner *l, const float *x, size_t b, int recorded, eg_var *flat)
{
    const eg_task *k = &l->task;
    eg_tape *t = ((struct network *)l->own)->t;
    const size_t rows = l->offset != NULL ? l->offset[b] : b;
    const eg_shape shape = eg_shape_of(rows, k->inputs);
    *flat = recorded ? eg_leaf(t, EG_F32, &shape, x) : eg_input(t, EG_F32, &shape, x);
    if (k->height == 0) return *flat;
    return eg_reshape(t, *flat, &eg_shape_of(rows, k->channels, k->height, k->width));
}

/* What the layers make of x. */
static eg_var forward(struct eg_learner *l, struct egi_scope *s, const float *x, size_t b)
{
    eg_var flat;
    return egi_graph_apply(s, ((struct network *)l->own)->graph, input(l, x, b, 0, &flat));
}

/* One example of zeros through the layers: makes the parameters, and sees whether shapes fit. A bag
 * has two rows, so that what ends in rows is not taken for scores of bags. */
static eg_status make_parameters(struct eg_learner *l)
{
    static const size_t one[2] = { 0, 2 };
    struct network *n = l->own;
    char text[EGI_SHAPE_TEXT];
    EGI_TRY(eg_tape_create(l->threads, l->alloc, &n->t));
    memset(l->pad, 0, 2 * l->task.inputs * sizeof *l->pad);
    l->offset = l->task.bags ? one : NULL;
    struct egi_scope s = scope_of(l, EGI_CREATE, 1);
    const eg_var z = forward(l, &s, l->pad, 1);
    const eg_shape shape = eg_tape_shape(n->t, z);
    eg_status status = eg_tape_status(n->t);
    if (status == EG_OK && !egi_shape_equal(&shape, &eg_shape_of(1, l->task.classes)))
        status = egi_fail(EG_ERR_SHAPE, "layers: the last gives %s, expected scores (1, %zu)",
                          egi_shape_text(&shape, text), l->task.classes);
    eg_tape_reset(n->t);
    l->offset = NULL;
    l->settles = s.turns;
    if (status == EG_OK && s.learned == 0)
        status = egi_fail(EG_ERR_INVALID, "layers: none of them learns");
    return status;
}

static eg_status evaluate(void *user, double *loss, const float **g);

static eg_status create(struct eg_learner *l)
{
    struct network *n = l->own;
    const struct settings *o = l->settings;
    const struct egi_kind *row = NULL;
    void *vars;
    EGI_TRY(egi_kind_read_key(l->document, "loss", egi_loss_kinds, &row, &n->loss_settings));
    n->loss = (const struct egi_loss_row *)(const void *)row;
    EGI_TRY(egi_kind_read_key(l->document, "schedule", egi_schedule_kinds, &row,
                              &n->schedule_settings));
    n->schedule = (const struct egi_schedule_row *)(const void *)row;
    n->optimiser = (struct egi_optimiser){ .threads = l->threads,
                                           .alloc = l->alloc,
                                           .params = l->params,
                                           .clip_norm = o->clip_norm,
                                           .clip_value = o->clip_value,
                                           .objective = { evaluate, l } };
    EGI_TRY(egi_kind_read_key(l->document, "optimiser", egi_optimiser_kinds, &row,
                              &n->optimiser.settings));
    n->optimiser.row = (const struct egi_optimiser_row *)(const void *)row;
    memcpy(&n->rate, n->optimiser.settings.bytes, sizeof n->rate);
    EGI_TRY(make_graph(l));
    EGI_TRY(make_parameters(l));
    const size_t count = eg_params_count(l->params);
    EGI_TRY(egi_alloc_array(l->alloc, count, 2 * sizeof *n->leaf, "network", &vars));
    n->leaf = vars;
    n->derived = n->leaf + count;
    n->count = count;
    return egi_optimiser_create(&n->optimiser, l->state);
}

static void destroy(struct eg_learner *l)
{
    struct network *n = l->own;
    egi_graph_destroy(n->graph);
    json_decref(n->own_layers);
    if (n->optimiser.alloc != NULL) egi_optimiser_destroy(&n->optimiser);
    eg_tape_destroy(n->t);
    eg_params_destroy(n->held);
    egi_free(l->alloc, n->leaf, n->count * 2 * sizeof *n->leaf);
}

/* ---- one step ---- */

/* Loss and gradients of the batch; running statistics move at the first call of a step. */
static eg_status evaluate(void *user, double *loss, const float **g)
{
    struct eg_learner *l = user;
    struct network *n = l->own;
    struct egi_scope s = scope_of(l, EGI_TRAIN, n->b);
    s.step = (uint64_t)*n->optimiser.step;
    s.update = n->evaluations++ == 0;
    const eg_var z = forward(l, &s, n->x, n->b);
    const eg_var y = eg_input(n->t, EG_I32, &eg_shape_of(n->b), n->y);
    const eg_var cost = n->loss->apply(n->t, z, y, &n->loss_settings);
    EGI_TRY(eg_tape_status(n->t));
    for (size_t k = 0; k < n->count; k++) /* one that no layer asked for */
        if (n->leaf[k].id == 0) {
            const eg_param *p = eg_params_at(l->params, k);
            n->leaf[k] = eg_leaf(n->t, p->dtype, &p->shape, p->value);
        }
    EGI_TRY(
        eg_tape_gradient(n->t, cost, EG_NONE, n->leaf, n->count, EG_GRADIENT_RELEASE, n->derived));
    *loss = eg_tape_number(n->t, cost);
    for (size_t k = 0; k < n->count; k++) {
        g[k] = n->derived[k].id != 0 ? eg_tape_value(n->t, n->derived[k]) : NULL;
        if (n->derived[k].id != 0 && g[k] == NULL) return eg_tape_status(n->t);
    }
    return EG_OK;
}

/* ---- storing ---- */

/* Whether the score of class y leads alone. */
static int is_right(const float *z, size_t k, int32_t y)
{
    for (size_t c = 0; c < k; c++)
        if (c != (size_t)y && !(z[c] < z[y])) return 0;
    return 1;
}

/* A group of examples, filled up with zeros, so that codes have the same bits however examples
 * come. */
static eg_status store_group(struct eg_learner *l, const eg_examples *e, int wrong, int by,
                             size_t *changed)
{
    struct network *n = l->own;
    const size_t d = l->task.inputs, k = l->task.classes;
    struct egi_storing w = { .count = 0 };
    unsigned char chosen[EGI_LEARNER_GROUP];
    memset(l->pad, 0, EGI_LEARNER_GROUP * d * sizeof *l->pad);
    memcpy(l->pad, e->x, e->n * d * sizeof *l->pad);
    struct egi_scope s = scope_of(l, EGI_EVALUATE, EGI_LEARNER_GROUP);
    s.storing = &w;
    const eg_var z = forward(l, &s, l->pad, EGI_LEARNER_GROUP);
    const float *scores = eg_tape_value(n->t, z);
    EGI_TRY(eg_tape_status(n->t));
    for (size_t i = 0; i < e->n; i++)
        chosen[i] = (unsigned char)(!wrong || !is_right(scores + i * k, k, e->y[i]));
    egi_storing_write(&w, n->t, e->y, chosen, e->n, by, changed);
    return EG_OK;
}

static eg_status store(struct eg_learner *l, const float *x, const int32_t *y, size_t b, int wrong,
                       int by, size_t *changed)
{
    for (size_t at = 0; at < b; at += EGI_LEARNER_GROUP) {
        const size_t here = b - at < EGI_LEARNER_GROUP ? b - at : EGI_LEARNER_GROUP;
        const eg_examples e = { x + at * l->task.inputs, NULL, y + at, here };
        EGI_TRY(store_group(l, &e, wrong, by, changed));
    }
    return EG_OK;
}

static eg_status hold(struct eg_learner *l, int on)
{
    struct network *n = l->own;
    eg_params *copy = NULL;
    const eg_param *p;
    eg_status s = on ? eg_params_create(l->alloc, &copy) : EG_OK;
    for (size_t i = 0; on && s == EG_OK && (p = eg_params_at(l->params, i)) != NULL; i++)
        s = eg_params_add(copy, p->name, p->dtype, &p->shape, NULL);
    if (on && s == EG_OK) s = eg_params_copy(copy, l->params);
    if (s != EG_OK) {
        eg_params_destroy(copy);
        return s;
    }
    eg_params_destroy(n->held);
    n->held = copy;
    return EG_OK;
}

/* In the place of a step: the loss as it is, then what is wrong is stored. */
static eg_status store_step(struct eg_learner *l, double *loss)
{
    struct network *n = l->own;
    size_t changed = 0;
    struct egi_scope s = scope_of(l, EGI_EVALUATE, n->b);
    const eg_var z = forward(l, &s, n->x, n->b);
    const eg_var y = eg_input(n->t, EG_I32, &eg_shape_of(n->b), n->y);
    const eg_var cost = n->loss->apply(n->t, z, y, &n->loss_settings);
    EGI_TRY(eg_tape_status(n->t));
    *loss = eg_tape_number(n->t, cost);
    return store(l, n->x, n->y, n->b, 1, 1, &changed);
}

static int is_storing(const struct eg_learner *l, double epoch)
{
    const struct settings *o = l->settings;
    return o->storing > 0 && fmod(floor(epoch), (double)o->storing) == 0;
}

static eg_status step(struct eg_learner *l, double epoch, const float *x, const int32_t *y,
                      size_t b, double *loss)
{
    struct network *n = l->own;
    const double epochs = (double)l->task.epochs;
    const double factor = n->schedule->factor(&n->schedule_settings, epoch, epochs);
    n->x = x;
    n->y = y;
    n->b = b;
    n->evaluations = 0;
    if (is_storing(l, epoch)) return store_step(l, loss);
    const eg_status s = egi_optimiser_step(&n->optimiser, n->rate * factor, loss);
    if (n->held != NULL) egi_storing_restore(l->params, n->held);
    return s;
}

static eg_status settle(struct eg_learner *l, const float *x, size_t b, size_t k)
{
    struct network *n = l->own;
    struct egi_scope s = scope_of(l, EGI_TRAIN, b);
    s.step = (uint64_t)*n->optimiser.step;
    s.update = 1;
    s.averaged = k;
    (void)forward(l, &s, x, b);
    return eg_tape_status(n->t);
}

/* ---- evaluation ---- */

static eg_status take(struct eg_learner *l, eg_var v, size_t count, float *out)
{
    struct network *n = l->own;
    const float *from = eg_tape_value(n->t, v);
    EGI_TRY(eg_tape_status(n->t));
    for (size_t i = 0; i < count; i++) {
        if (!isfinite(from[i])) {
            EGI_TRY(egi_learner_finite(l));
            return egi_optimiser_growth(l->params, "network: a score", (double)from[i]);
        }
        out[i] = from[i];
    }
    return EG_OK;
}

static eg_status scores(struct eg_learner *l, const float *x, size_t b, float *out)
{
    struct egi_scope s = scope_of(l, EGI_EVALUATE, b);
    return take(l, forward(l, &s, x, b), b * l->task.classes, out);
}

static eg_status pullback(struct eg_learner *l, const float *x, const float *cotangent, size_t b,
                          float *out, float *dx)
{
    struct network *n = l->own;
    const size_t c = l->task.classes, d = l->task.inputs;
    eg_var flat, derived;
    struct egi_scope s = scope_of(l, EGI_EVALUATE, b);
    const eg_var z = egi_graph_apply(&s, n->graph, input(l, x, b, 1, &flat));
    if (out != NULL) EGI_TRY(take(l, z, b * c, out));
    const eg_var seed = eg_input(n->t, EG_F32, &eg_shape_of(b, c), cotangent);
    EGI_TRY(eg_tape_status(n->t));
    EGI_TRY(eg_tape_gradient(n->t, z, seed, &flat, 1, EG_GRADIENT_RELEASE, &derived));
    if (derived.id != 0) return take(l, derived, b * d, dx);
    memset(dx, 0, b * d * sizeof *dx);
    return EG_OK;
}

static eg_status watch(struct eg_learner *l, const float *x, size_t b, struct egi_watch *w,
                       eg_tape **tape)
{
    struct network *n = l->own;
    struct egi_scope s = scope_of(l, EGI_EVALUATE, b);
    s.watch = w;
    forward(l, &s, x, b);
    *tape = n->t;
    return eg_tape_status(n->t);
}

static eg_var trace(struct eg_learner *l, eg_tape *t, eg_var x, eg_var *leaf,
                    struct egi_drawn *drawn)
{
    const struct network *n = l->own;
    const eg_task *k = &l->task;
    const size_t b = eg_tape_shape(t, x).dim[0];
    struct egi_scope s = scope_of(l, EGI_EVALUATE, b);
    s.t = t;
    s.leaf = leaf;
    s.drawn = drawn;
    s.step = drawn != NULL ? drawn->step : s.step;
    s.dtype = eg_tape_dtype(t, x);
    if (k->height > 0) x = eg_reshape(t, x, &eg_shape_of(b, k->channels, k->height, k->width));
    return egi_graph_apply(&s, n->graph, x);
}

static eg_var cost(struct eg_learner *l, eg_tape *t, eg_var scores, eg_var y)
{
    const struct network *n = l->own;
    return n->loss->apply(t, scores, y, &n->loss_settings);
}

const struct egi_learner_row egi_learner_network = {
    .kind = { "network", "layers trained by gradient: perceptron, convolutional, recurrent, ..",
              "Rumelhart, Hinton and Williams 1986" },
    .settings = list,
    .settings_bytes = sizeof(struct settings),
    .own_bytes = sizeof(struct network),
    .bags = 1,
    .create = create,
    .destroy = destroy,
    .step = step,
    .settle = settle,
    .scores = scores,
    .pullback = pullback,
    .watch = watch,
    .store = store,
    .hold = hold,
    .trace = trace,
    .cost = cost,
};
