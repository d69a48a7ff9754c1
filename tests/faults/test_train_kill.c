/* Training that is killed at random moments, once or several times, and resumed: 20 runs (1000 in a
 * campaign), each of which ends with the bits of one that was not killed. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#include "train_check.h"

enum { EPOCHS = 60 };

/* A step takes a while, so that kills fall into all parts of the loop. */
static int slowly(void *user, const char *stage, uint64_t done, uint64_t total)
{
    const struct timespec ms = { 0, 1000000 };
    (void)user;
    (void)stage;
    (void)done;
    (void)total;
    nanosleep(&ms, NULL);
    return 0;
}

static eg_status train(const char *folder, const eg_progress *progress, eg_train_result *r)
{
    const eg_dataset data = train_data();
    const eg_part all = { &data, NULL, data.n };
    eg_train_options o = EG_TRAIN_OPTIONS_INIT;
    o.batch = 16;
    o.patience = 1000;
    o.folder = folder;
    o.resume = folder != NULL;
    o.checkpoint_seconds = 0.005;
    o.progress = progress;
    eg_learner *l = train_learner("{}", EPOCHS);
    const eg_status s = eg_train(l, &all, &all, &o, r);
    eg_learner_destroy(l);
    return s;
}

/* 1: killed; 0: it had come to its end. */
static int kill_after(const char *folder, long ms)
{
    const eg_progress progress = { slowly, NULL };
    const struct timespec t = { ms / 1000, ms % 1000 * 1000000 };
    int status = 0;
    const pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) _exit(train(folder, &progress, NULL) == EG_OK ? 0 : 1);
    nanosleep(&t, NULL);
    kill(pid, SIGKILL);
    CHECK(waitpid(pid, &status, 0) == pid);
    const int killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
    CHECK(killed || (WIFEXITED(status) && WEXITSTATUS(status) == 0));
    return killed;
}

static int metric_lines(const char *folder)
{
    static char text[100000];
    int lines = 0;
    for (const char *p = train_text(folder, "metrics.jsonl", text, sizeof text); *p != '\0'; p++)
        lines += *p == '\n';
    return lines;
}

/* A run takes 240 steps of a millisecond. */
static void killed_runs_end_with_the_same_bits(void **state)
{
    (void)state;
    const char *folder = train_folder("kill");
    const size_t runs = campaign(20, 1000);
    size_t kills = 0, resumed = 0;
    eg_train_result want, r;
    CHECK_OK(train(NULL, NULL, &want));
    for (size_t i = 0; i < runs; i++) {
        for (size_t k = 0; k <= i % 4; k++)
            kills += (size_t)kill_after(folder, 5 + (long)eg_random_below(8, k, i, 150));
        CHECK_OK(train(folder, NULL, &r));
        CHECK(r.hash == want.hash && r.steps == want.steps && r.best == want.best);
        CHECK(r.loss == want.loss && r.best_epoch == want.best_epoch);
        CHECK(metric_lines(folder) == EPOCHS);
        resumed += (size_t)r.resumed;
        train_remove(folder);
        campaign_at("runs", i + 1, runs);
    }
    CHECK(kills >= runs && resumed > runs / 2);
    print_message("%zu runs of the same bits, %zu kills, %zu resumed\n", runs, kills, resumed);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(killed_runs_end_with_the_same_bits) };
    return cmocka_run_group_tests_name("train_kill", tests, NULL, NULL);
}
