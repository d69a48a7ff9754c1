/* What reads files at its limits: sums of sizes that overflow, memory that ends, work that is
 * stopped, sets of several files of which some do not fit, where sets are looked for. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "counted.h"
#include "data_bytes.h"
#include "engram/repertoire.h"

#define DETAIL(words) CHECK(strstr(eg_error_detail(), words) != NULL)

static char root[500];

static const char *in_root(const char *name)
{
    static char path[4][700];
    static int at;
    at = (at + 1) % 4;
    snprintf(path[at], sizeof path[at], "%s/%s", root, name);
    return path[at];
}

static const char *put(const char *name, const void *p, size_t size)
{
    const char *path = in_root(name);
    put_file(path, p, size);
    return path;
}

static const char *put_text(const char *name, const char *text)
{
    return put(name, text, strlen(text));
}

static int set_up(void **state)
{
    (void)state;
    snprintf(root, sizeof root, "%s", tmp_path(0, "limits"));
    return mkdir(root, 0700);
}

static int tear_down(void **state)
{
    char command[600];
    (void)state;
    snprintf(command, sizeof command, "rm -rf '%s'", root);
    return system(command);
}

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
    const char *list = put_text("list.tsv", "filename\tcmv\r\n\r\none.tsv\tyes\r\n\n");
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
    put_text("list.tsv", "filename\tcmv\na/../one.tsv\tyes\n");
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
    eg_read_options o = EG_READ_OPTIONS_INIT;
    eg_dataset set;
    (void)state;
    o.folds = 1;
    const char *path =
        put_text("folds.csv", "test,testa,test0,test1x,test1.5,test12345,tess1,test1,"
                              "val1,label\n1,2,3,4,5,6,7,1,0,a\n1,2,3,4,5,6,7,0,1,b\n"
                              "1,2,3,4,5,6,7,0,0,b\n");
    CHECK_OK(eg_dataset_read(path, &o, &set));
    CHECK(set.fold_count == 1 && set.d == 7 && set.folds[0] == EG_ROLE_TEST);
    eg_dataset_clear(&set);
    /* a name that begins another is another */
    path = put_text("bags.csv", "bag,a,label\npp,1,0\np,2,1\n,3,1\nppp,4,0\np,5,1\n");
    o.folds = 0;
    o.bag_column = "bag";
    CHECK(eg_dataset_read(path, &o, &set) == EG_OK || strstr(eg_error_detail(), "bag") != NULL);
    if (set.n == 4) eg_dataset_clear(&set);
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

/* ---- sets of several files ---- */

static void put_batches(const char *set, const char *const *files, size_t n, size_t records)
{
    static uint8_t batch[4 * 3073];
    CHECK(mkdir(in_root(set), 0700) == 0);
    for (size_t k = 0; k < n; k++) {
        char name[200];
        snprintf(name, sizeof name, "%s/%s", set, files[k]);
        for (size_t r = 0; r < records; r++) batch[r * 3073] = (uint8_t)(r % 10);
        (void)put(name, batch, records * 3073);
    }
}

static void parts_of_several_files_are_one(void **state)
{
    static const char *const files[] = { "data_batch_1.bin", "data_batch_2.bin", "test_batch.bin" };
    eg_read_options o = EG_READ_OPTIONS_INIT;
    eg_dataset set;
    char where[900];
    (void)state;
    CHECK(setenv("ENGRAM_DATA", root, 1) == 0);
    put_batches("batches", files, 3, 4);
    CHECK_OK(eg_catalogue_read("batches/train", NULL, &set));
    CHECK(set.n == 8 && set.d == 3072);
    eg_dataset_clear(&set);
    for (size_t most = 3; most <= 6; most++) { /* ends in the first file, at its end, in the next */
        o.max_items = most;
        CHECK_OK(eg_catalogue_read("batches/train", &o, &set));
        CHECK(set.n == most);
        eg_dataset_clear(&set);
    }
    o.max_items = 0;
    o.max_bytes = 4 * 3072 * sizeof(float) + 100; /* the first and no more */
    CHECK_STATUS(eg_catalogue_read("batches/train", &o, &set), EG_ERR_LIMIT);
    o.max_bytes = 100;
    CHECK_STATUS(eg_catalogue_read("batches/train", &o, &set), EG_ERR_LIMIT);
    o.max_bytes = 0;
    o.format = "cifar";
    CHECK_OK(eg_catalogue_read("batches/test", &o, &set));
    CHECK(set.n == 4);
    eg_dataset_clear(&set);
    CHECK_STATUS(eg_catalogue_read("batches", NULL, &set), EG_ERR_INVALID);
    DETAIL("say which: batches/PART");
    CHECK_STATUS(eg_catalogue_find("batches", where, 3), EG_ERR_LIMIT);
    (void)put("batches/data_batch_2.bin", "short", 5);
    CHECK_STATUS(eg_catalogue_read("batches/train", NULL, &set), EG_ERR_CORRUPT);
    CHECK(mkdir(in_root("single"), 0700) == 0);
    (void)put_text("single/only.csv", "a,label\n1,0\n2,1\n");
    (void)put_text("single/gz", "no part");
    CHECK(mkdir(in_root("single/csv"), 0700) == 0 && mkdir(in_root("single/csv/a"), 0700) == 0);
    CHECK_OK(eg_catalogue_read("single", NULL, &set)); /* needs no part */
    CHECK(set.n == 2);
    eg_dataset_clear(&set);
    CHECK_STATUS(eg_catalogue_read("single/", NULL, &set), EG_OK);
    eg_dataset_clear(&set);
    unsetenv("ENGRAM_DATA");
}

static void join_part(void *user, const char *part)
{
    char *all = user;
    strncat(all, part, 40);
    strncat(all, ";", 2);
}

/* Pictures in the folder, in its sub-folders or one deeper; names too long for a part. */
static void folders_of_pictures_are_parts(void **state)
{
    static const char *const folders[] = { "flat",       "classes",     "classes/a",
                                           "deep",       "deep/train",  "deep/train/a",
                                           "deep/empty", "deep/empty/b" };
    static const struct {
        const char *set, *picture, *parts;
    } rows[] = { { "flat", "flat/1.JPG", "" },
                 { "classes", "classes/a/1.jpeg", "" },
                 { "deep", "deep/train/a/1.png", "train;" } };
    char name[200], all[200] = "", text[400];
    eg_dataset set;
    (void)state;
    CHECK(setenv("ENGRAM_DATA", root, 1) == 0);
    for (size_t i = 0; i < EGI_COUNT(folders); i++) CHECK(mkdir(in_root(folders[i]), 0700) == 0);
    for (size_t i = 0; i < EGI_COUNT(rows); i++) {
        all[0] = '\0';
        (void)put_text(rows[i].picture, "none");
        CHECK_OK(eg_catalogue_parts(rows[i].set, join_part, all));
        assert_string_equal(all, rows[i].parts);
        snprintf(text, sizeof text, "%s/nope", rows[i].set);
        CHECK_STATUS(eg_catalogue_read(text, NULL, &set), EG_ERR_INVALID);
        DETAIL(i < 2 ? "has no parts: expected" : "its parts: train");
    }
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    snprintf(text, sizeof text, "flat/%s.csv", name);
    (void)put_text(text, "a\n1\n");
    snprintf(text, sizeof text, "deep/%s", name);
    CHECK(mkdir(in_root(text), 0700) == 0);
    snprintf(text, sizeof text, "deep/%s/a", name);
    CHECK(mkdir(in_root(text), 0700) == 0);
    snprintf(text, sizeof text, "deep/%s/a/1.png", name);
    (void)put_text(text, "none");
    all[0] = '\0';
    CHECK_OK(eg_catalogue_parts("flat", join_part, all));
    CHECK_OK(eg_catalogue_parts("deep", join_part, all));
    assert_string_equal(all, "train;");
    CHECK(mkdir(in_root("wide"), 0700) == 0);
    for (int i = 0; i < 60; i++) {
        snprintf(text, sizeof text, "wide/a-long-name-of-part-%d.csv", i);
        (void)put_text(text, "a\n1\n");
    }
    CHECK_STATUS(eg_catalogue_read("wide/x", NULL, &set), EG_ERR_INVALID);
    DETAIL(", ...");
    CHECK_STATUS(eg_catalogue_read("wide", NULL, &set), EG_ERR_INVALID);
    DETAIL("say which: wide/PART with ");
    CHECK_STATUS(eg_catalogue_read("wide x", NULL, &set), EG_ERR_IO);
    CHECK_STATUS(eg_catalogue_read("wide?", NULL, &set), EG_ERR_INVALID);
    CHECK_STATUS(eg_catalogue_read(NULL, NULL, &set), EG_ERR_INVALID);
    unsetenv("ENGRAM_DATA");
}

/* Two tables that are the training and the test part of one. */
static void training_and_test_are_one_fold(void **state)
{
    eg_read_options o = EG_READ_OPTIONS_INIT;
    eg_dataset set;
    (void)state;
    CHECK(setenv("ENGRAM_DATA", root, 1) == 0 && mkdir(in_root("ucr"), 0700) == 0);
    (void)put_text("ucr/w_TRAIN.tsv", "1\t2\t3\n2\t4\t5\n");
    (void)put_text("ucr/w_TEST.tsv", "1\t6\t7\n2\t8\t9\n2\t8\t9\n");
    o.folds = 1;
    CHECK_OK(eg_catalogue_read("ucr/w", &o, &set));
    CHECK(set.n == 5 && set.fold_count == 1 && set.folds[1] == EG_ROLE_TRAIN);
    CHECK(set.folds[2] == EG_ROLE_TEST);
    eg_dataset_clear(&set);
    CHECK_STATUS(eg_catalogue_read("ucr/v", &o, &set), EG_ERR_INVALID);
    (void)put_text("ucr/w_TEST.tsv", "1\t6\n2\t8\n");
    CHECK_STATUS(eg_catalogue_read("ucr/w", &o, &set), EG_ERR_CORRUPT);
    CHECK(unlink(in_root("ucr/w_TEST.tsv")) == 0);
    CHECK_STATUS(eg_catalogue_read("ucr/w", &o, &set), EG_ERR_INVALID);
    (void)put_text("ucr/w_TEST.tsv", "1\t6\n");
    (void)put_text("ucr/w_TRAIN.tsv", "1\tx\n");
    CHECK_STATUS(eg_catalogue_read("ucr/w", &o, &set), EG_ERR_CORRUPT);
    unsetenv("ENGRAM_DATA");
}

static void count_set(void *user, const char *name, const char *folder)
{
    (void)folder;
    *(size_t *)user += strcmp(name, "single") == 0;
}

/* Every place that is named, in whatever words the environment has. */
static void sets_are_looked_for_where_the_environment_says(void **state)
{
    static const char *const names[] = { "ENGRAM_DATA", "ENGRAM_SHARE", "XDG_DATA_HOME", "HOME" };
    static char long_path[5000], old[4][4096], value[1200];
    char where[900];
    (void)state;
    for (size_t k = 0; k < 4; k++) {
        const char *v = getenv(names[k]);
        snprintf(old[k], sizeof old[k], "%s", v != NULL ? v : "");
        unsetenv(names[k]);
    }
    memset(long_path, 'a', sizeof long_path - 1);
    CHECK_STATUS(eg_catalogue_find("single", where, sizeof where), EG_NOT_FOUND);
    CHECK(setenv("HOME", "relative", 1) == 0);
    CHECK_STATUS(eg_catalogue_find("single", where, sizeof where), EG_NOT_FOUND);
    CHECK(setenv("XDG_DATA_HOME", "relative", 1) == 0 && setenv("ENGRAM_DATA", "", 1) == 0);
    CHECK_STATUS(eg_catalogue_find("single", where, sizeof where), EG_NOT_FOUND);
    CHECK(setenv("ENGRAM_DATA", long_path, 1) == 0);
    CHECK_STATUS(eg_catalogue_find("single", where, sizeof where), EG_NOT_FOUND);
    snprintf(value, sizeof value, "::%s:", root);
    CHECK(setenv("ENGRAM_DATA", value, 1) == 0);
    CHECK_OK(eg_catalogue_find("single", where, sizeof where));
    CHECK(unsetenv("ENGRAM_DATA") == 0);
    CHECK(mkdir(in_root(".local"), 0700) == 0 && mkdir(in_root(".local/share"), 0700) == 0);
    CHECK(symlink(root, in_root(".local/share/engram")) == 0);
    CHECK(setenv("HOME", root, 1) == 0 && unsetenv("XDG_DATA_HOME") == 0);
    CHECK_OK(eg_catalogue_find("single", where, sizeof where));
    CHECK(setenv("XDG_DATA_HOME", in_root(".local/share"), 1) == 0);
    CHECK_OK(eg_catalogue_find("single", where, sizeof where));
    CHECK(unsetenv("XDG_DATA_HOME") == 0 && unsetenv("HOME") == 0);
    CHECK(symlink(root, in_root("data")) == 0 && setenv("ENGRAM_SHARE", root, 1) == 0);
    CHECK_OK(eg_catalogue_find("single", where, sizeof where));
    size_t found = 0;
    CHECK_OK(eg_catalogue_find_all(count_set, &found));
    CHECK(found == 1);
    CHECK(setenv("ENGRAM_SHARE", "", 1) == 0);
    CHECK_STATUS(eg_catalogue_find("single", where, sizeof where), EG_NOT_FOUND);
    CHECK_STATUS(eg_catalogue_find("", where, sizeof where), EG_ERR_INVALID);
    CHECK_STATUS(eg_catalogue_find(long_path, where, sizeof where), EG_ERR_INVALID);
    for (size_t k = 0; k < 4; k++)
        CHECK(old[k][0] != '\0' ? setenv(names[k], old[k], 1) == 0 : unsetenv(names[k]) == 0);
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
        cmocka_unit_test(folders_without_pictures_are_refused),
        cmocka_unit_test(tables_of_repertoires_have_bounds),
        cmocka_unit_test(members_of_gzip_follow_each_other),
        cmocka_unit_test(unpacking_can_be_stopped),
        cmocka_unit_test(columns_are_folds_by_their_whole_name),
        cmocka_unit_test(words_are_of_whole_letters),
        cmocka_unit_test(parts_of_several_files_are_one),
        cmocka_unit_test(folders_of_pictures_are_parts),
        cmocka_unit_test(training_and_test_are_one_fold),
        cmocka_unit_test(sets_are_looked_for_where_the_environment_says),
    };
    return cmocka_run_group_tests_name("reading_limits", tests, set_up, tear_down);
}
