/* The table of operations. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "grad/egi_ops.h"

#define ADDRESS(id) &egi_op_##id,
const struct egi_op *const egi_ops[] = { EGI_OPS(ADDRESS) };
const size_t egi_ops_count = EGI_COUNT(egi_ops);

const eg_operation_info *eg_operation(size_t row)
{
    return row < egi_ops_count ? &egi_ops[row]->info : NULL;
}

const struct egi_tensor_kernels *egi_kernels_of(eg_dtype dtype)
{
    static const struct egi_tensor_kernels *const of[EG_DTYPE_COUNT] = {
        [EG_F32] = &egi_tensor_kernels_f32,
        [EG_F64] = &egi_tensor_kernels_f64,
        [EG_I32] = &egi_tensor_kernels_i32
    };
    return of[dtype];
}

eg_var eg_number(eg_tape *t, eg_dtype dtype, double value)
{
    const eg_var v = egi_tape_new(t, dtype, &(eg_shape){ .rank = 0 });
    if (v.id == 0) return v;
    const double start[2] = { value, 0 };
    egi_loop(egi_tape_tensor(t, v), 1, egi_kernels_of(dtype)->fill, start, 1);
    return v;
}
