/* Damaged and foreign files: every flip, cut and exchange is noticed, or changes nothing. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <sqlite3.h>

#include "memory_file_check.h"

enum { PAGE = 4096 };

static int set_up(void **state)
{
    (void)state;
    return make_folder();
}

static void flipped_bits_are_noticed(void **state)
{
    const char *path = path_of("flip.egm"), *victim = path_of("flipped.egm");
    size_t count[3] = { 0, 0, 0 };
    (void)state;
    write_file(path, N);
    struct bytes b = read_all(path);
    const size_t in_turn = campaign(800, 8 * b.n), flips = in_turn + campaign(1200, 0);
    for (size_t i = 0; i < flips; i++) {
        uint32_t r[4];
        egi_philox(21, 0, i, r);
        const size_t bit = i < in_turn ? i : (((size_t)r[0] << 32 | r[1]) % (8 * b.n));
        b.p[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        write_all(victim, b.p, b.n);
        const enum verdict v = judge(victim, N);
        if (v == SILENT) print_message("bit %zu of byte %zu\n", bit % 8, bit / 8);
        count[v]++;
        b.p[bit / 8] ^= (uint8_t)(1u << (bit % 8));
    }
    free(b.p);
    print_message("flips: %zu detected, %zu harmless, %zu silent\n", count[DETECTED],
                  count[HARMLESS], count[SILENT]);
    CHECK(count[DETECTED] == flips); /* wherever it is: pages have checksums */
}

static void truncated_files_are_noticed(void **state)
{
    const char *path = path_of("whole.egm"), *victim = path_of("short.egm");
    (void)state;
    write_file(path, N);
    struct bytes b = read_all(path);
    for (size_t n = 0; n < b.n; n += campaign(n < 600 ? 23 : 211, 1)) {
        write_all(victim, b.p, n);
        CHECK(judge(victim, N) == DETECTED);
    }
    for (size_t n = PAGE; n < b.n; n += PAGE) {
        write_all(victim, b.p, n);
        CHECK(judge(victim, N) == DETECTED);
    }
    free(b.p);
}

static void swapped_and_older_pages_are_noticed(void **state)
{
    const char *path = path_of("pages.egm"), *victim = path_of("mixed.egm");
    size_t detected = 0;
    (void)state;
    write_file(path, N - 10);
    struct bytes old = read_all(path);
    eg_memory_file *f = NULL;
    const uint64_t id = 5;
    const eg_items same = { NULL, NULL, NULL, &id };
    CHECK_OK(eg_memory_file_open(path, &quick, &f));
    CHECK_OK(eg_memory_file_append(f, x + (N - 10) * D, 10, NULL, NULL));
    CHECK_OK(eg_memory_file_remove(f, &id, 1)); /* and another pattern in its place */
    CHECK_OK(eg_memory_file_append(f, x, 1, &same, NULL));
    CHECK_OK(eg_memory_file_remove(f, &id, 1));
    eg_memory_file_close(f);
    struct bytes now = read_all(path), mix = { malloc(now.n), now.n };
    for (size_t i = 0; i * PAGE < now.n; i++) {
        for (size_t k = 0; k < i; k++) {
            memcpy(mix.p, now.p, now.n);
            memcpy(mix.p + i * PAGE, now.p + k * PAGE, PAGE);
            memcpy(mix.p + k * PAGE, now.p + i * PAGE, PAGE);
            write_all(victim, mix.p, mix.n);
            CHECK_STATUS(eg_memory_file_open(victim, &reading, &f), EG_ERR_CORRUPT);
        }
        if ((i + 1) * PAGE > old.n || memcmp(old.p + i * PAGE, now.p + i * PAGE, PAGE) == 0)
            continue;
        memcpy(mix.p, now.p, now.n);
        memcpy(mix.p + i * PAGE, old.p + i * PAGE, PAGE);
        write_all(victim, mix.p, mix.n);
        const eg_status s = eg_memory_file_open(victim, &reading, &f);
        /* page 1 differs by SQLite's counters alone, unless the file grew */
        if (s == EG_OK) eg_memory_file_close(f);
        CHECK(s == EG_ERR_CORRUPT || i == 0);
        detected += s == EG_ERR_CORRUPT;
    }
    CHECK(detected >= 2); /* the root, the records */
    free(old.p);
    free(now.p);
    free(mix.p);
}

static void make_other_database(const char *path, const char *sql)
{
    sqlite3 *db;
    discard(path);
    CHECK(sqlite3_open(path, &db) == SQLITE_OK);
    CHECK(sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK);
    sqlite3_close(db);
}

/* Changes made by SQL to a good file. */
static void other_files_are_refused(void **state)
{
    const char *path = path_of("other.egm");
    static const struct {
        const char *sql;
        eg_status want;
    } change[] = {
        { "PRAGMA user_version=4", EG_ERR_VERSION },
        { "PRAGMA user_version=2", EG_ERR_VERSION },
        { "PRAGMA user_version=0", EG_ERR_CORRUPT },
        { "PRAGMA application_id=7", EG_ERR_CORRUPT },
        { "CREATE TABLE more(a)", EG_ERR_CORRUPT },
        { "CREATE VIEW v AS SELECT * FROM record", EG_ERR_CORRUPT },
        { "CREATE INDEX i ON record(kind)", EG_ERR_CORRUPT },
        { "CREATE TRIGGER t AFTER INSERT ON record BEGIN DELETE FROM meta; END", EG_ERR_CORRUPT },
        { "DROP TABLE meta", EG_ERR_CORRUPT },
        { "DELETE FROM root", EG_ERR_CORRUPT },
        { "INSERT INTO root SELECT 2,bytes FROM root", EG_ERR_CORRUPT },
        { "DELETE FROM record WHERE id=2", EG_ERR_CORRUPT },
        { "UPDATE record SET id=9 WHERE id=2", EG_ERR_CORRUPT },
        { "UPDATE record SET count=count+1 WHERE id=2", EG_ERR_CORRUPT },
        { "UPDATE record SET hash=x'00' WHERE id=2", EG_ERR_CORRUPT },
        { "DELETE FROM meta WHERE key='note/title'", EG_ERR_CORRUPT },
        { "UPDATE meta SET key='note/other' WHERE key='note/title'", EG_ERR_CORRUPT },
    };
    eg_memory_file *f = NULL;
    (void)state;
    for (size_t i = 0; i < EGI_COUNT(change); i++) {
        sqlite3 *db;
        write_file(path, N);
        CHECK(sqlite3_open(path, &db) == SQLITE_OK);
        CHECK(sqlite3_exec(db, change[i].sql, NULL, NULL, NULL) == SQLITE_OK);
        sqlite3_close(db);
        CHECK_STATUS(eg_memory_file_open(path, &reading, &f), change[i].want);
        CHECK(f == NULL);
    }
    make_other_database(path, "CREATE TABLE t(a); INSERT INTO t VALUES(1)");
    CHECK_STATUS(eg_memory_file_open(path, NULL, &f), EG_ERR_CORRUPT);
    write_all(path, (const uint8_t *)"", 0);
    CHECK_STATUS(eg_memory_file_open(path, NULL, &f), EG_ERR_CORRUPT);
    uint8_t text[2000];
    memset(text, 'a', sizeof text);
    write_all(path, text, sizeof text);
    CHECK_STATUS(eg_memory_file_open(path, NULL, &f), EG_ERR_CORRUPT);
    CHECK_STATUS(eg_memory_file_open(folder, NULL, &f), EG_ERR_IO);
    CHECK_STATUS(eg_memory_file_open(path_of("absent.egm"), NULL, &f), EG_ERR_IO);
    CHECK(access(path_of("absent.egm"), F_OK) != 0);
    CHECK_STATUS(eg_memory_file_open(":memory:", NULL, &f), EG_ERR_IO);
    discard(path);
    CHECK(mkfifo(path, 0600) == 0);
    CHECK_STATUS(eg_memory_file_open(path, NULL, &f), EG_ERR_IO); /* and does not wait */
    discard(path);
    write_file(path, N);
    char journal[400];
    snprintf(journal, sizeof journal, "%s-journal", path);
    write_all(journal, text, sizeof text);
    CHECK_STATUS(eg_memory_file_open(path, NULL, &f), EG_ERR_CORRUPT);
    CHECK(f == NULL);
    unlink(journal);
    CHECK(judge(path, N) == HARMLESS);
}

static void repair_saves_what_verifies(void **state)
{
    const char *path = path_of("hurt.egm"), *to = path_of("repaired.egm");
    eg_memory_file *f = NULL;
    eg_memory *m = NULL;
    uint64_t kept = 0, lost = 0;
    (void)state;
    write_file(path, N);
    struct bytes b = read_all(path);
    uint8_t *at = memmem(b.p, b.n, x + 15 * D, 32); /* in the second of four blocks */
    CHECK(at != NULL);
    at[5] ^= 1;
    write_all(path, b.p, b.n);
    CHECK(judge(path, N) == DETECTED);
    discard(to);
    CHECK_OK(eg_memory_file_repair(path, to, NULL, &kept, &lost));
    CHECK(kept == N - 1 && lost == 1);
    CHECK_STATUS(eg_memory_file_repair(path, to, NULL, &kept, &lost), EG_ERR_IO); /* it exists */
    CHECK_OK(eg_memory_file_open(to, NULL, &f));
    CHECK_OK(eg_memory_file_verify(f, NULL, NULL));
    CHECK_OK(eg_memory_file_load(f, &m));
    CHECK(eg_memory_count(m) == N - 1 && eg_memory_id(m, 15) == 17);
    eg_memory_destroy(m);
    eg_memory_file_close(f);
    /* any damage whatever: a repair gives a good file or a typed error */
    const char *victim = path_of("worse.egm");
    for (uint32_t i = 0; i < 60; i++) {
        uint32_t r[4];
        egi_philox(41, 0, i, r);
        struct bytes worse = { malloc(b.n), b.n };
        memcpy(worse.p, b.p, b.n);
        for (size_t k = 0; k < 200; k++)
            worse.p[(100 + r[0] + k) % b.n] ^= (uint8_t)(r[1] >> k % 24);
        write_all(victim, worse.p, worse.n);
        discard(to);
        const eg_status s = eg_memory_file_repair(victim, to, NULL, &kept, &lost);
        CHECK(s == EG_OK || s == EG_ERR_CORRUPT || s == EG_ERR_VERSION);
        CHECK((access(to, F_OK) == 0) == (s == EG_OK));
        if (s == EG_OK) check_left_over(to);
        free(worse.p);
    }
    free(b.p);
}

/* Cut at any length: what is there is saved, and the root tells how many are missing. */
static void a_cut_file_is_repaired(void **state)
{
    const char *path = path_of("whole.egm"), *victim = path_of("cut.egm"), *to = path_of("r.egm");
    const size_t d = 300, n = 400; /* many pages, and a tree of two levels */
    eg_file_options o = EG_FILE_OPTIONS_INIT;
    eg_memory_file *f = NULL;
    size_t saved = 0;
    (void)state;
    o.durability = 0;
    float *p = malloc(n * d * sizeof *p);
    CHECK(p != NULL);
    for (size_t i = 0; i < n * d; i++) p[i] = i % 3 == 0 ? 1.0f : -1.0f;
    discard(path);
    CHECK_OK(eg_memory_file_create(path, d, NULL, &o, &f));
    for (size_t i = 0; i < n; i += 8) CHECK_OK(eg_memory_file_append(f, p + i * d, 8, NULL, NULL));
    eg_memory_file_close(f);
    free(p);
    struct bytes b = read_all(path);
    for (size_t tenth = 0; tenth < 10; tenth++) {
        uint64_t kept = 0, lost = 0;
        const size_t cut = b.n * tenth / 10;
        write_all(victim, b.p, cut);
        discard(to);
        const eg_status s = eg_memory_file_repair(victim, to, NULL, &kept, &lost);
        CHECK(s == EG_OK || s == EG_ERR_CORRUPT);
        if (tenth < 2) continue;
        CHECK_OK(s);
        CHECK(kept + lost == n);
        CHECK(kept + 16 >= cut / (4 * d) * 9 / 10);
        saved += kept > 0;
        check_left_over(to);
    }
    CHECK(saved == 8);
    free(b.p);
}

/* Damage in the log of a killed writer: an earlier commit whole, or an error. */
static void a_damaged_log_gives_a_whole_commit(void **state)
{
    const char *path = path_of("log.egm"), *victim = path_of("hurtlog.egm");
    char log[400], victim_log[400];
    eg_memory_file *f = NULL;
    (void)state;
    discard(path);
    CHECK_OK(eg_memory_file_create(path, D, NULL, &quick, &f));
    CHECK_OK(eg_memory_file_set_note(f, "title", "forty patterns"));
    for (size_t i = 0; i < 8; i++) CHECK_OK(eg_memory_file_append(f, x + i * D, 1, NULL, NULL));
    snprintf(log, sizeof log, "%s-wal", path);
    snprintf(victim_log, sizeof victim_log, "%s-wal", victim);
    struct bytes b = read_all(path), w = read_all(log);
    CHECK(w.n > 8 * PAGE);
    eg_memory_file_close(f);
    for (uint32_t i = 0; i < campaign(300, 100000); i++) {
        uint32_t r[4];
        egi_philox(51, 0, i, r);
        const size_t bit = r[0] % (8 * w.n);
        w.p[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        write_all(victim, b.p, b.n);
        write_all(victim_log, w.p, w.n);
        w.p[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        eg_memory *m = NULL;
        f = NULL;
        eg_status s = eg_memory_file_open(victim, &reading, &f);
        if (s == EG_OK) s = eg_memory_file_load(f, &m);
        CHECK(s == EG_OK ? is_whole(m, eg_memory_count(m)) : s == EG_ERR_CORRUPT);
        eg_memory_destroy(m);
        eg_memory_file_close(f);
    }
    free(b.p);
    free(w.p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flipped_bits_are_noticed),
        cmocka_unit_test(truncated_files_are_noticed),
        cmocka_unit_test(swapped_and_older_pages_are_noticed),
        cmocka_unit_test(other_files_are_refused),
        cmocka_unit_test(repair_saves_what_verifies),
        cmocka_unit_test(a_cut_file_is_repaired),
        cmocka_unit_test(a_damaged_log_gives_a_whole_commit),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
