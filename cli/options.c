/* The option tables read by libpopt. popt splits words into options and values; the values
 * are checked here against the table, so that every command answers a wrong one alike. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <popt.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli_text.h"
#include "cli/command.h"

#define AT(field) offsetof(struct common, field)

const struct opt common_options[] = {
    { "json", 0, OPT_FLAG, AT(json), NULL, "print JSON: one object, or one a line", NULL, 0, 0 },
    { "quiet", 'q', OPT_FLAG, AT(quiet), NULL, "no messages, no progress", NULL, 0, 0 },
    { "seed", 0, OPT_SEED, AT(seed), "N", "seed of every random choice", NULL, 0, 0 },
    { "threads", 0, OPT_INT, AT(threads), "N", "threads; 0: all there are", NULL, 0, 4096 },
    { "max-bytes", 0, OPT_SIZE, AT(max_bytes), "N",
      "what a file may ask for, as 1G; engram help limits says what else", NULL, 1, 1e18 },
    { "output", 'o', OPT_TEXT, AT(output), "FILE", "write here; - is standard output", NULL, 0, 0 },
    { "help", 'h', OPT_FLAG, AT(help), NULL, "show this", NULL, 0, 0 },
    { NULL, 0, OPT_FLAG, 0, NULL, NULL, NULL, 0, 0 },
};

/* Row i of a command's own options followed by the common ones. */
static const struct opt *option_at(const struct command *command, size_t i)
{
    const struct opt *own = command->options;
    for (; own != NULL && own->name != NULL; own++)
        if (i-- == 0) return own;
    for (own = common_options; own->name != NULL; own++)
        if (i-- == 0) return own;
    return NULL;
}

static const char *option_name(const void *command, size_t i)
{
    const struct opt *o = option_at(command, i);
    return o != NULL ? o->name : NULL;
}

static const char *choice_name(const void *opt, size_t i)
{
    return ((const struct opt *)opt)->choice(i);
}

static int bad_value(const struct command *command, const struct opt *o, const char *got)
{
    fprintf(stderr, "engram %s: --%s: expected ", command->name, o->name);
    if (o->kind == OPT_CHOICE) {
        fprintf(stderr, "one of");
        for (size_t i = 0; o->choice(i) != NULL; i++) fprintf(stderr, " %s", o->choice(i));
    } else {
        fprintf(stderr, "%s",
                o->kind == OPT_NUMBER  ? "a number"
                : o->kind == OPT_TEXTS ? "at most 64 of them"
                : o->kind == OPT_SIZE  ? "a whole number, as 20, 64k, 16M or 1G,"
                                       : "a whole number");
        if (o->low != 0 || o->high != 0) fprintf(stderr, " from %g to %g", o->low, o->high);
    }
    fprintf(stderr, ", got \"%s\"", got);
    const char *near = o->kind == OPT_CHOICE ? nearest_name(got, choice_name, o) : NULL;
    if (near != NULL) fprintf(stderr, "; did you mean %s?", near);
    fprintf(stderr, "\n  engram %s --help\n", command->name);
    return EXIT_USAGE;
}

static int in_domain(const struct opt *o, double v)
{
    return (o->low == 0 && o->high == 0) || (v >= o->low && v <= o->high);
}

static int store_whole(const struct opt *o, const char *text, char *at)
{
    char *end;
    errno = 0;
    const unsigned long long v = strtoull(text, &end, 10);
    const unsigned long long unit =
        o->kind == OPT_SIZE ? size_unit(end, strlen(end)) : *end == '\0';
    if (*text < '0' || *text > '9' || unit == 0 || errno != 0) return 0;
    if (v > ULLONG_MAX / unit) return 0;
    if (!in_domain(o, (double)v * (double)unit)) return 0;
    const uint64_t seed = v;
    const size_t size = v * unit;
    const int whole = (int)v;
    if (o->kind == OPT_SEED) memcpy(at, &seed, sizeof seed);
    if (o->kind == OPT_SIZE) memcpy(at, &size, sizeof size);
    if (o->kind == OPT_INT) memcpy(at, &whole, sizeof whole);
    return o->kind != OPT_INT || v <= 0x7fffffff;
}

/* 1 when text is a value of the option, which is then stored at its place. */
static int store_value(const struct opt *o, const char *text, void *values)
{
    char *at = (char *)values + o->offset;
    struct texts *list = (struct texts *)(void *)at;
    double number;
    int row = 0;
    switch (o->kind) {
    case OPT_FLAG:
        row = 1;
        memcpy(at, &row, sizeof row);
        return 1;
    case OPT_TEXT:
        memcpy(at, &text, sizeof text);
        return 1;
    case OPT_TEXTS:
        if (list->n == TEXTS_MOST) return 0;
        list->item[list->n++] = text;
        return 1;
    case OPT_NUMBER:
        if (!parse_number(text, &number) || !in_domain(o, number)) return 0;
        memcpy(at, &number, sizeof number);
        return 1;
    case OPT_CHOICE:
        while (o->choice((size_t)row) != NULL && strcmp(o->choice((size_t)row), text) != 0) row++;
        if (o->choice((size_t)row) == NULL) return 0;
        memcpy(at, &row, sizeof row);
        return 1;
    default:
        return store_whole(o, text, at);
    }
}

static int bad_option(const struct command *command, poptContext popt, int code)
{
    const char *word = poptBadOption(popt, POPT_BADOPTION_NOALIAS);
    if (code != POPT_ERROR_BADOPT) {
        fprintf(stderr, "engram %s: %s: %s\n", command->name, word, poptStrerror(code));
    } else {
        char name[64];
        snprintf(name, sizeof name, "%s", word + strspn(word, "-"));
        name[strcspn(name, "=")] = '\0';
        const char *near = strlen(name) > 1 ? nearest_name(name, option_name, command) : NULL;
        fprintf(stderr, "engram %s: no option %s", command->name, word);
        if (near != NULL) fprintf(stderr, "; did you mean --%s?", near);
        fputc('\n', stderr);
    }
    fprintf(stderr, "  engram %s --help\n", command->name);
    return EXIT_USAGE;
}

static int parse_all(const struct command *command, poptContext popt, void *values)
{
    int code;
    while ((code = poptGetNextOpt(popt)) > 0) {
        const struct opt *o = option_at(command, (size_t)code - 1);
        char *text = o->kind == OPT_FLAG ? NULL : keep(poptGetOptArg(popt));
        if (!store_value(o, text, values)) return bad_value(command, o, text);
    }
    return code < -1 ? bad_option(command, popt, code) : EXIT_DONE;
}

static int take_args(poptContext popt, const char *const **args, size_t *nargs)
{
    const char **rest = poptGetArgs(popt);
    size_t n = 0;
    while (rest != NULL && rest[n] != NULL) n++;
    const char **list = need(n + 1, sizeof *list);
    for (size_t i = 0; i < n; i++) list[i] = keep_format("%s", rest[i]);
    keep((char *)list);
    *args = list;
    *nargs = n;
    return EXIT_DONE;
}

int options_parse(const struct command *command, int argc, const char *const *argv, void *values,
                  const char *const **args, size_t *nargs)
{
    size_t n = 0;
    while (option_at(command, n) != NULL) n++;
    struct poptOption *table = need(n + 1, sizeof *table);
    for (size_t i = 0; i < n; i++) {
        const struct opt *o = option_at(command, i);
        table[i] = (struct poptOption){
            o->name, o->letter,  o->kind == OPT_FLAG ? POPT_ARG_NONE : POPT_ARG_STRING,
            NULL,    (int)i + 1, o->summary,
            o->arg
        };
    }
    const char **words = need((size_t)argc + 2, sizeof *words);
    words[0] = command->name; /* popt takes the first word for the program's name */
    for (int i = 0; i < argc; i++) words[i + 1] = argv[i];
    poptContext popt = poptGetContext(NULL, argc + 1, words, table, 0);
    int code = popt == NULL ? EXIT_MEMORY : parse_all(command, popt, values);
    if (code == EXIT_DONE) code = take_args(popt, args, nargs);
    poptFreeContext(popt);
    free(words);
    free(table);
    return code;
}

/* A value outside the domain stands for: not given. */
static json_t *value_to_json(const struct opt *o, const char *at)
{
    union {
        int whole;
        size_t size;
        uint64_t seed;
        double number;
        const char *text;
    } v = { 0 };
    const struct texts *list = (const struct texts *)(const void *)at;
    json_t *texts;
    if (o->kind != OPT_TEXTS)
        memcpy(&v, at,
               o->kind == OPT_FLAG || o->kind == OPT_INT || o->kind == OPT_CHOICE ? sizeof v.whole
                                                                                  : sizeof v);
    switch (o->kind) {
    case OPT_FLAG:
        return json_boolean(v.whole);
    case OPT_INT:
        return in_domain(o, v.whole) && v.whole >= 0 ? json_integer(v.whole) : json_null();
    case OPT_SIZE:
    case OPT_SEED:
        return in_domain(o, (double)v.seed) ? json_integer((json_int_t)v.seed) : json_null();
    case OPT_NUMBER:
        return json_number(v.number);
    case OPT_TEXT:
        return v.text ? json_string(v.text) : json_null();
    case OPT_CHOICE:
        return v.whole >= 0 ? json_string(o->choice((size_t)v.whole)) : json_null();
    default:
        texts = json_array();
        for (size_t i = 0; i < list->n; i++)
            json_array_append_new(texts, json_string(list->item[i]));
        return texts;
    }
}

json_t *options_to_json(const struct opt *rows, const void *values)
{
    json_t *object = json_object();
    for (; rows->name != NULL; rows++)
        json_object_set_new(object, rows->name,
                            value_to_json(rows, (const char *)values + rows->offset));
    return object;
}

/* A value as it would be typed; "" where it is of no type that an option has. */
static const char *typed(const struct opt *o, const json_t *v)
{
    if (json_is_string(v)) return keep_format("%s", json_string_value(v));
    if (json_is_integer(v) && o->kind == OPT_NUMBER) /* which may be below 0, as no seed is */
        return keep_format("%lld", (long long)json_integer_value(v));
    if (json_is_integer(v))
        return keep_format("%llu", (unsigned long long)(uint64_t)json_integer_value(v));
    return json_is_real(v) ? keep_format("%.17g", json_real_value(v)) : "";
}

int options_from_json(const struct opt *rows, const json_t *object, void *values)
{
    for (; rows->name != NULL; rows++) {
        const json_t *v = json_object_get(object, rows->name);
        const size_t n = json_is_array(v) ? json_array_size(v) : 1;
        if (v == NULL || json_is_null(v) || json_is_false(v)) continue;
        for (size_t i = 0; i < n; i++)
            if (!store_value(rows, typed(rows, json_is_array(v) ? json_array_get(v, i) : v),
                             values))
                return 0;
    }
    return 1;
}
