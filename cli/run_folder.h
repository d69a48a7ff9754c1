/* cli/run_folder.h - runs/<utc>-<name>/: everything about one run, readable while it runs. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_RUN_FOLDER_H
#define CLI_RUN_FOLDER_H

#include "cli/cli_text.h"
#include "cli/command.h"

struct run_folder {
    const char *path;
    eg_run *run;
};

/* Versions, kernels, threads, machine: for env.json, reports and engram doctor. */
json_t *environment_json(const struct call *call);

/* The first of runs/UTC-name, runs/UTC-name-2, ... that is not there yet. Kept. */
const char *run_folder_name(const char *name);
/* Make the folder (-o, else under runs/), write config.json and env.json. config is borrowed.
 * EXIT_DONE or EXIT_IO with the message printed. */
int run_folder_begin(const struct call *call, const char *name, json_t *config,
                     struct run_folder *run);
/* One line of metrics.jsonl, flushed; takes the reference. */
void run_folder_metric(struct run_folder *run, json_t *metric);
/* One line of log.txt, and of `echo` where it is not NULL. */
void run_folder_log(struct run_folder *run, FILE *echo, const char *format, ...) EG_PRINTF(3, 4);
const char *run_folder_file(const struct run_folder *run, const char *name);
int run_folder_end(struct run_folder *run);

#endif
