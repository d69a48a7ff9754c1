/* Sum-of-max with full support, for cliques that have a unit in every cluster: from candidates to
 * rest (Yao, Gripon and Rabbat 2013, eq. 4 in AND / OR form).
 *
 *   v'(i, j) = v(i, j) AND over i' != i of [ row(i, j) & v(i') != 0 ]
 *
 * Units only go off, so it comes to rest; and the map is monotone in v, so every order of single
 * steps ends in the same greatest fixed point. The order taken here is the cheap one. A cluster
 * speaks by the OR of its active units' rows (connections are symmetric, so rows stand for columns)
 * and all speakers of a pass are ANDed into the others at once. Clusters with one unit speak
 * first; a cluster speaks again only after it has lost a unit. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "binary/egi_binary.h"

/* What a cluster says: the row of its only unit, or the OR of several in `joined`. */
static const uint64_t *voice_of(const eg_binary *m, const uint64_t *state, size_t cluster,
                                const struct egi_settling *s)
{
    const uint64_t *group = state + cluster * m->in.group;
    const size_t first = cluster * m->in.units;
    size_t k = 0;
    for (size_t w = 0; w < m->in.group; w++)
        for (uint64_t on = group[w]; on != 0; on &= on - 1)
            s->rows[k++] = egi_links_row(&m->links, first + 64 * w + (size_t)__builtin_ctzll(on));
    if (k == 1) return s->rows[0];
    uint64_t *joined = s->joined + cluster * m->in.words;
    m->kernel.join(s->rows, k, m->in.words, joined);
    return joined;
}

size_t egi_links_settle(const eg_binary *m, uint64_t *state, const struct egi_settling *s,
                        size_t max_passes, int *rests)
{
    const size_t clusters = m->in.clusters;
    uint32_t most = 1; /* the first pass is of the clusters that know their unit */
    size_t passes = 0;
    *rests = 0;
    for (size_t c = 0; c < clusters; c++) s->seen[c] = UINT32_MAX;
    while (passes < max_passes && !*rests) {
        size_t speakers = 0;
        for (size_t c = 0; c < clusters; c++) {
            if (s->seen[c] == s->count[c] || s->count[c] > most) continue;
            s->voice[speakers] = voice_of(m, state, c, s);
            s->speaker[speakers++] = (uint32_t)c;
            s->seen[c] = s->count[c];
        }
        *rests = speakers == 0 && most > 1;
        if (speakers > 0) {
            m->kernel.agree(s->voice, s->speaker, speakers, clusters, m->in.group, state, s->count);
            passes++;
        }
        most = UINT32_MAX;
    }
    for (size_t c = 0; c < clusters && !*rests; c++)
        if (s->seen[c] != s->count[c]) return passes;
    *rests = 1;
    return passes;
}
