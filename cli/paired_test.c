/* Student's paired test. The distribution for whole degrees of freedom has a closed form:
 * Abramowitz and Stegun 1964, 26.7.3 (odd) and 26.7.4 (even). */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/paired_test.h"

#include <math.h>

double student_p(double t, size_t freedom)
{
    const double angle = atan(fabs(t) / sqrt((double)freedom)), c = cos(angle), s = sin(angle);
    const int odd = freedom % 2 == 1;
    double term = odd ? c : 1, sum = 0;
    /* odd: cos + 2/3 cos^3 + ..., even: 1 + 1/2 cos^2 + ... */
    for (size_t k = odd ? 3 : 2; k <= freedom; k += 2) {
        sum += term;
        term *= c * c * (double)(k - 1) / (double)k;
    }
    const double within = odd ? 2 / acos(-1) * (angle + s * sum) : s * sum;
    return within < 1 ? 1 - within : 0;
}

struct paired paired_test(const double *a, const double *b, size_t k, double overlap)
{
    double mean = 0, squares = 0, most = 0;
    for (size_t i = 0; i < k; i++) { /* Welford 1962 */
        most = fmax(most, fmax(fabs(a[i]), fabs(b[i])));
        const double from = a[i] - b[i] - mean;
        mean += from / (double)(i + 1);
        squares += from * (a[i] - b[i] - mean);
    }
    const double variance = squares / (double)(k - 1);
    const double rounding = 1e-14 * most; /* of a difference that is the same on every fold */
    if (!(variance > rounding * rounding))
        return (struct paired){ (double)NAN, (double)NAN, (double)NAN };
    const double share = 1 / (double)k;
    const double t = mean / sqrt(variance * share);
    return (struct paired){ t, student_p(t, k - 1),
                            student_p(mean / sqrt(variance * (share + overlap)), k - 1) };
}
