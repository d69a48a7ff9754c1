/* Edges of what reads and writes files: calls that lack something, sizes that do not fit, formats
 * at their limits; each is refused with words that say what was expected. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "data_bytes.h"
#include "engram/repertoire.h"

static float four[4] = { 1, 2, 3, 4 };
static int32_t two_labels[2] = { 0, 1 };

/* A status, and words of the detail. */
#define REFUSED(call, status, words)                                                               \
    do {                                                                                           \
        CHECK_STATUS(call, status);                                                                \
        if (strstr(eg_error_detail(), words) == NULL)                                              \
            fail_msg("%s:%d: \"%s\" is not in: %s", __FILE__, __LINE__, words, eg_error_detail()); \
    } while (0)
#define INVALID(call) CHECK_STATUS(call, EG_ERR_INVALID)

static void pictures_that_are_none_are_refused(void **state)
{
    uint8_t pixel[3] = { 1, 2, 3 }, *bytes;
    eg_image out = { .pixels = NULL }, empty = { .pixels = NULL };
    eg_image one = { .height = 1, .width = 1, .channels = 3, .pixels = pixel };
    size_t size;
    (void)state;
    INVALID(eg_image_create(0, 1, 1, NULL, &out));
    INVALID(eg_image_create(1, 0, 1, NULL, &out));
    INVALID(eg_image_create(1, 1, 2, NULL, &out));
    INVALID(eg_image_create(1, 1, 1, NULL, NULL));
    CHECK_STATUS(eg_image_create(SIZE_MAX, 2, 1, NULL, &out), EG_ERR_OVERFLOW);
    CHECK_STATUS(eg_image_create(SIZE_MAX, 1, 3, NULL, &out), EG_ERR_LIMIT);
    INVALID(eg_image_resize(NULL, 1, 1, &out));
    INVALID(eg_image_resize(&empty, 1, 1, &out));
    INVALID(eg_image_grey(NULL, &out));
    INVALID(eg_image_grey(&empty, &out));
    INVALID(eg_image_resize_smooth(NULL, 1, 1, &out));
    INVALID(eg_image_resize_smooth(&empty, 1, 1, &out));
    INVALID(eg_image_resize_smooth(&one, 1, 1, NULL));
    INVALID(eg_image_resize_smooth(&one, 0, 1, &out));
    INVALID(eg_image_cut(NULL, 0, 0, 1, 1, &out));
    INVALID(eg_image_cut(&empty, 0, 0, 1, 1, &out));
    INVALID(eg_image_cut(&one, 0, 0, 1, 1, NULL));
    CHECK_STATUS(eg_image_cut(&one, 0, 0, 2, 1, &out), EG_ERR_SHAPE);
    CHECK_STATUS(eg_image_cut(&one, 1, 0, 1, 1, &out), EG_ERR_SHAPE);
    CHECK_STATUS(eg_image_cut(&one, 0, 0, 1, 2, &out), EG_ERR_SHAPE);
    CHECK_STATUS(eg_image_cut(&one, 0, 1, 1, 1, &out), EG_ERR_SHAPE);
    INVALID(eg_image_cut(&one, 0, 0, 0, 1, &out));
    INVALID(eg_image_read(NULL, NULL, &out));
    INVALID(eg_image_read("a", NULL, NULL));
    INVALID(eg_image_encode_png(NULL, &bytes, &size));
    INVALID(eg_image_encode_png(&one, NULL, &size));
    INVALID(eg_image_encode_png(&one, &bytes, NULL));
    INVALID(eg_image_encode_png(&empty, &bytes, &size));
    INVALID(eg_image_write_png("a", NULL));
    one.channels = 2;
    INVALID(eg_image_encode_png(&one, &bytes, &size));
    one.channels = 1;
    one.height = 0;
    INVALID(eg_image_encode_png(&one, &bytes, &size));
    one.height = 1;
    one.width = 0;
    INVALID(eg_image_encode_png(&one, &bytes, &size));
    one.width = (size_t)1 << 20;
    INVALID(eg_image_encode_png(&one, &bytes, &size));
    one.width = 1;
    one.height = (size_t)1 << 20;
    INVALID(eg_image_encode_png(&one, &bytes, &size));
    one.height = 1;
    CHECK_OK(eg_image_encode_png(&one, &bytes, &size)); /* without an allocator: the usual one */
    eg_image_free(&one, bytes, size);
    CHECK_OK(eg_image_grey(&one, &out));
    CHECK(out.channels == 1 && out.pixels[0] == 1);
    eg_image_clear(&out);
    eg_image_clear(NULL);
    eg_dataset_clear(NULL);
}

static void arrays_that_are_none_are_refused(void **state)
{
    const char *path = tmp_path(0, "edge");
    const eg_tensor_entry good = { "x", "F32", four, 1, { 4 } };
    const char *const meta[] = { "a", "b", "a", "c" }, *const no_key[] = { NULL, "b" },
                      *const bad_text[] = { "a", "\xff" };
    (void)state;
    INVALID(eg_npy_write(path, NULL, 1, 1));
    INVALID(eg_npy_write(path, four, 0, 1));
    INVALID(eg_npy_write(path, four, 1, 0));
    CHECK_STATUS(eg_npy_write(path, four, SIZE_MAX, 2), EG_ERR_OVERFLOW);
    CHECK_STATUS(eg_npy_write(path, four, SIZE_MAX / 2, 1), EG_ERR_OVERFLOW);
    INVALID(eg_npy_write(NULL, four, 1, 4));
    INVALID(eg_npy_write("", four, 1, 4));
    CHECK_STATUS(eg_npy_write("/dev/null", four, 1, 4), EG_ERR_IO);
    INVALID(eg_safetensors_write(path, NULL, 1, NULL, 0));
    INVALID(eg_safetensors_write(path, &good, 1, NULL, 1));
    INVALID(eg_safetensors_write(path, &good, 1, meta, 2)); /* a twice */
    INVALID(eg_safetensors_write(path, &good, 1, no_key, 1));
    INVALID(eg_safetensors_write(path, &good, 1, bad_text, 1));
    const eg_tensor_entry two[2] = { good, good };
    REFUSED(eg_safetensors_write(path, two, 2, NULL, 0), EG_ERR_INVALID,
            "tensor name x: NULL, reserved or used twice");
    const struct {
        eg_tensor_entry entry;
        eg_status status;
    } bad[] = {
        { { NULL, "F32", four, 1, { 4 } }, EG_ERR_INVALID },
        { { "__metadata__", "F32", four, 1, { 4 } }, EG_ERR_INVALID },
        { { "x", "F16", four, 1, { 4 } }, EG_ERR_INVALID },
        { { "x", NULL, four, 1, { 4 } }, EG_ERR_INVALID },
        { { "x", "F32", four, EG_MAX_RANK + 1, { 4 } }, EG_ERR_INVALID },
        { { "x", "F32", NULL, 1, { 4 } }, EG_ERR_INVALID },
        { { "x", "F32", four, 2, { SIZE_MAX, 4 } }, EG_ERR_OVERFLOW },
    };
    for (size_t i = 0; i < EGI_COUNT(bad); i++)
        CHECK_STATUS(eg_safetensors_write(path, &bad[i].entry, 1, NULL, 0), bad[i].status);
    const eg_tensor_entry none = { "x", "F32", NULL, 1, { 0 } };
    CHECK_OK(eg_safetensors_write(path, &none, 1, NULL, 0)); /* no values need no data */
    CHECK_OK(eg_safetensors_write(path, NULL, 0, meta, 1));
    unlink(path);
}

static void sets_that_lack_something_are_refused(void **state)
{
    const size_t index[1] = { 0 };
    eg_dataset set = { .n = 2, .d = 2, .x = four }, out, empty = { .n = 1 };
    eg_read_options o = EG_READ_OPTIONS_INIT;
    eg_implant_options implant = EG_IMPLANT_OPTIONS_INIT;
    uint8_t chosen[2] = { 1, 0 };
    eg_word_list words;
    char text[65], hex[65];
    float shift[2], scale[2];
    (void)state;
    INVALID(eg_dataset_read(NULL, NULL, &out));
    INVALID(eg_dataset_read("a", NULL, NULL));
    o.size = 1;
    INVALID(eg_dataset_read("a", &o, &out));
    o.size = sizeof o + 8;
    INVALID(eg_dataset_read("a", &o, &out));
    o.size = sizeof o;
    o.index_base = 2;
    INVALID(eg_dataset_read("a", &o, &out));
    o.index_base = -2;
    INVALID(eg_dataset_read("a", &o, &out));
    INVALID(eg_dataset_select(NULL, index, 1, &out));
    INVALID(eg_dataset_select(&empty, index, 1, &out));
    INVALID(eg_dataset_select(&set, NULL, 1, &out));
    INVALID(eg_dataset_select(&set, index, 1, NULL));
    INVALID(eg_dataset_select(&set, index, 0, &out));
    CHECK_OK(eg_dataset_select(&set, index, 1, &out)); /* without an allocator */
    CHECK(out.n == 1 && out.x[1] == 2);
    eg_dataset_clear(&out);
    INVALID(eg_dataset_columns(NULL, index, 1, shift, scale));
    INVALID(eg_dataset_columns(&empty, index, 1, shift, scale));
    INVALID(eg_dataset_columns(&set, index, 1, NULL, scale));
    INVALID(eg_dataset_columns(&set, index, 1, shift, NULL));
    INVALID(eg_dataset_columns(&set, index, 0, shift, scale));
    CHECK_OK(eg_dataset_columns(&set, NULL, 2, shift, scale));
    CHECK(shift[0] == 2 && shift[1] == 3);
    INVALID(eg_sha256_file(NULL, hex));
    INVALID(eg_sha256_file("a", NULL));
    memset(text, 'a', 64);
    text[64] = '\0';
    INVALID(eg_download(NULL, text, "a", NULL));
    INVALID(eg_download("http://a", NULL, "a", NULL));
    INVALID(eg_download("http://a", text, NULL, NULL));
    INVALID(eg_download("http://a", "abc", "a", NULL));
    INVALID(eg_download("ftp://a", text, "a", NULL));
    INVALID(eg_download("http://a", text, "", NULL));
    CHECK_STATUS(eg_download("https://127.0.0.1:1/a", text, "no such file", NULL), EG_ERR_IO);
    INVALID(eg_catalogue_find("semeion", NULL, 9));
    INVALID(eg_catalogue_find(NULL, text, sizeof text));
    INVALID(eg_catalogue_find(".a", text, sizeof text));
    INVALID(eg_catalogue_find_all(NULL, NULL));
    INVALID(eg_catalogue_parts("semeion", NULL, NULL));
    INVALID(eg_catalogue_read("semeion", NULL, NULL));
    o.size = 1;
    INVALID(eg_catalogue_read("semeion", &o, &out));
    INVALID(eg_airr_open(NULL, NULL, (eg_airr **)hex));
    INVALID(eg_airr_open("a", NULL, NULL));
    INVALID(eg_airr_next(NULL, NULL));
    INVALID(eg_repertoires_implant(&implant, chosen, NULL));
    for (size_t wrong = 0; wrong < 9; wrong++) {
        eg_implant_options w = EG_IMPLANT_OPTIONS_INIT;
        if (wrong == 0) w.size = 1;
        if (wrong == 1) w.repertoires = 1;
        if (wrong == 2) w.sequences = 0;
        if (wrong == 3) w.witness = 2;
        if (wrong == 4) w.witness = (double)NAN;
        if (wrong == 5) w.motif = "";
        if (wrong == 6) w.motif = NULL;
        if (wrong == 7) w.shortest = w.longest + 1;
        if (wrong == 8) w.longest = 100000;
        INVALID(eg_repertoires_implant(&w, chosen, &out));
    }
    INVALID(eg_words_enriched(four, 2, 2, chosen, 0, NULL, &words));
    INVALID(eg_words_enriched(four, 2, 2, chosen, EG_WORD_MAX + 1, NULL, &words));
}

static void parts_of_two_files_must_agree(void **state)
{
    static char one[] = "one", two[] = "two", three[] = "three";
    char *names[2] = { one, two }, *others[2] = { one, three };
    size_t offset[3] = { 0, 1, 2 };
    uint8_t folds[2] = { 0 };
    uint32_t group[2] = { 0 };
    const eg_dataset good = {
        .n = 2, .d = 2, .x = four, .labels = two_labels, .classes = 2, .class_names = names
    };
    (void)state;
    for (size_t wrong = 0; wrong < 9; wrong++) {
        eg_dataset a = good, b = good;
        if (wrong == 0) b.offset = offset;
        if (wrong == 1) b.folds = folds;
        if (wrong == 2) b.group = group;
        if (wrong == 3) b.item_names = names;
        if (wrong == 4) a.labels = NULL;
        if (wrong == 5) b.d = 1;
        if (wrong == 6) b.classes = 1;
        if (wrong == 7) b.class_names = others;
        if (wrong == 8) b.class_names = NULL;
        REFUSED(egi_set_append(&a, &b, "second"), wrong < 5 ? EG_ERR_UNSUPPORTED : EG_ERR_CORRUPT,
                "second: ");
        CHECK(a.n == 2 && a.x == four);
        if (wrong == 8) REFUSED(egi_set_append(&b, &a, "second"), EG_ERR_CORRUPT, "a number");
    }
}

/* Small files of each format that are refused, and why. */
static void small_files_are_refused_with_their_reason(void **state)
{
    static const struct {
        const char *format, *bytes;
        size_t size;
        eg_status status;
        const char *words;
    } rows[] = {
#define BYTES(text) text, sizeof(text) - 1
        { "cifar", BYTES(""), EG_ERR_CORRUPT, "" },
        { "cifar", BYTES("abc"), EG_ERR_CORRUPT, "3073" },
        { "npy", BYTES("\x93NUMPY\x01"), EG_ERR_CORRUPT, "ends in its header" },
        { "npy", BYTES("\x93NUMPY\x00\x00\x01\x00 "), EG_ERR_VERSION, "NPY version 0.0" },
        { "npy", BYTES("\x93NUMPY\x04\x00\x01\x00\x00\x00 "), EG_ERR_VERSION, "version 4.0" },
        { "npy", BYTES("\x93NUMPY\x01\x01\x01\x00 "), EG_ERR_VERSION, "NPY version 1.1" },
        { "npy", BYTES("\x93NUMPY\x01\x00\x40\x00 "), EG_ERR_CORRUPT, "header of 64 bytes" },
        { "npy", BYTES("\x93NUMPY\x01\x00\x0a\x00{'descr': "), EG_ERR_CORRUPT, "NPY type" },
        { "npy", BYTES("\x93NUMPY\x01\x00\x10\x00{'descr': 'nope'"), EG_ERR_CORRUPT, "NPY type" },
        { "npy", BYTES("\x93NUMPY\x01\x00\x0f\x00{\"descr\": \"<c8\""), EG_ERR_CORRUPT,
          "NPY type" },
        { "npy", BYTES("\x93NUMPY\x01\x00\x0f\x00{'descr': '^f4'"), EG_ERR_CORRUPT, "NPY type" },
        { "npy", BYTES("\x93NUMPY\x01\x00\x0f\x00{'descr': '<f4\""), EG_ERR_CORRUPT, "NPY type" },
        { "npz", BYTES("PK\x03\x04"), EG_ERR_CORRUPT, "" },
        { "npz", BYTES("PK\x05\x06\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"), EG_ERR_CORRUPT, "" },
        { "idx", BYTES("\0\0\x08"), EG_ERR_CORRUPT, "" },
        { "idx", BYTES("\0\0\x08\x09"), EG_ERR_CORRUPT, "" },
        { "svmlight", BYTES("1 :2\n"), EG_ERR_CORRUPT, "1:3" },
        { "svmlight", BYTES("1 12345678901:2\n"), EG_ERR_CORRUPT, "1:3" },
        { "svmlight", BYTES("1 4294967295:2\n"), EG_ERR_CORRUPT, "1:3" },
        { "svmlight", BYTES("\n\t\r\n"), EG_ERR_CORRUPT, "" },
        { "csv", BYTES("a,b\n1,2\n3\n"), EG_ERR_CORRUPT, ":3:" },
        { "csv", BYTES("a,b\n1,1e\n"), EG_ERR_CORRUPT, ":2:3" },
        { "csv", BYTES("a,b\n"), EG_ERR_CORRUPT, "" },
        { "csv", BYTES("a,b,a\n1,2,3\n"), EG_ERR_CORRUPT, "columns 1 and 3" },
        { "fps", BYTES("#FPS1\n#num_bits=0\n00\ta\n"), EG_ERR_CORRUPT, "" },
        { "png", BYTES("\x89PNG\r\n\x1a\n"), EG_ERR_CORRUPT, "" },
        { "jpeg", BYTES("\xff\xd8\xff"), EG_ERR_CORRUPT, "" },
        { "repertoires", BYTES("a\tb\n1\t2\n"), EG_ERR_CORRUPT, "expected a table of repertoires" },
        { "repertoires", BYTES("filename\tb\n"), EG_ERR_CORRUPT, "no rows after the header" },
        { "repertoires", BYTES("filename\tb\n\r\n\n"), EG_ERR_CORRUPT, "no rows" },
        { "nope", BYTES("a"), EG_ERR_INVALID, "nope" },
        { NULL, BYTES(""), EG_ERR_CORRUPT, "empty" },
    };
    eg_read_options o = EG_READ_OPTIONS_INIT;
    (void)state;
    o.index_base = 1;
    for (size_t i = 0; i < EGI_COUNT(rows); i++) {
        eg_dataset set = { .n = 9 };
        const eg_status s = egi_read_bytes(rows[i].format, "t", (const uint8_t *)rows[i].bytes,
                                           rows[i].size, &o, &set);
        if (s != rows[i].status || strstr(eg_error_detail(), rows[i].words) == NULL || set.n != 9)
            fail_msg("row %zu, %s: %s: %s", i, rows[i].format, eg_status_name(s),
                     eg_error_detail());
    }
}

/* Of names that are near the one that was asked for, the nearest is offered, of two the first. */
static void the_nearest_name_is_offered(void **state)
{
    static const struct {
        const char *asked, *offered;
    } rows[] = { { "wjdth", "width" },
                 { "hejght", "height" },
                 { "labe", "label1" },
                 { "wing", "wings" },
                 { "xlabel1", "label1" } };
    static const char table[] = "width,height,wings,label1,labels,lab12\n1,2,3,4,5,6\n";
    (void)state;
    for (size_t i = 0; i < EGI_COUNT(rows); i++) {
        eg_read_options o = EG_READ_OPTIONS_INIT;
        eg_dataset set;
        char words[40];
        o.label_column = rows[i].asked;
        snprintf(words, sizeof words, "\"%s\"?", rows[i].offered);
        REFUSED(egi_read_bytes("csv", "t", (const uint8_t *)table, sizeof table - 1, &o, &set),
                EG_ERR_CORRUPT, words);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pictures_that_are_none_are_refused),
        cmocka_unit_test(arrays_that_are_none_are_refused),
        cmocka_unit_test(sets_that_lack_something_are_refused),
        cmocka_unit_test(parts_of_two_files_must_agree),
        cmocka_unit_test(the_nearest_name_is_offered),
        cmocka_unit_test(small_files_are_refused_with_their_reason),
    };
    return cmocka_run_group_tests_name("reading_edges", tests, NULL, NULL);
}
