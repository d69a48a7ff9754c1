/* Grids of two times that are stopped and taken up again: the same bits for any threads, from a
 * checkpoint, from the one before where the last is short or damaged. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <unistd.h>

#include "dynamics/egi_two_time.h"
#include "dynamics_check.h"

enum { N = 560 }; /* above 512 rows the sums are cut into parts */

static const struct egi_glass glass = {
    .terms = 2, .planted = 1, .m0 = .1, .term = { { 1, 2 }, { .1, 3 } }
};
static char path[300], before[320];

static struct egi_two_time grid(const struct egi_glass *g, int threads, const eg_allocator *alloc)
{
    struct egi_two_time w;
    CHECK_OK(egi_two_time_create(g, .02, N, 0, threads, alloc, &w));
    return w;
}

static void step_to(struct egi_two_time *w, size_t row)
{
    while (w->done < row) CHECK_OK(egi_two_time_step(w));
}

static void same(const struct egi_two_time *a, const struct egi_two_time *b)
{
    CHECK_SAME_BITS(a->c, b->c, a->cells * sizeof(double));
    CHECK_SAME_BITS(a->r, b->r, a->cells * sizeof(double));
    CHECK_SAME_BITS(a->m, b->m, 3 * (N + 1) * sizeof(double));
}

static void resume(const struct egi_two_time *whole, size_t from)
{
    struct egi_two_time w = grid(&glass, 1, eg_allocator_default());
    CHECK_OK(egi_two_time_load(&w, path));
    CHECK(w.done == from);
    step_to(&w, N);
    same(whole, &w);
    egi_two_time_destroy(&w);
}

static void cut(const char *name, long size)
{
    CHECK(truncate(name, size) == 0);
}

static void flip(const char *name, long at)
{
    FILE *f = fopen(name, "r+b");
    CHECK(f != NULL && fseek(f, at, SEEK_SET) == 0);
    const int c = fgetc(f);
    CHECK(fseek(f, at, SEEK_SET) == 0 && fputc(c ^ 1, f) != EOF && fclose(f) == 0);
}

static void stopped_and_damaged(void **state)
{
    (void)state;
    struct egi_two_time whole = grid(&glass, 1, eg_allocator_default());
    step_to(&whole, N);
    struct egi_two_time w = grid(&glass, 2, eg_allocator_default());
    CHECK(egi_two_time_load(&w, path) == EG_NOT_FOUND);
    step_to(&w, 300);
    CHECK_OK(egi_two_time_save(&w, path));
    resume(&whole, 300);
    step_to(&w, 533);
    CHECK_OK(egi_two_time_save(&w, path));
    resume(&whole, 533);
    step_to(&w, N);
    same(&whole, &w); /* whatever the threads */
    cut(path, 5000);
    resume(&whole, 300);
    cut(path, 3);
    resume(&whole, 300);
    CHECK_OK(egi_two_time_save(&w, path)); /* now the damaged one is before */
    resume(&whole, N);
    flip(path, 4321);
    struct egi_two_time fresh = grid(&glass, 1, eg_allocator_default());
    CHECK(egi_two_time_load(&fresh, path) == EG_NOT_FOUND && fresh.done == 0);
    egi_two_time_destroy(&fresh);
    unlink(path);
    CHECK_OK(egi_two_time_save(&w, path));
    struct egi_glass another = glass;
    another.term[1].g = .2;
    fresh = grid(&another, 1, eg_allocator_default());
    CHECK_STATUS(egi_two_time_load(&fresh, path), EG_ERR_INVALID);
    CHECK(fresh.done == 0);
    egi_two_time_destroy(&fresh);
    egi_two_time_destroy(&w);
    egi_two_time_destroy(&whole);
}

static int stop_late(void *user, const char *stage, uint64_t done, uint64_t total)
{
    (void)user;
    (void)stage;
    return total == 64 && done >= 40;
}

/* By the public call: interrupted, the checkpoint kept, the same numbers as without a stop. */
static void interrupted(void **state)
{
    (void)state;
    eg_dynamics_options o = EG_DYNAMICS_OPTIONS_INIT;
    eg_dynamics_result a, b;
    const eg_progress stop = { stop_late, NULL };
    unlink(path);
    unlink(before);
    o.checkpoint = path;
    o.progress = &stop;
    CHECK_STATUS(TRY("spiked", &o, &a, { "t", 1 }, { "n", 64 }), EG_ERR_INTERRUPTED);
    CHECK(access(path, R_OK) == 0);
    o.progress = NULL;
    CHECK_OK(TRY("spiked", &o, &a, { "t", 1 }, { "n", 64 }));
    CHECK(a.resumed == 40);
    CHECK_OK(TRY("spiked", NULL, &b, { "t", 1 }, { "n", 64 }));
    CHECK(a.rows == b.rows && b.resumed == 0);
    CHECK_SAME_BITS(a.value, b.value, a.rows * a.columns * sizeof(double));
    eg_dynamics_result_clear(&a);
    eg_dynamics_result_clear(&b);
}

/* Every allocation fails once. */
static void out_of_memory(void **state)
{
    (void)state;
    eg_status s = EG_ERR_NOMEM;
    unlink(path);
    for (size_t k = 0; s != EG_OK; k++) {
        struct failing f = { .fail_at = k };
        const eg_allocator alloc = failing_allocator(&f);
        eg_dynamics_options o = EG_DYNAMICS_OPTIONS_INIT;
        eg_dynamics_result r = { 0 };
        o.alloc = &alloc;
        s = TRY("spiked", &o, &r, { "t", 1 }, { "n", 16 }, { "samples", 2 }, { "N", 8 });
        CHECK(s == EG_OK || s == EG_ERR_NOMEM);
        eg_dynamics_result_clear(&r);
        CHECK(f.live == 0 && k < 100);
    }
}

int main(void)
{
    const char *tmp = getenv("EG_TEST_TMP");
    snprintf(path, sizeof path, "%s/two_time.%d", tmp != NULL ? tmp : ".", (int)getpid());
    snprintf(before, sizeof before, "%s.before", path);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stopped_and_damaged),
        cmocka_unit_test(interrupted),
        cmocka_unit_test(out_of_memory),
    };
    const int code = cmocka_run_group_tests(tests, NULL, NULL);
    unlink(path);
    unlink(before);
    return code;
}
