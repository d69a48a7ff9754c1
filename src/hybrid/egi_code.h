/* What heads over quantised features share: a code of P symbols, counted for each class. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EGI_CODE_H
#define EGI_CODE_H

#include "hybrid/egi_head.h"

enum { EGI_CODE_SYMBOLS = EGI_OWN_FIELDS }; /* u16 (K, P L): how often, field of egi_code_plan */

/* The quantiser, the field of counts and, where it is kept, that of the quantiser's numbers. */
eg_status egi_code_plan(eg_head *h, json_t *quantiser);
eg_status egi_code_make(eg_head *h);
/* h->code (P) of u. */
const uint16_t *egi_code_of(eg_head *h, const float *u);
/* One code counted for a class, or taken out: EG_NOT_FOUND, and nothing done. */
eg_status egi_code_count(eg_head *h, const uint16_t *code, size_t label, int by);
size_t egi_code_voters(const eg_head *h);

#endif
