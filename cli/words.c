/* Certificates in words. Every sentence repeats a field of eg_certificate and nothing else. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/words.h"

#include <math.h>

static const char *const dynamics[EG_DYN_COUNT + 1] = { "sync",   "async",  "cccp",   "damped",
                                                        "flow-a", "flow-b", "flow-c", NULL };
static const char *const sweeps[] = { "fixed", "random", "steepest", NULL };
static const char *const kinds[] = {
    "none", "memory", "mixture", "average", "resting", "negative"
};

const char *dynamics_name(size_t row)
{
    return row < EG_DYN_COUNT ? dynamics[row] : NULL;
}

const char *sweep_name(size_t row)
{
    return row < 4 ? sweeps[row] : NULL;
}

const char *kind_name(eg_fixed_point kind)
{
    return (size_t)kind < sizeof kinds / sizeof *kinds ? kinds[kind] : "?";
}

int certificate_recalled(const eg_certificate *c)
{
    return c->converged && c->kind == EG_FIXED_MEMORY;
}

static void kind_words(const eg_certificate *c, size_t stored, const char *who, struct text *out)
{
    if (!c->converged) {
        text_add(out, "recalled   nothing yet: NOT at rest after %zu %s (--steps allows more)\n",
                 c->steps, c->steps == 1 ? "step" : "steps");
        if (isfinite(c->overlap))
            text_add(out, "nearest    %s%s\n", who,
                     c->exact ? "; the state equals it just now, whether it stays is not known"
                              : "");
        return;
    }
    switch (c->kind) {
    case EG_FIXED_MEMORY:
        text_add(out, "recalled   one memory: %s\n", who);
        break;
    case EG_FIXED_METASTABLE:
        text_add(out, "recalled   a mixture of %zu of %zu memories; nearest %s\n", c->mass_size,
                 stored, who);
        break;
    case EG_FIXED_GLOBAL:
        text_add(out, "recalled   nothing: the average of all %zu memories\n", stored);
        break;
    case EG_FIXED_SPURIOUS:
        text_add(out, "recalled   a resting state; which memory, if any, is not known: the weights "
                      "hold no patterns to compare with\n");
        break;
    case EG_FIXED_MIRROR:
        text_add(out, "recalled   no memory: the negative of %s\n", who);
        break;
    default:
        text_add(out, "recalled   nothing; nearest %s\n", who);
        break;
    }
}

const char *energy_text(double e)
{
    if (isinf(e)) return e < 0 ? "below -1.8e308" : "above 1.8e308";
    return keep_format("%.9g", e);
}

static int beyond_double(const eg_certificate *c)
{
    return isinf(c->energy_before) || isinf(c->energy_after);
}

static void energy_words(const eg_certificate *c, struct text *out)
{
    const char *proof =
        c->lyapunov ? "proved for this rule" : "no proof for this rule and dynamics";
    if (isnan(c->energy_before)) {
        text_add(out, "energy     none: this rule has no energy\n");
    } else if (beyond_double(c)) {
        text_add(out, "energy     %s -> %s: more than a double holds, it was not compared; %s\n",
                 energy_text(c->energy_before), energy_text(c->energy_after), proof);
    } else {
        const double size = fmax(fabs(c->energy_before), fabs(c->energy_after));
        const int rose = c->energy_after - c->energy_before > 2 * c->energy_error;
        const char *course = !c->descended ? "IT ROSE"
                             : rose
                                 ? "it never rose behind the cue, which is no state of this memory"
                                 : "it never rose";
        text_add(out, "energy     %.6g -> %.6g (+-%.1g%s); %s; %s\n", c->energy_before,
                 c->energy_after, c->energy_error,
                 c->energy_error > size ? ": zero within its rounding" : "", course, proof);
    }
}

void certificate_words(const eg_certificate *c, size_t stored, const char *who, struct text *out)
{
    kind_words(c, stored, who, out);
    if (c->converged)
        text_add(out, "rested     after %zu %s\n", c->steps, c->steps == 1 ? "step" : "steps");
    energy_words(c, out);
    if (!isfinite(c->overlap)) return;
    text_add(out, "overlap    %.6f%s%s\n", c->overlap, c->exact ? ", equal to the bit" : "",
             c->exact_proved ? ", proved: one step from any state this close gives it" : "");
    if (isfinite(c->gap))
        text_add(out, "gap        %.6g between this memory and the next\n", c->gap);
    if (isfinite(c->error_bound))
        text_add(out, "bound      within %.3g of the memory (Ramsauer et al. 2021, theorem 5)\n",
                 c->error_bound);
}

json_t *certificate_json(const eg_certificate *c)
{
    json_t *j = json_object();
    json_object_set_new(j, "converged", json_boolean(c->converged));
    json_object_set_new(j, "kind", json_string(kind_name(c->kind)));
    json_object_set_new(j, "steps", json_integer((json_int_t)c->steps));
    json_object_set_new(j, "energy_before", json_number(c->energy_before));
    json_object_set_new(j, "energy_after", json_number(c->energy_after));
    json_object_set_new(j, "energy_error", json_number(c->energy_error));
    json_object_set_new(j, "energy_beyond_double", json_boolean(beyond_double(c)));
    json_object_set_new(j, "lyapunov", json_boolean(c->lyapunov));
    json_object_set_new(j, "descended", json_boolean(c->descended));
    json_object_set_new(j, "mass_size", json_integer((json_int_t)c->mass_size));
    json_object_set_new(j, "nearest_id",
                        isnan(c->overlap) ? json_null() : json_integer((json_int_t)c->nearest_id));
    json_object_set_new(j, "overlap", json_number(c->overlap));
    json_object_set_new(j, "exact", json_boolean(c->exact));
    json_object_set_new(j, "exact_proved", json_boolean(c->exact_proved));
    json_object_set_new(j, "gap", json_number(c->gap));
    json_object_set_new(j, "error_bound", json_number(c->error_bound));
    return j;
}
