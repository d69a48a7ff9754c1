/* Learned symmetries: a map and a critic, each taking steps in turn (engram/learned_symmetry.h).
 *
 * The critic is a perceptron D - H - H - 1 of leaky rectified units on inputs less their mean over
 * their common deviation; log D = -log(1 + e^-f). Step i draws its examples and z from streams that
 * are numbered by i, so that training is a pure function of seed and data. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "engram/learned_symmetry.h"

#include <math.h>
#include <string.h>

#include "engram/random.h"
#include "measure/egi_learned_symmetry.h"
#include "nn/egi_learner.h"
#include "nn/egi_optimiser.h"

enum { CRITIC_ARRAYS = 6, STREAM_FIRST = 1 << 20 };

static eg_var apply_learner(void *user, eg_tape *t, eg_var x)
{
    eg_learner *l = user;
    return l->row->trace(l, t, x, NULL, NULL);
}

eg_tape_function eg_learner_tape_function(eg_learner *l)
{
    return (eg_tape_function){ l->task.inputs, l->task.classes,
                               l->row->trace != NULL && !l->task.bags ? apply_learner : NULL, l };
}

/* ---- making one ---- */

static eg_status check_options(const eg_learn_symmetry_options *o, size_t d,
                               const struct egi_family **row)
{
    *row = NULL;
    for (size_t i = 0; o->size == sizeof *o && o->family != NULL && egi_families[i] != NULL; i++)
        if (strcmp(egi_families[i]->info.name, o->family) == 0) *row = egi_families[i];
    if (*row == NULL)
        return egi_fail(EG_ERR_INVALID,
                        "family %s, options of %zu bytes; expected linear, warp, residual or "
                        "involution, and %zu",
                        o->size == sizeof *o && o->family != NULL ? o->family : "?", o->size,
                        sizeof *o);
    const size_t q = o->basis != NULL ? o->q : d;
    if (d == 0 || q == 0 || q > d || (o->basis != NULL && (*row)->picture))
        return egi_fail(EG_ERR_INVALID, "%zu inputs, a basis of %zu%s", d, q,
                        (*row)->picture ? ": a warp has none" : ", expected 1 or more, up to all");
    if ((*row)->picture && (o->channels == 0 || o->height * o->width * o->channels != d))
        return egi_fail(EG_ERR_INVALID, "%zu inputs, expected pictures: %zu x %zu x %zu", d,
                        o->channels, o->height, o->width);
    const double weights[] = { o->realism,    o->movement,   o->least,
                               o->involution, o->similarity, o->smooth };
    for (size_t i = 0; i < EGI_COUNT(weights); i++)
        if (!(weights[i] >= 0 && isfinite(weights[i])))
            return egi_fail(EG_ERR_INVALID, "a weight is %g, expected 0 or more", weights[i]);
    if (o->generators == 0 || o->units == 0 || o->layers == 0 || o->flipped == 0 || o->flipped > q
        || o->critic_units == 0 || o->batch == 0 || !(o->range > 0) || !(o->rate > 0)
        || !(o->critic_rate > 0))
        return egi_fail(EG_ERR_INVALID,
                        "%zu generators, %zu units, %zu layers, %zu of %zu flipped, critic of %zu, "
                        "batch %zu, range %g, rates %g, %g: expected all above 0",
                        o->generators, o->units, o->layers, o->flipped, q, o->critic_units,
                        o->batch, o->range, o->rate, o->critic_rate);
    return EG_OK;
}

static eg_status add_array(const struct eg_learned_symmetry *s, struct egi_learning *p,
                           const char *name, const eg_shape *shape, double deviation)
{
    char own[64];
    size_t at;
    snprintf(own, sizeof own, "%s%zu", name, p->arrays);
    EGI_TRY(eg_params_add(p->params, p->arrays > 0 ? own : name, EG_F32, shape, &at));
    float *v = eg_params_at(p->params, at)->value;
    const size_t n = eg_shape_size(shape);
    const uint64_t stream = STREAM_FIRST + (p == &s->critic ? 1000 : 0) + p->arrays++;
    eg_random_normal(s->o.seed, stream, 0, n, v);
    for (size_t i = 0; i < n; i++) v[i] *= (float)deviation;
    return EG_OK;
}

static eg_status map_arrays(struct eg_learned_symmetry *s)
{
    const char *name;
    eg_shape shape;
    double deviation;
    while (s->row->array(&s->o, s->q, s->map.arrays, &name, &shape, &deviation))
        EGI_TRY(add_array(s, &s->map, name, &shape, deviation));
    return EG_OK;
}

static eg_status critic_arrays(struct eg_learned_symmetry *s)
{
    const size_t h = s->o.critic_units, size[4] = { s->d, h, h, 1 };
    for (size_t k = 0; k < 3; k++) {
        const eg_shape w = eg_shape_of(size[k], size[k + 1]), b = eg_shape_of(size[k + 1]);
        EGI_TRY(
            add_array(s, &s->critic, "weight", &w, sqrt((k < 2 ? 2.0 : 1.0) / (double)size[k])));
        EGI_TRY(add_array(s, &s->critic, "bias", &b, 0));
    }
    return EG_OK;
}

static eg_status optimiser_of(struct eg_learned_symmetry *s, struct egi_learning *p, double rate,
                              eg_status (*evaluate)(void *user, double *loss, const float **g))
{
    const struct egi_kind *row = NULL;
    void *vars;
    EGI_TRY(egi_alloc_array(s->alloc, p->arrays, 2 * sizeof *p->leaf, "symmetry", &vars));
    p->leaf = vars;
    p->derived = p->leaf + p->arrays;
    json_t *spec = json_pack("{s:{s:s,s:f,s:f,s:f}}", "optimiser", "kind", "adam", "rate", rate,
                             "beta1", 0.5, "beta2", 0.99);
    if (spec == NULL) return egi_fail(EG_ERR_NOMEM, "symmetry: its optimiser");
    p->optimiser = (struct egi_optimiser){ .threads = s->o.threads,
                                           .alloc = s->alloc,
                                           .params = p->params,
                                           .objective = { evaluate, s } };
    eg_status status =
        egi_kind_read_key(spec, "optimiser", egi_optimiser_kinds, &row, &p->optimiser.settings);
    json_decref(spec);
    p->optimiser.row = (const struct egi_optimiser_row *)(const void *)row;
    if (status == EG_OK) status = egi_optimiser_create(&p->optimiser, p->state);
    return status;
}

static eg_status fill(struct eg_learned_symmetry *s)
{
    const size_t n = s->o.batch, numbers = s->o.basis != NULL ? s->q * s->d : 0;
    const struct egi_need needs[5] = { { numbers, sizeof(float) },
                                       { s->d, sizeof(float) },
                                       { n * s->o.generators, sizeof(float) },
                                       { n * s->d, sizeof(float) },
                                       { n * s->d, sizeof(float) } };
    EGI_TRY(egi_arena_create(s->alloc, needs, 5, "symmetry", &s->arena));
    if (numbers > 0) {
        memcpy(s->arena.part[0], s->o.basis, numbers * sizeof(float));
        s->basis = s->arena.part[0];
    }
    s->o.basis = s->basis;
    s->mean = s->arena.part[1];
    s->z = s->arena.part[2];
    s->from = s->arena.part[3];
    s->real = s->arena.part[4];
    memset(s->mean, 0, s->d * sizeof *s->mean);
    struct egi_learning *const both[2] = { &s->map, &s->critic };
    for (size_t i = 0; i < 2; i++) {
        EGI_TRY(eg_params_create(s->alloc, &both[i]->params));
        EGI_TRY(eg_params_create(s->alloc, &both[i]->state));
    }
    EGI_TRY(map_arrays(s));
    EGI_TRY(critic_arrays(s));
    EGI_TRY(optimiser_of(s, &s->map, s->o.rate, egi_symmetry_map_loss));
    EGI_TRY(optimiser_of(s, &s->critic, s->o.critic_rate, egi_symmetry_critic_loss));
    return eg_tape_create(s->o.threads, s->alloc, &s->t);
}

eg_status eg_learned_symmetry_create(size_t d, const eg_learn_symmetry_options *options,
                                     eg_learned_symmetry **out)
{
    const struct egi_family *row;
    EGI_TRY(check_options(options, d, &row));
    const eg_allocator *alloc = options->alloc != NULL ? options->alloc : eg_allocator_default();
    void *block;
    EGI_TRY(egi_alloc_array(alloc, 1, sizeof(struct eg_learned_symmetry), "symmetry", &block));
    struct eg_learned_symmetry *s = block;
    *s = (struct eg_learned_symmetry){ .o = *options,
                                       .row = row,
                                       .alloc = alloc,
                                       .d = d,
                                       .q = options->basis != NULL ? options->q : d,
                                       .scale = 1 };
    s->o.family = row->info.name;
    const eg_status status = fill(s);
    if (status != EG_OK) {
        eg_learned_symmetry_destroy(s);
        return status;
    }
    *out = s;
    return EG_OK;
}

void eg_learned_symmetry_destroy(eg_learned_symmetry *s)
{
    if (s == NULL) return;
    struct egi_learning *const both[2] = { &s->map, &s->critic };
    for (size_t i = 0; i < 2; i++) {
        if (both[i]->optimiser.alloc != NULL) egi_optimiser_destroy(&both[i]->optimiser);
        if (both[i]->leaf != NULL)
            egi_free(s->alloc, both[i]->leaf, both[i]->arrays * 2 * sizeof(eg_var));
        eg_params_destroy(both[i]->params);
        eg_params_destroy(both[i]->state);
    }
    eg_tape_destroy(s->t);
    egi_arena_destroy(&s->arena);
    egi_free(s->alloc, s, sizeof *s);
}

eg_params *eg_learned_symmetry_params(eg_learned_symmetry *s)
{
    return s->map.params;
}

/* ---- passes ---- */

void egi_symmetry_leaves(eg_tape *t, struct egi_learning *p, int learns)
{
    for (size_t k = 0; k < p->arrays; k++) {
        const eg_param *a = eg_params_at(p->params, k);
        p->leaf[k] = learns ? eg_leaf(t, a->dtype, &a->shape, a->value)
                            : eg_input(t, a->dtype, &a->shape, a->value);
    }
}

/* L of x (b, D) */
eg_var egi_symmetry_moved(struct eg_learned_symmetry *s, eg_var x, eg_var z)
{
    eg_tape *t = s->t;
    const eg_learn_symmetry_options *o = &s->o;
    const eg_shape flat = eg_tape_shape(t, x);
    if (s->row->picture) {
        const eg_shape shape = eg_shape_of(flat.dim[0], o->channels, o->height, o->width);
        const eg_var y = s->row->apply(o, t, s->map.leaf, eg_reshape(t, x, &shape), z);
        return eg_reshape(t, y, &flat);
    }
    eg_var mean = EG_NONE, from = x;
    if (s->row->centred) {
        mean = eg_input(t, EG_F32, &eg_shape_of(s->d), s->mean);
        from = eg_sub(t, x, mean);
    }
    if (s->basis == NULL) {
        const eg_var y = s->row->apply(o, t, s->map.leaf, from, z);
        return s->row->centred ? eg_add(t, y, mean) : y;
    }
    const eg_var basis = eg_input(t, EG_F32, &eg_shape_of(s->q, s->d), s->basis);
    const eg_var c = eg_matmul(t, from, eg_swap_axes(t, basis, 0, 1));
    const eg_var by = eg_sub(t, s->row->apply(o, t, s->map.leaf, c, z), c);
    return eg_add(t, x, eg_matmul(t, by, basis));
}

/* f (b, 1) of x (b, D), log D = -softplus(-f) */
eg_var egi_symmetry_judged(struct eg_learned_symmetry *s, eg_var x)
{
    eg_tape *t = s->t;
    const eg_var *w = s->critic.leaf;
    const eg_var mean = eg_input(t, EG_F32, &eg_shape_of(s->d), s->mean);
    eg_var h = eg_affine(t, eg_sub(t, x, mean), s->scale, 0);
    for (size_t k = 0; k < CRITIC_ARRAYS; k += 2) {
        h = eg_add(t, eg_matmul(t, h, w[k]), w[k + 1]);
        if (k + 2 < CRITIC_ARRAYS) h = eg_leaky_relu(t, h, 0.2);
    }
    return h;
}
