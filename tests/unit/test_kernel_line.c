/* Lines of f64 used twice: the reference beside long double at every length, every row of kernels
 * to its bits. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <float.h>

#include "check.h"
#include "engram/random.h"
#include "kernel/egi_kernel_line.h"

enum { MOST = 160 };

static double line[EGI_LINES * MOST], x[MOST], y[MOST];
static const double by[EGI_LINES] = { .5, -1.25, 3, -.0625 };

static void reference_is_right(void **state)
{
    (void)state;
    const struct egi_kernels_line *k = egi_kernels_line(EGI_ISA_REF);
    for (size_t d = 0; d <= MOST; d++) {
        long double dot = 0, mass = 0;
        for (size_t j = 0; j < d; j++) dot += (long double)x[j] * (long double)y[j];
        for (size_t j = 0; j < d; j++) mass += fabsl((long double)x[j] * (long double)y[j]);
        CHECK_NEAR(k->dot(x, y, d), dot, (double)(d + 1) * DBL_EPSILON * (double)mass);
        if (d % EGI_LINE_LANES != 0) continue;
        double to[MOST], dots[EGI_LINES];
        memcpy(to, y, sizeof to);
        k->both(line, d, x, by, to, dots);
        for (size_t r = 0; r < EGI_LINES; r++) {
            dot = mass = 0;
            for (size_t j = 0; j < d; j++) {
                const long double p = (long double)line[r * d + j] * (long double)x[j];
                dot += p;
                mass += fabsl(p);
            }
            CHECK_NEAR(dots[r], dot, (double)(d + 1) * DBL_EPSILON * (double)mass);
        }
        for (size_t j = 0; j < MOST; j++) {
            long double sum = (long double)y[j];
            for (size_t r = 0; r < EGI_LINES && j < d; r++)
                sum += (long double)by[r] * (long double)line[r * d + j];
            CHECK_NEAR(to[j], sum, 40 * DBL_EPSILON);
        }
    }
}

static void rows_agree(void **state)
{
    (void)state;
    const struct egi_kernels_line *ref = egi_kernels_line(EGI_ISA_REF);
    for (enum egi_isa level = EGI_ISA_REF; level <= EGI_ISA_AVX512; level++) {
        const struct egi_kernels_line *k = egi_kernels_line(level);
        CHECK(k->isa <= level);
        for (size_t d = 0; d <= MOST; d++) {
            const double dot[2] = { ref->dot(x, y, d), k->dot(x, y, d) };
            double to[2][MOST], dots[2][EGI_LINES];
            CHECK_SAME_BITS(&dot[0], &dot[1], sizeof *dot);
            if (d % EGI_LINE_LANES != 0) continue;
            memcpy(to[0], y, sizeof y);
            memcpy(to[1], y, sizeof y);
            ref->both(line, d, x, by, to[0], dots[0]);
            k->both(line, d, x, by, to[1], dots[1]);
            CHECK_SAME_BITS(to[0], to[1], sizeof y);
            CHECK_SAME_BITS(dots[0], dots[1], sizeof *dots);
        }
    }
}

static void draw(uint64_t stream, size_t n, double *out)
{
    float z[EGI_LINES * MOST];
    eg_random_normal(1, stream, 0, n, z);
    for (size_t i = 0; i < n; i++) out[i] = (double)z[i] * 1.1;
}

int main(void)
{
    draw(1, EGI_LINES * MOST, line);
    draw(2, MOST, x);
    draw(3, MOST, y);
    const struct CMUnitTest tests[] = { cmocka_unit_test(reference_is_right),
                                        cmocka_unit_test(rows_agree) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
