/* engram/run.h - a run folder: everything about one run, readable while it runs.
 *
 *   config.json             what was asked, every default written out
 *   env.json                library, kernels, threads, machine
 *   metrics.jsonl           one JSON object a line, flushed
 *   events.out.tfevents.*   the same numbers for TensorBoard
 *   log.txt                 one line an event
 *
 * Training adds checkpoint/ and model.safetensors (engram/train.h). */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGRAM_RUN_H
#define ENGRAM_RUN_H

#include <stddef.h>
#include <stdint.h>

#include "engram/alloc.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct eg_run eg_run;

/**
 * Make the folder `path` (its parent must be there), or with `again` go on in one that may be.
 * @param config  text of config.json
 * @param again   0: the folder must not be there, or hold no run: be empty, or of one that
 *               was killed before it had a config.json; 1: what it holds is added to
 * @return EG_OK; EG_ERR_IO; EG_ERR_INVALID (path too long); EG_ERR_NOMEM
 */
EG_API EG_MUST_CHECK eg_status eg_run_open(const char *path, const char *config, int threads,
                                           int again, const eg_allocator *alloc, eg_run **out);
/* EG_ERR_IO where something could not be written, now or before. run may be NULL. */
EG_API EG_MUST_CHECK eg_status eg_run_close(eg_run *run);

/* One line of metrics.jsonl; one of log.txt. What cannot be written is told by eg_run_close. */
EG_API void eg_run_metric(eg_run *run, const char *json);
EG_API void eg_run_log(eg_run *run, const char *text);

/* One number for TensorBoard: the curve `tag` at `step`; seconds: since 1970. */
EG_API void eg_run_scalar(eg_run *run, const char *tag, uint64_t step, double seconds, float value);

/* env.json as text: versions, kernel row, threads, processor, system. Returns its length without
 * the zero; writes what fits into room. */
EG_API size_t eg_environment(int threads, char *text, size_t room);

#ifdef __cplusplus
}
#endif
#endif
