/* Heads by a second way of computing: means, all examples by hand; what unknown means; who voted;
 * what is refused. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "head_direct.h"

static struct head_examples taught, more, asked;

enum { D = HEAD_D, K = HEAD_K, N = HEAD_N };

static eg_head *taught_head(const char *spec)
{
    return head_taught(spec, &taught);
}

static void mean_is_the_mean(void **state)
{
    (void)state;
    double mean[K * D], all[D], u[D];
    float scores[N * K];
    eg_head_answer answer[N];
    eg_head *h = taught_head("{\"kind\": \"mean\"}");
    direct_means(&taught, mean, all);
    CHECK_OK(eg_head_predict(h, asked.x, N, answer, scores));
    for (size_t i = 0; i < N; i++) {
        unit(asked.x + i * D, D, u);
        for (size_t c = 0; c < K; c++) {
            double dot = 0, length = 0;
            for (size_t j = 0; j < D; j++) {
                const double p = mean[c * D + j] - all[j];
                dot += (u[j] - all[j]) * p;
                length += p * p;
            }
            CHECK_NEAR(scores[i * K + c], dot / sqrt(length), 1e-4);
        }
    }
    eg_head_destroy(h);
}

/* What is left to chance is right in the mean, and more bits are nearer. */
static void prototypes_are_means(void **state)
{
    (void)state;
    double mean[K * D], all[D], last = 100;
    direct_means(&taught, mean, all);
    for (size_t bits = 1; bits <= 8; bits += bits == 1 ? 2 : 5) {
        char spec[80];
        double error = 0, bias[D] = { 0 };
        snprintf(spec, sizeof spec, "{\"kind\": \"prototype\", \"reach\": 6, \"bits\": %zu}", bits);
        for (uint64_t seed = 0; seed < 40; seed++) {
            eg_head *h = NULL;
            eg_head_answer answer;
            CHECK_OK(eg_head_create(spec, D, seed, NULL, &h));
            CHECK_OK(eg_head_teach(h, taught.x, taught.y, N));
            const float step = 6 / sqrtf(D) / (float)((1 << bits) - 1);
            const uint8_t *row = h->at[EGI_OWN_FIELDS];
            for (size_t j = 0; j < D; j++) {
                const size_t at = j * bits;
                const unsigned next = (j + 1) * bits > at / 8 * 8 + 8 ? row[at / 8 + 1] : 0;
                const unsigned two = row[at / 8] | next << 8;
                const unsigned level = two >> at % 8 & ((1U << bits) - 1);
                const double by = (double)(step * (float)level) - mean[j];
                error += by * by / 40;
                bias[j] += by / 40;
            }
            CHECK_OK(eg_head_predict(h, asked.x, 1, &answer, NULL));
            eg_head_destroy(h);
        }
        double off = 0;
        for (size_t j = 0; j < D; j++) off += bias[j] * bias[j];
        CHECK(off < 5 * error / 40); /* 1 / 40 of it in the mean */
        CHECK(error < last);
        last = error;
    }
    CHECK(last < 40 * 3 * pow(6 / sqrt(D) / 255, 2)); /* a few steps */
}

static void all_examples_by_hand(void **state)
{
    (void)state;
    float cache[K], knn[K];
    eg_head_answer answer;
    eg_head *a = taught_head("{\"kind\": \"cache\", \"beta\": 9}");
    eg_head *b = taught_head("{\"kind\": \"knn\", \"k\": 7}");
    for (size_t q = 0; q < N; q++) {
        double u[D], w[D], sum[K] = { 0 }, likeness[N], vote[K] = { 0 };
        unit(asked.x + q * D, D, u);
        for (size_t i = 0; i < N; i++) {
            likeness[i] = 0;
            unit(taught.x + i * D, D, w);
            for (size_t j = 0; j < D; j++) likeness[i] += u[j] * w[j];
            sum[taught.y[i]] += exp(9 * (likeness[i] - 1)) / HEAD_EACH;
        }
        for (size_t taken = 0; taken < 7; taken++) {
            size_t best = 0;
            for (size_t i = 1; i < N; i++)
                if (likeness[i] > likeness[best]) best = i;
            vote[taught.y[best]] += (1 + likeness[best]) / 2;
            likeness[best] = -9;
        }
        CHECK_OK(eg_head_predict(a, asked.x + q * D, 1, &answer, cache));
        CHECK_OK(eg_head_predict(b, asked.x + q * D, 1, &answer, knn));
        for (size_t c = 0; c < K; c++) {
            CHECK_NEAR(cache[c], log(sum[c]), 1e-2);
            CHECK_NEAR(knn[c], vote[c], 1e-3);
        }
    }
    eg_head_destroy(a), eg_head_destroy(b);
}

/* Binary: the OR of codes, and more often than in general, by counting. */
static void connections_by_counting(void **state)
{
    (void)state;
    enum { P = 20, L = 8 };
    static const char *const specs[] = {
        "{\"kind\": \"binary\", \"read\": \"or\", \"quantiser\": {\"kind\": \"pq\", \"parts\": 20, "
        "\"anchors\": 8}}",
        "{\"kind\": \"binary\", \"beta\": 1.5, \"quantiser\": {\"kind\": \"pq\", \"parts\": 20, "
        "\"anchors\": 8}}",
    };
    for (int s = 0; s < 2; s++) {
        eg_head *h = taught_head(specs[s]);
        size_t count[K][P][L] = { { { 0 } } };
        uint16_t code[P];
        float scores[K];
        eg_head_answer answer;
        for (size_t i = 0; i < N; i++) {
            egi_head_front(h, taught.x + i * D);
            CHECK_OK(eg_quantiser_encode(h->quantiser, h->u, 1, code));
            for (size_t p = 0; p < P; p++) count[taught.y[i]][p][code[p]]++;
        }
        for (size_t q = 0; q < N; q++) {
            CHECK_OK(eg_head_predict(h, asked.x + q * D, 1, &answer, scores));
            CHECK_OK(eg_quantiser_encode(h->quantiser, h->u, 1, code));
            for (size_t c = 0; c < K; c++) {
                size_t votes = 0;
                for (size_t p = 0; p < P; p++) {
                    size_t all = 0;
                    for (size_t o = 0; o < K; o++) all += count[o][p][code[p]];
                    const double share = (double)count[c][p][code[p]] / HEAD_EACH;
                    votes += s == 0 ? share > 0 : share > 1.5 * (double)all / N;
                }
                CHECK_NEAR(scores[c], (double)votes / P, 1e-5);
            }
        }
        eg_head_destroy(h);
    }
}

/* Of exchangeable examples no more than the share are unknown; of strangers more are. */
static void unknown_is_calibrated(void **state)
{
    (void)state;
    enum { ROUNDS = 40 };
    static struct head_examples held, fresh;
    size_t refused = 0, strangers = 0;
    for (uint64_t round = 0; round < ROUNDS; round++) {
        eg_head *h = taught_head("{\"kind\": \"lda\"}");
        eg_head_answer answer[N];
        float noise[N * D];
        head_examples(100 + 2 * round, 0.4F, &held);
        head_examples(101 + 2 * round, 0.4F, &fresh);
        CHECK_OK(eg_head_calibrate(h, held.x, held.y, N, 1, 0.1));
        CHECK_OK(eg_head_predict(h, fresh.x, N, answer, NULL));
        for (size_t i = 0; i < N; i++) refused += !answer[i].known;
        eg_random_normal(round, 9, 0, N * D, noise);
        CHECK_OK(eg_head_predict(h, noise, N, answer, NULL));
        for (size_t i = 0; i < N; i++) strangers += !answer[i].known;
        eg_head_destroy(h);
    }
    const double share = (double)refused / (ROUNDS * N);
    CHECK(share < 0.1 + 3 * sqrt(0.1 * 0.9 / ROUNDS / N * 3) && share > 0.075);
    CHECK((double)strangers / (ROUNDS * N) > 0.8);
}

/* Scores left out are those of a head really taught without one example of each class. */
static void leaves_out(void **state)
{
    (void)state;
    static const char *const specs[] = { "{\"kind\": \"mean\"}", "{\"kind\": \"lda\"}",
                                         "{\"kind\": \"knn\", \"k\": 3}", "{\"kind\": \"cache\"}" };
    for (size_t k = 0; k < sizeof specs / sizeof *specs; k++) {
        eg_head *h = taught_head(specs[k]), *same = taught_head(specs[k]);
        eg_head_answer answer;
        float own[N];
        for (size_t i = 0; i < N; i += K) { /* classes come in turn */
            eg_head *without = head_new(specs[k], &taught);
            CHECK_OK(eg_head_teach(without, taught.x, taught.y, i));
            CHECK_OK(eg_head_teach(without, taught.x + (i + K) * D, taught.y + i + K, N - i - K));
            for (size_t c = 0; c < K; c++) {
                CHECK_OK(eg_head_predict(without, taught.x + (i + c) * D, 1, &answer, NULL));
                own[i + c] = answer.score;
            }
            eg_head_destroy(without);
        }
        egi_vectors_sort(own, N);
        CHECK_OK(eg_head_calibrate(h, taught.x, taught.y, N, 0, 0.05));
        for (size_t i = 0; i < N; i++) /* of 64 that are kept */
            CHECK_NEAR(egi_head_calibration(h)->score[i], own[i], 1e-4);
        CHECK(egi_head_calibration(h)->temperature > 0);
        memset(egi_head_calibration(h), 0, sizeof(struct egi_calibration));
        head_check_same(h, same);
        if (h->row->items) {
            CHECK_SAME_BITS(h->at[EGI_ITEM_NUMBER], same->at[EGI_ITEM_NUMBER], N * sizeof(int64_t));
            CHECK(h->numbered == same->numbered);
        }
        eg_head_destroy(h), eg_head_destroy(same);
    }
}

static void refuses_to_calibrate(void **state)
{
    (void)state;
    eg_head *h = taught_head("{\"kind\": \"mean\"}"), *p = taught_head("{\"kind\": \"prototype\"}");
    const int32_t strange[1] = { K };
    CHECK_STATUS(eg_head_calibrate(h, more.x, more.y, 2, 0, 1), EG_ERR_INVALID);
    CHECK_STATUS(eg_head_calibrate(p, taught.x, taught.y, N, 0, 0.1), EG_ERR_UNSUPPORTED);
    CHECK_STATUS(eg_head_calibrate(h, more.x, strange, 1, 1, 0.1), EG_ERR_INVALID);
    eg_head_destroy(h), eg_head_destroy(p);
    h = head_new("{\"kind\": \"mean\"}", NULL);
    CHECK_OK(eg_head_teach(h, taught.x, taught.y, 1));
    CHECK_STATUS(eg_head_calibrate(h, taught.x, taught.y, 1, 0, 0.1), EG_ERR_INVALID);
    CHECK_OK(eg_head_teach(h, taught.x + D, taught.y + 1, K - 1)); /* one of each class */
    CHECK_OK(eg_head_calibrate(h, taught.x, taught.y, K, 0, 0.3));
    CHECK(eg_head_count(h) == K && eg_head_classes(h) == K);
    eg_head_destroy(h);
}

/* n examples of k classes round centres of their own. */
static void draw(uint64_t round, uint64_t which, size_t k, size_t n, float *x, int32_t *y)
{
    static float centre[K * D];
    eg_random_normal(round, 21, 0, k * D, centre);
    eg_random_normal(round, which, 0, n * D, x);
    for (size_t i = 0; i < n; i++) {
        y[i] = (int32_t)(i % k);
        for (size_t j = 0; j < D; j++)
            x[i * D + j] = fabsf(fabsf(centre[(i % k) * D + j]) + 0.3F * x[i * D + j]);
    }
}

/* By what was taught: of fresh examples no more than the share are unknown, in the mean. */
static void left_out_is_calibrated(void **state)
{
    (void)state;
    enum { ROUNDS = 60, FRESH = 60 };
    static const size_t shapes[][2] = { { 2, 20 }, { 5, 30 }, { 4, 60 } }; /* classes, examples */
    static float x[N * D];
    int32_t y[N];
    for (size_t s = 0; s < HEAD_SPECS; s++)
        for (size_t w = 0; w < sizeof shapes / sizeof *shapes; w++) {
            double sum = 0, squares = 0;
            for (uint64_t round = 0; round < ROUNDS; round++) {
                const size_t k = shapes[w][0], n = shapes[w][1];
                eg_head_answer answer[FRESH];
                eg_head *h = head_new(head_specs[s], &taught);
                size_t unknown = 0;
                draw(round, 22, k, n, x, y);
                CHECK_OK(eg_head_teach(h, x, y, n));
                if (head_can(h, EG_HEAD_FORGETS)) CHECK_OK(eg_head_calibrate(h, x, y, n, 0, 0.1));
                draw(round, 23, k, FRESH, x, y);
                CHECK_OK(eg_head_predict(h, x, FRESH, answer, NULL));
                for (size_t i = 0; i < FRESH; i++) unknown += !answer[i].known;
                sum += (double)unknown / FRESH;
                squares += (double)unknown * (double)unknown / FRESH / FRESH;
                eg_head_destroy(h);
            }
            const double share = sum / ROUNDS;
            const double error = sqrt((squares / ROUNDS - share * share) / ROUNDS);
            /* the covariance of lda lacks too much without a few of so few */
            const double most = strstr(head_specs[s], "lda") != NULL ? 0.14 : 0.1;
            if (!(share <= most + 3 * error))
                fail_msg("%s, %zu examples: %.3f +-%.3f", head_specs[s], shapes[w][1], share,
                         error);
        }
}

/* What all voters of a linear head add, and its bias, is the score; items are told by number. */
static void votes_add_up(void **state)
{
    (void)state;
    eg_head *h = taught_head("{\"kind\": \"mean\", \"centred\": false}");
    eg_head_vote vote[D];
    eg_head_answer answer;
    float scores[K];
    size_t found;
    double sum = 0;
    CHECK_OK(eg_head_predict(h, asked.x, 1, &answer, scores));
    CHECK_OK(eg_head_votes(h, asked.x, 1, vote, D, &found));
    CHECK(found > 1 && found < D); /* a ReLU leaves components at 0 */
    for (size_t i = 0; i < found; i++) {
        sum += (double)vote[i].weight;
        CHECK(i == 0 || vote[i].weight <= vote[i - 1].weight);
    }
    CHECK_NEAR(sum, scores[1], 1e-4);
    eg_head_destroy(h);
    h = taught_head("{\"kind\": \"knn\", \"k\": 3}");
    CHECK_OK(eg_head_forget(h, taught.x, taught.y, 1));
    CHECK_OK(eg_head_votes(h, taught.x + 7 * D, (size_t)taught.y[7], vote, 3, &found));
    CHECK(found >= 1 && vote[0].voter == 8 && vote[0].weight > 0.999F); /* itself, by its number */
    CHECK_STATUS(eg_head_votes(h, taught.x, K, vote, 3, &found), EG_ERR_INVALID);
    eg_head_destroy(h);
}

static void table_is_whole(void **state)
{
    (void)state;
    size_t kinds = 0;
    for (; eg_head_kind_at(kinds) != NULL; kinds++) {
        const eg_head_kind *k = eg_head_kind_at(kinds);
        size_t specs = 0;
        char word[40];
        snprintf(word, sizeof word, "\"%s\"", k->name);
        for (size_t i = 0; i < HEAD_SPECS; i++) specs += strstr(head_specs[i], word) != NULL;
        CHECK(specs > 0 && k->summary[0] != '\0' && k->voters[0] != '\0');
        CHECK(eg_head_setting_at(k->name, 0) != NULL);
    }
    CHECK(kinds == 11);
}

static void bad_arguments(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "{}",
        "{\"kind\": \"no\"}",
        "{\"kind\": \"mean\", \"bits\": 9}",
        "{\"kind\": \"mean\", \"depth\": 1}",
        "{\"kind\": \"ridge\", \"project\": 0}",
        "{\"kind\": \"binary\", \"quantiser\": {\"kind\": \"no\"}}",
        "{\"kind\": \"clique\", \"quantiser\": {\"kind\": \"pq\", \"parts\": 1}}",
        "{\"kind\": \"binary\", \"quantiser\": 3}",
        "[",
        "{\"kind\": \"mean\", \"power\": 0}",
    };
    eg_head *h = NULL;
    eg_head_answer answer;
    float x[D] = { 0 };
    int32_t y = 0;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        CHECK_STATUS(eg_head_create(wrong[i], D, 0, NULL, &h), EG_ERR_INVALID);
    CHECK_STATUS(eg_head_create(head_specs[0], 0, 0, NULL, &h), EG_ERR_INVALID);
    CHECK_STATUS(eg_head_create("{\"kind\": \"tilda\", \"parts\": 50}", D, 0, NULL, &h),
                 EG_ERR_SHAPE);
    CHECK_STATUS(eg_head_create(head_specs[0], D, 0, NULL, NULL), EG_ERR_INVALID);
    CHECK(h == NULL);
    h = head_new(head_specs[0], NULL);
    CHECK_STATUS(eg_head_teach(h, x, &y, 1), EG_ERR_INVALID);
    CHECK(strstr(eg_error_detail(), "all 0") != NULL);
    x[5] = INFINITY;
    CHECK_STATUS(eg_head_teach(h, x, &y, 1), EG_ERR_INVALID);
    CHECK(strstr(eg_error_detail(), "component 5") != NULL);
    x[5] = 1, y = -1;
    CHECK_STATUS(eg_head_teach(h, x, &y, 1), EG_ERR_INVALID);
    CHECK_STATUS(eg_head_predict(h, x, 1, &answer, NULL), EG_ERR_INVALID);
    CHECK(strstr(eg_error_detail(), "no class is known") != NULL);
    CHECK_STATUS(eg_head_fit(h, x, 1), EG_ERR_UNSUPPORTED);
    CHECK_STATUS(eg_head_teach(NULL, x, &y, 1), EG_ERR_INVALID);
    CHECK_OK(eg_head_teach(h, x, &y, 0));
    eg_head_destroy(h);
    h = taught_head("{\"kind\": \"prototype\"}");
    x[5] = -1, y = 0;
    CHECK_STATUS(eg_head_teach(h, x, &y, 1), EG_ERR_INVALID);
    CHECK(strstr(eg_error_detail(), "below") != NULL);
    eg_head_destroy(h);
    h = taught_head(head_specs[10]);
    CHECK_STATUS(eg_head_fit(h, taught.x, N), EG_ERR_INVALID);
    eg_head_destroy(h);
    eg_head_destroy(NULL);
}

/* A class holds 65535 examples of any kind and no more; then nothing of a batch is taken. */
static void full_classes(void **state)
{
    (void)state;
    eg_head *h = NULL;
    const float x[2] = { 1, -1 };
    const int32_t y[1] = { 0 };
    CHECK_OK(eg_head_create("{\"kind\": \"lda\"}", 2, 0, NULL, &h));
    for (size_t i = 0; i < UINT16_MAX; i++) CHECK_OK(eg_head_teach(h, x, y, 1));
    CHECK_STATUS(eg_head_teach(h, x, y, 1), EG_ERR_OVERFLOW);
    CHECK(eg_head_count(h) == UINT16_MAX);
    for (size_t i = 0; i < UINT16_MAX; i++) CHECK_OK(eg_head_forget(h, x, y, 1));
    CHECK(eg_head_count(h) == 0);
    eg_head_destroy(h);
}

int main(void)
{
    head_examples(11, 0.4F, &taught);
    head_examples(12, 0.4F, &more);
    head_examples(13, 0.4F, &asked);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mean_is_the_mean),      cmocka_unit_test(prototypes_are_means),
        cmocka_unit_test(all_examples_by_hand),  cmocka_unit_test(connections_by_counting),
        cmocka_unit_test(unknown_is_calibrated), cmocka_unit_test(leaves_out),
        cmocka_unit_test(refuses_to_calibrate),  cmocka_unit_test(left_out_is_calibrated),
        cmocka_unit_test(votes_add_up),          cmocka_unit_test(table_is_whole),
        cmocka_unit_test(bad_arguments),         cmocka_unit_test(full_classes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
