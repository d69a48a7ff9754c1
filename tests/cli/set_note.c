/* A note of a memory file as anybody may have written it: set_note FILE KEY VALUE, or FILE KEY to
 * remove it. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "engram/engram.h"

int main(int argc, char **argv)
{
    eg_memory_file *f = NULL;
    if (argc < 3) return 2;
    eg_status s = eg_memory_file_open(argv[1], NULL, &f);
    if (s == EG_OK) s = eg_memory_file_set_note(f, argv[2], argv[3]); /* NULL: the end of argv */
    if (s != EG_OK) fprintf(stderr, "%s\n", eg_error_detail());
    eg_memory_file_close(f);
    return s != EG_OK;
}
