/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/egi_kernel_scatter.h"

static const struct egi_scatter_kernels *const rows[EGI_ISA_COUNT] = {
    [EGI_ISA_REF] = &egi_scatter_ref,
#if EGI_X86
    [EGI_ISA_AVX2] = &egi_scatter_avx2,
    [EGI_ISA_AVX512] = &egi_scatter_avx512,
#endif
};

const struct egi_scatter_kernels *egi_scatter_kernels_of(enum egi_isa isa)
{
    return rows[isa];
}

const struct egi_scatter_kernels *egi_scatter_kernels(void)
{
    return rows[egi_isa_level()];
}
