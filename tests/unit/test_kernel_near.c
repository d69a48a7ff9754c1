/* Dot products and distances of f32 vectors: the reference beside f64, at every length; every row
 * of kernels to its bits. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <float.h>
#include <math.h>

#include "check.h"
#include "engram/random.h"
#include "kernel/egi_kernel_near.h"

enum { MOST = 150, ANCHORS = EGI_NEAR_ANCHORS, STRIDE = ANCHORS + 5 };

static float x[MOST], y[MOST], anchor[MOST * STRIDE];

static void reference_is_right(void **state)
{
    (void)state;
    const struct egi_kernels_near *k = egi_kernels_near(EGI_ISA_REF);
    for (size_t d = 0; d <= MOST; d++) {
        double dot = 0, apart = 0, mass = 0, far[ANCHORS] = { 0 };
        float got[ANCHORS];
        for (size_t j = 0; j < d; j++) {
            const double by = (double)x[j] - (double)y[j];
            dot += (double)x[j] * (double)y[j];
            mass += fabs((double)x[j] * (double)y[j]);
            apart += by * by;
            for (size_t i = 0; i < ANCHORS; i++)
                far[i] += pow((double)anchor[j * STRIDE + i] - (double)x[j], 2);
        }
        const double most = ((double)d + 3) * (double)FLT_EPSILON;
        CHECK_NEAR(k->dot(x, y, d), dot, most * mass);
        CHECK_NEAR(k->apart(x, y, d), apart, most * apart);
        k->anchors(anchor, STRIDE, x, d, got);
        for (size_t i = 0; i < ANCHORS; i++) CHECK_NEAR(got[i], far[i], most * far[i]);
    }
}

static void rows_agree(void **state)
{
    (void)state;
    const struct egi_kernels_near *ref = egi_kernels_near(EGI_ISA_REF);
    for (enum egi_isa level = EGI_ISA_REF; level <= EGI_ISA_AVX512; level++) {
        const struct egi_kernels_near *k = egi_kernels_near(level);
        CHECK(k->isa <= level);
        for (size_t d = 0; d <= MOST; d++) {
            const float dot[2] = { ref->dot(x, y, d), k->dot(x, y, d) };
            const float apart[2] = { ref->apart(x, y, d), k->apart(x, y, d) };
            float far[2][ANCHORS];
            CHECK_SAME_BITS(&dot[0], &dot[1], sizeof *dot);
            CHECK_SAME_BITS(&apart[0], &apart[1], sizeof *apart);
            ref->anchors(anchor, STRIDE, x, d, far[0]);
            k->anchors(anchor, STRIDE, x, d, far[1]);
            CHECK_SAME_BITS(far[0], far[1], sizeof *far);
        }
    }
}

int main(void)
{
    eg_random_normal(1, 1, 0, MOST, x);
    eg_random_normal(1, 2, 0, MOST, y);
    eg_random_normal(1, 3, 0, sizeof anchor / sizeof *anchor, anchor);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reference_is_right),
        cmocka_unit_test(rows_agree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
