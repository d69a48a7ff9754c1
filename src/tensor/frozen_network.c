/* A frozen network: what it is made of, its memory, and runs. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "tensor/egi_frozen.h"

#include <string.h>

#include "base/egi_steps.h"

eg_status egi_frozen_grow(struct egi_frozen *f, struct egi_frozen_list *l, size_t more)
{
    if (l->count + more <= l->room) return EG_OK;
    const size_t room = 2 * (l->count + more) + 16;
    void *p = egi_realloc(f->alloc, l->p, l->room * l->item, room * l->item);
    if (p == NULL) return egi_fail(EG_ERR_NOMEM, "frozen network: %zu items", room);
    l->p = p;
    l->room = room;
    return EG_OK;
}

eg_status egi_frozen_create(const eg_allocator *alloc, int fixed, struct egi_frozen **out)
{
    const struct egi_frozen_kernels *k = egi_frozen_kernels();
    if (k == NULL) return egi_fail(EG_ERR_UNSUPPORTED, "frozen network: none in this build");
    struct egi_frozen *f = egi_alloc(alloc, sizeof *f);
    if (f == NULL) return egi_fail(EG_ERR_NOMEM, "frozen network: %zu bytes", sizeof *f);
    memset(f, 0, sizeof *f);
    f->alloc = alloc;
    f->k = k;
    f->fixed = fixed;
    f->values.item = sizeof(struct egi_frozen_value);
    f->ops.item = sizeof(struct egi_frozen_op);
    f->links.item = sizeof(uint32_t);
    f->ports.item = sizeof(struct egi_frozen_port);
    uint32_t none;
    eg_status s = k->open(&f->host, &f->block);
    if (s == EG_OK) s = egi_frozen_value(f, (struct egi_frozen_size){ 0, 0, 0 }, &none);
    if (s != EG_OK) {
        egi_frozen_destroy(f);
        return s;
    }
    *out = f;
    return EG_OK;
}

static void drop_list(struct egi_frozen *f, struct egi_frozen_list *l)
{
    if (l->p != NULL) egi_free(f->alloc, l->p, l->room * l->item);
}

/* Of all workers, with what each part works in. */
static size_t working_bytes(const struct egi_frozen *f)
{
    return f->workers * (f->arena_bytes + f->parts * f->scratch_bytes);
}

void egi_frozen_destroy(struct egi_frozen *f)
{
    if (f == NULL) return;
    for (size_t i = 0; i < f->bounds && f->bound != NULL; i++)
        if (f->bound[i] != NULL) f->k->unbind(f->bound[i]);
    egi_free(f->alloc, f->bound, f->bounds * sizeof *f->bound);
    for (size_t i = 0; i < f->ops.count; i++)
        if (egi_frozen_op(f, i)->code.own != NULL) f->k->clear(&egi_frozen_op(f, i)->code);
    if (f->packed != NULL) egi_free(f->alloc, f->packed, f->packed_bytes);
    if (f->arena != NULL) egi_free(f->alloc, f->arena, working_bytes(f));
    drop_list(f, &f->values);
    drop_list(f, &f->ops);
    drop_list(f, &f->links);
    drop_list(f, &f->ports);
    f->k->close(f->host);
    egi_free(f->alloc, f, sizeof *f);
}

/* ---- what is computed ---- */

eg_status egi_frozen_value(struct egi_frozen *f, struct egi_frozen_size size, uint32_t *out)
{
    EGI_TRY(egi_frozen_grow(f, &f->values, 1));
    *out = (uint32_t)f->values.count++;
    *egi_frozen_at(f, *out) = (struct egi_frozen_value){ .size = size };
    return EG_OK;
}

void egi_frozen_input(struct egi_frozen *f, uint32_t value)
{
    egi_frozen_at(f, value)->input = (uint32_t)++f->inputs;
}

void egi_frozen_output(struct egi_frozen *f, uint32_t value)
{
    egi_frozen_at(f, value)->output = (uint32_t)++f->outputs;
}

/* Windows that Winograd's products serve: they take half the time of those of the definition, their
 * weights many times as long to lay out. */
static int may_winograd(const struct egi_frozen *f, const struct egi_frozen_step *s)
{
    int fits = f->fixed && s->kind == EGI_FROZEN_CONV && s->groups == 1;
    for (size_t i = 0; i < 2; i++)
        fits &= s->kernel[i] == 3 && s->stride[i] == 1 && s->dilation[i] == 1;
    return fits && s->x.c >= f->block;
}

/* A convolution of few channels reads them as they come; else blocks, or what there is. */
int egi_frozen_can(const struct egi_frozen *f, struct egi_frozen_step *s)
{
    const int free_choice = s->kind == EGI_FROZEN_CONV;
    if (s->kind == EGI_FROZEN_CONCAT) return 1;
    s->y_blocked = s->x_blocked = 1;
    s->winograd = may_winograd(f, s);
    if (s->winograd && f->k->can(f->host, s)) return 1;
    s->winograd = 0;
    s->x_blocked = !free_choice || s->x.c >= f->block / 2;
    if (f->k->can(f->host, s)) return 1;
    s->x_blocked = !s->x_blocked;
    return free_choice && f->k->can(f->host, s);
}

eg_status egi_frozen_add(struct egi_frozen *f, const struct egi_frozen_step *step,
                         const uint32_t *in, size_t count, uint32_t out)
{
    struct egi_frozen_step s = *step;
    s.x = egi_frozen_at(f, in[0])->size;
    s.y = egi_frozen_at(f, out)->size;
    if (!egi_frozen_can(f, &s)) return EG_NOT_FOUND;
    EGI_TRY(egi_frozen_grow(f, &f->links, count));
    EGI_TRY(egi_frozen_grow(f, &f->ops, 1));
    const struct egi_frozen_op op = {
        .s = s, .first = (uint32_t)f->links.count, .count = (uint32_t)count, .out = out
    };
    memcpy((uint32_t *)f->links.p + f->links.count, in, count * sizeof *in);
    f->links.count += count;
    ((struct egi_frozen_op *)f->ops.p)[f->ops.count++] = op;
    return EG_OK;
}

/* ---- getting ready ---- */

static eg_status make_code(struct egi_frozen *f)
{
    for (size_t i = 0; i < f->ops.count; i++) {
        struct egi_frozen_op *op = egi_frozen_op(f, i);
        EGI_TRY(f->k->make(f->host, &op->s, &op->code));
        op->packed = f->packed_bytes;
        f->packed_bytes += op->code.packed;
        if (f->scratch_bytes < op->code.scratch) f->scratch_bytes = op->code.scratch;
        if (f->parts < op->code.parts) f->parts = op->code.parts;
    }
    return EG_OK;
}

size_t egi_frozen_held(const struct egi_frozen *f)
{
    const struct egi_frozen_list *l[] = { &f->values, &f->ops, &f->links, &f->ports };
    size_t bytes = sizeof *f + f->packed_bytes + working_bytes(f) + f->bounds * sizeof *f->bound;
    for (size_t i = 0; i < EGI_COUNT(l); i++) bytes += l[i]->room * l[i]->item;
    return bytes;
}

/* What a buffer would hold is freed by its size, so that is set once it is there. */
static eg_status take_memory(struct egi_frozen *f, size_t workers, size_t room)
{
    void *p;
    const size_t bounds = workers * f->ops.count * f->parts, packed = f->packed_bytes;
    f->workers = workers;
    f->bounds = bounds;
    const size_t bytes = egi_frozen_held(f);
    f->packed_bytes = f->bounds = 0;
    if (bytes > room)
        return egi_fail(EG_ERR_LIMIT, "frozen network: %zu bytes, expected up to %zu", bytes, room);
    EGI_TRY(
        egi_alloc_array(f->alloc, bounds > 0 ? bounds : 1, sizeof *f->bound, "frozen network", &p));
    f->bound = p;
    f->bounds = bounds > 0 ? bounds : 1;
    memset(f->bound, 0, f->bounds * sizeof *f->bound);
    EGI_TRY(egi_alloc_array(f->alloc, packed > 0 ? packed : 1, 1, "frozen weights", &p));
    f->packed = p;
    f->packed_bytes = packed > 0 ? packed : 1;
    if (working_bytes(f) == 0) f->arena_bytes = 1;
    EGI_TRY(egi_alloc_array(f->alloc, working_bytes(f), 1, "frozen values", &p));
    f->arena = p;
    return EG_OK;
}

static void **bound_of(const struct egi_frozen *f, size_t worker, size_t i, size_t part)
{
    return &f->bound[(worker * f->ops.count + i) * f->parts + part];
}

static char *arena_of(const struct egi_frozen *f, size_t worker)
{
    return f->arena + worker * f->arena_bytes;
}

static char *scratch_of(const struct egi_frozen *f, size_t worker, size_t part)
{
    return f->arena + f->workers * f->arena_bytes + (worker * f->parts + part) * f->scratch_bytes;
}

static uint32_t value_of(const struct egi_frozen *f, const struct egi_frozen_op *op,
                         enum egi_frozen_arg arg)
{
    if (arg == EGI_FROZEN_Y) return op->out;
    return arg < op->count ? egi_frozen_in(f, op)[arg] : egi_frozen_in(f, op)[0];
}

/* Part of step i where its arguments lie. */
static eg_status bind_part(struct egi_frozen *f, size_t worker, size_t i, size_t part)
{
    const struct egi_frozen_op *op = egi_frozen_op(f, i);
    void **bound = bound_of(f, worker, i, part);
    EGI_TRY(
        f->k->bind(&op->code, part, f->packed + op->packed, scratch_of(f, worker, part), bound));
    for (int k = 0; k < EGI_FROZEN_ARGS; k++) {
        size_t offset;
        const enum egi_frozen_arg arg = (enum egi_frozen_arg)k;
        const struct egi_frozen_value *v =
            egi_frozen_at(f, egi_frozen_root(f, value_of(f, op, arg), &offset));
        if (!v->outside) EGI_TRY(f->k->point(*bound, arg, arena_of(f, worker) + v->at + offset));
    }
    return EG_OK;
}

static eg_status bind_all(struct egi_frozen *f)
{
    for (size_t w = 0; w < f->workers; w++)
        for (size_t i = 0; i < f->ops.count; i++)
            for (size_t part = 0; part < egi_frozen_op(f, i)->code.parts; part++)
                EGI_TRY(bind_part(f, w, i, part));
    return EG_OK;
}

static eg_status find_ports(struct egi_frozen *f)
{
    for (size_t i = 0; i < f->ops.count; i++)
        for (int k = 0; k < EGI_FROZEN_ARGS; k++) {
            const struct egi_frozen_op *op = egi_frozen_op(f, i);
            const enum egi_frozen_arg arg = (enum egi_frozen_arg)k;
            const struct egi_frozen_value *v = egi_frozen_at(f, value_of(f, op, arg));
            if (!v->outside) continue;
            EGI_TRY(egi_frozen_grow(f, &f->ports, 1));
            ((struct egi_frozen_port *)f->ports.p)[f->ports.count++] =
                (struct egi_frozen_port){ .op = (uint32_t)i,
                                          .index = (v->output > 0 ? v->output : v->input) - 1,
                                          .arg = arg,
                                          .output = v->output > 0 };
        }
    return EG_OK;
}

eg_status egi_frozen_pack(struct egi_frozen *f)
{
    for (size_t i = 0; i < f->ops.count; i++) {
        const struct egi_frozen_op *op = egi_frozen_op(f, i);
        EGI_TRY(f->k->pack(&op->code, f->packed + op->packed));
    }
    return EG_OK;
}

eg_status egi_frozen_finish(struct egi_frozen *f, size_t workers, size_t room)
{
    egi_frozen_fuse(f);
    EGI_TRY(egi_frozen_lay_out(f));
    EGI_TRY(egi_frozen_place(f));
    EGI_TRY(find_ports(f));
    EGI_TRY(make_code(f));
    EGI_TRY(take_memory(f, workers, room));
    EGI_TRY(egi_frozen_pack(f));
    return bind_all(f);
}

/* ---- runs ---- */

struct running {
    const struct egi_frozen *f;
    const float *const *in;
    float *const *out;
    eg_status *status; /* of each part, or of each worker */
};

/* Where a picture's input or output lies. */
static char *place_of(const struct running *r, const struct egi_frozen_port *p, size_t picture)
{
    const struct egi_frozen *f = r->f;
    const uint32_t v = value_of(f, egi_frozen_op(f, p->op), p->arg);
    const size_t each = egi_frozen_bytes(&egi_frozen_at(f, v)->size, 0, f->block);
    const char *base = p->output ? (const char *)r->out[p->index] : (const char *)r->in[p->index];
    return (char *)(uintptr_t)base + picture * each; /* an input is only read */
}

static eg_status point_picture(const struct running *r, size_t picture, size_t worker)
{
    const struct egi_frozen *f = r->f;
    for (size_t k = 0; k < f->ports.count; k++) {
        const struct egi_frozen_port *p = (const struct egi_frozen_port *)f->ports.p + k;
        char *data = place_of(r, p, picture);
        for (size_t part = 0; part < egi_frozen_op(f, p->op)->code.parts; part++)
            EGI_TRY(f->k->point(*bound_of(f, worker, p->op, part), p->arg, data));
    }
    return EG_OK;
}

static eg_status run_picture(const struct running *r, size_t picture, size_t worker)
{
    const struct egi_frozen *f = r->f;
    EGI_TRY(point_picture(r, picture, worker));
    for (size_t i = 0; i < f->ops.count; i++)
        for (size_t part = 0; part < egi_frozen_op(f, i)->code.parts; part++)
            EGI_TRY(f->k->call(*bound_of(f, worker, i, part)));
    return EG_OK;
}

static void one_picture(void *arg, size_t i, size_t worker)
{
    const struct running *r = arg;
    if (r->status[worker] == EG_OK) r->status[worker] = run_picture(r, i, worker);
}

static size_t parts_of(void *arg, size_t step)
{
    const struct running *r = arg;
    return egi_frozen_op(r->f, step)->code.parts;
}

static void one_part(void *arg, size_t step, size_t part)
{
    const struct running *r = arg;
    const eg_status s = r->f->k->call(*bound_of(r->f, 0, step, part));
    if (s != EG_OK) r->status[part] = s;
}

static eg_status worst(const eg_status *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (s[i] != EG_OK) return egi_fail(s[i], "frozen network: a step failed");
    return EG_OK;
}

/* One picture by several threads: they share the parts of each step, always the same ones, so that
 * channels stay with one of them as long as steps go by channels. */
static eg_status run_parts(struct running *r, int threads)
{
    const struct egi_frozen *f = r->f;
    EGI_TRY(point_picture(r, 0, 0));
    const int crew = f->parts < (size_t)threads ? (int)f->parts : threads;
    egi_parallel_steps(f->ops.count, crew, parts_of, one_part, r);
    return worst(r->status, f->parts);
}

eg_status egi_frozen_run(struct egi_frozen *f, size_t n, const float *const *in, float *const *out,
                         int threads)
{
    eg_status status[EGI_MAX_THREADS] = { EG_OK };
    struct running r = { .f = f, .in = in, .out = out, .status = status };
    const int crew = egi_thread_count(threads);
    if (n == 1 && crew > 1) return run_parts(&r, crew);
    const size_t workers = f->workers < (size_t)crew ? f->workers : (size_t)crew;
    egi_parallel_workers(n, (int)workers, one_picture, &r);
    return worst(status, workers);
}
