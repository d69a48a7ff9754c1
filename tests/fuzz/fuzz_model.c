/* A learner's specification and its task, as JSON: what is made of them scores a batch. The first
 * line is the task ("inputs classes bags"), the rest the specification. The allocator gives some
 * MiB, for a specification may ask for any number of units. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/egi_bounded.h"
#include "engram/hybrid.h"
#include "engram/learner.h"
#include "engram/quantiser.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

enum { MOST = 1 << 22, INPUTS_MOST = 64, CLASSES_MOST = 8 };

static void judge(eg_status s)
{
    if (s > 0 || (s != EG_OK && eg_error_detail()[0] == '\0')) abort();
}

static void learn(const char *spec, const eg_task *task, const eg_allocator *alloc)
{
    static const float x[INPUTS_MOST] = { 1 };
    static const int32_t y[1] = { 0 };
    float scores[CLASSES_MOST];
    double loss;
    eg_learner *l = NULL;
    const eg_status s = eg_learner_create(spec, task, 1, 1, alloc, &l);
    judge(s);
    if (s != EG_OK) return;
    const char *whole = eg_learner_spec(l);
    eg_learner *again = NULL;
    const eg_status t = eg_learner_create(whole, task, 1, 1, alloc, &again);
    if (t != EG_OK && t != EG_ERR_NOMEM) abort(); /* what it says of itself makes it again */
    eg_learner_destroy(again);
    if (!task->bags && !eg_learner_fits(l)) {
        judge(eg_learner_step(l, 0, x, y, 1, &loss));
        judge(eg_learner_scores(l, x, 1, scores));
    }
    eg_learner_destroy(l);
}

static void other(const char *spec, size_t d, const eg_allocator *alloc)
{
    eg_head *h = NULL;
    eg_quantiser *q = NULL;
    judge(eg_head_create(spec, d, 1, alloc, &h));
    eg_head_destroy(h);
    judge(eg_quantiser_create(spec, d, 1, alloc, &q));
    eg_quantiser_destroy(q);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    const uint8_t *line = size > 0 ? memchr(bytes, '\n', size) : NULL;
    char first[64];
    unsigned inputs = 0, classes = 0, bags = 0;
    if (line == NULL || line - bytes >= 60) return 0;
    memcpy(first, bytes, (size_t)(line - bytes));
    first[line - bytes] = '\0';
    if (sscanf(first, "%2u %1u %1u", &inputs, &classes, &bags) != 3) return 0;
    if (inputs > INPUTS_MOST || classes > CLASSES_MOST) return 0;
    const size_t n = size - (size_t)(line + 1 - bytes);
    char *spec = malloc(n + 1);
    if (spec == NULL) return 0;
    memcpy(spec, line + 1, n);
    spec[n] = '\0';
    struct egi_bounded b = { eg_allocator_default(), MOST, 0 };
    const eg_allocator alloc = egi_bounded_allocator(&b);
    const eg_task task = { .inputs = inputs, .classes = classes, .epochs = 2, .bags = bags > 0 };
    learn(spec, &task, &alloc);
    other(spec, inputs, &alloc);
    free(spec);
    return 0;
}
