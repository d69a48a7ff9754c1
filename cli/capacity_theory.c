/* Theory beside measurement. A law is a row: whose memory it is of, what it needs besides, and
 * which rows of eg_theory say what; our numbers are found by the letters of those rows.
 *
 * Powers are predicted for the exact energy difference of one flip, which is what asynchronous
 * updates use. The synchronous update instead compares the induced field, whose own-component
 * term keeps patterns in place for even orders far beyond any capacity. A rectified power sees
 * only the patterns with a positive overlap: half the noise, so that K counts half. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/capacity_theory.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli_text.h"

static int is_dense(const eg_capacity_options *o)
{
    return o->memory.storage == EG_STORE_DENSE || o->memory.storage == EG_STORE_BITS;
}

static int is_rectified(const eg_capacity_options *o)
{
    return is_dense(o) && o->memory.rule.separation == EG_SEP_RECTIFIED;
}

static int is_hebb(const eg_capacity_options *o)
{
    return o->memory.storage == EG_STORE_HEBB;
}

static int is_pseudoinverse(const eg_capacity_options *o)
{
    return o->memory.storage == EG_STORE_PSEUDOINVERSE;
}

static int is_binary_dense(const eg_capacity_options *o, eg_separation separation)
{
    const eg_rule *r = &o->memory.rule;
    return is_dense(o) && r->separation == separation && r->similarity == EG_SIM_DOT
           && r->projection == EG_PROJ_SIGN;
}

static int is_power(const eg_capacity_options *o)
{
    return is_binary_dense(o, EG_SEP_POWER) || is_binary_dense(o, EG_SEP_RECTIFIED);
}

static int is_exponential(const eg_capacity_options *o)
{
    return is_binary_dense(o, EG_SEP_EXPONENTIAL);
}

static int is_softmax(const eg_capacity_options *o)
{
    const eg_rule *r = &o->memory.rule;
    return o->memory.storage == EG_STORE_DENSE && r->separation == EG_SEP_SOFTMAX
           && r->similarity == EG_SIM_DOT && r->projection == EG_PROJ_IDENTITY;
}

/* What a law needs besides; NULL: all is well, else what is amiss. */
static const char *needs_async(const eg_capacity_options *o)
{
    return o->recall.dynamics == EG_DYN_ASYNC
               ? NULL
               : "it is of the exact energy difference, that is of --dynamics async";
}

static const char *needs_hebb(const eg_capacity_options *o)
{
    return o->memory.self_coupling ? "it is of weights without self-coupling" : needs_async(o);
}

static const char *needs_exponential(const eg_capacity_options *o)
{
    if (o->memory.rule.beta != 1) return "it is of beta = 1";
    if (o->corruption != EG_CORRUPT_FLIP && o->amount != 0)
        return "it is of flipped components, --corruption flip";
    if (o->corruption == EG_CORRUPT_FLIP && o->amount > 0.5) return "it is of at most half flipped";
    return needs_async(o);
}

static const struct law {
    int (*of)(const eg_capacity_options *o);
    eg_patterns patterns;
    const char *(*needs)(const eg_capacity_options *o);
    const char *name;
    struct {
        const char *form, *result;
    } at_rest, one_step, few_errors, no_errors;
} laws[] = {
    { is_hebb,
      EG_PATTERNS_SIGNS,
      needs_hebb,
      "one-step error, mean-field error at rest, its jump at 0.138 N, no errors up to N/(4 ln N)",
      { "classical-curve", "error" },
      { "classical-one-step", "error" },
      { "classical-curve", "alpha_c" },
      { "classical-error-free", "all" } },
    { is_pseudoinverse,
      EG_PATTERNS_SIGNS,
      NULL,
      "N patterns are fixed points (says nothing of how far a cue may be)",
      { NULL, NULL },
      { NULL, NULL },
      { NULL, NULL },
      { "pseudoinverse-capacity", "patterns" } },
    { is_power,
      EG_PATTERNS_SIGNS,
      needs_async,
      "one-step error; alpha_n N^(n-1) patterns at 0.5 % wrong, K_max at none",
      { NULL, NULL },
      { "dam-error", "error" },
      { "dam-capacity", "patterns" },
      { "dam-capacity", "patterns_no_error" } },
    { is_exponential,
      EG_PATTERNS_SIGNS,
      needs_exponential,
      "exp(alpha N) patterns, alpha = I(1 - 2 rho)/2, a share rho of the cue flipped",
      { NULL, NULL },
      { NULL, NULL },
      { NULL, NULL },
      { "exponential-capacity", "patterns" } },
    { is_softmax,
      EG_PATTERNS_SPHERE,
      NULL,
      "so many patterns are promised as fixed points, but for p = 0.001",
      { NULL, NULL },
      { NULL, NULL },
      { NULL, NULL },
      { "softmax-storage", "log10_patterns" } },
};

static const struct law *law_of(const eg_capacity_options *o)
{
    for (size_t i = 0; i < sizeof laws / sizeof *laws; i++)
        if (laws[i].of(o)) return &laws[i];
    return NULL;
}

static const char *amiss(const struct law *law, const eg_capacity_options *o)
{
    if (o->patterns != law->patterns)
        return law->patterns == EG_PATTERNS_SIGNS ? "it is of random +-1 patterns, --kind signs"
                                                  : "it is of patterns on a sphere, --kind sphere";
    return law->needs != NULL ? law->needs(o) : NULL;
}

/* The papers' letters: N neurons (d components), K patterns (K radius on the sphere), order n. */
static double value_of(const eg_capacity_options *o, double load, const eg_theory_param *p)
{
    const double size = (double)o->d;
    const double patterns = load * size / (is_rectified(o) ? 2 : 1);
    const double rho = o->corruption == EG_CORRUPT_FLIP ? o->amount : 0;
    const struct {
        const char *name;
        double value;
    } ours[] = {
        { "N", size },
        { "d", size },
        { "K", is_softmax(o) ? o->radius : patterns },
        { "alpha", load },
        { "rho", rho },
        { "n", o->memory.rule.order },
        { "beta", o->memory.rule.beta },
    };
    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
        if (strcmp(ours[i].name, p->name) == 0) return ours[i].value;
    return p->value;
}

static double result_of(const char *form, const char *result, const eg_capacity_options *o,
                        double load)
{
    const eg_theory *row = form != NULL ? eg_theory_find(form) : NULL;
    double in[EG_THEORY_PARAMS] = { 0 }, out[EG_THEORY_RESULTS] = { 0 };
    if (row == NULL) return (double)NAN;
    for (size_t p = 0; p < EG_THEORY_PARAMS && row->params[p].name != NULL; p++)
        in[p] = value_of(o, load, &row->params[p]);
    if (eg_theory_evaluate(row, in, out) != EG_OK) return (double)NAN;
    for (size_t k = 0; k < EG_THEORY_RESULTS && row->results[k] != NULL; k++)
        if (strcmp(row->results[k], result) == 0) return out[k];
    return (double)NAN;
}

static const struct law *valid_law(const eg_capacity_options *o)
{
    const struct law *law = law_of(o);
    return law != NULL && amiss(law, o) == NULL ? law : NULL;
}

double theory_at_rest(const eg_capacity_options *o, double load)
{
    const struct law *law = valid_law(o);
    return law ? result_of(law->at_rest.form, law->at_rest.result, o, load) : (double)NAN;
}

double theory_one_step(const eg_capacity_options *o, double load)
{
    const struct law *law = valid_law(o);
    return law ? result_of(law->one_step.form, law->one_step.result, o, load) : (double)NAN;
}

/* In patterns, from patterns, patterns a neuron, or a logarithm (0 where theorem 3 of softmax
 * does not apply). */
static double patterns_of(const char *form, const char *result, const eg_capacity_options *o)
{
    const double v = result_of(form, result, o, 0.1);
    if (form == NULL || isnan(v)) return (double)NAN;
    if (strcmp(result, "alpha_c") == 0) return v * (double)o->d;
    if (strcmp(result, "log10_patterns") == 0)
        return result_of(form, "applies", o, 0.1) > 0 ? pow(10, v) : (double)NAN;
    return is_rectified(o) ? 2 * v : v;
}

double theory_few_errors(const eg_capacity_options *o)
{
    const struct law *law = valid_law(o);
    return law ? patterns_of(law->few_errors.form, law->few_errors.result, o) : (double)NAN;
}

double theory_no_errors(const eg_capacity_options *o)
{
    const struct law *law = valid_law(o);
    return law ? patterns_of(law->no_errors.form, law->no_errors.result, o) : (double)NAN;
}

double theory_amount(const eg_capacity_options *o)
{
    eg_capacity_options at = *o;
    double low = 0, high = 0.5;
    at.amount = high;
    if (!(theory_no_errors(&at) < (double)o->n)) return (double)NAN;
    at.amount = low;
    if (theory_no_errors(&at) < (double)o->n) return (double)NAN;
    for (int step = 0; step < 50; step++) {
        at.amount = (low + high) / 2;
        /* an overflow is more than any number of patterns */
        if (theory_no_errors(&at) < (double)o->n)
            high = at.amount;
        else
            low = at.amount;
    }
    return low;
}

const char *theory_words(const eg_capacity_options *o)
{
    const struct law *law = law_of(o);
    if (law == NULL) return "none: no closed form is known for this memory";
    const char *why = amiss(law, o);
    if (why != NULL) return keep_format("none here: %s", why);
    if (is_softmax(o) && isnan(theory_no_errors(o)))
        return "theorem 3 promises nothing here: c is below c_min (see engram theory "
               "softmax-storage)";
    return law->name;
}

/* Of one stored pattern: how many of its components would turn alone. xi (N, D). */
static size_t flips_of(const eg_rule *rule, const float *xi, size_t n, size_t d, size_t which,
                       double *s, double *moved)
{
    const float *x = xi + which * d;
    double here, there;
    size_t turned = 0;
    for (size_t i = 0; i < n; i++) s[i] = eg_similarity_value(EG_SIM_DOT, xi + i * d, x, d);
    if (eg_separation_energy(rule, s, NULL, n, &here) != EG_OK) return 0;
    for (size_t j = 0; j < d; j++) {
        for (size_t i = 0; i < n; i++) moved[i] = s[i] - 2 * (double)xi[i * d + j] * (double)x[j];
        if (eg_separation_energy(rule, moved, NULL, n, &there) == EG_OK) turned += there > here;
    }
    return turned;
}

double one_flip_measured(const eg_capacity_options *o)
{
    enum { SETS = 4, WORK = 40000000 };
    const struct law *law = valid_law(o);
    if (law == NULL || law->of != is_power) return (double)NAN;
    const size_t cost = o->n * o->d, afford = WORK / (cost + 1);
    size_t each = (afford < o->trials ? afford : o->trials) / SETS, turned = 0, seen = 0;
    if (each > o->n) each = o->n;
    if (each == 0) each = 1;
    float *xi = need_floats(o->n, o->d);
    double *s = need(2 * o->n, sizeof *s);
    for (uint64_t set = 0; set < SETS; set++) {
        if (eg_patterns_draw(o->patterns, o->radius, o->seed + 7919 * (set + 1), o->n, o->d, xi)
            != EG_OK)
            continue;
        for (size_t which = 0; which < each; which++) {
            turned += flips_of(&o->memory.rule, xi, o->n, o->d, which, s, s + o->n);
            seen += o->d;
        }
    }
    free(s);
    free(xi);
    return seen > 0 ? (double)turned / (double)seen : (double)NAN;
}
