/* Small valid files of every format, and a place to put them, for the tests of the readers. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_DATA_BYTES_H
#define TESTS_DATA_BYTES_H

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zip.h>
#include <zlib.h>
/* stdio.h before it */
#include <jpeglib.h>

#include "check.h"
#include "data/egi_data.h"

struct bytes {
    const char *format;
    uint8_t p[8192];
    size_t size;
    int text; /* a part of a text may be a whole text */
};

static const uint8_t small_idx[] = { 0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 2, 0,  0,
                                     0, 3, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 255 };
static const char small_csv[] = "a,\"b, c\",label\n1,-2.5e1,cat\n.5,4,\"a \"\"dog\"\"\"\n3,0,cat\n";
static const char small_ucr[] = "2\t0.5\t1\n1\t-1\t2\n";
static const char small_fps[] = "#FPS1\n#num_bits=12\n8103\tone\n0a08\ttwo\tmore\n";
static const char small_svm[] = "# head\n-1 qid:7 1:0.5 3:2 # tail\n+1 2:-1\n";

static inline void bytes_set(struct bytes *b, const char *format, const void *p, size_t size)
{
    CHECK(size <= sizeof b->p);
    memcpy(b->p, p, size);
    b->size = size;
    b->format = format;
    b->text = 0;
}

/* A file's path in the test's folder: a static buffer a slot. */
static inline const char *tmp_path(int slot, const char *name)
{
    static char path[4][512];
    const char *folder = getenv("EG_TEST_TMP");
    snprintf(path[slot], sizeof path[slot], "%s/data-%d-%s", folder != NULL ? folder : ".",
             (int)getpid(), name);
    return path[slot];
}

static inline void put_file(const char *path, const void *p, size_t size)
{
    FILE *f = fopen(path, "wb");
    CHECK(f != NULL);
    CHECK(fwrite(p, 1, size, f) == size);
    CHECK(fclose(f) == 0);
}

static inline size_t get_file(const char *path, void *p, size_t room)
{
    FILE *f = fopen(path, "rb");
    CHECK(f != NULL);
    const size_t n = fread(p, 1, room, f);
    fclose(f);
    return n;
}

static inline void make_npy(struct bytes *b)
{
    static const float x[6] = { 0, 1, 2, 3, 4, -5.5f };
    const char *path = tmp_path(3, "make.npy");
    CHECK_OK(eg_npy_write(path, x, 2, 3));
    b->size = get_file(path, b->p, sizeof b->p);
    b->format = "npy";
    b->text = 0;
    unlink(path);
}

static inline void make_npz(struct bytes *b)
{
    static struct bytes npy; /* libzip reads it when the archive is closed */
    const char *path = tmp_path(3, "make.npz");
    make_npy(&npy);
    zip_t *z = zip_open(path, ZIP_CREATE | ZIP_TRUNCATE, NULL);
    CHECK(z != NULL);
    CHECK(zip_file_add(z, "x.npy", zip_source_buffer(z, npy.p, npy.size, 0), 0) == 0);
    CHECK(zip_close(z) == 0);
    b->size = get_file(path, b->p, sizeof b->p);
    b->format = "npz";
    b->text = 0;
    unlink(path);
}

static inline void make_png(struct bytes *b, size_t channels)
{
    eg_image m;
    uint8_t *p;
    size_t size;
    CHECK_OK(eg_image_create(3, 4, channels, NULL, &m));
    for (size_t i = 0; i < 12 * channels; i++) m.pixels[i] = (uint8_t)(i * 7);
    CHECK_OK(eg_image_encode_png(&m, &p, &size));
    bytes_set(b, "png", p, size);
    eg_image_free(&m, p, size);
    eg_image_clear(&m);
}

static inline void make_jpeg(struct bytes *b, int progressive)
{
    struct jpeg_compress_struct j;
    struct jpeg_error_mgr e;
    unsigned char *p = NULL;
    unsigned long size = 0;
    j.err = jpeg_std_error(&e);
    jpeg_create_compress(&j);
    jpeg_mem_dest(&j, &p, &size);
    j.image_width = 20;
    j.image_height = 17;
    j.input_components = 3;
    j.in_color_space = JCS_RGB;
    jpeg_set_defaults(&j);
    jpeg_set_quality(&j, 90, TRUE);
    if (progressive) jpeg_simple_progression(&j);
    jpeg_start_compress(&j, TRUE);
    for (int y = 0; y < 17; y++) {
        unsigned char row[60];
        for (int i = 0; i < 60; i++) row[i] = (unsigned char)(i * 4);
        JSAMPROW r = row;
        jpeg_write_scanlines(&j, &r, 1);
    }
    jpeg_finish_compress(&j);
    jpeg_destroy_compress(&j);
    bytes_set(b, "jpeg", p, size);
    free(p);
}

static inline void make_cifar(struct bytes *b)
{
    uint8_t record[3073];
    for (size_t i = 0; i < sizeof record; i++) record[i] = (uint8_t)(i % 251);
    record[0] = 7;
    bytes_set(b, "cifar", record, sizeof record);
}

static inline void make_gzip(struct bytes *b, const char *format, const void *p, size_t size)
{
    z_stream z = { .zalloc = NULL };
    CHECK(deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 9, Z_DEFAULT_STRATEGY) == Z_OK);
    z.next_in = (Bytef *)(uintptr_t)p;
    z.avail_in = (uInt)size;
    z.next_out = b->p;
    z.avail_out = sizeof b->p;
    CHECK(deflate(&z, Z_FINISH) == Z_STREAM_END);
    b->size = sizeof b->p - z.avail_out;
    b->format = format;
    b->text = 0;
    deflateEnd(&z);
}

enum { SMALL_FILES = 13 };

/* One small file of every format and, of some, a second kind. */
static inline void make_small_files(struct bytes b[SMALL_FILES])
{
    bytes_set(&b[0], "idx", small_idx, sizeof small_idx);
    make_cifar(&b[1]);
    make_npy(&b[2]);
    make_npz(&b[3]);
    bytes_set(&b[4], "csv", small_csv, sizeof small_csv - 1);
    bytes_set(&b[5], "ucr", small_ucr, sizeof small_ucr - 1);
    bytes_set(&b[6], "svmlight", small_svm, sizeof small_svm - 1);
    b[4].text = b[5].text = b[6].text = 1;
    make_png(&b[7], 3);
    make_jpeg(&b[8], 0);
    make_jpeg(&b[9], 1);
    make_gzip(&b[10], "idx", small_idx, sizeof small_idx);
    make_gzip(&b[11], "csv", small_csv, sizeof small_csv - 1);
    bytes_set(&b[12], "fps", small_fps, sizeof small_fps - 1);
    b[12].text = 1;
}

#endif
