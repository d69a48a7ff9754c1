/* engram measure symmetry: what a trained network does not see, as generators that are found or as
 * a map that is learned. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/console.h"
#include "cli/measure.h"
#include "cli/report.h"

enum { SHOWN = 5, TOP = 8, EXAMPLES = 4, PIXELS = 72, PRINCIPAL_OF = 500 };

struct study {
    const struct call *call;
    const struct measure *o;
    struct model *m;
    const eg_dataset *set;
    float *basis; /* (q, D) */
    size_t q;
    struct table table;
    struct report report;
};

const char *family_name(size_t row)
{
    const eg_symmetry_family *f = eg_symmetry_family_at(row);
    return f != NULL ? f->name : NULL;
}

/* The principal directions of the data: the tangent space of all of them. */
static eg_status principal(struct study *s)
{
    const size_t n = s->set->n < PRINCIPAL_OF ? s->set->n : PRINCIPAL_OF, d = s->set->d;
    const size_t most = n - 1 < d ? n - 1 : d;
    eg_tangent *t = NULL;
    s->q = s->o->basis < most ? s->o->basis : most;
    s->basis = need_floats(s->q, d);
    eg_status status = eg_tangent_create(s->set->x, n, d, n, s->q, NULL, &t);
    if (status != EG_OK) return status;
    const eg_function f = eg_tangent_function(t);
    status = f.jacobian(f.user, s->set->x, 1, s->basis);
    eg_tangent_destroy(t);
    return status;
}

/* ---- pictures ---- */

/* n states side by side under a heading. */
static void show(struct study *s, const float *x, size_t n, const char *const *captions)
{
    eg_image images[SHOWN] = { { 0 } };
    eg_status status = EG_OK;
    for (size_t i = 0; i < n && status == EG_OK; i++)
        status = picture_of_state(&s->m->shape, &s->m->drawing, x + i * s->set->d, &images[i]);
    if (status == EG_OK)
        report_pictures(&s->report, images, captions, n, PIXELS, "A picture along its orbit");
    for (size_t i = 0; i < n; i++) eg_image_clear(&images[i]);
}

static int drawable(const struct study *s)
{
    return s->o->report != NULL && shape_drawable(&s->m->shape, s->set->d);
}

/* ---- generators that are found ---- */

static const struct column found_columns[] = { { "generator", "%.0f" },
                                               { "singular_value", "%.4g" },
                                               { "bias", "%.4g" },
                                               { "variance", "%.4g" },
                                               { "moved", "%.3f" } };

static void draw_orbit(struct study *s, const eg_function *f, const eg_symmetry_options *how,
                       const double *h, size_t k)
{
    const size_t d = s->set->d;
    float *orbit = need_floats(SHOWN, d);
    const char *captions[SHOWN];
    for (size_t e = 0; e < EXAMPLES && e < s->set->n; e++) {
        eg_status status = EG_OK;
        for (size_t i = 0; i < SHOWN && status == EG_OK; i++) {
            const double t = s->o->along * ((double)i - SHOWN / 2);
            captions[i] = keep_format("generator %zu, t = %.3g", k, t);
            status = eg_symmetry_move(f, s->set->x + e * d, 1, how, h, t, orbit + i * d);
        }
        if (status == EG_OK) show(s, orbit, SHOWN, captions);
    }
    free(orbit);
}

static void draw_spectrum(struct study *s, const double *spectrum, size_t m)
{
    double *x = need(2 * m, sizeof *x), *y = x + m;
    for (size_t i = 0; i < m; i++) {
        x[i] = (double)i + 1;
        y[i] = log10(spectrum[i]);
    }
    const struct series line = { .name = "singular value", .x = x, .y = y, .n = m };
    const struct chart c = { .title = "Singular values",
                             .x_label = "generator",
                             .y_label = "log10",
                             .alt = "Singular values of all generators, rising",
                             .log_x = 1,
                             .series = &line,
                             .count = 1 };
    report_chart(&s->report, &c, &s->table);
    free(x);
}

static eg_status found(struct study *s, const eg_function *f, const eg_symmetry_options *how)
{
    const size_t m = eg_symmetry_size(f, how), top = m < TOP ? m : TOP;
    double *spectrum = need(m * (m + 1), sizeof *spectrum), *g = spectrum + m;
    eg_kept kept;
    eg_status status = eg_symmetry_find(f, s->set->x, s->set->n, how, spectrum, g);
    for (size_t k = 0; k < top && status == EG_OK; k++) {
        status = eg_symmetry_check(f, s->set->x, s->set->n, how, g + k * m, s->o->along, &kept);
        if (status != EG_OK) break;
        table_number(&s->table, (double)k + 1);
        table_number(&s->table, spectrum[k]);
        table_number(&s->table, kept.bias);
        table_number(&s->table, kept.variance);
        table_number(&s->table, kept.moved);
    }
    if (status == EG_OK && s->o->report != NULL) draw_spectrum(s, spectrum, m);
    for (size_t k = 0; k < 3 && k < top && status == EG_OK && drawable(s); k++)
        draw_orbit(s, f, how, g + k * m, k + 1);
    if (status == EG_OK && s->o->generators != NULL) {
        float *narrow = need_floats(m, m);
        for (size_t i = 0; i < m * m; i++) narrow[i] = (float)g[i];
        status = eg_npy_write(s->o->generators, narrow, m, m);
        free(narrow);
    }
    free(spectrum);
    return status;
}

static eg_status find(struct study *s)
{
    const eg_function f = eg_learner_function(s->m->learner);
    eg_symmetry_options how = EG_SYMMETRY_OPTIONS_INIT;
    struct bar bar;
    const eg_progress progress = bar_begin(&bar, s->call);
    eg_tangent *t = NULL;
    eg_function along;
    eg_status status = principal(s);
    how.basis = s->basis;
    how.q = s->q;
    how.progress = &progress;
    if (status == EG_OK && s->o->tangent > 0) {
        status =
            eg_tangent_create(s->set->x, s->set->n, s->set->d, s->o->k, s->o->tangent, NULL, &t);
        along = t != NULL ? eg_tangent_function(t) : (eg_function){ 0 };
        how.against = &along;
    }
    table_begin(&s->table, "generators, the most nearly kept first", found_columns, 5);
    if (status == EG_OK) status = found(s, &f, &how);
    bar_end(&bar);
    eg_tangent_destroy(t);
    return status;
}

/* ---- a map that is learned ---- */

static const struct column learned_columns[] = {
    { "family", NULL },      { "invariance", "%.4g" },   { "agreement", "%.4f" },
    { "moved", "%.3f" },     { "critic_right", "%.3f" }, { "critic_value", "%.4f" },
    { "involution", "%.3g" }
};

static eg_status learned(struct study *s, eg_learned_symmetry *map)
{
    const eg_tape_function phi = eg_learner_tape_function(s->m->learner);
    const size_t d = s->set->d, n = s->set->n;
    eg_learned_symmetry_result r;
    const char *const captions[SHOWN] = { "x", "Lx", "LLx", "LLLx", "LLLLx" };
    eg_status status = eg_learned_symmetry_train(map, &phi, s->set->x, n);
    if (status == EG_OK) status = eg_learned_symmetry_check(map, &phi, s->set->x, n, &r);
    if (status != EG_OK) return status;
    table_word(&s->table, "%s", s->o->learn);
    table_number(&s->table, r.invariance);
    table_number(&s->table, r.agreement);
    table_number(&s->table, r.moved);
    table_number(&s->table, r.accuracy);
    table_number(&s->table, r.value);
    table_number(&s->table, r.involution);
    if (s->o->report != NULL) report_table(&s->report, &s->table, 0);
    float *orbit = need_floats(SHOWN > n ? SHOWN : n, d);
    for (size_t e = 0; e < EXAMPLES && e < n && status == EG_OK && drawable(s); e++) {
        status =
            eg_learned_symmetry_orbit(map, s->set->x + e * d, 1, s->o->along, SHOWN - 1, orbit);
        if (status == EG_OK) show(s, orbit, SHOWN, captions);
    }
    if (status == EG_OK && s->o->moved != NULL) {
        status = eg_learned_symmetry_apply(map, s->set->x, n, NULL, orbit);
        if (status == EG_OK) status = eg_npy_write(s->o->moved, orbit, n, d);
    }
    const eg_param *g = eg_params_find(eg_learned_symmetry_params(map), "generators");
    if (status == EG_OK && s->o->generators != NULL && g != NULL)
        status = eg_npy_write(s->o->generators, g->value, g->shape.dim[0],
                              eg_shape_size(&g->shape) / g->shape.dim[0]);
    free(orbit);
    return status;
}

static eg_status learn(struct study *s)
{
    eg_learn_symmetry_options how = EG_LEARN_SYMMETRY_OPTIONS_INIT;
    eg_learned_symmetry *map = NULL;
    struct bar bar;
    const eg_progress progress = bar_begin(&bar, s->call);
    eg_status status = EG_OK;
    how.family = s->o->learn;
    how.height = s->m->shape.height;
    how.width = s->m->shape.width;
    how.channels = s->m->shape.channels;
    how.steps = s->o->steps;
    how.least = s->o->least;
    how.seed = s->call->common->seed;
    how.threads = s->call->common->threads;
    how.progress = &progress;
    if (strcmp(s->o->learn, "warp") != 0) {
        status = principal(s);
        how.basis = s->basis;
        how.q = s->q;
    }
    table_begin(&s->table, "what was learned", learned_columns, 7);
    if (status == EG_OK) status = eg_learned_symmetry_create(s->set->d, &how, &map);
    if (status == EG_OK) status = learned(s, map);
    bar_end(&bar);
    eg_learned_symmetry_destroy(map);
    return status;
}

/* ---- the whole ---- */

static int print_all(const struct study *s)
{
    if (!s->call->common->json) {
        table_print(&s->table, s->call->out);
        return EXIT_DONE;
    }
    json_t *j = json_pack("{s:s,s:I,s:o}", "model", s->m->path, "examples", (json_int_t)s->set->n,
                          s->o->learn != NULL ? "learned" : "generators", table_json(&s->table));
    print_json_line(s->call->out, j);
    json_decref(j);
    return EXIT_DONE;
}

int measure_symmetry(const struct call *call, const char *unused)
{
    const struct measure *o = call->options;
    struct model m;
    eg_dataset set = { 0 };
    (void)unused;
    if (o->learn == NULL && o->moved != NULL)
        return fail_usage(call, "--moved is of a map that is learned: give --learn too");
    int code = measure_model(call, &m, &set);
    if (code != EXIT_DONE) return code;
    struct study s = { .call = call, .o = o, .m = &m, .set = &set };
    report_begin(&s.report, keep_format("Symmetries of %s", call->args[1]),
                 o->learn != NULL ? "A map that the network does not see, learned."
                                  : "Linear directions of change that the network does not see.");
    const eg_status status = set.n < 3 ? EG_OK : o->learn != NULL ? learn(&s) : find(&s);
    if (set.n < 3)
        code = fail_usage(call, "%zu examples, expected 3 or more", set.n);
    else
        code = status == EG_OK ? print_all(&s) : fail(status, NULL);
    if (code == EXIT_DONE && o->report != NULL) code = report_save(&s.report, o->report);
    report_clear(&s.report);
    if (set.n >= 3) table_clear(&s.table);
    free(s.basis);
    eg_dataset_clear(&set);
    model_close(&m);
    return code;
}
