/* Scalings: notes of a memory file may be hostile, so parsing checks every number. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/scaling.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli_text.h"

static const char *const names[] = { "none", "signs", "range", "unit", NULL };

const char *scaling_name(size_t kind)
{
    return kind < SCALING_COUNT ? names[kind] : NULL;
}

struct scaling scaling_of(const eg_dataset *set, enum scaling_kind kind)
{
    float low = INFINITY, high = -INFINITY;
    for (size_t i = 0; i < set->n * set->d; i++) {
        if (set->x[i] < low) low = set->x[i];
        if (set->x[i] > high) high = set->x[i];
    }
    if (set->height != 0 && low >= 0) {
        low = 0;
        high = high > 1 ? 255 : 1;
    }
    if (!(high > low)) high = low + 1;
    const struct scaling s = { kind, low, high, ((double)low + (double)high) / 2 };
    return s;
}

static void to_unit(float *row, size_t d)
{
    double square = 0;
    for (size_t j = 0; j < d; j++) square += (double)row[j] * (double)row[j];
    if (!(square > 0)) return;
    const float by = (float)(1 / sqrt(square));
    for (size_t j = 0; j < d; j++) row[j] *= by;
}

void scaling_apply(const struct scaling *s, float *x, size_t n, size_t d)
{
    const float middle = (float)((s->black + s->white) / 2);
    const float by = (float)(2 / (s->white - s->black));
    for (size_t i = 0; s->kind == SCALING_SIGNS && i < n * d; i++)
        x[i] = x[i] >= (float)s->threshold ? 1 : -1;
    for (size_t i = 0; s->kind >= SCALING_RANGE && i < n * d; i++) x[i] = (x[i] - middle) * by;
    for (size_t i = 0; s->kind == SCALING_UNIT && i < n; i++) to_unit(x + i * d, d);
}

float scaling_unknown(const struct scaling *s)
{
    return s->kind == SCALING_NONE ? (float)s->black : 0;
}

const char *scaling_note(const struct scaling *s)
{
    return keep_format("%s %.9g %.9g %.9g", names[s->kind], s->black, s->white, s->threshold);
}

int scaling_parse(const char *note, struct scaling *s)
{
    char name[16], after;
    struct scaling got = { SCALING_NONE, 0, 0, 0 };
    if (sscanf(note, "%15s %lf %lf %lf%c", name, &got.black, &got.white, &got.threshold, &after)
        != 4)
        return 0;
    if (!isfinite(got.black) || !isfinite(got.white) || !isfinite(got.threshold)) return 0;
    if (!(got.white > got.black)) return 0;
    for (size_t i = 0; names[i] != NULL; i++) {
        if (strcmp(names[i], name) != 0) continue;
        got.kind = (enum scaling_kind)i;
        *s = got;
        return 1;
    }
    return 0;
}

const char *shape_note(const struct shape *s)
{
    return keep_format("%zux%zux%zu", s->height, s->width, s->channels);
}

int shape_parse(const char *note, struct shape *s)
{
    enum { LIMIT = 1 << 16 };
    unsigned h, w, c;
    char after;
    if (sscanf(note, "%6ux%6ux%6u%c", &h, &w, &c, &after) != 3) return 0;
    if (h == 0 || w == 0 || c == 0 || h > LIMIT || w > LIMIT || c > 4) return 0;
    *s = (struct shape){ h, w, c };
    return 1;
}
