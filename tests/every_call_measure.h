/* Every public call that can fail, continued: instruments. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_EVERY_CALL_MEASURE_H
#define TESTS_EVERY_CALL_MEASURE_H

#include "every_call_ask.h"

static inline eg_status call_measures(const char *path)
{
    static const char *const names[] = { "twonn" };
    const eg_task task = { .inputs = CALL_D, .classes = CALL_K, .epochs = 1 };
    const eg_dataset set = {
        .n = CALL_N, .d = CALL_D, .x = call_x, .labels = call_y, .classes = CALL_K
    };
    const eg_part all = { &set, NULL, CALL_N };
    eg_dimension_options d = EG_DIMENSION_OPTIONS_INIT;
    eg_memorised_options m = EG_MEMORISED_OPTIONS_INIT;
    eg_dimension dimension;
    eg_probe probe;
    double square[CALL_N * 2], memorised[CALL_N], error[CALL_N], y[CALL_N];
    double a[CALL_D], b[CALL_N], w[CALL_N];
    eg_fitting_net net = { .n = CALL_N, .d = CALL_D, .a = a, .b = b, .w = w };
    const float codes[6] = { 1, 2, 0, 1, 2, 3 };
    const uint8_t chosen[2] = { 1, 1 };
    const uint32_t group[4] = { 0, 0, 1, 2 };
    uint32_t half[4];
    eg_word word[2];
    eg_word_list list = { word, 2, 0 };
    eg_status s = EG_OK;
    (void)path;
    d.resample = 2;
    d.threads = m.threads = 1;
    m.models = 3;
    for (size_t i = 0; i < CALL_N; i++) y[i] = (double)call_y[i];
    CALL(eg_neighbours(call_x, CALL_N, CALL_D, 2, &(eg_search_options){ .threads = 1 }, square,
                       NULL));
    CALL(eg_dimension_estimate(call_x, CALL_N, CALL_D, names, 1, &d, &dimension));
    CALL(eg_memorised("{\"kind\": \"knn\"}", &task, &all, NULL, &m, memorised, error, NULL));
    CALL(eg_fitting_net_make(call_x, y, 1, NULL, &net));
    CALL(fabs(eg_fitting_net_value(&net, call_x) - y[0]) < 1e-6 ? EG_OK : EG_ERR_CORRUPT);
    CALL(eg_probe_layer(call_x, CALL_N, CALL_D, call_y, CALL_K,
                        &(eg_search_options){ .threads = 1 }, &probe));
    CALL(eg_cka(call_x, CALL_D, call_x, CALL_D, CALL_N, &probe.linear));
    CALL(eg_words_enriched(codes, 2, 3, chosen, 2, NULL, &list));
    CALL(eg_split_share_groups(group, 4, .5, 1, half));
    return s;
}

static inline eg_status call_symmetries(const char *path)
{
    enum { Q = 2 };
    const eg_task task = { .inputs = CALL_D, .classes = CALL_K, .epochs = 1 };
    eg_symmetry_options o = EG_SYMMETRY_OPTIONS_INIT;
    eg_learner *l = NULL;
    eg_kept kept;
    float basis[Q * CALL_D] = { 0 }, moved[CALL_N * CALL_D];
    double spectrum[Q * Q], generator[Q * Q * Q * Q];
    eg_status s = EG_OK;
    (void)path;
    basis[0] = basis[CALL_D + 1] = 1;
    o.basis = basis;
    o.q = Q;
    CALL(eg_learner_create("{\"kind\": \"network\", \"layers\": [\"linear\"]}", &task, 1, 1, NULL,
                           &l));
    if (s == EG_OK) {
        const eg_function f = eg_learner_function(l);
        CALL(eg_symmetry_find(&f, call_x, CALL_N, &o, spectrum, generator));
        CALL(eg_symmetry_check(&f, call_x, CALL_N, &o, generator, .1, &kept));
        CALL(eg_symmetry_move(&f, call_x, CALL_N, &o, generator, .1, moved));
    }
    eg_learner_destroy(l);
    return s;
}

static inline eg_status call_dynamics(const char *path)
{
    const eg_dynamics_model *m = eg_dynamics_find(eg_dynamics_row(0)->name);
    double value[EG_DYNAMICS_PARAMS];
    eg_dynamics_options o = EG_DYNAMICS_OPTIONS_INIT;
    eg_dynamics_result r = { 0 };
    char file[320], grid[320], before[330];
    eg_status s = EG_OK;
    for (size_t p = 0; m->params[p].name != NULL; p++)
        value[p] = strcmp(m->params[p].name, "n") == 0   ? 16
                   : strcmp(m->params[p].name, "t") == 0 ? 1
                                                         : m->params[p].value;
    snprintf(file, sizeof file, "%s.npy", path);
    snprintf(grid, sizeof grid, "%s.grid", path);
    snprintf(before, sizeof before, "%s.before", grid);
    o.checkpoint = grid;
    o.checkpoint_every = 0;
    CALL(eg_dynamics_run(m, value, &o, &r));
    if (s == EG_OK) CALL(eg_npy_write_f64(file, r.value, r.rows, r.columns));
    eg_dynamics_result_clear(&r);
    unlink(file);
    unlink(grid);
    unlink(before);
    return s;
}

static eg_status call_square(void *user, const double *x, double *y)
{
    (void)user;
    for (size_t i = 0; i < 4; i++) y[i] = (double)i * x[i];
    return EG_OK;
}

static inline eg_status call_spectra(const char *path)
{
    const eg_operator a = { 4, call_square, NULL };
    eg_spectrum_options o = EG_SPECTRUM_OPTIONS_INIT;
    eg_extremes e;
    double top, bottom, trace, error, diagonal[4], node[8], weight[8], norm;
    const float w[12] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 1, 2, 3 };
    const eg_layer_matrix m = { w, NULL, 3, 4, 1 };
    const size_t shape[4] = { 1, 3, 2, 2 };
    eg_status s = EG_OK;
    (void)path;
    o.draws = 2;
    CALL(eg_eigenvalues(&a, 1, 1, &o, &top, &bottom, NULL, &e));
    CALL(eg_trace(&a, &o, &trace, &error));
    CALL(eg_diagonal(&a, &o, diagonal));
    o.steps = 4;
    CALL(eg_density(&a, &o, node, weight));
    CALL(eg_matrix_spectral(&m, &norm));
    CALL(call_told(EG_OK, eg_matrix_frobenius(&m, 1) > 0 && eg_matrix_rows(&m) > 0
                              && eg_matrix_largest_row(&m) > 0
                              && eg_kendall(diagonal, diagonal, 4) > 0));
    CALL(eg_spectral_complexity(&m, 1, &norm));
    CALL(eg_conv_spectral(w, shape, 3, 3, &norm));
    CALL(eg_rademacher_signs(call_x, CALL_N, CALL_D, 1, 3, 1, &norm, NULL));
    return s;
}

static inline eg_status call_by_heart(eg_learner *l, const eg_task *task, const eg_part *all)
{
    eg_memorised_options m = EG_MEMORISED_OPTIONS_INIT;
    eg_train_options how = EG_TRAIN_OPTIONS_INIT;
    eg_attack_options o = EG_ATTACK_OPTIONS_INIT;
    eg_ease ease;
    uint32_t right[CALL_N];
    double g[CALL_N], gini, ratio;
    eg_status s = EG_OK;
    m.models = 2;
    m.threads = 1;
    how.epochs = 1;
    o.lo = -100;
    o.hi = 100;
    o.steps = 2;
    CALL(eg_easy_examples("{\"kind\": \"knn\"}", task, all, &m, right, &ease));
    CALL(eg_loss_sensitivity(l, all, g));
    CALL(eg_sensitivity_course(l, all, &how, &o, g, &gini, &ratio));
    CALL(eg_critical_samples(l, all, &o, NULL, &ratio));
    return s;
}

static eg_status call_bowl(void *user, const double *w, double *loss, double *gradient)
{
    (void)user;
    *loss = *w * *w / 2;
    *gradient = *w;
    return EG_OK;
}

static inline eg_status call_gibbs(eg_learner *l, const eg_part *all)
{
    const eg_landscape f = { 1, call_bowl, NULL };
    const double beta[2] = { 0, 1 };
    eg_chain_options o = EG_CHAIN_OPTIONS_INIT;
    eg_gibbs_row row[2];
    eg_rung rung[2];
    eg_incoherence told;
    double w = 0;
    eg_status s = EG_OK;
    o.burn = 1;
    o.steps = 20;
    CHECK(eg_chain_rows(0) != NULL);
    CALL(eg_chain(&f, NULL, 1, &o, 0, &w, rung));
    CALL(eg_gibbs_ladder(&f, NULL, beta, 2, &o, rung));
    CALL(eg_gibbs_network(l, all, all, beta, 2, &o, 0.1, row));
    CALL(eg_gradient_incoherence(l, all, 1, 1, 1e-3, 1, 0, &told));
    return s;
}

static inline eg_status call_of_network(const char *path)
{
    const eg_task task = { .inputs = CALL_D, .classes = CALL_K, .epochs = 1 };
    const eg_dataset set = {
        .n = CALL_N, .d = CALL_D, .x = call_x, .labels = call_y, .classes = CALL_K
    };
    const eg_part all = { &set, NULL, CALL_N };
    eg_network_options b = EG_NETWORK_OPTIONS_INIT;
    eg_pac_options p = EG_PAC_OPTIONS_INIT;
    eg_curvature_options how = EG_CURVATURE_OPTIONS_INIT;
    eg_learner *l = NULL, *prior = NULL;
    eg_curvature *c = NULL;
    eg_network_report report;
    eg_pac_result result;
    double value[128], map[CALL_D], loss, rest;
    eg_status s = EG_OK;
    (void)path;
    b.draws = p.draws = 2;
    p.epochs = 1;
    p.threads = how.threads = 1;
    for (int i = 0; i < 2; i++)
        CALL(eg_learner_create("{\"kind\": \"network\", \"layers\": [\"linear\"]}", &task, 1, 1,
                               NULL, i ? &prior : &l));
    CALL(eg_curvature_create(l, &all, &how, &c));
    if (s == EG_OK) CALL(eg_curvature_loss(c, NULL, &loss, NULL));
    if (s == EG_OK) {
        const eg_operator h = eg_curvature_operator(c, EG_HESSIAN);
        CHECK(h.n == eg_curvature_size(c) && h.n <= sizeof value / sizeof *value);
        CALL(h.apply(h.user, eg_curvature_point(c), value));
    }
    CHECK(eg_network_rows(0) != NULL);
    eg_curvature_destroy(c);
    CALL(eg_network_bounds(l, &all, &b, value, &report));
    CALL(eg_evidence(l, call_x, 1, 0, map, &rest));
    CALL(call_by_heart(l, &task, &all));
    CALL(call_gibbs(l, &all));
    CALL(eg_pac_train(l, prior, &all, &all, &p, &result));
    eg_learner_destroy(l);
    eg_learner_destroy(prior);
    return s;
}

static inline eg_status call_pictures(const char *path)
{
    enum { SIDE = 4, N_PICTURES = 6 };
    float x[N_PICTURES * SIDE * SIDE], kernel[2 * 4], offset[4];
    const eg_dataset set = {
        .n = N_PICTURES, .d = SIDE * SIDE, .height = SIDE, .width = SIDE, .channels = 1, .x = x
    };
    const eg_scattering_options how = { sizeof how, 1, 2, 2, 0 };
    eg_patch_options o = EG_PATCH_OPTIONS_INIT;
    eg_tape *t = NULL;
    eg_status s = EG_OK;
    (void)path;
    eg_random_normal(1, 0, 0, N_PICTURES * SIDE * SIDE, x);
    o.patches = 2;
    o.side = 2;
    CALL(eg_patch_dictionary(&set, &o, kernel, offset, NULL));
    double mean[4], whitening[16];
    CALL(eg_patch_whitening(&set, &o, mean, whitening));
    CALL(eg_tape_create(1, NULL, &t));
    if (s == EG_OK) {
        const eg_var in = eg_input(t, EG_F32, &eg_shape_of(N_PICTURES, 1, SIDE, SIDE), x);
        float on[11] = { 0, 1 };
        eg_rotation turning;
        assert_int_equal(eg_scattering_channels(&(eg_scattering_options){ sizeof how, 2, 2, 2, 0 }),
                         9);
        CALL(eg_rotation_spectrum(on, 1, 1, &(eg_scattering_options){ sizeof how, 2, 2, 2, 0 },
                                  &turning));
        CHECK(eg_scattering_channels(&how) > 0);
        eg_scattering(t, in, &how);
        const eg_patch_codes near = { sizeof near, 0.5, 2, 1, 0 };
        eg_patch_near(t, in, eg_input(t, EG_F32, &eg_shape_of(2, 1, 2, 2), kernel),
                      eg_input(t, EG_F32, &eg_shape_of(2, 2), offset), &near);
        const eg_var rows = eg_reshape(t, in, &eg_shape_of(4 * N_PICTURES, SIDE));
        const eg_var atoms = eg_input(t, EG_F32, &eg_shape_of(2, SIDE), kernel);
        const eg_var last = eg_reshape(t, eg_number(t, EG_F32, 0.1), &eg_shape_of(1, 1));
        eg_sparse_code(t, rows, atoms, atoms, EG_NONE, last, NULL);
        CALL(eg_tape_status(t));
    }
    eg_tape_destroy(t);
    const eg_task task = { .inputs = SIDE * SIDE,
                           .height = SIDE,
                           .width = SIDE,
                           .channels = 1,
                           .classes = 2,
                           .epochs = 1 };
    eg_learner *l = NULL;
    CALL(eg_learner_create("{\"kind\": \"network\", \"layers\": [{\"kind\": \"patches\", "
                           "\"patches\": 2, \"side\": 2, \"window\": 2}, \"flatten\", \"linear\"]}",
                           &task, 1, 1, NULL, &l));
    CALL(eg_patch_learner(l, &set, &o));
    eg_learner_destroy(l);
    return s;
}

static inline eg_status call_interferometric(const char *path)
{
    enum { SIDE = 4, N_SIGNALS = 3, FEATURES = 2 * SIDE * SIDE };
    const double edge[9] = { 0, 1, 0, 1, 0, 2, 0, 2, 0 };
    float x[N_SIGNALS * SIDE * SIDE], y[N_SIGNALS * FEATURES];
    double course[2];
    eg_interferometric_options o = EG_INTERFEROMETRIC_OPTIONS_INIT;
    eg_interferometric *grid = NULL, *graph = NULL;
    eg_status s = EG_OK;
    (void)path;
    o.filters = 1;
    o.steps = 2;
    o.threads = 1;
    eg_random_normal(1, 0, 0, N_SIGNALS * SIDE * SIDE, x);
    CALL(eg_interferometric_grid(1, SIDE, SIDE, &o, &grid));
    CALL(eg_interferometric_train(grid, x, N_SIGNALS, course));
    CHECK(s != EG_OK || eg_interferometric_features(grid) <= FEATURES);
    CALL(eg_interferometric_apply(grid, x, N_SIGNALS, y));
    CALL(eg_interferometric_graph(1, edge, 3, &o, &graph));
    CALL(eg_interferometric_apply(graph, x, 2, y));
    CHECK(s != EG_OK || eg_interferometric_look(graph).frequencies == 3);
    eg_interferometric_destroy(graph);
    eg_interferometric_destroy(grid);
    return s;
}

#endif
