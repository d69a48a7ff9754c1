/* The two passes of the dense associative memory as a classifier (Krotov and Hopfield 2016,
 * eq. 9: one update of the class neurons, all of which start at -1).
 *
 * Paper to code: xi_i memories, xi_a classes, v_i x, beta = 1/T^n. With s = sum_i xi_i v_i - sum_g
 * xi_g, all class neurons off, turning class neuron a on gives s + 2 xi_a, and
 *     z_a = sum_mu [ F((s + 2 xi_a) / T) - F(s / T) ]
 * is beta times the energy difference: T is in the overlap, not a power of it outside. The dual
 * form is z_a = beta sum_mu xi_a F'(sum_i xi_i v_i), without class neurons in the overlap.
 *
 * A pass is a matrix product, then the kernel: forward an image at a time, all memories in order;
 * backward a block of memories at a time, all images in order. So every sum has one order. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "kernel/egi_kernel_gemm.h"
#include "nn/egi_dam.h"

enum { IMAGES = 8, MEMORIES = 128 }; /* a unit of work forward, backward */

struct pass {
    const struct egi_dam_settings *o;
    struct egi_dam *d;
    const float *x;
    size_t b;
    float reach; /* the largest |w_a| */
};

eg_status egi_dam_reserve(struct eg_learner *l, size_t b)
{
    struct egi_dam *d = l->own;
    if (b <= d->room) return EG_OK;
    const size_t c = d->rule.classes;
    size_t x, q, z;
    EGI_TRY(egi_mul_size(b, d->d, &x));
    EGI_TRY(egi_mul_size(b, d->m, &q));
    EGI_TRY(egi_mul_size(b, c, &z));
    const struct egi_need needs[] = { { x, sizeof(float) },  { q, sizeof(float) },
                                      { z, sizeof(double) }, { z, sizeof(float) },
                                      { b, sizeof(double) }, { b, sizeof(float) },
                                      { b, sizeof(float) } };
    struct egi_arena work;
    EGI_TRY(egi_arena_create(l->alloc, needs, EGI_COUNT(needs), "dam: a batch", &work));
    if (d->room > 0) egi_arena_destroy(&d->work);
    d->work = work;
    d->room = b;
    d->x = work.part[0];
    d->q = work.part[1];
    d->z = work.part[2];
    d->a = work.part[3];
    d->err = work.part[4];
    d->r = work.part[5];
    d->divisor = work.part[6];
    for (size_t i = 0; i < q; i++) d->q[i] = 0; /* past the last memory it stays so */
    return EG_OK;
}

/* w_a and the bias of every memory; the largest |w|. */
static float make_weights(struct egi_dam *d)
{
    const size_t c = d->rule.classes, m = d->m;
    const double t = *d->temperature;
    float reach = 0;
    for (size_t i = 0; i < d->h; i++) {
        double sum = 0;
        for (size_t a = 0; a < c; a++) {
            const double xi = (double)d->classes[i * c + a];
            const float w = (float)(d->rule.dual ? xi : 2 * xi / t);
            d->w[a * m + i] = w;
            if (fabsf(w) > reach) reach = fabsf(w);
            sum += xi;
        }
        d->bias[i] = d->rule.dual ? 0 : (float)(sum / t);
    }
    return d->rule.dual ? 0 : reach;
}

struct egi_seen egi_dam_seen(const struct egi_dam_settings *o, size_t d)
{
    return (struct egi_seen){ o->scale, o->offset, o->norm == 1 ? sqrt((double)d) : 0 };
}

static void map_inputs(void *arg, size_t block)
{
    const struct pass *p = arg;
    const size_t d = p->d->d, from = block * IMAGES;
    const size_t to = from + IMAGES < p->b ? from + IMAGES : p->b;
    const struct egi_seen as = egi_dam_seen(p->o, d);
    for (size_t i = from; i < to; i++)
        p->d->divisor[i] = egi_see(&as, p->x + i * d, d, p->d->x + i * d);
}

/* The factor that undoes r and what stands before the sum. */
static double undo(const struct egi_dam *d, float r)
{
    int e;
    (void)frexpf(r, &e); /* r = 2^(e - 1) */
    const size_t n = d->rule.order;
    if (d->rule.dual) return ldexp((double)n / *d->temperature, (1 - e) * (int)(n - 1));
    return ldexp(1, (1 - e) * (int)n);
}

static void forward_images(void *arg, size_t block)
{
    const struct pass *p = arg;
    struct egi_dam *d = p->d;
    const size_t c = d->rule.classes;
    const size_t end = block * IMAGES + IMAGES < p->b ? block * IMAGES + IMAGES : p->b;
    for (size_t i = block * IMAGES; i < end; i++) {
        float *q = d->q + i * d->m;
        double *z = d->z + i * c;
        const float most =
            d->k->overlaps(q, d->bias, (float)(1 / *d->temperature), d->m) + p->reach;
        int e;
        (void)frexpf(most, &e);
        d->r[i] = most > 0 && isfinite(most) ? ldexpf(1, -e) : 1;
        d->k->forward(&d->rule, q, d->w, d->m, d->r[i], z);
        const double by = undo(d, d->r[i]);
        for (size_t a = 0; a < c; a++) z[a] *= by;
    }
}

void egi_dam_forward(struct eg_learner *l, const float *x, size_t b)
{
    struct egi_dam *d = l->own;
    struct pass p = { l->settings, d, x, b, make_weights(d) };
    const size_t blocks = (b + IMAGES - 1) / IMAGES;
    const int crew = egi_crew(l->threads, (double)b * (double)d->m * (double)d->rule.classes);
    egi_parallel_for(blocks, crew, map_inputs, &p);
    const struct egi_gemm g = { .m = b,
                                .n = d->h,
                                .k = d->d,
                                .b_is_transposed = 1,
                                .lda = d->d,
                                .ldb = d->d,
                                .ldc = d->m,
                                .alpha = 1 };
    egi_gemm_f32(&g, d->x, d->memories, d->q, l->threads);
    egi_parallel_for(blocks, crew, forward_images, &p);
}

/* dC/dz to the coefficients of the kernel. The derivative of a power has one power of r less to
 * undo, and n before it; the dual form has n before its sum. */
static void make_coefficients(struct egi_dam *d, size_t b)
{
    const size_t c = d->rule.classes, n = d->rule.order;
    for (size_t i = 0; i < b; i++) {
        const double by = undo(d, d->r[i]) * (d->rule.dual ? 1 : (double)n * (double)d->r[i]);
        for (size_t a = 0; a < c; a++) d->a[i * c + a] = (float)(d->z[i * c + a] * by);
    }
}

static void backward_memories(void *arg, size_t block)
{
    const struct pass *p = arg;
    struct egi_dam *d = p->d;
    const size_t from = block * MEMORIES, c = d->rule.classes;
    const size_t here = d->m - from < MEMORIES ? d->m - from : MEMORIES;
    for (size_t a = 0; a <= c; a++)
        for (size_t i = 0; i < here; i++) d->sums[a * d->m + from + i] = 0;
    for (size_t i = 0; i < p->b; i++)
        d->k->backward(&d->rule, d->q + i * d->m + from, d->w + from, here, d->r[i], d->a + i * c,
                       d->sums + from);
}

void egi_dam_backward(struct eg_learner *l, size_t b)
{
    struct egi_dam *d = l->own;
    struct pass p = { .o = l->settings, .d = d, .b = b };
    make_coefficients(d, b);
    const int crew = egi_crew(l->threads, (double)b * (double)d->m * (double)d->rule.classes);
    egi_parallel_for((d->m + MEMORIES - 1) / MEMORIES, crew, backward_memories, &p);
}
