/* Shared by all tests: cmocka with its headers, and checks that read as one line. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_CHECK_H
#define TESTS_CHECK_H

/* cmocka needs the four before it */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engram/engram.h"

/* How often a test of chance or of every place is repeated: in all, or in a campaign
 * (EG_CAMPAIGN=1, ./run nightly). */
static inline size_t campaign(size_t usual, size_t full)
{
    return getenv("EG_CAMPAIGN") != NULL ? full : usual;
}

/* Says every ten seconds of a campaign how far it is; of 0: nobody knows how much there is. */
static inline void campaign_at(const char *what, size_t done, size_t of)
{
    static time_t said;
    const time_t now = time(NULL);
    if (campaign(0, 1) == 0 || now - said < 10) return;
    said = now;
    if (of > 0)
        print_message("  %s: %zu of %zu\n", what, done, of);
    else
        print_message("  %s: %zu\n", what, done);
    fflush(stdout);
}

#define CHECK(cond)                                                                            \
    do {                                                                                       \
        if (!(cond)) fail_msg("%s:%d: %s [%s]", __FILE__, __LINE__, #cond, eg_error_detail()); \
    } while (0)

#define CHECK_OK(call)                                                                        \
    do {                                                                                      \
        const eg_status check_s = (call);                                                     \
        if (check_s != EG_OK)                                                                 \
            fail_msg("%s:%d: %s: %s: %s", __FILE__, __LINE__, #call, eg_status_name(check_s), \
                     eg_error_detail());                                                      \
    } while (0)

#define CHECK_STATUS(call, want)                                                        \
    do {                                                                                \
        const eg_status check_s = (call);                                               \
        if (check_s != (want))                                                          \
            fail_msg("%s:%d: %s: %s, expected %s: %s", __FILE__, __LINE__, #call,       \
                     eg_status_name(check_s), eg_status_name(want), eg_error_detail()); \
    } while (0)

/* Written so that NaN fails. */
#define CHECK_NEAR(a, b, tol)                                                                   \
    do {                                                                                        \
        const double check_a = (double)(a), check_b = (double)(b), check_t = (double)(tol);     \
        if (!(fabs(check_a - check_b) <= check_t))                                              \
            fail_msg("%s:%d: %s = %.17g, %s = %.17g, apart by %g > %g", __FILE__, __LINE__, #a, \
                     check_a, #b, check_b, fabs(check_a - check_b), check_t);                   \
    } while (0)

#define CHECK_SAME_BITS(a, b, bytes)                                         \
    do {                                                                     \
        if (memcmp((a), (b), (bytes)) != 0)                                  \
            fail_msg("%s:%d: %s and %s differ", __FILE__, __LINE__, #a, #b); \
    } while (0)

/* An allocator that counts what is live and fails at allocation number `fail_at` (from 0;
 * once, or from there on), to be used as: struct failing f = {...}; eg_allocator a =
 * failing_allocator(&f); */
struct failing {
    size_t fail_at;
    int for_good;
    size_t calls, live, live_bytes, peak_bytes;
};

static inline void *failing_alloc(void *user, size_t size, size_t align)
{
    struct failing *f = user;
    const size_t call = __atomic_fetch_add(&f->calls, 1, __ATOMIC_RELAXED);
    if (call == f->fail_at || (f->for_good && call > f->fail_at)) return NULL;
    void *p = aligned_alloc(align, (size + align - 1) / align * align);
    if (p == NULL) return NULL;
    __atomic_fetch_add(&f->live, 1, __ATOMIC_RELAXED);
    const size_t bytes = __atomic_add_fetch(&f->live_bytes, size, __ATOMIC_RELAXED);
    if (bytes > f->peak_bytes) f->peak_bytes = bytes;
    return p;
}

static inline void failing_free(void *user, void *ptr, size_t size)
{
    struct failing *f = user;
    __atomic_fetch_sub(&f->live, 1, __ATOMIC_RELAXED);
    __atomic_fetch_sub(&f->live_bytes, size, __ATOMIC_RELAXED);
    free(ptr);
}

static inline eg_allocator failing_allocator(struct failing *f)
{
    return (eg_allocator){ failing_alloc, failing_free, f };
}

#endif
