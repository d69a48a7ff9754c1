/* The catalogue: names, parts, places; download from a server of the test's own; SHA-256. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <dirent.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>

#include "data_bytes.h"

#define ABC_SHA256 "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

/* FIPS 180-4 examples (NIST), and the empty message. */
static void sha256_known_answers(void **state)
{
    (void)state;
    static char million[1000000];
    memset(million, 'a', sizeof million);
    const struct {
        const char *p;
        size_t size;
        const char *hex;
    } rows[] = {
        { "", 0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
        { "abc", 3, ABC_SHA256 },
        { "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56,
          "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
        { million, sizeof million,
          "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0" },
    };
    const char *path = tmp_path(0, "sum");
    for (size_t k = 0; k < EGI_COUNT(rows); k++) {
        char hex[65];
        put_file(path, rows[k].p, rows[k].size);
        CHECK_OK(eg_sha256_file(path, hex));
        assert_string_equal(hex, rows[k].hex);
        struct egi_sha256 s; /* the same in pieces of every small size */
        for (size_t piece = 1; piece < 130 && rows[k].size < 100; piece++) {
            egi_sha256_init(&s);
            for (size_t at = 0; at < rows[k].size; at += piece)
                egi_sha256_add(&s, rows[k].p + at,
                               rows[k].size - at < piece ? rows[k].size - at : piece);
            egi_sha256_hex(&s, hex);
            assert_string_equal(hex, rows[k].hex);
        }
    }
    unlink(path);
    char hex[65];
    CHECK_STATUS(eg_sha256_file(path, hex), EG_ERR_IO);
    CHECK_STATUS(eg_sha256_file("/dev/zero", hex), EG_ERR_IO);
}

/* What the server answers to a path. */
static const struct route {
    const char *path, *head, *body;
    int endless;
} routes[] = {
    { "/ok", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n", "abc", 0 },
    { "/moved", "HTTP/1.1 302 Found\r\nLocation: /ok\r\nContent-Length: 0\r\n", "", 0 },
    { "/loop", "HTTP/1.1 302 Found\r\nLocation: /loop\r\nContent-Length: 0\r\n", "", 0 },
    { "/file", "HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\n", "",
      0 },
    { "/short", "HTTP/1.1 200 OK\r\nContent-Length: 30\r\n", "abc", 0 },
    { "/endless", "HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n", "", 1 },
    { "/", "HTTP/1.1 404 Not Found\r\nContent-Length: 3\r\n", "abc", 0 },
};

struct server {
    int fd, port;
    pthread_t thread;
};

static int wait_for(int fd)
{
    struct pollfd p = { .fd = fd, .events = POLLIN };
    return poll(&p, 1, 10000) == 1;
}

static void answer(int fd)
{
    char request[2048] = "";
    size_t n = 0;
    while (strstr(request, "\r\n\r\n") == NULL && n + 1 < sizeof request && wait_for(fd)) {
        const ssize_t r = recv(fd, request + n, sizeof request - 1 - n, 0);
        if (r <= 0) return;
        n += (size_t)r;
        request[n] = '\0';
    }
    const struct route *r = routes;
    while (strncmp(request + 4, r->path, strlen(r->path)) != 0) r++; /* "GET /..."; "/" is last */
    char reply[4096];
    const int size =
        snprintf(reply, sizeof reply, "%sConnection: close\r\n\r\n%s", r->head, r->body);
    ssize_t sent = send(fd, reply, (size_t)size, MSG_NOSIGNAL);
    for (size_t k = 0; r->endless && sent > 0 && k < 20000; k++)
        sent = send(fd, reply, sizeof reply, MSG_NOSIGNAL);
}

/* One connection after the other, until the listening socket is shut down. */
static void *serve(void *arg)
{
    const struct server *s = arg;
    for (int k = 0; k < 100 && wait_for(s->fd); k++) {
        const int fd = accept(s->fd, NULL, NULL);
        if (fd < 0) break;
        answer(fd);
        close(fd);
    }
    return NULL;
}

static void server_start(struct server *s)
{
    struct sockaddr_in at = { .sin_family = AF_INET };
    socklen_t size = sizeof at;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    s->fd = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(s->fd >= 0 && bind(s->fd, (struct sockaddr *)&at, sizeof at) == 0);
    CHECK(listen(s->fd, 8) == 0);
    CHECK(getsockname(s->fd, (struct sockaddr *)&at, &size) == 0);
    s->port = ntohs(at.sin_port);
    CHECK(pthread_create(&s->thread, NULL, serve, s) == 0);
}

static void server_stop(struct server *s)
{
    shutdown(s->fd, SHUT_RDWR);
    pthread_join(s->thread, NULL);
    close(s->fd);
}

static int stop_after_a_while(void *user, const char *stage, uint64_t done, uint64_t total)
{
    (void)stage;
    (void)total;
    *(uint64_t *)user = done;
    return done > 100000;
}

/* Nothing with "get.bin" in its name but the file itself may be in the folder. */
static size_t files_beside(const char *path)
{
    char folder[512];
    snprintf(folder, sizeof folder, "%s", path);
    char *slash = strrchr(folder, '/');
    const char *name = path + (slash - folder) + 1;
    *slash = '\0';
    size_t n = 0;
    DIR *d = opendir(folder);
    CHECK(d != NULL);
    for (struct dirent *e = readdir(d); e != NULL; e = readdir(d))
        n += strncmp(e->d_name, name, strlen(name)) == 0;
    closedir(d);
    return n;
}

static void download_keeps_only_what_was_asked_for(void **state)
{
    (void)state;
    struct server server;
    char url[128], text[8] = "";
    const char *path = tmp_path(0, "get.bin");
    const char *other = "0000000000000000000000000000000000000000000000000000000000000000";
    server_start(&server);
    const struct {
        const char *path, *sha256;
        eg_status status;
        const char *words;
    } rows[] = {
        { "/ok", other, EG_ERR_CORRUPT, ABC_SHA256 },
        { "/absent", ABC_SHA256, EG_ERR_IO, "404" },
        { "/short", ABC_SHA256, EG_ERR_IO, "" },
        { "/loop", ABC_SHA256, EG_ERR_IO, "redirects" },
        { "/file", ABC_SHA256, EG_ERR_IO, "rotocol" },
        { "/ok", "short", EG_ERR_INVALID, "64" },
    };
    for (size_t k = 0; k < EGI_COUNT(rows); k++) {
        snprintf(url, sizeof url, "http://127.0.0.1:%d%s", server.port, rows[k].path);
        CHECK_STATUS(eg_download(url, rows[k].sha256, path, NULL), rows[k].status);
        if (strstr(eg_error_detail(), rows[k].words) == NULL)
            fail_msg("%s: \"%s\" without \"%s\"", rows[k].path, eg_error_detail(), rows[k].words);
        CHECK(files_beside(path) == 0);
    }
    uint64_t done = 0;
    const eg_progress stop = { stop_after_a_while, &done };
    snprintf(url, sizeof url, "http://127.0.0.1:%d/endless", server.port);
    CHECK_STATUS(eg_download(url, ABC_SHA256, path, &stop), EG_ERR_INTERRUPTED);
    CHECK(done > 100000 && done < 50000000 && files_beside(path) == 0);
    const char *const good[] = { "/ok", "/moved" };
    for (size_t k = 0; k < EGI_COUNT(good); k++) {
        snprintf(url, sizeof url, "http://127.0.0.1:%d%s", server.port, good[k]);
        CHECK_OK(eg_download(url, ABC_SHA256, path, NULL));
        CHECK(get_file(path, text, sizeof text) == 3 && memcmp(text, "abc", 3) == 0);
        CHECK(files_beside(path) == 1);
    }
    server_stop(&server);
    CHECK_STATUS(eg_download(url, ABC_SHA256, path, NULL), EG_ERR_IO); /* nobody listens */
    CHECK(get_file(path, text, sizeof text) == 3);                     /* the old file stays */
    CHECK_STATUS(eg_download("file:///etc/passwd", ABC_SHA256, path, NULL), EG_ERR_INVALID);
    unlink(path);
}

static void rows_are_complete(void **state)
{
    (void)state;
    size_t n = 0;
    for (const eg_catalogue_entry *e; (e = eg_catalogue_row(n)) != NULL; n++) {
        CHECK(e->name[0] != '\0' && e->title[0] != '\0' && e->licence[0] != '\0');
        CHECK(e->citation[0] != '\0' && e->hint[0] != '\0');
        for (const eg_catalogue_file *f = e->files; f != NULL && f->url != NULL; f++) {
            const char *name = strrchr(f->url, '/');
            CHECK(strncmp(f->url, "http", 4) == 0 && strlen(f->sha256) == 64);
            CHECK(strspn(f->sha256, "0123456789abcdef") == 64);
            CHECK(name != NULL && name[1] != '\0' && strpbrk(name, "?#") == NULL);
        }
        for (size_t k = 0; k < n; k++) CHECK(strcmp(eg_catalogue_row(k)->name, e->name) != 0);
    }
    CHECK(n >= 21 && eg_catalogue_row(SIZE_MAX) == NULL);
}

static void count_set(void *user, const char *name, const char *folder)
{
    (void)folder;
    *(size_t *)user += strcmp(name, "semeion") == 0 || strcmp(name, "mine") == 0;
}

static void shipped_sets_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        size_t n, d, classes, of_class_1;
    } rows[] = { { "semeion", 1593, 256, 10, 162 },
                 { "musk1", 476, 166, 2, 207 },
                 { "bags", 991, 8, 2, 491 },
                 { "htru2", 1989, 8, 2, 180 } };
    for (size_t k = 0; k < EGI_COUNT(rows); k++) {
        eg_dataset s;
        size_t ones = 0;
        CHECK_OK(eg_catalogue_read(rows[k].name, NULL, &s));
        CHECK(s.n == rows[k].n && s.d == rows[k].d && s.classes == rows[k].classes);
        for (size_t i = 0; i < s.n; i++) ones += s.labels[i] == 1;
        if (ones != rows[k].of_class_1) fail_msg("%s: %zu of class 1", rows[k].name, ones);
        eg_dataset_clear(&s);
    }
    char path[512];
    CHECK_OK(eg_catalogue_find("semeion", path, sizeof path));
    CHECK_STATUS(eg_catalogue_find("semeion", path, 3), EG_ERR_LIMIT);
    size_t found = 0;
    CHECK_OK(eg_catalogue_find_all(count_set, &found));
    CHECK(found == 1);
}

/* SHA256SUMS of what ships, checked with our own sum. */
static void shipped_sums_hold(void **state)
{
    (void)state;
    static const char *const sets[] = { "semeion", "musk1", "bags", "htru2" };
    for (size_t k = 0; k < EGI_COUNT(sets); k++) {
        char folder[512], path[1200], want[65], name[256], hex[65];
        CHECK_OK(eg_catalogue_find(sets[k], folder, sizeof folder));
        snprintf(path, sizeof path, "%s/SHA256SUMS", folder);
        FILE *f = fopen(path, "r");
        CHECK(f != NULL);
        size_t lines = 0;
        for (; fscanf(f, "%64s %255s", want, name) == 2; lines++) {
            snprintf(path, sizeof path, "%s/%s", folder, name);
            CHECK_OK(eg_sha256_file(path, hex));
            assert_string_equal(hex, want);
        }
        fclose(f);
        CHECK(lines > 0);
    }
}

static void names_and_parts_are_checked(void **state)
{
    (void)state;
    eg_dataset s;
    char path[512];
    static const char *const bad[] = { "", ".", "..", "/etc", "a*b" };
    for (size_t k = 0; k < EGI_COUNT(bad); k++)
        CHECK_STATUS(eg_catalogue_read(bad[k], NULL, &s), EG_ERR_INVALID);
    static const char *const missing[] = { "../no-such", "/no/such/file", "a b",         ".no-such",
                                           "photo.jpg",  "no/such.csv",   "no-such/part" };
    for (size_t k = 0; k < EGI_COUNT(missing); k++) {
        char want[64];
        CHECK_STATUS(eg_catalogue_read(missing[k], NULL, &s), EG_ERR_IO);
        snprintf(want, sizeof want, "%s: no such file or folder", missing[k]);
        assert_string_equal(eg_error_detail(), want);
    }
    CHECK_STATUS(eg_catalogue_find("no-such-set", path, sizeof path), EG_NOT_FOUND);
    CHECK_STATUS(eg_catalogue_read("no-such-set", NULL, &s), EG_ERR_IO);
    CHECK_STATUS(eg_catalogue_read("semeion/what", NULL, &s), EG_ERR_INVALID);
    CHECK_STATUS(eg_catalogue_read("semeion/../semeion", NULL, &s), EG_ERR_INVALID);
}

static void join_part(void *user, const char *part)
{
    char *all = user;
    strncat(all, part, 40 - strlen(all));
    strncat(all, ";", 50 - strlen(all));
}

/* A folder that no row names, in $ENGRAM_DATA: two parts of IDX and two of CSV. */
static void unknown_folders_work(void **state)
{
    (void)state;
    static const char *const files[] = { "train-images-idx3-ubyte", "train-labels-idx1-ubyte",
                                         "t10k-images-idx3-ubyte", "a.csv" };
    char root[512], set[560], path[900], old[4096] = "";
    const char *env = getenv("ENGRAM_DATA");
    if (env != NULL) snprintf(old, sizeof old, "%s", env);
    snprintf(root, sizeof root, "%s", tmp_path(0, "root"));
    snprintf(set, sizeof set, "%s/mine", root);
    CHECK(mkdir(root, 0700) == 0 && mkdir(set, 0700) == 0);
    const uint8_t labels[] = { 0, 0, 8, 1, 0, 0, 0, 2, 1, 0 };
    for (size_t k = 0; k < EGI_COUNT(files); k++) {
        const void *p = k == 1   ? (const void *)labels
                        : k == 3 ? small_csv
                                 : (const void *)small_idx;
        snprintf(path, sizeof path, "%s/%s", set, files[k]);
        put_file(path, p,
                 k == 1   ? sizeof labels
                 : k == 3 ? sizeof small_csv - 1
                          : sizeof small_idx);
    }
    CHECK(setenv("ENGRAM_DATA", root, 1) == 0);
    eg_dataset s;
    CHECK_OK(eg_catalogue_read("mine/train", NULL, &s));
    CHECK(s.n == 2 && s.labels[0] == 1 && s.classes == 2);
    eg_dataset_clear(&s);
    CHECK_OK(eg_catalogue_read("mine/test", NULL, &s));
    CHECK(s.labels == NULL);
    eg_dataset_clear(&s);
    CHECK_OK(eg_catalogue_read("mine/a", NULL, &s));
    CHECK(s.n == 3);
    eg_dataset_clear(&s);
    CHECK_STATUS(eg_catalogue_read("mine/b", NULL, &s), EG_ERR_INVALID);
    CHECK(strstr(eg_error_detail(), "its parts: a, test, train") != NULL);
    char parts[60] = "";
    CHECK_OK(eg_catalogue_parts("mine", join_part, parts));
    assert_string_equal(parts, "a;test;train;");
    CHECK_STATUS(eg_catalogue_parts("no-such-set", join_part, parts), EG_ERR_IO);
    size_t found = 0;
    CHECK_OK(eg_catalogue_find_all(count_set, &found));
    CHECK(found == 2);
    CHECK(env != NULL ? setenv("ENGRAM_DATA", old, 1) == 0 : unsetenv("ENGRAM_DATA") == 0);
    for (size_t k = 0; k < EGI_COUNT(files); k++) {
        snprintf(path, sizeof path, "%s/%s", set, files[k]);
        unlink(path);
    }
    CHECK(rmdir(set) == 0 && rmdir(root) == 0);
}

/* Large public sets, where this machine has them. */
static void real_sets_have_their_sizes(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        size_t n, d, classes, channels;
    } rows[] = {
        { "mnist/train", 60000, 784, 10, 1 },
        { "mnist/test", 10000, 784, 10, 1 },
        { "fashion-mnist/test", 10000, 784, 10, 1 },
        { "cifar10/test", 10000, 3072, 10, 3 },
        { "uci121/iris", 150, 4, 3, 0 },
        { "mil/musk1", 476, 166, 2, 0 },
        { "mil/fox", 1320, 230, 2, 0 },
        { "mil-ucsb/features", 2040, 67, 2, 0 },
        { "faces-orl", 400, 10304, 40, 1 },
        { "omniglot/background-small1", 2720, 11025, 136, 1 },
        { "physics/higgs_10k", 10984, 28, 2, 0 },
        { "physics/magic_raw", 19020, 10, 2, 0 },
        { "ts-ucr/GunPoint/train", 50, 150, 2, 0 },
        { "gene-tissue", 189, 500, 7, 0 },
        { "caltech101/train", 30, 150528, 100, 3 },
    };
    for (size_t k = 0; k < EGI_COUNT(rows); k++) {
        char path[512], set[64];
        eg_dataset s;
        eg_read_options o = EG_READ_OPTIONS_INIT;
        if (rows[k].n == 30) o.max_items = 30;
        snprintf(set, sizeof set, "%.*s", (int)strcspn(rows[k].name, "/"), rows[k].name);
        if (eg_catalogue_find(set, path, sizeof path) != EG_OK) {
            print_message("SKIPPED %s: %s\n", rows[k].name, eg_error_detail());
            continue;
        }
        CHECK_OK(eg_catalogue_read(rows[k].name, &o, &s));
        if (s.n != rows[k].n || s.d != rows[k].d || s.classes != rows[k].classes
            || s.channels != rows[k].channels)
            fail_msg("%s: %zu x %zu, %zu classes, %zu channels", rows[k].name, s.n, s.d, s.classes,
                     s.channels);
        eg_dataset_clear(&s);
    }
}

/* Only what the test names is searched: the user's own folders and proxies are left out. */
static int set_up(void **state)
{
    (void)state;
    const char *data = getenv("EG_TEST_DATA");
    char share[600];
    if (data != NULL) {
        snprintf(share, sizeof share, "%s/..", data);
        if (setenv("ENGRAM_SHARE", share, 1) != 0) return -1;
    }
    return setenv("XDG_DATA_HOME", "/nonexistent", 1) | setenv("no_proxy", "*", 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sha256_known_answers),
        cmocka_unit_test(download_keeps_only_what_was_asked_for),
        cmocka_unit_test(rows_are_complete),
        cmocka_unit_test(shipped_sets_are_read),
        cmocka_unit_test(shipped_sums_hold),
        cmocka_unit_test(names_and_parts_are_checked),
        cmocka_unit_test(unknown_folders_work),
        cmocka_unit_test(real_sets_have_their_sizes),
    };
    return cmocka_run_group_tests_name("catalogue", tests, set_up, NULL);
}
