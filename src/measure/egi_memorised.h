/* What the files on memorisation share. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EGI_MEMORISED_H
#define EGI_MEMORISED_H

#include "base/egi_base.h"
#include "engram/memorised.h"

enum { EGI_MEMORISED_BATCH = 256 };

/* memorised.c - 1 for each of a part (N) that the learner is right on, else 0; scores: (BATCH, K)
 * scratch. */
eg_status egi_memorised_answers(eg_learner *l, const eg_part *part, float *scores, uint8_t *right);
/* Options, labels and examples that are no bags; why not, as the detail. */
eg_status egi_memorised_check(const eg_memorised_options *o, const eg_task *task,
                              const eg_part *part);

#endif
