/* cli/reader_options.h - the options that say how data are read, the same rows in every command
 * that reads any: store, recall, data info. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_READER_OPTIONS_H
#define CLI_READER_OPTIONS_H

#include "cli/command.h"

/* As given on the command line: NULL, 0 and index_base -1 where nothing was. */
struct reader_options {
    const char *format, *label_column, *skip, *labels;
    const char *bag_column, *group_column; /* of commands that learn */
    size_t limit, width, height;
    int index_base, grey;
};

#define READER_OPTIONS_INIT \
    {                       \
        .index_base = -1    \
    }

/* Rows of the option table of a struct `type` with the field `reader`. A row a line, not a brace
 * a level: */
/* clang-format off */
#define READER_OPT(type, field) offsetof(type, reader.field)
#define READER_OPTION_ROWS(type)                                                          \
    { "format", 0, OPT_TEXT, READER_OPT(type, format), "NAME",                            \
      "of the data, when content does not tell", NULL, 0, 0 },                            \
    { "limit", 0, OPT_SIZE, READER_OPT(type, limit), "N", "read the first N items",       \
      NULL, 1, 1e15 },                                                                    \
    { "skip", 0, OPT_TEXT, READER_OPT(type, skip), "NAMES",                               \
      "columns of a CSV to leave out", NULL, 0, 0 },                                      \
    { "label-column", 0, OPT_TEXT, READER_OPT(type, label_column), "NAME",                \
      "column of a CSV that is the label", NULL, 0, 0 },                                  \
    { "index-base", 0, OPT_INT, READER_OPT(type, index_base), "0|1",                      \
      "svmlight: its first index", NULL, 0, 1 }
/* Of commands that learn, or ask what was learned. */
#define BAG_OPTION_ROW(type)                                                              \
    { "bag-column", 0, OPT_TEXT, READER_OPT(type, bag_column), "NAME",                    \
      "column of a CSV that names the bag of a row (bag; none: rows are apart)", NULL,    \
      0, 0 },                                                                             \
    { "group-column", 0, OPT_TEXT, READER_OPT(type, group_column), "NAME",                \
      "column of a CSV, or of the labels: folds part no group", NULL, 0, 0 }
/* What a memory file settles for its cues, and else is to be said. */
#define SET_OPTION_ROWS(type)                                                             \
    { "labels", 0, OPT_TEXT, READER_OPT(type, labels), "FILE",                            \
      "labels in a file of their own", NULL, 0, 0 },                                      \
    { "width", 0, OPT_SIZE, READER_OPT(type, width), "W",                                 \
      "pictures of a folder to this width", NULL, 1, 65536 },                             \
    { "height", 0, OPT_SIZE, READER_OPT(type, height), "H", "and this height", NULL,      \
      1, 65536 },                                                                         \
    { "grey", 0, OPT_FLAG, READER_OPT(type, grey), NULL,                                  \
      "pictures of a folder to grey", NULL, 0, 0 }
/* clang-format on */

eg_read_options read_options_of(const struct reader_options *given);
/* The same for examples, which may be bags. */
eg_read_options example_options_of(const struct reader_options *given);

#endif
