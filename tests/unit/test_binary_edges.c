/* Binary memories at their edges: kernels against the reference row, rows as bytes, bad arguments,
 * failing allocations. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "binary/egi_binary.h"
#include "binary_check.h"

static uint64_t draw_word(uint64_t seed, uint64_t at)
{
    return eg_random_below(seed, 1, at, UINT64_MAX);
}

enum { W = 37, K = 9 };
static uint64_t matrix[K * W];

static void compare(const struct egi_kernels_links *k, size_t words, size_t rows)
{
    const struct egi_kernels_links ref = egi_kernels_links(EGI_ISA_REF);
    const uint64_t *row[K];
    uint64_t a[W + 1], b[W + 1];
    uint16_t s[64 * W + 1], t[64 * W + 1];
    uint32_t n[K], o[K], c[W], d[W];
    for (size_t r = 0; r < rows; r++) row[r] = matrix + r * W;
    for (size_t w = 0; w <= W; w++) a[w] = b[w] = draw_word(3, w);
    for (size_t j = 0; j <= 64 * W; j++) s[j] = t[j] = (uint16_t)(j % 7);
    const uint32_t cluster[K] = { 0, 2, 1, 2, 5, 9, 0, 1, 3 };
    for (size_t group = 1; group <= words; group += 2) {
        ref.agree(row, cluster, rows, words / group, group, a, c);
        k->agree(row, cluster, rows, words / group, group, b, d);
        CHECK_SAME_BITS(a, b, sizeof a);
        CHECK_SAME_BITS(c, d, words / group * sizeof *c);
    }
    ref.join(row, rows, words, a), k->join(row, rows, words, b);
    CHECK_SAME_BITS(a, b, sizeof a);
    ref.tally(row, rows, words, s), k->tally(row, rows, words, t);
    CHECK_SAME_BITS(s, t, sizeof s);
    ref.ones(matrix, rows, words, n), k->ones(matrix, rows, words, o);
    if (rows > 0) CHECK_SAME_BITS(n, o, rows * sizeof *n);
}

static void kernels_agree(void **state)
{
    (void)state;
    const struct egi_kernels_links ref = egi_kernels_links(EGI_ISA_REF);
    for (size_t i = 0; i < K * W; i++) matrix[i] = draw_word(1, i) & draw_word(2, i);
    for (int isa = 1; isa < EGI_ISA_COUNT; isa++) {
        const struct egi_kernels_links k = egi_kernels_links((enum egi_isa)isa);
        for (size_t i = 0; egi_isa_supported((enum egi_isa)isa) && i < (W + 1) * (K + 1); i++)
            compare(&k, i / (K + 1), i % (K + 1));
    }
    /* and the reference, by counting */
    const uint64_t *row[K];
    uint64_t any[W];
    uint16_t score[64 * W] = { 0 };
    for (size_t r = 0; r < K; r++) row[r] = matrix + r * W;
    ref.join(row, K, W, any);
    ref.tally(row, K, W, score);
    for (size_t j = 0; j < 64 * W; j++) {
        unsigned sum = 0;
        for (size_t r = 0; r < K; r++) sum += matrix[r * W + j / 64] >> j % 64 & 1;
        CHECK(score[j] == sum && (any[j / 64] >> j % 64 & 1) == (sum > 0));
    }
}

enum { BITS = 4000, WORDS = (BITS + 63) / 64 };

/* Cut short or twisted: refused, or some row, never more. */
static void damage(uint8_t *bytes, size_t size)
{
    uint64_t back[WORDS];
    size_t took;
    for (size_t cut = 0; cut < size; cut++)
        CHECK_STATUS(egi_row_decode(bytes, cut, BITS, back, &took), EG_ERR_CORRUPT);
    for (size_t i = 0; i < size; i++) {
        bytes[i] ^= (uint8_t)(1 << i % 8);
        const eg_status s = egi_row_decode(bytes, size, BITS, back, &took);
        CHECK(s == EG_ERR_CORRUPT || (s == EG_OK && took <= size));
        CHECK(s != EG_OK || back[WORDS - 1] >> BITS % 64 == 0);
        bytes[i] ^= (uint8_t)(1 << i % 8);
    }
}

/* Rows of every density come back, and cost about their entropy. */
static void rows_as_bytes(void **state)
{
    static uint8_t bytes[BITS];
    (void)state;
    for (unsigned p = 0; p <= 20; p++) {
        uint64_t row[WORDS] = { 0 }, back[WORDS];
        double ones = 0;
        size_t took;
        for (size_t i = 0; i < BITS; i++) {
            const int on = eg_random_below(p, 5, i, 20) < p;
            row[i / 64] |= (uint64_t)on << i % 64;
            ones += on;
        }
        const size_t size = egi_row_encode(row, BITS, bytes);
        CHECK(size <= egi_row_code_most(BITS));
        CHECK_OK(egi_row_decode(bytes, size, BITS, back, &took));
        CHECK(took == size);
        CHECK_SAME_BITS(row, back, sizeof row);
        const double d = ones / BITS;
        const double entropy = d > 0 && d < 1 ? -BITS * (d * log2(d) + (1 - d) * log2(1 - d)) : 0;
        CHECK((double)size <= 1.06 * entropy / 8 + 8);
        CHECK((double)size + 1 >= 0.9 * entropy / 8);
        damage(bytes, size);
    }
}

static void refuse(const eg_binary_options *o, const char *word)
{
    eg_binary *m = NULL;
    CHECK_STATUS(eg_binary_create(o, &m), EG_ERR_INVALID);
    CHECK(m == NULL && strstr(eg_error_detail(), word) != NULL);
}

#define REFUSE(word, ...)                                                             \
    do {                                                                              \
        const eg_binary_options refused = { sizeof(eg_binary_options), __VA_ARGS__ }; \
        refuse(&refused, word);                                                       \
    } while (0)

static void options_are_checked(void **state)
{
    (void)state;
    size_t bytes;
    refuse(&(eg_binary_options){ .size = 1 }, "size");
    REFUSE("kind", .kind = EG_BINARY_KINDS, .clusters = 2, .units = 2);
    REFUSE("address", .kind = EG_BINARY_CLIQUE, .clusters = 0, .units = 2);
    REFUSE("address", .kind = EG_BINARY_CLIQUE, .clusters = SIZE_MAX, .units = 2);
    REFUSE("content", .kind = EG_BINARY_CLIQUE, .clusters = 2, .units = 2, .out_units = 3);
    REFUSE("clique", .kind = EG_BINARY_CLIQUE, .clusters = 1, .units = 2);
    REFUSE("order", .kind = EG_BINARY_CLIQUE, .clusters = 3, .units = 2, .order = 4);
    REFUSE("order", .kind = EG_BINARY_CLIQUE, .clusters = 3, .units = 2, .order = 1);
    REFUSE("1 cluster", .kind = EG_BINARY_WILLSHAW, .clusters = 2, .units = 2);
    REFUSE("order", .kind = EG_BINARY_WILLSHAW, .clusters = 1, .units = 2, .order = 1);
    REFUSE("chain", .kind = EG_BINARY_CHAIN, .clusters = 2, .units = 2, .out_clusters = 1,
           .out_units = 2);
    REFUSE("order", .kind = EG_BINARY_CHAIN, .clusters = 2, .units = 2, .order = 1001);
    REFUSE("sdm", .kind = EG_BINARY_SDM, .clusters = 1, .units = 20);
    REFUSE("sdm", .kind = EG_BINARY_SDM, .clusters = 1, .units = 20, .locations = 9, .radius = 21);
    REFUSE("bam", .kind = EG_BINARY_BAM, .clusters = 1, .units = 20);
    CHECK_STATUS(eg_binary_create(NULL, NULL), EG_ERR_INVALID);
    CHECK_STATUS(eg_binary_size(NULL, &bytes), EG_ERR_INVALID);
    const eg_binary_options huge = {
        .size = sizeof huge, .kind = EG_BINARY_WILLSHAW, .clusters = 1, .units = (size_t)1 << 30
    };
    CHECK_OK(eg_binary_size(&huge, &bytes));
    CHECK(bytes > (size_t)1 << 56);
    for (size_t i = 0; i < EG_BINARY_KINDS; i++)
        CHECK(eg_binary_kind_at(i)->name[0] && eg_binary_kind_at(i)->source[0]);
    CHECK(eg_binary_kind_at(EG_BINARY_KINDS) == NULL);
}

static void pairs_are_checked(void **state)
{
    (void)state;
    eg_binary *m = clique_of(3, 70, 0, 0);
    uint64_t x[6], out[6];
    const float good[] = { 1, 69, 0 };
    float back[3];
    CHECK_OK(eg_binary_encode(m, 0, good, 1, x));
    CHECK(x[0] == 2 && x[3] == 32 && x[4] == 1);
    CHECK_OK(eg_binary_decode(m, 0, x, 1, back));
    for (size_t i = 0; i < 3; i++) CHECK(good[i] == back[i]);
    const float bad[] = { -2, 70, 0.5F, (float)NAN, (float)INFINITY };
    for (size_t i = 0; i < 5; i++)
        CHECK_STATUS(eg_binary_encode(m, 0, (float[]){ 0, bad[i], 0 }, 1, out), EG_ERR_INVALID);
    CHECK_STATUS(eg_binary_encode(m, 2, good, 1, out), EG_ERR_INVALID);
    CHECK_STATUS(eg_binary_decode(m, 0, NULL, 1, back), EG_ERR_INVALID);
    CHECK_OK(eg_binary_add(m, x, NULL, 1));
    x[1] |= 1u << 7; /* bit 71 of a cluster of 70 */
    CHECK_STATUS(eg_binary_add(m, x, NULL, 1), EG_ERR_INVALID);
    CHECK_STATUS(eg_binary_recall(m, x, 1, NULL, out, NULL), EG_ERR_INVALID);
    x[1] = 0;
    x[0] |= 4; /* two symbols of a cluster: a cue, and no message */
    CHECK_STATUS(eg_binary_add(m, x, NULL, 1), EG_ERR_INVALID);
    CHECK_OK(eg_binary_recall(m, x, 1, NULL, out, NULL));
    CHECK(out[0] == 2);
    x[0] = 0;
    CHECK_STATUS(eg_binary_add(m, x, NULL, 1), EG_ERR_INVALID);
    CHECK_STATUS(eg_binary_add(m, x, x, 1), EG_ERR_INVALID);
    CHECK_STATUS(eg_binary_add(m, NULL, NULL, 1), EG_ERR_INVALID);
    CHECK_STATUS(eg_binary_add(NULL, x, NULL, 1), EG_ERR_INVALID);
    CHECK_STATUS(eg_binary_forget(m, x, NULL, 1), EG_ERR_INVALID);
    CHECK_STATUS(eg_binary_add_sequence(m, x, 2), EG_ERR_INVALID);
    CHECK_STATUS(eg_binary_merge(m, NULL), EG_ERR_INVALID);
    CHECK_STATUS(eg_binary_split(m, NULL, NULL), EG_ERR_INVALID);
    CHECK_STATUS(eg_binary_measure(m, NULL), EG_ERR_INVALID);
    CHECK_STATUS(eg_binary_energy(m, NULL, NULL, 1, NULL), EG_ERR_INVALID);
    CHECK_STATUS(eg_binary_sequence(m, x, 3, 1, out, NULL), EG_ERR_UNSUPPORTED);
    CHECK(eg_binary_count(m) == 1);
    eg_binary_destroy(m);
    eg_binary_destroy(NULL);
}

static void recall_options_are_checked(void **state)
{
    (void)state;
    eg_binary *m = clique_of(3, 8, 0, 0);
    uint64_t x[3] = { 1, 2, 4 };
    const eg_binary_recall_options usual = eg_binary_recall_usual(m);
    eg_binary_recall_options o = usual;
    o.size = 0;
    CHECK_STATUS(eg_binary_recall(m, x, 1, &o, x, NULL), EG_ERR_INVALID);
    o = usual, o.max_steps = 0;
    CHECK_STATUS(eg_binary_recall(m, x, 1, &o, x, NULL), EG_ERR_INVALID);
    o = usual, o.activation = EG_ACTIVE_COUNT;
    CHECK_STATUS(eg_binary_recall(m, x, 1, &o, x, NULL), EG_ERR_INVALID);
    o = usual, o.persist = 1001;
    CHECK_STATUS(eg_binary_recall(m, x, 1, &o, x, NULL), EG_ERR_INVALID);
    o = usual, o.activation = EG_ACTIVE_THRESHOLD;
    CHECK_STATUS(eg_binary_recall(m, x, 1, &o, x, NULL), EG_ERR_INVALID);
    o = usual, o.score = EG_SCORE_SUM;
    CHECK_STATUS(eg_binary_recall(m, x, 1, &o, x, NULL), EG_ERR_UNSUPPORTED);
    CHECK_STATUS(eg_binary_recall(m, x, 1, NULL, NULL, NULL), EG_ERR_INVALID);
    CHECK_OK(eg_binary_recall(m, NULL, 0, NULL, NULL, NULL));
    eg_binary_destroy(m);
}

static eg_status scenario(const eg_allocator *alloc, eg_binary_kind kind)
{
    eg_binary_options o = EG_BINARY_OPTIONS_INIT;
    eg_binary *m = NULL, *part = NULL;
    o.kind = kind;
    o.clusters = kind == EG_BINARY_CLIQUE ? 3 : 1;
    o.units = 10;
    o.out_clusters = kind == EG_BINARY_BAM;
    o.out_units = kind == EG_BINARY_BAM ? 10 : 0;
    o.locations = 20;
    o.radius = 5;
    o.counted = 1;
    o.alloc = alloc;
    const uint64_t x[3] = { 1, 2, 4 };
    uint64_t y[3] = { 0 };
    eg_status s = eg_binary_create(&o, &m);
    if (s == EG_OK && kind == EG_BINARY_CHAIN) s = eg_binary_add_sequence(m, x, 2);
    if (s == EG_OK && kind == EG_BINARY_CHAIN) s = eg_binary_sequence(m, x, 1, 1, y, NULL);
    if (s == EG_OK && kind != EG_BINARY_CHAIN)
        s = eg_binary_add(m, x, kind == EG_BINARY_BAM ? x : NULL, 1);
    if (s == EG_OK) s = eg_binary_recall(m, x, 1, NULL, y, NULL);
    if (s == EG_OK) s = eg_binary_split(m, x, &part);
    if (s == EG_OK) s = eg_binary_merge(part, m);
    eg_binary_destroy(part);
    eg_binary_destroy(m);
    return s;
}

static void fail_each(eg_binary_kind kind)
{
    eg_status s = EG_ERR_NOMEM;
    size_t k = 0;
    for (; s != EG_OK && k < 40; k++) {
        struct failing f = { k, 0, 0, 0, 0, 0 };
        const eg_allocator alloc = failing_allocator(&f);
        s = scenario(&alloc, kind);
        CHECK(s == EG_OK || s == EG_ERR_NOMEM);
        CHECK(f.live == 0);
    }
    CHECK(s == EG_OK && k > 4);
}

static void allocations_may_fail(void **state)
{
    (void)state;
    for (int kind = 0; kind < EG_BINARY_KINDS; kind++) fail_each((eg_binary_kind)kind);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kernels_agree),
        cmocka_unit_test(rows_as_bytes),
        cmocka_unit_test(options_are_checked),
        cmocka_unit_test(pairs_are_checked),
        cmocka_unit_test(recall_options_are_checked),
        cmocka_unit_test(allocations_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
