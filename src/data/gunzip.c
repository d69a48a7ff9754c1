/* gzip (RFC 1952) into memory. The output grows with what really comes out and never beyond
 * the limit, so that a small file cannot ask for a large block. Several members are joined;
 * bytes after the last one are an error. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <zlib.h>

#include "data/egi_data.h"

#define CHUNK ((size_t)1 << 16)
#define REPORT_EVERY ((size_t)1 << 24)

/* zlib and libpng free without a size: it is kept in front, in a whole line of the cache so
 * that what follows stays aligned. */
void *egi_c_alloc(void *opaque, size_t size)
{
    const eg_allocator *a = opaque;
    if (size > SIZE_MAX - EGI_ALIGN) return NULL;
    uint8_t *p = egi_alloc(a, size + EGI_ALIGN);
    if (p == NULL) return NULL;
    memcpy(p, &size, sizeof size);
    return p + EGI_ALIGN;
}

void egi_c_free(void *opaque, void *ptr)
{
    if (ptr == NULL) return;
    uint8_t *p = (uint8_t *)ptr - EGI_ALIGN;
    size_t size;
    memcpy(&size, p, sizeof size);
    egi_free(opaque, p, size + EGI_ALIGN);
}

static voidpf z_alloc(voidpf opaque, uInt items, uInt size)
{
    void *p = egi_c_alloc(opaque, (size_t)items * size);
    if (p != NULL) memset(p, 0, (size_t)items * size);
    return p;
}

static void z_free(voidpf opaque, voidpf ptr)
{
    egi_c_free(opaque, ptr);
}

int egi_looks_gzip(const uint8_t *bytes, size_t size)
{
    return size >= 2 && bytes[0] == 0x1f && bytes[1] == 0x8b;
}

static eg_status take_input(z_stream *z, const struct egi_input *in, size_t *at)
{
    if (z->avail_in > 0) return EG_OK;
    const size_t left = in->size - *at, n = left < CHUNK ? left : CHUNK;
    if (n == 0)
        return egi_fail(EG_ERR_CORRUPT, "%s: byte %zu: gzip data ends early; copy it again",
                        in->name, in->size);
    z->next_in = (Bytef *)(uintptr_t)(in->bytes + *at); /* zlib only reads it */
    z->avail_in = (uInt)n;
    *at += n;
    return EG_OK;
}

/* One call of inflate into g; *code is what it returned. */
static eg_status step(z_stream *z, const struct egi_input *in, struct egi_grow *g, int *code)
{
    const size_t limit = in->o.max_bytes;
    EGI_TRY(
        egi_grow_room(g, CHUNK < limit + 1 - g->count ? CHUNK : limit + 1 - g->count, in->name));
    const size_t room = g->room - g->count, n = room < CHUNK ? room : CHUNK;
    z->next_out = (Bytef *)g->p + g->count;
    z->avail_out = (uInt)n;
    *code = inflate(z, Z_NO_FLUSH);
    g->count += n - z->avail_out;
    if (g->count > limit)
        return egi_fail(EG_ERR_LIMIT, "%s: unpacks to more than the limit of %zu bytes", in->name,
                        limit);
    return EG_OK;
}

static eg_status unpack(z_stream *z, const struct egi_input *in, struct egi_grow *g)
{
    size_t reported = 0, at = 0;
    for (;;) {
        int code;
        EGI_TRY(take_input(z, in, &at));
        EGI_TRY(step(z, in, g, &code));
        if (g->count - reported >= REPORT_EVERY) {
            EGI_TRY(egi_report(in->o.progress, "unpack", at - z->avail_in, in->size));
            reported = g->count;
        }
        if (code == Z_MEM_ERROR) return egi_fail(EG_ERR_NOMEM, "%s: gzip", in->name);
        if (code != Z_OK && code != Z_STREAM_END) /* there was input and room */
            return egi_fail(EG_ERR_CORRUPT, "%s: byte %zu: gzip data is damaged (%s)", in->name,
                            at - z->avail_in, z->msg != NULL ? z->msg : "bad stream");
        if (code != Z_STREAM_END) continue;
        if (z->avail_in == 0 && at == in->size) return EG_OK;
        inflateReset(z); /* another member, or an error at the next step */
    }
}

eg_status egi_gunzip(const struct egi_input *in, uint8_t **out, size_t *out_size)
{
    z_stream z = { .zalloc = z_alloc, .zfree = z_free, .opaque = (voidpf)(uintptr_t)in->o.alloc };
    if (inflateInit2(&z, 15 + 16) != Z_OK) return egi_fail(EG_ERR_NOMEM, "%s: gzip", in->name);
    struct egi_grow g = { .a = in->o.alloc, .item = 1 };
    eg_status s = unpack(&z, in, &g);
    inflateEnd(&z);
    if (s == EG_OK) s = egi_grow_finish(&g, in->name, out, out_size);
    egi_grow_clear(&g);
    return s;
}
