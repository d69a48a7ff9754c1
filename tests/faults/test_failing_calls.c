/* Every place of the library that asks the system, SQLite or zlib for something, or for memory, is
 * refused it: the first time that the place asks, the last time, and from the first time on. A
 * place is the chain of calls that leads there, so that two callers of one function are two places.
 * What comes of it is the status of that failure, or that all went well without; nothing is left
 * behind, nothing leaks, and the next time all goes well. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "data_bytes.h"
#include "every_call_table.h"
#include "refused.h"
#include "store/egi_store.h"

/* What is left of a file with a damaged page is saved. */
static eg_status mend(const char *path)
{
    char name[600], mended[600];
    uint64_t kept, lost;
    eg_memory_file *f = NULL;
    eg_status s = EG_OK;
    call_path(path, ".egm", name);
    call_path(path, ".mended.egm", mended);
    CALL(eg_memory_file_create(name, CALL_D, NULL, NULL, &f));
    for (size_t i = 0; i < CALL_MANY; i += 100)
        CALL(eg_memory_file_append(f, call_many + i * CALL_D, 100, NULL, NULL));
    eg_memory_file_close(f);
    f = NULL;
    if (s == EG_OK) {
        const int fd = REAL(open)(name, O_RDWR);
        if (pwrite(fd, "damage", 6, 9 * 4096 + 100) != 6) s = EG_ERR_INVALID;
        close(fd);
    }
    CALL(eg_memory_file_repair(name, mended, NULL, &kept, &lost));
    call_discard(name);
    call_discard(mended);
    return s;
}

static eg_status nothing(void *user, egi_store *s)
{
    (void)user;
    (void)s;
    return EG_OK;
}

/* Memories whose patterns have values, labels and weights, and one that is sums alone. */
static eg_status richer(const char *path)
{
    char name[600], copy[600], table[600];
    eg_status s = EG_OK;
    call_path(path, ".egm", name);
    call_path(path, ".copy.egm", copy);
    call_path(path, ".st", table);
    for (int sums = 0; sums < 2; sums++) {
        eg_memory_options o = EG_MEMORY_OPTIONS_INIT;
        const eg_items items = { .labels = call_y, .values = call_sign };
        eg_memory_file *f = NULL;
        eg_memory *m = NULL, *loaded = NULL;
        uint64_t kept, lost;
        o.value_size = sums ? 0 : 2;
        if (sums) {
            o.storage = EG_STORE_FEATURES;
            o.rule.similarity = EG_SIM_EUCLIDEAN;
            o.rule.projection = EG_PROJ_IDENTITY;
            o.features = 128;
            o.rule.beta = .25;
        }
        CALL(eg_memory_create(CALL_D, &o, &m));
        CALL(eg_memory_add(m, call_x, CALL_N, sums ? NULL : &items));
        CALL(eg_memory_file_save(name, m, NULL));
        CALL(eg_memory_file_open(name, NULL, &f));
        CALL(eg_memory_file_load(f, &loaded));
        CALL(eg_memory_file_append(f, call_x, 3, sums ? NULL : &items, NULL));
        CALL(eg_memory_file_verify(f, call_nothing, NULL));
        CALL(eg_memory_file_vacuum(f));
        if (!sums) CALL(eg_memory_file_export(f, table, "safetensors"));
        eg_memory_file_close(f);
        CALL(eg_memory_file_repair(name, copy, NULL, &kept, &lost));
        eg_memory_destroy(loaded);
        eg_memory_destroy(m);
        unlink(table);
        call_discard(name);
        call_discard(copy);
    }
    return s;
}

/* What the store offers and the memory file does not use. */
static eg_status store(const char *path)
{
    const egi_store_options o = { .wait_ms = 100, .alloc = eg_allocator_default() };
    egi_record head = { 0, 1, 0, 0, 1, 5 };
    egi_store *f = NULL;
    uint64_t all, unused;
    eg_status s = EG_OK;
    CALL(egi_store_build(path, &o, nothing, NULL));
    CALL(egi_store_open(path, &o, &f));
    CALL(egi_store_begin(f, 1));
    CALL(egi_store_put(f, &head, "bytes"));
    CALL(egi_store_set_meta(f, "key", "value", 5));
    CALL(egi_store_commit(f));
    CALL(egi_store_begin(f, 1));
    CALL(egi_store_set_meta(f, "key", NULL, 0));
    CALL(egi_store_delete(f, head.id));
    CALL(egi_store_commit(f));
    CALL(egi_store_space(f, &all, &unused));
    egi_store_close(f);
    call_discard(path);
    return s;
}

static struct bytes small[SMALL_FILES];

/* A small file of every format, from memory and from a file. */
static eg_status readers(const char *path)
{
    eg_read_options o = EG_READ_OPTIONS_INIT;
    eg_status s = EG_OK;
    o.index_base = 1;
    for (size_t i = 0; i < SMALL_FILES; i++) {
        eg_dataset set = { .n = 0 };
        CALL(egi_read_bytes(small[i].format, "t", small[i].p, small[i].size, &o, &set));
        eg_dataset_clear(&set);
        set = (eg_dataset){ .n = 0 };
        put_file(path, small[i].p, small[i].size);
        o.format = small[i].format;
        CALL(eg_dataset_read(path, &o, &set));
        eg_dataset_clear(&set);
        o.format = NULL;
    }
    unlink(path);
    return s;
}

/* Tables whose rows are bags, with folds and groups, and words of them. */
static eg_status bags(const char *path)
{
    static const char table[] = "picture,x,y,label,test1,test2\n"
                                "a,1,2,cat,0,1\na,3,4,cat,0,1\nb,5,6,dog,1,0\nc,7,8,dog,1,0\n";
    char name[600], other[600], list[600], text[700];
    const char *const columns[] = { "junction_aa\tv_call\nCASSF\tV1\nCAWF\tV2\nCAWWF\t\n" };
    eg_read_options o = EG_READ_OPTIONS_INIT;
    eg_dataset set = { .n = 0 };
    eg_status s = EG_OK;
    call_path(path, ".csv", name);
    put_file(name, table, sizeof table - 1);
    o.bag_column = "picture";
    o.label_column = "label";
    o.folds = 1;
    CALL(eg_dataset_read(name, &o, &set));
    eg_dataset_clear(&set);
    set = (eg_dataset){ .n = 0 };
    unlink(name);
    call_path(path, ".tsv", name);
    call_path(path, ".2.tsv", other);
    call_path(path, ".list.tsv", list);
    for (int packs = 0; packs < 2; packs++) {
        struct bytes b;
        if (packs)
            make_gzip(&b, "airr", columns[0], strlen(columns[0]));
        else
            bytes_set(&b, "airr", columns[0], strlen(columns[0]));
        put_file(name, b.p, b.size);
        put_file(other, b.p, b.size);
        snprintf(text, sizeof text, "filename\tcmv\n%s\tone\n%s\ttwo\n", strrchr(name, '/') + 1,
                 strrchr(other, '/') + 1);
        put_file(list, text, strlen(text));
        o = (eg_read_options)EG_READ_OPTIONS_INIT;
        o.label_column = "cmv";
        CALL(eg_dataset_read(list, &o, &set));
        eg_dataset_clear(&set);
        set = (eg_dataset){ .n = 0 };
    }
    unlink(name);
    unlink(other);
    unlink(list);
    return s;
}

/* A set of a catalogue: files of IDX with labels, a table in two files. */
static eg_status catalogue(const char *path)
{
    static const uint8_t labels[] = { 0, 0, 8, 1, 0, 0, 0, 2, 1, 0 };
    static const struct {
        const char *name;
        const void *p;
        size_t size;
    } files[] = {
        { "train-images-idx3-ubyte", small_idx, sizeof small_idx },
        { "train-labels-idx1-ubyte", labels, sizeof labels },
        { "t10k-images-idx3-ubyte", small_idx, sizeof small_idx },
        { "a.csv", small_csv, sizeof small_csv - 1 },
        { "w_TRAIN.tsv", small_ucr, sizeof small_ucr - 1 },
        { "w_TEST.tsv", small_ucr, sizeof small_ucr - 1 },
    };
    char name[600];
    eg_read_options o = EG_READ_OPTIONS_INIT;
    eg_dataset set = { .n = 0 };
    eg_status s = mkdir(path, 0700) == 0 ? EG_OK : EG_ERR_IO;
    for (size_t i = 0; i < EGI_COUNT(files); i++) {
        snprintf(name, sizeof name, "%s/%s", path, files[i].name);
        put_file(name, files[i].p, files[i].size);
    }
    if (setenv("ENGRAM_DATA", call_folder, 1) != 0) s = EG_ERR_IO;
    CALL(eg_catalogue_parts(strrchr(path, '/') + 1, call_nothing, NULL));
    CALL(eg_catalogue_find_all(call_nothing_of, NULL));
    snprintf(name, sizeof name, "%s/train", strrchr(path, '/') + 1);
    for (int both = 0; both < 2; both++) {
        if (s >= EG_OK) s = eg_catalogue_read(name, &o, &set);
        /* a file that is not seen is not there */
        if (s == EG_ERR_UNSUPPORTED || s == EG_ERR_INVALID) s = EG_OK;
        eg_dataset_clear(&set);
        set = (eg_dataset){ .n = 0 };
        snprintf(name, sizeof name, "%s/w", strrchr(path, '/') + 1);
        o.folds = 1;
    }
    unsetenv("ENGRAM_DATA");
    for (size_t i = 0; i < EGI_COUNT(files); i++) {
        snprintf(name, sizeof name, "%s/%s", path, files[i].name);
        unlink(name);
    }
    rmdir(path);
    return s;
}

/* Nobody answers, and so nothing is left. */
static eg_status download(const char *path)
{
    static const char sum[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    eg_status s = eg_download("http://127.0.0.1:1/file", sum, path, NULL);
    return s == EG_ERR_IO ? EG_OK : s;
}

static const struct episode own[] = {
    { "mend", mend, NULL },        { "richer", richer, NULL }, { "store", store, NULL },
    { "readers", readers, NULL },  { "bags", bags, NULL },     { "catalogue", catalogue, NULL },
    { "download", download, NULL }
};

/* ---- */

static int set_up(void **state)
{
    const char *memory = "/dev/shm", *tmp = getenv("EG_TEST_TMP");
    (void)state;
    make_small_files(small);
    if (access(memory, W_OK) == 0) tmp = memory; /* files come and go some 10^5 times */
    return call_folder_begin(tmp, "failing_calls");
}

/* What can be refused, and the status that it ends in. */
static const struct refusal {
    const char *name;
    enum who who;
    int error;
    eg_status status;
} refusals[] = {
    { "EIO", SYSTEM, EIO, EG_ERR_IO },
    { "memory", MEMORY, 0, EG_ERR_NOMEM },
    { "SQLITE_IOERR", DATABASE, SQLITE_IOERR, EG_ERR_IO },
    { "SQLITE_NOMEM", DATABASE, SQLITE_NOMEM, EG_ERR_NOMEM },
    { "SQLITE_CORRUPT", DATABASE, SQLITE_CORRUPT, EG_ERR_CORRUPT },
};

static eg_status act(const struct episode *e, const struct refusal *r, size_t at, int for_good)
{
    char path[400];
    snprintf(path, sizeof path, "%s/file", call_folder);
    fault.error = r->error;
    fault.at = at;
    fault.for_good = for_good;
    fault.calls = 0;
    fault.hit = 0;
    fault.who = r->who;
    const eg_status s = e->act(path);
    fault.who = NOBODY;
    return s;
}

static void refuse(const struct episode *e, const struct refusal *r, size_t at, int for_good)
{
    const eg_status s = act(e, r, at, for_good);
    const char *how = for_good ? "for good" : "once";
    const int dead = r->who == DATABASE && s == EG_ERR_IO; /* a ROLLBACK that was refused */
    if (s < EG_OK && s != r->status && !dead)
        fail_msg("%s, %s at call %zu %s: %s: %s", e->name, r->name, at, how, eg_status_name(s),
                 eg_error_detail());
    if (call_left_behind() != 0)
        fail_msg("%s, %s at call %zu %s: files are left behind", e->name, r->name, at, how);
}

/* 1: the place of call k occurs again between from and to. */
static int occurs(const uint64_t *place, size_t k, size_t from, size_t to)
{
    size_t i = from;
    while (i < to && place[i] != place[k]) i++;
    return i < to;
}

static size_t refuse_every(const struct episode *e, const struct refusal *r)
{
    static uint64_t place[CALLS_MAX];
    size_t failures = 0, places = 0;
    fault.place = place;
    CHECK(act(e, r, SIZE_MAX, 0) >= EG_OK);
    fault.place = NULL;
    const size_t calls = fault.calls;
    CHECK(calls < CALLS_MAX);
    for (size_t k = 0; k < calls; k++) {
        const int first = !occurs(place, k, 0, k), last = !occurs(place, k, k + 1, calls);
        places += (size_t)first;
        if (first) refuse(e, r, k, 1);
        if (first || last) refuse(e, r, k, 0);
        failures += 2 * (size_t)first + (size_t)(last && !first);
    }
    CHECK(act(e, r, SIZE_MAX, 0) >= EG_OK);
    if (calls > 0)
        print_message("%s, %s: %zu calls of %zu places\n", e->name, r->name, calls, places);
    return failures;
}

/* An episode that asks the system for nothing has no file: test_allocations is of all of them. */
static size_t refuse_all(const struct episode *e)
{
    size_t failures = 0;
    CHECK(act(e, &refusals[0], SIZE_MAX, 0) >= EG_OK);
    for (size_t k = 0; k < EGI_COUNT(refusals) && fault.calls > 0; k++)
        failures += refuse_every(e, &refusals[k]);
    return failures;
}

static void every_place_may_fail(void **state)
{
    size_t failures = 0;
    (void)state;
    for (size_t i = 0; i < EGI_COUNT(own); i++) failures += refuse_all(&own[i]);
    for (size_t i = 0; i < EGI_COUNT(episodes); i++) failures += refuse_all(&episodes[i]);
    print_message("%zu failures\n", failures);
    CHECK(failures > 100);
}

/* A run of training in which every call from `at` on fails. */
static eg_status trained(const eg_train_options *o, size_t at, uint64_t *hash)
{
    const eg_dataset set = call_set();
    const eg_part all = { &set, NULL, CALL_N };
    const eg_task task = call_task();
    eg_learner *l = NULL;
    eg_train_result r = { .hash = 0 };
    CHECK_OK(eg_learner_create(call_network, &task, 1, 1, NULL, &l));
    fault.error = EIO;
    fault.at = at;
    fault.for_good = 1;
    fault.calls = 0;
    fault.who = SYSTEM;
    const eg_status s = eg_train(l, &all, &all, o, &r);
    fault.who = NOBODY;
    *hash = r.hash;
    eg_learner_destroy(l);
    return s;
}

static int stop_at_third(void *user, const char *stage, uint64_t done, uint64_t total)
{
    int *calls = user;
    (void)stage;
    (void)done;
    (void)total;
    return ++*calls > 3;
}

/* While no checkpoint can be read, training says which, and why, and begins nothing anew; when they
 * can it goes on, to the same weights. */
static void checkpoints_that_cannot_be_read_are_kept(void **state)
{
    char folder[600];
    eg_train_options o = EG_TRAIN_OPTIONS_INIT;
    uint64_t want, got;
    size_t folders = 0, files = 0;
    int calls = 0;
    const eg_progress stop = { stop_at_third, &calls };
    (void)state;
    call_path(call_folder, "/checkpoints.run", folder);
    o.batch = 8;
    CHECK_OK(trained(&o, SIZE_MAX, &want));
    o.folder = folder;
    o.checkpoint_seconds = 1e-9;
    o.progress = &stop;
    CHECK_STATUS(trained(&o, SIZE_MAX, &got), EG_ERR_INTERRUPTED);
    o.progress = NULL;
    o.resume = 1;
    for (size_t at = 0; folders == 0 || files < 3; at++) {
        CHECK_STATUS(trained(&o, at, &got), EG_ERR_IO);
        const char *told = eg_error_detail();
        CHECK(strstr(told, "begins anew") == NULL);
        folders += strstr(told, "/checkpoint: cannot be read: Input/output error") != NULL;
        files += strstr(told, "no checkpoint can be read: checkpoint of step ") != NULL
                 && strstr(told, "Input/output error") != NULL;
    }
    CHECK_OK(trained(&o, SIZE_MAX, &got));
    CHECK(got == want);
    CHECK(nftw(folder, call_unlink, 8, FTW_DEPTH | FTW_PHYS) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(checkpoints_that_cannot_be_read_are_kept),
        cmocka_unit_test(every_place_may_fail),
    };
    return cmocka_run_group_tests(tests, set_up, call_folder_end);
}
