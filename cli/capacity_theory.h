/* cli/capacity_theory.h - what closed forms say of a cell of the capacity laboratory. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_CAPACITY_THEORY_H
#define CLI_CAPACITY_THEORY_H

#include "engram/engram.h"

/* Share of components wrong at rest and after one step; NaN where no closed form holds. */
double theory_at_rest(const eg_capacity_options *o, double load);
double theory_one_step(const eg_capacity_options *o, double load);

/* Numbers of patterns up to which theory says that a memory of this kind holds them, for the
 * size and the corruption in o: with few wrong components, and with none. NaN: no statement. */
double theory_few_errors(const eg_capacity_options *o);
double theory_no_errors(const eg_capacity_options *o);

/* The corruption at which theory_no_errors falls to o->n; NaN where it does not depend on it. */
double theory_amount(const eg_capacity_options *o);

/* A sentence: which closed forms hold, or why none does. Kept until the program ends. */
const char *theory_words(const eg_capacity_options *o);

/* Measured: share of components of stored patterns that, flipped alone, lower the exact energy
 * of the rule; NaN where that is not what the theory of this memory is about. */
double one_flip_measured(const eg_capacity_options *o);

#endif
