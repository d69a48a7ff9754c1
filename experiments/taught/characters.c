/* SPDX-License-Identifier: Apache-2.0 */
#include "experiments/taught/characters.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "experiments/lab.h"

eg_status characters_read(const char *file, const char *labels, eg_dataset *out)
{
    eg_read_options o = EG_READ_OPTIONS_INIT;
    char folder[900], path[1000], with[1000];
    LAB_TRY(eg_catalogue_find("omniglot", folder, sizeof folder));
    snprintf(path, sizeof path, "%s/%s", folder, file);
    snprintf(with, sizeof with, "%s/%s", folder, labels != NULL ? labels : "");
    o.labels = labels != NULL ? with : NULL;
    o.max_bytes = EG_LIMIT_DATA; /* thin strokes pack well: 30 MB in 0.4 */
    return eg_dataset_read(path, &o, out);
}

static int is_among(const float *picture, const eg_dataset *set)
{
    for (size_t i = 0; i < set->n; i++)
        if (memcmp(picture, set->x + i * set->d, set->d * sizeof *picture) == 0) return 1;
    return 0;
}

/* Pictures of `more` that are not in `set` join it (there is room), as classes behind its own. */
static void join(eg_dataset *set, const eg_dataset *more, int32_t *number)
{
    const eg_dataset before = *set;
    for (size_t c = 0; c < more->classes; c++) number[c] = -1;
    for (size_t i = 0; i < more->n; i++) {
        const float *picture = more->x + i * more->d;
        int32_t *c = &number[more->labels[i]];
        if (is_among(picture, &before)) continue;
        if (*c < 0) *c = (int32_t)set->classes++;
        memcpy(set->x + set->n * set->d, picture, set->d * sizeof *picture);
        set->labels[set->n++] = *c;
    }
}

static eg_status join_all(const eg_dataset *first, const eg_dataset *second, eg_dataset *out)
{
    const size_t n = first->n + second->n, d = CHARACTER_PIXELS;
    if (first->d != d || second->d != d) return EG_ERR_CORRUPT;
    int32_t *number = malloc(second->classes * sizeof *number);
    *out = (eg_dataset){ .d = d, .x = lab_floats(n * d), .labels = malloc(n * sizeof(int32_t)) };
    const eg_dataset none = { 0 };
    const int room = out->x != NULL && out->labels != NULL && number != NULL;
    if (room) {
        memcpy(out->x, first->x, first->n * d * sizeof *out->x);
        memcpy(out->labels, first->labels, first->n * sizeof *out->labels);
        out->n = first->n;
        out->classes = first->classes;
        join(out, second, number);
    } else {
        free(out->x);
        free(out->labels);
        *out = none;
    }
    free(number);
    return room ? EG_OK : lab_no_memory();
}

eg_status characters_background(eg_dataset *out)
{
    eg_dataset part[2] = { { 0 }, { 0 } };
    eg_status s = characters_read("background-small1-images-idx3-ubyte.gz",
                                  "background-small1-labels-idx1-short.gz", &part[0]);
    if (s == EG_OK)
        s = characters_read("background-small2-images-idx3-ubyte.gz",
                            "background-small2-labels-idx1-short.gz", &part[1]);
    if (s == EG_OK) s = join_all(&part[0], &part[1], out);
    eg_dataset_clear(&part[0]);
    eg_dataset_clear(&part[1]);
    return s;
}

/* ---- views ---- */

struct character_view character_view_at(uint64_t seed, uint64_t i, int quarters)
{
    static const double turn[4][2] = { { 1, 0 }, { 0, 1 }, { -1, 0 }, { 0, -1 } }; /* cos, sin */
    const double unit = (double)CHARACTER_SIDE / CHARACTER_SMALL;
    double u[6] = { 0 };
    for (size_t k = 0; k < 6 && i > 0; k++) {
        float draw;
        eg_random_uniform(seed, 0x6f6d6e69, 6 * i + k, 1, &draw);
        u[k] = 2 * (double)draw - 1;
    }
    const double *q = turn[quarters & 3], t = .2 * u[0], shear = .2 * u[1];
    const double c = q[0] * cos(t) - q[1] * sin(t), s = q[1] * cos(t) + q[0] * sin(t);
    const double row = unit * exp(.15 * u[2]), column = unit * exp(.15 * u[3]);
    return (struct character_view){ { { c * row, (c * shear - s) * column },
                                      { s * row, (s * shear + c) * column } },
                                    { 4 * u[4], 4 * u[5] } };
}

static void middle_of(const float *picture, double at[2])
{
    double ink = 0, sum[2] = { 0, 0 };
    for (size_t p = 0; p < CHARACTER_PIXELS; p++) {
        const double v = (double)picture[p];
        const size_t row = p / CHARACTER_SIDE, column = p % CHARACTER_SIDE;
        ink += v;
        sum[0] += v * ((double)row + .5);
        sum[1] += v * ((double)column + .5);
    }
    for (size_t k = 0; k < 2; k++) at[k] = ink > 0 ? sum[k] / ink : CHARACTER_SIDE / 2.0;
}

static double ink_at(const float *picture, double row, double column)
{
    if (!(row >= 0 && row < CHARACTER_SIDE && column >= 0 && column < CHARACTER_SIDE)) return 0;
    return (double)picture[(size_t)row * CHARACTER_SIDE + (size_t)column];
}

void character_draw(const float *picture, const struct character_view *view, float *out)
{
    enum { FINE = 4 }; /* samples a side of a pixel */
    double middle[2];
    middle_of(picture, middle);
    for (size_t p = 0; p < CHARACTER_D; p++) {
        double sum = 0;
        for (size_t k = 0; k < (size_t)FINE * FINE; k++) {
            const double half = CHARACTER_SMALL / 2.0;
            const double r =
                (double)(p / CHARACTER_SMALL) + ((double)(k / FINE) + .5) / FINE - half;
            const double c =
                (double)(p % CHARACTER_SMALL) + ((double)(k % FINE) + .5) / FINE - half;
            sum += ink_at(
                picture,
                middle[0] + view->shift[0] + view->matrix[0][0] * r + view->matrix[0][1] * c,
                middle[1] + view->shift[1] + view->matrix[1][0] * r + view->matrix[1][1] * c);
        }
        out[p] = (float)(sum / (255.0 * FINE * FINE));
    }
}
