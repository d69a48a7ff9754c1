/* Hopfield layers against the public PyTorch package hflayers, in f64 and f32: outputs,
 * association and every gradient, for each case under hflayers/ of the folder that $ENGRAM_GOLDEN
 * names (default: the cases beside this file). A case is case.json and arrays in.*, mask.*,
 * param.*, out, association, cotangent, grad.*; what a case says and this test does not know fails.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include <dirent.h>
#include <stdio.h>

#include "nn/egi_heads.h"

enum { PATH = 600, NUMBERS = 1 << 14, PARAMS = 16, PATTERNS = 3, MASKS = 2 };

static const struct {
    const char *module, *kind;
} modules[] = {
    { "Hopfield", "hopfield" },
    { "HopfieldPooling", "hopfield_pooling" },
    { "HopfieldLayer", "hopfield_layer" },
};

struct array {
    eg_shape shape;
    double x[NUMBERS];
    float single[NUMBERS];
};

struct a_case {
    char folder[PATH];
    json_t *about, *document;
    struct egi_graph *graph;
    struct egi_scope s;
    eg_var leaf[PARAMS], in[PATTERNS + MASKS];
    struct egi_watch watch;
    struct array array[PATTERNS + MASKS], want, cotangent;
};

/* ---- arrays ---- */

static int npy_exists(const struct a_case *c, const char *name)
{
    char path[2 * PATH];
    snprintf(path, sizeof path, "%s/%s.npy", c->folder, name);
    FILE *f = fopen(path, "rb");
    if (f != NULL) fclose(f);
    return f != NULL;
}

/* Version 1, C order, of f64 or bool: all that the cases have. */
static void npy_read(const struct a_case *c, const char *name, struct array *out)
{
    static unsigned char bytes[16 * NUMBERS];
    char path[2 * PATH], header[400];
    snprintf(path, sizeof path, "%s/%s.npy", c->folder, name);
    FILE *f = fopen(path, "rb");
    if (f == NULL) fail_msg("%s: cannot be read", path);
    const size_t size = fread(bytes, 1, sizeof bytes, f);
    fclose(f);
    CHECK(size > 10 && memcmp(bytes, "\x93NUMPY\x01", 7) == 0);
    const size_t n = bytes[8] + 256u * bytes[9];
    CHECK(n < sizeof header && size > 10 + n);
    memcpy(header, bytes + 10, n);
    header[n] = '\0';
    const int is_bool = strstr(header, "|b1") != NULL;
    CHECK(is_bool || strstr(header, "<f8") != NULL);
    CHECK(strstr(header, "'fortran_order': False") != NULL);
    const char *at = strchr(header, '(') + 1;
    out->shape = (eg_shape){ .rank = 0 };
    for (char *end; *at != ')'; at = end + strspn(end, ", "))
        out->shape.dim[out->shape.rank++] = strtoul(at, &end, 10);
    const size_t count = eg_shape_size(&out->shape);
    CHECK(count <= NUMBERS && size == 10 + n + count * (is_bool ? 1 : sizeof(double)));
    for (size_t i = 0; i < count; i++) {
        if (is_bool)
            out->x[i] = bytes[10 + n + i];
        else
            memcpy(&out->x[i], bytes + 10 + n + i * sizeof(double), sizeof(double));
        out->single[i] = (float)out->x[i];
    }
}

static const void *data_of(const struct array *a, eg_dtype dtype)
{
    return dtype == EG_F32 ? (const void *)a->single : (const void *)a->x;
}

static void to_doubles(struct a_case *c, eg_var v, double *to)
{
    const eg_shape shape = eg_tape_shape(c->s.t, v);
    const void *x = eg_tape_value(c->s.t, v);
    CHECK_OK(eg_tape_status(c->s.t));
    CHECK(eg_shape_size(&shape) <= NUMBERS);
    for (size_t i = 0; i < eg_shape_size(&shape); i++)
        to[i] = c->s.dtype == EG_F32 ? (double)((const float *)x)[i] : ((const double *)x)[i];
}

static void compare(struct a_case *c, const char *what, const double *got, const struct array *want,
                    double tol)
{
    double largest = 1; /* cancellation is measured against the terms of an array */
    for (size_t i = 0; i < eg_shape_size(&want->shape); i++)
        largest = fmax(largest, fabs(want->x[i]));
    for (size_t i = 0; i < eg_shape_size(&want->shape); i++)
        if (!(fabs(got[i] - want->x[i]) <= tol * largest))
            fail_msg("%s, %s, %s[%zu] is %.12g, expected %.12g", c->folder,
                     eg_dtype_name(c->s.dtype), what, i, got[i], want->x[i]);
}

/* A value of the pass against the array `what`. */
static void compare_value(struct a_case *c, const char *what, eg_var got)
{
    static double x[NUMBERS];
    const eg_shape shape = eg_tape_shape(c->s.t, got);
    npy_read(c, what, &c->want);
    CHECK(eg_shape_size(&shape) == eg_shape_size(&c->want.shape));
    to_doubles(c, got, x);
    compare(c, what, x, &c->want, c->s.dtype == EG_F64 ? 1e-9 : 1e-4);
}

/* ---- where the reference is not the derivative ---- */

static double exact[PARAMS + PATTERNS][NUMBERS]; /* in f64, for f32 to be compared with */

static eg_var pass(struct a_case *c, size_t count);

static int is_scattered(const struct a_case *c, const char *name)
{
    static const char *const spoilt[] = { "in_proj", "k_proj", "norm_stored", "grad.in." };
    const json_t *options = json_object_get(c->about, "options");
    int found = 0;
    for (size_t i = 0; i < sizeof spoilt / sizeof *spoilt; i++)
        found |= strstr(name, spoilt[i]) != NULL;
    return found && json_integer_value(json_object_get(options, "update_steps_max")) > 0
           && json_integer_value(json_object_get(options, "num_heads")) > 1;
}

static double loss(struct a_case *c, size_t count)
{
    const eg_var y = pass(c, count);
    const double *x = eg_tape_value(c->s.t, y);
    double sum = 0;
    for (size_t i = 0; i < eg_shape_size(&c->cotangent.shape); i++) sum += x[i] * c->cotangent.x[i];
    return sum;
}

/* d loss / d x into want, by differences where this is f64. */
static void differentiate(struct a_case *c, double *x, size_t which, size_t count)
{
    const double h = 1e-6;
    for (size_t i = 0; c->s.dtype == EG_F64 && i < eg_shape_size(&c->want.shape); i++) {
        const double at = x[i];
        x[i] = at + h;
        const double above = loss(c, count);
        x[i] = at - h;
        exact[which][i] = (above - loss(c, count)) / (2 * h);
        x[i] = at;
    }
    memcpy(c->want.x, exact[which], sizeof c->want.x);
}

/* ---- a case ---- */

/* Sizes are those of the inputs here: nothing to set, and they have to be right. */
static void take_size(json_t *options, const char *name, size_t is)
{
    const json_t *v = json_object_get(options, name);
    CHECK(v == NULL || (size_t)json_integer_value(v) == is);
    (void)json_object_del(options, name);
}

static json_t *spec_of(struct a_case *c, size_t patterns)
{
    const char *module = json_string_value(json_object_get(c->about, "module"));
    json_t *layer = json_deep_copy(json_object_get(c->about, "options"));
    json_t *masks = json_object_get(c->about, "masks"), *from = json_array();
    const char *kind = NULL;
    for (size_t i = 0; i < sizeof modules / sizeof *modules; i++)
        if (strcmp(module, modules[i].module) == 0) kind = modules[i].kind;
    if (kind == NULL) fail_msg("%s: a module %s", c->folder, module);
    json_object_set_new(layer, "kind", json_string(kind));
    const size_t n = patterns - 1, last = 1;
    take_size(layer, "input_size", c->array[n >= last ? last : 0].shape.dim[2]);
    take_size(layer, "stored_pattern_size", c->array[0].shape.dim[2]);
    take_size(layer, "pattern_projection_size", c->array[n].shape.dim[2]);
    for (size_t i = 0; i < patterns + json_array_size(masks); i++)
        json_array_append_new(from, json_string("input"));
    json_object_set_new(layer, "from", from);
    if (json_array_size(masks) == 0) return layer;
    const char *mask = json_string_value(json_array_get(masks, 0));
    CHECK(json_array_size(masks) == 1);
    if (strcmp(mask, "association_mask") == 0)
        json_object_set_new(layer, "masks", json_string("association"));
    else if (strcmp(mask, "stored_pattern_padding_mask") == 0)
        json_object_set_new(layer, "masks", json_string("padding"));
    else
        fail_msg("%s: a mask %s", c->folder, mask);
    return layer;
}

static size_t read_inputs(struct a_case *c, const char *list, const char *prefix, size_t at)
{
    const json_t *names = json_object_get(c->about, list);
    for (size_t i = 0; i < json_array_size(names); i++) {
        char name[100];
        CHECK(at < PATTERNS + MASKS);
        snprintf(name, sizeof name, "%s.%s", prefix, json_string_value(json_array_get(names, i)));
        npy_read(c, name, &c->array[at++]);
    }
    return at;
}

/* One pass; x (count) become leaves. */
static eg_var pass(struct a_case *c, size_t count)
{
    const struct egi_layer *l = &c->graph->layer[0];
    const eg_dtype dtype = c->s.dtype;
    eg_tape_reset(c->s.t);
    memset(c->leaf, 0, sizeof c->leaf);
    for (size_t i = 0; i < count; i++)
        c->in[i] = eg_leaf(c->s.t, dtype, &c->array[i].shape, data_of(&c->array[i], dtype));
    const eg_var y = l->row->apply(&c->s, l, c->in);
    CHECK_OK(eg_tape_status(c->s.t));
    return y;
}

static void set_parameters(struct a_case *c)
{
    const eg_param *p;
    size_t in_folder = 0;
    for (size_t i = 0; (p = eg_params_at(c->s.params, i)) != NULL; i++) {
        char name[200];
        CHECK(i < PARAMS);
        snprintf(name, sizeof name, "param.%s", p->name);
        npy_read(c, name, &c->want);
        CHECK(egi_shape_equal(&p->shape, &c->want.shape));
        memcpy(p->value, data_of(&c->want, c->s.dtype),
               eg_shape_size(&p->shape) * eg_dtype_size(c->s.dtype));
    }
    DIR *d = opendir(c->folder);
    for (const struct dirent *e; (e = readdir(d)) != NULL;)
        in_folder += strncmp(e->d_name, "param.", 6) == 0;
    closedir(d);
    CHECK(in_folder == eg_params_count(c->s.params));
}

/* Gradients of sum(y cotangent), copied off the tape: differences need it. */
static void gradients(struct a_case *c, eg_var y, size_t patterns, struct array *g)
{
    const size_t count = eg_params_count(c->s.params);
    eg_var wrt[PARAMS + PATTERNS], dx[PARAMS + PATTERNS];
    for (size_t i = 0; i < count; i++) wrt[i] = c->leaf[i];
    for (size_t i = 0; i < patterns; i++) wrt[count + i] = c->in[i];
    npy_read(c, "cotangent", &c->cotangent);
    const eg_shape shape = eg_tape_shape(c->s.t, y);
    CHECK(egi_shape_equal(&shape, &c->cotangent.shape));
    const eg_var seed = eg_input(c->s.t, c->s.dtype, &shape, data_of(&c->cotangent, c->s.dtype));
    CHECK_OK(eg_tape_gradient(c->s.t, y, seed, wrt, count + patterns, 0, dx));
    for (size_t i = 0; i < count + patterns; i++) {
        g[i].shape = i < count ? eg_params_at(c->s.params, i)->shape : c->array[i - count].shape;
        memset(g[i].x, 0, sizeof g[i].x);
        if (dx[i].id != 0) to_doubles(c, dx[i], g[i].x);
    }
}

static void compare_gradients(struct a_case *c, eg_var y, size_t patterns, size_t inputs)
{
    static struct array g[PARAMS + PATTERNS];
    const size_t count = eg_params_count(c->s.params);
    const json_t *names = json_object_get(c->about, "inputs");
    gradients(c, y, patterns, g);
    for (size_t i = 0; i < count + patterns; i++) {
        const eg_param *p = eg_params_at(c->s.params, i);
        char name[200];
        if (p != NULL)
            snprintf(name, sizeof name, "grad.param.%s", p->name);
        else
            snprintf(name, sizeof name, "grad.in.%s",
                     json_string_value(json_array_get(names, i - count)));
        npy_read(c, name, &c->want);
        const int scattered = is_scattered(c, name);
        if (scattered) differentiate(c, p != NULL ? p->value : c->array[i - count].x, i, inputs);
        compare(c, name, g[i].x, &c->want, c->s.dtype == EG_F32 ? 1e-4 : scattered ? 1e-7 : 1e-9);
    }
}

/* (1, H, B Q, N) of a layer whose batch lies along one axis, as (B, H, Q, N). */
static eg_var by_example(struct a_case *c, eg_var a)
{
    const eg_shape s = eg_tape_shape(c->s.t, a);
    const size_t b = c->watch.batch;
    if (b == 0) return a;
    const eg_shape split = eg_shape_of(s.dim[1], b, s.dim[2] / b, s.dim[3]);
    return eg_swap_axes(c->s.t, eg_reshape(c->s.t, a, &split), 0, 1);
}

static void run_case(struct a_case *c, eg_dtype dtype)
{
    char path[2 * PATH];
    snprintf(path, sizeof path, "%s/case.json", c->folder);
    c->about = json_load_file(path, 0, NULL);
    if (c->about == NULL) fail_msg("%s: no case.json", c->folder);
    const size_t patterns = read_inputs(c, "inputs", "in", 0);
    const size_t count = read_inputs(c, "masks", "mask", patterns);
    c->s = (struct egi_scope){
        .mode = EGI_CREATE, .alloc = eg_allocator_default(), .dtype = dtype, .seed = 1
    };
    CHECK_OK(eg_tape_create(1, NULL, &c->s.t));
    CHECK_OK(eg_params_create(NULL, &c->s.params));
    c->document = json_pack("{s:[o]}", "layers", spec_of(c, patterns));
    const eg_status s = egi_graph_create(c->document, "layers", "", 0, c->s.alloc, &c->graph);
    if (s != EG_OK) fail_msg("%s: %s", c->folder, eg_error_detail());
    pass(c, count);
    set_parameters(c);
    c->s.leaf = c->leaf;
    for (int fused = 1; fused >= 0; fused--) { /* a watched pass is not */
        c->watch = (struct egi_watch){ .path = "" };
        c->s.watch = fused ? NULL : &c->watch;
        c->s.mode = EGI_TRAIN;
        const eg_var y = pass(c, count);
        compare_value(c, "out", y);
        if (!fused) compare_value(c, "association", by_example(c, c->watch.a));
        compare_gradients(c, y, patterns, count);
    }
    egi_graph_destroy(c->graph);
    json_decref(c->document);
    json_decref(c->about);
    eg_params_destroy(c->s.params);
    eg_tape_destroy(c->s.t);
}

static void every_case_of_the_folder(void **state)
{
    (void)state;
    const char *golden = getenv("ENGRAM_GOLDEN"), *data = getenv("EG_TEST_DATA");
    char folder[PATH / 2];
    if (golden != NULL)
        snprintf(folder, sizeof folder, "%s/hflayers", golden);
    else
        snprintf(folder, sizeof folder, "%s/../tests/golden/hflayers",
                 data != NULL ? data : "data");
    DIR *d = opendir(folder);
    if (d == NULL) fail_msg("%s: no such folder", folder);
    struct a_case *c = malloc(sizeof *c);
    size_t count = 0;
    for (const struct dirent *e; (e = readdir(d)) != NULL;) {
        if (e->d_name[0] == '.') continue;
        for (int dtype = 0; dtype < 2; dtype++) {
            memset(c, 0, sizeof *c);
            snprintf(c->folder, sizeof c->folder, "%s/%s", folder, e->d_name);
            CHECK(npy_exists(c, "out"));
            run_case(c, dtype == 0 ? EG_F64 : EG_F32);
        }
        count++;
    }
    closedir(d);
    free(c);
    CHECK(count > 0);
    print_message("%zu cases\n", count);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(every_case_of_the_folder) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
