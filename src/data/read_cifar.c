/* CIFAR-10, binary version: records of 3073 bytes, a label 0..9 and then the 32 x 32 planes
 * of red, green and blue, rows from the top. There is no header. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "data/egi_data.h"

enum { SIDE = 32, CHANNELS = 3, PIXELS = SIDE * SIDE * CHANNELS, RECORD = 1 + PIXELS };

static const char *const class_name[] = { "airplane", "automobile", "bird",  "cat",  "deer",
                                          "dog",      "frog",       "horse", "ship", "truck" };

static eg_status parse_cifar(const struct egi_input *in, eg_dataset *set)
{
    if (in->size % RECORD != 0)
        return egi_fail(EG_ERR_CORRUPT,
                        "%s: %zu bytes (looks like %s), expected records of %d "
                        "bytes",
                        in->name, in->size, egi_looks_like(in->bytes, in->size), RECORD);
    EGI_TRY(egi_set_size(in, set, in->size / RECORD, PIXELS));
    set->height = set->width = SIDE;
    set->channels = CHANNELS;
    void *labels;
    EGI_TRY(egi_alloc_array(set->alloc, set->n, sizeof(int32_t), "labels", &labels));
    set->labels = labels;
    for (size_t i = 0; i < set->n; i++) {
        set->labels[i] = in->bytes[i * RECORD];
        if (in->bytes[i * RECORD] >= EGI_COUNT(class_name))
            return egi_fail(EG_ERR_CORRUPT, "%s: byte %zu: label %d, expected 0 to 9", in->name,
                            i * RECORD, set->labels[i]);
        EGI_TRY(egi_elements(in, i * RECORD + 1, EGI_U8, 0, PIXELS, set->x + i * PIXELS));
    }
    EGI_TRY(egi_names_alloc(set->alloc, EGI_COUNT(class_name), &set->class_names));
    set->classes = EGI_COUNT(class_name);
    for (size_t k = 0; k < set->classes; k++) {
        const struct egi_text name = { class_name[k], strlen(class_name[k]) };
        EGI_TRY(egi_name_set(set->alloc, name, &set->class_names[k]));
    }
    return EG_OK;
}

const struct egi_reader egi_reader_cifar = {
    { "cifar", "CIFAR-10, binary version; gz or plain",
      "Krizhevsky 2009, CIFAR-10 page, section on the binary version" },
    "CIFAR-10 records",
    NULL,
    { ".bin" },
    parse_cifar
};
