/* engram/status.h - the error model: every fallible call returns an eg_status.
 *
 * A call that fails leaves its out-parameters untouched, and stores one line of
 * text for the calling thread, which eg_error_detail() returns. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGRAM_STATUS_H
#define ENGRAM_STATUS_H

#if defined(__GNUC__)
#define EG_API __attribute__((visibility("default")))
#define EG_MUST_CHECK __attribute__((warn_unused_result))
#define EG_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#else
#define EG_API
#define EG_MUST_CHECK
#define EG_PRINTF(fmt, args)
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* Values are part of the ABI: append, never renumber. Zero is success, negative
 * values are failures, positive values are information. */
typedef enum eg_status {
    EG_OK = 0,
    EG_NOT_FOUND = 1,         /* looked, and there is none */
    EG_END = 2,               /* nothing is left to read */
    EG_ERR_INVALID = -1,      /* an argument is outside its documented domain */
    EG_ERR_SHAPE = -2,        /* shapes of two arguments do not agree */
    EG_ERR_OVERFLOW = -3,     /* a size does not fit size_t, or a value its type */
    EG_ERR_NOMEM = -4,        /* the allocator returned NULL */
    EG_ERR_IO = -5,           /* the system refused; its reason is in the detail */
    EG_ERR_CORRUPT = -6,      /* bytes read do not follow the file format */
    EG_ERR_VERSION = -7,      /* a format newer than this library */
    EG_ERR_DIVERGED = -8,     /* a value that must be finite is not */
    EG_ERR_UNSUPPORTED = -9,  /* valid, but not defined or not built in */
    EG_ERR_INTERRUPTED = -10, /* the progress callback asked to stop */
    EG_ERR_LIMIT = -11        /* more than a stated limit allows */
} eg_status;

/* Name of a status, e.g. "EG_ERR_SHAPE"; "EG_ERR_?" for an unknown value. */
EG_API const char *eg_status_name(eg_status s);

/* Detail of the last failure on this thread; "" before the first one. Owned by
 * the library, valid until the next failing call on the same thread. */
EG_API const char *eg_error_detail(void);

#ifdef __cplusplus
}
#endif
#endif
