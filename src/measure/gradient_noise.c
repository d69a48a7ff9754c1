/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "engram/gradient_noise.h"
#include "engram/random.h"
#include "measure/egi_traced.h"

enum { STREAM = 0x4e4f4953 }; /* "NOIS" */

struct noise {
    struct egi_traced r;
    size_t *order;        /* (N) of the pass */
    double *mean, *apart; /* (n) of gradients so far, and sums of squared deviations from it */
    double *g;            /* (n) of a batch */
    double loss;
};

/* The gradient of batch number b in passes that are dealt anew. */
static eg_status batch_gradient(struct noise *n, size_t b, uint64_t seed)
{
    struct egi_traced *r = &n->r;
    const size_t each = r->part->n / r->batch;
    if (b % each == 0) eg_random_permutation(seed, STREAM + b / each, r->part->n, n->order);
    eg_tape_reset(r->t);
    for (size_t i = 0; i < r->batch; i++)
        egi_traced_load_one(r, i, n->order[b % each * r->batch + i]);
    const eg_var loss = egi_traced_cost(r, egi_traced_scores(r, r->still, r->batch), r->batch);
    EGI_TRY(eg_tape_status(r->t));
    EGI_TRY(egi_traced_gradient(r, loss, EG_NONE, 0));
    n->loss += eg_tape_number(r->t, loss);
    memset(n->g, 0, r->n * sizeof *n->g);
    return egi_traced_add(r, 1, n->g);
}

/* Welford 1962: no difference of large sums. */
static void count_in(struct noise *n, double so_far)
{
    for (size_t i = 0; i < n->r.n; i++) {
        const double from = n->g[i] - n->mean[i];
        n->mean[i] += from / so_far;
        n->apart[i] += from * (n->g[i] - n->mean[i]);
    }
}

/* Sums over array k, added to out. */
static void add(const struct noise *n, size_t k, eg_gradient_noise *out)
{
    const size_t at = n->r.at[k], size = eg_shape_size(&eg_params_at(n->r.l->params, k)->shape);
    if (at >= n->r.n) return; /* it is not learned */
    for (size_t i = at; i < at + size; i++) {
        out->drift += n->mean[i] * n->mean[i];
        out->noise += n->apart[i] / (double)(out->batches - 1);
    }
    out->weights += size;
}

static void conclude(eg_gradient_noise *out)
{
    out->signal = out->drift - out->noise / (double)out->batches;
}

static eg_status measure(struct noise *n, const eg_gradient_noise_options *o,
                         eg_gradient_noise *out, eg_gradient_noise *each)
{
    memset(n->mean, 0, n->r.n * sizeof *n->mean);
    memset(n->apart, 0, n->r.n * sizeof *n->apart);
    for (size_t b = 0; b < o->batches; b++) {
        EGI_TRY(egi_report(o->progress, "batches", b, o->batches));
        EGI_TRY(batch_gradient(n, b, o->seed));
        count_in(n, (double)(b + 1));
    }
    const eg_gradient_noise none = { .batches = o->batches, .loss = n->loss / (double)o->batches };
    *out = none;
    for (size_t k = 0; k < n->r.arrays; k++) {
        add(n, k, out);
        if (each == NULL) continue;
        each[k] = none;
        add(n, k, &each[k]);
        conclude(&each[k]);
    }
    conclude(out);
    return EG_OK;
}

eg_status eg_gradient_noise_of(eg_learner *l, const eg_part *part,
                               const eg_gradient_noise_options *options, eg_gradient_noise *out,
                               eg_gradient_noise *each)
{
    eg_gradient_noise_options o = EG_GRADIENT_NOISE_OPTIONS_INIT;
    struct noise n = { .loss = 0 };
    struct egi_arena arena;
    if (options != NULL && options->size != sizeof o)
        return egi_fail(EG_ERR_INVALID, "eg_gradient_noise_options.size is %zu, expected %zu",
                        options->size, sizeof o);
    if (options != NULL) o = *options;
    if (l == NULL || part == NULL || out == NULL || o.batches < 2 || o.batch == 0
        || o.batch > part->n)
        return egi_fail(EG_ERR_INVALID,
                        "eg_gradient_noise_of: %zu batches of %zu of %zu examples, expected two or "
                        "more, of 1 to all",
                        o.batches, o.batch, part != NULL ? part->n : 0);
    EGI_TRY(egi_traced_create(l, part, o.batch, o.threads, EG_F64, NULL, &n.r));
    const struct egi_need needs[] = { { part->n, sizeof *n.order },
                                      { n.r.n, sizeof *n.mean },
                                      { n.r.n, sizeof *n.apart },
                                      { n.r.n, sizeof *n.g } };
    eg_status s = egi_arena_create(n.r.alloc, needs, 4, "gradient noise", &arena);
    if (s == EG_OK) {
        n.order = arena.part[0];
        n.mean = arena.part[1];
        n.apart = arena.part[2];
        n.g = arena.part[3];
        s = measure(&n, &o, out, each);
        egi_arena_destroy(&arena);
    }
    egi_traced_clear(&n.r);
    return s;
}
