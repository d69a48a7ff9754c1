/* Networks as alpha (f - f_0), and regression with the kernel they began with: two systems under
 * one flow.
 *
 * A system says for a point u its velocity v = du/dt, what F is there, and the loss. Of networks u
 * are the weights; of kernels it is F itself. The flow takes steps
 *
 *     u_1 = u_0 + h ((1 + r/2) v_0 - r/2 v_before),   r = h / h before
 *
 * and looks at the new point, whose velocity is the next step's: one look a step.
 *
 * Differs from the scheme of Geiger et al. (feature_lazy, gradientflow) in: 1. this formula in
 * the place of Euler's, which at the usual `turn` is off by half a per cent of the rate; 2. a step
 * is bounded in F, not in f; 3. kinks, as the header says; 4. the last two steps before a time that
 * is asked for are of one length, so that r stays below 2.2. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "engram/lazy.h"

#include <math.h>
#include <string.h>

#include "measure/egi_tangent.h"

#define GROWN 1.1
#define SHRUNK 0.1

enum { ROWS = 4096, SEEN_EVERY = 64 }; /* of a pass; looks between two calls of progress */

struct lazy {
    struct egi_traced r;
    eg_part all, learned;
    eg_lazy_options o;
    size_t n;       /* numbers of u */
    size_t outputs; /* N K, of all examples */
    size_t bound;   /* of these, learned */
    /* f (outputs), of which the first `bound` need be set, and v (n), of u (n) */
    eg_status (*look)(struct lazy *s, const double *u, double *f, double *v, double *loss);
    eg_status (*answer)(struct lazy *s, const double *u, double *f); /* all of f */
    double *u, *v, *f;                                               /* where the flow is */
    double *next_u, *next_v, *next_f;                                /* where the step leads */
    double *before;                                                  /* (n) v one step ago */
    double *scale;                                                   /* (n) networks: w = scale u */
    double *w;                                                       /* (n) networks */
    double *first;       /* (outputs) networks: scores of w_0 */
    const float *kernel; /* (outputs, outputs) kernels */
    struct egi_arena arena;
};

/* ---- networks ---- */

/* F of the examples on the tape, which are those from `from` on. */
static eg_var scaled(struct lazy *s, size_t from, size_t b)
{
    const size_t k = s->r.l->task.classes;
    eg_tape *t = s->r.t;
    const eg_var z = egi_traced_scores(&s->r, s->w, b);
    const eg_var first = eg_input(t, EG_F64, &eg_shape_of(b, k), s->first + from * k);
    return eg_affine(t, eg_sub(t, z, first), s->o.alpha, 0);
}

static void weigh(struct lazy *s, const double *u)
{
    for (size_t i = 0; i < s->n; i++) s->w[i] = s->scale[i] * u[i];
}

static eg_status look_network(struct lazy *s, const double *u, double *f, double *v, double *loss)
{
    const size_t n = s->learned.n, k = s->r.l->task.classes;
    s->r.part = &s->learned;
    memset(v, 0, s->n * sizeof *v);
    weigh(s, u);
    *loss = 0;
    for (size_t from = 0, b; from < n; from += b) {
        eg_tape_reset(s->r.t);
        b = egi_traced_load(&s->r, from);
        const double share = (double)b / (double)n;
        const eg_var out = scaled(s, from, b), cost = egi_traced_cost(&s->r, out, b);
        const double *value = eg_tape_value(s->r.t, out);
        EGI_TRY(eg_tape_status(s->r.t));
        memcpy(f + from * k, value, b * k * sizeof *f);
        *loss += share * eg_tape_number(s->r.t, cost);
        EGI_TRY(egi_traced_gradient(&s->r, cost, EG_NONE, 0));
        EGI_TRY(egi_traced_add(&s->r, -share / (s->o.alpha * s->o.alpha), v));
    }
    for (size_t i = 0; i < s->n; i++) v[i] *= s->scale[i];
    return EG_OK;
}

static eg_status answer_network(struct lazy *s, const double *u, double *f)
{
    const size_t k = s->r.l->task.classes;
    s->r.part = &s->all;
    weigh(s, u);
    for (size_t from = 0, b; from < s->all.n; from += b) {
        eg_tape_reset(s->r.t);
        b = egi_traced_load(&s->r, from);
        const double *value = eg_tape_value(s->r.t, scaled(s, from, b));
        EGI_TRY(eg_tape_status(s->r.t));
        memcpy(f + from * k, value, b * k * sizeof *f);
    }
    return EG_OK;
}

/* ---- kernels ---- */

static eg_status look_kernel(struct lazy *s, const double *u, double *f, double *v, double *loss)
{
    const size_t n = s->learned.n, k = s->r.l->task.classes;
    double *pull = s->w; /* (bound) dl/dF / N */
    s->r.part = &s->learned;
    *loss = 0;
    for (size_t from = 0, b; from < n; from += b) {
        eg_var d = EG_NONE;
        eg_tape_reset(s->r.t);
        b = egi_traced_load(&s->r, from);
        const double share = (double)b / (double)n;
        const eg_var z = eg_leaf(s->r.t, EG_F64, &eg_shape_of(b, k), u + from * k);
        const eg_var cost = egi_traced_cost(&s->r, z, b);
        *loss += share * eg_tape_number(s->r.t, cost);
        EGI_TRY(eg_tape_gradient(s->r.t, cost, EG_NONE, &z, 1, 0, &d));
        const double *value = eg_tape_value(s->r.t, d);
        EGI_TRY(eg_tape_status(s->r.t));
        for (size_t i = 0; i < b * k; i++) pull[from * k + i] = share * value[i];
    }
    for (size_t i = 0; i < s->outputs; i++) {
        double sum = 0;
        for (size_t j = 0; j < s->bound; j++)
            sum += (double)s->kernel[i * s->outputs + j] * pull[j];
        v[i] = -sum;
    }
    memcpy(f, u, s->outputs * sizeof *f);
    return EG_OK;
}

static eg_status answer_kernel(struct lazy *s, const double *u, double *f)
{
    memcpy(f, u, s->outputs * sizeof *f);
    return EG_OK;
}

/* ---- the flow ---- */

/* Whether the step from u to next_u is one to keep; written so that NaN is none. */
static int kept(const struct lazy *s)
{
    double apart = 0, one = 0, other = 0, most = 0;
    for (size_t i = 0; i < s->n; i++) {
        const double d = s->next_v[i] - s->v[i];
        apart += d * d;
        one += s->v[i] * s->v[i];
        other += s->next_v[i] * s->next_v[i];
    }
    for (size_t i = 0; i < s->bound; i++) {
        const double d = fabs(s->next_f[i] - s->f[i]);
        if (!(d <= most)) most = d;
    }
    return isfinite(apart)
           && (most <= s->o.still
               || (most <= s->o.moved && apart <= s->o.turn * sqrt(one) * sqrt(other)));
}

static void swap(double **a, double **b)
{
    double *const c = *a;
    *a = *b;
    *b = c;
}

/* The step's length at a time with `left` to the next that is asked for. */
static double fitted(double step, double left)
{
    if (step >= left) return left;
    return 2 * step > left ? left / 2 : step;
}

/* From u, whose v, f and loss are known, by `left`. */
static eg_status move(struct lazy *s, double left, double *step, double *last, eg_lazy_end *end)
{
    while (left > 0) {
        const double h = fitted(*step, left), r = *last > 0 ? h / *last : 0;
        double loss;
        if (end->steps + end->refused == s->o.steps)
            return egi_fail(EG_ERR_LIMIT, "eg_lazy: %zu steps, and %g of the time is left",
                            s->o.steps, left);
        if ((end->steps + end->refused) % SEEN_EVERY == 0)
            EGI_TRY(egi_report(s->o.progress, "flow", end->steps, 0));
        for (size_t i = 0; i < s->n; i++)
            s->next_u[i] =
                s->u[i] + h * ((1 + r / 2) * s->v[i] - (r > 0 ? r / 2 * s->before[i] : 0));
        EGI_TRY(s->look(s, s->next_u, s->next_f, s->next_v, &loss));
        if (!isfinite(loss) || !kept(s)) {
            *step = SHRUNK * h;
            end->refused++;
            continue;
        }
        if (h >= *step) *step = GROWN * h;
        swap(&s->before, &s->v);
        swap(&s->v, &s->next_v);
        swap(&s->u, &s->next_u);
        swap(&s->f, &s->next_f);
        left = h >= left ? 0 : left - h;
        *last = h;
        end->loss = loss;
        end->steps++;
    }
    return EG_OK;
}

static eg_status flow(struct lazy *s, const double *times, size_t count, double *outputs,
                      eg_lazy_end *end)
{
    double step = times[count - 1], last = 0, at = 0;
    EGI_TRY(s->look(s, s->u, s->f, s->v, &end->loss));
    for (size_t i = 0; i < s->n; i++)
        if (!isfinite(s->v[i]) || !isfinite(end->loss))
            return egi_fail(EG_ERR_DIVERGED,
                            "eg_lazy: at the beginning the loss is %g, its "
                            "velocity %g at %zu",
                            end->loss, s->v[i], i);
    for (size_t i = 0; i < count; i++) {
        EGI_TRY(move(s, times[i] - at, &step, &last, end));
        if (outputs != NULL) EGI_TRY(s->answer(s, s->u, outputs + i * s->outputs));
        at = times[i];
    }
    return EG_OK;
}

/* ---- what both begin with ---- */

static eg_status check(const eg_lazy_options *in, const double *times, size_t count,
                       eg_lazy_options *o)
{
    *o = (eg_lazy_options)EG_LAZY_OPTIONS_INIT;
    if (in != NULL && in->size != sizeof *o)
        return egi_fail(EG_ERR_INVALID, "eg_lazy_options.size is %zu, expected %zu", in->size,
                        sizeof *o);
    if (in != NULL) *o = *in;
    if (!(o->alpha > 0) || !isfinite(1 / (o->alpha * o->alpha)) || !(o->turn > 0) || !(o->moved > 0)
        || !(o->still > 0))
        return egi_fail(EG_ERR_INVALID,
                        "eg_lazy: alpha %g, turn %g, moved %g, still %g, expected above 0",
                        o->alpha, o->turn, o->moved, o->still);
    if (times == NULL || count == 0)
        return egi_fail(EG_ERR_INVALID, "eg_lazy: no times, expected one or more");
    for (size_t i = 0; i < count; i++)
        if (!(times[i] >= (i > 0 ? times[i - 1] : 0)) || !isfinite(times[i]))
            return egi_fail(EG_ERR_INVALID, "eg_lazy: times[%zu] = %g, expected to rise from 0 on",
                            i, times[i]);
    return EG_OK;
}

static eg_status room(struct lazy *s)
{
    double **const of_u[] = { &s->u, &s->next_u, &s->v, &s->next_v, &s->before, &s->w, &s->scale };
    double **const of_f[] = { &s->f, &s->next_f, &s->first };
    const struct egi_need needs[] = { { s->n, EGI_COUNT(of_u) * sizeof(double) },
                                      { s->outputs, EGI_COUNT(of_f) * sizeof(double) } };
    EGI_TRY(egi_arena_create(s->r.alloc, needs, 2, "lazy training", &s->arena));
    for (size_t i = 0; i < EGI_COUNT(of_u); i++) *of_u[i] = (double *)s->arena.part[0] + i * s->n;
    for (size_t i = 0; i < EGI_COUNT(of_f); i++)
        *of_f[i] = (double *)s->arena.part[1] + i * s->outputs;
    memset(s->first, 0, s->outputs * sizeof *s->first);
    return EG_OK;
}

static eg_status begin(eg_learner *l, const eg_part *part, struct lazy *s)
{
    if (l == NULL || part == NULL)
        return egi_fail(EG_ERR_INVALID, "eg_lazy: no learner or no part");
    if (s->o.learned > part->n)
        return egi_fail(EG_ERR_INVALID, "eg_lazy: %zu of %zu examples are to be learned",
                        s->o.learned, part->n);
    s->all = s->learned = *part;
    if (s->o.learned > 0) s->learned.n = s->o.learned;
    EGI_TRY(egi_mul_size(part->n, l->task.classes, &s->outputs));
    s->bound = s->learned.n * l->task.classes;
    return egi_traced_create(l, &s->all, ROWS, s->o.threads, EG_F64, s->o.alloc, &s->r);
}

static void end(struct lazy *s)
{
    egi_arena_destroy(&s->arena);
    egi_traced_clear(&s->r);
}

/* u and scale of the learner's weights, and its scores f_0: F for alpha = 1 and scores of 0. */
static eg_status begin_network(struct lazy *s)
{
    const double alpha = s->o.alpha;
    s->n = s->r.n;
    s->look = look_network;
    s->answer = answer_network;
    EGI_TRY(room(s));
    for (size_t k = 0; k < s->r.arrays; k++) {
        const eg_param *p = eg_params_at(s->r.l->params, k);
        const double scale = egi_tangent_scale(p, s->o.normalised);
        if (s->r.at[k] >= s->r.n) continue;
        for (size_t i = 0; i < eg_shape_size(&p->shape); i++) s->scale[s->r.at[k] + i] = scale;
    }
    for (size_t i = 0; i < s->n; i++) s->u[i] = s->r.w[i] / s->scale[i];
    s->o.alpha = 1;
    EGI_TRY(answer_network(s, s->u, s->f));
    s->o.alpha = alpha;
    swap(&s->first, &s->f);
    return EG_OK;
}

eg_status eg_lazy_train(eg_learner *l, const eg_part *part, const double *times, size_t count,
                        const eg_lazy_options *options, double *outputs, eg_lazy_end *out)
{
    struct lazy s = { .kernel = NULL };
    eg_lazy_end reached = { 0 };
    EGI_TRY(check(options, times, count, &s.o));
    EGI_TRY(begin(l, part, &s));
    eg_status status = begin_network(&s);
    if (status == EG_OK) status = flow(&s, times, count, outputs, &reached);
    if (status == EG_OK) {
        weigh(&s, s.u);
        egi_traced_keep(&s.r, s.w);
        *out = reached;
    }
    end(&s);
    return status;
}

eg_status eg_lazy_kernel_flow(eg_learner *l, const eg_part *part, const float *kernel,
                              const double *times, size_t count, const eg_lazy_options *options,
                              double *outputs, eg_lazy_end *out)
{
    struct lazy s = { .kernel = kernel, .look = look_kernel, .answer = answer_kernel };
    eg_lazy_end reached = { 0 };
    if (kernel == NULL) return egi_fail(EG_ERR_INVALID, "eg_lazy_kernel_flow: no kernel");
    EGI_TRY(check(options, times, count, &s.o));
    EGI_TRY(begin(l, part, &s));
    s.n = s.outputs;
    eg_status status = room(&s);
    if (status == EG_OK) memset(s.u, 0, s.n * sizeof *s.u);
    if (status == EG_OK) status = flow(&s, times, count, outputs, &reached);
    if (status == EG_OK) *out = reached;
    end(&s);
    return status;
}
