/* Any words behind a verb: options of every kind, with and without values, mistyped, repeated. What
 * is taken lies in its domain. A word a line. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "cli/cli_text.h"
#include "cli/command.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

struct values {
    struct common common;
    int flag, whole, choice;
    size_t size;
    uint64_t seed;
    double number;
    const char *text;
    struct texts texts;
};

static const char *choices(size_t row)
{
    static const char *const names[] = { "dense", "bits", "hebb", NULL };
    return row < 3 ? names[row] : NULL;
}

#define AT(field) offsetof(struct values, field)
static const struct opt options[] = {
    { "flag", 'f', OPT_FLAG, AT(flag), NULL, "", NULL, 0, 0 },
    { "whole", 'n', OPT_INT, AT(whole), "N", "", NULL, 1, 100 },
    { "size", 0, OPT_SIZE, AT(size), "N", "", NULL, 0, 0 },
    { "start", 0, OPT_SEED, AT(seed), "N", "", NULL, 0, 0 },
    { "number", 'x', OPT_NUMBER, AT(number), "X", "", NULL, -1, 1 },
    { "text", 't', OPT_TEXT, AT(text), "TEXT", "", NULL, 0, 0 },
    { "choice", 'c', OPT_CHOICE, AT(choice), "NAME", "", choices, 0, 0 },
    { "set", 0, OPT_TEXTS, AT(texts), "K=V", "", NULL, 0, 0 },
    { NULL, 0, OPT_FLAG, 0, NULL, NULL, NULL, 0, 0 },
};
static const struct values defaults = { .whole = 1 };

static const struct command verb = { .name = "verb",
                                     .summary = "",
                                     .arguments = "[WORD...]",
                                     .examples = "",
                                     .options = options,
                                     .defaults = &defaults,
                                     .size = sizeof defaults,
                                     .max_args = 64 };

static void judge(const struct values *v, const char *const *args, size_t n)
{
    if (v->whole < 1 || v->whole > 100 || !(v->number >= -1 && v->number <= 1)) abort();
    if (v->choice < 0 || v->choice > 2 || v->texts.n > TEXTS_MOST) abort();
    size_t length = v->text != NULL ? strlen(v->text) : 0;
    for (size_t i = 0; i < v->texts.n; i++) length += strlen(v->texts.item[i]);
    for (size_t i = 0; i < n; i++) length += strlen(args[i]);
    json_t *j = options_to_json(options, v);
    struct values again = defaults;
    if (j == NULL || length > 1 << 20 || !options_from_json(options, j, &again)) abort();
    json_decref(j);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    enum { WORDS = 48 };
    static FILE *nowhere;
    const char *word[WORDS + 1];
    const char *const *args = NULL;
    size_t n = 0, nargs = 0;
    struct values v = defaults;
    if (nowhere == NULL) nowhere = stderr = fopen("/dev/null", "w");
    char *text = malloc(size + 1), *state = NULL;
    if (text == NULL) return 0;
    memcpy(text, bytes, size);
    text[size] = '\0';
    for (char *p = strtok_r(text, "\n", &state); p != NULL && n < WORDS;
         p = strtok_r(NULL, "\n", &state))
        word[n++] = p;
    word[n] = NULL;
    const int code = options_parse(&verb, (int)n, word, &v, &args, &nargs);
    if (code != EXIT_DONE && code != EXIT_USAGE) abort();
    if (code == EXIT_DONE) judge(&v, args, nargs);
    free(text);
    keep_release();
    return 0;
}
