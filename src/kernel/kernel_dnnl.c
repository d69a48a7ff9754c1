/* What every primitive of oneDNN needs around it. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifdef EG_DNNL

#include "kernel/egi_kernel_dnnl.h"

#include "base/egi_base.h"
#include "base/egi_signals.h"

struct preparing {
    dnnl_engine_t *engine;
    const size_t *n;
    dnnl_status_t (*make)(void *plan, size_t i);
    void *plan;
    dnnl_status_t status;
};

static void prepare(void *arg, size_t unused)
{
    (void)unused;
    struct preparing *p = arg;
    p->status = dnnl_engine_create(p->engine, dnnl_cpu, 0);
    for (size_t i = 0; i < 2 && p->status == dnnl_success; i++)
        if (p->n[i] > 0) p->status = p->make(p->plan, i);
}

eg_status egi_dnnl_prepare(const char *what, dnnl_engine_t *engine, const size_t n[2],
                           dnnl_status_t (*make)(void *plan, size_t i), void *plan)
{
    struct preparing p = { engine, n, make, plan, dnnl_success };
    egi_parallel_for(1, 1, prepare, &p);
    if (p.status == dnnl_success) return EG_OK;
    return egi_fail(p.status == dnnl_out_of_memory ? EG_ERR_NOMEM : EG_ERR_UNSUPPORTED,
                    "%s: oneDNN's status %d", what, (int)p.status);
}

dnnl_status_t egi_dnnl_describe(const_dnnl_op_desc_t op, dnnl_engine_t engine,
                                const_dnnl_primitive_desc_t hint, dnnl_primitive_desc_t *out)
{
    dnnl_primitive_attr_t attr;
    EGI_DNNL_TRY(dnnl_primitive_attr_create(&attr));
    dnnl_status_t s = dnnl_primitive_attr_set_scratchpad_mode(attr, dnnl_scratchpad_mode_user);
    if (s == dnnl_success) s = dnnl_primitive_desc_create(out, op, attr, engine, hint);
    dnnl_primitive_attr_destroy(attr);
    return s;
}

static dnnl_status_t execute(dnnl_engine_t engine, dnnl_stream_t stream,
                             const_dnnl_primitive_t primitive, size_t count,
                             const struct egi_dnnl_arg *args)
{
    dnnl_exec_arg_t taken[EGI_DNNL_ARGS_MAX] = { { 0, NULL } };
    dnnl_status_t s = dnnl_success;
    for (size_t i = 0; i < count && s == dnnl_success; i++) {
        taken[i].arg = args[i].name;
        s = dnnl_memory_create(&taken[i].memory, args[i].md, engine, args[i].data);
    }
    if (s == dnnl_success) s = dnnl_primitive_execute(primitive, stream, (int)count, taken);
    if (s == dnnl_success) s = dnnl_stream_wait(stream);
    for (size_t i = 0; i < count; i++) dnnl_memory_destroy(taken[i].memory);
    return s;
}

dnnl_status_t egi_dnnl_run(dnnl_engine_t engine, const_dnnl_primitive_t primitive, size_t count,
                           const struct egi_dnnl_arg *args)
{
    dnnl_stream_t stream;
    sigset_t had;
    egi_signals_hold(&had);
    dnnl_status_t s = dnnl_stream_create(&stream, engine, dnnl_stream_default_flags);
    if (s == dnnl_success) {
        s = execute(engine, stream, primitive, count, args);
        dnnl_stream_destroy(stream);
    }
    egi_signals_let(&had);
    return s;
}

size_t egi_dnnl_room(const dnnl_memory_desc_t *md)
{
    return (dnnl_memory_desc_get_size(md) + EGI_ALIGN - 1) / EGI_ALIGN * EGI_ALIGN;
}

#else
typedef int egi_no_dnnl; /* a translation unit is not empty */
#endif
