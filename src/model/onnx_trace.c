/* From a tape to ONNX: the network runs once on an input that is not there (egi_tape_ghost), so
 * that nothing is computed but what constants make, and every operation on the tape that the scores
 * need becomes a node, by one table (onnx_trace_ops.c). So a layer that is made of operations is
 * exported without a line of its own.
 *
 * The batch has a size on the tape: a prime that divides none of the network's own, so that sizes
 * which go with it can be told from those that do not. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "model/egi_onnx_trace.h"

#include <stdio.h>
#include <string.h>

#include "base/egi_file.h"
#include "engram/learner.h"
#include "grad/egi_ops.h"
#include "nn/egi_learner.h"

#define INPUT "input"
#define BATCH "batch_size"

int egi_trace_goes_with_batch(const struct egi_trace *w, size_t size)
{
    return size > 0 && size % w->batch == 0;
}

const char *egi_trace_out(struct egi_trace *w)
{
    return w->name[w->self - 1];
}

void egi_trace_temp(struct egi_trace *w, char name[EGI_TRACE_NAME])
{
    snprintf(name, EGI_TRACE_NAME, "v%u.%u", w->self, ++w->made);
}

eg_shape egi_trace_shape(const struct egi_trace *w, const struct egi_node *n, size_t k)
{
    return eg_tape_shape(w->t, w->t->link[n->first + k]);
}

void egi_trace_node(struct egi_trace *w, const char *op, const char *out,
                    const struct egi_made_attr *attrs, size_t inputs, ...)
{
    char names[8 * EGI_TRACE_NAME] = "";
    size_t at = 0;
    va_list list;
    va_start(list, inputs);
    for (size_t i = 0; i < inputs && at < sizeof names; i++)
        at += (size_t)snprintf(names + at, sizeof names - at, "%s%s", i > 0 ? " " : "",
                               va_arg(list, const char *));
    va_end(list);
    egi_maker_node(w->k, op, names, out, attrs);
}

void egi_trace_number(struct egi_trace *w, double value, char name[EGI_TRACE_NAME])
{
    const float v = (float)value;
    egi_trace_temp(w, name);
    egi_maker_constant(w->k, name, EGI_ONNX_FLOAT, &(eg_shape){ .rank = 0 }, &v);
}

void egi_trace_ints(struct egi_trace *w, const int64_t *v, size_t n, char name[EGI_TRACE_NAME])
{
    egi_trace_temp(w, name);
    egi_maker_constant(w->k, name, EGI_ONNX_INT64, &eg_shape_of(n), v);
}

void egi_trace_reshape_to(struct egi_trace *w, const eg_shape *s, char name[EGI_TRACE_NAME])
{
    int64_t v[EG_MAX_RANK];
    size_t with = 0;
    for (size_t i = 0; i < s->rank; i++) {
        const int goes = egi_trace_goes_with_batch(w, s->dim[i]);
        v[i] = goes ? -1 : (int64_t)s->dim[i];
        with += (size_t)goes;
    }
    if (with > 1)
        egi_tape_fail(w->t, egi_fail(EG_ERR_UNSUPPORTED, "a shape with the batch in it twice"));
    egi_trace_ints(w, v, s->rank, name);
}

/* The size of the batch as an int64 of one element, made once. */
static void need_batch(struct egi_trace *w)
{
    const int64_t zero = 0;
    char at[EGI_TRACE_NAME];
    const struct egi_made_attr axis[] = { EGI_ATTR_OF_INT("axis", 0), EGI_ATTR_END };
    if (w->batch_known) return;
    w->batch_known = 1;
    egi_trace_ints(w, &zero, 1, at);
    egi_maker_node(w->k, "Shape", INPUT, "input_shape", NULL);
    egi_trace_node(w, "Gather", BATCH, axis, 2, "input_shape", at);
}

/* Sizes in a line: constants, and multiples of the batch. */
void egi_trace_expand_to(struct egi_trace *w, const eg_shape *s, char name[EGI_TRACE_NAME])
{
    char part[EG_MAX_RANK][EGI_TRACE_NAME];
    const struct egi_made_attr axis[] = { EGI_ATTR_OF_INT("axis", 0), EGI_ATTR_END };
    char names[EG_MAX_RANK * EGI_TRACE_NAME] = "";
    size_t at = 0;
    for (size_t i = 0; i < s->rank; i++) {
        const int goes = egi_trace_goes_with_batch(w, s->dim[i]);
        const int64_t v = (int64_t)(goes ? s->dim[i] / w->batch : s->dim[i]);
        char count[EGI_TRACE_NAME];
        if (goes) need_batch(w);
        egi_trace_ints(w, &v, 1, goes ? count : part[i]);
        if (goes) {
            egi_trace_temp(w, part[i]);
            egi_trace_node(w, "Mul", part[i], NULL, 2, BATCH, count);
        }
        at += (size_t)snprintf(names + at, sizeof names - at, "%s%s", i > 0 ? " " : "", part[i]);
    }
    egi_trace_temp(w, name);
    egi_maker_node(w->k, "Concat", names, name, axis);
}

/* ---- values that no operation made ---- */

static const eg_param *param_of(const struct egi_trace *w, const struct egi_node *n)
{
    for (size_t i = 0; i < eg_params_count(w->params); i++)
        if (eg_params_at(w->params, i)->value == (const void *)n->x.data && n->buffer == 0)
            return eg_params_at(w->params, i);
    return NULL;
}

/* All elements one number, of a shape that goes with the batch. */
static void write_filled(struct egi_trace *w, const struct egi_node *n)
{
    char shape[EGI_TRACE_NAME], number[EGI_TRACE_NAME];
    const float *x = (const float *)(const void *)n->x.data;
    for (size_t i = 1; i < eg_shape_size(&n->x.shape); i++)
        if (x[i] != x[0]) {
            egi_tape_fail(w->t,
                          egi_fail(EG_ERR_UNSUPPORTED, "a constant that goes with the batch"));
            return;
        }
    egi_trace_number(w, (double)x[0], number);
    egi_trace_expand_to(w, &n->x.shape, shape);
    egi_trace_node(w, "Expand", egi_trace_out(w), NULL, 2, number, shape);
}

void egi_trace_constant(struct egi_trace *w, const struct egi_node *n)
{
    int with = 0;
    for (size_t i = 0; i < n->x.shape.rank; i++)
        with |= egi_trace_goes_with_batch(w, n->x.shape.dim[i]);
    if (n->ghost || n->x.dtype != EG_F32 || !egi_tensor_contiguous(&n->x))
        egi_tape_fail(w->t, egi_fail(EG_ERR_UNSUPPORTED, "a value of %s that no operation made",
                                     eg_dtype_name(n->x.dtype)));
    else if (with)
        write_filled(w, n);
    else
        egi_maker_constant(w->k, egi_trace_out(w), EGI_ONNX_FLOAT, &n->x.shape, n->x.data);
}

static void name_value(struct egi_trace *w, uint32_t id, const struct egi_node *n)
{
    const eg_param *p = n->op == NULL ? param_of(w, n) : NULL;
    const int own = p != NULL && strlen(p->name) < EGI_TRACE_NAME && strchr(p->name, ' ') == NULL;
    if (own) memcpy(w->name[id - 1], p->name, strlen(p->name) + 1);
    if (!own) snprintf(w->name[id - 1], EGI_TRACE_NAME, "v%u", id);
}

/* A parameter that stands on the tape twice is one constant. */
static int is_written(const struct egi_trace *w, uint32_t id)
{
    for (uint32_t i = 1; i < id; i++)
        if (w->name[i - 1][0] != '\0' && strcmp(w->name[i - 1], w->name[id - 1]) == 0) return 1;
    return 0;
}

static eg_status write_value(struct egi_trace *w, uint32_t id)
{
    const struct egi_node *n = &w->t->node[id - 1];
    w->self = id;
    w->made = 0;
    name_value(w, id, n);
    if (n->op == NULL) {
        if (!is_written(w, id)) egi_trace_constant(w, n);
        return eg_tape_status(w->t);
    }
    const struct egi_trace_row *row = egi_trace_row_of(n->op);
    if (row == NULL)
        return egi_fail(EG_ERR_UNSUPPORTED, "the operation %s has no like in ONNX",
                        n->op->info.name);
    row->write(w, n);
    return eg_tape_status(w->t);
}

const char *egi_trace_in(struct egi_trace *w, const struct egi_node *n, size_t k)
{
    return w->name[w->t->link[n->first + k].id - 1];
}

/* Of which a node is made: weights of recurrent layers are written by it, what a gradient goes to
 * is not asked for, and the largest of a parameter are a constant. */
static size_t inputs_read(const struct egi_node *n)
{
    if (egi_trace_is_recurrent(n->op)) return EGI_TRACE_RECURRENT_INPUTS;
    if (n->op == &egi_op_straight) return 1;
    return n->op == &egi_op_top && !n->ghost ? 0 : n->count;
}

/* Values that y needs, marked by a name that is not empty. */
static void mark(struct egi_trace *w, eg_var y)
{
    w->name[y.id - 1][0] = '?';
    for (size_t i = w->t->count; i-- > 0;) {
        const struct egi_node *n = &w->t->node[i];
        if (w->name[i][0] == '\0' || n->op == NULL) continue;
        const size_t read = inputs_read(n);
        for (size_t k = 0; k < read; k++) w->name[w->t->link[n->first + k].id - 1][0] = '?';
    }
}

static eg_status write_values(struct egi_trace *w, eg_var x, eg_var y)
{
    const size_t count = w->count;
    mark(w, y);
    for (uint32_t id = 1; id <= count; id++) {
        if (w->name[id - 1][0] == '\0') continue;
        if (id == x.id)
            snprintf(w->name[id - 1], EGI_TRACE_NAME, INPUT);
        else
            EGI_TRY(write_value(w, id));
    }
    egi_trace_node(w, "Identity", "scores", NULL, 1, w->name[y.id - 1]);
    return EG_OK;
}

/* ---- a learner ---- */

/* A prime that divides no size of the learner. */
static size_t batch_for(const eg_learner *l)
{
    static const size_t primes[] = { 1009, 1013, 1019, 1021, 1031, 1033, 1039, 1049 };
    for (size_t i = 0; i < EGI_COUNT(primes); i++) {
        int clear = l->task.inputs % primes[i] != 0 && l->task.classes % primes[i] != 0;
        for (size_t k = 0; k < eg_params_count(l->params); k++) {
            const eg_shape *s = &eg_params_at(l->params, k)->shape;
            for (size_t d = 0; d < s->rank; d++) clear &= s->dim[d] % primes[i] != 0;
        }
        if (clear) return primes[i];
    }
    return 1051;
}

static eg_status write_graph(eg_learner *l, eg_tape *t, struct egi_maker *k)
{
    const eg_task *task = &l->task;
    struct egi_trace w = { .t = t, .k = k, .params = l->params, .batch = batch_for(l) };
    eg_shape shape = eg_shape_of(w.batch, task->inputs);
    if (task->height > 0) shape = eg_shape_of(w.batch, task->channels, task->height, task->width);
    egi_tape_trace(t);
    const eg_var x = egi_tape_ghost(t, EG_F32, &shape);
    const eg_var flat = eg_reshape(t, x, &eg_shape_of(w.batch, task->inputs));
    const eg_var y = l->row->trace(l, t, flat, NULL, NULL);
    EGI_TRY(eg_tape_status(t));
    egi_maker_port(k, EGI_MAKER_INPUT, INPUT, EGI_ONNX_FLOAT, &shape, w.batch);
    egi_maker_port(k, EGI_MAKER_OUTPUT, "scores", EGI_ONNX_FLOAT,
                   &eg_shape_of(w.batch, task->classes), w.batch);
    void *names;
    w.count = t->count;
    EGI_TRY(egi_alloc_array(l->alloc, w.count, EGI_TRACE_NAME, "ONNX", &names));
    memset(names, 0, w.count * EGI_TRACE_NAME);
    w.name = names;
    const eg_status s = write_values(&w, x, y);
    egi_free(l->alloc, names, w.count * EGI_TRACE_NAME);
    return s;
}

static eg_status write_file(const struct egi_bytes *bytes, const char *path)
{
    struct egi_writer out;
    EGI_TRY(egi_writer_open(&out, path));
    const eg_status s = egi_writer_put(&out, bytes->p, bytes->n);
    if (s == EG_OK) return egi_writer_commit(&out);
    egi_writer_abort(&out);
    return s;
}

eg_status eg_onnx_save(eg_learner *l, const char *path, const char *const *meta, size_t pairs)
{
    struct egi_maker k;
    eg_tape *t;
    if (l == NULL || path == NULL) return egi_fail(EG_ERR_INVALID, "eg_onnx_save: NULL");
    if (l->row->trace == NULL)
        return egi_fail(EG_ERR_UNSUPPORTED, "a learner of kind %s is no network of layers",
                        l->row->kind.name);
    if (l->task.bags)
        return egi_fail(EG_ERR_UNSUPPORTED, "examples that are bags have no like in ONNX");
    struct egi_bytes bytes = { .alloc = l->alloc };
    EGI_TRY(eg_tape_create(1, l->alloc, &t));
    egi_maker_begin(&k, l->alloc, 13);
    eg_status s = write_graph(l, t, &k);
    for (size_t i = 0; i < pairs && s == EG_OK; i++)
        egi_maker_meta(&k, meta[2 * i], meta[2 * i + 1]);
    if (s == EG_OK) s = egi_maker_finish(&k, &bytes);
    if (s == EG_OK) s = write_file(&bytes, path);
    egi_bytes_clear(&bytes);
    egi_maker_clear(&k);
    eg_tape_destroy(t);
    return s;
}
