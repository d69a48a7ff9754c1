/* SPDX-License-Identifier: Apache-2.0 */
#include "base/egi_base.h"

eg_status egi_report(const eg_progress *p, const char *stage, uint64_t done, uint64_t total)
{
    if (p == NULL || p->report == NULL || p->report(p->user, stage, done, total) == 0) return EG_OK;
    return egi_fail(EG_ERR_INTERRUPTED, "%s: stopped at %llu of %llu", stage,
                    (unsigned long long)done, (unsigned long long)total);
}
