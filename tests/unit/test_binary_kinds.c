/* The other kinds of binary memories, each by a second way; memories merged and split; and what
 * all kinds refuse. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "binary/egi_binary.h"
#include "binary_check.h"

static eg_binary_options options_of(eg_binary_kind kind)
{
    eg_binary_options o = EG_BINARY_OPTIONS_INIT;
    o.kind = kind;
    o.clusters = kind == EG_BINARY_CLIQUE ? 5 : kind == EG_BINARY_CHAIN ? 4 : 1;
    o.units = kind == EG_BINARY_CLIQUE ? 17 : kind == EG_BINARY_CHAIN ? 30 : 100;
    if (kind == EG_BINARY_WILLSHAW || kind == EG_BINARY_BAM) o.out_clusters = 1;
    if (o.out_clusters == 1) o.out_units = 70;
    if (kind == EG_BINARY_SDM) o.locations = 300;
    if (kind == EG_BINARY_SDM) o.radius = 44;
    return o;
}

/* Pairs of numbers that a memory of this kind may store; content NULL where both are one. */
static void draw_pairs(const eg_binary *m, size_t n, uint64_t seed, float **a, float **b)
{
    const eg_binary_options *o = eg_binary_options_view(m);
    const size_t in = eg_binary_numbers(m, 0), out = eg_binary_numbers(m, 1);
    *b = NULL;
    if (o->kind == EG_BINARY_CLIQUE || o->kind == EG_BINARY_CHAIN) {
        *a = malloc(n * in * sizeof **a);
        draw_messages(n, in, o->units, o->kind == EG_BINARY_CHAIN, seed, *a);
    } else {
        *a = draw_sparse(n, in, o->kind == EG_BINARY_WILLSHAW ? 6 : in / 2, seed);
        if (o->out_clusters > 0) *b = draw_sparse(n, out, 5, seed + 1);
    }
}

static eg_status put(eg_binary *m, const uint64_t *a, const uint64_t *b, size_t n, int sign)
{
    if (eg_binary_options_view(m)->kind == EG_BINARY_CHAIN)
        return sign > 0 ? eg_binary_add_sequence(m, a, n) : eg_binary_forget_sequence(m, a, n);
    return sign > 0 ? eg_binary_add(m, a, b, n) : eg_binary_forget(m, a, b, n);
}

enum { M = 256, K = 8, OUT = 200, ON = 6, PAIRS = 500 };
static int together[M][OUT]; /* by definition: some pair had both active */

static void hear(const uint64_t *cue, size_t *score)
{
    for (size_t j = 0; j < OUT; j++) {
        score[j] = 0;
        for (size_t u = 0; u < M; u++) score[j] += (cue[u / 64] >> u % 64 & 1) && together[u][j];
    }
}

static int on_at(const uint64_t *state, size_t j)
{
    return (int)(state[j / 64] >> j % 64 & 1);
}

/* Half of the units are lost: what hears all others is on. How many are too many. */
static size_t recall_half(const eg_binary *m, const uint64_t *a, const float *y)
{
    uint64_t cue[M / 64], got[4];
    size_t score[OUT], extra = 0;
    eg_binary_certificate z;
    memcpy(cue, a, sizeof cue);
    for (size_t w = 0, gone = 0; w < M / 64; w++)
        for (; gone < K / 2 && cue[w] != 0; gone++) cue[w] &= cue[w] - 1;
    CHECK_OK(eg_binary_recall(m, cue, 1, NULL, got, &z));
    CHECK(z.voices == K / 2 && z.whole && z.steps == 1 && isnan(z.energy_after));
    hear(cue, score);
    for (size_t j = 0; j < OUT; j++) {
        CHECK(on_at(got, j) == (score[j] == K / 2));
        CHECK(on_at(got, j) || !(y[j] > 0));
        extra += on_at(got, j) && !(y[j] > 0);
    }
    return extra;
}

/* One unit added or gone: the six best of the scores. Whether that is the content. */
static int recall_wrong(const eg_binary *m, const uint64_t *a, size_t unit, const uint64_t *b)
{
    uint64_t cue[M / 64], got[4];
    size_t score[OUT], better = 0, sixth = M;
    eg_binary_recall_options k = eg_binary_recall_usual(m);
    memcpy(cue, a, sizeof cue);
    cue[0] ^= UINT64_C(1) << unit;
    k.activation = EG_ACTIVE_GLOBAL;
    k.winners = ON;
    CHECK_OK(eg_binary_recall(m, cue, 1, &k, got, NULL));
    hear(cue, score);
    for (; better < ON; sixth -= better < ON)
        for (size_t j = 0; j < OUT; j++) better += score[j] == sixth;
    for (size_t j = 0; j < OUT; j++) CHECK(on_at(got, j) == (score[j] >= sixth));
    return memcmp(got, b, sizeof got) == 0;
}

/* Willshaw's threshold on erased cues finds the content and what else the density lets through;
 * the density is that of theory; the winners' threshold stands a wrong unit too. */
static void willshaw(void **state)
{
    (void)state;
    eg_binary_options o = EG_BINARY_OPTIONS_INIT;
    o.kind = EG_BINARY_WILLSHAW;
    o.clusters = o.out_clusters = 1;
    o.units = M;
    o.out_units = OUT;
    eg_binary *m = binary_of(o);
    float *x = draw_sparse(PAIRS, M, K, 1), *y = draw_sparse(PAIRS, OUT, ON, 2);
    uint64_t *a = states_of(m, 0, x, PAIRS), *b = states_of(m, 1, y, PAIRS);
    CHECK_OK(eg_binary_add(m, a, b, PAIRS));
    for (size_t i = 0; i < PAIRS * M; i++)
        for (size_t j = 0; x[i] > 0 && j < OUT; j++) together[i % M][j] |= y[i / M * OUT + j] > 0;
    eg_binary_health h;
    CHECK_OK(eg_binary_measure(m, &h));
    const double p1 = 1 - pow(1 - (double)K * ON / (M * OUT), PAIRS);
    CHECK_NEAR(h.fill_expected, p1, 1e-12);
    CHECK_NEAR(h.fill, p1, 0.01);
    size_t wrong = 0, found = 0;
    for (size_t i = 0; i < PAIRS; i++) {
        wrong += recall_half(m, a + i * (M / 64), y + i * OUT);
        found += (size_t)recall_wrong(m, a + i * (M / 64), i % 64, b + 4 * i);
    }
    double expected = 0; /* units differ in how often they were active: the density of each */
    for (size_t j = 0; j < OUT; j++) {
        double heard = 0;
        for (size_t u = 0; u < M; u++) heard += together[u][j];
        expected += PAIRS * (double)(OUT - ON) / OUT * pow(heard / M, K / 2);
    }
    CHECK_NEAR((double)wrong, expected, 0.12 * expected);
    CHECK(found > PAIRS / 5);
    free(x), free(y), free(a), free(b);
    eg_binary_destroy(m);
}

/* 5 of 40 clusters of 32: the winners of the network find what one erased symbol was, and where. */
static void sparse_messages(void **state)
{
    enum { X = 40, N = 800 };
    static float x[N * X];
    (void)state;
    eg_binary *m = clique_of(X, 32, 5, 0);
    draw_messages(N, X, 32, 5, 2, x);
    uint64_t *bits = states_of(m, 0, x, N);
    CHECK_OK(eg_binary_add(m, bits, NULL, N));
    eg_binary_health h;
    CHECK_OK(eg_binary_measure(m, &h));
    CHECK_NEAR(h.fill_expected, 1 - pow(1 - 20.0 / (X * (X - 1) * 32 * 32), N), 1e-12);
    CHECK_NEAR(h.fill, h.fill_expected, 0.05 * h.fill_expected);
    size_t right[2] = { 0 };
    for (size_t i = 0; i < N; i++)
        for (int rule = 0; rule < 2; rule++) {
            uint64_t cue[X], got[X];
            eg_binary_recall_options o = eg_binary_recall_usual(m);
            if (rule == 1) o.activation = EG_ACTIVE_LOSERS;
            memcpy(cue, bits + i * X, sizeof cue);
            size_t c = 0;
            while (cue[c] == 0) c++;
            cue[c] = 0;
            CHECK_OK(eg_binary_recall(m, cue, 1, &o, got, NULL));
            right[rule] += memcmp(got, bits + i * X, sizeof got) == 0;
        }
    /* wrong units that hear all four voices: (32 - 1) + (40 - 5) 32 of them, each with d^4 */
    const double error = 1 - pow(1 - pow(h.fill, 4), 31 + 35 * 32);
    CHECK_NEAR((double)right[0] / N, 1 - error, 0.02);
    CHECK(right[1] + N / 50 >= right[0]);
    free(bits);
    eg_binary_destroy(m);
}

/* Tournaments: symbol t in cluster t mod c. A thousand symbols come back from the first three. */
static void chains(void **state)
{
    enum { T = 1000, CL = 4, U = 256 };
    (void)state;
    eg_binary_options o = EG_BINARY_OPTIONS_INIT;
    o.kind = EG_BINARY_CHAIN;
    o.clusters = CL;
    o.units = U;
    o.counted = 1;
    eg_binary *m = binary_of(o);
    CHECK(eg_binary_options_view(m)->order == CL - 1);
    float *x = malloc(T * CL * sizeof *x);
    for (size_t t = 0; t < T * CL; t++) x[t] = -1;
    for (size_t t = 0; t < T; t++) x[t * CL + t % CL] = (float)eg_random_below(4, 4, t, U);
    uint64_t *bits = states_of(m, 0, x, T), *got = calloc(T * 16, 8);
    double *sure = calloc(T, sizeof *sure);
    CHECK_OK(eg_binary_add_sequence(m, bits, T));
    CHECK_OK(eg_binary_sequence(m, bits, 3, T - 3, got, sure));
    CHECK_SAME_BITS(got, bits + 3 * 16, (T - 3) * 16 * 8);
    for (size_t t = 0; t < T - 3; t++) CHECK(sure[t] == 1);
    eg_binary_health h;
    CHECK_OK(eg_binary_measure(m, &h));
    CHECK_NEAR(h.fill, h.fill_expected, 0.02 * h.fill_expected);
    CHECK_STATUS(eg_binary_sequence(m, bits, 2, 1, got, NULL), EG_ERR_INVALID);
    CHECK_STATUS(eg_binary_add(m, bits, NULL, 1), EG_ERR_UNSUPPORTED);
    CHECK_STATUS(eg_binary_add_sequence(m, bits, 1), EG_ERR_INVALID);
    CHECK_STATUS(eg_binary_forget_sequence(m, bits + 16, T - 2 + 1 - 2), EG_OK);
    /* what is left are the connections of the first state and of the last two */
    CHECK(m->links.existing == 3 + 3 + 3);
    free(x), free(bits), free(got), free(sure);
    eg_binary_destroy(m);
}

/* Sums over the locations near an address, by definition; and the radius of attraction. */
static void sparse_distributed(void **state)
{
    enum { D = 128, LOCATIONS = 2000, N = 10 };
    (void)state;
    eg_binary_options o = EG_BINARY_OPTIONS_INIT;
    o.kind = EG_BINARY_SDM;
    o.clusters = 1;
    o.units = D;
    o.locations = LOCATIONS;
    o.radius = 54;
    o.seed = 8;
    eg_binary *m = binary_of(o);
    float *x = draw_sparse(N, D, D / 2, 3);
    uint64_t *bits = states_of(m, 0, x, N);
    CHECK_OK(eg_binary_add(m, bits, NULL, N));
    long sum[D] = { 0 };
    size_t near = 0;
    for (size_t i = 0; i < LOCATIONS; i++) {
        size_t distance[N + 1];
        for (size_t p = 0; p < N; p++)
            distance[p] = (size_t)__builtin_popcountll(m->places[2 * i] ^ bits[2 * p])
                          + (size_t)__builtin_popcountll(m->places[2 * i + 1] ^ bits[2 * p + 1]);
        if (distance[0] > 54) continue;
        near++;
        for (size_t p = 0; p < N; p++)
            for (size_t j = 0; distance[p] <= 54 && j < D; j++) sum[j] += x[p * D + j] > 0 ? 1 : -1;
    }
    uint64_t got[2];
    eg_binary_certificate z;
    eg_binary_recall_options once = eg_binary_recall_usual(m);
    once.max_steps = 1;
    CHECK_OK(eg_binary_recall(m, bits, 1, &once, got, &z));
    CHECK(z.voices == near && near > 50);
    for (size_t j = 0; j < D; j++)
        if (sum[j] != 0) CHECK((int)(got[j / 64] >> j % 64 & 1) == (sum[j] > 0));
    size_t right = 0;
    for (size_t p = 0; p < N; p++) {
        uint64_t cue[2] = { bits[2 * p] ^ 3, bits[2 * p + 1] ^ 3 };
        CHECK_OK(eg_binary_recall(m, cue, 1, NULL, got, &z));
        right += memcmp(got, bits + 2 * p, sizeof got) == 0;
        if (memcmp(got, bits + 2 * p, sizeof got) == 0) CHECK(z.converged && z.whole);
    }
    CHECK(right >= N - 1);
    free(x), free(bits);
    eg_binary_destroy(m);
}

/* Far from what is stored a cue gives itself back, for no sum is there: nothing vouches for it.
 * What is vouched for was stored, to this address where a content is its own. */
static void what_an_sdm_vouches_for(void **state)
{
    enum { D = 128, N = 3, CUES = 100 };
    (void)state;
    for (size_t own = 0; own < 2; own++) {
        eg_binary_options o = {
            .size = sizeof o, .kind = EG_BINARY_SDM, .clusters = 1, .units = D
        };
        o.locations = 2000;
        o.radius = 51;
        o.out_clusters = !own;
        o.out_units = own ? 0 : D;
        eg_binary *m = binary_of(o);
        float *x = draw_sparse(N + CUES, D, D / 2, 3), *y = draw_sparse(N, D, D / 2, 4);
        uint64_t *a = states_of(m, 0, x, N + CUES), *b = states_of(m, 1, y, N);
        const uint64_t *want = own ? a : b;
        uint64_t got[2 * (N + CUES)];
        eg_binary_certificate z[N + CUES];
        CHECK_OK(eg_binary_add(m, a, own ? NULL : b, N));
        CHECK_OK(eg_binary_recall(m, a, N + CUES, NULL, got, z));
        CHECK_SAME_BITS(got, want, N * 2 * sizeof *want);
        size_t refused = 0;
        for (size_t i = 0; i < N + CUES; i++) {
            int stored = 0;
            for (size_t p = 0; p < N; p++)
                stored |= memcmp(got + 2 * i, want + 2 * p, sizeof got[0] * 2) == 0;
            CHECK(z[i].converged && (i < N ? z[i].whole : z[i].whole <= stored));
            refused += !z[i].whole;
        }
        CHECK(refused > CUES / 4);
        free(x), free(y), free(a), free(b);
        eg_binary_destroy(m);
    }
}

/* Both sides at rest, energy falls, and it is the double sum. */
static void bidirectional(void **state)
{
    enum { N = 4 };
    (void)state;
    eg_binary *m = binary_of(options_of(EG_BINARY_BAM));
    float *x = draw_sparse(N, 100, 50, 3), *y = draw_sparse(N, 70, 35, 4);
    uint64_t *a = states_of(m, 0, x, N), *b = states_of(m, 1, y, N);
    CHECK_OK(eg_binary_add(m, a, b, N));
    for (size_t i = 0; i < N; i++) {
        uint64_t cue[2] = { a[2 * i] ^ 0x111, a[2 * i + 1] }, got[2];
        eg_binary_certificate z;
        double energy, direct = 0;
        CHECK_OK(eg_binary_recall(m, cue, 1, NULL, got, &z));
        CHECK_SAME_BITS(got, b + 2 * i, sizeof got);
        CHECK(z.converged && z.energy_after <= z.energy_before);
        CHECK_OK(eg_binary_energy(m, a + 2 * i, b + 2 * i, 1, &energy));
        for (size_t p = 0; p < N; p++) {
            double in = 0, out = 0;
            for (size_t j = 0; j < 100; j++)
                in += (2 * x[p * 100 + j] - 1) * (2 * x[i * 100 + j] - 1);
            for (size_t j = 0; j < 70; j++)
                out += (2 * y[p * 70 + j] - 1) * (2 * y[i * 70 + j] - 1);
            direct -= in * out;
        }
        CHECK(energy == direct && z.energy_after == direct);
        float back[70];
        CHECK_OK(eg_binary_decode(m, 1, got, 1, back));
        for (size_t j = 0; j < 70; j++) CHECK((int)back[j] == (y[i * 70 + j] > 0 ? 1 : -1));
    }
    free(x), free(y), free(a), free(b);
    eg_binary_destroy(m);
}

static void check_same(const eg_binary *a, const eg_binary *b)
{
    CHECK(a->links.existing == b->links.existing);
    const size_t cells = a->links.rows * a->links.words, sums = a->sums.rows * a->sums.columns;
    if (cells > 0) CHECK_SAME_BITS(a->links.bits, b->links.bits, cells * 8);
    if (a->links.count != NULL) CHECK_SAME_BITS(a->links.count, b->links.count, cells * 128);
    if (sums > 0) CHECK_SAME_BITS(a->sums.at, b->sums.at, sums * 4);
}

static void refuse_strangers(eg_binary_options o)
{
    enum { N = 4 };
    o.counted = 1;
    eg_binary *m = binary_of(o), *other = binary_of(o), *same = binary_of(o);
    float *x, *y;
    draw_pairs(m, 2 * N, 6, &x, &y);
    uint64_t *a = states_of(m, 0, x, 2 * N), *b = y ? states_of(m, 1, y, 2 * N) : NULL;
    const uint64_t *a2 = a + N * eg_binary_words(m);
    const uint64_t *b2 = b ? b + N * eg_binary_out_words(m) : NULL;
    CHECK_OK(put(m, a, b, N, 1));
    CHECK_OK(put(same, a, b, N, 1));
    CHECK_OK(put(other, a2, b2, N, 1));
    CHECK_STATUS(put(m, a2, b2, N, -1), EG_NOT_FOUND);
    CHECK_STATUS(eg_binary_subtract(m, other), EG_NOT_FOUND);
    const uint64_t first = a[0];
    a[0] &= first - 1; /* a unit less: its connections would be left, and no pair */
    if (!m->kind->symbols) CHECK_STATUS(put(m, a, b, N, -1), EG_NOT_FOUND);
    a[0] = first;
    check_same(m, same);
    m->on_in = 0; /* as a repair leaves it that found no counts */
    CHECK_OK(put(m, a, b, N, -1));
    CHECK(eg_binary_count(m) == 0 && m->on_in == 0);
    for (size_t r = 0; r < m->kind->keeping->rows(m); r++) CHECK(!m->kind->keeping->row_used(m, r));
    free(x), free(y), free(a), free(b);
    eg_binary_destroy(m), eg_binary_destroy(other), eg_binary_destroy(same);
}

/* What cannot be of the pairs that would stay is not forgotten, and nothing changes: no sum
 * exceeds their number, no connection is left when none is. */
static void what_was_never_stored_is_not_forgotten(void **state)
{
    (void)state;
    for (int kind = 0; kind < EG_BINARY_KINDS; kind++)
        refuse_strangers(options_of((eg_binary_kind)kind));
}

/* Every unit of a content. */
static uint64_t *all_outputs(const eg_binary *m)
{
    uint64_t *every = calloc(m->out.words, sizeof *every);
    for (size_t c = 0; c < m->out.clusters; c++)
        for (size_t u = 0; u < m->out.units; u++)
            every[c * m->out.group + u / 64] |= UINT64_C(1) << u % 64;
    return every;
}

/* Parts of the units of a content merge to the whole. */
static void check_split(const eg_binary *m)
{
    eg_binary *left = NULL, *right = NULL;
    const size_t out = eg_binary_out_words(m);
    uint64_t *every = all_outputs(m), *some = calloc(out, 8);
    for (size_t w = 0; w < out; w++) some[w] = every[w] & 0x5a5a5a5a5a5a5a5a;
    CHECK_OK(eg_binary_split(m, some, &left));
    for (size_t w = 0; w < out; w++) some[w] ^= every[w];
    CHECK_OK(eg_binary_split(m, some, &right));
    CHECK_OK(eg_binary_merge(left, right));
    check_same(left, m);
    free(every), free(some);
    eg_binary_destroy(left);
    eg_binary_destroy(right);
}

/* Taught apart and merged is taught together; a difference undoes it. */
static void check_merge(eg_binary_options o)
{
    enum { N = 24, HALF = N / 2 };
    eg_binary *one = binary_of(o), *two = binary_of(o), *all = binary_of(o), *was = NULL;
    float *x, *y;
    draw_pairs(one, N, 6, &x, &y);
    uint64_t *a = states_of(one, 0, x, N), *b = y ? states_of(one, 1, y, N) : NULL;
    const uint64_t *a2 = a + HALF * eg_binary_words(one);
    const uint64_t *b2 = b ? b + HALF * eg_binary_out_words(one) : NULL;
    uint64_t *every = all_outputs(one);
    const int exact = o.counted || one->links.bits == NULL;
    CHECK_OK(put(one, a, b, HALF, 1));
    CHECK_OK(put(two, a2, b2, HALF, 1));
    CHECK_OK(put(all, a, b, HALF, 1));
    CHECK_OK(put(all, a2, b2, HALF, 1));
    CHECK_OK(eg_binary_split(one, every, &was));
    check_same(was, one);
    CHECK_OK(eg_binary_merge(one, two));
    check_same(one, all);
    CHECK(eg_binary_count(one) == eg_binary_count(all) && one->on_in == all->on_in);
    CHECK_OK(eg_binary_subtract(one, two));
    if (exact) check_same(one, was);
    CHECK_OK(eg_binary_merge(one, two));
    check_same(one, all);
    CHECK_STATUS(put(all, a2, b2, HALF, -1), exact ? EG_OK : EG_ERR_UNSUPPORTED);
    if (exact) check_same(all, was);
    if (exact) CHECK_STATUS(eg_binary_subtract(was, one), EG_NOT_FOUND);
    check_split(one);
    o.units++;
    eg_binary *other = binary_of(o);
    CHECK_STATUS(eg_binary_merge(one, other), EG_ERR_SHAPE);
    free(x), free(y), free(a), free(b), free(every);
    eg_binary *const made[] = { one, two, all, was, other };
    for (size_t i = 0; i < 5; i++) eg_binary_destroy(made[i]);
}

static void memories_merge_differ_and_split(void **state)
{
    (void)state;
    for (int kind = 0; kind < EG_BINARY_KINDS; kind++)
        for (int counted = 0; counted < 2; counted++) {
            eg_binary_options o = options_of((eg_binary_kind)kind);
            o.counted = counted;
            check_merge(o);
        }
}

/* Any number of threads, and queries together or alone: the same bits. */
static void check_alone(eg_binary *m)
{
    enum { N = 300 };
    float *x, *y;
    draw_pairs(m, N, 6, &x, &y);
    uint64_t *a = states_of(m, 0, x, N), *b = y ? states_of(m, 1, y, N) : NULL;
    const size_t in = eg_binary_words(m), out = eg_binary_out_words(m);
    uint64_t *one = calloc(N * out, 8), *many = calloc(N * out, 8);
    CHECK_OK(put(m, a, b, 30, 1));
    eg_binary_recall_options o = eg_binary_recall_usual(m);
    o.threads = 1;
    CHECK_OK(eg_binary_recall(m, a, N, &o, one, NULL));
    o.threads = 3;
    CHECK_OK(eg_binary_recall(m, a, N, &o, many, NULL));
    CHECK_SAME_BITS(one, many, N * out * 8);
    for (size_t i = 0; i < N; i += 37) {
        CHECK_OK(eg_binary_recall(m, a + i * in, 1, &o, many, NULL));
        CHECK_SAME_BITS(one + i * out, many, out * 8);
    }
    free(x), free(y), free(a), free(b), free(one), free(many);
}

static void answers_depend_on_the_cue_alone(void **state)
{
    (void)state;
    for (int kind = 0; kind < EG_BINARY_KINDS; kind++) {
        eg_binary *m = binary_of(options_of((eg_binary_kind)kind));
        check_alone(m);
        eg_binary_destroy(m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(willshaw),
        cmocka_unit_test(sparse_messages),
        cmocka_unit_test(chains),
        cmocka_unit_test(sparse_distributed),
        cmocka_unit_test(what_an_sdm_vouches_for),
        cmocka_unit_test(bidirectional),
        cmocka_unit_test(what_was_never_stored_is_not_forgotten),
        cmocka_unit_test(memories_merge_differ_and_split),
        cmocka_unit_test(answers_depend_on_the_cue_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
