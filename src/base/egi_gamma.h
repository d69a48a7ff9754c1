/* log |Gamma(x)| without lgamma()'s global sign, which two threads would write. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EGI_GAMMA_H
#define EGI_GAMMA_H

#include <math.h>

static inline double egi_log_gamma(double x)
{
    int sign;
    return lgamma_r(x, &sign);
}

#endif
