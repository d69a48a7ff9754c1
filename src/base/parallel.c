/* The only file of the library that knows what a thread is.
 *
 * A body sees an OpenMP runtime of one thread, whoever runs it: a BLAS called from it neither
 * forks nor cuts its sums by the number of threads. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/egi_base.h"
#include "base/egi_steps.h"
#include "engram/version.h"

struct share {
    void (*body)(void *arg, size_t i, size_t worker);
    void *arg;
    size_t n, workers;
};

struct steps {
    size_t count;
    size_t (*n)(void *arg, size_t s);
    void (*body)(void *arg, size_t s, size_t i);
    void *arg;
};

#if defined(EG_PARALLEL_OPENMP)

#include <omp.h>

static int runtime_threads(void)
{
    return omp_get_max_threads();
}

/* Of the calling thread alone, and of a worker only until its parallel region ends. */
static void set_runtime_threads(int n)
{
    omp_set_num_threads(n);
}

/* Iterations go to whoever is free: blocks of unequal cost do not wait for each other.
 * Who runs an iteration changes nothing in what it computes. */
static void run(const struct share *s)
{
    const ptrdiff_t end = (ptrdiff_t)s->n;
#pragma omp parallel num_threads((int)s->workers)
    {
        set_runtime_threads(1);
#pragma omp for schedule(dynamic, 1)
        for (ptrdiff_t i = 0; i < end; i++)
            s->body(s->arg, (size_t)i, (size_t)omp_get_thread_num());
    }
}

static void run_steps(const struct steps *s, size_t workers)
{
#pragma omp parallel num_threads((int)workers)
    {
        set_runtime_threads(1);
        for (size_t k = 0; k < s->count; k++) {
            const ptrdiff_t end = (ptrdiff_t)s->n(s->arg, k);
#pragma omp for schedule(static, 1)
            for (ptrdiff_t i = 0; i < end; i++) s->body(s->arg, k, (size_t)i);
        }
    }
}

#else

/* OpenBLAS may bring an OpenMP runtime of its own. */
extern void omp_set_num_threads(int n) __attribute__((weak));

static void set_runtime_threads(int n)
{
    if (omp_set_num_threads != NULL) omp_set_num_threads(n);
}

#endif

#if defined(EG_PARALLEL_PTHREAD)

#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

static int runtime_threads(void)
{
    const long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n < 1 ? 1 : n > EGI_MAX_THREADS ? EGI_MAX_THREADS : (int)n;
}

struct crew {
    const struct share *share;
    atomic_size_t next;
};

struct member {
    struct crew *crew;
    size_t worker;
};

static void *run_member(void *p)
{
    const struct member *m = p;
    const struct share *s = m->crew->share;
    set_runtime_threads(1);
    for (;;) {
        const size_t i = atomic_fetch_add(&m->crew->next, 1);
        if (i >= s->n) return NULL;
        s->body(s->arg, i, m->worker);
    }
}

static void run(const struct share *s)
{
    struct crew crew = { s, 0 };
    struct member member[EGI_MAX_THREADS];
    pthread_t id[EGI_MAX_THREADS];
    int started[EGI_MAX_THREADS] = { 0 };
    for (size_t t = 0; t < s->workers; t++) {
        member[t] = (struct member){ &crew, t };
        started[t] = t > 0 && pthread_create(&id[t], NULL, run_member, &member[t]) == 0;
    }
    run_member(&member[0]); /* iterations nobody else takes are ours */
    for (size_t t = 1; t < s->workers; t++)
        if (started[t]) pthread_join(id[t], NULL);
}

#elif !defined(EG_PARALLEL_OPENMP)

static int runtime_threads(void)
{
    return 1;
}

static void run(const struct share *s)
{
    for (size_t i = 0; i < s->n; i++) s->body(s->arg, i, 0);
}

#endif

#if !defined(EG_PARALLEL_OPENMP)

/* A step as a loop of its own. */
struct one_step {
    const struct steps *s;
    size_t k;
};

static void run_one(void *arg, size_t i, size_t worker)
{
    (void)worker;
    const struct one_step *o = arg;
    o->s->body(o->s->arg, o->k, i);
}

static void run_steps(const struct steps *s, size_t workers)
{
    for (size_t k = 0; k < s->count; k++) {
        struct one_step o = { s, k };
        egi_parallel_workers(s->n(s->arg, k), (int)workers, run_one, &o);
    }
}

#endif

/* What the runtime offered before run_alone() made it one; 0: it still does. */
static _Thread_local int offered;

int egi_thread_count(int threads)
{
    const int n = threads > 0 ? threads : offered > 0 ? offered : runtime_threads();
    return n < 1 ? 1 : n > EGI_MAX_THREADS ? EGI_MAX_THREADS : n;
}

#define WORTH_A_THREAD 4e6 /* some 50 us, several times what waking a thread takes */

int egi_crew(int threads, double work)
{
    return work < WORTH_A_THREAD ? 1 : threads;
}

int eg_threads(void)
{
    return egi_thread_count(0);
}

/* An egi_parallel_for inside such a body may still use all threads: it asks for them. */
static void run_alone(const struct share *s)
{
    const int before = offered, threads = before > 0 ? before : runtime_threads();
    offered = threads;
    set_runtime_threads(1);
    for (size_t i = 0; i < s->n; i++) s->body(s->arg, i, 0);
    offered = before;
    if (before == 0) set_runtime_threads(threads);
}

void egi_parallel_workers(size_t n, int threads, void (*body)(void *arg, size_t i, size_t worker),
                          void *arg)
{
    const size_t crew = (size_t)egi_thread_count(threads);
    const struct share s = { body, arg, n, crew < n ? crew : n };
    if (s.workers > 1)
        run(&s);
    else
        run_alone(&s);
}

struct plain {
    void (*body)(void *arg, size_t i);
    void *arg;
};

static void without_worker(void *arg, size_t i, size_t worker)
{
    (void)worker;
    const struct plain *p = arg;
    p->body(p->arg, i);
}

void egi_parallel_for(size_t n, int threads, void (*body)(void *arg, size_t i), void *arg)
{
    struct plain p = { body, arg };
    egi_parallel_workers(n, threads, without_worker, &p);
}

static void run_steps_alone(void *arg, size_t unused)
{
    (void)unused;
    const struct steps *s = arg;
    for (size_t k = 0; k < s->count; k++) {
        const size_t n = s->n(s->arg, k);
        for (size_t i = 0; i < n; i++) s->body(s->arg, k, i);
    }
}

void egi_parallel_steps(size_t steps, int threads, size_t (*n)(void *arg, size_t s),
                        void (*body)(void *arg, size_t s, size_t i), void *arg)
{
    struct steps s = { steps, n, body, arg };
    const size_t crew = (size_t)egi_thread_count(threads);
    if (crew > 1)
        run_steps(&s, crew);
    else
        egi_parallel_for(1, 1, run_steps_alone, &s);
}
