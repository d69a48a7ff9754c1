/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz_reader.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    eg_read_options o = EG_READ_OPTIONS_INIT;
    o.bag_column = "";
    (void)fuzz_reader_as("csv", bytes, size, o);
    o.group_column = "g";
    (void)fuzz_reader_as("csv", bytes, size, o);
    o.group_column = NULL;
    o.folds = 1;
    (void)fuzz_reader_as("csv", bytes, size, o);
    return fuzz_reader("csv", bytes, size);
}
