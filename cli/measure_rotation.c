/* engram measure rotation: how the first operator behind a scattering transform turns with
 * pictures, as the shared local encoder of Oyallon et al. 2017 was looked at. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "cli/console.h"
#include "cli/measure.h"

static const struct column columns[] = { { "frequency", "%.0f" }, { "share", "%.4f" } };

static size_t setting(const json_t *layer, const char *name)
{
    return (size_t)json_integer_value(json_object_get(layer, name));
}

/* Whether a layer is of a kind; each is an object here, with its settings written out. */
static int is(const json_t *layer, const char *kind)
{
    const char *of = json_string_value(json_object_get(layer, "kind"));
    return of != NULL && strcmp(of, kind) == 0;
}

/* The transform's settings and the weights of the first conv2d behind it; NULL: none. */
static const eg_param *find_operator(eg_learner *l, const json_t *layers,
                                     eg_scattering_options *how)
{
    const json_t *layer;
    size_t i;
    int behind = 0;
    json_array_foreach(layers, i, layer)
    {
        char name[100];
        const char *given = json_string_value(json_object_get(layer, "name"));
        if (is(layer, "scattering")) {
            *how = (eg_scattering_options){ sizeof *how, setting(layer, "scales"),
                                            setting(layer, "angles"), setting(layer, "order"), 0 };
            behind = 1;
        } else if (behind && is(layer, "conv2d")) {
            if (given != NULL)
                snprintf(name, sizeof name, "%s.weight", given);
            else
                snprintf(name, sizeof name, "%zu.weight", i);
            return eg_params_find(eg_learner_params(l), name);
        }
    }
    return NULL;
}

static void print_all(const struct call *call, const eg_rotation *r, const char *name,
                      size_t angles)
{
    struct table t;
    table_begin(&t, "frequencies", columns, 2);
    for (size_t f = 0; f <= angles / 2; f++) {
        table_number(&t, (double)f);
        table_number(&t, r->share[f]);
    }
    if (call->common->json) {
        json_t *j = json_pack("{s:s,s:I,s:I,s:f,s:f,s:f,s:o}", "weights", name, "angles",
                              (json_int_t)angles, "orbits", (json_int_t)r->orbits, "concentration",
                              r->concentration, "coefficients", r->coefficients, "energy",
                              r->energy, "frequencies", table_json(&t));
        print_json_line(call->out, j);
        json_decref(j);
    } else {
        fprintf(call->out,
                "%s: %zu orbits of %zu angles\nof an orbit's energy %.3f is at one frequency; %.3f "
                "of all coefficients hold .9 of it\n\n",
                name, r->orbits, angles, r->concentration, r->coefficients);
        table_print(&t, call->out);
    }
    table_clear(&t);
}

int measure_rotation(const struct call *call, const char *path)
{
    struct model m;
    eg_scattering_options how = { 0 };
    eg_rotation r;
    int code = model_open(call, path, &m);
    if (code != EXIT_DONE) return code;
    json_t *spec = json_loads(eg_learner_spec(m.learner), 0, NULL);
    const eg_param *w = find_operator(m.learner, json_object_get(spec, "layers"), &how);
    const size_t channels = w != NULL ? eg_scattering_channels(&how) : 0;
    if (channels == 0 || w->dtype != EG_F32 || w->shape.rank != 4
        || w->shape.dim[2] * w->shape.dim[3] != 1 || w->shape.dim[1] % channels != 0)
        code =
            fail_usage(call,
                       "%s: expected a network with a scattering layer and behind it a conv2d of "
                       "kernel 1 on all of its channels",
                       path);
    else {
        const eg_status s =
            eg_rotation_spectrum(w->value, w->shape.dim[0], w->shape.dim[1] / channels, &how, &r);
        if (s != EG_OK) code = fail(s, NULL);
    }
    if (code == EXIT_DONE) print_all(call, &r, w != NULL ? w->name : "", how.angles);
    json_decref(spec);
    model_close(&m);
    return code;
}
