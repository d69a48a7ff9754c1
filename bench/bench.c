/* SPDX-License-Identifier: Apache-2.0 */
#include "bench.h"

#include <cblas.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "engram/random.h"
#include "kernel/egi_kernel_gemm.h"

enum { PRODUCT = 2048 };

size_t bench_patterns = 1000000;

double bench_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double bench_median(double *t, size_t n)
{
    qsort(t, n, sizeof *t, by_value);
    return t[n / 2];
}

int bench_product_open(struct bench_product *p)
{
    const size_t n = (size_t)PRODUCT * PRODUCT;
    p->a = malloc(n * sizeof *p->a);
    p->b = malloc(n * sizeof *p->b);
    p->c = malloc(n * sizeof *p->c);
    if (p->a == NULL || p->b == NULL || p->c == NULL) return -1;
    eg_random_uniform(1, 1, 0, n, p->a);
    eg_random_uniform(1, 2, 0, n, p->b);
    return 0;
}

void bench_product_close(struct bench_product *p)
{
    free(p->a);
    free(p->b);
    free(p->c);
}

double bench_product_time(const struct bench_product *p, int threads)
{
    const struct egi_gemm g = { .m = PRODUCT,
                                .n = PRODUCT,
                                .k = PRODUCT,
                                .b_is_transposed = 1,
                                .lda = PRODUCT,
                                .ldb = PRODUCT,
                                .ldc = PRODUCT,
                                .alpha = 1 };
    const double start = bench_now();
    egi_gemm_f32(&g, p->a, p->b, p->c, threads);
    return (bench_now() - start) / (2.0 * PRODUCT * PRODUCT * PRODUCT);
}

void bench_show(int json, const char *name, double value, const char *unit, double ratio,
                const char *of)
{
    while (json && *name == ' ') name++;
    if (json)
        printf("{\"name\": \"%s\", \"value\": %.6g, \"unit\": \"%s\"", name, value, unit);
    else
        printf("  %-50s %9.4g %-8s", name, value, unit);
    if (of != NULL) printf(json ? ", \"ratio\": %.4g, \"of\": \"%s\"" : " %7.3f of %s", ratio, of);
    printf(json ? "}\n" : "\n");
    fflush(stdout);
}

#if defined(__x86_64__)
static const char *fitting_core(void)
{
    static const char *const wide[] = { "SkylakeX", "Cooperlake", "Sapphirerapids" };
    static const char *const narrow[] = { "Haswell", "Zen" };
    const int avx512 = __builtin_cpu_supports("avx512f");
    if (!avx512 && !__builtin_cpu_supports("avx2")) return NULL;
    const char *const *known = avx512 ? wide : narrow;
    const size_t n = avx512 ? sizeof wide / sizeof *wide : sizeof narrow / sizeof *narrow;
    for (size_t i = 0; i < n; i++)
        if (strcasecmp(openblas_get_corename(), known[i]) == 0) return NULL;
    return known[0];
}
#else
static const char *fitting_core(void)
{
    return NULL;
}
#endif

/* The arguments of this process, one after the other in text; argv gets at most n - 1. */
static size_t own_arguments(char *text, size_t size, char **argv, size_t n)
{
    FILE *f = fopen("/proc/self/cmdline", "rb");
    if (f == NULL) return 0;
    const size_t got = fread(text, 1, size - 1, f);
    fclose(f);
    text[got] = '\0';
    size_t count = 0;
    for (size_t at = 0; at < got && count + 1 < n; at += strlen(text + at) + 1)
        argv[count++] = text + at;
    argv[count] = NULL;
    return got == size - 1 ? 0 : count; /* cut off: not used */
}

void bench_fit_openblas(void)
{
    static char text[16384], *argv[256];
    const char *core = fitting_core();
    if (core == NULL || getenv("OPENBLAS_CORETYPE") != NULL) return;
    if (own_arguments(text, sizeof text, argv, sizeof argv / sizeof *argv) == 0) return;
    if (setenv("OPENBLAS_CORETYPE", core, 1) != 0) return;
    fprintf(stderr, "OpenBLAS took its core %s on a CPU fit for %s: started again with that\n",
            openblas_get_corename(), core);
    fflush(stdout);
    execv("/proc/self/exe", argv);
    fprintf(stderr, "it could not be started again: matrix products below are no limit\n");
}
