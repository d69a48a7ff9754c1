/* Hetero-association: each key carries a value of another size. The key that comes is noisy;
 * what is read out is the value, and how sharply depends on beta. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdio.h>

#include <engram/engram.h>

enum { D = 64, N = 8, DV = 2 };

int main(void)
{
    float keys[N][D], values[N][DV], cues[N][D], read[N][DV];
    eg_random_normal(1, 0, 0, (size_t)N * D, &keys[0][0]);
    eg_random_normal(1, 1, 0, (size_t)N * D, &cues[0][0]);
    for (int n = 0; n < N; n++) {
        const double angle = 2 * 3.14159265358979 * n / N; /* a point of the circle for each key */
        values[n][0] = (float)cos(angle);
        values[n][1] = (float)sin(angle);
        for (int i = 0; i < D; i++) cues[n][i] = keys[n][i] + 0.3f * cues[n][i];
    }

    eg_memory_options options = EG_MEMORY_OPTIONS_INIT; /* softmax of dot products: attention */
    options.value_size = DV;
    eg_memory *m = NULL;
    const eg_items items = { NULL, NULL, &values[0][0], NULL };
    int status = eg_memory_create(D, &options, &m) == EG_OK
                         && eg_memory_add(m, &keys[0][0], N, &items) == EG_OK
                     ? 0
                     : 1;
    const double betas[] = { 0.001, 0.05, 1 };
    double error[3] = { 0 };
    for (int b = 0; b < 3 && status == 0; b++) {
        options.rule.beta = betas[b];
        if (eg_memory_set_rule(m, &options.rule) != EG_OK
            || eg_memory_read(m, &cues[0][0], N, 0, &read[0][0]) != EG_OK) {
            status = 1;
            break;
        }
        for (int n = 0; n < N; n++)
            error[b] += hypotf(read[n][0] - values[n][0], read[n][1] - values[n][1]) / N;
        printf("beta %-6g mean distance of what is read from what was stored %.2g\n", betas[b],
               error[b]);
    }
    if (status != 0) fprintf(stderr, "%s\n", eg_error_detail());
    eg_memory_destroy(m);
    /* a small beta reads the mean of all values, which is 0 here; a large one the right value */
    return status == 0 && fabs(error[0] - 1) < 0.1 && error[2] < 1e-6 ? 0 : 1;
}
