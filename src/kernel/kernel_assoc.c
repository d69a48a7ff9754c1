/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/egi_kernel_assoc.h"

static const struct egi_assoc_kernels *const rows[EGI_ISA_COUNT] = {
    [EGI_ISA_REF] = &egi_assoc_ref,
#if EGI_X86
    [EGI_ISA_AVX2] = &egi_assoc_avx2,
    [EGI_ISA_AVX512] = &egi_assoc_avx512,
#endif
};

const struct egi_assoc_kernels *egi_assoc_kernels_of(enum egi_isa isa)
{
    return rows[isa];
}

const struct egi_assoc_kernels *egi_assoc_kernels(void)
{
    return rows[egi_isa_level()];
}
