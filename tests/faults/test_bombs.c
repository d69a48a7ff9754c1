/* Resource bombs: small files that declare, or unpack to, far more. What they come to is an error,
 * or data within the limits (engram/limits.h). */
/* SPDX-License-Identifier: Apache-2.0 */
#include "bomb_check.h"
#include "model/egi_memory_file.h"

/* head, then `text` again and again, in gzip (or bare deflate), as far as 1 MiB goes. */
static void packed(const char *head, size_t head_size, const char *text, size_t n, size_t most)
{
    static uint8_t many[1 << 16];
    z_stream z = { .zalloc = NULL };
    CHECK(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 9, Z_DEFAULT_STRATEGY) == Z_OK);
    z.next_out = bomb;
    z.avail_out = BOMB_MOST - 4096;
    for (size_t i = 0; i < sizeof many; i++) many[i] = (uint8_t)text[i % n];
    z.next_in = (Bytef *)(uintptr_t)head;
    z.avail_in = (uInt)head_size;
    for (size_t done = 0; done < most && z.avail_out > 4096; done += sizeof many / n * n) {
        CHECK(z.avail_in == 0 || deflate(&z, Z_NO_FLUSH) == Z_OK);
        z.next_in = many;
        z.avail_in = (uInt)(sizeof many / n * n);
        CHECK(deflate(&z, Z_NO_FLUSH) == Z_OK);
    }
    z.avail_out += 4096;
    CHECK(deflate(&z, Z_FINISH) == Z_STREAM_END);
    bomb_size = z.total_out;
    deflateEnd(&z);
}

static void csv_rows(void)
{
    packed("a\n", 2, "1\n", 2, (size_t)80 << 20);
}

static void csv_row(void)
{
    packed("", 0, "1,", 2, (size_t)80 << 20);
}

/* What is just within the limit of what may be unpacked. */
enum { WITHIN = 23 << 20 };

static void csv_rows_within(void)
{
    packed("a,label\n", 8, "1,0\n", 4, WITHIN);
}

static void ucr_rows_within(void)
{
    packed("", 0, "1\t1\n", 4, WITHIN);
}

static void svm_rows_within(void)
{
    packed("", 0, "1 1:1\n", 6, WITHIN);
}

static void fps_rows_within(void)
{
    packed("#FPS1\n#num_bits=8\n", 18, "00\ta\n", 5, WITHIN);
}

static void csv_columns(void)
{
    for (bomb_size = 0; bomb_size + 2 < BOMB_MOST - 1;) add("a,", 2);
    add("a\n", 2);
}

static void csv_labels(void)
{
    char line[40];
    add("x,label\n", 8);
    for (int i = 0; bomb_size < BOMB_MOST - 40; i++)
        add(line, (size_t)snprintf(line, sizeof line, "1,%x\n", i));
}

static void idx_zeros(void)
{
    static const char head[] = { 0, 0, 8, 3, 0, 0, 4, 0, 0, 0, 4, 0, 0, 0, 4, 0 };
    packed(head, sizeof head, "\0", 1, (size_t)80 << 20);
}

static void idx_within(void)
{
    static const char head[] = { 0, 0, 8, 1, 0, 0x5b, (char)0xff, (char)0xff }; /* 5.75 MiB */
    packed(head, sizeof head, "\0", 1, 0x5bffff);
}

static void idx_declares(void)
{
    static const uint8_t head[] = { 0,    0,    8,    3,    0x7f, 0xff, 0xff, 0xff,
                                    0x7f, 0xff, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff };
    add(head, sizeof head);
}

static void npy_declares(void)
{
    static const char text[] = "\x93NUMPY\x01\x00v\x00{'descr': '<f4', 'fortran_order': False, "
                               "'shape': (1099511627776, 1048576), }";
    add(text, sizeof text - 1);
    while (bomb_size < 127) add(" ", 1);
    add("\n", 1);
}

/* Zeros of a type of that many bytes, as x and, where asked for, y as well. */
static void npz_of(size_t bytes, const char *type, size_t each, size_t columns, int labels)
{
    const char *path = tmp_path(2, "bomb.npz");
    uint8_t *p = calloc(bytes, 1);
    if (p == NULL) abort();
    memset(p, ' ', 128);
    memcpy(p, "\x93NUMPY\x01\x00v\x00", 10);
    char shape[100];
    const size_t rows = (bytes - 128) / each / columns;
    const int n = snprintf(shape, sizeof shape,
                           "{'descr': '%s', 'fortran_order': False, 'shape': (%zu, %zu), }", type,
                           rows, columns);
    memcpy(p + 10, shape, (size_t)n);
    p[127] = '\n';
    zip_t *z = zip_open(path, ZIP_CREATE | ZIP_TRUNCATE, NULL);
    CHECK(z != NULL);
    const size_t size = 128 + rows * columns * each;
    CHECK(zip_file_add(z, "x.npy", zip_source_buffer(z, p, size, 0), 0) == 0);
    CHECK(!labels || zip_file_add(z, "y.npy", zip_source_buffer(z, p, size, 0), 0) == 1);
    CHECK(zip_close(z) == 0);
    free(p);
    bomb_size = get_file(path, bomb, BOMB_MOST);
    unlink(path);
}

static void npz_zeros(void)
{
    npz_of((size_t)80 << 20, "|u1", 1, 1024, 0);
}

static void npz_within(void)
{
    npz_of(WITHIN, "<f4", 4, 1, 1);
}

static void npz_bytes_within(void)
{
    npz_of(WITHIN / 4, "|u1", 1, 1, 1);
}

static void svm_wide(void)
{
    char line[40];
    for (int i = 0; i < 300; i++)
        add(line, (size_t)snprintf(line, sizeof line, "1 %d:1\n", 1000000 - i));
}

static void fps_wide(void)
{
    add("#FPS1\n#num_bits=4000000000\n00\ta\n", 33);
}

static void safetensors_deep(void)
{
    const uint64_t n = BOMB_MOST - 8;
    uint8_t size[8];
    egi_store_le64(size, n);
    add(size, 8);
    memset(bomb + bomb_size, '[', n);
    bomb_size += n;
}

static void safetensors_of(const char *header)
{
    uint8_t size[8];
    egi_store_le64(size, strlen(header));
    add(size, 8);
    add(header, strlen(header));
}

static void safetensors_many(void)
{
    static char text[BOMB_MOST - 8];
    size_t n = (size_t)snprintf(text, sizeof text, "{");
    for (int i = 0; n < sizeof text - 200; i++)
        n += (size_t)snprintf(text + n, sizeof text - n,
                              "%s\"%x\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]}",
                              i > 0 ? "," : "", i);
    snprintf(text + n, sizeof text - n, "}");
    safetensors_of(text);
}

static void learner_wide(void)
{
    safetensors_of(
        "{\"__metadata__\":{\"learner\":\"{\\\"kind\\\": \\\"network\\\", \\\"layers\\\": "
        "[{\\\"kind\\\": \\\"linear\\\", \\\"units\\\": 100000000}, \\\"linear\\\"]}\","
        "\"task\":\"{\\\"inputs\\\": 1000, \\\"classes\\\": 2, \\\"epochs\\\": 1}\","
        "\"seed\":\"1\"}}");
}

/* A memory file with right checksums, and a description that asks for much. */
static void memory_of(const char *text)
{
    const char *path = tmp_path(2, "bomb.egm");
    eg_memory_file *f = NULL;
    CHECK_OK(eg_memory_file_create(path, 4, NULL, NULL, &f));
    CHECK_OK(egi_store_begin(f->store, 1));
    CHECK_OK(egi_store_set_meta(f->store, EGI_MEMORY_KEY, text, strlen(text)));
    CHECK_OK(egi_store_commit(f->store));
    eg_memory_file_close(f);
    bomb_size = get_file(path, bomb, BOMB_MOST);
    unlink(path);
}

static void memory_patterns(size_t d, eg_storage storage, size_t features)
{
    char text[EGI_TEXT_MAX];
    eg_memory_options o = EG_MEMORY_OPTIONS_INIT;
    o.storage = storage;
    o.features = features;
    o.rule.projection = storage == EG_STORE_FEATURES ? EG_PROJ_IDENTITY : EG_PROJ_SIGN;
    text[egi_memory_text(d, &o, text)] = '\0';
    memory_of(text);
}

static void memory_weights(void)
{
    memory_patterns(40000, EG_STORE_HEBB, 4096);
}

static void memory_features(void)
{
    memory_patterns(1000, EG_STORE_FEATURES, 3000000);
}

static void memory_binary(void)
{
    memory_of(
        "engram memory 2\nbinary clique\nclusters 100\nunits 3000\nout_clusters 0\nout_units 0\n"
        "order 0\nlocations 0\nradius 0\ncounted 1\nseed 0\n");
}

static void memory_head(void)
{
    memory_of(
        "engram memory 3\nhead {\"kind\": \"ridge\", \"units\": 100000}\nfeatures 4000\nseed 0\n");
}

static void airr_rows(void)
{
    packed("junction_aa\n", 12, "CASSF\n", 6, (size_t)1 << 30);
}

static void airr_line(void)
{
    packed("junction_aa\n", 12, "A", 1, (size_t)80 << 20);
}

/* ---- who reads it ---- */

static void read_data(const char *format, const char *path, const eg_allocator *a)
{
    eg_read_options o = EG_READ_OPTIONS_INIT;
    eg_dataset set;
    o.format = format;
    o.alloc = a;
    o.index_base = 1;
    if (eg_dataset_read(path, &o, &set) == EG_OK) eg_dataset_clear(&set);
}

static void read_params(const char *format, const char *path, const eg_allocator *a)
{
    eg_params *p = NULL;
    eg_learner *l = NULL;
    (void)format;
    CHECK(eg_params_load(path, a, NULL, NULL, &p) <= EG_OK);
    eg_params_destroy(p);
    CHECK(eg_learner_open(path, 1, a, &l) != EG_OK);
}

static void read_memory(const char *format, const char *path, const eg_allocator *a)
{
    eg_file_options o = EG_FILE_OPTIONS_INIT;
    eg_memory_file *f = NULL;
    eg_memory *m = NULL;
    eg_binary *b = NULL;
    eg_head *h = NULL;
    (void)format;
    o.alloc = a;
    if (eg_memory_file_open(path, &o, &f) == EG_OK) {
        CHECK(eg_memory_file_load(f, &m) < EG_OK);
        CHECK(eg_memory_file_load_binary(f, &b) < EG_OK);
        CHECK(eg_memory_file_load_head(f, &h) < EG_OK);
        CHECK(eg_memory_file_verify(f, NULL, NULL) <= EG_OK);
    }
    eg_memory_file_close(f);
}

static void read_receptors(const char *format, const char *path, const eg_allocator *a)
{
    eg_airr_options o = EG_AIRR_OPTIONS_INIT;
    eg_clonotype row;
    eg_airr *t = NULL;
    (void)format;
    o.alloc = a;
    if (eg_airr_open(path, &o, &t) != EG_OK) return;
    while (eg_airr_next(t, &row) == EG_OK) continue;
    eg_airr_close(t);
}

static const struct bomb bombs[] = {
    { "rows of a CSV in gzip", csv_rows, read_data, "csv" },
    { "a row of a CSV in gzip", csv_row, read_data, "csv" },
    { "labelled rows in gzip", csv_rows_within, read_data, "csv" },
    { "UCR rows in gzip", ucr_rows_within, read_data, "ucr" },
    { "svmlight rows in gzip", svm_rows_within, read_data, "svmlight" },
    { "fingerprints in gzip", fps_rows_within, read_data, "fps" },
    { "columns of a CSV", csv_columns, read_data, "csv" },
    { "labels of a CSV", csv_labels, read_data, "csv" },
    { "an IDX in gzip", idx_zeros, read_data, "idx" },
    { "an IDX within the limit", idx_within, read_data, "idx" },
    { "an IDX that declares", idx_declares, read_data, "idx" },
    { "an NPY that declares", npy_declares, read_data, "npy" },
    { "an NPZ of zeros", npz_zeros, read_data, "npz" },
    { "an NPZ within the limit", npz_within, read_data, "npz" },
    { "an NPZ of bytes", npz_bytes_within, read_data, "npz" },
    { "a wide svmlight", svm_wide, read_data, "svmlight" },
    { "wide fingerprints", fps_wide, read_data, "fps" },
    { "deep JSON", safetensors_deep, read_params, NULL },
    { "many tensors", safetensors_many, read_params, NULL },
    { "a wide learner", learner_wide, read_params, NULL },
    { "a memory of weights", memory_weights, read_memory, NULL },
    { "a memory of features", memory_features, read_memory, NULL },
    { "a binary memory", memory_binary, read_memory, NULL },
    { "a head", memory_head, read_memory, NULL },
    { "receptors in gzip", airr_rows, read_receptors, NULL },
    { "a line of receptors in gzip", airr_line, read_receptors, NULL },
};

int main(void)
{
    return bombs_run("bombs", bombs, EGI_COUNT(bombs));
}
