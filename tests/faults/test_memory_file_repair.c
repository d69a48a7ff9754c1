/* Repair: what is not damaged is kept, wherever the damage lies; and it can be stopped. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <sqlite3.h>

#include "memory_file_check.h"
#include "model/egi_memory_file.h"

enum { MANY = 4000, PAGE = 4096, LEAST = D * 4 + 8 /* bytes of a row in the file */ };

static float many[MANY * D];

static int set_up(void **state)
{
    (void)state;
    eg_random_normal(12, 0, 0, MANY * D, many);
    return make_folder();
}

/* All of `many` with labels, in vacuumed blocks. */
static void write_blocks(const char *path, const uint64_t *ids, size_t each)
{
    static int32_t label[MANY];
    eg_memory_file *f = NULL;
    discard(path);
    for (size_t i = 0; i < MANY; i++) label[i] = (int32_t)(i % 10);
    CHECK_OK(eg_memory_file_create(path, D, NULL, &quick, &f));
    for (size_t at = 0; at < MANY; at += each) {
        const eg_items items = { NULL, label + at, NULL, ids != NULL ? ids + at : NULL };
        CHECK_OK(eg_memory_file_append(f, many + at * D, each, &items, NULL));
    }
    CHECK_OK(eg_memory_file_vacuum(f));
    eg_memory_file_close(f);
}

/* Repairs path; the rows kept are what was stored, to the bit, and *kept of them. */
static void check_repaired(const char *path, const char *to, uint64_t *kept)
{
    eg_memory_file *f = NULL;
    eg_memory *m = NULL;
    uint64_t lost = 0;
    discard(to);
    CHECK_OK(eg_memory_file_repair(path, to, NULL, kept, &lost));
    CHECK(*kept + lost >= MANY);
    CHECK_OK(eg_memory_file_open(to, &reading, &f));
    CHECK_OK(eg_memory_file_verify(f, NULL, NULL));
    CHECK_OK(eg_memory_file_load(f, &m));
    CHECK(eg_memory_count(m) == *kept);
    for (size_t i = 0; i < *kept; i++) {
        float row[D];
        const size_t was = (size_t)eg_memory_id(m, i) - 1;
        CHECK_OK(eg_memory_pattern(m, i, row));
        CHECK(was < MANY && memcmp(row, many + was * D, sizeof row) == 0);
        CHECK(eg_memory_label(m, i) == (int32_t)(was % 10));
    }
    eg_memory_destroy(m);
    eg_memory_file_close(f);
}

static void flip_in_row(struct bytes *b, size_t row, size_t offset)
{
    uint8_t *at = memmem(b->p, b->n, many + row * D, 8);
    CHECK(at != NULL);
    at[offset] ^= 4;
}

static void a_flipped_bit_costs_one_memory(void **state)
{
    const char *path = path_of("bit.egm"), *to = path_of("bit-repaired.egm");
    uint64_t kept = 0;
    (void)state;
    write_blocks(path, NULL, 8); /* small blocks, joined by vacuum */
    struct bytes b = read_all(path);
    for (size_t k = 0; k < 5; k++) {
        flip_in_row(&b, 17 + k * 800, 3);
        write_all(path, b.p, b.n);
        check_repaired(path, to, &kept);
        CHECK(kept == MANY - k - 1);
    }
    free(b.p);
}

/* A head or a block's header that is damaged says less, and its rows still hold. */
static void a_damaged_header_costs_nothing(void **state)
{
    static const char *const changes[] = {
        "UPDATE record SET count=count+1 WHERE id=(SELECT min(id) FROM record)",
        "UPDATE record SET kind=9,lo=lo+1 WHERE id=(SELECT min(id) FROM record)",
        "UPDATE record SET digest=digest+1 WHERE id=(SELECT min(id) FROM record)",
        "UPDATE record SET bytes=CAST(x'0000000000000000'||substr(bytes,9) AS BLOB)",
        "UPDATE record SET bytes=CAST(substr(bytes,1,8)||zeroblob(24)||substr(bytes,33) AS BLOB)",
        "UPDATE root SET bytes=zeroblob(80)",
        "DELETE FROM meta WHERE key='memory'",
    };
    const char *path = path_of("head.egm"), *to = path_of("head-repaired.egm");
    uint64_t kept = 0;
    (void)state;
    for (size_t i = 0; i < EGI_COUNT(changes); i++) {
        sqlite3 *db;
        write_blocks(path, NULL, MANY);
        CHECK(sqlite3_open(path, &db) == SQLITE_OK);
        CHECK(sqlite3_exec(db, changes[i], NULL, NULL, NULL) == SQLITE_OK);
        sqlite3_close(db);
        check_repaired(path, to, &kept);
        if (kept != MANY) print_message("%s: kept %d\n", changes[i], (int)kept);
        CHECK(kept == MANY);
    }
}

/* A page that is gone takes the link to the next with it: the rest of its block at most. */
static void a_lost_page_costs_a_block_at_most(void **state)
{
    const char *path = path_of("page.egm"), *victim = path_of("lost.egm");
    const char *to = path_of("page-repaired.egm");
    uint64_t kept = 0, all = 0;
    size_t n = 0;
    (void)state;
    write_blocks(path, NULL, MANY);
    struct bytes b = read_all(path);
    for (size_t at = 8 * PAGE; at + PAGE <= b.n; at += 5 * PAGE) {
        struct bytes hurt = { malloc(b.n), b.n };
        memcpy(hurt.p, b.p, b.n);
        memset(hurt.p + at, 0x5a, PAGE);
        write_all(victim, hurt.p, hurt.n);
        check_repaired(victim, to, &kept);
        CHECK(kept + (2 * EGI_BLOCK_BYTES) / LEAST >= MANY);
        all += MANY - kept;
        n++;
        free(hurt.p);
    }
    print_message("a lost page of %d bytes costs %.0f memories of %d bytes in the mean\n", PAGE,
                  (double)all / (double)n, LEAST);
    free(b.p);
}

static void what_was_lost_is_not_named_again(void **state)
{
    const char *path = path_of("ids.egm"), *to = path_of("ids-repaired.egm");
    eg_memory_file *f = NULL;
    uint64_t kept = 0, id = 0;
    (void)state;
    write_blocks(path, NULL, MANY);
    struct bytes b = read_all(path);
    flip_in_row(&b, MANY - 1, 9);
    write_all(path, b.p, b.n);
    free(b.p);
    check_repaired(path, to, &kept);
    CHECK(kept == MANY - 1);
    CHECK_OK(eg_memory_file_open(to, &quick, &f));
    CHECK_OK(eg_memory_file_append(f, many, 1, NULL, &id));
    CHECK(id == MANY + 1);
    eg_memory_file_close(f);
}

/* Part of the weights is no weights: nothing that loads wrongly comes out. */
static void a_damaged_state_is_dropped_whole(void **state)
{
    enum { D2 = 400 }; /* several records of state */
    const char *path = path_of("state.egm"), *to = path_of("state-repaired.egm");
    eg_memory_options o = EG_MEMORY_OPTIONS_INIT;
    eg_memory_file *f = NULL;
    eg_memory *m = NULL;
    uint64_t kept = 0, lost = 0;
    (void)state;
    o.storage = EG_STORE_HEBB;
    for (size_t record = 1; record <= 4; record++) {
        sqlite3 *db;
        char sql[100];
        discard(path);
        discard(to);
        CHECK_OK(eg_memory_create(D2, &o, &m));
        CHECK_OK(eg_memory_add(m, many, 9, NULL));
        CHECK_OK(eg_memory_file_save(path, m, NULL));
        eg_memory_destroy(m);
        snprintf(sql, sizeof sql, "UPDATE record SET bytes=zeroblob(size) WHERE id=%zu", record);
        CHECK(sqlite3_open(path, &db) == SQLITE_OK);
        CHECK(sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK);
        sqlite3_close(db);
        CHECK_OK(eg_memory_file_repair(path, to, NULL, &kept, &lost));
        CHECK(kept == 0 && lost >= 9);
        CHECK_OK(eg_memory_file_open(to, &quick, &f));
        CHECK_OK(eg_memory_file_verify(f, NULL, NULL));
        CHECK_OK(eg_memory_file_load(f, &m));
        CHECK(eg_memory_count(m) == 0);
        eg_memory_destroy(m);
        eg_memory_file_close(f);
    }
}

struct stopping {
    int calls, after;
};

static int stop_after(void *user, const char *stage, uint64_t done, uint64_t total)
{
    struct stopping *s = user;
    (void)stage;
    (void)done;
    (void)total;
    return s->calls++ >= s->after;
}

static size_t files_in_folder(void)
{
    size_t n = 0;
    DIR *d = opendir(folder);
    CHECK(d != NULL);
    while (readdir(d) != NULL) n++;
    closedir(d);
    return n;
}

/* Stopped at every point where it asks: no file more, and the damaged one as it was. */
static void it_can_be_stopped(void **state)
{
    const char *path = path_of("stop.egm"), *to = path_of("stop-repaired.egm");
    struct stopping stop = { 0, 0 };
    const eg_progress progress = { stop_after, &stop };
    eg_file_options o = EG_FILE_OPTIONS_INIT;
    eg_status s = EG_ERR_INTERRUPTED;
    uint64_t kept = 0, lost = 0;
    (void)state;
    o.progress = &progress;
    write_blocks(path, NULL, MANY);
    struct bytes b = read_all(path);
    flip_in_row(&b, 40, 2);
    write_all(path, b.p, b.n);
    discard(to);
    const size_t files = files_in_folder();
    for (; s == EG_ERR_INTERRUPTED && stop.after < 1000; stop.after++) {
        stop.calls = 0;
        s = eg_memory_file_repair(path, to, &o, &kept, &lost);
        if (s == EG_OK) break;
        CHECK_STATUS(s, EG_ERR_INTERRUPTED);
        CHECK(files_in_folder() == files && kept == 0);
        struct bytes now = read_all(path);
        CHECK(now.n == b.n && memcmp(now.p, b.p, b.n) == 0);
        free(now.p);
    }
    CHECK_OK(s);
    CHECK(stop.after > 4 && kept == MANY - 1);
    free(b.p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_flipped_bit_costs_one_memory),
        cmocka_unit_test(a_damaged_header_costs_nothing),
        cmocka_unit_test(a_lost_page_costs_a_block_at_most),
        cmocka_unit_test(what_was_lost_is_not_named_again),
        cmocka_unit_test(a_damaged_state_is_dropped_whole),
        cmocka_unit_test(it_can_be_stopped),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
