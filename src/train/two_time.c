/* Weights against those of earlier steps. All that is known lies in one set of arrays, so that a
 * checkpoint keeps it like anything else: for each array of the network its references (waits,
 * size) and its sums (waits, times, SUMS), NaN where nothing was seen yet. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/egi_base.h"
#include "engram/two_time.h"
#include "tensor/egi_params.h"

enum { SQUARE, FOURTH, PRODUCT, THEN, NOW, SUMS, LANES = 8, NAME = 200 };

struct eg_two_time {
    const eg_allocator *alloc;
    eg_params *state; /* of array k: 2 k its references, 2 k + 1 its sums */
    size_t arrays, waits, times;
    uint64_t *wait, *time; /* each ascending */
    struct egi_arena arena;
};

/* Whole numbers from 1 to last, even in logarithm, each once; how many of n there are. */
static size_t grid(uint64_t last, size_t n, uint64_t *out)
{
    size_t used = 0;
    for (size_t i = 0; i < n; i++) {
        const double share = n > 1 ? (double)i / (double)(n - 1) : 0;
        const uint64_t at = (uint64_t)llround(exp(share * log((double)last)));
        if (used == 0 || at > out[used - 1]) out[used++] = at;
    }
    return used;
}

static int is_weight(const eg_param *p)
{
    return p->dtype == EG_F32 && strstr(p->name, "running_") == NULL;
}

static const eg_param *next_weight(const eg_params *w, size_t *at)
{
    const eg_param *p;
    while ((p = eg_params_at(w, *at)) != NULL && !is_weight(p)) ++*at;
    ++*at;
    return p;
}

static eg_status add_array(eg_two_time *m, const eg_param *p)
{
    char name[NAME];
    size_t sums;
    const eg_shape kept = eg_shape_of(m->waits, eg_shape_size(&p->shape)),
                   seen = eg_shape_of(m->waits, m->times, SUMS);
    snprintf(name, sizeof name, "weights.%.150s", p->name);
    EGI_TRY(eg_params_add(m->state, name, EG_F32, &kept, NULL));
    snprintf(name, sizeof name, "sums.%.150s", p->name);
    EGI_TRY(eg_params_add(m->state, name, EG_F64, &seen, &sums));
    double *at = eg_params_at(m->state, sums)->value;
    for (size_t i = 0; i < m->waits * m->times * SUMS; i++) at[i] = (double)NAN;
    m->arrays++;
    return EG_OK;
}

static eg_status fill(eg_two_time *m, const eg_params *w, uint64_t last, size_t waits, size_t times)
{
    const struct egi_need needs[] = { { waits, sizeof(uint64_t) }, { times, sizeof(uint64_t) } };
    EGI_TRY(egi_arena_create(m->alloc, needs, 2, "two times", &m->arena));
    m->wait = m->arena.part[0];
    m->time = m->arena.part[1];
    m->wait[0] = 0;
    m->waits = 1 + grid(last / 2, waits - 1, m->wait + 1);
    m->times = grid(last, times, m->time);
    EGI_TRY(eg_params_create(m->alloc, &m->state));
    const eg_param *p;
    for (size_t i = 0; (p = next_weight(w, &i)) != NULL;) EGI_TRY(add_array(m, p));
    if (m->arrays == 0)
        return egi_fail(EG_ERR_INVALID, "eg_two_time_create: no array of f32 that is learned");
    return EG_OK;
}

eg_status eg_two_time_create(const eg_params *w, uint64_t last, size_t waits, size_t times,
                             const eg_allocator *alloc, eg_two_time **out)
{
    const eg_allocator *a = alloc != NULL ? alloc : eg_allocator_default();
    void *p;
    if (w == NULL || out == NULL || last < 2 || waits < 1 || times < 2)
        return egi_fail(EG_ERR_INVALID,
                        "eg_two_time_create: %s%llu steps, %zu waiting times, %zu times, expected "
                        "2, 1 and 2 or more",
                        w == NULL || out == NULL ? "an argument is NULL; " : "",
                        (unsigned long long)last, waits, times);
    EGI_TRY(egi_alloc_array(a, 1, sizeof(eg_two_time), "two times", &p));
    eg_two_time *m = p;
    *m = (eg_two_time){ .alloc = a };
    const eg_status s = fill(m, w, last, waits, times);
    if (s == EG_OK)
        *out = m;
    else
        eg_two_time_destroy(m);
    return s;
}

void eg_two_time_destroy(eg_two_time *m)
{
    if (m == NULL) return;
    eg_params_destroy(m->state);
    egi_arena_destroy(&m->arena);
    egi_free(m->alloc, m, sizeof *m);
}

eg_params *eg_two_time_state(eg_two_time *m)
{
    return m->state;
}

/* Every lane its own sums: an order that does not depend on the machine. */
static inline void add_lanes(const float *then, const float *now, size_t n, double sum[SUMS][LANES])
{
    for (size_t lane = 0; lane < n; lane++) {
        const double a = (double)then[lane], b = (double)now[lane], square = (b - a) * (b - a);
        sum[SQUARE][lane] += square;
        sum[FOURTH][lane] += square * square;
        sum[PRODUCT][lane] += a * b;
        sum[THEN][lane] += a * a;
        sum[NOW][lane] += b * b;
    }
}

static void compare(const float *then, const float *now, size_t n, double out[SUMS])
{
    double sum[SUMS][LANES] = { { 0 } };
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) add_lanes(then + i, now + i, LANES, sum);
    add_lanes(then + i, now + i, n - i, sum);
    for (size_t k = 0; k < SUMS; k++) {
        out[k] = 0;
        for (size_t lane = 0; lane < LANES; lane++) out[k] += sum[k][lane];
    }
}

static float *reference(const eg_two_time *m, size_t array, size_t wait, size_t *size)
{
    const eg_param *p = eg_params_at(m->state, 2 * array);
    *size = p->shape.dim[1];
    return (float *)p->value + wait * *size;
}

static double *sums(const eg_two_time *m, size_t array, size_t wait, size_t time)
{
    const eg_param *p = eg_params_at(m->state, 2 * array + 1);
    return (double *)p->value + (wait * m->times + time) * SUMS;
}

static eg_status check(const eg_two_time *m, const eg_params *w)
{
    size_t array = 0, size;
    const eg_param *p;
    for (size_t i = 0; (p = next_weight(w, &i)) != NULL; array++) {
        if (array < m->arrays) (void)reference(m, array, 0, &size);
        if (array >= m->arrays || size != eg_shape_size(&p->shape))
            return egi_fail(EG_ERR_SHAPE, "two times: array %s has %zu numbers, expected %zu",
                            p->name, eg_shape_size(&p->shape), array < m->arrays ? size : 0);
    }
    if (array != m->arrays)
        return egi_fail(EG_ERR_SHAPE, "two times: %zu arrays, expected %zu", array, m->arrays);
    return EG_OK;
}

/* Where t lies in the grid of times, or times. */
static size_t find(const eg_two_time *m, uint64_t t)
{
    size_t low = 0, high = m->times;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (m->time[middle] < t)
            low = middle + 1;
        else
            high = middle;
    }
    return low < m->times && m->time[low] == t ? low : m->times;
}

eg_status eg_two_time_see(eg_two_time *m, const eg_params *w, uint64_t step)
{
    int checked = 0;
    for (size_t wait = 0; wait < m->waits && m->wait[wait] <= step; wait++) {
        const uint64_t t = step - m->wait[wait];
        const size_t time = find(m, t);
        const eg_param *p;
        if (t > 0 && time == m->times) continue;
        if (!checked) EGI_TRY(check(m, w));
        checked = 1;
        for (size_t i = 0, k = 0, size; (p = next_weight(w, &i)) != NULL; k++) {
            float *then = reference(m, k, wait, &size);
            if (t == 0)
                memcpy(then, p->value, size * sizeof *then);
            else
                compare(then, p->value, size, sums(m, k, wait, time));
        }
    }
    return EG_OK;
}

/* Whether array k is asked for: by its name, or NULL and it has moved. */
static int asked(const eg_two_time *m, size_t k, const char *array)
{
    const eg_param *p = eg_params_at(m->state, 2 * k);
    if (array != NULL) return strcmp(p->name + strlen("weights."), array) == 0;
    for (size_t i = 0; i < m->waits * m->times; i++)
        if (sums(m, k, 0, 0)[i * SUMS + SQUARE] > 0) return 1;
    return 0;
}

size_t eg_two_time_rows(const eg_two_time *m, const char *array, eg_two_time_row *row, size_t room)
{
    size_t n = 0;
    for (size_t i = 0; i < m->waits * m->times; i++) {
        double all[SUMS] = { 0 }, weights = 0;
        for (size_t k = 0, size; k < m->arrays; k++) {
            if (!asked(m, k, array)) continue;
            (void)reference(m, k, 0, &size);
            weights += (double)size;
            for (size_t s = 0; s < SUMS; s++) all[s] += sums(m, k, 0, 0)[i * SUMS + s];
        }
        if (weights == 0 || isnan(all[SQUARE])) continue;
        const double delta = all[SQUARE] / weights;
        if (n < room)
            row[n] = (eg_two_time_row){ m->wait[i / m->times], m->time[i % m->times], delta,
                                        all[FOURTH] / weights / (delta * delta),
                                        all[PRODUCT] / sqrt(all[THEN] * all[NOW]) };
        n++;
    }
    return n;
}
