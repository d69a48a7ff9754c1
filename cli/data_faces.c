/* engram data faces: drawn faces whose symmetry, glasses, is known, as a folder of pictures. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/data_faces.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/cli_text.h"
#include "cli/console.h"
#include "cli/picture.h"

static int make_folder(const char *path, int may_be)
{
    if (mkdir(path, 0777) == 0 || (may_be && errno == EEXIST)) return EXIT_DONE;
    fprintf(stderr, "engram: %s: %s\n", harmless(path), strerror(errno));
    return EXIT_IO;
}

static int write_picture(const eg_dataset *set, size_t i, const char *path)
{
    const struct shape shape = { set->height, set->width, set->channels };
    const struct scaling grey = { SCALING_NONE, -0.05, 1.05, 0 };
    eg_image image = { 0 };
    eg_status s = picture_of_state(&shape, &grey, set->x + i * set->d, &image);
    if (s == EG_OK) s = eg_image_write_png(path, &image);
    eg_image_clear(&image);
    return s == EG_OK ? EXIT_DONE : fail(s, NULL);
}

static int write_all(const char *folder, const eg_dataset *set, const eg_face *faces)
{
    struct text csv = { 0 };
    int code = EXIT_DONE;
    text_add(&csv, "name,who,place,glasses,across,down\n");
    for (size_t i = 0; i < set->n && code == EXIT_DONE; i++) {
        const eg_face *f = &faces[i];
        const char *class = keep_format("%s/pictures/%u-at-%u", folder, f->who, f->place);
        const char *name = keep_format("%u-at-%u/%05zu.png", f->who, f->place, i);
        if (interrupted()) code = EXIT_INTERRUPTED;
        if (code == EXIT_DONE) code = make_folder(class, 1);
        if (code == EXIT_DONE)
            code = write_picture(set, i, keep_format("%s/pictures/%s", folder, name));
        text_add(&csv, "%s,%u,%u,%u,%.4f,%.4f\n", name, f->who, f->place, f->glasses,
                 (double)f->across, (double)f->down);
    }
    if (code == EXIT_DONE) code = write_file(keep_format("%s/faces.csv", folder), csv.s, csv.size);
    text_clear(&csv);
    return code;
}

int data_faces(const struct call *call, const char *folder, const struct faces_options *o)
{
    eg_faces_options how = EG_FACES_OPTIONS_INIT;
    eg_dataset set;
    if (o->faces > 0) how.n = o->faces;
    if (o->people > 0) how.people = o->people;
    if (o->side > 0) how.side = o->side;
    how.seed = call->common->seed;
    eg_face *faces = need(how.n, sizeof *faces);
    const eg_status s = eg_faces_draw(&how, faces, &set);
    if (s != EG_OK) {
        free(faces);
        return fail(s, NULL);
    }
    int code = make_folder(folder, 0);
    if (code == EXIT_DONE) code = make_folder(keep_format("%s/pictures", folder), 0);
    if (code == EXIT_DONE) code = write_all(folder, &set, faces);
    free(faces);
    eg_dataset_clear(&set);
    if (code == EXIT_DONE)
        say_next(call, "engram train %s", shell_word(keep_format("%s/pictures", folder)));
    return code;
}
