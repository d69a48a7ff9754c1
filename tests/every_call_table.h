/* Every episode. That no public call is left out of them is seen by test_allocations. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_EVERY_CALL_TABLE_H
#define TESTS_EVERY_CALL_TABLE_H

#include <dirent.h>

#include "every_call.h"
#include "every_call_ask.h"
#include "every_call_learn.h"
#include "every_call_measure.h"
#include "every_call_onnx.h"
#include "every_call_physics.h"
#include "every_call_symmetry.h"
#include "every_call_tape.h"

static inline int call_head_row(size_t row)
{
    return eg_head_kind_at(row) != NULL;
}

static inline int call_learner_row(size_t row)
{
    return eg_learner_kind_at(row) != NULL;
}

static const struct episode {
    const char *name;
    eg_status (*act)(const char *path);
    int (*has)(size_t row); /* of a table that it takes row by row; NULL: none */
} episodes[] = {
    { "dense", call_dense, NULL },
    { "storages", call_storages, NULL },
    { "routed", call_routed, NULL },
    { "tables", call_tables, NULL },
    { "capacity", call_capacity, NULL },
    { "binary", call_binary, NULL },
    { "quantiser", call_quantiser, NULL },
    { "head", call_head, call_head_row },
    { "som", call_som, NULL },
    { "memory file", call_memory_file, NULL },
    { "recovery", call_recovery, NULL },
    { "other files", call_other_files, NULL },
    { "images", call_images, NULL },
    { "data", call_data, NULL },
    { "repertoires", call_repertoires, NULL },
    { "params", call_params, NULL },
    { "learners", call_learners, call_learner_row },
    { "bags", call_bags, NULL },
    { "instruments", call_instruments, NULL },
    { "training", call_training, NULL },
    { "splits", call_splits, NULL },
    { "validation", call_validation, NULL },
    { "statistics", call_statistics, NULL },
    { "connections", call_connections, NULL },
    { "operations", call_operations, NULL },
    { "onnx", call_onnx, NULL },
    { "coupled", call_coupled, NULL },
    { "measures", call_measures, NULL },
    { "symmetries", call_symmetries, NULL },
    { "learned symmetries", call_learned_symmetry, call_family_row },
    { "tangents", call_tangents, NULL },
    { "faces", call_faces, NULL },
    { "spectra", call_spectra, NULL },
    { "dynamics", call_dynamics, NULL },
    { "of a network", call_of_network, NULL },
    { "pictures", call_pictures, NULL },
    { "interferometric", call_interferometric, NULL },
    { "gradients", call_gradients, NULL },
    { "rows", call_rows, NULL },
    { "formulae", call_formulae, NULL },
    { "views", call_views, NULL },
    { "views of heads", call_views_of_heads, NULL },
    { "views of learners", call_views_of_learners, NULL },
    { "views of files", call_views_of_files, NULL },
};

/* The folder of a test, begun beside `tmp`, and ended with all that is in it. */
static char call_folder[300];

static inline int call_folder_begin(const char *tmp, const char *name)
{
    call_begin();
    snprintf(call_folder, sizeof call_folder, "%s/%s.XXXXXX", tmp != NULL ? tmp : ".", name);
    return mkdtemp(call_folder) != NULL ? 0 : -1;
}

static inline int call_folder_end(void **state)
{
    (void)state;
    return nftw(call_folder, call_unlink, 8, FTW_DEPTH | FTW_PHYS);
}

/* Files in it: nothing that is half made stays behind. */
static inline size_t call_left_behind(void)
{
    size_t n = 0;
    DIR *d = opendir(call_folder);
    CHECK(d != NULL);
    for (struct dirent *e; (e = readdir(d)) != NULL;) n += e->d_name[0] != '.';
    closedir(d);
    return n;
}

#endif
