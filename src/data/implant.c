/* Repertoires with motifs, drawn. Draws of sequence i of repertoire r depend on (seed, r, i) alone.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "data/egi_data.h"
#include "engram/random.h"
#include "engram/repertoire.h"

enum { LETTERS = 20, LONGEST_MAX = 1000 };

#define STREAM ((uint64_t)0x494d504c << 32) /* "IMPL" */

static eg_status check(const eg_implant_options *o)
{
    const size_t motif = o->motif != NULL ? strlen(o->motif) : 0;
    if (o->size != sizeof *o || o->repertoires < 2 || o->sequences == 0)
        return egi_fail(EG_ERR_INVALID, "implant: %zu repertoires of %zu, expected 2, 1 or more",
                        o->repertoires, o->sequences);
    if (!(o->witness > 0 && o->witness <= 1))
        return egi_fail(EG_ERR_INVALID, "implant: witness %g, expected in (0, 1]", o->witness);
    if (motif == 0 || o->shortest < motif || o->longest < o->shortest || o->longest > LONGEST_MAX)
        return egi_fail(
            EG_ERR_INVALID,
            "implant: a motif of %zu in sequences of %zu to %zu, expected 1 or more, no "
            "longer than the shortest, up to %d",
            motif, o->shortest, o->longest, LONGEST_MAX);
    for (size_t i = 0; i < motif; i++)
        if (o->motif[i] != '?' && eg_residue_code(o->motif[i]) == 0)
            return egi_fail(EG_ERR_INVALID,
                            "implant: motif \"%.40s\", expected letters of %s and ?", o->motif,
                            EG_RESIDUES);
    return EG_OK;
}

/* One sequence (longest); motif NULL: none is put in. */
static void draw(const eg_implant_options *o, uint64_t stream, uint64_t at, const char *motif,
                 float *x)
{
    const uint64_t span = o->longest - o->shortest + 1, first = at * (o->longest + 2);
    const size_t n = o->shortest + (size_t)eg_random_below(o->seed, stream, first, span);
    for (size_t i = 0; i < o->longest; i++)
        x[i] = i < n ? 1 + (float)eg_random_below(o->seed, stream, first + 2 + i, LETTERS) : 0;
    if (motif == NULL) return;
    const size_t size = strlen(motif);
    const size_t place = (size_t)eg_random_below(o->seed, stream, first + 1, n - size + 1);
    for (size_t i = 0; i < size; i++)
        if (motif[i] != '?') x[place + i] = (float)eg_residue_code(motif[i]);
}

static eg_status make_set(const eg_implant_options *o, eg_dataset *set)
{
    size_t rows;
    void *offset, *x, *labels;
    EGI_TRY(egi_mul_size(o->repertoires, o->sequences, &rows));
    set->d = o->longest;
    EGI_TRY(
        egi_alloc_array(set->alloc, o->repertoires + 1, sizeof(size_t), "repertoires", &offset));
    set->n = o->repertoires;
    set->offset = offset;
    for (size_t r = 0; r <= set->n; r++) set->offset[r] = r * o->sequences;
    EGI_TRY(egi_alloc_array(set->alloc, rows, o->longest * sizeof(float), "repertoires", &x));
    set->x = x;
    EGI_TRY(egi_alloc_array(set->alloc, set->n, sizeof(int32_t), "repertoires", &labels));
    set->labels = labels;
    set->classes = 2;
    return EG_OK;
}

eg_status eg_repertoires_implant(const eg_implant_options *options, uint8_t *holds, eg_dataset *out)
{
    const eg_implant_options none = EG_IMPLANT_OPTIONS_INIT;
    const eg_implant_options *o = options != NULL ? options : &none;
    if (out == NULL) return egi_fail(EG_ERR_INVALID, "eg_repertoires_implant: NULL");
    EGI_TRY(check(o));
    eg_dataset set = { .alloc = o->alloc != NULL ? o->alloc : eg_allocator_default() };
    const eg_status s = make_set(o, &set);
    if (s != EG_OK) {
        eg_dataset_clear(&set);
        return s;
    }
    const double share = round(o->witness * (double)o->sequences);
    const size_t put = share > 1 ? (size_t)share : 1;
    for (size_t r = 0; r < set.n; r++) {
        set.labels[r] = (int32_t)(r % 2);
        for (size_t i = 0; i < o->sequences; i++) {
            const size_t row = r * o->sequences + i;
            const int one = r % 2 == 1 && i < put;
            draw(o, STREAM + r, i, one ? o->motif : NULL, set.x + row * set.d);
            if (holds != NULL) holds[row] = (uint8_t)one;
        }
    }
    *out = set;
    return EG_OK;
}
