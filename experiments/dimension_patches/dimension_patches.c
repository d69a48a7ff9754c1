/* Thiry, Arbel, Belilovsky and Oyallon 2021, figure 4: patches of CIFAR-10 need few coordinates as
 * they are, and many after whitening: 15.8 and 44.8 of 108 at a side of 6. Of 1000 patches drawn at
 * random the 2000 nearest among the patches of the 50 000 images, and Levina and Bickel's maximum
 * likelihood, mean over the 1000 (figures of the authors' repository; whitening with epsilon 1e-4).
 * As in their code, every second patch of an image is looked at in both directions, centres are
 * any, and the nearest is left out: it is the centre itself for one of four.
 *
 * What the estimator sees is the scale of the outermost neighbour, so that of n images the 2000 n /
 * 50 000 nearest are taken: the same share of all. The centre's own image is one of n here and one
 * of 50 000 there, and the patches that overlap with the centre are nearer than others: each counts
 * n / 50 000 of a neighbour. With weights w the value is (sum w - 2) / sum w ln(r_k / r): - 2
 * removes the bias of a mean of inverses, which at 2000 nobody sees.
 *
 * Equal patches: a centre that another patch is equal to, or whose neighbours are all at one
 * distance, has no logarithm, and is left out, as the authors do; the share is told. Convolutions
 * in single precision propose, differences in double decide, so that equal means equal. Patches are
 * shifted by .47 before the products, which moves no distance.
 *
 * Full: sides 2 to 8, 1000 centres, all training images that are here (10 000 of the catalogue's
 * part; tools/cifar10_from_npm.py makes 50 000). Quick: sides 2, 4 and 6, 200 centres, 5000 images.
 * Tolerance: the .5 that the reference allows for the drawing of centres, and twice the standard
 * error over the centres drawn here, quick and full alike. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "experiments/lab.h"

enum {
    SIDES = 7,
    AT_ONCE = 8,
    CHANNELS = 3,
    D_MAX = CHANNELS * 8 * 8,
    STREAM = 77,
    THEIRS = 50000, /* images */
    EVERY = 2,      /* place of a row, and row, whose patch is looked at */
    SPARE = 16
};

static const struct {
    const char *name;
    double epsilon, value[SIDES]; /* at sides 2 to 8 */
} published[2] = {
    { "as they are", INFINITY, { 7.106, 9.938, 12.429, 14.301, 15.796, 17.31, 18.798 } },
    { "whitened", 1e-4, { 10.556, 18.365, 25.58, 35.213, 44.75, 57.374, 69.293 } },
};

struct near {
    double square;
    size_t patch; /* image * places + place, places those that are looked at */
};

struct search {
    const eg_dataset *set;
    size_t side, d, columns, places, centres;
    size_t kept;            /* nearest that are kept, of twice as many at most */
    float *white, *shift;   /* (d, d) W; (d) W mean */
    float *kernel, *offset; /* (centres, d) W^2 (p - mean); (centres) what is added to <k, q> */
    float *bound;           /* (centres) */
    struct near *best;      /* (centres, 2 kept) unsorted */
    size_t *count, *home;   /* (centres); images that they are of */
    double *centre;         /* (centres, d) */
    double *mean, *w;       /* (d), (d, d) */
};

static int rising(const void *a, const void *b)
{
    const double x = ((const struct near *)a)->square, y = ((const struct near *)b)->square;
    return (x > y) - (x < y);
}

/* The nearest to the front. */
static void keep(struct search *s, size_t i)
{
    struct near *best = s->best + i * 2 * s->kept;
    qsort(best, s->count[i], sizeof *best, rising);
    if (s->count[i] < s->kept) return;
    s->count[i] = s->kept;
    s->bound[i] = (float)best[s->kept - 1].square;
}

/* product (centres, places) <k_i, q>, square (places) |W (q - mean)|^2, of patches from `first`. */
static void look_at(struct search *s, const float *product, const float *square, size_t first)
{
    for (size_t i = 0; i < s->centres; i++)
        for (size_t p = 0; p < s->places; p++) {
            const float far = square[p] - 2 * (product[i * s->places + p] + s->offset[i]);
            if (!(far < s->bound[i])) continue;
            s->best[i * 2 * s->kept + s->count[i]++] = (struct near){ (double)far, first + p };
            if (s->count[i] == 2 * s->kept) keep(s, i);
        }
}

static void take(const struct search *s, size_t image, size_t row, size_t column, double *to)
{
    const eg_dataset *set = s->set;
    const float *x = set->x + image * set->d + row * set->width + column;
    for (size_t c = 0; c < CHANNELS; c++)
        for (size_t y = 0; y < s->side; y++)
            for (size_t z = 0; z < s->side; z++)
                *to++ = (double)x[(c * set->height + y) * set->width + z];
}

static void make_centres(struct search *s, uint64_t seed)
{
    double p[D_MAX], half[D_MAX];
    for (size_t i = 0; i < s->d; i++) {
        double sum = 0;
        for (size_t j = 0; j < s->d; j++) {
            s->white[i * s->d + j] = (float)s->w[i * s->d + j];
            sum += s->w[i * s->d + j] * s->mean[j];
        }
        s->shift[i] = (float)sum;
    }
    for (size_t i = 0; i < s->centres; i++) {
        const size_t rows = s->set->height - s->side + 1, columns = s->set->width - s->side + 1;
        const size_t from = (size_t)eg_random_below(seed, STREAM, i, s->set->n * rows * columns);
        s->home[i] = from / (rows * columns);
        take(s, s->home[i], from / columns % rows, from % columns, s->centre + i * s->d);
        memcpy(p, s->centre + i * s->d, s->d * sizeof *p);
        double size = 0, with_mean = 0;
        for (size_t j = 0; j < s->d; j++) p[j] -= s->mean[j];
        for (size_t j = 0; j < s->d; j++) {
            half[j] = 0;
            for (size_t l = 0; l < s->d; l++) half[j] += s->w[j * s->d + l] * p[l];
            size += half[j] * half[j];
        }
        for (size_t j = 0; j < s->d; j++) {
            double k = 0;
            for (size_t l = 0; l < s->d; l++) k += s->w[j * s->d + l] * half[l];
            s->kernel[i * s->d + j] = (float)k;
            with_mean += k * s->mean[j];
        }
        s->offset[i] = (float)(-with_mean - size / 2);
        s->bound[i] = INFINITY;
        s->count[i] = 0;
    }
}

/* Distances of all patches of some images to all centres. */
static eg_status some_images(struct search *s, eg_tape *t, size_t from)
{
    const eg_dataset *set = s->set;
    const size_t n = set->n - from < AT_ONCE ? set->n - from : AT_ONCE, side = s->side;
    const eg_shape in = eg_shape_of(n, CHANNELS, set->height, set->width);
    eg_window every = EG_WINDOW_INIT;
    every.stride[0] = every.stride[1] = EVERY;
    eg_tape_reset(t);
    const eg_var x = eg_input(t, EG_F32, &in, set->x + from * set->d);
    const eg_var white = eg_sub(
        t,
        eg_conv(t, x, eg_input(t, EG_F32, &eg_shape_of(s->d, CHANNELS, side, side), s->white),
                &every),
        eg_input(t, EG_F32, &eg_shape_of(1, s->d, 1, 1), s->shift));
    const eg_var square = eg_sum(t, eg_mul(t, white, white), EG_AXIS(1), 0);
    const eg_var product = eg_conv(
        t, x, eg_input(t, EG_F32, &eg_shape_of(s->centres, CHANNELS, side, side), s->kernel),
        &every);
    const float *far = eg_tape_value(t, product), *own = eg_tape_value(t, square);
    if (far == NULL || own == NULL) return eg_tape_status(t);
    for (size_t i = 0; i < n; i++)
        look_at(s, far + i * s->centres * s->places, own + i * s->places, (from + i) * s->places);
    return EG_OK;
}

/* |W (q - p)|^2, exact but for rounding in double: 0 for patches that are equal alone. */
static double exact(const struct search *s, const double *p, size_t patch)
{
    double q[D_MAX], sum = 0;
    const size_t place = patch % s->places;
    take(s, patch / s->places, EVERY * (place / s->columns), EVERY * (place % s->columns), q);
    for (size_t j = 0; j < s->d; j++) q[j] -= p[j];
    for (size_t j = 0; j < s->d; j++) {
        double along = 0;
        for (size_t l = 0; l < s->d; l++) along += s->w[j * s->d + l] * q[l];
        sum += along * along;
    }
    return sum;
}

/* The dimension at a centre; 0: it is equal to another patch, or all are at one distance. */
static double at_centre(struct search *s, size_t i)
{
    struct near *best = s->best + i * 2 * s->kept;
    const double share = (double)s->set->n / THEIRS, wanted = 2000 * share;
    double weight = 0, logs = 0;
    size_t last = 1;
    keep(s, i);
    for (size_t j = 0; j < s->count[i]; j++)
        best[j].square = exact(s, s->centre + i * s->d, best[j].patch);
    qsort(best, s->count[i], sizeof *best, rising);
    for (; last < s->count[i]; last++) {
        weight += best[last].patch / s->places == s->home[i] ? share : 1;
        if (weight >= wanted) break;
    }
    if (last >= s->count[i] || !(best[1].square > 0)) return 0;
    for (size_t j = 1; j < last; j++) {
        const double w = best[j].patch / s->places == s->home[i] ? share : 1;
        logs += w * log(best[last].square / best[j].square) / 2;
    }
    return logs > 0 ? (weight - 2) / logs : 0;
}

struct estimate {
    double mean, error, left_out; /* over centres that are not left out; its standard error */
};

static void estimate(struct search *s, struct estimate *e)
{
    double sum = 0, squares = 0, n = 0;
    for (size_t i = 0; i < s->centres; i++) {
        const double v = at_centre(s, i);
        sum += v;
        squares += v * v;
        n += v > 0;
    }
    e->mean = sum / n;
    e->error = sqrt((squares / n - e->mean * e->mean) / n);
    e->left_out = 1 - n / (double)s->centres;
}

static eg_status search(const struct experiment_context *run, struct search *s, double epsilon)
{
    eg_patch_options o = EG_PATCH_OPTIONS_INIT;
    eg_tape *t = NULL;
    o.side = s->side;
    o.epsilon = epsilon;
    o.seed = run->seed;
    eg_status status = eg_patch_whitening(s->set, &o, s->mean, s->w);
    if (status == EG_OK) status = eg_tape_create(run->threads, NULL, &t);
    if (status == EG_OK) make_centres(s, run->seed);
    for (size_t i = 0; i < s->set->n && status == EG_OK; i += AT_ONCE) {
        status = some_images(s, t, i);
        if (status == EG_OK && run->progress != NULL
            && run->progress->report(run->progress->user, "images", i, s->set->n) != 0)
            status = EG_ERR_INTERRUPTED;
    }
    eg_tape_destroy(t);
    return status;
}

static eg_status one_side(const struct experiment_context *run, const eg_dataset *set, size_t side,
                          size_t way, double *value)
{
    const size_t d = CHANNELS * side * side, centres = run->full ? 1000 : 200;
    const size_t near = (2 * side - 1) * (2 * side - 1); /* patches that overlap with one */
    struct search s = { .set = set,
                        .side = side,
                        .d = d,
                        .columns = (set->width - side) / EVERY + 1,
                        .centres = centres,
                        .kept = set->n / 25 + near + SPARE }; /* 2000 of 50 000 images */
    struct estimate e = { 0 };
    s.places = ((set->height - side) / EVERY + 1) * s.columns;
    s.white = lab_floats(d * d + d + centres * (d + 2));
    s.mean = calloc(d + d * d + centres * d, sizeof *s.mean);
    s.count = calloc(2 * centres, sizeof *s.count);
    s.best = calloc(centres * 2 * s.kept, sizeof *s.best);
    eg_status status = EG_OK;
    if (s.white == NULL || s.mean == NULL || s.count == NULL || s.best == NULL)
        status = lab_no_memory();
    else {
        s.shift = s.white + d * d;
        s.kernel = s.shift + d;
        s.offset = s.kernel + centres * d;
        s.bound = s.offset + centres;
        s.home = s.count + centres;
        s.w = s.mean + d;
        s.centre = s.w + d * d;
        status = search(run, &s, published[way].epsilon);
    }
    if (status == EG_OK) {
        estimate(&s, &e);
        *value = e.mean;
        lab_near(run, published[way].value[side - 2], e.mean, 0.5 + 2 * e.error,
                 "side %zu, %s: dimension of %zu", side, published[way].name, d);
        lab_beside(run, e.left_out, "side %zu, %s: centres equal to another patch, left out", side,
                   published[way].name);
    }
    free(s.white);
    free(s.mean);
    free(s.count);
    free(s.best);
    return status;
}

static eg_status measure(const struct experiment_context *run)
{
    eg_dataset set = { 0 };
    eg_status s = lab_images("cifar10/train", run->full ? 0 : 5000, &set);
    for (size_t i = 0; i < set.n * set.d && s == EG_OK; i++) set.x[i] -= 0.47F;
    if (s == EG_OK && run->full && set.n < 50000)
        run->note(run->user, "cifar10/train has fewer than 50 000 images here: "
                             "tools/cifar10_from_npm.py makes all of them");
    for (size_t way = 0; way < 2 && s == EG_OK; way++) {
        double sides[SIDES], value[SIDES], theirs[SIDES];
        size_t n = 0;
        for (size_t side = 2; side <= 8 && s == EG_OK; side += run->full ? 1 : 2) {
            if (!run->full && side > 6) break;
            sides[n] = (double)side;
            theirs[n] = published[way].value[side - 2];
            s = one_side(run, &set, side, way, &value[n++]);
        }
        if (s == EG_OK)
            lab_curve(run, "Dimension of patches of CIFAR-10|side|dimension", n, sides, value,
                      theirs, "%s", published[way].name);
    }
    eg_dataset_clear(&set);
    return s;
}

const struct experiment experiment_dimension_patches = {
    .name = "dimension-patches",
    .title = "intrinsic dimension of patches of CIFAR-10, as they are and whitened",
    .source = "Thiry, Arbel, Belilovsky and Oyallon 2021, figure 4",
    .setting = "quick: sides 2, 4, 6, 5000 images, 200 centres; full: 2 to 8, all, 1000",
    .run = measure,
};
