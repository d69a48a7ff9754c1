/* Pairs of eigenvectors whose (a + i b) / sqrt 2 have moduli as even as can be.
 *
 * sum_v |a_v + i b_v| is at most sqrt(2 V), where the modulus is the same everywhere, as it is for
 * sine and cosine. A pairing of all that has the largest sum is a matching of largest weight
 * (Oyallon 2020). Here pairs are taken heaviest first; then of two pairs (a b)(c d) the better of
 * (a c)(b d) and (a d)(b c), if heavier, takes their place, until none is. That need not be the
 * largest sum; it is where pairs of even modulus exist for all, and exchanges only add. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdlib.h>

#include "measure/egi_interferometric.h"

struct edge {
    float weight;
    uint32_t a, b;
};

static double weight_of(const double *a, const double *b, size_t v)
{
    double sum = 0;
    for (size_t i = 0; i < v; i++) sum += sqrt(a[i] * a[i] + b[i] * b[i]);
    return sum;
}

static int heaviest(const void *a, const void *b)
{
    const struct edge *x = a, *y = b;
    if (x->weight != y->weight) return x->weight < y->weight ? 1 : -1;
    if (x->a != y->a) return x->a > y->a ? 1 : -1;
    return (x->b > y->b) - (x->b < y->b);
}

static void match(const struct edge *edge, size_t edges, size_t n, size_t *partner)
{
    for (size_t i = 0; i < n; i++) partner[i] = i;
    for (size_t e = 0; e < edges; e++) {
        const size_t a = edge[e].a, b = edge[e].b;
        if (partner[a] != a || partner[b] != b) continue;
        partner[a] = b;
        partner[b] = a;
    }
}

/* weight (n, n). Whether the pairs of a and of c changed partners. */
static int exchange(const float *weight, size_t n, size_t *partner, size_t a, size_t c)
{
    const size_t b = partner[a], d = partner[c];
    const float now = weight[a * n + b] + weight[c * n + d];
    const float one = weight[a * n + c] + weight[b * n + d];
    const float other = weight[a * n + d] + weight[b * n + c];
    if (b == c || !(fmaxf(one, other) > now * (1 + 1e-6F))) return 0;
    const size_t with = one >= other ? c : d, left = one >= other ? d : c;
    partner[a] = with;
    partner[with] = a;
    partner[b] = left;
    partner[left] = b;
    return 1;
}

/* Vectors (n, v) of `all`, which is n, or one more that weighs nothing: who is paired with it is
 * alone. */
static void pair(const double *a, size_t n, size_t v, size_t all, const struct egi_arena *room)
{
    float *weight = room->part[0];
    struct edge *edge = room->part[1];
    size_t *partner = room->part[2], edges = 0;
    for (size_t i = 0; i < all; i++) {
        weight[i * all + i] = 0;
        for (size_t j = i + 1; j < all; j++) {
            const float w = j < n ? (float)weight_of(a + i * v, a + j * v, v) : 0;
            weight[i * all + j] = weight[j * all + i] = w;
            edge[edges++] = (struct edge){ w, (uint32_t)i, (uint32_t)j };
        }
    }
    qsort(edge, edges, sizeof *edge, heaviest);
    match(edge, edges, all, partner);
    for (int gained = 1; gained;) {
        gained = 0;
        for (size_t i = 0; i < all; i++)
            for (size_t j = 0; j < i; j++) gained |= exchange(weight, all, partner, i, j);
    }
}

eg_status egi_interferometric_pair(const double *a, size_t n, size_t v, const eg_allocator *alloc,
                                   size_t *partner)
{
    const size_t all = n + n % 2;
    const struct egi_need needs[] = { { all * all, sizeof(float) },
                                      { all * all / 2 + 1, sizeof(struct edge) },
                                      { all, sizeof(size_t) } };
    struct egi_arena arena;
    EGI_TRY(egi_arena_create(alloc, needs, EGI_COUNT(needs), "pairs", &arena));
    const size_t *found = arena.part[2];
    pair(a, n, v, all, &arena);
    for (size_t i = 0; i < n; i++) partner[i] = found[i] < n ? found[i] : i;
    egi_arena_destroy(&arena);
    return EG_OK;
}
