/* Pictures as cues. A picture whose paper is white, for a memory whose paper is black, is
 * inverted; the paper is what the border of the pictures is made of. Each picture is treated when
 * it is decoded, so that a file, a folder, a set of the catalogue and standard input fare alike. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cue_picture.h"

#include <math.h>
#include <stdlib.h>

#include "cli/cli_text.h"

static const char *const inverts[] = { "auto", "yes", "no", NULL };

const char *invert_name(size_t row)
{
    return row < 4 ? inverts[row] : NULL;
}

static void margins_of(const eg_image *image, const struct box *ink, double margin[4])
{
    margin[0] = (double)ink->top / (double)image->height;
    margin[1] = 1 - (double)ink->bottom / (double)image->height;
    margin[2] = (double)ink->left / (double)image->width;
    margin[3] = 1 - (double)ink->right / (double)image->width;
}

struct look look_of_pictures(const struct shape *shape, const struct scaling *scaling,
                             const float *x, size_t count)
{
    const size_t d = shape->height * shape->width * shape->channels;
    size_t border[256] = { 0 }, n = 0, inked = 0;
    eg_image images[LOOK_AT] = { { 0 } };
    struct look look = { 0.5, { 0 } };
    for (; n < count && n < LOOK_AT; n++) {
        if (picture_of_state(shape, scaling, x + n * d, &images[n]) != EG_OK) break;
        picture_border(&images[n], border);
    }
    look.paper = border_median(border);
    for (size_t i = 0; i < n; i++) {
        struct box ink;
        double margin[4];
        if (picture_ink(&images[i], look.paper, &ink)) {
            margins_of(&images[i], &ink, margin);
            for (size_t k = 0; k < 4; k++) look.margin[k] += margin[k];
            inked++;
        }
        eg_image_clear(&images[i]);
    }
    for (size_t k = 0; k < 4; k++) look.margin[k] /= (double)(inked ? inked : 1);
    return look;
}

/* The ink with margins like the stored ones around it, within the picture. */
static struct box with_margins(const eg_image *image, const struct box *ink, const struct look *l)
{
    const double h = (double)(ink->bottom - ink->top) / (1 - l->margin[0] - l->margin[1]);
    const double w = (double)(ink->right - ink->left) / (1 - l->margin[2] - l->margin[3]);
    const size_t top = (size_t)(h * l->margin[0]), left = (size_t)(w * l->margin[2]);
    const size_t bottom = ink->bottom + (size_t)(h * l->margin[1]);
    const size_t right = ink->right + (size_t)(w * l->margin[3]);
    return (struct box){ ink->top > top ? ink->top - top : 0,
                         bottom < image->height ? bottom : image->height,
                         ink->left > left ? ink->left - left : 0,
                         right < image->width ? right : image->width };
}

/* Whether to cut the cue, and where. Unasked where the stored pictures fill their frame, and
 * the ink of the cue touches no side and covers less than half of its own. */
static int find_cut(const eg_image *image, double paper, const struct look *stored,
                    const struct cue_options *o, struct box *cut)
{
    const double full = 0.1, free_side = 0.03, half = 0.49;
    struct box ink;
    double margin[4];
    int spare = 1;
    if (o->whole || !picture_ink(image, paper, &ink)) return 0;
    margins_of(image, &ink, margin);
    for (size_t k = 0; k < 4; k++)
        spare = spare && stored->margin[k] < full && margin[k] > stored->margin[k] + free_side;
    spare = spare && (1 - margin[0] - margin[1]) * (1 - margin[2] - margin[3]) < half;
    if (!o->crop && !spare) return 0;
    *cut = o->crop ? ink : with_margins(image, &ink, stored);
    return 1;
}

/* eg_read_options.picture */
static eg_status treat(void *user, eg_image *image)
{
    struct treatment *t = user;
    const struct cue_options *o = t->options;
    size_t border[256] = { 0 };
    picture_border(image, border);
    t->paper = border_median(border);
    t->height = image->height;
    t->width = image->width;
    t->pictures++;
    t->resized += image->height != t->shape.height || image->width != t->shape.width;
    if (find_cut(image, t->paper, &t->stored, o, &t->cut)) {
        t->cropped++;
        const eg_status s = picture_cut(image, &t->cut);
        if (s != EG_OK) return s;
    }
    if (o->invert == 0 ? fabs(t->paper - t->stored.paper) > 0.5 : o->invert == 1) {
        t->inverted++;
        picture_invert(image);
    }
    return t->shape.channels == 3 ? picture_colour(image) : EG_OK;
}

void treatment_begin(struct treatment *t, const struct shape *shape, const struct look *look,
                     const struct cue_options *o, eg_read_options *read)
{
    *t = (struct treatment){ .options = o, .shape = *shape, .stored = { 0.5, { 0 } } };
    if (look != NULL) t->stored = *look;
    read->picture = treat;
    read->picture_user = t;
    read->grey = shape->channels != 3;
    /* no frame to fill: any will do until the caller has seen that there are pictures */
    read->height = look != NULL ? shape->height : 1;
    read->width = look != NULL ? shape->width : 1;
}

/* "12 of 20 pictures " of many, "" of one. */
static const char *share(size_t of, size_t all)
{
    return all == 1 ? "" : keep_format("%zu of %zu pictures ", of, all);
}

void treatment_say(const struct treatment *t, const struct call *call, const char *name)
{
    const int one = t->pictures == 1;
    if (t->cropped)
        say(call, "%s: %scropped to the ink%s; --no-crop keeps the frame", name,
            share(t->cropped, t->pictures),
            one ? keep_format(", %zux%zu of %zux%zu", t->cut.right - t->cut.left,
                              t->cut.bottom - t->cut.top, t->width, t->height)
                : "");
    if (t->inverted)
        say(call, "%s: %sinverted%s", name, share(t->inverted, t->pictures),
            t->options->invert == 1 ? ""
            : t->stored.paper < 0.5
                ? ", its border is light and the stored ones dark; --invert no keeps it"
                : ", its border is dark and the stored ones light; --invert no keeps it");
    if (t->resized)
        say(call, "%s: %s%s -> %zux%zu", name, share(t->resized, t->pictures),
            one ? keep_format("%zux%zu", t->width, t->height) : "of another size", t->shape.width,
            t->shape.height);
}
