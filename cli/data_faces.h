/* cli/data_faces.h - engram data faces. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_DATA_FACES_H
#define CLI_DATA_FACES_H

#include "cli/command.h"

/* As given on the command line: 0 where nothing was. */
struct faces_options {
    size_t faces, people, side;
};

/* Writes FOLDER/pictures/CLASS/N.png, a class for who it is and where, and FOLDER/faces.csv of what
 * each was drawn from. The folder must not be there. */
int data_faces(const struct call *call, const char *folder, const struct faces_options *o);

#endif
