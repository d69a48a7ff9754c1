/* Scattering against kymatio's numbers, closed forms, and its two ways against each other. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include <zip.h>

#include "nn/egi_scattering.h"

/* What comes out is copied; recorded: by operations, else fused. Returns how many numbers. */
static size_t scatter(const void *x, eg_dtype dtype, const eg_shape *shape,
                      const eg_scattering_options *o, int recorded, void *out)
{
    eg_tape *t;
    CHECK_OK(eg_tape_create(1, NULL, &t));
    const eg_var in = recorded ? eg_leaf(t, dtype, shape, x) : eg_input(t, dtype, shape, x);
    const eg_var y = eg_scattering(t, in, o);
    CHECK_OK(eg_tape_status(t));
    const eg_shape s = eg_tape_shape(t, y);
    const size_t n = eg_shape_size(&s);
    memcpy(out, eg_tape_value(t, y), n * eg_dtype_size(dtype));
    eg_tape_destroy(t);
    return n;
}

static double apart(const float *a, const float *b, size_t n)
{
    double worst = 0;
    for (size_t i = 0; i < n; i++) {
        const double d = fabs((double)a[i] - (double)b[i]);
        if (!(d <= worst)) worst = d;
    }
    return worst;
}

static eg_scattering_options options(size_t scales, size_t angles, size_t order)
{
    return (eg_scattering_options){ sizeof(eg_scattering_options), scales, angles, order, 0 };
}

/* Array `name` of an archive: f32, in C's order. */
static void read_npz(const char *path, const char *name, float *out, size_t n)
{
    unsigned char head[10], skipped[65536];
    zip_t *z = zip_open(path, ZIP_RDONLY, NULL);
    CHECK(z != NULL);
    zip_file_t *f = zip_fopen(z, name, 0);
    CHECK(f != NULL && zip_fread(f, head, 10) == 10);
    const zip_int64_t rest = head[8] + 256 * head[9];
    CHECK(zip_fread(f, skipped, (zip_uint64_t)rest) == rest);
    CHECK(zip_fread(f, out, n * sizeof *out) == (zip_int64_t)(n * sizeof *out));
    zip_fclose(f);
    zip_discard(z);
}

/* The package's own test data: J = 4, by 3.1415. */
static void numbers_are_kymatios(void **state)
{
    (void)state;
    enum { IN = 2 * 3 * 32 * 32, OUT = 2 * 3 * 417 * 2 * 2 };
    static float x[IN], want[OUT], out[OUT];
    const char *golden = getenv("ENGRAM_GOLDEN");
    char path[1024];
    if (golden == NULL) skip();
    snprintf(path, sizeof path, "%s/scattering/kymatio_2d.npz", golden);
    read_npz(path, "x.npy", x, IN);
    read_npz(path, "Sx.npy", want, OUT);
    eg_scattering_options o = options(4, 8, 2);
    o.rounded_pi = 1;
    for (int recorded = 0; recorded < 2; recorded++) {
        assert_int_equal(scatter(x, EG_F32, &eg_shape_of(2, 3, 32, 32), &o, recorded, out), OUT);
        CHECK_NEAR(apart(out, want, OUT), 0, 1e-5);
    }
    o.rounded_pi = 0; /* exact: S0 is less by 3.1415 / pi, which shows */
    scatter(x, EG_F32, &eg_shape_of(2, 3, 32, 32), &o, 0, out);
    CHECK_NEAR((double)out[0] / (double)want[0], 3.1415 / acos(-1), 1e-6);
}

/* Every row of kernels, odd sides and angles, planes that fill no vector: against the composed way
 * in f64. */
static void fused_is_composed(void **state)
{
    (void)state;
    static const struct {
        size_t shape[4], scales, angles, order;
    } cases[] = {
        { { 2, 3, 32, 32 }, 2, 8, 2 }, { { 1, 1, 28, 28 }, 3, 8, 2 }, { { 5, 1, 9, 22 }, 3, 3, 2 },
        { { 1, 2, 60, 13 }, 1, 5, 2 }, { { 3, 7, 8, 8 }, 2, 1, 1 },   { { 1, 1, 16, 16 }, 4, 2, 2 },
        { { 1, 1, 5, 7 }, 2, 2, 0 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const eg_scattering_options o = options(cases[i].scales, cases[i].angles, cases[i].order);
        eg_shape shape = { .rank = 4 };
        memcpy(shape.dim, cases[i].shape, sizeof cases[i].shape);
        const size_t n = eg_shape_size(&shape), planes = shape.dim[0] * shape.dim[1];
        const size_t out = planes * eg_scattering_channels(&o) * (shape.dim[2] >> o.scales)
                           * (shape.dim[3] >> o.scales);
        float *x = malloc(n * sizeof *x), *fused = malloc(out * sizeof *fused);
        double *wide = malloc(n * sizeof *wide), *want = malloc(out * sizeof *want), most = 0;
        float *rounded = malloc(out * sizeof *rounded);
        eg_random_uniform(3, i, 0, n, x);
        for (size_t k = 0; k < n; k++) wide[k] = (double)x[k];
        assert_int_equal(scatter(wide, EG_F64, &shape, &o, 1, want), out);
        for (size_t k = 0; k < out; k++) most = fmax(most, fabs(want[k]));
        for (size_t k = 0; k < out; k++) rounded[k] = (float)want[k];
        assert_int_equal(scatter(x, EG_F32, &shape, &o, 0, fused), out);
        CHECK_NEAR(apart(fused, rounded, out), 0, 2e-6 * most);
        const struct egi_scattering_key key = {
            { shape.dim[2], shape.dim[3] }, o.scales, o.angles, o.order, 0
        };
        struct egi_scattering_bank b;
        CHECK_OK(egi_scattering_bank_make(&key, &b));
        for (int isa = 0; isa < EGI_ISA_COUNT; isa++) {
            if (!egi_isa_supported((enum egi_isa)isa)) continue;
            const struct egi_scatter_kernels *k = egi_scatter_kernels_of((enum egi_isa)isa);
            const size_t each = shape.dim[2] * shape.dim[3], gives = out / planes;
            float *room =
                aligned_alloc(64, (egi_scatter_room(&b.k, k->lanes) * sizeof *room + 63) / 64 * 64);
            for (size_t p = 0; p < planes; p += k->lanes)
                k->run(&b.k, x + p * each, planes - p < k->lanes ? planes - p : k->lanes,
                       fused + p * gives, room);
            CHECK_NEAR(apart(fused, rounded, out), 0, 2e-6 * most);
            free(room);
        }
        egi_scattering_bank_clear(&b);
        free(x), free(fused), free(wide), free(want), free(rounded);
    }
}

/* Of a constant only the mean is left; S(a x) = |a| S(x) from the first order on; of the transposed
 * picture angles i and 2 - i change places. */
static void closed_forms(void **state)
{
    (void)state;
    enum { SIDE = 24, K = 81, OUT = K * 36 };
    static float x[SIDE * SIDE], turned[SIDE * SIDE], a[OUT], b[OUT];
    const eg_shape shape = eg_shape_of(1, 1, SIDE, SIDE);
    for (size_t i = 0; i < SIDE * SIDE; i++) x[i] = 0.75F;
    eg_scattering_options o = options(2, 8, 2);
    for (int rounded = 0; rounded < 2; rounded++) {
        o.rounded_pi = rounded;
        scatter(x, EG_F32, &shape, &o, 0, a);
        for (size_t i = 0; i < OUT; i++)
            CHECK_NEAR(a[i], i < 36 ? 0.75 * (rounded ? acos(-1) / 3.1415 : 1) : 0, 1e-6);
    }
    o.rounded_pi = 0;
    eg_random_normal(4, 0, 0, SIDE * SIDE, x);
    scatter(x, EG_F32, &shape, &o, 0, a);
    for (size_t i = 0; i < SIDE * SIDE; i++) turned[i] = -3 * x[i % SIDE * SIDE + i / SIDE];
    scatter(turned, EG_F32, &shape, &o, 0, b);
    for (size_t k = 0; k < 8; k++)
        for (size_t i = 0; i < 36; i++)
            CHECK_NEAR(b[(1 + k) * 36 + i], 3 * a[(1 + (10 - k) % 8) * 36 + i % 6 * 6 + i / 6],
                       1e-5);
}

/* Sum of squares over filters, and their tops: those of kymatio 0.4's own filters. */
static void filters_cover_frequencies(void **state)
{
    (void)state;
    static const struct {
        size_t scales;
        double most, top[3];
    } golden[] = { { 3, 1.01855, { .97270, .97139, .95946 } },
                   { 2, 1.00006, { .97255, .97145, 0 } } };
    for (size_t g = 0; g < 2; g++) {
        const struct egi_scattering_key key = { { 32, 32 }, golden[g].scales, 8, 2, 1 };
        struct egi_scattering_bank b;
        CHECK_OK(egi_scattering_bank_make(&key, &b));
        const size_t n = b.k.n[0];
        double least = 9, most = 0, top[3] = { 0 };
        for (size_t i = 0; i < n * n; i++) {
            const size_t mirror = (n - i / n) % n * n + (n - i % n) % n;
            const double s = 0.8 * ldexp(1, (int)key.scales - 1), turn = 2 * acos(-1) / (double)n;
            double phi = acos(-1) / 3.1415;
            for (size_t k = 0; k < 2; k++) {
                const double w = turn * (double)(k ? i / n : i % n), far = w - 2 * acos(-1);
                phi *= exp(-s * s * w * w / 2) + exp(-s * s * far * far / 2);
            }
            double sum = phi * phi;
            for (size_t j = 0; j < key.scales; j++)
                for (size_t a = 0; a < 8; a++) {
                    const double *psi = b.value + b.psi_at[j][0] + a * n * n;
                    const double v = psi[i] * (double)(n * n), u = psi[mirror] * (double)(n * n);
                    sum += (v * v + u * u) / 2;
                    top[j] = fmax(top[j], v);
                }
            least = fmin(least, sum);
            most = fmax(most, sum);
        }
        CHECK_NEAR(least, .122988, 1e-5);
        CHECK_NEAR(most, golden[g].most, 1e-5);
        for (size_t j = 0; j < key.scales; j++) CHECK_NEAR(top[j], golden[g].top[j], 1e-5);
        egi_scattering_bank_clear(&b);
    }
}

/* Slopes exist where a modulus is 0: a black picture. */
static void black_has_a_gradient(void **state)
{
    (void)state;
    const float x[64] = { 0 };
    eg_tape *t;
    eg_var dx;
    CHECK_OK(eg_tape_create(1, NULL, &t));
    const eg_var in = eg_leaf(t, EG_F32, &eg_shape_of(1, 1, 8, 8), x);
    const eg_var y = eg_scattering(t, in, NULL);
    CHECK_OK(eg_tape_gradient(t, y, EG_NONE, &in, 1, 0, &dx));
    const float *g = eg_tape_value(t, dx);
    for (size_t i = 0; i < 64; i++) assert_true(isfinite(g[i]));
    eg_tape_destroy(t);
}

static void misuse_is_refused(void **state)
{
    (void)state;
    static const struct {
        size_t h, w, scales, angles, order;
        eg_status want;
    } cases[] = { { 8, 8, 0, 8, 2, EG_ERR_INVALID }, { 8, 8, 13, 8, 2, EG_ERR_INVALID },
                  { 8, 8, 2, 0, 2, EG_ERR_INVALID }, { 8, 8, 2, 65, 2, EG_ERR_INVALID },
                  { 8, 8, 2, 8, 3, EG_ERR_INVALID }, { 3, 8, 2, 8, 2, EG_ERR_SHAPE },
                  { 8, 1, 1, 8, 2, EG_ERR_SHAPE } };
    static const float x[64];
    eg_tape *t;
    CHECK_OK(eg_tape_create(1, NULL, &t));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const eg_scattering_options o = options(cases[i].scales, cases[i].angles, cases[i].order);
        eg_tape_reset(t);
        eg_scattering(t, eg_input(t, EG_F32, &eg_shape_of(1, 1, cases[i].h, cases[i].w), x), &o);
        CHECK_STATUS(eg_tape_status(t), cases[i].want);
    }
    eg_tape_destroy(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_kymatios), cmocka_unit_test(fused_is_composed),
        cmocka_unit_test(closed_forms),         cmocka_unit_test(filters_cover_frequencies),
        cmocka_unit_test(black_has_a_gradient), cmocka_unit_test(misuse_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
