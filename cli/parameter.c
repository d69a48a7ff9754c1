/* Parameters given as NAME=VALUE. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/parameter.h"

#include <string.h>

#include "cli/cli_text.h"
#include "cli/console.h"

struct named {
    const eg_theory_param *params;
    size_t most;
};

static const char *name_at(const void *user, size_t i)
{
    const struct named *n = user;
    return i < n->most ? n->params[i].name : NULL;
}

int parameter_named(const struct call *call, const char *owner, const eg_theory_param *params,
                    size_t most, const char *text, size_t *row, const char **value)
{
    const struct named all = { params, most };
    const size_t length = strcspn(text, "=");
    const char *name = keep_format("%.*s", (int)length, text);
    for (size_t p = 0; name_at(&all, p) != NULL; p++) {
        if (strcmp(name_at(&all, p), name) != 0) continue;
        if (text[length] != '=')
            return fail_usage(call, "expected %s=NUMBER, got \"%s\"", name, text);
        *row = p;
        *value = text + length + 1;
        return EXIT_DONE;
    }
    const char *near = nearest_name(name, name_at, &all);
    struct text list = { 0 };
    for (size_t p = 0; name_at(&all, p) != NULL; p++) text_add(&list, " %s", name_at(&all, p));
    const int code = fail_usage(call, "%s has no parameter \"%s\"%s%s%s; it has%s", owner, name,
                                near ? "; did you mean " : "", near ? near : "", near ? "?" : "",
                                list.size ? list.s : " none");
    text_clear(&list);
    return code;
}

void parameters_print(FILE *out, const eg_theory_param *params, size_t most, const double *value)
{
    for (size_t p = 0; p < most && params[p].name != NULL; p++)
        fprintf(out, "  %-14s %-12.9g %s [%g, %g]\n", params[p].name, value[p], params[p].summary,
                params[p].low, params[p].high);
}

const char *parameters_line(const eg_theory_param *params, size_t most)
{
    const char *line = "";
    for (size_t p = 0; p < most && params[p].name != NULL; p++)
        line = keep_format("%s%s%s=%g", line, p ? " " : "", params[p].name, params[p].value);
    return line;
}
