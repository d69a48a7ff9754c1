/* Run folders. The files that grow are written a line or record at a time, so that a reader, or a
 * kill, finds whole ones; the others are replaced whole. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/egi_file.h"
#include "train/egi_train.h"

enum { METRICS, EVENTS, LOG, FILES };
static const char *const names[FILES] = { "metrics.jsonl", "events.out.tfevents.engram",
                                          "log.txt" };

struct eg_run {
    const eg_allocator *alloc;
    char path[EGI_PATH_MAX];
    int fd[FILES];
    int error; /* errno of the first write that failed, and of which file */
    int error_file;
};

static eg_status fail_errno(const char *folder, const char *name, const char *what, int error)
{
    return egi_fail(EG_ERR_IO, "%s%s%s: %s: %s", folder, name[0] != '\0' ? "/" : "", name, what,
                    strerror(error));
}

static eg_status file_path(const char *folder, const char *name, char out[EGI_PATH_MAX])
{
    const int n = snprintf(out, EGI_PATH_MAX, "%s/%s", folder, name);
    if (n < 0 || n >= EGI_PATH_MAX)
        return egi_fail(EG_ERR_INVALID, "folder name of %zu bytes is too long", strlen(folder));
    return EG_OK;
}

static eg_status write_whole(const char *folder, const char *name, const char *text)
{
    char path[EGI_PATH_MAX];
    struct egi_writer w;
    EGI_TRY(file_path(folder, name, path));
    EGI_TRY(egi_writer_open(&w, path));
    const eg_status s = egi_writer_put(&w, text, strlen(text));
    if (s == EG_OK) return egi_writer_commit(&w);
    egi_writer_abort(&w);
    return s;
}

void egi_sweep(const char *folder)
{
    DIR *d = opendir(folder);
    for (struct dirent *e = NULL; d != NULL && (e = readdir(d)) != NULL;)
        if (strstr(e->d_name, ".part-") != NULL) unlinkat(dirfd(d), e->d_name, 0);
    if (d != NULL) closedir(d);
}

static void put(eg_run *run, int file, const void *bytes, size_t size)
{
    if (run->error != 0) return;
    run->error = egi_file_put(run->fd[file], bytes, size);
    run->error_file = file;
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static eg_status open_files(eg_run *run)
{
    char path[EGI_PATH_MAX];
    for (int i = 0; i < FILES; i++) {
        EGI_TRY(file_path(run->path, names[i], path));
        run->fd[i] = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
        if (run->fd[i] < 0) return fail_errno(run->path, names[i], "cannot be written", errno);
    }
    /* two writers would tear each other's lines */
    if (flock(run->fd[LOG], LOCK_EX | LOCK_NB) != 0)
        return fail_errno(run->path, "", "another process runs in it", errno);
    return EG_OK;
}

static eg_status begin(eg_run *run, const char *config, int threads)
{
    char env[4096];
    EGI_TRY(open_files(run));
    egi_sweep(run->path);
    eg_environment(threads, env, sizeof env);
    EGI_TRY(write_whole(run->path, "config.json", config));
    EGI_TRY(write_whole(run->path, "env.json", env));
    if (lseek(run->fd[EVENTS], 0, SEEK_END) == 0) {
        uint8_t event[EGI_EVENT_MAX];
        put(run, EVENTS, event, egi_event_version(now(), event));
    }
    return EG_OK;
}

/* No run began there: it is empty, or has what lies there before config.json does, as of one that
 * was killed within its first moments. */
static int holds_no_run(const char *path)
{
    DIR *d = opendir(path);
    int none = d != NULL;
    for (struct dirent *e = NULL; none && (e = readdir(d)) != NULL;) {
        int known = e->d_name[0] == '.' || strstr(e->d_name, ".part-") != NULL;
        for (int i = 0; i < FILES; i++) known |= strcmp(e->d_name, names[i]) == 0;
        none = known;
    }
    if (d != NULL) closedir(d);
    return none;
}

static void release(eg_run *run)
{
    for (int i = 0; i < FILES; i++)
        if (run->fd[i] >= 0) close(run->fd[i]);
    egi_free(run->alloc, run, sizeof *run);
}

eg_status eg_run_open(const char *path, const char *config, int threads, int again,
                      const eg_allocator *alloc, eg_run **out)
{
    const eg_allocator *a = alloc != NULL ? alloc : eg_allocator_default();
    void *block;
    if (path == NULL || config == NULL || out == NULL)
        return egi_fail(EG_ERR_INVALID, "eg_run_open: NULL");
    if (strlen(path) + 64 > EGI_PATH_MAX)
        return egi_fail(EG_ERR_INVALID, "folder name of %zu bytes is too long", strlen(path));
    EGI_TRY(egi_alloc_array(a, 1, sizeof(eg_run), path, &block));
    eg_run *run = block;
    *run = (eg_run){ .alloc = a, .fd = { -1, -1, -1 } };
    memcpy(run->path, path, strlen(path) + 1);
    eg_status s = EG_OK;
    if (mkdir(path, 0777) != 0) {
        const int error = errno;
        if (error != EEXIST || !(again || holds_no_run(path)))
            s = fail_errno(path, "", "cannot be made", error);
    }
    if (s == EG_OK) s = begin(run, config, threads);
    if (s == EG_OK)
        *out = run;
    else
        release(run);
    return s;
}

eg_status eg_run_close(eg_run *run)
{
    if (run == NULL) return EG_OK;
    eg_status s = EG_OK;
    if (run->error != 0)
        s = fail_errno(run->path, names[run->error_file], "cannot be written", run->error);
    release(run);
    return s;
}

static void put_line(eg_run *run, int file, const char *head, const char *text)
{
    const size_t a = strlen(head), b = strlen(text);
    char small[1024], *line = a + b + 1 <= sizeof small ? small : malloc(a + b + 1);
    if (line == NULL) {
        run->error = ENOMEM;
        run->error_file = file;
        return;
    }
    memcpy(line, head, a);
    memcpy(line + a, text, b);
    line[a + b] = '\n';
    put(run, file, line, a + b + 1); /* in one write */
    if (line != small) free(line);
}

void eg_run_metric(eg_run *run, const char *json)
{
    put_line(run, METRICS, "", json);
}

void eg_run_log(eg_run *run, const char *text)
{
    char utc[40];
    struct tm tm;
    const time_t t = time(NULL);
    gmtime_r(&t, &tm);
    strftime(utc, sizeof utc, "%Y-%m-%dT%H:%M:%SZ ", &tm);
    put_line(run, LOG, utc, text);
}

void eg_run_scalar(eg_run *run, const char *tag, uint64_t step, double seconds, float value)
{
    uint8_t event[EGI_EVENT_MAX];
    put(run, EVENTS, event, egi_event_scalar(seconds, step, tag, value, event));
}

eg_status egi_run_sync(eg_run *run, size_t *metrics_end, size_t *events_end)
{
    struct stat st[2];
    for (int i = METRICS; i <= EVENTS; i++)
        if (fdatasync(run->fd[i]) != 0 || fstat(run->fd[i], &st[i]) != 0)
            return fail_errno(run->path, names[i], "cannot be synced", errno);
    *metrics_end = (size_t)st[METRICS].st_size;
    *events_end = (size_t)st[EVENTS].st_size;
    return EG_OK;
}

eg_status egi_run_cut(eg_run *run, size_t metrics_end, size_t events_end)
{
    const size_t want[] = { metrics_end, events_end };
    for (int i = METRICS; i <= EVENTS; i++) {
        struct stat st;
        if (fstat(run->fd[i], &st) != 0
            || ((size_t)st.st_size > want[i] && ftruncate(run->fd[i], (off_t)want[i]) != 0))
            return fail_errno(run->path, names[i], "cannot be cut", errno);
    }
    return EG_OK;
}
