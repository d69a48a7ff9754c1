/* Files written by earlier versions of the library open for ever, with all that was in them. They
 * are in tests/fixtures/VERSION/, one a kind; what they hold is written down here, not computed by
 * the library of today. EG_FIXTURES=FOLDER writes those of this version there. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fixture_numbers.h"
#include "train_check.h"

static const char *in(const char *folder, const char *name)
{
    static char path[4][700];
    static int slot;
    slot = (slot + 1) % 4;
    snprintf(path[slot], sizeof path[slot], "%s/%s", folder, name);
    return path[slot];
}

/* ---- memories of patterns, with everything an item can have ---- */

static eg_memory_options options_of(eg_storage storage)
{
    eg_memory_options o = EG_MEMORY_OPTIONS_INIT;
    o.storage = storage;
    o.features = 16;
    o.seed = 9;
    o.rule.beta = .5;
    if (storage != EG_STORE_DENSE && storage != EG_STORE_FEATURES) o.rule.projection = EG_PROJ_SIGN;
    if (storage == EG_STORE_HEBB) o.rule.separation = EG_SEP_IDENTITY;
    if (storage == EG_STORE_DENSE) o.value_size = DV;
    return o;
}

static void write_patterns(const char *path, eg_storage storage)
{
    static const eg_note notes[] = { { "title", "a fixture" }, { "units", "whole numbers" } };
    const eg_memory_options o = options_of(storage);
    eg_file_options how = EG_FILE_OPTIONS_INIT;
    eg_memory *m = NULL;
    float x[N * D], weight[N], value[N * DV];
    int32_t label[N];
    uint64_t id[N];
    patterns(x, storage != EG_STORE_DENSE);
    for (size_t i = 0; i < N; i++) {
        weight[i] = 1 + (float)(i % 4);
        label[i] = (int32_t)(i % K);
        id[i] = 10 + 3 * i;
        for (size_t k = 0; k < DV; k++) value[i * DV + k] = number(i, k + 9);
    }
    const eg_items items = { storage == EG_STORE_DENSE ? weight : NULL, label,
                             o.value_size > 0 ? value : NULL, id };
    how.notes = notes;
    how.note_count = 2;
    CHECK_OK(eg_memory_create(D, &o, &m));
    CHECK_OK(eg_memory_add(m, x, N, &items));
    CHECK_OK(eg_memory_file_save(path, m, &how));
    eg_memory_destroy(m);
}

static void read_patterns(const char *path, eg_storage storage)
{
    eg_file_options o = EG_FILE_OPTIONS_INIT;
    eg_memory_file *f = NULL;
    eg_memory *m = NULL;
    const char *title;
    float x[N * D], row[D], value[DV];
    o.read_only = 1;
    patterns(x, storage != EG_STORE_DENSE);
    CHECK_OK(eg_memory_file_open(path, &o, &f));
    CHECK_OK(eg_memory_file_verify(f, NULL, NULL));
    CHECK_OK(eg_memory_file_load(f, &m));
    CHECK_OK(eg_memory_file_note(f, "title", &title));
    assert_string_equal(title, "a fixture");
    CHECK(eg_memory_count(m) == N && eg_memory_size(m) == D);
    CHECK(eg_memory_options_view(m)->storage == storage);
    CHECK(eg_memory_options_view(m)->rule.beta == .5);
    for (size_t i = 0; i < N; i++) {
        CHECK(eg_memory_id(m, i) == 10 + 3 * i && eg_memory_label(m, i) == (int32_t)(i % K));
        if (storage == EG_STORE_DENSE || storage == EG_STORE_BITS) {
            CHECK_OK(eg_memory_pattern(m, i, row));
            CHECK_SAME_BITS(row, x + i * D, sizeof row);
        }
        if (storage != EG_STORE_DENSE) continue;
        CHECK(eg_memory_weight(m, i) == 1 + (float)(i % 4));
        CHECK_OK(eg_memory_value(m, i, value));
        for (size_t k = 0; k < DV; k++) CHECK(value[k] == number(i, k + 9));
    }
    if (storage == EG_STORE_HEBB) { /* the sum of outer products, less the diagonal */
        double state[D * D], want = 0;
        CHECK_OK(eg_memory_state(m, state));
        for (size_t i = 0; i < N; i++) want += (double)x[i * D + 1] * (double)x[i * D + 4];
        const double ratio = state[1 * D + 4] / want;
        CHECK(want == 0 || ratio == 1 || fabs(ratio * N - 1) < 1e-12
              || fabs(ratio * D - 1) < 1e-12);
    }
    eg_memory_destroy(m);
    eg_memory_file_close(f);
}

/* ---- binary memories ---- */

static const eg_binary_options clique = {
    .size = sizeof clique, .kind = EG_BINARY_CLIQUE, .clusters = 4, .units = 6, .counted = 1
};
static const eg_binary_options bam = { .size = sizeof bam,
                                       .kind = EG_BINARY_BAM,
                                       .clusters = 1,
                                       .units = 12,
                                       .out_clusters = 1,
                                       .out_units = 10 };

static void messages(float *x)
{
    for (size_t i = 0; i < 5; i++)
        for (size_t c = 0; c < 4; c++) x[i * 4 + c] = (float)((i * 5 + c * 2) % 6);
}

static void write_clique(const char *path)
{
    eg_binary *m = NULL;
    float x[20];
    uint64_t bits[5 * 4];
    messages(x);
    CHECK_OK(eg_binary_create(&clique, &m));
    CHECK(eg_binary_words(m) <= 4);
    CHECK_OK(eg_binary_encode(m, 0, x, 5, bits));
    CHECK_OK(eg_binary_add(m, bits, NULL, 5));
    CHECK_OK(eg_memory_file_save_binary(path, m, NULL));
    eg_binary_destroy(m);
}

static eg_binary *load_binary(const char *path)
{
    eg_memory_file *f = NULL;
    eg_binary *m = NULL;
    CHECK_OK(eg_memory_file_open(path, NULL, &f));
    CHECK_OK(eg_memory_file_verify(f, NULL, NULL));
    CHECK_OK(eg_memory_file_load_binary(f, &m));
    eg_memory_file_close(f);
    return m;
}

static void read_clique(const char *path)
{
    eg_binary *m = load_binary(path);
    float x[20], back[20];
    uint64_t bits[5 * 4], out[5 * 4];
    eg_binary_certificate c[5];
    messages(x);
    CHECK(eg_binary_count(m) == 5);
    CHECK_OK(eg_binary_encode(m, 0, x, 5, bits));
    CHECK_OK(eg_binary_recall(m, bits, 5, NULL, out, c));
    CHECK_OK(eg_binary_decode(m, 0, out, 5, back));
    CHECK_SAME_BITS(back, x, sizeof back);
    eg_binary_destroy(m);
}

static void write_bam(const char *path)
{
    eg_binary *m = NULL;
    const uint64_t a[2] = { 0x30f, 0xc3 }, b[2] = { 0x155, 0x2a };
    CHECK_OK(eg_binary_create(&bam, &m));
    CHECK_OK(eg_binary_add(m, a, b, 2));
    CHECK_OK(eg_memory_file_save_binary(path, m, NULL));
    eg_binary_destroy(m);
}

static void read_bam(const char *path)
{
    eg_binary *m = load_binary(path);
    CHECK(eg_binary_count(m) == 2 && eg_binary_options_view(m)->units == 12);
    eg_binary_destroy(m);
}

/* ---- a head, a model, a checkpoint ---- */

static void write_head(const char *path)
{
    eg_head *h = NULL;
    float x[N * D];
    int32_t y[N];
    patterns(x, 0);
    for (size_t i = 0; i < N; i++) y[i] = (int32_t)(i % K);
    CHECK_OK(eg_head_create("{\"kind\": \"knn\"}", D, 4, NULL, &h));
    CHECK_OK(eg_head_teach(h, x, y, N));
    CHECK_OK(eg_memory_file_save_head(path, h, NULL));
    eg_head_destroy(h);
}

static void read_head(const char *path)
{
    eg_memory_file *f = NULL;
    eg_head *h = NULL;
    eg_head_answer answer[N];
    float x[N * D];
    patterns(x, 0);
    CHECK_OK(eg_memory_file_open(path, NULL, &f));
    CHECK_OK(eg_memory_file_verify(f, NULL, NULL));
    CHECK_OK(eg_memory_file_load_head(f, &h));
    CHECK(eg_head_count(h) == N && eg_head_classes(h) == K && eg_head_features(h) == D);
    CHECK_OK(eg_head_predict(h, x, N, answer, NULL));
    eg_head_destroy(h);
    eg_memory_file_close(f);
}

static const char spec[] =
    "{\"kind\": \"network\", \"layers\": [{\"kind\": \"linear\", \"units\": 4}, "
    "\"activation\", \"linear\"]}";

static eg_learner *network(const char *of)
{
    const eg_task task = { .inputs = D, .classes = K, .epochs = 4 };
    eg_learner *l = NULL;
    CHECK_OK(eg_learner_create(of, &task, 3, 1, NULL, &l));
    for (size_t i = 0; i < eg_params_count(eg_learner_params(l)); i++) {
        const eg_param *p = eg_params_at(eg_learner_params(l), i);
        for (size_t k = 0; k < eg_shape_size(&p->shape); k++) ((float *)p->value)[k] = number(i, k);
    }
    return l;
}

static void write_model(const char *path)
{
    eg_learner *l = network(spec);
    CHECK_OK(eg_learner_set_note(l, "scaled", "no"));
    CHECK_OK(eg_learner_save(l, path));
    eg_learner_destroy(l);
}

static void read_model(const char *path)
{
    eg_learner *l = NULL, *want = network(spec);
    CHECK_OK(eg_learner_open(path, 1, NULL, &l));
    assert_string_equal(eg_learner_note(l, "scaled"), "no");
    CHECK(eg_params_hash(eg_learner_params(l)) == eg_params_hash(eg_learner_params(want)));
    eg_learner_destroy(want);
    eg_learner_destroy(l);
}

/* Of a training that moves nothing: 2 of its 8 steps are made. */
static const char resting[] =
    "{\"kind\": \"network\", \"layers\": [{\"kind\": \"linear\", \"units\": 4}, \"activation\", "
    "\"linear\"], \"optimiser\": {\"kind\": \"sgd\", \"rate\": 0}}";

static eg_status rest(eg_learner *l, const char *folder, size_t steps, eg_train_result *r)
{
    float x[N * D];
    int32_t y[N];
    patterns(x, 0);
    for (size_t i = 0; i < N; i++) y[i] = (int32_t)(i % K);
    const eg_dataset set = { .n = N, .d = D, .x = x, .labels = y, .classes = K };
    const eg_part all = { &set, NULL, N };
    eg_train_options o = EG_TRAIN_OPTIONS_INIT;
    o.batch = 6;
    o.folder = folder;
    o.resume = 1;
    o.stop_after = steps;
    return eg_train(l, &all, NULL, &o, r);
}

/* Names of a run beside `path`: its folder, that of its checkpoints, the checkpoint. */
struct run_names {
    char path[700], folder[720], checkpoints[740], file[800];
};

static struct run_names names_of(const char *path)
{
    struct run_names n;
    snprintf(n.path, sizeof n.path, "%s", path);
    snprintf(n.folder, sizeof n.folder, "%s.run", n.path);
    snprintf(n.checkpoints, sizeof n.checkpoints, "%s/checkpoint", n.folder);
    snprintf(n.file, sizeof n.file, "%s/step-000000000002.safetensors", n.checkpoints);
    return n;
}

static void write_checkpoint(const char *path)
{
    const struct run_names n = names_of(path);
    eg_learner *l = network(resting);
    CHECK_STATUS(rest(l, n.folder, 2, NULL), EG_ERR_INTERRUPTED);
    CHECK(rename(n.file, n.path) == 0);
    train_remove(n.folder);
    eg_learner_destroy(l);
}

/* The training goes on from there, with weights that another start does not have. */
static void read_checkpoint(const char *path)
{
    const struct run_names n = names_of(path);
    eg_train_result r;
    eg_learner *want = network(resting), *l = NULL;
    CHECK(mkdir(n.folder, 0700) == 0 && mkdir(n.checkpoints, 0700) == 0);
    CHECK(link(n.path, n.file) == 0);
    CHECK_OK(eg_learner_create(resting, eg_learner_task(want), 3, 1, NULL, &l));
    CHECK(eg_params_hash(eg_learner_params(l)) != eg_params_hash(eg_learner_params(want)));
    CHECK_OK(rest(l, n.folder, 0, &r));
    CHECK(r.resumed && r.steps == 8);
    CHECK(eg_params_hash(eg_learner_params(l)) == eg_params_hash(eg_learner_params(want)));
    train_remove(n.folder);
    eg_learner_destroy(want);
    eg_learner_destroy(l);
}

static void write_dense(const char *path)
{
    write_patterns(path, EG_STORE_DENSE);
}
static void read_dense(const char *path)
{
    read_patterns(path, EG_STORE_DENSE);
}
static void write_bits(const char *path)
{
    write_patterns(path, EG_STORE_BITS);
}
static void read_bits(const char *path)
{
    read_patterns(path, EG_STORE_BITS);
}
static void write_hebb(const char *path)
{
    write_patterns(path, EG_STORE_HEBB);
}
static void read_hebb(const char *path)
{
    read_patterns(path, EG_STORE_HEBB);
}

/* Every kind of record: 1, 2, 3 and 4, 5 and 6 in both forms, 7 and 8; a model; a training. */
static const struct fixture {
    const char *name;
    void (*write)(const char *path);
    void (*read)(const char *path);
} fixtures[] = {
    { "dense.egm", write_dense, read_dense },
    { "bits.egm", write_bits, read_bits },
    { "hebb.egm", write_hebb, read_hebb },
    { "clique.egm", write_clique, read_clique },
    { "bam.egm", write_bam, read_bam },
    { "knn.egm", write_head, read_head },
    { "model.safetensors", write_model, read_model },
    { "checkpoint.safetensors", write_checkpoint, read_checkpoint },
};

static void files_of_every_version_open(void **state)
{
    char root[600], folder[900], copy[700];
    const char *docs = getenv("EG_TEST_DOCS"), *tmp = getenv("EG_TEST_TMP");
    size_t versions = 0;
    (void)state;
    if (docs == NULL) skip();
    snprintf(root, sizeof root, "%s/../tests/fixtures", docs);
    snprintf(copy, sizeof copy, "%s/fixture-%d", tmp != NULL ? tmp : ".", (int)getpid());
    DIR *d = opendir(root);
    CHECK(d != NULL);
    for (struct dirent *e; (e = readdir(d)) != NULL;) {
        if (e->d_name[0] == '.') continue;
        snprintf(folder, sizeof folder, "%s/%s", root, e->d_name);
        for (size_t i = 0; i < sizeof fixtures / sizeof *fixtures; i++) {
            char bytes[1 << 16];
            FILE *f = fopen(in(folder, fixtures[i].name), "rb");
            if (f == NULL) continue; /* that kind came later */
            const size_t n = fread(bytes, 1, sizeof bytes, f);
            fclose(f);
            f = fopen(copy, "wb"); /* nothing is written beside those in the tree */
            CHECK(f != NULL && fwrite(bytes, 1, n, f) == n && fclose(f) == 0);
            fixtures[i].read(copy);
            unlink(copy);
            print_message("%s of version %s\n", fixtures[i].name, e->d_name);
        }
        versions++;
    }
    closedir(d);
    CHECK(versions > 0);
}

/* Those of this version are written as they were, where that is asked for. */
static void this_version_reads_its_own(void **state)
{
    const char *into = getenv("EG_FIXTURES"), *tmp = getenv("EG_TEST_TMP");
    char folder[600];
    (void)state;
    snprintf(folder, sizeof folder, "%s/fixtures-%d", tmp != NULL ? tmp : ".", (int)getpid());
    if (into == NULL) CHECK(mkdir(folder, 0700) == 0);
    for (size_t i = 0; i < sizeof fixtures / sizeof *fixtures; i++) {
        const char *path = in(into != NULL ? into : folder, fixtures[i].name);
        fixtures[i].write(path);
        fixtures[i].read(path);
        if (into == NULL) unlink(path);
    }
    if (into == NULL) rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(this_version_reads_its_own),
        cmocka_unit_test(files_of_every_version_open),
    };
    return cmocka_run_group_tests_name("fixtures", tests, NULL, NULL);
}
