/* engram/version.h - which library this is. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGRAM_VERSION_H
#define ENGRAM_VERSION_H

#include "engram/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Semantic version of these headers; the build reads it from here. */
#define EG_VERSION "0.1.0"

/* Version of the library that is linked. */
EG_API const char *eg_version(void);

/* The kernel row in use: "ref", "avx2" or "avx512". The environment variable
 * EG_ISA names the best row that may be chosen. */
EG_API const char *eg_isa(void);

/* Threads that 0 ("all that the runtime offers") stands for. */
EG_API int eg_threads(void);

#ifdef __cplusplus
}
#endif
#endif
