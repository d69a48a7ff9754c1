/* Pictures: round trips, sizes, grey, damaged and hostile files, folders of pictures. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <png.h>

#include "data_bytes.h"

static void fill(eg_image *m, size_t h, size_t w, size_t c)
{
    CHECK_OK(eg_image_create(h, w, c, NULL, m));
    for (size_t i = 0; i < h * w * c; i++) m->pixels[i] = (uint8_t)(i * 37 % 256);
}

static void png_round_trip(void **state)
{
    (void)state;
    const char *path = tmp_path(0, "a.png");
    for (size_t c = 1; c <= 3; c += 2) {
        eg_image m, back;
        fill(&m, 7, 5, c);
        CHECK_OK(eg_image_write_png(path, &m));
        CHECK_OK(eg_image_read(path, NULL, &back));
        CHECK(back.height == 7 && back.width == 5 && back.channels == c);
        CHECK_SAME_BITS(back.pixels, m.pixels, 35 * c);
        eg_image_clear(&m);
        eg_image_clear(&back);
    }
    unlink(path);
}

/* A PNG of any kind, by libpng's own writer. */
static size_t other_png(uint8_t *to, size_t room, int type, int depth, const uint8_t *rows,
                        size_t w, size_t h)
{
    const char *path = tmp_path(3, "other.png");
    FILE *f = fopen(path, "wb");
    CHECK(f != NULL);
    png_structp p = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png_create_info_struct(p);
    const png_color palette[2] = { { 10, 20, 30 }, { 40, 50, 60 } };
    const png_byte alpha[2] = { 255, 0 };
    png_init_io(p, f);
    png_set_IHDR(p, info, (png_uint_32)w, (png_uint_32)h, depth, type, PNG_INTERLACE_ADAM7, 0, 0);
    if (type == PNG_COLOR_TYPE_PALETTE) {
        png_set_PLTE(p, info, palette, 2);
        png_set_tRNS(p, info, alpha, 2, NULL);
    }
    png_write_info(p, info);
    const int passes = png_set_interlace_handling(p);
    const size_t row = png_get_rowbytes(p, info);
    for (int pass = 0; pass < passes; pass++)
        for (size_t y = 0; y < h; y++) png_write_row(p, rows + y * row);
    png_write_end(p, info);
    png_destroy_write_struct(&p, &info);
    fclose(f);
    const size_t n = get_file(path, to, room);
    unlink(path);
    return n;
}

static void other_pngs_are_made_plain(void **state)
{
    (void)state;
    const struct {
        int type, depth;
        uint8_t rows[8];
        size_t channels;
        uint8_t first, second; /* values of channel 0 of two pixels side by side */
    } rows[] = {
        { PNG_COLOR_TYPE_PALETTE, 1, { 0x40 }, 3, 10, 255 },          /* transparent: white */
        { PNG_COLOR_TYPE_GRAY, 1, { 0x40 }, 1, 0, 255 },              /* one bit */
        { PNG_COLOR_TYPE_GRAY, 16, { 0x7f, 0xff, 1, 0 }, 1, 127, 1 }, /* rounded, not cut */
        { PNG_COLOR_TYPE_GRAY_ALPHA, 8, { 100, 255, 100, 0 }, 1, 100, 255 },
        { PNG_COLOR_TYPE_RGB_ALPHA, 8, { 0, 9, 9, 128, 50, 0, 0, 255 }, 3, 127, 50 },
    };
    for (size_t k = 0; k < EGI_COUNT(rows); k++) {
        uint8_t b[512];
        eg_dataset s;
        const size_t n = other_png(b, sizeof b, rows[k].type, rows[k].depth, rows[k].rows, 2, 1);
        CHECK_OK(egi_read_bytes("png", "t", b, n, NULL, &s));
        CHECK(s.channels == rows[k].channels && s.height == 1 && s.width == 2);
        if (s.x[0] != rows[k].first || s.x[1] != rows[k].second)
            fail_msg("row %zu: %g %g", k, (double)s.x[0], (double)s.x[1]);
        eg_dataset_clear(&s);
    }
}

static void jpeg_is_near(void **state)
{
    (void)state;
    for (int progressive = 0; progressive < 2; progressive++) {
        struct bytes b;
        eg_dataset s;
        make_jpeg(&b, progressive);
        CHECK_OK(egi_read_bytes(NULL, "t", b.p, b.size, NULL, &s));
        CHECK(s.n == 1 && s.channels == 3 && s.height == 17 && s.width == 20);
        for (size_t i = 0; i < 17 * 20; i++) CHECK_NEAR(s.x[i], 12 * (i % 20), 12);
        eg_dataset_clear(&s);
    }
}

/* Inks as libjpeg writes them: all white, all black, and one colour; marker: Adobe's, whose
 * bytes say how much white is left. */
static void ink_jpeg(struct bytes *b, const uint8_t ink[4], int marker, J_COLOR_SPACE space)
{
    struct jpeg_compress_struct j;
    struct jpeg_error_mgr e;
    unsigned char *p = NULL;
    unsigned long size = 0;
    j.err = jpeg_std_error(&e);
    jpeg_create_compress(&j);
    jpeg_mem_dest(&j, &p, &size);
    j.image_width = 8;
    j.image_height = 8;
    j.input_components = 4;
    j.in_color_space = JCS_CMYK;
    jpeg_set_defaults(&j);
    jpeg_set_colorspace(&j, space);
    jpeg_set_quality(&j, 100, TRUE);
    j.write_Adobe_marker = marker ? TRUE : FALSE;
    jpeg_start_compress(&j, TRUE);
    unsigned char row[32];
    for (size_t i = 0; i < sizeof row; i++) row[i] = ink[i % 4];
    for (int y = 0; y < 8; y++) {
        JSAMPROW r = row;
        jpeg_write_scanlines(&j, &r, 1);
    }
    jpeg_finish_compress(&j);
    jpeg_destroy_compress(&j);
    bytes_set(b, "jpeg", p, size);
    free(p);
}

static void inks_become_colours(void **state)
{
    (void)state;
    static const struct {
        uint8_t ink[4];
        int marker;
        J_COLOR_SPACE space;
        double rgb[3];
    } rows[] = {
        { { 0, 0, 0, 0 }, 0, JCS_CMYK, { 255, 255, 255 } },
        { { 0, 0, 0, 255 }, 0, JCS_CMYK, { 0, 0, 0 } },
        { { 255, 0, 100, 0 }, 0, JCS_CMYK, { 0, 255, 155 } },
        { { 255, 255, 255, 255 }, 1, JCS_CMYK, { 255, 255, 255 } },
        { { 200, 100, 50, 128 }, 1, JCS_CMYK, { 100, 50, 25 } },
        { { 200, 100, 50, 255 }, 1, JCS_YCCK, { 200, 100, 50 } },
    };
    for (size_t k = 0; k < EGI_COUNT(rows); k++) {
        struct bytes b;
        eg_dataset s;
        ink_jpeg(&b, rows[k].ink, rows[k].marker, rows[k].space);
        CHECK_OK(egi_read_bytes(NULL, "t", b.p, b.size, NULL, &s));
        CHECK(s.channels == 3 && s.height == 8 && s.width == 8);
        for (size_t c = 0; c < 3; c++) CHECK_NEAR(s.x[64 * c + 9], rows[k].rgb[c], 3);
        eg_dataset_clear(&s);
    }
}

/* Against the definition, and what is straight stays so. */
static void sizes_change_smoothly(void **state)
{
    (void)state;
    eg_image m, r, part;
    CHECK_OK(eg_image_create(1, 8, 1, NULL, &m));
    for (size_t i = 0; i < 8; i++) m.pixels[i] = (uint8_t)(20 * i + 30);
    CHECK_OK(eg_image_resize_smooth(&m, 1, 16, &r));
    for (size_t i = 1; i < 15; i++) CHECK_NEAR(r.pixels[i], 30 + 20 * ((double)i - 0.5) / 2, 0.51);
    CHECK(r.pixels[0] == 30 && r.pixels[15] == 170);
    eg_image_clear(&r);
    CHECK_OK(eg_image_resize_smooth(&m, 1, 4, &r)); /* weights 1 3 3 1 around the middle */
    for (size_t i = 1; i < 3; i++) CHECK_NEAR(r.pixels[i], 40 + 40 * (double)i, 0.51);
    CHECK_NEAR(r.pixels[0], (3 * 30 + 3 * 50 + 1 * 70) / 7.0, 0.51);
    eg_image_clear(&r);
    eg_image_clear(&m);
    fill(&m, 5, 7, 3);
    CHECK_OK(eg_image_resize_smooth(&m, 5, 7, &r)); /* its own size: nothing changes */
    CHECK_SAME_BITS(m.pixels, r.pixels, 5 * 7 * 3);
    CHECK_OK(eg_image_cut(&m, 1, 2, 3, 4, &part));
    for (size_t y = 0; y < 3; y++)
        CHECK_SAME_BITS(part.pixels + y * 12, m.pixels + ((y + 1) * 7 + 2) * 3, 12);
    eg_image_clear(&part);
    CHECK_STATUS(eg_image_cut(&m, 3, 0, 3, 7, &part), EG_ERR_SHAPE);
    CHECK_STATUS(eg_image_cut(&m, 0, (size_t)-1, 1, 2, &part), EG_ERR_SHAPE);
    eg_image_clear(&r);
    eg_image_clear(&m);
}

static void sizes_change_by_mean_and_nearest(void **state)
{
    (void)state;
    eg_image m, r, g;
    fill(&m, 4, 4, 1);
    CHECK_OK(eg_image_resize(&m, 2, 2, &r));
    for (size_t i = 0; i < 4; i++) {
        const uint8_t *p = m.pixels + i / 2 * 8 + i % 2 * 2;
        CHECK_NEAR(r.pixels[i], (p[0] + p[1] + p[4] + p[5]) / 4.0, 0.5);
    }
    eg_image_clear(&r);
    CHECK_OK(eg_image_resize(&m, 8, 12, &r));
    for (size_t i = 0; i < 8 * 12; i++) CHECK(r.pixels[i] == m.pixels[i / 12 / 2 * 4 + i % 12 / 3]);
    eg_image_clear(&r);
    CHECK_OK(eg_image_resize(&m, 3, 3, &r)); /* the mean of all is kept: 16 to 9 pixels */
    double a = 0, b = 0;
    for (size_t i = 0; i < 16; i++) a += m.pixels[i] / 16.0;
    for (size_t i = 0; i < 9; i++) b += r.pixels[i] / 9.0;
    CHECK_NEAR(a, b, 0.5);
    eg_image_clear(&r);
    eg_image_clear(&m);
    CHECK_OK(eg_image_create(1, 2, 3, NULL, &m));
    memcpy(m.pixels, "\xff\0\0\0\xff\xff", 6);
    CHECK_OK(eg_image_grey(&m, &g));
    CHECK(g.channels == 1 && g.pixels[0] == 76 && g.pixels[1] == 179);
    eg_image_clear(&g);
    eg_image_clear(&m);
    CHECK_STATUS(eg_image_create(0, 1, 1, NULL, &m), EG_ERR_INVALID);
    CHECK_STATUS(eg_image_create(1, 1, 2, NULL, &m), EG_ERR_INVALID);
    CHECK_STATUS(eg_image_create(1 << 14, 1 << 14, 1, NULL, &m), EG_ERR_LIMIT);
}

static uint32_t crc_of(const uint8_t *p, size_t n)
{
    return (uint32_t)crc32(0, p, (uInt)n);
}

/* A header that declares more than the file can hold takes no memory. */
static void bombs_are_refused(void **state)
{
    (void)state;
    struct bytes b;
    struct failing f = { .fail_at = SIZE_MAX };
    const eg_allocator a = failing_allocator(&f);
    eg_read_options o = EG_READ_OPTIONS_INIT;
    eg_dataset s;
    o.alloc = &a;
    make_png(&b, 1);
    const uint8_t side[4] = { 0, 0, 0x1f, 0xff };
    memcpy(b.p + 16, side, 4);
    memcpy(b.p + 20, side, 4);
    const uint32_t crc = crc_of(b.p + 12, 17);
    for (int i = 0; i < 4; i++) b.p[29 + i] = (uint8_t)(crc >> (24 - 8 * i));
    CHECK_STATUS(egi_read_bytes("png", "t", b.p, b.size, &o, &s), EG_ERR_CORRUPT);
    CHECK(strstr(eg_error_detail(), "declares") != NULL);
    CHECK(f.live == 0 && f.peak_bytes < (1 << 17));
    make_jpeg(&b, 0);
    for (size_t i = 0; i + 9 < b.size; i++)
        if (b.p[i] == 0xff && b.p[i + 1] == 0xc0) memcpy(b.p + i + 5, "\xff\x00\x04\x00", 4);
    CHECK_STATUS(egi_read_bytes("jpeg", "t", b.p, b.size, &o, &s), EG_ERR_CORRUPT);
    CHECK(strstr(eg_error_detail(), "declares") != NULL);
    CHECK(f.live == 0 && f.peak_bytes < (1 << 17));
}

/* The example of EXIF: what is stored, as a camera held so wrote it, is seen upright. Of the same
 * picture all eight orientations, and data that say nothing. */
static void jpegs_are_turned(void **state)
{
    (void)state;
    uint8_t exif[] = "Exif\0\0II*\0\10\0\0\0\2\0\17\1\2\0\1\0\0\0\0\0\0\0\22\1\3\0\1\0\0\0\1";
    enum { AT = 6 + 8 + 2 + 12 + 8, H = 16, W = 32 };
    /* which corner of what is stored is seen top left: row, column */
    static const unsigned corner[9][2] = { { 0, 0 }, { 0, 0 }, { 0, 1 }, { 1, 1 }, { 1, 0 },
                                           { 0, 0 }, { 1, 0 }, { 1, 1 }, { 0, 1 } };
    for (unsigned o = 0; o <= 9; o++) {
        const unsigned is = o > 8 ? 1 : o; /* 0 and 9 are none */
        struct jpeg_compress_struct j;
        struct jpeg_error_mgr e;
        unsigned char *p = NULL;
        unsigned long size = 0;
        exif[AT] = (uint8_t)o;
        j.err = jpeg_std_error(&e);
        jpeg_create_compress(&j);
        jpeg_mem_dest(&j, &p, &size);
        j.image_width = W;
        j.image_height = H;
        j.input_components = 1;
        j.in_color_space = JCS_GRAYSCALE;
        jpeg_set_defaults(&j);
        jpeg_set_quality(&j, 100, TRUE);
        jpeg_start_compress(&j, TRUE);
        jpeg_write_marker(&j, JPEG_APP0 + 1, (const uint8_t *)"http://ns", 9);
        jpeg_write_marker(&j, JPEG_APP0 + 1, exif, sizeof exif);
        for (unsigned y = 0; y < H; y++) {
            uint8_t row[W];
            for (unsigned x = 0; x < W; x++) row[x] = (uint8_t)(y / 8 * 100 + x / 16 * 50);
            JSAMPROW r = row;
            jpeg_write_scanlines(&j, &r, 1);
        }
        jpeg_finish_compress(&j);
        jpeg_destroy_compress(&j);
        const char *path = tmp_path(1, "turned.jpg");
        eg_image m;
        put_file(path, p, size);
        CHECK_OK(eg_image_read(path, NULL, &m));
        unlink(path);
        const int across = is >= 5;
        CHECK(m.height == (across ? W : H) && m.width == (across ? H : W));
        for (unsigned k = 0; k < 4; k++) { /* each corner */
            const unsigned down = k / 2, right = k % 2;
            const unsigned row = corner[is][0] ^ (across ? right : down);
            const unsigned column = corner[is][1] ^ (across ? down : right);
            CHECK_NEAR(m.pixels[(down ? m.height - 1 : 0) * m.width + (right ? m.width - 1 : 0)],
                       row * 100 + column * 50, 3);
        }
        eg_image_clear(&m);
        free(p);
    }
}

/* A photo of many pixels and few details is a small file: it is smaller when decoded, not refused.
 */
static void large_photos_become_smaller(void **state)
{
    (void)state;
    static uint8_t row[6000 * 3];
    const struct {
        unsigned width, height;
        size_t limit, is;
    } sizes[] = { { 2560, 1920, 0, 2560 },
                  { 4032, 3024, 0, 2016 },
                  { 6000, 4000, 0, 3000 },
                  { 4032, 3024, (size_t)1 << 30, 4032 } };
    for (size_t k = 0; k < EGI_COUNT(sizes); k++) {
        struct jpeg_compress_struct j;
        struct jpeg_error_mgr e;
        unsigned char *p = NULL;
        unsigned long size = 0;
        JSAMPROW r = row;
        j.err = jpeg_std_error(&e);
        jpeg_create_compress(&j);
        jpeg_mem_dest(&j, &p, &size);
        j.image_width = sizes[k].width;
        j.image_height = sizes[k].height;
        j.input_components = 3;
        j.in_color_space = JCS_RGB;
        jpeg_set_defaults(&j);
        jpeg_start_compress(&j, TRUE);
        for (unsigned y = 0; y < sizes[k].height; y++) {
            memset(row, y < sizes[k].height / 2 ? 40 : 200, sizeof row);
            jpeg_write_scanlines(&j, &r, 1);
        }
        jpeg_finish_compress(&j);
        jpeg_destroy_compress(&j);
        struct egi_input in = { .name = "t", .bytes = p, .size = size };
        CHECK_OK(egi_read_options(NULL, &in.o));
        in.given = sizes[k].limit;
        in.o.max_bytes = egi_limit_of(in.given, in.size, (size_t)EG_LIMIT_DATA);
        eg_image m;
        CHECK_OK(egi_picture_decode(&in, &m));
        CHECK(m.width == sizes[k].is && m.height * sizes[k].width == m.width * sizes[k].height);
        for (size_t y = 0; y < m.height; y++)
            CHECK_NEAR(m.pixels[y * m.width * 3], y < m.height / 2 ? 40 : 200, 3);
        eg_image_clear(&m);
        free(p);
    }
}

static void make_folder(char *root, size_t room)
{
    char path[600];
    eg_image m;
    snprintf(root, room, "%s", tmp_path(0, "folder"));
    CHECK(mkdir(root, 0700) == 0);
    for (int k = 0; k < 2; k++) {
        snprintf(path, sizeof path, "%s/%s", root, k == 0 ? "dog" : "cat");
        CHECK(mkdir(path, 0700) == 0);
        for (int i = 0; i < 2; i++) {
            fill(&m, 3, 4, 1);
            m.pixels[0] = (uint8_t)(10 * k + i);
            snprintf(path, sizeof path, "%s/%s/%d.PNG", root, k == 0 ? "dog" : "cat", i);
            CHECK_OK(eg_image_write_png(path, &m));
            eg_image_clear(&m);
        }
    }
}

static void remove_folder(const char *root)
{
    static const char *const names[] = { "dog/0.PNG", "dog/1.PNG", "cat/0.PNG", "cat/1.PNG",
                                         "cat/l.png", "dog/c.png", "top.png",   "notes.txt",
                                         "linked",    "dog",       "cat",       "" };
    for (size_t i = 0; i < EGI_COUNT(names); i++) {
        char path[600];
        snprintf(path, sizeof path, "%s/%s", root, names[i]);
        (void)remove(path);
    }
}

static void folders_are_classes(void **state)
{
    (void)state;
    char root[512], path[600];
    eg_dataset s;
    make_folder(root, sizeof root);
    snprintf(path, sizeof path, "%s/notes.txt", root);
    put_file(path, "x", 1);
    snprintf(path, sizeof path, "%s/cat/l.png", root); /* out of the folder: never followed */
    CHECK(symlink("/etc/passwd", path) == 0);
    snprintf(path, sizeof path, "%s/linked", root);
    CHECK(symlink("/etc", path) == 0);
    CHECK_OK(eg_dataset_read(root, NULL, &s));
    CHECK(s.n == 4 && s.d == 12 && s.classes == 2);
    assert_string_equal(s.class_names[0], "cat");
    assert_string_equal(s.item_names[2], "dog/0.PNG");
    CHECK(s.labels[0] == 0 && s.labels[3] == 1 && s.x[0] == 10 && s.x[36] == 1);
    eg_dataset_clear(&s);
    eg_image m;
    fill(&m, 5, 6, 3);
    snprintf(path, sizeof path, "%s/dog/c.png", root);
    CHECK_OK(eg_image_write_png(path, &m));
    CHECK_STATUS(eg_dataset_read(root, NULL, &s), EG_ERR_CORRUPT); /* another size */
    eg_read_options o = EG_READ_OPTIONS_INIT;
    o.width = 2;
    CHECK_STATUS(eg_dataset_read(root, &o, &s), EG_ERR_INVALID);
    o.height = 2;
    CHECK_STATUS(eg_dataset_read(root, &o, &s), EG_ERR_CORRUPT); /* still colour and grey */
    o.grey = 1;
    CHECK_OK(eg_dataset_read(root, &o, &s));
    CHECK(s.n == 5 && s.d == 4);
    eg_dataset_clear(&s);
    snprintf(path, sizeof path, "%s/top.png", root);
    CHECK_OK(eg_image_write_png(path, &m));
    CHECK_STATUS(eg_dataset_read(root, &o, &s), EG_ERR_CORRUPT);
    CHECK(strstr(eg_error_detail(), "both 1 pictures and 2 sub-folders") != NULL);
    eg_image_clear(&m);
    remove_folder(root);
}

struct seen {
    size_t pictures, rows;
    eg_status status;
};

/* Every picture in place of which white of half the height is put. */
static eg_status half_white(void *user, eg_image *image)
{
    struct seen *seen = user;
    eg_image half;
    if (seen->status != EG_OK) return seen->status;
    CHECK_OK(
        eg_image_create(image->height / 2, image->width, image->channels, image->alloc, &half));
    memset(half.pixels, 255, half.height * half.width * half.channels);
    seen->pictures++;
    seen->rows += image->height;
    eg_image_clear(image);
    *image = half;
    return EG_OK;
}

static void pictures_can_be_changed_when_decoded(void **state)
{
    (void)state;
    char root[512], path[600];
    make_folder(root, sizeof root);
    snprintf(path, sizeof path, "%s/cat/0.PNG", root);
    const char *const from[] = { root, path };
    for (size_t k = 0; k < EGI_COUNT(from); k++) {
        struct seen seen = { .status = EG_OK };
        eg_read_options o = EG_READ_OPTIONS_INIT;
        eg_dataset s = { .n = 77 };
        o.picture = half_white;
        o.picture_user = &seen;
        CHECK_OK(eg_dataset_read(from[k], &o, &s));
        CHECK(s.n == (k == 0 ? 4 : 1) && s.height == 1 && seen.pictures == s.n
              && seen.rows == 3 * s.n);
        for (size_t i = 0; i < s.n * s.d; i++) CHECK(s.x[i] == 255);
        eg_dataset_clear(&s);
        seen.status = EG_ERR_INTERRUPTED;
        s.n = 77;
        CHECK_STATUS(eg_dataset_read(from[k], &o, &s), EG_ERR_INTERRUPTED);
        CHECK(s.n == 77);
    }
    remove_folder(root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(png_round_trip),
        cmocka_unit_test(other_pngs_are_made_plain),
        cmocka_unit_test(jpeg_is_near),
        cmocka_unit_test(jpegs_are_turned),
        cmocka_unit_test(large_photos_become_smaller),
        cmocka_unit_test(inks_become_colours),
        cmocka_unit_test(sizes_change_smoothly),
        cmocka_unit_test(sizes_change_by_mean_and_nearest),
        cmocka_unit_test(bombs_are_refused),
        cmocka_unit_test(folders_are_classes),
        cmocka_unit_test(pictures_can_be_changed_when_decoded),
    };
    return cmocka_run_group_tests_name("image", tests, NULL, NULL);
}
