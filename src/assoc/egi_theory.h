/* The rows of the table of closed forms, by family. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EGI_THEORY_H
#define EGI_THEORY_H

#include <math.h>

#include "base/egi_base.h"
#include "engram/theory.h"

/* theory_classical.c, theory_dense.c, theory_modern.c, theory_limits.c, theory_binary.c,
 * theory_physics.c; each ends with name NULL */
extern const eg_theory egi_theory_classical[], egi_theory_dense[];
extern const eg_theory egi_theory_modern[], egi_theory_limits[], egi_theory_binary[];
extern const eg_theory egi_theory_physics[];

/* theory.c - the x in [low, high] at which the increasing f(x, arg) reaches 0, to rounding. */
double egi_theory_root(double (*f)(double x, const double *arg), const double *arg, double low,
                       double high);

/* theory_modern.c - W0(exp(log_x)): the w > 0 with w + log w = log_x. */
double egi_lambert_w0_exp(double log_x);

#endif
