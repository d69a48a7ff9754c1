/* Resource bombs: pictures of few bytes that declare many pixels, or many passes over them. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <png.h>

#include "bomb_check.h"

static void png_of(size_t side, size_t channels)
{
    eg_image m;
    uint8_t *p;
    size_t size;
    CHECK_OK(eg_image_create(side, side, channels, NULL, &m));
    memset(m.pixels, 7, side * side * channels);
    CHECK_OK(eg_image_encode_png(&m, &p, &size));
    add(p, size);
    eg_image_free(&m, p, size);
    eg_image_clear(&m);
}

static void png_large(void)
{
    png_of(8000, 1);
}

static void png_colours(void)
{
    png_of(2800, 3);
}

/* Of few bits a pixel, which become bytes, or colours. */
static void png_packed(size_t side, int bits, int type)
{
    const char *path = tmp_path(2, "bomb.png");
    const png_color palette[2] = { { 1, 2, 3 }, { 4, 5, 6 } };
    const png_byte clear[2] = { 9, 9 };
    FILE *f = fopen(path, "wb");
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png_create_info_struct(png);
    uint8_t *row = calloc(side, 8);
    CHECK(f != NULL && row != NULL);
    png_init_io(png, f);
    png_set_IHDR(png, info, (png_uint_32)side, (png_uint_32)side, bits, type, PNG_INTERLACE_ADAM7,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    if (type == PNG_COLOR_TYPE_PALETTE) {
        png_set_PLTE(png, info, palette, 2);
        png_set_tRNS(png, info, clear, 2, NULL);
    }
    png_write_info(png, info);
    const int passes = png_set_interlace_handling(png);
    for (int pass = 0; pass < passes; pass++)
        for (size_t y = 0; y < side; y++) png_write_row(png, row);
    png_write_end(png, NULL);
    png_destroy_write_struct(&png, &info);
    fclose(f);
    free(row);
    bomb_size = get_file(path, bomb, BOMB_MOST);
    unlink(path);
}

static void png_bits(void)
{
    png_packed(8100, 1, PNG_COLOR_TYPE_GRAY);
}

static void png_palette(void)
{
    png_packed(4800, 8, PNG_COLOR_TYPE_PALETTE);
}

static void png_palette_bits(void)
{
    png_packed(8100, 1, PNG_COLOR_TYPE_PALETTE);
}

static void png_deep(void)
{
    png_packed(1700, 16, PNG_COLOR_TYPE_RGB_ALPHA);
}

/* What libjpeg is asked for beside a size. */
enum { BASELINE, PHOTO, TURNED, PROGRESSIVE, PLANES, INKS, SCANS }; /* a photo: colours halved */

static void jpeg_script(struct jpeg_compress_struct *j, int how, jpeg_scan_info *scans)
{
    int n = 0;
    if (how == PLANES)
        for (; n < 3; n++) scans[n] = (jpeg_scan_info){ 1, { n }, 0, 63, 0, 0 };
    if (how == SCANS) {
        scans[n++] = (jpeg_scan_info){ 3, { 0, 1, 2 }, 0, 0, 0, 0 };
        for (int k = 1; k < 64; k++)
            for (int c = 0; c < 3; c++) scans[n++] = (jpeg_scan_info){ 1, { c }, k, k, 0, 0 };
    }
    j->scan_info = scans;
    j->num_scans = n;
}

static void jpeg_of(unsigned side, int how)
{
    jpeg_scan_info scans[200];
    struct jpeg_compress_struct j;
    struct jpeg_error_mgr e;
    unsigned char *p = NULL, *row = calloc(side, 4);
    unsigned long size = 0;
    JSAMPROW r = row;
    j.err = jpeg_std_error(&e);
    jpeg_create_compress(&j);
    jpeg_mem_dest(&j, &p, &size);
    j.image_width = j.image_height = side;
    j.input_components = how == INKS ? 4 : 3;
    j.in_color_space = how == INKS ? JCS_CMYK : JCS_RGB;
    jpeg_set_defaults(&j);
    jpeg_set_quality(&j, 5, TRUE);
    if (how > TURNED) /* not fewer values of colour than of light */
        for (int c = 0; c < j.num_components; c++)
            j.comp_info[c].h_samp_factor = j.comp_info[c].v_samp_factor = 1;
    if (how == PHOTO || how == PROGRESSIVE || how == INKS) jpeg_simple_progression(&j);
    if (how == PLANES || how == SCANS) jpeg_script(&j, how, scans);
    jpeg_start_compress(&j, TRUE);
    static const uint8_t exif[] = "Exif\0\0MM\0*\0\0\0\10\0\1\1\22\0\3\0\0\0\1\0\6\0";
    if (how == TURNED) jpeg_write_marker(&j, JPEG_APP0 + 1, exif, sizeof exif);
    for (unsigned y = 0; y < side; y++) jpeg_write_scanlines(&j, &r, 1);
    jpeg_finish_compress(&j);
    jpeg_destroy_compress(&j);
    add(p, size);
    free(p);
    free(row);
}

static void jpeg_large(void)
{
    jpeg_of(8000, BASELINE);
}

static void jpeg_progressive(void)
{
    jpeg_of(5000, PROGRESSIVE);
}

static void jpeg_progressive_within(void)
{
    jpeg_of(1650, PROGRESSIVE);
}

static void jpeg_photo(void)
{
    jpeg_of(3580, PHOTO);
}

/* All of its coefficients are 69 MiB: no size at which it is decoded saves those. */
static void jpeg_photo_24_million(void)
{
    jpeg_of(4900, PHOTO);
}

static void jpeg_baseline_24_million(void)
{
    jpeg_of(4900, BASELINE);
}

static void jpeg_turned(void)
{
    jpeg_of(2890, TURNED);
}

static void jpeg_most_scans(void)
{
    jpeg_of(1750, SCANS);
}

static void jpeg_planes(void)
{
    jpeg_of(1650, PLANES);
}

static void jpeg_inks(void)
{
    jpeg_of(1500, INKS);
}

static void jpeg_scans(void)
{
    jpeg_of(1650, SCANS);
}

static void read_data(const char *format, const char *path, const eg_allocator *a)
{
    eg_read_options o = EG_READ_OPTIONS_INIT;
    eg_dataset set;
    o.format = format;
    o.alloc = a;
    o.index_base = 1;
    if (eg_dataset_read(path, &o, &set) == EG_OK) eg_dataset_clear(&set);
}

static void read_picture(const char *format, const char *path, const eg_allocator *a)
{
    eg_image image;
    (void)format;
    if (eg_image_read(path, a, &image) == EG_OK) eg_image_clear(&image);
}

/* Not read, and the limit, the way to raise it, and what it is of are said. */
static void refuse_picture(const char *format, const char *path, const eg_allocator *a)
{
    eg_image image;
    (void)format;
    CHECK_STATUS(eg_image_read(path, a, &image), EG_ERR_LIMIT);
    CHECK(strstr(eg_error_detail(), "JPEG of 4900 x 4900 pixels, more than the limit of 25165824 "
                                    "bytes (--max-bytes)")
          != NULL);
}

/* A quarter of the pixels each way: 72 MB do not fit, 18 MB do. */
static void read_smaller(const char *format, const char *path, const eg_allocator *a)
{
    eg_image image;
    (void)format;
    CHECK_OK(eg_image_read(path, a, &image));
    CHECK(image.width == 2450 && image.height == 2450);
    eg_image_clear(&image);
}

static const struct bomb bombs[] = {
    { "a large PNG", png_large, read_data, "png" },
    { "a large PNG as a picture", png_large, read_picture, NULL },
    { "a PNG of colours", png_colours, read_picture, NULL },
    { "a PNG of bits", png_bits, read_picture, NULL },
    { "a PNG of a palette", png_palette, read_picture, NULL },
    { "a PNG of a palette of bits", png_palette_bits, read_picture, NULL },
    { "a PNG of 16 bits", png_deep, read_picture, NULL },
    { "a large JPEG", jpeg_large, read_picture, NULL },
    { "a progressive JPEG", jpeg_progressive, read_picture, NULL },
    { "one within the limit", jpeg_progressive_within, read_picture, NULL },
    { "a progressive photo", jpeg_photo, read_picture, NULL },
    { "a progressive one of 24 Mpx", jpeg_photo_24_million, refuse_picture, NULL },
    { "a JPEG of 24 Mpx", jpeg_baseline_24_million, read_smaller, NULL },
    { "a JPEG that is turned", jpeg_turned, read_picture, NULL },
    { "most scans", jpeg_most_scans, read_picture, NULL },
    { "a JPEG of planes", jpeg_planes, read_picture, NULL },
    { "a JPEG of inks", jpeg_inks, read_picture, NULL },
    { "a JPEG of 190 scans", jpeg_scans, read_picture, NULL },
};

int main(void)
{
    return bombs_run("bombs_pictures", bombs, EGI_COUNT(bombs));
}
