/* The store: records, meta rows and the root, in transactions; frozen bytes of format 3. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <unistd.h>

#include "check.h"
#include "model/egi_memory_file.h"
#include "store/egi_store.h"

static char folder[256], path[300];

static egi_store_options settings(void)
{
    return (egi_store_options){ .max_bytes = (size_t)1 << 30,
                                .wait_ms = 1000,
                                .alloc = eg_allocator_default() };
}

static int make_folder(void **state)
{
    const char *tmp = getenv("EG_TEST_TMP");
    (void)state;
    snprintf(folder, sizeof folder, "%s/store.XXXXXX", tmp != NULL ? tmp : ".");
    if (mkdtemp(folder) == NULL) return -1;
    snprintf(path, sizeof path, "%s/records", folder);
    return 0;
}

static int remove_folder(void **state)
{
    char command[300];
    (void)state;
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
}

static eg_status fill_nothing(void *user, egi_store *s)
{
    (void)user;
    (void)s;
    return EG_OK;
}

static egi_store *fresh(void)
{
    const egi_store_options o = settings();
    egi_store *s = NULL;
    unlink(path);
    CHECK_OK(egi_store_build(path, &o, fill_nothing, NULL));
    CHECK_OK(egi_store_open(path, &o, &s));
    return s;
}

static void put(egi_store *s, uint64_t id, const char *text)
{
    egi_record head = { id, 7, id, 10 * id, 2, strlen(text) };
    CHECK_OK(egi_store_put(s, &head, text));
    if (id != 0) CHECK(head.id == id);
}

static int holds(egi_store *s, uint64_t id, const char *text)
{
    egi_record head;
    const uint8_t *bytes;
    return egi_store_get(s, id, &head, &bytes) == EG_OK && head.id == id && head.kind == 7
           && head.size == strlen(text) && memcmp(bytes, text, head.size) == 0;
}

static void transactions_are_whole(void **state)
{
    const egi_store_options o = settings();
    egi_store *s = fresh();
    const uint8_t *bytes;
    (void)state;
    CHECK_OK(egi_store_begin(s, 1));
    put(s, 1, "one");
    put(s, 3, "");
    put(s, 4, "x"); /* neither empty nor longer than its end */
    CHECK_OK(egi_store_commit(s));
    CHECK_OK(egi_store_begin(s, 1));
    put(s, 1, "changed");
    CHECK_OK(egi_store_delete(s, 3));
    CHECK_STATUS(egi_store_delete(s, 3), EG_NOT_FOUND);
    egi_store_abort(s);
    CHECK_OK(egi_store_begin(s, 0));
    CHECK(holds(s, 1, "one") && holds(s, 3, "") && holds(s, 4, "x"));
    CHECK_STATUS(egi_store_get(s, 2, NULL, &bytes), EG_NOT_FOUND);
    CHECK_OK(egi_store_commit(s));
    egi_store_close(s);
    CHECK_OK(egi_store_open(path, &o, &s));
    CHECK_OK(egi_store_begin(s, 0));
    CHECK(holds(s, 1, "one") && holds(s, 3, ""));
    CHECK_OK(egi_store_commit(s));
    CHECK_OK(egi_store_verify(s, NULL, NULL, NULL, NULL));
    egi_store_close(s);
}

/* A row that was read holds no snapshot behind the end of its transaction. */
static void a_handle_sees_what_others_have_committed(void **state)
{
    const egi_store_options o = settings();
    egi_store *writer = fresh(), *reader = NULL;
    (void)state;
    CHECK_OK(egi_store_begin(writer, 1));
    put(writer, 1, "one");
    CHECK_OK(egi_store_commit(writer));
    CHECK_OK(egi_store_open(path, &o, &reader));
    for (uint64_t i = 2; i < 5; i++) {
        CHECK_OK(egi_store_begin(reader, 0));
        CHECK(holds(reader, i - 1, "one"));
        if (i == 3)
            egi_store_abort(reader);
        else
            CHECK_OK(egi_store_commit(reader));
        CHECK_OK(egi_store_begin(writer, 1));
        put(writer, i, "one");
        CHECK_OK(egi_store_commit(writer));
    }
    CHECK_OK(egi_store_begin(reader, 0));
    CHECK(egi_store_root_view(reader)->records == 4 && holds(reader, 4, "one"));
    egi_store_abort(reader);
    egi_store_close(reader);
    egi_store_close(writer);
}

static eg_status sum_heads(void *user, const egi_record *head)
{
    egi_store_root *sum = user;
    CHECK(head->id > sum->last);
    sum->last = head->id;
    sum->records++;
    sum->items += head->count;
    sum->bytes += head->size;
    return EG_OK;
}

/* After any history the root is that of its rows; the same rows have the same sums. */
static void the_root_follows_the_rows(void **state)
{
    const egi_store_options o = settings();
    uint64_t sums[2][2];
    (void)state;
    for (int history = 0; history < 2; history++) {
        egi_store *s = fresh();
        for (uint64_t i = 1; i <= 20; i++) {
            CHECK_OK(egi_store_begin(s, 1));
            if (history) put(s, 21 - i, "draft");
            put(s, history ? 21 - i : i, "text");
            CHECK_OK(egi_store_set_meta(s, "k", &i, history ? 4 : 8));
            CHECK_OK(egi_store_commit(s));
        }
        CHECK_OK(egi_store_begin(s, 1));
        CHECK_OK(egi_store_delete(s, 13));
        CHECK_OK(egi_store_set_meta(s, "k", NULL, 0));
        CHECK_OK(egi_store_set_meta(s, "j", "value", 5));
        CHECK_OK(egi_store_commit(s));
        egi_store_close(s);
        CHECK_OK(egi_store_open(path, &o, &s)); /* compares root and rows */
        CHECK_OK(egi_store_begin(s, 0));
        const egi_store_root *root = egi_store_root_view(s);
        egi_store_root sum = { 0 };
        CHECK_OK(egi_store_heads(s, sum_heads, &sum));
        CHECK(root->records == 19 && root->metas == 1 && root->generation == 21);
        CHECK(root->records == sum.records && root->items == sum.items);
        CHECK(root->bytes == sum.bytes && root->top == 200 && root->last == 20);
        sums[history][0] = root->sum0;
        sums[history][1] = root->sum1;
        egi_store_abort(s);
        egi_store_close(s);
    }
    CHECK(sums[0][0] == sums[1][0] && sums[0][1] == sums[1][1]);
}

static void limits_hold(void **state)
{
    egi_store_options o = settings();
    egi_store *s = fresh();
    egi_record head = { 0, 7, 0, 0, 0, EGI_RECORD_MAX + 1 };
    static char big[100000];
    (void)state;
    CHECK_OK(egi_store_begin(s, 1));
    CHECK_STATUS(egi_store_put(s, &head, big), EG_ERR_LIMIT);
    CHECK(head.id == 0);
    head.size = sizeof big;
    CHECK_OK(egi_store_put(s, &head, big));
    CHECK(head.id == 1);
    CHECK_OK(egi_store_commit(s));
    egi_store_close(s);
    s = NULL;
    o.max_bytes = sizeof big - 1;
    CHECK_STATUS(egi_store_open(path, &o, &s), EG_ERR_LIMIT);
    CHECK(s == NULL);
}

/* What format 3 wrote on the day it was made. A change here is another format. */
static void the_bytes_of_format_3_are_frozen(void **state)
{
    static const float rows[2][3] = { { 1, -2, 0.5f }, { 0, -0.25f, 3 } };
    static const float value[2] = { 8, -1 };
    static const uint8_t f32[] = {
        2,    0,    0,    0,    3,    0,    1,    0,    /* n, flags, kind */
        3,    0,    0,    0,    0,    0,    0,    0,    /* D */
        1,    0,    0,    0,    0,    0,    0,    0,    /* DV */
        9,    0,    0,    0,    0,    0,    0,    0,    /* lo */
        0xc2, 0xe8, 0x73, 0x9f, 0xbc, 0x50, 0x27, 0xdb, /* digest */
        9,    0,    0,    0,    0,    0,    0,    0,    /* id 9 */
        0,    0,    0x80, 0x3f, 0,    0,    0,    0x41, /* weight 1, value 8 */
        0,    0,    0x80, 0x3f, 0,    0,    0,    0xc0, /* 1 -2 */
        0,    0,    0,    0x3f,                         /* 0.5 */
        0x5c, 0x79, 0xbc, 0x94, 0x2a, 0xc0, 6,    0xc9, /* digest */
        4,    1,    0,    0,    0,    0,    0,    0,    /* id 260 */
        0,    0,    0,    0x40, 0,    0,    0x80, 0xbf, /* weight 2, value -1 */
        0,    0,    0,    0,    0,    0,    0x80, 0xbe, /* 0 -0.25 */
        0,    0,    0x40, 0x40,                         /* 3 */
    };
    static const uint8_t bits[] = {
        2,    0,    0,    0,    4,    0,    2,    0,    3, 0, 0, 0, 0, 0, 0, 0, /* n .. D */
        0,    0,    0,    0,    0,    0,    0,    0,                            /* DV */
        0x2c, 1,    0,    0,    0,    0,    0,    0,                            /* lo 300 */
        0x1a, 0x82, 0x15, 0xaf, 0xf5, 0xd5, 0xa1, 0xcc,                         /* digest */
        0xff, 0xff, 0xff, 0xff, 5,                      /* label -1, pattern */
        0xa5, 0xe8, 0xd5, 0xef, 0x65, 0xfc, 0x16, 0xad, /* digest */
        7,    0,    0,    0,    5,                      /* label 7, pattern */
    };
    const uint8_t *bytes;
    egi_record head;
    egi_builder b;
    egi_store *s = fresh();
    (void)state;
    CHECK_OK(egi_store_begin(s, 1));
    CHECK_OK(egi_builder_create(eg_allocator_default(), EGI_KIND_F32, 3, 1, 2, &b));
    egi_builder_add(&b, 9, 1, -1, value, rows[0]);
    egi_builder_add(&b, 260, 2, -1, value + 1, rows[1]);
    CHECK_OK(egi_builder_flush(&b, s, 0));
    egi_builder_destroy(&b);
    CHECK_OK(egi_builder_create(eg_allocator_default(), EGI_KIND_BITS, 3, 0, 2, &b));
    egi_builder_add(&b, 300, 1, -1, NULL, rows[0]);
    egi_builder_add(&b, 301, 1, 7, NULL, rows[1]);
    CHECK_OK(egi_builder_flush(&b, s, 0));
    egi_builder_destroy(&b);
    CHECK_OK(egi_store_get(s, 1, &head, &bytes));
    CHECK(head.size == sizeof f32 && head.lo == 9 && head.hi == 260 && head.count == 2);
    CHECK_SAME_BITS(bytes, f32, sizeof f32);
    CHECK_OK(egi_store_get(s, 2, &head, &bytes));
    CHECK(head.size == sizeof bits && head.lo == 300 && head.hi == 301);
    CHECK_SAME_BITS(bytes, bits, sizeof bits);
    CHECK_OK(egi_store_commit(s));
    CHECK_OK(egi_store_begin(s, 0));
    /* hashes, sums and root: of a calculation by another program, see docs/file-format.md */
    CHECK(egi_store_root_view(s)->generation == 1 && egi_store_root_view(s)->top == 301);
    CHECK(egi_store_root_view(s)->check == UINT64_C(0xefe4c701f444a5e6));
    egi_store_abort(s);
    egi_store_close(s);
}

static void descriptions_are_read_strictly(void **state)
{
    eg_memory_options o = EG_MEMORY_OPTIONS_INIT, back;
    char text[EGI_TEXT_MAX], other[EGI_TEXT_MAX];
    size_t d = 0;
    (void)state;
    o.rule.beta = 0.1;
    o.seed = UINT64_MAX;
    o.self_coupling = 1;
    const size_t n = egi_memory_text(784, &o, text);
    CHECK_OK(egi_memory_parse(text, n, &d, &back));
    CHECK(d == 784 && back.rule.beta == 0.1 && back.seed == UINT64_MAX && back.self_coupling == 1);
    for (size_t k = 0; k < n; k++)
        CHECK_STATUS(egi_memory_parse(text, k, &d, &back), EG_ERR_CORRUPT);
    memcpy(other, text, n + 1);
    other[strlen("engram memory ")] = '2';
    CHECK_STATUS(egi_memory_parse(other, n, &d, &back), EG_ERR_VERSION);
    CHECK(strstr(eg_error_detail(), "2, this library reads up to 1") != NULL);
    memcpy(other, text, n);
    other[n] = 'x';
    CHECK_STATUS(egi_memory_parse(other, n + 1, &d, &back), EG_ERR_CORRUPT);
    memcpy(other, text, n + 1);
    *strstr(other, "softmax") = 'S';
    CHECK_STATUS(egi_memory_parse(other, n, &d, &back), EG_ERR_CORRUPT);
    CHECK(d == 784);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(transactions_are_whole),
        cmocka_unit_test(a_handle_sees_what_others_have_committed),
        cmocka_unit_test(the_root_follows_the_rows),
        cmocka_unit_test(limits_hold),
        cmocka_unit_test(the_bytes_of_format_3_are_frozen),
        cmocka_unit_test(descriptions_are_read_strictly),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
