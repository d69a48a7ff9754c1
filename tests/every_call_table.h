/* Every episode. That no public call is left out of them is seen by test_allocations. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_EVERY_CALL_TABLE_H
#define TESTS_EVERY_CALL_TABLE_H

#include "every_call.h"
#include "every_call_ask.h"
#include "every_call_learn.h"
#include "every_call_measure.h"
#include "every_call_onnx.h"
#include "every_call_tape.h"

static const struct episode {
    const char *name;
    eg_status (*act)(const char *path);
} episodes[] = {
    { "dense", call_dense },
    { "storages", call_storages },
    { "routed", call_routed },
    { "tables", call_tables },
    { "capacity", call_capacity },
    { "binary", call_binary },
    { "quantiser", call_quantiser },
    { "head", call_head },
    { "som", call_som },
    { "memory file", call_memory_file },
    { "recovery", call_recovery },
    { "other files", call_other_files },
    { "images", call_images },
    { "data", call_data },
    { "repertoires", call_repertoires },
    { "params", call_params },
    { "learners", call_learners },
    { "bags", call_bags },
    { "instruments", call_instruments },
    { "training", call_training },
    { "statistics", call_statistics },
    { "connections", call_connections },
    { "operations", call_operations },
    { "onnx", call_onnx },
    { "coupled", call_coupled },
    { "measures", call_measures },
    { "symmetries", call_symmetries },
    { "rows", call_rows },
    { "formulae", call_formulae },
    { "views", call_views },
    { "views of heads", call_views_of_heads },
    { "views of learners", call_views_of_learners },
    { "views of files", call_views_of_files },
};

#endif
