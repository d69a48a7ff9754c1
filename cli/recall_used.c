/* engram recall --used: the stored items that an answer stands on, by their weights in the
 * association of the state that was recalled. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/recall_used.h"

#include <math.h>
#include <stdlib.h>

#include "cli/console.h"

struct weighed {
    double weight, similarity;
    size_t at;
};

static int falling(const void *a, const void *b)
{
    const struct weighed *x = a, *y = b;
    const double p = fabs(x->weight), q = fabs(y->weight);
    return p != q ? (p < q) - (p > q) : (x->at > y->at) - (x->at < y->at);
}

static const struct column columns[] = {
    { "used", "%.0f" }, { "class", NULL }, { "weight", "%.6f" }, { "similarity", "%.6g" }
};

int recall_used(struct stored *s, const float *state, size_t most, struct table *t)
{
    const size_t n = eg_memory_count(s->memory);
    double *similarity = need(2 * n, sizeof *similarity), *weight = similarity + n;
    struct weighed *order = need(n, sizeof *order);
    const eg_status status = eg_memory_associate(s->memory, state, similarity, weight);
    for (size_t i = 0; i < n && status == EG_OK; i++)
        order[i] = (struct weighed){ weight[i], similarity[i], i };
    if (status == EG_OK) qsort(order, n, sizeof *order, falling);
    table_begin(t, "used", columns, sizeof columns / sizeof *columns);
    for (size_t k = 0; k < n && k < most && status == EG_OK && order[k].weight != 0; k++) {
        table_number(t, (double)eg_memory_id(s->memory, order[k].at));
        table_word(t, "%s", stored_class(s, eg_memory_label(s->memory, order[k].at)));
        table_number(t, order[k].weight);
        table_number(t, order[k].similarity);
    }
    free(similarity);
    free(order);
    return status == EG_OK ? EXIT_DONE : fail(status, "--used");
}
