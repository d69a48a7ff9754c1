/* Lines of a text, plain or gzip, in bounded memory. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EGI_LINE_STREAM_H
#define EGI_LINE_STREAM_H

#include <zlib.h>

#include "data/egi_data.h"

struct egi_line_stream {
    const eg_allocator *a;
    char name[400];             /* for details */
    size_t max_line, line;      /* of the line that was read, from 1 */
    int fd, ended;              /* nothing is left of the file */
    int packs, inflates, whole; /* it is gzip; z is to be ended; a member has ended */
    z_stream z;
    uint8_t *packed, *text;
    size_t at, have;       /* of text */
    size_t most, left;     /* that may be unpacked, that still may */
    struct egi_grow lines; /* char: the line, over several buffers */
};

/* Failures name the file. After one, close it. */
eg_status egi_line_open(const char *path, size_t max_line, const eg_allocator *a,
                        struct egi_line_stream *out);
/* The next line without its end, zero-terminated, borrowed until the next one; EG_END. */
eg_status egi_line_next(struct egi_line_stream *s, struct egi_text *line);
void egi_line_close(struct egi_line_stream *s);

#endif
