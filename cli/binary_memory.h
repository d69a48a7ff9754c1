/* cli/binary_memory.h - binary memories as the program handles them: named like the dense ones by
 * --memory, sized by their data, kept in the same files. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_BINARY_MEMORY_H
#define CLI_BINARY_MEMORY_H

#include "cli/reader_options.h"
#include "cli/stored.h"

/* As given on the command line; radius SIZE_MAX where none was. */
struct binary_given {
    const char *contents;
    size_t radius;
    int counted;
};

#define BINARY_GIVEN_INIT \
    {                     \
        NULL, SIZE_MAX, 0 \
    }

/* A row a line, not a brace a level: */
/* clang-format off */
#define BINARY_OPT(type, field) offsetof(type, binary.field)
#define BINARY_OPTION_ROWS(type)                                                              \
    { "counted", 0, OPT_FLAG, BINARY_OPT(type, counted), NULL,                                \
      "willshaw, clique, chain: count connections, so that items can be forgotten", NULL,     \
      0, 0 },                                                                                 \
    { "contents", 0, OPT_TEXT, BINARY_OPT(type, contents), "DATA",                            \
      "binary memories: what each item is the address of, row by row", NULL, 0, 0 },          \
    { "radius", 0, OPT_SIZE, BINARY_OPT(type, radius), "R",                                   \
      "sdm: locations within this distance take part", NULL, 0, 1e9 }
/* clang-format on */

enum { BINARY_LOCATIONS = 10000 }; /* of an sdm, unless told */
#define BINARY_NAMES "expected clique:UNITS, chain:UNITS, sdm:LOCATIONS, or the name alone"

/* The kind that "clique" or "clique:256" names, or -1. */
int binary_kind_of(const char *memory);
/* Its number, 0 where there is none; returns 0 where it is wrong. */
int binary_number_of(const char *memory, uint64_t *number);
/* Radius of an sdm: of random locations a hundredth is within it. */
size_t binary_radius(size_t units);
/* "clique of 8 clusters of 256 units, counted" */
const char *binary_words(const eg_binary_options *o);
/* Numbers of a cue or content are symbols of clusters. */
int binary_of_symbols(const eg_binary_options *o);

/* Data to pairs for a memory. Contents as they were read, or a class's number where the memory
 * was given classes (`values`). */
struct binary_pairs {
    size_t n;
    uint64_t *addresses, *contents; /* contents NULL: address and content are one */
};
/* EXIT_DONE, or the message printed. set is changed to the memory's numbers. */
int binary_encode(const struct call *call, const eg_binary *m, const struct scaling *scaling,
                  eg_dataset *set, const char *contents, struct binary_pairs *out);
void binary_pairs_clear(struct binary_pairs *p);
/* In the memory's units: as they are (symbols), or +-1. */
void binary_scale(const eg_binary_options *o, const struct scaling *s, float *x, size_t n,
                  size_t d);

/* 1: the file holds a binary memory; 0: a dense one, or it cannot be opened. */
int binary_file(const char *path);
/* A file of a binary memory, opened and loaded; EXIT_USAGE where it holds another. */
int binary_open(const struct call *call, const char *path, int read_only, struct stored *s,
                eg_binary **m);
/* A memory into a new file that has these notes; the record that says so is printed. */
int binary_save_new(const struct call *call, const char *path, const eg_binary *m,
                    const eg_note *notes, size_t note_count);

/* How full it is, and what that implies, into the record. */
void binary_health(json_t *record, const eg_binary *m);
/* The record of store, forget, merge: file, what it holds, health. */
int binary_report(const struct call *call, const char *path, const eg_binary *m, const char *did,
                  size_t n, double started);

#endif
