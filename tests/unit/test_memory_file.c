/* The memory file: what goes in comes out, to the bit, and nothing else does. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/egi_base.h"
#include "check.h"

enum { N = 300, D = 24, DV = 3 };

static char folder[256];

static const char *path_of(const char *name)
{
    static char path[8][320];
    static int at;
    at = (at + 1) % 8;
    snprintf(path[at], sizeof path[at], "%s/%s", folder, name);
    return path[at];
}

static const char *fresh(const char *name)
{
    static const char *const tail[] = { "", "-wal", "-shm", "-journal" };
    char other[400];
    const char *path = path_of(name);
    for (size_t i = 0; i < EGI_COUNT(tail); i++) {
        snprintf(other, sizeof other, "%s%s", path, tail[i]);
        unlink(other);
    }
    return path;
}

static int make_folder(void **state)
{
    const char *tmp = getenv("EG_TEST_TMP");
    (void)state;
    snprintf(folder, sizeof folder, "%s/memory_file.XXXXXX", tmp != NULL ? tmp : ".");
    return mkdtemp(folder) != NULL ? 0 : -1;
}

static int remove_folder(void **state)
{
    char command[300];
    (void)state;
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
}

static uint8_t *read_all(const char *path, size_t *size)
{
    FILE *in = fopen(path, "rb");
    struct stat st;
    CHECK(in != NULL && fstat(fileno(in), &st) == 0);
    uint8_t *bytes = malloc((size_t)st.st_size + 1);
    *size = fread(bytes, 1, (size_t)st.st_size, in);
    fclose(in);
    return bytes;
}

struct data {
    float x[N * D], value[N * DV], weight[N];
    int32_t label[N];
    uint64_t id[N];
};

/* ids in disorder: a permutation of 5, 12, 19 ... */
static struct data *make_data(void)
{
    struct data *a = malloc(sizeof *a);
    CHECK(a != NULL);
    eg_random_normal(1, 1, 0, N * D, a->x);
    eg_random_normal(1, 2, 0, N * DV, a->value);
    eg_random_uniform(1, 3, 0, N, a->weight);
    for (size_t i = 0; i < N; i++) {
        a->weight[i] += 0.5f;
        a->label[i] = (int32_t)(i % 10) - 2;
        a->id[i] = 5 + 7 * ((i * 101) % N);
    }
    return a;
}

static void check_row(const eg_memory *m, size_t i, const struct data *a, size_t k, int bits)
{
    float x[D], value[DV];
    CHECK_OK(eg_memory_pattern(m, i, x));
    CHECK_OK(eg_memory_value(m, i, value));
    for (size_t c = 0; c < D; c++)
        CHECK(x[c] == (bits ? (a->x[k * D + c] >= 0 ? 1.0f : -1.0f) : a->x[k * D + c]));
    CHECK_SAME_BITS(value, a->value + k * DV, sizeof value);
    CHECK(eg_memory_id(m, i) == a->id[k]);
    CHECK(eg_memory_label(m, i) == a->label[k]);
    CHECK(eg_memory_weight(m, i) == a->weight[k]);
}

static eg_memory_options with_values(eg_storage storage)
{
    eg_memory_options o = EG_MEMORY_OPTIONS_INIT;
    o.storage = storage;
    o.value_size = DV;
    o.rule.separation = EG_SEP_RECTIFIED;
    o.rule.projection = EG_PROJ_SIGN;
    o.rule.order = 3;
    o.rule.beta = 0.1;
    o.seed = UINT64_MAX;
    return o;
}

static void what_is_stored_comes_back(void **state)
{
    static const eg_storage storages[] = { EG_STORE_DENSE, EG_STORE_BITS };
    struct data *a = make_data();
    (void)state;
    for (size_t s = 0; s < EGI_COUNT(storages); s++) {
        const char *path = fresh("whole.egm");
        const eg_memory_options o = with_values(storages[s]);
        eg_memory_file *f = NULL;
        eg_memory *m = NULL;
        uint64_t got[N];
        CHECK_OK(eg_memory_file_create(path, D, &o, NULL, &f));
        static const size_t cut[] = { 0, 1, 2, 40, 41, N }; /* small and large appends */
        for (size_t k = 0; k + 1 < EGI_COUNT(cut); k++) {
            const size_t at = cut[k];
            const eg_items items = { a->weight + at, a->label + at, a->value + at * DV,
                                     a->id + at };
            CHECK_OK(eg_memory_file_append(f, a->x + at * D, cut[k + 1] - at, &items, got + at));
        }
        CHECK_SAME_BITS(got, a->id, sizeof got);
        eg_memory_file_close(f);
        CHECK_OK(eg_memory_file_open(path, NULL, &f));
        CHECK_OK(eg_memory_file_verify(f, NULL, NULL));
        CHECK_OK(eg_memory_file_load(f, &m));
        eg_file_info info;
        CHECK_OK(eg_memory_file_info(f, &info));
        eg_memory_file_close(f);
        CHECK(info.count == N && info.size == D && info.value_size == DV);
        CHECK(info.storage == storages[s] && info.format_version == 3);
        CHECK(info.rule.similarity == o.rule.similarity && info.rule.separation == o.rule.separation
              && info.rule.projection == o.rule.projection && info.rule.beta == o.rule.beta
              && info.rule.order == o.rule.order && info.rule.k == o.rule.k
              && info.rule.gain == o.rule.gain && info.rule.size == sizeof o.rule);
        assert_string_equal(info.library_version, EG_VERSION);
        assert_int_equal(strlen(info.root_hash), 16);
        CHECK(eg_memory_count(m) == N);
        CHECK(eg_memory_options_view(m)->seed == UINT64_MAX);
        for (size_t i = 0; i < N; i++) check_row(m, i, a, i, storages[s] == EG_STORE_BITS);
        eg_memory_destroy(m);
    }
    free(a);
}

static void removed_patterns_are_gone_and_order_stays(void **state)
{
    struct data *a = make_data();
    const char *path = fresh("remove.egm");
    const eg_memory_options o = with_values(EG_STORE_DENSE);
    const eg_items items = { a->weight, a->label, a->value, a->id };
    eg_memory_file *f = NULL;
    eg_memory *m = NULL;
    (void)state;
    CHECK_OK(eg_memory_file_create(path, D, &o, NULL, &f));
    CHECK_OK(eg_memory_file_append(f, a->x, N, &items, NULL));
    const uint64_t missing[2] = { a->id[3], 6 };
    CHECK_STATUS(eg_memory_file_remove(f, missing, 2), EG_NOT_FOUND);
    const uint64_t twice[2] = { a->id[3], a->id[3] };
    CHECK_STATUS(eg_memory_file_remove(f, twice, 2), EG_ERR_INVALID);
    uint64_t gone[N / 3];
    for (size_t i = 0; i < N / 3; i++) gone[i] = a->id[3 * i + 1];
    CHECK_OK(eg_memory_file_remove(f, gone, N / 3));
    CHECK_STATUS(eg_memory_file_append(f, a->x, 1, &items, NULL), EG_ERR_INVALID); /* in use */
    CHECK_OK(eg_memory_file_verify(f, NULL, NULL));
    CHECK_OK(eg_memory_file_load(f, &m));
    CHECK(eg_memory_count(m) == N - N / 3);
    for (size_t i = 0; i < N - N / 3; i++) check_row(m, i, a, i / 2 * 3 + i % 2 * 2, 0);
    eg_memory_destroy(m);
    /* An id that was given out is not given again. */
    uint64_t id = 0;
    const eg_items plain = { NULL, NULL, a->value, NULL };
    const uint64_t top = 5 + 7 * (N - 1);
    CHECK_OK(eg_memory_file_append(f, a->x, 1, &plain, &id));
    CHECK(id == top + 1);
    CHECK_OK(eg_memory_file_remove(f, &id, 1));
    CHECK_OK(eg_memory_file_append(f, a->x, 1, &plain, &id));
    CHECK(id == top + 2);
    eg_memory_file_close(f);
    free(a);
}

static size_t occurrences(const uint8_t *hay, size_t n, const void *needle, size_t m)
{
    size_t count = 0;
    const uint8_t *at = hay;
    while ((at = memmem(at, n - (size_t)(at - hay), needle, m)) != NULL) {
        at++;
        count++;
    }
    return count;
}

/* Many small appends, most of it removed: vacuum joins blocks and leaves no old byte. */
static void vacuum_gives_space_back(void **state)
{
    enum { MANY = 600 };
    struct data *a = make_data();
    const char *path = fresh("vacuum.egm");
    eg_memory_file *f = NULL;
    uint64_t id[MANY];
    size_t size;
    (void)state;
    CHECK_OK(eg_memory_file_create(path, D, NULL, NULL, &f));
    for (size_t i = 0; i < MANY; i++)
        CHECK_OK(eg_memory_file_append(f, a->x + i % N * D, 1, NULL, id + i));
    CHECK_OK(eg_memory_file_remove(f, id, MANY - 60));
    CHECK_OK(eg_memory_file_vacuum(f));
    CHECK_OK(eg_memory_file_verify(f, NULL, NULL));
    char log[400];
    struct stat st;
    snprintf(log, sizeof log, "%s-wal", path);
    CHECK(stat(log, &st) != 0 || st.st_size == 0);
    uint8_t *bytes = read_all(path, &size);
    CHECK(size <= 6 * 4096); /* header, three tables, 60 x 96 bytes */
    /* patterns 540..599 are rows 240..299 of x; of the others not even two numbers are left */
    size_t found = 0;
    for (size_t i = 0; i < N; i++)
        for (size_t c = 0; c < D; c += 2) {
            const size_t times = occurrences(bytes, size, a->x + i * D + c, 2 * sizeof(float));
            CHECK(times <= (i >= 240));
            found += times;
        }
    CHECK(found >= 60 * D / 2 - 2); /* a page may end between two numbers */
    free(bytes);
    eg_memory *m = NULL;
    CHECK_OK(eg_memory_file_load(f, &m));
    CHECK(eg_memory_count(m) == 60 && eg_memory_id(m, 0) == id[MANY - 60]);
    eg_memory_destroy(m);
    eg_memory_file_close(f);
    free(a);
}

static void memories_are_saved_and_loaded(void **state)
{
    struct data *a = make_data();
    (void)state;
    for (int s = 0; s < EG_STORE_COUNT; s++) {
        const char *path = fresh("saved.egm");
        eg_memory_options o = EG_MEMORY_OPTIONS_INIT;
        eg_memory *m = NULL, *back = NULL;
        eg_memory_file *f = NULL;
        float x[D], want[D], got[D];
        o.storage = (eg_storage)s;
        o.features = 64;
        o.seed = 5;
        if (s != EG_STORE_DENSE && s != EG_STORE_FEATURES) o.rule.projection = EG_PROJ_SIGN;
        CHECK_OK(eg_memory_create(D, &o, &m));
        CHECK_OK(eg_memory_add(m, a->x, 9, NULL));
        CHECK_OK(eg_memory_file_save(path, m, NULL));
        CHECK_STATUS(eg_memory_file_save(path, m, NULL), EG_ERR_IO); /* it exists */
        CHECK_OK(eg_memory_file_open(path, NULL, &f));
        CHECK_OK(eg_memory_file_verify(f, NULL, NULL));
        CHECK_OK(eg_memory_file_load(f, &back));
        eg_file_info info;
        CHECK_OK(eg_memory_file_info(f, &info));
        CHECK(info.count == 9 && (int)info.storage == s);
        eg_random_normal(9, 9, 0, D, x);
        CHECK_OK(eg_memory_step(m, x, 1, 1, want));
        CHECK_OK(eg_memory_step(back, x, 1, 1, got));
        CHECK_SAME_BITS(want, got, sizeof want);
        eg_memory_destroy(back);
        /* and patterns appended to what was saved */
        CHECK_OK(eg_memory_add(m, a->x + 9 * D, 3, NULL));
        CHECK_OK(eg_memory_file_append(f, a->x + 9 * D, 3, NULL, NULL));
        CHECK_OK(eg_memory_file_load(f, &back));
        CHECK_OK(eg_memory_step(m, x, 1, 1, want));
        CHECK_OK(eg_memory_step(back, x, 1, 1, got));
        CHECK_SAME_BITS(want, got, sizeof want);
        eg_memory_destroy(back);
        eg_memory_destroy(m);
        eg_memory_file_close(f);
    }
    free(a);
}

/* A memory of weights keeps its patterns in the file, so any of them can be removed. */
static void weights_of_a_file_can_forget(void **state)
{
    struct data *a = make_data();
    const char *path = fresh("weights.egm");
    eg_memory_options o = EG_MEMORY_OPTIONS_INIT;
    eg_memory_file *f = NULL;
    eg_memory *m = NULL, *want = NULL;
    uint64_t id[4];
    double got_state[D * D], want_state[D * D];
    (void)state;
    o.storage = EG_STORE_PSEUDOINVERSE;
    CHECK_OK(eg_memory_file_create(path, D, &o, NULL, &f));
    CHECK_OK(eg_memory_file_append(f, a->x, 4, NULL, id));
    CHECK_OK(eg_memory_file_remove(f, id + 3, 1));
    CHECK_OK(eg_memory_file_load(f, &m));
    CHECK_OK(eg_memory_create(D, &o, &want));
    CHECK_OK(eg_memory_add(want, a->x, 3, NULL));
    CHECK_OK(eg_memory_state(m, got_state));
    CHECK_OK(eg_memory_state(want, want_state));
    CHECK_SAME_BITS(got_state, want_state, sizeof want_state);
    eg_memory_destroy(m);
    eg_memory_destroy(want);
    eg_memory_file_close(f);
    free(a);
}

static eg_status count_note(void *user, const char *key, const char *value)
{
    size_t *n = user;
    *n += strlen(key) + strlen(value);
    return EG_OK;
}

static void notes_are_text(void **state)
{
    const char *path = fresh("notes.egm");
    eg_memory_file *f = NULL;
    const char *value = "untouched";
    (void)state;
    CHECK_OK(eg_memory_file_create(path, 4, NULL, NULL, &f));
    CHECK_STATUS(eg_memory_file_note(f, "title", &value), EG_NOT_FOUND);
    assert_string_equal(value, "untouched");
    CHECK_OK(eg_memory_file_set_note(f, "title", "digits"));
    CHECK_OK(eg_memory_file_set_note(f, "title", "Ziffern \xc3\xa4 \xf0\x9f\x90\x98"));
    CHECK_OK(eg_memory_file_set_note(f, "class/3", ""));
    CHECK_OK(eg_memory_file_note(f, "title", &value));
    assert_string_equal(value, "Ziffern \xc3\xa4 \xf0\x9f\x90\x98");
    size_t n = 0;
    CHECK_OK(eg_memory_file_notes(f, count_note, &n));
    CHECK(n == 5 + 15 + 7);
    CHECK_OK(eg_memory_file_set_note(f, "title", NULL));
    CHECK_OK(eg_memory_file_set_note(f, "title", NULL));
    CHECK_STATUS(eg_memory_file_note(f, "title", &value), EG_NOT_FOUND);
    static const char *const bad[] = { "\xff",     "\xc0\x80",         "\xed\xa0\x80",
                                       "\xe2\x82", "\xf5\x80\x80\x80", "ab\x80" };
    for (size_t i = 0; i < EGI_COUNT(bad); i++) {
        CHECK_STATUS(eg_memory_file_set_note(f, "k", bad[i]), EG_ERR_INVALID);
        CHECK_STATUS(eg_memory_file_set_note(f, bad[i], "v"), EG_ERR_INVALID);
    }
    char long_key[300];
    memset(long_key, 'k', sizeof long_key);
    long_key[201] = '\0';
    CHECK_STATUS(eg_memory_file_set_note(f, long_key, "v"), EG_ERR_LIMIT);
    long_key[200] = '\0';
    CHECK_OK(eg_memory_file_set_note(f, long_key, "v"));
    CHECK_STATUS(eg_memory_file_set_note(f, "", "v"), EG_ERR_INVALID);
    CHECK_OK(eg_memory_file_verify(f, NULL, NULL));
    eg_memory_file_close(f);
}

static void arguments_are_checked(void **state)
{
    struct data *a = make_data();
    const char *path = fresh("arguments.egm");
    const eg_memory_options o = with_values(EG_STORE_DENSE);
    eg_memory_file *f = NULL;
    (void)state;
    CHECK_STATUS(eg_memory_file_create(path, 0, &o, NULL, &f), EG_ERR_INVALID);
    CHECK_STATUS(eg_memory_file_create(NULL, D, &o, NULL, &f), EG_ERR_INVALID);
    CHECK_STATUS(eg_memory_file_create("", D, &o, NULL, &f), EG_ERR_INVALID);
    eg_file_options bad = EG_FILE_OPTIONS_INIT;
    bad.durability = 3;
    CHECK_STATUS(eg_memory_file_create(path, D, &o, &bad, &f), EG_ERR_INVALID);
    CHECK(access(path, F_OK) != 0 && f == NULL);
    CHECK_OK(eg_memory_file_create(path, D, &o, NULL, &f));
    eg_memory_file *second = NULL;
    CHECK_STATUS(eg_memory_file_create(path, D, &o, NULL, &second), EG_ERR_IO);
    const eg_items no_values = { NULL, NULL, NULL, NULL };
    eg_items items = { a->weight, a->label, a->value, a->id };
    CHECK_STATUS(eg_memory_file_append(f, a->x, 2, &no_values, NULL), EG_ERR_SHAPE);
    a->x[D + 1] = NAN;
    CHECK_STATUS(eg_memory_file_append(f, a->x, 2, &items, NULL), EG_ERR_INVALID);
    a->x[D + 1] = 1;
    a->weight[1] = 0;
    CHECK_STATUS(eg_memory_file_append(f, a->x, 2, &items, NULL), EG_ERR_INVALID);
    a->weight[1] = 1;
    a->id[1] = a->id[0];
    CHECK_STATUS(eg_memory_file_append(f, a->x, 2, &items, NULL), EG_ERR_INVALID);
    a->id[1] = 0;
    CHECK_STATUS(eg_memory_file_append(f, a->x, 2, &items, NULL), EG_ERR_INVALID);
    eg_file_info info;
    CHECK_OK(eg_memory_file_info(f, &info));
    CHECK(info.count == 0);
    eg_memory_file_close(f);
    eg_file_options reader = EG_FILE_OPTIONS_INIT;
    reader.read_only = 1;
    CHECK_OK(eg_memory_file_open(path, &reader, &f));
    a->id[1] = 1;
    CHECK_STATUS(eg_memory_file_append(f, a->x, 2, &items, NULL), EG_ERR_INVALID);
    eg_memory_file_close(f);
    eg_memory_file_close(NULL);
    free(a);
}

static void a_backup_is_the_file(void **state)
{
    struct data *a = make_data();
    const char *path = fresh("original.egm"), *to = fresh("backup.egm");
    eg_memory_file *f = NULL, *g = NULL;
    eg_file_info one, two;
    (void)state;
    CHECK_OK(eg_memory_file_create(path, D, NULL, NULL, &f));
    CHECK_OK(eg_memory_file_append(f, a->x, N, NULL, NULL));
    CHECK_OK(eg_memory_file_backup(f, to));
    CHECK_STATUS(eg_memory_file_backup(f, to), EG_ERR_IO);
    CHECK_OK(eg_memory_file_info(f, &one));
    CHECK_OK(eg_memory_file_append(f, a->x, 1, NULL, NULL)); /* goes on being usable */
    CHECK_OK(eg_memory_file_open(to, NULL, &g));
    CHECK_OK(eg_memory_file_info(g, &two));
    assert_string_equal(one.root_hash, two.root_hash);
    CHECK(two.count == N);
    eg_memory_file_close(f);
    eg_memory_file_close(g);
    free(a);
}

static void exports_hold_the_patterns(void **state)
{
    struct data *a = make_data();
    const char *path = fresh("export.egm"), *npy = fresh("out.npy"), *st = fresh("out.safetensors");
    eg_memory_file *f = NULL;
    size_t size;
    (void)state;
    CHECK_OK(eg_memory_file_create(path, D, NULL, NULL, &f));
    CHECK_OK(eg_memory_file_append(f, a->x, N, NULL, NULL));
    CHECK_OK(eg_memory_file_export(f, npy, "npy"));
    CHECK_OK(eg_memory_file_export(f, st, "safetensors"));
    CHECK_STATUS(eg_memory_file_export(f, st, "hdf5"), EG_ERR_INVALID);
    eg_memory_file_close(f);
    uint8_t *bytes = read_all(npy, &size);
    CHECK(size > sizeof a->x && memcmp(bytes + size - sizeof a->x, a->x, sizeof a->x) == 0);
    free(bytes);
    bytes = read_all(st, &size);
    CHECK(occurrences(bytes, size, a->x, sizeof a->x) == 1);
    CHECK(occurrences(bytes, size, "\"values\"", 8) == 0);
    CHECK(occurrences(bytes, size, "engram memory 1", 15) == 1);
    free(bytes);
    free(a);
}

static void blocks_are_filled(void **state)
{
    enum { MANY = 20000 };
    const char *path = fresh("bulk.egm");
    float *x = malloc((size_t)MANY * D * sizeof *x);
    eg_memory_file *f = NULL;
    eg_memory *m = NULL;
    eg_file_info info;
    (void)state;
    eg_random_normal(3, 3, 0, (size_t)MANY * D, x);
    CHECK_OK(eg_memory_file_create(path, D, NULL, NULL, &f));
    CHECK_OK(eg_memory_file_append(f, x, MANY, NULL, NULL));
    CHECK_OK(eg_memory_file_info(f, &info));
    /* 5 % over the patterns and their digests */
    CHECK(info.file_bytes < (uint64_t)MANY * (D * 4 + 8) * 105 / 100);
    CHECK_OK(eg_memory_file_load(f, &m));
    for (size_t i = 0; i < MANY; i += 997) {
        float row[D];
        CHECK_OK(eg_memory_pattern(m, i, row));
        CHECK_SAME_BITS(row, x + i * D, sizeof row);
        CHECK(eg_memory_id(m, i) == i + 1);
    }
    eg_memory_destroy(m);
    eg_memory_file_close(f);
    free(x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_stored_comes_back),
        cmocka_unit_test(removed_patterns_are_gone_and_order_stays),
        cmocka_unit_test(vacuum_gives_space_back),
        cmocka_unit_test(memories_are_saved_and_loaded),
        cmocka_unit_test(weights_of_a_file_can_forget),
        cmocka_unit_test(notes_are_text),
        cmocka_unit_test(arguments_are_checked),
        cmocka_unit_test(a_backup_is_the_file),
        cmocka_unit_test(exports_hold_the_patterns),
        cmocka_unit_test(blocks_are_filled),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
