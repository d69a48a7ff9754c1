/* Unrolling that both compilers obey, so that blocks of accumulators live in registers. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EGI_ROW_MACROS_H
#define EGI_ROW_MACROS_H

#if defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif

#endif
