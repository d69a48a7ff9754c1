/* cli/cues.h - what recall starts from: pictures, tables of numbers, stored items; whole or
 * corrupted. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_CUES_H
#define CLI_CUES_H

#include "cli/stored.h"

struct cue_options {
    const char *hide; /* "0.3" (each component alone), "top", "bottom", "left", "right", "centre" */
    double flip, noise;
    int clamp, invert, as_is; /* invert: 0 auto, 1 yes, 2 no */
    int crop, whole;          /* neither: cropped where the stored pictures fill their frame */
};

struct cues {
    size_t q, d;
    float *x;          /* (Q, D) */
    uint8_t *clamp;    /* (Q, D) 1 where the component is known, or NULL */
    float *truth;      /* (Q, D) before corruption */
    size_t *source;    /* (Q) index of the stored item it came from; SIZE_MAX: none */
    const char **name; /* (Q) */
    int inverted;      /* the only cue is a picture that was turned: black for white */
};

const char *invert_name(size_t row);

/* Cues of a file, a folder, a data set or "-", with the frame and scaling of the memory. */
int cues_read(const struct call *call, const char *path, struct stored *s,
              const struct cue_options *o, const eg_read_options *read, struct cues *out);
/* Stored items: those of ids[0..n-1]. */
int cues_of_items(struct stored *s, const uint64_t *ids, size_t n, struct cues *out);
/* n distinct stored items chosen with the seed. */
int cues_of_sample(struct stored *s, uint64_t seed, size_t n, struct cues *out);
/* Hide, flip, add noise; fill clamp when asked. EXIT_USAGE with the message printed. */
int cues_corrupt(const struct call *call, const struct stored *s, const struct cue_options *o,
                 struct cues *c);
void cues_clear(struct cues *c);

/* Corrupt rows x (q, d) in place as --hide says; known (q, d) out, may be NULL. 0: not a word
 * that --hide knows. */
int hide_apply(const char *hide, const struct shape *shape, uint64_t seed, float unknown, float *x,
               uint8_t *known, size_t q, size_t d);

#endif
