/* Connections that exist: stored, recalled, forgotten, merged; against definitions over plain
 * arrays of truth values, and against the densities and errors of the literature. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "binary/egi_binary.h"
#include "binary_check.h"

enum { C = 6, L = 20, N = 60, UNITS = C * L };

/* The definition: W[(i, a)][(j, b)] of messages x (N, C), -1 silent. */
struct plain {
    int w[UNITS][UNITS];
};

static void plain_store(struct plain *p, const float *x, size_t n)
{
    for (size_t m = 0; m < n; m++)
        for (size_t i = 0; i < C; i++)
            for (size_t j = 0; j < C; j++)
                if (i != j && x[m * C + i] >= 0 && x[m * C + j] >= 0)
                    p->w[i * L + (size_t)x[m * C + i]][j * L + (size_t)x[m * C + j]]++;
}

static int bit_of(const uint64_t *state, size_t c, size_t u)
{
    return (int)(state[c] >> u & 1); /* L <= 64: a cluster is a word */
}

/* Scores of every unit by definition. */
static void plain_scores(const struct plain *p, const uint64_t *v, eg_binary_score score, int gamma,
                         int *s)
{
    for (size_t u = 0; u < UNITS; u++) {
        s[u] = gamma * bit_of(v, u / L, u % L);
        for (size_t c = 0; c < C; c++) {
            int sum = 0;
            for (size_t b = 0; b < L; b++) sum += bit_of(v, c, b) && p->w[u][c * L + b] > 0;
            s[u] += score == EG_SCORE_MAX ? sum > 0 : sum;
        }
    }
}

static void store_both(eg_binary *m, struct plain *p, const float *x, size_t n)
{
    uint64_t *bits = states_of(m, 0, x, n);
    memset(p, 0, sizeof *p);
    plain_store(p, x, n);
    CHECK_OK(eg_binary_add(m, bits, NULL, n));
    free(bits);
}

static void check_connections(const eg_binary *m, const struct plain *p)
{
    for (size_t u = 0; u < UNITS; u++)
        for (size_t v = 0; v < UNITS; v++) {
            CHECK(bit_of(egi_links_row(&m->links, u), v / L, v % L) == (p->w[u][v] > 0));
            if (m->links.count != NULL)
                CHECK(m->links.count[64 * C * u + 64 * (v / L) + v % L] == p->w[u][v]);
        }
}

static void connections_are_those_of_the_definition(void **state)
{
    static struct plain p;
    static float x[N * C];
    (void)state;
    for (size_t order = 0; order < 5; order += 4)
        for (int counted = 0; counted < 2; counted++) {
            eg_binary *m = clique_of(C, L, order, counted);
            draw_messages(N, C, L, order, 3, x);
            store_both(m, &p, x, N);
            check_connections(m, &p);
            uint64_t ones = 0;
            for (size_t u = 0; u < UNITS * UNITS; u++) ones += p.w[u / UNITS][u % UNITS] > 0;
            CHECK(m->links.existing == ones && eg_binary_count(m) == N);
            size_t bytes;
            CHECK_OK(eg_binary_size(eg_binary_options_view(m), &bytes));
            CHECK(eg_binary_bytes(m) == bytes && bytes > UNITS * C * 8);
            eg_binary_destroy(m);
        }
}

/* One step of each rule, by its definition. next (C) words. */
static void plain_step(const struct plain *p, const uint64_t *v, const eg_binary_recall_options *o,
                       uint64_t *next)
{
    int s[UNITS], histogram[UNITS + 2] = { 0 }, top = UNITS;
    plain_scores(p, v, o->score, o->activation == EG_ACTIVE_SUPPORT ? 0 : (int)o->persist, s);
    for (size_t u = 0; u < UNITS; u++) histogram[s[u]]++;
    for (int above = 0; top > 1 && (above += histogram[top]) < (int)o->winners;) top--;
    for (size_t c = 0; c < C; c++) {
        int best = 1, low = UNITS, high = 0;
        next[c] = 0;
        for (size_t u = 0; u < L; u++) {
            best = s[c * L + u] > best ? s[c * L + u] : best;
            if (!bit_of(v, c, u)) continue;
            low = s[c * L + u] < low ? s[c * L + u] : low;
            high = s[c * L + u] > high ? s[c * L + u] : high;
        }
        for (size_t u = 0; u < L; u++) {
            const int now = s[c * L + u], on = bit_of(v, c, u);
            const int rule[EG_ACTIVE_COUNT] = {
                [EG_ACTIVE_SUPPORT] = on && now == C - 1,
                [EG_ACTIVE_WINNERS] = now >= best,
                [EG_ACTIVE_LOSERS] = on && (low == high || now > low),
                [EG_ACTIVE_GLOBAL] = now >= top,
                [EG_ACTIVE_THRESHOLD] = now >= (int)o->threshold,
            };
            next[c] |= (uint64_t)rule[o->activation] << u;
        }
    }
}

/* A cue of message i: some clusters erased, one blurred, one wrong, by number. */
static void make_cue(const uint64_t *message, uint64_t i, uint64_t *cue)
{
    memcpy(cue, message, C * sizeof *cue);
    for (size_t c = 0; c < C; c++)
        if (eg_random_below(9, 1, i * C + c, 3) == 0) cue[c] = 0;
    if (i % 3 == 1) cue[i % C] |= message[i % C] | 1u << eg_random_below(9, 2, i, L);
    if (i % 3 == 2) cue[i % C] = 1u << eg_random_below(9, 3, i, L);
}

/* From a cue to rest by definition; whether it rests. */
static int plain_recall(const struct plain *p, const uint64_t *cue,
                        const eg_binary_recall_options *o, int falls, uint64_t *v)
{
    uint64_t next[C];
    int rests = 0;
    memcpy(v, cue, C * sizeof *v);
    for (size_t c = 0; falls && c < C; c++)
        if (v[c] == 0) v[c] = (1u << L) - 1;
    for (size_t t = 0; t < o->max_steps && !rests; t++) {
        plain_step(p, v, o, next);
        rests = memcmp(v, next, sizeof next) == 0;
        memcpy(v, next, sizeof next);
    }
    return rests;
}

static void check_rule(const eg_binary *m, const struct plain *p, const uint64_t *bits,
                       eg_binary_score score, eg_binary_activation rule)
{
    eg_binary_recall_options o = eg_binary_recall_usual(m);
    const int falls = rule == EG_ACTIVE_SUPPORT || rule == EG_ACTIVE_LOSERS;
    o.score = score;
    o.activation = rule;
    o.winners = C;
    o.threshold = 3;
    o.persist = 2;
    for (uint64_t i = 0; i < N; i++) {
        uint64_t cue[C], v[C], got[C];
        eg_binary_certificate z;
        make_cue(bits + i * C, i, cue);
        const int rests = plain_recall(p, cue, &o, falls, v);
        CHECK_OK(eg_binary_recall(m, cue, 1, &o, got, &z));
        CHECK_SAME_BITS(got, v, sizeof v);
        CHECK(z.converged == rests && z.monotone == falls);
    }
}

static void rules_are_those_of_the_definition(void **state)
{
    static struct plain p;
    static float x[N * C];
    (void)state;
    eg_binary *m = clique_of(C, L, 0, 0);
    draw_messages(N, C, L, 0, 3, x);
    store_both(m, &p, x, N);
    uint64_t *bits = states_of(m, 0, x, N);
    for (int score = 0; score < EG_SCORE_COUNT; score++)
        for (int rule = 0; rule < EG_ACTIVE_COUNT; rule++)
            if (rule != EG_ACTIVE_SUPPORT || score != EG_SCORE_SUM)
                check_rule(m, &p, bits, (eg_binary_score)score, (eg_binary_activation)rule);
    free(bits);
    eg_binary_destroy(m);
}

/* Erased halves at moderate load come back whole; the certificate says so, and its energy is the
 * number of edges of a clique. */
static void certificates_say_what_is_known(void **state)
{
    enum { MANY = 400 };
    static float x[MANY * 8];
    (void)state;
    eg_binary *m = clique_of(8, 64, 0, 0);
    draw_messages(MANY, 8, 64, 0, 5, x);
    uint64_t *bits = states_of(m, 0, x, MANY);
    CHECK_OK(eg_binary_add(m, bits, NULL, MANY));
    size_t right = 0;
    for (size_t i = 0; i < MANY; i++) {
        uint64_t cue[8], got[8];
        eg_binary_certificate z;
        double energy;
        memcpy(cue, bits + 8 * i, sizeof cue);
        for (size_t c = 0; c < 4; c++) cue[(i + c) % 8] = 0;
        CHECK_OK(eg_binary_recall(m, cue, 1, NULL, got, &z));
        CHECK(z.converged && z.monotone && z.empty == 0);
        CHECK(z.active >= 8 && z.active - 8 >= z.ambiguous);
        CHECK(z.whole == (z.ambiguous == 0));
        CHECK_OK(eg_binary_energy(m, got, NULL, 1, &energy));
        CHECK(energy == z.energy_after && z.energy_after < z.energy_before);
        if (z.ambiguous > 0) continue;
        CHECK(z.energy_after == -28);
        CHECK_NEAR(z.false_accept, pow(egi_links_fill(m), 28), 1e-30);
        right += memcmp(got, bits + 8 * i, sizeof got) == 0;
    }
    CHECK(right > MANY - 5);
    /* a contradiction: two halves of messages that share nothing */
    uint64_t cue[8], got[8];
    eg_binary_certificate z;
    memcpy(cue, bits, 4 * sizeof *cue);
    memcpy(cue + 4, bits + 8 + 4, 4 * sizeof *cue);
    CHECK_OK(eg_binary_recall(m, cue, 1, NULL, got, &z));
    CHECK(z.empty == 8 && z.active == 0 && !z.whole && z.false_accept == 1);
    /* every cluster erased: what can be in any message */
    memset(cue, 0, sizeof cue);
    CHECK_OK(eg_binary_recall(m, cue, 1, NULL, got, &z));
    for (size_t i = 0; i < MANY; i++)
        for (size_t c = 0; c < 8; c++) CHECK((got[c] & bits[8 * i + c]) != 0);
    free(bits);
    eg_binary_destroy(m);
}

static void what_is_forgotten_was_never_there(void **state)
{
    static float x[N * C];
    (void)state;
    eg_binary *m = clique_of(C, L, 0, 1), *half = clique_of(C, L, 0, 1);
    draw_messages(N, C, L, 0, 3, x);
    uint64_t *bits = states_of(m, 0, x, N);
    CHECK_OK(eg_binary_add(m, bits, NULL, N));
    CHECK_OK(eg_binary_add(half, bits, NULL, N / 2));
    CHECK_OK(eg_binary_forget(m, bits + N / 2 * C, NULL, N - N / 2));
    CHECK(m->links.existing == half->links.existing && m->n == half->n);
    CHECK(m->on_in == half->on_in && m->on_out == half->on_out);
    CHECK_SAME_BITS(m->links.bits, half->links.bits, UNITS * C * 8);
    CHECK_SAME_BITS(m->links.count, half->links.count, UNITS * C * 128);
    /* one of several is not there: nothing is done */
    uint64_t pair[2 * C];
    memcpy(pair, bits, C * 8);
    memcpy(pair + C, bits + N / 2 * C, C * 8);
    CHECK_STATUS(eg_binary_forget(m, pair, NULL, 2), EG_NOT_FOUND);
    CHECK_SAME_BITS(m->links.count, half->links.count, UNITS * C * 128);
    CHECK_OK(eg_binary_forget(m, bits, NULL, N / 2));
    CHECK(m->links.existing == 0 && eg_binary_count(m) == 0);
    CHECK_STATUS(eg_binary_forget(m, bits, NULL, 1), EG_NOT_FOUND);
    /* a counter that is full refuses, and what went before it is undone */
    CHECK_OK(eg_binary_add(m, bits, NULL, 1));
    for (int i = 1; i < UINT16_MAX; i++) CHECK_OK(eg_binary_add(m, bits, NULL, 1));
    memcpy(pair, bits + C, C * 8);
    memcpy(pair + C, bits, C * 8);
    const uint64_t ones = m->links.existing;
    CHECK_STATUS(eg_binary_add(m, pair, NULL, 2), EG_ERR_OVERFLOW);
    CHECK(m->links.existing == ones && eg_binary_count(m) == UINT16_MAX);
    free(bits);
    eg_binary_destroy(m);
    eg_binary_destroy(half);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(connections_are_those_of_the_definition),
        cmocka_unit_test(rules_are_those_of_the_definition),
        cmocka_unit_test(certificates_say_what_is_known),
        cmocka_unit_test(what_is_forgotten_was_never_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
