/* Scalings: notes of a memory file may be hostile, so parsing checks every number. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/scaling.h"

#include <math.h>
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
    for (size_t i = 0; i < eg_dataset_rows(set) * set->d; i++) {
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

void scaling_of_pixels(const struct scaling *s, float *x, size_t n, size_t d)
{
    const double by = (s->white - s->black) / 255;
    for (size_t i = 0; i < n * d; i++) x[i] = (float)(s->black + by * (double)x[i]);
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
    const size_t length = strcspn(note, " ");
    struct scaling got = { SCALING_NONE, 0, 0, 0 };
    double *const numbers[] = { &got.black, &got.white, &got.threshold };
    const char *at = note + length;
    for (size_t i = 0; i < 3; i++)
        if (*at++ != ' ' || !take_number(&at, numbers[i])) return 0;
    if (*at != '\0' || !(got.white > got.black)) return 0;
    for (size_t i = 0; names[i] != NULL; i++) {
        if (strlen(names[i]) != length || strncmp(names[i], note, length) != 0) continue;
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

const char *shape_phrase(const struct shape *s)
{
    return keep_format("pictures %zu wide and %zu high, %s", s->width, s->height,
                       s->channels == 1   ? "grey"
                       : s->channels == 3 ? "in colour"
                                          : keep_format("%zu channels", s->channels));
}

const char *shape_words(const struct shape *s, size_t d)
{
    if (s->height * s->width == 0) return keep_format("%zu numbers", d);
    return keep_format("%zu numbers (pictures of %zux%zu%s)", d, s->width, s->height,
                       s->channels == 3 ? " in colour" : "");
}

int shape_parse(const char *note, struct shape *s)
{
    enum { LIMIT = 1 << 16 };
    uint64_t side[3]; /* height, width, channels */
    for (size_t i = 0; i < 3; i++)
        if (!take_whole(&note, LIMIT, &side[i]) || *note++ != (i < 2 ? 'x' : '\0')) return 0;
    if (side[0] == 0 || side[1] == 0 || side[2] == 0 || side[2] > 4) return 0;
    *s = (struct shape){ side[0], side[1], side[2] };
    return 1;
}
