/* Corruptions of images: a table of ways to damage an image that know no learner. Every row works
 * on one image in place; what it draws is a function of (seed, index of the image). */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "base/egi_base.h"
#include "engram/attack.h"
#include "engram/random.h"

enum { STREAM_NOISE = 0x434f5230, STREAM_FLIP, STREAM_PLACE }; /* "COR0" .. */
enum { MOST_BLUR = 64, TAPS = 3 * MOST_BLUR + 1 };

struct corrupt {
    const eg_corrupt_options *o;
    size_t d;
    float *scratch; /* (D) */
    double tap[TAPS];
    size_t taps; /* of one side and the middle */
};

struct corrupt_row {
    eg_corrupt_info info;
    int needs_image;
    void (*apply)(const struct corrupt *c, uint64_t index, float *x);
};

static void add_noise(const struct corrupt *c, uint64_t index, float *x)
{
    eg_random_normal(c->o->seed, STREAM_NOISE, index * c->d, c->d, c->scratch);
    for (size_t j = 0; j < c->d; j++) x[j] += (float)c->o->amount * c->scratch[j];
}

static void flip(const struct corrupt *c, uint64_t index, float *x)
{
    const float both = (float)(c->o->lo + c->o->hi);
    eg_random_uniform(c->o->seed, STREAM_FLIP, index * c->d, c->d, c->scratch);
    for (size_t j = 0; j < c->d; j++)
        if ((double)c->scratch[j] < c->o->amount) x[j] = both - x[j];
}

/* One line of n pixels, `stride` apart; weights of taps beyond the edge go to those within. */
static void blur_line(const struct corrupt *c, const float *x, float *out, size_t n, size_t stride)
{
    for (size_t i = 0; i < n; i++) {
        double sum = 0, weight = 0;
        const size_t begin = i < c->taps - 1 ? 0 : i - (c->taps - 1);
        for (size_t j = begin; j < n && j < i + c->taps; j++) {
            const double w = c->tap[j > i ? j - i : i - j];
            sum += w * (double)x[j * stride];
            weight += w;
        }
        out[i * stride] = (float)(sum / weight);
    }
}

static void blur(const struct corrupt *c, uint64_t index, float *x)
{
    const size_t h = c->o->height, w = c->o->width;
    (void)index;
    for (size_t p = 0; p < c->o->channels * h * w; p += h * w) {
        for (size_t i = 0; i < h; i++) blur_line(c, x + p + i * w, c->scratch + i * w, w, 1);
        for (size_t j = 0; j < w; j++) blur_line(c, c->scratch + j, x + p + j, h, w);
    }
}

/* What is no image is one line of D pixels. */
static void occlude(const struct corrupt *c, uint64_t index, float *x)
{
    const int image = c->o->height != 0;
    const size_t h = image ? c->o->height : 1, w = image ? c->o->width : c->d;
    const double side = image ? sqrt(c->o->amount) : c->o->amount;
    const size_t rows = image ? (size_t)lrint((double)h * side) : 1;
    const size_t cols = (size_t)lrint((double)w * side);
    const size_t top = eg_random_below(c->o->seed, STREAM_PLACE, 2 * index, h - rows + 1);
    const size_t left = eg_random_below(c->o->seed, STREAM_PLACE, 2 * index + 1, w - cols + 1);
    for (size_t p = 0; p < c->d; p += h * w)
        for (size_t i = top; i < top + rows; i++)
            for (size_t j = left; j < left + cols; j++)
                x[p + i * w + j] = (float)((c->o->lo + c->o->hi) / 2);
}

static const struct corrupt_row rows[] = {
    { { "noise", "standard deviation in units of pixels", "x + N(0, amount^2)",
        "Hendrycks and Dietterich 2019, section 3", 1e6 },
      0,
      add_noise },
    { { "blur", "standard deviation in pixels' widths, up to 64",
        "Gaussian of radius 3 amount; at an edge the weights within it are scaled to sum 1",
        "Hendrycks and Dietterich 2019, section 3", MOST_BLUR },
      1,
      blur },
    { { "occlusion", "share of the area, 0..1",
        "a rectangle of the image's proportions, placed at random, in the middle of the box",
        "DeVries and Taylor 2017, section 3.2", 1 },
      0,
      occlude },
    { { "flip", "probability of a pixel, 0..1", "x <- lo + hi - x",
        "binary symmetric channel (Shannon 1948, section 15)", 1 },
      0,
      flip },
};

const eg_corrupt_info *eg_corrupt_row(size_t row)
{
    return row < EGI_COUNT(rows) ? &rows[row].info : NULL;
}

int eg_corrupt_find(const char *name)
{
    for (size_t i = 0; name != NULL && i < EGI_COUNT(rows); i++)
        if (strcmp(rows[i].info.name, name) == 0) return (int)i;
    return -1;
}

static eg_status check(const eg_corrupt_options *o, size_t d)
{
    if (o->size != sizeof *o)
        return egi_fail(EG_ERR_INVALID, "eg_corrupt_options: size %zu, expected %zu", o->size,
                        sizeof *o);
    if (o->row >= EGI_COUNT(rows))
        return egi_fail(EG_ERR_INVALID, "eg_corrupt_options: row %zu, expected 0..%zu", o->row,
                        EGI_COUNT(rows) - 1);
    const struct corrupt_row *row = &rows[o->row];
    if (!(o->amount >= 0 && o->amount <= row->info.most))
        return egi_fail(EG_ERR_INVALID, "eg_corrupt_options: amount = %g of %s, expected 0..%g",
                        o->amount, row->info.name, row->info.most);
    if (!((float)o->lo < (float)o->hi) || !isfinite((float)o->lo) || !isfinite((float)o->hi))
        return egi_fail(EG_ERR_INVALID, "eg_corrupt_options: box [%g, %g], expected lo < hi", o->lo,
                        o->hi);
    if (o->height == 0 && o->width == 0 && o->channels == 0) {
        if (row->needs_image)
            return egi_fail(EG_ERR_UNSUPPORTED, "%s: expected images, got %zu numbers",
                            row->info.name, d);
        return EG_OK;
    }
    size_t size;
    EGI_TRY(egi_mul_size(o->height, o->width, &size));
    EGI_TRY(egi_mul_size(size, o->channels, &size));
    if (size != d)
        return egi_fail(EG_ERR_SHAPE, "%zu x %zu x %zu image, expected %zu numbers", o->height,
                        o->width, o->channels, d);
    return EG_OK;
}

eg_status eg_corrupt_apply(const float *x, size_t n, size_t d, const eg_corrupt_options *o,
                           float *out)
{
    if (x == NULL || n == 0 || d == 0 || o == NULL || out == NULL)
        return egi_fail(EG_ERR_INVALID, "eg_corrupt_apply: x, options, out: NULL, or no image");
    EGI_TRY(check(o, d));
    struct corrupt c = { .o = o, .d = d, .taps = 1 + (size_t)ceil(3 * fmin(o->amount, MOST_BLUR)) };
    for (size_t i = 0; i < c.taps; i++)
        c.tap[i] = i > 0 ? exp(-0.5 * pow((double)i / o->amount, 2)) : 1;
    void *scratch = NULL;
    EGI_TRY(egi_alloc_array(eg_allocator_default(), d, sizeof(float), "corrupt", &scratch));
    c.scratch = scratch;
    if (out != x) memcpy(out, x, n * d * sizeof *x);
    for (size_t i = 0; i < n; i++) {
        float *row = out + i * d;
        rows[o->row].apply(&c, o->index != NULL ? o->index[i] : i, row);
        for (size_t j = 0; j < d; j++) row[j] = fminf(fmaxf(row[j], (float)o->lo), (float)o->hi);
    }
    egi_free(eg_allocator_default(), scratch, d * sizeof(float));
    return EG_OK;
}
