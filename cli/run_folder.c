/* Run folders. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/run_folder.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cli/console.h"

json_t *environment_json(const struct call *call)
{
    char text[4096];
    eg_environment(call->common->threads, text, sizeof text);
    json_t *j = json_loads(text, 0, NULL);
    return j != NULL ? j : json_object();
}

const char *run_folder_file(const struct run_folder *run, const char *name)
{
    return keep_format("%s/%s", run->path, name);
}

static int write_json(const struct run_folder *run, const char *name, json_t *j)
{
    char *s = json_dumps(j, JSON_INDENT(2) | JSON_REAL_PRECISION(12));
    const int code = s ? write_file(run_folder_file(run, name), s, strlen(s)) : EXIT_MEMORY;
    free(s);
    return code;
}

static int refused(const char *path)
{
    fprintf(stderr, "engram: %s: cannot be written: %s\n", path, strerror(errno));
    return EXIT_IO;
}

const char *run_folder_name(const char *name)
{
    char utc[32];
    const time_t now = time(NULL);
    struct tm tm;
    gmtime_r(&now, &tm);
    strftime(utc, sizeof utc, "%Y%m%d-%H%M%S", &tm);
    (void)mkdir("runs", 0777); /* making the folder in it tells why it failed */
    const char *path = keep_format("runs/%s-%s", utc, name);
    for (int i = 2; access(path, F_OK) == 0 && i < 1000; i++)
        path = keep_format("runs/%s-%s-%d", utc, name, i);
    return path;
}

int run_folder_begin(const struct call *call, const char *name, json_t *config,
                     struct run_folder *run)
{
    const char *given = call->common->output;
    *run = (struct run_folder){ .path = given != NULL ? given : run_folder_name(name) };
    if (mkdir(run->path, 0777) != 0) return refused(run->path);
    json_t *env = environment_json(call);
    int code = write_json(run, "config.json", config);
    if (code == EXIT_DONE) code = write_json(run, "env.json", env);
    json_decref(env);
    if (code != EXIT_DONE) return code;
    run->metrics = fopen(run_folder_file(run, "metrics.jsonl"), "w");
    run->log = fopen(run_folder_file(run, "log.txt"), "w");
    return run->metrics && run->log ? EXIT_DONE : refused(run->path);
}

void run_folder_metric(struct run_folder *run, json_t *metric)
{
    print_json_line(run->metrics, metric);
    fflush(run->metrics);
    json_decref(metric);
}

void run_folder_log(struct run_folder *run, FILE *echo, const char *format, ...)
{
    FILE *const streams[2] = { run->log, echo };
    for (size_t i = 0; i < 2; i++) {
        va_list args;
        if (streams[i] == NULL) continue;
        va_start(args, format);
        vfprintf(streams[i], format, args);
        va_end(args);
        fputc('\n', streams[i]);
        fflush(streams[i]);
    }
}

int run_folder_end(struct run_folder *run)
{
    int bad = 0;
    FILE *const streams[2] = { run->metrics, run->log };
    for (size_t i = 0; i < 2; i++) {
        if (streams[i] == NULL) continue;
        bad |= ferror(streams[i]) != 0;
        bad |= fclose(streams[i]) != 0;
    }
    run->metrics = run->log = NULL;
    return bad ? refused(run->path) : EXIT_DONE;
}
