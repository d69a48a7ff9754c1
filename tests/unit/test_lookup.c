/* The look-up among examples: votes by loops, the first step against the finite differences of a
 * loss by loops in which no example sees itself, samples, and what is refused. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "train_check.h"

enum { N = TRAIN_N, D = TRAIN_D, K = TRAIN_K, H = 2, S = 3, P = H * S };

#define SIZES "\"num_heads\": 2, \"hidden_size\": 3, \"batch\": 60"
#define SGD(rate) \
    ", \"schedule\": \"constant\", \"optimiser\": {\"kind\": \"sgd\", \"rate\": " rate "}"

static eg_examples examples(void)
{
    const eg_dataset data = train_data();
    return (eg_examples){ data.x, NULL, data.labels, data.n };
}

static eg_learner *fitted(const char *settings, size_t epochs)
{
    char spec[400];
    const eg_task task = { .inputs = D, .classes = K, .epochs = epochs };
    const eg_examples e = examples();
    eg_learner *l = NULL;
    snprintf(spec, sizeof spec, "{\"kind\": \"lookup\"%s}", settings);
    CHECK_OK(eg_learner_create(spec, &task, 3, 1, NULL, &l));
    CHECK_OK(eg_learner_fit(l, &e));
    return l;
}

static const float *array(eg_learner *l, const char *name)
{
    const eg_param *p = eg_params_find(eg_learner_params(l), name);
    CHECK(p != NULL);
    return p->value;
}

/* heads x size numbers of unit length by heads; w (heads x size, D), or NULL: x itself. */
static void encode(const double *w, const float *x, size_t heads, size_t size, double *out)
{
    for (size_t h = 0; h < heads; h++) {
        double square = 0;
        for (size_t i = h * size; i < (h + 1) * size; i++) {
            out[i] = w == NULL ? (double)x[i] : 0;
            for (size_t j = 0; j < D && w != NULL; j++) out[i] += w[i * D + j] * (double)x[j];
            square += out[i] * out[i];
        }
        for (size_t i = h * size; i < (h + 1) * size; i++) out[i] /= sqrt(square);
    }
}

/* Probability of class c for x among the examples but `self`. */
static double vote(const double *wq, const double *wk, const float *x, size_t self, int c,
                   size_t heads, size_t size, double beta)
{
    const eg_examples e = examples();
    double q[D > P ? D : P], k[D > P ? D : P], p = 0;
    encode(wq, x, heads, size, q);
    for (size_t h = 0; h < heads; h++) {
        double all = 0, own = 0;
        for (size_t i = 0; i < N; i++) {
            double dot = 0;
            if (i == self) continue;
            encode(wk, e.x + i * D, heads, size, k);
            for (size_t j = h * size; j < (h + 1) * size; j++) dot += q[j] * k[j];
            all += exp(beta * dot);
            own += e.y[i] == c ? exp(beta * dot) : 0;
        }
        p += own / all / (double)heads;
    }
    return p;
}

static void examples_as_they_are_vote(void **state)
{
    (void)state;
    const eg_examples e = examples();
    float z[N * K];
    eg_learner *l = fitted(", \"hidden_size\": 0, \"scaling\": 4", 1);
    CHECK_OK(eg_learner_scores(l, e.x, N, z));
    for (size_t i = 0; i < N; i++)
        for (int c = 0; c < K; c++)
            CHECK_NEAR(z[i * K + (size_t)c],
                       log(vote(NULL, NULL, e.x + i * D, N, c, 1, D, 4) + 1e-6), 1e-4);
    eg_learner_destroy(l);
}

static void doubles(const float *from, double out[P * D])
{
    for (size_t i = 0; i < P * D; i++) out[i] = (double)from[i];
}

static void heads_vote_with_what_they_learned(void **state)
{
    (void)state;
    const eg_examples e = examples();
    for (int shared = 0; shared < 2; shared++) {
        double wq[P * D], wk[P * D], key[P];
        float z[N * K];
        eg_learner *l = fitted(shared ? ", " SIZES ", \"scaling\": 5"
                                      : ", " SIZES ", \"scaling\": 5, \"shared\": false",
                               3);
        doubles(array(l, "queries.weight"), wq);
        doubles(array(l, shared ? "queries.weight" : "keys.weight"), wk);
        CHECK((eg_params_find(eg_learner_params(l), "keys.weight") == NULL) == shared);
        CHECK(shared || memcmp(wq, wk, sizeof wq) != 0);
        CHECK_OK(eg_learner_scores(l, e.x, N, z));
        for (size_t i = 0; i < N; i++) {
            encode(wk, e.x + i * D, H, S, key);
            for (size_t j = 0; j < P; j++) CHECK_NEAR(array(l, "keys")[i * P + j], key[j], 1e-5);
            CHECK_NEAR(z[i * K + 1], log(vote(wq, wk, e.x + i * D, N, 1, H, S, 5) + 1e-6), 1e-4);
        }
        eg_learner_destroy(l);
    }
}

/* Mean of -ln p over the examples, of which none sees itself. */
static double loss(const double *wq, const double *wk)
{
    const eg_examples e = examples();
    double sum = 0;
    for (size_t i = 0; i < N; i++)
        sum -= log(vote(wq, wk, e.x + i * D, i, e.y[i], H, S, 5) + 1e-6) / N;
    return sum;
}

/* One step of SGD on all examples moves W by -rate dL/dW. */
static void the_first_step_goes_down_the_loss(void **state)
{
    (void)state;
    const double h = 1.0 / 1024, rate = 0.5;
    for (int shared = 0; shared < 2; shared++) {
        double w[2][P * D];
        const char *name = shared ? "queries.weight" : "keys.weight";
        const char *rest = shared ? ", " SIZES ", \"scaling\": 5" SGD("1e-12")
                                  : ", " SIZES ", \"scaling\": 5, \"shared\": false" SGD("1e-12");
        const char *moves = shared ? ", " SIZES ", \"scaling\": 5" SGD("0.5")
                                   : ", " SIZES ", \"scaling\": 5, \"shared\": false" SGD("0.5");
        eg_learner *before = fitted(rest, 1), *after = fitted(moves, 1);
        doubles(array(before, "queries.weight"), w[0]);
        doubles(array(before, name), w[1]);
        for (size_t i = 0; i < P * D; i += 5) {
            double *own = &w[1][i];
            const double at = *own, moved = (double)array(after, name)[i] - at;
            *own = at + h;
            const double above = loss(shared ? w[1] : w[0], w[1]);
            *own = at - h;
            const double below = loss(shared ? w[1] : w[0], w[1]);
            *own = at;
            CHECK_NEAR(-moved / rate, (above - below) / (2 * h), 2e-4);
        }
        eg_learner_destroy(before);
        eg_learner_destroy(after);
    }
}

static void samples_and_dropout_are_draws_of_the_seed(void **state)
{
    (void)state;
    const eg_examples e = examples();
    static const char *const settings[] = { ", \"sample\": 20, \"batch\": 16",
                                            ", \"sample\": 0, \"batch\": 16",
                                            ", \"dropout\": 0.3, \"batch\": 16" };
    float z[3][N * K], again[N * K];
    for (size_t i = 0; i < 3; i++) {
        for (int twice = 0; twice < 2; twice++) {
            size_t wrong = 0;
            eg_learner *l = fitted(settings[i], 4);
            CHECK_OK(eg_learner_scores(l, e.x, N, twice ? again : z[i]));
            for (size_t k = 0; k < N; k++)
                for (int c = 0; c < K; c++)
                    wrong += z[i][k * K + (size_t)c] > z[i][k * K + (size_t)e.y[k]];
            CHECK(wrong <= 8);
            eg_learner_destroy(l);
        }
        CHECK_SAME_BITS(z[i], again, sizeof again);
        for (size_t k = 0; k < i; k++) CHECK(memcmp(z[i], z[k], sizeof again) != 0);
    }
}

static void settings_are_checked_before_anything_is_fitted(void **state)
{
    (void)state;
    static const struct {
        const char *spec, *words;
    } rows[] = {
        { "{\"kind\": \"lookup\", \"optimiser\": \"adams\"}", "optimiser" },
        { "{\"kind\": \"lookup\", \"schedule\": {\"kind\": \"cosine\", \"floors\": 1}}", "floors" },
        { "{\"kind\": \"lookup\", \"scaling\": 0}", "scaling" },
        { "{\"kind\": \"lookup\", \"num_heads\": 0}", "num_heads" },
        { "{\"kind\": \"lookup\", \"beta\": 1}", "beta" },
    };
    const eg_task task = { .inputs = D, .classes = K, .epochs = 1 };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        eg_learner *l = NULL;
        CHECK_STATUS(eg_learner_create(rows[i].spec, &task, 1, 1, NULL, &l), EG_ERR_INVALID);
        CHECK(l == NULL && strstr(eg_error_detail(), rows[i].words) != NULL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(examples_as_they_are_vote),
        cmocka_unit_test(heads_vote_with_what_they_learned),
        cmocka_unit_test(the_first_step_goes_down_the_loss),
        cmocka_unit_test(samples_and_dropout_are_draws_of_the_seed),
        cmocka_unit_test(settings_are_checked_before_anything_is_fitted),
    };
    return cmocka_run_group_tests_name("lookup", tests, NULL, NULL);
}
