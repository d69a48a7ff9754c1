/* Damaged and hostile files of binary memories: noticed, or repaired by what columns know of rows.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include <sqlite3.h>

#include "binary_file_check.h"

static int set_up(void **state)
{
    (void)state;
    return make_folder();
}

static enum verdict judge_binary(const char *path, const eg_binary *want)
{
    eg_memory_file *f = NULL;
    eg_binary *m = NULL;
    eg_status s = eg_memory_file_open(path, &reading, &f);
    if (s == EG_OK) s = eg_memory_file_load_binary(f, &m);
    enum verdict v = s == EG_ERR_CORRUPT || s == EG_ERR_VERSION ? DETECTED : SILENT;
    if (s == EG_OK && is_same(m, want)) v = HARMLESS;
    if (v == SILENT) print_message("%s: %s\n", eg_status_name(s), eg_error_detail());
    eg_binary_destroy(m);
    eg_memory_file_close(f);
    return v;
}

static void flips_and_cuts_are_noticed(void **state)
{
    const char *path = path_of("flip.egm"), *victim = path_of("flipped.egm");
    size_t count[3] = { 0, 0, 0 };
    eg_binary *m = filled_of(&rows[3]);
    (void)state;
    discard(path);
    CHECK_OK(eg_memory_file_save_binary(path, m, &quick));
    struct bytes b = read_all(path);
    for (size_t i = 0; i < 1000; i++) {
        uint32_t r[4];
        egi_philox(22, 0, i, r);
        const size_t bit = ((size_t)r[0] << 32 | r[1]) % (8 * b.n);
        b.p[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        write_all(victim, b.p, b.n);
        count[judge_binary(victim, m)]++;
        b.p[bit / 8] ^= (uint8_t)(1u << (bit % 8));
    }
    print_message("flips: %zu detected, %zu harmless\n", count[DETECTED], count[HARMLESS]);
    CHECK(count[SILENT] == 0 && count[DETECTED] > 250);
    for (size_t n = 0; n < b.n; n += n < 600 ? 23 : 211) {
        write_all(victim, b.p, n);
        CHECK(judge_binary(victim, m) == DETECTED);
    }
    free(b.p);
    eg_binary_destroy(m);
}

/* The file's place of a row's digest, by what its bytes must be. */
static uint8_t *find_row(const eg_binary *m, size_t row, struct bytes *b)
{
    uint8_t *code = malloc(m->kind->keeping->row_most(m)), at[8];
    const size_t size = m->kind->keeping->row_write(m, row, code);
    egi_store_le64(at, egi_row_digest(row, code, size));
    free(code);
    uint8_t *found = memmem(b->p, b->n, at, 8);
    CHECK(found != NULL);
    return found;
}

static eg_binary *repaired_of(const char *path, uint64_t *kept, uint64_t *lost)
{
    const char *to = path_of("repaired.egm");
    discard(to);
    CHECK_OK(eg_memory_file_repair(path, to, NULL, kept, lost));
    return load_of(to);
}

/* Connections point both ways: what one row lost all others still know. */
static void a_lost_row_of_a_clique_costs_nothing(void **state)
{
    const char *path = path_of("row.egm");
    uint64_t kept, lost;
    (void)state;
    for (size_t counted = 0; counted < 2; counted++) {
        eg_binary *m = filled_of(&rows[2 + counted]);
        discard(path);
        CHECK_OK(eg_memory_file_save_binary(path, m, &quick));
        struct bytes b = read_all(path);
        find_row(m, 77, &b)[EGI_ROW_HEADER + 1] ^= 16;
        write_all(path, b.p, b.n);
        CHECK(judge_binary(path, m) == DETECTED);
        eg_binary *back = repaired_of(path, &kept, &lost);
        CHECK(lost == 0 && kept == m->in.total && is_same(m, back));
        eg_binary_destroy(back);
        find_row(m, 200, &b)[3] ^= 1; /* a second one: only what they have together can be lost */
        write_all(path, b.p, b.n);
        back = repaired_of(path, &kept, &lost);
        CHECK(lost == 2 && kept == m->in.total - 2);
        CHECK(back->n == m->n && back->links.existing + 2 >= m->links.existing);
        eg_binary_destroy(back);
        free(b.p);
        eg_binary_destroy(m);
    }
}

/* Sums point one way: the row is gone, the others are what they were. */
static void a_lost_row_of_sums_costs_itself(void **state)
{
    const char *path = path_of("sums.egm");
    uint64_t kept, lost;
    eg_binary *m = filled_of(&rows[8]);
    (void)state;
    discard(path);
    CHECK_OK(eg_memory_file_save_binary(path, m, &quick));
    struct bytes b = read_all(path);
    find_row(m, 33, &b)[EGI_ROW_HEADER] ^= 2;
    write_all(path, b.p, b.n);
    eg_binary *back = repaired_of(path, &kept, &lost);
    CHECK(lost == 1 && kept == m->in.total - 1);
    for (size_t i = 0; i < m->sums.columns; i++) CHECK(back->sums.at[33 * 50 + i] == 0);
    memcpy(back->sums.at + 33 * 50, m->sums.at + 33 * 50, 50 * sizeof *m->sums.at);
    CHECK(is_same(m, back));
    free(b.p);
    eg_binary_destroy(back);
    eg_binary_destroy(m);
}

/* The description is there twice, and the counts can be told from the connections. */
static void damaged_descriptions_are_repaired(void **state)
{
    static const struct {
        const char *sql;
        uint64_t lost;
        int counts; /* they survive */
    } change[] = { { "DELETE FROM meta WHERE key='memory'", 1, 1 },
                   { "UPDATE root SET bytes=zeroblob(80)", 0, 1 },
                   { "UPDATE record SET bytes=zeroblob(80) WHERE id=1", 1, 0 },
                   { "DELETE FROM record WHERE id=1", 1, 0 } };
    const char *path = path_of("text.egm");
    eg_binary *m = filled_of(&rows[3]);
    (void)state;
    for (size_t i = 0; i < EGI_COUNT(change); i++) {
        uint64_t kept, lost;
        sqlite3 *db;
        discard(path);
        CHECK_OK(eg_memory_file_save_binary(path, m, &quick));
        CHECK(sqlite3_open(path, &db) == SQLITE_OK);
        CHECK(sqlite3_exec(db, change[i].sql, NULL, NULL, NULL) == SQLITE_OK);
        sqlite3_close(db);
        eg_binary *back = repaired_of(path, &kept, &lost);
        CHECK(kept == m->in.total && lost == change[i].lost);
        CHECK(back->links.existing == m->links.existing && back->n >= 1 && back->n <= m->n);
        if (change[i].counts) CHECK(is_same(m, back));
        eg_binary_destroy(back);
    }
    eg_binary_destroy(m);
}

/* A file made on purpose, with right checksums, that says what cannot be. */
static void hostile_descriptions_are_refused(void **state)
{
    static const struct {
        const char *from, *to;
        eg_status want;
    } change[] = {
        { "binary clique", "binary klique", EG_ERR_CORRUPT },
        { "engram memory 2", "engram memory 4", EG_ERR_VERSION },
        { "clusters 6", "clusters 1", EG_ERR_CORRUPT },
        { "units 70", "units 0", EG_ERR_CORRUPT },
        { "units 70", "units 99999999", EG_ERR_LIMIT },
        { "units 70", "units 71", EG_ERR_CORRUPT }, /* counts of another memory */
        { "counted 1", "counted 2", EG_ERR_CORRUPT },
        { "order 0", "order", EG_ERR_CORRUPT },
        { "seed 5\n", "seed 5\nmore 1\n", EG_ERR_CORRUPT },
    };
    const char *path = path_of("hostile.egm");
    eg_binary *m = filled_of(&rows[3]);
    (void)state;
    for (size_t i = 0; i < EGI_COUNT(change); i++) {
        char text[EGI_TEXT_MAX], made[2 * EGI_TEXT_MAX];
        eg_memory_file *f = NULL;
        eg_binary *got = NULL;
        const size_t size = egi_binary_text(&m->options, text);
        const char *at = memmem(text, size, change[i].from, strlen(change[i].from));
        CHECK(at != NULL);
        const int n = snprintf(
            made, sizeof made, "%.*s%s%.*s", (int)(at - text), text, change[i].to,
            (int)(size - strlen(change[i].from)) - (int)(at - text), at + strlen(change[i].from));
        discard(path);
        CHECK_OK(eg_memory_file_save_binary(path, m, &quick));
        CHECK_OK(eg_memory_file_open(path, &quick, &f));
        CHECK_OK(egi_store_begin(f->store, 1));
        CHECK_OK(egi_store_set_meta(f->store, EGI_MEMORY_KEY, made, (size_t)n));
        CHECK_OK(egi_store_commit(f->store));
        eg_memory_file_close(f);
        f = NULL;
        eg_status s = eg_memory_file_open(path, &reading, &f);
        if (s == EG_OK) s = eg_memory_file_load_binary(f, &got);
        CHECK_STATUS(s, change[i].want);
        CHECK(got == NULL);
        eg_memory_file_close(f);
    }
    eg_binary_destroy(m);
}

/* Rows with right checksums that this memory cannot have. */
static void hostile_rows_are_refused(void **state)
{
    const char *path = path_of("rows.egm");
    eg_binary *m = filled_of(&rows[3]);
    (void)state;
    for (int change = 0; change < 6; change++) {
        eg_memory_file *f = NULL;
        eg_binary *got = NULL;
        egi_record head;
        const uint8_t *there;
        uint8_t copy[1 << 17];
        discard(path);
        CHECK_OK(eg_memory_file_save_binary(path, m, &quick));
        CHECK_OK(eg_memory_file_open(path, &quick, &f));
        CHECK_OK(egi_store_begin(f->store, 1));
        CHECK_OK(egi_store_get(f->store, 2, &head, &there));
        memcpy(copy, there, head.size);
        if (change == 0) head.lo = 1;
        if (change == 1) head.id = 400;
        if (change == 2) head.size--;
        if (change == 3) copy[0] ^= 1;
        if (change == 4) copy[EGI_ROWS_HEADER + 8] ^= 1; /* another size of the first row */
        if (change == 5) head.kind = EGI_KIND_STATE;
        CHECK_OK(egi_store_put(f->store, &head, copy));
        CHECK_OK(egi_store_commit(f->store));
        CHECK_STATUS(eg_memory_file_load_binary(f, &got), EG_ERR_CORRUPT);
        CHECK_STATUS(eg_memory_file_verify(f, NULL, NULL), EG_ERR_CORRUPT);
        eg_memory_file_close(f);
    }
    eg_binary_destroy(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flips_and_cuts_are_noticed),
        cmocka_unit_test(a_lost_row_of_a_clique_costs_nothing),
        cmocka_unit_test(a_lost_row_of_sums_costs_itself),
        cmocka_unit_test(damaged_descriptions_are_repaired),
        cmocka_unit_test(hostile_descriptions_are_refused),
        cmocka_unit_test(hostile_rows_are_refused),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
