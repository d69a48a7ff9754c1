/* The exponential of a matrix times vectors, composed of products. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "grad/egi_ops.h"

enum { TERMS_F32 = 8, TERMS_F64 = 14, NORM_MOST = 1000 };

eg_var eg_expm_times(eg_tape *t, eg_var a, eg_var x)
{
    const eg_shape s = eg_tape_shape(t, a);
    if (eg_tape_status(t) != EG_OK) return EG_NONE;
    char text[EGI_SHAPE_TEXT];
    if (s.rank < 2 || s.dim[s.rank - 1] != s.dim[s.rank - 2])
        return egi_tape_fail(t, egi_fail(EG_ERR_SHAPE, "expm_times: of %s, expected (.., D, D)",
                                         egi_shape_text(&s, text)));
    const eg_var rows = eg_sum(t, eg_abs(t, eg_constant(t, a)), EG_AXIS(s.rank - 1), 0);
    const double norm = eg_tape_number(t, eg_max(t, rows, EG_ALL_AXES, 0));
    if (eg_tape_status(t) != EG_OK) return EG_NONE;
    if (!(norm <= NORM_MOST))
        return egi_tape_fail(t, egi_fail(EG_ERR_DIVERGED,
                                         "expm_times: a matrix of norm %g, expected up to %d", norm,
                                         NORM_MOST));
    const size_t steps = norm > 0.5 ? (size_t)ceil(2 * norm) : 1;
    const size_t terms = eg_tape_dtype(t, a) == EG_F64 ? TERMS_F64 : TERMS_F32;
    const eg_var part = eg_affine(t, a, 1 / (double)steps, 0);
    eg_var y = x;
    for (size_t m = 0; m < steps; m++) { /* Horner: x + A/1 (x + A/2 (x + ..)) */
        const eg_var begun = y;
        for (size_t k = terms; k > 0; k--)
            y = eg_add(t, begun, eg_affine(t, eg_matmul(t, part, y), 1 / (double)k, 0));
    }
    return y;
}
