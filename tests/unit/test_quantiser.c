/* Quantisers: what a code is and means, against closed forms and by brute force. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "head_check.h"
#include "hybrid/egi_quantiser.h"

static struct head_examples examples;

static const char *const specs[] = {
    "{\"kind\": \"sign\"}",
    "{\"kind\": \"sign\", \"about\": \"zero\"}",
    "{\"kind\": \"ternary\"}",
    "{\"kind\": \"coarse\", \"bits\": 2}",
    "{\"kind\": \"coarse\", \"bits\": 8}",
    "{\"kind\": \"quantile\", \"bits\": 3}",
    "{\"kind\": \"pq\", \"parts\": 7, \"anchors\": 16}",
    "{\"kind\": \"anchors\", \"parts\": 7, \"anchors\": 16}",
    "{\"kind\": \"projection\", \"parts\": 300}",
};
enum { SPECS = sizeof specs / sizeof *specs };

static eg_quantiser *made(const char *spec)
{
    eg_quantiser *q = NULL;
    CHECK_OK(eg_quantiser_create(spec, HEAD_D, 3, NULL, &q));
    return q;
}

static double error_of(const eg_quantiser *q)
{
    double e = -1;
    CHECK_OK(eg_quantiser_error(q, examples.x, HEAD_N, &e));
    return e;
}

/* A vector that a code stands for has that code, but for directions, which have no own vector. */
static void every_kind(void **state)
{
    (void)state;
    for (size_t s = 0; s < SPECS; s++) {
        eg_quantiser *q = made(specs[s]), *again = made(specs[s]);
        const size_t parts = eg_quantiser_parts(q);
        uint16_t code[300], back[300];
        float x[HEAD_D];
        CHECK_OK(eg_quantiser_fit(q, examples.x, HEAD_N));
        CHECK_OK(eg_quantiser_fit(again, examples.x, HEAD_N));
        CHECK_SAME_BITS(q->table, again->table, q->size * sizeof *q->table);
        for (size_t i = 0; i < HEAD_N; i++) {
            CHECK_OK(eg_quantiser_encode(q, examples.x + i * HEAD_D, 1, code));
            for (size_t p = 0; p < parts; p++) CHECK(code[p] < eg_quantiser_symbols(q));
            CHECK_OK(eg_quantiser_decode(q, code, 1, x));
            if (strstr(specs[s], "projection") != NULL) continue;
            CHECK_OK(eg_quantiser_encode(q, x, 1, back));
            CHECK_SAME_BITS(code, back, parts * sizeof *code);
        }
        CHECK_NEAR(eg_quantiser_bits(q),
                   (double)parts * log2((double)eg_quantiser_symbols(q)) / HEAD_D, 1e-12);
        CHECK(error_of(q) > 0 && error_of(q) < 1);
        eg_quantiser_destroy(q), eg_quantiser_destroy(again);
    }
}

/* More bits, less error; k-means lowers what random anchors leave; values are means of cells. */
static void errors_fall(void **state)
{
    (void)state;
    double last = 1;
    for (int bits = 1; bits <= 8; bits++) {
        char spec[64];
        snprintf(spec, sizeof spec, "{\"kind\": \"coarse\", \"bits\": %d}", bits);
        eg_quantiser *q = made(spec);
        CHECK_OK(eg_quantiser_fit(q, examples.x, HEAD_N));
        CHECK(error_of(q) < last);
        last = error_of(q);
        eg_quantiser_destroy(q);
    }
    CHECK(last < 1e-3);
    eg_quantiser *pq = made(specs[6]), *anchors = made(specs[7]);
    CHECK_OK(eg_quantiser_fit(pq, examples.x, HEAD_N));
    CHECK_OK(eg_quantiser_fit(anchors, examples.x, HEAD_N));
    CHECK(error_of(pq) < 0.8 * error_of(anchors));
    eg_quantiser_destroy(pq), eg_quantiser_destroy(anchors);
}

/* Cells of one weight: N / L examples each, of distinct numbers. */
static void quantiles_are_even(void **state)
{
    (void)state;
    enum { N = 64, L = 4 };
    eg_quantiser *q = NULL;
    float x[N];
    uint16_t code[N];
    size_t count[L] = { 0 };
    double mean[L] = { 0 };
    for (size_t i = 0; i < N; i++) x[i] = (float)((i * 37) % N) * 1.5F;
    CHECK_OK(eg_quantiser_create("{\"kind\": \"quantile\", \"bits\": 2}", 1, 0, NULL, &q));
    CHECK_OK(eg_quantiser_fit(q, x, N));
    CHECK_OK(eg_quantiser_encode(q, x, N, code));
    for (size_t i = 0; i < N; i++) count[code[i]]++, mean[code[i]] += (double)x[i] / (N / L);
    for (uint16_t v = 0; v < L; v++) {
        float value;
        CHECK(count[v] == N / L);
        CHECK_OK(eg_quantiser_decode(q, &v, 1, &value));
        CHECK_NEAR(value, mean[v], 1e-4);
    }
    eg_quantiser_destroy(q);
}

/* Charikar: signs differ with probability angle / pi; the mean direction comes back. */
static void projections_keep_angles(void **state)
{
    (void)state;
    enum { P = 20000 };
    eg_quantiser *q = NULL;
    float x[2 * 3] = { 1, 0, 0, 0.5F, 0.8660254F, 0 }, back[3];
    uint16_t *code = calloc(2 * P, sizeof *code);
    size_t differ = 0;
    CHECK_OK(eg_quantiser_create("{\"kind\": \"projection\", \"parts\": 20000}", 3, 5, NULL, &q));
    CHECK(eg_quantiser_bytes(q) == 0);
    CHECK_OK(eg_quantiser_encode(q, x, 2, code));
    for (size_t p = 0; p < P; p++) differ += code[p] != code[P + p];
    CHECK_NEAR((double)differ / P, 1.0 / 3, 4 * sqrt(2.0 / 9 / P));
    CHECK_OK(eg_quantiser_decode(q, code + P, 1, back));
    for (size_t j = 0; j < 3; j++) CHECK_NEAR(back[j], x[3 + j], 5 * 1.2533 / sqrt((double)P));
    free(code);
    eg_quantiser_destroy(q);
}

/* The nearest anchor of each part, by brute force over what decoding gives. */
static void anchors_are_nearest(void **state)
{
    (void)state;
    eg_quantiser *q = made(specs[7]);
    uint16_t code[7], other[7];
    float at[HEAD_D], there[HEAD_D];
    CHECK_OK(eg_quantiser_fit(q, examples.x, HEAD_N));
    for (size_t i = 0; i < 5; i++) {
        const float *x = examples.x + i * HEAD_D;
        CHECK_OK(eg_quantiser_encode(q, x, 1, code));
        CHECK_OK(eg_quantiser_decode(q, code, 1, at));
        for (size_t p = 0; p < 7; p++)
            for (uint16_t k = 0; k < 16; k++) {
                memcpy(other, code, sizeof code);
                other[p] = k;
                CHECK_OK(eg_quantiser_decode(q, other, 1, there));
                CHECK(egi_vectors_apart(x, at, HEAD_D)
                      <= egi_vectors_apart(x, there, HEAD_D) * (1 + 1e-5F));
            }
    }
    eg_quantiser_destroy(q);
}

/* egi_vectors_nth beside sorting, with many equals; finite and not, at every length. */
static void vectors_at_every_length(void **state)
{
    (void)state;
    for (size_t n = 1; n < 70; n++) {
        float x[70], sorted[70], y[70];
        for (size_t i = 0; i < n; i++) x[i] = (float)eg_random_below(n, 1, i, n < 30 ? 5 : 1000);
        memcpy(sorted, x, sizeof x);
        egi_vectors_sort(sorted, n);
        for (size_t k = 0; k < n; k++) {
            memcpy(y, x, sizeof x);
            CHECK(egi_vectors_nth(y, n, k) >= sorted[k]);
            memcpy(y, x, sizeof x);
            CHECK(egi_vectors_nth(y, n, k) <= sorted[k]);
            CHECK_OK(egi_vectors_check("x", x, 1, n));
            y[k] = k % 2 ? NAN : -INFINITY;
            CHECK_STATUS(egi_vectors_check("x", y, 1, n), EG_ERR_INVALID);
        }
        double dot = 0, apart = 0;
        for (size_t i = 0; i < n; i++) {
            dot += (double)x[i] * (double)sorted[i];
            apart += ((double)x[i] - (double)sorted[i]) * ((double)x[i] - (double)sorted[i]);
        }
        CHECK_NEAR(egi_vectors_dot(x, sorted, n), dot, 1e-5 * dot);
        CHECK_NEAR(egi_vectors_apart(x, sorted, n), apart, 1e-5 * apart);
    }
}

static void table_is_whole(void **state)
{
    (void)state;
    size_t kinds = 0;
    for (; eg_quantiser_kind_at(kinds) != NULL; kinds++) {
        const eg_quantiser_kind *k = eg_quantiser_kind_at(kinds);
        CHECK(k->name[0] != '\0' && k->summary[0] != '\0');
        CHECK(eg_quantiser_setting_at(k->name, 0) != NULL);
        for (size_t i = 0; i < kinds; i++)
            CHECK(strcmp(eg_quantiser_kind_at(i)->name, k->name) != 0);
    }
    CHECK(kinds == 7 && eg_quantiser_setting_at("no", 0) == NULL);
}

static void bad_arguments(void **state)
{
    (void)state;
    eg_quantiser *q = NULL;
    uint16_t code[HEAD_D] = { 2 };
    float x[HEAD_D] = { 0 };
    double e;
    CHECK_STATUS(eg_quantiser_create("{\"kind\": \"no\"}", 4, 0, NULL, &q), EG_ERR_INVALID);
    CHECK_STATUS(eg_quantiser_create("{}", 4, 0, NULL, &q), EG_ERR_INVALID);
    CHECK_STATUS(eg_quantiser_create("{\"kind\": \"sign\"}", 0, 0, NULL, &q), EG_ERR_INVALID);
    CHECK_STATUS(eg_quantiser_create("{\"kind\": \"sign\", \"bits\": 2}", 4, 0, NULL, &q),
                 EG_ERR_INVALID);
    CHECK_STATUS(eg_quantiser_create("{\"kind\": \"pq\", \"parts\": 5}", 4, 0, NULL, &q),
                 EG_ERR_SHAPE);
    CHECK(q == NULL);
    q = made(specs[0]);
    CHECK_STATUS(eg_quantiser_decode(q, code, 1, x), EG_ERR_INVALID);
    CHECK_STATUS(eg_quantiser_fit(q, x, 0), EG_ERR_INVALID);
    x[3] = NAN;
    CHECK_STATUS(eg_quantiser_fit(q, x, 1), EG_ERR_INVALID);
    CHECK(strstr(eg_error_detail(), "component 3") != NULL);
    CHECK_STATUS(eg_quantiser_encode(q, x, 1, code), EG_ERR_INVALID);
    CHECK_STATUS(eg_quantiser_error(q, x, 1, &e), EG_ERR_INVALID);
    eg_quantiser_destroy(q);
    eg_quantiser_destroy(NULL);
}

static void without_memory(void **state)
{
    (void)state;
    for (size_t s = 0; s < SPECS; s++) {
        eg_status status = EG_ERR_NOMEM;
        for (size_t k = 0; status != EG_OK; k++) {
            struct failing f = { k, 0, 0, 0, 0, 0 };
            const eg_allocator a = failing_allocator(&f);
            eg_quantiser *q = NULL;
            double e;
            status = eg_quantiser_create(specs[s], HEAD_D, 3, &a, &q);
            if (status == EG_OK) status = eg_quantiser_fit(q, examples.x, HEAD_N);
            if (status == EG_OK) status = eg_quantiser_error(q, examples.x, HEAD_N, &e);
            CHECK(status == EG_OK || status == EG_ERR_NOMEM);
            eg_quantiser_destroy(q);
            CHECK(f.live == 0 && f.live_bytes == 0);
        }
    }
}

int main(void)
{
    head_examples(11, 0.5F, &examples);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind),          cmocka_unit_test(errors_fall),
        cmocka_unit_test(quantiles_are_even),  cmocka_unit_test(projections_keep_angles),
        cmocka_unit_test(anchors_are_nearest), cmocka_unit_test(vectors_at_every_length),
        cmocka_unit_test(table_is_whole),      cmocka_unit_test(bad_arguments),
        cmocka_unit_test(without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
