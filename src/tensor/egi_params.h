/* Named arrays from inside. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EGI_PARAMS_H
#define EGI_PARAMS_H

#include "base/egi_base.h"
#include "engram/params.h"

/* As eg_params_add, for a name that is known to be new: no search. */
eg_status egi_params_append(eg_params *p, const char *name, eg_dtype dtype, const eg_shape *shape,
                            size_t *index);
const eg_allocator *egi_params_alloc(const eg_params *p);
/* As eg_params_hash, but the same for any order of the arrays. */
uint64_t egi_params_sum(const eg_params *p);

#endif
