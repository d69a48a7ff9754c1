/* A Hopfield layer whose stored patterns are the examples themselves and whose values are their
 * labels (Ramsauer et al. 2021, section 4, drug design): for each head h
 *
 *     q = W_h x / |W_h x|,  k_j = V_h x_j / |V_h x_j|,  a = softmax_j(beta <q, k_j>)
 *     p_c = 1/H sum_h sum_j a_hj [y_j = c],   scores = ln p
 *
 * W and V (one matrix where `shared`) are learned by minimising -ln p_y, in which an example never
 * sees itself: else the answer lies under its own key. With one shared matrix and one head that is
 * neighbourhood components analysis under a cosine (Goldberger et al. 2004). hidden_size 0 learns
 * nothing: the memory of the examples as they are.
 *
 * Differs from the paper in: heads vote instead of passing a linear layer, so that scores are
 * probabilities; patterns are scaled to unit length instead of normalised to mean 0 and variance 1;
 * many queries a step. What is kept of the examples are their keys.
 *
 * A step looks up `batch` examples among all, or among `sample` of them that are drawn anew. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "engram/operations.h"
#include "engram/random.h"
#include "nn/egi_layer.h"
#include "nn/egi_learner.h"
#include "nn/egi_optimiser.h"

/* Streams; the epoch or the step is added. */
#define STREAM_ORDER ((uint64_t)0x4c4b4f52 << 32)  /* "LKOR" */
#define STREAM_SAMPLE ((uint64_t)0x4c4b5341 << 32) /* "LKSA" */
#define STREAM_DROP ((uint64_t)0x4c4b4452 << 32)   /* "LKDR" */
#define LEAST 1e-6                                 /* added to a probability before its logarithm */
#define LEAST_NORM 1e-12                           /* to the square of a length */

enum { QUERIES, KEYS, SIDES };

struct settings {
    size_t num_heads, hidden_size, batch, sample;
    double scaling, dropout;
    int shared;
    json_t *optimiser, *schedule;
};

static const struct egi_setting list[] = {
    EGI_SET_COUNT(struct settings, num_heads, "8", 1, 10000, "heads, each of which votes"),
    EGI_SET_COUNT(struct settings, hidden_size, "32", 0, 1e6,
                  "components of a head; 0: examples as they are, one head, nothing is learned"),
    EGI_SET_NUMBER(struct settings, scaling, "16", 1e-6, 1e6, "beta, of a cosine"),
    EGI_SET_NUMBER(struct settings, dropout, "0", 0, 0.999, "of inputs while learning"),
    EGI_SET_COUNT(struct settings, batch, "32", 1, 1e6, "examples that are looked up in a step"),
    EGI_SET_COUNT(struct settings, sample, "4096", 0, 1e9,
                  "examples they are looked up among while learning, at most; 0: all"),
    EGI_SET_FLAG(struct settings, shared, "true", "one projection of queries and of keys"),
    EGI_SET_JSON(struct settings, optimiser, "object",
                 "{\"kind\": \"adamw\", \"rate\": 0.001, \"decay\": 0.01}", "as of a network"),
    EGI_SET_JSON(struct settings, schedule, "object", "\"cosine\"", "likewise"),
    EGI_SET_END,
};

struct lookup {
    eg_tape *t;
    const struct egi_optimiser_row *rule;
    const struct egi_schedule_row *schedule;
    union egi_settings rule_settings, schedule_settings;
    const float *query; /* (P, D), or NULL: nothing is projected */
    const float *key;   /* (N, P) of unit length by heads, P = heads x size */
    const int32_t *y;   /* (N) */
    size_t n;
};

static size_t heads_of(const struct settings *o)
{
    return o->hidden_size > 0 ? o->num_heads : 1;
}

/* ---- the model, on a tape ---- */

/* x (R, D) by heads, of unit length: (H, R, S). */
static eg_var encode(eg_tape *t, eg_var x, eg_var w, size_t heads)
{
    if (w.id != 0) x = eg_matmul(t, x, eg_swap_axes(t, w, 0, 1));
    const eg_shape flat = eg_tape_shape(t, x);
    const eg_shape by_head = eg_shape_of(flat.dim[0], heads, flat.dim[1] / heads);
    x = eg_reshape(t, x, &by_head);
    const eg_var square = eg_sum(t, eg_mul(t, x, x), 1u << 2, 1);
    x = eg_div(t, x, eg_sqrt(t, eg_affine(t, square, 1, LEAST_NORM)));
    return eg_permute(t, x, (const size_t[]){ 1, 0, 2 });
}

/* ln p (Q, K) of queries q (H, Q, S) among keys k (H, N, S) of classes y (N). */
static eg_var look_up(eg_tape *t, eg_var q, eg_var k, eg_var y, eg_var hidden, double beta,
                      size_t classes)
{
    const size_t n = eg_tape_shape(t, y).dim[0];
    const eg_var value =
        eg_reshape(t, eg_one_hot(t, y, classes, EG_F32), &eg_shape_of(1, n, classes));
    const eg_var read = eg_associate(t, eg_affine(t, q, beta, 0), k, value, hidden, EG_NONE, NULL);
    return eg_log(t, eg_affine(t, eg_mean(t, read, 1u << 0, 0), 1, LEAST));
}

/* ---- learning ---- */

struct lesson {
    struct eg_learner *l;
    const eg_examples *e;
    eg_params *learned, *state;
    struct egi_optimiser optimiser;
    struct egi_arena arena;
    size_t *order, *drawn; /* (n) examples of this epoch; of this step */
    float *x;              /* (b + m, D) queries, then keys */
    int32_t *y;            /* (b + m) */
    float *hidden;         /* (b, m) 1: the same example */
    size_t b, m, step;     /* of this step; m keys of all */
    const size_t *asked;   /* (b) */
};

/* Examples asked for and those they are looked up among. */
static void gather(struct lesson *s)
{
    const size_t d = s->l->task.inputs;
    const int some = s->m < s->e->n;
    if (some) eg_random_permutation(s->l->seed, STREAM_SAMPLE + s->step, s->e->n, s->drawn);
    for (size_t r = 0; r < s->b + s->m; r++) {
        const size_t key = r - s->b;
        const size_t i = r < s->b ? s->asked[r] : some ? s->drawn[key] : key;
        memcpy(s->x + r * d, s->e->x + i * d, d * sizeof *s->x);
        s->y[r] = s->e->y[i];
        for (size_t q = 0; q < s->b && r >= s->b; q++)
            s->hidden[q * s->m + key] = s->asked[q] == i ? 1 : 0;
    }
}

static eg_status evaluate(void *user, double *loss, const float **g)
{
    struct lesson *s = user;
    const struct settings *o = s->l->settings;
    eg_tape *t = ((struct lookup *)s->l->own)->t;
    const size_t rows = s->b + s->m, count = eg_params_count(s->learned);
    eg_var leaf[SIDES], derived[SIDES];
    eg_tape_reset(t);
    for (size_t i = 0; i < count; i++) {
        const eg_param *p = eg_params_at(s->learned, i);
        leaf[i] = eg_leaf(t, EG_F32, &p->shape, p->value);
    }
    eg_var x = eg_input(t, EG_F32, &eg_shape_of(rows, s->l->task.inputs), s->x);
    if (o->dropout > 0) x = eg_dropout(t, x, o->dropout, s->l->seed, STREAM_DROP + s->step);
    const eg_var asked = eg_slice(t, x, 0, 0, s->b, 1), among = eg_slice(t, x, 0, s->b, s->m, 1);
    const eg_var z = look_up(t, encode(t, asked, leaf[QUERIES], o->num_heads),
                             encode(t, among, leaf[count - 1], o->num_heads),
                             eg_input(t, EG_I32, &eg_shape_of(s->m), s->y + s->b),
                             eg_input(t, EG_F32, &eg_shape_of(s->b, s->m), s->hidden), o->scaling,
                             s->l->task.classes);
    const eg_var right = eg_input(t, EG_I32, &eg_shape_of(s->b, 1), s->y);
    const eg_var cost = eg_neg(t, eg_mean(t, eg_take_along(t, z, right, 1), 3, 0));
    EGI_TRY(eg_tape_status(t));
    EGI_TRY(eg_tape_gradient(t, cost, EG_NONE, leaf, count, EG_GRADIENT_RELEASE, derived));
    *loss = eg_tape_number(t, cost);
    for (size_t i = 0; i < count; i++) {
        g[i] = derived[i].id != 0 ? eg_tape_value(t, derived[i]) : NULL;
        if (derived[i].id != 0 && g[i] == NULL) return eg_tape_status(t);
    }
    return EG_OK;
}

static eg_status make_room(struct lesson *s)
{
    const struct settings *o = s->l->settings;
    const size_t n = s->e->n, b = o->batch < n ? o->batch : n;
    const size_t m = o->sample > 0 && o->sample < n ? o->sample : n;
    size_t cells, pairs;
    EGI_TRY(egi_mul_size(b + m, s->l->task.inputs, &cells));
    EGI_TRY(egi_mul_size(b, m, &pairs));
    const struct egi_need needs[] = { { n, 2 * sizeof(size_t) },
                                      { cells, sizeof(float) },
                                      { b + m, sizeof(int32_t) },
                                      { pairs, sizeof(float) } };
    EGI_TRY(egi_arena_create(s->l->alloc, needs, EGI_COUNT(needs), "lookup", &s->arena));
    s->order = s->arena.part[0], s->drawn = s->order + n;
    s->x = s->arena.part[1];
    s->y = s->arena.part[2];
    s->hidden = s->arena.part[3];
    s->m = m;
    return EG_OK;
}

/* The matrices as they begin, normal with variance 1 / D: directions are nearly kept. */
static eg_status begin_matrices(struct lesson *s)
{
    static const char *const name[SIDES] = { "queries.weight", "keys.weight" };
    const struct settings *o = s->l->settings;
    const size_t d = s->l->task.inputs, sides = o->shared ? 1 : SIDES;
    const struct egi_initialiser normal = { EGI_INIT_NORMAL, 1 / sqrt((double)d) };
    size_t p, at;
    EGI_TRY(egi_mul_size(o->num_heads, o->hidden_size, &p));
    for (size_t i = 0; i < sides; i++) {
        EGI_TRY(eg_params_add(s->learned, name[i], EG_F32, &eg_shape_of(p, d), &at));
        EGI_TRY(egi_initialise(&normal, eg_params_at(s->learned, at), s->l->seed, s->l->alloc));
    }
    if (sides < SIDES) return EG_OK;
    /* two matrices begin as one, so that the likeness of an example with itself is the largest */
    const eg_param *first = eg_params_at(s->learned, QUERIES);
    memcpy(eg_params_at(s->learned, KEYS)->value, first->value,
           eg_shape_size(&first->shape) * sizeof(float));
    return EG_OK;
}

static eg_status take_epoch(struct lesson *s, size_t epoch)
{
    const struct settings *o = s->l->settings;
    const struct lookup *own = s->l->own;
    const double epochs = (double)s->l->task.epochs;
    const size_t n = s->e->n, steps = (n + o->batch - 1) / o->batch;
    double rate, loss;
    memcpy(&rate, own->rule_settings.bytes, sizeof rate);
    eg_random_permutation(s->l->seed, STREAM_ORDER + epoch, n, s->order);
    for (size_t at = 0; at < steps; at++, s->step++) {
        const double when = (double)epoch + (double)at / (double)steps;
        s->asked = s->order + at * o->batch;
        s->b = n - at * o->batch < o->batch ? n - at * o->batch : o->batch;
        gather(s);
        EGI_TRY(egi_optimiser_step(
            &s->optimiser, rate * own->schedule->factor(&own->schedule_settings, when, epochs),
            &loss));
    }
    return EG_OK;
}

static eg_status take_lesson(struct lesson *s)
{
    const struct lookup *own = s->l->own;
    EGI_TRY(make_room(s));
    EGI_TRY(begin_matrices(s));
    s->optimiser = (struct egi_optimiser){ .row = own->rule,
                                           .settings = own->rule_settings,
                                           .threads = s->l->threads,
                                           .alloc = s->l->alloc,
                                           .params = s->learned,
                                           .objective = { evaluate, s } };
    EGI_TRY(egi_optimiser_create(&s->optimiser, s->state));
    for (size_t epoch = 0; epoch < s->l->task.epochs; epoch++) EGI_TRY(take_epoch(s, epoch));
    return EG_OK;
}

/* Matrices for l->params, which what only learning needs must not be among. */
static eg_status learn(struct eg_learner *l, const eg_examples *e)
{
    struct lesson s = { .l = l, .e = e };
    const eg_param *p;
    eg_status status = eg_params_create(l->alloc, &s.learned);
    if (status == EG_OK) status = eg_params_create(l->alloc, &s.state);
    if (status == EG_OK) status = take_lesson(&s);
    for (size_t i = 0; status == EG_OK && (p = eg_params_at(s.learned, i)) != NULL; i++)
        status = egi_fitted_keep(l, p->name, EG_F32, &p->shape, p->value);
    eg_tape_reset(((struct lookup *)l->own)->t);
    if (s.optimiser.alloc != NULL) egi_optimiser_destroy(&s.optimiser);
    if (s.arena.block != NULL) egi_arena_destroy(&s.arena);
    eg_params_destroy(s.learned);
    eg_params_destroy(s.state);
    return status;
}

/* ---- what is kept ---- */

/* x (rows, D) of unit length by heads, (rows, P). */
static eg_status encode_rows(struct eg_learner *l, const float *w, const float *x, size_t rows,
                             float *out)
{
    const struct settings *o = l->settings;
    eg_tape *t = ((struct lookup *)l->own)->t;
    const size_t heads = heads_of(o), d = l->task.inputs;
    const size_t p = o->hidden_size > 0 ? heads * o->hidden_size : d;
    eg_tape_reset(t);
    const eg_var in = eg_input(t, EG_F32, &eg_shape_of(rows, d), x);
    const eg_var own = w != NULL ? eg_input(t, EG_F32, &eg_shape_of(p, d), w) : EG_NONE;
    const eg_var by_head = encode(t, in, own, heads);
    const float *value =
        eg_tape_value(t, eg_copy(t, eg_permute(t, by_head, (const size_t[]){ 1, 0, 2 })));
    EGI_TRY(eg_tape_status(t));
    memcpy(out, value, rows * p * sizeof *out);
    eg_tape_reset(t);
    return EG_OK;
}

static eg_status fit(struct eg_learner *l, const eg_examples *e)
{
    enum { BLOCK = 4096 };
    const struct settings *o = l->settings;
    const size_t d = l->task.inputs, p = o->hidden_size > 0 ? o->num_heads * o->hidden_size : d;
    size_t at;
    if (e->n > INT32_MAX)
        return egi_fail(EG_ERR_LIMIT, "lookup: %zu examples, expected up to %d", e->n, INT32_MAX);
    if (o->hidden_size > 0) EGI_TRY(learn(l, e));
    const eg_param *w = eg_params_at(l->params, eg_params_count(l->params) - 1);
    EGI_TRY(egi_fitted_keep(l, "classes", EG_I32, &eg_shape_of(e->n), e->y));
    EGI_TRY(eg_params_add(l->params, "keys", EG_F32, &eg_shape_of(e->n, p), &at));
    float *key = eg_params_at(l->params, at)->value;
    for (size_t i = 0; i < e->n; i += BLOCK) {
        const size_t rows = e->n - i < BLOCK ? e->n - i : BLOCK;
        EGI_TRY(encode_rows(l, w != NULL ? w->value : NULL, e->x + i * d, rows, key + i * p));
    }
    return EG_OK;
}

static eg_status adopt(struct eg_learner *l)
{
    const struct settings *o = l->settings;
    const struct lookup *own = l->own;
    struct lookup s = *own;
    size_t d = l->task.inputs, p = o->hidden_size > 0 ? o->num_heads * o->hidden_size : d;
    s.n = 0;
    s.query = NULL;
    if (o->hidden_size > 0) {
        const eg_param *w = egi_fitted_array(l, "queries.weight", EG_F32, &p, &d);
        if (w == NULL) return EG_ERR_CORRUPT;
        s.query = w->value;
    }
    const eg_param *key = egi_fitted_array(l, "keys", EG_F32, &s.n, &p);
    const eg_param *y = key != NULL ? egi_fitted_array(l, "classes", EG_I32, &s.n, NULL) : NULL;
    if (y == NULL) return EG_ERR_CORRUPT;
    EGI_TRY(egi_learner_check_classes(l, y->value, s.n));
    s.key = key->value;
    s.y = y->value;
    *(struct lookup *)l->own = s;
    return EG_OK;
}

static eg_status scores(struct eg_learner *l, const float *x, size_t b, float *out)
{
    const struct settings *o = l->settings;
    const struct lookup *s = l->own;
    const size_t heads = heads_of(o), d = l->task.inputs, classes = l->task.classes;
    const size_t p = o->hidden_size > 0 ? heads * o->hidden_size : d;
    eg_tape *t = s->t;
    eg_tape_reset(t);
    const eg_var w = s->query != NULL ? eg_input(t, EG_F32, &eg_shape_of(p, d), s->query) : EG_NONE;
    const eg_var q = encode(t, eg_input(t, EG_F32, &eg_shape_of(b, d), x), w, heads);
    const eg_var k =
        eg_permute(t, eg_input(t, EG_F32, &eg_shape_of(s->n, heads, p / heads), s->key),
                   (const size_t[]){ 1, 0, 2 });
    const eg_var y = eg_input(t, EG_I32, &eg_shape_of(s->n), s->y);
    const float *z = eg_tape_value(t, look_up(t, q, k, y, EG_NONE, o->scaling, classes));
    EGI_TRY(eg_tape_status(t));
    memcpy(out, z, b * classes * sizeof *out);
    eg_tape_reset(t);
    return EG_OK;
}

/* ---- making one ---- */

static eg_status create(struct eg_learner *l)
{
    struct lookup *own = l->own;
    const struct egi_kind *row = NULL;
    EGI_TRY(egi_kind_read_key(l->document, "optimiser", egi_optimiser_kinds, &row,
                              &own->rule_settings));
    own->rule = (const struct egi_optimiser_row *)(const void *)row;
    EGI_TRY(egi_kind_read_key(l->document, "schedule", egi_schedule_kinds, &row,
                              &own->schedule_settings));
    own->schedule = (const struct egi_schedule_row *)(const void *)row;
    return eg_tape_create(l->threads, l->alloc, &own->t);
}

static void destroy(struct eg_learner *l)
{
    eg_tape_destroy(((struct lookup *)l->own)->t);
}

const struct egi_learner_row egi_learner_lookup = {
    .kind = { "lookup", "heads of softmax over the examples themselves, which read their labels",
              "Ramsauer et al. 2021, section 4; Goldberger et al. 2004" },
    .settings = list,
    .settings_bytes = sizeof(struct settings),
    .own_bytes = sizeof(struct lookup),
    .create = create,
    .destroy = destroy,
    .fit = fit,
    .adopt = adopt,
    .scores = scores,
};
