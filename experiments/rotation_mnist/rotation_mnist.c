/* A network that is trained on digits turned by any angle up to a right one: is rotation among what
 * it does not see? Beside Moskalev et al. 2022 (LieGG), where networks trained on rotated digits
 * have the rotation as a generator.
 *
 * Of the six affine changes of the plane each is a generator within Q principal components, by
 * differences of warped components: rotation must have the least bias. A warp that is learned
 * (engram/learned_symmetry.h) begins anywhere among the six and must end at the rotation. Then all
 * Q^2 linear generators, against movement along the data: how much of the rotation lies in the span
 * of the first ones. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "experiments/lab.h"

enum { KINDS = 6, ROTATION = 2, SIDE = 14, D = SIDE * SIDE, NEAR = 24, TANGENT = 6, ORBIT = 9 };

static const char *const kind_names[KINDS] = {
    "translation along rows", "translation along columns", "rotation", "scaling", "stretch", "shear"
};

struct digits {
    const struct experiment_context *run;
    eg_dataset train, test;
    eg_learner *l;
    float *basis;             /* (q, D) */
    double *generator[KINDS]; /* (q, q) */
    size_t q, looked;         /* looked: examples that instruments look at */
};

static eg_status warp(const struct experiment_context *run, eg_learned_symmetry **out)
{
    eg_learn_symmetry_options o = EG_LEARN_SYMMETRY_OPTIONS_INIT;
    o.family = "warp";
    o.height = o.width = SIDE;
    o.channels = 1;
    o.realism = 0;
    o.least = 0.3;
    o.movement = 1;
    o.range = 0.3;
    o.rate = 1e-2;
    o.steps = run->full ? 2000 : 500;
    o.seed = run->seed;
    o.threads = run->threads;
    o.progress = run->progress;
    return eg_learned_symmetry_create(D, &o, out);
}

/* coefficients of a warp: one of them alone */
static void choose(eg_learned_symmetry *map, size_t kind)
{
    float *c = eg_params_at(eg_learned_symmetry_params(map), 0)->value;
    for (size_t i = 0; i < KINDS; i++) c[i] = i == kind;
}

static eg_var halve(eg_tape *t, eg_var x, const void *user)
{
    const size_t size[2] = { SIDE, SIDE };
    (void)user;
    return eg_adaptive_average_pool(t, x, size);
}

/* Digits of 14 x 14, each turned by an angle of its own. */
static eg_status turned(const struct experiment_context *run, const char *name, size_t most,
                        eg_dataset *set)
{
    eg_learned_symmetry *map = NULL;
    LAB_TRY(lab_images(name, most, set));
    LAB_TRY(lab_on_tape(run, set, halve, NULL));
    float *z = lab_floats(set->n), *x = lab_floats(set->n * D);
    eg_status s = z != NULL && x != NULL ? warp(run, &map) : lab_no_memory();
    if (s == EG_OK) {
        choose(map, ROTATION);
        eg_random_uniform(run->seed, 5, 0, set->n, z);
        for (size_t i = 0; i < set->n; i++) z[i] = (float)acos(-1) * (z[i] - 0.5F);
        s = eg_learned_symmetry_apply(map, set->x, set->n, z, x);
    }
    if (s == EG_OK) memcpy(set->x, x, set->n * D * sizeof *x);
    free(z);
    free(x);
    eg_learned_symmetry_destroy(map);
    return s;
}

/* A_ij = <b_i, (warp(e) b_j - warp(-e) b_j) / 2e> for each kind */
static eg_status known(struct digits *g)
{
    enum { DOWN = 64 };
    const size_t q = g->q;
    eg_learned_symmetry *map = NULL;
    float *z = lab_floats(q), *side[2] = { lab_floats(q * D), lab_floats(q * D) };
    eg_status s =
        z != NULL && side[0] != NULL && side[1] != NULL ? warp(g->run, &map) : lab_no_memory();
    for (size_t k = 0; k < KINDS && s == EG_OK; k++) {
        choose(map, k);
        for (size_t w = 0; w < 2 && s == EG_OK; w++) {
            for (size_t i = 0; i < q; i++) z[i] = (w ? 1.0F : -1.0F) / DOWN;
            s = eg_learned_symmetry_apply(map, g->basis, q, z, side[w]);
        }
        for (size_t i = 0; i < q * q && s == EG_OK; i++) {
            double sum = 0;
            for (size_t p = 0; p < D; p++)
                sum += (double)g->basis[i / q * D + p]
                       * ((double)side[1][i % q * D + p] - (double)side[0][i % q * D + p]);
            g->generator[k][i] = sum * DOWN / 2;
        }
    }
    eg_learned_symmetry_destroy(map);
    free(z);
    free(side[0]);
    free(side[1]);
    return s;
}

static eg_status prepare(struct digits *g)
{
    const eg_task task = { .inputs = D, .classes = 10, .epochs = g->run->full ? 20 : 10 };
    const size_t of = 600;
    eg_train_options how = EG_TRAIN_OPTIONS_INIT;
    eg_tangent *t = NULL;
    how.seed = g->run->seed;
    how.progress = g->run->progress;
    LAB_TRY(turned(g->run, "mnist/train", g->run->full ? 60000 : 10000, &g->train));
    LAB_TRY(turned(g->run, "mnist/test", g->run->full ? 2000 : 600, &g->test));
    LAB_TRY(eg_learner_create("{\"kind\": \"network\", \"hidden\": [128, 64], \"optimiser\": "
                              "{\"kind\": \"adam\", \"rate\": 0.002}}",
                              &task, g->run->seed, g->run->threads, NULL, &g->l));
    const eg_part rest = { &g->test, NULL, g->test.n };
    eg_scored scored = { .confusion = NULL };
    LAB_TRY(lab_train(g->run, "turned digits", "mnist/train", g->l, &g->train, NULL, &how));
    LAB_TRY(eg_evaluate(g->l, &rest, 240, NULL, &scored));
    lab_at_least(g->run, 0.85, scored.accuracy, 0, "turned test digits that are right");
    g->basis = lab_floats(g->q * D);
    for (size_t k = 0; k < KINDS; k++)
        if ((g->generator[k] = malloc(g->q * g->q * sizeof(double))) == NULL)
            return lab_no_memory();
    if (g->basis == NULL) return lab_no_memory();
    LAB_TRY(eg_tangent_create(g->train.x, of, D, of, g->q, NULL, &t));
    const eg_function f = eg_tangent_function(t);
    const eg_status s = f.jacobian(f.user, g->train.x, 1, g->basis);
    eg_tangent_destroy(t);
    return s == EG_OK ? known(g) : s;
}

/* Change of the scores over how far pictures move, for each kind. */
static eg_status biases(const struct digits *g, const eg_function *f,
                        const eg_symmetry_options *how)
{
    double by[KINDS], least = INFINITY, x[ORBIT], y[ORBIT], other[ORBIT];
    eg_kept kept;
    for (size_t k = 0; k < KINDS; k++) {
        LAB_TRY(eg_symmetry_check(f, g->test.x, g->looked, how, g->generator[k], 0.25, &kept));
        by[k] = sqrt(kept.variance) / kept.moved;
        if (k != ROTATION) least = fmin(least, by[k]);
        lab_beside(g->run, by[k], "%s: change of scores, in deviations, over movement",
                   kind_names[k]);
    }
    lab_at_most(g->run, 1, by[ROTATION] / least, 0, "rotation over the least of the five others");
    for (size_t i = 0; i < ORBIT; i++) {
        x[i] = 0.1 * (double)i;
        LAB_TRY(
            eg_symmetry_check(f, g->test.x, g->looked, how, g->generator[ROTATION], x[i], &kept));
        y[i] = kept.variance;
        LAB_TRY(eg_symmetry_check(f, g->test.x, g->looked, how, g->generator[0], x[i], &kept));
        other[i] = kept.variance;
    }
    lab_curve(g->run, "Change along orbits|t|of scores, over their variance", ORBIT, x, y, NULL,
              "rotation");
    lab_curve(g->run, "Change along orbits|t|of scores, over their variance", ORBIT, x, other, NULL,
              "translation along rows");
    return EG_OK;
}

static eg_status learned(const struct digits *g)
{
    const eg_tape_function phi = eg_learner_tape_function(g->l);
    eg_learned_symmetry *map = NULL;
    eg_learned_symmetry_result r;
    double norm = 0;
    LAB_TRY(warp(g->run, &map));
    eg_status s = eg_learned_symmetry_train(map, &phi, g->train.x, g->train.n);
    if (s == EG_OK) s = eg_learned_symmetry_check(map, &phi, g->test.x, g->test.n, &r);
    const float *c = eg_params_at(eg_learned_symmetry_params(map), 0)->value;
    for (size_t k = 0; k < KINDS; k++) norm += (double)c[k] * (double)c[k];
    if (s == EG_OK) {
        lab_at_least(g->run, 0.95, fabs((double)c[ROTATION]) / sqrt(norm), 0,
                     "learned warp: cosine with the rotation");
        lab_beside(g->run, r.invariance, "learned warp: change of the scores over their variance");
        lab_beside(g->run, r.moved, "learned warp: movement over length");
    }
    eg_learned_symmetry_destroy(map);
    return s;
}

static double dot(const double *a, const double *b, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += a[i] * b[i];
    return sum;
}

/* |part of r in the span of the first `count` rows of v (.., m)| / |r|; v becomes orthonormal. */
static double within(double *v, size_t count, const double *r, size_t m)
{
    double part = 0;
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < i; k++) {
            const double by = dot(v + i * m, v + k * m, m);
            for (size_t j = 0; j < m; j++) v[i * m + j] -= by * v[k * m + j];
        }
        const double norm = sqrt(dot(v + i * m, v + i * m, m));
        for (size_t j = 0; j < m; j++) v[i * m + j] /= norm;
        part += pow(dot(v + i * m, r, m), 2);
    }
    return sqrt(part / dot(r, r, m));
}

static eg_status all_linear(const struct digits *g, const eg_function *f, eg_symmetry_options *how)
{
    const size_t m = g->q * g->q, few = m / 10;
    double *spectrum = malloc((m + 1) * m * sizeof *spectrum), *place = malloc(m * sizeof *place);
    eg_tangent *t = NULL;
    eg_status s = spectrum != NULL && place != NULL ? eg_tangent_create(
                      g->train.x, g->train.n < 3000 ? g->train.n : 3000, D, NEAR, TANGENT, NULL, &t)
                                                    : lab_no_memory();
    if (s == EG_OK) {
        const eg_function along = eg_tangent_function(t);
        how->against = &along;
        s = eg_symmetry_find(f, g->test.x, g->looked, how, spectrum, spectrum + m);
        how->against = NULL;
    }
    if (s == EG_OK) {
        for (size_t i = 0; i < m; i++) {
            place[i] = (double)i + 1;
            spectrum[i] = log10(spectrum[i]);
        }
        lab_curve(g->run, "Singular values against the tangent|generator|log10", m, place, spectrum,
                  NULL, "all linear");
        const double in = within(spectrum + m, few, g->generator[ROTATION], m);
        lab_beside(g->run, in, "rotation: part in the span of the first tenth of generators");
        lab_beside(g->run, within(spectrum + m, few, g->generator[0], m),
                   "translation along rows: the same");
        lab_beside(g->run, sqrt((double)few / (double)m), "any generator, on average: the same");
    }
    eg_tangent_destroy(t);
    free(spectrum);
    free(place);
    return s;
}

static eg_status draw_orbits(const struct digits *g, const eg_function *f,
                             const eg_symmetry_options *how)
{
    enum { SHOWN = 6 };
    float y[D];
    eg_image image = { 0 };
    eg_status s = eg_image_create(SHOWN * SIDE, ORBIT * SIDE, 1, NULL, &image);
    for (size_t i = 0; i < SHOWN * (size_t)ORBIT && s == EG_OK; i++) {
        const double t = 0.25 * ((double)(i % ORBIT) - ORBIT / 2);
        s = eg_symmetry_move(f, g->test.x + i / ORBIT * D, 1, how, g->generator[ROTATION], t, y);
        for (size_t p = 0; p < D && s == EG_OK; p++)
            image.pixels[(i / ORBIT * SIDE + p / SIDE) * ORBIT * SIDE + i % ORBIT * SIDE
                         + p % SIDE] = (uint8_t)(255 * fmin(fmax((double)y[p], 0), 1));
    }
    if (s == EG_OK) g->run->picture(g->run->user, "Orbits of the rotation, t = -1 to 1", &image);
    eg_image_clear(&image);
    return s;
}

static eg_status measure(const struct experiment_context *run)
{
    struct digits g = { .run = run, .q = run->full ? 30 : 16, .looked = run->full ? 2000 : 300 };
    eg_symmetry_options how = EG_SYMMETRY_OPTIONS_INIT;
    eg_status s = prepare(&g);
    if (s == EG_OK) {
        const eg_function f = eg_learner_function(g.l);
        how.basis = g.basis;
        how.q = g.q;
        s = biases(&g, &f, &how);
        if (s == EG_OK) s = draw_orbits(&g, &f, &how);
        if (s == EG_OK) s = learned(&g);
        if (s == EG_OK) s = all_linear(&g, &f, &how);
    }
    eg_learner_destroy(g.l);
    for (size_t k = 0; k < KINDS; k++) free(g.generator[k]);
    free(g.basis);
    eg_dataset_clear(&g.train);
    eg_dataset_clear(&g.test);
    return s;
}

const struct experiment experiment_rotation_mnist = {
    .name = "rotation-mnist",
    .title = "rotation among what a network of turned digits does not see",
    .source = "Moskalev et al. 2022",
    .setting = "quick: 10 000 digits, 16 components; full: 60 000, 30",
    .run = measure,
};
