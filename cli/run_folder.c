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

const char *run_folder_name(const char *name)
{
    char utc[32];
    const time_t now = time(NULL);
    struct tm tm;
    gmtime_r(&now, &tm);
    strftime(utc, sizeof utc, "%Y%m%d-%H%M%S", &tm);
    if (mkdir("runs", 0777) != 0 && errno != EEXIST) return "runs"; /* making it tells why */
    const char *path = keep_format("runs/%s-%s", utc, name);
    for (int i = 2; access(path, F_OK) == 0 && i < 1000; i++)
        path = keep_format("runs/%s-%s-%d", utc, name, i);
    return path;
}

int run_folder_begin(const struct call *call, const char *name, json_t *config,
                     struct run_folder *run)
{
    const char *given = call->common->output;
    char *text = json_dumps(config, JSON_INDENT(2) | JSON_REAL_PRECISION(12));
    *run = (struct run_folder){ .path = given != NULL ? given : run_folder_name(name) };
    if (text == NULL) return EXIT_MEMORY;
    const eg_status s = eg_run_open(run->path, text, call->common->threads, 0, NULL, &run->run);
    free(text);
    return s == EG_OK ? EXIT_DONE : fail(s, run->path);
}

void run_folder_metric(struct run_folder *run, json_t *metric)
{
    char *text = json_dumps(metric, JSON_COMPACT | JSON_REAL_PRECISION(9));
    if (text != NULL) eg_run_metric(run->run, text);
    free(text);
    json_decref(metric);
}

void run_folder_log(struct run_folder *run, FILE *echo, const char *format, ...)
{
    va_list args;
    char *text = NULL;
    va_start(args, format);
    if (vasprintf(&text, format, args) < 0) text = NULL;
    va_end(args);
    if (keep(text) == NULL) return;
    if (run->run != NULL) eg_run_log(run->run, text);
    if (echo == NULL) return;
    fprintf(echo, "%s\n", text);
    fflush(echo);
}

int run_folder_end(struct run_folder *run)
{
    const eg_status s = eg_run_close(run->run);
    run->run = NULL;
    return s == EG_OK ? EXIT_DONE : fail(s, run->path);
}
