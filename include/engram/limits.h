/* engram/limits.h - what a file may ask for where nothing is said: one table, `engram help limits`.
 *
 * A reader allocates for what a file declares, and what is declared can be a lie, or unpack to a
 * thousand times its size. Where the option max_bytes of its reader is 0 a file of up to
 * EG_LIMIT_SMALL_FILE bytes gets EG_LIMIT_SMALL bytes, a larger one EG_LIMIT_SHARE more for each
 * byte beyond, up to the most of its kind; EG_ERR_LIMIT says where that is not enough. That is for
 * each array; all that reading a data set or a picture takes at once is five halves of it at most,
 * and a text that goes by line by line unpacks to four times of it. A file of 1 MiB costs at most
 * 64 MiB and 2 s, whatever is in it. Sets of the catalogue, which somebody put where they are, get
 * the most of their kind. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGRAM_LIMITS_H
#define ENGRAM_LIMITS_H

#include <stddef.h>
#include <stdint.h>

#define EG_LIMIT_SMALL_FILE ((size_t)1 << 20)
#define EG_LIMIT_SMALL ((size_t)24 << 20)
#define EG_LIMIT_SHARE ((size_t)1000)

/* The most of each kind; the option that sets another. */
#define EG_LIMIT_DATA ((uint64_t)4 << 30)    /* data sets: eg_read_options.max_bytes */
#define EG_LIMIT_MEMORY ((uint64_t)16 << 30) /* memory files: eg_file_options.max_bytes */
#define EG_LIMIT_ONNX ((uint64_t)8 << 30)    /* networks: eg_onnx_options.max_bytes */

/* Bytes, whatever is set. */
#define EG_LIMIT_RECORD ((size_t)256 << 20) /* one record of a memory file */
#define EG_LIMIT_NOTE ((size_t)1 << 20)     /* one note of it */
#define EG_LIMIT_LINE ((size_t)1 << 20)     /* a line of a table: eg_airr_options.max_line */

#endif
