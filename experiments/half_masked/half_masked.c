/* Half-masked pictures at beta = 8 and 0.5: of 24 real grey pictures, the lower half hidden, the
 * modern Hopfield network at beta = 8 brings each back, and at beta = 0.5 it comes to rest in a
 * mixture (the demonstration beside Ramsauer et al. 2021, with its own 64 x 64 pictures there).
 * Here: the faces of 24 persons where the set is at hand, else 24 shipped digits. The pixels are
 * centred (mean over the pictures) and scaled so that the mean squared norm is 8: beta has a
 * meaning only for a given norm, and this one sets the two apart for both sets. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "experiments/lab.h"

enum { PICTURES = 24 };

/* Every step-th picture of the set, to (24, D) in x. */
static eg_status load(float **x, size_t *d, const char **set)
{
    eg_read_options o = EG_READ_OPTIONS_INIT;
    eg_dataset data;
    *set = "faces-orl";
    size_t step = 10; /* ten pictures a person: the first of each */
    eg_status s = eg_catalogue_read(*set, &o, &data);
    if (s != EG_OK) {
        *set = "semeion";
        step = 61; /* spread over the writers */
        s = eg_catalogue_read(*set, &o, &data);
    }
    if (s != EG_OK) return s;
    *d = data.d;
    *x = data.n >= step * PICTURES ? lab_floats(PICTURES * data.d) : NULL;
    for (size_t i = 0; *x != NULL && i < PICTURES; i++)
        memcpy(*x + i * data.d, data.x + i * step * data.d, data.d * sizeof **x);
    eg_dataset_clear(&data);
    return *x != NULL ? EG_OK : lab_no_memory();
}

static void centre(float *x, size_t d)
{
    double square = 0;
    for (size_t j = 0; j < d; j++) {
        double mean = 0;
        for (size_t i = 0; i < PICTURES; i++) mean += (double)x[i * d + j] / PICTURES;
        for (size_t i = 0; i < PICTURES; i++) {
            x[i * d + j] = (float)((double)x[i * d + j] - mean);
            square += (double)x[i * d + j] * (double)x[i * d + j] / PICTURES;
        }
    }
    const double by = sqrt(8 / square);
    for (size_t k = 0; k < PICTURES * d; k++) x[k] = (float)((double)x[k] * by);
}

static eg_status recall(const struct experiment_context *run, const float *x, size_t d, double beta,
                        eg_certificate *c)
{
    float *cue = lab_floats(PICTURES * d);
    if (cue == NULL) return lab_no_memory();
    memcpy(cue, x, PICTURES * d * sizeof *cue);
    for (size_t i = 0; i < PICTURES; i++)
        for (size_t j = d / 2; j < d; j++) cue[i * d + j] = 0;
    eg_rule rule = EG_RULE_INIT;
    rule.beta = beta;
    eg_memory *m = NULL;
    eg_status s = lab_memory(EG_STORE_DENSE, &rule, x, PICTURES, d, &m);
    if (s == EG_OK) {
        eg_recall_options o = EG_RECALL_OPTIONS_INIT;
        o.threads = run->threads;
        o.max_steps = 1000;
        s = eg_memory_recall(m, cue, PICTURES, &o, cue, c);
    }
    eg_memory_destroy(m);
    free(cue);
    return s;
}

static double share(size_t count)
{
    return (double)count / PICTURES;
}

static eg_status measure(const struct experiment_context *run)
{
    float *x = NULL;
    size_t d = 0;
    const char *set;
    eg_certificate sharp[PICTURES], soft[PICTURES];
    LAB_TRY(load(&x, &d, &set));
    centre(x, d);
    eg_status s = recall(run, x, d, 8, sharp);
    if (s == EG_OK) s = recall(run, x, d, 0.5, soft);
    free(x);
    LAB_TRY(s);
    size_t back = 0, mixed = 0, size = 0, fell = 0;
    for (size_t i = 0; i < PICTURES; i++) {
        back += sharp[i].kind == EG_FIXED_MEMORY && sharp[i].nearest == i;
        mixed += soft[i].kind == EG_FIXED_METASTABLE || soft[i].kind == EG_FIXED_GLOBAL;
        size += soft[i].mass_size;
        fell += sharp[i].descended && soft[i].descended;
    }
    lab_near(run, 1, share(back), 0, "%s, beta = 8: share of pictures brought back", set);
    lab_at_least(run, 0.9, share(mixed), 0, "%s, beta = 0.5: share that rests in a mixture", set);
    lab_at_least(run, 2, share(size), 0, "%s, beta = 0.5: mean number of pictures mixed", set);
    lab_near(run, 1, share(fell), 0, "%s: share of recalls whose energy never rose", set);
    return EG_OK;
}

const struct experiment experiment_half_masked = {
    .name = "half-masked",
    .title = "half-masked pictures come back at beta = 8 and mix at beta = 0.5",
    .source = "Ramsauer et al. 2021, the authors' demonstration",
    .setting = "quick and full: 24 pictures",
    .run = measure,
};
