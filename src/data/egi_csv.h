/* Internal to the data floor: the columns of a table, their names and what each is. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EGI_CSV_H
#define EGI_CSV_H

#include "data/egi_data.h"

enum { EGI_SKIP = -1, EGI_LABEL = -2, EGI_BAG = -3, EGI_MARK = -4, EGI_GROUP = -5, EGI_ITEM = -6 };
enum { EGI_ROLES = 7 };

/* role: one of the above, else the place of a column of numbers in a row of x. */
struct egi_columns {
    const struct egi_input *in;
    struct egi_grow name;    /* struct egi_text: the header */
    struct egi_grow role;    /* ptrdiff_t a column */
    struct egi_grow marks;   /* struct egi_text: names of columns that are marks of folds */
    size_t values;           /* columns of x */
    size_t has[EGI_ROLES];   /* columns of role -k */
    size_t first[EGI_ROLES]; /* of these; and */
    size_t last[EGI_ROLES];
};

void egi_columns_begin(struct egi_columns *c, const struct egi_input *in);
void egi_columns_clear(struct egi_columns *c);
/* One more column: what its name and the options make of it, or a role that is known. */
eg_status egi_columns_add(struct egi_columns *c, struct egi_text name);
eg_status egi_columns_add_as(struct egi_columns *c, struct egi_text name, ptrdiff_t role);
/* The whole header: no name twice, one column a question, and what the options name is there. */
eg_status egi_columns_check(struct egi_columns *c);

static inline struct egi_text egi_column_name(const struct egi_columns *c, size_t k)
{
    return ((const struct egi_text *)c->name.p)[k];
}

static inline ptrdiff_t egi_column_role(const struct egi_columns *c, size_t k)
{
    return ((const ptrdiff_t *)c->role.p)[k];
}

#endif
