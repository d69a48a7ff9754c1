/* The node cases of ONNX's own test suite (Debian: libonnx-testdata), each a model of one operator
 * with inputs and the outputs they must give: a case passes within 1e-3 relative and 1e-7 absolute,
 * which is what the suite itself asks for, is refused with a reason, or fails the test. Counts by
 * operator are compared with the table of docs/onnx.md; EG_ONNX_TABLE=1 prints the table.
 * ENGRAM_ONNX_TESTDATA names the folder where it is not where the package puts it. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include <dirent.h>
#include <stdio.h>

#include "base/egi_file.h"
#include "model/egi_onnx.h"

enum { ROWS = 400, PATH = 600, ARRAYS = 16, DETAIL = 400 };

enum outcome { PASSED, REFUSED, FOREIGN, FAILED };

struct row {
    char op[64];
    size_t claimed, passed, refused;
    char why[DETAIL]; /* of the last that was refused */
};

struct tally {
    struct row row[ROWS];
    size_t rows, cases, foreign;
    char failures[8000];
    size_t failed;
};

static int file_bytes(const char *path, uint8_t **bytes, size_t *size)
{
    return egi_file_read(path, (size_t)1 << 30, eg_allocator_default(), bytes, size) == EG_OK;
}

static int read_tensor(const char *path, struct egi_onnx_data *out)
{
    uint8_t *bytes;
    size_t size;
    if (!file_bytes(path, &bytes, &size)) return 0;
    const struct egi_span s = { bytes, size };
    eg_status status = egi_wire_check_tensor(path, s);
    if (status == EG_OK)
        status = egi_onnx_decode(path, s, (size_t)1 << 30, eg_allocator_default(), out);
    egi_free(eg_allocator_default(), bytes, size);
    if (status != EG_OK) *out = (struct egi_onnx_data){ .type = 0 };
    return 1;
}

static double number_at(eg_dtype dtype, const void *p, size_t i)
{
    return dtype == EG_F32 ? (double)((const float *)p)[i] : ((const double *)p)[i];
}

/* Why out is not what is wanted; NULL: it is. */
static const char *differs(const struct eg_onnx *m, const eg_onnx_array *out,
                           const struct egi_onnx_data *want)
{
    static char text[200];
    char a[EGI_SHAPE_TEXT], b[EGI_SHAPE_TEXT];
    const struct egi_span name = { (const uint8_t *)out->name, strlen(out->name) };
    if (m->slot[egi_onnx_find(m, name)].type != want->type) return "of another type";
    if (!egi_shape_equal(&out->shape, &want->shape)) {
        snprintf(text, sizeof text, "shape %s, expected %s", egi_shape_text(&out->shape, a),
                 egi_shape_text(&want->shape, b));
        return text;
    }
    for (size_t i = 0; i < eg_shape_size(&want->shape); i++) {
        const double x = number_at(out->dtype, out->data, i);
        const double y = number_at(egi_onnx_type(want->type)->dtype, want->data, i);
        if ((isnan(x) && isnan(y)) || x == y || fabs(x - y) <= 1e-7 + 1e-3 * fabs(y)) continue;
        snprintf(text, sizeof text, "element %zu is %.9g, expected %.9g", i, x, y);
        return text;
    }
    return NULL;
}

static enum outcome run_case(eg_onnx *m, const char *folder, char detail[DETAIL])
{
    struct egi_onnx_data in[ARRAYS] = { { 0 } }, want[ARRAYS] = { { 0 } };
    eg_onnx_array array[ARRAYS] = { { 0 } }, out[ARRAYS];
    size_t ins = 0, outs = 0;
    char path[2 * PATH];
    for (; ins < ARRAYS; ins++) {
        snprintf(path, sizeof path, "%s/test_data_set_0/input_%zu.pb", folder, ins);
        if (!read_tensor(path, &in[ins])) break;
        if (in[ins].data == NULL) break;
        array[ins] = (eg_onnx_array){ NULL, egi_onnx_type(in[ins].type)->dtype, in[ins].shape,
                                      in[ins].data };
    }
    for (; outs < ARRAYS; outs++) {
        snprintf(path, sizeof path, "%s/test_data_set_0/output_%zu.pb", folder, outs);
        if (!read_tensor(path, &want[outs])) break;
    }
    const eg_status s = eg_onnx_run(m, array, ins, NULL, outs, out);
    enum outcome o = s == EG_OK ? PASSED : s == EG_ERR_UNSUPPORTED ? REFUSED : FAILED;
    snprintf(detail, DETAIL, "%s", s == EG_OK ? "" : eg_error_detail());
    for (size_t k = 0; k < outs && o == PASSED; k++) {
        const char *why = differs(m, &out[k], &want[k]);
        if (why == NULL) continue;
        snprintf(detail, DETAIL, "output %zu: %s", k, why);
        o = FAILED;
    }
    const eg_allocator *a = eg_allocator_default();
    for (size_t k = 0; k < ARRAYS; k++) {
        if (in[k].data != NULL) egi_free(a, in[k].data, in[k].bytes);
        if (want[k].data != NULL) egi_free(a, want[k].data, want[k].bytes);
    }
    return o;
}

/* The operator of a model of one, else "(several)". Read by the wire alone: whatever it holds. */
static void operator_of(const uint8_t *bytes, size_t size, char op[64])
{
    const struct egi_span model = { bytes, size };
    struct egi_span graph = egi_wire_bytes(model, EGI_MODEL_GRAPH);
    struct egi_field f;
    op[0] = '\0';
    while (egi_wire_next(&graph, &f)) {
        char text[EGI_SPAN_TEXT];
        if (f.number != EGI_GRAPH_NODE) continue;
        egi_span_text(egi_wire_bytes(f.bytes, EGI_NODE_OP), text);
        if (op[0] != '\0' && strcmp(op, text) != 0) strcpy(text, "(several)");
        snprintf(op, 64, "%.63s", text);
    }
}

static int is_claimed(const char *op)
{
    const eg_onnx_operator *row;
    for (size_t i = 0; (row = eg_onnx_operator_at(i)) != NULL; i++)
        if (strcmp(row->name, op) == 0) return 1;
    return 0;
}

static struct row *row_of(struct tally *t, const char *op)
{
    for (size_t i = 0; i < t->rows; i++)
        if (strcmp(t->row[i].op, op) == 0) return &t->row[i];
    CHECK(t->rows < ROWS);
    snprintf(t->row[t->rows].op, sizeof t->row[0].op, "%s", op);
    return &t->row[t->rows++];
}

static void note_failure(struct tally *t, const char *name, const char *detail)
{
    const size_t at = strlen(t->failures);
    snprintf(t->failures + at, sizeof t->failures - at, "%s: %s\n", name, detail);
    t->failed++;
}

static void one_case(struct tally *t, const char *folder, const char *name)
{
    char path[2 * PATH], op[64], detail[DETAIL];
    uint8_t *bytes;
    size_t size;
    eg_onnx *m;
    snprintf(path, sizeof path, "%s/model.onnx", folder);
    if (!file_bytes(path, &bytes, &size)) return;
    t->cases++;
    operator_of(bytes, size, op);
    eg_onnx_options o = EG_ONNX_OPTIONS_INIT;
    o.threads = 1;
    const eg_status s = eg_onnx_read(name, bytes, size, &o, &m);
    egi_free(eg_allocator_default(), bytes, size);
    snprintf(detail, sizeof detail, "%s", s == EG_OK ? "" : eg_error_detail());
    enum outcome out = s == EG_OK ? PASSED : s == EG_ERR_UNSUPPORTED ? REFUSED : FAILED;
    if (s == EG_OK) {
        out = run_case(m, folder, detail);
        eg_onnx_destroy(m);
    }
    const int several = strcmp(op, "(several)") == 0;
    if (several ? strstr(detail, "not an operator") != NULL : !is_claimed(op)) out = FOREIGN;
    if (out == FOREIGN) {
        t->foreign++;
        if (s != EG_ERR_UNSUPPORTED) note_failure(t, name, "is run though it is not claimed");
        return;
    }
    struct row *r = row_of(t, op);
    r->claimed++;
    r->passed += out == PASSED;
    r->refused += out == REFUSED;
    if (out == REFUSED) snprintf(r->why, sizeof r->why, "%s", detail);
    if (out == FAILED) note_failure(t, name, detail);
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int all_cases(struct tally *t, const char *folder)
{
    struct dirent **entry;
    const int n = scandir(folder, &entry, NULL, by_name);
    for (int i = 0; i < n; i++) {
        char path[PATH + 300];
        snprintf(path, sizeof path, "%s/%s", folder, entry[i]->d_name);
        if (entry[i]->d_name[0] != '.') one_case(t, path, entry[i]->d_name);
        free(entry[i]);
    }
    if (n >= 0) free(entry);
    return n;
}

static int rows_by_name(const void *a, const void *b)
{
    return strcmp(((const struct row *)a)->op, ((const struct row *)b)->op);
}

/* Each line of the table stands in the document. */
static void compare_with_document(const struct tally *t)
{
    static char document[1 << 17];
    char path[PATH];
    const char *docs = getenv("EG_TEST_DOCS");
    snprintf(path, sizeof path, "%s/onnx.md", docs != NULL ? docs : "docs");
    FILE *f = fopen(path, "rb");
    CHECK(f != NULL);
    const size_t n = fread(document, 1, sizeof document - 1, f);
    fclose(f);
    document[n] = '\0';
    size_t claimed = 0, passed = 0, refused = 0;
    const int print = getenv("EG_ONNX_TABLE") != NULL;
    char line[300];
    for (size_t i = 0; i < t->rows; i++) {
        const struct row *r = &t->row[i];
        snprintf(line, sizeof line, "| %s | %zu | %zu | %zu |", r->op, r->claimed, r->passed,
                 r->refused);
        if (print) printf("%s %s\n", line, r->why);
        if (!print && strstr(document, line) == NULL) fail_msg("docs/onnx.md lacks: %s", line);
        claimed += r->claimed;
        passed += r->passed;
        refused += r->refused;
    }
    snprintf(line, sizeof line, "| all | %zu | %zu | %zu |", claimed, passed, refused);
    printf("%zu cases, %zu of operators not claimed; %s\n", t->cases, t->foreign, line);
    if (!print && strstr(document, line) == NULL) fail_msg("docs/onnx.md lacks: %s", line);
}

static void node_cases(void **state)
{
    (void)state;
    static struct tally t;
    const char *root = getenv("ENGRAM_ONNX_TESTDATA");
    char folder[PATH];
    snprintf(folder, sizeof folder, "%s/node",
             root != NULL ? root : "/usr/share/libonnx-testdata/data");
    if (all_cases(&t, folder) < 0) {
        printf("skipped: no %s (Debian: libonnx-testdata)\n", folder);
        skip();
    }
    qsort(t.row, t.rows, sizeof t.row[0], rows_by_name);
    if (t.failed > 0) printf("%s", t.failures);
    if (t.failed > 0 && getenv("EG_ONNX_TABLE") == NULL) fail_msg("%zu cases fail", t.failed);
    compare_with_document(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(node_cases) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
