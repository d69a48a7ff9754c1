/* engram size: what a network and a memory need on a device. Flash is what must be kept when power
 * is off; RAM is measured: every allocation goes through an allocator that counts, while one
 * picture is run or one cue recalled, on one thread. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "cli/binary_memory.h"
#include "cli/cli_text.h"
#include "cli/console.h"
#include "cli/file_limits.h"
#include "cli/words.h"

/* ---- an allocator that counts ---- */

struct counted {
    size_t live, peak;
};

static void *counted_alloc(void *user, size_t size, size_t align)
{
    struct counted *c = user;
    void *p = aligned_alloc(align, (size + align - 1) / align * align);
    if (p == NULL) return NULL;
    c->live += size;
    if (c->live > c->peak) c->peak = c->live;
    return p;
}

static void counted_free(void *user, void *ptr, size_t size)
{
    struct counted *c = user;
    c->live -= size;
    free(ptr);
}

/* ---- what is measured ---- */

struct sizes {
    const char *kind;
    size_t flash, held, peak; /* held: while nothing runs */
};

enum { INPUTS = 64 };

/* One run on zeros, any size taken for 1. */
static eg_status run_network(eg_onnx *m, struct counted *c, eg_onnx_cost *cost)
{
    eg_onnx_array in[INPUTS], y;
    eg_shape shapes[INPUTS];
    size_t n = 0;
    const eg_onnx_port *p;
    for (; n < INPUTS && (p = eg_onnx_input(m, n)) != NULL; n++) {
        eg_shape shape = p->shape;
        for (size_t i = 0; i < shape.rank; i++)
            if (shape.dim[i] == 0) shape.dim[i] = 1;
        shapes[n] = shape;
        float *zeros = need_floats(eg_shape_size(&shape), 1);
        memset(zeros, 0, eg_shape_size(&shape) * sizeof *zeros);
        in[n] = (eg_onnx_array){ NULL, EG_F32, shape, zeros };
    }
    eg_status s = eg_onnx_infer(m, shapes, n, NULL, NULL, cost);
    c->peak = c->live;
    if (s == EG_OK) s = eg_onnx_run(m, in, n, NULL, 1, &y);
    for (size_t k = 0; k < n; k++) free((void *)(uintptr_t)in[k].data);
    return s;
}

static eg_status size_network(const char *path, const eg_allocator *alloc, struct counted *c,
                              struct sizes *out)
{
    eg_onnx_options o = EG_ONNX_OPTIONS_INIT;
    eg_onnx *m = NULL;
    eg_onnx_cost cost = { 0 };
    o.max_bytes = limits_given();
    o.threads = 1;
    o.alloc = alloc;
    eg_status s = eg_onnx_open(path, &o, &m);
    if (s != EG_OK) return s;
    out->kind = "network";
    out->held = c->live;
    s = run_network(m, c, &cost);
    out->flash = cost.parameter_bytes;
    out->peak = c->peak;
    eg_onnx_destroy(m);
    return s;
}

/* From now on the peak is that of what runs. */
static void at_rest(struct counted *c, struct sizes *out)
{
    out->held = c->peak = c->live;
}

static eg_status recall_dense(const eg_memory *m)
{
    const size_t d = eg_memory_size(m);
    eg_recall_options o = EG_RECALL_OPTIONS_INIT;
    float *x = need_floats(1, d);
    memset(x, 0, d * sizeof *x);
    o.threads = 1;
    o.max_steps = 1;
    const eg_status s = eg_memory_recall(m, x, 1, &o, x, NULL);
    free(x);
    return s;
}

static eg_status recall_bits(const eg_binary *m)
{
    eg_binary_recall_options o = eg_binary_recall_usual(m);
    uint64_t *x = need(eg_binary_words(m), sizeof *x), *y = need(eg_binary_out_words(m), sizeof *y);
    memset(x, 0, eg_binary_words(m) * sizeof *x);
    o.threads = 1;
    const eg_status s = eg_binary_recall(m, x, 1, &o, y, NULL);
    free(x);
    free(y);
    return s;
}

static eg_status size_dense(eg_memory_file *f, struct counted *c, struct sizes *out)
{
    eg_memory *m = NULL;
    eg_status s = eg_memory_file_load(f, &m);
    eg_memory_file_close(f);
    if (s != EG_OK) return s;
    const size_t numbers = eg_memory_size(m) + eg_memory_value_size(m);
    const size_t state = eg_memory_state_size(m);
    const size_t item = sizeof(uint64_t) + sizeof(int32_t) + sizeof(float);
    const int bits = eg_memory_options_view(m)->storage == EG_STORE_BITS;
    out->kind = "memory";
    out->flash = state > 0 ? state * sizeof(double)
                           : eg_memory_count(m)
                                 * ((bits ? (eg_memory_size(m) + 63) / 64 * 8
                                                + eg_memory_value_size(m) * sizeof(float)
                                          : numbers * sizeof(float))
                                    + item);
    at_rest(c, out);
    s = eg_memory_count(m) > 0 || state > 0 ? recall_dense(m) : EG_OK;
    eg_memory_destroy(m);
    return s;
}

static eg_status size_bits(eg_memory_file *f, struct counted *c, struct sizes *out)
{
    eg_binary *m = NULL;
    eg_status s = eg_memory_file_load_binary(f, &m);
    eg_memory_file_close(f);
    if (s != EG_OK) return s;
    out->kind = "binary memory";
    out->flash = eg_binary_bytes(m);
    at_rest(c, out);
    s = recall_bits(m);
    eg_binary_destroy(m);
    return s;
}

static eg_status ask_head(eg_head *h)
{
    const size_t d = eg_head_features(h);
    eg_head_answer a;
    float *x = need_floats(1, d);
    for (size_t j = 0; j < d; j++) x[j] = 1;
    const eg_status s = eg_head_predict(h, x, 1, &a, NULL);
    free(x);
    return s;
}

static eg_status size_head(eg_memory_file *f, struct counted *c, struct sizes *out)
{
    eg_head *h = NULL;
    eg_status s = eg_memory_file_load_head(f, &h);
    eg_memory_file_close(f);
    if (s != EG_OK) return s;
    out->kind = "taught classes";
    out->flash = eg_head_bytes_of(h).learning;
    at_rest(c, out);
    s = eg_head_count(h) > 0 ? ask_head(h) : EG_OK;
    eg_head_destroy(h);
    return s;
}

static eg_status size_memory(const char *path, const eg_allocator *alloc, struct counted *c,
                             struct sizes *out)
{
    eg_file_options o = EG_FILE_OPTIONS_INIT;
    eg_memory_file *f = NULL;
    o.max_bytes = limits_given();
    o.read_only = 1;
    o.alloc = alloc;
    eg_status s = eg_memory_file_open(path, &o, &f);
    if (s != EG_OK) return s;
    s = eg_memory_file_is_head(f)     ? size_head(f, c, out)
        : eg_memory_file_is_binary(f) ? size_bits(f, c, out)
                                      : size_dense(f, c, out);
    out->peak = c->peak;
    return s;
}

static int is_network(const char *path)
{
    const size_t n = strlen(path);
    return n >= 5 && strcmp(path + n - 5, ".onnx") == 0;
}

static int tell(const struct call *call, const char *path, size_t *flash, size_t *ram)
{
    struct counted c = { 0 };
    const eg_allocator alloc = { counted_alloc, counted_free, &c };
    struct sizes s = { 0 };
    const eg_status status =
        is_network(path) ? size_network(path, &alloc, &c, &s) : size_memory(path, &alloc, &c, &s);
    if (status != EG_OK) return fail(status, is_network(path) ? NULL : path);
    json_t *r = json_object();
    json_object_set_new(r, "file", json_string(path));
    json_object_set_new(r, "kind", json_string(s.kind));
    json_object_set_new(r, "flash_bytes", json_integer((json_int_t)s.flash));
    json_object_set_new(r, "held_bytes", json_integer((json_int_t)s.held));
    json_object_set_new(r, "ram_bytes", json_integer((json_int_t)s.peak));
    print_record(call, r);
    json_decref(r);
    *flash += s.flash;
    *ram += s.peak;
    return EXIT_DONE;
}

static int run(const struct call *call)
{
    size_t flash = 0, ram = 0;
    int code = EXIT_DONE;
    for (size_t i = 0; i < call->nargs && code == EXIT_DONE; i++)
        code = tell(call, call->args[i], &flash, &ram);
    if (code == EXIT_DONE)
        say(call,
            "in all  %.4g kB of flash, %.4g kB of RAM; the program of docs/onnx.md adds less "
            "than 1 MiB",
            (double)flash / 1e3, (double)ram / 1e3);
    return code;
}

const struct command cmd_size = {
    .name = "size",
    .summary = "flash and RAM that a network and a memory need",
    .arguments = "MODEL.onnx|FILE.egm [MODEL.onnx|FILE.egm] ",
    .examples = "engram size mobilenet_v2.onnx\nengram size mobilenet_v2.onnx birds.egm --json",
    .notes =
        "flash_bytes: weights, patterns, connections, what classes go on learning by.\n"
        "held_bytes: in RAM while nothing runs. ram_bytes: at most at once, while one picture\n"
        "is run, one cue recalled or one example named; what oneDNN takes for itself is not\n"
        "counted, and the small build has none of it.",
    .min_args = 1,
    .max_args = 2,
    .run = run,
};
