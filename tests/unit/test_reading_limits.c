/* What reads files at its limits: sums of sizes that overflow, memory that ends, work that is
 * stopped, tables, archives and pictures that do not fit. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "counted.h"
#include "data_folder.h"
#include "engram/repertoire.h"

static int stop(void *user, const char *stage, uint64_t done, uint64_t total)
{
    (void)user;
    (void)stage;
    (void)done;
    (void)total;
    return 1;
}

static const eg_progress stopping = { stop, NULL };

static void sizes_are_added_with_care(void **state)
{
    struct failing f = { .fail_at = 0, .for_good = 1 };
    const eg_allocator fails = failing_allocator(&f), *a = eg_allocator_default();
    struct egi_grow g = { .a = a, .item = 8 };
    const struct egi_input in = { .name = "t" };
    eg_dataset set = { .alloc = a };
    char *name = NULL;
    void *p;
    size_t n;
    (void)state;
    CHECK_OK(egi_grow_push(&g, "12345678", "t"));
    CHECK_STATUS(egi_grow_room(&g, SIZE_MAX, "t"), EG_ERR_OVERFLOW);
    CHECK_STATUS(egi_grow_room(&g, SIZE_MAX / 4, "t"), EG_ERR_OVERFLOW);
    CHECK_OK(egi_grow_finish(&g, "t", &p, &n));
    CHECK(n == 1 && memcmp(p, "12345678", 8) == 0);
    egi_free(a, p, 8);
    for (size_t i = 0; i < 16; i++) CHECK_OK(egi_grow_push(&g, "12345678", "t"));
    CHECK_OK(egi_grow_finish(&g, "t", &p, &n)); /* full: as it is */
    egi_free(a, p, 16 * 8);
    g.a = &fails;
    CHECK_STATUS(egi_grow_finish(&g, "t", &p, &n), EG_ERR_NOMEM);
    CHECK_STATUS(egi_set_size(&in, &set, SIZE_MAX, 2), EG_ERR_OVERFLOW);
    CHECK_STATUS(egi_set_size(&in, &set, SIZE_MAX / 2, 1), EG_ERR_OVERFLOW);
    CHECK_OK(egi_name_set(a, (struct egi_text){ NULL, 0 }, &name));
    assert_string_equal(name, "");
    egi_free(a, name, 1);
    CHECK(egi_c_alloc((void *)(uintptr_t)a, SIZE_MAX) == NULL);
    egi_c_free((void *)(uintptr_t)a, NULL);
}

static void labels_keep_their_numbers_or_become_names(void **state)
{
    static const struct {
        double value[2];
        size_t classes;
        int kept;
    } rows[] = { { { 0, 1 }, 2, 1 },
                 { { 1, 0.5 }, 2, 0 },
                 { { 0, 70000 }, 2, 0 },
                 { { -1, 1 }, 2, 0 },
                 { { 0, 2 }, 2, 0 } };
    (void)state;
    for (size_t i = 0; i < EGI_COUNT(rows); i++) {
        double v[2] = { rows[i].value[0], rows[i].value[1] };
        eg_dataset set = { .alloc = eg_allocator_default(), .n = 2 };
        CHECK_OK(egi_labels_from_values(&set, v, 0));
        CHECK(set.classes == rows[i].classes && (set.class_names == NULL) == rows[i].kept);
        set.x = NULL;
        eg_dataset_clear(&set);
    }
}

static void read_fails(const char *path, const eg_read_options *o, eg_status status,
                       const char *words)
{
    eg_dataset set = { .n = 9 };
    const eg_status s = eg_dataset_read(path, o, &set);
    if (s != status || set.n != 9 || strstr(eg_error_detail(), words) == NULL)
        fail_msg("%s: %s: %s, expected \"%s\"", path, eg_status_name(s), eg_error_detail(), words);
}

static void tables_of_labels_must_fit(void **state)
{
    eg_read_options o = EG_READ_OPTIONS_INIT;
    eg_dataset set;
    (void)state;
    const char *x = put_text("x.csv", "bag,a\np,1\np,2\nq,3\n");
    o.labels = put_text("y.csv", "label\ncat\n\n");
    read_fails(x, &o, EG_ERR_CORRUPT, "");
    o.bag_column = "bag";
    o.labels = put_text("z.csv", "bag,label\np,cat\nq,\n");
    read_fails(x, &o, EG_ERR_UNSUPPORTED, "bags without a label");
    o = (eg_read_options)EG_READ_OPTIONS_INIT;
    o.labels = in_root("v.npy");
    static const float two[4] = { 0, 1, 1, 0 };
    CHECK_OK(eg_npy_write(o.labels, two, 2, 2));
    read_fails(put_text("w.csv", "a\n1\n2\n"), &o, EG_ERR_CORRUPT, "2 x 2 labels, expected 2 x 1");
    CHECK_OK(eg_npy_write(o.labels, two, 3, 1));
    read_fails(in_root("w.csv"), &o, EG_ERR_CORRUPT, "3 x 1 labels, expected 2 x 1");
    CHECK_OK(eg_npy_write(o.labels, two, 2, 1));
    CHECK_OK(eg_dataset_read(in_root("w.csv"), &o, &set));
    CHECK(set.classes == 2 && set.labels[1] == 1);
    eg_dataset_clear(&set);
}

static void archive(const char *path, const char *const *names, const struct bytes *parts, size_t n)
{
    zip_t *z = zip_open(path, ZIP_CREATE | ZIP_TRUNCATE, NULL);
    CHECK(z != NULL);
    for (size_t i = 0; i < n; i++)
        CHECK(zip_file_add(z, names[i], zip_source_buffer(z, parts[i].p, parts[i].size, 0), 0)
              >= 0);
    CHECK(zip_close(z) == 0);
}

static void archives_must_agree(void **state)
{
    static const char *const names[2] = { "x.npy", "y.npy" };
    static const float y[6] = { 0, 1, 0, 1, 1, 0 };
    static struct bytes parts[2], *many;
    static char many_text[4100][12];
    static const char *many_names[4100];
    many = calloc(4100, sizeof *many);
    CHECK(many != NULL);
    const char *path = in_root("a.npz"), *one = in_root("y.npy");
    eg_read_options o = EG_READ_OPTIONS_INIT;
    eg_dataset set;
    (void)state;
    make_npy(&parts[0]); /* 2 x 3 */
    for (size_t columns = 1; columns <= 3; columns++) {
        CHECK_OK(eg_npy_write(one, y, columns == 3 ? 3 : 2, columns == 3 ? 1 : columns));
        parts[1].size = get_file(one, parts[1].p, sizeof parts[1].p);
        archive(path, names, parts, 2);
        if (columns == 1) {
            CHECK_OK(eg_dataset_read(path, NULL, &set));
            CHECK(set.n == 2 && set.d == 3 && set.classes == 2);
            eg_dataset_clear(&set);
        } else {
            read_fails(path, NULL, EG_ERR_CORRUPT, "labels, expected 2 x 1");
            o.labels = put("labels.idx", "\0\0\x08\1\0\0\0\2\5\xff", 10);
            CHECK_OK(eg_dataset_read(path, &o, &set)); /* takes the place of y */
            CHECK(set.labels[0] != set.labels[1]);
            eg_dataset_clear(&set);
        }
    }
    parts[1].size = 20; /* an end too early */
    archive(path, names, parts, 2);
    read_fails(path, NULL, EG_ERR_CORRUPT, "");
    for (size_t i = 0; i < 4100; i++) {
        snprintf(many_text[i], sizeof many_text[i], "n%zu", i);
        many_names[i] = many_text[i];
        many[i].size = 1;
    }
    archive(path, many_names, many, 4100);
    read_fails(path, NULL, EG_ERR_CORRUPT, "NPZ of 4100 entries");
    free(many);
}

static void pictures_of_other_channels_are_refused(void **state)
{
    (void)state;
    for (int channels = 2; channels <= 2; channels++) {
        struct jpeg_compress_struct j;
        struct jpeg_error_mgr e;
        unsigned char *p = NULL, row[20 * 5] = { 0 };
        unsigned long size = 0;
        eg_dataset set = { .n = 9 };
        j.err = jpeg_std_error(&e);
        jpeg_create_compress(&j);
        jpeg_mem_dest(&j, &p, &size);
        j.image_width = 20;
        j.image_height = 17;
        j.input_components = channels;
        j.in_color_space = JCS_UNKNOWN;
        jpeg_set_defaults(&j);
        jpeg_start_compress(&j, FALSE);
        for (int y = 0; y < 17; y++) {
            JSAMPROW r = row;
            jpeg_write_scanlines(&j, &r, 1);
        }
        jpeg_finish_compress(&j);
        jpeg_destroy_compress(&j);
        CHECK_STATUS(egi_read_bytes("jpeg", "t", p, size, NULL, &set), EG_ERR_CORRUPT);
        DETAIL("components, expected 1, 3 or 4");
        free(p);
    }
}

/* More scans than any picture needs: each coefficient of each colour alone, bit by bit. */
static void pictures_of_many_scans_are_refused(void **state)
{
    enum { BITS = 4, SCANS = 1 + 63 * BITS };
    static jpeg_scan_info scan[SCANS];
    struct jpeg_compress_struct j;
    struct jpeg_error_mgr e;
    unsigned char *p = NULL, row[20] = { 0 };
    unsigned long size = 0;
    eg_dataset set = { .n = 9 };
    size_t n = 0;
    (void)state;
    scan[n++] = (jpeg_scan_info){ .comps_in_scan = 1 };
    for (int bit = BITS - 1; bit >= 0; bit--)
        for (int k = 1; k < 64; k++)
            scan[n++] = (jpeg_scan_info){
                .comps_in_scan = 1, .Ss = k, .Se = k, .Ah = bit == BITS - 1 ? 0 : bit + 1, .Al = bit
            };
    j.err = jpeg_std_error(&e);
    jpeg_create_compress(&j);
    jpeg_mem_dest(&j, &p, &size);
    j.image_width = j.image_height = 20;
    j.input_components = 1;
    j.in_color_space = JCS_GRAYSCALE;
    jpeg_set_defaults(&j);
    j.scan_info = scan;
    j.num_scans = SCANS;
    jpeg_start_compress(&j, TRUE);
    for (int y = 0; y < 20; y++) {
        JSAMPROW r = row;
        jpeg_write_scanlines(&j, &r, 1);
    }
    jpeg_finish_compress(&j);
    jpeg_destroy_compress(&j);
    CHECK_STATUS(egi_read_bytes("jpeg", "t", p, size, NULL, &set), EG_ERR_LIMIT);
    DETAIL("JPEG of more than 200 scans");
    free(p);
}

static void pictures_of_a_folder_have_one_size(void **state)
{
    (void)state;
    CHECK(mkdir(in_root("sizes"), 0700) == 0);
    for (size_t other = 0; other < 2; other++) { /* of the width, of the height */
        for (size_t k = 0; k < 2; k++) {
            eg_image m;
            CHECK_OK(eg_image_create(3 + other * k, 4 - (1 - other) * k, 1, NULL, &m));
            memset(m.pixels, 9, m.height * m.width);
            CHECK_OK(eg_image_write_png(in_root(k == 0 ? "sizes/a.png" : "sizes/b.png"), &m));
            eg_image_clear(&m);
        }
        read_fails(in_root("sizes"), NULL, EG_ERR_CORRUPT, other ? "4 x 4" : "3 x 3");
    }
    eg_read_options o = EG_READ_OPTIONS_INIT;
    eg_dataset set;
    o.width = o.height = 2;
    const int before = dup(0);
    CHECK(close(before) == 0);
    CHECK_OK(eg_dataset_read(in_root("sizes"), &o, &set));
    const int behind = dup(0);
    CHECK(behind == before && close(behind) == 0); /* no descriptor stays */
    CHECK(set.n == 2 && set.d == 4 && set.height == 2);
    eg_dataset_clear(&set);
}

/* Sixteen labels fill a block of 64 bytes: what is behind it is another's. */
static void pictures_of_a_class_have_its_label(void **state)
{
    char name[40];
    eg_image m;
    eg_dataset set;
    (void)state;
    CHECK(mkdir(in_root("sixteen"), 0700) == 0 && mkdir(in_root("sixteen/k"), 0700) == 0);
    CHECK_OK(eg_image_create(2, 2, 1, NULL, &m));
    memset(m.pixels, 9, 4);
    for (int i = 0; i < 16; i++) {
        snprintf(name, sizeof name, "sixteen/k/%d.png", i);
        CHECK_OK(eg_image_write_png(in_root(name), &m));
    }
    eg_image_clear(&m);
    CHECK_OK(eg_dataset_read(in_root("sixteen"), NULL, &set));
    CHECK(set.n == 16 && set.classes == 1 && set.labels[15] == 0);
    eg_dataset_clear(&set);
}

static void folders_without_pictures_are_refused(void **state)
{
    (void)state;
    CHECK(mkdir(in_root("none"), 0700) == 0);
    read_fails(in_root("none"), NULL, EG_ERR_CORRUPT, "no PNG or JPEG in the folder");
}

static void tables_of_repertoires_have_bounds(void **state)
{
    static char text[400] = "junction_aa\n";
    eg_read_options o = EG_READ_OPTIONS_INIT;
    eg_dataset set;
    (void)state;
    put_text("one.tsv", "junction_aa\nCASSF\nCAF\n");
    const char *list = put_text("list.tsv", "filename\tcmv\r\n\r\none.tsv\tone\r\n\n");
    CHECK_OK(eg_dataset_read(list, &o, &set));
    CHECK(set.n == 1 && set.d == 5);
    eg_dataset_clear(&set);
    o.max_bytes = 30;
    read_fails(list, &o, EG_ERR_LIMIT, "");
    o.max_bytes = 0;
    o.inputs = 4;
    CHECK_OK(eg_dataset_read(list, &o, &set));
    CHECK(set.too_long == 1 && set.d == 4);
    eg_dataset_clear(&set);
    o.inputs = (size_t)1 << 40;
    read_fails(list, &o, EG_ERR_LIMIT, "");
    o.inputs = (size_t)1 << 62; /* 4 times that is 0 */
    read_fails(list, &o, EG_ERR_LIMIT, "");
    o.inputs = (size_t)1 << 63;
    read_fails(list, &o, EG_ERR_OVERFLOW, "");
    o.inputs = 2;
    read_fails(list, &o, EG_ERR_CORRUPT, "no receptor of up to 2 letters (2 are longer)");
    o.inputs = 0;
    o.progress = &stopping;
    read_fails(list, &o, EG_ERR_INTERRUPTED, "");
    o.progress = NULL;
    o.label_column = "nope";
    read_fails(list, &o, EG_ERR_CORRUPT, "no column is named nope");
    memset(text + 12, 'A', 300);
    put_text("one.tsv", text);
    o.label_column = NULL;
    read_fails(list, &o, EG_ERR_CORRUPT, "");
    put_text("list.tsv", "filename\tcmv\na/../one.tsv\tone\n");
    read_fails(list, &o, EG_ERR_CORRUPT, "");
}

/* Several members of gzip are one text. */
static void members_of_gzip_follow_each_other(void **state)
{
    struct bytes a, b;
    static uint8_t both[2 * sizeof a.p];
    eg_airr *t;
    eg_clonotype row;
    (void)state;
    make_gzip(&a, "airr", "junction_aa\nCAF\n", 16);
    make_gzip(&b, "airr", "CASSF\n", 6);
    memcpy(both, a.p, a.size);
    memcpy(both + a.size, b.p, b.size);
    const char *path = put("two.tsv.gz", both, a.size + b.size);
    CHECK_OK(eg_airr_open(path, NULL, &t));
    CHECK_OK(eg_airr_next(t, &row));
    CHECK_OK(eg_airr_next(t, &row));
    assert_string_equal(row.sequence, "CASSF");
    CHECK_STATUS(eg_airr_next(t, &row), EG_END);
    eg_airr_close(t);
    both[a.size + b.size - 6] ^= 1; /* its sum */
    (void)put("two.tsv.gz", both, a.size + b.size);
    CHECK_OK(eg_airr_open(path, NULL, &t));
    eg_status s = EG_OK;
    while (s == EG_OK) s = eg_airr_next(t, &row);
    CHECK(s == EG_ERR_CORRUPT);
    DETAIL("gzip data is damaged");
    eg_airr_close(t);
}

static void unpacking_can_be_stopped(void **state)
{
    enum { SIZE = 40 << 20 };
    eg_read_options o = EG_READ_OPTIONS_INIT;
    uint8_t *text = calloc(1, SIZE), *packed = malloc(SIZE / 100);
    eg_dataset set = { .n = 9 };
    z_stream z = { .zalloc = NULL };
    (void)state;
    CHECK(deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 9, Z_DEFAULT_STRATEGY) == Z_OK);
    z.next_in = text;
    z.avail_in = SIZE;
    z.next_out = packed;
    z.avail_out = SIZE / 100;
    CHECK(deflate(&z, Z_FINISH) == Z_STREAM_END);
    o.progress = &stopping;
    o.max_bytes = (size_t)1 << 30;
    CHECK_STATUS(egi_read_bytes("csv", "t", packed, SIZE / 100 - z.avail_out, &o, &set),
                 EG_ERR_INTERRUPTED);
    deflateEnd(&z);
    free(text);
    free(packed);
}

static void columns_are_folds_by_their_whole_name(void **state)
{
    struct counted c = { 0, 0 };
    const eg_allocator counting = { count_alloc, count_free, &c };
    eg_read_options o = EG_READ_OPTIONS_INIT;
    eg_dataset set;
    (void)state;
    o.alloc = &counting;
    o.folds = 1;
    const char *path =
        put_text("folds.csv", "test,testa,test0,test1x,test1.5,test12345,tess1,test1,"
                              "val1,label\n1,2,3,4,5,6,7,1,0,a\n1,2,3,4,5,6,7,0,1,b\n"
                              "1,2,3,4,5,6,7,0,0,b\n");
    CHECK_OK(eg_dataset_read(path, &o, &set));
    CHECK(set.fold_count == 1 && set.d == 7 && set.folds[0] == EG_ROLE_TEST);
    eg_dataset_clear(&set);
    CHECK(c.most > 0 && c.live == 0); /* to the byte */
    read_fails(put_text("none.csv", "a,label\n1,2\n"), &o, EG_ERR_CORRUPT,
               "that are folds, got none");
    /* a name that begins another is another */
    path = put_text("bags.csv", "bag,a,label\npp,1,0\np,2,1\n,3,1\nppp,4,0\np,5,1\n");
    o.folds = 0;
    o.bag_column = "bag";
    CHECK(eg_dataset_read(path, &o, &set) == EG_OK || strstr(eg_error_detail(), "bag") != NULL);
    if (set.n == 4) eg_dataset_clear(&set);
}

static void fingerprints_are_their_bits(void **state)
{
    static const char text[] = "#FPS1\n1aB0\tone\nfF01\ttwo\n",
                      longer[] = "#FPS1\n10\ta\n1g\tb\nx\n";
    eg_dataset set = { .n = 0 };
    (void)state;
    CHECK_OK(egi_read_bytes("fps", "t", (const uint8_t *)text, sizeof text - 1, NULL, &set));
    CHECK(set.n == 2 && set.d == 16);
    for (unsigned k = 0; k < 16; k++) {
        CHECK(set.x[k] == (float)(0xb01au >> k & 1));
        CHECK(set.x[16 + k] == (float)(0x01ffu >> k & 1));
    }
    assert_string_equal(set.item_names[0], "one");
    assert_string_equal(set.item_names[1], "two");
    eg_dataset_clear(&set);
    CHECK_STATUS(egi_read_bytes("fps", "t", (const uint8_t *)longer, sizeof longer - 1, NULL, &set),
                 EG_ERR_CORRUPT);
    DETAIL("t:3:2: expected a hexadecimal digit, got \"g\" (2 problems in all)");
}

static void words_are_of_whole_letters(void **state)
{
    const float bad[3] = { 2.5f, -1, NAN };
    float x[4] = { 1, 2, 3, 0 };
    uint8_t chosen[1] = { 1 };
    struct counted c = { 0, 0 };
    const eg_allocator counting = { count_alloc, count_free, &c };
    eg_word_list words;
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        x[1] = bad[i];
        CHECK_STATUS(eg_words_enriched(x, 1, 4, chosen, 2, NULL, &words), EG_ERR_INVALID);
    }
    x[1] = 2;
    CHECK_OK(eg_words_enriched(x, 1, 4, chosen, 2, &counting, &words));
    CHECK(c.most > 0 && c.live == 0);
    CHECK_STATUS(eg_words_enriched(x, UINT32_MAX, 4, chosen, 2, NULL, &words), EG_ERR_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_are_added_with_care),
        cmocka_unit_test(labels_keep_their_numbers_or_become_names),
        cmocka_unit_test(tables_of_labels_must_fit),
        cmocka_unit_test(archives_must_agree),
        cmocka_unit_test(pictures_of_other_channels_are_refused),
        cmocka_unit_test(pictures_of_many_scans_are_refused),
        cmocka_unit_test(pictures_of_a_folder_have_one_size),
        cmocka_unit_test(pictures_of_a_class_have_its_label),
        cmocka_unit_test(folders_without_pictures_are_refused),
        cmocka_unit_test(tables_of_repertoires_have_bounds),
        cmocka_unit_test(members_of_gzip_follow_each_other),
        cmocka_unit_test(unpacking_can_be_stopped),
        cmocka_unit_test(columns_are_folds_by_their_whole_name),
        cmocka_unit_test(fingerprints_are_their_bits),
        cmocka_unit_test(words_are_of_whole_letters),
    };
    return cmocka_run_group_tests_name("reading_limits", tests, set_up, tear_down);
}
