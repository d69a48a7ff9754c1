/* What a network's specification chooses from: its tables and their rows, for help. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "nn/egi_layer.h"
#include "nn/egi_learner.h"
#include "nn/egi_optimiser.h"

static const struct {
    const char *name;
    const struct egi_kind *const *rows;
} tables[] = {
    { "layer", egi_layer_kinds },
    { "loss", egi_loss_kinds },
    { "optimiser", egi_optimiser_kinds },
    { "schedule", egi_schedule_kinds },
};

const char *eg_network_table_at(size_t table)
{
    return table < EGI_COUNT(tables) ? tables[table].name : NULL;
}

static const struct egi_kind *row_at(const char *table, size_t row)
{
    for (size_t i = 0; table != NULL && i < EGI_COUNT(tables); i++) {
        if (strcmp(tables[i].name, table) != 0) continue;
        size_t k = 0;
        while (k < row && tables[i].rows[k] != NULL) k++;
        return tables[i].rows[k];
    }
    return NULL;
}

int eg_network_row_at(const char *table, size_t row, eg_learner_kind *out)
{
    const struct egi_kind *k = row_at(table, row);
    if (k == NULL || out == NULL) return 0;
    *out = (eg_learner_kind){ k->name, k->formula, k->source };
    return 1;
}

const struct egi_setting *egi_network_settings(const char *name)
{
    const char *dot = name != NULL ? strchr(name, '.') : NULL;
    for (size_t i = 0; dot != NULL && i < EGI_COUNT(tables); i++) {
        const size_t n = strlen(tables[i].name);
        if (n != (size_t)(dot - name) || memcmp(tables[i].name, name, n) != 0) continue;
        for (const struct egi_kind *const *k = tables[i].rows; *k != NULL; k++)
            if (strcmp((*k)->name, dot + 1) == 0) return (*k)->settings;
    }
    return NULL;
}
