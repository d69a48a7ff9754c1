/* The association as one operation: against products and softmax over the tape, with masks, in both
 * types, every row of kernels, and at the edges. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include "kernel/egi_kernel_attend.h"

enum { MOST = 60000, INPUTS = 5 };

struct scene {
    size_t b, h, q, n, d, dv;
    int hidden, padding;
};

static const struct scene scenes[] = {
    { 1, 1, 1, 1, 1, 1, 0, 0 },     { 2, 3, 5, 7, 4, 3, 0, 0 },    { 2, 2, 33, 65, 8, 8, 1, 0 },
    { 2, 2, 40, 130, 8, 17, 0, 1 }, { 1, 2, 31, 63, 16, 9, 1, 1 }, { 1, 1, 3, 200, 33, 2, 1, 1 },
    { 3, 1, 64, 64, 1, 1, 0, 0 },
};

/* q, k, v, and the masks: hidden (B, 1, Q, N), padding (B, 1, 1, N). The first query of an
 * example sees nothing, and the last block of keys is hidden from the first 32 queries. */
struct data {
    eg_shape shape[INPUTS];
    double x[INPUTS][MOST], seed[MOST];
};

static double draw(uint64_t stream, uint64_t i)
{
    float v;
    eg_random_normal(3, stream, i, 1, &v);
    return (double)v;
}

static void fill(const struct scene *s, struct data *to)
{
    to->shape[0] = eg_shape_of(s->b, s->h, s->q, s->d);
    to->shape[1] = eg_shape_of(s->b, s->h, s->n, s->d);
    to->shape[2] = eg_shape_of(s->b, s->h, s->n, s->dv);
    to->shape[3] = eg_shape_of(s->b, 1, s->q, s->n);
    to->shape[4] = eg_shape_of(s->b, 1, 1, s->n);
    for (size_t k = 0; k < 3; k++)
        for (size_t i = 0; i < eg_shape_size(&to->shape[k]); i++) to->x[k][i] = draw(k, i);
    for (size_t i = 0; i < MOST; i++) to->seed[i] = draw(9, i);
    for (size_t i = 0; i < s->b * s->q * s->n; i++) {
        const size_t query = i / s->n % s->q, key = i % s->n;
        to->x[3][i] = query == 0 || (query < 32 && key >= 64) || draw(4, i) > 0.8;
    }
    for (size_t i = 0; i < s->b * s->n; i++) to->x[4][i] = i % s->n > 1 && draw(5, i) > 0;
}

/* y and l in one line, of the operation or of what it stands for. */
static eg_var run(eg_tape *t, const struct scene *s, const eg_var *x, int fused)
{
    const eg_shape lines = eg_shape_of(s->b * s->h * s->q * s->dv);
    const eg_shape logs = eg_shape_of(s->b * s->h * s->q);
    const eg_var hidden = s->hidden ? x[3] : EG_NONE, padding = s->padding ? x[4] : EG_NONE;
    eg_var out[2];
    if (fused) {
        out[0] = eg_associate(t, x[0], x[1], x[2], hidden, padding, &out[1]);
    } else {
        eg_var z = eg_matmul(t, x[0], eg_swap_axes(t, x[1], 2, 3));
        if (s->hidden) z = eg_add(t, z, eg_affine(t, hidden, -1e9, 0));
        if (s->padding) z = eg_add(t, z, eg_affine(t, padding, -1e9, 0));
        out[0] = eg_matmul(t, eg_softmax(t, z, 3), x[2]);
        out[1] = eg_logsumexp(t, z, 3, 0);
    }
    out[0] = eg_reshape(t, out[0], &lines);
    out[1] = eg_reshape(t, out[1], &logs);
    return eg_concat(t, out, 2, 0);
}

struct result {
    double y[MOST], dx[3][MOST];
};

static void to_doubles(eg_tape *t, eg_var v, double *to)
{
    const eg_shape s = eg_tape_shape(t, v);
    const void *from = eg_tape_value(t, v);
    CHECK_OK(eg_tape_status(t));
    for (size_t i = 0; i < eg_shape_size(&s); i++)
        to[i] = eg_tape_dtype(t, v) == EG_F32 ? (double)((const float *)from)[i]
                                              : ((const double *)from)[i];
}

/* Queries that see nothing are left out of the unfused way, which has no word for them. */
static int sees(const struct scene *s, size_t i, size_t per_query)
{
    return !s->hidden || i / per_query % s->q != 0;
}

static void compute(const struct scene *s, const struct data *d, eg_dtype dtype, int fused,
                    int threads, struct result *r)
{
    eg_tape *t;
    eg_var x[INPUTS], in[INPUTS], dx[3];
    CHECK_OK(eg_tape_create(threads, NULL, &t));
    for (size_t k = 0; k < INPUTS; k++) {
        x[k] = eg_leaf(t, EG_F64, &d->shape[k], d->x[k]);
        in[k] = dtype == EG_F64 ? x[k] : eg_cast(t, x[k], EG_F32);
    }
    const eg_var y = run(t, s, in, fused);
    to_doubles(t, y, r->y);
    double seed[MOST];
    const size_t lines = s->b * s->h * s->q * s->dv;
    for (size_t i = 0; i < MOST; i++)
        seed[i] = i < lines ? d->seed[i] * sees(s, i, s->dv) : d->seed[i] * sees(s, i - lines, 1);
    const eg_shape shape = eg_tape_shape(t, y);
    eg_var g = eg_input(t, EG_F64, &shape, seed);
    if (dtype == EG_F32) g = eg_cast(t, g, EG_F32);
    CHECK_OK(eg_tape_gradient(t, y, g, x, 3, 0, dx));
    for (size_t k = 0; k < 3; k++) to_doubles(t, dx[k], r->dx[k]);
    eg_tape_destroy(t);
}

static void it_is_the_softmax_of_products(void **state)
{
    (void)state;
    struct data *d = malloc(sizeof *d);
    struct result *got = malloc(sizeof *got), *want = malloc(sizeof *want);
    for (size_t i = 0; i < 2 * (sizeof scenes / sizeof *scenes); i++) {
        const struct scene *s = &scenes[i / 2];
        const eg_dtype dtype = i % 2 == 0 ? EG_F64 : EG_F32;
        const double tol = dtype == EG_F64 ? 1e-12 : 3e-5;
        fill(s, d);
        compute(s, d, dtype, 1, 1, got);
        compute(s, d, EG_F64, 0, 1, want);
        const size_t lines = s->b * s->h * s->q * s->dv, all = lines + s->b * s->h * s->q;
        for (size_t k = 0; k < all; k++) {
            const int seen = k < lines ? sees(s, k, s->dv) : sees(s, k - lines, 1);
            if (seen)
                CHECK_NEAR(got->y[k], want->y[k], tol * (1 + fabs(want->y[k])));
            else
                CHECK(got->y[k] == (k < lines ? 0 : -INFINITY));
        }
        for (size_t k = 0; k < 3; k++)
            for (size_t j = 0; j < eg_shape_size(&d->shape[k]); j++)
                CHECK_NEAR(got->dx[k][j], want->dx[k][j], 10 * tol * (1 + fabs(want->dx[k][j])));
    }
    free(d);
    free(got);
    free(want);
}

static void threads_change_no_bit(void **state)
{
    (void)state;
    struct data *d = malloc(sizeof *d);
    struct result *one = calloc(1, sizeof *one), *many = calloc(1, sizeof *many);
    fill(&scenes[4], d);
    compute(&scenes[4], d, EG_F32, 1, 1, one);
    compute(&scenes[4], d, EG_F32, 1, 4, many);
    CHECK_SAME_BITS(one, many, sizeof *one);
    free(d);
    free(one);
    free(many);
}

/* Every row of kernels against the reference, where Q, N, D and DV are no whole vectors. */
static void rows_agree_with_the_reference(void **state)
{
    (void)state;
    enum { Q = 45, N = 101, D = 19, DV = 21 };
    static float q[Q * D], k[N * D], v[N * DV], g[Q * (DV + 1)], hidden[Q * N];
    static float out[EGI_ISA_COUNT][Q * (DV + 1)], dq[EGI_ISA_COUNT][Q * D];
    static float dk[EGI_ISA_COUNT][N * D], dv[EGI_ISA_COUNT][N * DV];
    for (size_t i = 0; i < Q * D; i++) q[i] = (float)draw(20, i);
    for (size_t i = 0; i < N * D; i++) k[i] = (float)draw(21, i) / 2;
    for (size_t i = 0; i < N * DV; i++) v[i] = (float)draw(22, i);
    for (size_t i = 0; i < Q * (DV + 1); i++) g[i] = (float)draw(23, i);
    for (size_t i = 0; i < Q * N; i++) hidden[i] = draw(24, i) > 1;
    for (int isa = 0; isa < EGI_ISA_COUNT; isa++) {
        if (!egi_isa_supported((enum egi_isa)isa)) continue;
        struct egi_attend a = { .queries = Q,
                                .keys = N,
                                .d = D,
                                .dv = DV,
                                .ldq = D,
                                .ldk = D,
                                .ldv = DV,
                                .q = q,
                                .k = k,
                                .v = v,
                                .hidden = hidden,
                                .hidden_q = N,
                                .hidden_k = 1,
                                .y = out[isa],
                                .g = g,
                                .dq = dq[isa],
                                .dk = dk[isa],
                                .dvalue = dv[isa] };
        a.scratch = malloc(egi_attend_scratch(&a) * sizeof(float));
        egi_attend_kernels_of((enum egi_isa)isa)->forward(&a);
        egi_attend_kernels_of((enum egi_isa)isa)->back(&a);
        free(a.scratch);
        for (size_t i = 0; i < Q * (DV + 1); i++) CHECK_NEAR(out[isa][i], out[0][i], 2e-5);
        for (size_t i = 0; i < Q * D; i++) CHECK_NEAR(dq[isa][i], dq[0][i], 1e-4);
        for (size_t i = 0; i < N * D; i++) CHECK_NEAR(dk[isa][i], dk[0][i], 1e-4);
        for (size_t i = 0; i < N * DV; i++) CHECK_NEAR(dv[isa][i], dv[0][i], 1e-4);
    }
}

/* Scores of +-1e4 neither overflow nor lose the largest; a NaN stays one. */
static void large_scores_and_nan(void **state)
{
    (void)state;
    const float q[] = { 100, -100 }, k[] = { 100, -100, 99 }, v[] = { 1, 2, 3 };
    float bad[] = { 100, NAN };
    for (int i = 0; i < 2; i++) {
        eg_tape *t;
        eg_var l;
        CHECK_OK(eg_tape_create(1, NULL, &t));
        const eg_var y =
            eg_associate(t, eg_input(t, EG_F32, &eg_shape_of(2, 1), i == 0 ? q : bad),
                         eg_input(t, EG_F32, &eg_shape_of(3, 1), k),
                         eg_input(t, EG_F32, &eg_shape_of(3, 1), v), EG_NONE, EG_NONE, &l);
        const float *got = eg_tape_value(t, y), *log_sum = eg_tape_value(t, l);
        CHECK_OK(eg_tape_status(t));
        CHECK(got[0] == 1 && fabsf(log_sum[0] - 1e4f) < 1e-2f);
        if (i == 0)
            CHECK(got[1] == 2);
        else
            CHECK(isnan(got[1]) && isnan(log_sum[1]));
        eg_tape_destroy(t);
    }
}

static void it_is_not_differentiated_twice(void **state)
{
    (void)state;
    const double x[] = { 0.3, -0.2, 0.9, 0.4, 1, -1 };
    eg_tape *t;
    eg_var dx, ddx;
    CHECK_OK(eg_tape_create(1, NULL, &t));
    const eg_var q = eg_leaf(t, EG_F64, &eg_shape_of(3, 2), x);
    const eg_var y = eg_associate(t, q, q, q, EG_NONE, EG_NONE, NULL);
    CHECK_OK(eg_tape_gradient(t, y, EG_NONE, &q, 1, EG_GRADIENT_KEEP, &dx));
    CHECK_STATUS(eg_tape_gradient(t, dx, EG_NONE, &q, 1, 0, &ddx), EG_ERR_UNSUPPORTED);
    CHECK(strstr(eg_error_detail(), "eg_softmax") != NULL);
    eg_tape_destroy(t);
}

static void shapes_that_do_not_fit_are_told(void **state)
{
    (void)state;
    const double x[64] = { 0 };
    const struct {
        eg_shape q, k, v;
    } bad[] = {
        { { 2, { 3, 2 } }, { 2, { 4, 3 } }, { 2, { 4, 1 } } },
        { { 2, { 3, 2 } }, { 2, { 4, 2 } }, { 2, { 5, 1 } } },
        { { 1, { 3 } }, { 2, { 4, 3 } }, { 2, { 4, 1 } } },
        { { 3, { 2, 3, 2 } }, { 3, { 3, 4, 2 } }, { 2, { 4, 1 } } },
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        eg_tape *t;
        CHECK_OK(eg_tape_create(1, NULL, &t));
        eg_associate(t, eg_input(t, EG_F64, &bad[i].q, x), eg_input(t, EG_F64, &bad[i].k, x),
                     eg_input(t, EG_F64, &bad[i].v, x), EG_NONE, EG_NONE, NULL);
        CHECK_STATUS(eg_tape_status(t), EG_ERR_SHAPE);
        CHECK(strstr(eg_error_detail(), "associate") != NULL);
        eg_tape_destroy(t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_the_softmax_of_products),
        cmocka_unit_test(threads_change_no_bit),
        cmocka_unit_test(rows_agree_with_the_reference),
        cmocka_unit_test(large_scores_and_nan),
        cmocka_unit_test(it_is_not_differentiated_twice),
        cmocka_unit_test(shapes_that_do_not_fit_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
