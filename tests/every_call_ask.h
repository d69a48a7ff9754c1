/* Calls that cannot fail: what tables, objects and distributions tell. An episode is EG_OK where
 * what was told is what it must be. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_EVERY_CALL_ASK_H
#define TESTS_EVERY_CALL_ASK_H

#include "every_call.h"

/* 1: all so far, and this. A told value of 0, NULL or NaN is no answer. */
#define TELLS(value) (told = (value) && told)

static inline eg_status call_told(eg_status s, int told)
{
    return s == EG_OK && !told ? EG_ERR_CORRUPT : s;
}

static inline eg_status call_rows(const char *path)
{
    int told = 1;
    eg_learner_kind kind;
    char text[4096];
    (void)path;
    TELLS(eg_similarity_find(eg_similarity_info(EG_SIM_COSINE)->name) == EG_SIM_COSINE);
    TELLS(eg_separation_find(eg_separation_info(EG_SEP_ENTMAX)->name) == EG_SEP_ENTMAX);
    TELLS(eg_projection_find(eg_projection_info(EG_PROJ_SIGN)->name) == EG_PROJ_SIGN);
    TELLS(eg_attack_find(eg_attack_row(0)->name) == 0);
    TELLS(eg_corrupt_find(eg_corrupt_row(0)->name) == 0);
    TELLS(eg_theory_find(eg_theory_row(0)->name) == eg_theory_row(0));
    TELLS(eg_binary_kind_at(0) != NULL && eg_estimator_row(0) != NULL);
    TELLS(eg_pac_bayes_rows(0) != NULL && eg_dataset_reader(0) != NULL);
    TELLS(eg_onnx_operator_at(0) != NULL && eg_operation(0) != NULL);
    TELLS(eg_quantiser_kind_at(0) != NULL && eg_quantiser_setting_at("pq", 0) != NULL);
    TELLS(eg_head_setting_at("knn", 0) != NULL && eg_learner_setting_at("knn", 0) != NULL);
    TELLS(eg_network_table_at(0) != NULL && eg_network_row_at(eg_network_table_at(0), 0, &kind));
    TELLS(eg_catalogue_row(0) != NULL && eg_residue_code('C') >= 0);
    TELLS(eg_dtype_size(EG_F64) == 8 && strcmp(eg_dtype_name(EG_I32), "i32") == 0);
    TELLS(eg_shape_size(&eg_shape_of(2, 3, 4)) == 24);
    TELLS(eg_allocator_default() != NULL && eg_version() != NULL && eg_isa() != NULL);
    TELLS(strcmp(eg_status_name(EG_OK), "EG_OK") == 0 && eg_error_detail() != NULL);
    TELLS(eg_threads() > 0 && eg_environment(1, text, sizeof text) > 0);
    return call_told(EG_OK, told);
}

static inline eg_status call_formulae(const char *path)
{
    const eg_rule rule = EG_RULE_INIT;
    const eg_pac_bayes of = { .1, 5, 1000, .05 };
    const uint32_t which[4] = { 0, 1, 0, 2 };
    const eg_dataset set = { .n = CALL_N, .d = CALL_D, .x = call_x };
    const eg_validation v = { .folds = 2, .repeats = 3 };
    double by_q, by_c, even[3] = { 1, 2, 3 };
    float uniform[4], s[CALL_D];
    size_t index[4];
    int told = 1;
    (void)path;
    for (size_t i = 0; i < CALL_D; i++) s[i] = 1;
    eg_kl_inverse_slope(.1, .2, &by_q, &by_c);
    eg_random_uniform(1, 2, 0, 4, uniform);
    eg_random_permutation(1, 2, 4, index);
    TELLS(by_q > 0 && by_c > 0 && uniform[0] < 1 && index[0] < 4);
    TELLS(eg_random_below(1, 2, 3, 7) < 7);
    TELLS(eg_kl_coins(.1, .2) > 0 && eg_kl_inverse(.1, .2) > .1);
    TELLS(eg_kl_gauss(call_x, s, NULL, 1, CALL_D) > 0 && eg_kl_laplace(0, 1, 1, 1) > 0);
    TELLS(eg_pac_bayes_bound(0, &of) > .1 && eg_drawn_risk(.1, 100, .05) > .1);
    TELLS(eg_vc_gap(3, 1000, .05) > 0 && eg_rademacher_linear(call_x, CALL_N, CALL_D, 1) > 0);
    TELLS(!(eg_separation_margin(&rule) < 0));
    TELLS(eg_similarity_value(EG_SIM_DOT, call_x, call_x, CALL_D) > 0);
    TELLS(eg_rule_lyapunov(&rule, EG_STORE_DENSE, EG_DYN_SYNC, NULL));
    TELLS(eg_chi2_above(1, 2) > 0 && eg_normal_range(1, 3) > 0 && eg_gini(even, 3) > 0);
    TELLS(eg_split_select(which, 4, 0, 0, index) == 2);
    TELLS(eg_dataset_rows(&set) == CALL_N && eg_validation_count(&v) == 6);
    return call_told(EG_OK, told);
}

static inline eg_status call_views(const char *path)
{
    eg_memory *m = NULL;
    eg_routed *r = NULL;
    eg_som *som = NULL;
    eg_binary *b = NULL;
    eg_memory_options mo = EG_MEMORY_OPTIONS_INIT;
    eg_som_options so = EG_SOM_OPTIONS_INIT;
    eg_binary_options bo = EG_BINARY_OPTIONS_INIT;
    int told = 1;
    eg_status s = EG_OK;
    (void)path;
    mo.value_size = 2;
    so.rows = so.columns = 3;
    bo.clusters = 4;
    bo.units = 16;
    const eg_items items = { .labels = call_y, .values = call_sign };
    CALL(eg_memory_create(CALL_D, &mo, &m));
    CALL(eg_memory_add(m, call_x, CALL_N, &items));
    CALL(eg_routed_create(m, NULL, &r));
    CALL(eg_som_create(CALL_D, &so, &som));
    CALL(eg_binary_create(&bo, &b));
    if (s == EG_OK) {
        TELLS(eg_memory_size(m) == CALL_D && eg_memory_value_size(m) == 2);
        TELLS(eg_memory_bytes(m) > 0 && eg_memory_options_view(m)->value_size == 2);
        TELLS(eg_memory_id(m, 1) == 2 && eg_memory_label(m, 1) == 1 && eg_memory_weight(m, 1) == 1);
        TELLS(eg_memory_lyapunov(m, NULL, NULL));
        TELLS(eg_routed_size(r) > 0 && eg_routed_cells(r) > 0 && eg_routed_bytes(r) > 0);
        TELLS(eg_som_options_view(som)->rows == 3 && eg_som_units(som) == 9);
        TELLS(eg_som_dim(som) == CALL_D && eg_som_places(som) != NULL);
        TELLS(eg_binary_options_view(b)->units == 16 && eg_binary_count(b) == 0);
        TELLS(eg_binary_bytes(b) > 0 && eg_binary_words(b) > 0 && eg_binary_out_words(b) > 0);
        TELLS(eg_binary_numbers(b, 0) > 0 && eg_binary_recall_usual(b).size > 0);
    }
    eg_binary_destroy(b);
    eg_som_destroy(som);
    eg_routed_destroy(r);
    eg_memory_destroy(m);
    return call_told(s, told);
}

static inline eg_status call_views_of_heads(const char *path)
{
    eg_head *h = NULL;
    eg_quantiser *q = NULL;
    int told = 1;
    eg_status s = EG_OK;
    (void)path;
    CALL(eg_head_create("{\"kind\": \"mean\"}", CALL_D, 1, NULL, &h));
    CALL(eg_head_teach(h, call_x, call_y, CALL_N));
    CALL(eg_quantiser_create("{\"kind\": \"sign\"}", CALL_D, 1, NULL, &q));
    if (s == EG_OK) {
        TELLS(eg_head_spec(h) != NULL && strcmp(eg_head_kind_of(h)->name, "mean") == 0);
        TELLS(eg_head_features(h) == CALL_D && eg_head_classes(h) == CALL_K);
        TELLS(eg_head_count(h) == CALL_N && eg_head_class_count(h, 0) == CALL_N / CALL_K);
        TELLS(eg_head_bytes_of(h).learning > 0);
        TELLS(eg_quantiser_spec(q) != NULL && eg_quantiser_parts(q) == CALL_D);
        TELLS(eg_quantiser_symbols(q) == 2 && eg_quantiser_bits(q) > 0);
        (void)eg_quantiser_bytes(q);
    }
    eg_quantiser_destroy(q);
    eg_head_destroy(h);
    return call_told(s, told);
}

static inline eg_status call_views_of_learners(const char *path)
{
    const eg_task task = { .inputs = CALL_D, .classes = CALL_K, .epochs = 1 };
    eg_learner *l = NULL, *dam = NULL;
    int told = 1;
    eg_status s = EG_OK;
    (void)path;
    CALL(eg_learner_create("{\"kind\": \"network\", \"layers\": [\"linear\"]}", &task, 1, 1, NULL,
                           &l));
    CALL(eg_learner_create("{\"kind\": \"dam\", \"hidden\": 8}", &task, 1, 1, NULL, &dam));
    CALL(eg_learner_set_note(l, "key", "value"));
    if (s == EG_OK) {
        const eg_params *p = eg_learner_params(l);
        TELLS(eg_params_count(p) == 2 && eg_params_find(p, eg_params_at(p, 1)->name) != NULL);
        TELLS(eg_params_bytes(p) == 4 * (CALL_D + 1) * CALL_K && eg_params_hash(p) != 0);
        TELLS(eg_learner_spec(l) != NULL && eg_learner_task(l)->inputs == CALL_D);
        TELLS(strcmp(eg_learner_note(l, "key"), "value") == 0);
        (void)eg_learner_state(l);
        TELLS(eg_dam_count(dam) == 8);
        const eg_function f = eg_learner_function(l);
        eg_symmetry_options o = EG_SYMMETRY_OPTIONS_INIT;
        TELLS(eg_symmetry_size(&f, &o) == (size_t)CALL_D * CALL_D);
    }
    eg_learner_destroy(dam);
    eg_learner_destroy(l);
    return call_told(s, told);
}

/* What is read from files, and written to a run without a status. */
static inline eg_status call_views_of_files(const char *path)
{
    char name[600], folder[600];
    const float shift[CALL_D] = { 1 }, scale[CALL_D] = { 2 };
    eg_memory_file *f = NULL;
    eg_dataset set = { .n = 0 };
    eg_run *run = NULL;
    int told = 1;
    eg_status s = EG_OK;
    call_path(path, ".egm", name);
    CALL(eg_memory_file_create(name, CALL_D, NULL, NULL, &f));
    if (s == EG_OK) {
        TELLS(!eg_memory_file_is_binary(f) && !eg_memory_file_is_head(f));
        TELLS(eg_memory_file_lyapunov(f, EG_DYN_SYNC, NULL));
    }
    eg_memory_file_close(f);
    call_discard(name);
    call_path(path, ".npy", name);
    CALL(eg_npy_write(name, call_x, CALL_N, CALL_D));
    CALL(eg_dataset_read(name, NULL, &set));
    if (s == EG_OK) {
        eg_dataset_scale(&set, 1, 2);
        eg_dataset_scale_columns(&set, shift, scale);
        eg_dataset_binarise(&set, 0);
        TELLS(set.x[0] == 1 || set.x[0] == -1);
    }
    eg_dataset_clear(&set);
    unlink(name);
    call_path(path, ".views", folder);
    CALL(eg_run_open(folder, "{}", 1, 0, NULL, &run));
    if (run != NULL) {
        eg_run_metric(run, "{\"loss\": 1}");
        eg_run_log(run, "one line");
        eg_run_scalar(run, "loss", 1, 1e9, 1);
        const eg_status one = eg_run_close(run);
        CALL(one);
    }
    nftw(folder, call_unlink, 8, FTW_DEPTH | FTW_PHYS);
    return call_told(s, told);
}

#endif
