/* Signals wait while a library runs code of its own making.
 *
 * What oneDNN 2.6 makes for products uses the stack pointer for data: a handler of the host that
 * ran on this thread's stack amid one would write over operands or the heap. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/egi_signals.h"

void egi_signals_hold(sigset_t *had)
{
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, had);
}

void egi_signals_let(const sigset_t *had)
{
    pthread_sigmask(SIG_SETMASK, had, NULL);
}
