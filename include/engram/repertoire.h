/* engram/repertoire.h - immune repertoires: tables of receptor sequences, read one row at a time,
 * and repertoires with motifs, made.
 *
 * A table is the rearrangement schema of AIRR (Vander Heiden et al. 2018), tabs between cells,
 * plain or gzip, or one of its older relatives. Of its columns one has to be there, that of the
 * amino acids; all others are optional, in any order. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGRAM_REPERTOIRE_H
#define ENGRAM_REPERTOIRE_H

#include "engram/dataset.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The letters of amino acids in the order of their codes, from 1. */
#define EG_RESIDUES "ACDEFGHIKLMNPQRSTVWY"

typedef struct eg_airr eg_airr;

/* One row; texts are borrowed until the next one is read. */
typedef struct eg_clonotype {
    const char *sequence; /* letters of EG_RESIDUES, `length` of them */
    size_t length;
    const char *v_call, *j_call; /* "" where the table has no such column, or an empty cell */
    double count;                /* 1 where the table has none */
    size_t line;                 /* from 1, the header */
} eg_clonotype;

typedef struct eg_airr_options {
    size_t size;          /* sizeof(eg_airr_options) */
    const char *sequence; /* column of the amino acids; NULL: the first there is of junction_aa,
                             cdr3_aa, aminoAcid, cdr3aa, CDR3.aa */
    size_t max_line;      /* bytes of a line; 0: 1 MiB */
    const eg_allocator *alloc;
} eg_airr_options;

#define EG_AIRR_OPTIONS_INIT             \
    {                                    \
        sizeof(eg_airr_options), 0, 0, 0 \
    }

/**
 * Open a table and read its header. Memory: the longest line and some 100 KiB, whatever its size.
 * @return EG_OK; EG_ERR_IO; EG_ERR_CORRUPT (no such column, or two of one name: "file:1:1: .."; a
 *         gzip that is damaged); EG_ERR_LIMIT (a line longer than max_line); EG_ERR_NOMEM
 */
EG_API EG_MUST_CHECK eg_status eg_airr_open(const char *path, const eg_airr_options *options,
                                            eg_airr **out);

/**
 * The next row that is a receptor. Rows are passed over, and counted, that are none: a missing cell
 * (empty, NA), a stop (*), a shift of the frame (_, ~), an unknown amino acid (X), productive F,
 * false, 0, n or no, sequenceStatus other than In.
 * @return EG_OK; EG_END; EG_ERR_CORRUPT, with "file:line:column: what, expected, got": a letter
 *         that is no amino acid, a count that is no number, another word in productive, too few or
 *         too many cells, a gzip that ends early; EG_ERR_LIMIT; EG_ERR_IO; EG_ERR_NOMEM
 */
EG_API EG_MUST_CHECK eg_status eg_airr_next(eg_airr *a, eg_clonotype *row);
EG_API size_t eg_airr_skipped(const eg_airr *a);
EG_API void eg_airr_close(eg_airr *a);

/* Code of a letter, 1..20; 0: no amino acid. */
EG_API int eg_residue_code(char letter);

/* ---- words ---- */

enum { EG_WORD_MAX = 4 };

/* A word that stands in some sequences more often than in all of them. */
typedef struct eg_word {
    char letters[EG_WORD_MAX + 1];
    size_t chosen, all; /* sequences that hold it: of the chosen ones, of all */
    double z;           /* (chosen - n p) / sqrt(n p (1 - p)), n chosen sequences, p = all / N */
} eg_word;

typedef struct eg_word_list {
    eg_word *word; /* (most) the caller's */
    size_t most, found;
} eg_word_list;

/**
 * The words of `length` letters that are most above what chance puts into the chosen sequences, the
 * largest z first, of equals the first by its letters. A sequence counts once, however often it
 * holds a word; words that stand in one chosen sequence alone are left out.
 * @param x       (N, D) codes, 0 from the end of a sequence on
 * @param chosen  (N) not 0: chosen
 * @param length  1 to EG_WORD_MAX
 * @param out     receives up to `most`
 * @return EG_OK; EG_ERR_INVALID (length, a number that is no code, none chosen); EG_ERR_NOMEM
 */
EG_API EG_MUST_CHECK eg_status eg_words_enriched(const float *x, size_t n, size_t d,
                                                 const uint8_t *chosen, size_t length,
                                                 const eg_allocator *alloc, eg_word_list *out);

/* ---- repertoires with motifs ---- */

typedef struct eg_implant_options {
    size_t size;                   /* sizeof(eg_implant_options) */
    size_t repertoires, sequences; /* of each */
    double witness;                /* share of the sequences of class 1 that hold a motif */
    const char *motif;             /* letters, "SFEN"; '?' stands for any */
    size_t shortest, longest;
    uint64_t seed;
    const eg_allocator *alloc;
} eg_implant_options;

#define EG_IMPLANT_OPTIONS_INIT                                            \
    {                                                                      \
        sizeof(eg_implant_options), 100, 10000, 0.01, "SFEN", 10, 20, 0, 0 \
    }

/**
 * Random sequences whose lengths and letters are drawn evenly, half of the repertoires (those of
 * odd number) with the motif put at a random place of round(witness N) of their sequences, one or
 * more. The set has bags of codes, D = longest, 0 from the end of a sequence on. A motif may stand
 * in a sequence by chance too, in both classes.
 * @param holds  (repertoires x sequences) 1 where one was put, or NULL
 * @return EG_OK; EG_ERR_INVALID (sizes, share or motif outside their domains); EG_ERR_NOMEM
 * Source: the simulations of Widrich et al. 2020, section 4.
 */
EG_API EG_MUST_CHECK eg_status eg_repertoires_implant(const eg_implant_options *options,
                                                      uint8_t *holds, eg_dataset *out);

#ifdef __cplusplus
}
#endif
#endif
