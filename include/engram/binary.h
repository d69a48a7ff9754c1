/* engram/binary.h - memories whose knowledge is which connections exist.
 *
 * The verbs of engram/memory.h (store, recall with a certificate, energy where there is one,
 * forget, capacity) over packed bits. A unit is on or off; a state of an address or of a
 * content is `clusters` groups of `units` bits, each group beginning at a word: bit u of cluster c
 * is bit u % 64 of word c W + u / 64, W = ceil(units / 64), and the bits past `units` are 0.
 * eg_binary_encode and eg_binary_decode turn numbers into states and back. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGRAM_BINARY_H
#define ENGRAM_BINARY_H

#include <stddef.h>
#include <stdint.h>

#include "engram/alloc.h"
#include "engram/progress.h"
#include "engram/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct eg_binary eg_binary;

typedef enum eg_binary_kind {
    EG_BINARY_WILLSHAW, /* W_ij exists if i of an address met j of its content */
    EG_BINARY_CLIQUE,   /* a message: one unit in each cluster, all connected to each other */
    EG_BINARY_CHAIN,    /* directed connections from each state to the ones that follow it */
    EG_BINARY_SDM,      /* sparse distributed memory: counters at locations near the address */
    EG_BINARY_BAM,      /* bidirectional memory: W = sum x y^T over +-1, bit 0 as -1 */
    EG_BINARY_KINDS
} eg_binary_kind;

/* A row of the table of kinds; NULL past the end. */
typedef struct eg_binary_kind_info {
    const char *name;    /* "clique" */
    const char *summary; /* one line */
    const char *source;  /* paper and equation */
    const char *whole;   /* what "whole" of a certificate says of an answer */
} eg_binary_kind_info;
EG_API const eg_binary_kind_info *eg_binary_kind_at(size_t row);

typedef struct eg_binary_options {
    size_t size; /* sizeof(eg_binary_options) */
    eg_binary_kind kind;
    size_t clusters, units;         /* of an address; willshaw, sdm, bam: clusters = 1 */
    size_t out_clusters, out_units; /* of a content; 0, 0: content and address are one */
    size_t order;              /* clique: units of a message at most, >= 2; 0: one in every cluster.
                                  chain: states that point to the next; 0: clusters - 1, or 1 */
    size_t locations, radius;  /* sdm: hard addresses; activated within this distance */
    int counted;               /* willshaw, clique, chain: count each connection, so that what was
                                  stored can be forgotten exactly; sdm and bam always can */
    uint64_t seed;             /* of the locations */
    const eg_allocator *alloc; /* NULL: the default; must outlive the memory */
} eg_binary_options;

#define EG_BINARY_OPTIONS_INIT                                                         \
    {                                                                                  \
        sizeof(eg_binary_options), EG_BINARY_CLIQUE, 8, 256, 0, 0, 0, 0, 0, 0, 0, NULL \
    }

/**
 * An empty memory.
 * @return EG_OK, EG_ERR_INVALID, EG_ERR_UNSUPPORTED, EG_ERR_OVERFLOW, EG_ERR_NOMEM
 */
EG_API EG_MUST_CHECK eg_status eg_binary_create(const eg_binary_options *options, eg_binary **out);
EG_API void eg_binary_destroy(eg_binary *m);

/* m must not be NULL in these. */
EG_API const eg_binary_options *eg_binary_options_view(const eg_binary *m);
EG_API uint64_t eg_binary_count(const eg_binary *m);   /* M: pairs stored */
EG_API size_t eg_binary_bytes(const eg_binary *m);     /* held in all */
EG_API size_t eg_binary_words(const eg_binary *m);     /* of an address */
EG_API size_t eg_binary_out_words(const eg_binary *m); /* of a content */
/* Bytes a memory of these options will hold, known before anything is taught. */
EG_API EG_MUST_CHECK eg_status eg_binary_size(const eg_binary_options *options, size_t *bytes);

/**
 * Numbers to states: a clique or chain takes a symbol a cluster, an integer 0 .. units - 1, or -1
 * where none is known; every other kind takes a number a unit, above 0 is on.
 * @param x     (N, clusters), or (N, units)
 * @param bits  (N, words) out
 * @param side  0: an address, 1: a content
 * @return EG_OK, EG_ERR_INVALID (names item and number)
 */
EG_API EG_MUST_CHECK eg_status eg_binary_encode(const eg_binary *m, int side, const float *x,
                                                size_t n, uint64_t *bits);
/* The way back: -1 for a cluster with no unit or several; +1 and 0 (sdm, bam: +1 and -1). */
EG_API EG_MUST_CHECK eg_status eg_binary_decode(const eg_binary *m, int side, const uint64_t *bits,
                                                size_t n, float *x);
/* Numbers of a state: clusters or units. */
EG_API size_t eg_binary_numbers(const eg_binary *m, int side);

/**
 * Store n pairs; all or none.
 * @param addresses  (N, words)
 * @param contents   (N, out words); NULL where content and address are one
 * @return EG_OK, EG_ERR_INVALID (a state that is none of this memory), EG_ERR_UNSUPPORTED (chain:
 *         eg_binary_add_sequence), EG_ERR_OVERFLOW (a counter is full)
 */
EG_API EG_MUST_CHECK eg_status eg_binary_add(eg_binary *m, const uint64_t *addresses,
                                             const uint64_t *contents, size_t n);

/* Take n pairs out; all or none. What was stored before and after is as if they had never been.
 * EG_NOT_FOUND, and nothing done, where one of them lacks a connection, or where no n' pairs, those
 * that would stay, can have left what would remain: a sum above n', a connection where n' = 0;
 * EG_ERR_UNSUPPORTED without counters. No pair is kept, so another that was never stored
 * is taken out of what is there; eg_binary_add of the same undoes it. */
EG_API EG_MUST_CHECK eg_status eg_binary_forget(eg_binary *m, const uint64_t *addresses,
                                                const uint64_t *contents, size_t n);

/* A sequence of T states into a chain: each of the `order` states before t points to t (Jiang,
 * Gripon and Berrou 2012: tournaments). All or none. */
EG_API EG_MUST_CHECK eg_status eg_binary_add_sequence(eg_binary *m, const uint64_t *states,
                                                      size_t t);
EG_API EG_MUST_CHECK eg_status eg_binary_forget_sequence(eg_binary *m, const uint64_t *states,
                                                         size_t t);

/* What the connections say of a unit. */
typedef enum eg_binary_score {
    EG_SCORE_SUM, /* sum-of-sum: connections from active units */
    EG_SCORE_MAX, /* sum-of-max: clusters with an active unit that is connected */
    EG_SCORE_COUNT
} eg_binary_score;

/* Which units are on then. */
typedef enum eg_binary_activation {
    EG_ACTIVE_SUPPORT, /* supported by all that could: Willshaw's threshold. Cliques with a unit in
                          every cluster start with all units of a cluster that has none, and a
                          unit that is off stays off: nothing can oscillate */
    EG_ACTIVE_WINNERS, /* the best of each cluster, all of them in a tie */
    EG_ACTIVE_LOSERS,  /* losers kicked out: of the active ones in a cluster the worst go, unless
                          all are equal; in the whole network where a message leaves clusters
                          out, until `winners` are left */
    EG_ACTIVE_GLOBAL,  /* the `winners` best of the network, with all that tie with the last */
    EG_ACTIVE_THRESHOLD, /* a score of at least `threshold` */
    EG_ACTIVE_COUNT
} eg_binary_activation;

typedef struct eg_binary_recall_options {
    size_t size; /* sizeof(eg_binary_recall_options) */
    eg_binary_score score;
    eg_binary_activation activation;
    size_t winners;   /* of GLOBAL and LOSERS; 0: the memory's order or its clusters */
    size_t threshold; /* of THRESHOLD */
    size_t persist;   /* gamma: what an active unit adds to its own score; 1 */
    size_t max_steps;
    int threads; /* 0: all that the runtime offers */
    const eg_progress *progress;
} eg_binary_recall_options;

/* What a kind takes when nothing is said (options NULL): cliques sum-of-max with full support to
 * rest; sparse cliques global winners; Willshaw one step of full support. */
EG_API eg_binary_recall_options eg_binary_recall_usual(const eg_binary *m);

/* What is known of one recall. */
typedef struct eg_binary_certificate {
    int converged;       /* the last step changed nothing */
    int monotone;        /* proved: units can only go off, so it must come to rest */
    size_t steps;        /* that changed something, or 1 where there is but one */
    size_t active;       /* units on in the answer */
    size_t ambiguous;    /* clusters with more than one; 0 without clusters */
    size_t empty;        /* clusters with none */
    int whole;           /* every connection that storing this answer (to this cue) would make is
                            there. sdm: the sums near it hold more than half of what storing
                            it would leave, sum_c y_c s_c > V D / 2 over V locations and the D
                            units y_c = +-1 of a content, and it gives itself back where address
                            and content are one. bam: the two sides give each other */
    double false_accept; /* that as many connections between random units all existed:
                            fill^connections; NaN for sdm, bam */
    double energy_before, energy_after; /* of cue and answer; NaN where there is no energy */
    size_t voices; /* units, clusters or locations that spoke at the last step */
} eg_binary_certificate;

/**
 * Recall the content of each cue. A cluster of a cue with one unit is known, with several blurred,
 * with none (or all) erased. Where content and address are one the answer is the next cue until
 * nothing changes. A query's answer depends on its cue and the memory alone, to the bit.
 * @param cues    (Q, words)
 * @param states  (Q, out words) out; may be cues itself where both are one
 * @param certificates  (Q) out, or NULL
 * @return EG_OK, EG_ERR_INVALID, EG_ERR_UNSUPPORTED, EG_ERR_LIMIT (more than 65535 active units),
 *         EG_ERR_NOMEM, EG_ERR_INTERRUPTED
 */
EG_API EG_MUST_CHECK eg_status eg_binary_recall(const eg_binary *m, const uint64_t *cues, size_t q,
                                                const eg_binary_recall_options *options,
                                                uint64_t *states,
                                                eg_binary_certificate *certificates);

/**
 * What follows in a chain: from the last `order` states to the next, `steps` times.
 * @param cue     (R, words) R >= order states; the last of them speak
 * @param states  (steps, words) out
 * @param sure    (steps) out, or NULL: share of the voices that the units of the answer had
 */
EG_API EG_MUST_CHECK eg_status eg_binary_sequence(const eg_binary *m, const uint64_t *cue, size_t r,
                                                  size_t steps, uint64_t *states, double *sure);

/* Energy: minus the connections between active units, each once (willshaw and clique where
 * content and address are one); -x^T W y (bam). EG_ERR_UNSUPPORTED elsewhere. contents as in
 * eg_binary_add, NULL where both are one; energy (Q). */
EG_API EG_MUST_CHECK eg_status eg_binary_energy(const eg_binary *m, const uint64_t *addresses,
                                                const uint64_t *contents, size_t q, double *energy);

/* into holds what either held: OR of connections, sums of counters. Both of the same options;
 * order and repetition do not matter to connections. EG_ERR_SHAPE if the options differ,
 * EG_ERR_OVERFLOW (a counter), and nothing done. */
EG_API EG_MUST_CHECK eg_status eg_binary_merge(eg_binary *into, const eg_binary *from);
/* from holds what it held beyond what: the difference of counters, or the connections that what
 * lacks. EG_NOT_FOUND, and nothing done, where counters would fall below 0 or sums exceed the
 * number of pairs that stay. merge undoes it. */
EG_API EG_MUST_CHECK eg_status eg_binary_subtract(eg_binary *from, const eg_binary *what);
/* The part of a memory that points to some units of its content (1 in outputs, out words), as a
 * memory of its own: parts that cover all units merge to the whole. Each keeps the count. */
EG_API EG_MUST_CHECK eg_status eg_binary_split(const eg_binary *m, const uint64_t *outputs,
                                               eg_binary **part);

/* How full a memory is, and what that implies. */
typedef struct eg_binary_health {
    double possible;      /* connections that could exist; sdm: counters; bam: weights */
    double existing;      /* that do; sdm, bam: that are not 0 */
    double fill;          /* existing / possible */
    double fill_expected; /* of as many independent uniform patterns, as far as it is known */
    double bits_stored;   /* information of the patterns, if independent and uniform */
    double efficiency;    /* bits_stored per bit of binary connections; NaN for sdm, bam */
    double error; /* that one step from half of the units of an address leaves a wrong unit on;
                     of this fill, whatever the patterns were. sdm, bam: NaN */
    double false_accept; /* that a message never stored is taken for one */
    double
        room; /* more random patterns until `error` is 0.01; sdm, bam: until their rule of thumb */
} eg_binary_health;
EG_API EG_MUST_CHECK eg_status eg_binary_measure(const eg_binary *m, eg_binary_health *health);

#ifdef __cplusplus
}
#endif
#endif
