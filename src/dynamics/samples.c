/* What simulations share: their draws, and means over samples. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "dynamics/egi_dynamics.h"
#include "engram/random.h"

void egi_mean_rows(struct egi_dynamics *run, const double *shown, size_t each, size_t samples,
                   size_t column)
{
    const size_t rows = run->out->rows;
    for (size_t k = 0; k < rows; k++) {
        double sum = 0, square = 0;
        for (size_t i = 0; i < samples; i++) sum += shown[(i * rows + k) * each];
        const double mean = sum / (double)samples;
        for (size_t i = 0; i < samples; i++) square += pow(shown[(i * rows + k) * each] - mean, 2);
        egi_row_at(run, k)[column] = mean;
        if (samples > 1)
            egi_row_at(run, k)[column + 1] = sqrt(square / (double)(samples - 1) / (double)samples);
    }
}

void egi_normals(uint64_t seed, uint64_t stream, uint64_t first, size_t n, double *out)
{
    enum { BLOCK = 256 };
    float z[BLOCK];
    for (size_t from = 0; from < n; from += BLOCK) {
        const size_t now = n - from < BLOCK ? n - from : BLOCK;
        eg_random_normal(seed, stream, first + from, now, z);
        for (size_t i = 0; i < now; i++) out[from + i] = (double)z[i];
    }
}
