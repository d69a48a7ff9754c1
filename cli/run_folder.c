/* Run folders. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/run_folder.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "cli/console.h"

static const char *cpu_model(void)
{
    char line[512];
    FILE *f = fopen("/proc/cpuinfo", "r");
    const char *model = "";
    while (f != NULL && fgets(line, sizeof line, f) != NULL) {
        const char *colon = strchr(line, ':');
        if (strncmp(line, "model name", 10) != 0 || colon == NULL) continue;
        line[strcspn(line, "\n")] = '\0';
        model = keep_format("%s", colon + 2);
        break;
    }
    if (f != NULL) fclose(f);
    return model;
}

json_t *environment_json(const struct call *call)
{
    struct utsname u;
    json_t *j = json_object();
    json_object_set_new(j, "engram", json_string(eg_version()));
    json_object_set_new(j, "headers", json_string(EG_VERSION));
    json_object_set_new(j, "kernels", json_string(eg_isa()));
    json_object_set_new(j, "threads",
                        json_integer(call->common->threads ? call->common->threads : eg_threads()));
    json_object_set_new(j, "cpu", json_string(cpu_model()));
    json_object_set_new(j, "cores", json_integer(sysconf(_SC_NPROCESSORS_ONLN)));
    if (uname(&u) == 0)
        json_object_set_new(j, "system", json_sprintf("%s %s %s", u.sysname, u.release, u.machine));
    return j;
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

/* The first of runs/UTC-name, runs/UTC-name-2, ... that is not there yet. */
static int make_folder(const char *name, struct run_folder *run)
{
    char utc[32];
    const time_t now = time(NULL);
    struct tm tm;
    gmtime_r(&now, &tm);
    strftime(utc, sizeof utc, "%Y%m%d-%H%M%S", &tm);
    if (mkdir("runs", 0777) != 0 && errno != EEXIST) return refused("runs");
    for (int i = 1; i < 100; i++) {
        run->path = i == 1 ? keep_format("runs/%s-%s", utc, name)
                           : keep_format("runs/%s-%s-%d", utc, name, i);
        if (mkdir(run->path, 0777) == 0) return EXIT_DONE;
        if (errno != EEXIST) break;
    }
    return refused(run->path);
}

int run_folder_begin(const struct call *call, const char *name, json_t *config,
                     struct run_folder *run)
{
    const char *given = call->common->output;
    *run = (struct run_folder){ .path = given };
    if (given == NULL) {
        const int code = make_folder(name, run);
        if (code != EXIT_DONE) return code;
    } else if (mkdir(given, 0777) != 0) {
        return refused(given);
    }
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
