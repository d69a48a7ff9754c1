/* svmlight: a line is "label [qid:Q] index:value ... # comment", indices rising. Whether they
 * begin with 0 or 1 cannot be told from the file, so the caller must say it; nor can D, where a set
 * lacks the last columns (o.inputs). The first pass
 * checks everything and finds N and D, the second fills x, which is dense. A line is left at
 * its first problem; problems of all lines are gathered. Labels in a file of their own take the
 * place of those in the lines. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "data/egi_data.h"

#define MAX_INDEX ((size_t)1 << 31)

struct lines {
    const struct egi_input *in;
    size_t at, line, line_start;
    size_t n, d;
    float *x;      /* (N, D), or NULL in the first pass */
    double *label; /* (N), or NULL in the first pass */
    struct egi_problems problems;
};

/* Returns -1, which ends the line. */
static int fail_at(struct lines *l, struct egi_text token, const char *expected)
{
    char got[40];
    const size_t column = (size_t)(token.p - (const char *)l->in->bytes) - l->line_start + 1;
    egi_problem(&l->problems, l->line, column, "expected %s, got %s", expected,
                egi_quote(got, token));
    return -1;
}

/* The next token of the line; size 0 at its end. */
static struct egi_text next_token(struct lines *l)
{
    const char *b = (const char *)l->in->bytes;
    const size_t size = l->in->size;
    while (l->at < size && (b[l->at] == ' ' || b[l->at] == '\t' || b[l->at] == '\r')) l->at++;
    const size_t start = l->at;
    if (l->at < size && b[l->at] == '#') return (struct egi_text){ b + start, 0 };
    while (l->at < size && strchr(" \t\r\n#", b[l->at]) == NULL) l->at++;
    if (l->at < size && b[l->at] == '\0') l->at = start; /* strchr finds the NUL too */
    return (struct egi_text){ b + start, l->at - start };
}

static int parse_index(struct egi_text t, size_t *out)
{
    size_t v = 0;
    if (t.size == 0 || t.size > 10) return -1;
    for (size_t i = 0; i < t.size; i++) {
        if (t.p[i] < '0' || t.p[i] > '9') return -1;
        v = v * 10 + (size_t)(t.p[i] - '0');
    }
    *out = v;
    return v <= MAX_INDEX ? 0 : -1;
}

static int take_pair(struct lines *l, struct egi_text token, size_t *least)
{
    const char *colon = memchr(token.p, ':', token.size);
    if (colon == NULL) return fail_at(l, token, "index:value");
    const struct egi_text left = { token.p, (size_t)(colon - token.p) };
    const struct egi_text right = { colon + 1, token.size - left.size - 1 };
    if (left.size == 3 && memcmp(left.p, "qid", 3) == 0) return 0;
    const size_t base = (size_t)l->in->o.index_base;
    size_t index;
    double v;
    if (parse_index(left, &index) != 0) return fail_at(l, left, "an index up to 2^31");
    if (index < base)
        return fail_at(l, left,
                       "an index from 1 (if they begin with 0: index_base 0, --index-base 0)");
    if (index - base < *least) return fail_at(l, left, "indices that rise (sort them)");
    if (egi_parse_number(right.p, right.size, &v) != 0) return fail_at(l, right, "a number");
    if (l->in->o.inputs > 0 && index - base >= l->in->o.inputs) {
        char most[64];
        snprintf(most, sizeof most, "an index up to %zu, as many columns are asked for",
                 l->in->o.inputs - 1 + base);
        return fail_at(l, left, most);
    }
    *least = index - base + 1;
    if (*least > l->d) l->d = *least;
    if (l->x != NULL) l->x[l->n * l->d + index - base] = (float)v;
    return 0;
}

static int take_tokens(struct lines *l, struct egi_text token)
{
    double label;
    size_t least = 0;
    if (token.size > 0) {
        if (egi_parse_number(token.p, token.size, &label) != 0)
            return fail_at(l, token, "a label, a number");
        for (token = next_token(l); token.size > 0; token = next_token(l))
            if (take_pair(l, token, &least) != 0) return -1;
        if (l->label != NULL) l->label[l->n] = label;
    }
    const char *b = (const char *)l->in->bytes;
    if (l->at < l->in->size && b[l->at] != '\n' && b[l->at] != '#')
        return fail_at(l, (struct egi_text){ b + l->at, 1 }, "text");
    return 0;
}

static void take_line(struct lines *l)
{
    const struct egi_text token = next_token(l);
    const char *b = (const char *)l->in->bytes;
    (void)take_tokens(l, token);
    l->n += token.size > 0;
    const char *end = l->at < l->in->size ? memchr(b + l->at, '\n', l->in->size - l->at) : NULL;
    l->at = end != NULL ? (size_t)(end - b) + 1 : l->in->size;
    l->line_start = l->at;
    l->line++;
}

static eg_status pass(struct lines *l)
{
    const size_t max = l->in->o.max_items;
    l->at = l->line_start = l->n = 0;
    l->line = 1;
    while (l->at < l->in->size && (max == 0 || l->n < max)) take_line(l);
    return egi_problems_end(&l->problems);
}

static eg_status parse_svmlight(const struct egi_input *in, eg_dataset *set)
{
    if (in->o.index_base < 0)
        return egi_fail(EG_ERR_INVALID,
                        "%s: svmlight: say whether indices begin with 0 or 1: index_base "
                        "(--index-base 0 or 1)",
                        in->name);
    struct lines l = { .in = in, .d = in->o.inputs, .problems = { .in = in } };
    EGI_TRY(pass(&l));
    EGI_TRY(egi_set_size(in, set, l.n, l.d));
    memset(set->x, 0, set->n * set->d * sizeof(float));
    void *labels;
    EGI_TRY(egi_alloc_array(set->alloc, set->n, sizeof(double), "labels", &labels));
    l.x = set->x;
    l.label = labels;
    eg_status s = pass(&l);
    if (s == EG_OK) s = egi_labels_from_values(set, labels, 0);
    egi_free(set->alloc, labels, set->n * sizeof(double));
    return s == EG_OK ? egi_labels_from_file(in, set) : s;
}

const struct egi_reader egi_reader_svmlight = {
    { "svmlight", "svmlight / libsvm, dense in memory; index_base must be said; gz or plain",
      "Joachims, SVM-light; Chang and Lin, LIBSVM" },
    "svmlight",
    NULL,
    { ".svm", ".svmlight", ".libsvm" },
    parse_svmlight
};
