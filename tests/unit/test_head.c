/* What every head must do, over the table: learn by storing, forget as if never taught, merge to
 * what one would be, take no more room than was said. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "head_check.h"

static struct head_examples taught, more, asked;

static double accuracy(eg_head *h, const struct head_examples *e)
{
    eg_head_answer answer[HEAD_N];
    size_t right = 0;
    CHECK_OK(eg_head_predict(h, e->x, HEAD_N, answer, NULL));
    for (size_t i = 0; i < HEAD_N; i++) right += answer[i].label == e->y[i];
    return (double)right / HEAD_N;
}

static void learns(void **state)
{
    (void)state;
    for (size_t s = 0; s < HEAD_SPECS; s++) {
        eg_head *h = head_new(head_specs[s], &taught);
        eg_head_bytes said, is;
        CHECK_OK(eg_head_size(head_specs[s], HEAD_D, HEAD_K, HEAD_N, &said));
        for (size_t i = 0; i < HEAD_N; i++)
            CHECK_OK(eg_head_teach(h, taught.x + i * HEAD_D, taught.y + i, 1));
        is = eg_head_bytes_of(h);
        CHECK(said.learning == is.learning && said.frozen == is.frozen && said.frozen > 0);
        CHECK(eg_head_classes(h) == HEAD_K && eg_head_count(h) == HEAD_N);
        CHECK(eg_head_class_count(h, 2) == HEAD_EACH && eg_head_class_count(h, 99) == 0);
        const double right = accuracy(h, &asked);
        if (!(right >= 0.9)) fail_msg("%s: %.2f", head_specs[s], right);
        eg_head_destroy(h);
    }
}

/* An answer is of its vector and the head alone, and its parts agree with the scores. */
static void answers_agree(void **state)
{
    (void)state;
    for (size_t s = 0; s < HEAD_SPECS; s++) {
        eg_head *h = head_new(head_specs[s], &taught);
        eg_head_answer all[HEAD_N], one;
        float scores[HEAD_N * HEAD_K], single[HEAD_K];
        CHECK_OK(eg_head_teach(h, taught.x, taught.y, HEAD_N));
        CHECK_OK(eg_head_predict(h, asked.x, HEAD_N, all, scores));
        for (size_t i = 0; i < HEAD_N; i++) {
            const float *row = scores + i * HEAD_K;
            CHECK_OK(eg_head_predict(h, asked.x + i * HEAD_D, 1, &one, single));
            CHECK_SAME_BITS(&one, &all[i], sizeof one);
            CHECK_SAME_BITS(single, row, sizeof single);
            CHECK(one.score >= row[one.second] && one.label != one.second);
            CHECK(one.confidence > 0 && one.confidence <= 1 && one.known && one.typical >= 1);
            for (size_t c = 0; c < HEAD_K; c++) CHECK(row[c] <= row[one.label]);
        }
        eg_head_destroy(h);
    }
}

/* The order of examples, and of batches, leaves no trace in sums. */
static void order_does_not_matter(void **state)
{
    (void)state;
    for (size_t s = 0; s < HEAD_SPECS; s++) {
        eg_head *a = head_new(head_specs[s], &taught), *b = head_new(head_specs[s], &taught);
        if (head_can(a, EG_HEAD_FORGETS) && !a->row->items) {
            CHECK_OK(eg_head_teach(a, taught.x, taught.y, HEAD_N));
            for (size_t i = HEAD_N; i-- > 0;)
                CHECK_OK(eg_head_teach(b, taught.x + i * HEAD_D, taught.y + i, 1));
            head_check_same(a, b);
        }
        eg_head_destroy(a), eg_head_destroy(b);
    }
}

static void forgets(void **state)
{
    (void)state;
    for (size_t s = 0; s < HEAD_SPECS; s++) {
        eg_head *never = head_new(head_specs[s], &taught), *h = head_new(head_specs[s], &taught);
        CHECK_OK(eg_head_teach(never, taught.x, taught.y, HEAD_N));
        CHECK_OK(eg_head_teach(h, taught.x, taught.y, HEAD_N));
        CHECK_OK(eg_head_teach(h, more.x, more.y, HEAD_N));
        if (head_can(h, EG_HEAD_FORGETS)) {
            CHECK_OK(eg_head_forget(h, more.x, more.y, HEAD_N));
            head_check_same(never, h);
            CHECK_OK(eg_head_forget(h, taught.x, taught.y, HEAD_N));
            CHECK(eg_head_count(h) == 0 && eg_head_classes(h) == 0);
            for (size_t i = 0; i < h->fields; i++) { /* nothing is left in what all share */
                const char *at = h->at[i];
                if (h->field[i].axis != EGI_FIXED || h->field[i].join != EGI_SUM) continue;
                for (size_t b = 0; b < h->field[i].rows * egi_head_row_bytes(&h->field[i]); b++)
                    CHECK(at[b] == 0);
            }
        } else {
            CHECK_STATUS(eg_head_forget(h, more.x, more.y, 1), EG_ERR_UNSUPPORTED);
        }
        eg_head_destroy(never), eg_head_destroy(h);
    }
}

/* A class forgotten is as if it had never been taught, and can be taught again. */
static void forgets_classes(void **state)
{
    (void)state;
    for (size_t s = 0; s < HEAD_SPECS; s++) {
        eg_head *never = head_new(head_specs[s], &taught), *h = head_new(head_specs[s], &taught);
        for (size_t i = 0; i < HEAD_N; i++)
            if (taught.y[i] != 1 && taught.y[i] != HEAD_K - 1)
                CHECK_OK(eg_head_teach(never, taught.x + i * HEAD_D, taught.y + i, 1));
        for (size_t i = 0; i < HEAD_N; i++)
            CHECK_OK(eg_head_teach(h, taught.x + i * HEAD_D, taught.y + i, 1));
        if (head_can(h, EG_HEAD_FORGETS_CLASS)) {
            eg_head_answer answer[HEAD_N];
            float scores[HEAD_N * HEAD_K];
            CHECK_OK(eg_head_forget_class(h, 1));
            CHECK_OK(eg_head_forget_class(h, HEAD_K - 1));
            head_check_same(never, h);
            CHECK(eg_head_classes(h) == HEAD_K - 1);
            CHECK_OK(eg_head_predict(h, asked.x, HEAD_N, answer, scores));
            for (size_t i = 0; i < HEAD_N; i++) {
                CHECK(answer[i].label != 1);
                CHECK(isinf(scores[i * (HEAD_K - 1) + 1]));
            }
            CHECK_STATUS(eg_head_forget_class(h, 1), EG_NOT_FOUND);
            CHECK_OK(eg_head_teach(h, taught.x + HEAD_D, taught.y + 1, 1));
            CHECK(eg_head_class_count(h, 1) == 1);
        } else {
            CHECK_STATUS(eg_head_forget_class(h, 1), EG_ERR_UNSUPPORTED);
        }
        eg_head_destroy(never), eg_head_destroy(h);
    }
}

/* What was never taught cannot be forgotten, and then nothing was done. */
static void refuses_to_forget(void **state)
{
    (void)state;
    const int32_t strange[1] = { HEAD_K }, wrong[2] = { 0, 3 };
    for (size_t s = 0; s < HEAD_SPECS; s++) {
        eg_head *h = head_new(head_specs[s], &taught), *same = head_new(head_specs[s], &taught);
        if (head_can(h, EG_HEAD_FORGETS)) {
            CHECK_OK(eg_head_teach(h, taught.x, taught.y, 2));
            CHECK_OK(eg_head_teach(same, taught.x, taught.y, 2));
            CHECK_STATUS(eg_head_forget(h, taught.x, strange, 1), EG_NOT_FOUND);
            CHECK_STATUS(eg_head_forget(h, taught.x, wrong, 2), EG_NOT_FOUND);
            /* of the class, but never taught: the sum would not come to 0 */
            CHECK_STATUS(eg_head_forget(h, more.x, more.y, 2), EG_NOT_FOUND);
            head_check_same(h, same);
        }
        eg_head_destroy(h), eg_head_destroy(same);
    }
}

static void merges(void **state)
{
    (void)state;
    /* b calls its classes by other numbers */
    const int32_t called[HEAD_K] = { 2, 0, 7, 1, 4 };
    int32_t renamed[HEAD_N];
    for (size_t i = 0; i < HEAD_N; i++) renamed[i] = called[more.y[i]];
    for (size_t s = 0; s < HEAD_SPECS; s++) {
        eg_head *both = head_new(head_specs[s], &taught), *a = head_new(head_specs[s], &taught);
        eg_head *b = head_new(head_specs[s], &taught);
        CHECK_OK(eg_head_teach(a, taught.x, taught.y, HEAD_N));
        CHECK_OK(eg_head_teach(b, more.x, more.y, HEAD_N));
        CHECK_OK(eg_head_teach(both, taught.x, taught.y, HEAD_N));
        CHECK_OK(eg_head_teach(both, more.x, renamed, HEAD_N));
        if (head_can(a, EG_HEAD_MERGES)) {
            const int32_t twice[HEAD_K] = { 0, 1, 2, 3, 3 };
            eg_head_answer x, y;
            CHECK_STATUS(eg_head_merge(a, b, twice), EG_ERR_INVALID);
            CHECK_OK(eg_head_merge(a, b, called));
            head_check_same(both, a);
            CHECK_OK(eg_head_predict(a, asked.x, 1, &x, NULL));
            CHECK_OK(eg_head_predict(both, asked.x, 1, &y, NULL));
            CHECK_SAME_BITS(&x, &y, sizeof x);
            CHECK_STATUS(eg_head_merge(a, a, NULL), EG_ERR_INVALID);
        } else {
            CHECK_STATUS(eg_head_merge(a, b, called), EG_ERR_UNSUPPORTED);
        }
        eg_head_destroy(both), eg_head_destroy(a), eg_head_destroy(b);
    }
}

static void refuses_to_merge(void **state)
{
    (void)state;
    eg_head *a = NULL, *b = NULL, *c = NULL, *d = NULL;
    CHECK_OK(eg_head_create(head_specs[0], 3, 0, NULL, &a));
    CHECK_OK(eg_head_create(head_specs[0], 4, 0, NULL, &b));
    CHECK_STATUS(eg_head_merge(a, b, NULL), EG_ERR_SHAPE);
    c = head_new(head_specs[10], &taught), d = head_new(head_specs[10], &more);
    CHECK_STATUS(eg_head_merge(c, d, NULL), EG_ERR_SHAPE);
    CHECK(strstr(eg_error_detail(), "quantiser") != NULL);
    eg_head_destroy(a), eg_head_destroy(b), eg_head_destroy(c), eg_head_destroy(d);
}

/* A class far above those known is refused before a byte is taken for it, unless room was made. */
static void refuses_far_classes(void **state)
{
    (void)state;
    for (size_t s = 0; s < HEAD_SPECS; s++) {
        struct failing f = { SIZE_MAX, 0, 0, 0, 0, 0 };
        const eg_allocator a = failing_allocator(&f);
        eg_head *h = NULL;
        int32_t y[2] = { INT32_MAX - 1, 1 + EG_HEAD_GAP };
        CHECK_OK(eg_head_create(head_specs[s], HEAD_D, 7, &a, &h));
        if (head_can(h, EG_HEAD_FITS)) CHECK_OK(eg_head_fit(h, taught.x, HEAD_N));
        const size_t calls = f.calls;
        CHECK_STATUS(eg_head_teach(h, taught.x, y, 1), EG_ERR_LIMIT);
        CHECK_STATUS(eg_head_teach(h, taught.x, y + 1, 1), EG_ERR_LIMIT);
        CHECK(f.calls == calls && eg_head_classes(h) == 0);
        eg_head_destroy(h);
    }
    eg_head *h = head_new(head_specs[0], NULL), *b = head_new(head_specs[0], NULL);
    int32_t y[2] = { EG_HEAD_GAP, 2 + EG_HEAD_GAP };
    CHECK_OK(eg_head_teach(b, taught.x, taught.y, 1));
    CHECK_STATUS(eg_head_merge(h, b, y + 1), EG_ERR_LIMIT);
    CHECK_OK(eg_head_teach(h, taught.x, y, 1));
    CHECK(eg_head_classes(h) == EG_HEAD_GAP + 1);
    CHECK_OK(eg_head_merge(h, b, y + 1));
    CHECK(eg_head_class_count(h, 2 + EG_HEAD_GAP) == 1);
    eg_head_destroy(h);
    h = head_new(head_specs[0], NULL);
    CHECK_OK(eg_head_reserve(h, EG_HEAD_GAP + 3, 1));
    CHECK_OK(eg_head_teach(h, taught.x, y + 1, 1));
    eg_head_destroy(h), eg_head_destroy(b);
}

/* Room asked for beforehand is enough: nothing is allocated while teaching. */
static void reserves(void **state)
{
    (void)state;
    for (size_t s = 0; s < HEAD_SPECS; s++) {
        struct failing f = { SIZE_MAX, 0, 0, 0, 0, 0 };
        const eg_allocator a = failing_allocator(&f);
        eg_head *h = NULL;
        CHECK_OK(eg_head_create(head_specs[s], HEAD_D, 7, &a, &h));
        CHECK_OK(eg_head_reserve(h, HEAD_K, HEAD_N));
        const size_t calls = f.calls;
        CHECK_OK(eg_head_teach(h, taught.x, taught.y, HEAD_N));
        CHECK(f.calls == calls);
        eg_head_destroy(h);
        CHECK(f.live == 0 && f.live_bytes == 0);
    }
}

static eg_status all_verbs(const char *spec, const eg_allocator *a)
{
    eg_head *h = NULL, *b = NULL;
    eg_head_answer answer[HEAD_N];
    eg_head_vote vote[3];
    size_t found;
    eg_status s = eg_head_create(spec, HEAD_D, 7, a, &h);
    if (s == EG_OK) s = eg_head_create(spec, HEAD_D, 7, a, &b);
    if (s == EG_OK && head_can(h, EG_HEAD_FITS)) s = eg_head_fit(h, taught.x, HEAD_N);
    if (s == EG_OK && head_can(h, EG_HEAD_FITS)) s = eg_head_fit(b, taught.x, HEAD_N);
    if (s == EG_OK) s = eg_head_teach(h, taught.x, taught.y, HEAD_N);
    if (s == EG_OK) s = eg_head_teach(b, more.x, more.y, HEAD_N);
    if (s == EG_OK && head_can(h, EG_HEAD_MERGES)) s = eg_head_merge(h, b, NULL);
    if (s == EG_OK && head_can(h, EG_HEAD_FORGETS)) s = eg_head_forget(h, more.x, more.y, 3);
    if (s == EG_OK) s = eg_head_predict(h, asked.x, HEAD_N, answer, NULL);
    if (s == EG_OK) s = eg_head_calibrate(h, asked.x, asked.y, 9, 1, 0.1);
    if (s == EG_OK) s = eg_head_votes(h, asked.x, 0, vote, 3, &found);
    eg_head_destroy(h), eg_head_destroy(b);
    return s;
}

static void without_memory(void **state)
{
    (void)state;
    for (size_t s = 0; s < HEAD_SPECS; s++) {
        eg_status status = EG_ERR_NOMEM;
        for (size_t k = 0; status != EG_OK; k++) {
            struct failing f = { k, 0, 0, 0, 0, 0 };
            const eg_allocator a = failing_allocator(&f);
            status = all_verbs(head_specs[s], &a);
            CHECK(status == EG_OK || status == EG_ERR_NOMEM);
            CHECK(f.live == 0 && f.live_bytes == 0);
        }
    }
}

/* Of many features nothing is made but the head that is asked for: sizes are computed, and a
 * budget is kept by the choice itself. */
static void sizes_take_no_memory(void **state)
{
    (void)state;
    const eg_head_budget budget = { sizeof budget, (size_t)32 << 20, 0 };
    char spec[EG_HEAD_SPEC];
    eg_head_bytes b;
    eg_head_times t;
    const size_t d = (size_t)1 << 28;
    CHECK_OK(eg_head_choose(&budget, 150528, 100, 1000, 0, spec));
    CHECK(strstr(spec, "prototype") != NULL);
    CHECK_OK(eg_head_size("{\"kind\": \"lda\"}", d, 3, 9, &b));
    CHECK(b.learning >= d * (d + 1) * 4 && b.frozen >= 3 * d * sizeof(float));
    CHECK_OK(eg_head_time("{\"kind\": \"lda\"}", d, 3, 9, &t));
    for (size_t s = 0; s < HEAD_SPECS; s++) {
        CHECK_OK(eg_head_size(head_specs[s], d, HEAD_K, HEAD_N, &b));
        CHECK_OK(eg_head_time(head_specs[s], d, HEAD_K, HEAD_N, &t));
    }
}

static eg_status choose(size_t bytes, double microseconds, size_t classes, int below, char *spec)
{
    const eg_head_budget budget = { sizeof budget, bytes, microseconds };
    return eg_head_choose(&budget, 1280, classes, 1000, below, spec);
}

static void chooses(void **state)
{
    (void)state;
    char spec[EG_HEAD_SPEC];
    size_t last = 0;
    for (size_t budget = 20000; budget < 20000000; budget *= 2) {
        eg_head_bytes b;
        CHECK_OK(choose(budget, 0, 100, 0, spec));
        CHECK_OK(eg_head_size(spec, 1280, 100, 1000, &b));
        CHECK(b.learning <= budget && b.learning >= last);
        last = b.learning;
    }
    CHECK(strstr(spec, "lda") != NULL);
    CHECK_OK(choose(65536, 0, 100, 0, spec));
    CHECK(strstr(spec, "prototype") != NULL && strstr(spec, "below") == NULL);
    CHECK_OK(choose(65536, 0, 100, 1, spec));
    CHECK(strstr(spec, "below") != NULL);
    eg_head *h = NULL;
    CHECK_OK(eg_head_create(spec, 9, 0, NULL, &h));
    eg_head_destroy(h);
    CHECK_STATUS(choose(1000, 0, 100, 0, spec), EG_ERR_LIMIT);
}

/* By time: one after the other drops out, of 100 classes by teaching, of 1000 by answering. */
static void chooses_by_time(void **state)
{
    (void)state;
    char spec[EG_HEAD_SPEC];
    eg_head_times t, more_classes;
    CHECK_OK(choose(0, 0, 100, 0, spec));
    CHECK(strstr(spec, "lda") != NULL);
    CHECK_OK(choose(0, 20, 100, 0, spec)); /* an example of lda takes more */
    CHECK(strstr(spec, "mean") != NULL);
    CHECK_OK(choose(65536, 20, 100, 0, spec));
    CHECK(strstr(spec, "prototype") != NULL && strstr(spec, "\"bits\": 4") != NULL);
    CHECK_OK(choose(0, 40, 1000, 0, spec)); /* 1000 products of 1280 take more */
    CHECK(strstr(spec, "binary") != NULL);
    CHECK_OK(eg_head_time(spec, 1280, 1000, 9, &t));
    CHECK(t.teach <= 40 && t.answer <= 40 && t.answer > t.teach && t.teach > 0);
    CHECK_STATUS(choose(65536, 40, 1000, 0, spec), EG_ERR_LIMIT);
    CHECK(strstr(eg_error_detail(), "us at least") != NULL);
    CHECK_STATUS(choose(0, 0.1, 100, 0, spec), EG_ERR_LIMIT);
    CHECK_STATUS(choose(0, -1, 100, 0, spec), EG_ERR_INVALID);
    CHECK_STATUS(eg_head_choose(&(eg_head_budget){ 0 }, 9, 9, 9, 0, spec), EG_ERR_INVALID);
    for (size_t s = 0; s < HEAD_SPECS; s++) { /* every kind has a cost, and it grows */
        CHECK_OK(eg_head_time(head_specs[s], HEAD_D, 10, 1000, &t));
        CHECK_OK(eg_head_time(head_specs[s], HEAD_D, 20, 2000, &more_classes));
        CHECK(t.teach > 0.2 && more_classes.answer > t.answer);
        CHECK(more_classes.teach >= t.teach && more_classes.teach <= t.teach);
    }
}

int main(void)
{
    head_examples(11, 0.4F, &taught);
    head_examples(12, 0.4F, &more);
    head_examples(13, 0.4F, &asked);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(learns),
        cmocka_unit_test(answers_agree),
        cmocka_unit_test(order_does_not_matter),
        cmocka_unit_test(forgets),
        cmocka_unit_test(forgets_classes),
        cmocka_unit_test(refuses_to_forget),
        cmocka_unit_test(merges),
        cmocka_unit_test(refuses_to_merge),
        cmocka_unit_test(refuses_far_classes),
        cmocka_unit_test(reserves),
        cmocka_unit_test(without_memory),
        cmocka_unit_test(sizes_take_no_memory),
        cmocka_unit_test(chooses),
        cmocka_unit_test(chooses_by_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
