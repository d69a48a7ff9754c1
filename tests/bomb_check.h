/* What tests of resource bombs share: a file of at most 1 MiB is made, read, and may not cause more
 * than 64 MiB of allocations or 2 seconds of the processor (with AddressSanitizer, which slows
 * allocations, 10). */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_BOMB_CHECK_H
#define TESTS_BOMB_CHECK_H

#include <time.h>

#include "data_bytes.h"

enum { BOMB_MOST = 1 << 20, MEMORY_MOST = 64 << 20 };
#ifdef __SANITIZE_ADDRESS__
enum { SECONDS_MOST = 10 };
#else
enum { SECONDS_MOST = 2 };
#endif

static uint8_t bomb[BOMB_MOST];
static size_t bomb_size, worst_bytes;
static double worst_seconds;

static inline void add(const void *p, size_t n)
{
    CHECK(n <= BOMB_MOST - bomb_size);
    memcpy(bomb + bomb_size, p, n);
    bomb_size += n;
}

struct bomb {
    const char *name;
    void (*make)(void);
    void (*read)(const char *format, const char *path, const eg_allocator *a);
    const char *format;
};

static inline void none_costs_much(const struct bomb *bombs, size_t n)
{
    size_t hits = 0;
    for (size_t i = 0; i < n; i++) {
        struct failing f = { .fail_at = SIZE_MAX };
        const eg_allocator a = failing_allocator(&f);
        const char *path = tmp_path(1, "bomb");
        bomb_size = 0;
        bombs[i].make();
        CHECK(bomb_size > 0 && bomb_size <= BOMB_MOST);
        put_file(path, bomb, bomb_size);
        const clock_t before = clock();
        bombs[i].read(bombs[i].format, path, &a);
        const double seconds = (double)(clock() - before) / CLOCKS_PER_SEC;
        CHECK(f.live == 0);
        unlink(path);
        const int hit = f.peak_bytes > MEMORY_MOST || seconds > SECONDS_MOST;
        hits += (size_t)hit;
        print_message("%-28s %8zu bytes: %6.1f MiB, %5.2f s%s\n", bombs[i].name, bomb_size,
                      (double)f.peak_bytes / (1 << 20), seconds, hit ? "   <- too much" : "");
        if (f.peak_bytes > worst_bytes) worst_bytes = f.peak_bytes;
        if (seconds > worst_seconds) worst_seconds = seconds;
    }
    print_message("%zu bombs, at most %.1f MiB and %.2f s\n", n, (double)worst_bytes / (1 << 20),
                  worst_seconds);
    CHECK(hits == 0);
}

#endif
