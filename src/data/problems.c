/* Problems of a text format, gathered, so that a user mends them all in one go. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "data/egi_data.h"

enum { TOLD_MAX = 20 };

void egi_problem(struct egi_problems *p, size_t line, size_t column, const char *fmt, ...)
{
    char text[sizeof p->first];
    if (p->count++ >= TOLD_MAX) return;
    const int n = snprintf(text, sizeof text, "%.200s:%zu:%zu: ", p->in->name, line, column);
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text + n, sizeof text - (size_t)n, fmt, ap);
    va_end(ap);
    if (p->count == 1) memcpy(p->first, text, sizeof text);
    if (p->in->o.problem != NULL) p->in->o.problem(p->in->o.problem_user, text);
}

eg_status egi_problems_end(const struct egi_problems *p)
{
    if (p->count == 0) return EG_OK;
    return egi_fail(EG_ERR_CORRUPT, "%s (%zu problem%s in all)", p->first, p->count,
                    p->count == 1 ? "" : "s");
}
