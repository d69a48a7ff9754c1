/* What a file of a learner says beside its parameters. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EGI_LEARNER_FILE_H
#define EGI_LEARNER_FILE_H

#include "nn/egi_learner.h"

/* {"inputs": 784, ...}; NULL without memory. */
json_t *egi_task_json(const eg_task *task);

#endif
