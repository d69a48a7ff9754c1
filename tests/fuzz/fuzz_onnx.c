/* A hostile network. What opens is run on zeros, its shapes are inferred, and what comes out must
 * be whole. The limit on bytes keeps a run short. Mutations know Protocol Buffers (wire_mutate.h),
 * the names of operators, and take nodes, weights and ports of one network into another. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "engram/engram.h"
#include "wire_mutate.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed);
size_t LLVMFuzzerCustomCrossOver(const uint8_t *a, size_t a_size, const uint8_t *b, size_t b_size,
                                 uint8_t *out, size_t most, unsigned seed);

enum { INPUTS = 4, ELEMENTS = 4096, GRAPH = 7 << 3 | WIRE_LENGTH, NODE = 1, OPERATOR = 4 };

/* A dimension of any size is 2. 0: more elements than there are zeros. */
static int shape_of(const eg_onnx_port *p, eg_shape *out)
{
    *out = p->shape;
    if (!p->has_shape) *out = eg_shape_of(2, 3);
    for (size_t i = 0; i < out->rank; i++)
        if (out->dim[i] == 0) out->dim[i] = 2;
    return eg_shape_size(out) <= ELEMENTS;
}

static void run(eg_onnx *m)
{
    static const double zeros[ELEMENTS];
    eg_onnx_array in[INPUTS], out = { .name = NULL };
    eg_shape shape[INPUTS];
    eg_onnx_cost cost;
    size_t n = 0;
    for (; eg_onnx_input(m, n) != NULL; n++) {
        if (n == INPUTS || !shape_of(eg_onnx_input(m, n), &shape[n])) return;
        in[n] = (eg_onnx_array){ NULL, EG_F32, shape[n], zeros };
    }
    eg_status s = eg_onnx_infer(m, shape, n, NULL, NULL, &cost);
    if (s > 0 || (s != EG_OK && eg_error_detail()[0] == '\0')) abort();
    s = eg_onnx_run(m, in, n, NULL, 1, &out);
    if (s > 0 || (s != EG_OK && eg_error_detail()[0] == '\0')) abort();
    if (s != EG_OK) return;
    const unsigned char *p = out.data;
    unsigned sum = 0;
    const size_t size = eg_shape_size(&out.shape) * eg_dtype_size(out.dtype);
    for (size_t i = 0; i < size; i++) sum += p[i]; /* every byte can be read */
    if (out.name == NULL || sum == 1u << 31) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    eg_onnx *m = NULL;
    eg_onnx_options o = EG_ONNX_OPTIONS_INIT;
    o.max_bytes = (size_t)1 << 20;
    o.threads = 1;
    const eg_status s = eg_onnx_read("fuzz", bytes, size, &o, &m);
    if (s > 0 || (s != EG_OK && eg_error_detail()[0] == '\0')) abort();
    if (s != EG_OK) return 0;
    for (size_t i = 0; i < eg_params_count(eg_onnx_params(m)); i++)
        if (eg_params_at(eg_onnx_params(m), i)->value == NULL) abort();
    run(m);
    eg_onnx_destroy(m);
    return 0;
}

/* Writes the model anew with its graph as `change` makes it. */
static size_t with_graph(const uint8_t *p, size_t n, struct wire_out *o, struct wire_draws *d,
                         const uint8_t *other, size_t other_n,
                         void (*change)(const struct wire_field *graph, struct wire_out *o,
                                        struct wire_draws *d, const uint8_t *other, size_t other_n))
{
    static struct wire_field all[WIRE_FIELDS];
    const size_t count = wire_parse(p, n, all);
    for (size_t i = 0; i < count; i++) {
        if (all[i].key != GRAPH) {
            wire_put_field(o, &all[i]);
            continue;
        }
        struct wire_out graph = { malloc(o->most + 1), 0, o->most };
        if (graph.p == NULL) abort();
        change(&all[i], &graph, d, other, other_n);
        const struct wire_field made = { GRAPH, graph.p, graph.n };
        wire_put_field(o, &made);
        free(graph.p);
    }
    return o->n;
}

/* A node gets another operator. */
static void rename_operator(const struct wire_field *graph, struct wire_out *o,
                            struct wire_draws *d, const uint8_t *other, size_t other_n)
{
    static struct wire_field all[WIRE_FIELDS], node[WIRE_FIELDS];
    const size_t count = wire_parse(graph->p, graph->n, all), chosen = wire_draw(d, count);
    size_t operators = 0;
    (void)other;
    (void)other_n;
    while (eg_onnx_operator_at(operators) != NULL) operators++;
    for (size_t i = 0; i < count; i++) {
        const size_t n =
            i == chosen && all[i].key >> 3 == NODE ? wire_parse(all[i].p, all[i].n, node) : 0;
        struct wire_out made = { malloc(all[i].n + 64), 0, all[i].n + 64 };
        if (made.p == NULL) abort();
        for (size_t k = 0; k < n; k++) {
            const char *name = eg_onnx_operator_at(wire_draw(d, operators))->name;
            if (node[k].key >> 3 == OPERATOR)
                node[k] = (struct wire_field){ node[k].key, (const uint8_t *)name, strlen(name) };
            wire_put_field(&made, &node[k]);
        }
        if (n > 0) all[i] = (struct wire_field){ all[i].key, made.p, made.n };
        wire_put_field(o, &all[i]);
        free(made.p);
    }
}

/* Some fields of the other model's graph come to this one's. */
static void join_graphs(const struct wire_field *graph, struct wire_out *o, struct wire_draws *d,
                        const uint8_t *other, size_t other_n)
{
    static struct wire_field all[WIRE_FIELDS], theirs[WIRE_FIELDS];
    size_t count = wire_parse(other, other_n, all), n = 0;
    for (size_t i = 0; i < count && n == 0; i++)
        if (all[i].key == GRAPH) n = wire_parse(all[i].p, all[i].n, theirs);
    count = wire_parse(graph->p, graph->n, all);
    for (size_t i = 0; i < count; i++) {
        if (n > 0 && wire_draw(d, 4) == 0) wire_put_field(o, &theirs[wire_draw(d, n)]);
        if (wire_draw(d, 8) != 0) wire_put_field(o, &all[i]);
    }
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed)
{
    static struct wire_field all[WIRE_FIELDS];
    struct wire_draws d = { seed, 0 };
    if (wire_parse(data, size, all) == 0 || wire_draw(&d, 50) == 0)
        return LLVMFuzzerMutate(data, size, most);
    for (size_t times = 1 + wire_draw(&d, 3); times > 0 && size > 0; times--) {
        struct wire_out o = { malloc(most + 1), 0, most };
        if (o.p == NULL) abort();
        size = wire_draw(&d, 6) == 0 ? with_graph(data, size, &o, &d, NULL, 0, rename_operator)
                                     : wire_mutate(data, size, &o, &d, 0);
        memcpy(data, o.p, size);
        free(o.p);
    }
    return size;
}

size_t LLVMFuzzerCustomCrossOver(const uint8_t *a, size_t a_size, const uint8_t *b, size_t b_size,
                                 uint8_t *out, size_t most, unsigned seed)
{
    struct wire_draws d = { seed, 0 };
    struct wire_out o = { out, 0, most };
    return with_graph(a, a_size, &o, &d, b, b_size, join_graphs);
}
