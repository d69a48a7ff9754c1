/* Training that is killed at random moments, 20 times over (1000 in a campaign), ends with the bits
 * of a run that was not. */
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

static eg_status train(const char *folder, eg_train_result *r)
{
    const eg_dataset data = train_data();
    const eg_part all = { &data, NULL, data.n };
    const eg_progress progress = { slowly, NULL };
    eg_train_options o = EG_TRAIN_OPTIONS_INIT;
    o.batch = 16;
    o.patience = 1000;
    o.folder = folder;
    o.resume = folder != NULL;
    o.checkpoint_seconds = 0.005;
    o.progress = folder != NULL ? &progress : NULL;
    eg_learner *l = train_learner("{}", EPOCHS);
    const eg_status s = eg_train(l, &all, &all, &o, r);
    eg_learner_destroy(l);
    return s;
}

/* The child's exit code: 0 it came to the end. */
static int child(const char *folder, long ms, int *status)
{
    const struct timespec t = { 0, ms * 1000000 };
    const pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) _exit(train(folder, NULL) == EG_OK ? 0 : 1);
    nanosleep(&t, NULL);
    if (ms > 0) kill(pid, SIGKILL);
    return waitpid(pid, status, 0) == pid;
}

static int metric_lines(const char *folder)
{
    static char text[100000];
    int lines = 0;
    for (const char *p = train_text(folder, "metrics.jsonl", text, sizeof text); *p != '\0'; p++)
        lines += *p == '\n';
    return lines;
}

static void killed_runs_end_with_the_same_bits(void **state)
{
    (void)state;
    const char *folder = train_folder("kill");
    int status = 0, killed = 0, rounds = 0;
    eg_train_result want, r;
    CHECK_OK(train(NULL, &want));
    const int kills = (int)campaign(20, 1000);
    for (int i = 0; i < kills; i++) {
        const long ms = 5 + (long)eg_random_below(8, 0, (uint64_t)i, 30);
        CHECK(child(folder, ms, &status));
        killed += WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
        CHECK(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
        rounds += WIFEXITED(status);
        if (WIFEXITED(status)) train_remove(folder); /* it was through: from the beginning */
    }
    CHECK(killed >= kills / 2);
    CHECK_OK(train(folder, &r));
    CHECK(r.hash == want.hash && r.steps == want.steps && r.best == want.best);
    CHECK(r.loss == want.loss && r.best_epoch == want.best_epoch);
    CHECK(metric_lines(folder) == EPOCHS);
    print_message("%d kills, %d runs came to their end between them, last one resumed: %d\n",
                  killed, rounds, r.resumed);
    train_remove(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(killed_runs_end_with_the_same_bits) };
    return cmocka_run_group_tests_name("train_kill", tests, NULL, NULL);
}
