/* Lines of a text that is plain or gzip, one at a time: memory is that of the longest line and two
 * buffers, whatever the size of the file. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "data/egi_line_stream.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/egi_file.h"

enum { CHUNK = 1 << 16 };

static eg_status fill_input(struct egi_line_stream *s)
{
    const ssize_t n = egi_file_some(s->fd, s->packed, CHUNK);
    if (n < 0) return egi_fail(EG_ERR_IO, "%s: %s", s->name, strerror(errno));
    s->z.next_in = s->packed;
    s->z.avail_in = (uInt)n;
    s->ended = n == 0;
    return EG_OK;
}

/* More of the text into s->text; none is left where s->have stays 0. */
static eg_status fill_text(struct egi_line_stream *s)
{
    s->at = s->have = 0;
    while (s->have == 0) {
        if (s->z.avail_in == 0) EGI_TRY(fill_input(s));
        if (s->ended && s->z.avail_in == 0) {
            if (!s->packs || s->whole) return EG_OK;
            return egi_fail(EG_ERR_CORRUPT, "%s:%zu:1: gzip data ends early; copy it again",
                            s->name, s->line + 1);
        }
        if (!s->packs) {
            s->have = s->z.avail_in;
            memcpy(s->text, s->z.next_in, s->have);
            s->z.avail_in = 0;
            return EG_OK;
        }
        if (s->whole) inflateReset(&s->z); /* another member */
        s->z.next_out = s->text;
        s->z.avail_out = CHUNK;
        const int code = inflate(&s->z, Z_NO_FLUSH);
        s->have = CHUNK - s->z.avail_out;
        s->whole = code == Z_STREAM_END;
        if (code == Z_MEM_ERROR) return egi_fail(EG_ERR_NOMEM, "%s: gzip", s->name);
        if (code != Z_OK && code != Z_STREAM_END && code != Z_BUF_ERROR)
            return egi_fail(EG_ERR_CORRUPT, "%s:%zu:1: gzip data is damaged (%s)", s->name,
                            s->line + 1, s->z.msg != NULL ? s->z.msg : "bad stream");
    }
    s->left -= s->have < s->left ? s->have : s->left;
    if (s->left > 0) return EG_OK;
    return egi_fail(EG_ERR_LIMIT,
                    "%s:%zu:1: unpacks to more than %zu bytes, much for a file of its size; "
                    "unpack it first",
                    s->name, s->line + 1, s->most);
}

static eg_status add_bytes(struct egi_line_stream *s, const uint8_t *p, size_t n)
{
    if (n > s->max_line - s->lines.count)
        return egi_fail(EG_ERR_LIMIT, "%s:%zu:1: a line of more than %zu bytes", s->name,
                        s->line + 1, s->max_line);
    EGI_TRY(egi_grow_room(&s->lines, n + 1, s->name));
    memcpy((uint8_t *)s->lines.p + s->lines.count, p, n);
    s->lines.count += n;
    return EG_OK;
}

eg_status egi_line_next(struct egi_line_stream *s, struct egi_text *line)
{
    int any = 0;
    s->lines.count = 0;
    for (;;) {
        if (s->at == s->have) EGI_TRY(fill_text(s));
        if (s->have == 0) break;
        any = 1;
        const uint8_t *from = s->text + s->at, *end = memchr(from, '\n', s->have - s->at);
        const size_t n = end != NULL ? (size_t)(end - from) : s->have - s->at;
        EGI_TRY(add_bytes(s, from, n));
        s->at += n + (end != NULL);
        if (end != NULL) break;
    }
    if (!any) return EG_END;
    char *text = s->lines.p;
    size_t size = s->lines.count;
    while (size > 0 && text[size - 1] == '\r') size--;
    text[size] = '\0'; /* there is room for it */
    s->line++;
    *line = (struct egi_text){ text, size };
    return EG_OK;
}

static void *z_alloc(void *opaque, uInt items, uInt size)
{
    void *p = egi_c_alloc(opaque, (size_t)items * size);
    if (p != NULL) memset(p, 0, (size_t)items * size);
    return p;
}

eg_status egi_line_open(const char *path, size_t max_line, const eg_allocator *a,
                        struct egi_line_stream *s)
{
    struct stat st;
    void *buffers;
    *s = (struct egi_line_stream){ .a = a, .max_line = max_line, .fd = -1 };
    s->lines = (struct egi_grow){ .a = a, .item = 1 };
    snprintf(s->name, sizeof s->name, "%s", path);
    EGI_TRY(egi_alloc_array(a, 2, CHUNK, "lines of a text", &buffers));
    s->packed = buffers;
    s->text = s->packed + CHUNK;
    s->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (s->fd < 0) return egi_fail(EG_ERR_IO, "%s: %s", path, strerror(errno));
    if (fstat(s->fd, &st) != 0 || !S_ISREG(st.st_mode))
        return egi_fail(EG_ERR_IO, "%s: not a file", path);
    /* text goes by and is not kept: it may be more than that of a file that is read whole */
    s->most = 4 * egi_limit_of(0, (size_t)st.st_size, SIZE_MAX / 4);
    s->left = s->most;
    s->z = (z_stream){ .zalloc = z_alloc, .zfree = egi_c_free, .opaque = (void *)(uintptr_t)a };
    EGI_TRY(fill_input(s));
    s->packs = egi_looks_gzip(s->packed, s->z.avail_in);
    if (s->packs && inflateInit2(&s->z, 15 + 16) != Z_OK)
        return egi_fail(EG_ERR_NOMEM, "%s: gzip", path);
    s->inflates = s->packs;
    return EG_OK;
}

void egi_line_close(struct egi_line_stream *s)
{
    if (s->inflates) inflateEnd(&s->z);
    if (s->fd >= 0) close(s->fd);
    egi_free(s->a, s->packed, 2 * CHUNK);
    egi_grow_clear(&s->lines);
    s->fd = -1;
    s->inflates = 0;
    s->packed = NULL;
}
