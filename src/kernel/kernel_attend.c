/* The association with a way back: which row runs, and the reference, one element at a time. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/egi_kernel_attend.h"

static const struct egi_attend_kernels *const rows[EGI_ISA_COUNT] = {
    [EGI_ISA_REF] = &egi_attend_ref,
#if EGI_X86
    [EGI_ISA_AVX2] = &egi_attend_avx2,
    [EGI_ISA_AVX512] = &egi_attend_avx512,
#endif
};

const struct egi_attend_kernels *egi_attend_kernels_of(enum egi_isa isa)
{
    return rows[isa];
}

const struct egi_attend_kernels *egi_attend_kernels(void)
{
    return rows[egi_isa_level()];
}

size_t egi_attend_scratch(const struct egi_attend *a)
{
    const size_t widest = 16, d = a->d + widest, dv = a->dv + widest;
    const size_t back = a->g != NULL ? 2 * EGI_ATTEND_QUERIES + a->keys : 0;
    return (d + dv) * (3 * EGI_ATTEND_QUERIES + EGI_ATTEND_KEYS + back);
}
