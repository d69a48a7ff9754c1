/* engram data implant: repertoires with a motif in a share of their sequences, as a folder that
 * the reader of repertoires takes. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/data_implant.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/cli_text.h"
#include "cli/console.h"

/* Row r of a set of codes as letters. */
static void add_sequence(struct text *out, const float *x, size_t d)
{
    for (size_t i = 0; i < d && x[i] > 0; i++) text_add(out, "%c", EG_RESIDUES[(size_t)x[i] - 1]);
}

static int write_repertoire(const char *folder, const eg_dataset *set, size_t bag)
{
    struct text out = { 0 };
    text_add(&out, "junction_aa\n");
    for (size_t r = set->offset[bag]; r < set->offset[bag + 1]; r++) {
        add_sequence(&out, set->x + r * set->d, set->d);
        text_add(&out, "\n");
    }
    const int code =
        write_file(keep_format("%s/repertoires/%zu.tsv", folder, bag), out.s, out.size);
    text_clear(&out);
    return code;
}

static int write_table(const char *folder, const eg_dataset *set)
{
    struct text out = { 0 };
    text_add(&out, "filename\tstatus\n");
    for (size_t b = 0; b < set->n; b++)
        text_add(&out, "repertoires/%zu.tsv\t%s\n", b, set->labels[b] ? "motif" : "none");
    const int code = write_file(keep_format("%s/metadata.tsv", folder), out.s, out.size);
    text_clear(&out);
    return code;
}

static int make_folder(const char *path)
{
    if (mkdir(path, 0777) == 0) return EXIT_DONE;
    fprintf(stderr, "engram: %s: %s\n", harmless(path), strerror(errno));
    return EXIT_IO;
}

int data_implant(const struct call *call, const char *folder, const struct implant_options *o)
{
    eg_implant_options how = EG_IMPLANT_OPTIONS_INIT;
    eg_dataset set;
    if (o->repertoires > 0) how.repertoires = o->repertoires;
    if (o->sequences > 0) how.sequences = o->sequences;
    if (o->witness > 0) how.witness = o->witness;
    if (o->motif != NULL) how.motif = o->motif;
    how.seed = call->common->seed;
    const eg_status s = eg_repertoires_implant(&how, NULL, &set);
    if (s != EG_OK) return fail(s, NULL);
    int code = make_folder(folder);
    if (code == EXIT_DONE) code = make_folder(keep_format("%s/repertoires", folder));
    for (size_t b = 0; b < set.n && code == EXIT_DONE; b++) {
        if (interrupted()) code = EXIT_INTERRUPTED;
        if (code == EXIT_DONE) code = write_repertoire(folder, &set, b);
    }
    if (code == EXIT_DONE) code = write_table(folder, &set);
    eg_dataset_clear(&set);
    if (code == EXIT_DONE)
        say_next(call, "engram data info %s --label-column status",
                 shell_word(keep_format("%s/metadata.tsv", folder)));
    return code;
}
