/* Numeric kernels: raw pointers and sizes in, numbers out. A kernel checks nothing,
 * allocates nothing, and cannot fail; the floor above has checked.
 *
 * A family of kernels is a struct of function pointers and one constant table a row (ref,
 * avx2, avx512). The reference row fills every slot and is the yardstick: slow, obvious,
 * accumulating in double. A NULL slot of a faster row falls back to the row below it. The
 * choice of the row is shared by all families: egi_isa_level(). */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EGI_KERNEL_H
#define EGI_KERNEL_H

#include <stddef.h>
#include <stdint.h>

/* Rows for this CPU are built in. The small build (cmake/small.cmake) has the reference alone. */
#if defined(__x86_64__) && !defined(EG_SMALL)
#define EGI_X86 1
#else
#define EGI_X86 0
#endif

enum egi_isa { EGI_ISA_REF, EGI_ISA_AVX2, EGI_ISA_AVX512, EGI_ISA_COUNT };

/* Whether this CPU and this build can run a row. */
int egi_isa_supported(enum egi_isa isa);

const char *egi_isa_name(enum egi_isa isa);

/* The row of this process: the best supported one not above what the environment variable
 * EG_ISA names. Chosen once; any thread may ask. */
enum egi_isa egi_isa_level(void);

#endif
