/* What all learners share: the table of kinds, their settings, and checks of every argument. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "nn/egi_dam.h"
#include "nn/egi_local.h"

const struct egi_learner_row *const egi_learner_rows[] = {
    &egi_learner_network,
    &egi_learner_dam,
    &egi_learner_local,
    &egi_learner_knn,
    &egi_learner_class_mean,
    &egi_learner_svm,
    &egi_learner_forest,
    &egi_learner_boosting,
    &egi_learner_kmeans,
    &egi_learner_lookup,
    NULL,
};

const eg_learner_kind *eg_learner_kind_at(size_t row)
{
    for (size_t i = 0; egi_learner_rows[i] != NULL; i++)
        if (i == row) return &egi_learner_rows[i]->kind;
    return NULL;
}

static const struct egi_learner_row *row_of(const char *kind)
{
    for (size_t i = 0; kind != NULL && egi_learner_rows[i] != NULL; i++)
        if (strcmp(egi_learner_rows[i]->kind.name, kind) == 0) return egi_learner_rows[i];
    return NULL;
}

const eg_setting *eg_learner_setting_at(const char *kind, size_t row)
{
    const struct egi_learner_row *r = row_of(kind);
    const struct egi_setting *s = r != NULL ? r->settings : egi_network_settings(kind);
    for (size_t i = 0; s != NULL && s[i].shown.name != NULL; i++)
        if (i == row) return &s[i].shown;
    return NULL;
}

static eg_status check_task(const eg_task *t)
{
    const size_t most = SIZE_MAX / (8 * EGI_LEARNER_GROUP * sizeof(float));
    size_t pixels;
    if (t->inputs > most)
        return egi_fail(EG_ERR_INVALID, "task: %zu inputs, expected up to %zu", t->inputs, most);
    if (t->inputs == 0 || t->classes < 2 || t->classes > INT32_MAX || t->epochs == 0)
        return egi_fail(EG_ERR_INVALID,
                        "task: %zu inputs, %zu classes, %zu epochs, expected 1, 2, 1 or more",
                        t->inputs, t->classes, t->epochs);
    if (t->height == 0 && t->width == 0 && t->channels == 0) return EG_OK;
    EGI_TRY(egi_mul_size(t->height, t->width, &pixels));
    EGI_TRY(egi_mul_size(pixels, t->channels, &pixels));
    if (pixels != t->inputs)
        return egi_fail(EG_ERR_SHAPE, "task: images of %zu x %zu x %zu, and %zu inputs",
                        t->channels, t->height, t->width, t->inputs);
    return EG_OK;
}

static size_t pad_size(const eg_learner *l)
{
    return EGI_LEARNER_GROUP * 2 * (l->task.inputs + l->task.classes);
}

void eg_learner_destroy(eg_learner *l)
{
    if (l == NULL) return;
    if (l->own != NULL && l->row->destroy != NULL) l->row->destroy(l);
    eg_params_destroy(l->params);
    eg_params_destroy(l->state);
    egi_free(l->alloc, l->settings, l->row->settings_bytes);
    egi_free(l->alloc, l->own, l->row->own_bytes);
    egi_free(l->alloc, l->pad, pad_size(l) * sizeof(float));
    json_decref(l->document);
    json_decref(l->notes);
    free(l->spec);
    egi_free(l->alloc, l, sizeof *l);
}

/* Settings, then what the row makes of them, which may add defaults of its own (of its layers):
 * the specification is written last. */
static eg_status fill(eg_learner *l)
{
    static const char *const ours[] = { "kind", NULL };
    if (l->task.bags && !l->row->bags) EGI_TRY(egi_bag_statistics_task(l));
    EGI_TRY(egi_alloc_array(l->alloc, 1, l->row->settings_bytes, "settings", &l->settings));
    memset(l->settings, 0, l->row->settings_bytes);
    EGI_TRY(egi_settings_read(l->document, l->row->settings, "", ours, l->settings));
    void *pad;
    EGI_TRY(egi_alloc_array(l->alloc, pad_size(l), sizeof(float), "learner", &pad));
    l->pad = pad;
    EGI_TRY(eg_params_create(l->alloc, &l->params));
    EGI_TRY(eg_params_create(l->alloc, &l->state));
    void *own;
    EGI_TRY(egi_alloc_array(l->alloc, 1, l->row->own_bytes, l->row->kind.name, &own));
    memset(own, 0, l->row->own_bytes);
    l->own = own;
    if (l->row->create != NULL) EGI_TRY(l->row->create(l));
    l->spec = egi_json_text(l->document);
    return l->spec != NULL ? EG_OK : egi_fail(EG_ERR_NOMEM, "specification of a learner");
}

eg_status egi_learner_make(const struct egi_learner_row *row, json_t *document, const eg_task *task,
                           uint64_t seed, int threads, const eg_allocator *alloc, eg_learner **out)
{
    const eg_allocator *a = alloc != NULL ? alloc : eg_allocator_default();
    void *block;
    eg_status s = egi_alloc_array(a, 1, sizeof(eg_learner), "learner", &block);
    if (s != EG_OK) {
        json_decref(document);
        return s;
    }
    eg_learner *l = block;
    *l = (eg_learner){ .row = row,
                       .task = *task,
                       .seed = seed,
                       .threads = threads,
                       .alloc = a,
                       .document = document };
    s = fill(l);
    if (s == EG_OK)
        *out = l;
    else
        eg_learner_destroy(l);
    return s;
}

static eg_status choose(const json_t *document, const struct egi_learner_row **row)
{
    char all[200] = "";
    if (!json_is_object(document))
        return egi_fail(EG_ERR_INVALID, "learner: expected a JSON object");
    const json_t *kind = json_object_get(document, "kind");
    *row = row_of(json_string_value(kind));
    if (*row != NULL) return EG_OK;
    for (size_t i = 0; egi_learner_rows[i] != NULL; i++) {
        strncat(all, i > 0 ? ", " : "", sizeof all - strlen(all) - 1);
        strncat(all, egi_learner_rows[i]->kind.name, sizeof all - strlen(all) - 1);
    }
    return egi_fail(EG_ERR_INVALID, "kind: expected one of %s, got %.40s", all,
                    json_is_string(kind) ? json_string_value(kind)
                    : kind == NULL       ? "nothing"
                                         : "no word");
}

eg_status eg_learner_create(const char *spec, const eg_task *task, uint64_t seed, int threads,
                            const eg_allocator *alloc, eg_learner **out)
{
    const struct egi_learner_row *row = NULL;
    json_t *document;
    if (spec == NULL || task == NULL || out == NULL || threads < 0)
        return egi_fail(EG_ERR_INVALID, "eg_learner_create: NULL, or %d threads", threads);
    EGI_TRY(check_task(task));
    EGI_TRY(egi_json_parse(spec, "learner", &document));
    const eg_status s = choose(document, &row);
    if (s != EG_OK) {
        json_decref(document);
        return s;
    }
    return egi_learner_make(row, document, task, seed, threads, alloc, out);
}

const char *eg_learner_spec(const eg_learner *l)
{
    return l->spec;
}

const eg_task *eg_learner_task(const eg_learner *l)
{
    return egi_learner_asked(l);
}

eg_params *eg_learner_params(eg_learner *l)
{
    return l->params;
}

eg_params *eg_learner_state(eg_learner *l)
{
    return l->state;
}

static eg_status check_params(const eg_params *p)
{
    const eg_param *x;
    for (size_t i = 0; (x = eg_params_at(p, i)) != NULL; i++) {
        const size_t n = eg_shape_size(&x->shape);
        for (size_t k = 0; x->dtype != EG_I32 && k < n; k++) {
            const double v = x->dtype == EG_F32 ? (double)((const float *)x->value)[k]
                                                : ((const double *)x->value)[k];
            if (!isfinite(v))
                return egi_fail(EG_ERR_DIVERGED, "%s[%zu] is %g, expected a finite number", x->name,
                                k, v);
        }
    }
    return EG_OK;
}

eg_status egi_learner_finite(eg_learner *l)
{
    EGI_TRY(check_params(l->params));
    return check_params(l->state);
}

/* x (b, D) */
static eg_status check_finite(const float *x, size_t b, size_t d)
{
    size_t cells;
    if (b == 0) return egi_fail(EG_ERR_INVALID, "x: a batch of 0 examples, expected 1 or more");
    EGI_TRY(egi_mul_size(b, d, &cells));
    float sum = 0; /* 0 v is 0 for every finite v, else NaN */
    for (size_t i = 0; i < cells; i++) sum += 0 * x[i];
    if (sum == 0) return EG_OK;
    size_t i = 0;
    while (isfinite(x[i])) i++;
    return egi_fail(EG_ERR_INVALID, "x: example %zu, input %zu is %g, expected a finite number",
                    i / d, i % d, (double)x[i]);
}

eg_status egi_learner_check_inputs(const eg_learner *l, const float *x, size_t rows)
{
    return check_finite(x, rows, egi_learner_asked(l)->inputs);
}

eg_status egi_learner_check_classes(const eg_learner *l, const int32_t *y, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (y[i] < 0 || (size_t)y[i] >= l->task.classes)
            return egi_fail(EG_ERR_INVALID, "y[%zu]: class %d, expected 0..%zu", i, (int)y[i],
                            l->task.classes - 1);
    return EG_OK;
}

eg_status egi_learner_step(eg_learner *l, double epoch, const eg_examples *e, double *loss)
{
    double mean = 0;
    if (!(epoch >= 0) || !isfinite(epoch))
        return egi_fail(EG_ERR_INVALID, "eg_learner_step: epoch %g, expected 0 or more", epoch);
    if (l->row->step == NULL)
        return egi_fail(EG_ERR_UNSUPPORTED, "learner %s has no steps: eg_learner_fit",
                        l->row->kind.name);
    EGI_TRY(l->row->step(l, epoch, e->x, e->y, e->n, &mean));
    if (!isfinite(mean)) {
        EGI_TRY(egi_learner_finite(l));
        return egi_fail(EG_ERR_DIVERGED, "the loss is %g, expected a finite number", mean);
    }
    *loss = mean;
    return EG_OK;
}

/* A learner of vectors, which has been fitted if it must. */
static eg_status check_vectors(const eg_learner *l, const char *call)
{
    if (egi_learner_asked(l)->bags)
        return egi_fail(EG_ERR_INVALID, "%s: vectors, and a learner of bags: %s_bags", call, call);
    if (l->row->fit != NULL && !l->fitted)
        return egi_fail(EG_ERR_INVALID, "%s: learner %s is yet to be fitted", call,
                        l->row->kind.name);
    return EG_OK;
}

eg_status eg_learner_step(eg_learner *l, double epoch, const float *x, const int32_t *y, size_t b,
                          double *loss)
{
    if (l == NULL || x == NULL || y == NULL || loss == NULL)
        return egi_fail(EG_ERR_INVALID, "eg_learner_step: NULL");
    if (egi_learner_asked(l)->bags) return check_vectors(l, "eg_learner_step");
    EGI_TRY(egi_learner_check_inputs(l, x, b));
    EGI_TRY(egi_learner_check_classes(l, y, b));
    return egi_learner_step(l, epoch, &(eg_examples){ x, NULL, y, b }, loss);
}

/* Examples `at` on of an evaluation, as a row of the table sees them.
 *
 * A matrix product adds in another order where its rows do not fill a tile of the library (6 for
 * oneDNN with AVX2, 8 with AVX-512, 12 for OpenBLAS), and where there are more than 336 of them.
 * So there are whole groups, the last filled up with zeros, and at most TILE: scores have the same
 * bits however examples are cut into batches. */
struct tile {
    size_t rows, used; /* seen; of the caller */
    const float *x, *cotangent;
    float *scores, *dx;
};

static struct tile tile_at(const eg_learner *l, struct tile all, size_t at)
{
    const size_t left = all.used - at, d = l->task.inputs, k = l->task.classes;
    if (left >= EGI_LEARNER_GROUP) {
        const size_t most = left < EGI_LEARNER_TILE ? left : EGI_LEARNER_TILE;
        const size_t rows = most - most % EGI_LEARNER_GROUP;
        return (struct tile){ rows,
                              rows,
                              all.x + at * d,
                              all.cotangent != NULL ? all.cotangent + at * k : NULL,
                              all.scores != NULL ? all.scores + at * k : NULL,
                              all.dx != NULL ? all.dx + at * d : NULL };
    }
    float *x = l->pad, *c = x + EGI_LEARNER_GROUP * d, *scores = c + EGI_LEARNER_GROUP * k;
    memset(l->pad, 0, pad_size(l) * sizeof(float));
    memcpy(x, all.x + at * d, left * d * sizeof *x);
    if (all.cotangent != NULL) memcpy(c, all.cotangent + at * k, left * k * sizeof *c);
    return (struct tile){ EGI_LEARNER_GROUP, left, x, c, scores, scores + EGI_LEARNER_GROUP * k };
}

/* From the pad to where the caller wants it. */
static void give(const eg_learner *l, const struct tile *t, const struct tile *all, size_t at)
{
    const size_t d = l->task.inputs, k = l->task.classes;
    if (t->rows == t->used) return;
    if (all->scores != NULL)
        memcpy(all->scores + at * k, t->scores, t->used * k * sizeof *t->scores);
    if (all->dx != NULL) memcpy(all->dx + at * d, t->dx, t->used * d * sizeof *t->dx);
}

static eg_status evaluate(eg_learner *l, const struct tile *all)
{
    struct tile t;
    EGI_TRY(check_finite(all->x, all->used, l->task.inputs));
    for (size_t at = 0; at < all->used; at += t.used) {
        t = tile_at(l, *all, at);
        EGI_TRY(all->dx == NULL ? l->row->scores(l, t.x, t.rows, t.scores)
                                : l->row->pullback(l, t.x, t.cotangent, t.rows, t.scores, t.dx));
        give(l, &t, all, at);
    }
    return EG_OK;
}

eg_status egi_learner_score_vectors(eg_learner *l, const float *x, size_t b, float *scores)
{
    return evaluate(l, &(struct tile){ .used = b, .x = x, .scores = scores });
}

eg_status eg_learner_scores(eg_learner *l, const float *x, size_t b, float *scores)
{
    if (l == NULL || x == NULL || scores == NULL)
        return egi_fail(EG_ERR_INVALID, "eg_learner_scores: NULL");
    EGI_TRY(check_vectors(l, "eg_learner_scores"));
    return egi_learner_score_vectors(l, x, b, scores);
}

eg_status eg_learner_pullback(eg_learner *l, const float *x, const float *cotangent, size_t b,
                              float *scores, float *dx)
{
    if (l == NULL || x == NULL || cotangent == NULL || dx == NULL)
        return egi_fail(EG_ERR_INVALID, "eg_learner_pullback: NULL");
    if (l->row->pullback == NULL)
        return egi_fail(EG_ERR_UNSUPPORTED, "learner %s has no derivative by its inputs",
                        l->row->kind.name);
    EGI_TRY(check_vectors(l, "eg_learner_pullback"));
    return evaluate(
        l, &(struct tile){ .used = b, .x = x, .cotangent = cotangent, .scores = scores, .dx = dx });
}
