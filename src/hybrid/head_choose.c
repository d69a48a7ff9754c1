/* Which head for a budget of bytes and time. The order is that of accuracy on frozen features,
 * measured (experiments/taught; docs/learning-by-storing.md); where two come to the same the
 * smaller is first. Bytes are counted (eg_head_size); time is the cost of each kind (egi_head_row)
 * by the sizes that it grows with. The last one is for many classes in little time: an answer adds
 * P rows of K numbers, where means take K products of D. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "hybrid/egi_head.h"

static const struct {
    const char *spec;
    int sides; /* it must know whether features lie on either side of 0 */
} choices[] = {
    { "{\"kind\": \"lda\"}", 0 },
    { "{\"kind\": \"mean\"}", 0 },
    { "{\"kind\": \"prototype\", \"bits\": 8}", 1 },
    { "{\"kind\": \"prototype\", \"bits\": 4}", 1 },
    { "{\"kind\": \"prototype\", \"bits\": 3}", 1 },
    { "{\"kind\": \"prototype\", \"bits\": 2}", 1 },
    { "{\"kind\": \"prototype\", \"bits\": 1, \"reach\": 1}", 1 },
    { "{\"kind\": \"binary\", \"read\": \"log\", \"quantiser\": {\"kind\": \"anchors\", "
      "\"parts\": 64, \"anchors\": 32}}",
      0 },
};

/* ---- time ---- */

enum { FIXED_NS = 200 }; /* of a call, whatever it does */

static double microseconds(const struct egi_head_cost *c, const eg_head *h, size_t classes,
                           size_t items)
{
    const double e = (double)h->e, k = (double)classes, n = (double)items;
    const double p = h->quantiser != NULL ? (double)h->quantiser->parts : 0;
    const double l = h->quantiser != NULL ? (double)h->quantiser->symbols : 0;
    const double turned = egi_head_projects(h) ? 0.065 * (double)h->d * e : 0;
    return (FIXED_NS + turned + c->e * e + c->ee * e * e + c->ke * k * e + c->kee * k * e * e
            + c->ne * n * e + c->el * e * l + c->pp * p * p + c->pk * p * k)
           / 1000;
}

eg_status eg_head_time(const char *spec, size_t d, size_t classes, size_t examples,
                       eg_head_times *out)
{
    eg_head *h = NULL;
    if (out == NULL) return egi_fail(EG_ERR_INVALID, "eg_head_time: out is NULL");
    EGI_TRY(egi_head_shape("eg_head_time", spec, d, &h));
    out->teach = microseconds(&h->row->teach, h, classes, examples);
    out->answer = microseconds(&h->row->answer, h, classes, examples);
    eg_head_destroy(h);
    return EG_OK;
}

/* ---- the choice ---- */

/* What it takes of either. */
static eg_status measure(const char *spec, size_t d, size_t classes, size_t examples,
                         eg_head_budget *out)
{
    eg_head_bytes bytes;
    eg_head_times times;
    EGI_TRY(eg_head_size(spec, d, classes, examples, &bytes));
    EGI_TRY(eg_head_time(spec, d, classes, examples, &times));
    *out = (eg_head_budget){ sizeof *out, bytes.learning, fmax(times.teach, times.answer) };
    return EG_OK;
}

static int within(const eg_head_budget *takes, const eg_head_budget *budget)
{
    return (budget->bytes == 0 || takes->bytes <= budget->bytes)
           && (!(budget->microseconds > 0) || takes->microseconds <= budget->microseconds);
}

static eg_status check(const eg_head_budget *budget, const char *spec)
{
    if (budget == NULL || spec == NULL)
        return egi_fail(EG_ERR_INVALID, "eg_head_choose: %s is NULL",
                        budget == NULL ? "budget" : "spec");
    if (budget->size != sizeof *budget || !(budget->microseconds >= 0))
        return egi_fail(EG_ERR_INVALID, "eg_head_choose: budget: size %zu, %g microseconds",
                        budget->size, budget->microseconds);
    return EG_OK;
}

eg_status eg_head_choose(const eg_head_budget *budget, size_t d, size_t classes, size_t examples,
                         int below, char *spec)
{
    size_t least = SIZE_MAX;
    double fastest = INFINITY;
    EGI_TRY(check(budget, spec));
    for (size_t i = 0; i < EGI_COUNT(choices); i++) {
        const char *chosen = choices[i].spec;
        eg_head_budget takes;
        const eg_status s = measure(chosen, d, classes, examples, &takes);
        /* more parts than features, or more bytes than can be counted */
        if (s == EG_ERR_SHAPE || s == EG_ERR_OVERFLOW) continue;
        if (s != EG_OK) return s;
        if (takes.bytes < least) least = takes.bytes;
        fastest = fmin(fastest, takes.microseconds);
        if (!within(&takes, budget)) continue;
        if (below && choices[i].sides)
            snprintf(spec, EG_HEAD_SPEC, "%.*s, \"below\": true}", (int)strlen(chosen) - 1, chosen);
        else
            snprintf(spec, EG_HEAD_SPEC, "%s", chosen);
        return EG_OK;
    }
    return egi_fail(EG_ERR_LIMIT,
                    "eg_head_choose: %zu classes of %zu features take %zu bytes and %.3g us at "
                    "least, one or the other, and the budget is %zu bytes, %g us (0: any)",
                    classes, d, least, fastest, budget->bytes, budget->microseconds);
}
