/* Shared by the tests of heads: examples of a few classes as a network's features are, and whether
 * two heads keep the same bytes. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_HEAD_CHECK_H
#define TESTS_HEAD_CHECK_H

#include "check.h"
#include "hybrid/egi_head.h"

enum { HEAD_D = 40, HEAD_K = 5, HEAD_EACH = 12, HEAD_N = HEAD_K * HEAD_EACH };

struct head_examples {
    float x[HEAD_N * HEAD_D];
    int32_t y[HEAD_N];
};

/* Class after class in turn: max(0, centre + spread noise), as behind a ReLU. */
static inline void head_examples(uint64_t seed, float spread, struct head_examples *e)
{
    float centre[HEAD_K * HEAD_D], noise[HEAD_N * HEAD_D];
    eg_random_normal(1, 1, 0, sizeof centre / sizeof *centre, centre);
    eg_random_normal(seed, 2, 0, sizeof noise / sizeof *noise, noise);
    for (size_t i = 0; i < HEAD_N; i++) {
        e->y[i] = (int32_t)(i % HEAD_K);
        for (size_t j = 0; j < HEAD_D; j++)
            e->x[i * HEAD_D + j] =
                fmaxf(0, centre[(size_t)e->y[i] * HEAD_D + j] + spread * noise[i * HEAD_D + j]);
    }
}

/* A specification of every kind that these examples are enough for. */
static const char *const head_specs[] = {
    "{\"kind\": \"mean\"}",
    "{\"kind\": \"mean\", \"bits\": 2, \"power\": 0.5}",
    "{\"kind\": \"mean\", \"bits\": 1, \"project\": 60}",
    "{\"kind\": \"prototype\", \"bits\": 3}",
    "{\"kind\": \"prototype\", \"below\": true, \"bits\": 8, \"project\": 30}",
    "{\"kind\": \"lda\"}",
    "{\"kind\": \"fecam\"}",
    "{\"kind\": \"ridge\", \"project\": 100}",
    "{\"kind\": \"cache\"}",
    "{\"kind\": \"knn\", \"k\": 3}",
    "{\"kind\": \"binary\", \"quantiser\": {\"kind\": \"anchors\", \"parts\": 20, \"anchors\": 8}}",
    "{\"kind\": \"binary\", \"read\": \"or\", \"quantiser\": {\"kind\": \"pq\", \"parts\": 20, "
    "\"anchors\": 8}}",
    "{\"kind\": \"binary\", \"read\": \"log\", \"quantiser\": {\"kind\": \"projection\", "
    "\"parts\": "
    "99}}",
    "{\"kind\": \"clique\", \"quantiser\": {\"kind\": \"anchors\", \"parts\": 10, \"anchors\": "
    "16}}",
    "{\"kind\": \"tilda\", \"parts\": 8, \"anchors\": 2}",
    "{\"kind\": \"fecam_each\", \"between\": 0}",
    "{\"kind\": \"fecam_each\", \"project\": 20}",
};
enum { HEAD_SPECS = sizeof head_specs / sizeof *head_specs };

static inline eg_head *head_new(const char *spec, const struct head_examples *fit)
{
    eg_head *h = NULL;
    CHECK_OK(eg_head_create(spec, HEAD_D, 7, NULL, &h));
    if (fit != NULL && eg_head_kind_of(h)->can & EG_HEAD_FITS)
        CHECK_OK(eg_head_fit(h, fit->x, HEAD_N));
    return h;
}

static inline int head_can(const eg_head *h, unsigned what)
{
    return (eg_head_kind_of(h)->can & what) == what;
}

/* Of everything but the numbers of items. */
static inline void head_check_same(eg_head *a, eg_head *b)
{
    egi_head_settle(a);
    egi_head_settle(b);
    CHECK(a->classes == b->classes && a->items == b->items && a->taught == b->taught);
    for (size_t i = 0; i < a->fields; i++) {
        const struct egi_field *f = &a->field[i];
        if (a->row->items && i == EGI_ITEM_NUMBER) continue;
        if (memcmp(a->at[i], b->at[i], egi_head_rows_of(a, f) * egi_head_row_bytes(f)) != 0)
            fail_msg("%s: their %s differ", a->spec, f->name);
    }
}

#endif
