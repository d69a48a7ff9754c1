/* Which head for a budget of bytes. The order is that of accuracy on frozen features, measured
 * (experiments/heads; docs/learning-by-storing.md); where two come to the same the smaller is
 * first. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "hybrid/egi_head.h"

static const char *const choices[] = {
    "{\"kind\": \"lda\"}",
    "{\"kind\": \"mean\"}",
    "{\"kind\": \"prototype\", \"bits\": 8}",
    "{\"kind\": \"prototype\", \"bits\": 4}",
    "{\"kind\": \"prototype\", \"bits\": 3}",
    "{\"kind\": \"prototype\", \"bits\": 2}",
    "{\"kind\": \"prototype\", \"bits\": 1, \"reach\": 1}",
};

eg_status eg_head_choose(size_t budget, size_t d, size_t classes, size_t examples, char *spec)
{
    size_t least = SIZE_MAX;
    if (spec == NULL) return egi_fail(EG_ERR_INVALID, "eg_head_choose: spec is NULL");
    for (size_t i = 0; i < EGI_COUNT(choices); i++) {
        eg_head_bytes bytes;
        EGI_TRY(eg_head_size(choices[i], d, classes, examples, &bytes));
        if (bytes.learning <= budget) {
            snprintf(spec, EG_HEAD_SPEC, "%s", choices[i]);
            return EG_OK;
        }
        if (bytes.learning < least) least = bytes.learning;
    }
    return egi_fail(EG_ERR_LIMIT,
                    "eg_head_choose: %zu classes of %zu features take %zu bytes at least, and the "
                    "budget is %zu",
                    classes, d, least, budget);
}
