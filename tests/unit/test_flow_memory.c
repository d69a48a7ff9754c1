/* Gradient flows when CVODE gets no memory. It allocates by malloc, out of an eg_allocator's reach,
 * so those of its functions that allocate, and that it does not call itself, are taken over here:
 * call number `fail_at` of a recall answers as for want of memory, every other goes to CVODE. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <cvode/cvode.h>
#include <dlfcn.h>
#include <nvector/nvector_serial.h>
#include <sunnonlinsol/sunnonlinsol_fixedpoint.h>

#include "check.h"

static size_t calls, fail_at;

static int fails(void)
{
    return calls++ == fail_at;
}

/* The next definition of a function, CVODE's own. */
#define NEXT(function) ((__typeof__(&(function)))(uintptr_t)dlsym(RTLD_NEXT, #function))

int SUNContext_Create(void *comm, SUNContext *context)
{
    return fails() ? -1 : NEXT(SUNContext_Create)(comm, context);
}

N_Vector N_VMake_Serial(sunindextype length, realtype *data, SUNContext context)
{
    return fails() ? NULL : NEXT(N_VMake_Serial)(length, data, context);
}

void *CVodeCreate(int method, SUNContext context)
{
    return fails() ? NULL : NEXT(CVodeCreate)(method, context);
}

int CVodeInit(void *cvode, CVRhsFn f, realtype t, N_Vector y)
{
    return fails() ? CV_MEM_FAIL : NEXT(CVodeInit)(cvode, f, t, y);
}

SUNNonlinearSolver SUNNonlinSol_FixedPoint(N_Vector y, int m, SUNContext context)
{
    return fails() ? NULL : NEXT(SUNNonlinSol_FixedPoint)(y, m, context);
}

int CVodeRootInit(void *cvode, int n, CVRootFn g)
{
    return fails() ? CV_MEM_FAIL : NEXT(CVodeRootInit)(cvode, n, g);
}

int CVode(void *cvode, realtype to, N_Vector y, realtype *t, int task)
{
    return fails() ? CV_MEM_FAIL : NEXT(CVode)(cvode, to, y, t, task);
}

static void want_of_memory_is_reported(void **state)
{
    (void)state;
    const float xi[6] = { 1, -1, 1, 0, 1, 1 };
    const struct {
        eg_dynamics dynamics;
        eg_projection projection;
        size_t calls; /* at least: of creation, and one of integration */
    } rows[] = {
        { EG_DYN_FLOW_A, EG_PROJ_SIGN, 7 },
        { EG_DYN_FLOW_B, EG_PROJ_IDENTITY, 6 },
        { EG_DYN_FLOW_C, EG_PROJ_BALL, 6 },
    };
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
        struct failing f = { SIZE_MAX, 0, 0, 0, 0, 0 };
        const eg_allocator alloc = failing_allocator(&f);
        eg_memory_options o = EG_MEMORY_OPTIONS_INIT;
        o.alloc = &alloc;
        o.rule.projection = rows[k].projection;
        eg_memory *m = NULL;
        CHECK_OK(eg_memory_create(3, &o, &m));
        CHECK_OK(eg_memory_add(m, xi, 2, NULL));
        eg_recall_options r = EG_RECALL_OPTIONS_INIT;
        r.dynamics = rows[k].dynamics;
        r.max_steps = 2;
        r.tolerance = 0;
        const size_t live = f.live, live_bytes = f.live_bytes;
        size_t at = 0;
        for (eg_status s = EG_ERR_NOMEM; s != EG_OK; at++) {
            float out[3] = { 7, 7, 7 };
            calls = 0;
            fail_at = at;
            s = eg_memory_recall(m, xi, 1, &r, out, NULL);
            if (s == EG_OK) continue;
            CHECK_STATUS(s, EG_ERR_NOMEM);
            CHECK(strstr(eg_error_detail(), "CVODE has no memory") != NULL);
            CHECK(out[0] == 7 && out[1] == 7 && out[2] == 7);
            CHECK(f.live == live && f.live_bytes == live_bytes);
        }
        CHECK(at > rows[k].calls);
        eg_memory_destroy(m);
        CHECK(f.live == 0 && f.live_bytes == 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(want_of_memory_is_reported),
    };
    return cmocka_run_group_tests_name("flow_memory", tests, NULL, NULL);
}
