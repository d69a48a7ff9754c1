/* Steps of a frozen network by oneDNN 2.6.
 *
 * Layouts of values are given, weights take what it likes. What it would do by a reference or by an
 * unfolded matrix is not done here: the same step elsewhere is as fast. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifdef EG_DNNL

#include <math.h>
#include <string.h>

#include "base/egi_base.h"
#include "base/egi_signals.h"
#include "kernel/egi_kernel_frozen_dnnl.h"

struct own {
    const struct egi_frozen_host *host;
    struct egi_frozen_step step;
    size_t parts;
    struct egi_frozen_part *part; /* (parts) */
};

struct bound {
    const struct own *own;
    const struct egi_frozen_part *part;
    dnnl_stream_t stream;
    dnnl_exec_arg_t arg[8];
    int args, place[EGI_FROZEN_ARGS]; /* place: in arg; -1: none */
};

/* oneDNN cuts work by the threads that it sees: it is asked where it sees one. */
struct asked {
    eg_status (*f)(void *arg);
    void *arg;
    eg_status status;
};

static void ask(void *arg, size_t unused)
{
    (void)unused;
    struct asked *a = arg;
    a->status = a->f(a->arg);
}

static eg_status alone(eg_status (*f)(void *arg), void *arg)
{
    struct asked a = { f, arg, EG_OK };
    egi_parallel_for(1, 1, ask, &a);
    return a.status;
}

static eg_status status_of(dnnl_status_t s)
{
    if (s == dnnl_success) return EG_OK;
    return egi_fail(s == dnnl_out_of_memory ? EG_ERR_NOMEM : EG_ERR_UNSUPPORTED,
                    "frozen network: oneDNN's status %d", (int)s);
}

/* ---- the host ---- */

struct question {
    const struct egi_frozen_host *host;
    const struct egi_frozen_step *step;
    int yes;
};

static eg_status answer(void *arg)
{
    struct question *q = arg;
    struct egi_frozen_part p;
    const size_t parts = egi_frozen_parts(q->step, q->host->block);
    q->yes = 1;
    for (size_t i = 0; i < parts && q->yes; i++) {
        dnnl_primitive_desc_t pd;
        q->yes = egi_frozen_part_of(q->host, q->step, parts, i, &p) == dnnl_success
                 && egi_frozen_describe(q->host, q->step, &p, &pd) == dnnl_success;
        if (!q->yes) break;
        q->yes = egi_frozen_pays(q->step, pd);
        dnnl_primitive_desc_destroy(pd);
    }
    return EG_OK;
}

/* The widest blocks that convolutions have code for. */
static eg_status open_host(void *arg)
{
    struct egi_frozen_host *h = arg;
    static const size_t blocks[] = { 16, 8 };
    const struct egi_frozen_size size = { 64, 16, 16 };
    const struct egi_frozen_step step = { .kind = EGI_FROZEN_CONV,
                                          .x = size,
                                          .y = size,
                                          .x_blocked = 1,
                                          .y_blocked = 1,
                                          .groups = 1,
                                          .kernel = { 3, 3 },
                                          .stride = { 1, 1 },
                                          .dilation = { 1, 1 },
                                          .before = { 1, 1 },
                                          .after = { 1, 1 } };
    struct question q = { h, &step, 0 };
    EGI_TRY(status_of(dnnl_engine_create(&h->engine, dnnl_cpu, 0)));
    for (size_t i = 0; i < EGI_COUNT(blocks) && !q.yes; i++) {
        h->block = blocks[i];
        EGI_TRY(answer(&q));
    }
    return q.yes ? EG_OK : egi_fail(EG_ERR_UNSUPPORTED, "frozen network: no blocked layout");
}

static void close_host(void *host)
{
    struct egi_frozen_host *h = host;
    if (h == NULL) return;
    dnnl_engine_destroy(h->engine);
    egi_free(eg_allocator_default(), h, sizeof *h);
}

static eg_status open(void **host, size_t *block)
{
    struct egi_frozen_host *h = egi_alloc(eg_allocator_default(), sizeof *h);
    if (h == NULL) return egi_fail(EG_ERR_NOMEM, "frozen network: %zu bytes", sizeof *h);
    memset(h, 0, sizeof *h);
    const eg_status s = alone(open_host, h);
    if (s != EG_OK) {
        close_host(h);
        return s;
    }
    *host = h;
    *block = h->block;
    return EG_OK;
}

static int can(void *host, const struct egi_frozen_step *s)
{
    struct question q = { host, s, 0 };
    return alone(answer, &q) == EG_OK && q.yes;
}

/* ---- code ---- */

static dnnl_status_t make_part(const struct own *o, size_t i, struct egi_frozen_part *p)
{
    dnnl_primitive_desc_t pd;
    const struct egi_frozen_step *s = &o->step;
    EGI_DNNL_TRY(egi_frozen_part_of(o->host, s, o->parts, i, p));
    EGI_DNNL_TRY(egi_frozen_describe(o->host, s, p, &pd));
    p->pad = *dnnl_primitive_desc_query_md(pd, dnnl_query_scratchpad_md, 0);
    if (s->kind == EGI_FROZEN_CONV)
        p->w = *dnnl_primitive_desc_query_md(pd, dnnl_query_weights_md, 0);
    const dnnl_status_t status = dnnl_primitive_create(&p->primitive, pd);
    dnnl_primitive_desc_destroy(pd);
    if (status != dnnl_success || s->kind != EGI_FROZEN_CONV) return status;
    return egi_frozen_weights(s, p->count, s->groups > 1 ? dnnl_goihw : dnnl_oihw, &p->plain_w);
}

static eg_status make_parts(void *arg)
{
    struct egi_frozen_code *code = arg;
    struct own *o = code->own;
    for (size_t i = 0; i < o->parts; i++) {
        struct egi_frozen_part *p = &o->part[i];
        EGI_TRY(status_of(make_part(o, i, p)));
        const size_t pad = egi_dnnl_room(&p->pad);
        p->packed = code->packed;
        if (o->step.kind == EGI_FROZEN_CONV) code->packed += egi_dnnl_room(&p->w);
        if (code->scratch < pad) code->scratch = pad;
    }
    return EG_OK;
}

static void clear(struct egi_frozen_code *code)
{
    struct own *o = code->own;
    if (o == NULL) return;
    for (size_t i = 0; i < o->parts; i++) dnnl_primitive_destroy(o->part[i].primitive);
    egi_free(eg_allocator_default(), o->part, o->parts * sizeof *o->part);
    egi_free(eg_allocator_default(), o, sizeof *o);
    code->own = NULL;
}

static eg_status make(void *host, const struct egi_frozen_step *s, struct egi_frozen_code *out)
{
    const struct egi_frozen_host *h = host;
    struct own *o;
    void *block;
    EGI_TRY(egi_alloc_array(eg_allocator_default(), 1, sizeof *o, "frozen network", &block));
    o = block;
    *o = (struct own){ .host = h, .step = *s, .parts = egi_frozen_parts(s, h->block) };
    eg_status status = egi_alloc_array(eg_allocator_default(), o->parts, sizeof *o->part,
                                       "frozen network", &block);
    if (status != EG_OK) {
        egi_free(eg_allocator_default(), o, sizeof *o);
        return status;
    }
    o->part = block;
    memset(o->part, 0, o->parts * sizeof *o->part);
    *out = (struct egi_frozen_code){ .parts = o->parts, .own = o };
    status = alone(make_parts, out);
    if (status != EG_OK) clear(out);
    return status;
}

static const float *weights_of(const struct own *o, const struct egi_frozen_part *p)
{
    const struct egi_frozen_step *s = &o->step;
    return s->w + p->first * (s->x.c / s->groups) * s->kernel[0] * s->kernel[1];
}

static dnnl_status_t pack_part(const struct own *o, const struct egi_frozen_part *p, char *packed)
{
    dnnl_primitive_desc_t pd;
    dnnl_primitive_t reorder;
    const dnnl_engine_t e = o->host->engine;
    EGI_DNNL_TRY(dnnl_reorder_primitive_desc_create(&pd, &p->plain_w, e, &p->w, e, NULL));
    dnnl_status_t s = dnnl_primitive_create(&reorder, pd);
    dnnl_primitive_desc_destroy(pd);
    if (s != dnnl_success) return s;
    const struct egi_dnnl_arg args[] = {
        { DNNL_ARG_FROM, &p->plain_w, (void *)(uintptr_t)weights_of(o, p) }, /* read only */
        { DNNL_ARG_TO, &p->w, packed + p->packed },
    };
    s = egi_dnnl_run(e, reorder, EGI_COUNT(args), args);
    dnnl_primitive_destroy(reorder);
    return s;
}

struct packing {
    const struct own *own;
    char *packed;
};

static eg_status pack_parts(void *arg)
{
    const struct packing *p = arg;
    for (size_t i = 0; i < p->own->parts; i++)
        EGI_TRY(status_of(pack_part(p->own, &p->own->part[i], p->packed)));
    return EG_OK;
}

static eg_status pack(const struct egi_frozen_code *code, char *packed)
{
    struct packing p = { code->own, packed };
    return p.own->step.kind == EGI_FROZEN_CONV ? alone(pack_parts, &p) : EG_OK;
}

/* ---- a part with its memory ---- */

static dnnl_status_t add_arg(struct bound *b, int name, const dnnl_memory_desc_t *md, void *data)
{
    dnnl_exec_arg_t *a = &b->arg[b->args];
    a->arg = name;
    EGI_DNNL_TRY(dnnl_memory_create(&a->memory, md, b->own->host->engine, data));
    b->args++;
    return dnnl_success;
}

static dnnl_status_t add_args(struct bound *b, char *packed, char *scratch)
{
    const struct egi_frozen_step *s = &b->own->step;
    const struct egi_frozen_part *p = b->part;
    dnnl_memory_desc_t bias;
    const dnnl_dims_t channels = { (dnnl_dim_t)p->count };
    static const int names[EGI_FROZEN_ARGS] = { DNNL_ARG_SRC, DNNL_ARG_SRC_1, DNNL_ARG_DST };
    for (int k = 0; k < EGI_FROZEN_ARGS; k++) { /* a first source is called as an only one is */
        b->place[k] = -1;
        if (k == EGI_FROZEN_Z && s->kind != EGI_FROZEN_ADD) continue;
        b->place[k] = b->args;
        EGI_DNNL_TRY(add_arg(b, names[k], k == EGI_FROZEN_Y ? &p->y : &p->x, DNNL_MEMORY_NONE));
    }
    EGI_DNNL_TRY(add_arg(b, DNNL_ARG_SCRATCHPAD, &p->pad, scratch));
    if (s->kind != EGI_FROZEN_CONV) return dnnl_success;
    EGI_DNNL_TRY(add_arg(b, DNNL_ARG_WEIGHTS, &p->w, packed + p->packed));
    if (s->bias == NULL) return dnnl_success;
    EGI_DNNL_TRY(dnnl_memory_desc_init_by_tag(&bias, 1, channels, dnnl_f32, dnnl_a));
    return add_arg(b, DNNL_ARG_BIAS, &bias, (void *)(uintptr_t)(s->bias + p->first));
}

static void unbind(void *bound)
{
    struct bound *b = bound;
    if (b == NULL) return;
    for (int i = 0; i < b->args; i++) dnnl_memory_destroy(b->arg[i].memory);
    dnnl_stream_destroy(b->stream);
    egi_free(eg_allocator_default(), b, sizeof *b);
}

static eg_status bind(const struct egi_frozen_code *code, size_t part, char *packed, char *scratch,
                      void **bound)
{
    const struct own *o = code->own;
    struct bound *b = egi_alloc(eg_allocator_default(), sizeof *b);
    if (b == NULL) return egi_fail(EG_ERR_NOMEM, "frozen network: %zu bytes", sizeof *b);
    memset(b, 0, sizeof *b);
    b->own = o;
    b->part = &o->part[part];
    dnnl_status_t s = dnnl_stream_create(&b->stream, o->host->engine, dnnl_stream_default_flags);
    if (s == dnnl_success) s = add_args(b, packed, scratch);
    if (s != dnnl_success) {
        unbind(b);
        return status_of(s);
    }
    *bound = b;
    return EG_OK;
}

static eg_status point(void *bound, enum egi_frozen_arg arg, char *data)
{
    struct bound *b = bound;
    const int k = b->place[arg];
    if (k < 0) return EG_OK;
    return status_of(dnnl_memory_set_data_handle(b->arg[k].memory, data + b->part->at[arg]));
}

static eg_status call(void *bound)
{
    struct bound *b = bound;
    sigset_t had;
    egi_signals_hold(&had);
    const dnnl_status_t s = dnnl_primitive_execute(b->part->primitive, b->stream, b->args, b->arg);
    egi_signals_let(&had);
    return status_of(s);
}

const struct egi_frozen_kernels egi_frozen_dnnl = { open, close_host, can,    make,  clear,
                                                    pack, bind,       unbind, point, call };

#else
typedef int egi_no_dnnl; /* a translation unit is not empty */
#endif
