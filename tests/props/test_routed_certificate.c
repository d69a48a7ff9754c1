/* The certificate of a routed recall beside the one that looks at all patterns, of the same states:
 * what it leaves undecided is never on the better side, and clusters are certified without a look
 * at all. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/egi_base.h"
#include "check.h"
#include "engram/random.h"
#include "engram/routed.h"
#include "memory/egi_recall.h"

enum { N = 1200, D = 24, Q = 16, CLUSTERS = 16 };

struct scene {
    double spread;
    eg_similarity similarity;
    double beta;
    size_t weighted, most_looks; /* states for which all patterns may be looked at */
    size_t crowd;                /* so many fifths of the patterns lie in the first cluster */
};

/* Half of the states are patterns, to the bit; the others lie near, one is 0, which most
 * similarities find as far from one pattern as from another. */
static void draw(const struct scene *s, float *xi, float *x)
{
    const float spread = (float)s->spread;
    float centre[CLUSTERS * D];
    eg_random_normal(3, 1, 0, (size_t)CLUSTERS * D, centre);
    eg_random_normal(3, 2, 0, (size_t)N * D, xi);
    eg_random_normal(3, 3, 0, (size_t)Q * D, x);
    for (size_t i = 0; i < (size_t)N * D; i++)
        xi[i] = centre[(i / D % 5 < s->crowd ? 0 : i / D % CLUSTERS) * D + i % D] + spread * xi[i];
    for (size_t q = 0; q < Q; q++)
        for (size_t j = 0; j < D; j++)
            x[q * D + j] = xi[q * 37 % N * D + j] + (q % 2 ? spread * x[q * D + j] : 0);
    memset(x + (Q - 1) * D, 0, D * sizeof *x);
}

/* How often all patterns were looked at. */
static size_t looks;

static eg_status count_scores(const eg_memory *m, const float *x, int threads, double *s)
{
    looks++;
    return egi_backend_dense.scores(m, x, threads, s);
}

/* got: by the index; all: by all patterns, whose gap rounding may have moved by `slack`. */
static void check_one(const eg_certificate *got, const eg_certificate *all, double error,
                      double slack)
{
    CHECK(got->nearest == all->nearest && got->nearest_id == all->nearest_id);
    CHECK(got->overlap >= all->overlap && got->overlap <= all->overlap);
    CHECK(got->exact == all->exact && got->exact_proved <= all->exact_proved);
    CHECK(got->mass_size >= all->mass_size);
    CHECK((double)got->mass_size <= 1 + (1 + 12 * error) * (double)all->mass_size);
    CHECK(got->gap <= all->gap + slack);
    if (!(error > 0)) CHECK(got->gap >= all->gap - slack); /* all were looked at */
    CHECK(isnan(all->error_bound) == isnan(got->error_bound));
    CHECK(!(got->error_bound < all->error_bound * (1 - 1e-3)));
    CHECK(got->kind == all->kind || (got->mass_size > 1 && all->mass_size == 1));
}

static void check_scene(const struct scene *s, double error)
{
    float *xi = malloc((size_t)N * D * sizeof *xi), *w = malloc(N * sizeof *w), x[Q * D];
    struct egi_run run[Q];
    eg_certificate all[Q], got[Q];
    eg_memory_options o = EG_MEMORY_OPTIONS_INIT;
    eg_recall_options how = EG_RECALL_OPTIONS_INIT;
    struct egi_backend counting = egi_backend_dense;
    eg_memory *m = NULL;
    eg_routed *r = NULL;
    o.rule.similarity = s->similarity;
    o.rule.beta = s->beta;
    draw(s, xi, x);
    eg_random_uniform(9, 2, 0, N, w);
    for (size_t i = 0; i < N; i++) w[i] = 0.5F + 9 * w[i];
    for (size_t q = 0; q < Q; q++) run[q] = (struct egi_run){ .converged = 1 };
    const eg_items items = { .weights = s->weighted ? w : NULL };
    CHECK_OK(eg_memory_create(D, &o, &m));
    CHECK_OK(eg_memory_add(m, xi, N, &items));
    CHECK_OK(eg_routed_create(m, NULL, &r));
    counting.scores = count_scores;
    m->backend = &counting;
    CHECK_OK(egi_certify(m, &how, x, Q, run, all));
    how.routed = r;
    how.routed_error = error;
    looks = 0;
    CHECK_OK(egi_certify(m, &how, x, Q, run, got));
    CHECK(looks <= s->most_looks);
    for (size_t q = 0; q < Q; q++)
        check_one(&got[q], &all[q], error,
                  2 * egi_backend_dense.score_error(m, xi + all[q].nearest * D));
    m->backend = &egi_backend_dense;
    eg_routed_destroy(r);
    eg_memory_destroy(m);
    free(xi), free(w);
}

static void certificates_are_no_better(void **state)
{
    (void)state;
    static const struct scene scenes[] = {
        { .1, EG_SIM_DOT, 4, 0, 1, 0 },          { .1, EG_SIM_DOT, 4, 1, 1, 0 },
        { .001, EG_SIM_EUCLIDEAN, 4, 0, Q, 3 }, /* all that is looked at is even */
        { .1, EG_SIM_DOT, 100, 0, 1, 0 },        { .1, EG_SIM_COSINE, 200, 0, 1, 0 },
        { .1, EG_SIM_EUCLIDEAN, 4, 0, 0, 0 },    { .1, EG_SIM_EUCLIDEAN, 400, 1, 0, 0 },
        { 1, EG_SIM_DOT, 1, 0, 1, 0 },           { 1, EG_SIM_DOT, .1, 1, 1, 0 },
        { .1, EG_SIM_EUCLIDEAN, 1e-4, 0, Q, 0 }, { .3, EG_SIM_COSINE, 1e-3, 1, Q, 0 },
    };
    static const double errors[] = { 0, 1e-3, .1, 1 };
    for (size_t k = 0; k < EGI_COUNT(scenes); k++)
        for (size_t e = 0; e < EGI_COUNT(errors); e++) check_scene(&scenes[k], errors[e]);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(certificates_are_no_better) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
