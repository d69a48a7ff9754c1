/* cli/attended.h - which rows of each bag a model looks at most. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_ATTENDED_H
#define CLI_ATTENDED_H

#include "cli/model.h"

/* The `most` rows of largest weight of each bag, as CSV or lines of JSON: item, row from 1, weight,
 * and the letters of a row of codes (docs/repertoires.md). */
int attended_print(const struct call *call, const struct model *m, const eg_dataset *set,
                   const char *layer, size_t most);

/* The `count` words of four letters that stand in those rows more often than in all, most above
 * chance first: word, rows of each kind that hold it, z. Of bags of residues. */
int attended_words(const struct call *call, const struct model *m, const eg_dataset *set,
                   const char *layer, size_t most, size_t count);

#endif
