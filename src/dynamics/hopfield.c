/* Memories by Hebb's rule: their phases, and networks of N units that begin at a pattern.
 *
 * A sweep sets each unit in turn to +1 with probability 1/(1 + e^(-2 h/T)), h its field without its
 * own share; at T = 0 to the sign of h. Fields come from the overlaps sum_j x_j s_j of all K
 * patterns, which a turned unit changes: no couplings are kept, and a sweep takes N K
 * multiply-adds. The overlap shown is that of the last sweep (T = 0), or a mean over the second
 * half of them. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "dynamics/egi_retrieval.h"
#include "engram/random.h"
#include "kernel/egi_kernel_line.h"

enum { STREAMS = 4, STREAM_PATTERNS = 0, STREAM_NOISE = 1, ROW_STREAMS = 1 << 20 };

static double along(double low, double high, size_t k, size_t rows)
{
    return low + (high - low) * (double)k / (double)(rows - 1);
}

/* ---- networks ---- */

struct machine {
    float *sign;     /* (most K) of one unit */
    double *x;       /* (N, K) */
    double *overlap; /* (K) sum_i x_i s_i */
    double *state;   /* (N) */
};

struct crowd {
    const struct egi_dynamics *run;
    const struct egi_kernels_line *kernels;
    struct machine *machine; /* (workers) */
    double *shown;           /* (samples, rows) */
    size_t n, k, row, sweeps;
    double temperature;
};

static void begin(const struct crowd *c, struct machine *m, uint64_t stream)
{
    const uint64_t seed = c->run->options->seed;
    for (size_t mu = 0; mu < c->k; mu++) m->overlap[mu] = 0;
    for (size_t i = 0; i < c->n; i++) {
        double *x = m->x + i * c->k;
        eg_random_sign(seed, stream + STREAM_PATTERNS, i * c->k, c->k, m->sign);
        for (size_t mu = 0; mu < c->k; mu++) x[mu] = (double)m->sign[mu];
        m->state[i] = x[0];
        for (size_t mu = 0; mu < c->k; mu++) m->overlap[mu] += x[0] * x[mu];
    }
}

/* How many units turned. */
static size_t sweep(const struct crowd *c, struct machine *m, uint64_t stream, size_t at)
{
    size_t turned = 0;
    for (size_t i = 0; i < c->n; i++) {
        const double *x = m->x + i * c->k, own = m->state[i];
        const double h = (c->kernels->dot(x, m->overlap, c->k) - (double)c->k * own) / (double)c->n;
        double to = h < 0 ? -1 : h > 0 ? 1 : own;
        if (c->temperature > 0) {
            float u;
            eg_random_uniform(c->run->options->seed, stream + STREAM_NOISE, at * c->n + i, 1, &u);
            to = (double)u < 1 / (1 + exp(-2 * h / c->temperature)) ? 1 : -1;
        }
        if (to == own) continue;
        for (size_t mu = 0; mu < c->k; mu++) m->overlap[mu] += 2 * to * x[mu];
        m->state[i] = to;
        turned++;
    }
    return turned;
}

static void one_sample(void *arg, size_t sample, size_t worker)
{
    const struct crowd *c = arg;
    struct machine *m = &c->machine[worker];
    const uint64_t stream = (uint64_t)c->row * ROW_STREAMS + STREAMS * (uint64_t)sample;
    const size_t from = c->temperature > 0 ? c->sweeps / 2 : c->sweeps - 1;
    double sum = 0;
    begin(c, m, stream);
    for (size_t at = 0; at < c->sweeps; at++) {
        const size_t turned = sweep(c, m, stream, at);
        if (at >= from) sum += m->overlap[0] / (double)c->n / (double)(c->sweeps - from);
        if (c->temperature > 0 || turned > 0 || at >= from) continue;
        sum = m->overlap[0] / (double)c->n; /* at rest */
        break;
    }
    c->shown[sample * c->run->out->rows + c->row] = sum;
}

static eg_status machines(struct crowd *c, size_t workers, size_t most, struct egi_arena *arena)
{
    size_t cells, each;
    EGI_TRY(egi_mul_size(c->n, most, &cells));
    EGI_TRY(egi_mul_size(cells + most + c->n + EGI_LINE_LANES, workers, &each));
    const struct egi_need needs[] = { { workers, sizeof *c->machine },
                                      { each, sizeof(double) },
                                      { workers * most, sizeof(float) } };
    EGI_TRY(egi_arena_create(c->run->options->alloc, needs, 3, "networks", arena));
    c->machine = arena->part[0];
    for (size_t w = 0; w < workers; w++) {
        double *x = (double *)arena->part[1] + w * (each / workers);
        c->machine[w] =
            (struct machine){ (float *)arena->part[2] + w * most, x, x + cells, x + cells + most };
    }
    return EG_OK;
}

static eg_status simulate(struct egi_dynamics *run)
{
    const eg_dynamics_options *o = run->options;
    const size_t samples = egi_param_size(run, "samples"), rows = run->out->rows;
    struct crowd c = { .run = run,
                       .kernels = egi_kernels_line(egi_isa_level()),
                       .n = egi_param_size(run, "N"),
                       .sweeps = egi_param_size(run, "sweeps"),
                       .temperature = egi_param(run, "T") };
    const size_t most = (size_t)ceil(egi_param(run, "to") * (double)c.n) + 1;
    struct egi_arena arena;
    void *shown;
    EGI_TRY(egi_alloc_array(o->alloc, samples * rows, sizeof(double), "samples", &shown));
    c.shown = shown;
    eg_status s = machines(&c, (size_t)egi_thread_count(o->threads), most, &arena);
    if (s == EG_OK) {
        for (c.row = 0; c.row < rows && s == EG_OK; c.row++) {
            c.k = (size_t)fmax(1, rint(*egi_row_at(run, c.row) * (double)c.n));
            egi_parallel_workers(samples, o->threads, one_sample, &c);
            s = egi_report(o->progress, "rows", c.row + 1, rows);
        }
        if (s == EG_OK) egi_mean_rows(run, c.shown, 1, samples, 2);
        egi_arena_destroy(&arena);
    }
    egi_free(o->alloc, shown, samples * rows * sizeof(double));
    return s;
}

/* ---- rows of the tables ---- */

eg_status egi_hopfield(struct egi_dynamics *run)
{
    const double t = egi_param(run, "T");
    const size_t rows = egi_param_size(run, "points");
    double low, high;
    if (t > 0 && t < 1e-3)
        return egi_fail(EG_ERR_INVALID, "%s: T = %g, expected 0, or 0.001 and more",
                        run->model->name, t);
    EGI_TRY(egi_range(run, &low, &high));
    EGI_TRY(egi_rows(run, rows));
    const struct egi_retrieval end = egi_retrieval_end(t);
    for (size_t k = 0; k < rows; k++) {
        double *row = egi_row_at(run, k);
        row[0] = along(low, high, k, rows);
        const struct egi_retrieval r = egi_retrieval_of(t, row[0], &end);
        row[1] = r.m;
        row[4] = r.q;
        row[5] = r.q / pow(1 - r.c, 2);
        row[6] = egi_retrieval_energy(t, &r);
    }
    egi_fact(run, "alpha at the end of retrieval", end.alpha);
    egi_fact(run, "overlap there", end.m);
    return egi_param_size(run, "samples") > 0 ? simulate(run) : EG_OK;
}

struct lines {
    const struct egi_dynamics *run;
    size_t first;
};

static void one_temperature(void *arg, size_t k, size_t worker)
{
    const struct lines *l = arg;
    double *row = egi_row_at(l->run, l->first + k), t = row[0];
    (void)worker;
    if (t > 0 && t < 1e-3) t = 0; /* no difference in the numbers shown */
    if (t >= 1) {
        row[3] = (t - 1) * (t - 1);
        return;
    }
    const struct egi_retrieval end = egi_retrieval_end(t);
    row[1] = end.alpha;
    row[2] = egi_retrieval_lowest(t, &end);
    row[4] = end.m;
}

eg_status egi_hopfield_phases(struct egi_dynamics *run)
{
    const size_t rows = egi_param_size(run, "points");
    const int threads = run->options->threads;
    const size_t crew = (size_t)egi_thread_count(threads);
    struct lines l = { run, 0 };
    double low, high;
    EGI_TRY(egi_range(run, &low, &high));
    EGI_TRY(egi_rows(run, rows));
    for (size_t k = 0; k < rows; k++) *egi_row_at(run, k) = along(low, high, k, rows);
    for (; l.first < rows; l.first += crew) {
        const size_t now = rows - l.first < crew ? rows - l.first : crew;
        egi_parallel_workers(now, threads, one_temperature, &l);
        EGI_TRY(egi_report(run->options->progress, "lines", l.first + now, rows));
    }
    return EG_OK;
}
