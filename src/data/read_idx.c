/* IDX, the format of MNIST. All numbers big-endian:
 *   0  2  zero
 *   2  1  type of an element: 08 ubyte, 09 byte, 0B short, 0C int, 0D float, 0E double
 *   3  1  number of axes, here 1 to 4
 *   4  4 each  sizes of the axes, the first is the number of items
 *   .. the elements, last axis fastest; nothing follows. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "data/egi_data.h"

#define MAX_AXES 4

static const struct {
    uint8_t code;
    enum egi_element kind;
} types[] = { { 0x08, EGI_U8 },  { 0x09, EGI_I8 },  { 0x0B, EGI_I16 },
              { 0x0C, EGI_I32 }, { 0x0D, EGI_F32 }, { 0x0E, EGI_F64 } };

static int looks_idx(const uint8_t *b, size_t size)
{
    if (size < 4 || b[0] != 0 || b[1] != 0 || b[3] < 1 || b[3] > MAX_AXES) return 0;
    for (size_t t = 0; t < EGI_COUNT(types); t++)
        if (b[2] == types[t].code) return 1;
    return 0;
}

static eg_status parse_idx(const struct egi_input *in, eg_dataset *set)
{
    const uint8_t *b = in->bytes;
    const size_t ndim = b[3], header = 4 + 4 * ndim;
    enum egi_element kind = EGI_U8;
    for (size_t t = 0; t < EGI_COUNT(types); t++)
        if (b[2] == types[t].code) kind = types[t].kind;
    if (in->size < header)
        return egi_fail(EG_ERR_CORRUPT, "%s: byte %zu: ends in its header of %zu bytes", in->name,
                        in->size, header);
    size_t axis[MAX_AXES], n, d, cells, bytes;
    for (size_t k = 0; k < ndim; k++) axis[k] = egi_load_be32(b + 4 + 4 * k);
    EGI_TRY(egi_axes(in, axis, ndim, set, &n, &d));
    if (egi_mul_size(n, d, &cells) != EG_OK
        || egi_mul_size(cells, egi_element_size(kind), &bytes) != EG_OK
        || bytes != in->size - header)
        return egi_fail(EG_ERR_CORRUPT,
                        "%s: byte 4: declares %zu x %zu values of %zu bytes, got "
                        "%zu bytes; copy it again",
                        in->name, n, d, egi_element_size(kind), in->size - header);
    EGI_TRY(egi_set_size(in, set, n, d));
    EGI_TRY(egi_elements(in, header, kind, 1, set->n * set->d, set->x));
    return egi_labels_from_file(in, set);
}

const struct egi_reader egi_reader_idx = {
    { "idx", "IDX of MNIST: ubyte, byte, short, int, float, double, 1 to 4 axes; gz or plain",
      "LeCun, Cortes, Burges, the MNIST database, section on file formats" },
    "IDX",
    looks_idx,
    { "-ubyte", ".idx" },
    parse_idx
};
