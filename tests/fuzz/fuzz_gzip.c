/* gzip and the choice of a reader by content: any bytes, no format named. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz_reader.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    return fuzz_reader(NULL, bytes, size);
}
