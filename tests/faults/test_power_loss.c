/* The power fails: at every sync of a memory file in use, what had been written but not synced is
 * lost in part, in sectors, out of order, or turned to noise. What was acknowledged is there
 * afterwards, and no transaction is there by half.
 *
 * A crash at event p leaves what was synced before p, and of the rest what the damage lets through.
 * EG_CAMPAIGN=1 makes 100 000 crashes, else some thousands. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "file_layer.h"

struct event {
    enum kind kind;
    int file;
    size_t at, n; /* of a write; n: what a cut leaves */
    uint8_t *bytes;
};

/* What happened to the file and its log since they were first looked at. */
static struct {
    int on;
    struct event *event;
    size_t count, room;
} history;

static int seen(enum kind kind, int file, size_t at, size_t n, const void *bytes)
{
    if (!history.on || kind == READ) return SQLITE_OK;
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
    return SQLITE_OK;
}

static void forget_history(void)
{
    for (size_t i = 0; i < history.count; i++) free(history.event[i].bytes);
    free(history.event);
    memset(&history, 0, sizeof history);
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
    char text[160];
    size_t acknowledged = 0;
    for (size_t i = 0; i < p; i++) acknowledged += history.event[i].kind == ACKNOWLEDGED;
    for (int file = 0; file < FILES; file++) {
        const size_t first = synced(file, p, &begin[file], &image[file]);
        damage(c, file, first, p, &image[file]);
    }
    discard(path);
    write_image(path, "", &image[MAIN]);
    write_image(path, "-wal", &image[LOG]);
    snprintf(text, sizeof text, "power fails at event %zu of %zu, damage %d, sectors of %zu", p,
             history.count, (int)c->damage, c->sector);
    judge_use(path, acknowledged, text);
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
    size_t crashes = 0;
    (void)state;
    for (uint64_t seed = 0; crashes < campaign(2000, 100000); seed++) {
        const char *path = path_of(watched);
        struct bytes begin[FILES] = { { NULL, 0 }, { NULL, 0 } }; /* no log */
        eg_memory_file *f;
        size_t done;
        new_file(path);
        begin[MAIN] = read_all(path);
        history.on = 1;
        CHECK_OK(use(path, seed, &done, &f));
        eg_memory_file_close(f);
        history.on = 0;
        crashes += crash_everywhere(seed, campaign(10, 40), begin);
        campaign_at("crashes", crashes, campaign(2000, 100000));
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
