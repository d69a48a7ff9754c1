/* Sum-of-max with full support, for cliques that have a unit in every cluster: from candidates to
 * rest (Yao, Gripon and Rabbat 2013, eq. 4 in AND / OR form).
 *
 *   v'(i, j) = v(i, j) AND over i' != i of [ row(i, j) & v(i') != 0 ]
 *
 * Units only go off, so it comes to rest; and the map is monotone in v, so every order of single
 * steps ends in the same greatest fixed point. The order taken here is the cheap one: a cluster
 * speaks by the OR of its active units' rows, which is ANDed into all other clusters; clusters with
 * one unit speak first, and a cluster speaks again only after it has lost a unit. Connections are
 * symmetric, so rows stand for columns.
 *
 * No connection lies within a cluster: its own words are put aside while it speaks. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "binary/egi_binary.h"

/* Rows of the active units of a cluster: how many. */
static size_t rows_of(const eg_binary *m, const uint64_t *state, size_t cluster,
                      const uint64_t **rows)
{
    const size_t first = cluster * m->in.group;
    size_t k = 0;
    for (size_t w = 0; w < m->in.group; w++)
        for (uint64_t on = state[first + w]; on != 0; on &= on - 1) {
            const size_t unit = 64 * w + (size_t)__builtin_ctzll(on);
            rows[k++] = egi_links_row(&m->links, cluster * m->in.units + unit);
        }
    return k;
}

static void speak(const eg_binary *m, uint64_t *state, size_t cluster, const uint64_t **rows,
                  uint64_t *own, uint32_t *seen)
{
    uint64_t *mine = state + cluster * m->in.group;
    const size_t k = rows_of(m, state, cluster, rows), bytes = m->in.group * sizeof *own;
    *seen = (uint32_t)k;
    if (k == 0) {
        memset(state, 0, m->in.words * sizeof *state);
        return;
    }
    memcpy(own, mine, bytes);
    m->kernel.meet(rows, k, m->in.words, state);
    memcpy(mine, own, bytes);
}

size_t egi_links_settle(const eg_binary *m, uint64_t *state, uint32_t *count, uint32_t *seen,
                        const uint64_t **rows, uint64_t *own, size_t max_passes, int *rests)
{
    const size_t clusters = m->in.clusters;
    size_t changed = 0, most = 1; /* the first pass is of the clusters that know their unit */
    for (size_t c = 0; c < clusters; c++) seen[c] = UINT32_MAX;
    m->kernel.ones(state, clusters, m->in.group, count);
    for (size_t pass = 0; pass < max_passes; pass++) {
        int spoke = 0;
        for (size_t c = 0; c < clusters; c++) {
            if (seen[c] == count[c] || count[c] > most) continue;
            speak(m, state, c, rows, own, &seen[c]);
            spoke = 1;
        }
        if (!spoke && most != 1) break;
        changed += (size_t)spoke;
        most = UINT32_MAX;
        m->kernel.ones(state, clusters, m->in.group, count);
    }
    *rests = 1;
    for (size_t c = 0; c < clusters; c++) *rests &= seen[c] == count[c];
    return changed;
}
