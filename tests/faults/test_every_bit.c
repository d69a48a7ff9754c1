/* Every bit of a memory file of 64 KiB flipped, random bits of a larger one, a file cut at every
 * length, every two pages exchanged, every page of every earlier state put back: nothing of it is
 * answered from, crashes or hangs. The files lie in memory.
 *
 * EG_CAMPAIGN=1: all of it, more than 1.5 million damages; else a sample. A campaign that was
 * stopped goes on where it was: tests/campaign_notes.h. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <time.h>

#include "campaign_notes.h"
#include "memory_file_check.h"
#include "ram_file.h"

enum { PAGE = 4096, SMALL = 64 << 10, CHUNK = 4096, LARGE = 2400, HANG_S = 10 };

static size_t count[SILENT + 1];

static int set_up(void **state)
{
    (void)state;
    if (make_folder() != 0) return -1;
    char path[600], *whole = realpath(folder, NULL);
    if (whole == NULL) return -1;
    snprintf(path, sizeof path, "%s/ram.egm", whole);
    free(whole);
    return ram_begin(path);
}

static const char *const noted[] = { "every_bit.bits", "every_bit.draws", "every_bit.lengths" };

static void note_done(const char *part, size_t done, size_t of)
{
    campaign_note(part, done);
    campaign_at(part, done, of);
}

/* A damaged file, judged; one that takes seconds is as bad as a wrong answer. */
static enum verdict damaged(const uint8_t *p, size_t n, size_t rows)
{
    struct timespec from, to;
    CHECK(ram_put(RAM_MAIN, p, n) == 0 && ram_put(RAM_LOG, NULL, 0) == 0);
    clock_gettime(CLOCK_MONOTONIC, &from);
    const enum verdict v = judge(ram_path, rows);
    clock_gettime(CLOCK_MONOTONIC, &to);
    CHECK(to.tv_sec - from.tv_sec < HANG_S);
    count[v]++;
    return v;
}

static struct bytes file_of(size_t rows)
{
    const char *path = path_of("made.egm");
    write_file(path, rows);
    const struct bytes b = read_all(path);
    discard(path);
    return b;
}

/* The most rows of which the file has so many bytes. */
static struct bytes file_of_bytes(size_t bytes, size_t *rows)
{
    struct bytes b = { NULL, 0 };
    for (*rows = 400; b.n < bytes; *rows += 10) {
        free(b.p);
        b = file_of(*rows);
    }
    *rows -= 10;
    CHECK(b.n == bytes);
    return b;
}

/* All of them, those of a campaign that was stopped among them. */
static void told(const char *what, size_t damages)
{
    print_message("%s: %zu detected, 0 harmless, 0 silent\n", what, damages);
    CHECK(count[SILENT] == 0 && count[HARMLESS] == 0); /* pages have checksums */
    memset(count, 0, sizeof count);
}

/* Bit number i is the one to be flipped, or a draw of that number says which. */
static void flip_all(const char *part, struct bytes b, size_t rows, size_t flips, int drawn)
{
    for (size_t i = campaign_done(part); i < flips; i++) {
        const size_t bit = drawn                 ? eg_random_below(77, 0, i, 8 * b.n)
                           : campaign(0, 1) == 1 ? i
                                                 : i * (8 * b.n / flips) + i % 8;
        b.p[bit / 8] ^= (uint8_t)(1u << bit % 8);
        if (damaged(b.p, b.n, rows) == SILENT) fail_msg("bit %zu of byte %zu", bit % 8, bit / 8);
        b.p[bit / 8] ^= (uint8_t)(1u << bit % 8);
        if ((i + 1) % CHUNK == 0) note_done(part, i + 1, flips);
    }
    told(part, flips);
    note_done(part, flips, flips);
}

static void every_bit_of_a_small_file(void **state)
{
    size_t rows;
    struct bytes b = file_of_bytes(SMALL, &rows);
    (void)state;
    flip_all(noted[0], b, rows, campaign(2000, 8 * b.n), 0);
    free(b.p);
}

static void random_bits_of_a_larger_file(void **state)
{
    struct bytes b = file_of(LARGE);
    (void)state;
    CHECK(b.n > 3 * SMALL);
    flip_all(noted[1], b, LARGE, campaign(500, 1000000), 1);
    free(b.p);
}

static void every_length(void **state)
{
    size_t rows;
    struct bytes b = file_of_bytes(SMALL, &rows);
    (void)state;
    for (size_t n = campaign_done(noted[2]); n < b.n; n += campaign(131, 1)) {
        if (n < 512) continue; /* refused by its size on disk: memory_file_damage */
        if (damaged(b.p, n, rows) != DETECTED) fail_msg("a file of %zu bytes", n);
        if (n % CHUNK == 0) note_done(noted[2], n + 1, b.n);
    }
    note_done(noted[2], b.n, b.n);
    told("lengths", campaign(count[DETECTED], b.n - 512));
    free(b.p);
}

static void every_two_pages_exchanged(void **state)
{
    size_t rows;
    struct bytes b = file_of_bytes(SMALL, &rows), mix = { malloc(b.n), b.n };
    (void)state;
    CHECK(mix.p != NULL);
    memcpy(mix.p, b.p, b.n);
    for (size_t i = 0; i < b.n; i += PAGE)
        for (size_t k = 0; k < b.n; k += PAGE) {
            if (i == k) continue;
            memcpy(mix.p + i, b.p + k, PAGE); /* one of them twice */
            CHECK(damaged(mix.p, mix.n, rows) == DETECTED);
            memcpy(mix.p + k, b.p + i, PAGE);
            CHECK(damaged(mix.p, mix.n, rows) == DETECTED);
            memcpy(mix.p + i, b.p + i, PAGE);
            memcpy(mix.p + k, b.p + k, PAGE);
        }
    free(mix.p);
    free(b.p);
    told("pages exchanged", count[DETECTED]);
}

/* The file after each of some transactions, the last one that of file_of(rows). */
static void states_of(struct bytes *at, size_t states, size_t rows)
{
    const char *path = path_of("old.egm");
    eg_memory_file *f = NULL;
    write_file(path, rows - 10 * states);
    for (size_t i = 0; i < states; i++) {
        CHECK_OK(eg_memory_file_open(path, &quick, &f));
        CHECK_OK(eg_memory_file_append(f, x + 10 * i % N * D, 10, NULL, NULL));
        eg_memory_file_close(f);
        at[i] = read_all(path);
    }
    discard(path);
}

/* Page 1 of an earlier state differs by SQLite's counters alone, where the file did not grow. */
static void older_pages_are_put_back(void **state)
{
    enum { STATES = 8, ROWS = 400 };
    struct bytes at[STATES];
    (void)state;
    states_of(at, STATES, ROWS);
    const struct bytes now = at[STATES - 1];
    struct bytes mix = { malloc(now.n), now.n };
    CHECK(mix.p != NULL);
    memcpy(mix.p, now.p, now.n);
    CHECK(damaged(mix.p, mix.n, ROWS) == HARMLESS);
    for (size_t i = 0; i + 1 < STATES; i++)
        for (size_t page = 0; page + PAGE <= at[i].n; page += PAGE) {
            if (memcmp(at[i].p + page, now.p + page, PAGE) == 0) continue;
            memcpy(mix.p + page, at[i].p + page, PAGE);
            const enum verdict v = damaged(mix.p, mix.n, ROWS);
            CHECK(v == DETECTED || (v == HARMLESS && page == 0));
            memcpy(mix.p + page, now.p + page, PAGE);
        }
    CHECK(count[DETECTED] > 2 * STATES);
    count[HARMLESS] = 0;
    for (size_t i = 0; i < STATES; i++) free(at[i].p);
    free(mix.p);
    told("older pages", count[DETECTED]);
    for (size_t i = 0; i < EGI_COUNT(noted); i++) campaign_forget(noted[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_bit_of_a_small_file),
        cmocka_unit_test(random_bits_of_a_larger_file),
        cmocka_unit_test(every_length),
        cmocka_unit_test(every_two_pages_exchanged),
        cmocka_unit_test(older_pages_are_put_back),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
