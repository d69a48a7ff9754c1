/* The short form of a network: units of the hidden layers in the place of a list of layers. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "nn/egi_layer.h"

eg_status egi_perceptron_check(const json_t *hidden)
{
    char got[EGI_JSON_TEXT];
    if (!json_is_array(hidden))
        return egi_fail(EG_ERR_INVALID, "hidden: expected a list of counts, as [2000], got %s",
                        egi_json_shown(hidden, got));
    for (size_t i = 0; i < json_array_size(hidden); i++) {
        const json_t *one = json_array_get(hidden, i);
        const json_int_t units = json_integer_value(one);
        if (units < 1 || units > 1000000000)
            return egi_fail(EG_ERR_INVALID, "hidden[%zu]: expected a count in 1..1e9, got %s", i,
                            egi_json_shown(one, got));
    }
    return EG_OK;
}

static int add_dropout(json_t *layers, const char *kind, double p)
{
    if (p == 0) return 0;
    return json_array_append_new(layers, json_pack("{s:s, s:f}", "kind", kind, "p", p)) != 0;
}

json_t *egi_perceptron(json_t *hidden, json_t *activation, json_t *initialiser, double dropout,
                       double alpha_dropout, json_t *pooling)
{
    json_t *layers = json_pack("[s]", "flatten");
    int failed = layers == NULL;
    for (size_t i = 0; i < json_array_size(hidden) && !failed; i++) {
        char name[32];
        snprintf(name, sizeof name, "fc%zu", i + 1);
        failed |= json_array_append_new(
            layers, json_pack("{s:s, s:s, s:O, s:O}", "kind", "linear", "name", name, "units",
                              json_array_get(hidden, i), "initialiser", initialiser));
        failed |= json_array_append_new(
            layers, json_pack("{s:s, s:O}", "kind", "activation", "function", activation));
        failed |= add_dropout(layers, "dropout", dropout);
        failed |= add_dropout(layers, "alpha_dropout", alpha_dropout);
    }
    if (!failed && !json_is_null(pooling)) failed |= json_array_append(layers, pooling);
    if (!failed)
        failed |=
            json_array_append_new(layers, json_pack("{s:s, s:s, s:O}", "kind", "linear", "name",
                                                    "output", "initialiser", initialiser));
    if (!failed) return layers;
    json_decref(layers);
    return NULL;
}
