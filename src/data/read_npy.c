/* NPY, NumPy's array file, versions 1.0 to 3.0:
 *   0  6  "\x93NUMPY"
 *   6  2  major and minor version
 *   8  2 (version 1) or 4  length of the header, little-endian
 *   .. header: {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }, spaces, newline
 *   .. the elements; nothing follows.
 * Only the three keys and plain types are read: no object, no record, no Python is run. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <string.h>

#include "data/egi_data.h"

#define MAX_AXES 4

static const struct {
    const char *code; /* after the byte order */
    enum egi_element kind;
} types[] = { { "u1", EGI_U8 },  { "b1", EGI_U8 },  { "i1", EGI_I8 },  { "u2", EGI_U16 },
              { "i2", EGI_I16 }, { "u4", EGI_U32 }, { "i4", EGI_I32 }, { "u8", EGI_U64 },
              { "i8", EGI_I64 }, { "f4", EGI_F32 }, { "f8", EGI_F64 } };

struct header {
    struct egi_text text;
    size_t data; /* where the elements begin */
    enum egi_element kind;
    int big_endian, fortran;
    size_t ndim, axis[MAX_AXES];
};

static int looks_npy(const uint8_t *b, size_t size)
{
    return size >= 6 && memcmp(b, "\x93NUMPY", 6) == 0;
}

static eg_status find_header(const struct egi_input *in, struct header *h)
{
    const uint8_t *b = in->bytes;
    const size_t fixed = in->size >= 8 && b[6] > 1 ? 12 : 10;
    if (in->size < fixed)
        return egi_fail(EG_ERR_CORRUPT, "%s: byte %zu: NPY ends in its header", in->name, in->size);
    if (b[6] < 1 || b[6] > 3 || b[7] != 0)
        return egi_fail(EG_ERR_VERSION, "%s: byte 6: NPY version %d.%d, expected 1.0 to 3.0",
                        in->name, b[6], b[7]);
    const size_t size = fixed == 10 ? (size_t)b[8] | (size_t)b[9] << 8 : egi_load_le32(b + 8);
    if (size > in->size - fixed)
        return egi_fail(EG_ERR_CORRUPT, "%s: byte 8: NPY header of %zu bytes, got %zu", in->name,
                        size, in->size - fixed);
    h->text = (struct egi_text){ (const char *)b + fixed, size };
    h->data = fixed + size;
    return EG_OK;
}

/* What follows 'key': in the header, without blanks; size 0 when there is none. */
static struct egi_text value_of(struct egi_text t, const char *key)
{
    const size_t n = strlen(key);
    for (size_t i = 0; i + n + 2 <= t.size; i++) {
        const char q = t.p[i];
        if ((q != '\'' && q != '"') || t.p[i + n + 1] != q || memcmp(t.p + i + 1, key, n) != 0)
            continue;
        size_t at = i + n + 2;
        while (at < t.size && (t.p[at] == ' ' || t.p[at] == ':')) at++;
        return (struct egi_text){ t.p + at, t.size - at };
    }
    return (struct egi_text){ t.p, 0 };
}

static int starts(struct egi_text t, const char *with)
{
    return t.size >= strlen(with) && memcmp(t.p, with, strlen(with)) == 0;
}

/* What stands between the quotes; all of it where there are none. */
static struct egi_text type_text(struct egi_text t)
{
    const char *end =
        t.size > 1 && (*t.p == '\'' || *t.p == '"') ? memchr(t.p + 1, *t.p, t.size - 1) : NULL;
    return end != NULL ? (struct egi_text){ t.p + 1, (size_t)(end - t.p) - 1 } : t;
}

static eg_status parse_type(const struct egi_input *in, struct header *h)
{
    const struct egi_text t = value_of(h->text, "descr");
    char quoted[40];
    for (size_t k = 0; t.size >= 5 && k < EGI_COUNT(types); k++) {
        const int order = t.p[1] == '<' || t.p[1] == '>' || t.p[1] == '|' || t.p[1] == '=';
        if (!order || memcmp(t.p + 2, types[k].code, 2) != 0 || t.p[4] != t.p[0]) continue;
        h->kind = types[k].kind;
        h->big_endian = t.p[1] == '>';
        return EG_OK;
    }
    return egi_fail(EG_ERR_CORRUPT,
                    "%s: NPY type %s, expected u1 to u8, i1 to i8, f4, f8 or b1; "
                    "save it with astype('float32')",
                    in->name, egi_quote(quoted, type_text(t)));
}

static eg_status parse_shape(const struct egi_input *in, struct header *h)
{
    const struct egi_text t = value_of(h->text, "shape");
    size_t at = 1;
    if (!starts(t, "(")) return egi_fail(EG_ERR_CORRUPT, "%s: NPY header has no shape", in->name);
    while (at < t.size && t.p[at] != ')') {
        if (t.p[at] == ',' || t.p[at] == ' ') {
            at++;
            continue;
        }
        if (h->ndim == MAX_AXES || !isdigit((unsigned char)t.p[at]))
            return egi_fail(EG_ERR_CORRUPT, "%s: NPY shape is not 1 to 4 sizes", in->name);
        size_t v = 0;
        for (; at < t.size && isdigit((unsigned char)t.p[at]); at++) {
            if (v > (SIZE_MAX - 9) / 10)
                return egi_fail(EG_ERR_CORRUPT, "%s: NPY shape overflows", in->name);
            v = v * 10 + (size_t)(t.p[at] - '0');
        }
        h->axis[h->ndim++] = v;
    }
    if (at >= t.size || h->ndim == 0)
        return egi_fail(EG_ERR_CORRUPT, "%s: NPY shape is not 1 to 4 sizes", in->name);
    return EG_OK;
}

/* Column after column, as Fortran stores a matrix. */
static eg_status load_fortran(const struct egi_input *in, const struct header *h, eg_dataset *set)
{
    const size_t size = egi_element_size(h->kind);
    for (size_t j = 0; j < set->d; j++)
        for (size_t i = 0; i < set->n; i++)
            EGI_TRY(egi_elements(in, h->data + (j * h->axis[0] + i) * size, h->kind, h->big_endian,
                                 1, &set->x[i * set->d + j]));
    return EG_OK;
}

static eg_status parse_npy(const struct egi_input *in, eg_dataset *set)
{
    struct header h = { .ndim = 0 };
    size_t n, d, cells, bytes;
    EGI_TRY(find_header(in, &h));
    EGI_TRY(parse_type(in, &h));
    EGI_TRY(parse_shape(in, &h));
    h.fortran = starts(value_of(h.text, "fortran_order"), "True") && h.ndim > 1;
    if (h.fortran && h.ndim > 2)
        return egi_fail(EG_ERR_UNSUPPORTED,
                        "%s: NPY in Fortran order with %zu axes; save it with "
                        "numpy.ascontiguousarray",
                        in->name, h.ndim);
    EGI_TRY(egi_axes(in, h.axis, h.ndim, set, &n, &d));
    if (egi_mul_size(n, d, &cells) != EG_OK
        || egi_mul_size(cells, egi_element_size(h.kind), &bytes) != EG_OK
        || bytes != in->size - h.data)
        return egi_fail(EG_ERR_CORRUPT,
                        "%s: byte %zu: NPY declares %zu x %zu values of %zu "
                        "bytes, got %zu bytes",
                        in->name, h.data, n, d, egi_element_size(h.kind), in->size - h.data);
    EGI_TRY(egi_set_size(in, set, n, d));
    if (h.fortran)
        EGI_TRY(load_fortran(in, &h, set));
    else
        EGI_TRY(egi_elements(in, h.data, h.kind, h.big_endian, set->n * set->d, set->x));
    return egi_labels_from_file(in, set);
}

const struct egi_reader egi_reader_npy = { { "npy", "NumPy array of 1 to 4 axes; gz or plain",
                                             "NumPy, numpy.lib.format; NEP 1" },
                                           "NPY",
                                           looks_npy,
                                           { ".npy" },
                                           parse_npy };
