/* Rows of binary memories and of heads that others forged, with the right checksums: refused by
 * load and by verify with what they are; and what repair makes of them. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "binary_check.h" /* the order keeps names of one out of another's way */

#include "forged_record.h"

#include "binary_file_check.h"
#include "head_check.h"

#define FAR ((uint64_t)1 << 62)

static struct head_examples taught;

static int set_up(void **state)
{
    (void)state;
    head_examples(11, 0.4F, &taught);
    return make_folder();
}

static eg_status load(eg_memory_file *f)
{
    eg_binary *m = NULL;
    eg_head *h = NULL;
    const eg_status s = eg_memory_file_is_head(f) ? eg_memory_file_load_head(f, &h)
                                                  : eg_memory_file_load_binary(f, &m);
    eg_head_destroy(h);
    eg_binary_destroy(m);
    return s;
}

/* A clique network with counters, one without, sums of pairs; heads of means and of items. */
static const struct {
    const char *name;
    size_t row;
    int head;
} made[] = {
    { "clique", 3, 0 }, { "plain", 2, 0 }, { "sums", 8, 0 }, { "means", 0, 1 }, { "items", 8, 1 }
};

static void write_forged(const char *path, const char *what)
{
    size_t i = 0;
    while (strcmp(made[i].name, what) != 0) i++;
    discard(path);
    if (made[i].head) {
        eg_head *h = head_new(head_specs[made[i].row], &taught);
        CHECK_OK(eg_head_teach(h, taught.x, taught.y, HEAD_N));
        CHECK_OK(eg_memory_file_save_head(path, h, &quick));
        eg_head_destroy(h);
    } else {
        eg_binary *m = filled_of(&rows[made[i].row]);
        CHECK_OK(eg_memory_file_save_binary(path, m, &quick));
        eg_binary_destroy(m);
    }
}

enum { VECTOR = 2 + EGI_ITEM_VECTOR };

static const struct forged cases[] = {
    { "clique", 2, { { 0 } }, NULL },
    { "sums", 2, { { SEALED, 1, 0 } }, NULL },
    { "means", 2, { { SEALED, 1, 0 } }, NULL },
    { "items", VECTOR, { { SEALED, 1, 0 } }, NULL },
    { "clique", 1, { { OF_LO, 8, 1 } }, "a head that counts do not have" },
    { "clique", 1, { { OF_HI, 8, 1 } }, "a head that counts do not have" },
    { "clique", 1, { { OF_COUNT, 8, 1 } }, "a head that counts do not have" },
    { "clique", 1, { { EGI_TALLY_BYTES + 5, 1, '?' } }, "counts of another memory" },
    { "clique", 1, { { MORE, 8, 1 } }, "counts of another memory" },
    { "clique", 1, { { OF_KIND, 8, EGI_KIND_ROWS } }, "out of place in a binary memory" },
    { "sums", 1, { { 0, 8, (uint64_t)INT32_MAX + 1 } }, "more pairs than sums can hold" },
    { "clique", 2, { { OF_KIND, 8, EGI_KIND_TALLY } }, "out of place in a binary memory" },
    { "clique", 2, { { OF_LO, 8, 1 } }, "rows that this memory has not" },
    { "clique", 2, { { OF_ID, 8, 4000 } }, "rows that this memory has not" },
    { "clique", 2, { { OF_SIZE, 8, EGI_ROWS_HEADER - 1 } }, "a header of rows" },
    { "clique", 2, { { 0, 4, 3 } }, "a header of rows" },
    { "clique", 2, { { 4, 4, EGI_KIND_TALLY } }, "a header of rows" },
    { "clique", 2, { { 8, 8, 1 } }, "a header of rows" },
    { "clique", 2, { { OF_COUNT, 8, 3 } }, "a header of rows" },
    { "clique", 2, { { OF_HI, 8, 3 } }, "a header of rows" },
    { "clique", 2, { { OF_SIZE, 8, EGI_ROWS_HEADER + 5 } }, "a row that is cut short" },
    { "clique", 2, { { EGI_ROWS_HEADER + 8, 4, 1 << 20 } }, "a row that is cut short" },
    { "clique", 2, { { EGI_ROWS_HEADER, 1, 0xa5 } }, "a row whose digest does not match" },
    { "clique", 2, { { EGI_ROWS_HEADER + 12, 1, 9 }, { SEALED, 1, 0 } }, "no such form" },
    { "clique", 2, { { MORE, 8, 1 } }, "bytes behind its last row" },
    { "means", 1, { { OF_LO, 8, 1 } }, "a head that counts do not have" },
    { "means", 1, { { OF_HI, 8, 1 } }, "a head that counts do not have" },
    { "means", 1, { { OF_COUNT, 8, 1 } }, "a head that counts do not have" },
    { "means", 1, { { EGI_HEAD_BYTES + 5, 1, '?' } }, "counts of another head" },
    { "means", 1, { { MORE, 8, 1 } }, "counts of another head" },
    { "means", 1, { { OF_SIZE, 8, EGI_HEAD_BYTES - 1 } }, "out of place in a head" },
    { "means", 1, { { OF_KIND, 8, EGI_KIND_FIELD } }, "out of place in a head" },
    { "means", 2, { { OF_SIZE, 8, EGI_FIELD_HEADER - 1 } }, "out of place in a head" },
    { "means", 2, { { OF_KIND, 8, EGI_KIND_HEAD } }, "out of place in a head" },
    { "means", 2, { { OF_ID, 8, FAR } }, "of no field" },
    { "means", 2, { { OF_ID, 8, 4000 } }, "rows that this head has not" },
    { "means", 2, { { OF_LO, 8, 1 } }, "rows that this head has not" },
    { "means", 2, { { OF_HI, 8, 1 } }, "a header of rows" },
    { "means", 2, { { 0, 4, 1 } }, "a header of rows" },
    { "means", 2, { { 4, 4, 1 } }, "a header of rows" },
    { "means", 2, { { 8, 8, 1 } }, "a header of rows" },
    { "means", 2, { { 16, 8, 1 } }, "a header of rows" },
    { "means", 2, { { MORE, 8, 1 } }, "a header of rows" },
    { "means", 2, { { OF_COUNT, 8, 1 } }, "another number of examples" },
};

static void forged_rows_are_refused(void **state)
{
    const char *path = path_of("forged.egm");
    (void)state;
    for (size_t i = 0; i < EGI_COUNT(cases); i++) {
        write_forged(path, cases[i].file);
        forge(path, &cases[i]);
        judge_forged(path, &cases[i], load);
    }
}

/* Records that are not there. */
static void records_are_missed(void **state)
{
    static const struct {
        struct forged f;
        uint64_t from, to;
    } rows_of[] = {
        { { "clique", 1, { { 0 } }, "nothing says what it holds" }, 1, 4000 },
        { { "clique", 1, { { 0 } }, "out of place in a binary memory" }, 1, 1 },
        { { "means", 1, { { 0 } }, "nothing says what it holds" }, 1, 100 },
        { { "means", 1, { { 0 } }, "out of place in a head" }, 1, 1 },
        { { "means", 1, { { 0 } }, "rows of fields, expected" }, 4, 4 },
    };
    const char *path = path_of("missed.egm");
    (void)state;
    for (size_t i = 0; i < EGI_COUNT(rows_of); i++) {
        write_forged(path, rows_of[i].f.file);
        forget_records(path, rows_of[i].from, rows_of[i].to);
        judge_forged(path, &rows_of[i].f, load);
    }
    /* rows alone, of which the first says that it counts */
    static const struct forged counts = {
        "clique", 2, { { OF_KIND, 8, 5 } }, "out of place in a binary memory"
    };
    write_forged(path, "clique");
    forget_records(path, 1, 1);
    forge(path, &counts);
    judge_forged(path, &counts, load);
}

/* What a file says of itself needs the record that counts. */
static void info_needs_the_counts(void **state)
{
    static const struct forged cases_of[] = {
        { "clique", 1, { { OF_KIND, 8, EGI_KIND_ROWS } }, "" },
        { "clique", 1, { { OF_SIZE, 8, EGI_TALLY_BYTES - 1 } }, "" },
        { "clique", 2, { { 0 } }, "" }, /* and none */
    };
    const char *path = path_of("info.egm");
    (void)state;
    for (size_t i = 0; i < EGI_COUNT(cases_of); i++) {
        eg_memory_file *f = NULL;
        eg_file_info info;
        write_forged(path, "clique");
        forge(path, &cases_of[i]);
        if (i == 2) forget_records(path, 1, 1);
        CHECK_OK(eg_memory_file_open(path, &reading, &f));
        CHECK_STATUS(eg_memory_file_info(f, &info), EG_ERR_CORRUPT);
        CHECK(strstr(eg_error_detail(), "nothing says what it holds") != NULL);
        eg_memory_file_close(f);
    }
}

/* The first row swallows the second, with a right digest. */
static void a_row_that_goes_on(void **state)
{
    const char *path = path_of("goes.egm"), *to = path_of("on.egm");
    struct forged f = { "clique", 2, { { SEALED, 1, 0 } }, "a row that goes on" };
    eg_memory_file *m = NULL;
    egi_record head;
    const uint8_t *b;
    uint64_t kept, lost;
    (void)state;
    write_forged(path, "clique");
    CHECK_OK(eg_memory_file_open(path, &reading, &m));
    CHECK_OK(egi_store_begin(m->store, 0));
    CHECK_OK(egi_store_get(m->store, 2, &head, &b));
    const uint32_t one = egi_load_le32(b + EGI_ROWS_HEADER + 8);
    const uint32_t two = egi_load_le32(b + EGI_ROWS_HEADER + 12 + one + 8);
    egi_store_abort(m->store);
    eg_memory_file_close(m);
    f.change[0] = (struct change){ EGI_ROWS_HEADER + 8, 4, one + 12 + two };
    f.change[1] = (struct change){ SEALED, 1, 0 };
    forge(path, &f);
    judge_forged(path, &f, load);
    CHECK_OK(eg_memory_file_repair(path, to, NULL, &kept, &lost));
    CHECK(lost > 1);
    check_left_over(to);
}

/* What repair keeps of a forged or damaged file; lost 0: not compared, kept 0: nothing is. */
static const struct mending {
    struct forged f;
    const char *sql;
    uint64_t kept, lost;
    eg_status want;
} mendings[] = {
    /* where they lie: two ids that there are not, of a record of 30 rows each */
    { { "clique", 1, { { 0 } }, NULL }, "UPDATE record SET id=0 WHERE id=2", 0, 0, EG_OK },
    { { "clique", 1, { { 0 } }, NULL }, "UPDATE record SET id=5000 WHERE id=2", 0, 0, EG_OK },
    { { "clique", 2, { { OF_SIZE, 8, 100 } }, NULL }, NULL, 0, 0, EG_OK },
    { { "clique", 2, { { EGI_ROWS_HEADER + 8, 4, 1 << 20 } }, NULL }, NULL, 0, 0, EG_OK },
    { { "clique", 2, { { EGI_ROWS_HEADER + 12, 1, 9 }, { SEALED, 1, 0 } }, NULL },
      NULL,
      420,
      0, /* one row is lost, which its columns know */
      EG_OK },
    { { "clique", 1, { { OF_LO, 8, 1 } }, NULL }, NULL, 420, 1, EG_OK }, /* counts are lost */
    { { "plain", 1, { { OF_LO, 8, 1 } }, NULL }, NULL, 420, 1, EG_OK },
    { { "sums", 1, { { OF_LO, 8, 1 } }, NULL }, NULL, 80, 1, EG_OK },
    { { "clique", 1, { { 0 } }, NULL },
      "DELETE FROM meta WHERE key='memory';"
      "UPDATE record SET bytes=zeroblob(length(bytes)) WHERE id=1",
      0,
      0,
      EG_ERR_CORRUPT },
    { { "clique", 1, { { OF_SIZE, 8, EGI_TALLY_BYTES } }, NULL },
      "DELETE FROM meta WHERE key='memory'",
      0,
      0,
      EG_ERR_CORRUPT },
    { { "means", 1, { { 0 } }, NULL },
      "DELETE FROM meta WHERE key='memory';"
      "UPDATE record SET bytes=zeroblob(length(bytes)) WHERE id=1",
      0,
      0,
      EG_ERR_CORRUPT },
    { { "means", 1, { { OF_SIZE, 8, EGI_HEAD_BYTES } }, NULL },
      "DELETE FROM meta WHERE key='memory'",
      0,
      0,
      EG_ERR_CORRUPT },
    { { "means", 1, { { OF_SIZE, 8, EGI_HEAD_BYTES } }, NULL }, NULL, HEAD_N, 0, EG_OK },
    { { "means", 1, { { 0 } }, NULL },
      "UPDATE record SET hash=hash+1 WHERE id=1",
      HEAD_N,
      0,
      EG_OK },
    { { "means", 2, { { OF_ID, 8, FAR } }, NULL }, NULL, HEAD_N, 0, EG_OK }, /* one more */
    { { "means", 2, { { OF_SIZE, 8, EGI_FIELD_HEADER - 1 } }, NULL }, NULL, 0, 0, EG_OK },
    { { "means", 2, { { MORE, 8, 1 << 17 } }, NULL }, NULL, HEAD_N, 0, EG_OK },
    { { "means", 2, { { 0 } }, NULL },
      "UPDATE record SET hash=hash+1 WHERE id=2",
      HEAD_N,
      0,
      EG_OK },
    { { "items", 2, { { 0 } }, NULL }, "DELETE FROM record WHERE id=2", HEAD_N, 0, EG_OK },
    { { "items", 1, { { 0 } }, NULL }, "DELETE FROM record WHERE id=1", HEAD_N, 0, EG_OK },
    { { "items",
        2 + EGI_ITEM_CLASS,
        { { EGI_FIELD_HEADER + 8, 4, UINT32_MAX }, { SEALED, 1, 0 } },
        NULL },
      NULL,
      HEAD_N - 1, /* an item of no class */
      1,
      EG_OK },
    { { "items",
        2 + EGI_ITEM_CLASS,
        { { EGI_FIELD_HEADER + 8, 4, INT32_MAX }, { SEALED, 1, 0 } },
        NULL },
      NULL,
      0,
      0,
      EG_ERR_LIMIT }, /* of more classes than there is room for */
};

static void forged_files_are_repaired(void **state)
{
    const char *path = path_of("hurt.egm"), *to = path_of("mended.egm");
    (void)state;
    for (size_t i = 0; i < EGI_COUNT(mendings); i++) {
        const struct mending *m = &mendings[i];
        uint64_t kept = 0, lost = 0;
        write_forged(path, m->f.file);
        forge(path, &m->f);
        if (m->sql != NULL) break_file(path, m->sql);
        discard(to);
        const eg_status s = eg_memory_file_repair(path, to, NULL, &kept, &lost);
        if (s != m->want || (m->kept > 0 && (kept != m->kept || (m->lost > 0 && lost != m->lost))))
            fail_msg("row %zu: %s: %s; kept %llu, lost %llu", i, eg_status_name(s),
                     eg_error_detail(), (unsigned long long)kept, (unsigned long long)lost);
        check_left_over(to);
    }
}

/* A repair under a limit that the memory does not fit. */
static void repair_keeps_the_limit(void **state)
{
    static const char *const names[] = { "clique", "means" };
    const char *path = path_of("large.egm"), *to = path_of("small.egm");
    eg_file_options o = quick;
    (void)state;
    for (size_t i = 0; i < 2; i++)
        for (int described = 0; described < 2; described++) {
            write_forged(path, names[i]);
            if (!described) break_file(path, "DELETE FROM meta WHERE key='memory'");
            o.max_bytes = 2000;
            CHECK_STATUS(eg_memory_file_repair(path, to, &o, NULL, NULL), EG_ERR_LIMIT);
            CHECK(access(to, F_OK) != 0);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forged_rows_are_refused),   cmocka_unit_test(records_are_missed),
        cmocka_unit_test(info_needs_the_counts),     cmocka_unit_test(a_row_that_goes_on),
        cmocka_unit_test(forged_files_are_repaired), cmocka_unit_test(repair_keeps_the_limit),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
