/* Networks of random nodes: run frozen they give what they give node by node, for any batch and
 * number of threads; no values that live together share memory. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include <stdio.h>

#include "model/egi_onnx.h"
#include "model/egi_onnx_maker.h"
#include "tensor/egi_frozen.h"

enum { VALUES = 64, NAME = 16, PICTURES = 3, OUTPUTS = 4, ROOM = 1 << 20 };

struct picture {
    char name[NAME];
    size_t c, h, w;
};

struct net {
    struct egi_maker k;
    uint64_t seed, at;
    struct picture v[VALUES];
    size_t n, weights, outs, out[OUTPUTS];
};

static size_t pick(struct net *g, size_t bound)
{
    return (size_t)eg_random_below(g->seed, 1, g->at++, bound);
}

static const struct picture *any(struct net *g)
{
    return &g->v[g->n < 4 || pick(g, 2) == 0 ? g->n - 1 : pick(g, g->n)];
}

/* The next value; its name is what a node gives. */
static struct picture *next(struct net *g, size_t c, size_t h, size_t w)
{
    struct picture *v = &g->v[g->n++];
    *v = (struct picture){ .c = c, .h = h, .w = w };
    snprintf(v->name, NAME, "v%zu", g->n);
    return v;
}

static void weight(struct net *g, char name[NAME], const eg_shape *shape, size_t fan)
{
    static float w[ROOM];
    const size_t n = eg_shape_size(shape);
    CHECK(n <= ROOM);
    snprintf(name, NAME, "w%zu", g->weights);
    eg_random_normal(g->seed, 2 + g->weights++, 0, n, w);
    for (size_t i = 0; i < n; i++) w[i] *= (float)sqrt(1.5 / (double)fan);
    egi_maker_constant(&g->k, name, EGI_ONNX_FLOAT, shape, w);
}

/* o outputs; keeps: of the size of x. */
static void conv(struct net *g, const struct picture *x, size_t o, size_t groups, int keeps)
{
    char w[NAME], b[NAME] = "", in[4 * NAME];
    const size_t kernel = keeps ? 1 + 2 * pick(g, 2) : 1 + pick(g, 3), half = kernel / 2;
    const size_t stride = keeps ? 1 : 1 + pick(g, 2), more = keeps || kernel < 3 ? 0 : pick(g, 2);
    const int64_t pads[4] = { (int64_t)half, (int64_t)half, (int64_t)(half + more), (int64_t)half };
    const int64_t strides[2] = { (int64_t)stride, (int64_t)stride };
    const struct egi_made_attr attrs[] = { EGI_ATTR_OF_INTS("pads", pads, 4),
                                           EGI_ATTR_OF_INTS("strides", strides, 2),
                                           EGI_ATTR_OF_INT("group", (int64_t)groups),
                                           EGI_ATTR_END };
    const size_t fan = x->c / groups * kernel * kernel;
    if (x->h + 2 * half + more < kernel || x->w + 2 * half < kernel) return;
    weight(g, w, &eg_shape_of(o, x->c / groups, kernel, kernel), fan);
    if (pick(g, 4) > 0) weight(g, b, &eg_shape_of(o), 8);
    snprintf(in, sizeof in, "%s %s %s", x->name, w, b);
    const struct picture *y = next(g, o, (x->h + 2 * half + more - kernel) / stride + 1,
                                   (x->w + 2 * half - kernel) / stride + 1);
    egi_maker_node(&g->k, "Conv", in, y->name, attrs);
}

static void any_conv(struct net *g)
{
    static const size_t outs[] = { 3, 8, 16, 24, 32, 48 };
    const struct picture *x = any(g);
    const size_t kind = pick(g, 6);
    if (kind == 0)
        conv(g, x, x->c, x->c, 0);
    else if (kind == 1 && x->c % 2 == 0)
        conv(g, x, 32, 2, 0);
    else
        conv(g, x, outs[pick(g, 6)], 1, 0);
}

static void act(struct net *g)
{
    static const char *const ops[] = { "Relu", "Relu",    "Clip",      "LeakyRelu", "Elu",
                                       "Tanh", "Sigmoid", "HardSwish", "Identity",  "Neg" };
    const struct picture *x = any(g);
    const char *op = ops[pick(g, sizeof ops / sizeof *ops)];
    char in[3 * NAME];
    snprintf(in, sizeof in, strcmp(op, "Clip") == 0 ? "%s low high" : "%s", x->name);
    const struct picture *y = next(g, x->c, x->h, x->w);
    egi_maker_node(&g->k, op, in, y->name, NULL);
}

/* A value of the size of x is made where there is none. */
static void sum(struct net *g)
{
    const struct picture *x = any(g), *z = NULL;
    for (size_t i = 0; i < g->n; i++)
        if (g->v[i].c == x->c && g->v[i].h == x->h && g->v[i].w == x->w && pick(g, 3) == 0)
            z = &g->v[i];
    if (z == NULL) {
        conv(g, x, x->c, 1, 1);
        z = &g->v[g->n - 1];
    }
    char in[2 * NAME];
    snprintf(in, sizeof in, "%s %s", x->name, z->name);
    const struct picture *y = next(g, x->c, x->h, x->w);
    egi_maker_node(&g->k, pick(g, 2) ? "Add" : "Sum", in, y->name, NULL);
}

static void concat(struct net *g)
{
    const struct picture *x = any(g);
    const struct egi_made_attr axis[] = { EGI_ATTR_OF_INT("axis", 1), EGI_ATTR_END };
    char in[VALUES * NAME];
    size_t c = x->c, used = (size_t)snprintf(in, sizeof in, "%s", x->name);
    for (size_t i = 0; i < g->n && c < 100; i++) {
        const struct picture *v = &g->v[i];
        if (v->h != x->h || v->w != x->w || pick(g, 2)) continue;
        used += (size_t)snprintf(in + used, sizeof in - used, " %s", v->name);
        c += v->c;
    }
    const struct picture *y = next(g, c, x->h, x->w);
    egi_maker_node(&g->k, "Concat", in, y->name, axis);
}

static void pool(struct net *g)
{
    const struct picture *x = any(g);
    const size_t kernel = 2 + pick(g, 2), stride = 1 + pick(g, 2), pad = pick(g, 2);
    if (x->h < kernel || x->w < kernel) return;
    const int64_t kernels[2] = { (int64_t)kernel, (int64_t)kernel };
    const int64_t pads[4] = { (int64_t)pad, (int64_t)pad, (int64_t)pad, 0 };
    const int64_t strides[2] = { (int64_t)stride, (int64_t)stride };
    const int max = pick(g, 2) != 0;
    struct egi_made_attr attrs[] = { EGI_ATTR_OF_INTS("kernel_shape", kernels, 2),
                                     EGI_ATTR_OF_INTS("pads", pads, 4),
                                     EGI_ATTR_OF_INTS("strides", strides, 2), EGI_ATTR_END,
                                     EGI_ATTR_END };
    if (!max && pick(g, 2)) attrs[3] = EGI_ATTR_OF_INT("count_include_pad", 1);
    const struct picture *y =
        next(g, x->c, (x->h + 2 * pad - kernel) / stride + 1, (x->w + pad - kernel) / stride + 1);
    egi_maker_node(&g->k, max ? "MaxPool" : "AveragePool", x->name, y->name, attrs);
}

/* Means of all places, and classes of them. */
static void head(struct net *g)
{
    const struct picture *x = &g->v[g->n - 1];
    const struct egi_made_attr attrs[] = { EGI_ATTR_OF_INT("transB", 1), EGI_ATTR_END };
    char in[3 * NAME], w[NAME], b[NAME];
    const struct picture *mean = next(g, x->c, 1, 1), *flat = next(g, x->c, 0, 0);
    egi_maker_node(&g->k, "GlobalAveragePool", x->name, mean->name, NULL);
    egi_maker_node(&g->k, "Flatten", mean->name, flat->name, NULL);
    weight(g, w, &eg_shape_of(21, x->c), x->c);
    weight(g, b, &eg_shape_of(21), 8);
    snprintf(in, sizeof in, "%s %s %s", flat->name, w, b);
    const struct picture *y = next(g, 21, 0, 0);
    egi_maker_node(&g->k, "Gemm", in, y->name, attrs);
}

static void put_out(struct net *g, size_t i)
{
    const struct picture *v = &g->v[i];
    for (size_t k = 0; k < g->outs; k++)
        if (g->out[k] == i) return;
    const eg_shape four = eg_shape_of(7, v->c, v->h, v->w), two = eg_shape_of(7, v->c);
    egi_maker_port(&g->k, EGI_MAKER_OUTPUT, v->name, EGI_ONNX_FLOAT, v->h > 0 ? &four : &two, 7);
    g->out[g->outs++] = i;
}

static void make(struct net *g, uint64_t seed, struct egi_bytes *bytes)
{
    static void (*const parts[])(
        struct net *) = { any_conv, any_conv, act, act, sum, concat, pool };
    const float low = -0.5f, high = 0.75f;
    memset(g, 0, sizeof *g);
    g->seed = seed;
    egi_maker_begin(&g->k, eg_allocator_default(), 14);
    const struct picture *x = next(g, 3 + 13 * pick(g, 2), 5 + pick(g, 8), 5 + pick(g, 8));
    egi_maker_port(&g->k, EGI_MAKER_INPUT, x->name, EGI_ONNX_FLOAT,
                   &eg_shape_of(7, x->c, x->h, x->w), 7);
    egi_maker_constant(&g->k, "low", EGI_ONNX_FLOAT, &(eg_shape){ 0, { 0 } }, &low);
    egi_maker_constant(&g->k, "high", EGI_ONNX_FLOAT, &(eg_shape){ 0, { 0 } }, &high);
    any_conv(g);
    for (size_t i = pick(g, 24); i > 0; i--) parts[pick(g, sizeof parts / sizeof *parts)](g);
    head(g);
    put_out(g, g->n - 1);
    for (size_t i = 1; i < OUTPUTS; i++) put_out(g, 1 + pick(g, g->n - 1));
    CHECK_OK(egi_maker_finish(&g->k, bytes));
}

static eg_onnx *open(const struct egi_bytes *bytes, int node_by_node, int threads)
{
    eg_onnx_options o = EG_ONNX_OPTIONS_INIT;
    eg_onnx *m;
    o.node_by_node = node_by_node;
    o.threads = threads;
    CHECK_OK(eg_onnx_read("random", bytes->p, bytes->n, &o, &m));
    return m;
}

static void run(eg_onnx *m, const struct net *g, const float *x, size_t pictures,
                eg_onnx_array out[OUTPUTS])
{
    const struct picture *v = &g->v[0];
    const eg_onnx_array in = { NULL, EG_F32, eg_shape_of(pictures, v->c, v->h, v->w), x };
    CHECK_OK(eg_onnx_run(m, &in, 1, NULL, g->outs, out));
}

/* Within 1e-5 of the largest number there. */
static void check_near(const eg_onnx_array *a, const eg_onnx_array *b, uint64_t seed)
{
    const float *x = a->data, *y = b->data;
    const size_t n = eg_shape_size(&a->shape);
    double worst = 0, most = 1;
    CHECK(n == eg_shape_size(&b->shape) && n > 0);
    for (size_t i = 0; i < n; i++) {
        worst = fmax(worst, fabs((double)x[i] - (double)y[i]));
        most = fmax(most, fabs((double)y[i]));
        CHECK(isfinite(x[i]));
    }
    if (!(worst <= 1e-5 * most))
        fail_msg("network %llu: %s: apart by %g", (unsigned long long)seed, a->name, worst);
}

static void check_same(const eg_onnx_array *a, const eg_onnx_array *b, size_t picture)
{
    const size_t each = eg_shape_size(&a->shape) / a->shape.dim[0];
    const size_t at = b->shape.dim[0] == a->shape.dim[0] ? 0 : picture * each;
    CHECK_SAME_BITS(a->data, (const float *)b->data + at, eg_shape_size(&a->shape) * sizeof(float));
}

/* No two pieces of memory that are alive at one step lie in one place. */
static void check_memory(const struct egi_frozen *f)
{
    for (uint32_t a = 1; a < f->values.count; a++)
        for (uint32_t b = 1; b < a; b++) {
            const struct egi_frozen_value *x = egi_frozen_at(f, a), *y = egi_frozen_at(f, b);
            if (x->root || y->root || x->outside || y->outside || !x->born || !y->born) continue;
            if (x->dies < y->born || y->dies < x->born) continue;
            const size_t nx = egi_frozen_bytes(&x->size, x->blocked, f->block);
            const size_t ny = egi_frozen_bytes(&y->size, y->blocked, f->block);
            CHECK(x->at + nx <= y->at || y->at + ny <= x->at);
            CHECK(x->at + nx <= f->arena_bytes && y->at + ny <= f->arena_bytes);
        }
}

/* 1: the whole network is frozen. */
static int check_plan(eg_onnx *m)
{
    eg_onnx_layout l;
    CHECK_OK(eg_onnx_planned(m, &l));
    CHECK(l.shared_bytes <= l.value_bytes && l.nodes <= eg_onnx_nodes(m));
    CHECK(l.nodes == 0 || (l.steps > 0 && l.work_bytes >= l.shared_bytes));
    for (size_t i = 0; i < m->plan.count; i++) check_memory(m->plan.stretch[i].frozen);
    return l.nodes > 0 && l.nodes == eg_onnx_nodes(m);
}

static int check_network(uint64_t seed)
{
    static float x[PICTURES * 16 * 13 * 13];
    struct net g;
    struct egi_bytes bytes = { .alloc = eg_allocator_default() };
    eg_onnx_array want[OUTPUTS], one[OUTPUTS], two[OUTPUTS], single[OUTPUTS];
    make(&g, seed, &bytes);
    eg_onnx *plain = open(&bytes, 1, 1), *frozen = open(&bytes, 0, 1), *shared = open(&bytes, 0, 2);
    eg_onnx *apart = open(&bytes, 0, 2);
    const size_t each = g.v[0].c * g.v[0].h * g.v[0].w;
    eg_random_normal(seed, 0, 0, PICTURES * each, x);
    run(plain, &g, x, PICTURES, want);
    run(frozen, &g, x, PICTURES, one);
    run(shared, &g, x, PICTURES, two);
    const int whole = check_plan(frozen);
    for (size_t k = 0; k < g.outs; k++) {
        check_near(&one[k], &want[k], seed);
        check_same(&one[k], &two[k], 0);
    }
    for (size_t i = 0; i < PICTURES && whole; i++) {
        run(apart, &g, x + i * each, 1, single);
        for (size_t k = 0; k < g.outs; k++) check_same(&single[k], &one[k], i);
    }
    eg_onnx_destroy(plain);
    eg_onnx_destroy(frozen);
    eg_onnx_destroy(shared);
    eg_onnx_destroy(apart);
    egi_bytes_clear(&bytes);
    return whole;
}

static void random_networks(void **state)
{
    (void)state;
    const size_t count = campaign(150, 3000);
    size_t whole = 0;
    for (uint64_t seed = 0; seed < count; seed++) whole += (size_t)check_network(seed);
    printf("%zu networks, %zu of them frozen as a whole\n", count, whole);
    struct egi_frozen *f;
    if (egi_frozen_create(eg_allocator_default(), 1, &f) != EG_OK) return; /* none in this build */
    egi_frozen_destroy(f);
    CHECK(whole > count / 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(random_networks) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
