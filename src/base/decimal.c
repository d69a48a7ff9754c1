/* SPDX-License-Identifier: Apache-2.0 */
#include <locale.h>
#include <stdlib.h>

#include "base/egi_base.h"

int egi_strtod(const char *text, double *out)
{
    locale_t c = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    if (c == (locale_t)0) return -1;
    *out = strtod_l(text, NULL, c);
    freelocale(c);
    return 0;
}
