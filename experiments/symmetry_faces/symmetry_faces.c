/* Glasses on and off: drawn faces, a network that is asked who it is and where, and an involution
 * that it does not see, learned without being told of glasses. No published figure: what it was
 * drawn from tells whether it was found.
 *
 * The map moves within principal components of the faces. It is x + h(x) with a weight on
 * |LLx - x|; beside it couplings that undo themselves exactly. A face counts as turned if what
 * comes out is nearer to the same face, of the same person at the same place, with the other bit.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "experiments/lab.h"

enum { PRINCIPAL_OF = 600, SHOWN = 8, ROWS = 3, NEW = 1000 };

struct faces {
    const struct experiment_context *run;
    eg_faces_options how;
    eg_face *face;          /* (n + NEW) */
    eg_dataset train, rest; /* rest: those of the same set that come after */
    float *basis, *moved;   /* (q, D), (NEW, D) */
    size_t q;
    eg_learner *l;
};

static eg_status draw(struct faces *f)
{
    eg_faces_options o = f->how;
    const size_t n = o.n;
    o.n += NEW;
    f->face = malloc(o.n * sizeof *f->face);
    if (f->face == NULL) return lab_no_memory();
    LAB_TRY(eg_faces_draw(&o, f->face, &f->train));
    f->rest = f->train;
    f->rest.n = NEW;
    f->rest.x += n * f->train.d;
    f->rest.labels += n;
    f->train.n = n;
    f->basis = lab_floats(f->q * f->train.d);
    f->moved = lab_floats(NEW * f->train.d);
    return f->basis != NULL && f->moved != NULL ? EG_OK : lab_no_memory();
}

static eg_status train(struct faces *f)
{
    const eg_task task = { .inputs = f->train.d,
                           .classes = f->train.classes,
                           .epochs = f->run->full ? 20 : 15 };
    const eg_part rest = { &f->rest, NULL, NEW };
    eg_train_options how = EG_TRAIN_OPTIONS_INIT;
    eg_scored scored = { .confusion = NULL };
    how.seed = f->run->seed;
    LAB_TRY(eg_learner_create("{\"kind\": \"network\", \"hidden\": [128], \"optimiser\": "
                              "{\"kind\": \"adam\", \"rate\": 0.002}}",
                              &task, f->run->seed, f->run->threads, NULL, &f->l));
    LAB_TRY(lab_train(f->run, "who and where", "faces", f->l, &f->train, NULL, &how));
    LAB_TRY(eg_evaluate(f->l, &rest, 240, NULL, &scored));
    lab_at_least(f->run, 0.97, scored.accuracy, 0, "new faces whose person and place are told");
    return EG_OK;
}

static eg_status principal(struct faces *f)
{
    eg_tangent *t = NULL;
    LAB_TRY(eg_tangent_create(f->train.x, PRINCIPAL_OF, f->train.d, PRINCIPAL_OF, f->q, NULL, &t));
    const eg_function along = eg_tangent_function(t);
    const eg_status s = along.jacobian(along.user, f->train.x, 1, f->basis);
    eg_tangent_destroy(t);
    return s;
}

static double apart(const float *a, const float *b, size_t d)
{
    double sum = 0;
    for (size_t i = 0; i < d; i++) {
        const double by = (double)a[i] - (double)b[i];
        sum += by * by;
    }
    return sqrt(sum);
}

/* Share of new faces whose bit is turned; *off: mean distance to the face that should come out,
 * over that between both. */
static eg_status turned(const struct faces *f, double *share, double *off)
{
    const size_t d = f->train.d;
    float *with = lab_floats(2 * d);
    if (with == NULL) return lab_no_memory();
    float *without = with + d;
    *share = *off = 0;
    for (size_t i = 0; i < NEW; i++) {
        eg_face face = f->face[f->train.n + i];
        const int had = face.glasses != 0;
        face.glasses = 1;
        eg_face_draw(&f->how, &face, with);
        face.glasses = 0;
        eg_face_draw(&f->how, &face, without);
        const float *y = f->moved + i * d, *wanted = had ? without : with;
        const double to = apart(y, wanted, d), from = apart(y, had ? with : without, d);
        *share += (double)(to < from) / NEW;
        *off += to / apart(with, without, d) / NEW;
    }
    free(with);
    return EG_OK;
}

static eg_status draw_orbits(const struct faces *f, eg_learned_symmetry *map, const char *family)
{
    const size_t side = f->train.width, d = f->train.d;
    float *orbit = lab_floats(ROWS * d);
    eg_image image = { 0 };
    eg_status s = orbit != NULL ? eg_image_create(ROWS * side, SHOWN * side, 1, NULL, &image)
                                : lab_no_memory();
    for (size_t i = 0; i < SHOWN && s == EG_OK && orbit != NULL; i++) {
        s = eg_learned_symmetry_orbit(map, f->rest.x + i * d, 1, 1, ROWS - 1, orbit);
        for (size_t p = 0; p < ROWS * d && s == EG_OK; p++) {
            const double v = 255 * fmin(fmax((double)orbit[p], 0), 1);
            image.pixels[(p / d * side + p % d / side) * SHOWN * side + i * side + p % side] =
                (uint8_t)v;
        }
    }
    char title[80];
    snprintf(title, sizeof title, "New faces x, Lx, LLx: %s", family);
    if (s == EG_OK) f->run->picture(f->run->user, title, &image);
    eg_image_clear(&image);
    free(orbit);
    return s;
}

static eg_status tell(const struct faces *f, eg_learned_symmetry *map, const char *family,
                      int exact)
{
    const eg_tape_function phi = eg_learner_tape_function(f->l);
    eg_learned_symmetry_result r;
    double share = 0, off = 0;
    LAB_TRY(eg_learned_symmetry_train(map, &phi, f->train.x, f->train.n));
    LAB_TRY(eg_learned_symmetry_check(map, &phi, f->rest.x, NEW, &r));
    LAB_TRY(eg_learned_symmetry_apply(map, f->rest.x, NEW, NULL, f->moved));
    LAB_TRY(turned(f, &share, &off));
    lab_at_least(f->run, 0.99, share, 0, "%s: new faces whose glasses are turned", family);
    lab_at_least(f->run, 0.99, r.agreement, 0, "%s: still the same person and place", family);
    lab_at_most(f->run, exact ? 1e-6 : 0.05, r.involution, 0, "%s: |LLx - x|^2 over |Lx - x|^2",
                family);
    lab_beside(f->run, r.invariance, "%s: change of the scores over their variance", family);
    lab_beside(f->run, off, "%s: distance to the face that should come out, in masks", family);
    lab_beside(f->run, r.accuracy, "%s: faces and moved ones that the critic tells apart", family);
    return draw_orbits(f, map, family);
}

static eg_status learn(const struct faces *f, const char *family, int exact)
{
    eg_learn_symmetry_options o = EG_LEARN_SYMMETRY_OPTIONS_INIT;
    eg_learned_symmetry *map = NULL;
    o.family = family;
    o.basis = f->basis;
    o.q = f->q;
    o.steps = f->run->full ? 20000 : 3000;
    o.least = 0.1; /* a mask is about a tenth of a face */
    o.movement = 20;
    o.realism = exact ? 2 : 0.5;
    o.smooth = 0.5;
    o.involution = exact ? 0 : 20;
    o.rate = 2e-3;
    o.seed = f->run->seed;
    o.threads = f->run->threads;
    o.progress = f->run->progress;
    LAB_TRY(eg_learned_symmetry_create(f->train.d, &o, &map));
    const eg_status s = tell(f, map, family, exact);
    eg_learned_symmetry_destroy(map);
    return s;
}

static eg_status measure(const struct experiment_context *run)
{
    struct faces f = { .run = run, .q = run->full ? 32 : 16 };
    f.how = (eg_faces_options)EG_FACES_OPTIONS_INIT;
    f.how.n = run->full ? 10000 : 2000;
    f.how.people = run->full ? 5 : 3;
    f.how.places = run->full ? 9 : 3;
    f.how.side = run->full ? 24 : 16;
    f.how.stride = run->full ? 2 : 1.5;
    f.how.seed = run->seed;
    eg_status s = draw(&f);
    if (s == EG_OK) s = train(&f);
    if (s == EG_OK) s = principal(&f);
    if (s == EG_OK) s = learn(&f, "residual", 0);
    if (s == EG_OK) s = learn(&f, "involution", 1);
    eg_learner_destroy(f.l);
    free(f.face);
    free(f.basis);
    free(f.moved);
    eg_dataset_clear(&f.train);
    return s;
}

const struct experiment experiment_symmetry_faces = {
    .name = "symmetry-faces",
    .title = "glasses on and off, found as what a network does not see",
    .source = "a construction of our own",
    .setting = "quick: 3 people at 3 places, 16 x 16, 3000 steps; full: 5 at 9, 24 x 24, 20 000",
    .run = measure,
};
