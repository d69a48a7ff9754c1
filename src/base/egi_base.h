/* Internal to the library: what every floor above base may use. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EGI_BASE_H
#define EGI_BASE_H

#include <stddef.h>
#include <stdint.h>

#include "engram/alloc.h"
#include "engram/progress.h"
#include "engram/status.h"

#define EGI_ALIGN 64 /* one cache line, and the widest vector register we use */

#define EGI_COUNT(array) (sizeof(array) / sizeof(array)[0])

/* Stores the detail and returns s, so that a check is one line. The macro, which evaluates s
 * twice, lets compiler and analyser see that what comes back is negative. */
eg_status egi_fail(eg_status s, const char *fmt, ...) EG_PRINTF(2, 3);
#define egi_fail(s, ...) (egi_fail(s, __VA_ARGS__), (s))

/* Return from the caller if an expression yields a failure. */
#define EGI_TRY(expr)                                  \
    do {                                               \
        const eg_status egi_try_status = (expr);       \
        if (egi_try_status < 0) return egi_try_status; \
    } while (0)

/* alloc.c - sizes and memory. Checked products and sums; blocks aligned to EGI_ALIGN. */
eg_status egi_mul_size(size_t a, size_t b, size_t *out);
eg_status egi_add_size(size_t a, size_t b, size_t *out);
void *egi_alloc(const eg_allocator *a, size_t size);
void egi_free(const eg_allocator *a, void *ptr, size_t size);
/* count items of item bytes, checked; what names them in the detail of a failure. */
eg_status egi_alloc_array(const eg_allocator *a, size_t count, size_t item, const char *what,
                          void **out);
/* A block of new_size that begins with what ptr held; ptr stays valid on failure. */
void *egi_realloc(const eg_allocator *a, void *ptr, size_t old_size, size_t new_size);

/* arena.c - several arrays in one block, each aligned to EGI_ALIGN. */
enum { EGI_ARENA_PARTS = 8 };

struct egi_need {
    size_t count, item;
};

struct egi_arena {
    const eg_allocator *alloc;
    void *block;
    size_t bytes;
    void *part[EGI_ARENA_PARTS];
};

eg_status egi_arena_create(const eg_allocator *alloc, const struct egi_need *needs, size_t parts,
                           const char *what, struct egi_arena *out);
void egi_arena_destroy(struct egi_arena *arena);

/* decimal.c - strtod as in the C locale, whatever the program's is; -1: no memory. */
int egi_strtod(const char *text, double *out);

/* random.c - the block function behind engram/random.h: draw 4 at + 0..3. */
void egi_philox(uint64_t seed, uint64_t stream, uint64_t at, uint32_t out[4]);

/* parallel.c - run body(arg, i) for 0 <= i < n on up to threads threads (0: all).
 * Iterations must be independent, and body must not fail: check everything before
 * going parallel. worker(arg, i, w) also hears which worker it is, 0 <= w < threads,
 * for a scratch of its own. */
void egi_parallel_for(size_t n, int threads, void (*body)(void *arg, size_t i), void *arg);
void egi_parallel_workers(size_t n, int threads, void (*body)(void *arg, size_t i, size_t worker),
                          void *arg);
/* The number of workers that `threads` stands for: at least 1, at most EGI_MAX_THREADS. */
#define EGI_MAX_THREADS 256
int egi_thread_count(int threads);
/* The threads that pay for `work` multiply-adds: 1 for what ends before a second one has
 * woken, else `threads` as it is. */
int egi_crew(int threads, double work);

/* bytes.c - little-endian fields. */
uint32_t egi_load_le32(const uint8_t *p);
uint64_t egi_load_le64(const uint8_t *p);
void egi_store_le32(uint8_t *p, uint32_t v);
void egi_store_le64(uint8_t *p, uint64_t v);
uint32_t egi_load_be32(const uint8_t *p);

/* bytes.c - XXH3-64 of n bytes. */
uint64_t egi_hash(const void *p, size_t n);

/* progress.c - report to a callback that may be NULL; EG_ERR_INTERRUPTED if it says stop. */
eg_status egi_report(const eg_progress *p, const char *stage, uint64_t done, uint64_t total);

#endif
