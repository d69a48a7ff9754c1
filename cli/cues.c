/* Cues: what is read, taken from the memory or drawn from it, and what is hidden of it. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cues.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli_text.h"
#include "cli/console.h"
#include "cli/cue_picture.h"
#include "cli/picture.h"

/* Streams of the counter-based numbers, one a use. */
enum { STREAM_SAMPLE = 101, STREAM_HIDE, STREAM_FLIP, STREAM_NOISE };

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

/* Whether what was read fits the memory: EXIT_DONE, or EXIT_USAGE with the message printed. */
static int check_items(const struct call *call, const struct stored *s, const char *name,
                       const eg_dataset *set, const struct treatment *t)
{
    const size_t d = eg_memory_size(s->memory);
    const struct shape shape = { set->height, set->width, set->channels };
    if (t->pictures > 0 && !shape_drawable(&s->shape, d))
        return fail_usage(call, "%s holds pictures, the memory items of %s, not pictures", name,
                          shape_words(&s->shape, d));
    if (set->d == d) return EXIT_DONE;
    return fail_usage(call, "%s: items of %s (%zux%zu), the memory holds items of %s", name,
                      shape_words(&shape, set->d), set->n, set->d, shape_words(&s->shape, d));
}

static struct look look_of_stored(const struct stored *s)
{
    const size_t d = eg_memory_size(s->memory), count = eg_memory_count(s->memory);
    const size_t most = count < LOOK_AT ? count : LOOK_AT;
    struct look look = { 0.5, { 0 } };
    float *x = need_floats(LOOK_AT, d);
    size_t n = 0;
    if (shape_drawable(&s->shape, d)) {
        while (n < most && eg_memory_pattern(s->memory, n, x + n * d) == EG_OK) n++;
        look = look_of_pictures(&s->shape, &s->scaling, x, n);
    }
    free(x);
    return look;
}

/* Pictures of the file in the frame and polarity of the stored ones, anything else as it is. */
static int cues_of_data(const struct call *call, const char *path, const char *name,
                        struct stored *s, const struct cue_options *o, const eg_read_options *given,
                        struct cues *out)
{
    const size_t d = eg_memory_size(s->memory);
    eg_read_options read = *given;
    eg_dataset set = { 0 };
    struct treatment t;
    const struct look look = look_of_stored(s);
    treatment_begin(&t, &s->shape, shape_drawable(&s->shape, d) ? &look : NULL, o, &read);
    int code = path_exists(path) ? data_read_file(call, path, name, &read, &set)
                                 : data_read(call, path, &read, &set);
    if (code != EXIT_DONE) return code;
    code = check_items(call, s, name, &set, &t);
    if (code != EXIT_DONE) {
        eg_dataset_clear(&set);
        return code;
    }
    treatment_say(&t, call, name);
    cues_begin(out, set.n, d);
    memcpy(out->x, set.x, set.n * d * sizeof *out->x);
    if (t.pictures > 0) scaling_of_pixels(&s->scaling, out->x, set.n, d);
    if (t.pictures > 0 || !o->as_is) scaling_apply(&s->scaling, out->x, set.n, d);
    memcpy(out->truth, out->x, set.n * d * sizeof *out->x);
    for (size_t i = 0; i < set.n; i++)
        out->name[i] = set.item_names    ? keep_format("%s", set.item_names[i])
                       : t.pictures == 1 ? name
                                         : keep_format("%s:%zu", name, i + 1);
    out->inverted = set.n == 1 && t.inverted > 0;
    eg_dataset_clear(&set);
    return EXIT_DONE;
}

int cues_read(const struct call *call, const char *path, struct stored *s,
              const struct cue_options *o, const eg_read_options *read, struct cues *out)
{
    const int from_stdin = strcmp(path, "-") == 0;
    const char *at = from_stdin ? path_of_stdin() : path;
    const char *name = from_stdin ? "standard input" : path;
    if (at == NULL) return EXIT_IO;
    if (!path_exists(at) && means_path(at)) {
        fprintf(stderr, "engram: %s: no such file\n", name);
        return EXIT_IO;
    }
    const int code = cues_of_data(call, at, name, s, o, read, out);
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
    if (o->hide == NULL
        || hide_apply(o->hide, &s->shape, seed, scaling_unknown(&s->scaling), c->x, c->clamp, c->q,
                      c->d))
        return EXIT_DONE;
    if (is_half(o->hide))
        return fail_usage(call,
                          "--hide %s is for pictures, the memory holds items of %s: expected a "
                          "share from 0 to 1",
                          o->hide, shape_words(&s->shape, c->d));
    return fail_usage(call,
                      "--hide: expected a share from 0 to 1, or top, bottom, left, right, "
                      "centre of a picture; got \"%s\"",
                      o->hide);
}
