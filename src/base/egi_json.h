/* JSON texts into trees of jansson, whose own reader cannot be told that memory is short. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EGI_JSON_H
#define EGI_JSON_H

#include <jansson.h>

#include "base/egi_base.h"

struct egi_json_error {
    eg_status status; /* EG_ERR_NOMEM, or EG_ERR_INVALID with the rest */
    size_t at;        /* the byte of the text, from 0 */
    int line, column; /* of it, from 1; a column is a character */
    char text[80];    /* what was expected there */
};

/* One value (RFC 8259, UTF-8) of exactly size bytes: no name twice in an object, no NUL in a
 * string, at most 2048 deep, numbers of up to 511 bytes. NULL: e, which may be NULL, says why. */
json_t *egi_json_read(const char *text, size_t size, struct egi_json_error *e);

/* The same of a text that this library wrote; NULL of NULL. */
json_t *egi_json_of(const char *text);

/* Bytes of the UTF-8 sequence that a text goes on with, 0 where it is none: no overlong form, no
 * surrogate. */
size_t egi_utf8_length(const char *text);

#endif
