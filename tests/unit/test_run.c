/* Run folders: files that grow, records that TensorBoard reads, one writer at a time. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"
#include "train/egi_train.h"
#include "train_check.h"

/* RFC 3720, B.4, and the check value of CRC-32C. */
static void checksums(void **state)
{
    (void)state;
    uint8_t b[32] = { 0 };
    CHECK(egi_crc32c((const uint8_t *)"123456789", 9) == 0xe3069283u);
    CHECK(egi_crc32c(b, 32) == 0x8a9136aau);
    memset(b, 0xff, 32);
    CHECK(egi_crc32c(b, 32) == 0x62a8ab43u);
    for (int i = 0; i < 32; i++) b[i] = (uint8_t)i;
    CHECK(egi_crc32c(b, 32) == 0x46dd794eu);
}

/* The bytes were written down with Python's struct and a table-driven CRC-32C. */
static void records_are_golden(void **state)
{
    (void)state;
    uint8_t e[EGI_EVENT_MAX];
    static const uint8_t version[] = { 0x18, 0, 0, 0, 0, 0, 0, 0 };
    CHECK(egi_event_version(1.5, e) == 12 + 24 + 4);
    CHECK_SAME_BITS(e, version, 8);
    CHECK_SAME_BITS(e + 12,
                    "\x09\0\0\0\0\0\0\xf8\x3f\x1a\x0d"
                    "brain.Event:2",
                    24);
    static const uint8_t scalar[] = { 0x09, 0,    0,    0,    0,    0,    0,  0xf8, 0x3f,
                                      0x10, 0xac, 0x02, 0x2a, 0x0d, 0x0a, 11, 0x0a, 4,
                                      'l',  'o',  's',  's',  0x15, 0,    0,  0x20, 0x40 };
    CHECK(egi_event_scalar(1.5, 300, "loss", 2.5f, e) == 12 + sizeof scalar + 4);
    CHECK_SAME_BITS(e + 12, scalar, sizeof scalar);
    const uint32_t c = egi_crc32c(e + 12, sizeof scalar);
    CHECK(egi_load_le32(e + 12 + sizeof scalar) == (c >> 15 | c << 17) + 0xa282ead8u);
    CHECK(egi_load_le32(e + 8) != 0 && egi_load_le64(e) == sizeof scalar);
}

static void a_folder_grows_and_is_cut(void **state)
{
    (void)state;
    const char *folder = train_folder("run");
    eg_run *run = NULL, *second = NULL;
    char text[4000];
    CHECK_OK(eg_run_open(folder, "{\"a\": 1}", 1, 0, NULL, &run));
    assert_string_equal(train_text(folder, "config.json", text, sizeof text), "{\"a\": 1}");
    CHECK(strstr(train_text(folder, "env.json", text, sizeof text), "\"kernels\"") != NULL);
    eg_run_metric(run, "{\"step\": 1}");
    eg_run_scalar(run, "loss", 1, 2, 3);
    size_t metrics, events, after[2];
    CHECK_OK(egi_run_sync(run, &metrics, &events));
    CHECK(metrics == 12);
    eg_run_metric(run, "{\"step\": 2}");
    eg_run_scalar(run, "loss", 2, 2, 3);
    eg_run_log(run, "done");
    assert_string_equal(train_text(folder, "metrics.jsonl", text, sizeof text),
                        "{\"step\": 1}\n{\"step\": 2}\n");
    CHECK(strstr(train_text(folder, "log.txt", text, sizeof text), "Z done\n") != NULL);
    CHECK_STATUS(eg_run_open(folder, "{}", 1, 1, NULL, &second), EG_ERR_IO);
    CHECK(strstr(eg_error_detail(), "another process") != NULL);
    CHECK_OK(egi_run_cut(run, metrics, events));
    CHECK_OK(egi_run_sync(run, &after[0], &after[1]));
    CHECK(after[0] == metrics && after[1] == events);
    eg_run_metric(run, "{\"step\": 3}");
    CHECK_OK(eg_run_close(run));
    assert_string_equal(train_text(folder, "metrics.jsonl", text, sizeof text),
                        "{\"step\": 1}\n{\"step\": 3}\n");
    CHECK_STATUS(eg_run_open(folder, "{}", 1, 0, NULL, &run), EG_ERR_IO);
    char config[600];
    snprintf(config, sizeof config, "%s/config.json", folder);
    CHECK(unlink(config) == 0); /* killed before it was there: env.json comes after it */
    CHECK_STATUS(eg_run_open(folder, "{}", 1, 0, NULL, &run), EG_ERR_IO);
    snprintf(config, sizeof config, "%s/env.json", folder);
    CHECK(unlink(config) == 0);
    CHECK_OK(eg_run_open(folder, "{}", 1, 0, NULL, &run));
    CHECK_OK(eg_run_close(run));
    CHECK_OK(eg_run_open(folder, "{}", 1, 1, NULL, &run));
    CHECK_OK(eg_run_close(run));
    CHECK_OK(eg_run_close(NULL));
    train_remove(folder);
}

/* /dev/full stands for a disk that is: what could not be written is told at the end. */
static void a_full_disk_is_told(void **state)
{
    (void)state;
    const char *folder = train_folder("full");
    char path[600];
    eg_run *run = NULL;
    CHECK(mkdir(folder, 0700) == 0);
    snprintf(path, sizeof path, "%s/metrics.jsonl", folder);
    CHECK(symlink("/dev/full", path) == 0);
    CHECK_STATUS(eg_run_open(folder, "{}", 1, 1, NULL, &run), EG_ERR_IO); /* no links */
    CHECK(unlink(path) == 0);
    CHECK_STATUS(eg_run_open("no/such/folder", "{}", 1, 1, NULL, &run), EG_ERR_IO);
    CHECK_STATUS(eg_run_open("/dev/null", "{}", 1, 1, NULL, &run), EG_ERR_IO);
    train_remove(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(checksums),
        cmocka_unit_test(records_are_golden),
        cmocka_unit_test(a_folder_grows_and_is_cut),
        cmocka_unit_test(a_full_disk_is_told),
    };
    return cmocka_run_group_tests_name("run", tests, NULL, NULL);
}
