/* Support vector machines (Cortes and Vapnik 1995), fitted by libsvm (Chang and Lin 2011) one class
 * against one other. What is fitted lies in our own arrays, and scores are computed here: a file is
 * not read by the library, and products run as fast as any other.
 *
 * Scores: of two classes +- half the decision; of more the number of classes that one beats, and
 * below 1/3 the sum of its decisions, s / (3 (|s| + 1)), which separates equals and orders
 * examples.
 *
 * Differs from libsvm in: equal votes go to the larger sum of decisions, not to the first class. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#ifdef EG_LIBSVM
#include <libsvm/svm.h>
#endif

#include "kernel/egi_kernel_gemm.h"
#include "nn/egi_kind.h"
#include "nn/egi_learner.h"

static const char *const kernels[] = { "linear", "rbf", NULL };
enum { BY_PRODUCT, BY_DISTANCE };

struct settings {
    int kernel;
    double c, gamma, tolerance, cache;
};

#define NUMBER(...) EGI_SET_NUMBER(struct settings, __VA_ARGS__)

static const struct egi_setting settings[] = {
    EGI_SET_WORD(struct settings, kernel, "\"rbf\"", kernels, "<x, y>, or exp(-gamma |x - y|^2)"),
    NUMBER(c, "1", 1e-9, 1e9, "C, the price of an example on the wrong side"),
    NUMBER(gamma, "0", 0, 1e9, "of rbf; 0: 1 / (D variance of all inputs)"),
    NUMBER(tolerance, "0.001", 1e-9, 1, "when to stop"),
    NUMBER(cache, "200", 1, 1e6, "megabytes of kernel values kept while fitting"),
    EGI_SET_END,
};

struct svm {
    const float *vector;          /* (S, D), by class */
    const float *coefficient;     /* (K - 1, S) */
    const double *rho;            /* (pairs) */
    const int32_t *class, *count; /* (K) in the order of the arrays; vectors of each */
    double gamma;
    size_t s, k; /* k: classes that were seen */
    struct egi_arena room;
    float *square; /* (S) |vector|^2 */
};

/* ---- what is kept ---- */

#ifdef EG_LIBSVM

static void silent(const char *text)
{
    (void)text;
}

static double usual_gamma(const eg_examples *e, size_t d)
{
    double mean = 0, squares = 0;
    for (size_t i = 0; i < e->n * d; i++) { /* Welford 1962 */
        const double from = (double)e->x[i] - mean;
        mean += from / (double)(i + 1);
        squares += from * ((double)e->x[i] - mean);
    }
    const double variance = squares / (double)(e->n * d);
    return variance > 0 ? 1 / ((double)d * variance) : 1;
}

/* Rows of x as libsvm has them: what is not 0, each row ended by -1. */
static void fill_problem(const eg_examples *e, size_t d, struct svm_problem *p,
                         struct svm_node *node)
{
    for (size_t i = 0; i < e->n; i++) {
        p->y[i] = e->y[i];
        p->x[i] = node;
        for (size_t j = 0; j < d; j++)
            if (e->x[i * d + j] != 0)
                *node++ = (struct svm_node){ (int)j + 1, (double)e->x[i * d + j] };
        *node++ = (struct svm_node){ -1, 0 };
    }
}

static eg_status keep_vectors(struct eg_learner *l, const struct svm_model *m)
{
    const size_t d = l->task.inputs, s = (size_t)m->l, k = (size_t)m->nr_class;
    size_t at, row;
    EGI_TRY(eg_params_add(l->params, "vectors", EG_F32, &eg_shape_of(s, d), &at));
    float *v = eg_params_at(l->params, at)->value;
    for (size_t i = 0; i < s; i++)
        for (const struct svm_node *n = m->SV[i]; n->index > 0; n++)
            v[i * d + (size_t)n->index - 1] = (float)n->value;
    EGI_TRY(eg_params_add(l->params, "coefficients", EG_F32, &eg_shape_of(k - 1, s), &row));
    float *c = eg_params_at(l->params, row)->value;
    for (size_t i = 0; i < (k - 1) * s; i++) c[i] = (float)m->sv_coef[i / s][i % s];
    return EG_OK;
}

static eg_status keep_model(struct eg_learner *l, const struct svm_model *m, double gamma)
{
    const size_t k = (size_t)m->nr_class;
    EGI_TRY(egi_fitted_keep(l, "class", EG_I32, &eg_shape_of(k), m->label));
    EGI_TRY(egi_fitted_keep(l, "count", EG_I32, &eg_shape_of(k), m->nSV));
    EGI_TRY(egi_fitted_keep(l, "rho", EG_F64, &eg_shape_of(k * (k - 1) / 2), m->rho));
    EGI_TRY(egi_fitted_keep(l, "gamma", EG_F64, &eg_shape_of(1), &gamma));
    return keep_vectors(l, m);
}

static eg_status fit_problem(struct eg_learner *l, const eg_examples *e, struct svm_problem *p)
{
    const struct settings *o = l->settings;
    const double gamma = o->gamma > 0 ? o->gamma : usual_gamma(e, l->task.inputs);
    const struct svm_parameter how = { .svm_type = C_SVC,
                                       .kernel_type = o->kernel == BY_PRODUCT ? LINEAR : RBF,
                                       .gamma = gamma,
                                       .cache_size = o->cache,
                                       .eps = o->tolerance,
                                       .C = o->c,
                                       .shrinking = 1 };
    const char *wrong = svm_check_parameter(p, &how);
    if (wrong != NULL) return egi_fail(EG_ERR_INVALID, "svm: %s", wrong);
    svm_set_print_string_function(silent); /* the library's own would print */
    struct svm_model *m = svm_train(p, &how);
    const eg_status s = m != NULL ? keep_model(l, m, gamma) : egi_fail(EG_ERR_NOMEM, "svm");
    svm_free_and_destroy_model(&m);
    return s;
}

/* One class alone needs no vectors. */
static eg_status keep_one(struct eg_learner *l, int32_t class)
{
    const int32_t none = 0;
    const double zero = 0;
    EGI_TRY(egi_fitted_keep(l, "class", EG_I32, &eg_shape_of(1), &class));
    EGI_TRY(egi_fitted_keep(l, "count", EG_I32, &eg_shape_of(1), &none));
    return egi_fitted_keep(l, "gamma", EG_F64, &eg_shape_of(1), &zero);
}

static eg_status fit(struct eg_learner *l, const eg_examples *e)
{
    const size_t d = l->task.inputs;
    size_t nodes = e->n, varied = 0;
    for (size_t i = 0; i < e->n; i++) varied += e->y[i] != e->y[0];
    if (varied == 0) return keep_one(l, e->y[0]);
    if (e->n > INT32_MAX || d > INT32_MAX - 1)
        return egi_fail(EG_ERR_LIMIT, "svm: %zu examples of %zu inputs", e->n, d);
    for (size_t i = 0; i < e->n * d; i++) nodes += e->x[i] != 0;
    const struct egi_need needs[] = { { nodes, sizeof(struct svm_node) },
                                      { e->n, sizeof(double) },
                                      { e->n, sizeof(struct svm_node *) } };
    struct egi_arena a;
    EGI_TRY(egi_arena_create(l->alloc, needs, EGI_COUNT(needs), "svm", &a));
    struct svm_problem p = { (int)e->n, a.part[1], a.part[2] };
    fill_problem(e, d, &p, a.part[0]);
    const eg_status s = fit_problem(l, e, &p);
    egi_arena_destroy(&a);
    return s;
}

#else

static eg_status fit(struct eg_learner *l, const eg_examples *e)
{
    (void)l;
    (void)e;
    return egi_fail(EG_ERR_UNSUPPORTED, "svm: Engram was built without libsvm (libsvm-dev)");
}

#endif

/* ---- from the arrays ---- */

static eg_status check_counts(const struct eg_learner *l, const struct svm *v)
{
    size_t all = 0;
    EGI_TRY(egi_learner_check_classes(l, v->class, v->k));
    for (size_t i = 0; i < v->k; i++) {
        if (v->count[i] < 0) return egi_fail(EG_ERR_CORRUPT, "count[%zu] is %d", i, v->count[i]);
        all += (size_t)v->count[i];
    }
    return all == v->s ? EG_OK
                       : egi_fail(EG_ERR_CORRUPT, "count: %zu in all, expected %zu", all, v->s);
}

static eg_status take_arrays(struct eg_learner *l, struct svm *v)
{
    size_t one = 1, rows = 0, d = l->task.inputs;
    const eg_param *class = egi_fitted_array(l, "class", EG_I32, &v->k, NULL);
    const eg_param *gamma = egi_fitted_array(l, "gamma", EG_F64, &one, NULL);
    if (class == NULL || gamma == NULL) return EG_ERR_CORRUPT;
    const eg_param *count = egi_fitted_array(l, "count", EG_I32, &v->k, NULL);
    if (count == NULL) return EG_ERR_CORRUPT;
    v->class = class->value;
    v->count = count->value;
    v->gamma = *(const double *)gamma->value;
    if (v->k == 1) return check_counts(l, v);
    size_t pairs = v->k * (v->k - 1) / 2;
    rows = v->k - 1;
    const eg_param *vector = egi_fitted_array(l, "vectors", EG_F32, &v->s, &d);
    const eg_param *coefficient = egi_fitted_array(l, "coefficients", EG_F32, &rows, &v->s);
    const eg_param *rho = egi_fitted_array(l, "rho", EG_F64, &pairs, NULL);
    if (vector == NULL || coefficient == NULL || rho == NULL) return EG_ERR_CORRUPT;
    v->vector = vector->value;
    v->coefficient = coefficient->value;
    v->rho = rho->value;
    return check_counts(l, v);
}

static eg_status adopt(struct eg_learner *l)
{
    struct svm *own = l->own, v = { .s = 0 };
    const size_t d = l->task.inputs;
    size_t kernel;
    EGI_TRY(take_arrays(l, &v));
    EGI_TRY(egi_mul_size(EGI_LEARNER_TILE, v.s, &kernel));
    const struct egi_need needs[] = { { v.s, sizeof(float) },
                                      { kernel, sizeof(float) },
                                      { v.k * v.k, sizeof(double) } };
    EGI_TRY(egi_arena_create(l->alloc, needs, EGI_COUNT(needs), "svm", &v.room));
    v.square = v.room.part[0];
    for (size_t i = 0; i < v.s; i++) {
        double sum = 0;
        for (size_t j = 0; j < d; j++)
            sum += (double)v.vector[i * d + j] * (double)v.vector[i * d + j];
        v.square[i] = (float)sum;
    }
    if (own->room.block != NULL) egi_arena_destroy(&own->room);
    *own = v;
    return EG_OK;
}

static void destroy(struct eg_learner *l)
{
    struct svm *v = l->own;
    if (v->room.block != NULL) egi_arena_destroy(&v->room);
}

/* ---- scores ---- */

/* (b, S) kernel values. */
static void kernel_values(const struct eg_learner *l, const float *x, size_t b, float *to)
{
    const struct svm *v = l->own;
    const struct settings *o = l->settings;
    const size_t d = l->task.inputs;
    const struct egi_gemm g = {
        .m = b, .n = v->s, .k = d, .b_is_transposed = 1, .lda = d, .ldb = d, .ldc = v->s, .alpha = 1
    };
    egi_gemm_f32(&g, x, v->vector, to, l->threads);
    for (size_t i = 0; i < b && o->kernel == BY_DISTANCE; i++) {
        double square = 0;
        for (size_t j = 0; j < d; j++) square += (double)x[i * d + j] * (double)x[i * d + j];
        for (size_t k = 0; k < v->s; k++) {
            const double apart = square + (double)v->square[k] - 2 * (double)to[i * v->s + k];
            to[i * v->s + k] = (float)exp(-v->gamma * (apart > 0 ? apart : 0));
        }
    }
}

static double weigh(const float *coefficient, const float *kernel, int32_t n)
{
    double sum = 0;
    for (int32_t i = 0; i < n; i++) sum += (double)coefficient[i] * (double)kernel[i];
    return sum;
}

/* votes and sums (K) of one example, from its kernel values. */
static void decide(const struct svm *v, const float *kernel, double *votes, double *sums)
{
    size_t pair = 0, from_i = 0;
    for (size_t i = 0; i < v->k; i++) votes[i] = sums[i] = 0;
    for (size_t i = 0; i < v->k; i++) {
        size_t from_j = from_i + (size_t)v->count[i];
        for (size_t j = i + 1; j < v->k; j++, pair++) {
            const double z =
                weigh(v->coefficient + (j - 1) * v->s + from_i, kernel + from_i, v->count[i])
                + weigh(v->coefficient + i * v->s + from_j, kernel + from_j, v->count[j])
                - v->rho[pair];
            votes[z > 0 ? i : j]++;
            sums[i] += z;
            sums[j] -= z;
            from_j += (size_t)v->count[j];
        }
        from_i += (size_t)v->count[i];
    }
}

static eg_status scores(struct eg_learner *l, const float *x, size_t b, float *out)
{
    const struct svm *v = l->own;
    const size_t k = l->task.classes;
    float *kernel = v->room.part[1];
    double *votes = v->room.part[2], *sums = votes + v->k;
    if (v->k > 1) kernel_values(l, x, b, kernel);
    for (size_t i = 0; i < b; i++, out += k) {
        for (size_t c = 0; c < k; c++) out[c] = -1; /* classes that were not seen */
        if (v->k == 1) out[v->class[0]] = 0;
        if (v->k == 1) continue;
        decide(v, kernel + i * v->s, votes, sums);
        for (size_t c = 0; c < v->k; c++)
            out[v->class[c]] =
                (float)(k == 2 ? sums[c] / 2 : votes[c] + sums[c] / (3 * (fabs(sums[c]) + 1)));
    }
    return EG_OK;
}

const struct egi_learner_row egi_learner_svm = {
    .kind = { "svm", "support vector machine, fitted by libsvm", "Cortes and Vapnik 1995" },
    .settings = settings,
    .settings_bytes = sizeof(struct settings),
    .own_bytes = sizeof(struct svm),
    .destroy = destroy,
    .fit = fit,
    .adopt = adopt,
    .scores = scores,
};
