/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stdio.h>

#include "base/egi_base.h"

static _Thread_local char detail[512];

const char *eg_status_name(eg_status s)
{
    static const struct {
        eg_status value;
        const char *name;
    } names[] = {
        { EG_OK, "EG_OK" },
        { EG_NOT_FOUND, "EG_NOT_FOUND" },
        { EG_END, "EG_END" },
        { EG_ERR_INVALID, "EG_ERR_INVALID" },
        { EG_ERR_SHAPE, "EG_ERR_SHAPE" },
        { EG_ERR_OVERFLOW, "EG_ERR_OVERFLOW" },
        { EG_ERR_NOMEM, "EG_ERR_NOMEM" },
        { EG_ERR_IO, "EG_ERR_IO" },
        { EG_ERR_CORRUPT, "EG_ERR_CORRUPT" },
        { EG_ERR_VERSION, "EG_ERR_VERSION" },
        { EG_ERR_DIVERGED, "EG_ERR_DIVERGED" },
        { EG_ERR_UNSUPPORTED, "EG_ERR_UNSUPPORTED" },
        { EG_ERR_INTERRUPTED, "EG_ERR_INTERRUPTED" },
        { EG_ERR_LIMIT, "EG_ERR_LIMIT" },
    };
    for (size_t i = 0; i < EGI_COUNT(names); i++)
        if (names[i].value == s) return names[i].name;
    return "EG_ERR_?";
}

const char *eg_error_detail(void)
{
    return detail;
}

eg_status(egi_fail)(eg_status s, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(detail, sizeof detail, fmt, ap);
    va_end(ap);
    for (char *p = detail; *p != '\0'; p++) /* names in it may steer a terminal */
        if ((unsigned char)*p < 0x20 || *p == 0x7f) *p = '?';
    return s;
}
