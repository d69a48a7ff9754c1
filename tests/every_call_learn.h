/* Every public call that can fail, continued: data, pictures, learners, training. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_EVERY_CALL_LEARN_H
#define TESTS_EVERY_CALL_LEARN_H

#include "every_call.h"

static const char call_network[] = "{\"kind\": \"network\", \"layers\": [{\"kind\": \"linear\", "
                                   "\"units\": 5}, \"activation\", "
                                   "\"linear\"]}";
static const char call_pooling[] =
    "{\"kind\": \"network\", \"layers\": [{\"kind\": \"hopfield_pooling\", \"num_heads\": 2, "
    "\"hidden_size\": 4, \"name\": \"pool\"}, \"linear\"]}";

static inline eg_task call_task(void)
{
    return (eg_task){ .inputs = CALL_D, .classes = CALL_K, .epochs = 2 };
}

static inline eg_dataset call_set(void)
{
    return (
        eg_dataset){ .n = CALL_N, .d = CALL_D, .x = call_x, .labels = call_y, .classes = CALL_K };
}

static inline eg_status call_images(const char *path)
{
    char name[600];
    eg_image a = { .pixels = NULL }, b = a, c = a, d = a, e = a, f = a;
    uint8_t *bytes = NULL;
    size_t size = 0;
    eg_status s = EG_OK;
    call_path(path, ".png", name);
    CALL(eg_image_create(6, 5, 3, NULL, &a));
    if (s == EG_OK) memset(a.pixels, 100, 6 * 5 * 3);
    CALL(eg_image_resize(&a, 3, 3, &b));
    CALL(eg_image_resize_smooth(&a, 3, 4, &c));
    CALL(eg_image_cut(&a, 1, 1, 2, 2, &d));
    CALL(eg_image_grey(&a, &e));
    CALL(eg_image_write_png(name, &a));
    CALL(eg_image_read(name, NULL, &f));
    CALL(eg_image_encode_png(&a, &bytes, &size));
    if (bytes != NULL) eg_image_free(&a, bytes, size);
    eg_image *const all[] = { &a, &b, &c, &d, &e, &f };
    for (size_t i = 0; i < 6; i++) eg_image_clear(all[i]);
    unlink(name);
    return s;
}

static inline void call_nothing(void *user, const char *a)
{
    (void)user;
    (void)a;
}

static inline void call_nothing_of(void *user, const char *a, const char *b)
{
    (void)user;
    (void)a;
    (void)b;
}

static inline eg_status call_data(const char *path)
{
    char name[600], hex[65], where[4096];
    eg_dataset set = { .n = 0 }, part = { .n = 0 };
    const size_t index[2] = { 3, 1 };
    float shift[CALL_D], scale[CALL_D];
    eg_status s = EG_OK;
    call_path(path, ".npy", name);
    CALL(eg_npy_write(name, call_x, CALL_N, CALL_D));
    CALL(eg_dataset_read(name, NULL, &set));
    CALL(eg_dataset_select(&set, index, 2, &part));
    CALL(eg_dataset_columns(&set, index, 2, shift, scale));
    eg_dataset_clear(&part);
    eg_dataset_clear(&set);
    CALL(eg_sha256_file(name, hex));
    const eg_tensor_entry entry = { "x", "F32", call_x, 2, { CALL_N, CALL_D } };
    CALL(eg_safetensors_write(name, &entry, 1, NULL, 0));
    CALL(eg_catalogue_find("no such set", where, sizeof where) == EG_ERR_NOMEM ? EG_ERR_NOMEM
                                                                               : EG_OK);
    CALL(eg_catalogue_find_all(call_nothing_of, NULL));
    CALL(eg_catalogue_parts("no such set", call_nothing, NULL) == EG_ERR_NOMEM ? EG_ERR_NOMEM
                                                                               : EG_OK);
    CALL(eg_catalogue_read("no such set", NULL, &set) == EG_ERR_NOMEM ? EG_ERR_NOMEM : EG_OK);
    CALL(eg_download("nowhere://a", NULL, name, NULL) == EG_ERR_NOMEM ? EG_ERR_NOMEM : EG_OK);
    unlink(name);
    return s;
}

static inline eg_status call_repertoires(const char *path)
{
    char name[600];
    eg_airr *a = NULL;
    eg_clonotype row;
    eg_implant_options o = EG_IMPLANT_OPTIONS_INIT;
    eg_dataset set = { .n = 0 };
    uint8_t holds[4 * 30];
    eg_status s = EG_OK;
    call_path(path, ".tsv", name);
    FILE *f = fopen(name, "wb");
    if (f == NULL) return EG_ERR_IO;
    fputs("junction_aa\tv_call\nCASSF\tV1\nCAWF\tV2\n", f);
    fclose(f);
    CALL(eg_airr_open(name, NULL, &a));
    CALL(eg_airr_next(a, &row));
    CALL(eg_airr_next(a, &row));
    CALL(eg_airr_skipped(a) == 0 ? EG_OK : EG_ERR_CORRUPT);
    eg_airr_close(a);
    o.repertoires = 4;
    o.sequences = 30;
    CALL(eg_repertoires_implant(&o, holds, &set));
    eg_dataset_clear(&set);
    unlink(name);
    return s;
}

static inline eg_status call_params(const char *path)
{
    char name[600];
    eg_params *p = NULL, *q = NULL, *r = NULL;
    eg_status s = EG_OK;
    call_path(path, ".safetensors", name);
    CALL(eg_params_create(NULL, &p));
    CALL(eg_params_add(p, "w", EG_F32, &eg_shape_of(3, 4), NULL));
    CALL(eg_params_create(NULL, &q));
    CALL(eg_params_add(q, "w", EG_F32, &eg_shape_of(3, 4), NULL));
    CALL(eg_params_copy(q, p));
    CALL(eg_params_save(p, name, NULL, 0));
    CALL(eg_params_load(name, NULL, NULL, NULL, &r));
    eg_params_destroy(p);
    eg_params_destroy(q);
    eg_params_destroy(r);
    unlink(name);
    return s;
}

/* Every kind: by steps or by fitting, then scores, saved, opened. */
static inline eg_status call_learners(const char *path)
{
    char name[600];
    const eg_examples all = { call_x, NULL, call_y, CALL_N };
    const eg_task task = call_task();
    eg_status s = EG_OK;
    call_path(path, ".model", name);
    for (size_t row = 0; eg_learner_kind_at(row) != NULL && s >= EG_OK; row++) {
        char spec[120];
        eg_learner *l = NULL, *opened = NULL;
        float scores[CALL_N * CALL_K], dx[CALL_Q * CALL_D];
        double loss;
        if (!call_takes(row)) continue;
        snprintf(spec, sizeof spec, "{\"kind\": \"%s\"}", eg_learner_kind_at(row)->name);
        if (row == 0) snprintf(spec, sizeof spec, "%s", call_network);
        CALL(eg_learner_create(spec, &task, 1, 1, NULL, &l));
        if (s == EG_ERR_UNSUPPORTED) {
            s = EG_OK;
            continue;
        }
        if (s >= EG_OK && eg_learner_fits(l))
            CALL(eg_learner_fit(l, &all));
        else
            CALL(eg_learner_step(l, 0, call_x, call_y, CALL_N, &loss));
        CALL(eg_learner_scores(l, call_x, CALL_N, scores));
        if (s >= EG_OK) {
            const eg_status one = eg_learner_pullback(l, call_x, scores, CALL_Q, NULL, dx);
            if (one != EG_ERR_UNSUPPORTED) s = one;
        }
        CALL(eg_learner_set_note(l, "scaled", "no"));
        CALL(eg_learner_save(l, name));
        CALL(eg_learner_open(name, 1, NULL, &opened));
        eg_learner_destroy(opened);
        eg_learner_destroy(l);
    }
    unlink(name);
    return s;
}

/* Connections of a memorising network: written by storing, taken back, held. */
static inline eg_status call_connections(const char *path)
{
    static const char layers[] =
        "{\"kind\": \"network\", \"layers\": [{\"kind\": \"linear\", \"units\": 20}, "
        "{\"kind\": \"activation\", \"function\": \"winners:0.2\"}, "
        "{\"kind\": \"linear\", \"connections\": \"stored:0.5\"}]}";
    const eg_task task = call_task();
    eg_learner *l = NULL;
    eg_connection_count count;
    size_t added, removed, gone;
    double loss;
    eg_status s = EG_OK;
    (void)path;
    CALL(eg_learner_create(layers, &task, 1, 1, NULL, &l));
    CALL(eg_connections_store(l, call_x, call_y, CALL_N, EG_STORE_ALL, &added));
    CALL(eg_connections_store(l, call_x, call_y, CALL_N, EG_STORE_WRONG, NULL));
    CALL(eg_connections_forget(l, call_x, call_y, 5, &removed));
    CALL(eg_connections_hold(l, 1));
    CALL(eg_learner_step(l, 0, call_x, call_y, CALL_N, &loss));
    CALL(eg_connections_hold(l, 0));
    CALL(eg_connections_forget_class(l, 1, &gone));
    CALL(added > 0 && gone > 0 && eg_connections_at(l, 0, &count) ? EG_OK : EG_ERR_CORRUPT);
    eg_learner_destroy(l);
    return s;
}

static inline eg_status call_bags(const char *path)
{
    eg_task task = call_task();
    const size_t offset[4] = { 0, 9, 16, CALL_N };
    const eg_examples bags = { call_x, offset, call_y, 3 };
    eg_learner *l = NULL;
    float scores[3 * CALL_K], weights[9];
    double loss;
    eg_status s = EG_OK;
    (void)path;
    task.bags = 1;
    CALL(eg_learner_create(call_pooling, &task, 1, 1, NULL, &l));
    CALL(eg_learner_step_bags(l, 0, &bags, &loss));
    CALL(eg_learner_scores_bags(l, &bags, scores));
    CALL(eg_learner_attention(l, "pool", call_x, 9, weights));
    eg_learner_destroy(l);
    return s;
}

static inline eg_status call_instruments(const char *path)
{
    static const char layers[] =
        "{\"kind\": \"network\", \"layers\": [{\"kind\": \"reshape\", \"shape\": [4, 4]}, "
        "{\"kind\": \"hopfield_pooling\", \"name\": \"pool\"}, \"flatten\", \"linear\"]}";
    const eg_task task = call_task();
    eg_learner *l = NULL, *dam = NULL;
    eg_inspection *i = NULL;
    eg_dam_memory memories[64];
    size_t deciding[CALL_N];
    eg_attack_options ao = EG_ATTACK_OPTIONS_INIT;
    eg_attack_record record[CALL_N];
    const eg_attack_output out = { record, NULL, NULL, NULL };
    eg_transfer matrix[2], errors;
    eg_corrupt_options co = EG_CORRUPT_OPTIONS_INIT;
    float box[CALL_N * CALL_D], corrupted[CALL_N * CALL_D];
    eg_status s = EG_OK;
    (void)path;
    for (size_t k = 0; k < CALL_N * CALL_D; k++) box[k] = .5f + call_sign[k] / 4;
    co.amount = .1;
    ao.steps = 3;
    CALL(eg_learner_create(layers, &task, 1, 1, NULL, &l));
    CALL(eg_learner_inspect(l, "pool", call_x, CALL_Q, &i));
    eg_inspection_destroy(i);
    CALL(eg_attack_run(l, box, call_y, CALL_N, &ao, &out));
    CALL(eg_attack_transfer(&l, 1, box, call_y, CALL_N, &ao, matrix, NULL));
    CALL(eg_attack_errors(l, box, call_y, CALL_N, 5, &errors));
    CALL(eg_corrupt_apply(box, CALL_N, CALL_D, &co, corrupted));
    CALL(eg_learner_create("{\"kind\": \"dam\", \"hidden\": 8}", &task, 1, 1, NULL, &dam));
    CALL(eg_dam_prototypes(dam, call_x, CALL_N, NULL, memories, deciding));
    eg_learner_destroy(dam);
    eg_learner_destroy(l);
    return s;
}

static inline eg_status call_training(const char *path)
{
    char folder[600];
    const eg_dataset set = call_set();
    const eg_part all = { &set, NULL, CALL_N };
    const eg_task task = call_task();
    eg_train_options o = EG_TRAIN_OPTIONS_INIT;
    eg_learner *l = NULL;
    eg_scored scored = { .n = 0 };
    float scores[CALL_N * CALL_K];
    const eg_two_time_row law[] = {
        { 1, 1, 1, 3, 1 }, { 1, 9, 2, 3, 1 }, { 2, 1, 1, 3, 1 }, { 2, 9, 2, 3, 1 }
    };
    eg_ageing ageing;
    eg_status s = EG_OK;
    call_path(path, ".run", folder);
    o.batch = 8;
    o.folder = folder;
    o.checkpoint_seconds = 1e-9;
    CALL(eg_learner_create(call_network, &task, 1, 1, NULL, &l));
    CALL(eg_two_time_create(eg_learner_params(l), 2 * 3, 2, 3, NULL, &o.two_time));
    CALL(eg_train(l, &all, &all, &o, NULL));
    o.resume = 1;
    CALL(eg_train(l, &all, &all, &o, NULL));
    CALL(eg_part_scores(l, &all, 0, CALL_N, scores));
    CALL(eg_score(scores, call_y, CALL_N, CALL_K, &scored));
    CALL(eg_evaluate(l, &all, 7, scores, &scored));
    CALL(eg_two_time_see(o.two_time, eg_learner_params(l), 1));
    CALL(eg_two_time_ageing(law, 4, &ageing));
    if (s >= EG_OK) {
        (void)eg_two_time_rows(o.two_time, NULL, NULL, 0);
        (void)eg_params_hash(eg_two_time_state(o.two_time));
    }
    eg_two_time_destroy(o.two_time);
    eg_learner_destroy(l);
    nftw(folder, call_unlink, 8, FTW_DEPTH | FTW_PHYS);
    return s;
}

static inline eg_status call_splits(const char *path)
{
    char text[400];
    const eg_dataset set = call_set();
    uint32_t fold[CALL_N], group[CALL_N];
    size_t best;
    eg_status s = EG_OK;
    (void)path;
    for (uint32_t i = 0; i < CALL_N; i++) group[i] = i % 6;
    CALL(eg_split_folds(call_y, CALL_N, CALL_K, 3, 1, fold));
    CALL(eg_split_groups(group, CALL_N, 3, 1, fold));
    CALL(eg_split_share(call_y, CALL_N, CALL_K, .3, 1, fold));
    CALL(eg_grid_spec("{\"kind\": \"knn\"}", "{\"k\": [1, 3]}", 1, text, sizeof text));
    const eg_grid grid = { .base = "{\"kind\": \"knn\"}",
                           .grid = "{\"k\": [1, 3]}",
                           .task = call_task(),
                           .data = &set,
                           .folds = 2,
                           .threads = 1 };
    CALL(eg_grid_search(&grid, NULL, &best));
    return s;
}

static inline eg_status call_validation(const char *path)
{
    char other[600];
    const eg_dataset set = call_set();
    const eg_validation v = { .data = &set,
                              .task = call_task(),
                              .base = "{\"kind\": \"knn\"}",
                              .folds = 2,
                              .repeats = 1,
                              .inner = 2,
                              .threads = 1 };
    eg_validated got[2];
    eg_run *run = NULL;
    eg_status s = EG_OK;
    call_path(path, ".other", other);
    CALL(eg_cross_validate(&v, NULL, got));
    CALL(eg_run_open(other, "{}", 1, 0, NULL, &run));
    if (run != NULL) {
        const eg_status one = eg_run_close(run);
        CALL(one);
    }
    nftw(other, call_unlink, 8, FTW_DEPTH | FTW_PHYS);
    return s;
}

static inline eg_status call_statistics(const char *path)
{
    const double a[6] = { 1, 2, 3, 4, 5, 6 }, b[6] = { 2, 2, 1, 4, 4, 9 };
    double rank[6], mean[2];
    eg_signed_rank r;
    eg_friedman f;
    eg_status s = EG_OK;
    (void)path;
    CALL(eg_signed_rank_test(a, b, 6, &r));
    CALL(eg_friedman_test(a, 3, 2, rank, mean, &f));
    return s;
}

#endif
