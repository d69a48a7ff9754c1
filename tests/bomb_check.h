/* What tests of resource bombs share: a file of at most 1 MiB is made, read, and may not cause more
 * than 64 MiB of memory or 2 seconds of the processor (with AddressSanitizer, which slows
 * allocations, 10). Memory is all that malloc gave, to us and to the libraries below, as
 * AddressSanitizer sees it; without it, the pages that came to be used. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_BOMB_CHECK_H
#define TESTS_BOMB_CHECK_H

#include <time.h>

#include "data_bytes.h"

enum { BOMB_MOST = 1 << 20, MEMORY_MOST = 64 << 20 };
static size_t worst_bytes;

#ifdef __SANITIZE_ADDRESS__
/* As in sanitizer/allocator_interface.h, which not every compiler has. */
int __sanitizer_install_malloc_and_free_hooks(void (*on_malloc)(const volatile void *, size_t),
                                              void (*on_free)(const volatile void *));
size_t __sanitizer_get_allocated_size(const volatile void *p);

enum { SECONDS_MOST = 10 };
static size_t bytes_live, bytes_peak;

static void on_malloc(const volatile void *p, size_t n)
{
    (void)p;
    const size_t live = __atomic_add_fetch(&bytes_live, n, __ATOMIC_RELAXED);
    if (live > bytes_peak) bytes_peak = live;
}

static void on_free(const volatile void *p)
{
    const size_t n = __sanitizer_get_allocated_size(p);
    __atomic_sub_fetch(&bytes_live, n, __ATOMIC_RELAXED);
}

static inline void memory_begin(void)
{
    static int installed;
    if (!installed) (void)__sanitizer_install_malloc_and_free_hooks(on_malloc, on_free);
    installed = 1;
    bytes_live = bytes_peak = (size_t)1 << 40; /* more may be let go than was taken */
}

static inline size_t memory_peak(void)
{
    return bytes_peak - ((size_t)1 << 40);
}
#else
#include <malloc.h>

enum { SECONDS_MOST = 2 };
static size_t pages_before;

/* A number of KiB of /proc/self/status, in bytes. */
static inline size_t memory_of_process(const char *name)
{
    char line[200];
    size_t kib = 0;
    FILE *f = fopen("/proc/self/status", "r");
    CHECK(f != NULL);
    while (fgets(line, sizeof line, f) != NULL)
        if (strncmp(line, name, strlen(name)) == 0) kib = strtoull(line + strlen(name), NULL, 10);
    fclose(f);
    return kib << 10;
}

static inline void memory_begin(void)
{
    mallopt(M_MMAP_THRESHOLD, 1 << 16);            /* what is let go is gone */
    FILE *f = fopen("/proc/self/clear_refs", "w"); /* the peak is that from now on */
    if (f != NULL) fputs("5", f);
    if (f != NULL) fclose(f);
    pages_before = memory_of_process("VmRSS:");
}

static inline size_t memory_peak(void)
{
    const size_t peak = memory_of_process("VmHWM:");
    return peak > pages_before ? peak - pages_before : 0;
}
#endif

static uint8_t bomb[BOMB_MOST];
static size_t bomb_size;
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
        memory_begin();
        const clock_t before = clock();
        bombs[i].read(bombs[i].format, path, &a);
        const double seconds = (double)(clock() - before) / CLOCKS_PER_SEC;
        const size_t bytes = memory_peak();
        CHECK(f.live == 0);
        unlink(path);
        const int hit = bytes > MEMORY_MOST || seconds > SECONDS_MOST;
        hits += (size_t)hit;
        print_message("%-28s %8zu bytes: %6.1f MiB, %5.2f s%s\n", bombs[i].name, bomb_size,
                      (double)bytes / (1 << 20), seconds, hit ? "   <- too much" : "");
        if (bytes > worst_bytes) worst_bytes = bytes;
        if (seconds > worst_seconds) worst_seconds = seconds;
    }
    print_message("%zu bombs, at most %.1f MiB and %.2f s\n", n, (double)worst_bytes / (1 << 20),
                  worst_seconds);
    CHECK(hits == 0);
}

struct bombs {
    const struct bomb *row;
    size_t n;
};

static void small_files_cost_little(void **state)
{
    const struct bombs *b = *state;
    none_costs_much(b->row, b->n);
}

static inline int bombs_run(const char *name, const struct bomb *row, size_t n)
{
    struct bombs all = { row, n };
    const struct CMUnitTest tests[] = { cmocka_unit_test_prestate(small_files_cost_little, &all) };
    return cmocka_run_group_tests_name(name, tests, NULL, NULL);
}

#endif
