/* One fuzz target a reader: bytes into egi_read_bytes, with limits that keep a run short. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_FUZZ_READER_H
#define TESTS_FUZZ_READER_H

#include <stdlib.h>

#include "data/egi_data.h"

/* Declared here, for libFuzzer and replay_main.c call it by this name. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/* What came out must be whole: every value readable and finite, every label a class. */
static inline void fuzz_check(const eg_dataset *set)
{
    if (set->n == 0 || set->d == 0) abort();
    for (size_t i = 0; i < eg_dataset_rows(set) * set->d; i++)
        if (set->x[i] - set->x[i] != 0) abort();
    for (size_t i = 0; set->labels != NULL && i < set->n; i++)
        if (set->labels[i] < 0 || (size_t)set->labels[i] >= set->classes) abort();
    for (size_t i = 0; set->offset != NULL && i < set->n; i++)
        if (set->offset[i + 1] <= set->offset[i]) abort();
    for (size_t i = 0; set->group != NULL && i < set->n; i++)
        if (set->group[i] >= set->groups) abort();
    for (size_t i = 0; i < set->fold_count * set->n; i++)
        if (set->folds[i] > EG_ROLE_TEST) abort();
}

static inline int fuzz_reader_as(const char *format, const uint8_t *bytes, size_t size,
                                 eg_read_options o)
{
    o.index_base = 0;
    o.max_bytes = (size_t)1 << 22;
    eg_dataset set;
    const eg_status s = egi_read_bytes(format, "fuzz", bytes, size, &o, &set);
    if (s == EG_OK) {
        fuzz_check(&set);
        eg_dataset_clear(&set);
    } else if (s > 0 || eg_error_detail()[0] == '\0') {
        abort(); /* a failure has a status and a detail */
    }
    return 0;
}

static inline int fuzz_reader(const char *format, const uint8_t *bytes, size_t size)
{
    return fuzz_reader_as(format, bytes, size, (eg_read_options)EG_READ_OPTIONS_INIT);
}

#endif
