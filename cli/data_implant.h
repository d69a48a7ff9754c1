/* cli/data_implant.h - engram data implant. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_DATA_IMPLANT_H
#define CLI_DATA_IMPLANT_H

#include "cli/command.h"

/* As given on the command line: 0 and NULL where nothing was. */
struct implant_options {
    size_t repertoires, sequences;
    double witness;
    const char *motif;
};

/* Writes FOLDER/metadata.tsv (filename, status: motif or none) and FOLDER/repertoires/N.tsv. The
 * folder must not be there. */
int data_implant(const struct call *call, const char *folder, const struct implant_options *o);

#endif
