/* Names of rows, shared by the three tables. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "assoc/egi_assoc.h"

int egi_table_find(const char *name, const eg_row_info *(*info)(int row), int count,
                   const struct egi_synonym *synonyms)
{
    if (name == NULL) return -1;
    for (int row = 0; row < count; row++)
        if (strcmp(info(row)->name, name) == 0) return row;
    while (synonyms->name != NULL && strcmp(synonyms->name, name) != 0) synonyms++;
    return synonyms->row;
}
