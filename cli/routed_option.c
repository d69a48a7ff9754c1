/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/routed_option.h"

#include <math.h>
#include <stdlib.h>

#include "cli/cli_text.h"

int routed_begin(const struct call *call, const eg_memory *m, double error, eg_routed **out)
{
    if (!(error > 0)) return EXIT_DONE;
    struct bar bar;
    const eg_progress progress = bar_begin(&bar, call);
    eg_routed_options o = EG_ROUTED_OPTIONS_INIT;
    const double started = seconds_now();
    o.seed = call->common->seed;
    o.threads = call->common->threads;
    o.progress = &progress;
    const eg_status s = eg_routed_create(m, &o, out);
    bar_end(&bar);
    if (s != EG_OK) return fail(s, NULL);
    say(call, "routed  %zu patterns in %zu cells, %.3g MB, %.3f s", eg_memory_count(m),
        eg_routed_cells(*out), (double)eg_routed_bytes(*out) / 1e6, seconds_now() - started);
    return EXIT_DONE;
}

int routed_prove(const struct call *call, const eg_routed *r, double error, const float *x,
                 size_t q, eg_routed_certificate **out)
{
    const size_t d = eg_routed_size(r), threads = (size_t)call->common->threads;
    eg_routed_certificate *c = need(q, sizeof *c);
    float *next = need_floats(q, d);
    double most = 0, left = 0, looked = 0;
    const eg_status s = eg_routed_read(r, x, q, error, 0, (int)threads, next, c);
    free(next);
    *out = c;
    if (s != EG_OK) return fail(s, NULL);
    for (size_t i = 0; i < q; i++) {
        most = fmax(most, c[i].error);
        left = fmax(left, c[i].left_out);
        looked += (double)c[i].patterns / (double)q;
    }
    say(call,
        "proved  each update errs by at most %.2g, leaves out at most %.2g of the mass; looked at "
        "%.4g patterns",
        most, left, looked);
    return EXIT_DONE;
}

json_t *routed_json(const eg_routed_certificate *c)
{
    return json_pack("{s:f, s:f, s:I, s:I, s:b}", "left_out", c->left_out, "error", c->error,
                     "cells", (json_int_t)c->cells, "patterns", (json_int_t)c->patterns,
                     "nearest_proved", c->nearest_proved);
}
