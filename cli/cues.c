/* Cues. A picture whose paper is white, for a memory whose paper is black, is inverted; the
 * paper is what the border of the pictures is made of. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cues.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli_text.h"
#include "cli/console.h"
#include "cli/picture.h"

/* Streams of the counter-based numbers, one a use. */
enum { STREAM_SAMPLE = 101, STREAM_HIDE, STREAM_FLIP, STREAM_NOISE };

static const char *const inverts[] = { "auto", "yes", "no", NULL };

const char *invert_name(size_t row)
{
    return row < 4 ? inverts[row] : NULL;
}

static void cues_begin(struct cues *c, size_t q, size_t d)
{
    *c = (struct cues){ q, d, need_floats(q, d), NULL, need_floats(q, d), NULL, NULL, 0 };
    c->source = need(q, sizeof *c->source);
    c->name = need(q, sizeof *c->name);
    for (size_t i = 0; i < q; i++) c->source[i] = SIZE_MAX;
}

void cues_clear(struct cues *c)
{
    free(c->x);
    free(c->clamp);
    free(c->truth);
    free(c->source);
    free(c->name);
    *c = (struct cues){ 0 };
}

/* What the first stored pictures look like: their paper, 0 black .. 1 white, and the mean of
 * their margins as shares of the frame (top, bottom, left, right). */
struct look {
    double paper, margin[4];
};

static void margins_of(const eg_image *image, const struct box *ink, double margin[4])
{
    margin[0] = (double)ink->top / (double)image->height;
    margin[1] = 1 - (double)ink->bottom / (double)image->height;
    margin[2] = (double)ink->left / (double)image->width;
    margin[3] = 1 - (double)ink->right / (double)image->width;
}

static struct look look_of_stored(const struct stored *s)
{
    enum { LOOK_AT = 64 };
    const size_t d = eg_memory_size(s->memory), count = eg_memory_count(s->memory);
    size_t border[256] = { 0 }, n = 0, inked = 0;
    eg_image images[LOOK_AT] = { { 0 } };
    struct look look = { 0.5, { 0 } };
    float *x = need_floats(1, d);
    for (; n < count && n < LOOK_AT; n++) {
        if (eg_memory_pattern(s->memory, n, x) != EG_OK) break;
        if (picture_of_state(&s->shape, &s->scaling, x, &images[n]) != EG_OK) break;
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
    free(x);
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

static int read_picture(const struct call *call, const char *path, const char *name,
                        const struct stored *s, eg_image *image)
{
    const size_t d = eg_memory_size(s->memory);
    if (!shape_drawable(&s->shape, d))
        return fail_usage(call, "%s is a picture, the memory holds items of %s, not pictures", name,
                          shape_words(&s->shape, d));
    const eg_status status = eg_image_read(path, NULL, image);
    if (status == EG_OK) return EXIT_DONE;
    /* a JPEG of four inks, say: not what this file may hold, and no mistake in the command */
    const int code = fail_as(status, path, name);
    return status == EG_ERR_UNSUPPORTED ? EXIT_CORRUPT : code;
}

static int cue_of_picture(const struct call *call, const char *path, const char *name,
                          struct stored *s, const struct cue_options *o, struct cues *out)
{
    const size_t d = eg_memory_size(s->memory);
    size_t border[256] = { 0 };
    eg_image image = { 0 };
    struct box cut;
    const int code = read_picture(call, path, name, s, &image);
    if (code != EXIT_DONE) return code;
    const struct look stored = look_of_stored(s);
    picture_border(&image, border);
    const double paper = border_median(border);
    const int invert = o->invert == 0 ? fabs(paper - stored.paper) > 0.5 : o->invert == 1;
    const int crop = find_cut(&image, paper, &stored, o, &cut);
    if (crop)
        say(call, "%s: cropped to the ink, %zux%zu of %zux%zu; --no-crop keeps the frame", name,
            cut.right - cut.left, cut.bottom - cut.top, image.width, image.height);
    if (invert)
        say(call, "%s: inverted%s", name,
            o->invert == 1 ? ""
            : paper > 0.5  ? ", its border is light and the stored ones dark; --invert no keeps it"
                          : ", its border is dark and the stored ones light; --invert no keeps it");
    if (image.height != s->shape.height || image.width != s->shape.width)
        say(call, "%s: %zux%zu -> %zux%zu", name, image.width, image.height, s->shape.width,
            s->shape.height);
    cues_begin(out, 1, d);
    out->inverted = invert;
    out->name[0] = name;
    const eg_status status =
        picture_to_state(&image, &s->shape, &s->scaling, invert, crop ? &cut : NULL, out->x);
    memcpy(out->truth, out->x, d * sizeof *out->x);
    eg_image_clear(&image);
    return status == EG_OK ? EXIT_DONE : fail(status, name);
}

static int is_picture(const char *path)
{
    unsigned char magic[3] = { 0 };
    FILE *f = fopen(path, "rb");
    if (f == NULL) return 0;
    const size_t n = fread(magic, 1, sizeof magic, f);
    fclose(f);
    return n == 3 && (memcmp(magic, "\x89PN", 3) == 0 || memcmp(magic, "\xff\xd8\xff", 3) == 0);
}

static int cues_of_data(const struct call *call, const char *path, const char *name,
                        struct stored *s, const struct cue_options *o, size_t limit,
                        struct cues *out)
{
    const size_t d = eg_memory_size(s->memory);
    eg_read_options read = EG_READ_OPTIONS_INIT;
    eg_dataset set = { 0 };
    read.max_items = limit;
    read.format = o->format;
    read.grey = s->shape.channels == 1;
    read.height = s->shape.height;
    read.width = s->shape.width;
    const int code = path_exists(path) ? data_read_file(call, path, name, &read, &set)
                                       : data_read(call, path, &read, &set);
    if (code != EXIT_DONE) return code;
    if (set.d != d) {
        const struct shape shape = { set.height, set.width, set.channels };
        const int wrong =
            fail_usage(call, "%s: items of %s (%zux%zu), the memory holds items of %s", name,
                       shape_words(&shape, set.d), set.n, set.d, shape_words(&s->shape, d));
        eg_dataset_clear(&set);
        return wrong;
    }
    cues_begin(out, set.n, d);
    memcpy(out->x, set.x, set.n * d * sizeof *out->x);
    if (!o->as_is) scaling_apply(&s->scaling, out->x, set.n, d);
    memcpy(out->truth, out->x, set.n * d * sizeof *out->x);
    for (size_t i = 0; i < set.n; i++)
        out->name[i] = set.item_names ? keep_format("%s", set.item_names[i])
                                      : keep_format("%s:%zu", name, i + 1);
    eg_dataset_clear(&set);
    return EXIT_DONE;
}

int cues_read(const struct call *call, const char *path, struct stored *s,
              const struct cue_options *o, size_t limit, struct cues *out)
{
    const int from_stdin = strcmp(path, "-") == 0;
    const char *at = from_stdin ? path_of_stdin() : path;
    const char *name = from_stdin ? "standard input" : path;
    if (at == NULL) return EXIT_IO;
    if (!path_exists(at) && means_path(at)) {
        fprintf(stderr, "engram: %s: no such file\n", name);
        return EXIT_IO;
    }
    const int code = is_picture(at) ? cue_of_picture(call, at, name, s, o, out)
                                    : cues_of_data(call, at, name, s, o, limit, out);
    if (from_stdin) unlink(at);
    return code;
}

/* Patterns (N, D) in the order of storing: read back from the file where the memory itself
 * keeps only weights, which the file does not. An empty set where the memory has them. */
static int patterns_of_file(struct stored *s, eg_dataset *set)
{
    const char *folder = getenv("TMPDIR");
    if (eg_memory_options_view(s->memory)->storage <= EG_STORE_BITS) return EXIT_DONE;
    char *scratch = keep_format("%s/engram-XXXXXX", folder ? folder : "/tmp");
    if (mkdtemp(scratch) == NULL) {
        fprintf(stderr, "engram: %s: cannot be made: %s\n", scratch, strerror(errno));
        return EXIT_IO;
    }
    const char *path = keep_format("%s/patterns.npy", scratch);
    eg_status status = eg_memory_file_export(s->file, path, "npy");
    if (status == EG_OK) status = eg_dataset_read(path, NULL, set);
    unlink(path);
    rmdir(scratch);
    return status == EG_OK ? EXIT_DONE : fail(status, NULL);
}

static int fill_item(struct stored *s, const eg_dataset *kept, size_t i, size_t index,
                     struct cues *c)
{
    float *x = c->x + i * c->d;
    const eg_status status = kept->x == NULL ? eg_memory_pattern(s->memory, index, x) : EG_OK;
    if (status != EG_OK) return fail(status, NULL);
    if (kept->x != NULL) memcpy(x, kept->x + index * c->d, c->d * sizeof *x);
    memcpy(c->truth + i * c->d, x, c->d * sizeof *x);
    c->source[i] = index;
    c->name[i] = keep_format("item %llu", (unsigned long long)eg_memory_id(s->memory, index));
    return EXIT_DONE;
}

static int cues_of_indices(struct stored *s, const size_t *index, size_t q, struct cues *out)
{
    eg_dataset kept = { 0 };
    int code = patterns_of_file(s, &kept);
    cues_begin(out, q, eg_memory_size(s->memory));
    for (size_t i = 0; i < q && code == EXIT_DONE; i++)
        code = fill_item(s, &kept, i, index[i], out);
    eg_dataset_clear(&kept);
    return code;
}

int cues_of_items(struct stored *s, const uint64_t *ids, size_t n, struct cues *out)
{
    size_t *index = need(n, sizeof *index);
    int code = EXIT_DONE;
    for (size_t i = 0; i < n && code == EXIT_DONE; i++) {
        if (eg_memory_find(s->memory, ids[i], &index[i]) == EG_OK) continue;
        fprintf(stderr, "engram: no stored item has the id %llu\n", (unsigned long long)ids[i]);
        code = EXIT_NO;
    }
    if (code == EXIT_DONE) code = cues_of_indices(s, index, n, out);
    free(index);
    return code;
}

int cues_of_sample(struct stored *s, uint64_t seed, size_t n, struct cues *out)
{
    const size_t count = eg_memory_count(s->memory);
    size_t *order = need(count, sizeof *order);
    eg_random_permutation(seed, STREAM_SAMPLE, count, order);
    const int code = cues_of_indices(s, order, n < count ? n : count, out);
    free(order);
    return code;
}

/* Whether pixel (y, x) of an h x w picture lies in the hidden half. */
static int in_half(const char *half, size_t y, size_t x, size_t h, size_t w)
{
    if (strcmp(half, "top") == 0) return y < h / 2;
    if (strcmp(half, "bottom") == 0) return y >= h / 2;
    if (strcmp(half, "left") == 0) return x < w / 2;
    if (strcmp(half, "right") == 0) return x >= w / 2;
    return y >= h / 4 && y < h - h / 4 && x >= w / 4 && x < w - w / 4;
}

static int is_half(const char *s)
{
    static const char *const halves[] = { "top", "bottom", "left", "right", "centre" };
    for (size_t i = 0; i < 5; i++)
        if (strcmp(halves[i], s) == 0) return 1;
    return 0;
}

int hide_apply(const char *hide, const struct shape *shape, uint64_t seed, float unknown, float *x,
               uint8_t *known, size_t q, size_t d)
{
    const size_t plane = shape->height * shape->width;
    double share = 0;
    const int half = is_half(hide);
    if (half ? plane == 0 : !parse_number(hide, &share) || share < 0 || share > 1) return 0;
    float *draw = need_floats(1, d);
    for (size_t i = 0; i < q; i++) {
        if (!half) eg_random_uniform(seed, STREAM_HIDE, i * d, d, draw);
        for (size_t j = 0; j < d; j++) {
            const size_t at = half ? j % plane : 0;
            const int gone = half ? in_half(hide, at / shape->width, at % shape->width,
                                            shape->height, shape->width)
                                  : (double)draw[j] < share;
            if (gone) x[i * d + j] = unknown;
            if (known != NULL) known[i * d + j] = (uint8_t)!gone;
        }
    }
    free(draw);
    return 1;
}

int cues_corrupt(const struct call *call, const struct stored *s, const struct cue_options *o,
                 struct cues *c)
{
    const uint64_t seed = call->common->seed;
    eg_status status = EG_OK;
    if (o->clamp) {
        if (o->hide == NULL)
            return fail_usage(call, "--clamp keeps what --hide leaves: give --hide");
        c->clamp = need(c->q, c->d);
    }
    if (o->flip > 0)
        status = eg_patterns_corrupt(EG_CORRUPT_FLIP, o->flip, seed + STREAM_FLIP, c->x, c->q, c->d,
                                     c->x);
    if (status == EG_OK && o->noise > 0)
        status = eg_patterns_corrupt(EG_CORRUPT_NOISE, o->noise, seed + STREAM_NOISE, c->x, c->q,
                                     c->d, c->x);
    if (status != EG_OK) return fail(status, NULL);
    if (o->hide != NULL
        && !hide_apply(o->hide, &s->shape, seed, scaling_unknown(&s->scaling), c->x, c->clamp, c->q,
                       c->d))
        return fail_usage(call,
                          "--hide: expected a share from 0 to 1, or top, bottom, left, right, "
                          "centre of a picture; got \"%s\"",
                          o->hide);
    return EXIT_DONE;
}
