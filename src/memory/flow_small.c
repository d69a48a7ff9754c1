/* The small build (cmake/small.cmake) has no CVODE, and no gradient flows. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "memory/egi_recall.h"

#ifdef EG_SMALL
eg_status egi_flow(const eg_memory *m, const struct egi_relax *relax, float *x,
                   struct egi_relaxed *result)
{
    (void)m, (void)relax, (void)x, (void)result;
    return egi_fail(EG_ERR_UNSUPPORTED, "gradient flows are not in this build (EG_SMALL)");
}
#endif
