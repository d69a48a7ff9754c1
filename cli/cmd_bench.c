/* engram bench: the machine's limits, then our figures as shares of them. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "cli/cli_table.h"
#include "cli/console.h"

/* In bench/. */
extern size_t bench_patterns;
extern const char *bench_folder;
/* Each prints its figures and returns an exit code. */
int bench_association(int json, int threads);
int bench_binary(int json, int threads);
int bench_bits(int json, int threads);
int bench_dynamics(int json, int threads);
int bench_heads(int json, int threads);
int bench_layers(int json, int threads);
int bench_measure(int json, int threads);
int bench_onnx(int json, int threads);
int bench_routed(int json, int threads);
int bench_store(int json, int threads);
int bench_train(int json, int threads);

static const struct bench {
    const char *name, *summary;
    int (*run)(int json, int threads);
} benches[] = {
    { "association", "updates of dense memories against matrix-product peak and bandwidth",
      bench_association },
    { "binary", "cliques recalled and taught, beside tools/numpy_clique_recall.py", bench_binary },
    { "bits", "+-1 memories, packed, against popcount rate and a float product", bench_bits },
    { "dynamics", "tangent kernels, displacements of two times, their equations on a grid",
      bench_dynamics },
    { "heads", "examples taught and named, after their features", bench_heads },
    { "layers", "Hopfield layers forward and back, against matrix-product peak", bench_layers },
    { "measure", "instruments, beside tools/measure_peers.py", bench_measure },
    { "onnx", "networks at batch 1, one thread and two, beside tools/onnx_runtime.mjs",
      bench_onnx },
    { "routed", "one query among 10^6 patterns by way of the index, against the exact recall",
      bench_routed },
    { "store", "memory files: stores, open, verify, first recall, beside tools/store_peers.py",
      bench_store },
    { "train", "steps of learners against matrix-product peak", bench_train },
};

enum { BENCHES = sizeof benches / sizeof *benches };

static const char *bench_name(const void *user, size_t i)
{
    (void)user;
    return i < BENCHES ? benches[i].name : NULL;
}

struct bench_options {
    struct common common;
    size_t patterns;
    const char *write;
};
static const struct bench_options defaults = { .patterns = 1000000 };
static const struct opt options[] = {
    { "patterns", 0, OPT_SIZE, offsetof(struct bench_options, patterns), "N",
      "of store: patterns in its file", NULL, 1, 1e9 },
    { "write", 0, OPT_TEXT, offsetof(struct bench_options, write), "FOLDER",
      "of measure and routed: what it was on, for tools/measure_peers.py, routed_peers.py", NULL, 0,
      0 },
    { NULL, 0, OPT_FLAG, 0, NULL, NULL, NULL, 0, 0 },
};

static int run(const struct call *call)
{
    const struct bench_options *o = call->options;
    bench_patterns = o->patterns;
    bench_folder = o->write;
    int code = EXIT_DONE;
    size_t ran = 0;
    const int threads = call->common->threads;
    if (call->common->output != NULL && strcmp(call->common->output, "-") != 0)
        return fail_usage(call, "-o: benchmarks write to standard output alone, as in > FILE");
    let_interrupt_end();
    for (size_t i = 0; i < BENCHES && code == EXIT_DONE; i++) {
        if (call->nargs == 1 && strcmp(benches[i].name, call->args[0]) != 0) continue;
        say(call, "%s: %s; %d thread%s", benches[i].name, benches[i].summary, threads ? threads : 1,
            threads > 1 ? "s" : "");
        code = benches[i].run(call->common->json, threads ? threads : 1);
        ran++;
    }
    if (ran != 0) return code;
    const char *near = nearest_name(call->args[0], bench_name, NULL);
    return fail_usage(call, "no benchmark \"%s\"%s%s%s", call->args[0],
                      near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
}

const struct command cmd_bench = {
    .name = "bench",
    .summary = "measure this machine and this library on it",
    .arguments = "[association|binary|bits|dynamics|heads|layers|measure|onnx|routed|store|train] ",
    .examples = "engram bench association\nengram bench store --patterns 10000000\n"
                "engram bench --json --threads 2",
    .notes =
        "One thread unless --threads says otherwise. Run it on an idle machine. The figures go to\n"
        "standard output.",
    .options = options,
    .defaults = &defaults,
    .size = sizeof defaults,
    .first = bench_name,
    .min_args = 0,
    .max_args = 1,
    .own_output = 1,
    .run = run,
};
