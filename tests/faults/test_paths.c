/* Files that name other files: what would lead elsewhere is refused, and not opened. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

#include "data_bytes.h"
#include "onnx_bytes.h"

static char folder[520], outside[540];

static int drop(const char *path, const struct stat *st, int flag, struct FTW *f)
{
    (void)st;
    (void)flag;
    (void)f;
    return remove(path);
}

static const char *in(const char *name)
{
    static char path[4][800];
    static int slot;
    slot = (slot + 1) % 4;
    snprintf(path[slot], sizeof path[slot], "%s/%s", folder, name);
    return path[slot];
}

static int set_up(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "%s", tmp_path(0, "paths"));
    snprintf(outside, sizeof outside, "%s.outside.tsv", folder);
    static const char table[] = "junction_aa\nCASSF\nCAWF\n";
    if (mkdir(folder, 0700) != 0 || mkdir(in("sub"), 0700) != 0) return -1;
    put_file(outside, table, sizeof table - 1);
    put_file(in("a.tsv"), table, sizeof table - 1);
    put_file(in("sub/b.tsv"), table, sizeof table - 1);
    return symlink(outside, in("link.tsv")) != 0 || symlink("/tmp", in("away")) != 0
           || symlink("sub", in("inner")) != 0 || mkfifo(in("pipe.tsv"), 0600) != 0;
}

static int tear_down(void **state)
{
    (void)state;
    unlink(outside);
    return nftw(folder, drop, 8, FTW_DEPTH | FTW_PHYS);
}

/* ---- a table of repertoires ---- */

static void repertoires_stay_in_their_folder(void **state)
{
    static const struct {
        const char *name;
        size_t size;
        int good;
    } names[] = {
#define NAME(text, good) { text, sizeof text - 1, good }
        NAME("a.tsv", 1),
        NAME("sub/b.tsv", 1),
        NAME("./a.tsv", 1),
        NAME("../paths.outside.tsv", 0),
        NAME("sub/../a.tsv", 0),
        NAME("sub/../../x.outside.tsv", 0),
        NAME("..", 0),
        NAME("/etc/passwd", 0),
        NAME("//etc/passwd", 0),
        NAME("/dev/zero", 0),
        NAME("link.tsv", 0),
        NAME("inner/b.tsv", 0),
        NAME("away/x.tsv", 0),
        NAME("pipe.tsv", 0),
        NAME("sub", 0),
        NAME("a.tsv/", 0),
        NAME("a.tsv\0/../../etc/passwd", 0),
        NAME("absent.tsv", 0),
        NAME("", 0),
    };
    (void)state;
    for (size_t i = 0; i < EGI_COUNT(names); i++) {
        char text[300] = "filename\tlabel\n";
        size_t n = strlen(text);
        eg_read_options o = EG_READ_OPTIONS_INIT;
        eg_dataset set;
        memcpy(text + n, names[i].name, names[i].size);
        n += names[i].size;
        memcpy(text + n, "\t1\n", 3);
        put_file(in("table.tsv"), text, n + 3);
        o.format = "repertoires";
        const eg_status s = eg_dataset_read(in("table.tsv"), &o, &set);
        if ((s == EG_OK) != names[i].good)
            fail_msg("\"%s\": %s: %s", names[i].name, eg_status_name(s), eg_error_detail());
        if (s == EG_OK) eg_dataset_clear(&set);
    }
}

/* ---- a network whose numbers are said to be elsewhere ---- */

static void networks_open_no_other_file(void **state)
{
    /* TensorProto: dims 2, type FLOAT, name "w", external_data location ..., EXTERNAL */
    static const char *const names[] = { "weights.bin", "../weights.bin", "/etc/passwd",
                                         "/dev/zero" };
    (void)state;
    for (size_t i = 0; i < EGI_COUNT(names); i++) {
        uint8_t tensor[200] = { 0x08, 2, 0x10, 1, 0x42, 1, 'w' }, graph[260], model[300];
        const size_t length = strlen(names[i]);
        size_t n = 7;
        tensor[n++] = 0x6a; /* 13: external_data, a StringStringEntry */
        tensor[n++] = (uint8_t)(10 + 2 + length);
        memcpy(tensor + n, "\x0a\x08location\x12", 11);
        n += 11;
        tensor[n++] = (uint8_t)length;
        memcpy(tensor + n, names[i], length);
        n += length;
        memcpy(tensor + n, "\x70\x01", 2); /* 14: data_location EXTERNAL */
        n += 2;
        static const uint8_t rest[] = {
            0x0a, 16,  0x0a, 1,   'w', 0x12, 1,    'y', 0x22, 8, 'I', 'd',
            'e',  'n', 't',  'i', 't', 'y',  0x62, 3,   0x0a, 1, 'y'
        };               /* a node Identity from w to y, the output y */
        graph[0] = 0x2a; /* 5: initializer */
        graph[1] = (uint8_t)n;
        memcpy(graph + 2, tensor, n);
        memcpy(graph + 2 + n, rest, sizeof rest);
        const size_t all = n + 2 + sizeof rest;
        memcpy(model, "\x08\x08\x3a", 3); /* ir_version 8; 7: graph */
        model[3] = (uint8_t)all;
        memcpy(model + 4, graph, all);
        memcpy(model + 4 + all, "\x42\x02\x10\x0d", 4); /* 8: opset 13 */
        CHECK(all < 128);                               /* lengths of one byte */
        eg_onnx *m = NULL;
        const eg_status s = eg_onnx_read("t", model, all + 8, NULL, &m);
        CHECK_STATUS(s, EG_ERR_UNSUPPORTED);
        CHECK(strstr(eg_error_detail(), "another file") != NULL);
    }
}

/* ---- a folder of pictures ---- */

static void folders_leave_links_and_devices_out(void **state)
{
    char pictures[800], name[820];
    eg_read_options o = EG_READ_OPTIONS_INIT;
    eg_image m;
    eg_dataset set;
    (void)state;
    snprintf(pictures, sizeof pictures, "%s", in("pictures"));
    CHECK(mkdir(pictures, 0700) == 0);
    CHECK_OK(eg_image_create(2, 2, 1, NULL, &m));
    snprintf(name, sizeof name, "%s/a.png", pictures);
    CHECK_OK(eg_image_write_png(name, &m));
    CHECK_OK(eg_image_write_png(in("secret.png"), &m));
    eg_image_clear(&m);
    snprintf(name, sizeof name, "%s/b.png", pictures);
    CHECK(symlink(in("secret.png"), name) == 0);
    snprintf(name, sizeof name, "%s/c.png", pictures);
    CHECK(mkfifo(name, 0600) == 0);
    snprintf(name, sizeof name, "%s/d.png", pictures);
    CHECK(symlink("/dev/zero", name) == 0);
    CHECK_OK(eg_dataset_read(pictures, &o, &set));
    CHECK(set.n == 1);
    eg_dataset_clear(&set);
    snprintf(name, sizeof name, "%s/sub", pictures);
    CHECK(symlink(folder, name) == 0);
    CHECK_OK(eg_dataset_read(pictures, &o, &set));
    CHECK(set.n == 1 && set.classes == 0);
    eg_dataset_clear(&set);
    CHECK_STATUS(eg_image_read("/dev/zero", NULL, &m), EG_ERR_IO);
    CHECK_STATUS(eg_image_read(in("pipe.tsv"), NULL, &m), EG_ERR_IO); /* and does not wait */
}

/* ---- a run folder, whose files are links to others ---- */

static void runs_write_through_no_link(void **state)
{
    static const char *const names[] = { "metrics.jsonl", "log.txt" };
    char run[820], name[840], text[16];
    (void)state;
    for (size_t i = 0; i < EGI_COUNT(names); i++) {
        eg_run *r = NULL;
        snprintf(run, sizeof run, "%s-%zu", in("run"), i);
        CHECK(mkdir(run, 0700) == 0);
        put_file(in("precious"), "as it was", 9);
        snprintf(name, sizeof name, "%s/%s", run, names[i]);
        CHECK(symlink(in("precious"), name) == 0);
        CHECK_STATUS(eg_run_open(run, "{}", 1, 1, NULL, &r), EG_ERR_IO);
        CHECK(get_file(in("precious"), text, sizeof text) == 9
              && memcmp(text, "as it was", 9) == 0);
    }
}

/* What is written in the place of a link takes the link's place, and not that of its target. */
static void files_replace_a_link_itself(void **state)
{
    static const float x[4] = { 1, 2, 3, 4 };
    char text[16];
    struct stat st;
    (void)state;
    put_file(in("target"), "as it was", 9);
    CHECK(symlink(in("target"), in("linked.npy")) == 0);
    CHECK_OK(eg_npy_write(in("linked.npy"), x, 2, 2));
    CHECK(lstat(in("linked.npy"), &st) == 0 && S_ISREG(st.st_mode));
    CHECK(get_file(in("target"), text, sizeof text) == 9 && memcmp(text, "as it was", 9) == 0);
    CHECK_STATUS(eg_npy_write("/dev/null", x, 2, 2), EG_ERR_IO);
}

/* ---- what lies beside a memory file ---- */

static void a_log_that_is_a_link_is_refused(void **state)
{
    static const char *const tails[] = { "-wal", "-shm", "-journal" };
    char path[800], beside[820];
    eg_memory_file *f = NULL;
    (void)state;
    snprintf(path, sizeof path, "%s", in("m.egm"));
    CHECK_OK(eg_memory_file_create(path, 4, NULL, NULL, &f));
    eg_memory_file_close(f);
    for (size_t i = 0; i < EGI_COUNT(tails); i++) {
        snprintf(beside, sizeof beside, "%s%s", path, tails[i]);
        CHECK(symlink(in("target"), beside) == 0);
        f = NULL;
        CHECK_STATUS(eg_memory_file_open(path, NULL, &f), EG_ERR_IO);
        unlink(beside);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(repertoires_stay_in_their_folder),
        cmocka_unit_test(networks_open_no_other_file),
        cmocka_unit_test(folders_leave_links_and_devices_out),
        cmocka_unit_test(runs_write_through_no_link),
        cmocka_unit_test(files_replace_a_link_itself),
        cmocka_unit_test(a_log_that_is_a_link_is_refused),
    };
    return cmocka_run_group_tests_name("paths", tests, set_up, tear_down);
}
