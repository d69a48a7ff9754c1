/* Blocks of patterns and states that others forged, with the right checksums of the store: each
 * says something that cannot be, is refused by load and by verify with what it is, and repair keeps
 * nothing that a load would refuse. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "forged_record.h"

enum { ROWS = 3, HEADER = 32, FEATURES = 8, STATE_D = 4, NUMBERS = 2 * FEATURES };
enum { PLAIN_ROW = 8 + 4 * D, ITEM_ROW = 8 + 8 + 4 + 4 + 4 * 2 + 4 * D };
#define INFINITE 0x7f800000
#define NEGATIVE(n) ((uint64_t)0 - (n))

static int set_up(void **state)
{
    (void)state;
    return make_folder();
}

static eg_status load(eg_memory_file *f)
{
    eg_memory *m = NULL;
    const eg_status s = eg_memory_file_load(f, &m);
    eg_memory_destroy(m);
    return s;
}

/* Three rows whose ids follow one another, or have ids, weights, labels and values; rows of bits,
 * ten and a half; two blocks; a state and its items. */
static void write_forged(const char *path, const char *what)
{
    static const uint64_t ids[ROWS] = { 5, 9, 7 };
    static const float weights[ROWS] = { 1, 2, 3 }, values[2 * ROWS] = { 1, 2, 3, 4, 5, 6 };
    static const int32_t labels[ROWS] = { 1, 0, 1 };
    const eg_items items = { weights, labels, values, ids };
    eg_memory_options o = EG_MEMORY_OPTIONS_INIT;
    eg_memory_file *f = NULL;
    const int has_items = strcmp(what, "items") == 0, is_bits = strcmp(what, "bits") == 0;
    discard(path);
    if (strcmp(what, "state") == 0) {
        eg_memory *m = NULL;
        o.storage = EG_STORE_FEATURES;
        o.rule.similarity = EG_SIM_EUCLIDEAN;
        o.features = FEATURES;
        CHECK_OK(eg_memory_create(STATE_D, &o, &m));
        CHECK_OK(eg_memory_add(m, x, ROWS, NULL));
        CHECK_OK(eg_memory_file_save(path, m, NULL));
        eg_memory_destroy(m);
        return;
    }
    o.value_size = has_items ? 2 : 0;
    if (is_bits) o.storage = EG_STORE_BITS, o.rule.projection = EG_PROJ_SIGN;
    CHECK_OK(eg_memory_file_create(path, is_bits ? 12 : D, &o, &quick, &f));
    CHECK_OK(eg_memory_file_append(f, x, ROWS, has_items ? &items : NULL, NULL));
    if (strcmp(what, "two") == 0) CHECK_OK(eg_memory_file_append(f, x, ROWS, NULL, NULL));
    eg_memory_file_close(f);
}

static const struct forged cases[] = {
    { "plain", 1, { { 0 } }, NULL },
    { "items", 1, { { 0 } }, NULL },
    { "bits", 1, { { 0 } }, NULL },
    { "two", 1, { { 0 } }, NULL },
    { "state", 1, { { 0 } }, NULL },
    { "plain", 1, { { OF_KIND, 8, 9 } }, "of an unknown kind" },
    { "plain", 1, { { OF_KIND, 8, 4 } }, "items that no state precedes" },
    { "plain", 1, { { OF_SIZE, 8, HEADER - 1 } }, "shorter than its header" },
    { "plain", 1, { { OF_SIZE, 8, HEADER } }, "its size does not fit its count" },
    { "plain", 1, { { OF_SIZE, 8, HEADER + 3 * PLAIN_ROW - 1 } }, "its size does not fit" },
    { "plain", 1, { { OF_SIZE, 8, HEADER + 2 * PLAIN_ROW } }, "its size does not fit" },
    { "plain", 1, { { 0, 4, 4 } }, "its header does not fit" },
    { "plain", 1, { { OF_COUNT, 8, 4 } }, "its header does not fit" },
    { "plain", 1, { { 4, 2, 8 } }, "its header does not fit" },
    { "plain", 1, { { 6, 2, 2 } }, "its header does not fit" },
    { "plain", 1, { { 24, 8, 2 } }, "its header does not fit" },
    { "plain", 1, { { 8, 8, D + 1 } }, "patterns of another size" },
    { "plain", 1, { { 16, 8, 1 } }, "patterns of another size" },
    { "plain", 1, { { OF_HI, 8, 0 } }, "ids and count do not agree" },
    { "plain", 1, { { OF_HI, 8, 4 } }, "ids and count do not agree" },
    { "plain", 1, { { OF_LO, 8, 0 }, { OF_HI, 8, 2 }, { 24, 8, 0 } }, "an id of 0" },
    { "plain",
      1,
      { { OF_LO, 8, NEGATIVE(3) }, { OF_HI, 8, NEGATIVE(1) }, { 24, 8, NEGATIVE(3) } },
      "an id of 0 or 2^64 - 1" },
    { "plain", 1, { { HEADER + 8, 4, INFINITE } }, "a pattern is not finite" },
    { "items", 1, { { HEADER + 8, 8, 0 } }, "an id of 0" },
    { "items", 1, { { HEADER + 8, 8, NEGATIVE(1) } }, "an id of 0 or 2^64 - 1" },
    { "items", 1, { { OF_HI, 8, 10 } }, "ids outside lo .. hi" },
    { "items", 1, { { OF_LO, 8, 4 }, { 24, 8, 4 } }, "ids outside lo .. hi" },
    { "items", 1, { { HEADER + 16, 4, 0 } }, "a weight <= 0" },
    { "items", 1, { { HEADER + 16, 4, 0xbf800000 } }, "a weight <= 0" },
    { "items", 1, { { HEADER + 16, 4, INFINITE } }, "a weight that is not finite" },
    { "items", 1, { { HEADER + 24, 4, INFINITE } }, "a value is not finite" },
    { "items", 1, { { HEADER + 32, 4, INFINITE } }, "a pattern is not finite" },
    { "items", 1, { { HEADER + 2 * ITEM_ROW + 8, 8, 5 } }, "5" }, /* an id twice in a block */
    { "bits", 1, { { HEADER + 9, 1, 0x1f } }, "bits behind the last component" },
    { "bits", 1, { { HEADER + 9, 1, 0x0f } }, NULL },
    { "two", 2, { { OF_LO, 8, 2 }, { OF_HI, 8, 4 }, { 24, 8, 2 } }, "2" }, /* in two */
    { "two", 2, { { OF_KIND, 8, 3 } }, "state behind items or patterns" },
    { "state", 1, { { OF_LO, 8, 8 } }, "state that does not follow" },
    { "state", 1, { { OF_HI, 8, 1 } }, "state that does not follow" },
    { "state", 1, { { OF_COUNT, 8, 1 } }, "state that does not follow" },
    { "state", 1, { { OF_SIZE, 8, 0 } }, "state that does not follow" },
    { "state", 1, { { OF_SIZE, 8, 8 * NUMBERS - 4 } }, "state that does not follow" },
    { "state", 1, { { OF_SIZE, 8, 8 * (EGI_STATE_CHUNK + 1) } }, "state that does not follow" },
    { "state", 1, { { OF_SIZE, 8, 8 * NUMBERS - 8 } }, "15 numbers of state, expected 16" },
    { "state", 1, { { OF_SIZE, 8, 8 * NUMBERS + 8 } }, "numbers of state, expected 16" },
    { "state", 1, { { 8, 8, 0x7ff0000000000000 } }, "state that is not finite" },
    { "state", 2, { { OF_KIND, 8, 3 } }, "state that does not follow from number 16" },
};

static void forged_blocks_are_refused(void **state)
{
    const char *path = path_of("forged.egm");
    (void)state;
    for (size_t i = 0; i < EGI_COUNT(cases); i++) {
        write_forged(path, cases[i].file);
        forge(path, &cases[i]);
        judge_forged(path, &cases[i], load);
    }
}

/* Vacuum joins no blocks that it could not load. */
static void vacuum_of_a_forged_block_is_refused(void **state)
{
    static const struct forged bad = { "two", 2, { { HEADER + 8, 4, INFINITE } }, "" };
    const char *path = path_of("vacuum.egm");
    eg_memory_file *f = NULL;
    (void)state;
    write_forged(path, "two");
    CHECK_OK(eg_memory_file_open(path, &quick, &f));
    for (size_t i = 0; i < 3; i++) CHECK_OK(eg_memory_file_append(f, x, 1, NULL, NULL));
    eg_memory_file_close(f);
    forge(path, &bad);
    CHECK_OK(eg_memory_file_open(path, &quick, &f));
    CHECK_STATUS(eg_memory_file_vacuum(f), EG_ERR_CORRUPT);
    CHECK(strstr(eg_error_detail(), "a pattern is not finite") != NULL);
    CHECK_STATUS(load(f), EG_ERR_CORRUPT);
    eg_memory_file_close(f);
}

/* The digest of a row, as docs/file-format.md has it. */
static uint64_t digest_of(uint32_t form, uint64_t id, const uint8_t *rest, size_t size)
{
    uint8_t word[24];
    egi_store_le64(word, form);
    egi_store_le64(word + 8, id);
    egi_store_le64(word + 16, egi_hash(rest, size));
    return egi_hash(word, sizeof word);
}

/* A row of "items" with something that cannot be, and the digest that it then has. */
static void forge_row(const char *path, size_t at, size_t bytes, uint64_t value)
{
    struct forged f = { "items", 1, { { (int)at, (int)bytes, value } }, NULL };
    uint8_t row[ITEM_ROW];
    eg_memory_file *m = NULL;
    egi_record head;
    const uint8_t *there;
    CHECK_OK(eg_memory_file_open(path, &quick, &m));
    CHECK_OK(egi_store_begin(m->store, 0));
    CHECK_OK(egi_store_get(m->store, 1, &head, &there));
    memcpy(row, there + HEADER, sizeof row);
    const uint32_t form = egi_load_le32(there + 4);
    egi_store_abort(m->store);
    eg_memory_file_close(m);
    CHECK(egi_load_le64(row) == digest_of(form, egi_load_le64(row + 8), row + 8, ITEM_ROW - 8));
    for (size_t i = 0; i < bytes; i++) row[at - HEADER + i] = (uint8_t)(value >> 8 * i);
    f.change[1] = (struct change){ HEADER, 8,
                                   digest_of(form, egi_load_le64(row + 8), row + 8, ITEM_ROW - 8) };
    forge(path, &f);
}

/* Of a block whose head is lost, rows that a memory may not have are lost too, digest or not. */
static void forged_rows_are_not_rescued(void **state)
{
    static const struct {
        size_t at, bytes;
        uint64_t value, kept;
    } rows[] = {
        { HEADER + 20, 4, 7, 3 }, /* another label is as good */
        { HEADER + 8, 8, 0, 2 },         { HEADER + 8, 8, NEGATIVE(1), 2 },
        { HEADER + 8, 8, 9, 2 }, /* an id that another row has */
        { HEADER + 16, 4, 0, 2 },        { HEADER + 16, 4, INFINITE, 2 },
        { HEADER + 24, 4, INFINITE, 2 }, { HEADER + 32, 4, INFINITE, 2 },
    };
    const char *path = path_of("rows.egm"), *to = path_of("mended.egm");
    (void)state;
    for (size_t i = 0; i < EGI_COUNT(rows); i++) {
        eg_memory_file *f = NULL;
        eg_memory *m = NULL;
        uint64_t kept, lost;
        write_forged(path, "items");
        forge_row(path, rows[i].at, rows[i].bytes, rows[i].value);
        break_file(path, "UPDATE record SET hash=hash+1");
        discard(to);
        CHECK_OK(eg_memory_file_repair(path, to, NULL, &kept, &lost));
        if (kept != rows[i].kept) fail_msg("row %zu: %llu kept", i, (unsigned long long)kept);
        CHECK_OK(eg_memory_file_open(to, &reading, &f));
        CHECK_OK(eg_memory_file_load(f, &m));
        CHECK(eg_memory_count(m) == kept && (i > 0 || eg_memory_label(m, 0) == 7));
        eg_memory_destroy(m);
        eg_memory_file_close(f);
    }
}

/* A file without its description: sizes are told by a block's header, if they can be. */
static void sizes_are_told_by_a_block(void **state)
{
    static const struct {
        struct forged f;
        eg_status want;
    } rows[] = {
        { { "plain", 1, { { 0 } }, NULL }, EG_OK },
        { { "bits", 1, { { 0 } }, NULL }, EG_OK },
        { { "plain", 1, { { 8, 8, 0 } }, NULL }, EG_ERR_CORRUPT },
        { { "plain", 1, { { 8, 8, (uint64_t)1 << 40 } }, NULL }, EG_ERR_CORRUPT },
        { { "plain", 1, { { 16, 8, (uint64_t)1 << 40 } }, NULL }, EG_ERR_CORRUPT },
        { { "plain", 1, { { OF_KIND, 8, 4 }, { 6, 2, 4 } }, NULL }, EG_ERR_CORRUPT },
        { { "plain", 1, { { OF_SIZE, 8, 9 } }, NULL }, EG_ERR_CORRUPT },
        { { "plain", 1, { { OF_SIZE, 8, HEADER } }, NULL }, EG_ERR_CORRUPT },
        { { "plain", 1, { { OF_KIND, 8, 9 } }, NULL }, EG_ERR_CORRUPT },
    };
    const char *path = path_of("sizes.egm"), *to = path_of("told.egm");
    (void)state;
    for (size_t i = 0; i < EGI_COUNT(rows); i++) {
        uint64_t kept = 0, lost = 0;
        write_forged(path, rows[i].f.file);
        forge(path, &rows[i].f);
        break_file(path, "DELETE FROM meta WHERE key='memory'");
        discard(to);
        const eg_status s = eg_memory_file_repair(path, to, NULL, &kept, &lost);
        if (s != rows[i].want) fail_msg("row %zu: %s", i, eg_status_name(s));
        CHECK(s == EG_OK
                  ? kept == ROWS && lost == 1
                  : strstr(eg_error_detail(), "neither a description nor a pattern") != NULL);
    }
}

/* Records in an order that no memory has, with a head that is lost: their rows are, too. */
static void order_is_kept_by_repair(void **state)
{
    static const struct forged rows[] = {
        { "state", 1, { { OF_LO, 8, 8 } }, NULL }, /* no state, and so no items */
        { "two", 1, { { OF_KIND, 8, 4 }, { 6, 2, 4 } }, NULL },
    };
    static const uint64_t kept_of[] = { 0, ROWS };
    const char *path = path_of("order.egm"), *to = path_of("ordered.egm");
    (void)state;
    for (size_t i = 0; i < EGI_COUNT(rows); i++) {
        uint64_t kept = 0, lost = 0;
        write_forged(path, rows[i].file);
        forge(path, &rows[i]);
        break_file(path, "UPDATE record SET hash=hash+1 WHERE kind=4");
        discard(to);
        CHECK_OK(eg_memory_file_repair(path, to, NULL, &kept, &lost));
        if (kept != kept_of[i]) fail_msg("row %zu: %llu kept", i, (unsigned long long)kept);
        CHECK(lost > 0);
        check_left_over(to);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forged_blocks_are_refused),
        cmocka_unit_test(vacuum_of_a_forged_block_is_refused),
        cmocka_unit_test(forged_rows_are_not_rescued),
        cmocka_unit_test(sizes_are_told_by_a_block),
        cmocka_unit_test(order_is_kept_by_repair),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
