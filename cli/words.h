/* cli/words.h - recalls in words and as JSON, names of dynamics. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_WORDS_H
#define CLI_WORDS_H

#include <jansson.h>

#include "cli/cli_text.h"
#include "engram/engram.h"

const char *dynamics_name(size_t row); /* NULL past the end */
const char *sweep_name(size_t row);
const char *kind_name(eg_fixed_point kind);

/* "-1.00342"; one beyond a double is a bound and not "inf". */
const char *energy_text(double energy);

/* What the certificate says, a line for each thing; `who`: the nearest memory as text. */
void certificate_words(const eg_certificate *c, size_t stored, const char *who, struct text *out);
json_t *certificate_json(const eg_certificate *c);

/* Whether one memory was recalled and the state rests on it: not the negative of one, and not
 * the resting state of weights, which hold nothing to compare it with. */
int certificate_recalled(const eg_certificate *c);

#endif
