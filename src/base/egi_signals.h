/* Around code that a signal's handler must not interrupt on the same stack. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EGI_SIGNALS_H
#define EGI_SIGNALS_H

#include <signal.h>

void egi_signals_hold(sigset_t *had);
void egi_signals_let(const sigset_t *had);

#endif
