/* engram/progress.h - one callback for the progress and the end of long work. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGRAM_PROGRESS_H
#define ENGRAM_PROGRESS_H

#include <stdint.h>

#include "engram/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* report is called between units of work, always on the calling thread, with done
 * <= total (total 0: unknown). A value other than 0 asks the work to stop: the call
 * then returns EG_ERR_INTERRUPTED. A NULL eg_progress pointer, or a NULL report,
 * means nobody watches. */
typedef struct eg_progress {
    int (*report)(void *user, const char *stage, uint64_t done, uint64_t total);
    void *user;
} eg_progress;

#ifdef __cplusplus
}
#endif
#endif
