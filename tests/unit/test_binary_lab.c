/* The capacity laboratory of binary memories: its cells against recalls made here by hand, against
 * theory, and what it refuses. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "binary_check.h"

static eg_binary_lab_options cell_of(eg_binary_kind kind)
{
    eg_binary_lab_options o = EG_BINARY_LAB_OPTIONS_INIT;
    o.memory.kind = kind;
    o.seed = 5;
    if (kind == EG_BINARY_CLIQUE) return o;
    o.memory.clusters = 1;
    o.memory.units = 128;
    o.active = 7;
    if (kind == EG_BINARY_SDM) o.memory.locations = 2000, o.memory.radius = 52;
    if (kind == EG_BINARY_BAM) o.memory.out_clusters = 1, o.memory.out_units = 96;
    return o;
}

static double theory(const char *name, size_t result, const double *in)
{
    double out[EG_THEORY_RESULTS];
    CHECK_OK(eg_theory_evaluate(eg_theory_find(name), in, out));
    return out[result];
}

/* Nothing spoiled, little stored: every kind gives its patterns back. */
static void patterns_come_back(void **state)
{
    (void)state;
    for (size_t k = 0; k < EG_BINARY_KINDS; k++) {
        eg_binary_lab_options o = cell_of((eg_binary_kind)k);
        eg_binary_lab_result r = { .error = -1 };
        o.n = 4;
        o.trials = 12;
        o.draws = 3;
        if (k == EG_BINARY_CHAIN) {
            CHECK_STATUS(eg_binary_lab(&o, &r), EG_ERR_UNSUPPORTED);
            CHECK(r.error == -1);
            continue;
        }
        CHECK_OK(eg_binary_lab(&o, &r));
        CHECK(r.error == 0 && r.units == 0 && r.error_chosen == 0 && r.error_spread == 0);
        CHECK(r.fill > 0 && r.converged == 1);
    }
}

/* How much is spoiled, seen through rules that show it. One message, threshold 1: the symbols that
 * are right turn all of it on, and a wrong one keeps itself on. */
static void so_much_is_spoiled(void **state)
{
    (void)state;
    eg_binary_lab_options o = cell_of(EG_BINARY_CLIQUE);
    eg_binary_recall_options rule = { .size = sizeof rule,
                                      .activation = EG_ACTIVE_THRESHOLD,
                                      .threshold = 1,
                                      .persist = 1,
                                      .max_steps = 1 };
    eg_binary_lab_result r;
    o.n = 1;
    o.trials = 50;
    o.erased = 3;
    o.wrong = 2;
    o.recall = &rule;
    CHECK_OK(eg_binary_lab(&o, &r));
    CHECK(r.units_one == 2 && r.units == 2 && r.error == 1);
    /* of 100 units on 70 are left, and no more */
    o = cell_of(EG_BINARY_WILLSHAW);
    o.memory.out_clusters = 1;
    o.memory.out_units = 96;
    o.active = 100;
    o.out_active = 60;
    o.n = 1;
    o.trials = 50;
    o.erased = 20;
    o.wrong = 10;
    o.recall = &rule;
    rule.threshold = 70;
    CHECK_OK(eg_binary_lab(&o, &r));
    CHECK(r.error == 0);
    CHECK_NEAR(r.fill, 100.0 * 60 / (128 * 96), 1e-12);
    rule.threshold = 71;
    CHECK_OK(eg_binary_lab(&o, &r));
    CHECK(r.error == 1 && r.units == 60);
}

/* Density, errors of one step and at rest of cliques, within 5 standard errors of theory; what is
 * worked out with shared connections is nearer than what is not. */
static void cliques_err_as_theory_says(void **state)
{
    (void)state;
    eg_binary_lab_options o = cell_of(EG_BINARY_CLIQUE);
    eg_binary_lab_result r;
    o.memory.clusters = 6;
    o.memory.units = 64;
    o.n = 900;
    o.erased = 2;
    o.trials = 24000;
    o.draws = 16;
    CHECK_OK(eg_binary_lab(&o, &r));
    const double in[] = { 6, 64, 900, 2 };
    CHECK_NEAR(r.fill, theory("clique-error", 0, in), 0.002);
    const double rest = theory("clique-error", 4, in);
    CHECK_NEAR(r.error, rest, 5 * r.error_spread);
    CHECK(fabs(r.error - rest) < fabs(r.error - theory("clique-error", 2, in)));
    CHECK_NEAR(r.error_one, theory("clique-error", 3, in), 0.03);
    CHECK(r.error_one >= r.error && r.units_one >= r.units && r.steps >= 1);
    /* one symbol too many is chosen right every other time */
    CHECK_NEAR(r.error_chosen, r.error / 2, 0.1 * r.error);
}

/* The same numbers for any number of threads, others for another seed; cues with some units lost
 * and some wrong, under rules that have a place for wrong ones. */
static void threads_and_other_draws(void **state)
{
    (void)state;
    const eg_binary_recall_options size = { .size = sizeof size, .persist = 1, .max_steps = 8 };
    for (size_t k = 0; k < EG_BINARY_KINDS; k++) {
        eg_binary_lab_options o = cell_of((eg_binary_kind)k);
        eg_binary_lab_result one, many, other;
        eg_binary_recall_options rule = size;
        const int clique = k == EG_BINARY_CLIQUE, net = k == EG_BINARY_WILLSHAW;
        if (k == EG_BINARY_CHAIN) continue;
        rule.activation = clique ? EG_ACTIVE_WINNERS : EG_ACTIVE_GLOBAL;
        rule.winners = net ? o.active : 0;
        if (clique || net) o.recall = &rule;
        o.n = clique ? 12000 : net ? 150 : 20;
        o.wrong = clique || net ? 1 : k == EG_BINARY_BAM ? 12 : 40;
        o.erased = clique ? 3 : net ? 1 : 0;
        o.trials = 300;
        o.draws = 2;
        o.threads = 1;
        CHECK_OK(eg_binary_lab(&o, &one));
        o.threads = 3;
        CHECK_OK(eg_binary_lab(&o, &many));
        CHECK_SAME_BITS(&one, &many, sizeof one);
        CHECK(one.units > 0 && one.error > 0);
        CHECK(k == EG_BINARY_BAM || one.error < 1);
        o.seed++;
        CHECK_OK(eg_binary_lab(&o, &other));
        CHECK(memcmp(&one, &other, sizeof one) != 0);
    }
}

/* Cues of an sdm have so many wrong bits exactly: one reading from h leaves what theory says, less
 * than h below the critical distance and more above. */
static void the_critical_distance(void **state)
{
    static const size_t from[] = { 20, 40, 60, 90 };
    (void)state;
    eg_binary_lab_options o = cell_of(EG_BINARY_SDM);
    o.memory.units = 256;
    o.memory.locations = 20000;
    o.memory.radius = 108;
    o.n = 300;
    o.trials = 100;
    o.draws = 2;
    for (size_t i = 0; i < 4; i++) {
        eg_binary_lab_result r;
        const double h = (double)from[i], in[] = { 256, 20000, 108, 300, h };
        const double expected = 256 * theory("sdm", 1, in), critical = theory("sdm", 2, in);
        o.wrong = from[i];
        CHECK_OK(eg_binary_lab(&o, &r));
        CHECK_NEAR(r.units_one, expected, 0.15 * expected + 0.5);
        CHECK((r.units_one < h) == (h < critical));
        CHECK(i > 0 || r.error < 0.1);
        CHECK(i < 3 || r.error > 0.9);
    }
}

static void what_does_not_fit(void **state)
{
    (void)state;
    eg_binary_lab_result r;
    eg_binary_lab_options o = cell_of(EG_BINARY_CLIQUE);
    o.size--;
    CHECK_STATUS(eg_binary_lab(&o, &r), EG_ERR_INVALID);
    CHECK_STATUS(eg_binary_lab(NULL, &r), EG_ERR_INVALID);
    o = cell_of(EG_BINARY_CLIQUE);
    CHECK_STATUS(eg_binary_lab(&o, NULL), EG_ERR_INVALID);
    o.erased = 5;
    o.wrong = 4; /* of 8 */
    CHECK_STATUS(eg_binary_lab(&o, &r), EG_ERR_INVALID);
    CHECK(strstr(eg_error_detail(), "of 8 active units") != NULL);
    o = cell_of(EG_BINARY_WILLSHAW);
    o.active = 0;
    CHECK_STATUS(eg_binary_lab(&o, &r), EG_ERR_INVALID);
    o.active = 129;
    CHECK_STATUS(eg_binary_lab(&o, &r), EG_ERR_INVALID);
    o = cell_of(EG_BINARY_SDM);
    o.erased = 1;
    CHECK_STATUS(eg_binary_lab(&o, &r), EG_ERR_INVALID);
    o.erased = 0;
    o.wrong = 129;
    CHECK_STATUS(eg_binary_lab(&o, &r), EG_ERR_INVALID);
    o.wrong = 0;
    o.trials = 0;
    CHECK_STATUS(eg_binary_lab(&o, &r), EG_ERR_INVALID);
    o.trials = 10;
    o.n = SIZE_MAX / 4;
    CHECK_STATUS(eg_binary_lab(&o, &r), EG_ERR_OVERFLOW);
}

static void memory_runs_out(void **state)
{
    (void)state;
    for (size_t kind = 0; kind < EG_BINARY_KINDS; kind++) {
        eg_status s = kind == EG_BINARY_CHAIN ? EG_OK : EG_ERR_NOMEM;
        for (size_t k = 0; s != EG_OK; k++) {
            struct failing fail = { .fail_at = k };
            const eg_allocator alloc = failing_allocator(&fail);
            eg_binary_lab_options o = cell_of((eg_binary_kind)kind);
            eg_binary_lab_result r = { .error = -1 };
            o.memory.alloc = &alloc;
            o.n = 3;
            o.trials = 4;
            o.draws = 2;
            o.threads = 1;
            s = eg_binary_lab(&o, &r);
            CHECK(s == EG_OK || (s == EG_ERR_NOMEM && r.error == -1));
            CHECK(fail.live == 0);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(patterns_come_back),
        cmocka_unit_test(so_much_is_spoiled),
        cmocka_unit_test(cliques_err_as_theory_says),
        cmocka_unit_test(threads_and_other_draws),
        cmocka_unit_test(the_critical_distance),
        cmocka_unit_test(what_does_not_fit),
        cmocka_unit_test(memory_runs_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
