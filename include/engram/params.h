/* engram/params.h - named arrays: the parameters of a network, the state of an optimiser.
 *
 * What is learned, saved, hashed and resumed is always one of these, in the order in which the
 * arrays were added. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGRAM_PARAMS_H
#define ENGRAM_PARAMS_H

#include "engram/alloc.h"
#include "engram/tensor.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct eg_params eg_params;

/* One array. name and value are owned by the set and valid until it is destroyed. */
typedef struct eg_param {
    const char *name; /* "fc1.weight": UTF-8, unique in its set */
    eg_dtype dtype;
    eg_shape shape;
    void *value; /* row-major, contiguous, 64-byte aligned */
} eg_param;

EG_API EG_MUST_CHECK eg_status eg_params_create(const eg_allocator *alloc, eg_params **out);
EG_API void eg_params_destroy(eg_params *p);

/**
 * Add an array of zeros.
 * @param index  where it lies in the set, or NULL
 * @return EG_OK; EG_ERR_INVALID (empty or duplicate name); EG_ERR_OVERFLOW; EG_ERR_NOMEM
 */
EG_API EG_MUST_CHECK eg_status eg_params_add(eg_params *p, const char *name, eg_dtype dtype,
                                             const eg_shape *shape, size_t *index);

EG_API size_t eg_params_count(const eg_params *p);
/* NULL past the end; NULL when there is none of that name. */
EG_API const eg_param *eg_params_at(const eg_params *p, size_t index);
EG_API const eg_param *eg_params_find(const eg_params *p, const char *name);

/* Bytes of all arrays; XXH3-64 over names, types, shapes and values in order. */
EG_API size_t eg_params_bytes(const eg_params *p);
EG_API uint64_t eg_params_hash(const eg_params *p);

/**
 * Copy every array of `from` into the array of `to` with the same name, type and shape.
 * @return EG_OK; EG_ERR_SHAPE (a name missing on either side, another type or shape: both are in
 *         the detail; `to` is untouched)
 */
EG_API EG_MUST_CHECK eg_status eg_params_copy(eg_params *to, const eg_params *from);

/**
 * Write as safetensors (which Python's `safetensors` reads): beside, synced, renamed.
 * @param meta  (2 x pairs) keys and values of __metadata__, or NULL
 */
EG_API EG_MUST_CHECK eg_status eg_params_save(const eg_params *p, const char *path,
                                              const char *const *meta, size_t pairs);
/**
 * Read a safetensors file whose arrays are F32, F64 or I32. Its bytes are not trusted.
 * @param meta  called for each pair of __metadata__, or NULL
 * @return EG_OK; EG_ERR_IO; EG_ERR_CORRUPT ("file: byte N: what, expected, got"); EG_ERR_LIMIT
 *         (over 16 GiB, or a header over 16 MiB); EG_ERR_UNSUPPORTED (another element type);
 *         EG_ERR_NOMEM
 */
EG_API EG_MUST_CHECK eg_status eg_params_load(const char *path, const eg_allocator *alloc,
                                              void (*meta)(void *user, const char *key,
                                                           const char *value),
                                              void *user, eg_params **out);

#ifdef __cplusplus
}
#endif
#endif
