/* engram/faces.h - drawn faces whose symmetry is known: glasses are on or off, and nothing else
 * depends on them.
 *
 * x = face(who, place) + glasses mask(who, place) + noise, so that what puts glasses on or takes
 * them off is an involution, and what tells who it is and where does not see it. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGRAM_FACES_H
#define ENGRAM_FACES_H

#include "engram/dataset.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What one face is drawn from. */
typedef struct eg_face {
    uint32_t who;       /* 0..people-1: sizes and places of eyes, mouth, hair */
    uint32_t place;     /* 0..places-1: row * 3 + column of a grid of 3 x 3 */
    uint32_t glasses;   /* 0 or 1 */
    float across, down; /* of the middle of the eyes, in pixels from that of the picture */
} eg_face;

typedef struct eg_faces_options {
    size_t size; /* sizeof(eg_faces_options) */
    size_t n;
    size_t people;
    size_t places; /* 1 to 9 */
    size_t side;   /* of a picture, 8 or more */
    double stride; /* between places, in pixels */
    double jitter; /* about a place, uniform, +- pixels */
    double noise;  /* standard deviation of each pixel */
    uint64_t seed;
    const eg_allocator *alloc;
} eg_faces_options;

#define EG_FACES_OPTIONS_INIT                                           \
    {                                                                   \
        sizeof(eg_faces_options), 1000, 10, 9, 24, 2, 0.25, 0.01, 0, 0, \
    }

/**
 * Faces drawn, all of it uniform: a set of grey pictures from about 0 to 1. A person is a function
 * of seed and number, so that sets of other sizes have the same people.
 * @param faces  (n) or NULL
 * @param out    labels: place * people + who
 * @return EG_OK; EG_ERR_INVALID; EG_ERR_NOMEM
 */
EG_API EG_MUST_CHECK eg_status eg_faces_draw(const eg_faces_options *options, eg_face *faces,
                                             eg_dataset *out);

/* x (side, side): one face, without noise; side and seed of the options. */
EG_API void eg_face_draw(const eg_faces_options *options, const eg_face *face, float *x);

#ifdef __cplusplus
}
#endif
#endif
