/* How values of a frozen network lie, and how its steps are cut. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/egi_kernel_frozen.h"

#include "base/egi_base.h"

const struct egi_frozen_kernels *egi_frozen_kernels(void)
{
#ifdef EG_DNNL
    return &egi_frozen_dnnl;
#else
    return NULL;
#endif
}

static size_t blocks_of(size_t channels, size_t block)
{
    return (channels + block - 1) / block;
}

size_t egi_frozen_bytes(const struct egi_frozen_size *size, int blocked, size_t block)
{
    const size_t channels = blocked ? blocks_of(size->c, block) * block : size->c;
    return channels * size->h * size->w * sizeof(float);
}

enum { PARTS_MAX = 2 };
#define PART_WORK 5e5 /* multiply-adds, some 10 us, which pay for a thread that is awake */
#define PLACE_WORK 16 /* what reading and writing a number takes, in multiply-adds */

/* Multiply-adds of a step, or what takes as long. */
static double work_of(const struct egi_frozen_step *s)
{
    const double made = (double)s->y.c * (double)s->y.h * (double)s->y.w;
    const double taps = (double)s->kernel[0] * (double)s->kernel[1];
    switch (s->kind) {
    case EGI_FROZEN_CONV:
        return made * taps * (double)(s->x.c / s->groups) + PLACE_WORK * made;
    case EGI_FROZEN_MAX_POOL:
    case EGI_FROZEN_AVERAGE_POOL:
        return made * taps + PLACE_WORK * made;
    default:
        return PLACE_WORK * made;
    }
}

/* Groups of more than one channel are not cut: a range of y would need one of x. */
size_t egi_frozen_parts(const struct egi_frozen_step *s, size_t block)
{
    const size_t blocks = blocks_of(s->y.c, block);
    const int conv = s->kind == EGI_FROZEN_CONV;
    const size_t most = blocks < PARTS_MAX ? blocks : PARTS_MAX;
    if (conv && s->groups > 1 && (s->groups != s->x.c || s->groups != s->y.c)) return 1;
    const double pays = work_of(s) / PART_WORK;
    return pays >= (double)most ? most : pays >= 2 ? (size_t)pays : 1;
}

size_t egi_frozen_first(const struct egi_frozen_step *s, size_t block, size_t parts, size_t i)
{
    const size_t first = blocks_of(s->y.c, block) * i / parts * block;
    return first < s->y.c ? first : s->y.c;
}
