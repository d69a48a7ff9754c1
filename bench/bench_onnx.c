/* engram bench onnx: runs of networks at batch 1, one thread and two, medians of RUNS. Networks are
 * looked for in the folders of $ENGRAM_MODELS (a:b); tools/onnx_shapes.py makes those of published
 * shapes, tools/onnx_runtime.mjs is the yardstick. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"
#include "engram/engram.h"

int bench_onnx(int json, int threads);

enum { RUNS = 15, ROOM = 4096 };

static const char *const names[] = { "mobilenet_v2", "squeezenet",           "resnet18",
                                     "inception_v3", "mobilenet_v1_025_128", "resnet20_cifar10" };

/* The file of a network; 0: in no folder. */
static int find(const char *name, char path[ROOM])
{
    const char *folders = getenv("ENGRAM_MODELS");
    while (folders != NULL && *folders != '\0') {
        const size_t n = strcspn(folders, ":");
        snprintf(path, ROOM, "%.*s/%s.onnx", (int)n, folders, name);
        if (access(path, R_OK) == 0) return 1;
        folders += n + (folders[n] == ':');
    }
    return 0;
}

/* Seconds of a run on a grey picture: the median. */
static eg_status time_runs(const char *path, int threads, double *out)
{
    eg_onnx_options o = EG_ONNX_OPTIONS_INIT;
    eg_onnx *m = NULL;
    eg_onnx_array y;
    double t[RUNS];
    o.threads = threads;
    eg_status s = eg_onnx_open(path, &o, &m);
    if (s != EG_OK) return s;
    eg_shape shape = eg_onnx_input(m, 0)->shape;
    for (size_t i = 0; i < shape.rank; i++)
        if (shape.dim[i] == 0) shape.dim[i] = 1;
    float *x = calloc(eg_shape_size(&shape), sizeof *x);
    const eg_onnx_array in = { NULL, EG_F32, shape, x };
    if (x == NULL) s = EG_ERR_NOMEM;
    if (s == EG_OK) s = eg_onnx_run(m, &in, 1, NULL, 1, &y); /* makes its plans */
    for (size_t i = 0; i < RUNS && s == EG_OK; i++) {
        const double start = bench_now();
        s = eg_onnx_run(m, &in, 1, NULL, 1, &y);
        t[i] = bench_now() - start;
    }
    if (s == EG_OK) *out = bench_median(t, RUNS);
    free(x);
    eg_onnx_destroy(m);
    return s;
}

int bench_onnx(int json, int threads)
{
    (void)threads; /* one and two, whatever was asked for */
    eg_status s = EG_OK;
    for (size_t i = 0; i < sizeof names / sizeof *names && s == EG_OK; i++) {
        char path[ROOM], name[128];
        double one = 0, two = 0;
        if (!find(names[i], path)) {
            fprintf(stderr, "bench onnx: no %s.onnx in the folders of $ENGRAM_MODELS\n", names[i]);
            continue;
        }
        s = time_runs(path, 1, &one);
        if (s == EG_OK) s = time_runs(path, 2, &two);
        if (s != EG_OK) break;
        snprintf(name, sizeof name, "%s, one thread", names[i]);
        bench_show(json, name, 1e3 * one, "ms", 0, NULL);
        snprintf(name, sizeof name, "%s, two threads", names[i]);
        bench_show(json, name, 1e3 * two, "ms", one / two, "one thread, times as fast");
    }
    if (s != EG_OK) fprintf(stderr, "bench onnx: %s\n", eg_error_detail());
    return s == EG_OK ? 0 : 1;
}
