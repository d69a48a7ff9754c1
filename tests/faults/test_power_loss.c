/* The power fails: at every sync of a memory file in use, what had been written but not synced is
 * lost in part, in sectors, out of order, or turned to noise. What was acknowledged is there
 * afterwards, and no transaction is there by half.
 *
 * A layer over SQLite's file system notes every write, cut and sync of the file and its log, and
 * every acknowledgement. A crash at event p leaves what was synced before p, and of the rest what
 * the damage lets through. EG_CAMPAIGN=1 makes 100 000 crashes, else some thousands. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <sqlite3.h>

#include "memory_file_check.h"

enum { MAIN, LOG, FILES };
enum kind { WRITE, CUT, SYNC, ACKNOWLEDGED };

struct event {
    enum kind kind;
    int file;
    size_t at, n; /* of a write; n: what a cut leaves */
    uint8_t *bytes;
};

/* What happened to the file `watched` since it was first looked at. */
static struct {
    char watched[320];
    int on;
    struct event *event;
    size_t count, room;
} history;

static void note(enum kind kind, int file, size_t at, size_t n, const void *bytes)
{
    if (!history.on) return;
    if (history.count == history.room) {
        history.room = history.room * 2 + 256;
        history.event = realloc(history.event, history.room * sizeof *history.event);
        assert_non_null(history.event);
    }
    uint8_t *copy = NULL;
    if (bytes != NULL) {
        copy = malloc(n + 1);
        assert_non_null(copy);
        memcpy(copy, bytes, n);
    }
    history.event[history.count++] = (struct event){ kind, file, at, n, copy };
}

static void forget_history(void)
{
    for (size_t i = 0; i < history.count; i++) free(history.event[i].bytes);
    free(history.event);
    memset(&history, 0, sizeof history);
}

/* ---- the layer ---- */

struct noted {
    sqlite3_file base;
    int file;
    sqlite3_file *real;
};

static sqlite3_vfs *below;
static sqlite3_io_methods methods;

static struct noted *noted(sqlite3_file *f)
{
    return (struct noted *)(void *)f;
}

#define PASS(name, params, args)             \
    static int name params                   \
    {                                        \
        sqlite3_file *real = noted(f)->real; \
        return real->pMethods->name args;    \
    }
PASS(xClose, (sqlite3_file * f), (real))
PASS(xRead, (sqlite3_file * f, void *to, int size, sqlite3_int64 at), (real, to, size, at))
PASS(xFileSize, (sqlite3_file * f, sqlite3_int64 *size), (real, size))
PASS(xLock, (sqlite3_file * f, int level), (real, level))
PASS(xUnlock, (sqlite3_file * f, int level), (real, level))
PASS(xCheckReservedLock, (sqlite3_file * f, int *out), (real, out))
PASS(xFileControl, (sqlite3_file * f, int op, void *arg), (real, op, arg))
PASS(xSectorSize, (sqlite3_file * f), (real))
PASS(xDeviceCharacteristics, (sqlite3_file * f), (real))
PASS(xShmMap, (sqlite3_file * f, int page, int size, int extend, void volatile **out),
     (real, page, size, extend, out))
PASS(xShmLock, (sqlite3_file * f, int offset, int n, int flags), (real, offset, n, flags))
PASS(xShmUnmap, (sqlite3_file * f, int drop), (real, drop))

static void xShmBarrier(sqlite3_file *f)
{
    noted(f)->real->pMethods->xShmBarrier(noted(f)->real);
}

static int xWrite(sqlite3_file *f, const void *bytes, int size, sqlite3_int64 at)
{
    note(WRITE, noted(f)->file, (size_t)at, (size_t)size, bytes);
    return noted(f)->real->pMethods->xWrite(noted(f)->real, bytes, size, at);
}

static int xTruncate(sqlite3_file *f, sqlite3_int64 size)
{
    note(CUT, noted(f)->file, 0, (size_t)size, NULL);
    return noted(f)->real->pMethods->xTruncate(noted(f)->real, size);
}

static int xSync(sqlite3_file *f, int flags)
{
    note(SYNC, noted(f)->file, 0, 0, NULL);
    return noted(f)->real->pMethods->xSync(noted(f)->real, flags);
}

/* Which of the two files a name is; FILES: neither. */
static int file_of(const char *name)
{
    const size_t n = strlen(history.watched);
    const char *base = name != NULL ? strrchr(name, '/') : NULL;
    if (base == NULL || n == 0 || strncmp(base + 1, history.watched, n) != 0) return FILES;
    if (base[1 + n] == '\0') return MAIN;
    return strcmp(base + 1 + n, "-wal") == 0 ? LOG : FILES;
}

static int open_noted(sqlite3_vfs *vfs, const char *name, sqlite3_file *f, int flags, int *out)
{
    (void)vfs;
    struct noted *mine = noted(f);
    if (file_of(name) == FILES) return below->xOpen(below, name, f, flags, out);
    mine->file = file_of(name);
    mine->real = (sqlite3_file *)(void *)(mine + 1);
    const int rc = below->xOpen(below, name, mine->real, flags, out);
    mine->base.pMethods = mine->real->pMethods != NULL ? &methods : NULL;
    return rc;
}

static int delete_noted(sqlite3_vfs *vfs, const char *name, int sync)
{
    (void)vfs;
    if (file_of(name) != FILES) note(CUT, file_of(name), 0, 0, NULL);
    return below->xDelete(below, name, sync);
}

static int set_up(void **state)
{
    static sqlite3_vfs layer;
    (void)state;
    below = sqlite3_vfs_find(NULL);
    layer = *below;
    layer.zName = "noted";
    layer.szOsFile += (int)sizeof(struct noted);
    layer.xOpen = open_noted;
    layer.xDelete = delete_noted;
    methods = (sqlite3_io_methods){ .iVersion = 2,
                                    .xClose = xClose,
                                    .xRead = xRead,
                                    .xWrite = xWrite,
                                    .xTruncate = xTruncate,
                                    .xSync = xSync,
                                    .xFileSize = xFileSize,
                                    .xLock = xLock,
                                    .xUnlock = xUnlock,
                                    .xCheckReservedLock = xCheckReservedLock,
                                    .xFileControl = xFileControl,
                                    .xSectorSize = xSectorSize,
                                    .xDeviceCharacteristics = xDeviceCharacteristics,
                                    .xShmMap = xShmMap,
                                    .xShmLock = xShmLock,
                                    .xShmBarrier = xShmBarrier,
                                    .xShmUnmap = xShmUnmap };
    if (sqlite3_vfs_register(&layer, 1) != SQLITE_OK) return -1;
    return make_folder();
}

/* ---- a file in use ---- */

enum { STEPS = 60, ROWS_MAX = 4 * STEPS };

/* What the file holds when so many steps are acknowledged: ids, of which pattern i is filled with
 * its own id. */
struct content {
    uint64_t id[ROWS_MAX];
    size_t n;
};
static struct content after[STEPS + 1];

static eg_status append(eg_memory_file *f, uint64_t first, size_t n)
{
    float rows[4 * D];
    for (size_t i = 0; i < n * D; i++) rows[i] = (float)(first + i / D);
    return eg_memory_file_append(f, rows, n, NULL, NULL);
}

/* Appends of 1 to 4, removals, a vacuum, and now and then the file closed and opened again. */
static void use(const char *path, uint64_t seed)
{
    eg_memory_file *f = NULL;
    uint64_t next = 1;
    memset(after, 0, sizeof after);
    CHECK_OK(eg_memory_file_open(path, NULL, &f));
    for (size_t step = 0; step < STEPS; step++) {
        struct content *c = &after[step + 1];
        uint32_t r[4];
        *c = after[step];
        egi_philox(seed, 0, step, r);
        if (r[0] % 16 < 4 && c->n > 2) {
            const size_t k = r[1] % c->n;
            CHECK_OK(eg_memory_file_remove(f, &c->id[k], 1));
            memmove(c->id + k, c->id + k + 1, (--c->n - k) * sizeof *c->id);
        } else if (r[0] % 16 == 4)
            CHECK_OK(eg_memory_file_vacuum(f));
        else {
            const size_t n = 1 + r[1] % 4;
            CHECK_OK(append(f, next, n));
            for (size_t i = 0; i < n; i++) c->id[c->n++] = next++;
        }
        note(ACKNOWLEDGED, FILES, 0, 0, NULL);
        if (r[0] % 16 != 5) continue;
        eg_memory_file_close(f);
        CHECK_OK(eg_memory_file_open(path, NULL, &f));
    }
    eg_memory_file_close(f);
}

/* ---- the crash ---- */

enum damage { ALL_LOST, ALL_KEPT, SOME_LOST, OUT_OF_ORDER, NOISE, DAMAGES };

struct image {
    uint8_t *p;
    size_t n, room;
};

static void fit(struct image *m, size_t n)
{
    if (n > m->room) {
        m->p = realloc(m->p, n * 2);
        assert_non_null(m->p);
        m->room = n * 2;
    }
    if (n > m->n) memset(m->p + m->n, 0, n - m->n);
    m->n = n > m->n ? n : m->n;
}

static void put(struct image *m, const struct event *e, size_t from, size_t to)
{
    fit(m, e->at + to);
    memcpy(m->p + e->at + from, e->bytes + from, to - from);
}

static void apply(struct image *m, const struct event *e)
{
    if (e->kind == WRITE) put(m, e, 0, e->n);
    if (e->kind == CUT && e->n < m->n) m->n = e->n;
}

/* A part of a write that lies in one sector. */
struct piece {
    const struct event *e;
    size_t from, to;
};

struct crash {
    uint64_t seed, at; /* its draws */
    enum damage damage;
    size_t sector;
};

static size_t draw(struct crash *c, size_t n)
{
    return (size_t)eg_random_below(c->seed, 5, c->at++, n);
}

static size_t pieces_of(const struct event *e, size_t sector, struct piece *out)
{
    size_t count = 0;
    for (size_t from = 0; e->kind == WRITE && from < e->n; count++) {
        const size_t left = sector - (e->at + from) % sector;
        const size_t to = e->n - from < left ? e->n : from + left;
        out[count] = (struct piece){ e, from, to };
        from = to;
    }
    return count;
}

/* What gets through of the events [first, end) of a file, none of them synced. */
static void damage(struct crash *c, int file, size_t first, size_t end, struct image *m)
{
    static struct piece piece[1 << 15];
    size_t count = 0;
    for (size_t i = first; i < end; i++) {
        const struct event *e = &history.event[i];
        if (e->file != file || c->damage == ALL_LOST) continue;
        if (c->damage == ALL_KEPT || (e->kind == CUT && draw(c, 2) == 0)) apply(m, e);
        if (c->damage != ALL_KEPT) count += pieces_of(e, c->sector, piece + count);
        assert_true(count < EGI_COUNT(piece) / 2);
    }
    for (size_t i = count; c->damage == OUT_OF_ORDER && i-- > 1;) {
        const size_t k = draw(c, i + 1);
        const struct piece swap = piece[i];
        piece[i] = piece[k];
        piece[k] = swap;
    }
    for (size_t i = 0; i < count; i++) {
        if (draw(c, 2) == 0) continue;
        put(m, piece[i].e, piece[i].from, piece[i].to);
        if (c->damage != NOISE || draw(c, 4) != 0) continue;
        for (size_t k = piece[i].from; k < piece[i].to; k++)
            m->p[piece[i].e->at + k] = (uint8_t)draw(c, 256);
    }
}

/* The file as it was when first looked at, and what was synced of event [0, p). */
static size_t synced(int file, size_t p, const struct bytes *begin, struct image *m)
{
    size_t last = 0;
    for (size_t i = 0; i < p; i++)
        if (history.event[i].kind == SYNC && history.event[i].file == file) last = i;
    m->n = 0;
    fit(m, begin->n);
    if (begin->n > 0) memcpy(m->p, begin->p, begin->n);
    for (size_t i = 0; i < last; i++)
        if (history.event[i].file == file) apply(m, &history.event[i]);
    return last;
}

static int holds(const eg_memory *m, const struct content *c)
{
    float row[D];
    if (eg_memory_count(m) != c->n) return 0;
    for (size_t i = 0; i < c->n; i++) {
        if (eg_memory_id(m, i) != c->id[i] || eg_memory_pattern(m, i, row) != EG_OK) return 0;
        for (size_t k = 0; k < D; k++)
            if (row[k] != (float)c->id[i]) return 0;
    }
    return 1;
}

/* What was acknowledged is there, and of the step that was under way all or nothing. */
static void judge_crash(const char *path, size_t acknowledged, const struct crash *c, size_t p)
{
    eg_memory_file *f = NULL;
    eg_memory *m = NULL;
    eg_status s = eg_memory_file_open(path, NULL, &f);
    if (s == EG_OK) s = eg_memory_file_verify(f, NULL, NULL);
    if (s == EG_OK) s = eg_memory_file_load(f, &m);
    const size_t next = acknowledged < STEPS ? acknowledged + 1 : acknowledged;
    if (s != EG_OK || !(holds(m, &after[acknowledged]) || holds(m, &after[next])))
        fail_msg("power fails at event %zu of %zu, damage %d, sectors of %zu, %zu steps "
                 "acknowledged: %s",
                 p, history.count, (int)c->damage, c->sector, acknowledged,
                 s != EG_OK ? eg_error_detail() : "other patterns");
    eg_memory_destroy(m);
    eg_memory_file_close(f);
}

static void write_image(const char *path, const char *tail, const struct image *m)
{
    char name[400];
    snprintf(name, sizeof name, "%s%s", path, tail);
    if (m->n == 0) return; /* no log */
    FILE *out = fopen(name, "wb");
    CHECK(out != NULL && fwrite(m->p, 1, m->n, out) == m->n && fclose(out) == 0);
}

static void crash_at(size_t p, struct crash *c, const struct bytes *begin)
{
    static struct image image[FILES];
    const char *path = path_of("crash.egm");
    size_t acknowledged = 0;
    for (size_t i = 0; i < p; i++) acknowledged += history.event[i].kind == ACKNOWLEDGED;
    for (int file = 0; file < FILES; file++) {
        const size_t first = synced(file, p, &begin[file], &image[file]);
        damage(c, file, first, p, &image[file]);
    }
    discard(path);
    write_image(path, "", &image[MAIN]);
    write_image(path, "-wal", &image[LOG]);
    judge_crash(path, acknowledged, c, p);
}

/* Just before each sync, and at the end. Returns how many crashes there were. */
static size_t crash_everywhere(uint64_t seed, size_t draws, const struct bytes *begin)
{
    size_t crashes = 0;
    for (size_t p = 0; p < history.count; p++) {
        if (history.event[p].kind != SYNC && p + 1 < history.count) continue;
        for (size_t k = 0; k < draws; k++) {
            struct crash c = { seed, ((uint64_t)p << 32) + ((uint64_t)k << 20),
                               (enum damage)(k % DAMAGES), k / DAMAGES % 2 == 0 ? 512 : 4096 };
            crash_at(p, &c, begin);
            crashes++;
        }
    }
    return crashes;
}

static void what_was_acknowledged_outlives_power(void **state)
{
    const int campaign = getenv("EG_CAMPAIGN") != NULL;
    size_t crashes = 0;
    (void)state;
    for (uint64_t seed = 0; crashes < (campaign ? 100000 : 2000); seed++) {
        const char *path = path_of("watched.egm");
        struct bytes begin[FILES] = { { NULL, 0 }, { NULL, 0 } }; /* no log */
        eg_memory_file *f = NULL;
        discard(path);
        CHECK_OK(eg_memory_file_create(path, D, NULL, NULL, &f));
        eg_memory_file_close(f);
        begin[MAIN] = read_all(path);
        snprintf(history.watched, sizeof history.watched, "watched.egm");
        history.on = 1;
        use(path, seed);
        history.on = 0;
        crashes += crash_everywhere(seed, campaign ? 40 : 10, begin);
        free(begin[MAIN].p);
        forget_history();
    }
    print_message("power lost %zu times, no acknowledged pattern with it\n", crashes);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(what_was_acknowledged_outlives_power) };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
