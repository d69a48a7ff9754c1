/* Reads, writes, cuts and syncs of a memory file in use fail, each in turn, once and for good: the
 * call says EG_ERR_IO, the handle takes no more work unless it was a read or for want of room, and
 * what was acknowledged is there when the file is opened again. EG_CAMPAIGN=1 tries every one of
 * them, else every 7th. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "file_layer.h"

/* What the system's answer to a write, a cut, a sync and a read becomes in SQLite; 0: it goes well,
 * and is not counted. */
static const struct error {
    const char *name;
    int rc[READ + 1];
} errors[] = {
    { "EIO", { SQLITE_IOERR_WRITE, SQLITE_IOERR_TRUNCATE, SQLITE_IOERR_FSYNC, SQLITE_OK } },
    { "ENOSPC", { SQLITE_FULL, SQLITE_IOERR_TRUNCATE, SQLITE_IOERR_FSYNC, SQLITE_OK } },
    { "EIO of reads", { SQLITE_OK, SQLITE_OK, SQLITE_OK, SQLITE_IOERR_READ } },
};

/* The failure to come: at call number `at` of the file and its log, or from there on. */
static struct {
    long at, calls;
    int for_good;
    const struct error *error;
    enum kind kind; /* of the call that failed */
} fail = { .at = -1, .error = errors };

static int seen(enum kind kind, int file, size_t at, size_t n, const void *bytes)
{
    (void)at;
    (void)n;
    (void)bytes;
    if (file == FILES || fail.error->rc[kind] == SQLITE_OK) return SQLITE_OK;
    const long call = fail.calls++;
    if (fail.at < 0 || call < fail.at || (call > fail.at && !fail.for_good)) return SQLITE_OK;
    fail.kind = kind;
    return fail.error->rc[kind];
}

/* 1: the call number k was reached. */
static int fail_at(long k, const struct error *error, int for_good)
{
    const char *path = path_of(watched);
    char text[160];
    eg_memory_file *f;
    size_t done;
    new_file(path);
    fail.calls = 0;
    fail.at = k;
    fail.error = error;
    fail.for_good = for_good;
    eg_status s = use(path, 3, &done, &f);
    const int reached = fail.calls > k;
    snprintf(text, sizeof text, "%s at call %ld, %s", error->name, k,
             for_good ? "for good" : "once");
    if (s != EG_OK && s != EG_ERR_IO)
        fail_msg("%s: %s: %s", text, eg_status_name(s), eg_error_detail());
    const int rc = error->rc[fail.kind];
    /* what had no room is taken back, and what was not read is as it was: the next may do */
    if (s != EG_OK && f != NULL && rc != SQLITE_FULL && rc != SQLITE_IOERR_READ) {
        fail.at = -1; /* the disk is well again, but nobody knows what it has */
        CHECK_STATUS(append(f, 1000, 1), EG_ERR_IO);
    }
    fail.at = -1;
    eg_memory_file_close(f);
    judge_use(path, done, text);
    return reached;
}

static void every_call_may_fail(void **state)
{
    const long step = (long)campaign(7, 1);
    size_t failures = 0;
    (void)state;
    for (size_t e = 0; e < EGI_COUNT(errors); e++)
        for (int for_good = 0; for_good < 2; for_good++)
            for (long k = (long)e; fail_at(k, &errors[e], for_good); k += step)
                campaign_at("failures", ++failures, 0);
    print_message("%zu failures, no acknowledged pattern lost\n", failures);
    CHECK(failures > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(every_call_may_fail) };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
