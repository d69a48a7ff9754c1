/* The association with a way back in f32, one element at a time. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/egi_kernel_attend.h"

#include <math.h>

#include "kernel/egi_row_macros.h"

#define ROW static
#define ROW_ALWAYS static inline
#define ROW_SLOT static
#define REAL float

typedef REAL V;
enum { LANES = 1 };

#define v_set1(x) ((V)(x))
#define v_load(p) (*(p))
#define v_store(p, a) ((void)(*(p) = (a)))
#define v_add(a, b) ((a) + (b))
#define v_sub(a, b) ((a) - (b))
#define v_mul(a, b) ((a) * (b))
#define v_fma(a, b, c) ((a) * (b) + (c))
#define v_max(a, b) ((a) > (b) ? (a) : (b))
#define v_exp2(y) exp2f(y)

#include "kernel/egi_attend_row.h"

const struct egi_attend_kernels egi_attend_ref = { EGI_ATTEND_SLOTS };
