/* Damaged and hostile files of heads: noticed, or repaired class by class. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <sqlite3.h>

#include "head_check.h"
#include "memory_file_check.h"
#include "model/egi_head_file.h"

static struct head_examples taught;

static int set_up(void **state)
{
    (void)state;
    head_examples(11, 0.4F, &taught);
    return make_folder();
}

static eg_head *taught_head(const char *spec)
{
    eg_head *h = head_new(spec, &taught);
    CHECK_OK(eg_head_teach(h, taught.x, taught.y, HEAD_N));
    return h;
}

static int is_same(const eg_head *a, const eg_head *b)
{
    int same = a->classes == b->classes && a->items == b->items && a->numbered == b->numbered;
    for (size_t i = 0; same && i < a->fields; i++)
        same = memcmp(a->at[i], b->at[i],
                      egi_head_rows_of(a, &a->field[i]) * egi_head_row_bytes(&a->field[i]))
               == 0;
    return same;
}

static enum verdict judge_head(const char *path, const eg_head *want)
{
    eg_memory_file *f = NULL;
    eg_head *h = NULL;
    eg_status s = eg_memory_file_open(path, &reading, &f);
    if (s == EG_OK) s = eg_memory_file_load_head(f, &h);
    enum verdict v = s == EG_ERR_CORRUPT || s == EG_ERR_VERSION ? DETECTED : SILENT;
    if (s == EG_OK && is_same(h, want)) v = HARMLESS;
    if (v == SILENT) print_message("%s: %s\n", eg_status_name(s), eg_error_detail());
    eg_head_destroy(h);
    eg_memory_file_close(f);
    return v;
}

static void flips_and_cuts_are_noticed(void **state)
{
    const char *path = path_of("flip.egm"), *victim = path_of("flipped.egm");
    size_t count[3] = { 0, 0, 0 };
    eg_head *h = taught_head(head_specs[5]);
    (void)state;
    discard(path);
    CHECK_OK(eg_memory_file_save_head(path, h, &quick));
    struct bytes b = read_all(path);
    for (size_t i = 0; i < 500; i++) {
        uint32_t r[4];
        egi_philox(22, 0, i, r);
        const size_t bit = ((size_t)r[0] << 32 | r[1]) % (8 * b.n);
        b.p[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        write_all(victim, b.p, b.n);
        count[judge_head(victim, h)]++;
        b.p[bit / 8] ^= (uint8_t)(1u << (bit % 8));
    }
    print_message("flips: %zu detected, %zu harmless\n", count[DETECTED], count[HARMLESS]);
    CHECK(count[SILENT] == 0 && count[DETECTED] > 100);
    for (size_t n = 0; n < b.n; n += n < 600 ? 23 : 511) {
        write_all(victim, b.p, n);
        CHECK(judge_head(victim, h) == DETECTED);
    }
    free(b.p);
    eg_head_destroy(h);
}

static eg_head *repaired_of(const char *path, uint64_t *kept, uint64_t *lost)
{
    const char *to = path_of("repaired.egm");
    eg_memory_file *f = NULL;
    eg_head *h = NULL;
    discard(to);
    CHECK_OK(eg_memory_file_repair(path, to, NULL, kept, lost));
    CHECK_OK(eg_memory_file_open(to, &reading, &f));
    CHECK_OK(eg_memory_file_verify(f, NULL, NULL));
    CHECK_OK(eg_memory_file_load_head(f, &h));
    eg_memory_file_close(f);
    return h;
}

/* A byte of one row of a field, where it lies in the file. */
static void hurt(const char *path, const eg_head *h, size_t field, size_t row)
{
    const size_t each = egi_head_row_bytes(&h->field[field]);
    struct bytes b = read_all(path);
    const size_t some = each < 32 ? each : 32; /* pages do not follow one another */
    uint8_t *at = memmem(b.p, b.n, (const char *)h->at[field] + row * each, some);
    CHECK(at != NULL && some >= 8);
    at[5] ^= 16;
    write_all(path, b.p, b.n);
    free(b.p);
    CHECK(judge_head(path, h) == DETECTED);
}

/* The class is gone as if it had been forgotten; the others are what they were. */
static void a_lost_row_costs_its_class(void **state)
{
    static const size_t of[] = { 0, 3, 10, 14 };
    const char *path = path_of("row.egm");
    uint64_t kept, lost;
    (void)state;
    for (size_t i = 0; i < EGI_COUNT(of); i++) {
        eg_head *h = taught_head(head_specs[of[i]]);
        discard(path);
        CHECK_OK(eg_memory_file_save_head(path, h, &quick));
        hurt(path, h, EGI_OWN_FIELDS, 3);
        eg_head *back = repaired_of(path, &kept, &lost);
        CHECK(lost == HEAD_EACH && kept == HEAD_N - HEAD_EACH);
        CHECK_OK(eg_head_forget_class(h, 3));
        head_check_same(h, back);
        eg_head_destroy(back), eg_head_destroy(h);
    }
}

static void a_lost_item_costs_itself(void **state)
{
    const char *path = path_of("item.egm");
    uint64_t kept, lost;
    eg_head *h = taught_head(head_specs[8]);
    (void)state;
    discard(path);
    CHECK_OK(eg_memory_file_save_head(path, h, &quick));
    hurt(path, h, EGI_ITEM_VECTOR, 17);
    eg_head *back = repaired_of(path, &kept, &lost);
    CHECK(lost == 1 && kept == HEAD_N - 1);
    CHECK_OK(eg_head_forget(h, taught.x + 17 * HEAD_D, taught.y + 17, 1));
    CHECK(is_same(h, back)); /* numbers too */
    eg_head_destroy(back), eg_head_destroy(h);
}

static void what_all_share_is_needed(void **state)
{
    const char *path = path_of("shared.egm"), *to = path_of("no.egm");
    eg_head *h = taught_head(head_specs[5]);
    (void)state;
    discard(path), discard(to);
    CHECK_OK(eg_memory_file_save_head(path, h, &quick));
    hurt(path, h, EGI_OWN_FIELDS + 1, 0);
    CHECK_STATUS(eg_memory_file_repair(path, to, NULL, NULL, NULL), EG_ERR_CORRUPT);
    CHECK(strstr(eg_error_detail(), "product") != NULL && access(to, F_OK) != 0);
    eg_head_destroy(h);
}

static void damaged_descriptions_are_repaired(void **state)
{
    static const struct {
        const char *sql;
        uint64_t lost;
    } change[] = { { "DELETE FROM meta WHERE key='memory'", 1 },
                   { "UPDATE root SET bytes=zeroblob(80)", 0 },
                   { "DELETE FROM record WHERE id=1", 0 },
                   { "DELETE FROM record WHERE id=3", 1 } }; /* the calibration */
    const char *path = path_of("text.egm");
    eg_head *h = taught_head(head_specs[0]);
    (void)state;
    for (size_t i = 0; i < EGI_COUNT(change); i++) {
        uint64_t kept, lost;
        sqlite3 *db;
        discard(path);
        CHECK_OK(eg_memory_file_save_head(path, h, &quick));
        CHECK(sqlite3_open(path, &db) == SQLITE_OK);
        CHECK(sqlite3_exec(db, change[i].sql, NULL, NULL, NULL) == SQLITE_OK);
        sqlite3_close(db);
        eg_head *back = repaired_of(path, &kept, &lost);
        CHECK(kept == HEAD_N && lost == change[i].lost);
        head_check_same(h, back);
        eg_head_destroy(back);
    }
    eg_head_destroy(h);
}

/* A file made on purpose, with right checksums, that says what cannot be. */
static void hostile_descriptions_are_refused(void **state)
{
    static const struct {
        const char *from, *to;
        eg_status want;
    } change[] = {
        { "\"kind\": \"clique\"", "\"kind\": \"klique\"", EG_ERR_CORRUPT },
        { "engram memory 3", "engram memory 4", EG_ERR_VERSION },
        { "\"parts\": 10", "\"parts\": 9999999", EG_ERR_CORRUPT },
        { "\"anchors\": 16", "\"anchors\": 65536", EG_ERR_LIMIT },
        { "\"anchors\": 16", "\"anchors\": 17", EG_ERR_CORRUPT }, /* counts of another head */
        { "\"project\": 0", "\"project\": 1000000", EG_ERR_LIMIT },
        { "features 40", "features 2000000000", EG_ERR_LIMIT },
        { "features 40", "features 0", EG_ERR_CORRUPT },
        { "features 40", "features", EG_ERR_CORRUPT },
        { "seed 7\n", "seed 7\nmore 1\n", EG_ERR_CORRUPT },
        { "head {", "head [", EG_ERR_CORRUPT },
    };
    const char *path = path_of("hostile.egm");
    eg_head *h = taught_head(head_specs[13]);
    (void)state;
    for (size_t i = 0; i < EGI_COUNT(change); i++) {
        char text[EGI_TEXT_MAX], made[2 * EGI_TEXT_MAX];
        eg_file_options o = reading;
        eg_memory_file *f = NULL;
        eg_head *got = NULL;
        const size_t size = egi_head_text(h, text);
        const char *at = memmem(text, size, change[i].from, strlen(change[i].from));
        CHECK(at != NULL);
        const int n = snprintf(
            made, sizeof made, "%.*s%s%.*s", (int)(at - text), text, change[i].to,
            (int)(size - strlen(change[i].from)) - (int)(at - text), at + strlen(change[i].from));
        discard(path);
        CHECK_OK(eg_memory_file_save_head(path, h, &quick));
        CHECK_OK(eg_memory_file_open(path, &quick, &f));
        CHECK_OK(egi_store_begin(f->store, 1));
        CHECK_OK(egi_store_set_meta(f->store, EGI_MEMORY_KEY, made, (size_t)n));
        CHECK_OK(egi_store_commit(f->store));
        eg_memory_file_close(f);
        f = NULL;
        o.max_bytes = 16 << 20;
        eg_status s = eg_memory_file_open(path, &o, &f);
        if (s == EG_OK) s = eg_memory_file_load_head(f, &got);
        CHECK_STATUS(s, change[i].want);
        CHECK(got == NULL);
        eg_memory_file_close(f);
    }
    eg_head_destroy(h);
}

/* Puts back record `id` as it is changed by f. */
static eg_status changed_load(eg_head *h, uint64_t id,
                              void (*change)(int how, egi_record *head, uint8_t *bytes), int how)
{
    const char *path = path_of("rows.egm");
    static uint8_t copy[1 << 17];
    eg_memory_file *f = NULL;
    eg_head *got = NULL;
    egi_record head;
    const uint8_t *there;
    discard(path);
    CHECK_OK(eg_memory_file_save_head(path, h, &quick));
    CHECK_OK(eg_memory_file_open(path, &quick, &f));
    CHECK_OK(egi_store_begin(f->store, 1));
    CHECK_OK(egi_store_get(f->store, id, &head, &there));
    memcpy(copy, there, head.size);
    change(how, &head, copy);
    CHECK_OK(egi_store_put(f->store, &head, copy));
    CHECK_OK(egi_store_commit(f->store));
    const eg_status s = eg_memory_file_load_head(f, &got);
    CHECK_STATUS(eg_memory_file_verify(f, NULL, NULL), s);
    eg_head_destroy(got);
    eg_memory_file_close(f);
    return s;
}

static void change_record(int how, egi_record *head, uint8_t *bytes)
{
    if (how == 0) head->lo = 1;
    if (how == 1) head->id = 400;
    if (how == 2) head->size--;
    if (how == 3) bytes[0] ^= 1;
    if (how == 4) bytes[EGI_FIELD_HEADER + EGI_FIELD_ROW] ^= 1;
    if (how == 5) head->kind = EGI_KIND_STATE;
    if (how == 6) head->count++;
    if (how == 7) bytes[16] ^= 1;
}

static void change_counts(int how, egi_record *head, uint8_t *bytes)
{
    (void)head;
    egi_store_le64(bytes + 8 * (size_t)(how % 3), how < 3 ? 2 : UINT64_MAX);
}

/* A row's digest put right again: what it says cannot be. */
static void change_class(int how, egi_record *head, uint8_t *bytes)
{
    const size_t size = how == 0 ? 4 : 8, field = how == 0 ? EGI_ITEM_CLASS : EGI_ITEM_NUMBER;
    uint8_t *row = bytes + EGI_FIELD_HEADER;
    (void)head;
    memset(row + EGI_FIELD_ROW, how == 0 ? 4 : 0, size);
    egi_store_le64(row, egi_field_digest(field, 0, row + EGI_FIELD_ROW, size));
}

/* A sum that no examples come to, with a right digest. */
static void change_sum(int how, egi_record *head, uint8_t *bytes)
{
    const size_t size = HEAD_D * 4;
    uint8_t *row = bytes + EGI_FIELD_HEADER;
    (void)head;
    egi_store_le32(row + EGI_FIELD_ROW, HEAD_EACH * EGI_HEAD_ONE + (uint32_t)how);
    egi_store_le64(row, egi_field_digest(EGI_OWN_FIELDS, 0, row + EGI_FIELD_ROW, size));
}

static void hostile_rows_are_refused(void **state)
{
    (void)state;
    eg_head *h = taught_head(head_specs[8]);
    for (int how = 0; how < 8; how++)
        CHECK_STATUS(changed_load(h, 2 + EGI_ITEM_VECTOR, change_record, how), EG_ERR_CORRUPT);
    for (int how = 0; how < 3; how++)
        CHECK_STATUS(changed_load(h, 1, change_counts, how), EG_ERR_CORRUPT);
    for (int how = 3; how < 5; how++) CHECK(changed_load(h, 1, change_counts, how) < 0);
    CHECK_STATUS(changed_load(h, 2 + EGI_ITEM_CLASS, change_class, 0), EG_ERR_CORRUPT);
    CHECK_STATUS(changed_load(h, 2 + EGI_ITEM_NUMBER, change_class, 1), EG_ERR_CORRUPT);
    eg_head_destroy(h);
    h = taught_head(head_specs[0]);
    CHECK_OK(changed_load(h, 2 + EGI_OWN_FIELDS, change_sum, 0));
    CHECK_STATUS(changed_load(h, 2 + EGI_OWN_FIELDS, change_sum, 1), EG_ERR_CORRUPT);
    eg_head_destroy(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flips_and_cuts_are_noticed),
        cmocka_unit_test(a_lost_row_costs_its_class),
        cmocka_unit_test(a_lost_item_costs_itself),
        cmocka_unit_test(what_all_share_is_needed),
        cmocka_unit_test(damaged_descriptions_are_repaired),
        cmocka_unit_test(hostile_descriptions_are_refused),
        cmocka_unit_test(hostile_rows_are_refused),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
