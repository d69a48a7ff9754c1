/* Patterns kept as the classical (D, D) matrix of weights, whatever their number:
 *
 *     E(x) = -1/2 x^T W x + Psi(x),    y = W x
 *
 * Hebb (Hopfield 1982), Storkey (Storkey and Valabregue 1999, eq. 3) and the pseudo-inverse
 * (Personnaz, Guyon and Dreyfus 1985) differ only in how W is learnt (weights_learn.c).
 * Without self-coupling the diagonal is kept, because learning needs it, but not used. The
 * similarity is the dot product and there is no separation but the identity; beta plays no
 * role. A component of the pull that is smaller than the bound on its own rounding error is
 * returned as 0, so that what cancels on paper does not decide a sign. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <float.h>
#include <string.h>

#include "memory/egi_weights.h"

enum {
    ROWS = 64, /* of a unit of work; independent of the number of threads */
};

static eg_status create(eg_memory *m, double scale, double noise)
{
    size_t cells, bytes;
    EGI_TRY(egi_mul_size(m->d, m->d, &cells));
    EGI_TRY(egi_mul_size(cells, sizeof(double), &bytes));
    struct egi_weights *k = egi_alloc(m->alloc, sizeof *k);
    if (k == NULL) return egi_fail(EG_ERR_NOMEM, "eg_memory_create: %zu bytes", sizeof *k);
    *k = (struct egi_weights){ egi_alloc(m->alloc, bytes), scale, noise };
    m->store = k;
    if (k->sum == NULL)
        return egi_fail(EG_ERR_NOMEM, "eg_memory_create: %zu bytes of weights", bytes);
    memset(k->sum, 0, bytes);
    return EG_OK;
}

static eg_status create_per_component(eg_memory *m)
{
    return create(m, 1 / (double)m->d, 0);
}

/* A projector's entries are differences of larger ones, up to 1. */
static eg_status create_projector(eg_memory *m)
{
    return create(m, 1, 1);
}

static size_t matrix_bytes(const eg_memory *m)
{
    return m->d * m->d * sizeof(double);
}

static void destroy(eg_memory *m)
{
    struct egi_weights *k = m->store;
    if (k == NULL) return;
    egi_free(m->alloc, k->sum, matrix_bytes(m));
    egi_free(m->alloc, k, sizeof *k);
}

static size_t bytes(const eg_memory *m)
{
    return sizeof(struct egi_weights) + matrix_bytes(m);
}

/* Softmax is the default of a rule, and means here that nothing was chosen. */
static eg_status accepts(const eg_memory_options *options)
{
    const eg_rule *r = &options->rule;
    if (r->similarity != EG_SIM_DOT)
        return egi_fail(EG_ERR_UNSUPPORTED, "weights know the dot product only, not similarity %s",
                        eg_similarity_info(r->similarity)->name);
    if (r->separation != EG_SEP_IDENTITY && r->separation != EG_SEP_SOFTMAX)
        return egi_fail(EG_ERR_UNSUPPORTED,
                        "weights have no separation %s, expected identity (or keep the patterns)",
                        eg_separation_info(r->separation)->name);
    return EG_OK;
}

static size_t state_size(const eg_memory *m)
{
    return m->d * m->d;
}

static void state(const eg_memory *m, double *out)
{
    const struct egi_weights *k = m->store;
    for (size_t i = 0; i < m->d * m->d; i++) out[i] = k->sum[i] * k->scale;
}

/* The sum whose product with the scale is w: an integer where one gives these very bits, so
 * that weights of +-1 patterns come back exactly. */
static double sum_of(double w, double scale)
{
    const double sum = w / scale, whole = rint(sum);
    return whole * scale == w ? whole : sum;
}

/* The upper triangle counts: a matrix that is not symmetric has no energy. */
static void set_state(eg_memory *m, const double *in)
{
    struct egi_weights *k = m->store;
    for (size_t i = 0; i < m->d; i++)
        for (size_t j = i; j < m->d; j++)
            k->sum[i * m->d + j] = k->sum[j * m->d + i] = sum_of(in[i * m->d + j], k->scale);
}

/* ---- field ---- */

struct block {
    double attraction, mass; /* sums of x_i y_i and of their magnitudes, before the scale */
};

struct field {
    const eg_memory *m;
    const float *x;        /* (Q, D) */
    float *y;              /* (Q, D) or NULL */
    struct block *partial; /* (Q, blocks) */
    size_t blocks;
};

static void field_block(void *arg, size_t at)
{
    const struct field *f = arg;
    const struct egi_weights *k = f->m->store;
    const size_t d = f->m->d, q = at / f->blocks, from = at % f->blocks * ROWS;
    const size_t to = from + ROWS < d ? from + ROWS : d;
    const float *x = f->x + q * d;
    struct block sum = { 0, 0 };
    double noise = 0;
    for (size_t j = 0; j < d; j++) noise += k->noise * fabs((double)x[j]);
    for (size_t i = from; i < to; i++) {
        struct egi_dot y = egi_weights_others(k->sum + i * d, x, d, i);
        if (f->m->options.self_coupling) {
            const double own = k->sum[i * d + i] * (double)x[i];
            y.sum += own;
            y.mass += fabs(own);
        }
        y.mass += noise;
        if (fabs(y.sum) <= (double)d * DBL_EPSILON * y.mass) y.sum = 0;
        if (f->y != NULL) f->y[q * d + i] = (float)(y.sum * k->scale);
        sum.attraction += (double)x[i] * y.sum;
        sum.mass += fabs((double)x[i]) * y.mass;
    }
    f->partial[at] = sum;
}

static eg_status field(const eg_memory *m, const float *x, size_t q, int threads,
                       const struct egi_reading *reading, float *y, struct egi_pull *pull)
{
    if (reading->values != NULL || reading->mean)
        return egi_fail(EG_ERR_UNSUPPORTED, "%s keeps no patterns to give a mean of",
                        m->backend->name);
    const struct egi_weights *k = m->store;
    struct field f = { m, x, y, NULL, (m->d + ROWS - 1) / ROWS };
    size_t units;
    void *partial;
    EGI_TRY(egi_mul_size(q, f.blocks, &units));
    EGI_TRY(egi_alloc_array(m->alloc, units, sizeof(struct block), "field", &partial));
    f.partial = partial;
    egi_parallel_for(units, egi_crew(threads, (double)units * (double)(ROWS * m->d)), field_block,
                     &f);
    /* Of a state that is no +-1 or 0/1: to f32 after its projection, once in each factor. */
    const eg_projection to = m->options.rule.projection;
    const double of_states = to == EG_PROJ_SIGN || to == EG_PROJ_THRESHOLD ? 0 : FLT_EPSILON;
    for (size_t i = 0; i < q; i++) {
        struct block sum = { 0, 0 };
        for (size_t b = 0; b < f.blocks; b++) {
            sum.attraction += f.partial[i * f.blocks + b].attraction;
            sum.mass += f.partial[i * f.blocks + b].mass;
        }
        pull[i] = (struct egi_pull){
            .attraction = k->scale * sum.attraction / 2,
            .rounding = ((double)(2 * m->d + 8) * DBL_EPSILON + of_states) * k->scale * sum.mass,
        };
    }
    egi_free(m->alloc, partial, units * sizeof(struct block));
    return EG_OK;
}

#define WEIGHTS_ROW(NAME, CREATE, LEARN, FORGET)                                                \
    {                                                                                           \
        .name = NAME, .create = CREATE, .destroy = destroy, .bytes = bytes, .accepts = accepts, \
        .append = LEARN, .forget = FORGET, .state_size = state_size, .state = state,            \
        .set_state = set_state, .field = field, .relax = egi_relax_weights,                     \
    }

const struct egi_backend egi_backend_hebb =
    WEIGHTS_ROW("hebb", create_per_component, egi_learn_hebb, egi_forget_hebb);
const struct egi_backend egi_backend_storkey =
    WEIGHTS_ROW("storkey", create_per_component, egi_learn_storkey, NULL);
const struct egi_backend egi_backend_pseudoinverse =
    WEIGHTS_ROW("pseudoinverse", create_projector, egi_learn_projector, NULL);
