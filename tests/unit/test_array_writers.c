/* Writers of arrays: golden bytes, round trips, and the old file kept on failure. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>

#include "base/egi_file.h"
#include "data_bytes.h"

static void npy_round_trip(void **state)
{
    (void)state;
    const float x[6] = { 1.5f, -2, 3e-38f, 4, 5, -0.0f };
    const char *path = tmp_path(0, "a.npy");
    eg_dataset s;
    CHECK_OK(eg_npy_write(path, x, 3, 2));
    CHECK_OK(eg_dataset_read(path, NULL, &s));
    CHECK(s.n == 3 && s.d == 2);
    CHECK_SAME_BITS(s.x, x, sizeof x);
    eg_dataset_clear(&s);
    uint8_t b[256];
    CHECK(get_file(path, b, sizeof b) == 128 + sizeof x);
    CHECK_SAME_BITS(b,
                    "\x93NUMPY\1\0\x76\0{'descr': '<f4', 'fortran_order': False, "
                    "'shape': (3, 2), }   ",
                    72);
    CHECK(b[127] == '\n' && b[126] == ' ');
    unlink(path);
}

static void safetensors_golden(void **state)
{
    (void)state;
    const char *path = tmp_path(0, "a.safetensors");
    const float w[2] = { 1, -1 };
    const int64_t i[1] = { 7 };
    const eg_tensor_entry e[] = { { "b", "U8", "\1\2\3", 1, { 3 } },
                                  { "w", "F32", w, 2, { 1, 2 } },
                                  { "i", "I64", i, 0, { 0 } } };
    const char *const meta[] = { "format", "engram" };
    CHECK_OK(eg_safetensors_write(path, e, 3, meta, 1));
    uint8_t b[512];
    const size_t n = get_file(path, b, sizeof b);
    const char *header = "{\"__metadata__\":{\"format\":\"engram\"},"
                         "\"i\":{\"dtype\":\"I64\",\"shape\":[],\"data_offsets\":[0,8]},"
                         "\"w\":{\"dtype\":\"F32\",\"shape\":[1,2],\"data_offsets\":[8,16]},"
                         "\"b\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[16,19]}}";
    const size_t length = egi_load_le64(b);
    CHECK(length % 8 == 0 && length >= strlen(header) && length < strlen(header) + 8);
    CHECK(n == 8 + length + 19);
    CHECK_SAME_BITS(b + 8, header, strlen(header));
    for (size_t k = strlen(header); k < length; k++) CHECK(b[8 + k] == ' ');
    CHECK_SAME_BITS(b + 8 + length, i, 8);
    CHECK_SAME_BITS(b + 16 + length, w, 8);
    CHECK_SAME_BITS(b + 24 + length, "\1\2\3", 3);
    const eg_tensor_entry twice[] = { e[0], e[0] }, type[] = { { "b", "F16", w, 0, { 0 } } },
                          bytes[] = { { "\xff\xfe", "U8", "", 1, { 1 } } };
    CHECK_STATUS(eg_safetensors_write(path, twice, 2, NULL, 0), EG_ERR_INVALID);
    CHECK_STATUS(eg_safetensors_write(path, type, 1, NULL, 0), EG_ERR_INVALID);
    CHECK_STATUS(eg_safetensors_write(path, bytes, 1, NULL, 0), EG_ERR_INVALID);
    CHECK(get_file(path, b, sizeof b) == n); /* the old file is kept */
    unlink(path);
    CHECK_STATUS(eg_npy_write(tmp_path(0, "no/such/folder"), w, 1, 2), EG_ERR_IO);
    CHECK_STATUS(eg_npy_write("/dev/null", w, 1, 2), EG_ERR_IO);
}

static char asked[16]; /* of fsync: of a file, of a folder; of rename */

/* In the place of the C library's. */
int fsync(int fd)
{
    struct stat st;
    if (fstat(fd, &st) == 0 && strlen(asked) + 1 < sizeof asked)
        strcat(asked, S_ISDIR(st.st_mode) ? "d" : "f");
    return 0;
}

int rename(const char *from, const char *to)
{
    if (strlen(asked) + 1 < sizeof asked) strcat(asked, "r");
    return renameat(AT_FDCWD, from, AT_FDCWD, to);
}

/* The bytes are on the disk before they have the name, and the name before all is well. */
static void a_file_is_replaced_in_order(void **state)
{
    static const float x[2] = { 1, 2 };
    (void)state;
    asked[0] = '\0';
    const char *path = tmp_path(0, "order.npy");
    CHECK_OK(eg_npy_write(path, x, 1, 2));
    assert_string_equal(asked, "frd");
    unlink(path);
}

/* A program whose standard input is closed gets descriptor 0 for a file. */
static void descriptor_0_is_one_like_others(void **state)
{
    static const float x[2] = { 1, 2 };
    eg_dataset set;
    (void)state;
    const char *path = tmp_path(0, "zero.npy");
    const int input = dup(0);
    close(0);
    const eg_status wrote = eg_npy_write(path, x, 1, 2);
    const eg_status read = eg_dataset_read(path, NULL, &set);
    if (input >= 0) (void)dup2(input, 0);
    if (input >= 0) close(input);
    CHECK(wrote == EG_OK && read == EG_OK && set.x[1] == 2);
    eg_dataset_clear(&set);
    unlink(path);
}

static void limits_grow_with_the_file(void **state)
{
    const size_t small = EG_LIMIT_SMALL_FILE, most = (size_t)1 << 40;
    (void)state;
    CHECK(egi_limit_of(5, small, most) == 5);
    CHECK(egi_limit_of(0, 0, most) == EG_LIMIT_SMALL);
    CHECK(egi_limit_of(0, small, most) == EG_LIMIT_SMALL);
    CHECK(egi_limit_of(0, small + 7, most) == EG_LIMIT_SMALL + 7 * EG_LIMIT_SHARE);
    CHECK(egi_limit_of(0, SIZE_MAX, most) == most);
    CHECK(egi_limit_of(0, small + 8, EG_LIMIT_SMALL + 7 * EG_LIMIT_SHARE)
          == EG_LIMIT_SMALL + 7 * EG_LIMIT_SHARE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(npy_round_trip),
        cmocka_unit_test(safetensors_golden),
        cmocka_unit_test(a_file_is_replaced_in_order),
        cmocka_unit_test(descriptor_0_is_one_like_others),
        cmocka_unit_test(limits_grow_with_the_file),
    };
    return cmocka_run_group_tests_name("array_writers", tests, NULL, NULL);
}
