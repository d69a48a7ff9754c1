/* Many short steps by the same threads. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EGI_STEPS_H
#define EGI_STEPS_H

#include <stddef.h>

/* parallel.c - steps in turn: all of step s, which is body(arg, s, i) for 0 <= i < n(arg, s), ends
 * before the next begins. Iteration i of every step is run by one and the same thread, where
 * threads allow it, so that it finds in its caches what it left there. body as of
 * egi_parallel_for(). */
void egi_parallel_steps(size_t steps, int threads, size_t (*n)(void *arg, size_t s),
                        void (*body)(void *arg, size_t s, size_t i), void *arg);

#endif
