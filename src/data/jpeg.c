/* JPEG by libjpeg. A picture of more bytes than it may have is decoded at 1/2, 1/4 or 1/8 of its
 * size, by fewer coefficients of each block: a photo of few details is a small file of many pixels,
 * and nothing of the full size is ever there. Errors come back by longjmp, as in png.c. libjpeg
 * only warns of a file that ends early or has damaged data and fills the rest with grey: here that
 * is an error. Its memory is its own (it has no way to pass an allocator) and limited.
 *
 * A block of 8 x 8 pixels takes at least a bit when Huffman coded, so a header that declares
 * far more than that is refused; the pixels of all scans together are limited, for a progressive
 * file can ask for a pass over the picture with every few bytes. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

/* stdio.h must come before these two */
#include <jpeglib.h>

#include <jerror.h>

#include "data/egi_data.h"

#define MAX_SCANS 200
#define MAX_SCANNED ((size_t)600 << 20) /* pixels of all passes together */
#define MAX_MEMORY (1L << 30)
#define MAX_PIXELS_A_BYTE 2048

struct decoder {
    struct jpeg_error_mgr error; /* first: libjpeg hands it back */
    struct jpeg_progress_mgr progress;
    struct jpeg_decompress_struct jpeg;
    const struct egi_input *in;
    eg_image out;
    eg_status status; /* when it is not the file's fault */
    jmp_buf jump;
    char message[JMSG_LENGTH_MAX];
};

int egi_looks_jpeg(const uint8_t *bytes, size_t size)
{
    return size >= 3 && memcmp(bytes, "\xff\xd8\xff", 3) == 0;
}

static void on_error(j_common_ptr jpeg)
{
    struct decoder *d = (struct decoder *)jpeg->err;
    d->error.format_message(jpeg, d->message);
    if (d->error.msg_code == JERR_OUT_OF_MEMORY)
        d->status = egi_fail(EG_ERR_NOMEM, "%s: JPEG", d->in->name);
    longjmp(d->jump, 1);
}

static void on_message(j_common_ptr jpeg)
{
    (void)jpeg;
}

static void on_warning(j_common_ptr jpeg, int level)
{
    const int code = jpeg->err->msg_code;
    if (level < 0 && code != JWRN_EXTRANEOUS_DATA && code != JWRN_ADOBE_XFORM) on_error(jpeg);
}

static void on_progress(j_common_ptr jpeg)
{
    struct decoder *d = (struct decoder *)jpeg->err;
    const size_t pixels = (size_t)d->jpeg.image_height * d->jpeg.image_width;
    const size_t scans = (size_t)d->jpeg.input_scan_number;
    if (scans <= MAX_SCANS && (scans <= 1 || scans <= MAX_SCANNED / pixels)) return;
    d->status = egi_fail(EG_ERR_LIMIT, "%s: JPEG of more than %zu scans of %zu pixels", d->in->name,
                         scans - 1, pixels);
    longjmp(d->jump, 1);
}

/* Of several scans all is held as coefficients of two bytes. */
static size_t coefficients_of(struct decoder *d)
{
    size_t blocks = 0;
    for (int c = 0; jpeg_has_multiple_scans(&d->jpeg) && c < d->jpeg.num_components; c++)
        blocks +=
            (size_t)d->jpeg.comp_info[c].width_in_blocks * d->jpeg.comp_info[c].height_in_blocks;
    return 2 * DCTSIZE2 * blocks;
}

/* The largest size whose pixels, and with the coefficients twice of them, are within the limit. */
static eg_status choose_size(struct decoder *d, size_t channels)
{
    const size_t most = d->in->o.max_bytes, held = coefficients_of(d);
    for (unsigned eighths = DCTSIZE; eighths >= 1; eighths /= 2) {
        d->jpeg.scale_num = eighths;
        d->jpeg.scale_denom = DCTSIZE;
        jpeg_calc_output_dimensions(&d->jpeg);
        const size_t bytes = (size_t)d->jpeg.output_height * d->jpeg.output_width * channels;
        if (bytes <= most && held + bytes <= 2 * most) return EG_OK;
    }
    return egi_fail(EG_ERR_LIMIT,
                    "%s: JPEG of %u x %u pixels, more than the limit of %zu bytes (--max-bytes)",
                    d->in->name, d->jpeg.image_width, d->jpeg.image_height, most);
}

static eg_status check_header(struct decoder *d)
{
    const size_t pixels = (size_t)d->jpeg.image_height * d->jpeg.image_width;
    if (!d->jpeg.arith_code && pixels / MAX_PIXELS_A_BYTE > d->in->size)
        return egi_fail(EG_ERR_CORRUPT, "%s: JPEG declares %u x %u pixels, got a file of %zu bytes",
                        d->in->name, d->jpeg.image_width, d->jpeg.image_height, d->in->size);
    if (d->jpeg.num_components == 2 || d->jpeg.num_components > 4)
        return egi_fail(EG_ERR_CORRUPT, "%s: JPEG of %d components, expected 1, 3 or 4",
                        d->in->name, d->jpeg.num_components);
    if (pixels > EGI_MOST_PIXELS)
        return egi_fail(EG_ERR_LIMIT, "%s: JPEG of %u x %u pixels, more than %zu", d->in->name,
                        d->jpeg.image_width, d->jpeg.image_height, EGI_MOST_PIXELS);
    const size_t channels = d->jpeg.num_components == 1 ? 1 : 3;
    EGI_TRY(choose_size(d, channels));
    return egi_image_create(d->in->name, d->jpeg.output_height, d->jpeg.output_width, channels,
                            d->in->o.alloc, &d->out);
}

/* What is left of white where inks lie: Adobe's files say it, others say how much ink. */
static void ink_to_rgb(const JSAMPLE *ink, size_t width, int adobe, uint8_t *rgb)
{
    for (size_t j = 0; j < width; j++, ink += 4, rgb += 3)
        for (size_t c = 0; c < 3; c++) {
            const unsigned left = adobe ? ink[c] : 255u - ink[c];
            const unsigned black = adobe ? ink[3] : 255u - ink[3];
            rgb[c] = (uint8_t)((left * black + 127) / 255);
        }
}

static void read_rows(struct decoder *d, int inks)
{
    JSAMPARRAY ink = NULL;
    if (inks)
        ink = (*d->jpeg.mem->alloc_sarray)((j_common_ptr)&d->jpeg, JPOOL_IMAGE,
                                           4 * d->jpeg.output_width, 1);
    while (d->jpeg.output_scanline < d->jpeg.output_height) {
        uint8_t *to = d->out.pixels + d->jpeg.output_scanline * d->out.width * d->out.channels;
        JSAMPROW row = inks ? ink[0] : to;
        jpeg_read_scanlines(&d->jpeg, &row, 1);
        if (inks) ink_to_rgb(row, d->out.width, d->jpeg.saw_Adobe_marker, to);
    }
}

static void decode(struct decoder *d)
{
    jpeg_create_decompress(&d->jpeg);
    d->jpeg.progress = &d->progress;
    d->jpeg.mem->max_memory_to_use = MAX_MEMORY;
    jpeg_mem_src(&d->jpeg, d->in->bytes, d->in->size);
    jpeg_read_header(&d->jpeg, TRUE);
    d->status = check_header(d);
    if (d->status != EG_OK) longjmp(d->jump, 1);
    const int inks = d->jpeg.num_components == 4;
    d->jpeg.out_color_space = inks ? JCS_CMYK : d->out.channels == 3 ? JCS_RGB : JCS_GRAYSCALE;
    jpeg_start_decompress(&d->jpeg);
    read_rows(d, inks);
    jpeg_finish_decompress(&d->jpeg);
}

static int guarded(struct decoder *d)
{
    if (setjmp(d->jump) != 0) return -1;
    decode(d);
    return 0;
}

eg_status egi_jpeg_decode(const struct egi_input *in, eg_image *out)
{
    struct decoder d = { .in = in };
    d.jpeg.err = jpeg_std_error(&d.error);
    d.error.error_exit = on_error;
    d.error.output_message = on_message;
    d.error.emit_message = on_warning;
    d.progress.progress_monitor = on_progress;
    eg_status s = EG_OK;
    if (guarded(&d) != 0) {
        s = d.status != EG_OK ? d.status
                              : egi_fail(EG_ERR_CORRUPT, "%s: JPEG: %s", in->name, d.message);
    }
    jpeg_destroy_decompress(&d.jpeg);
    if (s == EG_OK) s = egi_image_turn(in->name, &d.out, egi_jpeg_orientation(in->bytes, in->size));
    if (s != EG_OK) {
        if (d.out.pixels != NULL) eg_image_clear(&d.out);
        return s;
    }
    *out = d.out;
    return EG_OK;
}
