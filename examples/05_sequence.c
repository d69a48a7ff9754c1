/* A sequence: patterns recall their successors, a tune from its noisy first note. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include <engram/engram.h>

enum { D = 200, N = 12, STEPS = 24 };

static float states[STEPS][D];

int main(void)
{
    static float patterns[N][D], cue[D];
    eg_random_sign(3, 0, 0, (size_t)N * D, &patterns[0][0]);

    eg_memory_options options = EG_MEMORY_OPTIONS_INIT;
    options.rule.separation = EG_SEP_POWER; /* S(t+1) = sign(sum_mu <xi_mu, S>^3 xi_(mu+1)) */
    options.rule.order = 4;
    options.rule.projection = EG_PROJ_SIGN;
    eg_memory *m = NULL;
    size_t nearest[STEPS];
    if (eg_memory_create(D, &options, &m) != EG_OK
        || eg_memory_add(m, &patterns[0][0], N, NULL) != EG_OK
        || eg_patterns_corrupt(EG_CORRUPT_FLIP, 0.2, 4, patterns[0], 1, D, cue) != EG_OK
        || eg_memory_sequence(m, cue, 1, STEPS, 0, &states[0][0], nearest) != EG_OK) {
        fprintf(stderr, "%s\n", eg_error_detail());
        eg_memory_destroy(m);
        return 1;
    }
    int wrong = 0;
    for (size_t t = 0; t < STEPS; t++) {
        printf("%zu ", nearest[t]);
        wrong += nearest[t] != (t + 1) % N; /* the cue was pattern 0, and the last leads to it */
    }
    printf("\n%d of %d wrong\n", wrong, STEPS);
    eg_memory_destroy(m);
    return wrong == 0 ? 0 : 1;
}
