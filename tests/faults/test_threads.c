/* Threads: one writer and eight readers of a memory file; every public call from two threads at
 * once, each with objects of its own; and calls that take a const memory, from eight.
 * ThreadSanitizer watches in the preset tsan. EG_CAMPAIGN=1: ten minutes of the first, else two
 * seconds. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <time.h>

#include "every_call_table.h"

enum { READERS = 8 };

static int set_up(void **state)
{
    const char *tmp = getenv("EG_TEST_TMP");
    (void)state;
    return call_folder_begin(tmp, "threads");
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- one writer, eight readers ---- */

struct shared {
    char path[400];
    double until;
    int failed;
    size_t writes, reads;
    char detail[512];
};

static void fails(struct shared *s, const char *what)
{
    if (__atomic_exchange_n(&s->failed, 1, __ATOMIC_SEQ_CST) == 0)
        snprintf(s->detail, sizeof s->detail, "%s: %s", what, eg_error_detail());
}

static int goes_on(struct shared *s)
{
    return now() < s->until && !__atomic_load_n(&s->failed, __ATOMIC_SEQ_CST);
}

/* Components of a pattern are all its number. */
static int is_consistent(const eg_memory *m)
{
    float row[CALL_D];
    for (size_t i = 0; i < eg_memory_count(m); i++) {
        if (eg_memory_pattern(m, i, row) != EG_OK) return 0;
        for (size_t c = 1; c < CALL_D; c++)
            if (row[c] != row[0]) return 0;
    }
    return 1;
}

static void *read_on(void *arg)
{
    struct shared *s = arg;
    eg_file_options o = EG_FILE_OPTIONS_INIT;
    eg_memory_file *f = NULL;
    o.read_only = 1;
    o.wait_ms = 60000;
    for (size_t k = 0; goes_on(s); k++) {
        eg_memory *m = NULL;
        eg_file_info info;
        const char *title;
        if (f == NULL && eg_memory_file_open(s->path, &o, &f) != EG_OK) {
            fails(s, "open");
            break;
        }
        if (eg_memory_file_load(f, &m) != EG_OK || !is_consistent(m)) fails(s, "load");
        if (eg_memory_file_info(f, &info) != EG_OK) fails(s, "info");
        if (eg_memory_file_note(f, "title", &title) < EG_OK) fails(s, "note");
        if (k % 16 == 0 && eg_memory_file_verify(f, NULL, NULL) != EG_OK) fails(s, "verify");
        eg_memory_destroy(m);
        __atomic_fetch_add(&s->reads, 1, __ATOMIC_RELAXED);
        if (k % 8 != 7) continue;
        eg_memory_file_close(f);
        f = NULL;
    }
    eg_memory_file_close(f);
    return NULL;
}

/* A vacuum needs the log for itself, and says so where a reader has it. */
static void write_on(struct shared *s)
{
    eg_file_options o = EG_FILE_OPTIONS_INIT;
    eg_memory_file *f = NULL;
    o.durability = 1;
    o.wait_ms = 60000;
    if (eg_memory_file_open(s->path, &o, &f) != EG_OK) fails(s, "open for writing");
    for (uint64_t k = 1; goes_on(s); k++) {
        float row[CALL_D];
        uint64_t id;
        for (size_t c = 0; c < CALL_D; c++) row[c] = (float)(k % 1000);
        if (eg_memory_file_append(f, row, 1, NULL, &id) != EG_OK) fails(s, "append");
        if (k > 100 && (id -= 100, eg_memory_file_remove(f, &id, 1)) != EG_OK) fails(s, "remove");
        if (k % 50 == 0 && eg_memory_file_set_note(f, "title", "t") != EG_OK) fails(s, "set note");
        if (k % 200 == 0 && eg_memory_file_vacuum(f) != EG_OK
            && strstr(eg_error_detail(), "reader") == NULL)
            fails(s, "vacuum");
        s->writes++;
        campaign_at("writes", s->writes, 0);
    }
    eg_memory_file_close(f);
}

static void a_writer_and_eight_readers(void **state)
{
    static struct shared s;
    pthread_t thread[READERS];
    eg_memory_file *f = NULL;
    (void)state;
    snprintf(s.path, sizeof s.path, "%s/shared.egm", call_folder);
    CHECK_OK(eg_memory_file_create(s.path, CALL_D, NULL, NULL, &f));
    eg_memory_file_close(f);
    s.until = now() + (double)campaign(2, 600);
    for (size_t i = 0; i < READERS; i++) CHECK(pthread_create(&thread[i], NULL, read_on, &s) == 0);
    write_on(&s);
    for (size_t i = 0; i < READERS; i++) pthread_join(thread[i], NULL);
    if (s.failed) fail_msg("%s", s.detail);
    print_message("%zu writes, %zu reads by %d readers\n", s.writes, s.reads, READERS);
    CHECK(s.writes > 0 && s.reads > 0);
}

/* ---- every call from two threads ---- */

struct caller {
    size_t number;
    const struct episode *episode;
    eg_status status;
    char detail[300];
};

static void *call_once(void *arg)
{
    struct caller *c = arg;
    char path[400];
    snprintf(path, sizeof path, "%s/caller-%zu", call_folder, c->number);
    c->status = c->episode->act(path);
    snprintf(c->detail, sizeof c->detail, "%s", eg_error_detail());
    return NULL;
}

static void every_call_from_two_threads(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof episodes / sizeof *episodes; i++) {
        struct caller c[2] = { { .number = 0, .episode = &episodes[i] },
                               { .number = 1, .episode = &episodes[i] } };
        pthread_t thread;
        CHECK(pthread_create(&thread, NULL, call_once, &c[1]) == 0);
        (void)call_once(&c[0]);
        pthread_join(thread, NULL);
        for (size_t k = 0; k < 2; k++)
            if (c[k].status < EG_OK)
                fail_msg("%s: %s: %s", episodes[i].name, eg_status_name(c[k].status), c[k].detail);
    }
}

/* ---- const calls of one memory ---- */

struct common {
    const eg_memory *m;
    const eg_binary *b;
    float want[CALL_Q * CALL_D];
    int failed;
};

static void *recall_on(void *arg)
{
    struct common *c = arg;
    const uint64_t cue[4] = { 1, 2, 4, 8 };
    for (size_t k = 0; k < 20; k++) {
        eg_certificate certificate[CALL_Q];
        eg_binary_certificate other[1];
        float states[CALL_Q * CALL_D];
        double energy[CALL_Q];
        uint64_t out[4];
        int ok = eg_memory_recall(c->m, call_x, CALL_Q, NULL, states, certificate) == EG_OK;
        ok = ok && memcmp(states, c->want, sizeof states) == 0;
        ok = ok && eg_memory_energy(c->m, call_x, CALL_Q, 1, energy) == EG_OK;
        ok = ok && eg_binary_recall(c->b, cue, 1, NULL, out, other) == EG_OK;
        if (!ok) __atomic_store_n(&c->failed, 1, __ATOMIC_SEQ_CST);
    }
    return NULL;
}

static void const_calls_run_beside_each_other(void **state)
{
    struct common c = { .failed = 0 };
    eg_certificate certificate[CALL_Q];
    eg_binary_options o = EG_BINARY_OPTIONS_INIT;
    eg_memory *m = NULL;
    eg_binary *b = NULL;
    pthread_t thread[READERS];
    const uint64_t word[4] = { 1, 2, 4, 8 };
    (void)state;
    o.clusters = o.units = 4;
    CHECK_OK(eg_memory_create(CALL_D, NULL, &m));
    CHECK_OK(eg_memory_add(m, call_x, CALL_N, NULL));
    CHECK_OK(eg_binary_create(&o, &b));
    CHECK_OK(eg_binary_add(b, word, NULL, 1));
    CHECK_OK(eg_memory_recall(m, call_x, CALL_Q, NULL, c.want, certificate));
    c.m = m;
    c.b = b;
    for (size_t i = 0; i < READERS; i++)
        CHECK(pthread_create(&thread[i], NULL, recall_on, &c) == 0);
    for (size_t i = 0; i < READERS; i++) pthread_join(thread[i], NULL);
    CHECK(!c.failed);
    eg_binary_destroy(b);
    eg_memory_destroy(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_call_from_two_threads),
        cmocka_unit_test(const_calls_run_beside_each_other),
        cmocka_unit_test(a_writer_and_eight_readers),
    };
    return cmocka_run_group_tests(tests, set_up, call_folder_end);
}
