/* What a map and its critic minimise, and their steps in turn. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "engram/random.h"
#include "measure/egi_learned_symmetry.h"

enum { STREAM_STEP = 1 << 24, ALONE = 4 }; /* a quarter of the steps, of the critic alone */

static eg_var lasting(eg_tape *t, eg_var f, double sign) /* mean of log(1 + e^(sign f)) */
{
    return eg_mean(t, eg_softplus(t, eg_affine(t, f, sign, 0)), EG_ALL_AXES, 0);
}

/* sum over the last axis of x^2, (b) */
static eg_var squared(eg_tape *t, eg_var x)
{
    return eg_sum(t, eg_mul(t, x, x), EG_AXIS(1), 0);
}

static eg_var weighed(eg_tape *t, eg_var sum, eg_var term, double by)
{
    return eg_add(t, sum, eg_affine(t, term, by, 0));
}

static eg_var similarity(struct eg_learned_symmetry *s)
{
    eg_tape *t = s->t;
    const eg_shape shape = eg_tape_shape(t, s->map.leaf[0]);
    const size_t k = shape.dim[0];
    const eg_var g = eg_reshape(t, s->map.leaf[0], &eg_shape_of(k, eg_shape_size(&shape) / k));
    const eg_var unit = eg_mul(t, g, eg_power(t, eg_sum(t, eg_mul(t, g, g), EG_AXIS(1), 1), -0.5));
    const eg_var cosine = eg_matmul(t, unit, eg_swap_axes(t, unit, 0, 1));
    const eg_var all = eg_sum(t, eg_mul(t, cosine, cosine), EG_ALL_AXES, 0);
    return eg_affine(t, all, 0.5, -0.5 * (double)k); /* the diagonal is K ones */
}

static eg_var cost_of_map(struct eg_learned_symmetry *s)
{
    const eg_learn_symmetry_options *o = &s->o;
    eg_tape *t = s->t;
    const eg_var x = eg_input(t, EG_F32, &eg_shape_of(o->batch, s->d), s->from);
    const eg_var z = eg_input(t, EG_F32, &eg_shape_of(o->batch, o->generators), s->z);
    egi_symmetry_leaves(t, &s->map, 1);
    egi_symmetry_leaves(t, &s->critic, 0);
    const eg_var y = egi_symmetry_moved(s, x, z), by = eg_sub(t, y, x);
    const eg_var seen =
        eg_sub(t, s->phi->apply(s->phi->user, t, y), s->phi->apply(s->phi->user, t, x));
    eg_var sum = eg_affine(t, eg_mean(t, squared(t, seen), EG_ALL_AXES, 0), 1 / s->variance, 0);
    if (o->realism > 0)
        sum = weighed(t, sum, lasting(t, egi_symmetry_judged(s, y), -1), o->realism);
    if (o->movement > 0) {
        const eg_var far = eg_sqrt(t, eg_div(t, eg_affine(t, squared(t, by), 1, 1e-12),
                                             eg_affine(t, squared(t, x), 1, 1e-12)));
        const eg_var lacks = eg_relu(t, eg_affine(t, far, -1, o->least));
        sum = weighed(t, sum, eg_mean(t, lacks, EG_ALL_AXES, 0), o->movement);
    }
    if (o->involution > 0) {
        const eg_var back = squared(t, eg_sub(t, egi_symmetry_moved(s, y, z), x));
        const eg_var share =
            eg_div(t, eg_mean(t, back, EG_ALL_AXES, 0), eg_mean(t, squared(t, x), EG_ALL_AXES, 0));
        sum = weighed(t, sum, share, o->involution);
    }
    if (o->similarity > 0 && s->row->generators && o->generators > 1)
        sum = weighed(t, sum, similarity(s), o->similarity);
    return sum;
}

static eg_var cost_of_critic(struct eg_learned_symmetry *s)
{
    const eg_learn_symmetry_options *o = &s->o;
    eg_tape *t = s->t;
    const eg_shape shape = eg_shape_of(o->batch, s->d);
    const eg_var x = eg_leaf(t, EG_F32, &shape, s->real);
    const eg_var from = eg_input(t, EG_F32, &shape, s->from);
    const eg_var z = eg_input(t, EG_F32, &eg_shape_of(o->batch, o->generators), s->z);
    egi_symmetry_leaves(t, &s->map, 0);
    egi_symmetry_leaves(t, &s->critic, 1);
    const eg_var of_data = egi_symmetry_judged(s, x),
                 of_moved = egi_symmetry_judged(s, egi_symmetry_moved(s, from, z));
    eg_var sum = eg_add(t, lasting(t, of_data, -1), lasting(t, of_moved, 1));
    if (o->smooth > 0 && eg_tape_status(t) == EG_OK) {
        eg_var slope = EG_NONE;
        if (eg_tape_gradient(t, of_data, EG_NONE, &x, 1, EG_GRADIENT_KEEP, &slope) != EG_OK)
            return EG_NONE;
        sum = weighed(t, sum, eg_mean(t, squared(t, slope), EG_ALL_AXES, 0),
                      o->smooth / (2 * s->scale * s->scale));
    }
    return sum;
}

static eg_status derive(struct eg_learned_symmetry *s, struct egi_learning *p, eg_var cost,
                        double *loss, const float **g)
{
    eg_tape *t = s->t;
    EGI_TRY(eg_tape_status(t));
    EGI_TRY(eg_tape_gradient(t, cost, EG_NONE, p->leaf, p->arrays, 0, p->derived));
    *loss = eg_tape_number(t, cost);
    for (size_t k = 0; k < p->arrays; k++)
        g[k] = p->derived[k].id != 0 ? eg_tape_value(t, p->derived[k]) : NULL;
    return eg_tape_status(t);
}

eg_status egi_symmetry_map_loss(void *user, double *loss, const float **g)
{
    struct eg_learned_symmetry *s = user;
    eg_tape_reset(s->t);
    return derive(s, &s->map, cost_of_map(s), loss, g);
}

eg_status egi_symmetry_critic_loss(void *user, double *loss, const float **g)
{
    struct eg_learned_symmetry *s = user;
    eg_tape_reset(s->t);
    return derive(s, &s->critic, cost_of_critic(s), loss, g);
}

/* ---- training ---- */

static void draw(struct eg_learned_symmetry *s, uint64_t at, const float *x, size_t n)
{
    const uint64_t stream = STREAM_STEP + 2 * at, seed = s->o.seed;
    const size_t k = s->o.generators;
    for (size_t i = 0; i < s->o.batch; i++) {
        const size_t a = (size_t)eg_random_below(seed, stream, 2 * i, n);
        const size_t b = (size_t)eg_random_below(seed, stream, 2 * i + 1, n);
        memcpy(s->from + i * s->d, x + a * s->d, s->d * sizeof *x);
        memcpy(s->real + i * s->d, x + b * s->d, s->d * sizeof *x);
    }
    eg_random_normal(seed, stream + 1, 0, s->o.batch * k, s->z);
    for (size_t i = 0; i < s->o.batch * k; i++) s->z[i] *= (float)s->o.range;
}

/* The mean of data and one over their deviation. */
static eg_status look(struct eg_learned_symmetry *s, const float *x, size_t n)
{
    double spread = 0;
    for (size_t j = 0; j < s->d; j++) {
        double mean = 0, square = 0;
        for (size_t i = 0; i < n; i++) {
            const double v = (double)x[i * s->d + j];
            if (!isfinite(v))
                return egi_fail(EG_ERR_INVALID, "example %zu, input %zu is %g", i, j, v);
            mean += v / (double)n;
            square += v * v / (double)n;
        }
        s->mean[j] = (float)mean;
        spread += square - mean * mean;
    }
    s->scale = 1 / sqrt(spread / (double)s->d + 1e-12);
    return EG_OK;
}

static eg_status all_steps(struct eg_learned_symmetry *s, const float *x, size_t n)
{
    const eg_learn_symmetry_options *o = &s->o;
    const size_t critic = o->realism > 0 ? o->critic_steps : 0;
    double loss;
    for (size_t i = 0; i < o->steps; i++) {
        const double left = 2 - 2 * (double)i / (double)o->steps, factor = left < 1 ? left : 1;
        EGI_TRY(egi_report(o->progress, "steps", i, o->steps));
        for (size_t k = 0; k <= critic; k++) {
            draw(s, i * (critic + 1) + k, x, n);
            if (k < critic)
                EGI_TRY(egi_optimiser_step(&s->critic.optimiser, o->critic_rate, &loss));
            else
                EGI_TRY(egi_optimiser_step(&s->map.optimiser, o->rate * factor, &loss));
            if (!isfinite(loss))
                return egi_fail(EG_ERR_DIVERGED, "symmetry: the loss is %g at step %zu", loss, i);
        }
    }
    for (size_t k = 0; critic > 0 && k < o->steps / ALONE; k++) { /* so that it can be believed */
        draw(s, o->steps * (critic + 1) + k, x, n);
        EGI_TRY(egi_optimiser_step(&s->critic.optimiser, o->critic_rate, &loss));
    }
    return egi_report(o->progress, "steps", o->steps, o->steps);
}

eg_status eg_learned_symmetry_train(eg_learned_symmetry *s, const eg_tape_function *phi,
                                    const float *x, size_t n)
{
    void *y;
    EGI_TRY(egi_symmetry_check(s, phi, n));
    EGI_TRY(look(s, x, n));
    EGI_TRY(egi_alloc_array(s->alloc, n, phi->outputs * sizeof(float), "symmetry", &y));
    eg_status status = egi_symmetry_outputs(s, phi, x, n, y);
    s->variance = status == EG_OK ? egi_symmetry_variance(y, n, phi->outputs) : 0;
    egi_free(s->alloc, y, n * phi->outputs * sizeof(float));
    if (status == EG_OK && !(s->variance > 0 && isfinite(s->variance)))
        status =
            egi_fail(EG_ERR_INVALID,
                     "the function's variance over the data is %g, expected above 0", s->variance);
    s->phi = phi;
    return status == EG_OK ? all_steps(s, x, n) : status;
}
