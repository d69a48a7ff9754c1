/* Which head for a budget of bytes. The order is that of accuracy on frozen features, measured
 * (experiments/taught; docs/learning-by-storing.md); where two come to the same the smaller is
 * first. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "hybrid/egi_head.h"

static const struct {
    const char *spec;
    int sides; /* it must know whether features lie on either side of 0 */
} choices[] = {
    { "{\"kind\": \"lda\"}", 0 },
    { "{\"kind\": \"mean\"}", 0 },
    { "{\"kind\": \"prototype\", \"bits\": 8}", 1 },
    { "{\"kind\": \"prototype\", \"bits\": 4}", 1 },
    { "{\"kind\": \"prototype\", \"bits\": 3}", 1 },
    { "{\"kind\": \"prototype\", \"bits\": 2}", 1 },
    { "{\"kind\": \"prototype\", \"bits\": 1, \"reach\": 1}", 1 },
};

eg_status eg_head_choose(size_t budget, size_t d, size_t classes, size_t examples, int below,
                         char *spec)
{
    size_t least = SIZE_MAX;
    if (spec == NULL) return egi_fail(EG_ERR_INVALID, "eg_head_choose: spec is NULL");
    for (size_t i = 0; i < EGI_COUNT(choices); i++) {
        const char *chosen = choices[i].spec;
        eg_head_bytes bytes;
        EGI_TRY(eg_head_size(chosen, d, classes, examples, &bytes));
        if (bytes.learning < least) least = bytes.learning;
        if (bytes.learning > budget) continue;
        if (below && choices[i].sides)
            snprintf(spec, EG_HEAD_SPEC, "%.*s, \"below\": true}", (int)strlen(chosen) - 1, chosen);
        else
            snprintf(spec, EG_HEAD_SPEC, "%s", chosen);
        return EG_OK;
    }
    return egi_fail(EG_ERR_LIMIT,
                    "eg_head_choose: %zu classes of %zu features take %zu bytes at least, and the "
                    "budget is %zu",
                    classes, d, least, budget);
}
