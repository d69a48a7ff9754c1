/* The limits of what a file may ask for, in one table. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/file_limits.h"

#include "cli/command.h"

static size_t given;

void limits_set(size_t max_bytes)
{
    given = max_bytes;
}

size_t limits_given(void)
{
    return given;
}

#define MIB(bytes) ((double)(bytes) / (1 << 20))

/* MiB, but for the rows that say what they are. */
static const struct {
    const char *what;
    double limit;
    const char *unit, *option;
} rows[] = {
    { "a file of up to 1 MiB, whatever it declares or unpacks to", MIB(EG_LIMIT_SMALL), "MiB",
      "--max-bytes" },
    { "all memory that reading such a file of data takes", MIB(EG_LIMIT_SMALL) * 2.5, "MiB",
      "--max-bytes" },
    { "lines of an AIRR table of up to 1 MiB in gzip, all together", MIB(EG_LIMIT_SMALL) * 4, "MiB",
      "-" },
    { "each byte of a file beyond 1 MiB", (double)EG_LIMIT_SHARE, "bytes more", "--max-bytes" },
    { "any data set", MIB(EG_LIMIT_DATA), "MiB", "--max-bytes" },
    { "any memory file", MIB(EG_LIMIT_MEMORY), "MiB", "--max-bytes" },
    { "any network (ONNX), with its values", MIB(EG_LIMIT_ONNX), "MiB", "--max-bytes" },
    { "a record of a memory file", MIB(EG_LIMIT_RECORD), "MiB", "-" },
    { "a note of a memory file", MIB(EG_LIMIT_NOTE), "MiB", "-" },
    { "a line of an AIRR table", MIB(EG_LIMIT_LINE), "MiB", "-" },
    { "JSON within JSON", 2048, "levels", "-" },
    { "a side of a PNG", 1e6, "pixels", "-" },
    { "scans of a progressive JPEG", 200, "scans", "-" },
    { "pixels of all its scans", 600.0 * (1 << 20), "pixels", "-" },
};

void limits_table(struct table *t)
{
    static const struct column columns[] = {
        { "of", NULL }, { "at most", NULL }, { "unit", NULL }, { "set by", NULL }
    };
    table_begin(t, "limits", columns, sizeof columns / sizeof *columns);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        table_word(t, "%s", rows[i].what);
        table_word(t, "%.0f", rows[i].limit);
        table_word(t, "%s", rows[i].unit);
        table_word(t, "%s", rows[i].option);
    }
}
