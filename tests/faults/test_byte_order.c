/* Files mean the same on a machine of any byte order: those of tests/fixtures are decoded here by
 * arithmetic on single bytes, as a big-endian machine would have to, after docs/file-format.md
 * alone. Where the library reads or writes a number as it lies in memory the two differ. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <sqlite3.h>
#include <stdio.h>
#include <unistd.h>
#include <xxhash.h>

#include "base/egi_base.h"
#include "check.h"
#include "fixture_numbers.h"

/* By arithmetic alone: what a machine of any byte order comes to. */
static uint64_t little(const uint8_t *p, size_t n)
{
    uint64_t v = 0;
    for (size_t i = n; i-- > 0;) v = v * 256 + p[i];
    return v;
}

static double float_of(const uint8_t *p)
{
    const uint64_t bits = little(p, 4);
    const int exponent = (int)(bits / (1 << 23) % 256);
    const double fraction = (double)(bits % (1 << 23)) / (1 << 23);
    const double size = exponent == 0 ? ldexp(fraction, -126) : ldexp(1 + fraction, exponent - 127);
    return bits >> 31 ? -size : size;
}

static double double_of(const uint8_t *p)
{
    const uint64_t bits = little(p, 8);
    const int exponent = (int)(bits >> 52 & 0x7ff);
    const double fraction = (double)(bits % ((uint64_t)1 << 52)) / (double)((uint64_t)1 << 52);
    const double size =
        exponent == 0 ? ldexp(fraction, -1022) : ldexp(1 + fraction, exponent - 1023);
    return bits >> 63 ? -size : size;
}

/* Of n numbers, low byte first each. */
static uint64_t hash_of(const uint64_t *v, size_t n)
{
    uint8_t bytes[16 * 8];
    CHECK(8 * n <= sizeof bytes);
    for (size_t i = 0; i < 8 * n; i++) bytes[i] = (uint8_t)(v[i / 8] >> (8 * (i % 8)));
    return XXH3_64bits(bytes, 8 * n);
}

static char copy[700];

/* A copy of a fixture: nothing is written beside those in the tree. */
static int set_up(void **state)
{
    const char *tmp = getenv("EG_TEST_TMP");
    (void)state;
    snprintf(copy, sizeof copy, "%s/order-%d", tmp != NULL ? tmp : ".", (int)getpid());
    return 0;
}

static size_t take(const char *name, uint8_t *bytes, size_t room)
{
    char path[700];
    const char *docs = getenv("EG_TEST_DOCS");
    if (docs == NULL) skip();
    snprintf(path, sizeof path, "%s/../tests/fixtures/0.1.0/%s", docs, name);
    FILE *f = fopen(path, "rb");
    CHECK(f != NULL);
    const size_t n = fread(bytes, 1, room, f);
    fclose(f);
    f = fopen(copy, "wb");
    CHECK(n < room && f != NULL && fwrite(bytes, 1, n, f) == n && fclose(f) == 0);
    return n;
}

static sqlite3_stmt *query(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *row;
    CHECK(sqlite3_prepare_v2(db, sql, -1, &row, NULL) == SQLITE_OK);
    return row;
}

static sqlite3 *open_fixture(const char *name)
{
    static uint8_t bytes[1 << 16];
    sqlite3 *db;
    (void)take(name, bytes, sizeof bytes);
    CHECK(sqlite3_open_v2(copy, &db, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK);
    return db;
}

static void close_fixture(sqlite3 *db)
{
    CHECK(sqlite3_close(db) == SQLITE_OK);
    unlink(copy);
}

/* The bytes of the first record of a kind; *n of them. */
static const uint8_t *record_of(sqlite3 *db, int kind, sqlite3_stmt **row, size_t *n)
{
    *row = query(db, "SELECT bytes FROM record WHERE kind=? ORDER BY id");
    sqlite3_bind_int(*row, 1, kind);
    CHECK(sqlite3_step(*row) == SQLITE_ROW);
    *n = (size_t)sqlite3_column_bytes(*row, 0);
    return sqlite3_column_blob(*row, 0);
}

/* Hashes of heads and meta rows, and the root's ten numbers. */
static void roots_and_hashes(void **state)
{
    static const char *const names[] = { "dense.egm",  "bits.egm", "hebb.egm",
                                         "clique.egm", "bam.egm",  "knn.egm" };
    (void)state;
    for (size_t f = 0; f < EGI_COUNT(names); f++) {
        sqlite3 *db = open_fixture(names[f]);
        uint64_t records = 0, metas = 0, items = 0, bytes = 0, sum0 = 0, sum1 = 0;
        sqlite3_stmt *row =
            query(db, "SELECT id,kind,lo,hi,count,size,digest,hash,bytes FROM record");
        for (; sqlite3_step(row) == SQLITE_ROW; records++) {
            uint64_t v[8] = { 1 };
            for (int i = 0; i < 7; i++) v[i + 1] = (uint64_t)sqlite3_column_int64(row, i);
            const uint64_t hash = (uint64_t)sqlite3_column_int64(row, 7);
            const size_t n = (size_t)sqlite3_column_bytes(row, 8);
            CHECK(hash == hash_of(v, 8) && v[6] == n);
            CHECK(v[7] == XXH3_64bits(sqlite3_column_blob(row, 8), n));
            items += v[5];
            bytes += v[6];
            sum0 += hash;
            sum1 += hash_of(&hash, 1);
        }
        sqlite3_finalize(row);
        row = query(db, "SELECT key,value,hash FROM meta");
        for (; sqlite3_step(row) == SQLITE_ROW; metas++) {
            uint64_t v[5] = { 2 };
            for (int i = 0; i < 2; i++) {
                v[2 * i + 2] = (uint64_t)sqlite3_column_bytes(row, i);
                v[2 * i + 1] = XXH3_64bits(sqlite3_column_blob(row, i), v[2 * i + 2]);
            }
            const uint64_t hash = (uint64_t)sqlite3_column_int64(row, 2);
            CHECK(hash == hash_of(v, 5));
            sum0 += hash;
            sum1 += hash_of(&hash, 1);
        }
        sqlite3_finalize(row);
        row = query(db, "SELECT bytes FROM root");
        CHECK(sqlite3_step(row) == SQLITE_ROW && sqlite3_column_bytes(row, 0) == 80);
        const uint8_t *b = sqlite3_column_blob(row, 0);
        CHECK(little(b + 8, 8) == records && little(b + 16, 8) == metas);
        CHECK(little(b + 24, 8) == items && little(b + 32, 8) == bytes && records > 0);
        CHECK(little(b + 56, 8) == sum0 && little(b + 64, 8) == sum1);
        CHECK(little(b + 72, 8) == XXH3_64bits(b, 72));
        sqlite3_finalize(row);
        close_fixture(db);
    }
}

/* Header, then rows of digest, id, weight, label, values, pattern. */
static void a_block_of_patterns(void **state)
{
    sqlite3_stmt *row;
    size_t n;
    sqlite3 *db = open_fixture("dense.egm");
    const uint8_t *b = record_of(db, 1, &row, &n);
    const size_t stride = 8 + 8 + 4 + 4 + 4 * DV + 4 * D;
    (void)state;
    CHECK(n == 32 + N * stride);
    CHECK(little(b, 4) == N && little(b + 4, 2) == 7 && little(b + 6, 2) == 1);
    CHECK(little(b + 8, 8) == D && little(b + 16, 8) == DV && little(b + 24, 8) == 10);
    for (size_t i = 0; i < N; i++) {
        const uint8_t *p = b + 32 + i * stride + 8;
        const uint64_t v[3] = { 7 + 65536, little(p, 8), XXH3_64bits(p, stride - 8) };
        CHECK(little(p - 8, 8) == hash_of(v, 3));
        CHECK(little(p, 8) == 10 + 3 * i && float_of(p + 8) == 1 + (double)(i % 4));
        CHECK(little(p + 12, 4) == i % K);
        for (size_t k = 0; k < DV; k++) CHECK(float_of(p + 16 + 4 * k) == (double)number(i, k + 9));
        for (size_t k = 0; k < D; k++)
            CHECK(float_of(p + 16 + 4 * DV + 4 * k) == (double)number(i, k));
    }
    sqlite3_finalize(row);
    close_fixture(db);
}

/* Bit c of a pattern is at place c % 8 of byte c / 8, behind digest, id and label. */
static void a_block_of_bits(void **state)
{
    sqlite3_stmt *row;
    size_t n;
    float x[N * D];
    sqlite3 *db = open_fixture("bits.egm");
    const uint8_t *b = record_of(db, 2, &row, &n);
    const size_t stride = 8 + 8 + 4 + 1;
    (void)state;
    patterns(x, 1);
    CHECK(n == 32 + N * stride && little(b, 4) == N && little(b + 4, 2) == 5);
    for (size_t i = 0; i < N; i++) {
        const uint8_t *p = b + 32 + i * stride + 8;
        CHECK(little(p, 8) == 10 + 3 * i && little(p + 8, 4) == i % K);
        for (size_t c = 0; c < D; c++) CHECK((p[12 + c / 8] >> c % 8) % 2 == (x[i * D + c] > 0));
    }
    sqlite3_finalize(row);
    close_fixture(db);
}

/* Weights are sums of outer products, times one number; f64. */
static void a_state_of_weights(void **state)
{
    sqlite3_stmt *row;
    size_t n;
    float x[N * D];
    double scale = 0;
    sqlite3 *db = open_fixture("hebb.egm");
    const uint8_t *b = record_of(db, 3, &row, &n);
    (void)state;
    patterns(x, 1);
    CHECK(n == 8 * D * D);
    for (size_t a = 0; a < D; a++)
        for (size_t c = 0; c < D; c++) {
            double sum = 0;
            for (size_t i = 0; i < N; i++) sum += (double)x[i * D + a] * (double)x[i * D + c];
            const double got = double_of(b + 8 * (a * D + c));
            if (a == c || sum == 0) continue;
            if (scale == 0) scale = got / sum;
            CHECK(scale != 0 && fabs(got - scale * sum) < 1e-12);
        }
    CHECK(scale != 0);
    sqlite3_finalize(row);
    close_fixture(db);
}

/* A header of that many bytes, then the arrays as its offsets say, in the order of their names
 * here: 4 x 6 weights, 4, 3 x 4 and 3. */
static void the_arrays_of_a_model(void **state)
{
    static const size_t sizes[] = { 24, 4, 12, 3 };
    static uint8_t bytes[1 << 14];
    const size_t n = take("model.safetensors", bytes, sizeof bytes);
    const uint64_t header = little(bytes, 8);
    size_t at = 8 + (size_t)header;
    (void)state;
    CHECK(at < n && memcmp(bytes + 8, "{\"__metadata__\"", 15) == 0);
    for (size_t i = 0; i < EGI_COUNT(sizes); i++)
        for (size_t k = 0; k < sizes[i]; k++, at += 4)
            CHECK(float_of(bytes + at) == (double)number(i, k));
    CHECK(at == n);
    unlink(copy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(roots_and_hashes),      cmocka_unit_test(a_block_of_patterns),
        cmocka_unit_test(a_block_of_bits),       cmocka_unit_test(a_state_of_weights),
        cmocka_unit_test(the_arrays_of_a_model),
    };
    return cmocka_run_group_tests_name("byte_order", tests, set_up, NULL);
}
