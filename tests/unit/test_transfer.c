/* Transfer of adversarial images between learners; what attacks refuse, and how they end early. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "attack_scene.h"
#include "base/egi_base.h"

static void transfer_counts_what_others_get_wrong(void **state)
{
    (void)state;
    enum { M = 3 };
    struct scene s[M];
    eg_learner *learners[M];
    eg_attack_output made[M] = { { 0 } };
    eg_transfer matrix[(M + 1) * M], alone[(M + 1) * M], *clean = matrix + M * M;
    for (uint64_t a = 0; a < M; a++) {
        set_scene(&s[a], random_planes(20 + a, D, K));
        if (a == 1) /* nearly the first learner: what misleads one misleads the other */
            for (size_t c = 0; c < K; c++)
                for (size_t j = 0; j < D; j++) s[1].m.w[c][j] = 1.0001 * s[0].m.w[c][j];
        s[a].l = quadratic_learner(&s[a].m);
        learners[a] = &s[a].l;
        made[a] = s[a].out;
    }
    eg_attack_options o = attack("pgd-linf");
    o.confidence = 0.2;
    CHECK_OK(eg_attack_transfer(learners, M, s[0].x, s[0].label, N, &o, matrix, made));
    CHECK_OK(eg_attack_transfer(learners, M, s[0].x, s[0].label, N, &o, alone, NULL));
    CHECK_SAME_BITS(matrix, alone, sizeof matrix);
    for (size_t i = 0; i < M * M; i++) {
        const size_t a = i / M, b = i % M;
        size_t images = 0, wrong = 0;
        for (size_t j = 0; j < N; j++) {
            if (true_class(&s[a].m, s[0].x + j * D) != s[0].label[j]) continue;
            images++;
            wrong += true_class(&s[b].m, s[a].adversarial + j * D) != s[0].label[j];
        }
        CHECK(matrix[i].images == images && matrix[i].wrong == wrong);
        CHECK_NEAR(matrix[i].share, (double)wrong / (double)images, 1e-12);
        const double p = ((double)wrong + 1) / ((double)images + 2);
        CHECK_NEAR(matrix[i].error, sqrt(p * (1 - p) / (double)images), 1e-12);
    }
    CHECK(clean[0].wrong == 0 && clean[0].images == N && clean[2].wrong > N / 2);
    CHECK(matrix[0].wrong == matrix[0].images); /* all succeed against their own learner */
    eg_transfer again;
    CHECK_OK(eg_attack_errors(learners[2], s[0].x, s[0].label, N, 7, &again));
    CHECK_SAME_BITS(&again, &clean[2], sizeof again);
    struct quadratic other = random_planes(1, D - 1, K);
    eg_learner l = quadratic_learner(&other);
    learners[1] = &l;
    CHECK_STATUS(eg_attack_transfer(learners, M, s[0].x, s[0].label, N, &o, matrix, NULL),
                 EG_ERR_SHAPE);
    CHECK(strstr(eg_error_detail(), "learner 1 has 23 inputs") != NULL);
}

/* Noise has no class: all of it counts, and wrong is who finds in it what it was made for. */
static void noise_misleads_who_finds_its_class(void **state)
{
    (void)state;
    struct scene s, t;
    eg_transfer matrix[6];
    eg_attack_output made[2] = { { 0 } };
    set_scene(&s, random_planes(30, D, K));
    set_scene(&t, random_planes(31, D, K));
    eg_learner *learners[2] = { &s.l, &t.l };
    eg_attack_options o = attack("rubbish");
    for (o.target = -1; o.target <= 2; o.target += 3) {
        size_t found = 0;
        made[0] = s.out;
        CHECK_OK(eg_attack_transfer(learners, 2, s.x, s.label, N, &o, matrix, made));
        for (size_t i = 0; i < N; i++)
            found +=
                true_class(&t.m, s.adversarial + i * D) == (o.target >= 0 ? o.target : s.label[i]);
        CHECK(matrix[0].images == N && matrix[0].wrong == N && matrix[1].images == N);
        CHECK(matrix[1].wrong == found && found < N);
    }
}

/* An image that is of the target's class has nowhere to go, and is no success. */
static void images_of_the_target_are_left_out(void **state)
{
    (void)state;
    struct scene s;
    eg_transfer matrix[2];
    set_scene(&s, random_planes(30, D, K));
    eg_learner *learner = &s.l;
    eg_attack_options o = attack("boundary");
    size_t others = 0;
    o.target = s.label[0];
    for (size_t i = 0; i < N; i++) others += s.label[i] != o.target;
    CHECK(others < N);
    CHECK_OK(eg_attack_transfer(&learner, 1, s.x, s.label, N, &o, matrix, &s.out));
    CHECK(matrix[0].images == others && matrix[0].wrong == others && matrix[0].share == 1);
    CHECK(matrix[1].images == N);
}

static void a_learner_without_numbers_is_named(void **state)
{
    (void)state;
    struct scene s, t;
    eg_transfer matrix[6];
    set_scene(&s, random_planes(30, D, K));
    set_scene(&t, random_planes(31, D, K));
    eg_learner *learners[2] = { &s.l, &t.l };
    const eg_attack_options o = attack("fgsm");
    t.m.b[0] = NAN;
    CHECK_STATUS(eg_attack_transfer(learners, 2, s.x, s.label, N, &o, matrix, NULL),
                 EG_ERR_DIVERGED);
    CHECK(strncmp(eg_error_detail(), "learner 1: ", 11) == 0);
}

static void bad_input_is_named(void **state)
{
    (void)state;
    struct scene s;
    set_scene(&s, random_planes(11, D, K));
    const struct {
        const char *name, *word;
        size_t at;
        double value;
    } cases[] = {
        { "fgsm", "eps", offsetof(eg_attack_options, eps), -1 },
        { "fgsm", "eps", offsetof(eg_attack_options, eps), NAN },
        { "deepfool", "no ball", offsetof(eg_attack_options, eps), 0.1 },
        { "deepfool", "its own", offsetof(eg_attack_options, step), 0.1 },
        { "deepfool", "finite", offsetof(eg_attack_options, confidence), INFINITY },
        { "boundary", "step", offsetof(eg_attack_options, step), INFINITY },
        { "boundary", "overshoot", offsetof(eg_attack_options, overshoot), 2 },
        { "boundary", "confidence", offsetof(eg_attack_options, confidence), -1 },
        { "boundary", "box", offsetof(eg_attack_options, hi), 0 },
        { "boundary", "image 0, component 0: 0.5", offsetof(eg_attack_options, lo), 0.7 },
    };
    for (size_t i = 0; i < EGI_COUNT(cases); i++) {
        eg_attack_options o = attack(cases[i].name);
        memcpy((char *)&o + cases[i].at, &cases[i].value, sizeof cases[i].value);
        CHECK_STATUS(eg_attack_run(&s.l, s.x, s.label, N, &o, &s.out), EG_ERR_INVALID);
        CHECK(strstr(eg_error_detail(), cases[i].word) != NULL);
    }
    eg_attack_options o = attack("boundary");
    s.label[3] = K;
    CHECK_STATUS(eg_attack_run(&s.l, s.x, s.label, N, &o, &s.out), EG_ERR_INVALID);
    CHECK(strstr(eg_error_detail(), "image 3: label 5, expected 0..4") != NULL);
    s.label[3] = 0;
    o.target = K;
    CHECK_STATUS(eg_attack_run(&s.l, s.x, s.label, N, &o, &s.out), EG_ERR_INVALID);
    o.target = -1;
    o.row = 99;
    CHECK_STATUS(eg_attack_run(&s.l, s.x, s.label, N, &o, &s.out), EG_ERR_INVALID);
    CHECK(eg_attack_row(99) == NULL && eg_attack_find("none") == -1);
    o.row = 0;
    CHECK_STATUS(eg_attack_run(NULL, s.x, s.label, N, &o, &s.out), EG_ERR_INVALID);
    s.m.b[2] = NAN;
    CHECK_STATUS(eg_attack_run(&s.l, s.x, s.label, N, &o, &s.out), EG_ERR_DIVERGED);
    s.m.b[2] = 0;
    s.m.w[2][5] = INFINITY;
    CHECK_STATUS(eg_attack_run(&s.l, s.x, s.label, N, &o, &s.out), EG_ERR_DIVERGED);
}

static int stop(void *user, const char *stage, uint64_t done, uint64_t total)
{
    (void)stage;
    (void)done;
    (void)total;
    return ++*(int *)user > 3;
}

static void it_can_be_stopped_and_memory_may_end(void **state)
{
    (void)state;
    struct scene s;
    set_scene(&s, random_planes(12, D, K));
    int calls = 0;
    const eg_progress progress = { stop, &calls };
    eg_attack_options o = attack("boundary");
    o.progress = &progress;
    CHECK_STATUS(eg_attack_run(&s.l, s.x, s.label, N, &o, &s.out), EG_ERR_INTERRUPTED);
    o.progress = NULL;
    eg_learner *learners[1] = { &s.l };
    eg_transfer matrix[2];
    eg_status got = EG_ERR_NOMEM;
    for (size_t k = 0; got != EG_OK; k++) {
        struct failing f = { .fail_at = k };
        const eg_allocator alloc = failing_allocator(&f);
        o.alloc = &alloc;
        got = eg_attack_transfer(learners, 1, s.x, s.label, N, &o, matrix, NULL);
        CHECK(got == EG_OK || (got == EG_ERR_NOMEM && f.fail_at < 10));
        CHECK(f.live == 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(transfer_counts_what_others_get_wrong),
        cmocka_unit_test(noise_misleads_who_finds_its_class),
        cmocka_unit_test(images_of_the_target_are_left_out),
        cmocka_unit_test(a_learner_without_numbers_is_named),
        cmocka_unit_test(bad_input_is_named),
        cmocka_unit_test(it_can_be_stopped_and_memory_may_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
