/* JSON: what jansson's own reader takes where memory is not short is taken, with the same value,
 * and nothing else. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/egi_json.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct egi_json_error e;
    /* longer numbers are jansson's alone, and a NUL is its end of the text */
    if (size >= 512 || memchr(bytes, 0, size) != NULL) return 0;
    json_t *ours = egi_json_read((const char *)bytes, size, &e);
    json_t *theirs =
        json_loadb((const char *)bytes, size, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, NULL);
    if (!ours != !theirs || (ours != NULL && !json_equal(ours, theirs))) abort();
    if (ours == NULL && (e.status != EG_ERR_INVALID || e.at > size || e.line < 1)) abort();
    json_decref(ours);
    json_decref(theirs);
    return 0;
}
