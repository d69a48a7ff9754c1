/* Which row of kernels this process runs. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/egi_kernel.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/egi_base.h"
#include "engram/version.h"

static int always(void)
{
    return 1;
}

#if EGI_X86

static int has_avx2(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")
           && __builtin_cpu_supports("popcnt");
}

/* What every server core since 2017 has; a kernel that wants more asks for it itself. */
static int has_avx512(void)
{
    return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq")
           && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
}

#else

static int has_avx2(void)
{
    return 0;
}

static int has_avx512(void)
{
    return 0;
}

#endif

static const struct {
    const char *name;
    int (*supported)(void);
} rows[EGI_ISA_COUNT] = {
    [EGI_ISA_REF] = { "ref", always },
    [EGI_ISA_AVX2] = { "avx2", has_avx2 },
    [EGI_ISA_AVX512] = { "avx512", has_avx512 },
};

int egi_isa_supported(enum egi_isa isa)
{
    return rows[isa].supported();
}

const char *egi_isa_name(enum egi_isa isa)
{
    return rows[isa].name;
}

static enum egi_isa chosen;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void choose(void)
{
    const char *wanted = getenv("EG_ISA");
    for (int i = 0; i < EGI_ISA_COUNT; i++) {
        if (rows[i].supported()) chosen = (enum egi_isa)i;
        if (wanted != NULL && strcmp(wanted, rows[i].name) == 0) return;
    }
}

enum egi_isa egi_isa_level(void)
{
    pthread_once(&once, choose);
    return chosen;
}

const char *eg_isa(void)
{
    return egi_isa_name(egi_isa_level());
}
