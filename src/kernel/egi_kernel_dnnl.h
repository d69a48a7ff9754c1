/* Primitives of oneDNN 2.6, as the kernels that stand on it make and run them.
 *
 * oneDNN cuts work by the threads it sees, so primitives are made and run where it sees one: inside
 * a body of egi_parallel_for(). */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EGI_KERNEL_DNNL_H
#define EGI_KERNEL_DNNL_H

#include <dnnl.h>
#include <stddef.h>

#include "engram/status.h"

#define EGI_DNNL_TRY(expr)                                           \
    do {                                                             \
        const dnnl_status_t dnnl_try_status = (expr);                \
        if (dnnl_try_status != dnnl_success) return dnnl_try_status; \
    } while (0)

/* What a primitive reads or writes, under the name it has for it. */
struct egi_dnnl_arg {
    int name; /* DNNL_ARG_.. */
    const dnnl_memory_desc_t *md;
    void *data;
};

enum { EGI_DNNL_ARGS_MAX = 20 };

/* The engine, then make(plan, i) for each i of n[i] > 0: blocks of n[0], and the last of n[1] where
 * it has fewer. EG_ERR_NOMEM; EG_ERR_UNSUPPORTED: what oneDNN does not do. */
eg_status egi_dnnl_prepare(const char *what, dnnl_engine_t *engine, const size_t n[2],
                           dnnl_status_t (*make)(void *plan, size_t i), void *plan);
/* Whose scratchpad the caller gives. hint: of the way forward, or NULL. */
dnnl_status_t egi_dnnl_describe(const_dnnl_op_desc_t op, dnnl_engine_t engine,
                                const_dnnl_primitive_desc_t hint, dnnl_primitive_desc_t *out);
/* Signals wait meanwhile (base/egi_signals.h). */
dnnl_status_t egi_dnnl_run(dnnl_engine_t engine, const_dnnl_primitive_t primitive, size_t count,
                           const struct egi_dnnl_arg *args);
/* Bytes, such that what lies behind them is aligned. */
size_t egi_dnnl_room(const dnnl_memory_desc_t *md);

#endif
