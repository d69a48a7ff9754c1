/* Attention over bags of so many rows that they cannot all be trained on (Widrich et al. 2020,
 * DeepRC: 300 000 sequences a bag).
 *
 *     e_i = f(x_i),  a = softmax over the bag of g(e_i),  y = sum_i a_i e_i
 *
 * f is the list `layers`, g a perceptron with SELU. Two passes: the first computes g of every row
 * in blocks, keeps nothing else, and picks the share of the rows with the largest; the second
 * computes f, g and the sum of these alone, and is what gradients go through. The softmax is over
 * those that were picked, in evaluation too: what is trained is what is asked.
 *
 * Both passes go block by block. Of a block of the second the rows and e, g are kept, and what lies
 * between is computed again on the way back (eg_checkpoint), so that memory is that of one block,
 * whatever the number of bags and rows; and a block has fewer rows where these are long.
 *
 * Differs from the paper in: blocks are in single precision, not in half; the share is rounded up,
 * so that a bag keeps a row. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engram/random.h"
#include "nn/egi_bags.h"
#include "nn/egi_heads.h"

/* Numbers of a block at most: of rows of 32 numbers, 4096. */
enum { BLOCK_NUMBERS = 1 << 17 };

struct bag_attention {
    json_t *layers, *initialiser;
    size_t hidden, depth, sample, block;
    double share;
    struct egi_initialiser init;
};

static const struct egi_setting settings[] = {
    EGI_SET_JSON(struct bag_attention, layers, "list", "[]", "f: what becomes of each row"),
    EGI_SET_COUNT(struct bag_attention, hidden, "32", 1, 1e6, "units of each layer of g"),
    EGI_SET_COUNT(struct bag_attention, depth, "2", 0, 100, "hidden layers of g"),
    EGI_SET_NUMBER(struct bag_attention, share, "0.1", 0, 1,
                   "of the rows of a bag that the second pass sees; 1: one pass"),
    EGI_SET_COUNT(struct bag_attention, sample, "0", 0, 1e9,
                  "rows drawn from each bag in training, before the first pass; 0: all"),
    EGI_SET_COUNT(struct bag_attention, block, "4096", 1, 1e9,
                  "rows of a block, fewer of more than 32 numbers each: memory is that of one"),
    EGI_SET_JSON(struct bag_attention, initialiser, "word", "\"lecun_normal\"",
                 "how the weights of g begin"),
    EGI_SET_END,
};

static const struct bag_attention *of(const struct egi_layer *l)
{
    return (const struct bag_attention *)(const void *)l->settings.bytes;
}

static eg_status check(struct egi_layer *l)
{
    struct bag_attention *o = (struct bag_attention *)(void *)l->settings.bytes;
    return egi_initialiser_read(o->initialiser, l->place, "initialiser", &o->init);
}

/* Rows of one block, each of so many numbers. */
static size_t block_of(const struct bag_attention *o, size_t numbers)
{
    const size_t most = BLOCK_NUMBERS / (numbers > 0 ? numbers : 1);
    return most < o->block ? (most > 0 ? most : 1) : o->block;
}

/* e (R, H) of rows, and g of them, (R, 1), into *logit. Rows here belong to no bag. */
static eg_var embed(struct egi_scope *s, const struct egi_layer *l, eg_var rows, eg_var *logit)
{
    const struct bag_attention *o = of(l);
    const size_t *offset = s->offset;
    eg_shape in;
    s->offset = NULL;
    const eg_var e = egi_graph_apply(s, l->inner, rows);
    s->offset = offset;
    *logit = EG_NONE;
    if (!egi_layer_rank(s, e, 2, 2, "rows (R, H) of layers", &in)) return EG_NONE;
    eg_var h = e;
    for (size_t k = 0; k <= o->depth && eg_tape_status(s->t) == EG_OK; k++) {
        char name[40];
        const size_t units = k < o->depth ? o->hidden : 1;
        const size_t inputs = eg_tape_shape(s->t, h).dim[1];
        snprintf(name, sizeof name, "attention%zu.weight", k + 1);
        const eg_var w = egi_scope_param(s, name, &eg_shape_of(units, inputs), &o->init);
        snprintf(name, sizeof name, "attention%zu.bias", k + 1);
        const eg_var b = egi_scope_param(s, name, &eg_shape_of(units), NULL);
        h = eg_add(s->t, eg_matmul(s->t, h, eg_swap_axes(s->t, w, 0, 1)), b);
        if (k < o->depth) h = eg_selu(s->t, h);
    }
    *logit = h;
    return e;
}

/* ---- the first pass ---- */

struct ranked {
    float logit;
    uint32_t row;
};

/* The largest logit first; of equals the first row. */
static int falling(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;
    if (x->logit != y->logit) return x->logit < y->logit ? 1 : -1;
    return (x->row > y->row) - (x->row < y->row);
}

static int by_row(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;
    return (x->row > y->row) - (x->row < y->row);
}

/* A look at x (R, ..) in blocks, on a tape that is forgotten after each. */
struct look {
    struct egi_scope s; /* of the blocks */
    const struct egi_layer *l;
    const uint8_t *x;
    eg_shape shape; /* of x */
    size_t bytes;   /* of a row */
};

static eg_status look_block(struct look *k, struct ranked *r, size_t n, void *room)
{
    eg_shape shape = k->shape;
    eg_var logit;
    eg_tape_reset(k->s.t);
    for (size_t i = 0; i < n; i++)
        memcpy((uint8_t *)room + i * k->bytes, k->x + r[i].row * k->bytes, k->bytes);
    shape.dim[0] = n;
    k->s.next = 0;
    embed(&k->s, k->l, eg_input(k->s.t, k->s.dtype, &shape, room), &logit);
    const void *value = eg_tape_value(k->s.t, logit);
    if (value == NULL) return eg_tape_status(k->s.t);
    for (size_t i = 0; i < n; i++) {
        const double v =
            k->s.dtype == EG_F32 ? (double)((const float *)value)[i] : ((const double *)value)[i];
        if (!isfinite(v))
            return egi_fail(EG_ERR_DIVERGED, "attention of row %u is %g, expected a finite number",
                            (unsigned)r[i].row, v);
        r[i].logit = (float)v;
    }
    return EG_OK;
}

static eg_status look_rows(struct look *k, struct ranked *r, size_t n)
{
    const size_t most = block_of(of(k->l), k->bytes / (k->s.dtype == EG_F32 ? 4 : 8));
    const size_t block = most < n ? most : n;
    void *room;
    size_t bytes;
    EGI_TRY(egi_mul_size(block, k->bytes, &bytes));
    EGI_TRY(egi_alloc_array(k->s.alloc, 1, bytes, "a block of rows", &room));
    eg_status e = EG_OK;
    for (size_t i = 0; i < n && e == EG_OK; i += block)
        e = look_block(k, r + i, n - i < block ? n - i : block, room);
    egi_free(k->s.alloc, room, bytes);
    return e;
}

/* ---- which rows the second pass sees ---- */

/* What was picked: rows in their order, and where the bags among them begin. */
struct picked {
    struct egi_arena arena;
    struct ranked *r;
    size_t *order;  /* (rows of the largest bag) scratch of drawing */
    size_t *offset; /* (bags + 1) */
};

/* Rows of bag b, all or a sample, to r; how many. */
static size_t draw(const struct egi_scope *s, const struct bag_attention *o, size_t b,
                   struct picked *p, struct ranked *r)
{
    const size_t from = s->offset[b], rows = s->offset[b + 1] - from;
    const int some = s->mode == EGI_TRAIN && o->sample > 0 && o->sample < rows;
    const size_t n = some ? o->sample : rows;
    if (some) eg_random_permutation(s->seed, egi_scope_stream(s) + b, rows, p->order);
    for (size_t i = 0; i < n; i++)
        r[i] = (struct ranked){ 0, (uint32_t)(from + (some ? p->order[i] : i)) };
    qsort(r, n, sizeof *r, by_row);
    return n;
}

/* Picks of every bag one after the other in p->r. k NULL: all that were drawn. */
static eg_status pick(struct egi_scope *s, const struct bag_attention *o, struct look *k,
                      struct picked *p)
{
    size_t at = 0;
    p->offset[0] = 0;
    for (size_t b = 0; b < s->bags; b++) {
        struct ranked *r = p->r + at;
        size_t n = draw(s, o, b, p, r);
        if (k != NULL) {
            EGI_TRY(look_rows(k, r, n));
            qsort(r, n, sizeof *r, falling);
            const size_t keep = (size_t)ceil(o->share * (double)n);
            n = keep > 1 ? keep : 1;
            qsort(r, n, sizeof *r, by_row);
        }
        at += n;
        p->offset[b + 1] = at;
    }
    return EG_OK;
}

static eg_status make_picks(struct egi_scope *s, const struct egi_layer *l, eg_var x,
                            struct picked *p)
{
    const struct bag_attention *o = of(l);
    const size_t rows = s->offset[s->bags];
    const eg_shape shape = eg_tape_shape(s->t, x);
    if (shape.rank < 2 || shape.dim[0] != rows)
        return egi_fail(EG_ERR_SHAPE, "expected the %zu rows of the bags, got %zu", rows,
                        shape.rank > 0 ? shape.dim[0] : 0);
    if (rows > UINT32_MAX) return egi_fail(EG_ERR_LIMIT, "%zu rows in a batch of bags", rows);
    const struct egi_need needs[] = { { rows, sizeof(struct ranked) },
                                      { egi_bags_largest(s), sizeof(size_t) },
                                      { s->bags + 1, sizeof(size_t) } };
    EGI_TRY(egi_arena_create(s->alloc, needs, EGI_COUNT(needs), "rows of bags", &p->arena));
    p->r = p->arena.part[0], p->order = p->arena.part[1], p->offset = p->arena.part[2];
    const int looks = o->share < 1 && s->mode != EGI_CREATE;
    struct look k = { .s = *s, .l = l, .x = eg_tape_value(s->t, x), .shape = shape };
    if (k.x == NULL) return eg_tape_status(s->t);
    k.bytes = eg_shape_size(&shape) / rows * (eg_tape_dtype(s->t, x) == EG_F32 ? 4 : 8);
    k.s.mode = EGI_EVALUATE;
    k.s.leaf = NULL;
    k.s.offset = NULL;
    k.s.watch = NULL;
    eg_status e = looks ? eg_tape_create(egi_tape_threads(s->t), s->alloc, &k.s.t) : EG_OK;
    if (e != EG_OK) return e;
    e = pick(s, o, looks ? &k : NULL, p);
    if (looks) eg_tape_destroy(k.s.t);
    return e;
}

/* ---- the second pass ---- */

/* Which rows n picks are. */
static eg_var index_of(struct egi_scope *s, const struct ranked *r, size_t n)
{
    const eg_var v = egi_tape_new(s->t, EG_I32, &eg_shape_of(n));
    int32_t *to = v.id != 0 ? (int32_t *)(void *)egi_tape_tensor(s->t, v)->data : NULL;
    for (size_t i = 0; i < n && to != NULL; i++) to[i] = (int32_t)r[i].row;
    return v;
}

/* What the blocks of a pass share, in memory of the tape: a block may run again on its way back.
 * The parameters of f and g are inputs 1.. of a block, so that gradients flow to them. */
struct shared {
    struct egi_scope s; /* leaf: what a parameter is within the block */
    const struct egi_layer *l;
    eg_var input[EGI_INPUTS_MAX]; /* of a block: its rows, then parameters */
    size_t at[EGI_INPUTS_MAX];    /* which of the parameters each is */
    size_t count;                 /* inputs; 0: there are too many, and nothing runs again */
};

struct block {
    struct shared *shared;
    uint64_t seed; /* random choices of each block are its own */
    int runs;
};

/* Memory that lasts as long as what is on the tape; NULL after a failure. */
static void *tape_room(eg_tape *t, size_t bytes)
{
    const eg_var v = egi_tape_new(t, EG_F64, &eg_shape_of((bytes + 7) / 8));
    return v.id != 0 ? egi_tape_tensor(t, v)->data : NULL;
}

static struct shared *share_inputs(struct egi_scope *s, const struct egi_layer *l)
{
    const size_t all = s->mode != EGI_CREATE ? eg_params_count(s->params) : 0,
                 path = strlen(s->path);
    struct shared *k = tape_room(s->t, sizeof *k);
    eg_var *leaf = k != NULL ? tape_room(s->t, (all + 1) * sizeof *leaf) : NULL;
    if (leaf == NULL) return NULL;
    for (size_t i = 0; i < all; i++) leaf[i] = EG_NONE;
    *k = (struct shared){ .s = *s, .l = l, .count = 1 };
    for (size_t i = 0; i < all; i++) {
        const eg_param *p = eg_params_at(s->params, i);
        if (strncmp(p->name, s->path, path) != 0) continue;
        if (k->count == EGI_INPUTS_MAX) {
            k->count = 0;
            return k;
        }
        k->at[k->count] = i;
        k->input[k->count++] = egi_scope_param(s, p->name + path, &p->shape, NULL);
    }
    if (s->mode == EGI_CREATE) k->count = 0;
    if (k->count > 0) k->s.leaf = leaf;
    k->s.watch = NULL;
    return k;
}

/* e and g of a block of rows side by side, (R, H + 1). Statistics move the first time alone. */
static eg_var embed_block(eg_tape *t, const eg_var *x, void *user)
{
    struct block *b = user;
    struct shared *k = b->shared;
    eg_var both[2];
    k->s.t = t;
    k->s.seed = b->seed;
    k->s.update = k->s.update && b->runs++ == 0;
    k->s.next = 0;
    for (size_t i = 1; i < k->count; i++) k->s.leaf[k->at[i]] = x[i];
    both[0] = embed(&k->s, k->l, x[0], &both[1]);
    return eg_concat(t, both, 2, 1);
}

/* v (n) one after the other along axis 0; v is overwritten. */
static eg_var join(eg_tape *t, eg_var *v, size_t n)
{
    while (n > 1) {
        size_t to = 0;
        for (size_t i = 0; i < n; i += EGI_INPUTS_MAX) {
            const size_t some = n - i < EGI_INPUTS_MAX ? n - i : EGI_INPUTS_MAX;
            v[to++] = some > 1 ? eg_concat(t, v + i, some, 0) : v[i];
        }
        n = to;
    }
    return v[0];
}

/* e (R, H) and g (R, 1) of all that was picked. */
static eg_var embed_picked(struct egi_scope *s, const struct egi_layer *l, eg_var x,
                           const struct picked *p, eg_var *logit)
{
    const eg_shape shape = eg_tape_shape(s->t, x);
    const size_t n = p->offset[s->bags],
                 rows = block_of(of(l), eg_shape_size(&shape) / shape.dim[0]);
    const size_t blocks = (n + rows - 1) / rows;
    struct shared *k = share_inputs(s, l);
    struct block *b = k != NULL ? tape_room(s->t, blocks * sizeof *b) : NULL;
    eg_var *part = b != NULL ? tape_room(s->t, blocks * sizeof *part) : NULL;
    if (part == NULL) return EG_NONE;
    for (size_t i = 0; i < blocks; i++) {
        const uint64_t own[2] = { s->seed, i };
        const size_t some = n - i * rows < rows ? n - i * rows : rows;
        b[i] = (struct block){ .shared = k, .seed = i > 0 ? egi_hash(own, sizeof own) : s->seed };
        k->input[0] = eg_gather(s->t, x, index_of(s, p->r + i * rows, some));
        part[i] = k->count > 0 ? eg_checkpoint(s->t, embed_block, &b[i], k->input, k->count)
                               : embed_block(s->t, k->input, &b[i]);
    }
    s->placed = k->s.placed;
    const eg_var both = join(s->t, part, blocks);
    const size_t h = eg_tape_status(s->t) == EG_OK ? eg_tape_shape(s->t, both).dim[1] - 1 : 0;
    *logit = eg_slice(s->t, both, 1, h, 1, 1);
    return eg_slice(s->t, both, 1, 0, h, 1);
}

/* a (B, N, 1) of rows that were picked, as (1, 1, 1, R) of all: what is watched. */
static eg_var of_all_rows(struct egi_scope *s, eg_var a, eg_var index, size_t rows)
{
    const eg_var each = egi_bags_rows(s, a);
    return eg_reshape(s->t, eg_scatter_add(s->t, each, index, rows), &eg_shape_of(1, 1, 1, rows));
}

static eg_var weigh(struct egi_scope *s, const struct egi_layer *l, eg_var x,
                    const struct picked *p)
{
    eg_tape *t = s->t;
    const size_t *offset = s->offset, rows = offset[s->bags];
    eg_var logit = EG_NONE;
    const eg_var e = embed_picked(s, l, x, p, &logit);
    s->offset = p->offset; /* from here on the bags are what was picked */
    const eg_var each = egi_bags_pad(s, e), z = egi_bags_pad(s, logit);
    const eg_var padding = eg_tape_status(t) == EG_OK ? egi_bags_padding(s, 0) : EG_NONE;
    const eg_shape shape = eg_tape_shape(t, z);
    eg_var low = z;
    if (padding.id != 0) low = eg_add(t, z, eg_affine(t, eg_reshape(t, padding, &shape), -1e30, 0));
    const eg_var a = eg_softmax(t, low, 1);
    if (s->watch != NULL && strcmp(s->watch->path, s->path) == 0) {
        const eg_var index = index_of(s, p->r, p->offset[s->bags]);
        s->watch->weights = of_all_rows(s, a, index, rows);
        s->watch->found = 1;
    }
    s->offset = offset;
    return eg_sum(t, eg_mul(t, each, a), EG_AXIS(1), 0);
}

static eg_var apply(struct egi_scope *s, const struct egi_layer *l, const eg_var *x)
{
    struct picked p = { .r = NULL };
    if (s->offset == NULL)
        return egi_layer_fail(s, EG_ERR_INVALID, "expected examples that are bags, got vectors");
    const eg_status e = make_picks(s, l, x[0], &p);
    const eg_var y = e == EG_OK ? weigh(s, l, x[0], &p) : egi_tape_fail(s->t, e);
    if (p.arena.block != NULL) egi_arena_destroy(&p.arena);
    return y;
}

const struct egi_layer_row egi_layer_bag_attention = {
    .kind = { "bag_attention", "y = sum_i a_i f(x_i), a = softmax g(f(x_i)) over the top of a bag",
              "Widrich et al. 2020, DeepRC", settings },
    .inner = 1,
    .check = check,
    .apply = apply,
};
