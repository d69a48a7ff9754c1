/* How parameters begin: the laws of the initialisers. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include "nn/egi_layer.h"

/* Mean and variance of what an initialiser draws, against its law. */
static void initialisers_have_their_variances(void **state)
{
    (void)state;
    const size_t out = 60, in = 40;
    const struct {
        const char *word;
        double variance, most; /* most: the largest magnitude, 0: any */
    } laws[] = {
        { "zeros", 0, 0 },
        { "constant:0.5", 0, 0.5 },
        { "normal:0.2", 0.04, 0 },
        { "uniform:0.3", 0.03, 0.3 },
        { "xavier_uniform", 2.0 / 100, sqrt(6.0 / 100) },
        { "glorot_normal", 2.0 / 100, 0 },
        { "he_uniform", 2.0 / 40, sqrt(6.0 / 40) },
        { "kaiming_normal", 2.0 / 40, 0 },
        { "lecun_uniform", 1.0 / 40, sqrt(3.0 / 40) },
        { "he_signed", 2.0 / 40, sqrt(2.0 / 40) + 1e-9 },
        { "lecun_normal:2", 4.0 / 40, 0 },
    };
    for (size_t i = 0; i < sizeof laws / sizeof *laws; i++) {
        eg_params *p;
        size_t at;
        struct egi_initialiser init;
        json_t *word = json_string(laws[i].word);
        CHECK_OK(egi_initialiser_read(word, "x", "y", &init));
        CHECK_OK(eg_params_create(NULL, &p));
        CHECK_OK(eg_params_add(p, "w", EG_F32, &eg_shape_of(out, in), &at));
        CHECK_OK(egi_initialise(&init, eg_params_at(p, 0), 3, eg_allocator_default()));
        const float *w = eg_params_at(p, 0)->value;
        double sum = 0, square = 0, most = 0;
        for (size_t k = 0; k < out * in; k++) {
            sum += (double)w[k];
            square += (double)w[k] * (double)w[k];
            most = fmax(most, fabs((double)w[k]));
        }
        const double n = (double)(out * in), mean = sum / n, variance = square / n - mean * mean;
        CHECK_NEAR(variance, laws[i].variance, 0.1 * laws[i].variance + 1e-9);
        if (laws[i].variance > 0) CHECK_NEAR(mean, 0, 5 * sqrt(laws[i].variance / n));
        if (laws[i].most > 0) CHECK(most <= laws[i].most && most > 0.98 * laws[i].most);
        eg_params_destroy(p);
        json_decref(word);
    }
}

static void orthogonal_rows_or_columns_are_orthonormal(void **state)
{
    (void)state;
    const size_t shapes[][2] = { { 4, 7 }, { 7, 4 }, { 5, 5 } };
    for (size_t i = 0; i < 3; i++) {
        const size_t m = shapes[i][0], n = shapes[i][1];
        struct egi_initialiser init;
        eg_params *p;
        json_t *word = json_string("orthogonal:2");
        CHECK_OK(egi_initialiser_read(word, "x", "y", &init));
        CHECK_OK(eg_params_create(NULL, &p));
        CHECK_OK(eg_params_add(p, "w", EG_F64, &eg_shape_of(m, n), NULL));
        CHECK_OK(egi_initialise(&init, eg_params_at(p, 0), 3, eg_allocator_default()));
        const double *w = eg_params_at(p, 0)->value;
        const size_t vectors = m < n ? m : n, length = m < n ? n : m;
        for (size_t a = 0; a < vectors; a++)
            for (size_t b = 0; b < vectors; b++) {
                double dot = 0;
                for (size_t k = 0; k < length; k++)
                    dot += m < n ? w[a * n + k] * w[b * n + k] : w[k * n + a] * w[k * n + b];
                CHECK_NEAR(dot, a == b ? 4 : 0, 1e-12);
            }
        eg_params_destroy(p);
        json_decref(word);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(initialisers_have_their_variances),
        cmocka_unit_test(orthogonal_rows_or_columns_are_orthonormal),
    };
    return cmocka_run_group_tests_name("initialiser", tests, NULL, NULL);
}
