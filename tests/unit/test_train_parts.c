/* Splits, batches, augmentation and measures: against what can be counted by hand. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"
#include "train/egi_train.h"

enum { N = 103, K = 4 };

static void labels_of(int32_t *y)
{
    for (int i = 0; i < N; i++) y[i] = i < 50 ? 0 : i < 80 ? 1 : i < 102 ? 2 : 3;
}

static void folds_are_even_in_every_class(void **state)
{
    (void)state;
    int32_t y[N];
    uint32_t fold[N], other[N];
    labels_of(y);
    for (size_t k = 2; k < 8; k++) {
        size_t size[8] = { 0 }, of[K][8] = { { 0 } };
        CHECK_OK(eg_split_folds(y, N, K, k, 5, fold));
        for (int i = 0; i < N; i++) {
            CHECK(fold[i] < k);
            size[fold[i]]++;
            of[y[i]][fold[i]]++;
        }
        for (size_t a = 0; a < k; a++)
            for (size_t b = 0; b < k; b++) {
                CHECK(size[a] <= size[b] + 1);
                for (int c = 0; c < K; c++) CHECK(of[c][a] <= of[c][b] + 1);
            }
    }
    CHECK_OK(eg_split_folds(y, N, K, 5, 5, fold));
    CHECK_OK(eg_split_folds(y, N, K, 5, 5, other));
    CHECK_SAME_BITS(fold, other, sizeof fold);
    CHECK_OK(eg_split_folds(y, N, K, 5, 6, other));
    CHECK(memcmp(fold, other, sizeof fold) != 0);
    CHECK_STATUS(eg_split_folds(y, N, K, 1, 5, fold), EG_ERR_INVALID);
    CHECK_STATUS(eg_split_folds(y, N, K, N + 1, 5, fold), EG_ERR_INVALID);
    CHECK_STATUS(eg_split_folds(y, N, 3, 2, 5, fold), EG_ERR_INVALID);
}

static void a_share_is_taken_of_every_class(void **state)
{
    (void)state;
    static const size_t all[K] = { 50, 30, 22, 1 };
    int32_t y[N];
    uint32_t chosen[N];
    size_t index[N];
    labels_of(y);
    for (double share = 0; share <= 1; share += 0.125) {
        double of[K] = { 0 };
        CHECK_OK(eg_split_share(y, N, K, share, 9, chosen));
        const size_t n = eg_split_select(chosen, N, 1, 0, index);
        CHECK(n == (size_t)llround(share * N));
        for (size_t i = 0; i < n; i++) of[y[index[i]]]++;
        for (int c = 0; c < K; c++) CHECK_NEAR(of[c], share * (double)all[c], 1.001);
        CHECK(eg_split_select(chosen, N, 1, 1, index) == N - n);
    }
    CHECK_STATUS(eg_split_share(y, N, K, 1.5, 9, chosen), EG_ERR_INVALID);
    CHECK_STATUS(eg_split_share(y, N, K, (double)NAN, 9, chosen), EG_ERR_INVALID);
}

/* The area by its definition: of all pairs of one and another, how many are in order. */
static double pairs_in_order(const float *z, const int32_t *y, size_t n, size_t k, int c)
{
    double in_order = 0, pairs = 0;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++) {
            if (y[i] != c || y[j] == c) continue;
            const float a = z[i * k + (size_t)c], b = z[j * k + (size_t)c];
            in_order += a > b ? 1 : a == b ? 0.5 : 0;
            pairs++;
        }
    return in_order / pairs;
}

static void measures_equal_their_definitions(void **state)
{
    (void)state;
    float z[N * 3];
    int32_t y[N];
    size_t table[9], sum = 0, right = 0;
    eg_random_normal(1, 0, 0, N * 3, z);
    for (int i = 0; i < N; i++) {
        y[i] = (int32_t)eg_random_below(1, 1, (uint64_t)i, 3);
        for (int c = 0; c < 3; c++) z[i * 3 + c] = floorf(2 * z[i * 3 + c]); /* ties */
        z[i * 3 + y[i]] += 1;
    }
    eg_scored s = { .confusion = table };
    CHECK_OK(eg_score(z, y, N, 3, &s));
    double auc = 0;
    for (int c = 0; c < 3; c++) auc += pairs_in_order(z, y, N, 3, c) / 3;
    CHECK_NEAR(s.auc, auc, 1e-12);
    for (int a = 0; a < 9; a++) sum += table[a];
    for (int a = 0; a < 3; a++) right += table[4 * a];
    CHECK(sum == N && s.errors == N - right && s.n == N);
    CHECK_NEAR(s.accuracy, (double)right / N, 1e-15);
}

static void two_classes_and_classes_that_do_not_occur(void **state)
{
    (void)state;
    const float z[8] = { 0, 1, 3, 1, 0, 2, 1, 0 }; /* differences 1, -2, 2, -1 */
    const int32_t y[4] = { 1, 0, 1, 1 }, one[4] = { 1, 1, 1, 1 };
    float bad[8] = { 0 };
    eg_scored s = { .confusion = NULL };
    CHECK_OK(eg_score(z, y, 4, 2, &s));
    CHECK(s.auc == 1 && s.errors == 1);
    CHECK_OK(eg_score(z, one, 4, 2, &s));
    CHECK(isnan(s.auc));
    bad[5] = NAN;
    CHECK_STATUS(eg_score(bad, y, 4, 2, &s), EG_ERR_DIVERGED);
    const int32_t outside[4] = { 1, 0, 2, 1 };
    CHECK_STATUS(eg_score(z, outside, 4, 2, &s), EG_ERR_INVALID);
}

static void an_epoch_shows_every_example_once(void **state)
{
    (void)state;
    float x[N];
    int32_t y[N];
    size_t index[N - 3];
    for (int i = 0; i < N; i++) x[i] = (float)i, y[i] = i;
    for (int i = 0; i < N - 3; i++) index[i] = (size_t)i + 3;
    const eg_dataset set = { .n = N, .d = 1, .x = x, .labels = y, .classes = N };
    const eg_part part = { &set, index, N - 3 };
    const eg_augment none = { 0, 0, 0 };
    struct egi_loader l;
    int32_t first[2][10];
    CHECK_OK(egi_loader_create(&part, 16, 3, &none, eg_allocator_default(), &l));
    CHECK(l.batches == 7);
    for (size_t epoch = 0; epoch < 2; epoch++) {
        int seen[N] = { 0 };
        for (size_t at = 0; at < 7; at++) {
            CHECK(egi_loader_batch(&l, epoch, at).n == (at < 6 ? 16 : 4));
            for (int i = 0; i < (at < 6 ? 16 : 4); i++) {
                CHECK(l.x[i] == (float)l.y[i]);
                seen[l.y[i]]++;
            }
            if (at == 0) memcpy(first[epoch], l.y, sizeof first[epoch]);
        }
        for (int i = 0; i < N; i++) CHECK(seen[i] == (i >= 3));
    }
    CHECK(memcmp(first[0], first[1], sizeof first[0]) != 0);
    CHECK(egi_loader_batch(&l, 0, 0).n == 16); /* back again: the same */
    CHECK_SAME_BITS(first[0], l.y, sizeof first[0]);
    egi_loader_clear(&l);
}

/* A batch of bags holds their rows one after the other; each bag is seen once an epoch. */
static void bags_come_whole(void **state)
{
    (void)state;
    enum { BAGS = 13, ROWS = BAGS * (BAGS + 1) / 2 };
    float x[2 * ROWS];
    int32_t y[BAGS];
    size_t offset[BAGS + 1] = { 0 }, index[BAGS - 1];
    for (size_t i = 0; i < BAGS; i++) {
        y[i] = (int32_t)i;
        offset[i + 1] = offset[i] + i + 1;
        for (size_t r = offset[i]; r < offset[i + 1]; r++) {
            x[2 * r] = (float)i;
            x[2 * r + 1] = (float)(r - offset[i]);
        }
        if (i > 0) index[i - 1] = i;
    }
    const eg_dataset set = {
        .n = BAGS, .d = 2, .x = x, .labels = y, .classes = BAGS, .offset = offset
    };
    const eg_part part = { &set, index, BAGS - 1 };
    const eg_augment none = { 0, 0, 0 };
    struct egi_loader l;
    struct egi_arena arena;
    eg_examples all;
    CHECK(eg_dataset_rows(&set) == ROWS);
    CHECK_OK(egi_loader_create(&part, 5, 3, &none, eg_allocator_default(), &l));
    for (size_t epoch = 0; epoch < 2; epoch++) {
        int seen[BAGS] = { 0 };
        for (size_t at = 0; at < 3; at++) {
            const eg_examples b = egi_loader_batch(&l, epoch, at);
            CHECK(b.n == (at < 2 ? 5 : 2) && b.offset[0] == 0);
            for (size_t i = 0; i < b.n; i++) {
                CHECK(b.offset[i + 1] - b.offset[i] == (size_t)b.y[i] + 1);
                for (size_t r = b.offset[i]; r < b.offset[i + 1]; r++)
                    CHECK(b.x[2 * r] == (float)b.y[i]
                          && b.x[2 * r + 1] == (float)(r - b.offset[i]));
                seen[b.y[i]]++;
            }
        }
        for (int i = 0; i < BAGS; i++) CHECK(seen[i] == (i > 0));
    }
    egi_loader_clear(&l);
    CHECK_OK(egi_part_gather(&part, eg_allocator_default(), &arena, &all));
    CHECK(all.n == BAGS - 1 && all.offset[BAGS - 1] == ROWS - 1);
    CHECK_SAME_BITS(all.x, x + 2, 2 * (ROWS - 1) * sizeof *x);
    CHECK_SAME_BITS(all.y, y + 1, (BAGS - 1) * sizeof *y);
    egi_arena_destroy(&arena);
}

/* Every picture shown is the original moved by at most two pixels, or its mirror image. */
static int is_view(const float *v, const float *x, int flip, int dy, int dx)
{
    for (int r = 0; r < 12; r++)
        for (int c = 0; c < 5; c++) {
            const int plane = r / 6, y = r % 6 - dy, from = (flip ? 4 - c : c) - dx;
            const int inside = y >= 0 && y < 6 && from >= 0 && from < 5;
            if (v[r * 5 + c] != (inside ? x[(plane * 6 + y) * 5 + from] : -7)) return 0;
        }
    return 1;
}

static void augmentation_moves_and_mirrors(void **state)
{
    (void)state;
    float x[60];
    int32_t y[1] = { 0 };
    int seen[2][5][5] = { { { 0 } } }, kinds = 0;
    for (int i = 0; i < 60; i++) x[i] = (float)i;
    const eg_dataset set = {
        .n = 1, .d = 60, .height = 6, .width = 5, .channels = 2, .x = x, .labels = y, .classes = 1
    };
    const eg_dataset flat = { .n = 1, .d = 60, .x = x, .labels = y };
    const eg_part part = { &set, NULL, 1 }, rows = { &flat, NULL, 1 };
    enum { EPOCHS = 1600 };
    const eg_augment both = { 2, -7, 0.25 };
    double flips = 0;
    struct egi_loader l;
    CHECK_STATUS(egi_loader_create(&rows, 1, 3, &both, eg_allocator_default(), &l), EG_ERR_INVALID);
    CHECK_OK(egi_loader_create(&part, 1, 3, &both, eg_allocator_default(), &l));
    for (size_t epoch = 0; epoch < EPOCHS; epoch++) {
        int found = 0;
        CHECK(egi_loader_batch(&l, epoch, 0).n == 1);
        for (int at = 0; at < 50 && !found; at++) {
            const int flip = at / 25, dy = at / 5 % 5 - 2, dx = at % 5 - 2;
            found = is_view(l.x, x, flip, dy, dx);
            flips += found && flip;
            if (found) kinds += seen[flip][dy + 2][dx + 2]++ == 0;
        }
        CHECK(found);
    }
    CHECK(kinds == 50);
    CHECK_NEAR(flips / EPOCHS, both.flip, 4 * sqrt(0.25 * 0.75 / EPOCHS));
    egi_loader_clear(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(folds_are_even_in_every_class),
        cmocka_unit_test(a_share_is_taken_of_every_class),
        cmocka_unit_test(measures_equal_their_definitions),
        cmocka_unit_test(two_classes_and_classes_that_do_not_occur),
        cmocka_unit_test(an_epoch_shows_every_example_once),
        cmocka_unit_test(bags_come_whole),
        cmocka_unit_test(augmentation_moves_and_mirrors),
    };
    return cmocka_run_group_tests_name("train_parts", tests, NULL, NULL);
}
