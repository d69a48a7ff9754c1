/* Tensors of ONNX files: every element type, raw and as a list, at its ends and past them; what a
 * tensor may say that cannot be; the fields that tensors are read by. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include "model/egi_onnx_maker.h"

static struct egi_bytes made(int64_t type, const int64_t *dims, size_t n)
{
    struct egi_bytes b = { .alloc = eg_allocator_default() };
    egi_put_int(&b, EGI_TENSOR_TYPE, type);
    for (size_t i = 0; i < n; i++) egi_put_int(&b, EGI_TENSOR_DIMS, dims[i]);
    return b;
}

static eg_status decoded(struct egi_bytes *b, size_t room, struct egi_onnx_data *out)
{
    const struct egi_span tensor = { b->p, b->n };
    CHECK_OK(egi_wire_check_tensor("net", tensor));
    const eg_status s = egi_onnx_decode("net", tensor, room, eg_allocator_default(), out);
    egi_bytes_clear(b);
    return s;
}

static double first(const struct egi_onnx_data *d)
{
    return egi_onnx_type(d->type)->dtype == EG_F32 ? (double)*(float *)d->data : *(double *)d->data;
}

static void forget(struct egi_onnx_data *d)
{
    egi_free(eg_allocator_default(), d->data, d->bytes);
}

/* One element of its little-endian bits, raw. NaN: refused as a number that f64 does not have. */
static void raw_elements(void **state)
{
    static const struct {
        int type;
        size_t bytes;
        uint64_t bits;
        double want;
    } rows[] = {
        { EGI_ONNX_FLOAT, 4, 0x3fc00000, 1.5 },
        { EGI_ONNX_DOUBLE, 8, 0xbff8000000000000, -1.5 },
        { EGI_ONNX_UINT8, 1, 255, 255 },
        { EGI_ONNX_INT8, 1, 0x80, -128 },
        { EGI_ONNX_INT8, 1, 0x7f, 127 },
        { EGI_ONNX_UINT16, 2, 65535, 65535 },
        { EGI_ONNX_INT16, 2, 0x8000, -32768 },
        { EGI_ONNX_INT32, 4, 0x80000000, -0x1p31 },
        { EGI_ONNX_INT32, 4, 0x7fffffff, 0x1p31 - 1 },
        { EGI_ONNX_UINT32, 4, 0xffffffff, 0x1p32 - 1 },
        { EGI_ONNX_INT64, 8, (uint64_t)1 << 53, 0x1p53 },
        { EGI_ONNX_INT64, 8, -((uint64_t)1 << 53), -0x1p53 },
        { EGI_ONNX_INT64, 8, INT64_MAX, 0x1p63 }, /* as far as there is */
        { EGI_ONNX_INT64, 8, (uint64_t)INT64_MAX + 1, -0x1p63 },
        { EGI_ONNX_INT64, 8, ((uint64_t)1 << 53) + 1, NAN },
        { EGI_ONNX_INT64, 8, -((uint64_t)1 << 53) - 1, NAN },
        { EGI_ONNX_UINT64, 8, (uint64_t)1 << 53, 0x1p53 },
        { EGI_ONNX_UINT64, 8, ((uint64_t)1 << 53) + 1, NAN },
        { EGI_ONNX_BOOL, 1, 1, 1 },
        { EGI_ONNX_BOOL, 1, 2, NAN },
        { EGI_ONNX_FLOAT16, 2, 0x3e00, 1.5 },
        { EGI_ONNX_FLOAT16, 2, 0xbe00, -1.5 },
        { EGI_ONNX_FLOAT16, 2, 0x0001, 0x1p-24 },        /* least subnormal */
        { EGI_ONNX_FLOAT16, 2, 0x03ff, 1023 * 0x1p-24 }, /* greatest */
        { EGI_ONNX_FLOAT16, 2, 0x0400, 0x1p-14 },        /* least normal */
        { EGI_ONNX_FLOAT16, 2, 0x7bff, 65504 },
        { EGI_ONNX_FLOAT16, 2, 0x7c00, INFINITY },
        { EGI_ONNX_FLOAT16, 2, 0xfc00, -INFINITY },
    };
    (void)state;
    for (size_t i = 0; i < EGI_COUNT(rows); i++) {
        struct egi_bytes b = made(rows[i].type, NULL, 0);
        struct egi_onnx_data d = { .type = 0 };
        uint8_t word[8];
        egi_store_le64(word, rows[i].bits);
        egi_put_bytes(&b, EGI_TENSOR_RAW, word, rows[i].bytes);
        const eg_status s = decoded(&b, 100, &d);
        if (isnan(rows[i].want)) {
            CHECK_STATUS(s, EG_ERR_UNSUPPORTED);
            CHECK(strstr(eg_error_detail(), "element 0 is ") != NULL);
            continue;
        }
        CHECK_OK(s);
        if (first(&d) != rows[i].want) fail_msg("row %zu: %g", i, first(&d));
        forget(&d);
    }
    struct egi_bytes b = made(EGI_ONNX_FLOAT16, NULL, 0);
    struct egi_onnx_data d = { .type = 0 };
    egi_put_bytes(&b, EGI_TENSOR_RAW, "\1\x7c", 2);
    CHECK_OK(decoded(&b, 100, &d));
    CHECK(isnan(first(&d)));
    forget(&d);
}

/* The same numbers as a list in the field of their type, which may lie packed or one by one. */
static void listed_elements(void **state)
{
    static const struct {
        int type;
        uint32_t field;
        int64_t value;
        int holds;
    } rows[] = {
        { EGI_ONNX_INT8, EGI_TENSOR_INT32, -128, 1 },
        { EGI_ONNX_INT8, EGI_TENSOR_INT32, -129, 0 },
        { EGI_ONNX_INT8, EGI_TENSOR_INT32, 128, 0 },
        { EGI_ONNX_UINT8, EGI_TENSOR_INT32, -1, 0 },
        { EGI_ONNX_UINT8, EGI_TENSOR_INT32, 255, 1 },
        { EGI_ONNX_BOOL, EGI_TENSOR_INT32, 1, 1 },
        { EGI_ONNX_INT32, EGI_TENSOR_INT32, -7, 1 },
        { EGI_ONNX_INT64, EGI_TENSOR_INT64, -7, 1 },
        { EGI_ONNX_UINT32, EGI_TENSOR_UINT64, 7, 1 },
        { EGI_ONNX_UINT32, EGI_TENSOR_UINT64, -1, 0 },
        { EGI_ONNX_UINT64, EGI_TENSOR_UINT64, -1, 0 },
        { EGI_ONNX_UINT64, EGI_TENSOR_UINT64, 7, 1 },
    };
    const int64_t two[1] = { 2 };
    (void)state;
    for (size_t i = 0; i < EGI_COUNT(rows); i++) {
        struct egi_bytes b = made(rows[i].type, two, 1);
        struct egi_onnx_data d = { .type = 0 };
        egi_put_int(&b, rows[i].field, rows[i].value);
        egi_put_int(&b, rows[i].field, 1);
        const eg_status s = decoded(&b, 100, &d);
        if (s != (rows[i].holds ? EG_OK : EG_ERR_UNSUPPORTED))
            fail_msg("row %zu: %s: %s", i, eg_status_name(s), eg_error_detail());
        if (s != EG_OK) continue;
        CHECK(first(&d) == (double)rows[i].value);
        forget(&d);
    }
    const float f[2] = { 2.5f, -1 };
    const double g[2] = { 2.5, -1 };
    struct egi_bytes b = made(EGI_ONNX_FLOAT, two, 1);
    struct egi_onnx_data d = { .type = 0 };
    egi_put_bytes(&b, EGI_TENSOR_FLOATS, f, sizeof f);
    CHECK_OK(decoded(&b, 8, &d));
    CHECK(first(&d) == 2.5 && ((float *)d.data)[1] == -1);
    forget(&d);
    b = made(EGI_ONNX_DOUBLE, two, 1);
    egi_put_bytes(&b, EGI_TENSOR_DOUBLES, g, sizeof g);
    CHECK_OK(decoded(&b, 16, &d));
    CHECK(first(&d) == 2.5 && ((double *)d.data)[1] == -1);
    forget(&d);
    b = made(EGI_ONNX_DOUBLE, two, 1);
    egi_put_bytes(&b, EGI_TENSOR_DOUBLES, g, 15);
    const struct egi_span odd = { b.p, b.n };
    CHECK_STATUS(egi_wire_check_tensor("net", odd), EG_ERR_CORRUPT);
    CHECK(strstr(eg_error_detail(), "packed doubles end in the middle of one") != NULL);
    egi_bytes_clear(&b);
}

/* Counts, dimensions and places of data that cannot be. */
static void what_cannot_be_is_refused(void **state)
{
    static const struct {
        int64_t type, dim[3];
        size_t rank, raw, room;
        eg_status want;
        const char *words;
    } rows[] = {
        { EGI_ONNX_FLOAT, { 2 }, 1, 8, 8, EG_OK, "" },
        { EGI_ONNX_FLOAT, { 2 }, 1, 9, 8, EG_ERR_CORRUPT, "2 elements of float" },
        { EGI_ONNX_FLOAT, { 2 }, 1, 4, 8, EG_ERR_CORRUPT, "1 elements of float" },
        { EGI_ONNX_FLOAT, { 2 }, 1, 8, 7, EG_ERR_LIMIT, "8 bytes, expected up to the 7" },
        { EGI_ONNX_FLOAT, { 0 }, 1, 0, 0, EG_OK, "" }, /* nothing takes a byte */
        { EGI_ONNX_FLOAT, { 1 << 30, 1 << 30, 2 }, 3, 8, 8, EG_ERR_OVERFLOW, "over 2^60" },
        { EGI_ONNX_FLOAT, { (int64_t)1 << 49 }, 1, 8, 8, EG_ERR_CORRUPT, "dimension 0" },
        { 0, { 1 }, 1, 4, 4, EG_ERR_UNSUPPORTED, "no type" },
        { -1, { 1 }, 1, 4, 4, EG_ERR_UNSUPPORTED, "an unknown type (-1)" },
        { 8, { 1 }, 1, 4, 4, EG_ERR_UNSUPPORTED, "string" },
        { 14, { 1 }, 1, 8, 8, EG_ERR_UNSUPPORTED, "complex64" },
        { 16, { 1 }, 1, 2, 4, EG_ERR_UNSUPPORTED, "bfloat16" },
        { 17, { 1 }, 1, 1, 4, EG_ERR_UNSUPPORTED, "an unknown type (17)" },
    };
    static const uint8_t zeros[16];
    (void)state;
    for (size_t i = 0; i < EGI_COUNT(rows); i++) {
        struct egi_bytes b = made(rows[i].type, rows[i].dim, rows[i].rank);
        struct egi_onnx_data d = { .type = 0 };
        if (rows[i].raw > 0) egi_put_bytes(&b, EGI_TENSOR_RAW, zeros, rows[i].raw);
        const eg_status s = decoded(&b, rows[i].room, &d);
        if (s != rows[i].want || strstr(s == EG_OK ? "" : eg_error_detail(), rows[i].words) == NULL)
            fail_msg("row %zu: %s: %s", i, eg_status_name(s), eg_error_detail());
        if (s == EG_OK) forget(&d);
    }
    int64_t many[EG_MAX_RANK + 1];
    struct egi_onnx_data d;
    for (size_t i = 0; i <= EG_MAX_RANK; i++) many[i] = 1;
    struct egi_bytes b = made(EGI_ONNX_FLOAT, many, EG_MAX_RANK + 1);
    CHECK_STATUS(decoded(&b, 8, &d), EG_ERR_UNSUPPORTED);
    b = made(EGI_ONNX_FLOAT, many, 1); /* where its data are, though it is said to be here */
    egi_put_bytes(&b, EGI_TENSOR_EXTERNAL, "", 0);
    CHECK_STATUS(decoded(&b, 8, &d), EG_ERR_UNSUPPORTED);
    CHECK(strstr(eg_error_detail(), "another file") != NULL);
    CHECK(strcmp(egi_onnx_type_name(9999), "an unknown type") == 0);
    CHECK(strcmp(egi_onnx_type_name(EGI_ONNX_BOOL), "bool") == 0);
}

/* Texts of others as a message has them. */
static void texts_of_others(void **state)
{
    uint8_t p[300];
    char text[EGI_SPAN_TEXT];
    (void)state;
    for (size_t i = 0; i < sizeof p; i++) p[i] = (uint8_t)i;
    assert_string_equal(egi_span_text((struct egi_span){ p + 'a', 3 }, text), "abc");
    assert_string_equal(egi_span_text((struct egi_span){ p + 30, 3 }, text), "?? ");
    assert_string_equal(egi_span_text((struct egi_span){ p + 126, 3 }, text), "~??");
    assert_string_equal(egi_span_text((struct egi_span){ p, 0 }, text), "");
    const char *cut = egi_span_text((struct egi_span){ p, 101 }, text);
    CHECK(strlen(cut) == 100 && strcmp(cut + 97, "...") == 0);
    CHECK(strlen(egi_span_text((struct egi_span){ p, 100 }, text)) == 100 && text[99] == 'c');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(raw_elements),
        cmocka_unit_test(listed_elements),
        cmocka_unit_test(what_cannot_be_is_refused),
        cmocka_unit_test(texts_of_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
