/* The options of a command that reads data, as the library takes them. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/reader_options.h"
#include "cli/file_limits.h"

#include <string.h>

eg_read_options read_options_of(const struct reader_options *given)
{
    eg_read_options o = EG_READ_OPTIONS_INIT;
    o.max_bytes = limits_given();
    o.format = given->format;
    o.labels = given->labels;
    o.label_column = given->label_column;
    o.skip_columns = given->skip;
    o.index_base = given->index_base;
    o.max_items = given->limit;
    o.width = given->width;
    o.height = given->height;
    o.grey = given->grey;
    o.group_column = given->group_column;
    return o;
}

eg_read_options example_options_of(const struct reader_options *given)
{
    eg_read_options o = read_options_of(given);
    const int none = given->bag_column != NULL && strcmp(given->bag_column, "none") == 0;
    o.bag_column = none ? NULL : given->bag_column != NULL ? given->bag_column : "";
    return o;
}
