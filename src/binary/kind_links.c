/* The three kinds whose knowledge is which connections exist.
 *
 * Willshaw, Buneman and Longuet-Higgins 1969: W = OR of x y^T over the pairs. Cliques, Gripon and
 * Berrou 2011: a message is a unit in each of c clusters, all connected to each other and none to
 * its own cluster; with an `order`, of a part of the clusters (Aliabadi et al. 2014); with a
 * content of its own, every unit of the address to every unit of the content. Chains, Jiang, Gripon
 * and Berrou 2012: the connections point forward in time, from each of the last r states to the
 * next. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "binary/egi_binary.h"

static eg_status one_cluster(const eg_binary_options *o)
{
    if (o->clusters != 1 || o->out_clusters > 1)
        return egi_fail(EG_ERR_INVALID, "eg_binary_options: %s has 1 cluster, got %zu and %zu",
                        egi_binary_kinds[o->kind]->info.name, o->clusters, o->out_clusters);
    if (o->order != 0)
        return egi_fail(EG_ERR_INVALID,
                        "eg_binary_options: order is of cliques and chains, got "
                        "%zu",
                        o->order);
    return EG_OK;
}

static eg_status clique_check(const eg_binary_options *o)
{
    const int own = o->out_clusters == 0;
    if (own && o->clusters < 2)
        return egi_fail(EG_ERR_INVALID, "eg_binary_options: a clique of %zu cluster, expected >= 2",
                        o->clusters);
    if (o->order != 0 && (!own || o->order < 2 || o->order > o->clusters))
        return egi_fail(EG_ERR_INVALID,
                        "eg_binary_options: order %zu, expected 0 or 2..%zu, and no content of its "
                        "own",
                        o->order, o->clusters);
    return EG_OK;
}

static eg_status chain_check(const eg_binary_options *o)
{
    if (o->out_clusters != 0)
        return egi_fail(EG_ERR_INVALID, "eg_binary_options: the states of a chain have one side");
    if (o->order > 1000)
        return egi_fail(EG_ERR_INVALID, "eg_binary_options: order %zu, expected up to 1000",
                        o->order);
    return EG_OK;
}

static eg_status chain_create(eg_binary *m)
{
    if (m->options.order == 0) m->options.order = m->in.clusters > 1 ? m->in.clusters - 1 : 1;
    return EG_OK;
}

static eg_status fail_empty(const char *who, size_t item)
{
    return egi_fail(EG_ERR_INVALID, "%s: pair %zu: no unit is active", who, item);
}

static eg_status any_unit(const eg_binary *m, const char *who, size_t item, const uint64_t *a,
                          const uint64_t *b)
{
    if (egi_state_active(&m->in, a) == 0 || egi_state_active(&m->out, b) == 0)
        return fail_empty(who, item);
    return EG_OK;
}

/* One unit a cluster, of all clusters or, sparse, of at least 2 and at most `order`. */
static eg_status check_message(const struct egi_side *side, size_t order, const char *who,
                               size_t item, const uint64_t *x)
{
    size_t used = 0;
    for (size_t c = 0; c < side->clusters; c++) {
        size_t on = 0;
        for (size_t w = 0; w < side->group; w++)
            on += (size_t)__builtin_popcountll(x[c * side->group + w]);
        if (on > 1 || (on == 0 && order == 0))
            return egi_fail(EG_ERR_INVALID, "%s: pair %zu: cluster %zu has %zu units, expected 1",
                            who, item, c, on);
        used += on;
    }
    if (order != 0 && (used < 2 || used > order))
        return egi_fail(EG_ERR_INVALID, "%s: pair %zu: %zu clusters are used, expected 2..%zu", who,
                        item, used, order);
    return EG_OK;
}

static eg_status message(const eg_binary *m, const char *who, size_t item, const uint64_t *a,
                         const uint64_t *b)
{
    EGI_TRY(check_message(&m->in, m->options.order, who, item, a));
    return m->own ? EG_OK : check_message(&m->out, 0, who, item, b);
}

static eg_status write(eg_binary *m, const uint64_t *a, const uint64_t *b, int sign)
{
    return egi_links_write(m, a, b, m->own && m->options.kind == EG_BINARY_CLIQUE, sign);
}

static eg_binary_recall_options usual(const eg_binary *m)
{
    const int clique = m->own && m->options.kind == EG_BINARY_CLIQUE;
    const int sparse = clique && m->options.order > 0;
    return (eg_binary_recall_options){
        .size = sizeof(eg_binary_recall_options),
        .score = m->options.kind == EG_BINARY_CLIQUE ? EG_SCORE_MAX : EG_SCORE_SUM,
        .activation = sparse ? EG_ACTIVE_GLOBAL : EG_ACTIVE_SUPPORT,
        .persist = 1,
        .max_steps = clique ? 20 : 1,
    };
}

/* -1/2 sum_ij x_i W_ij x_j without the diagonal: each connection once. */
static double energy(const eg_binary *m, const uint64_t *a, const uint64_t *b)
{
    uint64_t connected = 0, self = 0;
    (void)b;
    for (size_t i = egi_next_bit(a, m->in.words, 0); i != SIZE_MAX;
         i = egi_next_bit(a, m->in.words, i + 1)) {
        const uint64_t *row = egi_links_row(&m->links, egi_row_of(&m->in, i));
        for (size_t w = 0; w < m->links.words; w++)
            connected += (uint64_t)__builtin_popcountll(row[w] & a[w]);
        self += row[i / 64] >> i % 64 & 1;
    }
    return 0.5 * ((double)self - (double)connected); /* no -0 */
}

#define WHOLE "with one answer whose connections all exist"
#define COMMON                                                                                   \
    .keeping = &egi_keeping_links, .write = write, .usual = usual, .accepts = egi_links_accepts, \
    .scratch = egi_links_scratch, .recall = egi_links_recall, .measure = egi_links_measure

const struct egi_binary_kind egi_binary_willshaw = {
    .info = { "willshaw", "connections between what was active together",
              "Willshaw, Buneman and Longuet-Higgins 1969; Palm 1980", WHOLE },
    COMMON,
    .check = one_cluster,
    .storable = any_unit,
    .energy = energy,
};

const struct egi_binary_kind egi_binary_clique = {
    .info = { "clique", "messages as cliques: one unit in each of c clusters",
              "Gripon and Berrou 2011; sparse: Aliabadi, Berrou, Gripon and Jiang 2014", WHOLE },
    COMMON,
    .check = clique_check,
    .storable = message,
    .energy = energy,
    .symbols = 1,
};

const struct egi_binary_kind egi_binary_chain = {
    .info = { "chain", "sequences: connections from each state to those that follow",
              "Jiang, Gripon and Berrou 2012", WHOLE },
    COMMON,
    .check = chain_check,
    .create = chain_create,
    .storable = any_unit,
    .symbols = 1,
    .sequence = 1,
};
