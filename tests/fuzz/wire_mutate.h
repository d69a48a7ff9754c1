/* Mutations of Protocol Buffers that stay Protocol Buffers: a field is changed, deleted, doubled,
 * moved or put elsewhere, at any depth, and the lengths of all that hold it are written anew. No
 * schema is needed: what parses as a message to its end may be one. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_WIRE_MUTATE_H
#define TESTS_WIRE_MUTATE_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "engram/random.h"

enum { WIRE_FIELDS = 512, WIRE_DEPTH = 10, WIRE_VARINT = 0, WIRE_LENGTH = 2 };

extern size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t most) __attribute__((weak));

struct wire_draws {
    uint64_t seed, at;
};

/* A field: its key, and what follows (of one with a length, without the length). */
struct wire_field {
    uint64_t key;
    const uint8_t *p;
    size_t n;
};

struct wire_out {
    uint8_t *p;
    size_t n, most;
};

static size_t wire_draw(struct wire_draws *d, size_t n)
{
    return n > 0 ? (size_t)eg_random_below(d->seed, 10, d->at++, n) : 0;
}

static size_t wire_varint(const uint8_t *p, size_t n, uint64_t *out)
{
    uint64_t v = 0;
    for (size_t i = 0; i < n && i < 10; i++) {
        v |= (uint64_t)(p[i] & 0x7f) << (7 * i);
        if (p[i] < 0x80) {
            *out = v;
            return i + 1;
        }
    }
    return 0;
}

/* How long a field's content is behind its key; 0 in *head where it does not fit. */
static size_t wire_content(unsigned type, const uint8_t *p, size_t n, size_t *head)
{
    uint64_t v;
    *head = 0;
    if (type == WIRE_VARINT) return wire_varint(p, n, &v);
    if (type == WIRE_LENGTH) {
        *head = wire_varint(p, n, &v);
        return *head > 0 && v <= n - *head ? (size_t)v : SIZE_MAX;
    }
    return type == 1 && n >= 8 ? 8 : type == 5 && n >= 4 ? 4 : SIZE_MAX;
}

/* The fields of a message; 0: it is none. */
static size_t wire_parse(const uint8_t *p, size_t n, struct wire_field *out)
{
    size_t count = 0;
    for (size_t at = 0; at < n;) {
        uint64_t key;
        size_t head, k = wire_varint(p + at, n - at, &key);
        if (k == 0 || key >> 3 == 0 || key >> 3 > 100 || count == WIRE_FIELDS) return 0;
        at += k;
        const size_t size = wire_content(key & 7, p + at, n - at, &head);
        if (size == SIZE_MAX || ((key & 7) == WIRE_VARINT && size == 0)) return 0;
        out[count++] = (struct wire_field){ key, p + at + head, size };
        at += head + size;
    }
    return count;
}

static void wire_put(struct wire_out *o, const void *bytes, size_t n)
{
    if (n > o->most - o->n) n = o->most - o->n;
    if (n > 0) memcpy(o->p + o->n, bytes, n);
    o->n += n;
}

static void wire_put_varint(struct wire_out *o, uint64_t v)
{
    uint8_t b[10];
    size_t n = 0;
    do {
        b[n++] = (uint8_t)((v & 0x7f) | (v > 0x7f ? 0x80 : 0));
        v >>= 7;
    } while (v > 0);
    wire_put(o, b, n);
}

static void wire_put_field(struct wire_out *o, const struct wire_field *f)
{
    wire_put_varint(o, f->key);
    if ((f->key & 7) == WIRE_LENGTH) wire_put_varint(o, f->n);
    wire_put(o, f->p, f->n);
}

/* A number becomes near what it was, a limit, or anything. */
static void wire_put_number(struct wire_out *o, const struct wire_field *f, struct wire_draws *d)
{
    static const uint64_t limits[] = { 0,
                                       1,
                                       2,
                                       7,
                                       0x7f,
                                       0x7fffffff,
                                       UINT64_MAX,
                                       (uint64_t)1 << 32,
                                       INT64_MAX,
                                       1 << 20,
                                       UINT64_MAX - 1 };
    uint64_t v = 0;
    (void)wire_varint(f->p, f->n, &v);
    const size_t how = wire_draw(d, 4);
    wire_put_varint(o, f->key);
    wire_put_varint(o, how < 2    ? v + wire_draw(d, 7) - 3
                       : how == 2 ? limits[wire_draw(d, sizeof limits / sizeof *limits)]
                                  : wire_draw(d, 64));
}

/* The content of a text, of raw numbers or of a number of fixed size. */
static void wire_put_bytes(struct wire_out *o, const struct wire_field *f, struct wire_draws *d)
{
    const int fixed = (f->key & 7) != WIRE_LENGTH;
    const size_t most = fixed ? f->n : f->n + 16, part = wire_draw(d, f->n);
    uint8_t *copy = malloc(most + 1);
    if (copy == NULL) abort();
    if (f->n > 0) memcpy(copy, f->p, f->n);
    const size_t got = LLVMFuzzerMutate(copy + part, f->n - part, most - part);
    const struct wire_field changed = { f->key, copy, fixed ? f->n : part + got };
    wire_put_field(o, &changed);
    free(copy);
}

static size_t wire_mutate(const uint8_t *p, size_t n, struct wire_out *o, struct wire_draws *d,
                          int depth);

/* One of the names in reach in the place of another: that is how nodes are joined. */
static int wire_is_name(const struct wire_field *f)
{
    if ((f->key & 7) != WIRE_LENGTH || f->n == 0 || f->n > 40) return 0;
    for (size_t i = 0; i < f->n; i++)
        if (f->p[i] < 0x20 || f->p[i] > 0x7e) return 0;
    return 1;
}

static const struct wire_field *wire_other_name(const struct wire_field *all, size_t count,
                                                struct wire_draws *d)
{
    static struct wire_field inner[WIRE_FIELDS];
    for (size_t tries = 0; tries < 8; tries++) {
        const struct wire_field *f = &all[wire_draw(d, count)];
        if (wire_is_name(f)) return f;
        if ((f->key & 7) != WIRE_LENGTH) continue;
        const size_t n = wire_parse(f->p, f->n, inner);
        if (n > 0 && wire_is_name(&inner[wire_draw(d, n)])) return &inner[wire_draw(d, n)];
    }
    return NULL;
}

static void wire_change(struct wire_out *o, const struct wire_field *all, size_t count, size_t i,
                        struct wire_draws *d, int depth)
{
    static struct wire_field inner[WIRE_FIELDS];
    const struct wire_field *f = &all[i], *other = &all[wire_draw(d, count)];
    const size_t how = wire_draw(d, 16);
    if (how == 0) return; /* deleted */
    if (how == 1) {       /* twice */
        wire_put_field(o, f);
        wire_put_field(o, f);
        return;
    }
    if (how == 2) { /* another one in its place, with its number or its own */
        struct wire_field moved = *other;
        if (wire_draw(d, 2) && (f->key & 7) == (other->key & 7)) moved.key = f->key;
        wire_put_field(o, &moved);
        return;
    }
    if (wire_is_name(f) && how < 8) {
        const struct wire_field *name = wire_other_name(all, count, d);
        const struct wire_field renamed = { f->key, name != NULL ? name->p : f->p,
                                            name != NULL ? name->n : f->n };
        wire_put_field(o, &renamed);
        return;
    }
    if ((f->key & 7) == WIRE_VARINT) {
        wire_put_number(o, f, d);
    } else if (depth < WIRE_DEPTH && (f->key & 7) == WIRE_LENGTH && how < 14
               && wire_parse(f->p, f->n, inner) > 0) {
        struct wire_out child = { malloc(o->most + 1), 0, o->most };
        if (child.p == NULL) abort();
        const size_t size = wire_mutate(f->p, f->n, &child, d, depth + 1);
        const struct wire_field changed = { f->key, child.p, size };
        wire_put_field(o, &changed);
        free(child.p);
    } else {
        wire_put_bytes(o, f, d);
    }
}

/* One field of a message is changed, or of what lies in it. Returns the new size. */
static size_t wire_mutate(const uint8_t *p, size_t n, struct wire_out *o, struct wire_draws *d,
                          int depth)
{
    struct wire_field *all = malloc(WIRE_FIELDS * sizeof *all);
    if (all == NULL) abort();
    const size_t count = wire_parse(p, n, all), chosen = wire_draw(d, count);
    for (size_t i = 0; i < count; i++)
        if (i == chosen)
            wire_change(o, all, count, i, d, depth);
        else
            wire_put_field(o, &all[i]);
    free(all);
    return o->n;
}

#endif
