/* engram measure bounds --gibbs: the posterior N(w_0, s^2) exp(-beta loss) by chains, rung by rung.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdlib.h>

#include "cli/console.h"
#include "cli/measure.h"

enum { RUNGS = 16 };

static const struct column columns[] = { { "beta", "%.4g" },          { "loss", "%.4f" },
                                         { "error_of_loss", "%.1e" }, { "divergence", "%.4g" },
                                         { "least", "%.4g" },         { "its_error", "%.2g" },
                                         { "drawn_error", "%.4f" },   { "estimate", "%.4f" },
                                         { "accepted", "%.2f" } };

static void fill(struct table *t, const eg_gibbs_row *row)
{
    table_begin(t, "gibbs", columns, sizeof columns / sizeof *columns);
    for (size_t k = 0; k < RUNGS; k++) {
        const double of[] = { row[k].rung.beta, row[k].rung.loss,   row[k].rung.error,
                              row[k].rung.kl,   row[k].rung.kl_low, row[k].rung.kl_error,
                              row[k].risk,      row[k].bound,       row[k].rung.accepted };
        for (size_t i = 0; i < sizeof of / sizeof *of; i++) table_number(t, of[i]);
    }
}

static void tell(const struct call *call, const eg_gibbs_row *row, const eg_incoherence *told,
                 json_t *into)
{
    const struct measure *o = call->options;
    struct table t;
    fill(&t, row);
    if (into != NULL) {
        json_t *j =
            json_pack("{s:f,s:o,s:f,s:f,s:f}", "prior_deviation", o->prior, "gibbs", table_json(&t),
                      "incoherence", told->nats, "plain", told->plain, "gap", told->gap);
        json_object_update(into, j);
        json_decref(j);
    } else {
        fprintf(call->out,
                "\nGibbs posteriors N(w_0, %g^2) exp(-beta loss), by chains of %zu steps; an "
                "estimate, no\ncertificate: errors are the chains' own\n\n",
                o->prior, 100 * o->draws);
        table_print(&t, call->out);
        fprintf(call->out,
                "\nLangevin steps from what was learned tell %.3g nats of a tenth of the examples "
                "that are held\nout (%.3g if nothing of their gradients were known): gap of at "
                "most %.3g, an estimate\n",
                told->nats, told->plain, told->gap);
    }
    table_clear(&t);
}

int measure_gibbs(const struct call *call, struct model *m, const eg_part *part, json_t *into)
{
    const struct measure *o = call->options;
    double beta[RUNGS];
    eg_gibbs_row row[RUNGS];
    eg_incoherence told;
    eg_chain_options how = EG_CHAIN_OPTIONS_INIT;
    struct bar bar;
    const eg_progress progress = bar_begin(&bar, call);
    const double n = (double)part->n;
    for (size_t k = 0; k < RUNGS; k++) beta[k] = n * pow((double)k / (RUNGS - 1), 3);
    how.variance = o->prior * o->prior;
    how.steps = 100 * o->draws;
    how.burn = how.steps / 2;
    how.seed = call->common->seed;
    how.progress = &progress;
    eg_status s = eg_gibbs_network(m->learner, part, NULL, beta, RUNGS, &how, o->delta, row);
    if (s == EG_OK)
        s = eg_gradient_incoherence(m->learner, part, part->n / 10 + 1, n, 0.01, 100, how.seed,
                                    &told);
    bar_end(&bar);
    if (s != EG_OK) return fail(s, NULL);
    tell(call, row, &told, into);
    return EXIT_DONE;
}
