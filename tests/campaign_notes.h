/* Campaigns that go on where they were stopped: how far a part of one was is noted in a file of
 * EG_TEST_TMP, named after the program and the part. Outside of a campaign there are no notes. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_CAMPAIGN_NOTES_H
#define TESTS_CAMPAIGN_NOTES_H

#include "check.h"

static inline const char *campaign_file(const char *part)
{
    static char path[600];
    const char *tmp = getenv("EG_TEST_TMP");
    snprintf(path, sizeof path, "%s/%s.done", tmp != NULL ? tmp : ".", part);
    return path;
}

/* What is done of a part; 0: nothing. */
static inline size_t campaign_done(const char *part)
{
    size_t done = 0;
    FILE *f = campaign(0, 1) ? fopen(campaign_file(part), "r") : NULL;
    if (f == NULL) return 0;
    if (fscanf(f, "%zu", &done) != 1) done = 0;
    fclose(f);
    return done;
}

static inline void campaign_note(const char *part, size_t done)
{
    if (!campaign(0, 1)) return;
    FILE *f = fopen(campaign_file(part), "w");
    CHECK(f != NULL && fprintf(f, "%zu\n", done) > 0 && fclose(f) == 0);
}

/* All of it is done: the next campaign begins anew. */
static inline void campaign_forget(const char *part)
{
    remove(campaign_file(part));
}

#endif
