/* A program is killed at its k-th write, sync, cut, link, rename or removal of a file, for every k,
 * in five scenarios of some hundred such calls: strace does it. What was acknowledged is there, and
 * of what was under way all or nothing. EG_CAMPAIGN=1: every k, else every 23rd. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "binary_check.h" /* the order keeps names of one out of another's way */
#include "train_check.h"

#include "file_layer.h"

#include "binary_file_check.h"

enum { EPOCHS = 5, FILES_MADE = 4, WRITES = 24 };

/* What was acknowledged, in memory that the killed program shares. */
static size_t *acknowledged;

static int seen(enum kind kind, int file, size_t at, size_t n, const void *bytes)
{
    (void)file;
    (void)at;
    (void)n;
    (void)bytes;
    if (kind == ACKNOWLEDGED && acknowledged != NULL) ++*acknowledged;
    return SQLITE_OK;
}

/* ---- appends, removals, vacuums ---- */

static int store_act(const char *path, uint64_t seed)
{
    eg_memory_file *f;
    size_t done;
    const eg_status s = use(path, seed, &done, &f);
    eg_memory_file_close(f);
    return s != EG_OK;
}

static void store_prepare(const char *path, uint64_t seed)
{
    size_t *told = acknowledged;
    acknowledged = NULL;
    new_file(path);
    CHECK(store_act(path, seed) == 0); /* what each step leaves is known from now on */
    acknowledged = told;
    new_file(path);
}

static void store_judge(const char *path, uint64_t seed)
{
    (void)seed;
    judge_use(path, *acknowledged, "killed");
}

/* ---- new files: created, backed up, repaired, saved ---- */

static const char *made(const char *path, size_t i)
{
    static char name[FILES_MADE][400];
    snprintf(name[i], sizeof name[i], "%s.%zu", path, i);
    return name[i];
}

static int files_act(const char *path, uint64_t seed)
{
    static const eg_note note = { "title", "forty patterns" };
    eg_file_options o = EG_FILE_OPTIONS_INIT;
    eg_memory_file *f = NULL, *created = NULL;
    eg_memory *m = NULL;
    (void)seed;
    o.notes = &note;
    o.note_count = 1;
    eg_status s = eg_memory_file_create(made(path, 0), D, NULL, &o, &created);
    *acknowledged += s == EG_OK;
    if (s == EG_OK) s = eg_memory_file_open(path, &reading, &f);
    if (s == EG_OK) s = eg_memory_file_backup(f, made(path, 1));
    *acknowledged += s == EG_OK;
    if (s == EG_OK) s = eg_memory_file_repair(path, made(path, 2), NULL, NULL, NULL);
    *acknowledged += s == EG_OK;
    if (s == EG_OK) s = eg_memory_file_load(f, &m);
    if (s == EG_OK) s = eg_memory_file_save(made(path, 3), m, &o);
    *acknowledged += s == EG_OK;
    eg_memory_destroy(m);
    eg_memory_file_close(f);
    eg_memory_file_close(created);
    return s != EG_OK;
}

static void files_prepare(const char *path, uint64_t seed)
{
    char command[700];
    (void)seed;
    write_file(path, N);
    snprintf(command, sizeof command, "rm -f '%s'.[0-9]*", path);
    CHECK(system(command) == 0);
}

static void files_judge(const char *path, uint64_t seed)
{
    (void)seed;
    for (size_t i = 0; i < FILES_MADE; i++) {
        if (access(made(path, i), F_OK) != 0)
            CHECK(i >= *acknowledged);
        else if (i > 0)
            CHECK(judge(made(path, i), N) == HARMLESS); /* whole */
        check_left_over(made(path, i));
    }
    CHECK(judge(path, N) == HARMLESS);
}

/* ---- a binary memory that is written again and again ---- */

static int binary_act(const char *path, uint64_t seed)
{
    eg_memory_file *f = NULL;
    eg_binary *m = NULL;
    struct pairs p = { NULL, NULL };
    (void)seed;
    eg_status s = eg_memory_file_open(path, &quick, &f);
    if (s == EG_OK) s = eg_memory_file_load_binary(f, &m);
    for (size_t i = 0; i < WRITES && s == EG_OK; i++) {
        if (i == 0) p = draw(m, &rows[3], WRITES);
        store(m, &rows[3], &p, i, 1);
        s = eg_memory_file_write_binary(f, m);
        *acknowledged += s == EG_OK;
    }
    release(&p);
    eg_binary_destroy(m);
    eg_memory_file_close(f);
    return s != EG_OK;
}

static void binary_prepare(const char *path, uint64_t seed)
{
    eg_binary *m = empty_of(&rows[3]);
    (void)seed;
    discard(path);
    CHECK_OK(eg_memory_file_save_binary(path, m, &quick));
    eg_binary_destroy(m);
}

static void binary_judge(const char *path, uint64_t seed)
{
    eg_binary *got = load_of(path), *want = empty_of(&rows[3]);
    struct pairs p = draw(want, &rows[3], WRITES);
    (void)seed;
    CHECK(got->n == *acknowledged || got->n == *acknowledged + 1);
    store(want, &rows[3], &p, 0, got->n);
    CHECK(is_same(got, want));
    release(&p);
    eg_binary_destroy(want);
    eg_binary_destroy(got);
}

/* ---- training, with a checkpoint after each step ---- */

static eg_status train(const char *path, eg_train_result *r)
{
    const eg_dataset data = train_data();
    const eg_part all = { &data, NULL, data.n };
    eg_train_options o = EG_TRAIN_OPTIONS_INIT;
    char into[400];
    snprintf(into, sizeof into, "%s.run", path);
    o.batch = 30;
    o.folder = into;
    o.resume = 1;
    o.checkpoint_seconds = 1e-9;
    eg_learner *l = train_learner("{}", EPOCHS);
    const eg_status s = eg_train(l, &all, &all, &o, r);
    eg_learner_destroy(l);
    return s;
}

static uint64_t trained; /* hash of the weights where nobody is killed */

static int train_act(const char *path, uint64_t seed)
{
    (void)seed;
    return train(path, NULL) != EG_OK;
}

static void train_prepare(const char *path, uint64_t seed)
{
    char into[400];
    (void)seed;
    snprintf(into, sizeof into, "%s.run", path);
    eg_train_result r;
    if (trained == 0) CHECK_OK(train(path, &r));
    if (trained == 0) trained = r.hash;
    train_remove(into);
}

static void train_judge(const char *path, uint64_t seed)
{
    eg_train_result r;
    (void)seed;
    CHECK_OK(train(path, &r));
    CHECK(r.hash == trained);
}

/* ---- kills ---- */

static const struct scenario {
    const char *name;
    uint64_t seed;
    void (*prepare)(const char *path, uint64_t seed);
    int (*act)(const char *path, uint64_t seed); /* 0: all went well */
    void (*judge)(const char *path, uint64_t seed);
} scenarios[] = {
    { "store", 3, store_prepare, store_act, store_judge },
    { "store again", 4, store_prepare, store_act, store_judge },
    { "new files", 0, files_prepare, files_act, files_judge },
    { "binary memory", 0, binary_prepare, binary_act, binary_judge },
    { "training", 0, train_prepare, train_act, train_judge },
};

static const char *const calls[] = { "pwrite64", "write",  "fdatasync", "fsync", "ftruncate",
                                     "link",     "unlink", "rename",    "mkdir" };

static char shared[400];

static int share(const char *name)
{
    FILE *f = fopen(name, "r+b");
    if (f == NULL) return -1;
    void *p = mmap(NULL, sizeof *acknowledged, PROT_READ | PROT_WRITE, MAP_SHARED, fileno(f), 0);
    fclose(f);
    acknowledged = p == MAP_FAILED ? NULL : p;
    return acknowledged != NULL ? 0 : -1;
}

/* This program as `scenario`, under strace, which kills it at the k-th call of a name. */
static int run_killed(size_t scenario, const char *call, size_t k, const char *path)
{
    char self[400] = "", number[16], trace[64], inject[96];
    int status;
    CHECK(readlink("/proc/self/exe", self, sizeof self - 1) > 0);
    snprintf(number, sizeof number, "%zu", scenario);
    snprintf(trace, sizeof trace, "trace=%s", call);
    snprintf(inject, sizeof inject, "inject=%s:signal=KILL:when=%zu", call, k);
    const pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        setenv("ASAN_OPTIONS", "detect_leaks=0", 1); /* which does not work under ptrace */
        execlp("strace", "strace", "-qqq", "-f", "-o", "/dev/null", "-e", trace, "-e", inject, self,
               number, path, shared, (char *)NULL);
        _exit(127);
    }
    CHECK(waitpid(child, &status, 0) == child);
    return status;
}

static int is_killed(int status)
{
    return (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
           || (WIFEXITED(status) && WEXITSTATUS(status) == 128 + SIGKILL);
}

static int strace_works(void)
{
    return system("strace -qqq -f -o /dev/null -e trace=write true 2>/dev/null") == 0;
}

/* Every k of a call, and once to the end. */
static size_t kill_at_every(size_t scenario, const char *call)
{
    const struct scenario *s = &scenarios[scenario];
    char path[400];
    const size_t step = campaign(23, 1);
    size_t kills = 0;
    snprintf(path, sizeof path, "%s", path_of(watched));
    for (size_t k = 1;; k += step, kills++) {
        char text[160];
        *acknowledged = 0;
        s->prepare(path, s->seed);
        const int status = run_killed(scenario, call, k, path);
        snprintf(text, sizeof text, "%s: killed at %s %zu", s->name, call, k);
        if (!is_killed(status)) {
            if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
                fail_msg("%s: ended with %d", text, status);
            s->judge(path, s->seed);
            return kills;
        }
        s->judge(path, s->seed);
        campaign_at(text, kills, 0);
    }
}

static void kills_at_every_call(void **state)
{
    (void)state;
    if (!strace_works()) {
        print_message("skipped: strace is not there, or may not trace here\n");
        skip();
    }
    for (size_t i = 0; i < EGI_COUNT(scenarios); i++) {
        size_t kills = 0;
        for (size_t c = 0; c < EGI_COUNT(calls); c++) kills += kill_at_every(i, calls[c]);
        print_message("%s: killed at %zu calls, nothing lost\n", scenarios[i].name, kills);
        CHECK(kills >= campaign(4, 40));
    }
}

static int set_up_share(void **state)
{
    (void)state;
    if (make_folder() != 0) return -1;
    const size_t none = 0;
    snprintf(shared, sizeof shared, "%s", path_of("acknowledged"));
    FILE *f = fopen(shared, "wb");
    if (f == NULL || fwrite(&none, sizeof none, 1, f) != 1 || fclose(f) != 0) return -1;
    return share(shared);
}

/* With arguments it is the program that is killed. */
int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(kills_at_every_call) };
    if (argc != 4) return cmocka_run_group_tests(tests, set_up_share, tear_down);
    eg_random_normal(11, 0, 0, N * D, x);
    const size_t i = (size_t)atoi(argv[1]);
    if (i >= EGI_COUNT(scenarios) || share(argv[3]) != 0) return 2;
    return scenarios[i].act(argv[2], scenarios[i].seed);
}
