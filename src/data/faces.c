/* Faces of soft ellipses. Draws of face i depend on (seed, i) alone, a person's on (seed, who).
 *
 * In units of the picture's side, about the middle of the eyes: a head, hair above it, two eyes and
 * a mouth are layers laid over each other; glasses are added at the end, two rings and a bridge,
 * whose places are those of the eyes. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "engram/faces.h"

#include <math.h>

#include "data/egi_data.h"
#include "engram/random.h"

enum { TRAITS = 8, PLACES = 9, LEAST_SIDE = 8 };

#define STREAM ((uint64_t)0x46414345 << 32) /* "FACE" */

/* 1 within an ellipse of half axes a, b about (x0, y0), 0 outside, soft over a pixel or so. */
static double ellipse(double x, double y, double x0, double y0, double a, double b, double soft)
{
    const double r = hypot((x - x0) / a, (y - y0) / b);
    return 1 / (1 + exp((r - 1) * fmin(a, b) / soft));
}

struct person {
    double width, height, apart, eye, mouth, wide, hair, skin;
};

static struct person person_of(uint64_t seed, uint32_t who)
{
    float u[TRAITS];
    eg_random_uniform(seed, STREAM, (uint64_t)who * TRAITS, TRAITS, u);
    return (struct person){ .width = 0.24 + 0.08 * (double)u[0],
                            .height = 0.30 + 0.08 * (double)u[1],
                            .apart = 0.10 + 0.03 * (double)u[2],
                            .eye = 0.025 + 0.015 * (double)u[3],
                            .mouth = 0.16 + 0.06 * (double)u[4],
                            .wide = 0.06 + 0.08 * (double)u[5],
                            .hair = 0.15 + 0.5 * (double)u[6],
                            .skin = 0.75 + 0.2 * (double)u[7] };
}

static double over(double below, double colour, double cover)
{
    return below + cover * (colour - below);
}

static double pixel(const struct person *p, double x, double y, int glasses, double soft)
{
    double v = 0;
    v = over(v, p->hair, ellipse(x, y, 0, -0.02, p->width * 1.12, p->height * 1.1, soft));
    v = over(v, p->skin, ellipse(x, y, 0, 0.08, p->width, p->height * 0.95, soft));
    v = over(v, 0.1, ellipse(x, y, -p->apart, 0, p->eye, p->eye, soft));
    v = over(v, 0.1, ellipse(x, y, p->apart, 0, p->eye, p->eye, soft));
    v = over(v, 0.35, ellipse(x, y, 0, p->mouth, p->wide, 0.02, soft));
    if (!glasses) return v;
    double rim = 0;
    for (int side = -1; side <= 1; side += 2)
        rim += ellipse(x, y, side * p->apart, 0, 0.095, 0.08, soft)
               - ellipse(x, y, side * p->apart, 0, 0.06, 0.045, soft);
    return v - 0.6 * fmin(rim, 1);
}

/* x (side, side) = noise times it, and the face */
static void draw(const eg_faces_options *o, const eg_face *face, double noise, float *x)
{
    const struct person p = person_of(o->seed, face->who);
    const double side = (double)o->side;
    for (size_t r = 0; r < o->side; r++)
        for (size_t c = 0; c < o->side; c++) {
            const double across = ((double)c + 0.5 - (double)face->across) / side - 0.5;
            const double down = ((double)r + 0.5 - (double)face->down) / side - 0.45;
            float *to = x + r * o->side + c;
            *to = (float)(pixel(&p, across, down, face->glasses != 0, 0.3 / side)
                          + (noise > 0 ? noise * (double)*to : 0));
        }
}

void eg_face_draw(const eg_faces_options *options, const eg_face *face, float *x)
{
    draw(options, face, 0, x);
}

static eg_status check(const eg_faces_options *o)
{
    if (o->size != sizeof *o || o->n == 0 || o->people == 0 || o->people > 100000 || o->places == 0
        || o->places > PLACES || o->side < LEAST_SIDE || o->side > 4096)
        return egi_fail(EG_ERR_INVALID,
                        "faces: %zu of %zu people at %zu places, side %zu; expected 1 or more, up "
                        "to 100000 people, %d places, %d to 4096",
                        o->n, o->people, o->places, o->side, PLACES, LEAST_SIDE);
    if (!(o->stride >= 0 && o->jitter >= 0 && o->noise >= 0
          && isfinite(o->stride + o->jitter + o->noise)))
        return egi_fail(EG_ERR_INVALID, "faces: stride %g, jitter %g, noise %g; expected 0 or more",
                        o->stride, o->jitter, o->noise);
    return EG_OK;
}

static eg_face face_of(const eg_faces_options *o, size_t i)
{
    float u[2];
    eg_random_uniform(o->seed, STREAM + 1, 2 * i, 2, u);
    eg_face f = { .who = (uint32_t)eg_random_below(o->seed, STREAM + 2, 3 * i, o->people),
                  .place = (uint32_t)eg_random_below(o->seed, STREAM + 2, 3 * i + 1, o->places),
                  .glasses = (uint32_t)eg_random_below(o->seed, STREAM + 2, 3 * i + 2, 2) };
    f.across =
        (float)(o->stride * ((double)(f.place % 3) - 1) + o->jitter * (2 * (double)u[0] - 1));
    f.down = (float)(o->stride * ((double)(f.place / 3) - 1) + o->jitter * (2 * (double)u[1] - 1));
    return f;
}

eg_status eg_faces_draw(const eg_faces_options *options, eg_face *faces, eg_dataset *out)
{
    const eg_faces_options none = EG_FACES_OPTIONS_INIT;
    const eg_faces_options *o = options != NULL ? options : &none;
    if (out == NULL) return egi_fail(EG_ERR_INVALID, "eg_faces_draw: NULL");
    EGI_TRY(check(o));
    const size_t d = o->side * o->side;
    eg_dataset set = { .n = o->n,
                       .d = d,
                       .height = o->side,
                       .width = o->side,
                       .channels = 1,
                       .classes = o->places * o->people,
                       .alloc = o->alloc != NULL ? o->alloc : eg_allocator_default() };
    void *x, *labels;
    EGI_TRY(egi_alloc_array(set.alloc, o->n, d * sizeof(float), "faces", &x));
    set.x = x;
    const eg_status s = egi_alloc_array(set.alloc, o->n, sizeof(int32_t), "faces", &labels);
    if (s != EG_OK) {
        eg_dataset_clear(&set);
        return s;
    }
    set.labels = labels;
    for (size_t i = 0; i < o->n; i++) {
        const eg_face f = face_of(o, i);
        eg_random_normal(o->seed, STREAM + 3, i * d, d, set.x + i * d);
        draw(o, &f, o->noise, set.x + i * d);
        if (faces != NULL) faces[i] = f;
        set.labels[i] = (int32_t)(f.place * (uint32_t)o->people + f.who);
    }
    *out = set;
    return EG_OK;
}
