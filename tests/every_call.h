/* Every public call, made once, in the order in which a program would make them: what makes
 * allocations fail (test_allocations) and what makes calls from two threads (test_threads) loops
 * over these (every_call_table.h). Nothing here fails a test: an episode gives the first failure,
 * and has left nothing behind. `path` is the beginning of names that are its own. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_EVERY_CALL_H
#define TESTS_EVERY_CALL_H

#include <ftw.h>
#include <stdio.h>
#include <unistd.h>

#include "check.h"

enum { CALL_N = 24, CALL_D = 16, CALL_Q = 3, CALL_K = 3 };

/* The next call, where all went well so far. What says that something is not there is no failure.
 */
#define CALL(call)                \
    do {                          \
        if (s >= EG_OK) s = call; \
    } while (0)

enum { CALL_MANY = 600 };

static float call_x[CALL_N * CALL_D], call_sign[CALL_N * CALL_D], call_many[CALL_MANY * CALL_D];
static int32_t call_y[CALL_N];

static inline void call_begin(void)
{
    eg_random_normal(3, 0, 0, CALL_N * CALL_D, call_x);
    eg_random_sign(3, 1, 0, CALL_N * CALL_D, call_sign);
    eg_random_normal(4, 0, 0, CALL_MANY * CALL_D, call_many);
    for (int i = 0; i < CALL_N; i++) {
        call_y[i] = i % CALL_K;
        call_x[i * CALL_D + call_y[i]] += 3;
    }
}

/* Of an episode that takes every row of a table: that row alone; SIZE_MAX: all. */
static size_t call_only = SIZE_MAX;

static inline int call_takes(size_t row)
{
    return call_only == SIZE_MAX || call_only == row;
}

static inline const char *call_path(const char *path, const char *tail, char out[600])
{
    snprintf(out, 600, "%s%s", path, tail);
    return out;
}

static inline void call_discard(const char *path)
{
    static const char *const tail[] = { "", "-wal", "-shm" };
    char name[600];
    for (size_t i = 0; i < 3; i++) unlink(call_path(path, tail[i], name));
}

static inline int call_unlink(const char *path, const struct stat *st, int flag, struct FTW *f)
{
    (void)st;
    (void)flag;
    (void)f;
    return remove(path);
}

static inline eg_status call_dense(const char *path)
{
    enum { STEPS = 4 };
    eg_memory_options o = EG_MEMORY_OPTIONS_INIT;
    eg_recall_options r = EG_RECALL_OPTIONS_INIT;
    eg_certificate c[CALL_Q];
    eg_memory *m = NULL;
    float x[STEPS * CALL_Q * CALL_D], value[CALL_Q * 2];
    double energy[CALL_Q], score[CALL_N + 1], p[CALL_N + 1];
    uint64_t ids[CALL_N];
    size_t index, nearest[STEPS], found, tries;
    const uint64_t two[2] = { 3, 5 };
    const eg_items items = { .labels = call_y, .values = call_sign };
    eg_status s = EG_OK;
    (void)path;
    o.value_size = 2;
    o.rule.beta = 4;
    CALL(eg_rule_check(&o.rule));
    CALL(eg_memory_create(CALL_D, &o, &m));
    CALL(eg_memory_add(m, call_x, CALL_N, &items));
    CALL(eg_memory_remove(m, two, 2));
    CALL(eg_memory_replace(m, 7, call_x));
    CALL(eg_memory_set_rule(m, &o.rule));
    CALL(eg_memory_pattern(m, 0, x));
    CALL(eg_memory_value(m, 0, value));
    CALL(eg_memory_find(m, 7, &index));
    for (eg_dynamics d = EG_DYN_SYNC; d < EG_DYN_COUNT; d++) {
        r.dynamics = d;
        r.max_steps = 3;
        if (s < EG_OK) break;
        const eg_status one = eg_memory_recall(m, call_x, CALL_Q, &r, x, c);
        if (one != EG_ERR_UNSUPPORTED) s = one;
    }
    CALL(eg_memory_step(m, call_x, CALL_Q, 2, x));
    CALL(eg_memory_energy(m, call_x, CALL_Q, 2, energy));
    CALL(eg_memory_read(m, call_x, CALL_Q, 2, value));
    CALL(eg_memory_associate(m, call_x, score, p));
    r.dynamics = EG_DYN_SYNC;
    CALL(eg_memory_free_recall(m, &r, 3, CALL_N, ids, &found, &tries));
    CALL(eg_memory_sequence(m, call_x, 1, STEPS, 1, x, nearest));
    eg_memory_destroy(m);
    return s;
}

/* The storages that keep other things than patterns as floats. */
static inline eg_status call_storages(const char *path)
{
    eg_status s = EG_OK;
    (void)path;
    for (eg_storage storage = EG_STORE_BITS; storage < EG_STORE_COUNT && s >= EG_OK; storage++) {
        eg_memory_options o = EG_MEMORY_OPTIONS_INIT;
        eg_recall_options r = EG_RECALL_OPTIONS_INIT;
        eg_certificate c[CALL_Q];
        eg_memory *m = NULL;
        float x[CALL_Q * CALL_D];
        double state[512];
        o.storage = storage;
        o.rule.projection = storage == EG_STORE_FEATURES ? EG_PROJ_IDENTITY : EG_PROJ_SIGN;
        o.rule.separation = storage == EG_STORE_FEATURES ? EG_SEP_SOFTMAX
                            : storage == EG_STORE_BITS   ? EG_SEP_EXPONENTIAL
                                                         : EG_SEP_IDENTITY;
        if (storage == EG_STORE_FEATURES) o.rule.similarity = EG_SIM_EUCLIDEAN;
        o.features = 128;
        o.rule.beta = .25;
        CALL(eg_memory_create(CALL_D, &o, &m));
        CALL(eg_memory_add(m, call_sign, 5, NULL));
        CALL(eg_memory_recall(m, call_sign, CALL_Q, &r, x, c));
        if (storage != EG_STORE_BITS) {
            CALL(eg_memory_state(m, state));
            CALL(eg_memory_set_state(m, state, eg_memory_state_size(m)));
        }
        if (storage == EG_STORE_HEBB) CALL(eg_memory_forget(m, call_sign));
        eg_memory_destroy(m);
    }
    return s;
}

static inline eg_status call_routed(const char *path)
{
    eg_memory_options o = EG_MEMORY_OPTIONS_INIT;
    eg_routed_options ro = EG_ROUTED_OPTIONS_INIT;
    eg_routed_certificate c[CALL_Q];
    float out[CALL_Q * CALL_D];
    eg_memory *m = NULL;
    eg_routed *r = NULL;
    eg_status s = EG_OK;
    (void)path;
    o.rule.beta = 6;
    ro.cells = 8;
    CALL(eg_memory_create(CALL_D, &o, &m));
    CALL(eg_memory_add(m, call_many, CALL_MANY - 50, NULL));
    CALL(eg_routed_create(m, &ro, &r));
    CALL(eg_memory_add(m, call_many + (size_t)(CALL_MANY - 50) * CALL_D, 50, NULL));
    CALL(eg_routed_update(r));
    CALL(eg_routed_read(r, call_x, CALL_Q, 1e-3, 0, 1, out, c));
    eg_routed_destroy(r);
    eg_memory_destroy(m);
    return s;
}

static inline eg_status call_tables(const char *path)
{
    eg_rule rule = EG_RULE_INIT;
    const double w[4] = { 1, 1, 1, 1 }, y[4] = { .1, .5, -.2, .3 };
    double a[4], scale, energy;
    eg_status s = EG_OK;
    (void)path;
    for (eg_separation row = 0; row < EG_SEP_COUNT && s >= EG_OK; row++) {
        rule.separation = row;
        rule.order = row == EG_SEP_ENTMAX ? 1.5 : 2;
        if (eg_rule_check(&rule) != EG_OK) continue;
        CALL(eg_separation_weights(&rule, y, w, 4, a, &scale));
        CALL(eg_separation_energy(&rule, y, w, 4, &energy));
        CALL(eg_separation_derivative(&rule, y, w, y, 4, a) == EG_ERR_NOMEM ? EG_ERR_NOMEM : EG_OK);
    }
    for (eg_projection row = 0; row < EG_PROJ_COUNT && s >= EG_OK; row++) {
        rule.projection = row;
        CALL(eg_projection_apply(&rule, y, 4, a));
        CALL(eg_projection_energy(&rule, y, 4, &energy));
        CALL(eg_projection_derivative(&rule, y, y, 4, a) == EG_ERR_NOMEM ? EG_ERR_NOMEM : EG_OK);
    }
    for (size_t row = 0; eg_theory_row(row) != NULL; row++) {
        double in[EG_THEORY_PARAMS], out[EG_THEORY_RESULTS];
        for (size_t i = 0; i < EG_THEORY_PARAMS; i++) in[i] = eg_theory_row(row)->params[i].value;
        CALL(eg_theory_evaluate(eg_theory_row(row), in, out));
    }
    return s;
}

static inline eg_status call_capacity(const char *path)
{
    eg_capacity_options o = EG_CAPACITY_OPTIONS_INIT;
    eg_capacity_result r;
    eg_binary_lab_options b = EG_BINARY_LAB_OPTIONS_INIT;
    eg_binary_lab_result l;
    float x[8 * 4];
    eg_status s = EG_OK;
    (void)path;
    o.d = 20;
    o.n = 3;
    o.trials = 4;
    o.draws = 2;
    b.memory.clusters = 4;
    b.memory.units = 16;
    b.n = 20;
    b.trials = 5;
    b.erased = 1;
    CALL(eg_capacity_measure(&o, &r));
    CALL(eg_patterns_draw(EG_PATTERNS_SIGNS, 1, 2, 4, 8, x));
    CALL(eg_patterns_corrupt(EG_CORRUPT_FLIP, .2, 1, x, 4, 8, x));
    CALL(eg_binary_lab(&b, &l));
    return s;
}

static inline eg_status call_binary(const char *path)
{
    enum { C = 4, U = 16 };
    eg_binary_options o = EG_BINARY_OPTIONS_INIT;
    eg_binary *m = NULL, *n = NULL, *part = NULL;
    eg_binary_health h;
    eg_binary_certificate c[4];
    float message[4 * C], back[4 * C];
    uint64_t bits[4 * C], out[8 * C], outputs[2] = { 0xff, 0 };
    double energy[4], sure[8];
    size_t bytes;
    eg_status s = EG_OK;
    (void)path;
    o.clusters = C;
    o.units = U;
    o.counted = 1;
    for (size_t i = 0; i < 4 * C; i++) message[i] = (float)(i * 7 % U);
    CALL(eg_binary_size(&o, &bytes));
    CALL(eg_binary_create(&o, &m));
    CALL(eg_binary_create(&o, &n));
    CALL(eg_binary_encode(m, 0, message, 4, bits));
    CALL(eg_binary_add(m, bits, NULL, 4));
    CALL(eg_binary_add(n, bits, NULL, 2));
    CALL(eg_binary_forget(m, bits, NULL, 1));
    CALL(eg_binary_add(m, bits, NULL, 1));
    CALL(eg_binary_recall(m, bits, 4, NULL, out, c));
    CALL(eg_binary_decode(m, 0, bits, 4, back));
    CALL(eg_binary_energy(m, bits, NULL, 4, energy));
    CALL(eg_binary_measure(m, &h));
    CALL(eg_binary_merge(m, n));
    CALL(eg_binary_subtract(m, n));
    eg_binary_destroy(n);
    eg_binary_destroy(m);
    n = m = NULL;
    o.kind = EG_BINARY_CHAIN;
    o.order = 1;
    CALL(eg_binary_create(&o, &m));
    CALL(eg_binary_add_sequence(m, bits, 4));
    CALL(eg_binary_sequence(m, bits, 1, 3, out, sure));
    CALL(eg_binary_forget_sequence(m, bits, 4));
    eg_binary_destroy(m);
    m = NULL;
    o = (eg_binary_options)EG_BINARY_OPTIONS_INIT;
    o.kind = EG_BINARY_WILLSHAW;
    o.clusters = o.out_clusters = 1;
    o.units = 64;
    o.out_units = 64;
    CALL(eg_binary_create(&o, &m));
    CALL(eg_binary_add(m, bits, bits, 4));
    CALL(eg_binary_split(m, outputs, &part));
    eg_binary_destroy(part);
    eg_binary_destroy(m);
    return s;
}

static inline eg_status call_quantiser(const char *path)
{
    static const char *const specs[] = { "{\"kind\": \"sign\"}", "{\"kind\": \"quantile\"}",
                                         "{\"kind\": \"pq\", \"parts\": 4, \"anchors\": 4}",
                                         "{\"kind\": \"projection\", \"parts\": 9}", NULL };
    eg_status s = EG_OK;
    (void)path;
    for (size_t i = 0; specs[i] != NULL && s >= EG_OK; i++) {
        eg_quantiser *q = NULL;
        uint16_t code[CALL_N * CALL_D];
        float x[CALL_N * CALL_D];
        double error;
        CALL(eg_quantiser_create(specs[i], CALL_D, 1, NULL, &q));
        CALL(eg_quantiser_fit(q, call_x, CALL_N));
        CALL(eg_quantiser_encode(q, call_x, CALL_N, code));
        CALL(eg_quantiser_decode(q, code, CALL_N, x));
        CALL(eg_quantiser_error(q, call_x, CALL_N, &error));
        eg_quantiser_destroy(q);
    }
    return s;
}

/* Every kind of head. */
static inline eg_status call_head(const char *path)
{
    eg_status s = EG_OK;
    (void)path;
    for (size_t row = 0; eg_head_kind_at(row) != NULL && s >= EG_OK; row++) {
        const eg_head_kind *kind = eg_head_kind_at(row);
        if (!call_takes(row)) continue;
        char spec[200], chosen[1024];
        eg_head *h = NULL, *other = NULL;
        eg_head_answer answer[CALL_Q];
        const eg_head_budget budget = { sizeof budget, 1 << 20, 1e6 };
        eg_head_bytes bytes;
        eg_head_times times;
        eg_head_vote vote[4];
        size_t found;
        const char *own =
            strcmp(kind->name, "prototype") == 0 ? ", \"below\": true"
            : strcmp(kind->name, "tilda") == 0   ? ", \"parts\": 4"
            : strcmp(kind->name, "binary") == 0 || strcmp(kind->name, "clique") == 0
                ? ", \"quantiser\": {\"kind\": \"anchors\", \"parts\": 4, \"anchors\": 4}"
                : "";
        snprintf(spec, sizeof spec, "{\"kind\": \"%s\"%s}", kind->name, own);
        CALL(eg_head_size(spec, CALL_D, CALL_K, CALL_N, &bytes));
        CALL(eg_head_time(spec, CALL_D, CALL_K, CALL_N, &times));
        CALL(eg_head_create(spec, CALL_D, 1, NULL, &h));
        CALL(eg_head_create(spec, CALL_D, 1, NULL, &other));
        if (kind->can & EG_HEAD_FITS) {
            CALL(eg_head_fit(h, call_x, CALL_N));
            CALL(eg_head_fit(other, call_x, CALL_N));
        }
        CALL(eg_head_reserve(h, CALL_K, 2 * CALL_N));
        CALL(eg_head_teach(h, call_x, call_y, CALL_N));
        CALL(eg_head_teach(other, call_x, call_y, CALL_K));
        CALL(eg_head_predict(h, call_x, CALL_Q, answer, NULL));
        CALL(eg_head_calibrate(h, call_x, call_y, CALL_N, 1, .5));
        if (kind->voters != NULL) CALL(eg_head_votes(h, call_x, 0, vote, 4, &found));
        if (kind->can & EG_HEAD_FORGETS) CALL(eg_head_forget(h, call_x, call_y, 1));
        if (kind->can & EG_HEAD_MERGES) CALL(eg_head_merge(h, other, NULL));
        if (kind->can & EG_HEAD_FORGETS_CLASS) CALL(eg_head_forget_class(h, 1));
        if (row == 0) CALL(eg_head_choose(&budget, CALL_D, CALL_K, CALL_N, 0, chosen));
        eg_head_destroy(other);
        eg_head_destroy(h);
    }
    return s;
}

static inline eg_status call_som(const char *path)
{
    eg_som_options o = EG_SOM_OPTIONS_INIT;
    eg_som_fit_options f = EG_SOM_FIT_OPTIONS_INIT;
    eg_som_quality q;
    eg_som *m = NULL;
    uint32_t unit[CALL_N];
    float distance[CALL_N], walls[9], places[9 * CALL_D];
    eg_status s = EG_OK;
    (void)path;
    o.rows = o.columns = 3;
    f.epochs = 2;
    memcpy(places, call_x, sizeof places);
    CALL(eg_som_create(CALL_D, &o, &m));
    CALL(eg_som_set(m, places));
    CALL(eg_som_fit(m, call_x, CALL_N, &f));
    CALL(eg_som_map(m, call_x, CALL_N, 1, unit, distance));
    CALL(eg_som_measure(m, call_x, CALL_N, 1, &q));
    CALL(eg_som_walls(m, walls));
    eg_som_destroy(m);
    return s;
}

static inline eg_status call_note(void *user, const char *key, const char *value)
{
    *(size_t *)user += strlen(key) + strlen(value);
    return EG_OK;
}

static inline eg_status call_memory_file(const char *path)
{
    char name[600], copy[600], mended[600], saved[600], table[600];
    eg_memory_file *f = NULL;
    eg_memory *m = NULL;
    eg_file_info info;
    const char *text;
    size_t size = 0;
    uint64_t kept, lost;
    const uint64_t ids[2] = { 3, 4 };
    eg_status s = EG_OK;
    call_path(path, ".egm", name);
    call_path(path, ".copy.egm", copy);
    call_path(path, ".mended.egm", mended);
    call_path(path, ".saved.egm", saved);
    call_path(path, ".npy", table);
    CALL(eg_memory_file_create(name, CALL_D, NULL, NULL, &f));
    CALL(eg_memory_file_append(f, call_x, CALL_N, NULL, NULL));
    CALL(eg_memory_file_remove(f, ids, 2));
    CALL(eg_memory_file_set_note(f, "title", "every call"));
    CALL(eg_memory_file_note(f, "title", &text));
    CALL(eg_memory_file_notes(f, call_note, &size));
    CALL(eg_memory_file_info(f, &info));
    CALL(eg_memory_file_load(f, &m));
    CALL(eg_memory_file_save(saved, m, NULL));
    CALL(eg_memory_file_verify(f, NULL, NULL));
    CALL(eg_memory_file_backup(f, copy));
    CALL(eg_memory_file_export(f, table, "npy"));
    CALL(eg_memory_file_export(f, table, "safetensors"));
    CALL(eg_memory_file_vacuum(f));
    CALL(eg_memory_file_repair(copy, mended, NULL, &kept, &lost));
    eg_memory_destroy(m);
    eg_memory_file_close(f);
    f = NULL;
    CALL(eg_memory_file_open(name, NULL, &f));
    eg_memory_file_close(f);
    call_discard(name);
    call_discard(copy);
    call_discard(mended);
    call_discard(saved);
    unlink(table);
    return s;
}

static inline void call_copy(const char *from, const char *to)
{
    static __thread char bytes[1 << 18];
    FILE *in = fopen(from, "rb"), *out = fopen(to, "wb");
    const size_t n = in != NULL ? fread(bytes, 1, sizeof bytes, in) : 0;
    if (out != NULL) (void)!fwrite(bytes, 1, n, out);
    if (in != NULL) fclose(in);
    if (out != NULL) fclose(out);
}

/* A file whose writer died: what is in its log alone is taken into it. */
static inline eg_status call_recovery(const char *path)
{
    char name[600], log[600], left[600], left_log[600];
    eg_memory_file *f = NULL, *again = NULL;
    eg_memory *m = NULL;
    eg_status s = EG_OK;
    call_path(path, ".egm", name);
    call_path(path, ".egm-wal", log);
    call_path(path, ".left.egm", left);
    call_path(path, ".left.egm-wal", left_log);
    CALL(eg_memory_file_create(name, CALL_D, NULL, NULL, &f));
    for (size_t i = 0; i < CALL_N; i += 6)
        CALL(eg_memory_file_append(f, call_x + i * CALL_D, 6, NULL, NULL));
    if (s == EG_OK) {
        call_copy(name, left);
        call_copy(log, left_log);
        CALL(eg_memory_file_open(left, NULL, &again));
        CALL(eg_memory_file_load(again, &m));
        CALL(eg_memory_count(m) == CALL_N ? EG_OK : EG_ERR_CORRUPT);
        CALL(eg_memory_file_append(again, call_x, 1, NULL, NULL));
    }
    eg_memory_destroy(m);
    eg_memory_file_close(again);
    eg_memory_file_close(f);
    call_discard(name);
    call_discard(left);
    return s;
}

/* Of a binary memory, and of a head. */
static inline eg_status call_other_files(const char *path)
{
    char name[600], other[600];
    eg_binary_options o = EG_BINARY_OPTIONS_INIT;
    eg_binary *b = NULL, *loaded = NULL;
    eg_head *h = NULL, *taught = NULL;
    eg_memory_file *f = NULL;
    const uint64_t bits[4] = { 1, 2, 4, 8 };
    eg_status s = EG_OK;
    call_path(path, ".binary.egm", name);
    call_path(path, ".head.egm", other);
    o.clusters = 4;
    o.units = 4;
    CALL(eg_binary_create(&o, &b));
    CALL(eg_memory_file_save_binary(name, b, NULL));
    CALL(eg_memory_file_open(name, NULL, &f));
    CALL(eg_memory_file_load_binary(f, &loaded));
    CALL(eg_binary_add(loaded, bits, NULL, 1));
    CALL(eg_memory_file_write_binary(f, loaded));
    eg_binary_destroy(b);
    eg_binary_destroy(loaded);
    eg_memory_file_close(f);
    f = NULL;
    CALL(eg_head_create("{\"kind\": \"mean\"}", CALL_D, 1, NULL, &h));
    CALL(eg_head_teach(h, call_x, call_y, 6));
    CALL(eg_memory_file_save_head(other, h, NULL));
    CALL(eg_memory_file_open(other, NULL, &f));
    CALL(eg_memory_file_load_head(f, &taught));
    CALL(eg_head_teach(taught, call_x, call_y, CALL_N));
    CALL(eg_memory_file_write_head(f, taught));
    eg_head_destroy(h);
    eg_head_destroy(taught);
    eg_memory_file_close(f);
    call_discard(name);
    call_discard(other);
    return s;
}

#endif
