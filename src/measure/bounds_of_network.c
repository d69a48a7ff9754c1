/* The report of bounds and measures on one network.
 *
 * Rows of norms are about layers one after the other with activations of slope at most 1; biases
 * are left out of them, as in their sources. A kernel counts as its (O, I K L) matrix, whose norm
 * grows by at most sqrt(K L), as often as an input meets it.
 *
 * PAC-Bayes: posterior N(w, s^2 I) around what was learned, prior N(w_0, s^2 I) around where it
 * began, of the s on a grid fixed beforehand that gives the smallest bound, half of delta shared
 * among all of them. A few networks choose s; others, drawn anew, certify with the other half: each
 * on a block of examples drawn anew, so that their errors are independent numbers in [0, 1], for
 * which the inversion of kl holds (Maurer 2004). */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engram/bounds.h"
#include "engram/norms.h"
#include "measure/egi_traced.h"

enum { BLOCK = 256, GRID = 13 };

struct facts {
    struct egi_traced r;
    const eg_network_options *o;
    eg_network_report *report;
    eg_layer_matrix *a; /* (layers) */
    size_t layers;
    double *spectral;       /* (layers) */
    double *w, *w0;         /* (n) */
    float *moved;           /* (n) of one draw */
    double n, longest, all; /* examples; max |x|, |X|_F */
    double product, frobenius, path, rows, apart, widest, flat;
    eg_pac_bayes best; /* of the row kl */
};

/* ---- what rows are made of ---- */

static double slack(const struct facts *f)
{
    return f->report->gamma * sqrt(f->n);
}

static double parameters(const struct facts *f)
{
    return (double)f->r.n;
}

static double vc(const struct facts *f)
{
    const double w = (double)f->r.n, v = w * (double)f->layers * log(w);
    const double growth = v < f->n ? v * log(2 * exp(1) * f->n / v) : 2 * f->n * log(2);
    return f->report->error + sqrt(8 / f->n * (growth + log(4 / f->o->delta)));
}

static double spectral_margin(const struct facts *f)
{
    double r;
    if (!(f->report->gamma > 0) || eg_spectral_complexity(f->a, f->layers, &r) != EG_OK) return NAN;
    return f->report->share_below + 8 / pow(f->n, 1.5)
           + 72 * log(f->n) * f->all * sqrt(log(2 * f->widest * f->widest)) * r
                 / (f->report->gamma * f->n)
           + 3 * sqrt(log(2 / f->o->delta) / (2 * f->n));
}

static double spectral_frobenius(const struct facts *f)
{
    const double d = (double)f->layers, h = f->widest;
    double sum = 0;
    if (!(f->report->gamma > 0)) return NAN;
    for (size_t i = 0; i < f->layers; i++)
        sum += pow(eg_matrix_frobenius(&f->a[i], 0) / f->spectral[i], 2);
    const double kl =
        pow(42 * d * f->longest * f->product / f->report->gamma, 2) * h * log(4 * h * d) * sum / 2;
    return f->report->share_below + 4 * sqrt((kl + log(6 * f->n * d / f->o->delta)) / (f->n - 1));
}

static double by_spectral(const struct facts *f)
{
    return f->product / slack(f);
}

static double by_frobenius(const struct facts *f)
{
    return f->frobenius / slack(f);
}

static double by_path(const struct facts *f)
{
    return f->path / slack(f);
}

static double by_rows(const struct facts *f)
{
    return f->rows / slack(f);
}

static double distance(const struct facts *f)
{
    return f->apart;
}

static double flatness(const struct facts *f)
{
    return 1 / (f->flat * f->flat);
}

/* Linear classifiers with the norm of the first layer. */
static double rademacher(const struct facts *f)
{
    return eg_matrix_frobenius(&f->a[0], 0) * f->all / f->n;
}

/* Rows of bounds.c on one posterior. */
#define PAC_BAYES(name, row)                      \
    static double name(const struct facts *f)     \
    {                                             \
        return eg_pac_bayes_bound(row, &f->best); \
    }
PAC_BAYES(pac_kl, 0)
PAC_BAYES(pac_quadratic, 1)
PAC_BAYES(pac_lambda, 2)
PAC_BAYES(pac_mcallester, 3)

static const struct {
    eg_network_row row;
    double (*value)(const struct facts *f);
} rows[] = {
    { { "pac-bayes", "kl^-1(kl^-1(drawn error), (|w - w0|^2 / 2 s^2 + ln(2 sqrt n / delta)) / n)",
        "Maurer 2004; Langford and Caruana 2002", EG_ROW_BOUND },
      pac_kl },
    { { "pac-bayes-quadratic", "(sqrt(risk + B/2) + sqrt(B/2))^2, the same risk and B",
        "Perez-Ortiz et al. 2021", EG_ROW_BOUND },
      pac_quadratic },
    { { "pac-bayes-lambda", "risk/(1 - l/2) + B/(l (1 - l/2)), l at its best",
        "Thiemann et al. 2017", EG_ROW_BOUND },
      pac_lambda },
    { { "pac-bayes-mcallester", "risk + sqrt(B/2)", "McAllester 1999", EG_ROW_BOUND },
      pac_mcallester },
    { { "vc", "error + sqrt(8/n (V ln(2en/V) + ln(4/delta))), V = W L ln W",
        "Vapnik 1998; Bartlett et al. 2019", EG_ROW_ORDER },
      vc },
    { { "spectral-margin", "72 ln n |X|_F sqrt(ln 2W^2) R_A / (gamma n) and smaller terms",
        "Bartlett, Foster and Telgarsky 2017, for norms fixed beforehand", EG_ROW_ORDER },
      spectral_margin },
    { { "spectral-frobenius",
        "4 sqrt((42 d B)^2 h ln(4hd) prod |A|^2 sum |A|_F^2/|A|^2 / 2 gamma^2 n) and smaller terms",
        "Neyshabur, Bhojanapalli and Srebro 2018", EG_ROW_ORDER },
      spectral_frobenius },
    { { "parameters", "W", "", EG_ROW_MEASURE }, parameters },
    { { "rademacher", "|A_1|_F |X|_F / n: linear classifiers as large as the first layer",
        "Bartlett and Mendelson 2002", EG_ROW_MEASURE },
      rademacher },
    { { "spectral", "prod |A_i| / (gamma sqrt n)", "Neyshabur et al. 2017", EG_ROW_MEASURE },
      by_spectral },
    { { "frobenius", "prod |A_i|_F / (gamma sqrt n)", "Neyshabur, Tomioka and Srebro 2015",
        EG_ROW_MEASURE },
      by_frobenius },
    { { "path", "sqrt(sum over paths of prod w^2) / (gamma sqrt n)",
        "Neyshabur, Salakhutdinov and Srebro 2015", EG_ROW_MEASURE },
      by_path },
    { { "largest-row", "prod max_i sum_j |a_ij| / (gamma sqrt n)", "Bartlett 1998",
        EG_ROW_MEASURE },
      by_rows },
    { { "distance", "|w - w0|", "Nagarajan and Kolter 2019", EG_ROW_MEASURE }, distance },
    { { "flatness", "1 / s^2, s the largest deviation of weights that adds at most .1 to the error",
        "Jiang et al. 2020", EG_ROW_MEASURE },
      flatness },
};

const eg_network_row *eg_network_rows(size_t i)
{
    return i < EGI_COUNT(rows) ? &rows[i].row : NULL;
}

/* ---- facts: examples ---- */

static int rising(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static eg_status look_at_examples(struct facts *f)
{
    const eg_part *part = f->r.part;
    void *room;
    EGI_TRY(egi_alloc_array(f->r.alloc, part->n, sizeof(float), "margins", &room));
    float *margin = room;
    eg_status s = EG_OK;
    double errors = 0;
    for (size_t i = 0, b; i < part->n && s == EG_OK; i += b) {
        b = egi_traced_load(&f->r, i);
        const float *x = f->r.x;
        for (size_t k = 0; k < b; k++) {
            double square = 0;
            for (size_t j = 0; j < part->set->d; j++)
                square += (double)x[k * part->set->d + j] * (double)x[k * part->set->d + j];
            f->all += square;
            f->longest = fmax(f->longest, sqrt(square));
        }
        s = egi_traced_errors(&f->r, f->r.still, b, &errors, margin + i);
    }
    if (s == EG_OK) {
        qsort(margin, part->n, sizeof *margin, rising);
        const size_t at = (size_t)(f->o->margin * (double)part->n);
        f->report->gamma = (double)margin[at < part->n ? at : part->n - 1];
        f->report->share_below = (double)((at < part->n ? at : part->n - 1) + 1) / f->n;
        f->report->error = errors / f->n;
        f->all = sqrt(f->all);
    }
    egi_free(f->r.alloc, room, part->n * sizeof(float));
    return s;
}

/* Squares of all weights, an example of ones, the sum of scores: for layers of rectified units. */
static eg_status paths(struct facts *f)
{
    const size_t d = f->r.part->set->d, k = f->r.l->task.classes;
    double sum = 0;
    for (size_t i = 0; i < f->r.n; i++) f->moved[i] = (float)(f->w[i] * f->w[i]);
    for (size_t i = 0; i < d; i++) ((float *)f->r.x)[i] = 1;
    eg_tape_reset(f->r.t);
    const float *z = eg_tape_value(f->r.t, egi_traced_scores(&f->r, f->moved, 1));
    EGI_TRY(eg_tape_status(f->r.t));
    for (size_t i = 0; i < k; i++) sum += (double)z[i];
    f->path = sqrt(sum);
    return EG_OK;
}

/* ---- facts: layers ---- */

static eg_status look_at_layers(struct facts *f, eg_params *began)
{
    f->product = f->frobenius = f->rows = 1;
    for (size_t k = 0; k < f->r.arrays; k++) {
        const eg_param *p = eg_params_at(f->r.l->params, k), *p0 = eg_params_at(began, k);
        if (f->r.at[k] >= f->r.n || p->shape.rank < 2 || p->dtype != EG_F32) continue;
        const size_t rows_ = p->shape.dim[0], columns = eg_shape_size(&p->shape) / rows_;
        double spread = 1;
        for (size_t i = 2; i < p->shape.rank; i++) spread *= (double)p->shape.dim[i];
        eg_layer_matrix *a = &f->a[f->layers];
        *a = (eg_layer_matrix){ p->value, p0->value, rows_, columns, spread };
        EGI_TRY(eg_matrix_spectral(a, &f->spectral[f->layers]));
        f->product *= f->spectral[f->layers++];
        f->frobenius *= eg_matrix_frobenius(a, 0);
        f->rows *= eg_matrix_largest_row(a);
        f->widest = fmax(f->widest, fmax((double)rows_, (double)columns));
    }
    f->report->layers = f->layers;
    return f->layers > 0 ? EG_OK : egi_fail(EG_ERR_UNSUPPORTED, "no layer has a matrix");
}

/* ---- facts: PAC-Bayes ---- */

static eg_status drawn(struct facts *f, double s, size_t draws, uint64_t stream, double *risk)
{
    const struct egi_drawing how = { f->r.still, NULL,       s,      f->moved,
                                     draws,      f->o->seed, stream, f->o->progress };
    return egi_traced_drawn(&f->r, &how, risk);
}

static eg_status certify(struct facts *f)
{
    const double delta = f->o->delta / 2, n = f->n;
    const size_t few = f->o->draws / GRID + 1;
    double square = 0, least = INFINITY, risk;
    for (size_t i = 0; i < f->r.n; i++) square += (f->w[i] - f->w0[i]) * (f->w[i] - f->w0[i]);
    f->apart = sqrt(square);
    for (size_t row = 0; row < GRID; row++) {
        const double s = pow(2, -(double)row / 2 - 1); /* .5 to .0078 */
        EGI_TRY(drawn(f, s, few, 2 * row * few, &risk));
        if (f->flat == 0 && (risk <= f->report->error + 0.1 || row + 1 == GRID)) f->flat = s;
        const eg_pac_bayes b = { risk, square / (2 * s * s), n, delta / GRID };
        const double bound = eg_pac_bayes_bound(0, &b);
        if (!(bound < least)) continue;
        least = bound;
        f->report->sigma = s;
        f->report->kl = b.kl;
    }
    EGI_TRY(drawn(f, f->report->sigma, f->o->draws, 2 * GRID * few, &f->report->drawn));
    f->best = (eg_pac_bayes){ eg_drawn_risk(f->report->drawn, (double)f->o->draws, delta),
                              f->report->kl, n, delta / GRID };
    return EG_OK;
}

/* ---- the whole ---- */

static eg_status collect(struct facts *f, eg_learner *began)
{
    egi_traced_read(&f->r, f->r.l->params, f->w);
    egi_traced_read(&f->r, began->params, f->w0);
    f->n = (double)f->r.part->n;
    f->report->n = f->r.n;
    EGI_TRY(look_at_examples(f));
    EGI_TRY(look_at_layers(f, began->params));
    EGI_TRY(paths(f));
    return certify(f);
}

eg_status eg_network_bounds(eg_learner *l, const eg_part *part, const eg_network_options *options,
                            double *value, eg_network_report *report)
{
    const eg_network_options usual = EG_NETWORK_OPTIONS_INIT,
                             *o = options != NULL ? options : &usual;
    struct facts f = { .o = o, .report = report };
    struct egi_arena a;
    eg_learner *began = NULL;
    if (o->size != sizeof *o || !(o->delta > 0 && o->delta < 1) || !(o->margin >= 0)
        || o->margin > 1 || o->draws == 0)
        return egi_fail(EG_ERR_INVALID,
                        "bounds: options of %zu bytes, delta %g, margin %g, %zu "
                        "draws",
                        o->size, o->delta, o->margin, o->draws);
    *report = (eg_network_report){ .error = 0 };
    EGI_TRY(egi_traced_create(l, part, BLOCK, l->threads, EG_F32, NULL, &f.r));
    const struct egi_need needs[5] = { { f.r.arrays, sizeof *f.a },
                                       { f.r.arrays, sizeof *f.spectral },
                                       { f.r.n, sizeof *f.w },
                                       { f.r.n, sizeof *f.w0 },
                                       { f.r.n, sizeof *f.moved } };
    eg_status s = egi_arena_create(f.r.alloc, needs, 5, "bounds", &a);
    if (s == EG_OK) {
        f.a = a.part[0];
        f.spectral = a.part[1];
        f.w = a.part[2];
        f.w0 = a.part[3];
        f.moved = a.part[4];
        s = eg_learner_create(eg_learner_spec(l), &l->task, l->seed, l->threads, NULL, &began);
        if (s == EG_OK) s = collect(&f, began);
        for (size_t i = 0; i < EGI_COUNT(rows) && s == EG_OK; i++) value[i] = rows[i].value(&f);
        eg_learner_destroy(began);
        egi_arena_destroy(&a);
    }
    egi_traced_clear(&f.r);
    return s;
}
