/* Stores that others forged: rows and roots with the right checksums, pages that lie about their
 * order, damage that is told and what is saved of it. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "store_check.h"

/* A change that the library would not make, with the checksums of pages that it would. */
static void forge(const char *sql)
{
    const egi_store_options o = settings();
    egi_store *s = NULL;
    CHECK_OK(egi_store_connect(path, &o, &s));
    sqlite3_limit(s->db, SQLITE_LIMIT_ATTACHED, 1); /* for VACUUM */
    CHECK_OK(egi_sql_exec(s, sql));
    egi_store_close(s);
}

/* Each is refused when the file is opened, with these words. */
static void forged_rows_are_refused(void **state)
{
    static const struct {
        const char *sql, *words;
    } forged[] = {
        { "DROP TABLE meta", "its tables are not" },
        { "CREATE TABLE more(a)", "its tables are not" },
        { "UPDATE root SET id=2", "the root does not match" },
        { "UPDATE root SET bytes=substr(bytes,1,79)", "the root does not match" },
        { "UPDATE root SET bytes=CAST(bytes AS TEXT)", "the root does not match" },
        { "INSERT INTO root SELECT 2,bytes FROM root", "two roots" },
        { "DELETE FROM root", "the root does not match" },
        { "UPDATE record SET kind=9 WHERE id=2", "record 2 does not match" },
        { "UPDATE record SET kind='a' WHERE id=2", "column 1 is no integer" },
        { "DELETE FROM record WHERE id=2", "does not match" },
        { "UPDATE meta SET value='value'", "a meta row does not match" },
        { "UPDATE meta SET hash='hash'", "a meta row does not match" },
        { "UPDATE meta SET key=x'6b6579'", "a meta row does not match" },
        { "UPDATE meta SET value=x'00'", "a meta row does not match" },
        { "UPDATE meta SET value=zeroblob(1048577)", "a meta row does not match" },
        { "UPDATE meta SET key='ke' || char(0)", "a meta row does not match" },
        { "DELETE FROM meta", "does not match" },
    };
    (void)state;
    for (size_t i = 0; i < EGI_COUNT(forged); i++) {
        fill(3, 10);
        forge(forged[i].sql);
        const eg_status s = opened();
        if (s != EG_ERR_CORRUPT || strstr(eg_error_detail(), forged[i].words) == NULL)
            fail_msg("%s: %s: %s", forged[i].sql, eg_status_name(s), eg_error_detail());
    }
}

/* Writes the root with one of its fields changed. */
static void forge_root(size_t field)
{
    const egi_store_options o = settings();
    egi_store *s = NULL;
    uint8_t bytes[EGI_ROOT_BYTES];
    char sql[300] = "UPDATE root SET bytes=x'";
    CHECK_OK(egi_store_open(path, &o, &s));
    egi_store_root root = *egi_store_root_view(s);
    uint64_t *const all[] = { &root.records, &root.metas, &root.items, &root.bytes,
                              &root.top,     &root.last,  &root.sum0,  &root.sum1 };
    *all[field] -= 1;
    egi_root_encode(&root, bytes);
    for (size_t i = 0; i < sizeof bytes; i++)
        snprintf(sql + strlen(sql), 3, "%02x", (unsigned)bytes[i]);
    strcat(sql, "'");
    egi_store_close(s);
    forge(sql);
}

static void a_root_that_says_otherwise_is_refused(void **state)
{
    (void)state;
    for (size_t field = 0; field < 8; field++) {
        fill(3, 10);
        forge_root(field);
        CHECK_STATUS(opened(), EG_ERR_CORRUPT);
        CHECK(strstr(eg_error_detail(), "does not match") != NULL);
    }
}

/* A row that agrees with its own checksum, and is none that can be. */
static void put_head(uint64_t id, uint64_t size)
{
    const egi_record r = { id, 1, 0, 0, 1, size };
    char sql[200];
    snprintf(sql, sizeof sql, "INSERT INTO record VALUES(%lld,1,0,0,1,%lld,5,%lld,x'00')",
             (long long)id, (long long)size, (long long)egi_head_hash(&r, 5));
    forge(sql);
}

static void heads_beyond_the_limits_are_refused(void **state)
{
    (void)state;
    fill(1, 10);
    put_head(2, EGI_RECORD_MAX + 1);
    CHECK_STATUS(opened(), EG_ERR_CORRUPT);
    CHECK(strstr(eg_error_detail(), "record 2 declares") != NULL);
    fill(1, 10);
    put_head(UINT64_MAX, 1);
    CHECK_STATUS(opened(), EG_ERR_CORRUPT);
}

/* Its bytes are fewer than root and head say, which do agree. */
static void more_bytes_than_pages_are_refused(void **state)
{
    (void)state;
    fill(20, 5000);
    forge("UPDATE record SET bytes=x'00'");
    forge("VACUUM");
    CHECK_STATUS(opened(), EG_ERR_CORRUPT);
    CHECK(strstr(eg_error_detail(), "100000 bytes declared in") != NULL);
}

/* A writer that does not keep the root is noticed by a handle that has seen it agree. */
static void a_row_is_judged_when_it_is_read(void **state)
{
    const egi_store_options o = settings();
    egi_store *s = NULL;
    const uint8_t *bytes;
    size_t size;
    (void)state;
    fill(3, 10);
    CHECK_OK(egi_store_open(path, &o, &s));
    forge("UPDATE record SET kind=9 WHERE id=2;UPDATE record SET bytes=x'00' WHERE id=3;"
          "UPDATE meta SET value=x'00'");
    CHECK_OK(egi_store_begin(s, 1));
    CHECK_STATUS(egi_store_get(s, 2, NULL, &bytes), EG_ERR_CORRUPT);
    CHECK_STATUS(egi_store_delete(s, 2), EG_ERR_CORRUPT);
    CHECK_STATUS(egi_store_get(s, 3, NULL, &bytes), EG_ERR_CORRUPT);
    CHECK(strstr(eg_error_detail(), "record 3: its bytes") != NULL);
    CHECK_STATUS(egi_store_meta(s, "key", &bytes, &size), EG_ERR_CORRUPT);
    CHECK_OK(egi_store_get(s, 1, NULL, &bytes));
    egi_store_abort(s);
    CHECK_STATUS(egi_store_verify(s, NULL, NULL, NULL, NULL), EG_ERR_CORRUPT);
    egi_store_close(s);
}

/* Pages of another size, and all else ours. */
static void pages_of_another_size_are_refused(void **state)
{
    const egi_store_options o = settings();
    egi_store *s = NULL;
    char sql[200];
    (void)state;
    egi_path_discard(path);
    FILE *f = fopen(path, "wb");
    CHECK(f != NULL && fclose(f) == 0);
    CHECK_OK(egi_store_connect(path, &o, &s));
    snprintf(sql, sizeof sql,
             "PRAGMA page_size=8192;PRAGMA application_id=%d;PRAGMA user_version=%d;"
             "CREATE TABLE a(b)",
             EGI_STORE_APP_ID, EGI_STORE_VERSION);
    CHECK_OK(egi_sql_exec(s, sql));
    egi_store_close(s);
    CHECK_STATUS(opened(), EG_ERR_CORRUPT);
    CHECK(strstr(eg_error_detail(), "pages of 8192 bytes, expected 4096") != NULL);
}

static void count(void *user, const char *text)
{
    *(size_t *)user += strstr(text, "is not what was written") != NULL;
}

static eg_status diverged(void *user, const egi_record *head, const uint8_t *bytes)
{
    (void)user;
    (void)bytes;
    return head->id == 2 ? egi_fail(EG_ERR_DIVERGED, "record 2 is not finite") : EG_OK;
}

static void flip(long offset)
{
    FILE *f = fopen(path, "r+b");
    CHECK(f != NULL && fseek(f, offset, SEEK_SET) == 0);
    const int c = fgetc(f);
    CHECK(c != EOF && fseek(f, offset, SEEK_SET) == 0 && fputc(c ^ 1, f) != EOF && fclose(f) == 0);
}

/* Of many damages the first 20 are told, with or without somebody to tell. */
static void verify_tells_what_it_finds(void **state)
{
    egi_store_options o = settings();
    egi_store *s = NULL;
    size_t told = 0;
    struct stat st;
    (void)state;
    fill(200, 4000); /* a page each, of which the last bytes are the checksum */
    CHECK(stat(path, &st) == 0);
    for (long page = 20; page < 60; page++) flip(page * EGI_STORE_PAGE + EGI_STORE_PAGE - 1);
    o.read_only = 1;
    CHECK_OK(egi_store_open(path, &o, &s));
    CHECK_STATUS(egi_store_verify(s, NULL, NULL, count, &told), EG_ERR_CORRUPT);
    CHECK(told == 20 && strstr(eg_error_detail(), "(and 39 more)") != NULL);
    CHECK_STATUS(egi_store_verify(s, NULL, NULL, NULL, NULL), EG_ERR_CORRUPT);
    CHECK_STATUS(egi_store_verify(s, diverged, NULL, NULL, NULL), EG_ERR_DIVERGED);
    CHECK(strstr(eg_error_detail(), "record 2 is not finite (and 40 more)") != NULL);
    egi_store_close(s);
    fill(3, 10);
    FILE *f = fopen(path, "ab"); /* a part of a page behind the last */
    CHECK(f != NULL && fwrite("part", 1, 4, f) == 4 && fclose(f) == 0);
    CHECK_OK(egi_store_open(path, &o, &s));
    CHECK_STATUS(egi_store_verify(s, NULL, NULL, NULL, NULL), EG_ERR_CORRUPT);
    CHECK(strstr(eg_error_detail(), "is not what was written") != NULL);
    egi_store_close(s);
}

struct rescued {
    uint64_t rows, last, heads, whole, zeros;
};

static eg_status rescue(void *user, const egi_record *head, unsigned holds, const uint8_t *bytes,
                        uint64_t *kept, uint64_t *lost)
{
    struct rescued *r = user;
    (void)lost;
    for (size_t i = 0; i < head->size; i++) /* what was written, or zeros from somewhere on */
        CHECK(bytes[i] == (head->id - 1) % 251 || bytes[i] == 0);
    r->zeros += head->size > 0 && bytes[head->size - 1] == 0 && bytes[0] != 0;
    CHECK(head->id > r->last);
    r->last = head->id;
    r->rows++;
    r->heads += (holds & EGI_HOLDS_HEAD) != 0;
    r->whole += (holds & EGI_HOLDS_BYTES) != 0;
    *kept += 1;
    return EG_OK;
}

static eg_status save(size_t max_bytes, struct rescued *r)
{
    egi_store_options o = settings();
    egi_store *to = NULL;
    char mended[320];
    uint64_t kept = 0, lost = 0;
    snprintf(mended, sizeof mended, "%s.mended", path);
    egi_path_discard(mended);
    CHECK_OK(egi_store_build(mended, &o, nothing, NULL));
    CHECK_OK(egi_store_open(mended, &o, &to));
    CHECK_OK(egi_store_begin(to, 1));
    o.max_bytes = max_bytes;
    *r = (struct rescued){ 0 };
    const eg_status s = egi_store_salvage(path, &o, to, rescue, r, &kept, &lost);
    egi_store_abort(to);
    egi_store_close(to);
    egi_path_discard(mended);
    return s;
}

/* A page of many rows is lost, and those on both sides of it are not. */
static void rows_around_a_lost_page_are_saved(void **state)
{
    enum { ROWS = 2000 };
    struct rescued r;
    struct stat st;
    (void)state;
    fill(ROWS, 20);
    CHECK(stat(path, &st) == 0);
    CHECK_OK(save(0, &r));
    CHECK(r.rows == ROWS && r.whole == ROWS);
    for (long page = 6; page < st.st_size / EGI_STORE_PAGE; page += 5) {
        flip(page * EGI_STORE_PAGE); /* the kind of page */
        CHECK_OK(save(0, &r));
        CHECK(r.rows < ROWS && r.rows > ROWS - 200 && r.last > ROWS - 200);
        CHECK(r.whole == r.rows);
        flip(page * EGI_STORE_PAGE);
    }
    fill(20, 3000);
    CHECK_OK(save(2000, &r)); /* records are larger than what is allowed */
    CHECK(r.heads == 20 && r.whole == 0);
}

/* Keys of inner pages that lead elsewhere: an end comes, and never a row twice. */
static void pages_that_lie_about_their_order_end(void **state)
{
    enum { INNER = 5 };
    egi_store_options o = settings();
    struct stat st;
    size_t tried = 0;
    (void)state;
    o.read_only = 1;
    fill(4000, 20);
    CHECK(stat(path, &st) == 0);
    for (long page = 0; page < st.st_size / EGI_STORE_PAGE; page++) {
        uint8_t head[14];
        FILE *f = fopen(path, "rb");
        CHECK(f != NULL && fseek(f, page * EGI_STORE_PAGE, SEEK_SET) == 0);
        CHECK(fread(head, 1, sizeof head, f) == sizeof head && fclose(f) == 0);
        if (head[0] != INNER) continue;
        for (long cell = 0; cell < 256 * head[3] + head[4] && cell < 12; cell++, tried++) {
            egi_store *s = NULL;
            uint8_t at[2];
            struct rescued r;
            f = fopen(path, "rb");
            CHECK(f != NULL && fseek(f, page * EGI_STORE_PAGE + 12 + 2 * cell, SEEK_SET) == 0);
            CHECK(fread(at, 1, 2, f) == 2 && fclose(f) == 0);
            const long key = page * EGI_STORE_PAGE + 256 * at[0] + at[1] + 4;
            flip(key); /* the key behind the page it leads to: 128 rows more or fewer */
            eg_status status = egi_store_open(path, &o, &s);
            if (status == EG_OK) status = egi_store_verify(s, NULL, NULL, NULL, NULL);
            CHECK(status == EG_ERR_CORRUPT);
            egi_store_close(s);
            CHECK_OK(save(0, &r));
            flip(key);
        }
    }
    CHECK(tried > 0);
}

static void put_at(long offset, const void *p, size_t n)
{
    FILE *f = fopen(path, "r+b");
    CHECK(f != NULL && fseek(f, offset, SEEK_SET) == 0);
    CHECK(fwrite(p, 1, n, f) == n && fclose(f) == 0);
}

/* The pages of a long record lead to one that is not there: the pass over the records ends, verify
 * goes on, and what comes before that page is saved. */
static void chains_that_lead_nowhere_are_told(void **state)
{
    static const uint8_t nowhere[4] = { 0x7f, 0xff, 0xff, 0xff };
    const egi_store_options o = settings();
    egi_store *s = NULL;
    struct rescued r;
    struct stat st;
    (void)state;
    fill(3, 10000);
    CHECK(stat(path, &st) == 0);
    for (long page = 5; page < st.st_size / EGI_STORE_PAGE; page++) {
        uint8_t next[4];
        FILE *f = fopen(path, "rb");
        CHECK(f != NULL && fseek(f, page * EGI_STORE_PAGE, SEEK_SET) == 0);
        CHECK(fread(next, 1, 4, f) == 4 && fclose(f) == 0);
        if (next[0] == 0 && next[1] == 0 && next[2] == 0 && next[3] > 0)
            put_at(page * EGI_STORE_PAGE, nowhere, 4);
    }
    CHECK_OK(egi_store_open(path, &o, &s)); /* heads alone are read */
    CHECK_STATUS(egi_store_verify(s, NULL, NULL, NULL, NULL), EG_ERR_CORRUPT);
    CHECK(strstr(eg_error_detail(), "read the records: damaged") != NULL);
    egi_store_close(s);
    CHECK_OK(save(0, &r));
    CHECK(r.heads == 3 && r.whole == 1 && r.zeros == 2); /* the first is of zeros */
}

/* A count in the header, with the right checksum of its page: only the structure shows it. */
static void damage_of_the_structure_alone_is_told(void **state)
{
    enum { CONTENT = EGI_STORE_PAGE - EGI_STORE_RESERVED };
    const egi_store_options o = settings();
    uint8_t page[EGI_STORE_PAGE];
    egi_store *s = NULL;
    (void)state;
    fill(3, 10);
    FILE *f = fopen(path, "rb");
    CHECK(f != NULL && fread(page, 1, sizeof page, f) == sizeof page && fclose(f) == 0);
    page[39]++; /* free pages */
    const uint64_t of[2] = { 1, egi_hash(page, CONTENT) };
    egi_store_le64(page + CONTENT, egi_hash(of, sizeof of));
    put_at(0, page, sizeof page);
    CHECK_OK(egi_store_open(path, &o, &s));
    CHECK_STATUS(egi_store_verify(s, NULL, NULL, NULL, NULL), EG_ERR_CORRUPT);
    CHECK(strstr(eg_error_detail(), "reelist") != NULL);
    egi_store_close(s);
}

/* Half of a file: what its pages hold is saved, though the header says that there are more. */
static void half_of_a_file_is_saved(void **state)
{
    struct rescued r;
    struct stat st;
    (void)state;
    fill(2000, 20);
    CHECK(stat(path, &st) == 0
          && truncate(path, st.st_size / 2 / EGI_STORE_PAGE * EGI_STORE_PAGE) == 0);
    CHECK_OK(save(0, &r));
    CHECK(r.rows > 500 && r.rows < 1500 && r.whole == r.rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forged_rows_are_refused),
        cmocka_unit_test(a_root_that_says_otherwise_is_refused),
        cmocka_unit_test(heads_beyond_the_limits_are_refused),
        cmocka_unit_test(more_bytes_than_pages_are_refused),
        cmocka_unit_test(a_row_is_judged_when_it_is_read),
        cmocka_unit_test(pages_of_another_size_are_refused),
        cmocka_unit_test(verify_tells_what_it_finds),
        cmocka_unit_test(rows_around_a_lost_page_are_saved),
        cmocka_unit_test(chains_that_lead_nowhere_are_told),
        cmocka_unit_test(damage_of_the_structure_alone_is_told),
        cmocka_unit_test(half_of_a_file_is_saved),
        cmocka_unit_test(pages_that_lie_about_their_order_end),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
