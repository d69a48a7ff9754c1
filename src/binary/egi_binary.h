/* Inside a binary memory: two ways of keeping (connections that exist, sums at crossings) and a row
 * for each kind, which says how a pair is written and how a cue is answered. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EGI_BINARY_H
#define EGI_BINARY_H

#include "base/egi_base.h"
#include "engram/binary.h"
#include "kernel/egi_kernel_bits.h"
#include "kernel/egi_kernel_links.h"

enum { EGI_MOST_VOICES = 64000 }; /* and 1000 for persisting: a score fits a u16 */

/* How the bits of an address or of a content lie. */
struct egi_side {
    size_t clusters, units; /* units of a cluster */
    size_t group;           /* words of a cluster */
    size_t words, total;    /* clusters group; clusters units */
};

/* links.c - which connections exist: (rows, words) bits, a row a unit of the address. */
struct egi_links {
    uint64_t *bits;
    uint16_t *count; /* (rows, 64 words) times each was made, or NULL */
    size_t rows, words;
    uint64_t existing; /* ones in bits */
};

/* sums.c - signed sums: (rows, columns). */
struct egi_sums {
    int32_t *at;
    size_t rows, columns;
};
size_t egi_sums_used(const struct egi_sums *s); /* that are not 0 */

/* A cue on its way. scratch: what the kind asked for, a worker's own. */
struct egi_query {
    const eg_binary_recall_options *options;
    const uint64_t *cue;
    uint64_t *state;                    /* (out words) the answer */
    eg_binary_certificate *certificate; /* never NULL */
    void *scratch;
    int certify; /* 0: nobody reads the certificate but for converged, steps and voices */
};

/* How what was stored is kept, merged and written into files. */
struct egi_keeping {
    eg_status (*create)(eg_binary *m);
    void (*destroy)(eg_binary *m);
    eg_status (*bytes)(const eg_binary_options *o, size_t *bytes);
    /* Whether merge (sign 1) or subtract (-1) can be done; then do it. */
    eg_status (*may)(const eg_binary *into, const eg_binary *from, int sign);
    void (*join)(eg_binary *into, const eg_binary *from, int sign);
    /* 0: n stored cannot have left what is kept. 1: they may have. */
    int (*can_be)(const eg_binary *m, uint64_t n);
    /* Only the crossings with these units of the content stay. */
    void (*restrict_to)(eg_binary *m, const uint64_t *outputs);
    /* Rows as bytes: the most that one takes; writing returns what it took, reading checks. */
    size_t (*row_most)(const eg_binary *m);
    size_t (*row_write)(const eg_binary *m, size_t row, uint8_t *out);
    eg_status (*row_read)(eg_binary *m, size_t row, const uint8_t *at, size_t size, size_t *took);
    size_t (*rows)(const eg_binary *m);
    int (*row_used)(const eg_binary *m, size_t row); /* something was ever stored in it */
    /* A row as numbers, one a unit of the content: 0 or 1, how often it was made, or the sum. */
    void (*row_numbers)(const eg_binary *m, size_t row, int32_t *out);
};

struct egi_binary_kind {
    eg_binary_kind_info info;
    const struct egi_keeping *keeping;
    eg_status (*check)(const eg_binary_options *o); /* what is this kind's own */
    /* What create adds to the keeping, and destroy frees; NULL: nothing. */
    eg_status (*create)(eg_binary *m);
    void (*destroy)(eg_binary *m);
    /* Whether a state may be stored; who names it in the detail. */
    eg_status (*storable)(const eg_binary *m, const char *who, size_t item, const uint64_t *a,
                          const uint64_t *b);
    /* Write one pair (sign 1) or take it out (-1): all of it or none. */
    eg_status (*write)(eg_binary *m, const uint64_t *a, const uint64_t *b, int sign);
    eg_binary_recall_options (*usual)(const eg_binary *m);
    eg_status (*accepts)(const eg_binary *m, const eg_binary_recall_options *o);
    eg_status (*scratch)(const eg_binary *m, const eg_binary_recall_options *o, size_t *bytes);
    void (*recall)(const eg_binary *m, const struct egi_query *q);
    double (*energy)(const eg_binary *m, const uint64_t *a, const uint64_t *b); /* NULL: none */
    void (*measure)(const eg_binary *m, eg_binary_health *h);
    int symbols;  /* numbers are symbols of clusters */
    double off;   /* what a unit that is off decodes to */
    int sequence; /* only sequences are stored */
};

struct eg_binary {
    const eg_allocator *alloc;
    eg_binary_options options; /* alloc resolved */
    const struct egi_binary_kind *kind;
    struct egi_side in, out;
    int own; /* content and address are one */
    uint64_t n;
    uint64_t on_in, on_out; /* active units of the addresses and contents stored; a chain's states:
                               their active units, and how many they are */
    struct egi_links links; /* willshaw, clique, chain */
    struct egi_sums sums;   /* sdm, bam */
    uint64_t *places;       /* sdm: (locations, in words) */
    struct egi_kernels_links kernel;
    struct egi_kernels_bits packed;
};

extern const struct egi_binary_kind *const egi_binary_kinds[EG_BINARY_KINDS];
extern const struct egi_binary_kind egi_binary_willshaw, egi_binary_clique, egi_binary_chain,
    egi_binary_sdm, egi_binary_bam;
extern const struct egi_keeping egi_keeping_links, egi_keeping_sums;

/* binary.c */
int egi_binary_same(const eg_binary_options *a, const eg_binary_options *b); /* but for alloc */
/* What a row of connections tells of the others, where W_ij = W_ji: those that another row has and
 * its own has not. For a memory that lost rows. 0: connections point one way, nothing was done. */
int egi_binary_complete(eg_binary *m);
struct egi_side egi_side_of(size_t clusters, size_t units);
eg_status egi_binary_check(const eg_binary_options *o);
/* Bits past the units of a cluster are 0. */
int egi_state_clean(const struct egi_side *side, const uint64_t *state);
size_t egi_state_active(const struct egi_side *side, const uint64_t *state);

/* The next active unit at or after *at (from 0), as a bit's place: SIZE_MAX past the last. */
static inline size_t egi_next_bit(const uint64_t *state, size_t words, size_t at)
{
    size_t w = at / 64;
    if (w >= words) return SIZE_MAX;
    uint64_t rest = state[w] >> at % 64 << at % 64;
    while (rest == 0)
        if (++w == words)
            return SIZE_MAX;
        else
            rest = state[w];
    return w * 64 + (size_t)__builtin_ctzll(rest);
}

/* The row of a unit by its bit's place, and the way back. */
static inline size_t egi_row_of(const struct egi_side *side, size_t bit)
{
    const size_t cluster = bit / (64 * side->group);
    return cluster * side->units + bit % (64 * side->group);
}

static inline size_t egi_bit_of(const struct egi_side *side, size_t unit)
{
    return unit / side->units * 64 * side->group + unit % side->units;
}

static inline const uint64_t *egi_links_row(const struct egi_links *l, size_t row)
{
    return l->bits + row * l->words;
}

/* links.c - connect (sign 1) or disconnect (-1) every active unit of a with every one of b;
 * apart: not within a cluster. All or none. */
eg_status egi_links_write(eg_binary *m, const uint64_t *a, const uint64_t *b, int apart, int sign);
/* Whether all those connections exist; *made counts them. */
int egi_links_hold(const eg_binary *m, const uint64_t *a, const uint64_t *b, int apart,
                   uint64_t *made);

/* links_health.c - existing connections as a share of those that could be; the gauge. */
double egi_links_fill(const eg_binary *m);
void egi_links_measure(const eg_binary *m, eg_binary_health *h);

/* links_recall.c */
eg_status egi_links_accepts(const eg_binary *m, const eg_binary_recall_options *o);
eg_status egi_links_scratch(const eg_binary *m, const eg_binary_recall_options *o, size_t *bytes);
void egi_links_recall(const eg_binary *m, const struct egi_query *q);

/* links_settle.c - cliques with a unit in every cluster, from candidates to rest. Returns the
 * passes made; *rests: nothing more can change. count holds the active units of each cluster on
 * entry and on return. */
struct egi_settling {
    const uint64_t **rows;            /* (units) */
    const uint64_t **voice;           /* (clusters) */
    uint64_t *joined;                 /* (clusters, words) */
    uint32_t *count, *seen, *speaker; /* (clusters) each */
};
size_t egi_links_settle(const eg_binary *m, uint64_t *state, const struct egi_settling *s,
                        size_t max_passes, int *rests);

/* row_code.c - a row of bits by its own density: bitmap, or gaps of ones or zeros (Rice code). */
size_t egi_row_code_most(size_t bits);
size_t egi_row_encode(const uint64_t *row, size_t bits, uint8_t *out);
eg_status egi_row_decode(const uint8_t *at, size_t size, size_t bits, uint64_t *row, size_t *took);

#endif
