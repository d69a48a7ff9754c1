/* SPDX-License-Identifier: Apache-2.0 */
#include "engram/version.h"

const char *eg_version(void)
{
    return EG_VERSION;
}
