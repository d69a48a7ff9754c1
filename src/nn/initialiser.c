/* How parameters begin, by the names of the field.
 *
 * A parameter is seen as (out, in): its slowest axis by the others; a convolution (O, I, h, w) has
 * fan_in = I h w and fan_out = O h w. Random numbers are draws 0.. of the stream that the
 * parameter's name hashes to, so that adding a layer changes no other. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "engram/random.h"
#include "nn/egi_layer.h"

enum shape_of_draws { FIXED, UNIFORM, NORMAL, ORTHOGONAL, SIGNS };
enum fan { NONE, FAN_IN, FAN_BOTH };

/* Variance gain / fan of a distribution, or its number where there is no fan. */
static const struct row {
    struct egi_choice choice;
    enum shape_of_draws draws;
    enum fan fan;
    double gain;
} rows[] = {
    { { "zeros", NULL, 0, 1, 0 }, FIXED, NONE, 0 },
    { { "ones", NULL, 1, 1, 0 }, FIXED, NONE, 0 },
    { { "constant", NULL, 0, -1e6, 1e6 }, FIXED, NONE, 0 },
    { { "normal", NULL, 1, 0, 1e6 }, NORMAL, NONE, 0 },      /* :standard deviation */
    { { "uniform", NULL, 0.05, 0, 1e6 }, UNIFORM, NONE, 0 }, /* :a, over [-a, a) */
    /* Glorot and Bengio 2010, eq. 16 */
    { { "xavier_uniform", "glorot_uniform", 1, 0, 1e3 }, UNIFORM, FAN_BOTH, 2 }, /* :gain */
    { { "xavier_normal", "glorot_normal", 1, 0, 1e3 }, NORMAL, FAN_BOTH, 2 },
    /* He et al. 2015, eq. 10 */
    { { "he_uniform", "kaiming_uniform", 1, 0, 1e3 }, UNIFORM, FAN_IN, 2 },
    { { "he_normal", "kaiming_normal", 1, 0, 1e3 }, NORMAL, FAN_IN, 2 },
    /* LeCun et al. 1998, "Efficient BackProp", eq. 16 */
    { { "lecun_uniform", NULL, 1, 0, 1e3 }, UNIFORM, FAN_IN, 1 },
    { { "lecun_normal", NULL, 1, 0, 1e3 }, NORMAL, FAN_IN, 1 },
    { { "orthogonal", NULL, 1, 0, 1e3 }, ORTHOGONAL, NONE, 0 }, /* Saxe et al. 2014; :gain */
    /* the deviation of he_normal with a random sign; Ramanujan et al. 2020, section 3 */
    { { "he_signed", "kaiming_signed", 1, 0, 1e3 }, SIGNS, FAN_IN, 2 },
    { { NULL, NULL, 0, 0, 0 }, FIXED, NONE, 0 },
};

eg_status egi_initialiser_read(const json_t *v, const char *place, const char *key,
                               struct egi_initialiser *out)
{
    char at[EGI_PLACE_TEXT + 32];
    snprintf(at, sizeof at, "%.160s%s%.28s", place, place[0] != '\0' ? "." : "", key);
    return egi_choice_read(v, at, rows, sizeof *rows, &out->row, &out->number);
}

/* Standard deviation of a normal, half width of a uniform distribution. */
static double width(const struct row *r, double number, const eg_shape *shape)
{
    double receptive = 1;
    for (size_t i = 2; i < shape->rank; i++) receptive *= (double)shape->dim[i];
    const double out = shape->rank > 0 ? (double)shape->dim[0] * receptive : 1;
    const double in = shape->rank > 1 ? (double)shape->dim[1] * receptive : out;
    if (r->fan == NONE) return number;
    const double fan = r->fan == FAN_IN ? in : in + out;
    return number * sqrt(r->gain / fan) * (r->draws == UNIFORM ? sqrt(3) : 1);
}

static void put(const eg_param *p, size_t i, double v)
{
    if (p->dtype == EG_F32)
        ((float *)p->value)[i] = (float)v;
    else
        ((double *)p->value)[i] = v;
}

static void draw(enum shape_of_draws draws, double by, const eg_param *p, uint64_t seed)
{
    enum { CHUNK = 1024 };
    float some[CHUNK];
    const uint64_t stream = egi_hash(p->name, strlen(p->name));
    const size_t n = eg_shape_size(&p->shape);
    for (size_t i = 0; i < n; i += CHUNK) {
        const size_t here = n - i < CHUNK ? n - i : CHUNK;
        if (draws == SIGNS)
            eg_random_sign(seed, stream, i, here, some);
        else if (draws == NORMAL)
            eg_random_normal(seed, stream, i, here, some);
        else
            eg_random_uniform(seed, stream, i, here, some);
        for (size_t k = 0; k < here; k++)
            put(p, i + k, by * (draws == UNIFORM ? 2 * (double)some[k] - 1 : (double)some[k]));
    }
}

static double dot(const double *x, const double *y, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += x[i] * y[i];
    return sum;
}

/* Rows of (m, n), m <= n, made orthonormal: Gram and Schmidt, each twice (Giraud et al. 2005). */
static void orthonormalise(double *x, size_t m, size_t n)
{
    for (size_t i = 0; i < m; i++) {
        double *row = x + i * n;
        for (size_t k = 0; k < 2 * i; k++) {
            const double *other = x + k % i * n, along = dot(row, other, n);
            for (size_t j = 0; j < n; j++) row[j] -= along * other[j];
        }
        const double norm = sqrt(dot(row, row, n));
        for (size_t j = 0; j < n; j++) row[j] /= norm;
    }
}

/* Rows, or where there are more of them than columns, columns are orthonormal times gain. */
static eg_status orthogonal(double gain, const eg_param *p, uint64_t seed,
                            const eg_allocator *alloc)
{
    const size_t size = eg_shape_size(&p->shape);
    if (size == 0) return EG_OK;
    const size_t rows_of = p->shape.rank > 0 ? p->shape.dim[0] : 1, columns = size / rows_of;
    const int flip = rows_of > columns;
    void *block;
    EGI_TRY(egi_alloc_array(alloc, size, sizeof(double), p->name, &block));
    double *x = block;
    draw(NORMAL, 1, p, seed);
    for (size_t i = 0; i < size; i++) {
        const size_t from = flip ? i % rows_of * columns + i / rows_of : i;
        x[i] = p->dtype == EG_F32 ? (double)((float *)p->value)[from] : ((double *)p->value)[from];
    }
    orthonormalise(x, flip ? columns : rows_of, flip ? rows_of : columns);
    for (size_t i = 0; i < size; i++)
        put(p, flip ? i % rows_of * columns + i / rows_of : i, gain * x[i]);
    egi_free(alloc, block, size * sizeof *x);
    return EG_OK;
}

eg_status egi_initialise(const struct egi_initialiser *init, const eg_param *p, uint64_t seed,
                         const eg_allocator *alloc)
{
    const struct row *r = &rows[init->row];
    if (r->draws == ORTHOGONAL) return orthogonal(init->number, p, seed, alloc);
    if (r->draws != FIXED) {
        draw(r->draws, width(r, init->number, &p->shape), p, seed);
        return EG_OK;
    }
    const size_t n = eg_shape_size(&p->shape);
    for (size_t i = 0; i < n; i++) put(p, i, init->number);
    return EG_OK;
}
