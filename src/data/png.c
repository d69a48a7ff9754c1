/* PNG by libpng. Its errors come back by longjmp into the one function that called setjmp;
 * everything that must be released is in a struct of that function's caller, and no local
 * variable changes between the two. Nothing is printed.
 *
 * Only an interlaced picture is there with its alpha as a whole; else one row of it is.
 *
 * Deflate expands at most 1032 times, so a header that declares more than that is refused
 * before anything is allocated. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <png.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include "data/egi_data.h"

#define MAX_SIDE 1000000
#define MAX_BLOCK ((size_t)64 << 20) /* eight rows of MAX_SIDE pixels of 8 bytes */
#define MAX_EXPANSION 1040

struct coder {
    const struct egi_input *in; /* decoding */
    size_t at;
    const eg_image *image; /* encoding */
    struct egi_grow bytes;
    const eg_allocator *a;
    png_structp png;
    png_infop info;
    uint8_t *raw; /* (H, W, channels with alpha) */
    size_t raw_size;
    eg_image out;
    eg_status status; /* when it is not the file's fault */
    char message[96];
};

int egi_looks_png(const uint8_t *bytes, size_t size)
{
    return size >= 8 && memcmp(bytes, "\x89PNG\r\n\x1a\n", 8) == 0;
}

static void on_error(png_structp png, png_const_charp message)
{
    struct coder *c = png_get_error_ptr(png);
    snprintf(c->message, sizeof c->message, "%s", message);
    png_longjmp(png, 1);
}

static void on_warning(png_structp png, png_const_charp message)
{
    (void)png;
    (void)message;
}

static png_voidp on_malloc(png_structp png, png_alloc_size_t size)
{
    struct coder *c = png_get_mem_ptr(png);
    if (size > MAX_BLOCK) {
        c->status = egi_fail(EG_ERR_LIMIT, "PNG: a block of %zu bytes", (size_t)size);
        return NULL;
    }
    void *p = egi_c_alloc((void *)(uintptr_t)c->a, size);
    if (p == NULL) c->status = egi_fail(EG_ERR_NOMEM, "PNG: %zu bytes", (size_t)size);
    return p;
}

static void on_free(png_structp png, png_voidp p)
{
    struct coder *c = png_get_mem_ptr(png);
    egi_c_free((void *)(uintptr_t)c->a, p);
}

static void on_read(png_structp png, png_bytep to, size_t size)
{
    struct coder *c = png_get_io_ptr(png);
    if (size > c->in->size - c->at) png_error(png, "it ends early");
    memcpy(to, c->in->bytes + c->at, size);
    c->at += size;
}

/* Leaves by longjmp with a status of our own. */
static void must(struct coder *c, eg_status s)
{
    if (s == EG_OK) return;
    c->status = s;
    png_longjmp(c->png, 1);
}

static eg_status check_size(struct coder *c)
{
    const size_t height = png_get_image_height(c->png, c->info);
    const size_t row = png_get_rowbytes(c->png, c->info);
    size_t raw;
    EGI_TRY(egi_mul_size(height, row, &raw));
    if (raw / MAX_EXPANSION > c->in->size)
        return egi_fail(EG_ERR_CORRUPT, "%s: PNG declares %zu bytes of pixels, got a file of %zu",
                        c->in->name, raw, c->in->size);
    const int whole = png_get_interlace_type(c->png, c->info) != PNG_INTERLACE_NONE;
    if (raw / (whole ? 1 : 2) > c->in->o.max_bytes)
        return egi_fail(EG_ERR_LIMIT,
                        "%s: PNG of %zu bytes of pixels, more than the limit of %zu (--max-bytes)",
                        c->in->name, raw, c->in->o.max_bytes * (whole ? 1 : 2));
    return EG_OK;
}

/* Rows from y on; alpha is blended on white. */
static void flatten(const struct coder *c, size_t y, size_t rows, size_t channels)
{
    const size_t colours = c->out.channels, from = y * c->out.width;
    for (size_t i = from; i < from + rows * c->out.width; i++) {
        const uint8_t *p = c->raw + (i - from) * channels;
        const unsigned alpha = channels == colours ? 255 : p[colours];
        for (size_t k = 0; k < colours; k++)
            c->out.pixels[i * colours + k] =
                (uint8_t)((p[k] * alpha + 255u * (255u - alpha) + 127u) / 255u);
    }
}

static void decode(struct coder *c)
{
    png_set_user_limits(c->png, MAX_SIDE, MAX_SIDE);
    /* Texts, profiles and the like are passed over unread: libpng would allocate the length
     * that such a chunk declares (its own limit only warns; found by fuzzing). tRNS stays. */
    png_set_keep_unknown_chunks(c->png, PNG_HANDLE_CHUNK_NEVER, NULL, -1);
    png_set_read_fn(c->png, c, on_read);
    png_read_info(c->png, c->info);
    must(c, check_size(c));
    png_set_expand(c->png);
    png_set_scale_16(c->png);
    const int passes = png_set_interlace_handling(c->png);
    png_read_update_info(c->png, c->info);
    const size_t channels = png_get_channels(c->png, c->info);
    const size_t height = png_get_image_height(c->png, c->info);
    const size_t width = png_get_image_width(c->png, c->info);
    must(c, egi_image_create(c->in->name, height, width, channels >= 3 ? 3 : 1, c->a, &c->out));
    void *raw;
    const size_t rows = passes > 1 ? height : 1; /* that are there at a time */
    must(c, egi_alloc_array(c->a, rows * width, channels, c->in->name, &raw));
    c->raw = raw;
    c->raw_size = rows * width * channels;
    memset(c->raw, 0, c->raw_size);
    for (int pass = 0; pass < passes; pass++)
        for (size_t y = 0; y < height; y++) {
            png_read_row(c->png, c->raw + y % rows * width * channels, NULL);
            if (rows == 1) flatten(c, y, 1, channels);
        }
    png_read_end(c->png, NULL);
    if (rows > 1) flatten(c, 0, rows, channels);
}

static void on_write(png_structp png, png_bytep from, size_t size)
{
    struct coder *c = png_get_io_ptr(png);
    must(c, egi_grow_room(&c->bytes, size, "PNG"));
    memcpy((uint8_t *)c->bytes.p + c->bytes.count, from, size);
    c->bytes.count += size;
}

static void on_flush(png_structp png)
{
    (void)png;
}

static void encode(struct coder *c)
{
    const eg_image *m = c->image;
    png_set_write_fn(c->png, c, on_write, on_flush);
    png_set_IHDR(c->png, c->info, (png_uint_32)m->width, (png_uint_32)m->height, 8,
                 m->channels == 3 ? PNG_COLOR_TYPE_RGB : PNG_COLOR_TYPE_GRAY, PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_write_info(c->png, c->info);
    for (size_t y = 0; y < m->height; y++)
        png_write_row(c->png, m->pixels + y * m->width * m->channels);
    png_write_end(c->png, c->info);
}

/* 0, or -1 after an error. The only function that setjmp returns into. */
static int guarded(struct coder *c, void (*work)(struct coder *))
{
    if (setjmp(png_jmpbuf(c->png)) != 0) return -1;
    c->info = png_create_info_struct(c->png);
    if (c->info == NULL) png_error(c->png, "out of memory");
    work(c);
    return 0;
}

static eg_status failure(const struct coder *c, const char *name)
{
    if (c->status != EG_OK) return c->status;
    return egi_fail(EG_ERR_CORRUPT, "%s: byte %zu: PNG: %s", name, c->at, c->message);
}

eg_status egi_png_decode(const struct egi_input *in, eg_image *out)
{
    struct coder c = { .in = in, .a = in->o.alloc };
    c.png = png_create_read_struct_2(PNG_LIBPNG_VER_STRING, &c, on_error, on_warning, &c, on_malloc,
                                     on_free);
    if (c.png == NULL) return egi_fail(EG_ERR_NOMEM, "%s: PNG", in->name);
    eg_status s = EG_OK;
    if (guarded(&c, decode) != 0) s = failure(&c, in->name);
    png_destroy_read_struct(&c.png, &c.info, NULL);
    egi_free(c.a, c.raw, c.raw_size);
    if (s != EG_OK) {
        if (c.out.pixels != NULL) eg_image_clear(&c.out);
        return s;
    }
    *out = c.out;
    return EG_OK;
}

eg_status eg_image_encode_png(const eg_image *image, uint8_t **bytes, size_t *size)
{
    if (image == NULL || bytes == NULL || size == NULL || image->pixels == NULL)
        return egi_fail(EG_ERR_INVALID, "eg_image_encode_png: NULL");
    if (image->height == 0 || image->width == 0 || image->height > MAX_SIDE
        || image->width > MAX_SIDE || (image->channels != 1 && image->channels != 3))
        return egi_fail(EG_ERR_INVALID, "eg_image_encode_png: %zu x %zu x %zu", image->height,
                        image->width, image->channels);
    struct coder c = { .image = image, .a = image->alloc };
    if (c.a == NULL) c.a = eg_allocator_default();
    c.bytes = (struct egi_grow){ .a = c.a, .item = 1 };
    c.png = png_create_write_struct_2(PNG_LIBPNG_VER_STRING, &c, on_error, on_warning, &c,
                                      on_malloc, on_free);
    if (c.png == NULL) return egi_fail(EG_ERR_NOMEM, "PNG");
    eg_status s = EG_OK;
    if (guarded(&c, encode) != 0) s = failure(&c, "picture");
    png_destroy_write_struct(&c.png, &c.info);
    if (s == EG_OK) s = egi_grow_finish(&c.bytes, "PNG", bytes, size);
    egi_grow_clear(&c.bytes);
    return s;
}

void eg_image_free(const eg_image *image, uint8_t *bytes, size_t size)
{
    const eg_allocator *a =
        image != NULL && image->alloc != NULL ? image->alloc : eg_allocator_default();
    egi_free(a, bytes, size);
}

eg_status eg_image_write_png(const char *path, const eg_image *image)
{
    uint8_t *bytes;
    size_t size;
    struct egi_writer w;
    EGI_TRY(eg_image_encode_png(image, &bytes, &size));
    eg_status s = egi_writer_open(&w, path);
    if (s == EG_OK) {
        s = egi_writer_put(&w, bytes, size);
        if (s == EG_OK)
            s = egi_writer_commit(&w);
        else
            egi_writer_abort(&w);
    }
    eg_image_free(image, bytes, size);
    return s;
}
