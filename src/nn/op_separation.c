/* Separations as operations of the tape: a = dA/ds along the last axis, with the row's own
 * Hessian-vector product on the way back (docs/associations.md; the Hessian of A is symmetric).
 *
 * Both run in double whatever the type of the tape, a line at a time; scores that are not finite
 * and weights beyond the type fail. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "assoc/egi_assoc.h"
#include "grad/egi_tape.h"

struct lines {
    const struct egi_tensor *in; /* scores, and the cotangent on the way back: contiguous */
    size_t inputs, length, count;
    struct egi_tensor *out;
    eg_rule rule;
    double *room; /* (workers, 3, length): s, v, a */
};

static eg_rule rule_of(const struct egi_attr *attr)
{
    eg_rule rule = EG_RULE_INIT;
    rule.separation = (eg_separation)attr->n[0];
    rule.k = (size_t)attr->n[1];
    rule.beta = attr->a[0];
    rule.order = attr->a[1];
    return rule;
}

static void load(const struct egi_tensor *x, size_t from, size_t n, double *to)
{
    const float *f = (const float *)(const void *)x->data;
    const double *d = (const double *)(const void *)x->data;
    for (size_t i = 0; i < n; i++) to[i] = x->dtype == EG_F32 ? (double)f[from + i] : d[from + i];
}

static void save(const double *from, size_t n, const struct egi_tensor *x, size_t to)
{
    float *f = (float *)(void *)x->data;
    double *d = (double *)(void *)x->data;
    for (size_t i = 0; i < n; i++) {
        if (x->dtype == EG_F32)
            f[to + i] = (float)from[i];
        else
            d[to + i] = from[i];
    }
}

static void one_line(void *arg, size_t line, size_t worker)
{
    const struct lines *l = arg;
    const size_t n = l->length, at = line * n;
    double *s = l->room + worker * 3 * n, *v = s + n, *a = v + n, log_scale = 0;
    struct egi_strip q;
    load(&l->in[0], at, n, s);
    const eg_status status = egi_strip_init(&l->rule, s, NULL, n, &q);
    for (size_t i = 0; i < n && status != EG_OK; i++) a[i] = NAN; /* found below */
    if (status == EG_OK && l->inputs == 1) {
        egi_separation_row(l->rule.separation)->weights(&q, a, &log_scale);
        const double scale = exp(log_scale);
        for (size_t i = 0; i < n && log_scale != 0; i++) a[i] *= scale;
    } else if (status == EG_OK) {
        load(&l->in[1], at, n, v);
        egi_separation_row(l->rule.separation)->derivative(&q, v, a);
    }
    save(a, n, l->out, at);
}

static eg_status all_finite(const struct egi_call *c, const struct egi_tensor *x, const char *what)
{
    const size_t n = eg_shape_size(&x->shape);
    for (size_t i = 0; i < n; i++) {
        double v;
        load(x, i, 1, &v);
        if (!isfinite(v))
            return egi_fail(EG_ERR_DIVERGED, "%s: %s[%zu] is %g, expected a finite number",
                            c->op->info.name, what, i, v);
    }
    return EG_OK;
}

static eg_status forward(struct egi_call *c)
{
    struct egi_tensor in[2];
    const eg_shape *shape = &c->in[0].shape;
    struct lines l = { .in = in, .inputs = c->count, .out = &c->out, .rule = rule_of(c->attr) };
    for (size_t k = 0; k < c->count; k++) EGI_TRY(egi_contiguous(c, &c->in[k], &in[k]));
    EGI_TRY(all_finite(c, &in[0], "score"));
    l.length = shape->dim[shape->rank - 1];
    if (eg_shape_size(shape) == 0) return EG_OK;
    l.count = eg_shape_size(shape) / l.length;
    const int crew = egi_crew(c->threads, 100.0 * (double)l.count * (double)l.length);
    size_t bytes;
    void *room;
    EGI_TRY(egi_mul_size((size_t)egi_thread_count(crew) * 3 * sizeof(double), l.length, &bytes));
    EGI_TRY(egi_scratch(c, bytes, &room));
    l.room = room;
    egi_parallel_workers(l.count, crew, one_line, &l);
    return all_finite(c, &c->out, "result");
}

static eg_status shape(struct egi_call *c)
{
    char text[EGI_SHAPE_TEXT];
    if (c->in[0].shape.rank > 0 && c->in[0].dtype != EG_I32) return EG_OK;
    return egi_fail(EG_ERR_SHAPE, "%s: %s %s has no axis of scores", c->op->info.name,
                    eg_dtype_name(c->in[0].dtype), egi_shape_text(&c->in[0].shape, text));
}

static const struct egi_op op_derivative = {
    .info = { "separation_derivative", "y = (d^2 A / ds^2) v", "engram/association.h" },
    .shape = shape,
    .forward = forward,
    .unfused = "eg_softmax, or eg_rep for a separable row",
};

static void backward(struct egi_back *b)
{
    const eg_var in[2] = { b->x[0], b->g };
    b->dx[0] = egi_apply(b->t, &op_derivative, in, 2, b->attr);
}

static const struct egi_op op_separation = {
    .info = { "separation", "a = dA/ds", "engram/association.h" },
    .shape = shape,
    .forward = forward,
    .backward = backward,
};

eg_var eg_separate(eg_tape *t, eg_var s, const eg_rule *rule)
{
    if (eg_tape_status(t) != EG_OK) return EG_NONE;
    const eg_status status = eg_rule_check(rule);
    if (status != EG_OK) return egi_tape_fail(t, status);
    const struct egi_attr attr = { .n = { (ptrdiff_t)rule->separation, (ptrdiff_t)rule->k },
                                   .a = { rule->beta, rule->order } };
    return egi_apply(t, &op_separation, &s, 1, &attr);
}
