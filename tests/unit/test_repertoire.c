/* Tables of receptors: columns of several makers, rows that are none, places of errors, bounded
 * memory; tables of repertoires; motifs that are put in. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "counted.h"
#include "data_bytes.h"
#include "engram/repertoire.h"

static const char *put_text(int slot, const char *name, const char *text)
{
    const char *path = tmp_path(slot, name);
    put_file(path, text, strlen(text));
    return path;
}

static const char *put_gzip(int slot, const char *name, const char *text, size_t size)
{
    const char *path = tmp_path(slot, name);
    gzFile f = gzopen(path, "wb");
    CHECK(f != NULL && gzwrite(f, text, (unsigned)size) == (int)size && gzclose(f) == Z_OK);
    return path;
}

/* All sequences of a table, "A;B;", or its failure. */
static eg_status read_all(const char *path, char *out, size_t room, size_t *skipped)
{
    eg_airr *a;
    eg_clonotype row;
    eg_status s = eg_airr_open(path, NULL, &a);
    out[0] = '\0';
    if (s != EG_OK) return s;
    while ((s = eg_airr_next(a, &row)) == EG_OK) {
        CHECK(strlen(row.sequence) == row.length);
        const size_t used = strlen(out);
        snprintf(out + used, room - used, "%s/%s/%s/%g;", row.sequence, row.v_call, row.j_call,
                 row.count);
    }
    *skipped = eg_airr_skipped(a);
    eg_airr_close(a);
    return s;
}

static void tables_of_several_makers_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *text, *want;
        size_t skipped;
    } rows[] = {
        { "junction_aa\nCASSF\nCAT\n", "CASSF///1;CAT///1;", 0 },
        { "j_call\tduplicate_count\tjunction_aa\tv_call\nJ1\t3\tCASSF\tV1\n\n\t\tCAT\t\r\n",
          "CASSF/V1/J1/3;CAT///1;", 0 },
        { "nucleotide\taminoAcid\tcount (templates/reads)\tvMaxResolved\tsequenceStatus\n"
          "TGC\tCASF\t2\tTCRBV1\tIn\nTGC\tCAS\t1\tV\tOut\nTG\t\t1\tV\tStop\n",
          "CASF/TCRBV1//2;", 2 },
        { "count\tcdr3aa\tv\n7\tCAF\tTRBV2", "CAF/TRBV2//7;", 0 },
        { "junction_aa\tproductive\nCA*F\tT\nCA_\tT\nCAXF\tT\nCAF\tF\nCAY\tT\n", "CAY///1;", 4 },
        { "\xef\xbb\xbfjunction_aa\nCAF\n", "CAF///1;", 0 },
        { "junction_aa\tv_call\nNA\tV\nCAF\tNA\n?\tV\nNaN\tV\n", "CAF///1;", 3 },
        { "junction_aa\tproductive\nCA\tn\nCC\tNo\nCD\tfalse\nCW\t0\nCF\t"
          "yes\nCG\tY\nCH\t1\n"
          "CI\tTrue\nCK\t\nCL\tNA\n",
          "CF///1;CG///1;CH///1;CI///1;CK///1;CL///1;", 4 },
        { "junction_aa\n", "", 0 },
    };
    for (size_t k = 0; k < EGI_COUNT(rows); k++) {
        char got[400];
        size_t skipped = 0;
        const char *plain = put_text(0, "plain.tsv", rows[k].text),
                   *packed = put_gzip(1, "packed.tsv.gz", rows[k].text, strlen(rows[k].text));
        CHECK_STATUS(read_all(plain, got, sizeof got, &skipped), EG_END);
        assert_string_equal(got, rows[k].want);
        CHECK(skipped == rows[k].skipped);
        CHECK_STATUS(read_all(packed, got, sizeof got, &skipped), EG_END);
        assert_string_equal(got, rows[k].want);
        unlink(plain);
        unlink(packed);
    }
}

static void what_is_wrong_has_line_and_column(void **state)
{
    (void)state;
    static const struct {
        const char *text, *words;
    } rows[] = {
        { "junction\tv_call\nTGC\tV\n", ":1:1: expected a column junction_aa, cdr3_aa" },
        { "", "empty" },
        { "v_call\tjunction_aa\nV\tCAF\nV\tCAbF\n", ":3:5: junction_aa: expected letters" },
        { "v_call\tjunction_aa\nV\tCAF\nV\n", ":3:1: expected 2 cells between tabs, got 1" },
        { "v_call\tjunction_aa\nV\tCAF\tx\n", ":2:1: expected 2 cells between tabs, got 3" },
        { "junction_aa\tv_call\tn\nCAF\tV\n", ":2:1: expected 3 cells between tabs, got 2" },
        { "junction_aa\tv\tjunction_aa\nCAF\tV\tCAT\n",
          ":1:1: columns 1 and 3 are both named \"junction_aa\"; rename one" },
        { "junction_aa\tproductive\nCAF\tmaybe\n",
          ":2:5: productive: expected T, F, true, false, 1, 0, yes, no, y or n, got \"maybe\"" },
        { "junction_aa\tduplicate_count\nCAF\tmany\n", ":2:5: duplicate_count: expected a count" },
        { "junction_aa\tduplicate_count\nCAF\t-1\n", ":2:5: duplicate_count" },
    };
    char got[100];
    size_t skipped;
    for (size_t k = 0; k < EGI_COUNT(rows); k++) {
        const char *path = put_text(0, "bad.tsv", rows[k].text);
        CHECK_STATUS(read_all(path, got, sizeof got, &skipped), EG_ERR_CORRUPT);
        if (strstr(eg_error_detail(), rows[k].words) == NULL)
            fail_msg("\"%s\": %s", rows[k].text, eg_error_detail());
        unlink(path);
    }
    CHECK_STATUS(read_all("/no/such.tsv", got, sizeof got, &skipped), EG_ERR_IO);
    CHECK_STATUS(read_all("/dev/zero", got, sizeof got, &skipped), EG_ERR_IO);
    eg_airr *a;
    eg_airr_options o = EG_AIRR_OPTIONS_INIT;
    const char *path = put_text(0, "own.tsv", "mine\tjunction_aa\nCAF\tCAT\n");
    o.sequence = "mine";
    eg_clonotype row;
    CHECK_OK(eg_airr_open(path, &o, &a));
    CHECK_OK(eg_airr_next(a, &row));
    assert_string_equal(row.sequence, "CAF");
    eg_airr_close(a);
    o.sequence = "other";
    CHECK_STATUS(eg_airr_open(path, &o, &a), EG_ERR_CORRUPT);
    unlink(path);
}

/* Every cut of a gzip is noticed; a line is bounded; 8 MiB are read in less than 256 KiB. */
static void streams_are_whole_and_bounded(void **state)
{
    (void)state;
    enum { LINES = 600000, BYTES = LINES * 14 };
    static uint8_t packed[1 << 16];
    const char head[] = "junction_aa\tduplicate_count\n", line[] = "CASSIRSSYEQ\t1\n";
    char *text = malloc(sizeof head + BYTES), got[100];
    size_t at = strlen(head), skipped, count = 0;
    memcpy(text, head, at);
    for (size_t i = 0; i < LINES; i++, at += strlen(line)) memcpy(text + at, line, strlen(line));
    const char *path = put_gzip(0, "long.tsv.gz", text, at);
    eg_airr *a;
    eg_clonotype row;
    struct counted memory = { 0, 0 };
    const eg_allocator alloc = { count_alloc, count_free, &memory };
    eg_airr_options o = EG_AIRR_OPTIONS_INIT;
    o.alloc = &alloc;
    CHECK_OK(eg_airr_open(path, &o, &a));
    while (eg_airr_next(a, &row) == EG_OK) count++;
    CHECK(count == LINES && row.line == LINES + 1);
    eg_airr_close(a);
    CHECK(memory.live == 0 && memory.most < 256 * 1024);
    const char *small = put_gzip(1, "small.tsv.gz", text, 200);
    const size_t size = get_file(small, packed, sizeof packed);
    for (size_t n = 3; n < size; n++) {
        put_file(small, packed, n);
        const eg_status s = read_all(small, got, sizeof got, &skipped);
        if (s != EG_ERR_CORRUPT) fail_msg("cut at %zu of %zu: %s", n, size, eg_status_name(s));
    }
    o.max_line = 20;
    CHECK_STATUS(eg_airr_open(path, &o, &a), EG_ERR_LIMIT);
    unlink(path);
    unlink(small);
    free(text);
}

static void tables_of_repertoires_become_bags(void **state)
{
    (void)state;
    char table[400];
    const char *one = put_text(0, "one.tsv", "junction_aa\nCAF\nCASSF\nC*F\n"),
               *two = put_text(1, "two.tsv", "junction_aa\nCY\n");
    snprintf(table, sizeof table, "id\tfilename\tstatus\n1\t%s\tsick\n2\t%s\twell\n",
             strrchr(one, '/') + 1, strrchr(two, '/') + 1);
    const char *path = put_text(2, "metadata.tsv", table);
    eg_read_options o = EG_READ_OPTIONS_INIT;
    eg_dataset s;
    o.label_column = "status";
    CHECK_OK(eg_dataset_read(path, &o, &s));
    CHECK(s.n == 2 && s.d == 5 && s.classes == 2 && s.offset[1] == 2 && s.offset[2] == 3);
    CHECK(s.labels[0] == 0 && s.labels[1] == 1 && eg_residue_code('Y') == 20);
    const float want[15] = { 2, 1, 5, 0, 0, 2, 1, 16, 16, 5, 2, 20, 0, 0, 0 };
    CHECK(memcmp(s.x, want, sizeof want) == 0);
    assert_string_equal(s.class_names[0], "sick");
    eg_dataset_clear(&s);
    o.inputs = 7; /* as a model takes them: zeros follow */
    CHECK_OK(eg_dataset_read(path, &o, &s));
    CHECK(s.d == 7 && s.too_long == 0 && eg_dataset_rows(&s) == 3);
    CHECK(s.x[4] == 0 && s.x[7 + 4] == 5 && s.x[7 + 5] == 0 && s.x[7 + 6] == 0 && s.x[14] == 2);
    eg_dataset_clear(&s);
    o.inputs = 3; /* CASSF is longer, and is not cut */
    CHECK_OK(eg_dataset_read(path, &o, &s));
    CHECK(s.n == 2 && s.d == 3 && s.too_long == 1 && s.offset[1] == 1 && s.offset[2] == 2);
    CHECK(memcmp(s.x, (const float[]){ 2, 1, 5, 2, 20, 0 }, 6 * sizeof(float)) == 0);
    eg_dataset_clear(&s);
    o.inputs = 1;
    CHECK_STATUS(eg_dataset_read(path, &o, &s), EG_ERR_CORRUPT);
    CHECK(strstr(eg_error_detail(), "no receptor of up to 1 letters (2 are longer)") != NULL);
    o.inputs = 0;
    o.max_items = 1;
    CHECK_OK(eg_dataset_read(path, &o, &s));
    CHECK(s.n == 1);
    eg_dataset_clear(&s);
    o.max_items = 0;
    o.label_column = "age";
    CHECK_STATUS(eg_dataset_read(path, &o, &s), EG_ERR_CORRUPT);
    CHECK(strstr(eg_error_detail(), "no column is named age") != NULL);
    static const char *const bad[] = { "filename\tx\n../a\t1\n", "filename\tx\n/etc/passwd\t1\n",
                                       "filename\tx\n\t1\n", "filename\tx\n" };
    o.label_column = NULL;
    for (size_t k = 0; k < EGI_COUNT(bad); k++) {
        put_text(2, "metadata.tsv", bad[k]);
        CHECK_STATUS(eg_dataset_read(path, &o, &s), EG_ERR_CORRUPT);
    }
    put_text(2, "metadata.tsv", "filename\tx\nabsent.tsv\t1\n");
    CHECK_STATUS(eg_dataset_read(path, &o, &s), EG_ERR_IO);
    unlink(one);
    unlink(two);
    unlink(path);
}

/* A table of two repertoires, one.tsv and two.tsv beside it, in columns filename and status. */
static eg_status read_table(const char *table, eg_dataset *out)
{
    char text[400];
    const char *one = put_text(0, "one.tsv", "junction_aa\nCAF\n"),
               *two = put_text(1, "two.tsv", "junction_aa\nCY\n"),
               *names[2] = { strrchr(one, '/') + 1, strrchr(two, '/') + 1 };
    size_t at = 0;
    for (const char *c = table; *c != '\0'; c++) {
        const int file = *c == '1' || *c == '2';
        at += (size_t)snprintf(text + at, sizeof text - at, "%s", file ? names[*c - '1'] : "");
        if (!file) text[at++] = *c;
    }
    text[at] = '\0';
    const char *path = put_text(2, "metadata.tsv", text);
    eg_read_options o = EG_READ_OPTIONS_INIT;
    o.label_column = "status";
    const eg_status s = eg_dataset_read(path, &o, out);
    unlink(one);
    unlink(two);
    unlink(path);
    return s;
}

static void tables_of_repertoires_leave_no_question(void **state)
{
    (void)state;
    static const struct {
        const char *table, *words;
    } bad[] = {
        { "filename\tstatus\tstatus\n1\ta\tb\n2\tb\ta\n",
          ":1:1: columns 2 and 3 are both named \"status\"; rename one" },
        { "filename\tstatus\n1\ta\n2\tb\n1\tb\n", "expected one row of it, got another in line 2" },
        { "filename\tstatus\n1\ta\n1\tNA\n", ": expected one row of it, got another in line 2" },
        { "filename\tstatus\n1\ta\n./1\tb\n", ": expected one row of it, got another in line 2" },
        { "filename\tstatus\n1\ta\tx\n", ":2:1: expected 2 cells between tabs, got 3" },
        { "filename\tstatus\n1\n", ":2:1: expected 2 cells between tabs, got 1" },
        { "filename\tstatus\n1\tNA\n2\t?\n", "none of 2 repertoires has a label in status" },
    };
    static const char *const missing[] = { "", "?", "NA", "NaN", "nan" };
    eg_dataset s;
    for (size_t k = 0; k < EGI_COUNT(bad); k++) {
        CHECK_STATUS(read_table(bad[k].table, &s), EG_ERR_CORRUPT);
        if (strstr(eg_error_detail(), bad[k].words) == NULL)
            fail_msg("table %zu: %s", k, eg_error_detail());
    }
    for (size_t k = 0; k < EGI_COUNT(missing); k++) {
        char table[100];
        snprintf(table, sizeof table, "filename\tstatus\n1\t%s\n2\tsick\n", missing[k]);
        CHECK_OK(read_table(table, &s));
        CHECK(s.n == 1 && s.left_out == 1 && s.classes == 1 && s.x[1] == 20);
        assert_string_equal(s.class_names[0], "sick");
        eg_dataset_clear(&s);
    }
    CHECK_OK(read_table("STATUS\tfilename\tstatus\nx\t1\ta\nx\t2\tb\n", &s));
    CHECK(s.classes == 2); /* the name as it is written comes first */
    eg_dataset_clear(&s);
}

/* The other format whose files do not say how wide an item is. */
static void svmlight_is_as_wide_as_is_asked(void **state)
{
    (void)state;
    const char *path = put_text(0, "narrow.svm", "1 1:0.5 3:2\n-1 2:-1\n");
    eg_read_options o = EG_READ_OPTIONS_INIT;
    eg_dataset s;
    o.index_base = 1;
    o.inputs = 5;
    CHECK_OK(eg_dataset_read(path, &o, &s));
    CHECK(s.n == 2 && s.d == 5 && s.classes == 2 && s.too_long == 0);
    const float want[10] = { 0.5f, 0, 2, 0, 0, 0, -1, 0, 0, 0 };
    CHECK(memcmp(s.x, want, sizeof want) == 0);
    eg_dataset_clear(&s);
    o.inputs = 2;
    CHECK_STATUS(eg_dataset_read(path, &o, &s), EG_ERR_CORRUPT);
    CHECK(strstr(eg_error_detail(), ":1:9: expected an index up to 2, as many columns") != NULL);
    unlink(path);
}

static void motifs_are_put_at_the_rate_asked_for(void **state)
{
    (void)state;
    eg_implant_options o = EG_IMPLANT_OPTIONS_INIT;
    o.repertoires = 4;
    o.sequences = 500;
    o.witness = 0.03;
    o.motif = "SF?N";
    uint8_t *holds = calloc(4 * 500, 1);
    eg_dataset s, again;
    CHECK_OK(eg_repertoires_implant(&o, holds, &s));
    CHECK(s.n == 4 && s.d == 20 && s.classes == 2 && s.labels[0] == 0 && s.labels[3] == 1);
    size_t put[2] = { 0 }, letters[21] = { 0 }, shortest = 99, longest = 0;
    for (size_t r = 0; r < 4 * 500; r++) {
        const float *x = s.x + r * 20;
        size_t n = 0, found = 0;
        while (n < 20 && x[n] > 0) letters[(size_t)x[n++]]++;
        for (size_t i = n; i < 20; i++) CHECK(x[i] == 0);
        shortest = n < shortest ? n : shortest;
        longest = n > longest ? n : longest;
        for (size_t i = 0; i + 4 <= n; i++)
            found += (int)x[i] == eg_residue_code('S') && (int)x[i + 1] == eg_residue_code('F')
                     && (int)x[i + 3] == eg_residue_code('N');
        put[s.labels[r / 500]] += holds[r];
        if (holds[r]) CHECK(found > 0);
    }
    CHECK(put[0] == 0 && put[1] == 2 * 15 && shortest == 10 && longest == 20);
    for (int c = 1; c <= 20; c++) CHECK(letters[c] > 1200 && letters[c] < 1900);
    CHECK_OK(eg_repertoires_implant(&o, NULL, &again));
    CHECK_SAME_BITS(s.x, again.x, 4 * 500 * 20 * sizeof(float));
    eg_dataset_clear(&s);
    eg_dataset_clear(&again);
    free(holds);
    o.motif = "SFXN"; /* X is no letter */
    CHECK_STATUS(eg_repertoires_implant(&o, NULL, &s), EG_ERR_INVALID);
    o.motif = "SFEN", o.witness = 0;
    CHECK_STATUS(eg_repertoires_implant(&o, NULL, &s), EG_ERR_INVALID);
    o.witness = 0.1, o.shortest = 3;
    CHECK_STATUS(eg_repertoires_implant(&o, NULL, &s), EG_ERR_INVALID);
}

/* The data sets of repertoires, where they are: what their SOURCE.txt says. */
static void real_repertoires_have_their_sizes(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        size_t bags, rows, classes;
    } rows[] = { { "repertoire-aging", 41, 0, 3 },
                 { "repertoire-immdata", 12, 0, 2 },
                 { "repertoire-rudqvist", 20, 0, 4 } };
    for (size_t k = 0; k < EGI_COUNT(rows); k++) {
        eg_dataset s;
        const eg_status status = eg_catalogue_read(rows[k].name, NULL, &s);
        if (status == EG_ERR_IO) {
            print_message("%s: not here, skipped\n", rows[k].name);
            continue;
        }
        CHECK_OK(status);
        CHECK(s.n == rows[k].bags && s.classes == rows[k].classes && s.offset != NULL);
        CHECK(eg_dataset_rows(&s) > s.n * 300 && s.d >= 18 && s.d <= 40);
        eg_dataset_clear(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tables_of_several_makers_are_read),
        cmocka_unit_test(what_is_wrong_has_line_and_column),
        cmocka_unit_test(streams_are_whole_and_bounded),
        cmocka_unit_test(tables_of_repertoires_become_bags),
        cmocka_unit_test(tables_of_repertoires_leave_no_question),
        cmocka_unit_test(svmlight_is_as_wide_as_is_asked),
        cmocka_unit_test(motifs_are_put_at_the_rate_asked_for),
        cmocka_unit_test(real_repertoires_have_their_sizes),
    };
    return cmocka_run_group_tests_name("repertoire", tests, NULL, NULL);
}
