/* cli/binary_store.h - engram store for binary memories: all items in one transaction. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_BINARY_STORE_H
#define CLI_BINARY_STORE_H

#include "cli/binary_memory.h"

struct binary_storing {
    const struct binary_given *given;
    const char *memory, *title; /* memory NULL: that of the file */
    double order;               /* NaN: not said */
    double threshold;           /* of on and off; NaN: half way */
    int values, append;
};

/* Whether `engram store` of this call is into a binary memory: named so, or held by the file. */
int binary_wanted(const char *memory, const char *path, int append);
int binary_store(const struct call *call, const struct binary_storing *o, eg_dataset *set);

#endif
