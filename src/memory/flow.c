/* Gradient flow of the three models of Krotov and Hopfield 2021, "Large associative memory
 * problem in neurobiology and machine learning", after the fast neurons are integrated out.
 * They are one equation, with time in units of tau:
 *
 *     dv/dt = y(g(v)) - v,    g = the projection,    y = dA/dx at x = g(v)
 *
 *   A: g = sign v           E = -A(g)
 *   B: g = v                E = |v|^2 / 2 - A(v); an Euler step of length 1 is the
 *                             synchronous update
 *   C: g = gain v / |v|     E = -A(g); the arbitrary decay is 1
 *
 * dE/dt = -v'^T Hess(L) v' <= 0, with L convex. A Euclidean similarity has y - v = dA/dx, so
 * that model B descends too. The state returned is g(v).
 *
 * The Jacobian is Hess(A) Hess(L) - 1: for a convex A nothing decays faster than 1, so the
 * equation is not stiff, and Adams' method with fixed-point iteration needs no matrix. The
 * right-hand side of model A jumps where a component of v crosses 0: each crossing is found as
 * a root, the sign is then changed, and the integration begins anew; between crossings the
 * pull is constant. The field is f32, so a tolerance below 1e-6 would chase its rounding.
 *
 * Memory: CVODE allocates O(D) by malloc, outside the memory's allocator. SUNDIALS 6.4 crashes
 * where a malloc within N_VClone or SUNContext_Create fails, so the memory's allocator is asked for
 * as much before: want of memory is then reported here. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <cvode/cvode.h>
#include <limits.h>
#include <math.h>
#include <nvector/nvector_serial.h>
#include <string.h>
#include <sunnonlinsol/sunnonlinsol_fixedpoint.h>

#include "memory/egi_recall.h"

static const double RELATIVE = 1e-6, ABSOLUTE = 1e-8;
enum { MAX_STEPS_A_UNIT = 100000, MAX_CROSSINGS = 64 /* of a component in a unit of time */ };

/* What each model asks of the rule. */
static const struct law {
    eg_projection projection;
    int euclidean; /* that similarity has a flow too */
    int jumps;     /* g is piecewise constant */
    int clamp;     /* a component of g can be held */
} laws[] = {
    [EG_DYN_FLOW_A - EG_DYN_FLOW_A] = { EG_PROJ_SIGN, 0, 1, 1 },
    [EG_DYN_FLOW_B - EG_DYN_FLOW_A] = { EG_PROJ_IDENTITY, 1, 0, 1 },
    [EG_DYN_FLOW_C - EG_DYN_FLOW_A] = { EG_PROJ_BALL, 0, 0, 0 },
};

struct flow {
    const eg_memory *m;
    const struct egi_relax *relax;
    const struct law *law;
    double *v;     /* (D) */
    double *g;     /* (D) in double, before it is rounded to x */
    double *pull;  /* (D) y, scaled */
    int *crossed;  /* (D) */
    float *x;      /* (D) g(v), and the clamped components of the cue */
    float *y;      /* (D) */
    double energy; /* at x, and the bound on its rounding */
    double rounding;
    int empty;
    eg_status status; /* of a right-hand side that failed */
};

static eg_status check_law(const eg_memory *m, const struct egi_relax *relax, const struct law *law)
{
    const eg_rule *r = &m->options.rule;
    const char model = (char)('A' + (law - laws));
    if (r->projection != law->projection)
        return egi_fail(EG_ERR_UNSUPPORTED, "flow of model %c: projection %s, expected %s", model,
                        eg_projection_info(r->projection)->name,
                        eg_projection_info(law->projection)->name);
    if (r->similarity != EG_SIM_DOT && !(law->euclidean && r->similarity == EG_SIM_EUCLIDEAN))
        return egi_fail(EG_ERR_UNSUPPORTED,
                        "flow of model %c: the pull of similarity %s is no gradient", model,
                        eg_similarity_info(r->similarity)->name);
    if (relax->clamp != NULL && !law->clamp)
        return egi_fail(EG_ERR_UNSUPPORTED,
                        "flow of model %c: the norm moves every component, "
                        "none can be clamped",
                        model);
    return EG_OK;
}

static int clamped(const struct flow *f, size_t j)
{
    return f->relax->clamp != NULL && f->relax->clamp[j] != 0;
}

/* x = g(v). The signs of model A change at crossings only. A clamped component has v at rest. */
static eg_status activate(struct flow *f, const double *v)
{
    const size_t d = f->m->d;
    if (f->law->jumps) return EG_OK;
    for (size_t j = 0; j < d; j++) f->g[j] = (double)f->x[j];
    EGI_TRY(eg_projection_apply(&f->m->options.rule, v, d, f->g));
    for (size_t j = 0; j < d; j++) {
        if (!(fabs(f->g[j]) <= (double)__FLT_MAX__))
            return egi_fail(EG_ERR_DIVERGED, "flow: component %zu of the state is %g", j, f->g[j]);
        f->x[j] = (float)f->g[j];
    }
    return EG_OK;
}

/* The pull and the energy at x. */
static eg_status attract(struct flow *f)
{
    const eg_memory *m = f->m;
    struct egi_pull pull;
    const struct egi_reading own = egi_own(m);
    EGI_TRY(m->backend->field(m, f->x, 1, 1, &own, f->y, &pull));
    const double scale = exp(pull.log_scale);
    for (size_t j = 0; j < m->d; j++) {
        f->pull[j] = f->y[j] != 0 ? (double)f->y[j] * scale : 0;
        if (!pull.empty && !isfinite(f->pull[j]))
            return egi_fail(EG_ERR_DIVERGED, "flow: the pull on component %zu is %g", j,
                            f->pull[j]);
    }
    f->energy = egi_state_energy(m, f->x, pull.attraction, egi_energy_constant(m));
    f->rounding = pull.rounding;
    f->empty = pull.empty;
    return EG_OK;
}

static double speed(const struct flow *f, const double *v, size_t j)
{
    return f->empty || clamped(f, j) ? 0 : f->pull[j] - v[j];
}

/* ---- what CVODE calls ---- */

static int right_hand_side(realtype t, N_Vector at, N_Vector dot, void *user)
{
    (void)t;
    struct flow *f = user;
    const double *v = N_VGetArrayPointer(at);
    double *rate = N_VGetArrayPointer(dot);
    if (!f->law->jumps) {
        f->status = activate(f, v);
        if (f->status == EG_OK) f->status = attract(f);
        if (f->status != EG_OK) return -1; /* not recoverable */
    }
    for (size_t j = 0; j < f->m->d; j++) rate[j] = speed(f, v, j);
    return 0;
}

static int crossings(realtype t, N_Vector at, realtype *g, void *user)
{
    (void)t;
    const struct flow *f = user;
    memcpy(g, N_VGetArrayPointer(at), f->m->d * sizeof *g);
    return 0;
}

static void silent(int code, const char *module, const char *function, char *msg, void *user)
{
    (void)code;
    (void)module;
    (void)function;
    (void)msg;
    (void)user;
}

struct solver {
    SUNContext context;
    N_Vector state;
    void *cvode;
    SUNNonlinearSolver iteration;
};

static void solver_destroy(struct solver *s)
{
    if (s->iteration != NULL) SUNNonlinSolFree(s->iteration);
    if (s->cvode != NULL) CVodeFree(&s->cvode);
    if (s->state != NULL) N_VDestroy(s->state);
    if (s->context != NULL) SUNContext_Free(&s->context);
}

/* Room for what CVODE will allocate, given back at once. */
static eg_status ask_for_room(const struct flow *f)
{
    enum { VECTORS = 32 }; /* 13 of Adams' method, and of work; 3 of roots */
    void *room;
    EGI_TRY(egi_alloc_array(f->m->alloc, f->m->d, VECTORS * sizeof(double), "flow: CVODE", &room));
    egi_free(f->m->alloc, room, f->m->d * VECTORS * sizeof(double));
    return EG_OK;
}

/* Every refusal here is for want of memory: all arguments are constants or valid. */
static eg_status solver_create(struct flow *f, struct solver *s)
{
    EGI_TRY(ask_for_room(f));
    *s = (struct solver){ 0 };
    int ok = SUNContext_Create(NULL, &s->context) == 0;
    ok = ok && (s->state = N_VMake_Serial((sunindextype)f->m->d, f->v, s->context)) != NULL;
    ok = ok && (s->cvode = CVodeCreate(CV_ADAMS, s->context)) != NULL;
    ok = ok && CVodeSetErrHandlerFn(s->cvode, silent, NULL) == CV_SUCCESS;
    ok = ok && CVodeInit(s->cvode, right_hand_side, 0, s->state) == CV_SUCCESS;
    ok = ok && CVodeSetUserData(s->cvode, f) == CV_SUCCESS;
    ok = ok && CVodeSStolerances(s->cvode, RELATIVE, ABSOLUTE) == CV_SUCCESS;
    ok = ok && CVodeSetMaxNumSteps(s->cvode, MAX_STEPS_A_UNIT) == CV_SUCCESS;
    ok = ok && (s->iteration = SUNNonlinSol_FixedPoint(s->state, 0, s->context)) != NULL;
    ok = ok && CVodeSetNonlinearSolver(s->cvode, s->iteration) == CV_SUCCESS;
    if (f->law->jumps)
        ok = ok && CVodeRootInit(s->cvode, (int)f->m->d, crossings) == CV_SUCCESS
             && CVodeSetNoInactiveRootWarn(s->cvode) == CV_SUCCESS;
    if (ok) return EG_OK;
    solver_destroy(s);
    return egi_fail(EG_ERR_NOMEM, "flow: CVODE has no memory for %zu components", f->m->d);
}

/* ---- the flow ---- */

/* Signs change where v has crossed 0; a hair beyond it, so that no root lies at the start. */
static eg_status cross(struct flow *f, const struct solver *s, double t)
{
    if (CVodeGetRootInfo(s->cvode, f->crossed) != CV_SUCCESS)
        return egi_fail(EG_ERR_DIVERGED, "flow: no crossing found at t = %g", t);
    for (size_t j = 0; j < f->m->d; j++) {
        if (f->crossed[j] == 0) continue;
        f->x[j] = f->crossed[j] > 0 ? 1.0f : -1.0f;
        f->v[j] = (double)f->x[j] * ABSOLUTE * RELATIVE;
    }
    EGI_TRY(attract(f));
    if (CVodeReInit(s->cvode, t, s->state) != CV_SUCCESS)
        return egi_fail(EG_ERR_DIVERGED, "flow: no way on from t = %g", t);
    return EG_OK;
}

static eg_status advance(struct flow *f, const struct solver *s, double to)
{
    realtype t = 0;
    for (size_t n = 0; n <= MAX_CROSSINGS * f->m->d; n++) {
        f->status = EG_OK;
        const int flag = CVode(s->cvode, to, s->state, &t, CV_NORMAL);
        if (flag == CV_SUCCESS) return EG_OK;
        if (flag == CV_MEM_FAIL) return egi_fail(EG_ERR_NOMEM, "flow: CVODE has no memory");
        if (f->status != EG_OK) return f->status; /* its detail is in place */
        if (flag < 0)
            return egi_fail(EG_ERR_DIVERGED, "flow: CVODE stops at t = %g with flag %d", t, flag);
        EGI_TRY(cross(f, s, t));
    }
    return egi_fail(EG_ERR_DIVERGED, "flow: signs change without end at t = %g", t);
}

/* Notes the state at time t; whether it rests. */
static eg_status record(struct flow *f, size_t t, struct egi_relaxed *result)
{
    const struct egi_relax *relax = f->relax;
    const size_t d = f->m->d;
    const double last = f->energy, slack = f->rounding;
    EGI_TRY(activate(f, f->v));
    EGI_TRY(attract(f));
    if (t == 0) {
        result->moved = 1; /* to g(v) */
        result->before = f->energy;
    }
    if (t > 0 && f->energy > last + slack + f->rounding + 10 * RELATIVE * (1 + fabs(last)))
        result->descended = 0;
    if (relax->trace != NULL) relax->trace[t] = f->energy;
    if (relax->path != NULL) memcpy(relax->path + t * d, f->x, d * sizeof *f->x);
    double rate = 0, size = 0;
    for (size_t j = 0; j < d; j++) {
        rate += speed(f, f->v, j) * speed(f, f->v, j);
        size += f->v[j] * f->v[j];
    }
    result->steps = t;
    result->converged = sqrt(rate) <= relax->options->tolerance * (size > 1 ? sqrt(size) : 1);
    return EG_OK;
}

static eg_status run(struct flow *f, struct egi_relaxed *result)
{
    struct solver s;
    EGI_TRY(record(f, 0, result));
    EGI_TRY(solver_create(f, &s));
    eg_status status = EG_OK;
    for (size_t t = 1; t <= f->relax->options->max_steps && !result->converged; t++) {
        double last = f->energy, slack = f->rounding;
        status = advance(f, &s, (double)t);
        if (status != EG_OK) break;
        f->energy = last; /* the right-hand side has left others here */
        f->rounding = slack;
        status = record(f, t, result);
        if (status != EG_OK) break;
    }
    solver_destroy(&s);
    return status;
}

/* g(v(0)) of model A; what was 0 begins a hair beyond, as after a crossing. */
static eg_status take_signs(struct flow *f)
{
    EGI_TRY(egi_take_signs(f->m, f->relax->clamp, f->x));
    for (size_t j = 0; j < f->m->d; j++)
        if (!clamped(f, j) && f->v[j] == 0) f->v[j] = (double)f->x[j] * ABSOLUTE * RELATIVE;
    return EG_OK;
}

eg_status egi_flow(const eg_memory *m, const struct egi_relax *relax, float *x,
                   struct egi_relaxed *result)
{
    const struct law *law = &laws[relax->options->dynamics - EG_DYN_FLOW_A];
    EGI_TRY(check_law(m, relax, law));
    if (m->d > INT_MAX) return egi_fail(EG_ERR_OVERFLOW, "flow: %zu components", m->d);
    const struct egi_need needs[] = { { m->d, sizeof(double) },
                                      { m->d, sizeof(double) },
                                      { m->d, sizeof(double) },
                                      { m->d, sizeof(int) },
                                      { m->d, sizeof(float) } };
    struct egi_arena arena;
    EGI_TRY(egi_arena_create(m->alloc, needs, EGI_COUNT(needs), "flow", &arena));
    struct flow f = { .m = m,
                      .relax = relax,
                      .law = law,
                      .x = x,
                      .v = arena.part[0],
                      .g = arena.part[1],
                      .pull = arena.part[2],
                      .crossed = arena.part[3],
                      .y = arena.part[4] };
    for (size_t j = 0; j < m->d; j++) f.v[j] = (double)x[j];
    *result = (struct egi_relaxed){ .descended = 1 };
    eg_status s = law->jumps ? take_signs(&f) : EG_OK;
    if (s == EG_OK) s = run(&f, result);
    egi_arena_destroy(&arena);
    return s;
}
